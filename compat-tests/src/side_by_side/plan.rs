//! What is measured: groups of cells. Within a group the systems take turns in every round, each with a fresh start and
//! the same warm-up; a start is shared by all cells of a group.

use super::load::produce;
use super::systems::System;
use crate::rng::Rng;
use std::collections::BTreeMap;

/// Systems of cells: with the floor, and with Kafka that flushes.
const NOT_FLUSHING: &[System] = &[System::Kafka, System::OttlaOs, System::OttlaFsync, System::Floor];
const WITH_FLUSH: &[System] = &[System::Kafka, System::KafkaFlush, System::OttlaOs, System::OttlaFsync];
const BROKERS: &[System] = &[System::Kafka, System::OttlaOs, System::OttlaFsync];
/// The pairs; how Kafka stands to the floor is in the cells of producing and consuming.
const PAIRS: &[System] = &[System::OttlaOs, System::Floor];

/// Rounds of the cells that combine factors: a run has to end.
const PAIRWISE_ROUNDS: u32 = 2;

/// How much is done; a whole run is meant to stay within 75 minutes, a quick one within two.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// Rounds; of the pairs with the floor; with very many partitions, which Kafka needs minutes to create.
    pub rounds: u32,
    /// See `rounds`.
    pub pair_rounds: u32,
    /// See `rounds`.
    pub wide_rounds: u32,
    /// Most payload of one measurement, and its longest time.
    pub bytes: u64,
    /// See `bytes`.
    pub seconds: f64,
    /// How long a producer at a fixed rate is read at its tail; what that costs is a small difference of two figures.
    pub tail_s: f64,
    /// Memory that is touched and given back before each measurement: what is written to the page cache then lands on pages
    /// that the host has behind it. Others cost several times as much, in whichever system happens to meet them.
    pub warm_memory_bytes: usize,
    /// Warm-up after a start, and before a latency is timed.
    pub warm_up_s: f64,
    /// How long Kafka does what a cell measures before it is measured.
    pub rehearsal_s: f64,
    /// How often a warm-up is repeated at most, while it still gains something.
    pub warm_ups_max: u32,
    /// How long a latency is timed.
    pub latency_s: f64,
    /// What "many" is: connections, partitions.
    pub many: u32,
    /// How long an idle or trickling broker is watched.
    pub watch_s: f64,
    /// Whether one cell of each group is enough, and one Kafka.
    pub sample: bool,
}

impl Size {
    /// A whole run.
    pub const FULL: Size = Size {
        rounds: 3,
        pair_rounds: 5,
        wide_rounds: 2,
        bytes: 1 << 30,
        seconds: 2.0,
        tail_s: 4.0,
        warm_memory_bytes: 3 << 29,
        warm_up_s: 3.0,
        rehearsal_s: 1.5,
        warm_ups_max: 12,
        latency_s: 10.0,
        many: 10_000,
        watch_s: 6.0,
        sample: false,
    };
    /// A smoke test, which judges no times.
    pub const QUICK: Size = Size {
        rounds: 1,
        pair_rounds: 1,
        wide_rounds: 1,
        bytes: 8 << 20,
        seconds: 0.5,
        tail_s: 0.5,
        warm_memory_bytes: 16 << 20,
        warm_up_s: 0.2,
        rehearsal_s: 0.2,
        warm_ups_max: 1,
        latency_s: 0.5,
        many: 100,
        watch_s: 0.5,
        sample: true,
    };
}

/// Where data lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// On the disk below `target`.
    Disk,
    /// In a file system in memory, so that the disk has no say.
    Memory,
}

/// Cells that share starts.
#[derive(Clone, Debug)]
pub struct Group {
    /// Its name.
    pub name: &'static str,
    /// Who takes part, in the order of the first round; it turns by one in each.
    pub systems: &'static [System],
    /// How often; Kafka maybe less.
    pub rounds: u32,
    /// See `rounds`.
    pub kafka_rounds: u32,
    /// Where.
    pub place: Place,
    /// The cells.
    pub cells: Vec<Spec>,
}

