use super::*;
use crate::log::producers::Producers;
use crate::log::snapshot::{self, SnapshotError};
use proptest::prelude::*;
use std::time::Duration;

/// What a batch is answered with, short enough for a table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Answer {
    At(i64),
    Again(i64),
    Gap,
    Old(i64),
    Fenced,
}
use Answer::*;

fn answer(partition: &mut Partition, batch: &BatchBuilder) -> Answer {
    match partition.admit(batch, 0) {
        Ok(Admission::Append(placement)) => At(placement.base.0),
        Ok(Admission::Duplicate { base, last, .. }) => {
            assert_eq!(last.0 - base.0 + 1, batch.records.len() as i64);
            Again(base.0)
        }
        Err(AppendError::OutOfOrderSequence { .. }) => Gap,
        Err(AppendError::DuplicateSequence { below, .. }) => Old(below.0),
        Err(AppendError::ProducerFenced { .. }) => Fenced,
        Err(other) => panic!("{other}"),
    }
}

/// Runs (producer, epoch, sequence, count, answer) rows against one partition.
fn check(rows: &[(i64, i16, i32, usize, Answer)]) {
    let mut partition = Partition::new(LogSettings::default());
    for (index, (id, epoch, sequence, count, expected)) in rows.iter().enumerate() {
        let got = answer(&mut partition, &produced(*id, *epoch, *sequence, *count));
        assert_eq!(got, *expected, "row {index}: {:?}", rows[index]);
    }
}

/// PR-6: any of the last five batches is answered with its first offset and not appended.
#[test]
fn the_last_five_batches_are_recognised() {
    let mut rows: Vec<_> = (0..7).map(|n| (1, 0, n * 2, 2, At(i64::from(n) * 2))).collect();
    rows.extend((2..7).rev().map(|n| (1, 0, n * 2, 2, Again(i64::from(n) * 2))));
    rows.push((1, 0, 2, 2, Old(4)));
    rows.push((1, 0, 0, 2, Old(4)));
    rows.push((1, 0, 14, 1, At(14)));
    rows.push((1, 0, 4, 2, Old(6)));
    check(&rows);
}

/// PR-7: gaps, and what overlaps a known batch without being it.
#[test]
fn what_does_not_follow_is_out_of_order() {
    let first = [(1, 0, 0, 3, At(0)), (1, 0, 3, 3, At(3))];
    let row = |sequence, count, answer| check(&[&first[..], &[(1, 0, sequence, count, answer)]].concat());
    row(6, 1, At(6));
    row(7, 1, Gap);
    row(1_000_000, 1, Gap);
    row(i32::MAX, 1, Gap);
    row(0, 3, Again(0));
    row(3, 3, Again(3));
    row(0, 6, Gap);
    row(0, 2, Gap);
    row(1, 2, Gap);
    row(4, 2, Gap);
    row(5, 3, Gap);
}

#[test]
fn epochs_fence_and_begin_at_zero() {
    check(&[
        (1, 3, 0, 1, At(0)),
        (1, 3, 1, 1, At(1)),
        (1, 2, 2, 1, Fenced),
        (1, 2, 0, 1, Fenced),
        (1, 4, 2, 1, Gap),
        (1, 3, 2, 1, At(2)),
        (1, 4, 0, 1, At(3)),
        (1, 4, 0, 1, Again(3)),
        (1, 3, 3, 1, Fenced),
        (1, 4, 1, 1, At(4)),
        (1, i16::MAX, 0, 1, At(5)),
    ]);
}

/// PR-7: after its state was forgotten a producer goes on where it was; what it wrote before is not called a duplicate.
#[test]
fn unknown_producers_begin_anywhere() {
    let mut rows = vec![(1, 5, 700, 2, At(0)), (1, 5, 702, 1, At(2)), (1, 5, 690, 10, Gap), (1, 5, 699, 1, Gap)];
    rows.extend((0..6).map(|n| (1, 5, 703 + n, 1, At(3 + i64::from(n)))));
    rows.extend([(1, 5, 700, 2, Old(4)), (1, 5, 702, 1, Old(4)), (1, 5, 699, 1, Gap), (1, 5, 699, 2, Gap)]);
    check(&rows);
}

