//! Small stores made by hand: one Wasabi till, Visa authorisations of one member, sales that fit them.

use super::{Violation, book_key, check};
use crate::state::Rows;
use harmonia_domain::{
    Source,
    card::{MemberHash, SealedToken, TokenHash},
    export::{Export, ExportFacts, ExportState, MatchType},
    feed::{Feed, Kind, Scheme, Slug},
    file::{File, FileState, RangeResult},
    identifier::{IdentifierType, Tills},
    identity::{Identity, IdentityRef},
    line::{SaleLine, Till},
    money::{Currency, MinorUnits},
    outcome::Totals,
    purchase::{MatchedIdentifier, PaymentFacts, Purchase, PurchaseKey, Slot},
    sale::Sale,
};
use harmonia_state::{BookedPayment, Range, file_key};
use jiff::Timestamp;

const MID: &str = "10209723";

pub(super) fn noon() -> Timestamp {
    "2026-03-17T12:00:00Z".parse().unwrap()
}

pub(super) fn merchant(slug: &str) -> Slug {
    slug.parse().unwrap()
}

/// A Visa authorisation with an auth code and no digits.
pub(super) fn facts(slug: &str) -> PaymentFacts {
    PaymentFacts {
        at: noon(),
        amount: MinorUnits(1_250),
        currency: Currency::GBP,
        auth_code: "123456".into(),
        approval_code: String::new(),
        first_six: None,
        last_four: None,
        mid: MID.into(),
        other_mids: Vec::new(),
        wall: None,
        identifier: Some(MatchedIdentifier {
            merchant: merchant(slug),
            kind: IdentifierType::Primary,
            text: MID.into(),
            location_id: None,
            merchant_internal_id: None,
        }),
        token: TokenHash("card".into()),
        sealed: SealedToken("sealed".into()),
        src: Source { from: "message".into(), offset: 0, line: 1, backfill: false },
        arrived: noon(),
        parked: None,
        due: None,
        told: None,
    }
}

pub(super) fn purchase_of(scheme: Scheme, id: &str, facts: PaymentFacts) -> Purchase {
    let key = PurchaseKey { scheme, id: id.into(), slot: Slot::P };
    Purchase::first(key, format!("key of {id}"), Kind::Auth, facts)
}

/// A sale that fits [`facts`], paid with somebody else's card as far as the till knows.
pub(super) fn sale_of(slug: &str, scheme: Scheme, id: &str) -> Sale {
    let line = SaleLine {
        scheme,
        id: id.into(),
        till: Till::Mid(MID.into()),
        at: noon(),
        amount: MinorUnits(1_250),
        currency: Currency::GBP,
        auth_code: "123456".into(),
        first_six: Some("555555".into()),
        last_four: Some("0000".into()),
        extra: None,
    };
    let source = Source { from: "message".into(), offset: 0, line: 1, backfill: false };
    Sale::new(merchant(slug), line, &Tills::new(), source, noon(), None)
}

/// The member whose card it always is: 424242…1111.
fn member() -> Identity {
    Identity {
        merchant: merchant("wasabi-club"),
        token: TokenHash("card".into()),
        loyalty_id: "member 1".into(),
        scheme_account_id: 1,
        user_id: 1,
        credentials: "sealed".into(),
        first_six: "424242".into(),
        last_four: "1111".into(),
        payment_card_account_id: None,
        expiry_month: None,
        expiry_year: None,
    }
}

fn who() -> IdentityRef {
    member().pointer(MemberHash("member".into()))
}

pub(super) fn file_of(feed: &str, name: &str, totals: Totals) -> File {
    let feed: Feed = feed.parse().unwrap();
    File {
        id: File::id_of(&feed, name, "1", "00"),
        feed,
        bucket: "imports".into(),
        object: name.into(),
        version: "1".into(),
        sha256: "00".into(),
        bytes: 1,
        arrived: noon(),
        ranges: 1,
        records: totals.read,
        plan: None,
        definition: None,
        started: noon(),
        done: Some(noon()),
        round: 0,
        generation: 1,
        sent: noon(),
        totals,
        dates: None,
        state: FileState::Closed { forwarded: true },
    }
}

pub(super) fn range_of(file: &File, number: u64, totals: Totals) -> Range {
    let result = RangeResult { totals, dates: None };
    Range { file: file.id.clone(), number, object: String::new(), result, arrived: noon() }
}

/// Purchases, sales and matches from which consistent rows are made.
#[derive(Default)]
pub(super) struct World {
    pub(super) purchases: Vec<Purchase>,
    pub(super) sales: Vec<Sale>,
    exports: Vec<Export>,
}

/// One purchase that is matched.
pub(super) fn pair() -> World {
    let mut world = World::default();
    world.purchase("p1", |_| ());
    world.sale("s1", |_| ());
    world.claim("p1", "s1");
    world
}

