//! Ends that are cut: the log of the disk and the segments, at every byte of the last three batches, and batches of every
//! awkward size.

use super::commit::{COMMIT_BYTES, Step};
use super::data_dir::FAILED_FILE;
use super::fixture::{Bench, EPOCH, batch, id, read_range};
use super::{Durability, Store, StoredLog};
use crate::base::Offset;
use crate::io::disk::faulty::{Fault, Operation};
use crate::io::disk::{Disk, FaultyDisk, Open};
use crate::log::LogSettings;
use crate::log::Wanted;
use crate::record::{check_produced, patch};
use crate::store::threads::Hands;
use crate::wal;
use bytes::Bytes;
use std::collections::HashMap;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KIB: u64 = 1 << 10;

fn bench(disk: FaultyDisk, durability: Durability) -> Bench {
    Bench { durability, wal_bytes: 256 * KIB, open_threads: 1, ..Bench::on(disk) }
}

fn settings(segment_bytes: u32) -> Arc<LogSettings> {
    Arc::new(LogSettings { segment_bytes, max_message_bytes: 200 << 20, ..LogSettings::default() })
}

/// With so many bytes to a segment.
fn rolling(store: &Store, segment_bytes: u32) -> Arc<StoredLog> {
    store.log(id(1, 0), "topic1", settings(segment_bytes), EPOCH)
}

fn log(store: &Store) -> Arc<StoredLog> {
    rolling(store, 1 << 30)
}

/// Appends and commits; with `write` the segment gets it too.
fn append(store: &Store, hands: &mut Hands, batch: &Bytes, write: bool) {
    append_to(store, &log(store), hands, batch, write);
}

fn append_to(store: &Store, log: &Arc<StoredLog>, hands: &mut Hands, batch: &Bytes, write: bool) {
    let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
    log.append(batch.clone(), &check_produced(batch).expect("good"), &mut room).expect("appended");
    assert_eq!(hands.committer.step().expect("the disk is well"), Step::Done);
    if write {
        assert_eq!(hands.writer.step().expect("the disk is well"), Step::Done);
    }
}

/// Everything below the durable offset, from segments.
fn stored(log: &StoredLog) -> Vec<u8> {
    let (end, mut next, mut all) = (log.watermarks().durable, Offset::ZERO, Vec::new());
    while next < end {
        let plan = log.plan(Wanted::new(next, end, u64::MAX, true)).expect("readable");
        assert!(plan.next > next, "a gap at {next}");
        for range in plan.ranges {
            all.extend(read_range(&*range.segment, range.position, range.length));
        }
        next = plan.next;
    }
    all
}

fn overwrite(disk: &FaultyDisk, path: &Path, from: u64, to: u64, with: u8) {
    let file = disk.open(path, Open::ReadWrite).expect("it is there");
    file.write_at(&[IoSlice::new(&vec![with; (to - from) as usize])], from).expect("written");
}

/// The first batches of [`numbered`], as they are stored.
fn sent(count: usize) -> Vec<u8> {
    let batches = (0..count).map(|at| {
        let mut batch = numbered(at as u8).to_vec();
        patch(&mut batch, Offset(at as i64), EPOCH);
        batch
    });
    batches.flatten().collect()
}

/// Opens what a cut left, appends, is killed, and opens again.
fn goes_on(disk: FaultyDisk, durability: Durability, whole: usize, what: &str) {
    let (store, mut hands) = bench(disk.clone(), durability).try_open_by_hand().expect("it opens");
    let recovered = log(&store);
    assert_eq!(recovered.watermarks().durable, Offset(whole as i64), "{what}");
    let before = stored(&recovered);
    assert!(before == sent(whole), "{what}: other bytes");
    append(&store, &mut hands, &batch(&[b"after"]), durability == Durability::Os);
    drop((recovered, hands, store));
    let (store, _hands) = bench(disk.kill(), durability).try_open_by_hand().expect("it opens again");
    let again = log(&store);
    assert_eq!(again.watermarks().durable, Offset(whole as i64 + 1), "{what}: something stale fits");
    assert_eq!(store.recovery().tails, 0, "{what}: cut twice");
    let after = stored(&again);
    assert!(after.starts_with(&before), "{what}: what was there changed");
    assert!(after.windows(5).any(|window| window == b"after"), "{what}: what came after is not there");
}

