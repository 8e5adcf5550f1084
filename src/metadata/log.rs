//! The handle that others hold.

use super::change::{Change, Outcome, Refusal};
use super::image::Image;
use crate::base::{NodeId, ProducerId};
use arc_swap::ArcSwap;
use std::sync::Arc;
use tokio::sync::watch;

/// The cluster's metadata: its image now, and the way to change it.
pub struct MetadataLog {
    image: ArcSwap<Image>,
    version: watch::Sender<u64>,
    turn: tokio::sync::Mutex<()>,
}

/// A proposal that was accepted: durable, and part of the image.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The image with the change; others' changes may be in it too.
    pub image: Arc<Image>,
    /// What each change of the proposal brought about, in order.
    pub outcomes: Vec<Outcome>,
}

/// Why a proposal was not committed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// The image refuses it; nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The proposal alone is larger than a metadata object may be; nothing was written.
    #[error("the change takes {bytes} bytes, a metadata object holds {max}")]
    TooLarge {
        /// Encoded size.
        bytes: usize,
        /// The bound.
        max: usize,
    },
    /// The bucket did not answer in time. Whether the change was made is not known; it may still be.
    #[error("the metadata could not be written ({0}); whether the change was made is not known")]
    Unavailable(String),
    /// The log can't go on: an object is corrupt, missing or of a newer format. Nothing was written.
    #[error("{0}")]
    Broken(String),
    /// The log is closed.
    #[error("the metadata log is closed")]
    Closed,
}

impl MetadataLog {
    /// A log that keeps nothing, for tests of those who use it.
    pub fn in_memory(cluster_id: &str) -> Arc<MetadataLog> {
        let mut image = Image::default();
        let found = Change::FoundCluster { cluster_id: cluster_id.to_owned() };
        image.apply(&found).expect("an empty image takes a cluster id");
        let (version, _) = watch::channel(0);
        Arc::new(MetadataLog { image: ArcSwap::from_pointee(image), version, turn: tokio::sync::Mutex::default() })
    }

    /// The image now. Cheap; hold it for a request, not for ever.
    pub fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    /// Tells of each new image by its version. The image is in place before its version is told.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }

    /// Makes the changes as one step: all or none. Durable and visible in [`Self::image`] on return.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Committed, CommitError> {
        self.commit_with(move |_| Ok(changes.clone())).await
    }

    /// Makes each change on its own, in order, in as few objects as they fit; one answer per change.
    pub async fn commit_each(&self, changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        let mut answers = Vec::with_capacity(changes.len());
        for change in changes {
            answers.push(self.commit(vec![change]).await);
        }
        answers
    }

    /// Makes the changes that `decide` finds from the image right before the write: what others changed meanwhile is
    /// seen, nothing comes between. May be called again when another writer was first. [`Refusal::Declined`] is its own.
    pub async fn commit_with<F>(&self, decide: F) -> Result<Committed, CommitError>
    where
        F: FnMut(&Image) -> Result<Vec<Change>, Refusal> + Send + 'static,
    {
        let mut decide = decide;
        let _turn = self.turn.lock().await;
        let before = self.image();
        let mut image = Image::clone(&before);
        let changes = decide(&before)?;
        let outcomes = changes.iter().map(|change| image.apply(change)).collect::<Result<Vec<_>, _>>()?;
        image.version += 1;
        let image = Arc::new(image);
        self.image.store(image.clone());
        self.version.send_replace(image.version());
        Ok(Committed { image, outcomes })
    }

    /// The next block of producer ids for a broker: its first id, and
    /// [`super::PRODUCER_IDS_PER_BLOCK`] - 1 more.
    pub async fn reserve_producer_ids(&self, node: NodeId) -> Result<ProducerId, CommitError> {
        let committed = self.commit(vec![Change::ReserveProducerIds { node }]).await?;
        match committed.outcomes.first() {
            Some(Outcome::ProducerIds { first }) => Ok(*first),
            other => unreachable!("a reservation brought about {other:?}"),
        }
    }
}
