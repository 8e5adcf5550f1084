use super::*;
use crate::record::TimestampType;

/// Segments that a run of batches ends in: (records, value bytes, time after [`NOW`]) each.
fn segments(settings: &LogSettings, batches: &[(usize, usize, i64)]) -> Vec<i64> {
    let mut partition = Partition::new(settings.clone());
    let placed = |(count, bytes, time): &(usize, usize, i64)| {
        let placed = partition.place(&batch(*count, *bytes, NOW.0 + time), 0).placement;
        assert_eq!(placed.roll.is_some(), placed.base == placed.segment && placed.base.0 > 0);
        placed.segment.0
    };
    batches.iter().map(placed).collect()
}

#[test]
fn segments_roll_when_they_should() {
    let by_size = LogSettings { segment_bytes: 300, ..LogSettings::default() };
    let size = batch(1, 32, 0).build().len();
    assert_eq!(size, 100, "the sizes below count on it");
    assert_eq!(segments(&by_size, &[(1, 32, 0); 7]), [0, 0, 0, 3, 3, 3, 6], "exactly segment.bytes fits");
    let by_time = LogSettings { segment_ms: 1_000, ..LogSettings::default() };
    assert_eq!(
        segments(&by_time, &[(1, 1, 0), (1, 1, 1_000), (1, 1, 1_001), (1, 1, 500), (1, 1, 2_002)]),
        [0, 0, 2, 2, 4]
    );
    let by_index = LogSettings { index_bytes: 5 * 12, index_interval_bytes: 0, ..LogSettings::default() };
    assert_eq!(segments(&by_index, &[(1, 1, 0); 10]), [0, 0, 0, 0, 0, 0, 0, 0, 8, 8], "7 entries of 8 bytes are full");
    let rising: Vec<_> = (0..10).map(|n| (1, 1, n)).collect();
    assert_eq!(segments(&by_index, &rising), [0, 0, 0, 0, 0, 5, 5, 5, 5, 5], "4 time entries: one is kept for the end");
}

/// Without times in the records, the broker's time counts from the segment's begin.
#[test]
fn untimed_records_roll_by_the_brokers_time() {
    let settings = LogSettings { segment_ms: 1_000, ..LogSettings::default() };
    let bytes = batch(1, 1, -1).build();
    let header = header_of(&bytes);
    let mut tip = Tip::new(Offset::ZERO, 0);
    let mut segment = |after: i64| match tip.admit(&header, 80, Timestamp(NOW.0 + after), LeaderEpoch(0), &settings) {
        Ok(Admission::Append(placement)) => placement.segment.0,
        other => panic!("{other:?}"),
    };
    assert_eq!([segment(0), segment(1_000), segment(1_001), segment(1_002)], [0, 0, 2, 2]);
}

#[test]
fn jitter_brings_rolls_forward_the_same_way_each_time() {
    let settings = LogSettings { segment_ms: 1_000_000, segment_jitter_ms: 1_000_000, ..LogSettings::default() };
    let rolls: Vec<i64> = (0..20)
        .map(|seed| {
            let roll_at = || {
                let mut tip = Tip::new(Offset::ZERO, seed);
                (0..=1_001_000i64)
                    .step_by(1_000)
                    .find(|after| {
                        let header = header_of(&batch(1, 1, NOW.0 + after).build());
                        let admitted = tip.admit(&header, 80, Timestamp(NOW.0 + after), LeaderEpoch(0), &settings);
                        matches!(admitted, Ok(Admission::Append(Placement { roll: Some(_), .. })))
                    })
                    .expect("at segment.ms at the latest")
            };
            assert_eq!(roll_at(), roll_at(), "seed {seed}");
            roll_at()
        })
        .collect();
    let (least, most) = (rolls.iter().min().expect("20"), rolls.iter().max().expect("20"));
    assert!(*least < 300_000 && *most > 700_000, "spread over segment.ms: {rolls:?}");
}

#[test]
fn offsets_beyond_a_relative_index_roll() {
    let mut tip = Tip::new(Offset::ZERO, 0);
    let mut huge = header_of(&batch(1, 1, NOW.0).build());
    huge.last_offset_delta = i32::MAX - 1;
    let mut segment = || match tip.admit(&huge, 80, NOW, LeaderEpoch(0), &LogSettings::default()) {
        Ok(Admission::Append(placement)) => placement.segment.0,
        other => panic!("{other:?}"),
    };
    assert_eq!([segment(), segment()], [0, i64::from(i32::MAX)]);
}

