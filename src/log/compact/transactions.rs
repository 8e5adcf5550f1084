//! What a pass over the log knows of transactions: whose data was aborted, and which markers mark nothing any more.
//!
//! Data of an aborted transaction goes at once. Its marker, and that of a committed one, stays until a pass meets none of
//! the transaction's data any more, and then until its delete horizon. A reader that began before would otherwise meet
//! data without an end, or mix two transactions.

use super::readable::{Unreadable, records};
use crate::base::{Offset, ProducerId};
use crate::record::BatchHeader;
use std::collections::{HashMap, HashSet, VecDeque};

/// A transaction that was aborted, as the log's index of them has it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Aborted {
    /// Whose.
    pub producer: ProducerId,
    /// Of its first record.
    pub first: Offset,
    /// Of its marker.
    pub last: Offset,
}

/// What a control batch says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Marker {
    /// The producer's transaction was aborted.
    Abort,
    /// It was committed.
    Commit,
    /// Something else, which is never removed.
    Other,
    /// Nothing: the record was removed, the header kept.
    Empty,
}

/// Bytes of a control record's key that are read: version i16, type i16.
const MARKER_KEY_BYTES: usize = 4;

impl Marker {
    /// Reads a checked control batch.
    pub(super) fn read(header: &BatchHeader, bytes: &[u8], plain_bytes_max: usize) -> Result<Marker, Unreadable> {
        let Some(record) = records(header, bytes, plain_bytes_max)?.next() else {
            return Ok(Marker::Empty);
        };
        let key = record?.key.ok_or(Unreadable::Marker)?;
        let head: &[u8; MARKER_KEY_BYTES] = key.first_chunk().ok_or(Unreadable::Marker)?;
        let [version, kind] = [[head[0], head[1]], [head[2], head[3]]].map(i16::from_be_bytes);
        match kind {
            _ if version < 0 => Err(Unreadable::Marker),
            0 => Ok(Marker::Abort),
            1 => Ok(Marker::Commit),
            _ => Ok(Marker::Other),
        }
    }
}

struct Ongoing {
    aborted: Aborted,
    /// Whether any of its data was met.
    met: bool,
}

/// The state of one pass. Fed with every batch in order.
pub struct Transactions {
    /// Aborted ones that begin later, by first offset.
    ahead: VecDeque<Aborted>,
    /// Aborted ones whose marker is still to come.
    ongoing: HashMap<ProducerId, Ongoing>,
    /// Producers of which committed data was met whose marker is still to come.
    committed: HashSet<ProducerId>,
    /// Aborted ones whose marker has something to mark.
    kept: Vec<Aborted>,
}

impl Transactions {
    /// A pass over a part of the log; `aborted` are all transactions that overlap with it, in any order.
    pub fn new(mut aborted: Vec<Aborted>) -> Transactions {
        aborted.sort_by_key(|aborted| aborted.first);
        let ahead = aborted.into();
        Transactions { ahead, ongoing: HashMap::new(), committed: HashSet::new(), kept: Vec::new() }
    }

    /// The next batch is one of data: whether it was aborted.
    pub(super) fn data(&mut self, header: &BatchHeader) -> bool {
        self.begin(header);
        if !header.is_transactional() {
            return false;
        }
        match self.ongoing.get_mut(&header.producer_id) {
            Some(ongoing) => {
                ongoing.met = true;
                true
            }
            None => {
                self.committed.insert(header.producer_id);
                false
            }
        }
    }

    /// The next batch is one of control: whether it marks nothing any more.
    pub(super) fn marker(&mut self, header: &BatchHeader, marker: Marker) -> bool {
        self.begin(header);
        match marker {
            Marker::Abort => match self.ongoing.remove(&header.producer_id) {
                Some(Ongoing { aborted, met: true }) => {
                    self.kept.push(aborted);
                    false
                }
                _ => true,
            },
            Marker::Commit => !self.committed.remove(&header.producer_id),
            Marker::Other => false,
            Marker::Empty => true,
        }
    }

    /// Aborted transactions since the last call of which data was met: those that the index of what is left must have,
    /// since readers that are under way may hold their data.
    pub fn take_kept(&mut self) -> Vec<Aborted> {
        std::mem::take(&mut self.kept)
    }

    /// Takes up what begins up to the end of this batch, and drops what its producer's marker should have ended before it:
    /// the marker was unreadable, or is gone, and what follows must not be taken for aborted.
    fn begin(&mut self, header: &BatchHeader) {
        while let Some(next) = self.ahead.front().copied().filter(|next| next.first <= header.last_offset()) {
            self.ahead.pop_front();
            match self.ongoing.get(&next.producer) {
                Some(ongoing) if ongoing.aborted.last >= next.first => {}
                _ => {
                    self.ongoing.insert(next.producer, Ongoing { aborted: next, met: false });
                }
            }
        }
        if self.ongoing.get(&header.producer_id).is_some_and(|ongoing| ongoing.aborted.last < header.base_offset) {
            self.ongoing.remove(&header.producer_id);
        }
    }
}
