//! The table of families. A family that is not here does not exist; docs/metrics.md is [`table`] word for word.

/// How a family counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows while the process lives.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Counts by size class.
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        }
    }
}

/// One family.
#[derive(Debug)]
pub struct Family {
    /// Its name, unit at the end.
    pub name: &'static str,
    /// How it counts.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it says: the HELP line.
    pub help: &'static str,
}

impl Family {
    pub(super) fn opts(&self) -> prometheus::Opts {
        prometheus::Opts::new(self.name, self.help)
    }

    pub(super) fn histogram(&self, buckets: Vec<f64>) -> prometheus::HistogramOpts {
        prometheus::HistogramOpts::new(self.name, self.help).buckets(buckets)
    }
}

macro_rules! families {
    ($($id:ident = $name:literal, $kind:ident, [$($label:literal),*], $help:literal;)*) => {
        $(#[doc = $help] pub const $id: Family = Family {
            name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help,
        };)*
        /// Every family of our own, in the order of the docs.
        pub const FAMILIES: &[&Family] = &[$(&$id),*];
    };
}

families! {
    BUILD_INFO = "ottla_build_info", Gauge, ["version", "revision"], "Always 1; the labels say what runs.";
    REQUESTS = "ottla_requests_total", Counter, ["api", "error"],
        "Requests answered, by API and by the answer's error (the first one where an answer has several); none for success.";
    REQUEST_DURATION = "ottla_request_duration_seconds", Histogram, ["api", "stage"],
        "Time of a request by stage: queue (arrived, not yet started), local (the ordered part), wait (durability, data, others), send (to the socket), total.";
    PRODUCE_REQUEST_BYTES = "ottla_produce_request_bytes", Histogram, [], "Size of Produce requests.";
    FETCH_RESPONSE_BYTES = "ottla_fetch_response_bytes", Histogram, [], "Size of Fetch answers.";
    CONNECTIONS = "ottla_connections", Gauge, [], "Client connections that are open.";
    CONNECTIONS_ACCEPTED = "ottla_connections_accepted_total", Counter, [], "Client connections accepted.";
    CONNECTIONS_REFUSED = "ottla_connections_refused_total", Counter, ["reason"],
        "Client connections refused: max_connections, max_connections_per_ip, descriptors (the system had none left).";
    CONNECTIONS_CLOSED = "ottla_connections_closed_total", Counter, ["reason"], "Client connections that ended, by reason.";
    REQUEST_MEMORY_BYTES = "ottla_request_memory_bytes", Gauge, [], "Memory that request frames hold.";
    REQUEST_MEMORY_LIMIT_BYTES = "ottla_request_memory_limit_bytes", Gauge, [],
        "Most memory that request frames may hold (ottla.request.memory.bytes); answers may hold as much again.";
    ANSWER_MEMORY_BYTES = "ottla_answer_memory_bytes", Gauge, [],
        "Memory that answers hold which their peers have not taken, above 256 KiB a connection.";
    TOPIC_BYTES_IN = "ottla_topic_bytes_in_total", Counter, ["topic"], "Bytes of record batches appended.";
    TOPIC_BYTES_OUT = "ottla_topic_bytes_out_total", Counter, ["topic"], "Bytes of record batches sent to consumers.";
    TOPIC_RECORDS_IN = "ottla_topic_records_in_total", Counter, ["topic"], "Records appended, as batch headers count them.";
    TOPIC_RECORDS_OUT = "ottla_topic_records_out_total", Counter, ["topic"],
        "Records sent to consumers, as batch headers count them.";
    LOG_BYTES = "ottla_log_bytes", Gauge, ["topic"], "Bytes of a topic's segments on disk.";
    TOPICS_WITHOUT_SERIES = "ottla_topics_without_series", Gauge, [],
        "Topics that are not in the families by topic because the number of topics with series is bounded.";
    GROUPS = "ottla_groups", Gauge, ["state"], "Consumer groups by state, as Kafka names it.";
    GROUP_LAG = "ottla_group_lag", Gauge, ["group", "topic"],
        "Records between what a group committed and the high watermark, over all partitions that it committed for; a few seconds old.";
    GROUP_LAGS_WITHOUT_SERIES = "ottla_group_lags_without_series", Gauge, [],
        "Groups and topics whose lag is not shown because the number of series is bounded; the furthest behind are shown.";
    GROUP_RECORDS_UNREAD = "ottla_group_records_unread", Gauge, [],
        "Records of __consumer_offsets that were not understood when their partitions were loaded.";
    FSYNC_DURATION = "ottla_fsync_duration_seconds", Histogram, [], "Time of one sync that acknowledgements wait for.";
    COMMIT_BYTES = "ottla_commit_bytes", Histogram, [], "Bytes made durable by one sync.";
    COMMIT_QUEUE_BYTES = "ottla_commit_queue_bytes", Gauge, [], "Bytes appended that wait to be committed.";
    RING_BYTES = "ottla_ring_bytes", Gauge, [], "Bytes of the memory tail that consumers read from.";
    WAL_BYTES = "ottla_wal_bytes", Gauge, [],
        "Bytes of the files of the write-ahead log (at most ottla.wal.bytes, unless a single batch needs more); 0 with ottla.durability=os.";
    WAL_USED_BYTES = "ottla_wal_used_bytes", Gauge, [],
        "Bytes of those files of the write-ahead log that are not free to be written over, files in whole.";
    UNWRITTEN_BYTES = "ottla_unwritten_bytes", Gauge, [], "Bytes committed and not yet in segments.";
    CHECKPOINT_BYTES = "ottla_checkpoint_bytes", Gauge, [],
        "Bytes of the checkpoint, of one of its two copies, with the room kept in it.";
    CHECKPOINTS = "ottla_checkpoints_total", Counter, [], "Checkpoints made, the one of the start aside.";
    STORAGE_FAILURES = "ottla_storage_failures_total", Counter, ["operation"],
        "Failed operations on the data directory: write, sync, read, open.";
    RECOVERY_PROGRESS_RATIO = "ottla_recovery_progress_ratio", Gauge, [], "How far the start-up has come, 0 to 1.";
    RECOVERY_CHUNKS = "ottla_recovery_chunks", Gauge, [], "Chunks of the write-ahead log that the start read.";
    RECOVERY_BATCHES = "ottla_recovery_batches", Gauge, [],
        "Record batches that segments lacked and the start brought back from the write-ahead log.";
    RECOVERY_CUTS = "ottla_recovery_cuts", Gauge, [],
        "Ends that the start cut off, of segments, or passed over, of the write-ahead log: torn, or left by an older chunk.";
    RECOVERY_FINDINGS = "ottla_recovery_findings", Gauge, [], "Things that the start found damaged, lost or missing.";
    REMOVED_SEGMENTS = "ottla_removed_segments_total", Counter, ["reason"],
        "Segments that were removed: time (retention.ms), size (retention.bytes), start (below a log start that was raised otherwise).";
    REMOVED_BYTES = "ottla_removed_bytes_total", Counter, ["reason"], "Bytes of these segments.";
    TRASH_FILES = "ottla_trash_files", Gauge, [], "Files, and directories of deleted partitions, that wait for their removal.";
    PROVEN_TIME_LAG = "ottla_proven_time_lag_seconds", Gauge, [],
        "How far the clock is ahead of the time that is proven to have passed, by which records are judged for their age.";
    CLEANER_ROUNDS = "ottla_cleaner_rounds_total", Counter, [], "Logs that were compacted, each time.";
    CLEANER_READ_BYTES = "ottla_cleaner_read_bytes_total", Counter, [], "Bytes of batches that compaction read.";
    CLEANER_WRITTEN_BYTES = "ottla_cleaner_written_bytes_total", Counter, [], "Bytes of batches that compaction wrote.";
    CLEANER_REMOVED_RECORDS = "ottla_cleaner_removed_records_total", Counter, [], "Records that compaction removed.";
    CLEANER_UNREADABLE_BATCHES = "ottla_cleaner_unreadable_batches_total", Counter, [],
        "Batches that compaction could not judge (a codec's failure, too many plain bytes) and kept as they were.";
    CLEANER_MAP_BYTES = "ottla_cleaner_map_bytes", Gauge, [], "Memory that compaction holds for offsets by key.";
    UNCLEANABLE_LOGS = "ottla_uncleanable_partitions", Gauge, [],
        "Partitions that are not compacted any more until the next start; the log of the broker says why.";
    SCRUB_BYTES = "ottla_scrub_bytes_total", Counter, [],
        "Bytes of segments from before the start that were read in the background and found good.";
    SCRUB_FINDINGS = "ottla_scrub_findings_total", Counter, [], "Segments that this reading found damaged.";
}

