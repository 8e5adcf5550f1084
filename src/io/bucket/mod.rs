//! Objects under keys: a directory, or one of the object stores.
//!
//! - [`Bucket`]: put-if-absent, get, list, delete. Keys are paths with `/`; an object is written whole or not at all and
//!   never changes.
//! - [`claim`]: what an answer to put-if-absent proves, and the cure: a nonce in the object's first bytes.
//! - [`spares`]: in a directory, files for the objects that bring room when there is none.
//! - [`faulty`]: a store that answers as real ones do on their bad days, for tests.
//!
//! An object that [`Bucket::put_if_absent_with_nonce`] has won is durable. Deletions in a directory are not synced: after a loss of power a
//! deleted object may be there again. A timeout says nothing about what happened, nor about what still may.

pub mod claim;
pub mod faulty;
mod spares;

#[cfg(test)]
mod tests;

pub use claim::{CLAIM_BYTES, Claim};
pub use faulty::FaultyStore;

use super::disk::{Disk, RealDisk};
use bytes::Bytes;
use futures_util::TryStreamExt;
use object_store::local::LocalFileSystem;
use object_store::path::Path as Key;
use object_store::{GetOptions, GetRange, ObjectStore, ObjectStoreExt, PutMode, PutOptions, PutPayload};
use spares::Spares;
use std::future::Future;
use std::io;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// How long a bucket is waited for.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// One request.
    pub request: Duration,
    /// How often a request with an unclear end is made in all, at least 1.
    pub attempts: u32,
    /// The pause before the second attempt; each later one is twice as long.
    pub pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Patience { request: Duration::from_secs(5), attempts: 5, pause: Duration::from_millis(50) }
    }
}

/// What a put-if-absent was answered; see [`claim`] for what it proves.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PutOutcome {
    /// The object was made by this request.
    Created,
    /// An object has this key; it may be ours.
    Exists,
}

/// One object in a list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Its key.
    pub key: String,
    /// Its length in bytes.
    pub size: u64,
}

/// Why a bucket did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// No object has this key.
    #[error("there is no object {key}")]
    NotFound {
        /// The key.
        key: String,
    },
    /// The object is larger than the caller takes.
    #[error("object {key} has {size} bytes, at most {max} are allowed")]
    TooLarge {
        /// The key.
        key: String,
        /// Its length in bytes.
        size: u64,
        /// The bound.
        max: u64,
    },
    /// No answer in time; the request may have been carried out, or still may be.
    #[error("no answer about {key} within {after:?}")]
    TimedOut {
        /// The key.
        key: String,
        /// How long was waited.
        after: Duration,
    },
    /// All attempts ended without saying whether the object was made; it still may be.
    #[error("whether {key} was written is not known after {attempts} attempts: {last}")]
    Unclear {
        /// The key.
        key: String,
        /// How often it was tried.
        attempts: u32,
        /// What the last attempt met.
        last: Box<BucketError>,
    },
    /// The object has its name in the directory, but the device failed to make it durable. Nothing that builds on it
    /// may be acknowledged.
    #[error("{key} was written but could not be made durable: {why}")]
    NotDurable {
        /// The key.
        key: String,
        /// What the device said.
        why: String,
    },
    /// No space is left; nothing was written.
    #[error("no space is left for {key}")]
    Full {
        /// The key.
        key: String,
    },
    /// The store failed. For a put into a directory: nothing was written.
    #[error("{key}: {source}")]
    Store {
        /// The key.
        key: String,
        /// What it said.
        source: object_store::Error,
    },
}

/// A place for objects. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Bucket {
    store: Arc<dyn ObjectStore>,
    patience: Patience,
    /// In a directory a failed put is a failed device: there is no answer that could have been lost on the way.
    directory: bool,
    /// Only in a directory.
    spares: Option<Arc<Spares>>,
}

impl Bucket {
    /// A bucket over a remote store, whose answers may be lost.
    pub fn new(store: Arc<dyn ObjectStore>, patience: Patience) -> Self {
        Bucket { store, patience, directory: false, spares: None }
    }

    /// A directory as a bucket, made durably when missing. Each object is synced with its name before it counts.
    /// Blocks; call it before serving.
    pub fn directory(path: &Path) -> io::Result<Self> {
        RealDisk::new().create_dir_synced(path)?;
        let store = LocalFileSystem::new_with_prefix(path).map_err(io::Error::other)?.with_fsync(true);
        let spares = Some(Spares::new(path));
        Ok(Bucket { store: Arc::new(store), patience: Patience::default(), directory: true, spares })
    }

