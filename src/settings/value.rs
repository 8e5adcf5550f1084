//! Values of keys: reading them as Kafka's `ConfigDef` does, and writing them back.

use std::fmt;

use super::key::{Check, Key, Kind};

/// A value that passed its key's type and limits. `Display` gives the form that `DescribeConfigs`
/// shows; passwords show as `[hidden]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// BOOLEAN
    Boolean(bool),
    /// STRING
    String(String),
    /// INT
    Int(i32),
    /// SHORT
    Short(i16),
    /// LONG
    Long(i64),
    /// DOUBLE
    Double(f64),
    /// LIST, without repetitions
    List(Vec<String>),
    /// CLASS
    Class(String),
    /// PASSWORD
    Password(Secret),
}

/// A text that neither `Debug` nor `Display` shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The text itself, for the one place that needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// What stands in place of a password wherever text is shown.
pub const HIDDEN: &str = "[hidden]";

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Boolean(v) => write!(f, "{v}"),
            Value::String(v) | Value::Class(v) => f.write_str(v),
            Value::Int(v) => write!(f, "{v}"),
            Value::Short(v) => write!(f, "{v}"),
            Value::Long(v) => write!(f, "{v}"),
            Value::Double(v) => f.write_str(&java_double(*v)),
            Value::List(v) => f.write_str(&v.join(",")),
            Value::Password(_) => f.write_str(HIDDEN),
        }
    }
}

/// Java's `Double.toString`: plain digits from 1e-3 up to 1e7, otherwise `d.dE±n`.
fn java_double(v: f64) -> String {
    const PLAIN_MIN: f64 = 1e-3;
    const PLAIN_MAX: f64 = 1e7;
    if v == 0.0 || (PLAIN_MIN..PLAIN_MAX).contains(&v.abs()) {
        return format!("{v:?}");
    }
    let text = format!("{v:E}");
    match text.split_once('E') {
        Some((digits, exponent)) if !digits.contains('.') => format!("{digits}.0E{exponent}"),
        _ => text,
    }
}

/// A key or value that is not taken. The texts follow Kafka's, because tools show and match them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SettingError {
    /// The value does not fit the key.
    #[error("Invalid value {value} for configuration {key}: {reason}")]
    Invalid {
        /// Name of the key.
        key: String,
        /// What was given; `[hidden]` for passwords.
        value: String,
        /// What is wrong with it.
        reason: Reason,
    },
    /// No topic key has this name.
    #[error("Unknown topic config name: {0}")]
    UnknownTopicKey(String),
    /// No group key has this name.
    #[error("Unknown group config name: {0}")]
    UnknownGroupKey(String),
    /// A group's value is not within what this broker lets groups have.
    #[error("{key} must be in the range {least} to {greatest} inclusive.")]
    OutOfRange {
        /// Name of the key.
        key: &'static str,
        /// Least value.
        least: i64,
        /// Greatest value.
        greatest: i64,
    },
    /// A group's value must be greater than that of another key.
    #[error("{key} must be greater than {other}")]
    NotGreater {
        /// Name of the key.
        key: &'static str,
        /// The other key.
        other: &'static str,
    },
    /// Longer than any value has to be.
    #[error("The value of {key} is longer than {bytes_max} bytes")]
    TooLong {
        /// Name of the key.
        key: String,
        /// How long it may be.
        bytes_max: usize,
    },
    /// Two values that are fine alone exclude each other.
    #[error("conflict topic config setting {low} ({low_value}) > {high} ({high_value})")]
    Conflict {
        /// Key that must be the smaller.
        low: &'static str,
        /// Its value.
        low_value: i64,
        /// Key that must be the greater.
        high: &'static str,
        /// Its value.
        high_value: i64,
    },
    /// Two values of a broker that are fine alone exclude each other.
    #[error("Invalid value {value} for configuration {key}: {why} {other} ({other_value})")]
    Together {
        /// Key that does not fit the other.
        key: &'static str,
        /// Its value.
        value: i64,
        /// What it must be, or not be, beside the other.
        why: &'static str,
        /// The other key.
        other: &'static str,
        /// Its value.
        other_value: i64,
    },
    /// The key stands for something Ottla does not do.
    #[error("Configuration {key} cannot be set to {value}: {why}")]
    Refused {
        /// Name of the key.
        key: String,
        /// What was given.
        value: String,
        /// Why, and what to do instead.
        why: &'static str,
    },
}

