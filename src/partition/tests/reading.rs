use super::*;
use crate::base::{Part, Timestamp};
use crate::record::BatchBuilder;
use crate::store::fixture::{WALL, batch};

fn is_memory(part: &Part) -> bool {
    matches!(part, Part::Tail { .. })
}

/// A tail smaller than the log: new offsets come from memory, old ones from segments, and nothing is missing in between.
#[tokio::test]
async fn reads_fall_through_from_memory_to_segments() {
    let mut bench = Bench::new(1);
    bench.tail_bytes = 256 << 10;
    let setup = Setup::over(bench);
    let (partition, other) = (setup.partition(1, 0), setup.partition(1, 1));
    let mut expected = Vec::new();
    for at in 0..300_u32 {
        let value = vec![at as u8; 1 + (at as usize * 37) % 4000];
        setup.commit(if at % 3 == 0 { &other } else { &partition }, &batch(&[&value, b"second"])).await;
        if at % 3 != 0 {
            expected.push(value);
        }
    }
    // Above a quarter of a chunk: a chunk of its own.
    let large = vec![9; 20_000];
    setup.commit(&partition, &batch(&[&large])).await;
    setup.commit(&partition, &batch(&[b"last"])).await;
    let end = partition.watermarks().durable;
    let settled = || setup.store.counters().ring_bytes.get() <= 256 << 10;
    eventually(|| partition.log.is_written() && settled()).await;
    let oldest = partition.read(Offset(0), 1 << 20, true, ReadUpto::HighWatermark).await.expect("readable");
    assert!(!oldest.parts.iter().any(is_memory) && oldest.parts.len() > 1, "several segments in one read");
    let newest = partition.read(Offset(end.0 - 1), 1 << 20, true, ReadUpto::HighWatermark).await.expect("readable");
    assert!(newest.parts.iter().all(is_memory));
    for max_bytes in [1, 100, 5_000, 70_000, 1 << 20] {
        let all = read_all(&partition, Offset(0), max_bytes).await;
        let mut values = all.as_slice();
        for value in &expected {
            let at = values.windows(value.len()).position(|window| window == value).expect("in order");
            values = &values[at + value.len()..];
        }
        assert_eq!(all.len() as u64, partition.size_bytes());
    }
    assert!(setup.store.counters().ring_evictions.get() > 0);
    assert!(setup.store.counters().ring_bytes.get() <= 256 << 10);
    assert!(setup.store.counters().tail_reads.get() > 0 && setup.store.counters().segment_reads.get() > 0);
}

#[tokio::test]
async fn a_read_from_the_middle_gets_the_whole_batch_and_keeps_to_its_size() {
    let mut bench = Bench::new(2);
    bench.tail_bytes = 1 << 20;
    let setup = Setup::over(bench);
    let partition = setup.partition(1, 0);
    let three = batch(&[b"a", b"b", b"c"]);
    let size = three.len() as u64;
    for _ in 0..4 {
        setup.commit(&partition, &three).await;
    }
    // In memory, then the same from files: a tail that was forgotten.
    for in_memory in [true, false] {
        if !in_memory {
            eventually(|| partition.log.is_written()).await;
            partition.log.forget_tail_for_tests();
        }
        let check = async |from: i64, max_bytes: u64, at_least_one: bool, batches: u64, next: i64| {
            let read = partition.read(Offset(from), max_bytes, at_least_one, ReadUpto::LastStable).await;
            let result = read.expect("readable");
            assert_eq!((result.bytes, result.next), (batches * size, Offset(next)), "{from} {max_bytes}");
            assert_eq!(result.parts.iter().all(is_memory), in_memory || batches == 0);
            if batches > 0 {
                let header = crate::record::BatchHeader::parse(&content(&result)).expect("a batch");
                assert_eq!(header.base_offset, Offset(from / 3 * 3));
            }
        };
        check(0, u64::MAX, true, 4, 12).await;
        check(4, u64::MAX, true, 3, 12).await;
        check(5, 0, true, 1, 6).await;
        check(5, 0, false, 0, 5).await;
        check(5, size, false, 1, 6).await;
        check(5, 2 * size - 1, false, 1, 6).await;
        check(5, 2 * size, false, 2, 9).await;
        check(11, size, false, 1, 12).await;
        check(12, size, true, 0, 12).await;
    }
}

