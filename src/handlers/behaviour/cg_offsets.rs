//! Coordinators, committed offsets, and what tools ask of groups (3.6).

use super::cg::{QUICK, join, leave, stable};
use super::*;
use kafka_protocol::messages::find_coordinator_response::Coordinator;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_delete_request::{OffsetDeleteRequestPartition, OffsetDeleteRequestTopic};
use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
};
use kafka_protocol::messages::{
    DeleteGroupsRequest, DeleteTopicsRequest, FindCoordinatorRequest, ListGroupsRequest, OffsetCommitRequest,
    OffsetDeleteRequest, OffsetFetchRequest, list_groups_response::ListedGroup,
};

/// Who commits: group, generation, member.
pub(super) type Who<'a> = (&'a str, i32, &'a str);
/// Partition, offset, leader epoch, metadata.
pub(super) type Commit<'a> = (i32, i64, i32, Option<&'a str>);
/// A fetched offset: topic, partition, offset, leader epoch, metadata, error.
pub(super) type Told = (String, i32, i64, i32, String, ErrorCode);

pub(super) const NONE: ErrorCode = ErrorCode::None;

/// The name of a topic in a frame that [`by_id`] takes.
pub(super) fn name_in(version: i16, topic: &str) -> TopicName {
    if version >= 10 { topic_name(&format!("{topic:_>15}")) } else { topic_name(topic) }
}

/// A frame of version 10, where the codec crate ends at 9: ids in the places of names, which are as long on the wire.
pub(super) fn by_id<'a>(broker: &Broker, version: i16, frame: Bytes, topics: impl Iterator<Item = &'a str>) -> Bytes {
    let mut bytes = frame.to_vec();
    bytes[3] = version as u8;
    for topic in topics.filter(|_| version >= 10) {
        let name = format!("\x10{topic:_>15}");
        let id = broker.image().topic(topic).map_or(Uuid::from_u128(1), |topic| topic.id.0);
        while let Some(at) = bytes.windows(16).position(|window| window == name.as_bytes()) {
            bytes[at..at + 16].copy_from_slice(id.as_bytes());
        }
    }
    bytes.into()
}

pub(super) async fn commit_all(
    broker: &Broker,
    version: i16,
    who: Who<'_>,
    topics: &[(&str, &[Commit<'_>])],
) -> Vec<ErrorCode> {
    committed(version, broker.send(commit_frame(broker, version, who, topics)).await).await
}

pub(super) async fn committed(version: i16, answer: Answer) -> Vec<ErrorCode> {
    let told = decode::<OffsetCommitRequest>(version, body(answer).await.expect("the connection stays open"));
    told.topics.iter().flat_map(|topic| &topic.partitions).map(|one| code(one.error_code)).collect()
}

pub(super) fn commit_frame(broker: &Broker, version: i16, who: Who<'_>, topics: &[(&str, &[Commit<'_>])]) -> Bytes {
    let (group, generation, member) = who;
    let mut request = OffsetCommitRequest::default();
    (request.group_id, request.member_id) = (group_id(group), string(member));
    request.generation_id_or_member_epoch = generation;
    for (name, commits) in topics {
        let mut topic = OffsetCommitRequestTopic::default().with_name(name_in(version, name));
        for (index, offset, epoch, metadata) in *commits {
            let mut partition = OffsetCommitRequestPartition::default();
            (partition.partition_index, partition.committed_offset) = (*index, *offset);
            partition.committed_leader_epoch = if version >= 6 { *epoch } else { -1 };
            partition.committed_metadata = metadata.map(string);
            topic.partitions.push(partition);
        }
        request.topics.push(topic);
    }
    let frame = frame(OffsetCommitRequest::KEY, version.min(9), &request);
    by_id(broker, version, frame, topics.iter().map(|(name, _)| *name))
}

pub(super) async fn commit(broker: &Broker, version: i16, who: Who<'_>, offset: i64) -> ErrorCode {
    commit_all(broker, version, who, &[("t", &[(0, offset, -1, None)])]).await[0]
}

