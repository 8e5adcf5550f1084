//! A classic group as others may take it over, and the way back (KIP-848, migration).

use super::Groups;
use super::group::Group;
use super::member::{Member, each_once};
use super::out::Out;
use crate::coordinator::machine::Moment;
use crate::group::GroupError;
use crate::group::command::{GroupState, Join, Name};
use bytes::Bytes;
use std::time::Duration;

/// A group of the protocol type `consumer`, without whoever waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Whole {
    /// Its generation.
    pub generation: i32,
    /// Its members.
    pub members: Vec<WholeMember>,
}

/// A member of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WholeMember {
    /// Its id.
    pub id: Name,
    /// Its static id.
    pub instance: Option<Name>,
    /// The client's id.
    pub client_id: Name,
    /// The client's address.
    pub client_host: Name,
    /// How long a rebalance waits for it.
    pub rebalance_timeout: Duration,
    /// After this silence it is gone.
    pub session_timeout: Duration,
    /// Its protocols by preference, with what it says for each.
    pub protocols: Vec<(Name, Bytes)>,
    /// What it says for the chosen one.
    pub subscription: Bytes,
    /// What it was assigned last.
    pub assignment: Bytes,
}

impl Groups {
    /// Whether the group is there, and whether it has members (or some that are to join).
    pub fn has_members(&self, group: &Name) -> Option<bool> {
        self.groups.get(group).map(|group| group.state != GroupState::Empty)
    }

    /// Whether anybody may join any group so.
    pub fn check_join_request(&self, request: &Join) -> Result<(), GroupError> {
        self.check_join(request)
    }

    /// The group as a whole; none unless its members are consumers.
    pub fn whole(&self, group: &Name) -> Option<Whole> {
        let group = self.groups.get(group).filter(|group| group.uses_consumer_protocol())?;
        // In the first rebalance none is chosen yet.
        let protocol = group.protocol.clone().or_else(|| group.select_protocol());
        let of = |member: &Member| WholeMember {
            id: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            rebalance_timeout: member.rebalance_timeout,
            session_timeout: member.session_timeout,
            protocols: member.protocols.clone(),
            subscription: member.metadata(protocol.as_ref()),
            assignment: member.assignment.clone(),
        };
        Some(Whole { generation: group.generation, members: group.members.values().map(of).collect() })
    }

    /// Forgets a group whose members live on in another one: who waits is told to join again.
    pub fn dissolve(&mut self, now: Moment, group: &Name, out: &mut Out) {
        if let Some(mut step) = self.step(group, now, out) {
            let members: Vec<Name> = step.group.members.keys().cloned().collect();
            for member in &members {
                if let Some(ticket) = step.group.take_join(member) {
                    step.out.refuse_join(ticket, member.clone(), GroupError::RebalanceInProgress);
                }
                let sync = step.group.members.get_mut(member).and_then(|member| member.sync.take());
                if let Some(ticket) = sync {
                    step.refuse_sync(ticket, GroupError::RebalanceInProgress);
                }
            }
        }
        self.delete(group, out);
    }

    /// Whether a group of these members fits into a record: one that does not could never be assigned.
    pub fn takes(&self, name: &Name, whole: &Whole) -> bool {
        let value = made(name, whole.clone()).value(|member| member.assignment.clone());
        name.len() + value.bytes() <= self.settings.record_bytes_max
    }

    /// A group of these members, kept as it is, about to rebalance. `reserved` is the last generation that is not to be given
    /// again.
    pub fn found(&mut self, now: Moment, name: &Name, whole: Whole, reserved: i32, out: &mut Out) {
        let mut group = made(name, whole);
        group.go(GroupState::Stable, now.wall);
        let members: Vec<Name> = group.members.keys().cloned().collect();
        self.groups.insert(name.clone(), group);
        let Some(mut step) = self.step(name, now, out) else { return };
        let mut value = step.group.value(|member| member.assignment.clone());
        // Nobody was told this assignment, and nobody that it leads: a group without a leader is to rebalance, whoever finds
        // it.
        value.leader = None;
        value.generation = reserved;
        step.group.reserved = reserved;
        step.keep(value);
        for member in &members {
            step.begin_session(member);
        }
        step.prepare_rebalance();
    }
}

/// A group of these members, at rest.
fn made(name: &Name, whole: Whole) -> Group {
    let mut group = Group::new(name.clone());
    group.generation = whole.generation;
    group.protocol_type = Some("consumer".into());
    for member in whole.members {
        group.add(Member {
            id: member.id,
            instance: member.instance,
            client_id: member.client_id,
            client_host: member.client_host,
            rebalance_timeout: member.rebalance_timeout,
            session_timeout: member.session_timeout,
            protocols: each_once(&member.protocols),
            assignment: member.assignment,
            join: None,
            sync: None,
            is_new: false,
        });
    }
    group.protocol = group.select_protocol();
    group
}
