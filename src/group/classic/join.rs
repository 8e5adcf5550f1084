//! JoinGroup 0-9 (KIP-345, 394, 559, 814).

use super::Groups;
use super::group::Group;
use super::member::{Member, metadata_bytes};
use super::out::Out;
use super::step::Step;
use super::stored::GroupValue;
use crate::base::Timestamp;
use crate::coordinator::machine::{Moment, Ticket};
use crate::group::GroupError;
use crate::group::command::{GroupState, Join, Name, Reply};
use std::time::Duration;

/// How long a member waits that was not told its id yet: its client may have given up, and joined under another id.
const NEW_MEMBER_JOIN_TIMEOUT: Duration = Duration::from_secs(5 * 60);

/// Ids given out for one group that did not join yet. Kafka has no bound.
const PENDING_MAX: usize = 10_000;

impl Groups {
    /// A member joins.
    pub fn join(&mut self, now: Moment, ticket: Ticket, request: &Join, out: &mut Out) {
        if let Err(error) = self.check_join(request) {
            return out.refuse_join(ticket, request.member.clone(), error);
        }
        let is_new = !self.groups.contains_key(&request.group);
        if is_new && !request.member.is_empty() {
            return out.refuse_join(ticket, request.member.clone(), GroupError::UnknownMemberId);
        }
        self.ensure(&request.group);
        let Some(mut step) = self.step(&request.group, now, out) else { return };
        if is_new {
            step.group.state_since = Some(now.wall);
        }
        step.join(ticket, request);
        if is_new {
            // as in Kafka: the group is there from now on, also for those who list the groups after a restart
            let current_state_timestamp = step.group.state_since.unwrap_or(Timestamp::NONE);
            let empty = Group::new(request.group.clone()).value(|member| member.assignment.clone());
            step.keep(GroupValue { current_state_timestamp, ..empty });
        }
    }

    pub(super) fn check_join(&self, request: &Join) -> Result<(), GroupError> {
        if request.group.is_empty() {
            return Err(GroupError::InvalidGroupId);
        }
        let allowed = self.settings.session_timeout_min..=self.settings.session_timeout_max;
        if allowed.contains(&request.session_timeout) { Ok(()) } else { Err(GroupError::InvalidSessionTimeout) }
    }
}

