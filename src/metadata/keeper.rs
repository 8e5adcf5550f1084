//! The one task that writes the log.
//!
//! It takes the proposals that wait, decides them in order against a draft of the next image, writes what was accepted
//! as one object, publishes the draft, and answers. While one object is being written the next proposals gather, so a
//! storm of changes costs as many syncs as fit one after the other, not one each.
//!
//! - Another writer was first: read on, decide again.
//! - A refusal is believed only when the image has been seen to be up to date in this round.
//! - The write's end is unclear: the proposers are told so, and the same object is claimed again before any other.
//! - The object is there but not durable, or the log can't be read: nothing is accepted any more.

use super::change::{Change, Outcome, Refusal};
use super::format::{self, ChangesBody, Kind, OBJECT_BYTES_MAX};
use super::image::{Image, LastWrite};
use super::log::{CommitError, Committed, MetadataConfig, Nonces, Published};
use super::replay::{self, CaughtUp, ReplayError};
use crate::base::NodeId;
use crate::io::bucket::{Bucket, BucketError, Claim};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use uuid::Uuid;

/// Proposals that one object may gather.
const PROPOSALS_PER_OBJECT_MAX: usize = 1024;

/// How often a round may lose to other writers before its proposers are told.
const RACES_MAX: usize = 100;

/// Finds the changes to make from the image right before the write.
pub(super) type Decide = Box<dyn FnMut(&Image) -> Result<Vec<Change>, Refusal> + Send>;

/// What somebody wants changed.
pub(super) struct Proposal {
    pub(super) decide: Decide,
    pub(super) reply: oneshot::Sender<Result<Committed, CommitError>>,
}

/// An object whose writing has begun.
struct Object {
    write: LastWrite,
    bytes: Bytes,
    /// The image with its changes.
    image: Arc<Image>,
    /// Whether its changes bring room on the disk.
    frees_room: bool,
}

/// What became of an object.
enum Written {
    /// It is part of the log and of the image.
    Won,
    /// It is not, and never will be; the image has been brought up to date.
    Lost,
}

/// A draft of the next image, and whose changes are in it.
struct Draft {
    image: Image,
    body: ChangesBody,
    accepted: Vec<(Proposal, Vec<Outcome>)>,
    /// Proposals that an up-to-date image may accept.
    doubted: Vec<(Proposal, Refusal)>,
    /// Proposals for the next object.
    left: Vec<Proposal>,
}

pub(super) struct Keeper {
    bucket: Bucket,
    node: NodeId,
    nonces: Nonces,
    snapshot_every: u64,
    published: Arc<Published>,
    /// The number of the newest snapshot; 0 for none.
    snapshot: u64,
    /// The snapshot that is being written, and its number.
    snapshotting: Option<(u64, JoinHandle<bool>)>,
    /// An object that may or may not have been written.
    unclear: Option<Object>,
    broken: Option<String>,
}

impl Keeper {
    pub(super) fn new(config: MetadataConfig, snapshot: u64, published: Arc<Published>) -> Self {
        Keeper {
            bucket: config.bucket,
            node: config.node,
            nonces: config.nonces,
            snapshot_every: config.snapshot_every.max(1),
            published,
            snapshot,
            snapshotting: None,
            unclear: None,
            broken: None,
        }
    }

    pub(super) async fn run(mut self, mut waiting: mpsc::Receiver<Proposal>) {
        let mut proposals = Vec::new();
        while waiting.recv_many(&mut proposals, PROPOSALS_PER_OBJECT_MAX).await > 0 {
            let mut round = std::mem::take(&mut proposals);
            while !round.is_empty() {
                round = self.round(round).await;
            }
            self.snapshot_when_due().await;
        }
    }

    /// Answers the proposals that one object holds and returns the others.
    async fn round(&mut self, mut proposals: Vec<Proposal>) -> Vec<Proposal> {
        let mut up_to_date = false;
        for _ in 0..RACES_MAX {
            if let Err(error) = self.settle().await {
                answer_all(proposals, &error);
                return Vec::new();
            }
            let mut draft = self.draft(proposals);
            if !draft.doubted.is_empty() && !up_to_date {
                proposals = draft.take_all();
                if let Err(error) = self.refresh().await {
                    answer_all(proposals, &error);
                    return Vec::new();
                }
                // Whatever another writer does now came after the refusal.
                up_to_date = true;
                continue;
            }
            let left = std::mem::take(&mut draft.left);
            let (mut again, lost) = self.write_draft(draft).await;
            again.extend(left);
            if !lost {
                return again;
            }
            proposals = again;
            up_to_date = true;
        }
        let error = CommitError::NotWritten(format!("other writers were first {RACES_MAX} times"));
        answer_all(proposals, &error);
        Vec::new()
    }

