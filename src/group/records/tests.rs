//! Records against bytes that Apache Kafka 4.4.0 made, against themselves, and against bytes that are none.

use super::*;
use crate::base::{LeaderEpoch, Offset, Timestamp, TopicId};
use crate::coordinator::machine::Record;
use bytes::Bytes;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::time::Duration;
use uuid::Uuid;

const FIXTURES: &str = include_str!("fixtures/consumer_offsets.txt");

/// A record of the fixtures: its name or offset, and itself.
fn fixtures() -> Vec<(&'static str, Record)> {
    let lines = FIXTURES.lines().filter(|line| !line.starts_with('#'));
    let read = |line: &'static str| {
        let [name, key, value] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        (name, Record { key: bytes(key), value: (value != "-").then(|| bytes(value)) })
    };
    lines.map(read).collect()
}

fn fixture(name: &str) -> Record {
    fixtures().into_iter().find(|(this, _)| *this == name).expect(name).1
}

fn bytes(hex: &str) -> Bytes {
    let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).expect(hex);
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn read(record: &Record) -> Result<Decoded, RecordError> {
    decode(&record.key, record.value.as_deref())
}

fn write(decoded: &Decoded) -> Record {
    match decoded {
        Decoded::Offset { group, topic, partition, value } => offset(group, topic, *partition, value.as_ref()),
        Decoded::Group { group: name, value } => group(name, value.as_ref()),
        Decoded::Consumer(record) => consumer::record(record).expect("its names are short enough"),
        Decoded::Other { kind } => panic!("kind {kind} is not written"),
    }
}

/// The value of the made offsets as `version` can hold it.
fn made_offset(version: i16) -> OffsetValue {
    OffsetValue {
        offset: Offset(1_234_567_890_123),
        leader_epoch: LeaderEpoch(if version >= 3 { 5 } else { -1 }),
        metadata: "mäta".into(),
        commit_timestamp: Timestamp(1_700_000_000_001),
        expire_timestamp: (version == 1).then_some(Timestamp(1_700_000_600_001)),
        topic_id: TopicId(Uuid::from_u128(if version == 4 { 0x0102030405060708090a0b0c0d0e0f10 } else { 0 })),
    }
}

fn made_group(version: i16) -> GroupValue {
    let first = MemberValue {
        member: "m-1".into(),
        instance: (version >= 3).then(|| "static-1".into()),
        client_id: "c".into(),
        client_host: "/127.0.0.1".into(),
        rebalance_timeout: Duration::from_secs(if version >= 1 { 300 } else { 45 }),
        session_timeout: Duration::from_secs(45),
        subscription: Bytes::from_static(&[0, 1, 2]),
        assignment: Bytes::from_static(&[3, 4]),
    };
    let second = MemberValue {
        member: "m-2".into(),
        instance: None,
        client_id: "".into(),
        client_host: "/::1".into(),
        rebalance_timeout: Duration::from_secs(if version >= 1 { 60 } else { 10 }),
        session_timeout: Duration::from_secs(10),
        subscription: Bytes::new(),
        assignment: Bytes::new(),
    };
    GroupValue {
        protocol_type: "consumer".into(),
        generation: 3,
        protocol: Some("range".into()),
        leader: Some("m-1".into()),
        current_state_timestamp: Timestamp(if version >= 2 { 1_700_000_000_002 } else { -1 }),
        members: vec![first, second],
    }
}

#[test]
fn every_version_of_an_offset_is_read_as_kafka_made_it() {
    for version in 0..=4 {
        let Decoded::Offset { group, topic, partition, value } = read(&fixture(&format!("offset-v{version}"))).unwrap()
        else {
            panic!("no offset")
        };
        assert_eq!((&*group, &*topic, partition.0), ("gruppe-ö", "topic.a", 7));
        assert_eq!(value, Some(made_offset(version)), "version {version}");
    }
}

