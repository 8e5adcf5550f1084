//! The `rdkafka` crate under the common contract of clients/README.md, as a subcommand of the harness.

use crate::record::{Checksum, Row, decode, encode};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{BorrowedMessage, DeliveryResult, Header, Headers, Message, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

type Answer = Result<serde_json::Value, String>;

/// Runs `produce`, `consume` or `group` with `--name value` arguments; prints the answer as its last line.
pub fn main(words: &[String]) -> i32 {
    let args = arguments(words);
    let answer = match words.first().map(String::as_str) {
        Some("produce") => produce(&args),
        Some("consume") => consume(&args),
        Some("group") => crate::rdkafka_member::run(&args),
        _ => Err("produce, consume or group".to_owned()),
    };
    let failed = answer.as_ref().map_or(true, |answer| answer["ok"] != true);
    let line = answer.unwrap_or_else(|error| serde_json::json!({"ok": false, "error": error}));
    crate::report::say(&line.to_string());
    i32::from(failed)
}

fn arguments(words: &[String]) -> BTreeMap<String, String> {
    let mut args = BTreeMap::new();
    let mut words = words.iter().skip(1);
    while let Some(word) = words.next() {
        let name = word.trim_start_matches("--");
        let value = if name == "idempotent" { Some("true".to_owned()) } else { words.next().cloned() };
        args.insert(name.to_owned(), value.unwrap_or_default());
    }
    args
}

fn need<'a>(args: &'a BTreeMap<String, String>, name: &str) -> Result<&'a str, String> {
    args.get(name).map(String::as_str).ok_or_else(|| format!("--{name} is missing"))
}

#[derive(Default)]
struct Delivered {
    acked: u64,
    errors: BTreeMap<String, u64>,
    offsets: BTreeMap<i32, (i64, i64)>,
}

struct Deliveries(Arc<Mutex<Delivered>>);

impl ClientContext for Deliveries {}

impl ProducerContext for Deliveries {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        let mut seen = self.0.lock().expect("no holder panicked");
        match result {
            Ok(message) => {
                seen.acked += 1;
                let offset = message.offset();
                let range = seen.offsets.entry(message.partition()).or_insert((offset, offset));
                *range = (range.0.min(offset), range.1.max(offset));
            }
            Err((error, _)) => {
                let code = error.rdkafka_error_code().map_or_else(|| error.to_string(), |code| format!("{code:?}"));
                *seen.errors.entry(code).or_default() += 1;
            }
        }
    }
}

fn produce(args: &BTreeMap<String, String>) -> Answer {
    let or = |name: &str, fallback: &str| args.get(name).map_or(fallback, String::as_str).to_owned();
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", need(args, "bootstrap")?).set("acks", or("acks", "all"));
    config.set("compression.codec", or("codec", "none")).set("linger.ms", or("linger-ms", "5"));
    config.set("message.max.bytes", or("max-message-bytes", "1000000"));
    config.set("enable.idempotence", or("idempotent", "false")).set("queue.buffering.max.kbytes", "1048576");
    let seen = Arc::new(Mutex::new(Delivered::default()));
    let producer: ThreadedProducer<Deliveries> =
        config.create_with_context(Deliveries(Arc::clone(&seen))).map_err(|error| error.to_string())?;
    let topic = need(args, "topic")?;
    let fixed: i32 = or("partition", "-1").parse().map_err(|_| "--partition is no number")?;
    let file = std::fs::File::open(need(args, "input")?).map_err(|error| error.to_string())?;
    let mut sent = 0u64;
    for line in BufReader::new(file).lines() {
        let row: Row = serde_json::from_str(&line.map_err(|e| e.to_string())?).map_err(|e| e.to_string())?;
        sent += 1;
        if let Err(error) = send(&producer, topic, fixed, &row) {
            *seen.lock().expect("no holder panicked").errors.entry(error).or_default() += 1;
        }
    }
    producer.flush(Duration::from_secs(60)).map_err(|error| error.to_string())?;
    let seen = seen.lock().expect("no holder panicked");
    let ok = seen.errors.is_empty() && seen.acked == sent;
    Ok(serde_json::json!({"ok": ok, "sent": sent, "acked": seen.acked, "errors": seen.errors, "offsets": seen.offsets}))
}

