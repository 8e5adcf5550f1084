//! Floor 1: every metric of the broker, one function each. Names live here alone, in [`families`].
//!
//! - [`families`]: the table of families: name, type, labels, meaning; docs/metrics.md is made from it.
//! - [`requests`]: requests by API: outcomes, durations by stage, sizes.
//! - [`connections`]: connections by listener-side event.
//! - [`groups`]: consumer groups and their lag, bounded in number.
//! - [`topics`]: bytes, records and log size by topic, bounded in number.
//! - [`storage`]: syncs, recovery, memory of the write and read path.
//! - [`sampled`]: values that live elsewhere and are read at scrape.
//! - [`exposition`]: the text that Prometheus reads.
//!
//! What must hold: a hot path touches atomics or handles that it holds, never a label look-up. No label is made of what
//! clients invent, but for the names of topics and groups, and those are capped. A family is registered by [`Metrics::new`], described in
//! [`families::FAMILIES`], a row in docs/metrics.md and a panel in grafana/: tests compare all four.
//!
//! Families under other systems' names (ecosystem boards) join as further collectors on the same registry, reading the
//! same atomics: [`topics::Topics`] and [`requests::Requests`] hand out what they need.

pub mod connections;
pub mod exposition;
pub mod families;
pub mod groups;
pub mod requests;
mod sampled;
pub mod storage;
pub mod topics;

pub use connections::{Connections, Refusal};
pub use groups::{GroupPicture, Groups, Lag};
pub use requests::{Requests, Stage};
pub use storage::Storage;
pub use topics::{TopicCounters, Topics};

use prometheus::{IntGauge, Opts, Registry};
use sampled::Sampled;

