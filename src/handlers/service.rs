//! From a frame to its handler.

use super::answer::{later, ready, to_the_end};
use super::aside::Aside;
use super::call::{Answer, Close, CloseReason, ConnectionId, Dispatch, Peer, Reply};
use super::config_resources::TOPIC;
use super::describe_log_dirs::Space;
use super::fetch::Fetches;
use super::groups::{
    Groups, consumer_group_describe, consumer_group_heartbeat, delete_groups, describe_groups, heartbeat, join_group,
    leave_group, list_groups, offset_commit, offset_delete, offset_fetch, sync_group,
};
use super::producer_ids::ProducerIds;
use super::topics::Topics;
use super::whereabouts::Whereabouts;
use super::{
    acls, alter_configs, api_versions, call, create_partitions, create_topics, delete_records, delete_topics,
    describe_client_quotas, describe_cluster, describe_configs, describe_log_dirs, describe_quorum,
    describe_topic_partitions, features, find_coordinator, incremental_alter_configs, init_producer_id,
    list_config_resources, list_offsets, list_partition_reassignments, metadata, offset_for_leader_epoch, produce,
    update_features,
};
use crate::base::Clock;
use crate::metrics::Metrics;
use crate::wire::api_versions::ApiVersionsResponse;
use crate::wire::{Api, DecodeError, ErrorCode, HeaderError, Problem, Request, RequestHeader};
use bytes::Bytes;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// Tells the size and the free bytes of the file system that holds the data. May block on the disk.
pub type SpaceProbe = Box<dyn Fn() -> Space + Send + Sync>;

/// What the handlers are made of. Each is given what it uses, no more.
pub struct Parts {
    /// Who and where the broker is.
    pub place: Arc<Whereabouts>,
    /// Topics and partitions.
    pub topics: Arc<Topics>,
    /// Consumer groups.
    pub groups: Arc<Groups>,
    /// Fetches and their sessions.
    pub fetches: Arc<Fetches>,
    /// Producer ids.
    pub producer_ids: Arc<ProducerIds>,
    /// The disk's size.
    pub space: Arc<SpaceProbe>,
    /// Counts answers.
    pub metrics: Arc<Metrics>,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

/// Requests with more array elements than this are decoded and answered [`Aside`]: the others take well below a
/// millisecond.
const ELEMENTS_HERE_MAX: u32 = 5_000;

/// Topics in an answer that describes whole topics; with more, the answer is made [`Aside`].
const TOPICS_HERE_MAX: usize = 200;

/// Partitions in an answer that describes topics by name; with more, the answer is made [`Aside`].
const PARTITIONS_HERE_MAX: u64 = 2_000;

/// Resources whose whole configuration is told; with more, the answer is made [`Aside`].
const RESOURCES_HERE_MAX: usize = 10;

/// As [`RESOURCES_HERE_MAX`], for those that are not topics: a broker's configuration is a hundred kilobytes.
const BROKERS_HERE_MAX: usize = 2;

/// Topics to be made whose configuration is told; with more, the answer is made [`Aside`].
const CREATED_HERE_MAX: usize = 50;

/// Answers requests.
pub struct Service {
    desk: Arc<Desk>,
    aside: Arc<Aside>,
}

impl Service {
    /// A service of these parts.
    pub fn new(parts: Parts) -> Service {
        Service { desk: Arc::new(Desk(parts)), aside: Arc::default() }
    }

    /// What it is made of.
    pub fn parts(&self) -> &Parts {
        &self.desk.0
    }
}

/// Where requests find their handlers.
struct Desk(Parts);

impl Desk {
    /// Decodes and answers, however large the request is.
    async fn decode(&self, peer: &Arc<Peer>, header: RequestHeader, body: Bytes) -> Answer {
        match Request::decode(header.api, header.version, body) {
            Ok(request) => self.answer(peer, header, request).await,
            Err(error) => malformed(peer, &header, &error),
        }
    }

