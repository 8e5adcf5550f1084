//! The scrub: what earlier runs left in segments is read once after a start, a little at each tick, so that damage is
//! known before somebody needs the place. What is found is named; reads of that place are refused either way.

use super::counters::Counters;
use super::stored_log::StoredLog;
use crate::base::Offset;
use crate::log::{Segment, SegmentError};
use std::sync::Arc;

/// Bytes that are read at a tick, about every second.
pub(crate) const SCRUB_BYTES: u64 = 8 << 20;

/// Segments that are looked at in a tick at most: most partitions are small.
const SEGMENTS_MAX: usize = 256;

/// Where in a log. No segment is held from one tick to the next: one that is removed meanwhile must be gone.
struct Reading {
    log: Arc<StoredLog>,
    /// The segment with this base or the next above it.
    base: Offset,
    /// Whole batches up to this byte are good, and this offset comes next.
    position: u64,
    next: Offset,
}

/// What is still to be read.
#[derive(Default)]
pub(crate) struct Scrub {
    logs: Vec<Arc<StoredLog>>,
    reading: Option<Reading>,
}

impl Scrub {
    pub(crate) fn new(logs: Vec<Arc<StoredLog>>) -> Self {
        Scrub { logs, reading: None }
    }

    /// Reads on for about `bytes`.
    pub(crate) fn step(&mut self, bytes: u64, counters: &Counters) {
        let mut left = bytes;
        for _ in 0..SEGMENTS_MAX {
            let Some((reading, segment)) = self.next() else { return };
            let begun = reading.position;
            let mut is_done = true;
            match segment.scrub(begun, reading.next, left) {
                Ok((position, next)) => {
                    counters.scrub_bytes.add(position - begun);
                    left = left.saturating_sub(position - begun);
                    (reading.position, reading.next) = (position, next);
                    is_done = position >= segment.unchecked_end();
                }
                Err(error @ SegmentError::Corrupt { .. }) => {
                    counters.scrub_findings.add(1);
                    tracing::error!("found by the scrub: {error}");
                }
                Err(error @ SegmentError::Io { .. }) => tracing::warn!("the scrub passes over a segment: {error}"),
            }
            if is_done {
                (reading.base, reading.position) = (segment.base().plus(1), 0);
            }
            if left == 0 {
                return;
            }
        }
    }

    /// The segment that is to be read on.
    fn next(&mut self) -> Option<(&mut Reading, Arc<Segment>)> {
        loop {
            let mut reading = match self.reading.take() {
                Some(reading) => reading,
                None => Reading { log: self.logs.pop()?, base: Offset::ZERO, position: 0, next: Offset::ZERO },
            };
            let segments = reading.log.log.segments();
            let at = segments.partition_point(|segment| segment.base() < reading.base);
            let Some(segment) = segments.get(at).filter(|_| !reading.log.is_deleted()) else { continue };
            if segment.base() != reading.base || reading.position == 0 {
                (reading.base, reading.position, reading.next) = (segment.base(), 0, segment.base());
            }
            return Some((self.reading.insert(reading), segment.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::io::disk::Disk;
    use crate::record::check_produced;
    use crate::store::fixture::{Bench, batch, log};

    #[test]
    fn what_earlier_runs_left_is_read_once_and_damage_is_counted() {
        let bench = Bench::new(1);
        let store = bench.open();
        for topic in [1, 2] {
            for _ in 0..200 {
                let batch = batch(&[&[7; 1_000]]);
                let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
                let checked = check_produced(&batch).expect("good");
                log(&store, topic, 0).append(batch, &checked, &mut room).expect("appended");
            }
        }
        store.shutdown().expect("clean");
        let written: u64 = store.logs().iter().map(|log| log.size_bytes()).sum();
        drop(store);
        let scrub = |disk| {
            let bench = Bench::on(disk);
            let store = bench.open();
            for _ in 0..100 {
                store.scrub(10_000);
            }
            let counters = store.counters();
            (counters.scrub_bytes.get(), counters.scrub_findings.get())
        };
        assert_eq!(scrub(bench.disk.kill()), (written, 0));
        let damaged = bench.disk.kill();
        let dir = Bench::dir().join("topic2-0");
        let sealed = damaged.list(&dir).expect("listed").into_iter().find(|entry| entry.name.ends_with(".log"));
        damaged.corrupt(&dir.join(sealed.expect("a segment").name), 30_000, 1).expect("there is such a byte");
        let (bytes, findings) = scrub(damaged);
        assert!(bytes < written && bytes > written / 2 && findings == 1, "{bytes} of {written}, {findings} findings");
    }
}
