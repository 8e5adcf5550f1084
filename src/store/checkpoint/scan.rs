//! Reading one copy: frame by frame as long as each follows from the one before, then what lies beyond.
//!
//! Lengths are believed up to the file's end and the format's limits. Whatever does not fit ends the good part, and so
//! does a read that fails; what it means is for `load` to judge, from both copies.

use super::Position;
use super::format::{
    FILE_HEADER_BYTES, FRAME_HEADER_BYTES, FRAME_MAGIC, FileHeader, FrameHeader, PAYLOAD_BYTES_MAX, Record, VERSION,
};
use crate::io::disk::{Disk, File, Open};
use crate::record::header::crc32c;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// Up to so many bytes that are not zero, in what should be zeros, are decay and not a commit: of a frame that was there
/// and was hit in one byte more are left, since its magic and its commit number alone have nine.
pub(super) const STRAY_BYTES_MAX: usize = FRAME_MAGIC.len() - 1;

/// Bytes that are looked through at once for what lies beyond the good part.
const WINDOW_BYTES: usize = 64 * 1024;
const _: () = assert!(WINDOW_BYTES > 2 * FRAME_HEADER_BYTES);

/// Why reading went no further.
#[derive(Debug)]
pub(super) enum Stop {
    /// What is there does not follow.
    Unfit(&'static str),
    /// It can't be read.
    Failed(io::Error),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Unfit(why) => f.write_str(why),
            Stop::Failed(error) => write!(f, "{error}"),
        }
    }
}

/// A frame that follows from all before it, with records that all fit.
pub(super) struct Frame {
    pub(super) at: u64,
    pub(super) header: FrameHeader,
    payload: Vec<u8>,
}

impl Frame {
    /// Its records, each with the position in the file.
    pub(super) fn records(&self) -> impl Iterator<Item = (u64, Record<'_>)> {
        let mut at = 0;
        let from = self.at + FRAME_HEADER_BYTES as u64;
        std::iter::from_fn(move || {
            let record = Record::decode(&self.payload[at..])?;
            let position = from + at as u64;
            at += record.len;
            Some((position, record))
        })
    }

    fn records_fit(&self) -> bool {
        let (mut count, mut bytes) = (0u32, 0);
        for (_, record) in self.records() {
            count += 1;
            bytes += record.len;
        }
        count == self.header.records && bytes == self.payload.len()
    }
}

/// Goes from frame to frame.
pub(super) struct Walker {
    file: Arc<dyn File>,
    len: u64,
    /// Where the next frame begins.
    pub(super) at: u64,
    crc_before: u32,
    /// The next frame's commit; none when the numbers are used up.
    commit: Option<u64>,
    /// The position of a commit that has begun and not ended.
    begun: Option<Position>,
}

impl Walker {
    /// Reads the header. A header that fits itself is returned with the walker, whatever it says.
    pub(super) fn start(file: Arc<dyn File>) -> Result<(FileHeader, Walker), Stop> {
        let len = file.len().map_err(Stop::Failed)?;
        let mut bytes = [0; FILE_HEADER_BYTES];
        fill(&*file, &mut bytes, 0)?;
        let (header, crc) = FileHeader::decode(&bytes).ok_or(Stop::Unfit("the file's header does not fit its CRC"))?;
        let (at, commit) = (FILE_HEADER_BYTES as u64, Some(header.first_commit));
        Ok((header, Walker { file, len, at, crc_before: crc, commit, begun: None }))
    }

    /// The next frame.
    pub(super) fn next(&mut self) -> Result<Frame, Stop> {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        fill(&*self.file, &mut bytes, self.at)?;
        let (header, crc) = FrameHeader::decode(&bytes).ok_or(Stop::Unfit("no frame's header that fits its CRC"))?;
        if header.crc_before != self.crc_before || Some(header.commit) != self.commit {
            return Err(Stop::Unfit("the frame does not follow from the one before"));
        }
        if self.begun.is_some_and(|begun| begun != header.position) {
            return Err(Stop::Unfit("the frame has another position than its commit"));
        }
        let payload_at = self.at + FRAME_HEADER_BYTES as u64;
        let payload_bytes = header.payload_bytes as usize;
        if payload_bytes > PAYLOAD_BYTES_MAX || u64::from(header.payload_bytes) > self.len.saturating_sub(payload_at) {
            return Err(Stop::Unfit("the frame is longer than the file"));
        }
        let mut payload = vec![0; payload_bytes];
        fill(&*self.file, &mut payload, payload_at)?;
        if crc32c(&payload) != header.payload_crc {
            return Err(Stop::Unfit("the frame's records do not fit their CRC"));
        }
        let frame = Frame { at: self.at, header, payload };
        if !frame.records_fit() {
            return Err(Stop::Unfit("the frame's records are not what its header says"));
        }
        self.at = payload_at + u64::from(header.payload_bytes);
        self.crc_before = crc;
        self.begun = (!header.last).then_some(header.position);
        if header.last {
            self.commit = header.commit.checked_add(1);
        }
        Ok(frame)
    }
}

