//! Floor 7: coordinators. A coordinator is a pure machine for each partition of an internal topic; the runtime here gives it
//! a mailbox, keeps what it decides in that partition, and lets its replies go when what they rest on is durable.
//!
//! - [`machine`]: what a machine is: commands and time in, records and replies out.
//! - [`runtime`]: [`Coordinator`]: finds and starts the shard of a partition, asks it.
//! - [`shard`]: one machine at work: a step at a time, appended, then told.
//! - [`load`]: a machine from the records of its partition.
//! - [`batch`]: the records of a step as batches.
//!
//! What holds: a machine sees one thing at a time. Records are in the order of the steps; those of a step are one batch, kept
//! whole or not at all, unless they are more than the topic takes in one. A reply, be it of a read or an error, is told only when
//! everything the machine had written by then is durable: nobody sees what a crash takes back. What can't be appended is
//! taken back: the machine is loaded anew, and who waited for it is told to ask again. A crash leaves the records; the
//! machine is what they make of it. Called by `handlers` and `serve`.

mod batch;
mod load;
pub mod machine;
mod runtime;
mod shard;

#[cfg(test)]
mod tests;

pub use batch::STEP_BYTES_MAX;
pub use machine::{Effects, Machine, Moment, Record, Stored, Ticket};
pub use runtime::{AskError, Coordinator};
