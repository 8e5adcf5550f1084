//! OffsetCommitKey and OffsetCommitValue.
//!
//! ```text
//! key    kind i16 = 1 | group string | topic string | partition i32
//! value  version i16 | offset i64 | leader epoch i32 (3 on) | metadata string | commit timestamp i64
//!        | expire timestamp i64 (1 only) | tagged fields (4 on): 0 is the topic id, 16 bytes, left out when zero
//! ```
//!
//! Numbers are big-endian. Version 4 is the first flexible one: the metadata have a compact length there.

use super::cursor::{Cursor, Fields};
use super::{OFFSET, RecordError};
use crate::base::{LeaderEpoch, Offset, PartitionIndex, Timestamp, TopicId};
use crate::coordinator::machine::Record;
use crate::group::command::Name;
use uuid::Uuid;

/// A committed offset.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OffsetValue {
    /// The next record to read. Clients may commit anything, also -1.
    pub offset: Offset,
    /// Leader epoch of the last record read, or unknown.
    pub leader_epoch: LeaderEpoch,
    /// What the client wants to be told again.
    pub metadata: Name,
    /// When it was committed, by the wall clock.
    pub commit_timestamp: Timestamp,
    /// When it goes, where the client said so (OffsetCommit before v5).
    pub expire_timestamp: Option<Timestamp>,
    /// The topic's id; zero where it was not known.
    pub topic_id: TopicId,
}

/// The newest version that is read.
pub(super) const VERSION_MAX: i16 = 4;

/// The version for an offset with an expiry of its own: the only one that has room for it.
const WITH_EXPIRY: i16 = 1;
/// The version for all others.
const CURRENT: i16 = 4;
const FLEXIBLE_FROM: i16 = 4;
const LEADER_EPOCH_FROM: i16 = 3;
const TOPIC_ID_TAG: u32 = 0;
const TOPIC_ID_BYTES: u8 = 16;

/// The record of an offset, or of its end.
///
/// As in Kafka 4.4 an offset with an expiry of its own loses its leader epoch and its topic id on the way.
///
/// # Panics
///
/// When a string is longer than 32,767 bytes: requests cannot bring such a name, [`Offsets::commit`] refuses such
/// metadata.
///
/// [`Offsets::commit`]: crate::group::offsets::Offsets::commit
pub fn offset(group: &str, topic: &str, partition: PartitionIndex, value: Option<&OffsetValue>) -> Record {
    let key = Fields::new(OFFSET).string(group).string(topic).i32(partition.0).finish();
    let value = value.map(|value| {
        let offset = value.offset.0;
        let committed = value.commit_timestamp.0;
        if let Some(expire) = value.expire_timestamp {
            let mut fields = Fields::new(WITH_EXPIRY);
            return fields.i64(offset).string(&value.metadata).i64(committed).i64(expire.0).finish();
        }
        let mut fields = Fields::new(CURRENT);
        fields.i64(offset).i32(value.leader_epoch.0).compact_string(&value.metadata).i64(committed);
        // Tagged fields: how many, then tag, length and bytes of each.
        if value.topic_id.is_zero() {
            fields.raw(&[0]);
        } else {
            fields.raw(&[1, TOPIC_ID_TAG as u8, TOPIC_ID_BYTES]).raw(value.topic_id.0.as_bytes());
        }
        fields.finish()
    });
    Record { key, value }
}

/// Reads the key behind its kind.
pub(super) fn key(fields: &mut Cursor<'_>) -> Result<(Name, Name, PartitionIndex), RecordError> {
    Ok((fields.string()?, fields.string()?, PartitionIndex(fields.i32()?)))
}

/// Reads the value behind its version.
pub(super) fn value(version: i16, mut fields: Cursor<'_>) -> Result<OffsetValue, RecordError> {
    fields.set_flexible(version >= FLEXIBLE_FROM);
    let offset = Offset(fields.i64()?);
    let leader_epoch = match version >= LEADER_EPOCH_FROM {
        true => LeaderEpoch(fields.i32()?),
        false => LeaderEpoch::UNKNOWN,
    };
    let metadata = fields.string()?;
    let commit_timestamp = Timestamp(fields.i64()?);
    let expire_timestamp = match version == WITH_EXPIRY {
        true => Some(Timestamp(fields.i64()?)).filter(|expire| *expire != Timestamp::NONE),
        false => None,
    };
    let mut topic_id = TopicId::ZERO;
    fields.tags(|tag, mut field| {
        if tag == TOPIC_ID_TAG {
            topic_id = TopicId(Uuid::from_u128(field.u128()?));
        }
        Ok(())
    })?;
    Ok(OffsetValue { offset, leader_epoch, metadata, commit_timestamp, expire_timestamp, topic_id })
}
