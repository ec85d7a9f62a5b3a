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

#[cfg(test)]
mod tests {
    use super::super::fixtures::pair;
    use super::*;
    use crate::partners::Told;

    fn rows(state: ExportState) -> Rows {
        let mut rows = pair().rows();
        rows.exports[0].state = state;
        rows
    }

    fn report(counted: u64, again: u64) -> PartnerReport {
        let told = BTreeMap::from([("s1".to_owned(), Told { counted, again })]);
        PartnerReport { told: [("wasabi-club".to_owned(), told)].into(), ..PartnerReport::default() }
    }

    /// Invariant 3: what is delivered is counted once, what may be there at most once, everything else never.
    #[test]
    fn rewards_are_held_against_exports() {
        let delivered = || ExportState::Delivered { on: "2024-06-03T12:00:00Z".parse().unwrap() };
        let why = || "why".to_owned();
        for (state, counted, again, fits) in [
            (delivered(), 1, 0, true),
            (delivered(), 1, 3, true),
            (delivered(), 2, 0, false),
            (delivered(), 0, 0, false),
            (ExportState::Unconfirmed { why: why() }, 0, 0, true),
            (ExportState::Unconfirmed { why: why() }, 1, 0, true),
            (ExportState::Unconfirmed { why: why() }, 2, 0, false),
            (ExportState::Skipped { why: why() }, 0, 0, true),
            (ExportState::Skipped { why: why() }, 1, 0, false),
            (ExportState::Ready, 1, 0, false),
        ] {
            let wrong = check_told(&rows(state.clone()), &report(counted, again));
            assert_eq!(wrong.is_empty(), fits, "{state:?}, counted {counted} and {again}: {wrong:?}");
        }
    }

    /// After a lost answer a history that shows another purchase's points is believed: then nothing is counted.
    #[test]
    fn histories_may_mislead_after_a_lost_answer() {
        let mut rows = rows(ExportState::Delivered { on: "2024-06-03T12:00:00Z".parse().unwrap() });
        (rows.exports[0].merchant, rows.exports[0].unsure) = ("the-works".parse().unwrap(), true);
        assert_eq!(check_told(&rows, &PartnerReport::default()), []);
        rows.exports[0].unsure = false;
        assert_eq!(check_told(&rows, &PartnerReport::default()).len(), 1);
    }

    /// Two bodies under one key are told, whoever counted them.
    #[test]
    fn what_is_irregular_is_told() {
        let mut report = PartnerReport::default();
        report.bodies.insert("itsu".to_owned(), [("order".to_owned(), 2)].into());
        let wrong = check_told(&Rows::default(), &report);
        assert_eq!(
            wrong.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["invariant 3: itsu got order with 2 different bodies"]
        );
    }
}
