//! The effective configuration of this broker, typed: what some part of Ottla acts on.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::base::NodeId;

use super::group::ConsumerLimits;
use super::key::Key;
use super::keys::broker_key;
use super::layers::{Layers, Overrides};
use super::together::check_together;
use super::topic::TopicSettings;
use super::value::{Reason, SettingError, Value};

/// When a record counts as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When the disk has it.
    Fsync,
    /// When the page cache has it.
    Os,
}

/// The effective configuration of this broker. Times in milliseconds, sizes in bytes; `None` is
/// "no limit" unless said otherwise.
#[derive(Clone, Debug, PartialEq)]
pub struct BrokerSettings {
    /// `node.id`
    pub node_id: NodeId,
    /// `broker.rack`; `None` when unset
    pub rack: Option<String>,
    /// `num.partitions`
    pub num_partitions: i32,
    /// `default.replication.factor`
    pub default_replication_factor: i32,
    /// `auto.create.topics.enable`
    pub auto_create_topics: bool,
    /// `delete.topic.enable`
    pub delete_topics: bool,
    /// `socket.request.max.bytes`
    pub request_bytes_max: u32,
    /// `ottla.request.memory.bytes`; `None` when unset, see [`BrokerSettings::request_memory`]
    pub request_memory_bytes: Option<u64>,
    /// `queued.max.request.bytes`
    pub queued_request_bytes_max: Option<u64>,
    /// `max.connections`
    pub connections_max: u32,
    /// `max.connections.per.ip`
    pub connections_per_ip_max: u32,
    /// `max.connections.per.ip.overrides`, addresses only
    pub connections_per_ip_overrides: BTreeMap<IpAddr, u32>,
    /// `connections.max.idle.ms`
    pub connections_idle_max_ms: Option<u64>,
    /// `socket.listen.backlog.size`
    pub listen_backlog: i32,
    /// `fetch.max.bytes`
    pub fetch_bytes_max: u32,
    /// `max.incremental.fetch.session.cache.slots`
    pub fetch_sessions_max: u32,
    /// `max.request.partition.size.limit`
    pub described_partitions_max: u32,
    /// `log.retention.check.interval.ms`
    pub retention_check_interval_ms: u64,
    /// `log.cleaner.*`
    pub cleaner: CleanerSettings,
    /// `group.*`, `offsets.*` and `offset.metadata.max.bytes`
    pub groups: GroupSettings,
    /// `producer.id.expiration.ms`
    pub producer_expiration_ms: u64,
    /// `producer.id.expiration.check.interval.ms`
    pub producer_expiration_check_interval_ms: u64,
    /// `ottla.durability`
    pub durability: Durability,
    /// `ottla.tail.bytes`
    pub tail_bytes: u64,
    /// `ottla.wal.bytes`
    pub wal_bytes: u64,
    /// `ottla.max.partitions.per.request`
    pub partitions_per_request_max: u32,
    /// What a topic without settings of its own has.
    pub topic_defaults: TopicSettings,
}

/// What the cleaner of compacted topics works with; what a topic may have for itself is in [`TopicSettings`].
#[derive(Clone, Debug, PartialEq)]
pub struct CleanerSettings {
    /// `log.cleaner.enable`
    pub enable: bool,
    /// `log.cleaner.threads`, at least 1
    pub threads: u32,
    /// `log.cleaner.dedupe.buffer.size`, all threads together; more than 1 MiB for each
    pub dedupe_buffer_bytes: u64,
    /// `log.cleaner.io.buffer.load.factor`; Kafka takes any number, below 0 and above 1 too
    pub load_factor: f64,
    /// `log.cleaner.io.buffer.size`, all threads together; may be 0
    pub io_buffer_bytes: u32,
    /// `log.cleaner.io.max.bytes.per.second`; may be 0 or negative, as with Kafka
    pub io_max_bytes_per_second: f64,
    /// `log.cleaner.backoff.ms`
    pub backoff_ms: u64,
}

