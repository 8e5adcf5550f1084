//! Ends that are cut: the log of the disk and the segments, at every byte of the last three batches, and batches of every
//! awkward size.

use super::commit::{COMMIT_BYTES, Step};
use super::fixture::{Bench, EPOCH, batch, id, read_range};
use super::{Durability, Store, StoredLog};
use crate::base::Offset;
use crate::io::disk::{Disk, FaultyDisk, Open};
use crate::log::LogSettings;
use crate::record::check_produced;
use crate::store::threads::Hands;
use crate::wal;
use bytes::Bytes;
use std::io::IoSlice;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const KIB: u64 = 1 << 10;

fn bench(disk: FaultyDisk, durability: Durability) -> Bench {
    Bench { durability, wal_bytes: 256 * KIB, open_threads: 1, ..Bench::on(disk) }
}

fn settings() -> Arc<LogSettings> {
    Arc::new(LogSettings { segment_bytes: 1 << 30, max_message_bytes: 200 << 20, ..LogSettings::default() })
}

fn log(store: &Store) -> Arc<StoredLog> {
    store.log(id(1, 0), "topic1", settings(), EPOCH)
}

/// Appends and commits; with `write` the segment gets it too.
fn append(store: &Store, hands: &mut Hands, batch: &Bytes, write: bool) {
    let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
    log(store).append(batch.clone(), &check_produced(batch).expect("good"), &mut room).expect("appended");
    assert_eq!(hands.committer.step().expect("the disk is well"), Step::Done);
    if write {
        assert_eq!(hands.writer.step().expect("the disk is well"), Step::Done);
    }
}

/// Everything below the durable offset, from segments.
fn stored(log: &StoredLog) -> Vec<u8> {
    let (end, mut next, mut all) = (log.watermarks().durable, Offset::ZERO, Vec::new());
    while next < end {
        let plan = log.plan(next, end, u64::MAX, true).expect("readable");
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

/// Opens what a cut left, appends, is killed, and opens again.
fn goes_on(disk: FaultyDisk, durability: Durability, whole: usize, what: &str) {
    let (store, mut hands) = bench(disk.clone(), durability).try_open_by_hand().expect("it opens");
    let recovered = log(&store);
    assert_eq!(recovered.watermarks().durable, Offset(whole as i64), "{what}");
    let before = stored(&recovered);
    append(&store, &mut hands, &batch(&[b"after"]), durability == Durability::Os);
    drop((recovered, hands, store));
    let (store, _hands) = bench(disk.kill(), durability).try_open_by_hand().expect("it opens again");
    let again = log(&store);
    assert_eq!(again.watermarks().durable, Offset(whole as i64 + 1), "{what}: something stale fits");
    let after = stored(&again);
    assert!(after.starts_with(&before), "{what}: what was there changed");
    assert!(after.windows(5).any(|window| window == b"after"), "{what}: what came after is not there");
}

fn six(durability: Durability) -> FaultyDisk {
    let bench = bench(FaultyDisk::new(1, 64 << 20), durability);
    let (store, mut hands) = bench.try_open_by_hand().expect("an empty disk");
    for at in 0..6_u8 {
        append(&store, &mut hands, &batch(&[&[at; 90]]), durability == Durability::Os);
    }
    bench.disk.kill()
}

#[test]
fn the_write_ahead_log_cut_at_every_byte_of_the_last_three_chunks() {
    let disk = six(Durability::Fsync);
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

#[test]
fn a_segment_cut_at_every_byte_of_the_last_three_batches() {
    let disk = six(Durability::Os);
    let path = Bench::dir().join("topic1-0/00000000000000000000.log");
    let original = disk.read_whole(&path, 1 << 20).expect("readable");
    let len = original.len() as u64;
    let each = len / 6;
    assert_eq!(each * 6, len, "all are of one size");
    for cut in 3 * each..len {
        let garbage = [None, Some(0), Some(0xff)][(cut % 3) as usize];
        let disk = disk.kill();
        match garbage {
            None => disk.open(&path, Open::ReadWrite).and_then(|file| file.set_len(cut)).expect("cut"),
            Some(with) => overwrite(&disk, &path, cut, len, with),
        }
        // What follows may by chance be what was cut.
        let left = disk.read_whole(&path, 1 << 20).expect("readable");
        let batches = original.chunks(each as usize).zip(left.chunks(each as usize));
        let whole = batches.take_while(|(one, other)| one == other).count();
        goes_on(disk, Durability::Os, whole, &format!("cut at {cut}, then {garbage:?}"));
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
