//! Finding the chunks of a file, whatever else is in it.
//!
//! Chunks begin at multiples of 4096. A scan looks for a header there, steps over a chunk that is whole, and by one block
//! over everything else, so that a damaged length hides nothing. Only headers that `ours` accepts are believed that far:
//! a payload is anybody's bytes and may look like a header, but does not know the data directory's id.

use super::header::{BodyCrc, HEADER_BYTES, Header, VERSION};
use super::{BLOCK_BYTES, WalError, files, on};
use crate::io::disk::{Disk, File, Open};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes that are read at a time.
const WINDOW_BYTES: u64 = 64 * 1024;
const _: () = assert!(WINDOW_BYTES >= BLOCK_BYTES);

/// What is known of a chunk's payload and table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Body {
    /// The checksum fits.
    Good,
    /// The checksum does not fit, or the file ends before the chunk does.
    Bad,
    /// Not read: the chunk after it follows, and whoever needs the body will check it.
    Unread,
}

/// Whether a scan reads a chunk's body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum How {
    /// It does.
    Read,
    /// Not when the next chunk follows.
    UnlessFollowed,
    /// It does not: nobody needs the chunk any more. Nothing newer lies in it, as a file is written from front to back.
    Pass,
}

/// A chunk with a good header.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub position: u64,
    pub header: Header,
    pub header_crc: u32,
    pub body: Body,
}

/// Reads a file from front to back.
pub(super) struct Reader {
    pub number: u64,
    pub len: u64,
    pub path: PathBuf,
    file: Arc<dyn File>,
    window: Vec<u8>,
    window_at: u64,
}

impl Reader {
    pub fn open(disk: &dyn Disk, dir: &Path, number: u64) -> Result<Reader, WalError> {
        let path = files::path(dir, number);
        let file = disk.open(&path, Open::Read).map_err(on(&path))?;
        let len = file.len().map_err(on(&path))?;
        Ok(Reader { number, len, path, file, window: Vec::new(), window_at: 0 })
    }

    /// Up to `most` (at most a block) bytes at `position`; fewer only at the file's end.
    fn peek(&mut self, position: u64, most: usize) -> Result<&[u8], WalError> {
        let most = (most as u64).min(self.len.saturating_sub(position));
        if most == 0 {
            return Ok(&[]);
        }
        let held = self.window_at..self.window_at + self.window.len() as u64;
        if position < held.start || position + most > held.end {
            let length = WINDOW_BYTES.min(self.len - position) as usize;
            self.window = self.read(position, length)?;
            self.window_at = position;
        }
        let from = (position - self.window_at) as usize;
        Ok(&self.window[from..from + most as usize])
    }

    /// Exactly these bytes, which lie inside the file.
    pub fn read(&self, position: u64, length: usize) -> Result<Vec<u8>, WalError> {
        let mut bytes = vec![0; length];
        let read = self.file.read_at(&mut bytes, position).map_err(on(&self.path))?;
        if read < length {
            let what = format!("{read} bytes at {position}, {length} were expected");
            return Err(on(&self.path)(io::Error::new(io::ErrorKind::UnexpectedEof, what)));
        }
        Ok(bytes)
    }

    /// The header at `position`, if there is a good one, and its checksum.
    pub fn header(&mut self, position: u64) -> Result<Option<(Header, u32)>, WalError> {
        Ok(self.peek(position, HEADER_BYTES)?.first_chunk().and_then(Header::parse))
    }

    /// Whether the block at `position` is something other than zeros or a chunk's start.
    pub fn is_rubble(&mut self, position: u64) -> Result<bool, WalError> {
        if self.header(position)?.is_some() {
            return Ok(false);
        }
        Ok(self.peek(position, BLOCK_BYTES as usize)?.iter().any(|byte| *byte != 0))
    }

    /// Whether the chunk lies in the file, padding aside, and has lengths that may be believed.
    fn has_room(&self, position: u64, header: &Header) -> bool {
        header.within_limits() && header.filled() <= self.len - position
    }

    fn body_fits(&self, position: u64, header: &Header) -> Result<bool, WalError> {
        let (mut at, mut left) = (position + HEADER_BYTES as u64, header.body());
        let mut crc = BodyCrc::new();
        while left > 0 {
            let length = left.min(WINDOW_BYTES);
            crc.update(&self.read(at, length as usize)?);
            at += length;
            left -= length;
        }
        Ok(crc.finish() == header.body_crc)
    }

    /// Whether the chunk with the next sequence begins where this one ends.
    fn is_followed(&mut self, position: u64, header: &Header, header_crc: u32) -> Result<bool, WalError> {
        let Some((next, _)) = self.header(position + header.extent())? else { return Ok(false) };
        Ok(next.version == header.version
            && next.belongs(header.directory_id, header.file)
            && next.incarnation == header.incarnation
            && next.sequence == header.sequence.next()
            && next.before == header_crc)
    }

    fn may_pass(&mut self, position: u64, header: &Header, header_crc: u32, how: How) -> Result<bool, WalError> {
        match how {
            How::Read => Ok(false),
            How::UnlessFollowed => self.is_followed(position, header, header_crc),
            How::Pass => Ok(true),
        }
    }

    /// Shows `visit` every good header that is `ours`, in the order of the file. A body is read as `how` says of its header.
    pub fn scan(
        &mut self,
        ours: impl Fn(&Header) -> bool,
        how: impl Fn(&Header) -> How,
        mut visit: impl FnMut(Found) -> Result<(), WalError>,
    ) -> Result<(), WalError> {
        let mut position = 0;
        while position < self.len {
            let mut step = BLOCK_BYTES;
            if let Some((header, header_crc)) = self.header(position)?.filter(|(header, _)| ours(header)) {
                let body = if header.version > VERSION || !self.has_room(position, &header) {
                    Body::Bad
                } else if self.may_pass(position, &header, header_crc, how(&header))? {
                    Body::Unread
                } else if self.body_fits(position, &header)? {
                    Body::Good
                } else {
                    Body::Bad
                };
                if body != Body::Bad {
                    step = header.extent();
                }
                visit(Found { position, header, header_crc, body })?;
            }
            position += step;
        }
        Ok(())
    }
}