#[test]
fn sequences_wrap() {
    check(&[
        (1, 0, i32::MAX - 2, 2, At(0)),
        (1, 0, i32::MAX, 3, At(2)),
        (1, 0, i32::MAX, 3, Again(2)),
        (1, 0, 2, 1, At(5)),
        (1, 0, 3, 1, At(6)),
        (1, 0, 4, 1, At(7)),
        (1, 0, 5, 1, At(8)),
        (1, 0, i32::MAX, 3, Again(2)),
        (1, 0, i32::MAX - 2, 2, Old(2)),
        (1, 0, 6, 1, At(9)),
        (1, 0, i32::MAX, 3, Old(5)),
        (1, 0, i32::MAX - 3, 1, Gap),
        (1, 0, 8, 1, Gap),
    ]);
    check(&[(1, 0, i32::MAX, 1, At(0)), (1, 0, 0, 1, At(1)), (1, 0, i32::MAX, 1, Again(0)), (1, 0, 1, 1, At(2))]);
}

#[test]
fn producers_do_not_meet() {
    check(&[
        (1, 0, 0, 1, At(0)),
        (2, 0, 0, 1, At(1)),
        (1, 0, 0, 1, Again(0)),
        (2, 0, 0, 1, Again(1)),
        (-1, -1, -1, 1, At(2)),
        (-1, -1, -1, 1, At(3)),
        (2, 0, 1, 1, At(4)),
    ]);
}

#[test]
fn silence_is_forgotten_by_monotonic_time() {
    let mut partition = Partition::new(LogSettings { producer_expiration_ms: 10_000, ..small() });
    let settings = partition.settings.clone();
    let at = Duration::from_secs;
    assert_eq!(answer(&mut partition, &produced(1, 0, 0, 1)), At(0));
    assert_eq!(partition.tip.expire_producers(at(100), &settings), 0, "the first pass notes that it was active");
    assert_eq!(answer(&mut partition, &produced(2, 0, 0, 1)), At(1));
    assert_eq!(partition.tip.expire_producers(at(109), &settings), 0);
    assert_eq!(answer(&mut partition, &produced(2, 0, 1, 1)), At(2));
    assert_eq!(partition.tip.expire_producers(at(110), &settings), 1);
    assert!(partition.tip.producers().get(ProducerId(1)).is_none());
    assert_eq!(answer(&mut partition, &produced(1, 0, 9, 1)), At(3), "any sequence is accepted again");
    assert_eq!(partition.tip.expire_producers(at(500), &settings), 1, "one of the two appended since the last pass");
    assert!(partition.tip.producers().get(ProducerId(1)).is_some());
    assert_eq!(partition.tip.expire_producers(at(510), &settings), 1);
}

/// A flood of producer ids does not grow the state past its limit, and the newest stay.
#[test]
fn producers_are_capped() {
    let mut partition = Partition::new(LogSettings { producers_max: 100, ..LogSettings::default() });
    for id in 0..1_000 {
        assert_eq!(answer(&mut partition, &produced(id, 0, 0, 1)), At(id));
        assert!(partition.tip.producers().len() <= 100);
        assert!(partition.tip.producers().get(ProducerId((id - 50).max(0))).is_some(), "after {id}");
    }
}

#[test]
fn snapshots_are_kafkas_format() {
    let mut partition = Partition::new(LogSettings::default());
    for sequence in 0..7 {
        partition.append(&produced(5, 1, sequence, 1), 0);
    }
    partition.append(&produced(3, 0, 0, 2), 0);
    let bytes = snapshot::encode(partition.tip.producers());
    assert_eq!(bytes.len(), 10 + 7 * 46);
    assert_eq!(bytes[..2], [0, 1], "version");
    assert_eq!(bytes[6..10], [0, 0, 0, 7], "one entry of producer 3, six of producer 5");
    let entry = |at: usize| &bytes[10 + at * 46..10 + (at + 1) * 46];
    let [zero, one, nine, none] = [0u8, 1, 8, 0xff];
    let last_of_3 = [&[0, 0, 0, 0, 0, 0, 0, 3][..], &[0, zero], &[0, 0, 0, one], &[0, 0, 0, 0, 0, 0, 0, nine]].concat();
    assert_eq!(entry(0)[..22], last_of_3, "id, epoch, last sequence, last offset");
    assert_eq!(entry(0)[22..26], [0, 0, 0, 1], "offset delta");
    assert_eq!(entry(0)[26..34], (NOW.0 + 1).to_be_bytes(), "timestamp");
    assert_eq!(entry(0)[34..46], [none; 12], "no coordinator, no transaction");
    let sequences: Vec<_> = (1..7).map(|at| entry(at)[13]).collect();
    assert_eq!(sequences, [0, 2, 3, 4, 5, 6], "the first of the epoch, then the last five; Kafka reads the last entry");
    assert_eq!(&snapshot::decode(&bytes).expect("own format"), partition.tip.producers());
}

