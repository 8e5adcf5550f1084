//! Fetch (3.4), without sessions.

use super::*;
use kafka_protocol::messages::OffsetForLeaderEpochRequest;
use kafka_protocol::messages::offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic};
use std::path::PathBuf;

/// Every version of Fetch.
const VERSIONS: std::ops::RangeInclusive<i16> = 4..=18;

#[tokio::test]
async fn fe_1_records_are_never_null() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    for version in VERSIONS {
        for (partition, offset, expected) in
            [(0, 0, ErrorCode::None), (0, 99, ErrorCode::OffsetOutOfRange), (1, 0, ErrorCode::UnknownTopicOrPartition)]
        {
            let request = fetch_request(version, &[("t", id, partition, offset)]);
            let told = only_fetched(broker.call(version, &request).await);
            assert_eq!(code(told.error_code), expected, "version {version}");
            assert_eq!(told.records, Some(Bytes::new()), "version {version}: empty, not null");
        }
    }
}

#[tokio::test]
async fn fe_2_an_offset_inside_a_batch_returns_the_whole_batch() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    broker.append("t", 0, &["a", "b", "c"]).await;
    broker.append("t", 0, &["d"]).await;
    for offset in 0..3 {
        let fetched = broker.fetch("t", 0, offset).await;
        assert_eq!(values(&fetched).len(), 4, "from {offset}: the batch from its start");
        assert_eq!(values(&fetched)[0], (0, "a".to_string()));
    }
    assert_eq!(values(&broker.fetch("t", 0, 3).await), [(3, "d".to_string())]);
    // The same from the file.
    let broker = broker.restart(End::Stopped).await;
    assert_eq!(values(&broker.fetch("t", 0, 2).await).len(), 4);
}

#[tokio::test]
async fn fe_3_partitions_come_in_request_order_and_the_first_batch_always() {
    let broker = Broker::start().await;
    broker.create("a", 2, &[]).await;
    broker.create("b", 1, &[]).await;
    let large = "x".repeat(5000);
    for (topic, partition) in [("a", 0), ("a", 1), ("b", 0)] {
        broker.append(topic, partition, &[&large]).await;
    }
    let none = TopicId::ZERO;
    let order = [("b", none, 0, 0), ("a", none, 1, 0), ("a", none, 0, 0)];
    let with_data = |response: FetchResponse| {
        let mut seen = Vec::new();
        for topic in &response.responses {
            for partition in &topic.partitions {
                assert_eq!(code(partition.error_code), ErrorCode::None);
                assert_eq!(partition.high_watermark, 1);
                let bytes = partition.records.as_ref().expect("never null").len();
                seen.push((topic.topic.to_string(), partition.partition_index, bytes > 0));
            }
        }
        seen
    };
    let told = |data: [bool; 3]| {
        let names = [("b", 0), ("a", 1), ("a", 0)];
        names.iter().zip(data).map(|((name, index), data)| (name.to_string(), *index, data)).collect::<Vec<_>>()
    };
    for (total, each, expected) in [
        (1 << 20, 1 << 20, [true, true, true]),
        (1, 1, [true, false, false]),
        (0, 0, [true, false, false]),
        (-1, -1, [true, false, false]),
        (6000, 1 << 20, [true, false, false]),
        (11_000, 1 << 20, [true, true, false]),
    ] {
        let mut request = fetch_request(11, &order);
        request.max_bytes = total;
        request.topics.iter_mut().for_each(|topic| topic.partitions[0].partition_max_bytes = each);
        assert_eq!(with_data(broker.call(11, &request).await), told(expected), "{total} {each}");
    }
    // An empty partition in front does not use up the exception.
    broker.create("empty", 1, &[]).await;
    let mut request = fetch_request(11, &[("empty", none, 0, 0), ("b", none, 0, 0)]);
    request.max_bytes = 1;
    let response = broker.call(11, &request).await;
    assert!(!response.responses[1].partitions[0].records.as_ref().expect("never null").is_empty());
}

