//! More of classic groups: joins that cross, refusals of the disk.

use super::cg::*;
use super::cg_offsets::*;
use super::*;
use futures_util::future::join_all;
use kafka_protocol::messages::offset_fetch_request::OffsetFetchRequestGroup;
use kafka_protocol::messages::{JoinGroupRequest, OffsetFetchRequest, SyncGroupRequest};

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

/// A frame whose memory says when it was given back.
struct Charged(Bytes, #[expect(dead_code, reason = "it is dropped")] Arc<()>);

impl AsRef<[u8]> for Charged {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Else members that wait for others keep these from being read: the memory of frames is one budget.
#[tokio::test]
async fn cg_6_who_waits_for_others_holds_no_memory_of_frames() {
    let broker = Broker::with(&QUICK).await;
    let members = stable(&broker, "g", 2).await;
    let held = Arc::new(());
    let charged = |frame: Bytes| Bytes::from_owner(Charged(frame, held.clone()));
    let joining = frame(JoinGroupRequest::KEY, 9, &join("g", &members[0]));
    let first = tokio::spawn(body(broker.send(charged(joining)).await));
    let other = broker.pending(9, &join("g", &id(&broker, "g").await)).await;
    becomes(&broker, "g", "PreparingRebalance").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!first.is_finished(), "one is missing");
    assert_eq!(Arc::strong_count(&held), 1, "a join that waits");

    let last = broker.call(9, &join("g", &members[1])).await;
    let first = decode::<JoinGroupRequest>(9, first.await.expect("no panic").expect("the connection stays open"));
    let other = other.end().await;
    let joined = [first, other, last];
    let follower = joined.iter().find(|one| one.leader != one.member_id).expect("two of them");
    let syncing = frame(SyncGroupRequest::KEY, 5, &sync("g", &follower.member_id, follower.generation_id));
    let synced = tokio::spawn(body(broker.send(charged(syncing)).await));
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert!(!synced.is_finished(), "the leader did not assign yet");
    assert_eq!(Arc::strong_count(&held), 1, "a sync that waits");
}

/// A rebalance may take minutes, a stop must not.
#[tokio::test]
async fn cg_6_a_stop_does_not_wait_for_members() {
    let broker = Broker::with(&QUICK).await;
    let members = stable(&broker, "g", 2).await;
    let joining = broker.pending(9, &join("g", &members[0])).await;
    let (first, second) = (id(&broker, "h").await, id(&broker, "h").await);
    let joined = together(&broker, &[join("h", &first), join("h", &second)]).await;
    let follower = joined.iter().find(|one| one.leader != one.member_id).expect("one of two");
    let mut syncing = broker.pending(5, &sync("h", &follower.member_id, follower.generation_id)).await;
    syncing.waits(Duration::from_millis(50)).await;
    broker.stop.stop();
    let told = tokio::time::timeout(Duration::from_secs(5), async { (joining.end().await, syncing.end().await) });
    let (joined, synced) = told.await.expect("the stop is not held up");
    assert_eq!(code(joined.error_code), ErrorCode::CoordinatorNotAvailable);
    assert_eq!(joined.member_id.as_str(), members[0], "with which it joins after the stop");
    assert_eq!(code(synced.error_code), ErrorCode::CoordinatorNotAvailable);
}

/// What is written is dated by proven time then, which may be hours ahead.
#[tokio::test]
async fn cg_13_commits_are_kept_while_the_clock_is_behind() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    broker.clock.set_wall(Timestamp(1_800_000_000_000));
    broker.store.tick();
    assert_eq!(commit(&broker, 8, ("g", -1, ""), 1).await, NONE);
    broker.clock.set_wall(Timestamp(1_800_000_000_000 - 3 * 3_600_000));
    broker.store.tick();
    assert_eq!(commit(&broker, 8, ("g", -1, ""), 2).await, NONE);
    assert_eq!(offset(&broker, "g", 0).await, 2);
}

