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
    let (host, port) = peer.advertised();
    let host = Str::from_string(host);
    let tell = |key: Str| {
        let share = (request.key_type == SHARE && !is_share_key(&key))
            .then_some("A share coordinator has keys of the form group:topic id:partition.");
        let mut coordinator = Coordinator::default();
        coordinator.key = key;
        match problem.or(share) {
            None => {
                coordinator.node_id = place.node.0.into();
                coordinator.host = host.clone();
                coordinator.port = i32::from(port);
            }
            Some(problem) => {
                coordinator.error_code = ErrorCode::InvalidRequest.code();
                coordinator.error_message = Some(Str::from_static_str(problem));
                coordinator.node_id = (-1).into();
                coordinator.port = -1;
            }
        }
        coordinator
    };
    let mut response = FindCoordinatorResponse::default();
    if header.version < KEYS_SINCE {
        let told = tell(Str::new());
        response.error_code = told.error_code;
        response.error_message = told.error_message;
        response.node_id = told.node_id;
        response.host = told.host;
        response.port = told.port;
        let error = first_error([response.error_code]);
        return done(header, &response, error);
    }
    response.coordinators = request.coordinator_keys.iter().map(tell).collect();
    let error = first_error(response.coordinators.iter().map(|coordinator| coordinator.error_code));
    done(header, &response, error)
}

/// Group, topic id and partition, as a share coordinator is asked for. The id is 22 letters of URL-safe base64.
fn is_share_key(key: &str) -> bool {
    let parts: Vec<&str> = key.split(':').collect();
    let [group, topic, partition] = parts[..] else { return false };
    let is_letter = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    !group.is_empty() && topic.len() == 22 && topic.bytes().all(is_letter) && partition.parse::<i32>().is_ok()
}
