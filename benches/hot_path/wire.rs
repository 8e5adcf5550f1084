//! Produce and Fetch in the newest version that is served, with 1 and with 100 partitions of one topic.
//!
//! Requests are written by the codec crate, as a client writes them. A decoded request is walked as well: its arrays
//! stay in the frame, and are read once when it is decoded and again when a handler walks them.

use crate::setup::{KIB, batch};
use bytes::{Bytes, BytesMut};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use kafka_protocol::messages::{self as kafka, fetch_request, produce_request};
use kafka_protocol::protocol::{Encodable, StrBytes};
use ottla::base::{Offset, Part, PartitionIndex, Timestamp, TopicId};
use ottla::record::Compression;
use ottla::wire::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use ottla::wire::produce::{PartitionProduceResponse, ProduceResponse, TopicProduceResponse};
use ottla::wire::{Api, ErrorCode, Request, RequestHeader, Str};
use std::hint::black_box;
use uuid::Uuid;

const PARTITIONS: [i32; 2] = [1, 100];

const TOPIC: Uuid = Uuid::from_u128(7);

pub fn bench(criterion: &mut Criterion) {
    requests(criterion, "produce request", produce_frame);
    requests(criterion, "fetch request", fetch_frame);
    produce_response(criterion);
    fetch_response(criterion);
}

fn requests(criterion: &mut Criterion, name: &str, frame: fn(i32) -> Bytes) {
    let mut group = criterion.benchmark_group(name);
    for partitions in PARTITIONS {
        let frame = frame(partitions);
        assert_eq!(walk(&decode(frame.clone())), partitions as usize);
        group.throughput(Throughput::Elements(partitions as u64));
        group.bench_function(BenchmarkId::new("decode", partitions), |bencher| {
            bencher.iter(|| decode(black_box(frame.clone())));
        });
        group.bench_function(BenchmarkId::new("decode and walk", partitions), |bencher| {
            bencher.iter(|| walk(&decode(black_box(frame.clone()))));
        });
    }
    group.finish();
}

fn produce_response(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("produce response");
    let header = header(Api::Produce);
    for partitions in PARTITIONS {
        let response = produced(partitions);
        group.throughput(Throughput::Elements(partitions as u64));
        group.bench_function(BenchmarkId::new("encode", partitions), |bencher| {
            bencher.iter(|| black_box(&response).encode(&header));
        });
    }
    group.finish();
}

fn fetch_response(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fetch response");
    let header = header(Api::Fetch);
    for partitions in PARTITIONS {
        let response = fetched(partitions);
        group.throughput(Throughput::Elements(partitions as u64));
        group.bench_function(BenchmarkId::new("encode", partitions), |bencher| {
            bencher.iter_batched(|| response.clone(), |response| response.encode(&header), BatchSize::SmallInput);
        });
    }
    group.finish();
}

fn decode(frame: Bytes) -> Request {
    let (header, body) = RequestHeader::decode(frame).expect("a header");
    Request::decode(header.api, header.version, body).expect("a body")
}

/// Touches every partition of a request and says how many there are.
fn walk(request: &Request) -> usize {
    match request {
        Request::Produce(produce) => {
            let partitions = produce.topic_data.iter().map(|topic| topic.partition_data.iter().map(black_box).count());
            partitions.sum()
        }
        Request::Fetch(fetch) => {
            let partitions = fetch.topics.iter().map(|topic| topic.partitions.iter().map(black_box).count());
            partitions.sum()
        }
        other => panic!("{:?} has no partitions here", other.api()),
    }
}

fn header(api: Api) -> RequestHeader {
    RequestHeader { api, version: api.row().max, correlation_id: 7, client_id: None }
}

fn frame(api: Api, request: &impl Encodable) -> Bytes {
    let version = api.row().max;
    let header = kafka::RequestHeader::default().with_request_api_key(api.key()).with_request_api_version(version);
    let header = header.with_client_id(Some(StrBytes::from_static_str("bench")));
    let mut out = BytesMut::new();
    header.encode(&mut out, api.request_header_version(version)).expect("a header");
    request.encode(&mut out, version).expect("a body");
    out.freeze()
}

/// A batch of 1 KiB for each partition.
fn produce_frame(partitions: i32) -> Bytes {
    let batch = batch(1, KIB, Compression::None);
    let partition =
        |index| produce_request::PartitionProduceData::default().with_index(index).with_records(Some(batch.clone()));
    let topic = produce_request::TopicProduceData::default().with_topic_id(TOPIC);
    let topic = topic.with_partition_data((0..partitions).map(partition).collect());
    let request = kafka::ProduceRequest::default().with_acks(-1).with_timeout_ms(30_000);
    frame(Api::Produce, &request.with_topic_data(vec![topic]))
}

fn fetch_frame(partitions: i32) -> Bytes {
    let partition = |index| {
        let partition = fetch_request::FetchPartition::default().with_partition(index).with_fetch_offset(1_000_000);
        partition.with_current_leader_epoch(1).with_partition_max_bytes(1 << 20)
    };
    let topic = fetch_request::FetchTopic::default().with_topic_id(TOPIC);
    let topic = topic.with_partitions((0..partitions).map(partition).collect());
    let request = kafka::FetchRequest::default().with_max_wait_ms(500).with_min_bytes(1).with_max_bytes(50 << 20);
    frame(Api::Fetch, &request.with_topics(vec![topic]))
}

fn produced(partitions: i32) -> ProduceResponse {
    let partition = |index| PartitionProduceResponse {
        base_offset: Offset(1_000_000),
        log_append_time: Timestamp::NONE,
        log_start_offset: Offset::ZERO,
        ..PartitionProduceResponse::failed(PartitionIndex(index), ErrorCode::None)
    };
    let partition_responses = (0..partitions).map(partition).collect();
    let topic = TopicProduceResponse { name: Str::default(), topic_id: TopicId(TOPIC), partition_responses };
    ProduceResponse { responses: vec![topic], ..ProduceResponse::default() }
}

/// One part of records for each partition; how large it is makes no difference.
fn fetched(partitions: i32) -> FetchResponse {
    let batch = batch(1, KIB, Compression::None);
    let partition = |index| PartitionData {
        high_watermark: Offset(1_000_001),
        last_stable_offset: Offset(1_000_001),
        log_start_offset: Offset::ZERO,
        records: vec![Part::Bytes(batch.clone())],
        ..PartitionData::empty(PartitionIndex(index), ErrorCode::None)
    };
    let partitions = (0..partitions).map(partition).collect();
    let topic = FetchableTopicResponse { topic: Str::default(), topic_id: TopicId(TOPIC), partitions };
    FetchResponse { responses: vec![topic], ..FetchResponse::default() }
}
