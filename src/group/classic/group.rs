//! A group without its timers: members, votes, leader, generation (Kafka's `ClassicGroup`).

use super::member::{Member, each_once};
use super::stored::{GroupValue, MemberValue};
use crate::base::Timestamp;
use crate::coordinator::machine::Ticket;
use crate::group::GroupError;
use crate::group::command::{GroupState, Join, JoinReply, JoinedMember, Name};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How far the first rebalance of an empty group may still be put off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Initial {
    /// The wait that is under way.
    pub(super) delay: Duration,
    /// What may come after it.
    pub(super) remaining: Duration,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Name,
    pub(super) state: GroupState,
    pub(super) previous: GroupState,
    pub(super) state_since: Option<Timestamp>,
    pub(super) generation: i32,
    /// The next generation comes after this one, too.
    pub(super) reserved: i32,
    /// Whether its record names no leader: it was made of another group, and its members were not told yet.
    pub(super) is_unled: bool,
    pub(super) protocol_type: Option<Name>,
    pub(super) protocol: Option<Name>,
    pub(super) leader: Option<Name>,
    pub(super) members: BTreeMap<Name, Member>,
    /// Member ids by static id.
    pub(super) statics: BTreeMap<Name, Name>,
    /// Ids that were given out and did not join yet (KIP-394).
    pub(super) pending_join: BTreeSet<Name>,
    /// Members that did not sync yet in this generation.
    pub(super) pending_sync: BTreeSet<Name>,
    /// How many joins wait.
    pub(super) joins: usize,
    /// How many members support a protocol; none is not listed.
    support: BTreeMap<Name, usize>,
    /// What the members take in memory.
    pub(super) bytes: usize,
    /// Whether a member came during the wait of the first rebalance.
    pub(super) new_member_added: bool,
    pub(super) initial: Option<Initial>,
}

impl Group {
    pub(super) fn new(name: Name) -> Self {
        Group {
            name,
            state: GroupState::Empty,
            previous: GroupState::Empty,
            state_since: None,
            generation: 0,
            reserved: 0,
            is_unled: false,
            protocol_type: None,
            protocol: None,
            leader: None,
            members: BTreeMap::new(),
            statics: BTreeMap::new(),
            pending_join: BTreeSet::new(),
            pending_sync: BTreeSet::new(),
            joins: 0,
            support: BTreeMap::new(),
            bytes: 0,
            new_member_added: false,
            initial: None,
        }
    }

    /// A group as it was kept.
    pub(super) fn restored(name: Name, value: GroupValue) -> Self {
        let mut group = Group::new(name);
        group.generation = value.generation;
        group.state = if value.members.is_empty() { GroupState::Empty } else { GroupState::Stable };
        group.protocol_type = Some(value.protocol_type).filter(|name| !name.is_empty());
        group.is_unled = value.leader.is_none() && !value.members.is_empty();
        group.leader = value.leader;
        group.state_since = Some(value.current_state_timestamp).filter(|at| *at != Timestamp::NONE);
        let protocol = value.protocol.clone().unwrap_or_else(|| Name::from(""));
        for kept in value.members {
            if !group.members.contains_key(&kept.member) {
                group.add(restored_member(kept, &protocol));
            }
        }
        group.protocol = value.protocol;
        // a record that names a leader who is no member would leave a group that nobody can assign
        if group.leader.as_ref().is_none_or(|leader| !group.members.contains_key(leader)) {
            group.leader = group.members.keys().next().cloned();
        }
        group
    }

    pub(super) fn go(&mut self, state: GroupState, wall: Timestamp) {
        self.previous = self.state;
        self.state = state;
        self.state_since = Some(wall);
    }

    pub(super) fn add(&mut self, member: Member) {
        if self.leader.is_none() {
            self.leader = Some(member.id.clone());
        }
        if let Some(instance) = &member.instance {
            self.statics.insert(instance.clone(), member.id.clone());
        }
        self.pending_join.remove(&member.id);
        self.insert(member);
    }

