//! Which log is compacted next. Kafka's rules are in [`crate::log::compact::choose`]; here is what they are told.

use crate::base::{Offset, Timestamp};
use crate::log::compact::{Candidate, ChoosePolicy, LogState, SegmentAge, candidate, filthiest};
use crate::log::{LogSettings, Newest, Segment};
use crate::store::core::Core;
use crate::store::stored_log::StoredLog;
use std::collections::HashSet;
use std::sync::Arc;

/// A log and what of it is to be compacted.
pub(super) struct Chosen {
    pub(super) log: Arc<StoredLog>,
    pub(super) settings: Arc<LogSettings>,
    pub(super) candidate: Candidate,
    pub(super) now: Timestamp,
}

/// The due log with the largest share of dirty bytes, except those in `waiting`; nobody else works at it until it is
/// released.
pub(super) fn choose(core: &Core, waiting: &HashSet<u64>, now: Timestamp) -> Option<Chosen> {
    let mut due = Vec::new();
    for log in core.live_logs() {
        let settings = log.settings();
        if settings.cleanup_compact && !waiting.contains(&log.number) && core.cleaning.is_free(&log) {
            let policy = policy(&settings);
            if let Some(candidate) = look(&log, &policy, now) {
                due.push(((log, settings), candidate, policy));
            }
        }
    }
    let ((log, settings), candidate) = filthiest(due)?;
    core.cleaning.take(&log).then_some(Chosen { log, settings, candidate, now })
}

fn policy(settings: &LogSettings) -> ChoosePolicy {
    ChoosePolicy {
        lag_min_ms: settings.min_compaction_lag_ms,
        lag_max_ms: settings.max_compaction_lag_ms,
        dirty_ratio_min: settings.min_cleanable_dirty_ratio,
    }
}

/// What could be compacted of this log now. Times are read only where they matter.
fn look(log: &StoredLog, policy: &ChoosePolicy, now: Timestamp) -> Option<Candidate> {
    let (marks, settled) = (log.watermarks(), log.settled());
    let segments = log.log.segments();
    let sealed = segments.partition_point(|segment| segment.base() < settled);
    // The first one that recovery may need stands for the active one.
    let looked_at = segments.get(..=sealed).unwrap_or(&segments);
    let cleaned = log.log.compacted().clean;
    let dirty = looked_at.partition_point(|segment| segment.base() < cleaned).saturating_sub(1);
    let ages: Vec<SegmentAge> = looked_at
        .iter()
        .enumerate()
        .map(|(at, segment)| age(segment, at >= dirty && at < sealed, policy, now))
        .collect();
    let cleaned = (cleaned > Offset::ZERO).then_some(cleaned);
    let state = LogState { start: marks.log_start, end: marks.end, stable: marks.stable, cleaned, segments: &ages };
    candidate(&state, policy, now)
}

fn age(segment: &Segment, is_dirty: bool, policy: &ChoosePolicy, now: Timestamp) -> SegmentAge {
    let (base, bytes) = (segment.base(), segment.written_end());
    let largest = match is_dirty && policy.lag_min_ms > 0 {
        // What can't be read is too young.
        true => match segment.newest(now) {
            Newest::At(time) | Newest::SeenAt(time) => time,
            Newest::Damaged => Timestamp(i64::MAX),
        },
        false => Timestamp::NONE,
    };
    let first = match is_dirty && policy.lag_max_ms < i64::MAX {
        true => segment.first_timestamp().unwrap_or(Timestamp::NONE),
        false => Timestamp::NONE,
    };
    SegmentAge { base, bytes, largest, first }
}
