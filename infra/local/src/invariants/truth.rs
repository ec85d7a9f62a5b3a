//! What came of a generated day against what is true about it: matches, what is told without a sale, members, and the
//! outcomes of each feed.

use super::Violation;
use crate::state::Rows;
use harmonia_domain::{
    export::{Export, MatchType},
    ids::Id,
    outcome::Totals,
};
use harmonia_gen::{Alone, FeedTruth, NearMiss, Pair, Truth, Why};
use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fmt,
};

/// A match by its halves; what is told without a sale, by its payment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MatchName {
    /// The merchant's slug.
    pub merchant: String,
    /// The payment scheme.
    pub scheme: String,
    /// The provider's id of the purchase.
    pub purchase: String,
    /// What stands beside the payment.
    pub with: With,
}

/// What a payment is told with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum With {
    /// A sale, by the merchant's id of it.
    Sale(String),
    /// Nothing: the purchase was spotted.
    Nothing,
    /// Nothing: this one of its lines is told.
    Line(String),
}

impl fmt::Display for MatchName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} {} ", self.merchant, self.scheme, self.purchase)?;
        match &self.with {
            With::Sale(sale) => write!(f, "with sale {sale}"),
            With::Nothing => f.write_str("spotted"),
            With::Line(kind) => write!(f, "its {kind}"),
        }
    }
}

/// What is wrong with a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The halves belong to nobody's purchase together.
    NoPair,
    /// They look as if they did, and that was the point.
    NearMiss(Why),
    /// It is told a second time.
    Again,
    /// The right halves, told about another member.
    OtherMember,
    /// The right halves, but whose card it was is not stored.
    NoMember,
    /// The right payment, told with another amount.
    OtherAmount,
}

/// A match that should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Which.
    pub what: MatchName,
    /// Why not.
    pub fault: Fault,
}

/// Matches against the truth.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Score {
    /// Matches made, and purchases and lines told without a sale.
    pub matched: usize,
    /// As many should have been.
    pub expected: usize,
    /// Made, and should have been.
    pub right: usize,
    /// Made, and should not have been, in the order of the exports.
    pub wrong: Vec<Wrong>,
    /// Not made, and should have been, in the order of the truth.
    pub missing: Vec<MatchName>,
}

impl Score {
    /// How many of the matches are right.
    pub fn precision(&self) -> String {
        share(self.right, self.matched)
    }

    /// How many of the pairs were found.
    pub fn recall(&self) -> String {
        share(self.right, self.expected)
    }
}

/// `1.0` only if it is all of them: four decimals, rounded down, without trailing zeros. A share of nothing is none.
fn share(part: usize, whole: usize) -> String {
    if whole == 0 {
        return "none".to_owned();
    }
    if part == whole {
        return "1.0".to_owned();
    }
    let decimals = format!("{:04}", part.saturating_mul(10_000) / whole);
    let decimals = decimals.trim_end_matches('0');
    format!("0.{}", if decimals.is_empty() { "0" } else { decimals })
}

fn name_of(export: &Export) -> MatchName {
    MatchName {
        merchant: export.merchant.to_string(),
        scheme: export.purchase.scheme.to_string(),
        purchase: export.purchase.id.clone(),
        with: match (&export.sale, export.match_type) {
            (Some(sale), _) => With::Sale(sale.clone()),
            (None, MatchType::Streamed) => With::Line(export.kind.as_str().to_ascii_lowercase()),
            (None, _) => With::Nothing,
        },
    }
}

fn names_of(pair: &Pair) -> impl Iterator<Item = MatchName> {
    pair.payment_ids.iter().map(|id| MatchName {
        merchant: pair.merchant.clone(),
        scheme: pair.scheme.clone(),
        purchase: id.clone(),
        with: With::Sale(pair.sale_id.clone()),
    })
}

fn name_alone(alone: &Alone) -> MatchName {
    MatchName {
        merchant: alone.merchant.clone(),
        scheme: alone.scheme.clone(),
        purchase: alone.payment_id.clone(),
        with: alone.line.clone().map_or(With::Nothing, With::Line),
    }
}

fn halves_of(miss: &NearMiss) -> impl Iterator<Item = (MatchName, Why)> {
    let with = move |id: &String, sale: &String| MatchName {
        merchant: miss.merchant.clone(),
        scheme: miss.scheme.clone(),
        purchase: id.clone(),
        with: With::Sale(sale.clone()),
    };
    miss.payment_ids.iter().flat_map(move |id| miss.sale_ids.iter().map(move |sale| (with(id, sale), miss.why)))
}

/// What should be told, once under any of its names.
struct Wanted<'a> {
    number: usize,
    loyalty_id: &'a str,
    /// Of what is told without a sale; a pair's follows from its sale.
    minor: Option<i64>,
}

