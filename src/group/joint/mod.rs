//! The groups of both protocols under one roof: a name is a classic group or one of the new protocol, never both.
//!
//! - [`Groups`]: who answers what. `migration`: groups that change from one protocol to the other while they are in use
//!   (KIP-848): up when a member of the new protocol joins a classic group of consumers, down when the last one leaves; and
//!   groups without members, which become what is joined.
//!
//! What holds: what ends a group and what begins the other is one step: its records are kept together or not at all, and
//! no committed offset is touched.

mod migration;
#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
mod tests;

pub use migration::Policy;

use super::classic::{self, Expiry, Out};
use super::command::{
    CommitOffsets, ConsumerDescription, ConsumerHeartbeat, ConsumerHeartbeatReply, FetchOffsets, GroupDescription,
    GroupListing, GroupState, Heartbeat, Join, JoinReply, Leave, Name, Reply, Sync, View,
};
use super::consumer::{self, JOINS, LEAVES, LEAVES_FOR_NOW};
use super::records::{ConsumerRecord, GroupValue, subscription};
use super::{GroupError, offsets};
use crate::coordinator::machine::{Moment, Ticket};
use offsets::Expiration;
use std::collections::BTreeSet;
use std::time::Duration;

/// The groups of one partition.
#[derive(Debug)]
pub struct Groups {
    pub(super) classic: classic::Groups,
    pub(super) consumer: consumer::Groups,
    policy: Policy,
    /// `group.max.size`, above which no group becomes a classic one.
    classic_size_max: usize,
    view: View,
}

impl Groups {
    /// No groups yet.
    pub fn new(classic: classic::Settings, consumer: consumer::Settings, policy: Policy) -> Groups {
        let classic_size_max = classic.size_max;
        let (classic, consumer) = (classic::Groups::new(classic), consumer::Groups::new(consumer));
        Groups { classic, consumer, policy, classic_size_max, view: View::default() }
    }

    /// Takes over what is known of the cluster now. Commands may come in another order than that in which they were given:
    /// topics that were seen are not forgotten again because of one that knows less.
    pub fn see(&mut self, view: View) {
        self.consumer.set_assignment_interval(view.assignment_interval);
        self.view.assignment_interval = view.assignment_interval;
        if view.image.version() >= self.view.image.version() {
            self.view.image = view.image;
        }
    }

    /// Takes over what was kept of a classic group.
    pub fn replay_classic(&mut self, group: Name, value: Option<GroupValue>) {
        self.classic.replay(group, value);
    }

    /// Takes over what was kept of a group of the new protocol.
    pub fn replay_consumer(&mut self, record: &ConsumerRecord) {
        self.consumer.replay(record);
        // One that only had offsets has become more; Kafka's tombstone of the classic one may be cleaned away by then.
        if self.consumer.contains(record.group()) && self.classic.has_members(record.group()) == Some(false) {
            self.classic.replay(record.group().clone(), None);
        }
    }

    /// Makes a classic group that has only offsets, unless there is one of either kind.
    pub fn ensure(&mut self, group: &Name) {
        if !self.consumer.contains(group) {
            self.classic.ensure(group);
        }
    }

    /// All was replayed: sessions begin anew.
    pub fn loaded(&mut self, now: Moment, out: &mut Out) {
        self.classic.loaded(now, out);
        let image = self.view.image.clone();
        self.consumer.loaded(now, &image, out);
    }

    /// When [`Groups::tick`] has something to do.
    pub fn due(&self) -> Option<Duration> {
        [self.classic.due(), self.consumer.due()].into_iter().flatten().min()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Moment, out: &mut Out) {
        self.classic.tick(now, out);
        let round = self.consumer.round(now.monotonic);
        while let Some((group, member)) = self.consumer.take_due(round) {
            self.fence(now, &group, &[member], out);
        }
    }

