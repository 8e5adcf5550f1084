//! The last offset of each key, in a fixed amount of memory.
//!
//! Keys are kept as digests of 128 bits only, and equal digests count as equal keys, as in Kafka. The hash is keyed with
//! a seed that producers don't know, so that nobody can send keys that collide, or that fill one stretch of the table.
//!
//! ```text
//! slot  digest u128, offset + 1 as u64 (0: the slot is free); open addressing, linear; nothing is ever removed
//! ```

use crate::base::Offset;
use siphasher::sip128::{Hasher128, SipHasher13};
use std::hash::Hasher;

/// The map has no room for another key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the map of offsets by key is full")]
pub struct Full;

/// What stands for a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Digest([u64; 2]);

/// Words of a slot: two of digest, one of offset.
const SLOT_WORDS: usize = 3;

/// Bytes of a slot; what memory divided by this makes is the number of slots.
pub const SLOT_BYTES: usize = SLOT_WORDS * size_of::<u64>();

type Slot = [u64; SLOT_WORDS];

/// Offsets by key. The memory is asked for at once, but the system provides a page only when it is first written to.
pub struct OffsetMap {
    slots: Vec<Slot>,
    seed: [u8; 16],
    len: usize,
    capacity: usize,
    latest: Option<Offset>,
}

impl OffsetMap {
    /// A map in `bytes` of memory, filled to at most the share `load` of its slots (`log.cleaner.io.buffer.load.factor`).
    /// `None` if that leaves no room for a single key.
    pub fn new(bytes: usize, load: f64, seed: [u8; 16]) -> Option<OffsetMap> {
        let slots = bytes / SLOT_BYTES;
        // One slot stays free whatever the load, so that every search ends.
        let capacity = ((slots as f64 * load) as usize).min(slots.saturating_sub(1));
        (capacity > 0).then(|| OffsetMap { slots: free_slots(slots), seed, len: 0, capacity, latest: None })
    }

    /// Most keys it holds.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Keys in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no key is in it.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// How far the log was mapped, the offset included: records beyond were not looked at.
    pub fn latest_offset(&self) -> Option<Offset> {
        self.latest
    }

    /// What stands for `key` here.
    pub fn digest(&self, key: &[u8]) -> Digest {
        let mut hasher = SipHasher13::new_with_key(&self.seed);
        hasher.write(key);
        let hash = hasher.finish128();
        Digest([hash.h1, hash.h2])
    }

    /// Notes that `key` was written at `offset`, which is not negative and beyond all that were noted before.
    ///
    /// # Errors
    /// The key is new and there is no room for it; nothing has changed then.
    pub fn put(&mut self, key: &[u8], offset: Offset) -> Result<(), Full> {
        self.put_digest(self.digest(key), offset)
    }

    /// [`Self::put`] for a key whose digest is known.
    ///
    /// # Errors
    /// As there.
    pub fn put_digest(&mut self, digest: Digest, offset: Offset) -> Result<(), Full> {
        let stored = u64::try_from(offset.0).expect("offsets of a log are not negative") + 1;
        let at = self.find(digest);
        let slot = &mut self.slots[at];
        if slot[2] == 0 {
            if self.len == self.capacity {
                return Err(Full);
            }
            self.len += 1;
        }
        *slot = [digest.0[0], digest.0[1], stored];
        self.reach(offset);
        Ok(())
    }

    /// The last offset at which `key` was noted.
    pub fn latest(&self, key: &[u8]) -> Option<Offset> {
        let stored = self.slots[self.find(self.digest(key))][2];
        stored.checked_sub(1).map(|offset| Offset(offset as i64))
    }

    /// Notes that everything up to `offset` was looked at.
    pub fn reach(&mut self, offset: Offset) {
        self.latest = self.latest.max(Some(offset));
    }

    /// Forgets everything; the system gets the memory back until it is needed again.
    pub fn clear(&mut self) {
        let slots = self.slots.len();
        // Free first: two of them are more than was asked for.
        self.slots = Vec::new();
        self.slots = free_slots(slots);
        (self.len, self.latest) = (0, None);
    }

    /// The slot that holds `digest`, or the free one where it belongs.
    fn find(&self, digest: Digest) -> usize {
        let slots = self.slots.len();
        // Spreads the first word over the slots without a division.
        let mut at = ((u128::from(digest.0[0]) * slots as u128) >> u64::BITS) as usize;
        loop {
            let slot = &self.slots[at];
            if slot[2] == 0 || slot[..2] == digest.0 {
                return at;
            }
            at = if at + 1 == slots { 0 } else { at + 1 };
        }
    }
}

fn free_slots(slots: usize) -> Vec<Slot> {
    vec![[0; SLOT_WORDS]; slots]
}
