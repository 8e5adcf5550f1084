//! ConsumerGroupHeartbeat (68), versions 0-1. KIP-848; version 1: the member makes its own id (KIP-1082), regular expressions.
//!
//! - NG-1: while `group.version` is below 1, or the protocol is not among `group.coordinator.rebalance.protocols`, it is
//!   told UNSUPPORTED_VERSION.
//! - NG-2: both versions are served. A member of version 0 without an id is given one.
//! - What is null has not changed since the member's last heartbeat.

use super::{Groups, name, names};
use crate::base::TopicId;
use crate::group::command::{Command, ConsumerHeartbeat, ConsumerHeartbeatReply, Reply};
use crate::handlers::answer::{Outcome, done, text};
use crate::handlers::call::Peer;
use crate::handlers::errors;
use crate::wire::requests::ConsumerGroupHeartbeatRequest;
use crate::wire::requests::consumer_groups::TopicPartitions;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::consumer_group_heartbeat_response::{
    Assignment, ConsumerGroupHeartbeatResponse, TopicPartitions as ToldPartitions,
};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// From here on members make their ids themselves.
const OWN_ID_SINCE: i16 = 1;

/// The protocol, as `group.coordinator.rebalance.protocols` has it.
const PROTOCOL: &str = "consumer";

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    peer: &Peer,
    header: &RequestHeader,
    request: &ConsumerGroupHeartbeatRequest,
) -> Outcome {
    let mut response = ConsumerGroupHeartbeatResponse::default();
    let told = if groups.speaks(PROTOCOL) {
        let command = Command::ConsumerHeartbeat(heartbeat(peer, header, request));
        groups.ask(&request.group_id, command).await
    } else {
        Err(ErrorCode::UnsupportedVersion)
    };
    let code = match told {
        Ok(Reply::ConsumerHeartbeat(Ok(reply))) => {
            tell(&mut response, reply);
            ErrorCode::None
        }
        Ok(Reply::ConsumerHeartbeat(Err(error))) => {
            response.error_message = Some(text(format!("Group {}: {error}.", request.group_id.as_str())));
            errors::of_group(error)
        }
        Ok(other) => unreachable!("a heartbeat is answered with {other:?}"),
        Err(code) => code,
    };
    response.error_code = code.code();
    done(header, &response, code)
}

fn heartbeat(peer: &Peer, header: &RequestHeader, request: &ConsumerGroupHeartbeatRequest) -> ConsumerHeartbeat {
    let makes_own_id = header.version >= OWN_ID_SINCE;
    let is_new = !makes_own_id && request.member_epoch == 0 && request.member_id.is_empty();
    let topics = request.subscribed_topic_names.as_ref();
    ConsumerHeartbeat {
        group: name(&request.group_id),
        member: if is_new { Uuid::new_v4().to_string().into() } else { name(&request.member_id) },
        makes_own_id,
        epoch: request.member_epoch,
        instance: request.instance_id.as_ref().map(name),
        rack: request.rack_id.as_ref().map(name),
        rebalance_timeout_ms: request.rebalance_timeout_ms,
        topics: topics.map(|topics| topics.iter().map(|topic| name(&topic)).collect()),
        regex: request.subscribed_topic_regex.as_ref().map(name),
        assignor: request.server_assignor.as_ref().map(name),
        owned: request.topic_partitions.as_ref().map(|topics| owned(topics.iter())),
        client_id: names(header.client_id.as_deref()),
        client_host: format!("/{}", peer.remote.ip()).into(),
    }
}

/// What the member has. A topic may come in pieces: what one left out would count as given up.
fn owned(topics: impl Iterator<Item = TopicPartitions>) -> BTreeMap<TopicId, BTreeSet<i32>> {
    let mut owned: BTreeMap<TopicId, BTreeSet<i32>> = BTreeMap::new();
    for topic in topics {
        owned.entry(topic.topic_id).or_default().extend(topic.partitions.iter().map(|one| one.0));
    }
    owned
}

fn tell(response: &mut ConsumerGroupHeartbeatResponse, reply: ConsumerHeartbeatReply) {
    response.member_id = Some(text(&*reply.member));
    response.member_epoch = reply.epoch;
    response.heartbeat_interval_ms = i32::try_from(reply.interval.as_millis()).unwrap_or(i32::MAX);
    let topic = |(id, partitions): (TopicId, BTreeSet<i32>)| {
        let mut topic = ToldPartitions::default();
        topic.topic_id = id.0;
        topic.partitions = partitions.into_iter().collect();
        topic
    };
    response.assignment = reply.assignment.map(|target| {
        let mut assignment = Assignment::default();
        assignment.topic_partitions = target.into_iter().map(topic).collect();
        assignment
    });
}
