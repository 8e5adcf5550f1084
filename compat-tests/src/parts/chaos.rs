//! kill -9 under load: idempotent producers write, tail readers read, the broker dies at random moments.
//!
//! Every send, acknowledgement and poll goes into a [`History`]; the judge then finds nothing, or names it.

use crate::admin;
use crate::broker::{Ottla, Setup};
use crate::history::{History, Place, Send, Value};
use crate::parts::Context;
use crate::report::Report;
use crate::rng::Rng;
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{DeliveryResult, Message};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::path::Path;
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
/// How long the broker lives between two kills, milliseconds.
const LIFE_MS: (u64, u64) = (150, 1500);
/// A liveness bound for each wait on a client library.
const CLIENT_WAIT: Duration = Duration::from_secs(60);

/// Both durability modes, each at its size.
pub fn part(report: &mut Report, context: &Context) {
    for mode in ["fsync", "os"] {
        for seed in context.seeds(&format!("chaos-{mode}")) {
            let found = run(&context.binary, mode, context.size(25, 500), seed);
            report.result(format!("kill -9, durability {mode}"), found);
        }
    }
}

/// Runs `cycles` kills from one seed; Ok names the counts.
fn run(binary: &Path, durability: &str, cycles: usize, seed: u64) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let setup = Setup::new(binary, &dir.path().join("data")).with("ottla.durability", durability);
    let mut rng = Rng::new(seed);
    let mut broker = setup.start()?;
    admin::create_topic(&broker.bootstrap, TOPIC, PARTITIONS, &[])?;

    let stop = Arc::new(AtomicBool::new(false));
    let log = Arc::new(Mutex::new(History::default()));
    let producers: Vec<_> = (0..PRODUCERS).map(|id| produce(id, &broker.bootstrap, &stop, &log)).collect();
    let read_stop = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..READERS).map(|_| Reader::start(&broker.bootstrap, &read_stop)).collect();

    let mut slowest = Duration::ZERO;
    for cycle in 0..cycles {
        std::thread::sleep(Duration::from_millis(rng.between(LIFE_MS.0, LIFE_MS.1)));
        if !broker.alive() {
            return Err(format!("the broker ended by itself before kill {cycle}, seed {seed}"));
        }
        broker.kill();
        broker = setup.start().map_err(|error| format!("start after kill {cycle}, seed {seed}: {error}"))?;
        slowest = slowest.max(broker.ready_after);
    }
    std::thread::sleep(Duration::from_millis(LIFE_MS.1));
    stop.store(true, Ordering::SeqCst);
    for producer in producers {
        producer.join().map_err(|_| "a producer thread panicked")??;
    }
    judge(broker, &setup, &read_stop, readers, &log)
        .map(|counts| format!("{cycles} kills, seed {seed}, {counts}, slowest start {} ms", slowest.as_millis()))
        .map_err(|error| format!("seed {seed}: {error}"))
}

/// One more kill, then everything is read afresh and judged.
fn judge(
    broker: Ottla,
    setup: &Setup,
    read_stop: &AtomicBool,
    readers: Vec<Reader>,
    log: &Mutex<History>,
) -> Result<String, String> {
    let acknowledged = log.lock().expect("no holder panicked").acks.len();
    let caught_up = readers.iter().try_for_each(|reader| reader.has_seen(acknowledged));
    read_stop.store(true, Ordering::SeqCst);
    let polls: Vec<_> = readers
        .into_iter()
        .map(|reader| reader.thread.join().map_err(|_| "a reader panicked".to_owned())?)
        .collect::<Result<_, String>>()?;
    caught_up?;
    broker.kill();
    let broker = setup.start()?;
    let mut history = std::mem::take(&mut *log.lock().expect("no holder panicked"));
    history.polls = polls;
    history.last_read = read_all(&broker.bootstrap)?;
    let code = broker.stop()?;
    if code != 0 {
        return Err(format!("graceful stop ended with code {code}"));
    }
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
    config.set("message.timeout.ms", "0").set("linger.ms", "2").set("reconnect.backoff.max.ms", "100");
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
    let (begun, mut seen) = (Instant::now(), Vec::new());
    while left > 0 {
        if begun.elapsed() > CLIENT_WAIT {
            return Err(format!("{left} records below the high watermarks were not delivered in {CLIENT_WAIT:?}"));
        }
        if let Some(Ok(message)) = consumer.poll(Duration::from_millis(100)) {
            seen.push(place(&message));
            left -= 1;
        }
    }
    Ok(seen)
}
