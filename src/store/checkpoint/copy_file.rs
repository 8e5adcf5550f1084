//! One copy as its writer sees it: a file and the room in it.

use super::CheckpointError;
use crate::io::disk::{Disk, File, Open};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Zeros kept beyond the last commit, so that a commit does not meet a full disk.
pub(super) const RESERVE_BYTES: u64 = 1024 * 1024;

static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];

pub(super) struct CopyFile {
    /// The name that it has or will have, for errors.
    path: PathBuf,
    file: Arc<dyn File>,
    /// Bytes from the start that the disk has given: what is beyond the last commit is zeros.
    given: u64,
}

impl CopyFile {
    /// An empty file at `temporary` that is to become `path`.
    pub(super) fn new(disk: &dyn Disk, temporary: &Path, path: PathBuf) -> Result<Self, CheckpointError> {
        let opened = disk.open(temporary, Open::Create).and_then(|file| file.set_len(0).map(|()| file));
        match opened {
            Ok(file) => Ok(CopyFile { path, file, given: 0 }),
            Err(error) => Err(CheckpointError::io_or_full(&path, error)),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    pub(super) fn file(&self) -> &dyn File {
        &*self.file
    }

    pub(super) fn given(&self) -> u64 {
        self.given
    }

    /// Makes sure of the bytes up to `end`, by zeros, and of `reserve` more where the disk has them.
    pub(super) fn make_room(&mut self, end: u64, reserve: u64) -> Result<(), CheckpointError> {
        // Topped up by halves: zeros for each small commit would double what is written.
        if end + reserve / 2 <= self.given {
            return Ok(());
        }
        let filled = self.fill(end + reserve);
        let error = match filled {
            Ok(()) => return Ok(()),
            Err(error) => CheckpointError::io_or_full(&self.path, error),
        };
        if error.is_full() {
            // A part of the zeros may have found room.
            let len = self.file.len().map_err(|error| CheckpointError::io(&self.path, error))?;
            self.given = self.given.max(len);
            if end <= self.given {
                return Ok(());
            }
        }
        Err(error)
    }

    fn fill(&mut self, to: u64) -> io::Result<()> {
        while self.given < to {
            let bytes = (to - self.given).min(ZEROS.len() as u64);
            self.file.write_at(&[IoSlice::new(&ZEROS[..bytes as usize])], self.given)?;
            self.given += bytes;
        }
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8], at: u64) -> io::Result<()> {
        self.file.write_at(&[IoSlice::new(bytes)], at)?;
        self.given = self.given.max(at + bytes.len() as u64);
        Ok(())
    }

    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Takes back, durably, what a failed write may have left beyond `end`.
    pub(super) fn cut(&mut self, end: u64) -> io::Result<()> {
        self.file.set_len(end)?;
        self.given = end;
        self.file.sync_data()
    }
}
