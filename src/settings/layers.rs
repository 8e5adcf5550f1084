//! Values in layers, and what `DescribeConfigs` says of them.
//!
//! From weak to strong: default, static (file, environment, flags), cluster-wide dynamic,
//! per-broker dynamic, topic. The rules are those that Apache Kafka 4.4.0 was seen to follow:
//!
//! - A synonym is listed per layer, strongest layer first, and the list starts with the first entry
//!   of the described name itself. So a `retention.ms` that comes from `log.retention.hours` alone
//!   has the right value, no synonyms, and the source DEFAULT_CONFIG.
//! - A dynamic value displaces static values of all its synonyms: with a dynamic `log.retention.ms`
//!   in place `log.retention.hours` shows its default.
//! - A key nobody knows is described only where it was set, as sensitive and without its value.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::key::{Key, Kind};
use super::keys::{broker_key, broker_keys, topic_key, topic_keys};
use super::synonyms::{broker_synonyms, topic_synonyms, unit_ms};
use super::value::{HIDDEN, Value};

/// Dynamic values of a broker, of all brokers, or of a topic, as they were given.
pub type Overrides = BTreeMap<String, String>;

/// Where a static value was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A properties file and the line in it, from 1.
    File {
        /// As given by the user.
        path: String,
        /// Line, from 1.
        line: usize,
    },
    /// An environment variable.
    Variable(String),
    /// A command-line flag.
    Flag(String),
    /// Follows from another key of the same meaning.
    Key(&'static str),
    /// Nowhere: it is the default.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::File { path, line } => write!(f, "{path}:{line}"),
            Origin::Variable(name) => write!(f, "environment variable {name}"),
            Origin::Flag(flag) => write!(f, "flag {flag}"),
            Origin::Key(name) => write!(f, "key {name}"),
            Origin::Default => f.write_str("default"),
        }
    }
}

/// A static value and where it was written.
#[derive(Clone, PartialEq, Eq)]
pub struct StaticValue {
    /// As written, passwords included: show it only through [`Layers`].
    pub text: String,
    /// Where it was written.
    pub origin: Origin,
}

impl fmt::Debug for StaticValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key is not known here, so any value might be a password.
        write!(f, "{HIDDEN} from {}", self.origin)
    }
}

/// All static values by key. Unknown keys are among them.
pub type Statics = BTreeMap<String, StaticValue>;

/// Layer that a value comes from. Numbers are those of `DescribeConfigs` (KIP-226).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// Set on the topic.
    DynamicTopicConfig,
    /// Set on the group.
    DynamicGroupConfig,
    /// Set on this broker while it ran.
    DynamicBrokerConfig,
    /// Set for all brokers while they ran.
    DynamicDefaultBrokerConfig,
    /// Set at start.
    StaticBrokerConfig,
    /// Set by nobody.
    DefaultConfig,
}

impl Source {
    /// Number of the layer in a `DescribeConfigs` answer.
    pub const fn wire(self) -> i8 {
        match self {
            Source::DynamicTopicConfig => 1,
            Source::DynamicGroupConfig => 8,
            Source::DynamicBrokerConfig => 2,
            Source::DynamicDefaultBrokerConfig => 3,
            Source::StaticBrokerConfig => 4,
            Source::DefaultConfig => 5,
        }
    }

    /// Kafka's name of the layer.
    pub const fn name(self) -> &'static str {
        match self {
            Source::DynamicTopicConfig => "DYNAMIC_TOPIC_CONFIG",
            Source::DynamicGroupConfig => "DYNAMIC_GROUP_CONFIG",
            Source::DynamicBrokerConfig => "DYNAMIC_BROKER_CONFIG",
            Source::DynamicDefaultBrokerConfig => "DYNAMIC_DEFAULT_BROKER_CONFIG",
            Source::StaticBrokerConfig => "STATIC_BROKER_CONFIG",
            Source::DefaultConfig => "DEFAULT_CONFIG",
        }
    }
}

/// One value of a key or of a key that stands in for it, in one layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Synonym {
    /// Key that was set.
    pub name: String,
    /// What it was set to; `None` for secrets and unknown keys.
    pub value: Option<String>,
    /// Layer.
    pub source: Source,
}

