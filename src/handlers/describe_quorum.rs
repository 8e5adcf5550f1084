//! DescribeQuorum (55), versions 0-2. KIP-595, KIP-836 (fetch times), KIP-853 (directories and nodes).
//!
//! AD-8: answered simply. There is no quorum: this broker is its only voter, the metadata log's version its offset.

use super::answer::{Outcome, done, first_error};
use super::call::Peer;
use super::topic_name::CLUSTER_METADATA_TOPIC;
use super::whereabouts::Whereabouts;
use crate::base::Timestamp;
use crate::metadata::Image;
use crate::wire::requests::DescribeQuorumRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::describe_quorum_response::{
    DescribeQuorumResponse, Listener, Node, PartitionData, ReplicaState, TopicData,
};

/// From here on the voters' fetch times are told.
const TIMES_SINCE: i16 = 1;

/// From here on the voters' addresses are told.
const NODES_SINCE: i16 = 2;

pub(super) fn answer(
    image: &Image,
    place: &Whereabouts,
    peer: &Peer,
    now: Timestamp,
    header: &RequestHeader,
    request: &DescribeQuorumRequest,
) -> Outcome {
    let mut response = DescribeQuorumResponse::default();
    for asked in &request.topics {
        let mut topic = TopicData::default();
        for partition in &asked.partitions {
            let known = *asked.topic_name == *CLUSTER_METADATA_TOPIC && partition.partition_index.0 == 0;
            let mut data = PartitionData::default();
            data.partition_index = partition.partition_index.0;
            if known {
                tell(&mut data, image, place, now, header);
            } else {
                data.error_code = ErrorCode::UnknownTopicOrPartition.code();
                data.leader_id = (-1).into();
            }
            topic.partitions.push(data);
        }
        topic.topic_name = TopicName(asked.topic_name);
        response.topics.push(topic);
    }
    if header.version >= NODES_SINCE {
        response.nodes.push(node(place, peer));
    }
    let codes = response.topics.iter().flat_map(|topic| &topic.partitions).map(|partition| partition.error_code);
    let error = first_error(codes);
    done(header, &response, error)
}

fn tell(data: &mut PartitionData, image: &Image, place: &Whereabouts, now: Timestamp, header: &RequestHeader) {
    let version = i64::try_from(image.version()).unwrap_or(i64::MAX);
    let mut voter = ReplicaState::default();
    voter.replica_id = place.node.0.into();
    voter.log_end_offset = version;
    if header.version >= TIMES_SINCE {
        voter.last_fetch_timestamp = -1; // the leader fetches from nobody
        voter.last_caught_up_timestamp = now.0;
    }
    data.leader_id = place.node.0.into();
    data.leader_epoch = i32::try_from(image.incarnation()).unwrap_or(i32::MAX);
    data.high_watermark = version;
    data.current_voters.push(voter);
}

fn node(place: &Whereabouts, peer: &Peer) -> Node {
    let (host, port) = peer.advertised();
    let mut listener = Listener::default();
    listener.name = Str::from_string(peer.listener.name.clone());
    listener.host = Str::from_string(host);
    listener.port = port;
    let mut node = Node::default();
    node.node_id = place.node.0.into();
    node.listeners.push(listener);
    node
}
