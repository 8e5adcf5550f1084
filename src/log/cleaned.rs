//! A compacted segment while it is written: batches in order, under the names of its round, beside the log.
//!
//! Nobody reads it before [`super::edit`] puts it in place; a crash before that leaves files that the next start removes.

use super::Log;
use super::compacted::{CompactedSegment, cleaned_name};
use super::files::synced;
use super::index::{Entry, IndexEntry, TimeEntry};
use super::names;
use super::settings::SEGMENT_BYTES_MAX;
use super::survey::Indexes;
use crate::base::{Offset, Timestamp};
use crate::io::disk::{File, Open};
use crate::record::BatchHeader;
use crate::record::header::Heads;
use std::io::{self, IoSlice};
use std::path::PathBuf;
use std::sync::Arc;

/// Batches are gathered up to so many bytes, then written, and the system is asked to begin with them.
const WRITE_BYTES: usize = 1024 * 1024;

/// A segment that is being written.
pub struct CleanedSegment<'a> {
    log: &'a Log,
    base: Offset,
    round: u64,
    file: Arc<dyn File>,
    indexes: Indexes,
    interval_bytes: u32,
    heads: Heads,
    pending: Vec<u8>,
    written: u64,
}

impl<'a> CleanedSegment<'a> {
    /// Begins the segment with this base, written by this round; `interval_bytes` is `index.interval.bytes`.
    pub fn begin(log: &'a Log, base: Offset, round: u64, interval_bytes: u32) -> io::Result<Self> {
        let file = create(log, base, names::LOG, round)?;
        Ok(CleanedSegment {
            log,
            base,
            round,
            file,
            // When it was begun matters to an active segment only.
            indexes: Indexes::new(base, Timestamp::NONE),
            interval_bytes,
            heads: Heads::new(),
            pending: Vec::new(),
            written: 0,
        })
    }

    /// Adds whole batches, which follow from what is there; returns how many bytes the segment has.
    pub fn push(&mut self, batch: &[u8]) -> io::Result<u64> {
        let header = BatchHeader::parse(batch).map_err(io::Error::other)?;
        let size = self.written + (self.pending.len() + batch.len()) as u64;
        if size > u64::from(SEGMENT_BYTES_MAX) {
            let why = format!("the compacted segment {} would have {size} bytes", self.base);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
        self.heads.add(&header);
        self.indexes.add(&header, self.interval_bytes);
        self.pending.extend_from_slice(batch);
        if self.pending.len() >= WRITE_BYTES {
            self.write()?;
        }
        Ok(size)
    }

    fn write(&mut self) -> io::Result<()> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let len = self.pending.len() as u64;
        self.file.write_at(&[IoSlice::new(&self.pending)], self.written)?;
        synced(self.file.begin_write_back(self.written, len))?;
        self.written += len;
        self.pending.clear();
        Ok(())
    }

    /// Makes all of it durable: what is to be noted of it, and the numbers of its index entries. It reaches up to `next`.
    pub fn finish(mut self, next: Offset) -> io::Result<(CompactedSegment, (u32, u32))> {
        self.write()?;
        synced(self.file.sync_data())?;
        self.indexes.close();
        let (index, times) = (&self.indexes.index, &self.indexes.times);
        put::<IndexEntry>(self.log, self.base, names::INDEX, self.round, index)?;
        put::<TimeEntry>(self.log, self.base, names::TIME_INDEX, self.round, times)?;
        synced(self.log.env.disk.sync_dir(self.log.dir()))?;
        let entries = (index.len() as u32, times.len() as u32);
        let (bytes, heads) = (self.written, self.heads.value());
        Ok((CompactedSegment { base: self.base, next, bytes, round: self.round, heads }, entries))
    }
}

fn path(log: &Log, base: Offset, suffix: &str, round: u64) -> PathBuf {
    log.dir().join(cleaned_name(base, suffix, round))
}

fn create(log: &Log, base: Offset, suffix: &str, round: u64) -> io::Result<Arc<dyn File>> {
    // Held while the file is opened: the directory of this name may be the next topic's.
    let is_away = log.is_away.lock();
    if *is_away {
        return Err(io::Error::new(io::ErrorKind::NotFound, "the partition was deleted"));
    }
    let file = log.env.disk.open(&path(log, base, suffix, round), Open::Create)?;
    file.set_len(0)?;
    Ok(file)
}

fn put<E: Entry>(log: &Log, base: Offset, suffix: &str, round: u64, entries: &[E]) -> io::Result<()> {
    let file = create(log, base, suffix, round)?;
    let mut bytes = Vec::with_capacity(entries.len() * E::BYTES);
    entries.iter().for_each(|entry| entry.encode(&mut bytes));
    if !bytes.is_empty() {
        file.write_at(&[IoSlice::new(&bytes)], 0)?;
    }
    synced(file.sync_data())
}

#[cfg(test)]
impl CleanedSegment<'_> {
    /// As if so many bytes had been written.
    pub(crate) fn pretend_size_for_tests(&mut self, bytes: u64) {
        self.written = bytes;
    }
}
