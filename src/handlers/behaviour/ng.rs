//! Groups of the new protocol (3.7, KIP-848).

use super::*;
use crate::metadata::GROUP_VERSION;
use kafka_protocol::messages::consumer_group_describe_response::DescribedGroup as Described;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ListGroupsRequest,
    OffsetCommitRequest, OffsetFetchRequest, SyncGroupRequest,
};

/// No pause between two assignments, and none for the first members of a classic group.
const AT_ONCE: [(&str, &str); 3] = [
    ("group.consumer.assignment.interval.ms", "0"),
    ("group.initial.rebalance.delay.ms", "0"),
    ("group.min.session.timeout.ms", "1"),
];

/// More than the least time between two looks for topics that match.
const REFRESH: Duration = Duration::from_millis(1_100);

/// A broker whose cluster has the new protocol.
async fn broker() -> Broker {
    let broker = Broker::with(&AT_ONCE).await;
    level(&broker, 1).await;
    broker
}

async fn level(broker: &Broker, level: i16) {
    let change = Change::SetFeature { name: GROUP_VERSION.to_owned(), level };
    broker.metadata.commit(vec![change]).await.expect("committed");
}

fn beat(group: &str, member: &str, epoch: i32) -> ConsumerGroupHeartbeatRequest {
    let mut request = ConsumerGroupHeartbeatRequest::default();
    (request.group_id, request.member_id, request.member_epoch) = (group_id(group), string(member), epoch);
    (request.rebalance_timeout_ms, request.subscribed_topic_names, request.topic_partitions) = (-1, None, None);
    request
}

fn joining(group: &str, member: &str, topics: &[&str]) -> ConsumerGroupHeartbeatRequest {
    let mut request = beat(group, member, 0);
    request.rebalance_timeout_ms = 60_000;
    request.subscribed_topic_names = Some(topics.iter().map(|topic| topic_name(topic)).collect());
    request.topic_partitions = Some(Vec::new());
    request
}

fn matching(group: &str, member: &str, regex: &str) -> ConsumerGroupHeartbeatRequest {
    let mut request = joining(group, member, &[]);
    request.subscribed_topic_names = None;
    request.subscribed_topic_regex = Some(string(regex));
    request
}

fn owning(group: &str, member: &str, epoch: i32, owned: &[(TopicId, &[i32])]) -> ConsumerGroupHeartbeatRequest {
    let mut request = beat(group, member, epoch);
    let topic = |(id, partitions): &(TopicId, &[i32])| {
        TopicPartitions::default().with_topic_id(id.0).with_partitions(partitions.to_vec())
    };
    request.topic_partitions = Some(owned.iter().map(topic).collect());
    request
}

async fn ask(broker: &Broker, request: &ConsumerGroupHeartbeatRequest) -> ConsumerGroupHeartbeatResponse {
    broker.call(1, request).await
}

async fn refused(broker: &Broker, request: &ConsumerGroupHeartbeatRequest) -> ErrorCode {
    code(ask(broker, request).await.error_code)
}

/// The partitions of a topic in an answer.
fn assigned(answer: &ConsumerGroupHeartbeatResponse, topic: TopicId) -> Vec<i32> {
    assert_eq!(code(answer.error_code), ErrorCode::None, "{answer:?}");
    let assignment = answer.assignment.as_ref().expect("an assignment");
    let of =
        |one: &&kafka_protocol::messages::consumer_group_heartbeat_response::TopicPartitions| one.topic_id == topic.0;
    assignment.topic_partitions.iter().find(of).map(|one| one.partitions.clone()).unwrap_or_default()
}

async fn described(broker: &Broker, group: &str) -> Described {
    let mut request = ConsumerGroupDescribeRequest::default();
    request.group_ids = vec![group_id(group)];
    request.include_authorized_operations = true;
    broker.call(1, &request).await.groups.pop().expect("one group")
}

/// The type of a group in the list, and its state.
async fn listed(broker: &Broker, group: &str) -> (String, String) {
    let listed = broker.call(5, &ListGroupsRequest::default()).await.groups;
    let one = listed.into_iter().find(|one| *one.group_id.0 == *group).expect("listed");
    (one.group_type.to_string(), one.group_state.to_string())
}

