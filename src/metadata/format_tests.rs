//! The bytes of metadata objects: round trips, one kept for ever, and bad ones.

use super::Change;
use super::Image;
use super::format::{
    ChangesBody, HEADER_BYTES, Kind, Problem, decode_changes, decode_snapshot, encode_snapshot, object_key, parse_key,
    seal, snapshot_key,
};
use super::image::LastWrite;
use super::image_tests::{any_change, create};
use super::replay;
use crate::base::NodeId;
use bytes::Bytes;
use proptest::prelude::*;

fn object(number: u64, changes: &[Change]) -> Bytes {
    let mut body = ChangesBody::new();
    changes.iter().for_each(|change| body.push(change));
    let len = body.object_len();
    let object = body.seal(number, 7, NodeId(1));
    assert_eq!(object.len(), len);
    object
}

fn problem(number: u64, bytes: &[u8]) -> Problem {
    let error = decode_changes(number, bytes).expect_err("these bytes are bad");
    assert_eq!(error.key, object_key(number));
    assert!(error.to_string().starts_with(&format!("metadata object {} ", error.key)), "{error}");
    error.problem
}

proptest! {
    #[test]
    fn changes_come_back_as_they_were(number in 1..1_000_u64, changes in proptest::collection::vec(any_change(), 0..8)) {
        prop_assert_eq!(decode_changes(number, &object(number, &changes)).unwrap().1, changes);
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200), number: u64) {
        prop_assert!(decode_changes(number, &bytes).is_err());
        prop_assert!(decode_snapshot(number, &bytes).is_err());
        // Sound on the outside, anything within.
        let sealed = seal(Kind::Changes, number, 1, NodeId(1), &bytes);
        let _ = decode_changes(number, &sealed);
        let sealed = seal(Kind::Snapshot, number, 1, NodeId(1), &bytes);
        let _ = decode_snapshot(number, &sealed);
    }
}

#[test]
fn the_form_of_version_1_is_kept() {
    let found = object(3, &[create("t", 5, 2), Change::ReserveProducerIds { node: NodeId(1) }]);
    let body = concat!(
        r#"[{"create_topic":{"name":"t","id":"00000000-0000-0000-0000-000000000005","partitions":2}},"#,
        r#"{"reserve_producer_ids":{"node":1}}]"#
    );
    assert_eq!(std::str::from_utf8(&found[HEADER_BYTES..]).unwrap(), body);
    let mut header = b"OTTLMETA\x00\x01\xff\xfe\x01\0\0\0".to_vec();
    header.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7, 0, 0, 0, 1, 0, 0, 0, 0]);
    header.extend([0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, body.len() as u8]);
    assert_eq!(found[..56], header);
    let (write, _) = decode_changes(3, &found).unwrap();
    assert_eq!(write, LastWrite { node: NodeId(1), number: 3, nonce: uuid::Uuid::from_u128(7) });
    let every = [
        r#"{"found_cluster":{"cluster_id":"c"}}"#,
        r#"{"create_topic":{"name":"n","id":"00000000-0000-0000-0000-000000000001","partitions":1,"configs":{"k":"v"}}}"#,
        r#"{"delete_topic":{"id":"00000000-0000-0000-0000-000000000001"}}"#,
        r#"{"add_partitions":{"id":"00000000-0000-0000-0000-000000000001","count":2}}"#,
        r#"{"set_topic_configs":{"id":"00000000-0000-0000-0000-000000000001","set":{"k":"v"},"delete":["d"]}}"#,
        r#"{"set_broker_configs":{"node":1,"set":{"k":"v"}}}"#,
        r#"{"set_broker_configs":{"node":null,"delete":["d"]}}"#,
        r#"{"set_group_configs":{"group":"g","set":{"k":"v"}}}"#,
        r#"{"start_broker":{"node":1,"rack":"r"}}"#,
        r#"{"start_broker":{"node":1}}"#,
        r#"{"set_feature":{"name":"f","level":2}}"#,
    ];
    for json in every {
        let body = format!("[{json}]");
        let (_, changes) = decode_changes(1, &seal(Kind::Changes, 1, 0, NodeId(0), body.as_bytes())).expect(json);
        assert_eq!(object(1, &changes)[HEADER_BYTES..], *body.as_bytes());
    }
}

