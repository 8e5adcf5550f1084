//! Commit latency: the round trip of one small record at a time with acks=all over loopback, as the client sees it.

use super::pump::{Load, Pump, target};
use super::watch::{Seen, Span, Watch};
use super::{MANY, SLACK, create_many, memory};
use crate::broker::{Ottla, Setup};
use crate::parts::Context;
use crate::raw_producer::{RawProducer, batch};
use crate::report::{Report, say};
use crate::scrape::{CHECKPOINTS, Scrape};
use std::time::{Duration, Instant};

/// Bytes of the value of the record that is timed; it goes to the last of the 10,000 partitions.
const VALUE_BYTES: usize = 100;
/// How long is measured.
const IDLE_TIME: Duration = Duration::from_secs(30);
const LOAD_TIME: Duration = Duration::from_secs(60);
/// How long the load is on before: the write-ahead log grows to its size meanwhile.
const WARM_UP: Duration = Duration::from_secs(20);
/// Memory is looked at so often, so many times.
const MEMORY_TIME: Duration = Duration::from_secs(30);
const MEMORY_TIMES: u32 = 3;
/// The load: 200 requests of 100 records of 1 KiB a second, 20 MB/s, four batches of 25 records in each.
const LOAD: Load = Load {
    partitions: 64,
    batches_per_request: 4,
    records_per_batch: 25,
    value_bytes: 1024,
    requests_per_second: Some(200),
    requests_max: u64::MAX,
};
/// 10,000 partitions at one record of 1 KiB a second each.
const TRICKLE: Load = Load {
    partitions: MANY as u64,
    batches_per_request: 250,
    records_per_batch: 1,
    value_bytes: 1024,
    requests_per_second: Some(40),
    requests_max: u64::MAX,
};
/// A write-ahead log of which a quarter is full every three seconds under that load.
const SMALL_WAL_BYTES: &str = "268435456";
/// Target of the 99.9th percentile during a checkpoint.
const CHECKPOINT_TARGET: Duration = Duration::from_millis(20);
/// Target of resident memory at one record a second in each of 10,000 partitions: base, tail and 150 MiB, in MiB.
const TRICKLE_MIB: u64 = super::IDLE_MIB + 64 + 150;

/// Idle, under load, under load with frequent checkpoints, and with 10,000 trickling partitions.
pub fn run(report: &mut Report, context: &Context) {
    report.result("commit latency, idle", in_broker(context, &[], idle));
    report.result("commit latency, under load", in_broker(context, &[], under_load));
    let small = [("ottla.wal.bytes", SMALL_WAL_BYTES)];
    report.result("commit latency, with a checkpoint every 64 MiB", in_broker(context, &small, under_load));
    report.result("10,000 partitions at one record a second", in_broker(context, &[], trickle));
}

fn in_broker(
    context: &Context,
    properties: &[(&str, &str)],
    measure: fn(&Ottla) -> Result<String, String>,
) -> Result<String, String> {
    let (broker, _setup, _dir): (_, Setup, _) = context.broker(properties)?;
    create_many(&broker.bootstrap)?;
    measure(&broker)
}

fn idle(broker: &Ottla) -> Result<String, String> {
    let timed = measured(broker, || time(&broker.bootstrap, IDLE_TIME))?;
    timed.lines("idle").map(|()| String::new())
}

fn under_load(broker: &Ottla) -> Result<String, String> {
    let pump = Pump::start(&broker.bootstrap, LOAD);
    measured(broker, || time(&broker.bootstrap, WARM_UP))?.lines("first 20 s, the log growing")?;
    measured(broker, || time(&broker.bootstrap, LOAD_TIME))?.lines("after that")?;
    ended(pump)
}

