//! A disk in memory that fails on demand and forgets what was not synced, for tests.
//!
//! - `bytes`: one file's content, and what of it is durable.
//! - `state`: the tree of names, what of it is durable, and what a loss of power leaves.
//! - [`FaultyDisk`]: the [`Disk`] over it, with the faults that a test plans.
//!
//! The same calls and the same seed leave the same bytes. It is harsher than most file systems: an unsynced page may be
//! old, new or torn between sectors, whatever its neighbours are; an unsynced name may or may not be there; a file's sync
//! does not make its name durable; and a failed sync or write-back marks pages clean that it did not write, as Linux does.

mod bytes;
mod chance;
mod state;

pub use chance::Chance;

use super::{Disk, Entry, File, Lock, Open};
use crate::base::FileRange;
use parking_lot::Mutex;
use rustix::io::Errno;
use state::{Inode, State};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What a fault can hit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// [`FileRange::read_at`] and `read_cached`.
    Read,
    /// [`File::write_at`].
    Write,
    /// [`File::set_len`].
    SetLen,
    /// [`File::begin_write_back`].
    WriteBack,
    /// [`File::sync_data`].
    Sync,
    /// [`Disk::sync_dir`].
    SyncDir,
    /// [`Disk::sync_file_system`].
    SyncFileSystem,
    /// [`Disk::open`] and [`Disk::lock`].
    Open,
    /// [`Disk::rename`].
    Rename,
    /// [`Disk::remove_file`] and `remove_dir_all`.
    Remove,
    /// [`Disk::create_dir_all`].
    CreateDir,
}

/// How an operation goes wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The device fails (EIO). A write may have written a part, a sync or a write-back some pages.
    Io,
    /// No space is left (ENOSPC). A write may have written a part.
    Full,
    /// A read returns at most this many bytes.
    Short(usize),
}

struct Planned {
    operation: Operation,
    path_part: String,
    /// Matching operations that still succeed before it strikes.
    after: u64,
    fault: Fault,
    /// Strikes at every matching operation from then on, not once.
    for_ever: bool,
}

#[derive(Default)]
struct Plans {
    faults: Vec<Planned>,
    /// Operations that may still change the disk before its power goes.
    changes_left: Option<u64>,
}

struct Shared {
    state: State,
    plans: Plans,
    /// Operations so far that change the disk or make a change durable.
    changes: u64,
    chance: Chance,
    powered: bool,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct FaultyDisk {
    shared: Arc<Mutex<Shared>>,
}

impl FaultyDisk {
    /// An empty disk with room for `capacity` bytes of file content (whole pages are counted).
    pub fn new(seed: u64, capacity: u64) -> Self {
        Self::with_state(State::new(capacity), Chance::new(seed))
    }

    fn with_state(state: State, chance: Chance) -> Self {
        let shared = Shared { state, plans: Plans::default(), changes: 0, chance, powered: true };
        FaultyDisk { shared: Arc::new(Mutex::new(shared)) }
    }

    /// Loses power, and returns the disk as the next start finds it: what was synced, and of the rest what chance leaves.
    /// This disk, its files and its locks answer every call with EIO from now on. Planned faults are forgotten.
    /// May be asked again, with another seed: the same history can end in many ways.
    pub fn crash(&self, seed: u64) -> FaultyDisk {
        let mut shared = self.shared.lock();
        shared.powered = false;
        let mut chance = Chance::new(seed);
        let left = shared.state.after_power_loss(&mut chance);
        Self::with_state(left, chance)
    }

    /// Ends the process but not the machine (kill -9): like [`Self::crash`], but everything written is there, and what
    /// was not synced may still be lost by a later crash.
    pub fn kill(&self) -> FaultyDisk {
        let mut shared = self.shared.lock();
        shared.powered = false;
        let left = shared.state.after_kill();
        let seed = shared.chance.next();
        Self::with_state(left, Chance::new(seed))
    }

    /// Plans a fault for one operation: the one after `after` others that match, on a path that contains `path_part`.
    pub fn fail(&self, operation: Operation, path_part: &str, after: u64, fault: Fault) {
        let path_part = path_part.to_owned();
        self.shared.lock().plans.faults.push(Planned { operation, path_part, after, fault, for_ever: false });
    }

    /// Plans a fault for every such operation until [`Self::heal`].
    pub fn fail_always(&self, operation: Operation, path_part: &str, fault: Fault) {
        let path_part = path_part.to_owned();
        self.shared.lock().plans.faults.push(Planned { operation, path_part, after: 0, fault, for_ever: true });
    }

