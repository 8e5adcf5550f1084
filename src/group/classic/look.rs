//! What others ask of a group: DescribeGroups, ListGroups, the expiry of offsets.

use super::Groups;
use super::group::Group;
use super::member::Member;
use crate::base::Timestamp;
use crate::group::GroupError;
use crate::group::command::{AnyState, GroupDescription, GroupListing, GroupState, MemberDescription, Name};
use bytes::Bytes;
use std::collections::BTreeSet;

/// Reads the topics out of a member's metadata; none where it is not what consumers say.
pub type ParseTopics = fn(&[u8]) -> Option<Vec<Name>>;

/// What the expiry of a group's offsets hangs on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Expiry {
    /// The group's state.
    pub state: GroupState,
    /// Its protocol type; none for a group that only has offsets.
    pub protocol_type: Option<Name>,
    /// Since when it is in its state, where that is known.
    pub current_state_timestamp: Option<Timestamp>,
}

impl Groups {
    /// Whether there is such a group.
    pub fn contains(&self, group: &Name) -> bool {
        self.groups.contains_key(group)
    }

    /// The groups' names.
    pub fn names(&self) -> impl Iterator<Item = &Name> {
        self.groups.keys()
    }

    /// A group, whole.
    pub fn describe(&self, group: &Name) -> Result<GroupDescription, GroupError> {
        self.groups.get(group).map(Group::describe).ok_or(GroupError::GroupIdNotFound)
    }

    /// All groups.
    pub fn list(&self) -> Vec<GroupListing> {
        let listed = |group: &Group| GroupListing {
            group: group.name.clone(),
            protocol_type: name_or_empty(&group.protocol_type),
            state: AnyState::Classic(group.state),
        };
        self.groups.values().map(listed).collect()
    }

    /// What the expiry of the group's offsets hangs on.
    pub fn expiry(&self, group: &Name) -> Option<Expiry> {
        let expiry = |group: &Group| Expiry {
            state: group.state,
            protocol_type: group.protocol_type.clone(),
            current_state_timestamp: group.state_since,
        };
        self.groups.get(group).map(expiry)
    }

    /// The topics that the group is subscribed to, where that is known: consumers, with a chosen protocol (or none at
    /// all), that all say it in a form that can be read.
    pub fn subscribed_topics(&self, group: &Name, parse: ParseTopics) -> Option<BTreeSet<Name>> {
        let group = self.groups.get(group).filter(|group| group.uses_consumer_protocol())?;
        let mut topics = BTreeSet::new();
        for member in group.members.values() {
            topics.extend(parse(&member.metadata(Some(group.protocol.as_ref()?)))?);
        }
        Some(topics)
    }

    /// Says of topics whether the group is subscribed to them: what the members said is read once. Consumers whose topics
    /// are not known may be subscribed to any.
    pub fn subscriptions(&self, group: &Name, parse: ParseTopics) -> impl Fn(&str) -> bool + use<> {
        let consumers = self.groups.get(group).is_some_and(Group::uses_consumer_protocol);
        let topics = self.subscribed_topics(group, parse);
        move |topic| topics.as_ref().map_or(consumers, |topics| topics.contains(topic))
    }
}

impl Group {
    fn describe(&self) -> GroupDescription {
        let stable = self.state == GroupState::Stable;
        let told = |member: &Member| MemberDescription {
            member: member.id.clone(),
            instance: member.instance.clone(),
            client_id: member.client_id.clone(),
            client_host: member.client_host.clone(),
            metadata: if stable { member.metadata(self.protocol.as_ref()) } else { Bytes::new() },
            // As Kafka: while it is rebalanced each still tells what it had.
            assignment: member.assignment.clone(),
        };
        GroupDescription {
            group: self.name.clone(),
            state: self.state,
            protocol_type: name_or_empty(&self.protocol_type),
            protocol: if stable { name_or_empty(&self.protocol) } else { Name::from("") },
            members: self.members.values().map(told).collect(),
        }
    }
}

fn name_or_empty(name: &Option<Name>) -> Name {
    name.clone().unwrap_or_else(|| Name::from(""))
}