fn trickle(broker: &Ottla) -> Result<String, String> {
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    say(&format!("          resident before: {:.1} MiB", mib(broker.memory().0)));
    let pump = Pump::start(&broker.bootstrap, TRICKLE);
    let mut within = Ok(());
    for turn in 1..=MEMORY_TIMES {
        // In the first one partitions get their files; what is slow then must not hide the others.
        let timed = measured(broker, || time(&broker.bootstrap, MEMORY_TIME))?;
        within = within.and(timed.lines(&format!("turn {turn}")));
        let (now, peak) = broker.memory();
        say(&format!("          resident after {} s: {:.1} MiB, peak {:.1}", turn * 30, mib(now), mib(peak)));
    }
    let figure = memory(broker, TRICKLE_MIB)?;
    let load = ended(pump)?;
    within.map(|()| format!("{figure}; {load}")).map_err(|error| format!("{error}; {figure}; {load}"))
}

fn ended(pump: Pump) -> Result<String, String> {
    let (records, took) = pump.stop()?;
    Ok(format!("load {:.0} records/s acknowledged", records as f64 / took.as_secs_f64()))
}

/// Round trips with what was seen of the broker meanwhile.
struct Timed {
    trips: Vec<Span>,
    seen: Seen,
    syncs: String,
}

fn measured(broker: &Ottla, work: impl FnOnce() -> Result<Vec<Span>, String>) -> Result<Timed, String> {
    let before = Scrape::settled(broker)?;
    let watch = Watch::start(broker.pid())?;
    let trips = work()?;
    let seen = watch.stop()?;
    let after = Scrape::settled(broker)?;
    let syncs = after.syncs_since(&before);
    let made = after.value(CHECKPOINTS) - before.value(CHECKPOINTS);
    let syncs = format!("{}; {made} checkpoints, {}", syncs.words(), seen.words());
    Ok(Timed { trips, seen, syncs })
}

impl Timed {
    /// Prints the figures; an error when those of checkpoints are beyond their bound.
    fn lines(&self, what: &str) -> Result<(), String> {
        let (during, apart): (Vec<Span>, Vec<Span>) =
            self.trips.iter().partition(|span| self.seen.is_during_checkpoint(**span));
        say(&format!("          {what}: {}", percentiles(&apart)));
        say(&format!("          {what}, the checkpoint thread at work: {}", percentiles(&during)));
        say(&format!("          {what}, the broker's metrics: {}", self.syncs));
        let slow = sorted(&during);
        match at(&slow, 999) > CHECKPOINT_TARGET * SLACK {
            true => Err(format!(
                "p99.9 {:?} while the checkpoint thread was at work, target {CHECKPOINT_TARGET:?}",
                at(&slow, 999)
            )),
            false => Ok(()),
        }
    }
}

fn time(bootstrap: &str, duration: Duration) -> Result<Vec<Span>, String> {
    let mut producer = RawProducer::connect(bootstrap)?;
    let (targets, batch) = ([target(MANY as u64 - 1)], batch(1, VALUE_BYTES));
    let (begun, mut trips) = (Instant::now(), Vec::new());
    while begun.elapsed() < duration {
        let sent = Instant::now();
        producer.produce(&targets, &batch)?;
        trips.push((sent, Instant::now()));
    }
    Ok(trips)
}

fn sorted(trips: &[Span]) -> Vec<Duration> {
    let mut times: Vec<Duration> = trips.iter().map(|(sent, answered)| *answered - *sent).collect();
    times.sort();
    times
}

fn at(times: &[Duration], per_mille: usize) -> Duration {
    times.get((times.len() * per_mille).div_ceil(1000).saturating_sub(1)).copied().unwrap_or_default()
}

fn percentiles(trips: &[Span]) -> String {
    let times = sorted(trips);
    let ms = |per_mille| at(&times, per_mille).as_secs_f64() * 1e3;
    let (half, most, nearly, all) = (ms(500), ms(990), ms(999), ms(1000));
    format!("{} records, p50 {half:.2} p99 {most:.2} p99.9 {nearly:.2} max {all:.2} ms", times.len())
}