    /// ConsumerGroupHeartbeat.
    pub fn consumer_heartbeat(
        &mut self,
        now: Moment,
        request: &ConsumerHeartbeat,
        out: &mut Out,
    ) -> Result<ConsumerHeartbeatReply, GroupError> {
        self.consumer.check(request)?;
        if request.epoch == LEAVES || request.epoch == LEAVES_FOR_NOW {
            return self.consumer_leave(now, request, out);
        }
        if request.epoch == JOINS && !self.consumer.contains(&request.group) {
            self.make_way_for_consumers(now, request, out)?;
        }
        let image = self.view.image.clone();
        self.consumer.heartbeat(now, &image, request, out)
    }

    fn consumer_leave(
        &mut self,
        now: Moment,
        request: &ConsumerHeartbeat,
        out: &mut Out,
    ) -> Result<ConsumerHeartbeatReply, GroupError> {
        let image = self.view.image.clone();
        let leaving = self.consumer.leave(now, &image, request, out)?;
        if let Some(member) = leaving {
            self.fence(now, &request.group, &[member], out);
        }
        let (member, epoch) = (request.member.clone(), request.epoch);
        Ok(ConsumerHeartbeatReply { member, epoch, interval: Duration::ZERO, assignment: None })
    }

    /// JoinGroup.
    pub fn join(&mut self, now: Moment, ticket: Ticket, request: &Join, out: &mut Out) {
        if self.consumer.has_members(&request.group) {
            return self.join_consumers(now, ticket, request, out);
        }
        if self.consumer.contains(&request.group)
            && let Err(error) = self.make_way_for_classics(request, out)
        {
            return out.refuse_join(ticket, request.member.clone(), error);
        }
        self.classic.join(now, ticket, request, out);
    }

    fn join_consumers(&mut self, now: Moment, ticket: Ticket, request: &Join, out: &mut Out) {
        // Whatever the policy: it is for groups that change, and this one does not.
        if let Err(error) = self.classic.check_join_request(request) {
            return out.refuse_join(ticket, request.member.clone(), error);
        }
        let image = self.view.image.clone();
        let can_downgrade = self.can_downgrade(&request.group, 0);
        let joined = self.consumer.join(now, &image, request, can_downgrade, out);
        match joined.reply {
            Ok(reply) => out.replies.push((ticket, Reply::Join(reply))),
            Err(error) => out.refuse_join(ticket, joined.member, error),
        }
        if joined.downgrade {
            // One that stays tells the member to join again when it syncs.
            self.downgrade(now, &request.group, &[], out);
        }
    }

    /// SyncGroup.
    pub fn sync(&mut self, now: Moment, ticket: Ticket, request: &Sync, out: &mut Out) {
        if !self.consumer.contains(&request.group) {
            return self.classic.sync(now, ticket, request, out);
        }
        let image = self.view.image.clone();
        let reply = self.consumer.sync(now, &image, request, out);
        out.replies.push((ticket, Reply::Sync(reply)));
    }

    /// Heartbeat.
    pub fn heartbeat(&mut self, now: Moment, ticket: Ticket, request: &Heartbeat, out: &mut Out) {
        if !self.consumer.contains(&request.group) {
            return self.classic.heartbeat(now, ticket, request, out);
        }
        let image = self.view.image.clone();
        let reply = self.consumer.classic_heartbeat(now, &image, request, out);
        out.replies.push((ticket, Reply::Heartbeat(reply)));
    }

    /// LeaveGroup.
    pub fn leave(&mut self, now: Moment, ticket: Ticket, request: &Leave, out: &mut Out) {
        if !self.consumer.contains(&request.group) {
            return self.classic.leave(now, ticket, request, out);
        }
        let (leaving, outcomes) = self.consumer.classic_leave(request);
        self.fence(now, &request.group, &leaving, out);
        out.replies.push((ticket, Reply::Leave(Ok(outcomes))));
    }

    /// Whether a commit is accepted.
    pub fn check_commit(&mut self, now: Moment, request: &CommitOffsets) -> Result<(), GroupError> {
        if self.consumer.contains(&request.group) {
            return self.consumer.check_commit(request);
        }
        self.classic.check_commit(now, request)
    }

