//! The second pass, rule by rule.

use super::*;
use crate::record::TimestampType;

const LATER: Timestamp = Timestamp(NOW.0 + RETENTION_MS);

fn known(last_data_offset: Option<i64>, epoch: i16) -> impl Fn(ProducerId) -> Option<LastRecord> {
    move |_| Some(LastRecord { last_data_offset: last_data_offset.map(Offset), epoch: ProducerEpoch(epoch) })
}

#[test]
fn only_the_last_record_of_a_key_is_kept() {
    let batches = [
        data(0, &[(Some("a"), Some("1")), (Some("b"), Some("1")), (Some("a"), Some("2"))]).build(),
        data(3, &[(Some("a"), Some("3"))]).build(),
        data(4, &[(Some("c"), Some("4"))]).build(),
        data(5, &[(Some("b"), Some("5")), (Some(""), Some("5"))]).build(),
    ];
    let (out, verdicts, stats) = Pass::over(&batches).run();
    assert_eq!(offsets(&out), [3, 4, 5, 6]);
    assert_eq!(verdicts, [Verdict::Dropped, Verdict::Copied, Verdict::Copied, Verdict::Copied]);
    assert_eq!(out, batches[1..].concat(), "byte by byte");
    assert_eq!((stats.records_kept, stats.records_removed), (4, 3));
}

#[test]
fn what_is_beyond_the_map_is_kept() {
    let batches = [data(0, &[(Some("a"), Some("1")), (None, Some("1")), (Some("a"), Some("2"))]).build()];
    let map = map_for(1);
    let no_one = |_| None;
    let rules = Rules {
        map: &map,
        now: NOW,
        delete_retention_ms: 0,
        upto: Offset(9),
        plain_bytes_max: CAP,
        last_of_producer: &no_one,
    };
    let mut compactor = Compactor::new(rules, Transactions::new(Vec::new()));
    let mut out = Vec::new();
    assert_eq!(compactor.batch(&header(&batches[0]), &batches[0], &mut out), Verdict::Copied);
    assert_eq!(out, batches[0]);
}

#[test]
fn records_without_a_key_are_dropped_and_counted() {
    let batches = [data(0, &[(None, Some("1")), (Some("a"), Some("1")), (None, None)]).build()];
    let (out, verdicts, stats) = Pass::over(&batches).run();
    assert_eq!((offsets(&out), stats.keyless, verdicts[0]), (vec![1], 2, Verdict::Rewritten));
}

#[test]
fn a_tombstone_gets_a_horizon_and_goes_behind_it() {
    let batches = [
        data(0, &[(Some("a"), Some("1")), (Some("b"), Some("1"))]).build(),
        data(2, &[(Some("a"), None), (Some("c"), Some("2"))]).build(),
    ];
    let (out, verdicts, _) = Pass::over(&batches).run();
    assert_eq!((offsets(&out), verdicts), (vec![1, 2, 3], vec![Verdict::Rewritten, Verdict::Rewritten]));
    let first = split(&out);
    let (before, after) = (header(&batches[1]), header(&first[1]));
    assert_eq!((before.delete_horizon(), after.delete_horizon()), (None, Some(LATER)));
    assert_eq!((after.base_timestamp, after.max_timestamp), (LATER, NOW));
    assert_eq!(decode(&first[1]), decode(&batches[1]), "times are those of before");

    let again = |now: Timestamp| Pass { now, ..Pass::over(&first) }.run();
    assert_eq!(again(Timestamp(LATER.0 - 1)).0, out, "a horizon is set once");
    let (out, verdicts, _) = again(LATER);
    assert_eq!((offsets(&out), verdicts), (vec![1, 3], vec![Verdict::Copied, Verdict::Rewritten]));
    let last = header(&split(&out)[1]);
    assert_eq!((last.delete_horizon(), last.record_count), (Some(LATER), 1), "Kafka keeps the horizon, too");
}

#[test]
fn retention_without_end_sets_no_horizon() {
    let batch = data(0, &[(Some("a"), None)]).build();
    let map = map_for(1);
    let no_one = |_| None;
    let rules = Rules {
        map: &map,
        now: NOW,
        delete_retention_ms: i64::MAX,
        upto: Offset(9),
        plain_bytes_max: CAP,
        last_of_producer: &no_one,
    };
    let mut out = Vec::new();
    let verdict = Compactor::new(rules, Transactions::new(Vec::new())).batch(&header(&batch), &batch, &mut out);
    assert_eq!((verdict, out), (Verdict::Copied, batch.to_vec()));
}

