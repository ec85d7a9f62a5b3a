//! What a day came to, wherever it was played, in a form that two runs can be compared in: no instants, no keys of a
//! run, nothing that the order of arrivals may change.

use harmonia_domain::export::{Export, ExportState, MatchType};
use harmonia_local::{invariants::feed_totals, partners::PartnerReport, state::Rows};
use std::collections::{BTreeMap, HashMap};

/// What a day came to: each thing by its name, with what became of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Came {
    /// Outcomes of each feed's lines.
    feeds: BTreeMap<String, String>,
    /// Matches and what is told without one, with their exports.
    exports: BTreeMap<String, String>,
    /// What the merchants were told, by the names they know it by.
    told: BTreeMap<String, String>,
    /// Open payments by reason.
    open: BTreeMap<String, String>,
}

impl Came {
    pub(crate) fn of(rows: &Rows, partners: &PartnerReport, open: &BTreeMap<String, usize>) -> Self {
        let members: HashMap<_, _> = rows.identities.iter().map(|i| (i.id(), i.loyalty_id.as_str())).collect();
        let feeds = feed_totals(rows).into_iter().map(|(feed, t)| {
            let numbers = [t.read, t.accepted, t.duplicate, t.differs, t.skipped, t.rejected, t.parked];
            (format!("feed {feed}"), format!("{numbers:?} lines read, accepted, duplicate, differing, skipped, …"))
        });
        let exports = rows.exports.iter().map(|export| {
            let member = members.get(&export.identity.id).copied().unwrap_or("nobody known");
            (name(export), fate(export, member))
        });
        let told = partners.told.iter().flat_map(|(merchant, told)| {
            told.iter().map(move |(what, told)| (format!("{merchant} told of {what}"), told.counted.to_string()))
        });
        let open = open.iter().map(|(why, count)| (format!("open payments: {why}"), count.to_string()));
        Self { feeds: feeds.collect(), exports: exports.collect(), told: told.collect(), open: open.collect() }
    }

    fn parts(&self) -> [(&'static str, &BTreeMap<String, String>); 4] {
        [("feeds", &self.feeds), ("exports", &self.exports), ("told", &self.told), ("reasons", &self.open)]
    }

    /// How much was compared.
    pub(crate) fn counts(&self) -> String {
        let parts = self.parts().map(|(name, part)| format!("{} {name}", part.len()));
        format!("compared: {}", parts.join(", "))
    }
}

fn name(export: &Export) -> String {
    let with = match (&export.sale, export.match_type) {
        (Some(sale), _) => sale,
        // an auth or its settlement, whichever comes first
        (None, MatchType::Spotted) => "nothing",
        (None, _) => export.kind.as_str(),
    };
    let paid = export.paid.as_ref().map(|paid| format!(" for {paid}")).unwrap_or_default();
    format!("{}{paid}: {} {} with {with}", export.merchant, export.purchase.scheme, export.purchase.id)
}

fn fate(export: &Export, member: &str) -> String {
    let state = match &export.state {
        ExportState::Failed { why } | ExportState::Skipped { why } | ExportState::Unconfirmed { why } => {
            format!("{}: {why}", export.state.name())
        }
        state => state.name().to_owned(),
    };
    let facts = &export.facts;
    format!("{:?} of {} {} for {member}, {state}", export.match_type, facts.amount.0, facts.currency)
}

/// What is not the same in both: `one` is the embedded run, `other` the stack.
pub(crate) fn differences(one: &Came, other: &Came) -> Vec<String> {
    let mut found = Vec::new();
    for ((_, here), (_, there)) in one.parts().into_iter().zip(other.parts()) {
        for (name, value) in here {
            match there.get(name) {
                None => found.push(format!("{name}: embedded {value}, stack nothing")),
                Some(other) if other != value => found.push(format!("{name}: embedded {value}, stack {other}")),
                Some(_) => {}
            }
        }
        let more = there.iter().filter(|(name, _)| !here.contains_key(*name));
        found.extend(more.map(|(name, value)| format!("{name}: embedded nothing, stack {value}")));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use harmonia_local::partners::Told;

    fn came(told: &[(&str, u64)], open: &[(&str, usize)]) -> Came {
        let told = told.iter().map(|(what, counted)| ((*what).to_owned(), Told { counted: *counted, again: 3 }));
        let report = PartnerReport { told: [("itsu".to_owned(), told.collect())].into(), ..PartnerReport::default() };
        Came::of(&Rows::default(), &report, &open.iter().map(|(why, n)| ((*why).to_owned(), *n)).collect())
    }

    /// A comparison that finds nothing would agree with everything.
    #[test]
    fn what_is_missing_more_or_other_is_found() {
        let one = came(&[("a", 1), ("b", 1)], &[("tied", 2)]);
        assert_eq!(differences(&one, &came(&[("a", 1), ("b", 1)], &[("tied", 2)])), Vec::<String>::new());
        assert_eq!(
            differences(&one, &came(&[("a", 2), ("c", 1)], &[])),
            [
                "itsu told of a: embedded 1, stack 2",
                "itsu told of b: embedded 1, stack nothing",
                "itsu told of c: embedded nothing, stack 1",
                "open payments: tied: embedded 2, stack nothing"
            ]
        );
        assert_eq!(one.counts(), "compared: 0 feeds, 0 exports, 2 told, 1 reasons");
    }
}
