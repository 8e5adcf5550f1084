//! A floor in this process behind the `rdkafka` crate: what is produced is read back, by each kind of acknowledgement and
//! codec, and at the tail; what is no request ends its own connection only.

use super::Floor;
use crate::admin::create_topic;
use crate::raw_producer;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A liveness bound for anything here.
const WAIT: Duration = Duration::from_secs(60);
const PARTITIONS: i32 = 4;
const RECORDS: usize = 10_000;
const VALUE_BYTES: usize = 1024;

fn floor() -> (Floor, String, TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let floor = Floor::start(0, dir.path()).expect("a floor");
    let bootstrap = floor.address().to_string();
    (floor, bootstrap, dir)
}

/// The value of a record, which says which one it is.
fn value(number: usize) -> Vec<u8> {
    format!("record {number:010} ").into_bytes().into_iter().cycle().take(VALUE_BYTES).collect()
}

/// Counts what was acknowledged, and fails on an error.
struct Acknowledged(AtomicUsize);

impl ClientContext for Acknowledged {}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        if result.is_ok() {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Produces the records with these numbers, round robin over the partitions.
fn produce(bootstrap: &str, topic: &str, partitions: i32, acks: &str, codec: &str, numbers: std::ops::Range<usize>) {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("acks", acks).set("compression.codec", codec).set("linger.ms", "5");
    let acknowledged = Acknowledged(AtomicUsize::new(0));
    let producer: ThreadedProducer<Acknowledged> = config.create_with_context(acknowledged).expect("a producer");
    let count = numbers.len();
    for number in numbers {
        let partition = i32::try_from(number).expect("small") % partitions;
        let value = value(number);
        producer
            .send(BaseRecord::<(), [u8]>::to(topic).partition(partition).payload(&value))
            .expect("room in the queue");
    }
    producer.flush(WAIT).expect("all are acknowledged in time");
    assert_eq!(producer.context().0.load(Ordering::SeqCst), count, "acks {acks}, codec {codec}");
}

fn consumer(bootstrap: &str, topic: &str, partitions: i32, offset: Offset) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "none").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.set("auto.offset.reset", "error").create().expect("a consumer");
    let mut assigned = TopicPartitionList::new();
    for partition in 0..partitions {
        assigned.add_partition_offset(topic, partition, offset).expect("an offset");
    }
    consumer.assign(&assigned).expect("assigned");
    consumer
}

/// Reads `count` records and checks each against its place, given that they were produced round robin from number 0 on.
fn check(consumer: &BaseConsumer, partitions: i32, count: usize) {
    let deadline = Instant::now() + WAIT;
    let mut next = vec![0; usize::try_from(partitions).expect("small")];
    for read in 0..count {
        let left = deadline.saturating_duration_since(Instant::now());
        let message = consumer.poll(left).unwrap_or_else(|| panic!("{read} of {count} came")).expect("no error");
        let partition = usize::try_from(message.partition()).expect("small");
        assert_eq!(message.offset(), next[partition], "partition {partition}");
        next[partition] += 1;
        let number = usize::try_from(message.offset()).expect("small") * next.len() + partition;
        assert!(message.payload() == Some(&*value(number)), "partition {partition}, offset {}", message.offset());
    }
}

#[test]
fn what_is_produced_is_read_back() {
    let (_floor, bootstrap, _dir) = floor();
    for (acks, codec) in [("all", "none"), ("all", "lz4"), ("1", "zstd"), ("1", "gzip"), ("all", "snappy")] {
        let topic = format!("read-back-{acks}-{codec}");
        create_topic(&bootstrap, &topic, PARTITIONS, &[]).expect("created");
        produce(&bootstrap, &topic, PARTITIONS, acks, codec, 0..RECORDS);
        check(&consumer(&bootstrap, &topic, PARTITIONS, Offset::Offset(0)), PARTITIONS, RECORDS);
    }
}

#[test]
fn nothing_is_answered_without_acks() {
    let (_floor, bootstrap, _dir) = floor();
    create_topic(&bootstrap, "no-acks", PARTITIONS, &[]).expect("created");
    produce(&bootstrap, "no-acks", PARTITIONS, "0", "none", 0..RECORDS);
    check(&consumer(&bootstrap, "no-acks", PARTITIONS, Offset::Beginning), PARTITIONS, RECORDS);
}

