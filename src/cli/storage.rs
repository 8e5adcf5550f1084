//! `ottla storage inspect`: hands a directory to whoever knows the files, and turns the outcome
//! into an exit code.

use std::io::Write;
use std::path::Path;

use super::exit::Failure;

/// What an inspection found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inspection {
    /// Nothing to complain of.
    Sound,
    /// So many findings, all of them written out.
    Damaged {
        /// At least 1.
        findings: u64,
    },
}

/// Why an inspection could not be made.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The directory is no data directory.
    #[error("{0} holds no segments; name a data directory or a partition's directory")]
    NotData(String),
    /// Files can't be read, or the answer can't be written.
    #[error("cannot inspect: {0}")]
    Io(#[from] std::io::Error),
}

/// Lists checkpoint, write-ahead log, segments and batches of a data directory, or the segments of one
/// partition's directory, on the writer and checks checksums and indexes. Changes nothing.
pub type Inspect = fn(&Path, &mut dyn Write) -> Result<Inspection, InspectError>;

pub(super) fn inspect(inspect: Inspect, directory: &Path, out: &mut dyn Write) -> Result<(), Failure> {
    match inspect(directory, out) {
        Ok(Inspection::Sound) => Ok(()),
        Ok(Inspection::Damaged { findings }) => Err(Failure::Damaged(format!(
            "{} has {findings} findings, listed above; restore the files they name from a copy",
            directory.display()
        ))),
        Err(InspectError::NotData(why)) => Err(Failure::Usage(InspectError::NotData(why).to_string())),
        Err(InspectError::Io(why)) => {
            let line = format!("{}: {}", directory.display(), InspectError::Io(why));
            Err(Failure::Storage(line))
        }
    }
}
