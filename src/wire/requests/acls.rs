//! Access control: DescribeAcls, CreateAcls, DeleteAcls.

use super::caps::ACLS_MAX;
use super::define::request;
use crate::wire::{Array, Str};

/// Pattern type `LITERAL`, what versions too old to say mean.
const LITERAL: i8 = 3;

request! {
    /// Asks for the ACLs that match.
    pub struct DescribeAclsRequest {
        /// 1 any, 2 topic, 3 group, 4 cluster, 5 transactional id, 6 delegation token, 7 user.
        resource_type_filter: i8;
        /// The resource; any when null.
        resource_name_filter: Option<Str>;
        /// 1 any, 2 match, 3 literal, 4 prefixed.
        pattern_type_filter: i8 = LITERAL;
        /// The principal; any when null.
        principal_filter: Option<Str>;
        /// The host; any when null.
        host_filter: Option<Str>;
        /// Which operation; 1 any.
        operation: i8;
        /// 1 any, 2 deny, 3 allow.
        permission_type: i8;
    }

    /// Creates ACLs.
    pub struct CreateAclsRequest {
        /// The ACLs.
        creations: Array<AclCreation> [max ACLS_MAX];
    }

    /// An ACL to create.
    pub struct AclCreation {
        /// As in [`DescribeAclsRequest`].
        resource_type: i8;
        /// The resource.
        resource_name: Str;
        /// 3 literal, 4 prefixed.
        resource_pattern_type: i8 = LITERAL;
        /// The principal.
        principal: Str;
        /// The host.
        host: Str;
        /// Which operation.
        operation: i8;
        /// 2 deny, 3 allow.
        permission_type: i8;
    }

    /// Deletes the ACLs that match.
    pub struct DeleteAclsRequest {
        /// What to match.
        filters: Array<DeleteAclsFilter> [max ACLS_MAX];
    }

    /// As [`DescribeAclsRequest`].
    pub struct DeleteAclsFilter {
        /// As in [`DescribeAclsRequest`].
        resource_type_filter: i8;
        /// The resource; any when null.
        resource_name_filter: Option<Str>;
        /// As in [`DescribeAclsRequest`].
        pattern_type_filter: i8 = LITERAL;
        /// The principal; any when null.
        principal_filter: Option<Str>;
        /// The host; any when null.
        host_filter: Option<Str>;
        /// Which operation; 1 any.
        operation: i8;
        /// 1 any, 2 deny, 3 allow.
        permission_type: i8;
    }
}
