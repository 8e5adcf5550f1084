//! What a coordinator's machine is.

use crate::base::{Offset, Timestamp};
use bytes::Bytes;
use std::time::Duration;

/// A moment. Both clocks are arguments: a machine reads none.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Moment {
    /// What is written into records: the wall clock, or proven time when the clock is behind it. May step.
    pub wall: Timestamp,
    /// What ages are judged by: never later than what is proven to have passed, whatever the clock says.
    pub proven: Timestamp,
    /// What timeouts go by. Never goes back.
    pub monotonic: Duration,
}

/// Who waits for a reply. Given by the runtime, never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Ticket(pub u64);

/// A record of the internal partition, as it is to be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Record {
    /// Kafka's key, its version in front.
    pub key: Bytes,
    /// Kafka's value, its version in front; none is a tombstone.
    pub value: Option<Bytes>,
}

/// A record as it was found in the internal partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stored<'a> {
    /// Where it is.
    pub offset: Offset,
    /// When it was written, as its writer said.
    pub timestamp: Timestamp,
    /// Its key.
    pub key: &'a [u8],
    /// Its value; none is a tombstone.
    pub value: Option<&'a [u8]>,
}

/// What a step of a machine comes to. The machine has taken over all of it already: the runtime keeps it, or nothing is
/// ever told again.
#[derive(Debug)]
pub struct Effects<Reply> {
    /// To be written, in this order, all or none.
    pub records: Vec<Record>,
    /// Replies of this and of earlier commands, each ticket once; they go when the records before and of this step are
    /// durable.
    pub replies: Vec<(Ticket, Reply)>,
}

impl<Reply> Default for Effects<Reply> {
    fn default() -> Self {
        Effects { records: Vec::new(), replies: Vec::new() }
    }
}

impl<Reply> Effects<Reply> {
    /// Replies to a command.
    pub fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.replies.push((ticket, reply));
    }

    /// Writes a record.
    pub fn write(&mut self, record: Record) {
        self.records.push(record);
    }
}

/// The pure machine of one internal partition.
///
/// It is first given every record of its partition, oldest first ([`Machine::replay`]), then [`Machine::loaded`], then
/// commands and ticks. What it is after replaying what it wrote must be what it was, but for what it never writes (members
/// that only joined, sessions).
pub trait Machine: Send + 'static {
    /// What it can be asked.
    type Command: Send + 'static;
    /// What it answers.
    type Reply: Send + 'static;

    /// Whether the command may write. While the disk is full such commands are refused before the machine sees them.
    fn may_write(command: &Self::Command) -> bool;

    /// Takes over a record of its partition. One that it can't read is left out: the machine counts and names it.
    fn replay(&mut self, record: Stored<'_>);

    /// All records were replayed: sessions begin anew.
    fn loaded(&mut self, now: Moment, effects: &mut Effects<Self::Reply>);

    /// Does what it is asked. The reply may come at once or in any later step.
    fn command(&mut self, now: Moment, ticket: Ticket, command: Self::Command, effects: &mut Effects<Self::Reply>);

    /// The moment ([`Moment::monotonic`]) at which [`Machine::tick`] has something to do, if there is one.
    fn due(&self) -> Option<Duration>;

    /// Does what is due.
    fn tick(&mut self, now: Moment, effects: &mut Effects<Self::Reply>);
}
