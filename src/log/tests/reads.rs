use super::*;
use crate::base::FileRange;
use crate::io::disk::faulty::{Fault, Operation};
use crate::log::index::IndexEntry;
use crate::log::{Planned, Wanted};
use crate::record::Compression;
use std::cell::OnceCell;
use std::sync::mpsc;
use std::time::Duration;

/// Ten batches of three records each over several segments; times rise by 10 per record.
fn ten() -> Partition {
    let mut partition = Partition::new(LogSettings { segment_bytes: 600, index_interval_bytes: 100, ..small() });
    for n in 0..10 {
        let builder = (0..3).fold(BatchBuilder::new(), |builder, record| {
            builder.push(Timestamp(NOW.0 + (n * 3 + record) * 10), Some(b"key"), Some(&[b'v'; 40]))
        });
        partition.append(&builder, 0);
    }
    assert!(partition.log.segments().len() > 3);
    partition
}

/// FE-2: any offset in a batch gives the whole batch.
#[test]
fn reads_begin_with_the_batch_that_holds_the_offset() {
    let partition = ten();
    for from in 0..30 {
        for below in from..=30 {
            let wanted: Vec<u8> = partition
                .stored
                .iter()
                .filter(|(placement, _)| placement.last.0 >= from && placement.last.0 < below)
                .flat_map(|(_, bytes)| bytes.to_vec())
                .collect();
            for max_bytes in [1, 300, 1 << 20] {
                let read = read_from(&partition.log, Offset(from), Offset(below), max_bytes);
                assert!(read == wanted, "from {from} below {below} by {max_bytes}");
            }
        }
    }
}

/// FE-3: the first batch whatever its size, then none above the limit.
#[test]
fn limits_hold_except_for_the_first_batch() {
    let partition = ten();
    let size = partition.stored[0].1.len() as u64;
    let planned = |max_bytes, at_least_one| {
        let plans = partition.log.plan(Wanted::new(Offset(1), Offset(30), max_bytes, at_least_one)).expect("readable");
        let lengths: u64 = plans.iter().map(|(_, planned)| planned.length).sum();
        lengths / size
    };
    assert_eq!([planned(0, false), planned(0, true), planned(size - 1, true)], [0, 1, 1]);
    assert_eq!([planned(size, false), planned(2 * size - 1, true), planned(2 * size, false)], [1, 1, 2]);
    assert_eq!(planned(5 * size, true), 5, "over segments");
    assert_eq!(planned(u64::MAX, true), 10);
}

#[test]
fn nothing_at_or_past_the_given_end_is_read() {
    let partition = ten();
    let plan =
        |from, below| partition.log.plan(Wanted::new(Offset(from), Offset(below), 1 << 20, true)).expect("readable");
    assert!(plan(3, 3).is_empty());
    assert!(plan(3, 5).is_empty(), "the batch from 3 to 5 is not wholly below 5");
    assert!(plan(30, 40).is_empty(), "nothing is there yet");
    assert!(plan(100, 200).is_empty());
    let [(_, only)] = &plan(4, 6)[..] else { panic!("one batch is below 6") };
    let Planned { first_base, next, .. } = *only;
    assert_eq!((first_base, next), (Offset(3), Offset(6)));
}

#[test]
fn bytes_are_shown_only_when_they_are_written() {
    let mut partition = Partition::new(LogSettings::default());
    partition.append(&batch(1, 10, NOW.0), 0);
    let segment = partition.log.segment_for(Offset(0)).expect("the first batch made it");
    let written = segment.written_end();
    let placed = partition.place(&batch(1, 10, NOW.0), 0);
    assert!(partition.log.plan(Wanted::new(Offset(1), Offset(2), 1_000, true)).expect("readable").is_empty());
    partition.disk.fail(crate::io::disk::faulty::Operation::Write, ".log", 0, crate::io::disk::faulty::Fault::Full);
    partition.log.write(std::slice::from_ref(&placed)).expect_err("the disk is full");
    assert_eq!(segment.written_end(), written);
    partition.log.write(&[placed]).expect("there is room again");
    assert_eq!(segment.written_end(), 2 * written);
    assert_eq!(read_all(&partition.log, &partition.tip), partition.all_bytes());
}

