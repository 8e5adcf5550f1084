//! Produce as fast as the client can.

use super::{Bench, Outcome, Stage, Values, drop_pages, measured, memory};
use crate::admin;
use crate::side_by_side::load::Load;
use crate::side_by_side::load::produce::Done;
use crate::side_by_side::meter::{self, GIB, MB, Used};
use crate::side_by_side::plan::Flow;

/// By how much a round of the warm-up must be cheaper than the cheapest before, or memory larger than its largest, for it to
/// count as a gain; and after how many rounds without any it ends.
const WARM_UP_GAIN: f64 = 0.05;
const WARM_UP_SETTLED: u32 = 2;

/// Measures one flow into a fresh topic of this name. It stays until the turn ends: a deletion would go on in the
/// background, within the time of what is measured next.
pub fn run(bench: &Bench, stage: &Stage<'_>, topic: &str, flow: &Flow) -> Outcome {
    admin::create_topic(stage.running.bootstrap(), topic, flow.partitions, &[])?;
    rehearse(bench, stage, topic, flow)?;
    forget_pages(stage)?;
    let job = flow.job(stage.running.bootstrap(), topic, bench.size.bytes, bench.size.seconds);
    let (done, used): (Done, _) = measured(stage, "produce", &job)?;
    let mut values = values(&done, &used);
    memory(stage.system, used.peak_mib, &mut values);
    Ok(values)
}

/// Kafka first does what is to be measured for a while unmeasured: the warm-up compiled the path of one shape of records, and
/// each codec, many partitions, or small batches take others. What was compiled before has nothing to learn. Returns
/// how many records the topic has then.
pub fn rehearse(bench: &Bench, stage: &Stage<'_>, topic: &str, flow: &Flow) -> Result<u64, String> {
    if !stage.system.is_kafka() {
        return Ok(0);
    }
    let job = flow.job(stage.running.bootstrap(), topic, bench.size.bytes, bench.size.rehearsal_s);
    let mut load = Load::start("produce", &job)?;
    load.go()?;
    let done: Done = load.result()?;
    Ok(done.records + u64::from(flow.partitions.unsigned_abs()))
}

/// Gives the memory of what was written before back, so that no cell works in what others have left.
fn forget_pages(stage: &Stage<'_>) -> Result<(), String> {
    meter::sync(stage.running.data())?;
    drop_pages(stage.running.data())
}

/// What every system does after its start, before anything is measured: produce and read, until neither gains anything any
/// more and memory has its size, or as often as the size of the run allows. A JVM has compiled its hot path and touched its
/// heap by then; what was compiled before needs one round, for its files and memory.
pub fn warm_up(bench: &Bench, stage: &Stage<'_>) -> Result<(), String> {
    let flow = Flow::BASE;
    // Nothing of this is a result.
    let stage = &Stage { warm_memory_bytes: 0, ..*stage };
    let rounds = if stage.system.is_kafka() { bench.size.warm_ups_max } else { 1 };
    // The least of CPU for producing and reading, and of what memory leaves free: all shrink while something is gained.
    let mut best = [f64::MAX; 3];
    let mut settled = 0;
    for number in 0..rounds {
        forget_pages(stage)?;
        let topic = format!("warm-up-{number}");
        admin::create_topic(stage.running.bootstrap(), &topic, flow.partitions, &[])?;
        let job = flow.job(stage.running.bootstrap(), &topic, bench.size.bytes, bench.size.warm_up_s);
        let (written, produce): (Done, _) = measured(stage, "produce", &job)?;
        let (read, consume) = super::consume::read_all(stage, &topic, flow.partitions, 1, written.records)?;
        let now = [
            produce.broker_cpu_s / written.bytes as f64,
            consume.broker_cpu_s / read.bytes as f64,
            1.0 / stage.running.memory_mib()?.0,
        ];
        let gains = now.iter().zip(best).any(|(now, best)| *now < best * (1.0 - WARM_UP_GAIN));
        settled = if gains { 0 } else { settled + 1 };
        if settled == WARM_UP_SETTLED {
            break;
        }
        best = std::array::from_fn(|at| best[at].min(now[at]));
    }
    Ok(())
}

/// Produces a drawn flow, then one consumer reads it; the figures of both, the latter's throughput as `read_`.
pub fn drawn(bench: &Bench, stage: &Stage<'_>, topic: &str, flow: &Flow) -> Outcome {
    let rehearsal = format!("{topic}-rehearsal");
    for topic in [&rehearsal, topic] {
        admin::create_topic(stage.running.bootstrap(), topic, flow.partitions, &[])?;
    }
    let rehearsed = rehearse(bench, stage, &rehearsal, flow)?;
    if rehearsed > 0 {
        super::consume::read_all(stage, &rehearsal, flow.partitions, 1, rehearsed)?;
    }
    forget_pages(stage)?;
    let job = flow.job(stage.running.bootstrap(), topic, bench.size.bytes, bench.size.seconds);
    let (written, used): (Done, _) = measured(stage, "produce", &job)?;
    let (peak_mib, mut values) = (used.peak_mib, values(&written, &used));
    let records = written.records + u64::from(flow.partitions.unsigned_abs());
    let (read, used) = super::consume::read_all(stage, topic, flow.partitions, 1, records)?;
    if let Some(machine) = used.machine_cpu_s {
        values.insert("read_machine_cpu_s_per_gib".to_owned(), machine / (read.bytes as f64 / GIB));
    }
    values.insert("read_mb_per_s".to_owned(), read.bytes as f64 / read.seconds / MB);
    memory(stage.system, peak_mib.max(used.peak_mib), &mut values);
    Ok(values)
}

fn values(done: &Done, used: &Used) -> Values {
    let mut values = Values::new();
    used.per_bytes(done.bytes as f64, &mut values);
    values.insert("mb_per_s".to_owned(), done.bytes as f64 / done.seconds / MB);
    values.insert("records_per_s".to_owned(), done.records as f64 / done.seconds);
    values.insert("seconds".to_owned(), done.seconds);
    values
}
