//! Partition directories: their names, their loading at the start, their removal.

use super::checkpoint::{Kept, Loaded};
use super::core::Core;
use super::recovery::{Recovering, Recovery, Start};
use super::store::{KnownTopic, OpenError};
use crate::base::{LeaderEpoch, PartitionIndex, TopicPartition};
use crate::io::disk::Entry;
use crate::log::{Cut, IndexTail, Log, LogDir, LogSettings, OpenHow, OpenReport, Tip, metadata_file, names};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

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

/// A partition's directory.
struct Found {
    id: TopicPartition,
    dir: PathBuf,
    /// Whether it is there and says whose it is.
    identified: bool,
    /// What the checkpoint says of it.
    image: Option<(IndexTail, Tip)>,
    /// The epoch of the last run.
    epoch: Option<LeaderEpoch>,
    settings: Arc<LogSettings>,
}

/// Loads every partition's directory, with a bounded number of threads. Removes what deletions left behind.
pub(super) fn load(
    start: &Start<'_>,
    loaded: Option<&Loaded>,
    report: &mut Recovery,
) -> Result<BTreeMap<TopicPartition, Recovering>, OpenError> {
    let found = find(start, loaded, report)?;
    let tails = AtomicU64::new(0);
    let opened = Mutex::new((BTreeMap::new(), Vec::new(), Vec::new()));
    in_parallel(start.threads, &found, |Found { id, dir, identified, image, epoch, settings }| {
        let how = match (image, epoch) {
            (Some((tail, tip)), _) => OpenHow::From { tip, tail, epoch: *epoch },
            (None, _) if start.was_clean => OpenHow::Clean,
            // Each start makes a checkpoint of every log: one that it has no record of is younger.
            (None, Some(epoch)) if loaded.is_some_and(|loaded| !loaded.records.contains_key(id)) => {
                OpenHow::Since(*epoch)
            }
            (None, _) => OpenHow::AfterCrash,
        };
        let now = start.core.clock.now();
        let dir = LogDir { path: dir.clone(), topic: id.topic, identified: *identified };
        let (log, tip, report) = Log::open(start.env, dir, settings, how, now)?;
        tell(&report);
        tails.fetch_add(report.cut.is_some().into(), Ordering::Relaxed);
        let mut opened = opened.lock();
        opened.1.extend(report.damaged.iter().map(|(file, flaw)| format!("{file}: {}", flaw.kind)));
        opened.2.extend(report.cut.iter().filter_map(left_behind));
        opened.0.insert(*id, Recovering { log, tip, settings: settings.clone() });
        Ok::<(), OpenError>(())
    })?;
    let (logs, damage, cut) = opened.into_inner();
    (report.cut, report.tails) = (cut, tails.into_inner());
    report.damage.extend(damage);
    Ok(logs)
}

