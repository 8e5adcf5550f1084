//! Metadata (3), versions 0-13. KIP-78 (cluster id), KIP-204, KIP-361 (auto-creation by consent), KIP-430 (authorized
//! operations), KIP-516 (topic ids), KIP-1102 (error of the whole).
//!
//! - MD-1: all topics are asked for by an empty array in version 0, by null from 1 on; then empty means none.
//! - MD-2: an unknown topic is made when `auto.create.topics.enable` and (from version 4) the request say so, with the
//!   broker's defaults. Kafka makes it afterwards and answers UNKNOWN_TOPIC_OR_PARTITION first; here it is there already.
//! - MD-3: the controller is this broker; its address is that of the listener that was asked, never a wildcard.
//! - MD-4: ids are answered from version 10 and understood from 12.

use super::answer::{CLUSTER_OPERATIONS, Outcome, TOPIC_OPERATIONS, done_listing, operations};
use super::call::Peer;
use super::topic_name;
use super::topics::{NewTopic, Topics};
use super::whereabouts::Whereabouts;
use crate::base::PartitionIndex;
use crate::metadata::{CommitError, Configs, Image, Refusal, Topic};
use crate::wire::requests::MetadataRequest;
use crate::wire::requests::cluster::MetadataRequestTopic;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::metadata_response::{
    MetadataResponse, MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use std::collections::HashSet;
use std::sync::Arc;
use uuid::Uuid;

/// From here on topics may be asked for by id.
const BY_ID_SINCE: i16 = 12;

/// Versions that carry the cluster's authorized operations.
const CLUSTER_OPERATIONS_IN: std::ops::RangeInclusive<i16> = 8..=10;

/// What one request may have made for it: partitions of all its unknown topics together.
const CREATED_PARTITIONS_MAX: i64 = 10_000;

/// Whether the answer must wait for a topic to be made.
pub(super) fn creates(topics: &Topics, header: &RequestHeader, request: &MetadataRequest) -> bool {
    let image = topics.image();
    may_create(topics, request) && !wants_all(header, request) && !unknown(&image, request).is_empty()
}

fn may_create(topics: &Topics, request: &MetadataRequest) -> bool {
    request.allow_auto_topic_creation && topics.configs().broker().auto_create_topics
}

fn wants_all(header: &RequestHeader, request: &MetadataRequest) -> bool {
    match &request.topics {
        None => true,
        Some(topics) => header.version == 0 && topics.is_empty(),
    }
}

/// Well-formed names that no topic has, each once.
fn unknown(image: &Image, request: &MetadataRequest) -> Vec<Arc<str>> {
    let mut names = HashSet::new();
    for asked in request.topics.iter().flatten() {
        let Some(name) = asked.name.filter(|_| asked.topic_id.is_zero()) else { continue };
        if image.topic(&name).is_none() && topic_name::check(&name).is_ok() {
            names.insert(Arc::<str>::from(name.as_str()));
        }
    }
    names.into_iter().collect()
}

/// Makes the topics that are missing. What can't be made is answered like any unknown topic.
pub(super) async fn create_missing(topics: &Topics, request: &MetadataRequest) {
    let partitions = topics.configs().broker().num_partitions;
    let room = usize::try_from(CREATED_PARTITIONS_MAX / i64::from(partitions.max(1))).unwrap_or(usize::MAX);
    let mut names = unknown(&topics.image(), request);
    names.retain(|name| name.as_ref() != topic_name::CLUSTER_METADATA_TOPIC);
    names.truncate(room);
    let new = names.iter().map(|name| NewTopic { name: name.clone(), partitions, configs: Configs::new() }).collect();
    for (name, answer) in names.iter().zip(topics.create(new).await) {
        match answer {
            Ok(topic) => tracing::info!(topic = %topic.name, id = %topic.id, partitions, "topic created on demand"),
            Err(CommitError::Refused(Refusal::TopicExists { .. })) => {} // another request was first
            Err(error) => tracing::warn!(topic = %name, %error, "topic not created on demand"),
        }
    }
}

/// How many partitions the answer for these topics tells of, those that are still to be made not counted.
pub(super) fn partitions(image: &Image, asked: impl Iterator<Item = MetadataRequestTopic>) -> u64 {
    let find = |asked: MetadataRequestTopic| match &asked.name {
        _ if !asked.topic_id.is_zero() => image.topic_by_id(asked.topic_id).map(|topic| topic.partitions),
        name => name.as_ref().and_then(|name| image.topic(name)).map(|topic| topic.partitions),
    };
    asked.filter_map(find).map(|partitions| u64::from(partitions.unsigned_abs())).sum()
}

/// Answers from the image.
pub(super) fn answer(
    topics: &Topics,
    place: &Whereabouts,
    peer: &Peer,
    header: &RequestHeader,
    request: &MetadataRequest,
) -> Outcome {
    let image = topics.image();
    let version = header.version;
    let view = View {
        image: &image,
        node: place.node.0,
        operations: operations(request.include_topic_authorized_operations, TOPIC_OPERATIONS),
    };
    let mut response = MetadataResponse::default();
    response.brokers = vec![broker(place, peer)];
    response.cluster_id = Some(Str::from_string(image.cluster_id().to_string()));
    response.controller_id = place.node.0.into();
    if CLUSTER_OPERATIONS_IN.contains(&version) {
        let asked = request.include_cluster_authorized_operations;
        response.cluster_authorized_operations = operations(asked, CLUSTER_OPERATIONS);
    }
    let code = |topic: &MetadataResponseTopic| topic.error_code;
    match request.topics.as_ref().filter(|_| !wants_all(header, request)) {
        None => {
            let all: Vec<_> = image.topics().collect();
            done_listing(header, &response, all.into_iter().map(|topic| view.found(topic)), code)
        }
        Some(asked) => done_listing(header, &response, asked.iter().map(|asked| view.one(version, &asked)), code),
    }
}

fn broker(place: &Whereabouts, peer: &Peer) -> MetadataResponseBroker {
    let (host, port) = peer.advertised();
    let mut broker = MetadataResponseBroker::default();
    broker.node_id = place.node.0.into();
    broker.host = Str::from_string(host);
    broker.port = i32::from(port);
    broker.rack = place.rack();
    broker
}

struct View<'a> {
    image: &'a Image,
    node: i32,
    operations: i32,
}

