//! Members join, live, fall silent and leave.

use super::*;

#[test]
fn the_first_member_has_everything_at_once() {
    let mut bench = Bench::new(&[("a", 3)]);
    let told = bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert_eq!((&*told.member, told.epoch, told.interval), ("m", 2, ms(5_000)));
    assert_eq!(told.assignment, Some(target(&[("a", &[0, 1, 2])])));
    assert_eq!(bench.state(), ConsumerState::Stable);
    // Nothing new is nothing said.
    let told = bench.heartbeat(&beat("m", 2)).expect("lives");
    assert_eq!((told.epoch, told.assignment), (2, None));
    // Who tells everything is told everything.
    let whole = ConsumerHeartbeat { epoch: 2, owned: Some(target(&[("a", &[0, 1, 2])])), ..joining("m", &["a"]) };
    assert_eq!(bench.heartbeat(&whole).expect("lives").assignment, Some(target(&[("a", &[0, 1, 2])])));
}

#[test]
fn what_is_not_there_is_told_so() {
    let mut bench = Bench::new(&[("a", 3)]);
    for epoch in [1, -1] {
        assert_eq!(bench.heartbeat(&beat("m", epoch)), Err(GroupError::GroupIdNotFound));
    }
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    for epoch in [1, -1] {
        assert_eq!(bench.heartbeat(&beat("other", epoch)), Err(GroupError::UnknownMemberId));
    }
    assert_eq!(bench.groups.consumer_describe(&name("none")), Err(GroupError::GroupIdNotFound));
}

#[test]
fn requests_that_contradict_themselves_are_refused() {
    let mut bench = Bench::new(&[("a", 3)]);
    let good = || joining("m", &["a"]);
    let bad = [
        ConsumerHeartbeat { group: name(" "), ..good() },
        ConsumerHeartbeat { member: name(""), ..good() },
        ConsumerHeartbeat { instance: Some(name("")), ..good() },
        ConsumerHeartbeat { rack: Some(name(" ")), ..good() },
        ConsumerHeartbeat { rebalance_timeout_ms: -1, ..good() },
        ConsumerHeartbeat { owned: None, ..good() },
        ConsumerHeartbeat { owned: Some(target(&[("a", &[1])])), ..good() },
        ConsumerHeartbeat { topics: None, ..good() },
        beat("m", -2),
        beat("m", -3),
        ConsumerHeartbeat { makes_own_id: false, ..beat("", 1) },
        ConsumerHeartbeat { makes_own_id: false, ..beat("", -1) },
    ];
    for request in bad {
        assert_eq!(bench.heartbeat(&request), Err(GroupError::InvalidRequest), "{request:?}");
    }
    let request = ConsumerHeartbeat { assignor: Some(name("sticky")), ..good() };
    assert_eq!(bench.heartbeat(&request), Err(GroupError::UnsupportedAssignor));
    assert_eq!(bench.kind(), None, "none of them made a group");
}

#[test]
fn who_is_silent_is_gone_and_the_others_have_its_partitions() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.settle(&["m", "n"]);
    assert_eq!((bench.has("m").len(), bench.has("n").len()), (1, 1));
    let epoch = bench.described().epoch;
    bench.pass(ms(30_000));
    let n = bench.described().members[1].epoch;
    bench.heartbeat(&beat("n", n)).expect("lives");
    bench.pass(ms(15_000));
    assert_eq!(bench.described().members.len(), 1);
    assert_eq!(bench.described().epoch, epoch + 1);
    assert_eq!(bench.heartbeat(&beat("m", epoch)), Err(GroupError::UnknownMemberId));
    bench.settle(&["n"]);
    assert_eq!(bench.has("n"), target(&[("a", &[0, 1, 2, 3])]));
}

#[test]
fn who_leaves_is_gone_at_once_and_an_empty_group_begins_without_a_pause() {
    let consumer = consumer::Settings::default();
    let mut bench = Bench::with(&[("a", 2)], classic::Settings::default(), consumer, Policy::default());
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    let told = bench.heartbeat(&beat("m", -1)).expect("left");
    assert_eq!((told.epoch, told.interval, told.assignment), (-1, ms(0), None));
    assert_eq!(bench.state(), ConsumerState::Empty);
    let told = bench.heartbeat(&joining("n", &["a"])).expect("joined");
    assert_eq!(told.assignment, Some(target(&[("a", &[0, 1])])), "within the second");
}

