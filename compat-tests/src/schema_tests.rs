//! The hostile frames' own description of the protocol is checked against the codec crate: what it calls valid decodes.

use super::all;
use crate::rng::Rng;
use bytes::{Buf, Bytes};
use kafka_protocol::messages::{ApiKey, RequestHeader, RequestKind};
use kafka_protocol::protocol::Decodable;

/// Versions that the crate can't judge. Of two APIs it knows a response more than requests.
fn unknown_to_the_crate(key: ApiKey, version: i16) -> bool {
    if matches!((key, version), (ApiKey::OffsetCommit | ApiKey::OffsetFetch, 10)) {
        return true;
    }
    let range = key.valid_versions();
    version < range.min || version > range.max
}

#[test]
fn valid_frames_decode_to_the_last_byte() {
    let mut rng = Rng::new(7);
    for schema in all() {
        let key = ApiKey::try_from(schema.key).expect("known to the crate");
        for version in schema.versions.0..=schema.versions.1 {
            if unknown_to_the_crate(key, version) {
                continue;
            }
            for round in 0..20 {
                let frame = schema.random_frame(version, &mut rng);
                let mut bytes = Bytes::from(frame);
                let header = RequestHeader::decode(&mut bytes, key.request_header_version(version));
                assert!(header.is_ok(), "{} v{version} round {round}: header", schema.name);
                let body = RequestKind::decode(key, &mut bytes, version);
                assert!(body.is_ok(), "{} v{version} round {round}: {:?}", schema.name, body.err());
                assert_eq!(bytes.remaining(), 0, "{} v{version} round {round}: bytes left", schema.name);
            }
        }
    }
}

/// The broker's own table, as docs/protocol.md has it: what it answers is attacked, every API and version.
#[test]
fn every_version_that_is_answered_has_frames() {
    let page = include_str!("../../docs/protocol.md");
    let row = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect();
        let (from, to) = cells.get(2)?.split_once('-')?;
        Some((cells[0].parse::<i16>().ok()?, cells[1].clone(), (from.parse().ok()?, to.parse().ok()?)))
    };
    let answered: Vec<(i16, String, (i16, i16))> = page.lines().filter_map(row).collect();
    let attacked: Vec<_> = all().into_iter().map(|schema| (schema.key, schema.name, schema.versions)).collect();
    assert!(answered.len() > 20, "the table of docs/protocol.md was not understood: {answered:?}");
    assert_eq!(attacked, answered);
}

#[test]
fn bombs_have_their_size_and_claims_are_short() {
    for schema in all() {
        for path in schema.arrays(schema.versions.1) {
            let bomb = schema.bomb(schema.versions.1, &path, 10_000);
            assert!((9_000..11_000).contains(&bomb.len()), "{} {path}: {} bytes", schema.name, bomb.len());
            assert!(schema.claim(schema.versions.1, &path).len() < 100, "{} {path}", schema.name);
        }
    }
}
