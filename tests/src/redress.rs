//! Redress (spec match §6, design §4): what a person does to matches, end to end, and what late settlements and
//! differing lines leave behind (D12, D25).

use crate::sample::{AT, describe, iceland, pay, sell, till};
use harmonia_definitions::{Corrections, Definition};
use harmonia_domain::{
    export::{Export, ExportState, MatchType},
    feed::{Kind, Slug},
    money::MinorUnits,
    outcome::ParkReason,
    purchase::{Purchase, PurchaseKey, PurchaseState, Slot},
    sale::SaleState,
};
use harmonia_gen::{Plan, Why, generate};
use harmonia_local::{invariants::check, memory_cloud::MemoryCloud, partners::Faults, state::Rows};
use harmonia_ports::{Clock, Stamp};
use harmonia_stages::{
    explain::Question,
    redress::{RedressError, Told, Undone, Unmatched, Words},
};
use harmonia_state::{BookedSale, Store};

fn iceland_slug() -> Slug {
    "iceland-bonus-card".parse().unwrap()
}

fn p(id: &str) -> PurchaseKey {
    PurchaseKey { scheme: "visa".parse().unwrap(), id: id.into(), slot: Slot::P }
}

fn words() -> Words {
    Words::new("Ada", "the receipt was seen").unwrap()
}

async fn force(cloud: &MemoryCloud, id: &str, sale: &str) -> Result<Export, RedressError> {
    let forced = cloud.cloud.app.harmonia.force_match(&p(id), &iceland_slug(), sale, &words()).await?;
    cloud.until_quiet().await.unwrap();
    let rows = cloud.rows().unwrap();
    Ok(rows.exports.into_iter().find(|x| x.key() == forced.export).unwrap())
}

async fn unmatch(cloud: &MemoryCloud, id: &str) -> Result<Unmatched, RedressError> {
    let undone = cloud.cloud.app.harmonia.unmatch(&p(id), &words()).await?;
    cloud.until_quiet().await.unwrap();
    match undone {
        Undone::Now(undone) => Ok(undone),
        Undone::Before(_) => panic!("it was in a match"),
    }
}

fn good(cloud: &MemoryCloud) -> Rows {
    let rows = cloud.rows().unwrap();
    let broken: Vec<String> = check(&rows).into_iter().map(|v| v.to_string()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    rows
}

fn purchase<'a>(rows: &'a Rows, id: &str) -> &'a Purchase {
    rows.purchases.iter().find(|purchase| purchase.key == p(id)).unwrap()
}

fn is_open(rows: &Rows, sale: &str) -> bool {
    rows.sales.iter().any(|s| s.id == sale && s.state == SaleState::Live)
}

/// Spec match §6: no policy is asked, but what differs is told and stored; the merchant hears of its own sale.
#[tokio::test]
async fn a_person_matches_what_a_policy_does_not() {
    let cloud = till(true).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
    pay(&cloud, "V1", false, AT, "20.00", "222222").await;
    assert!(good(&cloud).exports.is_empty());
    let x = force(&cloud, "V1", "S1").await.unwrap();
    assert_eq!((x.match_type, x.sale.as_deref()), (MatchType::Forced, Some("S1")));
    assert_eq!(x.evidence, ["forced", "amount:+500", "other-auth-code"]);
    assert_eq!((x.facts.transaction_id.as_str(), x.facts.amount), ("S1", MinorUnits(2500)));
    let by = x.forced.as_ref().unwrap();
    assert_eq!((by.by.as_str(), by.why.as_str(), by.on), ("Ada", "the receipt was seen", x.created));
    assert!(matches!(x.state, ExportState::Delivered { .. }), "{:?}", x.state);
    let rows = good(&cloud);
    assert!(rows.open_payments.is_empty() && !is_open(&rows, "S1"));
    // repeating it is harmless: the same export, told once
    assert_eq!(force(&cloud, "V1", "S1").await.unwrap(), x);
    assert_eq!((good(&cloud).exports.len(), cloud.partners.report().rewarded()), (1, 1));
}

