//! Groups of the new protocol and groups that change, step by step.

mod alarms;
mod limits;
mod members;
mod migration;
mod offsets;
mod reconciliation;
mod regexes;
mod speed;
mod statics;

use super::{Groups, Policy};
use crate::base::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::coordinator::machine::{Moment, Ticket};
use crate::group::GroupError;
use crate::group::classic::{self, Change, Out};
use crate::group::command::{
    AnyState, CommitOffsets, ConsumerDescription, ConsumerHeartbeat, ConsumerHeartbeatReply, ConsumerState, Join,
    JoinReply, Leave, Name, OffsetToCommit, Reply, Sync, SyncReply, View,
};
use crate::group::consumer;
use crate::group::records::consumer::Target;
use crate::group::records::embedded;
use crate::metadata::{Change as TopicChange, Configs, Image};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

pub(super) const GROUP: &str = "g";
/// How long a member may take to give up partitions.
pub(super) const REBALANCE_MS: i32 = 60_000;

pub(super) fn name(text: &str) -> Name {
    Name::from(text)
}

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The id of a topic named by one letter.
pub(super) fn id(topic: &str) -> TopicId {
    let first = topic.bytes().fold(0_u128, |id, byte| id << 8 | u128::from(byte));
    TopicId(Uuid::from_u128(first))
}

pub(super) fn create(topic: &str, partitions: i32) -> TopicChange {
    TopicChange::CreateTopic { name: topic.into(), id: id(topic), partitions, configs: Configs::new() }
}

/// Partitions by topic, as a target.
pub(super) fn target(parts: &[(&str, &[i32])]) -> Target {
    parts.iter().map(|(topic, partitions)| (id(topic), partitions.iter().copied().collect())).collect()
}

/// A heartbeat that says nothing new.
pub(super) fn beat(member: &str, epoch: i32) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        group: name(GROUP),
        member: name(member),
        makes_own_id: true,
        epoch,
        instance: None,
        rack: None,
        rebalance_timeout_ms: -1,
        topics: None,
        regex: None,
        assignor: None,
        owned: None,
        client_id: name("client"),
        client_host: name("/127.0.0.1"),
    }
}

/// A first heartbeat.
pub(super) fn joining(member: &str, topics: &[&str]) -> ConsumerHeartbeat {
    ConsumerHeartbeat {
        rebalance_timeout_ms: REBALANCE_MS,
        topics: Some(topics.iter().map(|topic| name(topic)).collect()),
        owned: Some(Target::new()),
        ..beat(member, 0)
    }
}

pub(super) fn owning(member: &str, epoch: i32, owned: Target) -> ConsumerHeartbeat {
    ConsumerHeartbeat { owned: Some(owned), ..beat(member, epoch) }
}

pub(super) fn with_instance(instance: &str, heartbeat: ConsumerHeartbeat) -> ConsumerHeartbeat {
    ConsumerHeartbeat { instance: Some(name(instance)), ..heartbeat }
}

/// Groups with their clock, the topics, and the log of what they keep.
pub(super) struct Bench {
    pub(super) groups: Groups,
    pub(super) settings: (classic::Settings, consumer::Settings, Policy),
    pub(super) now: Duration,
    pub(super) view: View,
    asked: u64,
    pub(super) log: Vec<Change>,
    pub(super) replies: Vec<(Ticket, Reply)>,
}

impl Bench {
    /// With Kafka's settings but for the pause between assignments, and these topics.
    pub(super) fn new(topics: &[(&str, i32)]) -> Bench {
        let consumer = consumer::Settings { assignment_interval: ms(0), ..consumer::Settings::default() };
        Bench::with(topics, classic::Settings::default(), consumer, Policy::default())
    }

