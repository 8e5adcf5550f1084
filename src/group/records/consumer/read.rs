//! Records of consumer groups from bytes.

use super::super::cursor::Cursor;
use super::super::{RecordError, version};
use super::{
    Assigned, ClassicMember, ConsumerRecord, CurrentValue, Kind, MetadataValue, RegexValue, State, SubscriptionValue,
    Target, TargetMetadataValue,
};
use crate::base::{Timestamp, TopicId};
use crate::group::command::Name;
use std::collections::BTreeSet;
use uuid::Uuid;

/// The newest version that is read.
const VERSION_MAX: i16 = 0;

/// The tag of each value's only tagged field.
const TAG: u32 = 0;

/// The least that a string takes: its length.
const STRING_BYTES_LEAST: usize = 1;
/// The least that a protocol takes: two lengths and the tagged fields.
const PROTOCOL_BYTES_LEAST: usize = 3;
/// The least that a topic with partitions takes: its id, their number and the tagged fields.
const TOPIC_BYTES_LEAST: usize = 18;

/// Reads a record behind the kind of its key.
pub(in crate::group::records) fn decode(
    kind: Kind,
    mut key: Cursor<'_>,
    value: Option<&[u8]>,
) -> Result<ConsumerRecord, RecordError> {
    let group = key.string()?;
    let value = value.map(|value| {
        let (_, mut fields) = version(kind as i16, VERSION_MAX, value)?;
        fields.set_flexible(true);
        Ok(fields)
    });
    let value: Option<Cursor<'_>> = value.transpose()?;
    Ok(match kind {
        Kind::Metadata => ConsumerRecord::Metadata { group, value: value.map(metadata).transpose()? },
        // Nothing in it counts any more.
        Kind::Partitions => ConsumerRecord::Partitions { group, is_there: value.is_some() },
        Kind::Member => {
            ConsumerRecord::Member { group, member: key.string()?, value: value.map(subscription).transpose()? }
        }
        Kind::TargetMetadata => {
            ConsumerRecord::TargetMetadata { group, value: value.map(target_metadata).transpose()? }
        }
        Kind::Target => ConsumerRecord::Target { group, member: key.string()?, value: value.map(target).transpose()? },
        Kind::Current => {
            ConsumerRecord::Current { group, member: key.string()?, value: value.map(current).transpose()? }
        }
        Kind::Regex => ConsumerRecord::Regex { group, regex: key.string()?, value: value.map(expression).transpose()? },
    })
}

fn metadata(mut fields: Cursor<'_>) -> Result<MetadataValue, RecordError> {
    Ok(MetadataValue { epoch: fields.i32()?, hash: tagged_i64(fields)? })
}

fn target_metadata(mut fields: Cursor<'_>) -> Result<TargetMetadataValue, RecordError> {
    Ok(TargetMetadataValue { epoch: fields.i32()?, timestamp: Timestamp(tagged_i64(fields)?) })
}

fn tagged_i64(mut fields: Cursor<'_>) -> Result<i64, RecordError> {
    let mut value = 0;
    fields.tags(|tag, mut field| {
        if tag == TAG {
            value = field.i64()?;
        }
        Ok(())
    })?;
    Ok(value)
}

fn names(fields: &mut Cursor<'_>) -> Result<BTreeSet<Name>, RecordError> {
    let count = fields.count(STRING_BYTES_LEAST)?;
    (0..count).map(|_| fields.string()).collect()
}

fn subscription(mut fields: Cursor<'_>) -> Result<SubscriptionValue, RecordError> {
    let instance = fields.nullable_string()?;
    let rack = fields.nullable_string()?;
    let client_id = fields.string()?;
    let client_host = fields.string()?;
    let topics = names(&mut fields)?;
    let regex = fields.nullable_string()?;
    let rebalance_timeout_ms = fields.i32()?;
    let assignor = fields.nullable_string()?;
    // Without the field it is a classic member that says nothing; null is no classic member.
    let mut classic = Some(ClassicMember::default());
    fields.tags(|tag, field| {
        if tag == TAG {
            classic = classic_member(field)?;
        }
        Ok(())
    })?;
    Ok(SubscriptionValue {
        instance,
        rack,
        client_id,
        client_host,
        topics,
        regex,
        rebalance_timeout_ms,
        assignor,
        classic,
    })
}

fn classic_member(mut fields: Cursor<'_>) -> Result<Option<ClassicMember>, RecordError> {
    // An optional structure begins with a byte: below zero or, as here, zero for null.
    if fields.i8()? <= 0 {
        return Ok(None);
    }
    let session_timeout_ms = fields.i32()?;
    let count = fields.count(PROTOCOL_BYTES_LEAST)?;
    let mut protocols = Vec::new();
    for _ in 0..count {
        protocols.push((fields.string()?, fields.bytes()?));
        fields.tags(|_, _| Ok(()))?;
    }
    fields.tags(|_, _| Ok(()))?;
    Ok(Some(ClassicMember { session_timeout_ms, protocols }))
}

fn topic_id(fields: &mut Cursor<'_>) -> Result<TopicId, RecordError> {
    Ok(TopicId(Uuid::from_u128(fields.u128()?)))
}

fn target(mut fields: Cursor<'_>) -> Result<Target, RecordError> {
    let count = fields.count(TOPIC_BYTES_LEAST)?;
    let mut target = Target::new();
    for _ in 0..count {
        let topic = topic_id(&mut fields)?;
        let partitions = fields.nullable_i32s()?.ok_or(RecordError::Null)?;
        target.insert(topic, partitions.into_iter().collect());
        fields.tags(|_, _| Ok(()))?;
    }
    fields.tags(|_, _| Ok(()))?;
    Ok(target)
}

fn current(mut fields: Cursor<'_>) -> Result<CurrentValue, RecordError> {
    let epoch = fields.i32()?;
    let previous_epoch = fields.i32()?;
    let state = State::of(fields.i8()?);
    let assigned_now = assigned(&mut fields, epoch)?;
    let pending = assigned(&mut fields, epoch)?;
    fields.tags(|_, _| Ok(()))?;
    Ok(CurrentValue { epoch, previous_epoch, state, assigned: assigned_now, pending })
}

/// Partitions with their epochs. Where those are not said, as before Kafka 4.4, the member's takes their place.
fn assigned(fields: &mut Cursor<'_>, member_epoch: i32) -> Result<Assigned, RecordError> {
    let count = fields.count(TOPIC_BYTES_LEAST)?;
    let mut assigned = Assigned::new();
    for _ in 0..count {
        let topic = topic_id(fields)?;
        let partitions = fields.nullable_i32s()?.ok_or(RecordError::Null)?;
        let mut epochs = None;
        fields.tags(|tag, mut field| {
            if tag == TAG {
                epochs = field.nullable_i32s()?;
            }
            Ok(())
        })?;
        let epochs = epochs.filter(|epochs| epochs.len() == partitions.len());
        let epochs = epochs.unwrap_or_else(|| vec![member_epoch.max(0); partitions.len()]);
        assigned.insert(topic, partitions.into_iter().zip(epochs).collect());
    }
    Ok(assigned)
}

fn expression(mut fields: Cursor<'_>) -> Result<RegexValue, RecordError> {
    let topics = names(&mut fields)?;
    let version = fields.i64()?;
    let timestamp = Timestamp(fields.i64()?);
    fields.tags(|_, _| Ok(()))?;
    Ok(RegexValue { topics, version, timestamp })
}
