//! Fetch sessions (FE-10, KIP-227).

use super::*;
use kafka_protocol::messages::fetch_request::ForgottenTopic;

/// A broker with topic t of three partitions, and a session over all of it.
async fn opened() -> (Broker, TopicId, i32) {
    let broker = Broker::start().await;
    let id = broker.create("t", 3, &[]).await;
    let mut request = fetch_request(13, &[("", id, 0, 0), ("", id, 1, 0), ("", id, 2, 0)]);
    request.session_epoch = 0;
    let response = broker.call(13, &request).await;
    assert_eq!(code(response.error_code), ErrorCode::None);
    assert_ne!(response.session_id, 0);
    assert_eq!(seen(&response), [(0, 0), (1, 0), (2, 0)], "a full answer has every partition");
    (broker, id, response.session_id)
}

/// The next request of a session.
fn next(session: i32, epoch: i32, changed: &[(TopicId, i32, i64)]) -> FetchRequest {
    let changed: Vec<_> = changed.iter().map(|(id, partition, offset)| ("", *id, *partition, *offset)).collect();
    let mut request = fetch_request(13, &changed);
    (request.session_id, request.session_epoch) = (session, epoch);
    request
}

/// Partitions and the number of their records.
fn seen(response: &FetchResponse) -> Vec<(i32, usize)> {
    assert_eq!(code(response.error_code), ErrorCode::None);
    let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
    partitions.map(|partition| (partition.partition_index, records(partition).len())).collect()
}

#[tokio::test]
async fn fe_10_incremental_answers_leave_out_what_is_unchanged() {
    let (broker, id, session) = opened().await;
    let quiet = broker.call(13, &next(session, 1, &[])).await;
    assert_eq!((quiet.session_id, seen(&quiet)), (session, vec![]));
    broker.append("t", 1, &["a"]).await;
    assert_eq!(seen(&broker.call(13, &next(session, 2, &[])).await), [(1, 1)]);
    assert_eq!(seen(&broker.call(13, &next(session, 3, &[])).await), [(1, 1)], "not moved on: sent again");
    assert_eq!(seen(&broker.call(13, &next(session, 4, &[(id, 1, 1)])).await), [], "moved on: nothing new");
    broker.append("t", 1, &["b"]).await;
    broker.append("t", 2, &["c"]).await;
    let both = broker.call(13, &next(session, 5, &[])).await;
    assert_eq!(seen(&both).len(), 2);
    // A partition that leaves is not told of any more; one that comes is.
    let mut forget = next(session, 6, &[(id, 1, 2), (id, 2, 1)]);
    let mut forgotten = ForgottenTopic::default();
    forgotten.topic_id = id.0;
    forgotten.partitions.push(0);
    forget.forgotten_topics_data.push(forgotten);
    assert_eq!(seen(&broker.call(13, &forget).await), []);
    broker.append("t", 0, &["unseen"]).await;
    assert_eq!(seen(&broker.call(13, &next(session, 7, &[])).await), []);
    assert_eq!(seen(&broker.call(13, &next(session, 8, &[(id, 0, 0)])).await), [(0, 1)]);
}

#[tokio::test]
async fn fe_10_sessions_that_are_lost_or_out_of_step_are_told_so() {
    let (broker, id, session) = opened().await;
    let check = async |version: i16, request: FetchRequest, expected: ErrorCode| {
        let response = broker.call(version, &request).await;
        assert_eq!((code(response.error_code), response.responses.len()), (expected, 0));
        assert_eq!(response.session_id, 0);
    };
    check(13, next(session.wrapping_add(1).max(1), 1, &[]), ErrorCode::FetchSessionIdNotFound).await;
    check(13, next(session, 2, &[]), ErrorCode::InvalidFetchSessionEpoch).await;
    let mut by_name = fetch_request(12, &[("t", id, 0, 0)]);
    (by_name.session_id, by_name.session_epoch) = (session, 1);
    check(12, by_name, ErrorCode::FetchSessionTopicIdError).await;
    let good = broker.call(13, &next(session, 1, &[])).await;
    assert_eq!((code(good.error_code), good.session_id), (ErrorCode::None, session), "still in step");
    // Closing it answers once more, without a session.
    let closed = broker.call(13, &next(session, -1, &[])).await;
    assert_eq!((code(closed.error_code), closed.session_id), (ErrorCode::None, 0));
    check(13, next(session, 2, &[]), ErrorCode::FetchSessionIdNotFound).await;
    // Another broker process knows no sessions of this one.
    let broker = broker.restart(End::Stopped).await;
    let response = broker.call(13, &next(session, 2, &[])).await;
    assert_eq!(code(response.error_code), ErrorCode::FetchSessionIdNotFound);
}

