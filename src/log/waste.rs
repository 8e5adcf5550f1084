//! What a log does not need any more: segments wholly below its log start, and files that belong to no segment.
//!
//! First a segment leaves the list, then, when a record that holds the log start is durable, its files go one by one
//! ([`Log::remove_file`]). A crash in between leaves files that the next start finds below the log start again. What reads
//! a segment reads on: it is open for them.

use super::edit::detach_all;
use super::files::{Log, Writer, remove_if_there};
use super::segment::Segment;
use super::{names, snapshot};
use crate::base::Offset;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// What a segment's files end in. The last is Kafka's index of aborted transactions.
const SEGMENT_FILES: [&str; 4] = [names::LOG, names::INDEX, names::TIME_INDEX, ".txnindex"];

/// A file that may go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OldFile {
    base: Offset,
    suffix: &'static str,
}

impl OldFile {
    /// Its name in the partition's directory.
    pub fn name(&self) -> String {
        names::segment(self.base, self.suffix)
    }
}

/// What was given up.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Dropped {
    /// Base offsets and bytes of the segments, oldest first.
    pub segments: Vec<(Offset, u64)>,
    /// Files that may go now.
    pub files: Vec<OldFile>,
}

/// How many segments, from the oldest on, lie wholly below `start`; when the log has `expired`, those that begin there.
fn count_below(segments: &[Arc<Segment>], start: Offset, expired: bool) -> usize {
    let ends = segments.iter().skip(1).map(|next| Some(next.base())).chain([None]);
    let below = |(segment, next): &(&Arc<Segment>, Option<Offset>)| match next {
        Some(next) => *next <= start,
        None => expired && segment.base() < start,
    };
    segments.iter().zip(ends).take_while(below).count()
}

impl Log {
    /// Takes the segments out that lie wholly below `start`, which is durable; when the log has `expired` at `start`, the
    /// one that was active then, too. Touches no file, except that it opens what somebody reads.
    pub fn drop_below(&self, start: Offset, expired: bool) -> Dropped {
        // A swap that is under way ends first.
        let edits = self.edits.lock();
        let mut writer = self.writer.lock();
        if writer.deleted {
            return Dropped::default();
        }
        let (before, first) = {
            let mut segments = self.segments.write();
            let count = count_below(&segments, start, expired);
            let kept = Arc::new(segments[count..].to_vec());
            let first = kept.first().map(|segment| segment.base());
            (std::mem::replace(&mut *segments, kept), first)
        };
        let going = &before[..before.len() - self.segments.read().len()];
        writer.emptied |= first.is_none() && !going.is_empty();
        let mut files = std::mem::take(&mut writer.leftovers);
        let needed = first.unwrap_or(start);
        let old = writer.snapshots.extract_if(.., |at| *at < needed);
        files.extend(old.map(|base| OldFile { base, suffix: snapshot::SUFFIX }));
        drop((writer, edits));
        // Not under the lock: nothing is removed yet.
        detach_all(&before, going);
        files.extend(going.iter().flat_map(|segment| files_of(segment.base())));
        let segments = going.iter().map(|segment| (segment.base(), segment.written_end())).collect();
        Dropped { segments, files }
    }

    /// Whether [`Self::drop_below`] would find something.
    pub fn has_below(&self, start: Offset, expired: bool) -> bool {
        let writer = self.writer.lock();
        !writer.leftovers.is_empty() || count_below(&self.segments(), start, expired) > 0
    }

    /// Removes a file that was given up. Nothing happens when the directory went with its topic.
    pub fn remove_file(&self, file: &OldFile) -> io::Result<()> {
        let is_away = self.is_away.lock();
        if *is_away {
            return Ok(());
        }
        remove_if_there(&*self.env.disk, &self.dir.join(file.name()))
    }

    /// Bytes of batches in the segments that `start`, the log start, leaves.
    pub fn bytes_from(&self, start: Offset, expired: bool) -> u64 {
        let segments = self.segments();
        segments[count_below(&segments, start, expired)..].iter().map(|segment| segment.written_end()).sum()
    }
}

fn files_of(base: Offset) -> impl Iterator<Item = OldFile> {
    SEGMENT_FILES.into_iter().map(move |suffix| OldFile { base, suffix })
}

/// The files of a partition's directory that belong to none of the log's segments, and lie below `end`: no file of such a
/// name is ever made again.
pub(super) fn leftovers(files: &HashMap<String, u64>, segments: &[Arc<Segment>], end: Offset) -> Vec<OldFile> {
    let is_needed = |base: Offset| segments.binary_search_by_key(&base, |segment| segment.base()).is_ok();
    let first = segments.first().map_or(end, |segment| segment.base());
    let mut found = Vec::new();
    for name in files.keys() {
        let of = |suffix| names::parse(name, suffix).map(|base| OldFile { base, suffix });
        let of_segment = SEGMENT_FILES.into_iter().find_map(of).filter(|old| old.base < end && !is_needed(old.base));
        found.extend(of_segment.or_else(|| of(snapshot::SUFFIX).filter(|old| old.base < first)));
    }
    found.sort_unstable_by_key(|old| (old.base, old.suffix));
    found
}

/// Index files from `end` on that no batches belong to: a loss of power has taken these. Whoever gets the offsets makes its own.
pub(super) fn strays(files: &HashMap<String, u64>, segments: &[Arc<Segment>], end: Offset) -> Vec<OldFile> {
    let is_needed = |base: Offset| segments.binary_search_by_key(&base, |segment| segment.base()).is_ok();
    let of = |name: &String| {
        let of_segment = |suffix| names::parse(name, suffix).map(|base| OldFile { base, suffix });
        SEGMENT_FILES.into_iter().find_map(of_segment).filter(|old| old.base >= end && !is_needed(old.base))
    };
    files.keys().filter_map(of).collect()
}

impl Writer {
    /// What is there besides.
    pub(super) fn note_leftovers(&mut self, leftovers: Vec<OldFile>) {
        let snapshots: Vec<_> = leftovers.iter().filter(|old| old.suffix == snapshot::SUFFIX).collect();
        self.snapshots.retain(|at| !snapshots.iter().any(|old| old.base == *at));
        self.leftovers = leftovers;
    }
}
