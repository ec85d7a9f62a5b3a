//! Files of the past: matched as any, told to nobody, and sent later if a person wants it.

use crate::sample::{AT, iceland, pay, sell, till};
use harmonia_domain::export::ExportState;
use harmonia_stages::export::{Listing, Redrive};

#[tokio::test]
async fn a_file_of_the_past_is_matched_and_told_to_nobody() {
    let cloud = till(true).await;
    sell(&cloud, "backfill/may.csv", &[iceland("S1", "123456", "25.00")]).await;
    pay(&cloud, "V1", false, AT, "25.00", "123456").await;
    cloud.until_quiet().await.unwrap();
    let states: Vec<_> = cloud.rows().unwrap().exports.into_iter().map(|x| x.state).collect();
    assert_eq!(states, [ExportState::Skipped { why: "backfill".into() }]);
    assert_eq!(cloud.partners.report().rewarded(), 0);
    // the same till's next file is not of the past
    sell(&cloud, "june.csv", &[iceland("S2", "123456", "25.00")]).await;
    pay(&cloud, "V2", false, AT, "25.00", "123456").await;
    cloud.until_quiet().await.unwrap();
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