/// Bytes of a batch of [`six`].
fn each() -> u64 {
    numbered(0).len() as u64
}

fn numbered(at: u8) -> Bytes {
    batch(&[&[at; 90]])
}

fn checkpoint(hands: &mut Hands) {
    while hands.checkpointer.step().expect("the disk is well") != Step::Idle {}
}

/// Six batches, with a checkpoint after the first ones and so many bytes to a segment.
fn six(durability: Durability, checkpointed: Option<u8>, segment_bytes: u32) -> FaultyDisk {
    let bench = bench(FaultyDisk::new(1, 64 << 20), durability);
    let (store, mut hands) = bench.try_open_by_hand().expect("an empty disk");
    for at in 0..6_u8 {
        let log = rolling(&store, segment_bytes);
        append_to(&store, &log, &mut hands, &numbered(at), durability == Durability::Os);
        if checkpointed == Some(at) {
            checkpoint(&mut hands);
        }
    }
    bench.disk.kill()
}

#[test]
fn the_write_ahead_log_cut_at_every_byte_of_the_last_three_chunks() {
    let disk = six(Durability::Fsync, None, 1 << 30);
    let dir = Bench::dir().join("wal");
    let files = wal::inspect(&disk, &dir).expect("readable");
    let [file] = files.as_slice() else { panic!("one file is enough: {files:?}") };
    let path = dir.join(format!("{:020}.wal", file.number));
    assert_eq!(file.chunks.len(), 6);
    let content = disk.read_whole(&path, 1 << 20).expect("readable");
    for (at, chunk) in file.chunks.iter().enumerate().skip(3) {
        let end = chunk.position + chunk.bytes;
        let padded = &content[chunk.position as usize..end as usize];
        let used = padded.iter().rposition(|byte| *byte != 0).expect("a chunk is not empty") as u64 + 1;
        for cut in 0..used {
            let garbage = [0, 0xff][(cut % 2) as usize];
            let disk = disk.kill();
            overwrite(&disk, &path, chunk.position + cut, file.bytes, garbage);
            goes_on(disk, Durability::Fsync, at, &format!("chunk {at} cut at {cut}, then {garbage}"));
        }
    }
}

/// Cuts the file, or writes over what follows.
fn cut_at(disk: &FaultyDisk, path: &Path, cut: u64, len: u64, garbage: Option<u8>) {
    match garbage {
        None => disk.open(path, Open::ReadWrite).and_then(|file| file.set_len(cut)).expect("cut"),
        Some(with) => overwrite(disk, path, cut, len, with),
    }
}

/// Cuts the last three batches, of which the segment has no other or three, at every byte.
fn cut_last_three(disk: &FaultyDisk, segment: u64, what: &str) {
    let path = Bench::dir().join(format!("topic1-0/{segment:020}.log"));
    let original = disk.read_whole(&path, 1 << 20).expect("readable");
    let (each, len) = (each() as usize, original.len());
    assert_eq!(len, each * (6 - segment as usize), "all are of one size");
    for cut in len - 3 * each..len {
        let garbage = [None, Some(0), Some(0xff)][cut % 3];
        let disk = disk.kill();
        cut_at(&disk, &path, cut as u64, len as u64, garbage);
        // What follows may by chance be what was cut.
        let left = disk.read_whole(&path, 1 << 20).expect("readable");
        let batches = original.chunks(each).zip(left.chunks(each));
        let whole = segment as usize + batches.take_while(|(one, other)| one == other).count();
        goes_on(disk, Durability::Os, whole, &format!("{what}: cut at {cut}, then {garbage:?}"));
    }
}

#[test]
fn a_segment_cut_at_every_byte_of_the_last_three_batches() {
    cut_last_three(&six(Durability::Os, None, 1 << 30), 0, "no checkpoint");
    cut_last_three(&six(Durability::Os, Some(2), 1 << 30), 0, "behind the checkpoint");
    let three = 3 * each() as u32;
    cut_last_three(&six(Durability::Os, Some(1), three), 3, "a segment that was begun after the checkpoint");
}

