use super::*;
use crate::wire::Request;
use kafka_protocol::messages::{self as kafka, ResponseHeader};
use kafka_protocol::protocol::Decodable;

fn header(version: i16) -> RequestHeader {
    RequestHeader { api: Api::ApiVersions, version, correlation_id: 7, client_id: None }
}

fn sample() -> ApiVersionsResponse {
    ApiVersionsResponse {
        error_code: ErrorCode::None,
        throttle_time_ms: 42,
        supported_features: vec![
            SupportedFeature { name: "metadata.version", min: 7, max: 33 },
            SupportedFeature { name: "group.version", min: 0, max: 1 },
        ],
        finalized_features_epoch: Some(3),
        finalized_features: vec![FinalizedFeature { name: "metadata.version", level: 33 }],
    }
}

/// Header and body as the crate sees them; it stops at version 4, whose layout version 5 keeps.
fn decode(mut bytes: Bytes, version: i16) -> kafka::ApiVersionsResponse {
    let header = ResponseHeader::decode(&mut bytes, 0).expect("a version 0 header (AV-4)");
    assert_eq!(header.correlation_id, 7);
    let response = kafka::ApiVersionsResponse::decode(&mut bytes, version.min(4)).expect("a body");
    assert!(bytes.is_empty());
    response
}

#[test]
fn answers_decode_in_the_crate() {
    for version in 0..=5 {
        let response = decode(sample().encode(&header(version)), version);
        assert_eq!(response.error_code, 0);
        let theirs: Vec<_> =
            response.api_keys.iter().map(|key| (key.api_key, key.min_version, key.max_version)).collect();
        let ours: Vec<_> = API_TABLE.iter().map(|row| (row.key, row.advertised_min, row.max)).collect();
        assert_eq!(theirs, ours);
        assert_eq!(response.throttle_time_ms, if version >= 1 { 42 } else { 0 });
        assert_eq!(response.finalized_features_epoch, if version >= 3 { 3 } else { -1 });
        assert_eq!(response.finalized_features.len(), usize::from(version >= 3));
        for feature in &response.finalized_features {
            assert_eq!(
                (feature.name.as_str(), feature.min_version_level, feature.max_version_level),
                ("metadata.version", 33, 33)
            );
        }
    }
}

#[test]
fn av_1_produce_is_advertised_from_0() {
    for version in 0..=5 {
        let response = decode(sample().encode(&header(version)), version);
        let produce = response.api_keys.iter().find(|key| key.api_key == 0).expect("Produce");
        assert_eq!((produce.min_version, produce.max_version), (0, 13));
        assert!(!Api::Produce.serves(2) && Api::Produce.serves(3));
    }
}

#[test]
fn av_2_an_unknown_version_gets_a_version_0_body() {
    let response = decode(ApiVersionsResponse::unsupported(7), 0);
    assert_eq!(response.error_code, 35);
    let keys: Vec<_> = response.api_keys.iter().map(|key| (key.api_key, key.min_version, key.max_version)).collect();
    assert_eq!(keys, [(18, 0, 5)]);
    // To the byte: no throttle time, no tagged fields.
    assert_eq!(&ApiVersionsResponse::unsupported(7)[..], b"\0\0\0\x07\0\x23\0\0\0\x01\0\x12\0\0\0\x05");
}

#[test]
fn av_3_no_error_has_an_empty_array() {
    for error_code in [ErrorCode::InvalidRequest, ErrorCode::RebootstrapRequired, ErrorCode::UnsupportedVersion] {
        for version in 0..=5 {
            let response = decode(ApiVersionsResponse { error_code, ..sample() }.encode(&header(version)), version);
            assert_eq!(response.error_code, error_code.code());
            assert_eq!(response.api_keys.iter().map(|key| key.api_key).collect::<Vec<_>>(), [18]);
        }
    }
}

#[test]
fn av_7_features_from_0_are_kept_from_old_clients() {
    for version in 0..=5 {
        let response = decode(sample().encode(&header(version)), version);
        let names: Vec<_> = response.supported_features.iter().map(|feature| feature.name.as_str()).collect();
        let expected: &[&str] = match version {
            ..=2 => &[],
            3 => &["metadata.version"],
            4.. => &["metadata.version", "group.version"],
        };
        assert_eq!(names, expected, "version {version}");
    }
}

#[test]
fn without_features_nothing_is_tagged() {
    let bytes = ApiVersionsResponse::default().encode(&header(5));
    assert_eq!(bytes.last(), Some(&0));
    assert_eq!(decode(bytes, 5).finalized_features_epoch, -1);
}

/// AV-9 needs the two fields that version 5 adds (KIP-1242). The bytes are those of Kafka 4.4's Java client.
#[test]
fn av_9_version_5_names_cluster_and_node() {
    let check = |body: &[u8], cluster_id: Option<&str>, node_id: i32| {
        let body = [b"\x12apache-kafka-java\x064.4.0".as_slice(), body].concat();
        match Request::decode(Api::ApiVersions, 5, body.into()) {
            Ok(Request::ApiVersions(request)) => {
                assert_eq!(request.client_software_name.as_str(), "apache-kafka-java");
                assert_eq!(request.client_software_version.as_str(), "4.4.0");
                assert_eq!((request.cluster_id.as_deref(), request.node_id.0), (cluster_id, node_id));
            }
            other => panic!("{other:?}"),
        }
    };
    check(b"\x17MkU3OEVBNTcwNTJENDM2Qk\0\0\0\x07\0", Some("MkU3OEVBNTcwNTJENDM2Qk"), 7);
    check(b"\0\xff\xff\xff\xff\0", None, -1);
}
