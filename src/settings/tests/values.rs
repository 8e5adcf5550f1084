//! Reading single values, good and bad. The texts of errors are those tools know from Kafka.

use proptest::prelude::*;

use crate::settings::{broker_key, broker_keys, nearest_key, topic_key, topic_keys};

fn check(key: &str, text: &str, expected: Result<&str, &str>) {
    let key = topic_key(key).or_else(|| broker_key(key)).expect("a known key");
    let got = key.parse(text).map(|v| v.to_string()).map_err(|e| e.to_string());
    assert_eq!(got.as_deref().map_err(String::as_str), expected, "{} = {text:?}", key.name);
}

#[test]
fn values_that_are_taken() {
    for (key, text, shown) in [
        ("preallocate", "TRUE", "true"),
        ("retention.ms", " 1000 ", "1000"),
        ("retention.ms", "+5", "5"),
        ("retention.ms", "-1", "-1"),
        ("cleanup.policy", "", ""),
        ("cleanup.policy", " compact , delete", "compact,delete"),
        ("cleanup.policy", "delete,delete", "delete"),
        ("compression.gzip.level", "-1", "-1"),
        ("compression.zstd.level", "-131072", "-131072"),
        ("min.cleanable.dirty.ratio", "1", "1.0"),
        ("log.cleaner.io.max.bytes.per.second", "1e308", "1.0E308"),
        ("log.cleaner.io.max.bytes.per.second", "12345678.5", "1.23456785E7"),
        ("log.cleaner.io.max.bytes.per.second", "0.00012", "1.2E-4"),
        ("log.cleaner.io.max.bytes.per.second", "1000000", "1000000.0"),
        ("leader.replication.throttled.replicas", "*", "*"),
        ("leader.replication.throttled.replicas", "0:1, 1:2", "0:1,1:2"),
        ("group.consumer.migration.policy", "upgrade", "upgrade"),
        ("listener.name.external.max.connections", "7", "7"),
        ("ssl.key.password", "secret", "[hidden]"),
    ] {
        check(key, text, Ok(shown));
    }
}

#[test]
fn values_that_are_refused() {
    for (key, text, why) in [
        ("retention.ms", "abc", "Invalid value abc for configuration retention.ms: Not a number of type LONG"),
        ("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
        ("retention.bytes", "", "Invalid value  for configuration retention.bytes: Not a number of type LONG"),
        (
            "segment.bytes",
            "3000000000",
            "Invalid value 3000000000 for configuration segment.bytes: Not a number of type INT",
        ),
        ("segment.bytes", "10", "Invalid value 10 for configuration segment.bytes: Value must be at least 1048576"),
        (
            "compression.lz4.level",
            "99",
            "Invalid value 99 for configuration compression.lz4.level: Value must be no more than 17",
        ),
        (
            "compression.gzip.level",
            "0",
            "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1",
        ),
        (
            "compression.type",
            "GZIP",
            "Invalid value GZIP for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer",
        ),
        (
            "cleanup.policy",
            "foo",
            "Invalid value foo for configuration cleanup.policy: String must be one of: compact, delete",
        ),
        (
            "cleanup.policy",
            "delete,,",
            "Invalid value delete, for configuration cleanup.policy: List values must not be empty",
        ),
        (
            "controller.quorum.voters",
            ",",
            "Invalid value  for configuration controller.quorum.voters: List values must not be empty",
        ),
        ("listeners", "", "Invalid value  for configuration listeners: List must not be empty"),
        (
            "preallocate",
            "maybe",
            "Invalid value maybe for configuration preallocate: Expected value to be either true or false",
        ),
        (
            "min.cleanable.dirty.ratio",
            "2",
            "Invalid value 2.0 for configuration min.cleanable.dirty.ratio: Value must be no more than 1",
        ),
        (
            "min.cleanable.dirty.ratio",
            "NaN",
            "Invalid value NaN for configuration min.cleanable.dirty.ratio: Not a number of type DOUBLE",
        ),
        (
            "group.consumer.migration.policy",
            "no",
            "Invalid value no for configuration group.consumer.migration.policy: String must be one of (case insensitive): DISABLED, DOWNGRADE, UPGRADE, BIDIRECTIONAL",
        ),
        (
            "remote.log.storage.manager.impl.prefix",
            " ",
            "Invalid value  for configuration remote.log.storage.manager.impl.prefix: String must be non-empty",
        ),
        (
            "offsets.topic.replication.factor",
            "40000",
            "Invalid value 40000 for configuration offsets.topic.replication.factor: Not a number of type SHORT",
        ),
    ] {
        check(key, text, Err(why));
    }
    for text in ["abc", "0:", ":1", "0:1,", "*,0:1", "a:b"] {
        let key = topic_key("leader.replication.throttled.replicas").expect("a known key");
        assert!(key.parse(text).is_err(), "{text}");
    }
}

#[test]
fn passwords_show_nowhere() {
    let key = broker_key("ssl.key.password").expect("a known key");
    let value = key.parse("tell nobody").expect("any text is a password");
    assert!(!format!("{value} {value:?}").contains("nobody"));
}

#[test]
fn misspelt_names_find_their_key() {
    for (name, expected) in [
        ("num.partition", Some("num.partitions")),
        ("log.retension.ms", Some("log.retention.ms")),
        ("NUM_PARTITIONS", Some("num.partitions")),
        ("retention.ms", Some("log.retention.ms")),
        ("segment.bytes", Some("log.segment.bytes")),
        ("ottla.durabilty", Some("ottla.durability")),
        ("zzzzzzzz", None),
        ("", None),
    ] {
        assert_eq!(nearest_key(name), expected, "{name}");
    }
    assert_eq!(nearest_key(&"x".repeat(1 << 20)), None);
}

proptest! {
    #[test]
    fn junk_never_panics_and_what_is_shown_reads_back(text in "\\PC{0,40}|[-+0-9eE.,:* ]{0,24}") {
        for key in broker_keys().iter().chain(topic_keys()) {
            if let Ok(value) = key.parse(&text)
                && !key.is_sensitive() {
                    prop_assert_eq!(key.parse(&value.to_string()), Ok(value));
                }
        }
        let _ = nearest_key(&text);
    }
}
