use super::*;
use crate::io::disk::faulty::{Fault, Operation};
use crate::store::fixture::batch;

#[tokio::test]
async fn a_deleted_partition_answers_everybody_and_leaves_no_file() {
    let setup = Setup::new(1);
    let partition = setup.partition(1, 0);
    setup.commit(&partition, &batch(&[b"a"])).await;
    let set = ReadySet::new();
    let interest = partition.register(&set, Token(4));
    set.take();
    setup.bench.gated.close();
    let parked = setup.append(&partition, &batch(&[b"b"])).await.expect("appended");
    let read = partition.read(Offset(0), 1 << 20, true, ReadUpto::HighWatermark).await.expect("readable");
    assert!(setup.delete(1, 0));
    assert!(!setup.delete(1, 0), "once");
    assert_eq!(soon(parked.durable()).await, Err(AckError::Deleted));
    soon(set.wait()).await;
    assert_eq!(set.take(), [Token(4)]);
    assert_eq!(setup.append(&partition, &batch(&[b"c"])).await.err(), Some(AppendError::Deleted));
    assert!(matches!(partition.read(Offset(0), 1, true, ReadUpto::HighWatermark).await, Err(ReadError::Deleted)));
    assert!(interest.partition().is_deleted());
    setup.bench.gated.open_gate();
    setup.store.shutdown().expect("clean");
    assert!(setup.bench.disk_names().iter().all(|name| !name.starts_with("topic1")), "{:?}", setup.bench.disk_names());
    assert!(!content(&read).is_empty(), "who reads already reads on");
}

/// Of the topics that were called "same" only this one is left.
fn only(topic: u128) -> impl Fn(crate::base::TopicPartition) -> Option<String> + Send + Sync + 'static {
    move |found| (found == id(topic, 0)).then(|| "same".to_owned())
}

#[tokio::test]
async fn a_topic_created_again_never_meets_its_past() {
    let setup = Setup::new(2);
    let old = setup.named(1, 0, "same");
    setup.commit(&old, &batch(&[b"old"])).await;
    setup.bench.gated.close();
    let queued = setup.append(&old, &batch(&[b"old too"])).await.expect("appended");
    setup.delete(1, 0);
    let new = setup.named(2, 0, "same");
    assert_eq!(new.watermarks().end, Offset(0));
    let ticket = setup.append(&new, &batch(&[b"new"])).await.expect("appended");
    setup.bench.gated.open_gate();
    assert_eq!(soon(queued.durable()).await, Err(AckError::Deleted));
    assert_eq!(soon(ticket.durable()).await.expect("durable").base_offset, Offset(0));
    let stored = read_all(&new, Offset(0), 1 << 20).await;
    assert!(stored.windows(3).any(|bytes| bytes == b"new") && !stored.windows(3).any(|bytes| bytes == b"old"));
    for seed in 0..5 {
        // A loss of power before the removed directory is gone for good: it comes back as an orphan, and goes.
        let disk = setup.bench.disk.crash(seed);
        let after = Setup::over(Bench::on(disk).naming(only(2)));
        let partition = after.named(2, 0, "same");
        assert_eq!(read_all(&partition, Offset(0), 1 << 20).await, stored);
        after.store.shutdown().expect("clean");
        let names = after.bench.disk_names();
        // What lost its partition.metadata may be anybody's, and is kept aside.
        let kept = names.iter().filter(|name| name.starts_with("same") && !name.ends_with(".unidentified"));
        assert_eq!(kept.count(), 1, "{names:?}");
    }
}

