//! From what a run left to logs that may be served: checkpoint, segments, write-ahead log, in that order.
//!
//! Nothing is published before all of it is durable, and nothing that the next crash would need is given up before that:
//! the old write-ahead log and checkpoint stay whole until the new checkpoint, of the next incarnation, replaces them in
//! one rename. A crash in the middle of a recovery is just another crash.

use super::checkpoint::{Change, Checkpoint, Loaded, Position};
use super::config::Durability;
use super::core::Core;
use super::data_dir;
use super::load;
use super::store::{KnownTopic, OpenError, Topics};
use super::sync_ahead::{self, Ahead};
use crate::base::{Offset, TopicPartition};
use crate::log::{IndexTail, Log, LogEnv, LogSettings, Placed, Tip};
use crate::record::Batches;
use crate::wal::{self, DiskWal, Origin, ReplayedChunk, Sequence, WalConfig};
use bytes::Bytes;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap, btree_map};
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use uuid::Uuid;

/// Where the write-ahead log lives in the data directory.
pub(super) const WAL_DIR: &str = "wal";

/// Largest file of the write-ahead log, bytes.
const WAL_FILE_BYTES_MAX: u64 = 64 << 20;

/// Bytes of chunks whose batches a replay gathers before it writes them to segments, so that a log with a few batches in
/// each chunk is not opened for each.
const REPLAY_BYTES: u64 = 128 << 20;

/// Chunks that are read ahead of the one that is being replayed, at most, beside the one that is being read.
const CHUNKS_AHEAD: usize = 1;

/// What a start found and did.
#[derive(Clone, Default, Debug)]
pub struct Recovery {
    /// Whether the last user of the data directory left it clean.
    pub was_clean: bool,
    /// Chunks of the write-ahead log that were read.
    pub chunks: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Batches that were missing in segments and came back from the write-ahead log.
    pub batches: u64,
    /// Whether the write-ahead log ended in a chunk that was not whole, as a crash leaves it.
    pub torn: bool,
    /// Segments of which a torn end was cut off.
    pub tails: u64,
    /// What is damaged, lost or missing, each in a line.
    pub damage: Vec<String>,
    /// Tails of segments that were cut although whole batches lay behind the place, each in a line. A loss of power leaves
    /// such tails, and so does damage; the write-ahead log brings back what was acknowledged.
    pub cut: Vec<String>,
    /// Directories that nobody knows, or whose word is damaged, moved aside, each in a line.
    pub aside: Vec<String>,
    /// Directories of partitions that no topic has any more.
    pub orphans: u64,
}

/// A log on its way back.
pub(super) struct Recovering {
    pub(super) log: Log,
    pub(super) tip: Tip,
    pub(super) settings: Arc<LogSettings>,
}

/// What a recovery ends with.
pub(super) struct Recovered {
    pub(super) logs: BTreeMap<TopicPartition, Recovering>,
    pub(super) checkpoint: Checkpoint,
    pub(super) incarnation: u64,
    /// None in `os` mode.
    pub(super) wal: Option<DiskWal>,
    pub(super) report: Recovery,
}

/// What a start goes by.
pub(super) struct Start<'a> {
    pub(super) core: &'a Arc<Core>,
    pub(super) env: &'a LogEnv,
    pub(super) settings: &'a Arc<LogSettings>,
    pub(super) topics: &'a Topics<'a>,
    pub(super) directory_id: Uuid,
    pub(super) was_clean: bool,
    pub(super) threads: usize,
    pub(super) wal: WalSizes,
}

/// Sizes of the write-ahead log, bytes.
#[derive(Clone, Copy)]
pub(super) struct WalSizes {
    pub(super) bytes: u64,
    pub(super) first_file_bytes: u64,
    pub(super) overdraft_bytes: u64,
}