pub(super) fn told(topic: &str, partition: i32, offset: i64, epoch: i32, metadata: &str) -> Told {
    (topic.to_string(), partition, offset, epoch, metadata.to_string(), NONE)
}

/// What groups committed, each: of the named partitions, or of all. In the order of topics and partitions.
pub(super) async fn fetch(
    broker: &Broker,
    version: i16,
    groups: &[&str],
    topics: Option<&[(&str, &[i32])]>,
) -> Vec<Vec<Told>> {
    let mut request = OffsetFetchRequest::default();
    request.require_stable = version == 7 || version >= 9;
    if version < 8 {
        request.group_id = group_id(groups[0]);
        let topic = |(name, partitions): &(&str, &[i32])| {
            let topic = OffsetFetchRequestTopic::default().with_name(topic_name(name));
            topic.with_partition_indexes(partitions.to_vec())
        };
        request.topics = topics.map(|topics| topics.iter().map(topic).collect());
    } else {
        let topic = |(name, partitions): &(&str, &[i32])| {
            let topic = OffsetFetchRequestTopics::default().with_name(name_in(version, name));
            topic.with_partition_indexes(partitions.to_vec())
        };
        let group = |group: &&str| {
            let asked = OffsetFetchRequestGroup::default().with_group_id(group_id(group));
            asked.with_topics(topics.map(|topics| topics.iter().map(topic).collect()))
        };
        request.groups = groups.iter().map(group).collect();
    }
    let frame = frame(OffsetFetchRequest::KEY, version.min(9), &request);
    let answer = broker.send(by_id(broker, version, frame, topics.into_iter().flatten().map(|(name, _)| *name))).await;
    let told = decode::<OffsetFetchRequest>(version, body(answer).await.expect("the connection stays open"));
    let mut all: Vec<Vec<Told>> = Vec::new();
    // The partitions of a topic, in both shapes of the answer.
    macro_rules! take {
        ($topic:expr, $name:expr) => {
            for p in &$topic.partitions {
                let (at, metadata) = ((p.partition_index, p.committed_offset), p.metadata.as_ref().expect("no null"));
                let told = ($name, at.0, at.1, p.committed_leader_epoch, metadata.to_string(), code(p.error_code));
                all.last_mut().expect("a group").push(told);
            }
        };
    }
    if version < 8 {
        assert_eq!(code(told.error_code), NONE);
        all.push(Vec::new());
        told.topics.iter().for_each(|topic| take!(topic, topic.name.to_string()));
    }
    for (group, asked) in told.groups.iter().zip(groups) {
        assert_eq!((group.group_id.as_str(), code(group.error_code)), (*asked, NONE));
        all.push(Vec::new());
        for topic in &group.topics {
            let by_id = broker.image().topic_by_id(TopicId(topic.topic_id)).map(|topic| topic.name.to_string());
            let name = if version >= 10 { by_id.unwrap_or("nowhere".to_string()) } else { topic.name.to_string() };
            take!(topic, name.clone());
        }
    }
    all.iter_mut().for_each(|told| told.sort_by_key(|one| (one.0.clone(), one.1)));
    all
}

/// The offset that a group committed for a partition of topic t; -1 for none.
pub(super) async fn offset(broker: &Broker, group: &str, partition: i32) -> i64 {
    fetch(broker, 7, &[group], Some(&[("t", &[partition])])).await[0][0].2
}

pub(super) async fn find(broker: &Broker, version: i16, kind: i8, keys: &[&str]) -> Vec<Coordinator> {
    let mut request = FindCoordinatorRequest::default().with_key_type(kind);
    if version < 4 {
        request.key = string(keys[0]);
    } else {
        request.coordinator_keys = keys.iter().map(|key| string(key)).collect();
    }
    let told = broker.call(version, &request).await;
    if version >= 4 {
        return told.coordinators;
    }
    let one = Coordinator::default().with_key(string(keys[0])).with_error_code(told.error_code);
    vec![one.with_node_id(told.node_id).with_host(told.host).with_port(told.port)]
}

