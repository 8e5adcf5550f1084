use super::*;
use crate::base::{LeaderEpoch, NodeId};
use crate::wire::Api;
use crate::wire::requests::sample::{Random, Sample};
use kafka_protocol::messages::{BrokerId, ResponseHeader, TopicName, produce_response as kafka};
use kafka_protocol::protocol::Decodable;

/// Random answers of each version that are compared with what the crate reads.
const COMPARED_PER_VERSION: usize = 100;

fn vec<T>(random: &mut Random, mut one: impl FnMut(&mut Random) -> T) -> Vec<T> {
    (0..random.below(4)).map(|_| one(random)).collect()
}

fn sample(random: &mut Random, version: i16) -> ProduceResponse {
    let at = Api::Produce.at(version);
    let partition = |random: &mut Random| PartitionProduceResponse {
        index: Sample::sample(random, at),
        error_code: ErrorCode::ALL[random.below(ErrorCode::ALL.len())],
        base_offset: Sample::sample(random, at),
        log_append_time: Sample::sample(random, at),
        log_start_offset: Sample::sample(random, at),
        record_errors: vec(random, |random| RecordError {
            batch_index: Sample::sample(random, at),
            message: Sample::sample(random, at),
        }),
        error_message: Sample::sample(random, at),
        current_leader: (random.below(2) == 1).then(|| CurrentLeader {
            leader_id: NodeId(random.below(9) as i32),
            leader_epoch: Sample::sample(random, at),
        }),
    };
    ProduceResponse {
        responses: vec(random, |random| TopicProduceResponse {
            name: Sample::sample(random, at),
            topic_id: Sample::sample(random, at),
            partition_responses: vec(random, partition),
        }),
        throttle_time_ms: Sample::sample(random, at),
        node_endpoints: vec(random, |random| NodeEndpoint {
            node_id: Sample::sample(random, at),
            host: Sample::sample(random, at),
            port: Sample::sample(random, at),
            rack: Sample::sample(random, at),
        }),
    }
}

fn assert_same(ours: &PartitionProduceResponse, theirs: &kafka::PartitionProduceResponse, version: i16) {
    assert_eq!(theirs.index, ours.index.0);
    assert_eq!(theirs.error_code, ours.error_code.code());
    assert_eq!(theirs.base_offset, ours.base_offset.0);
    assert_eq!(theirs.log_append_time_ms, ours.log_append_time.0);
    assert_eq!(theirs.log_start_offset, if version >= 5 { ours.log_start_offset.0 } else { -1 });
    let (errors, message) = match version >= 8 {
        true => (ours.record_errors.as_slice(), ours.error_message.as_deref()),
        false => (&[][..], None),
    };
    assert_eq!(theirs.error_message.as_deref(), message);
    assert_eq!(theirs.record_errors.len(), errors.len());
    for (theirs, ours) in theirs.record_errors.iter().zip(errors) {
        assert_eq!(theirs.batch_index, ours.batch_index);
        assert_eq!(theirs.batch_index_error_message, ours.message);
    }
    let leader = ours.current_leader.filter(|_| version >= 10);
    let none = CurrentLeader { leader_id: NodeId(-1), leader_epoch: LeaderEpoch(-1) };
    let leader = leader.unwrap_or(none);
    assert_eq!(theirs.current_leader.leader_id, BrokerId(leader.leader_id.0));
    assert_eq!(theirs.current_leader.leader_epoch, leader.leader_epoch.0);
}

/// Includes PR-11: leader and endpoints from version 10.
#[test]
fn answers_decode_in_the_crate() {
    let mut random = Random(0x07_7a);
    for version in 3..=13 {
        for _ in 0..COMPARED_PER_VERSION {
            let ours = sample(&mut random, version);
            let header = RequestHeader { api: Api::Produce, version, correlation_id: 7, client_id: None };
            let mut bytes = ours.encode(&header);
            let head = ResponseHeader::decode(&mut bytes, if version >= 9 { 1 } else { 0 }).expect("a header");
            assert_eq!(head.correlation_id, 7);
            let theirs = kafka::ProduceResponse::decode(&mut bytes, version).expect("a body");
            assert!(bytes.is_empty(), "version {version}");

            assert_eq!(theirs.throttle_time_ms, ours.throttle_time_ms);
            assert_eq!(theirs.responses.len(), ours.responses.len());
            for (theirs, ours) in theirs.responses.iter().zip(&ours.responses) {
                match version {
                    ..=12 => assert_eq!(theirs.name, TopicName(ours.name.clone())),
                    13.. => assert_eq!(theirs.topic_id, ours.topic_id.0),
                }
                assert_eq!(theirs.partition_responses.len(), ours.partition_responses.len());
                for (theirs, ours) in theirs.partition_responses.iter().zip(&ours.partition_responses) {
                    assert_same(ours, theirs, version);
                }
            }
            let endpoints = if version >= 10 { ours.node_endpoints.as_slice() } else { &[] };
            assert_eq!(theirs.node_endpoints.len(), endpoints.len());
            for (theirs, ours) in theirs.node_endpoints.iter().zip(endpoints) {
                assert_eq!(theirs.node_id, BrokerId(ours.node_id.0));
                assert_eq!((&theirs.host, theirs.port, &theirs.rack), (&ours.host, ours.port, &ours.rack));
            }
        }
    }
}

#[test]
fn a_failed_partition_names_no_offset() {
    let failed = PartitionProduceResponse::failed(PartitionIndex(3), ErrorCode::CorruptMessage);
    assert_eq!(
        (failed.base_offset, failed.log_append_time, failed.log_start_offset),
        (Offset(-1), Timestamp(-1), Offset(-1))
    );
}
