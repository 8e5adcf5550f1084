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
        open.iter().filter_map(Weak::upgrade).filter(|slot| slot.held.lock().is_some()).count()
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

/// One file that is open while it is used.
pub struct Slot {
    disk: Arc<dyn Disk>,
    descriptors: Arc<Descriptors>,
    path: PathBuf,
    held: Mutex<Option<Arc<dyn File>>>,
    used: AtomicBool,
    pinned: AtomicBool,
    /// Held weakly by the cache, which needs the Arc that this slot lives in.
    itself: Weak<Slot>,
}

impl Slot {
    /// A slot for a path; touches no file.
    pub fn new(disk: &Arc<dyn Disk>, descriptors: &Arc<Descriptors>, path: PathBuf) -> Arc<Slot> {
        Arc::new_cyclic(|itself| Slot {
            disk: Arc::clone(disk),
            descriptors: Arc::clone(descriptors),
            path,
            held: Mutex::new(None),
            used: AtomicBool::new(false),
            pinned: AtomicBool::new(false),
            itself: Weak::clone(itself),
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, which must exist.
    pub fn file(&self) -> io::Result<Arc<dyn File>> {
        self.get(Open::ReadWrite)
    }

    /// The file if it is open and nobody is opening or closing it: for those who may not wait for the disk.
    pub fn file_if_open(&self) -> Option<Arc<dyn File>> {
        let file = self.held.try_lock()?.clone()?;
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
        if let Some(file) = held.as_ref() {
            return Ok(Arc::clone(file));
        }
        let file = self.disk.open(&self.path, how)?;
        *held = Some(Arc::clone(&file));
        drop(held);
        if let Some(slot) = self.itself.upgrade() {
            self.descriptors.register(&slot);
        }
        Ok(file)
    }

    /// Closes the file: another one has, or will have, the path.
    pub fn forget(&self) {
        *self.held.lock() = None;
    }

    /// Opens the file for good, for those who still read it after its name is gone.
    pub fn pin(&self) {
        self.pinned.store(true, Ordering::Relaxed);
        // A file that can't be opened now can't be read by anybody anyway.
        let _ = self.file();
    }

    /// Closes the file unless it is pinned, in use this instant, or was used since the last call.
    fn close_if_idle(&self) -> bool {
        if self.used.swap(false, Ordering::Relaxed) {
            return false;
        }
        match self.held.try_lock() {
            // Under the lock: who pins takes it after the mark, and opens again what was closed just before.
            Some(mut held) if !self.pinned.load(Ordering::Relaxed) => {
                *held = None;
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
