//! The handle that others hold: the image now, and the way to change it.

use super::change::{Change, Outcome, Refusal};
use super::format::Problem;
use super::image::Image;
use super::keeper::{Keeper, Proposal};
use super::replay::{self, Loaded, ReplayError};
use crate::base::{NodeId, ProducerId};
use crate::io::bucket::{Bucket, Patience};
use arc_swap::ArcSwap;
use futures_util::future::join_all;
use std::fmt;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// Proposals that wait for the keeper; more wait to be let in.
const PROPOSALS_WAITING_MAX: usize = 1024;

/// Where each object's nonce comes from: 128 random bits a call.
pub type Nonces = Box<dyn FnMut() -> u128 + Send>;

/// What a metadata log is opened with.
pub struct MetadataConfig {
    /// Where the objects are; nobody else's objects may be below `meta/`.
    pub bucket: Bucket,
    /// Who writes.
    pub node: NodeId,
    /// The id of the cluster when there is none yet.
    pub new_cluster_id: String,
    /// The features of a cluster that is founded now, with their levels; one that exists keeps its own.
    pub new_features: Vec<(String, i16)>,
    /// Random numbers.
    pub nonces: Nonces,
    /// Objects between two snapshots, at least 1; [`SNAPSHOT_EVERY`] unless a test says otherwise.
    pub snapshot_every: u64,
}

/// Objects between two snapshots. A start reads at most about twice as many.
pub const SNAPSHOT_EVERY: u64 = 128;

/// The cluster's metadata. Share it in an `Arc`; when the last is dropped, writing ends.
pub struct MetadataLog {
    published: Arc<Published>,
    proposals: mpsc::Sender<Proposal>,
}

/// What readers see.
pub(super) struct Published {
    image: ArcSwap<Image>,
    version: watch::Sender<u64>,
    /// Why the log can't go on, once it can't.
    broken: watch::Sender<Option<String>>,
}

impl Published {
    fn new(image: Image) -> Self {
        let (version, _) = watch::channel(image.version);
        Published { image: ArcSwap::from_pointee(image), version, broken: watch::Sender::new(None) }
    }

    pub(super) fn break_off(&self, why: String) {
        self.broken.send_replace(Some(why));
    }

    pub(super) fn image(&self) -> Arc<Image> {
        self.image.load_full()
    }

    pub(super) fn publish(&self, image: Arc<Image>) {
        let (version, before) = (image.version, self.image.load().version);
        assert!(version > before, "metadata image {version} after {before}");
        self.image.store(image);
        self.version.send_replace(version);
    }
}

/// A proposal that was accepted: durable, and part of the image.
#[derive(Clone, Debug)]
pub struct Committed {
    /// The image with the changes; others' changes may be in it too.
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
    /// The bucket could not take it (a full disk, say); nothing was written, and a later try may succeed.
    #[error("the metadata could not be written: {0}")]
    NotWritten(String),
    /// The bucket did not answer in time. Whether the change was made is not known; it may still be.
    #[error("the metadata could not be written ({0}); whether the change was made is not known")]
    Unavailable(String),
    /// The log can't go on: an object is corrupt, missing, of a newer format, or could not be made durable. The broker
    /// must stop; whether the change was made the next start finds out.
    #[error("{0}")]
    Broken(String),
    /// The log is closed: its runtime is ending.
    #[error("the metadata log is closed")]
    Closed,
}

impl MetadataLog {
    /// Reads the log, founds the cluster if there is none, and begins to serve. The task that writes lives on the current
    /// runtime.
    pub async fn open(config: MetadataConfig) -> Result<MetadataLog, OpenError> {
        let loaded = replay::load(&config.bucket).await?;
        let mut founding = vec![Change::FoundCluster { cluster_id: config.new_cluster_id.clone() }];
        let features = config.new_features.iter().cloned();
        founding.extend(features.map(|(name, level)| Change::SetFeature { name, level }));
        let log = Self::start(config, loaded);
        if log.image().cluster_id().is_empty() {
            let found =
                move |image: &Image| Ok(if image.cluster_id().is_empty() { founding.clone() } else { Vec::new() });
            log.commit_with(found).await?;
        }
        Ok(log)
    }

