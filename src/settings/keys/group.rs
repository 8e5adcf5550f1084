//! Keys of a single group (KIP-848, KIP-932, KIP-1071): of consumer, share and streams groups alike, as one name may be any.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "consumer.assignment.interval.ms" Int "1000" [0 ..] Group Effective
        "Least time between two assignments of the consumer group, in milliseconds.";
    "consumer.heartbeat.interval.ms" Int "5000" [1 ..] Group Effective
        "Pause between two heartbeats that members of the consumer group are told to keep, in milliseconds.";
    "consumer.session.timeout.ms" Int "45000" [1 ..] Group Effective
        "Silence after which a member of the consumer group is removed, in milliseconds.";
    "errors.deadletterqueue.copy.record.enable" Boolean "false" [] Group Accepted
        "Whether dead letters of the share group carry the record itself.";
    "errors.deadletterqueue.topic.name" String "" [] Group Accepted
        "Topic for records that the share group gave up; none when empty.";
    "share.assignment.interval.ms" Int "1000" [0 ..] Group Accepted
        "Least time between two assignments of the share group, in milliseconds.";
    "share.auto.offset.reset" String "latest" [one "latest" "earliest"] Group Accepted
        "Where the share group begins in a partition that it has not read.";
    "share.delivery.count.limit" Int "5" [2 ..] Group Accepted
        "How often a record is offered to the share group before it is given up.";
    "share.heartbeat.interval.ms" Int "5000" [1 ..] Group Accepted
        "Pause between two heartbeats that members of the share group are told to keep, in milliseconds.";
    "share.isolation.level" String "read_uncommitted" [one "read_committed" "read_uncommitted"] Group Accepted
        "Whether the share group reads records of transactions that are still open.";
    "share.partition.max.record.locks" Int "2000" [100 ..] Group Accepted
        "Most records of one partition that the share group holds in flight.";
    "share.record.lock.duration.ms" Int "30000" [1000 ..] Group Accepted
        "How long a record belongs to the member of the share group that fetched it, in milliseconds.";
    "share.renew.acknowledge.enable" Boolean "true" [] Group Accepted
        "Whether members of the share group may hold a record for longer.";
    "share.session.timeout.ms" Int "45000" [1 ..] Group Accepted
        "Silence after which a member of the share group is removed, in milliseconds.";
    "streams.assignment.interval.ms" Int "1000" [0 ..] Group Accepted
        "Least time between two assignments of the streams group, in milliseconds.";
    "streams.assignor.name" String "sticky" [] Group Accepted
        "Assignor of the streams group.";
    "streams.heartbeat.interval.ms" Int "5000" [1 ..] Group Accepted
        "Pause between two heartbeats that members of the streams group are told to keep, in milliseconds.";
    "streams.initial.rebalance.delay.ms" Int "3000" [0 ..] Group Accepted
        "How long the new streams group waits for further members before its first assignment, in milliseconds.";
    "streams.num.standby.replicas" Int "0" [0 ..] Group Accepted
        "Standby copies of each task of the streams group.";
    "streams.rack.aware.assignment.tags" List "" [list] Group Accepted
        "Client tags over which standby copies of the streams group are spread.";
    "streams.session.timeout.ms" Int "45000" [1 ..] Group Accepted
        "Silence after which a member of the streams group is removed, in milliseconds.";
};

/// Keys that Kafka takes but does not describe unless they are set.
pub(super) static INTERNAL: &[Key] = keys! {
    internal: true;
    "consumer.assignor.offload.enable" Boolean "true" [] Group Accepted
        "Whether assignments of the consumer group are computed in the background.";
    "share.assignor.offload.enable" Boolean "true" [] Group Accepted
        "Whether assignments of the share group are computed in the background.";
    "streams.acceptable.recovery.lag" Long "10000" [0 ..] Group Accepted
        "Lag at which a task of the streams group counts as caught up.";
    "streams.assignor.offload.enable" Boolean "true" [] Group Accepted
        "Whether assignments of the streams group are computed in the background.";
    "streams.num.warmup.replicas" Int "2" [0 ..] Group Accepted
        "Warm-up copies of tasks of the streams group.";
    "streams.task.offset.interval.ms" Int "60000" [1 ..] Group Accepted
        "Pause between two reports of task offsets in the streams group, in milliseconds.";
};
