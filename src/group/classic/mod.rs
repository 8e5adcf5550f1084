//! The groups of the classic protocol: JoinGroup, SyncGroup, Heartbeat, LeaveGroup (KIP-62, 345, 394, 559, 814).
//!
//! [`Groups`] is the state of one partition of `__consumer_offsets`. A step takes a request or a tick and a moment, and
//! leaves changes to be kept and replies in an [`Out`]; the state has taken both over already.
//!
//! - `group`, `member`: a group without its timers. `step`: one group under a step, with its timers.
//! - `join`, `sync`, `leave`, `commit`: the requests. `rebalance`: the join phase, from its beginning to its end.
//! - `convert`: a group that changes its protocol. `look`: what others ask of a group. [`stored`]: what is kept of it. [`out`]: what a step comes to.
//!
//! It goes as in Kafka 4.4 (`GroupMetadataManager`, `ClassicGroup`). Where Kafka leaves a request without an answer, we
//! give one, since every ticket is answered once: a join or sync whose client sent it again is told
//! REBALANCE_IN_PROGRESS; the sync of a member that leaves is told UNKNOWN_MEMBER_ID.
//!
//! What holds: a group has a generation that only grows, and is told an assignment of a generation only when the record
//! of that generation is kept. A restart finds the last generation that was assigned; one that was only joined is
//! forgotten, and its number is given again, which no assignment ever bore.

mod commit;
mod convert;
mod group;
mod join;
mod leave;
mod look;
mod member;
pub mod out;
mod rebalance;
mod step;
pub mod stored;
mod sync;

#[cfg(test)]
mod simulation_tests;
#[cfg(test)]
pub(in crate::group) mod tests;

pub use convert::{Whole, WholeMember};
pub use look::{Expiry, ParseTopics};
pub(in crate::group) use member::each_once;
pub use out::{Change, Out};
pub use stored::{GroupValue, MemberValue};

use super::command::{GroupState, Name};
use super::timers::Timers;
use crate::coordinator::machine::Moment;
use group::Group;
use std::collections::BTreeMap;
use std::time::Duration;
use step::{Alarm, Step};

/// What groups are held to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `group.min.session.timeout.ms`.
    pub session_timeout_min: Duration,
    /// `group.max.session.timeout.ms`.
    pub session_timeout_max: Duration,
    /// `group.max.size`: members of a group.
    pub size_max: usize,
    /// `group.initial.rebalance.delay.ms`.
    pub initial_rebalance_delay: Duration,
    /// The longest record that a group may need.
    pub record_bytes_max: usize,
    /// The most that the members of a group may take in memory, with their names and what they say for all protocols: a
    /// group is bounded before it is ever written.
    pub member_bytes_max: usize,
}

impl Default for Settings {
    /// Kafka's.
    fn default() -> Self {
        Settings {
            session_timeout_min: Duration::from_secs(6),
            session_timeout_max: Duration::from_secs(30 * 60),
            size_max: i32::MAX as usize,
            initial_rebalance_delay: Duration::from_secs(3),
            record_bytes_max: 1 << 20,
            member_bytes_max: 8 << 20,
        }
    }
}

/// The classic groups of one partition.
#[derive(Debug)]
pub struct Groups {
    settings: Settings,
    groups: BTreeMap<Name, Group>,
    timers: Timers<Alarm>,
}

impl Groups {
    /// No groups yet.
    pub fn new(settings: Settings) -> Self {
        Groups { settings, groups: BTreeMap::new(), timers: Timers::default() }
    }

    /// Takes over what was kept of a group.
    pub fn replay(&mut self, group: Name, value: Option<GroupValue>) {
        match value {
            Some(value) => self.groups.insert(group.clone(), Group::restored(group, value)),
            None => self.groups.remove(&group),
        };
    }

    /// All was replayed: sessions begin anew, and a group that has more members than it may have by now rebalances,
    /// as does one that was about to when it was made.
    pub fn loaded(&mut self, now: Moment, out: &mut Out) {
        let names: Vec<Name> = self.groups.keys().cloned().collect();
        for name in &names {
            let Some(mut step) = self.step(name, now, out) else { continue };
            let members: Vec<Name> = step.group.members.keys().cloned().collect();
            for member in &members {
                step.begin_session(member);
            }
            if members.len() > step.settings.size_max || std::mem::take(&mut step.group.is_unled) {
                step.prepare_rebalance();
            }
        }
    }

    /// When [`Groups::tick`] has something to do.
    pub fn due(&self) -> Option<Duration> {
        self.timers.due()
    }

    /// Does what is due.
    pub fn tick(&mut self, now: Moment, out: &mut Out) {
        let round = self.timers.round(now.monotonic);
        while let Some(alarm) = self.timers.take_due(round) {
            let Some(mut step) = self.step(alarm.group(), now, out) else { continue };
            match &alarm {
                Alarm::Session { member, .. } => step.expire_session(member),
                Alarm::Join(_) => step.join_time_is_over(),
                Alarm::Sync(_) => step.expire_pending_syncs(),
            }
        }
    }

    /// Makes a group that has only offsets, unless there is one: what a commit without a generation does (CG-12), and
    /// what a kept offset means whose group was never kept.
    pub fn ensure(&mut self, group: &Name) {
        if !self.groups.contains_key(group) {
            self.groups.insert(group.clone(), Group::new(group.clone()));
        }
    }

    /// Forgets a group, and keeps that it is gone. The caller has asked [`Groups::check_delete`].
    pub fn delete(&mut self, group: &Name, out: &mut Out) {
        let Some(gone) = self.groups.remove(group) else { return };
        for member in gone.members.keys().chain(&gone.pending_join) {
            self.timers.cancel(&Alarm::Session { group: group.clone(), member: member.clone() });
        }
        self.timers.cancel(&Alarm::Join(group.clone()));
        self.timers.cancel(&Alarm::Sync(group.clone()));
        out.keep(group, None);
    }

    /// Forgets a group that has no offsets any more, if it has no members either (Kafka's `maybeDeleteGroup`). Whether
    /// it did.
    pub fn delete_if_empty(&mut self, group: &Name, out: &mut Out) -> bool {
        let empty = self.groups.get(group).is_some_and(|group| group.state == GroupState::Empty);
        if empty {
            self.delete(group, out);
        }
        empty
    }

    fn step<'a>(&'a mut self, group: &Name, now: Moment, out: &'a mut Out) -> Option<Step<'a>> {
        let group = self.groups.get_mut(group)?;
        Some(Step { settings: &self.settings, timers: &mut self.timers, group, now, out })
    }
}
