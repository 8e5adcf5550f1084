//! Administration (3.10).

use super::*;
use crate::settings::{broker_keys, topic_keys};
use kafka_protocol::messages::alter_configs_request::{AlterConfigsResource as Replace, AlterableConfig as Entry};
use kafka_protocol::messages::create_acls_request::AclCreation;
use kafka_protocol::messages::create_partitions_request::CreatePartitionsTopic;
use kafka_protocol::messages::create_topics_request::CreatableReplicaAssignment;
use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
use kafka_protocol::messages::delete_acls_request::DeleteAclsFilter;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::describe_configs_response::{DescribeConfigsResourceResult, DescribeConfigsResult};
use kafka_protocol::messages::describe_quorum_request::{PartitionData as QuorumPartition, TopicData as QuorumTopic};
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::*;

const TOPIC: i8 = 2;
const BROKER: i8 = 4;

async fn describe(broker: &Broker, kind: i8, name: &str) -> DescribeConfigsResult {
    let mut resource = DescribeConfigsResource::default();
    resource.resource_type = kind;
    resource.resource_name = string(name);
    resource.configuration_keys = None;
    let mut request = DescribeConfigsRequest::default();
    request.include_synonyms = true;
    request.include_documentation = true;
    request.resources.push(resource);
    broker.call(4, &request).await.results.remove(0)
}

fn key<'a>(result: &'a DescribeConfigsResult, name: &str) -> &'a DescribeConfigsResourceResult {
    result.configs.iter().find(|config| &*config.name == name).unwrap_or_else(|| panic!("no {name}"))
}

/// A key's value and source.
async fn value(broker: &Broker, kind: i8, resource: &str, name: &str) -> (Option<String>, i8) {
    let result = describe(broker, kind, resource).await;
    let key = key(&result, name);
    (key.value.as_ref().map(ToString::to_string), key.config_source)
}

async fn alter(broker: &Broker, kind: i8, name: &str, changes: &[(&str, i8, Option<&str>)]) -> ErrorCode {
    let mut resource = AlterConfigsResource::default();
    resource.resource_type = kind;
    resource.resource_name = string(name);
    for (key, op, value) in changes {
        let mut config = AlterableConfig::default();
        config.name = string(key);
        config.config_operation = *op;
        config.value = value.map(string);
        resource.configs.push(config);
    }
    let mut request = IncrementalAlterConfigsRequest::default();
    request.resources.push(resource);
    let response = broker.call(1, &request).await;
    assert_eq!(response.responses[0].error_code != 0, response.responses[0].error_message.is_some());
    code(response.responses[0].error_code)
}

async fn replace(broker: &Broker, kind: i8, name: &str, entries: &[(&str, &str)]) -> ErrorCode {
    let mut resource = Replace::default();
    resource.resource_type = kind;
    resource.resource_name = string(name);
    for (key, value) in entries {
        let mut entry = Entry::default();
        entry.name = string(key);
        entry.value = Some(string(value));
        resource.configs.push(entry);
    }
    let mut request = AlterConfigsRequest::default();
    request.resources.push(resource);
    code(broker.call(2, &request).await.responses[0].error_code)
}

fn new_topic(name: &str, partitions: i32, replicas: i16) -> create_topics_request::CreatableTopic {
    let mut topic = CreatableTopic::default();
    topic.name = topic_name(name);
    (topic.num_partitions, topic.replication_factor) = (partitions, replicas);
    topic
}

async fn create(
    broker: &Broker,
    version: i16,
    validate: bool,
    topics: Vec<CreatableTopic>,
) -> Vec<CreatableTopicResult> {
    let mut request = CreateTopicsRequest::default();
    request.topics = topics;
    request.validate_only = validate;
    broker.call(version, &request).await.topics
}

