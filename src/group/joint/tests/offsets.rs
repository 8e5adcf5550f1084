//! Who may commit and fetch offsets: members, at their epochs (KIP-848, KIP-1251).

use super::*;
use crate::group::command::FetchOffsets;

fn fetch(member: Option<&str>, member_epoch: i32) -> FetchOffsets {
    let member = member.map(name);
    FetchOffsets { group: name(GROUP), member, member_epoch, partitions: None, require_stable: false }
}

impl Bench {
    fn commits(&mut self, request: &CommitOffsets) -> Result<(), GroupError> {
        let moment = self.moment();
        self.groups.check_commit(moment, request)
    }
}

#[test]
fn members_commit_at_their_epoch() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert_eq!(bench.commits(&commit("m", 2, &[("a", 0)])), Ok(()));
    assert_eq!(bench.commits(&commit("m", 3, &[("a", 0)])), Err(GroupError::StaleMemberEpoch));
    assert_eq!(bench.commits(&commit("m", 1, &[("a", 0)])), Err(GroupError::StaleMemberEpoch));
    assert_eq!(bench.commits(&commit("x", 2, &[("a", 0)])), Err(GroupError::UnknownMemberId));
    assert_eq!(bench.commits(&commit("", -1, &[("a", 0)])), Err(GroupError::UnknownMemberId), "members come first");
    let old = CommitOffsets { names_unknown_groups: false, ..commit("m", 2, &[("a", 0)]) };
    assert_eq!(bench.commits(&old), Err(GroupError::UnsupportedVersion));
    bench.heartbeat(&beat("m", -1)).expect("left");
    assert_eq!(bench.commits(&commit("", -1, &[("a", 0)])), Ok(()), "an administrator's");
    assert_eq!(bench.commits(&commit("m", 2, &[("a", 0)])), Err(GroupError::UnknownMemberId));
}

#[test]
fn what_a_member_has_had_since_then_it_commits_at_an_older_epoch() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.heartbeat(&beat("m", 2)).expect("to give up");
    assert_eq!(bench.commits(&commit("m", 2, &[("a", 0), ("a", 3)])), Ok(()), "also what it is to give up");
    bench.settle(&["m", "n"]);
    let kept = *bench.has("m")[&id("a")].first().expect("some");
    let given = *bench.has("n")[&id("a")].first().expect("some");
    assert_eq!(bench.commits(&commit("m", 2, &[("a", kept)])), Ok(()));
    assert_eq!(bench.commits(&commit("m", 2, &[("a", kept), ("a", given)])), Err(GroupError::StaleMemberEpoch));
    assert_eq!(bench.commits(&commit("m", 1, &[("a", kept)])), Err(GroupError::StaleMemberEpoch));
    assert_eq!(bench.commits(&commit("n", 2, &[("a", given)])), Err(GroupError::StaleMemberEpoch));
}

#[test]
fn offsets_are_fetched_at_the_member_s_epoch() {
    let mut bench = Bench::new(&[("a", 4)]);
    assert_eq!(bench.groups.check_fetch(&fetch(Some("m"), 1)), Ok(()), "of no group there is nothing");
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    for (member, epoch, expected) in [
        (None, -1, Ok(())),
        (Some("m"), 2, Ok(())),
        (Some("m"), 1, Err(GroupError::StaleMemberEpoch)),
        (Some("m"), -1, Err(GroupError::StaleMemberEpoch)),
        (Some("x"), 2, Err(GroupError::UnknownMemberId)),
        (None, 2, Err(GroupError::UnknownMemberId)),
    ] {
        assert_eq!(bench.groups.check_fetch(&fetch(member, epoch)), expected, "{member:?} {epoch}");
    }
}

#[test]
fn offsets_of_subscribed_topics_stay() {
    let mut bench = Bench::new(&[("a", 4), ("b", 1)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert_eq!(bench.groups.check_delete_offsets(&name(GROUP)), Ok(()));
    assert!(bench.groups.subscriptions(&name(GROUP))("a"));
    assert!(!bench.groups.subscriptions(&name(GROUP))("b"));
}

#[test]
fn offsets_of_topics_that_nobody_wants_expire_and_groups_without_any_go() {
    use crate::group::offsets::Expiration;
    let mut bench = Bench::new(&[("a", 4)]);
    let by_subscription = |bench: &Bench, topic: &str| {
        bench.groups.with_expiration(&name(GROUP), |rule| match rule {
            Expiration::Consumer { is_subscribed } => is_subscribed(topic),
            other => panic!("{other:?}"),
        })
    };
    assert_eq!(by_subscription(&bench, "a"), None);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    assert_eq!((by_subscription(&bench, "a"), by_subscription(&bench, "b")), (Some(true), Some(false)));
    let mut out = Out::default();
    bench.groups.delete_if_empty(&name(GROUP), &mut out);
    assert!(out.changes.is_empty() && bench.kind().is_some(), "it has a member");
    bench.heartbeat(&beat("m", -1)).expect("left");
    assert_eq!(by_subscription(&bench, "a"), Some(false));
    bench.groups.delete_if_empty(&name(GROUP), &mut out);
    assert!(!out.changes.is_empty() && bench.kind().is_none());
}

/// A member of the classic protocol is told of its generation, whatever the request (Kafka's `validateMemberEpoch`).
#[test]
fn classic_members_of_such_a_group_commit_and_fetch_at_their_generation() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    let old = bench.join(&classic_join("", &["a"], &[]));
    let (member, first) = (&*old.member, old.generation);
    bench.heartbeat(&owning("m", 2, Target::new())).expect("gave up");
    let joined = bench.join(&classic_join(member, &["a"], &[]));
    let has = *bench.has(member)[&id("a")].first().expect("some");
    let moves = bench.has("m")[&id("a")].iter().copied().next().expect("some");
    // Another one comes: epochs rise, and each goes on with some of what it has.
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    bench.join(&classic_join(member, &["a"], &[("a", &[has])]));
    let rejoined = bench.join(&classic_join(member, &["a"], &[]));
    let now = rejoined.generation;
    assert!(first <= joined.generation && joined.generation < now, "{first} {joined:?} {rejoined:?}");
    let kept = bench.has(member)[&id("a")].iter().copied().next().expect("some");
    for (generation, partition, expected) in [
        (now, kept, Ok(())),
        (now, moves, Ok(())),
        (joined.generation, kept, Ok(())),
        (joined.generation, moves, Err(GroupError::IllegalGeneration)),
        (1, kept, Err(GroupError::IllegalGeneration)),
        (-1, kept, Err(GroupError::IllegalGeneration)),
        (now + 1, kept, Err(GroupError::IllegalGeneration)),
    ] {
        for names_unknown_groups in [false, true] {
            let request = CommitOffsets { names_unknown_groups, ..commit(member, generation, &[("a", partition)]) };
            assert_eq!(bench.commits(&request), expected, "{generation} of {now}, {partition} of {kept}");
        }
    }
    for (generation, expected) in [
        (now, Ok(())),
        (joined.generation, Err(GroupError::IllegalGeneration)),
        (-1, Err(GroupError::IllegalGeneration)),
        (now + 1, Err(GroupError::IllegalGeneration)),
    ] {
        assert_eq!(bench.groups.check_fetch(&fetch(Some(member), generation)), expected, "{generation} of {now}");
    }
    assert_eq!(bench.commits(&commit("m", i32::MAX, &[("a", 0)])), Err(GroupError::StaleMemberEpoch));
    assert_eq!(bench.commits(&commit("", now, &[("a", 0)])), Err(GroupError::UnknownMemberId));
}