#[test]
fn compressed_batches_stay_compressed() {
    let (_floor, bootstrap, dir) = floor();
    create_topic(&bootstrap, "small", 1, &[]).expect("created");
    produce(&bootstrap, "small", 1, "all", "lz4", 0..RECORDS);
    let bytes = std::fs::metadata(dir.path().join("small-0.log")).expect("a file").len();
    assert!(bytes < (RECORDS * VALUE_BYTES / 4) as u64, "{bytes} bytes");
}

#[test]
fn a_topic_that_is_named_exists() {
    let (_floor, bootstrap, _dir) = floor();
    produce(&bootstrap, "named", 1, "all", "none", 0..10);
    check(&consumer(&bootstrap, "named", 1, Offset::Beginning), 1, 10);
    let error = create_topic(&bootstrap, "named", 1, &[]).expect_err("it is there");
    assert!(error.contains("TopicAlreadyExists"), "{error}");
}

#[test]
fn a_reader_at_the_tail_gets_what_comes_later() {
    let (_floor, bootstrap, _dir) = floor();
    create_topic(&bootstrap, "tail", 1, &[]).expect("created");
    let consumer = consumer(&bootstrap, "tail", 1, Offset::Offset(0));
    // Long enough that its fetch waits.
    assert!(consumer.poll(Duration::from_millis(700)).is_none());
    for number in 0..5 {
        produce(&bootstrap, "tail", 1, "all", "none", number..number + 1);
        let message = consumer.poll(WAIT).expect("it came").expect("no error");
        assert_eq!(message.offset(), i64::try_from(number).expect("small"));
        assert!(message.payload() == Some(&*value(number)));
    }
}

#[test]
fn the_watermarks_are_told_and_an_offset_beyond_them_is_out_of_range() {
    let (_floor, bootstrap, _dir) = floor();
    create_topic(&bootstrap, "range", 1, &[]).expect("created");
    produce(&bootstrap, "range", 1, "all", "none", 0..10);
    let beyond = consumer(&bootstrap, "range", 1, Offset::Offset(11));
    assert_eq!(beyond.fetch_watermarks("range", 0, WAIT).expect("watermarks"), (0, 10));
    let answer = beyond.poll(WAIT).expect("an answer").map(drop);
    let out_of_range = [RDKafkaErrorCode::AutoOffsetReset, RDKafkaErrorCode::OffsetOutOfRange];
    let code = answer.as_ref().err().and_then(KafkaError::rdkafka_error_code);
    assert!(code.is_some_and(|code| out_of_range.contains(&code)), "{answer:?}");
}

fn connect(bootstrap: &str) -> TcpStream {
    let stream = TcpStream::connect(bootstrap).expect("connected");
    stream.set_read_timeout(Some(WAIT)).expect("a timeout");
    stream
}

/// A frame with a header, client id `x`, and `body`.
fn frame(key: i16, version: i16, correlation: i32, body: &[u8]) -> Vec<u8> {
    let length = i32::try_from(8 + 3 + body.len()).expect("small");
    let mut frame = length.to_be_bytes().to_vec();
    frame.extend([key.to_be_bytes(), version.to_be_bytes()].concat());
    frame.extend(correlation.to_be_bytes());
    frame.extend(*b"\0\x01x");
    frame.extend(body);
    frame
}

/// The next answer without its length.
fn answer(stream: &mut TcpStream) -> Vec<u8> {
    let mut length = [0; 4];
    stream.read_exact(&mut length).expect("an answer");
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).expect("a whole answer");
    answer
}

const PRODUCE: i16 = 0;
const FETCH: i16 = 1;
const LIST_OFFSETS: i16 = 2;
const METADATA: i16 = 3;
const API_VERSIONS: i16 = 18;
const CREATE_TOPICS: i16 = 19;

