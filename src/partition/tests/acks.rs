use super::*;
use crate::base::{Clock, LeaderEpoch, ProducerEpoch, ProducerId, Sequence, SystemClock, Timestamp};
use crate::log;
use crate::record::{BatchBuilder, TimestampType};
use crate::store::fixture::{WALL, batch, produced};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

async fn is_pending(what: &mut std::pin::Pin<&mut impl Future>) -> bool {
    tokio::time::sleep(WATCH).await;
    poll_fn(|context| Poll::Ready(what.as_mut().poll(context).is_pending())).await
}

#[tokio::test]
async fn nothing_is_told_or_seen_before_the_sync() {
    let setup = Setup::new(1);
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &batch(&[b"a"])).await;
    setup.bench.gated.close();
    let mut first = pin!(setup.append(&partition, &batch(&[b"b", b"c"])).await.expect("appended").durable());
    let mut second = pin!(setup.append(&partition, &batch(&[b"d"])).await.expect("appended").durable());
    assert!(is_pending(&mut first).await && is_pending(&mut second).await);
    let marks = partition.watermarks();
    assert_eq!((marks.log_start, marks.stable, marks.durable, marks.end), (Offset(0), Offset(1), Offset(1), Offset(4)));
    for from in [1, 3, 4] {
        let result = partition.read(Offset(from), 1 << 20, true, ReadUpto::HighWatermark).await.expect("no error");
        assert_eq!((result.bytes, result.next), (0, Offset(from)));
    }
    assert!(matches!(
        partition.read(Offset(5), 1, true, ReadUpto::HighWatermark).await,
        Err(ReadError::OutOfRange { asked: Offset(5), .. })
    ));
    assert_eq!(partition.offset_for_timestamp(WALL).await.expect("found").expect("one").offset, Offset(0));
    assert_eq!(partition.epoch_end(EPOCH), Some((EPOCH, Offset(1))));
    setup.bench.gated.open_gate();
    assert_eq!(soon(first).await.expect("durable").base_offset, Offset(1));
    assert_eq!(soon(second).await.expect("durable").base_offset, Offset(3));
    assert_eq!(read_all(&partition, Offset(0), 1 << 20).await.len(), read_all(&partition, Offset(0), 1).await.len());
}

#[tokio::test]
async fn a_duplicate_waits_for_the_original() {
    let setup = Setup::new(2);
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &batch(&[b"before"])).await;
    setup.bench.gated.close();
    let original = setup.append(&partition, &produced(9, 0, b"x")).await.expect("appended");
    let again = setup.append(&partition, &produced(9, 0, b"x")).await.expect("recognised");
    assert!(!original.is_duplicate() && again.is_duplicate());
    assert_eq!((again.base_offset(), again.next_offset()), (Offset(1), Offset(2)));
    let (mut original, mut again) = (pin!(original.durable()), pin!(again.durable()));
    assert!(is_pending(&mut again).await && is_pending(&mut original).await);
    setup.bench.gated.open_gate();
    let (original, again) = (soon(original).await, soon(again).await);
    assert_eq!(original, again);
    assert_eq!(again.expect("durable").base_offset, Offset(1));
    let later = setup.commit(&partition, &produced(9, 0, b"x")).await;
    assert_eq!((later.base_offset, partition.watermarks().end), (Offset(1), Offset(2)));
    assert_eq!(setup.store.counters().duplicates.get(), 2);
}

#[tokio::test]
async fn a_refusal_that_rests_on_undurable_batches_can_be_waited_for() {
    let setup = Setup::new(3);
    let partition = setup.partition(1, 0);
    setup.bench.gated.close();
    for sequence in 0..8 {
        let ticket = setup.append(&partition, &produced(9, sequence, b"x")).await.expect("appended");
        drop(ticket);
    }
    let refused = setup.append(&partition, &produced(9, 0, b"x")).await.err().expect("too old");
    assert!(matches!(refused, AppendError::Refused(log::AppendError::DuplicateSequence { .. })), "{refused}");
    let mut settled = pin!(partition.wait_durable(refused.rests_on().expect("an offset")));
    assert!(is_pending(&mut settled).await);
    setup.bench.gated.open_gate();
    soon(settled).await.expect("durable");
    let gap = setup.append(&partition, &produced(9, 20, b"x")).await.err().expect("a gap");
    assert!(matches!(gap, AppendError::Refused(log::AppendError::OutOfOrderSequence { .. })), "{gap}");
}

#[tokio::test]
async fn answers_that_nobody_waits_for_are_forgotten() {
    let setup = Setup::new(4);
    let partition = setup.partition(1, 0);
    setup.bench.gated.close();
    for _ in 0..500 {
        let mut ticket = pin!(setup.append(&partition, &produced(9, 0, b"x")).await.expect("appended").durable());
        assert!(poll_fn(|context| Poll::Ready(ticket.as_mut().poll(context).is_pending())).await);
    }
    assert!(partition.parked() <= 128, "{} are parked", partition.parked());
    setup.bench.gated.open_gate();
    soon(partition.wait_durable(Offset(1))).await.expect("durable");
    assert_eq!(partition.parked(), 0);
}