/// Everything that should be told, by its names, and the first name of each.
fn wanted(truth: &Truth) -> (HashMap<MatchName, Wanted<'_>>, Vec<MatchName>) {
    let (mut wanted, mut first) = (HashMap::new(), Vec::new());
    let pairs = truth.pairs.iter().map(|pair| (names_of(pair).collect::<Vec<_>>(), &pair.loyalty_id, None));
    let alone = truth.alone.iter().map(|alone| (vec![name_alone(alone)], &alone.loyalty_id, Some(alone.minor)));
    for (number, (names, loyalty_id, minor)) in pairs.chain(alone).enumerate() {
        first.extend(names.first().cloned());
        wanted.extend(names.into_iter().map(|name| (name, Wanted { number, loyalty_id, minor })));
    }
    (wanted, first)
}

/// Compares every match, and everything that is told without a sale, with the truth. A pair is found once its sale is
/// matched with any of its payment's ids.
pub fn score(rows: &Rows, truth: &Truth) -> Score {
    let (wanted, names) = wanted(truth);
    let misses: HashMap<MatchName, Why> = truth.near_misses.iter().flat_map(halves_of).collect();
    let members: HashMap<Id, &str> = rows.identities.iter().map(|i| (i.id(), i.loyalty_id.as_str())).collect();
    // what people did, and what follows from it, is not the engine's
    let made = || rows.exports.iter().filter(|x| x.in_force() && x.match_type != MatchType::Forced);
    let mut score = Score { matched: made().count(), expected: names.len(), ..Score::default() };
    let mut done = HashSet::new();
    for export in made() {
        let what = name_of(export);
        let fault = match wanted.get(&what) {
            None => Some(misses.get(&what).map_or(Fault::NoPair, |why| Fault::NearMiss(*why))),
            Some(wanted) if !done.insert(wanted.number) => Some(Fault::Again),
            Some(wanted) if wanted.minor.is_some_and(|minor| minor != export.book_key.minor.0) => {
                Some(Fault::OtherAmount)
            }
            Some(wanted) => match members.get(&export.identity.id) {
                None => Some(Fault::NoMember),
                Some(member) => (*member != wanted.loyalty_id).then_some(Fault::OtherMember),
            },
        };
        match fault {
            None => score.right += 1,
            Some(fault) => score.wrong.push(Wrong { what, fault }),
        }
    }
    score.missing = names.into_iter().enumerate().filter(|(n, _)| !done.contains(n)).map(|(_, name)| name).collect();
    score
}

/// The outcomes of each feed: the sum over its files and batches of messages. A file that comes again with the same
/// bytes has a row of its own, with what became of its lines then.
pub fn feed_totals(rows: &Rows) -> BTreeMap<String, Totals> {
    let mut totals: BTreeMap<String, Totals> = BTreeMap::new();
    for file in &rows.files {
        totals.entry(file.feed.to_string()).or_default().add(&file.totals);
    }
    totals
}

/// Compares the outcomes of each feed with the truth. Exact only where nothing is delivered again after a crash:
/// messages that come again in another batch are counted in both.
pub fn check_truth(rows: &Rows, truth: &Truth) -> Vec<Violation> {
    let counted: BTreeMap<String, FeedTruth> =
        feed_totals(rows).into_iter().map(|(feed, totals)| (feed, as_truth(&totals))).collect();
    let feeds: BTreeSet<&String> = counted.keys().chain(truth.lines.keys()).collect();
    let none = FeedTruth::default();
    let differs = |feed: &String| {
        let (have, want) = (counted.get(feed).unwrap_or(&none), truth.lines.get(feed).unwrap_or(&none));
        (have != want).then(|| format!("feed {feed} has {have:?}, in truth {want:?}"))
    };
    feeds.into_iter().filter_map(differs).map(|what| Violation { invariant: 1, what }).collect()
}

fn as_truth(totals: &Totals) -> FeedTruth {
    FeedTruth {
        read: totals.read,
        accepted: totals.accepted,
        duplicate: totals.duplicate,
        skipped: totals.skipped,
        rejected: totals.rejected,
        parked: totals.parked,
    }
}

#[cfg(test)]
mod tests {
    use super::super::fixtures::{World, pair};
    use super::*;

    fn true_pair(purchase: &str, sale: &str) -> Pair {
        Pair {
            merchant: "wasabi-club".into(),
            scheme: "visa".into(),
            payment_ids: vec![purchase.into()],
            sale_id: sale.into(),
            loyalty_id: "member 1".into(),
        }
    }

    fn truth(pairs: Vec<Pair>) -> Truth {
        Truth { pairs, ..Truth::default() }
    }

    fn faults(score: &Score) -> Vec<Fault> {
        score.wrong.iter().map(|wrong| wrong.fault).collect()
    }

    #[test]
    fn all_right_is_one() {
        let score = score(&pair().rows(), &truth(vec![true_pair("p1", "s1")]));
        assert_eq!((score.matched, score.expected, score.right), (1, 1, 1));
        assert_eq!((score.precision(), score.recall()), ("1.0".into(), "1.0".into()));
        assert!(score.wrong.is_empty() && score.missing.is_empty());
    }

