//! Altering dynamic values: pure functions from what is set and what is asked for to what is set
//! then, with Kafka's rules of what may be altered where (KIP-226, KIP-339). Rules that concern more
//! than one key are in `together`, and asked afterwards.
//!
//! Broker requests that do not fit answer INVALID_REQUEST and topic requests INVALID_CONFIG; that
//! is how Apache Kafka 4.4.0 answers them. Keys that a broker does not know are taken, as plug-ins
//! may; topics take none.

use super::broker::check_beyond_limits;
use super::group::check_group;
use super::key::{Key, Kind, Scope, State};
use super::keys::{broker_key, group_key, topic_key};
use super::layers::Overrides;
use super::value::{SettingError, Value};

/// What to do with one key. Numbers are those of `IncrementalAlterConfigs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets the value.
    Set,
    /// Removes it, so that the layer below shows.
    Delete,
    /// Adds items to a list that does not have them.
    Append,
    /// Takes items out of a list.
    Subtract,
}

impl Op {
    /// The operation of this number.
    pub const fn from_wire(number: i8) -> Option<Op> {
        match number {
            0 => Some(Op::Set),
            1 => Some(Op::Delete),
            2 => Some(Op::Append),
            3 => Some(Op::Subtract),
            _ => None,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Op::Set => "SET",
            Op::Delete => "DELETE",
            Op::Append => "APPEND",
            Op::Subtract => "SUBTRACT",
        }
    }
}

/// One wanted alteration.
#[derive(Clone, Copy)]
pub struct Change<'a> {
    /// Name of the key.
    pub key: &'a str,
    /// What to do.
    pub op: Op,
    /// With which value; ignored by [`Op::Delete`].
    pub value: Option<&'a str>,
}

impl std::fmt::Debug for Change<'_> {
    /// Without the value, which may be a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.op.name(), self.key)
    }
}

/// Whose dynamic values are altered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BrokerTarget {
    /// One broker's.
    One,
    /// All brokers' (the broker named "").
    All,
}

/// An alteration that is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AlterError {
    /// To be answered INVALID_CONFIG.
    #[error("{0}")]
    InvalidConfig(SettingError),
    /// APPEND or SUBTRACT on a key that is no list: INVALID_CONFIG.
    #[error("Can't {op} to key {key} because its type is not LIST.")]
    NotAList {
        /// The operation's name.
        op: &'static str,
        /// Name of the key.
        key: String,
    },
    /// A value that a broker can't take: INVALID_REQUEST.
    #[error("{0}")]
    InvalidRequest(SettingError),
    /// An operation without the value it needs: INVALID_REQUEST.
    #[error("Null value not supported for : {0}")]
    NullValue(String),
    /// The same key twice in one request: INVALID_REQUEST.
    #[error("Error due to duplicate config keys: {0}")]
    DuplicateKey(String),
    /// A key that is fixed while the broker runs: INVALID_REQUEST.
    #[error("Cannot update these configs dynamically: [{0}]")]
    ReadOnly(String),
    /// A key that differs from broker to broker, altered for all: INVALID_REQUEST.
    #[error("Cannot update these configs at default cluster level, broker id must be specified: [{0}]")]
    PerBrokerOnly(String),
    /// A key that Kafka alters while the broker runs and Ottla does not: INVALID_REQUEST.
    #[error("Configuration {0} is taken at start only; set it in server.properties")]
    StartOnly(String),
    /// A key store or trust store without the name of its listener: INVALID_REQUEST.
    #[error("These security configs can be dynamically updated only per-listener using the listener prefix: [{0}]")]
    PerListenerOnly(String),
}

impl AlterError {
    /// Whether the answer is INVALID_CONFIG; otherwise it is INVALID_REQUEST.
    pub const fn is_invalid_config(&self) -> bool {
        match self {
            AlterError::InvalidConfig(_) | AlterError::NotAList { .. } => true,
            AlterError::InvalidRequest(_)
            | AlterError::NullValue(_)
            | AlterError::DuplicateKey(_)
            | AlterError::ReadOnly(_)
            | AlterError::PerBrokerOnly(_)
            | AlterError::StartOnly(_)
            | AlterError::PerListenerOnly(_) => false,
        }
    }
}

/// A topic's values after `IncrementalAlterConfigs`.
pub fn topic_changes(current: &Overrides, changes: &[Change<'_>]) -> Result<Overrides, AlterError> {
    let next = apply(current, changes, topic_key)?;
    check_topic(&next).map_err(AlterError::InvalidConfig)?;
    Ok(next)
}

/// A topic's values after `AlterConfigs` or `CreateTopics`: these and no others.
pub fn topic_replacement<'a>(
    entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<Overrides, AlterError> {
    let next = collect(entries)?;
    check_topic(&next).map_err(AlterError::InvalidConfig)?;
    Ok(next)
}

/// A group's values after `IncrementalAlterConfigs`.
pub fn group_changes(current: &Overrides, changes: &[Change<'_>]) -> Result<Overrides, AlterError> {
    let next = apply(current, changes, group_key)?;
    check_group(&next).map_err(AlterError::InvalidConfig)?;
    Ok(next)
}

/// A group's values after `AlterConfigs`: these and no others.
pub fn group_replacement<'a>(
    entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<Overrides, AlterError> {
    let next = collect(entries)?;
    check_group(&next).map_err(AlterError::InvalidConfig)?;
    Ok(next)
}

/// A broker's, or all brokers', values after `IncrementalAlterConfigs`.
pub fn broker_changes(
    target: BrokerTarget,
    current: &Overrides,
    changes: &[Change<'_>],
) -> Result<Overrides, AlterError> {
    let next = apply(current, changes, broker_key)?;
    for change in changes.iter().filter(|change| change.op != Op::Delete) {
        if let Some(value) = next.get(change.key) {
            check_broker(target, change.key, value)?;
        }
    }
    Ok(next)
}

/// A broker's, or all brokers', values after `AlterConfigs`: these and no others.
pub fn broker_replacement<'a>(
    target: BrokerTarget,
    entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>,
) -> Result<Overrides, AlterError> {
    let next = collect(entries)?;
    for (name, value) in &next {
        check_broker(target, name, value)?;
    }
    Ok(next)
}

fn collect<'a>(entries: impl IntoIterator<Item = (&'a str, Option<&'a str>)>) -> Result<Overrides, AlterError> {
    let mut next = Overrides::new();
    for (name, value) in entries {
        let value = value.ok_or_else(|| AlterError::NullValue(name.to_owned()))?;
        if next.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(AlterError::DuplicateKey(name.to_owned()));
        }
    }
    Ok(next)
}

