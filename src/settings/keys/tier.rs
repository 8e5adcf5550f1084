//! Remote storage of segments (KIP-405).

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "follower.fetch.last.tiered.offset.enable" Boolean "false" [] ClusterWide Accepted
        "Whether a new follower starts at the end of what is already in remote storage.";
    "log.local.retention.bytes" Long "-2" [-2 ..] ClusterWide Accepted
        "Most bytes of a partition kept on local disk once segments are in remote storage; -2 follows log.retention.bytes.";
    "log.local.retention.ms" Long "-2" [-2 ..] ClusterWide Accepted
        "How long segments stay on local disk once they are in remote storage, in milliseconds; -2 follows log.retention.ms.";
    "log.remote.copy.lag.bytes" Long "-1" [-1 ..] ClusterWide Accepted
        "Bytes a segment may wait behind the log end before it is copied to remote storage; -1 follows local retention.";
    "log.remote.copy.lag.ms" Long "0" [-1 ..] ClusterWide Accepted
        "Milliseconds a segment may wait before it is copied to remote storage; -1 follows local retention.";
    "remote.fetch.max.wait.ms" Int "500" [1 ..] ClusterWide Accepted
        "How long a fetch waits for remote storage before it answers, in milliseconds.";
    "remote.list.offsets.request.timeout.ms" Long "30000" [1 ..] ClusterWide Accepted
        "How long a search for an offset in remote storage may take, in milliseconds.";
    "remote.log.index.file.cache.total.size.bytes" Long "1073741824" [1 ..] ClusterWide Accepted
        "Local disk for index files fetched from remote storage, in bytes.";
    "remote.log.manager.copier.thread.pool.size" Int "10" [1 ..] ClusterWide Accepted
        "Threads that copy segments to remote storage.";
    "remote.log.manager.copy.max.bytes.per.second" Long "9223372036854775807" [1 ..] ClusterWide Accepted
        "Most bytes per second copied to remote storage.";
    "remote.log.manager.copy.quota.window.num" Int "11" [1 ..] ReadOnly Accepted
        "Number of samples kept for the quota on copies to remote storage.";
    "remote.log.manager.copy.quota.window.size.seconds" Int "1" [1 ..] ReadOnly Accepted
        "Length of one sample of the quota on copies to remote storage, in seconds.";
    "remote.log.manager.expiration.thread.pool.size" Int "10" [1 ..] ClusterWide Accepted
        "Threads that remove outdated segments from remote storage.";
    "remote.log.manager.fetch.max.bytes.per.second" Long "9223372036854775807" [1 ..] ClusterWide Accepted
        "Most bytes per second read from remote storage.";
    "remote.log.manager.fetch.quota.window.num" Int "11" [1 ..] ReadOnly Accepted
        "Number of samples kept for the quota on reads from remote storage.";
    "remote.log.manager.fetch.quota.window.size.seconds" Int "1" [1 ..] ReadOnly Accepted
        "Length of one sample of the quota on reads from remote storage, in seconds.";
    "remote.log.manager.follower.thread.pool.size" Int "2" [1 ..] ClusterWide Accepted
        "Threads that serve followers in remote storage matters.";
    "remote.log.manager.task.interval.ms" Long "30000" [1 ..] ReadOnly Accepted
        "Pause between two rounds of remote storage chores, in milliseconds.";
    "remote.log.manager.thread.pool.size" Int "2" [1 ..] ReadOnly Accepted
        "Threads that schedule remote storage chores.";
    "remote.log.metadata.custom.metadata.max.bytes" Int "128" [0 ..] ReadOnly Accepted
        "Most bytes of own metadata that a remote storage plug-in may attach to a segment.";
    "remote.log.metadata.manager.class.name" String "org.apache.kafka.server.log.remote.metadata.storage.TopicBasedRemoteLogMetadataManager" [filled] ReadOnly Accepted
        "Java class that keeps the metadata of remote segments.";
    "remote.log.metadata.manager.class.path" String unset [] ReadOnly Accepted
        "Where the Java class that keeps the metadata of remote segments is loaded from.";
    "remote.log.metadata.manager.impl.prefix" String "rlmm.config." [filled] ReadOnly Accepted
        "What settings for the keeper of remote segment metadata start with.";
    "remote.log.metadata.manager.listener.name" String unset [filled] ReadOnly Accepted
        "Listener through which the keeper of remote segment metadata reaches the brokers.";
    "remote.log.reader.max.pending.tasks" Int "100" [1 ..] ReadOnly Accepted
        "Reads from remote storage that may wait for a thread.";
    "remote.log.reader.threads" Int "10" [1 ..] ClusterWide Accepted
        "Threads that read from remote storage.";
    "remote.log.storage.manager.class.name" String unset [filled] ReadOnly (refused "Ottla loads no Java classes")
        "Java class that stores segments remotely.";
    "remote.log.storage.manager.class.path" String unset [] ReadOnly (refused "Ottla loads no Java classes")
        "Where the Java class that stores segments remotely is loaded from.";
    "remote.log.storage.manager.impl.prefix" String "rsm.config." [filled] ReadOnly Accepted
        "What settings for the remote storage plug-in start with.";
    "remote.log.storage.system.enable" Boolean "false" [] ReadOnly (refused "remote storage is not served yet; leave it false")
        "Whether segments may move to remote storage.";
};
