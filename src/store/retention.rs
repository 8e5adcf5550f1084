//! Retention: old segments go by age and by size, as Kafka's do.
//!
//! A segment goes when the newest of its records is older than `retention.ms`, and while the log is larger than
//! `retention.bytes` by at least it; always from the oldest on, only below the durable offset, and the active one when
//! everything before it goes. What is decided is a higher log start; the segments' files go after the checkpoint's record
//! that holds it. Segments below a log start that somebody else raised go the same way, whatever the policy.
//!
//! Ages are judged by proven time. A segment whose age can't be told for damage is kept, unless the log is too large.

use super::core::Core;
use super::queue::{Entry, What};
use super::stored_log::{AppendError, StoredLog};
use crate::base::{Offset, Timestamp};
use crate::log::{Growth, LogSettings, Newest, Segment};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The first check comes so long after the start: metadata have given every log its settings by then.
pub(crate) const FIRST_CHECK_AFTER: Duration = Duration::from_secs(30);

/// Logs that are looked at in a tick, about every second, at most,
const LOGS_PER_STEP: usize = 2_048;

/// and the time after which no further one is begun.
const STEP_TIME: Duration = Duration::from_millis(200);

/// Why a segment went.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// `retention.ms`.
    Time,
    /// `retention.bytes`.
    Size,
    /// It lay below a log start that was raised for another reason.
    Start,
}

impl Reason {
    /// All of them, in the order of their counters.
    pub const ALL: [Reason; 3] = [Reason::Time, Reason::Size, Reason::Start];

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Reason::Time => "time",
            Reason::Size => "size",
            Reason::Start => "start",
        }
    }
}

/// A segment as a decision sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Seen {
    /// The offset after its last.
    pub(super) next: Offset,
    pub(super) bytes: u64,
}

/// What a topic keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rules {
    pub(super) ms: Option<i64>,
    pub(super) bytes: Option<u64>,
}

impl Rules {
    /// None when nothing is ever deleted.
    fn of(settings: &LogSettings) -> Option<Rules> {
        let rules = Rules { ms: settings.retention_ms, bytes: settings.retention_bytes };
        (settings.cleanup_delete && (rules.ms.is_some() || rules.bytes.is_some())).then_some(rules)
    }
}

/// Why each of the oldest segments goes: as many reasons as segments that go. `newest` is asked for the ages of as few as
/// possible. The last segment may be an empty active one, which stays. Before it compaction may have left segments without
/// a batch: they go with what follows them.
pub(super) fn decide(
    segments: &[Seen],
    rules: Rules,
    now: Timestamp,
    durable: Offset,
    newest: impl Fn(usize) -> Newest,
) -> Vec<Reason> {
    let last = segments.len().saturating_sub(1);
    let may_go = |at: usize| segments[at].next <= durable && (segments[at].bytes > 0 || at < last);
    let mut reasons = Vec::new();
    if let Some(ms) = rules.ms {
        let is_old = |at: usize| match newest(at) {
            Newest::At(time) | Newest::SeenAt(time) => now.0.saturating_sub(time.0) > ms,
            Newest::Damaged => false,
        };
        let is_empty = |at: usize| segments[at].bytes == 0;
        let old = (0..segments.len()).take_while(|at| may_go(*at) && (is_empty(*at) || is_old(*at)));
        let count = old.filter(|at| !is_empty(*at)).last().map_or(0, |at| at + 1);
        reasons.resize(count, Reason::Time);
    }
    if let Some(bytes) = rules.bytes {
        let rest = reasons.len()..segments.len();
        let mut excess = segments[rest.clone()].iter().map(|segment| segment.bytes).sum::<u64>().checked_sub(bytes);
        for at in rest.take_while(|at| may_go(*at)) {
            excess = excess.and_then(|excess| excess.checked_sub(segments[at].bytes));
            if excess.is_none() {
                break;
            }
            reasons.push(Reason::Size);
        }
    }
    reasons
}

/// A log as it was looked at.
struct Look {
    rules: Rules,
    durable: Offset,
    /// Segments of which something lies above the log start, and what each comes to.
    segments: Vec<(Arc<Segment>, Seen)>,
    /// The active one, when it is the last of them.
    active: Option<Growth>,
}

impl Look {
    fn sealed(&self) -> impl Iterator<Item = &Segment> {
        let sealed = self.segments.len() - usize::from(self.active.is_some());
        self.segments[..sealed].iter().map(|(segment, _)| &**segment)
    }

    /// Whether the oldest segment that has a batch has no time in it.
    fn ages_from_now_on(&self, now: Timestamp) -> bool {
        self.sealed()
            .find(|segment| segment.written_end() > 0)
            .is_some_and(|oldest| matches!(oldest.newest(now), Newest::SeenAt(_)))
    }
}

/// What tells one state of an active segment from the next: records that came later count from when they were seen.
fn placed_end(active: &Growth) -> Offset {
    active.base.plus(i64::from(active.position))
}

/// Looks at logs, some at each tick.
pub(crate) struct Retention {
    every: Duration,
    due: Duration,
    /// Logs that this pass has not come to.
    pending: Vec<Arc<StoredLog>>,
    /// A log start was raised: what was not in the checkpoint that was asked for then is in the next.
    asks: bool,
}

impl Retention {
    pub(crate) fn new(every: Duration, now: Duration) -> Self {
        Retention { every, due: now + FIRST_CHECK_AFTER, pending: Vec::new(), asks: false }
    }

