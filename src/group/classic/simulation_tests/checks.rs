//! What must hold, as an outsider sees it: who may be removed and why, what may be told.

use super::world::{Asked, World};
use crate::group::GroupError;
use crate::group::classic::tests::{GROUP, name};
use crate::group::command::{GroupState, Name, Reply};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A member as it was after the last step.
#[derive(Clone, Debug)]
struct Seen {
    instance: Option<Name>,
    session: Duration,
    joins: bool,
    to_sync: bool,
}

/// What the world knows of the group without asking why.
#[derive(Default)]
pub(super) struct Watch {
    members: BTreeMap<Name, Seen>,
    /// Ids that were given out, until when they are good.
    pending: BTreeMap<Name, Duration>,
    /// When a member, or an id, was last heard of or answered.
    heard: BTreeMap<Name, Duration>,
    /// Ids that are rightly unknown.
    gone: BTreeSet<Name>,
    state: Option<GroupState>,
    generation: i32,
    /// When the state, or the generation, began, and how long members have in it.
    since: Duration,
    time: Duration,
    /// Who is removed in this step by its own wish, or for want of room.
    pub(super) leaving: Vec<Name>,
    pub(super) leaving_instances: Vec<Name>,
    /// The last generation that somebody was told an assignment of.
    assigned: i32,
    owners: BTreeMap<(i32, u8), Name>,
}

impl Watch {
    pub(super) fn hear(&mut self, member: &Name, now: Duration) {
        self.heard.insert(member.clone(), now);
    }

    /// A group of that name begins its generations anew.
    pub(super) fn forget_generations(&mut self) {
        self.assigned = 0;
        self.owners.clear();
        self.state = None;
    }
}

impl World {
    /// After a step: who is gone, and was it right?
    pub(super) fn check_members(&mut self) {
        let before = std::mem::take(&mut self.watch.members);
        let pending = std::mem::take(&mut self.watch.pending);
        let now = self.now;
        let group = self.groups.groups.get(&name(GROUP));
        if let Some(group) = group {
            let seen = |member: &crate::group::classic::member::Member| Seen {
                instance: member.instance.clone(),
                session: member.session_timeout,
                joins: member.join.is_some(),
                to_sync: group.pending_sync.contains(&member.id),
            };
            self.watch.members = group.members.values().map(|member| (member.id.clone(), seen(member))).collect();
            let until = |id: &Name| (id.clone(), pending.get(id).copied().unwrap_or(now));
            self.watch.pending = group.pending_join.iter().map(until).collect();
            assert_eq!(group.joins, self.watch.members.values().filter(|member| member.joins).count(), "joins counted");
            let said: usize = group.members.values().map(|member| member.bytes()).sum();
            assert_eq!(group.bytes, said, "bytes counted");
            let led = group.leader.as_ref().is_some_and(|leader| group.members.contains_key(leader));
            assert_eq!(led, !group.members.is_empty(), "a group with members has a leader among them");
        }
        for (id, member) in &before {
            if !self.watch.members.contains_key(id) {
                let why =
                    self.why_removed(id, member).unwrap_or_else(|| panic!("{id} was removed for nothing: {member:?}"));
                self.happens(why);
                self.watch.gone.insert(id.clone());
            }
        }
        for (id, until) in pending {
            let joined = self.watch.members.contains_key(&id);
            if !self.watch.pending.contains_key(&id) && !joined {
                assert!(now >= until || self.watch.leaving.contains(&id), "the id {id} was forgotten too early");
                self.happens("pending id forgotten");
                self.watch.gone.insert(id);
            }
        }
        self.watch.leaving.clear();
        self.watch.leaving_instances.clear();
        self.note_state();
    }

    fn note_state(&mut self) {
        let Some(group) = self.groups.groups.get(&name(GROUP)) else { return self.watch.state = None };
        if self.watch.state != Some(group.state) || self.watch.generation != group.generation {
            let synced = group.state == GroupState::Stable && self.watch.state == Some(GroupState::CompletingRebalance);
            if !synced {
                self.watch.since = self.now;
                self.watch.time = group.rebalance_timeout();
            }
            self.watch.state = Some(group.state);
            self.watch.generation = group.generation;
        }
    }

