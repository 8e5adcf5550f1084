//! What a person is told about their configuration: one line each.

use std::fmt;

use crate::settings::{Check, Key, Kind, Origin, SettingError, State};

use super::environment::variable;
use super::listeners::ListenerError;

/// Something that does not stop the start. `Display` gives the line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Nobody knows this key.
    UnknownKey {
        /// Name as written.
        key: String,
        /// Where.
        origin: Origin,
        /// What it was perhaps meant to be.
        nearest: Option<&'static str>,
    },
    /// The key is known and does nothing yet.
    NoEffect {
        /// Name.
        key: String,
        /// Where.
        origin: Origin,
    },
    /// Earlier releases of Kafka had this key.
    Removed {
        /// Name.
        key: String,
        /// Where.
        origin: Origin,
    },
    /// The key is in the file twice; the later one counts.
    Repeated {
        /// Name.
        key: String,
        /// The later place.
        origin: Origin,
        /// The earlier line.
        earlier_line: usize,
    },
    /// Keys and listeners of Kafka's controllers, which Ottla does not have.
    Controller {
        /// Keys that were set and listener names that are not bound.
        names: Vec<String>,
    },
    /// Variables that Kubernetes made up for a Service.
    Injected {
        /// Their names.
        variables: Vec<String>,
    },
    /// Others than this machine can reach a listener, and nothing asks who they are.
    Open {
        /// The listener.
        listener: String,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Warning::UnknownKey { key, origin, nearest: Some(nearest) } => {
                write!(f, "unknown key {key} ({origin}) is ignored; did you mean {nearest}?")
            }
            Warning::UnknownKey { key, origin, nearest: None } => {
                write!(f, "unknown key {key} ({origin}) is ignored")
            }
            Warning::NoEffect { key, origin } => {
                write!(f, "{key} ({origin}) is accepted and has no effect in this version")
            }
            Warning::Removed { key, origin } => {
                write!(f, "{key} ({origin}) is no longer a key of Kafka 4 and is ignored")
            }
            Warning::Repeated { key, origin, earlier_line } => {
                write!(f, "{key} ({origin}) replaces the value of line {earlier_line}")
            }
            Warning::Controller { names } => {
                write!(f, "Ottla has no controllers of its own: {} have no effect", names.join(", "))
            }
            Warning::Injected { variables } => write!(
                f,
                "{} look like Kubernetes' variables for a Service and are not taken for settings",
                variables.join(", ")
            ),
            Warning::Open { listener } => write!(
                f,
                "{listener} can be reached from other machines, without log-in and without \
                 encryption; bind 127.0.0.1 unless the network is trusted"
            ),
        }
    }
}

/// Something that stops the start. `Display` gives one line that names the thing, the place and
/// the remedy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The file is not in the properties syntax.
    #[error("{path}: {what}; correct the line")]
    Syntax {
        /// The file.
        path: String,
        /// Line and reason.
        what: String,
    },
    /// The file can't be read.
    #[error("{path}: cannot be read ({why}); check the path given with --config")]
    Unreadable {
        /// The file.
        path: String,
        /// The system's words.
        why: String,
    },
    /// A value that does not fit its key.
    #[error("{error} ({origin}); {remedy}")]
    Setting {
        /// What is wrong.
        error: Box<SettingError>,
        /// Where it was written.
        origin: Origin,
        /// What to do.
        remedy: String,
    },
    /// Listeners that can't be.
    #[error("{key} ({origin}): {error}", key = .error.key)]
    Listener {
        /// What is wrong.
        error: ListenerError,
        /// Where it was written.
        origin: Origin,
    },
    /// Several data directories.
    #[error(
        "{key}={value} ({origin}) names {count} data directories and Ottla takes one; name one, \
         on a volume that spans the disks if need be"
    )]
    SeveralLogDirs {
        /// `log.dirs` or `log.dir`.
        key: &'static str,
        /// As written.
        value: String,
        /// Where.
        origin: Origin,
        /// How many.
        count: usize,
    },
    /// `node.id` and `broker.id` differ.
    #[error("node.id={node} ({node_origin}) and broker.id={broker} ({broker_origin}) differ; keep one")]
    TwoIds {
        /// Value of `node.id`.
        node: String,
        /// Where.
        node_origin: Box<Origin>,
        /// Value of `broker.id`.
        broker: String,
        /// Where.
        broker_origin: Box<Origin>,
    },
    /// A role without a broker in it.
    #[error(
        "process.roles={value} ({origin}) has no broker in it; write broker,controller or leave \
         the key out"
    )]
    NoBrokerRole {
        /// As written.
        value: String,
        /// Where.
        origin: Origin,
    },
    /// A flag that is no `key=value`.
    #[error("-o {0:?} has no = in it; write -o key=value")]
    NoEquals(String),
    /// One key from two flags.
    #[error("{key} is set by {first} and again by {second}; keep one")]
    FlagTwice {
        /// The key.
        key: String,
        /// One place.
        first: Origin,
        /// The other.
        second: Origin,
    },
    /// A cluster id that can't be one.
    #[error("CLUSTER_ID={0:?} is no cluster id; use letters, digits, - and _, 64 at most")]
    ClusterId(String),
}

/// What to do about a value that does not fit.
pub(super) fn remedy(key: &Key, origin: &Origin) -> String {
    if matches!(key.state, State::Refused(_)) {
        return match key.default {
            Some(default) if !default.is_empty() => format!("set it to {default} or leave it out"),
            Some(_) | None => "leave it out".to_owned(),
        };
    }
    let place = match origin {
        Origin::Variable(_) => format!("change {}", variable(key.name)),
        Origin::File { .. } | Origin::Flag(_) | Origin::Key(_) | Origin::Default => format!("change {}", key.name),
    };
    let wanted = wanted(key);
    match key.default {
        Some(default) if !default.is_empty() => format!("{place} to {wanted}; default {default}"),
        Some(_) | None => format!("{place} to {wanted}"),
    }
}

/// The values a key takes, in words.
fn wanted(key: &Key) -> String {
    match key.check {
        Check::Any => match key.kind {
            Kind::Boolean => "true or false".to_owned(),
            Kind::Int | Kind::Short | Kind::Long => "a whole number".to_owned(),
            Kind::Double => "a number".to_owned(),
            Kind::String | Kind::List | Kind::Class | Kind::Password => "another text".to_owned(),
        },
        Check::Range { min, max: None } => format!("a whole number from {min}"),
        Check::Range { min, max: Some(max) } => format!("a whole number from {min} to {max}"),
        Check::Float { min, max } => format!("a number from {min} to {max}"),
        Check::OneOf(values) | Check::OneOfIgnoreCase(values) => {
            format!("one of {}", values.join(", "))
        }
        Check::List { allowed: [], .. } => "items separated by commas".to_owned(),
        Check::List { allowed, .. } => format!("some of {}", allowed.join(", ")),
        Check::GzipLevel => "-1 or 1 to 9".to_owned(),
        Check::Filled => "a text that is not empty".to_owned(),
        Check::Replicas => "* or partition:broker pairs separated by commas".to_owned(),
    }
}