#[test]
fn every_version_of_a_group_is_read_as_kafka_made_it() {
    for version in 0..=4 {
        let Decoded::Group { group, value } = read(&fixture(&format!("group-v{version}"))).unwrap() else {
            panic!("no group")
        };
        assert_eq!((&*group, value), ("gruppe-ö", Some(made_group(version))), "version {version}");
    }
}

#[test]
fn keys_from_before_kafka_0_9_are_read() {
    let old = fixture("legacy-offset-v0");
    let Decoded::Offset { group, topic, partition, value: Some(value) } = read(&old).unwrap() else {
        panic!("no offset")
    };
    assert_eq!((&*group, &*topic, partition.0), ("old", "t", 3));
    assert_eq!((value.offset.0, &*value.metadata, value.commit_timestamp.0), (9, "m", 1_400_000_000_001));
    let newer = [&1_i16.to_be_bytes(), &old.value.as_ref().unwrap()[2..]].concat();
    assert_eq!(decode(&old.key, Some(&newer)), Err(RecordError::Version { kind: 0, version: 1 }));
}

/// What this writes is what a Kafka 4.4 broker wrote, to the byte: versions, null and empty, tagged topic ids.
#[test]
fn what_kafka_writes_is_written_the_same() {
    let of_broker = fixtures().into_iter().filter(|(name, _)| name.bytes().all(|byte| byte.is_ascii_digit()));
    let made = ["offset-v1", "offset-v4", "offset-v4-no-id", "group-v3", "group-empty-v3"];
    let records: Vec<_> = of_broker.chain(made.map(|name| (name, fixture(name)))).collect();
    assert!(records.len() > 20, "{} records", records.len());
    for (name, record) in records {
        assert_eq!(write(&read(&record).unwrap()), record, "{name}");
    }
}

#[test]
fn a_broker_s_own_records_say_what_was_done() {
    let Decoded::Group { group, value: Some(value) } = read(&fixture("1")).unwrap() else { panic!("no group") };
    let member = &value.members[0];
    assert_eq!((&*group, value.generation, value.protocol.as_deref()), ("static", 1, Some("range")));
    assert_eq!(value.leader.as_ref(), Some(&member.member));
    assert_eq!(member.instance.as_deref(), Some("instance-1"));
    assert_eq!((&*member.client_id, &*member.client_host), ("golden", "/127.0.0.1"));
    assert_eq!(subscription::topics(&member.subscription).unwrap(), ["alpha".into(), "beta".into()]);

    // The first record of a group: no protocol type yet.
    let Decoded::Group { value: Some(value), .. } = read(&fixture("0")).unwrap() else { panic!("no group") };
    assert_eq!((&*value.protocol_type, value.generation, value.protocol, value.leader), ("", 0, None, None));

    // OffsetCommit v2 with ten minutes' retention.
    let Decoded::Offset { value: Some(value), .. } = read(&fixture("9")).unwrap() else { panic!("no offset") };
    assert_eq!(value.expire_timestamp.unwrap().0 - value.commit_timestamp.0, 600_000);
    assert_eq!((&*value.metadata, value.topic_id), ("kept ten minutes", TopicId::ZERO));
}

#[test]
fn records_of_other_kinds_are_left_alone() {
    for kind in [9_i16, 10, 15, 17, i16::MAX, -1] {
        assert_eq!(decode(&kind.to_be_bytes(), Some(&[1, 2, 3])), Ok(Decoded::Other { kind }));
    }
}

#[test]
fn values_of_other_versions_are_told_apart() {
    let check = |kind: i16, key: &Bytes| {
        for version in [-1_i16, 5, i16::MAX] {
            let value = decode(key, Some(&version.to_be_bytes()));
            assert_eq!(value, Err(RecordError::Version { kind, version }));
        }
    };
    check(1, &fixture("offset-v4").key);
    check(2, &fixture("group-v3").key);
}

