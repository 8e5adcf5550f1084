//! From a partition's directory back to its [`Log`] and [`Tip`].
//!
//! After a clean end the files are trusted: the active segment is looked at from its last index entry on. After anything
//! else the active segment is read whole, every CRC checked; from the first batch that is not good the file is cut, and
//! when whole batches lie behind that place, the cut bytes are kept beside the log under their own name. Indexes,
//! snapshots and epochs that are missing or damaged are made again from the batches. Sealed segments are never changed:
//! damage found in them is reported, and reads of that place fail by name while all others go on.

use super::files::{Writer, jitter_seed, remove_if_there};
use super::growth::Growth;
use super::index::{INDEX_ENTRY_BYTES, TIME_ENTRY_BYTES};
use super::names;
use super::producers::Producers;
use super::segment::Segment;
use super::survey::{Depth, Flaw, FlawKind, Indexes, Order, Survey, batches_after, survey};
use super::walk::{Walk, WalkError};
use super::{Epochs, Log, LogEnv, LogSettings, Tip, epochs, metadata_file, snapshot};
use crate::base::{Offset, Timestamp, TopicId};
use crate::io::disk::{Disk, Entry};
use crate::record::BatchHeader;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Largest small file (epochs, partition.metadata) that is read, bytes.
const SMALL_FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Largest producer snapshot that is read, bytes.
const SNAPSHOT_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// A damaged tail is copied aside in pieces of this, bytes.
const COPY_BYTES: u64 = 1024 * 1024;

/// What is known about how the log was left.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OpenHow {
    /// [`Log::close_clean`] ran and was synced.
    Clean,
    /// Anything else.
    AfterCrash,
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
    files: HashMap<String, u64>,
    report: OpenReport,
}

