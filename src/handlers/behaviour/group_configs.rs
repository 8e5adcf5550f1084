//! Configuration of single groups: `kafka-configs --entity-type groups`.

use super::*;
use crate::metadata::GROUP_VERSION;
use kafka_protocol::messages::alter_configs_request::{
    AlterConfigsResource as Replaced, AlterableConfig as ReplacedKey,
};
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::DescribeConfigsResult;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{
    AlterConfigsRequest, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, DescribeConfigsRequest,
    IncrementalAlterConfigsRequest, ListConfigResourcesRequest, ListGroupsRequest,
};

/// A `ConfigResource` type.
const GROUP: i8 = 32;
/// `ConfigSource`s.
const OF_GROUP: i8 = 8;
const DEFAULT: i8 = 5;
/// Operations.
const SET: i8 = 0;
const DELETE: i8 = 1;

const SESSION: &str = "consumer.session.timeout.ms";
const HEARTBEAT: &str = "consumer.heartbeat.interval.ms";

/// What a change is answered.
async fn alter(broker: &Broker, group: &str, op: i8, changes: &[(&str, &str)]) -> (i16, String) {
    let mut resource = AlterConfigsResource::default();
    (resource.resource_type, resource.resource_name) = (GROUP, string(group));
    for (key, value) in changes {
        let mut config = AlterableConfig::default();
        (config.name, config.config_operation) = (string(key), op);
        config.value = (op != DELETE).then(|| string(value));
        resource.configs.push(config);
    }
    let mut request = IncrementalAlterConfigsRequest::default();
    request.resources.push(resource);
    let answer = broker.call(1, &request).await.responses.remove(0);
    (answer.error_code, answer.error_message.map(|text| text.to_string()).unwrap_or_default())
}

async fn describe(broker: &Broker, group: &str) -> DescribeConfigsResult {
    let mut resource = DescribeConfigsResource::default();
    (resource.resource_type, resource.resource_name) = (GROUP, string(group));
    resource.configuration_keys = None;
    let mut request = DescribeConfigsRequest::default();
    (request.include_synonyms, request.include_documentation) = (true, true);
    request.resources.push(resource);
    broker.call(4, &request).await.results.remove(0)
}

/// Value and source of a key.
async fn value(broker: &Broker, group: &str, key: &str) -> (String, i8) {
    let described = describe(broker, group).await;
    let key = described.configs.iter().find(|config| &*config.name == key).expect(key);
    (key.value.as_ref().map(|value| value.to_string()).unwrap_or_default(), key.config_source)
}

async fn beat(broker: &Broker, group: &str, epoch: i32) -> ConsumerGroupHeartbeatResponse {
    let mut request = ConsumerGroupHeartbeatRequest::default();
    (request.group_id, request.member_id, request.member_epoch) = (group_id(group), string("m"), epoch);
    let joins = epoch == 0;
    request.rebalance_timeout_ms = if joins { 60_000 } else { -1 };
    request.subscribed_topic_names = joins.then(|| vec![topic_name("t")]);
    request.topic_partitions = joins.then(Vec::new);
    broker.call(1, &request).await
}

