//! Committed offsets by their behaviours, and against a plain map.

use super::*;
use crate::group::command::OffsetToCommit;
use crate::group::records::{Decoded, decode};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use uuid::Uuid;

const MINUTE: i64 = 60_000;
const DAY: i64 = 24 * 60 * MINUTE;
const NOW: Timestamp = Timestamp(1_700_000_000_000);

fn id(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

fn to_commit(topic: &str, topic_id: u128, partition: i32, offset: i64) -> OffsetToCommit {
    OffsetToCommit {
        topic: topic.into(),
        topic_id: id(topic_id),
        partition: PartitionIndex(partition),
        offset: Offset(offset),
        leader_epoch: LeaderEpoch(4),
        metadata: "".into(),
    }
}

fn request(group: &str, offsets: Vec<OffsetToCommit>) -> CommitOffsets {
    CommitOffsets {
        group: group.into(),
        generation: -1,
        member: "".into(),
        instance: None,
        retention: None,
        names_unknown_groups: true,
        offsets,
    }
}

fn commit(offsets: &mut Offsets, now: Timestamp, group: &str, topic: &str, partition: i32, offset: i64) -> Vec<Record> {
    let request = request(group, vec![to_commit(topic, 1, partition, offset)]);
    let (records, results) = offsets.commit(now, &request, &Limits::default());
    assert_eq!(results, [Ok(())]);
    records
}

fn fetch(offsets: &Offsets, group: &str, partitions: Option<&[(&str, u128, i32)]>) -> Vec<FetchedOffset> {
    let partition =
        |&(topic, topic_id, partition): &(&str, u128, i32)| (topic.into(), id(topic_id), PartitionIndex(partition));
    offsets.fetch(&FetchOffsets {
        group: group.into(),
        member: None,
        member_epoch: -1,
        partitions: partitions.map(|partitions| partitions.iter().map(partition).collect()),
        require_stable: false,
    })
}

/// The offset that is told of one partition.
fn told(offsets: &Offsets, group: &str, topic: &str, topic_id: u128, partition: i32) -> Option<i64> {
    let fetched = fetch(offsets, group, Some(&[(topic, topic_id, partition)]));
    fetched[0].committed.clone().unwrap().map(|(offset, ..)| offset.0)
}

fn replay(offsets: &mut Offsets, records: &[Record]) {
    for record in records {
        let Decoded::Offset { group, topic, partition, value } = decode(&record.key, record.value.as_deref()).unwrap()
        else {
            panic!("no offset: {record:?}")
        };
        offsets.replay(&group, &topic, partition, value);
    }
}

/// Topic and partition of tombstones.
fn gone(records: &[Record]) -> Vec<(String, i32)> {
    let read = |record: &Record| match decode(&record.key, record.value.as_deref()).unwrap() {
        Decoded::Offset { topic, partition, value: None, .. } => (topic.to_string(), partition.0),
        other => panic!("no tombstone: {other:?}"),
    };
    records.iter().map(read).collect()
}

fn all(offsets: &Offsets) -> Vec<(Name, Name, PartitionIndex, OffsetValue)> {
    let of_group = |group: &Name| {
        let group = group.clone();
        let offsets: Vec<_> = offsets.of_group(&group).collect();
        let whole = |(topic, partition, value): (&Name, _, _)| (group.clone(), topic.clone(), partition, value);
        offsets.into_iter().map(whole).collect::<Vec<_>>()
    };
    offsets.groups().flat_map(of_group).collect()
}

#[test]
fn cg_9_metadata_and_leader_epoch_come_back_as_stored() {
    let mut offsets = Offsets::default();
    let asked = OffsetToCommit { metadata: "mäta\u{0}data 😀".into(), ..to_commit("t", 1, 3, 77) };
    let (records, _) = offsets.commit(NOW, &request("g", vec![asked.clone()]), &Limits::default());
    let mut after = Offsets::default();
    replay(&mut after, &records);
    for offsets in [offsets, after] {
        let fetched = fetch(&offsets, "g", Some(&[("t", 1, 3)]));
        assert_eq!(fetched[0].committed, Ok(Some((Offset(77), LeaderEpoch(4), asked.metadata.clone()))));
    }
}

#[test]
fn cg_9_offsets_come_in_the_order_asked_or_all_by_topic_and_partition() {
    let mut offsets = Offsets::default();
    for (topic, partition) in [("b", 1), ("b", 0), ("a", 10), ("a", 2)] {
        commit(&mut offsets, NOW, "g", topic, partition, i64::from(partition));
    }
    let places = |fetched: Vec<FetchedOffset>| -> Vec<(String, i32, bool)> {
        let place = |f: FetchedOffset| (f.topic.to_string(), f.partition.0, f.committed.unwrap().is_some());
        fetched.into_iter().map(place).collect()
    };
    let place = |topic: &str, partition, found| (topic.to_owned(), partition, found);
    let asked = fetch(&offsets, "g", Some(&[("b", 1, 0), ("x", 1, 0), ("a", 1, 10), ("b", 1, 0)]));
    let expected = [place("b", 0, true), place("x", 0, false), place("a", 10, true), place("b", 0, true)];
    assert_eq!(places(asked), expected);
    let expected = [place("a", 2, true), place("a", 10, true), place("b", 0, true), place("b", 1, true)];
    assert_eq!(places(fetch(&offsets, "g", None)), expected);
}

#[test]
fn cg_10_an_unknown_group_has_nothing_and_that_is_no_error() {
    let offsets = Offsets::default();
    let fetched = fetch(&offsets, "unknown", Some(&[("t", 9, 0)]));
    assert_eq!((fetched[0].topic_id, &fetched[0].committed), (id(9), &Ok(None)));
    assert_eq!(fetch(&offsets, "unknown", None), []);
    assert!(!offsets.has_offsets("unknown"));
}

#[test]
fn an_offset_of_another_topic_id_is_not_told() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, NOW, "g", "t", 0, 5);
    assert_eq!(told(&offsets, "g", "t", 1, 0), Some(5));
    assert_eq!(told(&offsets, "g", "t", 2, 0), None, "created again since");
    assert_eq!(told(&offsets, "g", "t", 0, 0), Some(5), "asked without an id");

    // Told with its own id when all are asked for, and replaced by the new topic's.
    assert_eq!(fetch(&offsets, "g", None)[0].topic_id, id(1));
    let again = request("g", vec![to_commit("t", 2, 0, 1)]);
    offsets.commit(NOW, &again, &Limits::default());
    assert_eq!((told(&offsets, "g", "t", 1, 0), told(&offsets, "g", "t", 2, 0)), (None, Some(1)));

    let unknown = request("g", vec![to_commit("t", 0, 0, 3)]);
    offsets.commit(NOW, &unknown, &Limits::default());
    assert_eq!(told(&offsets, "g", "t", 2, 0), Some(3), "committed without an id");
}

