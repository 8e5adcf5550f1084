//! Floor 6: what the cluster knows about itself: topics, settings, brokers, producer-id blocks.
//!
//! - [`image`]: the state at one moment, immutable; what readers hold.
//! - [`change`]: the steps between images, and why one may be refused.
//! - [`log`]: the durable order of the changes, and the handle [`MetadataLog`].
//! - `sorted`: the map that makes new images cheap.

pub mod change;
pub mod image;
pub mod log;
mod sorted;

pub use change::{Change, Configs, Outcome, PARTITIONS_PER_TOPIC_MAX, PRODUCER_IDS_PER_BLOCK, Refusal};
pub use image::{Broker, Image, Topic};
pub use log::{CommitError, Committed, MetadataLog};
