//! One machine at work.

use super::batch;
use super::load::{LoadError, load};
use super::machine::{Effects, Machine, Moment, Record, Ticket};
use super::runtime::Tools;
use crate::base::Offset;
use crate::partition::{AppendError, Partition, ReadError};
use crate::record::BatchHeader;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot, watch};

/// Between two tries to load a machine whose records can't be read, and between two looks at a full disk.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A command on its way.
pub(super) struct Envelope<M: Machine> {
    pub(super) command: M::Command,
    pub(super) sender: oneshot::Sender<M::Reply>,
    /// By the clock that never goes back: when nobody waits for it any more unless the machine has taken it: its client was told to ask again.
    pub(super) take_by: Option<Duration>,
}

/// Where a shard is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Life {
    /// Its records are being read.
    Loading,
    /// It takes commands.
    Ready,
    /// Its records can't be read; it tries again.
    Broken,
}

/// Why a machine stops.
enum Stop {
    /// What it decided was not taken: it must forget that.
    Reload,
    /// The partition or the store is gone.
    End,
}

/// The life of a shard.
pub(super) async fn run<M: Machine>(
    tools: Arc<Tools<M>>,
    partition: Arc<Partition>,
    mut commands: mpsc::Receiver<Envelope<M>>,
    life: watch::Sender<Life>,
) {
    loop {
        let machine = (tools.make)(partition.id());
        match load(&partition, machine).await {
            Ok((machine, position)) => {
                let mut shard = Shard::new(tools.clone(), partition.clone(), machine, position);
                let ready = || life.send_replace(Life::Ready);
                match shard.serve(&mut commands, ready).await {
                    Stop::Reload => drop(life.send_replace(Life::Loading)),
                    Stop::End => return,
                }
                // Not at once: what it could not write it may not be able to write again.
                tokio::time::sleep(RETRY_PAUSE).await;
            }
            Err(LoadError::Read(ReadError::Deleted) | LoadError::Ended) => return,
            Err(error) => {
                tracing::error!(partition = %partition.id(), %error, "the coordinator can't read its records");
                life.send_replace(Life::Broken);
                tokio::time::sleep(RETRY_PAUSE).await;
                // Who was let in before is told to ask again.
                while commands.try_recv().is_ok() {}
                life.send_replace(Life::Loading);
            }
        }
    }
}

/// Replies that wait for an offset to be durable.
type Parked<Reply> = (Offset, Vec<(oneshot::Sender<Reply>, Reply)>);

struct Shard<M: Machine> {
    tools: Arc<Tools<M>>,
    partition: Arc<Partition>,
    machine: M,
    /// The end of all that the machine has seen or written.
    position: Offset,
    waiting: HashMap<Ticket, oneshot::Sender<M::Reply>>,
    tickets: u64,
    parked: mpsc::UnboundedSender<Parked<M::Reply>>,
    /// Since when the machine's time stands still, and for how long it did before.
    stands_since: Option<Duration>,
    stood: Duration,
}

impl<M: Machine> Shard<M> {
    fn new(tools: Arc<Tools<M>>, partition: Arc<Partition>, machine: M, position: Offset) -> Self {
        // As many replies as commands wait for one, and each of those has a connection.
        let (parked, replies) = mpsc::unbounded_channel();
        tokio::spawn(release(partition.clone(), replies));
        let waiting = HashMap::new();
        let (stands_since, stood) = (None, Duration::ZERO);
        Shard { tools, partition, machine, position, waiting, tickets: 0, parked, stands_since, stood }
    }

    async fn serve<T>(&mut self, commands: &mut mpsc::Receiver<Envelope<M>>, ready: impl FnOnce() -> T) -> Stop {
        let mut effects = Effects::default();
        let now = self.now();
        self.machine.loaded(now, &mut effects);
        if let Err(stop) = self.keep(effects).await {
            return stop;
        }
        ready();
        loop {
            let rest = self.rest();
            let step = tokio::select! {
                envelope = commands.recv() => match envelope {
                    Some(envelope) => self.command(envelope).await,
                    None => return Stop::End,
                },
                () = tokio::time::sleep(rest.unwrap_or_default()), if rest.is_some() => self.tick().await,
            };
            if let Err(stop) = step {
                return stop;
            }
        }
    }

    fn now(&mut self) -> Moment {
        let monotonic = self.machine_time();
        let Tools { partitions, .. } = &*self.tools;
        Moment { wall: partitions.dated_now(), proven: partitions.proven_now(), monotonic }
    }

