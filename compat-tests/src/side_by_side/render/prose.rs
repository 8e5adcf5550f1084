//! Fixed text, and the heads of columns.

use super::figures;
use crate::side_by_side::measures::Measure;

/// Stands wherever MB/s does.
const CAVEAT: &str = "the client competes with the broker for the cores: compare CPU s/GiB";

/// How the figures are to be read.
pub const HOW_TO_READ: &str = "\
The client competes with the broker for the cores of one machine. So MB/s and records/s say little of a broker: what the
client spends slows down whichever broker it talks to. The figure that survives is CPU seconds per GiB: the CPU time of
the broker's process and of all kernel threads, for each GiB that was produced or consumed. That is the machine less the
clients and the measuring program. Kernel threads belong to it because they write back what a broker leaves in the page
cache, and nobody else is charged for that; everything is on the disk before the counters are read, which the scheduler
keeps in nanoseconds. A figure at the tail is a difference of two measurements and can come out at zero or below: then it
is lost in their noise, and no ratio is taken of it.

A GiB is of record values before compression: with lz4, or small records, more or fewer bytes went over the wire and to
the disk. Bytes to disk are counted at the whole device: the file system's journal and a broker's write-ahead log are
among them. What the kernel does for a socket is charged to whoever ran at that moment; the clients' part of it is taken
off with the rest of theirs.

Ratios between systems of one run hold better than absolute figures do, but only so far. The two systems of a `floor/*`
cell follow each other within seconds; everywhere else minutes lie between two systems of a round, and what slows the
machine down for a while may meet only one of them. Time that the host took from this machine's cores is named below the
table of a cell wherever it was more than 5 % of a run's time.

Entries are `median (min-max)` over the rounds. The best of the brokers in each measure is **bold**, whoever it is; the
floor is no broker and takes no part. Nor does what is no merit: a bound of memory, what a given rate sets (MB/s and
records/s at the tail, the load beside, segments rolled), and bytes from disk, which only prove that a cold cell was
cold. `x Kafka` and `x floor` are the median of the first column as a multiple of that of `kafka` and of `floor`.

The floor only receives, appends, reads and sends: `produce`, `consume` and `drawn` have it, `floor/*` has nothing but
it and `ottla-os`, and `latency`, `scale`, `start` and `tools` do without.
";

/// What follows the table of targets.
pub const ABOUT_TARGETS: &str = "\
A figure `x` another system is the ratio within each round that both made, `median (min-max)` over those rounds; the
median decides, and the number of rounds in which the target held stands beside it. A round in which either figure is
zero or less has no ratio, and doesn't count as one in which the target held. A target does not hold if the system can't
do the cell, or failed in more rounds than not. `latency/throughput` has the shape of `produce/base`, measured at
another place of a turn: its ratios are there for comparison. The bound of memory is looked at in all cells. Two targets
of the design are not part of this comparison: TLS, which isn't served yet, and the memory that hostile frames can
claim.
";

/// Stands above the notes.
pub const ABOUT_NOTES: &str = "\
What stands here between two markers is written by hand, and kept when the page is generated anew: why a target is
missed, and what follows from that.
";

/// Stands under the heading of where Kafka is better.
pub const ABOUT_KAFKA_BETTER: &str = "\
Cells that a Kafka did and an Ottla can't do, or failed in every round, come first. Then each pair is compared in each
measure that both have: `kafka` with `ottla-os` (neither syncs before it acknowledges), `kafka-flush` with `ottla-fsync`
(both do), and `kafka` with `ottla-fsync` (only Ottla does, so Ottla does more for the same acknowledgement). Figures
that are written alike count as equal.
";

/// Stands above the settings.
pub const ABOUT_SETTINGS: &str = "\
What isn't listed is as the system ships. In `latency/checkpoints` Ottla has ottla.wal.bytes=268435456 besides, and the
topic of the load beside has segment.bytes=16777216 on every system.
";

/// What a reader must not conclude.
pub const NOT_SHOWN: &str = "\
- One machine with few cores, and loopback: no network card, no switch, no second machine. Client and broker share
  caches, memory bandwidth and the scheduler; latencies include the client's wait for a core.
- No replication: the replication factor is 1 on both sides. Kafka's durability normally comes from replicas, and its
  setting of a sync for each message is not how it is usually run. The cost of replicating, on either side, is not in
  any figure.
- The disk is virtual. What a sync costs, and whether it reaches a medium, is up to the host; on other disks the
  distance between the synced and the unsynced figures is another.
- Runs are short, and rounds few. What happens after hours or days, with a log that is far larger than memory, is not in
  them.
