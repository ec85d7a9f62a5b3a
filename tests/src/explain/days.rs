//! Whole generated days: the generator knows why each of its near misses is one, and what became of each line.

use harmonia_domain::{
    feed::{Feed, Transport},
    outcome::Totals,
    purchase::PurchaseState,
    sale::SaleState,
};
use harmonia_gen::{Day, Plan, Why, generate};
use harmonia_local::{invariants::check_card_data, memory_cloud::MemoryCloud, partners::Faults};
use harmonia_matching::Difference;
use harmonia_ports::{Bucket, Table};
use harmonia_stages::explain::{Became, Because, Explanation, PaymentExplained, Question};
use std::collections::BTreeMap;

const SEEDS: u64 = 3;

async fn played(seed: u64) -> (Day, MemoryCloud) {
    let day = generate(&Plan { seed, payments: 200, sales: 300, ..Plan::default() });
    let cloud = MemoryCloud::new(&day, &Faults::none(), seed, 0).await.unwrap();
    for delivery in &day.drops {
        cloud.clock.set(delivery.at.max(cloud.cloud.clock.now()));
        let feed: Feed = delivery.feed.parse().unwrap();
        cloud.deliver(&feed, &delivery.name, &delivery.bytes).await.unwrap();
    }
    cloud.until_quiet().await.unwrap();
    (day, cloud)
}

async fn ask(cloud: &MemoryCloud, question: Question) -> Vec<Explanation> {
    cloud.cloud.app.harmonia.explain(&question).await.unwrap().answers
}

async fn payment(cloud: &MemoryCloud, scheme: &str, id: &str) -> PaymentExplained {
    let question = Question { what: id.to_owned(), scheme: Some(scheme.parse().unwrap()), merchant: None };
    match ask(cloud, question).await.into_iter().next() {
        Some(Explanation::Payment(payment)) => *payment,
        other => panic!("{scheme} {id}: {other:?}"),
    }
}

/// Is this the true reason?
fn is_true(why: Why, payment: &PaymentExplained) -> bool {
    let nearest = payment.nearest.first().map(|near| near.near.differences.as_slice()).unwrap_or_default();
    let by = |wanted: fn(&Difference) -> bool| {
        matches!(payment.because, Because::Nearest { .. }) && nearest.len() == 1 && nearest.iter().all(wanted)
    };
    match why {
        Why::TillClock => by(|d| matches!(d, Difference::Time { .. })),
        Why::AuthCode => by(|d| matches!(d, Difference::AuthCode { .. })),
        Why::Amount => by(|d| matches!(d, Difference::Amount { .. })),
        Why::OtherMid => by(|d| matches!(d, Difference::Mid { .. })),
        Why::OtherScheme => by(|d| matches!(d, Difference::Scheme { .. })),
        Why::OtherCurrency => by(|d| matches!(d, Difference::Currency { .. })),
        Why::OtherCard => matches!(payment.because, Because::Matched { .. }),
        Why::Twins => matches!(payment.because, Because::Tied { left: 2, .. }),
        Why::UnknownCard => matches!(payment.because, Because::CardNotKnown { .. }),
        Why::UnknownMid => matches!(payment.because, Because::UnknownMid { .. }),
        Why::NoPolicy => matches!(payment.because, Because::NoPolicy { .. }),
        // by what the sale was left out is in no stored fact of it: its day's files count how many were
        Why::FilteredSale => {
            matches!(payment.because, Because::NothingNear | Because::BelowMinimum { .. } | Because::NoFile { .. })
        }
    }
}

/// Invariant 6: every near miss of a day is explained by what keeps its halves apart.
#[tokio::test]
async fn every_near_miss_has_its_true_reason() {
    for seed in 1..=SEEDS {
        let (day, cloud) = played(seed).await;
        let mut asked: BTreeMap<Why, usize> = BTreeMap::new();
        for miss in &day.truth.near_misses {
            let told = payment(&cloud, &miss.scheme, &miss.payment_ids[0]).await;
            let shown = Explanation::Payment(Box::new(told.clone()));
            assert!(is_true(miss.why, &told), "seed {seed} {miss:?}: {shown}");
            *asked.entry(miss.why).or_default() += 1;
        }
        assert!(asked.len() == 12 && asked.values().all(|count| *count > 0), "{asked:?}");
    }
}

