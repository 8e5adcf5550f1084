//! Produces as fast as the client can, or at a rate, for a time or up to a number of bytes.

use super::payload::Payload;
use super::{CLIENT_WAIT, until};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use rdkafka::types::RDKafkaErrorCode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A pause while the client's queue is full.
const QUEUE_FULL_PAUSE: Duration = Duration::from_micros(500);
/// Records between two looks at the clock at most.
const CLOCK_EVERY_MAX: u64 = 64;
/// Looks at the clock in a second at least, where a rate is kept.
const LOOKS_PER_S: f64 = 20.0;

/// A liveness bound for the first record of each partition: with very many Kafka takes minutes.
const FIRST_WAIT: Duration = Duration::from_secs(240);

/// What is produced.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// `host:port`.
    pub bootstrap: String,
    /// Topic, which exists, and how many partitions it has; records go to one after the other.
    pub topic: String,
    /// See `topic`.
    pub partitions: i32,
    /// Bytes of a value.
    pub record_bytes: usize,
    /// Ends after so much payload.
    pub bytes_max: u64,
    /// Ends after so long, seconds.
    pub seconds_max: f64,
    /// Records a second; none: as fast as the client can.
    pub rate: Option<f64>,
    /// Properties of the client.
    pub client: BTreeMap<String, String>,
    /// Seed of the payload.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Done {
    /// Acknowledged records.
    pub records: u64,
    /// Payload bytes in them.
    pub bytes: u64,
    /// From the first send to the last acknowledgement, seconds.
    pub seconds: f64,
}

#[derive(Default)]
struct Counts {
    acknowledged: AtomicU64,
    failed: AtomicU64,
}

struct Deliveries(Arc<Counts>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let count = match result {
            Ok(_) => &self.0.acknowledged,
            // Never sent, because the time was over.
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::PurgeQueue), _)) => return,
            Err(_) => &self.0.failed,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

/// Produces. One record to each partition goes before it is ready, so that files and connections exist. What waits in the
/// client when the time of a load without a rate is over is never sent: with a slow broker it would go on for much longer.
pub fn run(job: &Job, ready: &dyn Fn()) -> Result<Done, String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &job.bootstrap);
    job.client.iter().for_each(|(key, value)| {
        config.set(key, value);
    });
    let counts = Arc::<Counts>::default();
    let producer: ThreadedProducer<Deliveries> =
        config.create_with_context(Deliveries(Arc::clone(&counts))).map_err(|error| error.to_string())?;
    let mut payload = Payload::new(job.seed, job.record_bytes);
    (0..job.partitions).try_for_each(|partition| send(&producer, &job.topic, partition, payload.value()))?;
    flush(&producer, FIRST_WAIT)?;
    let before = counts.acknowledged.load(Ordering::Relaxed);
    ready();
    let begun = Instant::now();
    let records_max = job.bytes_max / job.record_bytes as u64;
    let clock_every = job.rate.map_or(CLOCK_EVERY_MAX, clock_every);
    let mut sent = 0;
    while sent < records_max {
        if sent % clock_every == 0 {
            if let Some(rate) = job.rate {
                until(begun, Duration::from_secs_f64((sent as f64 / rate).min(job.seconds_max)));
            }
            if begun.elapsed().as_secs_f64() >= job.seconds_max {
                break;
            }
        }
        let partition = i32::try_from(sent % u64::from(job.partitions.unsigned_abs())).expect("an i32");
        send(&producer, &job.topic, partition, payload.value())?;
        sent += 1;
    }
    if job.rate.is_none() && sent < records_max {
        producer.purge(PurgeConfig::default().queue());
    }
    flush(&producer, CLIENT_WAIT)?;
    let seconds = begun.elapsed().as_secs_f64();
    let records = counts.acknowledged.load(Ordering::Relaxed) - before;
    match counts.failed.load(Ordering::Relaxed) {
        0 => Ok(Done { records, bytes: records * job.record_bytes as u64, seconds }),
        failed => Err(format!("{failed} records were refused")),
    }
}

/// Records between two looks at the clock at this rate: few, so that a slow one doesn't go in bursts.
fn clock_every(rate: f64) -> u64 {
    ((rate / LOOKS_PER_S) as u64).clamp(1, CLOCK_EVERY_MAX)
}

fn flush(producer: &ThreadedProducer<Deliveries>, within: Duration) -> Result<(), String> {
    producer.flush(within).map_err(|error| format!("flush: {error}"))
}

fn send(producer: &ThreadedProducer<Deliveries>, topic: &str, partition: i32, value: &[u8]) -> Result<(), String> {
    let mut record: BaseRecord<'_, (), [u8]> = BaseRecord::to(topic).partition(partition).payload(value);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                record = back;
                std::thread::sleep(QUEUE_FULL_PAUSE);
            }
            Err((error, _)) => return Err(format!("send: {error}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_rate_is_kept_record_by_record_and_a_fast_one_in_small_bursts() {
        assert_eq!([0.5, 10.0, 100.0, 1_000.0, 1e6].map(clock_every), [1, 1, 5, 50, CLOCK_EVERY_MAX]);
    }
}
