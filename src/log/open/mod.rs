//! From a partition's directory back to its [`Log`] and [`Tip`].
//!
//! After a clean end the files are trusted: the active segment is looked at from its last index entry on. After anything
//! else the active segment is read whole, every CRC checked; from the first batch that is not good the file is cut, and
//! when whole batches lie behind that place, the cut bytes are kept beside the log under their own name. Indexes,
//! snapshots and epochs that are missing or damaged are made again from the batches. Sealed segments are never changed:
//! damage found in them is reported, and reads of that place fail by name while all others go on.
//!
//! From a checkpointed tip ([`OpenHow::From`]) only what lies behind its end is read.
//!
//! - [`active`]: the active segment. [`sealed`]: the others. [`producers`]: the state of idempotent producers.
//! - [`recovered`]: from a tip. [`edits`]: what compactions left.

mod active;
mod edits;
mod producers;
mod recovered;
mod sealed;

use super::compacted::Compacted;
use super::files::{Writer, jitter_seed, remove_if_there};
use super::index::{INDEX_ENTRY_BYTES, TIME_ENTRY_BYTES};
use super::segment::Segment;
use super::survey::{Depth, Expect, Flaw, FlawKind, survey};
use super::walk::Walk;
use super::waste::{leftovers, strays};
use super::{Epochs, IndexTail, Log, LogEnv, LogSettings, Tip, epochs, metadata_file, names, start_file};
use crate::base::{LeaderEpoch, Offset, Timestamp, TopicId};
use crate::io::disk::{Disk, Entry};
use crate::record::BatchHeader;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest small file (epochs, partition.metadata) that is read, bytes.
const SMALL_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What is known about how the log was left.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum OpenHow<'a> {
    /// [`Log::close_clean`] ran and was synced.
    Clean,
    /// Everything below the tip's end was synced, indexes included, and the tip is exactly what follows from it. What
    /// comes after it was written under one epoch, if that is known.
    From {
        /// The tip.
        tip: &'a Tip,
        /// The index entries that are in no file.
        tail: &'a IndexTail,
        /// The epoch.
        epoch: Option<LeaderEpoch>,
    },
    /// All of it was written in one run, under this epoch.
    Since(LeaderEpoch),
    /// Anything else.
    AfterCrash,
}

/// A partition's directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogDir {
    /// Where it is.
    pub path: PathBuf,
    /// Whose it should be.
    pub topic: TopicId,
    /// Whether its partition.metadata was read and says so; else opening reads it, and writes it when it says nothing.
    pub identified: bool,
}

/// Why a directory can't be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The disk failed.
    #[error("{path}: {error}")]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// The failure.
        error: io::Error,
    },
    /// The directory belongs to another topic.
    #[error("{dir} belongs to topic id {found}, not {expected}")]
    WrongTopic {
        /// The directory.
        dir: PathBuf,
        /// By its partition.metadata.
        found: TopicId,
        /// As asked.
        expected: TopicId,
    },
}

/// A tail that was cut from the active segment.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cut {
    /// The segment's file.
    pub file: String,
    /// Where it ends now.
    pub position: u64,
    /// Bytes cut.
    pub bytes: u64,
    /// What was found at the place.
    pub kind: FlawKind,
    /// Whole batches behind the place, and the file in which the cut bytes were kept because of them.
    pub kept: Option<(u64, String)>,
}

/// What opening found out of order.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OpenReport {
    /// The active segment's tail.
    pub cut: Option<Cut>,
    /// Derived files that were missing or damaged, and were made again or removed.
    pub rebuilt: Vec<String>,
    /// Places in sealed segments that can't be read.
    pub damaged: Vec<(String, Flaw)>,
}

struct Opening<'a> {
    env: &'a LogEnv,
    dir: &'a Path,
    settings: &'a LogSettings,
    now: Timestamp,
    /// The epoch that each batch must have, where that is known.
    epochs: Option<Epochs>,
    files: HashMap<String, u64>,
    /// What was compacted.
    compacted: Compacted,
    report: OpenReport,
}

