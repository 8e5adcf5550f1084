//! Data directories as each version of the formats left them after kill -9: they must open for ever.
//!
//! `compat-tests/fixtures` holds their files without the zeros at the ends; `lengths` says how long they are.
//! `OTTLA_WRITE_FIXTURES=1 cargo test fixture` writes the newest anew, which only a change of what it *contains* may ask
//! for: a new format gets a directory of its own.

use super::{Broker, BrokerConfig, OpenError};
use crate::base::{
    LeaderEpoch, ManualClock, NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId, Sequence, Timestamp, TopicId,
    TopicPartition,
};
use crate::io::disk::RealDisk;
use crate::log::LogSettings;
use crate::log::Wanted;
use crate::metadata::Change;
use crate::partition::Partition;
use crate::record::{BatchBuilder, check_produced, patch};
use crate::store::StoreConfig;
use bytes::Bytes;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/compat-tests/fixtures");
/// The first version of everything; then the checkpoint keeps index entries.
pub(crate) const VERSIONS: [&str; 2] = ["data-dir-v1", "data-dir-v2"];
const LENGTHS: &str = "lengths";
const WALL: Timestamp = Timestamp(1_700_000_000_000);
/// Topics, and how many batches each partition has: the second's are in the write-ahead log alone.
const ORDERS: (&str, u128) = ("orders", 1);
const LATE: (&str, u128) = ("late", 2);
const BATCHES: i32 = 40;
/// Of them in the first run, which ended cleanly.
const FIRST_RUN: i32 = 30;

fn settings() -> Arc<LogSettings> {
    Arc::new(LogSettings { segment_bytes: 3_000, index_interval_bytes: 500, ..LogSettings::default() })
}

fn config(dir: &Path) -> BrokerConfig {
    let nonce = AtomicU32::new(0);
    let on_failure = Box::new(|why: &str| panic!("the store failed: {why}"));
    let store = StoreConfig {
        wal_bytes: 1 << 20,
        wal_first_file_bytes: 128 << 10,
        reserve_bytes: 0,
        checkpoint_every: Duration::from_secs(3600),
        ..StoreConfig::new(settings(), Arc::new(ManualClock::at(WALL)), on_failure)
    };
    BrokerConfig {
        disk: Arc::new(RealDisk::new()),
        data_dir: dir.to_owned(),
        node: NodeId(1),
        rack: None,
        cluster_id: Some("fixture-of-version-one".to_owned()),
        new_cluster_id: String::new(),
        nonces: Box::new(move || {
            u128::from(nonce.fetch_add(1, Ordering::Relaxed)) << 64 | Uuid::new_v4().as_u128() >> 64
        }),
        store,
        log_settings: Box::new(|_, _| settings()),
    }
}

/// Opens a directory as the fixtures were made.
pub(crate) async fn try_open(dir: &Path) -> Result<Broker, OpenError> {
    Broker::open(config(dir)).await
}

async fn open(dir: &Path) -> Broker {
    try_open(dir).await.expect("it opens")
}

fn id((_, topic): (&str, u128), partition: i32) -> TopicPartition {
    TopicPartition { topic: TopicId(Uuid::from_u128(topic)), partition: PartitionIndex(partition) }
}

fn partition(broker: &Broker, topic: (&str, u128), index: i32, epoch: i32) -> Arc<Partition> {
    broker.partitions.ensure(id(topic, index), topic.0, &settings(), LeaderEpoch(epoch))
}

fn batch(number: i32) -> Bytes {
    let producer = BatchBuilder::new().producer(ProducerId(5), ProducerEpoch(0), Sequence(number));
    producer.push(Timestamp(WALL.0 + i64::from(number)), Some(b"key"), Some(&[number as u8; 150])).build()
}

async fn append(partition: &Arc<Partition>, broker: &Broker, batch: &Bytes) -> Offset {
    let header = check_produced(batch).expect("good");
    let mut room = broker.partitions.reserve(batch.len() as u64).await.expect("there is room");
    let ticket = partition.append(batch.clone(), &header, &mut room).expect("appended");
    ticket.durable().await.expect("durable").base_offset
}

