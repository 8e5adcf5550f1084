//! CreatePartitions (37), versions 0-3. KIP-195, KIP-599.
//!
//! - AD-5: one result for every topic asked for.
//! - The number of partitions can only grow; an assignment must name this broker for each new one.

use super::answer::{Outcome, done, first_error, text};
use super::errors;
use super::topics::Topics;
use crate::base::NodeId;
use crate::metadata::Image;
use crate::wire::requests::CreatePartitionsRequest;
use crate::wire::requests::topics::CreatePartitionsTopic;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};
use std::collections::{HashMap, HashSet};

type Refused = (ErrorCode, String);

pub(super) async fn answer(
    topics: &Topics,
    node: NodeId,
    header: &RequestHeader,
    request: &CreatePartitionsRequest,
) -> Outcome {
    let mut asked = request.topics.to_vec();
    let mut times: HashMap<Str, usize> = HashMap::new();
    for topic in &asked {
        *times.entry(topic.name.clone()).or_default() += 1;
    }
    // A name that comes twice is answered once, as with Kafka.
    let mut seen = HashSet::new();
    asked.retain(|topic| seen.insert(topic.name.clone()));
    let max = i64::from(topics.configs().broker().partitions_per_request_max);
    let mut left = max;
    let mut response = CreatePartitionsResponse::default();
    for topic in &asked {
        let outcome = match times.get(&topic.name) {
            Some(2..) => Err((ErrorCode::InvalidRequest, "The request names this topic more than once.".to_string())),
            Some(..2) | None => grow(topics, node, topic, request.validate_only, max, &mut left).await,
        };
        let mut result = CreatePartitionsTopicResult::default();
        result.name = TopicName(topic.name.clone());
        result.error_message = None;
        if let Err((code, message)) = outcome {
            result.error_code = code.code();
            result.error_message = Some(text(message));
        }
        response.results.push(result);
    }
    let error = first_error(response.results.iter().map(|result| result.error_code));
    done(header, &response, error)
}

async fn grow(
    topics: &Topics,
    node: NodeId,
    asked: &CreatePartitionsTopic,
    validate_only: bool,
    max: i64,
    left: &mut i64,
) -> Result<(), Refused> {
    let image = topics.image();
    let added = check(&image, node, asked)?;
    *left -= i64::from(added);
    if *left < 0 {
        let message = format!("The request adds more than {max} partitions; that is the most for one request.");
        return Err((ErrorCode::PolicyViolation, message));
    }
    let Some(topic) = image.topic(&asked.name).filter(|_| !validate_only) else { return Ok(()) };
    topics.add_partitions(topic.id, asked.count).await.map_err(|error| (errors::of_commit(&error), format!("{error}.")))
}

/// How many partitions the topic gets, when it may.
fn check(image: &Image, node: NodeId, asked: &CreatePartitionsTopic) -> Result<i32, Refused> {
    let Some(topic) = image.topic(&asked.name) else {
        return Err((ErrorCode::UnknownTopicOrPartition, "There is no topic of this name.".to_string()));
    };
    let (name, has) = (&topic.name, topic.partitions);
    if asked.count == has {
        return Err((ErrorCode::InvalidPartitions, format!("Topic {name} already has {has} partition(s).")));
    }
    if asked.count < has {
        let message = format!("Topic {name} has {has} partition(s); {} would not be more.", asked.count);
        return Err((ErrorCode::InvalidPartitions, message));
    }
    let added = asked.count - has;
    let Some(assignments) = &asked.assignments else { return Ok(added) };
    if assignments.len() as u64 != u64::from(added.unsigned_abs()) {
        let message = format!("{added} partition(s) are added, but {} assignment(s) are given.", assignments.len());
        return Err((ErrorCode::InvalidReplicaAssignment, message));
    }
    for assignment in assignments {
        if assignment.broker_ids.to_vec() != [node] {
            let message = format!("Each new partition must be assigned to broker {node}, once.");
            return Err((ErrorCode::InvalidReplicaAssignment, message));
        }
    }
    Ok(added)
}
