//! Rules that concern more than one key, or the value that a running broker has: what Apache Kafka
//! 4.4.0 took and refused when it was asked the same.
//!
//! All are asked of merged values: a topic's own over the broker's, a broker's own over those for
//! all. So a value for all brokers that this one overrides is not held against this one's.

use super::alter::{AlterError, BrokerTarget};
use super::broker::BrokerSettings;
use super::keys::{broker_key, topic_key};
use super::layers::{Layers, Overrides};
use super::synonyms::broker_synonyms;
use super::value::{Reason, SettingError, Value};

/// Each thread of the cleaner needs more than this for its keys.
const DEDUPE_BYTES_PER_THREAD: i64 = 1 << 20;

/// The assignors of consumer groups.
const ASSIGNORS: [&str; 2] = ["uniform", "range"];

/// The number of cleaners may change by this factor at once, either way.
const THREADS_FACTOR: u32 = 2;

/// "Whatever holds for all segments", for segments that are in remote storage too.
const LOCAL_FOLLOWS: i64 = -2;

/// "No limit."
const UNLIMITED: i64 = -1;

/// What a broker's values must be beside each other.
pub(super) fn check_together(layers: &Layers<'_>) -> Result<(), SettingError> {
    check_retention(layers)?;
    check_cleaner(layers)?;
    check_consumer_groups(layers)?;
    check_local(layers, ("log.local.retention.bytes", whole(layers, "log.retention.bytes").unwrap_or(UNLIMITED)))?;
    check_local(layers, ("log.local.retention.ms", retention_ms(layers)))
}

/// Whether a topic with these values of its own may exist on this broker.
pub fn check_topic_change(layers: &Layers<'_>, topic: &Overrides) -> Result<(), AlterError> {
    let lag = |name| {
        let key = topic_key(name).expect("a topic key that is read is in the table");
        match layers.topic_value(key, topic) {
            Some(Value::Long(value)) => value,
            other => unreachable!("{name} is a LONG with a default, not {other:?}"),
        }
    };
    let (low, high) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    let (low_value, high_value) = (lag(low), lag(high));
    if low_value > high_value {
        return Err(AlterError::InvalidConfig(SettingError::Conflict { low, low_value, high, high_value }));
    }
    Ok(())
}

/// Whether the running broker that `layers` is about may have `next` as its own values, or as those of all brokers.
pub fn check_broker_change(layers: &Layers<'_>, target: BrokerTarget, next: &Overrides) -> Result<(), AlterError> {
    let after = match target {
        BrokerTarget::One => Layers { broker: next, ..*layers },
        BrokerTarget::All => Layers { cluster: next, ..*layers },
    };
    let after = BrokerSettings::resolve(&after).map_err(AlterError::InvalidRequest)?.cleaner;
    // What is in force fits, or it would not be.
    let Ok(BrokerSettings { cleaner: before, .. }) = BrokerSettings::resolve(layers) else { return Ok(()) };
    let fewest = before.threads / THREADS_FACTOR;
    let most = before.threads.saturating_mul(THREADS_FACTOR);
    // Who cleans nothing has no cleaners to add or to end.
    if before.enable && !(fewest..=most).contains(&after.threads) {
        return Err(AlterError::InvalidRequest(SettingError::Together {
            key: "log.cleaner.threads",
            value: i64::from(after.threads),
            why: "Value must be from half to double of that in force,",
            other: "log.cleaner.threads",
            other_value: i64::from(before.threads),
        }));
    }
    Ok(())
}

/// The age in the finest unit that is set counts: for ever when negative, else at least 1.
fn check_retention(layers: &Layers<'_>) -> Result<(), SettingError> {
    let set = broker_synonyms("log.retention.ms").into_iter().find_map(|name| Some((name, whole(layers, name)?)));
    match set {
        Some((name, 0)) => {
            let key = broker_key(name).expect("a broker key that is read is in the table");
            Err(key.invalid("0", Reason::NotUnlimitedOrPositive))
        }
        Some(_) | None => Ok(()),
    }
}

