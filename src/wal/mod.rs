//! The write-ahead log: a redo log of chunks in recycled, filled files.
//!
//! - [`DiskWal`]: writes chunks, each in one write and one sync. One writer; it blocks on the disk.
//! - [`Pool`]: the files: which are free, when there should be more. Shared with the thread that makes more.
//! - [`replay()`]: reads what an earlier run left, once, before a new log is made over it.
//! - [`inspect()`]: what the files hold, for people.
//! - `header`, `table`: the two forms inside a chunk. `scan`: finding chunks in a file. `files`: names, and filling.
//!
//! ```text
//! <data dir>/wal/
//!   00000000000000000001.wal        chunks at multiples of 4096; what follows the newest is zeros or older chunks
//!   00000000000000000002.wal.tmp    a file that is being filled with zeros; a crash may leave it, nobody reads it
//!
//! chunk   header | payload: record batches | table: what the payload is, and other edits | zeros up to 4096
//! ```
//!
//! What must hold:
//!
//! 1. A chunk is durable when [`Wal::append`] has returned its sequence, and at most one chunk is not. So after a crash
//!    at most the newest chunk is torn, and a bad chunk with a newer one behind it is damage, never a torn end.
//! 2. Files are written over and over, so a chunk says which it is: data directory, incarnation (one run of the broker),
//!    file, sequence, and the checksum of the header before it. What does not fit is not replayed. No incarnation is used
//!    twice; [`DiskWal::create`] refuses one that it finds.
//! 3. A chunk at or above what was released is never overwritten. Who releases has made durable, first, from where on
//!    the log is needed ([`Origin::live_from`]).
//! 4. A file is full of synced zeros before it has its name, so an append never waits for the file system to find room.
//!
//! Payloads are opaque here: whoever replays checks the batches.

mod disk_wal;
mod files;
mod header;
mod inspect;
mod pool;
mod replay;
mod scan;
mod table;

#[cfg(test)]
mod tests;

pub use disk_wal::DiskWal;
pub use inspect::{ChunkView, FileView, inspect};
pub use pool::{Pool, PoolStats};
pub use replay::{Damage, Origin, Place, Replay, ReplayReport, ReplayedChunk, What, replay};

use crate::base::{LeaderEpoch, Offset, TopicPartition};
use bytes::Bytes;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Bytes of the whole pool unless configured otherwise.
pub const WAL_BYTES: u64 = 1 << 30;

/// Bytes of the first file: filled before the broker is ready.
pub const FIRST_FILE_BYTES: u64 = 4 << 20;

/// Bytes of the largest file that is made ahead of need.
pub const FILE_BYTES_MAX: u64 = 64 << 20;

/// Chunks begin at multiples of this, bytes: a page, so that no two chunks share one.
pub const BLOCK_BYTES: u64 = 4096;

/// Largest payload of a chunk, bytes: no request is larger.
pub const PAYLOAD_BYTES_MAX: u64 = i32::MAX as u64;

/// Largest table of a chunk, bytes.
pub const TABLE_BYTES_MAX: u64 = 64 << 20;

/// Where the log is, whose it is, and how large it may be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WalConfig {
    /// `<data dir>/wal`.
    pub dir: PathBuf,
    /// The data directory's id.
    pub directory_id: Uuid,
    /// Bytes of all files together; exceeded only by the overdraft, and for a chunk that no file of the pool could hold.
    pub bytes: u64,
    /// Bytes of the first file.
    pub first_file_bytes: u64,
    /// Bytes of the largest file that is made ahead of need.
    pub file_bytes_max: u64,
    /// Bytes beyond `bytes` for chunks that were admitted before the pool was full: what waits for the log when whoever
    /// admits stops, so that nothing waits for a release that waits for it.
    pub overdraft_bytes: u64,
}

impl WalConfig {
    /// The usual sizes.
    pub fn new(dir: PathBuf, directory_id: Uuid) -> Self {
        let (bytes, first_file_bytes, file_bytes_max) = (WAL_BYTES, FIRST_FILE_BYTES, FILE_BYTES_MAX);
        WalConfig { dir, directory_id, bytes, first_file_bytes, file_bytes_max, overdraft_bytes: 0 }
    }
}

/// A chunk's number in its incarnation, from 1, without gaps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct Sequence(pub u64);

