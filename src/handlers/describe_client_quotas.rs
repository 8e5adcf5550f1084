//! DescribeClientQuotas (48), versions 0-1. KIP-546.
//!
//! AD-8: answered simply. No quotas can be set, so none match.

use super::answer::{Outcome, done};
use crate::wire::requests::DescribeClientQuotasRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::DescribeClientQuotasResponse;

pub(super) fn answer(header: &RequestHeader, _request: &DescribeClientQuotasRequest) -> Outcome {
    let mut response = DescribeClientQuotasResponse::default();
    response.entries = Some(Vec::new()); // null is what an error carries
    done(header, &response, ErrorCode::None)
}
