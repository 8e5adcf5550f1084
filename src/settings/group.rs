//! The configuration of one group: what it may be, what is described of it, and what consumer groups go by.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::alter::AlterError;
use super::key::Key;
use super::keys::{group_key, group_keys};
use super::layers::{Layers, Overrides, Resolved, Source, Synonym, shown};
use super::synonyms::group_synonym;
use super::value::{SettingError, Value};

/// Bytes of one value of a group, at most: numbers, and the name of a topic.
const VALUE_BYTES_MAX: usize = 1_024;

/// What lies between two values of the broker: the key, the least, the greatest.
const BETWEEN: &[(&str, &str, &str)] = &[
    (ASSIGNMENT, "group.consumer.min.assignment.interval.ms", "group.consumer.max.assignment.interval.ms"),
    (HEARTBEAT, "group.consumer.min.heartbeat.interval.ms", "group.consumer.max.heartbeat.interval.ms"),
    (SESSION, "group.consumer.min.session.timeout.ms", "group.consumer.max.session.timeout.ms"),
    (
        "share.assignment.interval.ms",
        "group.share.min.assignment.interval.ms",
        "group.share.max.assignment.interval.ms",
    ),
    ("share.delivery.count.limit", "group.share.min.delivery.count.limit", "group.share.max.delivery.count.limit"),
    ("share.heartbeat.interval.ms", "group.share.min.heartbeat.interval.ms", "group.share.max.heartbeat.interval.ms"),
    (
        "share.partition.max.record.locks",
        "group.share.min.partition.max.record.locks",
        "group.share.max.partition.max.record.locks",
    ),
    (
        "share.record.lock.duration.ms",
        "group.share.min.record.lock.duration.ms",
        "group.share.max.record.lock.duration.ms",
    ),
    ("share.session.timeout.ms", "group.share.min.session.timeout.ms", "group.share.max.session.timeout.ms"),
    (
        "streams.assignment.interval.ms",
        "group.streams.min.assignment.interval.ms",
        "group.streams.max.assignment.interval.ms",
    ),
    (
        "streams.heartbeat.interval.ms",
        "group.streams.min.heartbeat.interval.ms",
        "group.streams.max.heartbeat.interval.ms",
    ),
    ("streams.session.timeout.ms", "group.streams.min.session.timeout.ms", "group.streams.max.session.timeout.ms"),
];

const ASSIGNMENT: &str = "consumer.assignment.interval.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";
const SESSION: &str = "consumer.session.timeout.ms";

/// A session that ends before the next heartbeat is none: the session's key, the heartbeat's.
const SESSIONS: &[(&str, &str)] = &[
    (SESSION, HEARTBEAT),
    ("share.session.timeout.ms", "share.heartbeat.interval.ms"),
    ("streams.session.timeout.ms", "streams.heartbeat.interval.ms"),
];

/// Times that consumer groups go by, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsumerTimes {
    /// `consumer.session.timeout.ms`
    pub session_timeout_ms: u64,
    /// `consumer.heartbeat.interval.ms`
    pub heartbeat_interval_ms: u64,
    /// `consumer.assignment.interval.ms`
    pub assignment_interval_ms: u64,
}

/// What a group may set for itself, milliseconds: `group.consumer.min.*` to `group.consumer.max.*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsumerLimits {
    /// Of the session timeout.
    pub session_timeout_ms: RangeInclusive<u64>,
    /// Of the heartbeat interval.
    pub heartbeat_interval_ms: RangeInclusive<u64>,
    /// Of the assignment interval.
    pub assignment_interval_ms: RangeInclusive<u64>,
}

impl ConsumerTimes {
    /// With what the group has of its own. A value that was good when it was set, and is not within the limits of this start,
    /// counts as the nearest that is.
    #[must_use]
    pub fn with(self, own: &Overrides, limits: &ConsumerLimits) -> ConsumerTimes {
        let of = |name: &str, limits: &RangeInclusive<u64>, inherited: u64| match own_value(own, name) {
            Some(Value::Int(value)) => u64::try_from(value).unwrap_or(0).max(*limits.start()).min(*limits.end()),
            _ => inherited,
        };
        ConsumerTimes {
            session_timeout_ms: of(SESSION, &limits.session_timeout_ms, self.session_timeout_ms),
            heartbeat_interval_ms: of(HEARTBEAT, &limits.heartbeat_interval_ms, self.heartbeat_interval_ms),
            assignment_interval_ms: of(ASSIGNMENT, &limits.assignment_interval_ms, self.assignment_interval_ms),
        }
    }
}

