//! Files that were written in advance, so that an object which brings room can be written on a device without any.
//!
//! A spare becomes an object: its bytes are overwritten where they are, it is shortened and synced, and moved to the
//! object's name. None of these steps asks a file system for blocks.

use super::PutOutcome;
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
    filling: AtomicBool,
}

impl Spares {
    pub(super) fn new(root: &Path) -> Arc<Self> {
        Arc::new(Spares { root: root.to_owned(), filling: AtomicBool::new(false) })
    }

    fn path(&self, number: usize) -> PathBuf {
        self.root.join(DIR).join(number.to_string())
    }

    /// Makes the spares that are missing, in the background; what finds no room is tried again with the next call.
    pub(super) fn fill(self: &Arc<Self>) {
        let lacking = || (0..COUNT).any(|number| !is_whole(&self.path(number)));
        if !self.filling.load(Ordering::SeqCst) && lacking() && !self.filling.swap(true, Ordering::SeqCst) {
            let spares = self.clone();
            tokio::task::spawn_blocking(move || {
                if let Err(error) = spares.fill_now() {
                    tracing::debug!("spare files for the metadata: {error}");
                }
                spares.filling.store(false, Ordering::SeqCst);
            });
        }
    }

    pub(super) fn fill_now(&self) -> io::Result<()> {
        fs::create_dir_all(self.root.join(DIR))?;
        for path in (0..COUNT).map(|number| self.path(number)).filter(|path| !is_whole(path)) {
            let file = File::options().write(true).create(true).truncate(false).open(path)?;
            file.write_all_at(&[0; SPARE_BYTES], 0)?;
            // Until then the file system has promised blocks, not given them.
            file.sync_data()?;
        }
        Ok(())
    }

    /// Makes the object `key` of a spare; `None` when there is none that holds it. Blocks.
    pub(super) fn put(&self, key: &str, bytes: &[u8]) -> io::Result<Option<PutOutcome>> {
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
