//! Produce (3.3), without what concerns idempotent producers.

use super::*;
use crate::handlers::call::CloseReason;
use crate::io::disk::faulty::{Fault, Operation};
use crate::record::Compression;
use kafka_protocol::messages::MetadataRequest;

/// Breaks a batch at a byte.
fn broken(batch: &Bytes, at: usize) -> Bytes {
    let mut batch = BytesMut::from(&batch[..]);
    batch[at] ^= 0x55;
    batch.freeze()
}

#[tokio::test]
async fn pr_1_acks_0_is_silent_and_bad_acks_are_refused() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let silent = |topic: &str, batch: Bytes| produce_request(0, topic, None, 9, 0, batch);
    assert!(matches!(broker.begin(9, &silent("t", batch(&["a"]))).await, Answer::Silent));
    for request in [silent("nobody", batch(&["a"])), silent("t", broken(&batch(&["a"]), 65))] {
        assert_eq!(broker.call_closed(9, &request).await.reason, CloseReason::SilentFailure);
    }
    for acks in [-2, 2, 100] {
        let answer = broker.produce_as(9, acks, "t", 0, batch(&["x"])).await;
        assert_eq!((code(answer.error_code), answer.base_offset), (ErrorCode::InvalidRequiredAcks, -1));
    }
    for acks in [1, -1] {
        assert_eq!(code(broker.produce_as(9, acks, "t", 0, batch(&["b"])).await.error_code), ErrorCode::None);
    }
    let seen: Vec<_> = values(&broker.fetch("t", 0, 0).await).into_iter().map(|(_, value)| value).collect();
    assert_eq!(seen, ["a", "b", "b"]);
}

#[tokio::test]
async fn pr_2_a_bad_batch_fails_its_partition_alone() {
    let broker = Broker::start().await;
    broker.create("t", 2, &[]).await;
    let good = batch(&["good"]);
    let two = Bytes::from([&good[..], &good[..]].concat());
    let mut control = BatchBuilder::new().push(WALL, None, Some(b"x"));
    control.control = true;
    let recount = |count: i32| {
        let mut batch = BytesMut::from(&good[..]);
        batch[57..61].copy_from_slice(&count.to_be_bytes());
        crate::record::header::write_crc(&mut batch);
        batch.freeze()
    };
    let cases = [
        ("a payload byte", broken(&good, good.len() - 1), ErrorCode::CorruptMessage),
        ("the CRC", broken(&good, 17), ErrorCode::CorruptMessage),
        ("cut short", good.slice(..good.len() - 1), ErrorCode::InvalidRecord),
        ("a header cut short", good.slice(..20), ErrorCode::InvalidRecord),
        ("two batches", two, ErrorCode::InvalidRecord),
        (
            "magic 1",
            {
                let mut b = BytesMut::from(&good[..]);
                b[16] = 1;
                b.freeze()
            },
            ErrorCode::InvalidRecord,
        ),
        ("a control batch", control.build(), ErrorCode::InvalidRecord),
        ("a wrong count", recount(2), ErrorCode::InvalidRecord),
        ("a huge count", recount(i32::MAX), ErrorCode::InvalidRecord),
        ("nothing", Bytes::new(), ErrorCode::InvalidRecord),
    ];
    let count = cases.len();
    for (what, bad, expected) in cases {
        let mut request = produce_request(-1, "t", None, 9, 0, bad);
        let other = produce_request(-1, "t", None, 9, 1, good.clone());
        let partition = other.topic_data[0].partition_data[0].clone();
        request.topic_data[0].partition_data.push(partition);
        let response = broker.call(9, &request).await;
        let answers = &response.responses[0].partition_responses;
        assert_eq!(code(answers[0].error_code), expected, "{what}");
        assert!(answers[0].error_message.is_some(), "{what}");
        assert_eq!(code(answers[1].error_code), ErrorCode::None, "{what}");
    }
    assert_eq!(broker.fetch("t", 0, 0).await.high_watermark, 0);
    assert_eq!(broker.fetch("t", 1, 0).await.high_watermark, count as i64);
    let mut nothing = produce_request(-1, "t", None, 9, 0, Bytes::new());
    nothing.topic_data[0].partition_data[0].records = None;
    let refused = only_partition(broker.call(9, &nothing).await);
    assert_eq!(code(refused.error_code), ErrorCode::InvalidRecord);
}

#[tokio::test]
async fn pr_3_only_what_is_above_max_message_bytes_is_too_large() {
    let broker = Broker::start().await;
    let fits = batch(&["x".repeat(900).as_str()]);
    broker.create("t", 1, &[("max.message.bytes", &fits.len().to_string())]).await;
    assert_eq!(code(broker.produce("t", 0, fits.clone()).await.error_code), ErrorCode::None);
    let larger = batch(&["x".repeat(901).as_str()]);
    assert_eq!(larger.len(), fits.len() + 1);
    assert_eq!(code(broker.produce("t", 0, larger).await.error_code), ErrorCode::MessageTooLarge);
    broker.create("default", 1, &[]).await;
    let overhead = batch(&["x".repeat(1_000_000).as_str()]).len() - 1_000_000;
    let most = batch(&["x".repeat(1_048_588 - overhead).as_str()]);
    assert_eq!(most.len(), 1_048_588);
    assert_eq!(code(broker.produce("default", 0, most).await.error_code), ErrorCode::None);
    let more = batch(&["x".repeat(1_048_589 - overhead).as_str()]);
    assert_eq!(code(broker.produce("default", 0, more).await.error_code), ErrorCode::MessageTooLarge);
}

