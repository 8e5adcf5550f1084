//! Large requests and answers: bounded, and nobody else's business.

use super::*;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;
use std::time::Duration;
use tokio::time::Instant;

/// The longest time in which nothing else on this thread could run while `work` was awaited.
async fn longest_hold<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let mut longest = Duration::ZERO;
    let mut work = std::pin::pin!(work);
    loop {
        let begun = Instant::now();
        tokio::select! {
            biased;
            done = &mut work => return (done, longest.max(begun.elapsed())),
            () = tokio::time::sleep(Duration::from_millis(1)) => longest = longest.max(begun.elapsed()),
        }
    }
}

#[tokio::test]
async fn a_configuration_asked_for_again_and_again_is_told_up_to_a_bound() {
    let broker = Broker::start().await;
    let mut resource = DescribeConfigsResource::default();
    resource.resource_type = 4;
    resource.resource_name = string("1");
    resource.configuration_keys = None;
    let mut request = DescribeConfigsRequest::default();
    request.include_synonyms = true;
    request.include_documentation = true;
    request.resources = vec![resource; 4_000];
    let (answer, held) = longest_hold(broker.begin(4, &request)).await;
    let body = body(answer).await.expect("an answer");
    assert!((50_000_000..100_000_000).contains(&body.len()), "{} bytes", body.len());
    assert!(body.parts.len() > 100, "in pieces: {}", body.parts.len());
    assert!(held < Duration::from_millis(500), "others waited {held:?}");
    assert_eq!(broker.answered(Api::DescribeConfigs, ErrorCode::InvalidRequest), 1);
}

#[tokio::test]
async fn a_request_of_many_elements_is_answered_whole() {
    let broker = Broker::start().await;
    for count in [4_999, 5_000, 5_001, 60_000] {
        let mut request = MetadataRequest::default();
        request.allow_auto_topic_creation = false;
        let asked = (0..count).map(|number| {
            let mut topic = MetadataRequestTopic::default();
            topic.name = Some(topic_name(&format!("t{number}")));
            topic
        });
        request.topics = Some(asked.collect());
        let response = broker.call(12, &request).await;
        assert_eq!(response.topics.len(), count);
        let last = response.topics.last().and_then(|topic| topic.name.as_ref()).map(|name| name.to_string());
        assert_eq!(last, Some(format!("t{}", count - 1)), "in the order asked");
    }
}

/// A fetch of 100,000 partitions that there are not: two megabytes on the wire, fifty in memory while it waits.
fn long_wait(session_epoch: i32) -> FetchRequest {
    let mut request = fetch_request(11, &[("nobody", TopicId::ZERO, 0, 0)]);
    let wanted = request.topics[0].partitions[0].clone();
    request.topics[0].partitions = (0..100_000).map(|partition| wanted.clone().with_partition(partition)).collect();
    (request.max_wait_ms, request.session_epoch) = (i32::MAX, session_epoch);
    request
}

#[tokio::test]
async fn what_waiting_fetches_hold_is_bounded() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    broker.append("t", 0, &["a"]).await;
    let mut waiting = tokio::task::JoinSet::new();
    for number in 0..5 {
        let answer = broker.begin(11, &long_wait(-(number % 2))).await;
        waiting.spawn(body(answer));
    }
    let early = tokio::time::timeout(Duration::from_secs(3), waiting.join_next()).await;
    assert!(early.is_err(), "there is room for all of them, and they wait");
    // The next finds no room: one that waits answers with what there is, and makes it.
    assert_eq!(values(&broker.fetch("t", 0, 0).await), [(0, "a".to_string())]);
    let whole = |answer: Result<Result<Body, Close>, tokio::task::JoinError>| {
        let response = decode::<FetchRequest>(11, answer.expect("no panic").expect("an answer in time"));
        assert_eq!(response.responses[0].partitions.len(), 100_000);
    };
    whole(waiting.join_next().await.expect("one gave way"));
    broker.stop.stop();
    while let Some(answer) = waiting.join_next().await {
        whole(answer);
    }
}