impl View<'_> {
    fn one(&self, version: i16, asked: &MetadataRequestTopic) -> MetadataResponseTopic {
        let by_id = !asked.topic_id.is_zero();
        match &asked.name {
            _ if version < BY_ID_SINCE && (by_id || asked.name.is_none()) => {
                let name = asked.name.clone().unwrap_or_default();
                self.missing(Some(name), asked.topic_id.0, ErrorCode::InvalidRequest)
            }
            _ if by_id => match self.image.topic_by_id(asked.topic_id) {
                Some(topic) => self.found(topic),
                None => self.missing(None, asked.topic_id.0, ErrorCode::UnknownTopicId),
            },
            None => self.missing(None, Uuid::nil(), ErrorCode::UnknownTopicId),
            Some(name) => match self.image.topic(name) {
                Some(topic) => self.found(topic),
                None => {
                    let bad = topic_name::check(name).is_err();
                    let invalid = ErrorCode::InvalidTopicException;
                    let code = if bad { invalid } else { ErrorCode::UnknownTopicOrPartition };
                    self.missing(Some(name.clone()), Uuid::nil(), code)
                }
            },
        }
    }

    fn missing(&self, name: Option<Str>, id: Uuid, code: ErrorCode) -> MetadataResponseTopic {
        let mut topic = MetadataResponseTopic::default();
        topic.error_code = code.code();
        topic.is_internal = name.as_deref().is_some_and(topic_name::is_internal);
        topic.name = name.map(Into::into);
        topic.topic_id = id;
        topic.topic_authorized_operations = i32::MIN;
        topic
    }

    fn found(&self, topic: &Topic) -> MetadataResponseTopic {
        let epoch = self.image.leader_epoch(topic).0;
        let mut found = MetadataResponseTopic::default();
        found.name = Some(Str::from_string(topic.name.to_string()).into());
        found.topic_id = topic.id.0;
        found.is_internal = topic_name::is_internal(&topic.name);
        found.topic_authorized_operations = self.operations;
        found.partitions =
            (0..topic.partitions).map(PartitionIndex).map(|index| self.partition(index, epoch)).collect();
        found
    }

    fn partition(&self, index: PartitionIndex, epoch: i32) -> MetadataResponsePartition {
        let mut partition = MetadataResponsePartition::default();
        partition.partition_index = index.0;
        partition.leader_id = self.node.into();
        partition.leader_epoch = epoch;
        partition.replica_nodes = vec![self.node.into()];
        partition.isr_nodes = vec![self.node.into()];
        partition
    }
}
