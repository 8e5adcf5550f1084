//! ListPartitionReassignments (46), version 0. KIP-455.
//!
//! AD-8: `kafka-topics --describe` calls it. Nothing is ever being reassigned here.

use super::answer::{Outcome, done};
use crate::wire::requests::ListPartitionReassignmentsRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::ListPartitionReassignmentsResponse;

pub(super) fn answer(header: &RequestHeader, _request: &ListPartitionReassignmentsRequest) -> Outcome {
    done(header, &ListPartitionReassignmentsResponse::default(), ErrorCode::None)
}
