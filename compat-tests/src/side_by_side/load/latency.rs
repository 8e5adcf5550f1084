//! Latency at a fixed rate, open loop: every record has its moment, and its time counts from that moment, not from when
//! the client came to send it. A stall is thus felt by all records that should have been sent meanwhile.

use super::CLIENT_WAIT;
use super::payload::Payload;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Bytes at the front of a value: the moment of the record in nanoseconds since the beginning.
const STAMP_BYTES: usize = 8;
/// One wait for a message.
const POLL: Duration = Duration::from_millis(50);
/// Sleeps shorter than this are not worth the system call: the timer is about as coarse.
const SLEEP_LEAST: Duration = Duration::from_micros(50);

/// What is timed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// `host:port`.
    pub bootstrap: String,
    /// A topic that exists, and its partitions; records go to one after the other.
    pub topic: String,
    /// See `topic`.
    pub partitions: i32,
    /// Bytes of a value.
    pub record_bytes: usize,
    /// Records a second.
    pub rate: f64,
    /// How long is timed, seconds.
    pub seconds: f64,
    /// How long the same goes on before, seconds.
    pub warm_up_s: f64,
    /// Properties of the producer.
    pub client: BTreeMap<String, String>,
}

/// Percentiles in milliseconds.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct Percentiles {
    /// The median.
    pub p50: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
    /// 999 of 1,000.
    pub p999: f64,
    /// All.
    pub max: f64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Done {
    /// From a record's moment to its acknowledgement.
    pub produce: Percentiles,
    /// The median of it over the records of the first and of the second half, ms.
    pub produce_halves_p50: [f64; 2],
    /// From a record's moment to its arrival at the consumer.
    pub end_to_end: Percentiles,
    /// How late the client itself came to send a record at worst, ms; it is part of the record's time.
    pub late_max_ms: f64,
}

/// Times of records whose moment was not before `from`.
struct Times {
    begun: Instant,
    from_ns: AtomicU64,
    /// Moment and time of each.
    produce_ns: Mutex<Vec<(u64, u64)>>,
    failed: AtomicU64,
    /// Timed records that the consumer has seen.
    arrived: AtomicU64,
}

impl Times {
    fn now_ns(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}

struct Deliveries(Arc<Times>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, moment: usize) {
        let (times, moment) = (&self.0, moment as u64);
        if result.is_err() {
            times.failed.fetch_add(1, Ordering::Relaxed);
        } else if moment >= times.from_ns.load(Ordering::Relaxed) {
            times.produce_ns.lock().expect("no holder panicked").push((moment, times.now_ns().saturating_sub(moment)));
        }
    }
}

/// Times.
pub fn run(job: &Job, ready: &dyn Fn()) -> Result<Done, String> {
    let times = Arc::new(Times {
        begun: Instant::now(),
        from_ns: AtomicU64::new(u64::MAX),
        produce_ns: Mutex::default(),
        failed: AtomicU64::new(0),
        arrived: AtomicU64::new(0),
    });
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &job.bootstrap);
    job.client.iter().for_each(|(key, value)| {
        config.set(key, value);
    });
    let producer: ThreadedProducer<Deliveries> =
        config.create_with_context(Deliveries(Arc::clone(&times))).map_err(|error| error.to_string())?;
    let stop = AtomicBool::new(false);
    let consumer = tail(job)?;
    std::thread::scope(|scope| {
        let reader = scope.spawn(|| arrivals(&consumer, &times, &stop));
        let sent = send_all(job, &producer, &times, ready);
        // What was acknowledged is on its way to the consumer.
        let sent_count = sent.as_ref().map_or(0, |sent| sent.records);
        let begun = Instant::now();
        while times.arrived.load(Ordering::Relaxed) < sent_count && begun.elapsed() < CLIENT_WAIT {
            std::thread::sleep(POLL);
        }
        stop.store(true, Ordering::Relaxed);
        let seen = reader.join().map_err(|_| "the reader panicked".to_owned())?;
        let (sent, seen) = (sent?, seen?);
        if (seen.len() as u64) < sent.records {
            return Err(format!("{} of {} records arrived at the consumer", seen.len(), sent.records));
        }
        let produce = std::mem::take(&mut *times.produce_ns.lock().expect("no holder panicked"));
        let middle = times.from_ns.load(Ordering::Relaxed) + (job.seconds * 1e9 / 2.0) as u64;
        match times.failed.load(Ordering::Relaxed) {
            0 => Ok(Done {
                produce_halves_p50: halves_p50(&produce, middle),
                produce: percentiles(produce.into_iter().map(|(_, time)| time).collect()),
                end_to_end: percentiles(seen),
                late_max_ms: sent.late_max_ns as f64 / 1e6,
            }),
            failed => Err(format!("{failed} records were refused")),
        }
    })
}

/// What was sent in the timed part.
struct Sent {
    records: u64,
    late_max_ns: u64,
}

