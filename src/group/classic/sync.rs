//! SyncGroup 0-5 and Heartbeat 0-4 (KIP-345, 559).

use super::Groups;
use super::out::Out;
use super::step::Step;
use crate::coordinator::machine::{Moment, Ticket};
use crate::group::GroupError;
use crate::group::command::{GroupState, Heartbeat, Name, Reply, Sync, SyncReply};
use bytes::Bytes;
use std::collections::HashMap;

impl Groups {
    /// A member asks for its assignment; the leader brings all.
    pub fn sync(&mut self, now: Moment, ticket: Ticket, request: &Sync, out: &mut Out) {
        if request.group.is_empty() {
            return out.reply(ticket, Reply::Sync(Err(GroupError::InvalidGroupId)));
        }
        match self.step(&request.group, now, out) {
            Some(mut step) => step.sync(ticket, request),
            None => out.reply(ticket, Reply::Sync(Err(GroupError::UnknownMemberId))),
        }
    }

    /// A member is alive.
    pub fn heartbeat(&mut self, now: Moment, ticket: Ticket, request: &Heartbeat, out: &mut Out) {
        let outcome = if request.group.is_empty() {
            Err(GroupError::InvalidGroupId)
        } else {
            let unknown = Err(GroupError::UnknownMemberId);
            self.step(&request.group, now, out).map_or(unknown, |mut step| step.heartbeat(request))
        };
        out.reply(ticket, Reply::Heartbeat(outcome));
    }
}

impl Step<'_> {
    fn sync(&mut self, ticket: Ticket, request: &Sync) {
        if let Err(error) = self.check_sync(request) {
            return self.refuse_sync(ticket, error);
        }
        match self.group.state {
            GroupState::PreparingRebalance => self.refuse_sync(ticket, GroupError::RebalanceInProgress),
            GroupState::CompletingRebalance => {
                self.wait_for_assignment(ticket, &request.member);
                if self.group.is_leader(&request.member) {
                    self.assign(&request.assignments);
                }
            }
            GroupState::Stable => {
                self.has_synced(&request.member);
                self.begin_session(&request.member);
                let assignment = self.group.members.get(&request.member).map(|member| member.assignment.clone());
                let reply = SyncReply {
                    protocol_type: self.group.protocol_type.clone(),
                    protocol: self.group.protocol.clone(),
                    assignment: assignment.unwrap_or_default(),
                };
                self.out.reply(ticket, Reply::Sync(Ok(reply)));
            }
            GroupState::Empty | GroupState::Dead => self.refuse_sync(ticket, GroupError::UnknownMemberId),
        }
    }

    fn check_sync(&self, request: &Sync) -> Result<(), GroupError> {
        self.group.check_member(&request.member, request.instance.as_ref())?;
        if request.generation != self.group.generation {
            return Err(GroupError::IllegalGeneration);
        }
        let differs = |said: &Option<Name>, is: &Option<Name>| said.is_some() && is.is_some() && said != is;
        let wrong_type = differs(&request.protocol_type, &self.group.protocol_type);
        if wrong_type || differs(&request.protocol, &self.group.protocol) {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        Ok(())
    }

    fn has_synced(&mut self, id: &Name) {
        self.group.pending_sync.remove(id);
        if self.group.pending_sync.is_empty() {
            self.cancel_sync_alarm();
        }
    }

    fn wait_for_assignment(&mut self, ticket: Ticket, id: &Name) {
        self.has_synced(id);
        let member = self.group.members.get_mut(id);
        if let Some(superseded) = member.and_then(|member| member.sync.replace(ticket)) {
            self.refuse_sync(superseded, GroupError::RebalanceInProgress);
        }
    }

    /// The leader's assignment: the group is stable, or, if that does not fit into a record, begins anew.
    fn assign(&mut self, assignments: &[(Name, Bytes)]) {
        let by_member: HashMap<&Name, &Bytes> = assignments.iter().map(|(name, bytes)| (name, bytes)).collect();
        let of = |id: &Name| by_member.get(id).map_or_else(Bytes::new, |bytes| (*bytes).clone());
        let value = self.group.value(|member| of(&member.id));
        if !self.fits(&value) {
            self.fail_syncs(GroupError::StateTooLarge);
            return self.prepare_rebalance();
        }
        for member in self.group.members.values_mut() {
            member.assignment = of(&member.id);
        }
        self.keep(value);
        self.answer_syncs(Ok(()));
        self.group.go(GroupState::Stable, self.now.wall);
    }

    fn heartbeat(&mut self, request: &Heartbeat) -> Result<(), GroupError> {
        self.group.check_member(&request.member, request.instance.as_ref())?;
        if request.generation != self.group.generation {
            return Err(GroupError::IllegalGeneration);
        }
        match self.group.state {
            GroupState::Empty | GroupState::Dead => Err(GroupError::UnknownMemberId),
            GroupState::PreparingRebalance => {
                self.begin_session(&request.member);
                Err(GroupError::RebalanceInProgress)
            }
            // consumers may begin with heartbeats as soon as their join is answered
            GroupState::CompletingRebalance | GroupState::Stable => {
                self.begin_session(&request.member);
                Ok(())
            }
        }
    }
}
