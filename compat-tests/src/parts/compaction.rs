//! Compaction beside Apache Kafka: the same batches to both, both cleaned until nothing more is to do, the same records
//! left, at the same offsets, in batches of the same shape.
//!
//! - `plan`: what a history is like, drawn from its seed
//! - `keeper`: what was sent, and what must be left of it
//! - `slow_reader`: a consumer that reads all the while, across every swap of segments
//! - `java_reader`: the same with the Java client, once
//!
//! Below the active segment both must come to the same: which records survive depends on nothing but the batches, the
//! offset up to which the log is clean, and the times at which tombstones may go. The first two are the same for both.
//! Tombstones either stay for longer than the run, or all have their time between two phases.

mod java_reader;
mod keeper;
mod plan;
mod slow_reader;

use crate::admin;
use crate::dump::{self, Dump};
use crate::keyed;
use crate::pair::{Broker, Pair};
use crate::partition::{self, Seen};
use crate::parts::{Context, mostly_waiting};
use crate::raw_producer::{RawProducer, Target};
use crate::report::Report;
use crate::rng::Rng;
use bytes::Bytes;
use keeper::Keeper;
use plan::{GATE_OPEN, GATE_SHUT, Plan};
use slow_reader::SlowReader;
use std::time::{Duration, Instant};

const TOPIC: &str = "compacted";
/// Histories of a run, in CI and by hand.
const HISTORIES: (u64, u64) = (4, 40);
/// A liveness bound from the end of a phase to the last change of the cleaner, and the time between two looks.
const CLEAN_WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// So long nothing may change any more.
const SETTLED: Duration = Duration::from_millis(1500);
/// A broker dies at some time within this after the cleaner may begin, milliseconds.
const KILLED_WITHIN_MS: u64 = 1500;
/// Timestamps that are looked up after each phase.
const LOOK_UPS: usize = 8;
/// What both brokers are started with: a cleaner that looks often.
const SETTINGS: &[(&str, &str)] = &[
    ("log.cleaner.backoff.ms", "200"),
    ("log.retention.check.interval.ms", "500"),
    ("log.initial.task.delay.ms", "500"),
];

/// Histories with seeds that nobody ran before, and those that failed once.
pub fn part(report: &mut Report, context: &Context) {
    let fresh = (0..context.size(HISTORIES.0, HISTORIES.1)).map(|number| context.seed.wrapping_add(number));
    let jobs: Vec<_> = std::iter::once(None).chain(fresh.chain(context.kept.of("compaction")).map(Some)).collect();
    let outcomes = mostly_waiting(context, &jobs, |seed| match seed {
        Some(seed) => history(context, &Plan::draw(*seed)).map_err(|error| format!("seed {seed}: {error}")),
        None => java_reader::run(context),
    });
    for (seed, outcome) in jobs.iter().zip(outcomes) {
        let what =
            seed.map_or_else(|| "a slow Java consumer across the swaps".to_owned(), |seed| Plan::draw(seed).words());
        report.note(format!("compaction: {what}"), outcome);
    }
}

fn history(context: &Context, plan: &Plan) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let pair = Pair::start(context, plan.system, dir.path(), SETTINGS)?;
    let gate = if plan.gated { GATE_SHUT } else { GATE_OPEN };
    let topic = plan.topic(gate);
    pair.each(|broker| admin::create_topic(&broker.bootstrap()?, TOPIC, 1, &configs(&topic)))?;
    let reader = SlowReader::start(&pair.ottla.bootstrap()?, TOPIC, if plan.deletes() { "earliest" } else { "error" });
    let mut run = Run::new(pair, plan)?;
    for phase in 0..plan.phases {
        run.phase(phase).map_err(|error| format!("phase {phase}: {error}"))?;
    }
    let read = reader.finish(run.keeper.end() - 1)?;
    run.keeper.was_read(&read, &run.left)?;
    run.judge_files(context)
}

fn configs<'a>(owned: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a str)> {
    owned.iter().map(|(key, value)| (*key, value.as_str())).collect()
}

