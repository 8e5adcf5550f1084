//! What the append path knows of a partition: pure, no I/O, no clock. It lives under the partition's short lock; what it
//! decides is written later by [`super::Log::write`], in the same order.

use super::epochs::Epochs;
use super::growth::{Growth, Marks, TimeMark};
use super::producers::{Producers, SequenceError, Verdict};
use super::settings::LogSettings;
use super::snapshot;
use crate::base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use crate::record::{BatchHeader, TimestampType};
use bytes::Bytes;
use std::time::Duration;

/// Where an admitted batch goes. The bytes written are the batch patched with `base` and `epoch`, and restamped when
/// `append_time` says so.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Placement {
    /// Offset of the first record.
    pub base: Offset,
    /// Offset of the last record.
    pub last: Offset,
    /// Leader epoch to patch in.
    pub epoch: LeaderEpoch,
    /// Base offset of the segment.
    pub segment: Offset,
    /// Byte position in the segment.
    pub position: u32,
    /// Bytes of the batch.
    pub size: u32,
    /// The batch's max timestamp as it will be stored.
    pub max_timestamp: Timestamp,
    /// With LogAppendTime: restamp the batch to this before it is written.
    pub append_time: Option<Timestamp>,
    /// The offset index gets an entry for this batch.
    pub index_entry: bool,
    /// The time index gets this entry.
    pub time_entry: Option<TimeMark>,
    /// The batch begins a new segment and the one before it is sealed; not set for the very first segment.
    pub roll: Option<Roll>,
}

/// What seals the segment before a placement.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Roll {
    /// Last entry of the sealed segment's time index.
    pub closing: Option<TimeMark>,
    /// Producer state up to the new segment, encoded.
    pub snapshot: Bytes,
    /// Leader epochs up to the new segment, encoded.
    pub epochs: String,
}

/// The outcome of a batch that is not refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Admission {
    /// Offsets are assigned; the batch must be written.
    Append(Placement),
    /// One of the producer's last five batches, again: nothing is written, the original is answered once it is durable.
    Duplicate {
        /// Original base offset.
        base: Offset,
        /// Original last offset.
        last: Offset,
        /// The original's max timestamp; its append time under LogAppendTime.
        timestamp: Timestamp,
    },
}

/// Why a batch is refused; nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AppendError {
    /// Above `max.message.bytes`.
    #[error("the batch has {size} bytes, max.message.bytes is {max}")]
    TooLarge {
        /// The batch's size in bytes.
        size: u32,
        /// The limit.
        max: u32,
    },
    /// Above `segment.bytes`.
    #[error("the batch has {size} bytes, segment.bytes is {max}")]
    TooLargeForSegment {
        /// The batch's size in bytes.
        size: u32,
        /// The limit.
        max: u32,
    },
    /// Outside of what `message.timestamp.before.max.ms` and `.after.max.ms` allow.
    #[error("timestamp {timestamp} is out of range, it should be within [{earliest}, {latest}]")]
    TimestampInvalid {
        /// The batch's first or largest timestamp.
        timestamp: Timestamp,
        /// Earliest allowed now.
        earliest: Timestamp,
        /// Latest allowed now.
        latest: Timestamp,
    },
    /// A gap, or an unknown old sequence.
    #[error("producer {producer}: sequence {got} where {expected} was expected")]
    OutOfOrderSequence {
        /// The producer.
        producer: ProducerId,
        /// The next sequence.
        expected: Sequence,
        /// The batch's first.
        got: Sequence,
    },
    /// Appended earlier than the batches that are remembered; its offset is not known any more, but lies below `below`.
    #[error("producer {producer}: sequence {got} was appended before offset {below}")]
    DuplicateSequence {
        /// The producer.
        producer: ProducerId,
        /// The batch's first.
        got: Sequence,
        /// Answer only once everything below is durable: the original is among it.
        below: Offset,
    },
    /// The producer has a newer epoch.
    #[error("producer {producer}: epoch {got} is fenced by {current}")]
    ProducerFenced {
        /// The producer.
        producer: ProducerId,
        /// The partition's epoch of it.
        current: ProducerEpoch,
        /// The batch's.
        got: ProducerEpoch,
    },
    /// Offsets of this partition have run out.
    #[error("no offsets are left after {end}")]
    OffsetsExhausted {
        /// The log's end.
        end: Offset,
    },
}

/// The append side of one partition.
#[derive(Clone, PartialEq, Debug)]
pub struct Tip {
    pub(super) log_start: Offset,
    pub(super) end: Offset,
    pub(super) active: Option<Growth>,
    pub(super) epochs: Epochs,
    pub(super) producers: Producers,
    pub(super) jitter_seed: u64,
}

