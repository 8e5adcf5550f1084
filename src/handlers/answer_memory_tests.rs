use super::*;
use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Waker};

fn is_ready(future: Pin<&mut impl Future<Output = ()>>) -> bool {
    future.poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

#[test]
fn what_is_above_the_free_bytes_counts_until_it_is_given_back() {
    let memory = AnswerMemory::new(1000);
    let mut held = memory.share();
    let mut check = |bytes: u64, used: u64, short: bool| {
        held.set(bytes);
        assert_eq!((memory.used_bytes(), memory.is_short(), held.is_counted()), (used, short, used > 0));
    };
    check(ANSWER_FREE_BYTES, 0, false);
    check(ANSWER_FREE_BYTES + 999, 999, false);
    check(ANSWER_FREE_BYTES + 5000, 5000, true);
    check(ANSWER_FREE_BYTES + 1, 1, false);
    check(0, 0, false);
    check(u64::MAX, u64::MAX - ANSWER_FREE_BYTES, true);
    drop(held);
    assert_eq!(memory.used_bytes(), 0);
}

#[test]
fn room_is_given_in_the_order_of_arrival_and_who_leaves_keeps_nobody_waiting() {
    let memory = AnswerMemory::new(0);
    assert!(is_ready(pin!(memory.room())), "an empty budget of any size has room");
    let mut held = memory.share();
    held.set(ANSWER_FREE_BYTES + 1);
    let mut first = Box::pin(memory.room());
    let mut second = Box::pin(memory.room());
    let mut third = Box::pin(memory.room());
    assert!(!is_ready(first.as_mut()) && !is_ready(second.as_mut()) && !is_ready(third.as_mut()));
    drop(first);
    assert!(!is_ready(third.as_mut()), "the second is before it");
    held.set(0);
    assert!(memory.is_short(), "two wait");
    assert!(!is_ready(third.as_mut()), "the second is still before it");
    assert!(is_ready(second.as_mut()));
    assert!(is_ready(third.as_mut()));
    drop((second, third));
    assert!(!memory.is_short());
}