#[test]
fn a_record_that_is_cut_off_is_an_error() {
    for (name, Record { key, value }) in fixtures() {
        for end in 0..key.len() {
            assert!(decode(&key[..end], value.as_deref()).is_err(), "{name}: key of {end} bytes");
        }
        let value = value.unwrap_or_default();
        for end in 0..value.len() {
            assert!(decode(&key, Some(&value[..end])).is_err(), "{name}: value of {end} bytes");
        }
    }
}

#[test]
fn what_follows_the_last_field_is_let_pass() {
    for (name, Record { key, value }) in fixtures() {
        let longer = |bytes: &[u8]| [bytes, &[0xff; 9]].concat();
        let value_longer = value.as_deref().map(longer);
        assert_eq!(decode(&longer(&key), value_longer.as_deref()), decode(&key, value.as_deref()), "{name}");
    }
}

#[test]
fn tagged_fields_of_newer_versions_are_passed_over() {
    let Record { key, value } = fixture("offset-v4");
    let value = value.unwrap();
    let topic_id_from = value.len() - 19;
    // Two fields: the topic id, and 77 with three bytes.
    let newer = [&value[..topic_id_from], &[2], &value[topic_id_from + 1..], &[77, 3, 1, 2, 3]].concat();
    assert_eq!(decode(&key, Some(&newer)), decode(&key, Some(&value)));
    // A topic id that is cut short by its own length.
    let mut short = value.to_vec();
    short[topic_id_from + 2] = 15;
    assert_eq!(decode(&key, Some(&short)), Err(RecordError::Short));
}

#[test]
fn lengths_that_lie_are_found_out_before_anything_is_allocated() {
    let check = |key: &[u8], value: Option<&[u8]>, error: RecordError| assert_eq!(decode(key, value), Err(error));
    check(&[0, 2, 0x7f, 0xff, b'g'], None, RecordError::Short);
    check(&[0, 2, 0xff, 0xff], None, RecordError::Null);
    check(&[0, 2, 0xff, 0xfe], None, RecordError::Negative(-2));
    check(&[0, 2, 0, 1, 0xff], None, RecordError::Utf8);

    let Record { key, value } = fixture("group-empty-v3");
    let value = value.unwrap();
    let members = |count: i32| [&value[..value.len() - 4], &count.to_be_bytes()].concat();
    check(&key, Some(&members(i32::MAX)), RecordError::TooMany { claimed: i32::MAX as usize, fit: 0 });
    check(&key, Some(&members(-1)), RecordError::Null);

    // Version 4: protocol type of 2^32 - 2 bytes; one of an over-long length; a string over 32,767 bytes that is there.
    let flexible = |rest: &[u8]| [&[0, 4], rest].concat();
    check(&key, Some(&flexible(&[0xff, 0xff, 0xff, 0xff, 0x0f])), RecordError::StringTooLong(u32::MAX as usize - 1));
    check(&key, Some(&flexible(&[0xff, 0xff, 0xff, 0xff, 0x1f])), RecordError::Varint);
    check(&key, Some(&flexible(&[0x81, 0x80, 0x02].repeat(40_000))), RecordError::StringTooLong(32_768));
}

#[test]
fn a_group_whose_names_are_too_long_is_known_before_it_is_written() {
    let mut value = made_group(3);
    assert!(value.fits());
    value.members[1].member = "x".repeat(32_767).into();
    assert!(value.fits());
    let Decoded::Group { value: Some(back), .. } = read(&group("g", Some(&value))).unwrap() else { panic!("no group") };
    assert_eq!(back, value);
    value.members[1].member = "x".repeat(32_768).into();
    assert!(!value.fits());
}

#[test]
fn topics_of_subscriptions() {
    // Versions 0, 0, 0 and 99: whatever is behind the user data is passed over.
    let check = |hex: &str, topics: Option<&[&str]>| {
        let found = subscription::topics(&bytes(hex));
        let found: Option<Vec<&str>> = found.as_ref().map(|topics| topics.iter().map(|topic| &**topic).collect());
        assert_eq!(found.as_deref(), topics, "{hex}");
    };
    check("000000000001000161ffffffff", Some(&["a"]));
    check("00000000000200016100016200000000", Some(&["a", "b"]));
    check("000000000000ffffffff", Some(&[]));
    check("0063000000010001610000000109ffff", Some(&["a"]));
    for nothing in ["", "00", "0000", "0000000000010001", "00007fffffff000161ffffffff", "000000000001000161"] {
        check(nothing, None);
    }
    check("0000ffffffffffffffff", None);
    check("0000000000010001ffffffffff", None);
    check("00000000000100016100000002ff", None);
}

