//! ApiVersions and versions (3.1).

use super::*;
use crate::handlers::call::CloseReason;
use crate::server::{Descriptors, Limits, ListenerConfig, Server};
use crate::wire::RequestHeader;
use crate::wire::api_versions::{ApiVersionsResponse as Written, SupportedFeature};
use kafka_protocol::messages::{ApiVersionsRequest, ApiVersionsResponse, MetadataRequest, ResponseHeader};
use std::collections::BTreeMap;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

fn request(name: &str, version: &str) -> ApiVersionsRequest {
    let mut request = ApiVersionsRequest::default();
    request.client_software_name = string(name);
    request.client_software_version = string(version);
    request
}

async fn ranges(broker: &Broker) -> BTreeMap<i16, (i16, i16)> {
    let response = broker.call(3, &request("test", "1.0")).await;
    assert_eq!(code(response.error_code), ErrorCode::None);
    response.api_keys.iter().map(|api| (api.api_key, (api.min_version, api.max_version))).collect()
}

fn decoded(version: i16, bytes: &Bytes) -> ApiVersionsResponse {
    let mut bytes = bytes.clone();
    ResponseHeader::decode(&mut bytes, 0).expect("a header of version 0");
    let response = ApiVersionsResponse::decode(&mut bytes, version).expect("a body");
    assert!(bytes.is_empty());
    response
}

#[tokio::test]
async fn av_1_produce_is_advertised_from_0_and_served_from_3() {
    let broker = Broker::start().await;
    assert_eq!(ranges(&broker).await[&0], (0, 13));
    let close = body(broker.send(head(0, 2).freeze()).await).await.err().expect("version 2 is not served");
    assert_eq!(close.reason, CloseReason::UnsupportedVersion);
}

#[tokio::test]
async fn av_2_an_unknown_version_gets_a_version_0_body_with_error_35() {
    let broker = Broker::start().await;
    for version in [6, 99, i16::MAX] {
        let mut frame = head(18, version);
        frame.put_slice(&[0xff; 7]); // a body that nobody can read yet
        let answer = body(broker.send(frame.freeze()).await).await.expect("the connection stays open");
        let response = decoded(0, &bytes(&answer));
        assert_eq!(code(response.error_code), ErrorCode::UnsupportedVersion);
        let own = response.api_keys.iter().find(|api| api.api_key == 18).expect("key 18 is listed");
        assert_eq!((own.min_version, own.max_version), (0, 5));
    }
    assert_eq!(broker.answered(Api::ApiVersions, ErrorCode::UnsupportedVersion), 3);
}

#[tokio::test]
async fn av_3_the_array_of_that_answer_is_never_empty_and_leads_to_a_version_that_is_served() {
    let broker = Broker::start().await;
    let answer = body(broker.send(head(18, 50).freeze()).await).await.expect("an answer");
    let response = decoded(0, &bytes(&answer));
    assert!(!response.api_keys.is_empty());
    let best = response.api_keys[0].max_version.min(4); // the newest that the codec crate can write
    let again = broker.call(best, &request("test", "1")).await;
    assert_eq!(code(again.error_code), ErrorCode::None);
}

#[tokio::test]
async fn av_4_the_response_header_stays_at_version_0() {
    let broker = Broker::start().await;
    for version in 0..=4 {
        let answer = broker.begin(version, &request("test", "1")).await;
        let bytes = bytes(&body(answer).await.expect("an answer"));
        assert_eq!(bytes[..4], CORRELATION.to_be_bytes());
        assert_eq!(bytes[4..6], [0, 0], "version {version}: the error code follows at once, no tagged fields");
        assert_eq!(code(decoded(version, &bytes).error_code), ErrorCode::None);
    }
    assert!((0..20).all(|version| Api::ApiVersions.response_header_version(version) == 0));
}

