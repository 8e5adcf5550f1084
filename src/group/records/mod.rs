//! Kafka's own records of `__consumer_offsets`, byte for byte as Apache Kafka 4.4 writes them.
//!
//! - [`offset()`] and [`group()`]: make a record; [`decode`] reads one.
//! - [`consumer`]: the records of groups of the new protocol (KIP-848).
//! - `offset.rs`, `group.rs`: one layout each; `cursor.rs`: the fields that they are made of.
//! - [`embedded`]: what consumers of the classic protocol tell each other.
//! - [`subscription`]: the topics in what a member of a consumer group tells the group's leader.
//!
//! A key begins with its kind, a value with its version:
//!
//! | kind | key | value | versions read | version written |
//! | --- | --- | --- | --- | --- |
//! | 0 | offset of a group, before Kafka 0.9 | offset | 0 | never |
//! | 1 | offset of a group: group, topic, partition | offset | 0-4 | 4; 1 with an expiry of its own |
//! | 2 | group | classic group, whole | 0-4 | 3 |
//! | 3 to 8, 16 | group, or group and member | a part of a consumer group, see [`consumer`] | 0 | 0 |
//!
//! What cannot be read is an error that says why, never a panic. Bytes behind the last field are let pass, as Kafka does.

pub mod consumer;
mod cursor;
pub mod embedded;
mod group;
mod offset;
pub mod subscription;
#[cfg(test)]
mod tests;

pub use consumer::ConsumerRecord;
pub(in crate::group) use cursor::STRING_BYTES_MAX;
pub use group::{GroupValue, MemberValue, group};
pub use offset::{OffsetValue, offset};

use super::command::Name;
use crate::base::PartitionIndex;
use cursor::Cursor;

/// What a record says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Decoded {
    /// An offset was committed, or with no value: is forgotten.
    Offset {
        /// The group.
        group: Name,
        /// The topic.
        topic: Name,
        /// The partition.
        partition: PartitionIndex,
        /// What was committed.
        value: Option<OffsetValue>,
    },
    /// A classic group has this state, or with no value: is gone.
    Group {
        /// The group.
        group: Name,
        /// Its state.
        value: Option<GroupValue>,
    },
    /// A part of a consumer group.
    Consumer(ConsumerRecord),
    /// Of a newer kind: left alone.
    Other {
        /// The kind.
        kind: i16,
    },
}

/// Why a record cannot be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RecordError {
    /// The bytes end before a field does.
    #[error("the record ends within a field")]
    Short,
    /// A variable-length integer of more than 32 bits.
    #[error("a varint has more than 32 bits")]
    Varint,
    /// A length or count below -1.
    #[error("a field has a length of {0}")]
    Negative(i32),
    /// Null where Kafka allows none.
    #[error("a field is null that must not be")]
    Null,
    /// A string longer than strings may be.
    #[error("a string claims {0} bytes")]
    StringTooLong(usize),
    /// Not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// More elements than the bytes left can hold.
    #[error("an array claims {claimed} elements, at most {fit} fit")]
    TooMany {
        /// The count in the record.
        claimed: usize,
        /// How many smallest elements the bytes left could hold.
        fit: usize,
    },
    /// Written by something newer, or no such record.
    #[error("a record of kind {kind} has version {version}, which is not known")]
    Version {
        /// The key's kind.
        kind: i16,
        /// The value's version.
        version: i16,
    },
}

/// The kind of an offset's key before Kafka 0.9.
const LEGACY_OFFSET: i16 = 0;
/// The kind of an offset's key.
const OFFSET: i16 = 1;
/// The kind of a classic group's key.
const GROUP: i16 = 2;

/// Reads a record.
pub fn decode(key: &[u8], value: Option<&[u8]>) -> Result<Decoded, RecordError> {
    let mut key = Cursor::new(key);
    match key.i16()? {
        kind @ (LEGACY_OFFSET | OFFSET) => {
            let (group, topic, partition) = offset::key(&mut key)?;
            let version_max = if kind == OFFSET { offset::VERSION_MAX } else { 0 };
            let value = value.map(|value| {
                let (version, fields) = version(kind, version_max, value)?;
                offset::value(version, fields)
            });
            Ok(Decoded::Offset { group, topic, partition, value: value.transpose()? })
        }
        kind @ GROUP => {
            let group = key.string()?;
            let value = value.map(|value| {
                let (version, fields) = version(kind, group::VERSION_MAX, value)?;
                group::value(version, fields)
            });
            Ok(Decoded::Group { group, value: value.transpose()? })
        }
        kind => match consumer::Kind::of(kind) {
            Some(kind) => consumer::decode(kind, key, value).map(Decoded::Consumer),
            None => Ok(Decoded::Other { kind }),
        },
    }
}

/// The version of a value, and its fields.
fn version(kind: i16, version_max: i16, value: &[u8]) -> Result<(i16, Cursor<'_>), RecordError> {
    let mut fields = Cursor::new(value);
    let version = fields.i16()?;
    if !(0..=version_max).contains(&version) {
        return Err(RecordError::Version { kind, version });
    }
    Ok((version, fields))
}
