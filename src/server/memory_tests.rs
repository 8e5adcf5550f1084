use super::*;
use std::task::{Context, Waker};

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

fn now(reserve: Reserve) -> Charge {
    match reserve {
        Reserve::Now(charge) => charge,
        Reserve::Later(_) => panic!("memory should be free"),
    }
}

fn later(reserve: Reserve) -> Waiting {
    match reserve {
        Reserve::Now(charge) => panic!("{} bytes were free", charge.bytes()),
        Reserve::Later(waiting) => waiting,
    }
}

fn poll(waiting: &mut Waiting) -> Option<Charge> {
    match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        std::task::Poll::Ready(charge) => Some(charge),
        std::task::Poll::Pending => None,
    }
}

#[test]
fn the_largest_frame_fits_the_lane() {
    let check = |budget: usize, asked: usize, possible: usize| {
        assert_eq!(Memory::new(budget, asked).frame_bytes_max(), possible);
    };
    check(512 * MIB, 100 * MIB, 100 * MIB);
    check(160 * MIB, 100 * MIB, 100 * MIB);
    check(64 * MIB, 100 * MIB, 40 * MIB);
    check(0, 100 * MIB, BUDGET_BYTES_MIN / 8 * 5);
    check(512 * MIB, 1000, 1000);
}

#[test]
fn what_is_taken_is_counted_and_given_back() {
    let memory = Memory::new(16 * MIB, 4 * MIB);
    let mut charge = now(memory.first(4 * MIB, 64 * KIB));
    assert_eq!(memory.used_bytes(), 64 * KIB);
    charge.shrink(1500);
    assert_eq!((charge.bytes(), memory.used_bytes()), (1500, 2 * KIB));
    charge.shrink(64 * KIB);
    assert_eq!(charge.bytes(), 1500, "a charge never grows by shrinking");
    drop(charge);
    assert_eq!(memory.used_bytes(), 0);
}

#[test]
fn large_frames_do_not_crowd_out_small_ones() {
    let memory = Memory::new(16 * MIB, 4 * MIB);
    let mut held = Vec::new();
    while let Reserve::Now(charge) = memory.first(4 * MIB, 64 * KIB) {
        held.push(charge);
    }
    assert_eq!(held.len(), 10 * MIB / (64 * KIB), "all of the general share");
    let small: Vec<_> = (0..32).map(|_| now(memory.first(64 * KIB, 64 * KIB))).collect();
    let mut waiting = later(memory.first(1000, 1000));
    assert!(poll(&mut waiting).is_none());
    assert!(memory.is_pressed());
    // A small frame that holds a part already would block others for ever if it waited for them: it takes the lane.
    let mut grown = later(memory.more(40 * KIB, 40 * KIB));
    assert!(poll(&mut grown).is_some_and(|charge| charge.in_lane() && charge.bytes() == 40 * KIB));
    drop(small);
    assert!(poll(&mut waiting).is_some());
    assert!(!memory.is_pressed());
}

#[test]
fn the_lane_takes_one_frame_at_a_time_and_each_can_finish() {
    let memory = Memory::new(16 * MIB, 4 * MIB);
    let mut held = Vec::new();
    while let Reserve::Now(charge) = memory.first(4 * MIB, 64 * KIB) {
        held.push(charge);
    }
    let (mut one, mut two) = (later(memory.more(4 * MIB, 128 * KIB)), later(memory.more(3 * MIB, 128 * KIB)));
    let first = poll(&mut one).expect("the lane is free");
    assert!(first.in_lane());
    assert_eq!(first.bytes(), 4 * MIB, "enough to finish");
    assert!(poll(&mut two).is_none());
    assert!(memory.used_bytes() <= memory.budget_bytes());
    drop(first);
    let second = poll(&mut two).expect("the lane is free again");
    assert_eq!((second.bytes(), second.in_lane()), (3 * MIB, true));
    drop(second);

    // Who comes to the head of the queue takes general memory if there is some, and leaves the lane to others.
    let mut three = later(memory.more(4 * MIB, 128 * KIB));
    held.truncate(held.len() - 2);
    let third = poll(&mut three).expect("general memory");
    assert!(!third.in_lane());
}

#[test]
fn who_gives_up_waiting_leaves_no_trace() {
    let memory = Memory::new(16 * MIB, 4 * MIB);
    let mut held = Vec::new();
    while let Reserve::Now(charge) = memory.first(4 * MIB, 64 * KIB) {
        held.push(charge);
    }
    let mut one = later(memory.more(4 * MIB, 128 * KIB));
    let holder = poll(&mut one).expect("the lane");
    let mut two = later(memory.more(4 * MIB, 128 * KIB));
    let mut three = later(memory.first(4 * MIB, 64 * KIB));
    assert!(poll(&mut two).is_none() && poll(&mut three).is_none());
    assert!(memory.is_pressed());
    drop((two, three));
    assert!(!memory.is_pressed());
    drop((holder, held));
    assert_eq!(memory.used_bytes(), 0);
}
