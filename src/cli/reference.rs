//! The text of docs/configuration.md, made from the table of keys. A test compares the file with it.

use std::fmt::Write;

use crate::settings::{Key, State, broker_keys, group_keys, group_synonym, topic_keys, topic_synonyms};

use super::exit::ExitCode;

/// The whole page.
pub fn configuration_reference() -> String {
    let mut page = String::from(INTRODUCTION);
    for (code, meaning) in ExitCode::ALL {
        row(&mut page, &[&code.number().to_string(), meaning]);
    }
    page.push_str(OWN_KEYS);
    let public = |key: &&Key| !key.internal;
    let own = |key: &&Key| key.name.starts_with("ottla.");
    broker_table(&mut page, broker_keys().iter().filter(own), true);
    page.push_str(EFFECTIVE_KEYS);
    let effective = |key: &&Key| matches!(key.state, State::Effective);
    let kafkas = || broker_keys().iter().filter(|key| !own(key));
    broker_table(&mut page, kafkas().filter(effective), false);
    page.push_str(TOPIC_KEYS);
    topic_table(&mut page);
    page.push_str(GROUP_KEYS);
    group_table(&mut page);
    page.push_str(REFUSED_KEYS);
    for key in kafkas().chain(topic_keys()) {
        if let State::Refused(why) = key.state {
            row(&mut page, &[&code(key.name), key.doc, why]);
        }
    }
    page.push_str(ACCEPTED_KEYS);
    let accepted = |key: &&Key| matches!(key.state, State::Accepted);
    broker_table(&mut page, kafkas().filter(public).filter(accepted), false);
    page.push_str(INTERNAL_KEYS);
    let internal = |key: &&Key| key.internal;
    broker_table(&mut page, kafkas().filter(internal).filter(accepted), false);
    page
}

fn broker_table<'a>(page: &mut String, keys: impl Iterator<Item = &'a Key>, with_state: bool) {
    page.push_str("| key | type | default | values | altered | what it does |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for key in keys {
        let state = if with_state { state(key) } else { "" };
        let doc = format!("{}{state}", key.doc);
        let scope = key.scope.to_string();
        let (kind, default, check) = (key.kind.to_string(), default(key), values(key));
        row(page, &[&code(key.name), &kind, &default, &check, &scope, &doc]);
    }
}

fn topic_table(page: &mut String) {
    page.push_str("| key | type | default | values | from the broker's | what it does |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for key in topic_keys() {
        let broker: Vec<String> = topic_synonyms(key.name).iter().map(|name| code(name)).collect();
        let doc = format!("{}{}", key.doc, state(key));
        let (kind, default, check) = (key.kind.to_string(), default(key), values(key));
        row(page, &[&code(key.name), &kind, &default, &check, &broker.join(", "), &doc]);
    }
}

fn group_table(page: &mut String) {
    page.push_str("| key | type | default | values | from the broker's | what it does |\n");
    page.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for key in group_keys() {
        let broker = group_synonym(key.name).map(code).unwrap_or_default();
        let doc = format!("{}{}", key.doc, state(key));
        let (kind, default, check) = (key.kind.to_string(), default(key), values(key));
        row(page, &[&code(key.name), &kind, &default, &check, &broker, &doc]);
    }
}

fn state(key: &Key) -> &'static str {
    match key.state {
        State::Effective => "",
        State::Accepted => " **No effect yet.**",
        State::Refused(_) => " **Refused.**",
    }
}

fn default(key: &Key) -> String {
    match key.default {
        None => "unset".to_owned(),
        Some("") => "empty".to_owned(),
        Some(text) => code(text),
    }
}

fn values(key: &Key) -> String {
    match key.check.to_string() {
        any if any.is_empty() => any,
        some => code(&some),
    }
}

fn code(text: &str) -> String {
    format!("`{text}`")
}

fn row(page: &mut String, cells: &[&str]) {
    writeln!(page, "| {} |", cells.join(" | ")).expect("a String takes every text");
}

const INTRODUCTION: &str = include_str!("reference/introduction.md");

const OWN_KEYS: &str = "
## Keys that only Ottla has

";

const EFFECTIVE_KEYS: &str = "
## Kafka's broker keys that have an effect

*altered* says whether a running broker takes a new value: read-only keys are set at start,
cluster-wide ones for one broker or for all, per-broker ones for one broker.

";

const TOPIC_KEYS: &str = "
## Topic keys

A topic without a value of its own takes the first of the broker's keys that has one.

";

const GROUP_KEYS: &str = "
## Group keys

Set with `kafka-configs --entity-type groups` for one group, whether there is one of that name or not,
and in force from its members' next heartbeats on. A group without a value of its own takes the
broker's. What a group may set lies between the broker's `group.*.min.*` and `group.*.max.*` keys.

";

const REFUSED_KEYS: &str = "
## Refused

A value other than the default stops the start, or is refused when it is altered.

| key | what it would do | why it is refused |
| --- | --- | --- |
";

const ACCEPTED_KEYS: &str = "
## Accepted, without effect yet

Values are checked, kept and described as Kafka does, so that configurations and tools work; a
warning at start names each that is set.

";

const INTERNAL_KEYS: &str = "
### Internal keys of Kafka

Described only where they are set.

";