/// One cell.
#[derive(Clone, Debug)]
pub struct Spec {
    /// Its whole name, that of a section of the page first: `produce/base`.
    pub name: String,
    /// Which of the group's systems do it.
    pub systems: &'static [System],
    /// How often at most, if the group has more rounds.
    pub rounds_max: u32,
    /// What is done, in a sentence.
    pub about: String,
    /// What distinguishes it, by name.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The work.
    pub work: Work,
}

/// The kinds of work; each sentence names the fields in their order.
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub enum Work {
    /// Produce as fast as the client can.
    Produce(Flow),
    /// Read what is there: from page cache, or from the disk.
    Read { consumers: u32, cold: bool },
    /// Read at the tail what is produced at this rate, bytes a second; the cost of producing alone is taken off.
    Tail { consumers: u32, rate_bytes: f64 },
    /// Latency at so many records of 1 KiB a second, maybe beside a load that rolls segments.
    Latency { rate: f64, beside: bool },
    /// Start of the process: empty, or after kill -9 with so many partitions and so many bytes just written.
    Start { partitions: u32, unflushed: u64 },
    /// Resident memory of so many idle connections.
    Connections(u32),
    /// So many partitions, idle.
    Partitions(u32),
    /// A step with very many partitions, on one start that all such steps of a turn share.
    Wide(u32, Wide),
    /// Kafka's own performance tools.
    ProducerTool,
    /// See `ProducerTool`.
    ConsumerTool,
    /// Produce as given, then read it.
    Drawn(Flow),
}

/// What is done with very many partitions, in this order.
#[derive(Clone, Debug)]
pub enum Wide {
    /// Nothing, after they were created.
    Idle,
    /// A record a second in each.
    Trickle,
    /// So many consumers of all of them, at a trickle.
    Watchers(u32),
    /// So many bytes, then kill -9 and a start.
    Killed(u64),
}

/// Shape of a stream of records.
#[derive(Clone, Debug)]
pub struct Flow {
    /// Bytes of a value.
    pub record_bytes: usize,
    /// Partitions of the topic.
    pub partitions: i32,
    /// `1` or `all`.
    pub acks: &'static str,
    /// `compression.type`.
    pub codec: &'static str,
    /// `linger.ms` and `batch.size`.
    pub linger_ms: u32,
    /// See `linger_ms`.
    pub batch_bytes: u32,
}

/// What the client may hold back, KiB: a quarter of its default, which would fill memory in the slowest cells.
const QUEUE_KIB: u32 = 256 << 10;

impl Flow {
    /// The one that targets speak of; `batch.size` is librdkafka's default.
    pub const BASE: Flow =
        Flow { record_bytes: 1024, partitions: 4, acks: "all", codec: "none", linger_ms: 5, batch_bytes: 1_000_000 };

    /// Properties of the client.
    pub fn client(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("acks", self.acks.to_owned()),
            ("compression.type", self.codec.to_owned()),
            ("linger.ms", self.linger_ms.to_string()),
            ("batch.size", self.batch_bytes.to_string()),
            ("queue.buffering.max.kbytes", QUEUE_KIB.to_string()),
        ];
        pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }

    /// As a job.
    pub fn job(&self, bootstrap: &str, topic: &str, bytes_max: u64, seconds_max: f64) -> produce::Job {
        produce::Job {
            bootstrap: bootstrap.to_owned(),
            topic: topic.to_owned(),
            partitions: self.partitions,
            record_bytes: self.record_bytes,
            bytes_max,
            seconds_max,
            rate: None,
            client: self.client(),
            seed: self.record_bytes as u64,
        }
    }

    fn parameters(&self) -> BTreeMap<String, serde_json::Value> {
        let mut parameters = BTreeMap::new();
        parameters.insert("record_bytes".to_owned(), self.record_bytes.into());
        parameters.insert("partitions".to_owned(), self.partitions.into());
        parameters.insert("acks".to_owned(), self.acks.into());
        parameters.insert("codec".to_owned(), self.codec.into());
        parameters.insert("linger_ms".to_owned(), self.linger_ms.into());
        parameters.insert("batch_bytes".to_owned(), self.batch_bytes.into());
        parameters
    }

    fn words(&self) -> String {
        let partitions = if self.partitions == 1 { "partition" } else { "partitions" };
        format!(
            "records of {} bytes, {} {partitions}, acks={}, {}, linger.ms={}, batch.size={}",
            self.record_bytes,
            self.partitions,
            self.acks,
            if self.codec == "none" { "no compression" } else { self.codec },
            self.linger_ms,
            self.batch_bytes
        )
    }
}

