//! Bytes that are no batches, or say what can't be: kept as they are, and named.

use super::*;
use crate::io::disk::faulty::Chance;
use crate::record::RecordError;
use crate::record::header::write_crc;

/// Both passes over one batch with a key "a" that a later batch supersedes; the cap on plain bytes is `cap`.
fn judge_capped(bytes: &[u8], parsed: &BatchHeader, cap: usize) -> (Option<Unreadable>, Vec<u8>, Verdict) {
    let mut map = map_for(100_000);
    let later = data(1 << 40, &[(Some("a"), Some("later"))]).build();
    let mut mapper = Mapper::new(&mut map, Transactions::new(Vec::new()), Offset::ZERO, cap);
    let noted = mapper.note(parsed, bytes).expect("room");
    assert!(noted.unreadable.is_none() || noted.keys == 0, "nothing is put of what can't be read");
    mapper.note(&header(&later), &later).expect("room");
    let no_one = |_| None;
    let rules = Rules {
        map: &map,
        now: NOW,
        dated: NOW,
        delete_retention_ms: RETENTION_MS,
        upto: Offset(i64::MAX),
        plain_bytes_max: cap,
        last_of_producer: &no_one,
    };
    let mut out = b"before".to_vec();
    let mut compactor = Compactor::new(rules, Transactions::new(Vec::new()));
    let verdict = compactor.batch(parsed, bytes, &mut out);
    assert_eq!(out[..6], *b"before");
    assert_eq!(compactor.stats().unreadable, u64::from(matches!(verdict, Verdict::Unreadable(_))));
    (noted.unreadable, out[6..].to_vec(), verdict)
}

fn judge(bytes: &[u8]) -> (Option<Unreadable>, Vec<u8>, Verdict) {
    judge_capped(bytes, &header(bytes), CAP)
}

fn check(bytes: &[u8], expected: Unreadable) {
    assert_eq!(judge(bytes), (Some(expected), bytes.to_vec(), Verdict::Unreadable(expected)));
}

fn batch() -> Vec<u8> {
    data(10, &[(Some("a"), Some("1")), (Some("b"), Some("1"))]).build().to_vec()
}

/// Bytes replaced at a position, and a fitting CRC.
fn with(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut batch = batch();
    batch[at..at + bytes.len()].copy_from_slice(bytes);
    write_crc(&mut batch);
    batch
}

#[test]
fn lengths_checksums_and_offsets_are_checked_first() {
    let whole = batch();
    assert_eq!(judge(&whole), (None, judge(&whole).1, Verdict::Rewritten), "the test's batch is sound");
    let mut torn = whole.clone();
    torn[70] ^= 1;
    let (stored, computed) = (header(&whole).crc, crate::record::header::batch_crc(&torn));
    check(&torn, Unreadable::Crc { stored, computed });
    let cut = &whole[..whole.len() - 1];
    let expected = Unreadable::Length { bytes: cut.len() as u64, expected: whole.len() as u64 };
    check(cut, expected);
    check(&with(0, &(-1i64).to_be_bytes()), Unreadable::Range);
    check(&with(0, &(i64::MAX - 1).to_be_bytes()), Unreadable::Range);
    check(&with(23, &(-1i32).to_be_bytes()), Unreadable::Range);
    check(&with(57, &(-1i32).to_be_bytes()), Unreadable::Range);
    check(&with(57, &3i32.to_be_bytes()), Unreadable::Range);
    check(&with(57, &i32::MAX.to_be_bytes()), Unreadable::Range);
}

#[test]
fn records_that_do_not_fit_their_batch_are_kept() {
    check(&with(57, &1i32.to_be_bytes()), Unreadable::Record(RecordError::LeftOver(1)));
    // One record too few for the last offset is what compaction leaves; one too far is not.
    check(&with(23, &0i32.to_be_bytes()), Unreadable::Range);
    let far = with(64, &[9]);
    assert_eq!(judge(&far).2, Verdict::Unreadable(Unreadable::Offset { offset: Offset(5) }));
    let twice = with(73, &[0]);
    assert_eq!(judge(&twice).2, Verdict::Unreadable(Unreadable::Offset { offset: Offset(10) }));
    check(&with(21, &7i16.to_be_bytes()), Unreadable::Record(RecordError::Compressed));
    check(&with(21, &4i16.to_be_bytes()), Unreadable::Record(RecordError::Compressed));
}

#[test]
fn bombs_are_not_opened() {
    let zeros = "\0".repeat(8 << 20);
    for codec in CODECS.into_iter().filter(|codec| *codec != Compression::None) {
        let bomb = data(10, &[(Some("a"), Some(&zeros)), (Some("b"), Some("1"))]).compression(codec).build();
        assert!(bomb.len() < 1 << 20, "{codec:?}");
        let over = Unreadable::Record(RecordError::OverCap);
        let found = judge_capped(&bomb, &header(&bomb), CAP);
        assert_eq!(found, (Some(over), bomb.to_vec(), Verdict::Unreadable(over)), "{codec:?}");
        assert_eq!(judge_capped(&bomb, &header(&bomb), 16 << 20).2, Verdict::Rewritten, "{codec:?}");
    }
}