fn apply(
    current: &Overrides,
    changes: &[Change<'_>],
    find: impl Fn(&str) -> Option<&'static Key>,
) -> Result<Overrides, AlterError> {
    let mut next = current.clone();
    let mut seen = std::collections::HashSet::new();
    for change in changes {
        if !seen.insert(change.key) {
            return Err(AlterError::DuplicateKey(change.key.to_owned()));
        }
        if change.op == Op::Delete {
            next.remove(change.key);
            continue;
        }
        let Some(value) = change.value else {
            return Err(AlterError::NullValue(change.key.to_owned()));
        };
        let value = match change.op {
            Op::Set | Op::Delete => value.to_owned(),
            Op::Append | Op::Subtract => {
                let key = find(change.key)
                    .filter(|key| key.kind == Kind::List)
                    .ok_or_else(|| AlterError::NotAList { op: change.op.name(), key: change.key.to_owned() })?;
                // The list that is altered is the one set in this layer, else Kafka's default,
                // whatever the layers between say.
                let base = current.get(change.key).map(String::as_str).or(key.default);
                alter_list(base.unwrap_or(""), change.op == Op::Append, value)
            }
        };
        next.insert(change.key.to_owned(), value);
    }
    Ok(next)
}

/// The list with items added at its end, or taken out; an item is never there twice.
fn alter_list(base: &str, append: bool, items: &str) -> String {
    let mut list: Vec<&str> = Vec::new();
    for item in base.split(',').map(str::trim).filter(|_| !base.trim().is_empty()) {
        if !list.contains(&item) {
            list.push(item);
        }
    }
    for item in items.split(',').map(str::trim) {
        match (append, list.iter().position(|have| *have == item)) {
            (true, None) => list.push(item),
            (false, Some(at)) => {
                list.remove(at);
            }
            (true, Some(_)) | (false, None) => {}
        }
    }
    list.join(",")
}

fn check_topic(overrides: &Overrides) -> Result<(), SettingError> {
    for (name, text) in overrides {
        let key = topic_key(name).ok_or_else(|| SettingError::UnknownTopicKey(name.clone()))?;
        let value = key.parse(text)?;
        key.refuse_unsupported(&value)?;
    }
    Ok(())
}

/// Stores of keys and certificates, which Kafka alters per listener only.
const PER_LISTENER: &[&str] = &[
    "ssl.key.password",
    "ssl.keystore.certificate.chain",
    "ssl.keystore.key",
    "ssl.keystore.location",
    "ssl.keystore.password",
    "ssl.keystore.type",
    "ssl.truststore.certificates",
    "ssl.truststore.location",
    "ssl.truststore.password",
    "ssl.truststore.type",
];

/// Keys that Kafka lets a running broker change; here sockets are bound once.
const START_ONLY: &[&str] = &["listeners", "listener.security.protocol.map"];

fn check_broker(target: BrokerTarget, name: &str, text: &str) -> Result<(), AlterError> {
    let Some(key) = broker_key(name) else {
        return Ok(());
    };
    if PER_LISTENER.contains(&name) {
        return Err(AlterError::PerListenerOnly(name.to_owned()));
    }
    match (key.scope, target) {
        (Scope::ReadOnly | Scope::Topic | Scope::Group, _) => return Err(AlterError::ReadOnly(name.to_owned())),
        (Scope::PerBroker, BrokerTarget::All) => {
            return Err(AlterError::PerBrokerOnly(name.to_owned()));
        }
        (Scope::PerBroker, BrokerTarget::One) if START_ONLY.contains(&key.name) => {
            return Err(AlterError::StartOnly(name.to_owned()));
        }
        (Scope::PerBroker, BrokerTarget::One) | (Scope::ClusterWide, _) => {}
    }
    let value = key.parse(text).map_err(AlterError::InvalidRequest)?;
    check_beyond_limits(key, &value).map_err(AlterError::InvalidRequest)?;
    key.refuse_unsupported(&value).map_err(AlterError::InvalidRequest)
}

impl Key {
    /// Refuses a value other than the default of a key that stands for what Ottla does not do.
    pub fn refuse_unsupported(&self, value: &Value) -> Result<(), SettingError> {
        match self.state {
            State::Refused(why) if self.default_value().as_ref() != Some(value) => {
                Err(SettingError::Refused { key: self.name.to_owned(), value: value.to_string(), why })
            }
            State::Refused(_) | State::Effective | State::Accepted => Ok(()),
        }
    }
}