/// Invariants 6 and 7: every payment and sale of a day says what it is and shows no card.
#[tokio::test]
async fn everything_stored_is_explained() {
    let (day, cloud) = played(1).await;
    let rows = cloud.rows().unwrap();
    let before = Table::ALL.map(|table| cloud.tables.dump(table));
    let objects = Bucket::ALL.map(|bucket| cloud.objects.keys(bucket));
    let tokens: Vec<String> = day.users.iter().map(|user| user.token.clone()).collect();
    let mut texts = Vec::new();
    for purchase in &rows.purchases {
        let question = Question { what: purchase.key.id.clone(), scheme: Some(purchase.key.scheme), merchant: None };
        let told = ask(&cloud, question).await;
        let slot = purchase.key.slot.as_str();
        let of = |wanted: &dyn Fn(&PaymentExplained) -> bool| {
            told.iter().find_map(|e| match e {
                Explanation::Payment(payment) if wanted(payment) => Some(payment.clone()),
                _ => None,
            })
        };
        let own = of(&|payment| payment.slot == slot);
        if own.is_none() {
            // a refund with the id of a purchase is told with it
            let with = of(&|payment| payment.refunds.len() == 1);
            assert!(slot == "R" && with.is_some(), "{:?}", purchase.key);
            continue;
        }
        let because = &own.unwrap_or_else(|| panic!("{:?}", purchase.key)).because;
        let fits = match purchase.state {
            PurchaseState::Claimed { .. } => matches!(because, Because::Matched { .. }),
            PurchaseState::Streamed => matches!(because, Because::Streamed),
            PurchaseState::Stored => matches!(because, Because::Stored),
            PurchaseState::Live => {
                !matches!(because, Because::Matched { .. } | Because::Streamed | Because::Stored | Because::UnderWay)
            }
        };
        assert!(fits, "{:?}: {}", purchase.key, told[0]);
        texts.push(format!("{} {}", told[0], serde_json::to_string(&told).unwrap()));
    }
    for sale in &rows.sales {
        let question = Question { what: sale.id.clone(), scheme: None, merchant: Some(sale.merchant.clone()) };
        let told = ask(&cloud, question).await;
        let [Explanation::Sale(own)] = &told[..] else { panic!("{}: {told:?}", sale.id) };
        let fits = match sale.state {
            SaleState::Claimed { .. } => matches!(own.because, Because::Matched { .. }),
            SaleState::Parked { .. } => matches!(own.because, Because::UnknownLocation { .. }),
            SaleState::Live => !matches!(own.because, Because::Matched { .. } | Because::UnderWay),
        };
        assert!(fits, "{}", told[0]);
        texts.push(format!("{} {}", told[0], serde_json::to_string(&told).unwrap()));
    }
    // asking changes nothing
    assert!(before == Table::ALL.map(|table| cloud.tables.dump(table)));
    assert_eq!(objects, Bucket::ALL.map(|bucket| cloud.objects.keys(bucket)));
    let found = check_card_data(texts.iter().map(String::as_str), &tokens);
    assert!(found.is_empty(), "{found:?}");
}

/// Invariant 1, line by line: what each line of each input became adds up to the totals of its file.
#[tokio::test]
async fn lines_add_up_to_their_file() {
    let (day, cloud) = played(2).await;
    let (mut checked, mut batches) = (0, 0);
    for file in cloud.rows().unwrap().files {
        let raw = day.drops.iter().find(|d| file.object == format!("imports/{}/{}", d.feed, d.name));
        let lines = match raw {
            Some(raw) => raw.bytes.split(|byte| *byte == b'\n').count(),
            None => usize::try_from(file.totals.read).unwrap(),
        };
        let mut sums = Totals::default();
        for number in 1..=lines {
            let what = format!("{}:{number}", file.object);
            let told = ask(&cloud, Question { what, scheme: None, merchant: None }).await;
            let [Explanation::Line(line)] = &told[..] else { panic!("{} {number}: {told:?}", file.object) };
            sums.read += 1;
            match &line.became {
                Became::Stored { .. } => sums.accepted += 1,
                Became::Duplicate { .. } | Became::Repeated { .. } | Became::OfRepeatedFile { .. } => {
                    sums.duplicate += 1;
                }
                Became::Skipped { .. } => sums.skipped += 1,
                Became::Rejected { .. } => sums.rejected += 1,
                Became::NoRecord => sums.read -= 1,
                other => panic!("{} line {number} {other:?}: {}", file.object, told[0]),
            }
        }
        if matches!(file.state, harmonia_domain::file::FileState::Repeated { .. }) {
            continue;
        }
        let own = Totals { accepted: file.totals.accepted + file.totals.parked, parked: 0, differs: 0, ..file.totals };
        assert_eq!(sums, own, "{}", file.object);
        checked += 1;
        batches += usize::from(cloud.cloud.app.harmonia.definitions.transport(&file.feed) == Transport::Message);
    }
    assert!(checked - batches > 5 && batches > 5, "{checked} inputs, {batches} of them batches");
}