/// What consumer groups go by. Times as Kafka has them; what is negative counts as 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSettings {
    /// `group.min.session.timeout.ms`
    pub session_timeout_min_ms: u64,
    /// `group.max.session.timeout.ms`
    pub session_timeout_max_ms: u64,
    /// `group.initial.rebalance.delay.ms`
    pub initial_rebalance_delay_ms: u64,
    /// `group.max.size`, at least 1
    pub members_max: u32,
    /// `group.consumer.session.timeout.ms`
    pub consumer_session_timeout_ms: u64,
    /// `group.consumer.heartbeat.interval.ms`
    pub consumer_heartbeat_interval_ms: u64,
    /// What a consumer group may set for itself
    pub consumer_limits: ConsumerLimits,
    /// `group.consumer.max.size`, at least 1
    pub consumer_members_max: u32,
    /// `group.consumer.assignors`: at least one
    pub consumer_assignors: Vec<String>,
    /// `group.consumer.assignment.interval.ms`
    pub consumer_assignment_interval_ms: u64,
    /// `group.consumer.regex.refresh.interval.ms`
    pub consumer_regex_refresh_interval_ms: u64,
    /// `group.consumer.migration.policy`, in any case
    pub migration_policy: String,
    /// `group.coordinator.rebalance.protocols`
    pub rebalance_protocols: Vec<String>,
    /// `offset.metadata.max.bytes`
    pub offset_metadata_bytes_max: u32,
    /// `offsets.retention.minutes`, at least 1
    pub offsets_retention_minutes: u32,
    /// `offsets.retention.check.interval.ms`, at least 1
    pub offsets_check_interval_ms: u64,
    /// `ottla.group.version`; `None` when unset
    pub version: Option<i16>,
    /// `offsets.topic.num.partitions`, at least 1
    pub topic_partitions: i32,
    /// `offsets.topic.segment.bytes`, at least 1
    pub topic_segment_bytes: u32,
}

/// Share of the machine's memory that requests take unless told otherwise: one over this.
const REQUEST_MEMORY_SHARE: u64 = 4;
/// Most memory that requests take unless told otherwise.
const REQUEST_MEMORY_BYTES_MAX: u64 = 512 << 20;
/// Least memory for requests, however small the machine.
const REQUEST_MEMORY_BYTES_MIN: u64 = 1 << 20;

