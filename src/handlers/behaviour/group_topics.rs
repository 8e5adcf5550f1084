//! Groups and what happens to topics: offsets go with their topic, and how far groups are behind.

use super::*;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestTopic;
use kafka_protocol::messages::{DeleteTopicsRequest, OffsetCommitRequest, OffsetFetchRequest};

/// Nobody's group commits these offsets of partitions 0, 1, ...
async fn commit(broker: &Broker, group: &str, topic: &str, offsets: &[i64]) {
    let mut request = OffsetCommitRequest::default();
    request.group_id = string(group).into();
    request.generation_id_or_member_epoch = -1;
    let mut asked = OffsetCommitRequestTopic::default();
    asked.name = topic_name(topic);
    for (partition, offset) in (0..).zip(offsets) {
        let mut one = OffsetCommitRequestPartition::default();
        one.partition_index = partition;
        one.committed_offset = *offset;
        asked.partitions.push(one);
    }
    request.topics.push(asked);
    let answer = broker.call(8, &request).await;
    assert!(answer.topics[0].partitions.iter().all(|one| one.error_code == 0), "{answer:?}");
}

/// What is kept for partition 0; -1 for nothing.
async fn committed(broker: &Broker, group: &str, topic: &str) -> i64 {
    let mut request = OffsetFetchRequest::default();
    request.group_id = string(group).into();
    let mut asked = OffsetFetchRequestTopic::default();
    asked.name = topic_name(topic);
    asked.partition_indexes = vec![0];
    request.topics = Some(vec![asked]);
    // A coordinator that is loading says so.
    for _ in 0..100 {
        let answer = broker.call(7, &request).await;
        if code(answer.error_code) != ErrorCode::CoordinatorLoadInProgress {
            assert_eq!(code(answer.error_code), ErrorCode::None);
            return answer.topics[0].partitions[0].committed_offset;
        }
    }
    panic!("the coordinator does not come to an end with loading");
}

async fn delete(broker: &Broker, topic: &str) {
    let mut state = DeleteTopicState::default();
    state.name = Some(topic_name(topic));
    let mut request = DeleteTopicsRequest::default();
    request.topics.push(state);
    assert_eq!(code(broker.call(6, &request).await.responses[0].error_code), ErrorCode::None);
}

#[tokio::test]
async fn offsets_go_with_their_topic_and_no_other() {
    let broker = Broker::start().await;
    for topic in ["kept", "gone"] {
        broker.create(topic, 2, &[]).await;
        for group in ["one", "two"] {
            commit(&broker, group, topic, &[3, 4]).await;
        }
    }
    delete(&broker, "gone").await;
    broker.create("gone", 2, &[]).await;
    commit(&broker, "two", "gone", &[1]).await;
    for _ in 0..2 {
        assert_eq!((committed(&broker, "one", "gone").await, committed(&broker, "one", "kept").await), (-1, 3));
        assert_eq!((committed(&broker, "two", "gone").await, committed(&broker, "two", "kept").await), (1, 3));
    }
    let broker = broker.restart(End::Killed).await;
    assert_eq!((committed(&broker, "one", "gone").await, committed(&broker, "one", "kept").await), (-1, 3));
    assert_eq!((committed(&broker, "two", "gone").await, committed(&broker, "two", "kept").await), (1, 3));
}

/// The metadata were told, and the groups were not any more.
#[tokio::test]
async fn offsets_of_a_topic_that_was_deleted_beside_a_crash_go_at_the_next_start() {
    let broker = Broker::start().await;
    let id = broker.create("gone", 1, &[]).await;
    broker.create("kept", 1, &[]).await;
    commit(&broker, "one", "gone", &[3]).await;
    commit(&broker, "one", "kept", &[4]).await;
    broker.metadata.commit(vec![Change::DeleteTopic { id }]).await.expect("it is there");
    let broker = broker.restart(End::Killed).await;
    let gone = async {
        while committed(&broker, "one", "gone").await != -1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone).await.expect("it goes");
    assert_eq!(committed(&broker, "one", "kept").await, 4);
}

#[tokio::test]
async fn lag_is_what_lies_between_the_committed_offset_and_the_high_watermark() {
    let broker = Broker::start().await;
    broker.create("t", 3, &[]).await;
    broker.append("t", 0, &["a", "b", "c"]).await;
    broker.append("t", 1, &["a", "b"]).await;
    broker.append("t", 2, &["a"]).await;
    // Of partition 2 nothing was committed; one is ahead of what there is.
    commit(&broker, "one", "t", &[1, 7]).await;
    commit(&broker, "two", "t", &[3]).await;
    let picture = broker.service.parts().groups.picture().await;
    let lags: Vec<_> = picture.lags.iter().map(|lag| (&*lag.group, &*lag.topic, lag.records)).collect();
    assert_eq!(lags.len(), 2, "{lags:?}");
    assert!(lags.contains(&("one", "t", 2)) && lags.contains(&("two", "t", 0)), "{lags:?}");
    assert_eq!((picture.states.get("Empty"), picture.unread), (Some(&2), 0));
}
