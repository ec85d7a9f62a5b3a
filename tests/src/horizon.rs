//! Time to live is a broom, never a filter (design §4): nothing goes that could still be matched, whatever the broom
//! does and how long a card or a sale lets wait for itself.

use crate::sample::{AT, iceland, link, pay, sell, till};
use harmonia_domain::feed::Slug;
use harmonia_local::{invariants::check, memory_cloud::MemoryCloud};
use harmonia_ports::Clock;
use harmonia_stages::registry::Change;
use jiff::SignedDuration;

/// Days pass, and the broom goes round on each.
fn days_pass(cloud: &MemoryCloud, days: i64) {
    for _ in 0..days {
        cloud.clock.advance(SignedDuration::from_hours(24));
        cloud.tables.sweep(cloud.clock.now().as_second());
    }
}

async fn exports(cloud: &MemoryCloud) -> usize {
    cloud.until_quiet().await.unwrap();
    let rows = cloud.rows().unwrap();
    let broken: Vec<String> = check(&rows).into_iter().map(|v| v.to_string()).collect();
    assert!(broken.is_empty(), "{broken:#?}");
    rows.exports.len()
}

/// Design §4: two lines may meet if the later arrival's UTC day less 14 days is not after the earlier arrival: the
/// fourteenth day is in, the fifteenth out, whichever side came first.
#[tokio::test]
async fn the_window_ends_after_fourteen_days_and_not_before() {
    for (days, expected) in [(14, 1), (15, 0)] {
        let cloud = till(true).await;
        pay(&cloud, "V1", false, AT, "25.00", "111111").await;
        days_pass(&cloud, days);
        sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
        assert_eq!(exports(&cloud).await, expected, "the sale comes {days} days after the payment");

        let cloud = till(true).await;
        sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
        days_pass(&cloud, days);
        pay(&cloud, "V1", true, AT, "25.00", "111111").await;
        assert_eq!(exports(&cloud).await, expected, "the payment comes {days} days after the sale");
    }
}

/// D7 and design §4: the window does not move with the clock. A card that is linked months later finds the sale that
/// arrived in its payment's window: the sale's entry is still there.
#[tokio::test]
async fn a_card_linked_months_later_finds_its_sale() {
    let cloud = till(false).await;
    sell(&cloud, "a.csv", &[iceland("S1", "111111", "25.00")]).await;
    pay(&cloud, "V1", false, AT, "25.00", "111111").await;
    days_pass(&cloud, 110);
    assert_eq!(exports(&cloud).await, 0);
    link(&cloud).await;
    let merchant: Slug = "iceland-bonus-card".parse().unwrap();
    let harmonia = &cloud.cloud.app.harmonia;
    let change: Change = harmonia.linked(&merchant, &secrecy::SecretString::from(crate::sample::TOKEN)).await.unwrap();
    assert_eq!(harmonia.reopen(&change).await.unwrap().payments, 1);
    assert_eq!(exports(&cloud).await, 1);
}

/// The broom takes what is over: a payment's entry once no sale can meet it any more, a sale and its entry with the
/// horizon of sales.
#[tokio::test]
async fn the_broom_takes_what_is_over() {
    let cloud = till(true).await;
    pay(&cloud, "V1", false, AT, "25.00", "111111").await;
    sell(&cloud, "a.csv", &[iceland("S1", "999999", "25.00")]).await;
    days_pass(&cloud, 62);
    let rows = cloud.rows().unwrap();
    assert_eq!((rows.open_payments.len(), rows.booked_sales.len(), rows.sales.len()), (1, 1, 1));
    days_pass(&cloud, 3);
    let rows = cloud.rows().unwrap();
    assert_eq!((rows.open_payments.len(), rows.booked_sales.len(), rows.sales.len()), (0, 1, 1));
    days_pass(&cloud, 56);
    let rows = cloud.rows().unwrap();
    assert_eq!((rows.booked_sales.len(), rows.sales.len(), rows.purchases.len()), (0, 0, 1));
}
