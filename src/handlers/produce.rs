//! Produce (0), versions 3-13 (advertised from 0: AV-1). KIP-98, KIP-467 (errors by record), KIP-516 (topic ids in 13),
//! KIP-951 (current leader).
//!
//! - PR-1: acks=0 is never answered, and a failure closes the connection; acks outside -1, 0, 1 INVALID_REQUIRED_ACKS.
//! - PR-2: one checked batch per partition; what is wrong with one fails that partition alone.
//! - PR-4: a record without key on a compacted topic INVALID_RECORD, with the records named.
//! - PR-9: nothing is ever answered UNKNOWN_SERVER_ERROR. PR-10: base offsets are true or -1.
//! - acks 1 and -1 are the same promise: answered when durable. `timeout_ms` is how long Kafka waits for followers, after
//!   its own append; a leader that is alone in sync has none to wait for and answers REQUEST_TIMED_OUT at no timeout, not
//!   even at 0. Here nobody follows either, and what is waited for is our own sync. So a small `timeout_ms` does not cut
//!   it short: a client that is told of a timeout sends a batch again that becomes durable a moment later. With acks -1
//!   REQUEST_TIMED_OUT comes only after [`COMMIT_WAIT_MIN`] or `timeout_ms`, whichever is longer: the disk hangs then, and
//!   the outcome is unknown.
//!
//! Stage one checks, takes room in the commit queue and appends, in the order of requests; stage two waits.

use super::answer::{Done, Outcome, later};
use super::call::{Answer, Close, CloseReason, Peer};
use super::configs::Effective;
use super::errors;
use super::keyless;
use super::timestamps;
use super::topic_name;
use super::topics::Topics;
use super::whereabouts::Whereabouts;
use crate::base::{Offset, PartitionIndex, Timestamp};
use crate::log;
use crate::metadata::{Image, Topic};
use crate::metrics::Metrics;
use crate::partition::{AppendError, Partition, Room, Ticket};
use crate::record::{BatchHeader, Compression, check_produced};
use crate::wire::produce::{
    PartitionProduceData, PartitionProduceResponse, ProduceResponse, TopicProduceData, TopicProduceResponse,
};
use crate::wire::requests::ProduceRequest;
use crate::wire::writer::{CurrentLeader, NodeEndpoint};
use crate::wire::{ErrorCode, RequestHeader, Str};
use bytes::Bytes;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// From here on topics are named by id.
const BY_ID_SINCE: i16 = 13;

/// From here on the leader is told with NOT_LEADER_OR_FOLLOWER.
const LEADER_SINCE: i16 = 10;

/// From here on batches may be compressed with zstd (KIP-110).
const ZSTD_SINCE: i16 = 7;

/// The client id under which Kafka's own tools may write to internal topics.
const ADMIN_CLIENT: &str = "__admin_client";

/// What is due to the client.
const ACKS_NONE: i16 = 0;
const ACKS_LEADER: i16 = 1;
const ACKS_ALL: i16 = -1;

/// The sync of a batch is waited for at least this long, whatever `timeout_ms` says. A sync takes milliseconds, on an
/// overloaded disk seconds; after so long Java's producers give the request up by themselves (`request.timeout.ms`).
const COMMIT_WAIT_MIN: Duration = Duration::from_secs(30);

/// A partition's way through the request.
enum Step {
    /// Over already.
    Answered(PartitionProduceResponse),
    /// A good batch without offsets.
    Checked(Batch),
    /// Appended; the index and what to wait for.
    Appended(PartitionIndex, Ticket),
    /// Refused as a duplicate that is too old to be answered by its offset: said only when the original is durable.
    Duplicate(PartitionProduceResponse, Arc<Partition>, Offset),
}

struct Batch {
    index: PartitionIndex,
    partition: Arc<Partition>,
    effective: Arc<Effective>,
    header: BatchHeader,
    bytes: Bytes,
}

struct TopicSteps {
    answer: TopicProduceResponse,
    steps: Vec<Step>,
}

pub(super) async fn start(
    topics: &Topics,
    place: &Whereabouts,
    metrics: &Arc<Metrics>,
    peer: &Peer,
    header: RequestHeader,
    request: ProduceRequest,
) -> Answer {
    let image = topics.image();
    let mut work = Vec::with_capacity(request.topic_data.len());
    for data in &request.topic_data {
        work.push(check_topic(topics, &image, &header, request.acks, data).await);
    }
    let (acks, timeout_ms) = (request.acks, request.timeout_ms);
    drop(request);
    append(topics, peer, &mut work).await;
    if acks == ACKS_NONE {
        return silent(&work);
    }
    let deadline = (acks == ACKS_ALL).then(|| Instant::now() + commit_wait(timeout_ms));
    let leader = Leader { endpoint: endpoint(place, peer), image };
    later(metrics, header.clone(), finish(work, deadline, leader, header))
}

/// How long durability is waited for with acks -1.
pub(super) fn commit_wait(timeout_ms: i32) -> Duration {
    Duration::from_millis(u64::try_from(timeout_ms).unwrap_or(0)).max(COMMIT_WAIT_MIN)
}

