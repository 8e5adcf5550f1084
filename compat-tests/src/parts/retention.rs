//! Retention and DeleteRecords beside Apache Kafka: what goes, when, and what readers are told of it; and, of Ottla alone,
//! that no step of the clock deletes anything early (`clock_steps`).
//!
//! Each check is made of both brokers at once and comes to the same for both: what it returns first is compared.

mod clock_steps;
mod readers;

use crate::admin;
use crate::clients::run_bounded;
use crate::keyed::{self, Codec, Keyed};
use crate::pair::{Broker, Pair};
use crate::partition;
use crate::parts::{Context, mostly_waiting};
use crate::raw_producer::{RawProducer, Target};
use crate::report::Report;
use crate::side_by_side::systems::System;
use crate::wall_clock::now_ms;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// `retention.ms` where records are to go.
const RETENTION: Duration = Duration::from_secs(10);
const RETENTION_MS: &str = "10000";
/// A liveness bound from the moment when records are due until they are gone, and the same for their files.
const GONE_WITHIN: Duration = Duration::from_secs(45);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// Segments of the topics here.
const SEGMENT_BYTES: u64 = 16 << 10;
const SEGMENT: (&str, &str) = ("internal.segment.bytes", "16384");
/// Files that were deleted go after that.
const FILES: (&str, &str) = ("file.delete.delay.ms", "500");
/// What is kept of a topic with `retention.bytes`.
const KEPT_BYTES: &str = "100000";
/// A batch here: ten records of 200 bytes.
const BATCH_RECORDS: i64 = 10;
const VALUE_BYTES: usize = 200;
/// Batches of a topic: ten segments.
const BATCHES: i64 = 70;
const RECORDS: i64 = BATCHES * BATCH_RECORDS;
/// Longest that a command of Kafka may run.
const TOOL_LIMIT: Duration = Duration::from_secs(60);
const SETTINGS: &[(&str, &str)] =
    &[("log.retention.check.interval.ms", "500"), ("log.initial.task.delay.ms", "500"), ("node.id", "1")];

/// What is compared of a check, and its figure.
type Found = Result<(String, String), String>;
type Check = fn(&Context, &Broker, &Path) -> Found;

const CHECKS: &[(&str, Check)] = &[
    ("records go by age, all of them, and not before", by_age),
    ("readers at a deleted offset reset as configured", readers::reset),
    ("a reader at the tail meets no gap and no error while segments go", readers::at_the_tail),
    ("the oldest segments go by size", by_size),
    ("a policy without delete keeps everything", kept),
    ("DeleteRecords through kafka-delete-records and the admin clients", delete_records),
    ("a reader inside a segment that goes has what it already read", readers::inside),
];

/// All checks of both, then steps of the clock.
pub fn part(report: &mut Report, context: &Context) {
    let both = [System::OttlaFsync, System::OttlaOs];
    // One of the two durability modes in CI, another one with another seed.
    let one = [both[usize::from(!context.seed.is_multiple_of(2))]];
    for &system in context.size(&one[..], &both[..]) {
        if let Err(error) = beside_kafka(report, context, system) {
            report.result(format!("retention beside Kafka, {}", system.name()), Err(error));
        }
    }
    clock_steps::part(report, context);
}

fn beside_kafka(report: &mut Report, context: &Context, system: System) -> Result<(), String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut pair = Pair::start(context, system, dir.path(), SETTINGS)?;
    pair.at_once(|broker| until_at_work(&broker.bootstrap()?))?;
    // Each has topics of its own.
    let outcomes = mostly_waiting(context, CHECKS, |(_, check)| {
        let of = |broker: &Broker| {
            let scratch = tempfile::tempdir().map_err(|error| error.to_string())?;
            check(context, broker, scratch.path()).map_err(|error| format!("{}: {error}", broker.name()))
        };
        pair.at_once(of).and_then(|[(theirs, _), (ours, figure)]| match theirs == ours {
            true => Ok([ours, figure].join("; ").trim_matches([';', ' ']).to_owned()),
            false => Err(format!("Kafka {theirs}, Ottla {ours}")),
        })
    });
    for ((name, _), outcome) in CHECKS.iter().zip(outcomes) {
        report.note(format!("retention: {name}, {}", system.name()), outcome);
    }
    let stopped = pair.kafka.stop().and_then(|()| pair.ottla.stop());
    let clean = stopped.and_then(|()| nothing_left(&pair.ottla));
    report.result(format!("retention: nothing is left over, {}", system.name()), clean);
    Ok(())
}

/// Makes a topic with small segments.
fn create(broker: &Broker, topic: &str, configs: &[(&str, &str)]) -> Result<(), String> {
    admin::create_topic(&broker.bootstrap()?, topic, 1, &[&[SEGMENT, FILES], configs].concat())
}

