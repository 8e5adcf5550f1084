//! A member of a group.

use crate::group::records::consumer::{CurrentValue, State, SubscriptionValue};

/// What its two records say.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Member {
    /// What it says of itself.
    pub(super) said: SubscriptionValue,
    /// What it has.
    pub(super) current: CurrentValue,
}

/// What a member takes in memory beside what it says.
const MEMBER_BYTES: usize = 256;

impl Member {
    pub(super) fn is_classic(&self) -> bool {
        self.said.classic.is_some()
    }

    pub(super) fn bytes(&self) -> usize {
        self.said.bytes()
    }
}

impl SubscriptionValue {
    /// What a group remembers of it, in bytes, about.
    pub(super) fn bytes(&self) -> usize {
        let maybe = [&self.instance, &self.rack, &self.regex, &self.assignor];
        let names = maybe.into_iter().flatten().chain([&self.client_id, &self.client_host]);
        let protocols = self.classic.iter().flat_map(|classic| &classic.protocols);
        let said: usize = protocols.map(|(name, metadata)| name.len() + metadata.len()).sum();
        MEMBER_BYTES + said + names.chain(&self.topics).map(|name| name.len() + size_of::<usize>()).sum::<usize>()
    }

    /// Whether both subscribe to the same.
    pub(super) fn wants_same(&self, other: &SubscriptionValue) -> bool {
        self.topics == other.topics && self.expression() == other.expression()
    }
}

impl CurrentValue {
    /// Whether it has all that it is to have at this epoch of the target.
    pub(super) fn is_reconciled_to(&self, target_epoch: i32) -> bool {
        self.state == State::Stable && self.epoch == target_epoch
    }

    /// The same at another epoch.
    pub(super) fn at(&self, epoch: i32) -> CurrentValue {
        CurrentValue { epoch, previous_epoch: self.epoch, ..self.clone() }
    }
}
