//! Proven time: what records' ages are judged by, so that no step of the clock deletes anything early.
//!
//! `E = min(T, W)`: W is the wall clock; T was W once and has gone on with the time that really passed since, which nobody
//! sets: the machine's time since its boot. T is kept in `ottla.clock`, so that it goes on across restarts.
//!
//! ```text
//! magic=ottla-clock
//! version=2
//! proven=1790000000000   T, milliseconds since the Unix epoch
//! boot=2f..              the boot under which it was written, 32 hexadecimal digits; 0 when the system does not say
//! since=86400000         and how far that had come, milliseconds
//! wall=1790000360000     W at that moment        (these two are not in version 1)
//! steady=82800000        since when in that boot W had not been stepped
//! crc=1a2b3c4d           CRC-32C of everything before this line, hexadecimal
//! ```
//!
//! While the machine is off T stands still, and W is ahead of it afterwards, as after a step. A gap is believed when W has
//! stood unstepped for as long as the gap is: an hour for an hour, ten years for ten years. Restarts count when W is where
//! it should be afterwards. A step back holds everything
//! up until W is back, and T follows it when it has stood for as long: a T that is ahead protects from nothing. So nothing
//! is ever judged older than it is by what a step claims, and everything is late by no more than the step, or the time that
//! the machine was off.

use crate::base::{Boot, Timestamp};
use crate::record::header::crc32c;
use std::time::Duration;

/// The file in the data directory.
pub(crate) const CLOCK_FILE: &str = "ottla.clock";

/// Where it is written before it takes its name.
pub(crate) const CLOCK_FILE_TEMPORARY: &str = "ottla.clock.tmp";

/// How it begins; the version follows.
const MAGIC: &str = "magic=ottla-clock\nversion=";

/// The file is a few lines; what is longer is none.
pub(crate) const CLOCK_FILE_BYTES_MAX: u64 = 4096;

/// Time between two writes of the file.
const KEEP_EVERY: Duration = Duration::from_secs(60);

/// What two clocks may drift apart from one observation to the next without it being a step, milliseconds: clocks are
/// slewed.
const SLEW_MS_MAX: i64 = 1_000;

/// A difference that is told, milliseconds.
const DIFFERENCE_TOLD_MS: i64 = 60_000;

/// 2026-01-01: nothing of ours ran before. A T from before comes from a clock that was not set.
const FOUNDED_MIN: Timestamp = Timestamp(1_767_225_600_000);

/// What the file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    proven: Timestamp,
    boot: Boot,
    wall: Timestamp,
    steady_since: Duration,
}

impl Kept {
    /// The file's content.
    pub(crate) fn encode(&self) -> String {
        let (proven, boot, since) = (self.proven.0, self.boot.id.unwrap_or(0), self.boot.since.as_millis());
        let (wall, steady) = (self.wall.0, self.steady_since.as_millis());
        let text = format!("{MAGIC}2\nproven={proven}\nboot={boot:032x}\nsince={since}\n");
        let text = format!("{text}wall={wall}\nsteady={steady}\n");
        format!("{text}crc={:08x}\n", crc32c(text.as_bytes()))
    }

    /// Reads the file's content; `None` when it is not whole.
    pub(crate) fn decode(bytes: &[u8]) -> Option<Kept> {
        let text = std::str::from_utf8(bytes).ok()?;
        let (before, crc) =
            text.strip_suffix('\n')?.rsplit_once("\ncrc=").map(|(before, crc)| (before.len() + 1, crc))?;
        if crc != format!("{:08x}", crc32c(&bytes[..before])) {
            return None;
        }
        let mut lines = text[..before].strip_prefix(MAGIC)?.lines();
        let version = lines.next()?;
        let mut line = |name: &str| lines.next()?.strip_prefix(name)?.strip_prefix('=');
        let proven = Timestamp(line("proven")?.parse().ok().filter(|proven| *proven >= 0)?);
        let id = u128::from_str_radix(line("boot")?, 16).ok()?;
        let since = Duration::from_millis(line("since")?.parse().ok()?);
        let (wall, steady_since) = match version {
            // Which knew nothing of it.
            "1" => (proven, since),
            "2" => (Timestamp(line("wall")?.parse().ok()?), Duration::from_millis(line("steady")?.parse().ok()?)),
            _ => return None,
        };
        let is_over = lines.next().is_none();
        is_over.then_some(Kept { proven, boot: Boot { id: (id != 0).then_some(id), since }, wall, steady_since })
    }