#[tokio::test]
async fn timestamps_are_found_below_the_high_watermark_only() {
    let setup = Setup::new(3);
    let partition = setup.partition(1, 0);
    let at = |times: &[i64]| {
        let push = |batch: BatchBuilder, &ms: &i64| batch.push(Timestamp(WALL.0 + ms), None, Some(b"v"));
        times.iter().fold(BatchBuilder::new(), push).build()
    };
    assert_eq!(partition.max_timestamp().await.expect("readable"), None);
    setup.commit(&partition, &at(&[10, 30, 20])).await;
    setup.commit(&partition, &at(&[15])).await;
    setup.bench.gated.close();
    let beyond = setup.append(&partition, &at(&[99])).await.expect("appended");
    setup.bench.gated.await_sync();
    let check = async |ms: i64, expected: Option<(i64, i64)>| {
        let found = partition.offset_for_timestamp(Timestamp(WALL.0 + ms)).await.expect("readable");
        assert_eq!(found.map(|found| (found.offset.0, found.timestamp.0 - WALL.0)), expected, "{ms}");
    };
    check(0, Some((0, 10))).await;
    check(11, Some((1, 30))).await;
    check(30, Some((1, 30))).await;
    check(31, None).await;
    assert_eq!(partition.max_timestamp().await.expect("readable").expect("one").offset, Offset(1));
    setup.bench.gated.open_gate();
    soon(beyond.durable()).await.expect("durable");
    check(31, Some((4, 99))).await;
    assert_eq!(partition.max_timestamp().await.expect("readable").expect("one").offset, Offset(4));
}

#[tokio::test]
async fn interest_is_marked_by_advances_and_ends_when_dropped() {
    let setup = Setup::new(4);
    let (a, b) = (setup.partition(1, 0), setup.partition(1, 1));
    let set = ReadySet::new();
    let interests = (a.register(&set, Token(1)), b.register(&set, Token(2)));
    assert_eq!(set.take(), [Token(1), Token(2)], "a new interest is marked");
    setup.commit(&b, &batch(&[b"x"])).await;
    soon(set.wait()).await;
    assert_eq!(set.take(), [Token(2)], "only what advanced");
    interests.0.mark();
    assert_eq!(set.take(), [Token(1)]);
    drop(interests.1);
    setup.commit(&b, &batch(&[b"y"])).await;
    setup.commit(&a, &batch(&[b"z"])).await;
    soon(set.wait()).await;
    assert_eq!(set.take(), [Token(1)]);
}

#[tokio::test]
async fn a_damaged_segment_is_named_and_an_unreadable_one_too() {
    use crate::io::disk::faulty::{Fault, Operation};
    let mut bench = Bench::new(5);
    bench.tail_bytes = 0;
    let setup = Setup::over(bench);
    let partition = setup.partition(1, 0);
    for _ in 0..30 {
        setup.commit(&partition, &batch(&[&[1; 9000]])).await;
    }
    eventually(|| partition.log.is_written()).await;
    partition.log.forget_tail_for_tests();
    setup.bench.disk.fail_always(Operation::Read, ".log", Fault::Io);
    let read = partition.read(Offset(0), 1, true, ReadUpto::HighWatermark).await;
    assert!(matches!(read, Err(ReadError::Storage(_))));
    setup.bench.disk.heal();
    // The magic byte of the first batch.
    let file = Bench::dir().join("topic1-0/00000000000000000000.log");
    setup.bench.disk.corrupt(&file, 16, 0xff).expect("corrupted");
    let read = partition.read(Offset(0), 1, true, ReadUpto::HighWatermark).await;
    assert!(matches!(read, Err(ReadError::Corrupt(_))));
    partition.read(Offset(29), 1, true, ReadUpto::HighWatermark).await.expect("others go on");
}

/// A fetch of hundreds of partitions plans one after the other, with nothing to wait for where all is in memory: the others
/// on its thread have their turn all the same.
#[tokio::test]
async fn many_plans_at_once_let_others_have_their_turn() {
    use std::sync::atomic::{AtomicU32, Ordering};
    let setup = Setup::new(7);
    let partition = setup.partition(1, 0);
    for _ in 0..3 {
        setup.commit(&partition, &batch(&[b"x"])).await;
    }
    eventually(|| partition.log.is_written()).await;
    partition.log.forget_tail_for_tests();
    let read = async |from| partition.read(Offset(from), 1, true, ReadUpto::HighWatermark).await.expect("readable");
    read(0).await;
    let turns = Arc::new(AtomicU32::new(0));
    let other = tokio::spawn({
        let turns = turns.clone();
        async move {
            loop {
                turns.fetch_add(1, Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        }
    });
    for _ in 0..500 {
        assert_eq!(read(1).await.next, Offset(2));
    }
    let turns = turns.load(Ordering::Relaxed);
    other.abort();
    assert!((2..100).contains(&turns), "{turns}: planned at once, and others had their turn");
}
