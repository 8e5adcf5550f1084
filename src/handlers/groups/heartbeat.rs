//! Heartbeat (12), versions 0-4. KIP-345 (static members).

use super::{Groups, name};
use crate::group::command::{Command, Heartbeat, Reply};
use crate::handlers::answer::{Outcome, done};
use crate::handlers::errors;
use crate::wire::requests::HeartbeatRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::HeartbeatResponse;

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    header: &RequestHeader,
    request: &HeartbeatRequest,
) -> Outcome {
    let heartbeat = Heartbeat {
        group: name(&request.group_id),
        generation: request.generation_id,
        member: name(&request.member_id),
        instance: request.group_instance_id.as_ref().map(name),
    };
    let code = match groups.ask(&request.group_id, Command::Heartbeat(heartbeat)).await {
        Ok(Reply::Heartbeat(Ok(()))) => ErrorCode::None,
        Ok(Reply::Heartbeat(Err(error))) => errors::of_group(error),
        Ok(other) => unreachable!("a heartbeat is answered with {other:?}"),
        // As Kafka does: a member that finds its coordinator loading is well, and a client would leave on an error.
        Err(ErrorCode::CoordinatorLoadInProgress) => ErrorCode::None,
        Err(code) => code,
    };
    let mut response = HeartbeatResponse::default();
    response.error_code = code.code();
    done(header, &response, code)
}
