//! Which log is cleaned next, and how much of it.
//!
//! ```text
//! start        cleaned up to            may be cleaned up to              active
//!   | clean segments | dirty segments          | too young, or undecided     | segment
//! ```
//!
//! Dirty is what came since the last pass. It may be cleaned up to the active segment, the last stable offset and the
//! first segment that is younger than `min.compaction.lag.ms`, in whole segments. A log is due when dirty bytes are more
//! than `min.cleanable.dirty.ratio` of all that a pass would read, or when dirty data is older than
//! `max.compaction.lag.ms` (KIP-354). Times are record times against a given now.

use crate::base::{Offset, Timestamp};

/// A segment's size and times.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SegmentAge {
    /// Its base offset.
    pub base: Offset,
    /// Of its batches.
    pub bytes: u64,
    /// Largest time stamp in it; the file's time where it has none.
    pub largest: Timestamp,
    /// Max timestamp of its first batch; [`Timestamp::NONE`] where there is none.
    pub first: Timestamp,
}

/// What a log looks like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LogState<'a> {
    /// Log start.
    pub start: Offset,
    /// Log end.
    pub end: Offset,
    /// Last stable offset, never beyond the high watermark.
    pub stable: Offset,
    /// How far it was cleaned, exclusive; `None` if never.
    pub cleaned: Option<Offset>,
    /// In order. The last is the first that may not be touched: the active one.
    pub segments: &'a [SegmentAge],
}

/// The topic's settings.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ChoosePolicy {
    /// `min.compaction.lag.ms`.
    pub lag_min_ms: i64,
    /// `max.compaction.lag.ms`.
    pub lag_max_ms: i64,
    /// `min.cleanable.dirty.ratio`.
    pub dirty_ratio_min: f64,
}

/// What a pass over a log would do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Where the first pass begins.
    pub first_dirty: Offset,
    /// Where it ends, exclusive: the base of a segment, or `first_dirty` if nothing can be cleaned.
    pub upto: Offset,
    /// Of segments that begin before `first_dirty`.
    pub clean_bytes: u64,
    /// Of segments that hold what is dirty and may be cleaned.
    pub cleanable_bytes: u64,
    /// By how much dirty data is older than the policy allows, ms; 0 if it is not.
    pub overdue_ms: i64,
    /// What was known of an earlier pass is not of this log: cleaned beyond its end, or less than its start.
    pub reset: bool,
}

impl Candidate {
    /// The share of dirty bytes in what a pass would read; 0 if that is nothing.
    pub fn dirty_ratio(&self) -> f64 {
        match self.clean_bytes + self.cleanable_bytes {
            0 => 0.0,
            total => self.cleanable_bytes as f64 / total as f64,
        }
    }

    /// Whether the log is worth a pass now.
    pub fn is_due(&self, policy: &ChoosePolicy) -> bool {
        self.cleanable_bytes > 0 && (self.overdue_ms > 0 || self.dirty_ratio() > policy.dirty_ratio_min)
    }
}

/// What a pass over this log would do now; `None` for a log without a segment.
pub fn candidate(log: &LogState<'_>, policy: &ChoosePolicy, now: Timestamp) -> Option<Candidate> {
    let active = log.segments.last()?.base;
    let (first_dirty, reset) = match log.cleaned {
        None => (log.start, false),
        Some(cleaned) if cleaned < log.start || cleaned > log.end => (log.start, true),
        Some(cleaned) => (cleaned, false),
    };
    let dirty = sealed_from(log.segments, first_dirty);
    let bound = log.stable.min(active).min(first_too_young(dirty, policy, now).unwrap_or(active)).max(first_dirty);
    // Whole segments only: the one that holds the bound is not cleaned.
    let first_kept = sealed_from(log.segments, bound).first().map_or(active, |segment| segment.base);
    let cleanable = dirty.iter().take_while(|segment| segment.base < first_kept);
    let clean = log.segments.iter().take_while(|segment| segment.base < first_dirty);
    Some(Candidate {
        first_dirty,
        upto: first_kept.max(first_dirty),
        clean_bytes: clean.map(|segment| segment.bytes).sum(),
        cleanable_bytes: cleanable.map(|segment| segment.bytes).sum(),
        overdue_ms: overdue_ms(dirty, policy, now),
        reset,
    })
}

/// The due one with the largest share of dirty bytes, the first of equal ones.
pub fn filthiest<T>(candidates: impl IntoIterator<Item = (T, Candidate, ChoosePolicy)>) -> Option<(T, Candidate)> {
    let mut best: Option<(T, Candidate)> = None;
    for (log, candidate, policy) in candidates {
        let better = best.as_ref().is_none_or(|(_, best)| candidate.dirty_ratio() > best.dirty_ratio());
        if better && candidate.is_due(&policy) {
            best = Some((log, candidate));
        }
    }
    best
}

/// Sealed segments from the one that holds `from` on.
fn sealed_from(segments: &[SegmentAge], from: Offset) -> &[SegmentAge] {
    let Some((active, sealed)) = segments.split_last() else {
        return &[];
    };
    if from >= active.base {
        return &[];
    }
    let behind = sealed.partition_point(|segment| segment.base <= from);
    &sealed[behind.saturating_sub(1)..]
}

fn first_too_young(dirty: &[SegmentAge], policy: &ChoosePolicy, now: Timestamp) -> Option<Offset> {
    let lag = policy.lag_min_ms;
    let is_young = |segment: &&SegmentAge| segment.largest.0 > now.0.saturating_sub(lag);
    if lag > 0 { dirty.iter().find(is_young).map(|segment| segment.base) } else { None }
}

fn overdue_ms(dirty: &[SegmentAge], policy: &ChoosePolicy, now: Timestamp) -> i64 {
    let earliest = dirty.iter().map(|segment| segment.first.0).filter(|first| *first > 0).min();
    let until = now.0.saturating_sub(policy.lag_max_ms.max(0));
    earliest.map_or(0, |earliest| until.saturating_sub(earliest).max(0))
}