impl SettingError {
    /// The keys whose values do not fit, the one to blame first.
    pub fn keys(&self) -> Vec<&str> {
        match self {
            SettingError::Invalid { key, .. } | SettingError::Refused { key, .. } => vec![key],
            SettingError::UnknownTopicKey(key) | SettingError::UnknownGroupKey(key) => vec![key],
            SettingError::TooLong { key, .. } => vec![key],
            SettingError::OutOfRange { key, .. } => vec![key],
            SettingError::NotGreater { key, other } => vec![key, other],
            SettingError::Conflict { low, high, .. } => vec![low, high],
            SettingError::Together { key, other, .. } => vec![key, other],
        }
    }
}

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// Neither true nor false.
    #[error("Expected value to be either true or false")]
    NotBoolean,
    /// No number, or none that the type holds.
    #[error("Not a number of type {0}")]
    NotNumber(Kind),
    /// Below the least value.
    #[error("Value must be at least {0}")]
    TooSmall(String),
    /// Above the greatest value.
    #[error("Value must be no more than {0}")]
    TooLarge(String),
    /// Not among the values there are.
    #[error("String must be one of: {0}")]
    NotOneOf(String),
    /// Not among the values there are, in whatever case.
    #[error("String must be one of (case insensitive): {0}")]
    NotOneOfIgnoreCase(String),
    /// Neither -1 nor 1 to 9.
    #[error("Value must be between 1 and 9 or equal to -1")]
    GzipLevel,
    /// Empty text.
    #[error("String must be non-empty")]
    Empty,
    /// A list that needs an item has none.
    #[error("List must not be empty")]
    EmptyList,
    /// A list has nothing between two commas.
    #[error("List values must not be empty")]
    EmptyItem,
    /// Neither `*` nor `partition:broker` pairs.
    #[error(
        "Value must be the literal '*' or a list of the form [partitionId]:[brokerId],[partitionId]:[brokerId],..."
    )]
    Replicas,
    /// A time that may be -1 or positive is 0 or below -1.
    #[error("Value must be -1 (unlimited) or at least 1")]
    NotUnlimitedOrPositive,
    /// Not `address:count` pairs.
    #[error("Value must be a list of the form address:count,address:count,...")]
    NotPerAddress,
}

impl Key {
    /// Reads a value as Kafka does: blanks around it do not count, list items are split at commas
    /// and repeated ones dropped; then the limits are checked. Unlike Java's parser, only finite
    /// decimal numbers pass as DOUBLE.
    pub fn parse(&self, text: &str) -> Result<Value, SettingError> {
        let trimmed = text.trim();
        let value = match self.kind {
            Kind::Boolean if trimmed.eq_ignore_ascii_case("true") => Value::Boolean(true),
            Kind::Boolean if trimmed.eq_ignore_ascii_case("false") => Value::Boolean(false),
            Kind::Boolean => return Err(self.invalid(text, Reason::NotBoolean)),
            Kind::String => Value::String(trimmed.to_owned()),
            Kind::Class => Value::Class(trimmed.to_owned()),
            Kind::Password => Value::Password(Secret(trimmed.to_owned())),
            Kind::Int => Value::Int(self.number(text)?),
            Kind::Short => Value::Short(self.number(text)?),
            Kind::Long => Value::Long(self.number(text)?),
            Kind::Double => {
                let number: f64 = self.number(text)?;
                if !number.is_finite() {
                    return Err(self.invalid(text, Reason::NotNumber(self.kind)));
                }
                Value::Double(number)
            }
            Kind::List => Value::List(split_list(trimmed)),
        };
        self.check(&value)?;
        Ok(value)
    }

    /// The default as a value; `None` where Kafka has null.
    pub fn default_value(&self) -> Option<Value> {
        // A test parses every default of the table.
        self.default.and_then(|text| self.parse(text).ok())
    }

