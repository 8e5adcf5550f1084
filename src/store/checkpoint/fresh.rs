//! Both copies written anew: as temporary files first, which then take their names one after the other.
//!
//! ```text
//! write and sync ottla.checkpoint.tmp, ottla.checkpoint.2.tmp    until here a full disk changes nothing
//! rename the first, sync the directory                           from here on the new state counts
//! rename the second, sync the directory
//! ```

use super::commit_writer::{CommitWriter, PlacedFrame, Written};
use super::copy_file::CopyFile;
use super::format::{FILE_HEADER_BYTES, FileHeader, VERSION};
use super::{CheckpointError, FILES, Position, Sizes, TEMPORARY_FILES};
use crate::base::TopicPartition;
use crate::io::disk::Disk;
use std::io;
use std::path::Path;
use uuid::Uuid;

/// Two temporary files that are being filled with one commit.
pub(super) struct Fresh {
    copies: [CopyFile; 2],
    writer: CommitWriter,
    sizes: Sizes,
}

impl Fresh {
    pub(super) fn begin(
        disk: &dyn Disk,
        dir: &Path,
        directory_id: Uuid,
        commit: u64,
        position: Position,
        sizes: Sizes,
    ) -> Result<Self, CheckpointError> {
        let temporary = |copy: usize| CopyFile::new(disk, &dir.join(TEMPORARY_FILES[copy]), dir.join(FILES[copy]));
        let copies = [temporary(0)?, temporary(1)?];
        let (header, crc) = FileHeader { version: VERSION, directory_id, first_commit: commit }.encode();
        let writer = CommitWriter::new(commit, position, crc, FILE_HEADER_BYTES as u64, sizes);
        let mut fresh = Fresh { copies, writer, sizes };
        fresh.write(&header, 0)?;
        Ok(fresh)
    }

    /// Adds the encoded record of a partition's state.
    pub(super) fn put(&mut self, id: TopicPartition, record: &[u8]) -> Result<(), CheckpointError> {
        match self.writer.push(id, record, true) {
            Some(PlacedFrame { at, bytes }) => self.write(&bytes, at),
            None => Ok(()),
        }
    }

    fn write(&mut self, bytes: &[u8], at: u64) -> Result<(), CheckpointError> {
        for copy in &mut self.copies {
            copy.write(bytes, at).map_err(|error| CheckpointError::io_or_full(copy.path(), error))?;
        }
        Ok(())
    }

    /// Writes the end and makes both files durable, under their temporary names.
    pub(super) fn finish(self) -> Result<Finished, CheckpointError> {
        let Fresh { mut copies, writer, sizes } = self;
        let (frame, written) = writer.finish();
        for copy in &mut copies {
            let on = |error: io::Error, path: &Path| CheckpointError::io_or_full(path, error);
            copy.write(&frame.bytes, frame.at).map_err(|error| on(error, copy.path()))?;
            copy.make_room(written.end, sizes.reserve_bytes)?;
            // Nobody relies on a temporary file: when its sync fails for want of room it is thrown away.
            copy.sync().map_err(|error| on(error, copy.path()))?;
        }
        Ok(Finished { copies, written })
    }
}

/// Two whole, durable files that have not taken their names.
pub(super) struct Finished {
    copies: [CopyFile; 2],
    written: Written,
}

impl Finished {
    /// Gives the files their names. Any error is final.
    pub(super) fn publish(self, disk: &dyn Disk, dir: &Path) -> Result<([CopyFile; 2], Written), CheckpointError> {
        for (from, to) in TEMPORARY_FILES.iter().zip(FILES) {
            let path = dir.join(to);
            let named = disk.rename(&dir.join(from), &path).and_then(|()| disk.sync_dir(dir));
            named.map_err(|error| CheckpointError::io(&path, error))?;
        }
        Ok((self.copies, self.written))
    }
}

/// Removes temporary files that are of no use, and returns the error that said so, or a worse one.
pub(super) fn discard(disk: &dyn Disk, dir: &Path, error: CheckpointError) -> CheckpointError {
    if !error.changed_nothing() {
        return error;
    }
    for name in TEMPORARY_FILES {
        let path = dir.join(name);
        match disk.remove_file(&path) {
            Ok(()) => {}
            Err(missing) if missing.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return CheckpointError::Io { path, error },
        }
    }
    error
}
