//! AlterConfigs (33), versions 0-2. KIP-133. Kept for librdkafka, kafkajs and sarama; Kafka calls it deprecated.
//!
//! Replaces all values of a thing: what is not named goes back to its default. AD-4 and AD-6 hold as in
//! IncrementalAlterConfigs.

use super::answer::{Outcome, done, first_error, text};
use super::config_resources::{Refused, Rules, change, target};
use super::topics::Topics;
use crate::base::NodeId;
use crate::settings::{broker_replacement, group_replacement, topic_replacement};
use crate::wire::requests::AlterConfigsRequest;
use crate::wire::requests::configs::AlterConfigsResource;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::alter_configs_response::{AlterConfigsResourceResponse, AlterConfigsResponse};
use std::collections::HashMap;

pub(super) async fn answer(
    topics: &Topics,
    node: NodeId,
    header: &RequestHeader,
    request: &AlterConfigsRequest,
) -> Outcome {
    let asked = request.resources.to_vec();
    let mut times: HashMap<(i8, Str), usize> = HashMap::new();
    for resource in &asked {
        *times.entry((resource.resource_type, resource.resource_name.clone())).or_default() += 1;
    }
    let mut response = AlterConfigsResponse::default();
    for resource in asked {
        let (kind, name) = (resource.resource_type, resource.resource_name.clone());
        let once = times.get(&(kind, name.clone())).is_none_or(|times| *times == 1);
        let outcome = if once { replace(topics, node, resource, request.validate_only).await } else { Err(twice()) };
        let mut result = AlterConfigsResourceResponse::default();
        result.resource_type = kind;
        result.resource_name = name;
        result.error_message = None;
        if let Err((code, message)) = outcome {
            result.error_code = code.code();
            result.error_message = Some(text(message));
        }
        response.responses.push(result);
    }
    let error = first_error(response.responses.iter().map(|result| result.error_code));
    done(header, &response, error)
}

/// The answer to a resource that a request names twice.
pub(super) fn twice() -> Refused {
    (ErrorCode::InvalidRequest, "The request names this resource more than once.".to_string())
}

async fn replace(
    topics: &Topics,
    node: NodeId,
    resource: AlterConfigsResource,
    validate_only: bool,
) -> Result<(), Refused> {
    let target = target(&topics.image(), node, resource.resource_type, &resource.resource_name)?;
    let entries: Vec<(String, Option<String>)> = resource
        .configs
        .iter()
        .map(|entry| (entry.name.to_string(), entry.value.map(|value| value.to_string())))
        .collect();
    change(topics, node, target, validate_only, move |rules, _| {
        let entries = entries.iter().map(|(name, value)| (name.as_str(), value.as_deref()));
        match rules {
            Rules::Topic => topic_replacement(entries),
            Rules::Broker(target) => broker_replacement(target, entries),
            Rules::Group => group_replacement(entries),
        }
    })
    .await
}
