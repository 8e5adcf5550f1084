//! The most elements that an array of a request may have. More closes the connection, as every ill-formed request does;
//! what is merely too much for one operation (10,001 partitions) is for handlers to answer.

/// Topics, named or identified.
pub const TOPICS_MAX: u32 = 100_000;

/// Partitions of one topic.
pub const PARTITIONS_MAX: u32 = 100_000;

/// Replicas of one partition.
pub const REPLICAS_MAX: u32 = 1_000;

/// Configuration resources: topics and brokers.
pub const RESOURCES_MAX: u32 = 100_000;

/// Types of configuration resources: far more than there are numbers for them.
pub const RESOURCE_TYPES_MAX: u32 = 1_000;

/// Configuration keys of one resource.
pub const CONFIGS_MAX: u32 = 10_000;

/// ACLs or ACL filters.
pub const ACLS_MAX: u32 = 10_000;

/// Group or transactional ids whose coordinator is asked for.
pub const COORDINATORS_MAX: u32 = 10_000;

/// Parts of a quota filter.
pub const QUOTA_COMPONENTS_MAX: u32 = 1_000;

/// Groups that are asked for, or that go; as many as their coordinator can be asked of.
pub const GROUPS_MAX: u32 = COORDINATORS_MAX;

/// Members of one group.
pub const MEMBERS_MAX: u32 = 100_000;

/// Topics that one member of a group subscribes to or owns partitions of.
pub const SUBSCRIBED_TOPICS_MAX: u32 = TOPICS_MAX;

/// Protocols that one member knows.
pub const PROTOCOLS_MAX: u32 = 1_000;

/// States or types that a listing of groups is filtered by.
pub const FILTERS_MAX: u32 = 1_000;

/// Features whose level is changed at once; Kafka 4.4 knows seven.
pub const FEATURES_MAX: u32 = 1_000;
