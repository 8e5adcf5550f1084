//! Figures of compaction, by hand only: memory while far more keys are compacted than the dedupe buffer holds, and what
//! a producer notices of a cleaner at work. The first has a bound, the second is printed.

use crate::admin;
use crate::broker::{Ottla, Setup};
use crate::keyed::{self, Codec, Keyed};
use crate::partition;
use crate::parts::Context;
use crate::raw_producer::{RawProducer, Target, batch};
use crate::report::{Report, say};
use crate::rng::Rng;
use crate::wall_clock::now_ms;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Distinct keys, each written twice, and how many there are in a batch.
const KEYS: u64 = 10_000_000;
const KEYS_PER_BATCH: u64 = 5_000;
/// `log.cleaner.dedupe.buffer.size`: room for little more than a tenth of them.
const DEDUPE_BYTES: u64 = 32 << 20;
/// What the broker may take above what it had before it compacted: the buffer, and this for everything else.
const SPARE_BYTES: u64 = 128 << 20;
/// Of the bytes that were written at least this share must go, in percent: half of the records are overwritten.
const LEFT_PERCENT: u64 = 55;
/// A liveness bound for all passes, how long nothing must change in the end, and between two looks.
const CLEAN_WITHIN: Duration = Duration::from_secs(1800);
const SETTLED: Duration = Duration::from_secs(10);
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The load beside which is measured: records of so many keys and bytes, a batch of so many at a time, batches a second.
const BUSY_KEYS: usize = 500_000;
const BUSY_VALUE_BYTES: usize = 100;
const BUSY_BATCH_RECORDS: usize = 200;
const BUSY_BATCHES_PER_SECOND: f64 = 100.0;
/// Records that are there before.
const BUSY_RECORDS_BEFORE: usize = 1_000_000;
/// How long the load runs before and while is measured.
const WARM_UP: Duration = Duration::from_secs(10);
const MEASURED: Duration = Duration::from_secs(60);
/// Bytes of the value of the record that is timed.
const VALUE_BYTES: usize = 100;
const BUSY: Target = Target { topic: "busy", partition: 0 };
const QUIET: Target = Target { topic: "quiet", partition: 0 };

/// Measures all figures; without `--long` none.
pub fn part(report: &mut Report, context: &Context) {
    if !context.long {
        return say("  by hand only: --long");
    }
    report.result("ten million keys in a dedupe buffer of 32 MiB", many_keys(context));
    for durability in ["fsync", "os"] {
        report.result(
            format!("produce latency beside the cleaner, durability {durability}"),
            beside(context, durability),
        );
    }
}

fn many_keys(context: &Context) -> Result<String, String> {
    let buffer = DEDUPE_BYTES.to_string();
    let settings = [("log.cleaner.dedupe.buffer.size", buffer.as_str()), ("log.cleaner.backoff.ms", "200")];
    let (broker, setup, _dir): (Ottla, Setup, _) = context.broker(&settings)?;
    let topic =
        |ratio| [("cleanup.policy", "compact"), ("segment.bytes", "67108864"), ("min.cleanable.dirty.ratio", ratio)];
    admin::create_topic(&broker.bootstrap, BUSY.topic, 1, &topic("1.0"))?;
    let mut sender = RawProducer::connect(&broker.bootstrap)?;
    for round in 0..2 {
        for first in (0..KEYS).step_by(usize::try_from(KEYS_PER_BATCH).expect("small")) {
            let record = |number: u64| keyed(number, format!("value {round}"));
            let records: Vec<Keyed> = (first..first + KEYS_PER_BATCH).map(record).collect();
            sender.produce(&[BUSY], &keyed::batch(&records, Codec::None, None)?)?;
        }
    }
    let dir = setup.data.join(format!("{}-0", BUSY.topic));
    let (written, (before, _)) = (partition::log_bytes(&dir), broker.memory());
    let begun = Instant::now();
    admin::set_configs(&broker.bootstrap, BUSY.topic, &topic("0.01"))?;
    let (left, took) = until_settled(&dir, written * LEFT_PERCENT / 100, begun)?;
    let peak = broker.memory().1;
    let mib = |bytes: u64| bytes >> 20;
    let words = format!(
        "{} MiB became {} in {:.0} s; resident before {} MiB, at its peak {}",
        mib(written),
        mib(left),
        took.as_secs_f64(),
        mib(before),
        mib(peak)
    );
    if peak <= before + DEDUPE_BYTES + SPARE_BYTES { Ok(words) } else { Err(words) }
}

fn keyed(number: u64, value: String) -> Keyed {
    Keyed { key: format!("key {number:012}"), value: Some(value), timestamp: now_ms() }
}