/// Spec match §6, order of checks: each says what is wrong, and nothing is changed.
#[tokio::test]
async fn what_cannot_be_forced_says_why() {
    let cloud = till(true).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00"), iceland("S2", "222222", "26.00")]).await;
    pay(&cloud, "V1", false, AT, "25.00", "111111").await;
    pay(&cloud, "V2", false, AT, "99.00", "333333").await;
    let before = good(&cloud);
    let forced = async |id: &str, sale: &str| force(&cloud, id, sale).await.unwrap_err().to_string();
    assert_eq!(forced("V9", "S2").await, "there is no payment V9 of visa");
    assert_eq!(forced("V2", "S9").await, "iceland-bonus-card has no sale S9");
    assert_eq!(forced("V1", "S2").await, "payment V1 of visa is not open: matched");
    assert_eq!(forced("V2", "S1").await, "sale S1 of iceland-bonus-card is not open: matched");
    let unmatched = unmatch(&cloud, "V2").await.unwrap_err().to_string();
    assert_eq!(unmatched, "payment V2 of visa is in no match with a sale: open");
    assert_eq!(cloud.rows().unwrap(), before);
    for (by, why) in [("", "x"), ("x", "  "), ("x", &"y".repeat(161))] {
        assert!(matches!(Words::new(by, why), Err(RedressError::Words { .. })));
    }
}

/// Spec match §6, step 2: whose card it was is looked up if nobody knows it yet.
#[tokio::test]
async fn the_identity_of_a_forced_match_is_looked_up() {
    let cloud = till(false).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
    pay(&cloud, "V1", false, AT, "20.00", "111111").await;
    let no_card = force(&cloud, "V1", "S1").await;
    assert!(matches!(no_card, Err(RedressError::NoIdentity { why: ParkReason::CardNotKnown, .. })), "{no_card:?}");
    // linked, but the parked line has not been re-opened
    crate::sample::link(&cloud).await;
    let x = force(&cloud, "V1", "S1").await.unwrap();
    assert_eq!(x.identity.last_four, "8841");
    let rows = good(&cloud);
    assert!(purchase(&rows, "V1").auth.as_ref().unwrap().parked.is_none());
    assert!(matches!(x.state, ExportState::Delivered { .. }), "{:?}", x.state);
}

/// Two people at once, and a policy: one of them gets the sale.
#[tokio::test]
async fn one_sale_is_forced_once() {
    let cloud = till(true).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
    for id in ["V1", "V2", "V3"] {
        pay(&cloud, id, false, AT, "20.00", id).await;
    }
    let (harmonia, merchant, words) = (&cloud.cloud.app.harmonia, iceland_slug(), words());
    let (p1, p2, p3) = (p("V1"), p("V2"), p("V3"));
    let (one, two, three) = tokio::join!(
        harmonia.force_match(&p1, &merchant, "S1", &words),
        harmonia.force_match(&p2, &merchant, "S1", &words),
        harmonia.force_match(&p3, &merchant, "S1", &words),
    );
    cloud.until_quiet().await.unwrap();
    let made = [one, two, three].into_iter().flatten().count();
    assert_eq!((made, good(&cloud).exports.len()), (1, 1));
}

