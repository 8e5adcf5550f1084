//! Floor 4: one partition on disk.
//!
//! Pure, under the partition's short lock:
//! - [`tip`]: admits batches: offsets, producer sequences, when to roll. Decides; writes nothing.
//! - [`producers`], [`epochs`], [`growth`]: its parts. [`settings`]: what it goes by.
//!
//! Pure, at no lock:
//! - [`compact`]: what compaction keeps of a log, batch by batch, and which log is worth it.
//!
//! Files, in Kafka's own names and formats (docs/formats.md):
//! - [`files`]: [`Log`], a partition's segments; written by one thread in the order of admission, read by anybody.
//! - [`segment`]: batches and their two indexes; look-ups by offset and time. [`plan`]: plans of reads. [`index`],
//!   [`walk`], [`headers`].
//! - [`open`]: from a directory back to a [`Log`] and its [`Tip`]; [`survey`]: what a segment file really holds.
//! - [`cleaned`]: a compacted segment while it is written. [`edit`]: such segments in place of others. [`compacted`]: the
//!   file that says so.
//! - [`image`]: the tip as the store's checkpoint keeps it; [`index_tail`]: the index entries with it. [`start_file`]: the
//!   log start between checkpoints.
//! - [`snapshot`], [`metadata_file`], [`names`]: the other files. [`descriptors`]: a bounded number of open files.
//! - `age`: how old a sealed segment is. [`waste`]: segments below the log start, and files of no segment.
//! - [`inspect`]: a read-only check of everything above, for people.
//!
//! What must hold: a batch is stored as it was produced, except base offset and leader epoch. A segment and its indexes
//! are durable before the next segment's file exists, so that only the active segment can be torn. Readers see no byte
//! before its write returned. Indexes, snapshots and epochs are derived: lost or damaged ones are made again.
//!
//! What a crash leaves: the active segment up to some batch, then possibly a torn tail; sealed segments whole. Opening
//! cuts the tail and nothing else, and rebuilds producer state exactly. A damaged sealed segment is named and left alone.
//!
//! No clock, no chance, no network, no tokio. Disk errors go up as they come; what they mean is the store's matter.

mod age;
pub mod cleaned;
pub mod compact;
pub mod compacted;
pub mod descriptors;
pub mod edit;
pub mod epochs;
pub mod files;
pub mod growth;
mod headers;
pub mod image;
pub mod index;
pub mod index_tail;
pub mod inspect;
pub mod metadata_file;
pub mod names;
pub mod open;
pub mod plan;
pub mod producers;
pub mod segment;
pub mod settings;
pub mod snapshot;
pub mod start_file;
pub mod survey;
pub mod tip;
pub mod walk;
pub mod waste;

pub use age::Newest;
pub use descriptors::Descriptors;
pub use edit::SwapError;
pub use epochs::Epochs;
pub use files::{Log, LogEnv, Placed};
pub use growth::Growth;
pub use index_tail::IndexTail;
pub use open::{Cut, LogDir, OpenError, OpenHow, OpenReport};
pub use plan::{Planned, Wanted};
pub use segment::{Found, Segment, SegmentError};
pub use settings::LogSettings;
pub use tip::{Admission, AppendError, Placement, Roll, Tip};
pub use waste::{Dropped, OldFile};

#[cfg(test)]
mod tests;
