//! Producers and transactions.

use super::super::key::{Key, keys};

pub(super) static KEYS: &[Key] = keys! {
    internal: false;
    "add.partitions.to.txn.retry.backoff.max.ms" Int "100" [0 ..] ReadOnly Accepted
        "Longest pause between two attempts to enlist a partition in a transaction on the server side, in milliseconds.";
    "add.partitions.to.txn.retry.backoff.ms" Int "20" [1 ..] ReadOnly Accepted
        "First pause before enlisting a partition in a transaction is tried again on the server side, in milliseconds.";
    "producer.id.expiration.ms" Int "86400000" [1 ..] ClusterWide Effective
        "How long a producer that stays silent is remembered for the detection of duplicates, in milliseconds.";
    "transaction.abort.timed.out.transaction.cleanup.interval.ms" Int "10000" [1 ..] ReadOnly Accepted
        "Pause between two searches for transactions that ran out of time, in milliseconds.";
    "transaction.max.timeout.ms" Int "900000" [1 ..] ReadOnly Accepted
        "Longest transaction timeout that a producer may ask for, in milliseconds.";
    "transaction.partition.verification.enable" Boolean "true" [] ClusterWide Accepted
        "Whether a transactional write is checked against the coordinator's list of partitions.";
    "transaction.remove.expired.transaction.cleanup.interval.ms" Int "3600000" [1 ..] ReadOnly Accepted
        "Pause between two searches for outdated transactional ids, in milliseconds.";
    "transaction.state.log.load.buffer.size" Int "5242880" [1 ..] ReadOnly Accepted
        "Bytes read at a time when transaction state is loaded.";
    "transaction.state.log.min.isr" Int "2" [1 ..] ReadOnly Accepted
        "Least in-sync replicas of the topic of transaction state.";
    "transaction.state.log.num.partitions" Int "50" [1 ..] ReadOnly Accepted
        "Partitions of the topic of transaction state.";
    "transaction.state.log.replication.factor" Short "3" [1 ..] ReadOnly Accepted
        "Replicas of the topic of transaction state; capped to the brokers there are.";
    "transaction.state.log.segment.bytes" Int "104857600" [1 ..] ReadOnly Accepted
        "Segment size of the topic of transaction state.";
    "transaction.two.phase.commit.enable" Boolean "false" [] ReadOnly Accepted
        "Whether producers may take part in two-phase commits.";
    "transactional.id.expiration.ms" Int "604800000" [1 ..] ReadOnly Accepted
        "How long an unused transactional id is remembered, in milliseconds.";
};