fn fill(file: &dyn File, buf: &mut [u8], at: u64) -> Result<(), Stop> {
    let filled = file.read_at(buf, at).map_err(Stop::Failed)?;
    if filled == buf.len() { Ok(()) } else { Err(Stop::Unfit("the file ends")) }
}

/// The last commit that is whole, with all before it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Good {
    pub(super) commit: u64,
    pub(super) position: Position,
    /// Where it ends.
    pub(super) end: u64,
}

/// One copy that exists and is not refused.
#[derive(Debug)]
pub(super) struct Scan {
    /// None when not even the first commit is whole.
    pub(super) good: Option<Good>,
    /// Where reading stopped, and why.
    pub(super) stopped_at: u64,
    pub(super) stop: Stop,
    pub(super) beyond: Beyond,
}

/// What lies beyond the good part of a copy.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Beyond {
    /// Whether it is more than stray bytes.
    pub(super) trace: bool,
    /// The highest commit of which there is a frame's header.
    pub(super) seen: Option<u64>,
    /// Whether all of it could be read.
    pub(super) readable: bool,
}

impl Scan {
    /// The highest commit that it holds any part of.
    pub(super) fn highest(&self) -> Option<u64> {
        self.beyond.seen.max(self.good.map(|good| good.commit))
    }

    /// Whether it says that nothing came after `commit`.
    pub(super) fn vouches_for(&self, commit: u64) -> bool {
        let begun = self.beyond.trace && self.good.is_some_and(|good| good.commit == commit);
        self.beyond.readable && self.highest() == Some(commit) && !begun
    }
}

/// What there is under a copy's name.
#[derive(Debug)]
pub(super) enum Found {
    Absent,
    Newer(u32),
    OtherDirectory(Uuid),
    Read(Scan),
}

/// Reads one copy. An error is of opening the file; one of reading it is in the scan.
pub(super) fn scan(disk: &dyn Disk, path: &Path, directory_id: Uuid) -> io::Result<Found> {
    let file = match disk.open(path, Open::Read) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Absent),
        Err(error) => return Err(error),
    };
    let mut walker = match Walker::start(file.clone()) {
        Ok((header, _)) if header.version > VERSION => return Ok(Found::Newer(header.version)),
        Ok((header, _)) if header.directory_id != directory_id => {
            return Ok(Found::OtherDirectory(header.directory_id));
        }
        Ok((_, walker)) => walker,
        Err(stop) => {
            return Ok(Found::Read(Scan { good: None, stopped_at: 0, stop, beyond: survey(&*file, 0) }));
        }
    };
    let mut good = None;
    let stop = loop {
        match walker.next() {
            Ok(Frame { header, .. }) if header.last => {
                good = Some(Good { commit: header.commit, position: header.position, end: walker.at });
            }
            Ok(_) => {}
            Err(stop) => break stop,
        }
    };
    let beyond = survey(&*file, good.map_or(0, |good| good.end));
    Ok(Found::Read(Scan { good, stopped_at: walker.at, stop, beyond }))
}

/// Looks through the rest of a file, as far as it can be read.
pub(super) fn survey(file: &dyn File, from: u64) -> Beyond {
    let (mut window, zeros) = (vec![0; WINDOW_BYTES], vec![0; WINDOW_BYTES]);
    let (mut at, mut nonzero, mut seen) = (from, 0, None);
    let readable = loop {
        let Ok(filled) = file.read_at(&mut window, at) else { break false };
        // The next window begins where a header might not have been whole in this one.
        let fresh = if filled < WINDOW_BYTES { filled } else { filled - FRAME_HEADER_BYTES };
        // Nearly all of what lies beyond is zero, and compared far faster than searched.
        if window[..filled] != zeros[..filled] {
            nonzero += window[..fresh].iter().filter(|byte| **byte != 0).count();
            for start in (0..fresh).filter(|start| window[*start] == FRAME_MAGIC[0]) {
                let header = FrameHeader::decode(&window[start..filled]);
                seen = seen.max(header.map(|(header, _)| header.commit));
            }
        }
        if filled < WINDOW_BYTES {
            break true;
        }
        at += fresh as u64;
    };
    Beyond { trace: nonzero > STRAY_BYTES_MAX, seen, readable }
}