#[tokio::test]
async fn pr_4_records_without_key_do_not_go_to_compacted_topics() {
    let broker = Broker::start().await;
    broker.create("compacted", 1, &[("cleanup.policy", "compact")]).await;
    broker.create("both", 1, &[("cleanup.policy", "delete,compact")]).await;
    for compression in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd]
    {
        let mixed = record(WALL, Some(b"k"), Some(b"1")).push(WALL, None, Some(b"2")).push(WALL, Some(b""), None);
        let mixed = mixed.push(WALL, None, None).compression(compression).build();
        for topic in ["compacted", "both"] {
            let answer = broker.produce_as(8, -1, topic, 0, mixed.clone()).await;
            assert_eq!(code(answer.error_code), ErrorCode::InvalidRecord, "{compression:?}");
            let named: Vec<_> = answer.record_errors.iter().map(|error| error.batch_index).collect();
            assert_eq!(named, [1, 3], "{compression:?}");
            let message = answer.record_errors[0].batch_index_error_message.as_ref().expect("words");
            assert!(message.contains("key"), "{message}");
            assert!(answer.error_message.expect("words").contains("2 record(s)"));
        }
        let old = broker.produce_as(7, -1, "compacted", 0, mixed).await;
        assert_eq!((code(old.error_code), old.record_errors.len()), (ErrorCode::InvalidRecord, 0));
        let keyed = record(WALL, Some(b"k"), Some(b"v")).compression(compression).build();
        assert_eq!(code(broker.produce("compacted", 0, keyed).await.error_code), ErrorCode::None);
    }
    assert_eq!(broker.fetch("compacted", 0, 0).await.high_watermark, 5);
}

#[tokio::test]
async fn pr_4_a_batch_is_opened_up_to_max_decompressed_message_bytes() {
    let broker = Broker::with(&[("max.decompressed.message.bytes", "1000")]).await;
    let compact = ("cleanup.policy", "compact");
    broker.create("bounded", 1, &[compact]).await;
    broker.create("own", 1, &[compact, ("max.decompressed.message.bytes", "100000")]).await;
    broker.create("deleted", 1, &[]).await;
    let check = async |topic: &str, size: usize, expected: ErrorCode| {
        let value = vec![b'x'; size];
        let large = record(WALL, Some(b"k"), Some(&value)).compression(Compression::Gzip).build();
        let answer = broker.produce(topic, 0, large).await;
        assert_eq!(code(answer.error_code), expected, "{size} bytes to {topic}");
    };
    check("bounded", 500, ErrorCode::None).await;
    check("bounded", 50_000, ErrorCode::InvalidRecord).await;
    check("own", 50_000, ErrorCode::None).await;
    check("own", 150_000, ErrorCode::InvalidRecord).await;
    check("deleted", 150_000, ErrorCode::None).await;
}

#[tokio::test]
async fn pr_5_timestamps_are_checked_and_rewritten_with_log_append_time() {
    let broker = Broker::start().await;
    broker.create("checked", 1, &[("message.timestamp.before.max.ms", "1000")]).await;
    for (offset_ms, expected) in [
        (0, ErrorCode::None),
        (-1000, ErrorCode::None),
        (-1001, ErrorCode::InvalidTimestamp),
        (3_600_000, ErrorCode::None),
        (3_600_001, ErrorCode::InvalidTimestamp),
    ] {
        let stamped = record(Timestamp(WALL.0 + offset_ms), None, Some(b"x")).build();
        let answer = broker.produce("checked", 0, stamped).await;
        assert_eq!((code(answer.error_code), answer.log_append_time_ms), (expected, -1), "{offset_ms}");
    }
    broker.create("stamped", 1, &[("message.timestamp.type", "LogAppendTime")]).await;
    broker.clock.advance(Duration::from_millis(5));
    let old = record(Timestamp(1), None, Some(b"a")).push(Timestamp(2), None, Some(b"b")).build();
    let answer = broker.produce("stamped", 0, old).await;
    assert_eq!((code(answer.error_code), answer.log_append_time_ms), (ErrorCode::None, WALL.0 + 5));
    let fetched = records(&broker.fetch("stamped", 0, 0).await);
    assert!(fetched.iter().all(|record| record.timestamp == Timestamp(WALL.0 + 5)), "{fetched:?}");
    let bytes = broker.fetch("stamped", 0, 0).await.records.expect("records");
    let (header, batch) = crate::record::Batches::new(&bytes).next().expect("a batch").expect("a good one");
    assert_eq!(crate::record::header::batch_crc(batch), header.crc, "the CRC is that of the rewritten batch");
}