    pub(super) fn with(
        topics: &[(&str, i32)],
        classic: classic::Settings,
        consumer: consumer::Settings,
        policy: Policy,
    ) -> Bench {
        let changes: Vec<_> = topics.iter().map(|(topic, partitions)| create(topic, *partitions)).collect();
        let view = View { image: Arc::new(Image::of(&changes)), assignment_interval: consumer.assignment_interval };
        let groups = Groups::new(classic.clone(), consumer.clone(), policy);
        let settings = (classic, consumer, policy);
        Bench { groups, settings, now: ms(1_000), view, asked: 0, log: Vec::new(), replies: Vec::new() }
    }

    pub(super) fn moment(&self) -> Moment {
        let wall = Timestamp(1_000_000 + self.now.as_millis() as i64);
        Moment { wall, proven: wall, monotonic: self.now }
    }

    pub(super) fn change_topics(&mut self, changes: &[TopicChange]) {
        self.view.image = Arc::new(self.view.image.with(changes));
    }

    fn take(&mut self, out: Out) {
        self.log.extend(out.changes);
        self.replies.extend(out.replies);
    }

    fn step<T>(&mut self, step: impl FnOnce(&mut Groups, Moment, &mut Out) -> T) -> T {
        let mut out = Out::default();
        self.groups.see(self.view.clone());
        let moment = self.moment();
        let told = step(&mut self.groups, moment, &mut out);
        self.take(out);
        told
    }

    pub(super) fn heartbeat(&mut self, request: &ConsumerHeartbeat) -> Result<ConsumerHeartbeatReply, GroupError> {
        let before = self.log.len();
        let told = self.step(|groups, now, out| groups.consumer_heartbeat(now, request, out));
        assert!(told.is_ok() || self.log.len() == before, "a refused heartbeat changed something");
        told
    }