/// The whole plan.
pub fn groups(size: Size, seed: u64) -> Vec<Group> {
    let disk =
        |name, systems, rounds, cells| Group { name, systems, rounds, kafka_rounds: rounds, place: Place::Disk, cells };
    let rounds = size.rounds;
    // A start and its warm-up take longer than a cell: all that can share a start does.
    let latency_systems = if size.sample { BROKERS } else { WITH_FLUSH };
    let together =
        [produce_cells(), vec![drawn(seed)], consume(), of(BROKERS, tools()), of(latency_systems, latency())].concat();
    let mut groups = vec![
        disk("start", BROKERS, rounds, start(size)),
        disk("produce, consume, latency, tools, drawn", &System::ALL, rounds, together),
        disk("scale", BROKERS, rounds, scale(size)),
        // Kafka takes about eight minutes for them.
        Group { kafka_rounds: 1, ..disk("scale", BROKERS, size.wide_rounds, wide(size)) },
        Group { place: Place::Memory, ..disk("floor", PAIRS, size.pair_rounds, floor_produce()) },
        disk("floor", PAIRS, size.pair_rounds, floor_consume()),
    ];
    if size.sample {
        for group in &mut groups {
            let section = |cell: &Spec| cell.name.split('/').next().map(str::to_owned);
            group.cells.dedup_by_key(|cell| section(cell));
        }
    }
    groups
}

/// The same cells, done by these systems.
fn of(systems: &'static [System], cells: Vec<Spec>) -> Vec<Spec> {
    cells.into_iter().map(|cell| Spec { systems, ..cell }).collect()
}

fn spec(name: impl Into<String>, about: impl Into<String>, parameters: &[(&str, u64)], work: Work) -> Spec {
    let parameters = parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
    Spec { name: name.into(), systems: NOT_FLUSHING, rounds_max: u32::MAX, about: about.into(), parameters, work }
}

fn flow(name: impl Into<String>, flow: Flow) -> Spec {
    let about = format!("Produce: {}.", flow.words());
    Spec {
        name: name.into(),
        systems: NOT_FLUSHING,
        rounds_max: u32::MAX,
        about,
        parameters: flow.parameters(),
        work: Work::Produce(flow),
    }
}

/// The base, each factor alone, and the pairs of all factors.
fn produce_cells() -> Vec<Spec> {
    let mut cells = vec![flow("produce/base", Flow::BASE)];
    for record_bytes in [100, 10_240, 102_400] {
        cells.push(flow(format!("produce/record-{record_bytes}"), Flow { record_bytes, ..Flow::BASE }));
    }
    for partitions in [100, 1_000] {
        cells.push(flow(format!("produce/partitions-{partitions}"), Flow { partitions, ..Flow::BASE }));
    }
    cells.extend(pairwise().into_iter().map(|one| {
        let (batch, codec) = (if one.linger_ms == 0 { "small" } else { "large" }, one.codec);
        let name = format!("produce/{}b-{}p-acks-{}-{codec}-{batch}", one.record_bytes, one.partitions, one.acks);
        Spec { rounds_max: PAIRWISE_ROUNDS, ..flow(name, one) }
    }));
    cells
}

