//! DescribeConfigs (32), versions 1-4. KIP-133, KIP-226 (source and synonyms), KIP-569 (type and documentation).
//!
//! - AD-1: every key of a topic or broker with value, source, default and synonyms.
//! - AD-2: sources are exact; a value that a topic inherits is not its own.
//! - A group has configuration whether there is one of that name or not.
//! - A broker is named by its id, or by "" for what was altered for all brokers.
//! - A resource takes six bytes to ask for and up to a hundred thousand to tell, so the answer has a bound: what is beyond
//!   it gets INVALID_REQUEST.

use super::answer::{Outcome, done_listing, text};
use super::config_resources::{ConfigTarget, target};
use super::topics::Topics;
use crate::base::NodeId;
use crate::settings::{Resolved, Synonym, WIRE_KIND_UNKNOWN};
use crate::wire::requests::DescribeConfigsRequest;
use crate::wire::requests::configs::DescribeConfigsResource;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::describe_configs_response::{
    DescribeConfigsResourceResult, DescribeConfigsResponse, DescribeConfigsResult, DescribeConfigsSynonym,
};
use std::collections::HashSet;

/// From here on the type of each key is told.
const TYPE_SINCE: i16 = 3;

/// Most bytes that one answer tells, about. Librdkafka takes answers of up to 100 MB (`receive.message.max.bytes`);
/// 20,000 topics without documentation are a third of it.
const TOLD_BYTES_MAX: usize = 90_000_000;

pub(super) fn answer(
    topics: &Topics,
    node: NodeId,
    header: &RequestHeader,
    request: &DescribeConfigsRequest,
) -> Outcome {
    let mut told = 0;
    let results = request.resources.iter().map(|asked| {
        let mut result = DescribeConfigsResult::default();
        result.resource_type = asked.resource_type;
        result.error_message = None;
        let described = if told < TOLD_BYTES_MAX { describe(topics, node, &asked) } else { Err(too_much()) };
        match described {
            Ok(keys) => {
                let wanted: Option<HashSet<Str>> =
                    asked.configuration_keys.as_ref().filter(|keys| !keys.is_empty()).map(|keys| keys.iter().collect());
                let keys = keys.into_iter().filter(|key| {
                    wanted.as_ref().is_none_or(|wanted| wanted.iter().any(|name| name.as_str() == key.name))
                });
                result.configs = keys.map(|key| entry(header, request, key)).collect();
                told += result.configs.iter().map(bytes).sum::<usize>();
            }
            Err((code, message)) => {
                result.error_code = code.code();
                result.error_message = Some(text(message));
            }
        }
        result.resource_name = asked.resource_name;
        result
    });
    done_listing(header, &DescribeConfigsResponse::default(), results, |result| result.error_code)
}

fn too_much() -> (ErrorCode, String) {
    let message = format!("the answer would be larger than {TOLD_BYTES_MAX} bytes: ask for fewer resources at once");
    (ErrorCode::InvalidRequest, message)
}

/// About how many bytes an entry takes in the answer.
fn bytes(entry: &DescribeConfigsResourceResult) -> usize {
    /// Flags, source, type, lengths.
    const AROUND: usize = 12;
    let text = |text: &Option<Str>| text.as_ref().map_or(0, |text| text.len());
    let synonyms = entry.synonyms.iter().map(|told| AROUND + told.name.len() + text(&told.value)).sum::<usize>();
    AROUND + entry.name.len() + text(&entry.value) + text(&entry.documentation) + synonyms
}

fn describe(
    topics: &Topics,
    node: NodeId,
    asked: &DescribeConfigsResource,
) -> Result<Vec<Resolved>, (ErrorCode, String)> {
    let image = topics.image();
    let layers = topics.configs().layers(&image);
    Ok(match target(&image, node, asked.resource_type, &asked.resource_name)? {
        ConfigTarget::Topic(topic) => layers.describe_topic(&topic.configs),
        ConfigTarget::Broker => layers.describe_broker(),
        ConfigTarget::AllBrokers => layers.describe_cluster(),
        ConfigTarget::Group(group) => layers.describe_group(image.group_configs(&group)),
    })
}

fn entry(header: &RequestHeader, request: &DescribeConfigsRequest, key: Resolved) -> DescribeConfigsResourceResult {
    let mut entry = DescribeConfigsResourceResult::default();
    entry.name = text(key.name);
    entry.value = key.value.map(Str::from_string);
    entry.read_only = key.read_only;
    entry.config_source = key.source.wire();
    entry.is_sensitive = key.sensitive;
    if request.include_synonyms {
        entry.synonyms = key.synonyms.into_iter().map(synonym).collect();
    }
    if header.version >= TYPE_SINCE {
        entry.config_type = key.kind.map_or(WIRE_KIND_UNKNOWN, |kind| kind.wire());
        entry.documentation = request.include_documentation.then(|| Str::from_static_str(key.doc));
    }
    entry
}

fn synonym(synonym: Synonym) -> DescribeConfigsSynonym {
    let mut told = DescribeConfigsSynonym::default();
    told.name = text(synonym.name);
    told.value = synonym.value.map(Str::from_string);
    told.source = synonym.source.wire();
    told
}
