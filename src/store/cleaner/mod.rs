//! The cleaner: compacts logs whose `cleanup.policy` has `compact`, on threads of its own.
//!
//! - [`config`]: what it is told, and may be told anew at any time. [`pace`]: how fast it works.
//! - [`look`]: what a log looks like to it: which one is next, and how much of it.
//! - [`round`]: one log, once: the keys of its dirty part into a map of fixed size, then group after group of its segments
//!   through the rules of [`crate::log::compact`] into a new segment each, which takes their place.
//! - [`threads`]: when it works, and when it rests.
//!
//! What must hold: only sealed segments that no recovery needs are rewritten (those before the active segment of the log's
//! last durable record in the checkpoint). Appends, the segment writer and readers wait for none of it. Memory is the map's,
//! one batch plain and one rewritten. A round that is given up leaves the log as it was; a crash leaves what
//! [`crate::log::edit`] says. A log that can't be compacted is named once and left alone until the next start; the others
//! go on.

mod config;
mod look;
mod pace;
mod round;
mod threads;

#[cfg(test)]
mod tests;

pub use config::CleanerConfig;
pub(super) use threads::{Cleaners, Cleaning};

use super::core::Core;
use super::stored_log::StoredLog;
use crate::log::SwapError;
use crate::log::compact::OffsetMap;
use look::Chosen;
use pace::Pace;
use round::RoundError;
use std::collections::HashSet;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What a step of a cleaner came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cleaned {
    /// A log was compacted, or given up: there may be another.
    Log,
    /// There is nothing to do.
    Nothing,
}

/// One cleaner: its map and its pace.
pub(crate) struct Cleaner {
    core: Arc<Core>,
    config: Arc<CleanerConfig>,
    map: Option<OffsetMap>,
    pace: Pace,
    /// Numbers of logs that wait for something: tried again when nothing else is to be done, so that the dirtiest of all
    /// keeps none of the others from its turn.
    waiting: HashSet<u64>,
}

impl Cleaner {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        let config = core.cleaning.config();
        let pace = Pace::new(core.clone());
        Cleaner { core, config, map: None, pace, waiting: HashSet::new() }
    }

    /// Compacts the log that has the largest dirty part, if one is due. One that has to wait gives its turn to the next.
    pub(crate) fn step(&mut self) -> Cleaned {
        self.take_config();
        while self.config.enabled && !self.core.health.is_final() && !self.core.health.is_stopping() {
            let now = self.core.proven_now();
            let Some(chosen) = look::choose(&self.core, &self.waiting, now) else { break };
            let log = chosen.log.clone();
            let outcome = catch_unwind(AssertUnwindSafe(|| self.round(chosen)));
            self.core.cleaning.release(&log);
            let cleaned = match outcome {
                Ok(Ok(())) => {
                    self.core.counters.cleaner_rounds.add(1);
                    Cleaned::Log
                }
                Ok(Err(error)) => self.given_up(&log, error),
                Err(_) => {
                    self.leave_alone(&log, "the cleaner panicked");
                    Cleaned::Log
                }
            };
            if cleaned == Cleaned::Log {
                return cleaned;
            }
            self.waiting.insert(log.number);
        }
        // Memory is for those who work.
        self.map = None;
        self.core.counters.cleaner_map_bytes.set(0);
        self.waiting.clear();
        Cleaned::Nothing
    }

    fn round(&mut self, chosen: Chosen) -> Result<(), RoundError> {
        let map = match &mut self.map {
            Some(map) => map,
            none => none.insert(self.config.map().ok_or(RoundError::NoMemory)?),
        };
        self.core.counters.cleaner_map_bytes.set(self.config.map_bytes());
        round::round(&self.core, chosen, map, &mut self.pace)
    }

    fn take_config(&mut self) {
        let config = self.core.cleaning.config();
        if !Arc::ptr_eq(&config, &self.config) {
            self.map = None;
            self.config = config;
        }
    }

    /// A round that did not come to its end. What is worth another try is tried after the next rest ([`Cleaned::Nothing`]).
    fn given_up(&self, log: &StoredLog, error: RoundError) -> Cleaned {
        match error {
            // The partition or the broker ends.
            RoundError::Ended => Cleaned::Log,
            RoundError::Damaged(_) | RoundError::Io(_) | RoundError::Swap(SwapError::Gone) if log.is_deleted() => {
                Cleaned::Log
            }
            RoundError::Io(error) | RoundError::Write(error) | RoundError::Swap(SwapError::Io(error))
                if super::writer::is_full(&error) =>
            {
                tracing::warn!("compaction of {} waits for room on the disk", log.id());
                Cleaned::Nothing
            }
            RoundError::NoRoom { bytes } => {
                tracing::warn!("compaction of {} waits for {bytes} bytes of room on the disk", log.id());
                Cleaned::Nothing
            }
            RoundError::Io(error) if is_passing(&error) => {
                tracing::warn!("compaction of {} is tried again: {error}", log.id());
                Cleaned::Nothing
            }
            // The disk is all right: what is left of the segments is more than a segment may have.
            RoundError::Write(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                self.leave_alone(log, &error.to_string());
                Cleaned::Log
            }
            error @ (RoundError::Swap(SwapError::HalfDone(_) | SwapError::Io(_)) | RoundError::Write(_)) => {
                self.core.fail(&format!("compacting {}: {error}", log.id()));
                Cleaned::Nothing
            }
            error @ (RoundError::Damaged(_)
            | RoundError::Io(_)
            | RoundError::NoMemory
            | RoundError::Swap(SwapError::Gone)) => {
                self.leave_alone(log, &error.to_string());
                Cleaned::Log
            }
        }
    }

    fn leave_alone(&self, log: &StoredLog, why: &str) {
        tracing::error!("{} is not compacted any more until the next start: {why}", log.id());
        self.core.cleaning.leave_alone(log);
        if log.is_deleted() {
            self.core.cleaning.forget(log);
        }
        self.core.counters.uncleanable_logs.set(self.core.cleaning.left_alone());
    }
}

/// Whether the system had no file to give, which it may have later.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::EINTR | libc::ENOMEM))
}