/// Waits until so little is left, and that for a while; how much, and how long after `begun`.
fn until_settled(dir: &Path, wanted: u64, begun: Instant) -> Result<(u64, Duration), String> {
    let (mut last, mut since) = (u64::MAX, Instant::now());
    while begun.elapsed() < CLEAN_WITHIN {
        let now = partition::log_bytes(dir);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if now <= wanted && since.elapsed() > SETTLED {
            return Ok((now, since.saturating_duration_since(begun)));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(format!("{last} bytes are left after {CLEAN_WITHIN:?}, {wanted} are wanted"))
}

/// The same load to a topic that is compacted all the while and to one that is not.
fn beside(context: &Context, durability: &str) -> Result<String, String> {
    let (without, kept) = under_load(context, durability, "delete")?;
    let (with, left) = under_load(context, durability, "compact")?;
    if left >= kept {
        return Err(format!("nothing was compacted: {left} bytes are left, {kept} without compaction"));
    }
    let ms = |time: Duration| time.as_secs_f64() * 1e3;
    let of = |times: &[Duration]| (ms(at(times, 500)), ms(at(times, 990)), times.len());
    let ((half, most, count), (half_with, most_with, count_with)) = (of(&without), of(&with));
    Ok(format!(
        "p99 {:.2} times that without ({most_with:.2} and {most:.2} ms), p50 {:.2} times ({half_with:.2} and {half:.2} ms); \
         {count_with} and {count} records",
        most_with / most,
        half_with / half,
    ))
}

/// Round trips of one small record at a time, sorted, and the bytes of the busy topic in the end.
fn under_load(context: &Context, durability: &str, policy: &str) -> Result<(Vec<Duration>, u64), String> {
    let settings = [("ottla.durability", durability), ("log.cleaner.backoff.ms", "0")];
    let (broker, setup, _dir): (Ottla, Setup, _) = context.broker(&settings)?;
    let busy = [("cleanup.policy", policy), ("segment.bytes", "4194304"), ("min.cleanable.dirty.ratio", "0.01")];
    admin::create_topic(&broker.bootstrap, BUSY.topic, 1, &busy)?;
    admin::create_topic(&broker.bootstrap, QUIET.topic, 1, &[])?;
    let (mut sender, mut rng) = (RawProducer::connect(&broker.bootstrap)?, Rng::new(BUSY_KEYS as u64));
    (0..BUSY_RECORDS_BEFORE / BUSY_BATCH_RECORDS).try_for_each(|_| send(&mut sender, &mut rng))?;
    let stop = AtomicBool::new(false);
    let times = std::thread::scope(|scope| {
        let load = scope.spawn(|| load(&mut sender, &mut rng, &stop));
        let times = time(&broker.bootstrap, WARM_UP).and_then(|_| time(&broker.bootstrap, MEASURED));
        stop.store(true, Ordering::SeqCst);
        load.join().map_err(|_| "the load panicked")??;
        times
    })?;
    Ok((times, partition::log_bytes(&setup.data.join(format!("{}-0", BUSY.topic)))))
}

fn send(sender: &mut RawProducer, rng: &mut Rng) -> Result<(), String> {
    let mut record = || keyed(rng.below(BUSY_KEYS) as u64, "v".repeat(BUSY_VALUE_BYTES));
    let records: Vec<Keyed> = (0..BUSY_BATCH_RECORDS).map(|_| record()).collect();
    sender.produce(&[BUSY], &keyed::batch(&records, Codec::None, None)?)
}

fn load(sender: &mut RawProducer, rng: &mut Rng, stop: &AtomicBool) -> Result<(), String> {
    let (begun, mut number) = (Instant::now(), 0);
    while !stop.load(Ordering::SeqCst) {
        let moment = Duration::from_secs_f64(f64::from(number) / BUSY_BATCHES_PER_SECOND);
        std::thread::sleep(moment.saturating_sub(begun.elapsed()));
        send(sender, rng)?;
        number += 1;
    }
    Ok(())
}

fn time(bootstrap: &str, duration: Duration) -> Result<Vec<Duration>, String> {
    let (mut producer, batch) = (RawProducer::connect(bootstrap)?, batch(1, VALUE_BYTES));
    let (begun, mut times) = (Instant::now(), Vec::new());
    while begun.elapsed() < duration {
        let sent = Instant::now();
        producer.produce(&[QUIET], &batch)?;
        times.push(sent.elapsed());
    }
    times.sort();
    Ok(times)
}

fn at(times: &[Duration], per_mille: usize) -> Duration {
    times.get((times.len() * per_mille).div_ceil(1000).saturating_sub(1)).copied().unwrap_or_default()
}