/// What acks=0 gets: nothing, or a closed connection (PR-1).
fn silent(work: &[TopicSteps]) -> Answer {
    let failed = work.iter().flat_map(|topic| &topic.steps).find_map(|step| match step {
        Step::Answered(answer) | Step::Duplicate(answer, ..) => Some(answer),
        Step::Checked(_) | Step::Appended(..) => None,
    });
    match failed {
        Some(answer) => {
            let message = answer.error_message.as_deref().unwrap_or_default();
            let detail = format!("partition {}: {}: {message}", answer.index, answer.error_code);
            Answer::Close(Close::new(CloseReason::SilentFailure, detail))
        }
        None => Answer::Silent,
    }
}

async fn check_topic(
    topics: &Topics,
    image: &Image,
    header: &RequestHeader,
    acks: i16,
    data: TopicProduceData,
) -> TopicSteps {
    let by_id = header.version >= BY_ID_SINCE;
    let topic = if by_id { image.topic_by_id(data.topic_id) } else { image.topic(&data.name) };
    let refused = if !matches!(acks, ACKS_NONE | ACKS_LEADER | ACKS_ALL) {
        Some((ErrorCode::InvalidRequiredAcks, "acks must be 0, 1 or -1."))
    } else if topic.is_none() && by_id {
        Some((ErrorCode::UnknownTopicId, "There is no topic with this id."))
    } else if topic.is_some_and(|topic| topic_name::is_internal(&topic.name))
        && header.client_id.as_deref() != Some(ADMIN_CLIENT)
    {
        Some((ErrorCode::InvalidTopicException, "Clients can't write to internal topics."))
    } else {
        None
    };
    let mut steps = Vec::with_capacity(data.partition_data.len());
    for partition in &data.partition_data {
        let index = partition.index;
        let step = match refused {
            Some((code, message)) => Err(failed(index, code, message)),
            None => check(topics, image, topic.map(|topic| &**topic), header.version, partition).await,
        };
        steps.push(step.map_or_else(Step::Answered, Step::Checked));
    }
    // Copied: a slice would keep the whole frame in memory until the batch is durable.
    let answer = TopicProduceResponse {
        name: Str::from_string(data.name.to_string()),
        topic_id: data.topic_id,
        partition_responses: Vec::with_capacity(steps.len()),
    };
    TopicSteps { answer, steps }
}

fn failed(index: PartitionIndex, code: ErrorCode, message: impl Into<String>) -> PartitionProduceResponse {
    let error_message = Some(Str::from_string(message.into()));
    PartitionProduceResponse { error_message, ..PartitionProduceResponse::failed(index, code) }
}

async fn check(
    topics: &Topics,
    image: &Image,
    topic: Option<&Topic>,
    version: i16,
    data: PartitionProduceData,
) -> Result<Batch, PartitionProduceResponse> {
    let index = data.index;
    let unknown = || failed(index, ErrorCode::UnknownTopicOrPartition, "There is no such partition.");
    let topic = topic.ok_or_else(unknown)?;
    let partition = topics.partition(image, topic, index).ok_or_else(unknown)?;
    let Some(bytes) = data.records.filter(|bytes| !bytes.is_empty()) else {
        return Err(failed(index, ErrorCode::InvalidRecord, "There is no record batch."));
    };
    let header = check_produced(&bytes).map_err(|error| failed(index, errors::of_batch(&error), error.to_string()))?;
    if version < ZSTD_SINCE && header.compression() == Some(Compression::Zstd) {
        let message = "Produce carries zstd from version 7 on.";
        return Err(failed(index, ErrorCode::UnsupportedCompressionType, message));
    }
    if header.is_transactional() {
        let message = "Transactions are not served by this broker.";
        return Err(failed(index, ErrorCode::InvalidTxnState, message));
    }
    let effective = topics.settings(topic);
    if effective.topic.cleanup.compact {
        keyless::check(&header, &bytes, effective.topic.decompressed_bytes_max)
            .await
            .map_err(|error| with_log_start(error.told(index, &topic.name), &partition))?;
    }
    Ok(Batch { index, partition, effective, header, bytes })
}

/// Appends what is good, in order. Room for all of it is taken first.
async fn append(topics: &Topics, peer: &Peer, work: &mut [TopicSteps]) {
    let steps = || work.iter().flat_map(|topic| &topic.steps);
    let bytes: u64 = steps()
        .map(|step| match step {
            Step::Checked(batch) => batch.bytes.len() as u64,
            Step::Answered(_) | Step::Appended(..) | Step::Duplicate(..) => 0,
        })
        .sum();
    if bytes == 0 {
        return;
    }
    // A broker that stops answers what it began and begins nothing.
    let mut room = match peer.stopping.is_stopping() {
        false => topics.partitions().reserve(bytes).await.ok(),
        true => None,
    };
    for step in work.iter_mut().flat_map(|topic| &mut topic.steps) {
        let Step::Checked(_) = step else { continue };
        let placeholder = Step::Answered(PartitionProduceResponse::failed(PartitionIndex(-1), ErrorCode::None));
        let Step::Checked(batch) = std::mem::replace(step, placeholder) else { continue };
        *step = match &mut room {
            Some(room) => append_one(batch, room),
            None => Step::Answered(closed(peer, batch.index)),
        };
    }
}