impl Log {
    /// Opens a partition's directory; one that does not exist, or holds no segment, is an empty partition. `now` is the
    /// wall time, from which `segment.ms` counts when records carry none.
    pub fn open(
        env: &LogEnv,
        LogDir { path: dir, topic, identified }: LogDir,
        settings: &LogSettings,
        how: OpenHow,
        now: Timestamp,
    ) -> Result<(Log, Tip, OpenReport), OpenError> {
        let entries = match env.disk.list(&dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(OpenError::Io { path: dir, error }),
        };
        let files = entries.into_iter().filter(|entry| !entry.is_dir).map(|Entry { name, len, .. }| (name, len));
        let (files, report) = (files.collect(), OpenReport::default());
        let compacted = Compacted::default();
        let opening = Opening { env, dir: &dir, settings, now, epochs: known_epochs(how), files, compacted, report };
        let opened = opening.run(topic, identified, how);
        match opened {
            Ok(Some(Opened { segments, tip, writer, compacted, report })) => {
                Ok((Log::assemble(env, dir, topic, segments, writer, compacted), tip, report))
            }
            Ok(None) => {
                let (log, tip) = Log::create(env, dir, topic);
                Ok((log, tip, OpenReport::default()))
            }
            Err(Failure::Io(error)) => Err(OpenError::Io { path: dir, error }),
            Err(Failure::WrongTopic(found)) => Err(OpenError::WrongTopic { dir, found, expected: topic }),
        }
    }
}

/// What to say of a log whose files are not there any more.
fn lost(dir: &Path, at: &Tip) -> OpenReport {
    let Some(growth) = &at.active else { return OpenReport::default() };
    let expected = u64::from(growth.position);
    let name = dir.join(names::segment(growth.base, names::LOG)).display().to_string();
    let flaw = Flaw { position: 0, kind: FlawKind::Lost { expected } };
    OpenReport { damaged: vec![(name, flaw)], ..OpenReport::default() }
}

/// How many segments, from the oldest on, the checkpoint needs no more: a crash came before their files were removed.
fn count_gone(bases: &[Offset], at: &Tip) -> usize {
    match &at.active {
        None => bases.partition_point(|base| *base < at.end),
        Some(active) => {
            let gone = |pair: &&[Offset]| pair[0] < active.base && pair[1] <= at.log_start;
            bases.windows(2).take_while(gone).count()
        }
    }
}

fn known_epochs(how: OpenHow) -> Option<Epochs> {
    let (mut epochs, epoch, from) = match how {
        OpenHow::From { tip, epoch, .. } => (tip.epochs.clone(), epoch?, tip.end),
        OpenHow::Since(epoch) => (Epochs::default(), epoch, Offset::ZERO),
        OpenHow::Clean | OpenHow::AfterCrash => return None,
    };
    epochs.assign(epoch, from);
    Some(epochs)
}

