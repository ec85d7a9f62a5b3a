//! Small inputs for tests of what arrives: an empty cloud, rows of a till, payments at it, packed bytes.

use harmonia_definitions::{Definition, Definitions};
use harmonia_domain::identifier::{Identifier, IdentifierType};
use harmonia_gen::{Day, Plan, generate};
use harmonia_local::{
    memory_cloud::MemoryCloud,
    partners::{Faults, PlayedPartners, add_described},
};
use harmonia_stages::{Directory, Settings, registry::read_users};
use serde_json::{Value, json};
use std::sync::Arc;

/// The till of [`iceland`].
pub(crate) const MID: &str = "02894843";
/// The instant of its sales, in UTC.
pub(crate) const AT: &str = "2024-06-03T12:41:07";
/// The card token of its member.
pub(crate) const TOKEN: &str = "VisTok8841";

/// The members and keys of these clouds.
pub(crate) fn day() -> Day {
    generate(&Plan { seed: 11, payments: 4, sales: 4, ..Plan::default() })
}

/// A cloud in which nothing has happened, in the night after the sales of [`iceland`]. `per_mille` of a thousand table
/// calls fail by seed.
pub(crate) async fn cloud(seed: u64, per_mille: u64) -> MemoryCloud {
    let cloud = MemoryCloud::new(&day(), &Faults::none(), seed, per_mille).await.unwrap();
    cloud.clock.set("2024-06-04T03:00:00Z".parse().unwrap());
    cloud
}

/// A cloud in which Iceland's [`MID`] is onboarded and, if `linked`, the card of [`TOKEN`] is a member's.
pub(crate) async fn till(linked: bool) -> MemoryCloud {
    let mut cloud = cloud(1, 0).await;
    onboard(&mut cloud).await;
    if linked {
        link(&cloud).await;
    }
    cloud
}

/// The outside of a cloud in memory, in which this merchant is told as its definition describes.
pub(crate) fn describe(cloud: &mut MemoryCloud, definition: Definition) {
    let mut outside = PlayedPartners::outside();
    add_described(&mut outside, &definition.merchant);
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.ports.secrets = outside.secrets(&day().aes_key);
    harmonia.definitions =
        Arc::new(outside.addressed(Definitions::clone(&harmonia.definitions).with(definition)).unwrap());
}

/// Onboards [`MID`]; members are those of the second user directory from here on.
pub(crate) async fn onboard(cloud: &mut MemoryCloud) {
    let harmonia = &mut cloud.cloud.app.harmonia;
    harmonia.settings = Arc::new(Settings { directory: Directory::Table });
    let till = Identifier {
        scheme: "visa".parse().unwrap(),
        kind: IdentifierType::Primary,
        text: MID.into(),
        merchant: "iceland-bonus-card".parse().unwrap(),
        location_id: None,
        merchant_internal_id: None,
        location: None,
        postcode: None,
    };
    harmonia.onboard(&[till]).await.unwrap();
}

/// Links the card of [`TOKEN`].
pub(crate) async fn link(cloud: &MemoryCloud) {
    let users = day().users;
    let member = users.iter().find(|user| user.scheme == "iceland-bonus-card").unwrap();
    let credentials = member.identity["credentials"].as_str().unwrap();
    let csv = format!(
        "merchant,token,loyalty_id,scheme_account_id,user_id,credentials,first_six,last_four\n\
        iceland-bonus-card,{TOKEN},member-1,1,1,{credentials},450012,8841\n"
    );
    let users = read_users(csv.as_bytes());
    assert!(users.rejected.is_empty(), "{:?}", users.rejected);
    cloud.cloud.app.harmonia.import_users(&users.users, true).await.unwrap();
}

/// A Visa message of a payment at [`MID`] with [`TOKEN`]: `at` is UTC without zone. A settlement has `settled`.
pub(crate) fn visa(id: &str, settled: bool, at: &str, amount: &str, code: &str) -> Vec<u8> {
    let (value, time) =
        if settled { ("SettlementAmount", "MerchantDateTimeGMT") } else { ("TransactionAmount", "TimeStampYYMMDD") };
    let fields = [
        ("MerchantCardAcceptorId", MID),
        ("VisaStoreId", ""),
        ("VisaMerchantId", ""),
        ("VipTransactionId", id),
        (value, amount),
        (time, at),
        ("AuthCode", code),
    ];
    let elements: Vec<Value> =
        fields.iter().map(|(key, value)| json!({"Key": format!("Transaction.{key}"), "Value": value})).collect();
    json!({"CardId": "c", "ExternalUserId": TOKEN, "MessageElementsCollection": elements}).to_string().into_bytes()
}

/// Delivers such a message and serves everything.
pub(crate) async fn pay(cloud: &MemoryCloud, id: &str, settled: bool, at: &str, amount: &str, code: &str) {
    let feed = if settled { "visa-settlement" } else { "visa-auth" };
    cloud.deliver(&feed.parse().unwrap(), "message", &visa(id, settled, at, amount, code)).await.unwrap();
    cloud.until_quiet().await.unwrap();
}

/// Delivers a file of Iceland's till and serves everything.
pub(crate) async fn sell(cloud: &MemoryCloud, name: &str, rows: &[String]) {
    let file = format!("{}\n{}\n", iceland_header(), rows.join("\n"));
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), name, file.as_bytes()).await.unwrap();
    cloud.until_quiet().await.unwrap();
}

/// The columns of Iceland's till (spec import §7.10).
pub(crate) fn iceland_header() -> String {
    let columns = [
        "TransactionCardFirst6",
        "TransactionCardLast4",
        "TransactionCardExpiry",
        "TransactionCardSchemeId",
        "TransactionCardScheme",
        "TransactionStore_Id",
        "TransactionTimestamp",
        "TransactionAmountValue",
        "TransactionAmountUnit",
        "TransactionCashbackValue",
        "TransactionCashbackUnit",
        "TransactionId",
        "TransactionAuthCode",
    ];
    columns.join(",")
}

/// One row of it.
pub(crate) fn iceland(id: &str, code: &str, amount: &str) -> String {
    let amount = if amount.contains(',') { format!("\"{amount}\"") } else { amount.to_owned() };
    format!("450012,8841,01/30,2,Visa,02894843,2024-06-03 13:41:07,{amount},GBP,.00,GBP,{id},{code}")
}

/// A file whose text is too large to be planned from memory, and not what its bytes are: its ranges read copies.
pub(crate) fn large_and_packed() -> Vec<u8> {
    let declined = iceland(&"7".repeat(200), "decline", "1.00");
    gzip(format!("{}\n{}", iceland_header(), format!("{declined}\n").repeat(40_000)).as_bytes())
}

/// Bytes as `gzip` packs them.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}
