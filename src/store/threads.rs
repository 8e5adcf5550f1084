//! The store's three threads: who commits, who writes segments, who makes checkpoints.
//!
//! The work is in [`Hands`], which tests move by hand, step by step, in whatever order a seed says. Here is only when a
//! thread sleeps, and what ends it: a failure ends all three, a stop lets each finish what comes to it, in their order.

use super::checkpointer::Checkpointer;
use super::commit::{Committer, Step};
use super::config::{CHECKPOINT_POLL, FULL_DISK_RETRY};
use super::core::Core;
use super::writer::SegmentWriter;
use crate::wal::Pool;
use parking_lot::Mutex;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

/// Memory that waits for the segments is looked at again after this time.
const TRIM_AGAIN: Duration = Duration::from_millis(10);

/// Who does the work.
pub(crate) struct Hands {
    pub(crate) committer: Committer,
    pub(crate) writer: SegmentWriter,
    pub(crate) checkpointer: Checkpointer,
    /// What the log of the disk is made of; none in `os` mode.
    pub(crate) pool: Option<Arc<Pool>>,
}

/// The running threads.
#[derive(Default)]
pub(crate) struct Threads {
    commit: Mutex<Option<JoinHandle<()>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    checkpointer: Mutex<Option<JoinHandle<()>>>,
}

/// Fails the store when a thread ends in a panic.
struct FailOnPanic<'a>(&'a Core, &'static str);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(&format!("the {} thread panicked", self.1));
        }
    }
}

impl Threads {
    /// Starts them.
    pub(crate) fn start(core: &Arc<Core>, hands: Hands) -> io::Result<Threads> {
        let Hands { committer, writer, checkpointer, pool } = hands;
        let threads = Threads::default();
        *threads.commit.lock() = Some(spawn(core, "commit", {
            let pool = pool.clone();
            move |core| commit(core, committer, pool.as_deref())
        })?);
        *threads.writer.lock() = Some(spawn(core, "segments", |core| write(core, writer))?);
        *threads.checkpointer.lock() =
            Some(spawn(core, "checkpoint", move |core| checkpoint(core, checkpointer, pool.as_deref()))?);
        Ok(threads)
    }

    /// Whether they were started and not joined.
    pub(crate) fn are_running(&self) -> bool {
        self.commit.lock().is_some()
    }

    /// Lets each finish what comes to it; says whether all of them did.
    pub(crate) fn finish(&self, core: &Core) -> bool {
        core.queue.stop();
        let commit = join(&self.commit);
        core.handover.stop();
        let writer = join(&self.writer);
        core.end_checkpoints();
        let checkpointer = join(&self.checkpointer);
        commit && writer && checkpointer
    }
}

fn join(thread: &Mutex<Option<JoinHandle<()>>>) -> bool {
    let thread = thread.lock().take();
    // A panic of the thread has failed the store already.
    thread.is_none_or(|thread| thread.join().is_ok())
}

fn spawn(
    core: &Arc<Core>,
    name: &'static str,
    body: impl FnOnce(&Core) + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let core = core.clone();
    std::thread::Builder::new().name(format!("ottla-{name}")).spawn(move || {
        let _guard = FailOnPanic(&core, name);
        body(&core);
    })
}

fn commit(core: &Core, mut committer: Committer, pool: Option<&Pool>) {
    loop {
        if core.health.is_failed() {
            return;
        }
        if committer.is_idle() {
            // What is too much in memory goes as soon as segments have it, also when nothing more comes.
            let time = (!committer.trim()).then_some(TRIM_AGAIN);
            core.queue.wait(committer.is_loaded(), time);
        }
        match committer.step() {
            Ok(Step::Done | Step::Idle) => {}
            Ok(Step::Waiting) => core.handover.await_room(FULL_DISK_RETRY),
            Ok(Step::NoRoom) => {
                // What was admitted has room in the log unless the disk has none; a checkpoint may give some back.
                core.disk_is_full(0);
                core.checkpoint_now();
                if wait_for_room(core) {
                    core.fail("the disk was full at the shutdown: what was not acknowledged is dropped");
                    return;
                }
            }
            Ok(Step::Ended) => return,
            Err(error) => {
                core.fail(&format!("the write-ahead log: {error}"));
                return;
            }
        }
        if let Some(pool) = pool {
            tend(core, pool);
        }
    }
}

/// Has the pool grown, and room in it given back, before a commit must wait for either.
fn tend(core: &Core, pool: &Pool) {
    if pool.wants_growth() {
        core.alarm.ring();
    }
    let stats = pool.stats();
    if stats.full_bytes > core.checkpoint_bytes {
        core.checkpoint_now();
    }
}

/// Sleeps until the log may have room; deletions, which may bring it, go on. Says whether the store is being stopped.
fn wait_for_room(core: &Core) -> bool {
    core.room.sleep(FULL_DISK_RETRY);
    let (deleted, stop) = core.queue.wait_deleted(Duration::ZERO);
    core.handover.push_removed(deleted);
    stop
}

fn write(core: &Core, mut writer: SegmentWriter) {
    loop {
        if core.health.is_failed() {
            return;
        }
        match writer.step() {
            Ok(Step::Done) => {}
            Ok(Step::Idle | Step::Waiting) => core.handover.sleep(None),
            Ok(Step::NoRoom) => {
                if core.health.is_stopping() {
                    core.fail("the disk was full at the shutdown: segments are left to the next start");
                    return;
                }
                // Segments below a raised log start go with it, and a note of the start is not needed any more.
                core.checkpoint_now();
                core.handover.sleep(Some(FULL_DISK_RETRY));
            }
            Ok(Step::Ended) => return,
            Err(error) => {
                core.fail(&error.to_string());
                return;
            }
        }
    }
}

fn checkpoint(core: &Core, mut checkpointer: Checkpointer, pool: Option<&Pool>) {
    let mut last = core.clock.monotonic();
    loop {
        core.alarm.sleep(CHECKPOINT_POLL);
        let ending = core.checkpoints_end();
        if core.health.is_failed() {
            return;
        }
        if let Some(pool) = pool.filter(|pool| !ending && pool.wants_growth() && core.has_room_to_grow()) {
            match pool.grow() {
                Ok(true) => core.room.ring(),
                Ok(false) => {}
                Err(error) => {
                    core.fail(&format!("growing the write-ahead log: {error}"));
                    return;
                }
            }
        }
        let now = core.clock.monotonic();
        let due = core.take_checkpoint_request() || now.saturating_sub(last) >= core.checkpoint_every;
        if !due && !ending {
            continue;
        }
        last = now;
        if !run(core, &mut checkpointer, ending) || ending {
            return;
        }
    }
}

/// One checkpoint; says whether the thread goes on.
fn run(core: &Core, checkpointer: &mut Checkpointer, ending: bool) -> bool {
    loop {
        let seen = core.handover.written();
        match checkpointer.step() {
            // The last one may find an earlier one under way: it comes after that.
            Ok(Step::Done) if ending => {}
            Ok(Step::Done | Step::Idle | Step::Ended) => return true,
            Ok(Step::Waiting) => core.handover.await_commit_after(seen, FULL_DISK_RETRY),
            Ok(Step::NoRoom) if ending => {
                core.fail("the disk was full at the shutdown: no checkpoint");
                return false;
            }
            // Tried again with the next turn.
            Ok(Step::NoRoom) => return true,
            Err(error) => {
                core.fail(&format!("the checkpoint: {error}"));
                return false;
            }
        }
        if core.health.is_failed() {
            return false;
        }
    }
}
