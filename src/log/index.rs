//! The two sparse indexes of a segment, in Kafka's formats. Both are hints with no checksum: whoever follows an entry
//! checks the batch it points at, and a damaged file is rebuilt from the segment.
//!
//! ```text
//! .index      offset i32 (relative to the segment's base; the last offset of a batch), position i32 (where it begins)
//! .timeindex  timestamp i64 (the largest so far), offset i32 (relative; last offset of the batch that carries it)
//! ```
//!
//! The active segment's newest entries are held in memory and written some hundreds at a time, or when they are more than
//! a checkpoint keeps ([`super::index_tail`]). Those that are younger than the last checkpoint are lost in a crash, and
//! opening rebuilds them.

use super::descriptors::Slot;
use super::walk::{Patience, read_exact_with};
use parking_lot::Mutex;
use std::io::{self, IoSlice};
use std::sync::Arc;

/// Bytes of an offset index entry.
pub const INDEX_ENTRY_BYTES: usize = 8;
/// Bytes of a time index entry.
pub const TIME_ENTRY_BYTES: usize = 12;

/// Entries that wait in memory before they are written.
const PENDING_MAX: usize = 512;
/// A binary search reads this many entries at once when it has come down to them.
const SEARCH_BLOCK: u32 = 256;

/// An entry of fixed size.
pub trait Entry: Copy {
    /// Bytes on disk.
    const BYTES: usize;
    /// Appends the entry's bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads an entry from exactly [`Self::BYTES`] bytes.
    fn decode(bytes: &[u8]) -> Self;
}

/// Where a batch is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IndexEntry {
    /// The batch's last offset, relative to the segment's base.
    pub offset: u32,
    /// The batch's first byte.
    pub position: u32,
}

/// How far time has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimeEntry {
    /// Largest timestamp so far, ms.
    pub timestamp: i64,
    /// Last offset, relative to the segment's base, of the batch that carries it.
    pub offset: u32,
}

impl Entry for IndexEntry {
    const BYTES: usize = INDEX_ENTRY_BYTES;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.offset.to_be_bytes());
        out.extend_from_slice(&self.position.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let (offset, position) = bytes.split_at(4);
        let field = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("entries are read whole"));
        IndexEntry { offset: field(offset), position: field(position) }
    }
}

impl Entry for TimeEntry {
    const BYTES: usize = TIME_ENTRY_BYTES;

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.timestamp.to_be_bytes());
        out.extend_from_slice(&self.offset.to_be_bytes());
    }

    fn decode(bytes: &[u8]) -> Self {
        let (timestamp, offset) = bytes.split_at(8);
        TimeEntry {
            timestamp: i64::from_be_bytes(timestamp.try_into().expect("entries are read whole")),
            offset: u32::from_be_bytes(offset.try_into().expect("entries are read whole")),
        }
    }
}

/// One index: entries in a file, then entries in memory.
pub struct SparseIndex<E> {
    slot: Arc<Slot>,
    state: Mutex<State<E>>,
}

struct State<E> {
    /// Whether the file is there.
    exists: bool,
    /// Entries in the file.
    written: u32,
    pending: Vec<E>,
}

impl<E: Entry> SparseIndex<E> {
    /// An index whose file holds so many entries; `None` when there is no file.
    pub fn new(slot: Arc<Slot>, written: Option<u32>) -> Self {
        let state = State { exists: written.is_some(), written: written.unwrap_or(0), pending: Vec::new() };
        SparseIndex { slot, state: Mutex::new(state) }
    }

    /// The file.
    pub fn slot(&self) -> &Arc<Slot> {
        &self.slot
    }

    /// Number of entries.
    pub fn entries(&self) -> u32 {
        let state = self.state.lock();
        state.written + state.pending.len() as u32
    }

    /// Adds an entry, in memory.
    pub fn push(&self, entry: E) {
        self.state.lock().pending.push(entry);
    }

    /// Writes the pending entries when there are many.
    pub fn relieve(&self) -> io::Result<()> {
        let mut state = self.state.lock();
        if state.pending.len() >= PENDING_MAX { self.flush_locked(&mut state) } else { Ok(()) }
    }

    /// Of the first `count` entries those that are in no file. When more than `most` are pending they are written, all.
    pub fn keep(&self, count: u32, most: usize) -> io::Result<Vec<E>> {
        let mut state = self.state.lock();
        if state.pending.len() > most {
            self.flush_locked(&mut state)?;
        }
        let kept = count.saturating_sub(state.written) as usize;
        Ok(state.pending[..kept.min(state.pending.len())].to_vec())
    }

