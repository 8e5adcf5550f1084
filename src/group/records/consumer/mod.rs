//! The records of groups of the new protocol (KIP-848): many small ones instead of a whole.
//!
//! - [`ConsumerRecord`]: what one says. [`record()`] makes one, `decode` reads one.
//! - [`values`]: what is in them. `read.rs`, `write.rs`: the layouts, below.
//!
//! ```text
//! key   kind i16 | group string | member string (5, 7 and 8) or expression string (16)
//! 3     epoch i32 | tags: 0 hash of the metadata i64, left out when zero
//! 4     topics [] of (id 16 bytes | name string | partitions i32 | racks [] of (partition i32 | racks [] string))
//! 5     instance string? | rack string? | client id string | client host string | topics [] string | expression string?
//!       | rebalance timeout i32 | assignor string? | tags: 0 classic member?, left out when it says nothing
//!       classic member   session timeout i32 | protocols [] of (name string | metadata bytes)
//! 6     assignment epoch i32 | tags: 0 when it was made i64, left out when zero
//! 7     topics [] of (id 16 bytes | partitions [] i32)
//! 8     epoch i32 | previous epoch i32 | state i8 | assigned [] | to be revoked []
//!       both of (id 16 bytes | partitions [] i32 | tags: 0 epochs [] i32?, left out when empty)
//! 16    topics [] string | version i64 | when it was resolved i64
//! ```
//!
//! Keys are not flexible, values are; version 0 is the only one. What Kafka 4.4 writes in the order of a hash map is in
//! order here: topics by id, partitions and protocols as they come. Kind 4 is no longer written by Kafka: it is read, so
//! that it can be taken away.

mod read;
#[cfg(test)]
mod tests;
pub mod values;
mod write;

pub(super) use read::decode;
pub use values::{
    Assigned, ClassicMember, CurrentValue, MetadataValue, RegexValue, State, SubscriptionValue, Target,
    TargetMetadataValue,
};
pub use write::record;

use crate::group::command::Name;

/// What a record of a consumer group says. No value means that it is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ConsumerRecord {
    /// The group's epoch (ConsumerGroupMetadata).
    Metadata {
        /// The group.
        group: Name,
        /// Its epoch.
        value: Option<MetadataValue>,
    },
    /// What was known of its topics, before Kafka 4.1 (ConsumerGroupPartitionMetadata). Only whether it is there counts.
    Partitions {
        /// The group.
        group: Name,
        /// Whether there is a value.
        is_there: bool,
    },
    /// What a member says (ConsumerGroupMemberMetadata).
    Member {
        /// The group.
        group: Name,
        /// The member.
        member: Name,
        /// What it says.
        value: Option<SubscriptionValue>,
    },
    /// The epoch of the target assignment (ConsumerGroupTargetAssignmentMetadata).
    TargetMetadata {
        /// The group.
        group: Name,
        /// Epoch and time.
        value: Option<TargetMetadataValue>,
    },
    /// What a member is to have (ConsumerGroupTargetAssignmentMember).
    Target {
        /// The group.
        group: Name,
        /// The member.
        member: Name,
        /// Its partitions.
        value: Option<Target>,
    },
    /// What a member has (ConsumerGroupCurrentMemberAssignment).
    Current {
        /// The group.
        group: Name,
        /// The member.
        member: Name,
        /// Its epoch and partitions.
        value: Option<CurrentValue>,
    },
    /// The topics that a regular expression matches (ConsumerGroupRegularExpression).
    Regex {
        /// The group.
        group: Name,
        /// The expression.
        regex: Name,
        /// The topics.
        value: Option<RegexValue>,
    },
}

impl ConsumerRecord {
    /// The group that it is of.
    pub fn group(&self) -> &Name {
        match self {
            ConsumerRecord::Metadata { group, .. }
            | ConsumerRecord::Partitions { group, .. }
            | ConsumerRecord::Member { group, .. }
            | ConsumerRecord::TargetMetadata { group, .. }
            | ConsumerRecord::Target { group, .. }
            | ConsumerRecord::Current { group, .. }
            | ConsumerRecord::Regex { group, .. } => group,
        }
    }
}

/// The kinds of keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    Metadata = 3,
    Partitions = 4,
    Member = 5,
    TargetMetadata = 6,
    Target = 7,
    Current = 8,
    Regex = 16,
}

impl Kind {
    /// The kind of this number.
    pub(super) fn of(kind: i16) -> Option<Kind> {
        Some(match kind {
            3 => Kind::Metadata,
            4 => Kind::Partitions,
            5 => Kind::Member,
            6 => Kind::TargetMetadata,
            7 => Kind::Target,
            8 => Kind::Current,
            16 => Kind::Regex,
            _ => return None,
        })
    }
}