impl Start<'_> {
    /// Recovers. A write or sync that fails here is as final as any.
    pub(super) fn recover(&self) -> Result<Recovered, OpenError> {
        let core = self.core;
        let loaded = Checkpoint::load(&core.disk, &core.path, self.directory_id)?;
        if let Some(loaded) = &loaded {
            loaded.notes.iter().for_each(|note| tracing::warn!("{note}"));
        }
        let position = match &loaded {
            Some(loaded) => Some(loaded.position),
            None => self.newest_log()?,
        };
        self.rebuild(loaded.as_ref(), position).inspect_err(|error| {
            if error.is_device() {
                data_dir::mark_failed(&*core.disk, &core.path);
            }
        })
    }

    fn rebuild(&self, loaded: Option<&Loaded>, position: Option<Position>) -> Result<Recovered, OpenError> {
        let core = self.core;
        let mut report = Recovery { was_clean: self.was_clean, ..Recovery::default() };
        let logs = if self.was_clean || self.threads == 1 {
            self.logs(loaded, position, &Ahead::nobody(), &mut report)?
        } else {
            // What the page cache kept of the last run goes to the medium meanwhile, and then what is written here.
            sync_ahead::beside(|| self.sync(), |ahead| self.logs(loaded, position, ahead, &mut report))?
        };
        report.damage.iter().chain(&report.cut).for_each(|line| tracing::error!("found at the start: {line}"));
        let mut tails = self.keep_indexes(&logs)?;
        if !self.was_clean || report.chunks > 0 {
            // Page cache is not durability: nobody sees what was recovered before it is on the medium.
            self.sync()?;
        }
        let incarnation = position.map_or(0, |position| position.incarnation) + 1;
        let puts = logs.iter().map(|(id, Recovering { log, tip, .. })| Change::Put {
            id: *id,
            dir: load::name_of(log.dir()),
            state: tails.remove(id).unwrap_or_default().before(tip.encode()),
        });
        let position = Position { incarnation, live_from: Sequence::FIRST.0 };
        let checkpoint = Checkpoint::create(&core.disk, &core.path, self.directory_id, position, puts)?;
        let wal = match core.durability {
            Durability::Os => None,
            Durability::Fsync => Some(DiskWal::create(core.disk.clone(), self.wal_config(), incarnation)?),
        };
        Ok(Recovered { logs, checkpoint, incarnation, wal, report })
    }

    /// The index entries that the checkpoint keeps, of the logs that have such; the others write theirs.
    fn keep_indexes(
        &self,
        logs: &BTreeMap<TopicPartition, Recovering>,
    ) -> Result<HashMap<TopicPartition, IndexTail>, OpenError> {
        let logs: Vec<_> = logs.iter().collect();
        let tails = Mutex::new(HashMap::new());
        load::in_parallel(self.threads, &logs, |(id, Recovering { log, tip, .. })| {
            let tail = log.keep_indexes(tip.growth()).map_err(|error| on(log, error))?;
            if !tail.is_empty() {
                tails.lock().insert(**id, tail);
            }
            Ok::<(), OpenError>(())
        })?;
        Ok(tails.into_inner())
    }

    /// All logs as they should be, written and not synced.
    fn logs(
        &self,
        loaded: Option<&Loaded>,
        position: Option<Position>,
        ahead: &Ahead,
        report: &mut Recovery,
    ) -> Result<BTreeMap<TopicPartition, Recovering>, OpenError> {
        let mut logs = load::load(self, loaded, report)?;
        ahead.ask();
        if let Some(position) = position.filter(|_| !self.was_clean) {
            self.replay(position, &mut logs, ahead, report)?;
        }
        Ok(logs)
    }

    /// Without a checkpoint, which somebody must have removed: the newest run that wrote a log, and all of it.
    fn newest_log(&self) -> Result<Option<Position>, OpenError> {
        let dir = wal_dir(&self.core.path);
        if !self.core.disk.exists(&dir).map_err(|error| OpenError::Io { path: dir.clone(), error })? {
            return Ok(None);
        }
        let files = wal::inspect(&*self.core.disk, &dir).map_err(|error| OpenError::Io { path: dir, error })?;
        let chunks = || files.iter().flat_map(|file| &file.chunks);
        let Some(incarnation) = chunks().map(|chunk| chunk.incarnation).max() else { return Ok(None) };
        let oldest = chunks().filter(|chunk| chunk.incarnation == incarnation).map(|chunk| chunk.sequence.0).min();
        tracing::warn!("there is no checkpoint: all segments are read, then the write-ahead log of run {incarnation}");
        Ok(oldest.map(|live_from| Position { incarnation, live_from }))
    }

    fn wal_config(&self) -> WalConfig {
        WalConfig {
            dir: wal_dir(&self.core.path),
            directory_id: self.directory_id,
            bytes: self.wal.bytes,
            first_file_bytes: self.wal.first_file_bytes,
            file_bytes_max: WAL_FILE_BYTES_MAX.min(self.wal.bytes),
            overdraft_bytes: self.wal.overdraft_bytes,
        }
    }

    /// A failure is final whatever it says was missing, and the next start must know at once: the work beside it may
    /// take a while, and what memory holds looks clean by then.
    fn sync(&self) -> Result<(), OpenError> {
        let Core { disk, path, .. } = &**self.core;
        disk.sync_file_system(path).map_err(|error| {
            data_dir::mark_failed(&**disk, path);
            let error = std::io::Error::other(format!("a sync failed: {error}"));
            OpenError::Io { path: path.clone(), error }
        })
    }

    /// Segments roll as they would have: by the topic's settings where they are known.
    pub(super) fn settings_of(&self, topic: &KnownTopic) -> Arc<LogSettings> {
        topic.settings.as_ref().unwrap_or(self.settings).clone()
    }

    /// Brings back from the write-ahead log what segments lack.
    fn replay(
        &self,
        position: Position,
        logs: &mut BTreeMap<TopicPartition, Recovering>,
        ahead: &Ahead,
        report: &mut Recovery,
    ) -> Result<(), OpenError> {
        let origin = Origin {
            directory_id: self.directory_id,
            incarnation: position.incarnation,
            live_from: Sequence(position.live_from),
        };
        let mut replay = wal::replay(&*self.core.disk, &wal_dir(&self.core.path), &origin)?;
        let mut lacking = Lacking::default();
        self.each_chunk(&mut replay, |chunk| {
            let before = report.batches;
            self.take(&chunk, logs, &mut lacking, report)?;
            if report.batches > before {
                lacking.bytes += chunk.payload.len() as u64;
            }
            if lacking.bytes >= REPLAY_BYTES {
                self.write(std::mem::take(&mut lacking), logs)?;
                ahead.ask();
            }
            Ok(())
        })?;
        self.write(lacking, logs)?;
        let found = replay.report();
        (report.chunks, report.bytes, report.torn) = (found.chunks, found.bytes, found.torn.is_some());
        if let Some(torn) = &found.torn {
            tracing::info!("the write-ahead log ends in a torn chunk, which nobody was told of: {torn}");
        }
        for damage in &found.damaged {
            report.damage.push(format!("the write-ahead log is damaged: {damage}"));
        }
        Ok(())
    }

    /// Hands over chunk after chunk, and has the next one read meanwhile.
    fn each_chunk(
        &self,
        replay: &mut wal::Replay,
        mut each: impl FnMut(ReplayedChunk) -> Result<(), OpenError>,
    ) -> Result<(), OpenError> {
        if self.threads == 1 {
            while let Some(chunk) = replay.next()? {
                each(chunk)?;
            }
            return Ok(());
        }
        std::thread::scope(|scope| {
            let (read, chunks) = mpsc::sync_channel(CHUNKS_AHEAD);
            scope.spawn(move || {
                while let Some(next) = replay.next().transpose() {
                    let failed = next.is_err();
                    if read.send(next).is_err() || failed {
                        return;
                    }
                }
            });
            chunks.into_iter().try_for_each(|chunk| each(chunk?))
        })
    }

    fn take(
        &self,
        chunk: &ReplayedChunk,
        logs: &mut BTreeMap<TopicPartition, Recovering>,
        lacking: &mut Lacking,
        report: &mut Recovery,
    ) -> Result<(), OpenError> {
        let mut rest = chunk.payload.clone();
        for entry in &chunk.entries {
            let id = entry.id();
            let bytes = match entry {
                wal::Entry::Batches { length, .. } => rest.split_to(*length as usize),
                _ => Bytes::new(),
            };
            let recovering = match logs.entry(id) {
                btree_map::Entry::Occupied(known) => known.into_mut(),
                btree_map::Entry::Vacant(new) => {
                    // A topic that was deleted since then: nothing of it comes back.
                    let Some(topic) = (self.topics)(id) else { continue };
                    let settings = self.settings_of(&topic);
                    let dir = self.core.path.join(load::dir_name(&topic.name, id.partition));
                    let (log, tip) = Log::create(self.env, dir, id.topic);
                    new.insert(Recovering { log, tip, settings })
                }
            };
            match entry {
                wal::Entry::Batches { .. } => {
                    let placed = self.place(&bytes, id, recovering, report);
                    report.batches += placed.len() as u64;
                    lacking.add(id, placed);
                }
                _ => {
                    // What was written before it is in segments then.
                    let before = lacking.take(id);
                    recovering.log.write(&before).map_err(|error| on(&recovering.log, error))?;
                    self.apply(*entry, id, recovering).map_err(|error| on(&recovering.log, error))?;
                }
            }
        }
        Ok(())
    }

    fn apply(&self, entry: wal::Entry, id: TopicPartition, recovering: &mut Recovering) -> std::io::Result<()> {
        match entry {
            wal::Entry::Batches { .. } => {}
            wal::Entry::LogStart { start, .. } => recovering.tip.set_log_start(start),
            // Earlier releases wrote it. What lies below the log start goes after a checkpoint.
            wal::Entry::RemoveBelow { .. } => {}
            wal::Entry::Epoch { epoch, .. } => recovering.tip.begin_epoch(epoch),
            wal::Entry::Reset { at, .. } => self.reset(at, id, recovering)?,
        }
        Ok(())
    }

    /// Writes what segments lack, each log's batches in as few writes as there can be.
    fn write(&self, lacking: Lacking, logs: &BTreeMap<TopicPartition, Recovering>) -> Result<(), OpenError> {
        let placed: Vec<_> =
            lacking.placed.into_iter().filter_map(|(id, placed)| Some((&logs.get(&id)?.log, placed))).collect();
        load::in_parallel(self.threads, &placed, |(log, placed)| log.write(placed).map_err(|error| on(log, error)))
    }

    /// Places the batches that segments lack. What is there already is passed over.
    fn place(
        &self,
        bytes: &Bytes,
        id: TopicPartition,
        recovering: &mut Recovering,
        report: &mut Recovery,
    ) -> Vec<Placed> {
        let Recovering { tip, settings, .. } = recovering;
        let (mut placed, mut at, now) = (Vec::new(), 0, self.core.clock.now());
        for batch in Batches::new(bytes) {
            let Ok((header, batch)) = batch else {
                // The chunk's checksum fits: it was written so.
                report.damage.push(format!("{id}: the write-ahead log holds bytes that are no batch"));
                break;
            };
            let end = at + batch.len();
            if header.last_offset() >= tip.end() {
                if header.base_offset < tip.end() {
                    let (base, last, end) = (header.base_offset, header.last_offset(), tip.end());
                    report
                        .damage
                        .push(format!("{id}: offsets {base} to {last} are only partly in segments, up to {end}"));
                    break;
                }
                if header.base_offset > tip.end() {
                    let (from, to) = (tip.end(), header.base_offset);
                    report.damage.push(format!("{id}: the records from offset {from} to {to} are missing"));
                }
                let placement = tip.replay(&header, now, settings);
                placed.push(Placed { placement, bytes: bytes.slice(at..end) });
            }
            at = end;
        }
        placed
    }

    fn reset(&self, at: Offset, id: TopicPartition, recovering: &mut Recovering) -> std::io::Result<()> {
        let dir: PathBuf = recovering.log.dir().to_owned();
        recovering.log.delete()?;
        let (log, _) = Log::create(self.env, dir, id.topic);
        recovering.tip = recovering.tip.reset(at);
        recovering.log = log;
        Ok(())
    }
}

/// Batches that segments lack, placed and not written yet.
#[derive(Default)]
struct Lacking {
    placed: BTreeMap<TopicPartition, Vec<Placed>>,
    /// Of the chunks that they are slices of.
    bytes: u64,
}

impl Lacking {
    fn add(&mut self, id: TopicPartition, placed: Vec<Placed>) {
        if !placed.is_empty() {
            self.placed.entry(id).or_default().extend(placed);
        }
    }

    fn take(&mut self, id: TopicPartition) -> Vec<Placed> {
        self.placed.remove(&id).unwrap_or_default()
    }
}

fn on(log: &Log, error: std::io::Error) -> OpenError {
    OpenError::Io { path: log.dir().to_owned(), error }
}

fn wal_dir(path: &Path) -> PathBuf {
    path.join(WAL_DIR)
}
