//! Records of consumer groups against bytes that Kafka's own classes made, against themselves, and against bytes that are
//! none.

use super::super::{Decoded, RecordError, decode};
use super::*;
use crate::base::{Timestamp, TopicId};
use crate::coordinator::machine::Record;
use bytes::Bytes;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

const FIXTURES: &str = include_str!("../fixtures/consumer_groups.txt");

fn fixtures() -> BTreeMap<&'static str, Record> {
    let lines = FIXTURES.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &'static str| {
        let [name, key, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (name, Record { key: bytes(key), value: (value != "-").then(|| bytes(value)) })
    };
    lines.map(read).collect()
}

fn bytes(hex: &str) -> Bytes {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect(hex);
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn read(record: &Record) -> Result<ConsumerRecord, RecordError> {
    match decode(&record.key, record.value.as_deref())? {
        Decoded::Consumer(record) => Ok(record),
        other => panic!("{other:?}"),
    }
}

fn name(name: &str) -> Name {
    Name::from(name)
}

fn id(low: u64) -> TopicId {
    TopicId(Uuid::from_u64_pair(0x0102_0304_0506_0708, low))
}

fn member(value: SubscriptionValue) -> ConsumerRecord {
    ConsumerRecord::Member { group: name("gruppe-ö"), member: name("m-1"), value: Some(value) }
}

fn current_of(value: CurrentValue) -> ConsumerRecord {
    ConsumerRecord::Current { group: name("gruppe-ö"), member: name("m-1"), value: Some(value) }
}

/// What the fixtures say, in words.
fn known() -> Vec<(&'static str, ConsumerRecord)> {
    let group = name("gruppe-ö");
    let of =
        |epoch, hash| ConsumerRecord::Metadata { group: group.clone(), value: Some(MetadataValue { epoch, hash }) };
    let target = |value| ConsumerRecord::Target { group: group.clone(), member: name("m-1"), value };
    let timed = |epoch, timestamp| ConsumerRecord::TargetMetadata {
        group: group.clone(),
        value: Some(TargetMetadataValue { epoch, timestamp: Timestamp(timestamp) }),
    };
    let whole = SubscriptionValue {
        instance: Some(name("static-1")),
        rack: Some(name("r1")),
        client_id: name("c"),
        client_host: name("/127.0.0.1"),
        topics: [name("alpha"), name("beta")].into(),
        regex: Some(name("a.*")),
        rebalance_timeout_ms: 300_000,
        assignor: Some(name("range")),
        classic: None,
    };
    let classic = SubscriptionValue {
        client_id: name("c"),
        client_host: name("/::1"),
        topics: [name("alpha")].into(),
        rebalance_timeout_ms: 60_000,
        classic: Some(ClassicMember {
            session_timeout_ms: 45_000,
            protocols: vec![(name("range"), Bytes::from_static(&[0, 1, 2])), (name("sticky"), Bytes::new())],
        }),
        ..SubscriptionValue::default()
    };
    let silent = SubscriptionValue {
        client_id: name("c"),
        rebalance_timeout_ms: 1,
        classic: Some(ClassicMember::default()),
        ..SubscriptionValue::default()
    };
    let has = CurrentValue {
        epoch: 9,
        previous_epoch: 8,
        state: State::UnrevokedPartitions,
        assigned: [(id(1), [(0, 8), (2, 9)].into())].into(),
        pending: [(id(2), [(1, 5)].into())].into(),
    };
    let away = CurrentValue { epoch: -2, ..CurrentValue::default() };
    let matched = RegexValue {
        topics: [name("alpha"), name("apfel")].into(),
        version: 42,
        timestamp: Timestamp(1_700_000_000_002),
    };
    vec![
        ("cg-metadata", of(7, -8_085_120_104_513_312_345)),
        ("cg-metadata-no-hash", of(1, 0)),
        ("cg-metadata-end", ConsumerRecord::Metadata { group: group.clone(), value: None }),
        ("cg-partitions-end", ConsumerRecord::Partitions { group: group.clone(), is_there: false }),
        ("cg-member", member(whole)),
        ("cg-member-bare", member(SubscriptionValue::default())),
        ("cg-member-classic", member(classic)),
        ("cg-member-classic-default", member(silent)),
        ("cg-member-end", ConsumerRecord::Member { group: group.clone(), member: name("m-1"), value: None }),
        ("cg-target-metadata", timed(9, 1_700_000_000_001)),
        ("cg-target-metadata-no-time", timed(9, 0)),
        ("cg-target-metadata-end", ConsumerRecord::TargetMetadata { group: group.clone(), value: None }),
        ("cg-target", target(Some([(id(1), [0, 2].into()), (id(2), [1].into())].into()))),
        ("cg-target-none", target(Some(Target::new()))),
        ("cg-target-end", target(None)),
        ("cg-current", current_of(has)),
        ("cg-current-none", current_of(away)),
        ("cg-current-end", ConsumerRecord::Current { group: group.clone(), member: name("m-1"), value: None }),
        ("cg-regex", ConsumerRecord::Regex { group: group.clone(), regex: name("a.*"), value: Some(matched) }),
        ("cg-regex-end", ConsumerRecord::Regex { group, regex: name("a.*"), value: None }),
    ]
}

#[test]
fn what_kafka_writes_is_read_and_written_the_same() {
    let fixtures = fixtures();
    let known = known();
    for (name, says) in &known {
        let bytes = &fixtures[name];
        assert_eq!(read(bytes).as_ref(), Ok(says), "{name}");
        assert_eq!(record(says).as_ref(), Some(bytes), "{name}");
    }
    // Those two are only read.
    assert_eq!(fixtures.len(), known.len() + 2);
    let is_there = ConsumerRecord::Partitions { group: name("gruppe-ö"), is_there: true };
    assert_eq!(read(&fixtures["cg-partitions"]), Ok(is_there));
}

/// Before Kafka 4.4 partitions had no epochs of their own.
#[test]
fn partitions_without_epochs_have_their_member_s() {
    let check = |record: &Record| {
        let Ok(ConsumerRecord::Current { value: Some(value), .. }) = read(record) else { panic!("no assignment") };
        assert_eq!(value.assigned, [(id(1), [(0, 9), (2, 9)].into())].into());
        assert_eq!(value.state, State::UnreleasedPartitions);
    };
    let fixtures = fixtures();
    let old = &fixtures["cg-current-old"];
    check(old);
    // Epochs of which there are not as many as partitions count for nothing; so do those that are null.
    let value = old.value.as_ref().unwrap();
    let at = value.len() - 3;
    for tag in [&[1, 0, 5, 2, 0, 0, 0, 1][..], &[1, 0, 1, 0]] {
        let other = [&value[..at], tag, &value[at + 1..]].concat();
        check(&Record { key: old.key.clone(), value: Some(other.into()) });
    }
}

#[test]
fn what_follows_and_newer_tags_are_let_pass_and_newer_versions_are_not() {
    for (name, Record { key, value }) in fixtures() {
        let Some(value) = value else { continue };
        let longer = [&value[..], &[0xff; 9]].concat();
        assert_eq!(decode(&key, Some(&longer)), decode(&key, Some(&value)), "{name}");
        for version in [-1_i16, 1, i16::MAX] {
            let other = [&version.to_be_bytes(), &value[2..]].concat();
            let kind = i16::from_be_bytes([key[0], key[1]]);
            assert_eq!(decode(&key, Some(&other)), Err(RecordError::Version { kind, version }), "{name}");
        }
    }
    let Record { key, value } = fixtures()["cg-metadata-no-hash"].clone();
    let value = value.unwrap();
    let tagged = [&value[..value.len() - 1], &[1, 9, 2, 0, 0]].concat();
    assert_eq!(decode(&key, Some(&tagged)), decode(&key, Some(&value)));
}

#[test]
fn a_record_that_is_cut_off_is_an_error() {
    for (name, Record { key, value }) in fixtures() {
        for end in 2..key.len() {
            assert!(decode(&key[..end], value.as_deref()).is_err(), "{name}: key of {end} bytes");
        }
        let Some(value) = value.filter(|_| name != "cg-partitions") else { continue };
        for end in 0..value.len() {
            assert!(decode(&key, Some(&value[..end])).is_err(), "{name}: value of {end} bytes");
        }
    }
}

#[test]
fn counts_that_lie_are_found_out_before_anything_is_allocated() {
    let fixtures = fixtures();
    let huge = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let check = |name: &str, fields: &[u8]| {
        let value = [&[0, 0], fields, &huge].concat();
        let error = decode(&fixtures[name].key, Some(&value)).expect_err(name);
        assert!(
            matches!(error, RecordError::TooMany { claimed, fit: 0 } if claimed == u32::MAX as usize - 1),
            "{error}"
        );
    };
    check("cg-member", &[0, 0, 1, 1]);
    check("cg-target", &[]);
    check("cg-target", &[&[2][..], &[7; 16]].concat());
    check("cg-current", &[0; 9]);
    check("cg-regex", &[]);
    let null = decode(&fixtures["cg-target"].key, Some(&[0, 0, 0]));
    assert_eq!(null, Err(RecordError::Null));
}

#[test]
fn names_that_no_record_can_hold_make_none() {
    let long = Name::from("x".repeat(32_768));
    let fits = Name::from("x".repeat(32_767));
    let with = |topic: &Name| SubscriptionValue { topics: [topic.clone()].into(), ..SubscriptionValue::default() };
    assert_eq!(record(&member(with(&long))), None);
    let back = record(&member(with(&fits))).map(|record| read(&record));
    assert_eq!(back, Some(Ok(member(with(&fits)))));
    assert_eq!(record(&ConsumerRecord::Metadata { group: long.clone(), value: None }), None);
    let regex = ConsumerRecord::Regex { group: name("g"), regex: long.clone(), value: None };
    assert_eq!(record(&regex), None);
    assert_eq!(record(&ConsumerRecord::Current { group: name("g"), member: long, value: None }), None);
}

fn any_name() -> impl Strategy<Value = Name> {
    prop_oneof![Just(String::new()), "[a-z]{1,20}", "\\PC{0,60}", "x{100,300}"].prop_map(Name::from)
}

fn any_id() -> impl Strategy<Value = TopicId> {
    any::<u128>().prop_map(|id| TopicId(Uuid::from_u128(id)))
}

fn any_assigned() -> impl Strategy<Value = Assigned> {
    btree_map(any_id(), btree_map(any::<i32>(), any::<i32>(), 0..5), 0..4)
}

prop_compose! {
    fn any_subscription()(
        maybe in [option::of(any_name()), option::of(any_name()), option::of(any_name()), option::of(any_name())],
        names in (any_name(), any_name()), topics in btree_set(any_name(), 0..4), timeout: i32,
        classic in option::of((any::<i32>(), vec((any_name(), vec(any::<u8>(), 0..40)), 0..3))),
    ) -> SubscriptionValue {
        let [instance, rack, regex, assignor] = maybe;
        let (client_id, client_host) = names;
        let classic = classic.map(|(session_timeout_ms, protocols)| ClassicMember {
            session_timeout_ms,
            protocols: protocols.into_iter().map(|(name, bytes)| (name, Bytes::from(bytes))).collect(),
        });
        SubscriptionValue {
            instance, rack, client_id, client_host, topics, regex, rebalance_timeout_ms: timeout, assignor, classic,
        }
    }
}

fn any_record() -> impl Strategy<Value = ConsumerRecord> {
    let metadata = option::of((any::<i32>(), any::<i64>()));
    let target = option::of(btree_map(any_id(), btree_set(any::<i32>(), 0..5), 0..4));
    let current = option::of((any::<(i32, i32)>(), 0..3_i8, any_assigned(), any_assigned()));
    let regex = option::of((btree_set(any_name(), 0..5), any::<(i64, i64)>()));
    let any_value = prop_oneof![
        metadata.prop_map(|value| {
            let value = value.map(|(epoch, hash)| MetadataValue { epoch, hash });
            ConsumerRecord::Metadata { group: name("g"), value }
        }),
        option::of(any_subscription()).prop_map(|value| ConsumerRecord::Member {
            group: name("g"),
            member: name("m"),
            value
        }),
        option::of((any::<i32>(), any::<i64>())).prop_map(|value| {
            let value = value.map(|(epoch, at)| TargetMetadataValue { epoch, timestamp: Timestamp(at) });
            ConsumerRecord::TargetMetadata { group: name("g"), value }
        }),
        target.prop_map(|value| ConsumerRecord::Target { group: name("g"), member: name("m"), value }),
        current.prop_map(|value| {
            let value = value.map(|((epoch, previous_epoch), state, assigned, pending)| CurrentValue {
                epoch,
                previous_epoch,
                state: State::of(state),
                assigned,
                pending,
            });
            ConsumerRecord::Current { group: name("g"), member: name("m"), value }
        }),
        regex.prop_map(|value| {
            let value = value.map(|(topics, (version, at))| RegexValue { topics, version, timestamp: Timestamp(at) });
            ConsumerRecord::Regex { group: name("g"), regex: name("r"), value }
        }),
    ];
    any_value
}

proptest! {
    #[test]
    fn records_come_back_as_they_were(says in any_record()) {
        let record = record(&says).expect("short names");
        prop_assert_eq!(read(&record), Ok(says));
    }

    #[test]
    fn no_bytes_make_it_panic(kind in prop::sample::select(vec![3_i16, 4, 5, 6, 7, 8, 16]), rest in vec(any::<u8>(), 0..200)) {
        let key = [&kind.to_be_bytes(), &[0, 1, b'g', 0, 1, b'm'][..]].concat();
        let _ = decode(&key, Some(&[&[0, 0], &rest[..]].concat()));
        let _ = decode(&[&kind.to_be_bytes(), &rest[..]].concat(), None);
    }

    #[test]
    fn no_changed_byte_makes_it_panic(which: prop::sample::Index, at: prop::sample::Index, to: u8) {
        let fixtures: Vec<_> = fixtures().into_values().collect();
        let Record { key, value: Some(value) } = which.get(&fixtures) else { return Ok(()) };
        let mut changed = value.to_vec();
        let at = at.index(changed.len());
        changed[at] = to;
        let _ = decode(key, Some(&changed));
    }
}
