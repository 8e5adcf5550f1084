//! What a group may not be.

use super::*;

#[test]
fn session_timeouts_are_within_the_limits() {
    let mut bench = Bench::plain();
    for timeout in [5_999, 1_800_001] {
        let ticket = bench.join(Join { session_timeout: ms(timeout), ..join("") });
        assert_eq!(bench.join_error(ticket), Some(GroupError::InvalidSessionTimeout));
    }
    assert!(!bench.groups.contains(&name(GROUP)));
    for timeout in [6_000, 1_800_000] {
        let ticket = bench.join(Join { session_timeout: ms(timeout), ..join("") });
        assert_eq!(bench.join_error(ticket), Some(GroupError::MemberIdRequired));
    }
}

#[test]
fn a_full_group_takes_no_new_members() {
    let mut bench = Bench::new(Settings { size_max: 2, ..Settings::default() });
    let members = bench.stable(2);
    let ticket = bench.join(join(""));
    assert_eq!(bench.join_error(ticket), Some(GroupError::GroupMaxSizeReached));
    assert_eq!(&*bench.joined(ticket).member, "");
    let joins: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    bench.assign(&joins);
    let ticket = bench.join(Join { requires_known_member_id: false, ..join("") });
    assert_eq!(bench.join_error(ticket), Some(GroupError::GroupMaxSizeReached));
}

#[test]
fn a_group_that_may_be_smaller_now_lets_its_last_ones_go() {
    let mut bench = Bench::plain();
    let members = bench.stable(3);
    bench.settings.size_max = 2;
    bench.restart();
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    let joins: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    assert_eq!(bench.join_error(joins[2]), Some(GroupError::GroupMaxSizeReached));
    assert_eq!(bench.joined(joins[0]).generation, 2);
    assert_eq!(bench.joined(joins[1]).generation, 2);
    let ticket = bench.join(join(&members[2]));
    assert_eq!(bench.join_error(ticket), Some(GroupError::GroupMaxSizeReached));
}

#[test]
fn an_assignment_that_fits_into_no_record_is_refused_to_all_and_the_group_begins_anew() {
    let mut bench = Bench::new(Settings { record_bytes_max: 10_000, ..Settings::default() });
    let members = bench.stable(2);
    let joins: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    let kept = bench.changes.len();
    let follower = bench.sync(sync(&members[1], 2));
    let huge = Bytes::from(vec![7; 10_000]);
    let leader = bench.sync(Sync { assignments: vec![(members[1].clone(), huge)], ..sync(&members[0], 2) });
    for ticket in [follower, leader] {
        assert_eq!(bench.synced(ticket), Err(GroupError::StateTooLarge));
    }
    assert_eq!(bench.changes.len(), kept);
    assert_eq!(bench.state(), GroupState::PreparingRebalance);
    assert_eq!(joins.len(), 2);
    let joins: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    assert_eq!(bench.joined(joins[0]).generation, 3);
    bench.assign(&joins);
}

#[test]
fn a_static_member_that_returns_with_too_much_is_as_it_was() {
    let mut bench = Bench::new(Settings { record_bytes_max: 10_000, ..Settings::default() });
    let joins = [bench.join(join_static("", "one")), bench.join(join_static("", "two"))];
    bench.pass(ms(9_000));
    let members = bench.assign(&joins);
    let before = bench.kept();
    let huge = vec![(name("range"), Bytes::from(vec![7; 10_000]))];
    for instance in ["one", "two"] {
        let ticket = bench.join(Join { protocols: huge.clone(), ..join_static("", instance) });
        assert_eq!(bench.join_error(ticket), Some(GroupError::StateTooLarge));
    }
    assert_eq!(bench.kept(), before);
    assert!(members.iter().all(|member| bench.heartbeat(heartbeat(member, 1)).is_ok()));
    let leader = bench.joined(joins[0]).leader;
    let instance = if leader == members[0] { "one" } else { "two" };
    let ticket = bench.join(join_static(&leader, instance));
    assert!(bench.waits(ticket));
}

#[test]
fn what_members_say_is_bounded_before_it_is_kept() {
    let mut bench = Bench::new(Settings { member_bytes_max: 10_000, ..Settings::default() });
    let saying = |member: &str, bytes| Join {
        protocols: vec![(name("range"), Bytes::from(vec![7; bytes]))],
        requires_known_member_id: false,
        ..join(member)
    };
    let first = bench.join(saying("", 4_000));
    let second = bench.join(saying("", 6_000));
    assert_eq!(bench.join_error(second), Some(GroupError::StateTooLarge));
    bench.pass(ms(9_000));
    let member = bench.joined(first).member;
    bench.assign(&[first]);
    // its own words of before do not count
    let again = bench.join(saying(&member, 9_000));
    assert_eq!(bench.joined(again).generation, 2);
}

/// Each says next to nothing, under a long name; or nothing at all.
#[test]
fn members_are_bounded_also_by_their_names_and_number() {
    for client in ["x".repeat(2_000), String::new()] {
        let mut bench = Bench::new(Settings { member_bytes_max: 100_000, ..Settings::default() });
        let newcomer = || Join { client_id: name(&client), requires_known_member_id: false, ..join("") };
        let joins: Vec<Ticket> = (0..300).map(|_| bench.join(newcomer())).collect();
        let refused = joins.iter().filter(|ticket| !bench.waits(**ticket)).count();
        assert!((100..300).contains(&refused), "{refused} of those with {} letters", client.len());
        assert_eq!(bench.join_error(joins[299]), Some(GroupError::StateTooLarge));
        assert!(bench.waits(joins[0]), "who is in stays in");
    }
}

/// What members said is read once, however many topics are asked about: a thousand members may say a thousand topics each.
#[test]
fn subscriptions_are_read_once_for_many_topics() {
    use std::cell::Cell;
    thread_local!(static READ: Cell<usize> = const { Cell::new(0) });
    fn parse(_: &[u8]) -> Option<Vec<Name>> {
        READ.set(READ.get() + 1);
        Some(vec![name("topic 7")])
    }
    let mut bench = Bench::plain();
    bench.stable(3);
    let is_subscribed = bench.groups.subscriptions(&name(GROUP), parse);
    let found = (0..1_000).filter(|number| is_subscribed(&format!("topic {number}"))).count();
    assert_eq!((found, READ.get()), (1, 3));
}
