//! The decoder against two oracles, the codec crate and Kafka's own Java serialiser, and against bytes of no good will.

use super::oracle;
use super::sample::Random;
use super::*;
use crate::wire::Array;
use crate::wire::api::API_TABLE;
use crate::wire::produce::{PartitionProduceData, TopicProduceData};
use crate::wire::{HeaderError, Problem, RequestHeader};
use serde_json::{Value, json};

/// Random requests of each API and version that are compared with the crate's.
const COMPARED_PER_VERSION: usize = 200;

/// Mutations of each valid body.
const MUTATIONS_PER_BODY: usize = 1_000;

/// Random bodies for each API and version.
const RANDOM_BODIES_PER_VERSION: usize = 500;

/// The one seed; what fails prints the API, version and bytes besides.
const SEED: u64 = 0x07_7a;

/// Requests written by others; `fixtures/README.md` tells how to add to them. The first has every API and version.
const FIXTURES: &[&str] = &[
    include_str!("../fixtures/kafka-clients-4.4.0.txt"), //
    include_str!("../fixtures/franz-go-1.22.2.txt"),
];

/// Requests recorded from real clients.
const RECORDED: &[(&str, &str)] = &[
    ("Java 4.4.0", include_str!("../fixtures/recorded/java-4.4.0.txt")),
    ("franz-go 1.22.2", include_str!("../fixtures/recorded/franz-go-1.22.2.txt")),
    ("kafka-python 3.0.12", include_str!("../fixtures/recorded/kafka-python-3.0.12.txt")),
    ("librdkafka 2.0.2", include_str!("../fixtures/recorded/librdkafka-2.0.2.txt")),
    ("librdkafka 2.16.1", include_str!("../fixtures/recorded/librdkafka-2.16.1.txt")),
    ("sarama 1.61.1", include_str!("../fixtures/recorded/sarama-1.61.1.txt")),
];

/// A frame of the fixtures and what is in it.
struct Fixture {
    api: Api,
    version: i16,
    frame: Bytes,
    header: Value,
    body: Value,
}