#[test]
fn bad_appends_are_refused_and_change_nothing() {
    let mut partition =
        Partition::new(LogSettings { max_message_bytes: 200, segment_bytes: 150, ..LogSettings::default() });
    partition.place(&produced(1, 0, 0, 1), 0);
    let before = partition.tip.clone();
    let hour = 3_600_000;
    let range = |before: i64| (Timestamp(NOW.0.saturating_sub(before)), Timestamp(NOW.0 + hour));
    let mut check = |batch: BatchBuilder, before_max: i64, expected: AppendError| {
        partition.settings.timestamp_before_max_ms = before_max;
        assert_eq!(partition.admit(&batch, 0), Err(expected));
        assert_eq!(partition.tip, before);
    };
    check(batch(1, 150, NOW.0), i64::MAX, AppendError::TooLarge { size: 220, max: 200 });
    check(batch(1, 100, NOW.0), i64::MAX, AppendError::TooLargeForSegment { size: 170, max: 150 });
    let (earliest, latest) = range(hour);
    let late = Timestamp(latest.0 + 1);
    check(batch(1, 1, late.0), hour, AppendError::TimestampInvalid { timestamp: late, earliest, latest });
    let early = Timestamp(earliest.0 - 1);
    check(batch(1, 1, early.0), hour, AppendError::TimestampInvalid { timestamp: early, earliest, latest });
    let (producer, expected, got) = (ProducerId(1), Sequence(1), Sequence(2));
    check(produced(1, 0, 2, 1), hour, AppendError::OutOfOrderSequence { producer, expected, got });
    partition.settings.timestamp_before_max_ms = hour;
    for edge in [earliest, latest, Timestamp::NONE] {
        partition.admit(&batch(1, 1, edge.0), 0).expect("the edges, and no time at all, are allowed");
    }
    partition.settings.max_message_bytes = 71;
    partition.admit(&batch(1, 1, NOW.0), 0).expect("PR-3: a batch of exactly max.message.bytes is not refused");
}

/// PR-5: with LogAppendTime the broker's time counts, for duplicates the original's.
#[test]
fn append_time_replaces_the_producers() {
    let mut partition = Partition::new(LogSettings { message_timestamp_type: TimestampType::LogAppendTime, ..small() });
    let first = batch(2, 1, 5).producer(ProducerId(1), ProducerEpoch(0), Sequence(0));
    let placed = partition.place(&first, 0);
    assert_eq!((placed.placement.append_time, placed.placement.max_timestamp), (Some(NOW), NOW));
    partition.log.write(&[placed]).expect("the disk takes it");
    let again = partition.admit(&first, 0).expect("known");
    assert_eq!(again, Admission::Duplicate { base: Offset(0), last: Offset(1), timestamp: NOW });
    let found = partition.log.offset_for_timestamp(NOW, Offset::ZERO, Offset(2)).expect("readable").expect("found");
    assert_eq!((found.offset, found.timestamp), (Offset(0), NOW));
}

/// FE-13: where each epoch ended, as OffsetForLeaderEpoch answers it.
#[test]
fn epochs_know_their_ends() {
    let mut partition = Partition::new(LogSettings::default());
    let ask = |partition: &Partition, epoch: i32| {
        let (epoch, end) = partition.tip.epoch_end(LeaderEpoch(epoch));
        (epoch.0, end.0)
    };
    assert_eq!(ask(&partition, 0), (-1, -1), "nothing is known yet");
    partition.tip.begin_epoch(LeaderEpoch(1));
    assert_eq!(ask(&partition, 1), (1, 0));
    partition.tip.begin_epoch(LeaderEpoch(2));
    partition.append(&batch(10, 1, NOW.0), 2);
    partition.append(&batch(5, 1, NOW.0), 4);
    partition.tip.begin_epoch(LeaderEpoch(7));
    let rows = [
        (-1, (-1, -1)),
        (0, (0, 0)),
        (1, (1, 0)),
        (2, (2, 10)),
        (3, (2, 10)),
        (4, (4, 15)),
        (5, (4, 15)),
        (7, (7, 15)),
    ];
    for (epoch, answer) in rows {
        assert_eq!(ask(&partition, epoch), answer, "epoch {epoch}");
    }
    assert_eq!(ask(&partition, 8), (-1, -1));
    let entries = partition.tip.epochs().entries();
    assert_eq!(entries, [(LeaderEpoch(2), Offset(0)), (LeaderEpoch(4), Offset(10)), (LeaderEpoch(7), Offset(15))]);
    let at = |offset| partition.tip.epochs().at(Offset(offset)).0;
    assert_eq!([at(0), at(9), at(10), at(14), at(15)], [2, 2, 4, 4, 7]);
}

#[test]
fn the_log_start_only_rises_and_stays_in_the_log() {
    let mut partition = Partition::new(LogSettings::default());
    partition.append(&batch(10, 1, NOW.0), 0);
    for (to, expected) in [(4, 4), (2, 4), (100, 10)] {
        partition.tip.set_log_start(Offset(to));
        assert_eq!(partition.tip.log_start(), Offset(expected));
    }
}

#[test]
fn epochs_before_the_log_start_are_forgotten() {
    let mut partition = Partition::new(LogSettings::default());
    for epoch in [2, 4, 7] {
        partition.append(&batch(10, 1, NOW.0), epoch);
    }
    let mut check = |start: i64, entries: &[(i32, i64)]| {
        partition.tip.set_log_start(Offset(start));
        let left: Vec<_> = partition.tip.epochs().entries().iter().map(|(epoch, at)| (epoch.0, at.0)).collect();
        assert_eq!(left, entries, "log start {start}");
    };
    check(0, &[(2, 0), (4, 10), (7, 20)]);
    check(5, &[(2, 5), (4, 10), (7, 20)]);
    check(10, &[(4, 10), (7, 20)]);
    check(30, &[(7, 30)]);
}

#[test]
fn offsets_run_out_by_name() {
    let mut tip = Tip::new(Offset(i64::MAX - 3), 0);
    let header = header_of(&batch(3, 1, NOW.0).build());
    let refused = tip.admit(&header, 80, NOW, LeaderEpoch(0), &LogSettings::default());
    assert_eq!(refused, Err(AppendError::OffsetsExhausted { end: Offset(i64::MAX - 3) }));
}
