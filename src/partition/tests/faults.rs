use super::*;
use crate::io::disk::faulty::{Fault, Operation};
use crate::log::LogSettings;
use crate::store::fixture::{batch, produced};
use crate::store::{Durability, StoreHealth};

/// After a failed sync nothing is acknowledged, whatever later syncs would say; what was durable can still be read.
#[tokio::test]
async fn a_failed_sync_is_final() {
    let setup = Setup::new(1);
    let (partition, other) = (setup.partition(1, 0), setup.partition(1, 1));
    setup.commit(&partition, &batch(&[b"good"])).await;
    let set = ReadySet::new();
    let _interest = other.register(&set, Token(1));
    assert_eq!(set.take(), [Token(1)]);
    setup.bench.gated.close();
    let first = setup.append(&partition, &batch(&[b"lost"])).await.expect("appended");
    setup.bench.gated.await_sync();
    let second = setup.append(&other, &batch(&[b"queued"])).await.expect("appended");
    setup.bench.disk.fail(Operation::Sync, "01.wal", 0, Fault::Io);
    setup.bench.gated.open_gate();
    assert_eq!(soon(first.durable()).await, Err(AckError::Storage));
    assert_eq!(soon(second.durable()).await, Err(AckError::Storage), "the next sync would succeed, and is not asked");
    soon(set.wait()).await;
    assert_eq!(setup.store.health(), StoreHealth::Failed);
    assert!(setup.partitions.reserve(1).await.is_err());
    eventually(|| !setup.bench.failures.lock().is_empty()).await;
    assert_eq!((partition.watermarks().durable, other.watermarks().durable), (Offset(1), Offset(0)));
    assert!(!read_all(&partition, Offset(0), 1 << 20).await.is_empty(), "reads go on");
    assert_eq!(soon(partition.wait_durable(Offset(2))).await, Err(AckError::Storage));
    assert!(setup.store.shutdown().is_err(), "not left clean");
    assert_eq!(setup.bench.failures.lock().len(), 1, "the owner is told once");
    let after = Setup::over(Bench::on(setup.bench.disk.crash(9)));
    assert!(!after.store.was_clean());
    assert!(after.partition(1, 0).watermarks().durable >= Offset(1), "what was acknowledged is there");
}

#[tokio::test]
async fn a_failed_write_is_final() {
    for (durability, file) in [(Durability::Fsync, ".wal"), (Durability::Fsync, ".log"), (Durability::Os, ".log")] {
        let mut bench = Bench::new(2);
        bench.durability = durability;
        let setup = Setup::over(bench);
        let partition = setup.partition(1, 0);
        setup.commit(&partition, &batch(&[b"good"])).await;
        eventually(|| partition.log.is_written()).await;
        setup.bench.disk.fail(Operation::Write, file, 0, Fault::Io);
        let ticket = setup.append(&partition, &batch(&[b"lost"])).await.expect("appended");
        // What is in the write-ahead log is durable, whatever becomes of its segment.
        let logged = durability == Durability::Fsync && file == ".log";
        assert_eq!(soon(ticket.durable()).await.is_ok(), logged, "{file}");
        eventually(|| setup.store.health() == StoreHealth::Failed).await;
        eventually(|| !setup.bench.failures.lock().is_empty()).await;
        assert!(setup.partitions.reserve(1).await.is_err());
    }
}

/// The first MiB of a segment is given to the disk when it is full, long before its sync: that this failed may be told then
/// only. Nothing is tried again, not for want of space either, and the copy in the write-ahead log stays.
#[tokio::test]
async fn a_failed_write_back_is_as_final_as_a_failed_sync() {
    let large = Arc::new(LogSettings { segment_bytes: 8 << 20, ..settings() });
    for (durability, fault) in
        [(Durability::Fsync, Fault::Io), (Durability::Fsync, Fault::Full), (Durability::Os, Fault::Full)]
    {
        let setup = Setup::over(Bench { durability, ..Bench::new(6) });
        let partition = setup.partitions.ensure(id(1, 0), "topic1", &large, EPOCH);
        setup.bench.disk.fail(Operation::WriteBack, ".log", 0, fault);
        setup.commit(&partition, &batch(&[&[1; 700_000]])).await;
        let ticket = setup.append(&partition, &batch(&[&[2; 700_000]])).await.expect("appended");
        let logged = durability == Durability::Fsync;
        assert_eq!(soon(ticket.durable()).await.is_ok(), logged, "{durability:?} {fault:?}");
        eventually(|| setup.store.health() == StoreHealth::Failed).await;
        eventually(|| !setup.bench.failures.lock().is_empty()).await;
        assert!(setup.partitions.reserve(1).await.is_err());
        assert!(setup.store.shutdown().is_err(), "not left clean");
        if logged {
            let after = Setup::over(Bench::on(setup.bench.disk.crash(9)));
            let partition = after.partitions.ensure(id(1, 0), "topic1", &large, EPOCH);
            assert_eq!(partition.watermarks().durable, Offset(2), "{fault:?}: what was acknowledged is there");
            assert!(read_all(&partition, Offset(0), 4 << 20).await.len() > 1_400_000);
        }
    }
}