/// One key as `DescribeConfigs` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// Name of the key.
    pub name: String,
    /// Effective value; `None` for null, secrets and unknown keys.
    pub value: Option<String>,
    /// Layer that the value is ascribed to.
    pub source: Source,
    /// Type; `None` for unknown keys.
    pub kind: Option<Kind>,
    /// Whether it can't be altered while the broker runs.
    pub read_only: bool,
    /// Whether the value is withheld.
    pub sensitive: bool,
    /// Everything that has a say, strongest first.
    pub synonyms: Vec<Synonym>,
    /// One sentence; empty for unknown keys.
    pub doc: &'static str,
}

/// All layers below the topic's, borrowed; cheap to copy.
#[derive(Clone, Copy)]
pub struct Layers<'a> {
    /// File, environment and flags.
    pub statics: &'a Statics,
    /// Dynamic values of all brokers.
    pub cluster: &'a Overrides,
    /// Dynamic values of this broker.
    pub broker: &'a Overrides,
}

impl fmt::Debug for Layers<'_> {
    /// Names only: values may be passwords.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layers")
            .field("statics", &self.statics.keys())
            .field("cluster", &self.cluster.keys())
            .field("broker", &self.broker.keys())
            .finish()
    }
}

impl<'a> Layers<'a> {
    /// Every key of this broker: all that are not internal, and what else was set, by name.
    pub fn describe_broker(&self) -> Vec<Resolved> {
        let mut names: BTreeSet<&str> = broker_keys().iter().filter(|key| !key.internal).map(|key| key.name).collect();
        names.extend(self.statics.keys().map(String::as_str));
        names.extend(self.cluster.keys().map(String::as_str));
        names.extend(self.broker.keys().map(String::as_str));
        names.into_iter().map(|name| self.broker_entry(name)).collect()
    }

    /// What is set for all brokers while they run, and nothing else (the broker named "").
    pub fn describe_cluster(&self) -> Vec<Resolved> {
        let nothing = Statics::new();
        let none = Overrides::new();
        let alone = Layers { statics: &nothing, cluster: self.cluster, broker: &none };
        self.cluster
            .keys()
            .map(|name| {
                let mut entry = alone.broker_entry(name);
                entry.synonyms.retain(|s| s.source == Source::DynamicDefaultBrokerConfig);
                entry
            })
            .collect()
    }

    /// Every key of a topic: all that are not internal, and what else was set on it, by name.
    pub fn describe_topic(&self, topic: &Overrides) -> Vec<Resolved> {
        let mut names: BTreeSet<&str> = topic_keys().iter().filter(|key| !key.internal).map(|key| key.name).collect();
        names.extend(topic.keys().map(String::as_str));
        names.into_iter().map(|name| self.topic_entry(name, topic)).collect()
    }

    /// One key of this broker, known or not.
    pub fn broker_entry(&self, name: &str) -> Resolved {
        let key = broker_key(name);
        let synonyms = self.synonyms(name);
        let source = synonyms.first().map_or(Source::DefaultConfig, |first| first.source);
        Resolved {
            name: name.to_owned(),
            value: key.and_then(|key| shown(key, self.broker_text(name))),
            source,
            kind: key.map(|key| key.kind),
            // Of the overrides of a listener Kafka says read-only, whatever the plain key is.
            read_only: key.is_none_or(|key| key.is_read_only() || key.name != name),
            sensitive: key.is_none_or(Key::is_sensitive),
            synonyms,
            doc: key.map_or("", |key| key.doc),
        }
    }

    /// One key of a topic, known or not.
    pub fn topic_entry(&self, name: &str, topic: &Overrides) -> Resolved {
        let key = topic_key(name);
        let mut synonyms = Vec::new();
        if let Some(text) = topic.get(name) {
            let value = key.and_then(|key| shown(key, Some(text)));
            synonyms.push(Synonym { name: name.to_owned(), value, source: Source::DynamicTopicConfig });
        }
        if let Some(first) = topic_synonyms(name).first() {
            synonyms.extend(self.synonyms(first));
        }
        Resolved {
            name: name.to_owned(),
            value: key
                .and_then(|key| self.topic_value(key, topic))
                .filter(|value| !matches!(value, Value::Password(_)))
                .map(|value| value.to_string()),
            source: synonyms.first().map_or(Source::DefaultConfig, |first| first.source),
            kind: key.map(|key| key.kind),
            read_only: false,
            sensitive: key.is_none_or(Key::is_sensitive),
            synonyms,
            doc: key.map_or("", |key| key.doc),
        }
    }

