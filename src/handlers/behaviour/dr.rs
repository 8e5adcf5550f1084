//! DeleteRecords (3.5).

use super::*;
use crate::io::disk::faulty::{Fault, Operation};
use kafka_protocol::messages::delete_records_request::{DeleteRecordsPartition, DeleteRecordsTopic};
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use kafka_protocol::messages::{DeleteRecordsRequest, DeleteRecordsResponse, ListOffsetsRequest};

/// A partition of an answer: its number, the low watermark, the error.
type Told = (i32, i64, ErrorCode);

fn request(topics: &[(&str, &[(i32, i64)])]) -> DeleteRecordsRequest {
    let mut request = DeleteRecordsRequest::default();
    request.timeout_ms = 10_000;
    for (name, partitions) in topics {
        let mut topic = DeleteRecordsTopic::default();
        topic.name = topic_name(name);
        for (index, offset) in *partitions {
            let mut partition = DeleteRecordsPartition::default();
            (partition.partition_index, partition.offset) = (*index, *offset);
            topic.partitions.push(partition);
        }
        request.topics.push(topic);
    }
    request
}

fn told(response: &DeleteRecordsResponse) -> Vec<(String, Vec<Told>)> {
    let partitions = |topic: &kafka_protocol::messages::delete_records_response::DeleteRecordsTopicResult| {
        topic.partitions.iter().map(|p| (p.partition_index, p.low_watermark, code(p.error_code))).collect()
    };
    response.topics.iter().map(|topic| (topic.name.to_string(), partitions(topic))).collect()
}

/// Asks for one partition of one topic.
async fn delete(broker: &Broker, version: i16, topic: &str, partition: i32, offset: i64) -> (i64, ErrorCode) {
    let response = broker.call(version, &request(&[(topic, &[(partition, offset)])])).await;
    let told = told(&response);
    assert_eq!((told.len(), told[0].0.as_str(), told[0].1.len()), (1, topic, 1));
    assert_eq!(told[0].1[0].0, partition);
    (told[0].1[0].1, told[0].1[0].2)
}

/// The first offset and its epoch, as ListOffsets tells them.
async fn earliest(broker: &Broker, topic: &str) -> (i64, i32) {
    let mut wanted = ListOffsetsPartition::default();
    (wanted.timestamp, wanted.current_leader_epoch) = (-2, -1);
    let mut asked = ListOffsetsTopic::default();
    asked.name = topic_name(topic);
    asked.partitions.push(wanted);
    let mut request = ListOffsetsRequest::default();
    request.replica_id = (-1).into();
    request.topics.push(asked);
    let response = broker.call(7, &request).await;
    let found = &response.topics[0].partitions[0];
    assert_eq!(code(found.error_code), ErrorCode::None);
    (found.offset, found.leader_epoch)
}

/// Topic t with so many records in a batch each.
async fn filled(settings: &[(&str, &str)], count: usize) -> Broker {
    let broker = Broker::with(settings).await;
    broker.create("t", 2, &[]).await;
    for _ in 0..count {
        broker.append("t", 0, &["x"]).await;
    }
    broker
}

#[tokio::test]
async fn dr_1_the_answer_is_the_durable_log_start() {
    let broker = filled(&[], 9).await;
    for version in 0..=2 {
        let to = i64::from(version) + 1;
        assert_eq!(delete(&broker, version, "t", 0, to).await, (to, ErrorCode::None));
        assert_eq!(delete(&broker, version, "t", 0, to).await, (to, ErrorCode::None), "again");
        assert_eq!(delete(&broker, version, "t", 0, 0).await, (to, ErrorCode::None), "what is gone is no error");
        for beyond in [10, i64::MAX, -2, i64::MIN] {
            assert_eq!(delete(&broker, version, "t", 0, beyond).await, (-1, ErrorCode::OffsetOutOfRange), "{beyond}");
        }
        assert_eq!(delete(&broker, version, "nowhere", 0, 0).await, (-1, ErrorCode::UnknownTopicOrPartition));
        for partition in [2, -1, i32::MAX] {
            assert_eq!(delete(&broker, version, "t", partition, 0).await, (-1, ErrorCode::UnknownTopicOrPartition));
        }
        assert_eq!(delete(&broker, version, "t", 1, -1).await, (0, ErrorCode::None), "an empty partition");
        assert_eq!(delete(&broker, version, "t", 1, 1).await, (-1, ErrorCode::OffsetOutOfRange));
    }
    // Each answer survives a loss of power right after it, and kill -9.
    let mut broker = broker;
    for (to, end) in [(4, End::PowerLost(3)), (6, End::Killed), (7, End::PowerLost(4)), (8, End::Stopped)] {
        assert_eq!(delete(&broker, 2, "t", 0, to).await, (to, ErrorCode::None));
        broker = broker.restart(end).await;
        assert_eq!(earliest(&broker, "t").await.0, to);
    }
    assert_eq!(delete(&broker, 2, "t", 0, -1).await, (9, ErrorCode::None), "the high watermark");
    assert_eq!(broker.append("t", 0, &["y"]).await, 9);
    assert_eq!(broker.answered(Api::DeleteRecords, ErrorCode::OffsetOutOfRange), 0, "counted anew with each start");
}

