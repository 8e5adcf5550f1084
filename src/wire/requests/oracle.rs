//! Our requests as those of the codec crate: its encoder is the oracle of our decoder.

use super::{
    Request, acls, cluster, configs, consumer_groups, features, group_admin, group_offsets, groups, offsets, producers,
    topics,
};
use crate::base::{LeaderEpoch, NodeId, Offset, PartitionIndex, ProducerEpoch, ProducerId, Timestamp, TopicId};
use crate::wire::field::Field;
use crate::wire::{Array, Str, fetch, produce};
use bytes::{Bytes, BytesMut};
use kafka_protocol::messages::{self as kafka, BrokerId, GroupId, TopicName, TransactionalId};
use kafka_protocol::protocol::Encodable;
use uuid::Uuid;

/// A value and its counterpart `K` in the crate.
trait Twin<K> {
    fn twin(&self) -> K;
}

macro_rules! scalars {
    ($($ours:ty => $theirs:ty, $value:ident -> $convert:expr;)*) => {
        $(impl Twin<$theirs> for $ours {
            fn twin(&self) -> $theirs {
                let $value = self.clone();
                $convert
            }
        })*
    };
}
scalars! {
    i8 => i8, value -> value;
    i16 => i16, value -> value;
    i32 => i32, value -> value;
    i64 => i64, value -> value;
    bool => bool, value -> value;
    Str => Str, value -> value;
    Str => TopicName, value -> TopicName(value);
    Str => TransactionalId, value -> TransactionalId(value);
    Str => GroupId, value -> GroupId(value);
    Bytes => Bytes, value -> value;
    Uuid => Uuid, value -> value;
    TopicId => Uuid, value -> value.0;
    NodeId => BrokerId, value -> BrokerId(value.0);
    PartitionIndex => i32, value -> value.0;
    LeaderEpoch => i32, value -> value.0;
    Offset => i64, value -> value.0;
    Timestamp => i64, value -> value.0;
    ProducerId => kafka::ProducerId, value -> kafka::ProducerId(value.0);
    ProducerEpoch => i16, value -> value.0;
}

impl<T: Twin<K>, K> Twin<Option<K>> for Option<T> {
    fn twin(&self) -> Option<K> {
        self.as_ref().map(Twin::twin)
    }
}

impl<T: Twin<K> + Field + Clone, K> Twin<Vec<K>> for Array<T> {
    fn twin(&self) -> Vec<K> {
        self.iter().map(|element| element.twin()).collect()
    }
}

macro_rules! twins {
    ($($ours:ty => $theirs:ty { $($field:ident $(as $name:ident)?),* })*) => {
        $(impl Twin<$theirs> for $ours {
            fn twin(&self) -> $theirs {
                let mut twin = <$theirs>::default();
                $(twins!(@field twin, $field $(as $name)?) = self.$field.twin();)*
                twin
            }
        })*
    };
    (@field $twin:ident, $field:ident) => { $twin.$field };
    (@field $twin:ident, $field:ident as $name:ident) => { $twin.$name };
}

