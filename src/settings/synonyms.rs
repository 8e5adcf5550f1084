//! Keys that stand in for one another.
//!
//! A topic key takes its value from the first broker key that is set; a broker key with a unit has
//! coarser ones behind it. Order is precedence.

use super::keys::listener_base;

const LOG_RETENTION: &[&str] = &["log.retention.ms", "log.retention.minutes", "log.retention.hours"];
const LOG_ROLL: &[&str] = &["log.roll.ms", "log.roll.hours"];
const LOG_ROLL_JITTER: &[&str] = &["log.roll.jitter.ms", "log.roll.jitter.hours"];
const LOG_FLUSH: &[&str] = &["log.flush.interval.ms", "log.flush.scheduler.interval.ms"];

/// The broker keys that are asked in turn for `name`, which is one of them.
/// `log.flush.scheduler.interval.ms` stands in for another key but has no stand-in itself.
pub fn broker_synonyms(name: &str) -> Vec<&str> {
    for group in [LOG_RETENTION, LOG_ROLL, LOG_ROLL_JITTER] {
        if group.contains(&name) {
            return group.to_vec();
        }
    }
    if name == LOG_FLUSH[0] {
        return LOG_FLUSH.to_vec();
    }
    match listener_base(name) {
        Some(base) => vec![name, base],
        None => vec![name],
    }
}

/// The broker keys that a topic key falls back on, in turn; none for keys that only topics have.
pub fn topic_synonyms(name: &str) -> &'static [&'static str] {
    match name {
        "cleanup.policy" => &["log.cleanup.policy"],
        "compression.gzip.level" => &["compression.gzip.level"],
        "compression.lz4.level" => &["compression.lz4.level"],
        "compression.type" => &["compression.type"],
        "compression.zstd.level" => &["compression.zstd.level"],
        "delete.retention.ms" => &["log.cleaner.delete.retention.ms"],
        "file.delete.delay.ms" => &["log.segment.delete.delay.ms"],
        "flush.messages" => &["log.flush.interval.messages"],
        "flush.ms" => LOG_FLUSH,
        "index.interval.bytes" => &["log.index.interval.bytes"],
        "local.retention.bytes" => &["log.local.retention.bytes"],
        "local.retention.ms" => &["log.local.retention.ms"],
        "max.compaction.lag.ms" => &["log.cleaner.max.compaction.lag.ms"],
        "max.decompressed.message.bytes" => &["max.decompressed.message.bytes"],
        "max.message.bytes" => &["message.max.bytes"],
        "message.timestamp.after.max.ms" => &["log.message.timestamp.after.max.ms"],
        "message.timestamp.before.max.ms" => &["log.message.timestamp.before.max.ms"],
        "message.timestamp.type" => &["log.message.timestamp.type"],
        "min.cleanable.dirty.ratio" => &["log.cleaner.min.cleanable.ratio"],
        "min.compaction.lag.ms" => &["log.cleaner.min.compaction.lag.ms"],
        "min.insync.replicas" => &["min.insync.replicas"],
        "preallocate" => &["log.preallocate"],
        "remote.copy.lag.bytes" => &["log.remote.copy.lag.bytes"],
        "remote.copy.lag.ms" => &["log.remote.copy.lag.ms"],
        "retention.bytes" => &["log.retention.bytes"],
        "retention.ms" => LOG_RETENTION,
        "segment.bytes" => &["log.segment.bytes"],
        "segment.index.bytes" => &["log.index.size.max.bytes"],
        "segment.jitter.ms" => LOG_ROLL_JITTER,
        "segment.ms" => LOG_ROLL,
        "unclean.leader.election.enable" => &["unclean.leader.election.enable"],
        _ => &[],
    }
}

/// The broker key that a group key falls back on; none for keys that only groups have.
pub fn group_synonym(name: &str) -> Option<&'static str> {
    Some(match name {
        "consumer.assignment.interval.ms" => "group.consumer.assignment.interval.ms",
        "consumer.assignor.offload.enable" => "group.consumer.assignor.offload.enable",
        "consumer.heartbeat.interval.ms" => "group.consumer.heartbeat.interval.ms",
        "consumer.session.timeout.ms" => "group.consumer.session.timeout.ms",
        "share.assignment.interval.ms" => "group.share.assignment.interval.ms",
        "share.assignor.offload.enable" => "group.share.assignor.offload.enable",
        "share.delivery.count.limit" => "group.share.delivery.count.limit",
        "share.heartbeat.interval.ms" => "group.share.heartbeat.interval.ms",
        "share.partition.max.record.locks" => "group.share.partition.max.record.locks",
        "share.record.lock.duration.ms" => "group.share.record.lock.duration.ms",
        "share.session.timeout.ms" => "group.share.session.timeout.ms",
        "streams.acceptable.recovery.lag" => "group.streams.acceptable.recovery.lag",
        "streams.assignment.interval.ms" => "group.streams.assignment.interval.ms",
        "streams.assignor.name" => "group.streams.assignors",
        "streams.assignor.offload.enable" => "group.streams.assignor.offload.enable",
        "streams.heartbeat.interval.ms" => "group.streams.heartbeat.interval.ms",
        "streams.initial.rebalance.delay.ms" => "group.streams.initial.rebalance.delay.ms",
        "streams.num.standby.replicas" => "group.streams.num.standby.replicas",
        "streams.num.warmup.replicas" => "group.streams.num.warmup.replicas",
        "streams.rack.aware.assignment.tags" => "group.streams.rack.aware.assignment.tags",
        "streams.session.timeout.ms" => "group.streams.session.timeout.ms",
        "streams.task.offset.interval.ms" => "group.streams.task.offset.interval.ms",
        _ => return None,
    })
}

/// Milliseconds in one unit of a broker key that holds a time, by the end of its name.
pub(super) fn unit_ms(name: &str) -> i64 {
    if name.ends_with(".hours") {
        60 * 60 * 1000
    } else if name.ends_with(".minutes") {
        60 * 1000
    } else {
        1
    }
}
