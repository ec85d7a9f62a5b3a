//! The life of a purchase: which line decides, and which transitions are refused.

use super::*;

fn facts(minor: i64, code: &str, arrived: i64) -> PaymentFacts {
    PaymentFacts {
        at: Timestamp::from_second(arrived).unwrap(),
        amount: MinorUnits(minor),
        currency: Currency::GBP,
        auth_code: code.into(),
        approval_code: String::new(),
        first_six: None,
        last_four: None,
        mid: "m".into(),
        other_mids: Vec::new(),
        wall: None,
        identifier: Some(MatchedIdentifier {
            merchant: "wasabi-club".parse().unwrap(),
            kind: IdentifierType::Primary,
            text: "m".into(),
            location_id: None,
            merchant_internal_id: None,
        }),
        token: TokenHash("h".into()),
        sealed: SealedToken("s".into()),
        src: Source { from: "f".into(), offset: 0, line: 1, backfill: false },
        arrived: Timestamp::from_second(arrived).unwrap(),
        parked: None,
        due: None,
        told: None,
    }
}

fn purchase(kind: Kind, facts: PaymentFacts) -> Purchase {
    let key = PurchaseKey { scheme: Scheme::Visa, id: "1".into(), slot: Slot::P };
    Purchase::first(key, "k".into(), kind, facts)
}

/// Spec match §4.3: auth then settled: amount from the settlement, code filled, date kept.
#[test]
fn a_known_settlement_overrides_an_open_auth() {
    let auth = purchase(Kind::Auth, facts(100, "", 1));
    let both = auth.with_second(Kind::Settled, facts(120, "123456", 2)).unwrap();
    assert_eq!(both.current(), auth.current(), "D5: a settlement whose card is not yet known changes nothing");
    let now = both.known(Kind::Settled).unwrap().current().unwrap();
    assert_eq!((now.amount, now.auth_code.as_str(), now.identity_of), (MinorUnits(120), "123456", Kind::Settled));
    assert_eq!(now.at, Timestamp::from_second(1).unwrap());
    assert_eq!(now.changed.0, Timestamp::from_second(2).unwrap());
    assert!(both.known(Kind::Settled).unwrap().known(Kind::Settled).is_none());
    assert!(both.with_second(Kind::Settled, facts(1, "", 3)).is_err());
}

/// Spec match §4.3: settled then auth: the auth is discarded.
#[test]
fn an_auth_after_the_settlement_changes_nothing() {
    let settled = purchase(Kind::Settled, facts(120, "1", 1));
    let both = settled.with_second(Kind::Auth, facts(100, "2", 2)).unwrap().known(Kind::Auth).unwrap();
    assert_eq!(both.current(), settled.current());
}

/// D5, D7: a parked line does not count; the other takes its place.
#[test]
fn a_parked_line_does_not_count() {
    let parked = purchase(Kind::Auth, facts(100, "", 1)).park(Kind::Auth, ParkReason::CardNotKnown, None).unwrap();
    assert!(parked.current().is_none());
    let both = parked.with_second(Kind::Settled, facts(120, "1", 2)).unwrap().known(Kind::Settled).unwrap();
    assert_eq!((both.base, both.current().unwrap().amount), (Kind::Settled, MinorUnits(120)));
    let reopened = both.known(Kind::Auth).unwrap();
    assert_eq!(reopened.current(), both.current(), "an auth known after the settlement is discarded");
}

/// Spec import §8: a streamed merchant is told of auth and settlement one by one, of each once.
#[test]
fn each_line_is_told_once() {
    let x = || ExportKey { pk: "X".into(), sk: "1".into() };
    let auth = purchase(Kind::Auth, facts(100, "", 1));
    let told = auth.told(Kind::Auth, x()).unwrap();
    assert!(told.told(Kind::Auth, x()).is_err() && told.claimed(x()).is_err() && !told.is_live());
    let both = told.with_second(Kind::Settled, facts(120, "", 2)).unwrap();
    let parked = both.park(Kind::Settled, ParkReason::CardNotKnown, None).unwrap();
    assert!(parked.alone(Kind::Settled).is_none());
    let known = parked.known(Kind::Settled).unwrap();
    assert_eq!(known.alone(Kind::Settled).unwrap().amount, MinorUnits(120));
    assert!(known.told(Kind::Settled, x()).is_ok());
    assert_ne!(auth.line_export_id(Kind::Auth), both.line_export_id(Kind::Settled));
}