    /// Forgets all planned faults.
    pub fn heal(&self) {
        self.shared.lock().plans = Plans::default();
    }

    /// Cuts the power before the operation that comes after `changes` more of those that change the disk or sync it.
    /// Until [`Self::crash`] every later call fails with EIO.
    pub fn cut_power_after(&self, changes: u64) {
        self.shared.lock().plans.changes_left = Some(changes);
    }

    /// How many operations so far have changed the disk or synced it; what [`Self::cut_power_after`] counts.
    pub fn changes(&self) -> u64 {
        self.shared.lock().changes
    }

    /// Sets the room for file content, in bytes; less than what is there makes the disk full.
    pub fn set_capacity(&self, capacity: u64) {
        self.shared.lock().state.capacity = capacity;
    }

    /// Flips bits of one byte, as a decaying medium does: `mask` is what changes. For reads now and after a crash.
    pub fn corrupt(&self, path: &Path, position: u64, mask: u8) -> io::Result<()> {
        self.shared.lock().state.corrupt(path, position, mask)
    }

    /// Runs one operation, unless the power is off or a fault strikes. `partly` does what of it happens when a fault
    /// strikes that may have done a part.
    fn run<T>(
        &self,
        operation: Operation,
        path: &Path,
        partly: impl FnOnce(&mut State, &mut Chance),
        whole: impl FnOnce(&mut State, Option<usize>) -> io::Result<T>,
    ) -> io::Result<T> {
        let mut shared = self.shared.lock();
        let shared = &mut *shared;
        if !shared.powered {
            return Err(Errno::IO.into());
        }
        if operation.changes() {
            if let Some(left) = &mut shared.plans.changes_left {
                if *left == 0 {
                    shared.powered = false;
                    return Err(Errno::IO.into());
                }
                *left -= 1;
            }
            shared.changes += 1;
        }
        match shared.plans.strike(operation, path) {
            None => whole(&mut shared.state, None),
            Some(Fault::Short(bytes)) => whole(&mut shared.state, Some(bytes)),
            Some(Fault::Io) => {
                partly(&mut shared.state, &mut shared.chance);
                Err(Errno::IO.into())
            }
            Some(Fault::Full) => {
                partly(&mut shared.state, &mut shared.chance);
                Err(Errno::NOSPC.into())
            }
        }
    }
}

impl Operation {
    fn changes(self) -> bool {
        match self {
            Operation::Read | Operation::Open => false,
            Operation::Write
            | Operation::SetLen
            | Operation::WriteBack
            | Operation::Sync
            | Operation::SyncDir
            | Operation::SyncFileSystem
            | Operation::Rename
            | Operation::Remove
            | Operation::CreateDir => true,
        }
    }
}

impl Plans {
    fn strike(&mut self, operation: Operation, path: &Path) -> Option<Fault> {
        let path = path.to_string_lossy();
        let matches = |plan: &Planned| plan.operation == operation && path.contains(&plan.path_part);
        for plan in self.faults.iter_mut().filter(|plan| matches(plan)) {
            if plan.after > 0 {
                plan.after -= 1;
                continue;
            }
            let fault = plan.fault;
            if !plan.for_ever {
                // Never strikes again, and is found by nobody else.
                plan.after = u64::MAX;
            }
            return Some(fault);
        }
        None
    }
}

struct FaultyFile {
    disk: FaultyDisk,
    inode: Inode,
    path: PathBuf,
    writable: bool,
}

impl FaultyFile {
    fn for_writing(&self) -> io::Result<()> {
        if self.writable { Ok(()) } else { Err(Errno::BADF.into()) }
    }
}

impl Drop for FaultyFile {
    fn drop(&mut self) {
        self.disk.shared.lock().state.close(self.inode);
    }
}

impl FileRange for FaultyFile {
    fn read_at(&self, buf: &mut [u8], position: u64) -> io::Result<usize> {
        self.disk.run(
            Operation::Read,
            &self.path,
            |_, _| {},
            |state, short| {
                let most = short.unwrap_or(buf.len()).min(buf.len());
                Ok(state.read(self.inode, &mut buf[..most], position))
            },
        )
    }

