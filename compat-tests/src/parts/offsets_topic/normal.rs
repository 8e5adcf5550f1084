//! A printed record without what must differ between two runs: the random part of member ids, times, topic ids. That a
//! time or a topic id is there stays to be seen. Members stand in the order of their clients' names: in Kafka's records it
//! is that of a hash map.

use super::READERS;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Fields that hold a time, -1 for none, and the one that holds a topic id.
const TIMES: [&str; 4] = ["assignmentTimestamp", "commitTimestamp", "currentStateTimestamp", "expireTimestamp"];
const TOPIC_ID: &str = "topicId";
/// Ids that members of the consumer protocol make themselves, and a hash over topics with their ids; 0 is of none.
const MEMBER_ID: &str = "memberId";
const HASH: &str = "metadataHash";
/// The topic id that is none.
const NO_TOPIC_ID: &str = "AAAAAAAAAAAAAAAAAAAAAA";
/// What a UUID is like: digits of these lengths, joined by hyphens.
const UUID: [usize; 5] = [8, 4, 4, 4, 12];
const UUID_CHARS: usize = 36;
/// What DumpLogSegments prints of a batch and is compared. Not its sequence: without a producer id it means nothing, and
/// Kafka's coordinator leaves 0 there where all other writers put -1. Not its count and place: which requests share a
/// batch is a matter of time.
const BATCH_FIELDS: [&str; 9] = [
    "producerId",
    "producerEpoch",
    "partitionLeaderEpoch",
    "isTransactional",
    "isControl",
    "deleteHorizonMs",
    "magic",
    "compresscodec",
    "isvalid",
];
/// The same of a record.
const RECORD_FIELDS: [&str; 3] = ["keySize", "valueSize", "headerKeys"];

/// What a tool printed, by key; the values in the order of their records.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Printed {
    values: BTreeMap<String, Vec<String>>,
    versions: BTreeSet<String>,
}

impl Printed {
    /// The formatters print one JSON object a record, with nothing between them.
    pub(super) fn by_formatter(text: &str) -> Result<Self, String> {
        let mut printed = Printed::default();
        for record in serde_json::Deserializer::from_str(text).into_iter::<Value>() {
            let record = record.map_err(|error| format!("{error} in {text:.200}"))?;
            printed.add("", &record["key"], record["value"].clone());
        }
        Ok(printed)
    }

    /// Lines of batches and of their records, by file.
    pub(super) fn by_dump(text: &str) -> Result<Self, String> {
        let (mut printed, mut partition, mut batch) = (Printed::default(), "", String::new());
        for line in text.lines() {
            if let Some(file) = line.strip_prefix("Dumping ") {
                partition = file.rsplit('/').nth(1).ok_or_else(|| format!("no folder in {file}"))?;
            } else if line.starts_with("baseOffset: ") {
                batch = fields(line, &BATCH_FIELDS);
            } else if line.starts_with("| offset: ") {
                let (head, rest) = line.split_once(" key: ").ok_or_else(|| format!("no key: {line:.200}"))?;
                let (key, value) = rest.split_once(" payload: ").unwrap_or((rest, "none"));
                let key = serde_json::from_str(key).map_err(|error| format!("{key:.200}: {error}"))?;
                let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
                let at = format!("{partition} {batch} {} ", fields(head, &RECORD_FIELDS[..1]));
                printed.add(&at, &key, value);
                printed.note(&at, &key, &fields(head, &RECORD_FIELDS[1..]));
            }
        }
        Ok(printed)
    }

    /// One line a figure, the number at its end.
    pub(super) fn by_monitor(text: &str) -> Result<Self, String> {
        let mut printed = Printed::default();
        for line in text.lines().filter(|line| !line.contains(READERS)) {
            let (name, value) = line.rsplit_once(' ').ok_or_else(|| format!("no figure: {line}"))?;
            if name.starts_with("value_version") {
                printed.versions.insert(value.to_owned());
            }
            printed.values.entry(name.to_owned()).or_default().push(value.to_owned());
        }
        Ok(printed)
    }