#[tokio::test]
async fn ad_1_every_key_is_described() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[("retention.ms", "5000")]).await;
    let topic = describe(&broker, TOPIC, "t").await;
    assert_eq!(code(topic.error_code), ErrorCode::None);
    for expected in topic_keys().iter().filter(|key| !key.internal) {
        let told = key(&topic, expected.name);
        assert!(told.documentation.as_ref().is_some_and(|doc| !doc.is_empty()), "{}", expected.name);
        assert_eq!(told.config_type, expected.kind.wire(), "{}", expected.name);
    }
    assert_eq!(key(&topic, "cleanup.policy").value.as_deref(), Some("delete"));
    assert!(!key(&topic, "segment.bytes").synonyms.is_empty());
    for name in ["1", ""] {
        assert_eq!(code(describe(&broker, BROKER, name).await.error_code), ErrorCode::None);
    }
    let own = describe(&broker, BROKER, "1").await;
    for expected in broker_keys().iter().filter(|key| !key.internal) {
        key(&own, expected.name);
    }
    for (kind, name, expected) in [
        (TOPIC, "nobody", ErrorCode::UnknownTopicOrPartition),
        (TOPIC, "no spaces", ErrorCode::InvalidTopicException),
        (BROKER, "2", ErrorCode::InvalidRequest),
        (BROKER, "one", ErrorCode::InvalidRequest),
        (99, "", ErrorCode::InvalidRequest),
    ] {
        let result = describe(&broker, kind, name).await;
        assert_eq!(code(result.error_code), expected, "{kind} {name}");
        assert!(result.error_message.is_some());
    }
    let mut some = DescribeConfigsResource::default();
    some.resource_type = TOPIC;
    some.resource_name = string("t");
    some.configuration_keys = Some(vec![string("retention.ms"), string("nonsense")]);
    let mut request = DescribeConfigsRequest::default();
    request.resources.push(some);
    for version in 1..=4 {
        let response = broker.call(version, &request).await;
        let names: Vec<_> = response.results[0].configs.iter().map(|config| config.name.to_string()).collect();
        assert_eq!(names, ["retention.ms"], "only what was asked for");
        assert!(response.results[0].configs[0].synonyms.is_empty(), "not asked for");
    }
}

#[tokio::test]
async fn ad_2_sources_are_exact() {
    let broker = Broker::with(&[("log.segment.bytes", "2000000")]).await;
    broker.create("t", 1, &[("retention.ms", "604800000")]).await;
    let (topic, dynamic, default_dynamic, fixed, default) = (1, 2, 3, 4, 5);
    let told = |value: &str, source: i8| (Some(value.to_string()), source);
    // Set on the topic, though it is the default.
    assert_eq!(value(&broker, TOPIC, "t", "retention.ms").await, told("604800000", topic));
    assert_eq!(value(&broker, TOPIC, "t", "segment.bytes").await, told("2000000", fixed));
    assert_eq!(value(&broker, TOPIC, "t", "cleanup.policy").await, told("delete", default));
    assert_eq!(alter(&broker, BROKER, "", &[("log.segment.bytes", 0, Some("3000000"))]).await, ErrorCode::None);
    assert_eq!(value(&broker, TOPIC, "t", "segment.bytes").await, told("3000000", default_dynamic));
    assert_eq!(alter(&broker, BROKER, "1", &[("log.segment.bytes", 0, Some("4000000"))]).await, ErrorCode::None);
    assert_eq!(value(&broker, TOPIC, "t", "segment.bytes").await, told("4000000", dynamic));
    assert_eq!(alter(&broker, TOPIC, "t", &[("segment.bytes", 0, Some("5000000"))]).await, ErrorCode::None);
    assert_eq!(value(&broker, TOPIC, "t", "segment.bytes").await, told("5000000", topic));
    let described = describe(&broker, TOPIC, "t").await;
    let sources: Vec<_> = key(&described, "segment.bytes").synonyms.iter().map(|synonym| synonym.source).collect();
    assert_eq!(sources, [topic, dynamic, default_dynamic, fixed, default]);
    // All of it outlives the process.
    let broker = broker.restart(End::Killed).await;
    assert_eq!(value(&broker, TOPIC, "t", "segment.bytes").await, told("5000000", topic));
    assert_eq!(alter(&broker, TOPIC, "t", &[("segment.bytes", 1, None)]).await, ErrorCode::None);
    assert_eq!(value(&broker, TOPIC, "t", "segment.bytes").await, told("4000000", dynamic));
}