fn send_all(
    job: &Job,
    producer: &ThreadedProducer<Deliveries>,
    times: &Times,
    ready: &dyn Fn(),
) -> Result<Sent, String> {
    let mut payload = Payload::new(1, job.record_bytes.max(STAMP_BYTES));
    let mut value = vec![0; job.record_bytes.max(STAMP_BYTES)];
    let gap_ns = 1e9 / job.rate;
    let mut send = |first_ns: u64, seconds: f64| -> Result<Sent, String> {
        let (mut number, mut late_max_ns) = (0u64, 0);
        loop {
            let moment = first_ns + (number as f64 * gap_ns) as u64;
            if moment as f64 >= first_ns as f64 + seconds * 1e9 {
                return Ok(Sent { records: number, late_max_ns });
            }
            wait_for(times, moment);
            late_max_ns = late_max_ns.max(times.now_ns().saturating_sub(moment));
            value.copy_from_slice(payload.value());
            value[..STAMP_BYTES].copy_from_slice(&moment.to_be_bytes());
            let partition = i32::try_from(number % u64::from(job.partitions.unsigned_abs())).expect("an i32");
            let stamp = usize::try_from(moment).map_err(|error| error.to_string())?;
            let record: BaseRecord<'_, (), [u8], usize> =
                BaseRecord::with_opaque_to(&job.topic, stamp).partition(partition).payload(&value[..]);
            producer.send(record).map_err(|(error, _)| format!("send: {error}"))?;
            number += 1;
        }
    };
    send(times.now_ns(), job.warm_up_s)?;
    ready();
    let first = times.now_ns();
    times.from_ns.store(first, Ordering::Relaxed);
    let sent = send(first, job.seconds)?;
    producer.flush(CLIENT_WAIT).map_err(|error| format!("flush: {error}"))?;
    Ok(sent)
}

/// No record goes before its moment: what a sleep doesn't resolve is waited for awake.
fn wait_for(times: &Times, moment: u64) {
    let wait = Duration::from_nanos(moment.saturating_sub(times.now_ns()));
    if wait >= SLEEP_LEAST {
        std::thread::sleep(wait);
    }
    while times.now_ns() < moment {
        std::hint::spin_loop();
    }
}

fn tail(job: &Job) -> Result<BaseConsumer, String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &job.bootstrap).set("group.id", "none").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
    let mut list = TopicPartitionList::new();
    for partition in 0..job.partitions {
        list.add_partition_offset(&job.topic, partition, Offset::End).map_err(|error| error.to_string())?;
    }
    consumer.assign(&list).map_err(|error| format!("assign: {error}"))?;
    Ok(consumer)
}

fn arrivals(consumer: &BaseConsumer, times: &Times, stop: &AtomicBool) -> Result<Vec<u64>, String> {
    let mut seen = Vec::new();
    while !stop.load(Ordering::Relaxed) {
        match consumer.poll(POLL) {
            None => {}
            Some(Err(error)) => return Err(format!("poll: {error}")),
            Some(Ok(message)) => {
                let stamp = message.payload().and_then(|value| value.first_chunk()).ok_or("a value without a stamp")?;
                let moment = u64::from_be_bytes(*stamp);
                if moment >= times.from_ns.load(Ordering::Relaxed) {
                    seen.push(times.now_ns().saturating_sub(moment));
                    times.arrived.fetch_add(1, Ordering::Relaxed);
                }
            }
        }
    }
    Ok(seen)
}

fn percentiles(mut times_ns: Vec<u64>) -> Percentiles {
    times_ns.sort_unstable();
    let at = |per_mille: usize| {
        let at = (times_ns.len() * per_mille).div_ceil(1000).saturating_sub(1);
        times_ns.get(at).map_or(0.0, |ns| *ns as f64 / 1e6)
    };
    Percentiles { p50: at(500), p99: at(990), p999: at(999), max: at(1000) }
}

/// The medians of the times of records whose moment lies before and after `middle`, ms.
fn halves_p50(times_ns: &[(u64, u64)], middle: u64) -> [f64; 2] {
    let (first, second): (Vec<_>, Vec<_>) = times_ns.iter().partition(|(moment, _)| *moment < middle);
    [first, second].map(|half| percentiles(half.into_iter().map(|(_, time)| time).collect()).p50)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_told_apart_by_the_moment_and_not_by_the_answer() {
        let times = [(3, 9_000_000), (0, 1_000_000), (1, 3_000_000), (4, 8_000_000)];
        assert_eq!(halves_p50(&times, 3), [1.0, 8.0]);
    }

    #[test]
    fn percentiles_are_those_of_the_sorted_times() {
        let seen = percentiles((1..=1000).rev().map(|ms| ms * 1_000_000).collect());
        assert_eq!((seen.p50, seen.p99, seen.p999, seen.max), (500.0, 990.0, 999.0, 1000.0));
        assert_eq!(percentiles(Vec::new()).max, 0.0);
    }
}