#[tokio::test]
async fn fe_4_there_is_no_preferred_replica() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    broker.append("t", 0, &["a"]).await;
    for version in 11..=18 {
        let mut request = fetch_request(version, &[("t", id, 0, 0)]);
        request.rack_id = string("r1");
        let told = only_fetched(broker.call(version, &request).await);
        assert_eq!(told.preferred_read_replica.0, -1);
    }
}

#[tokio::test]
async fn fe_9_without_a_session_the_id_stays_0() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    for epoch in [-1, -1] {
        let mut request = fetch_request(12, &[("t", TopicId::ZERO, 0, 0)]);
        request.session_epoch = epoch;
        assert_eq!(broker.call(12, &request).await.session_id, 0);
    }
    let small = Broker::with(&[("max.incremental.fetch.session.cache.slots", "0")]).await;
    small.create("t", 1, &[]).await;
    let mut request = fetch_request(12, &[("t", TopicId::ZERO, 0, 0)]);
    request.session_epoch = 0;
    let response = small.call(12, &request).await;
    assert_eq!((response.session_id, response.responses.len()), (0, 1), "no room: served without");
}

#[tokio::test]
async fn fe_11_leader_epochs_are_fenced() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let broker = broker.restart(End::Stopped).await.restart(End::Stopped).await;
    for (asked, expected) in [
        (-1, ErrorCode::None),
        (2, ErrorCode::None),
        (1, ErrorCode::FencedLeaderEpoch),
        (0, ErrorCode::FencedLeaderEpoch),
        (3, ErrorCode::UnknownLeaderEpoch),
    ] {
        for version in [9, 12] {
            let mut request = fetch_request(version, &[("t", TopicId::ZERO, 0, 0)]);
            request.topics[0].partitions[0].current_leader_epoch = asked;
            let told = only_fetched(broker.call(version, &request).await);
            assert_eq!(code(told.error_code), expected, "epoch {asked}");
        }
    }
}

#[tokio::test]
async fn fe_12_a_client_whose_log_parts_from_ours_is_told_where() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    broker.append("t", 0, &["a", "b"]).await;
    let broker = broker.restart(End::Stopped).await.restart(End::Stopped).await;
    broker.append("t", 0, &["c"]).await; // epoch 2 from offset 2
    for (fetched_epoch, offset, expected) in [
        (0, 2, None),
        (2, 3, None),
        (0, 3, Some((0, 2))), // epoch 0 ended before what the client has of it
        (1, 2, Some((0, 2))), // epoch 1 wrote nothing
    ] {
        let mut request = fetch_request(12, &[("t", id, 0, offset)]);
        request.topics[0].partitions[0].last_fetched_epoch = fetched_epoch;
        request.max_wait_ms = 10_000; // answered at once all the same
        request.min_bytes = if expected.is_some() { 1 } else { 0 };
        let begun = tokio::time::Instant::now();
        let told = only_fetched(broker.call(12, &request).await);
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
        assert_eq!(code(told.error_code), ErrorCode::None);
        let diverging = (told.diverging_epoch.epoch, told.diverging_epoch.end_offset);
        assert_eq!(diverging, expected.unwrap_or((-1, -1)), "epoch {fetched_epoch}, offset {offset}");
        assert!(expected.is_none() || told.records.expect("never null").is_empty());
    }
    let mut request = fetch_request(16, &[("t", id, 0, 0)]);
    request.topics[0].partitions[0].current_leader_epoch = 0;
    let response = broker.call(16, &request).await;
    let (endpoints, told) = (response.node_endpoints.clone(), only_fetched(response));
    assert_eq!(code(told.error_code), ErrorCode::FencedLeaderEpoch);
    assert_eq!((told.current_leader.leader_id.0, told.current_leader.leader_epoch), (NODE.0, 2));
    assert_eq!((endpoints[0].node_id.0, &*endpoints[0].host, endpoints[0].port), (NODE.0, "127.0.0.1", 9092));
}

