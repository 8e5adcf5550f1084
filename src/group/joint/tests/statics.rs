//! Static members (KIP-345) of the new protocol.

use super::*;

fn first(bench: &mut Bench) -> i32 {
    bench.heartbeat(&with_instance("i", joining("m", &["a"]))).expect("joined").epoch
}

#[test]
fn who_comes_back_has_what_it_had_and_nobody_else_notices() {
    let mut bench = Bench::new(&[("a", 4)]);
    first(&mut bench);
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.settle(&["m", "n"]);
    let epoch = bench.described().epoch;
    let had = bench.has("m");
    let told = bench.heartbeat(&with_instance("i", beat("m", -2))).expect("leaves for now");
    assert_eq!((told.epoch, told.assignment), (-2, None));
    assert_eq!(bench.has("m"), had);
    let told = bench.heartbeat(&with_instance("i", joining("m-2", &["a"]))).expect("back");
    assert_eq!((told.epoch, told.assignment), (epoch, Some(had.clone())));
    assert_eq!((bench.described().epoch, bench.state()), (epoch, ConsumerState::Stable));
    assert_eq!(bench.heartbeat(&with_instance("i", beat("m", epoch))), Err(GroupError::FencedInstanceId));
    assert_eq!(bench.heartbeat(&beat("m", epoch)), Err(GroupError::UnknownMemberId));
    bench.restart();
    assert_eq!(bench.has("m-2"), had);
}

#[test]
fn an_instance_that_lives_can_t_be_taken() {
    let mut bench = Bench::new(&[("a", 4)]);
    let epoch = first(&mut bench);
    let other = with_instance("i", joining("m-2", &["a"]));
    assert_eq!(bench.heartbeat(&other), Err(GroupError::UnreleasedInstanceId));
    bench.settle(&["m"]);
    assert_eq!(bench.heartbeat(&with_instance("none", beat("m", epoch))), Err(GroupError::UnknownMemberId));
    assert_eq!(bench.heartbeat(&with_instance("i", beat("x", -1))), Err(GroupError::FencedInstanceId));
    assert_eq!(bench.heartbeat(&with_instance("none", beat("m", -2))), Err(GroupError::UnknownMemberId));
    // One that is silent for long is gone, and so is its claim.
    bench.pass(ms(45_000));
    bench.heartbeat(&other).expect("joined");
}

/// A broker that ends before it answers, and a fenced member: both join again under the id that they have.
#[test]
fn who_was_not_told_that_it_is_there_joins_again_as_itself() {
    let mut bench = Bench::new(&[("a", 4)]);
    let epoch = first(&mut bench);
    bench.restart();
    let all = target(&[("a", &[0, 1, 2, 3])]);
    for _ in 0..2 {
        let told = bench.heartbeat(&with_instance("i", joining("m", &["a"]))).expect("it is no other");
        assert_eq!((told.epoch, told.assignment), (epoch, Some(all.clone())));
        let ahead = with_instance("i", beat("m", epoch + 1));
        assert_eq!(bench.heartbeat(&ahead), Err(GroupError::FencedMemberEpoch));
    }
    assert_eq!(bench.described().members.len(), 1);
    let other = with_instance("i", joining("m-2", &["a"]));
    assert_eq!(bench.heartbeat(&other), Err(GroupError::UnreleasedInstanceId));
}

#[test]
fn who_does_not_come_back_in_time_is_gone() {
    let mut bench = Bench::new(&[("a", 4)]);
    first(&mut bench);
    bench.heartbeat(&with_instance("i", beat("m", -2))).expect("leaves for now");
    bench.pass(ms(44_999));
    assert_eq!(bench.described().members.len(), 1);
    bench.pass(ms(1));
    assert_eq!(bench.state(), ConsumerState::Empty);
}

#[test]
fn who_leaves_for_good_is_gone() {
    let mut bench = Bench::new(&[("a", 4)]);
    first(&mut bench);
    bench.heartbeat(&with_instance("i", beat("m", -1))).expect("leaves");
    assert_eq!(bench.state(), ConsumerState::Empty);
}

/// Nobody would have its own partitions else: they are in no target any more.
#[test]
fn a_member_that_takes_the_place_of_a_static_one_leaves_its_own() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&with_instance("i", joining("m", &["a"]))).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.settle(&["m", "n"]);
    bench.heartbeat(&with_instance("i", beat("m", -2))).expect("leaves for now");
    bench.heartbeat(&with_instance("i", joining("n", &["a"]))).expect("takes its place");
    bench.settle(&["n"]);
    assert_eq!(bench.has("n"), target(&[("a", &[0, 1, 2, 3])]));
}