/// What the metrics must be told of the protocol, which they don't know.
pub struct Protocol {
    /// API keys and names, as `("Produce", 0)` has them.
    pub apis: Vec<(i16, &'static str)>,
    /// The name of an error code; `none` for 0.
    pub error_name: fn(i16) -> &'static str,
}

/// All metrics of a broker; made once, shared by everybody.
pub struct Metrics {
    /// Requests.
    pub requests: Requests,
    /// Connections.
    pub connections: Connections,
    /// Topics.
    pub topics: Topics,
    /// Consumer groups.
    pub groups: Groups,
    /// Storage and memory.
    pub storage: Storage,
    registry: Registry,
}

impl Metrics {
    /// Registers every family on `registry`. `topics_max` bounds the topics that have series of their own,
    /// and likewise the lags of groups.
    ///
    /// # Errors
    /// When `registry` already holds one of the names.
    pub fn new(
        registry: Registry,
        protocol: Protocol,
        version: &str,
        revision: &str,
        topics_max: usize,
    ) -> Result<Metrics, prometheus::Error> {
        let build = Opts::new(families::BUILD_INFO.name, families::BUILD_INFO.help)
            .const_label("version", version)
            .const_label("revision", revision);
        let build = IntGauge::with_opts(build)?;
        build.set(1);
        registry.register(Box::new(build))?;
        #[cfg(target_os = "linux")]
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self()))?;
        Ok(Metrics {
            requests: Requests::register(&registry, protocol)?,
            connections: Connections::register(&registry)?,
            topics: Topics::register(&registry, topics_max)?,
            groups: Groups::register(&registry, topics_max)?,
            storage: Storage::register(&registry)?,
            registry,
        })
    }

    /// What Prometheus reads: text format 0.0.4.
    pub fn text(&self) -> String {
        exposition::text(&self.registry)
    }

    /// Bytes of request frames in memory, read at scrape.
    pub fn sample_request_memory(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::REQUEST_MEMORY_BYTES, read);
    }

    /// The bound of [`Self::sample_request_memory`], read at scrape.
    pub fn sample_request_memory_limit(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::REQUEST_MEMORY_LIMIT_BYTES, read);
    }

    /// Bytes of unsent answers that are counted, read at scrape.
    pub fn sample_answer_memory(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::ANSWER_MEMORY_BYTES, read);
    }

    /// Bytes of the memory tail that consumers read, read at scrape.
    pub fn sample_ring_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::RING_BYTES, read);
    }

    /// Bytes appended that wait to be committed, read at scrape.
    pub fn sample_commit_queue_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::COMMIT_QUEUE_BYTES, read);
    }

    /// Bytes of the write-ahead log's files, read at scrape.
    pub fn sample_wal_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::WAL_BYTES, read);
    }

    /// Bytes of those that are not free, read at scrape.
    pub fn sample_wal_used_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::WAL_USED_BYTES, read);
    }

    /// Bytes committed and not yet in segments, read at scrape.
    pub fn sample_unwritten_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::UNWRITTEN_BYTES, read);
    }

    /// Bytes of one copy of the checkpoint, read at scrape.
    pub fn sample_checkpoint_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::CHECKPOINT_BYTES, read);
    }

    /// Checkpoints made, read at scrape.
    pub fn sample_checkpoints(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::CHECKPOINTS, read);
    }

    /// Recovery's progress, 0 to 1, read at scrape.
    pub fn sample_recovery_progress(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::RECOVERY_PROGRESS_RATIO, read);
    }

    /// Chunks of the write-ahead log that the start read, read at scrape.
    pub fn sample_recovery_chunks(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::RECOVERY_CHUNKS, read);
    }

    /// Record batches that the start brought back from it, read at scrape.
    pub fn sample_recovery_batches(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::RECOVERY_BATCHES, read);
    }

    /// Torn ends that the start cut off, read at scrape.
    pub fn sample_recovery_cuts(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::RECOVERY_CUTS, read);
    }

    /// Things that the start found damaged, lost or missing, read at scrape.
    pub fn sample_recovery_findings(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::RECOVERY_FINDINGS, read);
    }

    /// Segments removed, by reason, read at scrape.
    pub fn sample_removed_segments(&self, read: impl Fn() -> Vec<(&'static str, u64)> + Send + Sync + 'static) {
        Sampled::put_rows(&self.registry, &families::REMOVED_SEGMENTS, move || by_label(read()));
    }

    /// Their bytes, by reason, read at scrape.
    pub fn sample_removed_bytes(&self, read: impl Fn() -> Vec<(&'static str, u64)> + Send + Sync + 'static) {
        Sampled::put_rows(&self.registry, &families::REMOVED_BYTES, move || by_label(read()));
    }

    /// Files that wait for their removal, read at scrape.
    pub fn sample_trash_files(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::TRASH_FILES, read);
    }

    /// How far the clock is ahead of proven time, seconds, read at scrape.
    pub fn sample_proven_time_lag(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::PROVEN_TIME_LAG, read);
    }

    /// Logs that were compacted, read at scrape.
    pub fn sample_cleaner_rounds(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::CLEANER_ROUNDS, read);
    }

    /// Bytes that compaction read, read at scrape.
    pub fn sample_cleaner_read_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::CLEANER_READ_BYTES, read);
    }

    /// Bytes that it wrote, read at scrape.
    pub fn sample_cleaner_written_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::CLEANER_WRITTEN_BYTES, read);
    }

    /// Records that it removed, read at scrape.
    pub fn sample_cleaner_removed_records(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::CLEANER_REMOVED_RECORDS, read);
    }

    /// Batches that it could not judge, read at scrape.
    pub fn sample_cleaner_unreadable_batches(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::CLEANER_UNREADABLE_BATCHES, read);
    }

    /// Memory for offsets by key, read at scrape.
    pub fn sample_cleaner_map_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::CLEANER_MAP_BYTES, read);
    }

    /// Partitions that it gave up on, read at scrape.
    pub fn sample_uncleanable_logs(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::UNCLEANABLE_LOGS, read);
    }

    /// Bytes that the scrub found good, read at scrape.
    pub fn sample_scrub_bytes(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::SCRUB_BYTES, read);
    }

    /// Segments that it found damaged, read at scrape.
    pub fn sample_scrub_findings(&self, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Sampled::put(&self.registry, &families::SCRUB_FINDINGS, read);
    }
}

fn by_label(values: Vec<(&'static str, u64)>) -> Vec<(Vec<&'static str>, f64)> {
    values.into_iter().map(|(label, value)| (vec![label], value as f64)).collect()
}

#[cfg(test)]
mod tests;
