//! Files and directories as Ottla needs them.
//!
//! - [`Disk`] and [`File`]: the interface. Positions and lengths are bytes from a file's start; every call may block.
//! - [`real`]: the machine's file systems.
//! - [`faulty`]: a disk in memory that fails and loses power on demand, for tests.
//!
//! What survives a loss of power: the bytes of a file after [`File::sync_data`], the entries of a directory after
//! [`Disk::sync_dir`], and everything after [`Disk::sync_file_system`]. Nothing else does, in no order: of unsynced bytes
//! some pages may be new and some old, and a new name may be there or not. A process that ends without loss of power
//! takes nothing with it.
//!
//! A failed sync is final: the kernel may have dropped the pages that it could not write and forgotten the error, so a
//! second sync that succeeds proves nothing. Both implementations must pass `conformance`.

pub mod faulty;
pub mod real;

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod faulty_tests;
#[cfg(all(test, target_os = "linux"))]
mod real_tests;

pub use faulty::FaultyDisk;
pub use real::RealDisk;

use crate::base::FileRange;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// How a file is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Open {
    /// For reading; the file must exist.
    Read,
    /// For reading and writing; the file must exist.
    ReadWrite,
    /// For reading and writing; an empty file is made when there is none, and one that exists is left as it is.
    Create,
}

/// One name in a directory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The name, without the directory. A name that is not UTF-8 is shown with replacement characters.
    pub name: String,
    /// Whether it is a directory.
    pub is_dir: bool,
    /// A file's length in bytes; 0 for a directory.
    pub len: u64,
}

/// An exclusive lock, held until it is dropped or the process ends.
pub trait Lock: Send + Sync {}

/// An open file. Reads come from [`FileRange`]: an `Arc<dyn File>` is also an `Arc<dyn FileRange>`.
pub trait File: FileRange {
    /// Writes all of `parts`, one after the other, from `position` on; a gap behind the old end reads as zeros.
    /// After an error any part of the bytes may have been written.
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()>;

    /// Length in bytes.
    fn len(&self) -> io::Result<u64>;

    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Cuts the file, or lengthens it with zeros.
    fn set_len(&self, len: u64) -> io::Result<()>;

    /// Returns when every byte written before the call, and the length, survive a loss of power (fdatasync).
    /// An error is final; see the module.
    fn sync_data(&self) -> io::Result<()>;

    /// Asks the system to begin to write these bytes to the disk, so that a later sync finds little to do. Nothing is
    /// durable by it; where the system can't, nothing happens. An error is as final as a failed sync's: the system may
    /// have dropped pages, and told nobody else.
    fn begin_write_back(&self, position: u64, length: u64) -> io::Result<()> {
        let _ = (position, length);
        Ok(())
    }
}

/// A file system. Names in a directory appear and vanish at once, and durably after [`Disk::sync_dir`].
pub trait Disk: Send + Sync + 'static {
    /// Opens a file; `NotFound` unless it exists or `how` is [`Open::Create`].
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>>;

    /// Makes a directory and what is missing above it. It is durable when each parent that gained a name is synced.
    fn create_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Like [`Disk::create_dir_all`], and durable on return, with every name above it that was missing.
    fn create_dir_synced(&self, path: &Path) -> io::Result<()> {
        let mut missing = Vec::new();
        for above in path.ancestors() {
            if above.as_os_str().is_empty() || self.exists(above)? {
                break;
            }
            missing.push(above);
        }
        self.create_dir_all(path)?;
        missing.into_iter().rev().try_for_each(|made| self.sync_dir(parent(made)))
    }

    /// The names in a directory, sorted by bytes.
    fn list(&self, path: &Path) -> io::Result<Vec<Entry>>;

    /// Moves a file over whatever file has the new name, or a directory to a free name. Atomic to readers.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Takes a file's name away; those who have it open read on.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a directory and all below it.
    fn remove_dir_all(&self, path: &Path) -> io::Result<()>;

    /// Whether the path names a file or a directory.
    fn exists(&self, path: &Path) -> io::Result<bool>;

    /// Returns when the names in this directory (not their files' bytes) survive a loss of power.
    fn sync_dir(&self, path: &Path) -> io::Result<()>;

    /// Returns when everything written before the call, to any file or directory of the file system that holds `path`,
    /// survives a loss of power (syncfs). An error is final; it is reported even when the write that failed went
    /// through a file that has been closed since the first call for this path.
    fn sync_file_system(&self, path: &Path) -> io::Result<()>;

    /// Gives up what memory holds of a file and thinks written: the next reads ask the medium. For the start after a
    /// failed sync, when memory may hold what the medium does not.
    fn forget_cached(&self, path: &Path) -> io::Result<()>;

    /// Bytes that an unprivileged process may still write on the file system that holds `path`.
    fn free_bytes(&self, path: &Path) -> io::Result<u64>;

    /// Locks a file (made when missing) against every other holder, in this process and others; `WouldBlock` when it
    /// is taken.
    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>>;

    /// Puts `bytes` in place of a small file, durably: after a crash there is the old content or the new, whole. Uses
    /// `<name>.tmp` beside it; one writer at a time.
    fn write_whole(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (file, temporary) = self.write_beside(path, bytes)?;
        file.sync_data()?;
        self.rename(&temporary, path)?;
        self.sync_dir(parent(path))
    }

    /// As [`Disk::write_whole`] for the end of the process alone: a loss of power may leave the old content, the new, or
    /// anything at all, which the content's own checksum must tell. Waits for no disk.
    fn replace_whole(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let (_file, temporary) = self.write_beside(path, bytes)?;
        self.rename(&temporary, path)
    }

    /// Writes `bytes` to `<name>.tmp` beside a small file, for it to take that name.
    fn write_beside(&self, path: &Path, bytes: &[u8]) -> io::Result<(Arc<dyn File>, PathBuf)> {
        let mut name = path.as_os_str().to_owned();
        name.push(".tmp");
        let temporary = PathBuf::from(name);
        let file = self.open(&temporary, Open::Create)?;
        file.set_len(0)?;
        file.write_at(&[IoSlice::new(bytes)], 0)?;
        Ok((file, temporary))
    }

    /// A whole file of at most `max_bytes`; `InvalidData` when it is longer.
    fn read_whole(&self, path: &Path, max_bytes: u64) -> io::Result<Vec<u8>> {
        let file = self.open(path, Open::Read)?;
        let len = file.len()?;
        if len > max_bytes {
            let why = format!("{} has {len} bytes, at most {max_bytes} were expected", path.display());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
        let filled = file.read_at(&mut bytes, 0)?;
        bytes.truncate(filled);
        Ok(bytes)
    }
}

/// The directory that holds `path`; the working directory for a bare name.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
