//! Protocols, the first rebalance, and how a join phase ends.

use super::*;

#[test]
fn cg_4_a_protocol_type_or_protocols_that_do_not_fit_are_refused() {
    let mut bench = Bench::plain();
    let members = bench.stable(1);
    let refused = |bench: &mut Bench, request: Join| {
        let ticket = bench.join(request);
        assert_eq!(bench.join_error(ticket), Some(GroupError::InconsistentGroupProtocol));
        assert_eq!(bench.state(), GroupState::Stable);
    };
    for member in ["", &members[0]] {
        refused(&mut bench, Join { protocol_type: name("connect"), ..join(member) });
        refused(&mut bench, Join { protocols: vec![(name("sticky"), Bytes::new())], ..join(member) });
        refused(&mut bench, Join { protocols: Vec::new(), ..join(member) });
    }
    let mut bench = Bench::plain();
    for request in [Join { protocols: Vec::new(), ..join("") }, Join { protocol_type: name(""), ..join("") }] {
        let ticket = bench.join(request);
        assert_eq!(bench.join_error(ticket), Some(GroupError::InconsistentGroupProtocol));
    }
}

#[test]
fn cg_4_a_sync_for_another_protocol_is_refused() {
    let mut bench = Bench::plain();
    let members = bench.stable(1);
    let good = Sync { protocol_type: Some(name("consumer")), protocol: Some(name("range")), ..sync(&members[0], 1) };
    let ticket = bench.sync(good.clone());
    assert!(bench.synced(ticket).is_ok());
    let wrong = [
        Sync { protocol_type: Some(name("connect")), ..good.clone() },
        Sync { protocol: Some(name("sticky")), ..good },
    ];
    for request in wrong {
        let ticket = bench.sync(request);
        assert_eq!(bench.synced(ticket), Err(GroupError::InconsistentGroupProtocol));
    }
}

#[test]
fn the_protocol_with_the_most_votes_is_chosen_among_those_that_all_support() {
    let mut bench = Bench::plain();
    let with = |protocols: &[&str]| Join {
        protocols: protocols.iter().map(|text| (name(text), Bytes::from(text.to_string()))).collect(),
        requires_known_member_id: false,
        ..join("")
    };
    let joins =
        [bench.join(with(&["only-one", "a", "b"])), bench.join(with(&["b", "a", "b"])), bench.join(with(&["b", "a"]))];
    bench.pass(ms(9_000));
    for ticket in joins {
        assert_eq!(bench.joined(ticket).protocol.as_deref(), Some("b"));
    }
    let leader = joins.iter().find(|ticket| bench.joined(**ticket).members.len() == 3).expect("one leads");
    assert!(bench.joined(*leader).members.iter().all(|member| member.metadata == "b"));
}

#[test]
fn cg_5_the_first_rebalance_waits_and_is_extended_while_members_join() {
    let mut bench = Bench::plain();
    let id = bench.id();
    let first = bench.join(join(&id));
    bench.pass(ms(2_999));
    let id = bench.id();
    let second = bench.join(join(&id));
    bench.pass(ms(3_000));
    assert!(bench.waits(first));
    bench.pass(ms(1));
    assert_eq!(bench.joined(first).generation, 1);
    assert_eq!(bench.joined(second).generation, 1);
    // the next one does not wait
    let joins = [bench.joined(first).member, bench.joined(second).member].map(|member| bench.join(join(&member)));
    bench.assign(&joins);
    let members: Vec<Name> = joins.iter().map(|ticket| bench.joined(*ticket).member).collect();
    let leader = bench.joined(joins[0]).leader;
    let again: Vec<Ticket> = [&leader]
        .into_iter()
        .chain(members.iter().filter(|id| **id != leader))
        .map(|id| bench.join(join(id)))
        .collect();
    assert!(again.iter().all(|ticket| bench.joined(*ticket).generation == 2));
}

#[test]
fn cg_5_it_waits_for_the_rebalance_timeout_at_most() {
    let mut bench = Bench::plain();
    let request = |id: &str| Join { rebalance_timeout: ms(7_000), session_timeout: ms(60_000), ..join(id) };
    let id = bench.id();
    let first = bench.join(request(&id));
    for _ in 0..6 {
        bench.pass(ms(1_000));
        let id = bench.id();
        bench.join(request(&id));
    }
    bench.pass(ms(999));
    assert!(bench.waits(first));
    bench.pass(ms(1));
    assert_eq!(bench.joined(first).generation, 1);
}

