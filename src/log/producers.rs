//! What a partition remembers of idempotent producers (KIP-98, KIP-360): the last five batches of each, so that a retry
//! is recognised and a gap refused. Pure: no clock, no files.
//!
//! Besides the five, the first batch that was accepted in the producer's epoch is kept: a retry that is older than the
//! five but not older than the first was certainly appended and is answered as a duplicate. What lies before the first
//! is unknown (the state may have been evicted), and calling that a duplicate could lose records.

use crate::base::limits::PRODUCER_BATCHES_KEPT;
use crate::base::{Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use crate::record::BatchHeader;
use std::collections::HashMap;
use std::time::Duration;

/// Sequences are 31 bits and wrap to 0.
const SEQUENCES: i64 = 1 << 31;

/// Of producers over the limit, this share of all is forgotten at once, so that a flood costs little per batch.
const EVICTED_SHARE: usize = 16;

/// A batch as remembered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SeenBatch {
    /// Sequence of the batch's last record.
    pub last_sequence: Sequence,
    /// Offset of the batch's last record.
    pub last_offset: Offset,
    /// Last offset minus base offset.
    pub offset_delta: i32,
    /// The batch's max timestamp.
    pub timestamp: Timestamp,
}

impl SeenBatch {
    fn of(header: &BatchHeader, base: Offset, timestamp: Timestamp) -> SeenBatch {
        SeenBatch {
            last_sequence: header.last_sequence(),
            last_offset: base.plus(i64::from(header.last_offset_delta)),
            offset_delta: header.last_offset_delta,
            timestamp,
        }
    }

    /// Sequence of the batch's first record.
    pub fn first_sequence(&self) -> Sequence {
        let first = i64::from(self.last_sequence.0) - i64::from(self.offset_delta);
        Sequence(first.rem_euclid(SEQUENCES) as i32)
    }

    /// Offset of the batch's first record.
    pub fn base_offset(&self) -> Offset {
        self.last_offset.plus(-i64::from(self.offset_delta))
    }
}

/// One producer.
#[derive(Clone, Debug)]
pub struct Producer {
    pub(super) epoch: ProducerEpoch,
    pub(super) first: SeenBatch,
    pub(super) recent: Vec<SeenBatch>,
    /// Epoch of the transaction coordinator that wrote the last marker; -1 for none.
    pub(super) coordinator_epoch: i32,
    /// Where the producer's open transaction begins.
    pub(super) transaction_start: Option<Offset>,
    /// Appended since the last expiry pass.
    active: bool,
    silent_since: Duration,
}

impl PartialEq for Producer {
    /// Equal in what is decided from the log; how long a producer has been silent is not part of it.
    fn eq(&self, other: &Self) -> bool {
        (self.epoch, self.first, &self.recent, self.coordinator_epoch, self.transaction_start)
            == (other.epoch, other.first, &other.recent, other.coordinator_epoch, other.transaction_start)
    }
}

impl Producer {
    pub(super) fn new(epoch: ProducerEpoch, first: SeenBatch) -> Producer {
        Producer {
            epoch,
            first,
            recent: vec![first],
            coordinator_epoch: -1,
            transaction_start: None,
            active: true,
            silent_since: Duration::ZERO,
        }
    }

    /// The current epoch.
    pub fn epoch(&self) -> ProducerEpoch {
        self.epoch
    }

    /// The batches remembered, oldest first; never empty.
    pub fn recent(&self) -> &[SeenBatch] {
        &self.recent
    }

    /// The newest batch.
    pub fn last(&self) -> &SeenBatch {
        self.recent.last().expect("a producer is remembered by its batches")
    }

    pub(super) fn push(&mut self, batch: SeenBatch) {
        if self.recent.len() == PRODUCER_BATCHES_KEPT {
            self.recent.remove(0);
        }
        self.recent.push(batch);
        self.active = true;
    }

    /// How many sequences `sequence` lies behind the last one; 0 is the last one itself.
    fn behind(&self, sequence: Sequence) -> i64 {
        (i64::from(self.last().last_sequence.0) - i64::from(sequence.0)).rem_euclid(SEQUENCES)
    }
}

/// What a batch is to the state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The next batch, or the first of its producer or epoch.
    New,
    /// One of the last five, again.
    Repeated(SeenBatch),
}

/// Why a producer's batch is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SequenceError {
    /// The producer has moved on to a newer epoch.
    #[error("producer epoch {got} is fenced, the current one is {current}")]
    Fenced {
        /// The partition's.
        current: ProducerEpoch,
        /// The batch's.
        got: ProducerEpoch,
    },
    /// Neither the next sequence nor a known batch.
    #[error("sequence {got} where {expected} was expected")]
    OutOfOrder {
        /// The next sequence.
        expected: Sequence,
        /// The batch's first.
        got: Sequence,
    },
    /// Appended before the last five batches; its offset is no longer known, but lies below `below`.
    #[error("sequences {got} and following were appended before offset {below}")]
    Duplicate {
        /// The batch's first.
        got: Sequence,
        /// Where the oldest remembered batch begins; once that is durable, so is the original.
        below: Offset,
    },
}

