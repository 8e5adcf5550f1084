//! Objects that come late: their writer slept while the log went on by two snapshots, and the key was free again.

use super::format::{Kind, object_key, seal, snapshot_key};
use super::image_tests::{create, id};
use super::log_tests::{config, in_memory, until_there};
use super::{Change, MetadataLog};
use crate::base::NodeId;

/// A reader that slept as long meets the late object first. That it does not fit says nothing about the log: in a run of
/// the racing writers one of them broke off for it.
#[tokio::test]
async fn a_late_object_that_does_not_fit_breaks_no_reader() {
    let (_store, bucket) = in_memory();
    let sleeper = MetadataLog::open(config(&bucket, 2, 128)).await.unwrap();
    let log = MetadataLog::open(config(&bucket, 1, 4)).await.unwrap();
    for n in 2..=10_u128 {
        log.commit(vec![create(&format!("t{n}"), n, 1)]).await.unwrap();
        if n % 4 == 0 {
            until_there(&bucket, &snapshot_key(n as u64)).await;
            // The next proposal finds the snapshot's task ended.
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
    let late = object_key(2);
    assert!(!bucket.exists(&late).await.unwrap(), "its key is free");
    let unfit = serde_json::to_vec(&[Change::DeleteTopic { id: id(77) }]).unwrap();
    bucket.put_if_absent(&late, seal(Kind::Changes, 2, 5, NodeId(3), &unfit)).await.unwrap();
    let committed = sleeper.commit(vec![create("after", 99, 1)]).await.unwrap();
    assert_eq!(committed.image.version(), 11);
    assert!(committed.image.topic("t10").is_some(), "it has read on");
}
