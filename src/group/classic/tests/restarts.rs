//! What a restart finds.

use super::*;

#[test]
fn a_stable_group_goes_on() {
    let mut bench = Bench::plain();
    let members = bench.stable(2);
    bench.pass(ms(9_999));
    bench.restart();
    assert_eq!(bench.state(), GroupState::Stable);
    // sessions begin anew
    bench.pass(ms(9_999));
    for member in &members {
        assert_eq!(bench.heartbeat(heartbeat(member, 1)), Ok(()));
        let ticket = bench.sync(sync(member, 1));
        assert_eq!(bench.assignment(ticket), member.as_bytes());
    }
    let joins: Vec<Ticket> = members.iter().map(|member| bench.join(join(member))).collect();
    assert!(
        joins.iter().all(|ticket| bench.joined(*ticket).generation == 2 && bench.joined(*ticket).leader == members[0])
    );
}

#[test]
fn what_was_kept_is_what_was() {
    let mut bench = Bench::plain();
    let joins = [bench.join(join_static("", "one")), bench.join(join_static("", "two"))];
    bench.pass(ms(9_000));
    bench.assign(&joins);
    bench.join(join_static("", "one"));
    let before = bench.groups.describe(&name(GROUP));
    bench.restart();
    assert_eq!(bench.groups.describe(&name(GROUP)), before);
    bench.pass(ms(10_000));
    assert_eq!(bench.state(), GroupState::Empty);
    let before = bench.groups.expiry(&name(GROUP));
    bench.restart();
    assert_eq!(bench.groups.expiry(&name(GROUP)), before);
}

#[test]
fn a_generation_that_was_only_joined_is_forgotten() {
    let mut bench = Bench::plain();
    let members = bench.stable(1);
    let ticket = bench.join(join(&members[0]));
    assert_eq!(bench.joined(ticket).generation, 2);
    bench.restart();
    let ticket = bench.sync(sync(&members[0], 2));
    assert_eq!(bench.synced(ticket), Err(GroupError::IllegalGeneration));
    let ticket = bench.join(join(&members[0]));
    assert_eq!(bench.joined(ticket).generation, 2);
    bench.assign(&[ticket]);
}

#[test]
fn a_new_group_is_kept_before_its_first_member_is_assigned() {
    let mut bench = Bench::plain();
    let id = bench.id();
    let kept = bench.kept();
    assert_eq!((&*kept.protocol_type, kept.generation, kept.members.len()), ("", 0, 0));
    // empty since it was made, as in Kafka: its offsets' retention counts from here
    assert_eq!(kept.current_state_timestamp, bench.moment().wall);
    bench.restart();
    assert_eq!(bench.state(), GroupState::Empty);
    // an id that was only given out is not known any more
    let ticket = bench.join(join(&id));
    assert_eq!(bench.join_error(ticket), Some(GroupError::UnknownMemberId));
    assert_eq!(bench.changes.len(), 1);
}

#[test]
fn a_tombstone_is_the_end() {
    let mut bench = Bench::plain();
    bench.id();
    bench.changes.push((name(GROUP), None));
    bench.restart();
    assert!(!bench.groups.contains(&name(GROUP)));
}

#[test]
fn a_record_that_contradicts_itself_does_not_stop_the_group() {
    let mut bench = Bench::plain();
    bench.stable(2);
    let mut kept = bench.kept();
    kept.leader = Some(name("nobody"));
    kept.generation = i32::MAX;
    kept.members.push(kept.members[0].clone());
    bench.changes.push((name(GROUP), Some(kept.clone())));
    bench.restart();
    let joins: Vec<Ticket> = kept.members[..2].iter().map(|member| bench.join(join(&member.member))).collect();
    assert_eq!(bench.joined(joins[0]).generation, 0);
    bench.assign(&joins);
}