    /// Since when W has stood in this boot, when it is where this says that it should be.
    fn steady_since(&self, wall: Timestamp, boot: Boot) -> Option<Duration> {
        boot.id.filter(|id| self.boot.id == Some(*id))?;
        let passed = whole_ms(boot.since.checked_sub(self.boot.since)?);
        let drift = wall.0.saturating_sub(self.wall.0).saturating_sub(passed);
        let is_steady = drift.saturating_abs() <= SLEW_MS_MAX;
        (is_steady && self.steady_since <= self.boot.since).then_some(self.steady_since)
    }
}

/// T, and what it goes by.
#[derive(Debug)]
pub(crate) struct ProvenTime {
    /// T when the machine had come to `at`.
    proven: Timestamp,
    at: Boot,
    /// W at that moment.
    wall: Timestamp,
    /// Since when W has not been stepped.
    steady_since: Duration,
    /// When the file was written.
    kept_at: Option<Duration>,
    told: bool,
}

impl ProvenTime {
    /// From what the last run kept, if there was one; else W is where T begins.
    pub(crate) fn begin(kept: Option<Kept>, wall: Timestamp, boot: Boot) -> Self {
        let proven = kept.map_or(wall, |kept| {
            let passed = match (kept.boot.id, boot.id) {
                (Some(before), Some(now)) if before == now => boot.since.saturating_sub(kept.boot.since),
                // All of this boot came after. Unless the directory came from another machine: W has a say.
                (Some(_), Some(_)) => boot.since.min(Duration::from_millis(ms_between(kept.proven, wall))),
                (None, _) | (_, None) => Duration::ZERO,
            };
            after(kept.proven, passed)
        });
        let steady_since = kept.and_then(|kept| kept.steady_since(wall, boot)).unwrap_or(boot.since);
        ProvenTime { proven, at: boot, wall, steady_since, kept_at: None, told: false }
    }

    /// E: never later than what is proven.
    pub(crate) fn now(&self, wall: Timestamp, boot: Boot) -> Timestamp {
        self.proven_at(boot).min(wall)
    }

    /// The later of both: what is dated so is never judged older than it is, whichever of them is put right afterwards.
    pub(crate) fn latest(&self, wall: Timestamp, boot: Boot) -> Timestamp {
        self.proven_at(boot).max(wall)
    }

    fn proven_at(&self, boot: Boot) -> Timestamp {
        after(self.proven, boot.since.saturating_sub(self.at.since))
    }

    /// Looks at both clocks, about every second.
    pub(crate) fn observe(&mut self, wall: Timestamp, boot: Boot) {
        let proven = self.proven_at(boot);
        let passed = whole_ms(boot.since.saturating_sub(self.at.since));
        let drift = wall.0.saturating_sub(self.wall.0).saturating_sub(passed);
        if drift.saturating_abs() > SLEW_MS_MAX {
            self.steady_since = boot.since;
        }
        let gap = wall.0.saturating_sub(proven.0);
        let stood = whole_ms(boot.since.saturating_sub(self.steady_since));
        self.tell(gap);
        // Also a gap the other way: a T that is ahead would hold up no step that is smaller than its lead.
        let is_believed = stood >= gap.saturating_abs();
        self.proven = if is_believed || proven < FOUNDED_MIN { wall } else { proven };
        (self.at, self.wall) = (boot, wall);
    }

    /// Tells of each time that the clocks part.
    fn tell(&mut self, gap: i64) {
        let differ = gap.saturating_abs() > DIFFERENCE_TOLD_MS;
        if differ && !self.told {
            let seconds = gap / 1_000;
            tracing::warn!(
                "the clock is {seconds} s from where it should be by the time that has passed: records are judged by the \
                 earlier of both until the clock has stood for as long (see {CLOCK_FILE} in docs/operations.md)"
            );
        }
        self.told = differ;
    }

    /// What is to be kept.
    pub(crate) fn to_keep(&self) -> Kept {
        Kept { proven: self.proven, boot: self.at, wall: self.wall, steady_since: self.steady_since }
    }

    /// Whether it is time to write the file; a failed write is tried again when the next one is due.
    pub(crate) fn is_due(&mut self) -> bool {
        let due = self.kept_at.is_none_or(|kept| self.at.since.saturating_sub(kept) >= KEEP_EVERY);
        if due {
            self.kept_at = Some(self.at.since);
        }
        due
    }
}

fn whole_ms(time: Duration) -> i64 {
    i64::try_from(time.as_millis()).unwrap_or(i64::MAX)
}

fn ms_between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0)
}

fn after(at: Timestamp, time: Duration) -> Timestamp {
    Timestamp(at.0.saturating_add(whole_ms(time)))
}

#[cfg(test)]
#[path = "proven_time_tests.rs"]
mod tests;
