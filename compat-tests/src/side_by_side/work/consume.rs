//! Consume: from page cache, from the disk, at the tail.

use super::{Bench, Outcome, RING_MIB, Stage, Trouble, Values, begin, drop_pages, end, load_pages, measured, memory};
use crate::admin;
use crate::side_by_side::load::Load;
use crate::side_by_side::load::consume::{Done, Job};
use crate::side_by_side::load::produce;
use crate::side_by_side::meter::{self, MB, MIB, Used};
use crate::side_by_side::plan::Flow;
use std::time::Duration;

/// The topic that is read.
const TOPIC: &str = "read";
/// The share of what isn't in memory that must have come from the disk for a cell to count as cold.
const COLD: f64 = 0.9;
/// A liveness bound for reading everything.
const READ_WITHIN: Duration = Duration::from_secs(240);

/// Makes the records that [`run`] reads; how many there are.
pub fn prepare(bench: &Bench, stage: &Stage<'_>) -> Result<u64, String> {
    admin::create_topic(stage.running.bootstrap(), TOPIC, Flow::BASE.partitions, &[])?;
    let job = Flow::BASE.job(stage.running.bootstrap(), TOPIC, bench.size.bytes, f64::MAX);
    let (done, _): (produce::Done, _) = measured(stage, "produce", &job)?;
    // One more in each partition, sent before the clock started.
    Ok(done.records + u64::from(Flow::BASE.partitions.unsigned_abs()))
}

/// Reads what [`prepare`] made.
pub fn run(stage: &Stage<'_>, records: u64, consumers: u32, cold: bool) -> Outcome {
    if cold {
        meter::sync(stage.running.data())?;
        drop_pages(stage.running.data())?;
    } else {
        // Other cells drop what they don't need.
        load_pages(stage.running.data(), TOPIC)?;
    }
    let (done, used) = read_all(stage, TOPIC, Flow::BASE.partitions, consumers, records)?;
    let mut values = Values::new();
    used.per_bytes(done.bytes as f64, &mut values);
    values.remove("disk_bytes_per_byte");
    if let Some(from_disk) = used.disk_read_bytes.filter(|_| cold) {
        let once = done.bytes as f64 / f64::from(consumers);
        if from_disk < (once - RING_MIB * MIB) * COLD {
            return Err(Trouble::Broken(format!("only {from_disk} of {once} bytes came from the disk")));
        }
        values.insert("disk_read_per_byte".to_owned(), from_disk / done.bytes as f64);
    }
    throughput(&done, &mut values);
    memory(stage.system, used.peak_mib, &mut values);
    Ok(values)
}

fn throughput(done: &Done, values: &mut Values) {
    values.insert("mb_per_s".to_owned(), done.bytes as f64 / done.seconds / MB);
    values.insert("records_per_s".to_owned(), done.records as f64 / done.seconds);
    values.insert("seconds".to_owned(), done.seconds);
}

/// Reads so many records of a topic from its beginning with each of the consumers.
pub fn read_all(
    stage: &Stage<'_>,
    topic: &str,
    partitions: i32,
    consumers: u32,
    records: u64,
) -> Result<(Done, Used), String> {
    let job = job(stage, topic, partitions, consumers, true, Some(records));
    measured(stage, "consume", &job)
}

fn job(
    stage: &Stage<'_>,
    topic: &str,
    partitions: i32,
    consumers: u32,
    from_start: bool,
    messages_each: Option<u64>,
) -> Job {
    Job {
        bootstrap: stage.running.bootstrap().to_owned(),
        topics: vec![(topic.to_owned(), partitions)],
        consumers,
        from_start,
        messages_each,
        seconds_max: READ_WITHIN.as_secs_f64(),
    }
}

/// Produces at a rate alone, then with the consumers at the tail: what that costs more is theirs.
pub fn tail(bench: &Bench, stage: &Stage<'_>, topic: &str, consumers: u32, rate_bytes: f64) -> Outcome {
    let flow = Flow::BASE;
    admin::create_topic(stage.running.bootstrap(), topic, flow.partitions, &[])?;
    let rate = rate_bytes / flow.record_bytes as f64;
    // Writes, and reads, for so long.
    let jobs = |seconds: f64| {
        let records = (rate * seconds) as u64;
        let bytes = records * flow.record_bytes as u64;
        let writing = flow.job(stage.running.bootstrap(), topic, bytes, f64::MAX);
        let reading = job(stage, topic, flow.partitions, consumers, false, Some(records));
        (produce::Job { rate: Some(rate), ..writing }, reading)
    };
    if stage.system.is_kafka() {
        // See `produce::rehearse`.
        let (writing, reading) = jobs(bench.size.rehearsal_s);
        at_tail(&Stage { warm_memory_bytes: 0, ..*stage }, &writing, &reading)?;
    }
    let (writing, reading) = jobs(bench.size.tail_s);
    let (_, alone): (produce::Done, Used) = measured(stage, "produce", &writing)?;
    let (done, both) = at_tail(stage, &writing, &reading)?;

    // May come out below nothing: then the difference is less than what the counters resolve, and that is shown.
    let theirs = Used {
        broker_cpu_s: both.broker_cpu_s - alone.broker_cpu_s,
        machine_cpu_s: both.machine_cpu_s.zip(alone.machine_cpu_s).map(|(both, alone)| both - alone),
        disk_bytes: None,
        disk_read_bytes: None,
        stolen_s: alone.stolen_s + both.stolen_s,
        peak_mib: both.peak_mib,
    };
    let mut values = Values::new();
    theirs.per_bytes(done.bytes as f64, &mut values);
    throughput(&done, &mut values);
    memory(stage.system, both.peak_mib, &mut values);
    Ok(values)
}

fn at_tail(stage: &Stage<'_>, writing: &produce::Job, reading: &Job) -> Result<(Done, Used), String> {
    let mut writer = Load::start("produce", writing)?;
    let mut reader = Load::start("consume", reading)?;
    let before = begin(stage)?;
    reader.go()?;
    writer.go()?;
    let _: produce::Done = writer.result()?;
    let done = reader.result()?;
    Ok((done, end(stage, &before)?))
}
