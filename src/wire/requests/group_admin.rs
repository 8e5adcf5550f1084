//! Groups from outside: DescribeGroups, ListGroups, DeleteGroups.

use super::caps::{GROUP_FILTERS_MAX, GROUPS_MAX};
use super::define::request;
use crate::wire::{Array, Str};

request! {
    /// Asks for groups of the classic protocol, whole.
    pub struct DescribeGroupsRequest {
        /// The groups.
        groups: Array<Str> [max GROUPS_MAX];
        /// Whether to tell what the client may do with them (KIP-430).
        include_authorized_operations: bool [in 3..];
    }

    /// Asks which groups there are.
    pub struct ListGroupsRequest {
        /// Only those in one of these states (KIP-518); none for all.
        states_filter: Array<Str> [in 4..] [max GROUP_FILTERS_MAX];
        /// Only those of one of these types (KIP-848); none for all.
        types_filter: Array<Str> [in 5..] [max GROUP_FILTERS_MAX];
    }

    /// Deletes groups (KIP-229).
    pub struct DeleteGroupsRequest {
        /// The groups.
        groups_names: Array<Str> [max GROUPS_MAX];
    }
}
