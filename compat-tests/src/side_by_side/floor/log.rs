//! One partition: a file of batches, and where each of them lies.
//!
//! A batch is appended with one write into the page cache and is never synced. The index is in memory and covers what is
//! readable, in the order of the offsets. What has been written stays as it is.

use super::batch;
use kafka_protocol::ResponseError;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// One partition. Its file is there from its first batch on.
pub(super) struct Log {
    path: PathBuf,
    file: Option<Arc<File>>,
    batches: Vec<Placed>,
    /// Where the next batch is written.
    position: u64,
    end: i64,
}

/// Where a batch lies.
struct Placed {
    base_offset: i64,
    position: u64,
    bytes: u32,
}

impl Placed {
    fn end_position(&self) -> u64 {
        self.position + u64::from(self.bytes)
    }
}

/// Whole batches that lie side by side in a file. A reader reads them without a lock.
pub(super) struct Run {
    pub(super) file: Arc<File>,
    pub(super) position: u64,
    pub(super) bytes: usize,
}

impl Log {
    /// The first readable offset: nothing is ever removed.
    pub(super) const START: i64 = 0;

    pub(super) fn new(path: PathBuf) -> Self {
        Log { path, file: None, batches: Vec::new(), position: 0, end: Self::START }
    }

    /// The offset that the next record gets.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Appends a batch that takes `offsets` offsets and returns the first of them, which is written into the batch.
    pub(super) fn append(&mut self, batch: &mut [u8], offsets: i64) -> Result<i64, ResponseError> {
        let bytes = u32::try_from(batch.len()).map_err(|_| ResponseError::MessageTooLarge)?;
        let (position, base_offset) = (self.position, self.end);
        batch::set_base_offset(batch, base_offset);
        let file = self.file().map_err(|_| ResponseError::KafkaStorageError)?;
        file.write_all_at(batch, position).map_err(|_| ResponseError::KafkaStorageError)?;
        self.batches.push(Placed { base_offset, position, bytes });
        self.position = position + u64::from(bytes);
        self.end += offsets;
        Ok(base_offset)
    }

    fn file(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(true);
            self.file = Some(Arc::new(options.open(&self.path)?));
        }
        self.file.as_deref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The batches from the one with `offset` on that fit `limit` bytes, and the first of them even if it doesn't when
    /// `at_least_one`. `None` if there is nothing to read.
    pub(super) fn plan(&self, offset: i64, limit: usize, at_least_one: bool) -> Result<Option<Run>, ResponseError> {
        if offset < Self::START || offset > self.end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let after = self.batches.partition_point(|placed| placed.base_offset <= offset);
        let first = after.checked_sub(1).and_then(|at| self.batches.get(at)).filter(|_| offset < self.end);
        let (Some(first), Some(file)) = (first, &self.file) else { return Ok(None) };
        let fits = |placed: &Placed| placed.end_position() - first.position <= limit as u64;
        let fitting = self.batches.partition_point(|placed| placed.base_offset <= first.base_offset || fits(placed));
        let last = self.batches.get(fitting - 1).unwrap_or(first);
        let bytes = usize::try_from(last.end_position() - first.position).unwrap_or(usize::MAX);
        let run = Run { file: Arc::clone(file), position: first.position, bytes };
        Ok(Some(run).filter(|run| run.bytes <= limit || at_least_one))
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