/// Every partition that has a directory, or should have one.
fn find(start: &Start<'_>, loaded: Option<&Loaded>, report: &mut Recovery) -> Result<Vec<Found>, OpenError> {
    let core = start.core;
    let on = |error| OpenError::Io { path: core.path.clone(), error };
    let none = HashMap::new();
    let records: &HashMap<TopicPartition, Kept> = loaded.map_or(&none, |loaded| &loaded.records);
    let mut images: HashMap<TopicPartition, (IndexTail, Tip)> =
        records.iter().filter_map(|(id, kept)| Some((*id, IndexTail::decode(&kept.state)?))).collect();
    // A log without segments had no directory: one of its name is younger than the record, or a deleted topic's.
    let had_files = |id| images.get(id).is_none_or(|(_, tip)| tip.has_segments());
    let known = records.iter().filter(|(id, _)| had_files(id) && (start.topics)(**id).is_some());
    let by_dir: HashMap<&str, TopicPartition> = known.map(|(id, kept)| (&*kept.dir, *id)).collect();
    let dirs = Mutex::new(BTreeMap::<TopicPartition, (PathBuf, bool)>::new());
    let (orphans, aside) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let listed: Vec<_> = core.disk.list(&core.path).map_err(on)?.into_iter().filter(|entry| entry.is_dir).collect();
    in_parallel(start.threads, &listed, |Entry { name, .. }| {
        let dir = core.path.join(name);
        if name.ends_with(DELETE_SUFFIX) {
            discard(core, &dir);
            return Ok(());
        }
        let Some(partition) = partition_of(name) else { return Ok(()) };
        let recorded = by_dir.get(&**name);
        let is_recorded = |id: &TopicPartition| records.contains_key(id);
        let Some(id) = identify(start, &dir, partition, recorded.copied(), is_recorded, &aside)? else {
            return Ok(());
        };
        if (start.topics)(id).is_none() {
            tracing::info!("{id} belongs to no topic: removing its files");
            orphans.fetch_add(1, Ordering::Relaxed);
            discard(core, &dir);
        } else {
            dirs.lock().insert(id, (dir, true));
        }
        Ok::<(), OpenError>(())
    })?;
    report.orphans += orphans.into_inner();
    report.aside = aside.into_inner();
    let mut dirs = dirs.into_inner();
    // What the checkpoint knows and no directory holds: lost, unless it was empty.
    for id in records.keys().filter(|id| !dirs.contains_key(*id)).copied().collect::<Vec<_>>() {
        if let Some(topic) = (start.topics)(id) {
            dirs.insert(id, (core.path.join(dir_name(&topic.name, id.partition)), false));
        }
    }
    let found = dirs.into_iter().map(|(id, (dir, identified))| {
        let (image, topic) = (images.remove(&id), (start.topics)(id));
        let settings = topic.as_ref().map_or(start.settings.clone(), |topic| start.settings_of(topic));
        Found { id, dir, identified, image, epoch: topic.and_then(|topic| topic.epoch), settings }
    });
    Ok(found.collect())
}

/// Whose directory it is. By its own word, unless that names nobody and the checkpoint knows better. One that nobody
/// knows is younger than the checkpoint, or its word is damaged: it is moved aside, not removed, and what the write-ahead
/// log has of it comes back from there.
fn identify(
    start: &Start<'_>,
    dir: &Path,
    partition: PartitionIndex,
    recorded: Option<TopicPartition>,
    is_recorded: impl Fn(&TopicPartition) -> bool,
    aside: &Mutex<Vec<String>>,
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
    // A directory that names a topic must have its name: topics keep theirs.
    let is_name = |topic: KnownTopic| dir.ends_with(dir_name(&topic.name, partition));
    let is_its = says.map(|id| (start.topics)(id).map(is_name));
    match (says, recorded) {
        (Some(id), _) if is_its == Some(Some(true)) => Ok(Some(id)),
        (_, Some(recorded)) => {
            tracing::warn!("{} does not name its topic: the checkpoint does", path.display());
            core.disk
                .write_whole(&path, metadata_file::encode(recorded.topic).as_bytes())
                .map_err(|error| OpenError::Io { path, error })?;
            Ok(Some(recorded))
        }
        (Some(orphan), None) if is_its == Some(None) && is_recorded(&orphan) => Ok(Some(orphan)),
        (Some(_) | None, None) => {
            // One at a time: long names may come to the same shortened one.
            let mut aside = aside.lock();
            aside.push(move_aside(core, dir).map_err(|error| OpenError::Io { path: dir.to_owned(), error })?);
            Ok(None)
        }
    }
}

/// What was done, in a line.
fn move_aside(core: &Core, dir: &Path) -> io::Result<String> {
    let mut aside = renamed(dir, UNIDENTIFIED_SUFFIX);
    for number in 2.. {
        if !core.disk.exists(&aside)? {
            break;
        }
        aside = renamed(dir, &format!(".{number}{UNIDENTIFIED_SUFFIX}"));
    }
    core.disk.rename(dir, &aside)?;
    let line = format!("{} names no topic: moved to {}", dir.display(), aside.display());
    tracing::warn!("{line}");
    Ok(line)
}

/// A tail that holds whole batches: torn by a loss of power that kept later pages, or damaged.
fn left_behind(cut: &Cut) -> Option<String> {
    let (batches, kept) = cut.kept.as_ref()?;
    let Cut { file, position, kind, .. } = cut;
    Some(format!("{file} at byte {position}: {kind}; {batches} whole batches lie behind it, kept in {kept}"))
}

fn tell(report: &OpenReport) {
    if let Some(cut) = &report.cut {
        tracing::warn!("{}: cut {} bytes after byte {} ({:?})", cut.file, cut.bytes, cut.position, cut.kind);
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
