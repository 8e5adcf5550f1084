//! The rules one by one, against a plain model, and against bytes that are no batches.

mod bad_input;
mod choose;
mod grouping;
mod map;
mod mapping;
mod model;
mod reference;
mod rules;
mod transactions;

use super::*;
use crate::base::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, Timestamp};
use crate::record::{BatchBuilder, BatchHeader, Batches, Compression, NewRecord, Record, Records};
use bytes::Bytes;

const CAP: usize = 1 << 20;
const SEED: [u8; 16] = *b"not a secret now";
const RETENTION_MS: i64 = 1_000;
const NOW: Timestamp = Timestamp(1_000_000);
const CODECS: [Compression; 5] =
    [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// A map with room for so many keys.
fn map_for(keys: usize) -> OffsetMap {
    OffsetMap::new((keys + 1) * super::map::SLOT_BYTES, 1.0, SEED).expect("room for a key")
}

/// A batch of (key, value) from `base` on, all of one time.
fn data(base: i64, records: &[(Option<&str>, Option<&str>)]) -> BatchBuilder {
    let builder = BatchBuilder { base_offset: Offset(base), leader_epoch: LeaderEpoch(3), ..BatchBuilder::new() };
    let bytes = |text: &Option<&str>| text.map(|text| Bytes::copy_from_slice(text.as_bytes()));
    records.iter().fold(builder, |builder, (key, value)| {
        builder.record(NewRecord { timestamp: NOW, key: bytes(key), value: bytes(value), headers: Vec::new() })
    })
}

/// The same of a transaction of producer `id`.
fn transactional(base: i64, id: i64, sequence: i32, records: &[(Option<&str>, Option<&str>)]) -> BatchBuilder {
    let builder = data(base, records).producer(ProducerId(id), ProducerEpoch(0), Sequence(sequence));
    BatchBuilder { transactional: true, ..builder }
}

/// The marker of a transaction.
fn marker(base: i64, id: i64, commit: bool) -> BatchBuilder {
    let key = [0, 0, 0, u8::from(commit)];
    let builder = BatchBuilder { base_offset: Offset(base), transactional: true, control: true, ..BatchBuilder::new() };
    builder.producer(ProducerId(id), ProducerEpoch(0), Sequence::NONE).push(NOW, Some(&key), Some(&[0; 6]))
}

fn header(batch: &[u8]) -> BatchHeader {
    BatchHeader::parse(batch).expect("a batch")
}

fn decode(batch: &[u8]) -> Vec<Record> {
    let records = Records::new(&header(batch), batch, CAP).expect("a known codec");
    records.collect::<Result<_, _>>().expect("readable records")
}

/// Offsets of the records of consecutive batches.
fn offsets(bytes: &[u8]) -> Vec<i64> {
    let records = Batches::new(bytes).flat_map(|batch| decode(batch.expect("a batch").1));
    records.map(|record| record.offset.0).collect()
}

/// A pass over a few batches.
struct Pass<'a> {
    batches: &'a [Bytes],
    aborted: Vec<Aborted>,
    now: Timestamp,
    from: Offset,
    upto: Offset,
    last: &'a dyn Fn(ProducerId) -> Option<LastRecord>,
}

impl<'a> Pass<'a> {
    /// Over all of them, of unknown producers, with more log behind.
    fn over(batches: &'a [Bytes]) -> Self {
        let (from, upto) = (Offset::ZERO, Offset(i64::MAX));
        Pass { batches, aborted: Vec::new(), now: NOW, from, upto, last: &|_| None }
    }

    /// What is left, and what became of each batch.
    fn run(&self) -> (Vec<u8>, Vec<Verdict>, Stats) {
        let mut map = map_for(1_000);
        let mut mapper = Mapper::new(&mut map, Transactions::new(self.aborted.clone()), self.from, CAP);
        for batch in self.batches {
            mapper.note(&header(batch), batch).expect("room");
        }
        let rules = Rules {
            map: &map,
            now: self.now,
            dated: self.now,
            delete_retention_ms: RETENTION_MS,
            upto: self.upto,
            plain_bytes_max: CAP,
            last_of_producer: self.last,
        };
        let mut compactor = Compactor::new(rules, Transactions::new(self.aborted.clone()));
        let mut out = Vec::new();
        let verdicts = self.batches.iter().map(|batch| compactor.batch(&header(batch), batch, &mut out)).collect();
        let stats = compactor.stats();
        assert_eq!(stats.bytes_written, out.len() as u64);
        assert_eq!(stats.batches_read(), self.batches.len() as u64);
        assert_eq!(stats.records_read, stats.records_kept + stats.records_removed);
        (out, verdicts, stats)
    }
}

/// Consecutive batches, apart.
fn split(bytes: &[u8]) -> Vec<Bytes> {
    Batches::new(bytes).map(|batch| Bytes::copy_from_slice(batch.expect("a batch").1)).collect()
}
