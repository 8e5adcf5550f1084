//! Records of consumer groups as bytes.

use super::super::cursor::{Fields, STRING_BYTES_MAX};
use super::{
    Assigned, ConsumerRecord, CurrentValue, Kind, MetadataValue, RegexValue, SubscriptionValue, Target,
    TargetMetadataValue,
};
use crate::coordinator::machine::Record;
use crate::group::command::Name;
use bytes::Bytes;

/// The version of every value.
const VERSION: i16 = 0;

/// The tag of each value's only tagged field, and how many there are.
const TAG: usize = 0;
const ONE_TAG: usize = 1;
const NO_TAGS: usize = 0;

/// In front of an optional structure: null, or there.
const NULL: usize = 0;
const PRESENT: usize = 1;

/// The record. None when a name is longer than 32,767 bytes: nothing Kafka reads can hold it.
pub fn record(record: &ConsumerRecord) -> Option<Record> {
    if !fits(record) {
        return None;
    }
    Some(match record {
        ConsumerRecord::Metadata { group, value } => of(Kind::Metadata, group, None, value.as_ref().map(metadata)),
        ConsumerRecord::Partitions { group, is_there } => {
            // Never written but to take it away.
            let none = Fields::new(VERSION).compact_count(0).varint(NO_TAGS).finish();
            of(Kind::Partitions, group, None, is_there.then_some(none))
        }
        ConsumerRecord::Member { group, member, value } => {
            of(Kind::Member, group, Some(member), value.as_ref().map(subscription))
        }
        ConsumerRecord::TargetMetadata { group, value } => {
            of(Kind::TargetMetadata, group, None, value.as_ref().map(target_metadata))
        }
        ConsumerRecord::Target { group, member, value } => {
            of(Kind::Target, group, Some(member), value.as_ref().map(target))
        }
        ConsumerRecord::Current { group, member, value } => {
            of(Kind::Current, group, Some(member), value.as_ref().map(current))
        }
        ConsumerRecord::Regex { group, regex, value } => {
            of(Kind::Regex, group, Some(regex), value.as_ref().map(expression))
        }
    })
}

fn of(kind: Kind, group: &Name, second: Option<&Name>, value: Option<Bytes>) -> Record {
    let mut key = Fields::new(kind as i16);
    key.string(group);
    if let Some(second) = second {
        key.string(second);
    }
    Record { key: key.finish(), value }
}

fn fits(record: &ConsumerRecord) -> bool {
    let short = |name: &Name| name.len() <= STRING_BYTES_MAX;
    let of_record = match record {
        ConsumerRecord::Member { member, value, .. } => {
            let of_value = |value: &SubscriptionValue| {
                let maybe = [&value.instance, &value.rack, &value.regex, &value.assignor];
                let protocols = value.classic.iter().flat_map(|classic| &classic.protocols);
                let names = maybe.into_iter().flatten().chain([&value.client_id, &value.client_host]);
                names.chain(&value.topics).chain(protocols.map(|(name, _)| name)).all(short)
            };
            short(member) && value.as_ref().is_none_or(of_value)
        }
        ConsumerRecord::Target { member, .. } | ConsumerRecord::Current { member, .. } => short(member),
        ConsumerRecord::Regex { regex, value, .. } => {
            short(regex) && value.as_ref().is_none_or(|value| value.topics.iter().all(short))
        }
        ConsumerRecord::Metadata { .. } | ConsumerRecord::Partitions { .. } | ConsumerRecord::TargetMetadata { .. } => {
            true
        }
    };
    of_record && short(record.group())
}

fn metadata(value: &MetadataValue) -> Bytes {
    let mut fields = Fields::new(VERSION);
    fields.i32(value.epoch);
    tagged_i64(&mut fields, value.hash);
    fields.finish()
}

fn target_metadata(value: &TargetMetadataValue) -> Bytes {
    let mut fields = Fields::new(VERSION);
    fields.i32(value.epoch);
    tagged_i64(&mut fields, value.timestamp.0);
    fields.finish()
}

/// A tagged field that is left out when it is zero.
fn tagged_i64(fields: &mut Fields, value: i64) {
    if value == 0 {
        fields.varint(NO_TAGS);
    } else {
        fields.varint(ONE_TAG).varint(TAG).varint(size_of::<i64>()).i64(value);
    }
}

fn subscription(value: &SubscriptionValue) -> Bytes {
    let mut fields = Fields::new(VERSION);
    fields.compact_nullable_string(value.instance.as_deref()).compact_nullable_string(value.rack.as_deref());
    fields.compact_string(&value.client_id).compact_string(&value.client_host);
    fields.compact_count(value.topics.len());
    for topic in &value.topics {
        fields.compact_string(topic);
    }
    fields.compact_nullable_string(value.regex.as_deref());
    fields.i32(value.rebalance_timeout_ms).compact_nullable_string(value.assignor.as_deref());
    let mut classic = Fields::bare();
    match &value.classic {
        None => drop(classic.varint(NULL)),
        // What says nothing is left out, and null is not: as in Kafka.
        Some(said) if said.session_timeout_ms == 0 && said.protocols.is_empty() => {
            return fields.varint(NO_TAGS).finish();
        }
        Some(said) => {
            classic.varint(PRESENT).i32(said.session_timeout_ms).compact_count(said.protocols.len());
            for (name, metadata) in &said.protocols {
                classic.compact_string(name).compact_bytes(metadata).varint(NO_TAGS);
            }
            classic.varint(NO_TAGS);
        }
    }
    let classic = classic.finish();
    fields.varint(ONE_TAG).varint(TAG).varint(classic.len()).raw(&classic).finish()
}

fn target(value: &Target) -> Bytes {
    let mut fields = Fields::new(VERSION);
    fields.compact_count(value.len());
    for (topic, partitions) in value {
        fields.raw(topic.0.as_bytes()).compact_count(partitions.len());
        for partition in partitions {
            fields.i32(*partition);
        }
        fields.varint(NO_TAGS);
    }
    fields.varint(NO_TAGS).finish()
}

fn current(value: &CurrentValue) -> Bytes {
    let mut fields = Fields::new(VERSION);
    fields.i32(value.epoch).i32(value.previous_epoch).i8(value.state.code());
    assigned(&mut fields, &value.assigned);
    assigned(&mut fields, &value.pending);
    fields.varint(NO_TAGS).finish()
}

fn assigned(fields: &mut Fields, value: &Assigned) {
    fields.compact_count(value.len());
    for (topic, partitions) in value {
        fields.raw(topic.0.as_bytes()).compact_count(partitions.len());
        for partition in partitions.keys() {
            fields.i32(*partition);
        }
        if partitions.is_empty() {
            fields.varint(NO_TAGS);
            continue;
        }
        let mut epochs = Fields::bare();
        epochs.compact_count(partitions.len());
        for epoch in partitions.values() {
            epochs.i32(*epoch);
        }
        let epochs = epochs.finish();
        fields.varint(ONE_TAG).varint(TAG).varint(epochs.len()).raw(&epochs);
    }
}

fn expression(value: &RegexValue) -> Bytes {
    let mut fields = Fields::new(VERSION);
    fields.compact_count(value.topics.len());
    for topic in &value.topics {
        fields.compact_string(topic);
    }
    fields.i64(value.version).i64(value.timestamp.0).varint(NO_TAGS).finish()
}
