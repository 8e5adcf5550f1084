//! The store itself: its start, its registry of logs, its ticks, its end.

use super::checkpoint::CheckpointError;
use super::checkpointer::Checkpointer;
use super::cleaner::{CleanerConfig, Cleaners};
use super::commit::Committer;
use super::config::StoreConfig;
use super::core::Core;
use super::counters::Counters;
use super::data_dir::{self, DataDir, DataDirError, Stamp};
use super::load;
use super::recovery::{Recovered, Recovering, Recovery, Start, WalSizes};
use super::retention::Retention;
use super::room::Reserve;
use super::scrub::Scrub;
use super::stored_log::StoredLog;
use super::threads::{Hands, Threads};
use super::writer::{SegmentWriter, is_full};
use crate::base::{LeaderEpoch, TopicPartition};
use crate::log::{Descriptors, Log, LogEnv, LogSettings, OpenError as LogOpenError};
use crate::wal::{DiskWal, Pool, PoolStats, Wal, WalError};
use parking_lot::Mutex;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// Why a store can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The data directory was opened, but [`DataDir::claim`] was not called.
    #[error("{} was not claimed for a cluster and a node", path.display())]
    Unclaimed {
        /// The directory.
        path: PathBuf,
    },
    /// The data directory.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// A partition's files.
    #[error(transparent)]
    Log(#[from] LogOpenError),
    /// The checkpoint.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// The write-ahead log.
    #[error("the write-ahead log: {0}")]
    Wal(#[from] WalError),
    /// The disk said no.
    #[error("{}: {error}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
}

impl OpenError {
    /// Whether room on the disk would help.
    pub fn is_full(&self) -> bool {
        match self {
            OpenError::Io { error, .. }
            | OpenError::DataDir(DataDirError::Io { error, .. })
            | OpenError::Log(LogOpenError::Io { error, .. })
            | OpenError::Wal(WalError::Io { error, .. }) => is_full(error),
            OpenError::Checkpoint(error) => error.is_full(),
            OpenError::Wal(WalError::NoRoom) => true,
            OpenError::Unclaimed { .. } | OpenError::DataDir(_) | OpenError::Log(_) | OpenError::Wal(_) => false,
        }
    }

    /// Whether the device failed.
    pub fn is_device(&self) -> bool {
        let is_io = matches!(
            self,
            OpenError::Io { .. }
                | OpenError::DataDir(DataDirError::Io { .. })
                | OpenError::Log(LogOpenError::Io { .. })
                | OpenError::Wal(WalError::Io { .. })
                | OpenError::Checkpoint(CheckpointError::Io { .. })
        );
        is_io && !self.is_full()
    }

    /// Whether what was durable is gone, which no later start brings back.
    pub fn is_damaged(&self) -> bool {
        matches!(self, OpenError::Checkpoint(CheckpointError::Damaged { .. }))
    }

    /// Whether the directory is another's, or a later release's.
    pub fn is_foreign(&self) -> bool {
        matches!(
            self,
            OpenError::Checkpoint(CheckpointError::Newer { .. } | CheckpointError::OtherDirectory { .. })
                | OpenError::Wal(WalError::Newer { .. })
        )
    }
}

/// Why a store was not left clean. What was acknowledged is safe all the same.
#[derive(Debug, thiserror::Error)]
pub enum ShutdownError {
    /// It failed before, or could not commit what was queued.
    #[error("the storage failed")]
    Failed,
    /// The last sync or the marker failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// How the store does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StoreHealth {
    /// Appends and reads.
    Good,
    /// The disk is nearly full: reads only.
    DiskFull,
    /// The disk failed: reads of what was durable, until the process ends.
    Failed,
}

/// All logs of a broker.
pub struct Store {
    pub(super) core: Arc<Core>,
    data_dir: DataDir,
    env: LogEnv,
    threads: Threads,
    cleaners: Cleaners,
    pub(super) expired_at: Mutex<Duration>,
    /// None in `os` mode.
    pool: Option<Arc<Pool>>,
    recovery: Recovery,
    pub(super) scrub: Mutex<Scrub>,
    pub(super) retention: Mutex<Retention>,
}

/// What the metadata say of a partition's topic.
#[derive(Clone, PartialEq, Debug)]
pub struct KnownTopic {
    /// Its name.
    pub name: String,
    /// The epoch under which the last run wrote; none when nobody can say.
    pub epoch: Option<LeaderEpoch>,
    /// Its settings; the broker's defaults when none.
    pub settings: Option<Arc<LogSettings>>,
}

/// The topic, if there is such a partition: what no topic has any more is removed, not loaded.
pub type Topics<'a> = dyn Fn(TopicPartition) -> Option<KnownTopic> + Sync + 'a;

impl Store {
    /// Opens a claimed data directory: recovers every partition in it, makes what was recovered durable, takes the clean
    /// mark away, and starts the threads.
    pub fn open(data_dir: DataDir, config: StoreConfig, topics: &Topics<'_>) -> Result<Arc<Self>, OpenError> {
        let path = data_dir.path().to_owned();
        let (mut store, hands) = Self::recover(data_dir, config, topics)?;
        let on = |error| OpenError::Io { path: path.clone(), error };
        store.threads = Threads::start(&store.core, hands).map_err(on)?;
        store.cleaners.start(&store.core).map_err(on)?;
        Ok(Arc::new(store))
    }

    /// As [`Self::open`], with nobody who does the work.
    pub(super) fn recover(
        data_dir: DataDir,
        config: StoreConfig,
        topics: &Topics<'_>,
    ) -> Result<(Self, Hands), OpenError> {
        let path = data_dir.path().to_owned();
        let Some(directory_id) = data_dir.stamp().map(|stamp| stamp.directory_id) else {
            return Err(OpenError::Unclaimed { path });
        };
        let on = |error| OpenError::Io { path: path.clone(), error };
        let open_threads = config.open_threads.max(1);
        let (settings, retention_every) = (config.log_defaults.clone(), config.retention_check_every);
        let wal = WalSizes {
            bytes: config.wal_bytes,
            first_file_bytes: config.wal_first_file_bytes,
            // What is in the queue when the log is full, and the padding of its chunks.
            overdraft_bytes: config.queue_bytes.saturating_mul(2),
        };
        let disk = data_dir.disk().clone();
        let env = LogEnv { disk: disk.clone(), descriptors: Descriptors::new(config.open_files) };
        let was_clean = data_dir.is_clean().map_err(on)?;
        let core = Core::new(disk, path.clone(), config);
        let start = Start {
            core: &core,
            env: &env,
            settings: &settings,
            topics,
            directory_id,
            was_clean,
            threads: open_threads,
            wal,
        };
        let Recovered { logs, checkpoint, incarnation, wal, report } = start.recover()?;
        data_dir.unmark().map_err(on)?;
        {
            let mut registry = core.logs.lock();
            for (id, Recovering { log, tip, settings }) in logs {
                let is_swept = !log.has_below(tip.log_start(), tip.is_expired());
                let log = StoredLog::new(core.clone(), id, (log, tip), settings, LeaderEpoch::UNKNOWN);
                if !is_swept {
                    // A crash, or a stop, came before everything was removed: the first checkpoint sees to it.
                    core.mark_dirty(&log);
                }
                registry.insert(log);
            }
        }
        core.check_room();
        core.counters.checkpoint_bytes.set(checkpoint.bytes());
        let pool = wal.as_ref().map(DiskWal::pool);
        let hands = Hands {
            committer: Committer::new(core.clone(), wal.map(|wal| Box::new(wal) as Box<dyn Wal>), pool.clone()),
            writer: SegmentWriter::new(core.clone()),
            checkpointer: Checkpointer::new(core.clone(), checkpoint, incarnation),
            pool: pool.clone(),
        };
        let expired_at = Mutex::new(core.clock.monotonic());
        let scrub = Mutex::new(Scrub::new(core.live_logs()));
        core.begin_time().map_err(on)?;
        let retention = Mutex::new(Retention::new(retention_every, core.clock.monotonic()));
        let (threads, cleaners) = (Threads::default(), Cleaners::default());
        let store =
            Store { core, data_dir, env, threads, cleaners, expired_at, pool, recovery: report, scrub, retention };
        Ok((store, hands))
    }

    /// How logs are compacted from now on.
    pub fn set_cleaner(&self, config: CleanerConfig) -> io::Result<()> {
        self.cleaners.set(&self.core, config)
    }

    /// Whose data directory it is.
    pub fn stamp(&self) -> Option<&Stamp> {
        self.data_dir.stamp()
    }

    /// The data directory.
    pub fn path(&self) -> &Path {
        self.data_dir.path()
    }

    /// Whether the last user of the data directory left it clean.
    pub fn was_clean(&self) -> bool {
        self.recovery.was_clean
    }

    /// What the start found and did.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The files of the write-ahead log; none in `os` mode.
    pub fn wal(&self) -> Option<PoolStats> {
        self.pool.as_ref().map(|pool| pool.stats())
    }

    /// Bytes that were committed and are not in segments yet.
    pub fn unwritten_bytes(&self) -> u64 {
        self.core.handover.bytes()
    }

    /// Asks for a checkpoint now; it is made in the background.
    pub fn checkpoint(&self) {
        self.core.checkpoint_now();
    }

    /// The partition's log: what was loaded, or a new one without files. A live log of another topic id under the same
    /// name is deleted by that: its topic is gone, even if nobody has said so here yet.
    pub fn log(
        &self,
        id: TopicPartition,
        topic_name: &str,
        settings: Arc<LogSettings>,
        epoch: LeaderEpoch,
    ) -> Arc<StoredLog> {
        let mut past = None;
        let log = {
            let mut logs = self.core.logs.lock();
            if let Some(log) = logs.get(id) {
                log.clone()
            } else {
                let dir = self.data_dir.path().join(load::dir_name(topic_name, id.partition));
                past = logs.remove_dir(&dir).inspect(|past| self.retire(past));
                let new = Log::create(&self.env, dir, id.topic);
                let log = StoredLog::new(self.core.clone(), id, new, settings.clone(), epoch);
                logs.insert(log.clone());
                log
            }
        };
        if let Some(past) = past {
            past.tell(|listener| listener.deleted());
        }
        log.lead(epoch, settings);
        log
    }

    /// Gives a log other settings, if there is such a log.
    pub fn set_settings(&self, id: TopicPartition, settings: &Arc<LogSettings>) {
        let log = self.core.logs.lock().get(id).cloned();
        if let Some(log) = log {
            log.set_settings(settings.clone());
        }
    }

    /// Ends a log that was taken out of the registry. Under the registry's lock: no log of the same name can be made, and
    /// write, before the removal is queued.
    fn retire(&self, log: &Arc<StoredLog>) {
        log.mark_deleted();
        if self.core.cleaning.forget(log) {
            self.core.counters.uncleanable_logs.set(self.core.cleaning.left_alone());
        }
        self.core.forgotten.lock().push(log.id());
        self.core.queue.push_deleted(log.clone());
    }

    /// Every log now, in no order.
    pub fn logs(&self) -> Vec<Arc<StoredLog>> {
        self.core.live_logs()
    }

    /// Deletes a log: refuses appends at once, drops what is queued, tells its listener; its directory is moved out of the
    /// way by the commit thread, before anything that is appended later is written, and removed at the next tick. Says
    /// whether there was one.
    pub fn delete(&self, id: TopicPartition) -> bool {
        let removed = {
            let mut logs = self.core.logs.lock();
            logs.remove(id).inspect(|log| self.retire(log))
        };
        let Some(log) = removed else { return false };
        log.tell(|listener| listener.deleted());
        true
    }

    /// Waits for room in the commit queue; see [`super::Room`].
    pub fn reserve(&self, bytes: u64) -> Reserve {
        self.core.budget.reserve(bytes)
    }

    /// Ends the store for a failure that was met elsewhere in the data directory: nothing is acknowledged from now on, the
    /// owner is told, the next start reads the medium. Blocks on the disk.
    pub fn fail(&self, why: &str) {
        self.core.fail(why);
    }

    /// How the store does.
    pub fn health(&self) -> StoreHealth {
        if self.core.health.is_failed() {
            StoreHealth::Failed
        } else if self.core.health.is_disk_full() {
            StoreHealth::DiskFull
        } else {
            StoreHealth::Good
        }
    }

    /// What is counted.
    pub fn counters(&self) -> &Counters {
        &self.core.counters
    }

    /// Bytes of batches that wait for the commit thread.
    pub fn queue_bytes(&self) -> u64 {
        self.core.queue.bytes()
    }

    /// Bytes of room taken: batches that wait, are being committed, or are about to be appended.
    pub fn reserved_bytes(&self) -> u64 {
        self.core.budget.used()
    }

    /// Segment and index files that are open.
    pub fn open_files(&self) -> usize {
        self.env.descriptors.open_files()
    }

    /// Refuses appends, commits what is queued, makes a last checkpoint, and marks the directory clean. Reads go on. The
    /// second call does nothing. Blocks on the disk.
    pub fn shutdown(&self) -> Result<(), ShutdownError> {
        if !self.core.health.stop() || !self.threads.are_running() {
            return Ok(());
        }
        for log in &self.logs() {
            // An append that had not seen the stop is in the queue when its log's lock is free.
            log.barrier();
        }
        self.cleaners.finish(&self.core);
        let finished = self.threads.finish(&self.core);
        self.core.release_waiters();
        if !finished || self.core.health.is_failed() {
            return Err(ShutdownError::Failed);
        }
        self.leave_clean()
    }

    /// Everything is in segments and in the checkpoint.
    pub(super) fn leave_clean(&self) -> Result<(), ShutdownError> {
        self.core.trash.step(&self.core);
        let Core { disk, path, .. } = &*self.core;
        let indexes = self.logs().iter().try_for_each(|log| match log.log.flush_indexes() {
            // The checkpoint keeps what did not fit.
            Err(error) if is_full(&error) => Ok(()),
            other => other,
        });
        let synced = indexes.and_then(|()| self.keep_time()).and_then(|()| disk.sync_file_system(path));
        synced.inspect_err(|_| data_dir::mark_failed(&**disk, path))?;
        self.data_dir.mark_clean()?;
        Ok(())
    }
}

impl Drop for Store {
    /// A store that is dropped without a shutdown is left as a crash leaves it, but the threads end.
    fn drop(&mut self) {
        self.core.health.stop();
        self.cleaners.finish(&self.core);
        if self.threads.are_running() {
            self.threads.finish(&self.core);
            self.core.release_waiters();
        }
        // The logs hold what the store's parts share, which holds the logs.
        let logs = std::mem::take(&mut *self.core.logs.lock());
        drop((logs, self.core.take_dirty(), std::mem::take(&mut *self.scrub.lock())));
        self.retention.lock().clear();
        self.core.trash.clear();
        self.core.queue.clear();
        self.core.handover.clear();
    }
}

#[cfg(test)]
impl Store {
    pub(super) fn core_for_tests(&self) -> &Arc<Core> {
        &self.core
    }

    pub(super) fn directory_id_for_tests(&self) -> uuid::Uuid {
        self.data_dir.stamp().expect("it was claimed").directory_id
    }
}