#[tokio::test]
async fn ng_1_below_the_level_and_while_it_is_switched_off_it_is_not_spoken() {
    let check = async |settings: &[(&str, &str)], at: i16, expected: ErrorCode| {
        let broker = Broker::with(settings).await;
        level(&broker, at).await;
        assert_eq!(refused(&broker, &joining("g", "m", &["t"])).await, expected, "{settings:?} {at}");
        let told = code(described(&broker, "g").await.error_code);
        assert_eq!(told, expected, "{settings:?} {at}");
    };
    check(&AT_ONCE, 1, ErrorCode::None).await;
    check(&AT_ONCE, 0, ErrorCode::UnsupportedVersion).await;
    check(&[("group.coordinator.rebalance.protocols", "classic")], 1, ErrorCode::UnsupportedVersion).await;
}

#[tokio::test]
async fn ng_2_both_versions_are_served_and_members_commit_at_their_epoch() {
    let broker = broker().await;
    let topic = broker.create("t", 2, &[]).await;
    // Version 0: the broker makes the id. From version 1 on the client does.
    let first = broker.call(0, &joining("g", "", &["t"])).await;
    let id = first.member_id.clone().expect("an id");
    assert_eq!((first.member_epoch, first.heartbeat_interval_ms, id.is_empty()), (2, 5_000, false));
    assert_eq!(assigned(&first, topic), [0, 1]);
    assert_eq!(refused(&broker, &joining("g", "", &["t"])).await, ErrorCode::InvalidRequest);
    let second = ask(&broker, &joining("g", "own", &["t"])).await;
    assert_eq!((second.member_id.as_deref(), second.member_epoch), (Some("own"), 3));
    assert_eq!(assigned(&second, topic), [0; 0], "the first one has both still");
    // It gives one up; then the second one is given it.
    let told = ask(&broker, &beat("g", &id, 2)).await;
    let kept = assigned(&told, topic);
    assert_eq!((told.member_epoch, kept.len()), (2, 1));
    assert_eq!(ask(&broker, &owning("g", &id, 2, &[(topic, &kept)])).await.member_epoch, 3);
    let given = assigned(&ask(&broker, &beat("g", "own", 3)).await, topic);
    assert_eq!(given, [1 - kept[0]]);
    let group = described(&broker, "g").await;
    assert_eq!((&*group.group_state, group.group_epoch, group.assignment_epoch), ("Stable", 3, 3));
    assert_eq!((&*group.assignor_name, group.members.len(), group.members[0].member_type), ("uniform", 2, 1));
    assert_eq!(listed(&broker, "g").await, ("consumer".to_owned(), "Stable".to_owned()));

    let commit = |member: &str, epoch: i32, partition: i32| {
        let mut one = OffsetCommitRequestPartition::default();
        (one.partition_index, one.committed_offset) = (partition, 7);
        let mut asked = OffsetCommitRequestTopic::default();
        (asked.name, asked.partitions) = (topic_name("t"), vec![one]);
        let mut request = OffsetCommitRequest::default();
        (request.group_id, request.member_id) = (group_id("g"), string(member));
        (request.generation_id_or_member_epoch, request.topics) = (epoch, vec![asked]);
        request
    };
    for (member, epoch, partition, version, expected) in [
        ("own", 3, given[0], 9, ErrorCode::None),
        ("own", 2, given[0], 9, ErrorCode::StaleMemberEpoch),
        ("own", 4, given[0], 9, ErrorCode::StaleMemberEpoch),
        ("none", 3, given[0], 9, ErrorCode::UnknownMemberId),
        ("own", 3, given[0], 8, ErrorCode::UnsupportedVersion),
        (&*id, 2, kept[0], 9, ErrorCode::None),
    ] {
        let answer = broker.call(version, &commit(member, epoch, partition)).await;
        let told = code(answer.topics[0].partitions[0].error_code);
        assert_eq!(told, expected, "{member} {epoch} {partition} v{version}");
    }
    let fetch = |member: &str, epoch: i32| {
        let mut group = OffsetFetchRequestGroup::default();
        (group.group_id, group.member_id, group.member_epoch) = (group_id("g"), Some(string(member)), epoch);
        group.topics = None;
        let mut request = OffsetFetchRequest::default();
        request.groups = vec![group];
        request
    };
    for (member, epoch, expected) in
        [("own", 3, ErrorCode::None), ("own", 2, ErrorCode::StaleMemberEpoch), ("none", 3, ErrorCode::UnknownMemberId)]
    {
        let answer = broker.call(9, &fetch(member, epoch)).await;
        assert_eq!(code(answer.groups[0].error_code), expected, "{member} {epoch}");
        assert_eq!(answer.groups[0].topics.len(), usize::from(expected == ErrorCode::None));
    }
}