    /// What timeouts go by. It stands still while there is no room: what is refused then can't be late. Else all whose joins
    /// were refused would be thrown out in the moment in which there is room again. That there is none is noticed with the
    /// next command: members say every few seconds that they are there.
    fn machine_time(&mut self) -> Duration {
        let now = self.tools.clock.monotonic();
        if !self.tools.partitions.takes_appends() {
            self.stands_since.get_or_insert(now);
        } else if let Some(since) = self.stands_since.take() {
            self.stood += now.saturating_sub(since);
        }
        self.stands_since.unwrap_or(now).saturating_sub(self.stood)
    }

    /// How long until the machine has something to do. Without room it does nothing: nobody is thrown out of a group
    /// whose state can't be kept.
    fn rest(&mut self) -> Option<Duration> {
        let rest = self.machine.due()?.saturating_sub(self.machine_time());
        Some(if self.stands_since.is_none() { rest } else { RETRY_PAUSE })
    }

    async fn command(&mut self, envelope: Envelope<M>) -> Result<(), Stop> {
        let Envelope { command, sender, take_by } = envelope;
        if take_by.is_some_and(|by| by <= self.tools.clock.monotonic()) {
            return Ok(());
        }
        let now = self.now();
        if M::may_write(&command) && self.stands_since.is_some() {
            // The sender goes with it: its client is told to ask again.
            return Ok(());
        }
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.waiting.insert(ticket, sender);
        let mut effects = Effects::default();
        self.machine.command(now, ticket, command, &mut effects);
        self.keep(effects).await
    }

    async fn tick(&mut self) -> Result<(), Stop> {
        let now = self.now();
        if self.stands_since.is_some() {
            return Ok(());
        }
        let mut effects = Effects::default();
        self.machine.tick(now, &mut effects);
        self.keep(effects).await
    }

    /// Appends what a step wrote, then lets its replies go, or wait.
    async fn keep(&mut self, effects: Effects<M::Reply>) -> Result<(), Stop> {
        let Effects { records, replies } = effects;
        self.append(&records).await?;
        let senders = replies.into_iter().filter_map(|(ticket, reply)| Some((self.waiting.remove(&ticket)?, reply)));
        let replies: Vec<_> = senders.collect();
        if replies.is_empty() {
            return Ok(());
        }
        if self.partition.watermarks().durable >= self.position {
            tell(replies);
        } else {
            // It ends only with the shard.
            let _ = self.parked.send((self.position, replies));
        }
        Ok(())
    }

    /// Appends a step whole; in pieces where the topic does not take it so.
    async fn append(&mut self, records: &[Record]) -> Result<(), Stop> {
        let (wall, before) = (self.tools.partitions.dated_now(), self.position);
        let whole = self.append_all(batch::encode(records, wall, batch::STEP_BYTES_MAX)).await?;
        let appended = match whole {
            Err(AppendError::Refused(_)) if self.position == before => {
                self.append_all(batch::encode(records, wall, batch::PIECE_BYTES_MAX)).await?
            }
            other => other,
        };
        appended.map_err(|error| self.refused(&error))
    }

    async fn append_all(&mut self, batches: Vec<bytes::Bytes>) -> Result<Result<(), AppendError>, Stop> {
        if batches.is_empty() {
            return Ok(Ok(()));
        }
        let bytes = batches.iter().map(|batch| batch.len() as u64).sum();
        let mut room = self.tools.partitions.reserve(bytes).await.map_err(|_| Stop::End)?;
        for batch in batches {
            let header = BatchHeader::parse(&batch).expect("it was built here");
            match self.partition.append(batch, &header, &mut room) {
                Ok(ticket) => self.position = ticket.next_offset(),
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(()))
    }

    fn refused(&self, error: &AppendError) -> Stop {
        tracing::warn!(partition = %self.partition.id(), %error, "the coordinator could not write");
        match error {
            AppendError::DiskFull | AppendError::Refused(_) => Stop::Reload,
            AppendError::Deleted | AppendError::Failed | AppendError::Stopping => Stop::End,
        }
    }
}

fn tell<Reply>(replies: Vec<(oneshot::Sender<Reply>, Reply)>) {
    for (sender, reply) in replies {
        // Nobody waits any more where a connection has gone.
        let _ = sender.send(reply);
    }
}

/// Lets replies go in order, each when its offset is durable. When it never will be they are dropped: their clients are
/// told to ask again.
async fn release<Reply>(partition: Arc<Partition>, mut parked: mpsc::UnboundedReceiver<Parked<Reply>>) {
    while let Some((upto, replies)) = parked.recv().await {
        if partition.wait_durable(upto).await.is_ok() {
            tell(replies);
        }
    }
}