/// Threads append to topics of one name that others delete and create again: each id keeps its own records only.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn deletion_races_with_appends() {
    const ROUNDS: u128 = 60;
    let setup = Arc::new(Setup::new(3));
    let (mut writers, mut deletions) = (Vec::new(), Vec::new());
    for topic in 1..=ROUNDS {
        let partition = setup.named(topic, 0, "same");
        for writer in 0..3 {
            let (setup, partition) = (setup.clone(), partition.clone());
            writers.push(tokio::spawn(async move {
                let value = format!("topic {topic:04}");
                let mut acknowledged = 0;
                for _ in 0..(3 + writer * 5) {
                    match setup.append(&partition, &batch(&[value.as_bytes()])).await {
                        Ok(ticket) => match soon(ticket.durable()).await {
                            Ok(_) => acknowledged += 1,
                            Err(error) => assert_eq!(error, AckError::Deleted),
                        },
                        Err(error) => assert_eq!(error, AppendError::Deleted),
                    }
                }
                acknowledged
            }));
        }
        if topic < ROUNDS {
            tokio::time::sleep(Duration::from_micros((topic as u64 % 7) * 150)).await;
            let stored = read_now(&partition).await;
            assert!(!contains_other(&stored, topic), "topic {topic} holds another's records");
            // At the same time as its successor is made and written.
            deletions.push(tokio::task::spawn_blocking({
                let setup = setup.clone();
                move || setup.delete(topic, 0)
            }));
        }
    }
    for deletion in deletions {
        assert!(deletion.await.expect("no panic"), "the handle was there, whoever came first");
    }
    for writer in writers {
        writer.await.expect("no panic");
    }
    let last = setup.named(ROUNDS, 0, "same");
    let stored = read_all(&last, Offset(0), 1 << 20).await;
    assert_eq!(last.watermarks().end, Offset(3 + 8 + 13));
    assert!(!contains_other(&stored, ROUNDS));
    setup.store.shutdown().expect("clean");
    let after = Setup::over(Bench::on(setup.bench.disk.kill()).naming(only(ROUNDS)));
    assert_eq!(after.store.logs().len(), 1);
    assert_eq!(read_all(&after.named(ROUNDS, 0, "same"), Offset(0), 1 << 20).await, stored);
}

async fn read_now(partition: &Partition) -> Vec<u8> {
    let result = partition.read(Offset(0), 1 << 20, true, ReadUpto::HighWatermark).await.expect("readable");
    content(&result)
}

fn contains_other(stored: &[u8], topic: u128) -> bool {
    let own = format!("topic {topic:04}");
    stored.windows(10).any(|bytes| bytes.starts_with(b"topic ") && bytes != own.as_bytes())
}

/// A log is deleted after its batches were committed and before they were written, and they would have begun a new segment.
#[tokio::test]
async fn a_log_deleted_between_copy_and_write_harms_nobody() {
    let setup = Setup::new(4);
    let (rolling, doomed) = (setup.partition(1, 0), setup.partition(2, 0));
    let half = batch(&[&[7; 40 << 10]]);
    setup.commit(&rolling, &half).await;
    setup.commit(&doomed, &half).await;
    setup.bench.gated.close();
    let first = setup.append(&setup.partition(3, 0), &batch(&[b"holds the thread"])).await.expect("appended");
    setup.bench.gated.await_sync();
    let kept = setup.append(&rolling, &half).await.expect("appended");
    let dropped = setup.append(&doomed, &half).await.expect("appended");
    setup.bench.gated.names.close();
    setup.bench.gated.open_gate();
    soon(first.durable()).await.expect("durable");
    // The first log rolls: the segment writer has both and has written neither.
    setup.bench.gated.names.await_one();
    assert_eq!(soon(dropped.durable()).await.expect("durable").base_offset, Offset(1));
    assert_eq!(soon(kept.durable()).await.expect("durable").base_offset, Offset(1));
    assert!(setup.delete(2, 0));
    setup.bench.gated.names.open();
    setup.commit(&rolling, &half).await;
    setup.store.shutdown().expect("clean");
}

/// The directory of a deleted topic can't be moved away: what it holds must not become its successor's.
#[tokio::test]
async fn what_a_failed_removal_left_does_not_come_back_in_the_successor() {
    let setup = Setup::new(5);
    let old = setup.named(1, 0, "same");
    for _ in 0..5 {
        setup.commit(&old, &batch(&[&[b'o'; 30 << 10]])).await;
    }
    setup.bench.disk.fail(Operation::Rename, "-delete", 0, Fault::Io);
    eventually(|| old.log.is_written()).await;
    setup.delete(1, 0);
    let new = setup.named(2, 0, "same");
    setup.commit(&new, &batch(&[b"new"])).await;
    let stored = read_all(&new, Offset(0), 1 << 20).await;
    let after = Setup::over(Bench::on(setup.bench.disk.kill()).naming(only(2)));
    let again = after.named(2, 0, "same");
    assert_eq!(again.watermarks().end, Offset(1));
    assert!(read_all(&again, Offset(0), 1 << 20).await == stored);
}
