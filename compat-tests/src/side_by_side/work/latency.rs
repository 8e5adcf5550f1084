//! Latency at a fixed rate.

use super::{Bench, Outcome, Stage, Values, measured, memory};
use crate::admin;
use crate::side_by_side::load::Load;
use crate::side_by_side::load::latency::{Done, Job, Percentiles};
use crate::side_by_side::load::produce;
use crate::side_by_side::plan::Flow;
use crate::side_by_side::systems::System;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Bytes of a record.
const RECORD_BYTES: usize = 1024;
const PARTITIONS: i32 = 4;
/// The load beside: bytes a second, into segments of so many bytes.
const BESIDE_BYTES_PER_S: f64 = 20e6;
const BESIDE_SEGMENT_BYTES: &str = "16777216";
const BESIDE: &str = "beside";
/// The load beside outlives the timed part by so much.
const BESIDE_SPARE_S: f64 = 5.0;
/// How long the load beside is on before: segments roll and the write-ahead log has its size.
const BESIDE_WARM_UP_S: f64 = 5.0;
/// Settings of the checkpoint cell: a checkpoint is due when a quarter of the log is full.
pub const SMALL_WAL: (&str, &str) = ("ottla.wal.bytes", "268435456");
const SMALL_WAL_BYTES: f64 = 268_435_456.0;

/// Times records into a fresh topic of this name.
pub fn run(bench: &Bench, stage: &Stage<'_>, topic: &str, rate: f64, beside: bool) -> Outcome {
    admin::create_topic(stage.running.bootstrap(), topic, PARTITIONS, &[])?;
    let beside = if beside { Some(Beside::start(bench, stage)?) } else { None };
    let job = Job {
        bootstrap: stage.running.bootstrap().to_owned(),
        topic: topic.to_owned(),
        partitions: PARTITIONS,
        record_bytes: RECORD_BYTES,
        rate,
        seconds: bench.size.latency_s,
        warm_up_s: bench.size.warm_up_s,
        client: client(),
    };
    let (done, used): (Done, _) = measured(stage, "latency", &job)?;
    let mut values = Values::new();
    if let Some(beside) = beside {
        beside.end(&mut values)?;
    }
    put("produce", &done.produce, &mut values);
    put("end_to_end", &done.end_to_end, &mut values);
    for (half, p50) in ["first", "second"].iter().zip(done.produce_halves_p50) {
        values.insert(format!("produce_p50_{half}_half_ms"), p50);
    }
    values.insert("client_late_max_ms".to_owned(), done.late_max_ms);
    values.insert("stolen_s".to_owned(), used.stolen_s);
    values.insert("seconds".to_owned(), bench.size.latency_s);
    memory(stage.system, used.peak_mib, &mut values);
    Ok(values)
}

/// The producer's settings: with room for what a broker that stalls leaves waiting, which counts from its moment all the same.
pub fn client() -> BTreeMap<String, String> {
    let pairs = [
        ("acks", "all"),
        ("linger.ms", "0"),
        ("queue.buffering.max.messages", "0"),
        ("queue.buffering.max.kbytes", "2097151"),
    ];
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect()
}

fn put(what: &str, seen: &Percentiles, values: &mut Values) {
    for (name, value) in [("p50", seen.p50), ("p99", seen.p99), ("p999", seen.p999), ("max", seen.max)] {
        values.insert(format!("{what}_{name}_ms"), value);
    }
}

/// A load beside, and what it makes the broker do.
struct Beside {
    load: Load,
    data: PathBuf,
    system: System,
    segments: usize,
    checkpoints: Vec<Option<SystemTime>>,
}

impl Beside {
    /// Starts it and waits until segments roll and the write-ahead log has its size.
    fn start(bench: &Bench, stage: &Stage<'_>) -> Result<Beside, String> {
        admin::create_topic(stage.running.bootstrap(), BESIDE, PARTITIONS, &[("segment.bytes", BESIDE_SEGMENT_BYTES)])?;
        let warm_up_s = BESIDE_WARM_UP_S.min(bench.size.latency_s);
        let seconds = warm_up_s + bench.size.warm_up_s + bench.size.latency_s + BESIDE_SPARE_S;
        let mut job = Flow::BASE.job(stage.running.bootstrap(), BESIDE, u64::MAX, seconds);
        job.rate = Some(BESIDE_BYTES_PER_S / RECORD_BYTES as f64);
        let mut load = Load::start("produce", &job)?;
        load.go()?;
        std::thread::sleep(Duration::from_secs_f64(warm_up_s));
        let data = stage.running.data().to_owned();
        let (segments, checkpoints) = (segments(&data), checkpoints(&data));
        Ok(Beside { load, data, system: stage.system, segments, checkpoints })
    }

    /// Its rate, and the proof that what the cell is about happened while records were sent.
    fn end(mut self, values: &mut Values) -> Result<(), String> {
        let rolled = segments(&self.data).saturating_sub(self.segments);
        let checkpointed = checkpoints(&self.data) != self.checkpoints;
        let done: produce::Done = self.load.result()?;
        values.insert("beside_mb_per_s".to_owned(), done.bytes as f64 / done.seconds / 1e6);
        values.insert("segments_rolled".to_owned(), rolled as f64);
        // A run that is only a smoke test writes too little for either.
        let long = done.bytes as f64 > 2.0 * SMALL_WAL_BYTES;
        match () {
            () if long && rolled == 0 => Err("no segment rolled meanwhile".to_owned()),
            () if long && self.system.is_ottla() && !checkpointed => Err("no checkpoint fell into the time".to_owned()),
            () => Ok(()),
        }
    }
}

/// Segments of the load beside, wherever below `dir` its partitions are.
fn segments(dir: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    let paths = entries.flatten().map(|entry| entry.path());
    paths
        .map(|path| {
            let inside = dir.file_name().is_some_and(|name| name.to_string_lossy().starts_with(BESIDE));
            match path.is_dir() {
                true => segments(&path),
                false => usize::from(inside && path.extension().is_some_and(|end| end == "log")),
            }
        })
        .sum()
}

/// When Ottla's two checkpoint files were written.
fn checkpoints(dir: &Path) -> Vec<Option<SystemTime>> {
    let modified = |name: &&str| std::fs::metadata(dir.join("data").join(name)).and_then(|data| data.modified()).ok();
    ["ottla.checkpoint", "ottla.checkpoint.2"].iter().map(modified).collect()
}
