//! The join phase, from its beginning to its end, and what ends it early: members that leave or fall silent.

use super::group::Initial;
use super::member::Member;
use super::step::Step;
use crate::group::GroupError;
use crate::group::command::{GroupState, Name, Reply, SyncReply};
use bytes::Bytes;
use std::time::Duration;

/// The shortest wait for a group none of whose members joined: one whose rebalance timeout is zero would else keep its
/// machine busy.
const POSTPONED_MIN: Duration = Duration::from_millis(100);

impl Step<'_> {
    /// Begins a rebalance, or sees whether the one that is under way is at its end.
    pub(super) fn rebalance_or_complete(&mut self) {
        match self.group.state {
            GroupState::Empty | GroupState::CompletingRebalance | GroupState::Stable => self.prepare_rebalance(),
            GroupState::PreparingRebalance => self.maybe_complete_join(),
            GroupState::Dead => {}
        }
    }

    /// Members are to join. Who waits for the leader's assignment is sent to join too.
    pub(super) fn prepare_rebalance(&mut self) {
        if self.group.state == GroupState::CompletingRebalance {
            self.fail_syncs(GroupError::RebalanceInProgress);
        }
        self.group.pending_sync.clear();
        self.cancel_sync_alarm();
        let initial = self.group.state == GroupState::Empty;
        self.group.go(GroupState::PreparingRebalance, self.now.wall);
        if initial {
            // a group's first members come one after the other: not a rebalance for each (KIP-134)
            let delay = self.settings.initial_rebalance_delay;
            let remaining = self.group.rebalance_timeout().saturating_sub(delay);
            self.group.initial = Some(Initial { delay, remaining });
            self.set_join_alarm(delay);
        } else if self.group.all_joined() {
            self.complete_join();
        } else {
            let timeout = self.group.rebalance_timeout();
            self.set_join_alarm(timeout);
        }
    }

    /// Ends the join phase if all have joined. The first one of a group ends by time alone.
    pub(super) fn maybe_complete_join(&mut self) {
        let preparing = self.group.state == GroupState::PreparingRebalance;
        if preparing && self.group.previous != GroupState::Empty && self.group.all_joined() {
            self.complete_join();
        }
    }

    pub(super) fn join_time_is_over(&mut self) {
        if self.group.state != GroupState::PreparingRebalance {
            return;
        }
        match self.group.initial {
            Some(initial) if self.group.new_member_added && !initial.remaining.is_zero() => self.extend(initial),
            _ => self.complete_join(),
        }
    }

    /// Somebody came during the wait: more may follow.
    fn extend(&mut self, initial: Initial) {
        self.group.new_member_added = false;
        let delay = self.settings.initial_rebalance_delay.min(initial.remaining);
        let remaining = initial.remaining.saturating_sub(initial.delay);
        self.group.initial = Some(Initial { delay, remaining });
        self.set_join_alarm(delay);
    }

    /// Ends the join phase: who did not join is gone, but for static members; the others are the next generation.
    pub(super) fn complete_join(&mut self) {
        self.cancel_join_alarm();
        let late = |member: &&Member| member.join.is_none() && member.instance.is_none();
        let late: Vec<Name> = self.group.members.values().filter(late).map(|member| member.id.clone()).collect();
        for member in &late {
            self.remove(member);
        }
        if !self.group.elect_joined_leader() && !self.group.members.is_empty() {
            // only static members, and none of them joined: until one does, or their sessions end
            let timeout = self.group.rebalance_timeout().max(POSTPONED_MIN);
            self.set_join_alarm(timeout);
            return;
        }
        self.group.start_generation(self.now.wall);
        if self.group.state == GroupState::Empty {
            let value = self.group.value(|member| member.assignment.clone());
            self.keep(value);
            return;
        }
        self.tell_generation();
    }

    /// Answers the joins; now all are to sync.
    fn tell_generation(&mut self) {
        let members: Vec<Name> = self.group.members.keys().cloned().collect();
        for id in &members {
            let reply = self.group.join_reply(id, self.group.is_leader(id));
            self.answer_join(id, reply);
            self.begin_session(id);
            if let Some(member) = self.group.members.get_mut(id) {
                member.is_new = false;
            }
            self.group.pending_sync.insert(id.clone());
        }
        self.set_sync_alarm();
    }

    /// Nobody has an assignment, and who waits for one is told why.
    pub(super) fn fail_syncs(&mut self, error: GroupError) {
        for member in self.group.members.values_mut() {
            member.assignment = Bytes::new();
        }
        self.answer_syncs(Err(error));
    }

    /// Answers all who wait for their assignment.
    pub(super) fn answer_syncs(&mut self, outcome: Result<(), GroupError>) {
        let mut told = Vec::new();
        for member in self.group.members.values_mut() {
            if let Some(ticket) = member.sync.take() {
                let reply = outcome.map(|()| SyncReply {
                    protocol_type: self.group.protocol_type.clone(),
                    protocol: self.group.protocol.clone(),
                    assignment: member.assignment.clone(),
                });
                self.out.reply(ticket, Reply::Sync(reply));
                told.push(member.id.clone());
            }
        }
        // the end of a session is overlooked while its member waits: from now on it counts again
        for member in &told {
            self.begin_session(member);
        }
    }

    /// A member was silent for too long, or an id that was given out was not used.
    pub(super) fn expire_session(&mut self, id: &Name) {
        if self.group.pending_join.contains(id) {
            self.remove(id);
            if self.group.state == GroupState::PreparingRebalance && self.group.all_joined() {
                self.complete_join();
            }
            return;
        }
        if self.group.members.get(id).is_none_or(|member| member.waits()) {
            return;
        }
        self.remove(id);
        match self.group.state {
            GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(),
            GroupState::PreparingRebalance if self.group.all_joined() => self.complete_join(),
            GroupState::PreparingRebalance | GroupState::Empty | GroupState::Dead => {}
        }
    }

    /// Members that joined and never synced are gone.
    pub(super) fn expire_pending_syncs(&mut self) {
        let settled = matches!(self.group.state, GroupState::CompletingRebalance | GroupState::Stable);
        let late = std::mem::take(&mut self.group.pending_sync);
        if !settled || late.is_empty() {
            return;
        }
        for member in &late {
            self.remove(member);
        }
        self.prepare_rebalance();
    }
}