#[tokio::test]
async fn room_is_back_pressure() {
    let mut bench = Bench::new(5);
    bench.queue_bytes = 4096;
    let setup = Setup::over(bench);
    let partition = setup.partition(1, 0);
    setup.bench.gated.close();
    let large = batch(&[&[7; 3000]]);
    let first = setup.append(&partition, &large).await.expect("appended");
    let mut blocked = pin!(setup.append(&partition, &large));
    assert!(is_pending(&mut blocked).await, "the queue is full until the first is durable");
    assert_eq!(partition.watermarks().end, Offset(1), "no offset without room");
    setup.bench.gated.open_gate();
    soon(first.durable()).await.expect("durable");
    soon(soon(blocked).await.expect("appended").durable()).await.expect("durable");
    eventually(|| setup.store.reserved_bytes() == 0).await;
    let huge = batch(&[&[7; 50_000]]);
    assert_eq!(setup.commit(&partition, &huge).await.base_offset, Offset(2), "more than the queue goes alone");
}

#[tokio::test]
async fn append_time_is_stamped_into_the_stored_copy() {
    let setup = Setup::new(6);
    let stamped = Arc::new(log::LogSettings { message_timestamp_type: TimestampType::LogAppendTime, ..settings() });
    let partition = setup.partitions.ensure(id(1, 0), "t", &stamped, EPOCH);
    let batch = BatchBuilder::new()
        .producer(ProducerId(1), ProducerEpoch(0), Sequence(0))
        .push(Timestamp(5), None, Some(b"x"))
        .build();
    let first = setup.commit(&partition, &batch).await;
    assert_eq!(first.log_append_time, Some(WALL));
    setup.bench.clock.advance(Duration::from_secs(5));
    assert_eq!(setup.commit(&partition, &batch).await, first, "a duplicate gets the original's time");
    let stored = read_all(&partition, Offset(0), 1 << 20).await;
    let header = crate::record::BatchHeader::parse(&stored).expect("a header");
    assert_eq!((header.timestamp_type(), header.max_timestamp), (TimestampType::LogAppendTime, WALL));
    assert_eq!(header.leader_epoch, EPOCH);
    let found = partition.max_timestamp().await.expect("readable").expect("one");
    assert_eq!((found.offset, found.timestamp, found.leader_epoch), (Offset(0), WALL, EPOCH));
}

#[tokio::test]
async fn epochs_fence_and_end() {
    let setup = Setup::new(7);
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &batch(&[b"a", b"b"])).await;
    setup.partitions.ensure(id(1, 0), "topic1", &Arc::new(settings()), LeaderEpoch(7));
    setup.commit(&partition, &batch(&[b"c"])).await;
    let check = |asked: i32, expected: Result<(), EpochError>| {
        assert_eq!(partition.check_epoch(LeaderEpoch(asked)), expected);
    };
    let current = LeaderEpoch(7);
    check(-1, Ok(()));
    check(7, Ok(()));
    check(3, Err(EpochError::Fenced { asked: EPOCH, current }));
    check(8, Err(EpochError::Unknown { asked: LeaderEpoch(8), current }));
    assert_eq!(partition.epoch_end(EPOCH), Some((EPOCH, Offset(2))));
    assert_eq!(partition.epoch_end(LeaderEpoch(5)), Some((EPOCH, Offset(2))));
    assert_eq!(partition.epoch_end(current), Some((current, Offset(3))));
    assert_eq!(partition.epoch_end(LeaderEpoch(8)), None);
    assert_eq!(partition.epoch_end(LeaderEpoch::UNKNOWN), None);
    setup.partitions.ensure(id(1, 0), "topic1", &Arc::new(settings()), EPOCH);
    assert_eq!(partition.leader_epoch(), current, "epochs never go back");
}

/// A client that sends when it is answered is alone, not load: its batches are not held back to gather more.
#[tokio::test]
async fn a_client_alone_does_not_wait_for_others() {
    let mut bench = Bench::new(8);
    bench.durability = crate::store::Durability::Os;
    let setup = Setup::over(bench);
    let (partition, clock) = (setup.partition(1, 0), SystemClock::default());
    let mut took = Vec::new();
    for _ in 0..200 {
        let begun = clock.monotonic();
        setup.commit(&partition, &batch(&[b"x"])).await;
        took.push(clock.monotonic() - begun);
    }
    took.sort();
    // The quickest tenth, so that a busy machine says nothing.
    assert!(took[20] < Duration::from_micros(400), "a tenth took less than {:?}", took[20]);
}