/// LO-3: the first record at or after a time, found by its own time and not by its batch's.
#[test]
fn times_find_the_first_record_at_or_after() {
    let mut partition = Partition::new(small());
    let codecs = [Compression::None, Compression::Zstd, Compression::Gzip, Compression::Snappy, Compression::Lz4];
    let mut times = Vec::new();
    for n in 0i64..60 {
        // Times go up and down within a batch and overlap between batches.
        let batch_times = [n * 10 + 7, n * 10 - 4, n * 10 + 12].map(|time| NOW.0 + time);
        times.extend(batch_times);
        let value = vec![b'v'; 20];
        let builder =
            batch_times.iter().fold(BatchBuilder::new(), |b, time| b.push(Timestamp(*time), None, Some(&value)));
        partition.append(&builder.compression(codecs[n as usize % 5]), n as i32);
    }
    assert!(partition.log.segments().len() > 3);
    let find = |log: &Log, target: i64, from: i64, below: i64| {
        let found = log.offset_for_timestamp(Timestamp(target), Offset(from), Offset(below)).expect("readable");
        found.map(|found| (found.offset.0, found.timestamp.0, found.epoch.0))
    };
    let check = |log: &Log| {
        for target in (NOW.0 - 10..NOW.0 + 640).step_by(3) {
            for (from, below) in [(0, 180), (0, 100), (50, 180), (91, 95)] {
                let wanted = (from..below).find(|at| times[*at as usize] >= target);
                let wanted = wanted.map(|at| (at, times[at as usize], at as i32 / 3));
                assert_eq!(find(log, target, from, below), wanted, "{target} from {from} below {below}");
            }
        }
        for below in [3, 60, 61, 62, 63, 180] {
            let whole = below - below % 3;
            let largest = times[..whole as usize].iter().max().expect("at least one");
            let wanted = times.iter().position(|time| time == largest).expect("it is one of them") as i64;
            let found = log.max_timestamp(Offset(0), Offset(below)).expect("readable").expect("there are times");
            assert_eq!((found.offset.0, found.timestamp.0), (wanted, *largest), "LO-1, -3 below {below}");
        }
    };
    check(&partition.log);
    let disk = partition.disk.kill();
    partition.reopen(disk, OpenHow::AfterCrash);
    check(&partition.log);
    partition.close();
    check(&Partition::open(&partition.disk.kill(), &partition.settings, OpenHow::Clean).0);
}

#[test]
fn records_without_time_have_no_largest_time() {
    let mut partition = Partition::new(small());
    for _ in 0..30 {
        partition.append(&BatchBuilder::new().push(Timestamp::NONE, None, Some(&[0; 40])), 0);
    }
    let end = partition.tip.end();
    assert_eq!(partition.log.max_timestamp(Offset(0), end).expect("readable"), None);
    assert_eq!(partition.log.offset_for_timestamp(Timestamp(0), Offset(0), end).expect("readable"), None);
}

/// Records that can't be decompressed do not stop a look-up: the batch's start is the answer.
#[test]
fn unreadable_records_leave_the_batch_as_the_answer() {
    let mut partition = Partition::new(small());
    let mut bytes = batch(3, 50, NOW.0).compression(Compression::Zstd).build().to_vec();
    bytes[70] ^= 0xff;
    crate::record::header::write_crc(&mut bytes);
    let size = bytes.len() as u32;
    let admitted = partition.tip.admit(&header_of(&bytes), size, NOW, LeaderEpoch(0), &partition.settings);
    let Ok(Admission::Append(placement)) = admitted else { panic!("{admitted:?}") };
    patch(&mut bytes, placement.base, placement.epoch);
    partition.log.write(&[Placed { placement, bytes: bytes.into() }]).expect("the disk takes it");
    let found = partition.log.offset_for_timestamp(Timestamp(NOW.0 + 1), Offset(0), Offset(3)).expect("readable");
    assert_eq!(found.map(|found| found.offset), Some(Offset(0)));
}

/// FE-17: damage in what an earlier run wrote is named when it is read, and harms nothing else.
#[test]
fn damaged_batches_are_named_when_they_are_read() {
    let partition = ten();
    partition.close();
    let victim = &partition.stored[4].0;
    let path = dir().join(names::segment(victim.segment, names::LOG));
    for at in [21, 23, 26, 40, 61, victim.size as u64 - 1] {
        let disk = partition.disk.kill();
        disk.corrupt(&path, u64::from(victim.position) + at, 0x10).expect("there is such a byte");
        let (log, tip, _) = Partition::open(&disk, &partition.settings, OpenHow::Clean);
        let plan = |from: i64| log.plan(Wanted::new(Offset(from), tip.end(), 1, true));
        // A batch whose last offset lies seems to hold its neighbour's offsets, up to the next index entry.
        let lies = (23..27).contains(&at);
        for n in (0..10).filter(|n| *n != 4 && !(lies && *n == 5)) {
            let plans = plan(n * 3).unwrap_or_else(|error| panic!("batch {n}, byte {at}: {error}"));
            assert_eq!(plans[0].1.first_base, Offset(n * 3), "byte {at}");
        }
        for _again in 0..2 {
            match plan(12) {
                Err(SegmentError::Corrupt { file, position, .. }) => {
                    assert_eq!((file, position), (path.display().to_string(), u64::from(victim.position)));
                }
                other => panic!("byte {at}: {:?}", other.map(|plans| plans[0].1)),
            }
        }
    }
}