#[tokio::test]
async fn whatever_has_a_long_answer_waits_for_room() {
    let mut broker = Broker::start().await;
    broker.create("wide", 3_000, &[]).await;
    let memory = crate::handlers::answer_memory::AnswerMemory::new(1);
    let mut held = memory.share();
    held.set(1 << 30);
    let Peer { listener, local, remote, stopping, .. } = &*broker.peer;
    let peer = Peer::new(ConnectionId(2), listener.clone(), *local, *remote, stopping.clone(), memory);
    broker.peer = Arc::new(peer);
    let named = |name: &str| {
        let mut topic = MetadataRequestTopic::default();
        topic.name = Some(topic_name(name));
        topic
    };
    let metadata = |topics: Vec<MetadataRequestTopic>| {
        let mut request = MetadataRequest::default();
        request.topics = Some(topics);
        request
    };
    let describe = |kind: i8, name: &str, count: usize| {
        let mut resource = DescribeConfigsResource::default();
        (resource.resource_type, resource.resource_name) = (kind, string(name));
        resource.configuration_keys = None;
        let mut request = DescribeConfigsRequest::default();
        (request.resources, request.include_documentation) = (vec![resource; count], true);
        request
    };
    let create = |count: usize| {
        let topic = |number: usize| CreatableTopic::default().with_name(topic_name(&format!("new{number}")));
        let mut request = CreateTopicsRequest::default();
        request.topics = (0..count).map(|number| topic(number).with_num_partitions(1)).collect();
        request.topics.iter_mut().for_each(|topic| topic.replication_factor = 1);
        request.validate_only = true;
        request
    };
    let mut open = fetch_request(11, &[("nobody", TopicId::ZERO, 0, 0)]);
    open.session_epoch = 0;
    let short = async || {
        assert_eq!(broker.call(12, &metadata(vec![named("nobody")])).await.topics.len(), 1);
        assert_eq!(broker.call(4, &describe(4, "1", 2)).await.results.len(), 2);
        assert_eq!(broker.call(4, &describe(2, "wide", 10)).await.results.len(), 10);
        assert_eq!(broker.call(7, &create(50)).await.topics.len(), 50);
        broker.call(11, &open).await.session_id
    };
    let session = short().await;
    let mut grow = long_wait(1);
    (grow.max_wait_ms, grow.session_id) = (0, session);
    grow.topics[0].partitions.truncate(4_990);
    assert_eq!(code(broker.call(11, &grow).await.error_code), ErrorCode::None);
    let mut news = grow.clone();
    news.topics[0].topic = topic_name("others");
    news.session_epoch = 2;
    waits(&broker, 12, &metadata(vec![named("wide")])).await;
    waits(&broker, 12, &metadata(vec![named("wide"); 200])).await;
    waits(&broker, 4, &describe(4, "1", 3)).await;
    waits(&broker, 7, &create(51)).await;
    waits(&broker, 11, &news).await;
    short().await;
    drop(held);
    assert_eq!(broker.call(12, &metadata(vec![named("wide")])).await.topics.len(), 1);
    assert_eq!(broker.call(12, &metadata(vec![named("wide"); 200])).await.topics.len(), 200);
    assert_eq!(broker.call(4, &describe(4, "1", 3)).await.results.len(), 3);
    assert_eq!(broker.call(7, &create(51)).await.topics.len(), 51);
    news.session_epoch = 3;
    let response = broker.call(11, &news).await;
    assert_eq!((code(response.error_code), response.session_id), (ErrorCode::None, session));
}

#[tokio::test]
async fn long_answers_about_groups_wait_for_room() {
    let mut broker = Broker::start().await;
    let memory = crate::handlers::answer_memory::AnswerMemory::new(1);
    let mut held = memory.share();
    held.set(1 << 30);
    let Peer { listener, local, remote, stopping, .. } = &*broker.peer;
    let peer = Peer::new(ConnectionId(2), listener.clone(), *local, *remote, stopping.clone(), memory);
    broker.peer = Arc::new(peer);
    let all = |version: i16| {
        let mut request = OffsetFetchRequest::default();
        if version < 8 {
            (request.group_id, request.topics) = (group_id("g"), None);
        } else {
            let group = offset_fetch_request::OffsetFetchRequestGroup::default().with_group_id(group_id("g"));
            request.groups.push(group.with_topics(None));
        }
        request
    };
    let describe = DescribeGroupsRequest::default().with_groups(vec![group_id("g")]);
    for version in [2, 7, 8, 9] {
        waits(&broker, version, &all(version)).await;
    }
    waits(&broker, 5, &ListGroupsRequest::default()).await;
    waits(&broker, 6, &describe).await;
    // Members go on.
    let none = all(7).with_topics(Some(Vec::new()));
    assert_eq!(broker.call(7, &none).await.error_code, 0);
    let beat = HeartbeatRequest::default().with_group_id(group_id("g"));
    assert_eq!(code(broker.call(4, &beat).await.error_code), ErrorCode::UnknownMemberId);
    drop(held);
    assert_eq!(broker.call(8, &all(8)).await.groups.len(), 1);
    assert_eq!(broker.call(6, &describe).await.groups.len(), 1);
    assert_eq!(broker.call(5, &ListGroupsRequest::default()).await.error_code, 0);
}

/// Sends a request that is not answered now.
async fn waits<R: Request>(broker: &Broker, version: i16, request: &R) {
    let early = tokio::time::timeout(Duration::from_millis(200), broker.call(version, request)).await;
    assert!(early.is_err(), "key {} is answered although there is no room", R::KEY);
}