/// Rows in which every pair of values of two factors occurs (a test says so), without those that [`produce_cells`] has.
/// Batches are large (linger 5 ms, up to a million bytes) or small (no linger, 16 KiB).
fn pairwise() -> Vec<Flow> {
    let row = |record_bytes, partitions, acks, codec, large| {
        let (linger_ms, batch_bytes) = if large { (5, 1_000_000) } else { (0, 16_384) };
        Flow { record_bytes, partitions, acks, codec, linger_ms, batch_bytes }
    };
    vec![
        row(100, 4, "1", "lz4", false),
        row(100, 100, "all", "lz4", true),
        row(100, 1_000, "1", "none", false),
        row(1_024, 100, "1", "lz4", false),
        row(1_024, 1_000, "all", "lz4", false),
        row(10_240, 4, "1", "none", false),
        row(10_240, 100, "all", "none", false),
        row(10_240, 1_000, "1", "lz4", true),
        row(102_400, 4, "all", "lz4", false),
        row(102_400, 100, "1", "none", true),
        row(102_400, 1_000, "all", "none", true),
    ]
}

fn consume() -> Vec<Spec> {
    let mut cells = Vec::new();
    for (consumers, megabytes) in [(1, 100), (4, 50), (16, 20)] {
        cells.push(spec(
            format!("consume/tail-{consumers}"),
            format!("{consumers} at the tail of {megabytes} MB/s of 1 KiB; what producing alone costs is taken off."),
            &[("consumers", consumers)],
            Work::Tail { consumers: consumers as u32, rate_bytes: megabytes as f64 * 1e6 },
        ));
    }
    for consumers in [1, 4, 16] {
        cells.push(spec(
            format!("consume/cache-{consumers}"),
            format!("{consumers} read the same records of 1 KiB from page cache, from the first offset on."),
            &[("consumers", consumers)],
            Work::Read { consumers: consumers as u32, cold: false },
        ));
    }
    for consumers in [1, 4, 16] {
        cells.push(spec(
            format!("consume/cold-{consumers}"),
            format!("{consumers} read the same records of 1 KiB, none of which is in memory."),
            &[("consumers", consumers)],
            Work::Read { consumers: consumers as u32, cold: true },
        ));
    }
    cells
}

fn latency() -> Vec<Spec> {
    let mut durable = flow("latency/throughput", Flow::BASE);
    durable.about = format!("{} What flushing costs on either side.", durable.about);
    let mut cells = Vec::new();
    for rate in [1_000, 20_000] {
        cells.push(spec(
            format!("latency/{rate}"),
            format!("{rate} records of 1 KiB a second, acks=all, linger.ms=0, 4 partitions, a consumer at the tail."),
            &[("rate", rate)],
            Work::Latency { rate: rate as f64, beside: false },
        ));
    }
    cells.push(spec(
        "latency/checkpoints",
        "1,000 records of 1 KiB a second as above, beside 20 MB/s into a topic with segment.bytes=16 MiB; Ottla's write-ahead \
         log is small enough (256 MiB) for a checkpoint every few seconds.",
        &[("rate", 1_000)],
        Work::Latency { rate: 1_000.0, beside: true },
    ));
    cells.push(durable);
    cells
}

fn start(size: Size) -> Vec<Spec> {
    let unflushed = size.bytes.min(256 << 20);
    vec![
        spec(
            "start/empty",
            "From the spawning of the process to its first answer, on an empty directory, which Kafka has formatted; the size \
             of what is installed.",
            &[],
            Work::Start { partitions: 0, unflushed: 0 },
        ),
        spec(
            "start/killed-little",
            "The same after kill -9 with 8 partitions and 1 MiB written at last.",
            &[("partitions", 8)],
            Work::Start { partitions: 8, unflushed: 1 << 20 },
        ),
        spec(
            "start/killed-much",
            format!("The same after kill -9 with 8 partitions and {} MiB written at last.", unflushed >> 20),
            &[("partitions", 8)],
            Work::Start { partitions: 8, unflushed },
        ),
        spec(
            "start/killed-more",
            format!("The same after kill -9 with 8 partitions and {} MiB written at last.", (3 * unflushed) >> 20),
            &[("partitions", 8)],
            Work::Start { partitions: 8, unflushed: 3 * unflushed },
        ),
    ]
}

