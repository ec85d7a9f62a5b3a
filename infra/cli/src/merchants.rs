//! What came of each merchant's sales and payments, one line a merchant.

use crate::table::table;
use comfy_table::Table;
use harmonia_domain::{
    export::{ExportState, MatchType},
    purchase::Purchase,
    sale::SaleState,
};
use harmonia_local::state::Rows;
use std::collections::BTreeMap;

/// Payments of which nobody knows the merchant stand under this.
const NOBODYS: &str = "(MID not known)";

/// The figures of one merchant.
#[derive(Default)]
struct Figures {
    sales: usize,
    payments: usize,
    refunds: usize,
    matched: usize,
    spotted: usize,
    streamed: usize,
    delivered: usize,
    held: usize,
    open: usize,
    parked: usize,
}

impl Figures {
    fn cells(&self) -> [usize; 10] {
        let Self { sales, payments, refunds, matched, spotted, streamed, delivered, held, open, parked } = self;
        [*sales, *payments, *refunds, *matched, *spotted, *streamed, *delivered, *held, *open, *parked]
    }
}

const HEADER: [&str; 11] = [
    "merchant",
    "sales",
    "payments",
    "refunds",
    "matched",
    "spotted",
    "streamed",
    "delivered",
    "held",
    "open",
    "parked",
];

fn merchant_of(purchase: &Purchase) -> &str {
    let known = purchase.kinds().find_map(|kind| purchase.line(kind)?.identifier.as_ref());
    known.map_or(NOBODYS, |identifier| identifier.merchant.as_str())
}

/// A table per merchant: what came in, what became of it, who was told, and what is left. Exports of merchants that
/// cannot be told yet are held; parked are payments and sales.
pub(crate) fn merchants(rows: &Rows) -> Table {
    let mut all: BTreeMap<&str, Figures> = BTreeMap::new();
    for purchase in &rows.purchases {
        let figures = all.entry(merchant_of(purchase)).or_default();
        *if purchase.refund.is_some() { &mut figures.refunds } else { &mut figures.payments } += 1;
        if purchase.is_live() {
            *if purchase.current().is_some() { &mut figures.open } else { &mut figures.parked } += 1;
        }
    }
    for sale in &rows.sales {
        let figures = all.entry(sale.merchant.as_str()).or_default();
        figures.sales += 1;
        figures.parked += usize::from(matches!(sale.state, SaleState::Parked { .. }));
    }
    for export in rows.exports.iter().filter(|export| export.in_force()) {
        let figures = all.entry(export.merchant.as_str()).or_default();
        *match export.match_type {
            MatchType::Loyalty | MatchType::Forced => &mut figures.matched,
            MatchType::Spotted => &mut figures.spotted,
            // what is told payment by payment; those about other exports are not in force
            MatchType::Unmatched | MatchType::Streamed | MatchType::Correction | MatchType::Reversal => {
                &mut figures.streamed
            }
        } += 1;
        figures.delivered += usize::from(matches!(export.state, ExportState::Delivered { .. }));
        figures.held += usize::from(export.state == ExportState::Held);
    }
    let mut shown = table(&HEADER, 1);
    for (merchant, figures) in &all {
        // a merchant has few of these columns
        let cells = figures.cells().map(|n| if n == 0 { String::new() } else { n.to_string() });
        shown.add_row(std::iter::once((*merchant).to_owned()).chain(cells));
    }
    shown
}
