//! Layers and sources, against two scenes played on an Apache Kafka 4.4.0 node
//! (`fixtures/kafka-4.4-layers.json` holds what its answers had beyond the defaults).

use serde_json::Value as Json;

use crate::settings::{
    BrokerSettings, CleanupPolicy, Compression, Durability, Layers, Origin, Overrides, Resolved, Source, StaticValue,
    Statics, TopicSettings,
};

const SCENES: &str = include_str!("../fixtures/kafka-4.4-layers.json");

fn statics(entries: &[(&str, &str)]) -> Statics {
    let value = |text: &str| StaticValue { text: text.into(), origin: Origin::Flag("-o".into()) };
    entries.iter().map(|(name, text)| ((*name).to_owned(), value(text))).collect()
}

fn overrides(entries: &[(&str, &str)]) -> Overrides {
    entries.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
}

/// The node's own file.
const STATIC: &[(&str, &str)] = &[
    ("log.retention.hours", "100"),
    ("log.roll.hours", "24"),
    ("log.roll.jitter.hours", "1"),
    ("log.segment.bytes", "20000000"),
    ("message.max.bytes", "2000000"),
    ("log.flush.interval.ms", "5000"),
    ("listener.name.plaintext.max.connections", "55"),
    ("not.a.key", "1"),
];
const CLUSTER: &[(&str, &str)] = &[
    ("log.retention.bytes", "500000000"),
    ("log.roll.ms", "7200000"),
    ("log.cleanup.policy", "compact,delete"),
    ("message.max.bytes", "3000000"),
    // Kafka 4 keeps this one itself, for its eligible leader replicas.
    ("min.insync.replicas", "1"),
    ("nope", "1"),
];
const BROKER: &[(&str, &str)] = &[
    ("log.cleanup.policy", "compact"),
    ("max.connections", "77"),
    ("my.custom", "x"),
    ("plugin.password", "x"),
    ("nope", "1"),
    ("leader.replication.throttled.rate", "1000"),
    ("listener.name.plaintext.ssl.keystore.location", "/x"),
];
const TOPIC: &[(&str, &str)] = &[
    ("preallocate", "TRUE"),
    ("leader.replication.throttled.replicas", "*"),
    ("local.retention.ms", "999999999999"),
    ("min.compaction.lag.ms", "100"),
    ("internal.segment.bytes", "100000"),
    ("unclean.leader.election.enable", "true"),
    ("segment.bytes", "5000000"),
    ("compression.type", "zstd"),
];

fn as_json(entry: &Resolved) -> Json {
    serde_json::json!({
        "name": entry.name,
        "value": entry.value,
        "source": entry.source.name(),
        "type": entry.kind.map_or("UNKNOWN".to_owned(), |kind| kind.to_string()),
        "readOnly": entry.read_only,
        "sensitive": entry.sensitive,
        "synonyms": entry.synonyms.iter().map(|s| serde_json::json!({
            "name": s.name, "value": s.value, "source": s.source.name(),
        })).collect::<Vec<_>>(),
    })
}

/// Checks that what differs from a node without settings is exactly what Kafka showed.
fn check(scene: &Json, part: &str, plain: &[Resolved], shown: &[Resolved]) {
    let wanted = scene[part].as_array().expect("a list");
    assert!(!wanted.is_empty());
    let changed: Vec<&Resolved> = shown.iter().filter(|entry| !plain.contains(entry)).collect();
    let names: Vec<&str> = changed.iter().map(|entry| entry.name.as_str()).collect();
    let wanted_names: Vec<&str> = wanted.iter().filter_map(|w| w["name"].as_str()).collect();
    // Kafka's own value of min.insync.replicas is part of its plain node.
    let names: Vec<&str> = match part {
        "cluster" => names,
        _ => names.into_iter().filter(|name| *name != "min.insync.replicas").collect(),
    };
    assert_eq!(names, wanted_names, "{part}");
    for want in wanted {
        let entry = shown.iter().find(|entry| want["name"] == entry.name).expect("is there");
        assert_eq!(&as_json(entry), want, "{part} {}", entry.name);
    }
}

#[test]
fn ad_1_and_ad_2_sources_are_kafkas() {
    let scenes: Json = serde_json::from_str(SCENES).expect("the fixture is JSON");
    let (nothing, none) = (Statics::new(), Overrides::new());
    let plain = Layers { statics: &nothing, cluster: &none, broker: &none };
    let file = statics(STATIC);
    let broker = overrides(BROKER);
    let topic = overrides(TOPIC);
    let mut cluster = overrides(CLUSTER);
    for scene in ["static_and_dynamic", "retention_ms_dynamic"] {
        let layers = Layers { statics: &file, cluster: &cluster, broker: &broker };
        let scene = &scenes[scene];
        check(scene, "broker", &plain.describe_broker(), &layers.describe_broker());
        check(scene, "cluster", &[], &layers.describe_cluster());
        check(scene, "topic", &plain.describe_topic(&none), &layers.describe_topic(&topic));
        cluster.insert("log.retention.ms".into(), "5000000".into());
    }
}

