use super::*;
use crate::base::FileRange;
use crate::wire::Api;
use crate::wire::requests::sample::{Random, Sample};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{BrokerId, ResponseHeader, TopicName, fetch_response as kafka};
use kafka_protocol::protocol::Decodable;
use std::io;
use std::sync::Arc;

/// Random answers of each version that are compared with what the crate reads.
const COMPARED_PER_VERSION: usize = 100;

/// A file in memory.
struct Memory(Vec<u8>);

impl FileRange for Memory {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let from = &self.0[position as usize..];
        let length = buf.len().min(from.len());
        buf[..length].copy_from_slice(&from[..length]);
        Ok(length)
    }

    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        self.read_at(buf, position).map(Some)
    }
}

/// The bytes of parts, files read.
fn flatten(parts: &[Part]) -> Bytes {
    let mut out = BytesMut::new();
    for part in parts {
        match part {
            Part::Bytes(bytes) | Part::Tail { bytes, .. } => out.extend_from_slice(bytes),
            Part::File { file, position, length } => {
                let mut buf = vec![0; *length as usize];
                assert_eq!(file.read_at(&mut buf, *position).expect("a read"), buf.len());
                out.extend_from_slice(&buf);
            }
        }
    }
    out.freeze()
}

fn vec<T>(random: &mut Random, mut one: impl FnMut(&mut Random) -> T) -> Vec<T> {
    (0..random.below(4)).map(|_| one(random)).collect()
}

fn part(random: &mut Random) -> Part {
    let length = [0, 1, 61, 300][random.below(4)];
    let bytes: Vec<u8> = (0..length + 10).map(|_| random.next() as u8).collect();
    let content = Bytes::from(bytes.clone()).slice(10..);
    let file: Arc<dyn FileRange> = Arc::new(Memory(bytes));
    match random.below(3) {
        0 => Part::Bytes(content),
        1 => Part::Tail { bytes: content, file, position: 10 },
        _ => Part::File { file, position: 10, length: length as u64 },
    }
}

fn sample(random: &mut Random, version: i16) -> FetchResponse {
    let at = Api::Fetch.at(version);
    let partition = |random: &mut Random| PartitionData {
        partition_index: Sample::sample(random, at),
        error_code: ErrorCode::ALL[random.below(ErrorCode::ALL.len())],
        high_watermark: Sample::sample(random, at),
        last_stable_offset: Sample::sample(random, at),
        log_start_offset: Sample::sample(random, at),
        diverging_epoch: (random.below(2) == 1).then(|| EpochEndOffset {
            epoch: LeaderEpoch(random.below(9) as i32),
            end_offset: Sample::sample(random, at),
        }),
        current_leader: (random.below(2) == 1).then(|| CurrentLeader {
            leader_id: NodeId(random.below(9) as i32),
            leader_epoch: Sample::sample(random, at),
        }),
        aborted_transactions: (random.below(2) == 1).then(|| {
            vec(random, |random| AbortedTransaction {
                producer_id: Sample::sample(random, at),
                first_offset: Sample::sample(random, at),
            })
        }),
        preferred_read_replica: NodeId(random.below(3) as i32 - 1),
        records: vec(random, part),
    };
    FetchResponse {
        throttle_time_ms: Sample::sample(random, at),
        error_code: ErrorCode::ALL[random.below(ErrorCode::ALL.len())],
        session_id: Sample::sample(random, at),
        responses: vec(random, |random| FetchableTopicResponse {
            topic: Sample::sample(random, at),
            topic_id: Sample::sample(random, at),
            partitions: vec(random, partition),
        }),
        node_endpoints: vec(random, |random| NodeEndpoint {
            node_id: Sample::sample(random, at),
            host: Sample::sample(random, at),
            port: Sample::sample(random, at),
            rack: Sample::sample(random, at),
        }),
    }
}

fn header(version: i16) -> RequestHeader {
    RequestHeader { api: Api::Fetch, version, correlation_id: 7, client_id: None }
}

/// Encodes and has the crate read it.
fn through_the_crate(ours: FetchResponse, version: i16) -> kafka::FetchResponse {
    let body = ours.encode(&header(version));
    let mut bytes = flatten(&body.parts);
    assert_eq!(bytes.len() as u64, body.len(), "the length is known before");
    let head = ResponseHeader::decode(&mut bytes, if version >= 12 { 1 } else { 0 }).expect("a header");
    assert_eq!(head.correlation_id, 7);
    let theirs = kafka::FetchResponse::decode(&mut bytes, version).expect("a body");
    assert!(bytes.is_empty(), "version {version}");
    theirs
}

