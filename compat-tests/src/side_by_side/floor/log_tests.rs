//! What the index says is what the file holds, however often it wraps; a plan has the batches it should have.

use super::Log;
use crate::rng::Rng;
use kafka_protocol::ResponseError;
use std::collections::VecDeque;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;

const WRAP_BYTES: u64 = 10_000;
const APPENDS: usize = 2_000;
/// Larger than one piece of anything here.
const NO_LIMIT: usize = 1 << 20;

/// Something that is as good as a batch for a log: a first offset and a fill.
fn batch(rng: &mut Rng) -> Vec<u8> {
    let bytes = usize::try_from(rng.between(8, 1500)).expect("small");
    vec![u8::try_from(rng.below(256)).expect("a byte"); bytes]
}

/// Reads all that a log says is readable, `limit` bytes at a time, and compares it with the batches that it must be.
fn check(log: &Log, limit: usize, batches: &VecDeque<(i64, Vec<u8>)>) {
    let (mut batches, mut offset) = (batches.iter().peekable(), log.start());
    while let Some(run) = log.plan(offset, limit, true).expect("readable") {
        let mut bytes = vec![0; run.bytes];
        run.file.read_exact_at(&mut bytes, run.position).expect("the file has it");
        let (mut expected, mut count) = (Vec::<u8>::new(), 0);
        while expected.len() < bytes.len() {
            let (base_offset, batch) = batches.next().expect("no more than was appended");
            assert!(*base_offset == run.base_offset || count > 0);
            expected.extend(batch);
            count += 1;
        }
        assert!(expected == bytes, "other bytes than appended from {offset} on");
        assert!(bytes.len() <= limit || count == 1, "{} bytes, {count} batches", bytes.len());
        offset = batches.peek().map_or(log.end(), |(base_offset, _)| *base_offset);
    }
    assert_eq!((offset, batches.next()), (log.end(), None));
}

#[test]
fn the_index_says_what_the_file_holds() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut rng = Rng::new(7);
    let mut log = Log::new(dir.path().join("t-0.log"), NonZeroU64::new(WRAP_BYTES));
    let mut batches: VecDeque<(i64, Vec<u8>)> = VecDeque::new();
    for _ in 0..APPENDS {
        let (mut appended, offsets) = (batch(&mut rng), i64::try_from(rng.between(1, 9)).expect("small"));
        let base = log.append(&mut appended, offsets).expect("it is smaller than the wrap");
        assert_eq!(appended[..8], base.to_be_bytes());
        batches.push_back((base, appended));
        batches.retain(|(base, _)| *base >= log.start());
        for limit in [NO_LIMIT, 3000, 1] {
            check(&log, limit, &batches);
        }
    }
    assert!(log.start() > 0, "it has wrapped");
    let kept: usize = batches.iter().map(|(_, batch)| batch.len()).sum();
    assert!(kept as u64 > WRAP_BYTES / 2, "no more is given up than must be: {kept} bytes are left");
    let file = std::fs::metadata(dir.path().join("t-0.log")).expect("a file");
    assert!(file.len() <= WRAP_BYTES);
}

#[test]
fn what_is_not_there_is_out_of_range() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = Log::new(dir.path().join("t-0.log"), None);
    assert!(log.plan(0, NO_LIMIT, true).expect("the end").is_none());
    log.append(&mut [0; 100], 10).expect("appended");
    assert!(log.plan(10, NO_LIMIT, true).expect("the end").is_none());
    assert!(log.plan(9, NO_LIMIT, true).expect("in the batch").is_some_and(|run| run.base_offset == 0));
    assert!(log.plan(0, 99, false).expect("readable").is_none());
    assert!(matches!(log.plan(11, NO_LIMIT, true), Err(ResponseError::OffsetOutOfRange)));
    assert!(matches!(log.plan(-1, NO_LIMIT, true), Err(ResponseError::OffsetOutOfRange)));
}

#[test]
fn a_batch_that_is_larger_than_the_wrap_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = Log::new(dir.path().join("t-0.log"), NonZeroU64::new(100));
    assert!(matches!(log.append(&mut [0; 101], 1), Err(ResponseError::MessageTooLarge)));
    log.append(&mut [0; 100], 1).expect("it fits");
    log.append(&mut [0; 100], 1).expect("it fits in the place of the first");
    assert_eq!((log.start(), log.end()), (1, 2));
}