enum Failure {
    Io(io::Error),
    WrongTopic(TopicId),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

/// A log's parts.
struct Opened {
    segments: Vec<Arc<Segment>>,
    tip: Tip,
    writer: Writer,
    compacted: Compacted,
    report: OpenReport,
}

impl Opening<'_> {
    fn run(mut self, topic: TopicId, identified: bool, mut how: OpenHow) -> Result<Option<Opened>, Failure> {
        self.finish_edits()?;
        let mut bases: Vec<Offset> = self.files.keys().filter_map(|name| names::parse(name, names::LOG)).collect();
        bases.sort_unstable();
        if let OpenHow::From { tip: at, .. } = how {
            bases.drain(..count_gone(&bases, at));
        }
        let Some(&active_base) = bases.last() else {
            return match how {
                OpenHow::From { tip: at, .. } => Ok(Some(self.without_segments(topic, identified, at)?)),
                OpenHow::Clean | OpenHow::Since(_) | OpenHow::AfterCrash => Ok(None),
            };
        };
        if !identified {
            self.check_topic(topic)?;
        }
        let mut log_start = self.noted_start()?.unwrap_or(Offset::ZERO).max(bases[0]);
        if let OpenHow::From { tip: at, tail, .. } = how {
            if let Some((segments, tip, mut writer)) = self.go_on_from(&bases, at, tail)? {
                let mut tip = Tip { jitter_seed: jitter_seed(self.dir, topic), ..tip };
                hold_against(&tip.epochs, &segments);
                tip.set_log_start(log_start);
                self.drop_note_beyond(tip.end)?;
                self.remove_strays(&segments, tip.end)?;
                writer.note_leftovers(leftovers(&self.files, &segments, tip.end));
                return Ok(Some(self.opened(segments, tip, writer)));
            }
            log_start = log_start.max(at.log_start);
        }
        let segments = self.segments(&bases);
        if let OpenHow::Since(epoch) = how
            && is_older(&segments[0], epoch)
        {
            (how, self.epochs) = (OpenHow::AfterCrash, None);
        }
        let (sealed, active) = (&segments[..segments.len() - 1], &segments[segments.len() - 1]);
        for (segment, next) in sealed.iter().zip(&bases[1..]) {
            self.check_sealed(segment, *next, how)?;
        }
        let known_epochs = match &self.epochs {
            Some(epochs) => Some(epochs.clone()),
            None => self.read_epochs()?,
        };
        if let Some(epochs) = &self.epochs {
            hold_against(epochs, &segments);
        }
        let trusted = match (how, &known_epochs) {
            (OpenHow::Clean, Some(_)) => self.trust_active(active)?,
            (OpenHow::Clean, None) | (OpenHow::From { .. } | OpenHow::Since(_) | OpenHow::AfterCrash, _) => None,
        };
        let mut epochs = match known_epochs {
            Some(epochs) => epochs,
            None => self.epochs_of(sealed)?,
        };
        let (growth, end) = match trusted {
            Some(trusted) => trusted,
            None => self.rebuild_active(active, &mut epochs)?,
        };
        let log_start = log_start.min(end);
        self.drop_note_beyond(end)?;
        epochs.truncate_from(end);
        epochs.truncate_before(log_start);
        let (producers, mut writer) = self.producers(&segments, active_base, end)?;
        self.remove_strays(&segments, end)?;
        writer.note_leftovers(leftovers(&self.files, &segments, end));
        let mut tip =
            Tip { log_start, end, active: Some(growth), epochs, producers, jitter_seed: jitter_seed(self.dir, topic) };
        if let OpenHow::From { tip: at, .. } = how
            && end < at.end
        {
            self.report.damaged.extend(lost(self.dir, at).damaged);
            // What the medium lost stays lost, and named; its offsets and its producers' sequences are not taken again.
            tip.skip_to(at.end);
            (tip.producers, tip.epochs) = (at.producers.clone(), at.epochs.clone());
        }
        Ok(Some(self.opened(segments, tip, writer)))
    }

    fn opened(self, segments: Vec<Arc<Segment>>, tip: Tip, writer: Writer) -> Opened {
        Opened { segments, tip, writer, compacted: self.compacted, report: self.report }
    }

    /// A log of which the checkpoint knows and no segment is needed: retention has emptied it. Or its files are lost.
    fn without_segments(&mut self, topic: TopicId, identified: bool, at: &Tip) -> Result<Opened, Failure> {
        let tip = Tip { jitter_seed: jitter_seed(self.dir, topic), ..at.emptied() };
        let mut writer = Writer::default();
        if identified && at.active.is_none() {
            self.drop_note_beyond(tip.end)?;
            writer.emptied = true;
            self.remove_strays(&[], tip.end)?;
            writer.note_leftovers(leftovers(&self.files, &[], tip.end));
        }
        let compacted = std::mem::take(&mut self.compacted);
        Ok(Opened { segments: Vec::new(), tip, writer, compacted, report: lost(self.dir, at) })
    }

    fn remove_strays(&self, segments: &[Arc<Segment>], end: Offset) -> io::Result<()> {
        let strays = strays(&self.files, segments, end);
        strays.iter().try_for_each(|old| remove_if_there(&*self.env.disk, &self.dir.join(old.name())))
    }

    fn len_of(&self, base: Offset, suffix: &str) -> Option<u64> {
        self.files.get(&names::segment(base, suffix)).copied()
    }