    /// Time passes, and what is due happens when it is.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.groups.due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.step(|groups, now, out| groups.tick(now, out));
        }
        self.now = until;
    }

    /// The coordinator starts anew from what it kept.
    pub(super) fn restart(&mut self) {
        let (classic, consumer, policy) = self.settings.clone();
        self.groups = Groups::new(classic, consumer, policy);
        for change in self.log.clone() {
            match change {
                Change::Group { group, value } => self.groups.replay_classic(group, value),
                Change::Consumer(record) => self.groups.replay_consumer(&record),
            }
        }
        self.step(|groups, now, out| groups.loaded(now, out));
    }

    fn ticket(&mut self) -> Ticket {
        self.asked += 1;
        Ticket(self.asked)
    }

    fn answer(&mut self, ticket: Ticket) -> Option<Reply> {
        let at = self.replies.iter().position(|(other, _)| *other == ticket)?;
        Some(self.replies.remove(at).1)
    }

    pub(super) fn ask_join(&mut self, join: &Join) -> Ticket {
        let ticket = self.ticket();
        self.step(|groups, now, out| groups.join(now, ticket, join, out));
        ticket
    }

    pub(super) fn joined(&mut self, ticket: Ticket) -> JoinReply {
        match self.answer(ticket) {
            Some(Reply::Join(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn join(&mut self, join: &Join) -> JoinReply {
        let ticket = self.ask_join(join);
        self.joined(ticket)
    }

    pub(super) fn sync(&mut self, sync: &Sync) -> Result<SyncReply, GroupError> {
        let ticket = self.ticket();
        self.step(|groups, now, out| groups.sync(now, ticket, sync, out));
        match self.answer(ticket) {
            Some(Reply::Sync(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn classic_heartbeat(&mut self, member: &str, generation: i32) -> Result<(), GroupError> {
        let ticket = self.ticket();
        let heartbeat = classic::tests::heartbeat(&name(member), generation);
        self.step(|groups, now, out| groups.heartbeat(now, ticket, &heartbeat, out));
        match self.answer(ticket) {
            Some(Reply::Heartbeat(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn leave(&mut self, members: &[(&str, Option<&str>)]) -> Vec<Result<(), GroupError>> {
        let ticket = self.ticket();
        let members = members.iter().map(|(member, instance)| (name(member), instance.map(name))).collect();
        let leave = Leave { group: name(GROUP), members };
        self.step(|groups, now, out| groups.leave(now, ticket, &leave, out));
        match self.answer(ticket) {
            Some(Reply::Leave(Ok(outcomes))) => outcomes,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn described(&self) -> ConsumerDescription {
        self.groups.consumer_describe(&name(GROUP)).expect("a consumer group")
    }

    pub(super) fn state(&self) -> ConsumerState {
        self.described().state
    }

    /// What kind of group it is.
    pub(super) fn kind(&self) -> Option<AnyState> {
        let listed = self.groups.list();
        assert!(listed.iter().filter(|group| *group.group == *GROUP).count() <= 1, "one name is one group");
        listed.iter().find(|group| *group.group == *GROUP).map(|group| group.state)
    }

    /// What a member has, also what it is to give up.
    pub(super) fn has(&self, member: &str) -> Target {
        let described = self.described();
        let member = described.members.iter().find(|other| *other.member == *member).expect("a member");
        let mut has = Target::new();
        for (topic, _, partitions) in member.assigned.iter().chain(&member.revoking) {
            has.entry(*topic).or_default().extend(partitions);
        }
        has
    }

    /// Members beat, tell what they were told, and are quick to give up partitions, until nothing changes any more.
    pub(super) fn settle(&mut self, members: &[&str]) {
        for _ in 0..10 {
            for member in members {
                let described = self.described();
                let Some(is) = described.members.iter().find(|other| *other.member == **member) else { continue };
                if is.is_classic || is.epoch < 0 {
                    continue;
                }
                let (epoch, instance) = (is.epoch, is.instance.clone());
                let lives = ConsumerHeartbeat { instance, ..owning(member, epoch, Target::new()) };
                let told = self.heartbeat(&lives).expect("a member");
                assert!(told.epoch >= epoch, "an epoch falls");
            }
            if self.state() == ConsumerState::Stable {
                return;
            }
        }
        panic!("not stable: {:#?}", self.described());
    }
}

/// A join of the classic protocol, with a subscription as Java writes it.
pub(super) fn classic_join(member: &str, topics: &[&str], owned: &[(&str, &[i32])]) -> Join {
    let string = |text: &str| [&(text.len() as i16).to_be_bytes(), text.as_bytes()].concat();
    let count = |count: usize| (count as i32).to_be_bytes();
    let mut bytes = [&[0, 1][..], &count(topics.len())].concat();
    topics.iter().for_each(|topic| bytes.extend(string(topic)));
    bytes.extend((-1_i32).to_be_bytes());
    bytes.extend(count(owned.len()));
    for (topic, partitions) in owned {
        bytes.extend(string(topic));
        bytes.extend(count(partitions.len()));
        partitions.iter().for_each(|partition| bytes.extend(partition.to_be_bytes()));
    }
    let protocols = vec![(name("cooperative-sticky"), Bytes::from(bytes))];
    Join { protocols, requires_known_member_id: false, ..classic::tests::join(member) }
}

/// The partitions in a classic assignment, by topic id.
pub(super) fn in_assignment(bytes: &[u8]) -> Target {
    let assignment = embedded::assignment(bytes).expect("an assignment");
    let of = |(topic, partitions): (Name, Vec<i32>)| (id(&topic), partitions.into_iter().collect::<BTreeSet<i32>>());
    assignment.partitions.into_iter().map(of).collect()
}

pub(super) fn commit(member: &str, epoch: i32, partitions: &[(&str, i32)]) -> CommitOffsets {
    let of = |(topic, partition): &(&str, i32)| OffsetToCommit {
        topic: name(topic),
        topic_id: id(topic),
        partition: PartitionIndex(*partition),
        offset: Offset(7),
        leader_epoch: LeaderEpoch::UNKNOWN,
        metadata: name(""),
    };
    CommitOffsets { offsets: partitions.iter().map(of).collect(), ..classic::tests::commit(member, epoch) }
}