#[test]
fn cg_13_the_last_commit_holds_and_its_replay_too() {
    let (mut offsets, mut records) = (Offsets::default(), Vec::new());
    for offset in [3, 9, 4, -1] {
        records.extend(commit(&mut offsets, NOW, "g", "t", 0, offset));
        let mut after = Offsets::default();
        replay(&mut after, &records);
        // Back only as the client says.
        assert_eq!((told(&offsets, "g", "t", 1, 0), told(&after, "g", "t", 1, 0)), (Some(offset), Some(offset)));
    }
    // Of two in one request the later one.
    let twice = request("g", vec![to_commit("t", 1, 0, 50), to_commit("t", 1, 0, 60)]);
    records.extend(offsets.commit(NOW, &twice, &Limits::default()).0);
    let mut after = Offsets::default();
    replay(&mut after, &records);
    assert_eq!((told(&offsets, "g", "t", 1, 0), told(&after, "g", "t", 1, 0)), (Some(60), Some(60)));
}

#[test]
fn cg_15_metadata_that_are_too_long_are_refused_and_leave_the_others_be() {
    let mut offsets = Offsets::default();
    let limits = Limits::default();
    let mut check = |metadata: String, limits: &Limits, result: Result<(), GroupError>| {
        let long = OffsetToCommit { metadata: metadata.into(), ..to_commit("t", 1, 0, 8) };
        let all = vec![to_commit("t", 1, 1, 1), long, to_commit("t", 1, 2, 2)];
        let (records, results) = offsets.commit(NOW, &request("g", all), limits);
        assert_eq!(results, [Ok(()), result, Ok(())]);
        assert_eq!(records.len(), 2 + usize::from(result.is_ok()));
    };
    check("x".repeat(4096), &limits, Ok(()));
    check("x".repeat(4097), &limits, Err(GroupError::OffsetMetadataTooLarge));
    // Seen at Kafka 4.4: it counts UTF-16 units.
    check("ö".repeat(4096), &limits, Ok(()));
    check("😀".repeat(2049), &limits, Err(GroupError::OffsetMetadataTooLarge));
    // Whatever the setting, a record holds 32,767 bytes.
    let lavish = Limits { metadata_max: 1 << 20, ..limits };
    check("x".repeat(32_767), &lavish, Ok(()));
    check("x".repeat(32_768), &lavish, Err(GroupError::OffsetMetadataTooLarge));
    assert_eq!(offsets.get("g", "t", PartitionIndex(0)).unwrap().metadata.len(), 32_767);
}

