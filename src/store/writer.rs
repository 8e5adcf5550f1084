//! The segment writer's work: the only writer of segments while the store runs. Buffered writes may block for long when
//! the kernel throttles them; nobody who waits for an acknowledgement in `fsync` mode waits for them.
//!
//! A write that finds the disk full is tried again until there is room; any other failed write is final.

use super::commit::{Step, publish};
use super::config::Durability;
use super::core::Core;
use super::handover::{Group, Handed, Taken};
use super::load;
use super::room::Room;
use super::stored_log::StoredLog;
use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

/// What went wrong, and where.
#[derive(Debug, thiserror::Error)]
#[error("writing {log}: {error}")]
pub(crate) struct WriteError {
    log: String,
    error: io::Error,
}

/// Brings what was committed into segments.
pub(crate) struct SegmentWriter {
    core: Arc<Core>,
    groups: VecDeque<Group>,
    rooms: Vec<Room>,
    /// The commit that `groups` come to, and their bytes in all.
    upto: u64,
    bytes: u64,
}

impl SegmentWriter {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        SegmentWriter { core, groups: VecDeque::new(), rooms: Vec::new(), upto: 0, bytes: 0 }
    }

    /// Writes everything that was handed over, each partition's batches in one write. An error is final.
    pub(crate) fn step(&mut self) -> Result<Step, WriteError> {
        let Taken { removed, commits, stop } = self.core.handover.take(self.groups.is_empty());
        // First: a new log may have the directory's name, and its batches come after this.
        remove(&self.core, &removed);
        let took = self.group(commits);
        if self.groups.is_empty() && !took {
            return Ok(match removed.is_empty() {
                false => Step::Done,
                true if stop => Step::Ended,
                true => Step::Idle,
            });
        }
        while let Some(group) = self.groups.front() {
            match write(group, self.core.durability) {
                Ok(()) => {}
                Err(error) if is_full(&error) => {
                    self.core.disk_is_full(0);
                    self.core.handover.set_no_room();
                    return Ok(Step::NoRoom);
                }
                Err(error) => return Err(WriteError { log: group.log.id().to_string(), error }),
            }
            if let Some(mut group) = self.groups.pop_front() {
                group.log.set_written(group.upto);
                if self.core.health.is_failed() {
                    continue;
                }
                match self.core.durability {
                    Durability::Fsync => {}
                    Durability::Os => publish(&mut group),
                }
            }
        }
        self.rooms.clear();
        if self.core.handover.done(self.upto, std::mem::take(&mut self.bytes)) {
            // Those that came meanwhile gave back nothing of the write-ahead log.
            self.core.checkpoint_now();
        }
        Ok(Step::Done)
    }

    /// Groups what was taken by partition; says whether it was anything.
    fn group(&mut self, commits: VecDeque<Handed>) -> bool {
        let Some(last) = commits.back() else { return false };
        self.upto = last.commit;
        let mut groups = Vec::new();
        for commit in commits {
            self.bytes += commit.groups.iter().map(|group| group.bytes).sum::<u64>();
            groups.extend(commit.groups);
            self.rooms.extend(commit.rooms);
        }
        // A stable sort: each partition's batches stay in their order.
        groups.sort_by_key(|group| group.log.number);
        for group in groups {
            match self.groups.back_mut() {
                Some(last) if Arc::ptr_eq(&last.log, &group.log) => last.absorb(group),
                Some(_) | None => self.groups.push_back(group),
            }
        }
        if self.groups.is_empty() {
            self.core.handover.done(self.upto, std::mem::take(&mut self.bytes));
        }
        true
    }
}

/// Writes one partition's part. What is done twice, after a full disk, changes nothing.
fn write(group: &Group, durability: Durability) -> io::Result<()> {
    if group.log.is_deleted() {
        return Ok(());
    }
    group.log.log.write(&group.placed)?;
    match (group.log_start, durability) {
        (Some(start), Durability::Os) => group.log.log.note_start(start)?,
        // The write-ahead log has it, and the next checkpoint will.
        (Some(_), Durability::Fsync) | (None, _) => {}
    }
    Ok(())
}

pub(super) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

/// Takes deleted logs' directories out of the way, at once under their final names; their files go with the next tick.
fn remove(core: &Core, deleted: &[Arc<StoredLog>]) {
    for log in deleted {
        let away = load::away(log.log.dir(), log.id());
        match log.log.move_away(&away) {
            Ok(true) => core.trash.add_dir(away),
            Ok(false) => {}
            // The metadata says that the topic is gone: the next start takes the directory for an orphan.
            Err(error) => tracing::warn!("removing deleted {}: {error}", log.id()),
        }
    }
}
