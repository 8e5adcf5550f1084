//! Classic groups and their members (3.6).

use super::*;
use futures_util::future::join_all;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    ConsumerProtocolSubscription, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest,
    SyncGroupRequest,
};
use tokio::time::Instant;

/// No wait for further members, and sessions as short as a test likes.
pub(super) const QUICK: [(&str, &str); 2] =
    [("group.initial.rebalance.delay.ms", "0"), ("group.min.session.timeout.ms", "1")];

/// What a consumer of topic t tells its leader.
pub(super) fn subscription() -> Bytes {
    let mut out = BytesMut::from(&[0, 0][..]);
    ConsumerProtocolSubscription::default().with_topics(vec![string("t")]).encode(&mut out, 0).expect("version 0");
    out.freeze()
}

pub(super) fn protocols(names: &[&str]) -> Vec<JoinGroupRequestProtocol> {
    let protocol =
        |name: &&str| JoinGroupRequestProtocol::default().with_name(string(name)).with_metadata(subscription());
    names.iter().map(protocol).collect()
}

/// How a consumer of topic t joins.
pub(super) fn join(group: &str, member: &str) -> JoinGroupRequest {
    let mut request = JoinGroupRequest::default();
    (request.group_id, request.member_id) = (group_id(group), string(member));
    (request.session_timeout_ms, request.rebalance_timeout_ms) = (20_000, 20_000);
    (request.protocol_type, request.protocols) = (string("consumer"), protocols(&["range"]));
    request
}

pub(super) fn join_static(group: &str, member: &str, instance: &str) -> JoinGroupRequest {
    join(group, member).with_group_instance_id(Some(string(instance)))
}

pub(super) fn sync(group: &str, member: &str, generation: i32) -> SyncGroupRequest {
    let mut request = SyncGroupRequest::default();
    (request.group_id, request.member_id, request.generation_id) = (group_id(group), string(member), generation);
    (request.protocol_type, request.protocol_name) = (Some(string("consumer")), Some(string("range")));
    request
}

/// The sync of a member of this generation; its leader's assigns to each member that member's instance or own id.
pub(super) fn sync_of(group: &str, joined: &JoinGroupResponse) -> SyncGroupRequest {
    let share = |member: &JoinGroupResponseMember| {
        let share = member.group_instance_id.as_ref().unwrap_or(&member.member_id).clone().into_bytes();
        SyncGroupRequestAssignment::default().with_member_id(member.member_id.clone()).with_assignment(share)
    };
    let assignments = joined.members.iter().map(share).collect();
    sync(group, &joined.member_id, joined.generation_id).with_assignments(assignments)
}

/// Joins that end together, without errors.
pub(super) async fn together(broker: &Broker, requests: &[JoinGroupRequest]) -> Vec<JoinGroupResponse> {
    let joined = join_all(requests.iter().map(|request| broker.call(9, request))).await;
    for (answer, request) in joined.iter().zip(requests) {
        assert_eq!(code(answer.error_code), ErrorCode::None, "{:?}", request.member_id);
        assert_eq!(answer.generation_id, joined[0].generation_id);
    }
    joined
}

/// All sync, and each is assigned its share.
pub(super) async fn assign(broker: &Broker, group: &str, joined: &[JoinGroupResponse]) {
    let requests: Vec<_> = joined.iter().map(|one| sync_of(group, one)).collect();
    let synced = join_all(requests.iter().map(|request| broker.call(5, request))).await;
    let leader = joined.iter().find(|one| one.leader == one.member_id).expect("the leader is among them");
    for (answer, one) in synced.iter().zip(joined) {
        assert_eq!(code(answer.error_code), ErrorCode::None);
        let own = leader.members.iter().find(|member| member.member_id == one.member_id).expect("a member");
        assert_eq!(answer.assignment, own.group_instance_id.as_ref().unwrap_or(&own.member_id).as_bytes());
    }
}

/// An id that a new member is given.
pub(super) async fn id(broker: &Broker, group: &str) -> String {
    let told = broker.call(9, &join(group, "")).await;
    assert_eq!(code(told.error_code), ErrorCode::MemberIdRequired);
    told.member_id.to_string()
}