/// A history under way.
struct Run<'a> {
    plan: &'a Plan,
    pair: Pair,
    senders: [RawProducer; 2],
    rng: Rng,
    keeper: Keeper,
    /// What was left below the active segment after the last phase.
    left: Vec<Seen>,
    /// Where the active segment begins.
    active: i64,
    log_start: i64,
    kills: usize,
}

impl<'a> Run<'a> {
    fn new(pair: Pair, plan: &'a Plan) -> Result<Self, String> {
        let senders = senders(&pair)?;
        let (rng, keeper) = (Rng::new(plan.seed), Keeper::default());
        Ok(Run { plan, pair, senders, rng, keeper, left: Vec::new(), active: 0, log_start: 0, kills: 0 })
    }

    /// Batches, a seal, the cleaner until nothing more is to do, and what is left.
    fn phase(&mut self, phase: usize) -> Result<(), String> {
        self.set_gate(GATE_SHUT)?;
        let kill_at = self.plan.kills.then(|| self.rng.below(self.plan.batches));
        let first = self.keeper.end();
        for number in 0..self.plan.batches {
            if kill_at == Some(number) {
                self.kill()?;
            }
            let (records, batch) = self.plan.batch(phase, &mut self.keeper, &mut self.rng)?;
            self.send(&batch)?;
            self.keeper.sent(records, batch.len());
        }
        self.active = self.keeper.end();
        let time = self.plan.time(phase, self.active);
        let (sealing, batch) = keyed::seal("seal", time, self.plan.segment_bytes)?;
        self.send(&batch)?;
        self.keeper.sent(vec![sealing], 0);
        self.set_gate(GATE_OPEN)?;
        if self.plan.kills {
            std::thread::sleep(Duration::from_millis(self.rng.between(0, KILLED_WITHIN_MS)));
            self.kill()?;
        }
        // What is too young to be cleaned begins with the first record of the last phase.
        let too_young = self.plan.lag_ms.is_some() && phase + 1 == self.plan.phases;
        let clean = if too_young { first } else { self.active };
        self.left = self.at_rest(clean)?;
        self.keeper.judge(&self.left, self.log_start, self.active, self.plan.keeps_tombstones())?;
        self.offsets_are_right()?;
        if self.plan.deletes() && phase + 1 < self.plan.phases {
            self.delete_some()?;
        }
        std::thread::sleep(self.plan.tombstones_due());
        Ok(())
    }

    fn set_gate(&self, gate: &str) -> Result<(), String> {
        if !self.plan.gated {
            return Ok(());
        }
        let topic = self.plan.topic(gate);
        self.pair.each(|broker| admin::set_configs(&broker.bootstrap()?, TOPIC, &configs(&topic))).map(drop)
    }

    fn send(&mut self, batch: &Bytes) -> Result<(), String> {
        let target = [Target { topic: TOPIC, partition: 0 }];
        for (sender, name) in self.senders.iter_mut().zip(["Kafka", "Ottla"]) {
            sender.produce(&target, batch).map_err(|error| format!("{name}: {error}"))?;
        }
        Ok(())
    }

    fn kill(&mut self) -> Result<(), String> {
        self.kills += 1;
        self.pair.kill_both()?;
        if self.log_start > 0 {
            // Kafka writes log starts down once a minute, and forgets those that came since.
            admin::delete_records_when_led(&self.pair.kafka.bootstrap()?, TOPIC, self.log_start)?;
        }
        // Kafka answers before it leads its partitions.
        let bounds = self.bounds()?;
        if bounds != (self.log_start, self.keeper.end()) {
            return Err(format!("after a kill both span {bounds:?}, sent were {} records", self.keeper.end()));
        }
        self.senders = senders(&self.pair)?;
        Ok(())
    }

    fn bounds(&self) -> Result<(i64, i64), String> {
        self.pair.alike("log start and end", |broker| partition::bounds(&broker.bootstrap()?, TOPIC))
    }

