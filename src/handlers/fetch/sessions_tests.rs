use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// Ids 1, 2, 3 and so on.
fn ids() -> impl FnMut() -> i32 {
    let mut last = 0;
    move || {
        last += 1;
        last
    }
}

fn filled(slots_max: usize, sizes: &[usize], now: Duration) -> Sessions<()> {
    let mut sessions = Sessions::new(slots_max);
    let mut random = ids();
    for &size in sizes {
        let id = sessions.open(size, true, now, &mut random).expect("there is room");
        sessions.put_back(id, (), now);
    }
    sessions
}

#[test]
fn epochs_count_on_and_skip_zero() {
    let mut sessions = filled(1, &[1], SECOND);
    assert_eq!(sessions.take(1, 1, true, SECOND), Ok(()));
    sessions.put_back(1, (), SECOND);
    assert_eq!(sessions.take(1, 1, true, SECOND), Err(SessionError::Epoch { id: 1, expected: Some(2), got: 1 }));
    assert_eq!(sessions.take(1, 3, true, SECOND), Err(SessionError::Epoch { id: 1, expected: Some(2), got: 3 }));
    assert_eq!(sessions.take(1, 2, true, SECOND), Ok(()));
    assert_eq!(after(i32::MAX), 1);
}

#[test]
fn a_session_serves_one_request_at_a_time() {
    let mut sessions = filled(1, &[1], SECOND);
    assert_eq!(sessions.take(1, 1, true, SECOND), Ok(()));
    assert_eq!(sessions.take(1, 2, true, SECOND), Err(SessionError::Epoch { id: 1, expected: None, got: 2 }));
}

#[test]
fn unknown_sessions_and_mixed_naming_are_refused() {
    let mut sessions = filled(1, &[1], SECOND);
    assert_eq!(sessions.take(7, 1, true, SECOND), Err(SessionError::NotFound(7)));
    assert_eq!(sessions.take(1, 1, false, SECOND), Err(SessionError::TopicIds(1)));
    assert_eq!(sessions.take(1, 1, true, SECOND), Ok(()), "a refused request does not count");
    sessions.close(1);
    sessions.put_back(1, (), SECOND);
    assert_eq!(sessions.len(), 0, "a closed session does not come back");
}

#[test]
fn a_full_cache_makes_room_by_idleness_then_size() {
    let mut random = || 99;
    let mut full = filled(2, &[10, 20], SECOND);
    assert_eq!(full.open(1000, true, SECOND + IDLE - SECOND, &mut random), None, "all are young");
    // Used since, so not idle; but old enough to yield to a larger one.
    let later = SECOND + IDLE;
    for id in [1, 2] {
        assert_eq!(full.take(id, 1, true, later), Ok(()));
        full.put_back(id, (), later);
    }
    assert_eq!(full.open(10, true, later, &mut random), None, "not larger than the smallest");
    assert_eq!(full.open(11, true, later, &mut random), Some(99));
    assert_eq!(full.take(1, 2, true, later), Err(SessionError::NotFound(1)), "the smallest made room");
    // The one that has not been used for longest goes, whatever its size.
    let much_later = later + IDLE;
    let mut random = || 7;
    assert_eq!(full.open(1, true, much_later, &mut random), Some(7));
    assert_eq!(full.len(), 2);
}

#[test]
fn no_session_without_slots() {
    assert_eq!(Sessions::<()>::new(0).open(5, true, SECOND, ids()), None);
    assert_eq!(Sessions::<()>::new(5).open(0, true, SECOND, ids()), Some(1), "empty ones are opened, as with Kafka");
}

#[test]
fn ids_are_positive_and_free() {
    let mut sessions = Sessions::<()>::new(5);
    let mut answers = [0, i32::MIN, 5, -1, 5, i32::MAX, 6].into_iter();
    let mut open = || sessions.open(1, true, SECOND, || answers.next().expect("enough answers"));
    assert_eq!(open(), Some(5));
    assert_eq!(open(), Some(i32::MAX));
    assert_eq!(open(), Some(6));
}

/// The weights that are counted are those of the sessions that are there.
fn check_held(sessions: &Sessions<()>, expected: usize) {
    assert_eq!(sessions.held, expected);
    assert_eq!(sessions.slots.values().map(|slot| slot.weight).sum::<usize>(), expected);
}

