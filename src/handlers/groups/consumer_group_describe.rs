//! ConsumerGroupDescribe (69), versions 0-1. KIP-848, KIP-430 (operations); version 1: the protocol of each member (KIP-1099).
//!
//! - NG-5: a group of the classic protocol is not found, as one that is not there: clients go on to DescribeGroups.
//! - A group without a name is told INVALID_GROUP_ID.
//! - A group that is named again and again is an error: what is told of it may be megabytes.

use super::describe_groups::GROUP_OPERATIONS;
use super::{Groups, Repeats, consumer_state, name};
use crate::group::GroupError;
use crate::group::command::{Command, ConsumerDescription, ConsumerMember, DescribedPartitions, Reply};
use crate::handlers::answer::{Outcome, done, first_error, operations, text};
use crate::handlers::errors;
use crate::wire::requests::ConsumerGroupDescribeRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use futures_util::future::join_all;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment, ConsumerGroupDescribeResponse, DescribedGroup, Member, TopicPartitions,
};

/// From here on the protocol of each member is told.
const MEMBER_TYPE_SINCE: i16 = 1;

/// The protocols of members.
const CLASSIC: i8 = 0;
const CONSUMER: i8 = 1;

/// The protocol, as `group.coordinator.rebalance.protocols` has it.
const PROTOCOL: &str = "consumer";

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    header: &RequestHeader,
    request: &ConsumerGroupDescribeRequest,
) -> Outcome {
    let mut repeats = Repeats::new();
    let groups_asked = request.group_ids.iter().map(|group| (repeats.admits(&group), group));
    let asked = groups_asked.map(async |(admitted, group)| {
        if !admitted {
            return refused(&group, ErrorCode::InvalidRequest);
        }
        let described = if !groups.speaks(PROTOCOL) {
            Err(ErrorCode::UnsupportedVersion)
        } else if group.is_empty() {
            Err(ErrorCode::InvalidGroupId)
        } else {
            groups.ask(&group, Command::ConsumerDescribe(name(&group))).await
        };
        let described = match described {
            Ok(Reply::ConsumerDescribe(Ok(found))) => told(header.version, found),
            Ok(Reply::ConsumerDescribe(Err(error))) => {
                let why = if error == GroupError::NotConsumerGroup { "is not a consumer group" } else { "not found" };
                let mut refused = refused(&group, errors::of_group(error));
                refused.error_message = Some(text(format!("Group {} {why}.", group.as_str())));
                refused
            }
            Ok(other) => unreachable!("a description is answered with {other:?}"),
            Err(code) => refused(&group, code),
        };
        let is_told = described.error_code == 0;
        let operations = operations(request.include_authorized_operations && is_told, GROUP_OPERATIONS);
        described.with_authorized_operations(operations)
    });
    let mut response = ConsumerGroupDescribeResponse::default();
    response.groups = join_all(asked).await;
    let error = first_error(response.groups.iter().map(|group| group.error_code));
    done(header, &response, error)
}

fn refused(group: &Str, code: ErrorCode) -> DescribedGroup {
    let mut described = DescribedGroup::default();
    described.group_id = group.clone().into();
    described.error_code = code.code();
    described
}

fn told(version: i16, found: ConsumerDescription) -> DescribedGroup {
    let mut described = DescribedGroup::default();
    described.group_id = text(&*found.group).into();
    described.group_state = Str::from_static_str(consumer_state(found.state));
    described.group_epoch = found.epoch;
    described.assignment_epoch = found.target_epoch;
    described.assignor_name = text(&*found.assignor);
    described.members = found.members.into_iter().map(|found| member(version, found)).collect();
    described
}

fn member(version: i16, found: ConsumerMember) -> Member {
    let mut member = Member::default();
    member.member_id = text(&*found.member);
    member.instance_id = found.instance.map(|instance| text(&*instance));
    member.rack_id = found.rack.map(|rack| text(&*rack));
    member.member_epoch = found.epoch;
    member.client_id = text(&*found.client_id);
    member.client_host = text(&*found.client_host);
    member.subscribed_topic_names = found.topics.iter().map(|topic| TopicName(text(&**topic))).collect();
    member.subscribed_topic_regex = found.regex.map(|regex| text(&*regex));
    member.assignment = assignment(found.assigned);
    member.target_assignment = assignment(found.target);
    if version >= MEMBER_TYPE_SINCE {
        member.member_type = if found.is_classic { CLASSIC } else { CONSUMER };
    }
    member
}

fn assignment(partitions: DescribedPartitions) -> Assignment {
    let mut assignment = Assignment::default();
    for (id, topic, partitions) in partitions {
        let mut told = TopicPartitions::default();
        told.topic_id = id.0;
        told.topic_name = TopicName(text(&*topic));
        told.partitions = partitions;
        assignment.topic_partitions.push(told);
    }
    assignment
}
