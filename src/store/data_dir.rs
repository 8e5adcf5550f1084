//! The data directory: locked, stamped, marked when it was left clean.
//!
//! ```text
//! <data dir>/
//!   ottla.lock        locked as long as a broker uses the directory
//!   ottla.properties  the stamp: text, `key=value` lines
//!                       magic=ottla-data-dir  version=1  cluster.id=..  node.id=..  directory.id=..
//!   ottla.clean       exists between a clean stop and the next start: magic=ottla-clean-stop, version, directory.id
//!   ottla.failed      exists from a failed write or sync until a start has recovered from it: magic=ottla-failed, version
//!   ottla.checkpoint  and ottla.checkpoint.2: from where recovery begins (checkpoint)
//!   wal/              the write-ahead log (wal)
//!   meta/             the metadata log (io::bucket)
//!   <topic>-<n>/      partitions (log)
//! ```
//!
//! After a failed sync memory may hold what the medium does not and never will, and the kernel says so only once. The
//! start that finds `ottla.failed` therefore gives up what memory holds of every file, before it reads any. The mark
//! needs no sync: memory and mark go together.
//!
//! A directory without a stamp is taken over only when there is nothing in it that a stamp would have preceded.

use crate::base::NodeId;
use crate::io::disk::{Disk, Lock, Open};
use std::collections::HashMap;
use std::io::{self, IoSlice};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

const STAMP_FILE: &str = "ottla.properties";
const LOCK_FILE: &str = "ottla.lock";
const CLEAN_FILE: &str = "ottla.clean";
const STAMP_MAGIC: &str = "ottla-data-dir";
pub(super) const FAILED_FILE: &str = "ottla.failed";
const FAILED_TEXT: &str = "magic=ottla-failed\nversion=1\n";
const CLEAN_MAGIC: &str = "ottla-clean-stop";

/// The format of the data directory that this program writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// A stamp or marker is a few lines; whatever is longer is not ours.
const PROPERTIES_BYTES_MAX: u64 = 64 * 1024;

/// Longest cluster id that is written or believed, bytes.
const CLUSTER_ID_BYTES_MAX: usize = 1024;

/// Names that a directory may hold before it is stamped.
const BEFORE_STAMP: [&str; 5] = [LOCK_FILE, "ottla.properties.tmp", "meta", "spare", "lost+found"];

/// Why a data directory can't be used.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another process, or another store in this one, has it.
    #[error("{} is in use by another broker", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// There is something in it, but no stamp.
    #[error("{} holds {found:?} but no {STAMP_FILE}: not a data directory of Ottla; choose an empty one", path.display())]
    Foreign {
        /// The directory.
        path: PathBuf,
        /// The first name that does not belong.
        found: String,
    },
    /// It was written by a later release.
    #[error("{} has format version {version}, this release knows up to {FORMAT_VERSION}: start a newer Ottla", path.display())]
    Newer {
        /// The directory.
        path: PathBuf,
        /// Its version.
        version: u32,
    },
    /// The stamp can't be understood.
    #[error("{}: {what}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// It belongs to another cluster.
    #[error("{} belongs to cluster {stamped}, not to {given}", path.display())]
    OtherCluster {
        /// The directory.
        path: PathBuf,
        /// The cluster in its stamp.
        stamped: String,
        /// The cluster asked for.
        given: String,
    },
    /// It belongs to another node.
    #[error("{} belongs to node.id {stamped}, not to {given}", path.display())]
    OtherNode {
        /// The directory.
        path: PathBuf,
        /// The node in its stamp.
        stamped: NodeId,
        /// The node asked for.
        given: NodeId,
    },
    /// The disk said no.
    #[error("{}: {error}", path.display())]
    Io {
        /// What was touched.
        path: PathBuf,
        /// What the disk said.
        error: io::Error,
    },
}

/// Whose directory it is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// The cluster.
    pub cluster_id: String,
    /// The broker in it.
    pub node_id: NodeId,
    /// The directory itself: random, given once.
    pub directory_id: Uuid,
}

/// A locked data directory.
pub struct DataDir {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    stamp: Option<Stamp>,
    _lock: Box<dyn Lock>,
}

