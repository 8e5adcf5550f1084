//! More of classic groups: joins that cross, refusals of the disk.

use super::cg::*;
use super::cg_offsets::*;
use super::*;
use futures_util::future::join_all;
use kafka_protocol::messages::OffsetFetchRequest;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;

#[tokio::test]
async fn cg_2_an_older_join_that_waits_is_fenced() {
    let broker = Broker::with(&QUICK).await;
    let statics = grow(&broker, "g", &[Some("one"), Some("two")]).await;
    let leader = usize::from(statics[0].leader != statics[0].member_id);
    let instance = ["one", "two"][leader];
    // A leader that joins is a rebalance.
    let mut waiting = broker.pending(9, &join_static("g", &statics[leader].member_id, instance)).await;
    waiting.waits(Duration::from_millis(50)).await;
    let mut back = broker.pending(9, &join_static("g", "", instance)).await;
    let told = waiting.end().await;
    assert_eq!((code(told.error_code), &told.member_id), (ErrorCode::FencedInstanceId, &statics[leader].member_id));
    back.waits(Duration::from_millis(50)).await;
}

/// All at once, again and again (R22).
#[tokio::test]
async fn cg_2_many_static_members_restart_without_a_rebalance() {
    let broker = Broker::with(&QUICK).await;
    let instances = ["a", "b", "c", "d", "e", "f"];
    let generation = grow(&broker, "g", &instances.map(Some)).await[0].generation_id;
    let broker = &broker;
    for round in 0..10 {
        join_all(instances.map(async |instance| {
            let back = broker.call(9, &join_static("g", "", instance)).await;
            let told = (code(back.error_code), back.generation_id, back.skip_assignment);
            assert_eq!(told, (ErrorCode::None, generation, back.leader == back.member_id), "{instance}, {round}");
            let synced = broker.call(5, &sync("g", &back.member_id, generation)).await;
            assert_eq!((code(synced.error_code), &synced.assignment[..]), (ErrorCode::None, instance.as_bytes()));
            assert_eq!(beat(broker, "g", &back.member_id, generation, Some(instance)).await, ErrorCode::None);
        }))
        .await;
    }
    assert_eq!(broker.describe("g").await.members.len(), instances.len());
}

#[tokio::test]
async fn cg_5_three_seconds_unless_told_otherwise() {
    let broker = Broker::start().await;
    let mut joined = broker.pending(3, &join("g", "")).await;
    joined.waits(Duration::from_millis(2900)).await;
    assert_eq!(joined.end().await.generation_id, 1);
}

#[tokio::test]
async fn cg_13_a_commit_that_the_disk_did_not_take_is_neither_answered_nor_told() {
    use crate::io::disk::faulty::{Fault, Operation};
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    assert_eq!(commit(&broker, 8, ("g", -1, ""), 1).await, NONE);
    broker.disk.fail_always(Operation::Sync, ".wal", Fault::Io);
    let gone = [ErrorCode::NotCoordinator, ErrorCode::CoordinatorNotAvailable];
    assert!(gone.contains(&commit(&broker, 8, ("g", -1, ""), 2).await), "the client is to ask again");
    let mut request = OffsetFetchRequest::default();
    request.groups.push(OffsetFetchRequestGroup::default().with_group_id(group_id("g")).with_topics(None));
    let found = broker.call(8, &request).await;
    match code(found.groups[0].error_code) {
        NONE => assert_eq!(found.groups[0].topics[0].partitions[0].committed_offset, 1),
        error => assert!(gone.contains(&error), "{error:?}"),
    }
    let broker = broker.restart(End::PowerLost(5)).await;
    assert!([1, 2].contains(&offset(&broker, "g", 0).await));
}

#[tokio::test]
async fn cg_1_an_id_that_is_not_used_lapses_with_its_session() {
    let broker = Broker::with(&QUICK).await;
    let lapsed = broker.call(9, &join("g", "").with_session_timeout_ms(100)).await.member_id;
    let kept = id(&broker, "g").await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let told = broker.call(9, &join("g", &lapsed)).await;
    assert_eq!((code(told.error_code), &told.member_id), (ErrorCode::UnknownMemberId, &lapsed));
    assert_eq!(code(broker.call(9, &join("g", &kept)).await.error_code), ErrorCode::None);
}