#[tokio::test]
async fn av_5_software_names_that_are_no_words_get_invalid_request() {
    let broker = Broker::start().await;
    for (name, version, good) in [
        ("librdkafka", "2.15.1", true),
        ("a", "1", true),
        ("a-b.c", "1-rc.2", true),
        ("", "1", false),
        ("a", "", false),
        ("-a", "1", false),
        ("a.", "1", false),
        ("a b", "1", false),
        ("한", "1", false),
    ] {
        let response = broker.call(3, &request(name, version)).await;
        let expected = if good { ErrorCode::None } else { ErrorCode::InvalidRequest };
        assert_eq!(code(response.error_code), expected, "{name:?} {version:?}");
        assert!(!response.api_keys.is_empty());
    }
    let software = broker.peer.software().expect("the last good one is remembered");
    assert_eq!((software.name.as_str(), software.version.as_str()), ("a-b.c", "1-rc.2"));
    let old = broker.call(2, &ApiVersionsRequest::default()).await;
    assert_eq!(code(old.error_code), ErrorCode::None, "before version 3 nothing is said");
}

#[tokio::test]
async fn av_6_what_is_not_served_closes_the_connection() {
    let broker = Broker::start().await;
    for (key, version, reason) in [
        (4, 0, CloseReason::UnknownApi),
        (93, 0, CloseReason::UnknownApi),
        (-1, 0, CloseReason::UnknownApi),
        (i16::MAX, 0, CloseReason::UnknownApi),
        (3, 14, CloseReason::UnsupportedVersion),
        (1, 3, CloseReason::UnsupportedVersion),
        (2, -1, CloseReason::UnsupportedVersion),
        (3, 12, CloseReason::Malformed), // no body
    ] {
        let close = body(broker.send(head(key, version).freeze()).await).await.err().expect("closed");
        assert_eq!(close.reason, reason, "key {key} version {version}");
    }
}

