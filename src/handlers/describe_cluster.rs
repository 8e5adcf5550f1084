//! DescribeCluster (60), versions 0-2. KIP-700, KIP-919 (endpoint types), KIP-1073 (fenced brokers).
//!
//! This broker is the cluster; nothing is ever fenced. Asked for controllers it answers as a Kafka broker that is none.

use super::answer::{CLUSTER_OPERATIONS, Outcome, done, operations};
use super::call::Peer;
use super::whereabouts::Whereabouts;
use crate::metadata::Image;
use crate::wire::requests::DescribeClusterRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::describe_cluster_response::{DescribeClusterBroker, DescribeClusterResponse};

/// `endpoint_type`: brokers.
const BROKERS: i8 = 1;

/// `endpoint_type`: controllers.
const CONTROLLERS: i8 = 2;

pub(super) fn answer(
    image: &Image,
    place: &Whereabouts,
    peer: &Peer,
    header: &RequestHeader,
    request: &DescribeClusterRequest,
) -> Outcome {
    let mut response = DescribeClusterResponse::default();
    response.cluster_id = Str::from_string(image.cluster_id().to_string());
    response.controller_id = (-1).into();
    let asked = request.include_cluster_authorized_operations;
    response.cluster_authorized_operations = operations(asked, CLUSTER_OPERATIONS);
    let refused = match request.endpoint_type {
        BROKERS => None,
        CONTROLLERS => Some((ErrorCode::MismatchedEndpointType, "This listener is a broker's, not a controller's.")),
        _ => Some((ErrorCode::UnsupportedEndpointType, "Endpoint types are 1, brokers, and 2, controllers.")),
    };
    let error = refused.map_or(ErrorCode::None, |(code, _)| code);
    response.error_code = error.code();
    response.error_message = refused.map(|(_, message)| Str::from_static_str(message));
    if error.is_none() {
        let (host, port) = peer.advertised();
        let mut broker = DescribeClusterBroker::default();
        broker.broker_id = place.node.0.into();
        broker.host = Str::from_string(host);
        broker.port = i32::from(port);
        broker.rack = place.rack();
        response.brokers.push(broker);
        response.controller_id = place.node.0.into();
    }
    done(header, &response, error)
}
