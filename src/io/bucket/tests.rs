//! Buckets in a directory, in memory, and on bad days.

use super::faulty::{BucketFault, Request};
use super::{Bucket, BucketError, Claim, FaultyStore, Patience, PutOutcome, named};
use bytes::Bytes;
use object_store::memory::InMemory;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

const IMPATIENT: Patience =
    Patience { request: Duration::from_millis(20), attempts: 3, pause: Duration::from_millis(1) };

fn object(nonce: u8) -> Bytes {
    Bytes::from(vec![nonce; 100])
}

async fn conforms(bucket: Bucket) {
    assert_eq!(bucket.list("meta").await.unwrap(), []);
    for key in ["meta/3", "meta/1", "meta/2", "metal/1"] {
        assert_eq!(bucket.put_if_absent(key, object(1)).await.unwrap(), PutOutcome::Created);
    }
    assert_eq!(bucket.put_if_absent("meta/1", object(2)).await.unwrap(), PutOutcome::Exists);
    let keys: Vec<String> = bucket.list("meta").await.unwrap().into_iter().map(|found| found.key).collect();
    assert_eq!(keys, ["meta/1", "meta/2", "meta/3"]);
    assert_eq!(bucket.get("meta/1", 100).await.unwrap(), object(1));
    let error = bucket.get("meta/1", 99).await.unwrap_err();
    assert!(matches!(error, BucketError::TooLarge { size: 100, max: 99, .. }), "{error}");
    assert!(matches!(bucket.get("meta/9", 99).await, Err(BucketError::NotFound { .. })));
    assert_eq!(bucket.get_range("meta/1", 98..200).await.unwrap().len(), 2);
    bucket.delete("meta/1").await.unwrap();
    bucket.delete("meta/1").await.unwrap();
    assert!(!bucket.exists("meta/1").await.unwrap() && bucket.exists("meta/2").await.unwrap());
    assert_eq!(bucket.put_if_absent_with_nonce("meta/5", object(5)).await.unwrap(), Claim::Won);
    assert_eq!(bucket.put_if_absent_with_nonce("meta/5", object(5)).await.unwrap(), Claim::Won);
    assert_eq!(bucket.put_if_absent_with_nonce("meta/5", object(6)).await.unwrap(), Claim::Lost);
}

#[tokio::test]
async fn a_directory_is_a_bucket() {
    let dir = tempfile::tempdir().unwrap();
    conforms(Bucket::directory(&dir.path().join("new/one")).unwrap()).await;
}

#[tokio::test]
async fn a_store_in_memory_is_a_bucket() {
    conforms(Bucket::new(Arc::new(InMemory::new()), Patience::default())).await;
}

#[tokio::test]
async fn one_of_many_wins() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::directory(dir.path()).unwrap();
    for round in 0..10 {
        let key = format!("race/{round}");
        let claims = (0..8_u8).map(|nonce| bucket.put_if_absent_with_nonce(&key, object(nonce)));
        let claims = futures_util::future::join_all(claims).await;
        let won = claims.iter().filter(|claim| matches!(claim, Ok(Claim::Won))).count();
        assert_eq!((won, claims.iter().filter(|claim| claim.is_err()).count()), (1, 0));
    }
}