/// A damaged index costs time, not answers.
#[test]
fn damaged_indexes_never_give_wrong_data() {
    let partition = ten();
    partition.close();
    let names = files(&partition.disk);
    let names: Vec<_> = names.into_iter().filter(|(name, _)| name.ends_with("index")).collect();
    assert!(names.len() > 6);
    let after_13 = read_from(&partition.log, Offset(13), Offset(30), 100);
    let find = |log: &Log, target: i64| {
        let found = log.offset_for_timestamp(Timestamp(NOW.0 + target), Offset(0), Offset(30)).expect("readable");
        found.map(|found| found.offset.0)
    };
    for (name, len) in names {
        let path = dir().join(&name);
        for bit in 0..len * 8 {
            let disk = partition.disk.kill();
            disk.corrupt(&path, bit / 8, 1 << (bit % 8)).expect("there is such a byte");
            let (log, tip, _) = Partition::open(&disk, &partition.settings, OpenHow::Clean);
            assert!(read_all(&log, &tip) == partition.all_bytes(), "{name} bit {bit}");
            assert!(read_from(&log, Offset(13), tip.end(), 100) == after_13, "{name} bit {bit}");
            for (target, offset) in [(0, Some(0)), (145, Some(15)), (290, Some(29)), (291, None)] {
                assert_eq!(find(&log, target), offset, "{name} bit {bit}");
            }
            let largest = log.max_timestamp(Offset(0), tip.end()).expect("readable").map(|found| found.offset);
            assert_eq!(largest, Some(Offset(29)), "{name} bit {bit}");
        }
    }
}

/// Removal unlinks; who reads goes on reading.
#[test]
fn removed_segments_live_on_for_their_readers() {
    let mut partition = ten();
    let held = partition.log.segment_for(Offset(0)).expect("the oldest");
    let bytes = held.written_end();
    let second = partition.log.segments()[1].base();
    assert_eq!(partition.remove_below(second.plus(-1)), 0);
    assert_eq!(partition.remove_below(Offset(30)), 4 - usize::from(second.0 > 6));
    assert_eq!(partition.log.segments().len(), 1, "the active one stays");
    assert!(!files(&partition.disk).iter().any(|(name, _)| *name == names::segment(Offset(0), names::LOG)));
    let mut content = vec![0; bytes as usize];
    crate::log::walk::read_exact(&*held, &mut content, 0).expect("still readable");
    assert_eq!(content, partition.all_bytes()[..bytes as usize]);
    let active = partition.log.segments()[0].clone();
    partition.log.delete().expect("removable");
    partition.log.delete().expect("already gone");
    let late = partition.place(&batch(1, 1, NOW.0), 0);
    partition.log.write(&[late]).expect("dropped");
    assert!(!partition.disk.exists(&dir()).expect("the disk answers"));
    assert!(active.read_at(&mut [0; 1], 0).expect("still readable") == 1);
}

/// A partition at rest costs no descriptor: few files stay open whatever their number.
#[test]
fn open_files_are_bounded() {
    let disk = disk();
    let env = env(&disk);
    let logs: Vec<_> = (0..20).map(|n| Log::create(&env, dir().with_file_name(format!("orders-{n}")), TOPIC)).collect();
    let mut partitions = Vec::new();
    for (log, tip) in logs {
        let mut partition = Partition { disk: disk.clone(), settings: small(), log, tip, stored: Vec::new() };
        partition.append(&batch(3, 50, NOW.0), 0);
        partitions.push(partition);
    }
    for _round in 0..3 {
        for partition in &mut partitions {
            partition.append(&batch(3, 50, NOW.0), 0);
            assert_eq!(read_all(&partition.log, &partition.tip), partition.all_bytes());
            assert!(env.descriptors.open_files() <= 6, "{} files are open", env.descriptors.open_files());
        }
    }
}

