//! DescribeGroups (15), versions 0-6. KIP-345 (static members), KIP-430 (operations), KIP-1043 (unknown groups).
//!
//! - A group of the new protocol is no classic one: it is told as an unknown one is, from which clients go on to
//!   ConsumerGroupDescribe.
//! - CG-14: an unknown group is told GROUP_ID_NOT_FOUND from version 6 on; before that it is a dead one without members.
//! - A group that is named again and again is an error: what its members said may be megabytes.

use super::{Groups, Repeats, name, state};
use crate::group::GroupError;
use crate::group::command::{Command, GroupDescription, GroupState, Reply};
use crate::handlers::answer::{Outcome, done, first_error, operations, text};
use crate::handlers::errors;
use crate::wire::requests::DescribeGroupsRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use futures_util::future::join_all;
use kafka_protocol::messages::describe_groups_response::{
    DescribeGroupsResponse, DescribedGroup, DescribedGroupMember,
};

/// From here on operations are told.
const OPERATIONS_SINCE: i16 = 3;

/// From here on members have instance ids.
const INSTANCE_SINCE: i16 = 4;

/// From here on an unknown group is an error, with a message.
const NOT_FOUND_SINCE: i16 = 6;

/// READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS: what may be done with a group.
pub(super) const GROUP_OPERATIONS: i32 = 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11;

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    header: &RequestHeader,
    request: &DescribeGroupsRequest,
) -> Outcome {
    let mut repeats = Repeats::new();
    let groups_asked = request.groups.iter().map(|group| (repeats.admits(&group), group));
    let asked = groups_asked.map(async |(admitted, group)| {
        if !admitted {
            return refused(&group, ErrorCode::InvalidRequest);
        }
        let described = match groups.ask(&group, Command::Describe(name(&group))).await {
            Ok(Reply::Describe(Ok(found))) => told(header.version, found),
            Ok(Reply::Describe(Err(GroupError::GroupIdNotFound))) => unknown(header.version, &group, "not found"),
            Ok(Reply::Describe(Err(GroupError::NotClassicGroup))) => {
                unknown(header.version, &group, "is not a classic group")
            }
            Ok(Reply::Describe(Err(error))) => refused(&group, errors::of_group(error)),
            Ok(other) => unreachable!("a description is answered with {other:?}"),
            Err(code) => refused(&group, code),
        };
        let is_told = header.version >= OPERATIONS_SINCE && described.error_code == 0;
        let operations = operations(request.include_authorized_operations && is_told, GROUP_OPERATIONS);
        described.with_authorized_operations(operations)
    });
    let mut response = DescribeGroupsResponse::default();
    response.groups = join_all(asked).await;
    let error = first_error(response.groups.iter().map(|group| group.error_code));
    done(header, &response, error)
}

fn refused(group: &Str, code: ErrorCode) -> DescribedGroup {
    let mut described = DescribedGroup::default();
    described.group_id = group.clone().into();
    described.error_code = code.code();
    described
}

fn unknown(version: i16, group: &Str, why: &str) -> DescribedGroup {
    let mut described = refused(group, ErrorCode::None);
    described.group_state = Str::from_static_str(state(GroupState::Dead));
    if version >= NOT_FOUND_SINCE {
        described.error_code = ErrorCode::GroupIdNotFound.code();
        described.error_message = Some(text(format!("Group {} {why}.", group.as_str())));
    }
    described
}

fn told(version: i16, found: GroupDescription) -> DescribedGroup {
    let mut described = DescribedGroup::default();
    described.group_id = text(&*found.group).into();
    described.group_state = Str::from_static_str(state(found.state));
    described.protocol_type = text(&*found.protocol_type);
    described.protocol_data = text(&*found.protocol);
    for member in found.members {
        let mut told = DescribedGroupMember::default();
        told.member_id = text(&*member.member);
        if version >= INSTANCE_SINCE {
            told.group_instance_id = member.instance.map(|instance| text(&*instance));
        }
        told.client_id = text(&*member.client_id);
        told.client_host = text(&*member.client_host);
        told.member_metadata = member.metadata;
        told.member_assignment = member.assignment;
        described.members.push(told);
    }
    described
}