/// A cut that can't be synced is final, whatever it says was missing: the cut bytes look clean in memory.
#[test]
fn a_cut_that_cannot_be_synced_leaves_the_mark() {
    let path = Bench::dir().join("topic1-0/00000000000000000000.log");
    let disk = six(Durability::Os, None, 1 << 30);
    for fault in [Fault::Io, Fault::Full] {
        let disk = disk.kill();
        let file = disk.open(&path, Open::ReadWrite).expect("it is there");
        file.set_len(6 * each() - 1).expect("cut");
        disk.fail(Operation::Sync, "00000000000000000000.log", 0, fault);
        let error = bench(disk.clone(), Durability::Os).try_open_by_hand().err().expect("a sync fails");
        assert!(error.is_device(), "{fault:?}: {error}");
        assert!(disk.exists(&Bench::dir().join(FAILED_FILE)).expect("asked"), "{fault:?}");
    }
}

/// The files of the write-ahead log.
fn wal_content(disk: &FaultyDisk) -> HashMap<PathBuf, Vec<u8>> {
    let dir = Bench::dir().join("wal");
    let names = disk.list(&dir).expect("listed").into_iter().map(|entry| dir.join(entry.name));
    names.map(|path| (path.clone(), disk.read_whole(&path, 1 << 20).expect("readable"))).collect()
}

/// A chunk goes over one of the same size that an earlier lap left at the place: what is torn is both.
#[test]
fn a_recycled_file_cut_at_every_byte_back_to_the_chunks_of_an_earlier_lap() {
    const LAPS: u8 = 150;
    let bench = bench(FaultyDisk::new(1, 64 << 20), Durability::Fsync);
    let (store, mut hands) = bench.try_open_by_hand().expect("an empty disk");
    for at in 0..LAPS {
        append(&store, &mut hands, &numbered(at), true);
        if at % 10 == 0 {
            checkpoint(&mut hands);
        }
    }
    let before = wal_content(&bench.disk);
    for at in LAPS..LAPS + 3 {
        append(&store, &mut hands, &numbered(at), false);
    }
    let after = bench.disk.kill();
    drop((hands, store));
    // Nobody reads a disk from which copies were taken.
    let content = wal_content(&after);
    let places: Vec<_> = (LAPS..LAPS + 3).map(|newest| (newest, wal_with(&after, u64::from(newest) + 1))).collect();
    for (newest, (path, chunk)) in places {
        let (from, to) = (chunk.position as usize, (chunk.position + chunk.bytes) as usize);
        let (old, new) = (&before[&path][from..], &content[&path][from..to]);
        assert!(old.starts_with(b"OTTLAWAL"), "an earlier lap was here");
        for cut in (0..new.len()).filter(|cut| new[*cut..] != old[*cut..new.len()]) {
            let disk = after.kill();
            let file = disk.open(&path, Open::ReadWrite).expect("it is there");
            file.write_at(&[IoSlice::new(&old[cut..])], chunk.position + cut as u64).expect("written");
            goes_on(disk, Durability::Fsync, newest.into(), &format!("chunk {} cut at {cut}", newest + 1));
        }
    }
}

/// A batch of exactly this size.
fn sized(bytes: usize) -> Bytes {
    let mut value = bytes - 100;
    loop {
        let batch = batch(&[&vec![9; value]]);
        if batch.len() == bytes {
            return batch;
        }
        value = value + bytes - batch.len();
    }
}

fn wal_with(disk: &FaultyDisk, sequence: u64) -> (PathBuf, wal::ChunkView) {
    let dir = Bench::dir().join("wal");
    for file in wal::inspect(disk, &dir).expect("readable") {
        if let Some(chunk) = file.chunks.iter().find(|chunk| chunk.sequence.0 == sequence) {
            return (dir.join(format!("{:020}.wal", file.number)), *chunk);
        }
    }
    panic!("no chunk {sequence}");
}