#[tokio::test]
async fn pr_9_nothing_is_answered_with_a_generic_error() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let good = batch(&["x"]);
    let mut transactional = BatchBuilder::new().producer(ProducerId(5), ProducerEpoch(0), Sequence(0));
    transactional.transactional = true;
    let transactional = transactional.push(WALL, None, Some(b"x")).build();
    // Every byte of a batch broken in turn, with its checksum made right again where that is possible.
    for at in 0..good.len() {
        for fixed in [false, true] {
            let mut bad = BytesMut::from(&broken(&good, at)[..]);
            if fixed {
                crate::record::header::write_crc(&mut bad);
            }
            let answer = broker.produce("t", 0, bad.freeze()).await;
            assert_ne!(code(answer.error_code), ErrorCode::UnknownServerError, "byte {at}");
        }
    }
    let refused = broker.produce("t", 0, transactional).await;
    assert_eq!(code(refused.error_code), ErrorCode::InvalidTxnState);
    for (topic, partition) in [("nobody", 0), ("t", 1), ("t", -1), ("t", i32::MAX)] {
        let answer = broker.produce(topic, partition, good.clone()).await;
        assert_eq!(code(answer.error_code), ErrorCode::UnknownTopicOrPartition);
    }
    assert_eq!(broker.answered(Api::Produce, ErrorCode::UnknownServerError), 0);
}

#[tokio::test]
async fn pr_10_base_offsets_are_true() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let mut expected = 0;
    for count in [1usize, 3, 2, 7] {
        let answer = broker.produce("t", 0, batch(&vec!["v"; count])).await;
        assert_eq!((answer.base_offset, answer.log_start_offset), (expected, 0));
        let bytes = broker.fetch("t", 0, expected).await.records.expect("records");
        let (header, _) = crate::record::Batches::new(&bytes).next().expect("a batch").expect("a good one");
        assert_eq!(header.base_offset.0, expected);
        expected += count as i64;
    }
    let failed = broker.produce("t", 0, broken(&batch(&["x"]), 65)).await;
    assert_eq!((failed.base_offset, failed.log_start_offset), (-1, -1));
    // Requests of one connection that are all on their way keep their order.
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(broker.begin(9, &produce_request(-1, "t", None, 9, 0, batch(&["p"]))).await);
    }
    for (number, answer) in answers.into_iter().enumerate() {
        let response = decode::<ProduceRequest>(9, body(answer).await.expect("an answer"));
        assert_eq!(only_partition(response).base_offset, expected + number as i64);
    }
}

#[tokio::test]
async fn pr_11_who_is_sent_away_is_told_the_leader() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    broker.stop.stop();
    for version in [9, 10, 12, 13] {
        let request = produce_request(-1, "t", Some(id), version, 0, batch(&["x"]));
        let response = broker.call(version, &request).await;
        let endpoints = response.node_endpoints.clone();
        let answer = only_partition(response);
        assert_eq!(code(answer.error_code), ErrorCode::NotLeaderOrFollower, "a broker that stops takes nothing");
        if version < 10 {
            assert_eq!((answer.current_leader.leader_id.0, endpoints.len()), (-1, 0));
        } else {
            assert_eq!((answer.current_leader.leader_id.0, answer.current_leader.leader_epoch), (NODE.0, 0));
            assert_eq!((endpoints[0].node_id.0, &*endpoints[0].host, endpoints[0].port), (NODE.0, "127.0.0.1", 9092));
        }
    }
}

#[tokio::test]
async fn pr_12_a_disk_fault_is_told_and_reads_go_on() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    broker.append("t", 0, &["kept"]).await;
    broker.disk.fail_always(Operation::Sync, ".wal", Fault::Io);
    for _ in 0..3 {
        let answer = broker.produce("t", 0, batch(&["lost"])).await;
        assert_eq!((code(answer.error_code), answer.base_offset), (ErrorCode::KafkaStorageError, -1));
    }
    let fetched = broker.fetch("t", 0, 0).await;
    assert_eq!(values(&fetched), [(0, "kept".to_string())]);
    assert_eq!(fetched.high_watermark, 1);
    assert_eq!(broker.call(12, &MetadataRequest::default()).await.brokers.len(), 1);
    broker.disk.heal();
    let answer = broker.produce("t", 0, batch(&["later"])).await;
    assert_eq!(code(answer.error_code), ErrorCode::KafkaStorageError, "a failed sync is final");
}

#[tokio::test]
async fn pr_10_a_small_timeout_does_not_deny_a_batch_that_becomes_durable() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    for (expected, timeout_ms) in [i32::MIN, -1, 0, 1].into_iter().enumerate() {
        let mut request = produce_request(-1, "t", None, 9, 0, batch(&["a"]));
        request.timeout_ms = timeout_ms;
        let answer = only_partition(broker.call(9, &request).await);
        let told = (code(answer.error_code), answer.base_offset);
        assert_eq!(told, (ErrorCode::None, expected as i64), "timeout_ms {timeout_ms}");
    }
}
