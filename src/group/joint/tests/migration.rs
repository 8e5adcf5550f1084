//! Groups that change from one protocol to the other while they are in use (NG-4).

use super::*;
use crate::group::command::GroupState;
use crate::group::records::embedded::write_assignment;

const DELAY: Duration = ms(3_000);

/// A stable classic group of one member.
fn classic(bench: &mut Bench, partitions: &[i32]) -> Name {
    let ticket = bench.ask_join(&classic_join("", &["a"], &[]));
    bench.pass(DELAY);
    let joined = bench.joined(ticket);
    let assignment = write_assignment(1, &[(name("a"), partitions.to_vec())].into());
    let assignments = vec![(joined.member.clone(), assignment)];
    let sync = Sync { assignments, ..classic::tests::sync(&joined.member, joined.generation) };
    bench.sync(&sync).expect("assigned");
    assert_eq!(bench.kind(), Some(AnyState::Classic(GroupState::Stable)));
    joined.member
}

fn sync_of(member: &Name, generation: i32) -> Sync {
    let protocol_type = Some(name("consumer"));
    Sync { protocol_type, ..classic::tests::sync(member, generation) }
}

fn is_classic(bench: &Bench) -> bool {
    matches!(bench.kind(), Some(AnyState::Classic(_)))
}

#[test]
fn a_classic_group_is_upgraded_and_its_members_are_served_on() {
    let mut bench = Bench::new(&[("a", 4)]);
    let old = classic(&mut bench, &[0, 1, 2, 3]);
    let told = bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert_eq!((told.epoch, told.assignment), (2, Some(Target::new())), "the classic member has all of it still");
    assert!(matches!(bench.kind(), Some(AnyState::Consumer(_))));
    assert_eq!(bench.described().members.iter().filter(|member| member.is_classic).count(), 1);
    assert_eq!(bench.has(&old), target(&[("a", &[0, 1, 2, 3])]));
    // It is told to join, says what it has, is told what it is to give up, and joins again without it.
    assert_eq!(bench.classic_heartbeat(&old, 1), Err(GroupError::RebalanceInProgress));
    let joined = bench.join(&classic_join(&old, &["a"], &[("a", &[0, 1, 2, 3])]));
    assert_eq!((joined.error, joined.generation, &*joined.leader), (None, 1, ""));
    assert_eq!(joined.protocol.as_deref(), Some("cooperative-sticky"));
    let keeps = in_assignment(&bench.sync(&sync_of(&old, 1)).expect("assigned").assignment);
    assert_eq!(keeps[&id("a")].len(), 2);
    assert_eq!(bench.classic_heartbeat(&old, 1), Err(GroupError::RebalanceInProgress));
    let kept: Vec<i32> = keeps[&id("a")].iter().copied().collect();
    let joined = bench.join(&classic_join(&old, &["a"], &[("a", &kept)]));
    assert_eq!((joined.error, joined.generation), (None, 2));
    assert_eq!(in_assignment(&bench.sync(&sync_of(&old, 2)).expect("assigned").assignment), keeps);
    assert_eq!(bench.classic_heartbeat(&old, 2), Ok(()));
    assert_eq!(bench.heartbeat(&beat("m", 2)).expect("lives").assignment.map(|has| has[&id("a")].len()), Some(2));
    assert_eq!(bench.state(), ConsumerState::Stable);
    assert_eq!(bench.groups.describe(&name(GROUP)), Err(GroupError::NotClassicGroup));
    bench.restart();
    assert_eq!(bench.state(), ConsumerState::Stable);
    assert_eq!(bench.classic_heartbeat(&old, 2), Ok(()));
}

