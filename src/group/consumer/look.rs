//! What others ask of a group: ConsumerGroupDescribe, ListGroups, who may commit and fetch offsets.

use super::Groups;
use super::group::Group;
use super::member::Member;
use crate::base::TopicId;
use crate::group::GroupError;
use crate::group::command::{
    AnyState, CommitOffsets, ConsumerDescription, ConsumerMember, ConsumerState, DescribedPartitions, FetchOffsets,
    GroupListing, Name,
};
use crate::group::records::consumer::Assigned;
use crate::metadata::Image;
use std::collections::BTreeMap;

/// The protocol type of all such groups.
pub(in crate::group) const PROTOCOL_TYPE: &str = "consumer";

impl Groups {
    /// A group, whole.
    pub fn describe(&self, group: &Name, image: &Image) -> Result<ConsumerDescription, GroupError> {
        let group = self.groups.get(group).ok_or(GroupError::GroupIdNotFound)?;
        let told = |(id, member): (&Name, &Member)| describe(group, id, member, image);
        Ok(ConsumerDescription {
            group: group.name.clone(),
            state: group.state(),
            epoch: group.epoch,
            target_epoch: group.target_epoch,
            assignor: group.assignor(&self.settings.assignors).clone(),
            members: group.members.iter().map(told).collect(),
        })
    }

    /// All groups.
    pub fn list(&self) -> Vec<GroupListing> {
        let listed = |group: &Group| GroupListing {
            group: group.name.clone(),
            protocol_type: PROTOCOL_TYPE.into(),
            state: AnyState::Consumer(group.state()),
        };
        self.groups.values().map(listed).collect()
    }

    /// The groups' names.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.groups.keys()
    }

    /// Whether a member subscribes to the topic, by name or by expression.
    pub fn subscribed(&self, group: &Name, topic: &str) -> bool {
        self.groups.get(group).is_some_and(|group| group.topics.contains_key(topic))
    }

    /// Whether a commit is accepted. A member that was told a newer epoch may commit at an older one what it has had since
    /// then (KIP-1251).
    pub fn check_commit(&self, request: &CommitOffsets) -> Result<(), GroupError> {
        let group = self.groups.get(&request.group).ok_or(GroupError::GroupIdNotFound)?;
        if request.generation < 0 && group.members.is_empty() {
            return Ok(());
        }
        let member = group.members.get(&request.member).ok_or(GroupError::UnknownMemberId)?;
        if !member.is_classic() && !request.names_unknown_groups {
            // Before version 9 a client could not understand the answer.
            return Err(GroupError::UnsupportedVersion);
        }
        let has_since = |(topic, partition): (TopicId, i32)| {
            let current = &member.current;
            let since =
                |assigned: &BTreeMap<TopicId, BTreeMap<i32, i32>>| assigned.get(&topic)?.get(&partition).copied();
            let since = since(&current.assigned).or_else(|| since(&current.pending));
            since.is_some_and(|since| request.generation >= since)
        };
        let mut offsets = request.offsets.iter().map(|offset| (offset.topic_id, offset.partition.0));
        let good = match request.generation.cmp(&member.current.epoch) {
            std::cmp::Ordering::Equal => true,
            std::cmp::Ordering::Greater => false,
            std::cmp::Ordering::Less => offsets.all(has_since),
        };
        if good { Ok(()) } else { Err(member.stale()) }
    }

    /// Whether a member may ask for offsets. Who is no member and does not say so may.
    pub fn check_fetch(&self, request: &FetchOffsets) -> Result<(), GroupError> {
        let Some(group) = self.groups.get(&request.group) else { return Ok(()) };
        if request.member.is_none() && request.member_epoch < 0 {
            return Ok(());
        }
        let member = request.member.as_ref().and_then(|member| group.members.get(member));
        let member = member.ok_or(GroupError::UnknownMemberId)?;
        if request.member_epoch == member.current.epoch { Ok(()) } else { Err(member.stale()) }
    }

    /// Whether the group may be deleted.
    pub fn check_delete(&self, group: &Name) -> Result<(), GroupError> {
        let group = self.groups.get(group).ok_or(GroupError::GroupIdNotFound)?;
        if group.state() == ConsumerState::Empty { Ok(()) } else { Err(GroupError::NonEmptyGroup) }
    }
}

impl Member {
    fn stale(&self) -> GroupError {
        if self.is_classic() { GroupError::IllegalGeneration } else { GroupError::StaleMemberEpoch }
    }
}

fn describe(group: &Group, id: &Name, member: &Member, image: &Image) -> ConsumerMember {
    let (said, current) = (&member.said, &member.current);
    let of = |has: &Assigned| {
        let has = has.iter().map(|(topic, partitions)| (*topic, partitions.keys().copied().collect()));
        named(has.collect::<Vec<_>>(), image)
    };
    let target = group.target(id).into_iter().flatten();
    let target = target.map(|(topic, partitions)| (*topic, partitions.iter().copied().collect()));
    ConsumerMember {
        member: id.clone(),
        instance: said.instance.clone(),
        rack: said.rack.clone(),
        epoch: current.epoch,
        client_id: said.client_id.clone(),
        client_host: said.client_host.clone(),
        topics: said.topics.clone(),
        regex: said.regex.clone(),
        assigned: of(&current.assigned),
        revoking: of(&current.pending),
        target: named(target, image),
        is_classic: member.is_classic(),
    }
}

fn named(partitions: impl IntoIterator<Item = (TopicId, Vec<i32>)>, image: &Image) -> DescribedPartitions {
    let named = |(id, partitions)| Some((id, image.topic_by_id(id)?.name.clone(), partitions));
    partitions.into_iter().filter_map(named).collect()
}
