//! Floor 6: partitions as handlers and coordinators hold them. tokio's synchronisation is allowed here, wire is not.
//!
//! - [`registry`]: [`Partitions`]: who finds, makes, and deletes them; room for appends.
//! - [`handle`]: [`Partition`]: append, epochs, watermarks.
//! - [`acks`]: [`Ticket`]: an append's answer, parked until its offset is durable.
//! - [`deletion`]: DeleteRecords, parked until the raised log start is durable.
//! - [`read`]: reads from ring and segments, as parts of an answer.
//! - [`times`]: offsets by timestamp.
//! - [`ready`]: [`ReadySet`]: interest in partitions, like epoll.
//!
//! What holds: the assignment of offsets (ordered, synchronous, never blocked by the disk) is parted from the
//! acknowledgement. Nothing at or above the high watermark leaves this module, and the high watermark is the durable
//! offset; the log start that is told is the durable one, too. A ticket resolves exactly once: durable, or an error after which nothing more is acknowledged. No lock is
//! held across an await, nothing polls, and a partition at rest has no task and no timer. A crash takes tickets and
//! interests with it and nothing else: there is no state here that is not the store's.

mod acks;
mod deletion;
mod handle;
mod read;
mod ready;
mod registry;
mod times;

pub use crate::store::{AppendError, Room};
pub use acks::{AckError, ProduceResult, Ticket};
pub use deletion::{Before, DeleteError};
pub use handle::{EpochError, Interest, Partition};
pub use read::{AbortedTransaction, ReadError, ReadResult, ReadUpto};
pub use ready::{ReadySet, Token};
pub use registry::{Partitions, ReserveError};
pub use times::{FoundOffset, LookupError};

#[cfg(test)]
mod tests;
