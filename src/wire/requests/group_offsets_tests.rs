//! Bytes written by hand where the codec crate ends at version 9, and what versions leave out.

use super::*;
use crate::wire::Problem;
use bytes::Bytes;
use uuid::Uuid;

const TOPIC: TopicId = TopicId(Uuid::from_u128(0x0123_4567_89ab_cdef_0011_2233_4455_6677));

fn body(pieces: &[&[u8]]) -> Bytes {
    pieces.concat().into()
}

/// Compact lengths are one more than the length; every struct ends with a count of tagged fields.
#[test]
fn version_10_commits_by_topic_id() {
    let bytes = body(&[
        b"\x06group",               // group id
        &[0, 0, 0, 7],              // generation
        b"\x07member",              // member id
        b"\0",                      // instance id: null
        b"\x02",                    // one topic
        TOPIC.0.as_bytes(),         // its id, and no name
        b"\x03",                    // two partitions
        &[0, 0, 0, 3],              // number
        &[0, 0, 0, 1, 0, 0, 0, 42], // offset
        &[0, 0, 0, 5],              // leader epoch
        b"\x05note\0",              // metadata, no tags
        &[0, 0, 0, 4],              // number
        &[0, 0, 0, 0, 0, 0, 0, 9],  // offset
        &[0xff; 4],                 // leader epoch: unknown
        b"\0\0",                    // metadata: null, no tags
        b"\0",                      // no tags of the topic
        b"\0",                      // no tags of the request
    ]);
    let commit = |partition, offset, epoch, metadata: Option<&'static str>| OffsetCommitPartition {
        partition_index: PartitionIndex(partition),
        committed_offset: Offset(offset),
        committed_leader_epoch: LeaderEpoch(epoch),
        committed_metadata: metadata.map(Str::from_static_str),
    };
    let expected = OffsetCommitRequest {
        group_id: Str::from_static_str("group"),
        generation_id_or_member_epoch: 7,
        member_id: Str::from_static_str("member"),
        group_instance_id: None,
        retention_time_ms: -1,
        topics: Array::from(vec![OffsetCommitTopic {
            name: Str::new(),
            topic_id: TOPIC,
            partitions: Array::from(vec![commit(3, (1 << 32) + 42, 5, Some("note")), commit(4, 9, -1, None)]),
        }]),
    };
    assert_eq!(OffsetCommitRequest::decode(10, bytes), Ok(expected));
}

#[test]
fn version_10_fetches_by_topic_id() {
    let bytes = body(&[
        b"\x03",            // two groups
        b"\x02a",           // group id
        b"\x02m",           // member id
        &[0, 0, 0, 8],      // member epoch
        b"\x02",            // one topic
        TOPIC.0.as_bytes(), // its id, and no name
        b"\x03",            // two partitions
        &[0, 0, 0, 1],      // number
        &[0, 0, 0, 2],      // number
        b"\0",              // no tags of the topic
        b"\0",              // no tags of the group
        b"\x02b",           // group id
        b"\0",              // member id: null
        &[0xff; 4],         // member epoch: none
        b"\0",              // topics: null, which is all
        b"\0",              // no tags of the group
        b"\x01",            // stable offsets only
        b"\0",              // no tags of the request
    ]);
    let topic = OffsetFetchTopic {
        name: Str::new(),
        topic_id: TOPIC,
        partition_indexes: Array::from(vec![PartitionIndex(1), PartitionIndex(2)]),
    };
    let group = |name, member: Option<&'static str>, member_epoch, topics| OffsetFetchGroup {
        group_id: Str::from_static_str(name),
        member_id: member.map(Str::from_static_str),
        member_epoch,
        topics,
    };
    let expected = OffsetFetchRequest {
        groups: Array::from(vec![
            group("a", Some("m"), 8, Some(Array::from(vec![topic]))), //
            group("b", None, -1, None),
        ]),
        require_stable: true,
        ..Default::default()
    };
    assert_eq!(OffsetFetchRequest::decode(10, bytes), Ok(expected));
}

/// Null means all topics from version 2 on, and nothing at all before.
#[test]
fn all_topics_are_null_from_version_2() {
    let bytes = body(&[b"\0\x01g", &[0xff; 4]]);
    let error = OffsetFetchRequest::decode(1, bytes.clone()).expect_err("version 1 asks for topics");
    assert_eq!(error.problem, Problem::Null);
    for version in 2..=5 {
        let request = OffsetFetchRequest::decode(version, bytes.clone()).expect("all topics");
        assert_eq!((request.group_id.as_str(), request.topics), ("g", None), "version {version}");
    }
    let none = OffsetFetchRequest::decode(2, body(&[b"\0\x01g", &[0; 4]])).expect("no topics");
    assert_eq!(none.topics, Some(Array::default()), "none is not all");
}

/// What a version has no field for is what Kafka takes for it.
#[test]
fn fields_that_a_version_lacks_hold_kafkas_defaults() {
    let bytes = body(&[
        b"\0\x01g",                // group id
        &[0xff; 4],                // generation: none
        b"\0\0",                   // member id
        &[0, 0, 0, 1],             // one topic
        b"\0\x01t",                // its name
        &[0, 0, 0, 1],             // one partition
        &[0, 0, 0, 0],             // number
        &[0, 0, 0, 0, 0, 0, 0, 1], // offset
        &[0xff; 2],                // metadata: null
    ]);
    let request = OffsetCommitRequest::decode(5, bytes).expect("a commit from outside the group");
    assert_eq!((request.retention_time_ms, request.group_instance_id), (-1, None));
    let topic = request.topics.iter().next().expect("a topic");
    assert_eq!((topic.name.as_str(), topic.topic_id), ("t", TopicId::ZERO));
    let partition = topic.partitions.iter().next().expect("a partition");
    assert_eq!(partition.committed_leader_epoch, LeaderEpoch::UNKNOWN);
}
