//! Metadata and topic ids (3.2).

use super::*;
use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
use kafka_protocol::messages::describe_topic_partitions_request::{Cursor, TopicRequest};
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::metadata_response::MetadataResponseTopic;
use kafka_protocol::messages::{
    DeleteTopicsRequest, DescribeTopicPartitionsRequest, MetadataRequest, MetadataResponse,
};

fn by_name(names: &[&str]) -> MetadataRequest {
    let topic = |name: &&str| {
        let mut topic = MetadataRequestTopic::default();
        topic.name = Some(topic_name(name));
        topic
    };
    let mut request = MetadataRequest::default();
    request.topics = Some(names.iter().map(topic).collect());
    request.allow_auto_topic_creation = false;
    request
}

fn by_id(id: TopicId) -> MetadataRequest {
    let mut topic = MetadataRequestTopic::default();
    topic.topic_id = id.0;
    topic.name = None;
    let mut request = MetadataRequest::default();
    request.topics = Some(vec![topic]);
    request
}

fn all() -> MetadataRequest {
    let mut request = MetadataRequest::default();
    request.topics = None;
    request
}

fn told(response: &MetadataResponse) -> Vec<(ErrorCode, String)> {
    let name = |topic: &MetadataResponseTopic| topic.name.as_ref().map_or(String::new(), |name| name.to_string());
    response.topics.iter().map(|topic| (code(topic.error_code), name(topic))).collect()
}

async fn delete(broker: &Broker, name: Option<&str>, id: TopicId) -> ErrorCode {
    let mut state = DeleteTopicState::default();
    state.name = name.map(topic_name);
    state.topic_id = id.0;
    let mut request = DeleteTopicsRequest::default();
    request.topics.push(state);
    code(broker.call(6, &request).await.responses[0].error_code)
}

#[tokio::test]
async fn md_1_all_topics_are_an_empty_array_in_version_0_and_null_later() {
    let broker = Broker::start().await;
    broker.create("a", 1, &[]).await;
    broker.create("b", 2, &[]).await;
    let mut empty = by_name(&[]);
    empty.allow_auto_topic_creation = true;
    assert_eq!(broker.call(0, &empty).await.topics.len(), 2);
    for version in 1..=13 {
        assert_eq!(broker.call(version, &all()).await.topics.len(), 2, "version {version}");
        let mut none = by_name(&[]);
        none.allow_auto_topic_creation = true; // versions below 4 can't say no
        assert_eq!(broker.call(version, &none).await.topics.len(), 0, "version {version}");
    }
}

#[tokio::test]
async fn md_2_topics_are_created_when_broker_and_request_allow_it() {
    let broker = Broker::with(&[("num.partitions", "3")]).await;
    let ask = |name: &'static str, allow: bool| {
        let mut request = by_name(&[name]);
        request.allow_auto_topic_creation = allow;
        request
    };
    let unknown = ErrorCode::UnknownTopicOrPartition;
    let refused = broker.call(4, &ask("no", false)).await;
    assert_eq!(told(&refused), [(unknown, "no".to_string())]);
    // Versions below 4 can't say, and allow it.
    for (version, name) in [(0, "v0"), (3, "v3"), (4, "v4"), (13, "v13")] {
        let made = broker.call(version, &ask(name, true)).await;
        assert_eq!(told(&made), [(ErrorCode::None, name.to_string())], "version {version}");
        assert_eq!(made.topics[0].partitions.len(), 3, "the broker's default");
    }
    let invalid = broker.call(9, &ask("no spaces", true)).await;
    assert_eq!(told(&invalid), [(ErrorCode::InvalidTopicException, "no spaces".to_string())]);
    broker.create("a.b", 1, &[]).await;
    let collides = broker.call(9, &ask("a_b", true)).await;
    assert_eq!(told(&collides), [(unknown, "a_b".to_string())], "as Kafka answers a name that collides");
    assert_eq!(broker.call(12, &all()).await.topics.len(), 5, "a listing creates nothing");
    let strict = Broker::with(&[("auto.create.topics.enable", "false")]).await;
    assert_eq!(told(&strict.call(3, &ask("no", true)).await), [(unknown, "no".to_string())]);
    assert_eq!(strict.image().topic_count(), 0);
}

