//! What a checkpoint keeps of indexes, and a log that is opened from it.

use super::*;
use crate::log::Wanted;
use crate::log::index::{IndexEntry, TimeEntry};
use crate::log::{IndexTail, survey::FlawKind};

/// No roll before there is more than a checkpoint keeps.
fn large() -> LogSettings {
    LogSettings { segment_bytes: 20_000, index_interval_bytes: 150, ..LogSettings::default() }
}

fn append(partition: &mut Partition, count: i64) {
    for _ in 0..count {
        let next = partition.tip.end().0;
        partition.append(&batch(1, 100, NOW.0 + next), 1);
    }
}

/// What a checkpoint makes of it.
fn kept(partition: &Partition) -> (Tip, IndexTail) {
    let tail = partition.log.keep_indexes(partition.tip.growth()).expect("the disk takes it");
    let (read, tip) = IndexTail::decode(&tail.before(partition.tip.encode())).expect("it adds up");
    assert_eq!(read, tail);
    (tip, tail)
}

fn len_of(disk: &FaultyDisk, suffix: &str) -> Option<u64> {
    let name = names::segment(Offset::ZERO, suffix);
    files(disk).into_iter().find_map(|(file, len)| (file == name).then_some(len))
}

fn index_bytes(disk: &FaultyDisk) -> [Vec<u8>; 2] {
    [names::INDEX, names::TIME_INDEX]
        .map(|suffix| disk.read_whole(&dir().join(names::segment(Offset::ZERO, suffix)), 1 << 20).expect("it is there"))
}

/// The files that the same batches have when nothing was interrupted.
fn uninterrupted(batches: i64) -> [Vec<u8>; 2] {
    let mut partition = Partition::new(large());
    append(&mut partition, batches);
    partition.log.flush_indexes().expect("the disk takes it");
    index_bytes(&partition.disk)
}

fn go_on(partition: &mut Partition, (tip, tail): &(Tip, IndexTail)) -> OpenReport {
    let disk = partition.disk.kill();
    partition.reopen(disk, OpenHow::From { tip, tail, epoch: Some(LeaderEpoch(1)) })
}

#[test]
fn few_entries_are_in_the_checkpoint_alone() {
    let mut partition = Partition::new(large());
    append(&mut partition, 20);
    let at = kept(&partition);
    assert!(!at.1.is_empty());
    assert_eq!([len_of(&partition.disk, names::INDEX), len_of(&partition.disk, names::TIME_INDEX)], [None, None]);
    append(&mut partition, 5);
    assert_eq!(go_on(&mut partition, &at), OpenReport::default());
    assert_eq!(read_all(&partition.log, &partition.tip), partition.all_bytes());
    for offset in 0..25 {
        let found = partition.log.offset_for_timestamp(Timestamp(NOW.0 + offset), Offset::ZERO, partition.tip.end());
        assert_eq!(found.expect("readable").map(|found| found.offset), Some(Offset(offset)));
    }
    // The next checkpoint has the old ones and the new ones, the next start as well.
    let later = kept(&partition);
    assert!(later.1.index.len() > at.1.index.len() && later.1.index.starts_with(&at.1.index));
    assert_eq!(go_on(&mut partition, &later), OpenReport::default());
    append(&mut partition, 5);
    partition.log.flush_indexes().expect("the disk takes it");
    assert_eq!(index_bytes(&partition.disk), uninterrupted(30));
}

#[test]
fn many_entries_are_written() {
    let mut partition = Partition::new(large());
    append(&mut partition, 2 * IndexTail::ENTRIES_MAX as i64);
    let at = kept(&partition);
    assert!(at.1.is_empty() && at.0.growth().expect("it has one").index_entries > IndexTail::ENTRIES_MAX as u32);
    let written = [len_of(&partition.disk, names::INDEX), len_of(&partition.disk, names::TIME_INDEX)];
    append(&mut partition, 10);
    let later = kept(&partition);
    assert!(!later.1.is_empty());
    assert_eq!([len_of(&partition.disk, names::INDEX), len_of(&partition.disk, names::TIME_INDEX)], written);
    // Written after the checkpoint, and perhaps torn: not believed.
    partition.log.flush_indexes().expect("the disk takes it");
    let path = dir().join(names::segment(Offset::ZERO, names::INDEX));
    partition.disk.corrupt(&path, written[0].expect("there") + 2, 1).expect("there is such a byte");
    assert_eq!(go_on(&mut partition, &later), OpenReport::default());
    append(&mut partition, 3);
    partition.log.flush_indexes().expect("the disk takes it");
    assert_eq!(index_bytes(&partition.disk), uninterrupted(2 * IndexTail::ENTRIES_MAX as i64 + 13));
}

