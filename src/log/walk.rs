//! Walking the batches of a segment file, header by header.

use crate::base::FileRange;
use crate::record::header::{BatchCrc, batch_crc};
use crate::record::{BatchError, BatchHeader, HEADER_BYTES};
use std::io;

/// What is read at once while batches are small.
const WINDOW_BYTES: usize = 32 * 1024;
/// Batches above this are skipped over instead of read through.
const SMALL_BATCH_BYTES: u64 = 8 * 1024;
/// A batch is read for its CRC in pieces of at most this, so that a length that lies costs little.
const BATCH_STEP_BYTES: usize = 1024 * 1024;
/// A batch whose CRC alone matters is read in pieces of this: they stay in the processor's cache.
const CHECK_STEP_BYTES: usize = 64 * 1024;

/// Why a walk ended before the end.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// The disk failed.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// What lies at the position is not a batch.
    #[error("at byte {position}: {error}")]
    Corrupt {
        /// Byte position in the file.
        position: u64,
        /// What is wrong.
        error: BatchError,
    },
}

/// Whether a read may wait for the disk.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Patience {
    /// It may.
    Wait,
    /// What is not in memory, or in a file that is not open, is an error: `WouldBlock`.
    AtOnce,
}

/// A walk over the batches between two positions; reads no further than `end`.
pub struct Walk<'a> {
    file: &'a dyn FileRange,
    position: u64,
    end: u64,
    window: Vec<u8>,
    window_at: u64,
    last_size: u64,
    patience: Patience,
    piece: Vec<u8>,
}

impl<'a> Walk<'a> {
    /// Walks from `position`, which must be a batch's first byte.
    pub fn new(file: &'a dyn FileRange, position: u64, end: u64) -> Self {
        let patience = Patience::Wait;
        Walk { file, position, end, window: Vec::new(), window_at: 0, last_size: 0, patience, piece: Vec::new() }
    }

    /// The same walk with this patience.
    pub fn patient(self, patience: Patience) -> Self {
        Walk { patience, ..self }
    }

    /// Where the next batch begins.
    pub fn position(&self) -> u64 {
        self.position
    }

    /// The next batch's header and position; `None` at the end. A batch that reaches past the end is an error.
    pub fn next_header(&mut self) -> Result<Option<(BatchHeader, u64)>, WalkError> {
        if self.position >= self.end {
            return Ok(None);
        }
        let position = self.position;
        let corrupt = |error| WalkError::Corrupt { position, error };
        let have = self.end - position;
        if have < HEADER_BYTES as u64 {
            return Err(corrupt(BatchError::TooShort { bytes: have as usize }));
        }
        self.fill(HEADER_BYTES)?;
        let at = (position - self.window_at) as usize;
        let header = BatchHeader::parse(&self.window[at..]).map_err(corrupt)?;
        if header.size() > have {
            return Err(corrupt(BatchError::Truncated { size: header.size(), bytes: have as usize }));
        }
        self.last_size = header.size();
        self.position += header.size();
        Ok(Some((header, position)))
    }

    /// The next batch whole, its CRC checked.
    pub fn next_batch(&mut self) -> Result<Option<(BatchHeader, Vec<u8>, u64)>, WalkError> {
        let Some((header, position)) = self.next_header()? else { return Ok(None) };
        let batch = self.read_batch(&header, position)?;
        Ok(Some((header, batch, position)))
    }

    /// Checks the next batch's CRC, in pieces; its header.
    pub fn check_next(&mut self) -> Result<Option<BatchHeader>, WalkError> {
        let Some((header, position)) = self.next_header()? else { return Ok(None) };
        let end = position + header.size();
        let mut crc = BatchCrc::new();
        let in_window = (position - self.window_at) as usize;
        let mut at = match self.window.get(in_window..) {
            Some(bytes) => {
                let bytes = &bytes[..bytes.len().min(header.size() as usize)];
                crc.add(bytes);
                position + bytes.len() as u64
            }
            None => position,
        };
        while at < end {
            self.piece.resize(CHECK_STEP_BYTES.min((end - at) as usize), 0);
            read_exact(self.file, &mut self.piece, at)?;
            crc.add(&self.piece);
            at += self.piece.len() as u64;
        }
        let computed = crc.value();
        if computed != header.crc {
            return Err(WalkError::Corrupt { position, error: BatchError::Crc { stored: header.crc, computed } });
        }
        Ok(Some(header))
    }

    fn read_batch(&self, header: &BatchHeader, position: u64) -> Result<Vec<u8>, WalkError> {
        let size = usize::try_from(header.size()).map_err(io::Error::other)?;
        let in_window = (position - self.window_at) as usize;
        let batch = match self.window.get(in_window..in_window + size) {
            Some(bytes) => bytes.to_vec(),
            None => {
                let mut bytes = Vec::new();
                while bytes.len() < size {
                    let from = bytes.len();
                    bytes.resize((from + BATCH_STEP_BYTES).min(size), 0);
                    read_exact(self.file, &mut bytes[from..], position + from as u64)?;
                }
                bytes
            }
        };
        let computed = batch_crc(&batch);
        if computed != header.crc {
            return Err(WalkError::Corrupt { position, error: BatchError::Crc { stored: header.crc, computed } });
        }
        Ok(batch)
    }

    /// Makes the window hold at least `bytes` from the current position, which the caller knows to be there.
    fn fill(&mut self, bytes: usize) -> io::Result<()> {
        let held_to = self.window_at + self.window.len() as u64;
        if self.position >= self.window_at && self.position + bytes as u64 <= held_to {
            return Ok(());
        }
        let want = if self.last_size <= SMALL_BATCH_BYTES { WINDOW_BYTES } else { bytes };
        let want = (want as u64).min(self.end - self.position) as usize;
        self.window.resize(want, 0);
        self.window_at = self.position;
        read_exact_with(self.file, &mut self.window, self.position, self.patience)
    }
}

/// Fills `buf` as [`read_exact`] does, or says `WouldBlock`.
pub fn read_exact_with(file: &dyn FileRange, buf: &mut [u8], position: u64, patience: Patience) -> io::Result<()> {
    match patience {
        Patience::Wait => read_exact(file, buf, position),
        Patience::AtOnce => match file.read_cached(buf, position)? {
            Some(read) if read == buf.len() => Ok(()),
            _ => Err(io::ErrorKind::WouldBlock.into()),
        },
    }
}

/// Fills `buf`; a file that ends early is an error.
pub fn read_exact(file: &dyn FileRange, buf: &mut [u8], position: u64) -> io::Result<()> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(&mut buf[filled..], position + filled as u64)? {
            0 => {
                return Err(io::Error::new(
                    io::ErrorKind::UnexpectedEof,
                    "the file is shorter than what it should hold",
                ));
            }
            read => filled += read,
        }
    }
    Ok(())
}