/// Design §4, unmatch: both halves are open again, not for each other; another payment takes the sale; a re-made match
/// is a new export with a new id.
#[tokio::test]
async fn an_unmatch_returns_both_to_the_book() {
    let cloud = till(true).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
    pay(&cloud, "V1", false, AT, "25.00", "111111").await;
    pay(&cloud, "V2", false, AT, "25.00", "111111").await;
    let first = good(&cloud).exports[0].clone();
    assert_eq!((first.purchase.id.as_str(), first.state.name()), ("V1", "delivered"));
    let arrived = purchase(&good(&cloud), "V1").auth.as_ref().unwrap().arrived;
    let undone = unmatch(&cloud, "V1").await.unwrap();
    assert_eq!((undone.told, undone.sale.as_str()), (Told::NoReversal, "S1"));
    let rows = good(&cloud);
    let v1 = purchase(&rows, "V1");
    assert_eq!((v1.generation, v1.auth.as_ref().unwrap().arrived), (1, arrived));
    assert!(v1.is_live() && v1.is_barred_from("S1"));
    let second = rows.exports.iter().find(|x| x.purchase == p("V2")).unwrap();
    assert!(second.in_force() && second.sale.as_deref() == Some("S1"), "V2 takes what V1 may not");
    // the other way about, and back by force: a third export, with an id of its own
    unmatch(&cloud, "V2").await.unwrap();
    assert!(is_open(&good(&cloud), "S1"), "both are barred");
    let third = force(&cloud, "V1", "S1").await.unwrap();
    let rows = good(&cloud);
    assert_eq!(rows.exports.len(), 3);
    assert!(rows.exports.iter().filter(|x| x.id == third.id).count() == 1 && third.id != first.id);
    assert_eq!(third.generation, 1);
    assert_eq!(cloud.partners.report().bodies_of("iceland-bonus-card"), 3, "each is told, as itself");
}

/// An export that is not told yet is not told any more; a settlement that came after the match counts afterwards.
#[tokio::test]
async fn an_unmatch_before_the_merchant_is_told() {
    let cloud = till(true).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00"), iceland("S2", "111111", "27.00")]).await;
    let auth = crate::sample::visa("V1", false, AT, "25.00", "111111");
    cloud.deliver(&"visa-auth".parse().unwrap(), "message", &auth).await.unwrap();
    while cloud.cloud.round().await.unwrap() > 0 {}
    let settled = crate::sample::visa("V1", true, AT, "27.00", "111111");
    cloud.deliver(&"visa-settlement".parse().unwrap(), "message", &settled).await.unwrap();
    while cloud.cloud.round().await.unwrap() > 0 {}
    let rows = cloud.rows().unwrap();
    assert_eq!(rows.exports[0].state, ExportState::Collecting);
    assert_eq!(rows.exports[0].corrected.as_ref().map(|later| later.amount), Some(MinorUnits(2700)));
    let undone = unmatch(&cloud, "V1").await.unwrap();
    assert_eq!((undone.told, undone.sale.as_str()), (Told::No, "S1"));
    let rows = good(&cloud);
    let [one, two] = &rows.exports[..] else { panic!("{:?}", rows.exports) };
    let (now, undone) = if one.in_force() { (one, two) } else { (two, one) };
    assert!(matches!(undone.state, ExportState::Reversed { told: None, .. }));
    assert_eq!((now.sale.as_deref(), now.facts.amount), (Some("S2"), MinorUnits(2700)));
    assert_eq!(cloud.partners.report().rewarded(), 1);
    // whoever died after the transaction repeats the command
    let again = cloud.cloud.app.harmonia.unmatch(&p("V1"), &words()).await;
    assert!(matches!(again, Ok(Undone::Now(_))), "it is in another match by now: {again:?}");
}

/// A repeated unmatch finds its own trace.
#[tokio::test]
async fn an_unmatch_may_be_repeated() {
    let cloud = till(true).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
    pay(&cloud, "V1", false, AT, "25.00", "111111").await;
    let undone = unmatch(&cloud, "V1").await.unwrap();
    let before = good(&cloud);
    let again = cloud.cloud.app.harmonia.unmatch(&p("V1"), &words()).await.unwrap();
    assert_eq!(again, Undone::Before(undone));
    cloud.until_quiet().await.unwrap();
    assert_eq!(good(&cloud), before);
}