fn send(producer: &ThreadedProducer<Deliveries>, topic: &str, fixed: i32, row: &Row) -> Result<(), String> {
    let (key, value) = (row.k.as_deref().map(decode), row.v.as_deref().map(decode));
    let mut headers = OwnedHeaders::new();
    for (name, value) in &row.h {
        let value = value.as_deref().map(decode);
        headers = headers.insert(Header { key: name, value: value.as_deref() });
    }
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).timestamp(row.t).headers(headers);
    record = record.partition(if fixed >= 0 { fixed } else { row.p });
    if let Some(key) = key.as_deref() {
        record = record.key(key);
    }
    if let Some(value) = value.as_deref() {
        record = record.payload(value);
    }
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((error, back)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::QueueFull) => {
                record = back;
                std::thread::sleep(Duration::from_millis(2));
            }
            Err((error, _)) => return Err(format!("{:?}", error.rdkafka_error_code())),
        }
    }
}

fn consume(args: &BTreeMap<String, String>) -> Answer {
    let (topic, wait) = (need(args, "topic")?, Duration::from_secs(20));
    let number = |name: &str| need(args, name)?.parse::<i64>().map_err(|_| format!("--{name} is no number"));
    let partition = i32::try_from(number("partition")?).map_err(|error| error.to_string())?;
    let (count, limit) = (number("count")?, number("timeout-ms")?);
    let reset = args.get("reset").map_or("none", String::as_str);
    let reset = if reset == "none" { "error" } else { reset };
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", need(args, "bootstrap")?).set("group.id", "none");
    config.set("enable.auto.commit", "false").set("check.crcs", "true").set("auto.offset.reset", reset);
    config.set("fetch.message.max.bytes", "8388608");
    let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
    let (low, high) = consumer.fetch_watermarks(topic, partition, wait).map_err(|error| error.to_string())?;
    let start = match args.get("from").map_or("start", String::as_str) {
        "start" => low,
        "end" => high,
        text => match text.strip_prefix("ts:") {
            Some(at) => at_time(&consumer, topic, partition, at)?.unwrap_or(high),
            None => text.parse().map_err(|_| "--from is start, end, an offset or ts:MS")?,
        },
    };
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, partition, Offset::Offset(start)).map_err(|error| error.to_string())?;
    consumer.assign(&assignment).map_err(|error| error.to_string())?;
    crate::report::say(&serde_json::json!({"ready": true, "position": start}).to_string());
    poll(&consumer, args, count, Instant::now() + Duration::from_millis(u64::try_from(limit).unwrap_or(0)))
}

fn at_time(consumer: &BaseConsumer, topic: &str, partition: i32, at: &str) -> Result<Option<i64>, String> {
    let mut asked = TopicPartitionList::new();
    let at = at.parse().map_err(|_| "ts: wants milliseconds")?;
    asked.add_partition_offset(topic, partition, Offset::Offset(at)).map_err(|error| error.to_string())?;
    let found = consumer.offsets_for_times(asked, Duration::from_secs(20)).map_err(|error| error.to_string())?;
    Ok(found.elements().first().and_then(|element| match element.offset() {
        Offset::Offset(offset) => Some(offset),
        _ => None,
    }))
}

fn poll(consumer: &BaseConsumer, args: &BTreeMap<String, String>, count: i64, deadline: Instant) -> Answer {
    let mut out = match args.get("out") {
        Some(path) => Some(std::io::BufWriter::new(std::fs::File::create(path).map_err(|e| e.to_string())?)),
        None => None,
    };
    let (mut sum, mut seen, mut first, mut last) = (Checksum::default(), 0, None, None);
    while seen < count && Instant::now() < deadline {
        let message = match consumer.poll(Duration::from_millis(200)) {
            None => continue,
            Some(Err(error)) => return Err(error.to_string()),
            Some(Ok(message)) => message,
        };
        let row = row_of(&message);
        first = first.or(row.offset);
        last = row.offset;
        sum.add_row(&row);
        seen += 1;
        if let Some(out) = &mut out {
            serde_json::to_writer(&mut *out, &row).map_err(|error| error.to_string())?;
            out.write_all(b"\n").map_err(|error| error.to_string())?;
        }
    }
    if let Some(mut out) = out {
        out.flush().map_err(|error| error.to_string())?;
    }
    let (sha256, columns) = sum.finish();
    Ok(serde_json::json!({"ok": seen == count, "count": seen, "sha256": sha256, "columns": columns,
        "first": first, "last": last}))
}

fn row_of(message: &BorrowedMessage<'_>) -> Row {
    let headers = message.headers().map(|headers| {
        headers.iter().map(|header| (header.key.to_owned(), header.value.map(encode))).collect::<Vec<_>>()
    });
    Row {
        k: message.key().map(encode),
        v: message.payload().map(encode),
        h: headers.unwrap_or_default(),
        t: message.timestamp().to_millis().unwrap_or(-1),
        p: message.partition(),
        offset: Some(message.offset()),
    }
}