#[test]
fn members_that_come_together_are_assigned_together() {
    let consumer = consumer::Settings::default();
    let mut bench = Bench::with(&[("a", 4)], classic::Settings::default(), consumer, Policy::default());
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.pass(ms(500));
    let told = bench.heartbeat(&joining("n", &["a"])).expect("joined");
    assert_eq!((told.epoch, told.assignment), (2, Some(Target::new())), "group.consumer.assignment.interval.ms");
    assert_eq!(bench.state(), ConsumerState::Assigning);
    bench.pass(ms(500));
    bench.settle(&["m", "n"]);
    assert_eq!(bench.has("n").values().map(BTreeSet::len).sum::<usize>(), 2);
}

#[test]
fn an_epoch_that_is_not_the_member_s_is_fenced() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert_eq!(bench.heartbeat(&beat("m", 3)), Err(GroupError::FencedMemberEpoch));
    assert_eq!(bench.heartbeat(&beat("m", 1)), Err(GroupError::FencedMemberEpoch));
    // The group goes on: m gives up two partitions, and comes to a new epoch. The answer is lost.
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", 2)).expect("to give up");
    let kept = bench.has("m");
    let kept: Target = kept.into_iter().map(|(topic, all)| (topic, all.into_iter().take(2).collect())).collect();
    let told = bench.heartbeat(&owning("m", 2, kept.clone())).expect("gave up");
    assert_eq!(told.epoch, 3);
    // It may come again with the epoch before, as long as it owns no more than it was given.
    assert_eq!(bench.heartbeat(&beat("m", 2)), Err(GroupError::FencedMemberEpoch));
    let more = target(&[("a", &[0, 1, 2, 3])]);
    assert_eq!(bench.heartbeat(&owning("m", 2, more)), Err(GroupError::FencedMemberEpoch));
    let has = bench.has("m");
    assert_eq!(bench.heartbeat(&owning("m", 2, has)).expect("the answer was lost").epoch, 3);
}

#[test]
fn topics_that_appear_grow_and_vanish_are_seen_at_the_next_heartbeat() {
    let mut bench = Bench::new(&[("a", 1)]);
    let told = bench.heartbeat(&joining("m", &["a", "b"])).expect("joined");
    assert_eq!((told.epoch, told.assignment), (2, Some(target(&[("a", &[0])]))));
    let steps = [
        (create("b", 2), target(&[("a", &[0]), ("b", &[0, 1])])),
        (TopicChange::AddPartitions { id: id("b"), count: 3 }, target(&[("a", &[0]), ("b", &[0, 1, 2])])),
        (TopicChange::DeleteTopic { id: id("a") }, target(&[("b", &[0, 1, 2])])),
    ];
    let mut epoch = 2;
    for (change, has) in steps {
        bench.change_topics(std::slice::from_ref(&change));
        let told = bench.heartbeat(&owning("m", epoch, Target::new())).expect("lives");
        assert_eq!(told.epoch, epoch + 1, "{change:?}");
        assert_eq!(told.assignment, Some(has));
        epoch = told.epoch;
    }
    // What it does not subscribe to does not matter.
    bench.change_topics(&[create("c", 2)]);
    assert_eq!(bench.heartbeat(&beat("m", epoch)).expect("lives").epoch, epoch);
}

/// Two commands may meet on their way: the one that was given later, with the newer topics, comes first.
#[test]
fn a_command_that_knows_less_takes_no_topics_away() {
    let mut bench = Bench::new(&[("a", 1)]);
    let regex = ConsumerHeartbeat { topics: None, regex: Some(name("[ab]")), ..joining("m", &[]) };
    bench.heartbeat(&regex).expect("joined");
    let older = bench.view.clone();
    bench.change_topics(&[create("b", 1)]);
    bench.pass(ms(2_000));
    let told = bench.heartbeat(&beat("m", 2)).expect("lives");
    assert_eq!((told.epoch, told.assignment), (3, Some(target(&[("a", &[0]), ("b", &[0])]))));
    let newer = std::mem::replace(&mut bench.view, older);
    bench.pass(ms(2_000));
    let told = bench.heartbeat(&beat("m", 3)).expect("lives");
    assert_eq!((told.epoch, told.assignment), (3, None));
    bench.view = newer;
    let told = bench.heartbeat(&beat("m", 3)).expect("lives");
    assert_eq!((told.epoch, told.assignment, bench.described().epoch), (3, None, 3));
}

#[test]
fn a_restart_finds_everything_and_sessions_begin_anew() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", 2)).expect("to give up");
    let before = bench.described();
    bench.pass(ms(40_000));
    bench.restart();
    assert_eq!(bench.described(), before);
    bench.pass(ms(40_000));
    assert_eq!(bench.described().members.len(), 2);
    bench.settle(&["m", "n"]);
    bench.pass(ms(45_000));
    assert_eq!(bench.state(), ConsumerState::Empty);
}

