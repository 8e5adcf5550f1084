//! The machine's file systems, through the page cache.

use super::{Disk, Entry, File, Lock, Open};
use crate::base::FileRange;
use parking_lot::Mutex;
use rustix::io::Errno;
use std::collections::HashMap;
use std::fs;
use std::io::{self, IoSlice};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Slices that one pwritev takes (Linux's IOV_MAX).
const SLICES_PER_WRITE: usize = 1024;

/// Distance of the looks by which a range is taken to be in memory: as far as Linux reads ahead at once by default.
const CACHED_LOOK_BYTES: usize = 128 * 1024;

/// Some kernels' file systems can't say whether bytes are in memory (overlayfs, tmpfs), or can't send from a file to a
/// socket: the first refusal is remembered.
#[derive(Default)]
pub(super) struct CachedReads {
    refused: AtomicBool,
    unsendable: AtomicBool,
    /// A file was sent.
    sendable: AtomicBool,
}

impl CachedReads {
    pub(super) fn sent(&self) {
        // Not a write for each: all workers come by here.
        if !self.sendable.load(Ordering::Relaxed) {
            self.sendable.store(true, Ordering::Relaxed);
        }
    }

    /// Whether an error of sending says that files can't be sent here. The last two may come from the one socket (a
    /// firewall, say); where files were sent already they do.
    pub(super) fn refuses_to_send(&self, error: &io::Error) -> bool {
        match Errno::from_io_error(error) {
            Some(Errno::INVAL | Errno::NOSYS) => true,
            Some(Errno::OPNOTSUPP | Errno::PERM) => !self.sendable.load(Ordering::Relaxed),
            _ => false,
        }
    }
}

/// The machine's disk.
#[derive(Default)]
pub struct RealDisk {
    cached_reads: Arc<CachedReads>,
    /// One directory handle per path that is synced. The kernel tells a handle of each failed write-back since that
    /// handle was opened, so a handle opened for every sync could miss an error that somebody else had seen.
    sync_handles: Mutex<HashMap<PathBuf, Arc<fs::File>>>,
}

impl RealDisk {
    /// A disk; touches nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

struct RealFile {
    file: fs::File,
    cached_reads: Arc<CachedReads>,
}

struct RealLock {
    _file: fs::File,
}

impl Lock for RealLock {}

impl Disk for RealDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let writable = how != Open::Read;
        let file = fs::File::options().read(true).write(writable).create(how == Open::Create).open(path)?;
        // The system itself opens no directory for writing.
        if !writable && file.metadata()?.is_dir() {
            return Err(Errno::ISDIR.into());
        }
        Ok(Arc::new(RealFile { file, cached_reads: self.cached_reads.clone() }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::create_dir_all(path)
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let metadata = match entry.metadata() {
                Ok(metadata) => metadata,
                // Removed since the name was read: the list shows the moment after.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            let is_dir = metadata.is_dir();
            let len = if is_dir { 0 } else { metadata.len() };
            entries.push(Entry { name: entry.file_name().to_string_lossy().into_owned(), is_dir, len });
        }
        entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        path.try_exists()
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        fs::File::open(path)?.sync_all()
    }

    fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        let known = self.sync_handles.lock().get(path).cloned();
        let handle = match known {
            Some(handle) => handle,
            None => {
                let opened = Arc::new(fs::File::open(path)?);
                self.sync_handles.lock().entry(path.to_owned()).or_insert(opened).clone()
            }
        };
        sync_file_system(&handle)
    }

    fn forget_cached(&self, path: &Path) -> io::Result<()> {
        forget_cached(&fs::File::open(path)?)
    }

    fn free_bytes(&self, path: &Path) -> io::Result<u64> {
        let found = rustix::fs::statvfs(path)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let file = fs::File::options().read(true).write(true).create(true).truncate(false).open(path)?;
        rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)?;
        Ok(Box::new(RealLock { _file: file }))
    }
}

#[cfg(target_os = "linux")]
fn forget_cached(file: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::fadvise(file, 0, None, rustix::fs::Advice::DontNeed)?)
}

#[cfg(not(target_os = "linux"))]
fn forget_cached(_file: &fs::File) -> io::Result<()> {
    // Nothing is durable here to begin with, see below.
    Ok(())
}

#[cfg(target_os = "linux")]
fn sync_file_system(handle: &fs::File) -> io::Result<()> {
    Ok(rustix::fs::syncfs(handle)?)
}

#[cfg(not(target_os = "linux"))]
fn sync_file_system(_handle: &fs::File) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "syncfs, which durable writes need, exists on Linux only"))
}

