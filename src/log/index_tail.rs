//! The newest index entries of an active segment, as the store's checkpoint keeps them in front of the tip.
//!
//! They are in memory and in no file yet. To write two files for a few entries of each partition would cost every
//! checkpoint more than all the rest of it, and every start after a crash as well.
//!
//! ```text
//!   version          u8   2
//!   offset index     u16 count, then the entries as in the index file (see `index`)
//!   time index       u16 count, then the entries as in the time index file
//!   tip              the rest (see `image`)
//! ```
//!
//! Without entries there is the tip alone, whose version is another.

use super::index::{Entry, IndexEntry, TimeEntry};
use super::tip::Tip;
use bytes::{Buf, BufMut, Bytes};

const VERSION: u8 = 2;

/// The last entries, of all that a tip counts, in the order of the file.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IndexTail {
    pub(super) index: Vec<IndexEntry>,
    pub(super) times: Vec<TimeEntry>,
}

impl IndexTail {
    /// Most entries of an index that a checkpoint keeps. A log with more of them writes its files.
    pub const ENTRIES_MAX: usize = 32;

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty() && self.times.is_empty()
    }

    /// The encoded tip with these entries in front of it.
    pub fn before(&self, tip: Bytes) -> Bytes {
        if self.is_empty() {
            return tip;
        }
        let mut out = vec![VERSION];
        put(&mut out, &self.index);
        put(&mut out, &self.times);
        out.put_slice(&tip);
        Bytes::from(out)
    }

    /// Entries and tip; `None` when the bytes do not add up.
    pub fn decode(bytes: &[u8]) -> Option<(IndexTail, Tip)> {
        let mut rest = bytes;
        if rest.first() != Some(&VERSION) {
            return Tip::decode(bytes).map(|tip| (IndexTail::default(), tip));
        }
        rest.advance(1);
        let tail = IndexTail { index: take(&mut rest)?, times: take(&mut rest)? };
        let tip = Tip::decode(rest)?;
        let (index, times) = tip.active.as_ref().map_or((0, 0), |growth| (growth.index_entries, growth.time_entries));
        (tail.index.len() <= index as usize && tail.times.len() <= times as usize).then_some((tail, tip))
    }
}

fn put<E: Entry>(out: &mut Vec<u8>, entries: &[E]) {
    out.put_u16(u16::try_from(entries.len()).expect("there are few"));
    entries.iter().for_each(|entry| entry.encode(out));
}

fn take<E: Entry>(rest: &mut &[u8]) -> Option<Vec<E>> {
    let count = usize::from(rest.try_get_u16().ok()?);
    let (entries, behind) = rest.split_at_checked(count * E::BYTES)?;
    *rest = behind;
    Some(entries.chunks_exact(E::BYTES).map(E::decode).collect())
}