/// The same definitions, but Iceland is told by a request that names the amount, and wants to hear of corrections and
/// reversals: its own protocol could not tell them.
fn adjusting(cloud: &mut MemoryCloud, corrections: Option<Corrections>) {
    let mut iceland = cloud.cloud.app.harmonia.definitions.get(&iceland_slug()).unwrap().clone();
    let linde = include_str!("../../docs/onboarding/kaffeehaus-linde.toml");
    let mut target = Definition::from_toml(linde, "kaffeehaus-linde.toml").unwrap().export.unwrap();
    (target.corrections, target.reversals) = (corrections, true);
    iceland.export = Some(target);
    describe(cloud, iceland);
}

/// "If the export was delivered, says so and asks for a reversal where the merchant has one."
#[tokio::test]
async fn a_merchant_is_asked_to_take_it_back() {
    let mut cloud = till(true).await;
    adjusting(&mut cloud, None);
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
    pay(&cloud, "V1", false, AT, "25.00", "111111").await;
    assert_eq!(unmatch(&cloud, "V1").await.unwrap().told, Told::ReversalAsked);
    let rows = good(&cloud);
    let of = |kind| rows.exports.iter().find(|x| x.match_type == kind).unwrap();
    let (undone, asked) = (of(MatchType::Loyalty), of(MatchType::Reversal));
    assert_eq!((asked.facts.amount, asked.adjusts.as_ref()), (MinorUnits(-2500), Some(&undone.key())));
    assert!(matches!(&undone.state, ExportState::Reversed { reversal: Some(x), .. } if *x == asked.key()));
    assert!(matches!(asked.state, ExportState::Delivered { .. }), "{:?}", asked.state);
    assert_ne!(asked.id, undone.id);
}

/// D12: a settlement with another amount after the match is stored, and told only if the definition asks for it.
#[tokio::test]
async fn a_final_amount_after_the_match() {
    for (wanted, told) in
        [(None, None), (Some(Corrections::Difference), Some(300)), (Some(Corrections::FinalAmount), Some(2800))]
    {
        let mut cloud = till(true).await;
        adjusting(&mut cloud, wanted);
        sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
        pay(&cloud, "V1", false, AT, "25.00", "111111").await;
        for _ in 0..2 {
            // the second time as a duplicate
            pay(&cloud, "V1", true, AT, "28.00", "111111").await;
        }
        let rows = good(&cloud);
        let first = rows.exports.iter().find(|x| x.match_type == MatchType::Loyalty).unwrap();
        let later = first.corrected.as_ref().unwrap();
        assert_eq!((later.amount, first.facts.amount), (MinorUnits(2800), MinorUnits(2500)));
        let correction = rows.exports.iter().find(|x| x.match_type == MatchType::Correction);
        assert_eq!(correction.map(|x| x.facts.amount.0), told, "{wanted:?}");
        assert_eq!(later.x, correction.map(Export::key));
        assert_eq!(rows.exports.len(), 1 + usize::from(told.is_some()));
        assert!(rows.exports.iter().all(|x| matches!(x.state, ExportState::Delivered { .. })), "{:#?}", rows.exports);
        assert_eq!(cloud.partners.report().bodies_of("iceland-bonus-card"), rows.exports.len());
    }
}

/// A second settled line of one id with other content: marked, kept beside the purchase, changes nothing.
#[tokio::test]
async fn a_settlement_that_differs_is_kept() {
    let cloud = till(true).await;
    pay(&cloud, "V1", true, AT, "25.00", "111111").await;
    let first = purchase(&good(&cloud), "V1").clone();
    for amount in ["25.00", "26.00", "27.00"] {
        pay(&cloud, "V1", true, AT, amount, "111111").await;
    }
    let rows = good(&cloud);
    assert_eq!(*purchase(&rows, "V1"), first);
    let mut beside: Vec<_> = rows.differing.iter().map(|d| (d.id.as_str(), d.kind, d.line.amount.0)).collect();
    beside.sort();
    assert_eq!(beside, [("V1", Kind::Settled, 2600), ("V1", Kind::Settled, 2700)]);
    let duplicates: u64 = rows.files.iter().map(|f| f.totals.duplicate).sum();
    let differs: u64 = rows.files.iter().map(|f| f.totals.differs).sum();
    assert_eq!((duplicates, differs), (3, 2));
    // matching goes by what came first
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "27.00"), iceland("S2", "111111", "25.00")]).await;
    assert_eq!(good(&cloud).exports[0].sale.as_deref(), Some("S2"));
}

