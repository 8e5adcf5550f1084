//! The store with its threads on a disk that is full under batches on their way to segments.

use super::fixture::{Bench, EPOCH, id, settings};
use super::store::Store;
use crate::base::Clock;
use crate::io::disk::FaultyDisk;
use crate::io::disk::faulty::{Fault, Operation};
use crate::record::{BatchBuilder, check_produced};
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// The store with its threads, on a disk where segments find no room; until nothing more is let in when `until_held`.
fn held(wal_bytes: u64, until_held: bool) -> (Bench, Arc<Store>) {
    let bench = Bench { wal_bytes, ..Bench::on(FaultyDisk::new(1, 64 << 20)) };
    let store = bench.open();
    let log = store.log(id(1, 0), "topic1", Arc::new(settings()), EPOCH);
    bench.disk.fail_always(Operation::Write, "0.log", Fault::Full);
    let (mut refused, mut waited) = (0, 0);
    while waited < 100 && (until_held || refused < 3) {
        let batch = BatchBuilder::new().push(bench.clock.now(), None, Some(&[7; 10_000])).build();
        let mut reserve = store.reserve(batch.len() as u64);
        let polled = Pin::new(&mut reserve).poll(&mut Context::from_waker(Waker::noop()));
        let Poll::Ready(Ok(mut room)) = polled else {
            waited += 1;
            std::thread::sleep(Duration::from_millis(10));
            continue;
        };
        waited = 0;
        if log.append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).is_err() {
            refused += 1;
            std::thread::sleep(Duration::from_millis(20));
            // The disk has room, the file system refuses all the same.
            store.tick();
        }
        // Each is a commit of its own, and sees how full the log is.
        std::thread::sleep(Duration::from_millis(3));
    }
    assert!(store.unwritten_bytes() > 0);
    (bench, store)
}

/// Checkpoints that came while the writer had no room gave back nothing: another comes as soon as it has.
#[test]
fn what_a_full_disk_has_held_up_goes_on_when_there_is_room() {
    let (bench, store) = held(1 << 20, true);
    bench.disk.heal();
    for _ in 0..300 {
        std::thread::sleep(Duration::from_millis(10));
        store.tick();
        let mut reserve = store.reserve(10_000);
        if let Poll::Ready(Ok(_)) = Pin::new(&mut reserve).poll(&mut Context::from_waker(Waker::noop())) {
            return;
        }
    }
    panic!("three seconds with room, {} unwritten, {:?}: nothing is let in", store.unwritten_bytes(), store.wal());
}

/// What is not in segments is left to the next start, and the stop says so.
#[test]
fn a_stop_on_a_disk_that_is_full_under_a_batch_ends() {
    let (_bench, store) = held(8 << 20, false);
    let (sender, ended) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(store.shutdown().is_err()));
    assert_eq!(ended.recv_timeout(Duration::from_secs(10)), Ok(true));
}
