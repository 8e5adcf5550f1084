//! Every configuration key of Ottla: Kafka's names, types, defaults and limits, and our own
//! `ottla.*` ones, as one table.
//!
//! | part | what it holds |
//! | --- | --- |
//! | `key`, `keys/` | what a key is; the table, a file per area |
//! | `value` | reading and writing values as Kafka does; the errors |
//! | `synonyms` | which keys stand in for which (`log.retention.hours` for `retention.ms`) |
//! | `layers` | static, cluster-wide, per-broker and topic values over the defaults, with sources |
//! | `alter` | pure rules of altering: SET, DELETE, APPEND, SUBTRACT, what may be altered where |
//! | `together` | rules that concern more than one key, or the value before |
//! | `broker`, `topic`, `group` | the effective values, typed, for those that act on them |
//! | `nearest` | the known name that an unknown one was probably meant to be |
//!
//! What must hold: nothing here reads a file, a clock or the environment; a password leaves only
//! through [`Secret::reveal`]; the table agrees with Apache Kafka 4.4.0 (`fixtures/`) except for an
//! explicit list. Anybody may call.

mod alter;
mod broker;
mod group;
mod key;
mod keys;
mod layers;
mod nearest;
mod synonyms;
mod together;
mod topic;
mod value;

pub use alter::{
    AlterError, BrokerTarget, Change, Op, broker_changes, broker_replacement, group_changes, group_replacement,
    topic_changes, topic_replacement,
};
pub use broker::{BrokerSettings, CleanerSettings, Durability, GroupSettings};
pub use group::{ConsumerLimits, ConsumerTimes, check_group_change};
pub use key::{Check, Key, Kind, Scope, State, WIRE_KIND_UNKNOWN};
pub use keys::{broker_key, broker_keys, group_key, group_keys, topic_key, topic_keys};
pub use layers::{Layers, Origin, Overrides, Resolved, Source, StaticValue, Statics, Synonym};
pub use nearest::nearest_key;
pub use synonyms::{broker_synonyms, group_synonym, topic_synonyms};
pub use together::{check_broker_change, check_topic_change};
pub use topic::{CleanupPolicy, Compression, TimestampType, TopicSettings};
pub use value::{HIDDEN, Reason, Secret, SettingError, Value};

#[cfg(test)]
mod tests;
