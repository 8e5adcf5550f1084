//! Floor 10: one file per API, each opening with its versions, its KIPs and its rules. Here wire versions end, and here
//! alone domain errors become Kafka's codes.
//!
//! - [`call`]: the call between sockets and handlers: peer, request, answer. [`service`]: from a frame to its handler; [`aside`]: where
//!   large requests are worked on; [`answer_memory`]: the budget of answers that are not sent yet.
//! - Data: [`produce`] (with [`keyless`]), [`fetch`], [`list_offsets`], [`offset_for_leader_epoch`], [`init_producer_id`].
//! - Cluster: [`api_versions`], [`metadata`], [`describe_cluster`], [`describe_topic_partitions`], [`describe_log_dirs`],
//!   [`find_coordinator`], [`describe_quorum`], [`list_partition_reassignments`], [`describe_client_quotas`], [`acls`].
//! - Changes: [`create_topics`], [`delete_topics`], [`create_partitions`], [`delete_records`], [`describe_configs`], [`alter_configs`],
//!   [`incremental_alter_configs`] (the three over [`config_resources`]), [`list_config_resources`], [`update_features`] (over
//!   [`features`]).
//! - What they share: [`topics`], [`configs`], [`producer_ids`], [`whereabouts`], [`topic_name`], [`epochs`]; [`errors`] and
//!   [`answer`], the ways back to the wire.
//!
//! What must hold: offsets are assigned in stage one, in the order of a connection's requests; nothing slow is waited for
//! there but room in the commit queue. A request that waits holds no frame: what it needs is copied. Matches on domain
//! errors are exhaustive. No handler answers UNKNOWN_SERVER_ERROR (PR-9). State that must survive is the metadata log's
//! or the store's; fetch sessions are all that a crash takes, and clients open new ones.

mod acls;
mod alter_configs;
mod answer;
pub mod answer_memory;
mod api_versions;
mod aside;
#[cfg(test)]
mod behaviour;
pub mod call;
mod config_resources;
pub mod configs;
mod create_partitions;
mod create_topics;
mod delete_records;
mod delete_topics;
mod describe_client_quotas;
mod describe_cluster;
mod describe_configs;
mod describe_log_dirs;
mod describe_quorum;
mod describe_topic_partitions;
mod epochs;
mod errors;
pub mod features;
mod fetch;
mod find_coordinator;
mod groups;
mod incremental_alter_configs;
mod init_producer_id;
mod keyless;
mod list_config_resources;
mod list_offsets;
mod list_partition_reassignments;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod producer_ids;
mod service;
mod timestamps;
mod topic_name;
mod topics;
mod update_features;
mod whereabouts;

pub use configs::{Configs, log_settings, topic_log_settings};
pub use describe_log_dirs::Space;
pub use fetch::Fetches;
pub use groups::Groups;
pub use producer_ids::ProducerIds;
pub use service::{Parts, Service, SpaceProbe};
pub use topics::{NewTopic, Topics};
pub use whereabouts::Whereabouts;