    fn insert(&mut self, member: Member) {
        for (name, _) in &member.protocols {
            *self.support.entry(name.clone()).or_default() += 1;
        }
        self.bytes += member.bytes();
        self.joins += usize::from(member.join.is_some());
        let before = self.members.insert(member.id.clone(), member);
        debug_assert!(before.is_none(), "a member is added once");
    }

    fn take(&mut self, id: &Name) -> Option<Member> {
        let member = self.members.remove(id)?;
        for (name, _) in &member.protocols {
            if let Some(count) = self.support.get_mut(name) {
                *count -= 1;
                if *count == 0 {
                    self.support.remove(name);
                }
            }
        }
        self.bytes -= member.bytes();
        self.joins -= usize::from(member.join.is_some());
        Some(member)
    }

    /// Removes a member, or an id that was to join. Whoever waited is in the answer.
    pub(super) fn remove(&mut self, id: &Name) -> Option<Member> {
        let removed = self.take(id);
        if let Some(instance) = removed.as_ref().and_then(|member| member.instance.as_ref()) {
            self.statics.remove(instance);
        }
        if self.is_leader(id) {
            self.leader = self.members.keys().next().cloned();
        }
        self.pending_join.remove(id);
        self.pending_sync.remove(id);
        removed
    }

    /// Gives a static member another id. Returns it as it was, with whoever waited.
    pub(super) fn replace(&mut self, old: &Name, new: &Name) -> Option<Member> {
        let before = self.take(old)?;
        let replaced = Member { id: new.clone(), join: None, sync: None, is_new: false, ..before.clone() };
        if let Some(instance) = &before.instance {
            self.statics.insert(instance.clone(), new.clone());
        }
        if self.is_leader(old) {
            self.leader = Some(new.clone());
        }
        // Kafka keeps the old id here, so that a rebalance follows for nothing when the time for syncs is over
        if self.pending_sync.remove(old) {
            self.pending_sync.insert(new.clone());
        }
        self.insert(replaced);
        Some(before)
    }

    /// Takes over what a member says now, and its join. Returns the join that waited before.
    pub(super) fn update(&mut self, id: &Name, request: &Join, join: Option<Ticket>) -> Option<Ticket> {
        let mut member = self.take(id)?;
        member.protocols = each_once(&request.protocols);
        member.rebalance_timeout = request.rebalance_timeout;
        member.session_timeout = request.session_timeout;
        let before = std::mem::replace(&mut member.join, join);
        self.insert(member);
        before
    }

    pub(super) fn take_join(&mut self, id: &Name) -> Option<Ticket> {
        let ticket = self.members.get_mut(id)?.join.take()?;
        self.joins -= 1;
        Some(ticket)
    }

    pub(super) fn is_leader(&self, id: &Name) -> bool {
        self.leader.as_ref() == Some(id)
    }

    pub(super) fn all_joined(&self) -> bool {
        self.members.len() == self.joins && self.pending_join.is_empty()
    }

    pub(super) fn rebalance_timeout(&self) -> Duration {
        self.members.values().map(|member| member.rebalance_timeout).max().unwrap_or_default()
    }

    pub(super) fn uses_consumer_protocol(&self) -> bool {
        self.protocol_type.as_deref() == Some("consumer")
    }

    pub(super) fn supports(&self, protocol_type: &Name, protocols: &[(Name, Bytes)]) -> bool {
        if self.state == GroupState::Empty {
            return !protocol_type.is_empty() && !protocols.is_empty();
        }
        let by_all = |name: &Name| self.support.get(name).copied().unwrap_or_default() == self.members.len();
        self.protocol_type.as_ref() == Some(protocol_type) && protocols.iter().any(|(name, _)| by_all(name))
    }

