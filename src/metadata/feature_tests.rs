//! Levels of features: those of a new cluster, those that were set, and the epoch that clients take them by.

use super::format::object_key;
use super::image_tests::create;
use super::log_tests::{config, in_memory};
use super::{Change, GROUP_VERSION, MetadataConfig, MetadataLog};
use crate::io::bucket::Bucket;
use std::collections::BTreeMap;
use std::time::Duration;

fn founding(bucket: &Bucket, features: &[(&str, i16)]) -> MetadataConfig {
    let new_features = features.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
    MetadataConfig { new_features, ..config(bucket, 1, 4) }
}

fn set(level: i16) -> Vec<Change> {
    vec![Change::SetFeature { name: GROUP_VERSION.to_owned(), level }]
}

/// Changes things until an object is deleted: from then on its changes are in snapshots alone. The epoch by then.
async fn until_gone(log: &MetadataLog, bucket: &Bucket, key: &str) -> u64 {
    for more in 0..2_000 {
        let name = format!("more{more}");
        let committed = log.commit(vec![create(&name, 1_000 + more, 1)]).await.unwrap();
        if !bucket.exists(key).await.unwrap() {
            return committed.image.version();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("{key} stays");
}

#[tokio::test]
async fn a_new_cluster_has_its_levels_from_its_first_object_on() {
    let (_store, bucket) = in_memory();
    let log = MetadataLog::open(founding(&bucket, &[(GROUP_VERSION, 1), ("other", 3)])).await.unwrap();
    let image = log.image();
    assert_eq!(image.version(), 1, "one object: no crash leaves a cluster without its levels");
    assert_eq!(*image.features(), BTreeMap::from([(GROUP_VERSION.to_owned(), 1), ("other".to_owned(), 3)]));
    assert_eq!((image.group_version(), image.feature("other"), image.feature("none")), (1, 3, 0));
}

#[tokio::test]
async fn a_cluster_that_exists_keeps_its_levels() {
    let (_store, bucket) = in_memory();
    let log = MetadataLog::open(founding(&bucket, &[])).await.unwrap();
    assert_eq!(log.image().group_version(), 0);
    drop(log);
    let log = MetadataLog::open(founding(&bucket, &[(GROUP_VERSION, 1)])).await.unwrap();
    assert_eq!((log.image().group_version(), log.image().version()), (0, 1));
}

/// What a client holds on to while the broker restarts: levels as they were last set, the epoch never lower. It falls nowhere
/// because it is the number of the last object, of which a snapshot keeps the count.
#[tokio::test]
async fn levels_and_their_epoch_outlive_restarts_and_snapshots() {
    let (_store, bucket) = in_memory();
    let (mut epoch, mut expected) = (0, 0);
    for round in 0..12_u64 {
        let log = MetadataLog::open(founding(&bucket, &[])).await.unwrap();
        let image = log.image();
        assert!(image.version() >= epoch, "epoch {} after {epoch}", image.version());
        assert_eq!(image.group_version(), expected, "round {round}");
        expected = [1, 0, 1][round as usize % 3];
        log.commit(set(expected)).await.unwrap();
        let committed = log.commit(vec![create(&format!("t{round}"), u128::from(round) + 1, 1)]).await.unwrap();
        assert!(committed.image.version() > image.version(), "a change of levels raises the epoch");
        epoch = committed.image.version();
    }
    let log = MetadataLog::open(founding(&bucket, &[])).await.unwrap();
    let epoch = until_gone(&log, &bucket, &object_key(2)).await;
    drop(log);
    let log = MetadataLog::open(founding(&bucket, &[])).await.unwrap();
    assert_eq!((log.image().group_version(), log.image().version()), (expected, epoch));
}
