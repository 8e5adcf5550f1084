//! The first pass: which keys the dirty part of a log holds, and where last.

use super::map::{Digest, Full, OffsetMap};
use super::readable::{Unreadable, check, records};
use super::transactions::{Marker, Transactions};
use crate::base::Offset;
use crate::record::BatchHeader;

/// A batch of up to so many records is put into the map after it was read as a whole; a larger one is read twice.
const STAGED_MAX: usize = 16 * 1024;

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Noted {
    /// Keys that were put.
    pub keys: u64,
    /// Why none was, if the batch can't be read. It will be kept whole, and what it would supersede with it.
    pub unreadable: Option<Unreadable>,
}

/// Takes the batches from the first dirty one on, in order, up to where the log can be cleaned.
pub struct Mapper<'a> {
    map: &'a mut OffsetMap,
    transactions: Transactions,
    from: Offset,
    plain_bytes_max: usize,
    staged: Vec<(Digest, Offset)>,
}

impl<'a> Mapper<'a> {
    /// A pass from the first dirty offset on; clears the map. `transactions` knows what overlaps with the dirty part.
    pub fn new(map: &'a mut OffsetMap, transactions: Transactions, from: Offset, plain_bytes_max: usize) -> Self {
        map.clear();
        // What is below was mapped by an earlier pass: nothing there is beyond the map, even if nothing new comes.
        if from > Offset::ZERO {
            map.reach(from.plus(-1));
        }
        Mapper { map, transactions, from, plain_bytes_max, staged: Vec::new() }
    }

    /// Puts a batch's keys. Nothing of aborted data or control records: they supersede nothing.
    ///
    /// # Errors
    /// The map is full: [`Mapper::end`] is where the next pass begins, which may be inside of this batch. No further batch
    /// may be noted.
    pub fn note(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<Noted, Full> {
        let noted = match self.stage(header, bytes) {
            Ok(Staged::Nothing) => Noted::default(),
            Ok(Staged::Keys) => Noted { keys: self.put_staged()?, unreadable: None },
            Ok(Staged::Many) => Noted { keys: self.put_many(header, bytes)?, unreadable: None },
            Err(unreadable) => Noted { keys: 0, unreadable: Some(unreadable) },
        };
        // What can't be read may have an impossible offset; the batch behind it, or the segment's end, says how far.
        if noted.unreadable.is_none() && header.last_offset() >= self.from {
            self.map.reach(header.last_offset());
        }
        Ok(noted)
    }

    /// A segment was noted as a whole: `next` is where the next one begins. What is between is a gap.
    pub fn segment_ends(&mut self, next: Offset) {
        if next > self.from {
            self.map.reach(next.plus(-1));
        }
    }

    /// Up to here, exclusive, the log is mapped.
    pub fn end(&self) -> Offset {
        self.map.latest_offset().map_or(self.from, |latest| latest.plus(1))
    }

    fn stage(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<Staged, Unreadable> {
        self.staged.clear();
        check(header, bytes)?;
        if header.is_control() {
            let marker = Marker::read(header, bytes, self.plain_bytes_max)?;
            self.transactions.marker(header, marker);
            return Ok(Staged::Nothing);
        }
        if self.transactions.data(header) || header.last_offset() < self.from {
            return Ok(Staged::Nothing);
        }
        let many = header.record_count as usize > STAGED_MAX;
        for record in records(header, bytes, self.plain_bytes_max)? {
            let record = record?;
            if let Some(key) = record.key.filter(|_| !many && record.offset >= self.from) {
                self.staged.push((self.map.digest(&key), record.offset));
            }
        }
        Ok(if many { Staged::Many } else { Staged::Keys })
    }

    fn put_staged(&mut self) -> Result<u64, Full> {
        for (digest, offset) in &self.staged {
            self.map.put_digest(*digest, *offset)?;
        }
        Ok(self.staged.len() as u64)
    }

    /// The second reading of a batch that was read once without a fault.
    fn put_many(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<u64, Full> {
        let mut keys = 0;
        for record in records(header, bytes, self.plain_bytes_max).into_iter().flatten().flatten() {
            if let Some(key) = record.key.filter(|_| record.offset >= self.from) {
                self.map.put(&key, record.offset)?;
                keys += 1;
            }
        }
        Ok(keys)
    }
}

/// How the keys of a batch come into the map.
enum Staged {
    /// There are none.
    Nothing,
    /// They are staged.
    Keys,
    /// Too many to be staged.
    Many,
}
