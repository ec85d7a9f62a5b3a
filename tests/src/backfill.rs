//! Files of the past: matched as any, told to nobody, and sent later if a person wants it.

use crate::sample::{AT, cloud, iceland, iceland_header, link, onboard, visa};
use harmonia_domain::export::ExportState;
use harmonia_local::{memory_cloud::MemoryCloud, state::Rows};
use harmonia_stages::export::{Listing, Redrive};

async fn sell(cloud: &mut MemoryCloud, name: &str, id: &str) {
    let file = format!("{}\n{}\n", iceland_header(), iceland(id, "123456", "25.00"));
    cloud.deliver(&"iceland-bonus-card".parse().unwrap(), name, file.as_bytes()).await.unwrap();
}

async fn pay(cloud: &mut MemoryCloud, id: &str) {
    let payment = visa(id, false, AT, "25.00", "123456");
    cloud.deliver(&"visa-auth".parse().unwrap(), "message", &payment).await.unwrap();
    cloud.until_quiet().await.unwrap();
}

fn states(rows: &Rows) -> Vec<&ExportState> {
    rows.exports.iter().map(|x| &x.state).collect()
}

#[tokio::test]
async fn a_file_of_the_past_is_matched_and_told_to_nobody() {
    let mut cloud = cloud(1, 0).await;
    onboard(&mut cloud).await;
    link(&cloud).await;
    sell(&mut cloud, "backfill/may.csv", "S1").await;
    pay(&mut cloud, "V1").await;
    let rows = cloud.rows().unwrap();
    assert_eq!(states(&rows), [&ExportState::Skipped { why: "backfill".into() }]);
    assert_eq!(cloud.partners.report().rewarded(), 0);
    // the same till's next file is not of the past
    sell(&mut cloud, "june.csv", "S2").await;
    pay(&mut cloud, "V2").await;
    assert_eq!(cloud.partners.report().rewarded(), 1);
    // a person thinks otherwise of the first
    let merchant = "iceland-bonus-card".parse().unwrap();
    let listing = Listing { merchant, state: Redrive::Skipped, why: Some("BACKFILL".into()), since: None, until: None };
    let harmonia = cloud.cloud.app.harmonia.clone();
    assert_eq!(harmonia.list_exports(&listing).await.unwrap().0.len(), 1);
    assert_eq!(harmonia.redrive(&listing, None, "ann").await.unwrap(), (1, false));
    cloud.until_quiet().await.unwrap();
    assert_eq!(cloud.partners.report().rewarded(), 2);
    assert!(harmonia.list_exports(&listing).await.unwrap().0.is_empty());
}