/// Readers beside the writer see whole batches in order, through rolls, removals and descriptors that come and go.
#[test]
fn readers_beside_the_writer_see_whole_batches() {
    use std::sync::atomic::{AtomicI64, Ordering};
    let mut partition = Partition::new(LogSettings { segment_bytes: 5_000, index_interval_bytes: 400, ..small() });
    let placed: Vec<_> = (0..3_000).map(|n| partition.place(&produced(1, 0, n * 2, 2), n / 500)).collect();
    let log = &partition.log;
    let end = AtomicI64::new(0);
    let read_on = |seed: u64| {
        let mut from = 0;
        let mut rounds = 0u64;
        while from < 6_000 {
            let below = end.load(Ordering::Acquire);
            let bytes = read_from(log, Offset(from), Offset(below), 1 + (seed * 977 + rounds * 331) % 3_000);
            for batch in crate::record::Batches::new(&bytes) {
                let (header, batch) = batch.expect("whole batches");
                assert_eq!(header.base_offset, Offset(from));
                assert_eq!(header.crc, crate::record::header::batch_crc(batch));
                from = header.next_offset().0;
            }
            assert!(from >= below, "everything below {below} can be read, {from} was reached");
            let found = log.offset_for_timestamp(NOW, Offset(from / 2), Offset(below)).expect("readable");
            assert!(found.is_none_or(|found| found.offset.0 < below));
            rounds += 1;
        }
    };
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3).map(|seed| scope.spawn(move || read_on(seed))).collect();
        for run in placed.chunks(7) {
            log.write(run).expect("the disk takes it");
            let last = run.last().expect("chunks are not empty").placement.last;
            end.store(last.0 + 1, Ordering::Release);
        }
        for reader in readers {
            reader.join().expect("no reader fails");
        }
    });
    assert!(log.segments().len() > 50);
}

/// 600 batches of one small record, in a few segments, with an index entry for about each.
fn small_batches() -> Partition {
    let settings = LogSettings { segment_bytes: 20_000, index_interval_bytes: 60, ..small() };
    let mut partition = Partition::new(settings);
    for n in 0..600_i64 {
        let value = vec![b'v'; (n * 37 % 150) as usize];
        partition.append(&BatchBuilder::new().push(Timestamp(NOW.0 + n), None, Some(&value)), 0);
    }
    assert!((3..20).contains(&partition.log.segments().len()));
    partition
}

/// What a plan should be: from the batch with this offset on, as many whole ones of its segment as fit.
fn fitting(partition: &Partition, wanted: Wanted) -> (u64, Offset) {
    let segments = partition.log.segments();
    let end =
        segments.iter().map(|segment| segment.base()).find(|base| *base > wanted.from).unwrap_or(Offset(i64::MAX));
    let (mut length, mut next) = (0, wanted.from);
    for (placement, bytes) in &partition.stored[wanted.from.0 as usize..] {
        let size = bytes.len() as u64;
        let fits = length + size <= wanted.max_bytes || (length == 0 && wanted.at_least_one);
        if placement.base >= end || placement.last >= wanted.below || !fits {
            break;
        }
        (length, next) = (length + size, placement.last.plus(1));
    }
    (length, next)
}

/// The index is asked where a plan over many small batches will end: the plan is the same as without.
#[test]
fn a_plan_over_many_small_batches_takes_as_many_as_one_by_one() {
    let partition = small_batches();
    for from in (0..600).step_by(7) {
        for below in [from + 1, from + 15, from + 40, 600] {
            for max_bytes in [1, 900, 3_000, 9_999, 1 << 20, u64::MAX] {
                let wanted = Wanted::new(Offset(from), Offset(below.min(600)), max_bytes, true);
                let segment = partition.log.segment_for(wanted.from).expect("there");
                let planned = segment.plan(wanted).expect("readable");
                assert_eq!((planned.length, planned.next), fitting(&partition, wanted), "{wanted:?}");
            }
        }
    }
}

/// Who goes on where a read ended is planned without the index and without waiting, to the same result.
#[test]
fn a_reader_that_goes_on_is_planned_at_once_to_the_same_end() {
    let partition = small_batches();
    for (max_bytes, below) in [(1, 600), (700, 599), (5_000, 600), (15_000, 333)] {
        let (mut from, mut at_once, mut steps) = (Offset(0), 0, 0);
        while from < Offset(below) {
            let wanted = Wanted::new(from, Offset(below), max_bytes, true);
            let quick = partition.log.plan_at_once(wanted);
            let slow = partition.log.plan(wanted).expect("readable");
            if let Some((segment, planned)) = &quick {
                let (first, same) = &slow[0];
                assert!(std::sync::Arc::ptr_eq(segment, first));
                assert_eq!((planned, slow.len()), (same, 1));
                at_once += 1;
            }
            from = slow.last().expect("not at the end").1.next;
            steps += 1;
        }
        assert!(at_once * 2 > steps || steps < 8, "{at_once} of {steps} with {max_bytes}");
    }
    let elsewhere = Wanted::new(Offset(17), Offset(600), 1, true);
    assert_eq!(small_batches().log.plan_at_once(elsewhere).map(|(_, planned)| planned), None, "nobody ended there");
}

