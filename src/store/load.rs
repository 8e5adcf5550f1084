//! Partition directories: their names, their loading at the start, their removal.

use super::checkpoint::{Kept, Loaded};
use super::core::Core;
use super::recovery::{Recovering, Recovery, Start};
use super::store::OpenError;
use crate::base::{PartitionIndex, TopicPartition};
use crate::log::{Log, OpenHow, OpenReport, Tip, metadata_file, names};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
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

/// The name of a partition's directory; see [`dir_name`].
pub(super) fn name_of(dir: &Path) -> String {
    dir.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The topic's name, if there is such a partition.
pub(super) type Names<'a> = dyn Fn(TopicPartition) -> Option<String> + Sync + 'a;

/// A partition's directory.
struct Found {
    dir: PathBuf,
    id: TopicPartition,
    /// What the checkpoint says of it.
    tip: Option<Tip>,
}

/// Loads every partition's directory, with a bounded number of threads. Removes what deletions left behind.
pub(super) fn load(
    start: &Start<'_>,
    loaded: Option<&Loaded>,
    report: &mut Recovery,
) -> Result<BTreeMap<TopicPartition, Recovering>, OpenError> {
    let found = find(start, loaded, report)?;
    let opened = Mutex::new((BTreeMap::new(), Vec::new()));
    in_parallel(start.threads, &found, |Found { dir, id, tip }| {
        let how = match tip {
            Some(tip) => OpenHow::From(tip),
            None if start.was_clean => OpenHow::Clean,
            None => OpenHow::AfterCrash,
        };
        let now = start.core.clock.now();
        let (log, tip, report) = Log::open(start.env, dir.clone(), id.topic, start.settings, how, now)?;
        tell(dir, &report);
        let mut opened = opened.lock();
        opened.1.extend(report.damaged.iter().map(|(file, flaw)| format!("{file}: {}", flaw.kind)));
        opened.0.insert(*id, Recovering { log, tip });
        Ok::<(), OpenError>(())
    })?;
    let (logs, damage) = opened.into_inner();
    report.damage.extend(damage);
    Ok(logs)
}

/// Every partition that has a directory, or should have one.
fn find(start: &Start<'_>, loaded: Option<&Loaded>, report: &mut Recovery) -> Result<Vec<Found>, OpenError> {
    let core = start.core;
    let on = |error| OpenError::Io { path: core.path.clone(), error };
    let none = HashMap::new();
    let records: &HashMap<TopicPartition, Kept> = loaded.map_or(&none, |loaded| &loaded.records);
    let known = records.iter().filter(|(id, _)| (start.names)(**id).is_some());
    let by_dir: HashMap<&str, TopicPartition> = known.map(|(id, kept)| (&*kept.dir, *id)).collect();
    let mut dirs = BTreeMap::<TopicPartition, PathBuf>::new();
    for entry in core.disk.list(&core.path).map_err(on)?.into_iter().filter(|entry| entry.is_dir) {
        let dir = core.path.join(&entry.name);
        if entry.name.ends_with(DELETE_SUFFIX) {
            discard(core, &dir);
            continue;
        }
        let Some(partition) = partition_of(&entry.name) else { continue };
        let recorded = by_dir.get(&*entry.name);
        let Some(id) = identify(start, &dir, partition, recorded.copied())? else { continue };
        if (start.names)(id).is_none() {
            tracing::info!("{id} belongs to no topic: removing its files");
            report.orphans += 1;
            discard(core, &dir);
        } else if let Some(first) = dirs.insert(id, dir.clone()) {
            return Err(OpenError::Twice { id, first, second: dir });
        }
    }
    // What the checkpoint knows and no directory holds: lost, unless it was empty.
    for id in records.keys().filter(|id| !dirs.contains_key(*id)).copied().collect::<Vec<_>>() {
        if let Some(name) = (start.names)(id) {
            dirs.insert(id, core.path.join(dir_name(&name, id.partition)));
        }
    }
    let tip = |id| records.get(&id).and_then(|kept| Tip::decode(&kept.state));
    Ok(dirs.into_iter().map(|(id, dir)| Found { tip: tip(id), dir, id }).collect())
}

/// Whose directory it is. By its own word, unless that names nobody and the checkpoint knows better. One that nobody
/// knows was never synced whole, so nothing in it was acknowledged that the write-ahead log does not hold, or it was
/// damaged later: it is moved aside, not removed.
fn identify(
    start: &Start<'_>,
    dir: &Path,
    partition: PartitionIndex,
    recorded: Option<TopicPartition>,
) -> Result<Option<TopicPartition>, OpenError> {
    let core = start.core;
    let path = dir.join(names::PARTITION_METADATA);
    let text = match core.disk.read_whole(&path, PARTITION_METADATA_BYTES_MAX) {
        Ok(bytes) => bytes,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidData) => Vec::new(),
        Err(error) => return Err(OpenError::Io { path, error }),
    };
    let says = metadata_file::decode(&text).filter(|topic| !topic.is_zero());
    let says = says.map(|topic| TopicPartition { topic, partition });
    match (says, recorded) {
        (Some(id), _) if (start.names)(id).is_some() => Ok(Some(id)),
        (_, Some(recorded)) => {
            tracing::warn!("{} does not name its topic: the checkpoint does", path.display());
            core.disk
                .write_whole(&path, metadata_file::encode(recorded.topic).as_bytes())
                .map_err(|error| OpenError::Io { path, error })?;
            Ok(Some(recorded))
        }
        (Some(orphan), None) => Ok(Some(orphan)),
        (None, None) => {
            let aside = renamed(dir, UNIDENTIFIED_SUFFIX);
            tracing::warn!("{} names no topic: moved to {}", path.display(), aside.display());
            match core.disk.exists(&aside) {
                Ok(false) => core.disk.rename(dir, &aside),
                Ok(true) => core.disk.remove_dir_all(&aside).and_then(|()| core.disk.rename(dir, &aside)),
                Err(error) => Err(error),
            }
            .map_err(|error| OpenError::Io { path: aside, error })?;
            Ok(None)
        }
    }
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
