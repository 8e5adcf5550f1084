//! Members of the classic protocol in a group of the new one (KIP-848, migration): JoinGroup, SyncGroup, Heartbeat and
//! LeaveGroup as they know them, while the broker assigns. Nobody leads; a generation is the member's epoch.

use super::group::Group;
use super::heartbeat::{Found, check_room};
use super::look::PROTOCOL_TYPE;
use super::member::Member;
use super::step::Step;
use super::{Alarm, Groups};
use crate::base::TopicId;
use crate::coordinator::machine::Moment;
use crate::group::GroupError;
use crate::group::classic::{Out, each_once};
use crate::group::command::{Heartbeat, Join, JoinReply, Leave, Name, Sync, SyncReply};
use crate::group::records::consumer::{ClassicMember, State, SubscriptionValue, Target};
use crate::group::records::embedded::{self, ByTopic, Subscription};
use crate::metadata::Image;
use std::collections::BTreeMap;
use std::time::Duration;

/// What becomes of a join.
pub(in crate::group) struct ServedJoin {
    /// The member's id: as asked, or the one that it is given.
    pub member: Name,
    /// What it is told, or why it is refused.
    pub reply: Result<JoinReply, GroupError>,
    /// Whether the group is to be a classic one from now on.
    pub downgrade: bool,
}

impl Groups {
    /// A member of the classic protocol joins. `can_downgrade`: whether its group may become a classic one when it takes
    /// the place of the last member that is none.
    pub(in crate::group) fn join(
        &mut self,
        now: Moment,
        image: &Image,
        request: &Join,
        can_downgrade: bool,
        out: &mut Out,
    ) -> ServedJoin {
        let fresh = request.member.is_empty();
        let member = if fresh { Name::from(request.fresh.to_string()) } else { request.member.clone() };
        let mut joined = ServedJoin { member, reply: Err(GroupError::UnknownMemberId), downgrade: false };
        if let Some(mut step) = self.step(&request.group, now, image, out) {
            joined.reply = step.join(&joined.member, request, can_downgrade, &mut joined.downgrade);
        }
        if !matches!(joined.reply, Ok(_) | Err(GroupError::MemberIdRequired)) {
            joined.member = request.member.clone();
        }
        joined
    }

    /// A member of the classic protocol asks for its assignment.
    pub fn sync(&mut self, now: Moment, image: &Image, request: &Sync, out: &mut Out) -> Result<SyncReply, GroupError> {
        let mut step = self.step(&request.group, now, image, out).ok_or(GroupError::UnknownMemberId)?;
        step.sync(request)
    }

    /// A member of the classic protocol is alive.
    pub fn classic_heartbeat(
        &mut self,
        now: Moment,
        image: &Image,
        request: &Heartbeat,
        out: &mut Out,
    ) -> Result<(), GroupError> {
        let mut step = self.step(&request.group, now, image, out).ok_or(GroupError::UnknownMemberId)?;
        step.classic_heartbeat(request)
    }

    /// Who leaves by a LeaveGroup, and what each is told. An administrator removes members of either protocol so.
    pub fn classic_leave(&self, request: &Leave) -> (Vec<Name>, Vec<Result<(), GroupError>>) {
        let Some(group) = self.groups.get(&request.group) else {
            return (Vec::new(), vec![Err(GroupError::UnknownMemberId); request.members.len()]);
        };
        let mut leaving = Vec::new();
        let one = |(id, instance): &(Name, Option<Name>)| {
            // Named by its static id alone.
            let holder = instance.as_ref().filter(|_| id.is_empty()).and_then(|instance| group.statics.get(instance));
            let id = holder.unwrap_or(id);
            group.check_member(id, instance.as_ref())?;
            if !leaving.contains(id) {
                leaving.push(id.clone());
            }
            Ok(())
        };
        let outcomes = request.members.iter().map(one).collect();
        (leaving, outcomes)
    }
}

