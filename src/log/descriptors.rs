//! A bounded cache of open files: a partition at rest costs no descriptor.
//!
//! Every file of a log is reached through a [`Slot`], which opens it on use. When more than the capacity are open, slots
//! that were not used since the last round are closed (second chance). Files whose names are gone stay open as long as
//! their slot lives: the last reader closes.

use crate::io::disk::{Disk, File, Open};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// The cache; one for all logs of a data directory.
pub struct Descriptors {
    open: Mutex<VecDeque<Weak<Slot>>>,
    capacity: usize,
}

impl Descriptors {
    /// A cache that keeps about `capacity` files open; never fewer than one.
    pub fn new(capacity: usize) -> Arc<Descriptors> {
        Arc::new(Descriptors { open: Mutex::new(VecDeque::new()), capacity: capacity.max(1) })
    }

    /// How many files are open, the pinned ones included.
    pub fn open_files(&self) -> usize {
        let open = self.open.lock();
        open.iter().filter_map(Weak::upgrade).filter(|slot| slot.held.lock().file.is_some()).count()
    }

    fn register(&self, slot: &Arc<Slot>) {
        let mut open = self.open.lock();
        open.push_back(Arc::downgrade(slot));
        // Each slot gets at most one second chance per round, so twice the length always ends it.
        for _ in 0..2 * open.len() {
            if open.len() <= self.capacity {
                return;
            }
            let Some(oldest) = open.pop_front() else { return };
            let Some(used) = oldest.upgrade() else { continue };
            if Arc::ptr_eq(&used, slot) || !used.close_if_idle() {
                open.push_back(oldest);
            }
        }
    }
}

/// What a slot holds, under its lock.
struct Held {
    path: Arc<Path>,
    file: Option<Arc<dyn File>>,
    /// The path is, or is about to be, another file's or nobody's: what is open stays open, and nothing is opened.
    detached: bool,
}

/// One file that is open while it is used.
pub struct Slot {
    disk: Arc<dyn Disk>,
    descriptors: Arc<Descriptors>,
    held: Mutex<Held>,
    used: AtomicBool,
    /// Held weakly by the cache, which needs the Arc that this slot lives in.
    itself: Weak<Slot>,
}

impl Slot {
    /// A slot for a path; touches no file.
    pub fn new(disk: &Arc<dyn Disk>, descriptors: &Arc<Descriptors>, path: PathBuf) -> Arc<Slot> {
        Arc::new_cyclic(|itself| Slot {
            disk: Arc::clone(disk),
            descriptors: Arc::clone(descriptors),
            held: Mutex::new(Held { path: path.into(), file: None, detached: false }),
            used: AtomicBool::new(false),
            itself: Weak::clone(itself),
        })
    }

    /// The file's path.
    pub fn path(&self) -> Arc<Path> {
        Arc::clone(&self.held.lock().path)
    }

    /// The file, which must exist.
    pub fn file(&self) -> io::Result<Arc<dyn File>> {
        self.get(Open::ReadWrite)
    }

    /// The file if it is open and nobody is opening or closing it: for those who may not wait for the disk.
    pub fn file_if_open(&self) -> Option<Arc<dyn File>> {
        let file = self.held.try_lock()?.file.clone()?;
        self.used.store(true, Ordering::Relaxed);
        Some(file)
    }

    /// The file, made empty when there is none.
    pub fn create(&self) -> io::Result<Arc<dyn File>> {
        self.get(Open::Create)
    }

    fn get(&self, how: Open) -> io::Result<Arc<dyn File>> {
        self.used.store(true, Ordering::Relaxed);
        let mut held = self.held.lock();
        if let Some(file) = held.file.as_ref() {
            return Ok(Arc::clone(file));
        }
        if held.detached {
            let why = format!("{} was removed or replaced", held.path.display());
            return Err(io::Error::new(io::ErrorKind::NotFound, why));
        }
        let file = self.disk.open(&held.path, how)?;
        held.file = Some(Arc::clone(&file));
        drop(held);
        if let Some(slot) = self.itself.upgrade() {
            self.descriptors.register(&slot);
        }
        Ok(file)
    }

    /// Closes the file: another one has, or will have, the path.
    pub fn forget(&self) {
        self.held.lock().file = None;
    }

    /// The name is about to be taken away, or given to another file. Those who still read it keep it open (`in_use`); nobody
    /// opens anything under the name through this slot from now on. When it can't be opened, its readers are told
    /// `NotFound` and look again.
    pub fn detach(&self, in_use: bool) {
        let mut held = self.held.lock();
        if in_use && held.file.is_none() && !held.detached {
            match self.disk.open(&held.path, Open::ReadWrite) {
                Ok(file) => held.file = Some(file),
                // An index whose entries are all in memory has no file yet.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => tracing::warn!(file = %held.path.display(), %error, "can't be kept open for its readers"),
            }
        }
        held.detached = true;
        let opened = held.file.is_some();
        drop(held);
        if let Some(slot) = self.itself.upgrade().filter(|_| opened) {
            // It counts as open for as long as the slot lives.
            self.descriptors.register(&slot);
        }
    }

    /// Gives the file another name, over whatever file has it, also while it is used.
    pub fn rename(&self, to: &Path) -> io::Result<()> {
        let mut held = self.held.lock();
        self.disk.rename(&held.path, to)?;
        held.path = to.into();
        Ok(())
    }

    /// Closes the file unless it is detached, in use this instant, or was used since the last call.
    fn close_if_idle(&self) -> bool {
        if self.used.swap(false, Ordering::Relaxed) {
            return false;
        }
        match self.held.try_lock() {
            Some(mut held) if !held.detached => {
                held.file = None;
                true
            }
            Some(_) | None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::disk::FaultyDisk;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Who opens the file holds the slot for as long as the disk takes.
    #[test]
    fn who_asks_for_an_open_file_waits_for_nobody() {
        let disk: Arc<dyn Disk> = Arc::new(FaultyDisk::new(1, 1 << 20));
        let slot = Slot::new(&disk, &Descriptors::new(1), PathBuf::from("a"));
        slot.create().expect("a new file");
        let held = slot.held.lock();
        let (done, ended) = mpsc::channel();
        let found = std::thread::scope(|scope| {
            scope.spawn(|| done.send(slot.file_if_open().is_some()));
            let found = ended.recv_timeout(Duration::from_secs(10));
            drop(held);
            found
        });
        assert_eq!(found, Ok(false));
        assert!(slot.file_if_open().is_some());
    }
}