#[tokio::test]
async fn fe_13_the_end_of_an_epoch_is_told() {
    let broker = Broker::start().await;
    broker.create("t", 2, &[]).await;
    broker.append("t", 0, &["a", "b"]).await;
    let broker = broker.restart(End::Killed).await.restart(End::Stopped).await;
    broker.append("t", 0, &["c", "d", "e"]).await;
    let ask = |partition: i32, current: i32, asked: i32| {
        let mut wanted = OffsetForLeaderPartition::default();
        (wanted.partition, wanted.current_leader_epoch, wanted.leader_epoch) = (partition, current, asked);
        let mut topic = OffsetForLeaderTopic::default();
        topic.topic = topic_name("t");
        topic.partitions.push(wanted);
        let mut request = OffsetForLeaderEpochRequest::default();
        request.replica_id = (-1).into();
        request.topics.push(topic);
        request
    };
    for (partition, current, asked, expected) in [
        (0, -1, 0, (ErrorCode::None, 0, 2)),
        (0, -1, 1, (ErrorCode::None, 0, 2)),
        (0, 2, 2, (ErrorCode::None, 2, 5)),
        (0, -1, 9, (ErrorCode::None, -1, -1)),
        (1, -1, 2, (ErrorCode::None, 2, 0)), // the running epoch, which wrote nothing
        (1, -1, 1, (ErrorCode::None, -1, -1)),
        (0, 1, 0, (ErrorCode::FencedLeaderEpoch, -1, -1)),
        (0, 3, 0, (ErrorCode::UnknownLeaderEpoch, -1, -1)),
        (7, -1, 0, (ErrorCode::UnknownTopicOrPartition, -1, -1)),
    ] {
        for version in 2..=4 {
            let response = broker.call(version, &ask(partition, current, asked)).await;
            let told = &response.topics[0].partitions[0];
            let found = (code(told.error_code), told.leader_epoch, told.end_offset);
            assert_eq!(found, expected, "version {version}, partition {partition}, epoch {asked} under {current}");
        }
    }
}

#[tokio::test]
async fn fe_14_fields_of_followers_are_read_and_mean_nothing() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    broker.append("t", 0, &["a"]).await;
    let mut request = fetch_request(18, &[("t", id, 0, 0)]);
    request.topics[0].partitions[0].replica_directory_id = Uuid::from_u128(77);
    request.topics[0].partitions[0].high_watermark = 12345;
    request.topics[0].partitions[0].log_start_offset = 99;
    let told = only_fetched(broker.call(18, &request).await);
    assert_eq!((code(told.error_code), told.high_watermark), (ErrorCode::None, 1));
    assert_eq!(values(&told), [(0, "a".to_string())]);
}

