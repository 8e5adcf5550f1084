//! DescribeAcls (29), CreateAcls (30), DeleteAcls (31), versions 1-3 each. KIP-140, KIP-290 (prefixes).
//!
//! AD-7: without an authorizer all three answer SECURITY_DISABLED; the connection stays open. One file, since there is
//! one answer.

use super::answer::{Outcome, done};
use crate::wire::requests::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::create_acls_response::{AclCreationResult, CreateAclsResponse};
use kafka_protocol::messages::delete_acls_response::{DeleteAclsFilterResult, DeleteAclsResponse};
use kafka_protocol::messages::describe_acls_response::DescribeAclsResponse;

const MESSAGE: Str = Str::from_static_str("This broker has no authorizer, so there are no ACLs.");

const CODE: ErrorCode = ErrorCode::SecurityDisabled;

pub(super) fn describe(header: &RequestHeader, _request: &DescribeAclsRequest) -> Outcome {
    let mut response = DescribeAclsResponse::default();
    response.error_code = CODE.code();
    response.error_message = Some(MESSAGE);
    done(header, &response, CODE)
}

pub(super) fn create(header: &RequestHeader, request: &CreateAclsRequest) -> Outcome {
    let mut result = AclCreationResult::default();
    result.error_code = CODE.code();
    result.error_message = Some(MESSAGE);
    let mut response = CreateAclsResponse::default();
    response.results = vec![result; request.creations.len()];
    done(header, &response, CODE)
}

pub(super) fn delete(header: &RequestHeader, request: &DeleteAclsRequest) -> Outcome {
    let mut result = DeleteAclsFilterResult::default();
    result.error_code = CODE.code();
    result.error_message = Some(MESSAGE);
    let mut response = DeleteAclsResponse::default();
    response.filter_results = vec![result; request.filters.len()];
    done(header, &response, CODE)
}