impl World {
    pub(super) fn purchase(&mut self, id: &str, change: impl FnOnce(&mut PaymentFacts)) {
        let mut facts = facts("wasabi-club");
        change(&mut facts);
        self.purchases.push(purchase_of(Scheme::Visa, id, facts));
    }

    pub(super) fn sale(&mut self, id: &str, change: impl FnOnce(&mut Sale)) {
        let mut sale = sale_of("wasabi-club", Scheme::Visa, id);
        let file = sales_file(0);
        sale.group = Some(file_key(&file.feed, file.arrived, &file.id).group());
        sale.src.from = file.id.to_string();
        change(&mut sale);
        self.sales.push(sale);
    }

    /// As the match stage does it.
    pub(super) fn claim(&mut self, purchase: &str, sale: &str) {
        self.claim_whatever(purchase, sale);
        let x = self.exports.last().unwrap().key();
        let sale = self.sales.iter_mut().find(|s| s.id == sale).unwrap();
        *sale = sale.claimed(x).unwrap();
    }

    /// Without a look at the sale.
    pub(super) fn claim_whatever(&mut self, purchase: &str, sale: &str) {
        let purchase = self.purchases.iter_mut().find(|p| p.key.id == purchase).unwrap();
        let sale = self.sales.iter().find(|s| s.id == sale).unwrap();
        let export = export(purchase, sale);
        *purchase = purchase.claimed(export.key()).unwrap();
        self.exports.push(export);
    }

    pub(super) fn rows(&self) -> Rows {
        let kept = |lines: usize| u64::try_from(lines).unwrap();
        let file = sales_file(kept(self.sales.len()));
        let lines = kept(self.purchases.len());
        let batch = file_of("visa-auth", "batch", Totals { read: lines, accepted: lines, ..Totals::default() });
        Rows {
            purchases: self.purchases.clone(),
            sales: self.sales.clone(),
            open_payments: self.purchases.iter().filter(|p| p.is_live()).filter_map(entry).collect(),
            exports: self.exports.clone(),
            ranges: vec![range_of(&file, 0, file.totals)],
            files: vec![file, batch],
            identities: vec![member()],
            ..Rows::default()
        }
    }
}

fn sales_file(lines: u64) -> File {
    file_of("wasabi-club", "sales.csv", Totals { read: lines, accepted: lines, ..Totals::default() })
}

fn entry(purchase: &Purchase) -> Option<BookedPayment> {
    let now = purchase.current()?;
    Some(BookedPayment::of(purchase, &now, who()))
}

fn export(purchase: &Purchase, sale: &Sale) -> Export {
    let now = purchase.current().unwrap();
    Export {
        id: purchase.export_id(),
        merchant: sale.merchant.clone(),
        created: noon(),
        order: String::new(),
        match_type: MatchType::Loyalty,
        purchase: purchase.key.clone(),
        kind: now.identity_of,
        sale: Some(sale.id.clone()),
        identity: who(),
        evidence: vec!["auth-code".into()],
        book_key: book_key(purchase, &now),
        definition: "1".into(),
        facts: ExportFacts {
            transaction_id: sale.id.clone(),
            at: sale.at,
            amount: sale.amount,
            currency: sale.currency,
            mid: now.mid.clone(),
            location_id: None,
            merchant_internal_id: None,
            settlement_key: purchase.settlement_key.clone(),
            auth_code: now.auth_code.clone(),
            approval_code: String::new(),
        },
        generation: 0,
        attempts: 0,
        last: None,
        corrected: None,
        paid: None,
        forced: None,
        unsure: false,
        adjusts: None,
        answer: None,
        state: ExportState::Ready,
    }
}

fn of(rows: &Rows, invariant: u8) -> Vec<Violation> {
    check(rows).into_iter().filter(|v| v.invariant == invariant).collect()
}

/// The invariant holds.
pub(super) fn assert_fine(rows: &Rows, invariant: u8) {
    assert_eq!(of(rows, invariant), []);
}

/// The invariant does not hold, for this reason.
pub(super) fn assert_broken(rows: &Rows, invariant: u8, why: &str) {
    let found = of(rows, invariant);
    assert!(found.iter().any(|v| v.what.contains(why)), "{why:?} is not among {found:?}");
}

/// So many purchases and sales: every second pair of them is matched, the others have different codes and stay open.
pub(super) fn many(count: usize) -> Rows {
    let mut world = World::default();
    for n in 0..count {
        let (amount, matched) = (MinorUnits(i64::try_from(n).unwrap()), n % 2 == 0);
        world.purchase(&format!("p{n}"), |facts| facts.amount = amount);
        world.sale(&format!("s{n}"), |sale| sale.amount = amount);
        let (purchase, sale) = (world.purchases.last_mut().unwrap(), world.sales.last_mut().unwrap());
        if matched {
            let export = export(purchase, sale);
            *purchase = purchase.claimed(export.key()).unwrap();
            *sale = sale.claimed(export.key()).unwrap();
            world.exports.push(export);
        } else {
            sale.auth_code = "999999".into();
        }
    }
    world.rows()
}