impl DataDir {
    /// Locks the directory (made when missing) and reads its stamp. Writes nothing but the lock file. After a failed sync
    /// it makes sure that this start, and whoever else reads the directory, gets what is on the medium.
    pub fn open(disk: Arc<dyn Disk>, path: &Path) -> Result<Self, DataDirError> {
        let on = |error| DataDirError::Io { path: path.to_owned(), error };
        disk.create_dir_all(path).map_err(on)?;
        let lock_path = path.join(LOCK_FILE);
        let lock = disk.lock(&lock_path).map_err(|error| match error.kind() {
            io::ErrorKind::WouldBlock => DataDirError::Locked { path: path.to_owned() },
            _ => DataDirError::Io { path: lock_path.clone(), error },
        })?;
        if disk.exists(&path.join(FAILED_FILE)).map_err(on)? {
            tracing::warn!("the disk failed when {} was last used: reading the medium anew", path.display());
            // What still waits to be written is not given up by what follows.
            disk.sync_file_system(path).map_err(on)?;
            forget_cached(&*disk, path).map_err(on)?;
        }
        let stamp = read_stamp(&*disk, path)?;
        if stamp.is_none() {
            let names = disk.list(path).map_err(on)?.into_iter().map(|entry| entry.name);
            if let Some(found) = names.into_iter().find(|name| !BEFORE_STAMP.contains(&name.as_str())) {
                return Err(DataDirError::Foreign { path: path.to_owned(), found });
            }
        }
        Ok(DataDir { disk, path: path.to_owned(), stamp, _lock: lock })
    }

    /// The stamp; none while the directory is new.
    pub fn stamp(&self) -> Option<&Stamp> {
        self.stamp.as_ref()
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The disk it is on.
    pub fn disk(&self) -> &Arc<dyn Disk> {
        &self.disk
    }

    /// Stamps a new directory with this identity, durably, or checks that an old one has it. `fresh` becomes the id of
    /// a new directory.
    pub fn claim(&mut self, cluster_id: &str, node_id: NodeId, fresh: Uuid) -> Result<&Stamp, DataDirError> {
        if let Some(stamp) = &self.stamp {
            if stamp.cluster_id != cluster_id {
                let (stamped, given) = (stamp.cluster_id.clone(), cluster_id.to_owned());
                return Err(DataDirError::OtherCluster { path: self.path.clone(), stamped, given });
            }
            if stamp.node_id != node_id {
                let path = self.path.clone();
                return Err(DataDirError::OtherNode { path, stamped: stamp.node_id, given: node_id });
            }
        } else {
            let path = self.path.join(STAMP_FILE);
            if cluster_id.is_empty() || cluster_id.len() > CLUSTER_ID_BYTES_MAX || cluster_id.contains(['\n', '\r']) {
                let what = format!("{cluster_id:?} can't be a cluster id");
                return Err(DataDirError::Damaged { path, what });
            }
            let text = format!(
                "magic={STAMP_MAGIC}\nversion={FORMAT_VERSION}\ncluster.id={cluster_id}\nnode.id={node_id}\n\
                 directory.id={fresh}\n"
            );
            self.disk.write_whole(&path, text.as_bytes()).map_err(|error| DataDirError::Io { path, error })?;
        }
        Ok(self.stamp.get_or_insert(Stamp { cluster_id: cluster_id.to_owned(), node_id, directory_id: fresh }))
    }

    /// Whether the last user left the directory clean. A marker that is damaged or another directory's says no.
    pub(crate) fn is_clean(&self) -> io::Result<bool> {
        let bytes = match self.disk.read_whole(&self.path.join(CLEAN_FILE), PROPERTIES_BYTES_MAX) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Ok(false),
            Err(error) => return Err(error),
        };
        let expected = self.stamp.as_ref().map(clean_text);
        Ok(expected.is_some_and(|text| text.as_bytes() == bytes))
    }

    /// Durably says that the directory was left clean: everything in it must be synced by now.
    pub(crate) fn mark_clean(&self) -> io::Result<()> {
        let Some(stamp) = &self.stamp else { return Ok(()) };
        self.disk.write_whole(&self.path.join(CLEAN_FILE), clean_text(stamp).as_bytes())
    }