#[tokio::test]
async fn cg_8_coordinators_are_found_one_by_one_and_from_version_4_in_batches() {
    let broker = Broker::start().await;
    let share = "g:AAAAAAAAAAAAAAAAAAAAAQ:0";
    for version in 0..=6 {
        let kinds = [(0, true), (1, true), (2, version >= 6), (3, false), (-1, false)];
        for (kind, is_good) in kinds.into_iter().filter(|(kind, _)| version > 0 || *kind == 0) {
            let keys = if kind == 2 { [share, share] } else { ["g", "h"] };
            let keys = if version < 4 { &keys[..1] } else { &keys[..] };
            let found = find(&broker, version, kind, keys).await;
            assert_eq!(found.iter().map(|one| one.key.as_str()).collect::<Vec<_>>(), keys);
            for one in found {
                let refused = (ErrorCode::InvalidRequest, -1, "", -1);
                let expected = if is_good { (NONE, 1, "127.0.0.1", 9092) } else { refused };
                let found = (code(one.error_code), one.node_id.0, one.host.as_str(), one.port);
                assert_eq!(found, expected, "version {version}, type {kind}");
            }
        }
    }
    assert_eq!(find(&broker, 6, 0, &[]).await, []);
}

#[tokio::test]
async fn cg_8_share_keys_name_a_group_a_topic_id_and_a_partition() {
    let broker = Broker::start().await;
    for key in ["g", "", "g:t:0", "g:AAAAAAAAAAAAAAAAAAAAAQ:x", "AAAAAAAAAAAAAAAAAAAAAQ:0"] {
        let found = find(&broker, 6, 2, &[key]).await;
        assert_eq!((code(found[0].error_code), found[0].node_id.0), (ErrorCode::InvalidRequest, -1), "{key:?}");
    }
}

#[tokio::test]
async fn cg_9_offsets_metadata_and_epochs_come_back_as_they_were_committed() {
    let mut broker = Broker::start().await;
    broker.create("t", 3, &[]).await;
    broker.create("u", 1, &[]).await;
    for version in 2..=10 {
        let group = &format!("g{version}");
        let note = "né \u{1f600}\n\0".repeat(9);
        let commits: &[(&str, &[Commit])] =
            &[("u", &[(0, i64::MAX, 0, None)]), ("t", &[(2, 1 << 40, 7, Some(&note)), (0, 0, -1, Some(""))])];
        assert_eq!(commit_all(&broker, version, (group, -1, ""), commits).await, [NONE; 3], "version {version}");
        broker = if version % 3 == 0 { broker.restart(End::Killed).await } else { broker };
        for fetched in 1..=10 {
            let epoch = |epoch| if version >= 6 && fetched >= 5 { epoch } else { -1 };
            let t = vec![told("t", 0, 0, -1, ""), told("t", 1, -1, -1, ""), told("t", 2, 1 << 40, epoch(7), &note)];
            let found = fetch(&broker, fetched, &[group], Some(&[("t", &[2, 0, 1])])).await;
            assert_eq!(found, std::slice::from_ref(&t), "committed with {version}, fetched with {fetched}");
            let all = vec![t[0].clone(), t[2].clone(), told("u", 0, i64::MAX, epoch(0), "")];
            if fetched >= 2 {
                assert_eq!(fetch(&broker, fetched, &[group], None).await, std::slice::from_ref(&all));
            }
            if fetched >= 8 {
                let found = fetch(&broker, fetched, &[group, "none", group], None).await;
                assert_eq!(found, [all.clone(), vec![], all], "an answer for each group");
            }
        }
        // What is not there is told, and the rest is kept.
        let missing = ErrorCode::UnknownTopicOrPartition;
        let commits: &[(&str, &[Commit])] =
            &[("nowhere", &[(0, 5, -1, None)]), ("t", &[(3, 5, -1, None), (1, 5, -1, None), (-1, 5, -1, None)])];
        let first = if version >= 10 { ErrorCode::UnknownTopicId } else { missing };
        let found = commit_all(&broker, version, (group, -1, ""), commits).await;
        assert_eq!(found, [first, missing, NONE, missing], "version {version}");
        assert_eq!(offset(&broker, group, 1).await, 5);
        assert_eq!(commit(&broker, version, (group, -1, ""), 0).await, NONE, "a client may go back");
    }
}

