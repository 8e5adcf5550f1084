//! Altering: what Apache Kafka 4.4.0 took and refused when it was asked the same.

use proptest::prelude::*;

use crate::settings::{
    AlterError, BrokerTarget, Change, ConsumerLimits, ConsumerTimes, Layers, Op, Origin, Overrides, StaticValue,
    Statics, broker_changes, broker_replacement, check_group_change, topic_changes, topic_replacement,
};

fn overrides(entries: &[(&str, &str)]) -> Overrides {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

fn topic(before: &[(&str, &str)], op: Op, key: &str, value: Option<&str>) -> Result<Overrides, AlterError> {
    topic_changes(&overrides(before), &[Change { key, op, value }])
}

#[test]
fn ad_6_lists_gain_and_lose_items() {
    let policy = "cleanup.policy";
    for (before, op, items, after) in [
        (None, Op::Append, "compact", "delete,compact"),
        (None, Op::Subtract, "compact", "delete"),
        (None, Op::Subtract, "delete", ""),
        (Some("delete,delete"), Op::Append, "compact", "delete,compact"),
        (Some("delete,compact"), Op::Append, "compact", "delete,compact"),
        (Some("delete,compact"), Op::Subtract, "delete", "compact"),
        (Some("compact"), Op::Subtract, "compact", ""),
        (Some(""), Op::Append, " compact", "compact"),
        (Some("compact,delete"), Op::Set, "delete", "delete"),
    ] {
        let before: Vec<_> = before.map(|text| (policy, text)).into_iter().collect();
        let got = topic(&before, op, policy, Some(items)).expect("is taken");
        assert_eq!(got, overrides(&[(policy, after)]), "{before:?} {op:?} {items}");
    }
    assert_eq!(topic(&[(policy, "compact")], Op::Delete, policy, None), Ok(Overrides::new()));
    assert_eq!(topic(&[], Op::Delete, "nope", None), Ok(Overrides::new()));
}

#[test]
fn ad_4_and_ad_6_what_a_topic_refuses() {
    for (op, key, value, message) in [
        (Op::Set, "nope", Some("1"), "Unknown topic config name: nope"),
        (Op::Append, "retention.ms", Some("5"), "Can't APPEND to key retention.ms because its type is not LIST."),
        (Op::Subtract, "retention.ms", Some("5"), "Can't SUBTRACT to key retention.ms because its type is not LIST."),
        (Op::Append, "nope", Some("5"), "Can't APPEND to key nope because its type is not LIST."),
        (
            Op::Append,
            "cleanup.policy",
            Some(""),
            "Invalid value delete, for configuration cleanup.policy: List values must not be empty",
        ),
        (
            Op::Set,
            "retention.ms",
            Some("abc"),
            "Invalid value abc for configuration retention.ms: Not a number of type LONG",
        ),
        (
            Op::Set,
            "remote.storage.enable",
            Some("true"),
            "Configuration remote.storage.enable cannot be set to true: remote storage is not served yet; leave it false",
        ),
    ] {
        let error = topic(&[("max.compaction.lag.ms", "4")], op, key, value).expect_err(message);
        assert_eq!(error.to_string(), message);
        assert!(error.is_invalid_config(), "{message}");
    }
    let null = topic(&[], Op::Set, "retention.ms", None).expect_err("null");
    assert_eq!(null, AlterError::NullValue("retention.ms".into()));
    assert!(!null.is_invalid_config());
    let twice = Change { key: "retention.ms", op: Op::Set, value: Some("1") };
    assert_eq!(topic_changes(&Overrides::new(), &[twice, twice]), Err(AlterError::DuplicateKey("retention.ms".into())));
    assert!(topic_replacement([("nope", Some("1"))]).is_err());
    assert!(topic_replacement([("retention.ms", None)]).is_err());
    assert!(topic_replacement([("retention.ms", Some("1")), ("retention.ms", Some("2"))]).is_err());
    assert!(topic_replacement([("remote.storage.enable", Some("false"))]).is_ok());
}

#[test]
fn a_refused_request_changes_nothing_and_others_stay() {
    let before = overrides(&[("retention.ms", "5"), ("segment.bytes", "2000000")]);
    let changes = [
        Change { key: "retention.ms", op: Op::Delete, value: None },
        Change { key: "max.message.bytes", op: Op::Set, value: Some("10") },
    ];
    let after = topic_changes(&before, &changes).expect("is taken");
    assert_eq!(after, overrides(&[("segment.bytes", "2000000"), ("max.message.bytes", "10")]));
    let replaced = topic_replacement([("flush.ms", Some("1"))]).expect("is taken");
    assert_eq!(replaced, overrides(&[("flush.ms", "1")]));
}

#[test]
fn brokers_take_what_is_dynamic_and_where() {
    use BrokerTarget::{All, One};
    for (target, key, value, expected) in [
        (One, "nope", "1", Ok(())),
        (All, "log.roll.ms", "0", Err("Invalid value 0 for configuration log.roll.ms: Value must be at least 1")),
        (
            One,
            "max.connections.per.ip.overrides",
            "x",
            Err(
                "Invalid value x for configuration max.connections.per.ip.overrides: Value must be a list of the form address:count,address:count,...",
            ),
        ),
        (All, "nope", "1", Ok(())),
        (One, "max.connections", "77", Ok(())),
        (All, "log.retention.ms", "5", Ok(())),
        (One, "listener.name.plaintext.ssl.keystore.location", "/x", Ok(())),
        (One, "num.partitions", "2", Err("Cannot update these configs dynamically: [num.partitions]")),
        (One, "log.retention.hours", "2", Err("Cannot update these configs dynamically: [log.retention.hours]")),
        (All, "ottla.durability", "os", Err("Cannot update these configs dynamically: [ottla.durability]")),
        (
            All,
            "listeners",
            "PLAINTEXT://:1",
            Err("Cannot update these configs at default cluster level, broker id must be specified: [listeners]"),
        ),
        (
            One,
            "listeners",
            "PLAINTEXT://:1",
            Err("Configuration listeners is taken at start only; set it in server.properties"),
        ),
        (
            All,
            "log.segment.bytes",
            "1",
            Err("Invalid value 1 for configuration log.segment.bytes: Value must be at least 1048576"),
        ),
        (
            One,
            "ssl.keystore.password",
            "x",
            Err(
                "These security configs can be dynamically updated only per-listener using the listener prefix: [ssl.keystore.password]",
            ),
        ),
    ] {
        let changes = [Change { key, op: Op::Set, value: Some(value) }];
        let got = broker_changes(target, &Overrides::new(), &changes);
        let replaced = broker_replacement(target, [(key, Some(value))]);
        assert_eq!(got, replaced);
        match expected {
            Ok(()) => assert_eq!(got, Ok(overrides(&[(key, value)]))),
            Err(message) => {
                let error = got.expect_err(message);
                assert_eq!(error.to_string(), message);
                assert!(!error.is_invalid_config());
            }
        }
    }
}

proptest! {
    #[test]
    fn junk_never_panics(
        names in proptest::collection::vec("[a-z.]{0,12}|cleanup\\.policy|retention\\.ms|\\PC{0,9}", 1..5),
        texts in proptest::collection::vec("\\PC{0,12}|compact|delete|,,|[0-9]{1,25}", 5),
        ops in proptest::collection::vec(0i8..6, 5),
    ) {
        let changes: Vec<Change> = names
            .iter()
            .zip(&texts)
            .zip(&ops)
            .filter_map(|((key, text), op)| Some(Change { key, op: Op::from_wire(*op)?, value: Some(text) }))
            .collect();
        let before = overrides(&[("cleanup.policy", "compact")]);
        let _ = broker_changes(BrokerTarget::All, &before, &changes);
        if let Ok(after) = topic_changes(&before, &changes) {
            // What was taken is taken again as a whole.
            let again = topic_replacement(after.iter().map(|(k, v)| (k.as_str(), Some(v.as_str()))));
            prop_assert_eq!(again, Ok(after));
        }
    }
}

/// A group's session outlasts the pause between its heartbeats, wherever either comes from.
#[test]
fn a_group_s_values_fit_the_broker_s() {
    let of_broker = |entries: &[(&str, &str)]| -> Statics {
        let value = |text: &str| StaticValue { text: text.to_owned(), origin: Origin::Default };
        entries.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
    };
    let none = Overrides::new();
    let check = |statics: &Statics, own: &[(&str, &str)]| {
        let layers = Layers { statics, cluster: &none, broker: &none };
        check_group_change(&layers, &overrides(own)).map_err(|error| error.to_string())
    };
    let wide = of_broker(&[
        ("group.consumer.min.session.timeout.ms", "1000"),
        ("group.consumer.max.heartbeat.interval.ms", "50000"),
    ]);
    let (session, heartbeat) = ("consumer.session.timeout.ms", "consumer.heartbeat.interval.ms");
    assert_eq!(check(&wide, &[(session, "6000")]), Ok(()));
    let refused = Err("consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms".to_owned());
    assert_eq!(check(&wide, &[(session, "5000")]), refused, "the broker's heartbeat interval is 5 s");
    assert_eq!(check(&wide, &[(heartbeat, "45000")]), refused);
    assert_eq!(check(&wide, &[(heartbeat, "44999")]), Ok(()));
    assert!(check(&of_broker(&[]), &[(session, "6000")]).is_err_and(|why| why.contains("range 45000 to 60000")));
    assert_eq!(check(&of_broker(&[]), &[]), Ok(()));
}

/// A start with other limits takes what was set under the old ones as far as it goes.
#[test]
fn a_group_s_old_values_are_brought_within_limits() {
    let limits = ConsumerLimits {
        session_timeout_ms: 45_000..=60_000,
        heartbeat_interval_ms: 5_000..=15_000,
        assignment_interval_ms: 0..=15_000,
    };
    let inherited =
        ConsumerTimes { session_timeout_ms: 45_000, heartbeat_interval_ms: 5_000, assignment_interval_ms: 1_000 };
    let own = [("consumer.session.timeout.ms", "70000"), ("consumer.heartbeat.interval.ms", " 1 ")];
    let times = inherited.with(&overrides(&own), &limits);
    assert_eq!((times.session_timeout_ms, times.heartbeat_interval_ms), (60_000, 5_000));
    assert_eq!(times.assignment_interval_ms, 1_000);
    assert_eq!(inherited.with(&overrides(&[("consumer.session.timeout.ms", "odd")]), &limits), inherited);
}