/// State.md item R: a refund has its own states and nothing to join.
#[test]
fn a_refund_stands_alone() {
    let refund = purchase(Kind::Refund, facts(-100, "", 1));
    assert_eq!(refund.kinds().collect::<Vec<_>>(), [Kind::Refund]);
    assert_eq!(refund.current().unwrap().amount, MinorUnits(-100));
    assert!(refund.with_second(Kind::Refund, facts(-100, "", 2)).is_err());
    let parked = refund.park(Kind::Refund, ParkReason::CardNotKnown, None).unwrap();
    assert_eq!(parked.known(Kind::Refund), Some(refund.clone()));
    assert_eq!(refund.stored().unwrap().state, PurchaseState::Stored);
}

/// D5: an auth whose card turns out not to be known does not hold up its settlement, whose card is.
#[test]
fn a_base_parked_late_gives_way_to_the_line_that_counts() {
    let both = purchase(Kind::Auth, facts(100, "", 1)).with_second(Kind::Settled, facts(120, "1", 2)).unwrap();
    let known = both.known(Kind::Settled).unwrap().park(Kind::Auth, ParkReason::CardNotKnown, None).unwrap();
    let now = known.current().unwrap();
    assert_eq!((known.base, now.amount, now.identity_of), (Kind::Settled, MinorUnits(120), Kind::Settled));
    let relinked = known.relinked(Kind::Auth).unwrap();
    assert_eq!(relinked.current(), known.current(), "an auth known after the settlement is discarded");
}

/// D7: a line is re-opened once, and only for what it waited for.
#[test]
fn a_parked_line_is_reopened_once() {
    let identifier = facts(1, "", 1).identifier.unwrap();
    let later = Timestamp::from_second(99).unwrap();
    let unknown = PaymentFacts {
        identifier: None,
        other_mids: vec![(IdentifierType::Secondary, "s".into()), (IdentifierType::Psimi, "p".into())],
        wall: Some(civil::date(2024, 6, 18).at(13, 41, 7, 0)),
        parked: Some(ParkReason::UnknownMid),
        ..facts(100, "", 1)
    };
    assert_eq!(unknown.mids().pairs().map(|(_, text)| text).collect::<Vec<_>>(), ["m", "s", "p"]);
    let parked = purchase(Kind::Auth, unknown);
    assert!(parked.relinked(Kind::Auth).is_none() && parked.current().is_none());
    let open = parked.attributed(Kind::Auth, identifier.clone(), later).unwrap();
    let now = open.current().unwrap();
    assert_eq!((now.at, now.identifier.merchant.as_str()), (later, "wasabi-club"));
    assert!(open.auth.as_ref().is_some_and(|a| a.wall.is_none() && a.other_mids.is_empty()));
    assert!(open.attributed(Kind::Auth, identifier.clone(), later).is_none());
    assert!(open.attributed(Kind::Settled, identifier, later).is_none());
    let no_card = open.park(Kind::Auth, ParkReason::CardNotKnown, None).unwrap();
    let linked = no_card.relinked(Kind::Auth).unwrap();
    assert_eq!(linked, open);
    assert!(linked.relinked(Kind::Auth).is_none());
    assert!(no_card.stored().unwrap().relinked(Kind::Auth).is_none());
}

/// Design §4, unmatch: arrivals are kept, the pair is barred, a re-made match is a new export.
#[test]
fn an_unmatched_purchase_is_open_again_but_not_for_that_sale() {
    let x = ExportKey { pk: "X".into(), sk: "1".into() };
    let open = purchase(Kind::Auth, facts(100, "", 1));
    assert!(open.released("s1").is_err());
    let mut purchase = open.clone();
    for round in 0..BARS_MAX {
        let id = purchase.export_id();
        purchase = purchase.claimed(x.clone()).unwrap().released(&format!("s{round}")).unwrap();
        assert_eq!((purchase.is_live(), purchase.current()), (true, open.current()));
        assert_ne!(purchase.export_id(), id);
    }
    assert_eq!(purchase.bars.len(), BARS_MAX);
    assert!(purchase.claimed(x).unwrap().released("one more").is_err());
}

/// Invariant 2: claimed once; nothing moves a claimed purchase.
#[test]
fn a_claimed_purchase_stays_claimed() {
    let x = ExportKey { pk: "X".into(), sk: "1".into() };
    let claimed = purchase(Kind::Auth, facts(100, "", 1)).claimed(x.clone()).unwrap();
    assert!(claimed.claimed(x).is_err() && claimed.stored().is_err());
    assert!(claimed.park(Kind::Auth, ParkReason::CardNotKnown, None).is_none());
    let late = claimed.with_second(Kind::Settled, facts(120, "", 2)).unwrap();
    assert!(late.known(Kind::Settled).is_none());
}
