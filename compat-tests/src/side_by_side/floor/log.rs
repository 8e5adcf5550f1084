//! One partition: a file of batches, and where each of them lies.
//!
//! A batch is appended with one write into the page cache and is never synced. The index is in memory and covers what is
//! readable, in the order of the offsets. With a wrap, the file begins again at its start when a batch would reach beyond
//! that, and the index gives up what is about to be overwritten *before* the write: see `Run` for what a reader must ask.

use super::batch;
use kafka_protocol::ResponseError;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

/// One partition. Its file is there from its first batch on.
pub(super) struct Log {
    path: PathBuf,
    wrap_bytes: Option<NonZeroU64>,
    file: Option<Arc<File>>,
    batches: VecDeque<Placed>,
    /// Where the next batch is written, unless it wraps.
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

/// Whole batches that lie side by side in a file. A reader reads them without a lock; with a wrap they may be overwritten
/// meanwhile, so it must see afterwards that the log still starts at or before `base_offset`.
pub(super) struct Run {
    pub(super) file: Arc<File>,
    pub(super) position: u64,
    pub(super) bytes: usize,
    pub(super) base_offset: i64,
}

impl Log {
    pub(super) fn new(path: PathBuf, wrap_bytes: Option<NonZeroU64>) -> Self {
        Log { path, wrap_bytes, file: None, batches: VecDeque::new(), position: 0, end: 0 }
    }

    /// The first readable offset; the end if there is none.
    pub(super) fn start(&self) -> i64 {
        self.batches.front().map_or(self.end, |first| first.base_offset)
    }

    /// The offset that the next record gets.
    pub(super) fn end(&self) -> i64 {
        self.end
    }

    /// Appends a batch that takes `offsets` offsets and returns the first of them, which is written into the batch.
    pub(super) fn append(&mut self, batch: &mut [u8], offsets: i64) -> Result<i64, ResponseError> {
        let bytes = u32::try_from(batch.len()).map_err(|_| ResponseError::MessageTooLarge)?;
        let position = self.make_room(bytes.into())?;
        let base_offset = self.end;
        batch::set_base_offset(batch, base_offset);
        let file = self.file().map_err(|_| ResponseError::KafkaStorageError)?;
        file.write_all_at(batch, position).map_err(|_| ResponseError::KafkaStorageError)?;
        self.batches.push_back(Placed { base_offset, position, bytes });
        self.position = position + u64::from(bytes);
        self.end += offsets;
        Ok(base_offset)
    }

    /// Where to write the next `bytes`. What lies there is no longer in the index.
    fn make_room(&mut self, bytes: u64) -> Result<u64, ResponseError> {
        let Some(wrap_bytes) = self.wrap_bytes else { return Ok(self.position) };
        if bytes > wrap_bytes.get() {
            return Err(ResponseError::MessageTooLarge);
        }
        let mut position = self.position;
        if position + bytes > wrap_bytes.get() {
            // What is left of the round before lies behind the last batch, and goes first because it is older than what
            // lies at the file's start.
            self.give_up(position..wrap_bytes.get());
            position = 0;
        }
        self.give_up(position..position + bytes);
        Ok(position)
    }

    /// Takes the oldest batches out of the index as long as they begin in `range`. Those of the round under way, which end
    /// where the range begins, don't; neither does one of the round before that reaches into the range, because it began
    /// where the last write gave it up.
    fn give_up(&mut self, range: std::ops::Range<u64>) {
        while self.batches.front().is_some_and(|oldest| range.contains(&oldest.position)) {
            self.batches.pop_front();
        }
    }

    fn file(&mut self) -> io::Result<&File> {
        if self.file.is_none() {
            let mut options = File::options();
            options.read(true).write(true).create(true).truncate(self.wrap_bytes.is_none());
            self.file = Some(Arc::new(options.open(&self.path)?));
        }
        self.file.as_deref().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// The batches from the one with `offset` on that fit `limit` bytes, and the first of them even if it doesn't when
    /// `at_least_one`. `None` if there is nothing to read.
    pub(super) fn plan(&self, offset: i64, limit: usize, at_least_one: bool) -> Result<Option<Run>, ResponseError> {
        if offset < self.start() || offset > self.end {
            return Err(ResponseError::OffsetOutOfRange);
        }
        let after = self.batches.partition_point(|placed| placed.base_offset <= offset);
        let first = after.checked_sub(1).and_then(|at| self.batches.get(at)).filter(|_| offset < self.end);
        let (Some(first), Some(file)) = (first, &self.file) else { return Ok(None) };
        // Those after a wrap lie before the first one: the run ends there.
        let fits = |placed: &Placed| {
            placed.position > first.position && placed.end_position() - first.position <= limit as u64
        };
        let fitting = self.batches.partition_point(|placed| placed.base_offset <= first.base_offset || fits(placed));
        let last = self.batches.get(fitting - 1).unwrap_or(first);
        let bytes = usize::try_from(last.end_position() - first.position).unwrap_or(usize::MAX);
        let run = Run { file: Arc::clone(file), position: first.position, bytes, base_offset: first.base_offset };
        Ok(Some(run).filter(|run| run.bytes <= limit || at_least_one))
    }
}

#[cfg(test)]
#[path = "log_tests.rs"]
mod tests;
