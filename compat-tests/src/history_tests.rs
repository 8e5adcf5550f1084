//! The judge is judged: a clean history passes, and each planted fault is named.

use super::{Finding, History, Place, Send, Value};

fn place(partition: i32, offset: i64, value: Value) -> Place {
    Place { partition, offset, value }
}

/// Two producers, two partitions, everything as it should be.
fn clean() -> History {
    let mut history = History::default();
    for number in 0..20 {
        let (producer, partition) = (number % 2, i32::try_from(number % 2).expect("small"));
        let value = u64::from(producer) << 40 | u64::from(number);
        let here = place(partition, i64::from(number / 2), value);
        history.sends.push(Send { producer, partition, value });
        history.acks.push(here);
        history.last_read.push(here);
    }
    history.last_read.sort_by_key(|place| (place.partition, place.offset));
    history.polls.push(history.last_read.clone());
    history
}

fn check(name: &str, plant: impl FnOnce(&mut History), expected: impl Fn(&Finding) -> bool) {
    let mut history = clean();
    plant(&mut history);
    let findings = history.findings();
    assert!(findings.iter().any(expected), "{name}: not among {findings:?}");
}

#[test]
fn a_clean_history_passes() {
    assert_eq!(clean().findings(), []);
}

#[test]
fn an_unacknowledged_write_may_be_missing() {
    let mut history = clean();
    let gone = history.last_read.pop().expect("not empty");
    history.acks.retain(|ack| ack.value != gone.value);
    history.polls.clear();
    assert_eq!(history.findings(), [Finding::Unanswered(gone.value)], "not lost, but it should have an answer");
}

#[test]
fn planted_faults_are_named() {
    check(
        "lost",
        |h| {
            h.last_read.pop();
        },
        |f| matches!(f, Finding::LostWrite(_)),
    );
    check(
        "vanished",
        |h| {
            h.last_read.pop();
        },
        |f| matches!(f, Finding::Vanished(_)),
    );
    check("moved", |h| h.acks[3].offset += 1, |f| matches!(f, Finding::Moved { .. }));
    let twice = |h: &mut History| {
        let mut again = h.last_read[9];
        again.offset += 1;
        h.last_read.insert(10, again);
    };
    check("duplicate", twice, |f| matches!(f, Finding::Duplicate { .. }));
    let two_values = |h: &mut History| h.polls[0][2].value = h.polls[0][3].value;
    check("two values", two_values, |f| matches!(f, Finding::InconsistentOffset { .. }));
    check("phantom", |h| h.last_read[0].value = 77 << 40, |f| matches!(f, Finding::Phantom(_)));
    let swap = |h: &mut History| {
        let value = h.last_read[4].value;
        h.last_read[4].value = h.last_read[5].value;
        h.last_read[5].value = value;
    };
    check("reorder", swap, |f| matches!(f, Finding::Reordered { .. }));
    check(
        "gap",
        |h| {
            h.last_read.remove(3);
        },
        |f| matches!(f, Finding::Gap { .. }),
    );
    let give_up = |h: &mut History| {
        let gone = h.acks.pop().expect("not empty");
        h.refusals.push((gone.value, "fatal".to_owned()));
    };
    check("refused", give_up, |f| matches!(f, Finding::Refused { .. }));
    check(
        "unanswered",
        |h| {
            h.acks.pop();
        },
        |f| matches!(f, Finding::Unanswered(_)),
    );
    check("backward", |h| h.polls[0].swap(1, 2), |f| matches!(f, Finding::BackwardPoll { .. }));
    check(
        "skip",
        |h| {
            h.polls[0].remove(4);
        },
        |f| matches!(f, Finding::SkippedPoll { .. }),
    );
}
