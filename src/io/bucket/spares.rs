//! Files that were written in advance, so that an object which brings room can be written on a device without any.
//!
//! A spare becomes an object: its bytes are overwritten where they are, it is shortened and synced, and moved to the
//! object's name. None of these steps asks a file system that writes in place for blocks, but for a directory that grows.

use super::PutOutcome;
use parking_lot::Mutex;
use rustix::fs::{CWD, RenameFlags, renameat_with};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The directory of the spares within the bucket's.
const DIR: &str = "spare";

/// Spares that are kept: objects that can be written while there is no room.
const COUNT: usize = 4;

/// Bytes of a spare; a larger object finds none.
const SPARE_BYTES: usize = 64 << 10;

#[derive(Debug)]
pub(super) struct Spares {
    root: PathBuf,
    /// Whether there may be fewer than there should be.
    lacking: AtomicBool,
    /// A spare is being filled, or becomes an object: never both.
    turn: Mutex<()>,
}

impl Spares {
    pub(super) fn new(root: &Path) -> Arc<Self> {
        Arc::new(Spares { root: root.to_owned(), lacking: AtomicBool::new(true), turn: Mutex::new(()) })
    }

    fn path(&self, number: usize) -> PathBuf {
        self.root.join(DIR).join(number.to_string())
    }

    /// Makes the spares that are missing, in the background; what finds no room is tried again with the next call.
    pub(super) fn fill(self: &Arc<Self>) {
        if self.lacking.swap(false, Ordering::SeqCst) {
            let spares = self.clone();
            tokio::task::spawn_blocking(move || {
                if let Err(error) = spares.fill_now() {
                    tracing::debug!("spare files for the metadata: {error}");
                    spares.lacking.store(true, Ordering::SeqCst);
                }
            });
        }
    }

    pub(super) fn fill_now(&self) -> io::Result<()> {
        fs::create_dir_all(self.root.join(DIR))?;
        for path in (0..COUNT).map(|number| self.path(number)) {
            let _turn = self.turn.lock();
            if is_whole(&path) {
                continue;
            }
            let file = File::options().write(true).create(true).truncate(false).open(path)?;
            file.write_all_at(&[0; SPARE_BYTES], 0)?;
            // Until then the file system has promised blocks, not given them.
            file.sync_data()?;
        }
        Ok(())
    }

    /// Makes the object `key` of a spare; `None` when there is none that holds it. Blocks.
    pub(super) fn put(&self, key: &str, bytes: &[u8]) -> io::Result<Option<PutOutcome>> {
        let _turn = self.turn.lock();
        self.lacking.store(true, Ordering::SeqCst);
        let holds = |path: &PathBuf| bytes.len() <= SPARE_BYTES && is_whole(path);
        let Some(spare) = (0..COUNT).map(|number| self.path(number)).find(holds) else { return Ok(None) };
        let object = self.root.join(key);
        let file = File::options().write(true).open(&spare)?;
        file.write_all_at(bytes, 0)?;
        file.set_len(bytes.len() as u64)?;
        file.sync_all()?;
        match renameat_with(CWD, &spare, CWD, &object, RenameFlags::NOREPLACE) {
            Ok(()) => {}
            Err(rustix::io::Errno::EXIST) => return Ok(Some(PutOutcome::Exists)),
            Err(error) => return Err(error.into()),
        }
        for dir in [object.parent(), spare.parent()].into_iter().flatten() {
            File::open(dir)?.sync_all()?;
        }
        Ok(Some(PutOutcome::Created))
    }
}

fn is_whole(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.len() == SPARE_BYTES as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_never_writes_into_an_object() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("meta")).expect("made");
        let (spares, stop) = (Spares::new(dir.path()), AtomicBool::new(false));
        let mut damaged = Vec::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !stop.load(Ordering::SeqCst) {
                    spares.fill_now().expect("there is room");
                }
            });
            for number in 0..100 {
                let (key, bytes) = (format!("meta/{number}"), [7; 200]);
                while spares.put(&key, &bytes).expect("there is room").is_none() {
                    std::thread::yield_now();
                }
                std::thread::sleep(std::time::Duration::from_micros(300));
                if fs::read(dir.path().join(&key)).expect("it is there") != bytes {
                    damaged.push(key);
                }
            }
            stop.store(true, Ordering::SeqCst);
        });
        assert_eq!(damaged, Vec::<String>::new());
    }
}
