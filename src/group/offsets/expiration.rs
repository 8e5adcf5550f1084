//! When committed offsets go by age: Kafka's rule (KIP-211), `ClassicGroup.offsetExpirationCondition` there.
//!
//! | the group | an offset goes `offsets.retention.minutes` after |
//! | --- | --- |
//! | never had a protocol type: only offsets | its commit |
//! | is empty | the group became empty |
//! | is stable, of protocol type `consumer`, subscription known | its commit, unless a member subscribes to the topic |
//! | anything else | never |
//!
//! An offset that came with an expiry of its own goes at that time instead, where the group lets any go.

use crate::base::Timestamp;
use std::fmt;
use std::time::Duration;

/// Which case a group is in.
pub enum Expiration<'a> {
    /// It has offsets and nothing else: no protocol type. As are groups that are not known but for their offsets.
    Simple,
    /// It has a protocol type and no members.
    Empty {
        /// When it came to be empty, its `current_state_timestamp`. None, or [`Timestamp::NONE`], where that
        /// was not kept: commits count then.
        since: Option<Timestamp>,
    },
    /// It is stable and of protocol type `consumer`, and all its members' subscriptions can be read.
    Consumer {
        /// Whether a member subscribes to this topic.
        is_subscribed: &'a dyn Fn(&str) -> bool,
    },
    /// It has members, and is rebalancing, or of another protocol type, or it is not known what it subscribes to.
    InUse,
}

impl Expiration<'_> {
    /// Whether the age of an offset is over.
    pub(super) fn is_over(
        &self,
        now: Timestamp,
        topic: &str,
        committed: Timestamp,
        expires: Option<Timestamp>,
        retention: Duration,
    ) -> bool {
        let base = match self {
            Expiration::Simple => committed,
            Expiration::Empty { since } => since.filter(|since| *since != Timestamp::NONE).unwrap_or(committed),
            Expiration::Consumer { is_subscribed } if !is_subscribed(topic) => committed,
            Expiration::Consumer { .. } | Expiration::InUse => return false,
        };
        match expires {
            Some(expires) => now >= expires,
            None => {
                let age = u64::try_from(now.0.saturating_sub(base.0)).unwrap_or(0);
                Duration::from_millis(age) >= retention
            }
        }
    }
}

impl fmt::Debug for Expiration<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expiration::Simple => f.write_str("Simple"),
            Expiration::Empty { since } => f.debug_struct("Empty").field("since", since).finish(),
            Expiration::Consumer { .. } => f.write_str("Consumer"),
            Expiration::InUse => f.write_str("InUse"),
        }
    }
}
