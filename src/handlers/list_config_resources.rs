//! ListConfigResources (74), versions 0-1. KIP-714, KIP-1142.
//!
//! - Version 0 asks for client metrics, of which there are none.
//! - Groups are those with configuration of their own; topics and brokers are all that there are.
//! - A type that is unknown gets UNSUPPORTED_VERSION, as with Kafka, and nothing else is told then.

use super::answer::{Outcome, done, text};
use super::config_resources::{BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP, TOPIC};
use crate::metadata::Image;
use crate::wire::requests::ListConfigResourcesRequest;
use crate::wire::{ErrorCode, RequestHeader};
use kafka_protocol::messages::ListConfigResourcesResponse;
use kafka_protocol::messages::list_config_resources_response::ConfigResource;

/// From here on types are asked for, and told.
const TYPES_SINCE: i16 = 1;

/// All types, in the order in which they are told when none is asked for.
const ALL: [i8; 5] = [TOPIC, BROKER, BROKER_LOGGER, CLIENT_METRICS, GROUP];

pub(super) fn answer(image: &Image, header: &RequestHeader, request: &ListConfigResourcesRequest) -> Outcome {
    let asked: Vec<i8> = request.resource_types.iter().collect();
    let asked = match header.version {
        ..TYPES_SINCE => vec![CLIENT_METRICS],
        _ if asked.is_empty() => ALL.to_vec(),
        _ => asked,
    };
    let mut response = ListConfigResourcesResponse::default();
    if asked.iter().any(|kind| !ALL.contains(kind)) {
        response.error_code = ErrorCode::UnsupportedVersion.code();
        return done(header, &response, ErrorCode::UnsupportedVersion);
    }
    for kind in ALL.into_iter().filter(|kind| asked.contains(kind)) {
        response.config_resources.extend(names(image, kind).into_iter().map(|name| {
            let mut resource = ConfigResource::default();
            (resource.resource_name, resource.resource_type) = (text(name), kind);
            resource
        }));
    }
    done(header, &response, ErrorCode::None)
}

fn names(image: &Image, kind: i8) -> Vec<String> {
    match kind {
        TOPIC => image.topics().map(|topic| topic.name.to_string()).collect(),
        BROKER | BROKER_LOGGER => image.brokers().map(|broker| broker.node.to_string()).collect(),
        GROUP => image.configured_groups().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}
