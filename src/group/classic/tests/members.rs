//! Ids, errors, leaving, sessions.

use super::*;

#[test]
fn cg_1_a_member_without_an_id_is_given_one_to_join_with() {
    let mut bench = Bench::plain();
    let first = bench.join(join(""));
    let refused = bench.joined(first);
    assert_eq!(refused.error, Some(GroupError::MemberIdRequired));
    assert_eq!(&*refused.member, "client-00000000-0000-0000-0000-000000000001");
    assert_eq!((refused.generation, refused.members.len()), (-1, 0));
    let second = bench.join(join(&refused.member));
    bench.pass(ms(3_000));
    bench.pass(ms(3_000));
    let reply = bench.joined(second);
    assert_eq!((reply.error, reply.generation, &reply.leader), (None, 1, &refused.member));
    assert_eq!(reply.members.len(), 1);
    assert_eq!(reply.protocol.as_deref(), Some("range"));
}

#[test]
fn cg_1_older_versions_and_static_members_join_at_once() {
    for request in [Join { requires_known_member_id: false, ..join("") }, join_static("", "one")] {
        let start = if request.instance.is_some() { "one-" } else { "client-" };
        let mut bench = Bench::plain();
        let ticket = bench.join(request);
        assert!(bench.waits(ticket));
        bench.pass(ms(6_000));
        assert!(bench.joined(ticket).member.starts_with(start));
    }
}

#[test]
fn cg_1_an_id_that_is_not_used_is_forgotten_after_the_session_timeout() {
    let mut bench = Bench::plain();
    let id = bench.id();
    bench.pass(ms(9_999));
    let other = bench.id();
    bench.pass(ms(1));
    let late = bench.join(join(&id));
    assert_eq!(bench.join_error(late), Some(GroupError::UnknownMemberId));
    let good = bench.join(join(&other));
    assert!(bench.waits(good));
}

#[test]
fn a_pending_id_holds_up_the_join_phase_until_it_is_gone() {
    let mut bench = Bench::plain();
    let members = bench.stable(1);
    let pending = bench.id();
    let leader = bench.join(join(&members[0]));
    assert!(bench.waits(leader));
    assert_eq!(bench.leave(&[(&pending, None)]), [Ok(())]);
    assert_eq!(bench.joined(leader).generation, 2);

    bench.assign(&[leader]);
    bench.id();
    let leader = bench.join(join(&members[0]));
    bench.pass(ms(9_999));
    assert!(bench.waits(leader));
    bench.pass(ms(1));
    assert_eq!(bench.joined(leader).generation, 3);
}

#[test]
fn cg_6_live_members_are_never_unknown_in_concurrent_rebalances() {
    let mut bench = Bench::plain();
    let members = bench.stable(2);
    let third = bench.id();
    let third = bench.join(join(&third));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    // both are to join again, and told so, whatever they ask
    for member in &members {
        assert_eq!(bench.heartbeat(heartbeat(member, 1)), Err(GroupError::RebalanceInProgress));
        assert_eq!(bench.commit(commit(member, 1)), Ok(()));
        let ticket = bench.sync(sync(member, 1));
        assert_eq!(bench.synced(ticket), Err(GroupError::RebalanceInProgress));
    }
    let joins: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    // those who ask under the old generation are told that it is over
    for member in &members {
        assert_eq!(bench.heartbeat(heartbeat(member, 1)), Err(GroupError::IllegalGeneration));
        assert_eq!(bench.commit(commit(member, 1)), Err(GroupError::IllegalGeneration));
        let ticket = bench.sync(sync(member, 1));
        assert_eq!(bench.synced(ticket), Err(GroupError::IllegalGeneration));
        assert_eq!(bench.heartbeat(heartbeat(member, 2)), Ok(()));
        assert_eq!(bench.commit(commit(member, 2)), Err(GroupError::RebalanceInProgress));
    }
    // one more comes while a follower waits for its assignment
    let waiting = bench.sync(sync(&members[1], 2));
    let fourth = bench.id();
    let fourth = bench.join(join(&fourth));
    assert_eq!(bench.synced(waiting), Err(GroupError::RebalanceInProgress));
    assert_eq!(bench.joined(third).generation, 2);
    let third_id = bench.joined(third).member;
    let mut again: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    assert!(joins.iter().all(|ticket| !bench.waits(*ticket)));
    again.push(bench.join(join(&third_id)));
    again.push(fourth);
    assert!(again.iter().all(|ticket| bench.joined(*ticket).generation == 3));
    bench.assign(&again);
}

