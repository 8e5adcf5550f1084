//! Looks at what is not a partition's in a data directory: the checkpoint and the write-ahead log. Read-only; for
//! `ottla storage inspect`, beside [`crate::log::inspect`].
//!
//! A finding is what a start refuses or names as damage, and damage to one copy of the checkpoint for which the other
//! makes up. What a crash leaves is none: a torn end, a second copy that is a commit behind, and chunks that are not
//! needed any more, which newer ones write over. Of the log the judgement is [`wal::replay`]'s, as at a start after a
//! crash; one after a clean stop needs no chunk, and they are judged all the same.
//!
//! A broker that runs meanwhile moves on under the inspection, which may then find what is not there.

use super::checkpoint::{self, Checkpoint, CopyView, FILES, Loaded, Position};
use super::data_dir::read_stamp;
use super::recovery::WAL_DIR;
use crate::io::disk::Disk;
use crate::log::IndexTail;
use crate::wal::{self, ChunkView, FileView, Origin, Sequence};
use std::fmt::Display;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

/// What an inspection came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Inspected {
    /// Copies of the checkpoint looked at.
    pub copies: u64,
    /// Files of the write-ahead log looked at.
    pub files: u64,
    /// Chunks in them.
    pub chunks: u64,
    /// Things that are not right; each was printed in a line that begins with `FINDING`.
    pub findings: u64,
}

struct Inspection<'a> {
    disk: &'a Arc<dyn Disk>,
    dir: &'a Path,
    out: &'a mut dyn Write,
    found: Inspected,
}

/// What one copy of a checkpoint that a start takes looks like beside the other.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Verdict {
    Whole,
    /// As a crash leaves it; the words say how.
    Normal(&'static str),
    Damaged(String),
}

/// Inspects a data directory and prints to `out`; of a directory that has neither checkpoint nor write-ahead log nothing
/// is said. An error means that something could not be read or `out` not written.
pub fn inspect(disk: &Arc<dyn Disk>, dir: &Path, out: &mut dyn Write) -> io::Result<Inspected> {
    let entries = match disk.list(dir) {
        Ok(entries) => entries,
        // A single segment.
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => Vec::new(),
        Err(error) => return Err(error),
    };
    let ours = |name: &str| name == WAL_DIR || FILES.contains(&name);
    let mut inspection = Inspection { disk, dir, out, found: Inspected::default() };
    if entries.iter().any(|entry| ours(&entry.name)) {
        inspection.run()?;
    }
    Ok(inspection.found)
}