/// So many batches of one small record in one segment, and a plan that ended after the first of them.
pub(super) fn small_batches_in_one_segment(count: i64, index_interval_bytes: u32) -> Partition {
    let mut partition = Partition::new(LogSettings { index_interval_bytes, ..LogSettings::default() });
    for n in 0..count {
        partition.append(&batch(1, 10, NOW.0 + n), 0);
    }
    partition.log.plan(Wanted::new(Offset(0), Offset(count), 1, true)).expect("readable");
    partition
}

/// Who writes the index holds its lock while the disk takes the entries: a plan at once doesn't wait for it.
#[test]
fn a_plan_at_once_gives_way_to_who_holds_the_index() {
    let partition = small_batches_in_one_segment(100, 60);
    let segment = partition.log.segment_for(Offset(1)).expect("there");
    let wanted = Wanted::new(Offset(1), Offset(100), 5_000, true);
    std::thread::scope(|scope| {
        let (tried, segment) = (OnceCell::new(), &segment);
        // A search holds the lock, too, while it asks this of the entries in memory.
        let ask = |_: &IndexEntry| {
            let ended = tried.get_or_init(|| {
                let (done, ended) = mpsc::channel();
                scope.spawn(move || done.send(segment.plan_at_once(wanted)));
                ended.recv_timeout(Duration::from_secs(10))
            });
            ended.is_ok()
        };
        segment.index.last_where(ask).expect("in memory");
        assert_eq!(tried.get(), Some(&Ok(None)));
    });
    let planned = segment.plan_at_once(wanted).expect("the index is free");
    assert_eq!((planned.length, planned.next), fitting(&partition, wanted));
}

/// Without an index entry in reach headers are read one by one: a plan at once leaves a long walk to a thread that may wait.
#[test]
fn a_plan_at_once_looks_at_a_thousand_headers_at_most() {
    let partition = small_batches_in_one_segment(1_500, u32::MAX);
    let segment = partition.log.segment_for(Offset(1)).expect("there");
    // The header that ends a plan was looked at, too.
    for (below, at_once) in [(1_000, true), (1_001, false), (1_400, false)] {
        let wanted = Wanted::new(Offset(1), Offset(below), u64::MAX, true);
        let quick = segment.plan_at_once(wanted);
        let planned = segment.plan(wanted).expect("readable");
        assert_eq!((planned.length, planned.next), fitting(&partition, wanted));
        assert_eq!(quick, at_once.then_some(planned), "below {below}");
    }
}

/// FE-17 holds for readers that go on, too: what an earlier run left is not served before it was checked.
#[test]
fn what_an_earlier_run_left_is_not_planned_at_once_before_it_was_checked() {
    let mut partition = small_batches();
    partition.close();
    let disk = partition.disk.clone();
    partition.reopen(disk, OpenHow::Clean);
    let wanted = Wanted::new(Offset(0), Offset(600), 700, true);
    let first = partition.log.plan(wanted).expect("readable");
    let on = Wanted { from: first[0].1.next, ..wanted };
    assert_eq!(partition.log.plan_at_once(on).map(|(_, planned)| planned), None, "unchecked");
    let second = partition.log.plan(on).expect("readable");
    let again = partition.log.plan_at_once(on).map(|(_, planned)| planned);
    assert_eq!(again, Some(second[0].1), "checked by the plan before");
}

/// The index is a hint: a plan that would have asked it where to end reads the headers instead when it can't be read.
#[test]
fn an_index_that_fails_while_a_plan_is_made_changes_nothing() {
    let partition = small_batches();
    let first = Wanted::new(Offset(0), Offset(600), 1, true);
    let begun = partition.log.plan(first).expect("readable")[0].1;
    let on = Wanted { from: begun.next, max_bytes: 9_000, ..first };
    let segment = partition.log.segment_for(on.from).expect("there");
    partition.disk.fail_always(Operation::Read, ".index", Fault::Io);
    for wanted in [on, Wanted { from: Offset(33), ..on }] {
        let planned = segment.plan(wanted).expect("the batches can be read");
        assert_eq!((planned.length, planned.next), fitting(&partition, wanted));
    }
}
