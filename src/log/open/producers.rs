//! Producer state: the newest good snapshot, then every batch after it.

use super::{Opening, read_optional};
use crate::base::Offset;
use crate::log::files::{Writer, remove_if_there};
use crate::log::producers::Producers;
use crate::log::segment::Segment;
use crate::log::survey::{Depth, Expect, Flaw, survey};
use crate::log::{names, snapshot};
use std::io;
use std::sync::Arc;

/// Largest producer snapshot that is read, bytes.
const SNAPSHOT_BYTES_MAX: u64 = 512 * 1024 * 1024;

impl Opening<'_> {
    /// Producer state at `end`: the newest good snapshot, then every batch after it.
    pub(super) fn producers(
        &mut self,
        segments: &[Arc<Segment>],
        active: Offset,
        end: Offset,
    ) -> io::Result<(Producers, Writer)> {
        let mut offsets: Vec<Offset> =
            self.files.keys().filter_map(|name| names::parse(name, snapshot::SUFFIX)).collect();
        offsets.sort_unstable();
        let mut base: Option<(Offset, Producers)> = None;
        let mut snapshots = Vec::new();
        for at in offsets.into_iter().rev() {
            let path = self.dir.join(names::segment(at, snapshot::SUFFIX));
            let bytes = read_optional(&*self.env.disk, &path, SNAPSHOT_BYTES_MAX)?;
            match bytes.map(|bytes| snapshot::decode(&bytes)) {
                Some(Ok(producers)) if at <= end => {
                    snapshots.insert(0, at);
                    base.get_or_insert((at, producers));
                }
                _ => {
                    self.report.rebuilt.push(path.display().to_string());
                    remove_if_there(&*self.env.disk, &path)?;
                }
            }
        }
        let missing = active > segments[0].base() && base.as_ref().is_none_or(|(at, _)| *at < active);
        let (from, mut producers) = base.unwrap_or_default();
        self.replay(segments, from, &mut producers)?;
        if missing {
            // Else every start from now on would read the sealed segments again.
            let path = self.dir.join(names::segment(end, snapshot::SUFFIX));
            self.env.disk.write_whole(&path, &snapshot::encode(&producers))?;
            self.report.rebuilt.push(path.display().to_string());
            snapshots.retain(|at| *at != end);
            snapshots.push(end);
        }
        Ok((producers, Writer::with_snapshots(snapshots)))
    }

    fn replay(&mut self, segments: &[Arc<Segment>], from: Offset, producers: &mut Producers) -> io::Result<()> {
        let first = segments.partition_point(|segment| segment.base() <= from).saturating_sub(1);
        let most = self.settings.producers_max;
        for segment in &segments[first..] {
            let start = segment.seek(from).map_err(io::Error::other)?;
            let found = survey(
                &**segment,
                start,
                segment.written_end(),
                Expect::growing(segment.base()),
                Depth::Headers,
                |header, _| {
                    if header.base_offset >= from {
                        producers.apply(header, header.base_offset, header.max_timestamp, most);
                    }
                },
            )?;
            let known = |(name, _): &(String, Flaw)| *name == segment.name();
            if let Some(flaw) = found.flaw
                && !self.report.damaged.iter().any(known)
            {
                self.report.damaged.push((segment.name(), flaw));
            }
        }
        Ok(())
    }
}
