//! Compaction on the store: what is left, for readers and for the next start; cut at every change of the disk.

mod beside;
mod crashes;
mod damage;
mod giving_up;
mod holding;

use super::{Cleaned, Cleaner};
use crate::base::Offset;
use crate::log::{LogSettings, Wanted, compacted};
use crate::record::{BatchBuilder, Batches, Records, check_produced};
use crate::store::commit::Step;
use crate::store::fixture::{Bench, EPOCH, WALL, id, read_range};
use crate::store::threads::Hands;
use crate::store::{Lookup, OpenError, Store, StoredLog};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Plain bytes of a batch in these tests, at most.
const PLAIN_MAX: usize = 1 << 20;

/// A record that can be read: offset, key, the first byte of its value.
type Seen = (i64, String, Option<u8>);

/// Small segments, compacted as soon as anything is dirty.
fn settings() -> LogSettings {
    LogSettings {
        segment_bytes: 2 << 10,
        index_interval_bytes: 256,
        cleanup_delete: false,
        cleanup_compact: true,
        min_cleanable_dirty_ratio: 0.01,
        delete_retention_ms: 1_000,
        ..LogSettings::default()
    }
}

/// A store that is moved by hand, and a cleaner.
struct Run {
    store: Store,
    hands: Hands,
    cleaner: Cleaner,
    /// The newest value of each key that was acknowledged.
    acknowledged: BTreeMap<String, Option<u8>>,
}

impl Run {
    fn start(bench: &Bench) -> Option<Run> {
        Run::try_start(bench).ok()
    }

    fn try_start(bench: &Bench) -> Result<Run, OpenError> {
        let (store, hands) = bench.try_open_by_hand()?;
        let cleaner = Cleaner::new(store.core_for_tests().clone());
        Ok(Run { store, hands, cleaner, acknowledged: BTreeMap::new() })
    }

    fn log(&self) -> Arc<StoredLog> {
        self.store.log(id(1, 0), "topic1", Arc::new(settings()), EPOCH)
    }

    /// One batch of these keys and values; `None` when the disk is gone.
    fn put(&mut self, records: &[(&str, Option<&[u8]>)]) -> Option<Offset> {
        let batch = records
            .iter()
            .fold(BatchBuilder::new(), |batch, (key, value)| batch.push(WALL, Some(key.as_bytes()), *value));
        let batch = batch.build();
        let mut room = self.store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        let appended = self.log().append(batch.clone(), &check_produced(&batch).ok()?, &mut room).ok()?;
        self.commit()?;
        let values = records.iter().map(|(key, value)| ((*key).to_owned(), value.map(|value| value[0])));
        self.acknowledged.extend(values);
        Some(appended.base)
    }

    fn commit(&mut self) -> Option<()> {
        while self.hands.committer.step().ok()? == Step::Done {}
        while self.hands.writer.step().ok()? == Step::Done {}
        Some(())
    }

    fn checkpoint(&mut self) -> Option<()> {
        while self.hands.checkpointer.step().ok()? != Step::Idle {}
        Some(())
    }

    /// Compacts what is due; how many rounds that took.
    fn clean(&mut self) -> usize {
        (0..100).take_while(|_| self.cleaner.step() == Cleaned::Log).count()
    }

    /// Everything that a consumer reads from the log start on when memory has nothing of it.
    fn read(&self) -> Vec<Seen> {
        let log = self.log();
        log.forget_tail_for_tests();
        read(&log)
    }
}

fn read(log: &StoredLog) -> Vec<Seen> {
    let marks = log.watermarks();
    let (mut seen, mut next) = (Vec::new(), marks.log_start);
    while next < marks.durable {
        let mut bytes = Vec::new();
        let before = next;
        next = match log.lookup(next, marks.durable, 3_000, true).expect("memory is good") {
            Lookup::Tail { slices, next } => {
                slices.iter().for_each(|slice| bytes.extend_from_slice(&slice.bytes));
                next
            }
            Lookup::Segments => {
                let plan = log.plan(Wanted::new(next, marks.durable, 3_000, true)).expect("segments are good");
                let ranges = plan.ranges.iter();
                ranges.for_each(|range| bytes.extend(read_range(&*range.segment, range.position, range.length)));
                plan.next
            }
        };
        if bytes.is_empty() {
            // Nothing is left up to the end of what segments hold.
            let behind = log.lookup_behind_gap(before, marks.durable, 3_000, true).expect("memory is good");
            let Some((slices, after)) = behind else { panic!("nothing from {before} up to {}", marks.durable) };
            slices.iter().for_each(|slice| bytes.extend_from_slice(&slice.bytes));
            next = after;
        }
        assert!(next > before, "a read at {before} goes on at {next}");
        for batch in Batches::new(&bytes) {
            let (header, batch) = batch.expect("whole batches");
            for record in Records::new(&header, batch, PLAIN_MAX).expect("records") {
                let record = record.expect("a record");
                let key = String::from_utf8(record.key.expect("a key").to_vec()).expect("text");
                seen.push((record.offset.0, key, record.value.map(|value| value[0])));
            }
        }
    }
    seen
}

/// The newest value of each key.
fn newest(seen: &[Seen]) -> BTreeMap<String, Option<u8>> {
    seen.iter().map(|(_, key, value)| (key.clone(), *value)).collect()
}

/// Names in the partition's directory that no segment has.
fn strays(bench: &Bench) -> Vec<String> {
    use crate::io::disk::Disk;
    let listed = bench.disk.list(&Bench::dir().join("topic1-0")).unwrap_or_default();
    let names = listed.into_iter().map(|entry| entry.name);
    names.filter(|name| name.ends_with(compacted::CLEANED) || name == compacted::TEMPORARY).collect()
}
