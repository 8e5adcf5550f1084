//! What waits for its removal: directories of deleted partitions, and files of segments below a log start.
//!
//! Files come here when a durable record says that nobody needs them. They go a bounded number at a time, outside of every
//! lock that an append or a stop waits for. What is not removed at the end of a run is found again by the next start.

use super::core::Core;
use super::load;
use super::stored_log::StoredLog;
use crate::log::OldFile;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Files that are removed in a step, about every second, at most,
const FILES_PER_STEP: usize = 1_024;

/// and the time after which a step removes no more.
const STEP_TIME: Duration = Duration::from_millis(250);

/// One log's files.
struct Files {
    log: Arc<StoredLog>,
    files: VecDeque<OldFile>,
    /// Whether a removal failed, which was told.
    failed: bool,
}

/// The trash.
#[derive(Default)]
pub(crate) struct Trash {
    dirs: Mutex<Vec<PathBuf>>,
    files: Mutex<VecDeque<Files>>,
    /// How many of both wait.
    waiting: AtomicU64,
}

impl Trash {
    /// A directory that was renamed.
    pub(crate) fn add_dir(&self, path: PathBuf) {
        self.dirs.lock().push(path);
        self.waiting.fetch_add(1, Ordering::Relaxed);
    }

    /// Files of a log's directory.
    pub(crate) fn add_files(&self, log: &Arc<StoredLog>, files: Vec<OldFile>) {
        if !files.is_empty() {
            self.waiting.fetch_add(files.len() as u64, Ordering::Relaxed);
            self.files.lock().push_back(Files { log: log.clone(), files: files.into(), failed: false });
        }
    }

    /// How many files and directories wait.
    pub(crate) fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Removes the directories, and files as many as a step may.
    pub(crate) fn step(&self, core: &Core) {
        let dirs = std::mem::take(&mut *self.dirs.lock());
        for path in &dirs {
            load::discard(core, path);
        }
        let mut gone = dirs.len() as u64;
        let begun = core.clock.monotonic();
        let mut left = FILES_PER_STEP;
        while left > 0 && core.clock.monotonic().saturating_sub(begun) < STEP_TIME {
            let Some(mut files) = self.files.lock().pop_front() else { break };
            let before = files.files.len();
            let removed = files.remove(left, || core.clock.monotonic().saturating_sub(begun) < STEP_TIME);
            left -= before - files.files.len();
            gone += (before - files.files.len()) as u64;
            if !files.files.is_empty() {
                self.files.lock().push_back(files);
            }
            if !removed {
                // The next step tries again.
                break;
            }
        }
        self.waiting.fetch_sub(gone, Ordering::Relaxed);
    }

    /// Forgets everything: the next start finds it.
    pub(crate) fn clear(&self) {
        let dropped = std::mem::take(&mut *self.files.lock());
        self.dirs.lock().clear();
        self.waiting.store(0, Ordering::Relaxed);
        drop(dropped);
    }
}

impl Files {
    /// Removes at most `most`, while there is time; says whether the disk went along.
    fn remove(&mut self, most: usize, has_time: impl Fn() -> bool) -> bool {
        for _ in 0..most {
            let Some(file) = self.files.front().filter(|_| has_time()) else { return true };
            if let Err(error) = self.log.log.remove_file(file) {
                if !std::mem::replace(&mut self.failed, true) {
                    tracing::warn!("removing {} of {}: {error}; it is tried again", file.name(), self.log.id());
                }
                return false;
            }
            self.files.pop_front();
        }
        true
    }
}
