//! The effective configuration of one topic, typed.

use super::key::Key;
use super::keys::topic_key;
use super::layers::{Layers, Overrides};
use super::value::Value;

/// What happens to old segments. Both false: they are kept for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CleanupPolicy {
    /// Removed by age and size.
    pub delete: bool,
    /// Compacted by key.
    pub compact: bool,
}

/// Codec in which batches are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// The producer's own choice.
    Producer,
    /// None.
    Uncompressed,
    /// Gzip.
    Gzip,
    /// Snappy.
    Snappy,
    /// LZ4.
    Lz4,
    /// Zstandard.
    Zstd,
}

/// Whose time a record carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampType {
    /// The producer's.
    CreateTime,
    /// That of the record's arrival.
    LogAppendTime,
}

/// The effective configuration of one topic. Times in milliseconds, sizes in bytes; where Kafka
/// has -1 for "no limit" there is `None`.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicSettings {
    /// `cleanup.policy`
    pub cleanup: CleanupPolicy,
    /// `compression.type`
    pub compression: Compression,
    /// `compression.gzip.level`; -1 is the library's choice
    pub gzip_level: i32,
    /// `compression.lz4.level`
    pub lz4_level: i32,
    /// `compression.zstd.level`
    pub zstd_level: i32,
    /// `retention.ms`
    pub retention_ms: Option<u64>,
    /// `retention.bytes`
    pub retention_bytes: Option<u64>,
    /// `segment.bytes`, or `internal.segment.bytes` where that is set
    pub segment_bytes: u32,
    /// `segment.ms`
    pub segment_ms: u64,
    /// `segment.jitter.ms`
    pub segment_jitter_ms: u64,
    /// `segment.index.bytes`
    pub index_bytes_max: u32,
    /// `index.interval.bytes`
    pub index_interval_bytes: u32,
    /// `max.message.bytes`
    pub message_bytes_max: u32,
    /// `max.decompressed.message.bytes`
    pub decompressed_bytes_max: u32,
    /// `message.timestamp.type`
    pub timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`
    pub timestamp_before_max_ms: u64,
    /// `message.timestamp.after.max.ms`
    pub timestamp_after_max_ms: u64,
    /// `min.insync.replicas`
    pub min_insync_replicas: u32,
    /// `file.delete.delay.ms`
    pub file_delete_delay_ms: u64,
    /// `delete.retention.ms`
    pub delete_retention_ms: u64,
    /// `min.compaction.lag.ms`
    pub min_compaction_lag_ms: u64,
    /// `max.compaction.lag.ms`
    pub max_compaction_lag_ms: u64,
    /// `min.cleanable.dirty.ratio`, 0 to 1
    pub min_cleanable_dirty_ratio: f64,
    /// `preallocate`
    pub preallocate: bool,
    /// `unclean.leader.election.enable`
    pub unclean_leader_election: bool,
}

impl TopicSettings {
    /// The settings of a topic with these overrides. Overrides are checked when they are set
    /// ([`super::topic_changes`]); one that does not fit counts as not set, except
    /// that what says how long records are kept keeps them.
    pub fn resolve(layers: &Layers<'_>, overrides: &Overrides) -> Self {
        let read = Reader { layers, overrides };
        let policies = read.list("cleanup.policy");
        Self {
            cleanup: CleanupPolicy {
                delete: policies.iter().any(|p| p == "delete") && !read.is_odd("cleanup.policy"),
                compact: policies.iter().any(|p| p == "compact") && !read.is_odd("cleanup.policy"),
            },
            compression: match read.text("compression.type").as_str() {
                "uncompressed" => Compression::Uncompressed,
                "gzip" => Compression::Gzip,
                "snappy" => Compression::Snappy,
                "lz4" => Compression::Lz4,
                "zstd" => Compression::Zstd,
                _ => Compression::Producer,
            },
            gzip_level: read.signed("compression.gzip.level"),
            lz4_level: read.signed("compression.lz4.level"),
            zstd_level: read.signed("compression.zstd.level"),
            retention_ms: read.retention("retention.ms"),
            retention_bytes: read.retention("retention.bytes"),
            segment_bytes: read.optional_size("internal.segment.bytes").unwrap_or_else(|| read.size("segment.bytes")),
            segment_ms: read.long("segment.ms"),
            segment_jitter_ms: read.long("segment.jitter.ms"),
            index_bytes_max: read.size("segment.index.bytes"),
            index_interval_bytes: read.size("index.interval.bytes"),
            message_bytes_max: read.size("max.message.bytes"),
            decompressed_bytes_max: read.size("max.decompressed.message.bytes"),
            timestamp_type: match read.text("message.timestamp.type").as_str() {
                "LogAppendTime" => TimestampType::LogAppendTime,
                _ => TimestampType::CreateTime,
            },
            timestamp_before_max_ms: read.long("message.timestamp.before.max.ms"),
            timestamp_after_max_ms: read.long("message.timestamp.after.max.ms"),
            min_insync_replicas: read.size("min.insync.replicas"),
            file_delete_delay_ms: read.long("file.delete.delay.ms"),
            delete_retention_ms: read.long("delete.retention.ms"),
            min_compaction_lag_ms: read.long("min.compaction.lag.ms"),
            max_compaction_lag_ms: read.long("max.compaction.lag.ms"),
            min_cleanable_dirty_ratio: read.ratio("min.cleanable.dirty.ratio"),
            preallocate: read.flag("preallocate"),
            unclean_leader_election: read.flag("unclean.leader.election.enable"),
        }
    }
}

/// Typed look-ups. That each name is in the table with the type asked for is tested.
struct Reader<'a> {
    layers: &'a Layers<'a>,
    overrides: &'a Overrides,
}

impl Reader<'_> {
    fn value(&self, name: &str) -> Option<Value> {
        let key: &Key = topic_key(name).expect("a topic key that is read is in the table");
        self.layers.topic_value(key, self.overrides)
    }

    fn whole(&self, name: &str) -> i64 {
        match self.value(name) {
            Some(Value::Int(v)) => i64::from(v),
            Some(Value::Long(v)) => v,
            other => unreachable!("{name} is a whole number with a default, not {other:?}"),
        }
    }

    /// Negative values, where the table lets them pass, mean no limit.
    fn limit(&self, name: &str) -> Option<u64> {
        u64::try_from(self.whole(name)).ok()
    }

    /// Whether the topic sets a value that is not understood.
    fn is_odd(&self, name: &str) -> bool {
        let key: &Key = topic_key(name).expect("a topic key that is read is in the table");
        self.overrides.get(name).is_some_and(|text| key.parse(text).is_err())
    }

    /// A limit beyond which records are deleted: one that is not understood deletes nothing.
    fn retention(&self, name: &str) -> Option<u64> {
        if self.is_odd(name) { None } else { self.limit(name) }
    }

    fn long(&self, name: &str) -> u64 {
        u64::try_from(self.whole(name)).unwrap_or(0)
    }

    fn size(&self, name: &str) -> u32 {
        u32::try_from(self.whole(name)).unwrap_or(0)
    }

    fn signed(&self, name: &str) -> i32 {
        i32::try_from(self.whole(name)).unwrap_or(-1)
    }

    fn optional_size(&self, name: &str) -> Option<u32> {
        match self.value(name) {
            Some(Value::Int(v)) => u32::try_from(v).ok(),
            _ => None,
        }
    }

    fn list(&self, name: &str) -> Vec<String> {
        match self.value(name) {
            Some(Value::List(v)) => v,
            other => unreachable!("{name} is a list with a default, not {other:?}"),
        }
    }

    fn text(&self, name: &str) -> String {
        match self.value(name) {
            Some(Value::String(v)) => v,
            other => unreachable!("{name} is a text with a default, not {other:?}"),
        }
    }

    fn flag(&self, name: &str) -> bool {
        match self.value(name) {
            Some(Value::Boolean(v)) => v,
            other => unreachable!("{name} is true or false with a default, not {other:?}"),
        }
    }

    fn ratio(&self, name: &str) -> f64 {
        match self.value(name) {
            Some(Value::Double(v)) => v,
            other => unreachable!("{name} is a ratio with a default, not {other:?}"),
        }
    }
}
