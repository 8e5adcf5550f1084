//! The memory tail: the newest committed batches of all partitions, in chunks.
//!
//! The commit thread copies each batch once, into the current chunk; the slices that partitions and readers hold share
//! the chunk's memory. A chunk is 4 MiB; a batch above a quarter of that has a chunk of its own, so that no chunk is
//! left mostly empty. When the chunks pass `ottla.tail.bytes`, the oldest leaves, once all that is in it is in segments: its
//! partitions forget the slices up to the offset they had reached in it. They may forget a slice early (a large batch is
//! filed before the chunk that is being filled), never late, and never one that is not in a segment: what they had reached
//! belongs to a commit that the segment writer is done with.

use super::stored_log::StoredLog;
use crate::base::{LeaderEpoch, Offset, Timestamp};
use crate::record;
use bytes::{Bytes, BytesMut};
use std::collections::VecDeque;
use std::sync::Arc;

/// Size of a chunk, unless the whole tail is small: batches of the usual largest size, 1 MiB, share one, whose memory is
/// used again. A fresh block for each costs as much in page faults as the copy itself.
const CHUNK_BYTES: usize = 4 << 20;
const CHUNK_BYTES_MIN: usize = 64 << 10;

/// A tail has room for at least this many chunks.
const CHUNKS_PER_TAIL: usize = 16;

/// A batch above chunk size divided by this has a chunk of its own.
const OWN_CHUNK_SHARE: usize = 4;

/// Emptied chunks whose memory is kept for the next ones.
const POOLED_CHUNKS: usize = 2;

/// What a partition's record of a slice costs besides its bytes.
const SLICE_COST: usize = 80;

struct Chunk {
    /// What is left of the chunk's memory: bytes copied since the last cut, then free space.
    rest: BytesMut,
    capacity: usize,
    slices: usize,
    /// Who has slices here, and up to which offset.
    holders: Vec<(Arc<StoredLog>, Offset)>,
    /// The last commit that put something here.
    commit: u64,
}

impl Chunk {
    fn over(rest: BytesMut) -> Self {
        Chunk { capacity: rest.capacity(), rest, slices: 0, holders: Vec::new(), commit: 0 }
    }

    fn cost(&self) -> u64 {
        (self.capacity + self.slices * SLICE_COST) as u64
    }

    fn free(&self) -> usize {
        self.rest.capacity() - self.rest.len()
    }
}

/// The chunks. Owned by the commit thread alone.
pub(crate) struct Ring {
    tail_bytes: u64,
    chunk_bytes: usize,
    /// Oldest first.
    full: VecDeque<Chunk>,
    filling: Option<Chunk>,
    /// A batch with a chunk of its own, copied and not yet cut.
    own: Option<Chunk>,
    pool: Vec<BytesMut>,
    evictions: u64,
}

impl Ring {
    pub(crate) fn new(tail_bytes: u64) -> Self {
        let share = usize::try_from(tail_bytes).unwrap_or(usize::MAX) / CHUNKS_PER_TAIL;
        let chunk_bytes = share.clamp(CHUNK_BYTES_MIN, CHUNK_BYTES);
        Ring {
            tail_bytes,
            chunk_bytes,
            full: VecDeque::new(),
            filling: None,
            own: None,
            pool: Vec::new(),
            evictions: 0,
        }
    }

    fn is_large(&self, size: usize) -> bool {
        size > self.chunk_bytes / OWN_CHUNK_SHARE
    }

    /// Whether a batch of `size` bytes would lie right behind the last one that was copied.
    pub(crate) fn continues(&self, size: usize) -> bool {
        let fits = self.filling.as_ref().is_some_and(|chunk| chunk.free() >= size);
        self.own.is_none() && !self.is_large(size) && fits
    }

    /// Copies one batch with its final header. Between two batches that do not continue each other, or belong to two
    /// partitions, comes a [`Self::cut`].
    pub(crate) fn copy(&mut self, batch: &[u8], base: Offset, epoch: LeaderEpoch, append_time: Option<Timestamp>) {
        let chunk = if self.is_large(batch.len()) {
            assert!(self.own.is_none(), "a large batch was copied and not cut");
            self.own.insert(Chunk::over(BytesMut::with_capacity(batch.len())))
        } else {
            if let Some(full) = self.filling.take_if(|chunk| chunk.free() < batch.len()) {
                assert!(full.rest.is_empty(), "{} bytes of a full chunk were not cut", full.rest.len());
                self.full.push_back(full);
            }
            let (pool, chunk_bytes) = (&mut self.pool, self.chunk_bytes);
            self.filling
                .get_or_insert_with(|| Chunk::over(pool.pop().unwrap_or_else(|| BytesMut::with_capacity(chunk_bytes))))
        };
        let at = chunk.rest.len();
        chunk.rest.extend_from_slice(batch);
        let copy = &mut chunk.rest[at..];
        record::patch(copy, base, epoch);
        if let Some(now) = append_time {
            record::restamp_append_time(copy, now);
        }
    }

    /// The bytes copied since the last cut, all of `log` and up to the offset `upto`; immutable from here on. `commit` is
    /// the number of the commit that they belong to.
    pub(crate) fn cut(&mut self, log: &Arc<StoredLog>, upto: Offset, commit: u64) -> Bytes {
        let own = self.own.take();
        let is_own = own.is_some();
        let Some(mut chunk) = own.or_else(|| self.filling.take()) else { return Bytes::new() };
        let bytes = chunk.rest.split().freeze();
        match chunk.holders.last_mut() {
            Some((holder, reached)) if Arc::ptr_eq(holder, log) => *reached = upto,
            Some(_) | None => chunk.holders.push((log.clone(), upto)),
        }
        chunk.slices += 1;
        chunk.commit = commit;
        if is_own {
            self.full.push_back(chunk);
        } else {
            self.filling = Some(chunk);
        }
        bytes
    }

    /// Bytes that the chunks take.
    pub(crate) fn bytes(&self) -> u64 {
        self.full.iter().chain(&self.filling).map(Chunk::cost).sum()
    }

    /// Whether they take more than they may.
    pub(crate) fn is_over(&self) -> bool {
        self.bytes() > self.tail_bytes
    }

    /// Chunks that left since the start.
    pub(crate) fn evictions(&self) -> u64 {
        self.evictions
    }

    /// Lets the oldest chunks go until the rest fits, as far as all that is in them is in segments: up to commit `written`.
    pub(crate) fn trim(&mut self, written: u64) {
        let mut bytes = self.bytes();
        while bytes > self.tail_bytes {
            let Some(mut chunk) = self.full.pop_front_if(|chunk| chunk.commit <= written) else { return };
            bytes -= chunk.cost();
            self.evictions += 1;
            for (log, upto) in chunk.holders.drain(..) {
                log.forget_tail(upto);
            }
            // Memory that a slow reader still shares goes when that reader is done.
            let poolable = chunk.capacity == self.chunk_bytes && self.pool.len() < POOLED_CHUNKS;
            if poolable && chunk.rest.try_reclaim(self.chunk_bytes) {
                self.pool.push(chunk.rest);
            }
        }
    }
}

#[cfg(test)]
#[path = "ring_tests.rs"]
mod tests;
