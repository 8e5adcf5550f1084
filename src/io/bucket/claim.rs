//! Who made an object.
//!
//! `AlreadyExists` never proves that somebody else was first: a store that applied the first attempt of a retried request
//! meets its own object. And no answer proves nothing at all. So every object that is claimed begins with a random nonce
//! within its first [`CLAIM_BYTES`] bytes, and on anything but a plain success the bytes under the key are read:
//!
//! | the key's first bytes | means |
//! | --- | --- |
//! | ours | won |
//! | another's | lost |
//! | none | nobody won yet, and the last attempt may still land: put the *same bytes* at the *same key* again |
//!
//! A claimant never turns to another key after an unclear answer.

use super::{Bucket, BucketError, PutOutcome};
use bytes::Bytes;
use std::io;

/// How much of an object tells whose it is. Its nonce lies within.
pub const CLAIM_BYTES: usize = 64;

/// Who made the object.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Claim {
    /// We did; it is durable.
    Won,
    /// Another writer did.
    Lost,
}

enum Holder {
    Us,
    Another,
    Nobody,
}

impl Bucket {
    /// Makes an object unless another writer has made it, and finds out which. `bytes` hold a random nonce within the
    /// first [`CLAIM_BYTES`]. After [`BucketError::Unclear`] the same bytes must be claimed again before anything else.
    /// Safe to call again with the same bytes at any time. Dropping the future leaves the same doubt as `Unclear`.
    pub async fn put_if_absent_with_nonce(&self, key: &str, bytes: Bytes) -> Result<Claim, BucketError> {
        let attempts = self.patience.attempts.max(1);
        let mut pause = self.patience.pause;
        let mut last = None;
        for attempt in 0..attempts {
            if attempt > 0 {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            let trouble = match self.put_if_absent(key, bytes.clone()).await {
                Ok(PutOutcome::Created) => return Ok(Claim::Won),
                Ok(PutOutcome::Exists) => None,
                Err(error) => Some(error),
            };
            match (self.holder(key, &bytes).await, trouble) {
                (Ok(Holder::Us), Some(error)) if self.directory => {
                    return Err(BucketError::NotDurable { key: key.to_owned(), why: error.to_string() });
                }
                (Ok(Holder::Us), _) => return Ok(Claim::Won),
                (Ok(Holder::Another), _) => return Ok(Claim::Lost),
                // A device that fails or is full says so at once, and nothing was written.
                (Ok(Holder::Nobody), Some(error)) if self.directory => return Err(error),
                (Ok(Holder::Nobody), trouble) => last = trouble,
                (Err(error), trouble) => last = Some(trouble.unwrap_or(error)),
            }
        }
        let key = key.to_owned();
        let last = last.unwrap_or_else(|| BucketError::NotFound { key: key.clone() });
        Err(BucketError::Unclear { key, attempts, last: Box::new(last) })
    }

    /// As [`Self::put_if_absent_with_nonce`], after that was answered with [`BucketError::Full`], for an object whose
    /// change brings room: a directory keeps some for it. Full again when that is used up.
    pub async fn put_in_reserve(&self, key: &str, bytes: Bytes) -> Result<Claim, BucketError> {
        let full = || BucketError::Full { key: key.to_owned() };
        let Some(spares) = self.spares.clone() else { return Err(full()) };
        let (name, content) = (key.to_owned(), bytes.clone());
        let put = tokio::task::spawn_blocking(move || spares.put(&name, &content)).await;
        match put.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok(Some(PutOutcome::Created)) => Ok(Claim::Won),
            Ok(None) => Err(full()),
            Ok(Some(PutOutcome::Exists)) => match self.holder(key, &bytes).await? {
                Holder::Us => Ok(Claim::Won),
                Holder::Another => Ok(Claim::Lost),
                Holder::Nobody => Err(full()),
            },
            Err(error) => match self.holder(key, &bytes).await? {
                Holder::Us => Err(BucketError::NotDurable { key: key.to_owned(), why: error.to_string() }),
                Holder::Another | Holder::Nobody => {
                    let source = object_store::Error::Generic { store: "spare files", source: error.into() };
                    Err(BucketError::Store { key: key.to_owned(), source })
                }
            },
        }
    }

    async fn holder(&self, key: &str, ours: &Bytes) -> Result<Holder, BucketError> {
        let ours = &ours[..ours.len().min(CLAIM_BYTES)];
        match self.get_range(key, 0..CLAIM_BYTES as u64).await {
            Ok(found) if found == ours => Ok(Holder::Us),
            Ok(_) => Ok(Holder::Another),
            Err(BucketError::NotFound { .. }) => Ok(Holder::Nobody),
            Err(error) => Err(error),
        }
    }
}