impl Tip {
    /// An empty partition. `jitter_seed` spreads time-based rolls; the same seed gives the same rolls.
    pub fn new(start: Offset, jitter_seed: u64) -> Tip {
        Tip {
            log_start: start,
            end: start,
            active: None,
            epochs: Epochs::default(),
            producers: Producers::default(),
            jitter_seed,
        }
    }

    /// Admits one checked batch of `size` bytes at wall time `now`, or refuses it. Checks in Kafka's order: size,
    /// timestamps, segment size, producer.
    pub fn admit(
        &mut self,
        batch: &BatchHeader,
        size: u32,
        now: Timestamp,
        epoch: LeaderEpoch,
        settings: &LogSettings,
    ) -> Result<Admission, AppendError> {
        if size > settings.max_message_bytes {
            return Err(AppendError::TooLarge { size, max: settings.max_message_bytes });
        }
        let append_time = match settings.message_timestamp_type {
            TimestampType::LogAppendTime => Some(now),
            TimestampType::CreateTime => None,
        };
        if append_time.is_none() {
            check_timestamps(batch, now, settings)?;
        }
        if size > settings.segment_bytes {
            return Err(AppendError::TooLargeForSegment { size, max: settings.segment_bytes });
        }
        if batch.has_producer()
            && let Verdict::Repeated(seen) = self.judge(batch)?
        {
            return Ok(Admission::Duplicate {
                base: seen.base_offset(),
                last: seen.last_offset,
                timestamp: seen.timestamp,
            });
        }
        let (base, count) = (self.end, i64::from(batch.last_offset_delta) + 1);
        if base.0.checked_add(count).is_none_or(|end| end == i64::MAX) {
            return Err(AppendError::OffsetsExhausted { end: base });
        }
        Ok(Admission::Append(self.place(batch, size, now, epoch, append_time, settings)))
    }

    /// Takes in a batch that was admitted in an earlier run and is not in a segment: says where it goes, as it is. Its
    /// offsets must not lie below the end; when they lie above it, records are missing, and a new segment begins.
    pub fn replay(&mut self, batch: &BatchHeader, now: Timestamp, settings: &LogSettings) -> Placement {
        assert!(batch.base_offset >= self.end, "{} was replayed before {}", batch.base_offset, self.end);
        self.skip_to(batch.base_offset);
        let size = u32::try_from(batch.size()).expect("a batch is below 2 GiB");
        self.place(batch, size, now, batch.leader_epoch, None, settings)
    }

    /// Goes on at `offset`: what lies between is lost, and its offsets are not given again.
    pub(super) fn skip_to(&mut self, offset: Offset) {
        if offset > self.end {
            self.end = offset;
            if let Some(active) = &mut self.active {
                active.closed = true;
            }
        }
    }

    /// Takes in a batch that was found in the segment that begins at `segment`, behind all others, and says what it adds
    /// to the indexes. The same state follows as from its append.
    pub(super) fn found(
        &mut self,
        batch: &BatchHeader,
        segment: Offset,
        now: Timestamp,
        settings: &LogSettings,
    ) -> Marks {
        if self.active.as_ref().is_none_or(|active| active.base != segment) {
            self.active = Some(Growth::new(segment, now));
        }
        let (base, last, size) = (batch.base_offset, batch.last_offset(), batch.size() as u32);
        self.epochs.assign(batch.leader_epoch, base);
        let active = self.active.as_mut().expect("it was set above");
        let marks = active.add(last, size, batch.max_timestamp, settings.index_interval_bytes);
        self.producers.apply(batch, base, batch.max_timestamp, settings.producers_max);
        self.end = last.plus(1);
        marks
    }

    fn judge(&self, batch: &BatchHeader) -> Result<Verdict, AppendError> {
        let producer = batch.producer_id;
        self.producers.judge(batch).map_err(|error| match error {
            SequenceError::Fenced { current, got } => AppendError::ProducerFenced { producer, current, got },
            SequenceError::OutOfOrder { expected, got } => AppendError::OutOfOrderSequence { producer, expected, got },
            SequenceError::Duplicate { got, below } => AppendError::DuplicateSequence { producer, got, below },
        })
    }

    fn place(
        &mut self,
        batch: &BatchHeader,
        size: u32,
        now: Timestamp,
        epoch: LeaderEpoch,
        append_time: Option<Timestamp>,
        settings: &LogSettings,
    ) -> Placement {
        let base = self.end;
        let last = base.plus(i64::from(batch.last_offset_delta));
        let max_timestamp = append_time.unwrap_or(batch.max_timestamp);
        let must_roll = self.active.as_ref().is_some_and(|active| {
            active.must_roll(last, size, max_timestamp, now, settings, self.jitter_ms(active.base, settings))
        });
        let roll = must_roll.then(|| Roll {
            closing: self.active.as_ref().and_then(Growth::closing),
            snapshot: Bytes::from(snapshot::encode(&self.producers)),
            epochs: self.epochs.encode(),
        });
        if must_roll {
            self.active = None;
        }
        self.epochs.assign(epoch, base);
        let active = self.active.get_or_insert_with(|| Growth::new(base, now));
        let (segment, position) = (active.base, active.position);
        let marks = active.add(last, size, max_timestamp, settings.index_interval_bytes);
        self.producers.apply(batch, base, max_timestamp, settings.producers_max);
        self.end = last.plus(1);
        Placement {
            base,
            last,
            epoch,
            segment,
            position,
            size,
            max_timestamp,
            append_time,
            index_entry: marks.index,
            time_entry: marks.time,
            roll,
        }
    }