impl Group {
    /// The member, if it is one and the holder of its static id.
    fn check_member(&self, id: &Name, instance: Option<&Name>) -> Result<&Member, GroupError> {
        if let Some(instance) = instance {
            match self.statics.get(instance) {
                None => return Err(GroupError::UnknownMemberId),
                Some(holder) if holder != id => return Err(GroupError::FencedInstanceId),
                Some(_) => {}
            }
        }
        self.members.get(id).ok_or(GroupError::UnknownMemberId)
    }

    /// The same of the classic protocol, with what it said in that.
    fn check_classic(&self, id: &Name, instance: Option<&Name>, generation: i32) -> Result<&Member, GroupError> {
        let member = self.check_member(id, instance)?;
        if !member.is_classic() {
            return Err(GroupError::UnknownMemberId);
        }
        if member.current.epoch != generation {
            return Err(GroupError::IllegalGeneration);
        }
        Ok(member)
    }

    fn find_joining(&self, id: &Name, request: &Join) -> Result<Found, GroupError> {
        let known = |member: &Member| Found::Known(member.clone());
        let Some(instance) = &request.instance else {
            return Ok(self.members.get(id).map_or(Found::New, known));
        };
        let holder = self.statics.get(instance).and_then(|holder| Some((holder, self.members.get(holder)?)));
        match holder {
            None if request.member.is_empty() => Ok(Found::New),
            None => Err(GroupError::UnknownMemberId),
            Some((holder, member)) if request.member.is_empty() => Ok(Found::Replaces(holder.clone(), member.clone())),
            Some((holder, _)) if holder != id => Err(GroupError::FencedInstanceId),
            Some((_, member)) => Ok(known(member)),
        }
    }
}