fn own_value(own: &Overrides, name: &str) -> Option<Value> {
    group_key(name)?.parse(own.get(name)?).ok()
}

/// Whether each value is one that its key may have, on whatever broker.
pub(super) fn check_group(overrides: &Overrides) -> Result<(), SettingError> {
    for (name, text) in overrides {
        let key = group_key(name).ok_or_else(|| SettingError::UnknownGroupKey(name.clone()))?;
        if text.len() > VALUE_BYTES_MAX {
            return Err(SettingError::TooLong { key: name.clone(), bytes_max: VALUE_BYTES_MAX });
        }
        key.parse(text)?;
    }
    Ok(())
}

/// Whether a group with these values of its own may be on this broker.
pub fn check_group_change(layers: &Layers<'_>, own: &Overrides) -> Result<(), AlterError> {
    for (key, least, greatest) in BETWEEN.iter().filter(|(key, ..)| own.contains_key(*key)) {
        let (least, greatest) = (layers.broker_value(least), layers.broker_value(greatest));
        let (Some(least), Some(greatest)) = (whole(least), whole(greatest)) else { continue };
        if whole(own_value(own, key)).is_some_and(|value| !(least..=greatest).contains(&value)) {
            return Err(AlterError::InvalidConfig(SettingError::OutOfRange { key, least, greatest }));
        }
    }
    let set = SESSIONS.iter().filter(|(key, other)| own.contains_key(*key) || own.contains_key(*other));
    for (key, other) in set {
        let value = |name: &str| group_key(name).and_then(|key| whole(layers.group_value(key, own)));
        if value(key) <= value(other) {
            return Err(AlterError::InvalidConfig(SettingError::NotGreater { key, other }));
        }
    }
    Ok(())
}

fn whole(value: Option<Value>) -> Option<i64> {
    match value {
        Some(Value::Int(value)) => Some(i64::from(value)),
        _ => None,
    }
}

impl Layers<'_> {
    /// Every key of a group: all that are not internal, and what else was set on it, by name.
    pub fn describe_group(&self, own: &Overrides) -> Vec<Resolved> {
        let mut names: BTreeSet<&str> = group_keys().iter().filter(|key| !key.internal).map(|key| key.name).collect();
        names.extend(own.keys().map(String::as_str));
        names.into_iter().map(|name| self.group_entry(name, own)).collect()
    }

    fn group_entry(&self, name: &str, own: &Overrides) -> Resolved {
        let key = group_key(name);
        let mut synonyms = Vec::new();
        if let Some(text) = own.get(name) {
            let value = key.and_then(|key| shown(key, Some(text)));
            synonyms.push(Synonym { name: name.to_owned(), value, source: Source::DynamicGroupConfig });
        }
        match group_synonym(name) {
            Some(broker) => synonyms.extend(self.synonyms(broker)),
            None => synonyms.extend(key.map(|key| Synonym {
                name: name.to_owned(),
                value: key.default.map(str::to_owned),
                source: Source::DefaultConfig,
            })),
        }
        Resolved {
            name: name.to_owned(),
            value: key.and_then(|key| self.group_value(key, own)).map(|value| value.to_string()),
            source: synonyms.first().map_or(Source::DefaultConfig, |first| first.source),
            kind: key.map(|key| key.kind),
            read_only: false,
            sensitive: key.is_none_or(Key::is_sensitive),
            synonyms,
            doc: key.map_or("", |key| key.doc),
        }
    }

    /// The effective value of a group key: the group's own, else that of the broker key behind it, else the default.
    fn group_value(&self, key: &Key, own: &Overrides) -> Option<Value> {
        let inherited = || match group_synonym(key.name).and_then(|name| self.broker_value(name))? {
            // The broker has a list of assignors, of which a group takes the first.
            Value::List(items) if key.kind != super::Kind::List => items.into_iter().next().map(Value::String),
            value => Some(value),
        };
        own_value(own, key.name).or_else(inherited).or_else(|| key.default_value())
    }
}