#[test]
fn av_7_features_from_level_0_are_left_out_before_version_4() {
    let response = Written {
        supported_features: vec![
            SupportedFeature { name: "from.zero", min: 0, max: 2 },
            SupportedFeature { name: "from.one", min: 1, max: 3 },
        ],
        ..Written::default()
    };
    let names = |version: i16| {
        let header = RequestHeader { api: Api::ApiVersions, version, correlation_id: 1, client_id: None };
        let response = decoded(version, &response.encode(&header));
        response.supported_features.iter().map(|feature| feature.name.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(names(2), Vec::<String>::new());
    assert_eq!(names(3), ["from.one"]);
    assert_eq!(names(4), ["from.zero", "from.one"]);
}

#[tokio::test]
async fn av_8_api_versions_is_answered_first_and_again_later() {
    let broker = Broker::start().await;
    let first = broker.call(3, &request("test", "1")).await;
    broker.call(12, &MetadataRequest::default()).await;
    let again = broker.call(0, &ApiVersionsRequest::default()).await;
    assert_eq!(first.api_keys.len(), again.api_keys.len());
    let early: Vec<_> = API_TABLE.iter().filter(|row| row.before_login).map(|row| row.name).collect();
    assert_eq!(early, ["ApiVersions"], "all that may be asked before a login");
}

#[tokio::test]
async fn av_9_version_5_tells_whom_the_client_means() {
    let broker = Broker::start().await;
    let frame = |cluster: Option<&str>, node: i32| {
        let mut out = head(18, 5);
        for text in ["test", "4.4.0"] {
            out.put_u8(text.len() as u8 + 1);
            out.put_slice(text.as_bytes());
        }
        out.put_u8(cluster.map_or(0, |cluster| cluster.len() as u8 + 1));
        out.put_slice(cluster.unwrap_or_default().as_bytes());
        out.put_i32(node);
        out.put_u8(0);
        out.freeze()
    };
    for (cluster, node, expected) in [
        (None, -1, ErrorCode::None),
        (Some(CLUSTER), -1, ErrorCode::None),
        (Some(CLUSTER), NODE.0, ErrorCode::None),
        (Some(CLUSTER), NODE.0 + 1, ErrorCode::RebootstrapRequired),
        (Some("another"), NODE.0, ErrorCode::RebootstrapRequired),
    ] {
        let answer = body(broker.send(frame(cluster, node)).await).await.expect("an answer");
        // The answer of version 5 has the fields of version 4.
        assert_eq!(code(decoded(4, &bytes(&answer)).error_code), expected, "{cluster:?} {node}");
    }
}

#[tokio::test]
async fn av_10_floors_are_those_of_kafka_4() {
    let floors = [
        (0, 0),
        (1, 4),
        (2, 1),
        (3, 0),
        (8, 2),
        (9, 1),
        (10, 0),
        (11, 0),
        (12, 0),
        (13, 0),
        (14, 0),
        (15, 0),
        (16, 0),
        (18, 0),
        (19, 2),
        (20, 1),
        (21, 0),
        (22, 0),
        (23, 2),
        (29, 1),
        (30, 1),
        (31, 1),
        (32, 1),
        (33, 0),
        (35, 1),
        (37, 0),
        (42, 0),
        (44, 0),
        (46, 0),
        (47, 0),
        (48, 0),
        (55, 0),
        (57, 0),
        (60, 0),
        (68, 0),
        (69, 0),
        (74, 0),
        (75, 0),
    ];
    let broker = Broker::start().await;
    let advertised: Vec<_> = ranges(&broker).await.into_iter().map(|(key, (min, _))| (key, min)).collect();
    let served = floors.into_iter().filter(|(key, _)| Api::from_key(*key).is_some()).collect::<Vec<_>>();
    assert_eq!(advertised, served);
}

#[tokio::test]
async fn av_11_what_clients_derive_features_from_is_whole_or_absent() {
    let broker = Broker::start().await;
    let ranges = ranges(&broker).await;
    let up_to = |key: i16| ranges.get(&key).map_or(-1, |(_, max)| *max);
    assert!(up_to(0) >= 3 && up_to(1) >= 4, "message format 2");
    assert!(up_to(0) >= 7 && up_to(1) >= 10, "zstd");
    assert!(up_to(10) >= 0, "lz4");
    assert!(up_to(22) >= 0, "idempotence");
    assert!(up_to(2) >= 1, "time look-up");
    assert!([8, 9, 10, 11, 12, 13, 14].into_iter().all(|key| up_to(key) >= 0), "classic groups: all of them");
    assert!(matches!((up_to(68), up_to(69)), (-1, -1) | (1, 1)), "groups of KIP-848: both or none");
    assert_eq!((up_to(17), up_to(36)), (-1, -1), "SASL: both or none");
    assert_eq!((up_to(71), up_to(72)), (-1, -1), "telemetry: both or none");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn av_12_answers_leave_in_request_order() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let mut slow = fetch_request(11, &[("t", TopicId::ZERO, 0, 0)]);
    slow.max_wait_ms = 300;
    let slow = frame(1, 11, &slow);
    let quick = frame(18, 0, &ApiVersionsRequest::default());
    let listener = ListenerConfig {
        name: "PLAINTEXT".to_string(),
        bind: "127.0.0.1:0".parse().expect("an address"),
        advertised: Advertised::Reached,
    };
    let limits = Limits::for_machine(1 << 30, &Descriptors::share(1024));
    let server = Server::bind(&[listener], limits, broker.metrics.clone()).expect("a free port");
    let address = server.bound()[0].address;
    let (stop, stopping) = stop_signal();
    let service = Arc::new(broker.service);
    let serving = tokio::spawn(server.run(service, stopping));
    let mut socket = tokio::net::TcpStream::connect(address).await.expect("connected");
    for (number, frame) in [(1i32, &slow), (2, &quick), (3, &quick)] {
        let mut frame = BytesMut::from(&frame[..]);
        frame[4..8].copy_from_slice(&number.to_be_bytes());
        socket.write_all(&(frame.len() as u32).to_be_bytes()).await.expect("sent");
        socket.write_all(&frame).await.expect("sent");
    }
    for expected in 1..=3 {
        let length = socket.read_u32().await.expect("an answer");
        let mut answer = vec![0; length as usize];
        socket.read_exact(&mut answer).await.expect("all of it");
        assert_eq!(answer[..4], i32::to_be_bytes(expected));
    }
    stop.stop();
    serving.await.expect("the server stops");
}