/// The store takes nothing more: because the broker stops, or because its disk failed (PR-12).
fn closed(peer: &Peer, index: PartitionIndex) -> PartitionProduceResponse {
    if peer.stopping.is_stopping() {
        failed(index, ErrorCode::NotLeaderOrFollower, "The broker is stopping.")
    } else {
        failed(index, ErrorCode::KafkaStorageError, "The storage failed; nothing is appended any more.")
    }
}

fn append_one(batch: Batch, room: &mut Room) -> Step {
    let Batch { index, partition, effective, header, bytes } = batch;
    let (size, again) = (bytes.len() as u64, bytes.clone());
    match partition.append(bytes, &header, room) {
        Ok(ticket) => {
            if !ticket.is_duplicate() {
                effective.counters.appended(size, u64::from(header.record_count.unsigned_abs()));
            }
            Step::Appended(index, ticket)
        }
        Err(error) => {
            let mut answer = failed(index, errors::of_append(&error), error.to_string());
            if errors::tells_log_start(&error) {
                answer = with_log_start(answer, &partition);
            }
            if let AppendError::Refused(log::AppendError::TimestampInvalid { earliest, latest, .. }) = &error {
                answer.record_errors = timestamps::outside(&header, &again, *earliest, *latest);
            }
            match error.rests_on() {
                Some(below) => Step::Duplicate(answer, partition, below),
                None => Step::Answered(answer),
            }
        }
    }
}

/// Kafka tells the log start too where the batch itself was at fault.
fn with_log_start(answer: PartitionProduceResponse, partition: &Partition) -> PartitionProduceResponse {
    PartitionProduceResponse { log_start_offset: partition.watermarks().log_start, ..answer }
}

/// Who leads, for those who are sent away (PR-11).
struct Leader {
    endpoint: NodeEndpoint,
    image: Arc<Image>,
}

fn endpoint(place: &Whereabouts, peer: &Peer) -> NodeEndpoint {
    let (host, port) = peer.advertised();
    NodeEndpoint { node_id: place.node, host: Str::from_string(host), port: i32::from(port), rack: place.rack() }
}

async fn finish(work: Vec<TopicSteps>, deadline: Option<Instant>, leader: Leader, header: RequestHeader) -> Outcome {
    let mut response = ProduceResponse::default();
    let mut first = ErrorCode::None;
    for TopicSteps { mut answer, steps } in work {
        for step in steps {
            let mut partition = settle(step, deadline).await;
            if first.is_none() {
                first = partition.error_code;
            }
            if partition.error_code == ErrorCode::NotLeaderOrFollower && header.version >= LEADER_SINCE {
                let by_id = header.version >= BY_ID_SINCE;
                let topic =
                    if by_id { leader.image.topic_by_id(answer.topic_id) } else { leader.image.topic(&answer.name) };
                partition.current_leader = topic.map(|topic| CurrentLeader {
                    leader_id: leader.endpoint.node_id,
                    leader_epoch: leader.image.leader_epoch(topic),
                });
                if response.node_endpoints.is_empty() {
                    response.node_endpoints.push(leader.endpoint.clone());
                }
            }
            answer.partition_responses.push(partition);
        }
        response.responses.push(answer);
    }
    Ok(Done { body: response.encode(&header).into(), error: first })
}

/// Waits for a partition's outcome.
async fn settle(step: Step, deadline: Option<Instant>) -> PartitionProduceResponse {
    match step {
        Step::Answered(answer) => answer,
        Step::Checked(batch) => failed(batch.index, ErrorCode::NotLeaderOrFollower, "The batch was not appended."),
        Step::Appended(index, ticket) => match until(deadline, ticket.durable()).await {
            None => timed_out(index),
            Some(Err(error)) => failed(index, errors::of_ack(error), error.to_string()),
            Some(Ok(result)) => PartitionProduceResponse {
                base_offset: result.base_offset,
                log_append_time: result.log_append_time.unwrap_or(Timestamp::NONE),
                log_start_offset: result.log_start,
                ..PartitionProduceResponse::failed(index, ErrorCode::None)
            },
        },
        Step::Duplicate(answer, partition, below) => match until(deadline, partition.wait_durable(below)).await {
            Some(Ok(())) => answer,
            Some(Err(error)) => failed(answer.index, errors::of_ack(error), error.to_string()),
            None => timed_out(answer.index),
        },
    }
}

fn timed_out(index: PartitionIndex) -> PartitionProduceResponse {
    failed(index, ErrorCode::RequestTimedOut, "The batch was appended, but did not become durable in time.")
}

async fn until<T>(deadline: Option<Instant>, work: impl Future<Output = T>) -> Option<T> {
    match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline, work).await.ok(),
        None => Some(work.await),
    }
}

#[cfg(test)]
#[path = "produce_tests.rs"]
mod tests;