#[test]
fn one_session_can_not_hold_everything() {
    let mut sessions = Sessions::<()>::new(5);
    assert_eq!(sessions.open(SESSION_WEIGHT_MAX + 1, true, SECOND, ids()), None);
    assert_eq!(sessions.open(SESSION_WEIGHT_MAX, true, SECOND, ids()), Some(1));
    check_held(&sessions, SESSION_WEIGHT_MAX);
    assert_eq!(sessions.grow(1, SESSION_WEIGHT_MAX), Ok(()));
    assert_eq!(sessions.grow(1, SESSION_WEIGHT_MAX + 1), Err(SessionError::NotFound(1)));
    assert_eq!(sessions.len(), 0, "it ended");
    check_held(&sessions, 0);
    assert_eq!(sessions.grow(1, 1), Err(SessionError::NotFound(1)));
}

#[test]
fn all_sessions_together_are_bounded() {
    let full = WEIGHT_MAX / SESSION_WEIGHT_MAX;
    let mut sessions = filled(100, &vec![SESSION_WEIGHT_MAX; full], SECOND);
    check_held(&sessions, WEIGHT_MAX);
    let mut random = || 77;
    assert_eq!(sessions.open(1, true, SECOND, &mut random), None, "all are in use");
    assert_eq!(sessions.open(0, true, SECOND, &mut random), Some(77));
    sessions.put_back(77, (), SECOND);
    assert_eq!(sessions.grow(77, 1), Err(SessionError::NotFound(77)), "no room to grow");
    // A session that shrinks makes room for others.
    assert_eq!(sessions.grow(1, SESSION_WEIGHT_MAX - 10), Ok(()));
    assert_eq!(sessions.open(11, true, SECOND, &mut random), None);
    assert_eq!(sessions.open(10, true, SECOND, &mut random), Some(77));
    check_held(&sessions, WEIGHT_MAX);
    // And so do idle ones, as many as it takes.
    assert_eq!(sessions.open(SESSION_WEIGHT_MAX, true, SECOND + IDLE, || 78), Some(78));
    assert!(sessions.held <= WEIGHT_MAX, "{}", sessions.held);
    check_held(&sessions, sessions.held);
}

#[test]
fn what_makes_room_is_no_longer_counted() {
    let mut sessions = filled(2, &[10, 20], SECOND);
    assert_eq!(sessions.open(5, true, SECOND + IDLE, || 9), Some(9));
    let left = sessions.slots.values().map(|slot| slot.weight).sum();
    check_held(&sessions, left);
    sessions.put_back(9, (), SECOND + IDLE);
    sessions.close(9);
    sessions.close(9);
    check_held(&sessions, left - 5);
}

#[test]
fn what_is_worked_on_weighs_until_it_is_put_back() {
    let mut sessions = filled(2, &[10, 20], SECOND);
    assert_eq!(sessions.take(1, 1, true, SECOND), Ok(()));
    sessions.close(1);
    check_held(&sessions, 30);
    assert_eq!(sessions.len(), 1, "gone for clients");
    assert_eq!(sessions.take(1, 2, true, SECOND), Err(SessionError::NotFound(1)));
    assert_eq!(sessions.open(5, true, SECOND, || 9), None, "its slot is not free yet");
    sessions.put_back(1, (), SECOND);
    check_held(&sessions, 20);
    assert_eq!(sessions.open(5, true, SECOND, || 9), Some(9));
    // Closed between a look and its growth: the content is dropped, and no longer counted.
    sessions.close(9);
    check_held(&sessions, 25);
    assert_eq!(sessions.grow(9, 1), Err(SessionError::NotFound(9)));
    check_held(&sessions, 20);
}

#[test]
fn what_is_worked_on_makes_no_room() {
    let mut sessions = filled(1, &[10], SECOND);
    assert_eq!(sessions.take(1, 1, true, SECOND), Ok(()));
    let much_later = SECOND + IDLE * 2;
    assert_eq!(sessions.open(1000, true, much_later, || 9), None);
    sessions.put_back(1, (), SECOND);
    assert_eq!(sessions.open(1000, true, much_later, || 9), Some(9));
}
