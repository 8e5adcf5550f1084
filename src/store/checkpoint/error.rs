//! Why the checkpoint can't be read or written.

use super::format::{DIR_BYTES_MAX, STATE_BYTES_MAX, VERSION};
use crate::base::TopicPartition;
use std::io;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// Why the checkpoint can't be read or written.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Commits that were durable are gone from both copies.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The copy that shows it.
        path: PathBuf,
        /// What is wrong, where, and what can be done.
        what: String,
    },
    /// It was written by a later release.
    #[error("{} has format version {version}, this release knows up to {VERSION}: start a newer Ottla", path.display())]
    Newer {
        /// The copy.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// It came from elsewhere.
    #[error("{} belongs to data directory {found}, not to {expected}: restore all of a backup, or remove both copies and wal/", path.display())]
    OtherDirectory {
        /// The copy.
        path: PathBuf,
        /// The directory that its header names.
        found: Uuid,
        /// The directory that it is in.
        expected: Uuid,
    },
    /// There is no room on the disk. Nothing was changed; the same may be tried again later.
    #[error("{}: no space is left", path.display())]
    Full {
        /// The copy.
        path: PathBuf,
    },
    /// A partition's directory or state is larger than the format allows. Nothing was changed.
    #[error(
        "partition {id} has a directory name of {dir_bytes} bytes and a state of {state_bytes}; at most {DIR_BYTES_MAX} and \
         {STATE_BYTES_MAX} can be kept"
    )]
    TooLarge {
        /// The partition.
        id: TopicPartition,
        /// Bytes of its directory's name.
        dir_bytes: usize,
        /// Bytes of its state.
        state_bytes: usize,
    },
    /// The disk said no, now or at an earlier write; final for the one who writes.
    #[error("{}: {error}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
}

impl CheckpointError {
    /// Whether the disk had no room and nothing was changed.
    pub(crate) fn is_full(&self) -> bool {
        matches!(self, CheckpointError::Full { .. })
    }

    /// Whether the one who writes may go on.
    pub(super) fn changed_nothing(&self) -> bool {
        matches!(self, CheckpointError::Full { .. } | CheckpointError::TooLarge { .. })
    }

    /// For a call whose failure is final.
    pub(super) fn io(path: &Path, error: io::Error) -> Self {
        CheckpointError::Io { path: path.to_owned(), error }
    }

    /// For a call that may find the disk full before anything counts.
    pub(super) fn io_or_full(path: &Path, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                CheckpointError::Full { path: path.to_owned() }
            }
            _ => CheckpointError::io(path, error),
        }
    }
}