    fn add(&mut self, at: &str, key: &Value, mut value: Value) {
        if key["data"]["group"].as_str().is_some_and(|group| group.starts_with(READERS)) {
            return;
        }
        let plain = |value: &Value| value.to_string().replace('"', "");
        let version = if value["version"].is_null() { "none".to_owned() } else { plain(&value["version"]) };
        self.versions.insert(format!("{} in {version}", plain(&key["type"])));
        normalise(&mut value);
        let key = key_of(key);
        self.values.entry(format!("{at}{key}")).or_default().push(value.to_string());
    }

    /// What else was printed of the record that was just added.
    fn note(&mut self, at: &str, key: &Value, more: &str) {
        if let Some(last) = self.values.get_mut(&format!("{at}{}", key_of(key))).and_then(|values| values.last_mut()) {
            *last = format!("{last} {more}");
        }
    }

    pub(super) fn keys(&self) -> usize {
        self.values.len()
    }

    pub(super) fn words(&self) -> String {
        let records: usize = self.values.values().map(Vec::len).sum();
        let versions: Vec<&str> = self.versions.iter().map(String::as_str).collect();
        format!("{records} records of {} keys the same; types in value versions: {}", self.keys(), versions.join(", "))
    }

    /// Where Ottla's differ from Kafka's, these.
    pub(super) fn differences(&self, ottla: &Printed) -> Vec<String> {
        let keys: BTreeSet<&String> = self.values.keys().chain(ottla.values.keys()).collect();
        let none = Vec::new();
        let mut found = Vec::new();
        for key in keys {
            let [kafka, ottla] = [self, ottla].map(|printed| printed.values.get(key).unwrap_or(&none));
            if kafka == ottla {
                continue;
            }
            let first = kafka.iter().zip(ottla).position(|(kafka, ottla)| kafka != ottla);
            let at = first.unwrap_or(kafka.len().min(ottla.len()));
            let [theirs, ours] = [kafka, ottla].map(|values| values.get(at).map_or("nothing", String::as_str));
            found.push(format!(
                "{key}, record {} of {} and {}: Kafka {theirs}, Ottla {ours}",
                at + 1,
                kafka.len(),
                ottla.len()
            ));
        }
        found
    }
}

/// The named fields of a line `name: value name: value ...`.
fn fields(line: &str, names: &[&str]) -> String {
    let value = |name: &&str| {
        let (_, rest) = line.split_once(&format!("{name}: "))?;
        Some(format!("{name}: {}", rest.split(' ').next().unwrap_or_default()))
    };
    names.iter().filter_map(value).collect::<Vec<_>>().join(" ")
}

/// A record's key, whoever the member is.
fn key_of(key: &Value) -> Value {
    let mut key = key.clone();
    if let Some(member) = key["data"].get_mut(MEMBER_ID) {
        *member = Value::String("a member".to_owned());
    }
    key
}

fn normalise(value: &mut Value) {
    match value {
        Value::String(text) => *text = without_uuids(text),
        Value::Array(all) => all.iter_mut().for_each(normalise),
        Value::Object(all) => {
            for (name, value) in all.iter_mut() {
                if TIMES.contains(&name.as_str()) && value.as_i64().is_some_and(|time| time >= 0) {
                    *value = Value::String("a time".to_owned());
                } else if name == TOPIC_ID && value != NO_TOPIC_ID {
                    *value = Value::String("an id".to_owned());
                } else if name == MEMBER_ID && value.is_string() {
                    *value = Value::String("a member".to_owned());
                } else if name == HASH && *value != 0 {
                    *value = Value::String("a hash".to_owned());
                } else {
                    normalise(value);
                }
                if let (true, Value::Array(members)) = (name == "members", value) {
                    members.sort_by_key(Value::to_string);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// The same with `UUID` for each.
fn without_uuids(text: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some(next) = rest.chars().next() {
        if rest.get(..UUID_CHARS).is_some_and(is_uuid) {
            out.push_str("UUID");
            rest = &rest[UUID_CHARS..];
        } else {
            out.push(next);
            rest = &rest[next.len_utf8()..];
        }
    }
    out
}

fn is_uuid(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_hexdigit());
    parts.iter().map(|part| part.len()).eq(UUID) && parts.into_iter().all(digits)
}

#[cfg(test)]
#[path = "normal_tests.rs"]
mod tests;