impl Step<'_> {
    fn join(
        &mut self,
        id: &Name,
        request: &Join,
        can_downgrade: bool,
        downgrade: &mut bool,
    ) -> Result<JoinReply, GroupError> {
        check_room(self.settings, self.group, id, request.instance.as_ref())?;
        let supported = self.group.supports(request.protocols.iter().map(|(name, _)| name));
        if &*request.protocol_type != PROTOCOL_TYPE || !supported {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        if request.member.is_empty() && request.requires_known_member_id && request.instance.is_none() {
            return Err(GroupError::MemberIdRequired);
        }
        let found = self.group.find_joining(id, request)?;
        let (protocol, metadata) = request.protocols.first().ok_or(GroupError::InconsistentGroupProtocol)?;
        let subscription = embedded::subscription(metadata).ok_or(GroupError::InconsistentGroupProtocol)?;
        let before = found.member();
        let said = said(&before.said, request, &subscription);
        self.check_said(&before.said, &said)?;
        let is_last = |old: &Name| {
            let others = self.group.members.len() - 1;
            self.group.classics == others && !self.group.members[old].is_classic()
        };
        let downgrades = can_downgrade && matches!(&found, Found::Replaces(old, _) if is_last(old));
        if let Found::Replaces(old, member) = &found {
            self.replace(old, id, member);
        }
        let was = if matches!(found, Found::New) { None } else { Some(&before.said) };
        let changed = self.say(id, was, said);
        *downgrade = downgrades;
        if !downgrades {
            self.update_target();
            self.reconcile(id, changed, Some(&by_id(&subscription.owned, self.image)))?;
        }
        self.begin_session(id);
        // The last is of one that spoke the new protocol before.
        self.cancel(Alarm::join(&self.group.name, id));
        self.cancel(Alarm::rebalance(&self.group.name, id));
        self.set(Alarm::sync(&self.group.name, id), request.rebalance_timeout);
        Ok(JoinReply {
            error: None,
            generation: self.group.members.get(id).map_or(-1, |member| member.current.epoch),
            protocol_type: Some(PROTOCOL_TYPE.into()),
            protocol: Some(protocol.clone()),
            leader: "".into(),
            skip_assignment: false,
            member: id.clone(),
            members: Vec::new(),
        })
    }

    fn sync(&mut self, request: &Sync) -> Result<SyncReply, GroupError> {
        let member = self.group.check_classic(&request.member, request.instance.as_ref(), request.generation)?;
        let protocols = member.said.classic.iter().flat_map(|classic| &classic.protocols);
        let (protocol, metadata) = protocols.clone().next().ok_or(GroupError::InconsistentGroupProtocol)?;
        let other_type = request.protocol_type.as_ref().is_some_and(|kind| &**kind != PROTOCOL_TYPE);
        if other_type || request.protocol.as_ref().is_some_and(|name| name != protocol) {
            return Err(GroupError::InconsistentGroupProtocol);
        }
        if self.group.target_epoch > member.current.epoch && member.current.state != State::UnrevokedPartitions {
            self.expect_join(&request.member);
            return Err(GroupError::RebalanceInProgress);
        }
        let version = embedded::subscription(metadata).map_or(0, |subscription| subscription.version);
        let assigned = member.current.assigned.iter();
        let named = |(id, partitions): (&TopicId, &BTreeMap<i32, i32>)| {
            Some((self.image.topic_by_id(*id)?.name.clone(), partitions.keys().copied().collect()))
        };
        let partitions: ByTopic = assigned.filter_map(named).collect();
        self.cancel(Alarm::sync(&self.group.name, &request.member));
        self.begin_session(&request.member);
        Ok(SyncReply {
            protocol_type: request.protocol_type.clone(),
            protocol: request.protocol.clone(),
            assignment: embedded::write_assignment(version, &partitions),
        })
    }

    fn classic_heartbeat(&mut self, request: &Heartbeat) -> Result<(), GroupError> {
        let id = &request.member;
        self.group.check_classic(id, request.instance.as_ref(), request.generation)?;
        let owes_target = self.owes_target();
        let member = self.group.check_classic(id, request.instance.as_ref(), request.generation)?;
        let current = &member.current;
        let is_behind = owes_target
            || current.epoch < self.group.target_epoch
            || current.state == State::UnrevokedPartitions
            || current.state == State::UnreleasedPartitions && !self.group.waits_for_others(id, member);
        self.begin_session(id);
        if is_behind {
            self.expect_join(id);
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }

    /// The member is told to join, and has its rebalance timeout for that, from the first time on that it is told.
    fn expect_join(&mut self, id: &Name) {
        let timeout = self.group.members.get(id).map_or(0, |member| member.said.rebalance_timeout_ms);
        self.set_if_absent(Alarm::join(&self.group.name, id), super::step::millis(timeout));
    }
}

fn said(before: &SubscriptionValue, request: &Join, subscription: &Subscription) -> SubscriptionValue {
    SubscriptionValue {
        instance: request.instance.clone().or_else(|| before.instance.clone()),
        rack: subscription.rack.clone().or_else(|| before.rack.clone()),
        client_id: request.client_id.clone(),
        client_host: request.client_host.clone(),
        topics: subscription.topics.iter().cloned().collect(),
        regex: Some("".into()),
        rebalance_timeout_ms: as_millis(request.rebalance_timeout),
        assignor: before.assignor.clone(),
        classic: Some(ClassicMember {
            session_timeout_ms: as_millis(request.session_timeout),
            protocols: each_once(&request.protocols),
        }),
    }
}

/// The partitions of those topics that exist.
pub(super) fn by_id(partitions: &ByTopic, image: &Image) -> Target {
    let of = |(topic, partitions): (&Name, &Vec<i32>)| {
        let topic = image.topic(topic)?;
        let exist = partitions.iter().copied().filter(|partition| (0..topic.partitions).contains(partition));
        Some((topic.id, exist.collect()))
    };
    partitions.iter().filter_map(of).collect()
}

pub(super) fn as_millis(time: Duration) -> i32 {
    i32::try_from(time.as_millis()).unwrap_or(i32::MAX)
}
