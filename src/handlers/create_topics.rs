//! CreateTopics (19), versions 2-7. KIP-464 (defaults by -1), KIP-525 (configs in the answer), KIP-599, KIP-516 (id).
//!
//! - AD-3: -1 partitions or replicas mean the defaults; `validate_only` changes nothing; from version 5 the answer
//!   carries the configuration, from 7 the id.
//! - AD-4: bad names INVALID_TOPIC_EXCEPTION, unknown keys and bad values INVALID_CONFIG.
//! - A replication factor above the number of brokers is refused as Kafka does it.
//! - More than `ottla.max.partitions.per.request` topics and partitions together in one request (10,000, Kafka's figure:
//!   it counts the records that they become) answer POLICY_VIOLATION for every topic of it, before any work.

use super::answer::{Outcome, done, first_error, text};
use super::errors;
use super::topic_name;
use super::topics::{NewTopic, Topics};
use crate::base::NodeId;
use crate::metadata::{CommitError, Image, Topic};
use crate::settings;
use crate::wire::requests::CreateTopicsRequest;
use crate::wire::requests::topics::CreatableTopic;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::create_topics_response::{
    CreatableTopicConfigs, CreatableTopicResult, CreateTopicsResponse,
};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

/// From here on the answer carries counts and configuration.
const DETAILS_SINCE: i16 = 5;

/// "The default", for partitions and replicas.
const DEFAULT: i32 = -1;

/// This broker is all there is: partitions can have one replica.
const BROKERS: i16 = 1;

/// Why a topic is not made.
struct Refused {
    code: ErrorCode,
    message: String,
}

fn refused<T>(code: ErrorCode, message: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { code, message: message.into() })
}

pub(super) async fn answer(
    topics: &Topics,
    node: NodeId,
    header: &RequestHeader,
    request: &CreateTopicsRequest,
) -> Outcome {
    let mut asked = request.topics.to_vec();
    let times = count(&asked);
    // A name that comes twice is answered once, as with Kafka.
    let mut seen = HashSet::new();
    asked.retain(|topic| seen.insert(topic.name.clone()));
    let mut results = match too_many(topics, &asked) {
        Some(refused) => asked.iter().map(|topic| failed(&topic.name, &refused)).collect(),
        None => create(topics, node, header, &asked, &times, request.validate_only).await,
    };
    if header.version < DETAILS_SINCE {
        results.iter_mut().for_each(|result| result.configs = None);
    }
    let mut response = CreateTopicsResponse::default();
    response.topics = results;
    let error = first_error(response.topics.iter().map(|topic| topic.error_code));
    done(header, &response, error)
}

