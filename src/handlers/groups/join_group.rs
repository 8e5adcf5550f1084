//! JoinGroup (11), versions 0-9. KIP-62 (rebalance timeout), KIP-394 (an id first), KIP-345 (static members), KIP-559
//! (protocol), KIP-800 (reason), KIP-814 (a static leader skips the assignment).
//!
//! - CG-1: from version 4 on a member without an id is told MEMBER_ID_REQUIRED and the id to come back with, unless it is
//!   static.
//! - Version 0 has one timeout for both.
//! - The answer comes when the join phase of the group ends: as late as its slowest member, but not later than the broker's
//!   stop. Until then nothing of the request's frame is held: else its memory would run out with the members that are to come.

use super::{Groups, name, names, unless_stopping};
use crate::group::GroupError;
use crate::group::command::{Command, Join, JoinReply, Name, Reply};
use crate::handlers::answer::{Outcome, done, text};
use crate::handlers::call::Peer;
use crate::handlers::errors;
use crate::wire::requests::JoinGroupRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use bytes::Bytes;
use kafka_protocol::messages::join_group_response::{JoinGroupResponse, JoinGroupResponseMember};
use std::time::Duration;
use uuid::Uuid;

/// From here on a rebalance has a timeout of its own.
const REBALANCE_TIMEOUT_SINCE: i16 = 1;

/// From here on a member without an id comes back with the one it is given.
const MEMBER_ID_REQUIRED_SINCE: i16 = 4;

/// From here on members have instance ids.
const INSTANCE_SINCE: i16 = 5;

/// From here on the answer names the protocol type, and may name no protocol.
const PROTOCOL_TYPE_SINCE: i16 = 7;

/// From here on a leader may be told to keep the assignment.
const SKIP_ASSIGNMENT_SINCE: i16 = 9;

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    peer: &Peer,
    header: RequestHeader,
    request: JoinGroupRequest,
) -> Outcome {
    let join = join(peer, &header, &request);
    drop(request);
    let header = header.detached();
    let (group, member) = (join.group.clone(), join.member.clone());
    let reply = match unless_stopping(peer, groups.ask(&group, Command::Join(join))).await {
        Ok(Reply::Join(reply)) => Ok(reply),
        Ok(other) => unreachable!("a join is answered with {other:?}"),
        Err(code) => Err(code),
    };
    let (reply, code) = match reply {
        Ok(reply) => {
            let code = reply.error.map_or(ErrorCode::None, errors::of_group);
            (reply, code)
        }
        Err(code) => (nothing(member), code),
    };
    done(&header, &response(header.version, reply, code), code)
}

fn join(peer: &Peer, header: &RequestHeader, request: &JoinGroupRequest) -> Join {
    let millis = |time: i32| Duration::from_millis(u64::try_from(time).unwrap_or(0));
    let session_timeout = millis(request.session_timeout_ms);
    let own = header.version >= REBALANCE_TIMEOUT_SINCE;
    let instance = request.group_instance_id.as_ref().map(name);
    Join {
        group: name(&request.group_id),
        member: name(&request.member_id),
        requires_known_member_id: header.version >= MEMBER_ID_REQUIRED_SINCE && instance.is_none(),
        instance,
        client_id: names(header.client_id.as_deref()),
        client_host: format!("/{}", peer.remote.ip()).into(),
        session_timeout,
        rebalance_timeout: if own { millis(request.rebalance_timeout_ms) } else { session_timeout },
        protocol_type: name(&request.protocol_type),
        protocols: request
            .protocols
            .iter()
            .map(|protocol| (name(&protocol.name), Bytes::copy_from_slice(&protocol.metadata)))
            .collect(),
        supports_skip_assignment: header.version >= SKIP_ASSIGNMENT_SINCE,
        fresh: Uuid::new_v4(),
    }
}

/// What is told when the group was not asked.
fn nothing(member: Name) -> JoinReply {
    JoinReply {
        error: Some(GroupError::CoordinatorNotAvailable),
        generation: -1,
        protocol_type: None,
        protocol: None,
        leader: "".into(),
        skip_assignment: false,
        member,
        members: Vec::new(),
    }
}

fn response(version: i16, reply: JoinReply, code: ErrorCode) -> JoinGroupResponse {
    let mut response = JoinGroupResponse::default();
    response.error_code = code.code();
    response.generation_id = reply.generation;
    response.protocol_name = reply.protocol.map(|protocol| text(&*protocol));
    if version >= PROTOCOL_TYPE_SINCE {
        response.protocol_type = reply.protocol_type.map(|kind| text(&*kind));
    } else {
        // No protocol has no name there.
        response.protocol_name.get_or_insert_with(Str::new);
    }
    response.leader = text(&*reply.leader);
    response.skip_assignment = version >= SKIP_ASSIGNMENT_SINCE && reply.skip_assignment;
    response.member_id = text(&*reply.member);
    for joined in reply.members {
        let mut member = JoinGroupResponseMember::default();
        member.member_id = text(&*joined.member);
        if version >= INSTANCE_SINCE {
            member.group_instance_id = joined.instance.map(|instance| text(&*instance));
        }
        member.metadata = joined.metadata;
        response.members.push(member);
    }
    response
}