/// The producers of one partition.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Producers {
    by_id: HashMap<ProducerId, Producer>,
}

impl Producers {
    /// A producer's state.
    pub fn get(&self, id: ProducerId) -> Option<&Producer> {
        self.by_id.get(&id)
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Whether none is remembered.
    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// All producers, by id.
    pub fn sorted(&self) -> Vec<(ProducerId, &Producer)> {
        let mut all: Vec<_> = self.by_id.iter().map(|(id, producer)| (*id, producer)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// Judges a batch that has a producer id; changes nothing.
    pub fn judge(&self, batch: &BatchHeader) -> Result<Verdict, SequenceError> {
        let Some(producer) = self.by_id.get(&batch.producer_id) else {
            return Ok(Verdict::New);
        };
        let got = batch.base_sequence;
        if batch.producer_epoch < producer.epoch {
            return Err(SequenceError::Fenced { current: producer.epoch, got: batch.producer_epoch });
        }
        if batch.producer_epoch > producer.epoch {
            return if got.0 == 0 {
                Ok(Verdict::New)
            } else {
                Err(SequenceError::OutOfOrder { expected: Sequence(0), got })
            };
        }
        let last_sequence = batch.last_sequence();
        let same = |seen: &&SeenBatch| seen.first_sequence() == got && seen.last_sequence == last_sequence;
        if let Some(seen) = producer.recent.iter().rev().find(same) {
            return Ok(Verdict::Repeated(*seen));
        }
        let expected = producer.last().last_sequence.plus(1);
        if got == expected {
            return Ok(Verdict::New);
        }
        let oldest = &producer.recent[0];
        let before_kept = producer.behind(last_sequence) > producer.behind(oldest.first_sequence());
        let after_first = producer.behind(got) <= producer.behind(producer.first.first_sequence());
        if before_kept && after_first && producer.behind(got) >= producer.behind(last_sequence) {
            return Err(SequenceError::Duplicate { got, below: oldest.base_offset() });
        }
        Err(SequenceError::OutOfOrder { expected, got })
    }

    /// Notes an appended batch; `timestamp` is its max timestamp as stored. Used by appends and by replay alike, so that
    /// both end in the same state. Batches without a producer, and control batches, change nothing here.
    pub fn apply(&mut self, batch: &BatchHeader, base: Offset, timestamp: Timestamp, producers_max: u32) {
        if !batch.has_producer() || batch.is_control() {
            return;
        }
        let seen = SeenBatch::of(batch, base, timestamp);
        match self.by_id.get_mut(&batch.producer_id) {
            Some(producer) if producer.epoch == batch.producer_epoch => producer.push(seen),
            Some(producer) => {
                let (coordinator_epoch, transaction_start) = (producer.coordinator_epoch, producer.transaction_start);
                *producer =
                    Producer { coordinator_epoch, transaction_start, ..Producer::new(batch.producer_epoch, seen) };
            }
            None => {
                self.evict(producers_max.max(1) as usize);
                self.by_id.insert(batch.producer_id, Producer::new(batch.producer_epoch, seen));
            }
        }
    }

    /// Puts a producer's state in place, as read from a snapshot.
    pub(super) fn insert(&mut self, id: ProducerId, producer: Producer) {
        self.by_id.insert(id, producer);
    }

    /// Makes room for one more: those whose last batch is oldest go first, by offset, so that replay evicts the same.
    fn evict(&mut self, producers_max: usize) {
        if self.by_id.len() < producers_max {
            return;
        }
        let surplus = self.by_id.len() - producers_max + 1 + producers_max / EVICTED_SHARE;
        let mut ages: Vec<_> = self
            .by_id
            .iter()
            .filter(|(_, producer)| producer.transaction_start.is_none())
            .map(|(id, producer)| (producer.last().last_offset, *id))
            .collect();
        ages.sort_unstable();
        for (_, id) in ages.into_iter().take(surplus) {
            self.by_id.remove(&id);
        }
    }

    /// Forgets producers that appended nothing for `expiration`. `now` is monotonic and comes from outside; silence is
    /// counted between calls, so a producer lives up to one interval longer. Returns how many were forgotten.
    pub fn expire(&mut self, now: Duration, expiration: Duration) -> usize {
        let before = self.by_id.len();
        self.by_id.retain(|_, producer| {
            if std::mem::take(&mut producer.active) {
                producer.silent_since = now;
            }
            producer.transaction_start.is_some() || now.saturating_sub(producer.silent_since) < expiration
        });
        before - self.by_id.len()
    }
}