    /// Whether a short request asks for a long answer.
    fn asks_much(&self, request: &Request) -> bool {
        match request {
            Request::Metadata(request) => {
                let image = self.0.topics.image();
                match request.topics.as_ref().filter(|topics| !topics.is_empty() && topics.len() <= TOPICS_HERE_MAX) {
                    None => image.partition_count() > TOPICS_HERE_MAX as u64,
                    Some(topics) => metadata::partitions(&image, topics.iter()) > PARTITIONS_HERE_MAX,
                }
            }
            Request::DescribeLogDirs(request) => {
                request.topics.is_none() && self.0.topics.image().partition_count() > TOPICS_HERE_MAX as u64
            }
            Request::DescribeConfigs(request) => {
                let brokers = || request.resources.iter().filter(|asked| asked.resource_type != TOPIC).count();
                request.resources.len() > RESOURCES_HERE_MAX || brokers() > BROKERS_HERE_MAX
            }
            Request::CreateTopics(request) => request.topics.len() > CREATED_HERE_MAX,
            // All topics, and all groups with configuration.
            Request::ListConfigResources(_) => true,
            // What members said, what a group committed, how many groups there are: any of it may be megabytes.
            Request::DescribeGroups(_) | Request::ConsumerGroupDescribe(_) | Request::ListGroups(_) => true,
            Request::OffsetFetch(request) => {
                request.topics.is_none() || request.groups.iter().any(|group| group.topics.is_none())
            }
            _ => false,
        }
    }

    async fn answer(&self, peer: &Arc<Peer>, header: RequestHeader, request: Request) -> Answer {
        let Parts { place, topics, metrics, .. } = &self.0;
        let (image, node) = (topics.image(), place.node);
        match request {
            Request::Produce(request) => produce::start(topics, place, metrics, peer, header, request).await,
            Request::Fetch(request) => self.0.fetches.start(peer, header, request).await,
            Request::ApiVersions(request) => {
                ready(metrics, &header, api_versions::answer(&image, node, peer, &header, &request))
            }
            Request::FindCoordinator(request) => {
                ready(metrics, &header, find_coordinator::answer(place, peer, &header, &request))
            }
            Request::OffsetForLeaderEpoch(request) => {
                ready(metrics, &header, offset_for_leader_epoch::answer(topics, &header, &request))
            }
            Request::DescribeAcls(request) => ready(metrics, &header, acls::describe(&header, &request)),
            Request::CreateAcls(request) => ready(metrics, &header, acls::create(&header, &request)),
            Request::DeleteAcls(request) => ready(metrics, &header, acls::delete(&header, &request)),
            Request::DescribeConfigs(request) => {
                ready(metrics, &header, describe_configs::answer(topics, node, &header, &request))
            }
            Request::ListPartitionReassignments(request) => {
                ready(metrics, &header, list_partition_reassignments::answer(&header, &request))
            }
            Request::DescribeClientQuotas(request) => {
                ready(metrics, &header, describe_client_quotas::answer(&header, &request))
            }
            Request::DescribeQuorum(request) => {
                let now = self.0.clock.now();
                ready(metrics, &header, describe_quorum::answer(&image, place, peer, now, &header, &request))
            }
            Request::DescribeCluster(request) => {
                ready(metrics, &header, describe_cluster::answer(&image, place, peer, &header, &request))
            }
            Request::ListConfigResources(request) => {
                ready(metrics, &header, list_config_resources::answer(&image, &header, &request))
            }
            Request::DescribeTopicPartitions(request) => {
                ready(metrics, &header, describe_topic_partitions::answer(topics, node, &header, &request))
            }
            Request::Metadata(_)
            | Request::ListOffsets(_)
            | Request::CreateTopics(_)
            | Request::DeleteTopics(_)
            | Request::DeleteRecords(_)
            | Request::InitProducerId(_)
            | Request::AlterConfigs(_)
            | Request::DescribeLogDirs(_)
            | Request::CreatePartitions(_)
            | Request::IncrementalAlterConfigs(_)
            | Request::UpdateFeatures(_) => self.wait(peer, header, request),
            Request::OffsetCommit(_)
            | Request::OffsetFetch(_)
            | Request::OffsetDelete(_)
            | Request::JoinGroup(_)
            | Request::SyncGroup(_)
            | Request::Heartbeat(_)
            | Request::LeaveGroup(_)
            | Request::DescribeGroups(_)
            | Request::ListGroups(_)
            | Request::DeleteGroups(_)
            | Request::ConsumerGroupHeartbeat(_)
            | Request::ConsumerGroupDescribe(_) => begun(self.ask_groups(peer, header, request)),
        }
    }