/// A stable group of these static and dynamic members: each that comes is a rebalance, and a generation.
pub(super) async fn grow(broker: &Broker, group: &str, instances: &[Option<&str>]) -> Vec<JoinGroupResponse> {
    let (mut joins, mut joined) = (Vec::new(), Vec::new());
    for instance in instances {
        let newcomer = match instance {
            Some(instance) => join_static(group, "", instance),
            None => join(group, &id(broker, group).await),
        };
        // First: it is what the others rejoin for.
        joins.insert(0, newcomer);
        joined = together(broker, &joins).await;
        assert_eq!(joined[0].generation_id as usize, joins.len());
        assign(broker, group, &joined).await;
        joins.iter_mut().zip(&joined).for_each(|(join, one)| join.member_id = one.member_id.clone());
    }
    joined.reverse();
    joined
}

/// A stable group of so many dynamic members, of the generation of that number.
pub(super) async fn stable(broker: &Broker, group: &str, count: usize) -> Vec<String> {
    grow(broker, group, &vec![None; count]).await.iter().map(|one| one.member_id.to_string()).collect()
}

pub(super) async fn beat(
    broker: &Broker,
    group: &str,
    member: &str,
    generation: i32,
    instance: Option<&str>,
) -> ErrorCode {
    let mut request = HeartbeatRequest::default();
    (request.group_id, request.member_id) = (group_id(group), string(member));
    (request.generation_id, request.group_instance_id) = (generation, instance.map(string));
    code(broker.call(4, &request).await.error_code)
}

pub(super) async fn sync_error(broker: &Broker, group: &str, member: &str, generation: i32) -> ErrorCode {
    code(broker.call(5, &sync(group, member, generation)).await.error_code)
}

/// Members by id and instance go: the error of the whole and of each.
pub(super) async fn leave(
    broker: &Broker,
    version: i16,
    group: &str,
    members: &[(&str, Option<&str>)],
) -> (ErrorCode, Vec<ErrorCode>) {
    let mut request = LeaveGroupRequest::default().with_group_id(group_id(group));
    if version < 3 {
        request.member_id = string(members[0].0);
    } else {
        let identity = |(member, instance): &(&str, Option<&str>)| {
            MemberIdentity::default().with_member_id(string(member)).with_group_instance_id(instance.map(string))
        };
        request.members = members.iter().map(identity).collect();
    }
    let told = broker.call(version, &request).await;
    for (told, (member, instance)) in told.members.iter().zip(members) {
        assert_eq!((told.member_id.as_str(), told.group_instance_id.as_deref()), (*member, *instance));
    }
    (code(told.error_code), told.members.iter().map(|one| code(one.error_code)).collect())
}