/// The process's own families, which the collector of the metrics crate gives.
pub const PROCESS: &[(&str, &str, &str)] = &[
    ("process_cpu_seconds_total", "counter", "Processor time used."),
    ("process_open_fds", "gauge", "File descriptors open."),
    ("process_max_fds", "gauge", "File descriptors that may be open."),
    ("process_virtual_memory_bytes", "gauge", "Address space."),
    ("process_resident_memory_bytes", "gauge", "Memory resident."),
    ("process_start_time_seconds", "gauge", "Start, in seconds of the Unix epoch."),
    ("process_threads", "gauge", "Threads."),
];

/// The table of docs/metrics.md.
pub fn table() -> String {
    let mut rows = String::from("| family | type | labels | meaning |\n| --- | --- | --- | --- |\n");
    for family in FAMILIES {
        let labels = family.labels.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>().join(", ");
        rows += &format!("| `{}` | {} | {} | {} |\n", family.name, family.kind.name(), labels, family.help);
    }
    for (name, kind, help) in PROCESS {
        rows += &format!("| `{name}` | {kind} |  | {help} |\n");
    }
    rows
}

/// Time classes, 100 us to 10 s, three to a decade.
pub(super) fn seconds() -> Vec<f64> {
    vec![0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0]
}

/// Size classes, 256 bytes to 64 MiB, by four.
pub(super) fn bytes() -> Vec<f64> {
    (0..10).map(|power| 256.0 * 4f64.powi(power)).collect()
}
