//! IncrementalAlterConfigs (44), versions 0-1. KIP-339.
//!
//! - AD-6: SET, DELETE, APPEND, SUBTRACT; an operation on a key that is no list, or of an unknown kind, is an error
//!   answer of its resource.
//! - AD-4: unknown keys and bad values INVALID_CONFIG. What is altered is durable before the answer and in force.

use super::alter_configs::twice;
use super::answer::{Outcome, done, first_error, text};
use super::config_resources::{Refused, Rules, change, target};
use super::topics::Topics;
use crate::base::NodeId;
use crate::settings::{Change, Op, broker_changes, group_changes, topic_changes};
use crate::wire::requests::IncrementalAlterConfigsRequest;
use crate::wire::requests::configs::IncrementalAlterConfigsResource;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::incremental_alter_configs_response::{
    AlterConfigsResourceResponse, IncrementalAlterConfigsResponse,
};
use std::collections::HashMap;

pub(super) async fn answer(
    topics: &Topics,
    node: NodeId,
    header: &RequestHeader,
    request: &IncrementalAlterConfigsRequest,
) -> Outcome {
    let asked = request.resources.to_vec();
    let mut times: HashMap<(i8, Str), usize> = HashMap::new();
    for resource in &asked {
        *times.entry((resource.resource_type, resource.resource_name.clone())).or_default() += 1;
    }
    let mut response = IncrementalAlterConfigsResponse::default();
    for resource in asked {
        let (kind, name) = (resource.resource_type, resource.resource_name.clone());
        let once = times.get(&(kind, name.clone())).is_none_or(|times| *times == 1);
        let outcome = if once { alter(topics, node, resource, request.validate_only).await } else { Err(twice()) };
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

async fn alter(
    topics: &Topics,
    node: NodeId,
    resource: IncrementalAlterConfigsResource,
    validate_only: bool,
) -> Result<(), Refused> {
    let target = target(&topics.image(), node, resource.resource_type, &resource.resource_name)?;
    let mut asked: Vec<(String, Op, Option<String>)> = Vec::with_capacity(resource.configs.len());
    for entry in &resource.configs {
        let Some(op) = Op::from_wire(entry.config_operation) else {
            let message = format!("Operation {} on key {} is unknown.", entry.config_operation, &*entry.name);
            return Err((ErrorCode::InvalidRequest, message));
        };
        asked.push((entry.name.to_string(), op, entry.value.map(|value| value.to_string())));
    }
    change(topics, node, target, validate_only, move |rules, current| {
        let changes: Vec<Change<'_>> =
            asked.iter().map(|(key, op, value)| Change { key, op: *op, value: value.as_deref() }).collect();
        match rules {
            Rules::Topic => topic_changes(current, &changes),
            Rules::Broker(target) => broker_changes(target, current, &changes),
            Rules::Group => group_changes(current, &changes),
        }
    })
    .await
}
