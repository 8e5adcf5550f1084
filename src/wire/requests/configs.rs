//! Configuration of topics, brokers and groups: DescribeConfigs, AlterConfigs, IncrementalAlterConfigs,
//! ListConfigResources.

use super::caps::{CONFIGS_MAX, RESOURCE_TYPES_MAX, RESOURCES_MAX};
use super::define::request;
use crate::wire::{Array, Str};

request! {
    /// Asks for configuration.
    pub struct DescribeConfigsRequest {
        /// Whose.
        resources: Array<DescribeConfigsResource> [max RESOURCES_MAX];
        /// Whether to list where else each value could come from.
        include_synonyms: bool;
        /// Whether to explain each key.
        include_documentation: bool [in 3..];
    }

    /// A topic, a broker or another thing with configuration.
    pub struct DescribeConfigsResource {
        /// 2 topic, 4 broker, 8 broker logger, 16 client metrics, 32 group.
        resource_type: i8;
        /// Its name.
        resource_name: Str;
        /// The keys; all of them when null.
        configuration_keys: Option<Array<Str>> [max CONFIGS_MAX];
    }

    /// Replaces all configuration of a thing; keys that are not named go back to their defaults.
    pub struct AlterConfigsRequest {
        /// Whose, and what.
        resources: Array<AlterConfigsResource> [max RESOURCES_MAX];
        /// Whether only to check that it would work.
        validate_only: bool;
    }

    /// One thing of [`AlterConfigsRequest`].
    pub struct AlterConfigsResource {
        /// As in [`DescribeConfigsResource`].
        resource_type: i8;
        /// Its name.
        resource_name: Str;
        /// The configuration it shall have.
        configs: Array<AlterableConfig> [max CONFIGS_MAX];
    }

    /// A key and its value.
    pub struct AlterableConfig {
        /// The key.
        name: Str;
        /// The value.
        value: Option<Str>;
    }

    /// Changes some configuration of a thing (KIP-339).
    pub struct IncrementalAlterConfigsRequest {
        /// Whose, and what.
        resources: Array<IncrementalAlterConfigsResource> [max RESOURCES_MAX];
        /// Whether only to check that it would work.
        validate_only: bool;
    }

    /// One thing of [`IncrementalAlterConfigsRequest`]; Kafka calls it `AlterConfigsResource`.
    pub struct IncrementalAlterConfigsResource {
        /// As in [`DescribeConfigsResource`].
        resource_type: i8;
        /// Its name.
        resource_name: Str;
        /// The changes.
        configs: Array<IncrementalAlterableConfig> [max CONFIGS_MAX];
    }

    /// Asks what has configuration (KIP-1142); in version 0, client metrics alone.
    pub struct ListConfigResourcesRequest {
        /// As in [`DescribeConfigsResource`]; all that are known when empty.
        resource_types: Array<i8> [in 1..] [max RESOURCE_TYPES_MAX];
    }

    /// A change of one key; Kafka calls it `AlterableConfig`.
    pub struct IncrementalAlterableConfig {
        /// The key.
        name: Str;
        /// 0 set, 1 delete, 2 append, 3 subtract.
        config_operation: i8;
        /// The value.
        value: Option<Str>;
    }
}
