//! Traffic under faults: idempotent producers write, tail readers read, and whatever happens to the broker goes on
//! around them.
//!
//! Every send, acknowledgement and poll goes into a [`History`]; the judge then finds nothing, or names it.

use crate::admin;
use crate::broker::{Ottla, Setup};
use crate::history::{History, Place, Send, Value};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const TOPIC: &str = "chaos";
const PRODUCERS: u32 = 4;
const PARTITIONS: i32 = 8;
const READERS: usize = 2;
/// Bytes of a record's value; the first eight are the unique value.
const RECORD_BYTES: usize = 200;
/// Pause between two sends of one producer: about 2,000 records a second each.
const SEND_PAUSE: Duration = Duration::from_micros(500);
/// A liveness bound for each wait on a client library.
const CLIENT_WAIT: Duration = Duration::from_secs(60);
/// A liveness bound from a restart, or from room on a full disk, to the next acknowledgement.
pub const ACK_WITHIN: Duration = Duration::from_secs(10);

/// Producers and readers at work.
pub struct Traffic {
    bootstrap: String,
    log: Arc<Mutex<History>>,
    stop: Arc<AtomicBool>,
    producers: Vec<JoinHandle<Result<(), String>>>,
    read_stop: Arc<AtomicBool>,
    readers: Vec<Reader>,
}

impl Traffic {
    /// Creates the topic and starts all clients.
    pub fn start(bootstrap: &str, topic: &[(&str, &str)]) -> Result<Self, String> {
        admin::create_topic(bootstrap, TOPIC, PARTITIONS, topic)?;
        let (stop, read_stop) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let log = Arc::new(Mutex::new(History::default()));
        let producers = (0..PRODUCERS).map(|id| produce(id, bootstrap, &stop, &log)).collect();
        let readers = (0..READERS).map(|_| Reader::start(bootstrap, &read_stop)).collect();
        Ok(Traffic { bootstrap: bootstrap.to_owned(), log, stop, producers, read_stop, readers })
    }

    /// How many records were acknowledged so far.
    pub fn acknowledged(&self) -> usize {
        self.log.lock().expect("no holder panicked").acks.len()
    }

    /// Waits for the next acknowledgement; how long after `begun` it came.
    pub fn next_ack(&self, begun: Instant) -> Result<Duration, String> {
        let before = self.acknowledged();
        while self.acknowledged() == before {
            if begun.elapsed() > ACK_WITHIN {
                return Err(format!("nothing was acknowledged within {ACK_WITHIN:?}"));
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(begun.elapsed())
    }

    /// Reads all partitions afresh: what was acknowledged before the call is there, where it was acknowledged.
    pub fn all_acknowledged_is_read(&self) -> Result<(), String> {
        let acks = self.log.lock().expect("no holder panicked").acks.clone();
        let read = read_all(&self.bootstrap)?;
        let log: HashMap<_, _> = read.iter().map(|place| ((place.partition, place.offset), place.value)).collect();
        match acks.iter().find(|ack| log.get(&(ack.partition, ack.offset)) != Some(&ack.value)) {
            None => Ok(()),
            Some(ack) => Err(format!("{ack:?} is not among {} records read", read.len())),
        }
    }

    /// Lets the producers finish and the readers catch up, kills the broker once more, reads everything afresh and judges it.
    pub fn finish(mut self, broker: Ottla, setup: &Setup) -> Result<String, String> {
        self.stop.store(true, Ordering::SeqCst);
        for producer in self.producers.drain(..) {
            producer.join().map_err(|_| "a producer thread panicked")??;
        }
        let acknowledged = self.acknowledged();
        let caught_up = self.readers.iter().try_for_each(|reader| reader.has_seen(acknowledged));
        self.read_stop.store(true, Ordering::SeqCst);
        let polls: Vec<_> = self
            .readers
            .drain(..)
            .map(|reader| reader.thread.join().map_err(|_| "a reader panicked".to_owned())?)
            .collect::<Result<_, String>>()?;
        caught_up?;
        broker.kill();
        let broker = setup.start()?;
        let mut history = std::mem::take(&mut *self.log.lock().expect("no holder panicked"));
        history.polls = polls;
        history.last_read = read_all(&broker.bootstrap)?;
        let code = broker.stop()?;
        if code != 0 {
            return Err(format!("graceful stop ended with code {code}"));
        }
        judge(&history)
    }
}

impl Drop for Traffic {
    /// A run that failed early leaves nobody at work behind it.
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.read_stop.store(true, Ordering::SeqCst);
    }
}

/// The counts of a run without findings, or the first findings.
fn judge(history: &History) -> Result<String, String> {
    let polled: usize = history.polls.iter().map(Vec::len).sum();
    let counts =
        format!("{} sent, {} acknowledged, {polled} seen at the tail", history.sends.len(), history.acks.len());
    if history.acks.is_empty() || polled == 0 {
        return Err(format!("nothing happened: {counts}"));
    }
    match history.findings().as_slice() {
        [] => Ok(counts),
        findings => {
            Err(format!("{} findings ({counts}); first: {:?}", findings.len(), &findings[..findings.len().min(5)]))
        }
    }
}

/// Writes acknowledgements into the history as librdkafka reports them.
struct Acks(Arc<Mutex<History>>);

impl ClientContext for Acks {}

impl ProducerContext for Acks {
    type DeliveryOpaque = Box<Send>;