    /// Decides the proposals in order.
    fn draft(&self, proposals: Vec<Proposal>) -> Draft {
        let mut draft = Draft {
            image: Image::clone(&self.published.image()),
            body: ChangesBody::new(),
            accepted: Vec::new(),
            doubted: Vec::new(),
            left: Vec::new(),
        };
        let mut proposals = proposals.into_iter();
        for mut proposal in proposals.by_ref() {
            let mark = draft.body.mark();
            match decide(&draft.image, &mut proposal.decide, &mut draft.body) {
                Ok((image, outcomes)) if draft.body.object_len() <= OBJECT_BYTES_MAX => {
                    draft.image = image;
                    draft.accepted.push((proposal, outcomes));
                }
                Ok(_) => {
                    let bytes = draft.body.object_len();
                    draft.body.cut(mark);
                    if draft.body.is_empty() {
                        answer(proposal, Err(CommitError::TooLarge { bytes, max: OBJECT_BYTES_MAX }));
                    } else {
                        draft.left.push(proposal);
                        break;
                    }
                }
                Err(refusal) => {
                    draft.body.cut(mark);
                    draft.doubted.push((proposal, refusal));
                }
            }
        }
        draft.left.extend(proposals);
        draft
    }

    /// Writes what a draft holds and answers. Returns the proposals that must be decided again, and whether that is
    /// because another writer was first. A refusal may rest on a change of the same draft, so it waits for the write too.
    async fn write_draft(&mut self, draft: Draft) -> (Vec<Proposal>, bool) {
        let Draft { mut image, body, accepted, doubted, .. } = draft;
        let written = if body.is_empty() {
            Ok(Written::Won)
        } else {
            let (number, nonce) = (image.version + 1, (self.nonces)());
            let write = LastWrite { node: self.node, number, nonce: Uuid::from_u128(nonce) };
            image.note_write(write);
            let frees_room = body.frees_room();
            let bytes = body.seal(number, nonce, self.node);
            self.write(Object { write, bytes, image: Arc::new(image), frees_room }).await
        };
        match written {
            Ok(Written::Won) => {
                let image = self.published.image();
                for (proposal, outcomes) in accepted {
                    answer(proposal, Ok(Committed { image: image.clone(), outcomes }));
                }
                for (proposal, refusal) in doubted {
                    answer(proposal, Err(refusal.into()));
                }
                (Vec::new(), false)
            }
            Ok(Written::Lost) => {
                let accepted = accepted.into_iter().map(|(proposal, _)| proposal);
                (accepted.chain(doubted.into_iter().map(|(proposal, _)| proposal)).collect(), true)
            }
            Err(error) => {
                answer_all(accepted.into_iter().map(|(proposal, _)| proposal), &error);
                (doubted.into_iter().map(|(proposal, _)| proposal).collect(), false)
            }
        }
    }

    /// Makes an object part of the log, or finds that it can't be.
    async fn write(&mut self, object: Object) -> Result<Written, CommitError> {
        match self.claim(&object).await {
            Ok(Claim::Won) => {
                self.published.publish(object.image);
                Ok(Written::Won)
            }
            Ok(Claim::Lost) => self.after_loss(object).await,
            Err(error @ BucketError::NotDurable { .. }) => Err(self.break_off(error.to_string())),
            // Only directories say these plainly, and then nothing was written.
            Err(error @ (BucketError::Full { .. } | BucketError::Store { .. })) => {
                Err(CommitError::NotWritten(error.to_string()))
            }
            Err(
                error @ (BucketError::Unclear { .. }
                | BucketError::TimedOut { .. }
                | BucketError::NotFound { .. }
                | BucketError::TooLarge { .. }),
            ) => {
                self.unclear = Some(object);
                Err(CommitError::Unavailable(error.to_string()))
            }
        }
    }

    /// Reads on after a lost claim. Lost is not the last word when the log has gone on by two snapshots meanwhile: the
    /// object may have been part of it and be deleted already. The image knows.
    async fn after_loss(&mut self, object: Object) -> Result<Written, CommitError> {
        match self.refresh().await {
            Ok(()) => {}
            Err(error @ CommitError::Broken(_)) => return Err(error),
            Err(error) => {
                self.unclear = Some(object);
                return Err(CommitError::Unavailable(error.to_string()));
            }
        }
        match self.published.image().last_writes.get(&self.node) {
            Some(last) if *last == object.write => Ok(Written::Won),
            Some(last) if last.number > object.write.number => {
                Err(CommitError::Unavailable(format!("another writer calls itself node {} too", self.node)))
            }
            Some(_) | None => Ok(Written::Lost),
        }
    }

    /// Claims an object's key. Won only when no snapshot has come to its number: a writer that slept through two of them
    /// finds a free key where an object was deleted.
    async fn claim(&mut self, object: &Object) -> Result<Claim, BucketError> {
        let (key, bytes) = (format::object_key(object.write.number), object.bytes.clone());
        let claim = match self.bucket.put_if_absent_with_nonce(&key, bytes.clone()).await {
            Err(BucketError::Full { .. }) if object.frees_room => self.bucket.put_in_reserve(&key, bytes).await?,
            claim => claim?,
        };
        if claim == Claim::Lost {
            return Ok(claim);
        }
        match replay::newest_snapshot(&self.bucket).await {
            Ok(newest) if newest < object.write.number => Ok(Claim::Won),
            Ok(_) => Ok(Claim::Lost),
            // The object is there; whether it counts must be asked again.
            Err(last) => Err(BucketError::Unclear { key, attempts: 1, last: Box::new(last) }),
        }
    }

