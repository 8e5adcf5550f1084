//! OffsetFetch (9), versions 1-10. KIP-320 (leader epochs), KIP-447 (stable offsets), KIP-709 (several groups from 8),
//! KIP-848 (member epochs), KIP-516 (topic ids from 10).
//!
//! - CG-9: from version 8 on there is an answer for each group; metadata and epoch come back as they were kept.
//! - CG-10: of a group that is not known every offset is -1, without an error.
//! - No topics at all (null, from version 2 on) means all that were kept.
//! - A partition that is named twice is told once, and a group that is named again and again an error: an answer is bounded
//!   by what there is, not by how often it is asked for.

use super::{Groups, Repeats, name};
use crate::base::{PartitionIndex, TopicId};
use crate::group::command::{Command, FetchOffsets, FetchedOffset, Name, Reply};
use crate::handlers::answer::{Outcome, done, first_error, text};
use crate::handlers::errors;
use crate::metadata::Image;
use crate::wire::requests::OffsetFetchRequest;
use crate::wire::requests::group_offsets::OffsetFetchTopic;
use crate::wire::{ErrorCode, RequestHeader, Str};
use futures_util::future::join_all;
use kafka_protocol::messages::TopicName;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopic, OffsetFetchResponseTopics,
};
use std::collections::HashSet;

/// From here on the whole has an error of its own.
const GROUP_ERROR_SINCE: i16 = 2;

/// From here on several groups are asked for.
const GROUPS_SINCE: i16 = 8;

/// From here on topics are named by id.
const BY_ID_SINCE: i16 = 10;

/// What is told where there is nothing.
const NOTHING: i64 = -1;
const NO_EPOCH: i32 = -1;

/// A group that is asked for.
struct Asked {
    group: Str,
    member: Option<Name>,
    member_epoch: i32,
    /// None for all.
    topics: Option<Vec<AskedTopic>>,
    /// Whether the request has named it too often.
    is_too_much: bool,
}

struct AskedTopic {
    name: Str,
    id: TopicId,
    partitions: Vec<PartitionIndex>,
}

/// The offsets of a topic, as they are told.
struct ToldTopic {
    name: Str,
    id: TopicId,
    partitions: Vec<Told>,
}

struct Told {
    partition: PartitionIndex,
    offset: i64,
    epoch: i32,
    metadata: Str,
    code: ErrorCode,
}

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    image: &Image,
    header: &RequestHeader,
    request: &OffsetFetchRequest,
) -> Outcome {
    let asked = asked(header.version, request);
    let (by_id, stable) = (header.version >= BY_ID_SINCE, request.require_stable);
    let found = join_all(asked.iter().map(|asked| fetch(groups, image, by_id, stable, asked))).await;
    let mut response = OffsetFetchResponse::default();
    let error = first_of(&found);
    if header.version >= GROUPS_SINCE {
        response.groups = asked.iter().zip(found).map(|(asked, found)| group(asked, header.version, found)).collect();
        return done(header, &response, error);
    }
    let (asked, found) = asked.into_iter().zip(found).next().expect("one group before version 8");
    match found {
        Ok(topics) => response.topics = topics.into_iter().map(topic).collect(),
        Err(code) if header.version >= GROUP_ERROR_SINCE => response.error_code = code.code(),
        // Before that each partition is told.
        Err(code) => response.topics = refused(&asked, code).into_iter().map(topic).collect(),
    }
    done(header, &response, error)
}

fn asked(version: i16, request: &OffsetFetchRequest) -> Vec<Asked> {
    if version >= GROUPS_SINCE {
        let mut repeats = Repeats::new();
        let groups = request.groups.iter();
        return groups
            .map(|group| Asked {
                topics: group.topics.as_ref().map(|topics| each_once(topics.iter())),
                is_too_much: !repeats.admits(&group.group_id),
                member: group.member_id.as_ref().map(name),
                member_epoch: group.member_epoch,
                group: group.group_id,
            })
            .collect();
    }
    let topics = request.topics.as_ref().map(|topics| each_once(topics.iter()));
    vec![Asked { group: request.group_id.clone(), member: None, member_epoch: -1, topics, is_too_much: false }]
}

/// The topics without partitions that were named before.
fn each_once(topics: impl Iterator<Item = OffsetFetchTopic>) -> Vec<AskedTopic> {
    let mut seen = HashSet::new();
    let once = |OffsetFetchTopic { name, topic_id: id, partition_indexes }| {
        let partitions =
            partition_indexes.iter().filter(|index| seen.insert((Str::clone(&name), id, *index))).collect();
        AskedTopic { name, id, partitions }
    };
    topics.map(once).collect()
}

