//! SyncGroup (14), versions 0-5. KIP-345 (static members), KIP-559 (protocol).
//!
//! - The leader brings the assignments; everybody else waits for them, but not longer than until the broker's stop. Nothing
//!   of the request's frame is held meanwhile.
//! - From version 5 on a member says which protocol it means; without that it is told INCONSISTENT_GROUP_PROTOCOL.

use super::{Groups, name, unless_stopping};
use crate::group::command::{Command, Reply, Sync};
use crate::handlers::answer::{Outcome, done, text};
use crate::handlers::call::Peer;
use crate::handlers::errors;
use crate::wire::requests::SyncGroupRequest;
use crate::wire::{ErrorCode, RequestHeader};
use bytes::Bytes;
use kafka_protocol::messages::SyncGroupResponse;

/// From here on both sides name the protocol.
const PROTOCOL_SINCE: i16 = 5;

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    peer: &Peer,
    header: RequestHeader,
    request: SyncGroupRequest,
) -> Outcome {
    let header = header.detached();
    let mut response = SyncGroupResponse::default();
    let names_protocol = request.protocol_type.is_some() && request.protocol_name.is_some();
    let code = if header.version >= PROTOCOL_SINCE && !names_protocol {
        ErrorCode::InconsistentGroupProtocol
    } else {
        let sync = sync(&request);
        drop(request);
        let group = sync.group.clone();
        match unless_stopping(peer, groups.ask(&group, Command::Sync(sync))).await {
            Ok(Reply::Sync(Ok(reply))) => {
                if header.version >= PROTOCOL_SINCE {
                    response.protocol_type = reply.protocol_type.map(|kind| text(&*kind));
                    response.protocol_name = reply.protocol.map(|protocol| text(&*protocol));
                }
                response.assignment = reply.assignment;
                ErrorCode::None
            }
            Ok(Reply::Sync(Err(error))) => errors::of_group(error),
            Ok(other) => unreachable!("a sync is answered with {other:?}"),
            Err(code) => code,
        }
    };
    response.error_code = code.code();
    done(&header, &response, code)
}

fn sync(request: &SyncGroupRequest) -> Sync {
    let assignments = request.assignments.iter();
    Sync {
        group: name(&request.group_id),
        generation: request.generation_id,
        member: name(&request.member_id),
        instance: request.group_instance_id.as_ref().map(name),
        protocol_type: request.protocol_type.as_ref().map(name),
        protocol: request.protocol_name.as_ref().map(name),
        assignments: assignments.map(|of| (name(&of.member_id), Bytes::copy_from_slice(&of.assignment))).collect(),
    }
}