#[test]
fn the_last_new_member_that_goes_leaves_a_classic_group_behind() {
    let mut bench = Bench::new(&[("a", 4)]);
    let old = classic(&mut bench, &[0, 1, 2, 3]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", -1)).expect("left");
    assert_eq!(bench.kind(), Some(AnyState::Classic(GroupState::PreparingRebalance)));
    assert_eq!(bench.heartbeat(&beat("m", 2)), Err(GroupError::GroupIdNotFound));
    assert_eq!(bench.groups.consumer_describe(&name(GROUP)), Err(GroupError::NotConsumerGroup), "NG-5");
    // The classic member goes on as it knows it.
    let joined = bench.join(&classic_join(&old, &["a"], &[("a", &[0, 1, 2, 3])]));
    assert_eq!((joined.error, &joined.leader), (None, &old));
    assert!(joined.generation > 2, "generations go on from the epochs: {}", joined.generation);
    let assignment = write_assignment(1, &[(name("a"), vec![0, 1, 2, 3])].into());
    let assignments = vec![(old.clone(), assignment)];
    bench.sync(&Sync { assignments, ..sync_of(&old, joined.generation) }).expect("assigned");
    assert_eq!(bench.kind(), Some(AnyState::Classic(GroupState::Stable)));
    bench.restart();
    assert_eq!(bench.kind(), Some(AnyState::Classic(GroupState::Stable)));
    // And up again.
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert!(!is_classic(&bench));
}

/// Two go one after the other: the group's epoch runs ahead of what the classic member knows.
#[test]
fn a_classic_member_that_stays_is_told_to_join_and_loses_nothing() {
    let mut bench = Bench::new(&[("a", 4)]);
    let old = classic(&mut bench, &[0, 1, 2, 3]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", -1)).expect("left");
    bench.heartbeat(&beat("n", -1)).expect("left");
    assert_eq!(bench.kind(), Some(AnyState::Classic(GroupState::PreparingRebalance)));
    assert_eq!(bench.classic_heartbeat(&old, 1), Err(GroupError::RebalanceInProgress));
    let moment = bench.moment();
    assert_eq!(bench.groups.check_commit(moment, &commit(&old, 1, &[("a", 0)])), Ok(()));
    let joined = bench.join(&classic_join(&old, &["a"], &[("a", &[0, 1, 2, 3])]));
    assert!(joined.error.is_none() && joined.generation > 4, "{joined:?}");
    // Found by a restart before it was told: it must join anew.
    bench.restart();
    assert_eq!(bench.classic_heartbeat(&old, 1), Err(GroupError::IllegalGeneration));
    assert_eq!(bench.classic_heartbeat(&old, joined.generation), Err(GroupError::IllegalGeneration));
}

#[test]
fn a_new_member_that_falls_silent_leaves_a_classic_group_behind_too() {
    let mut bench = Bench::new(&[("a", 4)]);
    let old = classic(&mut bench, &[0, 1, 2, 3]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    for _ in 0..9 {
        bench.pass(ms(5_000));
        let _ = bench.classic_heartbeat(&old, 1);
    }
    assert!(is_classic(&bench));
}

#[test]
fn who_waits_is_told_to_join_again_when_its_group_changes() {
    let mut bench = Bench::new(&[("a", 4)]);
    let ticket = bench.ask_join(&classic_join("", &["a"], &[]));
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert_eq!(bench.joined(ticket).error, Some(GroupError::RebalanceInProgress));
    assert_eq!(bench.described().members.len(), 2);
}

#[test]
fn policies_are_kept() {
    for (policy, up, down) in [
        (Policy::Disabled, false, false),
        (Policy::Upgrade, true, false),
        (Policy::Downgrade, false, true),
        (Policy::Bidirectional, true, true),
    ] {
        let consumer = consumer::Settings { assignment_interval: ms(0), ..consumer::Settings::default() };
        let mut bench = Bench::with(&[("a", 4)], classic::Settings::default(), consumer, policy);
        classic(&mut bench, &[0, 1, 2, 3]);
        let told = bench.heartbeat(&joining("m", &["a"])).map(drop);
        assert_eq!(told, if up { Ok(()) } else { Err(GroupError::GroupIdNotFound) }, "{policy:?}");

        let consumer = consumer::Settings { assignment_interval: ms(0), ..consumer::Settings::default() };
        let mut bench = Bench::with(&[("a", 4)], classic::Settings::default(), consumer, policy);
        bench.heartbeat(&joining("m", &["a"])).expect("joined");
        let joined = bench.join(&classic_join("", &["a"], &[]));
        assert_eq!(joined.error, None, "{policy:?}");
        bench.heartbeat(&beat("m", -1)).expect("left");
        assert_eq!(is_classic(&bench), down, "{policy:?}");
    }
}

#[test]
fn groups_that_are_no_consumers_or_say_what_can_t_be_read_stay_what_they_are() {
    let other = |change: &dyn Fn(&mut Join)| {
        let mut bench = Bench::new(&[("a", 4)]);
        let mut join = classic_join("", &["a"], &[]);
        change(&mut join);
        bench.ask_join(&join);
        bench.pass(DELAY);
        let told = bench.heartbeat(&joining("m", &["a"]));
        assert_eq!(told, Err(GroupError::GroupIdNotFound));
        assert!(is_classic(&bench));
    };
    other(&|join| join.protocol_type = name("connect"));
    other(&|join| join.protocols = vec![(name("range"), Bytes::from_static(b"?"))]);
    // An assignor that keeps data of its own with each assignment.
    let mut bench = Bench::new(&[("a", 4)]);
    let ticket = bench.ask_join(&classic_join("", &["a"], &[]));
    bench.pass(DELAY);
    let joined = bench.joined(ticket);
    let assignment = Bytes::from_static(&[0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 7]);
    let assignments = vec![(joined.member.clone(), assignment)];
    bench.sync(&Sync { assignments, ..classic::tests::sync(&joined.member, 1) }).expect("assigned");
    assert_eq!(bench.heartbeat(&joining("m", &["a"])), Err(GroupError::GroupIdNotFound));
    assert!(is_classic(&bench));
}

#[test]
fn groups_without_members_become_what_is_joined() {
    let mut bench = Bench::new(&[("a", 4)]);
    let old = classic(&mut bench, &[0]);
    assert_eq!(bench.leave(&[(&old, None)]), [Ok(())]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert!(!is_classic(&bench));
    bench.heartbeat(&beat("m", -1)).expect("left");
    assert!(!is_classic(&bench), "it is empty, and nobody classic is there");
    assert_eq!(bench.join(&classic_join("unknown", &["a"], &[])).error, Some(GroupError::UnknownMemberId));
    assert!(!is_classic(&bench));
    bench.ask_join(&classic_join("", &["a"], &[]));
    assert!(is_classic(&bench));
    bench.restart();
    assert!(is_classic(&bench));
}

#[test]
fn a_classic_member_joins_a_group_of_the_new_protocol() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    // It is given an id first (KIP-394).
    let modern = Join { requires_known_member_id: true, ..classic_join("", &["a"], &[]) };
    let told = bench.join(&modern);
    assert_eq!(told.error, Some(GroupError::MemberIdRequired));
    assert!(!told.member.is_empty());
    let joined = bench.join(&Join { member: told.member.clone(), ..modern });
    assert_eq!((joined.error, &joined.member, joined.generation), (None, &told.member, 3));
    let other = Join { protocols: vec![(name("x"), Bytes::new())], ..classic_join("", &["a"], &[]) };
    assert_eq!(bench.join(&other).error, Some(GroupError::InconsistentGroupProtocol));
    let other = Join { protocol_type: name("connect"), ..classic_join("", &["a"], &[]) };
    assert_eq!(bench.join(&other).error, Some(GroupError::InconsistentGroupProtocol));
    let unreadable =
        Join { protocols: vec![(name("cooperative-sticky"), Bytes::new())], ..classic_join("", &["a"], &[]) };
    assert_eq!(bench.join(&unreadable).error, Some(GroupError::InconsistentGroupProtocol));
    assert_eq!(bench.described().members.len(), 2);
}

#[test]
fn what_a_classic_member_of_such_a_group_must_not_do() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    let joined = bench.join(&classic_join("", &["a"], &[]));
    let (id, generation) = (joined.member, joined.generation);
    assert_eq!(bench.classic_heartbeat(&id, generation + 1), Err(GroupError::IllegalGeneration));
    assert_eq!(bench.classic_heartbeat("x", generation), Err(GroupError::UnknownMemberId));
    assert_eq!(bench.classic_heartbeat("m", 2), Err(GroupError::UnknownMemberId), "it speaks the new protocol");
    assert_eq!(bench.sync(&sync_of(&name("m"), 2)), Err(GroupError::UnknownMemberId));
    assert_eq!(bench.sync(&sync_of(&id, generation + 1)), Err(GroupError::IllegalGeneration));
    let other = Sync { protocol: Some(name("range")), ..sync_of(&id, generation) };
    assert_eq!(bench.sync(&other), Err(GroupError::InconsistentGroupProtocol));
    let moment = bench.moment();
    let stale = commit(&id, generation + 1, &[("a", 0)]);
    assert_eq!(bench.groups.check_commit(moment, &stale), Err(GroupError::IllegalGeneration));
    let old = CommitOffsets { names_unknown_groups: false, ..commit(&id, generation, &[("a", 0)]) };
    assert_eq!(bench.groups.check_commit(moment, &old), Ok(()), "any version will do for a classic member");
}

#[test]
fn classic_members_that_are_late_are_gone() {
    // It does not sync.
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    let short = Join { rebalance_timeout: ms(7_000), ..classic_join("", &["a"], &[]) };
    bench.join(&short);
    bench.pass(ms(7_000));
    assert_eq!(bench.described().members.len(), 1);
    // It was told to join, and only sends heartbeats.
    let joined = bench.join(&short);
    bench.sync(&sync_of(&joined.member, joined.generation)).expect("assigned");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    for _ in 0..3 {
        assert_eq!(bench.classic_heartbeat(&joined.member, joined.generation), Err(GroupError::RebalanceInProgress));
        bench.pass(ms(2_000));
    }
    bench.pass(ms(1_000));
    assert_eq!(bench.described().members.len(), 2);
    // Its session ends as it said, not as the group's.
    let joined = bench.join(&Join { session_timeout: ms(6_000), ..classic_join("", &["a"], &[]) });
    bench.sync(&sync_of(&joined.member, joined.generation)).expect("assigned");
    bench.pass(ms(6_000));
    assert_eq!(bench.described().members.len(), 2);
}

#[test]
fn members_of_both_kinds_leave_by_leave_group() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&with_instance("i", joining("m", &["a"]))).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    let old = bench.join(&classic_join("", &["a"], &[])).member;
    let outcomes = bench.leave(&[("", Some("i")), ("x", None), (&old, None), ("n", Some("i"))]);
    let fenced = Err(GroupError::FencedInstanceId);
    assert_eq!(outcomes, [Ok(()), Err(GroupError::UnknownMemberId), Ok(()), fenced]);
    assert_eq!(bench.described().members.len(), 1);
}

