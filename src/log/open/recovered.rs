//! From a checkpointed tip: what lies below its end is synced and trusted, everything after it is walked, batch by batch,
//! and taken in as its append took it in. What a crash left at the end is cut.

use super::Opening;
use crate::base::Offset;
use crate::log::files::{Writer, remove_if_there, time_entry};
use crate::log::growth::Growth;
use crate::log::index::{Entry, IndexEntry, SparseIndex, TimeEntry};
use crate::log::segment::Segment;
use crate::log::survey::{Depth, Expect, Flaw, FlawKind, Indexes, Survey, survey};
use crate::log::{IndexTail, OpenHow, Tip, names, snapshot};
use std::io;
use std::sync::Arc;

type Recovered = (Vec<Arc<Segment>>, Tip, Writer);

impl Opening<'_> {
    /// Opens from `at`; `None` when the files are not what it says, and must be read whole.
    pub(super) fn go_on_from(&mut self, bases: &[Offset], at: &Tip, tail: &IndexTail) -> io::Result<Option<Recovered>> {
        let Some(growth) = at.active.as_ref() else { return self.begin_from(bases, at) };
        // A segment that is gone or too short was damaged: what is removed for its age goes after a record says so.
        let Ok(first) = bases.binary_search(&growth.base) else { return Ok(None) };
        if self.len_of(growth.base, names::LOG).is_none_or(|len| len < u64::from(growth.position)) {
            return Ok(None);
        }
        let mut segments = self.segments(bases);
        for (segment, next) in segments[..first].iter().zip(&bases[1..]) {
            self.check_sealed(segment, *next, OpenHow::Clean)?;
        }
        let last = segments.len() - 1;
        let mut tip = at.clone();
        if let Some(epochs) = &self.epochs {
            // Also when the first batch of the last run's epoch turns out to be damaged.
            tip.epochs = epochs.clone();
        }
        let mut from = u64::from(growth.position);
        for (segment, next) in segments[first..last].iter().zip(&bases[first + 1..]) {
            self.check_sealed(segment, *next, OpenHow::AfterCrash)?;
            self.walk_sealed(segment, from, *next, &mut tip)?;
            from = 0;
        }
        let active = if first == last {
            let Some(active) = self.active_from(growth, tail)? else { return Ok(None) };
            segments[last] = active;
            self.walk_active(&segments[last], &mut tip)?
        } else {
            self.rebuild(&segments[last], &mut tip)?
        };
        tip.active = Some(active);
        let writer = self.snapshots_up_to(tip.end)?;
        Ok(Some((segments, tip, writer)))
    }

    /// From a tip that needs no segment: all that there is was written since.
    fn begin_from(&mut self, bases: &[Offset], at: &Tip) -> io::Result<Option<Recovered>> {
        let segments = self.segments(bases);
        let (base, expected) = (bases[0], at.end);
        if base != expected {
            if expected > Offset::ZERO {
                let kind = FlawKind::Offsets { base, last: base, expected };
                self.report.damaged.push((segments[0].name(), Flaw { position: 0, kind }));
            }
            return Ok(None);
        }
        let mut tip = at.clone();
        if let Some(epochs) = &self.epochs {
            tip.epochs = epochs.clone();
        }
        let last = segments.len() - 1;
        for (segment, next) in segments[..last].iter().zip(&bases[1..]) {
            self.check_sealed(segment, *next, OpenHow::AfterCrash)?;
            self.walk_sealed(segment, 0, *next, &mut tip)?;
        }
        let active = self.rebuild(&segments[last], &mut tip)?;
        tip.active = Some(active);
        let writer = self.snapshots_up_to(tip.end)?;
        Ok(Some((segments, tip, writer)))
    }

    /// The segment as the tip knows it, when its index files have the entries that the tip counts and the tail lacks.
    fn active_from(&self, growth: &Growth, tail: &IndexTail) -> io::Result<Option<Arc<Segment>>> {
        let base = growth.base;
        let index = self.in_file::<IndexEntry>(base, names::INDEX, growth.index_entries, tail.index.len());
        let times = self.in_file::<TimeEntry>(base, names::TIME_INDEX, growth.time_entries, tail.times.len());
        let (Some(index), Some(times)) = (index, times) else { return Ok(None) };
        let written = self.len_of(base, names::LOG).unwrap_or(0);
        let segment = Segment::new(self.env, self.dir, base, written, index.known, times.known);
        take_up(&segment.index, &index, &tail.index)?;
        take_up(&segment.times, &times, &tail.times)?;
        Ok(Some(Arc::new(segment)))
    }

    /// What is known of an index file; `None` when it is too short.
    fn in_file<E: Entry>(&self, base: Offset, suffix: &str, counted: u32, kept: usize) -> Option<InFile> {
        let entries = counted - kept as u32;
        let (needed, len) = (u64::from(entries) * E::BYTES as u64, self.len_of(base, suffix));
        let known = len.map(|_| entries);
        (len.unwrap_or(0) >= needed).then_some(InFile { known, is_longer: len.is_some_and(|len| len > needed) })
    }

    /// A segment that was sealed after the checkpoint: it was synced before its successor existed.
    fn walk_sealed(&mut self, segment: &Segment, from: u64, next: Offset, tip: &mut Tip) -> io::Result<()> {
        let (base, end, now, settings) = (segment.base(), segment.written_end(), self.now, self.settings);
        let known = self.epochs.clone();
        let found = survey(
            segment,
            from,
            end,
            Expect::contiguous(tip.end).under(known.as_ref()),
            Depth::Headers,
            |header, _| {
                tip.found(header, base, now, settings);
            },
        )?;
        if let Some(flaw) = found.flaw
            && !self.report.damaged.iter().any(|(name, _)| *name == segment.name())
        {
            self.report.damaged.push((segment.name(), flaw));
        }
        tip.end = next;
        Ok(())
    }

    /// The segment that was active at the checkpoint and still is.
    fn walk_active(&mut self, active: &Segment, tip: &mut Tip) -> io::Result<Growth> {
        let (base, len, now, settings) = (active.base(), active.written_end(), self.now, self.settings);
        let known = self.epochs.clone();
        let from = u64::from(tip.active.as_ref().map_or(0, |growth| growth.position));
        let found = survey(
            active,
            from,
            len,
            Expect::contiguous(tip.end).under(known.as_ref()),
            Depth::Checksums,
            |header, position| {
                let marks = tip.found(header, base, now, settings);
                if marks.index {
                    let offset = (header.last_offset().0 - base.0) as u32;
                    active.index.push(IndexEntry { offset, position: position as u32 });
                }
                if let Some(mark) = marks.time {
                    active.times.push(time_entry(base, mark));
                }
            },
        )?;
        self.end_active(active, from, &found)?;
        Ok(tip.active.clone().expect("a checkpointed segment has grown"))
    }

    /// A segment that was begun after the checkpoint: read whole, its indexes made anew.
    fn rebuild(&mut self, active: &Segment, tip: &mut Tip) -> io::Result<Growth> {
        let (base, len, now, settings) = (active.base(), active.written_end(), self.now, self.settings);
        let known = self.epochs.clone();
        let mut indexes = Indexes::new(base, now);
        let found = survey(
            active,
            0,
            len,
            Expect::contiguous(tip.end).under(known.as_ref()),
            Depth::Checksums,
            |header, _| {
                indexes.add(header, settings.index_interval_bytes);
                tip.found(header, base, now, settings);
            },
        )?;
        self.end_active(active, 0, &found)?;
        active.index.replace(&indexes.index)?;
        active.times.replace(&indexes.times)?;
        Ok(indexes.growth)
    }

    fn end_active(&mut self, active: &Segment, from: u64, found: &Survey) -> io::Result<()> {
        if let Some(flaw) = found.flaw {
            let cut = self.cut(active, found, flaw)?;
            self.report.cut = Some(cut);
        }
        active.checked(from, found.good_end);
        Ok(())
    }

    /// The producer snapshots that are kept; those from beyond the end go, they were never part of this log.
    fn snapshots_up_to(&self, end: Offset) -> io::Result<Writer> {
        let mut offsets: Vec<Offset> =
            self.files.keys().filter_map(|name| names::parse(name, snapshot::SUFFIX)).collect();
        offsets.sort_unstable();
        for beyond in offsets.extract_if(.., |offset| *offset > end) {
            remove_if_there(&*self.env.disk, &self.dir.join(names::segment(beyond, snapshot::SUFFIX)))?;
        }
        Ok(Writer::with_snapshots(offsets))
    }
}

/// An index file.
struct InFile {
    /// How many of its entries are known to be good; none without a file.
    known: Option<u32>,
    /// Whether there is more, which is not.
    is_longer: bool,
}

/// Brings an index to what the checkpoint says of it: entries of batches that are about to be walked over, or cut, come
/// anew.
fn take_up<E: Entry>(index: &SparseIndex<E>, file: &InFile, tail: &[E]) -> io::Result<()> {
    if file.is_longer {
        index.cut()?;
    }
    tail.iter().for_each(|entry| index.push(*entry));
    Ok(())
}
