//! Floor 8: consumer groups: the pure machine of one partition of `__consumer_offsets`, and its record formats.
//!
//! - [`command`]: what the machine is asked and what it answers, without any wire version.
//! - [`error`]: why it refuses.
//! - [`machine`]: [`GroupMachine`]: groups and offsets under one roof.
//! - [`classic`]: groups of the classic protocol; [`consumer`]: of the new one (KIP-848); [`timers`] for both.
//! - [`joint`]: both under one name space, and groups that change from one to the other.
//! - [`offsets`]: the offsets that groups committed.
//! - [`records`]: Kafka's own records, as bytes.
//!
//! Nothing here knows the wire, tokio, files or a clock: time and chance come with the commands. Kafka's own
//! `GroupCoordinatorService` (4.4) is the reference for what happens; KIP-62, 98, 345, 394, 429, 559, 800, 814, 848,
//! 1251.

pub mod classic;
pub mod command;
pub mod consumer;
pub mod error;
pub mod joint;
mod machine;
pub mod offsets;
pub mod records;
pub mod timers;

pub use error::GroupError;
pub use machine::GroupMachine;
