//! What a step comes to.

use super::stored::GroupValue;
use crate::coordinator::machine::Ticket;
use crate::group::GroupError;
use crate::group::command::{JoinReply, Name, Reply};
use crate::group::records::ConsumerRecord;

/// Something to be kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// A group as it is now; none: it is gone.
    Group {
        /// The group.
        group: Name,
        /// What is kept of it.
        value: Option<GroupValue>,
    },
    /// A part of a group of the new protocol.
    Consumer(ConsumerRecord),
}

/// Changes and replies of a step. The replies go when the changes are durable.
#[derive(Debug, Default)]
pub struct Out {
    /// In this order, all or none.
    pub changes: Vec<Change>,
    /// Each ticket once.
    pub replies: Vec<(Ticket, Reply)>,
}

impl Out {
    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push((ticket, reply));
    }

    pub(super) fn keep(&mut self, group: &Name, value: Option<GroupValue>) {
        self.changes.push(Change::Group { group: group.clone(), value });
    }

    /// Refuses a join; `member` is the id that is told.
    pub(in crate::group) fn refuse_join(&mut self, ticket: Ticket, member: Name, error: GroupError) {
        let reply = JoinReply {
            error: Some(error),
            generation: -1,
            protocol_type: None,
            protocol: None,
            leader: Name::from(""),
            skip_assignment: false,
            member,
            members: Vec::new(),
        };
        self.reply(ticket, Reply::Join(reply));
    }
}
