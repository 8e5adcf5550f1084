//! The rules once more, as plainly as they can be said: over decoded records, with what became of every transaction known
//! beforehand.

use super::*;
use crate::record::TimestampType;
use crate::record::header::DELETE_HORIZON_BIT;
use std::collections::HashMap;

/// A record: offset, time, key, value. Its headers are compared with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Plain {
    pub(super) offset: i64,
    pub(super) time: i64,
    pub(super) key: Option<Bytes>,
    pub(super) value: Option<Bytes>,
    pub(super) headers: usize,
}

/// A batch, decoded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Shape {
    /// Length, CRC and record count are left out of it.
    pub(super) header: BatchHeader,
    pub(super) records: Vec<Plain>,
}

impl Shape {
    pub(super) fn of(batch: &[u8]) -> Shape {
        let header = BatchHeader { batch_length: 0, crc: 0, record_count: 0, ..header(batch) };
        let plain = |record: Record| Plain {
            offset: record.offset.0,
            time: record.timestamp.0,
            key: record.key,
            value: record.value,
            headers: record.headers.len(),
        };
        Shape { header, records: decode(batch).into_iter().map(plain).collect() }
    }

    fn base(&self) -> i64 {
        self.header.base_offset.0
    }

    fn horizon(&self) -> Option<i64> {
        (self.header.attributes & DELETE_HORIZON_BIT != 0).then_some(self.header.base_timestamp.0)
    }
}

/// What the model knows of a log.
#[derive(Default)]
pub(super) struct Known {
    /// Transaction by the base offset of its batches, markers included.
    pub(super) transaction: HashMap<i64, usize>,
    /// Of each transaction, whether it was aborted.
    pub(super) aborted: Vec<bool>,
    /// Producers, as the log knows them.
    pub(super) producers: HashMap<i64, LastRecord>,
}

impl Known {
    pub(super) fn is_aborted(&self, batch: &Shape) -> bool {
        !batch.header.is_control() && self.transaction.get(&batch.base()).is_some_and(|id| self.aborted[*id])
    }
}

/// Keys of the dirty part by their last offset, and the offset up to which that is known.
pub(super) fn latest(log: &[Shape], known: &Known, from: i64, room: usize) -> (HashMap<Bytes, i64>, i64) {
    let mut latest = HashMap::new();
    let mut reached = from - 1;
    for batch in log {
        if !batch.header.is_control() && !known.is_aborted(batch) {
            for record in batch.records.iter().filter(|record| record.offset >= from) {
                let Some(key) = record.key.clone() else { continue };
                if !latest.contains_key(&key) && latest.len() == room {
                    return (latest, reached);
                }
                latest.insert(key, record.offset);
                reached = record.offset;
            }
        }
        reached = reached.max(batch.header.last_offset().0);
    }
    (latest, reached)
}

/// What is left of `log`, which ends at `upto` or before.
pub(super) fn compact(
    log: &[Shape],
    known: &Known,
    (latest, reached): &(HashMap<Bytes, i64>, i64),
    now: i64,
    retention: i64,
    upto: i64,
) -> Vec<Shape> {
    let has_data = |id: &usize| {
        log.iter().any(|batch| !batch.header.is_control() && known.transaction.get(&batch.base()) == Some(id))
    };
    let mut left = Vec::new();
    for batch in log {
        let control = batch.header.is_control();
        let behind = batch.horizon().is_some_and(|horizon| horizon <= now);
        let of_nothing = control && known.transaction.get(&batch.base()).is_none_or(|id| !has_data(id));
        let keeps = |record: &&Plain| match &record.key {
            _ if known.is_aborted(batch) => false,
            _ if control => !(of_nothing && behind),
            _ if record.offset > *reached => true,
            None => false,
            Some(key) => {
                latest.get(key).is_none_or(|last| record.offset >= *last) && (record.value.is_some() || !behind)
            }
        };
        let records: Vec<Plain> = batch.records.iter().filter(keeps).cloned().collect();
        let mut header = batch.header;
        if records.is_empty() {
            let last = known.producers.get(&header.producer_id.0).filter(|_| header.has_producer());
            let is_last = last.is_some_and(|last| match last.last_data_offset {
                Some(offset) => offset == header.last_offset(),
                None => control && last.epoch == header.producer_epoch,
            });
            if is_last || header.last_offset().0 + 1 == upto {
                header.attributes &= !(0b111 | DELETE_HORIZON_BIT);
                header.base_timestamp = Timestamp::NONE;
                left.push(Shape { header, records });
            }
            continue;
        }
        let tombstone = records.iter().any(|record| record.value.is_none());
        let gets_horizon = batch.horizon().is_none() && (tombstone || of_nothing);
        if gets_horizon || records.len() < batch.records.len() {
            header.base_timestamp = Timestamp(batch.horizon().unwrap_or(records[0].time));
            if gets_horizon {
                header.attributes |= DELETE_HORIZON_BIT;
                header.base_timestamp = Timestamp(now + retention);
            }
            if header.timestamp_type() == TimestampType::CreateTime {
                header.max_timestamp = Timestamp(records.iter().map(|record| record.time).max().unwrap_or(-1));
            }
        }
        left.push(Shape { header, records });
    }
    left
}

/// What a reader of committed data knows in the end: the last value of each key.
pub(super) fn state(log: &[Shape], known: &Known) -> HashMap<Bytes, Bytes> {
    let mut state = HashMap::new();
    for batch in log.iter().filter(|batch| !batch.header.is_control() && !known.is_aborted(batch)) {
        for record in &batch.records {
            match (&record.key, &record.value) {
                (Some(key), Some(value)) => drop(state.insert(key.clone(), value.clone())),
                (Some(key), None) => drop(state.remove(key)),
                (None, _) => {}
            }
        }
    }
    state
}