#[test]
fn cg_6_who_is_gone_is_unknown() {
    let mut bench = Bench::plain();
    let members = bench.stable(2);
    bench.leave(&[(&members[1], None)]);
    assert_eq!(bench.heartbeat(heartbeat(&members[1], 1)), Err(GroupError::UnknownMemberId));
    let ticket = bench.join(join(&members[1]));
    assert_eq!(bench.join_error(ticket), Some(GroupError::UnknownMemberId));
    let ticket = bench.sync(sync(&members[1], 1));
    assert_eq!(bench.synced(ticket), Err(GroupError::UnknownMemberId));
    assert_eq!(
        bench.heartbeat(Heartbeat { group: name("none"), ..heartbeat(&members[0], 1) }),
        Err(GroupError::UnknownMemberId)
    );
}

#[test]
fn cg_7_members_leave_together_and_each_is_answered() {
    let mut bench = Bench::plain();
    let members = bench.stable(3);
    let pending = bench.id();
    let outcome =
        bench.leave(&[(&members[1], None), ("nobody", None), (&pending, None), (&members[1], None), ("", None)]);
    let unknown = Err(GroupError::UnknownMemberId);
    assert_eq!(outcome, [Ok(()), unknown, Ok(()), unknown, unknown]);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn cg_7_an_administrator_removes_static_members_by_their_static_id() {
    let mut bench = Bench::plain();
    let joins = [bench.join(join_static("", "one")), bench.join(join_static("", "two"))];
    bench.pass(ms(9_000));
    let members = bench.assign(&joins);
    let outcome = bench.leave(&[("", Some("one")), ("", Some("three")), (&members[0], Some("two"))]);
    assert_eq!(outcome, [Ok(()), Err(GroupError::UnknownMemberId), Err(GroupError::FencedInstanceId)]);
    let left = bench.groups.describe(&name(GROUP)).expect("there").members;
    assert_eq!(left.len(), 1);
    assert_eq!(left[0].member, members[1]);
}

#[test]
fn cg_7_an_unknown_group_knows_none_of_the_members() {
    let mut bench = Bench::plain();
    assert_eq!(bench.leave(&[("a", None), ("b", None)]), [Err(GroupError::UnknownMemberId); 2]);
}

#[test]
fn whoever_waits_is_answered_when_the_member_leaves() {
    let mut bench = Bench::plain();
    let members = bench.stable(3);
    let joins: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    let waiting = bench.sync(sync(&members[1], 2));
    bench.leave(&[(&members[1], None)]);
    assert_eq!(bench.synced(waiting), Err(GroupError::UnknownMemberId));
    let waiting = bench.join(join(&members[2]));
    bench.leave(&[(&members[2], None)]);
    assert_eq!(bench.join_error(waiting), Some(GroupError::UnknownMemberId));
    assert_eq!(&*bench.joined(waiting).member, "");
    assert!(joins.iter().all(|join| !bench.waits(*join)));
}

#[test]
fn a_request_that_is_sent_again_is_answered_in_the_place_of_the_first() {
    let mut bench = Bench::plain();
    let members = bench.stable(2);
    let first = bench.join(join(&members[0]));
    let second = bench.join(join(&members[0]));
    assert_eq!(bench.join_error(first), Some(GroupError::RebalanceInProgress));
    assert!(bench.waits(second));
    let other = bench.join(join(&members[1]));
    let first = bench.sync(sync(&members[1], 2));
    let again = bench.sync(sync(&members[1], 2));
    assert_eq!(bench.synced(first), Err(GroupError::RebalanceInProgress));
    // a join that is sent again gets the same answer
    let told = bench.join(join(&members[1]));
    assert_eq!(bench.joined(told), bench.joined(other));
    let told = bench.join(join(&members[0]));
    assert_eq!(bench.joined(told), bench.joined(second));
    bench.sync(Sync { assignments: vec![(members[1].clone(), Bytes::from_static(b"x"))], ..sync(&members[0], 2) });
    assert_eq!(bench.assignment(again), "x");
}

#[test]
fn a_silent_member_goes_and_the_others_rebalance() {
    let mut bench = Bench::plain();
    let members = bench.stable(3);
    for _ in 0..3 {
        bench.pass(ms(5_000));
        assert_eq!(bench.heartbeat(heartbeat(&members[0], 1)).is_ok(), bench.state() == GroupState::Stable);
        // commits count as much
        bench.commit(commit(&members[1], 1)).expect("a member");
    }
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.groups.describe(&name(GROUP)).expect("there").members.len(), 2);
    assert_eq!(bench.heartbeat(heartbeat(&members[2], 1)), Err(GroupError::UnknownMemberId));
}