impl Inspection<'_> {
    fn finding(&mut self, what: impl Display) -> io::Result<()> {
        self.found.findings += 1;
        writeln!(self.out, "FINDING {what}")
    }

    fn run(&mut self) -> io::Result<()> {
        let views = checkpoint::inspect(&**self.disk, self.dir)?;
        self.found.copies = views.len() as u64;
        views.iter().try_for_each(|view| self.copy(view))?;
        let owner = self.owner(&views)?;
        let position = match owner {
            Some(owner) => self.checkpoint(owner, &views)?,
            None => None,
        };
        self.log(owner, position, views.is_empty())?;
        let Inspected { copies, files, chunks, findings } = self.found;
        writeln!(
            self.out,
            "{copies} copies of the checkpoint, {files} files of the write-ahead log, {chunks} chunks: {findings} findings"
        )
    }

    /// The data directory's id: what does not have it is another's.
    fn owner(&mut self, views: &[CopyView]) -> io::Result<Option<Uuid>> {
        match read_stamp(&**self.disk, self.dir) {
            Ok(Some(stamp)) => return Ok(Some(stamp.directory_id)),
            Ok(None) => self.finding(format!("{}: no stamp says whose it is", self.dir.display()))?,
            Err(error) => self.finding(error)?,
        }
        Ok(views.iter().find_map(|view| view.header).map(|(_, directory_id, _)| directory_id))
    }

    fn copy(&mut self, view: &CopyView) -> io::Result<()> {
        writeln!(self.out, "{}: {} bytes, in use up to byte {}", view.path.display(), view.bytes, view.stopped_at)?;
        for frame in &view.frames {
            let (at, commit, Position { incarnation, live_from }) = (frame.at, frame.commit, frame.position);
            let (records, more) = (frame.records.len(), if frame.last { "" } else { ", goes on" });
            writeln!(
                self.out,
                "  at {at}: commit {commit}, {records} records, chunks of incarnation {incarnation} needed from \
                 {live_from}{more}"
            )?;
            for record in &frame.records {
                match &record.put {
                    Some((dir, bytes)) => writeln!(self.out, "    at {}: {dir}, {bytes} bytes", record.at)?,
                    None => writeln!(self.out, "    at {}: {} is gone", record.at, record.id)?,
                }
            }
        }
        Ok(())
    }

    /// What a start would go by.
    fn checkpoint(&mut self, owner: Uuid, views: &[CopyView]) -> io::Result<Option<Position>> {
        let loaded = match Checkpoint::load(self.disk, self.dir, owner) {
            Ok(Some(loaded)) => loaded,
            Ok(None) => return Ok(None),
            Err(error) => return self.finding(error).map(|()| None),
        };
        let view = |name: &str| views.iter().find(|view| view.path.file_name().is_some_and(|file| file == name));
        let [first, second] = FILES.map(view);
        for (name, verdict) in FILES.iter().zip([judge_first(first, second), judge_second(first, second)]) {
            let path = self.dir.join(name);
            match verdict {
                Verdict::Whole => {}
                Verdict::Normal(what) => writeln!(self.out, "{}: {what}, normal after a crash", path.display())?,
                Verdict::Damaged(what) => self.finding(format!("{}: {what}", path.display()))?,
            }
        }
        self.partitions(&loaded)?;
        Ok(Some(loaded.position))
    }

    fn partitions(&mut self, loaded: &Loaded) -> io::Result<()> {
        let mut records: Vec<_> = loaded.records.iter().collect();
        records.sort_by(|(id, kept), (other_id, other)| (&kept.dir, id).cmp(&(&other.dir, other_id)));
        writeln!(self.out, "checkpoint: {} partitions", records.len())?;
        for (id, kept) in records {
            let Some((_, tip)) = IndexTail::decode(&kept.state) else {
                self.finding(format!("checkpoint: the state of {} ({id}) does not add up", kept.dir))?;
                continue;
            };
            let (end, start, producers) = (tip.end(), tip.log_start(), tip.producers().len());
            write!(
                self.out,
                "  {} ({id}): recovery from offset {end}, log start {start}, {producers} producers",
                kept.dir
            )?;
            for (epoch, start) in tip.epochs().entries() {
                write!(self.out, ", leader epoch {epoch} from offset {start}")?;
            }
            writeln!(self.out)?;
        }
        Ok(())
    }

    fn log(&mut self, owner: Option<Uuid>, position: Option<Position>, no_checkpoint: bool) -> io::Result<()> {
        let dir = self.dir.join(WAL_DIR);
        let files = wal::inspect(&**self.disk, &dir)?;
        self.found.files = files.len() as u64;
        self.found.chunks = files.iter().map(|file| file.chunks.len() as u64).sum();
        files.iter().try_for_each(|file| self.file(file, position))?;
        match (owner, position) {
            (Some(owner), Some(position)) if files.iter().all(|file| file.newer.is_none()) => {
                self.replay(&dir, owner, position)
            }
            // Chunks are written after the first checkpoint.
            (_, None) if no_checkpoint && self.found.chunks > 0 => {
                self.finding(format!("{}: there are chunks, and no checkpoint says which are needed", dir.display()))
            }
            // Said already: a newer format, or what is wrong with stamp or checkpoint.
            _ => Ok(()),
        }
    }

    fn file(&mut self, file: &FileView, position: Option<Position>) -> io::Result<()> {
        let FileView { number, bytes, newer, chunks } = file;
        writeln!(self.out, "{WAL_DIR}/{number:020}.wal: {bytes} bytes, {} chunks", chunks.len())?;
        for ChunkView { sequence, incarnation, position: at, bytes, entries, is_whole } in chunks {
            let fits = if *is_whole { "checksums fit" } else { "checksums do not fit" };
            let needed = match position {
                Some(live) if live.incarnation == *incarnation && live.live_from <= sequence.0 => ", needed",
                Some(_) => ", not needed any more",
                None => "",
            };
            writeln!(
                self.out,
                "  at {at}: chunk {sequence} of incarnation {incarnation}, {bytes} bytes, {entries} entries, {fits}{needed}"
            )?;
        }
        match newer {
            Some(version) => {
                self.finding(format!("{WAL_DIR}/{number:020}.wal has format version {version}: a newer Ottla wrote it"))
            }
            None => Ok(()),
        }
    }

    /// Reads the chunks that are needed as a start does, and says what it would.
    fn replay(&mut self, dir: &Path, owner: Uuid, position: Position) -> io::Result<()> {
        let Position { incarnation, live_from } = position;
        let origin = Origin { directory_id: owner, incarnation, live_from: Sequence(live_from) };
        let mut replay = wal::replay(&**self.disk, dir, &origin).map_err(io::Error::other)?;
        while replay.next().map_err(io::Error::other)?.is_some() {}
        let report = replay.report();
        writeln!(self.out, "write-ahead log: {} chunks, {} bytes to replay", report.chunks, report.bytes)?;
        if let Some(torn) = &report.torn {
            writeln!(self.out, "write-ahead log: torn end, normal after a crash: {torn}")?;
        }
        report.damaged.iter().try_for_each(|damage| self.finding(format!("write-ahead log: {damage}")))
    }
}