#[tokio::test]
async fn md_3_the_controller_is_a_live_broker_at_the_address_that_was_reached() {
    let mut broker = Broker::start().await;
    let check = |response: MetadataResponse, host: &str, port: i32| {
        assert_eq!((response.brokers.len(), response.controller_id.0), (1, NODE.0));
        let told = &response.brokers[0];
        assert_eq!((told.node_id.0, &*told.host, told.port), (NODE.0, host, port));
        assert_eq!(told.rack.as_deref(), Some("r1"));
        assert_eq!(response.cluster_id.as_deref(), Some(CLUSTER));
    };
    check(broker.call(12, &all()).await, "127.0.0.1", 9092);
    let (_signal, stopping) = stop_signal();
    let fixed = Advertised::Fixed { host: "kafka.example".to_string(), port: 19092 };
    let listener = Arc::new(Listener { name: "EXTERNAL".to_string(), advertised: fixed });
    let address = "10.0.0.5:9093".parse().expect("an address");
    broker.peer =
        Arc::new(Peer::new(ConnectionId(2), listener, address, address, stopping, broker.peer.answers.clone()));
    check(broker.call(12, &all()).await, "kafka.example", 19092);
}

#[tokio::test]
async fn md_4_ids_are_told_from_version_10_and_understood_from_12() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    assert_eq!(broker.call(9, &by_name(&["t"])).await.topics[0].topic_id, Uuid::nil());
    for version in 10..=13 {
        assert_eq!(broker.call(version, &by_name(&["t"])).await.topics[0].topic_id, id.0);
    }
    for version in 12..=13 {
        let found = broker.call(version, &by_id(id)).await;
        assert_eq!(told(&found), [(ErrorCode::None, "t".to_string())]);
        let unknown = broker.call(version, &by_id(TopicId(Uuid::from_u128(5)))).await;
        assert_eq!(told(&unknown), [(ErrorCode::UnknownTopicId, String::new())]);
    }
    let early = {
        let mut request = by_id(id);
        request.topics.as_mut().expect("topics")[0].name = Some(topic_name(""));
        broker.call(11, &request).await
    };
    assert_eq!(code(early.topics[0].error_code), ErrorCode::InvalidRequest);
    assert_eq!(code(broker.call(13, &all()).await.error_code), ErrorCode::None, "version 13 has an error of its own");
}

#[tokio::test]
async fn md_5_a_topic_id_survives_restart_and_changes_on_re_creation() {
    let broker = Broker::start().await;
    let first = broker.create("t", 1, &[]).await;
    assert!(!first.is_zero());
    broker.append("t", 0, &["a"]).await;
    let broker = broker.restart(End::Stopped).await;
    assert_eq!(broker.id("t"), first);
    assert_eq!(values(&broker.fetch("t", 0, 0).await), [(0, "a".to_string())]);
    assert_eq!(delete(&broker, Some("t"), TopicId::ZERO).await, ErrorCode::None);
    let second = broker.create("t", 1, &[]).await;
    assert_ne!(first, second);
    assert_eq!(values(&broker.fetch("t", 0, 0).await), [], "the new topic is empty");
    assert_eq!(broker.append("t", 0, &["b"]).await, 0);
    let broker = broker.restart(End::Killed).await;
    assert_eq!(broker.id("t"), second);
    assert_eq!(values(&broker.fetch("t", 0, 0).await), [(0, "b".to_string())]);
}