#[tokio::test]
async fn cg_7_several_members_leave_and_each_is_answered() {
    let broker = Broker::with(&QUICK).await;
    let (none, unknown) = (ErrorCode::None, ErrorCode::UnknownMemberId);
    for version in 0..=5 {
        let whole = |error| if version < 3 { (error, vec![]) } else { (none, vec![error]) };
        let group = &format!("g{version}");
        assert_eq!(leave(&broker, version, group, &[("nobody", None)]).await, whole(unknown), "version {version}");
        let members = stable(&broker, group, 2).await;
        assert_eq!(leave(&broker, version, group, &[("nobody", None)]).await, whole(unknown));
        assert_eq!(beat(&broker, group, &members[1], 2, None).await, none, "nobody's leave is no rebalance");
        assert_eq!(leave(&broker, version, group, &[(&members[0], None)]).await, whole(none));
        assert_eq!(leave(&broker, version, group, &[(&members[0], None)]).await, whole(unknown), "again");
        assert_eq!(beat(&broker, group, &members[0], 2, None).await, unknown);
        assert_eq!(beat(&broker, group, &members[1], 2, None).await, ErrorCode::RebalanceInProgress);
        let pending = id(&broker, group).await;
        assert_eq!(leave(&broker, version, group, &[(&pending, None)]).await, whole(none), "an id not used yet");
        let alone = together(&broker, &[join(group, &members[1])]).await;
        assert_eq!((alone[0].generation_id, alone[0].members.len()), (3, 1));
        assert_eq!(leave(&broker, version, group, &[(&members[1], None)]).await, whole(none));
        becomes(&broker, group, "Empty").await;
    }
    for version in 3..=5 {
        let group = &format!("s{version}");
        let statics = grow(&broker, group, &["one", "two", "three"].map(Some)).await;
        let ids: Vec<_> = statics.iter().map(|one| one.member_id.as_str()).collect();
        let asked = [
            ("", Some("one")),         // an administrator knows no ids
            ("", Some("one")),         // gone by now
            (ids[1], Some("three")),   // not the holder
            (ids[1], Some("nowhere")), // not there
            ("", Some("nowhere")),
            ("", None),
            ("nobody", None),
            (ids[1], Some("two")),
        ];
        let fenced = ErrorCode::FencedInstanceId;
        let expected = vec![none, unknown, fenced, unknown, unknown, unknown, unknown, none];
        assert_eq!(leave(&broker, version, group, &asked).await, (none, expected), "version {version}");
        assert_eq!(beat(&broker, group, ids[2], 3, Some("three")).await, ErrorCode::RebalanceInProgress);
        assert_eq!(leave(&broker, version, group, &[]).await, (none, vec![]));
        let left = broker.describe(group).await.members;
        assert_eq!((left.len(), left[0].group_instance_id.as_deref()), (1, Some("three")));
    }
}

#[tokio::test]
async fn cg_15_long_metadata_are_refused_for_their_partition() {
    let broker = Broker::start().await;
    broker.create("t", 4, &[]).await;
    let (most, more, wide) = ("m".repeat(4096), "m".repeat(4097), "é".repeat(4096));
    for version in 2..=10 {
        let group = &format!("g{version}");
        let commits: &[Commit] =
            &[(0, 1, -1, Some(&most)), (1, 1, -1, Some(&more)), (2, 1, -1, Some(&wide)), (3, 1, -1, None)];
        let found = commit_all(&broker, version, (group, -1, ""), &[("t", commits)]).await;
        assert_eq!(found, [NONE, ErrorCode::OffsetMetadataTooLarge, NONE, NONE], "version {version}: letters count");
        let expected = vec![told("t", 0, 1, -1, &most), told("t", 2, 1, -1, &wide), told("t", 3, 1, -1, "")];
        assert_eq!(fetch(&broker, 8, &[group], None).await, [expected]);
    }
}