#[test]
fn a_rewritten_batch_keeps_what_readers_and_producers_go_by() {
    for codec in CODECS {
        let header_of_record =
            vec![(Bytes::from_static(b"h"), None), (Bytes::from_static(b"h"), Some(Bytes::from_static(b"1")))];
        let record = |time: i64, key: &'static str| NewRecord {
            timestamp: Timestamp(time),
            key: Some(Bytes::from_static(key.as_bytes())),
            value: Some(Bytes::from_static(b"v")),
            headers: header_of_record.clone(),
        };
        let builder = BatchBuilder { base_offset: Offset(10), leader_epoch: LeaderEpoch(5), ..BatchBuilder::new() };
        let builder = builder.compression(codec).producer(ProducerId(4), ProducerEpoch(2), Sequence(77));
        let builder = ["a", "b", "c", "b"]
            .iter()
            .zip([700, 500, 900, 600])
            .fold(builder, |builder, (key, time)| builder.record(record(time, key)));
        let batches = [builder.build(), data(14, &[(Some("a"), Some("1")), (Some("c"), Some("1"))]).build()];
        let (out, verdicts, _) = Pass::over(&batches).run();
        assert_eq!(verdicts, [Verdict::Rewritten, Verdict::Copied]);
        let rewritten = &split(&out)[0];
        let (before, after) = (header(&batches[0]), header(rewritten));
        let expected = BatchHeader {
            batch_length: after.batch_length,
            crc: after.crc,
            base_timestamp: Timestamp(600),
            max_timestamp: Timestamp(600),
            record_count: 1,
            ..before
        };
        assert_eq!(after, expected, "{codec:?}");
        assert_eq!((after.last_offset(), after.last_sequence()), (Offset(13), Sequence(80)));
        assert_eq!(decode(rewritten), decode(&batches[0])[3..], "{codec:?}");
    }
}

#[test]
fn the_brokers_time_stays_that_of_the_batch() {
    let builder = data(0, &[(Some("a"), Some("1")), (Some("b"), None)]);
    let batches = [
        BatchBuilder { timestamp_type: TimestampType::LogAppendTime, ..builder }.build(),
        data(2, &[(Some("a"), Some("2"))]).build(),
    ];
    let (out, _, _) = Pass::over(&batches).run();
    let after = &split(&out)[0];
    assert_eq!((header(after).max_timestamp, header(after).timestamp_type()), (NOW, TimestampType::LogAppendTime));
    assert_eq!((decode(after)[0].timestamp, header(after).delete_horizon()), (NOW, Some(LATER)));
}

#[test]
fn the_last_batch_of_a_known_producer_keeps_its_header() {
    let builder = data(0, &[(Some("a"), Some("1")), (Some("b"), None)]).compression(Compression::Zstd);
    let batches = [
        builder.producer(ProducerId(4), ProducerEpoch(2), Sequence(77)).build(),
        data(2, &[(Some("a"), Some("2")), (Some("b"), Some("2"))]).build(),
    ];
    let check = |last: &dyn Fn(ProducerId) -> Option<LastRecord>, expected: Verdict| {
        let (out, verdicts, _) = Pass { last, ..Pass::over(&batches) }.run();
        assert_eq!(verdicts, [expected, Verdict::Copied]);
        out
    };
    check(&|_| None, Verdict::Dropped);
    check(&known(Some(2), 2), Verdict::Dropped);
    check(&known(None, 2), Verdict::Dropped);
    let out = check(&known(Some(1), 2), Verdict::Emptied);
    let left = split(&out);
    let (before, after) = (header(&batches[0]), header(&left[0]));
    let expected = BatchHeader {
        batch_length: 49,
        crc: after.crc,
        attributes: 0,
        base_timestamp: Timestamp::NONE,
        record_count: 0,
        ..before
    };
    assert_eq!(after, expected);
    assert_eq!(after.last_sequence(), Sequence(78));
    // Later passes keep it as long as the producer is known, and as it is.
    let again = |last: &dyn Fn(ProducerId) -> Option<LastRecord>| Pass { last, ..Pass::over(&left) }.run();
    assert_eq!(again(&known(Some(1), 2)).0, out);
    assert_eq!(again(&known(Some(9), 2)).1, [Verdict::Dropped, Verdict::Copied]);
}

#[test]
fn a_batch_without_a_producer_keeps_no_header_for_one() {
    let batches = [data(0, &[(Some("a"), Some("1"))]).build(), data(1, &[(Some("a"), Some("2"))]).build()];
    let last = known(Some(0), 0);
    assert_eq!(Pass { last: &last, ..Pass::over(&batches) }.run().1, [Verdict::Dropped, Verdict::Copied]);
}

