//! DeleteRecords: when the answer comes, what is seen before it, and what a crash leaves.

use super::*;
use crate::io::disk::Disk;
use crate::io::disk::faulty::{Fault, Operation};
use crate::partition::{Before, DeleteError};
use crate::store::fixture::batch;
use crate::store::{Durability, StoreHealth};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

const BOTH: [Durability; 2] = [Durability::Fsync, Durability::Os];

fn over(seed: u64, durability: Durability) -> Setup {
    Setup::over(Bench { durability, ..Bench::new(seed) })
}

async fn filled(setup: &Setup, count: i64) -> Arc<Partition> {
    let partition = setup.partition(1, 0);
    for _ in 0..count {
        setup.commit(&partition, &batch(&[b"x"])).await;
    }
    partition
}

fn to(offset: i64) -> Before {
    Before::Offset(Offset(offset))
}

async fn is_pending(what: &mut std::pin::Pin<&mut impl Future>) -> bool {
    poll_fn(|context| Poll::Ready(what.as_mut().poll(context).is_pending())).await && {
        tokio::time::sleep(WATCH).await;
        poll_fn(|context| Poll::Ready(what.as_mut().poll(context).is_pending())).await
    }
}

#[tokio::test]
async fn an_answer_waits_for_the_sync_and_nobody_sees_before() {
    let setup = Setup::new(1);
    let partition = filled(&setup, 4).await;
    setup.bench.gated.close();
    let mut first = pin!(partition.delete_records(to(2)));
    assert!(is_pending(&mut first).await);
    let mut same = pin!(partition.delete_records(to(2)));
    let mut lower = pin!(partition.delete_records(to(1)));
    let mut all = pin!(partition.delete_records(Before::HighWatermark));
    assert!(is_pending(&mut same).await && is_pending(&mut lower).await && is_pending(&mut all).await);
    assert_eq!(soon(partition.delete_records(to(0))).await, Ok(Offset(0)), "what is there waits for nothing");
    assert_eq!(partition.watermarks().log_start, Offset(0));
    assert_eq!(read_all(&partition, Offset(0), 1 << 20).await, read_all(&partition, Offset(0), 1).await);
    assert_eq!(
        partition.offset_for_timestamp(crate::base::Timestamp(0)).await.expect("found").expect("one").offset.0,
        0
    );
    assert_eq!(partition.starts.parked(), 4);
    setup.bench.gated.open_gate();
    let (first, same) = (soon(first).await, soon(same).await);
    assert!(first.expect("durable") >= Offset(2) && same.expect("durable") >= Offset(2));
    assert!(soon(lower).await.expect("durable") >= Offset(1));
    assert_eq!(soon(all).await, Ok(Offset(4)));
    assert_eq!((partition.watermarks().log_start, partition.starts.parked()), (Offset(4), 0));
    let gone = partition.read(Offset(3), 1, true, ReadUpto::HighWatermark).await;
    assert!(matches!(gone, Err(ReadError::OutOfRange { asked: Offset(3), .. })));
}

#[tokio::test]
async fn a_start_is_bounded_by_what_is_durable() {
    let setup = Setup::new(2);
    let partition = filled(&setup, 2).await;
    setup.bench.gated.close();
    let ticket = setup.append(&partition, &batch(&[b"not durable"])).await.expect("appended");
    setup.bench.gated.await_sync();
    for asked in [3, 4, -1, -2, i64::MAX, i64::MIN] {
        let error = soon(partition.delete_records(to(asked))).await.expect_err("out of range");
        assert!(matches!(error, DeleteError::OutOfRange { asked: told, .. } if told == Offset(asked)), "{error}");
    }
    let mut marked = pin!(partition.delete_records(Before::HighWatermark));
    assert!(is_pending(&mut marked).await);
    setup.bench.gated.open_gate();
    assert_eq!(soon(marked).await, Ok(Offset(2)), "the high watermark when it was asked");
    soon(ticket.durable()).await.expect("durable");
}

/// Whoever was answered finds the same start, or a higher one, after the crash that the mode covers: power for `fsync`,
/// the process for both.
#[tokio::test]
async fn a_crash_takes_no_answered_start_back() {
    for (durability, power) in [(Durability::Fsync, true), (Durability::Fsync, false), (Durability::Os, false)] {
        for seed in 0..20 {
            let setup = over(seed, durability);
            let partition = filled(&setup, 8).await;
            let mut answered = Offset(0);
            for step in 0..=seed as i64 % 8 {
                answered = soon(partition.delete_records(to(step + 1))).await.expect("durable");
                assert_eq!(answered, Offset(step + 1));
            }
            // One more on its way: it may have got there, or not.
            let mut last = pin!(partition.delete_records(Before::HighWatermark));
            let _ = poll_fn(|context| Poll::Ready(last.as_mut().poll(context).is_pending())).await;
            let left = if power { setup.bench.disk.crash(seed) } else { setup.bench.disk.kill() };
            let after = Setup::over(Bench { durability, ..Bench::on(left) });
            let marks = after.partition(1, 0).watermarks();
            assert!(answered <= marks.log_start && marks.log_start <= Offset(8), "{durability:?} {seed}: {marks:?}");
            assert_eq!(marks.durable, Offset(8));
        }
    }
}

