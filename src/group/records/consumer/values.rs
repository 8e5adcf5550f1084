//! What the records of a consumer group hold.

use crate::base::{Timestamp, TopicId};
use crate::group::command::Name;
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// The epoch of a group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MetadataValue {
    /// It grows with whatever asks for another assignment.
    pub epoch: i32,
    /// A hash of the topics subscribed to, as they were at this epoch; 0 for none.
    pub hash: i64,
}

/// What a member says of itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SubscriptionValue {
    /// Its static id.
    pub instance: Option<Name>,
    /// Its rack.
    pub rack: Option<Name>,
    /// The client's id.
    pub client_id: Name,
    /// The client's address.
    pub client_host: Name,
    /// Topics that it subscribes to by name.
    pub topics: BTreeSet<Name>,
    /// The regular expression by which it subscribes; none and an empty one are the same.
    pub regex: Option<Name>,
    /// How long it has to give up partitions, milliseconds; -1 for not said.
    pub rebalance_timeout_ms: i32,
    /// The assignor that it wants.
    pub assignor: Option<Name>,
    /// What it said as a member of the classic protocol, if it speaks that.
    pub classic: Option<ClassicMember>,
}

impl Default for SubscriptionValue {
    fn default() -> Self {
        SubscriptionValue {
            instance: None,
            rack: None,
            client_id: Name::from(""),
            client_host: Name::from(""),
            topics: BTreeSet::new(),
            regex: Some(Name::from("")),
            rebalance_timeout_ms: -1,
            assignor: None,
            classic: None,
        }
    }
}

impl SubscriptionValue {
    /// The regular expression, unless it is empty.
    pub fn expression(&self) -> Option<&Name> {
        self.regex.as_ref().filter(|regex| !regex.is_empty())
    }
}

/// What a member of the classic protocol says besides.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct ClassicMember {
    /// After this silence it is gone, milliseconds.
    pub session_timeout_ms: i32,
    /// Its protocols by preference, with what each wants the leader to know.
    pub protocols: Vec<(Name, Bytes)>,
}

/// The epoch of a target assignment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TargetMetadataValue {
    /// The group's epoch that it was made for.
    pub epoch: i32,
    /// When it was made; 0 where that was not kept.
    pub timestamp: Timestamp,
}

/// The partitions that a member is to have.
pub type Target = BTreeMap<TopicId, BTreeSet<i32>>;

/// The partitions that a member has, each with the epoch from which on it has it (KIP-1251).
pub type Assigned = BTreeMap<TopicId, BTreeMap<i32, i32>>;

/// Where a member is on its way to its target.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// It has what it is to have at its epoch.
    Stable,
    /// It is to give up partitions.
    UnrevokedPartitions,
    /// It waits for partitions that others are to give up.
    UnreleasedPartitions,
    /// Written by something newer.
    Unknown,
}

impl State {
    /// As it is written.
    pub fn code(self) -> i8 {
        match self {
            State::Stable => 0,
            State::UnrevokedPartitions => 1,
            State::UnreleasedPartitions => 2,
            State::Unknown => 127,
        }
    }

    /// As it is read.
    pub fn of(code: i8) -> State {
        match code {
            0 => State::Stable,
            1 => State::UnrevokedPartitions,
            2 => State::UnreleasedPartitions,
            _ => State::Unknown,
        }
    }
}

/// What a member has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CurrentValue {
    /// Its epoch; 0 before it has one, -2 for a static member that is away.
    pub epoch: i32,
    /// The epoch before: the answer that told it the new one may have been lost.
    pub previous_epoch: i32,
    /// Where it is on its way.
    pub state: State,
    /// Its partitions.
    pub assigned: Assigned,
    /// Partitions that it is to give up.
    pub pending: Assigned,
}

impl Default for CurrentValue {
    fn default() -> Self {
        let (assigned, pending) = (Assigned::new(), Assigned::new());
        CurrentValue { epoch: 0, previous_epoch: -1, state: State::Stable, assigned, pending }
    }
}

/// What a regular expression matched.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct RegexValue {
    /// The topics.
    pub topics: BTreeSet<Name>,
    /// The version of the metadata that they were looked for in.
    pub version: i64,
    /// When that was, by the wall clock.
    pub timestamp: Timestamp,
}
