//! Keys that set limits for one another: what Apache Kafka 4.4.0 took and refused when it was asked the same.

use crate::settings::{
    BrokerSettings, BrokerTarget, Layers, Origin, Overrides, StaticValue, Statics, TopicSettings, check_broker_change,
    check_topic_change,
};
use proptest::prelude::*;

fn overrides(entries: &[(&str, &str)]) -> Overrides {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn statics(entries: &[(&str, &str)]) -> Statics {
    let value = |text: &str| StaticValue { text: text.into(), origin: Origin::Flag("-o".into()) };
    entries.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
}

/// Values of a broker: static, for all, its own.
#[derive(Default)]
struct Values {
    statics: Statics,
    cluster: Overrides,
    broker: Overrides,
}

impl Values {
    fn layers(&self) -> Layers<'_> {
        Layers { statics: &self.statics, cluster: &self.cluster, broker: &self.broker }
    }

    /// Asks for new values, and takes them over.
    fn alter(&mut self, target: BrokerTarget, next: &[(&str, &str)]) -> Result<(), String> {
        let next = overrides(next);
        check_broker_change(&self.layers(), target, &next).map_err(|error| {
            assert!(!error.is_invalid_config(), "{error}");
            error.to_string()
        })?;
        match target {
            BrokerTarget::One => self.broker = next,
            BrokerTarget::All => self.cluster = next,
        }
        Ok(())
    }
}

const THREADS: &str = "log.cleaner.threads";
const DEDUPE: &str = "log.cleaner.dedupe.buffer.size";

#[test]
fn what_a_start_refuses() {
    let none = Overrides::new();
    for (set, expected) in [
        (&[("log.retention.hours", "0")][..], Err("log.retention.hours: Value must be -1 (unlimited) or at least 1")),
        (&[("log.retention.minutes", "0")], Err("log.retention.minutes: Value must be -1 (unlimited) or at least 1")),
        (&[("log.retention.hours", "0"), ("log.retention.ms", "5")], Ok(())),
        (&[("log.retention.minutes", "-5")], Ok(())),
        (&[("log.retention.ms", "-2")], Ok(())),
        (&[(THREADS, "0")], Err("log.cleaner.threads: Value must be at least 1")),
        (
            &[(DEDUPE, "1048576")],
            Err("log.cleaner.dedupe.buffer.size: Value must be more than 1 MiB for each of log.cleaner.threads (1)"),
        ),
        (&[(DEDUPE, "1048577")], Ok(())),
        (
            &[(DEDUPE, "2097153"), (THREADS, "2")],
            Err("log.cleaner.dedupe.buffer.size: Value must be more than 1 MiB for each of log.cleaner.threads (2)"),
        ),
        (&[(DEDUPE, "2097154"), (THREADS, "2")], Ok(())),
        (
            &[(THREADS, "128")],
            Err("log.cleaner.dedupe.buffer.size: Value must be more than 1 MiB for each of log.cleaner.threads (128)"),
        ),
        (
            &[(DEDUPE, "-1")],
            Err("log.cleaner.dedupe.buffer.size: Value must be more than 1 MiB for each of log.cleaner.threads (1)"),
        ),
        (&[("log.cleaner.enable", "false"), (THREADS, "0")], Err("log.cleaner.threads: Value must be at least 1")),
        (&[("log.cleaner.io.buffer.size", "0"), ("log.cleaner.io.max.bytes.per.second", "-1")], Ok(())),
        (&[("log.cleaner.io.buffer.load.factor", "1.1")], Ok(())),
        (
            &[("group.consumer.session.timeout.ms", "44999")],
            Err(
                "group.consumer.session.timeout.ms: Value must not be less than group.consumer.min.session.timeout.ms (45000)",
            ),
        ),
        (&[("group.consumer.session.timeout.ms", "6000"), ("group.consumer.min.session.timeout.ms", "6000")], Ok(())),
        (
            &[("group.consumer.heartbeat.interval.ms", "15001")],
            Err(
                "group.consumer.heartbeat.interval.ms: Value must not be more than group.consumer.max.heartbeat.interval.ms (15000)",
            ),
        ),
        (
            &[("group.consumer.session.timeout.ms", "5000"), ("group.consumer.min.session.timeout.ms", "1")],
            Err(
                "group.consumer.heartbeat.interval.ms: Value must be less than group.consumer.session.timeout.ms (5000)",
            ),
        ),
        (&[("group.consumer.session.timeout.ms", "5001"), ("group.consumer.min.session.timeout.ms", "1")], Ok(())),
        (
            &[("group.consumer.max.assignment.interval.ms", "999")],
            Err(
                "group.consumer.assignment.interval.ms: Value must not be more than group.consumer.max.assignment.interval.ms (999)",
            ),
        ),
        (
            &[("group.consumer.assignors", "range,org.example.Mine")],
            Err("group.consumer.assignors: String must be one of: uniform, range"),
        ),
        (&[("group.consumer.assignors", "range")], Ok(())),
        (&[("log.cleaner.min.compaction.lag.ms", "10"), ("log.cleaner.max.compaction.lag.ms", "9")], Ok(())),
        (&[("log.local.retention.bytes", "5")], Ok(())),
        (
            &[("log.local.retention.bytes", "2000"), ("log.retention.bytes", "1000")],
            Err("log.local.retention.bytes: Value must not be more than log.retention.bytes (1000)"),
        ),
        (
            &[("log.local.retention.ms", "-1")],
            Err("log.local.retention.ms: Value must not be -1 beside log.retention.ms (604800000)"),
        ),
        (&[("log.local.retention.ms", "-1"), ("log.retention.hours", "-1")], Ok(())),
        (
            &[("log.local.retention.ms", "3600001"), ("log.retention.hours", "1")],
            Err("log.local.retention.ms: Value must not be more than log.retention.ms (3600000)"),
        ),
        (
            &[("log.local.retention.ms", "-2"), ("log.local.retention.bytes", "-2"), ("log.retention.bytes", "1")],
            Ok(()),
        ),
    ] {
        let file = statics(set);
        let got = BrokerSettings::resolve(&Layers { statics: &file, cluster: &none, broker: &none });
        match expected {
            Ok(()) => assert!(got.is_ok(), "{set:?}: {got:?}"),
            Err(ending) => {
                let error = got.expect_err(ending).to_string();
                assert!(error.starts_with("Invalid value ") && error.ends_with(ending), "{set:?}: {error}");
            }
        }
    }
}

