//! The writer: one chunk, one write, one sync.

use super::files::ZEROS;
use super::header::{Header, VERSION, body_crc};
use super::pool::{Left, Pool, Taken};
use super::scan::Reader;
use super::{Chunk, PAYLOAD_BYTES_MAX, Sequence, TABLE_BYTES_MAX, Wal, WalConfig, WalError, blocks, files, on, table};
use crate::io::disk::Disk;
use std::io::IoSlice;
use std::sync::Arc;

/// A write-ahead log on a disk.
pub struct DiskWal {
    pool: Arc<Pool>,
    incarnation: u64,
    current: Option<Current>,
    next: Sequence,
    /// Header CRC of the newest chunk.
    before: u32,
    /// Chunks below this are not needed.
    released: Sequence,
    failed: bool,
}

struct Current {
    taken: Taken,
    /// Where the next chunk goes.
    position: u64,
    /// Its newest chunk.
    last: Sequence,
}

impl DiskWal {
    /// An empty log of a new incarnation over whatever files are in the directory: what they hold is obsolete from now
    /// on, and they are free. Makes the directory and the first file when there is none, durably. Nothing that is there
    /// is touched when the incarnation, or a later one, or a later release, has written to the directory before.
    pub fn create(disk: Arc<dyn Disk>, config: WalConfig, incarnation: u64) -> Result<DiskWal, WalError> {
        refuse_used(&*disk, &config, incarnation)?;
        let pool = Arc::new(Pool::open(disk, config)?);
        let (next, released) = (Sequence::FIRST, Sequence::FIRST);
        Ok(DiskWal { pool, incarnation, current: None, next, before: 0, released, failed: false })
    }

    /// The files, to be shared with the thread that makes more of them.
    pub fn pool(&self) -> Arc<Pool> {
        self.pool.clone()
    }

    /// Whether a chunk that takes `chunk_bytes` ([`Chunk::bytes`]) would find room now. A disk that fills up at the same
    /// time may still refuse it.
    pub fn would_fit(&self, chunk_bytes: u64) -> bool {
        let needed = blocks(chunk_bytes);
        !self.failed && (self.fits_current(needed) || self.pool.would_turn(needed, self.left()))
    }

    fn fits_current(&self, needed: u64) -> bool {
        self.current.as_ref().is_some_and(|current| current.taken.bytes - current.position >= needed)
    }

    /// The current file, as it would be left now.
    fn left(&self) -> Option<Left> {
        let current = self.current.as_ref()?;
        let (number, last) = (current.taken.number, current.last);
        Some(Left { number, last, free: last < self.released })
    }

    fn write(&mut self, chunk: &Chunk<'_>) -> Result<Sequence, WalError> {
        let payload = check(chunk)?;
        let needed = chunk.bytes();
        if !self.fits_current(needed) {
            let taken = self.pool.turn(needed, self.left())?;
            self.current = Some(Current { taken, position: 0, last: self.next });
        }
        let current = self.current.as_mut().expect("a file was taken");
        let table = table::encode(chunk.entries);
        let header = Header {
            version: VERSION,
            entries: chunk.entries.len() as u32,
            directory_id: self.pool.config().directory_id,
            incarnation: self.incarnation,
            file: current.taken.number,
            sequence: self.next,
            before: self.before,
            payload,
            table: table.len() as u32,
            body_crc: body_crc(chunk.payload, &table),
        };
        let (front, crc) = header.encode();
        let mut parts = Vec::with_capacity(chunk.payload.len() + 3);
        parts.push(IoSlice::new(&front));
        parts.extend(chunk.payload.iter().map(|piece| IoSlice::new(piece)));
        parts.push(IoSlice::new(&table));
        parts.push(IoSlice::new(&ZEROS[..(needed - header.filled()) as usize]));
        let path = files::path(&self.pool.config().dir, current.taken.number);
        current.taken.file.write_at(&parts, current.position).map_err(on(&path))?;
        current.taken.file.sync_data().map_err(on(&path))?;
        current.position += needed;
        current.last = self.next;
        self.before = crc;
        self.next = self.next.next();
        Ok(current.last)
    }
}

impl Wal for DiskWal {
    fn append(&mut self, chunk: &Chunk<'_>) -> Result<Sequence, WalError> {
        if self.failed {
            return Err(WalError::Failed);
        }
        let written = self.write(chunk);
        self.failed = !matches!(written, Ok(_) | Err(WalError::NoRoom));
        written
    }

    fn next(&self) -> Sequence {
        self.next
    }

    fn release(&mut self, below: Sequence) {
        assert!(below <= self.next, "chunks below {below} are released, the next is {}", self.next);
        self.released = self.released.max(below);
        self.pool.release(self.released);
    }
}

/// The payload's length, if entries and payload agree and are within limits.
fn check(chunk: &Chunk<'_>) -> Result<u32, WalError> {
    let payload: u64 = chunk.payload.iter().map(|piece| piece.len() as u64).sum();
    let (described, table) = (table::payload_bytes(chunk.entries), table::bytes(chunk.entries));
    let what = if described != payload {
        format!("its entries describe {described} bytes of payload, there are {payload}")
    } else if payload > PAYLOAD_BYTES_MAX || table > TABLE_BYTES_MAX {
        format!("{payload} bytes of payload, at most {PAYLOAD_BYTES_MAX}; {table} of table, at most {TABLE_BYTES_MAX}")
    } else {
        return Ok(payload as u32);
    };
    Err(WalError::Chunk { what })
}

/// A file that was ever written to begins with a chunk of the newest incarnation in it, so the first block tells.
fn refuse_used(disk: &dyn Disk, config: &WalConfig, incarnation: u64) -> Result<(), WalError> {
    for (number, _) in files::list(disk, &config.dir).map_err(on(&config.dir))? {
        let mut reader = Reader::open(disk, &config.dir, number)?;
        let Some((header, _)) = reader.header(0)? else { continue };
        let file = files::path(&config.dir, number);
        if !header.belongs(config.directory_id, number) {
            continue;
        }
        if header.version > VERSION {
            return Err(WalError::Newer { file, version: header.version });
        }
        if header.incarnation >= incarnation {
            return Err(WalError::UsedBefore { file, found: header.incarnation, given: incarnation });
        }
    }
    Ok(())
}
