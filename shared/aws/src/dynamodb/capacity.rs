//! Consumed read and write units, as the service tells them with each answer.

use harmonia_ports::Table;
use std::sync::atomic::{AtomicU64, Ordering};

/// Units in tenths: the service counts in halves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Units {
    /// Tenths of a read unit.
    pub read_tenths: u64,
    /// Tenths of a write unit, those of indexes included.
    pub write_tenths: u64,
}

#[derive(Debug, Default)]
struct Counter {
    read: AtomicU64,
    write: AtomicU64,
}

/// Counters for each table.
#[derive(Debug, Default)]
pub struct Capacity {
    book: Counter,
    ledger: Counter,
    registry: Counter,
}

/// A decimal text is the way from a float to an integer that neither truncates nor wraps; what is no amount counts 0.
fn tenths(units: f64) -> u64 {
    format!("{:.0}", units * 10.0).parse().unwrap_or(0)
}

impl Capacity {
    fn counter(&self, table: Table) -> &Counter {
        match table {
            Table::Book => &self.book,
            Table::Ledger => &self.ledger,
            Table::Registry => &self.registry,
        }
    }

    /// What one table has consumed.
    pub fn of(&self, table: Table) -> Units {
        let counter = self.counter(table);
        Units { read_tenths: counter.read.load(Ordering::Relaxed), write_tenths: counter.write.load(Ordering::Relaxed) }
    }

    /// What all tables have consumed.
    pub fn total(&self) -> Units {
        Table::ALL.into_iter().map(|table| self.of(table)).fold(Units::default(), |sum, one| Units {
            read_tenths: sum.read_tenths + one.read_tenths,
            write_tenths: sum.write_tenths + one.write_tenths,
        })
    }

    /// What one table has consumed since the last time; begins again at nothing.
    pub fn take(&self, table: Table) -> Units {
        let counter = self.counter(table);
        Units {
            read_tenths: counter.read.swap(0, Ordering::Relaxed),
            write_tenths: counter.write.swap(0, Ordering::Relaxed),
        }
    }

    /// Begins again at nothing.
    pub fn reset(&self) {
        for table in Table::ALL {
            self.take(table);
        }
    }

    pub(super) fn add_read(&self, table: Table, units: f64) {
        self.counter(table).read.fetch_add(tenths(units), Ordering::Relaxed);
    }

    pub(super) fn add_write(&self, table: Table, units: f64) {
        self.counter(table).write.fetch_add(tenths(units), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_become_tenths() {
        let cases = [(0.0, 0), (0.5, 5), (1.0, 10), (2.5, 25), (40_000.0, 400_000), (-1.0, 0), (f64::NAN, 0)];
        for (units, expected) in cases {
            assert_eq!(tenths(units), expected, "{units}");
        }
    }

    #[test]
    fn tables_count_apart_and_begin_again() {
        let capacity = Capacity::default();
        capacity.add_write(Table::Book, 2.0);
        capacity.add_read(Table::Ledger, 0.5);
        assert_eq!(capacity.of(Table::Book), Units { read_tenths: 0, write_tenths: 20 });
        assert_eq!(capacity.of(Table::Registry), Units::default());
        assert_eq!(capacity.total(), Units { read_tenths: 5, write_tenths: 20 });
        assert_eq!(capacity.take(Table::Book), Units { read_tenths: 0, write_tenths: 20 });
        assert_eq!(capacity.total(), Units { read_tenths: 5, write_tenths: 0 });
        capacity.reset();
        assert_eq!(capacity.total(), Units::default());
    }
}