/// The last commit that is whole.
fn good(copy: Option<&CopyView>) -> Option<u64> {
    copy?.frames.iter().rev().find(|frame| frame.last).map(|frame| frame.commit)
}

/// Whether something of one more commit is there.
fn is_torn(copy: &CopyView) -> bool {
    copy.more || copy.frames.last().is_some_and(|frame| !frame.last)
}

fn stopped(copy: &CopyView) -> Verdict {
    Verdict::Damaged(format!(
        "damaged at byte {}: {}; the other copy makes up for it",
        copy.stopped_at, copy.stopped_by
    ))
}

fn missing() -> Verdict {
    Verdict::Damaged("missing; the other copy makes up for it".to_owned())
}

/// Nothing is in the second copy that is not durable in the first.
fn judge_first(first: Option<&CopyView>, second: Option<&CopyView>) -> Verdict {
    let Some(copy) = first else { return missing() };
    if good(first).is_none() || good(first) < good(second) {
        stopped(copy)
    } else if is_torn(copy) {
        Verdict::Normal("a torn commit")
    } else {
        Verdict::Whole
    }
}

/// A crash leaves the second copy a commit behind, or as it was before the first was written anew.
fn judge_second(first: Option<&CopyView>, second: Option<&CopyView>) -> Verdict {
    let best = good(first).max(good(second));
    let begins = |copy: Option<&CopyView>| copy.and_then(|copy| copy.header).map(|(_, _, first_commit)| first_commit);
    let is_fresh = begins(first).is_some() && begins(first) == best;
    let Some(copy) = second else {
        return if is_fresh && best == Some(1) { Verdict::Normal("not made yet") } else { missing() };
    };
    let is_behind = good(second).zip(best).is_some_and(|(good, best)| best.checked_sub(1) == Some(good));
    if good(second).is_some() && good(second) == best {
        Verdict::Whole
    } else if is_behind && begins(first) == begins(second) && first.is_some_and(|first| !is_torn(first)) {
        Verdict::Normal("a commit behind")
    } else if is_fresh && begins(second).is_some() && begins(second) < best {
        Verdict::Normal("not written anew yet")
    } else {
        stopped(copy)
    }
}

#[cfg(test)]
#[path = "inspect_tests.rs"]
mod tests;
