//! The log as a whole: kept over restarts, shared by writers, on good days and bad ones.

use super::format::{Kind, object_key, seal, snapshot_key};
use super::image_tests::{any_change, create, fingerprint, id};
use super::{Change, CommitError, Image, MetadataConfig, MetadataLog, OpenError, Outcome, Refusal};
use crate::base::NodeId;
use crate::io::bucket::faulty::{BucketFault, Request};
use crate::io::bucket::{Bucket, FaultyStore, Patience};
use crate::io::disk::faulty::Chance;
use bytes::Bytes;
use futures_util::future::join_all;
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

const IMPATIENT: Patience =
    Patience { request: Duration::from_millis(50), attempts: 3, pause: Duration::from_millis(1) };

pub(super) fn config(bucket: &Bucket, node: i32, snapshot_every: u64) -> MetadataConfig {
    let mut chance = Chance::new(node as u64 + 1);
    MetadataConfig {
        bucket: bucket.clone(),
        node: NodeId(node),
        new_cluster_id: format!("cluster-of-{node}"),
        new_features: Vec::new(),
        nonces: Box::new(move || u128::from(chance.next()) << 64 | u128::from(chance.next())),
        snapshot_every,
    }
}

async fn open(bucket: &Bucket) -> MetadataLog {
    MetadataLog::open(config(bucket, 1, 128)).await.unwrap()
}

pub(super) fn in_memory() -> (FaultyStore, Bucket) {
    let store = FaultyStore::new(Arc::new(InMemory::new()));
    (store.clone(), Bucket::new(Arc::new(store), IMPATIENT))
}

fn directory(path: &Path) -> Bucket {
    // Unsynced: these tests crash between the bucket's steps, not within them.
    // And a disk that is only slow is waited for.
    let patience = Patience { request: Duration::from_secs(10), ..IMPATIENT };
    Bucket::new(Arc::new(LocalFileSystem::new_with_prefix(path).unwrap()), patience)
}

async fn keys(bucket: &Bucket) -> Vec<String> {
    bucket.list("meta").await.unwrap().into_iter().map(|listed| listed.key).collect()
}

fn names(image: &Image) -> BTreeSet<String> {
    image.topics().map(|topic| topic.name.to_string()).collect()
}