/// How often each name comes.
fn count(asked: &[CreatableTopic]) -> HashMap<Str, usize> {
    let mut times = HashMap::new();
    for topic in asked {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    times
}

/// The bound on the partitions of one request.
fn too_many(topics: &Topics, asked: &[CreatableTopic]) -> Option<Refused> {
    let broker = topics.configs().broker();
    let max = u64::from(broker.partitions_per_request_max);
    let default = u64::try_from(broker.num_partitions).unwrap_or(1);
    let partitions = asked.iter().fold(0u64, |sum, topic| {
        let own = match (topic.assignments.len() as u64, topic.num_partitions) {
            (0, DEFAULT) => default,
            (0, count) => u64::try_from(count).unwrap_or(0),
            (assigned, _) => assigned,
        };
        sum.saturating_add(own).saturating_add(1)
    });
    (partitions > max).then(|| Refused {
        code: ErrorCode::PolicyViolation,
        message: format!("The request asks for {partitions} topics and partitions; {max} in one request are the most."),
    })
}

async fn create(
    topics: &Topics,
    node: NodeId,
    header: &RequestHeader,
    asked: &[CreatableTopic],
    times: &HashMap<Str, usize>,
    validate_only: bool,
) -> Vec<CreatableTopicResult> {
    let image = topics.image();
    let planned: Vec<Result<NewTopic, Refused>> = asked
        .iter()
        .map(|topic| match times.get(&topic.name) {
            Some(2..) => refused(ErrorCode::InvalidRequest, "The request names this topic more than once."),
            Some(..2) | None => plan(topics, &image, node, topic),
        })
        .collect();
    let good: Vec<NewTopic> = planned.iter().filter_map(|plan| plan.as_ref().ok().cloned()).collect();
    let made: Vec<Result<Option<Arc<Topic>>, CommitError>> = if validate_only {
        topics.check(good).into_iter().map(|answer| answer.map(|()| None)).collect()
    } else {
        topics.create(good).await.into_iter().map(|answer| answer.map(Some)).collect()
    };
    let mut made = made.into_iter();
    let mut results = Vec::with_capacity(asked.len());
    for (asked, plan) in asked.iter().zip(planned) {
        let outcome = match plan {
            Err(refused) => Err(refused),
            Ok(new) => match made.next() {
                Some(Ok(topic)) => Ok((new, topic)),
                Some(Err(error)) => Err(Refused { code: errors::of_commit(&error), message: sentence(&error) }),
                None => unreachable!("one answer per topic"),
            },
        };
        results.push(match outcome {
            Ok((new, topic)) => succeeded(topics, header, &new, topic.as_deref()),
            Err(refused) => failed(&asked.name, &refused),
        });
    }
    results
}

fn sentence(error: &CommitError) -> String {
    format!("{error}.")
}

/// Checks one topic, as far as that can be done before the commit.
fn plan(topics: &Topics, image: &Image, node: NodeId, asked: &CreatableTopic) -> Result<NewTopic, Refused> {
    if *asked.name == *topic_name::CLUSTER_METADATA_TOPIC {
        return refused(ErrorCode::InvalidRequest, "This topic is the cluster's own and can't be created.");
    }
    if let Err(error) = topic_name::check(&asked.name) {
        return refused(ErrorCode::InvalidTopicException, error.to_string());
    }
    if image.topic(&asked.name).is_some() {
        return refused(ErrorCode::TopicAlreadyExists, format!("Topic '{}' already exists.", &*asked.name));
    }
    if let Some(with) = image.colliding_topic(&asked.name) {
        let message = format!("Topic '{}' collides with '{with}': metrics can't tell '.' from '_'.", &*asked.name);
        return refused(ErrorCode::InvalidTopicException, message);
    }
    let partitions = partitions(topics, node, asked)?;
    let entries = asked.configs.to_vec();
    if let Some(entry) = entries.iter().find(|entry| entry.value.is_none()) {
        return refused(ErrorCode::InvalidConfig, format!("Configuration {} has no value.", &*entry.name));
    }
    // A key that comes twice has its last value, as with Kafka.
    let entries: BTreeMap<&str, Option<&str>> =
        entries.iter().map(|entry| (entry.name.as_str(), entry.value.as_deref())).collect();
    let configs = settings::topic_replacement(entries).and_then(|configs| {
        settings::check_topic_change(&topics.configs().layers(image), &configs)?;
        Ok(configs)
    });
    match configs {
        Ok(configs) => Ok(NewTopic { name: asked.name.as_str().into(), partitions, configs }),
        Err(error) => refused(errors::of_alter(&error), error.to_string()),
    }
}

/// The number of partitions, from the count or from the assignment.
fn partitions(topics: &Topics, node: NodeId, asked: &CreatableTopic) -> Result<i32, Refused> {
    if !asked.assignments.is_empty() {
        return assigned(node, asked);
    }
    let broker = topics.configs().broker();
    if asked.replication_factor < -1 || asked.replication_factor == 0 {
        let message = "The replication factor must be at least 1, or -1 for the default.";
        return refused(ErrorCode::InvalidReplicationFactor, message);
    }
    if asked.num_partitions < DEFAULT || asked.num_partitions == 0 {
        let message = "The number of partitions must be at least 1, or -1 for the default.";
        return refused(ErrorCode::InvalidPartitions, message);
    }
    // The default is capped to the brokers that there are; what a client asks for is not.
    if asked.replication_factor > BROKERS {
        let message = format!(
            "Replication factor {} is not possible with {BROKERS} broker(s) registered.",
            asked.replication_factor
        );
        return refused(ErrorCode::InvalidReplicationFactor, message);
    }
    Ok(if asked.num_partitions == DEFAULT { broker.num_partitions } else { asked.num_partitions })
}

/// Checks an assignment by hand: partitions 0 to n, each on this broker, once.
fn assigned(node: NodeId, asked: &CreatableTopic) -> Result<i32, Refused> {
    if asked.replication_factor != -1 {
        let message = "With a manual assignment the replication factor must be -1.";
        return refused(ErrorCode::InvalidRequest, message);
    }
    if asked.num_partitions != DEFAULT {
        let message = "With a manual assignment the number of partitions must be -1.";
        return refused(ErrorCode::InvalidRequest, message);
    }
    let mut indexes = Vec::with_capacity(asked.assignments.len());
    for assignment in &asked.assignments {
        indexes.push(assignment.partition_index.0);
        let brokers = assignment.broker_ids.to_vec();
        check_replicas(node, assignment.partition_index.0, &brokers)?;
    }
    indexes.sort_unstable();
    if let Some(at) = (0i32..).zip(&indexes).find(|(expected, index)| expected != *index) {
        let code = if indexes.windows(2).any(|pair| pair[0] == pair[1]) { "twice or with a gap" } else { "with a gap" };
        let message = format!("The assignment numbers its partitions {code}: {} where {} belongs.", at.1, at.0);
        return refused(ErrorCode::InvalidReplicaAssignment, message);
    }
    Ok(i32::try_from(indexes.len()).unwrap_or(i32::MAX))
}

fn check_replicas(node: NodeId, partition: i32, brokers: &[NodeId]) -> Result<(), Refused> {
    let message = match brokers {
        [] => format!("The assignment of partition {partition} names no broker."),
        [only] if *only == node => return Ok(()),
        [first, rest @ ..] if rest.contains(first) => {
            format!("The assignment of partition {partition} names broker {first} twice.")
        }
        [first, rest @ ..] => {
            let stranger = if *first == node { rest.first().unwrap_or(first) } else { first };
            format!("The assignment of partition {partition} names broker {stranger}, which is not registered.")
        }
    };
    refused(ErrorCode::InvalidReplicaAssignment, message)
}

fn failed(name: &Str, refused: &Refused) -> CreatableTopicResult {
    let mut result = CreatableTopicResult::default();
    result.name = TopicName(name.clone());
    result.error_code = refused.code.code();
    result.error_message = Some(text(refused.message.clone()));
    result.configs = None;
    result.num_partitions = -1;
    result.replication_factor = -1;
    result
}

fn succeeded(topics: &Topics, header: &RequestHeader, new: &NewTopic, topic: Option<&Topic>) -> CreatableTopicResult {
    let mut result = CreatableTopicResult::default();
    result.name = TopicName(text(&*new.name));
    result.error_message = None;
    if let Some(topic) = topic {
        result.topic_id = topic.id.0;
        tracing::info!(topic = %topic.name, id = %topic.id, partitions = topic.partitions, "topic created");
    }
    result.num_partitions = new.partitions;
    result.replication_factor = BROKERS;
    if header.version >= DETAILS_SINCE {
        let image = topics.image();
        let described = topics.configs().layers(&image).describe_topic(&new.configs);
        let configs = described.into_iter().map(|key| {
            let mut config = CreatableTopicConfigs::default();
            config.name = text(key.name);
            config.value = key.value.map(Str::from_string);
            config.read_only = key.read_only;
            config.config_source = key.source.wire();
            config.is_sensitive = key.sensitive;
            config
        });
        result.configs = Some(configs.collect());
    }
    result
}