#[tokio::test]
async fn ad_3_topics_are_created_with_the_defaults() {
    let broker = Broker::with(&[("num.partitions", "4"), ("default.replication.factor", "3")]).await;
    for version in 2..=7 {
        let name = format!("v{version}");
        let dry = create(&broker, version, true, vec![new_topic(&name, -1, -1)]).await;
        assert_eq!(code(dry[0].error_code), ErrorCode::None);
        assert!(broker.image().topic(&name).is_none(), "validate_only changes nothing");
        let made = create(&broker, version, false, vec![new_topic(&name, -1, -1)]).await;
        assert_eq!(code(made[0].error_code), ErrorCode::None);
        let topic = broker.image().topic(&name).expect("it is there").clone();
        assert_eq!(topic.partitions, 4);
        if version >= 5 {
            assert_eq!((made[0].num_partitions, made[0].replication_factor), (4, 1), "capped to the brokers there are");
            let configs = made[0].configs.as_ref().expect("configs");
            assert!(configs.iter().any(|config| &*config.name == "cleanup.policy"));
        }
        assert_eq!(made[0].topic_id, if version >= 7 { topic.id.0 } else { Uuid::nil() });
    }
    for (partitions, replicas, expected) in [
        (1, 1, ErrorCode::None),
        (1, 2, ErrorCode::InvalidReplicationFactor),
        (1, 0, ErrorCode::InvalidReplicationFactor),
        (1, -2, ErrorCode::InvalidReplicationFactor),
        (0, 1, ErrorCode::InvalidPartitions),
        (-2, 1, ErrorCode::InvalidPartitions),
    ] {
        let made = create(&broker, 7, true, vec![new_topic("x", partitions, replicas)]).await;
        assert_eq!(code(made[0].error_code), expected, "{partitions} {replicas}");
        assert_eq!(made[0].error_message.is_some(), expected != ErrorCode::None);
    }
    for (assignment, expected) in [
        (vec![(0, vec![1]), (1, vec![1])], ErrorCode::None),
        (vec![(1, vec![1]), (0, vec![1])], ErrorCode::None),
        (vec![(0, vec![1]), (2, vec![1])], ErrorCode::InvalidReplicaAssignment),
        (vec![(0, vec![1]), (0, vec![1])], ErrorCode::InvalidReplicaAssignment),
        (vec![(0, vec![])], ErrorCode::InvalidReplicaAssignment),
        (vec![(0, vec![1, 1])], ErrorCode::InvalidReplicaAssignment),
        (vec![(0, vec![2])], ErrorCode::InvalidReplicaAssignment),
    ] {
        let mut topic = new_topic("assigned", -1, -1);
        for (partition, brokers) in &assignment {
            let mut one = CreatableReplicaAssignment::default();
            one.partition_index = *partition;
            one.broker_ids = brokers.iter().map(|id| BrokerId(*id)).collect();
            topic.assignments.push(one);
        }
        let made = create(&broker, 7, true, vec![topic.clone()]).await;
        assert_eq!(code(made[0].error_code), expected, "{assignment:?}");
        topic.num_partitions = 2;
        assert_eq!(code(create(&broker, 7, true, vec![topic]).await[0].error_code), ErrorCode::InvalidRequest);
    }
    let again = create(&broker, 7, false, vec![new_topic("v7", 1, 1), new_topic("new", 1, 1)]).await;
    let codes: Vec<_> = again.iter().map(|topic| code(topic.error_code)).collect();
    assert_eq!(codes, [ErrorCode::TopicAlreadyExists, ErrorCode::None], "one topic does not spoil another");
    let twice = create(&broker, 7, false, vec![new_topic("d", 1, 1), new_topic("d", 1, 1)]).await;
    assert_eq!(twice.iter().map(|topic| code(topic.error_code)).collect::<Vec<_>>(), [ErrorCode::InvalidRequest]);
    let most = create(&broker, 7, true, vec![new_topic("a", 9_997, 1), new_topic("b", 1, 1)]).await;
    assert!(most.iter().all(|topic| code(topic.error_code) == ErrorCode::None));
    let more = create(&broker, 7, true, vec![new_topic("a", 9_997, 1), new_topic("b", 2, 1)]).await;
    assert!(more.iter().all(|topic| code(topic.error_code) == ErrorCode::PolicyViolation));
}

