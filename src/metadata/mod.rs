//! Floor 6: what the cluster knows about itself: topics, settings, brokers, producer-id blocks.
//!
//! - [`log`]: the handle, [`MetadataLog`]: the image now, and the way to change it.
//! - [`image`]: the state at one moment, immutable; what readers hold.
//! - [`change`]: the steps between images, and why one may be refused.
//! - [`format`](mod@format): the bytes of the numbered objects, and of snapshots.
//! - [`replay`]: from objects to an image.
//! - `keeper`: the one task that writes.
//! - `sorted`: the map that makes new images cheap.
//!
//! What holds: the log is one order of changes, whoever writes; a change that was answered is durable and in every later
//! image; a change that was refused left no trace; an image never goes back. A crash leaves whole objects only. A change
//! that was being written may be there after it or not: its proposer was not answered.
//!
//! Nothing hot lives here: a change costs a synced object, and a look-up never waits for one.

pub mod change;
pub mod format;
pub mod image;
mod keeper;
pub mod log;
pub mod replay;
mod sorted;

#[cfg(test)]
mod feature_tests;
#[cfg(test)]
mod format_tests;
#[cfg(test)]
mod image_tests;
#[cfg(test)]
mod late_tests;
#[cfg(test)]
mod log_tests;

pub use change::{
    CONFIGURED_GROUPS_MAX, Change, Configs, Outcome, PARTITIONS_PER_TOPIC_MAX, PRODUCER_IDS_PER_BLOCK, Refusal,
};
pub use image::{Broker, GROUP_VERSION, Image, Topic};
pub use log::{CommitError, Committed, MetadataConfig, MetadataLog, Nonces, OpenError, SNAPSHOT_EVERY};