#[test]
fn who_waits_for_us_is_not_silent() {
    let mut bench = Bench::plain();
    let members = bench.stable(2);
    let waiting = bench.join(join(&members[0]));
    for _ in 0..5 {
        bench.pass(ms(9_000));
        assert_eq!(bench.heartbeat(heartbeat(&members[1], 1)), Err(GroupError::RebalanceInProgress));
    }
    assert!(bench.waits(waiting));
    bench.join(join(&members[1]));
    assert_eq!(bench.joined(waiting).generation, 2);
    let waiting = bench.sync(sync(&members[1], 2));
    bench.pass(ms(9_000));
    assert_eq!(bench.heartbeat(heartbeat(&members[0], 2)), Ok(()));
    bench.pass(ms(9_000));
    assert!(bench.waits(waiting));
    bench.sync(sync(&members[0], 2));
    assert_eq!(bench.assignment(waiting), "");
    // its session begins with the answer
    bench.pass(ms(9_999));
    assert_eq!(bench.heartbeat(heartbeat(&members[1], 2)), Ok(()));
}

#[test]
fn a_new_member_that_was_told_no_id_waits_five_minutes_at_most() {
    let mut bench = Bench::plain();
    let members = bench.stable(1);
    let slow = Join { rebalance_timeout: ms(600_000), session_timeout: ms(1_800_000), ..join(&members[0]) };
    let leader = bench.join(slow);
    bench.assign(&[leader]);
    let new = bench.join(Join { requires_known_member_id: false, ..join("") });
    bench.pass(ms(299_999));
    assert!(bench.waits(new));
    bench.pass(ms(1));
    assert_eq!(bench.join_error(new), Some(GroupError::UnknownMemberId));
}

#[test]
fn an_empty_group_id_is_no_group() {
    let mut bench = Bench::plain();
    let nobody = name("m");
    let ticket = bench.join(Join { group: name(""), ..join("m") });
    assert_eq!(bench.join_error(ticket), Some(GroupError::InvalidGroupId));
    assert_eq!(&*bench.joined(ticket).member, "m");
    let ticket = bench.sync(Sync { group: name(""), ..sync(&nobody, 0) });
    assert_eq!(bench.synced(ticket), Err(GroupError::InvalidGroupId));
    let ask = Heartbeat { group: name(""), ..heartbeat(&nobody, 0) };
    assert_eq!(bench.heartbeat(ask), Err(GroupError::InvalidGroupId));
}
