//! Finds, starts and asks shards.

use super::machine::Machine;
use super::shard::{self, Envelope, Life};
use crate::base::{Clock, TopicPartition};
use crate::partition::{Partition, Partitions};
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Commands that wait for one machine; who comes after them waits for a place.
pub(super) const MAILBOX_MAX: usize = 1_024;

/// How long a command waits for a machine that is being loaded, before its client is told to come again: most loads take
/// less, and a client's own pause is longer.
const LOAD_WAIT: Duration = Duration::from_millis(500);

/// Why a command is not answered by the machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AskError {
    /// The machine is still being loaded (COORDINATOR_LOAD_IN_PROGRESS).
    #[error("the coordinator is loading its records")]
    Loading,
    /// The disk is full or failed, the broker stops, or the records can't be read (COORDINATOR_NOT_AVAILABLE). Whether
    /// the command was carried out is not known.
    #[error("the coordinator can't take commands now")]
    Unavailable,
}

/// Makes the machine of a partition, empty.
pub type MakeMachine<M> = Box<dyn Fn(TopicPartition) -> M + Send + Sync>;

/// The shards of one internal topic.
pub struct Coordinator<M: Machine> {
    shards: DashMap<TopicPartition, Shard<M>>,
    tools: Arc<Tools<M>>,
}

/// What shards work with.
pub(super) struct Tools<M: Machine> {
    pub(super) partitions: Arc<Partitions>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) make: MakeMachine<M>,
}

/// A running shard, from outside.
struct Shard<M: Machine> {
    mailbox: mpsc::Sender<Envelope<M>>,
    life: watch::Receiver<Life>,
}

impl<M: Machine> Clone for Shard<M> {
    fn clone(&self) -> Self {
        Shard { mailbox: self.mailbox.clone(), life: self.life.clone() }
    }
}

impl<M: Machine> Coordinator<M> {
    /// No shards yet.
    pub fn new(partitions: Arc<Partitions>, clock: Arc<dyn Clock>, make: MakeMachine<M>) -> Coordinator<M> {
        Coordinator { shards: DashMap::new(), tools: Arc::new(Tools { partitions, clock, make }) }
    }

    /// Loads the machine of a partition, unless it is at work already. Its sessions begin with that.
    pub fn start(&self, partition: &Arc<Partition>) {
        let _ = self.shard(partition);
    }

    /// Asks the machine of a partition. May wait as long as the machine makes its client wait.
    pub async fn ask(&self, partition: &Arc<Partition>, command: M::Command) -> Result<M::Reply, AskError> {
        let Shard { mailbox, mut life } = self.shard(partition);
        let is_loading = *life.borrow() != Life::Ready;
        let take_by = is_loading.then(|| self.tools.clock.monotonic() + LOAD_WAIT);
        let (sender, mut receiver) = oneshot::channel();
        // At once: what a client sends one after the other is taken in that order, also by a machine that is being loaded.
        if mailbox.send(Envelope { command, sender, take_by }).await.is_err() {
            return Err(self.ended(partition, &mailbox));
        }
        if take_by.is_some() {
            tokio::select! {
                biased;
                reply = &mut receiver => return reply.map_err(|_| AskError::Unavailable),
                // Before the time is looked at: a machine that is ready may have taken the command just before.
                ready = life.wait_for(|life| *life != Life::Loading) => match ready.map(|life| *life) {
                    Err(_) => return Err(self.ended(partition, &mailbox)),
                    Ok(Life::Broken) => return Err(AskError::Unavailable),
                    Ok(Life::Loading | Life::Ready) => {}
                },
                // The machine leaves out what waited for longer.
                () = tokio::time::sleep(LOAD_WAIT) => return Err(AskError::Loading),
            }
        }
        receiver.await.map_err(|_| AskError::Unavailable)
    }

    fn shard(&self, partition: &Arc<Partition>) -> Shard<M> {
        match self.shards.entry(partition.id()) {
            Entry::Occupied(entry) => entry.get().clone(),
            Entry::Vacant(entry) => {
                let (mailbox, commands) = mpsc::channel(MAILBOX_MAX);
                let (tell, life) = watch::channel(Life::Loading);
                tokio::spawn(shard::run(self.tools.clone(), partition.clone(), commands, tell));
                entry.insert(Shard { mailbox, life }).clone()
            }
        }
    }

    /// A shard ends with its partition or with the store; another one may be asked for under the same id.
    fn ended(&self, partition: &Partition, mailbox: &mpsc::Sender<Envelope<M>>) -> AskError {
        self.shards.remove_if(&partition.id(), |_, shard| shard.mailbox.same_channel(mailbox));
        AskError::Unavailable
    }
}
