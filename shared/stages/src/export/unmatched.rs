//! Payments that found no sale in time are told to another receiver (spec match §10.1), under the same condition as any
//! claim: what is told as unmatched is never matched too.

use crate::{
    Harmonia, StageError,
    matches::{Claim, Claimed},
};
use futures::{StreamExt, TryStreamExt, stream};
use harmonia_definitions::Unmatched;
use harmonia_domain::{
    export::Export,
    feed::{Scheme, Slug},
    purchase::{ExportKey, Purchase, PurchaseState},
};
use harmonia_ports::{Query, Read, Table};
use harmonia_state::{BookedPayment, Stored, book_partitions, export_row_key, purchase_key};
use jiff::{Timestamp, ToSpan};

/// Parts of the book that are read at once.
const READ_AT_ONCE: usize = 16;

/// Payments before this instant are late: the days that ended `after_days` whole days ago (spec match §10.1).
fn late_before(unmatched: &Unmatched, now: Timestamp) -> Option<Timestamp> {
    let zone = &unmatched.zone;
    let day = zone.to_datetime(now).date().checked_sub(i64::from(unmatched.after_days).days()).ok()?;
    zone.to_timestamp(day.to_datetime(jiff::civil::Time::midnight())).ok()
}

impl Harmonia {
    /// Collects what is late for this receiver. Returns how many payments it took.
    pub async fn collect_unmatched(&self, receiver: &Slug) -> Result<usize, StageError> {
        let Some(unmatched) = self.definition(receiver)?.unmatched.as_ref() else { return Ok(0) };
        let Some(before) = late_before(unmatched, self.now()) else { return Ok(0) };
        let mut taken = 0;
        for scheme in Scheme::ALL {
            let parts = book_partitions("BP", &unmatched.of, scheme);
            let read = |pk: String| async move {
                let query = Query { read: Read::Eventual, ..Query::prefix(Table::Book, pk, "") };
                self.store().list::<BookedPayment>(&query).await
            };
            let entries: Vec<Vec<Stored<BookedPayment>>> =
                stream::iter(parts).map(read).buffered(READ_AT_ONCE).try_collect().await?;
            let mut late: Vec<BookedPayment> =
                entries.into_iter().flatten().map(|stored| stored.row).filter(|entry| entry.at < before).collect();
            late.sort_by(|a, b| (a.at, &a.p).cmp(&(b.at, &b.p)));
            for entry in late {
                taken += usize::from(self.take_unmatched(receiver, unmatched, &entry, before).await?);
            }
        }
        Ok(taken)
    }

    async fn take_unmatched(
        &self,
        receiver: &Slug,
        unmatched: &Unmatched,
        entry: &BookedPayment,
        before: Timestamp,
    ) -> Result<bool, StageError> {
        let found: Option<Stored<Purchase>> = self.store().get(&purchase_key(&entry.p), Read::Consistent).await?;
        let Some(stored) = found else { return Ok(false) };
        if let PurchaseState::Claimed { x } = &stored.row.state {
            self.taken_before(receiver, x, entry).await?;
            return Ok(false);
        }
        let Some(now) = stored.row.current().filter(|_| stored.row.is_live()) else { return Ok(false) };
        let settled = stored.row.settled.is_some() || !unmatched.settled_only.contains(&entry.p.scheme);
        // an entry that the payment has left behind is the match handler's business
        let own = BookedPayment::of(&stored.row, &now, entry.who.clone());
        if now.at >= before || now.identifier.merchant != unmatched.of || !settled || own.bk != entry.bk {
            return Ok(false);
        }
        let claim = Claim { trace: "unmatched", stored: &stored, now: &now, who: &entry.who };
        let Claimed::Yes(export) = self.claim_unmatched(&claim, receiver).await? else { return Ok(false) };
        self.send_on("unmatched", &export).await?;
        self.delete_entry(Some(entry)).await?;
        Ok(true)
    }

    /// Whoever took it died before it was forwarded, or before the entry was gone.
    async fn taken_before(&self, receiver: &Slug, x: &ExportKey, entry: &BookedPayment) -> Result<(), StageError> {
        let found: Option<Stored<Export>> = self.store().find(&export_row_key(x)).await?;
        // another claim's entry is the match handler's business
        let Some(export) = found.filter(|stored| stored.row.merchant == *receiver) else { return Ok(()) };
        self.send_on("unmatched", &export.row).await?;
        self.delete_entry(Some(entry)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZone;

    /// §10.1, worked example: a payment of the 17th is late on the 20th, not yet on the 19th.
    #[test]
    fn days_have_to_be_over() {
        let unmatched = Unmatched {
            of: "stonegate".parse().unwrap(),
            after_days: 2,
            zone: TimeZone::UTC,
            settled_only: vec![],
            every_s: 60,
        };
        let before = |now: &str| late_before(&unmatched, now.parse().unwrap()).unwrap().to_string();
        assert_eq!(before("2024-03-20T00:00:00Z"), "2024-03-18T00:00:00Z");
        assert_eq!(before("2024-03-19T23:59:59Z"), "2024-03-17T00:00:00Z");
        let london = Unmatched { zone: TimeZone::get("Europe/London").unwrap(), ..unmatched.clone() };
        let before = late_before(&london, "2024-06-06T12:00:00Z".parse().unwrap()).unwrap();
        assert_eq!(before.to_string(), "2024-06-03T23:00:00Z");
    }
}