#[test]
fn the_last_batch_of_the_pass_keeps_its_header() {
    let batches = [data(0, &[(Some("a"), Some("1"))]).build(), data(1, &[(None, Some("2"))]).build()];
    let (out, verdicts, _) = Pass { upto: Offset(2), ..Pass::over(&batches) }.run();
    assert_eq!(verdicts, [Verdict::Copied, Verdict::Emptied]);
    assert_eq!(header(&split(&out)[1]).next_offset(), Offset(2));
}

#[test]
fn aborted_data_goes_and_its_marker_follows() {
    let aborted = vec![Aborted { producer: ProducerId(4), first: Offset(1), last: Offset(3) }];
    let batches = [
        data(0, &[(Some("a"), Some("1"))]).build(),
        transactional(1, 4, 0, &[(Some("a"), Some("aborted")), (Some("b"), None)]).build(),
        marker(3, 4, false).build(),
        transactional(4, 4, 2, &[(Some("c"), Some("4"))]).build(),
        marker(5, 4, true).build(),
    ];
    let pass = |batches: &[Bytes], now: Timestamp, last: &dyn Fn(ProducerId) -> Option<LastRecord>| {
        let (out, verdicts, _) = Pass { aborted: aborted.clone(), now, last, ..Pass::over(batches) }.run();
        (split(&out), verdicts)
    };
    let (left, verdicts) = pass(&batches, NOW, &|_| None);
    let copied = Verdict::Copied;
    assert_eq!(verdicts, [copied, Verdict::Dropped, copied, copied, copied], "the older value is not superseded");
    let (left, verdicts) = pass(&left, NOW, &|_| None);
    assert_eq!(verdicts, [copied, Verdict::Rewritten, copied, copied], "data is gone: the marker gets a horizon");
    assert_eq!((header(&left[1]).delete_horizon(), decode(&left[1])), (Some(LATER), decode(&batches[2])));
    assert!(header(&left[1]).is_control() && header(&left[1]).is_transactional());
    assert_eq!(pass(&left, Timestamp(LATER.0 - 1), &|_| None).1, [copied; 4]);
    assert_eq!(pass(&left, LATER, &|_| None).1, [copied, Verdict::Dropped, copied, copied]);
    // The marker is all that is known of the producer: its header stays, and stays again.
    let (left, verdicts) = pass(&left, LATER, &known(None, 0));
    assert_eq!(verdicts, [copied, Verdict::Emptied, copied, copied]);
    assert_eq!(pass(&left, LATER, &known(None, 0)).1, [copied; 4], "as it is");
    assert_eq!(pass(&left, LATER, &known(None, 1)).1, [copied, Verdict::Dropped, copied, copied], "another epoch");
}

#[test]
fn the_marker_of_a_committed_transaction_goes_after_its_data() {
    let batches = [
        transactional(0, 4, 0, &[(Some("a"), Some("1"))]).build(),
        marker(1, 4, true).build(),
        data(2, &[(Some("a"), Some("2"))]).build(),
    ];
    let pass = |batches: &[Bytes], now: Timestamp| {
        let (out, verdicts, _) = Pass { now, ..Pass::over(batches) }.run();
        (split(&out), verdicts)
    };
    let copied = Verdict::Copied;
    let (left, verdicts) = pass(&batches, NOW);
    assert_eq!(verdicts, [Verdict::Dropped, copied, copied]);
    let (left, verdicts) = pass(&left, NOW);
    assert_eq!(verdicts, [Verdict::Rewritten, copied]);
    assert_eq!(pass(&left, LATER).1, [Verdict::Dropped, copied]);
}

#[test]
fn aborted_data_of_a_known_producer_keeps_its_header_only() {
    let aborted = vec![Aborted { producer: ProducerId(4), first: Offset(0), last: Offset(2) }];
    let batches = [
        transactional(0, 4, 0, &[(Some("a"), Some("1")), (Some("b"), Some("1"))]).build(),
        marker(2, 4, false).build(),
    ];
    let last = known(Some(1), 0);
    let (out, verdicts, stats) = Pass { aborted: aborted.clone(), last: &last, ..Pass::over(&batches) }.run();
    assert_eq!((verdicts, stats.records_removed), (vec![Verdict::Emptied, Verdict::Copied], 2));
    let left = split(&out);
    assert!(header(&left[0]).is_transactional());
    // The empty batch is still one of the transaction: the marker stays as long as it does.
    assert_eq!(Pass { aborted, last: &last, now: LATER, ..Pass::over(&left) }.run().0, out);
}
