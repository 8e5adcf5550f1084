//! Reading what an earlier run left.
//!
//! A survey looks through every file and lists the chunks of the wanted incarnation that are needed; then the chunks are
//! read one at a time, in the order of their sequences. The next chunk is the one with the next sequence and the checksum
//! of the header before it. Where it is missing or bad:
//!
//! - with nothing newer anywhere: a torn end, as a crash leaves it ([`ReplayReport::torn`]);
//! - with something newer: damage, since a chunk is written only after the one before it is synced. It is named
//!   ([`ReplayReport::damaged`]), and the good chunks behind it are replayed all the same.
//!
//! Memory holds the list (a header for each chunk) and one chunk. Lengths are believed up to the file's end.

use super::header::{HEADER_BYTES, VERSION, body_crc};
use super::scan::{Body, Found, How, Reader};
use super::{Entry, Sequence, WalError, files, on, table};
use crate::io::disk::Disk;
use bytes::Bytes;
use std::fmt;
use std::path::Path;
use uuid::Uuid;

/// What is wanted of the files.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The data directory's id.
    pub directory_id: Uuid,
    /// The incarnation that wrote last.
    pub incarnation: u64,
    /// Chunks below this are not needed; their files may hold newer ones.
    pub live_from: Sequence,
}

/// A position in a file of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Place {
    /// The file's number.
    pub file: u64,
    /// Bytes from its start.
    pub position: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:020}.wal at {}", self.file, self.position)
    }
}

/// What is wrong with a chunk that must have been good once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum What {
    /// It is nowhere.
    Missing,
    /// The checksum of payload and table does not fit.
    Body,
    /// It does not follow the chunk before it.
    Link,
    /// Its checksum fits, but the table makes no sense.
    Table(String),
}

/// Chunks that were durable and can't be replayed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Damage {
    /// Where the bad chunk is; for one that is missing, the next that was found.
    pub place: Place,
    /// The sequence that was expected.
    pub expected: Sequence,
    /// The next that was found, good or not; the expected one itself when only its table is bad.
    pub found: Sequence,
    /// What is wrong.
    pub what: What,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Damage { place, expected, found, what } = self;
        match what {
            What::Missing => write!(f, "{place}: chunk {found} where chunk {expected} was expected, which is nowhere"),
            What::Body => write!(f, "{place}: chunk {expected} has a bad checksum, and chunk {found} follows"),
            What::Link => {
                write!(f, "{place}: chunk {expected} does not follow the one before, and chunk {found} exists")
            }
            What::Table(what) => write!(f, "{place}: chunk {expected} has a bad table: {what}"),
        }
    }
}

/// What a replay has met so far.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ReplayReport {
    /// Chunks that were good.
    pub chunks: u64,
    /// Bytes that they take, padding included.
    pub bytes: u64,
    /// Where the log ends in something unfinished; known at the end. Left-overs of an older chunk, cut by a newer one,
    /// look the same.
    pub torn: Option<Place>,
    /// Chunks that were lost.
    pub damaged: Vec<Damage>,
}

/// One chunk, as it was appended.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReplayedChunk {
    /// Its sequence.
    pub sequence: Sequence,
    /// Its table.
    pub entries: Vec<Entry>,
    /// Its payload.
    pub payload: Bytes,
}

/// A replay under way.
pub struct Replay {
    readers: Vec<Reader>,
    /// Chunks with good headers, by sequence, each with the index of its reader.
    found: Vec<(usize, Found)>,
    at: usize,
    expected: Sequence,
    /// Header CRC of the chunk before, if that header was good.
    before: Option<u32>,
    /// Where the newest chunk ends.
    end: Option<(usize, u64)>,
    report: ReplayReport,
}

/// Surveys the files. A directory that is missing or empty has no chunks.
pub fn replay(disk: &dyn Disk, dir: &Path, origin: &Origin) -> Result<Replay, WalError> {
    let mut readers = Vec::new();
    let mut found = Vec::new();
    for (number, _) in files::list(disk, dir).map_err(on(dir))? {
        let mut reader = Reader::open(disk, dir, number)?;
        survey(&mut reader, origin, |chunk| found.push((readers.len(), chunk)))?;
        readers.push(reader);
    }
    found.sort_by_key(|(_, chunk)| chunk.header.sequence);
    let expected = origin.live_from.max(Sequence::FIRST);
    let before = (expected == Sequence::FIRST).then_some(0);
    let report = ReplayReport::default();
    Ok(Replay { readers, found, at: 0, expected, before, end: None, report })
}

