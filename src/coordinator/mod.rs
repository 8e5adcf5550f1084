//! Floor 7: coordinators. A coordinator is a pure machine for each partition of an internal topic; the runtime here gives it
//! a mailbox, keeps what it decides in that partition, and lets its replies go when what they rest on is durable.
//!
//! - [`machine`]: what a machine is: commands and time in, records and replies out.
//! - [`runtime`]: one mailbox and one machine for each partition.
//! - [`load`]: a machine from the records of its partition.
//! - [`batch`]: records of one step as one batch, so that a crash keeps all of them or none.
//!
//! What holds: a machine sees one thing at a time. The records of a step are in the partition's order of steps. A reply,
//! be it of a read or an error, is told only when everything the machine had written by then is durable: nobody sees what
//! a crash takes back. Room in the log is taken before a machine is asked, so what it decides is kept, or the storage has
//! failed and nobody is told anything any more. A crash leaves the records; the machine is what they make of it.

pub mod machine;

pub use machine::{Effects, Machine, Moment, Record, Stored, Ticket};
