//! A member of a group.

use crate::coordinator::machine::Ticket;
use crate::group::command::{Join, Name};
use bytes::Bytes;
use std::collections::HashSet;
use std::time::Duration;

/// What a member takes beside its names and what it says: itself, its places in the group, and its timer.
const MEMBER_BYTES: usize = 512;

/// What Kafka's `ClassicGroupMember` is.
#[derive(Clone, Debug)]
pub(super) struct Member {
    pub(super) id: Name,
    pub(super) instance: Option<Name>,
    pub(super) client_id: Name,
    pub(super) client_host: Name,
    pub(super) rebalance_timeout: Duration,
    pub(super) session_timeout: Duration,
    /// By preference, each once.
    pub(super) protocols: Vec<(Name, Bytes)>,
    pub(super) assignment: Bytes,
    /// Its join that waits for the join phase to end.
    pub(super) join: Option<Ticket>,
    /// Its sync that waits for the leader's.
    pub(super) sync: Option<Ticket>,
    /// Whether its first join is still unanswered: then it may not know its id, and can send no heartbeats.
    pub(super) is_new: bool,
}

impl Member {
    pub(super) fn new(id: Name, request: &Join) -> Self {
        Member {
            id,
            instance: request.instance.clone(),
            client_id: request.client_id.clone(),
            client_host: request.client_host.clone(),
            rebalance_timeout: request.rebalance_timeout,
            session_timeout: request.session_timeout,
            protocols: each_once(&request.protocols),
            assignment: Bytes::new(),
            join: None,
            sync: None,
            is_new: true,
        }
    }

    /// What it says for a protocol.
    pub(super) fn metadata(&self, protocol: Option<&Name>) -> Bytes {
        let of = |wanted: &Name| self.protocols.iter().find(|(name, _)| name == wanted);
        protocol.and_then(of).map(|(_, metadata)| metadata.clone()).unwrap_or_default()
    }

    pub(super) fn matches(&self, protocols: &[(Name, Bytes)]) -> bool {
        self.protocols == each_once(protocols)
    }

    /// What it takes in memory, about.
    pub(super) fn bytes(&self) -> usize {
        let instance = self.instance.as_ref().map_or(0, |instance| instance.len());
        let names = self.id.len() + instance + self.client_id.len() + self.client_host.len();
        MEMBER_BYTES + names + self.metadata_bytes()
    }

    pub(super) fn metadata_bytes(&self) -> usize {
        metadata_bytes(&self.protocols)
    }

    /// Whether the end of its session has no consequence now: it waits for us.
    pub(super) fn waits(&self) -> bool {
        !self.is_new && (self.join.is_some() || self.sync.is_some())
    }
}

/// Protocols without repeated names: one that counts twice would look as if supported by more than all members.
pub(in crate::group) fn each_once(protocols: &[(Name, Bytes)]) -> Vec<(Name, Bytes)> {
    let mut seen = HashSet::with_capacity(protocols.len());
    protocols.iter().filter(|(name, _)| seen.insert(name)).cloned().collect()
}

pub(super) fn metadata_bytes(protocols: &[(Name, Bytes)]) -> usize {
    protocols.iter().map(|(name, metadata)| name.len() + metadata.len()).sum()
}
