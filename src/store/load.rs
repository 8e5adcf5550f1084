//! Partition directories: their names, their loading at the start, their removal.

use super::core::Core;
use super::store::OpenError;
use super::stored_log::StoredLog;
use crate::base::{LeaderEpoch, PartitionIndex, TopicId, TopicPartition};
use crate::log::{Log, LogEnv, LogSettings, OpenHow, OpenReport, metadata_file, names};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the name of a directory ends in whose partition was deleted.
const DELETE_SUFFIX: &str = "-delete";

/// What the name of a directory ends in that does not say whose it is.
const UNIDENTIFIED_SUFFIX: &str = ".unidentified";

/// A partition.metadata has two lines; what is longer is none.
const PARTITION_METADATA_BYTES_MAX: u64 = 4096;

/// Longest file name, bytes.
const FILE_NAME_BYTES_MAX: usize = 255;

/// The directory of a partition.
pub(super) fn dir_name(topic: &str, partition: PartitionIndex) -> String {
    format!("{topic}-{partition}")
}

/// The partition index in a directory's name; none when it is not a partition's.
fn partition_of(name: &str) -> Option<PartitionIndex> {
    let (topic, index) = name.rsplit_once('-')?;
    let canonical = !topic.is_empty() && index.bytes().all(|byte| byte.is_ascii_digit());
    let index: i32 = index.parse().ok().filter(|_| canonical)?;
    (index.to_string().len() == name.len() - topic.len() - 1).then_some(PartitionIndex(index))
}

/// Where a deleted partition's directory goes until its files are removed: a name that no partition has, and no
/// other deleted one.
pub(super) fn away(dir: &Path, id: TopicPartition) -> PathBuf {
    let partition = id.partition;
    renamed(dir, &format!(".{}-{partition}{DELETE_SUFFIX}", id.topic.0.simple()))
}

/// The directory's name with a suffix, shortened to what a file name can hold.
fn renamed(dir: &Path, suffix: &str) -> PathBuf {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    let mut kept = name.len().min(FILE_NAME_BYTES_MAX - suffix.len());
    while !name.is_char_boundary(kept) {
        kept -= 1;
    }
    dir.with_file_name(format!("{}{suffix}", &name[..kept]))
}

/// Removes a directory that was moved away. What can't be removed now is tried again at the next start.
pub(super) fn discard(core: &Core, path: &Path) {
    match core.disk.remove_dir_all(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => tracing::warn!("removing {}: {error}", path.display()),
    }
}

/// Loads every partition directory, with a bounded number of threads. Removes what deletions left behind.
pub(super) fn load(
    core: &Arc<Core>,
    env: &LogEnv,
    settings: &Arc<LogSettings>,
    clean: bool,
    threads: usize,
) -> Result<Vec<Arc<StoredLog>>, OpenError> {
    let on = |error| OpenError::Io { path: core.path.clone(), error };
    let mut found = Vec::new();
    for entry in core.disk.list(&core.path).map_err(on)?.into_iter().filter(|entry| entry.is_dir) {
        if entry.name.ends_with(DELETE_SUFFIX) {
            discard(core, &core.path.join(&entry.name));
        } else if let Some(partition) = partition_of(&entry.name) {
            found.push((core.path.join(&entry.name), partition));
        }
    }
    let how = if clean { OpenHow::Clean } else { OpenHow::AfterCrash };
    let opened = Mutex::new(HashMap::<TopicPartition, (PathBuf, Arc<StoredLog>)>::with_capacity(found.len()));
    in_parallel(threads, &found, |(dir, partition)| {
        let Some(topic) = topic_of(core, dir)? else { return Ok(()) };
        let id = TopicPartition { topic, partition: *partition };
        let (log, tip, report) = Log::open(env, dir.clone(), topic, settings, how, core.clock.now())?;
        tell(dir, &report);
        let log = StoredLog::new(core.clone(), id, (log, tip), settings.clone(), LeaderEpoch::UNKNOWN);
        let before = opened.lock().insert(id, (dir.clone(), log));
        match before {
            None => Ok(()),
            Some((first, _)) => Err(OpenError::Twice { id, first, second: dir.clone() }),
        }
    })?;
    Ok(opened.into_inner().into_values().map(|(_, log)| log).collect())
}

/// The topic that a directory says it belongs to. One that does not say was never synced whole, so nothing in it was
/// acknowledged, or it was damaged later: it is moved aside, not removed.
fn topic_of(core: &Core, dir: &Path) -> Result<Option<TopicId>, OpenError> {
    let path = dir.join(names::PARTITION_METADATA);
    let text = match core.disk.read_whole(&path, PARTITION_METADATA_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Vec::new(),
        Err(error) => return Err(OpenError::Io { path, error }),
    };
    let topic = metadata_file::decode(&text).filter(|topic| !topic.is_zero());
    if topic.is_none() {
        let aside = renamed(dir, UNIDENTIFIED_SUFFIX);
        tracing::warn!("{} names no topic: moved to {}", path.display(), aside.display());
        match core.disk.exists(&aside) {
            Ok(false) => core.disk.rename(dir, &aside),
            Ok(true) => core.disk.remove_dir_all(&aside).and_then(|()| core.disk.rename(dir, &aside)),
            Err(error) => Err(error),
        }
        .map_err(|error| OpenError::Io { path: aside, error })?;
    }
    Ok(topic)
}

fn tell(dir: &Path, report: &OpenReport) {
    if let Some(cut) = &report.cut {
        tracing::warn!("{}: cut {} bytes after byte {} ({:?})", cut.file, cut.bytes, cut.position, cut.kind);
        if let Some((batches, kept)) = &cut.kept {
            tracing::error!("{}: {batches} whole batches lay behind the damage, kept in {kept}", dir.display());
        }
    }
    for file in &report.rebuilt {
        tracing::info!("{file} was made again");
    }
    for (file, flaw) in &report.damaged {
        tracing::error!("{file} is damaged: {flaw:?}");
    }
}

/// Does `work` on every item with a bounded number of threads; after an error no further item is begun.
pub(super) fn in_parallel<T: Sync, E: Send>(
    threads: usize,
    items: &[T],
    work: impl Fn(&T) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(None);
    let run = || {
        while let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) {
            if let Err(error) = work(item) {
                next.store(items.len(), Ordering::Relaxed);
                failed.lock().get_or_insert(error);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..threads.min(items.len()) {
            scope.spawn(run);
        }
        run();
    });
    failed.into_inner().map_or(Ok(()), Err)
}

#[cfg(test)]
#[path = "load_tests.rs"]
mod tests;