    /// A segment's share of `segment.jitter.ms`: spread over segments and partitions, the same at every run.
    fn jitter_ms(&self, segment: Offset, settings: &LogSettings) -> i64 {
        let most = settings.segment_jitter_ms.min(settings.segment_ms);
        if most <= 0 {
            return 0;
        }
        let mut mixed = self.jitter_seed ^ (segment.0 as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % most as u64) as i64
    }

    /// The same partition, emptied, going on at `at`. Its producers are forgotten with their batches.
    pub fn reset(&self, at: Offset) -> Tip {
        Tip::new(at, self.jitter_seed)
    }

    /// Notes that this leadership begins here, before its first batch.
    pub fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        self.epochs.assign(epoch, self.end);
    }

    /// The active segment, if there is one.
    pub fn growth(&self) -> Option<&Growth> {
        self.active.as_ref()
    }

    /// Whether there is a segment.
    pub fn has_segments(&self) -> bool {
        self.active.is_some()
    }

    /// Offset of the next record.
    pub fn end(&self) -> Offset {
        self.end
    }

    /// First offset that may be read.
    pub fn log_start(&self) -> Offset {
        self.log_start
    }

    /// Raises the log start (DeleteRecords, retention); it never goes back and never passes the end.
    pub fn set_log_start(&mut self, start: Offset) {
        self.raise_log_start(start);
        self.forget_epochs_before(self.log_start);
    }

    /// The same, and the epochs of what goes stay: whoever still sees the old start asks for them.
    pub fn raise_log_start(&mut self, start: Offset) {
        self.log_start = self.log_start.max(start.min(self.end));
    }

    /// Forgets the epochs that ended before `start`, which everybody sees as the log start now.
    pub fn forget_epochs_before(&mut self, start: Offset) {
        self.epochs.truncate_before(start);
    }

    /// Everything in the log has expired: it begins at its end, and the next batch begins a new segment.
    pub fn expire(&mut self) {
        self.raise_log_start(self.end);
        if let Some(active) = self.active.as_mut().filter(|active| active.base < self.end) {
            active.closed = true;
        }
    }

    /// Whether no segment is needed any more, the active one included. One without a batch stays: its name is the next
    /// one's.
    pub fn is_expired(&self) -> bool {
        let over = self.active.as_ref().is_some_and(|active| active.closed && active.base < self.end);
        over && self.log_start == self.end
    }

    /// The state as a checkpoint keeps it: segments that nobody needs are not in it.
    pub fn to_keep(&self) -> Tip {
        let active = if self.is_expired() { None } else { self.active.clone() };
        Tip { active, ..self.clone() }
    }

    /// The largest known epoch not above `asked` and where it ended (OffsetForLeaderEpoch); (-1, -1) when unknown.
    pub fn epoch_end(&self, asked: LeaderEpoch) -> (LeaderEpoch, Offset) {
        self.epochs.end_of(asked, self.end)
    }

    /// Leader epochs of this log.
    pub fn epochs(&self) -> &Epochs {
        &self.epochs
    }

    /// Idempotent producers of this log.
    pub fn producers(&self) -> &Producers {
        &self.producers
    }

    /// Forgets producers silent for `producer.id.expiration.ms`; `now` is monotonic. Returns how many.
    pub fn expire_producers(&mut self, now: Duration, settings: &LogSettings) -> usize {
        let expiration = u64::try_from(settings.producer_expiration_ms).unwrap_or(0);
        self.producers.expire(now, Duration::from_millis(expiration))
    }
}

/// Kafka checks each record; the header has the first and the largest timestamp, which is what is checked here.
fn check_timestamps(batch: &BatchHeader, now: Timestamp, settings: &LogSettings) -> Result<(), AppendError> {
    let earliest = Timestamp(now.0.saturating_sub(settings.timestamp_before_max_ms));
    let latest = Timestamp(now.0.saturating_add(settings.timestamp_after_max_ms));
    for timestamp in [batch.base_timestamp, batch.max_timestamp] {
        if timestamp != Timestamp::NONE && (timestamp < earliest || timestamp > latest) {
            return Err(AppendError::TimestampInvalid { timestamp, earliest, latest });
        }
    }
    Ok(())
}