impl Sequence {
    /// The first chunk of every incarnation.
    pub const FIRST: Sequence = Sequence(1);

    /// The one after.
    pub fn next(self) -> Sequence {
        Sequence(self.0.saturating_add(1))
    }
}

impl fmt::Display for Sequence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// One entry of a chunk's table. Entries of one partition are applied in their order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Entry {
    /// The next `length` bytes of the payload are whole record batches of this partition, in order; their headers carry
    /// the offsets.
    Batches {
        /// Whose.
        id: TopicPartition,
        /// Bytes.
        length: u32,
    },
    /// Records below `start` are deleted.
    LogStart {
        /// Whose.
        id: TopicPartition,
        /// The first offset that is kept.
        start: Offset,
    },
    /// A leader epoch began.
    Epoch {
        /// Whose.
        id: TopicPartition,
        /// The epoch.
        epoch: LeaderEpoch,
        /// Its first offset.
        start: Offset,
    },
    /// Sealed segments wholly below `below` are removed. Not written any more: they go after the checkpoint's record that
    /// holds the log start. Logs of earlier releases have it.
    RemoveBelow {
        /// Whose.
        id: TopicPartition,
        /// The first offset that is not touched.
        below: Offset,
    },
    /// The log is emptied and goes on at this offset.
    Reset {
        /// Whose.
        id: TopicPartition,
        /// The next offset.
        at: Offset,
    },
}

impl Entry {
    /// The partition that it is about.
    pub fn id(&self) -> TopicPartition {
        match *self {
            Entry::Batches { id, .. }
            | Entry::LogStart { id, .. }
            | Entry::Epoch { id, .. }
            | Entry::RemoveBelow { id, .. }
            | Entry::Reset { id, .. } => id,
        }
    }
}

/// What one append writes.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// The table.
    pub entries: &'a [Entry],
    /// The payload in pieces, in the order of the [`Entry::Batches`]; its length is the sum of theirs.
    pub payload: &'a [Bytes],
}

impl Chunk<'_> {
    /// Bytes that the chunk takes in a file.
    pub fn bytes(&self) -> u64 {
        let payload: u64 = self.payload.iter().map(|piece| piece.len() as u64).sum();
        blocks(header::HEADER_BYTES as u64 + payload + table::bytes(self.entries))
    }
}

/// `bytes`, rounded up to whole blocks.
fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(BLOCK_BYTES).saturating_mul(BLOCK_BYTES)
}

/// A redo log that is written.
pub trait Wal: Send {
    /// Writes one chunk and syncs it: durable on return. [`WalError::NoRoom`] is said before anything was written; every
    /// other error is final: the log must not be used again.
    fn append(&mut self, chunk: &Chunk<'_>) -> Result<Sequence, WalError>;

    /// The sequence that the next chunk gets.
    fn next(&self) -> Sequence;

    /// Chunks below `below` are not needed any more: files wholly below it are free for use again.
    /// At most [`Wal::next`].
    fn release(&mut self, below: Sequence);
}

/// Why the log can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// All files are in use and there can't be more now; releasing chunks helps.
    #[error("no room in the write-ahead log")]
    NoRoom,
    /// The disk said no.
    #[error("{}: {error}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
    /// An earlier append failed; what the files hold is known after the next start.
    #[error("the write-ahead log failed before and takes nothing more")]
    Failed,
    /// The chunk can't be written as it was given.
    #[error("a chunk of the write-ahead log can't be written: {what}")]
    Chunk {
        /// What is wrong with it.
        what: String,
    },
    /// The incarnation, or a later one, has written before.
    #[error("{} was written in incarnation {found}, this start has {given}: a restored directory needs its own metadata", file.display())]
    UsedBefore {
        /// The file.
        file: PathBuf,
        /// The incarnation in it.
        found: u64,
        /// The incarnation asked for.
        given: u64,
    },
    /// It was written by a later release.
    #[error("{} has format version {version}, this release knows up to {}: start a newer Ottla", file.display(), header::VERSION)]
    Newer {
        /// The file.
        file: PathBuf,
        /// Its version.
        version: u16,
    },
}

/// Names the path that an error came from.
fn on(path: &Path) -> impl Fn(io::Error) -> WalError + '_ {
    |error| WalError::Io { path: path.to_owned(), error }
}