#[tokio::test]
async fn cg_10_an_unknown_group_has_no_offsets_which_is_no_error() {
    let broker = Broker::start().await;
    broker.create("t", 2, &[]).await;
    for version in 1..=10 {
        for group in ["none", ""] {
            let found = fetch(&broker, version, &[group], Some(&[("t", &[0, 1, 99])])).await;
            let expected = [0, 1, 99].map(|partition| told("t", partition, -1, -1, "")).to_vec();
            assert_eq!(found, [expected], "version {version}");
            let unknown = if version >= 10 { ErrorCode::UnknownTopicId } else { NONE };
            let found = fetch(&broker, version, &[group], Some(&[("nowhere", &[0])])).await;
            assert_eq!(found, [[("nowhere".to_string(), 0, -1, -1, String::new(), unknown)]], "version {version}");
            if version >= 2 {
                assert_eq!(fetch(&broker, version, &[group], None).await, [[]]);
            }
        }
    }
    assert_eq!(code(broker.describe("none").await.error_code), ErrorCode::GroupIdNotFound, "to ask makes no group");
}

#[tokio::test]
async fn cg_12_a_commit_without_a_generation_makes_a_simple_group() {
    let broker = Broker::with(&QUICK).await;
    broker.create("t", 1, &[]).await;
    let (illegal, unknown) = (ErrorCode::IllegalGeneration, ErrorCode::UnknownMemberId);
    for version in 2..=10 {
        let group = &format!("g{version}");
        let refused = if version >= 9 { ErrorCode::GroupIdNotFound } else { illegal };
        assert_eq!(commit(&broker, version, (group, 0, ""), 1).await, refused, "version {version}");
        assert_eq!(commit(&broker, version, (group, 1, "m"), 1).await, refused);
        assert_eq!(code(broker.describe(group).await.error_code), ErrorCode::GroupIdNotFound);
        assert_eq!(commit(&broker, version, (group, -1, ""), 1).await, NONE);
        let found = broker.describe(group).await;
        assert_eq!((found.group_state.as_str(), found.protocol_type.as_str()), ("Empty", ""));
        assert_eq!(commit(&broker, version, (group, 0, "m"), 2).await, unknown, "a member of a group without any");
        let members = stable(&broker, group, 2).await;
        for (generation, expected) in [(2, NONE), (1, illegal), (3, illegal), (-1, illegal)] {
            assert_eq!(commit(&broker, version, (group, generation, &members[0]), 4).await, expected, "{generation}");
        }
        for (generation, member) in [(2, "nobody"), (2, ""), (-1, "")] {
            assert_eq!(commit(&broker, version, (group, generation, member), 4).await, unknown, "{generation}");
        }
        // While members join, those of the last generation may commit; who is yet to be assigned may not.
        leave(&broker, 5, group, &[(&members[1], None)]).await;
        assert_eq!(commit(&broker, version, (group, 2, &members[0]), 5).await, NONE);
        let joined = broker.call(9, &join(group, &members[0])).await;
        assert_eq!((code(joined.error_code), joined.generation_id), (NONE, 3));
        for (generation, expected) in [(3, ErrorCode::RebalanceInProgress), (2, illegal)] {
            assert_eq!(commit(&broker, version, (group, generation, &members[0]), 6).await, expected);
        }
        assert_eq!(offset(&broker, group, 0).await, 5);
    }
    assert_eq!(commit(&broker, 9, ("", -1, ""), 7).await, NONE, "the empty name, as ever");
}