#[test]
fn cg_5_without_a_delay_the_first_member_is_answered_at_once() {
    let mut bench = Bench::new(Settings { initial_rebalance_delay: ms(0), ..Settings::default() });
    let id = bench.id();
    let ticket = bench.join(join(&id));
    assert_eq!(bench.groups.due(), Some(bench.moment().monotonic));
    bench.pass(ms(0));
    assert_eq!(bench.joined(ticket).generation, 1);
}

#[test]
fn who_does_not_join_in_time_is_gone() {
    let mut bench = Bench::plain();
    let members = bench.stable(3);
    let leader = bench.join(join(&members[0]));
    for second in 1..=60 {
        assert!(bench.waits(leader), "after {second} s");
        bench.pass(ms(1_000));
        for member in &members[1..] {
            let _ = bench.heartbeat(heartbeat(member, 1));
        }
    }
    let reply = bench.joined(leader);
    assert_eq!((reply.generation, reply.members.len()), (2, 1));
    let late = bench.join(join(&members[1]));
    assert_eq!(bench.join_error(late), Some(GroupError::UnknownMemberId));
}

#[test]
fn who_joins_and_does_not_sync_is_gone_after_the_rebalance_timeout() {
    let mut bench = Bench::plain();
    let members = bench.stable(2);
    let joins: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    let leader = bench.sync(sync(&members[0], 2));
    assert_eq!(bench.assignment(leader), "");
    for _ in 0..59 {
        bench.pass(ms(1_000));
        assert!(members.iter().all(|member| bench.heartbeat(heartbeat(member, 2)).is_ok()));
    }
    bench.pass(ms(1_000));
    assert_eq!(joins.len(), 2);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(bench.heartbeat(heartbeat(&members[1], 2)), Err(GroupError::UnknownMemberId));
    let again = bench.join(join(&members[0]));
    assert_eq!(bench.joined(again).generation, 3);
}

#[test]
fn the_leader_stays_unless_it_goes() {
    let mut bench = Bench::plain();
    let members = bench.stable(3);
    for generation in 2..5 {
        let mut joins: Vec<Ticket> = Vec::new();
        // the leader begins the rebalance, and joins first or last
        joins.push(bench.join(join(&members[0])));
        joins.extend(members[1..].iter().map(|member| bench.join(join(member))));
        assert!(joins.iter().all(|ticket| bench.joined(*ticket).leader == members[0]));
        assert_eq!(bench.joined(joins[0]).generation, generation);
        bench.assign(&joins);
    }
    bench.leave(&[(&members[0], None)]);
    let joins: Vec<Ticket> = members[1..].iter().map(|member| bench.join(join(member))).collect();
    assert!(members[1..].contains(&bench.joined(joins[0]).leader));
}

#[test]
fn a_stable_follower_that_joins_unchanged_is_told_what_it_knows() {
    let mut bench = Bench::plain();
    let members = bench.stable(2);
    let ticket = bench.join(join(&members[1]));
    let reply = bench.joined(ticket);
    assert_eq!((reply.error, reply.generation, &reply.leader, reply.members.len()), (None, 1, &members[0], 0));
    assert_eq!(bench.state(), GroupState::Stable);
    let changed = Join { protocols: vec![(name("range"), Bytes::from_static(b"more"))], ..join(&members[1]) };
    let ticket = bench.join(changed.clone());
    assert!(bench.waits(ticket));
    let leader = bench.join(join(&members[0]));
    bench.joined(leader);
    // while it completes: unchanged is told again, changed begins anew
    let ticket = bench.join(changed);
    assert_eq!(bench.joined(ticket).generation, 2);
    let ticket = bench.join(join(&members[1]));
    assert!(bench.waits(ticket));
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
}

#[test]
fn an_empty_group_has_a_generation_and_is_kept() {
    let mut bench = Bench::plain();
    let members = bench.stable(1);
    bench.leave(&[(&members[0], None)]);
    assert_eq!(bench.state(), GroupState::Empty);
    let kept = bench.kept();
    assert_eq!((kept.generation, kept.protocol, kept.leader, kept.members.len()), (2, None, None, 0));
    assert_eq!(&*kept.protocol_type, "consumer");
    assert_eq!(kept.current_state_timestamp, bench.moment().wall);
    // a group of another kind may follow
    let id = bench.id();
    let ticket = bench.join(Join { protocol_type: name("connect"), ..join(&id) });
    bench.pass(ms(9_000));
    let reply = bench.joined(ticket);
    assert_eq!((reply.generation, reply.protocol_type.as_deref()), (3, Some("connect")));
}
