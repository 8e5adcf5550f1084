//! From what a member has to what it is to have: nobody is given what another one has still.

use super::*;
use crate::group::records::consumer::{ConsumerRecord, State};

/// The state of a member, as it was kept last.
fn state(bench: &Bench, member: &str) -> State {
    let of = |change: &Change| match change {
        Change::Consumer(ConsumerRecord::Current { member: of, value: Some(value), .. }) if **of == *member => {
            Some(value.state)
        }
        _ => None,
    };
    bench.log.iter().rev().find_map(of).expect("a member")
}

fn epoch(bench: &Bench, member: &str) -> i32 {
    bench.described().members.iter().find(|other| *other.member == *member).expect("a member").epoch
}

#[test]
fn partitions_are_given_up_first_and_given_then() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    let told = bench.heartbeat(&joining("n", &["a"])).expect("joined");
    assert_eq!((told.epoch, told.assignment), (3, Some(Target::new())), "m has all of it still");
    assert_eq!(state(&bench, "n"), State::UnreleasedPartitions);
    // m is told to give up two, and stays at its epoch until it has.
    let told = bench.heartbeat(&beat("m", 2)).expect("lives");
    assert_eq!((told.epoch, told.assignment), (2, Some(target(&[("a", &[0, 1])]))));
    assert_eq!(state(&bench, "m"), State::UnrevokedPartitions);
    assert_eq!(bench.state(), ConsumerState::Reconciling);
    // Nobody who asks is told of what it is to give up, as on Kafka.
    let described = bench.described();
    let m = described.members.iter().find(|member| &*member.member == "m").expect("a member");
    let topic = |partitions: &[i32]| vec![(id("a"), name("a"), partitions.to_vec())];
    assert_eq!((&m.assigned, &m.revoking), (&topic(&[0, 1]), &topic(&[2, 3])));
    let all = target(&[("a", &[0, 1, 2, 3])]);
    assert_eq!(bench.heartbeat(&owning("m", 2, all)).expect("not yet").epoch, 2);
    assert_eq!(bench.heartbeat(&beat("n", 3)).expect("waits").assignment, None);
    let told = bench.heartbeat(&owning("m", 2, target(&[("a", &[0, 1])]))).expect("has given up");
    assert_eq!((told.epoch, told.assignment), (3, None), "it knows what it has");
    assert_eq!(state(&bench, "m"), State::Stable);
    let told = bench.heartbeat(&beat("n", 3)).expect("is given");
    assert_eq!((told.epoch, told.assignment), (3, Some(target(&[("a", &[2, 3])]))));
    assert_eq!(bench.state(), ConsumerState::Stable);
}

#[test]
fn who_does_not_give_up_in_time_is_gone() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", 2)).expect("to give up");
    let all = target(&[("a", &[0, 1, 2, 3])]);
    for _ in 0..2 {
        bench.pass(ms(29_999));
        bench.heartbeat(&owning("m", 2, all.clone())).expect("lives, and gives up nothing");
        bench.heartbeat(&beat("n", 3)).expect("waits");
    }
    bench.pass(ms(2));
    assert_eq!(bench.heartbeat(&beat("m", 2)), Err(GroupError::UnknownMemberId));
    bench.settle(&["n"]);
    assert_eq!(bench.has("n"), all);
}

#[test]
fn the_time_to_give_up_ends_when_it_is_done() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", 2)).expect("to give up");
    bench.settle(&["m", "n"]);
    for _ in 0..4 {
        bench.pass(ms(30_000));
        bench.settle(&["m", "n"]);
        for member in ["m", "n"] {
            bench.heartbeat(&beat(member, epoch(&bench, member))).expect("lives");
        }
    }
}

/// A third member comes while the second waits: everybody goes on to the newest target.
#[test]
fn targets_may_follow_each_other() {
    let mut bench = Bench::new(&[("a", 6)]);
    for member in ["m", "n", "o"] {
        bench.heartbeat(&joining(member, &["a"])).expect("joined");
    }
    assert_eq!((epoch(&bench, "m"), epoch(&bench, "n"), epoch(&bench, "o")), (2, 3, 4));
    bench.settle(&["m", "n", "o"]);
    let all: Vec<usize> = ["m", "n", "o"].map(|member| bench.has(member)[&id("a")].len()).to_vec();
    assert_eq!(all, [2, 2, 2]);
    assert!(["m", "n", "o"].iter().all(|member| epoch(&bench, member) == 4));
}

#[test]
fn what_is_not_subscribed_any_more_is_given_up_at_once() {
    // A pause that is not over: the target is the old one.
    let consumer = consumer::Settings { assignment_interval: ms(60_000), ..consumer::Settings::default() };
    let mut bench = Bench::with(&[("a", 2), ("b", 2)], classic::Settings::default(), consumer, Policy::default());
    bench.heartbeat(&joining("m", &["a", "b"])).expect("joined");
    let request = ConsumerHeartbeat { topics: Some([name("a")].into()), ..beat("m", 2) };
    let told = bench.heartbeat(&request).expect("says so");
    assert_eq!((told.epoch, told.assignment), (2, Some(target(&[("a", &[0, 1])]))));
    assert_eq!(state(&bench, "m"), State::UnrevokedPartitions);
    bench.heartbeat(&owning("m", 2, target(&[("a", &[0, 1])]))).expect("has given up");
    assert_eq!(bench.has("m"), target(&[("a", &[0, 1])]));
}

/// Two answers are lost, one after the other: the member comes a third time with the epoch that it knows.
#[test]
fn who_subscribes_to_less_may_still_come_with_the_epoch_before() {
    let consumer = consumer::Settings { assignment_interval: ms(10_000), ..consumer::Settings::default() };
    let mut bench = Bench::with(&[("a", 1), ("b", 3)], classic::Settings::default(), consumer, Policy::default());
    bench.heartbeat(&joining("m", &["a", "b"])).expect("joined");
    bench.pass(ms(10_000));
    bench.heartbeat(&joining("n", &["a", "b"])).expect("joined");
    bench.heartbeat(&beat("m", 2)).expect("to give up");
    bench.heartbeat(&owning("m", 2, target(&[("a", &[0]), ("b", &[0])]))).expect("gave up");
    assert_eq!((epoch(&bench, "m"), bench.has("m")), (3, target(&[("a", &[0]), ("b", &[0])])));
    let owned = target(&[("a", &[0])]);
    let less = ConsumerHeartbeat { topics: Some([name("a")].into()), ..owning("m", 2, owned.clone()) };
    for _ in 0..2 {
        assert_eq!(bench.heartbeat(&less).expect("the answer was lost").epoch, 3);
        assert_eq!(bench.has("m"), owned);
    }
}

/// A record of something newer: the member must begin anew, and may when it owns nothing.
#[test]
fn a_state_that_is_not_known_is_fenced() {
    let mut bench = Bench::new(&[("a", 2)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    for change in &mut bench.log {
        if let Change::Consumer(ConsumerRecord::Current { value: Some(value), .. }) = change {
            value.state = State::Unknown;
        }
    }
    bench.restart();
    assert_eq!(bench.heartbeat(&beat("m", 2)), Err(GroupError::FencedMemberEpoch));
    let told = bench.heartbeat(&joining("m", &["a"])).expect("anew");
    assert_eq!(told.assignment, Some(target(&[("a", &[0, 1])])));
    assert_eq!(bench.state(), ConsumerState::Stable);
}
