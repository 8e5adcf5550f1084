//! Reading both copies and judging between them.
//!
//! The copy with the higher good commit is taken. It is refused when a later commit must have counted:
//!
//! ```text
//! what a copy shows beyond its good part            what that proves was durable
//! first    a frame of commit c                      c - 1: c was begun when c - 1 was in both copies
//! second   a frame of commit c                      c: the second copy is written when the first is synced
//! second   any trace, after good commit c           c + 1, for the same reason
//! ```
//!
//! and when neither copy vouches that nothing came after it: the first has a trace of one commit more, say, and the second
//! is missing, so that nobody knows whether that commit is torn or was damaged later.

use super::scan::{Found, Frame, Good, Scan, Stop, Walker, scan};
use super::{Checkpoint, CheckpointError, FILES, Kept, Loaded};
use crate::base::TopicPartition;
use crate::io::disk::{Disk, Open};
use bytes::Bytes;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// What the reader of a refusal can do.
const REMEDY: &str = "put back either copy as it was when the broker last ran, or, as a last resort, remove both: every \
                      partition is then scanned from its files and the write-ahead log, and what only the checkpoint \
                      knew, as log starts, is lost";

impl Checkpoint {
    /// The state after the last commit that counts; none when neither copy exists. Changes nothing.
    ///
    /// What it returns may not be durable, if the last process ended without a loss of power: [`Checkpoint::create`] comes
    /// before anything that relies on it.
    pub(crate) fn load(
        disk: &Arc<dyn Disk>,
        dir: &Path,
        directory_id: Uuid,
    ) -> Result<Option<Loaded>, CheckpointError> {
        let paths = FILES.map(|name| dir.join(name));
        let first = read(&**disk, &paths[0], directory_id)?;
        let second = read(&**disk, &paths[1], directory_id)?;
        if first.is_none() && second.is_none() {
            return Ok(None);
        }
        let copies = Copies { paths, scans: [first, second] };
        let (chosen, good) = copies.choose()?;
        let records = collect(&**disk, &copies.paths[chosen], good)?;
        Ok(Some(Loaded { position: good.position, records, notes: copies.notes(good.commit) }))
    }
}

fn read(disk: &dyn Disk, path: &Path, expected: Uuid) -> Result<Option<Scan>, CheckpointError> {
    let found = scan(disk, path, expected).map_err(|error| CheckpointError::io(path, error))?;
    let path = path.to_owned();
    match found {
        Found::Absent => Ok(None),
        Found::Read(scan) => Ok(Some(scan)),
        Found::Newer(version) => Err(CheckpointError::Newer { path, version }),
        Found::OtherDirectory(found) => Err(CheckpointError::OtherDirectory { path, found, expected }),
    }
}

struct Copies {
    paths: [PathBuf; 2],
    /// None for a copy that does not exist.
    scans: [Option<Scan>; 2],
}

impl Copies {
    /// Which copy to take, and how far.
    fn choose(&self) -> Result<(usize, Good), CheckpointError> {
        let good = |copy: usize| self.scans[copy].as_ref().and_then(|scan| scan.good);
        let (chosen, best) = match (good(0), good(1)) {
            (Some(first), Some(second)) if second.commit > first.commit => (1, second),
            (Some(first), _) => (0, first),
            (None, Some(second)) => (1, second),
            (None, None) => return Err(self.unreadable()),
        };
        if let Some((witness, proven)) = self.proven().filter(|(_, proven)| *proven > best.commit) {
            let what = format!("commit {proven} was durable and commit {} is the last that can be read", best.commit);
            return Err(self.lost(witness, &what));
        }
        if !self.scans.iter().flatten().any(|scan| scan.vouches_for(best.commit)) {
            let what = format!("commit {} is the last that can be read, and a later one may have counted", best.commit);
            return Err(self.lost(chosen, &what));
        }
        Ok((chosen, best))
    }

    /// The highest commit that must have been durable, by what lies beyond the good parts, and the copy that shows it.
    fn proven(&self) -> Option<(usize, u64)> {
        let first = self.scans[0].as_ref().and_then(|scan| scan.beyond.seen).map(|seen| (0, seen.saturating_sub(1)));
        let second = self.scans[1].as_ref().and_then(|scan| {
            let begun = scan.good.filter(|_| scan.beyond.trace).map(|good| good.commit.saturating_add(1));
            scan.beyond.seen.max(begun).map(|commit| (1, commit))
        });
        first.into_iter().chain(second).max_by_key(|(_, commit)| *commit)
    }