#[test]
fn cleaners_go_to_half_or_double_at_once() {
    use BrokerTarget::{All, One};
    let mut values = Values::default();
    assert!(values.alter(One, &[(THREADS, "0")]).is_err());
    assert!(values.alter(All, &[(THREADS, "0")]).is_err());
    assert!(values.alter(One, &[(THREADS, "3")]).is_err());
    values.alter(One, &[(THREADS, "2")]).expect("double");
    values.alter(One, &[(THREADS, "4")]).expect("double");
    assert_eq!(
        values.alter(One, &[(THREADS, "1")]).expect_err("a quarter"),
        "Invalid value 1 for configuration log.cleaner.threads: Value must be from half to double of that in force, log.cleaner.threads (4)"
    );
    assert!(values.alter(One, &[(THREADS, "9")]).is_err());
    assert!(values.alter(One, &[(THREADS, "4"), (DEDUPE, "4194304")]).is_err());
    assert!(values.alter(One, &[]).is_err(), "back to the default is a quarter, too");
    values.alter(One, &[(THREADS, "3")]).expect("a little less");
    for hidden in ["2", "3", "5", "7", "100"] {
        values.alter(All, &[(THREADS, hidden)]).expect("this broker has a value of its own");
    }
    assert!(values.alter(One, &[]).is_err(), "100 would show");
    values.alter(All, &[]).expect("nothing shows");
    values.alter(One, &[]).expect("half of 3 is 1");

    let mut values = Values { statics: statics(&[("log.cleaner.enable", "false")]), ..Values::default() };
    values.alter(One, &[(THREADS, "9")]).expect("nobody cleans");
}

