//! DeleteGroups (42), versions 0-2. KIP-229.
//!
//! A group with members is told NON_EMPTY_GROUP; its offsets go with a group that has none.

use super::{Groups, name};
use crate::group::command::{Command, Reply};
use crate::handlers::answer::{Outcome, done, first_error};
use crate::handlers::errors;
use crate::wire::requests::DeleteGroupsRequest;
use crate::wire::{ErrorCode, RequestHeader};
use futures_util::future::join_all;
use kafka_protocol::messages::delete_groups_response::{DeletableGroupResult, DeleteGroupsResponse};
use std::collections::HashSet;

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    header: &RequestHeader,
    request: &DeleteGroupsRequest,
) -> Outcome {
    let mut seen = HashSet::new();
    let once = request.groups_names.iter().filter(|group| seen.insert(group.clone()));
    let asked = once.map(async |group| {
        let code = match groups.ask(&group, Command::DeleteGroup(name(&group))).await {
            Ok(Reply::DeleteGroup(Ok(()))) => ErrorCode::None,
            Ok(Reply::DeleteGroup(Err(error))) => errors::of_group(error),
            Ok(other) => unreachable!("a deletion is answered with {other:?}"),
            Err(code) => code,
        };
        let mut result = DeletableGroupResult::default();
        result.group_id = group.into();
        result.error_code = code.code();
        result
    });
    let mut response = DeleteGroupsResponse::default();
    response.results = join_all(asked).await;
    let error = first_error(response.results.iter().map(|group| group.error_code));
    done(header, &response, error)
}