    /// Writes the pending entries; the file exists afterwards, even when empty.
    pub fn flush(&self) -> io::Result<()> {
        self.flush_locked(&mut self.state.lock())
    }

    fn flush_locked(&self, state: &mut State<E>) -> io::Result<()> {
        if state.exists && state.pending.is_empty() {
            return Ok(());
        }
        let file = self.slot.create()?;
        state.exists = true;
        let mut bytes = Vec::with_capacity(state.pending.len() * E::BYTES);
        for entry in &state.pending {
            entry.encode(&mut bytes);
        }
        if !bytes.is_empty() {
            file.write_at(&[IoSlice::new(&bytes)], u64::from(state.written) * E::BYTES as u64)?;
        }
        state.written += state.pending.len() as u32;
        state.pending.clear();
        Ok(())
    }

    /// Makes the written entries durable.
    pub fn sync(&self) -> io::Result<()> {
        self.slot.create()?.sync_data()
    }

    /// Cuts the file to the entries that are known: others were written by a run that ended before they counted.
    pub fn cut(&self) -> io::Result<()> {
        let state = self.state.lock();
        self.slot.create()?.set_len(u64::from(state.written) * E::BYTES as u64)
    }

    /// Replaces all entries.
    pub fn replace(&self, entries: &[E]) -> io::Result<()> {
        let mut bytes = Vec::with_capacity(entries.len() * E::BYTES);
        for entry in entries {
            entry.encode(&mut bytes);
        }
        let mut state = self.state.lock();
        let file = self.slot.create()?;
        file.set_len(bytes.len() as u64)?;
        if !bytes.is_empty() {
            file.write_at(&[IoSlice::new(&bytes)], 0)?;
        }
        state.pending.clear();
        (state.exists, state.written) = (true, entries.len() as u32);
        Ok(())
    }

    /// The last entry.
    pub fn last(&self) -> io::Result<Option<E>> {
        self.last_where(|_| true)
    }

    /// The last entry for which `below` holds, given that it holds for the first ones and not for the rest.
    pub fn last_where(&self, below: impl Fn(&E) -> bool) -> io::Result<Option<E>> {
        self.last_where_with(below, Patience::Wait)
    }

    /// The same with this patience.
    pub fn last_where_with(&self, below: impl Fn(&E) -> bool, patience: Patience) -> io::Result<Option<E>> {
        self.search(below, patience).map(|(last, _)| last)
    }

    /// As [`Self::last_where`], and the entry after that one.
    pub fn around(&self, below: impl Fn(&E) -> bool) -> io::Result<(Option<E>, Option<E>)> {
        self.search(below, Patience::Wait)
    }

    fn search(&self, below: impl Fn(&E) -> bool, patience: Patience) -> io::Result<(Option<E>, Option<E>)> {
        let state = match patience {
            Patience::Wait => self.state.lock(),
            // Who writes the entries to the disk holds it meanwhile.
            Patience::AtOnce => self.state.try_lock().ok_or(io::ErrorKind::WouldBlock)?,
        };
        let first_pending = state.pending.first().copied();
        match state.pending.partition_point(&below) {
            0 => {}
            after => return Ok((Some(state.pending[after - 1]), state.pending.get(after).copied())),
        }
        let written = state.written;
        // The written part never changes under a reader, except when it is replaced by what is equal or better.
        drop(state);
        if written == 0 {
            return Ok((None, first_pending));
        }
        let file = match patience {
            Patience::Wait => self.slot.file()?,
            Patience::AtOnce => self.slot.file_if_open().ok_or(io::ErrorKind::WouldBlock)?,
        };
        let read = |from: u32, to: u32| -> io::Result<Vec<E>> {
            let mut bytes = vec![0; (to - from) as usize * E::BYTES];
            read_exact_with(&*file, &mut bytes, u64::from(from) * E::BYTES as u64, patience)?;
            Ok(bytes.chunks_exact(E::BYTES).map(E::decode).collect())
        };
        // Entries below `low` satisfy the predicate; those from `high` on do not.
        let (mut low, mut high) = (0, written);
        while high - low > SEARCH_BLOCK {
            let middle = low + (high - low) / 2;
            match read(middle, middle + 1)?.first() {
                Some(entry) if below(entry) => low = middle + 1,
                _ => high = middle,
            }
        }
        let block = read(low.saturating_sub(1), (high + 1).min(written))?;
        let after = block.partition_point(&below);
        Ok((after.checked_sub(1).map(|last| block[last]), block.get(after).copied().or(first_pending)))
    }
}
