//! Small inputs for tests of what arrives: an empty cloud, rows of a till, packed bytes.

use harmonia_gen::{Plan, generate};
use harmonia_local::{memory_cloud::MemoryCloud, partners::Faults};

/// A cloud in which nothing has happened, in the night after the sales of [`iceland`]. `per_mille` of a thousand table
/// calls fail by seed.
pub(crate) async fn cloud(seed: u64, per_mille: u64) -> MemoryCloud {
    let day = generate(&Plan { seed: 11, payments: 4, sales: 4, ..Plan::default() });
    let cloud = MemoryCloud::new(&day, &Faults::none(), seed, per_mille).await.unwrap();
    cloud.clock.set("2024-06-04T03:00:00Z".parse().unwrap());
    cloud
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

/// Bytes as `gzip` packs them.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut packed, bytes).unwrap();
    packed.finish().unwrap()
}