impl Step<'_> {
    fn join(&mut self, ticket: Ticket, request: &Join) {
        let nobody = Name::from("");
        if !self.accepts(&request.member) {
            self.out.refuse_join(ticket, nobody, GroupError::GroupMaxSizeReached);
            self.remove(&request.member);
            // Kafka lets the others wait for their rebalance timeout, although nobody is missing any more
            return self.maybe_complete_join();
        }
        if !self.group.supports(&request.protocol_type, &request.protocols) {
            return self.out.refuse_join(ticket, request.member.clone(), GroupError::InconsistentGroupProtocol);
        }
        if !self.has_room_for(request) {
            return self.out.refuse_join(ticket, request.member.clone(), GroupError::StateTooLarge);
        }
        if !request.member.is_empty() {
            return self.join_known(ticket, request);
        }
        match &request.instance {
            Some(instance) => {
                let fresh = Name::from(format!("{instance}-{}", request.fresh));
                match self.group.statics.get(instance).cloned() {
                    Some(holder) => self.rejoin_static(ticket, request, &holder, &fresh),
                    None => self.add(ticket, request, fresh),
                }
            }
            None => self.join_new(ticket, request, Name::from(format!("{}-{}", request.client_id, request.fresh))),
        }
    }

    /// Whether the group may have this member (`group.max.size`). While members join, those count who did.
    fn accepts(&self, id: &Name) -> bool {
        let member = self.group.members.get(id);
        let max = self.settings.size_max;
        match self.group.state {
            GroupState::Empty | GroupState::Dead => true,
            GroupState::PreparingRebalance => {
                member.is_some_and(|member| member.join.is_some()) || self.group.joins < max
            }
            GroupState::CompletingRebalance | GroupState::Stable => member.is_some() || self.group.members.len() < max,
        }
    }

    fn has_room_for(&self, request: &Join) -> bool {
        let said = metadata_bytes(&request.protocols);
        let holder = request.instance.as_ref().and_then(|instance| self.group.statics.get(instance));
        let before = self.group.members.get(holder.unwrap_or(&request.member));
        // Its id may be longer by a number than what it is made of.
        let more = before.map_or_else(|| Member::new(request.client_id.clone(), request).bytes(), |_| said);
        let bytes = self.group.bytes - before.map_or(0, Member::metadata_bytes) + more;
        bytes <= self.settings.member_bytes_max
    }

    fn join_new(&mut self, ticket: Ticket, request: &Join, fresh: Name) {
        if !request.requires_known_member_id {
            return self.add(ticket, request, fresh);
        }
        if self.group.pending_join.len() >= PENDING_MAX {
            return self.out.refuse_join(ticket, Name::from(""), GroupError::GroupMaxSizeReached);
        }
        self.group.pending_join.insert(fresh.clone());
        self.expect(&fresh, request.session_timeout);
        self.out.refuse_join(ticket, fresh, GroupError::MemberIdRequired);
    }

    fn add(&mut self, ticket: Ticket, request: &Join, id: Name) {
        if self.group.members.is_empty() {
            self.group.protocol_type = Some(request.protocol_type.clone());
        }
        if self.group.state == GroupState::PreparingRebalance && self.group.previous == GroupState::Empty {
            self.group.new_member_added = true;
        }
        self.group.add(Member { join: Some(ticket), ..Member::new(id.clone(), request) });
        self.expect(&id, NEW_MEMBER_JOIN_TIMEOUT);
        self.rebalance_or_complete();
    }

    fn join_known(&mut self, ticket: Ticket, request: &Join) {
        let id = &request.member;
        // an id that was given out is of a dynamic member: with a static id it is not the one that was given
        if self.group.pending_join.contains(id) && request.instance.is_none() {
            return self.add(ticket, request, id.clone());
        }
        if let Err(error) = self.group.check_member(id, request.instance.as_ref()) {
            return self.out.refuse_join(ticket, id.clone(), error);
        }
        let same = self.group.members.get(id).is_some_and(|member| member.matches(&request.protocols));
        let leads = self.group.is_leader(id);
        let told_again = match self.group.state {
            // it may have missed the answer
            GroupState::CompletingRebalance => same,
            // a leader that joins wants a rebalance: what it assigns by may have changed
            GroupState::Stable => same && !leads,
            GroupState::PreparingRebalance => false,
            GroupState::Empty | GroupState::Dead => {
                return self.out.refuse_join(ticket, id.clone(), GroupError::UnknownMemberId);
            }
        };
        if told_again {
            let reply = self.group.join_reply(id, leads);
            self.begin_session(id);
            return self.out.reply(ticket, Reply::Join(reply));
        }
        self.update(ticket, request, id);
        self.rebalance_or_complete();
    }

    /// Takes over what the member says now; its join waits. Its client sent an older one on a connection it gave up.
    fn update(&mut self, ticket: Ticket, request: &Join, id: &Name) {
        if let Some(superseded) = self.group.update(id, request, Some(ticket)) {
            self.out.refuse_join(superseded, id.clone(), GroupError::RebalanceInProgress);
        }
    }

    /// A static member is back under a new id; the old one is fenced.
    fn rejoin_static(&mut self, ticket: Ticket, request: &Join, old: &Name, new: &Name) {
        let leader_before = self.group.leader.clone();
        let Some(before) = self.group.replace(old, new) else { return };
        self.end_session(old);
        self.dismiss(&before, old.clone(), GroupError::FencedInstanceId);
        self.update(ticket, request, new);
        self.begin_session(new);
        match self.group.state {
            GroupState::Stable if self.group.protocol == self.group.select_protocol() => {
                self.keep_replaced(request, new, before, leader_before);
            }
            GroupState::Stable => self.prepare_rebalance(),
            // the leader may be assigning to the old id at this moment
            GroupState::CompletingRebalance => self.prepare_rebalance(),
            GroupState::PreparingRebalance | GroupState::Empty | GroupState::Dead => self.maybe_complete_join(),
        }
    }

    /// Nothing changes for the others: the member goes on with its assignment (KIP-345).
    fn keep_replaced(&mut self, request: &Join, new: &Name, before: Member, leader_before: Option<Name>) {
        let value = self.group.value(|member| member.assignment.clone());
        if !self.fits(&value) {
            return self.restore_replaced(new, before);
        }
        self.keep(value);
        let leads = self.group.is_leader(new);
        let mut reply = self.group.join_reply(new, leads && request.supports_skip_assignment);
        reply.skip_assignment = leads && request.supports_skip_assignment;
        if !request.supports_skip_assignment {
            // it must not take itself for the leader and assign anew: it is told that its old self leads
            reply.leader = leader_before.unwrap_or_else(|| Name::from(""));
        }
        self.answer_join(new, reply);
    }

    /// What the member says now does not fit: it is as it was.
    fn restore_replaced(&mut self, new: &Name, before: Member) {
        let leads = self.group.is_leader(new);
        let waits_for_sync = self.group.pending_sync.contains(new);
        self.end_session(new);
        if let Some(Member { join: Some(ticket), .. }) = self.group.remove(new) {
            self.out.refuse_join(ticket, Name::from(""), GroupError::StateTooLarge);
        }
        let old = before.id.clone();
        self.group.add(Member { join: None, sync: None, is_new: false, ..before });
        if leads {
            self.group.leader = Some(old.clone());
        }
        if waits_for_sync {
            self.group.pending_sync.insert(old.clone());
        }
        self.begin_session(&old);
    }
}