/// A nearly full disk refuses appends before they get offsets; reads go on; room that returns ends it.
#[tokio::test]
async fn a_full_disk_refuses_and_recovers() {
    const MIB: u64 = 1 << 20;
    let setup = Setup::new(3);
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &batch(&[b"good"])).await;
    eventually(|| partition.log.is_written()).await;
    setup.bench.disk.set_capacity(MIB / 2);
    setup.store.tick();
    assert_eq!(setup.store.health(), StoreHealth::DiskFull);
    let refused = setup.append(&partition, &batch(&[b"x"])).await.err().expect("refused");
    assert_eq!((refused, partition.watermarks().end), (AppendError::DiskFull, Offset(1)));
    assert!(!read_all(&partition, Offset(0), MIB).await.is_empty());
    setup.bench.disk.set_capacity(MIB + MIB / 8);
    setup.store.tick();
    assert_eq!(setup.store.health(), StoreHealth::DiskFull, "a little room is not enough");
    setup.bench.disk.set_capacity(64 * MIB);
    setup.store.tick();
    assert_eq!(setup.commit(&partition, &batch(&[b"y"])).await.base_offset, Offset(1));
    assert_eq!(setup.store.health(), StoreHealth::Good);
}

/// The reserve was not enough, at any of the places where a commit writes: the pass waits for room, nothing is lost, nothing
/// is written twice, and nothing is acknowledged meanwhile.
#[tokio::test]
async fn a_write_that_finds_the_disk_full_is_tried_again() {
    let places = [
        (Operation::Write, ".log"),
        (Operation::CreateDir, ""),
        (Operation::Write, "partition.metadata"),
        (Operation::SetLen, ".log"),
        (Operation::Write, ".snapshot"),
        (Operation::Write, ".index"),
        (Operation::Write, ".timeindex"),
        (Operation::Write, "leader-epoch"),
    ];
    for (operation, path) in places {
        let setup = Setup::over(Bench { durability: Durability::Os, ..Bench::new(4) });
        let partition = setup.partition(1, 0);
        let value = [5; 7_000];
        setup.bench.disk.fail(operation, path, 0, Fault::Full);
        let mut tickets = Vec::new();
        // Two segments' worth: the fault strikes at the first write, or at the roll.
        while tickets.len() < 14 {
            match setup.append(&partition, &batch(&[&value])).await {
                Ok(ticket) => tickets.push(ticket),
                Err(error) => {
                    assert_eq!(error, AppendError::DiskFull);
                    setup.store.tick();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
            }
        }
        for (at, ticket) in tickets.into_iter().enumerate() {
            let base = soon(ticket.durable()).await.expect("durable").base_offset;
            assert_eq!(base, Offset(at as i64), "{operation:?} {path}");
        }
        eventually(|| setup.store.counters().read_only_turns.get() > 0).await; // the fault has struck
        let before = read_all(&partition, Offset(0), 1 << 20).await;
        setup.store.shutdown().unwrap_or_else(|error| panic!("{operation:?} {path}: {error}"));
        let after = Setup::over(Bench::on(setup.bench.disk.crash(1)));
        assert_eq!(read_all(&after.partition(1, 0), Offset(0), 1 << 20).await, before, "{operation:?} {path}");
    }
}

/// While a pass waits for room, a deletion may bring it.
#[tokio::test]
async fn deletions_go_through_on_a_full_disk() {
    let setup = Setup::over(Bench { durability: Durability::Os, ..Bench::new(5) });
    let (full, doomed) = (setup.partition(1, 0), setup.partition(2, 0));
    setup.commit(&doomed, &batch(&[b"x"])).await;
    setup.bench.disk.fail_always(Operation::Write, "topic1-0", Fault::Full);
    let waiting = setup.append(&full, &batch(&[b"y"])).await.expect("appended");
    assert!(tokio::time::timeout(Duration::from_millis(300), full.wait_durable(Offset(1))).await.is_err());
    assert_eq!(setup.store.health(), StoreHealth::DiskFull);
    assert!(setup.delete(2, 0));
    eventually(|| setup.bench.disk_names().iter().all(|name| name != "topic2-0")).await;
    setup.store.tick();
    assert!(setup.bench.disk_names().iter().all(|name| !name.starts_with("topic2")), "removed with the tick");
    setup.bench.disk.heal();
    assert_eq!(soon(waiting.durable()).await.expect("durable").base_offset, Offset(0));
    setup.store.tick();
    assert_eq!(setup.store.health(), StoreHealth::Good);
}

#[tokio::test]
async fn a_shutdown_on_a_full_disk_ends() {
    let setup = Setup::over(Bench { durability: Durability::Os, ..Bench::new(6) });
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &batch(&[b"good"])).await;
    setup.bench.disk.fail_always(Operation::Write, ".log", Fault::Full);
    let ticket = setup.append(&partition, &batch(&[b"x"])).await.expect("appended");
    assert!(setup.store.shutdown().is_err());
    assert_eq!(soon(ticket.durable()).await, Err(AckError::Storage));
    setup.bench.disk.heal();
    let after = Setup::over(Bench::on(setup.bench.disk.kill()));
    assert_eq!(after.partition(1, 0).watermarks().end, Offset(1));
}