    fn delivery(&self, result: &DeliveryResult<'_>, send: Box<Send>) {
        let mut history = self.0.lock().expect("no holder panicked");
        match result {
            Ok(message) => {
                let place = Place { partition: message.partition(), offset: message.offset(), value: send.value };
                history.acks.push(place);
            }
            Err((error, _)) => history.refusals.push((send.value, error.to_string())),
        }
    }
}

fn produce(
    id: u32,
    bootstrap: &str,
    stop: &Arc<AtomicBool>,
    log: &Arc<Mutex<History>>,
) -> JoinHandle<Result<(), String>> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("enable.idempotence", "true").set("acks", "all");
    config.set("message.timeout.ms", "0").set("linger.ms", "2");
    // short, so that the time to the first acknowledgement is the broker's and not the client's pause
    config.set("reconnect.backoff.ms", "10").set("reconnect.backoff.max.ms", "100");
    config.set("retry.backoff.ms", "10").set("retry.backoff.max.ms", "100");
    let (stop, log) = (Arc::clone(stop), Arc::clone(log));
    std::thread::spawn(move || {
        let producer: ThreadedProducer<Acks> =
            config.create_with_context(Acks(Arc::clone(&log))).map_err(|error| error.to_string())?;
        let mut number: Value = 0;
        while !stop.load(Ordering::SeqCst) {
            let partition = i32::try_from(number % PARTITIONS as u64).expect("small");
            let value = u64::from(id) << 40 | number;
            send_one(&producer, &log, Send { producer: id, partition, value })?;
            number += 1;
            std::thread::sleep(SEND_PAUSE);
        }
        producer.flush(CLIENT_WAIT).map_err(|error| format!("producer {id} could not finish: {error}"))
    })
}

/// Hands one record to librdkafka; a full local queue (the broker is down) is waited out.
fn send_one(producer: &ThreadedProducer<Acks>, log: &Mutex<History>, send: Send) -> Result<(), String> {
    let mut payload = [0u8; RECORD_BYTES];
    payload[..8].copy_from_slice(&send.value.to_be_bytes());
    log.lock().expect("no holder panicked").sends.push(send);
    let begun = Instant::now();
    let mut record = BaseRecord::<(), [u8], Box<Send>>::with_opaque_to(TOPIC, Box::new(send))
        .partition(send.partition)
        .payload(&payload[..]);
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((error, back)) if begun.elapsed() < CLIENT_WAIT => {
                if error.rdkafka_error_code() != Some(rdkafka::types::RDKafkaErrorCode::QueueFull) {
                    return Err(format!("send: {error}"));
                }
                record = back;
                std::thread::sleep(Duration::from_millis(10));
            }
            Err((error, _)) => return Err(format!("send: {error}")),
        }
    }
}

fn consumer(bootstrap: &str) -> Result<BaseConsumer, String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "nobody").set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "error").set("reconnect.backoff.max.ms", "100").set("check.crcs", "true");
    let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
    let mut all = TopicPartitionList::new();
    for partition in 0..PARTITIONS {
        all.add_partition_offset(TOPIC, partition, Offset::Offset(0)).map_err(|error| error.to_string())?;
    }
    consumer.assign(&all).map_err(|error| error.to_string())?;
    Ok(consumer)
}

/// Reads at the tail, from the first record on, across all kills.
struct Reader {
    seen: Arc<AtomicUsize>,
    thread: JoinHandle<Result<Vec<Place>, String>>,
}

impl Reader {
    fn start(bootstrap: &str, stop: &Arc<AtomicBool>) -> Self {
        let (bootstrap, stop, seen) = (bootstrap.to_owned(), Arc::clone(stop), Arc::<AtomicUsize>::default());
        let count = Arc::clone(&seen);
        let thread = std::thread::spawn(move || {
            let consumer = consumer(&bootstrap)?;
            let mut polls = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
                    polls.push(place(&message));
                    count.store(polls.len(), Ordering::SeqCst);
                }
            }
            Ok(polls)
        });
        Reader { seen, thread }
    }

    /// Waits until it was shown as many records as were acknowledged: a reader that a restart left behind is a finding.
    fn has_seen(&self, acknowledged: usize) -> Result<(), String> {
        let begun = Instant::now();
        while self.seen.load(Ordering::SeqCst) < acknowledged {
            if begun.elapsed() > CLIENT_WAIT {
                let seen = self.seen.load(Ordering::SeqCst);
                return Err(format!("a tail reader saw {seen} of {acknowledged} records in {CLIENT_WAIT:?}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

fn place(message: &impl Message) -> Place {
    let bytes = message.payload().and_then(|payload| payload.get(..8)).and_then(|bytes| bytes.try_into().ok());
    let value = bytes.map_or(Value::MAX, u64::from_be_bytes);
    Place { partition: message.partition(), offset: message.offset(), value }
}

/// Every partition from its first to its highest offset.
fn read_all(bootstrap: &str) -> Result<Vec<Place>, String> {
    let consumer = consumer(bootstrap)?;
    let mut left: i64 = 0;
    for partition in 0..PARTITIONS {
        let (low, high) =
            consumer.fetch_watermarks(TOPIC, partition, CLIENT_WAIT).map_err(|error| error.to_string())?;
        left += high - low;
    }
    let (mut last, mut seen) = (Instant::now(), Vec::new());
    while left > 0 {
        if last.elapsed() > CLIENT_WAIT {
            return Err(format!("no record came in {CLIENT_WAIT:?}; {left} below the high watermarks are missing"));
        }
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            seen.push(place(&message));
            left -= 1;
            last = Instant::now();
        }
    }
    Ok(seen)
}