    fn segments(&self, bases: &[Offset]) -> Vec<Arc<Segment>> {
        bases.iter().map(|base| Arc::new(self.segment(*base))).collect()
    }

    fn segment(&self, base: Offset) -> Segment {
        let entries = |suffix, bytes: usize| self.len_of(base, suffix).map(|len| (len / bytes as u64) as u32);
        let index = entries(names::INDEX, INDEX_ENTRY_BYTES);
        let times = entries(names::TIME_INDEX, TIME_ENTRY_BYTES);
        let plain = Segment::new(self.env, self.dir, base, self.len_of(base, names::LOG).unwrap_or(0), index, times);
        match self.compacted.segment(base) {
            Some(compacted) => plain.with_gaps(compacted.heads),
            None => plain,
        }
    }

    fn check_topic(&mut self, topic: TopicId) -> Result<(), Failure> {
        let path = self.dir.join(names::PARTITION_METADATA);
        let found = match self.read_small(&path)? {
            Some(bytes) => metadata_file::decode(&bytes),
            None => None,
        };
        match found {
            Some(found) if found == topic => Ok(()),
            Some(found) => Err(Failure::WrongTopic(found)),
            None => {
                self.report.rebuilt.push(path.display().to_string());
                Ok(self.env.disk.write_whole(&path, metadata_file::encode(topic).as_bytes())?)
            }
        }
    }

    fn read_small(&self, path: &Path) -> io::Result<Option<Vec<u8>>> {
        read_optional(&*self.env.disk, path, SMALL_FILE_BYTES_MAX)
    }

    /// The log start that was noted since the checkpoint.
    fn noted_start(&self) -> io::Result<Option<Offset>> {
        if !self.files.contains_key(start_file::FILE_NAME) {
            return Ok(None);
        }
        Ok(self.read_small(&self.dir.join(start_file::FILE_NAME))?.and_then(|bytes| start_file::decode(&bytes)))
    }

    /// Records that the note speaks of are lost: those that get their offsets must not be taken for deleted.
    fn drop_note_beyond(&self, end: Offset) -> io::Result<()> {
        match self.noted_start()? {
            Some(noted) if noted > end => remove_if_there(&*self.env.disk, &self.dir.join(start_file::FILE_NAME)),
            Some(_) | None => Ok(()),
        }
    }

    fn read_epochs(&mut self) -> io::Result<Option<Epochs>> {
        let path = self.dir.join(epochs::FILE_NAME);
        let epochs = self.read_small(&path)?.and_then(|bytes| Epochs::decode(&bytes));
        if epochs.is_none() {
            self.report.rebuilt.push(path.display().to_string());
        }
        Ok(epochs)
    }

    /// The epochs that segments' batches were written under.
    fn epochs_of(&self, segments: &[Arc<Segment>]) -> io::Result<Epochs> {
        let mut epochs = Epochs::default();
        for segment in segments {
            let note = |header: &BatchHeader, _| epochs.assign(header.leader_epoch, header.base_offset);
            survey(&**segment, 0, segment.written_end(), Expect::growing(segment.base()), Depth::Headers, note)?;
        }
        Ok(epochs)
    }
}

/// From now on batches of these segments must have these epochs.
fn hold_against(epochs: &Epochs, segments: &[Arc<Segment>]) {
    let epochs = Arc::new(epochs.clone());
    segments.iter().for_each(|segment| segment.know_epochs(epochs.clone()));
}

/// Whether a log that should begin under `epoch` was written under another: a directory that was put back by hand. Its
/// first two batches say so; one alone may be damaged.
fn is_older(first: &Segment, epoch: LeaderEpoch) -> bool {
    let mut epochs = Vec::new();
    let mut walk = Walk::new(first, 0, first.written_end());
    while epochs.len() < 2
        && let Ok(Some((header, _))) = walk.next_header()
    {
        epochs.push(header.leader_epoch);
    }
    epochs.len() == 2 && epochs[0] == epochs[1] && epochs[0] != epoch
}

fn read_optional(disk: &dyn Disk, path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match disk.read_whole(path, bytes_max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(error),
    }
}