impl BrokerSettings {
    /// Reads every effective key; the first that does not fit is the error. Besides each key's own
    /// limits those are checked that keys set for one another.
    pub fn resolve(layers: &Layers<'_>) -> Result<Self, SettingError> {
        let read = Reader { layers };
        for name in CHECKED_BEYOND_LIMITS {
            let key = broker_key(name).expect("a broker key that is read is in the table");
            if let Some(value) = read.value(name)? {
                check_beyond_limits(key, &value)?;
            }
        }
        check_together(layers)?;
        let whole = |name| read.whole(name);
        Ok(Self {
            node_id: NodeId(read.int("node.id")?),
            rack: read.text("broker.rack")?,
            num_partitions: read.int("num.partitions")?,
            default_replication_factor: read.int("default.replication.factor")?,
            auto_create_topics: read.flag("auto.create.topics.enable")?,
            delete_topics: read.flag("delete.topic.enable")?,
            request_bytes_max: read.size("socket.request.max.bytes")?,
            request_memory_bytes: read.optional("ottla.request.memory.bytes")?.and_then(|v| v.try_into().ok()),
            queued_request_bytes_max: whole("queued.max.request.bytes")?
                .try_into()
                .ok()
                .filter(|&bytes: &u64| bytes > 0),
            connections_max: read.size("max.connections")?,
            connections_per_ip_max: read.size("max.connections.per.ip")?,
            connections_per_ip_overrides: read.per_address("max.connections.per.ip.overrides")?,
            connections_idle_max_ms: whole("connections.max.idle.ms")?.try_into().ok(),
            listen_backlog: read.int("socket.listen.backlog.size")?,
            fetch_bytes_max: read.size("fetch.max.bytes")?,
            fetch_sessions_max: read.size("max.incremental.fetch.session.cache.slots")?,
            described_partitions_max: read.size("max.request.partition.size.limit")?,
            retention_check_interval_ms: read.long("log.retention.check.interval.ms")?,
            cleaner: CleanerSettings {
                enable: read.flag("log.cleaner.enable")?,
                threads: read.size("log.cleaner.threads")?,
                dedupe_buffer_bytes: read.long("log.cleaner.dedupe.buffer.size")?,
                load_factor: read.double("log.cleaner.io.buffer.load.factor")?,
                io_buffer_bytes: read.size("log.cleaner.io.buffer.size")?,
                io_max_bytes_per_second: read.double("log.cleaner.io.max.bytes.per.second")?,
                backoff_ms: read.long("log.cleaner.backoff.ms")?,
            },
            groups: GroupSettings {
                session_timeout_min_ms: read.long("group.min.session.timeout.ms")?,
                session_timeout_max_ms: read.long("group.max.session.timeout.ms")?,
                initial_rebalance_delay_ms: read.long("group.initial.rebalance.delay.ms")?,
                members_max: read.size("group.max.size")?,
                consumer_session_timeout_ms: read.long("group.consumer.session.timeout.ms")?,
                consumer_heartbeat_interval_ms: read.long("group.consumer.heartbeat.interval.ms")?,
                consumer_limits: ConsumerLimits {
                    session_timeout_ms: read.long("group.consumer.min.session.timeout.ms")?
                        ..=read.long("group.consumer.max.session.timeout.ms")?,
                    heartbeat_interval_ms: read.long("group.consumer.min.heartbeat.interval.ms")?
                        ..=read.long("group.consumer.max.heartbeat.interval.ms")?,
                    assignment_interval_ms: read.long("group.consumer.min.assignment.interval.ms")?
                        ..=read.long("group.consumer.max.assignment.interval.ms")?,
                },
                consumer_members_max: read.size("group.consumer.max.size")?,
                consumer_assignors: read.list("group.consumer.assignors")?,
                consumer_assignment_interval_ms: read.long("group.consumer.assignment.interval.ms")?,
                consumer_regex_refresh_interval_ms: read.long("group.consumer.regex.refresh.interval.ms")?,
                migration_policy: read.text("group.consumer.migration.policy")?.unwrap_or_default(),
                rebalance_protocols: read.list("group.coordinator.rebalance.protocols")?,
                offset_metadata_bytes_max: read.size("offset.metadata.max.bytes")?,
                offsets_retention_minutes: read.size("offsets.retention.minutes")?,
                offsets_check_interval_ms: read.long("offsets.retention.check.interval.ms")?,
                version: read.optional("ottla.group.version")?.and_then(|v| v.try_into().ok()),
                topic_partitions: read.int("offsets.topic.num.partitions")?,
                topic_segment_bytes: read.size("offsets.topic.segment.bytes")?,
            },
            producer_expiration_ms: read.long("producer.id.expiration.ms")?,
            producer_expiration_check_interval_ms: read.long("producer.id.expiration.check.interval.ms")?,
            durability: match read.text("ottla.durability")?.as_deref() {
                Some("os") => Durability::Os,
                _ => Durability::Fsync,
            },
            tail_bytes: read.long("ottla.tail.bytes")?,
            wal_bytes: read.long("ottla.wal.bytes")?,
            partitions_per_request_max: read.size("ottla.max.partitions.per.request")?,
            topic_defaults: TopicSettings::resolve(layers, &Overrides::new()),
        })
    }

    /// Memory for requests of all connections on a machine (or in a container) with so much of it:
    /// what is set, else a quarter, 512 MiB at most; lowered by `queued.max.request.bytes`.
    pub fn request_memory(&self, machine_bytes: u64) -> u64 {
        let own = self.request_memory_bytes.unwrap_or_else(|| {
            (machine_bytes / REQUEST_MEMORY_SHARE).clamp(REQUEST_MEMORY_BYTES_MIN, REQUEST_MEMORY_BYTES_MAX)
        });
        self.queued_request_bytes_max.map_or(own, |queued| own.min(queued))
    }
}

/// Keys on whose values more is asked than the table's limits say.
const CHECKED_BEYOND_LIMITS: [&str; 5] = [
    "log.roll.ms",
    "log.roll.hours",
    "log.roll.jitter.ms",
    "log.roll.jitter.hours",
    "max.connections.per.ip.overrides",
];

