use super::*;
use kafka_protocol::messages::{MetadataResponse, ResponseHeader};
use kafka_protocol::protocol::Decodable;

fn header(version: i16) -> RequestHeader {
    RequestHeader { api: Api::Metadata, version, correlation_id: -7, client_id: None }
}

#[test]
fn answers_stand_under_the_header_of_their_version() {
    for version in 0..=13 {
        let mut response = MetadataResponse::default();
        if version >= 3 {
            response.throttle_time_ms = 42;
        }
        let mut bytes = encode(&header(version), &response).expect("an answer");
        let head = ResponseHeader::decode(&mut bytes, if version >= 9 { 1 } else { 0 }).expect("a header");
        assert_eq!(head.correlation_id, -7);
        assert_eq!(MetadataResponse::decode(&mut bytes, version).expect("a body"), response, "version {version}");
        assert!(bytes.is_empty());
    }
}

#[test]
fn a_field_that_the_version_lacks_is_an_error() {
    let mut response = MetadataResponse::default();
    response.cluster_authorized_operations = 1; // exists from version 8 to 10
    encode(&header(10), &response).expect("version 10 has it");
    let error = encode(&header(11), &response).expect_err("version 11 has not");
    assert!(error.to_string().starts_with("Metadata version 11 can't carry the answer: "), "{error}");
}
