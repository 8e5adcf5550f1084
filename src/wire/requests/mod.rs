//! Every request as a declaration, and the way from a body's bytes to one of them.
//!
//! - `define`: the `request!` macro.
//! - [`cluster`]: who is there: Metadata, FindCoordinator, ApiVersions and the Describe requests of a cluster.
//! - [`topics`]: CreateTopics, DeleteTopics, CreatePartitions. [`configs`]: the three of them.
//! - [`offsets`]: ListOffsets, DeleteRecords, OffsetForLeaderEpoch. [`producers`]: InitProducerId. [`acls`]: the three of them.
//! - [`groups`]: JoinGroup, SyncGroup, Heartbeat, LeaveGroup. [`group_offsets`]: OffsetCommit, OffsetFetch, OffsetDelete.
//!   [`group_admin`]: DescribeGroups, ListGroups, DeleteGroups. [`consumer_groups`]: ConsumerGroupHeartbeat,
//!   ConsumerGroupDescribe.
//! - UpdateFeatures: [`features`].
//! - [`caps`]: the most elements of each kind of array.
//!
//! Produce and Fetch are declared beside their answers, in [`super::produce`] and [`super::fetch`].
//!
//! One struct serves all versions of a request: a field that a version lacks holds Kafka's default for it.

pub mod acls;
pub mod caps;
pub mod cluster;
pub mod configs;
pub mod consumer_groups;
pub(in crate::wire) mod define;
pub mod features;
pub mod group_admin;
pub mod group_offsets;
pub mod groups;
pub mod offsets;
pub mod producers;
#[cfg(test)]
pub(in crate::wire) mod sample;
pub mod topics;

pub use super::fetch::FetchRequest;
pub use super::produce::ProduceRequest;
pub use acls::{CreateAclsRequest, DeleteAclsRequest, DescribeAclsRequest};
pub use cluster::{
    ApiVersionsRequest, DescribeClientQuotasRequest, DescribeClusterRequest, DescribeLogDirsRequest,
    DescribeQuorumRequest, DescribeTopicPartitionsRequest, FindCoordinatorRequest, ListPartitionReassignmentsRequest,
    MetadataRequest,
};
pub use configs::{
    AlterConfigsRequest, DescribeConfigsRequest, IncrementalAlterConfigsRequest, ListConfigResourcesRequest,
};
pub use consumer_groups::{ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest};
pub use features::UpdateFeaturesRequest;
pub use group_admin::{DeleteGroupsRequest, DescribeGroupsRequest, ListGroupsRequest};
pub use group_offsets::{OffsetCommitRequest, OffsetDeleteRequest, OffsetFetchRequest};
pub use groups::{HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest};
pub use offsets::{DeleteRecordsRequest, ListOffsetsRequest, OffsetForLeaderEpochRequest};
pub use producers::InitProducerIdRequest;
pub use topics::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest};

use super::api::{Api, apis};
use super::field::Field;
use super::reader::{ELEMENTS_PER_REQUEST_MAX, Problem, Read, Reader};
use bytes::Bytes;

/// Reads a whole body: all its bytes, a version that is served, and at most so many array elements.
fn whole<T: Field>(api: Api, version: i16, body: Bytes, elements: u32) -> Read<T> {
    let mut reader = Reader::new(body, api.at(version)).at_most(elements);
    reader.enter(api.name());
    if !api.serves(version) {
        return Err(reader.error(Problem::Version(version)));
    }
    let request = T::read(&mut reader, 0)?;
    reader.finish()?;
    Ok(request)
}

macro_rules! dispatch {
    ($($name:ident = $key:literal, $request:ident, $min:literal..=$max:literal, $advertised:literal, $flexible:tt, $early:literal;)*) => {
        /// A decoded request.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(clippy::large_enum_variant)] // a few hundred bytes on the way to its handler
        pub enum Request {
            $(#[doc = concat!("[`", stringify!($request), "`].")] $name($request),)*
        }

        impl Request {
            /// Decodes the body (what follows the header) of a request of this API and version.
            pub fn decode(api: Api, version: i16, body: Bytes) -> Read<Request> {
                Request::decode_up_to(ELEMENTS_PER_REQUEST_MAX, api, version, body)
            }

            /// As [`Self::decode`], with fewer array elements: [`Problem::TooMany`] may mean no more than that.
            pub fn decode_up_to(elements: u32, api: Api, version: i16, body: Bytes) -> Read<Request> {
                match api {
                    $(Api::$name => whole(api, version, body, elements).map(Request::$name),)*
                }
            }

            /// Which API it asks.
            pub fn api(&self) -> Api {
                match self {
                    $(Request::$name(_) => Api::$name,)*
                }
            }
        }

        #[cfg(test)]
        impl Request {
            /// A random request that this version can carry.
            pub(in crate::wire) fn sample(api: Api, random: &mut sample::Random, version: i16) -> Request {
                match api {
                    $(Api::$name => Request::$name(sample::Sample::sample(random, api.at(version))),)*
                }
            }

            /// Its fields as Kafka's JSON converters show them.
            pub(in crate::wire) fn json(&self, version: i16) -> serde_json::Value {
                match self {
                    $(Request::$name(request) => sample::Sample::json(request, Api::$name.at(version)),)*
                }
            }
        }

        $(impl $request {
            /// Decodes a whole body of this version.
            pub fn decode(version: i16, body: Bytes) -> Read<Self> {
                whole(Api::$name, version, body, ELEMENTS_PER_REQUEST_MAX)
            }
        })*
    };
}
apis!(dispatch);

#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;