/// A log that is deleted while its pass waits for room on another's account is not written any more: its directory
/// would come back.
#[tokio::test]
async fn a_log_deleted_in_a_waiting_pass_stays_deleted() {
    let setup = Setup::over(Bench { durability: Durability::Os, ..Bench::new(7) });
    let (full, doomed) = (setup.partition(1, 0), setup.partition(2, 0));
    setup.commit(&doomed, &batch(&[b"x"])).await;
    setup.bench.disk.fail_always(Operation::Write, "topic1-0", Fault::Full);
    let waiting = setup.append(&full, &batch(&[b"y"])).await.expect("appended");
    let dropped = setup.append(&doomed, &batch(&[b"z"])).await.expect("appended");
    eventually(|| setup.store.health() == StoreHealth::DiskFull).await;
    setup.delete(2, 0);
    assert_eq!(soon(dropped.durable()).await, Err(AckError::Deleted));
    eventually(|| setup.bench.disk_names().iter().all(|name| name != "topic2-0")).await;
    setup.bench.disk.heal();
    soon(waiting.durable()).await.expect("durable");
    assert!(setup.bench.disk_names().iter().all(|name| name != "topic2-0"));
}

/// After a failed sync memory holds what the medium may not: the next start shows nothing of that, whatever its own sync
/// says. Else a later loss of power would take back what it had shown, and what it had called a duplicate.
#[tokio::test]
async fn the_start_after_a_failed_sync_reads_the_medium() {
    for seed in 0..20 {
        let setup = Setup::new(seed);
        setup.commit(&setup.partition(1, 0), &produced(5, 0, b"good")).await;
        let mut failing = setup.append(&setup.partition(1, 0), &produced(5, 1, &[1; 9_000])).await.expect("appended");
        setup.bench.disk.fail(Operation::Sync, "01.wal", 0, Fault::Io);
        while failing.durable().await.is_ok() {
            failing = setup.append(&setup.partition(1, 0), &batch(&[&[2; 9_000]])).await.expect("appended");
        }
        eventually(|| !setup.bench.failures.lock().is_empty()).await;
        let after = Setup::over(Bench::on(setup.bench.disk.kill()));
        let seen = read_all(&after.partition(1, 0), Offset(0), 1 << 20).await;
        assert!(!seen.is_empty(), "seed {seed}: what was acknowledged is gone");
        assert!(after.bench.disk_names().iter().all(|name| name != "ottla.failed"), "the mark goes with the recovery");
        let later = Setup::over(Bench::on(after.bench.disk.crash(seed)));
        let now = read_all(&later.partition(1, 0), Offset(0), 1 << 20).await;
        assert!(now == seen, "seed {seed}: {} bytes were shown, {} are left", seen.len(), now.len());
    }
}

/// The sync of the start itself fails: that start ends, and the next one reads the medium.
#[tokio::test]
async fn a_failed_sync_at_the_start_is_final_too() {
    for seed in 0..20 {
        let mut bench = Bench::new(seed);
        bench.durability = Durability::Os;
        let setup = Setup::over(bench);
        for value in 0..4 {
            setup.commit(&setup.partition(1, 0), &batch(&[&[value; 9_000]])).await;
        }
        let bench = Bench::on(setup.bench.disk.kill());
        bench.disk.fail(Operation::SyncFileSystem, "", 0, Fault::Io);
        assert!(bench.try_open().is_err(), "seed {seed}");
        let after = Setup::over(Bench::on(bench.disk.kill()));
        let partition = after.partition(1, 0);
        let seen = read_all(&partition, Offset(0), 1 << 20).await;
        let later = Setup::over(Bench::on(after.bench.disk.crash(seed)));
        assert!(read_all(&later.partition(1, 0), Offset(0), 1 << 20).await == seen, "seed {seed}");
    }
}

