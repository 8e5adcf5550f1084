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
use crate::partition::{Before, Partition};
use crate::record::{BatchBuilder, Batches, check_produced, patch};
use crate::store::{StoreConfig, StoredLog};
use bytes::Bytes;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use uuid::Uuid;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/compat-tests/fixtures");
/// The first version of everything; then the checkpoint keeps index entries; then logs are compacted, and time is proven.
pub(crate) const VERSIONS: [&str; 3] = ["data-dir-v1", "data-dir-v2", "data-dir-v3"];
const LENGTHS: &str = "lengths";
const WALL: Timestamp = Timestamp(1_700_000_000_000);
/// Topics, and how many batches each partition has: the second's are in the write-ahead log alone.
const ORDERS: (&str, u128) = ("orders", 1);
const LATE: (&str, u128) = ("late", 2);
const BATCHES: i32 = 40;
/// A topic that was compacted and then lost its first records to DeleteRecords, from the third version on: its keys, where
/// it begins, and what is left of it. The last batch is all of its active segment.
const KEYED: (&str, u128) = ("keyed", 3);
const KEYS: i32 = 5;
const KEYED_START: Offset = Offset(36);
const KEYED_LEFT: [i64; 4] = [36, 37, 38, 39];
/// A liveness bound for the cleaner.
const CLEAN_WITHIN: Duration = Duration::from_secs(20);
/// Of them in the first run, which ended cleanly.
const FIRST_RUN: i32 = 30;

fn settings() -> Arc<LogSettings> {
    Arc::new(LogSettings { segment_bytes: 3_000, index_interval_bytes: 500, ..LogSettings::default() })
}

fn settings_of(topic: &str) -> Arc<LogSettings> {
    match topic == KEYED.0 {
        true => Arc::new(LogSettings { cleanup_compact: true, cleanup_delete: false, ..(*settings()).clone() }),
        false => settings(),
    }
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
        new_features: Vec::new(),
        nonces: Box::new(move || {
            u128::from(nonce.fetch_add(1, Ordering::Relaxed)) << 64 | Uuid::new_v4().as_u128() >> 64
        }),
        store,
        log_settings: Box::new(|_, topic| settings_of(&topic.name)),
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
    broker.partitions.ensure(id(topic, index), topic.0, &settings_of(topic.0), LeaderEpoch(epoch))
}

fn batch(number: i32) -> Bytes {
    let producer = BatchBuilder::new().producer(ProducerId(5), ProducerEpoch(0), Sequence(number));
    producer.push(Timestamp(WALL.0 + i64::from(number)), Some(b"key"), Some(&[number as u8; 150])).build()
}

fn keyed(number: i32) -> Bytes {
    let key = format!("key {}", number % KEYS);
    BatchBuilder::new().push(WALL, Some(key.as_bytes()), Some(&[number as u8; 150])).build()
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
    let changes = vec![
        create(ORDERS, id(ORDERS, 0).topic, 2),
        create(LATE, id(LATE, 0).topic, 1),
        create(KEYED, id(KEYED, 0).topic, 1),
    ];
    broker.metadata.commit(changes).await.expect("committed");
    for number in 0..FIRST_RUN {
        append(&partition(&broker, ORDERS, 0, 0), &broker, &batch(number)).await;
    }
    for number in 0..BATCHES {
        append(&partition(&broker, KEYED, 0, 0), &broker, &keyed(number)).await;
    }
    broker.close().expect("a clean end");
    drop(broker);
    let broker = open(dir).await;
    let compacted = log(&broker, id(KEYED, 0));
    let cleaned = async {
        while compacted.clean_for_tests() == Offset::ZERO {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(CLEAN_WITHIN, cleaned).await.expect("it is compacted");
    let start = partition(&broker, KEYED, 0, 1).delete_records(Before::Offset(KEYED_START)).await;
    assert_eq!(start, Ok(KEYED_START));
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

fn log(broker: &Broker, id: TopicPartition) -> Arc<StoredLog> {
    broker.store.logs().into_iter().find(|log| log.id() == id).expect("it was recovered")
}

/// All bytes of a log from its start on.
fn stored(broker: &Broker, id: TopicPartition) -> Vec<u8> {
    let log = log(broker, id);
    let (mut next, end, mut stored) = (log.watermarks().log_start, Offset(i64::from(BATCHES)), Vec::new());
    while next < end {
        let plan = log.plan(Wanted::new(next, end, 1 << 20, true)).expect("readable");
        assert!(plan.next > next, "it stands still at {next}");
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
        let is_compacted = opens(&dir).await;
        assert_eq!(is_compacted, version == "data-dir-v3", "{version}");
    }
}

/// Opens it; says whether it has the compacted topic.
async fn opens(dir: &Path) -> bool {
    let broker = open(dir).await;
    let found = broker.store.recovery();
    assert_eq!((found.damage.as_slice(), found.was_clean), ([].as_slice(), false));
    assert!(found.batches >= BATCHES as u64, "{found:?}");
    holds_all(&broker).await;
    let is_compacted = broker.metadata.image().topic(KEYED.0).is_some();
    broker.close().expect("a clean end");
    is_compacted
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
    if image.topic(KEYED.0).is_some() {
        holds_compacted(broker).await;
    }
}

/// What compaction and DeleteRecords left is there, from the new start on, and the log goes on.
async fn holds_compacted(broker: &Broker) {
    let partition = partition(broker, KEYED, 0, 2);
    let marks = partition.watermarks();
    assert_eq!((marks.log_start, marks.durable), (KEYED_START, Offset(i64::from(BATCHES))));
    assert!(log(broker, id(KEYED, 0)).clean_for_tests() > KEYED_START, "it is known to be clean");
    let stored = stored(broker, id(KEYED, 0));
    let mut left = Vec::new();
    for batch in Batches::new(&stored) {
        let (header, batch) = batch.expect("it is whole");
        let mut expected = keyed(i32::try_from(header.base_offset.0).expect("few")).to_vec();
        patch(&mut expected, header.base_offset, LeaderEpoch(0));
        assert!(batch == expected, "other bytes at {}", header.base_offset);
        left.push(header.base_offset.0);
    }
    assert_eq!(left, KEYED_LEFT);
    assert_eq!(append(&partition, broker, &keyed(BATCHES)).await, Offset(i64::from(BATCHES)));
}