#[tokio::test]
async fn fe_16_an_empty_fetch_waits_wakes_and_always_answers() {
    let broker = Broker::start().await;
    broker.create("t", 2, &[]).await;
    let waiting = |min_bytes: i32, wait_ms: i32| {
        let mut request = fetch_request(11, &[("t", TopicId::ZERO, 0, 0), ("t", TopicId::ZERO, 1, 0)]);
        (request.max_wait_ms, request.min_bytes) = (wait_ms, min_bytes);
        request
    };
    let begun = tokio::time::Instant::now();
    let empty = broker.call(11, &waiting(1, 150)).await;
    assert!(begun.elapsed() >= Duration::from_millis(150), "{:?}", begun.elapsed());
    assert_eq!(empty.responses.iter().map(|topic| topic.partitions.len()).sum::<usize>(), 2);
    // Woken by data long before its time.
    let begun = tokio::time::Instant::now();
    let answer = broker.begin(11, &waiting(1, 20_000)).await;
    let (answer, _) = tokio::join!(body(answer), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        broker.append("t", 1, &["woken"]).await
    });
    let response = decode::<FetchRequest>(11, answer.expect("an answer"));
    assert_eq!(values(&response.responses[0].partitions[1]), [(0, "woken".to_string())]);
    assert!(begun.elapsed() < Duration::from_secs(15));
    // min_bytes gathers over partitions and batches; what is there at the end comes even when it is too little.
    let answer = broker.begin(11, &waiting(2000, 20_000)).await;
    let (answer, ()) = tokio::join!(body(answer), async {
        for part in 0..10 {
            broker.append("t", part % 2, &["x".repeat(200).as_str()]).await;
        }
    });
    let response = decode::<FetchRequest>(11, answer.expect("an answer"));
    let bytes = |response: &FetchResponse| {
        let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
        partitions.map(|partition| partition.records.as_ref().map_or(0, Bytes::len)).sum::<usize>()
    };
    assert!(bytes(&response) >= 2000, "{}", bytes(&response));
    let partial = broker.call(11, &waiting(1 << 20, 100)).await;
    assert!(bytes(&partial) > 0);
    // Between what is durable and the log's end nothing is out of range; past the end it is, at once.
    let mut past = fetch_request(11, &[("t", TopicId::ZERO, 0, 999)]);
    past.max_wait_ms = 20_000;
    let begun = tokio::time::Instant::now();
    assert_eq!(code(only_fetched(broker.call(11, &past).await).error_code), ErrorCode::OffsetOutOfRange);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn fe_16_a_stop_ends_the_wait() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let mut request = fetch_request(11, &[("t", TopicId::ZERO, 0, 0)]);
    request.max_wait_ms = 25_000;
    let begun = tokio::time::Instant::now();
    let answer = broker.begin(11, &request).await;
    let (answer, ()) = tokio::join!(body(answer), async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        broker.stop.stop();
    });
    assert_eq!(decode::<FetchRequest>(11, answer.expect("an answer")).responses.len(), 1);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn fe_17_damage_is_told_for_its_partition() {
    let broker = Broker::start().await;
    broker.create("t", 2, &[]).await;
    let good = batch(&["damaged", "soon"]);
    broker.produce("t", 0, good.clone()).await;
    broker.append("t", 1, &["fine"]).await;
    let broker = broker.restart(End::Stopped).await;
    let file = PathBuf::from(DATA).join("t-0/00000000000000000000.log");
    broker.disk.corrupt(&file, good.len() as u64 - 3, 0x40).expect("the file is there");
    let request = fetch_request(11, &[("t", TopicId::ZERO, 0, 0), ("t", TopicId::ZERO, 1, 0)]);
    let response = broker.call(11, &request).await;
    let partitions: Vec<_> = response.responses.iter().flat_map(|topic| &topic.partitions).collect();
    assert_eq!(code(partitions[0].error_code), ErrorCode::CorruptMessage);
    assert_eq!(partitions[0].records, Some(Bytes::new()));
    assert_eq!(values(partitions[1]), [(0, "fine".to_string())]);
}

#[tokio::test]
async fn fe_16_a_deletion_ends_the_wait() {
    let broker = Broker::start().await;
    broker.create("t", 2, &[]).await;
    broker.create("u", 1, &[]).await;
    let mut request = fetch_request(11, &[("t", TopicId::ZERO, 0, 0), ("u", TopicId::ZERO, 0, 0)]);
    request.max_wait_ms = 25_000;
    let begun = tokio::time::Instant::now();
    let answer = broker.begin(11, &request).await;
    let (answer, ()) = tokio::join!(body(answer), async {
        tokio::time::sleep(Duration::from_millis(30)).await;
        broker.delete(&["t"]).await;
    });
    let response = decode::<FetchRequest>(11, answer.expect("an answer"));
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    let codes: Vec<_> = response.responses.iter().map(|topic| code(topic.partitions[0].error_code)).collect();
    assert_eq!(codes, [ErrorCode::UnknownTopicOrPartition, ErrorCode::None]);
}