    fn read_cached(&self, buf: &mut [u8], position: u64) -> io::Result<Option<usize>> {
        self.read_at(buf, position).map(Some)
    }
}

impl File for FaultyFile {
    fn write_at(&self, parts: &[IoSlice<'_>], position: u64) -> io::Result<()> {
        self.for_writing()?;
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.len()).sum());
        parts.iter().for_each(|part| bytes.extend_from_slice(part));
        self.disk.run(
            Operation::Write,
            &self.path,
            |state, chance| {
                let written = chance.below(bytes.len() as u64 + 1) as usize;
                // The room for a part may be missing too; then nothing of it is written.
                let _ = state.write(self.inode, &bytes[..written], position);
            },
            |state, _| state.write(self.inode, &bytes, position),
        )
    }

    fn len(&self) -> io::Result<u64> {
        let shared = self.disk.shared.lock();
        if shared.powered { Ok(shared.state.len(self.inode)) } else { Err(Errno::IO.into()) }
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.for_writing()?;
        self.disk.run(Operation::SetLen, &self.path, |_, _| {}, |state, _| state.set_len(self.inode, len))
    }

    fn begin_write_back(&self, _position: u64, _length: u64) -> io::Result<()> {
        // A loss of power leaves any part of what is dirty, written back or not: only a failure changes anything.
        let dropped = |state: &mut State, chance: &mut Chance| state.sync_badly(self.inode, chance);
        self.disk.run(Operation::WriteBack, &self.path, dropped, |_, _| Ok(()))
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.run(
            Operation::Sync,
            &self.path,
            |state, chance| state.sync_badly(self.inode, chance),
            |state, _| {
                state.sync(self.inode);
                Ok(())
            },
        )
    }
}

struct FaultyLock {
    disk: FaultyDisk,
    inode: Inode,
}

impl Lock for FaultyLock {}

impl Drop for FaultyLock {
    fn drop(&mut self) {
        let mut shared = self.disk.shared.lock();
        shared.state.locked.remove(&self.inode);
        shared.state.close(self.inode);
    }
}

impl Disk for FaultyDisk {
    fn open(&self, path: &Path, how: Open) -> io::Result<Arc<dyn File>> {
        let inode = self.run(Operation::Open, path, |_, _| {}, |state, _| state.open(path, how == Open::Create))?;
        Ok(Arc::new(FaultyFile { disk: self.clone(), inode, path: path.to_owned(), writable: how != Open::Read }))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.run(Operation::CreateDir, path, |_, _| {}, |state, _| state.create_dir_all(path))
    }

    fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let shared = self.shared.lock();
        if shared.powered { shared.state.list(path) } else { Err(Errno::IO.into()) }
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.run(Operation::Rename, to, |_, _| {}, |state, _| state.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.run(Operation::Remove, path, |_, _| {}, |state, _| state.remove_file(path))
    }

    fn remove_dir_all(&self, path: &Path) -> io::Result<()> {
        self.run(Operation::Remove, path, |_, _| {}, |state, _| state.remove_dir_all(path))
    }

    fn exists(&self, path: &Path) -> io::Result<bool> {
        let shared = self.shared.lock();
        if shared.powered { Ok(shared.state.find(path).is_ok()) } else { Err(Errno::IO.into()) }
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        self.run(Operation::SyncDir, path, |_, _| {}, |state, _| state.sync_dir(path))
    }

    fn sync_file_system(&self, path: &Path) -> io::Result<()> {
        self.run(
            Operation::SyncFileSystem,
            path,
            |state, chance| state.sync_all_badly(chance),
            |state, _| {
                state.find(path)?;
                state.sync_all();
                Ok(())
            },
        )
    }

    fn forget_cached(&self, path: &Path) -> io::Result<()> {
        let mut shared = self.shared.lock();
        if shared.powered { shared.state.forget_cached(path) } else { Err(Errno::IO.into()) }
    }

    fn free_bytes(&self, _path: &Path) -> io::Result<u64> {
        let shared = self.shared.lock();
        if shared.powered { Ok(shared.state.free()) } else { Err(Errno::IO.into()) }
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn Lock>> {
        let inode = self.run(
            Operation::Open,
            path,
            |_, _| {},
            |state, _| {
                let inode = state.open(path, true)?;
                if state.locked.insert(inode) {
                    Ok(inode)
                } else {
                    state.close(inode);
                    Err(io::ErrorKind::WouldBlock.into())
                }
            },
        )?;
        Ok(Box::new(FaultyLock { disk: self.clone(), inode }))
    }
}
