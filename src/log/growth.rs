//! How the active segment grows: its size, its sparse index entries, its largest timestamp, when it is full. Pure, and
//! used by appends and by rebuilding alike, so that a rebuilt index is the one that was lost.

use super::index::{INDEX_ENTRY_BYTES, TIME_ENTRY_BYTES};
use super::settings::{LogSettings, SEGMENT_BYTES_MAX};
use crate::base::{Offset, Timestamp};

/// "The largest timestamp up to this offset is this."
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeMark {
    /// The largest timestamp.
    pub timestamp: Timestamp,
    /// Last offset of the first batch that carries it.
    pub offset: Offset,
}

/// What a batch adds to the indexes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Marks {
    /// An offset index entry: the batch's last offset and position.
    pub index: bool,
    /// A time index entry.
    pub time: Option<TimeMark>,
}

/// The active segment as the append path sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Growth {
    /// The segment's base offset.
    pub base: Offset,
    /// Bytes placed so far.
    pub position: u32,
    /// Bytes of batches since the last index entry, the entry's own batch included.
    pub since_index: u32,
    /// Entries in the offset index.
    pub index_entries: u32,
    /// Entries in the time index.
    pub time_entries: u32,
    /// Timestamp of the last time index entry; -1 when there is none.
    pub last_time_entry: Timestamp,
    /// The largest timestamp so far.
    pub max: Option<TimeMark>,
    /// Max timestamp of the first batch; what `segment.ms` counts from.
    pub first_timestamp: Option<Timestamp>,
    /// When the segment was begun or opened; what `segment.ms` counts from when records carry no time.
    pub begun: Timestamp,
    /// Records are missing after this segment's last one: whatever comes next begins a new segment, so that within a
    /// segment offsets have no gap.
    pub closed: bool,
}

impl Growth {
    /// An empty segment.
    pub fn new(base: Offset, begun: Timestamp) -> Growth {
        Growth {
            base,
            position: 0,
            since_index: 0,
            index_entries: 0,
            time_entries: 0,
            last_time_entry: Timestamp::NONE,
            max: None,
            first_timestamp: None,
            begun,
            closed: false,
        }
    }

    /// Takes in a batch and says what it adds to the indexes.
    pub fn add(&mut self, last: Offset, size: u32, max_timestamp: Timestamp, interval_bytes: u32) -> Marks {
        if self.position == 0 {
            self.first_timestamp = Some(max_timestamp);
        }
        if max_timestamp > self.max.map_or(Timestamp::NONE, |mark| mark.timestamp) {
            self.max = Some(TimeMark { timestamp: max_timestamp, offset: last });
        }
        let mut marks = Marks::default();
        if self.since_index > interval_bytes {
            marks.index = true;
            marks.time = self.closing();
            self.index_entries += 1;
            self.since_index = 0;
            self.note_time_entry(marks.time);
        }
        self.position += size;
        self.since_index = self.since_index.saturating_add(size);
        marks
    }

    /// The time index entry that a segment gets when it is closed, unless the last entry says the same.
    pub fn closing(&self) -> Option<TimeMark> {
        self.max.filter(|mark| mark.timestamp > self.last_time_entry)
    }

    /// Counts a time index entry that was written.
    pub fn note_time_entry(&mut self, mark: Option<TimeMark>) {
        if let Some(mark) = mark {
            self.time_entries += 1;
            self.last_time_entry = mark.timestamp;
        }
    }

    /// Whether a batch of these properties belongs into a new segment. `jitter_ms` is taken off `segment.ms`.
    pub fn must_roll(
        &self,
        last: Offset,
        size: u32,
        at: Timestamp,
        now: Timestamp,
        by: &LogSettings,
        jitter_ms: i64,
    ) -> bool {
        if self.closed || self.position == 0 {
            // Offsets are missing between an empty segment's name and this batch: the segment keeps the gap.
            return self.closed;
        }
        let bytes_max = by.segment_bytes.min(SEGMENT_BYTES_MAX);
        let waited = match self.first_timestamp {
            Some(first) if first.0 >= 0 => at.0.saturating_sub(first.0),
            _ => now.0.saturating_sub(self.begun.0),
        };
        self.position.saturating_add(size) > bytes_max
            || waited > by.segment_ms.saturating_sub(jitter_ms)
            || self.index_entries >= by.index_bytes / INDEX_ENTRY_BYTES as u32
            || self.time_entries >= (by.index_bytes / TIME_ENTRY_BYTES as u32).saturating_sub(1)
            || last.0 - self.base.0 > i64::from(i32::MAX)
    }
}