/// `message.max.bytes` is for clients' batches: a coordinator whose record is refused could serve none of its groups.
#[tokio::test]
async fn cg_13_a_small_message_max_bytes_does_not_stop_groups() {
    let broker = Broker::with(&[("message.max.bytes", "500")]).await;
    broker.create("t", 1, &[]).await;
    let long = "x".repeat(4_000);
    let told = commit_all(&broker, 8, ("g", -1, ""), &[("t", &[(0, 7, -1, Some(&long))])]).await;
    assert_eq!(told, [NONE]);
    assert_eq!(fetch(&broker, 8, &["g"], None).await, [[self::told("t", 0, 7, -1, &long)]]);
}

/// A commit of many partitions is worked on aside, where it may have to wait for others.
#[tokio::test]
async fn cg_13_a_short_commit_does_not_overtake_a_long_one() {
    let broker = Broker::start().await;
    broker.create("t", 6_000, &[]).await;
    let everything: Vec<_> = (0..6_000).map(|partition| (partition, 1, -1, None)).collect();
    assert_eq!(commit(&broker, 8, ("g", -1, ""), 0).await, NONE);
    for round in 0..5 {
        // As the server has them: begun in order, all at once.
        let answers = futures_util::stream::FuturesUnordered::new();
        for commits in [&everything[..], &[(0, 2, -1, None)]] {
            let frame = commit_frame(&broker, 8, ("g", -1, ""), &[("t", commits)]);
            answers.push(committed(8, broker.send(frame).await));
        }
        let told = futures_util::StreamExt::collect::<Vec<_>>(answers).await.concat();
        assert!(told.len() == 6_001 && told.iter().all(|code| *code == NONE));
        assert_eq!(offset(&broker, "g", 0).await, 2, "round {round}");
    }
}

/// Else a request of a megabyte asks for an answer of a gigabyte.
#[tokio::test]
async fn cg_9_what_is_asked_for_again_and_again_is_told_up_to_a_bound() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    assert_eq!(commit(&broker, 8, ("g", -1, ""), 5).await, NONE);
    for version in [1, 7, 8, 10] {
        let told = fetch(&broker, version, &["g"], Some(&[("t", &[0; 1_000]), ("t", &[0])])).await;
        assert_eq!(told, [[self::told("t", 0, 5, -1, "")]], "version {version}");
    }
    let again = OffsetFetchRequestGroup::default().with_group_id(group_id("g")).with_topics(None);
    let told = broker.call(8, &OffsetFetchRequest::default().with_groups(vec![again; 1_000])).await;
    let told: Vec<_> = told.groups.iter().map(|group| (group.topics.len(), code(group.error_code))).collect();
    // As Kafka, within reason.
    assert!(told[..11].iter().all(|one| *one == (1, NONE)), "{told:?}");
    assert!(told.len() == 1_000 && told[11..].iter().all(|one| *one == (0, ErrorCode::InvalidRequest)));

    let request = DescribeGroupsRequest::default().with_groups(vec![group_id("g"); 1_000]);
    let told = broker.call(6, &request).await.groups;
    let told: Vec<_> = told.iter().map(|group| (group.group_state.as_str(), code(group.error_code))).collect();
    assert!(told[..11].iter().all(|one| *one == ("Empty", NONE)), "{told:?}");
    assert!(told.len() == 1_000 && told[11..].iter().all(|one| *one == ("", ErrorCode::InvalidRequest)));
}

/// The groups were not told of the deletion, as when the disk was full.
#[tokio::test]
async fn cg_9_offsets_of_an_earlier_topic_of_the_name_are_not_told() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    assert_eq!(commit(&broker, 8, ("g", -1, ""), 5).await, NONE);
    broker.metadata.commit(vec![Change::DeleteTopic { id }]).await.expect("it is there");
    broker.create("t", 1, &[]).await;
    for version in [2, 7, 8, 9] {
        assert_eq!(fetch(&broker, version, &["g"], None).await.concat(), [], "all, version {version}");
    }
    assert_eq!(offset(&broker, "g", 0).await, -1);
    assert_eq!(commit(&broker, 8, ("g", -1, ""), 1).await, NONE);
    assert_eq!(fetch(&broker, 8, &["g"], None).await, [[told("t", 0, 1, -1, "")]]);
}