    #[test]
    fn what_is_not_true_is_wrong_and_what_is_not_made_is_missing() {
        let rows = pair().rows();
        let mut day = truth(vec![true_pair("p1", "s2"), true_pair("p2", "s1")]);
        let with = score(&rows, &day);
        assert_eq!(faults(&with), [Fault::NoPair]);
        assert_eq!(
            with.missing.iter().map(|m| m.with.clone()).collect::<Vec<_>>(),
            ["s2", "s1"].map(|s| With::Sale(s.into()))
        );
        assert_eq!((with.precision(), with.recall()), ("0.0".into(), "0.0".into()));
        day.near_misses.push(NearMiss {
            merchant: "wasabi-club".into(),
            scheme: "visa".into(),
            payment_ids: vec!["p1".into()],
            sale_ids: vec!["s9".into(), "s1".into()],
            why: Why::Twins,
        });
        assert_eq!(faults(&score(&rows, &day)), [Fault::NearMiss(Why::Twins)]);
        let mut other_scheme = true_pair("p1", "s1");
        other_scheme.scheme = "amex".into();
        assert_eq!(faults(&score(&rows, &truth(vec![other_scheme]))), [Fault::NoPair]);
    }

    #[test]
    fn a_match_counts_once_and_for_its_member() {
        let day = truth(vec![true_pair("p1", "s1")]);
        let mut rows = pair().rows();
        rows.exports.push(rows.exports[0].clone());
        let twice = score(&rows, &day);
        assert_eq!((faults(&twice), twice.right, twice.precision()), (vec![Fault::Again], 1, "0.5".into()));
        let mut rows = pair().rows();
        rows.identities.clear();
        assert_eq!(faults(&score(&rows, &day)), [Fault::NoMember]);
        let mut other = true_pair("p1", "s1");
        other.loyalty_id = "member 2".into();
        assert_eq!(faults(&score(&pair().rows(), &truth(vec![other]))), [Fault::OtherMember]);
    }

    /// What is told without a sale counts by its payment and line, its member and its amount.
    #[test]
    fn what_is_told_alone_is_scored() {
        let mut rows = pair().rows();
        (rows.exports[0].sale, rows.exports[0].match_type) = (None, MatchType::Streamed);
        let alone = |line: Option<&str>, minor| Alone {
            merchant: "wasabi-club".into(),
            scheme: "visa".into(),
            payment_id: "p1".into(),
            line: line.map(str::to_owned),
            minor,
            loyalty_id: "member 1".into(),
        };
        let day = |alone| Truth { alone: vec![alone], ..Truth::default() };
        let good = score(&rows, &day(alone(Some("auth"), 1_250)));
        assert_eq!((good.right, good.expected, good.precision()), (1, 1, "1.0".into()));
        assert_eq!(faults(&score(&rows, &day(alone(Some("auth"), -1_250)))), [Fault::OtherAmount]);
        let other_line = score(&rows, &day(alone(Some("settled"), 1_250)));
        assert_eq!((faults(&other_line), other_line.missing.len()), (vec![Fault::NoPair], 1));
        assert_eq!(faults(&score(&rows, &day(alone(None, 1_250)))), [Fault::NoPair]);
        rows.exports[0].match_type = MatchType::Spotted;
        assert_eq!(score(&rows, &day(alone(None, 1_250))).recall(), "1.0");
    }

    /// Nothing is rounded up to all of them, and nothing of nothing is not all.
    #[test]
    fn shares_are_exact_or_less() {
        for (part, whole, text) in [
            (7, 7, "1.0"),
            (599, 600, "0.9983"),
            (99_999, 100_000, "0.9999"),
            (1, 2, "0.5"),
            (1, 100_000, "0.0"),
            (0, 3, "0.0"),
            (0, 0, "none"),
        ] {
            assert_eq!(share(part, whole), text, "{part}/{whole}");
        }
    }

    #[test]
    fn feeds_are_compared_with_the_truth() {
        let mut world = World::default();
        world.purchase("p1", |_| ());
        world.sale("s1", |_| ());
        world.sale("s2", |_| ());
        let mut rows = world.rows();
        let mut again = rows.files.iter().find(|f| f.feed.as_str() == "wasabi-club").unwrap().clone();
        again.totals = again.totals_if_repeated();
        rows.files.push(again);
        let mut day = Truth::default();
        let visa = FeedTruth { read: 1, accepted: 1, ..FeedTruth::default() };
        let wasabi = FeedTruth { read: 4, accepted: 2, duplicate: 2, ..FeedTruth::default() };
        day.lines = [("visa-auth".to_owned(), visa), ("wasabi-club".to_owned(), wasabi)].into();
        assert_eq!(check_truth(&rows, &day), []);
        let mut more = day.clone();
        more.lines.insert("amex-auth".into(), visa);
        assert!(check_truth(&rows, &more)[0].what.contains("amex-auth"));
        let mut less = day.clone();
        less.lines.remove("visa-auth");
        assert!(check_truth(&rows, &less)[0].what.contains("visa-auth"));
        day.lines.get_mut("wasabi-club").unwrap().duplicate = 1;
        assert!(check_truth(&rows, &day)[0].what.contains("wasabi-club"));
    }
}
