use super::*;
use crate::handlers::answer_memory::ANSWER_FREE_BYTES;
use std::time::Duration;

/// Looks every two seconds at a connection that holds 1000 counted bytes and has sent `sent(seconds)` bytes; says after how
/// many seconds it is given up. `None`: not in two minutes.
fn given_up(budget: u64, queued: bool, sent: impl Fn(u64) -> u64) -> Option<u64> {
    let mut taking = Taking::new(&AnswerMemory::new(budget));
    taking.holds(ANSWER_FREE_BYTES + 1000, sent(0));
    let begun = taking.deadline().expect("it is watched") - ANSWER_PROGRESS_SPAN_SHORT;
    (1..=120).find(|second| {
        let now = begun + Duration::from_secs(*second);
        let close = taking.overdue(now, sent(*second), queued);
        assert!(taking.deadline().expect("it is watched") > now || close.is_some());
        close.is_some_and(|close| close.reason == CloseReason::AnswerTooSlow)
    })
}

#[test]
fn the_time_goes_by_need_and_progress() {
    let (roomy, short) = (5000, 1000);
    assert_eq!(given_up(roomy, true, |_| 0), Some(30));
    assert_eq!(given_up(short, true, |_| 0), Some(2));
    assert_eq!(given_up(roomy, false, |_| 0), None, "it is not the peer's turn, and nobody needs the memory");
    assert_eq!(given_up(short, false, |_| 0), Some(2));
    let rate = |bytes| move |seconds| seconds * bytes;
    assert_eq!(given_up(roomy, true, rate(ANSWER_PROGRESS_BYTES / 20)), None);
    assert_eq!(given_up(roomy, true, rate(ANSWER_PROGRESS_BYTES / 40)), Some(30));
    assert_eq!(given_up(short, true, rate(ANSWER_PROGRESS_BYTES / 2)), None);
    assert_eq!(given_up(short, true, rate(ANSWER_PROGRESS_BYTES / 4)), Some(2));
    assert_eq!(given_up(roomy, true, |second| if second > 20 { ANSWER_PROGRESS_BYTES } else { 0 }), Some(52));
}

#[test]
fn who_holds_nothing_that_counts_is_not_watched() {
    let mut taking = Taking::new(&AnswerMemory::new(1000));
    let mut check = |bytes: u64, watched: bool, holds_back: bool| {
        taking.holds(bytes, 0);
        assert_eq!((taking.deadline().is_some(), taking.holds_back()), (watched, holds_back));
        if !watched {
            assert!(taking.overdue(Instant::now() + Duration::from_secs(100), 0, true).is_none());
        }
    };
    check(0, false, false);
    check(ANSWER_FREE_BYTES, false, false);
    check(ANSWER_FREE_BYTES + 999, true, false);
    check(ANSWER_FREE_BYTES + 1000, true, true);
    check(0, false, false);
}