#[tokio::test]
async fn ad_4_bad_names_and_values_are_refused() {
    let broker = Broker::start().await;
    let long = "x".repeat(250);
    for name in ["", ".", "..", "a b", "a/b", "한국", long.as_str()] {
        let made = create(&broker, 7, false, vec![new_topic(name, 1, 1)]).await;
        assert_eq!(code(made[0].error_code), ErrorCode::InvalidTopicException, "{name:?}");
        assert!(made[0].error_message.is_some());
    }
    broker.create(&"x".repeat(249), 1, &[]).await;
    broker.create("a.b", 1, &[]).await;
    let collides = create(&broker, 7, false, vec![new_topic("a_b", 1, 1)]).await;
    assert_eq!(code(collides[0].error_code), ErrorCode::InvalidTopicException);
    let reserved = create(&broker, 7, false, vec![new_topic("__cluster_metadata", 1, 1)]).await;
    assert_eq!(code(reserved[0].error_code), ErrorCode::InvalidRequest);
    broker.create("t", 1, &[]).await;
    for (name, bad) in [
        ("nonsense.key", "1"),
        ("retention.ms", "soon"),
        ("retention.ms", "-2"),
        ("cleanup.policy", "shred"),
        ("segment.bytes", ""),
        ("min.insync.replicas", "0"),
    ] {
        let mut topic = new_topic("bad", 1, 1);
        let mut config = CreatableTopicConfig::default();
        (config.name, config.value) = (string(name), Some(string(bad)));
        topic.configs.push(config);
        let made = create(&broker, 7, false, vec![topic]).await;
        assert_eq!(code(made[0].error_code), ErrorCode::InvalidConfig, "{name}={bad}");
        assert_eq!(alter(&broker, TOPIC, "t", &[(name, 0, Some(bad))]).await, ErrorCode::InvalidConfig, "{name}={bad}");
        assert_eq!(replace(&broker, TOPIC, "t", &[(name, bad)]).await, ErrorCode::InvalidConfig, "{name}={bad}");
    }
    let mut topic = new_topic("null", 1, 1);
    let mut config = CreatableTopicConfig::default();
    (config.name, config.value) = (string("retention.ms"), None);
    topic.configs.push(config);
    let made = create(&broker, 7, true, vec![topic.clone()]).await;
    assert_eq!(code(made[0].error_code), ErrorCode::InvalidConfig, "no value");
    topic.configs[0].value = Some(string("1"));
    topic.configs.push(topic.configs[0].clone());
    topic.configs[1].value = Some(string("2"));
    let made = create(&broker, 7, true, vec![topic]).await;
    assert_eq!(code(made[0].error_code), ErrorCode::None, "the last value of a key counts");
    assert!(broker.image().topic("bad").is_none());
    assert!(broker.image().topic("t").expect("t").configs.is_empty(), "nothing of it was kept");
}