#[tokio::test]
async fn md_6_ids_name_topics_and_wrong_ones_are_told_apart() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    let appended = broker.produce_as(13, -1, "t", 0, batch(&["a"])).await;
    assert_eq!((code(appended.error_code), appended.base_offset), (ErrorCode::None, 0));
    let fetched = broker.call(13, &fetch_request(13, &[("", id, 0, 0)])).await;
    assert_eq!(values(&only_fetched(fetched)), [(0, "a".to_string())]);
    let stranger = TopicId(Uuid::from_u128(9));
    let mut produce = produce_request(-1, "t", Some(stranger), 13, 0, batch(&["x"]));
    produce.topic_data[0].topic_id = stranger.0;
    let refused = only_partition(broker.call(13, &produce).await);
    assert_eq!(code(refused.error_code), ErrorCode::UnknownTopicId);
    let fetched = broker.call(13, &fetch_request(13, &[("", stranger, 0, 0)])).await;
    assert_eq!(code(only_fetched(fetched).error_code), ErrorCode::UnknownTopicId);
    assert_eq!(delete(&broker, None, stranger).await, ErrorCode::UnknownTopicId);
    assert_eq!(delete(&broker, Some("nobody"), TopicId::ZERO).await, ErrorCode::UnknownTopicOrPartition);
    assert_eq!(delete(&broker, Some("t"), id).await, ErrorCode::InvalidRequest, "by name or by id, not both");
    assert_eq!(delete(&broker, None, TopicId::ZERO).await, ErrorCode::InvalidRequest);
    // A session knows the id's name; under that name there is another topic now.
    let mut open = fetch_request(13, &[("", id, 0, 1)]);
    open.session_epoch = 0;
    let session = broker.call(13, &open).await.session_id;
    assert_ne!(session, 0);
    assert_eq!(delete(&broker, None, id).await, ErrorCode::None);
    broker.create("t", 1, &[]).await;
    let mut next = fetch_request(13, &[]);
    (next.session_id, next.session_epoch) = (session, 1);
    let told = only_fetched(broker.call(13, &next).await);
    assert_eq!(code(told.error_code), ErrorCode::InconsistentTopicId);
}

#[tokio::test]
async fn md_7_leader_epochs_never_go_back() {
    let mut broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let mut last = None;
    for end in [End::Stopped, End::Killed, End::PowerLost(3), End::Stopped] {
        let partition = broker.call(7, &by_name(&["t"])).await.topics[0].partitions[0].clone();
        assert_eq!((partition.leader_id.0, partition.isr_nodes.len()), (NODE.0, 1));
        assert!(last.is_none_or(|last| partition.leader_epoch > last), "{last:?}: {}", partition.leader_epoch);
        last = Some(partition.leader_epoch);
        let again = broker.call(9, &by_name(&["t"])).await.topics[0].partitions[0].leader_epoch;
        assert_eq!(Some(again), last, "constant while the broker runs");
        broker = broker.restart(end).await;
    }
}

#[tokio::test]
async fn md_8_describe_topic_partitions_pages_through_topics() {
    let broker = Broker::start().await;
    let ids = [broker.create("a", 3, &[]).await, broker.create("b", 2, &[]).await, broker.create("c", 1, &[]).await];
    let mut request = DescribeTopicPartitionsRequest::default();
    request.response_partition_limit = 2;
    let mut seen = Vec::new();
    let mut pages = 0;
    loop {
        let response = broker.call(0, &request).await;
        pages += 1;
        for topic in &response.topics {
            assert_eq!(code(topic.error_code), ErrorCode::None);
            let name = topic.name.as_ref().expect("a name").to_string();
            seen.extend(topic.partitions.iter().map(|partition| (name.clone(), partition.partition_index)));
        }
        let Some(next) = response.next_cursor else { break };
        let mut cursor = Cursor::default();
        cursor.topic_name = next.topic_name;
        cursor.partition_index = next.partition_index;
        request.cursor = Some(cursor);
    }
    let expected = [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("c", 0)];
    assert_eq!(seen, expected.map(|(name, index)| (name.to_string(), index)));
    assert_eq!(pages, 3);
    let mut some = DescribeTopicPartitionsRequest::default();
    some.response_partition_limit = 2000;
    for name in ["c", "nobody", "a", "no spaces"] {
        let mut topic = TopicRequest::default();
        topic.name = topic_name(name);
        some.topics.push(topic);
    }
    let response = broker.call(0, &some).await;
    let codes: Vec<_> = response.topics.iter().map(|topic| (code(topic.error_code), topic.topic_id)).collect();
    let none = Uuid::nil();
    assert_eq!(codes[0], (ErrorCode::None, ids[0].0), "sorted by name");
    assert_eq!(codes[1], (ErrorCode::None, ids[2].0));
    assert_eq!(codes[2..], [(ErrorCode::InvalidTopicException, none), (ErrorCode::UnknownTopicOrPartition, none)]);
}
