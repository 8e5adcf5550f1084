//! One group under a step: with its timers, the settings, the moment, and what the step comes to.

use super::Settings;
use super::group::Group;
use super::member::Member;
use super::out::Out;
use super::stored::GroupValue;
use crate::coordinator::machine::{Moment, Ticket};
use crate::group::GroupError;
use crate::group::command::{JoinReply, Name, Reply};
use crate::group::timers::Timers;
use std::time::Duration;

/// What can be due.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Alarm {
    /// A member, or an id that was to join, was silent.
    Session { group: Name, member: Name },
    /// The time to join is over.
    Join(Name),
    /// The time to sync is over.
    Sync(Name),
}

impl Alarm {
    pub(super) fn group(&self) -> &Name {
        match self {
            Alarm::Session { group, .. } | Alarm::Join(group) | Alarm::Sync(group) => group,
        }
    }
}

pub(super) struct Step<'a> {
    pub(super) settings: &'a Settings,
    pub(super) timers: &'a mut Timers<Alarm>,
    pub(super) group: &'a mut Group,
    pub(super) now: Moment,
    pub(super) out: &'a mut Out,
}

impl Step<'_> {
    fn set(&mut self, alarm: Alarm, after: Duration) {
        self.timers.set(alarm, self.now.monotonic.saturating_add(after));
    }

    pub(super) fn set_join_alarm(&mut self, after: Duration) {
        self.set(Alarm::Join(self.group.name.clone()), after);
    }

    pub(super) fn cancel_join_alarm(&mut self) {
        self.group.initial = None;
        self.timers.cancel(&Alarm::Join(self.group.name.clone()));
    }

    pub(super) fn set_sync_alarm(&mut self) {
        let after = self.group.rebalance_timeout();
        self.set(Alarm::Sync(self.group.name.clone()), after);
    }

    pub(super) fn cancel_sync_alarm(&mut self) {
        self.timers.cancel(&Alarm::Sync(self.group.name.clone()));
    }

    /// The member must be heard of within this time.
    pub(super) fn expect(&mut self, member: &Name, within: Duration) {
        self.set(Alarm::Session { group: self.group.name.clone(), member: member.clone() }, within);
    }

    /// The session of a member begins anew.
    pub(super) fn begin_session(&mut self, member: &Name) {
        if let Some(timeout) = self.group.members.get(member).map(|member| member.session_timeout) {
            self.expect(member, timeout);
        }
    }

    pub(super) fn end_session(&mut self, member: &Name) {
        self.timers.cancel(&Alarm::Session { group: self.group.name.clone(), member: member.clone() });
    }

    pub(super) fn answer_join(&mut self, member: &Name, reply: JoinReply) {
        if let Some(ticket) = self.group.take_join(member) {
            self.out.reply(ticket, Reply::Join(reply));
        }
    }

    pub(super) fn refuse_sync(&mut self, ticket: Ticket, error: GroupError) {
        self.out.reply(ticket, Reply::Sync(Err(error)));
    }

    /// Removes a member, or an id that was to join. A join that still waits is told no id, so that its client, if it
    /// lives, joins as a new member.
    pub(super) fn remove(&mut self, member: &Name) {
        self.end_session(member);
        let Some(removed) = self.group.remove(member) else { return };
        self.dismiss(&removed, Name::from(""), GroupError::UnknownMemberId);
    }

    /// Refuses whatever waits for a member that is no more.
    pub(super) fn dismiss(&mut self, gone: &Member, told: Name, error: GroupError) {
        if let Some(ticket) = gone.join {
            self.out.refuse_join(ticket, told, error);
        }
        if let Some(ticket) = gone.sync {
            self.refuse_sync(ticket, error);
        }
    }

    pub(super) fn keep(&mut self, value: GroupValue) {
        self.out.keep(&self.group.name, Some(value));
    }

    pub(super) fn fits(&self, value: &GroupValue) -> bool {
        self.group.name.len() + value.bytes() <= self.settings.record_bytes_max
    }
}