    fn number<T: std::str::FromStr>(&self, text: &str) -> Result<T, SettingError> {
        text.trim().parse().map_err(|_| self.invalid(text, Reason::NotNumber(self.kind)))
    }

    pub(super) fn invalid(&self, value: &str, reason: Reason) -> SettingError {
        let value = if self.is_sensitive() { HIDDEN } else { value };
        SettingError::Invalid { key: self.name.to_owned(), value: value.to_owned(), reason }
    }

    fn check(&self, value: &Value) -> Result<(), SettingError> {
        let bad = |reason| Err(self.invalid(&value.to_string(), reason));
        match (self.check, value) {
            (Check::Any, _) => Ok(()),
            (Check::Range { min, max }, value) => match whole(value) {
                Some(n) if n < min => bad(Reason::TooSmall(min.to_string())),
                Some(n) if max.is_some_and(|max| n > max) => bad(Reason::TooLarge(max.unwrap_or(i64::MAX).to_string())),
                _ => Ok(()),
            },
            (Check::Float { min, .. }, Value::Double(v)) if *v < min => bad(Reason::TooSmall(min.to_string())),
            (Check::Float { max, .. }, Value::Double(v)) if *v > max => bad(Reason::TooLarge(max.to_string())),
            (Check::Float { .. }, _) => Ok(()),
            (Check::OneOf(all), Value::String(v)) if !all.contains(&v.as_str()) => {
                bad(Reason::NotOneOf(all.join(", ")))
            }
            (Check::OneOf(_), _) => Ok(()),
            (Check::OneOfIgnoreCase(all), Value::String(v)) if !all.iter().any(|one| one.eq_ignore_ascii_case(v)) => {
                bad(Reason::NotOneOfIgnoreCase(all.join(", ")))
            }
            (Check::OneOfIgnoreCase(_), _) => Ok(()),
            (Check::GzipLevel, Value::Int(v)) if *v != -1 && !(1..=9).contains(v) => bad(Reason::GzipLevel),
            (Check::GzipLevel, _) => Ok(()),
            (Check::Filled, Value::String(v)) if v.is_empty() => bad(Reason::Empty),
            (Check::Filled, _) => Ok(()),
            (Check::List { filled, allowed }, Value::List(items)) => self.check_list(items, filled, allowed),
            (Check::List { .. }, _) => Ok(()),
            (Check::Replicas, Value::List(items)) if !are_replicas(items) => bad(Reason::Replicas),
            (Check::Replicas, _) => Ok(()),
        }
    }

    fn check_list(&self, items: &[String], filled: bool, allowed: &[&str]) -> Result<(), SettingError> {
        if filled && items.is_empty() {
            return Err(self.invalid("", Reason::EmptyList));
        }
        for item in items {
            if item.is_empty() {
                return Err(self.invalid(&items.join(","), Reason::EmptyItem));
            }
            if !allowed.is_empty() && !allowed.contains(&item.as_str()) {
                return Err(self.invalid(item, Reason::NotOneOf(allowed.join(", "))));
            }
        }
        Ok(())
    }
}

/// Items of a list in order, blanks around them removed, repetitions dropped; none in an empty text.
fn split_list(text: &str) -> Vec<String> {
    let mut items: Vec<String> = Vec::new();
    if text.is_empty() {
        return items;
    }
    let mut seen = std::collections::HashSet::new();
    for item in text.split(',').map(str::trim) {
        if seen.insert(item) {
            items.push(item.to_owned());
        }
    }
    items
}

fn whole(value: &Value) -> Option<i64> {
    match value {
        Value::Int(v) => Some(i64::from(*v)),
        Value::Short(v) => Some(i64::from(*v)),
        Value::Long(v) => Some(*v),
        Value::Boolean(_)
        | Value::String(_)
        | Value::Double(_)
        | Value::List(_)
        | Value::Class(_)
        | Value::Password(_) => None,
    }
}

fn are_replicas(items: &[String]) -> bool {
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    items == ["*"]
        || items
            .iter()
            .all(|item| item.split_once(':').is_some_and(|(partition, broker)| digits(partition) && digits(broker)))
}
