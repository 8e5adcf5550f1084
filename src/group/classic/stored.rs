//! What is kept of a group: the content of its record.

use crate::base::Timestamp;
use crate::group::command::Name;
use bytes::Bytes;
use std::time::Duration;

/// A group as it is kept: after the leader's sync, after a static member was replaced, and when it is empty.
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
    /// Since when it is in its state, or none.
    pub current_state_timestamp: Timestamp,
    /// Its members.
    pub members: Vec<MemberValue>,
}

/// A member as it is kept.
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

/// Version, generation, timestamp, count of members, and three lengths.
const GROUP_BYTES: usize = 2 + 4 + 8 + 4 + 3 * 2;
/// Two timeouts, four lengths of names, two of bytes.
const MEMBER_BYTES: usize = 2 * 4 + 4 * 2 + 2 * 4;

impl GroupValue {
    /// How long its record's value is.
    pub fn bytes(&self) -> usize {
        let name = |name: &Option<Name>| name.as_ref().map_or(0, |name| name.len());
        let own = GROUP_BYTES + self.protocol_type.len() + name(&self.protocol) + name(&self.leader);
        let member = |member: &MemberValue| {
            let names = member.member.len() + member.client_id.len() + member.client_host.len();
            MEMBER_BYTES + names + name(&member.instance) + member.subscription.len() + member.assignment.len()
        };
        own + self.members.iter().map(member).sum::<usize>()
    }
}
