//! Consumer groups: which partition of `__consumer_offsets` a group lives in, and the APIs about groups, one file each.
//!
//! - [`place`]: the topic of committed offsets, made when it is first needed, and the partition of a group.
//! - `lag.rs`: how far groups are behind, for the metrics.
//!
//! What holds: whoever asks about a group reaches the one machine that has it. An answer is told when what it rests on is
//! durable. Nothing is asked of a coordinator for longer than a client may be made to wait; a connection that ends gives up
//! its answer, not what it asked for.

pub(super) mod consumer_group_describe;
pub(super) mod consumer_group_heartbeat;
pub(super) mod delete_groups;
pub(super) mod describe_groups;
pub(super) mod heartbeat;
pub(super) mod join_group;
mod lag;
pub(super) mod leave_group;
pub(super) mod list_groups;
pub(super) mod offset_commit;
pub(super) mod offset_delete;
pub(super) mod offset_fetch;
mod place;
pub(super) mod sync_group;

pub use place::Groups;

use super::call::Peer;
use crate::group::command::{AnyState, ConsumerState, GroupState, Name, Reply};
use crate::wire::{ErrorCode, Str};
use std::collections::HashSet;
use std::future::Future;

/// How often groups that a request has named before are answered again, in all. Kafka answers each, clients name each once,
/// and what there is to tell of one group may be megabytes.
const REPEATS_MAX: usize = 10;

/// A copy of a name: groups hold no network buffer.
fn name(name: &Str) -> Name {
    name.as_str().into()
}

/// As [`name`]; none is empty.
fn names(name: Option<&str>) -> Name {
    name.unwrap_or_default().into()
}

/// What waits for other members does not hold up the broker's stop: the client is told to look for its coordinator.
async fn unless_stopping(
    peer: &Peer,
    asked: impl Future<Output = Result<Reply, ErrorCode>>,
) -> Result<Reply, ErrorCode> {
    tokio::select! {
        biased;
        reply = asked => reply,
        () = peer.stopping.begun() => Err(ErrorCode::CoordinatorNotAvailable),
    }
}

/// Which groups of a request are answered: each once, and a few more often. The others are told INVALID_REQUEST.
struct Repeats {
    seen: HashSet<Str>,
    left: usize,
}

impl Repeats {
    fn new() -> Repeats {
        Repeats { seen: HashSet::new(), left: REPEATS_MAX }
    }

    /// Whether the group is answered, the next time.
    fn admits(&mut self, group: &Str) -> bool {
        if self.seen.insert(group.clone()) {
            return true;
        }
        let admits = self.left > 0;
        self.left = self.left.saturating_sub(1);
        admits
    }
}

/// Kafka's name for a state of a group of either protocol.
fn any_state(state: AnyState) -> &'static str {
    match state {
        AnyState::Classic(classic) => self::state(classic),
        AnyState::Consumer(consumer) => consumer_state(consumer),
    }
}

/// Kafka's name for a state of a group of the new protocol.
fn consumer_state(state: ConsumerState) -> &'static str {
    match state {
        ConsumerState::Empty => "Empty",
        ConsumerState::Assigning => "Assigning",
        ConsumerState::Reconciling => "Reconciling",
        ConsumerState::Stable => "Stable",
    }
}

/// Kafka's name for a state of a classic group.
fn state(state: GroupState) -> &'static str {
    match state {
        GroupState::Empty => "Empty",
        GroupState::PreparingRebalance => "PreparingRebalance",
        GroupState::CompletingRebalance => "CompletingRebalance",
        GroupState::Stable => "Stable",
        GroupState::Dead => "Dead",
    }
}