fn any_name() -> impl Strategy<Value = Name> {
    prop_oneof![Just(String::new()), "[a-z]{1,20}", "\\PC{0,60}", "x{100,300}"].prop_map(Name::from)
}

fn any_bytes() -> impl Strategy<Value = Bytes> {
    vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn any_timeout() -> impl Strategy<Value = Duration> {
    (0..i32::MAX as u64).prop_map(Duration::from_millis)
}

prop_compose! {
    fn any_offset()(
        offset: i64, epoch: i32, metadata in any_name(), committed: i64, expire in option::of(0..i64::MAX), id: u128,
    ) -> OffsetValue {
        let epoch = if expire.is_some() { -1 } else { epoch };
        let id = if expire.is_some() || epoch % 3 == 0 { 0 } else { id };
        OffsetValue {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(epoch),
            metadata,
            commit_timestamp: Timestamp(committed),
            expire_timestamp: expire.map(Timestamp),
            topic_id: TopicId(Uuid::from_u128(id)),
        }
    }
}

prop_compose! {
    fn any_member()(
        names in (any_name(), option::of(any_name()), any_name(), any_name()),
        rebalance_timeout in any_timeout(), session_timeout in any_timeout(),
        subscription in any_bytes(), assignment in any_bytes(),
    ) -> MemberValue {
        let (member, instance, client_id, client_host) = names;
        MemberValue {
            member, instance, client_id, client_host, rebalance_timeout, session_timeout, subscription, assignment,
        }
    }
}

prop_compose! {
    fn any_group()(
        protocol_type in any_name(), generation: i32, protocol in option::of(any_name()),
        leader in option::of(any_name()), current: i64, members in vec(any_member(), 0..5),
    ) -> GroupValue {
        GroupValue {
            protocol_type, generation, protocol, leader, current_state_timestamp: Timestamp(current), members,
        }
    }
}

proptest! {
    #[test]
    fn offsets_come_back_as_they_were(
        group in any_name(), topic in any_name(), partition: i32, value in option::of(any_offset()),
    ) {
        let partition = PartitionIndex(partition);
        let record = offset(&group, &topic, partition, value.as_ref());
        prop_assert_eq!(read(&record), Ok(Decoded::Offset { group, topic, partition, value }));
    }

    #[test]
    fn groups_come_back_as_they_were(name in any_name(), value in option::of(any_group())) {
        let record = group(&name, value.as_ref());
        prop_assert_eq!(read(&record), Ok(Decoded::Group { group: name, value }));
    }

    #[test]
    fn no_bytes_make_it_panic(kind in 0..4_i16, version in 0..6_i16, rest in vec(any::<u8>(), 0..200)) {
        let _ = decode(&rest, Some(&rest));
        let _ = decode(&[&kind.to_be_bytes(), &rest[..]].concat(), None);
        let name = if kind == 2 { "group-v3" } else { "offset-v4" };
        let _ = decode(&fixture(name).key, Some(&[&version.to_be_bytes(), &rest[..]].concat()));
        let _ = subscription::topics(&rest);
    }

    #[test]
    fn no_changed_byte_makes_it_panic(which: prop::sample::Index, at: prop::sample::Index, to: u8) {
        let fixtures = fixtures();
        let (_, Record { key, value: Some(value) }) = which.get(&fixtures) else { return Ok(()) };
        let mut changed = value.to_vec();
        let at = at.index(changed.len());
        changed[at] = to;
        let _ = decode(key, Some(&changed));
    }
}
