//! Partitions through their handle, in `os` mode: appends until they are acknowledged, reads from the ring and from
//! segments in the page cache.

use crate::setup::{KIB, MIB, Opened, batch};
use bytes::Bytes;
use criterion::{BatchSize, Bencher, BenchmarkId, Criterion, Throughput};
use ottla::base::{Offset, Part};
use ottla::partition::{Partition, ReadResult, ReadUpto};
use ottla::record::{BatchHeader, Compression, check_produced};
use ottla::store::TAIL_BYTES;
use std::cell::RefCell;
use std::sync::Arc;

/// Fewer than usual: 64 partitions take milliseconds.
const APPEND_SAMPLES: usize = 50;

/// A topic that was appended to so much gives way to a new one: the disk is not filled, nor kept busy for long.
const TOPIC_BYTES_MAX: usize = 256 * MIB;

/// A ring that holds next to nothing, so that what is read lies in segments.
const SMALL_TAIL_BYTES: usize = MIB;

/// What is there to be read, bytes.
const STORED_BYTES: usize = 16 * MIB;

/// Most bytes of one read: a consumer's usual limit for a partition.
const READ_BYTES: u64 = MIB as u64;

/// The server reads files in pieces of this size.
const PIECE_BYTES: usize = 256 * KIB;

/// What is stored for the reads: name, records of each batch, bytes of each record.
const STORED: [(&str, usize, usize); 2] = [("batches of 1 KiB", 1, KIB), ("batches of 64 KiB", 64, KIB)];

pub fn bench(criterion: &mut Criterion) {
    append(criterion);
    read_ring(criterion);
    read_segments(criterion);
}

fn append(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("append 64 KiB each");
    group.sample_size(APPEND_SAMPLES);
    for partitions in [1, 64] {
        let mut appender = Appender::new(partitions);
        group.throughput(Throughput::Bytes((partitions * appender.batch.len()) as u64));
        group.bench_function(BenchmarkId::new("partitions", partitions), |bencher| appender.bench(bencher));
    }
    group.finish();
}

/// Who appends a batch to each partition of a topic, again and again.
struct Appender {
    opened: Opened,
    batch: Bytes,
    header: BatchHeader,
    topic: u128,
    partitions: Vec<Arc<Partition>>,
    appended_bytes: usize,
}

impl Appender {
    fn new(partitions: usize) -> Self {
        let (opened, batch) = (Opened::new(TAIL_BYTES as usize), batch(64, KIB, Compression::None));
        let header = check_produced(&batch).expect("a good batch");
        let topic = 1;
        let partitions = opened.topic(topic, partitions);
        let mut appender = Appender { opened, batch, header, topic, partitions, appended_bytes: 0 };
        // The first batch makes a partition's files.
        appender.append();
        appender
    }

    fn append(&mut self) {
        self.opened.append(&self.partitions, &self.batch, &self.header);
        self.appended_bytes += self.partitions.len() * self.batch.len();
    }

    fn renew(&mut self) {
        let partitions = self.partitions.len();
        self.opened.delete_topic(self.topic, partitions);
        self.topic += 1;
        self.partitions = self.opened.topic(self.topic, partitions);
        self.appended_bytes = 0;
        self.append();
    }

    fn bench(&mut self, bencher: &mut Bencher<'_>) {
        let appender = RefCell::new(self);
        let setup = || {
            let mut appender = appender.borrow_mut();
            if appender.appended_bytes >= TOPIC_BYTES_MAX {
                appender.renew();
            }
        };
        bencher.iter_batched(setup, |()| appender.borrow_mut().append(), BatchSize::PerIteration);
    }
}

fn read_ring(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring read, 1 MiB at most");
    for (stored, records, record_bytes) in STORED {
        let mut reader = Reader::new(TAIL_BYTES as usize, records, record_bytes);
        let slices = reader.read().parts;
        assert!(slices.iter().all(|part| matches!(part, Part::Tail { .. })), "not all of it is in memory");
        // Nothing is copied. A read takes 512 slices at most, so of the small batches half a MiB.
        group.throughput(Throughput::Elements(slices.len() as u64));
        group.bench_function(stored, |bencher| bencher.iter(|| reader.read()));
    }
    group.finish();
}

fn read_segments(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("segment read, 1 MiB at most");
    for (stored, records, record_bytes) in STORED {
        let mut reader = Reader::new(SMALL_TAIL_BYTES, records, record_bytes);
        let read = reader.read();
        assert!(read.parts.iter().all(|part| matches!(part, Part::File { .. })), "some of it is in memory");
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("{stored}, planned"), |bencher| bencher.iter(|| reader.read()));
        let mut piece = vec![0; PIECE_BYTES];
        group.throughput(Throughput::Bytes(read.bytes));
        group.bench_function(format!("{stored}, planned and read"), |bencher| {
            bencher.iter(|| reader.read().parts.iter().for_each(|part| read_part(part, &mut piece)));
        });
    }
    group.finish();
}

/// A part of an answer, piece by piece, as the server reads it.
fn read_part(part: &Part, piece: &mut [u8]) {
    let Part::File { file, position, length } = part else { return };
    let mut done = 0;
    while done < *length {
        let bytes = (*length - done).min(piece.len() as u64) as usize;
        let read = file.read_cached(&mut piece[..bytes], position + done).expect("readable");
        done += read.unwrap_or_else(|| file.read_at(&mut piece[..bytes], position + done).expect("readable")) as u64;
    }
}

/// A consumer that reads on and on through the first half of what is stored, and from the start again.
struct Reader {
    opened: Opened,
    partition: Arc<Partition>,
    next: Offset,
    half: Offset,
}

impl Reader {
    fn new(tail_bytes: usize, records: usize, record_bytes: usize) -> Self {
        let opened = Opened::new(tail_bytes);
        let partitions = opened.topic(1, 1);
        let batch = batch(records, record_bytes, Compression::None);
        let header = check_produced(&batch).expect("a good batch");
        // One at a time: what is committed together would be one slice of the ring.
        for _ in 0..STORED_BYTES / batch.len() {
            opened.append(&partitions, &batch, &header);
        }
        let partition = partitions[0].clone();
        let half = Offset(partition.watermarks().durable.0 / 2);
        Reader { opened, partition, next: Offset::ZERO, half }
    }

    fn read(&mut self) -> ReadResult {
        let read = self.partition.read(self.next, READ_BYTES, true, ReadUpto::HighWatermark);
        let read = self.opened.runtime.block_on(read).expect("readable");
        self.next = if read.next < self.half { read.next } else { Offset::ZERO };
        read
    }
}