/// A torn note of the log start (`os`, and the power failed) is as none: nothing is refused for it.
#[tokio::test]
async fn a_note_that_power_took_is_ignored() {
    for seed in 0..20 {
        let setup = over(seed, Durability::Os);
        let partition = filled(&setup, 4).await;
        for start in 1..=3 {
            soon(partition.delete_records(to(start))).await.expect("seen");
        }
        let after = Setup::over(Bench { durability: Durability::Os, ..Bench::on(setup.bench.disk.crash(seed)) });
        let marks = after.partition(1, 0).watermarks();
        assert!(marks.log_start <= marks.end, "{seed}: {marks:?}");
    }
}

/// Streams purges all the time: thousands of calls in flight are a few commits, and in `os` mode no sync at all.
#[tokio::test]
async fn many_calls_share_few_syncs() {
    const CALLS: i64 = 2_000;
    for durability in BOTH {
        let setup = over(5, durability);
        let partition = filled(&setup, 1).await;
        let values: Vec<&[u8]> = vec![b"x"; CALLS as usize];
        setup.commit(&partition, &batch(&values)).await;
        eventually(|| partition.log.is_written()).await;
        let passes = setup.store.counters().commit_passes.get();
        let calls = (1..=CALLS).map(|start| {
            let partition = partition.clone();
            tokio::spawn(async move { partition.delete_records(to(start)).await })
        });
        for (start, call) in (1..=CALLS).zip(calls.collect::<Vec<_>>()) {
            assert!(soon(call).await.expect("no panic").expect("durable") >= Offset(start));
        }
        assert_eq!(partition.watermarks().log_start, Offset(CALLS));
        let passes = setup.store.counters().commit_passes.get() - passes;
        assert!(passes < CALLS as u64 / 4, "{durability:?}: {passes} commits");
    }
}

#[tokio::test]
async fn a_failure_a_deletion_and_the_end_fail_what_waits() {
    let setup = Setup::new(6);
    let partition = filled(&setup, 2).await;
    let doomed = setup.partition(2, 0);
    setup.commit(&doomed, &batch(&[b"x"])).await;
    setup.bench.gated.close();
    let mut first = pin!(partition.delete_records(to(1)));
    let mut second = pin!(doomed.delete_records(to(1)));
    assert!(is_pending(&mut first).await && is_pending(&mut second).await);
    assert!(setup.delete(2, 0));
    assert_eq!(soon(second).await, Err(DeleteError::Deleted));
    assert_eq!(soon(doomed.delete_records(to(0))).await, Err(DeleteError::Deleted));
    setup.bench.disk.fail(Operation::Sync, "01.wal", 0, Fault::Io);
    setup.bench.gated.open_gate();
    assert_eq!(soon(first).await, Err(DeleteError::Storage));
    assert_eq!(setup.store.health(), StoreHealth::Failed);
    assert_eq!(soon(partition.delete_records(to(2))).await, Err(DeleteError::Storage));
    assert_eq!(partition.watermarks().log_start, Offset(0), "not shown");

    let setup = Setup::new(7);
    let partition = filled(&setup, 2).await;
    assert_eq!(soon(partition.delete_records(to(1))).await, Ok(Offset(1)));
    setup.store.shutdown().expect("clean");
    assert_eq!(soon(partition.delete_records(to(2))).await, Err(DeleteError::Stopping));
    assert_eq!(soon(partition.delete_records(to(1))).await, Ok(Offset(1)), "that is so");
    let after = Setup::over(Bench::on(setup.bench.disk.kill()));
    assert_eq!(after.partition(1, 0).watermarks().log_start, Offset(1));
}

/// Deleting is what makes room again.
#[tokio::test]
async fn a_full_disk_refuses_no_deletion() {
    for durability in BOTH {
        let setup = over(8, durability);
        let partition = filled(&setup, 3).await;
        eventually(|| partition.log.is_written()).await;
        // A little is left of the reserve, which a note of the log start takes.
        let free = setup.bench.disk.free_bytes(&Bench::dir()).expect("known");
        setup.bench.disk.set_capacity((256 << 20) - free + (1 << 19));
        setup.store.tick();
        assert_eq!(setup.store.health(), StoreHealth::DiskFull);
        assert_eq!(soon(partition.delete_records(to(2))).await, Ok(Offset(2)), "{durability:?}");
    }
}

/// Until the new start is seen, epochs are told as of the old one.
#[tokio::test]
async fn epochs_stay_until_the_start_is_seen() {
    use crate::base::LeaderEpoch;
    let setup = Setup::new(9);
    let partition = filled(&setup, 2).await;
    setup.partitions.ensure(id(1, 0), "topic1", &Arc::new(settings()), LeaderEpoch(7));
    setup.commit(&partition, &batch(&[b"y"])).await;
    let old = Some((EPOCH, Offset(2)));
    assert_eq!(partition.epoch_end(EPOCH), old);
    setup.bench.gated.close();
    let mut call = pin!(partition.delete_records(Before::HighWatermark));
    assert!(is_pending(&mut call).await);
    assert_eq!(partition.epoch_end(EPOCH), old);
    setup.bench.gated.open_gate();
    assert_eq!(soon(call).await, Ok(Offset(3)));
    assert_eq!(partition.epoch_end(EPOCH), Some((EPOCH, Offset(3))), "nothing of it is left");
}
