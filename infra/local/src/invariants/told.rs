//! What merchants counted against what is stored: every reward once (design §4, invariant 3).

use super::Violation;
use crate::{partners::PartnerReport, state::Rows};
use harmonia_domain::export::{ExportState, MatchType};
use std::collections::{BTreeMap, BTreeSet};

/// Merchants that are asked before they are told again. Their histories do not name purchases: after a lost answer,
/// another purchase may look like the one that was told.
const ASKED: [&str; 2] = ["tgi-fridays", "the-works"];

/// Exports of one merchant, by what it may have counted of them.
#[derive(Default)]
struct Merchant {
    /// It has them.
    told: u64,
    /// It may have them: nobody knows.
    unsure: u64,
    /// Their match was undone: the same sale may be told again, and a merchant knows it by its own name.
    undone: u64,
}

/// Compares the rewards of each merchant with its exports. Files are not rewarded here.
pub fn check_told(rows: &Rows, report: &PartnerReport) -> Vec<Violation> {
    let mut merchants: BTreeMap<&str, Merchant> = BTreeMap::new();
    for export in rows.exports.iter().filter(|x| x.match_type != MatchType::Unmatched) {
        let name = export.merchant.as_str();
        let merchant = merchants.entry(name).or_default();
        let count = match &export.state {
            ExportState::Reversed { .. } => &mut merchant.undone,
            ExportState::Delivered { .. } if export.unsure && ASKED.contains(&name) => &mut merchant.unsure,
            ExportState::Delivered { .. } => &mut merchant.told,
            ExportState::Unconfirmed { .. } => &mut merchant.unsure,
            _ if export.unsure => &mut merchant.unsure,
            _ => continue,
        };
        *count = count.saturating_add(1);
    }
    let names: BTreeSet<&str> = merchants.keys().copied().chain(report.told.keys().map(String::as_str)).collect();
    let wrong = names.into_iter().filter_map(|name| {
        let none = Merchant::default();
        let Merchant { told, unsure, undone } = merchants.get(name).unwrap_or(&none);
        let (counted, again) = (report.rewarded_by(name), report.recognised_by(name));
        let (least, most) = (told.saturating_sub(*undone), told.saturating_add(*unsure).saturating_add(*undone));
        // purchases that share a merchant's name of them are one to it
        let fits = least <= counted.saturating_add(again) && counted <= most;
        (!fits).then(|| {
            format!("{name} counted {counted} rewards and knew {again}; it was told {told}, and perhaps {unsure} more")
        })
    });
    let irregular = report.irregular();
    wrong.chain(irregular).map(|what| Violation { invariant: 3, what }).collect()
}