#[tokio::test]
async fn dr_1_partitions_that_come_twice_are_answered_once() {
    let broker = filled(&[], 9).await;
    broker.create("u", 1, &[]).await;
    let asked: &[(&str, &[(i32, i64)])] =
        &[("t", &[(0, 5), (1, 3)]), ("u", &[]), ("gone", &[(0, -1), (0, 0)]), ("t", &[(1, 0), (0, 2), (7, 0)])];
    let expected = [
        (
            "t".to_string(),
            vec![(0, 2, ErrorCode::None), (1, 0, ErrorCode::None), (7, -1, ErrorCode::UnknownTopicOrPartition)],
        ),
        ("gone".to_string(), vec![(0, -1, ErrorCode::UnknownTopicOrPartition)]),
    ];
    assert_eq!(told(&broker.call(2, &request(asked)).await), expected, "the last offset that was named counts");
    assert_eq!(told(&broker.call(2, &request(&[])).await), []);
    assert_eq!(told(&broker.call(0, &request(&[("t", &[])])).await), []);
}

#[tokio::test]
async fn dr_1_policies_that_delete_nothing_refuse() {
    let broker = Broker::start().await;
    let refused = (-1, ErrorCode::PolicyViolation);
    for (topic, policy, expected) in [
        ("compacted", "compact", refused),
        ("both", "compact,delete", (1, ErrorCode::None)),
        ("neither", "", (1, ErrorCode::None)),
    ] {
        broker.create(topic, 1, &[("cleanup.policy", policy)]).await;
        let answer = broker.produce(topic, 0, record(WALL, Some(b"k"), Some(b"v")).build()).await;
        assert_eq!(code(answer.error_code), ErrorCode::None);
        assert_eq!(delete(&broker, 2, topic, 0, 1).await, expected, "{topic}");
    }
    assert_eq!(delete(&broker, 2, "compacted", 0, 99).await, refused, "wherever");
    assert_eq!(delete(&broker, 2, "compacted", 1, 0).await, (-1, ErrorCode::UnknownTopicOrPartition));
    broker.create("__consumer_offsets", 1, &[]).await;
    assert_eq!(delete(&broker, 2, "__consumer_offsets", 0, 0).await, (-1, ErrorCode::InvalidTopicException));
}

#[tokio::test]
async fn dr_2_fetch_and_list_offsets_agree_at_once() {
    for durability in ["fsync", "os"] {
        let broker = filled(&[("ottla.durability", durability)], 3).await;
        let broker = broker.restart(End::Stopped).await;
        broker.append("t", 0, &["a", "b", "c"]).await;
        assert_eq!(earliest(&broker, "t").await, (0, 0));
        assert_eq!(delete(&broker, 2, "t", 0, 2).await, (2, ErrorCode::None));
        assert_eq!(earliest(&broker, "t").await, (2, 0));
        for gone in [0, 1] {
            let data = broker.fetch("t", 0, gone).await;
            assert_eq!(code(data.error_code), ErrorCode::OffsetOutOfRange, "{gone}");
        }
        let data = broker.fetch("t", 0, 2).await;
        assert_eq!((code(data.error_code), data.log_start_offset, data.high_watermark), (ErrorCode::None, 2, 6));
        assert_eq!(values(&data).first(), Some(&(2, "x".to_string())));
        // Into the middle of a batch: the batch is served whole, as Kafka serves it, and clients skip what they asked not for.
        assert_eq!(delete(&broker, 2, "t", 0, 4).await, (4, ErrorCode::None));
        assert_eq!(earliest(&broker, "t").await, (4, 1));
        assert_eq!(code(broker.fetch("t", 0, 3).await.error_code), ErrorCode::OffsetOutOfRange);
        assert!(values(&broker.fetch("t", 0, 4).await).contains(&(4, "b".to_string())));
        assert_eq!(delete(&broker, 2, "t", 0, -1).await, (6, ErrorCode::None));
        assert_eq!(earliest(&broker, "t").await, (6, 1));
        let data = broker.fetch("t", 0, 6).await;
        assert_eq!((code(data.error_code), values(&data)), (ErrorCode::None, vec![]));
        assert_eq!(broker.append("t", 0, &["z"]).await, 6);
        assert_eq!(values(&broker.fetch("t", 0, 6).await), [(6, "z".to_string())]);
    }
}

/// What is not durable is neither answered nor seen; a failed disk answers with its error.
#[tokio::test]
async fn dr_1_a_failed_disk_is_no_answer() {
    let broker = filled(&[], 3).await;
    broker.disk.fail_always(Operation::Sync, ".wal", Fault::Io);
    assert_eq!(delete(&broker, 2, "t", 0, 2).await, (-1, ErrorCode::KafkaStorageError));
    assert_eq!(delete(&broker, 2, "t", 0, 3).await, (-1, ErrorCode::KafkaStorageError));
    assert_eq!(delete(&broker, 2, "t", 0, 0).await, (0, ErrorCode::None), "nothing moved");
    assert_eq!(earliest(&broker, "t").await.0, 0);
    assert_eq!(code(broker.fetch("t", 0, 0).await.error_code), ErrorCode::None);
}