#[test]
fn a_static_member_changes_its_protocol() {
    let mut bench = Bench::new(&[("a", 4)]);
    let of = |join: Join| Join { instance: Some(name("i")), ..join };
    let ticket = bench.ask_join(&of(classic_join("", &["a"], &[])));
    bench.pass(DELAY);
    let joined = bench.joined(ticket);
    let assignment = write_assignment(1, &[(name("a"), vec![0, 1, 2, 3])].into());
    let assignments = vec![(joined.member.clone(), assignment)];
    bench.sync(&Sync { assignments, ..classic::tests::sync(&joined.member, 1) }).expect("assigned");
    // Up: it has what it had.
    let told = bench.heartbeat(&with_instance("i", joining("m", &["a"]))).expect("joined");
    assert_eq!(told.assignment, Some(target(&[("a", &[0, 1, 2, 3])])));
    assert_eq!(bench.described().members.len(), 1);
    // And down, the last of its kind: the group is a classic one again.
    bench.heartbeat(&with_instance("i", beat("m", -2))).expect("leaves for now");
    let joined = bench.join(&of(classic_join("", &["a"], &[])));
    assert_eq!(joined.error, None);
    assert_eq!(bench.kind(), Some(AnyState::Classic(GroupState::PreparingRebalance)));
    let sync = |generation| Sync { instance: Some(name("i")), ..sync_of(&joined.member, generation) };
    assert!(bench.sync(&sync(joined.generation)).is_err());
    let again = bench.join(&of(classic_join(&joined.member, &["a"], &[("a", &[0, 1, 2, 3])])));
    assert_eq!((again.error, &again.leader), (None, &joined.member));
    assert!(again.generation > joined.generation);
}

