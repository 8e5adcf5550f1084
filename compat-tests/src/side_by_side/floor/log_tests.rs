//! What the index says is what the file holds; a plan has the batches it should have.

use super::Log;
use crate::rng::Rng;
use kafka_protocol::ResponseError;
use std::os::unix::fs::FileExt;

const APPENDS: usize = 200;
/// Larger than one piece of anything here.
const NO_LIMIT: usize = 1 << 20;

/// Something that is as good as a batch for a log: a first offset and a fill.
fn batch(rng: &mut Rng) -> Vec<u8> {
    let bytes = usize::try_from(rng.between(8, 1500)).expect("small");
    vec![u8::try_from(rng.below(256)).expect("a byte"); bytes]
}

/// Reads all that a log says is readable, `limit` bytes at a time, and compares it with the batches that it must be.
fn check(log: &Log, limit: usize, batches: &[(i64, Vec<u8>)]) {
    let (mut batches, mut offset) = (batches.iter().peekable(), Log::START);
    while let Some(run) = log.plan(offset, limit, true).expect("readable") {
        let mut bytes = vec![0; run.bytes];
        run.file.read_exact_at(&mut bytes, run.position).expect("the file has it");
        let (mut expected, mut count) = (Vec::<u8>::new(), 0);
        while expected.len() < bytes.len() {
            let (_, batch) = batches.next().expect("no more than was appended");
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
    let mut log = Log::new(dir.path().join("t-0.log"));
    let mut batches = Vec::new();
    for _ in 0..APPENDS {
        let (mut appended, offsets) = (batch(&mut rng), i64::try_from(rng.between(1, 9)).expect("small"));
        let base = log.append(&mut appended, offsets).expect("appended");
        assert_eq!(appended[..8], base.to_be_bytes());
        batches.push((base, appended));
        for limit in [NO_LIMIT, 3000, 1] {
            check(&log, limit, &batches);
        }
    }
}

#[test]
fn what_is_not_there_is_out_of_range() {
    let dir = tempfile::tempdir().expect("a directory");
    let mut log = Log::new(dir.path().join("t-0.log"));
    assert!(log.plan(0, NO_LIMIT, true).expect("the end").is_none());
    log.append(&mut [0; 100], 10).expect("appended");
    assert!(log.plan(10, NO_LIMIT, true).expect("the end").is_none());
    assert!(log.plan(9, NO_LIMIT, true).expect("in the batch").is_some_and(|run| run.position == 0));
    assert!(log.plan(0, 99, false).expect("readable").is_none());
    assert!(matches!(log.plan(11, NO_LIMIT, true), Err(ResponseError::OffsetOutOfRange)));
    assert!(matches!(log.plan(-1, NO_LIMIT, true), Err(ResponseError::OffsetOutOfRange)));
}