- After a start Kafka is warmed up: it is given a GiB of the base shape to take and to serve again and again, until two
  rounds gain less than 5 % of CPU and touch no new memory, twelve at most; Ottla and the floor, which have nothing to
  compile, get one. Kafka then runs the load of each cell that produces, or reads at the tail, for a second or two
  unmeasured before it is measured, so that the code paths of that shape (codec, small batches, many partitions) are
  compiled too; the others have them compiled from the start. A Kafka that has run for hours may still have compiled
  more of itself. Which cell comes first changes with the round.
- Kafka runs as it ships, with the settings below. Neither side was tuned for this machine beyond them.
- The client library's own cost is taken off the CPU figures, but it still takes its share of the cores; another client
  makes other batches, and with them other figures on both sides.
- No TLS yet: all connections are plaintext.
- The bound of memory that Ottla's peaks are held against is its ring (`ottla.tail.bytes`, 64 MiB), its request memory
  (`ottla.request.memory.bytes`, here 512 MiB) and a base of 64 MiB, which we chose, for code, threads, connections and
  the allocator. The first two are settings, the base is not. Kafka's bound is its heap and what the JVM takes besides.
- Memory is that of the process: buffers of sockets and the page cache are the kernel's. The size of a distribution
  leaves out the JVM that Kafka needs.
- The floor copies through a buffer of its own. Sending from the page cache (sendfile), as Kafka and Ottla do, can cost
  less.
- Before each measurement memory of the machine is touched and given back, and what other cells wrote is dropped from
  the page cache: memory that a virtual machine's host does not have behind it costs several times as much at its first
  use, and would fall on whoever meets it. On a broker that runs for long everybody pays for that at times.
- In the cold cells nothing of the files is in this machine's page cache, as the bytes from disk show; Ottla still has
  the newest 64 MiB of everything in memory of its own, and what the host keeps is not known.
- Kafka's start includes the shell that starts it and a call of Python for a free port, some 50 ms.
- The producing client holds back 256 MiB at most (queue.buffering.max.kbytes); its other settings stand beside each
  cell. What it holds back when a cell's time is over is not sent, and not counted.
- Cells that combine factors (those with four of them in their names) have two rounds, all others that produce or consume
  have three.
- At 1,000 partitions a client that spreads its records makes small batches, whatever it may gather.
- CPU of kernel threads includes what they did for anybody else at that time.
- These are the cells that the authors of Ottla thought of, run by them. The commands are here so that others can run
  them.
";

/// A group's purpose, by name.
pub const GROUPS: &[(&str, &str)] = &[
    (
        "start",
        "From the start of the process to the first answered request. What a topic's partitions take to acknowledge \
         includes the client's own start and its first acknowledgement, some 300 ms on every system.",
    ),
    ("produce", "Producing at full speed: record sizes, partitions, acknowledgements, codecs, batches."),
    (
        "consume",
        "Consuming: at the tail of a producer at a fixed rate; at full speed from the page cache and from the disk. \
         At the tail MB/s and records/s are set by that rate.",
    ),
    (
        "latency",
        "Time to an acknowledgement, and to a consumer, at a fixed rate, open loop: a record's time counts from the \
         moment at which it was due, however late it is sent. And full speed with and without flushing.",
    ),
    (
        "scale",
        "What many connections and partitions cost while little or nothing goes through them. Of the cells with \
         10,000 partitions Kafka makes one round and Ottla two: Kafka needs about eight minutes for one.",
    ),
    ("floor", "Ottla and the bare loop in turns, in pairs that lie seconds apart."),
    (
        "tools",
        "With the performance tools that Apache Kafka ships as clients, in a JVM of their own that starts within the \
         measured time. Their latencies are kafka-producer-perf-test's own, closed loop at full speed: they include \
         the wait in the client's own queue, and are not to be held beside those of `latency`, which are open loop.",
    ),
    ("drawn", "A workload drawn by chance from the seed above, so that not only chosen cases are shown."),
];

/// The unit that the caveat stands beside.
const MB_PER_S: &str = "MB/s";

/// The heads of columns of these measures. Each MB/s carries the caveat, and without any of them records/s does.
pub fn heads(measures: &[&'static Measure]) -> Vec<String> {
    let is_mb = |measure: &Measure| measure.label.contains(MB_PER_S);
    let any_mb = measures.iter().any(|measure| is_mb(measure));
    let head = |measure: &&'static Measure| {
        let due = figures::is_throughput(measure) && (is_mb(measure) || !any_mb);
        if due { format!("{} ({CAVEAT})", measure.label) } else { measure.label.to_owned() }
    };
    measures.iter().map(head).collect()
}

/// The head of a column that names measures, with the caveat if it is due to any of them.
pub fn measure_head(mut measures: impl Iterator<Item = &'static Measure>) -> String {
    if measures.any(figures::is_throughput) {
        return format!("measure (MB/s and records/s: {CAVEAT})");
    }
    "measure".to_owned()
}