#[test]
fn a_retention_of_the_client_becomes_an_expiry_and_replays_to_the_same() {
    let mut offsets = Offsets::default();
    let check = |offsets: &mut Offsets, retention: Duration, expires: i64| {
        let request = CommitOffsets { retention: Some(retention), ..request("g", vec![to_commit("t", 1, 0, 5)]) };
        let (records, _) = offsets.commit(NOW, &request, &Limits::default());
        let value = offsets.get("g", "t", PartitionIndex(0)).unwrap();
        assert_eq!(value.expire_timestamp, Some(Timestamp(expires)));
        let mut after = Offsets::default();
        replay(&mut after, &records);
        assert_eq!(all(&after), all(offsets));
    };
    check(&mut offsets, Duration::from_secs(600), NOW.0 + 600_000);
    check(&mut offsets, Duration::ZERO, NOW.0);
    check(&mut offsets, Duration::MAX, i64::MAX);
}

#[test]
fn offsets_of_subscribed_topics_are_not_deleted() {
    let mut offsets = Offsets::default();
    commit(&mut offsets, NOW, "g", "read", 0, 1);
    commit(&mut offsets, NOW, "g", "left", 0, 1);
    let place = |topic: &str, partition| (topic.into(), PartitionIndex(partition));
    let partitions = vec![place("left", 0), place("read", 0), place("left", 7), place("left", 0)];
    let (records, results) = offsets.delete(&DeleteOffsets { group: "g".into(), partitions }, |topic| topic == "read");
    assert_eq!(results, [Ok(()), Err(GroupError::GroupSubscribedToTopic), Ok(()), Ok(())]);
    assert_eq!(gone(&records), [("left".to_owned(), 0)], "once, and none for what was not there");
    assert_eq!((told(&offsets, "g", "left", 1, 0), told(&offsets, "g", "read", 1, 0)), (None, Some(1)));
}

#[test]
fn a_deleted_group_leaves_a_tombstone_for_each_offset() {
    let mut offsets = Offsets::default();
    for (group, topic, partition) in [("g", "b", 0), ("g", "a", 1), ("g", "a", 0), ("other", "a", 0)] {
        commit(&mut offsets, NOW, group, topic, partition, 1);
    }
    let records = offsets.delete_group("g");
    assert_eq!(gone(&records), [("a".to_owned(), 0), ("a".to_owned(), 1), ("b".to_owned(), 0)]);
    assert_eq!((offsets.has_offsets("g"), offsets.has_offsets("other")), (false, true));
    assert_eq!(offsets.delete_group("g"), []);
}

#[test]
fn offsets_of_deleted_topics_go_but_not_those_of_their_successors() {
    let mut offsets = Offsets::default();
    let committed = [("g", 1, 0), ("g", 2, 1), ("h", 0, 0), ("h", 3, 5)];
    for (group, topic_id, partition) in committed {
        let request = request(group, vec![to_commit("t", topic_id, partition, 1), to_commit("u", 9, 0, 1)]);
        offsets.commit(NOW, &request, &Limits::default());
    }
    // "t" was deleted twice, the third of the name lives.
    let records = offsets.topics_deleted(&[("t".into(), id(1)), ("t".into(), id(2)), ("unknown".into(), id(7))]);
    assert_eq!(gone(&records), [("t".to_owned(), 0), ("t".to_owned(), 1), ("t".to_owned(), 0)]);
    assert_eq!(told(&offsets, "h", "t", 3, 5), Some(1));
    assert_eq!((told(&offsets, "g", "u", 9, 0), told(&offsets, "h", "u", 9, 0)), (Some(1), Some(1)));
}

