//! ConsumerGroupHeartbeat 0-1 (KIP-848): a member joins, lives and goes by it.

use super::group::Group;
use super::member::Member;
use super::step::{Step, check_said, millis};
use super::{Alarm, Settings};
use crate::base::TopicId;
use crate::group::GroupError;
use crate::group::command::{ConsumerHeartbeat, ConsumerHeartbeatReply, Name};
use crate::group::records::consumer::{Assigned, CurrentValue, State, SubscriptionValue, Target};
use std::collections::BTreeMap;

/// The epoch of a member that joins.
pub(in crate::group) const JOINS: i32 = 0;
/// The epoch of a member that leaves.
pub(in crate::group) const LEAVES: i32 = -1;
/// The epoch of a static member that will be back.
pub(in crate::group) const LEAVES_FOR_NOW: i32 = -2;

/// A request before any group is looked at (Kafka's `throwIfConsumerGroupHeartbeatRequestIsInvalid`).
pub(super) fn check(settings: &Settings, request: &ConsumerHeartbeat) -> Result<(), GroupError> {
    let blank = |name: &Name| name.trim().is_empty();
    let needs_id = request.makes_own_id || request.epoch > JOINS || request.epoch == LEAVES;
    if needs_id && blank(&request.member) || blank(&request.group) {
        return Err(GroupError::InvalidRequest);
    }
    if request.instance.as_ref().is_some_and(blank) || request.rack.as_ref().is_some_and(blank) {
        return Err(GroupError::InvalidRequest);
    }
    let owns_nothing = request.owned.as_ref().is_some_and(Target::is_empty);
    let subscribes = request.topics.is_some() || request.regex.is_some();
    let valid = match request.epoch {
        JOINS => request.rebalance_timeout_ms != -1 && owns_nothing && subscribes,
        LEAVES_FOR_NOW => request.instance.is_some(),
        epoch => epoch >= LEAVES,
    };
    if !valid {
        return Err(GroupError::InvalidRequest);
    }
    let unknown = |assignor: &Name| !settings.assignors.contains(assignor);
    if request.assignor.as_ref().is_some_and(unknown) { Err(GroupError::UnsupportedAssignor) } else { Ok(()) }
}

/// Whether one more member may come (`group.consumer.max.size`).
pub(super) fn check_room(
    settings: &Settings,
    group: &Group,
    member: &Name,
    instance: Option<&Name>,
) -> Result<(), GroupError> {
    let is_one = instance.is_some_and(|instance| group.statics.contains_key(instance))
        || !member.is_empty() && group.members.contains_key(member);
    let full = !is_one && group.members.len() >= settings.size_max;
    if full { Err(GroupError::GroupMaxSizeReached) } else { Ok(()) }
}

/// How a request finds its member.
pub(super) enum Found {
    /// It is to be one.
    New,
    /// It is one.
    Known(Member),
    /// It takes the place of a static member that had this id.
    Replaces(Name, Member),
}

impl Found {
    /// As it was.
    pub(super) fn member(&self) -> Member {
        match self {
            Found::New => Member::default(),
            Found::Known(member) | Found::Replaces(_, member) => member.clone(),
        }
    }
}

impl Group {
    /// The member of a heartbeat, or why it is refused.
    pub(super) fn find(&self, request: &ConsumerHeartbeat) -> Result<Found, GroupError> {
        let joins = request.epoch == JOINS;
        let Some(instance) = &request.instance else {
            return match self.members.get(&request.member) {
                Some(member) => {
                    check_epoch(&member.current, request)?;
                    Ok(Found::Known(member.clone()))
                }
                None if joins => Ok(Found::New),
                None => Err(GroupError::UnknownMemberId),
            };
        };
        let holder = self.statics.get(instance);
        let member = holder.and_then(|holder| Some((holder, self.members.get(holder)?)));
        match member {
            // Under its own id it is no other member than it was; Kafka makes no difference.
            None if joins => match self.members.get(&request.member) {
                Some(member) => Ok(Found::Known(member.clone())),
                None => Ok(Found::New),
            },
            None => Err(GroupError::UnknownMemberId),
            Some((holder, member)) if joins => {
                let is_there = !member.is_classic() && member.current.epoch != LEAVES_FOR_NOW;
                match (is_there, *holder == request.member) {
                    // Its join was not answered, or it was fenced: it is no other member. Kafka refuses it, which is the end
                    // of Java's client.
                    (true, true) => Ok(Found::Known(member.clone())),
                    (true, false) => Err(GroupError::UnreleasedInstanceId),
                    (false, _) => Ok(Found::Replaces(holder.clone(), member.clone())),
                }
            }
            Some((holder, _)) if *holder != request.member => Err(GroupError::FencedInstanceId),
            Some((_, member)) => {
                check_epoch(&member.current, request)?;
                Ok(Found::Known(member.clone()))
            }
        }
    }

