//! The machine of a partition of `__consumer_offsets`.

use super::command::{Command, Reply};
use crate::coordinator::{Effects, Machine, Moment, Stored, Ticket};
use crate::settings::GroupSettings;
use std::time::Duration;

/// Groups and their offsets, of one partition.
pub struct GroupMachine {}

impl GroupMachine {
    /// An empty one.
    pub fn new(_: &GroupSettings) -> GroupMachine {
        GroupMachine {}
    }
}

impl Machine for GroupMachine {
    type Command = Command;
    type Reply = Reply;

    fn may_write(command: &Command) -> bool {
        match command {
            Command::Heartbeat(_) | Command::FetchOffsets(_) | Command::Describe(_) | Command::List => false,
            Command::Join(_)
            | Command::Sync(_)
            | Command::Leave(_)
            | Command::CommitOffsets(_)
            | Command::DeleteOffsets(_)
            | Command::DeleteGroup(_)
            | Command::TopicsDeleted(_) => true,
        }
    }

    fn replay(&mut self, _: Stored<'_>) {}
    fn loaded(&mut self, _: Moment, _: &mut Effects<Reply>) {}
    fn command(&mut self, _: Moment, _: Ticket, _: Command, _: &mut Effects<Reply>) {}
    fn due(&self) -> Option<Duration> {
        None
    }
    fn tick(&mut self, _: Moment, _: &mut Effects<Reply>) {}
}