    fn unreadable(&self) -> CheckpointError {
        let told: Vec<String> = self.scans.iter().enumerate().map(|(copy, _)| self.tell(copy)).collect();
        for (scan, path) in self.scans.iter().zip(&self.paths) {
            // A disk that does not answer now may do so later: that is not damage.
            if let Some(Scan { stop: Stop::Failed(error), .. }) = scan {
                return CheckpointError::io(path, io::Error::new(error.kind(), error.to_string()));
            }
        }
        let present = if self.scans[0].is_some() { 0 } else { 1 };
        let what = format!("no copy of the checkpoint can be read ({}); {REMEDY}", told.join("; "));
        CheckpointError::Damaged { path: self.paths[present].clone(), what }
    }

    fn lost(&self, witness: usize, what: &str) -> CheckpointError {
        let what = format!("{what} ({}; {}); {REMEDY}", self.tell(0), self.tell(1));
        CheckpointError::Damaged { path: self.paths[witness].clone(), what }
    }

    /// How a copy ends.
    fn tell(&self, copy: usize) -> String {
        let name = FILES[copy];
        let Some(scan) = &self.scans[copy] else { return format!("{name} is missing") };
        let (at, stop) = (scan.stopped_at, &scan.stop);
        match scan.good {
            None => format!("{name} can't be read at byte {at}: {stop}"),
            Some(good) if scan.beyond.seen > Some(good.commit.saturating_add(1)) => {
                format!("{name} is damaged after commit {} at byte {at}: {stop}", good.commit)
            }
            Some(good) if scan.beyond.trace => {
                format!("{name} is torn after commit {} at byte {at}: {stop}", good.commit)
            }
            Some(good) if !scan.beyond.readable => {
                format!("{name} can't be read after commit {} at byte {at}: {stop}", good.commit)
            }
            Some(good) => format!("{name} ends with commit {}", good.commit),
        }
    }

    fn notes(&self, commit: u64) -> Vec<String> {
        let whole = |scan: &Scan| scan.vouches_for(commit) && scan.good.is_some_and(|good| good.commit == commit);
        let odd = |copy: &usize| !self.scans[*copy].as_ref().is_some_and(whole);
        let note = |copy| format!("checkpoint: {}; going on from commit {commit}", self.tell(copy));
        (0..FILES.len()).filter(odd).map(note).collect()
    }
}

/// The records up to the good end of a copy.
fn collect(disk: &dyn Disk, path: &Path, good: Good) -> Result<HashMap<TopicPartition, Kept>, CheckpointError> {
    let file = disk.open(path, Open::Read).map_err(|error| CheckpointError::io(path, error))?;
    let changed = |stop: Stop| match stop {
        Stop::Failed(error) => CheckpointError::io(path, error),
        Stop::Unfit(why) => {
            CheckpointError::Damaged { path: path.to_owned(), what: format!("it reads otherwise than just now: {why}") }
        }
    };
    let mut records = HashMap::new();
    let (_, mut walker) = Walker::start(file).map_err(changed)?;
    while walker.at < good.end {
        apply(&walker.next().map_err(changed)?, &mut records);
    }
    Ok(records)
}

fn apply(frame: &Frame, records: &mut HashMap<TopicPartition, Kept>) {
    for (_, record) in frame.records() {
        match record.put {
            Some((dir, state)) => {
                let kept = Kept { dir: dir.to_owned(), state: Bytes::copy_from_slice(state) };
                records.insert(record.id, kept);
            }
            None => {
                records.remove(&record.id);
            }
        }
    }
}

/// The highest commit that either copy holds any part of. For the writer, whose numbers go on from there.
pub(super) fn highest_commit(disk: &dyn Disk, dir: &Path, directory_id: Uuid) -> Result<Option<u64>, CheckpointError> {
    let mut highest = None;
    for name in FILES {
        let found = read(disk, &dir.join(name), directory_id)?;
        highest = highest.max(found.as_ref().and_then(Scan::highest));
    }
    Ok(highest)
}