    fn start(config: MetadataConfig, loaded: Loaded) -> MetadataLog {
        let published = Arc::new(Published::new(loaded.image));
        let (proposals, waiting) = mpsc::channel(PROPOSALS_WAITING_MAX);
        let keeper = Keeper::new(config, loaded.snapshot, published.clone());
        tokio::spawn(keeper.run(waiting));
        MetadataLog { published, proposals }
    }

    /// A log that is forgotten with the process, for tests of those who use it. Call it within a runtime.
    pub fn in_memory(cluster_id: &str) -> Arc<MetadataLog> {
        let mut loaded = Loaded::default();
        let found = Change::FoundCluster { cluster_id: cluster_id.to_owned() };
        loaded.image.apply(&found).expect("an empty image takes a cluster id");
        let mut nonce = 0;
        let config = MetadataConfig {
            bucket: Bucket::new(Arc::new(object_store::memory::InMemory::new()), Patience::default()),
            node: NodeId(0),
            new_cluster_id: cluster_id.to_owned(),
            new_features: Vec::new(),
            nonces: Box::new(move || {
                nonce += 1;
                nonce
            }),
            snapshot_every: SNAPSHOT_EVERY,
        };
        Arc::new(Self::start(config, loaded))
    }

    /// The image now. Cheap; hold it for a request, not for ever.
    pub fn image(&self) -> Arc<Image> {
        self.published.image()
    }

    /// Tells of each new image by its version. The image is in place before its version is told.
    pub fn subscribe(&self) -> watch::Receiver<u64> {
        self.published.version.subscribe()
    }

    /// Ends when the log can't go on, with the reason; until then never. The broker must stop then.
    pub async fn broken(&self) -> String {
        let mut broken = self.published.broken.subscribe();
        match broken.wait_for(Option::is_some).await.map(|why| why.clone()) {
            Ok(Some(why)) => why,
            // The sender lives as long as this handle.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Makes the changes as one step: all or none. Durable and visible in [`Self::image`] on return. A caller that goes
    /// away does not take its proposal back.
    pub async fn commit(&self, changes: Vec<Change>) -> Result<Committed, CommitError> {
        self.commit_with(move |_| Ok(changes.clone())).await
    }

    /// Makes each change on its own, in order, in as few objects as they fit; one answer per change.
    pub async fn commit_each(&self, changes: Vec<Change>) -> Vec<Result<Committed, CommitError>> {
        let mut answers = Vec::with_capacity(changes.len());
        for change in changes {
            answers.push(self.propose(Box::new(move |_| Ok(vec![change.clone()]))).await);
        }
        join_all(answers.into_iter().map(answered)).await
    }

    /// Makes the changes that `decide` finds from the image right before the write: what others changed meanwhile is
    /// seen, nothing comes between. Called again when another writer was first, or before a refusal is believed.
    /// [`Refusal::Declined`] is the caller's own. No changes are a commit of nothing.
    pub async fn commit_with<F>(&self, decide: F) -> Result<Committed, CommitError>
    where
        F: FnMut(&Image) -> Result<Vec<Change>, Refusal> + Send + 'static,
    {
        answered(self.propose(Box::new(decide)).await).await
    }

    async fn propose(&self, decide: super::keeper::Decide) -> oneshot::Receiver<Result<Committed, CommitError>> {
        let (reply, answer) = oneshot::channel();
        // When the keeper is gone the reply is dropped with the proposal, and the answer says so.
        let _ = self.proposals.send(Proposal { decide, reply }).await;
        answer
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

async fn answered(answer: oneshot::Receiver<Result<Committed, CommitError>>) -> Result<Committed, CommitError> {
    answer.await.unwrap_or(Err(CommitError::Closed))
}

impl fmt::Debug for MetadataLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetadataLog").field("version", &self.image().version).finish_non_exhaustive()
    }
}

/// Why a metadata log could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is there can't be read.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The cluster could not be founded.
    #[error(transparent)]
    Found(#[from] CommitError),
}

impl OpenError {
    /// Whether a later release wrote it.
    pub fn is_newer(&self) -> bool {
        matches!(self, OpenError::Replay(ReplayError::Format(error)) if matches!(error.problem, Problem::Newer { .. }))
    }

    /// Whether an object is damaged or gone, which no later start brings back.
    pub fn is_damaged(&self) -> bool {
        let is_broken = matches!(self, OpenError::Replay(ReplayError::Format(_) | ReplayError::Missing { .. }));
        is_broken && !self.is_newer()
    }
}