/// What a group kept, in the order asked for.
async fn fetch(
    groups: &Groups,
    image: &Image,
    by_id: bool,
    require_stable: bool,
    asked: &Asked,
) -> Result<Vec<ToldTopic>, ErrorCode> {
    if asked.is_too_much {
        return Err(ErrorCode::InvalidRequest);
    }
    let known = |topic: &AskedTopic| match by_id {
        true => image.topic_by_id(topic.id).map(|found| found.name.clone()),
        false => Some(name(&topic.name)),
    };
    let partitions = asked.topics.as_ref().map(|topics| {
        let of = |topic: &AskedTopic| {
            let found = known(topic);
            let id = image.topic(found.as_deref().unwrap_or_default()).map_or(TopicId::ZERO, |topic| topic.id);
            let of = |partition: &PartitionIndex| found.clone().map(|name| (name, id, *partition));
            topic.partitions.iter().filter_map(of).collect::<Vec<_>>()
        };
        topics.iter().flat_map(of).collect::<Vec<_>>()
    });
    let fetch = FetchOffsets {
        group: name(&asked.group),
        member: asked.member.clone(),
        member_epoch: asked.member_epoch,
        partitions,
        require_stable,
    };
    let kept = match groups.ask(&asked.group, Command::FetchOffsets(fetch)).await? {
        Reply::FetchOffsets(Ok(kept)) => kept,
        Reply::FetchOffsets(Err(error)) => return Err(errors::of_group(error)),
        other => unreachable!("a fetch is answered with {other:?}"),
    };
    Ok(match &asked.topics {
        Some(topics) => in_order(topics, kept, |topic| known(topic).is_some()),
        // As of now: an offset may have been committed for a topic that is younger than the request.
        None => all(&groups.topics().image(), by_id, kept),
    })
}

fn in_order(topics: &[AskedTopic], kept: Vec<FetchedOffset>, is_known: impl Fn(&AskedTopic) -> bool) -> Vec<ToldTopic> {
    let mut kept = kept.into_iter();
    let mut told = Vec::with_capacity(topics.len());
    for topic in topics {
        let known = is_known(topic);
        let partitions = topic.partitions.iter().map(|partition| match known {
            true => one(kept.next().expect("an offset for each that is known")),
            false => nothing(*partition, ErrorCode::UnknownTopicId),
        });
        told.push(ToldTopic { name: topic.name.clone(), id: topic.id, partitions: partitions.collect() });
    }
    told
}

/// Everything there is, by topic. A topic that is gone has no id to be named by, and what was committed for it is not told
/// of another that has its name since.
fn all(image: &Image, by_id: bool, kept: Vec<FetchedOffset>) -> Vec<ToldTopic> {
    let mut told: Vec<ToldTopic> = Vec::new();
    for offset in kept {
        let id = image.topic(&offset.topic).map(|topic| topic.id);
        let is_of_another = !offset.topic_id.is_zero() && id.is_some_and(|id| id != offset.topic_id);
        if is_of_another || by_id && id.is_none() {
            continue;
        }
        if told.last().is_none_or(|last| last.name.as_str() != &*offset.topic) {
            let name = text(&*offset.topic);
            told.push(ToldTopic { name, id: id.unwrap_or(TopicId::ZERO), partitions: Vec::new() });
        }
        told.last_mut().expect("pushed").partitions.push(one(offset));
    }
    told
}

fn one(offset: FetchedOffset) -> Told {
    match offset.committed {
        Ok(Some((at, epoch, metadata))) => Told {
            partition: offset.partition,
            offset: at.0,
            epoch: epoch.0,
            metadata: text(&*metadata),
            code: ErrorCode::None,
        },
        Ok(None) => nothing(offset.partition, ErrorCode::None),
        Err(error) => nothing(offset.partition, errors::of_group(error)),
    }
}

fn nothing(partition: PartitionIndex, code: ErrorCode) -> Told {
    Told { partition, offset: NOTHING, epoch: NO_EPOCH, metadata: Str::new(), code }
}

fn refused(asked: &Asked, code: ErrorCode) -> Vec<ToldTopic> {
    let topics = asked.topics.iter().flatten();
    let partitions = |topic: &AskedTopic| topic.partitions.iter().map(|one| nothing(*one, code)).collect();
    topics.map(|topic| ToldTopic { name: topic.name.clone(), id: topic.id, partitions: partitions(topic) }).collect()
}

fn first_of(found: &[Result<Vec<ToldTopic>, ErrorCode>]) -> ErrorCode {
    let codes = found.iter().flat_map(|found| match found {
        Ok(topics) => topics.iter().flat_map(|topic| &topic.partitions).map(|one| one.code.code()).collect::<Vec<_>>(),
        Err(code) => vec![code.code()],
    });
    first_error(codes)
}

/// Before version 8.
fn topic(told: ToldTopic) -> OffsetFetchResponseTopic {
    let mut topic = OffsetFetchResponseTopic::default();
    topic.name = TopicName(told.name);
    for one in told.partitions {
        let mut partition = OffsetFetchResponsePartition::default();
        partition.partition_index = one.partition.0;
        partition.committed_offset = one.offset;
        partition.committed_leader_epoch = one.epoch;
        partition.metadata = Some(one.metadata);
        partition.error_code = one.code.code();
        topic.partitions.push(partition);
    }
    topic
}

/// From version 8 on.
fn group(asked: &Asked, version: i16, found: Result<Vec<ToldTopic>, ErrorCode>) -> OffsetFetchResponseGroup {
    let mut group = OffsetFetchResponseGroup::default();
    group.group_id = asked.group.clone().into();
    let topics = match found {
        Ok(topics) => topics,
        Err(code) => {
            group.error_code = code.code();
            return group;
        }
    };
    for told in topics {
        let mut topic = OffsetFetchResponseTopics::default();
        if version >= BY_ID_SINCE {
            topic.topic_id = told.id.0;
        } else {
            topic.name = TopicName(told.name);
        }
        for one in told.partitions {
            let mut partition = OffsetFetchResponsePartitions::default();
            partition.partition_index = one.partition.0;
            partition.committed_offset = one.offset;
            partition.committed_leader_epoch = one.epoch;
            partition.metadata = Some(one.metadata);
            partition.error_code = one.code.code();
            topic.partitions.push(partition);
        }
        group.topics.push(topic);
    }
    group
}
