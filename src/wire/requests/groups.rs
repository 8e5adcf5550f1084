//! Members of a group of the classic protocol: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use super::caps::{MEMBERS_MAX, PROTOCOLS_MAX};
use super::define::request;
use crate::wire::{Array, Str};
use bytes::Bytes;

request! {
    /// Joins a group, or joins it again.
    pub struct JoinGroupRequest {
        /// The group.
        group_id: Str;
        /// After this silence the member is gone, milliseconds.
        session_timeout_ms: i32;
        /// How long a rebalance waits for the member, milliseconds; -1 before version 1.
        rebalance_timeout_ms: i32 [in 1..] = -1;
        /// The member's id; empty for one that has none yet.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str> [in 5..];
        /// `consumer`, `connect`, anything.
        protocol_type: Str;
        /// Protocols by preference.
        protocols: Array<JoinGroupRequestProtocol> [max PROTOCOLS_MAX];
        /// Why it joins, for whoever reads the log (KIP-800).
        reason: Option<Str> [in 8..];
    }

    /// One protocol of [`JoinGroupRequest`].
    pub struct JoinGroupRequestProtocol {
        /// Its name.
        name: Str;
        /// What the leader is to know of the member.
        metadata: Bytes;
    }

    /// Asks for the member's assignment; the leader brings all of them.
    pub struct SyncGroupRequest {
        /// The group.
        group_id: Str;
        /// The generation that was joined.
        generation_id: i32;
        /// The member.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str> [in 3..];
        /// What the member thinks the protocol type is (KIP-559).
        protocol_type: Option<Str> [in 5..];
        /// What the member thinks the protocol is (KIP-559).
        protocol_name: Option<Str> [in 5..];
        /// Assignments, from the leader.
        assignments: Array<SyncGroupRequestAssignment> [max MEMBERS_MAX];
    }

    /// One assignment of [`SyncGroupRequest`].
    pub struct SyncGroupRequestAssignment {
        /// The member.
        member_id: Str;
        /// Its assignment.
        assignment: Bytes;
    }

    /// Says that a member is alive.
    pub struct HeartbeatRequest {
        /// The group.
        group_id: Str;
        /// The generation that was joined.
        generation_id: i32;
        /// The member.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str> [in 3..];
    }

    /// Takes members out of a group.
    pub struct LeaveGroupRequest {
        /// The group.
        group_id: Str;
        /// The member, up to version 2.
        member_id: Str [in ..=2];
        /// The members, from version 3 on.
        members: Array<MemberIdentity> [in 3..] [max MEMBERS_MAX];
    }

    /// One member of [`LeaveGroupRequest`].
    pub struct MemberIdentity {
        /// Its id; may be empty for a static member.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str>;
        /// Why it leaves, for whoever reads the log (KIP-800).
        reason: Option<Str> [in 5..];
    }
}