    /// Ends the doubt about an object, if there is one.
    async fn settle(&mut self) -> Result<(), CommitError> {
        if let Some(why) = &self.broken {
            return Err(CommitError::Broken(why.clone()));
        }
        match self.unclear.take() {
            Some(object) => self.write(object).await.map(drop).map_err(|error| match error {
                // This says nothing about the proposals that wait now: none of them was written.
                CommitError::Unavailable(why) => CommitError::NotWritten(why),
                other => other,
            }),
            None => Ok(()),
        }
    }

    /// Brings the image up to date.
    async fn refresh(&mut self) -> Result<(), CommitError> {
        let mut image = Image::clone(&self.published.image());
        let before = image.version;
        let read = match replay::catch_up(&self.bucket, &mut image).await {
            Ok(CaughtUp::Yes) => Ok(image),
            Ok(CaughtUp::Overtaken) => replay::load(&self.bucket).await.map(|loaded| {
                self.snapshot = loaded.snapshot;
                loaded.image
            }),
            Err(error) => Err(error),
        };
        match read {
            Ok(image) => {
                if image.version > before {
                    self.published.publish(Arc::new(image));
                }
                Ok(())
            }
            Err(ReplayError::Bucket(error)) => Err(CommitError::NotWritten(error.to_string())),
            Err(error @ ReplayError::Restless) => Err(CommitError::NotWritten(error.to_string())),
            Err(error @ (ReplayError::Format(_) | ReplayError::Missing { .. })) => {
                Err(self.break_off(error.to_string()))
            }
        }
    }

    fn break_off(&mut self, why: String) -> CommitError {
        tracing::error!(why, "the metadata log can't go on");
        self.broken = Some(why.clone());
        self.published.break_off(why.clone());
        CommitError::Broken(why)
    }

    /// Begins a snapshot when enough objects have gathered since the last.
    async fn snapshot_when_due(&mut self) {
        if let Some((number, task)) = self.snapshotting.take_if(|(_, task)| task.is_finished())
            && task.await.unwrap_or(false)
        {
            self.snapshot = number;
        }
        let image = self.published.image();
        if self.snapshotting.is_some() || image.version < self.snapshot.saturating_add(self.snapshot_every) {
            return;
        }
        let (number, nonce) = (image.version, (self.nonces)());
        let task = tokio::spawn(snapshot(self.bucket.clone(), image, nonce, self.node, self.snapshot));
        self.snapshotting = Some((number, task));
    }
}

impl Draft {
    /// All proposals, in about their order.
    fn take_all(self) -> Vec<Proposal> {
        let accepted = self.accepted.into_iter().map(|(proposal, _)| proposal);
        let doubted = self.doubted.into_iter().map(|(proposal, _)| proposal);
        accepted.chain(doubted).chain(self.left).collect()
    }
}

/// The image after one proposal, whose changes are pushed on `body`.
fn decide(image: &Image, decide: &mut Decide, body: &mut ChangesBody) -> Result<(Image, Vec<Outcome>), Refusal> {
    let mut image = image.clone();
    let mut outcomes = Vec::new();
    for change in decide(&image)? {
        outcomes.push(image.apply(&change)?);
        body.push(&change);
    }
    Ok((image, outcomes))
}

fn answer(proposal: Proposal, result: Result<Committed, CommitError>) {
    // A proposer that went away does not take its proposal back.
    let _ = proposal.reply.send(result);
}

fn answer_all(proposals: impl IntoIterator<Item = Proposal>, error: &CommitError) {
    for proposal in proposals {
        answer(proposal, Err(error.clone()));
    }
}

/// Writes a snapshot and deletes what is older than the one before it. Whether the snapshot is there.
async fn snapshot(bucket: Bucket, image: Arc<Image>, nonce: u128, node: NodeId, previous: u64) -> bool {
    let number = image.version();
    let encoding = tokio::task::spawn_blocking(move || format::encode_snapshot(&image, nonce, node));
    let Ok(bytes) = encoding.await else { return false };
    // Lost is as good: another writer's snapshot of this number says the same.
    if let Err(error) = bucket.put_if_absent_with_nonce(&format::snapshot_key(number), bytes).await {
        tracing::warn!(%error, "a metadata snapshot could not be written; the next one will be tried");
        return false;
    }
    if let Err(error) = delete_before(&bucket, previous).await {
        tracing::warn!(%error, "old metadata objects could not be deleted; the next snapshot tries again");
    }
    true
}

/// Deletes the objects that a snapshot holds, and the snapshots before it.
async fn delete_before(bucket: &Bucket, snapshot: u64) -> Result<(), BucketError> {
    for listed in bucket.list(format::PREFIX).await? {
        let old = match format::parse_key(&listed.key) {
            Some((Kind::Changes, number)) => number <= snapshot,
            Some((Kind::Snapshot, number)) => number < snapshot,
            None => false,
        };
        if old {
            bucket.delete(&listed.key).await?;
        }
    }
    Ok(())
}
