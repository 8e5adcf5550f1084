//! Produce (3.3) by idempotent producers.

use super::*;
use kafka_protocol::messages::InitProducerIdRequest;

async fn check(broker: &Broker, batch: Bytes, error: ErrorCode, offset: i64) {
    let answer = broker.produce("t", 0, batch).await;
    assert_eq!((code(answer.error_code), answer.base_offset), (error, offset), "{:?}", answer.error_message);
}

/// A new producer id.
async fn producer(broker: &Broker) -> i64 {
    let mut request = InitProducerIdRequest::default();
    request.transactional_id = None;
    let response = broker.call(4, &request).await;
    assert_eq!((code(response.error_code), response.producer_epoch), (ErrorCode::None, 0));
    response.producer_id.0
}

#[tokio::test]
async fn pr_6_duplicates_answer_their_original_offset() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let id = producer(&broker).await;
    for number in 0..7 {
        check(&broker, sequenced(id, 0, number * 2, &["a", "b"]), ErrorCode::None, i64::from(number) * 2).await;
    }
    for number in 2..7 {
        check(&broker, sequenced(id, 0, number * 2, &["a", "b"]), ErrorCode::None, i64::from(number) * 2).await;
    }
    for number in 0..2 {
        check(&broker, sequenced(id, 0, number * 2, &["a", "b"]), ErrorCode::DuplicateSequenceNumber, -1).await;
    }
    assert_eq!(broker.fetch("t", 0, 0).await.high_watermark, 14, "no duplicate was appended");
    // A retry that comes while the original is not durable yet waits for it.
    let request = |sequence| produce_request(-1, "t", None, 9, 0, sequenced(id, 0, sequence, &["c"]));
    let first = broker.begin(9, &request(14)).await;
    let again = broker.begin(9, &request(14)).await;
    for answer in [again, first] {
        let response = decode::<ProduceRequest>(9, body(answer).await.expect("an answer"));
        assert_eq!(only_partition(response).base_offset, 14);
    }
}

#[tokio::test]
async fn pr_7_gaps_and_old_epochs_are_refused() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let id = producer(&broker).await;
    check(&broker, sequenced(id, 0, 0, &["a"]), ErrorCode::None, 0).await;
    check(&broker, sequenced(id, 0, 2, &["c"]), ErrorCode::OutOfOrderSequenceNumber, -1).await;
    check(&broker, sequenced(id, 0, 1, &["b"]), ErrorCode::None, 1).await;
    check(&broker, sequenced(id, 1, 1, &["x"]), ErrorCode::OutOfOrderSequenceNumber, -1).await;
    check(&broker, sequenced(id, 1, 0, &["c"]), ErrorCode::None, 2).await;
    check(&broker, sequenced(id, 0, 2, &["x"]), ErrorCode::InvalidProducerEpoch, -1).await;
    // Nothing is known of this one, so it may begin anywhere.
    check(&broker, sequenced(id + 1000, 3, 77, &["d"]), ErrorCode::None, 3).await;
    check(&broker, sequenced(id + 1000, 3, 78, &["e"]), ErrorCode::None, 4).await;
    let other = producer(&broker).await;
    assert_ne!(other, id, "each id is given once");
}

#[tokio::test]
async fn pr_8_producer_state_survives_any_end() {
    let mut broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let id = producer(&broker).await;
    let mut next = 0;
    for end in [End::Killed, End::PowerLost(1), End::Stopped, End::PowerLost(2), End::Killed] {
        for _ in 0..3 {
            check(&broker, sequenced(id, 0, next, &["v"]), ErrorCode::None, i64::from(next)).await;
            next += 1;
        }
        broker = broker.restart(end).await;
        check(&broker, sequenced(id, 0, next - 1, &["v"]), ErrorCode::None, i64::from(next) - 1).await;
        check(&broker, sequenced(id, 0, next + 1, &["v"]), ErrorCode::OutOfOrderSequenceNumber, -1).await;
    }
    assert_eq!(broker.fetch("t", 0, 0).await.high_watermark, i64::from(next));
    assert!(producer(&broker).await > id, "ids of a block that was cut off by a crash are not given again");
}

#[tokio::test]
async fn transactional_ids_are_refused_at_once() {
    let broker = Broker::start().await;
    for (id, expected) in [("", ErrorCode::InvalidRequest), ("tx", ErrorCode::UnsupportedVersion)] {
        let mut request = InitProducerIdRequest::default();
        request.transactional_id = Some(kafka_protocol::messages::TransactionalId(string(id)));
        for version in 0..=5 {
            let response = broker.call(version, &request).await;
            assert_eq!((code(response.error_code), response.producer_id.0), (expected, -1));
        }
    }
}