    /// Waits until both are clean up to this offset and agree on what is left; that doesn't change any more.
    fn at_rest(&self, clean: i64) -> Result<Vec<Seen>, String> {
        let begun = Instant::now();
        while cleaned(&self.pair.kafka) != Some(clean) {
            if begun.elapsed() > CLEAN_WITHIN {
                let at = cleaned(&self.pair.kafka);
                return Err(format!("Kafka's cleaner came to {at:?} in {CLEAN_WITHIN:?}, not to {clean}"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        let theirs = self.sealed(&self.pair.kafka)?;
        let begun = Instant::now();
        loop {
            let ours = self.sealed(&self.pair.ottla)?;
            if ours == theirs {
                break;
            }
            if begun.elapsed() > CLEAN_WITHIN {
                return Err(parted(&theirs, &ours));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        std::thread::sleep(SETTLED);
        let [again, ours] = self.pair.each(|broker| self.sealed(broker))?;
        match again == theirs && ours == theirs {
            true => Ok(ours),
            false => Err(format!("not at rest: {}; {}", parted(&theirs, &again), parted(&theirs, &ours))),
        }
    }

    /// The records below the active segment.
    fn sealed(&self, broker: &Broker) -> Result<Vec<Seen>, String> {
        let mut all = partition::read_all(&broker.bootstrap()?, TOPIC)?;
        all.retain(|seen| seen.offset < self.active);
        Ok(all)
    }

    /// Compaction moves neither end, and a time is found where a reader finds it.
    fn offsets_are_right(&mut self) -> Result<(), String> {
        let bounds = self.bounds()?;
        if bounds != (self.log_start, self.keeper.end()) {
            return Err(format!("ListOffsets {bounds:?}, not ({}, {})", self.log_start, self.keeper.end()));
        }
        let end = usize::try_from(self.keeper.end()).map_err(|error| error.to_string())?;
        let times: Vec<i64> = (0..LOOK_UPS).map(|_| self.keeper.time_of(self.rng.below(end)) + 1).collect();
        let ottla = self.pair.ottla.bootstrap()?;
        let ours = partition::offsets_at(&ottla, TOPIC, &times)?;
        let all = partition::read_all(&ottla, TOPIC)?;
        let first = |time: &i64| all.iter().find(|seen| seen.timestamp >= *time).map(|seen| seen.offset);
        let expected: Vec<Option<i64>> = times.iter().map(first).collect();
        if ours != expected {
            return Err(format!("offsets of the times {times:?}: {ours:?}, by the records {expected:?}"));
        }
        // Kafka is not compared: of times in segments that it has cleaned it finds none, though it has their records.
        Ok(())
    }

    /// DeleteRecords somewhere in the clean part.
    fn delete_some(&mut self) -> Result<(), String> {
        let span = usize::try_from(self.active - self.log_start).map_err(|error| error.to_string())?;
        let before = self.log_start + i64::try_from(1 + self.rng.below(span - 1)).map_err(|error| error.to_string())?;
        let delete = |broker: &Broker| admin::delete_records(&broker.bootstrap()?, TOPIC, before);
        let start = self.pair.alike("DeleteRecords", delete)?;
        if start != before {
            return Err(format!("DeleteRecords before {before} was answered {start}"));
        }
        self.log_start = before;
        self.left.retain(|seen| seen.offset >= before);
        let bounds = self.bounds()?;
        if bounds.0 == before { Ok(()) } else { Err(format!("after DeleteRecords before {before}: {bounds:?}")) }
    }

    /// The files of both, stopped, as Kafka's tool reads them.
    fn judge_files(mut self, context: &Context) -> Result<String, String> {
        self.pair.kafka.stop()?;
        self.pair.ottla.stop()?;
        let segments = |broker: &Broker| Ok(partition::segments(&broker.partition(TOPIC)));
        let active = |broker: &Broker| Ok(segments(broker)?.last().copied());
        let last = self.pair.alike("the active segment", active)?;
        if last != Some(self.active) {
            return Err(format!("the active segment begins at {last:?}, not {}", self.active));
        }
        no_leftovers(&self.pair.ottla)?;
        let [kafka, ottla] = self.pair.each(|broker| dump::dump(&context.root, &broker.partition(TOPIC)))?;
        if let Some(finding) = ottla.findings.first() {
            return Err(format!("{} findings of DumpLogSegments, first {finding}", ottla.findings.len()));
        }
        let of = |dump: &Dump| {
            let below = dump.below(self.active).iter();
            let below = below.filter(|batch| batch.base >= self.log_start && !dump.is_left_over(batch));
            below.cloned().collect::<Vec<_>>()
        };
        let (theirs, ours) = (of(&kafka), of(&ottla));
        if let Some(difference) = dump::first_difference(&theirs, &ours) {
            return Err(format!("DumpLogSegments: {difference}"));
        }
        let [kafka_segments, ottla_segments] = self.pair.each(|broker| segments(broker).map(|all| all.len()))?;
        let [kafka_bytes, ottla_bytes] = self.pair.each(|broker| Ok(self.sealed_bytes(broker)))?;
        Ok(format!(
            "seed {}, {} kills; {} records of {} keys in {} KiB, {} left in {} batches and {} KiB ({} of Kafka), segments {} ({})",
            self.plan.seed,
            self.kills,
            self.keeper.end(),
            self.keeper.keys(),
            self.keeper.bytes >> 10,
            self.left.len(),
            ours.len(),
            ottla_bytes >> 10,
            kafka_bytes >> 10,
            ottla_segments,
            kafka_segments,
        ))
    }
}

impl Run<'_> {
    /// Bytes below the active segment, without the newest seal there.
    fn sealed_bytes(&self, broker: &Broker) -> u64 {
        let files = partition::files(&broker.partition(TOPIC));
        let base = |name: &str| name.strip_suffix(".log").and_then(|base| base.parse::<i64>().ok());
        let sealed = files.iter().filter(|(name, _)| base(name).is_some_and(|base| base < self.active));
        sealed.map(|(_, bytes)| bytes).sum::<u64>().saturating_sub(self.plan.segment_bytes as u64)
    }
}

fn senders(pair: &Pair) -> Result<[RawProducer; 2], String> {
    pair.each(|broker| RawProducer::connect(&broker.bootstrap()?))
}

/// The offset up to which Kafka's cleaner has come, from its checkpoint.
fn cleaned(kafka: &Broker) -> Option<i64> {
    let text = std::fs::read_to_string(kafka.data().join("cleaner-offset-checkpoint")).ok()?;
    let offset = text.lines().find_map(|line| line.strip_prefix(TOPIC)?.strip_prefix(" 0 "))?;
    offset.trim().parse().ok()
}

/// The first place where two lists part, in words.
fn parted(theirs: &[Seen], ours: &[Seen]) -> String {
    let at = theirs.iter().zip(ours).position(|(one, other)| one != other).unwrap_or(theirs.len().min(ours.len()));
    let brief = |seen: Option<&Seen>| {
        seen.map(|seen| {
            let value: Option<String> = seen.value.as_ref().map(|value| value.chars().take(20).collect());
            format!("offset {} key {:?} value {value:?}", seen.offset, seen.key)
        })
    };
    let (one, other) = (brief(theirs.get(at)), brief(ours.get(at)));
    format!("{} and {} records are left, first apart: {one:?}, {other:?}", theirs.len(), ours.len())
}

/// Nothing of a swap is left over.
fn no_leftovers(broker: &Broker) -> Result<(), String> {
    let files = partition::files(&broker.partition(TOPIC));
    let odd = |name: &str| [".cleaned", ".swap", ".tmp", ".deleted"].iter().any(|word| name.contains(word));
    match files.iter().find(|(name, _)| odd(name)) {
        None => Ok(()),
        Some((name, _)) => Err(format!("{} left {name} behind", broker.name())),
    }
}
