//! What a client sees of partition 0 of a topic: where it begins and ends, all its records, offsets of times; and what
//! lies in its directory.

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Message};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::path::Path;
use std::time::{Duration, Instant};

/// A liveness bound for one wait on the client library.
const CLIENT_WAIT: Duration = Duration::from_secs(60);
/// One poll.
const POLL: Duration = Duration::from_millis(100);

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its offset.
    pub offset: i64,
    /// Its key, as text.
    pub key: Option<String>,
    /// Its value, as text; none is a tombstone.
    pub value: Option<String>,
    /// Milliseconds.
    pub timestamp: i64,
}

impl Seen {
    fn of(message: &BorrowedMessage<'_>) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Seen {
            offset: message.offset(),
            key: message.key().map(text),
            value: message.payload().map(text),
            timestamp: message.timestamp().to_millis().unwrap_or(-1),
        }
    }
}

/// A consumer without a group that resets as `reset` says (`earliest`, `latest`, `error`), with some settings more.
pub fn consumer(bootstrap: &str, reset: &str, more: &[(&str, &str)]) -> Result<BaseConsumer, String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", "nobody").set("enable.auto.commit", "false");
    config.set("auto.offset.reset", reset).set("check.crcs", "true").set("enable.partition.eof", "true");
    config.set("reconnect.backoff.ms", "10").set("reconnect.backoff.max.ms", "100").set("fetch.wait.max.ms", "50");
    more.iter().for_each(|(key, value)| {
        config.set(*key, *value);
    });
    config.create().map_err(|error| error.to_string())
}

/// Puts it to an offset of partition 0.
pub fn assign(consumer: &BaseConsumer, topic: &str, offset: i64) -> Result<(), String> {
    let mut assignment = TopicPartitionList::new();
    assignment.add_partition_offset(topic, 0, Offset::Offset(offset)).map_err(|error| error.to_string())?;
    consumer.assign(&assignment).map_err(|error| error.to_string())
}

/// What one poll brings.
#[derive(Debug)]
pub enum Poll {
    /// A record.
    Record(Seen),
    /// Nothing for now.
    Nothing,
    /// The end.
    End,
    /// The broker is down, or has just come back; the client goes on by itself.
    Down,
    /// Anything else.
    Error(String),
}

/// Polls once.
pub fn poll(consumer: &BaseConsumer) -> Poll {
    match consumer.poll(POLL) {
        None => Poll::Nothing,
        Some(Ok(message)) => Poll::Record(Seen::of(&message)),
        Some(Err(KafkaError::PartitionEOF(_))) => Poll::End,
        Some(Err(error)) => match error.rdkafka_error_code() {
            Some(
                rdkafka::types::RDKafkaErrorCode::BrokerTransportFailure
                | rdkafka::types::RDKafkaErrorCode::AllBrokersDown
                | rdkafka::types::RDKafkaErrorCode::OperationTimedOut
                | rdkafka::types::RDKafkaErrorCode::UnknownTopicOrPartition
                | rdkafka::types::RDKafkaErrorCode::LeaderNotAvailable
                | rdkafka::types::RDKafkaErrorCode::NotLeaderForPartition,
            ) => Poll::Down,
            _ => Poll::Error(error.to_string()),
        },
    }
}

/// Log start and high watermark. Where nobody leads the partition yet, after a start, it is asked again.
pub fn bounds(bootstrap: &str, topic: &str) -> Result<(i64, i64), String> {
    let (consumer, begun) = (consumer(bootstrap, "error", &[])?, Instant::now());
    loop {
        match consumer.fetch_watermarks(topic, 0, CLIENT_WAIT) {
            Err(error) if is_without_leader(&error) && begun.elapsed() < CLIENT_WAIT => std::thread::sleep(POLL),
            told => return told.map_err(|error| error.to_string()),
        }
    }
}

fn is_without_leader(error: &KafkaError) -> bool {
    use rdkafka::types::RDKafkaErrorCode::{LeaderNotAvailable, NotLeaderForPartition};
    matches!(error.rdkafka_error_code(), Some(LeaderNotAvailable | NotLeaderForPartition))
}

/// All records from an offset to the end.
pub fn read_from(bootstrap: &str, topic: &str, offset: i64) -> Result<Vec<Seen>, String> {
    let consumer = consumer(bootstrap, "error", &[])?;
    assign(&consumer, topic, offset)?;
    let (begun, mut read) = (Instant::now(), Vec::new());
    while begun.elapsed() < CLIENT_WAIT {
        match poll(&consumer) {
            Poll::Record(seen) => read.push(seen),
            Poll::End => return Ok(read),
            Poll::Nothing | Poll::Down => {}
            Poll::Error(error) => return Err(format!("reading from {offset} on: {error}")),
        }
    }
    Err(format!("after {} records from {offset} on no end came in {CLIENT_WAIT:?}", read.len()))
}

/// All records.
pub fn read_all(bootstrap: &str, topic: &str) -> Result<Vec<Seen>, String> {
    read_from(bootstrap, topic, bounds(bootstrap, topic)?.0)
}

/// The first offset whose record is not older, for each time; none is beyond the end.
pub fn offsets_at(bootstrap: &str, topic: &str, times: &[i64]) -> Result<Vec<Option<i64>>, String> {
    let consumer = consumer(bootstrap, "error", &[])?;
    let at = |time: &i64| {
        let mut asked = TopicPartitionList::new();
        asked.add_partition_offset(topic, 0, Offset::Offset(*time)).map_err(|error| error.to_string())?;
        let found = consumer.offsets_for_times(asked, CLIENT_WAIT).map_err(|error| error.to_string())?;
        let element = found.elements().into_iter().next().ok_or("no partition was answered")?;
        element.error().map_err(|error| format!("the offset at {time}: {error}"))?;
        match element.offset() {
            Offset::Offset(offset) => Ok(Some(offset)),
            Offset::End => Ok(None),
            other => Err(format!("the offset at {time} was answered {other:?}")),
        }
    };
    times.iter().map(at).collect()
}

/// The files of a directory with their sizes; one that goes meanwhile is left out, as is a directory that isn't there.
pub fn files(dir: &Path) -> Vec<(String, u64)> {
    let entries = std::fs::read_dir(dir).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<_> = entries
        .filter_map(|entry| Some((entry.file_name().to_string_lossy().into_owned(), entry.metadata().ok()?.len())))
        .collect();
    files.sort();
    files
}

/// The first offsets of its segments, in order.
pub fn segments(dir: &Path) -> Vec<i64> {
    files(dir).iter().filter_map(|(name, _)| name.strip_suffix(".log")?.parse().ok()).collect()
}

/// Bytes in its segments.
pub fn log_bytes(dir: &Path) -> u64 {
    files(dir).iter().filter(|(name, _)| name.ends_with(".log")).map(|(_, bytes)| bytes).sum()
}
