//! THE api table: one row for each API that is served.
//!
//! A version appears here when it is served and tested, not before. Never taken from the codec
//! crate: its ranges lag behind Kafka in some places and run ahead of what is stable in others.

use super::reader::At;

/// "First flexible version" of an API that has none.
pub const NEVER: i16 = i16::MAX;

/// Calls `$then!` with the rows. One row: `Name = key, Request type, served versions, advertised minimum, first flexible
/// version (a number or NEVER), before login`.
macro_rules! apis {
    ($then:ident) => {
        $then! {
            Produce = 0, ProduceRequest, 3..=13, 0, 9, false;
            Fetch = 1, FetchRequest, 4..=18, 4, 12, false;
            ListOffsets = 2, ListOffsetsRequest, 1..=10, 1, 6, false;
            Metadata = 3, MetadataRequest, 0..=13, 0, 9, false;
            OffsetCommit = 8, OffsetCommitRequest, 2..=10, 2, 8, false;
            OffsetFetch = 9, OffsetFetchRequest, 1..=10, 1, 6, false;
            FindCoordinator = 10, FindCoordinatorRequest, 0..=6, 0, 3, false;
            JoinGroup = 11, JoinGroupRequest, 0..=9, 0, 6, false;
            Heartbeat = 12, HeartbeatRequest, 0..=4, 0, 4, false;
            LeaveGroup = 13, LeaveGroupRequest, 0..=5, 0, 4, false;
            SyncGroup = 14, SyncGroupRequest, 0..=5, 0, 4, false;
            DescribeGroups = 15, DescribeGroupsRequest, 0..=6, 0, 5, false;
            ListGroups = 16, ListGroupsRequest, 0..=5, 0, 3, false;
            ApiVersions = 18, ApiVersionsRequest, 0..=5, 0, 3, true;
            CreateTopics = 19, CreateTopicsRequest, 2..=7, 2, 5, false;
            DeleteTopics = 20, DeleteTopicsRequest, 1..=6, 1, 4, false;
            DeleteRecords = 21, DeleteRecordsRequest, 0..=2, 0, 2, false;
            InitProducerId = 22, InitProducerIdRequest, 0..=5, 0, 2, false;
            OffsetForLeaderEpoch = 23, OffsetForLeaderEpochRequest, 2..=4, 2, 4, false;
            DescribeAcls = 29, DescribeAclsRequest, 1..=3, 1, 2, false;
            CreateAcls = 30, CreateAclsRequest, 1..=3, 1, 2, false;
            DeleteAcls = 31, DeleteAclsRequest, 1..=3, 1, 2, false;
            DescribeConfigs = 32, DescribeConfigsRequest, 1..=4, 1, 4, false;
            AlterConfigs = 33, AlterConfigsRequest, 0..=2, 0, 2, false;
            DescribeLogDirs = 35, DescribeLogDirsRequest, 1..=4, 1, 2, false;
            CreatePartitions = 37, CreatePartitionsRequest, 0..=3, 0, 2, false;
            DeleteGroups = 42, DeleteGroupsRequest, 0..=2, 0, 2, false;
            IncrementalAlterConfigs = 44, IncrementalAlterConfigsRequest, 0..=1, 0, 1, false;
            ListPartitionReassignments = 46, ListPartitionReassignmentsRequest, 0..=0, 0, 0, false;
            OffsetDelete = 47, OffsetDeleteRequest, 0..=0, 0, NEVER, false;
            DescribeClientQuotas = 48, DescribeClientQuotasRequest, 0..=1, 0, 1, false;
            DescribeQuorum = 55, DescribeQuorumRequest, 0..=2, 0, 0, false;
            UpdateFeatures = 57, UpdateFeaturesRequest, 0..=2, 0, 0, false;
            DescribeCluster = 60, DescribeClusterRequest, 0..=2, 0, 0, false;
            ConsumerGroupHeartbeat = 68, ConsumerGroupHeartbeatRequest, 0..=1, 0, 0, false;
            ConsumerGroupDescribe = 69, ConsumerGroupDescribeRequest, 0..=1, 0, 0, false;
            ListConfigResources = 74, ListConfigResourcesRequest, 0..=1, 0, 0, false;
            DescribeTopicPartitions = 75, DescribeTopicPartitionsRequest, 0..=0, 0, 0, false;
        }
    };
}
pub(crate) use apis;

/// What is served of one API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Row {
    /// Which API.
    pub api: Api,
    /// Its number on the wire.
    pub key: i16,
    /// Kafka's name for it.
    pub name: &'static str,
    /// Lowest version that is answered.
    pub min: i16,
    /// Highest version that is answered, and the highest that is advertised.
    pub max: i16,
    /// Lowest version in the ApiVersions answer. Below `min` only for Produce (AV-1): librdkafka before 2.11.1 does not
    /// compress otherwise.
    pub advertised_min: i16,
    /// First version with compact lengths and tagged fields (KIP-482), or [`NEVER`].
    pub flexible_from: i16,
    /// Whether it is answered on a connection that has not logged in yet.
    pub before_login: bool,
}

macro_rules! define {
    ($($name:ident = $key:literal, $request:ident, $min:literal..=$max:literal, $advertised:literal, $flexible:tt, $early:literal;)*) => {
        /// An API that is served.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Api {
            $(#[doc = concat!("Key ", $key, ", versions ", $min, " to ", $max, ".")] $name,)*
        }

        /// Every API that is served, by ascending key.
        pub const API_TABLE: &[Row] = &[
            $(Row {
                api: Api::$name,
                key: $key,
                name: stringify!($name),
                min: $min,
                max: $max,
                advertised_min: $advertised,
                flexible_from: $flexible,
                before_login: $early,
            },)*
        ];
    };
}
apis!(define);

impl Api {
    /// The API with this number, if it is served.
    pub fn from_key(key: i16) -> Option<Api> {
        API_TABLE.binary_search_by_key(&key, |row| row.key).ok().map(|at| API_TABLE[at].api)
    }

    /// Its row of the table.
    pub fn row(self) -> &'static Row {
        &API_TABLE[self as usize]
    }

    /// Its number on the wire.
    pub fn key(self) -> i16 {
        self.row().key
    }

    /// Kafka's name for it.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// Whether this version is answered.
    pub fn serves(self, version: i16) -> bool {
        (self.row().min..=self.row().max).contains(&version)
    }

    /// How a message of this version is laid out. Also for versions that are not served: the header of an ApiVersions
    /// request from the future must be read to be answered (AV-2).
    pub fn at(self, version: i16) -> At {
        At { version, flexible: version >= self.row().flexible_from }
    }

    /// Version of the request header: 2 has tagged fields.
    pub fn request_header_version(self, version: i16) -> i16 {
        if self.at(version).flexible { 2 } else { 1 }
    }

    /// Version of the response header: 1 has tagged fields. ApiVersions stays at 0 for ever (AV-4), because a client
    /// reads that answer before it knows what the broker speaks.
    pub fn response_header_version(self, version: i16) -> i16 {
        if self != Api::ApiVersions && self.at(version).flexible { 1 } else { 0 }
    }
}

impl std::fmt::Display for Api {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
#[path = "api_tests.rs"]
mod tests;
