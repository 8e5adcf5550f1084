//! The way between the two protocols (KIP-848, migration): a classic group of consumers as one of the new protocol, and
//! back.

use super::group::Group;
use super::served::{as_millis, by_id};
use super::step::millis;
use super::{Groups, topics};
use crate::base::{Timestamp, TopicId};
use crate::coordinator::machine::Moment;
use crate::group::GroupError;
use crate::group::classic::{Change, Out, Whole, WholeMember};
use crate::group::command::{ConsumerHeartbeat, Name};
use crate::group::records::consumer::{
    Assigned, ClassicMember, ConsumerRecord, CurrentValue, MetadataValue, State, SubscriptionValue, Target,
    TargetMetadataValue,
};
use crate::group::records::embedded::{self, ByTopic};
use crate::metadata::Image;
use std::collections::BTreeSet;

/// A classic group as one of the new protocol, not in place yet.
#[derive(Debug)]
pub struct Upgraded {
    group: Group,
    records: Vec<ConsumerRecord>,
}

/// A group of the new protocol as a classic one, not in place yet.
#[derive(Debug)]
pub struct Downgraded {
    /// The group. Its generation is its members' newest epoch: those who have it are told to join again, and lose nothing.
    pub whole: Whole,
    /// The generation of its record: the last epoch that there was.
    pub reserved: i32,
}

impl Groups {
    /// A classic group as one of the new protocol. Refused when its members' bytes can't be read, or an assignor of their
    /// own keeps more with an assignment than partitions.
    pub fn upgraded(&self, name: &Name, classic: &Whole, image: &Image) -> Result<Upgraded, GroupError> {
        if classic.members.len() > self.settings.size_max {
            return Err(GroupError::GroupIdNotFound);
        }
        let epoch = classic.generation.max(super::group::FIRST_EPOCH);
        let mut taken: BTreeSet<(TopicId, i32)> = BTreeSet::new();
        let mut members = Vec::new();
        for member in &classic.members {
            let (said, mut target) = converted(member, image)?;
            // An assignor of theirs may have given a partition away twice; here one member has it.
            for (topic, partitions) in &mut target {
                partitions.retain(|partition| taken.insert((*topic, *partition)));
            }
            target.retain(|_, partitions| !partitions.is_empty());
            members.push((member.id.clone(), said, target));
        }
        let mut upgraded = Upgraded { group: Group::new(name.clone()), records: Vec::new() };
        for (member, said, _) in &members {
            let (group, member, value) = (name.clone(), member.clone(), Some(said.clone()));
            upgraded.keep(ConsumerRecord::Member { group, member, value });
        }
        let wanted = topics::ids(image, upgraded.group.topics.keys());
        let exist: i32 = wanted.into_iter().map(|topic| topics::partitions(image, topic)).sum();
        // Kafka takes the assignment for one of today's topics. Where their leader had not seen all of them yet, the next
        // heartbeat finds that they have changed.
        let is_whole = usize::try_from(exist) == Ok(taken.len());
        let hash = if is_whole { topics::hash(image, upgraded.group.topics.keys()) } else { 0 };
        let value = Some(MetadataValue { epoch, hash });
        upgraded.keep(ConsumerRecord::Metadata { group: name.clone(), value });
        for (member, _, target) in &members {
            let (group, member, value) = (name.clone(), member.clone(), Some(target.clone()));
            upgraded.keep(ConsumerRecord::Target { group, member, value });
        }
        let value = Some(TargetMetadataValue { epoch, timestamp: Timestamp(0) });
        upgraded.keep(ConsumerRecord::TargetMetadata { group: name.clone(), value });
        for (member, _, target) in members {
            let since = |partitions: BTreeSet<i32>| partitions.into_iter().map(|one| (one, epoch)).collect();
            let assigned = target.into_iter().map(|(topic, partitions)| (topic, since(partitions))).collect();
            let (state, pending) = (State::Stable, Assigned::new());
            let value = Some(CurrentValue { epoch, previous_epoch: epoch, state, assigned, pending });
            upgraded.keep(ConsumerRecord::Current { group: name.clone(), member, value });
        }
        Ok(upgraded)
    }

    /// Whether what a member says that joins a group that is to be made could be taken.
    pub fn check_new(&self, image: &Image, request: &ConsumerHeartbeat) -> Result<(), GroupError> {
        let said = super::heartbeat::said(&SubscriptionValue::default(), request);
        super::step::check_said(
            &self.settings,
            &Group::new(request.group.clone()),
            image,
            &SubscriptionValue::default(),
            &said,
        )
    }

    /// Members of a group.
    pub fn size(&self, group: &Name) -> usize {
        self.groups.get(group).map_or(0, |group| group.members.len())
    }

    /// Whether a member that joins would find its place in it: room, its static id, and what it says.
    pub fn check_upgraded(
        &self,
        upgraded: &Upgraded,
        image: &Image,
        request: &ConsumerHeartbeat,
    ) -> Result<(), GroupError> {
        let group = &upgraded.group;
        super::heartbeat::check_room(&self.settings, group, &request.member, request.instance.as_ref())?;
        let before = group.find(request)?.member().said;
        let said = super::heartbeat::said(&before, request);
        super::step::check_said(&self.settings, group, image, &before, &said)
    }