/// Around a chunk's size, and far above a file's.
#[test]
fn batches_of_awkward_sizes_survive_whole_or_not_at_all() {
    let chunk = COMMIT_BYTES as usize;
    for size in [chunk - 1, chunk, chunk + 1, 5_000_000, 90_000_000] {
        let bench = Bench { wal_bytes: 8 << 20, open_threads: 1, ..Bench::on(FaultyDisk::new(2, 512 << 20)) };
        let (store, mut hands) = bench.try_open_by_hand().expect("an empty disk");
        append(&store, &mut hands, &batch(&[b"before"]), false);
        append(&store, &mut hands, &sized(size), false);
        let disk = bench.disk.crash(3);
        drop((hands, store));
        let (path, view) = wal_with(&disk, 2);
        let open = |disk: FaultyDisk| {
            let bench = Bench { wal_bytes: 8 << 20, open_threads: 1, ..Bench::on(disk) };
            let (store, hands) = bench.try_open_by_hand().expect("it opens");
            let log = log(&store);
            let found = (log.watermarks().durable, stored(&log).len(), store.recovery().damage.clone());
            drop((hands, store));
            found
        };
        let before = batch(&[b"before"]).len();
        assert_eq!(open(disk.kill()), (Offset(2), before + size, Vec::new()), "{size} bytes");
        let places =
            if size > 10_000_000 { vec![view.bytes / 2] } else { vec![100, view.bytes / 2, view.bytes - 8_000] };
        for place in places {
            let cut = disk.kill();
            overwrite(&cut, &path, view.position + place, view.position + view.bytes, 0);
            assert_eq!(open(cut), (Offset(1), before, Vec::new()), "{size} bytes, cut at {place}");
            let flipped = disk.kill();
            flipped.corrupt(&path, view.position + place, 4).expect("there is such a byte");
            assert_eq!(open(flipped), (Offset(1), before, Vec::new()), "{size} bytes, flipped at {place}");
        }
    }
}

/// The same in segments: what the write-ahead log has comes back; without one the torn batch is gone.
#[test]
fn batches_of_awkward_sizes_in_segments() {
    let chunk = COMMIT_BYTES as usize;
    let path = Bench::dir().join("topic1-0/00000000000000000000.log");
    let first = batch(&[b"before"]).len();
    for (size, durability) in [chunk - 1, chunk, chunk + 1, 5_000_000, 90_000_000]
        .into_iter()
        .flat_map(|size| [(size, Durability::Fsync), (size, Durability::Os)])
    {
        let on = |disk| Bench { wal_bytes: 8 << 20, open_threads: 1, durability, ..Bench::on(disk) };
        let bench = on(FaultyDisk::new(2, 512 << 20));
        let (store, mut hands) = bench.try_open_by_hand().expect("an empty disk");
        append(&store, &mut hands, &batch(&[b"before"]), true);
        append(&store, &mut hands, &sized(size), true);
        drop((hands, store));
        let (all, len) = (Offset(2), (first + size) as u64);
        let left = if durability == Durability::Fsync { all } else { Offset(1) };
        let places = if size > 10_000_000 { vec![len / 2] } else { vec![first as u64 + 30, len / 2, len - 2] };
        for place in places {
            let (cut, flipped) = (bench.disk.kill(), bench.disk.kill());
            cut_at(&cut, &path, place, len, Some(0));
            flipped.corrupt(&path, place, 4).expect("there is such a byte");
            for (disk, how) in [(cut, "cut"), (flipped, "flipped")] {
                let what = format!("{durability:?}, {size} bytes, {how} at {place}");
                let (store, mut hands) = on(disk.clone()).try_open_by_hand().expect("it opens");
                assert_eq!((log(&store).watermarks().durable, store.recovery().tails), (left, 1), "{what}");
                assert_eq!(store.recovery().damage, Vec::<String>::new(), "{what}");
                append(&store, &mut hands, &batch(&[b"after"]), true);
                assert_eq!(
                    stored(&log(&store)).len(),
                    if left == all { len as usize } else { first } + batch(&[b"after"]).len()
                );
                drop((hands, store));
            }
        }
    }
}