/// Offsets of "g" for "read" and "left" (partition 0, without expiry) and "own" (expires an hour after).
fn aged() -> Offsets {
    let mut offsets = Offsets::default();
    commit(&mut offsets, NOW, "g", "read", 0, 1);
    commit(&mut offsets, NOW, "g", "left", 0, 1);
    let hour = Some(Duration::from_secs(3600));
    let request = CommitOffsets { retention: hour, ..request("g", vec![to_commit("own", 1, 0, 5)]) };
    offsets.commit(NOW, &request, &Limits::default());
    offsets
}

fn expired(policy: &Expiration<'_>, after: i64) -> Vec<String> {
    let records = aged().expire(Timestamp(NOW.0 + after), "g", policy, &Limits::default());
    gone(&records).into_iter().map(|(topic, _)| topic).collect()
}

#[test]
fn offsets_of_simple_groups_go_a_week_after_their_commit_or_at_their_own_time() {
    let check = |after: i64, topics: &[&str]| assert_eq!(expired(&Expiration::Simple, after), topics);
    check(60 * MINUTE - 1, &[]);
    check(60 * MINUTE, &["own"]);
    check(7 * DAY - 1, &["own"]);
    check(7 * DAY, &["left", "own", "read"]);
    // A clock that is behind the commits holds everything.
    check(-DAY, &[]);
    check(i64::MIN / 2, &[]);
}

#[test]
fn offsets_of_empty_groups_go_a_week_after_the_group_became_empty() {
    let since = |after: i64| Expiration::Empty { since: Some(Timestamp(NOW.0 + after)) };
    assert_eq!(expired(&since(3 * DAY), 10 * DAY - 1), ["own"]);
    assert_eq!(expired(&since(3 * DAY), 10 * DAY), ["left", "own", "read"]);
    // Also before the commit, as when a tool sets offsets of a group that is long empty.
    assert_eq!(expired(&since(-6 * DAY), DAY), ["left", "own", "read"]);
    for unknown in [None, Some(Timestamp::NONE)] {
        assert_eq!(expired(&Expiration::Empty { since: unknown }, 7 * DAY - 1), ["own"]);
        assert_eq!(expired(&Expiration::Empty { since: unknown }, 7 * DAY), ["left", "own", "read"]);
    }
}

#[test]
fn offsets_of_groups_in_use_go_only_for_topics_that_are_not_subscribed_to() {
    let asked = Cell::new(0);
    let is_subscribed = |topic: &str| {
        asked.set(asked.get() + 1);
        topic == "read"
    };
    assert_eq!(expired(&Expiration::Consumer { is_subscribed: &is_subscribed }, 7 * DAY - 1), ["own"]);
    assert_eq!(expired(&Expiration::Consumer { is_subscribed: &is_subscribed }, 7 * DAY), ["left", "own"]);
    assert!(asked.get() > 0);
    assert_eq!(expired(&Expiration::Consumer { is_subscribed: &|_| true }, 700 * DAY), [""; 0]);
    assert_eq!(expired(&Expiration::InUse, 700 * DAY), [""; 0]);
}

#[test]
fn a_group_without_offsets_is_no_group_here() {
    let mut offsets = aged();
    assert_eq!(offsets.expire(Timestamp(NOW.0 + 8 * DAY), "g", &Expiration::Simple, &Limits::default()).len(), 3);
    assert_eq!((offsets.has_offsets("g"), offsets.groups().count()), (false, 0));
    commit(&mut offsets, NOW, "g", "t", 0, 1);
    offsets.replay(&"g".into(), &"t".into(), PartitionIndex(0), None);
    offsets.replay(&"g".into(), &"t".into(), PartitionIndex(0), None);
    assert_eq!((offsets.has_offsets("g"), offsets.groups().count()), (false, 0));
}