/// Commits, ends, and asks what is left, again and again: never less than was answered, never more than was asked.
pub(super) async fn ends(seed: u64, end: impl Fn(u64) -> End) {
    let mut broker = Broker::with(&[("offsets.topic.num.partitions", "3")]).await;
    broker.create("t", 1, &[]).await;
    let groups = ["a", "b", "c", "d"];
    let mut acked = [-1; 4];
    for round in 0..3 {
        let mut sent = acked;
        for step in 0..(seed % 4 + 1) as usize {
            let at = (seed as usize + step) % 4;
            sent[at] += 1;
            assert_eq!(commit(&broker, 8, (groups[at], -1, ""), sent[at]).await, NONE);
            acked[at] = sent[at];
        }
        // These may be answered or not.
        let mut open = Vec::new();
        for at in [0, 1, 2, 3] {
            sent[at] += 1;
            let frame = commit_frame(&broker, 8, (groups[at], -1, ""), &[("t", &[(0, sent[at], -1, None)])]);
            open.push((at, sent[at], tokio::spawn(committed(8, broker.send(frame).await))));
        }
        tokio::time::sleep(Duration::from_micros(300 * (seed % 5))).await;
        for (at, offset, answer) in open.into_iter().filter(|(_, _, answer)| answer.is_finished()) {
            assert_eq!(answer.await.expect("an answer"), [NONE]);
            acked[at] = acked[at].max(offset);
        }
        broker = broker.restart(end(seed * 3 + round)).await;
        for at in 0..4 {
            let found = offset(&broker, groups[at], 0).await;
            assert!((acked[at]..=sent[at]).contains(&found), "seed {seed}: {found}, {acked:?} were answered");
            acked[at] = found;
        }
    }
}

#[tokio::test]
async fn cg_13_no_commit_that_was_answered_is_lost() {
    for seed in 0..20 {
        ends(seed, |_| End::Killed).await;
        ends(seed, End::PowerLost).await;
    }
}

/// A client may send the next commit before the last one is answered; its coordinator may be just loading.
#[tokio::test]
async fn cg_13_commits_of_one_connection_keep_their_order() {
    let mut broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    for round in 0..20 {
        assert_eq!(commit(&broker, 8, ("g", -1, ""), 0).await, NONE);
        broker = broker.restart(End::Killed).await;
        // As the server has them: begun in order, all at once.
        let answers = futures_util::stream::FuturesUnordered::new();
        for offset in 1..=8 {
            let frame = commit_frame(&broker, 8, ("g", -1, ""), &[("t", &[(0, offset, -1, None)])]);
            answers.push(committed(8, broker.send(frame).await));
        }
        assert_eq!(futures_util::StreamExt::collect::<Vec<_>>(answers).await, vec![[NONE]; 8]);
        assert_eq!(offset(&broker, "g", 0).await, 8, "round {round}");
    }
}

#[tokio::test]
async fn cg_14_groups_are_described() {
    let broker = Broker::with(&QUICK).await;
    for version in 0..=6 {
        let mut request = DescribeGroupsRequest::default();
        let group = &format!("g{version}");
        request.groups = ["none", group, ""].map(group_id).to_vec();
        request.include_authorized_operations = version >= 3;
        let members = stable(&broker, group, 1).await;
        let told = broker.call(version, &request).await.groups;
        for unknown in [&told[0], &told[2]] {
            let expected = if version >= 6 { ErrorCode::GroupIdNotFound } else { NONE };
            assert_eq!((code(unknown.error_code), unknown.group_state.as_str()), (expected, "Dead"));
            assert_eq!((unknown.error_message.is_some(), unknown.members.len()), (version >= 6, 0));
        }
        let one = &told[1];
        assert_eq!((code(one.error_code), one.group_id.as_str(), one.group_state.as_str()), (NONE, &**group, "Stable"));
        assert_eq!((one.protocol_type.as_str(), one.protocol_data.as_str()), ("consumer", "range"));
        let operations = if version >= 3 { 1 << 3 | 1 << 6 | 1 << 8 | 1 << 10 | 1 << 11 } else { i32::MIN };
        assert_eq!(one.authorized_operations, operations);
        let member = &one.members[0];
        let told = (member.member_id.as_str(), member.client_id.as_str(), member.client_host.as_str());
        assert_eq!(told, (members[0].as_str(), "test", "/127.0.0.1"));
        assert_eq!(member.member_assignment, members[0].as_bytes());
        assert_eq!(member.member_metadata, join(group, "").protocols[0].metadata);
    }
}

