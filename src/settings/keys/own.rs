//! Keys that only Ottla has.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "ottla.admin.listener" String "127.0.0.1:9644" [filled] ReadOnly Effective
        "Address of health checks and metrics.";
    "ottla.durability" String "fsync" [one "fsync" "os"] ReadOnly Effective
        "When a record counts as written: fsync waits for the disk, os trusts the page cache as Apache Kafka does.";
    "ottla.group.version" Short unset [0 ..= 1] ReadOnly Effective
        "Level of the feature group.version that the cluster has from this start on: 1 allows groups of the consumer protocol (KIP-848), 0 does not; unset leaves it as it is.";
    "ottla.max.partitions.per.request" Int "10000" [1 ..] ReadOnly Effective
        "Most partitions that one CreateTopics or CreatePartitions request may ask for.";
    "ottla.metrics.compat" List "strimzi,kafka_exporter" [list 0 "strimzi" "kafka_exporter" "confluent" "reporter" "redpanda"] ReadOnly Accepted
        "Families of metric names of other tools that are exported beside our own.";
    "ottla.request.memory.bytes" Long unset [1048576 ..] ReadOnly Effective
        "Memory for requests of all connections together; unset means a quarter of the memory there is, 512 MiB at most.";
    "ottla.tail.bytes" Long "67108864" [1048576 ..] ReadOnly Effective
        "Newest records that the whole broker keeps in memory for readers, in bytes.";
    "ottla.wal.bytes" Long "1073741824" [8388608 ..] ReadOnly Effective
        "Disk for the write-ahead log, in bytes; it grows as far as it is needed.";
};
