//! One record at a time, each with a plain answer: taken at an offset, or refused with KAFKA_STORAGE_ERROR.

use crate::admin;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::types::RDKafkaErrorCode;
use std::time::{Duration, Instant};

const TOPIC: &str = "probe";
/// Value bytes of a probe, and of a record that fills: just below what producers send at most by default.
const PROBE_BYTES: usize = 100;
const FILL_BYTES: usize = 900_000;
/// A liveness bound for one answer.
const WAIT: Duration = Duration::from_secs(10);
/// Between two probes that wait for a change.
const PAUSE: Duration = Duration::from_millis(10);

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Taken(i64),
    Refused,
}

/// A producer that never tries again, and the log end that its topic must have.
pub struct Probe {
    runtime: tokio::runtime::Runtime,
    producer: FutureProducer,
    consumer: BaseConsumer,
    next: i64,
}

impl Probe {
    /// Creates the topic.
    pub fn new(bootstrap: &str, topic: &[(&str, &str)]) -> Result<Self, String> {
        admin::create_topic(bootstrap, TOPIC, 1, topic)?;
        let wait = WAIT.as_millis().to_string();
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", bootstrap).set("reconnect.backoff.max.ms", "100");
        let consumer = config.create().map_err(|error| error.to_string())?;
        config.set("acks", "all").set("retries", "0").set("linger.ms", "0");
        config.set("request.timeout.ms", &wait).set("message.timeout.ms", &wait);
        let producer = config.create().map_err(|error| error.to_string())?;
        Ok(Probe { runtime: admin::runtime()?, producer, consumer, next: 0 })
    }

    /// Writes to another topic until it is refused, or `bytes` are written.
    pub fn fill(&self, topic: &str, bytes: u64) -> Result<(), String> {
        let record = vec![0; FILL_BYTES];
        for _ in 0..bytes / FILL_BYTES as u64 {
            if self.send(topic, &record)? == Answer::Refused {
                break;
            }
        }
        Ok(())
    }

    /// Probes until one is refused.
    pub fn until_refused(&mut self, within: Duration) -> Result<(), String> {
        self.until(within, |answer| answer == Answer::Refused)
    }

    /// Probes until one is taken; those refused before it have left no gap.
    pub fn until_taken(&mut self, within: Duration) -> Result<(), String> {
        self.until(within, |answer| matches!(answer, Answer::Taken(_)))
    }

    /// One more is refused, and the log ends where it ended.
    pub fn is_refused_without_an_offset(&mut self) -> Result<(), String> {
        if let Answer::Taken(offset) = self.send_next()? {
            return Err(format!("a record was taken, at offset {offset}"));
        }
        let ends = self.consumer.fetch_watermarks(TOPIC, 0, WAIT).map_err(|error| format!("log end: {error}"))?;
        match ends == (0, self.next) {
            true => Ok(()),
            false => Err(format!("after a refusal the log spans {ends:?}, not (0, {})", self.next)),
        }
    }

    fn until(&mut self, within: Duration, wanted: fn(Answer) -> bool) -> Result<(), String> {
        let begun = Instant::now();
        loop {
            let answer = self.send_next()?;
            if wanted(answer) {
                return Ok(());
            }
            if begun.elapsed() > within {
                return Err(format!("after {within:?} a record is still answered {answer:?}"));
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn send_next(&mut self) -> Result<Answer, String> {
        let answer = self.send(TOPIC, &[0; PROBE_BYTES])?;
        if let Answer::Taken(offset) = answer {
            if offset != self.next {
                return Err(format!("a record was taken at offset {offset}, not at {}", self.next));
            }
            self.next += 1;
        }
        Ok(answer)
    }

    fn send(&self, topic: &str, value: &[u8]) -> Result<Answer, String> {
        let record = FutureRecord::<(), [u8]>::to(topic).partition(0).payload(value);
        match self.runtime.block_on(self.producer.send(record, WAIT)) {
            Ok(delivery) => Ok(Answer::Taken(delivery.offset)),
            Err((error, _)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::KafkaStorageError) => {
                Ok(Answer::Refused)
            }
            Err((error, _)) => Err(format!("neither taken nor refused with KAFKA_STORAGE_ERROR: {error}")),
        }
    }
}
