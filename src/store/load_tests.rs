use super::super::checkpoint::{Change, Checkpoint, Position};
use super::super::config::Durability;
use super::super::data_dir;
use super::super::fixture::{Bench, EPOCH, batch, id, log};
use super::super::store::ShutdownError;
use super::*;
use crate::base::Offset;
use crate::io::disk::faulty::{Fault, Operation};
use crate::io::disk::{Disk, Open};
use crate::record::check_produced;

#[test]
fn partition_directories_are_told_by_name() {
    let check = |name: &str, partition: Option<i32>| {
        assert_eq!(partition_of(name), partition.map(PartitionIndex), "{name}");
    };
    check("topic-0", Some(0));
    check("a-b-12", Some(12));
    check("한국어-3", Some(3));
    check(&dir_name("x", PartitionIndex(i32::MAX)), Some(i32::MAX));
    for other in
        ["meta", "topic", "-1", "topic-", "topic-x", "topic-01", "topic-+1", "topic--1x", "t-2147483648", "lost+found"]
    {
        check(other, None);
    }
    check("topic-0.00000000000000000000000000000001-0-delete", None);
    check("topic-0.unidentified", None);
}

#[test]
fn names_for_deleted_directories_fit_and_differ() {
    let long = "t".repeat(249);
    let mut names = Vec::new();
    for (topic, partition) in [("a", 0), ("a", 1), (&long, 0), (&long, 99_999)] {
        for topic_id in [1, 2] {
            let dir = Path::new("data").join(dir_name(topic, PartitionIndex(partition)));
            let away = away(&dir, id(topic_id, partition));
            let name = away.file_name().expect("a name").to_string_lossy().into_owned();
            assert!(name.len() <= FILE_NAME_BYTES_MAX && name.ends_with(DELETE_SUFFIX), "{name}");
            assert_eq!(away.parent(), dir.parent());
            assert!(!names.contains(&name), "{name} twice");
            names.push(name);
        }
    }
}

#[test]
fn parallel_work_is_done_once_each_and_stops_at_an_error() {
    let items: Vec<usize> = (0..100).collect();
    let done: Vec<AtomicUsize> = items.iter().map(|_| AtomicUsize::new(0)).collect();
    let all: Result<(), ()> = in_parallel(4, &items, |&item| {
        done[item].fetch_add(1, Ordering::SeqCst);
        Ok(())
    });
    assert_eq!(all, Ok(()));
    assert!(done.iter().all(|count| count.load(Ordering::SeqCst) == 1));
    assert_eq!(in_parallel(4, &items, |&item| if item == 42 { Err(item) } else { Ok(()) }), Err(42));
    assert_eq!(in_parallel(4, &[], |_: &()| Err(())), Ok(()));
}

#[test]
fn a_directory_that_names_no_topic_is_moved_aside() {
    for damage in [&b""[..], b"version: 9\n", &[0xff; 5000]] {
        let bench = Bench::new(1);
        bench.open().shutdown().expect("clean");
        let dir = Bench::dir().join("topic-0");
        bench.disk.create_dir_all(&dir).expect("made");
        bench.disk.write_whole(&dir.join("00000000000000000000.log"), b"something").expect("written");
        if !damage.is_empty() {
            bench.disk.write_whole(&dir.join(names::PARTITION_METADATA), damage).expect("written");
        }
        let store = bench.open();
        assert_eq!(store.logs().len(), 0);
        assert!(!bench.disk.exists(&dir).expect("asked"));
        let aside = Bench::dir().join("topic-0.unidentified/00000000000000000000.log");
        assert_eq!(bench.disk.read_whole(&aside, 100).expect("kept"), b"something");
        assert_eq!(store.recovery().aside.len(), 1);
    }
}

/// Names that are cut to the same length, and threads that meet at one.
#[test]
fn directories_with_one_shortened_name_are_all_moved_aside() {
    const PARTITIONS: usize = 40;
    let bench = Bench { open_threads: 8, ..Bench::new(1) };
    bench.open().shutdown().expect("clean");
    for partition in 0..PARTITIONS {
        let dir = Bench::dir().join(format!("{}-{partition}", "t".repeat(249)));
        bench.disk.create_dir_all(&dir).expect("made");
        bench.disk.write_whole(&dir.join("00000000000000000000.log"), b"something").expect("written");
    }
    let store = bench.open();
    assert_eq!(store.logs().len(), 0);
    let aside = bench.disk_names().into_iter().filter(|name| name.ends_with(UNIDENTIFIED_SUFFIX));
    assert_eq!(aside.count(), PARTITIONS);
}