fn unhex(text: &str) -> Bytes {
    let digit = |at| u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal digits");
    (0..text.len()).step_by(2).map(digit).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn fixtures() -> impl Iterator<Item = Fixture> {
    FIXTURES.iter().flat_map(|file| file.lines()).map(|line| {
        let mut fields = line.split('\t');
        let mut next = || fields.next().expect("five fields");
        let name = next();
        Fixture {
            api: API_TABLE.iter().find(|row| row.name == name).expect("an API of the table").api,
            version: next().parse().expect("a version"),
            frame: unhex(next()),
            header: serde_json::from_str(next()).expect("JSON"),
            body: serde_json::from_str(next()).expect("JSON"),
        }
    })
}

/// Every API and version of the table.
fn versions() -> impl Iterator<Item = (Api, i16)> {
    API_TABLE.iter().flat_map(|row| (row.min..=row.max).map(|version| (row.api, version)))
}

/// Valid bodies of every API and version: the crate's where it writes that version, and the fixtures.
fn bodies(random: &mut Random) -> Vec<(Api, i16, Bytes)> {
    let mut bodies: Vec<_> = fixtures()
        .map(|fixture| (fixture.api, fixture.version, RequestHeader::decode(fixture.frame).expect("a frame").1))
        .collect();
    for (api, version) in versions() {
        let request = Request::sample(api, random, version);
        if let Ok(body) = oracle::encode(&request, version) {
            bodies.push((api, version, body));
        }
    }
    bodies
}

/// Decodes and, when that works, walks all there is: what was accepted once must be readable ever after.
fn decode_and_walk(api: Api, version: i16, body: &Bytes) -> Result<Request, crate::wire::DecodeError> {
    let request = Request::decode(api, version, body.clone())?;
    let _ = request.json(version);
    Ok(request)
}

#[test]
fn random_requests_of_the_crate_decode_to_the_same_values() {
    let mut random = Random(SEED);
    let mut unwritten = Vec::new();
    for (api, version) in versions() {
        for _ in 0..COMPARED_PER_VERSION {
            let request = Request::sample(api, &mut random, version);
            match oracle::encode(&request, version) {
                Ok(body) => {
                    let decoded = Request::decode(api, version, body.clone());
                    assert_eq!(decoded.as_ref(), Ok(&request), "{api} {version} {}", hex(&body));
                }
                Err(reason) => unwritten.push((api, version, reason)),
            }
        }
    }
    // What the crate does not write is exactly what the fixtures below are for.
    unwritten.dedup();
    let unwritten: Vec<_> = unwritten.iter().map(|(api, version, _)| (*api, *version)).collect();
    assert_eq!(unwritten, [(Api::OffsetCommit, 10), (Api::OffsetFetch, 10), (Api::ApiVersions, 5)]);
}

/// Bytes as Kafka's JSON has them: base64, filled up with `=`.
fn base64(bytes: &[Value]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[Value]| {
        let byte = |at: usize| bytes.get(at).map_or(0, |byte| byte.as_u64().expect("a byte"));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        let digit = |at: usize| char::from(ALPHABET[(bits >> (18 - 6 * at)) as usize & 63]);
        (0..4).map(|at| if at <= bytes.len() { digit(at) } else { '=' }).collect::<String>()
    };
    bytes.chunks(3).map(group).collect()
}

/// Kafka's JSON leaves out tagged fields that hold their default, and shows the size of records in their place.
fn assert_same(ours: &Value, theirs: &Value, place: &str) {
    const TAGGED: &[&str] = &["clusterId", "replicaState", "replicaDirectoryId", "highWatermark"];
    match (ours, theirs) {
        (Value::Object(ours), Value::Object(theirs)) => {
            for (name, value) in ours {
                match (name.as_str(), theirs.get(name)) {
                    (_, Some(theirs)) => assert_same(value, theirs, &format!("{place}.{name}")),
                    ("records", None) => {
                        let size = value.as_array().map(Vec::len);
                        assert_eq!(json!(size), theirs["recordsSizeInBytes"], "{place}.{name}");
                    }
                    (_, None) => assert!(TAGGED.contains(&name.as_str()), "{place}.{name} is ours alone"),
                }
            }
            let known = |name: &&String| ours.contains_key(*name) || *name == "recordsSizeInBytes";
            assert_eq!(theirs.keys().find(|name| !known(name)), None, "{place}");
        }
        (Value::Array(ours), Value::Array(theirs)) => {
            assert_eq!(ours.len(), theirs.len(), "{place}");
            for (at, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
                assert_same(ours, theirs, &format!("{place}[{at}]"));
            }
        }
        (Value::Array(ours), Value::String(theirs)) => assert_eq!(base64(ours), *theirs, "{place}"),
        (ours, theirs) => assert_eq!(ours, theirs, "{place}"),
    }
}

#[test]
fn requests_written_by_others_decode_to_the_same_values() {
    let mut seen = std::collections::BTreeSet::new();
    for fixture in fixtures() {
        let place = format!("{} {}", fixture.api, fixture.version);
        let (header, body) = RequestHeader::decode(fixture.frame).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert_eq!((header.api, header.version), (fixture.api, fixture.version));
        assert_eq!(json!(header.correlation_id), fixture.header["correlationId"], "{place}");
        assert_eq!(json!(header.client_id.as_deref()), fixture.header["clientId"], "{place}");
        let request = Request::decode(header.api, header.version, body).unwrap_or_else(|e| panic!("{place}: {e}"));
        assert_eq!(request.api(), header.api);
        assert_same(&request.json(header.version), &fixture.body, &place);
        seen.insert((header.api, header.version));
    }
    assert_eq!(seen.into_iter().collect::<Vec<_>>(), versions().collect::<Vec<_>>(), "a version without a fixture");
}

/// What was decoded says the same as what came: the crate writes it back to the byte.
#[test]
fn recorded_requests_decode_and_encode_to_the_same_bytes() {
    let (mut same, mut unwritten) = (0, Vec::new());
    for (client, file) in RECORDED {
        for line in file.lines() {
            let frame = unhex(line.rsplit(' ').next().expect("key, version and frame"));
            let (header, body) = match RequestHeader::decode(frame) {
                Ok(whole) => whole,
                // Recorded against Apache Kafka, which serves a version more of these two.
                Err(HeaderError::UnsupportedVersion { api: Api::ListOffsets, version: 11, .. }) => continue,
                Err(HeaderError::UnsupportedVersion { api: Api::DescribeLogDirs, version: 5, .. }) => continue,
                Err(error) => panic!("{client}: {error}: {line}"),
            };
            assert!(header.client_id.is_some(), "{client}: {line}");
            let request = Request::decode(header.api, header.version, body.clone());
            let request = request.unwrap_or_else(|error| panic!("{client}: {error}: {line}"));
            match oracle::encode(&request, header.version) {
                Ok(again) => {
                    assert_eq!(hex(&again), hex(&body), "{client}: {request:?}");
                    same += 1;
                }
                Err(_) => unwritten.push(request),
            }
        }
    }
    assert!(same >= 50, "{same}");
    // Two of ApiVersions 5, which the crate can't write.
    assert_eq!(unwritten.len(), 2, "{unwritten:?}");
    for request in unwritten {
        let Request::ApiVersions(request) = request else { panic!("{request:?}") };
        assert!(["apache-kafka-java", "kgo"].contains(&request.client_software_name.as_str()), "{request:?}");
        assert_eq!((request.cluster_id.as_deref(), request.node_id.0), (Some("l8YQs9O5tD6vz_ICpBoQLg"), 1));
    }
}

#[test]
fn a_frame_cut_anywhere_is_an_error() {
    for fixture in fixtures() {
        let (header, body) = RequestHeader::decode(fixture.frame.clone()).expect("a whole frame");
        let head = fixture.frame.len() - body.len();
        for length in 0..head {
            let cut = RequestHeader::decode(fixture.frame.slice(..length));
            assert!(matches!(cut, Err(HeaderError::Malformed(_))), "{header:?} cut to {length}: {cut:?}");
        }
        for length in 0..body.len() {
            let cut = Request::decode(header.api, header.version, body.slice(..length));
            assert!(cut.is_err(), "{header:?} cut to {length}: {cut:?}");
        }
    }
}

#[test]
fn bytes_after_the_end_are_an_error() {
    for (api, version, body) in bodies(&mut Random(SEED)) {
        let longer: Bytes = body.iter().copied().chain([0]).collect();
        let error = Request::decode(api, version, longer).expect_err("a byte too many");
        assert_eq!(error.problem, Problem::Trailing(1), "{api} {version}: {error}");
    }
}

#[test]
fn versions_out_of_the_table_are_an_error() {
    for row in API_TABLE {
        for version in [i16::MIN, -1, row.min - 1, row.max + 1, i16::MAX] {
            let error = Request::decode(row.api, version, Bytes::new()).expect_err("not served");
            assert_eq!(error.problem, Problem::Version(version));
        }
    }
}

/// Changes a body the ways that hurt parsers: bits, lengths and counts at their limits, bytes gone, doubled, foreign.
fn mutate(random: &mut Random, body: &Bytes) -> Bytes {
    let mut bytes = body.to_vec();
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(8)).min(bytes.len());
        match random.below(7) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 if at < bytes.len() => bytes[at] = [0, 1, 0x7f, 0x80, 0xfe, 0xff][random.below(6)],
            2 => {
                let huge: [&[u8]; 5] = [
                    &[0x7f, 0xff, 0xff, 0xff],
                    &[0xff, 0xff, 0xff, 0xff, 0x0f],
                    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
                    &[0xff, 0xff, 0xff, 0xfe],
                    &[0x00, 0x01, 0x86, 0xa0],
                ];
                bytes.splice(at..end.max(at), huge[random.below(5)].iter().copied());
            }
            3 => bytes.truncate(at),
            4 => drop(bytes.drain(at..end.max(at))),
            5 => {
                let copy = bytes[at..end.max(at)].to_vec();
                bytes.splice(at..at, copy);
            }
            _ => drop(bytes.splice(at..at, (0..random.below(6)).map(|_| random.next() as u8).collect::<Vec<_>>())),
        }
    }
    bytes.into()
}