#[tokio::test]
async fn a_group_has_its_own_and_goes_by_it() {
    let broker = Broker::with(&[]).await;
    let change = Change::SetFeature { name: GROUP_VERSION.to_owned(), level: 1 };
    broker.metadata.commit(vec![change]).await.expect("committed");
    assert_eq!(value(&broker, "g", HEARTBEAT).await, ("5000".to_owned(), DEFAULT));
    let joined = beat(&broker, "g", 0).await;
    assert_eq!((joined.error_code, joined.heartbeat_interval_ms), (0, 5_000));
    // It takes effect at the next heartbeat, and in no other group.
    let changes = [(HEARTBEAT, "9000"), (SESSION, "50000")];
    assert_eq!(alter(&broker, "g", SET, &changes).await, (0, String::new()));
    assert_eq!(beat(&broker, "g", joined.member_epoch).await.heartbeat_interval_ms, 9_000);
    assert_eq!(beat(&broker, "h", 0).await.heartbeat_interval_ms, 5_000);
    assert_eq!(value(&broker, "g", HEARTBEAT).await, ("9000".to_owned(), OF_GROUP));
    let described = describe(&broker, "g").await;
    let session = described.configs.iter().find(|config| &*config.name == SESSION).expect("described");
    let synonyms: Vec<_> = session.synonyms.iter().map(|one| (&*one.name, one.value.as_deref(), one.source)).collect();
    let inherited = ("group.consumer.session.timeout.ms", Some("45000"), DEFAULT);
    assert_eq!(synonyms, [(SESSION, Some("50000"), OF_GROUP), inherited]);
    assert_eq!(session.config_type, 3, "an INT");
    // Gone again.
    assert_eq!(alter(&broker, "g", DELETE, &[(HEARTBEAT, ""), ("no.such.key", "")]).await, (0, String::new()));
    assert_eq!(beat(&broker, "g", joined.member_epoch).await.heartbeat_interval_ms, 5_000);
    assert_eq!(broker.metadata.image().group_configs("g").len(), 1);
}

/// Sessions begin anew with a start, and nobody has asked anything of the group by then.
#[tokio::test]
async fn a_session_of_its_own_is_that_after_a_start_too() {
    let broker = Broker::with(&[
        ("group.consumer.min.heartbeat.interval.ms", "100"),
        ("group.consumer.heartbeat.interval.ms", "100"),
        ("group.consumer.min.session.timeout.ms", "500"),
        ("group.consumer.session.timeout.ms", "500"),
    ])
    .await;
    let change = Change::SetFeature { name: GROUP_VERSION.to_owned(), level: 1 };
    broker.metadata.commit(vec![change]).await.expect("committed");
    assert_eq!(alter(&broker, "g", SET, &[(SESSION, "60000")]).await, (0, String::new()));
    let epochs = [beat(&broker, "g", 0).await.member_epoch, beat(&broker, "h", 0).await.member_epoch];
    let broker = broker.restart(End::Killed).await;
    assert_eq!(broker.call(5, &ListGroupsRequest::default()).await.groups.len(), 2, "loaded");
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(beat(&broker, "g", epochs[0]).await.error_code, 0);
    assert_eq!(beat(&broker, "h", epochs[1]).await.error_code, ErrorCode::UnknownMemberId.code());
}

#[tokio::test]
async fn all_of_them_are_replaced() {
    let broker = Broker::with(&[]).await;
    assert_eq!(alter(&broker, "g", SET, &[(HEARTBEAT, "9000")]).await.0, 0);
    let replace = async |key: &str, value: &str, validate_only: bool| {
        let mut config = ReplacedKey::default();
        (config.name, config.value) = (string(key), Some(string(value)));
        let mut resource = Replaced::default();
        (resource.resource_type, resource.resource_name) = (GROUP, string("g"));
        resource.configs.push(config);
        let mut request = AlterConfigsRequest::default();
        request.resources.push(resource);
        request.validate_only = validate_only;
        broker.call(2, &request).await.responses.remove(0).error_code
    };
    assert_eq!(replace(SESSION, "46000", true).await, 0);
    assert_eq!(replace(SESSION, "1", false).await, ErrorCode::InvalidConfig.code());
    assert_eq!(broker.metadata.image().group_configs("g").len(), 1, "checked only");
    assert_eq!(value(&broker, "g", HEARTBEAT).await, ("9000".to_owned(), OF_GROUP));
    assert_eq!(replace(SESSION, "46000", false).await, 0);
    assert_eq!(value(&broker, "g", HEARTBEAT).await, ("5000".to_owned(), DEFAULT));
    assert_eq!(value(&broker, "g", SESSION).await, ("46000".to_owned(), OF_GROUP));
}