    /// Goes on with a pass, or begins one when it is time. `now` is proven.
    pub(crate) fn step(&mut self, core: &Core, now: Timestamp) {
        if std::mem::take(&mut self.asks) {
            core.checkpoint_now();
        }
        let begun = core.clock.monotonic();
        if self.pending.is_empty() && begun >= self.due {
            self.due = begun + self.every;
            self.pending = core.live_logs();
            // The same logs are gone through in the same order, oldest last.
            self.pending.sort_unstable_by_key(|log| log.number);
        }
        for _ in 0..LOGS_PER_STEP {
            let Some(log) = self.pending.pop() else { break };
            match log.apply_retention(now) {
                Ok(raised) => self.asks |= raised,
                // Deleted, or the end: there is nothing to keep small.
                Err(error) => tracing::debug!("retention passes over {}: {error}", log.id()),
            }
            if core.clock.monotonic().saturating_sub(begun) >= STEP_TIME {
                break;
            }
        }
        if self.asks {
            core.checkpoint_now();
        }
    }

    pub(crate) fn clear(&mut self) {
        self.pending.clear();
    }
}

impl StoredLog {
    /// Raises the log start above what the topic keeps no longer; says whether something goes.
    pub(super) fn apply_retention(self: &Arc<Self>, now: Timestamp) -> Result<bool, AppendError> {
        let Some(look) = self.look() else { return Ok(false) };
        let seen: Vec<Seen> = look.segments.iter().map(|(_, seen)| *seen).collect();
        // Not by `now`: while the clock is behind that is long ago, and all would be old when it is right again.
        let dated = self.core.dated_now();
        if look.rules.ms.is_some() && look.ages_from_now_on(dated) {
            // All of them at once: else each would only begin to age when the one before it is gone.
            for segment in look.sealed() {
                segment.newest(dated);
            }
            if let Some(active) = &look.active {
                self.seen_active(placed_end(active), dated);
            }
        }
        let reasons = decide(&seen, look.rules, now, look.durable, |at| match &look.active {
            Some(active) if at + 1 == seen.len() => match active.max {
                Some(mark) => Newest::At(mark.timestamp),
                None => Newest::SeenAt(active.begun.max(self.seen_active(placed_end(active), dated))),
            },
            Some(_) | None => look.segments[at].0.newest(dated),
        });
        let Some(last) = reasons.len().checked_sub(1) else { return Ok(false) };
        let everything = look.active.filter(|_| reasons.len() == seen.len());
        if !self.expire(seen[last].next, everything.as_ref())? {
            return Ok(false);
        }
        for (reason, (segment, seen)) in reasons.iter().zip(&look.segments) {
            self.core.counters.removed(*reason, seen.bytes);
            tracing::debug!("{} goes by its {}", segment.name(), reason.name());
        }
        let start = seen[last].next;
        tracing::info!("{}: retention removes {} segments, the log begins at {start} now", self.id(), reasons.len());
        Ok(true)
    }

    /// When this run first saw the active segment without a time in it.
    fn seen_active(&self, base: Offset, now: Timestamp) -> Timestamp {
        let mut seen = self.seen_active.lock();
        match *seen {
            Some((at, since)) if at == base => since,
            Some(_) | None => seen.insert((base, now)).1,
        }
    }

    fn look(&self) -> Option<Look> {
        let (rules, durable, log_start, end, growth) = {
            let state = self.state.lock();
            let rules = Rules::of(&state.settings)?;
            if state.deleted || state.tip.is_expired() {
                return None;
            }
            (rules, state.durable, state.tip.log_start(), state.tip.end(), state.tip.growth().cloned())
        };
        let all = self.log.segments();
        let mut segments = Vec::with_capacity(all.len());
        let mut active = None;
        for (at, segment) in all.iter().enumerate() {
            let is_last = at + 1 == all.len();
            let growth = growth.as_ref().filter(|growth| is_last && growth.base == segment.base());
            let (next, bytes) = match (growth, all.get(at + 1)) {
                (Some(growth), _) => (end, u64::from(growth.position)),
                (None, Some(next)) => (next.base(), segment.written_end()),
                // Its successor is placed, and not written yet: the next pass knows more.
                (None, None) => break,
            };
            if growth.is_none() && next <= log_start {
                continue;
            }
            active = growth.cloned();
            segments.push((segment.clone(), Seen { next, bytes }));
        }
        Some(Look { rules, durable, segments, active })
    }

    /// Raises the log start to `start`. With `everything` that is the end, and the active segment, as it was looked at,
    /// goes with it; when something was appended meanwhile, nothing happens. Says whether it did.
    fn expire(self: &Arc<Self>, start: Offset, everything: Option<&Growth>) -> Result<bool, AppendError> {
        let mut state = self.state.lock();
        if state.deleted {
            return Err(AppendError::Deleted);
        }
        self.core.health.check_running()?;
        let is_same = |active: &Growth| state.tip.growth() == Some(active) && state.durable == state.tip.end();
        if start > state.durable || !everything.is_none_or(is_same) {
            return Ok(false);
        }
        let is_raised = start > state.tip.log_start();
        match everything {
            Some(_) => state.tip.expire(),
            None => state.tip.raise_log_start(start),
        }
        self.counted.fetch_max(start.0, Ordering::Relaxed);
        if is_raised {
            self.core.queue.push(Entry { log: self.clone(), what: What::LogStart(start) });
        }
        drop(state);
        // Also when only the active segment was closed, which no log of the disk needs to know.
        self.core.mark_dirty(self);
        Ok(is_raised || everything.is_some())
    }

    /// Segments below the log start have left the list: those that retention did not ask for are counted now.
    pub(super) fn count_dropped(&self, segments: &[(Offset, u64)]) {
        let counted = Offset(self.counted.load(Ordering::Relaxed));
        for (_, bytes) in segments.iter().filter(|(base, _)| *base >= counted) {
            self.core.counters.removed(Reason::Start, *bytes);
        }
    }
}

#[cfg(test)]
#[path = "retention_tests.rs"]
mod tests;