    /// Requests that wait for the metadata log or the disk.
    fn wait(&self, peer: &Arc<Peer>, header: RequestHeader, request: Request) -> Answer {
        let Parts { place, topics, metrics, .. } = &self.0;
        let (topics, place, node, head) = (topics.clone(), place.clone(), place.node, header.clone());
        match request {
            Request::Metadata(request) if !metadata::creates(&topics, &header, &request) => {
                let answer = metadata::answer(&topics, &place, peer, &header, &request);
                ready(metrics, &header, answer)
            }
            Request::Metadata(request) => {
                let peer = peer.clone();
                later(metrics, header, async move {
                    metadata::create_missing(&topics, &request).await;
                    metadata::answer(&topics, &place, &peer, &head, &request)
                })
            }
            Request::ListOffsets(request) => {
                later(metrics, header, async move { list_offsets::answer(topics, &head, &request).await })
            }
            Request::CreateTopics(request) => {
                later(metrics, header, async move { create_topics::answer(&topics, node, &head, &request).await })
            }
            Request::DeleteTopics(request) => {
                let groups = self.0.groups.clone();
                to_the_end(
                    metrics,
                    header,
                    async move { delete_topics::answer(&topics, &groups, &head, &request).await },
                )
            }
            Request::DeleteRecords(request) => {
                later(metrics, header, async move { delete_records::answer(&topics, &head, &request).await })
            }
            Request::CreatePartitions(request) => {
                later(metrics, header, async move { create_partitions::answer(&topics, node, &head, &request).await })
            }
            Request::AlterConfigs(request) => {
                to_the_end(metrics, header, async move { alter_configs::answer(&topics, node, &head, &request).await })
            }
            Request::IncrementalAlterConfigs(request) => to_the_end(metrics, header, async move {
                incremental_alter_configs::answer(&topics, node, &head, &request).await
            }),
            Request::UpdateFeatures(request) => to_the_end(metrics, header, async move {
                update_features::answer(topics.metadata(), features::offered(), node, &head, &request).await
            }),
            Request::InitProducerId(request) => {
                let ids = self.0.producer_ids.clone();
                later(metrics, header, async move { init_producer_id::answer(&ids, &head, &request).await })
            }
            Request::DescribeLogDirs(request) => {
                let probe = self.0.space.clone();
                later(metrics, header, async move {
                    let space = tokio::task::spawn_blocking(move || probe()).await.unwrap_or_default();
                    describe_log_dirs::answer(&topics, &place, space, &head, &request)
                })
            }
            Request::Produce(_)
            | Request::Fetch(_)
            | Request::ApiVersions(_)
            | Request::FindCoordinator(_)
            | Request::OffsetForLeaderEpoch(_)
            | Request::DescribeAcls(_)
            | Request::CreateAcls(_)
            | Request::DeleteAcls(_)
            | Request::DescribeConfigs(_)
            | Request::ListPartitionReassignments(_)
            | Request::DescribeClientQuotas(_)
            | Request::DescribeQuorum(_)
            | Request::DescribeCluster(_)
            | Request::ListConfigResources(_)
            | Request::DescribeTopicPartitions(_) => unreachable!("answered without waiting"),
            Request::OffsetCommit(_)
            | Request::OffsetFetch(_)
            | Request::OffsetDelete(_)
            | Request::JoinGroup(_)
            | Request::SyncGroup(_)
            | Request::Heartbeat(_)
            | Request::LeaveGroup(_)
            | Request::DescribeGroups(_)
            | Request::ListGroups(_)
            | Request::DeleteGroups(_)
            | Request::ConsumerGroupHeartbeat(_)
            | Request::ConsumerGroupDescribe(_) => unreachable!("asked of a group"),
        }
    }