#[test]
fn the_assignor_that_most_want_is_taken() {
    let mut bench = Bench::new(&[("a", 3), ("b", 3)]);
    let wants =
        |member, assignor: &str| ConsumerHeartbeat { assignor: Some(name(assignor)), ..joining(member, &["a", "b"]) };
    bench.heartbeat(&wants("m", "range")).expect("joined");
    assert_eq!(&*bench.described().assignor, "range");
    bench.heartbeat(&wants("n", "range")).expect("joined");
    bench.settle(&["m", "n"]);
    assert_eq!(bench.has("m"), target(&[("a", &[0, 1]), ("b", &[0, 1])]));
    bench.heartbeat(&wants("o", "uniform")).expect("joined");
    assert_eq!(&*bench.described().assignor, "range");
    let epoch = bench.described().members[0].epoch;
    bench.heartbeat(&ConsumerHeartbeat { assignor: Some(name("uniform")), ..beat("m", epoch) }).expect("says so");
    assert_eq!(&*bench.described().assignor, "uniform");
}

#[test]
fn a_group_without_members_can_be_deleted() {
    let mut bench = Bench::new(&[("a", 1)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert_eq!(bench.groups.check_delete(&name(GROUP)), Err(GroupError::NonEmptyGroup));
    bench.heartbeat(&beat("m", -1)).expect("left");
    assert_eq!(bench.groups.check_delete(&name(GROUP)), Ok(()));
    let mut out = Out::default();
    bench.groups.delete(&name(GROUP), &mut out);
    bench.log.extend(out.changes);
    assert_eq!(bench.kind(), None);
    bench.restart();
    assert_eq!(bench.kind(), None);
}

/// A join that was sent again, and came late: the member was believed to have given up what it was to give up.
#[test]
fn a_join_that_comes_twice_gives_up_nothing() {
    let mut bench = Bench::new(&[("a", 4)]);
    let join = joining("m", &["a"]);
    bench.heartbeat(&join).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    // It is not told yet what it is to give up.
    let told = bench.heartbeat(&join).expect("it is one");
    let keeps = told.assignment.clone().expect("all that it has");
    assert_eq!((told.epoch, keeps[&id("a")].len(), bench.has("m")), (2, 2, target(&[("a", &[0, 1, 2, 3])])));
    assert_eq!(bench.heartbeat(&beat("n", 3)).expect("lives").assignment, None);
    // It is.
    assert_eq!(bench.heartbeat(&join).expect("it is one"), told);
    assert_eq!(bench.has("m"), target(&[("a", &[0, 1, 2, 3])]));
    assert_eq!(bench.heartbeat(&owning("m", 2, target(&[("a", &[0, 1, 2, 3])]))).expect("owns it").epoch, 2);
    bench.restart();
    assert_eq!(bench.heartbeat(&join).expect("it is one"), told);
    // Who heard the answer says what it owns.
    assert_eq!(bench.heartbeat(&owning("m", 2, keeps.clone())).expect("gave up").epoch, 3);
    assert_eq!(bench.has("m"), keeps);
    assert_eq!(bench.heartbeat(&beat("n", 3)).expect("lives").assignment.map(|has| has[&id("a")].len()), Some(2));
}

#[test]
fn who_joins_again_and_never_says_what_it_owns_is_gone_in_time() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    for _ in 0..6 {
        assert_eq!(bench.heartbeat(&joining("m", &["a"])).expect("it is one").epoch, 2);
        bench.heartbeat(&beat("n", 3)).expect("lives");
        bench.pass(ms(10_000));
    }
    assert_eq!(bench.heartbeat(&beat("m", 2)), Err(GroupError::UnknownMemberId));
}

/// KAFKA-19233: it has given up everything by then.
#[test]
fn who_was_fenced_joins_anew_and_is_believed() {
    let mut bench = Bench::new(&[("a", 8)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", 2)).expect("to give up");
    assert_eq!(bench.heartbeat(&beat("m", 1)), Err(GroupError::FencedMemberEpoch));
    let told = bench.heartbeat(&joining("m", &["a"])).expect("joined anew");
    assert_eq!((told.epoch, told.assignment.map(|has| has[&id("a")].len())), (3, Some(4)));
    assert_eq!(bench.has("m")[&id("a")].len(), 4);
    // Only once, and not when it was an old heartbeat that was fenced: the member goes on.
    bench.heartbeat(&joining("o", &["a"])).expect("joined");
    assert_eq!(bench.heartbeat(&beat("m", 1)), Err(GroupError::FencedMemberEpoch));
    bench.heartbeat(&beat("m", 3)).expect("lives");
    let keeps = bench.heartbeat(&joining("m", &["a"])).expect("an old one").assignment.expect("all that it has");
    assert!(keeps[&id("a")].len() < 4 && bench.has("m")[&id("a")].len() == 4);
}