/// The group may not become a classic one: nobody but the classic member is there to ask for a new assignment.
#[test]
fn a_classic_member_that_is_left_alone_gets_what_the_others_had() {
    let consumer = consumer::Settings { assignment_interval: ms(1_000), ..consumer::Settings::default() };
    let mut bench = Bench::with(&[("a", 4)], classic::Settings::default(), consumer, Policy::Upgrade);
    let old = classic(&mut bench, &[0, 1]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", -1)).expect("left");
    assert!(!is_classic(&bench));
    let mut generation = 1;
    for _ in 0..5 {
        bench.pass(ms(3_000));
        if bench.classic_heartbeat(&old, generation) == Err(GroupError::RebalanceInProgress) {
            let joined = bench.join(&classic_join(&old, &["a"], &[("a", &[0, 1])]));
            generation = joined.generation;
            bench.sync(&sync_of(&old, generation)).expect("assigned");
        }
    }
    assert_eq!(bench.has(&old), target(&[("a", &[0, 1, 2, 3])]));
    assert_eq!(bench.classic_heartbeat(&old, generation), Ok(()), "it is at rest");
    // A topic that grows is seen, too.
    let before = bench.log.len();
    bench.change_topics(&[create("other", 1)]);
    assert_eq!(bench.classic_heartbeat(&old, generation), Ok(()));
    assert_eq!(bench.log.len(), before);
    bench.change_topics(&[TopicChange::DeleteTopic { id: id("a") }, create("a", 1)]);
    bench.pass(ms(3_000));
    assert_eq!(bench.classic_heartbeat(&old, generation), Err(GroupError::RebalanceInProgress));
}

/// It counted as two that support the protocol: nobody else of the classic protocol could join.
#[test]
fn a_protocol_that_is_named_twice_counts_once() {
    let twice = |join: Join| Join { protocols: [join.protocols.clone(), join.protocols.clone()].concat(), ..join };
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    let first = bench.join(&twice(classic_join("", &["a"], &[])));
    assert_eq!((first.error, first.protocol.as_deref()), (None, Some("cooperative-sticky")));
    bench.sync(&sync_of(&first.member, first.generation)).expect("assigned");
    let second = bench.join(&classic_join("", &["a"], &[]));
    assert_eq!(second.error, None);
    let third = bench.join(&twice(classic_join("", &["a"], &[])));
    assert_eq!(third.error, None);
    bench.restart();
    assert_eq!(bench.join(&twice(classic_join(&first.member, &["a"], &[]))).error, None);
    assert_eq!(bench.leave(&[(&first.member, None)]), [Ok(())]);
    assert_eq!(bench.join(&classic_join("", &["a"], &[])).error, None);
    // Down: the group of those that are left chooses it.
    bench.heartbeat(&beat("m", -1)).expect("left");
    let ticket = bench.ask_join(&twice(classic_join(&second.member, &["a"], &[])));
    bench.pass(ms(300_000));
    let joined = bench.joined(ticket);
    assert_eq!((joined.error, joined.protocol.as_deref()), (None, Some("cooperative-sticky")));
}