fn assert_same(ours: &PartitionData, theirs: &kafka::PartitionData, version: i16) {
    assert_eq!(theirs.partition_index, ours.partition_index.0);
    assert_eq!(theirs.error_code, ours.error_code.code());
    assert_eq!(theirs.high_watermark, ours.high_watermark.0);
    assert_eq!(theirs.last_stable_offset, ours.last_stable_offset.0);
    assert_eq!(theirs.log_start_offset, if version >= 5 { ours.log_start_offset.0 } else { -1 });
    let diverging = ours.diverging_epoch.filter(|_| version >= 12).map_or((-1, -1), |d| (d.epoch.0, d.end_offset.0));
    assert_eq!((theirs.diverging_epoch.epoch, theirs.diverging_epoch.end_offset), diverging);
    let leader = ours.current_leader.filter(|_| version >= 12).map_or((-1, -1), |l| (l.leader_id.0, l.leader_epoch.0));
    assert_eq!((theirs.current_leader.leader_id.0, theirs.current_leader.leader_epoch), leader);
    assert_eq!((theirs.snapshot_id.epoch, theirs.snapshot_id.end_offset), (-1, -1));
    let aborted = theirs
        .aborted_transactions
        .as_ref()
        .map(|aborted| aborted.iter().map(|aborted| (aborted.producer_id.0, aborted.first_offset)).collect::<Vec<_>>());
    let expected = ours.aborted_transactions.as_ref().map(|aborted| {
        aborted.iter().map(|aborted| (aborted.producer_id.0, aborted.first_offset.0)).collect::<Vec<_>>()
    });
    assert_eq!(aborted, expected);
    let preferred = if version >= 11 { ours.preferred_read_replica.0 } else { -1 };
    assert_eq!(theirs.preferred_read_replica, BrokerId(preferred));
    assert_eq!(theirs.records, Some(flatten(&ours.records)));
}

#[test]
fn answers_decode_in_the_crate() {
    let mut random = Random(0x07_7a);
    for version in 4..=18 {
        for _ in 0..COMPARED_PER_VERSION {
            let ours = sample(&mut random, version);
            let theirs = through_the_crate(ours.clone(), version);
            assert_eq!(theirs.throttle_time_ms, ours.throttle_time_ms);
            let (error, session) = if version >= 7 { (ours.error_code.code(), ours.session_id) } else { (0, 0) };
            assert_eq!((theirs.error_code, theirs.session_id), (error, session));
            assert_eq!(theirs.responses.len(), ours.responses.len());
            for (theirs, ours) in theirs.responses.iter().zip(&ours.responses) {
                match version {
                    ..=12 => assert_eq!(theirs.topic, TopicName(ours.topic.clone())),
                    13.. => assert_eq!(theirs.topic_id, ours.topic_id.0),
                }
                assert_eq!(theirs.partitions.len(), ours.partitions.len());
                for (theirs, ours) in theirs.partitions.iter().zip(&ours.partitions) {
                    assert_same(ours, theirs, version);
                }
            }
            let endpoints = if version >= 16 { ours.node_endpoints.as_slice() } else { &[] };
            assert_eq!(theirs.node_endpoints.len(), endpoints.len());
            for (theirs, ours) in theirs.node_endpoints.iter().zip(endpoints) {
                assert_eq!(theirs.node_id, BrokerId(ours.node_id.0));
                assert_eq!((&theirs.host, theirs.port, &theirs.rack), (&ours.host, ours.port, &ours.rack));
            }
        }
    }
}

/// An answer with one partition.
fn single(partition: PartitionData) -> FetchResponse {
    let topic = FetchableTopicResponse { topic: "t".into(), topic_id: TopicId::ZERO, partitions: vec![partition] };
    FetchResponse { responses: vec![topic], ..FetchResponse::default() }
}

#[test]
fn fe_1_records_are_never_null() {
    for version in 4..=18 {
        let partition = PartitionData::empty(PartitionIndex(0), ErrorCode::OffsetOutOfRange);
        let theirs = through_the_crate(single(partition), version);
        assert_eq!(theirs.responses[0].partitions[0].records, Some(Bytes::new()), "version {version}");
    }
}

#[test]
fn fe_4_no_replica_is_preferred() {
    for version in 4..=18 {
        let theirs = through_the_crate(single(PartitionData::empty(PartitionIndex(0), ErrorCode::None)), version);
        assert_eq!(theirs.responses[0].partitions[0].preferred_read_replica, BrokerId(-1));
    }
}

#[test]
fn records_are_not_copied() {
    let records = Bytes::from(vec![1; 1000]);
    let file: Arc<dyn FileRange> = Arc::new(Memory(vec![2; 5000]));
    let mut partition = PartitionData::empty(PartitionIndex(0), ErrorCode::None);
    partition.records = vec![Part::Bytes(records.clone()), Part::File { file, position: 0, length: 5000 }];
    let body = single(partition).encode(&header(13));
    match body.parts.as_slice() {
        [Part::Bytes(head), Part::Bytes(same), Part::File { length: 5000, .. }, Part::Bytes(tail)] => {
            assert_eq!(same.as_ptr(), records.as_ptr());
            assert!(head.len() < 200 && tail.len() < 10);
        }
        _ => panic!("{} parts", body.parts.len()),
    }
    let empty = single(PartitionData::empty(PartitionIndex(0), ErrorCode::None)).encode(&header(13));
    assert_eq!(empty.parts.len(), 1, "nothing to interleave");
}