/// Records with the present time: how many there are now before them, and their bytes.
fn fill(bootstrap: &str, topic: &'static str, batches: i64) -> Result<(), String> {
    let mut sender = RawProducer::connect(bootstrap)?;
    (0..batches).try_for_each(|number| send(&mut sender, topic, number))
}

/// Waits until retention has had its first turn, which comes some time after the start: before that nothing could be
/// deleted early.
fn until_at_work(bootstrap: &str) -> Result<(), String> {
    admin::create_topic(bootstrap, "canary", 1, &[SEGMENT, FILES, ("retention.ms", "1000")])?;
    fill(bootstrap, "canary", BATCHES)?;
    until_start(bootstrap, "canary", |start, end| start == end).map(drop)
}

fn send(sender: &mut RawProducer, topic: &'static str, number: i64) -> Result<(), String> {
    let record = |at: i64| Keyed {
        key: format!("key {}", number * BATCH_RECORDS + at),
        value: Some("v".repeat(VALUE_BYTES)),
        timestamp: now_ms(),
    };
    let records: Vec<Keyed> = (0..BATCH_RECORDS).map(record).collect();
    sender.produce(&[Target { topic, partition: 0 }], &keyed::batch(&records, Codec::None, None)?)
}

/// Waits until the log start is where it should be; how long that took.
fn until_start(bootstrap: &str, topic: &str, wanted: impl Fn(i64, i64) -> bool) -> Result<Duration, String> {
    let begun = Instant::now();
    loop {
        let (start, end) = partition::bounds(bootstrap, topic)?;
        if wanted(start, end) {
            return Ok(begun.elapsed());
        }
        if begun.elapsed() > RETENTION + GONE_WITHIN {
            return Err(format!("{topic} still spans ({start}, {end}) after {:?}", begun.elapsed()));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

/// Waits until the segments of a topic are no larger than that.
fn until_bytes(broker: &Broker, topic: &str, bytes: u64) -> Result<u64, String> {
    let begun = Instant::now();
    loop {
        let now = partition::log_bytes(&broker.partition(topic));
        if now <= bytes {
            return Ok(now);
        }
        if begun.elapsed() > GONE_WITHIN {
            let files = partition::files(&broker.partition(topic));
            return Err(format!("{topic} still has {now} bytes on disk, not {bytes}: {files:?}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
}

fn by_age(_: &Context, broker: &Broker, _: &Path) -> Found {
    create(broker, "aged", &[("retention.ms", RETENTION_MS)])?;
    let (bootstrap, begun) = (broker.bootstrap()?, Instant::now());
    fill(&bootstrap, "aged", BATCHES)?;
    let before = partition::log_bytes(&broker.partition("aged"));
    until_start(&bootstrap, "aged", |start, _| start > 0)?;
    let first = begun.elapsed();
    if first < RETENTION {
        return Err(format!("the first records went after {first:?}, before their time"));
    }
    until_start(&bootstrap, "aged", |start, end| start == end)?;
    let all = begun.elapsed();
    let bounds = partition::bounds(&bootstrap, "aged")?;
    let left = partition::read_all(&bootstrap, "aged")?.len();
    let after = until_bytes(broker, "aged", 0)?;
    let figure = format!("the first after {first:.1?}, all after {all:.1?}; {before} bytes, then {after}");
    Ok((format!("{bounds:?} and {left} records left"), figure))
}

fn by_size(_: &Context, broker: &Broker, _: &Path) -> Found {
    create(broker, "sized", &[("retention.bytes", KEPT_BYTES), ("retention.ms", "-1")])?;
    let bootstrap = broker.bootstrap()?;
    fill(&bootstrap, "sized", BATCHES)?;
    let kept: u64 = KEPT_BYTES.parse().map_err(|_| "no number")?;
    let bytes = until_bytes(broker, "sized", kept + SEGMENT_BYTES)?;
    std::thread::sleep(Duration::from_secs(2));
    let (start, end) = partition::bounds(&bootstrap, "sized")?;
    let read = i64::try_from(partition::read_all(&bootstrap, "sized")?.len()).map_err(|error| error.to_string())?;
    match bytes >= kept && read == end - start {
        true => Ok((format!("log start {start} of {end}"), format!("{bytes} bytes left"))),
        false => Err(format!("{bytes} bytes left of {kept}, {read} records between {start} and {end}")),
    }
}

fn kept(_: &Context, broker: &Broker, _: &Path) -> Found {
    let configs = [("cleanup.policy", "compact"), ("retention.ms", "1"), ("retention.bytes", "1")];
    create(broker, "kept", &[&configs[..], &[("min.cleanable.dirty.ratio", "1.0")]].concat())?;
    let bootstrap = broker.bootstrap()?;
    fill(&bootstrap, "kept", BATCHES)?;
    std::thread::sleep(Duration::from_secs(3));
    let bounds = partition::bounds(&bootstrap, "kept")?;
    if bounds == (0, RECORDS) { Ok((String::new(), String::new())) } else { Err(format!("it spans {bounds:?}")) }
}

/// Each way to ask raises the log start at once; what lies wholly below it goes from the disk.
fn delete_records(context: &Context, broker: &Broker, dir: &Path) -> Found {
    create(broker, "cut", &[("retention.ms", "-1")])?;
    let bootstrap = broker.bootstrap()?;
    fill(&bootstrap, "cut", BATCHES)?;
    let before = partition::log_bytes(&broker.partition("cut"));
    let plan = dir.join("offsets.json");
    let json = r#"{"version": 1, "partitions": [{"topic": "cut", "partition": 0, "offset": 111}]}"#;
    std::fs::write(&plan, json).map_err(|error| error.to_string())?;
    let mut tool = Command::new(context.root.join("kafka-tool"));
    tool.args(["DeleteRecordsCommand", "--bootstrap-server", &bootstrap, "--offset-json-file"]).arg(&plan);
    let (status, stdout, stderr) = run_bounded(&mut tool, TOOL_LIMIT, |_| {})?;
    if !stdout.contains("low_watermark: 111") {
        return Err(format!("kafka-delete-records: {status} {stdout} {stderr}"));
    }
    starts_at(&bootstrap, 111)?;
    let lines = dir.join("checks.jsonl");
    let ask = r#"{"check": "cut", "op": "deleteRecords", "topic": "cut", "partition": 0, "before": 222}"#;
    std::fs::write(&lines, format!("{ask}\n")).map_err(|error| error.to_string())?;
    let mut probe = Command::new(context.root.join("clients/probe"));
    let (status, stdout, stderr) = run_bounded(probe.arg(&bootstrap).arg(&lines), TOOL_LIMIT, |_| {})?;
    if !stdout.contains(r#""result":222"#) {
        return Err(format!("Java's admin client: {status} {stdout} {stderr}"));
    }
    starts_at(&bootstrap, 222)?;
    let mut answers = vec![admin::delete_records(&bootstrap, "cut", 555)?];
    starts_at(&bootstrap, 555)?;
    // Lower than it is already; all there is; and beyond.
    answers.push(admin::delete_records(&bootstrap, "cut", 444)?);
    let beyond = admin::delete_records(&bootstrap, "cut", RECORDS + 1).err().unwrap_or_else(|| "taken".to_owned());
    answers.push(admin::delete_records(&bootstrap, "cut", RECORDS)?);
    starts_at(&bootstrap, RECORDS)?;
    let after = until_bytes(broker, "cut", SEGMENT_BYTES)?;
    Ok((format!("librdkafka: {answers:?}, beyond the end: {beyond}"), format!("{before} bytes, then {after}")))
}

/// Seen at once by ListOffsets and by a reader, up to the end.
fn starts_at(bootstrap: &str, offset: i64) -> Result<(), String> {
    let bounds = partition::bounds(bootstrap, "cut")?;
    let read = partition::read_all(bootstrap, "cut")?;
    let first = read.first().map_or(bounds.1, |seen| seen.offset);
    match bounds == (offset, RECORDS) && first == offset {
        true => Ok(()),
        false => Err(format!("after DeleteRecords before {offset}: {bounds:?}, the first record is at {first}")),
    }
}

/// Files of a topic whose records are all gone, and of swaps and deletions, are gone too.
fn nothing_left(broker: &Broker) -> Result<String, String> {
    let mut count = 0;
    for topic in ["aged", "sized", "kept", "cut"] {
        let files = partition::files(&broker.partition(topic));
        let segments = partition::segments(&broker.partition(topic));
        let odd = |name: &str| [".deleted", ".cleaned", ".swap", ".tmp"].iter().any(|word| name.contains(word));
        let orphan = |name: &str| {
            let (base, kind) = name.split_once('.').unwrap_or((name, ""));
            ["index", "timeindex", "txnindex"].contains(&kind)
                && base.parse().is_ok_and(|base: i64| !segments.contains(&base))
        };
        if let Some((name, _)) = files.iter().find(|(name, _)| odd(name) || orphan(name)) {
            return Err(format!("{topic}: {name} is left, segments are {segments:?}"));
        }
        count += files.len();
    }
    Ok(format!("{count} files"))
}