#[test]
fn cut_flipped_and_lengthened_objects_are_named() {
    let good = object(4, &[create("t", 1, 1)]);
    for end in 0..good.len() {
        assert!(matches!(problem(4, &good[..end]), Problem::Truncated { has, .. } if has == end), "cut at {end}");
    }
    for bit in 0..good.len() * 8 {
        let mut bad = good.to_vec();
        bad[bit / 8] ^= 1 << (bit % 8);
        let found = problem(4, &bad);
        assert!(matches!(found, Problem::Magic | Problem::Checksum { .. }), "bit {bit}: {found}");
    }
    let mut long = good.to_vec();
    long.push(0);
    assert!(matches!(problem(4, &long), Problem::TooLong { extra: 1 }));
    assert!(matches!(problem(5, &good), Problem::Misplaced { number: 4, kind: 1 }));
    let snapshot = encode_snapshot(&Image::default(), 1, NodeId(1));
    assert!(matches!(problem(0, &snapshot), Problem::Misplaced { number: 0, kind: 2 }));
    let error = decode_snapshot(9, &good).unwrap_err();
    assert_eq!(error.key, snapshot_key(9));
}

/// A header that claims anything, with a checksum that fits.
fn forged(version: u16, length: u64) -> Vec<u8> {
    let mut forged = seal(Kind::Changes, 1, 0, NodeId(0), b"[]").to_vec();
    forged[8..10].copy_from_slice(&version.to_be_bytes());
    forged[10..12].copy_from_slice(&(!version).to_be_bytes());
    forged[48..56].copy_from_slice(&length.to_be_bytes());
    let crc = crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, &forged[..60]) as u32;
    forged[60..64].copy_from_slice(&crc.to_be_bytes());
    forged
}

#[test]
fn claims_are_not_believed() {
    assert!(decode_changes(1, &forged(1, 2)).unwrap().1.is_empty());
    for length in [3, u64::from(u32::MAX), u64::MAX - 64, u64::MAX] {
        assert!(matches!(problem(1, &forged(1, length)), Problem::Truncated { .. }), "{length}");
    }
    assert!(matches!(problem(1, &forged(1, 1)), Problem::TooLong { extra: 1 }));
    assert!(matches!(problem(1, &forged(2, 2)), Problem::Newer { version: 2 }));
    assert!(matches!(problem(1, &forged(0, 2)), Problem::Magic));
    assert!(problem(1, &forged(9, 2)).to_string().contains("version 9"));
}

#[test]
fn unknown_content_is_refused_not_skipped() {
    let check = |body: &str| {
        let found = problem(1, &seal(Kind::Changes, 1, 0, NodeId(0), body.as_bytes()));
        assert!(matches!(found, Problem::Content(_)), "{body}: {found}");
    };
    check("");
    check("{}");
    check("[");
    check(r#"[{"paint_topic":{"id":1}}]"#);
    check(r#"[{"reserve_producer_ids":{"node":1,"count":5}}]"#);
    check(r#"[{"reserve_producer_ids":{}}]"#);
    check(r#"[{"reserve_producer_ids":{"node":99999999999}}]"#);
    check(r#"[{"delete_topic":{"id":"not-an-id"}}]"#);
    check(&"[".repeat(100_000));
    // Readable, but not what can follow.
    let mut image = Image::default();
    let error = replay::apply(&mut image, 1, &object(1, &[create("a", 1, 1), create("a", 2, 1)])).unwrap_err();
    assert!(matches!(error.problem, Problem::Refused(_)), "{error}");
    assert_eq!((image.topic_count(), image.version()), (0, 0));
}

#[test]
fn keys_are_read_strictly() {
    assert_eq!(object_key(42), "meta/00000000000000000042");
    let check = |key: &str, expected| assert_eq!(parse_key(key), expected, "{key}");
    check(&object_key(42), Some((Kind::Changes, 42)));
    check(&snapshot_key(42), Some((Kind::Snapshot, 42)));
    for key in [
        "meta/42",
        "meta/0000000000000000004a",
        "meta/00000000000000000000",
        "meta/18446744073709551615",
        "meta/99999999999999999999",
        "meta/snapshots/",
        "meta/snapshots/42",
        "meta/+0000000000000000042",
        "metal/00000000000000000042",
        "meta/x/00000000000000000042",
        "",
    ] {
        check(key, None);
    }
}
