//! Who may commit, delete, and what is told of a group.

use super::*;
use crate::group::command::AnyState;
use crate::group::command::GroupListing;

#[test]
fn cg_12_a_commit_without_a_generation_makes_a_simple_group() {
    let mut bench = Bench::plain();
    assert_eq!(bench.commit(commit("", -1)), Ok(()));
    assert_eq!(bench.state(), GroupState::Empty);
    let described = bench.groups.describe(&name(GROUP)).expect("there");
    assert_eq!((&*described.protocol_type, described.members.len()), ("", 0));
    let expiry = bench.groups.expiry(&name(GROUP)).expect("there");
    assert_eq!((expiry.protocol_type, expiry.current_state_timestamp), (None, None));
    assert!(bench.changes.is_empty());
    assert_eq!(bench.commit(commit("whoever", -1)), Ok(()));
}

#[test]
fn cg_12_a_generation_of_an_unknown_group_is_refused() {
    let mut bench = Bench::plain();
    assert_eq!(bench.commit(commit("m", 3)), Err(GroupError::GroupIdNotFound));
    let old = CommitOffsets { names_unknown_groups: false, ..commit("m", 3) };
    assert_eq!(bench.commit(old), Err(GroupError::IllegalGeneration));
    assert_eq!(bench.groups.describe(&name(GROUP)), Err(GroupError::GroupIdNotFound));
    bench.commit(commit("", -1)).expect("a simple group");
    assert_eq!(bench.commit(commit("m", 0)), Err(GroupError::UnknownMemberId));
}

#[test]
fn a_group_with_members_takes_commits_of_members() {
    let mut bench = Bench::plain();
    let members = bench.stable(1);
    assert_eq!(bench.commit(commit("", -1)), Err(GroupError::UnknownMemberId));
    assert_eq!(bench.commit(commit("other", 1)), Err(GroupError::UnknownMemberId));
    assert_eq!(bench.commit(commit(&members[0], 0)), Err(GroupError::IllegalGeneration));
    assert_eq!(bench.commit(commit(&members[0], -1)), Err(GroupError::IllegalGeneration));
    assert_eq!(bench.commit(commit(&members[0], 1)), Ok(()));
    bench.join(join(&members[0]));
    assert_eq!(bench.commit(commit(&members[0], 2)), Err(GroupError::RebalanceInProgress));
}

#[test]
fn cg_14_an_unknown_group_is_not_found_and_all_others_are_listed() {
    let mut bench = Bench::plain();
    assert_eq!(bench.groups.describe(&name(GROUP)), Err(GroupError::GroupIdNotFound));
    let members = bench.stable(1);
    bench.commit(CommitOffsets { group: name("simple"), ..commit("", -1) }).expect("a simple group");
    let listing = |group, protocol_type, state| {
        let state = AnyState::Classic(state);
        GroupListing { group: name(group), protocol_type: name(protocol_type), state }
    };
    let expected = [listing("g", "consumer", GroupState::Stable), listing("simple", "", GroupState::Empty)];
    assert_eq!(bench.groups.list(), expected);
    let described = bench.groups.describe(&name(GROUP)).expect("there");
    assert_eq!((&*described.protocol, described.state), ("range", GroupState::Stable));
    assert_eq!(described.members[0].metadata, "topics");
    assert_eq!(described.members[0].assignment, members[0].as_bytes());
    // while it rebalances, who is there and what they had
    let id = bench.id();
    bench.join(join(&id));
    let described = bench.groups.describe(&name(GROUP)).expect("there");
    assert_eq!((&*described.protocol, described.members.len()), ("", 2));
    assert!(described.members.iter().all(|member| member.metadata.is_empty()));
    let had: Vec<_> = described.members.iter().map(|member| &member.assignment[..]).collect();
    assert!(had.contains(&members[0].as_bytes()) && had.contains(&&b""[..]), "{had:?}");
}

#[test]
fn a_group_is_deleted_when_it_is_empty() {
    let mut bench = Bench::plain();
    let group = name(GROUP);
    assert_eq!(bench.groups.check_delete(&group), Err(GroupError::GroupIdNotFound));
    let members = bench.stable(1);
    assert_eq!(bench.groups.check_delete(&group), Err(GroupError::NonEmptyGroup));
    let mut out = Out::default();
    assert!(!bench.groups.delete_if_empty(&group, &mut out));
    bench.leave(&[(&members[0], None)]);
    bench.id();
    assert_eq!(bench.groups.check_delete(&group), Ok(()));
    assert!(bench.groups.delete_if_empty(&group, &mut out));
    assert_eq!(out.changes, [Change::Group { group: group.clone(), value: None }]);
    assert!(!bench.groups.contains(&group));
    assert_eq!(bench.groups.due(), None);
}

#[test]
fn offsets_of_consumers_may_be_deleted_but_for_subscribed_topics() {
    fn parse(metadata: &[u8]) -> Option<Vec<Name>> {
        (metadata != b"?").then(|| vec![name(std::str::from_utf8(metadata).expect("text"))])
    }
    let group = name(GROUP);
    let mut bench = Bench::plain();
    assert_eq!(bench.groups.check_delete_offsets(&group), Err(GroupError::GroupIdNotFound));
    assert!(!bench.groups.subscriptions(&group, parse)("topics"));
    let members = bench.stable(1);
    assert_eq!(bench.groups.check_delete_offsets(&group), Ok(()));
    assert!(bench.groups.subscriptions(&group, parse)("topics"));
    assert!(!bench.groups.subscriptions(&group, parse)("others"));
    // what can't be read may be any topic
    let strange = Join { protocols: vec![(name("range"), Bytes::from_static(b"?"))], ..join(&members[0]) };
    bench.join(strange);
    assert!(bench.groups.subscriptions(&group, parse)("others"));
    bench.leave(&[(&members[0], None)]);
    assert!(!bench.groups.subscriptions(&group, parse)("topics"));

    let id = bench.id();
    let ticket = bench.join(Join { protocol_type: name("connect"), ..join(&id) });
    bench.pass(ms(9_000));
    bench.assign(&[ticket]);
    assert_eq!(bench.groups.check_delete_offsets(&group), Err(GroupError::NonEmptyGroup));
    assert!(!bench.groups.subscriptions(&group, parse)("topics"));
}
