//! The answers of Apache Kafka 4.4 to the same requests, one after the other; text is ours.

use super::features::FEATURES;
use super::*;
use crate::base::Part;
use crate::metadata::GROUP_VERSION;
use crate::wire::requests::features::FeatureUpdateKey;
use crate::wire::{Api, Array, Str};
use kafka_protocol::messages::ResponseHeader;
use kafka_protocol::protocol::Decodable;

const NODE: NodeId = NodeId(7);

fn key(name: &str, level: i16, upgrade_type: i8) -> FeatureUpdateKey {
    FeatureUpdateKey {
        feature: Str::from_string(name.to_owned()),
        max_version_level: level,
        allow_downgrade: false,
        upgrade_type,
    }
}

fn request(updates: &[(&str, i16, i8)], validate_only: bool) -> UpdateFeaturesRequest {
    let updates = updates.iter().map(|(name, level, kind)| key(name, *level, *kind));
    UpdateFeaturesRequest { feature_updates: updates.collect(), validate_only, ..Default::default() }
}

async fn ask(metadata: &MetadataLog, version: i16, request: &UpdateFeaturesRequest) -> UpdateFeaturesResponse {
    let header = RequestHeader { api: Api::UpdateFeatures, version, correlation_id: 1, client_id: None };
    let outcome = answer(metadata, FEATURES.iter().collect(), NODE, &header, request).await;
    let done = outcome.expect("an answer");
    let [Part::Bytes(bytes)] = &done.body.parts[..] else { panic!("one piece of bytes") };
    let mut bytes = bytes.clone();
    ResponseHeader::decode(&mut bytes, 1).expect("a header");
    let response = UpdateFeaturesResponse::decode(&mut bytes, version).expect("a body");
    assert!(bytes.is_empty());
    assert_eq!(response.error_code, done.error.code());
    assert_eq!(response.error_message.is_some(), response.error_code != 0, "{response:?}");
    response
}

/// Updates as name, level and kind; whether they are made; the level afterwards.
type Row = (&'static [(&'static str, i16, i8)], bool, i16);

/// Each row is an update and whether Kafka makes it, with the level afterwards.
#[tokio::test]
async fn levels_change_as_kafkas_do() {
    const G: &str = GROUP_VERSION;
    let metadata = MetadataLog::in_memory("cluster");
    let rows: &[Row] = &[
        (&[(G, 0, 1)], true, 0),
        (&[(G, 1, 1)], true, 1),
        (&[(G, 1, 1)], true, 1), // as it is
        (&[(G, 1, 2)], true, 1),
        (&[(G, 0, 1)], false, 1), // an upgrade lowers nothing
        (&[(G, 0, 2)], true, 0),
        (&[(G, 0, 3)], true, 0),
        (&[(G, 1, 2)], false, 0), // a downgrade raises nothing
        (&[(G, 1, 3)], false, 0),
        (&[(G, 1, 0)], false, 0), // no such kinds
        (&[(G, 1, 4)], false, 0),
        (&[(G, 1, -1)], false, 0),
        (&[(G, -1, 1)], false, 0),
        (&[(G, -1, 2)], false, 0),
        (&[(G, 2, 1)], false, 0), // not a level of it
        (&[(G, i16::MAX, 1)], false, 0),
        (&[(G, i16::MIN, 2)], false, 0),
        (&[("", 1, 1)], false, 0),
        (&[("nope", 1, 1)], false, 0),
        (&[("nope", 0, 2)], false, 0),
        (&[("metadata.version", 33, 1)], false, 0),
        (&[("Group.Version", 1, 1)], false, 0),
        (&[], true, 0),
        (&[(G, 1, 1), ("nope", 1, 1)], false, 0), // all or none
        (&[("nope", 1, 1), (G, 1, 1)], false, 0),
        (&[(G, 0, 2), (G, 1, 1)], true, 1), // the last one counts
        (&[(G, 1, 1), (G, 0, 2)], true, 0),
        (&[(G, 9, 1), (G, 1, 1)], true, 1),
    ];
    for (updates, made, level) in rows {
        let before = metadata.image().group_version();
        for version in [1, 2] {
            // Only asked first: the answer is the same, and nothing changes.
            let tried = ask(&metadata, version, &request(updates, true)).await;
            let expected = if *made { ErrorCode::None } else { ErrorCode::InvalidUpdateVersion };
            assert_eq!(tried.error_code, expected.code(), "{updates:?} {tried:?}");
            assert_eq!(metadata.image().group_version(), before, "{updates:?}");
        }
        let response = ask(&metadata, 1, &request(updates, false)).await;
        assert_eq!(response.error_code == 0, *made, "{updates:?} {response:?}");
        assert_eq!(metadata.image().group_version(), *level, "{updates:?}");
    }
}