#[tokio::test]
async fn ad_5_create_partitions_answers_every_topic() {
    let broker = Broker::start().await;
    broker.create("a", 2, &[]).await;
    broker.create("b", 2, &[]).await;
    let asked = [("a", 5), ("nobody", 5), ("b", 2), ("b2", 1)];
    let mut request = CreatePartitionsRequest::default();
    for (name, count) in asked {
        let mut topic = CreatePartitionsTopic::default();
        (topic.name, topic.count, topic.assignments) = (topic_name(name), count, None);
        request.topics.push(topic);
    }
    request.validate_only = true;
    for validate in [true, false] {
        request.validate_only = validate;
        let response = broker.call(3, &request).await;
        let told: Vec<_> =
            response.results.iter().map(|result| (result.name.to_string(), code(result.error_code))).collect();
        let unknown = ErrorCode::UnknownTopicOrPartition;
        let expected = [ErrorCode::None, unknown, ErrorCode::InvalidPartitions, unknown];
        assert_eq!(
            told,
            asked.iter().zip(expected).map(|((name, _), code)| (name.to_string(), code)).collect::<Vec<_>>()
        );
        let has = broker.image().topic("a").expect("a").partitions;
        assert_eq!(has, if validate { 2 } else { 5 });
    }
    assert_eq!(broker.append("a", 4, &["there"]).await, 0);
    // The bound is on the request, not on each of its topics.
    let mut request = CreatePartitionsRequest::default();
    for (name, count) in [("a", 6_005), ("b", 4_003)] {
        let mut topic = CreatePartitionsTopic::default();
        (topic.name, topic.count, topic.assignments) = (topic_name(name), count, None);
        request.topics.push(topic);
    }
    request.validate_only = true;
    let told: Vec<_> = broker.call(3, &request).await.results.iter().map(|result| code(result.error_code)).collect();
    assert_eq!(told, [ErrorCode::None, ErrorCode::PolicyViolation], "6,000 and 4,001 more");
    request.topics[1].count = 4_002;
    let told = broker.call(3, &request).await.results;
    assert!(told.iter().all(|result| code(result.error_code) == ErrorCode::None), "10,000 more");
    for (count, brokers, expected) in [
        (1, None, ErrorCode::InvalidPartitions),
        (0, None, ErrorCode::InvalidPartitions),
        (-1, None, ErrorCode::InvalidPartitions),
        (3, Some(vec![vec![2]]), ErrorCode::InvalidReplicaAssignment),
        (3, Some(vec![]), ErrorCode::InvalidReplicaAssignment),
        (3, Some(vec![vec![1], vec![1]]), ErrorCode::InvalidReplicaAssignment),
        (20_000, None, ErrorCode::PolicyViolation),
        (3, Some(vec![vec![1]]), ErrorCode::None),
    ] {
        let mut topic = CreatePartitionsTopic::default();
        (topic.name, topic.count) = (topic_name("b"), count);
        topic.assignments = brokers.map(|all: Vec<Vec<i32>>| {
            let one = |ids: Vec<i32>| {
                let mut assignment = create_partitions_request::CreatePartitionsAssignment::default();
                assignment.broker_ids = ids.into_iter().map(BrokerId).collect();
                assignment
            };
            all.into_iter().map(one).collect()
        });
        let mut request = CreatePartitionsRequest::default();
        request.topics.push(topic);
        assert_eq!(code(broker.call(3, &request).await.results[0].error_code), expected, "{count}");
    }
}