#[tokio::test]
async fn ng_3_the_broker_assigns_and_matches() {
    let broker = broker().await;
    let (a, b) = (broker.create("log-a", 2, &[]).await, broker.create("log-b", 2, &[]).await);
    broker.create("other", 1, &[]).await;
    let with =
        |assignor: &str, request: ConsumerGroupHeartbeatRequest| request.with_server_assignor(Some(string(assignor)));
    for assignor in ["uniform", "range"] {
        let told = ask(&broker, &with(assignor, matching(assignor, "m", "log-.*"))).await;
        assert_eq!((assigned(&told, a), assigned(&told, b)), (vec![0, 1], vec![0, 1]));
        assert_eq!(&*described(&broker, assignor).await.assignor_name, assignor);
    }
    // range: partitions of one number meet at one member.
    ask(&broker, &with("range", matching("range", "n", "log-.*"))).await;
    ask(&broker, &beat("range", "m", 2)).await;
    ask(&broker, &owning("range", "m", 2, &[(a, &[0]), (b, &[0])])).await;
    let told = ask(&broker, &beat("range", "n", 3)).await;
    assert_eq!((assigned(&told, a), assigned(&told, b)), (vec![1], vec![1]));

    assert_eq!(refused(&broker, &with("sticky", joining("g", "m", &[]))).await, ErrorCode::UnsupportedAssignor);
    for regex in ["(", "a)|(b", r"(.)\1", "((a{1,1000}){1,1000}){1,1000}"] {
        let told = refused(&broker, &matching("g", "m", regex)).await;
        assert_eq!(told, ErrorCode::InvalidRegularExpression, "{regex}");
    }
    // What makes other engines take years is matched in no time.
    let name = "a".repeat(249);
    let long = broker.create(&name, 1, &[]).await;
    let told = ask(&broker, &matching("g", "m", "(a|a)*(a|a)*(a|a)*(b)?")).await;
    assert_eq!(assigned(&told, long), [0]);
}

/// What a Java client of version 1 of its protocol says: topic t, and that it owns nothing.
fn subscription() -> Bytes {
    Bytes::from_static(&[0, 1, 0, 0, 0, 1, 0, 1, b't', 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0])
}