#[test]
fn mutated_bodies_never_panic() {
    let mut random = Random(SEED);
    let (mut accepted, mut refused) = (0, 0);
    for (api, version, body) in bodies(&mut random) {
        for _ in 0..MUTATIONS_PER_BODY {
            let mutated = mutate(&mut random, &body);
            match std::panic::catch_unwind(|| decode_and_walk(api, version, &mutated)) {
                Ok(Ok(_)) => accepted += 1,
                Ok(Err(_)) => refused += 1,
                Err(_) => panic!("{api} {version}, seed {SEED:#x}: {}", hex(&mutated)),
            }
        }
    }
    // Both kinds must occur, or the mutations test nothing.
    assert!(accepted > 1_000 && refused > 10_000, "{accepted} accepted, {refused} refused");
}

#[test]
fn random_bodies_never_panic() {
    let mut random = Random(SEED);
    for (api, version) in versions() {
        for _ in 0..RANDOM_BODIES_PER_VERSION {
            let body: Bytes = (0..random.below(200)).map(|_| random.next() as u8).collect();
            if std::panic::catch_unwind(|| decode_and_walk(api, version, &body)).is_err() {
                panic!("{api} {version}, seed {SEED:#x}: {}", hex(&body));
            }
        }
    }
}

/// Bodies of a few bytes that made other decoders ask for gigabytes.
#[test]
fn claimed_counts_are_not_believed() {
    let check = |api: Api, version: i16, body: &str| {
        let error = Request::decode(api, version, unhex(body)).expect_err("a lie");
        assert!(matches!(error.problem, Problem::TooManyToFit { .. }), "{api} {version}: {error}");
    };
    check(Api::Metadata, 1, "7fffffff");
    check(Api::Metadata, 12, "ffffffff0f");
    check(Api::CreateTopics, 2, "7fffffff");
    check(Api::CreateAcls, 1, "7fffffff");
    check(Api::Produce, 3, "ffff0001000000017fffffff");
    check(Api::Produce, 9, "00000100000001ffffffff0f");
    check(Api::Fetch, 4, "ffffffff000000000000000000000000007fffffff");
    check(Api::JoinGroup, 0, "000000000000000000007fffffff");
    check(Api::SyncGroup, 4, "01000000000100ffffffff0f");
    check(Api::LeaveGroup, 3, "00007fffffff");
    check(Api::OffsetCommit, 8, "01000000000100ffffffff0f");
    check(Api::OffsetCommit, 10, "01000000000100ffffffff0f");
    check(Api::OffsetFetch, 1, "00007fffffff");
    check(Api::OffsetFetch, 10, "ffffffff0f");
    check(Api::OffsetDelete, 0, "00007fffffff");
    check(Api::DescribeGroups, 0, "7fffffff");
    check(Api::ListGroups, 5, "01ffffffff0f");
    check(Api::DeleteGroups, 2, "ffffffff0f");
    check(Api::UpdateFeatures, 0, "00000000ffffffff0f");
    check(Api::UpdateFeatures, 2, "00000000ffffffff0f");
    check(Api::ConsumerGroupHeartbeat, 0, "010100000000000000000000ffffffff0f"); // topic names
    check(Api::ConsumerGroupHeartbeat, 0, "0101000000000000000000000000ffffffff0f"); // partitions owned
    check(Api::ConsumerGroupHeartbeat, 1, "010100000000000000000000000000ffffffff0f");
    check(Api::ConsumerGroupDescribe, 0, "ffffffff0f");
}

