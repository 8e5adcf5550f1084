//! InitProducerId (22), versions 0-5. KIP-98, KIP-360 (raising an epoch), KIP-890.
//!
//! - A producer without a transactional id gets a new id with epoch 0, whatever it held before: that is what Kafka does,
//!   and what lets an idempotent producer go on after UNKNOWN_PRODUCER_ID.
//! - A transactional id is answered UNSUPPORTED_VERSION: transactions are not served, and this is the error on which
//!   clients give up at once and say so. COORDINATOR_NOT_AVAILABLE, which a Kafka broker without its coordinator
//!   answers, would be retried until the client's own time is up.

use super::answer::{Outcome, done};
use super::errors;
use super::producer_ids::ProducerIds;
use crate::metadata::{CommitError, Refusal};
use crate::wire::requests::InitProducerIdRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::InitProducerIdResponse;

pub(super) async fn answer(ids: &ProducerIds, header: &RequestHeader, request: &InitProducerIdRequest) -> Outcome {
    let mut response = InitProducerIdResponse::default();
    response.producer_id = (-1).into();
    response.producer_epoch = -1;
    let error = match &request.transactional_id {
        None => match ids.next().await {
            Ok(id) => {
                response.producer_id = id.0.into();
                response.producer_epoch = 0;
                ErrorCode::None
            }
            Err(error) => {
                tracing::warn!(%error, "no producer id could be given");
                unavailable(&error)
            }
        },
        Some(id) if id.is_empty() => ErrorCode::InvalidRequest,
        Some(_) => ErrorCode::UnsupportedVersion,
    };
    response.error_code = error.code();
    done(header, &response, error)
}

/// A block that can't be reserved now: clients ask again on COORDINATOR_LOAD_IN_PROGRESS, as Kafka answers then.
fn unavailable(error: &CommitError) -> ErrorCode {
    match error {
        CommitError::Unavailable(_) | CommitError::NotWritten(_) | CommitError::Closed => {
            ErrorCode::CoordinatorLoadInProgress
        }
        CommitError::Refused(Refusal::Exhausted { .. }) => ErrorCode::KafkaStorageError,
        CommitError::Refused(_) | CommitError::TooLarge { .. } | CommitError::Broken(_) => errors::of_commit(error),
    }
}
