//! Logs and topics: segments, retention, compaction, timestamps, creation defaults.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "auto.create.topics.enable" Boolean "true" [] ReadOnly Effective
        "Whether a topic comes into being when a client asks for the metadata of an unknown name and allows it.";
    "compression.gzip.level" Int "-1" [gzip] ClusterWide Accepted
        "Gzip level for batches that the broker itself compresses; -1 is the library's own choice.";
    "compression.lz4.level" Int "9" [1 ..= 17] ClusterWide Accepted
        "LZ4 level for batches that the broker itself compresses.";
    "compression.type" String "producer" [one "uncompressed" "zstd" "lz4" "snappy" "gzip" "producer"] ClusterWide Accepted
        "Codec in which batches are kept: the producer's own choice, none, or a named one.";
    "compression.zstd.level" Int "3" [-131072 ..= 22] ClusterWide Accepted
        "Zstandard level for batches that the broker itself compresses.";
    "cordoned.log.dirs" List "" [list] PerBroker Accepted
        "Data directories that receive no new partitions; Ottla has one directory.";
    "create.topic.policy.class.name" Class unset [] ReadOnly (refused "Ottla loads no Java classes")
        "Java class that judges new topics.";
    "default.replication.factor" Int "1" [] ReadOnly Accepted
        "Replicas of a topic that is created without a count; what one broker cannot hold is capped to what it can.";
    "delete.topic.enable" Boolean "true" [] ReadOnly Effective
        "Whether topics can be deleted.";
    "log.cleaner.backoff.ms" Long "15000" [0 ..] ClusterWide Effective
        "Rest of a cleaner that found nothing to do, in milliseconds.";
    "log.cleaner.dedupe.buffer.size" Long "134217728" [] ClusterWide Effective
        "Memory in which cleaners note the newest offset of each key, in bytes, all threads together.";
    "log.cleaner.delete.retention.ms" Long "86400000" [0 ..] ClusterWide Effective
        "How long delete markers stay readable in compacted topics, in milliseconds.";
    "log.cleaner.enable" Boolean "true" [] ReadOnly Effective
        "Whether compacted topics are cleaned at all.";
    "log.cleaner.io.buffer.load.factor" Double "0.9" [] ClusterWide Effective
        "How full the cleaners' key table may get, as a ratio.";
    "log.cleaner.io.buffer.size" Int "524288" [0 ..] ClusterWide Accepted
        "Memory for the cleaners' reads and writes, in bytes, all threads together.";
    "log.cleaner.io.max.bytes.per.second" Double "1.7976931348623157E308" [] ClusterWide Effective
        "Most bytes per second that cleaning may read and write together.";
    "log.cleaner.max.compaction.lag.ms" Long "9223372036854775807" [1 ..] ClusterWide Effective
        "Longest time a record may wait to become eligible for compaction, in milliseconds.";
    "log.cleaner.min.cleanable.ratio" Double "0.5" [float 0.0 1.0] ClusterWide Effective
        "Share of a log that must be uncleaned before cleaning is worth it.";
    "log.cleaner.min.compaction.lag.ms" Long "0" [0 ..] ClusterWide Effective
        "Least age of a record before compaction may remove it, in milliseconds.";
    "log.cleaner.threads" Int "1" [0 ..] ClusterWide Effective
        "Threads that clean compacted topics.";
    "log.cleanup.policy" List "delete" [list 0 "compact" "delete"] ClusterWide Effective
        "What becomes of old segments: removed by age and size, compacted by key, both, or, when empty, kept for ever.";
    "log.dir" List "./ottla-data" [list 1] ReadOnly Effective
        "Directory of all data, used when log.dirs is not set.";
    "log.dir.failure.timeout.ms" Long "30000" [1 ..] ReadOnly Accepted
        "How long a broker that cannot report a failed data directory stays up, in milliseconds.";
    "log.dirs" List unset [list 1] ReadOnly Effective
        "Directory of all data; Ottla takes exactly one.";
    "log.flush.interval.messages" Long "9223372036854775807" [1 ..] ClusterWide Accepted
        "Records after which a log is forced to disk; Ottla syncs by ottla.durability instead.";
    "log.flush.interval.ms" Long unset [] ClusterWide Accepted
        "Milliseconds after which a log is forced to disk; Ottla syncs by ottla.durability instead.";
    "log.flush.offset.checkpoint.interval.ms" Int "60000" [0 ..] ReadOnly Accepted
        "Pause between two recordings of the point up to which logs are on disk, in milliseconds.";
    "log.flush.scheduler.interval.ms" Long "9223372036854775807" [] ReadOnly Accepted
        "Pause between two looks for logs that are due to be forced to disk, in milliseconds.";
    "log.flush.start.offset.checkpoint.interval.ms" Int "60000" [0 ..] ReadOnly Accepted
        "Pause between two recordings of log start offsets, in milliseconds.";
    "log.index.interval.bytes" Int "4096" [0 ..] ClusterWide Effective
        "Log bytes between two entries of the offset index.";
    "log.index.size.max.bytes" Int "10485760" [4 ..] ClusterWide Effective
        "Most bytes of one offset or time index; a full index rolls the segment.";
    "log.message.timestamp.after.max.ms" Long "3600000" [0 ..] ClusterWide Effective
        "How far ahead of the broker's clock a record's timestamp may lie, in milliseconds.";
    "log.message.timestamp.before.max.ms" Long "9223372036854775807" [0 ..] ClusterWide Effective
        "How far behind the broker's clock a record's timestamp may lie, in milliseconds.";
    "log.message.timestamp.type" String "CreateTime" [one "CreateTime" "LogAppendTime"] ClusterWide Effective
        "Whose time a record carries: the producer's (CreateTime) or that of its arrival (LogAppendTime).";
    "log.preallocate" Boolean "false" [] ClusterWide Accepted
        "Whether a new segment's space is reserved on disk beforehand.";
    "log.retention.bytes" Long "-1" [] ClusterWide Effective
        "Most bytes of one partition before its oldest segments go; -1 means no limit.";
    "log.retention.check.interval.ms" Long "300000" [1 ..] ReadOnly Effective
        "Pause between two searches for segments that are due to go, in milliseconds.";
    "log.retention.hours" Int "168" [] ReadOnly Effective
        "How long records are kept, in hours, unless a finer unit is set; -1 means for ever.";
    "log.retention.minutes" Int unset [] ReadOnly Effective
        "How long records are kept, in minutes; outranks hours and yields to milliseconds.";
    "log.retention.ms" Long unset [] ClusterWide Effective
        "How long records are kept, in milliseconds; outranks the coarser units; -1 means for ever.";
    "log.roll.hours" Int "168" [1 ..] ReadOnly Effective
        "Age at which a segment is closed and a new one begun, in hours, unless milliseconds are set.";
    "log.roll.jitter.hours" Int "0" [0 ..] ReadOnly Effective
        "Most hours taken at random off the rolling age, so that segments do not roll all at once.";
    "log.roll.jitter.ms" Long unset [] ClusterWide Effective
        "Most milliseconds taken at random off the rolling age; outranks hours.";
    "log.roll.ms" Long unset [] ClusterWide Effective
        "Age at which a segment is closed and a new one begun, in milliseconds; outranks hours.";
    "log.segment.bytes" Int "1073741824" [1048576 ..] ClusterWide Effective
        "Size at which a segment is closed and a new one begun.";
    "log.segment.delete.delay.ms" Long "60000" [0 ..] ClusterWide Accepted
        "How long the files of a removed segment stay on disk, in milliseconds.";
    "max.decompressed.message.bytes" Int "2147483639" [1 ..= 2147483639] ClusterWide Effective
        "Most bytes a batch may have once it is decompressed; checked where records are looked at, on compacted topics.";
    "message.max.bytes" Int "1048588" [0 ..] ClusterWide Effective
        "Largest record batch that is taken, compressed size.";
    "min.insync.replicas" Int "1" [1 ..] ClusterWide Accepted
        "Replicas that must be in sync for a write with acks=all; more than exist refuses such writes.";
    "num.partitions" Int "1" [1 ..] ReadOnly Effective
        "Partitions of a topic that is created without a count.";
    "unclean.leader.election.enable" Boolean "false" [] ClusterWide Accepted
        "Whether a replica that is behind may lead rather than nobody.";
};
