//! DeleteTopics (20), versions 1-6. KIP-322 (error when disabled), KIP-516 (by id from 6), KIP-599.
//!
//! A topic is named by name or by id, not both. The id is gone for good: a topic made again under the name is another.

use super::answer::{Outcome, done, first_error, text};
use super::errors;
use super::groups::Groups;
use super::topics::Topics;
use crate::base::TopicId;
use crate::metadata::{CommitError, Image, Refusal, Topic};
use crate::wire::requests::DeleteTopicsRequest;
use crate::wire::requests::topics::DeleteTopicState;
use crate::wire::{ErrorCode, RequestHeader, Str};
use futures_util::future::join_all;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::delete_topics_response::{DeletableTopicResult, DeleteTopicsResponse};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// From here on topics are named by name or id.
const BY_ID_SINCE: i16 = 6;

/// From here on there is a code for "deletion is disabled".
const DISABLED_SINCE: i16 = 3;

pub(super) async fn answer(
    topics: &Topics,
    groups: &Groups,
    header: &RequestHeader,
    request: &DeleteTopicsRequest,
) -> Outcome {
    let asked: Vec<DeleteTopicState> = if header.version >= BY_ID_SINCE {
        request.topics.to_vec()
    } else {
        let by_name = |name: Str| DeleteTopicState { name: Some(name), topic_id: TopicId::ZERO };
        request.topic_names.iter().map(by_name).collect()
    };
    let mut response = DeleteTopicsResponse::default();
    if topics.configs().broker().delete_topics {
        response.responses = delete(topics, groups, &asked).await;
    } else {
        let new = header.version >= DISABLED_SINCE;
        let code = if new { ErrorCode::TopicDeletionDisabled } else { ErrorCode::InvalidRequest };
        let message = "Topics can't be deleted: delete.topic.enable is false on this broker.";
        response.responses = asked.iter().map(|topic| refused(topic, code, message)).collect();
    }
    let error = first_error(response.responses.iter().map(|topic| topic.error_code));
    done(header, &response, error)
}

async fn delete(topics: &Topics, groups: &Groups, asked: &[DeleteTopicState]) -> Vec<DeletableTopicResult> {
    let image = topics.image();
    let found: Vec<_> = asked.iter().map(|asked| find(&image, asked)).collect();
    let mut times: HashMap<TopicId, usize> = HashMap::new();
    for topic in found.iter().flatten() {
        *times.entry(topic.id).or_default() += 1;
    }
    // All at once: the metadata log gathers what is asked together into few objects.
    let once = found.iter().flatten().filter(|topic| times.get(&topic.id) == Some(&1));
    let deleted = join_all(once.map(async |topic| (topic.id, topics.delete(topic.id).await))).await;
    // Before the answer: an offset that is committed after it for a new topic of the name must not go with these.
    let gone: Vec<_> = deleted.iter().filter_map(|(_, topic)| topic.as_ref().ok().cloned()).collect();
    groups.topics_deleted(&gone).await;
    let mut deleted: HashMap<TopicId, _> = deleted.into_iter().collect();
    let mut results = Vec::with_capacity(asked.len());
    // A topic that comes twice is answered once, as with Kafka.
    let mut seen = HashSet::new();
    for (asked, found) in asked.iter().zip(found) {
        if found.as_ref().is_ok_and(|topic| !seen.insert(topic.id)) {
            continue;
        }
        results.push(match found {
            Err((code, message)) => refused(asked, code, message),
            Ok(topic) if times.get(&topic.id).is_some_and(|times| *times > 1) => {
                refused(asked, ErrorCode::InvalidRequest, "The request names this topic more than once.")
            }
            Ok(topic) => match deleted.remove(&topic.id).expect("each was deleted above") {
                Ok(topic) => result(Some(text(&*topic.name)), topic.id.0, ErrorCode::None, None),
                Err(error) => failed(asked, &error),
            },
        });
    }
    results
}

fn find(image: &Image, asked: &DeleteTopicState) -> Result<Arc<Topic>, (ErrorCode, &'static str)> {
    match (&asked.name, asked.topic_id.is_zero()) {
        (Some(_), false) => Err((ErrorCode::InvalidRequest, "Name a topic by name or by id, not by both.")),
        (None, true) => Err((ErrorCode::InvalidRequest, "A topic has neither name nor id.")),
        (Some(name), true) => {
            let unknown = (ErrorCode::UnknownTopicOrPartition, "There is no topic of this name.");
            image.topic(name).cloned().ok_or(unknown)
        }
        (None, false) => {
            let unknown = (ErrorCode::UnknownTopicId, "There is no topic with this id.");
            image.topic_by_id(asked.topic_id).cloned().ok_or(unknown)
        }
    }
}

/// A deletion that the metadata log did not make; another request may have been first.
fn failed(asked: &DeleteTopicState, error: &CommitError) -> DeletableTopicResult {
    let gone = matches!(error, CommitError::Refused(Refusal::UnknownTopic { .. }));
    let by_id = asked.name.is_none();
    let code = if gone && by_id { ErrorCode::UnknownTopicId } else { errors::of_commit(error) };
    result(asked.name.clone(), asked.topic_id.0, code, Some(text(format!("{error}."))))
}

fn refused(asked: &DeleteTopicState, code: ErrorCode, message: &'static str) -> DeletableTopicResult {
    result(asked.name.clone(), asked.topic_id.0, code, Some(Str::from_static_str(message)))
}

fn result(name: Option<Str>, id: Uuid, code: ErrorCode, message: Option<Str>) -> DeletableTopicResult {
    let mut result = DeletableTopicResult::default();
    result.name = name.map(TopicName);
    result.topic_id = id;
    result.error_code = code.code();
    result.error_message = message;
    result
}
