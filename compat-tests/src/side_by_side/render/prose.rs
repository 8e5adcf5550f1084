//! Fixed text, and the heads of columns.

use super::figures;
use crate::side_by_side::measures::Measure;

/// Stands wherever MB/s does.
const CAVEAT: &str = "the client competes with the broker for the cores: compare CPU s/GiB";

/// How the figures are to be read.
pub const HOW_TO_READ: &str = "\
The client competes with the broker for the cores of one machine. So MB/s and records/s say little of a
broker: what the client spends slows down whichever broker it talks to. The figure that survives is CPU seconds per GiB:
the CPU time of the broker's process and of all kernel threads, for each GiB that was produced or consumed. That is the
machine less the clients and the measuring program. Kernel threads belong to it because they write back what a broker leaves
in the page cache, and nobody else is charged for that; everything is on the disk before the counters are read.
Ratios between systems of one run hold better than absolute figures do. A GiB is of record values before compression: with
lz4, or small records, more or fewer bytes went over the wire and to the disk. What the kernel does for a socket is charged to
whoever ran at that moment; the clients' part of it is taken off with the rest of theirs.

Entries are `median (min-max)` over the rounds. The best of the brokers in each measure is **bold**, whoever it is; the
floor is no broker and takes no part. `x Kafka` and `x floor` are the median of the first column as a multiple of that of
`kafka` and of `floor`.
";

/// What follows the table of targets.
pub const ABOUT_TARGETS: &str = "\
A figure `x` another system is the ratio within each round that both made, `median (min-max)` over those rounds; the median
decides, and the number of rounds in which the target held stands beside it. Two targets of the design are not part of this
comparison: TLS, which isn't served yet, and the memory that hostile frames can claim.
";

/// Stands under the heading of where Kafka is better.
pub const ABOUT_KAFKA_BETTER: &str = "\
Each pair is compared in each measure that both have: `kafka` with `ottla-os` (neither syncs before it acknowledges),
`kafka-flush` with `ottla-fsync` (both do), and `kafka` with `ottla-fsync` (only Ottla does, so Ottla does more for the same
acknowledgement). Figures that are written alike count as equal.
";

/// What a reader must not conclude.
pub const NOT_SHOWN: &str = "\
- One machine with few cores, and loopback: no network card, no switch, no second machine. Client and broker share caches,
  memory bandwidth and the scheduler; latencies include the client's wait for a core.
- No replication: the replication factor is 1 on both sides. Kafka's durability normally comes from replicas, and its setting
  of a sync for each message is not how it is usually run. The cost of replicating, on either side, is not in any figure.
- The disk is virtual. What a sync costs, and whether it reaches a medium, is up to the host; on other disks the distance
  between the synced and the unsynced figures is another.
- Runs are short, and rounds few. What happens after hours or days, with a log that is far larger than memory, is not in them.
- Kafka is warmed up until two rounds of producing and reading a GiB gain it less than 5 % of CPU and touch no new memory, twelve
  rounds at most; Ottla and
  the floor, which have nothing to compile, get one. A
  Kafka that has run for hours may have compiled more of itself. Which cell comes first changes with the round.
- Kafka runs as it ships, with the settings below. Neither side was tuned for this machine beyond them.
- The client library's own cost is taken off the CPU figures, but it still takes its share of the cores; another client
  makes other batches, and with them other figures on both sides.
- No TLS yet: all connections are plaintext.
- The bound of memory that Ottla's peaks are held against is its ring (`ottla.tail.bytes`, 64 MiB), its request memory
  (`ottla.request.memory.bytes`, here 512 MiB) and a base of 64 MiB, which we chose, for code, threads, connections and the
  allocator. The first two are settings, the base is not. Kafka's bound is its heap and what the JVM takes besides.
- Memory is that of the process: buffers of sockets and the page cache are the kernel's. The size of a distribution leaves out
  the JVM that Kafka needs.
- The floor copies through a buffer of its own. Sending from the page cache (sendfile), as Kafka and Ottla do, can cost less.
- Before each measurement memory of the machine is touched and given back, and what other cells wrote is dropped from the
  page cache: memory that a virtual machine's host does not have behind it costs several times as much at its first use, and
  would fall on whoever meets it. On a broker that runs for long everybody pays for that at times.
- In the cold cells nothing of the files is in this machine's page cache; Ottla still has the newest 64 MiB of everything in
  memory of its own, and what the host keeps is not known.
- Every cell of reading from the disk has one or four consumers: sixteen of the same data read it from the page cache, where
  another cell has them.
- Kafka's start includes the shell that starts it and a call of Python for a free port, some 50 ms.
- The producing client holds back 256 MiB at most (queue.buffering.max.kbytes); its other settings stand beside each cell.
- At 1,000 partitions a client that spreads its records makes small batches, whatever it may gather.
- CPU of kernel threads includes what they did for anybody else at that time.
- These are the cells that the authors of Ottla thought of, run by them. The commands are here so that others can run them.
";

/// A group's purpose, by name.
pub const GROUPS: &[(&str, &str)] = &[
    ("start", "From the start of the process to the first answered request."),
    ("produce", "Producing at full speed: record sizes, partitions, acknowledgements, codecs, batches."),
    (
        "consume",
        "Consuming: at the tail of a producer at a fixed rate; at full speed from the page cache and from the disk.",
    ),
    (
        "latency",
        "Time to an acknowledgement, and to a consumer, at a fixed rate; and full speed with and without flushing.",
    ),
    ("scale", "What many connections and partitions cost while little or nothing goes through them."),
    ("floor", "Ottla and the bare loop in turns, in pairs close to each other."),
    (
        "tools",
        "With the performance tools that Apache Kafka ships as clients, in a JVM of their own that starts within the measured time.",
    ),
    ("drawn", "A workload drawn by chance from the seed above, so that not only chosen cases are shown."),
];

/// The heads of columns of these measures. The first that the client's share decides carries the caveat.
pub fn heads(measures: &[&'static Measure]) -> Vec<String> {
    let first = measures.iter().position(|measure| figures::is_throughput(measure));
    let head = |(at, measure): (usize, &&Measure)| {
        if Some(at) == first { format!("{} ({CAVEAT})", measure.label) } else { measure.label.to_owned() }
    };
    measures.iter().enumerate().map(head).collect()
}

/// The head of a column that names measures, with the caveat if it is due to any of them.
pub fn measure_head(mut measures: impl Iterator<Item = &'static Measure>) -> String {
    if measures.any(figures::is_throughput) {
        return format!("measure (MB/s and records/s: {CAVEAT})");
    }
    "measure".to_owned()
}
