//! Latency at a fixed rate.

use super::{Bench, Outcome, Stage, Values, measured, memory};
use crate::admin;
use crate::side_by_side::load::Load;
use crate::side_by_side::load::latency::{Done, Job, Percentiles};
use crate::side_by_side::plan::Flow;

/// Bytes of a record.
const RECORD_BYTES: usize = 1024;
const PARTITIONS: i32 = 4;
/// The load beside: bytes a second, into segments of so many bytes.
const BESIDE_BYTES_PER_S: f64 = 20e6;
const BESIDE_SEGMENT_BYTES: &str = "16777216";
const BESIDE: &str = "beside";
/// The load beside outlives the timed part by so much.
const BESIDE_SPARE_S: f64 = 30.0;
/// How long the load beside is on before: segments roll and the write-ahead log has its size.
const BESIDE_WARM_UP_S: f64 = 5.0;
/// Settings of the checkpoint cell: a checkpoint is due when a quarter of the log is full.
pub const SMALL_WAL: (&str, &str) = ("ottla.wal.bytes", "268435456");

/// Times records into a fresh topic of this name.
pub fn run(bench: &Bench, stage: &Stage<'_>, topic: &str, rate: f64, beside: bool) -> Outcome {
    admin::create_topic(stage.running.bootstrap(), topic, PARTITIONS, &[])?;
    let load = if beside { Some(load_beside(bench, stage)?) } else { None };
    // Room for what a broker that stalls leaves waiting: it counts from its moment all the same.
    let client = [
        ("acks", "all"),
        ("linger.ms", "0"),
        ("queue.buffering.max.messages", "0"),
        ("queue.buffering.max.kbytes", "2097151"),
    ];
    let job = Job {
        bootstrap: stage.running.bootstrap().to_owned(),
        topic: topic.to_owned(),
        partitions: PARTITIONS,
        record_bytes: RECORD_BYTES,
        rate,
        seconds: bench.size.latency_s,
        warm_up_s: bench.size.warm_up_s,
        end_to_end: true,
        client: client.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
    };
    let (done, used): (Done, _) = measured(stage, "latency", &job)?;
    drop(load);
    let mut values = Values::new();
    put("produce", &done.produce, &mut values);
    put("end_to_end", &done.end_to_end.ok_or_else(|| "no consumer".to_owned())?, &mut values);
    memory(stage.system, used.peak_mib, &mut values);
    Ok(values)
}

fn put(what: &str, seen: &Percentiles, values: &mut Values) {
    for (name, value) in [("p50", seen.p50), ("p99", seen.p99), ("p999", seen.p999), ("max", seen.max)] {
        values.insert(format!("{what}_{name}_ms"), value);
    }
}

fn load_beside(bench: &Bench, stage: &Stage<'_>) -> Result<Load, String> {
    admin::create_topic(stage.running.bootstrap(), BESIDE, PARTITIONS, &[("segment.bytes", BESIDE_SEGMENT_BYTES)])?;
    let seconds = bench.size.warm_up_s + bench.size.latency_s + BESIDE_SPARE_S;
    let mut job = Flow::BASE.job(stage.running.bootstrap(), BESIDE, u64::MAX, seconds);
    job.rate = Some(BESIDE_BYTES_PER_S / RECORD_BYTES as f64);
    let mut load = Load::start("produce", &job)?;
    load.go()?;
    std::thread::sleep(std::time::Duration::from_secs_f64(BESIDE_WARM_UP_S.min(bench.size.latency_s)));
    Ok(load)
}
