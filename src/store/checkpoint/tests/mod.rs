//! What the tests share: small sizes, a history of commits with the state after each, and a disk to crash.

mod crashes;
mod damage;
mod full;
mod refusals;
mod round_trips;
mod torn;

use super::{Change, Checkpoint, CheckpointError, FILES, Kept, Loaded, Position, Sizes};
use crate::base::PartitionIndex;
use crate::base::TopicId;
use crate::base::TopicPartition;
use crate::io::disk::faulty::Chance;
use crate::io::disk::{Disk, FaultyDisk, Open};
use bytes::Bytes;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use uuid::Uuid;

/// Small, so that a short history has several frames in a commit and several rewrites.
const SIZES: Sizes = Sizes { frame_bytes_max: 400, reserve_bytes: 3000, rewrite_slack_bytes: 1500 };

type State = (Position, HashMap<TopicPartition, Kept>);

fn dir() -> PathBuf {
    PathBuf::from("/data")
}

fn path(copy: usize) -> PathBuf {
    dir().join(FILES[copy])
}

fn own() -> Uuid {
    Uuid::from_u128(0x0774_a000)
}

/// A disk with the data directory in it.
fn disk(seed: u64) -> FaultyDisk {
    let disk = FaultyDisk::new(seed, u64::MAX);
    disk.create_dir_synced(&dir()).unwrap();
    disk
}

fn shared(disk: &FaultyDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

fn id(number: i32) -> TopicPartition {
    TopicPartition { topic: TopicId(Uuid::from_u128(7)), partition: PartitionIndex(number) }
}

fn put(number: i32, state: &[u8]) -> Change {
    Change::Put { id: id(number), dir: format!("topic-{number}"), state: Bytes::copy_from_slice(state) }
}

fn position(number: u64) -> Position {
    Position { incarnation: number / 3, live_from: number * 11 }
}

/// Changes by chance to some of 12 partitions; states of 0 to 150 bytes.
fn some_changes(chance: &mut Chance) -> Vec<Change> {
    let change = |chance: &mut Chance| {
        let number = chance.below(12) as i32;
        if chance.one_in(4) {
            return Change::Forget(id(number));
        }
        let state: Vec<u8> = (0..chance.below(150)).map(|_| chance.next() as u8).collect();
        put(number, &state)
    };
    (0..chance.below(9)).map(|_| change(chance)).collect()
}

fn after(state: &State, position: Position, changes: &[Change]) -> State {
    let mut records = state.1.clone();
    for change in changes {
        match change {
            Change::Put { id, dir, state } => {
                records.insert(*id, Kept { dir: dir.clone(), state: state.clone() });
            }
            Change::Forget(id) => {
                records.remove(id);
            }
        }
    }
    (position, records)
}

fn empty() -> State {
    (position(0), HashMap::new())
}

/// The commits of a history, each with the state after it. The first is what the file is created with.
struct History {
    commits: Vec<(Position, Vec<Change>)>,
    states: Vec<State>,
}

impl History {
    fn new(seed: u64, commits: u64) -> Self {
        let mut chance = Chance::new(seed);
        let first: Vec<Change> = (0..12).map(|number| put(number, format!("first {seed}").as_bytes())).collect();
        let mut history = History { commits: Vec::new(), states: Vec::new() };
        for number in 0..commits {
            let changes = if number == 0 { first.clone() } else { some_changes(&mut chance) };
            let state = after(history.states.last().unwrap_or(&empty()), position(number), &changes);
            history.commits.push((position(number), changes));
            history.states.push(state);
        }
        history
    }

    /// Runs it until an error; returns how many commits returned Ok.
    fn run(&self, disk: &FaultyDisk) -> usize {
        let (first, records) = &self.commits[0];
        let Ok(mut checkpoint) = Checkpoint::create_sized(&shared(disk), &dir(), own(), *first, records.clone(), SIZES)
        else {
            return 0;
        };
        let rest = &self.commits[1..];
        1 + rest.iter().take_while(|(at, changes)| checkpoint.append(*at, changes.clone()).is_ok()).count()
    }
}

/// A disk on which a history ran, to be copied for each test of it.
fn ran(history: &History) -> FaultyDisk {
    let disk = disk(1);
    assert_eq!(history.run(&disk), history.commits.len());
    disk
}

fn load(disk: &FaultyDisk) -> Result<Option<Loaded>, CheckpointError> {
    Checkpoint::load(&shared(disk), &dir(), own())
}

fn loaded(disk: &FaultyDisk, what: &str) -> (State, Vec<String>) {
    match load(disk) {
        Ok(Some(Loaded { position, records, notes })) => ((position, records), notes),
        Ok(None) => panic!("{what}: nothing is there"),
        Err(error) => panic!("{what}: {error}"),
    }
}

fn file_bytes(disk: &FaultyDisk, copy: usize) -> Vec<u8> {
    disk.read_whole(&path(copy), u64::MAX).unwrap()
}

fn set_file(disk: &FaultyDisk, path: &Path, bytes: &[u8]) {
    let file = disk.open(path, Open::Create).unwrap();
    file.set_len(0).unwrap();
    file.write_at(&[std::io::IoSlice::new(bytes)], 0).unwrap();
}
