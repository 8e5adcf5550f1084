//! Listeners, sockets, connection limits, request memory and fetch bounds.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "advertised.listeners" List unset [list 1] ReadOnly Effective
        "Addresses handed to clients, one per listener name; unset means the address through which each client arrived.";
    "background.threads" Int "10" [1 ..] ClusterWide Accepted
        "Threads for background chores; Ottla sizes its own.";
    "connections.max.idle.ms" Long "600000" [] ReadOnly Effective
        "Connections without traffic for this many milliseconds are closed; negative means never.";
    "delete.records.purgatory.purge.interval.requests" Int "1" [] ReadOnly Accepted
        "Waiting record deletions after which finished ones are swept; Ottla frees them at once.";
    "early.start.listeners" List unset [list] ReadOnly Accepted
        "Listeners opened before the broker is fully up.";
    "fetch.max.bytes" Int "57671680" [1024 ..] ReadOnly Effective
        "Most record bytes that one Fetch answer carries; a first batch larger than that is still sent whole.";
    "fetch.purgatory.purge.interval.requests" Int "1000" [] ReadOnly Accepted
        "Waiting fetches after which finished ones are swept; Ottla frees them at once.";
    "inter.broker.listener.name" String unset [] ReadOnly Accepted
        "Listener over which brokers talk to each other; a single broker has nobody to talk to.";
    "listener.security.protocol.map" String "SASL_SSL:SASL_SSL,PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT" [] PerBroker Effective
        "Security protocol of each listener name; only PLAINTEXT is served for now.";
    "listeners" List "PLAINTEXT://127.0.0.1:9092" [list 1] PerBroker Effective
        "Addresses to bind, each as NAME://host:port; an empty host means every interface and port 0 a free port.";
    "max.connection.creation.rate" Int "2147483647" [0 ..] ClusterWide Accepted
        "New connections per second on the whole broker; what exceeds it waits.";
    "max.connections" Int "2147483647" [0 ..] ClusterWide Effective
        "Most connections on the whole broker.";
    "max.connections.per.ip" Int "2147483647" [0 ..] ClusterWide Effective
        "Most connections from one address.";
    "max.connections.per.ip.overrides" String "" [] ClusterWide Accepted
        "Own connection limits of single addresses, as address:count pairs.";
    "max.incremental.fetch.session.cache.slots" Int "1000" [0 ..] ReadOnly Effective
        "Most fetch sessions that the broker remembers.";
    "max.request.partition.size.limit" Int "2000" [1 ..] ReadOnly Effective
        "Most partitions that one answer of DescribeTopicPartitions lists.";
    "num.io.threads" Int "8" [1 ..] ClusterWide Accepted
        "Threads that work on requests; Ottla sizes its own.";
    "num.network.threads" Int "3" [1 ..] ClusterWide Accepted
        "Threads that serve sockets; Ottla sizes its own.";
    "producer.purgatory.purge.interval.requests" Int "1000" [] ReadOnly Accepted
        "Waiting produce requests after which finished ones are swept; Ottla frees them at once.";
    "queued.max.request.bytes" Long "-1" [] ReadOnly Effective
        "Bytes of requests in memory at which reading from sockets pauses; when positive it lowers ottla.request.memory.bytes.";
    "queued.max.requests" Int "500" [1 ..] ReadOnly Accepted
        "Requests waiting for a worker thread at which network threads pause; Ottla bounds bytes instead.";
    "request.timeout.ms" Int "30000" [] ReadOnly Accepted
        "How long the broker waits for an answer to a request of its own, in milliseconds.";
    "share.fetch.purgatory.purge.interval.requests" Int "1000" [] ReadOnly Accepted
        "Waiting share fetches after which finished ones are swept; Ottla frees them at once.";
    "socket.connection.setup.timeout.max.ms" Long "30000" [] ReadOnly Accepted
        "Longest wait for a connection that this broker opens, in milliseconds.";
    "socket.connection.setup.timeout.ms" Long "10000" [] ReadOnly Accepted
        "First wait for a connection that this broker opens, in milliseconds.";
    "socket.listen.backlog.size" Int "50" [1 ..] ReadOnly Accepted
        "Connections that may wait to be accepted.";
    "socket.receive.buffer.bytes" Int "102400" [] ReadOnly Accepted
        "Receive buffer of client sockets, in bytes; Ottla leaves it to the kernel's own tuning.";
    "socket.request.max.bytes" Int "104857600" [1 ..] ReadOnly Effective
        "Largest request frame that is taken, in bytes.";
    "socket.send.buffer.bytes" Int "102400" [] ReadOnly Accepted
        "Send buffer of client sockets, in bytes; Ottla leaves it to the kernel's own tuning.";
};
