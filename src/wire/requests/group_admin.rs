//! Groups seen from outside: DescribeGroups, ListGroups, DeleteGroups.

use super::caps::{FILTERS_MAX, GROUPS_MAX};
use super::define::request;
use crate::wire::{Array, Str};

request! {
    /// Asks for the state and members of classic groups.
    pub struct DescribeGroupsRequest {
        /// The groups.
        groups: Array<Str> [max GROUPS_MAX];
        /// Whether each group's authorized operations are wanted (KIP-430).
        include_authorized_operations: bool [in 3..];
    }

    /// Asks for all groups there are.
    pub struct ListGroupsRequest {
        /// Only groups in one of these states (KIP-518); in any when empty.
        states_filter: Array<Str> [in 4..] [max FILTERS_MAX];
        /// Only groups of one of these types (KIP-848); of any when empty.
        types_filter: Array<Str> [in 5..] [max FILTERS_MAX];
    }

    /// Deletes groups that have no members (KIP-229).
    pub struct DeleteGroupsRequest {
        /// The groups.
        groups_names: Array<Str> [max GROUPS_MAX];
    }
}