/// What the fixture was made of.
async fn write(dir: &Path) {
    let broker = open(dir).await;
    let create = |(name, _): (&str, u128), topic, partitions| Change::CreateTopic {
        name: name.into(),
        id: topic,
        partitions,
        configs: [("retention.ms".to_owned(), "-1".to_owned())].into(),
    };
    let changes = vec![create(ORDERS, id(ORDERS, 0).topic, 2), create(LATE, id(LATE, 0).topic, 1)];
    broker.metadata.commit(changes).await.expect("committed");
    for number in 0..FIRST_RUN {
        append(&partition(&broker, ORDERS, 0, 0), &broker, &batch(number)).await;
    }
    broker.close().expect("a clean end");
    drop(broker);
    let broker = open(dir).await;
    for number in FIRST_RUN..BATCHES {
        append(&partition(&broker, ORDERS, 0, 1), &broker, &batch(number)).await;
    }
    for number in 0..BATCHES {
        append(&partition(&broker, LATE, 0, 1), &broker, &batch(number)).await;
    }
    let kept = Path::new(FIXTURES).join(VERSIONS[VERSIONS.len() - 1]);
    let _ = fs::remove_dir_all(&kept);
    let mut lengths = String::new();
    for path in files(dir).iter().filter(|path| !path.starts_with("late-0") && !path.starts_with("spare")) {
        let bytes = fs::read(dir.join(path)).expect("read");
        let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        fs::create_dir_all(kept.join(path).parent().expect("it has one")).expect("made");
        fs::write(kept.join(path), &bytes[..used]).expect("written");
        lengths.push_str(&format!("{} {}\n", path.display(), bytes.len()));
    }
    fs::write(kept.join(LENGTHS), lengths).expect("written");
}

/// The files below a directory, as paths in it.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("listed").map(|entry| entry.expect("listed")) {
        let name = PathBuf::from(entry.file_name());
        match entry.path().is_dir() {
            true => found.extend(files(&entry.path()).into_iter().map(|path| name.join(path))),
            false => found.push(name),
        }
    }
    found.sort();
    found
}

/// Makes the files of a version.
pub(crate) fn unpack(version: &str, dir: &Path) {
    let kept = Path::new(FIXTURES).join(version);
    let lengths = fs::read_to_string(kept.join(LENGTHS)).expect("the fixture is there");
    for line in lengths.lines() {
        let (path, length) = line.rsplit_once(' ').expect("path and length");
        let mut bytes = fs::read(kept.join(path)).expect("a file of the fixture");
        bytes.resize(length.parse().expect("a number"), 0);
        let path = dir.join(path);
        fs::create_dir_all(path.parent().expect("it has one")).expect("made");
        fs::write(path, bytes).expect("written");
    }
}

fn stored(broker: &Broker, id: TopicPartition) -> Vec<u8> {
    let log = broker.store.logs().into_iter().find(|log| log.id() == id).expect("it was recovered");
    let (mut next, end, mut stored) = (Offset::ZERO, Offset(i64::from(BATCHES)), Vec::new());
    while next < end {
        let plan = log.plan(Wanted::new(next, end, 1 << 20, true)).expect("readable");
        assert!(plan.next > next, "a gap at {next}");
        for range in plan.ranges {
            stored.extend(crate::store::fixture::read_range(&*range.segment, range.position, range.length));
        }
        next = plan.next;
    }
    stored
}

#[tokio::test]
async fn what_each_version_left_opens() {
    let dir = tempfile::tempdir().expect("a directory");
    if std::env::var_os("OTTLA_WRITE_FIXTURES").is_some() {
        write(&dir.path().join("new")).await;
    }
    for version in VERSIONS {
        let dir = dir.path().join(version);
        unpack(version, &dir);
        opens(&dir).await;
    }
}

async fn opens(dir: &Path) {
    let broker = open(dir).await;
    let found = broker.store.recovery();
    assert_eq!((found.damage.as_slice(), found.was_clean), ([].as_slice(), false));
    assert!(found.batches >= BATCHES as u64, "{found:?}");
    holds_all(&broker).await;
    broker.close().expect("a clean end");
}

/// Topics, batches and producers are what they were, and the broker goes on.
pub(crate) async fn holds_all(broker: &Broker) {
    let image = broker.metadata.image();
    let topic = image.topic("orders").expect("the topic is known");
    assert_eq!((topic.id, topic.partitions, topic.configs.len()), (id(ORDERS, 0).topic, 2, 1));
    for (topic, first_epoch) in [(ORDERS, 0), (LATE, 1)] {
        let partition = partition(broker, topic, 0, 2);
        let marks = partition.watermarks();
        assert_eq!((marks.log_start, marks.durable), (Offset::ZERO, Offset(i64::from(BATCHES))), "{}", topic.0);
        let expected: Vec<u8> = (0..BATCHES)
            .flat_map(|number| {
                let mut bytes = batch(number).to_vec();
                patch(
                    &mut bytes,
                    Offset(i64::from(number)),
                    LeaderEpoch(if number < FIRST_RUN { first_epoch } else { 1 }),
                );
                bytes
            })
            .collect();
        assert!(stored(broker, id(topic, 0)) == expected, "{}: other bytes", topic.0);
        let retry = append(&partition, broker, &batch(BATCHES - 1)).await;
        assert_eq!(retry, Offset(i64::from(BATCHES) - 1), "{}: a retry is known", topic.0);
        assert_eq!(append(&partition, broker, &batch(BATCHES)).await, Offset(i64::from(BATCHES)));
    }
}
