//! The table of all keys, one file per area, and look-up by name.
//!
//! What must hold: names are unique within the broker's and within the topics' keys; every default
//! passes its own check; the table agrees with `fixtures/` except for the list in the tests.

mod cluster;
mod group;
mod groups;
mod internal;
mod log;
mod network;
mod own;
mod security;
mod tier;
mod topic;
mod transactions;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::key::Key;

static BROKER: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = [
        cluster::KEYS,
        groups::KEYS,
        internal::KEYS,
        log::KEYS,
        network::KEYS,
        own::KEYS,
        security::KEYS,
        tier::KEYS,
        transactions::KEYS,
    ]
    .concat();
    keys.sort_by_key(|key| key.name);
    keys
});

static TOPIC: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = [topic::KEYS, topic::INTERNAL].concat();
    keys.sort_by_key(|key| key.name);
    keys
});

static GROUP: LazyLock<Vec<Key>> = LazyLock::new(|| {
    let mut keys = [group::KEYS, group::INTERNAL].concat();
    keys.sort_by_key(|key| key.name);
    keys
});

static BROKER_BY_NAME: LazyLock<HashMap<&'static str, &'static Key>> =
    LazyLock::new(|| BROKER.iter().map(|key| (key.name, key)).collect());

static TOPIC_BY_NAME: LazyLock<HashMap<&'static str, &'static Key>> =
    LazyLock::new(|| TOPIC.iter().map(|key| (key.name, key)).collect());

static GROUP_BY_NAME: LazyLock<HashMap<&'static str, &'static Key>> =
    LazyLock::new(|| GROUP.iter().map(|key| (key.name, key)).collect());

/// Every key of a broker, in order of names, internal ones and `ottla.*` included.
pub fn broker_keys() -> &'static [Key] {
    &BROKER
}

/// Every key of a topic, in order of names, internal ones included.
pub fn topic_keys() -> &'static [Key] {
    &TOPIC
}

/// Every key of a group, in order of names, internal ones included.
pub fn group_keys() -> &'static [Key] {
    &GROUP
}

/// The broker's key of that name. `listener.name.NAME.key` and
/// `listener.name.NAME.mechanism.key` find `key`, as listeners may override the broker (KIP-103).
pub fn broker_key(name: &str) -> Option<&'static Key> {
    BROKER_BY_NAME.get(name).copied().or_else(|| {
        let base = listener_base(name)?;
        BROKER_BY_NAME.get(base).copied()
    })
}

/// The topic's key of that name.
pub fn topic_key(name: &str) -> Option<&'static Key> {
    TOPIC_BY_NAME.get(name).copied()
}

/// The group's key of that name.
pub fn group_key(name: &str) -> Option<&'static Key> {
    GROUP_BY_NAME.get(name).copied()
}

/// Prefix of keys that hold for one listener only.
const LISTENER_PREFIX: &str = "listener.name.";

/// The plain key behind `listener.name.NAME.key`, if there is one in the table.
pub(super) fn listener_base(name: &str) -> Option<&str> {
    let (_, mut rest) = name.strip_prefix(LISTENER_PREFIX)?.split_once('.')?;
    if BROKER_BY_NAME.contains_key(rest) {
        return Some(rest);
    }
    // SASL keys may carry the mechanism as one more part.
    (_, rest) = rest.split_once('.')?;
    BROKER_BY_NAME.contains_key(rest).then_some(rest)
}