/// The groups of an answer, in order: name, protocol type, state, type.
pub(super) async fn list(broker: &Broker, version: i16, states: &[&str], types: &[&str]) -> Vec<[String; 4]> {
    let mut request = ListGroupsRequest::default();
    request.states_filter = states.iter().map(|state| string(state)).collect();
    request.types_filter = types.iter().map(|kind| string(kind)).collect();
    let told = broker.call(version, &request).await;
    assert_eq!(code(told.error_code), NONE);
    let one = |one: &ListedGroup| {
        [one.group_id.as_str(), &one.protocol_type, &one.group_state, &one.group_type].map(str::to_string)
    };
    let mut all: Vec<_> = told.groups.iter().map(one).collect();
    all.sort();
    all
}

/// A stable group, one that only has offsets, and one whose members left.
pub(super) async fn three() -> Broker {
    let broker = Broker::with(&QUICK).await;
    broker.create("t", 1, &[]).await;
    broker.create("u", 1, &[]).await;
    let commits: &[(&str, &[Commit])] = &[("t", &[(0, 1, -1, None)]), ("u", &[(0, 1, -1, None)])];
    for group in ["left", "stable"] {
        let members = stable(&broker, group, 1).await;
        assert_eq!(commit_all(&broker, 8, (group, 1, &members[0]), commits).await, [NONE; 2]);
        let leaves: &[(&str, Option<&str>)] = if group == "left" { &[(&members[0], None)] } else { &[] };
        leave(&broker, 5, group, leaves).await;
    }
    assert_eq!(commit(&broker, 8, ("simple", -1, ""), 1).await, NONE);
    broker
}

#[tokio::test]
async fn cg_14_groups_are_listed_by_state_and_type() {
    let broker = three().await.restart(End::Killed).await;
    let all = [["left", "consumer", "Empty"], ["simple", "", "Empty"], ["stable", "consumer", "Stable"]];
    for version in 0..=5 {
        let (with_state, kind) = (version >= 4, if version >= 5 { "classic" } else { "" });
        let told = |wanted: &[usize]| {
            let one = |at: &usize| [all[*at][0], all[*at][1], if with_state { all[*at][2] } else { "" }, kind];
            wanted.iter().map(|at| one(at).map(str::to_string)).collect::<Vec<_>>()
        };
        assert_eq!(list(&broker, version, &[], &[]).await, told(&[0, 1, 2]), "version {version}");
        if with_state {
            assert_eq!(list(&broker, version, &["Empty"], &[]).await, told(&[0, 1]));
            assert_eq!(list(&broker, version, &["sTABLE", "Dead"], &[]).await, told(&[2]));
            assert_eq!(list(&broker, version, &["Dead", "NoSuchState"], &[]).await, told(&[]));
        }
        if version >= 5 {
            assert_eq!(list(&broker, version, &[], &["Classic"]).await, told(&[0, 1, 2]));
            assert_eq!(list(&broker, version, &["stable"], &["consumer", "CLASSIC"]).await, told(&[2]));
            for none in ["consumer", "share", "nonsense", ""] {
                assert_eq!(list(&broker, version, &[], &[none]).await, told(&[]), "{none}");
            }
        }
    }
}

