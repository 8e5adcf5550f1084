//! What consumers of the classic protocol tell each other through the broker: subscriptions and assignments.
//!
//! ```text
//! subscription  version i16 | topics [] string | user data bytes? | owned [] (1 on) | generation i32 (2 on) | rack string? (3 on)
//! assignment    version i16 | assigned [] | user data bytes?
//! owned, assigned   of (topic string | partitions [] i32)
//! ```
//!
//! Newer versions only add fields behind. Needed where a group speaks both protocols (KIP-848).

use super::RecordError;
use super::cursor::{Cursor, Fields};
use crate::group::command::Name;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Partitions by topic.
pub type ByTopic = BTreeMap<Name, Vec<i32>>;

/// The newest version that is known.
const VERSION_MAX: i16 = 3;
const OWNED_FROM: i16 = 1;
const GENERATION_FROM: i16 = 2;
const RACK_FROM: i16 = 3;

/// The least that a topic takes: its length.
const TOPIC_BYTES_MIN: usize = 2;
/// The least that a topic with partitions takes: its length and their number.
const PARTITIONS_BYTES_MIN: usize = 6;

/// What a member says to the leader of its group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Subscription {
    /// The version that it speaks.
    pub version: i16,
    /// The topics that it wants.
    pub topics: Vec<Name>,
    /// What it owns still; nothing before version 1.
    pub owned: ByTopic,
    /// Its rack.
    pub rack: Option<Name>,
}

/// What the leader gives to a member.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Assignment {
    /// The partitions.
    pub partitions: ByTopic,
    /// Whether there is more, that only its assignor understands.
    pub has_user_data: bool,
}

/// Reads a subscription; none when it is none of the protocol type `consumer`.
pub fn subscription(metadata: &[u8]) -> Option<Subscription> {
    read_subscription(metadata).ok()
}

/// Reads an assignment; none when it is none of the protocol type `consumer`.
pub fn assignment(bytes: &[u8]) -> Option<Assignment> {
    read_assignment(bytes).ok()
}

/// Writes an assignment, in the version that its member speaks.
///
/// # Panics
///
/// When a topic's name is longer than 32,767 bytes, which none is.
pub fn write_assignment(version: i16, partitions: &ByTopic) -> Bytes {
    let mut fields = Fields::new(version.min(VERSION_MAX));
    fields.count(partitions.len());
    for (topic, partitions) in partitions {
        fields.string(topic).count(partitions.len());
        for partition in partitions {
            fields.i32(*partition);
        }
    }
    fields.i32(-1).finish()
}

fn version(fields: &mut Cursor<'_>) -> Result<i16, RecordError> {
    let version = fields.i16()?;
    // Kafka takes those below 0 for errors and those above for the newest that it knows.
    if version < 0 { Err(RecordError::Negative(i32::from(version))) } else { Ok(version.min(VERSION_MAX)) }
}

fn read_subscription(metadata: &[u8]) -> Result<Subscription, RecordError> {
    let mut fields = Cursor::new(metadata);
    let version = version(&mut fields)?;
    let count = fields.count(TOPIC_BYTES_MIN)?;
    let topics = (0..count).map(|_| fields.string()).collect::<Result<_, _>>()?;
    fields.nullable_bytes()?;
    let owned = if version >= OWNED_FROM { by_topic(&mut fields)? } else { ByTopic::new() };
    if version >= GENERATION_FROM {
        fields.i32()?;
    }
    let rack = if version >= RACK_FROM { fields.nullable_string()? } else { None };
    Ok(Subscription { version, topics, owned, rack: rack.filter(|rack| !rack.is_empty()) })
}

fn read_assignment(bytes: &[u8]) -> Result<Assignment, RecordError> {
    let mut fields = Cursor::new(bytes);
    version(&mut fields)?;
    let partitions = by_topic(&mut fields)?;
    let has_user_data = fields.nullable_bytes()?.is_some_and(|data| !data.is_empty());
    Ok(Assignment { partitions, has_user_data })
}

fn by_topic(fields: &mut Cursor<'_>) -> Result<ByTopic, RecordError> {
    let count = fields.count(PARTITIONS_BYTES_MIN)?;
    let mut by_topic = ByTopic::new();
    for _ in 0..count {
        let topic = fields.string()?;
        let partitions = fields.nullable_i32s()?.ok_or(RecordError::Null)?;
        by_topic.entry(topic).or_default().extend(partitions);
    }
    Ok(by_topic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> Name {
        Name::from(name)
    }

    /// Bytes as the Java client's ConsumerProtocol writes them.
    #[test]
    fn subscriptions_of_every_version() {
        let head = [&[0, 0][..], &[0, 0, 0, 1, 0, 1, b'a'], &[0xff; 4]].concat();
        let owned = [0, 0, 0, 1, 0, 1, b'a', 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 5];
        let generation = [0, 0, 0, 9];
        let rack = [0, 1, b'r'];
        let whole = [&head[..], &owned, &generation, &rack].concat();
        for (version, length) in [(0_u8, head.len()), (1, head.len() + 19), (2, head.len() + 23), (3, whole.len())] {
            let mut bytes = whole[..length].to_vec();
            bytes[1] = version;
            let read = subscription(&bytes).unwrap_or_else(|| panic!("version {version}"));
            assert_eq!((read.version, &read.topics), (i16::from(version), &vec![name("a")]));
            assert_eq!(read.owned.get("a"), (version >= 1).then(|| vec![0, 5]).as_ref(), "version {version}");
            assert_eq!(read.rack, (version >= 3).then(|| name("r")));
            for end in 0..length {
                assert_eq!(subscription(&bytes[..end]), None, "version {version}, {end} bytes");
            }
        }
        let mut newer = [&whole[..], &[1, 2, 3]].concat();
        newer[1] = 77;
        assert_eq!(subscription(&newer).map(|read| read.version), Some(3));
        newer[0] = 0xff;
        assert_eq!(subscription(&newer), None);
    }

    #[test]
    fn assignments_come_back() {
        let partitions: ByTopic = [(name("a"), vec![0, 5]), (name("b"), vec![])].into();
        let bytes = write_assignment(77, &partitions);
        assert_eq!(bytes[..2], [0, 3]);
        assert_eq!(assignment(&bytes), Some(Assignment { partitions: partitions.clone(), has_user_data: false }));
        let end = bytes.len() - 4;
        let with_data = [&bytes[..end], &[0, 0, 0, 1, 7]].concat();
        assert_eq!(assignment(&with_data), Some(Assignment { partitions, has_user_data: true }));
        for end in 0..bytes.len() {
            assert_eq!(assignment(&bytes[..end]), None, "{end} bytes");
        }
        assert_eq!(assignment(&[0, 0, 0x7f, 0xff, 0xff, 0xff]), None);
    }

    /// A topic that comes twice is one with all its partitions, as in Kafka.
    #[test]
    fn a_topic_may_come_in_pieces() {
        let piece = |partition: u8| [0, 1, b'a', 0, 0, 0, 1, 0, 0, 0, partition];
        let bytes = [&[0, 1, 0, 0, 0, 2][..], &piece(0), &piece(5), &[0xff; 4]].concat();
        assert_eq!(assignment(&bytes).map(|read| read.partitions), Some([(name("a"), vec![0, 5])].into()));
    }
}