    /// Whether offsets may be asked for.
    pub fn check_fetch(&self, request: &FetchOffsets) -> Result<(), GroupError> {
        self.consumer.check_fetch(request)
    }

    /// Whether offsets may be deleted, apart from those of subscribed topics.
    pub fn check_delete_offsets(&self, group: &Name) -> Result<(), GroupError> {
        if self.consumer.contains(group) { Ok(()) } else { self.classic.check_delete_offsets(group) }
    }

    /// Says of topics whether the group is subscribed to them.
    pub fn subscriptions<'a>(&'a self, group: &'a Name) -> Box<dyn Fn(&str) -> bool + 'a> {
        if self.consumer.contains(group) {
            return Box::new(|topic| self.consumer.subscribed(group, topic));
        }
        Box::new(self.classic.subscriptions(group, subscription::topics))
    }

    /// Whether the group may be deleted.
    pub fn check_delete(&self, group: &Name) -> Result<(), GroupError> {
        if self.consumer.contains(group) { self.consumer.check_delete(group) } else { self.classic.check_delete(group) }
    }

    /// Forgets a group. The caller has asked [`Groups::check_delete`].
    pub fn delete(&mut self, group: &Name, out: &mut Out) {
        self.consumer.delete(group, out);
        self.classic.delete(group, out);
    }

    /// Forgets a group that has no offsets any more, if it has no members either.
    pub fn delete_if_empty(&mut self, group: &Name, out: &mut Out) {
        if !self.consumer.has_members(group) {
            self.consumer.delete(group, out);
        }
        self.classic.delete_if_empty(group, out);
    }

    /// DescribeGroups: it knows classic groups alone.
    pub fn describe(&self, group: &Name) -> Result<GroupDescription, GroupError> {
        if self.consumer.contains(group) { Err(GroupError::NotClassicGroup) } else { self.classic.describe(group) }
    }

    /// ConsumerGroupDescribe: it knows those of the new protocol alone (NG-5).
    pub fn consumer_describe(&self, group: &Name) -> Result<ConsumerDescription, GroupError> {
        match self.consumer.describe(group, &self.view.image) {
            Err(GroupError::GroupIdNotFound) if self.classic.contains(group) => Err(GroupError::NotConsumerGroup),
            described => described,
        }
    }

    /// All groups.
    pub fn list(&self) -> Vec<GroupListing> {
        let mut groups = self.classic.list();
        groups.extend(self.consumer.list());
        groups
    }

    /// The groups' names.
    pub fn names(&self) -> Vec<Name> {
        self.classic.names().chain(self.consumer.names()).cloned().collect()
    }

    /// By which rule the offsets of a group expire: `expire` is told, for a group that is there.
    pub fn with_expiration<T>(&self, name: &Name, expire: impl FnOnce(&Expiration<'_>) -> T) -> Option<T> {
        if self.consumer.contains(name) {
            let is_subscribed = |topic: &str| self.consumer.subscribed(name, topic);
            return Some(expire(&Expiration::Consumer { is_subscribed: &is_subscribed }));
        }
        let Expiry { state, protocol_type, current_state_timestamp } = self.classic.expiry(name)?;
        let topics: Option<BTreeSet<Name>> = self.classic.subscribed_topics(name, subscription::topics);
        let is_subscribed = |topic: &str| topics.as_ref().is_some_and(|topics| topics.contains(topic));
        let policy = match (protocol_type, state) {
            (None, _) => Expiration::Simple,
            (Some(_), GroupState::Empty) => Expiration::Empty { since: current_state_timestamp },
            (Some(_), GroupState::Stable) if topics.is_some() => Expiration::Consumer { is_subscribed: &is_subscribed },
            (Some(_), _) => Expiration::InUse,
        };
        Some(expire(&policy))
    }

    /// A refused join, as every one is told.
    pub fn refused_join(member: Name, error: GroupError) -> JoinReply {
        JoinReply {
            error: Some(error),
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: Name::from(""),
            skip_assignment: false,
            member,
            members: Vec::new(),
        }
    }
}
