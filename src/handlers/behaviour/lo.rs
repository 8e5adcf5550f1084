//! ListOffsets (3.5).

use super::*;
use kafka_protocol::messages::ListOffsetsRequest;
use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};

/// Error, offset, timestamp, epoch.
type Told = (ErrorCode, i64, i64, i32);

async fn ask(broker: &Broker, version: i16, partition: i32, timestamp: i64, current_epoch: i32) -> Told {
    let mut wanted = ListOffsetsPartition::default();
    (wanted.partition_index, wanted.timestamp, wanted.current_leader_epoch) = (partition, timestamp, current_epoch);
    let mut topic = ListOffsetsTopic::default();
    topic.name = topic_name("t");
    topic.partitions.push(wanted);
    let mut request = ListOffsetsRequest::default();
    request.replica_id = (-1).into();
    request.topics.push(topic);
    let response = broker.call(version, &request).await;
    let told = &response.topics[0].partitions[0];
    (code(told.error_code), told.offset, told.timestamp, told.leader_epoch)
}

const NOTHING: Told = (ErrorCode::None, -1, -1, -1);

/// Topic t: offsets 0 to 4 with these times after [`WALL`], in three batches, the last under epoch 1.
const TIMES: [i64; 5] = [10, 30, 20, 30, 25];

async fn filled() -> Broker {
    let broker = Broker::start().await;
    broker.create("t", 2, &[]).await;
    let at = |number: usize| Timestamp(WALL.0 + TIMES[number]);
    let first = record(at(0), None, Some(b"0")).push(at(1), None, Some(b"1"));
    let second = record(at(2), None, Some(b"2")).push(at(3), None, Some(b"3"));
    for batch in [first, second] {
        assert_eq!(code(broker.produce("t", 0, batch.build()).await.error_code), ErrorCode::None);
    }
    let broker = broker.restart(End::Stopped).await;
    broker.produce("t", 0, record(at(4), None, Some(b"4")).build()).await;
    broker
}

#[tokio::test]
async fn lo_1_special_positions() {
    let broker = filled().await;
    for version in 1..=10 {
        let epoch = |epoch: i32| if version >= 4 { epoch } else { -1 };
        assert_eq!(ask(&broker, version, 0, -1, -1).await, (ErrorCode::None, 5, -1, epoch(1)), "latest");
        assert_eq!(ask(&broker, version, 0, -2, -1).await, (ErrorCode::None, 0, -1, epoch(0)), "earliest");
        assert_eq!(ask(&broker, version, 1, -1, -1).await, (ErrorCode::None, 0, -1, epoch(1)), "empty: latest");
        assert_eq!(ask(&broker, version, 1, -2, -1).await, (ErrorCode::None, 0, -1, epoch(1)), "empty: earliest");
        let unsupported = (ErrorCode::UnsupportedVersion, -1, -1, -1);
        let from = |since: i16, told: Told| if version >= since { told } else { unsupported };
        let largest = (ErrorCode::None, 1, WALL.0 + 30, 0);
        assert_eq!(ask(&broker, version, 0, -3, -1).await, from(7, largest), "version {version}");
        assert_eq!(ask(&broker, version, 1, -3, -1).await, from(7, NOTHING), "version {version}");
        assert_eq!(ask(&broker, version, 0, -4, -1).await, from(8, (ErrorCode::None, 0, -1, 0)), "version {version}");
        assert_eq!(ask(&broker, version, 0, -5, -1).await, from(9, NOTHING), "version {version}");
        for nonsense in [-6, -7, i64::MIN] {
            assert_eq!(ask(&broker, version, 0, nonsense, -1).await, unsupported, "version {version}");
        }
    }
    let error = |code| (code, -1, -1, -1);
    assert_eq!(ask(&broker, 7, 2, -1, -1).await, error(ErrorCode::UnknownTopicOrPartition));
    assert_eq!(ask(&broker, 7, 0, -1, 0).await, error(ErrorCode::FencedLeaderEpoch));
    assert_eq!(ask(&broker, 7, 0, -1, 2).await, error(ErrorCode::UnknownLeaderEpoch));
}

#[tokio::test]
async fn lo_3_a_timestamp_finds_the_first_offset_at_or_after_it() {
    let broker = filled().await;
    for version in 1..=10 {
        let found = |offset: usize, epoch: i32| {
            let epoch = if version >= 4 { epoch } else { -1 };
            (ErrorCode::None, offset as i64, WALL.0 + TIMES[offset], epoch)
        };
        for (after, expected) in [
            (-1_000_000, found(0, 0)),
            (0, found(0, 0)),
            (10, found(0, 0)),
            (11, found(1, 0)),
            (25, found(1, 0)),
            (30, found(1, 0)),
            (31, NOTHING),
            (1_000_000, NOTHING),
        ] {
            let told = ask(&broker, version, 0, WALL.0 + after, -1).await;
            assert_eq!(told, expected, "version {version}, {after} ms after the start");
        }
        assert_eq!(ask(&broker, version, 1, 0, -1).await, NOTHING, "an empty partition");
    }
}