    /// The effective value of a broker key; `None` for null, for unknown keys and for texts that
    /// do not fit (checked when they were set).
    pub fn broker_value(&self, name: &str) -> Option<Value> {
        let key = broker_key(name)?;
        self.broker_text(name).and_then(|text| key.parse(text).ok())
    }

    /// The effective value of a topic key: the topic's own, else that of the first broker key
    /// behind it that has one, else the default.
    pub fn topic_value(&self, key: &Key, topic: &Overrides) -> Option<Value> {
        if let Some(own) = topic.get(key.name).and_then(|text| key.parse(text).ok()) {
            return Some(own);
        }
        let behind = topic_synonyms(key.name);
        let inherited = behind.iter().find_map(|name| {
            let value = self.broker_value(name)?;
            Some(match in_ms(name, &value) {
                // Coarser units and other integer widths arrive as the topic key's LONG.
                Some(ms) if key.kind == Kind::Long => Value::Long(ms),
                _ => value,
            })
        });
        inherited.or_else(|| key.default_value())
    }

    /// The text in force for a broker key.
    pub(super) fn broker_text(&self, name: &str) -> Option<&'a str> {
        let group = broker_synonyms(name);
        let key = broker_key(name);
        // The override of a listener neither has a default nor depends on the plain key.
        let displaceable = group.len() > 1 && key.is_some_and(|key| key.name == name);
        let default = key.filter(|key| key.name == name).and_then(|key| key.default);
        for layer in [self.broker, self.cluster] {
            if let Some(text) = layer.get(name) {
                return Some(text);
            }
            if displaceable && group.iter().any(|other| layer.contains_key(*other)) {
                return default;
            }
        }
        self.statics.get(name).map(|value| value.text.as_str()).or(default)
    }

    /// Everything that has a say in a broker key, strongest first, from the first entry on that is
    /// of the key itself.
    pub(super) fn synonyms(&self, name: &str) -> Vec<Synonym> {
        let group = broker_synonyms(name);
        let mut all = Vec::new();
        for layer in [(self.broker, Source::DynamicBrokerConfig), (self.cluster, Source::DynamicDefaultBrokerConfig)] {
            let (values, source) = layer;
            let set = group.iter().filter_map(|name| Some((*name, values.get(*name)?.as_str())));
            all.extend(set.map(|(name, text)| synonym(name, text, source)));
        }
        let set = group.iter().filter_map(|name| Some((*name, self.statics.get(*name)?)));
        all.extend(set.map(|(name, v)| synonym(name, &v.text, Source::StaticBrokerConfig)));
        let defaults = group.iter().filter_map(|name| {
            let key = broker_key(name).filter(|key| key.name == *name)?;
            Some((*name, key.default?))
        });
        all.extend(defaults.map(|(name, text)| synonym(name, text, Source::DefaultConfig)));
        all.into_iter().skip_while(|s| s.name != name).collect()
    }
}

fn synonym(name: &str, text: &str, source: Source) -> Synonym {
    let open = broker_key(name).is_some_and(|key| !key.is_sensitive());
    Synonym { name: name.to_owned(), value: open.then(|| text.to_owned()), source }
}

/// The value as it is shown; a text that does not fit is shown as it is.
pub(super) fn shown(key: &Key, text: Option<&str>) -> Option<String> {
    if key.is_sensitive() {
        return None;
    }
    text.map(|text| key.parse(text).map_or_else(|_| text.to_owned(), |value| value.to_string()))
}

/// A whole number in milliseconds, by the unit in its key's name. Negative stays "no limit".
fn in_ms(name: &str, value: &Value) -> Option<i64> {
    let number = match value {
        Value::Int(v) => i64::from(*v),
        Value::Short(v) => i64::from(*v),
        Value::Long(v) => *v,
        Value::Boolean(_)
        | Value::String(_)
        | Value::Double(_)
        | Value::List(_)
        | Value::Class(_)
        | Value::Password(_) => return None,
    };
    let unit = unit_ms(name);
    let endless = unit > 1 || name == "log.retention.ms";
    Some(if number < 0 && endless { -1 } else { number.saturating_mul(unit) })
}