#[tokio::test]
async fn cg_14_blanks_around_a_state_mean_nothing() {
    assert_eq!(list(&three().await, 4, &[" stable "], &[]).await.len(), 1);
}

#[tokio::test]
async fn cg_14_offsets_are_deleted_but_for_subscribed_topics() {
    let broker = three().await;
    let delete = async |group: &str, partitions: &[(&str, i32)]| {
        let mut request = OffsetDeleteRequest::default().with_group_id(group_id(group));
        for (name, index) in partitions {
            let partitions = vec![OffsetDeleteRequestPartition::default().with_partition_index(*index)];
            let topic = OffsetDeleteRequestTopic::default().with_name(topic_name(name));
            request.topics.push(topic.with_partitions(partitions));
        }
        let told = broker.call(0, &request).await;
        let codes = told.topics.iter().flat_map(|topic| &topic.partitions).map(|one| code(one.error_code));
        (code(told.error_code), codes.collect::<Vec<_>>())
    };
    let (subscribed, missing) = (ErrorCode::GroupSubscribedToTopic, ErrorCode::UnknownTopicOrPartition);
    let all = [("t", 0), ("u", 0), ("nowhere", 0), ("t", 7)];
    assert_eq!(delete("none", &all).await, (ErrorCode::GroupIdNotFound, vec![]));
    assert_eq!(delete("", &all).await, (ErrorCode::InvalidGroupId, vec![]));
    assert_eq!(delete("stable", &all).await, (NONE, vec![subscribed, NONE, missing, missing]));
    assert_eq!(fetch(&broker, 8, &["stable"], None).await, [[told("t", 0, 1, -1, "")]]);
    assert_eq!(delete("left", &all[..2]).await, (NONE, vec![NONE, NONE]), "nobody is subscribed");
    assert_eq!(delete("left", &all[..2]).await, (NONE, vec![NONE, NONE]), "what is not there is no error");
    broker.call(3, &join("other", "").with_protocol_type(string("connect"))).await;
    assert_eq!(delete("other", &all[..1]).await, (ErrorCode::NonEmptyGroup, vec![]));
    let broker = broker.restart(End::Killed).await;
    assert_eq!(fetch(&broker, 8, &["left", "stable"], None).await, [vec![], vec![told("t", 0, 1, -1, "")]]);
}

#[tokio::test]
async fn cg_14_groups_without_members_are_deleted() {
    for version in 0..=2 {
        let broker = three().await;
        let names = ["stable", "none", "left", "simple", "left", ""].map(group_id).to_vec();
        let answer = broker.call(version, &DeleteGroupsRequest::default().with_groups_names(names)).await;
        let results: Vec<_> = answer.results.iter().map(|one| (one.group_id.as_str(), code(one.error_code))).collect();
        let missing = ErrorCode::GroupIdNotFound;
        let expected =
            [("stable", ErrorCode::NonEmptyGroup), ("none", missing), ("left", NONE), ("simple", NONE), ("", missing)];
        assert_eq!(results, expected, "version {version}: each once");
        let broker = broker.restart(End::PowerLost(u64::from(version.unsigned_abs()))).await;
        let left = list(&broker, 5, &[], &[]).await;
        assert_eq!(left.iter().map(|one| one[0].as_str()).collect::<Vec<_>>(), ["stable"]);
        let found = fetch(&broker, 8, &["left", "simple", "stable"], None).await;
        assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [0, 0, 2]);
        // A topic takes its offsets with it, also from a group in use.
        let request = DeleteTopicsRequest::default().with_topic_names(vec![topic_name("t")]);
        assert_eq!(code(broker.call(4, &request).await.responses[0].error_code), NONE);
        broker.create("t", 1, &[]).await;
        assert_eq!(fetch(&broker, 8, &["stable"], None).await, [[told("u", 0, 1, -1, "")]]);
    }
}