#[tokio::test]
async fn version_0_raises_levels_and_never_lowers_them() {
    let metadata = MetadataLog::in_memory("cluster");
    let mut update = key(GROUP_VERSION, 1, 1);
    update.allow_downgrade = true;
    let raise = UpdateFeaturesRequest { feature_updates: Array::from(vec![update.clone()]), ..Default::default() };
    assert_eq!(ask(&metadata, 0, &raise).await.error_code, 0);
    update.max_version_level = 0;
    let lower = UpdateFeaturesRequest { feature_updates: Array::from(vec![update]), ..Default::default() };
    assert_eq!(ask(&metadata, 0, &lower).await.error_code, ErrorCode::InvalidUpdateVersion.code());
    assert_eq!(metadata.image().group_version(), 1);
}

#[tokio::test]
async fn features_are_named_up_to_version_1_and_only_when_all_was_well() {
    let metadata = MetadataLog::in_memory("cluster");
    for version in 0..=2 {
        let twice = request(&[(GROUP_VERSION, 1, 1), (GROUP_VERSION, 1, 1)], false);
        let response = ask(&metadata, version, &twice).await;
        let named: Vec<_> = response.results.iter().map(|result| result.feature.as_str()).collect();
        assert_eq!(named, if version <= 1 { vec![GROUP_VERSION; 2] } else { vec![] });
        assert!(response.results.iter().all(|result| result.error_code == 0 && result.error_message.is_none()));
        let refused = ask(&metadata, version, &request(&[(GROUP_VERSION, 1, 1), ("nope", 1, 1)], false)).await;
        assert_eq!((refused.error_code, refused.results.len()), (ErrorCode::InvalidUpdateVersion.code(), 0));
        let message = refused.error_message.expect("a message");
        assert!(message.contains("feature nope can't get level 1: broker 7 has no such feature"), "{message}");
    }
}

/// The longest name that the wire carries, in characters of two bytes: the answer must stay one that a client can read.
#[tokio::test]
async fn a_message_repeats_only_the_start_of_a_name() {
    let metadata = MetadataLog::in_memory("cluster");
    let name = format!("x{}", "é".repeat(16_383));
    for version in 0..=2 {
        let response = ask(&metadata, version, &request(&[(&name, 1, 1)], false)).await;
        assert_eq!(response.error_code, ErrorCode::InvalidUpdateVersion.code());
        let message = response.error_message.expect("a message");
        assert!(message.len() < 500 && message.contains("feature xéé"), "{} bytes", message.len());
    }
}

/// Clients drop an answer with a lower epoch than they have seen: what changes a level raises it, what does not, does not
/// lower it.
#[tokio::test]
async fn the_epoch_never_falls() {
    let metadata = MetadataLog::in_memory("cluster");
    let mut epoch = metadata.image().version();
    for round in 0..20 {
        let level = [1, 1, 0, 2][round % 4];
        let before = metadata.image().group_version();
        ask(&metadata, 2, &request(&[(GROUP_VERSION, level, if level == 0 { 3 } else { 1 })], false)).await;
        let image = metadata.image();
        let changed = image.group_version() != before;
        assert_eq!(image.version(), epoch + u64::from(changed), "round {round}");
        epoch = image.version();
    }
}