/// D25: a refund of a merchant that only matches is stored beside its purchase, which its key finds.
#[tokio::test]
async fn a_refund_finds_its_purchase() {
    let cloud = till(true).await;
    pay(&cloud, "V1", true, AT, "25.00", "111111").await;
    let refund = String::from_utf8(crate::sample::visa("V1", true, AT, "25.00", "")).unwrap();
    let refund = refund
        .replace("Transaction.SettlementAmount", "ReturnTransaction.Amount")
        .replace("MerchantDateTimeGMT", "DateTime")
        .replace("MerchantCardAcceptorId", "CardAcceptorIdCode")
        .replace(AT, "6/4/2024 9:10:11 AM")
        .replace("\"Transaction.", "\"ReturnTransaction.");
    cloud.deliver(&"visa-refund".parse().unwrap(), "message", refund.as_bytes()).await.unwrap();
    cloud.until_quiet().await.unwrap();
    let rows = good(&cloud);
    let refund = rows.purchases.iter().find(|p| p.refund.is_some()).unwrap_or_else(|| panic!("{:#?}", rows.files));
    assert_eq!((refund.state.clone(), refund.key.slot), (PurchaseState::Stored, Slot::R));
    assert_eq!(purchase(&rows, "V1").settlement_key, refund.settlement_key, "D25: linked by it");
}

/// Every near miss of a day that has two open halves can be forced, and undone again.
#[tokio::test]
async fn near_misses_of_a_day() {
    let day = generate(&Plan { seed: 23, payments: 240, sales: 320, ..Plan::default() });
    let cloud = MemoryCloud::new(&day, &Faults::none(), 1, 0).await.unwrap();
    for delivery in &day.drops {
        cloud.clock.set(delivery.at.max(cloud.clock.now()));
        cloud.deliver(&delivery.feed.parse().unwrap(), &delivery.name, &delivery.bytes).await.unwrap();
    }
    cloud.until_quiet().await.unwrap();
    let before = good(&cloud);
    let (harmonia, mut forced) = (&cloud.cloud.app.harmonia, 0);
    // a payment that is barred from one of two twins takes the other
    for miss in day.truth.near_misses.iter().filter(|miss| miss.why != Why::Twins) {
        let merchant: Slug = miss.merchant.parse().unwrap();
        let names = miss.payment_ids.iter().map(|id| PurchaseKey { scheme: miss.scheme.parse().unwrap(), ..p(id) });
        let Some(key) = names.into_iter().find(|key| before.purchases.iter().any(|p| p.key == *key)) else { continue };
        let open = before.purchases.iter().find(|p| p.key == key).is_some_and(|p| p.is_live() && p.current().is_some());
        let Some(sale) = miss.sale_ids.iter().find(|id| before.sales.iter().any(|s| s.id == **id)) else { continue };
        let done = harmonia.force_match(&key, &merchant, sale, &words()).await;
        match (open, miss.why, &done) {
            (true, _, Ok(made)) => {
                assert!(miss.why == Why::NoPolicy || !made.differs.is_empty(), "{miss:?}");
                forced += 1;
            }
            (false, Why::UnknownCard, Err(RedressError::NoIdentity { .. }))
            | (false, Why::UnknownMid, Err(RedressError::NobodysMid { .. }))
            | (false, _, Err(RedressError::PaymentNotOpen { .. })) => {}
            _ => panic!("{miss:?}: {done:?}"),
        }
    }
    assert!(forced > 5, "{forced}");
    cloud.until_quiet().await.unwrap();
    let rows = good(&cloud);
    assert_eq!(rows.exports.iter().filter(|x| x.match_type == MatchType::Forced).count(), forced);
    for x in rows.exports.iter().filter(|x| x.match_type == MatchType::Forced) {
        harmonia.unmatch(&x.purchase, &words()).await.unwrap();
    }
    cloud.until_quiet().await.unwrap();
    let after = good(&cloud);
    let in_force = |rows: &Rows| rows.exports.iter().filter(|x| x.in_force()).map(|x| x.id.clone()).collect::<Vec<_>>();
    assert!(in_force(&after) == in_force(&before), "what a policy made is as it was");
}