impl Log {
    /// Opens a partition's directory; one that does not exist, or holds no segment, is an empty partition. `now` is the
    /// wall time, from which `segment.ms` counts when records carry none.
    pub fn open(
        env: &LogEnv,
        dir: PathBuf,
        topic: TopicId,
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
        let opening = Opening { env, dir: &dir, settings, now, files: files.collect(), report: OpenReport::default() };
        let opened = opening.run(topic, how);
        match opened {
            Ok(Some((segments, tip, writer, report))) => {
                Ok((Log::assemble(env, dir, topic, segments, writer), tip, report))
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

enum Failure {
    Io(io::Error),
    WrongTopic(TopicId),
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::Io(error)
    }
}

type Opened = (Vec<Arc<Segment>>, Tip, Writer, OpenReport);

impl Opening<'_> {
    fn run(mut self, topic: TopicId, how: OpenHow) -> Result<Option<Opened>, Failure> {
        let mut bases: Vec<Offset> = self.files.keys().filter_map(|name| names::parse(name, names::LOG)).collect();
        bases.sort_unstable();
        let Some(&active_base) = bases.last() else { return Ok(None) };
        self.check_topic(topic)?;
        let segments: Vec<_> = bases.iter().map(|base| Arc::new(self.segment(*base))).collect();
        let (sealed, active) = (&segments[..segments.len() - 1], &segments[segments.len() - 1]);
        for (segment, next) in sealed.iter().zip(&bases[1..]) {
            self.check_sealed(segment, *next, how)?;
        }
        let known_epochs = self.read_epochs()?;
        let trusted = match (how, &known_epochs) {
            (OpenHow::Clean, Some(_)) => self.trust_active(active)?,
            (OpenHow::Clean, None) | (OpenHow::AfterCrash, _) => None,
        };
        let mut epochs = match known_epochs {
            Some(epochs) => epochs,
            None => self.epochs_of(sealed)?,
        };
        let (growth, end) = match trusted {
            Some(trusted) => trusted,
            None => self.rebuild_active(active, &mut epochs)?,
        };
        epochs.truncate_from(end);
        let (producers, writer) = self.producers(&segments, active_base, end)?;
        let tip = Tip {
            log_start: bases[0],
            end,
            active: Some(growth),
            epochs,
            producers,
            jitter_seed: jitter_seed(self.dir, topic),
        };
        Ok(Some((segments, tip, writer, self.report)))
    }

    fn len_of(&self, base: Offset, suffix: &str) -> Option<u64> {
        self.files.get(&names::segment(base, suffix)).copied()
    }

    fn segment(&self, base: Offset) -> Segment {
        let entries = |suffix, bytes: usize| self.len_of(base, suffix).unwrap_or(0) / bytes as u64;
        let index = entries(names::INDEX, INDEX_ENTRY_BYTES) as u32;
        let times = entries(names::TIME_INDEX, TIME_ENTRY_BYTES) as u32;
        Segment::new(self.env, self.dir, base, self.len_of(base, names::LOG).unwrap_or(0), index, times)
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

    /// Whether both index files are there with whole entries.
    fn has_indexes(&self, base: Offset) -> bool {
        let whole = |suffix, bytes: usize| self.len_of(base, suffix).is_some_and(|len| len % bytes as u64 == 0);
        whole(names::INDEX, INDEX_ENTRY_BYTES) && whole(names::TIME_INDEX, TIME_ENTRY_BYTES)
    }

    /// A sealed segment: its indexes must be there, and after a crash its end must fit the next segment's start.
    fn check_sealed(&mut self, segment: &Segment, next: Offset, how: OpenHow) -> io::Result<()> {
        let (base, end) = (segment.base(), segment.written_end());
        let indexed = if self.has_indexes(base) && !self.lacks_entries(segment)? {
            match how {
                OpenHow::Clean => return Ok(()),
                OpenHow::AfterCrash => self.last_indexed(segment)?,
            }
        } else {
            None
        };
        let found = match indexed {
            Some(from) => survey(segment, from, end, base, Order::Growing, Depth::Headers, |_, _| {})?,
            None => self.reindex(segment)?,
        };
        let beyond = FlawKind::Offsets { base: next, last: next, expected: found.next };
        let overlap = (found.next > next || end == 0).then_some(Flaw { position: end, kind: beyond });
        if let Some(flaw) = found.flaw.or(overlap) {
            self.report.damaged.push((segment.name(), flaw));
        }
        Ok(())
    }

    /// Makes a sealed segment's indexes again.
    fn reindex(&mut self, segment: &Segment) -> io::Result<Survey> {
        self.report.rebuilt.push(segment.index.slot().path().display().to_string());
        let (base, end, interval) = (segment.base(), segment.written_end(), self.settings.index_interval_bytes);
        let mut indexes = Indexes::new(base, self.now);
        let add = |header: &BatchHeader, _| indexes.add(header, interval);
        let found = survey(segment, 0, end, base, Order::Growing, Depth::Headers, add)?;
        indexes.close();
        segment.index.replace(&indexes.index)?;
        segment.times.replace(&indexes.times)?;
        Ok(found)
    }

    /// Whether an index is empty that should not be: batches with times without a time index, or more bytes than the
    /// interval without an offset index.
    fn lacks_entries(&self, segment: &Segment) -> io::Result<bool> {
        let (end, interval) = (segment.written_end(), u64::from(self.settings.index_interval_bytes));
        if segment.times.entries() == 0 {
            let first = segment.header_at(0).map_err(io::Error::other)?;
            if first.is_some_and(|header| header.max_timestamp > Timestamp::NONE) {
                return Ok(true);
            }
        }
        if segment.index.entries() > 0 || end <= interval {
            return Ok(false);
        }
        let mut walk = Walk::new(segment, 0, end);
        loop {
            match walk.next_header() {
                Ok(Some((_, position))) if position > interval => return Ok(true),
                Ok(Some(_)) => {}
                // Damage is found by whoever reads the batches.
                Ok(None) | Err(WalkError::Corrupt { .. }) => return Ok(false),
                Err(WalkError::Io(error)) => return Err(error),
            }
        }
    }

    /// The position of the last index entry, 0 when there is none; `None` when its batch is not there.
    fn last_indexed(&self, segment: &Segment) -> io::Result<Option<u64>> {
        let Some(entry) = segment.index.last()? else { return Ok(Some(0)) };
        let fits = segment.fits(&entry).map_err(io::Error::other)?;
        Ok(fits.then_some(u64::from(entry.position)))
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
            survey(&**segment, 0, segment.written_end(), segment.base(), Order::Growing, Depth::Headers, note)?;
        }
        Ok(epochs)
    }

    /// The active segment after a clean end; `None` when something does not fit and it must be read whole.
    fn trust_active(&self, active: &Segment) -> io::Result<Option<(Growth, Offset)>> {
        let (base, len) = (active.base(), active.written_end());
        let Ok(position) = u32::try_from(len) else { return Ok(None) };
        if !self.has_indexes(base) {
            return Ok(None);
        }
        if self.lacks_entries(active)? {
            return Ok(None);
        }
        let Some(from) = self.last_indexed(active)? else { return Ok(None) };
        let mut growth = Growth::new(base, self.now);
        let Survey { next: end, flaw: None, .. } =
            survey(active, from, len, base, Order::Growing, Depth::Headers, |_, _| {})?
        else {
            return Ok(None);
        };
        if !self.files.contains_key(&names::segment(end, snapshot::SUFFIX)) {
            return Ok(None);
        }
        let last = active.times.last()?;
        if let Some(entry) = &last {
            let Some(mark) = active.trusted(entry).map_err(io::Error::other)? else { return Ok(None) };
            growth.max = Some(mark);
        }
        let first = active.header_at(0).map_err(io::Error::other)?;
        growth.first_timestamp = first.map(|header| header.max_timestamp);
        growth.position = position;
        growth.since_index = (len - from) as u32;
        growth.index_entries = active.index.entries();
        growth.time_entries = active.times.entries();
        growth.last_time_entry = last.map_or(Timestamp::NONE, |entry| Timestamp(entry.timestamp));
        Ok(Some((growth, end)))
    }

    /// Reads the active segment whole, cuts what is not good, and makes its indexes again.
    fn rebuild_active(&mut self, active: &Segment, epochs: &mut Epochs) -> io::Result<(Growth, Offset)> {
        let (base, len) = (active.base(), active.written_end());
        let mut indexes = Indexes::new(base, self.now);
        let interval = self.settings.index_interval_bytes;
        let found = survey(active, 0, len, base, Order::Contiguous, Depth::Checksums, |header, _| {
            indexes.add(header, interval);
            epochs.assign(header.leader_epoch, header.base_offset);
        })?;
        if let Some(flaw) = found.flaw {
            let cut = self.cut(active, &found, flaw)?;
            self.report.cut = Some(cut);
        }
        active.checked_to(found.good_end);
        active.index.replace(&indexes.index)?;
        active.times.replace(&indexes.times)?;
        Ok((indexes.growth, found.next))
    }

    fn cut(&self, active: &Segment, found: &Survey, flaw: Flaw) -> io::Result<Cut> {
        let (position, len) = (found.good_end, active.written_end());
        let batches = batches_after(active, position, len, found.next)?;
        let mut kept = None;
        if batches > 0 {
            let name = format!("{}.{position}{}", names::segment(active.base(), names::LOG), names::CUT);
            self.copy(active, position, len, &name)?;
            kept = Some((batches, name));
        }
        let file = active.log().file()?;
        file.set_len(position)?;
        file.sync_data()?;
        Ok(Cut { file: active.name(), position, bytes: len - position, kind: flaw.kind, kept })
    }

    fn copy(&self, from: &Segment, start: u64, end: u64, name: &str) -> io::Result<()> {
        let file = self.env.disk.open(&self.dir.join(name), crate::io::disk::Open::Create)?;
        let (mut at, mut bytes) = (start, Vec::new());
        while at < end {
            bytes.resize((end - at).min(COPY_BYTES) as usize, 0);
            super::walk::read_exact(from, &mut bytes, at)?;
            file.write_at(&[io::IoSlice::new(&bytes)], at - start)?;
            at += bytes.len() as u64;
        }
        file.sync_data()?;
        self.env.disk.sync_dir(self.dir)
    }

    /// Producer state at `end`: the newest good snapshot, then every batch after it.
    fn producers(&mut self, segments: &[Arc<Segment>], active: Offset, end: Offset) -> io::Result<(Producers, Writer)> {
        let mut offsets: Vec<Offset> =
            self.files.keys().filter_map(|name| names::parse(name, snapshot::SUFFIX)).collect();
        offsets.sort_unstable();
        let mut base: Option<(Offset, Producers)> = None;
        let mut writer = Writer::default();
        for at in offsets.into_iter().rev() {
            let path = self.dir.join(names::segment(at, snapshot::SUFFIX));
            let bytes = read_optional(&*self.env.disk, &path, SNAPSHOT_BYTES_MAX)?;
            match bytes.map(|bytes| snapshot::decode(&bytes)) {
                Some(Ok(producers)) if at <= end => {
                    writer.snapshots.insert(0, at);
                    base.get_or_insert((at, producers));
                }
                _ => {
                    self.report.rebuilt.push(path.display().to_string());
                    remove_if_there(&*self.env.disk, &path)?;
                }
            }
        }
        let missing = active > segments[0].base() && base.as_ref().is_none_or(|(at, _)| *at < active);
        let (from, mut producers) = base.unwrap_or_default();
        self.replay(segments, from, &mut producers)?;
        if missing {
            // Else every start from now on would read the sealed segments again.
            let path = self.dir.join(names::segment(end, snapshot::SUFFIX));
            self.env.disk.write_whole(&path, &snapshot::encode(&producers))?;
            self.report.rebuilt.push(path.display().to_string());
            writer.snapshots.retain(|at| *at != end);
            writer.snapshots.push(end);
        }
        Ok((producers, writer))
    }

    fn replay(&mut self, segments: &[Arc<Segment>], from: Offset, producers: &mut Producers) -> io::Result<()> {
        let first = segments.partition_point(|segment| segment.base() <= from).saturating_sub(1);
        let most = self.settings.producers_max;
        for segment in &segments[first..] {
            let start = segment.seek(from).map_err(io::Error::other)?;
            let found = survey(
                &**segment,
                start,
                segment.written_end(),
                segment.base(),
                Order::Growing,
                Depth::Headers,
                |header, _| {
                    if header.base_offset >= from {
                        producers.apply(header, header.base_offset, header.max_timestamp, most);
                    }
                },
            )?;
            let known = |(name, _): &(String, Flaw)| *name == segment.name();
            if let Some(flaw) = found.flaw
                && !self.report.damaged.iter().any(known)
            {
                self.report.damaged.push((segment.name(), flaw));
            }
        }
        Ok(())
    }
}

fn read_optional(disk: &dyn Disk, path: &Path, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    match disk.read_whole(path, bytes_max) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Ok(None),
        Err(error) => Err(error),
    }
}
