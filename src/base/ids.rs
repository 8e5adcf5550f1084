//! Identities as newtypes, so that a partition index is never taken for a node id.

use std::fmt;
use uuid::Uuid;

/// A topic's identity: random, kept for life, never used again after deletion (KIP-516). Never zero.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct TopicId(pub Uuid);

impl TopicId {
    /// The id that means "no id" on the wire.
    pub const ZERO: TopicId = TopicId(Uuid::nil());

    /// Whether this is the id that means "no id".
    pub fn is_zero(self) -> bool {
        self.0.is_nil()
    }
}

impl fmt::Debug for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl fmt::Display for TopicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// A partition's number within its topic, from 0.
    PartitionIndex(i32)
}
id! {
    /// A broker's `node.id`.
    NodeId(i32)
}
id! {
    /// The id that an idempotent producer was given; -1 for none.
    ProducerId(i64)
}
id! {
    /// How often a producer id was taken over; fences older holders.
    ProducerEpoch(i16)
}
id! {
    /// A record's number within (producer id, epoch, partition); wraps from `i32::MAX` to 0.
    Sequence(i32)
}

impl ProducerId {
    /// "This batch has no producer id": it is not idempotent.
    pub const NONE: ProducerId = ProducerId(-1);
}

impl Sequence {
    /// "This batch has no sequence."
    pub const NONE: Sequence = Sequence(-1);

    /// The sequence `count` records later, wrapping past `i32::MAX` to 0 as Kafka does.
    pub fn plus(self, count: i32) -> Sequence {
        let sum = i64::from(self.0) + i64::from(count);
        Sequence((sum % (i64::from(i32::MAX) + 1)) as i32)
    }
}

/// A partition's identity; a topic created again under an old name gets another.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, serde::Serialize, serde::Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// The partition in it.
    pub partition: PartitionIndex,
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

#[cfg(test)]
mod tests {
    use super::Sequence;

    #[test]
    fn sequences_wrap_to_zero() {
        let check = |from: i32, count: i32, to: i32| assert_eq!(Sequence(from).plus(count), Sequence(to));
        check(0, 1, 1);
        check(i32::MAX, 1, 0);
        check(i32::MAX - 1, 3, 1);
    }
}