    /// Durably takes the marks of the last end away, clean or failed: what was recovered is on the medium, and from now
    /// on a crash must be expected.
    pub(crate) fn unmark(&self) -> io::Result<()> {
        let mut removed = false;
        for name in [CLEAN_FILE, FAILED_FILE] {
            let path = self.path.join(name);
            if self.disk.exists(&path)? {
                self.disk.remove_file(&path)?;
                removed = true;
            }
        }
        if removed { self.disk.sync_dir(&self.path) } else { Ok(()) }
    }
}

/// The stamp; none when there is none.
pub(super) fn read_stamp(disk: &dyn Disk, dir: &Path) -> Result<Option<Stamp>, DataDirError> {
    let path = dir.join(STAMP_FILE);
    match disk.read_whole(&path, PROPERTIES_BYTES_MAX) {
        Ok(bytes) => parse_stamp(dir, &path, &bytes).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            Err(DataDirError::Damaged { path, what: error.to_string() })
        }
        Err(error) => Err(DataDirError::Io { path, error }),
    }
}

/// Says that what memory holds of the directory's files can't be trusted. There is nobody to tell when that fails too.
pub(super) fn mark_failed(disk: &dyn Disk, dir: &Path) {
    let path = dir.join(FAILED_FILE);
    let text = [IoSlice::new(FAILED_TEXT.as_bytes())];
    if let Err(error) = disk.open(&path, Open::Create).and_then(|file| file.write_at(&text, 0)) {
        tracing::warn!("{}: {error}", path.display());
    }
}

/// Every file below `dir`, at any depth.
fn forget_cached(disk: &dyn Disk, dir: &Path) -> io::Result<()> {
    for entry in disk.list(dir)? {
        let path = dir.join(&entry.name);
        if entry.is_dir {
            forget_cached(disk, &path)?;
        } else {
            disk.forget_cached(&path)?;
        }
    }
    Ok(())
}

fn clean_text(stamp: &Stamp) -> String {
    format!("magic={CLEAN_MAGIC}\nversion={FORMAT_VERSION}\ndirectory.id={}\n", stamp.directory_id)
}

fn parse_stamp(dir: &Path, file: &Path, bytes: &[u8]) -> Result<Stamp, DataDirError> {
    let damaged = |what: String| DataDirError::Damaged { path: file.to_owned(), what };
    let text = std::str::from_utf8(bytes).map_err(|error| damaged(error.to_string()))?;
    let mut values = HashMap::new();
    for line in text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#')) {
        let (key, value) = line.split_once('=').ok_or_else(|| damaged(format!("{line:?} is not key=value")))?;
        if values.insert(key, value).is_some() {
            return Err(damaged(format!("{key} is there twice")));
        }
    }
    let value = |key: &str| values.get(key).copied().ok_or_else(|| damaged(format!("no {key}")));
    if value("magic")? != STAMP_MAGIC {
        return Err(damaged(format!("magic is {:?}, not {STAMP_MAGIC:?}", value("magic")?)));
    }
    let version: u32 = value("version")?.parse().map_err(|error| damaged(format!("version: {error}")))?;
    if version > FORMAT_VERSION {
        return Err(DataDirError::Newer { path: dir.to_owned(), version });
    }
    if version == 0 {
        return Err(damaged("version is 0".to_owned()));
    }
    let cluster_id = value("cluster.id")?;
    if cluster_id.is_empty() || cluster_id.len() > CLUSTER_ID_BYTES_MAX {
        return Err(damaged(format!("cluster.id has {} bytes", cluster_id.len())));
    }
    let node_id = value("node.id")?.parse().map_err(|error| damaged(format!("node.id: {error}")))?;
    let directory_id = value("directory.id")?.parse().map_err(|error| damaged(format!("directory.id: {error}")))?;
    Ok(Stamp { cluster_id: cluster_id.to_owned(), node_id: NodeId(node_id), directory_id })
}

#[cfg(test)]
#[path = "data_dir_tests.rs"]
mod tests;
