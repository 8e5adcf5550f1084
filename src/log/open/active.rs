//! The active segment: trusted after a clean end, else read whole and cut where it is not good.

use super::{Cut, Opening};
use crate::base::{Offset, Timestamp};
use crate::io::disk::Open;
use crate::log::files::synced;
use crate::log::growth::Growth;
use crate::log::segment::Segment;
use crate::log::survey::{Depth, Expect, Flaw, Indexes, Survey, batches_after, survey};
use crate::log::walk::read_exact;
use crate::log::{Epochs, names, snapshot};
use std::io;

/// A damaged tail is copied aside in pieces of this, bytes.
const COPY_BYTES: u64 = 1024 * 1024;

impl Opening<'_> {
    /// The active segment after a clean end; `None` when something does not fit and it must be read whole.
    pub(super) fn trust_active(&self, active: &Segment) -> io::Result<Option<(Growth, Offset)>> {
        let (base, len) = (active.base(), active.written_end());
        let Ok(position) = u32::try_from(len) else { return Ok(None) };
        if !self.has_indexes(base) {
            return Ok(None);
        }
        if self.lacks_entries(active)? {
            return Ok(None);
        }
        let Some(from) = self.last_indexed(active)? else { return Ok(None) };
        let mut growth = Growth::new(base, self.now);
        let Survey { next: end, flaw: None, .. } =
            survey(active, from, len, Expect::growing(base), Depth::Headers, |_, _| {})?
        else {
            return Ok(None);
        };
        if !self.files.contains_key(&names::segment(end, snapshot::SUFFIX)) {
            return Ok(None);
        }
        let last = active.times.last()?;
        if let Some(entry) = &last {
            let Some(mark) = active.trusted(entry).map_err(io::Error::other)? else { return Ok(None) };
            growth.max = Some(mark);
        }
        let first = active.header_at(0).map_err(io::Error::other)?;
        growth.first_timestamp = first.map(|header| header.max_timestamp);
        growth.position = position;
        growth.since_index = (len - from) as u32;
        growth.index_entries = active.index.entries();
        growth.time_entries = active.times.entries();
        growth.last_time_entry = last.map_or(Timestamp::NONE, |entry| Timestamp(entry.timestamp));
        Ok(Some((growth, end)))
    }

    /// Reads the active segment whole, cuts what is not good, and makes its indexes again.
    pub(super) fn rebuild_active(&mut self, active: &Segment, epochs: &mut Epochs) -> io::Result<(Growth, Offset)> {
        let (base, len) = (active.base(), active.written_end());
        let mut indexes = Indexes::new(base, self.now);
        let interval = self.settings.index_interval_bytes;
        let known = self.epochs.clone();
        let found =
            survey(active, 0, len, Expect::contiguous(base).under(known.as_ref()), Depth::Checksums, |header, _| {
                indexes.add(header, interval);
                epochs.assign(header.leader_epoch, header.base_offset);
            })?;
        if let Some(flaw) = found.flaw {
            let cut = self.cut(active, &found, flaw)?;
            self.report.cut = Some(cut);
        }
        active.checked(0, found.good_end);
        // Files that are as empty as they should be are left alone: most partitions are small.
        if !indexes.index.is_empty() || self.len_of(base, names::INDEX).is_some_and(|len| len > 0) {
            active.index.replace(&indexes.index)?;
        }
        if !indexes.times.is_empty() || self.len_of(base, names::TIME_INDEX).is_some_and(|len| len > 0) {
            active.times.replace(&indexes.times)?;
        }
        Ok((indexes.growth, found.next))
    }

    pub(super) fn cut(&self, active: &Segment, found: &Survey, flaw: Flaw) -> io::Result<Cut> {
        let (position, len) = (found.good_end, active.written_end());
        let batches = batches_after(active, position, len, found.next)?;
        let mut kept = None;
        if batches > 0 {
            let name = format!("{}.{position}{}", names::segment(active.base(), names::LOG), names::CUT);
            self.copy(active, position, len, &name)?;
            kept = Some((batches, name));
        }
        let file = active.log().file()?;
        file.set_len(position)?;
        synced(file.sync_data())?;
        Ok(Cut { file: active.name(), position, bytes: len - position, kind: flaw.kind, kept })
    }

    fn copy(&self, from: &Segment, start: u64, end: u64, name: &str) -> io::Result<()> {
        let file = self.env.disk.open(&self.dir.join(name), Open::Create)?;
        let (mut at, mut bytes) = (start, Vec::new());
        while at < end {
            bytes.resize((end - at).min(COPY_BYTES) as usize, 0);
            read_exact(from, &mut bytes, at)?;
            file.write_at(&[io::IoSlice::new(&bytes)], at - start)?;
            at += bytes.len() as u64;
        }
        synced(file.sync_data())?;
        synced(self.env.disk.sync_dir(self.dir))
    }
}
