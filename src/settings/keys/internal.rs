//! Keys that Kafka takes but does not describe unless they are set.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: true;
    "controller.performance.always.log.threshold.ms" Long "2000" [0 ..] ReadOnly Accepted
        "Duration from which a controller event is always logged, in milliseconds.";
    "controller.performance.sample.period.ms" Long "60000" [100 ..] ReadOnly Accepted
        "Pause between two reports on controller events, in milliseconds.";
    "group.consumer.assignor.offload.enable" Boolean "true" [] ClusterWide Accepted
        "Whether assignments of consumer groups are computed in the background.";
    "group.consumer.regex.refresh.interval.ms" Int "600000" [10000 ..] ReadOnly Effective
        "Pause between two evaluations of subscribed patterns, in milliseconds.";
    "group.share.assignor.offload.enable" Boolean "true" [] ClusterWide Accepted
        "Whether assignments of share groups are computed in the background.";
    "group.share.dlq.manager.class.name" String "org.apache.kafka.server.share.dlq.DefaultShareGroupDLQManager" [] ReadOnly Accepted
        "Java class that writes dead-letter records of share groups.";
    "group.share.initialize.retry.interval.ms" Int "30000" [1 ..] ReadOnly Accepted
        "Pause before share group state is initialised again, in milliseconds.";
    "group.share.persister.class.name" String "org.apache.kafka.server.share.persister.DefaultStatePersister" [] ReadOnly Accepted
        "Java class that keeps share group state.";
    "group.streams.acceptable.recovery.lag" Long "10000" [0 ..] ReadOnly Accepted
        "Lag at which a task of a streams group counts as caught up.";
    "group.streams.assignor.offload.enable" Boolean "true" [] ClusterWide Accepted
        "Whether assignments of streams groups are computed in the background.";
    "group.streams.max.warmup.replicas" Int "20" [0 ..] ReadOnly Accepted
        "Most warm-up copies that a streams group may set for itself.";
    "group.streams.min.task.offset.interval.ms" Int "15000" [1 ..] ReadOnly Accepted
        "Smallest interval of task offset reports that a streams group may set for itself, in milliseconds.";
    "group.streams.num.warmup.replicas" Int "2" [0 ..] ReadOnly Accepted
        "Warm-up copies of a streams group at one time.";
    "group.streams.task.offset.interval.ms" Int "60000" [1 ..] ReadOnly Accepted
        "Pause between two task offset reports of a streams group, in milliseconds.";
    "internal.metadata.delete.delay.millis" Long "60000" [] ReadOnly Accepted
        "How long removed metadata files stay on disk, in milliseconds.";
    "internal.metadata.log.segment.bytes" Int unset [] ReadOnly Accepted
        "Size of one file of the metadata log, below the public minimum.";
    "internal.metadata.max.batch.size.in.bytes" Int "8388608" [] ReadOnly Accepted
        "Largest batch of the metadata log, in bytes.";
    "log.initial.task.delay.ms" Long "30000" [0 ..] ReadOnly Accepted
        "Wait after the start before the first background chores on logs, in milliseconds.";
    "producer.id.expiration.check.interval.ms" Int "600000" [1 ..] ReadOnly Accepted
        "Pause between two searches for producers that have been silent too long, in milliseconds.";
    "remote.log.index.file.cache.ttl.ms" Long "900000" [-1 ..] ReadOnly Accepted
        "How long an unused index file from remote storage is kept, in milliseconds.";
    "remote.log.manager.task.retry.backoff.max.ms" Long "30000" [1 ..] ReadOnly Accepted
        "Longest pause between two tries of a remote storage chore, in milliseconds.";
    "remote.log.manager.task.retry.backoff.ms" Long "500" [1 ..] ReadOnly Accepted
        "First pause before a remote storage chore is tried again, in milliseconds.";
    "remote.log.manager.task.retry.jitter" Double "0.2" [float 0.0 0.5] ReadOnly Accepted
        "Random share added to pauses between tries of a remote storage chore.";
    "server.max.startup.time.ms" Long "9223372036854775807" [0 ..] ReadOnly Accepted
        "Longest time that a start may take, in milliseconds.";
    "share.coordinator.cold.partition.snapshot.interval.ms" Int "300000" [1 ..] ReadOnly Accepted
        "Pause between two snapshots of idle share partitions, in milliseconds.";
    "share.coordinator.state.topic.prune.interval.ms" Int "300000" [1 ..] ReadOnly Accepted
        "Pause between two removals of outdated share group state, in milliseconds.";
    "unclean.leader.election.interval.ms" Long "300000" [1 ..] ReadOnly Accepted
        "Pause between two looks for partitions that need an unclean election, in milliseconds.";
    "unstable.api.versions.enable" Boolean "false" [] ReadOnly Accepted
        "Whether API versions that are not final are offered.";
    "unstable.feature.versions.enable" Boolean "false" [] ReadOnly Accepted
        "Whether feature levels that are not final are offered.";
    "leader.replication.throttled.rate" Long unset [0 ..] ClusterWide Accepted
        "Most bytes per second sent to throttled followers.";
    "follower.replication.throttled.rate" Long unset [0 ..] ClusterWide Accepted
        "Most bytes per second fetched for throttled replicas.";
    "replica.alter.log.dirs.io.max.bytes.per.second" Long unset [0 ..] ClusterWide Accepted
        "Most bytes per second for moves between data directories.";
};