/// The metadata in the same directory could not be made durable: the store ends as if it had met that itself.
#[tokio::test]
async fn a_failure_met_elsewhere_ends_the_store() {
    let setup = Setup::new(8);
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &batch(&[b"good"])).await;
    setup.bench.gated.close();
    let parked = setup.append(&partition, &batch(&[b"x"])).await.expect("appended");
    setup.bench.gated.await_sync();
    setup.store.fail("metadata");
    assert_eq!(soon(parked.durable()).await, Err(AckError::Storage));
    assert!(setup.partitions.reserve(1).await.is_err());
    assert_eq!((setup.store.health(), setup.bench.failures.lock().len()), (StoreHealth::Failed, 1));
    assert!(setup.bench.disk_names().iter().any(|name| name == "ottla.failed"));
    setup.bench.gated.open_gate();
    assert!(setup.store.shutdown().is_err(), "not left clean");
    let after = Setup::over(Bench::on(setup.bench.disk.kill()));
    assert!(after.partition(1, 0).watermarks().durable >= Offset(1), "what was acknowledged is there");
}

/// The segments' disk is full and the write-ahead log has room: what was admitted is acknowledged all the same, new
/// appends are refused, and the segments get it when there is room, or the next start does.
#[tokio::test]
async fn what_is_logged_survives_a_full_segment_disk() {
    for restart in [false, true] {
        let setup = Setup::new(9);
        let partition = setup.partition(1, 0);
        setup.bench.disk.fail_always(Operation::Write, "topic1-0", Fault::Full);
        setup.commit(&partition, &batch(&[b"logged"])).await;
        eventually(|| setup.store.health() == StoreHealth::DiskFull).await;
        assert_eq!(setup.append(&partition, &batch(&[b"x"])).await.err(), Some(AppendError::DiskFull));
        let stored = read_all(&partition, Offset(0), 1 << 20).await;
        assert!(!stored.is_empty(), "read from memory");
        setup.bench.disk.heal();
        if restart {
            let after = Setup::over(Bench::on(setup.bench.disk.crash(1)));
            assert_eq!(read_all(&after.partition(1, 0), Offset(0), 1 << 20).await, stored);
        } else {
            eventually(|| partition.log.is_written()).await;
            setup.store.tick();
            setup.commit(&partition, &batch(&[b"y"])).await;
            setup.store.shutdown().expect("clean");
        }
    }
}

/// A write-ahead log that is small for what is sent: it is full all the time, and nothing waits for ever, neither the
/// producers nor the stop.
#[tokio::test]
async fn a_full_write_ahead_log_makes_producers_wait_and_goes_on() {
    const MIB: u64 = 1 << 20;
    let setup = Setup::over(Bench { wal_bytes: MIB, ..Bench::new(10) });
    let (partition, value) = (setup.partition(1, 0), vec![7; 40 << 10]);
    let mut tickets = Vec::new();
    for _ in 0..400 {
        tickets.push(soon(setup.append(&partition, &batch(&[&value]))).await.expect("appended"));
    }
    for ticket in tickets {
        soon(ticket.durable()).await.expect("durable");
    }
    let pool = setup.store.wal().expect("there is a log");
    assert!(pool.bytes <= MIB + 2 * setup.bench.queue_bytes + MIB, "{pool:?}");
    assert!(setup.store.counters().checkpoints.get() > 0);
    let store = setup.store.clone();
    soon(tokio::task::spawn_blocking(move || store.shutdown())).await.expect("no panic").expect("clean");
}

/// A sync that says "full" is a failed sync: it is not tried again.
#[tokio::test]
async fn a_sync_that_finds_no_room_is_final() {
    let setup = Setup::new(11);
    let partition = setup.partition(1, 0);
    setup.bench.disk.fail(Operation::Sync, "topic1-0/00000000000000000000.log", 0, Fault::Full);
    while setup.store.health() != StoreHealth::Failed {
        match setup.append(&partition, &batch(&[&[1; 20_000]])).await {
            Ok(ticket) => drop(soon(ticket.durable()).await),
            Err(_) => break,
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    eventually(|| setup.store.health() == StoreHealth::Failed).await;
}

/// Many are deleted, and one is created again and written at once: its directory is not the past's to take away.
#[tokio::test]
async fn a_slow_removal_does_not_take_the_successor() {
    let setup = Setup::over(Bench { durability: Durability::Os, ..Bench::new(12) });
    for round in 0..40_u128 {
        let (doomed, old, new) = (100 + round, 200 + 2 * round, 201 + 2 * round);
        setup.commit(&setup.partition(doomed, 0), &batch(&[b"x"])).await;
        setup.commit(&setup.named(old, 0, "same"), &batch(&[b"old"])).await;
        setup.delete(doomed, 0);
        setup.delete(old, 0);
        let partition = setup.named(new, 0, "same");
        setup.commit(&partition, &batch(&[b"new"])).await;
        setup.store.tick();
        assert!(setup.bench.disk_names().iter().any(|name| name == "same-0"), "round {round}");
        setup.delete(new, 0);
    }
}