#[test]
fn what_is_no_request_ends_its_connection_only() {
    let (_floor, bootstrap, _dir) = floor();
    let mut other = connect(&bootstrap);
    let produce_cut_short = frame(PRODUCE, 7, 1, b"\xff\xff\xff\xff\0\0\x75\x30\0\0\0\x01\0\x09topic");
    let array_without_end = frame(PRODUCE, 7, 1, b"\xff\xff\xff\xff\0\0\x75\x30\x7f\xff\xff\xff");
    let hostile = [
        b"\xff\xff\xff\xff".to_vec(),
        b"\x08\0\0\x01\0\0\0\0".to_vec(),
        b"\0\0\0\0".to_vec(),
        b"\0\0\0\x05\0\0\0\x07\0".to_vec(),
        b"GET / HTTP/1.1\r\nHost: floor\r\n\r\n".to_vec(),
        frame(999, 0, 1, b""),
        frame(PRODUCE, 99, 1, b""),
        frame(PRODUCE, 2, 1, b""),
        frame(METADATA, 4, 1, b"\x7f\xff\xff\xff"),
        frame(CREATE_TOPICS, 4, 1, b"\x7f\xff\xff\xff"),
        frame(LIST_OFFSETS, 1, 1, b"\xff\xff\xff\xff\x7f\xff\xff\xff"),
        frame(FETCH, 4, 1, b"\xff\xff\xff\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\x7f\xff\xff\xff"),
        produce_cut_short,
        array_without_end,
    ];
    for sent in hostile {
        let mut stream = connect(&bootstrap);
        stream.write_all(&sent).expect("sent");
        let mut rest = Vec::new();
        // An end or a reset: the connection is closed with what was sent unread.
        let ended = stream.read_to_end(&mut rest).map_err(|error| error.kind());
        assert!(matches!(ended, Ok(0) | Err(std::io::ErrorKind::ConnectionReset)), "{sent:?}: {ended:?}");
    }
    other.write_all(&frame(API_VERSIONS, 0, 5, b"")).expect("sent");
    assert_eq!(answer(&mut other)[..4], 5i32.to_be_bytes());
    produce(&bootstrap, "after", 1, "all", "none", 0..10);
}

#[test]
fn answers_come_in_order_and_a_new_version_is_told_the_old_ones() {
    const REQUESTS: i32 = 5_000;
    let (_floor, bootstrap, _dir) = floor();
    let mut stream = connect(&bootstrap);
    let mut writer = stream.try_clone().expect("a second handle");
    let version = |correlation: i32| if correlation % 2 == 0 { 0 } else { 4 };
    let sent: Vec<u8> = (0..REQUESTS).flat_map(|id| frame(API_VERSIONS, version(id), id, b"")).collect();
    let sender = std::thread::spawn(move || writer.write_all(&sent));
    for correlation in 0..REQUESTS {
        let answer = answer(&mut stream);
        let error: i16 = if version(correlation) == 0 { 0 } else { 35 };
        assert_eq!(answer[..6], [&correlation.to_be_bytes()[..], &error.to_be_bytes()].concat());
    }
    sender.join().expect("no panic").expect("sent");
}

/// A produce request of version 7 with one batch for partition 0 of `name`.
fn produce_frame(name: &str, correlation: i32, batch: &[u8]) -> Vec<u8> {
    let mut body = b"\xff\xff\xff\xff\0\0\x75\x30\0\0\0\x01".to_vec();
    body.extend(i16::try_from(name.len()).expect("small").to_be_bytes());
    body.extend(name.as_bytes());
    body.extend(b"\0\0\0\x01\0\0\0\0");
    body.extend(u32::try_from(batch.len()).expect("small").to_be_bytes());
    body.extend(batch);
    frame(PRODUCE, 7, correlation, &body)
}

#[test]
fn a_damaged_batch_is_refused_and_the_next_one_is_taken() {
    let (_floor, bootstrap, _dir) = floor();
    create_topic(&bootstrap, "t", 1, &[]).expect("created");
    let batch = raw_producer::batch(10, 100);
    let mut damaged = batch.to_vec();
    damaged[700] ^= 1;
    let mut stream = connect(&bootstrap);
    let cases: [(&str, &[u8], i16, i64); 6] = [
        ("t", &batch, 0, 0),
        ("t", &damaged, 2, -1),
        ("t", &batch[..50], 2, -1),
        ("t", &batch[..batch.len() - 1], 87, -1),
        ("u", &batch, 3, -1),
        ("t", &batch, 0, 10),
    ];
    for (name, batch, error, offset) in cases {
        stream.write_all(&produce_frame(name, 1, batch)).expect("sent");
        let answer = answer(&mut stream);
        // Correlation, topics, the name, partitions, index.
        let error_at = 4 + 4 + 3 + 4 + 4;
        assert_eq!(answer[error_at..error_at + 2], error.to_be_bytes());
        assert_eq!(answer[error_at + 2..error_at + 10], offset.to_be_bytes());
    }
}
