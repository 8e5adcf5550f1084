//! Large requests and answers: bounded, and nobody else's business.

use super::*;
use kafka_protocol::messages::describe_configs_request::DescribeConfigsResource;
use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
use kafka_protocol::messages::*;
use std::time::Duration;
use tokio::time::Instant;

/// The longest time in which nothing else on this thread could run while `work` was awaited.
async fn longest_hold<T>(work: impl Future<Output = T>) -> (T, Duration) {
    let mut longest = Duration::ZERO;
    let mut work = std::pin::pin!(work);
    loop {
        let begun = Instant::now();
        tokio::select! {
            biased;
            done = &mut work => return (done, longest.max(begun.elapsed())),
            () = tokio::time::sleep(Duration::from_millis(1)) => longest = longest.max(begun.elapsed()),
        }
    }
}

#[tokio::test]
async fn a_configuration_asked_for_again_and_again_is_told_up_to_a_bound() {
    let broker = Broker::start().await;
    let mut resource = DescribeConfigsResource::default();
    resource.resource_type = 4;
    resource.resource_name = string("1");
    resource.configuration_keys = None;
    let mut request = DescribeConfigsRequest::default();
    request.include_synonyms = true;
    request.include_documentation = true;
    request.resources = vec![resource; 4_000];
    let (answer, held) = longest_hold(broker.begin(4, &request)).await;
    let body = body(answer).await.expect("an answer");
    assert!((50_000_000..100_000_000).contains(&body.len()), "{} bytes", body.len());
    assert!(body.parts.len() > 100, "in pieces: {}", body.parts.len());
    assert!(held < Duration::from_millis(500), "others waited {held:?}");
    assert_eq!(broker.answered(Api::DescribeConfigs, ErrorCode::InvalidRequest), 1);
}

#[tokio::test]
async fn a_request_of_many_elements_is_answered_whole() {
    let broker = Broker::start().await;
    for count in [4_999, 5_000, 5_001, 60_000] {
        let mut request = MetadataRequest::default();
        request.allow_auto_topic_creation = false;
        let asked = (0..count).map(|number| {
            let mut topic = MetadataRequestTopic::default();
            topic.name = Some(topic_name(&format!("t{number}")));
            topic
        });
        request.topics = Some(asked.collect());
        let response = broker.call(12, &request).await;
        assert_eq!(response.topics.len(), count);
        let last = response.topics.last().and_then(|topic| topic.name.as_ref()).map(|name| name.to_string());
        assert_eq!(last, Some(format!("t{}", count - 1)), "in the order asked");
    }
}