    /// Puts the group in place; its members' sessions begin.
    pub fn found(&mut self, now: Moment, image: &Image, upgraded: Upgraded, out: &mut Out) {
        let Upgraded { group, records } = upgraded;
        let name = group.name.clone();
        let members: Vec<Name> = group.members.keys().cloned().collect();
        out.changes.extend(records.into_iter().map(Change::Consumer));
        self.groups.insert(name.clone(), group);
        let Some(mut step) = self.step(&name, now, image, out) else { return };
        for member in &members {
            step.begin_session(member);
        }
    }

    /// Whether only members of the classic protocol are left without these, and how many.
    pub fn classics_without(&self, group: &Name, leaving: &[Name]) -> Option<usize> {
        let group = self.groups.get(group)?;
        let mut others = group.members.iter().filter(|(id, _)| !leaving.contains(id));
        others
            .all(|(_, member)| member.is_classic())
            .then(|| group.members.len() - leaving.len())
            .filter(|left| *left > 0)
    }

    /// The group as a classic one, without the members that leave: all others are of the classic protocol. Each is assigned
    /// what it was to have.
    pub fn downgraded(&self, name: &Name, leaving: &[Name], image: &Image) -> Option<Downgraded> {
        let group = self.groups.get(name)?;
        let mut members = Vec::new();
        for (id, member) in group.members.iter().filter(|(id, _)| !leaving.contains(id)) {
            let said = &member.said;
            let classic = said.classic.as_ref()?;
            let version = classic.protocols.first().and_then(|(_, metadata)| embedded::subscription(metadata));
            let version = version.map_or(0, |subscription| subscription.version);
            members.push(WholeMember {
                id: id.clone(),
                instance: said.instance.clone(),
                client_id: said.client_id.clone(),
                client_host: said.client_host.clone(),
                rebalance_timeout: millis(said.rebalance_timeout_ms),
                session_timeout: millis(classic.session_timeout_ms),
                protocols: classic.protocols.clone(),
                subscription: bytes::Bytes::new(),
                assignment: embedded::write_assignment(version, &by_name(group.target(id), image)),
            });
        }
        let epochs =
            group.members.iter().filter(|(id, _)| !leaving.contains(id)).map(|(_, member)| member.current.epoch);
        let generation = epochs.max().unwrap_or(group.epoch).max(0);
        Some(Downgraded { whole: Whole { generation, members }, reserved: group.epoch })
    }
}

impl Upgraded {
    fn keep(&mut self, record: ConsumerRecord) {
        self.group.apply(&record);
        self.records.push(record);
    }
}

impl Group {
    /// The records that end it, in Kafka's order: who reads them one after the other never finds half a member.
    pub(super) fn end(&self) -> Vec<ConsumerRecord> {
        let group = || self.name.clone();
        let members = || self.members.keys().cloned();
        let mut records = Vec::new();
        records.extend(members().map(|member| ConsumerRecord::Current { group: group(), member, value: None }));
        records.extend(members().map(|member| ConsumerRecord::Target { group: group(), member, value: None }));
        records.push(ConsumerRecord::TargetMetadata { group: group(), value: None });
        records.extend(members().map(|member| ConsumerRecord::Member { group: group(), member, value: None }));
        let regexes = self.regexes.keys().cloned();
        records.extend(regexes.map(|regex| ConsumerRecord::Regex { group: group(), regex, value: None }));
        records.push(ConsumerRecord::Partitions { group: group(), is_there: false });
        records.push(ConsumerRecord::Metadata { group: group(), value: None });
        records
    }
}

fn converted(member: &WholeMember, image: &Image) -> Result<(SubscriptionValue, Target), GroupError> {
    let target = if member.assignment.is_empty() {
        Target::new()
    } else {
        let assignment = embedded::assignment(&member.assignment).ok_or(GroupError::GroupIdNotFound)?;
        if assignment.has_user_data {
            return Err(GroupError::GroupIdNotFound);
        }
        by_id(&assignment.partitions, image)
    };
    let subscription = embedded::subscription(&member.subscription).ok_or(GroupError::GroupIdNotFound)?;
    let said = SubscriptionValue {
        instance: member.instance.clone(),
        rack: subscription.rack,
        client_id: member.client_id.clone(),
        client_host: member.client_host.clone(),
        topics: subscription.topics.into_iter().collect(),
        rebalance_timeout_ms: as_millis(member.rebalance_timeout),
        classic: Some(ClassicMember {
            session_timeout_ms: as_millis(member.session_timeout),
            protocols: member.protocols.clone(),
        }),
        ..SubscriptionValue::default()
    };
    Ok((said, target))
}

fn by_name(target: Option<&Target>, image: &Image) -> ByTopic {
    let named = |(id, partitions): (&TopicId, &BTreeSet<i32>)| {
        Some((image.topic_by_id(*id)?.name.clone(), partitions.iter().copied().collect()))
    };
    target.into_iter().flatten().filter_map(named).collect()
}