#[tokio::test]
async fn ad_6_incremental_alter_configs_sets_deletes_appends_and_subtracts() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let policy = async || value(&broker, TOPIC, "t", "cleanup.policy").await.0.expect("a value");
    let (set, delete, append, subtract) = (0, 1, 2, 3);
    let name = "cleanup.policy";
    assert_eq!(alter(&broker, TOPIC, "t", &[(name, append, Some("compact"))]).await, ErrorCode::None);
    assert_eq!(policy().await, "delete,compact");
    assert_eq!(alter(&broker, TOPIC, "t", &[(name, subtract, Some("delete"))]).await, ErrorCode::None);
    assert_eq!(policy().await, "compact");
    assert_eq!(alter(&broker, TOPIC, "t", &[(name, delete, None)]).await, ErrorCode::None);
    assert_eq!(policy().await, "delete");
    for (changes, expected) in [
        (vec![("retention.ms", append, Some("1"))], ErrorCode::InvalidConfig),
        (vec![("retention.ms", subtract, Some("1"))], ErrorCode::InvalidConfig),
        (vec![("retention.ms", 9, Some("1"))], ErrorCode::InvalidRequest),
        (vec![("retention.ms", set, None)], ErrorCode::InvalidRequest),
        (vec![("retention.ms", set, Some("1")), ("retention.ms", delete, None)], ErrorCode::InvalidRequest),
        (vec![("retention.ms", set, Some("1")), ("segment.bytes", set, Some("x"))], ErrorCode::InvalidConfig),
    ] {
        assert_eq!(alter(&broker, TOPIC, "t", &changes).await, expected, "{changes:?}");
        assert_eq!(value(&broker, TOPIC, "t", "retention.ms").await.1, 5, "{changes:?}: all or nothing");
    }
    assert_eq!(alter(&broker, TOPIC, "nobody", &[]).await, ErrorCode::UnknownTopicOrPartition);
    for (target, change, expected) in [
        ("1", ("log.retention.ms", set, Some("1000")), ErrorCode::None),
        ("", ("log.retention.ms", set, Some("2000")), ErrorCode::None),
        ("1", ("node.id", set, Some("2")), ErrorCode::InvalidRequest),
        ("2", ("log.retention.ms", set, Some("1000")), ErrorCode::InvalidRequest),
        ("1", ("log.retention.ms", set, Some("x")), ErrorCode::InvalidRequest),
    ] {
        assert_eq!(alter(&broker, BROKER, target, &[change]).await, expected, "{target} {change:?}");
    }
    // What is altered is in force: a smaller limit refuses the next batch.
    assert_eq!(alter(&broker, TOPIC, "t", &[("max.message.bytes", set, Some("100"))]).await, ErrorCode::None);
    let large = batch(&["x".repeat(200).as_str()]);
    assert_eq!(code(broker.produce("t", 0, large.clone()).await.error_code), ErrorCode::MessageTooLarge);
    // AlterConfigs replaces everything.
    assert_eq!(replace(&broker, TOPIC, "t", &[("retention.ms", "7")]).await, ErrorCode::None);
    assert_eq!(value(&broker, TOPIC, "t", "max.message.bytes").await.1, 5);
    assert_eq!(code(broker.produce("t", 0, large.clone()).await.error_code), ErrorCode::None);
    // A resource that comes twice is altered by neither.
    let mut resource = AlterConfigsResource::default();
    (resource.resource_type, resource.resource_name) = (TOPIC, string("t"));
    let mut request = IncrementalAlterConfigsRequest::default();
    request.resources = vec![resource; 2];
    for (resource, ms) in request.resources.iter_mut().zip(["8", "9"]) {
        let mut config = AlterableConfig::default();
        (config.name, config.value) = (string("retention.ms"), Some(string(ms)));
        resource.configs.push(config);
    }
    let told: Vec<_> = broker.call(1, &request).await.responses.iter().map(|told| code(told.error_code)).collect();
    assert_eq!(told, [ErrorCode::InvalidRequest; 2]);
    assert_eq!(value(&broker, TOPIC, "t", "retention.ms").await.0.as_deref(), Some("7"));
    // The broker's own settings, too.
    assert_eq!(alter(&broker, BROKER, "1", &[("message.max.bytes", set, Some("100"))]).await, ErrorCode::None);
    assert_eq!(code(broker.produce("t", 0, large).await.error_code), ErrorCode::MessageTooLarge);
}

#[tokio::test]
async fn ad_7_acl_requests_say_that_security_is_off() {
    let broker = Broker::start().await;
    for version in 1..=3 {
        let mut describe = DescribeAclsRequest::default();
        (describe.resource_type_filter, describe.pattern_type_filter) = (2, 3);
        (describe.operation, describe.permission_type) = (1, 1);
        let described = broker.call(version, &describe).await;
        assert_eq!(code(described.error_code), ErrorCode::SecurityDisabled);
        let mut acl = AclCreation::default();
        (acl.resource_type, acl.resource_pattern_type, acl.operation, acl.permission_type) = (2, 3, 3, 3);
        let mut create = CreateAclsRequest::default();
        create.creations = vec![acl.clone(), acl];
        let created = broker.call(version, &create).await;
        assert_eq!(created.results.len(), 2);
        assert!(created.results.iter().all(|result| code(result.error_code) == ErrorCode::SecurityDisabled));
        let mut filter = DeleteAclsFilter::default();
        (filter.resource_type_filter, filter.pattern_type_filter) = (2, 3);
        let mut delete = DeleteAclsRequest::default();
        delete.filters.push(filter);
        let deleted = broker.call(version, &delete).await;
        assert_eq!(code(deleted.filter_results[0].error_code), ErrorCode::SecurityDisabled);
    }
}