    /// Requests that wait for a group.
    fn ask_groups(&self, peer: &Arc<Peer>, header: RequestHeader, request: Request) -> Answer {
        let Parts { groups, topics, metrics, .. } = &self.0;
        let (groups, image, peer, head) = (groups.clone(), topics.image(), peer.clone(), header.clone());
        later(metrics, header, async move {
            match request {
                Request::OffsetCommit(request) => offset_commit::answer(&groups, &image, &head, &request).await,
                Request::OffsetFetch(request) => offset_fetch::answer(&groups, &image, &head, &request).await,
                Request::OffsetDelete(request) => offset_delete::answer(&groups, &image, &head, &request).await,
                Request::JoinGroup(request) => join_group::answer(&groups, &peer, head, request).await,
                Request::SyncGroup(request) => sync_group::answer(&groups, &peer, head, request).await,
                Request::Heartbeat(request) => heartbeat::answer(&groups, &head, &request).await,
                Request::LeaveGroup(request) => leave_group::answer(&groups, &head, &request).await,
                Request::DescribeGroups(request) => describe_groups::answer(&groups, &head, &request).await,
                Request::ListGroups(request) => list_groups::answer(&groups, &head, &request).await,
                Request::DeleteGroups(request) => delete_groups::answer(&groups, &head, &request).await,
                Request::ConsumerGroupHeartbeat(request) => {
                    consumer_group_heartbeat::answer(&groups, &peer, &head, &request).await
                }
                Request::ConsumerGroupDescribe(request) => {
                    consumer_group_describe::answer(&groups, &head, &request).await
                }
                _ => unreachable!("not about groups"),
            }
        })
    }

    /// What a frame gets that is no request (AV-2, AV-6).
    fn refuse(&self, peer: &Peer, error: HeaderError) -> Answer {
        let reason = match &error {
            HeaderError::UnsupportedVersion { api: Api::ApiVersions, correlation_id, .. } => {
                let code = ErrorCode::UnsupportedVersion;
                self.0.metrics.requests.answered(Api::ApiVersions.key(), code.code());
                return Answer::Ready(ApiVersionsResponse::unsupported(*correlation_id).into());
            }
            HeaderError::UnsupportedVersion { .. } => CloseReason::UnsupportedVersion,
            HeaderError::UnknownApi { .. } => CloseReason::UnknownApi,
            HeaderError::Malformed(_) => CloseReason::Malformed,
        };
        // The client only sees its connection close: the log is where one can find out why.
        let software = peer.software();
        let (name, version) = software.as_ref().map_or(("?", "?"), |it| (&it.name, &it.version));
        tracing::warn!(connection = %peer.id, remote = %peer.remote, software = name, version, %error, "request refused");
        Answer::Close(Close::new(reason, error.to_string()))
    }
}

/// Begins with what is left for later before the connection's next request starts: coordinators take what a client asks in
/// its order, also when a long request is worked on aside and a short one follows it.
fn begun(answer: Answer) -> Answer {
    let Answer::Later(mut future) = answer else { return answer };
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(Reply::Body(body)) => Answer::Ready(body),
        Poll::Ready(Reply::Throttled(body, time)) => Answer::Throttled(body, time),
        Poll::Ready(Reply::Silent) => Answer::Silent,
        Poll::Ready(Reply::Close(close)) => Answer::Close(close),
        // Whoever waits for the answer looks again first.
        Poll::Pending => Answer::Later(future),
    }
}

fn malformed(peer: &Peer, header: &RequestHeader, error: &DecodeError) -> Answer {
    let detail = format!("{} version {}: {error}", header.api, header.version);
    tracing::warn!(connection = %peer.id, remote = %peer.remote, %detail, "malformed request");
    Answer::Close(Close::new(CloseReason::Malformed, detail))
}

impl Dispatch for Service {
    async fn start(&self, peer: &Arc<Peer>, request: call::Request) -> Answer {
        let Service { desk, aside } = self;
        let (header, body) = match RequestHeader::decode(request.frame) {
            Ok(decoded) => decoded,
            Err(error) => return desk.refuse(peer, error),
        };
        match Request::decode_up_to(ELEMENTS_HERE_MAX, header.api, header.version, body.clone()) {
            Ok(request) if desk.asks_much(&request) => {
                let (desk, peer, answers) = (desk.clone(), peer.clone(), peer.answers.clone());
                aside.answer(answers, async move { desk.answer(&peer, header, request).await }).await
            }
            Ok(request) => {
                drop(body);
                desk.answer(peer, header, request).await
            }
            Err(DecodeError { problem: Problem::TooMany { .. }, .. }) => {
                let (desk, peer, answers) = (desk.clone(), peer.clone(), peer.answers.clone());
                aside.answer(answers, async move { desk.decode(&peer, header, body).await }).await
            }
            Err(error) => malformed(peer, &header, &error),
        }
    }

    fn closed(&self, peer: &Peer) {
        let ConnectionId(number) = peer.id;
        tracing::trace!(connection = number, "connection closed");
    }
}
