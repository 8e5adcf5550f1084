//! Topics for the tests, through librdkafka's admin client.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication, TopicResult};
use rdkafka::client::DefaultClientContext;
use rdkafka::error::KafkaResult;
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
