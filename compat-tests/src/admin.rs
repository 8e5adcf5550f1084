//! Topics for the tests, through librdkafka's admin client.

use rdkafka::ClientConfig;
use rdkafka::admin::{
    AdminClient, AdminOptions, AlterConfig, NewTopic, ResourceSpecifier, TopicReplication, TopicResult,
};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::time::Duration;

/// A liveness bound for one admin call.
const WAIT: Duration = Duration::from_secs(30);

/// Creates a topic with `partitions` partitions and the given configs, and waits for the answer.
pub fn create_topic(bootstrap: &str, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<(), String> {
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in configs {
        topic = topic.set(key, value);
    }
    outcome(runtime()?.block_on(client(bootstrap)?.create_topics([&topic], &options())))
}

/// Deletes a topic and waits for the answer.
pub fn delete_topic(bootstrap: &str, name: &str) -> Result<(), String> {
    outcome(runtime()?.block_on(client(bootstrap)?.delete_topics(&[name], &options())))
}

/// Gives a topic these configs and no others, and waits for the answer.
pub fn set_configs(bootstrap: &str, name: &str, configs: &[(&str, &str)]) -> Result<(), String> {
    let topic = AlterConfig::new(ResourceSpecifier::Topic(name));
    let topic = configs.iter().fold(topic, |topic, (key, value)| topic.set(key, value));
    let answers = runtime()?.block_on(client(bootstrap)?.alter_configs([&topic], &options()));
    let mut answers = answers.map_err(|error| error.to_string())?.into_iter();
    answers.try_for_each(|answer| answer.map(drop).map_err(|(_, code)| format!("{name}: {code}")))
}

/// Deletes what lies before an offset of partition 0; the log start that is answered.
pub fn delete_records(bootstrap: &str, name: &str, before: i64) -> Result<i64, String> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition_offset(name, 0, Offset::Offset(before)).map_err(|error| error.to_string())?;
    let answer = runtime()?.block_on(client(bootstrap)?.delete_records(&asked, &options()));
    let answer = answer.map_err(|error| format!("delete records: {error}"))?;
    let element = answer.find_partition(name, 0).ok_or("the partition was not answered")?;
    element.error().map_err(|error| format!("delete records before {before}: {error}"))?;
    match element.offset() {
        Offset::Offset(start) => Ok(start),
        other => Err(format!("delete records before {before} was answered {other:?}")),
    }
}

/// The same of a broker that may have just started: Kafka answers before it leads its partitions.
pub fn delete_records_when_led(bootstrap: &str, name: &str, before: i64) -> Result<i64, String> {
    let begun = std::time::Instant::now();
    loop {
        match delete_records(bootstrap, name, before) {
            Err(error) if error.contains("NotLeaderForPartition") && begun.elapsed() < WAIT => {
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            outcome => return outcome,
        }
    }
}

/// A runtime for one call.
pub fn runtime() -> Result<tokio::runtime::Runtime, String> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| error.to_string())
}

fn client(bootstrap: &str) -> Result<AdminClient<DefaultClientContext>, String> {
    ClientConfig::new().set("bootstrap.servers", bootstrap).create().map_err(|error| error.to_string())
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(WAIT)).operation_timeout(Some(WAIT))
}

fn outcome(results: KafkaResult<Vec<TopicResult>>) -> Result<(), String> {
    let mut results = results.map_err(|error| error.to_string())?.into_iter();
    results.try_for_each(|result| result.map(|_| ()).map_err(|(name, code)| format!("{name}: {code}")))
}
