//! The sweep: every open payment of a merchant once more. In a healthy system it finds nothing (invariant 4); that it
//! does is counted, and what it finds is matched.

use super::{Again, Examinee, position};
use crate::{Harmonia, StageError};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_domain::feed::{Scheme, Slug};
use harmonia_metrics::Metric;
use harmonia_ports::{Query, Read, Table};
use harmonia_state::{BookedPayment, book_partitions};

/// Partitions read at once: a merchant's book has 192.
const READ_AT_ONCE: usize = 16;

/// What a sweep found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Swept {
    /// Open payments that were examined.
    pub open: u64,
    /// Of these, those that could be matched: 0 in a healthy system.
    pub matched: u64,
}

impl Harmonia {
    /// Examines every open payment of a merchant, in the order of their last change (D24), and what follows from it.
    /// Time and memory grow with the open payments: 100,000 are some 30 MB and as many queries.
    #[tracing::instrument(level = "error", skip_all, fields(%merchant))]
    pub async fn sweep_book(&self, merchant: &Slug) -> Result<Swept, StageError> {
        let trace = "sweep";
        let mut partitions = Vec::new();
        for scheme in Scheme::ALL {
            partitions.extend(book_partitions("BP", merchant, scheme));
        }
        let read = |pk: String| async move {
            let query = Query { read: Read::Eventual, ..Query::prefix(Table::Book, pk, "") };
            self.store().list::<BookedPayment>(&query).await
        };
        let found: Vec<_> = stream::iter(partitions).map(read).buffered(READ_AT_ONCE).try_collect().await?;
        let mut open: Vec<BookedPayment> = found.into_iter().flatten().map(|stored| stored.row).collect();
        open.sort_by_cached_key(position);
        let now = self.now();
        let ages: Vec<_> = open.iter().map(|entry| now.duration_since(entry.changed.0)).collect();
        self.note_open(merchant, &ages);
        let mut swept = Swept::default();
        for entry in &open {
            let examinee = Examinee { p: entry.p.clone(), kind: entry.kind, who: entry.who.clone() };
            let mut done = Box::pin(self.examine(trace, &examinee, Some(entry), &[])).await?;
            swept.open += 1;
            swept.matched += u64::from(done.matched);
            let own = done.entry.take();
            self.settle(trace, Again::of(done), None).await?;
            self.delete_entry(own.as_ref()).await?;
        }
        self.tally().note(Metric::LeftOpen, &[merchant.as_str()], swept.matched);
        Ok(swept)
    }
}