#[test]
fn names_of_topics_are_shared_and_let_go() {
    let mut offsets = Offsets::default();
    for group in 0..10 {
        commit(&mut offsets, NOW, &format!("g{group}"), "t", 0, 1);
    }
    assert_eq!(offsets.names.len(), 1);
    assert_eq!(std::sync::Arc::strong_count(offsets.names.get("t").unwrap()), 11);
    for topic in 0..10_000 {
        let topic = format!("t{topic}");
        commit(&mut offsets, NOW, "passing", &topic, 0, 1);
        offsets.delete_group("passing");
    }
    assert!(offsets.names.len() <= NAMES_MIN + 1, "{} names", offsets.names.len());
}

#[derive(Clone, Debug)]
enum Step {
    Commit {
        group: u8,
        topic: u8,
        partition: i32,
        offset: i64,
        topic_id: u128,
        retention: Option<u64>,
        metadata: String,
    },
    Delete {
        group: u8,
        topic: u8,
        partition: i32,
    },
    DeleteGroup(u8),
    TopicDeleted(u8, u128),
    Expire {
        group: u8,
        after: i64,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    let place = || (0..3_u8, 0..3_u8, 0..4_i32);
    let commit = (place(), -1..100_i64, 0..3_u128, proptest::option::of(0..90_u64), "[a-ö]{0,5}").prop_map(
        |((group, topic, partition), offset, topic_id, retention, metadata)| Step::Commit {
            group,
            topic,
            partition,
            offset,
            topic_id,
            retention,
            metadata,
        },
    );
    prop_oneof![
        8 => commit,
        2 => place().prop_map(|(group, topic, partition)| Step::Delete { group, topic, partition }),
        1 => (0..3_u8).prop_map(Step::DeleteGroup),
        1 => (0..3_u8, 1..3_u128).prop_map(|(topic, id)| Step::TopicDeleted(topic, id)),
        1 => (0..3_u8, 0..100_i64).prop_map(|(group, after)| Step::Expire { group, after }),
    ]
}

proptest! {
    /// Whatever is done, what is kept is the last commit of each place that was not forgotten, and the replay of the
    /// records comes to the same.
    #[test]
    fn cg_13_replay_comes_to_the_same(steps in vec(any_step(), 0..60)) {
        let limits = Limits { retention: Duration::from_millis(50), ..Limits::default() };
        let (mut offsets, mut after) = (Offsets::default(), Offsets::default());
        let mut plain: BTreeMap<(String, String, i32), i64> = BTreeMap::new();
        for step in steps {
            let records = match step {
                Step::Commit { group, topic, partition, offset, topic_id, retention, metadata } => {
                    let (group, topic) = (format!("g{group}"), format!("t{topic}"));
                    let asked = OffsetToCommit { metadata: metadata.into(), ..to_commit(&topic, topic_id, partition, offset) };
                    let retention = retention.map(Duration::from_millis);
                    let request = CommitOffsets { retention, ..request(&group, vec![asked]) };
                    plain.insert((group, topic, partition), offset);
                    offsets.commit(NOW, &request, &limits).0
                }
                Step::Delete { group, topic, partition } => {
                    let (group, topic) = (format!("g{group}"), format!("t{topic}"));
                    let partitions = vec![(Name::from(&*topic), PartitionIndex(partition))];
                    plain.remove(&(group.clone(), topic, partition));
                    offsets.delete(&DeleteOffsets { group: group.into(), partitions }, |_| false).0
                }
                Step::DeleteGroup(group) => offsets.delete_group(&format!("g{group}")),
                Step::TopicDeleted(topic, topic_id) => offsets.topics_deleted(&[(format!("t{topic}").into(), id(topic_id))]),
                Step::Expire { group, after } => {
                    offsets.expire(Timestamp(NOW.0 + after), &format!("g{group}"), &Expiration::Simple, &limits)
                }
            };
            for record in records.iter().filter(|record| record.value.is_none()) {
                let Ok(Decoded::Offset { group, topic, partition, .. }) = decode(&record.key, None) else { panic!() };
                plain.remove(&(group.to_string(), topic.to_string(), partition.0));
            }
            replay(&mut after, &records);
            prop_assert_eq!(all(&after), all(&offsets));
            let kept: Vec<_> = all(&offsets);
            let kept = kept.iter().map(|(group, topic, partition, value)| {
                ((group.to_string(), topic.to_string(), partition.0), value.offset.0)
            });
            prop_assert_eq!(kept.collect::<BTreeMap<_, _>>(), plain.clone());
        }
    }
}
