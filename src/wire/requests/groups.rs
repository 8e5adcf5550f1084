//! A member's life in a classic group: JoinGroup, SyncGroup, Heartbeat, LeaveGroup.

use super::caps::{MEMBERS_MAX, PROTOCOLS_MAX};
use super::define::request;
use crate::wire::{Array, Str};
use bytes::Bytes;

request! {
    /// Enters a group, or a rebalance of it.
    pub struct JoinGroupRequest {
        /// The group.
        group_id: Str;
        /// After this silence the member is gone, milliseconds.
        session_timeout_ms: i32;
        /// How long a rebalance waits for this member, milliseconds; version 0 has the session timeout for it.
        rebalance_timeout_ms: i32 [in 1..] = -1;
        /// The member's id; empty for one that has none yet.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str> [in 5..];
        /// `consumer`, `connect`, anything.
        protocol_type: Str;
        /// The protocols that the member knows, the best first.
        protocols: Array<JoinGroupProtocol> [max PROTOCOLS_MAX];
        /// Why it joins (KIP-800), for people.
        reason: Option<Str> [in 8..];
    }

    /// One protocol of [`JoinGroupRequest`].
    pub struct JoinGroupProtocol {
        /// Its name.
        name: Str;
        /// What the member tells the leader of itself; opaque to the broker.
        metadata: Bytes;
    }

    /// Asks for the member's assignment; the leader brings all of them.
    pub struct SyncGroupRequest {
        /// The group.
        group_id: Str;
        /// The generation that the member joined.
        generation_id: i32;
        /// The member.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str> [in 3..];
        /// What the member takes the group's protocol type to be (KIP-559); null when it does not say.
        protocol_type: Option<Str> [in 5..];
        /// What the member takes the chosen protocol to be (KIP-559); null when it does not say.
        protocol_name: Option<Str> [in 5..];
        /// The leader's assignments; the others send none.
        assignments: Array<SyncGroupAssignment> [max MEMBERS_MAX];
    }

    /// One assignment of [`SyncGroupRequest`].
    pub struct SyncGroupAssignment {
        /// Whose it is.
        member_id: Str;
        /// What it is; opaque to the broker.
        assignment: Bytes;
    }

    /// A member is alive.
    pub struct HeartbeatRequest {
        /// The group.
        group_id: Str;
        /// The generation that the member is in.
        generation_id: i32;
        /// The member.
        member_id: Str;
        /// The id of a static member (KIP-345).
        group_instance_id: Option<Str> [in 3..];
    }

    /// Members leave, or are made to.
    pub struct LeaveGroupRequest {
        /// The group.
        group_id: Str;
        /// The one member, up to version 2.
        member_id: Str [in ..=2];
        /// The members, from version 3 (KIP-345, CG-7).
        members: Array<MemberIdentity> [in 3..] [max MEMBERS_MAX];
    }

    /// One member of [`LeaveGroupRequest`].
    pub struct MemberIdentity {
        /// Its id; empty for a static member that is removed by an administrator.
        member_id: Str;
        /// The id of a static member.
        group_instance_id: Option<Str>;
        /// Why it leaves (KIP-800), for people.
        reason: Option<Str> [in 5..];
    }
}
