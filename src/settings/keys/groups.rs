//! Consumer, share and streams groups, committed offsets and the share coordinator.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "errors.deadletterqueue.auto.create.topics.enable" Boolean "false" [] ClusterWide Accepted
        "Whether dead-letter topics of share groups come into being by themselves.";
    "errors.deadletterqueue.topic.name.prefix" String "dlq." [] ClusterWide Accepted
        "What the names of dead-letter topics of share groups start with.";
    "group.consumer.assignment.interval.ms" Int "1000" [0 ..] ClusterWide Effective
        "Least time between two assignments of a consumer group, in milliseconds.";
    "group.consumer.assignors" List "uniform,range" [list 1] ReadOnly Effective
        "Assignors that consumer groups may use on the broker side, the first one being the default.";
    "group.consumer.heartbeat.interval.ms" Int "5000" [1 ..] ReadOnly Effective
        "Pause between two heartbeats that members of consumer groups are told to keep, in milliseconds.";
    "group.consumer.max.assignment.interval.ms" Int "15000" [0 ..] ReadOnly Effective
        "Largest assignment interval that a consumer group may set for itself, in milliseconds.";
    "group.consumer.max.heartbeat.interval.ms" Int "15000" [1 ..] ReadOnly Effective
        "Largest heartbeat interval that a consumer group may set for itself, in milliseconds.";
    "group.consumer.max.session.timeout.ms" Int "60000" [1 ..] ReadOnly Effective
        "Largest session timeout that a consumer group may set for itself, in milliseconds.";
    "group.consumer.max.size" Int "2147483647" [1 ..] ReadOnly Effective
        "Most members of one consumer group.";
    "group.consumer.migration.policy" String "bidirectional" [nocase "DISABLED" "DOWNGRADE" "UPGRADE" "BIDIRECTIONAL"] ReadOnly Effective
        "Which way groups may change between the classic and the consumer protocol while they are in use.";
    "group.consumer.min.assignment.interval.ms" Int "0" [0 ..] ReadOnly Effective
        "Smallest assignment interval that a consumer group may set for itself, in milliseconds.";
    "group.consumer.min.heartbeat.interval.ms" Int "5000" [1 ..] ReadOnly Effective
        "Smallest heartbeat interval that a consumer group may set for itself, in milliseconds.";
    "group.consumer.min.session.timeout.ms" Int "45000" [1 ..] ReadOnly Effective
        "Smallest session timeout that a consumer group may set for itself, in milliseconds.";
    "group.consumer.session.timeout.ms" Int "45000" [1 ..] ReadOnly Effective
        "Silence after which a member of a consumer group is removed, in milliseconds.";
    "group.coordinator.append.linger.ms" Int "-1" [-1 ..] ReadOnly Accepted
        "How long the group coordinator gathers writes, in milliseconds; -1 adapts to the load.";
    "group.coordinator.background.threads" Int "2" [1 ..] ReadOnly Accepted
        "Threads for the slower chores of the group coordinator.";
    "group.coordinator.cached.buffer.max.bytes" Int "1048588" [524288 ..] ClusterWide Accepted
        "Largest write buffer that the group coordinator keeps for reuse.";
    "group.coordinator.rebalance.protocols" List "classic,consumer,streams" [list 1 "consumer" "classic" "share" "streams"] ReadOnly Effective
        "Group protocols that are switched on.";
    "group.coordinator.threads" Int "4" [1 ..] ReadOnly Accepted
        "Threads of the group coordinator.";
    "group.initial.rebalance.delay.ms" Int "3000" [] ReadOnly Effective
        "How long a new classic group waits for further members before its first assignment, in milliseconds.";
    "group.max.session.timeout.ms" Int "1800000" [] ReadOnly Effective
        "Largest session timeout a member of a classic group may ask for, in milliseconds.";
    "group.max.size" Int "2147483647" [1 ..] ReadOnly Effective
        "Most members of one classic group.";
    "group.min.session.timeout.ms" Int "6000" [] ReadOnly Effective
        "Smallest session timeout a member of a classic group may ask for, in milliseconds.";
    "group.share.assignment.interval.ms" Int "1000" [0 ..] ClusterWide Accepted
        "Least time between two assignments of a share group, in milliseconds.";
    "group.share.assignors" List "simple" [list 1] ReadOnly Accepted
        "Assignors that share groups may use.";
    "group.share.delivery.count.limit" Int "5" [2 ..= 10] ReadOnly Accepted
        "How often a record is offered to a share group before it is given up.";
    "group.share.heartbeat.interval.ms" Int "5000" [1 ..] ReadOnly Accepted
        "Pause between two heartbeats that members of share groups are told to keep, in milliseconds.";
    "group.share.max.assignment.interval.ms" Int "15000" [0 ..] ReadOnly Accepted
        "Largest assignment interval that a share group may set for itself, in milliseconds.";
    "group.share.max.delivery.count.limit" Int "10" [5 ..= 25] ReadOnly Accepted
        "Largest delivery count that a share group may set for itself.";
    "group.share.max.heartbeat.interval.ms" Int "15000" [1 ..] ReadOnly Accepted
        "Largest heartbeat interval that a share group may set for itself, in milliseconds.";
    "group.share.max.partition.max.record.locks" Int "4000" [2000 ..= 10000] ReadOnly Accepted
        "Largest number of records in flight per partition that a share group may set for itself.";
    "group.share.max.record.lock.duration.ms" Int "60000" [30000 ..= 3600000] ReadOnly Accepted
        "Largest acquisition lock that a share group may set for itself, in milliseconds.";
    "group.share.max.session.timeout.ms" Int "60000" [1 ..] ReadOnly Accepted
        "Largest session timeout that a share group may set for itself, in milliseconds.";
    "group.share.max.share.sessions" Int "2000" [1 ..] ReadOnly Accepted
        "Most share sessions on this broker.";
    "group.share.max.size" Int "200" [1 ..= 1000] ReadOnly Accepted
        "Most members of one share group.";
    "group.share.min.assignment.interval.ms" Int "0" [0 ..] ReadOnly Accepted
        "Smallest assignment interval that a share group may set for itself, in milliseconds.";
    "group.share.min.delivery.count.limit" Int "2" [2 ..= 5] ReadOnly Accepted
        "Smallest delivery count that a share group may set for itself.";
    "group.share.min.heartbeat.interval.ms" Int "5000" [1 ..] ReadOnly Accepted
        "Smallest heartbeat interval that a share group may set for itself, in milliseconds.";
    "group.share.min.partition.max.record.locks" Int "100" [100 ..= 2000] ReadOnly Accepted
        "Smallest number of records in flight per partition that a share group may set for itself.";
    "group.share.min.record.lock.duration.ms" Int "15000" [1000 ..= 30000] ReadOnly Accepted
        "Smallest acquisition lock that a share group may set for itself, in milliseconds.";
    "group.share.min.session.timeout.ms" Int "45000" [1 ..] ReadOnly Accepted
        "Smallest session timeout that a share group may set for itself, in milliseconds.";
    "group.share.partition.max.record.locks" Int "2000" [100 ..= 10000] ReadOnly Accepted
        "Most records of one partition that a share group holds in flight.";
    "group.share.record.lock.duration.ms" Int "30000" [1000 ..= 3600000] ReadOnly Accepted
        "How long a record belongs to the share consumer that fetched it, in milliseconds.";
    "group.share.session.timeout.ms" Int "45000" [1 ..] ReadOnly Accepted
        "Silence after which a member of a share group is removed, in milliseconds.";
    "group.streams.assignment.interval.ms" Int "1000" [0 ..] ClusterWide Accepted
        "Least time between two assignments of a streams group, in milliseconds.";
    "group.streams.assignors" List "sticky" [list 1] ReadOnly Accepted
        "Assignors that streams groups may use.";
    "group.streams.heartbeat.interval.ms" Int "5000" [1 ..] ReadOnly Accepted
        "Pause between two heartbeats that members of streams groups are told to keep, in milliseconds.";
    "group.streams.initial.rebalance.delay.ms" Int "3000" [0 ..] ReadOnly Accepted
        "How long a new streams group waits for further members before its first assignment, in milliseconds.";
    "group.streams.max.assignment.interval.ms" Int "15000" [0 ..] ReadOnly Accepted
        "Largest assignment interval that a streams group may set for itself, in milliseconds.";
    "group.streams.max.heartbeat.interval.ms" Int "15000" [1 ..] ReadOnly Accepted
        "Largest heartbeat interval that a streams group may set for itself, in milliseconds.";
    "group.streams.max.session.timeout.ms" Int "60000" [1 ..] ReadOnly Accepted
        "Largest session timeout that a streams group may set for itself, in milliseconds.";
    "group.streams.max.size" Int "2147483647" [1 ..] ReadOnly Accepted
        "Most members of one streams group.";
    "group.streams.max.standby.replicas" Int "2" [0 ..] ReadOnly Accepted
        "Most standby copies of a task that a streams group may set for itself.";
    "group.streams.min.assignment.interval.ms" Int "0" [0 ..] ReadOnly Accepted
        "Smallest assignment interval that a streams group may set for itself, in milliseconds.";
    "group.streams.min.heartbeat.interval.ms" Int "5000" [1 ..] ReadOnly Accepted
        "Smallest heartbeat interval that a streams group may set for itself, in milliseconds.";
    "group.streams.min.session.timeout.ms" Int "45000" [1 ..] ReadOnly Accepted
        "Smallest session timeout that a streams group may set for itself, in milliseconds.";
    "group.streams.num.standby.replicas" Int "0" [0 ..] ReadOnly Accepted
        "Standby copies of each task of a streams group.";
    "group.streams.rack.aware.assignment.tags" List "" [list] ReadOnly Accepted
        "Client tags over which standby copies of a streams group are spread.";
    "group.streams.session.timeout.ms" Int "45000" [1 ..] ReadOnly Accepted
        "Silence after which a member of a streams group is removed, in milliseconds.";
    "group.streams.topology.description.plugin.class" Class unset [] ReadOnly (refused "Ottla loads no Java classes")
        "Java class that describes topologies of streams groups.";
    "offset.metadata.max.bytes" Int "4096" [] ReadOnly Effective
        "Longest note that may go with a committed offset, in bytes.";
    "offsets.commit.timeout.ms" Int "5000" [1 ..] ReadOnly Accepted
        "How long an offset commit waits to be safe before it fails, in milliseconds.";
    "offsets.load.buffer.size" Int "5242880" [1 ..] ReadOnly Accepted
        "Bytes read at a time when committed offsets are loaded.";
    "offsets.retention.check.interval.ms" Long "600000" [1 ..] ReadOnly Effective
        "Pause between two searches for outdated committed offsets, in milliseconds.";
    "offsets.retention.minutes" Int "10080" [1 ..] ReadOnly Effective
        "How long the offsets of an empty group are remembered, in minutes.";
    "offsets.topic.compression.codec" Int "0" [] ReadOnly Accepted
        "Number of the codec of the topic of committed offsets.";
    "offsets.topic.num.partitions" Int "50" [1 ..] ReadOnly Effective
        "Partitions of the topic of committed offsets.";
    "offsets.topic.replication.factor" Short "3" [1 ..] ReadOnly Accepted
        "Replicas of the topic of committed offsets; capped to the brokers there are.";
    "offsets.topic.segment.bytes" Int "104857600" [1 ..] ReadOnly Effective
        "Segment size of the topic of committed offsets.";
    "share.coordinator.append.linger.ms" Int "-1" [-1 ..] ReadOnly Accepted
        "How long the share coordinator gathers writes, in milliseconds; -1 adapts to the load.";
    "share.coordinator.cached.buffer.max.bytes" Int "1048588" [524288 ..] ClusterWide Accepted
        "Largest write buffer that the share coordinator keeps for reuse.";
    "share.coordinator.load.buffer.size" Int "5242880" [1 ..] ReadOnly Accepted
        "Bytes read at a time when share group state is loaded.";
    "share.coordinator.snapshot.update.records.per.snapshot" Int "500" [0 ..= 500] ReadOnly Accepted
        "Changes of share group state between two full snapshots.";
    "share.coordinator.state.topic.compression.codec" Int "0" [] ReadOnly Accepted
        "Number of the codec of the topic of share group state.";
    "share.coordinator.state.topic.min.isr" Short "2" [1 ..] ReadOnly Accepted
        "Least in-sync replicas of the topic of share group state.";
    "share.coordinator.state.topic.num.partitions" Int "50" [1 ..] ReadOnly Accepted
        "Partitions of the topic of share group state.";
    "share.coordinator.state.topic.replication.factor" Short "3" [1 ..] ReadOnly Accepted
        "Replicas of the topic of share group state; capped to the brokers there are.";
    "share.coordinator.state.topic.segment.bytes" Int "104857600" [1 ..] ReadOnly Accepted
        "Segment size of the topic of share group state.";
    "share.coordinator.threads" Int "1" [1 ..] ReadOnly Accepted
        "Threads of the share coordinator.";
    "share.coordinator.write.timeout.ms" Int "5000" [1 ..] ReadOnly Accepted
        "How long a write of the share coordinator waits to be safe, in milliseconds.";
};