#[tokio::test]
async fn fe_10_a_session_waits_and_wakes() {
    let (broker, id, session) = opened().await;
    for epoch in 1..4 {
        let mut request = next(session, epoch, &[(id, 2, i64::from(epoch) - 1)]);
        request.max_wait_ms = 20_000;
        let begun = tokio::time::Instant::now();
        let answer = broker.begin(13, &request).await;
        let (answer, _) = tokio::join!(body(answer), async {
            tokio::time::sleep(Duration::from_millis(10)).await;
            broker.append("t", 2, &["x"]).await
        });
        let response = decode::<FetchRequest>(13, answer.expect("an answer"));
        assert_eq!(seen(&response), [(2, 1)]);
        assert!(begun.elapsed() < Duration::from_secs(15));
    }
}

#[tokio::test]
async fn fe_10_an_abandoned_request_gives_its_session_back() {
    let (broker, _, session) = opened().await;
    let mut request = next(session, 1, &[]);
    request.max_wait_ms = 20_000;
    let Answer::Later(work) = broker.begin(13, &request).await else { panic!("it waits") };
    let waited = tokio::time::timeout(Duration::from_millis(50), work).await;
    assert!(waited.is_err(), "nothing to answer yet");
    broker.append("t", 0, &["a"]).await;
    let response = broker.call(13, &next(session, 2, &[])).await;
    assert_eq!(seen(&response), [(0, 1)], "what happened meanwhile is not lost");
}

#[tokio::test]
async fn fe_10_served_partitions_go_to_the_end() {
    let (broker, _, session) = opened().await;
    let large = "x".repeat(3000);
    for partition in 0..3 {
        broker.append("t", partition, &[&large]).await;
    }
    let mut order = Vec::new();
    for epoch in 1..=6 {
        let mut request = next(session, epoch, &[]);
        request.max_bytes = 1000; // room for one batch, by the exception
        let response = broker.call(13, &request).await;
        let served = seen(&response).into_iter().filter(|(_, records)| *records > 0);
        order.extend(served.map(|(partition, _)| partition));
    }
    assert_eq!(order, [0, 1, 2, 0, 1, 2]);
}

#[tokio::test]
async fn fe_10_the_cache_is_bounded() {
    let broker = Broker::with(&[("max.incremental.fetch.session.cache.slots", "2")]).await;
    let id = broker.create("t", 3, &[]).await;
    let open = async |partitions: i32| {
        let wanted: Vec<_> = (0..partitions).map(|partition| ("", id, partition, 0)).collect();
        let mut request = fetch_request(13, &wanted);
        request.session_epoch = 0;
        broker.call(13, &request).await.session_id
    };
    let (first, second) = (open(1).await, open(2).await);
    assert!(first != 0 && second != 0 && first != second);
    assert_eq!(open(3).await, 0, "full of young sessions");
    broker.clock.advance(Duration::from_secs(121));
    assert_ne!(open(3).await, 0, "an idle one made room");
    assert_eq!(broker.service.parts().fetches.session_count(), 2);
}

#[tokio::test]
async fn fe_10_what_a_session_holds_is_bounded() {
    /// More than one session may hold, and how many of them are of the first topic.
    const TOO_MANY: i32 = 100_001;
    const OF_ONE_TOPIC: i32 = 60_000;
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    let asking = |partitions: i32, session: i32, epoch: i32| {
        let mut request = fetch_request(13, &[("", id, 0, 0)]);
        let wanted = request.topics[0].partitions[0].clone();
        let mut other = request.topics[0].clone();
        other.topic_id = Uuid::from_u128(9);
        let numbered =
            |from: i32, to: i32| (from..to).map(|partition| wanted.clone().with_partition(partition)).collect();
        request.topics[0].partitions = numbered(0, partitions.min(OF_ONE_TOPIC));
        other.partitions = numbered(OF_ONE_TOPIC, partitions.max(OF_ONE_TOPIC));
        request.topics.push(other);
        (request.session_id, request.session_epoch) = (session, epoch);
        request
    };
    let without = broker.call(13, &asking(TOO_MANY, 0, 0)).await;
    assert_eq!((code(without.error_code), without.session_id), (ErrorCode::None, 0));
    let served: usize = without.responses.iter().map(|topic| topic.partitions.len()).sum();
    assert_eq!(served, TOO_MANY as usize, "served all the same");
    assert_eq!(broker.service.parts().fetches.session_count(), 0);
    let session = broker.call(13, &asking(1, 0, 0)).await.session_id;
    assert_ne!(session, 0);
    for (epoch, partitions) in [(1, TOO_MANY - 1), (2, TOO_MANY - 1)] {
        let response = broker.call(13, &asking(partitions, session, epoch)).await;
        assert_eq!((code(response.error_code), response.session_id), (ErrorCode::None, session), "just fits");
    }
    let ended = broker.call(13, &asking(TOO_MANY, session, 3)).await;
    assert_eq!((code(ended.error_code), ended.session_id), (ErrorCode::FetchSessionIdNotFound, 0));
    assert_eq!(ended.responses.len(), 0);
    assert_eq!(broker.service.parts().fetches.session_count(), 0, "its memory is free");
    assert_ne!(broker.call(13, &asking(1, 0, 0)).await.session_id, 0, "the client starts over");
}