#[test]
fn damaged_snapshots_are_named() {
    let mut partition = Partition::new(LogSettings::default());
    partition.append(&produced(5, 1, 0, 1), 0);
    let good = snapshot::encode(partition.tip.producers());
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(snapshot::decode(&flipped).is_err(), "bit {bit}");
    }
    for end in 0..good.len() {
        assert!(snapshot::decode(&good[..end]).is_err(), "cut at {end}");
    }
    let mut newer = good.clone();
    newer[1] = 2;
    assert_eq!(snapshot::decode(&newer), Err(SnapshotError::Version(2)));
    assert_eq!(snapshot::decode(&snapshot::encode(&Producers::default())), Ok(Producers::default()));
}

/// Steps of some producers: who, how the sequence is chosen, how many records, whether the epoch rises first.
fn steps() -> impl Strategy<Value = Vec<(i64, u8, usize, bool)>> {
    prop::collection::vec((0i64..4, 0u8..8, 1usize..4, prop::bool::weighted(0.1)), 1..120)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// The answers are those of a model that keeps every batch; a sequence is accepted once or answered with its offset.
    #[test]
    fn a_sequence_is_appended_once(steps in steps()) {
        let mut partition = Partition::new(small());
        let mut next: std::collections::HashMap<i64, (i16, i32)> = Default::default();
        let mut known: std::collections::HashMap<(i64, i16, i32, usize), i64> = Default::default();
        for (id, choice, count, bump) in steps {
            let (epoch, expected) = next.get(&id).copied().unwrap_or((0, 0));
            let (epoch, expected) = if bump { (epoch + 1, 0) } else { (epoch, expected) };
            let sequence = match choice { 0..=4 => expected, 5 | 6 => (expected - i32::from(choice)).max(0), _ => expected + 3 };
            let end = partition.tip.end().0;
            match answer(&mut partition, &produced(id, epoch, sequence, count)) {
                At(at) => {
                    prop_assert_eq!(at, end);
                    prop_assert!(sequence == expected || !next.contains_key(&id));
                    prop_assert!(known.insert((id, epoch, sequence, count), at).is_none());
                    next.insert(id, (epoch, sequence + count as i32));
                }
                Again(at) => prop_assert_eq!(known.get(&(id, epoch, sequence, count)), Some(&at)),
                Old(below) => {
                    let original = known.iter().filter(|((of, e, s, n), _)| {
                        (*of, *e) == (id, epoch) && *s <= sequence && sequence < *s + *n as i32
                    });
                    prop_assert!(original.count() > 0, "called a duplicate but never appended");
                    prop_assert!(below <= end);
                }
                Gap => prop_assert!(sequence != expected || !known.contains_key(&(id, epoch, sequence, count))),
                Fenced => prop_assert!(false, "no step uses an older epoch"),
            }
        }
    }

    /// PR-8: whatever was appended, opening after a crash or a clean end gives the same state.
    #[test]
    fn state_survives_a_restart_exactly(steps in steps(), kill_at in 0usize..120, clean in any::<bool>()) {
        let mut partition = Partition::new(LogSettings { producers_max: 3, ..small() });
        let mut next: std::collections::HashMap<i64, (i16, i32)> = Default::default();
        for (index, (id, _, count, bump)) in steps.into_iter().enumerate() {
            let (epoch, sequence) = next.get(&id).copied().unwrap_or((0, 0));
            let (epoch, sequence) = if bump { (epoch + 1, 0) } else { (epoch, sequence) };
            partition.append(&produced(id, epoch, sequence, count), 0);
            next.insert(id, (epoch, sequence + count as i32));
            if index == kill_at {
                let disk = partition.disk.kill();
                partition.reopen(disk, OpenHow::AfterCrash);
            }
        }
        let how = if clean { partition.close(); OpenHow::Clean } else { OpenHow::AfterCrash };
        let (_, tip, report) = Partition::open(&partition.disk.kill(), &partition.settings, how);
        prop_assert_eq!(&tip.producers, &partition.tip.producers);
        prop_assert_eq!((tip.end, &tip.epochs), (partition.tip.end, &partition.tip.epochs));
        prop_assert_eq!(report, OpenReport::default());
    }
}
