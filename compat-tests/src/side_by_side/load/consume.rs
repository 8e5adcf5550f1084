//! Several consumers, each of which reads all partitions of a topic.

use super::CLIENT_WAIT;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde::{Deserialize, Serialize};
use std::time::{Duration, Instant};

/// One wait for a message.
const POLL: Duration = Duration::from_millis(100);

/// What is consumed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Job {
    /// `host:port`.
    pub bootstrap: String,
    /// Topics with their numbers of partitions.
    pub topics: Vec<(String, i32)>,
    /// How many consumers, each with all of it.
    pub consumers: u32,
    /// From the first offset on, or from the end.
    pub from_start: bool,
    /// Messages after which a consumer is done; none: after its time.
    pub messages_each: Option<u64>,
    /// Seconds after which a consumer is done in any case.
    pub seconds_max: f64,
}

/// What came of it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Done {
    /// Messages over all consumers.
    pub records: u64,
    /// Payload bytes in them.
    pub bytes: u64,
    /// Until the last consumer was done, seconds.
    pub seconds: f64,
}

/// Consumes. Connections are made and partitions assigned, paused, before it is ready.
pub fn run(job: &Job, ready: &dyn Fn()) -> Result<Done, String> {
    let consumers = (0..job.consumers).map(|_| assigned(job)).collect::<Result<Vec<_>, _>>()?;
    if !job.from_start {
        // The position at the end is taken now, not when the first record comes.
        std::thread::scope(|scope| {
            let threads: Vec<_> = consumers.iter().map(|(consumer, _)| scope.spawn(|| settle(consumer))).collect();
            threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a consumer panicked".to_owned())?)
        })?;
    }
    ready();
    let begun = Instant::now();
    let read: Vec<Result<(u64, u64), String>> = std::thread::scope(|scope| {
        let threads: Vec<_> = consumers
            .iter()
            .map(|(consumer, partitions)| scope.spawn(move || read(job, consumer, partitions, begun)))
            .collect();
        threads.into_iter().map(|thread| thread.join().map_err(|_| "a consumer panicked".to_owned())?).collect()
    });
    let seconds = begun.elapsed().as_secs_f64();
    let mut done = Done { records: 0, bytes: 0, seconds };
    for one in read {
        let (records, bytes) = one?;
        done.records += records;
        done.bytes += bytes;
    }
    Ok(done)
}

fn assigned(job: &Job) -> Result<(BaseConsumer, TopicPartitionList), String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &job.bootstrap).set("group.id", "none").set("enable.auto.commit", "false");
    let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
    let offset = if job.from_start { Offset::Beginning } else { Offset::End };
    let mut list = TopicPartitionList::new();
    for (topic, partitions) in &job.topics {
        for partition in 0..*partitions {
            list.add_partition_offset(topic, partition, offset).map_err(|error| error.to_string())?;
        }
        consumer.fetch_metadata(Some(topic), CLIENT_WAIT).map_err(|error| format!("metadata: {error}"))?;
    }
    if !job.from_start {
        consumer.assign(&list).map_err(|error| format!("assign: {error}"))?;
    }
    Ok((consumer, list))
}

/// Polls until the partitions have their positions.
fn settle(consumer: &BaseConsumer) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(1) {
        if let Some(Err(error)) = consumer.poll(POLL) {
            return Err(format!("poll: {error}"));
        }
    }
    Ok(())
}

fn read(job: &Job, consumer: &BaseConsumer, list: &TopicPartitionList, begun: Instant) -> Result<(u64, u64), String> {
    if job.from_start {
        consumer.assign(list).map_err(|error| format!("assign: {error}"))?;
    }
    let (mut records, mut bytes) = (0, 0);
    let mut last = Instant::now();
    while job.messages_each.is_none_or(|most| records < most) && begun.elapsed().as_secs_f64() < job.seconds_max {
        match consumer.poll(POLL) {
            None if last.elapsed() > CLIENT_WAIT => {
                return Err(format!(
                    "nothing came for {CLIENT_WAIT:?}, {records} messages after {:?}",
                    begun.elapsed()
                ));
            }
            None => {}
            Some(Err(error)) => return Err(format!("poll: {error}")),
            Some(Ok(message)) => {
                records += 1;
                bytes += message.payload_len() as u64;
                last = Instant::now();
            }
        }
    }
    match job.messages_each {
        Some(wanted) if records < wanted => {
            Err(format!("{records} of {wanted} messages came in {:?}", begun.elapsed()))
        }
        _ => Ok((records, bytes)),
    }
}
