//! Node identity, the controller quorum, replication, quotas and metrics.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "alter.config.policy.class.name" Class unset [] ReadOnly (refused "Ottla loads no Java classes")
        "Java class that judges configuration changes.";
    "alter.log.dirs.replication.quota.window.num" Int "11" [1 ..] ReadOnly Accepted
        "Number of samples kept for the quota on moves between data directories.";
    "alter.log.dirs.replication.quota.window.size.seconds" Int "1" [1 ..] ReadOnly Accepted
        "Length of one sample of the quota on moves between data directories, in seconds.";
    "auto.leader.rebalance.enable" Boolean "true" [] ReadOnly Accepted
        "Whether leadership is moved back to preferred replicas from time to time.";
    "broker.heartbeat.interval.ms" Int "2000" [] ReadOnly Accepted
        "Pause between two signs of life of a broker to the controller, in milliseconds.";
    "broker.id" Int "-1" [] ReadOnly Effective
        "Older spelling of node.id; the two must agree when both are given.";
    "broker.rack" String unset [] ReadOnly Effective
        "Rack or zone of this broker, passed on to clients in metadata answers.";
    "broker.session.timeout.ms" Int "9000" [] ReadOnly Accepted
        "Silence after which the controller takes a broker for dead, in milliseconds.";
    "client.quota.callback.class" Class unset [] ReadOnly (refused "Ottla loads no Java classes")
        "Java class that computes client quotas.";
    "controlled.shutdown.enable" Boolean "true" [] ReadOnly Accepted
        "Whether leadership is handed over before a broker stops.";
    "controller.listener.names" List unset [list 1] ReadOnly Accepted
        "Listener names reserved for controllers; Ottla has no controller port and leaves them unbound.";
    "controller.quorum.append.linger.ms" Int "25" [0 ..] ReadOnly Accepted
        "How long a controller gathers changes before it writes them, in milliseconds.";
    "controller.quorum.auto.join.enable" Boolean "false" [] ReadOnly Accepted
        "Whether a controller adds itself to the voters.";
    "controller.quorum.bootstrap.servers" List "" [list] ReadOnly Accepted
        "Addresses at which the controllers are found.";
    "controller.quorum.election.backoff.max.ms" Int "1000" [0 ..] ReadOnly Accepted
        "Longest wait before a new vote among controllers, in milliseconds.";
    "controller.quorum.election.timeout.ms" Int "1000" [0 ..] ReadOnly Accepted
        "How long a vote among controllers may stay undecided, in milliseconds.";
    "controller.quorum.fetch.max.bytes" Int "1048576" [1 ..] ReadOnly Accepted
        "Most bytes of the metadata log that one fetch between controllers returns.";
    "controller.quorum.fetch.snapshot.max.bytes" Int "1048576" [1 ..] ReadOnly Accepted
        "Most bytes of a metadata snapshot that one fetch between controllers returns.";
    "controller.quorum.fetch.timeout.ms" Int "2000" [0 ..] ReadOnly Accepted
        "Silence of the leading controller after which the others vote, in milliseconds.";
    "controller.quorum.request.timeout.ms" Int "2000" [0 ..] ReadOnly Accepted
        "How long a controller waits for an answer of another, in milliseconds.";
    "controller.quorum.retry.backoff.ms" Int "20" [0 ..] ReadOnly Accepted
        "Pause before a request between controllers is sent again, in milliseconds.";
    "controller.quorum.voters" List "" [list] ReadOnly Accepted
        "Ids and addresses of the voting controllers; Ottla keeps metadata without a quorum.";
    "controller.quota.window.num" Int "11" [1 ..] ReadOnly Accepted
        "Number of samples kept for the quota on topic changes.";
    "controller.quota.window.size.seconds" Int "1" [1 ..] ReadOnly Accepted
        "Length of one sample of the quota on topic changes, in seconds.";
    "controller.socket.timeout.ms" Int "30000" [] ReadOnly Accepted
        "Socket timeout of connections to the controller, in milliseconds.";
    "initial.broker.registration.timeout.ms" Int "60000" [] ReadOnly Accepted
        "How long a starting broker tries to register with the controllers, in milliseconds.";
    "kafka.metrics.polling.interval.secs" Int "10" [1 ..] ReadOnly Accepted
        "Pause between two polls of Java metric reporters, in seconds.";
    "kafka.metrics.reporters" List "" [list] ReadOnly Accepted
        "Java metric reporters; Ottla's metrics are on the admin port.";
    "leader.imbalance.check.interval.seconds" Long "300" [1 ..] ReadOnly Accepted
        "Pause between two looks at how leadership is spread, in seconds.";
    "metadata.log.dir" String unset [] ReadOnly Accepted
        "Directory of the metadata log; Ottla keeps it inside its data directory.";
    "metadata.log.max.record.bytes.between.snapshots" Long "20971520" [1 ..] ReadOnly Accepted
        "Bytes of metadata changes between two snapshots.";
    "metadata.log.max.snapshot.interval.ms" Long "3600000" [0 ..] ReadOnly Accepted
        "Longest time between two metadata snapshots while there are changes, in milliseconds.";
    "metadata.log.segment.bytes" Int "1073741824" [8388608 ..] ReadOnly Accepted
        "Size of one file of the metadata log.";
    "metadata.log.segment.ms" Long "604800000" [] ReadOnly Accepted
        "Age at which a file of the metadata log is closed, in milliseconds.";
    "metadata.max.idle.interval.ms" Int "500" [0 ..] ReadOnly Accepted
        "Pause after which an idle controller writes an empty entry, in milliseconds.";
    "metadata.max.retention.bytes" Long "104857600" [] ReadOnly Accepted
        "Bytes of metadata log and snapshots to keep before old ones go.";
    "metadata.max.retention.ms" Long "604800000" [] ReadOnly Accepted
        "Age at which metadata log files and snapshots go, in milliseconds.";
    "metric.reporters" List "org.apache.kafka.common.metrics.JmxReporter" [list] ClusterWide Accepted
        "Java metric reporters; Ottla's metrics are on the admin port.";
    "metrics.num.samples" Int "2" [1 ..] ReadOnly Accepted
        "Samples kept for each Java metric.";
    "metrics.recording.level" String "INFO" [] ReadOnly Accepted
        "Finest level of Java metrics that is recorded.";
    "metrics.sample.window.ms" Long "30000" [1 ..] ReadOnly Accepted
        "Length of one sample of a Java metric, in milliseconds.";
    "node.id" Int "1" [0 ..] ReadOnly Effective
        "Number of this broker in its cluster.";
    "num.recovery.threads.per.data.dir" Int "2" [1 ..] ClusterWide Accepted
        "Threads that recover logs at start; Ottla sizes its own.";
    "num.replica.alter.log.dirs.threads" Int unset [] ReadOnly Accepted
        "Threads that move partitions between data directories.";
    "num.replica.fetchers" Int "1" [1 ..] ClusterWide Accepted
        "Threads that copy from one other broker.";
    "process.roles" List "broker,controller" [list 1 "broker" "controller"] ReadOnly Accepted
        "Roles of this process; an Ottla broker carries its metadata itself.";
    "quota.window.num" Int "11" [1 ..] ReadOnly Accepted
        "Number of samples kept for client quotas.";
    "quota.window.size.seconds" Int "1" [1 ..] ReadOnly Accepted
        "Length of one sample of client quotas, in seconds.";
    "replica.fetch.backoff.ms" Int "1000" [0 ..] ReadOnly Accepted
        "Pause of a follower after a failed fetch, in milliseconds.";
    "replica.fetch.max.bytes" Int "1048576" [0 ..] ReadOnly Accepted
        "Bytes that a follower asks for per partition.";
    "replica.fetch.min.bytes" Int "1" [] ReadOnly Accepted
        "Least bytes that a follower waits for.";
    "replica.fetch.response.max.bytes" Int "10485760" [0 ..] ReadOnly Accepted
        "Most bytes that a follower asks for in one answer.";
    "replica.fetch.wait.max.ms" Int "500" [] ReadOnly Accepted
        "Longest wait of a follower's fetch, in milliseconds.";
    "replica.high.watermark.checkpoint.interval.ms" Long "5000" [] ReadOnly Accepted
        "Pause between two recordings of high watermarks, in milliseconds.";
    "replica.lag.time.max.ms" Long "30000" [] ReadOnly Accepted
        "How long a follower may trail before it counts as out of sync, in milliseconds.";
    "replica.selector.class" String unset [] ReadOnly (refused "Ottla loads no Java classes")
        "Java class that picks the replica a consumer reads from.";
    "replica.socket.receive.buffer.bytes" Int "65536" [] ReadOnly Accepted
        "Socket receive buffer of followers, in bytes.";
    "replica.socket.timeout.ms" Int "30000" [] ReadOnly Accepted
        "Socket timeout of followers, in milliseconds.";
    "replication.quota.window.num" Int "11" [1 ..] ReadOnly Accepted
        "Number of samples kept for the quota on replication.";
    "replication.quota.window.size.seconds" Int "1" [1 ..] ReadOnly Accepted
        "Length of one sample of the quota on replication, in seconds.";
    "telemetry.max.bytes" Int "1048576" [1 ..] ReadOnly Accepted
        "Largest client telemetry report that is taken, in bytes.";
};