/// "A sweep that re-examines open lines exists and finds nothing in a healthy system"; it does find what is left open.
#[tokio::test]
async fn the_sweep_finds_nothing_unless_something_is_wrong() {
    let cloud = till(true).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00"), iceland("S2", "111112", "26.00")]).await;
    pay(&cloud, "V1", false, AT, "25.00", "111111").await;
    pay(&cloud, "V2", false, AT, "26.00", "999999").await;
    let harmonia = &cloud.cloud.app.harmonia;
    let swept = harmonia.sweep_book(&iceland_slug()).await.unwrap();
    assert_eq!((swept.open, swept.matched), (1, 0));
    // a sale that becomes the right one behind the system's back
    let mut sale = good(&cloud).sales.into_iter().find(|s| s.id == "S2").unwrap();
    sale.auth_code = "999999".into();
    let (store, stamp) = (Store::new(cloud.tables.as_ref()), Stamp { by: "test".into(), on: cloud.clock.now() });
    store.put(&sale, &stamp).await.unwrap();
    store.put_all(&BookedSale::of(&sale), &stamp).await.unwrap();
    let swept = harmonia.sweep_book(&iceland_slug()).await.unwrap();
    assert_eq!((swept.open, swept.matched), (1, 1));
    cloud.until_quiet().await.unwrap();
    assert_eq!(good(&cloud).exports.len(), 2);
    assert_eq!(harmonia.sweep_book(&iceland_slug()).await.unwrap().open, 0);
    let all = cloud.cloud.fire(serde_json::json!({ "v": 1, "k": "book" })).await.unwrap();
    assert_eq!(all["iceland-bonus-card"], serde_json::json!({ "open": 0, "matched": 0 }));
    assert_eq!(all.as_object().unwrap().len(), 6, "those that match payments with sales: {all}");
}

/// Invariant 6: what people did, and what differs, is part of the explanation.
#[tokio::test]
async fn redress_is_explained() {
    let cloud = till(true).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
    pay(&cloud, "V1", false, AT, "20.00", "222222").await;
    pay(&cloud, "V1", false, AT, "21.00", "222222").await;
    force(&cloud, "V1", "S1").await.unwrap();
    let question = Question { what: "V1".into(), scheme: None, merchant: None };
    let told = async || cloud.cloud.app.harmonia.explain(&question).await.unwrap().to_string();
    let forced = told().await;
    for part in [
        "payment and sale by a person's word",
        "a person's word, though the sale's amount differs by 5.00, though the auth codes differ",
        "by Ada at 2024-06-04",
        "25.00 GBP is told",
        "auth 21.00 GBP",
        "not used: another one with this id came first",
    ] {
        assert!(forced.contains(part), "{part:?} is not in\n{forced}");
    }
    unmatch(&cloud, "V1").await.unwrap();
    let undone = told().await;
    for part in ["undone by Ada", "a person has undone their match"] {
        assert!(undone.contains(part), "{part:?} is not in\n{undone}");
    }
}
