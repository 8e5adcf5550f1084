//! Where Ottla answers otherwise than Apache Kafka 4.4 does, and why. The list in docs/compatibility.md is this table; a
//! difference that is not here fails the run, and so does an entry that no longer differs.

/// One known difference.
pub struct Difference {
    /// The probe's check, or `*` for every check.
    pub check: &'static str,
    /// Part of the path inside the answer; empty for the whole answer.
    pub path: &'static str,
    /// What differs and why, for the reader of the docs.
    pub reason: &'static str,
}

const fn known(check: &'static str, path: &'static str, reason: &'static str) -> Difference {
    Difference { check, path, reason }
}

/// All of them.
pub const ALL: &[Difference] = &[
    known(
        "*",
        "min.insync.replicas",
        "Kafka's eligible-leader-replicas feature writes min.insync.replicas as a cluster-wide dynamic default on a new cluster; Ottla has no replicas to elect from and leaves it a default",
    ),
    known(
        "*",
        "errorMessage",
        "Ottla says in words why a batch or an operation was refused where Kafka sends the code alone",
    ),
    known("AD-1 broker configs", ".ottla.", "Ottla's own keys, all named `ottla.*`"),
    known(
        "AD-1 broker configs",
        ".listeners",
        "Kafka needs a controller listener; Ottla's default binds loopback only",
    ),
    known("AD-1 broker configs", ".log.dir.", "no data under /tmp: the default is ./ottla-data"),
    known("AD-1 broker configs", ".log.dirs.", "each broker names its own directory"),
    known("AD-1 broker configs", ".node.id.", "node.id has a default in Ottla, so that no set-up is needed"),
    known(
        "AD-1 broker configs",
        ".process.roles.",
        "process.roles has a default in Ottla, so that no set-up is needed",
    ),
    known("AD-1 broker configs", ".controller.", "there is no controller quorum to configure"),
    known(
        "AD-6 an op that does not exist",
        ".errorCode",
        "INVALID_REQUEST names the mistake; Kafka answers UNKNOWN_SERVER_ERROR",
    ),
    known("AD-8 features", "", "a feature is advertised when it is whole"),
    known("AD-8 transactions", "", "transactions come with a later version"),
    known("AD-8 SCRAM users", "", "SASL comes with a later version"),
    known(
        "AD-3 validate only",
        ".only.id",
        "no topic is made, so there is no id to tell; Kafka tells one that it throws away",
    ),
    known(
        "AD-3 names that collide in metrics",
        ".col_lide.",
        "names that differ in '.' and '_' alone are refused within one request as they are in two",
    ),
    known("AD-8 topics", "", "one topic fewer: the colliding one above"),
    known("AD-8 config resources", "", "one topic fewer: the colliding one above"),
    known(
        "PR-6 a duplicate of it",
        ".logAppendTimeMs",
        "an append time is told on topics that stamp it; Kafka tells a duplicate its own timestamp there",
    ),
    known("PR-6 a duplicate of the last but four", ".logAppendTimeMs", "as above"),
    known("LO-1 earliest pending upload", "", "ListOffsets 11 comes with tiered storage"),
    known(
        "LO-1 unknown topic and partition",
        ".topics",
        "Ottla answers topics in the order of the request; Kafka puts the unknown ones first",
    ),
    known(
        "PR-6 older than the last five",
        ".errorCode",
        "a retry of a batch that was certainly written is DUPLICATE_SEQUENCE_NUMBER, which clients take for success; Kafka answers OUT_OF_ORDER_SEQUENCE_NUMBER, after which some write it again",
    ),
    known(
        "DR-1 a topic twice",
        ".topics",
        "Ottla answers topics and partitions in the order of the request; Kafka in that of its hash map",
    ),
    known("DR-1 good and bad in one request", ".topics", "as above"),
    known(
        "AD-4 min.cleanable.dirty.ratio = 'NaN'",
        "",
        "a number with a fraction is a finite one; Kafka takes whatever Java's parser does",
    ),
    known("AD-4 broker log.cleaner.io.buffer.load.factor = 'NaN'", "", "as above"),
    known("AD-4 broker log.cleaner.io.max.bytes.per.second = 'Infinity'", "", "as above"),
    known("AV ranges of every API", "", "only what is served is advertised; see docs/protocol.md"),
    known("AV-1 and AV-7 version 0", ".apiKeys", "only what is served is advertised; see docs/protocol.md"),
    known(
        "AV-5 no software name",
        ".apiKeys",
        "the refusal names the range of ApiVersions, so that a client can come back with it",
    ),
    known(
        "AV-5 an ill-formed software name",
        ".apiKeys",
        "the refusal names the range of ApiVersions, so that a client can come back with it",
    ),
];

/// The entry that explains a difference at `path` of `check`, by its number.
pub fn explains(check: &str, path: &str) -> Option<usize> {
    ALL.iter().position(|known| (known.check == "*" || known.check == check) && path.contains(known.path))
}

/// The list as it stands in docs/compatibility.md.
pub fn markdown() -> String {
    let mut text = String::from("| probe | in the answer | what differs, and why |\n| --- | --- | --- |\n");
    for known in ALL {
        let check = if known.check == "*" { "all" } else { known.check };
        let path =
            if known.path.is_empty() { "whole".to_owned() } else { format!("`{}`", known.path.trim_matches('.')) };
        text.push_str(&format!("| {check} | {path} | {} |\n", known.reason));
    }
    text
}
