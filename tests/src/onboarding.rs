//! docs/onboarding.md, played from the door to the receipt that the merchant counts: one TOML file, one sample, no
//! Rust. Its members are in the second user directory.

use crate::sample::{cloud, describe};
use harmonia_definitions::Definition;
use harmonia_domain::{
    export::ExportState,
    file::FileState,
    identifier::{Identifier, IdentifierType},
    money::MinorUnits,
};
use harmonia_local::partners::Told;
use harmonia_ports::Bucket;
use harmonia_stages::{Directory, Settings, registry::read_users};
use serde_json::json;
use std::sync::Arc;

const TOML: &str = include_str!("../../docs/onboarding/kaffeehaus-linde.toml");
const SAMPLE: &[u8] = include_bytes!("../../docs/onboarding/kaffeehaus-linde.csv");

#[tokio::test]
async fn a_merchant_is_one_toml_file() {
    let definition = Definition::from_toml(TOML, "kaffeehaus-linde.toml").unwrap();
    let merchant = definition.merchant.clone();
    let mut cloud = cloud(1, 0).await;
    // the winter sale is the one that is paid here
    cloud.clock.set("2024-12-02T03:00:00Z".parse().unwrap());
    describe(&mut cloud, definition);
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.settings = Arc::new(Settings { directory: Directory::Table });
    let till = Identifier {
        scheme: "mastercard".parse().unwrap(),
        kind: IdentifierType::Primary,
        text: "70044455".into(),
        merchant: merchant.clone(),
        location_id: None,
        merchant_internal_id: None,
        location: None,
        postcode: None,
    };
    harmonia.onboard(&[till]).await.unwrap();
    let users = read_users(
        b"merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four\n\
        kaffeehaus-linde,MCTok1017,linde-1,1,1,,500000,1017\n",
    );
    assert!(users.rejected.is_empty(), "{:?}", users.rejected);
    harmonia.import_users(&users.users, true).await.unwrap();

    cloud.deliver(&merchant.to_string().parse().unwrap(), "kasse.csv", SAMPLE).await.unwrap();
    let payment = json!({
        "third_party_id": "LINDE0001", "time": "2024-12-01 08:05:10", "amount": "1234.50", "currency_code": "EUR",
        "payment_card_token": "MCTok1017", "mid": "70044455",
    });
    cloud.deliver(&"mastercard-auth".parse().unwrap(), "message", payment.to_string().as_bytes()).await.unwrap();
    cloud.until_quiet().await.unwrap();

    let rows = cloud.rows().unwrap();
    let file = rows.files.iter().find(|f| f.feed.as_str() == merchant.as_str()).unwrap();
    assert_eq!(file.state, FileState::Closed { forwarded: true });
    // the summer's sales are older than the horizon by now
    let totals = file.totals;
    assert_eq!((totals.read, totals.accepted, totals.skipped, totals.rejected), (5, 1, 2, 2));
    assert_eq!(file.definition.as_deref(), Some("1"));
    assert!(cloud.objects.keys(Bucket::Archive).iter().any(|key| key.ends_with("kasse.csv.rejects.csv")));
    let [x] = &rows.exports[..] else { panic!("one match: {:?}", rows.exports) };
    assert_eq!((x.sale.as_deref(), x.book_key.minor), (Some("K-1002"), MinorUnits(123_450)));
    assert_eq!((x.book_key.currency.as_str(), x.identity.last_four.as_str()), ("EUR", "1017"));
    assert!(matches!(x.state, ExportState::Delivered { .. }), "{:?}", x.state);
    let told = cloud.partners.report().told.remove(merchant.as_str()).unwrap();
    assert_eq!(told, [(x.id.as_uuid(), Told { counted: 1, again: 0 })].into(), "under its Idempotency-Key");
}
