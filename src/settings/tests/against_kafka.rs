//! The table against what an Apache Kafka 4.4.0 node answered: `fixtures/kafka-4.4-*.json` hold
//! names, types, defaults, limits, update modes and synonyms of all keys, as facts.

use serde_json::Value as Json;

use crate::settings::{
    Key, Layers, Overrides, Scope, Source, Statics, broker_keys, broker_synonyms, group_keys, group_synonym,
    topic_keys, topic_synonyms,
};

const BROKER: &str = include_str!("../fixtures/kafka-4.4-broker.json");
const TOPIC: &str = include_str!("../fixtures/kafka-4.4-topic.json");

/// Where we differ from Kafka on purpose: key, field, Kafka's, ours, why.
const DIFFERENCES: &[(&str, &str, &str, &str, &str)] = &[
    (
        "listeners",
        "default",
        "PLAINTEXT://:9092",
        "PLAINTEXT://127.0.0.1:9092",
        "without security nothing but loopback is bound unless asked for",
    ),
    ("log.dir", "default", "/tmp/kafka-logs", "./ottla-data", "no data under /tmp"),
    ("node.id", "default", "null", "1", "a bare start needs no settings"),
    (
        "process.roles",
        "default",
        "null",
        "broker,controller",
        "a bare start needs no settings, and a broker carries its metadata itself",
    ),
];

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Difference(String, &'static str, String, String);

fn field<'a>(entry: &'a Json, name: &str) -> &'a str {
    match &entry[name] {
        Json::String(text) => text,
        Json::Bool(true) => "true",
        Json::Bool(false) => "false",
        Json::Null => "null",
        other => panic!("{name} of {entry} is {other}"),
    }
}

fn compare(fixture: &str, ours: &[Key], is_topic: bool) -> Vec<Difference> {
    let entries: Vec<Json> = serde_json::from_str(fixture).expect("the fixture is JSON");
    assert!(entries.len() > 30, "the fixture is not empty");
    let mut found = Vec::new();
    let mut differ = |name: &str, what, kafka: &str, own: &str| {
        if kafka != own {
            found.push(Difference(name.into(), what, kafka.into(), own.into()));
        }
    };
    for entry in &entries {
        let name = field(entry, "name");
        let Some(key) = ours.iter().find(|key| key.name == name && !key.internal) else {
            differ(name, "name", "present", "absent");
            continue;
        };
        differ(name, "type", field(entry, "type"), &key.kind.to_string());
        differ(name, "default", field(entry, "default"), key.default.unwrap_or("null"));
        differ(name, "valid", field(entry, "valid"), &key.check.to_string());
        differ(name, "readOnly", field(entry, "readOnly"), &key.is_read_only().to_string());
        differ(name, "sensitive", field(entry, "sensitive"), &key.is_sensitive().to_string());
        let synonyms: Vec<String> = serde_json::from_value(entry["synonyms"].clone()).expect("a list of names");
        if is_topic {
            differ(name, "synonyms", &synonyms.join(","), &topic_synonyms(name).join(","));
        } else {
            differ(name, "update", field(entry, "update"), &key.scope.to_string());
            differ(name, "synonyms", &synonyms.join(","), &broker_synonyms(name).join(","));
        }
    }
    for key in ours.iter().filter(|key| !key.internal && !key.name.starts_with("ottla.")) {
        if !entries.iter().any(|entry| field(entry, "name") == key.name) {
            differ(key.name, "name", "absent", "present");
        }
    }
    found.sort();
    found
}

#[test]
fn broker_keys_agree_with_kafka_but_for_the_list() {
    let expected: Vec<_> = DIFFERENCES
        .iter()
        .map(|(key, what, kafka, ours, why)| {
            assert!(!why.is_empty());
            Difference((*key).into(), what, (*kafka).into(), (*ours).into())
        })
        .collect();
    assert_eq!(compare(BROKER, broker_keys(), false), expected);
}

#[test]
fn topic_keys_agree_with_kafka() {
    assert_eq!(compare(TOPIC, topic_keys(), true), []);
}

/// The lines of `kafka-configs --describe --all --entity-type groups` of an Apache Kafka 4.4.0 node: key, value, source and
/// name of the synonym that it comes from.
#[test]
fn groups_are_described_as_kafka_does() {
    let (statics, none) = (Statics::new(), Overrides::new());
    let layers = Layers { statics: &statics, cluster: &none, broker: &none };
    let mut lines = String::new();
    for key in layers.describe_group(&none) {
        assert_eq!((key.source, key.read_only, key.sensitive), (Source::DefaultConfig, false, false), "{}", key.name);
        let from = key.synonyms.iter().map(|one| {
            let value = one.value.as_deref().unwrap_or("null");
            format!("{}:{}={value}", one.source.name(), one.name)
        });
        let (value, from) = (key.value.unwrap_or_default(), from.collect::<Vec<_>>().join(", "));
        lines += &format!("{}={value} {{{from}}}\n", key.name);
    }
    assert_eq!(lines, include_str!("../fixtures/kafka-4.4-group.txt"));
    for key in group_keys() {
        let broker = group_synonym(key.name).map(|name| broker_keys().iter().find(|key| key.name == name).expect(name));
        // A list of assignors is behind one assignor.
        if let Some(broker) = broker.filter(|broker| broker.name != "group.streams.assignors") {
            assert_eq!((key.kind, key.default), (broker.kind, broker.default), "{}", key.name);
        }
    }
}

#[test]
fn the_comparison_sees_planted_differences() {
    let mut keys = topic_keys().to_vec();
    keys.retain(|key| key.name != "cleanup.policy");
    for key in &mut keys {
        if key.name == "segment.bytes" {
            key.default = Some("1");
            key.check = crate::settings::Check::Any;
        }
    }
    let found = compare(TOPIC, &keys, true);
    let fields: Vec<_> = found.iter().map(|d| (d.0.as_str(), d.1)).collect();
    let planted = [("cleanup.policy", "name"), ("segment.bytes", "default"), ("segment.bytes", "valid")];
    assert_eq!(fields, planted);
}

#[test]
fn the_table_is_sound() {
    for keys in [broker_keys(), topic_keys(), group_keys()] {
        for pair in keys.windows(2) {
            assert!(pair[0].name < pair[1].name, "{} is there twice", pair[1].name);
        }
        for key in keys {
            assert!(key.doc.ends_with('.') && !key.doc.contains('|'), "doc of {}", key.name);
            if let Some(default) = key.default {
                let value = key.parse(default).unwrap_or_else(|e| panic!("{e}"));
                if !key.is_sensitive() {
                    assert_eq!(value.to_string(), default, "canonical default of {}", key.name);
                }
            }
        }
    }
    assert!(topic_keys().iter().all(|key| key.scope == Scope::Topic));
    assert!(group_keys().iter().all(|key| key.scope == Scope::Group));
    assert!(broker_keys().iter().all(|key| key.scope != Scope::Topic && key.scope != Scope::Group));
}
