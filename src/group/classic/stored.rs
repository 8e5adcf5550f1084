//! What is kept of a group: the content of its record.

use crate::group::command::Name;

pub use crate::group::records::{GroupValue, MemberValue};

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