/// The rows of the table: what the store does, what it says, and what the claim must find.
#[tokio::test(start_paused = true)]
async fn a_claim_finds_the_truth_behind_the_answer() {
    let check = async |faults: &[BucketFault], there_before: Option<u8>, expected: Option<Claim>| {
        let store = FaultyStore::new(Arc::new(InMemory::new()));
        let bucket = Bucket::new(Arc::new(store.clone()), IMPATIENT);
        if let Some(nonce) = there_before {
            bucket.put_if_absent("key", object(nonce)).await.unwrap();
        }
        store.plan(Request::Put, faults.iter().copied().map(Some));
        match (bucket.put_if_absent_with_nonce("key", object(1)).await, expected) {
            (Ok(found), Some(expected)) => assert_eq!(found, expected, "{faults:?}"),
            (Err(BucketError::Unclear { .. }), None) => {}
            (found, expected) => panic!("{faults:?}: {found:?} instead of {expected:?}"),
        }
        // What was on its way arrives; the answer must still hold, and a second claim finds the same.
        store.land().await;
        let after = bucket.put_if_absent_with_nonce("key", object(1)).await.unwrap();
        assert_eq!(after, expected.unwrap_or(Claim::Won), "{faults:?}");
        let holder = bucket.get("key", 100).await.unwrap()[0];
        assert_eq!(holder == 1, after == Claim::Won, "{faults:?}");
    };
    use BucketFault::*;
    for fault in [FailedBefore, FailedAfter, HangsBefore, HangsAfter, HangsAndLandsLater, ExistsAfter, ExistsBefore] {
        check(&[fault], None, Some(Claim::Won)).await;
        check(&[fault, fault], None, Some(Claim::Won)).await;
        check(&[fault], Some(9), Some(Claim::Lost)).await;
    }
    for fault in [FailedBefore, HangsBefore, HangsAndLandsLater, ExistsBefore] {
        check(&[fault; 3], None, None).await;
        check(&[fault; 3], Some(9), Some(Claim::Lost)).await;
    }
    check(&[], None, Some(Claim::Won)).await;
    check(&[], Some(9), Some(Claim::Lost)).await;
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_can_not_be_checked_is_unclear() {
    let store = FaultyStore::new(Arc::new(InMemory::new()));
    let bucket = Bucket::new(Arc::new(store.clone()), IMPATIENT);
    store.plan(Request::Put, [Some(BucketFault::FailedAfter), None, None]);
    store.plan(Request::Get, [Some(BucketFault::FailedBefore); 3]);
    let answer = bucket.put_if_absent_with_nonce("key", object(1)).await;
    assert!(matches!(answer, Err(BucketError::Unclear { attempts: 3, .. })), "{answer:?}");
    assert_eq!(bucket.put_if_absent_with_nonce("key", object(1)).await.unwrap(), Claim::Won);
}

/// A directory's failure is the device's: nothing is tried again, and what could not be synced is never called won.
#[tokio::test]
async fn a_directory_that_fails_is_believed() {
    let store = FaultyStore::new(Arc::new(InMemory::new()));
    let bucket = Bucket::new(Arc::new(store.clone()), IMPATIENT).into_directory();
    store.plan(Request::Put, [Some(BucketFault::FailedAfter)]);
    let answer = bucket.put_if_absent_with_nonce("a", object(1)).await;
    assert!(matches!(answer, Err(BucketError::NotDurable { .. })), "{answer:?}");
    store.plan(Request::Put, [Some(BucketFault::FailedBefore)]);
    let answer = bucket.put_if_absent_with_nonce("b", object(1)).await;
    assert!(matches!(answer, Err(BucketError::Store { .. })), "{answer:?}");
    assert!(!bucket.exists("b").await.unwrap());
    assert_eq!(bucket.put_if_absent_with_nonce("b", object(2)).await.unwrap(), Claim::Won);
}

#[test]
fn a_full_device_is_seen_through_layers() {
    let full = object_store::Error::Generic { store: "local", source: Box::new(Layer(ErrorKind::StorageFull.into())) };
    assert!(matches!(named::<()>("k", Err(full)), Err(BucketError::Full { .. })));
    let other = object_store::Error::Generic { store: "local", source: Box::new(Layer(ErrorKind::TimedOut.into())) };
    assert!(matches!(named::<()>("k", Err(other)), Err(BucketError::Store { .. })));
}

#[derive(Debug, thiserror::Error)]
#[error("a layer")]
struct Layer(#[source] std::io::Error);

#[tokio::test]
async fn a_spare_becomes_an_object_unless_there_is_one() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = Bucket::directory(dir.path()).unwrap();
    let spares = bucket.spares.clone().unwrap();
    let none = bucket.put_in_reserve("meta/1", object(1)).await;
    assert!(matches!(none, Err(BucketError::Full { .. })), "{none:?}");
    assert_eq!(bucket.put_if_absent_with_nonce("meta/1", object(1)).await.unwrap(), Claim::Won);
    // That fills them in the background, one after the other; until it is through, one that was used could be filled again.
    let last = dir.path().join("spare/3");
    let is_full = || std::fs::metadata(&last).is_ok_and(|data| data.len() == 64 << 10);
    for _ in 0..1_000 {
        if is_full() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert!(is_full());
    spares.fill_now().unwrap();
    assert_eq!(bucket.put_in_reserve("meta/2", object(2)).await.unwrap(), Claim::Won);
    assert_eq!(bucket.get("meta/2", 100).await.unwrap(), object(2));
    assert_eq!(bucket.put_in_reserve("meta/1", object(3)).await.unwrap(), Claim::Lost);
    assert_eq!(bucket.put_in_reserve("meta/2", object(2)).await.unwrap(), Claim::Won, "ours");
    assert_eq!(bucket.put_in_reserve("meta/3", object(3)).await.unwrap(), Claim::Won);
    let used_up = bucket.put_in_reserve("meta/4", object(4)).await;
    assert!(matches!(used_up, Err(BucketError::Full { .. })), "{used_up:?}");
    spares.fill_now().unwrap();
    let huge = bucket.put_in_reserve("meta/4", Bytes::from(vec![7; 1 << 20])).await;
    assert!(matches!(huge, Err(BucketError::Full { .. })), "{huge:?}");
    assert_eq!(bucket.put_in_reserve("meta/4", object(4)).await.unwrap(), Claim::Won);
    let keys: Vec<String> = bucket.list("meta").await.unwrap().into_iter().map(|found| found.key).collect();
    assert_eq!(keys, ["meta/1", "meta/2", "meta/3", "meta/4"]);
}
