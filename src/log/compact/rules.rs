//! The second pass: what of each batch is kept.
//!
//! ```text
//! data     aborted                                  goes
//!          beyond what is mapped                    stays
//!          without a key                            goes (there should be none: produce refuses them)
//!          a later record of the key is mapped      goes
//!          a value, or a tombstone before horizon   stays
//! marker   of data that this pass met               stays
//!          of none, no horizon yet                  stays, gets a horizon
//!          of none, behind its horizon              goes
//! ```
//!
//! A batch that holds a tombstone, or a marker of nothing, and has no horizon gets one: now and `delete.retention.ms`. So
//! a reader that begins at the log's start has that long to see it. Untouched batches are copied byte by byte. Of a batch
//! without a record its header stays if it is the last of a producer that is known, or the last of the pass.

use super::map::OffsetMap;
use super::readable::{Unreadable, check, records};
use super::transactions::{Aborted, Marker, Transactions};
use crate::base::{Offset, ProducerEpoch, ProducerId, Timestamp};
use crate::record::{BatchHeader, Record, Rewriter, write_empty};

/// What is known of the last batch of a producer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LastRecord {
    /// Last offset of its last batch of data; `None` if all that is known came from a marker.
    pub last_data_offset: Option<Offset>,
    /// Its epoch.
    pub epoch: ProducerEpoch,
}

/// What a pass goes by.
pub struct Rules<'a> {
    /// Filled by the first pass.
    pub map: &'a OffsetMap,
    /// The time of this pass.
    pub now: Timestamp,
    /// `delete.retention.ms`.
    pub delete_retention_ms: i64,
    /// Where the part of the log that may be cleaned ends, exclusive: the batch before keeps its header.
    pub upto: Offset,
    /// Most plain bytes of one batch; a batch of more is kept whole.
    pub plain_bytes_max: usize,
    /// The producers that the log knows.
    pub last_of_producer: &'a dyn Fn(ProducerId) -> Option<LastRecord>,
}

/// What became of a batch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// All of it is kept; copied.
    Copied,
    /// Some of its records are kept, or it got a delete horizon; written anew.
    Rewritten,
    /// No record is kept but the header.
    Emptied,
    /// Nothing is kept.
    Dropped,
    /// It can't be judged; copied.
    Unreadable(Unreadable),
}

/// What a pass has done.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stats {
    /// Of the batches that came, bytes.
    pub bytes_read: u64,
    /// Of the batches that were written, bytes.
    pub bytes_written: u64,
    /// Records of the batches that came, except unreadable ones.
    pub records_read: u64,
    /// Of these, kept.
    pub records_kept: u64,
    /// Of these, removed.
    pub records_removed: u64,
    /// Of these, removed for want of a key.
    pub keyless: u64,
    /// Batches that were copied.
    pub copied: u64,
    /// Batches that were written anew.
    pub rewritten: u64,
    /// Batches of which the header was kept.
    pub emptied: u64,
    /// Batches that are gone.
    pub dropped: u64,
    /// Batches that were copied since they can't be judged.
    pub unreadable: u64,
}

impl Stats {
    /// Batches that came.
    pub fn batches_read(&self) -> u64 {
        self.copied + self.rewritten + self.emptied + self.dropped + self.unreadable
    }
}

/// One pass over the log from its start up to where the first pass came, batch by batch.
pub struct Compactor<'a> {
    rules: Rules<'a>,
    transactions: Transactions,
    stats: Stats,
    /// Which records of the batch at hand are kept. Here so that its memory is used again.
    kept: Vec<bool>,
    /// An unreadable batch came before: what follows may delete something in it, so nothing goes by age.
    unsure: bool,
}

/// What a look at a batch's records found.
#[derive(Default)]
struct Look {
    kept: u64,
    removed: u64,
    keyless: u64,
    /// A tombstone is kept.
    tombstone: bool,
}

impl<'a> Compactor<'a> {
    /// `transactions` knows what overlaps with the part of the log that will come.
    pub fn new(rules: Rules<'a>, transactions: Transactions) -> Self {
        Compactor { rules, transactions, stats: Stats::default(), kept: Vec::new(), unsure: false }
    }

    /// Judges the next batch and appends to `out` what is left of it. It may be longer than the batch was: a horizon
    /// makes time stamps longer, and compressors differ.
    pub fn batch(&mut self, header: &BatchHeader, bytes: &[u8], out: &mut Vec<u8>) -> Verdict {
        let start = out.len();
        let verdict = self.judge(header, bytes, out).unwrap_or_else(|unreadable| {
            out.truncate(start);
            out.extend_from_slice(bytes);
            self.unsure = true;
            Verdict::Unreadable(unreadable)
        });
        let stats = &mut self.stats;
        stats.bytes_read += bytes.len() as u64;
        stats.bytes_written += (out.len() - start) as u64;
        match verdict {
            Verdict::Copied => stats.copied += 1,
            Verdict::Rewritten => stats.rewritten += 1,
            Verdict::Emptied => stats.emptied += 1,
            Verdict::Dropped => stats.dropped += 1,
            Verdict::Unreadable(_) => stats.unreadable += 1,
        }
        verdict
    }