fn scale(size: Size) -> Vec<Spec> {
    let many = size.many;
    let mut cells = vec![spec("scale/idle", "Memory after the start, nothing to do.", &[], Work::Connections(0))];
    for connections in [many / 100, many / 10, many] {
        cells.push(spec(
            format!("scale/connections-{connections}"),
            format!("Memory with {connections} connections that have asked for ApiVersions and are idle."),
            &[("connections", u64::from(connections))],
            Work::Connections(connections),
        ));
    }
    for count in [many / 100, many / 10] {
        cells.push(spec(
            format!("scale/partitions-{count}"),
            format!("Memory and CPU with {count} partitions, idle."),
            &[("partitions", u64::from(count))],
            Work::Partitions(count),
        ));
    }
    cells
}

fn wide(size: Size) -> Vec<Spec> {
    let many = size.many;
    let unflushed = size.bytes.min(256 << 20);
    let partitions = ("partitions", u64::from(many));
    let mut cells = vec![
        spec(
            format!("scale/partitions-{many}"),
            format!("Memory and CPU with {many} partitions, idle; how long it took to create them, 1,000 at a time."),
            &[partitions],
            Work::Wide(many, Wide::Idle),
        ),
        spec(
            format!("scale/trickle-{many}"),
            "The same with one record of 1 KiB a second in each partition.",
            &[partitions],
            Work::Wide(many, Wide::Trickle),
        ),
    ];
    for consumers in [1, many / 100] {
        cells.push(spec(
            format!("scale/watchers-{consumers}"),
            format!("{consumers} consumers of all {many} partitions, with 100 records a second over all of them."),
            &[("consumers", u64::from(consumers)), partitions],
            Work::Wide(many, Wide::Watchers(consumers)),
        ));
    }
    cells.push(spec(
        format!("scale/killed-{many}-partitions"),
        format!("Start after kill -9 with {many} partitions and {} MiB written at last.", unflushed >> 20),
        &[partitions],
        Work::Wide(many, Wide::Killed(unflushed)),
    ));
    cells
}

fn floor_produce() -> Vec<Spec> {
    let mut produce = flow("floor/produce", Flow::BASE);
    produce.about = format!("{} Data in a file system in memory, systems in turn.", produce.about);
    vec![produce]
}

/// On a disk: a file system in memory can't tell Ottla what is in memory.
fn floor_consume() -> Vec<Spec> {
    let about = "One consumer reads records of 1 KiB from page cache, systems in turn.";
    vec![spec("floor/consume", about, &[("consumers", 1)], Work::Read { consumers: 1, cold: false })]
}

fn tools() -> Vec<Spec> {
    vec![
        spec("tools/producer", "kafka-producer-perf-test: records of 1 KiB, its defaults.", &[], Work::ProducerTool),
        spec("tools/consumer", "kafka-consumer-perf-test: records of 1 KiB, its defaults.", &[], Work::ConsumerTool),
    ]
}

/// A workload that nobody chose.
fn drawn(seed: u64) -> Spec {
    let mut rng = Rng::new(seed);
    let mut between = |from: f64, to: f64| from * (to / from).powf(rng.below(1_001) as f64 / 1_000.0);
    let record_bytes = between(20.0, 200_000.0) as usize;
    let partitions = between(1.0, 500.0) as i32;
    let batch_bytes = between(4_096.0, 1_000_000.0) as u32;
    let acks = ["1", "all"][rng.below(2)];
    let codec = ["none", "gzip", "snappy", "lz4", "zstd"][rng.below(5)];
    let linger_ms = [0, 1, 5, 20, 100][rng.below(5)];
    let flow = Flow { record_bytes, partitions, acks, codec, linger_ms, batch_bytes };
    let about = format!("Drawn by seed {seed}: {}; then one consumer reads it.", flow.words());
    let name = "drawn/produce-and-consume".to_owned();
    Spec {
        name,
        systems: NOT_FLUSHING,
        rounds_max: u32::MAX,
        about,
        parameters: flow.parameters(),
        work: Work::Drawn(flow),
    }
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;