#[tokio::test]
async fn what_no_group_may_have_is_refused() {
    let broker = Broker::with(&[]).await;
    let long = "x".repeat(2_000);
    let (bad_config, bad_request) = (ErrorCode::InvalidConfig.code(), ErrorCode::InvalidRequest.code());
    for (group, key, value, code, message) in [
        ("g", "no.such.key", "1", bad_config, "Unknown group config name: no.such.key"),
        ("g", "retention.ms", "1", bad_config, "Unknown group config name: retention.ms"),
        ("g", SESSION, "100", bad_config, "consumer.session.timeout.ms must be in the range 45000 to 60000 inclusive."),
        ("g", SESSION, "60001", bad_config, "consumer.session.timeout.ms must be in the range"),
        ("g", SESSION, "x", bad_config, "Invalid value x for configuration consumer.session.timeout.ms: Not a number"),
        ("g", SESSION, "", bad_config, "Not a number"),
        ("g", SESSION, "99999999999", bad_config, "Not a number"),
        ("g", HEARTBEAT, "0", bad_config, "Value must be at least 1"),
        ("g", HEARTBEAT, "15001", bad_config, "must be in the range 5000 to 15000 inclusive."),
        ("g", "consumer.assignment.interval.ms", "20000", bad_config, "must be in the range 0 to 15000 inclusive."),
        ("g", "share.auto.offset.reset", "sometime", bad_config, "String must be one of: latest, earliest"),
        ("g", "share.session.timeout.ms", "1", bad_config, "must be in the range 45000 to 60000 inclusive."),
        ("g", "errors.deadletterqueue.topic.name", &long, bad_config, "is longer than 1024 bytes"),
        ("", SESSION, "50000", bad_request, "A group is named"),
        (&long, SESSION, "50000", bad_request, "has 1024 bytes at most"),
    ] {
        let (told, why) = alter(&broker, group, SET, &[(key, value)]).await;
        assert!(told == code && why.contains(message), "{group:.9} {key}={value:.9}: {told} {why}");
    }
    assert_eq!(alter(&broker, "g", SET, &[(SESSION, "46000"), (SESSION, "47000")]).await.0, bad_request, "twice");
    assert_eq!(alter(&broker, "g", 2, &[(SESSION, "46000")]).await.0, bad_config, "no list");
    assert_eq!(alter(&broker, "g", 9, &[(SESSION, "46000")]).await.0, bad_request, "no operation");
    assert!(broker.metadata.image().group_configs("g").is_empty());
    for group in ["", &long] {
        assert_eq!(describe(&broker, group).await.error_code, bad_request, "{group:.9}");
    }
}

#[tokio::test]
async fn what_has_configuration_is_listed() {
    let broker = Broker::with(&[]).await;
    assert_eq!(alter(&broker, "g", SET, &[(HEARTBEAT, "9000")]).await.0, 0);
    let listed = async |version: i16, types: &[i8]| {
        let mut request = ListConfigResourcesRequest::default();
        request.resource_types = types.to_vec();
        let response = broker.call(version, &request).await;
        let told = response.config_resources.iter().map(|one| (one.resource_type, one.resource_name.to_string()));
        (response.error_code, told.collect::<Vec<_>>())
    };
    assert_eq!(listed(1, &[GROUP]).await, (0, vec![(GROUP, "g".to_owned())]));
    assert_eq!(listed(1, &[GROUP, GROUP]).await.1.len(), 1);
    let (code, all) = listed(1, &[]).await;
    assert!(code == 0 && all.contains(&(GROUP, "g".to_owned())) && all.iter().any(|(kind, _)| *kind == 4), "{all:?}");
    assert_eq!(listed(0, &[]).await, (0, vec![]), "there are no client metrics");
    for unknown in [0, 1, 64, -1] {
        assert_eq!(listed(1, &[GROUP, unknown]).await, (ErrorCode::UnsupportedVersion.code(), vec![]), "{unknown}");
    }
    assert_eq!(alter(&broker, "g", DELETE, &[(HEARTBEAT, "")]).await.0, 0);
    assert_eq!(listed(1, &[GROUP]).await.1, []);
}
