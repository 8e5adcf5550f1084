//! Many members of many groups, simulated over the wire: each has a connection of its own, joins, syncs, heartbeats and
//! leaves as a client does, and reads nothing. What is measured is the coordinator.
//!
//! - `classic`, `consumer`: a member by either protocol
//! - `census`: which groups are stable: all of their members synced in one generation that has all of them (classic), or
//!   each has one partition, and no two the same (consumer)
//! - `wire`: a connection that asks one thing at a time
//!
//! All members run on one thread beside the caller's. Their heartbeats are spread over the interval, as those of members
//! that were started at any time are.

mod census;
mod classic;
mod consumer;
mod wire;

use census::{Census, Group};
use kafka_protocol::messages::GroupId;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinHandle;
use wire::Connection;

/// The golden section: multiples of it, less their whole part, spread evenly however many they are.
const SPREAD: f64 = 0.618_033_988_749_895;
/// Connections that are being made at once: less than a listener's backlog.
const CONNECTING_MAX: usize = 100;
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How members and coordinator talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// JoinGroup, SyncGroup, Heartbeat, LeaveGroup.
    Classic,
    /// ConsumerGroupHeartbeat (KIP-848).
    Consumer,
}

impl Protocol {
    /// Between two heartbeats: `heartbeat.interval.ms` of Kafka's clients, and what brokers tell members by their
    /// `group.consumer.heartbeat.interval.ms`.
    pub fn heartbeat(self) -> Duration {
        match self {
            Protocol::Classic => Duration::from_secs(3),
            Protocol::Consumer => Duration::from_secs(5),
        }
    }
}

/// How many groups of how many members.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Groups.
    pub groups: usize,
    /// Members of each.
    pub members: usize,
    /// How they talk.
    pub protocol: Protocol,
}

impl Shape {
    /// In words.
    pub fn words(&self) -> String {
        let words = match self.groups {
            1 => format!("one group of {} members", self.members),
            groups => format!("{groups} groups of {} members", self.members),
        };
        match self.protocol {
            Protocol::Classic => words,
            Protocol::Consumer => words + ", consumer protocol",
        }
    }

    /// All members.
    pub fn all(&self) -> usize {
        self.groups * self.members
    }

    /// Connections, at most: one of each group joins before the one that leaves is gone.
    pub fn connections(&self) -> usize {
        self.all() + self.groups
    }
}

/// What a member is made of.
struct Member {
    bootstrap: String,
    protocol: Protocol,
    topic: String,
    /// Partitions of the topic, which its leader assigns.
    partitions: i32,
    group: Arc<Group>,
    /// Its number in its group, and among all.
    number: usize,
    seat: usize,
    /// Told when it is to leave.
    leave: Arc<Notify>,
    census: Arc<Census>,
    connecting: Arc<Semaphore>,
}

impl Member {
    async fn connect(&self) -> Result<Connection, String> {
        let _slot = self.connecting.acquire().await.map_err(|error| error.to_string())?;
        Connection::open(&self.bootstrap).await
    }

    /// How long after it came its first heartbeat is due.
    fn first_beat(&self) -> Duration {
        self.protocol.heartbeat().mul_f64((self.seat as f64 * SPREAD).fract())
    }

    fn group_id(&self) -> GroupId {
        GroupId(self.group.name.clone().into())
    }

    async fn run(&self) -> Result<(), String> {
        match self.protocol {
            Protocol::Classic => classic::run(self).await,
            Protocol::Consumer => consumer::run(self).await,
        }
    }
}

/// The members of a shape.
pub struct Crowd {
    shape: Shape,
    bootstrap: String,
    topic: String,
    groups: Vec<Arc<Group>>,
    census: Arc<Census>,
    connecting: Arc<Semaphore>,
    /// Who is there, by group; the oldest first.
    present: Vec<Vec<(Arc<Notify>, JoinHandle<()>)>>,
    changed: Instant,
    runtime: Runtime,
}

impl Crowd {
    /// Starts all members. The topic is one with a partition for each member of a group.
    pub fn join(bootstrap: &str, shape: Shape, topic: &str, prefix: &str) -> Result<Crowd, String> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let mut crowd = Crowd {
            shape,
            bootstrap: bootstrap.to_owned(),
            topic: topic.to_owned(),
            groups: (0..shape.groups).map(|number| Arc::new(Group::new(format!("{prefix}-{number}")))).collect(),
            census: Arc::new(Census::new(shape.groups)),
            connecting: Arc::new(Semaphore::new(CONNECTING_MAX)),
            present: (0..shape.groups).map(|_| Vec::new()).collect(),
            changed: Instant::now(),
            runtime: runtime.map_err(|error| error.to_string())?,
        };
        for group in &crowd.groups {
            group.expects(&crowd.census, |live| live.extend(0..shape.members));
        }
        for number in 0..shape.members {
            (0..shape.groups).for_each(|group| crowd.seat(group, number));
        }
        Ok(crowd)
    }

    fn seat(&mut self, group: usize, number: usize) {
        let leave = Arc::new(Notify::new());
        let member = Member {
            bootstrap: self.bootstrap.clone(),
            protocol: self.shape.protocol,
            topic: self.topic.clone(),
            partitions: i32::try_from(self.shape.members).expect("a group has its bounds"),
            group: self.groups[group].clone(),
            number,
            seat: group * self.shape.members + number,
            leave: leave.clone(),
            census: self.census.clone(),
            connecting: self.connecting.clone(),
        };
        let task = self.runtime.spawn(async move {
            if let Err(error) = member.run().await {
                member.census.fail(format!("member {number} of {}: {error}", member.group.name));
            }
        });
        self.present[group].push((leave, task));
    }

    /// Waits until all groups are stable. How long that took from the last change, which is when its members were told
    /// to join or leave.
    pub fn until_stable(&self, within: Duration) -> Result<Duration, String> {
        loop {
            self.census.check()?;
            if let Some(at) = self.census.stable_since() {
                return Ok(at.saturating_duration_since(self.changed));
            }
            if self.changed.elapsed() > within {
                return Err(format!("{} groups were not stable after {within:?}", self.census.unstable()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
    }

    /// In each group the oldest member leaves and a new one joins.
    pub fn replace_one(&mut self) {
        let next = self.shape.members;
        self.changed = Instant::now();
        for group in 0..self.shape.groups {
            let (leave, _) = self.present[group].remove(0);
            self.groups[group].expects(&self.census, |live| {
                live.remove(&0);
                live.insert(next);
            });
            leave.notify_one();
            self.seat(group, next);
        }
    }

    /// Lets them heartbeat for a time; how many heartbeats were answered, and how many of them with a rebalance.
    pub fn beat(&self, time: Duration) -> Result<(u64, u64), String> {
        let read = || (self.census.beats.load(Ordering::SeqCst), self.census.told.load(Ordering::SeqCst));
        let before = read();
        std::thread::sleep(time);
        self.census.check()?;
        let after = read();
        Ok((after.0 - before.0, after.1 - before.1))
    }

    /// All leave, each in order.
    pub fn leave(mut self, within: Duration) -> Result<(), String> {
        let all: Vec<_> = self.present.drain(..).flatten().collect();
        all.iter().for_each(|(leave, _)| leave.notify_one());
        let begun = Instant::now();
        while !all.iter().all(|(_, task)| task.is_finished()) {
            if begun.elapsed() > within {
                let left = all.iter().filter(|(_, task)| !task.is_finished()).count();
                return Err(format!("{left} members had not left after {within:?}"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        self.census.check()
    }
}