fn survey(reader: &mut Reader, origin: &Origin, mut keep: impl FnMut(Found)) -> Result<(), WalError> {
    let number = reader.number;
    let path = reader.path.clone();
    let ours = |header: &super::header::Header| header.belongs(origin.directory_id, number);
    let live = |header: &super::header::Header| {
        header.incarnation == origin.incarnation && header.sequence >= origin.live_from
    };
    let how = |header: &super::header::Header| if live(header) { How::UnlessFollowed } else { How::Pass };
    reader.scan(ours, how, |chunk| {
        if chunk.header.version > VERSION {
            return Err(WalError::Newer { file: path.clone(), version: chunk.header.version });
        }
        if live(&chunk.header) {
            keep(chunk);
        }
        Ok(())
    })
}

impl Replay {
    /// The next good chunk at or after [`Origin::live_from`], in order.
    #[allow(clippy::should_implement_trait)] // an iterator's items would hide that an error ends the replay
    pub fn next(&mut self) -> Result<Option<ReplayedChunk>, WalError> {
        while let Some((reader, chunk)) = self.found.get(self.at).copied() {
            self.at += 1;
            let sequence = chunk.header.sequence;
            if sequence < self.expected {
                // A second chunk of a sequence that was dealt with.
                continue;
            }
            if sequence > self.expected {
                self.damage(self.place(reader, &chunk), sequence, What::Missing);
                self.expected = sequence;
                self.before = None;
            }
            let read = self.read(reader, &chunk)?;
            if read.is_err() && self.next_found() == Some(sequence) {
                // There is another chunk of this sequence, which may be the right one.
                continue;
            }
            self.end = Some((reader, chunk.position + chunk.header.extent()));
            match read {
                Ok(good) => {
                    self.step(&chunk);
                    self.report.chunks += 1;
                    self.report.bytes += chunk.header.extent();
                    return Ok(Some(good));
                }
                Err(what) => {
                    self.name_bad(self.place(reader, &chunk), sequence, what);
                    self.step(&chunk);
                }
            }
        }
        self.look_for_torn_end()?;
        Ok(None)
    }

    /// What was met so far; complete when [`Self::next`] has returned `None`.
    pub fn report(&self) -> &ReplayReport {
        &self.report
    }

    fn place(&self, reader: usize, chunk: &Found) -> Place {
        Place { file: self.readers[reader].number, position: chunk.position }
    }

    fn next_found(&self) -> Option<Sequence> {
        self.found.get(self.at).map(|(_, chunk)| chunk.header.sequence)
    }

    fn step(&mut self, chunk: &Found) {
        self.expected = chunk.header.sequence.next();
        self.before = Some(chunk.header_crc);
    }

    fn damage(&mut self, place: Place, found: Sequence, what: What) {
        self.report.damaged.push(Damage { place, expected: self.expected, found, what });
    }

    /// A bad chunk with nothing behind it is what a crash leaves of an append, unless its checksums fit.
    fn name_bad(&mut self, place: Place, sequence: Sequence, what: What) {
        match (self.next_found(), &what) {
            (Some(found), _) => self.damage(place, found, what),
            (None, What::Table(_)) => self.damage(place, sequence, what),
            (None, What::Missing | What::Body | What::Link) => self.report.torn = Some(place),
        }
    }

    /// The chunk, or what is wrong with it.
    fn read(&self, reader: usize, chunk: &Found) -> Result<Result<ReplayedChunk, What>, WalError> {
        let header = &chunk.header;
        if chunk.body == Body::Bad {
            return Ok(Err(What::Body));
        }
        if self.before.is_some_and(|before| before != header.before) {
            return Ok(Err(What::Link));
        }
        let body = self.readers[reader].read(chunk.position + HEADER_BYTES as u64, header.body() as usize)?;
        if body_crc(&[], &body) != header.body_crc {
            return Ok(Err(What::Body));
        }
        let payload = header.payload as usize;
        Ok(match table::decode(&body[payload..], header.entries, header.payload) {
            Ok(entries) => {
                let payload = Bytes::from(body).slice(..payload);
                Ok(ReplayedChunk { sequence: header.sequence, entries, payload })
            }
            Err(what) => Err(What::Table(what)),
        })
    }

    /// The chunk that would be next goes behind the newest or to the start of a file. What lies there and is neither
    /// zeros nor a chunk's start was being written.
    fn look_for_torn_end(&mut self) -> Result<(), WalError> {
        let starts = (0..self.readers.len()).map(|reader| (reader, 0));
        let places: Vec<(usize, u64)> = self.end.into_iter().chain(starts).collect();
        for (reader, position) in places {
            if self.report.torn.is_some() {
                break;
            }
            let reader = &mut self.readers[reader];
            if reader.is_rubble(position)? {
                self.report.torn = Some(Place { file: reader.number, position });
            }
        }
        Ok(())
    }
}