twins! {
    produce::ProduceRequest => kafka::ProduceRequest { transactional_id, acks, timeout_ms, topic_data }
    produce::TopicProduceData => kafka::produce_request::TopicProduceData { name, topic_id, partition_data }
    produce::PartitionProduceData => kafka::produce_request::PartitionProduceData { index, records }
    fetch::FetchRequest => kafka::FetchRequest {
        cluster_id, replica_id, replica_state, max_wait_ms, min_bytes, max_bytes, isolation_level, session_id,
        session_epoch, topics, forgotten_topics_data, rack_id
    }
    fetch::ReplicaState => kafka::fetch_request::ReplicaState { replica_id, replica_epoch }
    fetch::FetchTopic => kafka::fetch_request::FetchTopic { topic, topic_id, partitions }
    fetch::FetchPartition => kafka::fetch_request::FetchPartition {
        partition, current_leader_epoch, fetch_offset, last_fetched_epoch, log_start_offset, partition_max_bytes,
        replica_directory_id, high_watermark
    }
    fetch::ForgottenTopic => kafka::fetch_request::ForgottenTopic { topic, topic_id, partitions }
    offsets::ListOffsetsRequest => kafka::ListOffsetsRequest { replica_id, isolation_level, topics, timeout_ms }
    offsets::ListOffsetsTopic => kafka::list_offsets_request::ListOffsetsTopic { name, partitions }
    offsets::ListOffsetsPartition => kafka::list_offsets_request::ListOffsetsPartition {
        partition_index, current_leader_epoch, timestamp
    }
    offsets::DeleteRecordsRequest => kafka::DeleteRecordsRequest { topics, timeout_ms }
    offsets::DeleteRecordsTopic => kafka::delete_records_request::DeleteRecordsTopic { name, partitions }
    offsets::DeleteRecordsPartition => kafka::delete_records_request::DeleteRecordsPartition { partition_index, offset }
    offsets::OffsetForLeaderEpochRequest => kafka::OffsetForLeaderEpochRequest { replica_id, topics }
    offsets::OffsetForLeaderTopic => kafka::offset_for_leader_epoch_request::OffsetForLeaderTopic { topic, partitions }
    offsets::OffsetForLeaderPartition => kafka::offset_for_leader_epoch_request::OffsetForLeaderPartition {
        partition, current_leader_epoch, leader_epoch
    }
    cluster::MetadataRequest => kafka::MetadataRequest {
        topics, allow_auto_topic_creation, include_cluster_authorized_operations, include_topic_authorized_operations
    }
    cluster::MetadataRequestTopic => kafka::metadata_request::MetadataRequestTopic { topic_id, name }
    cluster::FindCoordinatorRequest => kafka::FindCoordinatorRequest { key, key_type, coordinator_keys }
    cluster::ApiVersionsRequest => kafka::ApiVersionsRequest { client_software_name, client_software_version }
    cluster::DescribeClusterRequest => kafka::DescribeClusterRequest {
        include_cluster_authorized_operations, endpoint_type, include_fenced_brokers
    }
    cluster::DescribeTopicPartitionsRequest => kafka::DescribeTopicPartitionsRequest {
        topics, response_partition_limit, cursor
    }
    cluster::TopicRequest => kafka::describe_topic_partitions_request::TopicRequest { name }
    cluster::Cursor => kafka::describe_topic_partitions_request::Cursor { topic_name, partition_index }
    cluster::DescribeLogDirsRequest => kafka::DescribeLogDirsRequest { topics }
    cluster::DescribableLogDirTopic => kafka::describe_log_dirs_request::DescribableLogDirTopic { topic, partitions }
    cluster::ListPartitionReassignmentsRequest => kafka::ListPartitionReassignmentsRequest { timeout_ms, topics }
    cluster::ListPartitionReassignmentsTopics
        => kafka::list_partition_reassignments_request::ListPartitionReassignmentsTopics { name, partition_indexes }
    cluster::DescribeClientQuotasRequest => kafka::DescribeClientQuotasRequest { components, strict }
    cluster::ComponentData => kafka::describe_client_quotas_request::ComponentData {
        entity_type, match_type, match_ as _match
    }
    cluster::DescribeQuorumRequest => kafka::DescribeQuorumRequest { topics }
    cluster::QuorumTopic => kafka::describe_quorum_request::TopicData { topic_name, partitions }
    cluster::QuorumPartition => kafka::describe_quorum_request::PartitionData { partition_index }
    topics::CreateTopicsRequest => kafka::CreateTopicsRequest { topics, timeout_ms, validate_only }
    topics::CreatableTopic => kafka::create_topics_request::CreatableTopic {
        name, num_partitions, replication_factor, assignments, configs
    }
    topics::CreatableReplicaAssignment => kafka::create_topics_request::CreatableReplicaAssignment {
        partition_index, broker_ids
    }
    topics::CreatableTopicConfig => kafka::create_topics_request::CreatableTopicConfig { name, value }
    topics::DeleteTopicsRequest => kafka::DeleteTopicsRequest { topics, topic_names, timeout_ms }
    topics::DeleteTopicState => kafka::delete_topics_request::DeleteTopicState { name, topic_id }
    topics::CreatePartitionsRequest => kafka::CreatePartitionsRequest { topics, timeout_ms, validate_only }
    topics::CreatePartitionsTopic => kafka::create_partitions_request::CreatePartitionsTopic {
        name, count, assignments
    }
    topics::CreatePartitionsAssignment => kafka::create_partitions_request::CreatePartitionsAssignment { broker_ids }
    configs::DescribeConfigsRequest => kafka::DescribeConfigsRequest {
        resources, include_synonyms, include_documentation
    }
    configs::DescribeConfigsResource => kafka::describe_configs_request::DescribeConfigsResource {
        resource_type, resource_name, configuration_keys
    }
    configs::AlterConfigsRequest => kafka::AlterConfigsRequest { resources, validate_only }
    configs::AlterConfigsResource => kafka::alter_configs_request::AlterConfigsResource {
        resource_type, resource_name, configs
    }
    configs::AlterableConfig => kafka::alter_configs_request::AlterableConfig { name, value }
    configs::ListConfigResourcesRequest => kafka::ListConfigResourcesRequest { resource_types }
    configs::IncrementalAlterConfigsRequest => kafka::IncrementalAlterConfigsRequest { resources, validate_only }
    configs::IncrementalAlterConfigsResource => kafka::incremental_alter_configs_request::AlterConfigsResource {
        resource_type, resource_name, configs
    }
    configs::IncrementalAlterableConfig => kafka::incremental_alter_configs_request::AlterableConfig {
        name, config_operation, value
    }
    groups::JoinGroupRequest => kafka::JoinGroupRequest {
        group_id, session_timeout_ms, rebalance_timeout_ms, member_id, group_instance_id, protocol_type, protocols, reason
    }
    groups::JoinGroupProtocol => kafka::join_group_request::JoinGroupRequestProtocol { name, metadata }
    groups::SyncGroupRequest => kafka::SyncGroupRequest {
        group_id, generation_id, member_id, group_instance_id, protocol_type, protocol_name, assignments
    }
    groups::SyncGroupAssignment => kafka::sync_group_request::SyncGroupRequestAssignment { member_id, assignment }
    groups::HeartbeatRequest => kafka::HeartbeatRequest { group_id, generation_id, member_id, group_instance_id }
    groups::LeaveGroupRequest => kafka::LeaveGroupRequest { group_id, member_id, members }
    groups::MemberIdentity => kafka::leave_group_request::MemberIdentity { member_id, group_instance_id, reason }
    group_offsets::OffsetCommitRequest => kafka::OffsetCommitRequest {
        group_id, generation_id_or_member_epoch, member_id, group_instance_id, retention_time_ms, topics
    }
    group_offsets::OffsetCommitTopic => kafka::offset_commit_request::OffsetCommitRequestTopic {
        name, topic_id, partitions
    }
    group_offsets::OffsetCommitPartition => kafka::offset_commit_request::OffsetCommitRequestPartition {
        partition_index, committed_offset, committed_leader_epoch, committed_metadata
    }
    group_offsets::OffsetFetchRequest => kafka::OffsetFetchRequest { group_id, topics, groups, require_stable }
    group_offsets::OffsetFetchGroup => kafka::offset_fetch_request::OffsetFetchRequestGroup {
        group_id, member_id, member_epoch, topics
    }
    group_offsets::OffsetFetchTopic => kafka::offset_fetch_request::OffsetFetchRequestTopic { name, partition_indexes }
    group_offsets::OffsetFetchTopic => kafka::offset_fetch_request::OffsetFetchRequestTopics {
        name, topic_id, partition_indexes
    }
    group_offsets::OffsetDeleteRequest => kafka::OffsetDeleteRequest { group_id, topics }
    group_offsets::OffsetDeleteTopic => kafka::offset_delete_request::OffsetDeleteRequestTopic { name, partitions }
    group_offsets::OffsetDeletePartition => kafka::offset_delete_request::OffsetDeleteRequestPartition {
        partition_index
    }
    group_admin::DescribeGroupsRequest => kafka::DescribeGroupsRequest { groups, include_authorized_operations }
    group_admin::ListGroupsRequest => kafka::ListGroupsRequest { states_filter, types_filter }
    group_admin::DeleteGroupsRequest => kafka::DeleteGroupsRequest { groups_names }
    consumer_groups::ConsumerGroupHeartbeatRequest => kafka::ConsumerGroupHeartbeatRequest {
        group_id, member_id, member_epoch, instance_id, rack_id, rebalance_timeout_ms, subscribed_topic_names,
        subscribed_topic_regex, server_assignor, topic_partitions
    }
    consumer_groups::TopicPartitions => kafka::consumer_group_heartbeat_request::TopicPartitions {
        topic_id, partitions
    }
    consumer_groups::ConsumerGroupDescribeRequest => kafka::ConsumerGroupDescribeRequest {
        group_ids, include_authorized_operations
    }
    features::UpdateFeaturesRequest => kafka::UpdateFeaturesRequest { timeout_ms, feature_updates, validate_only }
    features::FeatureUpdateKey => kafka::update_features_request::FeatureUpdateKey {
        feature, max_version_level, allow_downgrade, upgrade_type
    }
    producers::InitProducerIdRequest => kafka::InitProducerIdRequest {
        transactional_id, transaction_timeout_ms, producer_id, producer_epoch
    }
    acls::DescribeAclsRequest => kafka::DescribeAclsRequest {
        resource_type_filter, resource_name_filter, pattern_type_filter, principal_filter, host_filter, operation,
        permission_type
    }
    acls::CreateAclsRequest => kafka::CreateAclsRequest { creations }
    acls::AclCreation => kafka::create_acls_request::AclCreation {
        resource_type, resource_name, resource_pattern_type, principal, host, operation, permission_type
    }
    acls::DeleteAclsRequest => kafka::DeleteAclsRequest { filters }
    acls::DeleteAclsFilter => kafka::delete_acls_request::DeleteAclsFilter {
        resource_type_filter, resource_name_filter, pattern_type_filter, principal_filter, host_filter, operation,
        permission_type
    }
}

macro_rules! encoder {
    ($($name:ident = $key:literal, $request:ident, $min:literal..=$max:literal, $advertised:literal, $flexible:tt, $early:literal;)*) => {
        /// The body that the crate writes for this request, or its reason not to.
        pub fn encode(request: &Request, version: i16) -> Result<Bytes, String> {
            let mut out = BytesMut::new();
            match request {
                $(Request::$name(request) => {
                    let twin: kafka::$request = request.twin();
                    twin.encode(&mut out, version)
                })*
            }
            .map_err(|error| error.to_string())?;
            Ok(out.freeze())
        }
    };
}
crate::wire::api::apis!(encoder);