/// Waits for a snapshot in the background.
pub(super) async fn until_there(bucket: &Bucket, key: &str) {
    for _ in 0..2_000 {
        if bucket.exists(key).await.unwrap() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{key} never came");
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::directory(&dir.path().join("bucket")).unwrap();
    let log = open(&bucket).await;
    assert_eq!((&**log.image().cluster_id(), log.image().version()), ("cluster-of-1", 1));
    let mut watch = log.subscribe();
    let start = Change::StartBroker { node: NodeId(1), rack: None };
    let committed = log.commit(vec![start, create("a", 1, 3)]).await.unwrap();
    assert!(matches!(&committed.outcomes[..], [Outcome::Started(1), Outcome::Topic(topic)] if topic.id == id(1)));
    assert_eq!(*watch.borrow_and_update(), 2);
    assert_eq!(fingerprint(&committed.image), fingerprint(&log.image()));
    assert_eq!(log.reserve_producer_ids(NodeId(1)).await.unwrap().0, 0);
    assert_eq!(log.reserve_producer_ids(NodeId(1)).await.unwrap().0, 1_000);
    let before = log.image();
    drop(log);
    let log = MetadataLog::open(config(&bucket, 2, 128)).await.unwrap();
    assert_eq!(fingerprint(&log.image()), fingerprint(&before));
    assert_eq!(log.reserve_producer_ids(NodeId(2)).await.unwrap().0, 2_000);
}

#[tokio::test]
async fn refusals_are_the_proposers_own_and_leave_nothing() {
    let (_, bucket) = in_memory();
    let log = open(&bucket).await;
    let answers =
        log.commit_each(vec![create("a", 1, 1), create("a", 2, 1), create("b", 3, 0), create("b", 3, 1)]).await;
    assert!(answers[0].is_ok() && answers[3].is_ok());
    let refusal = |at: usize| match &answers[at] {
        Err(CommitError::Refused(refusal)) => refusal.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(refusal(1), Refusal::TopicExists { name: "a".into() });
    assert_eq!(refusal(2), Refusal::PartitionCount { count: 0 });
    let both = log.commit(vec![create("c", 4, 1), create("a", 5, 1)]).await;
    assert!(matches!(both, Err(CommitError::Refused(Refusal::TopicExists { .. }))));
    assert_eq!(names(&log.image()), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    let version = log.image().version();
    log.commit(Vec::new()).await.unwrap();
    assert_eq!(log.image().version(), version, "nothing to write, nothing written");
    let declined = log.commit_with(|_| Err(Refusal::Declined { reason: "no".into() })).await;
    assert!(matches!(declined, Err(CommitError::Refused(Refusal::Declined { .. }))));
    let set = [("k".to_owned(), "x".repeat(9 << 20))].into();
    let huge = log.commit(vec![Change::SetBrokerConfigs { node: None, set, delete: vec![] }]).await;
    assert!(matches!(huge, Err(CommitError::TooLarge { .. })), "{huge:?}");
}

#[tokio::test]
async fn changes_at_a_time_share_objects_and_large_ones_are_split() {
    let (_, bucket) = in_memory();
    let log = open(&bucket).await;
    let proposals = (0..500_u128).map(|n| log.commit(vec![create(&format!("t{n}"), n + 1, 1)]));
    assert!(join_all(proposals).await.iter().all(Result::is_ok));
    assert!(log.image().version() < 20, "{} objects for 500 changes", log.image().version());
    let set = |n: usize| Change::SetBrokerConfigs {
        node: Some(NodeId(n as i32)),
        set: [("k".to_owned(), "x".repeat(3 << 20))].into(),
        delete: vec![],
    };
    let before = log.image().version();
    assert!(log.commit_each((0..5).map(set).collect()).await.iter().all(Result::is_ok));
    assert!(log.image().version() >= before + 3, "two fit one object");
    let image = log.image();
    drop(log);
    assert_eq!(fingerprint(&open(&bucket).await.image()), fingerprint(&image));
}

#[tokio::test]
async fn a_decision_sees_what_was_committed_just_before() {
    let (_, bucket) = in_memory();
    let log = open(&bucket).await;
    // Read, add one, write: each of a hundred at a time must see the one before.
    let add_one = |image: &Image| {
        let now: u32 = image.broker_configs(None).get("n").map_or(0, |n| n.parse().unwrap());
        let set = [("n".to_owned(), (now + 1).to_string())].into();
        Ok(vec![Change::SetBrokerConfigs { node: None, set, delete: vec![] }])
    };
    assert!(join_all((0..100).map(|_| log.commit_with(add_one))).await.iter().all(Result::is_ok));
    assert_eq!(log.image().broker_configs(None)["n"], "100");
}

#[tokio::test]
async fn snapshots_bound_what_a_start_reads() {
    let (_, bucket) = in_memory();
    let log = MetadataLog::open(config(&bucket, 1, 4)).await.unwrap();
    for n in 0..40_u128 {
        log.commit(vec![create(&format!("t{n}"), n + 1, 1)]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let image = log.image();
    drop(log);
    let found = keys(&bucket).await;
    assert!(found.len() < 20, "{found:?}");
    assert!(!found.contains(&object_key(1)), "{found:?}");
    let again = open(&bucket).await;
    assert_eq!(fingerprint(&again.image()), fingerprint(&image));
}

/// A bucket with the snapshots 4 and 8 and objects up to 10, as two snapshots leave it.
async fn with_two_snapshots() -> (FaultyStore, Bucket, Arc<Image>) {
    let (store, bucket) = in_memory();
    let log = MetadataLog::open(config(&bucket, 1, 4)).await.unwrap();
    for n in 2..=10_u128 {
        log.commit(vec![create(&format!("t{n}"), n, 1)]).await.unwrap();
        if n % 4 == 0 {
            until_there(&bucket, &snapshot_key(n as u64)).await;
            // The next proposal finds the snapshot's task ended.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    let image = log.image();
    drop(log);
    assert!(!bucket.exists(&object_key(4)).await.unwrap() && bucket.exists(&object_key(5)).await.unwrap());
    (store, bucket, image)
}

async fn replace(bucket: &Bucket, key: &str, bytes: &[u8]) {
    bucket.delete(key).await.unwrap();
    bucket.put_if_absent(key, Bytes::copy_from_slice(bytes)).await.unwrap();
}

#[tokio::test]
async fn a_damaged_snapshot_costs_nothing() {
    let (_, bucket, image) = with_two_snapshots().await;
    replace(&bucket, &snapshot_key(8), b"rust").await;
    assert_eq!(fingerprint(&open(&bucket).await.image()), fingerprint(&image));
    replace(&bucket, &snapshot_key(4), b"rust").await;
    let error = MetadataLog::open(config(&bucket, 1, 4)).await.unwrap_err();
    assert!(error.to_string().contains(&snapshot_key(8)), "{error}");
}

#[tokio::test]
async fn what_can_not_be_read_is_named() {
    let check = async |key: String, bytes: Option<&[u8]>, expected: &str| {
        let (_, bucket, _) = with_two_snapshots().await;
        match bytes {
            Some(bytes) => replace(&bucket, &key, bytes).await,
            None => bucket.delete(&key).await.unwrap(),
        }
        let error: OpenError = MetadataLog::open(config(&bucket, 1, 128)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains(&key) && text.contains(expected), "{text}");
    };
    check(object_key(9), None, "missing").await;
    check(object_key(10), Some(b""), "cut off").await;
    check(object_key(10), Some(&[7; 500]), "does not begin").await;
    let mut newer = seal(Kind::Changes, 10, 0, NodeId(1), b"[]").to_vec();
    newer[8..12].copy_from_slice(&[0, 9, 0xff, 0xf6]);
    check(object_key(10), Some(&newer), "version 9").await;
    let mut newer = seal(Kind::Snapshot, 8, 0, NodeId(1), b"[]").to_vec();
    newer[8..12].copy_from_slice(&[0, 9, 0xff, 0xf6]);
    check(snapshot_key(8), Some(&newer), "version 9").await;
    // A snapshot alone, without the objects that belong to it.
    let (_, bucket, _) = with_two_snapshots().await;
    for number in 5..=10 {
        bucket.delete(&object_key(number)).await.unwrap();
    }
    let error = MetadataLog::open(config(&bucket, 1, 128)).await.unwrap_err();
    assert!(error.to_string().contains("missing"), "{error}");
}

/// What one writer was told.
#[derive(Default)]
struct Told {
    acknowledged: BTreeSet<String>,
    blocks: Vec<i64>,
    failures: usize,
}

async fn write_many(log: &MetadataLog, writer: u128, count: u128) -> Told {
    let mut told = Told::default();
    for n in 0..count {
        let name = format!("w{writer}-{n}");
        match log.commit(vec![create(&name, (writer + 1) << 32 | n, 1)]).await {
            Ok(_) => drop(told.acknowledged.insert(name)),
            Err(CommitError::NotWritten(_) | CommitError::Unavailable(_)) => told.failures += 1,
            Err(error) => panic!("{name}: {error}"),
        }
        match log.reserve_producer_ids(NodeId(writer as i32)).await {
            Ok(block) => told.blocks.push(block.0),
            Err(_) => told.failures += 1,
        }
    }
    told
}

/// Several writers on one bucket; then what the bucket holds is what they were told. How many writes failed.
async fn race(bucket: &Bucket, writers: u128, snapshot_every: u64, begin: impl Fn(), heal: impl Fn()) -> usize {
    const CHANGES: u128 = 30;
    let mut logs = Vec::new();
    for writer in 0..writers {
        logs.push(MetadataLog::open(config(bucket, writer as i32, snapshot_every)).await.unwrap());
    }
    begin();
    let all = join_all(logs.iter().zip(0..).map(|(log, writer)| write_many(log, writer, CHANGES))).await;
    heal();
    let mut images = Vec::new();
    for log in &logs {
        // A last change each, which also ends what doubt is left and reads what the others wrote.
        let mark = Change::SetFeature { name: "done".into(), level: 1 };
        log.commit(vec![mark]).await.unwrap();
        images.push(log.image());
    }
    let last = open(bucket).await.image();
    assert_eq!(fingerprint(&last), fingerprint(images.last().unwrap()));
    let cluster = last.cluster_id();
    assert!(images.iter().all(|image| image.cluster_id() == cluster), "one cluster was founded");
    let mut blocks = BTreeSet::new();
    for told in &all {
        let lost: Vec<_> = told.acknowledged.difference(&names(&last)).cloned().collect();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
        assert!(told.blocks.iter().all(|block| blocks.insert(*block)), "a block was given twice");
    }
    assert!(blocks.iter().all(|block| *block < last.next_producer_id().0));
    all.iter().map(|told| told.failures).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_race_in_one_order() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(race(&directory(dir.path()), 3, 1_000, || {}, || {}).await, 0);
    let (_, bucket) = in_memory();
    assert_eq!(race(&bucket, 4, 1_000, || {}, || {}).await, 0);
    // With snapshots and deletions all the while.
    let (_, bucket) = in_memory();
    race(&bucket, 4, 3, || {}, || {}).await;
}

#[tokio::test(start_paused = true)]
async fn writers_race_on_a_bad_day() {
    let mut failures = 0;
    for seed in 0..100 {
        let (store, bucket) = in_memory();
        let late = store.clone();
        let landing = tokio::spawn(async move {
            loop {
                tokio::time::sleep(Duration::from_millis(70)).await;
                late.land().await;
            }
        });
        let begin = || store.fail_randomly(seed, 3 + seed % 6);
        failures += race(&bucket, 2, 3 + seed % 7, begin, || store.heal()).await;
        landing.abort();
    }
    assert!(failures > 100, "{failures} failures are no bad days");
}

#[tokio::test(start_paused = true)]
async fn an_unclear_write_is_cleared_before_the_next() {
    let check = async |fault: BucketFault, written: bool| {
        let (store, bucket) = in_memory();
        let log = open(&bucket).await;
        store.plan(Request::Put, [Some(fault); 3]);
        store.plan(Request::Get, [Some(BucketFault::HangsBefore); 3]);
        let error = log.commit(vec![create("a", 1, 1)]).await.unwrap_err();
        assert!(matches!(error, CommitError::Unavailable(_)), "{fault:?}: {error}");
        assert_eq!(log.image().topic_count(), 0, "nothing is shown that is not known");
        assert_eq!(bucket.exists(&object_key(2)).await.unwrap(), written, "{fault:?}");
        log.commit(vec![create("b", 2, 1)]).await.unwrap();
        // It came true in its turn: the key was claimed again with the same bytes.
        assert_eq!(names(&log.image()).len(), 2);
        assert_eq!(fingerprint(&open(&bucket).await.image()), fingerprint(&log.image()));
    };
    check(BucketFault::HangsBefore, false).await;
    check(BucketFault::HangsAfter, true).await;
    check(BucketFault::FailedAfter, true).await;
    check(BucketFault::ExistsBefore, false).await;
}

#[tokio::test(start_paused = true)]
async fn another_writer_decides_an_unclear_write() {
    let (store, bucket) = in_memory();
    let (log, other) = (open(&bucket).await, MetadataLog::open(config(&bucket, 2, 128)).await.unwrap());
    store.plan(Request::Put, [Some(BucketFault::HangsAndLandsLater); 3]);
    log.commit(vec![create("a", 1, 1)]).await.unwrap_err();
    other.commit(vec![create("a", 2, 1)]).await.unwrap();
    store.land().await;
    let refused = log.commit(vec![create("a", 3, 1)]).await.unwrap_err();
    assert!(matches!(refused, CommitError::Refused(Refusal::TopicExists { .. })), "{refused}");
    assert_eq!(log.image().topic("a").unwrap().id, id(2));
}

#[tokio::test]
async fn a_writer_that_slept_through_snapshots_is_not_fooled() {
    let (_, bucket) = in_memory();
    let sleeper = open(&bucket).await;
    let log = MetadataLog::open(config(&bucket, 2, 3)).await.unwrap();
    for n in 1..=30_u128 {
        log.commit(vec![create(&format!("t{n}"), n, 1)]).await.unwrap();
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    assert!(!bucket.exists(&object_key(2)).await.unwrap(), "its next key is free again");
    sleeper.commit(vec![create("late", 99, 1)]).await.unwrap();
    let image = open(&bucket).await.image();
    assert_eq!(names(&image).len(), 31);
    assert_eq!(fingerprint(&image), fingerprint(&sleeper.image()));
    log.commit(vec![create("later", 100, 1)]).await.unwrap();
    assert_eq!(names(&log.image()).len(), 32);
    // A refusal is believed only after reading on.
    let answer = sleeper.commit(vec![create("later", 101, 1)]).await.unwrap_err();
    assert!(matches!(answer, CommitError::Refused(Refusal::TopicExists { .. })));
}

/// The writer dies between any two of its steps: puts of objects and snapshots, deletions.
#[tokio::test]
async fn a_crash_at_every_step_leaves_what_was_acknowledged() {
    let mut steps = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let store = FaultyStore::new(Arc::new(LocalFileSystem::new_with_prefix(dir.path()).unwrap()));
        // A put that is given up on a slow disk and goes on would take what is written below for its own.
        let patience = Patience { attempts: 1, request: Duration::from_secs(10), ..IMPATIENT };
        let bucket = Bucket::new(Arc::new(store.clone()), patience);
        store.stop_after(steps);
        let (mut acknowledged, mut finished) = (BTreeSet::new(), false);
        if let Ok(log) = MetadataLog::open(config(&bucket, 1, 3)).await {
            for n in 0..14_u128 {
                let name = format!("t{n}");
                if log.commit(vec![create(&name, n + 1, 1)]).await.is_err() {
                    break;
                }
                acknowledged.insert(name);
                finished = n == 13;
            }
        }
        // A crash within a put leaves the store's own unfinished file.
        std::fs::create_dir_all(dir.path().join("meta")).unwrap();
        std::fs::write(dir.path().join("meta").join(format!("{:020}#1", 5)), b"OTTL").unwrap();
        let again = MetadataLog::open(config(&directory(dir.path()), 1, 3)).await.unwrap();
        let found = names(&again.image());
        assert!(acknowledged.is_subset(&found), "step {steps}: {acknowledged:?}, found {found:?}");
        assert!(found.len() <= acknowledged.len() + 1, "step {steps}: {found:?}");
        for n in 50..60_u128 {
            again.commit(vec![create(&format!("t{n}"), n, 1)]).await.unwrap();
        }
        let image = open(&directory(dir.path())).await.image();
        assert_eq!(fingerprint(&image), fingerprint(&again.image()), "step {steps}");
        if finished && store.changes() < steps {
            break;
        }
        steps += 1;
    }
    assert!(steps > 20, "{steps} steps");
}

#[tokio::test]
async fn a_corrupt_object_stops_the_writer_that_meets_it() {
    let (_, bucket) = in_memory();
    let log = open(&bucket).await;
    bucket.put_if_absent(&object_key(2), Bytes::from_static(&[0; 300])).await.unwrap();
    for _ in 0..2 {
        let error = log.commit(vec![create("a", 1, 1)]).await.unwrap_err();
        assert!(matches!(&error, CommitError::Broken(why) if why.contains(&object_key(2))), "{error}");
    }
    assert_eq!(log.image().version(), 1);
}

#[tokio::test]
async fn a_device_that_fails_to_sync_ends_the_log_and_a_full_one_does_not() {
    let (store, bucket) = in_memory();
    let log = open(&bucket.into_directory()).await;
    store.plan(Request::Put, [Some(BucketFault::FailedBefore)]);
    let error = log.commit(vec![create("a", 1, 1)]).await.unwrap_err();
    assert!(matches!(error, CommitError::NotWritten(_)), "{error}");
    log.commit(vec![create("a", 2, 1)]).await.unwrap();
    store.plan(Request::Put, [Some(BucketFault::FailedAfter)]);
    for _ in 0..3 {
        let error = log.commit(vec![create("b", 3, 1)]).await.unwrap_err();
        assert!(matches!(error, CommitError::Broken(_)), "{error}");
    }
    assert_eq!(names(&log.image()).len(), 1, "what may not be durable is not shown");
    let why = tokio::time::timeout(Duration::from_secs(10), log.broken()).await.expect("told");
    assert!(why.contains(&object_key(3)), "{why}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_replay_is_the_live_image(
        proposals in proptest::collection::vec(proptest::collection::vec(any_change(), 1..4), 0..40),
        snapshot_every in 1..6_u64,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_, bucket) = in_memory();
            let log = MetadataLog::open(config(&bucket, 1, snapshot_every)).await.unwrap();
            let mut model = Image::clone(&log.image());
            for changes in proposals {
                let mut next = model.clone();
                let fits = changes.iter().all(|change| next.apply(change).is_ok());
                prop_assert_eq!(log.commit(changes).await.is_ok(), fits);
                if fits {
                    model = next;
                }
            }
            prop_assert_eq!(fingerprint(&log.image()), fingerprint(&open(&bucket).await.image()));
            model.version = log.image().version();
            model.last_writes = log.image().last_writes.clone();
            prop_assert_eq!(fingerprint(&model), fingerprint(&log.image()));
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn a_log_in_memory_serves_tests_of_others() {
    let log = MetadataLog::in_memory("abc");
    assert_eq!(&**log.image().cluster_id(), "abc");
    log.commit(vec![create("a", 1, 1)]).await.unwrap();
    assert_eq!(log.image().topic_count(), 1);
}

/// Ten thousand topics one by one, while somebody holds each image: the cost of one must not grow with their number.
#[test]
#[allow(clippy::disallowed_methods)] // it measures
fn a_topic_costs_the_same_whatever_their_number() {
    let mut image = Image::default();
    let mut thousand = |from: u128| {
        let started = std::time::Instant::now();
        for n in from..from + 1_000 {
            let held = image.clone();
            image.apply(&create(&format!("topic-{n}"), n + 1, 1)).unwrap();
            drop(held);
        }
        started.elapsed()
    };
    let times: Vec<Duration> = (0..20).map(|at| thousand(at * 1_000)).collect();
    // A map copied whole would take twenty times as long at the end; the bound leaves room for a busy machine.
    let (first, last) = (times[..4].iter().min().unwrap(), times[16..].iter().min().unwrap());
    assert!(*last < *first * 8 + Duration::from_millis(50), "{times:?}");
}
