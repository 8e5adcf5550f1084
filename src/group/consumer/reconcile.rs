//! From what a member has to what it is to have, one heartbeat at a time (KIP-848): first it gives up what is not its own
//! any more, then its epoch rises, then it is given what others have given up.
//!
//! ```text
//! Stable ------------------- nothing to give up -----------------> Stable | UnreleasedPartitions
//! Stable, Unreleased ------- partitions to give up --------------> UnrevokedPartitions (old epoch)
//! UnrevokedPartitions ------ the member owns none of them -------> Stable | UnreleasedPartitions (new epoch)
//! UnreleasedPartitions ----- others have given up theirs --------> Stable
//! ```
//!
//! What holds: a partition is given to a member only when nobody else has it, be it to give it up. Every partition keeps the
//! epoch from which on its member has it: a commit of that epoch or a later one is good (KIP-1251).

use super::group::has;
use super::member::Member;
use crate::base::TopicId;
use crate::group::GroupError;
use crate::group::command::Name;
use crate::group::records::consumer::{Assigned, CurrentValue, State, Target};
use std::collections::{BTreeMap, BTreeSet};

/// What a step of a member hangs on.
pub(super) struct Reconcile<'a> {
    pub(super) member: &'a Member,
    pub(super) target_epoch: i32,
    pub(super) target: &'a Target,
    /// The topics that it is subscribed to and that exist.
    pub(super) subscribed: BTreeSet<TopicId>,
    /// Whether they have just changed.
    pub(super) subscription_changed: bool,
    /// What it says that it owns; none when it does not say.
    pub(super) owned: Option<&'a Target>,
    /// Who has a partition.
    pub(super) owner: &'a dyn Fn(TopicId, i32) -> Option<&'a Name>,
}

impl Reconcile<'_> {
    /// What the member has from now on; the same when nothing changes.
    pub(super) fn step(&self) -> Result<CurrentValue, GroupError> {
        let now = &self.member.current;
        let stays = || if self.subscription_changed { self.without_unsubscribed() } else { now.clone() };
        match now.state {
            State::Stable if now.epoch == self.target_epoch => Ok(stays()),
            State::UnrevokedPartitions if self.owns_any(&now.pending) => Ok(stays()),
            State::Stable | State::UnrevokedPartitions | State::UnreleasedPartitions => Ok(self.next(now.epoch)),
            State::Unknown if self.owned.is_some_and(BTreeMap::is_empty) => Ok(self.next(self.target_epoch)),
            State::Unknown => Err(GroupError::FencedMemberEpoch),
        }
    }

    /// Whether it owns one of these still. One that does not say does.
    fn owns_any(&self, pending: &Assigned) -> bool {
        let Some(owned) = self.owned else { return true };
        let mut owned = owned.iter().flat_map(|(topic, partitions)| partitions.iter().map(|one| (*topic, *one)));
        owned.any(|(topic, partition)| has(pending, topic, partition))
    }

    /// Topics that it wants no more are given up at once, whatever the target says.
    fn without_unsubscribed(&self) -> CurrentValue {
        let now = &self.member.current;
        let (assigned, dropped): (Assigned, Assigned) =
            now.assigned.clone().into_iter().partition(|(topic, _)| self.subscribed.contains(topic));
        if dropped.is_empty() {
            return now.clone();
        }
        let mut pending = now.pending.clone();
        for (topic, partitions) in dropped {
            pending.entry(topic).or_default().extend(partitions);
        }
        // The epoch stays, and so does the one before: the member may not have heard of it yet.
        if self.owns_any(&pending) {
            return CurrentValue { state: State::UnrevokedPartitions, assigned, pending, ..now.clone() };
        }
        CurrentValue { assigned, ..now.clone() }
    }

    fn next(&self, epoch: i32) -> CurrentValue {
        let now = &self.member.current;
        let wanted = |topic: &TopicId| self.target.get(topic).filter(|_| self.subscribed.contains(topic));
        let (mut assigned, mut pending) = (Assigned::new(), Assigned::new());
        for (topic, partitions) in &now.assigned {
            let target = wanted(topic);
            for (partition, since) in partitions {
                let stays = target.is_some_and(|target| target.contains(partition));
                let to = if stays { &mut assigned } else { &mut pending };
                to.entry(*topic).or_default().insert(*partition, *since);
            }
        }
        let mut waits = false;
        let mut free: Vec<(TopicId, i32)> = Vec::new();
        for topic in self.target.keys() {
            let missing = wanted(topic).into_iter().flatten().filter(|partition| !has(&assigned, *topic, **partition));
            for partition in missing {
                let own = has(&now.pending, *topic, *partition);
                if (self.owner)(*topic, *partition).is_some() && !own {
                    waits = true;
                } else {
                    free.push((*topic, *partition));
                }
            }
        }
        if !pending.is_empty() && self.owns_any(&pending) {
            return CurrentValue { state: State::UnrevokedPartitions, assigned, pending, ..now.at(epoch) };
        }
        for (topic, partition) in free {
            assigned.entry(topic).or_default().insert(partition, self.target_epoch);
        }
        let state = if waits { State::UnreleasedPartitions } else { State::Stable };
        CurrentValue { state, assigned, pending: Assigned::new(), ..now.at(self.target_epoch) }
    }
}