    /// The member of a request to leave.
    pub(super) fn find_leaving(&self, request: &ConsumerHeartbeat) -> Result<Name, GroupError> {
        let Some(instance) = &request.instance else {
            let known = self.members.contains_key(&request.member);
            return if known { Ok(request.member.clone()) } else { Err(GroupError::UnknownMemberId) };
        };
        match self.statics.get(instance) {
            None => Err(GroupError::UnknownMemberId),
            Some(holder) if *holder != request.member => Err(GroupError::FencedInstanceId),
            Some(holder) => Ok(holder.clone()),
        }
    }
}

/// The member's epoch is its own, or the one before: then the answer was lost that told it of the new one, and it must not
/// own more than it was given.
fn check_epoch(current: &CurrentValue, request: &ConsumerHeartbeat) -> Result<(), GroupError> {
    let within = |owned: &Target| {
        owned.iter().all(|(topic, partitions)| {
            let assigned = current.assigned.get(topic);
            assigned.is_some_and(|assigned| partitions.iter().all(|partition| assigned.contains_key(partition)))
        })
    };
    let fenced = match request.epoch {
        JOINS => false,
        epoch if epoch < current.epoch => {
            epoch != current.previous_epoch || !request.owned.as_ref().is_some_and(within)
        }
        epoch => epoch > current.epoch,
    };
    if fenced { Err(GroupError::FencedMemberEpoch) } else { Ok(()) }
}

fn is_same(owned: &Target, assigned: &Assigned) -> bool {
    let of = |(topic, partitions): (&TopicId, &BTreeMap<i32, i32>)| {
        owned.get(topic).is_some_and(|owned| owned.iter().eq(partitions.keys()))
    };
    owned.len() == assigned.len() && assigned.iter().all(of)
}

/// What the member says now: null has not changed.
pub(super) fn said(before: &SubscriptionValue, request: &ConsumerHeartbeat) -> SubscriptionValue {
    let or = |now: &Option<Name>, before: &Option<Name>| now.clone().or_else(|| before.clone());
    SubscriptionValue {
        instance: or(&request.instance, &before.instance),
        rack: or(&request.rack, &before.rack),
        client_id: request.client_id.clone(),
        client_host: request.client_host.clone(),
        topics: request.topics.clone().unwrap_or_else(|| before.topics.clone()),
        regex: or(&request.regex, &before.regex),
        rebalance_timeout_ms: match request.rebalance_timeout_ms {
            -1 => before.rebalance_timeout_ms,
            timeout => timeout,
        },
        assignor: or(&request.assignor, &before.assignor),
        classic: None,
    }
}

