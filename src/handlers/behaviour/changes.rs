//! Changes of topics and settings while others are at work.

use super::*;
use kafka_protocol::messages::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use kafka_protocol::messages::{DeleteTopicsRequest, IncrementalAlterConfigsRequest};

/// `ConfigResource` types.
const TOPIC: i8 = 2;
const BROKER: i8 = 4;

fn alter(kind: i8, name: &str, key: &str, value: &str) -> IncrementalAlterConfigsRequest {
    let mut config = AlterableConfig::default();
    (config.name, config.value) = (string(key), Some(string(value)));
    let mut resource = AlterConfigsResource::default();
    (resource.resource_type, resource.resource_name) = (kind, string(name));
    resource.configs.push(config);
    let mut request = IncrementalAlterConfigsRequest::default();
    request.resources.push(resource);
    request
}

impl Broker {
    /// Deletes topics by name.
    pub(super) async fn delete(&self, names: &[&str]) {
        let response = self.call(5, &deletion(names)).await;
        assert!(response.responses.iter().all(|topic| topic.error_code == 0), "{response:?}");
    }

    /// Sends a request and goes away before the answer.
    async fn abandon<R: Request>(&self, version: i16, request: &R) {
        let Answer::Later(work) = self.begin(version, request).await else { panic!("an answer at once") };
        tokio::select! {
            biased;
            _ = work => panic!("the answer was there already"),
            () = std::future::ready(()) => {}
        }
    }
}

fn deletion(names: &[&str]) -> DeleteTopicsRequest {
    let mut request = DeleteTopicsRequest::default();
    request.topic_names = names.iter().map(|name| topic_name(name)).collect();
    request
}

/// Waits until something holds.
async fn soon(what: &str, holds: impl AsyncFn() -> bool) {
    for _ in 0..500 {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("not after 5 seconds: {what}");
}

/// A client's connection ended while its deletion was being committed: the metadata knew the topic no more, but its
/// partitions and files stayed until the next start. Altered settings stayed without effect in the same way.
#[tokio::test]
async fn a_change_whose_client_went_away_comes_into_force() {
    let broker = Broker::start().await;
    let (gone, small) = (broker.create("gone", 1, &[]).await, broker.create("small", 1, &[]).await);
    broker.append("gone", 0, &["a"]).await;
    broker.append("small", 0, &["a"]).await;
    broker.abandon(5, &deletion(&["gone"])).await;
    let topics = &broker.service.parts().topics;
    soon("the partition is deleted", async || topics.partitions().get(gone, crate::base::PartitionIndex(0)).is_none())
        .await;
    broker.abandon(1, &alter(TOPIC, "small", "max.message.bytes", "10")).await;
    soon("the limit is in force", async || {
        let answer = broker.produce("small", 0, batch(&["a"])).await;
        code(answer.error_code) == ErrorCode::MessageTooLarge
    })
    .await;
    assert!(broker.image().topic_by_id(small).is_some());
}

/// A request that still held the image before an alteration of the broker used to keep a topic at the old values.
#[tokio::test]
async fn an_older_image_does_not_bring_back_older_settings() {
    let broker = Broker::start().await;
    let id = broker.create("t", 1, &[]).await;
    let before = broker.image();
    let answer = broker.call(1, &alter(BROKER, "", "message.max.bytes", "77")).await;
    assert_eq!(code(answer.responses[0].error_code), ErrorCode::None);
    let topics = &broker.service.parts().topics;
    topics.configs().forget(id);
    let topic = before.topic_by_id(id).expect("the topic was there");
    assert_eq!(topics.settings(topic).topic.message_bytes_max, 77);
    // And of a topic that is gone nothing is kept.
    broker.delete(&["t"]).await;
    assert_eq!(topics.settings(topic).topic.message_bytes_max, 77);
    assert!(topics.configs().known(topic).is_none());
}

#[tokio::test]
async fn many_topics_of_one_request_are_deleted_together() {
    let broker = Broker::start().await;
    let names: Vec<String> = (0..100).map(|number| format!("t{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    for name in &names {
        broker.create(name, 1, &[]).await;
    }
    let before = broker.image().version();
    broker.delete(&names).await;
    let objects = broker.image().version() - before;
    assert!(objects < 20, "{objects} objects");
    assert_eq!(broker.image().topics().count(), 0);
}

/// Values are checked against those that are in force, and those of a topic against the broker's.
#[tokio::test]
async fn values_that_are_altered_fit_those_that_are_there() {
    let broker = Broker::start().await;
    broker.create("t", 1, &[]).await;
    let ask = async |kind: i8, name: &str, key: &str, value: &str| {
        let response = broker.call(1, &alter(kind, name, key, value)).await;
        code(response.responses[0].error_code)
    };
    let threads = "log.cleaner.threads";
    for (value, expected) in [
        ("0", ErrorCode::InvalidRequest),
        ("3", ErrorCode::InvalidRequest),
        ("2", ErrorCode::None),
        ("4", ErrorCode::None),
        ("1", ErrorCode::InvalidRequest),
    ] {
        assert_eq!(ask(BROKER, "1", threads, value).await, expected, "{value}");
    }
    assert_eq!(broker.service.parts().topics.configs().broker().cleaner.threads, 4);
    assert_eq!(ask(BROKER, "", "log.cleaner.dedupe.buffer.size", "4194304").await, ErrorCode::InvalidRequest);
    assert_eq!(ask(BROKER, "", "log.cleaner.max.compaction.lag.ms", "100").await, ErrorCode::None);
    assert_eq!(ask(TOPIC, "t", "min.compaction.lag.ms", "101").await, ErrorCode::InvalidConfig);
    assert_eq!(ask(TOPIC, "t", "min.compaction.lag.ms", "100").await, ErrorCode::None);
    let mut topic = CreatableTopic::default();
    (topic.name, topic.num_partitions, topic.replication_factor) = (topic_name("u"), 1, 1);
    let mut config = CreatableTopicConfig::default();
    (config.name, config.value) = (string("min.compaction.lag.ms"), Some(string("101")));
    topic.configs.push(config);
    let mut request = CreateTopicsRequest::default();
    request.topics.push(topic);
    let response = broker.call(7, &request).await;
    assert_eq!(code(response.topics[0].error_code), ErrorCode::InvalidConfig);
}