#[tokio::test]
async fn ad_8_what_tools_describe_is_answered() {
    let broker = Broker::start().await;
    broker.create("t", 2, &[]).await;
    broker.append("t", 1, &["some", "bytes"]).await;
    let mut dirs = DescribeLogDirsRequest::default();
    dirs.topics = None;
    for version in 1..=4 {
        let response = broker.call(version, &dirs).await;
        let dir = &response.results[0];
        assert_eq!((code(dir.error_code), &*dir.log_dir), (ErrorCode::None, DATA));
        let sizes: Vec<_> = dir.topics[0].partitions.iter().map(|partition| partition.partition_size).collect();
        assert_eq!((&*dir.topics[0].name.0, sizes.len(), sizes[0]), ("t", 2, 0));
        assert!(sizes[1] > 0);
        let space = (dir.total_bytes, dir.usable_bytes);
        assert_eq!(space, if version >= 4 { (1000, 400) } else { (-1, -1) });
    }
    for version in 0..=2 {
        let cluster = broker.call(version, &DescribeClusterRequest::default()).await;
        assert_eq!((code(cluster.error_code), &*cluster.cluster_id), (ErrorCode::None, CLUSTER));
        assert_eq!((cluster.controller_id.0, cluster.brokers.len()), (NODE.0, 1));
    }
    for (kind, expected) in [(2, ErrorCode::MismatchedEndpointType), (9, ErrorCode::UnsupportedEndpointType)] {
        let mut request = DescribeClusterRequest::default();
        request.endpoint_type = kind;
        assert_eq!(code(broker.call(1, &request).await.error_code), expected);
    }
    let moving = broker.call(0, &ListPartitionReassignmentsRequest::default()).await;
    assert_eq!((code(moving.error_code), moving.topics.len()), (ErrorCode::None, 0));
    for version in 0..=1 {
        let quotas = broker.call(version, &DescribeClientQuotasRequest::default()).await;
        assert_eq!((code(quotas.error_code), quotas.entries.map(|entries| entries.len())), (ErrorCode::None, Some(0)));
    }
    let mut topic = QuorumTopic::default();
    topic.topic_name = topic_name("__cluster_metadata");
    topic.partitions.push(QuorumPartition::default());
    let mut quorum = DescribeQuorumRequest::default();
    quorum.topics.push(topic);
    for version in 0..=2 {
        let told = broker.call(version, &quorum).await;
        let partition = &told.topics[0].partitions[0];
        assert_eq!((code(partition.error_code), partition.leader_id.0), (ErrorCode::None, NODE.0));
        assert_eq!(partition.current_voters[0].replica_id.0, NODE.0);
        assert_eq!(told.nodes.len(), usize::from(version >= 2));
    }
    let mut find = FindCoordinatorRequest::default();
    find.key = string("group");
    for version in 0..=3 {
        let found = broker.call(version, &find).await;
        assert_eq!((code(found.error_code), found.node_id.0, found.port), (ErrorCode::None, NODE.0, 9092));
    }
    let mut find = FindCoordinatorRequest::default();
    // Good for each kind: a share coordinator has group, topic id and partition in its keys.
    find.coordinator_keys = ["a", "b"].map(|group| string(&format!("{group}:AAAAAAAAAAAAAAAAAAAAAQ:0"))).to_vec();
    for (version, kind, expected) in [
        (4, 0, ErrorCode::None),
        (5, 1, ErrorCode::None),
        (6, 2, ErrorCode::None),
        (5, 2, ErrorCode::InvalidRequest),
        (6, 3, ErrorCode::InvalidRequest),
    ] {
        find.key_type = kind;
        let found = broker.call(version, &find).await;
        assert_eq!(found.coordinators.len(), 2);
        assert!(found.coordinators.iter().all(|coordinator| code(coordinator.error_code) == expected));
    }
}