#[test]
fn a_control_record_without_a_type_is_kept() {
    let check = |key: Option<&[u8]>, expected: Verdict| {
        let mut builder = marker(10, 1, true);
        builder.records[0].key = key.map(Bytes::copy_from_slice);
        let batch = builder.build();
        let (_, out, verdict) = judge(&batch);
        assert_eq!(
            (verdict, verdict == Verdict::Copied || verdict == Verdict::Unreadable(Unreadable::Marker)),
            (expected, out == batch)
        );
    };
    check(None, Verdict::Unreadable(Unreadable::Marker));
    check(Some(&[]), Verdict::Unreadable(Unreadable::Marker));
    check(Some(&[0, 0, 0]), Verdict::Unreadable(Unreadable::Marker));
    check(Some(&[0xff, 0xff, 0, 1]), Verdict::Unreadable(Unreadable::Marker));
    check(Some(&[0, 0, 0, 2]), Verdict::Copied);
    check(Some(&[0, 9, 0, 1, 7]), Verdict::Rewritten);
}

/// Times that can't be written against a horizon, or against the first record that is left.
#[test]
fn times_too_far_apart_are_kept() {
    type Timed<'a> = (i64, &'a [u8], Option<&'a [u8]>);
    let timed = |records: &[Timed<'_>]| {
        let builder = BatchBuilder { base_offset: Offset(10), ..BatchBuilder::new() };
        let push = |builder: BatchBuilder, (time, key, value): &(i64, &[u8], Option<&[u8]>)| {
            builder.push(Timestamp(*time), Some(key), *value)
        };
        records.iter().fold(builder, push).build()
    };
    let overflow = Verdict::Unreadable(Unreadable::Record(RecordError::Overflow));
    let tombstone = timed(&[(i64::MIN, b"x", None)]);
    assert_eq!(judge(&tombstone), (None, tombstone.to_vec(), overflow));
    let apart = timed(&[(0, b"a", Some(b"goes")), (-2, b"x", Some(b"1")), (i64::MAX, b"y", Some(b"1"))]);
    assert_eq!(judge(&apart), (None, apart.to_vec(), overflow));
}

/// The tombstone may delete what is in the unreadable batch, and the marker may end a transaction of it.
#[test]
fn what_follows_an_unreadable_batch_does_not_go_by_age() {
    let tombstone = data(20, &[(Some("x"), None), (Some("y"), Some("1"))]).build();
    let commit = marker(22, 1, true).build();
    let sound = [tombstone, commit];
    let first = split(&Pass::over(&sound).run().0);
    let later = |batches: &[Bytes]| Pass { now: Timestamp(NOW.0 + RETENTION_MS), ..Pass::over(batches) }.run().1;
    assert_eq!(later(&first), [Verdict::Rewritten, Verdict::Dropped]);
    let mut torn = batch();
    torn[70] ^= 1;
    let before = [&[Bytes::from(torn)], first.as_slice()].concat();
    assert_eq!(later(&before)[1..], [Verdict::Copied, Verdict::Copied]);
}

/// A codec's own damage, at every byte, with a fitting CRC. What is still readable may be judged; nothing may panic, and
/// what can't be read is copied.
#[test]
fn damage_is_kept_or_judged() {
    for codec in CODECS {
        let whole = data(10, &[(Some("a"), Some("11111111111111111")), (Some("b"), None)]).compression(codec).build();
        let mut chance = Chance::new(codec.id().into());
        for at in 21..whole.len() {
            let mut batch = whole.to_vec();
            batch[at] ^= 1 << chance.below(8);
            write_crc(&mut batch);
            let (unreadable, out, verdict) = judge(&batch);
            match verdict {
                Verdict::Unreadable(_) => assert_eq!(out, batch, "{codec:?} {at}"),
                _ => assert_eq!(unreadable, None, "{codec:?} {at}: both passes see the same"),
            }
        }
    }
}

#[test]
fn noise_is_kept() {
    let mut chance = Chance::new(1);
    for _ in 0..2_000 {
        let length = 61 + chance.below(200) as usize;
        let mut noise: Vec<u8> = (0..length).map(|_| chance.next() as u8).collect();
        noise[16] = 2;
        noise[8..12].copy_from_slice(&((length - 12) as i32).to_be_bytes());
        if chance.one_in(2) {
            // Past the first checks.
            noise[..8].copy_from_slice(&10i64.to_be_bytes());
            noise[23..27].copy_from_slice(&5i32.to_be_bytes());
            noise[57..61].copy_from_slice(&(chance.below(6) as i32).to_be_bytes());
            noise[21..23].copy_from_slice(&(chance.below(128) as i16).to_be_bytes());
            write_crc(&mut noise);
        }
        let (_, out, verdict) = judge(&noise);
        if matches!(verdict, Verdict::Unreadable(_)) {
            assert_eq!(out, noise);
        }
    }
}
