//! Partitions that are compacted: what is read of them.

use super::model::Partition;
use super::removal::{Event, note};
use super::world::{Running, World};
use crate::base::Offset;
use crate::log::LogSettings;
use crate::record::{BatchBuilder, Batches, Records};
use crate::store::cleaner::Cleaned;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Whose partitions are compacted.
const NAME: &str = "name2";

/// Keys that their records have.
const KEYS: u64 = 6;

/// Plain bytes of a batch, at most.
const PLAIN_MAX: usize = 1 << 20;

/// By offset: key and value.
type Kept = BTreeMap<i64, (Bytes, Option<Bytes>)>;

pub(super) fn settings(of: LogSettings, name: &str) -> LogSettings {
    let is_compacted = name == NAME;
    LogSettings {
        cleanup_compact: is_compacted,
        cleanup_delete: !is_compacted,
        min_cleanable_dirty_ratio: 0.01,
        // Some tombstones go within a run.
        delete_retention_ms: 600_000,
        segment_bytes: if is_compacted { 16 << 10 } else { of.segment_bytes },
        ..of
    }
}

impl Partition {
    pub(super) fn is_compacted(&self) -> bool {
        self.name == NAME
    }

    /// Whether `stored`, batches from `from` to before `to`, may be what is left of what was sent.
    pub(super) fn check_compacted(&self, seed: u64, stored: &[u8], from: Offset, to: Offset) {
        let within = |offset: &i64| (from.0..to.0).contains(offset);
        let mut left = records(seed, stored);
        left.retain(|offset, _| within(offset));
        let mut sent = records(seed, &self.bytes(from, to));
        sent.retain(|offset, _| within(offset));
        for (offset, record) in &left {
            assert!(sent.get(offset) == Some(record), "seed {seed}: {} has another record at {offset}", self.id);
        }
        let newest = |kept: &Kept| -> BTreeMap<Bytes, (i64, Option<Bytes>)> {
            kept.iter().map(|(offset, (key, value))| (key.clone(), (*offset, value.clone()))).collect()
        };
        let (left, sent) = (newest(&left), newest(&sent));
        for (key, (offset, value)) in &sent {
            match left.get(key) {
                Some((at, _)) => assert_eq!(at, offset, "seed {seed}: the newest of {key:?} in {}", self.id),
                None => assert!(value.is_none(), "seed {seed}: {key:?} is gone from {}, at {offset}", self.id),
            }
        }
    }
}

fn records(seed: u64, bytes: &[u8]) -> Kept {
    let mut kept = Kept::new();
    let mut last = -1;
    for batch in Batches::new(bytes) {
        let (header, batch) = batch.unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        assert!(header.base_offset.0 > last, "seed {seed}: offsets go back from {last} to {}", header.base_offset);
        last = header.last_offset().0;
        for record in Records::new(&header, batch, PLAIN_MAX).expect("records") {
            let record = record.expect("a record");
            kept.insert(record.offset.0, (record.key.expect("a key"), record.value));
        }
    }
    kept
}

impl World {
    /// Adds a record, with a key where the partition is compacted.
    pub(super) fn put(&mut self, at: usize, builder: BatchBuilder, value: &[u8]) -> BatchBuilder {
        if !self.partitions[at].is_compacted() {
            return builder.push(self.really, None, Some(value));
        }
        let key = [self.chance.below(KEYS) as u8];
        let value = (!self.chance.one_in(6)).then_some(value);
        builder.push(self.really, Some(&key), value)
    }

    /// One round of the cleaner, if one is due.
    pub(super) fn clean(&mut self, running: &mut Running) -> bool {
        let removed = || running.store.counters().cleaner_removed_records.get();
        let before = removed();
        if running.cleaner.step() == Cleaned::Log && removed() > before {
            note(Event::Compacted);
        }
        !running.store.core_for_tests().health.is_failed()
    }
}