/// Also when it says that the disk is full: what memory holds looks clean to the next start.
#[test]
fn a_start_whose_sync_fails_leaves_the_mark() {
    for (fault, threads) in [(Fault::Io, 1), (Fault::Full, 1), (Fault::Io, 4), (Fault::Full, 4)] {
        let bench = Bench { open_threads: threads, ..Bench::new(1) };
        {
            let (store, _hands) = bench.try_open_by_hand().expect("opened");
            log(&store, 5, 0);
        }
        let bench = Bench { open_threads: threads, ..Bench::on(bench.disk.kill()) };
        bench.disk.fail(Operation::SyncFileSystem, "", 0, fault);
        let error = bench.try_open_by_hand().err().expect("a sync fails");
        assert!(error.is_device(), "{error}");
        assert!(bench.disk_names().contains(&data_dir::FAILED_FILE.to_owned()), "{error}: {:?}", bench.disk_names());
    }
}

/// A stop that can't write an index says so, and leaves the mark.
#[test]
fn a_stop_that_cannot_write_indexes_leaves_the_mark() {
    let bench = Bench::new(1);
    let store = bench.open();
    let log = log(&store, 5, 0);
    for at in 0..3 {
        let batch = batch(&[&[at; 5_000]]);
        let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        log.append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
    }
    bench.disk.fail(Operation::Write, ".index", 0, Fault::Io);
    let error = store.shutdown().expect_err("an index can't be written");
    assert!(matches!(error, ShutdownError::Io(_)), "{error}");
    assert!(bench.disk_names().contains(&data_dir::FAILED_FILE.to_owned()), "{:?}", bench.disk_names());
}

#[test]
fn a_directory_that_names_another_ones_topic_is_moved_aside() {
    let bench = Bench::new(1);
    {
        let store = bench.open();
        let log = log(&store, 5, 0);
        let batch = batch(&[b"x"]);
        let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        log.append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
        store.shutdown().expect("clean");
    }
    let (from, to) = (Bench::dir().join("topic5-0"), Bench::dir().join("copy-0"));
    bench.disk.create_dir_all(&to).expect("made");
    for entry in bench.disk.list(&from).expect("listed") {
        let bytes = bench.disk.read_whole(&from.join(&entry.name), 1 << 20).expect("read");
        let file = bench.disk.open(&to.join(&entry.name), Open::Create).expect("made");
        file.write_at(&[std::io::IoSlice::new(&bytes)], 0).expect("written");
    }
    let store = bench.open();
    assert_eq!(store.logs().iter().map(|log| log.watermarks().durable.0).collect::<Vec<_>>(), [1]);
    assert!(bench.disk_names().contains(&"copy-0.unidentified".to_owned()), "{:?}", bench.disk_names());
}

/// The last resort when both copies of the checkpoint are damaged: without them everything is read, and nothing is lost.
#[test]
fn a_start_without_a_checkpoint_reads_everything() {
    let bench = Bench::new(1);
    let end = {
        let (store, mut hands) = bench.try_open_by_hand().expect("opened");
        let log = log(&store, 5, 0);
        for at in 0..40 {
            let batch = batch(&[&[at; 3_000]]);
            let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
            log.append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
            hands.committer.step().expect("committed");
            // Half of it is in segments.
            if at < 20 {
                hands.writer.step().expect("written");
            }
        }
        log.watermarks().durable
    };
    let after = Bench::on(bench.disk.crash(3));
    for copy in ["ottla.checkpoint", "ottla.checkpoint.2"] {
        after.disk.remove_file(&Bench::dir().join(copy)).expect("removed");
    }
    for _ in 0..2 {
        let store = after.open();
        assert_eq!(log(&store, 5, 0).watermarks().durable, end);
        assert!(store.recovery().damage.is_empty());
        store.shutdown().expect("clean");
    }
}

/// A state that this release can't decode, as after a downgrade: segments speak for themselves, of whatever epoch.
#[test]
fn a_record_that_is_not_understood_costs_nothing() {
    let bench = Bench { durability: Durability::Os, ..Bench::new(1) };
    let (store, mut hands) = bench.try_open_by_hand().expect("an empty disk");
    for _ in 0..3 {
        let batch = batch(&[b"x"]);
        let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        log(&store, 1, 0).append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
    }
    hands.committer.step().expect("committed");
    hands.writer.step().expect("written");
    let (disk, directory) = (bench.disk.kill(), store.directory_id_for_tests());
    let put = Change::Put { id: id(1, 0), dir: "topic1-0".to_owned(), state: bytes::Bytes::from_static(&[2]) };
    let position = Position { incarnation: 1, live_from: 1 };
    let path = Bench::dir();
    let shared: std::sync::Arc<dyn Disk> = std::sync::Arc::new(disk.clone());
    Checkpoint::create(&shared, &path, directory, position, [put]).expect("written");
    let epoch = Some(LeaderEpoch(EPOCH.0 + 1));
    let bench = Bench { durability: Durability::Os, epoch, ..Bench::on(disk) };
    let (store, _hands) = bench.try_open_by_hand().expect("it opens");
    assert_eq!(log(&store, 1, 0).watermarks().durable, Offset(3));
}
