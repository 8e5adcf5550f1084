//! The checkpoint: from where recovery begins, for each partition and for the whole broker.
//!
//! - [`Checkpoint`]: writing: [`Checkpoint::create`], [`Checkpoint::append`]. `fresh`: both copies written anew.
//!   `copy_file`: one copy and the room in it.
//! - `load`: reading both copies and judging between them. `scan`: reading one. [`inspect`]: showing what is there.
//! - `format`: the bytes. `commit_writer`: changes cut into frames.
//!
//! ```text
//! ottla.checkpoint      written and synced first
//! ottla.checkpoint.2    written when the first is durable: the same bytes, unless a crash came between
//!
//!   | header | frame | frame ... frame | frame | ... | zeros: room that the next commits need not ask the disk for |
//!            '-- first commit ---------'-- next -'
//!                all that is live           what changed
//!
//! frame   | magic, length, commit, position, CRC of the header before, CRCs | record | record | ...
//! record  | put or forget, partition, directory, state, CRC |
//! ```
//!
//! A commit is one frame or several and counts when its last frame is there. Commit numbers go up by one and go on when
//! the file is written anew, which happens at each start and when most of it is out of date.
//!
//! What must hold: no byte of a commit reaches the second copy before the first copy has that commit durably. So:
//!
//! - A commit that [`Checkpoint::append`] answered is whole in both copies; one that a crash cut is torn in the first
//!   and has no trace in the second, or is whole in the first.
//! - A trace of a commit in the second copy proves that the commit was durable. When no copy has it whole, something
//!   that counted is gone, and loading refuses. The same goes for the first copy when the commit after it has begun.
//! - One damaged place in one copy, of whatever kind, therefore costs nothing, and damage in both is never taken for
//!   the state of an earlier time. Nor is damage together with a torn end: that is right or refused.
//!
//! What a crash leaves: a torn end, one copy a commit behind, or temporary files, which the next writing replaces.
//!
//! One user at a time: whoever holds the data directory's lock. After [`Checkpoint::load`] the owner calls
//! [`Checkpoint::create`] before it writes anything else, so nothing here repairs a file in place.

mod append;
mod commit_writer;
mod copy_file;
mod error;
mod format;
mod fresh;
mod inspect;
mod load;
mod scan;

#[cfg(test)]
mod tests;

pub(crate) use append::Checkpoint;
pub use error::CheckpointError;
pub use inspect::{CopyView, FrameView, RecordView, inspect};

use crate::base::TopicPartition;
use bytes::Bytes;
use std::collections::HashMap;

/// The two copies in the data directory, in the order in which they are written.
pub(crate) const FILES: [&str; 2] = ["ottla.checkpoint", "ottla.checkpoint.2"];

/// Where each copy is written before it takes its name.
pub(crate) const TEMPORARY_FILES: [&str; 2] = ["ottla.checkpoint.tmp", "ottla.checkpoint.2.tmp"];

/// What holds for the whole broker as of one commit of the checkpoint.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// Which start of the broker wrote the write-ahead log that counts.
    pub incarnation: u64,
    /// Sequence of the first chunk of that log which is still needed.
    pub live_from: u64,
}

/// What a commit says of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Change {
    /// This is the partition's state now.
    Put {
        /// The partition.
        id: TopicPartition,
        /// The name of its directory.
        dir: String,
        /// The log's own encoding, opaque here.
        state: Bytes,
    },
    /// The partition is gone.
    Forget(TopicPartition),
}

impl Change {
    /// The partition that it is about.
    pub(crate) fn id(&self) -> TopicPartition {
        match self {
            Change::Put { id, .. } | Change::Forget(id) => *id,
        }
    }
}

/// What the checkpoint keeps of one partition.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Kept {
    /// The name of its directory.
    pub(crate) dir: String,
    /// The log's own encoding, opaque here.
    pub(crate) state: Bytes,
}

/// The checkpoint as of its last commit.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// What holds for the whole broker.
    pub(crate) position: Position,
    /// What holds for each partition.
    pub(crate) records: HashMap<TopicPartition, Kept>,
    /// What was out of order but cost nothing, a line each, for the log.
    pub(crate) notes: Vec<String>,
}

/// How much goes where; tests take smaller ones.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sizes {
    /// Records of one frame, bytes; a single larger record has a frame of its own.
    frame_bytes_max: usize,
    /// Zeros kept beyond the last commit.
    reserve_bytes: u64,
    /// What may be out of date in the file beside [`append::REWRITE_FACTOR`] times what is live.
    rewrite_slack_bytes: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes {
            frame_bytes_max: format::FRAME_BYTES_MAX,
            reserve_bytes: copy_file::RESERVE_BYTES,
            rewrite_slack_bytes: append::REWRITE_SLACK_BYTES,
        }
    }
}