/// What groups of the new protocol go by lies between the least and the greatest that one may set for itself; and assignors
/// are those that there are: Kafka would load others as Java classes.
fn check_consumer_groups(layers: &Layers<'_>) -> Result<(), SettingError> {
    for (least, key, greatest) in [
        (
            "group.consumer.min.session.timeout.ms",
            "group.consumer.session.timeout.ms",
            "group.consumer.max.session.timeout.ms",
        ),
        (
            "group.consumer.min.heartbeat.interval.ms",
            "group.consumer.heartbeat.interval.ms",
            "group.consumer.max.heartbeat.interval.ms",
        ),
        (
            "group.consumer.min.assignment.interval.ms",
            "group.consumer.assignment.interval.ms",
            "group.consumer.max.assignment.interval.ms",
        ),
    ] {
        let (Some(value), Some(least_value), Some(greatest_value)) =
            (whole(layers, key), whole(layers, least), whole(layers, greatest))
        else {
            continue;
        };
        let (why, other, other_value) = match value {
            _ if value < least_value => ("Value must not be less than", least, least_value),
            _ if value > greatest_value => ("Value must not be more than", greatest, greatest_value),
            _ => continue,
        };
        return Err(SettingError::Together { key, value, why, other, other_value });
    }
    check_consumer_heartbeat(layers)?;
    let key = broker_key("group.consumer.assignors").expect("a broker key that is read is in the table");
    let Some(Value::List(assignors)) = layers.broker_value(key.name) else { return Ok(()) };
    match assignors.iter().find(|name| !ASSIGNORS.contains(&name.as_str())) {
        Some(other) => Err(key.invalid(other, Reason::NotOneOf(ASSIGNORS.join(", ")))),
        None => Ok(()),
    }
}

/// A member that keeps the pause between heartbeats is not to be missed.
fn check_consumer_heartbeat(layers: &Layers<'_>) -> Result<(), SettingError> {
    let (key, other) = ("group.consumer.heartbeat.interval.ms", "group.consumer.session.timeout.ms");
    match (whole(layers, key), whole(layers, other)) {
        (Some(value), Some(other_value)) if value >= other_value => {
            Err(SettingError::Together { key, value, why: "Value must be less than", other, other_value })
        }
        _ => Ok(()),
    }
}

fn check_cleaner(layers: &Layers<'_>) -> Result<(), SettingError> {
    let (name, other) = ("log.cleaner.threads", "log.cleaner.dedupe.buffer.size");
    let (Some(threads), Some(bytes)) = (whole(layers, name), whole(layers, other)) else { return Ok(()) };
    if threads < 1 {
        let key = broker_key(name).expect("a broker key that is read is in the table");
        return Err(key.invalid(&threads.to_string(), Reason::TooSmall("1".to_owned())));
    }
    if bytes / threads <= DEDUPE_BYTES_PER_THREAD {
        return Err(SettingError::Together {
            key: other,
            value: bytes,
            why: "Value must be more than 1 MiB for each of",
            other: name,
            other_value: threads,
        });
    }
    Ok(())
}

/// What stays on the local disk is no more than what stays at all.
fn check_local(layers: &Layers<'_>, (key, all): (&'static str, i64)) -> Result<(), SettingError> {
    let Some(value) = whole(layers, key) else { return Ok(()) };
    let other = if key == "log.local.retention.ms" { "log.retention.ms" } else { "log.retention.bytes" };
    let why = match value {
        LOCAL_FOLLOWS => return Ok(()),
        _ if all == UNLIMITED => return Ok(()),
        UNLIMITED => "Value must not be -1 beside",
        _ if value > all => "Value must not be more than",
        _ => return Ok(()),
    };
    Err(SettingError::Together { key, value, why, other, other_value: all })
}

/// The retention time, -1 for no limit.
fn retention_ms(layers: &Layers<'_>) -> i64 {
    let key = topic_key("retention.ms").expect("a topic key that is read is in the table");
    match layers.topic_value(key, &Overrides::new()) {
        Some(Value::Long(ms)) => ms,
        other => unreachable!("retention.ms is a LONG with a default, not {other:?}"),
    }
}

/// A whole number in force; none for null, and for a text that does not fit, which is for others to say.
fn whole(layers: &Layers<'_>, name: &str) -> Option<i64> {
    match layers.broker_value(name)? {
        Value::Int(value) => Some(i64::from(value)),
        Value::Long(value) => Some(value),
        other => unreachable!("{name} is a whole number, not {other:?}"),
    }
}
