//! ListGroups (16), versions 0-5. KIP-518 (states), KIP-848 (types).
//!
//! - CG-14: filters by state from version 4 on and by type from version 5 on, whatever the case of the letters.
//! - A partition that is still being loaded makes the whole list incomplete: the client is told so and asks again.

use super::{Groups, any_state};
use crate::group::command::{AnyState, Command, GroupListing, Reply};
use crate::handlers::answer::{Outcome, done, text};
use crate::wire::requests::ListGroupsRequest;
use crate::wire::{ErrorCode, RequestHeader, Str};
use kafka_protocol::messages::list_groups_response::{ListGroupsResponse, ListedGroup};

/// From here on states are told.
const STATE_SINCE: i16 = 4;

/// From here on types are told.
const TYPE_SINCE: i16 = 5;

/// The type of every group of the classic protocol.
const CLASSIC: &str = "classic";

/// The type of every group of the new one.
const CONSUMER: &str = "consumer";

/// Kafka's name for a group's type.
fn kind(group: &GroupListing) -> &'static str {
    match group.state {
        AnyState::Classic(_) => CLASSIC,
        AnyState::Consumer(_) => CONSUMER,
    }
}

pub(in crate::handlers) async fn answer(
    groups: &Groups,
    header: &RequestHeader,
    request: &ListGroupsRequest,
) -> Outcome {
    let mut response = ListGroupsResponse::default();
    let mut error = ErrorCode::None;
    for reply in groups.ask_all(|| Command::List).await {
        match reply {
            Ok(Reply::List(listed)) => {
                let wanted = listed.into_iter().filter(|group| is_wanted(request, group));
                response.groups.extend(wanted.map(|group| told(header.version, &group)));
            }
            Ok(other) => unreachable!("a list is answered with {other:?}"),
            Err(code) => error = code,
        }
    }
    if !error.is_none() {
        response.groups.clear();
        response.error_code = error.code();
    }
    done(header, &response, error)
}

fn is_wanted(request: &ListGroupsRequest, group: &GroupListing) -> bool {
    let among = |filter: &mut dyn Iterator<Item = Str>, own: &str| {
        let mut filter = filter.peekable();
        filter.peek().is_none() || filter.any(|wanted| wanted.eq_ignore_ascii_case(own))
    };
    // Kafka takes blanks around a state for nothing, and those around a type for a part of it.
    let states = request.states_filter.iter().map(|wanted| text(wanted.trim()));
    among(&mut { states }, any_state(group.state)) && among(&mut request.types_filter.iter(), kind(group))
}

fn told(version: i16, group: &GroupListing) -> ListedGroup {
    let mut listed = ListedGroup::default();
    listed.group_id = text(&*group.group).into();
    listed.protocol_type = text(&*group.protocol_type);
    if version >= STATE_SINCE {
        listed.group_state = Str::from_static_str(any_state(group.state));
    }
    if version >= TYPE_SINCE {
        listed.group_type = Str::from_static_str(kind(group));
    }
    listed
}
