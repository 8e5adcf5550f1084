//! Topics for the tests, through librdkafka's admin client.

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use std::time::Duration;

/// A liveness bound for one admin call.
const WAIT: Duration = Duration::from_secs(30);

/// Creates a topic with `partitions` partitions and the given configs, and waits for the answer.
pub fn create_topic(bootstrap: &str, name: &str, partitions: i32, configs: &[(&str, &str)]) -> Result<(), String> {
    let client: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().map_err(|error| error.to_string())?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let mut topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
    for (key, value) in configs {
        topic = topic.set(key, value);
    }
    let options = AdminOptions::new().request_timeout(Some(WAIT)).operation_timeout(Some(WAIT));
    let results = runtime.block_on(client.create_topics([&topic], &options)).map_err(|error| error.to_string())?;
    results.into_iter().try_for_each(|result| result.map(|_| ()).map_err(|(name, code)| format!("{name}: {code}")))
}