#[test]
fn an_index_that_lost_synced_entries_is_made_again() {
    let mut partition = Partition::new(large());
    append(&mut partition, 2 * IndexTail::ENTRIES_MAX as i64);
    kept(&partition);
    append(&mut partition, 10);
    let at = kept(&partition);
    for (suffix, missing) in [(names::INDEX, 1), (names::TIME_INDEX, 5)] {
        let path = dir().join(names::segment(Offset::ZERO, suffix));
        let len = len_of(&partition.disk, suffix).expect("it is there");
        let file = partition.disk.open(&path, crate::io::disk::Open::ReadWrite).expect("it is there");
        file.set_len(len - missing).expect("the disk cuts");
        let report = go_on(&mut partition, &at);
        assert!(report.damaged.is_empty() && report.cut.is_none(), "{report:?}");
        assert_eq!(read_all(&partition.log, &partition.tip), partition.all_bytes());
        partition.log.flush_indexes().expect("the disk takes it");
        assert_eq!(index_bytes(&partition.disk), uninterrupted(2 * IndexTail::ENTRIES_MAX as i64 + 10));
    }
}

#[test]
fn a_segment_that_is_sealed_has_its_entries_in_files() {
    let mut partition = Partition::new(large());
    append(&mut partition, 10);
    let at = kept(&partition);
    go_on(&mut partition, &at);
    append(&mut partition, 150);
    assert!(partition.log.segments().len() > 1);
    assert!(partition.log.keep_indexes(at.0.growth()).expect("nothing to write").is_empty(), "of a segment before");
    assert_eq!(inspect_all(&partition.disk).0.findings, 0);
    let report = go_on(&mut partition, &at);
    assert_eq!(report, OpenReport::default());
    assert_eq!(read_all(&partition.log, &partition.tip), partition.all_bytes());
}

/// Batches of which the checkpoint knows and the medium does not: their entries lead nowhere and are gone.
#[test]
fn entries_of_lost_batches_do_no_harm() {
    let mut partition = Partition::new(large());
    append(&mut partition, 30);
    let at = kept(&partition);
    let path = dir().join(names::segment(Offset::ZERO, names::LOG));
    partition.disk.open(&path, crate::io::disk::Open::ReadWrite).and_then(|file| file.set_len(500)).expect("cut");
    let report = go_on(&mut partition, &at);
    assert!(matches!(report.damaged[..], [(_, flaw)] if matches!(flaw.kind, FlawKind::Lost { .. })), "{report:?}");
    append(&mut partition, 3);
    let plans = partition.log.plan(Wanted::new(Offset(30), partition.tip.end(), 1 << 20, true)).expect("readable");
    assert_eq!(plans[0].1.first_base, Offset(30));
}

#[test]
fn bytes_that_do_not_add_up_are_refused() {
    let mut partition = Partition::new(large());
    append(&mut partition, 10);
    let (tip, tail) = kept(&partition);
    let bytes = tail.before(tip.encode());
    for end in 0..bytes.len() {
        assert_eq!(IndexTail::decode(&bytes[..end]), None, "{end} bytes");
    }
    let growth = tip.growth().expect("it has one");
    let index = vec![IndexEntry { offset: 1, position: 2 }; growth.index_entries as usize + 1];
    let times = vec![TimeEntry { timestamp: 1, offset: 2 }; growth.time_entries as usize + 1];
    for more in [IndexTail { index, ..tail.clone() }, IndexTail { times, ..tail.clone() }] {
        assert_eq!(IndexTail::decode(&more.before(tip.encode())), None, "more than the tip counts");
    }
    assert_eq!(IndexTail::decode(&tip.encode()), Some((IndexTail::default(), tip)), "as the first version wrote it");
}
