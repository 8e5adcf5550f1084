//! The APIs off the hot path: ApiVersions, Metadata, CreateTopics, ListOffsets, FindCoordinator. They may allocate, but
//! for what has arrived only: requests are read by hand because a generated decoder believes the length of an array.

use super::connection::{Request, SERVED};
use super::log::Log;
use super::topics::{Topic, Topics};
use super::wire::{Reader, begin_answer, end_answer, malformed};
use bytes::BytesMut;
use kafka_protocol::ResponseError;
use kafka_protocol::messages::api_versions_response::ApiVersion;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse};
use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
use kafka_protocol::messages::{
    ApiKey, ApiVersionsResponse, BrokerId, CreateTopicsResponse, FindCoordinatorResponse, ListOffsetsResponse,
    MetadataResponse, TopicName,
};
use kafka_protocol::protocol::{Encodable, StrBytes};
use std::io;
use std::net::SocketAddr;

/// The one broker.
const NODE: BrokerId = BrokerId(1);
const API_VERSIONS_MAX: i16 = 3;
/// Largest request, bytes: a list of names and numbers.
const REQUEST_BYTES_MAX: usize = 1 << 20;
/// Instead of a list of topics: all of them.
const ALL_TOPICS: i32 = -1;
/// The partitions of a topic whose creator leaves it to the broker.
const PARTITIONS_BY_DEFAULT: i32 = -1;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const NO_OFFSET: i64 = -1;

/// Leaves the answer to a request in `answer`.
pub(super) fn answer(
    topics: &Topics,
    address: SocketAddr,
    key: ApiKey,
    request: Request<'_>,
    answer: &mut Vec<u8>,
) -> io::Result<()> {
    let version = request.version;
    if request.body.len() > REQUEST_BYTES_MAX {
        return Err(malformed("a request too large"));
    }
    let body = Reader::new(request.body);
    begin_answer(answer, request.correlation);
    match key {
        ApiKey::ApiVersions => api_versions(version, answer),
        ApiKey::Metadata => encode(&metadata(topics, address, body)?, version, answer),
        ApiKey::CreateTopics => encode(&create_topics(topics, body)?, version, answer),
        ApiKey::ListOffsets => encode(&list_offsets(topics, body)?, version, answer),
        ApiKey::FindCoordinator => encode(&find_coordinator(), version, answer),
        _ => Err(malformed("a request that isn't served")),
    }?;
    end_answer(answer)
}

fn encode(response: &impl Encodable, version: i16, answer: &mut Vec<u8>) -> io::Result<()> {
    let mut body = BytesMut::new();
    response.encode(&mut body, version).map_err(|error| io::Error::other(error.to_string()))?;
    answer.extend_from_slice(&body);
    Ok(())
}

/// A version that isn't known is answered in version 0, with the error and the list: KIP-511.
fn api_versions(version: i16, answer: &mut Vec<u8>) -> io::Result<()> {
    let keys = SERVED.iter().map(|(key, versions)| {
        ApiVersion::default()
            .with_api_key(*key as i16)
            .with_min_version(*versions.start())
            .with_max_version(*versions.end())
    });
    let response = ApiVersionsResponse::default().with_api_keys(keys.collect());
    match (0..=API_VERSIONS_MAX).contains(&version) {
        true => encode(&response, version, answer),
        false => encode(&response.with_error_code(ResponseError::UnsupportedVersion.code()), 0, answer),
    }
}

/// Whether topics may be created, which version 4 asks at its end, doesn't matter here.
fn metadata(topics: &Topics, address: SocketAddr, mut request: Reader<'_>) -> io::Result<MetadataResponse> {
    let broker = MetadataResponseBroker::default()
        .with_node_id(NODE)
        .with_host(StrBytes::from_string(address.ip().to_string()))
        .with_port(address.port().into());
    let described: io::Result<_> = match request.i32()? {
        ALL_TOPICS => Ok(topics.names().into_iter().map(|name| describe(topics, name)).collect()),
        count => (0..count).map(|_| Ok(describe(topics, request.string()?.to_owned()))).collect(),
    };
    Ok(MetadataResponse::default()
        .with_brokers(vec![broker])
        .with_cluster_id(Some(StrBytes::from_static_str("floor")))
        .with_controller_id(NODE)
        .with_topics(described?))
}

