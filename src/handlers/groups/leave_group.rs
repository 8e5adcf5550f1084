//! LeaveGroup (13), versions 0-5. KIP-345 (many members, by instance id), KIP-800 (reason).
//!
//! - CG-7: from version 3 on several members go, each with an answer of its own: how an administrator removes members.

use super::{Groups, name};
use crate::group::command::{Command, Leave, Name, Reply};
use crate::handlers::answer::{Outcome, done, first_error, text};
use crate::handlers::errors;
use crate::wire::requests::LeaveGroupRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::leave_group_response::{LeaveGroupResponse, MemberResponse};

/// From here on several members may go.
const MEMBERS_SINCE: i16 = 3;

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    header: &RequestHeader,
    request: &LeaveGroupRequest,
) -> Outcome {
    let members: Vec<(Name, Option<Name>)> = if header.version >= MEMBERS_SINCE {
        let members = request.members.iter();
        members.map(|member| (name(&member.member_id), member.group_instance_id.as_ref().map(name))).collect()
    } else {
        vec![(name(&request.member_id), None)]
    };
    let leave = Leave { group: name(&request.group_id), members: members.clone() };
    let left = match groups.ask(&request.group_id, Command::Leave(leave)).await {
        Ok(Reply::Leave(Ok(left))) => Ok(left),
        Ok(Reply::Leave(Err(error))) => Err(errors::of_group(error)),
        Ok(other) => unreachable!("a leave is answered with {other:?}"),
        Err(code) => Err(code),
    };
    let mut response = LeaveGroupResponse::default();
    let codes = match left {
        Ok(left) => left.into_iter().map(|one| one.map_or_else(errors::of_group, |()| ErrorCode::None)).collect(),
        Err(code) => {
            response.error_code = code.code();
            Vec::new()
        }
    };
    if header.version < MEMBERS_SINCE {
        response.error_code = codes.first().map_or(response.error_code, |code: &ErrorCode| code.code());
    } else {
        for ((member, instance), code) in members.into_iter().zip(&codes) {
            let mut one = MemberResponse::default();
            one.member_id = text(&*member);
            one.group_instance_id = instance.map(|instance| text(&*instance));
            one.error_code = code.code();
            response.members.push(one);
        }
    }
    let error = first_error([response.error_code].into_iter().chain(codes.iter().map(|code| code.code())));
    done(header, &response, error)
}