/// What Kafka checks of a broker's single values beyond the limits of its table: segments roll after
/// at least 1, and so on.
pub(super) fn check_beyond_limits(key: &Key, value: &Value) -> Result<(), SettingError> {
    let whole = match value {
        Value::Int(v) => i64::from(*v),
        Value::Long(v) => *v,
        _ => 0,
    };
    let reason = match key.name {
        "log.roll.ms" | "log.roll.hours" if whole < 1 => Reason::TooSmall("1".to_owned()),
        "log.roll.jitter.ms" | "log.roll.jitter.hours" if whole < 0 => Reason::TooSmall("0".to_owned()),
        "max.connections.per.ip.overrides" if per_address(&value.to_string()).is_none() => Reason::NotPerAddress,
        _ => return Ok(()),
    };
    Err(key.invalid(&value.to_string(), reason))
}

/// Typed look-ups that say which value does not fit. That each name is in the table with the type
/// asked for is tested.
struct Reader<'a> {
    layers: &'a Layers<'a>,
}

impl Reader<'_> {
    fn value(&self, name: &str) -> Result<Option<Value>, SettingError> {
        let key = broker_key(name).expect("a broker key that is read is in the table");
        self.layers.broker_text(name).map(|text| key.parse(text)).transpose()
    }

    fn optional(&self, name: &str) -> Result<Option<i64>, SettingError> {
        Ok(match self.value(name)? {
            Some(Value::Int(v)) => Some(i64::from(v)),
            Some(Value::Short(v)) => Some(i64::from(v)),
            Some(Value::Long(v)) => Some(v),
            Some(other) => unreachable!("{name} is a whole number, not {other:?}"),
            None => None,
        })
    }

    fn whole(&self, name: &str) -> Result<i64, SettingError> {
        Ok(self.optional(name)?.expect("a number that is read has a default"))
    }

    fn int(&self, name: &str) -> Result<i32, SettingError> {
        Ok(self.whole(name)?.try_into().unwrap_or(i32::MAX))
    }

    fn size(&self, name: &str) -> Result<u32, SettingError> {
        Ok(self.whole(name)?.try_into().unwrap_or(0))
    }

    fn long(&self, name: &str) -> Result<u64, SettingError> {
        Ok(self.whole(name)?.try_into().unwrap_or(0))
    }

    fn flag(&self, name: &str) -> Result<bool, SettingError> {
        match self.value(name)? {
            Some(Value::Boolean(v)) => Ok(v),
            other => unreachable!("{name} is true or false with a default, not {other:?}"),
        }
    }

    fn double(&self, name: &str) -> Result<f64, SettingError> {
        match self.value(name)? {
            Some(Value::Double(v)) => Ok(v),
            other => unreachable!("{name} is a number with a default, not {other:?}"),
        }
    }

    fn list(&self, name: &str) -> Result<Vec<String>, SettingError> {
        match self.value(name)? {
            Some(Value::List(v)) => Ok(v),
            other => unreachable!("{name} is a list with a default, not {other:?}"),
        }
    }

    fn text(&self, name: &str) -> Result<Option<String>, SettingError> {
        Ok(match self.value(name)? {
            Some(Value::String(v)) => Some(v),
            Some(other) => unreachable!("{name} is a text, not {other:?}"),
            None => None,
        })
    }

    fn per_address(&self, name: &str) -> Result<BTreeMap<IpAddr, u32>, SettingError> {
        let text = self.text(name)?.unwrap_or_default();
        // The text was checked beforehand.
        Ok(per_address(&text).unwrap_or_default())
    }
}

/// Counts by address, from `address:count,address:count`; `None` if it is not that.
fn per_address(text: &str) -> Option<BTreeMap<IpAddr, u32>> {
    let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
    items
        .map(|item| {
            // The address may be IPv6, so the count follows the last colon.
            let (address, count) = item.rsplit_once(':')?;
            let address = address.trim_matches(['[', ']']).parse().ok()?;
            Some((address, count.trim().parse().ok()?))
        })
        .collect()
}
