//! Invariant 8: the check finds whatever was changed, left out or moved.

use super::{checked, days, entry};
use crate::{Entry, Fault, Seal, seal_key, segment_key, verify};
use futures::executor::block_on;
use harmonia_ports::{Bucket, Objects, memory::MemoryObjects};
use jiff::civil::date;
use proptest::{prelude::*, sample::Index};

fn bytes(objects: &MemoryObjects, key: &str) -> Vec<u8> {
    block_on(objects.get(Bucket::Audit, key, None)).unwrap()
}

/// The same objects but for one.
fn without(objects: &MemoryObjects, left_out: &str) -> MemoryObjects {
    let copy = MemoryObjects::default();
    for key in objects.keys(Bucket::Audit).iter().filter(|key| *key != left_out) {
        copy.upload(Bucket::Audit, key, bytes(objects, key));
    }
    copy
}

fn broken(objects: &MemoryObjects) -> Option<(u64, Fault)> {
    checked(objects).0.broken.map(|b| (b.segment, b.fault))
}

#[test]
fn an_untouched_log_is_whole() {
    let (report, entries) = checked(&days(4));
    assert_eq!((report.broken, report.segments, report.seals, report.repeats), (None, 8, 4, 0));
    assert_eq!(report.entries, u64::try_from(entries.len()).unwrap());
    assert_eq!(report.sealed.unwrap().date, date(2026, 11, 25));
    let nothing = checked(&MemoryObjects::default()).0;
    assert_eq!((nothing.broken, nothing.segments, nothing.last), (None, 0, None));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// Any byte of any object.
    #[test]
    fn a_changed_byte_is_found(which in any::<Index>(), at in any::<Index>(), by in 1..=255_u8) {
        let objects = days(3);
        let keys = objects.keys(Bucket::Audit);
        let key = which.get(&keys);
        let mut changed = bytes(&objects, key);
        let at = at.index(changed.len());
        changed[at] ^= by;
        objects.upload(Bucket::Audit, key, changed);
        let found = checked(&objects).0.broken;
        prop_assert!(found.is_some(), "{} byte {}", key, at);
    }

    /// The end of any object, cut or grown.
    #[test]
    fn a_cut_object_is_found(which in any::<Index>(), at in any::<Index>(), more in ".{0,3}") {
        let objects = days(2);
        let keys = objects.keys(Bucket::Audit);
        let key = which.get(&keys);
        let was = bytes(&objects, key);
        let mut changed = was[..at.index(was.len())].to_vec();
        changed.extend_from_slice(more.as_bytes());
        prop_assume!(changed != was);
        objects.upload(Bucket::Audit, key, changed);
        prop_assert!(checked(&objects).0.broken.is_some());
    }
}

/// All but the segments after the last seal, of which only a copy elsewhere or the bucket's lock could tell.
#[test]
fn a_missing_object_is_found() {
    let objects = days(3);
    let keys = objects.keys(Bucket::Audit);
    let (last, sealed) = (segment_key(6), checked(&objects).0.sealed.unwrap().seq);
    for key in keys.iter().filter(|key| **key != last) {
        assert!(broken(&without(&objects, key)).is_some(), "{key}");
    }
    assert_eq!(sealed, 5);
    assert_eq!(broken(&without(&objects, &segment_key(2))), Some((2, Fault::Missing { later: 3 })));
}

/// Everything after a segment is gone: the seals of later days say so.
#[test]
fn a_cut_off_end_is_found() {
    let objects = days(3);
    let short = (4..=6).fold(without(&objects, ""), |objects, seq| without(&objects, &segment_key(seq)));
    assert_eq!(broken(&short), Some((4, Fault::CutOff(date(2026, 11, 24)))));
}

#[test]
fn exchanged_segments_are_found() {
    let objects = days(2);
    let (one, two) = (bytes(&objects, &segment_key(1)), bytes(&objects, &segment_key(2)));
    objects.upload(Bucket::Audit, &segment_key(1), two);
    objects.upload(Bucket::Audit, &segment_key(2), one);
    assert_eq!(broken(&objects), Some((1, Fault::Number(2))));
}

/// Written anew from some segment on, with hashes that fit: the seals disagree.
#[test]
fn a_rewritten_history_is_found() {
    let objects = days(2);
    let old = without(&objects, &segment_key(1));
    let clock = std::sync::Arc::new(harmonia_ports::memory::SetClock::new(super::evening()));
    let other = std::sync::Arc::new(MemoryObjects::default());
    let log = crate::Log::new(other.clone(), clock);
    let entries: Vec<Entry> = vec![entry(99)];
    block_on(log.append(&entries)).unwrap();
    old.upload(Bucket::Audit, &segment_key(1), bytes(&other, &segment_key(1)));
    assert_eq!(broken(&old).map(|(seq, _)| seq), Some(2));
}

/// From a seal that one trusts: what is before is not read, what is after is checked as ever.
#[test]
fn a_walk_may_begin_at_a_seal() {
    let objects = days(4);
    let from = |objects: &MemoryObjects| {
        block_on(verify(objects, Some(date(2026, 11, 23)), date(2026, 12, 1), |_| ())).unwrap()
    };
    let seal = Seal::read(&bytes(&objects, &seal_key(date(2026, 11, 23)))).unwrap();
    let report = from(&objects);
    assert_eq!((report.broken, report.segments), (None, 8 - seal.seq));
    assert!(from(&without(&objects, &segment_key(1))).broken.is_none());
    assert!(from(&without(&objects, &segment_key(seal.seq))).broken.is_some());
    assert!(from(&without(&objects, &segment_key(seal.seq + 1))).broken.is_some());
    assert!(from(&without(&objects, &seal_key(date(2026, 11, 23)))).broken.is_some());
}