#[test]
fn nulls_are_refused_where_the_version_has_none() {
    let check = |api: Api, version: i16, body: &str| {
        let error = Request::decode(api, version, unhex(body)).expect_err("a null");
        assert_eq!(error.problem, Problem::Null, "{api} {version}: {error}");
    };
    check(Api::Metadata, 0, "ffffffff"); // null topics
    check(Api::Metadata, 9, "020000"); // null name
    check(Api::ListOffsets, 1, "ffffffffffffffff"); // null topics
    check(Api::ListOffsets, 1, "ffffffff00000001ffff00000000"); // null name
    check(Api::FindCoordinator, 0, "ffff");
    check(Api::ApiVersions, 3, "000000");
    check(Api::JoinGroup, 0, "ffff"); // null group
    check(Api::JoinGroup, 0, "00000000000000000000000000010000ffffffff"); // null metadata
    check(Api::LeaveGroup, 4, "0100"); // null members
    check(Api::OffsetFetch, 1, "0000ffffffff"); // null topics
    check(Api::OffsetFetch, 8, "00"); // null groups
    check(Api::DescribeGroups, 0, "00000001ffff"); // null group
    check(Api::ListGroups, 4, "00"); // null states
    check(Api::UpdateFeatures, 0, "0000000000"); // null features
    check(Api::UpdateFeatures, 1, "00000000020000000100"); // null name
    check(Api::ConsumerGroupHeartbeat, 0, "00"); // null group
    check(Api::ConsumerGroupHeartbeat, 1, "0100"); // null member
    check(Api::ConsumerGroupHeartbeat, 0, "0101000000000000000000000200"); // null topic name
    check(Api::ConsumerGroupDescribe, 0, "00"); // null groups
    check(Api::ConsumerGroupDescribe, 1, "0200"); // null group
    let all = MetadataRequest::decode(1, unhex("ffffffff")).expect("null means all from version 1");
    assert_eq!(all.topics, None);
}

#[test]
fn records_are_slices_of_the_frame() {
    let request = ProduceRequest {
        topic_data: Array::from(vec![TopicProduceData {
            partition_data: Array::from(vec![PartitionProduceData {
                records: Some(Bytes::from(vec![7; 1 << 20])),
                ..Default::default()
            }]),
            ..Default::default()
        }]),
        ..Default::default()
    };
    for version in [3, 9, 13] {
        let body = oracle::encode(&Request::Produce(request.clone()), version).expect("a body");
        let decoded = ProduceRequest::decode(version, body.clone()).expect("a request");
        let topic = decoded.topic_data.iter().next().expect("a topic");
        let records = topic.partition_data.iter().next().and_then(|partition| partition.records).expect("records");
        assert!(body.as_ptr_range().contains(&records.as_ptr()), "copied");
        assert_eq!(records.len(), 1 << 20);
    }
}
