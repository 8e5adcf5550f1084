//! Edits of a log's sealed segments while it is read and written: a group of them gives way to one that a compaction has
//! written ([`Log::swap`]).
//!
//! ```text
//! the compaction writes <base>.log.<round>.cleaned and its indexes, and syncs them      a crash: removed at the start
//! `compacted` is replaced, durably                                                       from here on the new segment counts
//! readers find the new segment; who holds an old one keeps its file open
//! the new files take the segment's names, the old ones go                                a crash: finished at the start
//! ```
//!
//! One edit at a time; appends, the segment writer and readers wait for none of it. Removal below the log start and
//! deletion of the partition are edits too: they wait for each other.

use super::compacted::{self, Compacted, CompactedSegment, cleaned_name};
use super::files::{Log, remove_if_there};
use super::names;
use super::segment::Segment;
use crate::base::Offset;
use std::io;
use std::sync::Arc;

/// Why a swap did not take place.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// Segments of the group are gone, or the partition is: what was written of it is removed.
    #[error("the segments are not there any more")]
    Gone,
    /// The disk failed before the swap counted.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The disk failed after that: only a start can bring it to its end.
    #[error("a compaction can't be brought to its end: {0}")]
    HalfDone(io::Error),
}

/// A segment that takes the place of others, written and durable under its cleaned names.
pub struct Replacement {
    /// What it replaces: consecutive segments.
    pub old: Vec<Arc<Segment>>,
    /// What is noted of it.
    pub noted: CompactedSegment,
    /// Its index entries, both kinds.
    pub entries: (u32, u32),
}

impl Log {
    /// What was compacted so far.
    pub fn compacted(&self) -> Compacted {
        self.edits.lock().clone()
    }

    /// Makes `new` the segment of its offsets, in place of the old ones; `clean` is noted with it where it is known.
    pub fn swap(&self, new: Replacement, clean: Option<Offset>) -> Result<(), SwapError> {
        let mut edits = self.edits.lock();
        if self.is_deleted() || !self.holds(&new.old) {
            self.discard_cleaned(&new.noted)?;
            return Err(SwapError::Gone);
        }
        let mut next = edits.clone();
        next.put(new.noted);
        if let Err(error) = self.note(&mut edits, next, clean) {
            return Err(self.not_noted(&edits, &new.noted, error));
        }
        // From here on it counts.
        self.put_in_place(&new).map_err(SwapError::HalfDone)
    }

    /// What could not be noted goes, lest it take up the room that a full disk has not. But the note may have taken its name
    /// before the failure: then the next start goes by it, and nobody may touch the files that it names.
    fn not_noted(&self, edits: &Compacted, noted: &CompactedSegment, error: io::Error) -> SwapError {
        let there = self.env.disk.read_whole(&self.dir().join(compacted::FILE_NAME), compacted::BYTES_MAX);
        let is_old = match there {
            Ok(bytes) => bytes == edits.encode().as_bytes(),
            Err(error) => error.kind() == io::ErrorKind::NotFound && *edits == Compacted::default(),
        };
        match is_old.then(|| self.discard_cleaned(noted)) {
            None => SwapError::HalfDone(error),
            Some(Ok(())) => SwapError::Io(error),
            Some(Err(error)) => SwapError::Io(error),
        }
    }

    fn put_in_place(&self, new: &Replacement) -> io::Result<()> {
        let segment = Arc::new(self.cleaned_segment(new));
        let in_use = self.replace(&new.old, &segment);
        for (old, in_use) in new.old.iter().zip(in_use) {
            old.detach(in_use);
        }
        for (slot, suffix) in segment.slots().into_iter().zip([names::LOG, names::INDEX, names::TIME_INDEX]) {
            slot.rename(&self.dir().join(names::segment(new.noted.base, suffix)))?;
        }
        for old in new.old.iter().filter(|old| old.base() != new.noted.base) {
            for slot in old.slots() {
                remove_if_there(&*self.env.disk, &slot.path())?;
            }
        }
        Ok(())
    }

    /// Notes that keys below `clean` were compacted.
    pub fn note_clean(&self, clean: Offset) -> Result<(), SwapError> {
        let mut edits = self.edits.lock();
        if self.is_deleted() {
            return Err(SwapError::Gone);
        }
        let next = edits.clone();
        Ok(self.note(&mut edits, next, Some(clean))?)
    }

    /// Removes the cleaned files of a round that did not come to count. Nothing happens when the directory went with its
    /// topic: the next one of its name has files of the same names.
    pub fn discard_cleaned(&self, noted: &CompactedSegment) -> io::Result<()> {
        let is_away = self.is_away.lock();
        if *is_away {
            return Ok(());
        }
        [names::LOG, names::INDEX, names::TIME_INDEX].into_iter().try_for_each(|suffix| {
            let path = self.dir().join(cleaned_name(noted.base, suffix, noted.round));
            remove_if_there(&*self.env.disk, &path)
        })
    }

    fn note(&self, edits: &mut Compacted, mut next: Compacted, clean: Option<Offset>) -> io::Result<()> {
        next.clean = clean.unwrap_or(next.clean);
        let first = self.first_offset().unwrap_or_default();
        next.retain(|base| base >= first);
        if next == *edits {
            return Ok(());
        }
        let path = self.dir().join(compacted::FILE_NAME);
        self.env.disk.write_whole(&path, next.encode().as_bytes())?;
        *edits = next;
        Ok(())
    }

    /// Shows `new` to readers instead of the segments in `old`, which stand one after the other; says of each of these
    /// whether somebody still reads it.
    fn replace(&self, old: &[Arc<Segment>], new: &Arc<Segment>) -> Vec<bool> {
        let mut segments = self.segments.write();
        let mut all = Vec::clone(&segments);
        let at = all.partition_point(|segment| segment.base() < old[0].base());
        all.splice(at..at + old.len(), [Arc::clone(new)]);
        let before = std::mem::replace(&mut *segments, Arc::new(all));
        drop(segments);
        let planning = Arc::strong_count(&before) > 1;
        drop(before);
        // The caller has one.
        old.iter().map(|segment| planning || Arc::strong_count(segment) > 1).collect()
    }

    /// Whether these segments stand in the log, one after the other.
    fn holds(&self, old: &[Arc<Segment>]) -> bool {
        let segments = self.segments();
        let Some(first) = old.first() else { return false };
        let at = segments.partition_point(|segment| segment.base() < first.base());
        let there = segments.get(at..at + old.len());
        // The active one is never part of an edit.
        there.is_some_and(|there| there.iter().zip(old).all(|(a, b)| Arc::ptr_eq(a, b)))
            && at + old.len() < segments.len()
    }

    fn cleaned_segment(&self, new: &Replacement) -> Segment {
        let CompactedSegment { base, bytes, round, heads, .. } = new.noted;
        let (index, times) = new.entries;
        let path = |suffix| self.dir().join(cleaned_name(base, suffix, round));
        let segment = Segment::of_files(&self.env, base, bytes, (Some(index), Some(times)), path);
        // This run wrote it.
        segment.checked(0, bytes);
        segment.with_gaps(heads)
    }
}

/// The names of these segments are about to go: those that somebody reads are kept open, for as long as that takes. The
/// others are not opened: a log may have more segments than the process may open files. `list` is what held all of them.
pub(super) fn detach_all(list: &Arc<Vec<Arc<Segment>>>, going: &[Arc<Segment>]) {
    let planning = Arc::strong_count(list) > 1;
    for segment in going {
        segment.detach(planning || Arc::strong_count(segment) > 1);
    }
}