    fn why_removed(&self, id: &Name, member: &Seen) -> Option<&'static str> {
        let watch = &self.watch;
        let same = |instance: &Name| watch.members.values().any(|other| other.instance.as_ref() == Some(instance));
        if watch.leaving.contains(id)
            || member.instance.as_ref().is_some_and(|instance| watch.leaving_instances.contains(instance))
        {
            return Some("left");
        }
        if member.instance.as_ref().is_some_and(same) {
            return Some("replaced");
        }
        let silent = self.now - watch.heard.get(id).copied().unwrap_or_default();
        let late = self.now >= watch.since + watch.time;
        match watch.state {
            // one that never was told its id has longer, and may wait
            _ if silent >= member.session => Some("silent"),
            Some(GroupState::PreparingRebalance) if late && !member.joins && member.instance.is_none() => {
                Some("late to join")
            }
            Some(GroupState::CompletingRebalance | GroupState::Stable) if late && member.to_sync => {
                Some("late to sync")
            }
            _ => None,
        }
    }

    /// What a request is answered, at the moment it is.
    pub(super) fn check_answer(&mut self, asked: &Asked, reply: &Reply) {
        let error = error_of(reply);
        if let Some(error) = error {
            self.happens(&format!("{error:?}"));
        }
        // a record holds the chosen protocol alone: those whom a restart finds seem to support no other one (as in Kafka)
        let inconsistent = error == Some(GroupError::InconsistentGroupProtocol);
        assert!(!inconsistent || self.was_restarted(), "all clients have a protocol in common");
        if let Reply::Join(reply) = reply {
            if reply.error == Some(GroupError::MemberIdRequired) {
                self.watch.pending.insert(reply.member.clone(), self.now + asked.session);
            }
            if reply.skip_assignment {
                self.happens("skipped the assignment");
            }
        }
        // those answers begin the session anew
        match reply {
            Reply::Join(reply) if matches!(reply.error, None | Some(GroupError::MemberIdRequired)) => {
                self.watch.hear(&reply.member, self.now);
            }
            Reply::Sync(Ok(_)) | Reply::Heartbeat(Ok(()) | Err(GroupError::RebalanceInProgress)) => {
                self.watch.hear(&asked.member, self.now);
            }
            _ => {}
        }
        let unknown = matches!(error, Some(GroupError::UnknownMemberId | GroupError::GroupIdNotFound));
        if unknown && !asked.member.is_empty() {
            assert!(self.watch.gone.contains(&asked.member), "{} is told that it is unknown", asked.member);
        }
    }

    /// What a client may be told from now on: it is durable.
    pub(super) fn check_told(&mut self, asked: &Asked, reply: &Reply) {
        match reply {
            Reply::Join(reply) if reply.error.is_none() => {
                assert!(
                    reply.generation >= self.watch.assigned,
                    "joined {} after {}",
                    reply.generation,
                    self.watch.assigned
                );
            }
            Reply::Sync(Ok(reply)) => {
                assert!(
                    asked.generation >= self.watch.assigned,
                    "assigned {} after {}",
                    asked.generation,
                    self.watch.assigned
                );
                self.watch.assigned = asked.generation;
                let owner = asked.instance.clone().unwrap_or_else(|| asked.member.clone());
                for partition in &reply.assignment {
                    let other = self.watch.owners.insert((asked.generation, *partition), owner.clone());
                    assert!(other.is_none_or(|other| other == owner), "two own {partition} in {}", asked.generation);
                }
            }
            _ => {}
        }
    }

    /// The coordinator starts anew: what it did not keep, nobody can hold against it.
    pub(super) fn watch_anew(&mut self) {
        let before = std::mem::take(&mut self.watch.members);
        let pending = std::mem::take(&mut self.watch.pending);
        self.watch.gone.extend(before.into_keys().chain(pending.into_keys()));
        self.watch.state = None;
        self.check_members();
        let members: Vec<Name> = self.watch.members.keys().cloned().collect();
        for member in &members {
            self.watch.gone.remove(member);
            self.watch.hear(member, self.now);
        }
    }
}

fn error_of(reply: &Reply) -> Option<GroupError> {
    match reply {
        Reply::Join(reply) => reply.error,
        Reply::Sync(reply) => reply.as_ref().err().copied(),
        Reply::Heartbeat(reply) => reply.err(),
        Reply::Leave(reply) => reply.as_ref().err().copied(),
        _ => None,
    }
}
