//! Static members (KIP-345).

use super::*;

/// A stable group of the static members "one" and "two".
fn two() -> (Bench, Vec<Name>, Vec<JoinReply>) {
    let mut bench = Bench::plain();
    let joins = [bench.join(join_static("", "one")), bench.join(join_static("", "two"))];
    bench.pass(ms(9_000));
    let members = bench.assign(&joins);
    let replies = joins.iter().map(|join| bench.joined(*join)).collect();
    (bench, members, replies)
}

fn place(replies: &[JoinReply], leads: bool) -> (usize, &'static str) {
    let at = replies.iter().position(|reply| (reply.leader == reply.member) == leads).expect("one of them");
    (at, ["one", "two"][at])
}

#[test]
fn cg_2_a_static_member_keeps_its_assignment_over_a_restart() {
    let (mut bench, members, replies) = two();
    let (at, instance) = place(&replies, false);
    let kept = bench.changes.len();
    let back = bench.join(join_static("", instance));
    let reply = bench.joined(back);
    assert_eq!((reply.error, reply.generation, reply.skip_assignment), (None, 1, false));
    assert_ne!(reply.member, members[at]);
    assert_eq!(reply.leader, members[1 - at]);
    assert_eq!(bench.state(), GroupState::Stable);
    // the new id is kept, and all else as it was
    assert_eq!(bench.changes.len(), kept + 1);
    assert!(bench.kept().members.iter().any(|member| member.member == reply.member));
    let ticket = bench.sync(Sync { instance: Some(name(instance)), ..sync(&reply.member, 1) });
    assert_eq!(bench.assignment(ticket), members[at].as_bytes());
}

#[test]
fn cg_2_the_older_one_is_fenced() {
    let (mut bench, members, replies) = two();
    let (at, instance) = place(&replies, false);
    bench.join(join_static("", instance));
    let fenced = GroupError::FencedInstanceId;
    let old = &members[at];
    let instance = Some(name(instance));
    assert_eq!(bench.heartbeat(Heartbeat { instance: instance.clone(), ..heartbeat(old, 1) }), Err(fenced));
    assert_eq!(bench.commit(CommitOffsets { instance: instance.clone(), ..commit(old, 1) }), Err(fenced));
    let ticket = bench.sync(Sync { instance: instance.clone(), ..sync(old, 1) });
    assert_eq!(bench.synced(ticket), Err(fenced));
    let ticket = bench.join(Join { instance: instance.clone(), ..join(old) });
    assert_eq!(bench.join_error(ticket), Some(fenced));
    assert_eq!(bench.leave(&[(old, instance.as_deref())]), [Err(fenced)]);
}

#[test]
fn cg_2_the_older_one_is_fenced_while_it_waits() {
    let (mut bench, members, replies) = two();
    let (at, instance) = place(&replies, true);
    let waiting = bench.join(join_static(&members[at], instance));
    let back = bench.join(join_static("", instance));
    assert_eq!(bench.join_error(waiting), Some(GroupError::FencedInstanceId));
    assert_eq!(bench.joined(waiting).member, members[at]);
    let other = 1 - at;
    bench.join(join_static(&members[other], ["one", "two"][other]));
    assert_eq!(bench.joined(back).generation, 2);
    // back again while it is to be assigned: the leader may have assigned to the old id
    let new = bench.joined(back).member;
    assert_eq!(bench.joined(back).leader, new);
    let waiting = bench.sync(Sync { instance: Some(name(["one", "two"][other])), ..sync(&members[other], 2) });
    bench.join(join_static("", instance));
    assert_eq!(bench.synced(waiting), Err(GroupError::RebalanceInProgress));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn cg_2_another_protocol_means_a_rebalance() {
    let mut bench = Bench::plain();
    let both = vec![(name("range"), Bytes::new()), (name("sticky"), Bytes::new())];
    let request = |instance| Join { protocols: both.clone(), ..join_static("", instance) };
    let joins = [bench.join(request("one")), bench.join(request("two"))];
    bench.pass(ms(9_000));
    bench.assign(&joins);
    let back = bench.join(Join { protocols: vec![both[1].clone()], ..request("one") });
    assert!(bench.waits(back));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn cg_3_a_returning_leader_is_told_to_skip_the_assignment() {
    let (mut bench, members, replies) = two();
    let (at, instance) = place(&replies, true);
    let back = bench.join(join_static("", instance));
    let reply = bench.joined(back);
    assert_eq!((reply.skip_assignment, reply.generation, reply.members.len()), (true, 1, 2));
    assert_eq!(reply.leader, reply.member);
    let ticket = bench.sync(sync(&reply.member, 1));
    assert_eq!(bench.assignment(ticket), members[at].as_bytes());
}

#[test]
fn cg_3_before_v9_it_is_told_that_its_old_self_leads() {
    let (mut bench, members, replies) = two();
    let (at, instance) = place(&replies, true);
    let back = bench.join(Join { supports_skip_assignment: false, ..join_static("", instance) });
    let reply = bench.joined(back);
    assert_eq!((reply.skip_assignment, reply.members.len(), &reply.leader), (false, 0, &members[at]));
    // it does lead, nevertheless: its next join is a rebalance
    let ticket = bench.join(join_static(&reply.member, instance));
    assert!(bench.waits(ticket));
}

#[test]
fn static_members_outlive_a_rebalance_that_they_miss() {
    let (mut bench, members, _) = two();
    let third = bench.id();
    let third = bench.join(join(&third));
    for _ in 0..7 {
        bench.pass(ms(9_000));
        for (member, instance) in members.iter().zip(["one", "two"]) {
            let _ = bench.heartbeat(Heartbeat { instance: Some(name(instance)), ..heartbeat(member, 1) });
        }
    }
    // the third one leads, for the leader did not join
    let reply = bench.joined(third);
    assert_eq!((reply.generation, &reply.leader, reply.members.len()), (2, &reply.member, 3));
}

#[test]
fn a_group_of_static_members_waits_for_one_to_join_or_for_their_sessions_to_end() {
    let (mut bench, members, _) = two();
    let long = Join { session_timeout: ms(100_000), ..join_static(&members[0], "one") };
    let first = bench.join(long.clone());
    let second = bench.join(Join { member: members[1].clone(), instance: Some(name("two")), ..long.clone() });
    let members = bench.assign(&[first, second]);
    bench.leave(&[("", Some("two"))]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    bench.pass(ms(60_000));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let back = bench.join(Join { member: members[0].clone(), ..long });
    assert_eq!(bench.joined(back).generation, 3);
    bench.assign(&[back]);
    bench.pass(ms(300_000));
    assert_eq!(bench.state(), GroupState::Empty);
}

#[test]
fn a_replaced_member_that_syncs_is_not_missed() {
    let (mut bench, members, replies) = two();
    let (at, instance) = place(&replies, true);
    let joins = [bench.join(join_static(&members[0], "one")), bench.join(join_static(&members[1], "two"))];
    let generation = bench.joined(joins[at]).generation;
    // the leader has assigned, the other one restarts before its own sync
    bench.sync(Sync { instance: Some(name(instance)), ..sync(&members[at], generation) });
    let other = ["one", "two"][1 - at];
    let back = bench.join(join_static("", other));
    let new = bench.joined(back).member;
    bench.sync(Sync { instance: Some(name(other)), ..sync(&new, generation) });
    for _ in 0..10 {
        bench.pass(ms(9_000));
        assert_eq!(bench.heartbeat(heartbeat(&members[at], generation)), Ok(()));
        assert_eq!(bench.heartbeat(heartbeat(&new, generation)), Ok(()));
    }
}
