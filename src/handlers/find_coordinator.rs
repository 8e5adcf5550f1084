//! FindCoordinator (10), versions 0-6. KIP-98 (transactions), KIP-699 (many keys), KIP-932 (share groups).
//!
//! This broker coordinates everything. CG-8: from version 4 on keys and answers are arrays.

use super::answer::{Outcome, done, first_error};
use super::call::Peer;
use super::whereabouts::Whereabouts;
use crate::wire::requests::FindCoordinatorRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::find_coordinator_response::{Coordinator, FindCoordinatorResponse};

/// From here on there are several keys.
const KEYS_SINCE: i16 = 4;

/// Key types.
const GROUP: i8 = 0;
const TRANSACTION: i8 = 1;
const SHARE: i8 = 2;

/// The version that knows share groups.
const SHARE_SINCE: i16 = 6;

pub(super) fn answer(
    place: &Whereabouts,
    peer: &Peer,
    header: &RequestHeader,
    request: &FindCoordinatorRequest,
) -> Outcome {
    let problem = match request.key_type {
        GROUP | TRANSACTION => None,
        SHARE if header.version >= SHARE_SINCE => None,
        _ => Some(
            "This key type has no coordinator: 0 is a group, 1 a transactional id, 2 (from version 6) a share group.",
        ),
    };
    let code = if problem.is_some() { ErrorCode::InvalidRequest } else { ErrorCode::None };
    let message = problem.map(Str::from_static_str);
    let (host, port) = peer.advertised();
    let (node, host, port) = match problem {
        None => (place.node.0, Str::from_string(host), i32::from(port)),
        Some(_) => (-1, Str::new(), -1),
    };
    let mut response = FindCoordinatorResponse::default();
    if header.version < KEYS_SINCE {
        response.error_code = code.code();
        response.error_message = message;
        response.node_id = node.into();
        response.host = host;
        response.port = port;
        return done(header, &response, code);
    }
    for key in &request.coordinator_keys {
        let mut coordinator = Coordinator::default();
        coordinator.key = key;
        coordinator.error_code = code.code();
        coordinator.error_message = message.clone();
        coordinator.node_id = node.into();
        coordinator.host = host.clone();
        coordinator.port = port;
        response.coordinators.push(coordinator);
    }
    let error = first_error(response.coordinators.iter().map(|coordinator| coordinator.error_code));
    done(header, &response, error)
}
