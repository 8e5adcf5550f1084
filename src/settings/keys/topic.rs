//! Keys of a single topic.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "cleanup.policy" List "delete" [list 0 "compact" "delete"] Topic Effective
        "What becomes of old segments: removed by age and size, compacted by key, both, or, when empty, kept for ever.";
    "compression.gzip.level" Int "-1" [gzip] Topic Accepted
        "Gzip level for batches that the broker itself compresses; -1 is the library's own choice.";
    "compression.lz4.level" Int "9" [1 ..= 17] Topic Accepted
        "LZ4 level for batches that the broker itself compresses.";
    "compression.type" String "producer" [one "uncompressed" "zstd" "lz4" "snappy" "gzip" "producer"] Topic Accepted
        "Codec in which batches are kept: the producer's own choice, none, or a named one.";
    "compression.zstd.level" Int "3" [-131072 ..= 22] Topic Accepted
        "Zstandard level for batches that the broker itself compresses.";
    "delete.retention.ms" Long "86400000" [0 ..] Topic Effective
        "How long delete markers stay readable in a compacted topic, in milliseconds.";
    "errors.deadletterqueue.group.enable" Boolean "false" [] Topic Accepted
        "Whether share groups may use this topic for records they gave up.";
    "file.delete.delay.ms" Long "60000" [0 ..] Topic Accepted
        "How long the files of a removed segment stay on disk, in milliseconds.";
    "flush.messages" Long "9223372036854775807" [1 ..] Topic Accepted
        "Records after which the log is forced to disk; Ottla syncs by ottla.durability instead.";
    "flush.ms" Long "9223372036854775807" [0 ..] Topic Accepted
        "Milliseconds after which the log is forced to disk; Ottla syncs by ottla.durability instead.";
    "follower.replication.throttled.replicas" List "" [replicas] Topic Accepted
        "Replicas whose fetching is throttled, as partition:broker pairs, or * for all.";
    "index.interval.bytes" Int "4096" [0 ..] Topic Effective
        "Log bytes between two entries of the offset index.";
    "leader.replication.throttled.replicas" List "" [replicas] Topic Accepted
        "Replicas towards which sending is throttled, as partition:broker pairs, or * for all.";
    "local.retention.bytes" Long "-2" [-2 ..] Topic Accepted
        "Most bytes of a partition kept on local disk once segments are in remote storage; -2 follows retention.bytes.";
    "local.retention.ms" Long "-2" [-2 ..] Topic Accepted
        "How long segments stay on local disk once they are in remote storage, in milliseconds; -2 follows retention.ms.";
    "max.compaction.lag.ms" Long "9223372036854775807" [1 ..] Topic Effective
        "Longest time a record may wait to become eligible for compaction, in milliseconds.";
    "max.decompressed.message.bytes" Int "2147483639" [1 ..= 2147483639] Topic Effective
        "Most bytes a batch may have once it is decompressed; checked where records are looked at, on compacted topics.";
    "max.message.bytes" Int "1048588" [0 ..] Topic Effective
        "Largest record batch that is taken, compressed size.";
    "message.timestamp.after.max.ms" Long "3600000" [0 ..] Topic Effective
        "How far ahead of the broker's clock a record's timestamp may lie, in milliseconds.";
    "message.timestamp.before.max.ms" Long "9223372036854775807" [0 ..] Topic Effective
        "How far behind the broker's clock a record's timestamp may lie, in milliseconds.";
    "message.timestamp.type" String "CreateTime" [one "CreateTime" "LogAppendTime"] Topic Effective
        "Whose time a record carries: the producer's (CreateTime) or that of its arrival (LogAppendTime).";
    "min.cleanable.dirty.ratio" Double "0.5" [float 0.0 1.0] Topic Effective
        "Share of the log that must be uncleaned before cleaning is worth it.";
    "min.compaction.lag.ms" Long "0" [0 ..] Topic Effective
        "Least age of a record before compaction may remove it, in milliseconds.";
    "min.insync.replicas" Int "1" [1 ..] Topic Accepted
        "Replicas that must be in sync for a write with acks=all; more than exist refuses such writes.";
    "preallocate" Boolean "false" [] Topic Accepted
        "Whether a new segment's space is reserved on disk beforehand.";
    "remote.copy.lag.bytes" Long "-1" [-1 ..] Topic Accepted
        "Bytes a segment may wait behind the log end before it is copied to remote storage; -1 follows local retention.";
    "remote.copy.lag.ms" Long "0" [-1 ..] Topic Accepted
        "Milliseconds a segment may wait before it is copied to remote storage; -1 follows local retention.";
    "remote.log.copy.disable" Boolean "false" [] Topic Accepted
        "Whether copying to remote storage is suspended for the topic.";
    "remote.log.delete.on.disable" Boolean "false" [] Topic Accepted
        "Whether switching remote storage off for the topic removes what is there.";
    "remote.storage.enable" Boolean "false" [] Topic (refused "remote storage is not served yet; leave it false")
        "Whether the topic's segments may move to remote storage.";
    "retention.bytes" Long "-1" [] Topic Effective
        "Most bytes of one partition before its oldest segments go; -1 means no limit.";
    "retention.ms" Long "604800000" [-1 ..] Topic Effective
        "How long records are kept, in milliseconds; -1 means for ever.";
    "segment.bytes" Int "1073741824" [1048576 ..] Topic Effective
        "Size at which a segment is closed and a new one begun.";
    "segment.index.bytes" Int "10485760" [4 ..] Topic Effective
        "Most bytes of one offset or time index; a full index rolls the segment.";
    "segment.jitter.ms" Long "0" [0 ..] Topic Effective
        "Most milliseconds taken at random off segment.ms, so that segments do not roll all at once.";
    "segment.ms" Long "604800000" [1 ..] Topic Effective
        "Age at which a segment is closed and a new one begun, in milliseconds.";
    "unclean.leader.election.enable" Boolean "false" [] Topic Accepted
        "Whether a replica that is behind may lead rather than nobody.";
};

pub(super) static INTERNAL: &[Key] = keys! {
    internal: true;
    "internal.segment.bytes" Int unset [] Topic Effective
        "Segment size below the public minimum, for tests.";
};
