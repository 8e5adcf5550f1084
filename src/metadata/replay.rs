//! From objects to an image: at the start, and after another writer was first.
//!
//! Objects are kept from one snapshot before the newest on, so that a damaged newest snapshot costs nothing. Older ones
//! are deleted, and then their keys are free: a writer that slept, or a put that arrives late, may make an object there,
//! which counts for nothing. So neither an object nor its absence proves anything unless no snapshot of its number or a
//! later one is there *afterwards*: an object is deleted only when two of them are, and the newest is never deleted.

use super::format::{self, FormatError, Kind, OBJECT_BYTES_MAX, PREFIX, Problem, SNAPSHOT_BYTES_MAX};
use super::image::Image;
use crate::io::bucket::{Bucket, BucketError};
use futures_util::{StreamExt, TryStreamExt, stream};

/// Objects that are fetched at a time.
const FETCHES_AT_A_TIME: usize = 16;

/// How often reading starts again because others deleted what was about to be read.
const LOADS_MAX: usize = 5;

/// Why the metadata can't be read.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// The bucket failed.
    #[error("the metadata can't be read: {0}")]
    Bucket(#[from] BucketError),
    /// An object is damaged, or of a newer format.
    #[error(transparent)]
    Format(#[from] FormatError),
    /// An object is missing, though later ones are there: it was deleted by hand, or a backup is half restored.
    #[error("metadata object {key} is missing, though later ones exist: restore it from a backup of the same moment")]
    Missing {
        /// Its key.
        key: String,
    },
    /// Others delete faster than this reader reads.
    #[error("the metadata changed under the reader {LOADS_MAX} times")]
    Restless,
}

/// An image, and the snapshots that it could be read from.
#[derive(Default)]
pub(super) struct Loaded {
    pub(super) image: Image,
    /// The number of the newest snapshot that is sound; 0 for none.
    pub(super) snapshot: u64,
}

/// Reads the newest state.
pub(super) async fn load(bucket: &Bucket) -> Result<Loaded, ReplayError> {
    for _ in 0..LOADS_MAX {
        if let Some((loaded, newest)) = load_listed(bucket).await?
            && newest_snapshot(bucket).await? == newest
        {
            return Ok(loaded);
        }
    }
    Err(ReplayError::Restless)
}

/// The number of the newest snapshot, sound or not; 0 for none.
pub(super) async fn newest_snapshot(bucket: &Bucket) -> Result<u64, BucketError> {
    let listed = bucket.list(format::SNAPSHOTS).await?;
    let numbers = listed.iter().filter_map(|listed| format::parse_key(&listed.key)).map(|(_, number)| number);
    Ok(numbers.max().unwrap_or(0))
}

/// Reads what a list shows, and tells the newest snapshot in it; `None` when an object went away between list and read.
async fn load_listed(bucket: &Bucket) -> Result<Option<(Loaded, u64)>, ReplayError> {
    let mut objects = Vec::new();
    let mut snapshots = Vec::new();
    for listed in bucket.list(PREFIX).await? {
        match format::parse_key(&listed.key) {
            Some((Kind::Changes, number)) => objects.push(number),
            Some((Kind::Snapshot, number)) => snapshots.push(number),
            None => tracing::warn!(key = listed.key, "an object among the metadata has a strange name; it is not read"),
        }
    }
    let newest = snapshots.last().copied().unwrap_or(0);
    let mut loaded = Loaded::default();
    let mut damaged = None;
    for number in snapshots.into_iter().rev() {
        let key = format::snapshot_key(number);
        let bytes = match bucket.get(&key, SNAPSHOT_BYTES_MAX as u64).await {
            Ok(bytes) => bytes,
            Err(BucketError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        match format::decode_snapshot(number, &bytes) {
            Ok(image) => {
                loaded = Loaded { image, snapshot: number };
                break;
            }
            Err(error @ FormatError { problem: Problem::Newer { .. }, .. }) => return Err(error.into()),
            Err(error) => {
                tracing::error!(%error, "a metadata snapshot is damaged; the objects before it are read instead");
                damaged.get_or_insert(error);
            }
        }
    }
    let newest_is_there = objects.last() == Some(&loaded.snapshot);
    objects.retain(|number| *number > loaded.snapshot);
    if let Some(gap) = (loaded.snapshot + 1..).zip(&objects).find(|(expected, found)| expected != *found) {
        // When a snapshot is damaged, that is what led here.
        return Err(damaged.map_or(ReplayError::Missing { key: format::object_key(gap.0) }, ReplayError::Format));
    }
    if objects.is_empty() && loaded.snapshot > 0 && !newest_is_there {
        return Err(ReplayError::Missing { key: format::object_key(loaded.snapshot) });
    }
    let mut bodies = stream::iter(objects)
        .map(|number| async move {
            let bytes = bucket.get(&format::object_key(number), OBJECT_BYTES_MAX as u64).await;
            bytes.map(|bytes| (number, bytes))
        })
        .buffered(FETCHES_AT_A_TIME);
    loop {
        match bodies.try_next().await {
            Ok(Some((number, bytes))) => match apply(&mut loaded.image, number, &bytes) {
                Ok(()) => {}
                // It may have come late, under a key that was freed since the list was made.
                Err(_) if newest_snapshot(bucket).await? > newest => return Ok(None),
                Err(error) => return Err(error.into()),
            },
            Ok(None) => return Ok(Some((loaded, newest))),
            Err(BucketError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Whether an image could be brought up to date by reading on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum CaughtUp {
    /// It is up to date.
    Yes,
    /// What was read may not count, or what counts be deleted: [`load`] must read it anew.
    Overtaken,
}

/// Reads on from the image's version to the end. After an error, and when overtaken, the image is part of the way.
pub(super) async fn catch_up(bucket: &Bucket, image: &mut Image) -> Result<CaughtUp, ReplayError> {
    let from = image.version;
    loop {
        let next = image.version + 1;
        match bucket.get(&format::object_key(next), OBJECT_BYTES_MAX as u64).await {
            Ok(bytes) => match apply(image, next, &bytes) {
                Ok(()) => {}
                // An object that came late, under a key that was freed, need not fit: it counts for nothing.
                Err(_) if newest_snapshot(bucket).await? > from => return Ok(CaughtUp::Overtaken),
                Err(error) => return Err(error.into()),
            },
            Err(BucketError::NotFound { .. }) => break,
            Err(error) => return Err(error.into()),
        }
    }
    if newest_snapshot(bucket).await? > from { Ok(CaughtUp::Overtaken) } else { Ok(CaughtUp::Yes) }
}

/// Applies one object's changes; the image is unchanged after an error.
pub(super) fn apply(image: &mut Image, number: u64, object: &[u8]) -> Result<(), FormatError> {
    let (write, changes) = format::decode_changes(number, object)?;
    let mut next = image.clone();
    for change in &changes {
        let refused = |refusal| FormatError { key: format::object_key(number), problem: Problem::Refused(refusal) };
        next.apply(change).map_err(refused)?;
    }
    next.note_write(write);
    *image = next;
    Ok(())
}