impl Step<'_> {
    /// A member joins or lives. Nothing was changed when it is refused.
    pub(super) fn heartbeat(&mut self, request: &ConsumerHeartbeat) -> Result<ConsumerHeartbeatReply, GroupError> {
        check_room(self.settings, self.group, &request.member, request.instance.as_ref())?;
        let id = &request.member;
        let found = self.group.find(request);
        if matches!(found, Err(GroupError::FencedMemberEpoch)) {
            self.group.fenced.insert(id.clone());
        }
        let found = found?;
        let before = found.member();
        let said = said(&before.said, request);
        self.check_said(&before.said, &said)?;
        let owned = request.owned.as_ref().filter(|_| self.is_believed(request, &found));
        let mut displaces = false;
        if let Found::Replaces(old, member) = &found {
            displaces = old != id && self.group.members.contains_key(id);
            self.replace(old, id, member);
        }
        let was = if matches!(found, Found::New) { None } else { Some(&before.said) };
        let changed = self.say(id, was, said);
        if displaces {
            // It was a member already: what it was to have itself is in nobody's target now.
            self.raise_epoch(true);
        }
        self.update_target();
        self.reconcile(id, changed, owned)?;
        if before.is_classic() {
            self.leave_classic_protocol(id);
        }
        self.group.fenced.remove(id);
        self.begin_session(id);
        let had = if matches!(found, Found::Replaces(..)) { Assigned::new() } else { before.current.assigned };
        Ok(self.told(request, &had))
    }

    /// Whether a member owns no more than it says. A join says that it owns nothing. Of one that is a member and was not told
    /// to give up everything it may be an old one that came late: what it has it may use. It says so itself when it has
    /// heard the answer. Kafka believes it always.
    fn is_believed(&self, request: &ConsumerHeartbeat, found: &Found) -> bool {
        match found {
            Found::Known(member) if request.epoch == JOINS => {
                member.current.state == State::Unknown || self.group.fenced.contains(&request.member)
            }
            Found::New | Found::Known(_) | Found::Replaces(..) => true,
        }
    }

    /// What a member of the classic protocol had to do in time it has not to do any more; but it may have to give up
    /// partitions.
    fn leave_classic_protocol(&mut self, id: &Name) {
        self.cancel(Alarm::join(&self.group.name, id));
        self.cancel(Alarm::sync(&self.group.name, id));
        let Some(member) = self.group.members.get(id) else { return };
        if member.current.state == State::UnrevokedPartitions {
            let (epoch, timeout) = (member.current.epoch, millis(member.said.rebalance_timeout_ms));
            self.expect_revocation(id, epoch, timeout);
        }
    }

    /// What is too much, or not to be understood.
    pub(super) fn check_said(&self, before: &SubscriptionValue, said: &SubscriptionValue) -> Result<(), GroupError> {
        check_said(self.settings, self.group, self.image, before, said)
    }

    /// A static member is back under another id, and has what it had.
    pub(super) fn replace(&mut self, old: &Name, new: &Name, member: &Member) {
        let target = self.group.target(old).cloned().unwrap_or_default();
        self.remove(old);
        self.cancel_all(old);
        self.keep_member(new, Some(member.said.clone()));
        self.keep_target(new, Some(target));
        self.keep_current(new, Some(CurrentValue { epoch: JOINS, previous_epoch: JOINS, ..member.current.clone() }));
    }

    /// Takes over what a member says; the group's epoch rises if that changes what is to be assigned. Whether the member
    /// subscribes to other topics than it did.
    pub(super) fn say(&mut self, id: &Name, before: Option<&SubscriptionValue>, said: SubscriptionValue) -> bool {
        let preferred = self.group.assignor(&self.settings.assignors).clone();
        let nothing = SubscriptionValue::default();
        let topics_changed = before.unwrap_or(&nothing).topics != said.topics;
        let regex_changed = before.unwrap_or(&nothing).expression() != said.expression();
        if before != Some(&said) {
            self.keep_member(id, Some(said));
        }
        let resolved = self.resolve();
        let other_assignor = *self.group.assignor(&self.settings.assignors) != preferred;
        self.raise_epoch(topics_changed || regex_changed || resolved || other_assignor);
        topics_changed || regex_changed
    }

    fn told(&self, request: &ConsumerHeartbeat, had: &Assigned) -> ConsumerHeartbeatReply {
        let current = self.group.members.get(&request.member).map(|member| member.current.clone()).unwrap_or_default();
        let subscribes = request.topics.is_some() || request.regex.is_some();
        let is_full = request.rebalance_timeout_ms != -1 && subscribes && request.owned.is_some();
        // Kafka leaves out the last: an answer that came to nobody, of a request that came late, would never be told again.
        let owns_other = |owned: &Target| !is_same(owned, &current.assigned);
        let is_behind = request.owned.as_ref().is_some_and(owns_other);
        let tells = request.epoch == JOINS || is_full || current.assigned != *had || is_behind;
        let of = |partitions: &BTreeMap<i32, i32>| partitions.keys().copied().collect();
        ConsumerHeartbeatReply {
            member: request.member.clone(),
            epoch: current.epoch,
            interval: self.times.heartbeat_interval,
            assignment: tells
                .then(|| current.assigned.iter().map(|(topic, partitions)| (*topic, of(partitions))).collect()),
        }
    }

    /// A static member goes, and will be back: its partitions wait for it as long as its session.
    pub(super) fn leave_for_now(&mut self, id: &Name) {
        let Some(member) = self.group.members.get(id) else { return };
        let assigned = member.current.assigned.iter();
        let anew = |(topic, partitions): (&TopicId, &BTreeMap<i32, i32>)| {
            (*topic, partitions.keys().map(|partition| (*partition, 0)).collect())
        };
        let away = CurrentValue {
            epoch: LEAVES_FOR_NOW,
            assigned: assigned.map(anew).collect(),
            pending: Assigned::new(),
            ..member.current.clone()
        };
        self.keep_current(id, Some(away));
        self.cancel(Alarm::rebalance(&self.group.name, id));
    }
}