#[cfg(target_os = "linux")]
fn begin_write_back(file: &fs::File, position: i64, length: i64) -> Result<(), Errno> {
    #[expect(unsafe_code, reason = "no library offers this call as a safe one")]
    // SAFETY: the call takes an open descriptor and three numbers, and touches no memory of this process.
    let result = unsafe { libc::sync_file_range(file.as_raw_fd(), position, length, libc::SYNC_FILE_RANGE_WRITE) };
    if result == 0 {
        return Ok(());
    }
    Err(Errno::from_io_error(&io::Error::last_os_error()).unwrap_or(Errno::IO))
}

/// What cannot begin to write (a kernel, a kind of file, a sandbox that forbids the call) leaves it all to the sync. Any other error counts: ext4 drops pages
/// that find no blocks, and may tell only who asked for them to be written; a later sync then succeeds without them.
#[cfg(target_os = "linux")]
pub(super) fn write_back_begun(result: Result<(), Errno>) -> io::Result<()> {
    match result {
        Err(Errno::INVAL | Errno::NOSYS | Errno::SPIPE | Errno::OPNOTSUPP | Errno::PERM) => Ok(()),
        other => Ok(other?),
    }
}

impl FileRange for RealFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buf.len() {
            match self.file.read_at(&mut buf[filled..], position + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        if self.cached_reads.refused.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut filled = 0;
        while filled < buf.len() {
            match read_nowait(&self.file, &mut buf[filled..], position + filled as u64) {
                Ok(0) => {
                    // Linux 5.9 and 5.10 may answer 0 before the end.
                    let at_end = position + filled as u64 >= self.file.metadata()?.len();
                    return Ok(at_end.then_some(filled));
                }
                Ok(read) => filled += read,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => {}
                Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                    self.cached_reads.refused.store(true, Ordering::Relaxed);
                    return Ok(None);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Some(filled))
    }

    fn is_cached(&self, position: u64, length: usize) -> bool {
        if self.cached_reads.unsendable.load(Ordering::Relaxed) {
            return false;
        }
        let mut byte = [0];
        let last = length.saturating_sub(1);
        let looks = (0..length).step_by(CACHED_LOOK_BYTES).chain([last]);
        length > 0
            && looks.into_iter().all(|at| matches!(self.read_cached(&mut byte, position + at as u64), Ok(Some(1))))
    }

    fn send_to(&self, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
        match send_file(&self.file, socket, position, length) {
            Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(sent) => {
                self.cached_reads.sent();
                Ok(sent)
            }
            Err(error) if self.cached_reads.refuses_to_send(&error) => {
                if !self.cached_reads.unsendable.swap(true, Ordering::Relaxed) {
                    tracing::info!(%error, "files can't be sent from page cache here, they are read instead");
                }
                Err(io::ErrorKind::Unsupported.into())
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(target_os = "linux")]
fn send_file(file: &fs::File, socket: BorrowedFd<'_>, position: u64, length: usize) -> io::Result<usize> {
    let mut position = position;
    Ok(rustix::fs::sendfile(socket, file, Some(&mut position), length)?)
}

#[cfg(not(target_os = "linux"))]
fn send_file(_file: &fs::File, _socket: BorrowedFd<'_>, _position: u64, _length: usize) -> io::Result<usize> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(target_os = "linux")]
fn read_nowait(file: &fs::File, buf: &mut [u8], position: u64) -> Result<usize, Errno> {
    let mut parts = [io::IoSliceMut::new(buf)];
    rustix::io::preadv2(file, &mut parts, position, rustix::io::ReadWriteFlags::NOWAIT)
}

#[cfg(not(target_os = "linux"))]
fn read_nowait(_file: &fs::File, _buf: &mut [u8], _position: u64) -> Result<usize, Errno> {
    Err(Errno::OPNOTSUPP)
}

impl File for RealFile {
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        let mut position = position;
        let mut parts = parts.to_vec();
        let mut rest = parts.as_mut_slice();
        // Empty slices in front would make a write of 0 bytes look like a full device.
        IoSlice::advance_slices(&mut rest, 0);
        while !rest.is_empty() {
            match rustix::io::pwritev(&self.file, &rest[..rest.len().min(SLICES_PER_WRITE)], position) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    position += written as u64;
                    IoSlice::advance_slices(&mut rest, written);
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    #[cfg(target_os = "linux")]
    fn begin_write_back(&self, position: u64, length: u64) -> io::Result<()> {
        let (position, length) = (i64::try_from(position), i64::try_from(length));
        let (position, length) = (position.map_err(io::Error::other)?, length.map_err(io::Error::other)?);
        write_back_begun(rustix::io::retry_on_intr(|| begin_write_back(&self.file, position, length)))
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}
