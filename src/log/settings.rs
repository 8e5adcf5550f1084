//! What a partition's topic configuration means to its log.

use crate::record::TimestampType;

/// Largest segment: positions in index files are 31 bits.
pub const SEGMENT_BYTES_MAX: u32 = i32::MAX as u32;

/// Settings of one log, resolved from topic and broker configuration. Cheap to replace; a change takes effect with the
/// next append.
#[derive(Clone, PartialEq, Debug)]
pub struct LogSettings {
    /// `segment.bytes`: a segment does not grow past this.
    pub segment_bytes: u32,
    /// `segment.ms`: a segment spans at most this much record time.
    pub segment_ms: i64,
    /// `segment.jitter.ms`: up to this much is taken off `segment_ms`, differently per segment.
    pub segment_jitter_ms: i64,
    /// `index.interval.bytes`: an index entry follows after more than this many bytes of batches.
    pub index_interval_bytes: u32,
    /// `segment.index.bytes`: a segment rolls when one of its indexes is full.
    pub index_bytes: u32,
    /// `max.message.bytes`: the largest batch accepted.
    pub max_message_bytes: u32,
    /// `message.timestamp.type`.
    pub message_timestamp_type: TimestampType,
    /// `message.timestamp.before.max.ms`: how far record time may lie behind the broker's.
    pub timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far record time may lie ahead of the broker's.
    pub timestamp_after_max_ms: i64,
    /// `producer.id.expiration.ms`: an idempotent producer that is silent for longer is forgotten.
    pub producer_expiration_ms: i64,
    /// Most producers remembered per partition; beyond, the ones silent longest are forgotten.
    pub producers_max: u32,
    /// `cleanup.policy` has `delete`: old segments are removed by age and size.
    pub cleanup_delete: bool,
    /// `cleanup.policy` has `compact`: of each key the last record is kept.
    pub cleanup_compact: bool,
    /// `retention.ms`: a segment goes when its newest record is older; none: never.
    pub retention_ms: Option<i64>,
    /// `retention.bytes`: the oldest segments go while the log is larger by them; none: never.
    pub retention_bytes: Option<u64>,
    /// `delete.retention.ms`: so long tombstones are kept after they were compacted first.
    pub delete_retention_ms: i64,
    /// `min.compaction.lag.ms`: younger records are not compacted.
    pub min_compaction_lag_ms: i64,
    /// `max.compaction.lag.ms`: older records are compacted whatever the dirty ratio is.
    pub max_compaction_lag_ms: i64,
    /// `min.cleanable.dirty.ratio`: the part of a log that must be dirty before it is compacted, 0 to 1.
    pub min_cleanable_dirty_ratio: f64,
    /// `max.decompressed.message.bytes`: the most plain bytes of a batch.
    pub decompressed_bytes_max: u32,
}

/// A day in milliseconds.
const DAY_MS: i64 = 24 * 3600 * 1000;

impl Default for LogSettings {
    /// Kafka's defaults; `producers_max` is Ottla's.
    fn default() -> Self {
        LogSettings {
            segment_bytes: 1 << 30,
            segment_ms: 7 * DAY_MS,
            segment_jitter_ms: 0,
            index_interval_bytes: 4096,
            index_bytes: 10 * 1024 * 1024,
            max_message_bytes: 1_048_588,
            message_timestamp_type: TimestampType::CreateTime,
            timestamp_before_max_ms: i64::MAX,
            timestamp_after_max_ms: 3600 * 1000,
            producer_expiration_ms: DAY_MS,
            producers_max: 20_000,
            cleanup_delete: true,
            cleanup_compact: false,
            retention_ms: Some(7 * DAY_MS),
            retention_bytes: None,
            delete_retention_ms: DAY_MS,
            min_compaction_lag_ms: 0,
            max_compaction_lag_ms: i64::MAX,
            min_cleanable_dirty_ratio: 0.5,
            decompressed_bytes_max: i32::MAX as u32 - 8,
        }
    }
}