fn describe(topics: &Topics, name: String) -> MetadataResponseTopic {
    let topic = topics.get_or_create(&name);
    let response = MetadataResponseTopic::default().with_name(Some(TopicName(StrBytes::from_string(name))));
    match topic {
        Ok(topic) => response.with_partitions(describe_partitions(&topic)),
        Err(error) => response.with_error_code(error.code()),
    }
}

fn describe_partitions(topic: &Topic) -> Vec<MetadataResponsePartition> {
    let indexes = (0..).take(topic.partitions());
    let describe = |index| {
        MetadataResponsePartition::default()
            .with_partition_index(index)
            .with_leader_id(NODE)
            .with_replica_nodes(vec![NODE])
            .with_isr_nodes(vec![NODE])
    };
    indexes.map(describe).collect()
}

fn create_topics(topics: &Topics, mut request: Reader<'_>) -> io::Result<CreateTopicsResponse> {
    let wanted = (0..request.count()?).map(|_| NewTopic::read(&mut request)).collect::<io::Result<Vec<_>>>()?;
    let _timeout_ms = request.i32()?;
    let validate_only = request.flag()?;
    let created = wanted.into_iter().map(|topic| {
        let created = if validate_only { Ok(()) } else { topics.create(topic.name, topic.partitions).map(drop) };
        CreatableTopicResult::default()
            .with_name(TopicName(StrBytes::from_string(topic.name.to_owned())))
            .with_error_code(created.map_or_else(|error| error.code(), |()| 0))
    });
    Ok(CreateTopicsResponse::default().with_topics(created.collect()))
}

struct NewTopic<'a> {
    name: &'a str,
    partitions: usize,
}

impl<'a> NewTopic<'a> {
    /// Replicas and configs don't matter here.
    fn read(request: &mut Reader<'a>) -> io::Result<Self> {
        let (name, partitions, _replicas) = (request.string()?, request.i32()?, request.i16()?);
        let assigned = request.count()?;
        for _ in 0..assigned {
            let _index = request.i32()?;
            for _ in 0..request.count()? {
                let _replica = request.i32()?;
            }
        }
        for _ in 0..request.count()? {
            let _name = request.string()?;
            // The value.
            request.skip_string()?;
        }
        let partitions = match partitions {
            PARTITIONS_BY_DEFAULT => assigned.max(1),
            count => usize::try_from(count).unwrap_or(0),
        };
        Ok(NewTopic { name, partitions })
    }
}

fn list_offsets(topics: &Topics, mut request: Reader<'_>) -> io::Result<ListOffsetsResponse> {
    let _replica = request.i32()?;
    let listed = (0..request.count()?).map(|_| {
        let name = request.string()?;
        let topic = topics.get(name);
        let partitions =
            (0..request.count()?).map(|_| Ok(list_offset(topic.as_deref(), request.i32()?, request.i64()?)));
        Ok(ListOffsetsTopicResponse::default()
            .with_partitions(partitions.collect::<io::Result<_>>()?)
            .with_name(TopicName(StrBytes::from_string(name.to_owned()))))
    });
    Ok(ListOffsetsResponse::default().with_topics(listed.collect::<io::Result<_>>()?))
}

/// The start or the end; there is no index by time.
fn list_offset(topic: Option<&Topic>, index: i32, timestamp: i64) -> ListOffsetsPartitionResponse {
    let log = topic.and_then(|topic| topic.partition(index));
    let offset = match (log, timestamp) {
        (None, _) => Err(ResponseError::UnknownTopicOrPartition),
        (Some(log), LATEST) => Ok(log.end()),
        (Some(_), EARLIEST) => Ok(Log::START),
        (Some(_), _) => Err(ResponseError::UnsupportedForMessageFormat),
    };
    ListOffsetsPartitionResponse::default()
        .with_partition_index(index)
        .with_error_code(offset.map_or_else(|error| error.code(), |_| 0))
        .with_offset(offset.unwrap_or(NO_OFFSET))
}

/// There are no groups, and a client that asks goes on without.
fn find_coordinator() -> FindCoordinatorResponse {
    FindCoordinatorResponse::default()
        .with_error_code(ResponseError::CoordinatorNotAvailable.code())
        .with_node_id(BrokerId(-1))
        .with_port(-1)
}
