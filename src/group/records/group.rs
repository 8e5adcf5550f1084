//! GroupMetadataKey and GroupMetadataValue.
//!
//! ```text
//! key     kind i16 = 2 | group string
//! value   version i16 | protocol type string | generation i32 | protocol string? | leader string?
//!         | current state timestamp i64 (2 on) | members []
//! member  member string | instance string? (3 on) | client id string | client host string
//!         | rebalance timeout i32 (1 on) | session timeout i32 | subscription bytes | assignment bytes
//! ```
//!
//! Numbers are big-endian, timeouts milliseconds, `?` may be null. Version 4 is the first flexible one; Kafka 4.4 reads it
//! and writes 3.

use super::cursor::{Cursor, Fields, STRING_BYTES_MAX};
use super::{GROUP, RecordError};
use crate::base::Timestamp;
use crate::coordinator::machine::Record;
use crate::group::command::Name;
use bytes::Bytes;
use std::time::Duration;

/// The state of a classic group, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct GroupValue {
    /// Its protocol type; empty for none.
    pub protocol_type: Name,
    /// Its generation.
    pub generation: i32,
    /// The chosen protocol; none without members.
    pub protocol: Option<Name>,
    /// The leader's member id; none without members.
    pub leader: Option<Name>,
    /// When it came to its state, by the wall clock; [`Timestamp::NONE`] when that was not kept.
    pub current_state_timestamp: Timestamp,
    /// Its members.
    pub members: Vec<MemberValue>,
}

/// A member of a classic group, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemberValue {
    /// Its id.
    pub member: Name,
    /// Its static id.
    pub instance: Option<Name>,
    /// The client's id.
    pub client_id: Name,
    /// The client's address.
    pub client_host: Name,
    /// How long a rebalance waits for it.
    pub rebalance_timeout: Duration,
    /// After this silence it is gone.
    pub session_timeout: Duration,
    /// What it said for the chosen protocol.
    pub subscription: Bytes,
    /// Its assignment.
    pub assignment: Bytes,
}

/// The newest version that is read.
pub(super) const VERSION_MAX: i16 = 4;

const CURRENT: i16 = 3;
const FLEXIBLE_FROM: i16 = 4;
const INSTANCE_FROM: i16 = 3;
const STATE_TIMESTAMP_FROM: i16 = 2;
const REBALANCE_TIMEOUT_FROM: i16 = 1;

/// The least that a member takes in any version, which is 4: eight bytes of timeouts, one for each length and for the
/// tagged fields.
const MEMBER_BYTES_MIN: usize = 15;

impl GroupValue {
    /// Whether all strings are short enough for a record. A member id may not be: it holds a client's id, which alone may
    /// have the full length.
    pub fn fits(&self) -> bool {
        let of_member = |member: &MemberValue| {
            let names = [Some(&member.member), member.instance.as_ref(), Some(&member.client_id)];
            names.into_iter().chain([Some(&member.client_host)]).flatten().all(fits)
        };
        let names = [Some(&self.protocol_type), self.protocol.as_ref(), self.leader.as_ref()];
        names.into_iter().flatten().all(fits) && self.members.iter().all(of_member)
    }
}

fn fits(name: &Name) -> bool {
    name.len() <= STRING_BYTES_MAX
}

/// The record of a group's state, or of its end.
///
/// # Panics
///
/// When a string is longer than 32,767 bytes: ask [`GroupValue::fits`] first and refuse with
/// [`StateTooLarge`](crate::group::GroupError::StateTooLarge).
pub fn group(group: &str, value: Option<&GroupValue>) -> Record {
    let key = Fields::new(GROUP).string(group).finish();
    let value = value.map(|value| {
        let mut fields = Fields::new(CURRENT);
        fields.string(&value.protocol_type).i32(value.generation);
        fields.nullable_string(value.protocol.as_deref()).nullable_string(value.leader.as_deref());
        fields.i64(value.current_state_timestamp.0).count(value.members.len());
        for member in &value.members {
            fields.string(&member.member).nullable_string(member.instance.as_deref());
            fields.string(&member.client_id).string(&member.client_host);
            fields.i32(millis(member.rebalance_timeout)).i32(millis(member.session_timeout));
            fields.bytes(&member.subscription).bytes(&member.assignment);
        }
        fields.finish()
    });
    Record { key, value }
}

/// Reads the value behind its version.
pub(super) fn value(version: i16, mut fields: Cursor<'_>) -> Result<GroupValue, RecordError> {
    fields.set_flexible(version >= FLEXIBLE_FROM);
    let protocol_type = fields.string()?;
    let generation = fields.i32()?;
    let protocol = fields.nullable_string()?;
    let leader = fields.nullable_string()?;
    let current_state_timestamp = match version >= STATE_TIMESTAMP_FROM {
        true => Timestamp(fields.i64()?),
        false => Timestamp::NONE,
    };
    let count = fields.count(MEMBER_BYTES_MIN)?;
    // Not reserved at once: a member in memory is ten times the least that one takes here.
    let mut members = Vec::new();
    for _ in 0..count {
        members.push(member(version, &mut fields)?);
    }
    fields.tags(|_, _| Ok(()))?;
    Ok(GroupValue { protocol_type, generation, protocol, leader, current_state_timestamp, members })
}

fn member(version: i16, fields: &mut Cursor<'_>) -> Result<MemberValue, RecordError> {
    let member = fields.string()?;
    let instance = if version >= INSTANCE_FROM { fields.nullable_string()? } else { None };
    let client_id = fields.string()?;
    let client_host = fields.string()?;
    let rebalance_timeout = if version >= REBALANCE_TIMEOUT_FROM { fields.i32()? } else { -1 };
    let session_timeout = duration(fields.i32()?);
    // Kafka takes the session timeout where there is no other.
    let rebalance_timeout = if rebalance_timeout == -1 { session_timeout } else { duration(rebalance_timeout) };
    let subscription = fields.bytes()?;
    let assignment = fields.bytes()?;
    fields.tags(|_, _| Ok(()))?;
    Ok(MemberValue {
        member,
        instance,
        client_id,
        client_host,
        rebalance_timeout,
        session_timeout,
        subscription,
        assignment,
    })
}

fn millis(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

fn duration(millis: i32) -> Duration {
    Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}