/// Waits until the group is in this state.
pub(super) async fn becomes(broker: &Broker, group: &str, state: &str) {
    let until = Instant::now() + Duration::from_secs(10);
    while broker.describe(group).await.group_state.as_str() != state {
        assert!(Instant::now() < until, "{group} is never {state}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn cg_1_a_member_without_an_id_is_given_one_to_join_with() {
    let broker = Broker::with(&QUICK).await;
    for version in 0..=9 {
        let group = &format!("g{version}");
        let unknown = broker.call(version, &join(group, "nobody")).await;
        let found = (code(unknown.error_code), unknown.member_id.as_str());
        assert_eq!(found, (ErrorCode::UnknownMemberId, "nobody"), "version {version}");
        assert_eq!(code(broker.describe(group).await.error_code), ErrorCode::GroupIdNotFound);
        let mut told = broker.call(version, &join(group, "")).await;
        assert!(told.member_id.starts_with("test-"), "the client's id and a UUID: {:?}", told.member_id);
        if version >= 4 {
            assert_eq!(code(told.error_code), ErrorCode::MemberIdRequired, "version {version}");
            assert_eq!((told.generation_id, told.leader.as_str(), told.members.len()), (-1, "", 0));
            assert_eq!(told.protocol_name.as_deref(), if version >= 7 { None } else { Some("") });
            assert_ne!(broker.call(version, &join(group, "")).await.member_id, told.member_id);
            told = broker.call(version, &join(group, &told.member_id)).await;
        }
        assert_eq!((code(told.error_code), told.generation_id), (ErrorCode::None, 1), "version {version}");
        assert_eq!((&told.leader, told.protocol_name.as_deref()), (&told.member_id, Some("range")));
        assert_eq!(told.protocol_type.as_deref(), (version >= 7).then_some("consumer"));
        assert!(!told.skip_assignment);
        let members: Vec<_> = told.members.iter().map(|member| (&member.member_id, &member.metadata)).collect();
        assert_eq!(members, [(&told.member_id, &subscription())]);
    }
}

#[tokio::test]
async fn cg_1_a_full_group_takes_nobody() {
    let broker = Broker::with(&[QUICK[0], ("group.max.size", "2")]).await;
    let members = stable(&broker, "g", 2).await;
    for version in 0..=9 {
        let told = broker.call(version, &join("g", "")).await;
        let found = (code(told.error_code), told.member_id.as_str(), told.generation_id);
        assert_eq!(found, (ErrorCode::GroupMaxSizeReached, "", -1), "version {version}");
    }
    assert_eq!(beat(&broker, "g", &members[0], 2, None).await, ErrorCode::None, "the others do not notice");
    leave(&broker, 5, "g", &[(&members[1], None)]).await;
    id(&broker, "g").await;
}

#[tokio::test]
async fn cg_1_bad_groups_and_session_timeouts_are_refused() {
    let settings = [QUICK[0], ("group.min.session.timeout.ms", "1000"), ("group.max.session.timeout.ms", "30000")];
    let broker = Broker::with(&settings).await;
    for version in 0..=9 {
        for (group, member, session, expected) in [
            ("", "m", 1, ErrorCode::InvalidGroupId),
            ("g", "", 999, ErrorCode::InvalidSessionTimeout),
            ("g", "m", 30_001, ErrorCode::InvalidSessionTimeout),
            ("g", "", -1, ErrorCode::InvalidSessionTimeout),
        ] {
            let told = broker.call(version, &join(group, member).with_session_timeout_ms(session)).await;
            assert_eq!(code(told.error_code), expected, "version {version}, {group:?}, {session}");
            assert_eq!((told.member_id.as_str(), told.generation_id), (member, -1));
        }
        for session in [1000, 30_000] {
            let request = join(&format!("g{version}-{session}"), "").with_session_timeout_ms(session);
            let expected = if version >= 4 { ErrorCode::MemberIdRequired } else { ErrorCode::None };
            assert_eq!(code(broker.call(version, &request).await.error_code), expected);
        }
    }
    assert_eq!(beat(&broker, "", "m", 1, None).await, ErrorCode::InvalidGroupId);
    assert_eq!(sync_error(&broker, "", "m", 1).await, ErrorCode::InvalidGroupId);
    for version in 0..=5 {
        assert_eq!(leave(&broker, version, "", &[("m", None)]).await, (ErrorCode::InvalidGroupId, vec![]));
    }
}

/// Who comes back under its instance id has the assignment it had, and nobody else notices.
#[tokio::test]
async fn cg_2_static_members_keep_their_assignment_over_a_restart() {
    let mut broker = Broker::with(&QUICK).await;
    let mut statics = grow(&broker, "g", &[Some("one"), Some("two")]).await;
    let generation = statics[0].generation_id;
    let follower = usize::from(statics[0].leader == statics[0].member_id);
    let instance = ["one", "two"][follower];
    for version in 5..=9 {
        // The broker's restart changes nothing of it.
        broker = if version % 2 == 0 { broker.restart(End::Killed).await } else { broker };
        let old = statics[follower].member_id.clone();
        let back = broker.call(version, &join_static("g", "", instance)).await;
        assert_eq!((code(back.error_code), back.generation_id), (ErrorCode::None, generation), "version {version}");
        assert!(back.member_id != old && back.member_id.starts_with(instance));
        let found = (&back.leader, back.members.len(), back.skip_assignment);
        assert_eq!(found, (&statics[1 - follower].member_id, 0, false));
        let request = sync("g", &back.member_id, generation).with_group_instance_id(Some(string(instance)));
        let synced = broker.call(5, &request).await;
        assert_eq!((code(synced.error_code), &synced.assignment[..]), (ErrorCode::None, instance.as_bytes()));
        assert_eq!(beat(&broker, "g", &back.member_id, generation, Some(instance)).await, ErrorCode::None);
        assert_eq!(beat(&broker, "g", &statics[1 - follower].member_id, generation, None).await, ErrorCode::None);
        // The older one is fenced, whatever it asks.
        let fenced = ErrorCode::FencedInstanceId;
        assert_eq!(beat(&broker, "g", &old, generation, Some(instance)).await, fenced);
        assert_eq!(beat(&broker, "g", &old, generation, None).await, ErrorCode::UnknownMemberId);
        let told = broker.call(version, &join_static("g", &old, instance)).await;
        assert_eq!((code(told.error_code), &told.member_id), (fenced, &old));
        let told = broker.call(5, &request.with_member_id(old.clone())).await;
        assert_eq!(code(told.error_code), fenced);
        assert_eq!(leave(&broker, 5, "g", &[(&old, Some(instance))]).await, (ErrorCode::None, vec![fenced]));
        assert_eq!(beat(&broker, "g", &old, generation, Some("nowhere")).await, ErrorCode::UnknownMemberId);
        statics[follower] = back;
    }
}

#[tokio::test]
async fn cg_3_a_static_leader_that_is_back_skips_the_assignment() {
    let broker = Broker::with(&QUICK).await;
    for version in 5..=9 {
        let group = &format!("g{version}");
        let statics = grow(&broker, group, &[Some("one"), Some("two")]).await;
        let leader = usize::from(statics[0].leader != statics[0].member_id);
        let instance = ["one", "two"][leader];
        let back = broker.call(version, &join_static(group, "", instance)).await;
        assert_eq!((code(back.error_code), back.generation_id), (ErrorCode::None, 2), "version {version}");
        // Before, it must not take itself for the leader, which would assign anew.
        let skips = version >= 9;
        assert_eq!((back.skip_assignment, back.members.len()), (skips, if skips { 2 } else { 0 }));
        assert_eq!(back.leader, if skips { back.member_id.clone() } else { statics[leader].member_id.clone() });
        let synced = broker.call(5, &sync(group, &back.member_id, back.generation_id)).await;
        assert_eq!((code(synced.error_code), &synced.assignment[..]), (ErrorCode::None, instance.as_bytes()));
    }
}

#[tokio::test]
async fn cg_4_what_does_not_fit_the_group_is_inconsistent() {
    let broker = Broker::with(&QUICK).await;
    let request = |group: &str, kind: &str, names: &[&str]| {
        join(group, "").with_protocol_type(string(kind)).with_protocols(protocols(names))
    };
    let member = id(&broker, "g").await;
    let both = request("g", "consumer", &["sticky", "range"]).with_member_id(string(&member));
    let joined = broker.call(9, &both).await;
    assert_eq!(joined.protocol_name.as_deref(), Some("sticky"), "what it prefers");
    for version in 0..=9 {
        for (group, kind, names) in [
            ("new", "", &["range"][..]),
            ("new", "consumer", &[]),
            ("g", "connect", &["range"]),
            ("g", "consumer", &["other"]),
        ] {
            let told = broker.call(version, &request(group, kind, names)).await;
            let expected = (ErrorCode::InconsistentGroupProtocol, "", -1);
            let found = (code(told.error_code), told.member_id.as_str(), told.generation_id);
            assert_eq!(found, expected, "version {version}, {group}, {kind:?}, {names:?}");
        }
    }
    for wrong in ["connect sticky", "consumer range", " sticky", "consumer "] {
        let (kind, name) = wrong.split_once(' ').expect("both, or nothing for none");
        let mut request = sync("g", &member, 1);
        request.protocol_type = Some(string(kind)).filter(|kind| !kind.is_empty());
        request.protocol_name = Some(string(name)).filter(|name| !name.is_empty());
        let told = broker.call(5, &request).await;
        assert_eq!(code(told.error_code), ErrorCode::InconsistentGroupProtocol, "{wrong}");
    }
    let told = broker.call(5, &sync_of("g", &joined).with_protocol_name(Some(string("sticky")))).await;
    let names = (told.protocol_type.as_deref(), told.protocol_name.as_deref());
    assert_eq!((code(told.error_code), names), (ErrorCode::None, (Some("consumer"), Some("sticky"))));
    assert_eq!(beat(&broker, "g", &member, 1, None).await, ErrorCode::None, "the group did not notice");
    // One of what it knows is enough, and then is what both know.
    let newcomer = broker.pending(3, &request("g", "consumer", &["other", "range"])).await;
    becomes(&broker, "g", "PreparingRebalance").await;
    let again = broker.call(9, &both).await;
    assert_eq!((code(again.error_code), again.protocol_name.as_deref()), (ErrorCode::None, Some("range")));
    let newcomer = newcomer.end().await;
    assert_eq!((code(newcomer.error_code), newcomer.protocol_name.as_deref()), (ErrorCode::None, Some("range")));
    // A group that is empty again takes whoever comes.
    leave(&broker, 5, "g", &[(&member, None), (&newcomer.member_id, None)]).await;
    becomes(&broker, "g", "Empty").await;
    let told = broker.call(3, &request("g", "connect", &["other"])).await;
    assert_eq!((code(told.error_code), told.protocol_name.as_deref()), (ErrorCode::None, Some("other")));
}

#[tokio::test]
async fn cg_5_only_the_first_rebalance_of_an_empty_group_is_delayed() {
    let delay = Duration::from_millis(400);
    let broker = Broker::with(&[("group.initial.rebalance.delay.ms", "400")]).await;
    let start = Instant::now();
    let mut first = broker.pending(3, &join("g", "")).await;
    first.waits(delay / 2).await;
    let second = broker.pending(3, &join("g", "")).await;
    // Somebody came: as long again.
    first.waits((delay + delay / 2).saturating_sub(start.elapsed())).await;
    let (first, second) = (first.end().await, second.end().await);
    assert!(start.elapsed() >= 2 * delay, "{:?}", start.elapsed());
    assert_eq!((first.generation_id, second.generation_id), (1, 1), "one rebalance for both");
    // Later ones end when all have joined.
    let start = Instant::now();
    let third = id(&broker, "g").await;
    let ids = [third, first.member_id.to_string(), second.member_id.to_string()];
    together(&broker, &[0, 1, 2].map(|at| join("g", &ids[at]))).await;
    assert!(start.elapsed() < delay, "{:?}", start.elapsed());
    leave(&broker, 5, "g", &[0, 1, 2].map(|at| (ids[at].as_str(), None))).await;
    becomes(&broker, "g", "Empty").await;
    let mut again = broker.pending(3, &join("g", "")).await;
    again.waits(delay / 2).await;
    assert_eq!(code(again.end().await.error_code), ErrorCode::None);
}

#[tokio::test]
async fn cg_6_live_members_are_never_unknown() {
    let broker = Broker::with(&QUICK).await;
    let members = stable(&broker, "g", 2).await;
    let third = id(&broker, "g").await;
    let third = broker.pending(9, &join("g", &third)).await;
    becomes(&broker, "g", "PreparingRebalance").await;
    for member in &members {
        assert_eq!(beat(&broker, "g", member, 2, None).await, ErrorCode::RebalanceInProgress);
        assert_eq!(sync_error(&broker, "g", member, 2).await, ErrorCode::RebalanceInProgress);
    }
    let joined = together(&broker, &[join("g", &members[0]), join("g", &members[1])]).await;
    let third = third.end().await;
    assert_eq!((joined[0].generation_id, third.generation_id), (3, 3));
    for member in &members {
        for past in [2, 1, 0, -1, 4, i32::MAX] {
            assert_eq!(beat(&broker, "g", member, past, None).await, ErrorCode::IllegalGeneration, "{past}");
            assert_eq!(sync_error(&broker, "g", member, past).await, ErrorCode::IllegalGeneration, "{past}");
        }
        assert_eq!(beat(&broker, "g", member, 3, None).await, ErrorCode::None);
    }
    // One more comes while a follower waits for its assignment.
    let follower = joined.iter().find(|one| one.leader != one.member_id).expect("one of two does not lead");
    let mut waiting = broker.pending(5, &sync_of("g", follower)).await;
    waiting.waits(Duration::from_millis(50)).await;
    let fourth = id(&broker, "g").await;
    let fourth = broker.pending(9, &join("g", &fourth)).await;
    assert_eq!(code(waiting.end().await.error_code), ErrorCode::RebalanceInProgress);
    let again: Vec<_> = [&joined[0], &joined[1], &third].map(|one| join("g", &one.member_id)).into();
    let mut all = together(&broker, &again).await;
    all.push(fourth.end().await);
    assert_eq!(all[3].generation_id, 4);
    assign(&broker, "g", &all).await;
}

/// A client's life until its group is stable with so many members: whatever it is told, it is never unknown (R2).
pub(super) async fn live(broker: &Broker, member: String, members: usize) {
    let (mut asked, until) = (join("g", &member), Instant::now() + Duration::from_secs(30));
    while Instant::now() < until {
        let joined = broker.call(9, &asked).await;
        assert_eq!(code(joined.error_code), ErrorCode::None, "a join by {member}");
        asked = join("g", &member);
        let mut told = code(broker.call(5, &sync_of("g", &joined)).await.error_code);
        while told == ErrorCode::None {
            let group = broker.describe("g").await;
            if group.members.len() == members && group.group_state.as_str() == "Stable" {
                return;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
            told = beat(broker, "g", &member, joined.generation_id, None).await;
        }
        assert!([ErrorCode::RebalanceInProgress, ErrorCode::IllegalGeneration].contains(&told), "{member}: {told:?}");
    }
    panic!("{member} never got into a stable group");
}

#[tokio::test]
async fn cg_6_members_that_come_at_any_time_end_up_in_one_generation() {
    let broker = &Broker::with(&QUICK).await;
    let lives = (0..12).map(async |at| {
        tokio::time::sleep(Duration::from_millis(7 * at)).await;
        live(broker, id(broker, "g").await, 12).await;
    });
    join_all(lives).await;
}

#[tokio::test]
async fn cg_6_who_is_gone_is_unknown() {
    let broker = Broker::with(&QUICK).await;
    let unknown = ErrorCode::UnknownMemberId;
    assert_eq!(beat(&broker, "none", "m", 1, None).await, unknown);
    assert_eq!(sync_error(&broker, "none", "m", 1).await, unknown);
    // Silent for a session, and too late for a rebalance.
    for (group, session, rebalance) in [("silent", 500, 20_000), ("late", 20_000, 500)] {
        let members = stable(&broker, group, 1).await;
        let (mut request, member) = (join(group, ""), id(&broker, group).await);
        (request.session_timeout_ms, request.rebalance_timeout_ms) = (session, rebalance);
        let mut asked = [request.clone().with_member_id(string(&member)), request.with_member_id(string(&members[0]))];
        asked[1].session_timeout_ms = 20_000;
        let joined = together(&broker, &asked).await;
        assign(&broker, group, &joined).await;
        if group == "late" {
            let told = broker.call(9, &asked[1]).await;
            assert_eq!((code(told.error_code), told.generation_id, told.members.len()), (ErrorCode::None, 3, 1));
        } else {
            let until = Instant::now() + Duration::from_secs(10);
            while broker.describe(group).await.members.len() == 2 {
                assert!(Instant::now() < until && beat(&broker, group, &members[0], 2, None).await != unknown);
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            assert_eq!(beat(&broker, group, &members[0], 2, None).await, ErrorCode::RebalanceInProgress);
        }
        assert_eq!(beat(&broker, group, &member, 2, None).await, unknown, "{group}");
        assert_eq!(sync_error(&broker, group, &member, 2).await, unknown);
        let told = broker.call(9, &join(group, &member)).await;
        assert_eq!((code(told.error_code), told.member_id.as_str()), (unknown, member.as_str()));
    }
}