    /// The protocol with the most votes of those that all members support; among equals the one that the leader
    /// prefers (in Kafka chance decides).
    pub(super) fn select_protocol(&self) -> Option<Name> {
        let by_all = |name: &Name| self.support.get(name) == Some(&self.members.len());
        let votes = |member: &Member| member.protocols.iter().map(|(name, _)| name).find(|name| by_all(name)).cloned();
        let mut count: BTreeMap<Name, usize> = BTreeMap::new();
        for vote in self.members.values().filter_map(votes) {
            *count.entry(vote).or_default() += 1;
        }
        let leader = self.leader.as_ref().and_then(|leader| self.members.get(leader));
        let order = leader.map(|leader| leader.protocols.as_slice()).unwrap_or_default();
        let rank = |name: &Name| order.iter().position(|(other, _)| other == name).unwrap_or(order.len());
        count.into_iter().max_by_key(|(name, count)| (*count, std::cmp::Reverse(rank(name)))).map(|(name, _)| name)
    }

    /// Whether there is a leader who joined; another one is made leader if need be.
    pub(super) fn elect_joined_leader(&mut self) -> bool {
        let Some(leader) = &self.leader else { return false };
        if self.members.get(leader).is_some_and(|leader| leader.join.is_some()) {
            return true;
        }
        let Some(joined) = self.members.values().find(|member| member.join.is_some()) else { return false };
        self.leader = Some(joined.id.clone());
        true
    }

    /// Those who joined are the next generation.
    pub(super) fn start_generation(&mut self, wall: Timestamp) {
        self.generation = self.generation.max(std::mem::take(&mut self.reserved)).checked_add(1).unwrap_or(0);
        self.protocol = self.select_protocol();
        self.pending_sync.clear();
        self.go(if self.members.is_empty() { GroupState::Empty } else { GroupState::CompletingRebalance }, wall);
    }

    /// Whether the member is one of the group, and the holder of its static id.
    pub(super) fn check_member(&self, id: &Name, instance: Option<&Name>) -> Result<(), GroupError> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(GroupError::UnknownMemberId),
                Some(holder) if holder != id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        if self.members.contains_key(id) { Ok(()) } else { Err(GroupError::UnknownMemberId) }
    }

    /// What a member is told of the current generation.
    pub(super) fn join_reply(&self, id: &Name, with_members: bool) -> JoinReply {
        let told = |member: &Member| JoinedMember {
            member: member.id.clone(),
            instance: member.instance.clone(),
            metadata: member.metadata(self.protocol.as_ref()),
        };
        JoinReply {
            error: None,
            generation: self.generation,
            protocol_type: self.protocol_type.clone(),
            protocol: self.protocol.clone(),
            leader: self.leader.clone().unwrap_or_else(|| Name::from("")),
            skip_assignment: false,
            member: id.clone(),
            members: if with_members { self.members.values().map(told).collect() } else { Vec::new() },
        }
    }

    /// What is to be kept, with these assignments.
    pub(super) fn value(&self, assignment: impl Fn(&Member) -> Bytes) -> GroupValue {
        let kept = |member: &Member| MemberValue {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout,
            session_timeout: member.session_timeout,
            subscription: member.metadata(self.protocol.as_ref()),
            assignment: assignment(member),
        };
        GroupValue {
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| Name::from("")),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            current_state_timestamp: self.state_since.unwrap_or(Timestamp::NONE),
            members: self.members.values().map(kept).collect(),
        }
    }
}

fn restored_member(kept: MemberValue, protocol: &Name) -> Member {
    Member {
        id: kept.member,
        instance: kept.instance,
        client_id: kept.client_id,
        client_host: kept.client_host,
        rebalance_timeout: kept.rebalance_timeout,
        session_timeout: kept.session_timeout,
        protocols: vec![(protocol.clone(), kept.subscription)],
        assignment: kept.assignment,
        join: None,
        sync: None,
        is_new: false,
    }
}