#[test]
fn altered_values_meet_those_that_are_there() {
    use BrokerTarget::{All, One};
    let mut values = Values { statics: statics(&[("log.retention.bytes", "1000")]), ..Values::default() };
    assert!(values.alter(All, &[("log.local.retention.bytes", "1001")]).is_err());
    values.alter(All, &[("log.local.retention.bytes", "1000")]).expect("as much");
    assert!(values.alter(One, &[("log.retention.bytes", "999")]).is_err());
    assert!(values.alter(One, &[("log.retention.ms", "0")]).is_err());
    values.alter(One, &[("log.retention.ms", "-7")]).expect("for ever");
    let defaults = BrokerSettings::resolve(&values.layers()).expect("fits").topic_defaults;
    assert_eq!((defaults.retention_ms, defaults.retention_bytes), (None, Some(1000)));
    let shown = values.layers().topic_entry("retention.ms", &Overrides::new());
    assert_eq!(shown.value.as_deref(), Some("-1"));
}

#[test]
fn a_topics_lags_meet_the_brokers() {
    let (low, high) = ("min.compaction.lag.ms", "max.compaction.lag.ms");
    let conflict = |low: i64, high: i64| {
        Err(format!("conflict topic config setting min.compaction.lag.ms ({low}) > max.compaction.lag.ms ({high})"))
    };
    for (broker, topic, expected) in [
        (&[][..], &[(low, "10"), (high, "9")][..], conflict(10, 9)),
        (&[], &[(low, "10"), (high, "10")], Ok(())),
        (&[], &[(low, "10"), (high, "9"), ("cleanup.policy", "delete")], conflict(10, 9)),
        (&[], &[(low, "9223372036854775807")], Ok(())),
        (&[("log.cleaner.max.compaction.lag.ms", "100")], &[(low, "101")], conflict(101, 100)),
        (&[("log.cleaner.max.compaction.lag.ms", "100")], &[(low, "101"), (high, "101")], Ok(())),
        (&[("log.cleaner.min.compaction.lag.ms", "50")], &[(high, "49")], conflict(50, 49)),
        (&[("log.cleaner.min.compaction.lag.ms", "50")], &[(high, "50")], Ok(())),
    ] {
        let values = Values { cluster: overrides(broker), ..Values::default() };
        let got = check_topic_change(&values.layers(), &overrides(topic)).map_err(|error| {
            assert!(error.is_invalid_config());
            error.to_string()
        });
        assert_eq!(got, expected, "{broker:?} {topic:?}");
    }
}

#[test]
fn cleaner_settings_follow_the_layers() {
    let mut values =
        Values { statics: statics(&[(THREADS, "2"), ("log.cleaner.backoff.ms", "7")]), ..Values::default() };
    values.cluster = overrides(&[(DEDUPE, "4000000"), ("log.cleaner.io.buffer.size", "65536")]);
    values.broker = overrides(&[("log.cleaner.io.max.bytes.per.second", "1e6"), (THREADS, "3")]);
    let cleaner = BrokerSettings::resolve(&values.layers()).expect("fits").cleaner;
    assert_eq!((cleaner.enable, cleaner.threads, cleaner.backoff_ms), (true, 3, 7));
    assert_eq!((cleaner.dedupe_buffer_bytes, cleaner.io_buffer_bytes), (4_000_000, 65_536));
    assert_eq!((cleaner.load_factor, cleaner.io_max_bytes_per_second), (0.9, 1_000_000.0));
    let topic = TopicSettings::resolve(&values.layers(), &overrides(&[("min.cleanable.dirty.ratio", "0.25")]));
    assert_eq!((topic.min_cleanable_dirty_ratio, topic.delete_retention_ms), (0.25, 86_400_000));
}

proptest! {
    #[test]
    fn junk_never_panics(
        names in proptest::collection::vec(
            "log\\.cleaner\\.threads|log\\.cleaner\\.dedupe\\.buffer\\.size|log\\.retention\\.(ms|hours|bytes)|log\\.local\\.retention\\.(ms|bytes)|min\\.compaction\\.lag\\.ms|max\\.compaction\\.lag\\.ms",
            1..6,
        ),
        texts in proptest::collection::vec("-?[0-9]{1,20}|\\PC{0,6}", 6),
    ) {
        let set: Overrides = names.iter().cloned().zip(texts).collect();
        let nothing = Overrides::new();
        let file = Statics::new();
        let layers = Layers { statics: &file, cluster: &set, broker: &nothing };
        let _ = BrokerSettings::resolve(&layers);
        let _ = check_topic_change(&layers, &set);
        let _ = check_broker_change(&layers, BrokerTarget::One, &set);
        let _ = check_broker_change(&layers, BrokerTarget::All, &nothing);
    }
}