    /// The same bucket, taken for a directory: what its store says is what its device did.
    #[cfg(test)]
    pub(crate) fn into_directory(mut self) -> Self {
        self.directory = true;
        self
    }

    /// How long this bucket waits.
    pub fn patience(&self) -> Patience {
        self.patience
    }

    /// Makes an object unless one has the key. `Exists` does not prove that another made it: see [`Bucket::put_if_absent_with_nonce`].
    pub async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<PutOutcome, BucketError> {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let path = Key::from(key);
        let put = self.store.put_opts(&path, PutPayload::from_bytes(bytes), options);
        // A directory is as slow as its disk; giving up would leave a write behind that nobody watches.
        let answer = if self.directory { named(key, put.await) } else { self.timed(key, put).await };
        match answer {
            Ok(_) => {
                self.spares.iter().for_each(Spares::fill);
                Ok(PutOutcome::Created)
            }
            Err(BucketError::Store { source: object_store::Error::AlreadyExists { .. }, .. }) => Ok(PutOutcome::Exists),
            Err(error) => Err(error),
        }
    }

    /// A whole object of at most `max_bytes`.
    pub async fn get(&self, key: &str, max_bytes: u64) -> Result<Bytes, BucketError> {
        let found = self.timed(key, self.store.get_opts(&Key::from(key), GetOptions::default())).await?;
        let size = found.meta.size;
        if size > max_bytes {
            return Err(BucketError::TooLarge { key: key.to_owned(), size, max: max_bytes });
        }
        self.timed(key, found.bytes()).await
    }

    /// Bytes of an object; fewer when it ends before. `range` starts within the object.
    pub async fn get_range(&self, key: &str, range: Range<u64>) -> Result<Bytes, BucketError> {
        let options = GetOptions { range: Some(GetRange::Bounded(range)), ..GetOptions::default() };
        let found = self.timed(key, self.store.get_opts(&Key::from(key), options)).await?;
        self.timed(key, found.bytes()).await
    }

    /// Whether an object has this key.
    pub async fn exists(&self, key: &str) -> Result<bool, BucketError> {
        match self.timed(key, self.store.head(&Key::from(key))).await {
            Ok(_) => Ok(true),
            Err(BucketError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// The objects below `prefix` (whole path segments), sorted by key.
    pub async fn list(&self, prefix: &str) -> Result<Vec<Listed>, BucketError> {
        let path = Key::from(prefix);
        let listed =
            self.store.list(Some(&path)).map_ok(|found| Listed { key: found.location.into(), size: found.size });
        let mut objects: Vec<Listed> = self.timed(prefix, listed.try_collect()).await?;
        objects.sort_unstable_by(|a, b| a.key.cmp(&b.key));
        Ok(objects)
    }

    /// Deletes an object; one that is gone already is no error.
    pub async fn delete(&self, key: &str) -> Result<(), BucketError> {
        match self.timed(key, self.store.delete(&Key::from(key))).await {
            Err(BucketError::NotFound { .. }) => Ok(()),
            other => other,
        }
    }

    async fn timed<T>(
        &self,
        key: &str,
        request: impl Future<Output = object_store::Result<T>>,
    ) -> Result<T, BucketError> {
        let after = self.patience.request;
        match tokio::time::timeout(after, request).await {
            Ok(answer) => named(key, answer),
            Err(_) => Err(BucketError::TimedOut { key: key.to_owned(), after }),
        }
    }
}

fn named<T>(key: &str, answer: object_store::Result<T>) -> Result<T, BucketError> {
    answer.map_err(|source| {
        let key = key.to_owned();
        if matches!(source, object_store::Error::NotFound { .. }) {
            BucketError::NotFound { key }
        } else if is_full(&source) {
            BucketError::Full { key }
        } else {
            BucketError::Store { key, source }
        }
    })
}

/// Whether a full device is at the bottom of an error.
fn is_full(error: &(dyn std::error::Error + 'static)) -> bool {
    let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<io::Error>().is_some_and(|error| full.contains(&error.kind())) {
            return true;
        }
        cause = error.source();
    }
    false
}