    /// What was done so far.
    pub fn stats(&self) -> Stats {
        self.stats
    }

    /// Aborted transactions since the last call that the index of what is left must have.
    pub fn take_aborted(&mut self) -> Vec<Aborted> {
        self.transactions.take_kept()
    }

    fn judge(&mut self, header: &BatchHeader, bytes: &[u8], out: &mut Vec<u8>) -> Result<Verdict, Unreadable> {
        check(header, bytes)?;
        let (goes, mark_of_nothing) = if header.is_control() {
            let marker = Marker::read(header, bytes, self.rules.plain_bytes_max)?;
            let of_nothing = self.transactions.marker(header, marker) && !self.unsure;
            (of_nothing && self.is_behind_horizon(header), of_nothing)
        } else {
            (self.transactions.data(header), false)
        };
        if goes {
            let look = Look { removed: u64::from(header.record_count.unsigned_abs()), ..Look::default() };
            return Ok(self.without_records(header, bytes, &look, out));
        }
        let look = self.look(header, bytes)?;
        if look.kept == 0 {
            return Ok(self.without_records(header, bytes, &look, out));
        }
        let horizon = match header.delete_horizon() {
            // Retention without end: there is no horizon, and the batch needs no rewriting for one.
            None if look.tombstone || mark_of_nothing => {
                self.rules.now.0.checked_add(self.rules.delete_retention_ms).map(Timestamp)
            }
            known => known,
        };
        if look.removed == 0 && horizon == header.delete_horizon() {
            out.extend_from_slice(bytes);
            self.count(&look);
            return Ok(Verdict::Copied);
        }
        self.rewrite(header, bytes, horizon, out)?;
        self.count(&look);
        Ok(Verdict::Rewritten)
    }

    /// Reads the records once, and notes which are kept.
    fn look(&mut self, header: &BatchHeader, bytes: &[u8]) -> Result<Look, Unreadable> {
        self.kept.clear();
        let mut look = Look::default();
        for record in records(header, bytes, self.rules.plain_bytes_max)? {
            let record = record?;
            let keeps = header.is_control() || self.keeps(header, &record);
            match keeps {
                true => look.kept += 1,
                false => look.removed += 1,
            }
            look.keyless += u64::from(!keeps && record.key.is_none());
            look.tombstone |= keeps && record.value.is_none();
            self.kept.push(keeps);
        }
        Ok(look)
    }

    fn keeps(&self, header: &BatchHeader, record: &Record) -> bool {
        if Some(record.offset) > self.rules.map.latest_offset() {
            return true;
        }
        let Some(key) = &record.key else {
            return false;
        };
        let is_latest = self.rules.map.latest(key).is_none_or(|latest| record.offset >= latest);
        is_latest && (record.value.is_some() || self.unsure || !self.is_behind_horizon(header))
    }

    fn is_behind_horizon(&self, header: &BatchHeader) -> bool {
        header.delete_horizon().is_some_and(|horizon| horizon <= self.rules.now)
    }

    /// Reads the records again, and writes those that are kept: few batches are rewritten, and their records need not
    /// all be held at once.
    fn rewrite(
        &self,
        header: &BatchHeader,
        bytes: &[u8],
        horizon: Option<Timestamp>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unreadable> {
        let mut rewriter = Rewriter::new(header, horizon)?;
        for (record, kept) in records(header, bytes, self.rules.plain_bytes_max)?.zip(&self.kept) {
            let record = record?;
            if *kept {
                rewriter.push(&record)?;
            }
        }
        Ok(rewriter.finish(out)?)
    }

    fn without_records(&mut self, header: &BatchHeader, bytes: &[u8], look: &Look, out: &mut Vec<u8>) -> Verdict {
        self.count(look);
        if !self.keeps_header(header) {
            return Verdict::Dropped;
        }
        let begun = out.len();
        write_empty(header, out);
        // One that was emptied before stays as it is, and so does a segment that has nothing else.
        if out[begun..] == *bytes { Verdict::Copied } else { Verdict::Emptied }
    }

    /// Whether a batch's header says something that must not be lost: a known producer's last sequence, its epoch if only
    /// a marker is left of it, or how far the log goes.
    fn keeps_header(&self, header: &BatchHeader) -> bool {
        let is_last_of = |last: LastRecord| match last.last_data_offset {
            Some(offset) => header.last_offset() == offset,
            None => header.is_control() && header.producer_epoch == last.epoch,
        };
        let is_last =
            header.has_producer() && (self.rules.last_of_producer)(header.producer_id).is_some_and(is_last_of);
        is_last || header.next_offset() == self.rules.upto
    }

    fn count(&mut self, look: &Look) {
        self.stats.records_read += look.kept + look.removed;
        self.stats.records_kept += look.kept;
        self.stats.records_removed += look.removed;
        self.stats.keyless += look.keyless;
    }
}
