//! The files of the log: their names, which are there, and how one is made.
//!
//! A file is filled under a temporary name and renamed when its zeros are synced, so a name `<20 digits>.wal` always
//! stands for a whole file. Filled, not allocated: the first write to allocated space changes the file system's own
//! records, and a sync would have to wait for its journal.

use super::BLOCK_BYTES;
use crate::io::disk::{Disk, File, Open};
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const EXTENSION: &str = ".wal";
const TEMPORARY: &str = ".wal.tmp";

/// Zeros to write from; longer than any padding.
pub(super) static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
const _: () = assert!(ZEROS.len() as u64 >= BLOCK_BYTES);

/// Bytes between two syncs of a file that is being filled: short enough that an append's sync does not wait long for them.
const FILL_BYTES: u64 = 4 << 20;

/// The path of the file with this number.
pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:020}{EXTENSION}"))
}

/// The number that a name says; `None` for a name that is not one of ours.
fn number(name: &str, extension: &str) -> Option<u64> {
    let digits = name.strip_suffix(extension)?;
    let ours = digits.len() == 20 && digits.bytes().all(|digit| digit.is_ascii_digit());
    if ours { digits.parse().ok() } else { None }
}

/// Numbers and lengths of the whole files, by number. No directory is no file.
pub(super) fn list(disk: &dyn Disk, dir: &Path) -> io::Result<Vec<(u64, u64)>> {
    let entries = match disk.list(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let file = |entry: &crate::io::disk::Entry| number(&entry.name, EXTENSION).map(|number| (number, entry.len));
    Ok(entries.iter().filter(|entry| !entry.is_dir).filter_map(file).collect())
}

/// Removes what a crash left of a file that was being filled.
pub(super) fn remove_unfinished(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for entry in disk.list(dir)? {
        if !entry.is_dir && number(&entry.name, TEMPORARY).is_some() {
            disk.remove_file(&dir.join(entry.name))?;
        }
    }
    Ok(())
}

/// Makes the file with this number, `bytes` long (whole blocks), full of zeros, durably. `None` when the disk is full;
/// then nothing is left of it.
pub(super) fn make(disk: &dyn Disk, dir: &Path, number: u64, bytes: u64) -> io::Result<Option<Arc<dyn File>>> {
    let path = path(dir, number);
    let temporary = dir.join(format!("{number:020}{TEMPORARY}"));
    let made = fill(disk, &temporary, bytes).and_then(|file| {
        disk.rename(&temporary, &path)?;
        disk.sync_dir(dir)?;
        Ok(file)
    });
    match made {
        Ok(file) => Ok(Some(file)),
        Err(error) if is_full(&error) => {
            remove_leftovers(disk, &[&temporary, &path])?;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn fill(disk: &dyn Disk, path: &Path, bytes: u64) -> io::Result<Arc<dyn File>> {
    let file = disk.open(path, Open::Create)?;
    file.set_len(0)?;
    let mut position = 0;
    while position < bytes {
        let length = FILL_BYTES.min(bytes - position);
        file.write_at(&zeros(length), position)?;
        file.sync_data()?;
        position += length;
    }
    Ok(file)
}

fn zeros(length: u64) -> Vec<IoSlice<'static>> {
    let piece = ZEROS.len() as u64;
    let mut parts = vec![IoSlice::new(&ZEROS); (length / piece) as usize];
    parts.push(IoSlice::new(&ZEROS[..(length % piece) as usize]));
    parts
}

fn remove_leftovers(disk: &dyn Disk, paths: &[&Path]) -> io::Result<()> {
    for path in paths {
        match disk.remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Whether the disk, or what this user may have of it, is full.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
