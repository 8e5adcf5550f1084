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

/// What [`encode_listing`] made, as one.
fn flatten(body: &Body) -> Vec<u8> {
    let bytes = |part: &Part| match part {
        Part::Bytes(bytes) => bytes.to_vec(),
        Part::Tail { .. } | Part::File { .. } => panic!("a listing is in memory"),
    };
    body.parts.iter().flat_map(bytes).collect()
}

/// A listing of one default element and of none, in every version, is what the codec writes in one go.
macro_rules! listings {
    ($($name:ident: $response:ident, $api:ident, $field:ident;)*) => {
        $(#[test]
        fn $name() {
            for version in Api::$api.row().min..=Api::$api.row().max {
                let header = RequestHeader { api: Api::$api, version, correlation_id: 1, client_id: None };
                for length in [0, 1, 200] {
                    let elements = || std::iter::repeat_n(<kafka::$response as Listing>::Element::default(), length);
                    let mut whole = kafka::$response::default();
                    whole.$field = elements().collect();
                    let whole = encode(&header, &whole).expect("an answer");
                    let listing = encode_listing(&header, &kafka::$response::default(), elements());
                    assert_eq!(flatten(&listing.expect("a listing")), whole, "version {version}, {length}");
                }
                let mut full = kafka::$response::default();
                full.$field = vec![Default::default()];
                let error = encode_listing(&header, &full, std::iter::empty::<<kafka::$response as Listing>::Element>());
                assert!(error.is_err(), "version {version}: its own elements would be lost");
            }
        }
        )*
    };
}
listings! {
    list_offsets_is_a_listing: ListOffsetsResponse, ListOffsets, topics;
    metadata_is_a_listing: MetadataResponse, Metadata, topics;
    create_topics_is_a_listing: CreateTopicsResponse, CreateTopics, topics;
    delete_topics_is_a_listing: DeleteTopicsResponse, DeleteTopics, responses;
    offset_for_leader_epoch_is_a_listing: OffsetForLeaderEpochResponse, OffsetForLeaderEpoch, topics;
    describe_configs_is_a_listing: DescribeConfigsResponse, DescribeConfigs, results;
    alter_configs_is_a_listing: AlterConfigsResponse, AlterConfigs, responses;
    create_partitions_is_a_listing: CreatePartitionsResponse, CreatePartitions, results;
    incremental_alter_configs_is_a_listing: IncrementalAlterConfigsResponse, IncrementalAlterConfigs, responses;
}

#[test]
fn long_listings_come_in_pieces() {
    let topics = 20_000;
    let elements = (0..topics).map(|number| {
        let mut topic = <MetadataResponse as Listing>::Element::default();
        topic.name = Some(kafka::TopicName(format!("topic-{number}-{}", "x".repeat(100)).into()));
        topic
    });
    let body = encode_listing(&header(13), &MetadataResponse::default(), elements).expect("a listing");
    assert!(body.parts.len() > 5, "{} parts", body.parts.len());
    for part in &body.parts {
        assert!(part.len() < (PIECE_BYTES + 1024) as u64, "a piece of {} bytes", part.len());
    }
    let mut bytes = Bytes::from(flatten(&body));
    ResponseHeader::decode(&mut bytes, 1).expect("a header");
    let response = MetadataResponse::decode(&mut bytes, 13).expect("a body");
    assert_eq!(response.topics.len(), topics);
}