#[tokio::test]
async fn ng_4_a_group_changes_its_protocol_while_it_is_in_use() {
    let broker = broker().await;
    let topic = broker.create("t", 2, &[]).await;
    let mut join = super::cg::join("g", "");
    join.protocols[0].metadata = subscription();
    join.group_instance_id = Some(string("i"));
    let joined = broker.call(9, &join).await;
    assert_eq!(code(joined.error_code), ErrorCode::None);
    let old = joined.member_id.to_string();
    let sync = |generation: i32, member: &str| {
        super::cg::sync("g", member, generation).with_group_instance_id(Some(string("i")))
    };
    assert_eq!(code(broker.call(5, &sync(1, &old)).await.error_code), ErrorCode::None);
    assert_eq!(listed(&broker, "g").await, ("classic".to_owned(), "Stable".to_owned()));

    // Up: a member of the new protocol joins. The classic one is served on.
    let told = ask(&broker, &joining("g", "m", &["t"])).await;
    assert_eq!((told.member_epoch, assigned(&told, topic)), (2, vec![1]), "the classic one had nothing");
    assert_eq!(listed(&broker, "g").await.0, "consumer");
    assert_eq!(super::cg::beat(&broker, "g", &old, 1, Some("i")).await, ErrorCode::RebalanceInProgress);
    join.member_id = string(&old);
    let joined = broker.call(9, &join).await;
    assert_eq!((code(joined.error_code), joined.generation_id, &*joined.leader), (ErrorCode::None, 2, ""));
    let synced = broker.call(5, &SyncGroupRequest::clone(&sync(2, &old))).await;
    assert_eq!(code(synced.error_code), ErrorCode::None);
    let partition_0 = [0, 1, 0, 0, 0, 1, 0, 1, b't', 0, 0, 0, 1, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff];
    assert_eq!(synced.assignment, partition_0[..]);
    assert_eq!(super::cg::beat(&broker, "g", &old, 2, Some("i")).await, ErrorCode::None);
    let types: Vec<i8> = described(&broker, "g").await.members.iter().map(|member| member.member_type).collect();
    assert_eq!((types.iter().min(), types.iter().max()), (Some(&0), Some(&1)));

    // It holds over a restart.
    let broker = broker.restart(End::Killed).await;
    let mut told = described(&broker, "g").await;
    while code(told.error_code) == ErrorCode::CoordinatorLoadInProgress {
        told = described(&broker, "g").await;
    }
    assert_eq!((&*told.group_state, told.members.len()), ("Stable", 2));

    // Down: the last member of the new protocol goes.
    assert_eq!(code(ask(&broker, &beat("g", "m", -1)).await.error_code), ErrorCode::None);
    assert_eq!(listed(&broker, "g").await.0, "classic");
    assert_eq!(refused(&broker, &beat("g", "m", 2)).await, ErrorCode::GroupIdNotFound);
    let joined = broker.call(9, &join).await;
    assert_eq!((code(joined.error_code), &joined.leader), (ErrorCode::None, &joined.member_id));
    assert!(joined.generation_id > 2, "generations go on: {}", joined.generation_id);
}

#[tokio::test]
async fn ng_5_a_group_of_the_other_protocol_is_not_found() {
    let broker = broker().await;
    broker.create("t", 1, &[]).await;
    assert_eq!(code(described(&broker, "none").await.error_code), ErrorCode::GroupIdNotFound);
    assert_eq!(code(described(&broker, "").await.error_code), ErrorCode::InvalidGroupId);
    super::cg::stable(&broker, "classic", 1).await;
    let told = described(&broker, "classic").await;
    assert_eq!((code(told.error_code), told.members.len()), (ErrorCode::GroupIdNotFound, 0));
    assert_eq!(&*broker.describe("classic").await.group_state, "Stable");
    ask(&broker, &joining("new", "m", &["t"])).await;
    assert_eq!(code(described(&broker, "new").await.error_code), ErrorCode::None);
    let told = broker.describe("new").await;
    assert_eq!((&*told.group_state, told.members.len()), ("Dead", 0), "as Kafka tells it of version 5 and before");
}

#[tokio::test]
async fn ng_6_new_topics_that_match_are_assigned_without_the_client_s_doing() {
    let broker = broker().await;
    let a = broker.create("log-a", 1, &[]).await;
    let told = ask(&broker, &matching("g", "m", "log-.*")).await;
    assert_eq!((told.member_epoch, assigned(&told, a)), (2, vec![0]));
    let b = broker.create("log-b", 2, &[]).await;
    broker.create("other", 1, &[]).await;
    tokio::time::sleep(REFRESH).await;
    let told = ask(&broker, &beat("g", "m", 2)).await;
    assert_eq!((told.member_epoch, assigned(&told, a), assigned(&told, b)), (3, vec![0], vec![0, 1]));
}

/// What is in a piece before the last is owned, too: it must not be given to another member.
#[tokio::test]
async fn ng_2_a_topic_that_is_owned_may_come_in_pieces() {
    let broker = broker().await;
    let topic = broker.create("t", 2, &[]).await;
    assert_eq!(assigned(&ask(&broker, &joining("g", "m", &["t"])).await, topic), [0, 1]);
    ask(&broker, &joining("g", "n", &["t"])).await;
    let kept = assigned(&ask(&broker, &owning("g", "m", 2, &[(topic, &[0, 1])])).await, topic);
    let revoked = [1 - kept[0]];
    let pieces = owning("g", "m", 2, &[(topic, &revoked), (topic, &kept)]);
    assert_eq!(ask(&broker, &pieces).await.member_epoch, 2, "it has not given up anything");
    assert_eq!(ask(&broker, &owning("g", "m", 2, &[(topic, &kept)])).await.member_epoch, 3);
}
