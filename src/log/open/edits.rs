//! What compactions left: a round that counts is brought to its end, one that does not leaves no trace.

use super::{Opening, read_optional};
use crate::base::Offset;
use crate::io::disk::Open;
use crate::log::compacted::{self, Compacted, CompactedSegment, parse_cleaned};
use crate::log::files::remove_if_there;
use crate::log::names;
use crate::log::segment::heads_of;
use crate::log::survey::{Flaw, FlawKind};
use crate::log::walk::WalkError;
use std::io;
use std::path::Path;

/// The files of a segment.
const FILES: [&str; 3] = [names::LOG, names::INDEX, names::TIME_INDEX];

impl Opening<'_> {
    /// Reads what was compacted and finishes or discards what a crash left half done.
    pub(super) fn finish_edits(&mut self) -> io::Result<()> {
        let path = self.dir.join(compacted::FILE_NAME);
        let there = self.files.contains_key(compacted::FILE_NAME);
        let bytes = if there { read_optional(&*self.env.disk, &path, compacted::BYTES_MAX)? } else { None };
        match bytes.as_deref().map(Compacted::decode) {
            Some(Some(compacted)) => self.compacted = compacted,
            None if !there => {}
            Some(None) | None => return self.note_anew(&path),
        }
        let compacted = self.compacted.clone();
        self.settle_cleaned(|file, round| {
            let base = FILES.iter().find_map(|suffix| names::parse(file, suffix));
            base.and_then(|base| compacted.segment(base)).is_some_and(|segment| segment.round == round)
        })?;
        let is_replaced = |name: &&String| {
            // Producer snapshots stay: what they say does not depend on which records are left.
            let base = FILES.iter().find_map(|suffix| names::parse(name, suffix));
            base.is_some_and(|base| compacted.has_replaced(base))
        };
        let replaced: Vec<String> = self.files.keys().filter(is_replaced).cloned().collect();
        for name in replaced {
            remove_if_there(&*self.env.disk, &self.dir.join(&name))?;
            self.files.remove(&name);
        }
        Ok(())
    }

    /// The file is damaged: which segments have gaps can't be told, so all sealed ones are noted as compacted, as they are.
    /// Which of two files is the segment can't be told either: the one with its name is whole in any case.
    fn note_anew(&mut self, path: &Path) -> io::Result<()> {
        self.report.damaged.push((path.display().to_string(), Flaw { position: 0, kind: FlawKind::Unreadable }));
        self.settle_cleaned(|_, _| false)?;
        let mut bases: Vec<Offset> = self.files.keys().filter_map(|name| names::parse(name, names::LOG)).collect();
        bases.sort_unstable();
        for (base, next) in bases.iter().zip(bases.iter().skip(1)) {
            let bytes = self.len_of(*base, names::LOG).unwrap_or(0);
            let file = self.env.disk.open(&self.dir.join(names::segment(*base, names::LOG)), Open::Read)?;
            let heads = match heads_of(&*file, bytes) {
                Ok(heads) => heads,
                // Whoever reads the segment is told.
                Err(WalkError::Corrupt { .. }) => 0,
                Err(WalkError::Io(error)) => return Err(error),
            };
            self.compacted.put(CompactedSegment { base: *base, next: *next, bytes, round: 0, heads });
        }
        self.env.disk.write_whole(path, self.compacted.encode().as_bytes())
    }

    /// Gives cleaned files that count their segments' names, and removes the others.
    fn settle_cleaned(&mut self, counts: impl Fn(&str, u64) -> bool) -> io::Result<()> {
        let of_edits = |name: &&String| name.ends_with(compacted::CLEANED) || name.ends_with(compacted::TEMPORARY);
        let cleaned: Vec<String> = self.files.keys().filter(of_edits).cloned().collect();
        for name in cleaned {
            let len = self.files.remove(&name).unwrap_or(0);
            match parse_cleaned(&name) {
                Some((file, round)) if counts(file, round) => {
                    self.env.disk.rename(&self.dir.join(&name), &self.dir.join(file))?;
                    self.files.insert(file.to_owned(), len);
                }
                Some(_) | None => remove_if_there(&*self.env.disk, &self.dir.join(&name))?,
            }
        }
        Ok(())
    }

    /// Whether a compacted segment has lost bytes, or has some too many.
    pub(super) fn misses_bytes(&self, base: Offset, has: u64) -> Option<Flaw> {
        let expected = self.compacted.segment(base)?.bytes;
        (has != expected).then_some(Flaw { position: has.min(expected), kind: FlawKind::Lost { expected } })
    }

    /// Whether a segment may have no batch at all: all of them were compacted away.
    pub(super) fn may_be_empty(&self, base: Offset) -> bool {
        self.compacted.segment(base).is_some_and(|segment| segment.bytes == 0)
    }
}