#[test]
fn passwords_are_withheld_in_every_layer() {
    let file = statics(&[("ssl.key.password", "s3cret"), ("delegation.token.secret.key", "s3cret")]);
    let none = Overrides::new();
    let dynamic = overrides(&[("listener.name.a.ssl.key.password", "s3cret"), ("odd", "s3cret")]);
    for (cluster, broker) in [(&none, &dynamic), (&dynamic, &none)] {
        let layers = Layers { statics: &file, cluster, broker };
        let all = format!("{layers:?} {:?} {:?}", layers.describe_broker(), layers.describe_cluster());
        assert!(!all.contains("s3cret"));
        assert!(all.contains("listener.name.a.ssl.key.password"));
        assert!(!format!("{file:?}").contains("s3cret"));
    }
}

#[test]
fn typed_settings_follow_the_layers() {
    let none = Overrides::new();
    let nothing = Statics::new();
    let plain = Layers { statics: &nothing, cluster: &none, broker: &none };
    let settings = BrokerSettings::resolve(&plain).expect("the defaults fit");
    assert_eq!(settings.node_id.0, 1);
    assert_eq!(settings.durability, Durability::Fsync);
    assert_eq!(settings.connections_max, 2_147_483_647);
    assert_eq!(settings.queued_request_bytes_max, None);
    assert_eq!(settings.request_memory(1 << 30), 256 << 20);
    assert_eq!(settings.request_memory(1 << 40), 512 << 20);
    assert_eq!(settings.topic_defaults.retention_ms, Some(604_800_000));
    assert_eq!(settings.topic_defaults.retention_bytes, None);
    assert_eq!(settings.topic_defaults.segment_bytes, 1 << 30);
    assert_eq!(settings.topic_defaults.message_bytes_max, 1_048_588);

    let file = statics(STATIC);
    let (cluster, broker) = (overrides(CLUSTER), overrides(BROKER));
    let layers = Layers { statics: &file, cluster: &cluster, broker: &broker };
    let topic = TopicSettings::resolve(&layers, &overrides(TOPIC));
    assert_eq!(topic.cleanup, CleanupPolicy { delete: false, compact: true });
    assert_eq!(topic.compression, Compression::Zstd);
    assert_eq!(topic.retention_ms, Some(360_000_000));
    assert_eq!(topic.retention_bytes, Some(500_000_000));
    assert_eq!(topic.segment_bytes, 100_000);
    assert_eq!(topic.segment_ms, 7_200_000);
    assert_eq!(topic.segment_jitter_ms, 3_600_000);
    assert_eq!(topic.message_bytes_max, 3_000_000);
    assert!(topic.preallocate && topic.unclean_leader_election);
}

#[test]
fn broker_settings_refuse_what_no_single_key_can_see() {
    let none = Overrides::new();
    for (name, text, ok) in [
        ("log.retention.ms", "0", false),
        ("log.retention.hours", "0", false),
        ("log.retention.minutes", "-5", true),
        ("log.retention.ms", "-1", true),
        ("log.roll.ms", "0", false),
        ("log.roll.ms", "1", true),
        ("num.partitions", "x", false),
        ("max.connections.per.ip.overrides", "127.0.0.1:5, [::1]:6", true),
        ("max.connections.per.ip.overrides", "localhost", false),
        ("max.connections.per.ip.overrides", "127.0.0.1:-5", false),
        ("broker.rack", "", true),
    ] {
        let file = statics(&[(name, text)]);
        let layers = Layers { statics: &file, cluster: &none, broker: &none };
        assert_eq!(BrokerSettings::resolve(&layers).is_ok(), ok, "{name}={text}");
    }
    let file = statics(&[("queued.max.request.bytes", "1048576")]);
    let layers = Layers { statics: &file, cluster: &none, broker: &none };
    let settings = BrokerSettings::resolve(&layers).expect("fits");
    assert_eq!(settings.request_memory(1 << 40), 1 << 20);
}

#[test]
fn numbers_of_sources_are_kafkas() {
    let all = [
        Source::DynamicTopicConfig,
        Source::DynamicBrokerConfig,
        Source::DynamicDefaultBrokerConfig,
        Source::StaticBrokerConfig,
        Source::DefaultConfig,
    ];
    assert_eq!(all.map(Source::wire), [1, 2, 3, 4, 5]);
}
