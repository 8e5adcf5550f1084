use super::super::commit::Step;
use super::super::fixture::{Bench, log, produced};
use super::*;
use crate::io::disk::{FaultyDisk, Open};
use crate::record::check_produced;
use std::path::PathBuf;

fn wal_file() -> PathBuf {
    Bench::dir().join("wal/00000000000000000001.wal")
}

fn copy(number: usize) -> PathBuf {
    Bench::dir().join(FILES[number])
}

/// What a broker leaves that was killed after four commits, each in a chunk of one block, two of them checkpointed.
fn left() -> FaultyDisk {
    let bench = Bench::new(1);
    let (store, mut hands) = bench.try_open_by_hand().expect("the store opens");
    let log = log(&store, 1, 0);
    for sequence in 0..4 {
        let batch = produced(9, sequence, b"value");
        let mut room = store.core_for_tests().budget.room_for_tests(batch.len() as u64);
        log.append(batch.clone(), &check_produced(&batch).expect("good"), &mut room).expect("appended");
        assert_eq!(hands.committer.step().expect("committed"), Step::Done);
        assert_eq!(hands.writer.step().expect("written"), Step::Done);
        if sequence == 1 {
            assert_eq!(hands.checkpointer.step().expect("checkpointed"), Step::Done);
        }
    }
    bench.disk.kill()
}

fn look(disk: &FaultyDisk) -> (Inspected, String) {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut out = Vec::new();
    let found = inspect(&disk, &Bench::dir(), &mut out).expect("readable");
    (found, String::from_utf8(out).expect("text"))
}

/// Says that the findings are those that contain `expected`, in their order.
fn check_findings(disk: &FaultyDisk, expected: &[&str]) -> String {
    let (found, text) = look(disk);
    let findings: Vec<&str> = text.lines().filter(|line| line.starts_with("FINDING ")).collect();
    assert_eq!((found.findings, findings.len()), (expected.len() as u64, expected.len()), "{text}");
    for (finding, expected) in findings.iter().zip(expected) {
        assert!(finding.contains(expected), "{expected:?} is not in\n{text}");
    }
    text
}

#[test]
fn everything_is_shown_of_a_directory_without_damage() {
    let disk = left();
    let text = check_findings(&disk, &[]);
    let (found, _) = look(&disk);
    assert_eq!((found.copies, found.files, found.chunks), (2, 1, 4), "{text}");
    let lines = |part: &str| text.lines().filter(|line| line.contains(part)).count();
    assert_eq!(lines(": commit 2, 1 records, chunks of incarnation 1 needed from 3"), 2, "{text}");
    assert_eq!(lines(" of incarnation 1, 4096 bytes, 1 entries, checksums fit, not needed any more"), 2, "{text}");
    assert_eq!(lines(" of incarnation 1, 4096 bytes, 1 entries, checksums fit, needed"), 2, "{text}");
    assert_eq!(lines("write-ahead log: 2 chunks, 8192 bytes to replay"), 1, "{text}");
    let partition = "recovery from offset 2, log start 0, 1 producers, leader epoch 3 from offset 0";
    assert_eq!(lines(partition), 1, "{text}");
}

#[test]
fn a_clean_stop_leaves_nothing_to_replay() {
    let bench = Bench::new(1);
    bench.open().shutdown().expect("clean");
    let text = check_findings(&bench.disk, &[]);
    assert!(text.contains("write-ahead log: 0 chunks, 0 bytes to replay") && !text.contains("torn"), "{text}");
}

/// Damage in a chunk is a finding when a start would miss it.
#[test]
fn damage_in_the_log_is_told_from_what_is_normal() {
    let check = |chunk: u64, at: u64, findings: &[&str], says: &str| {
        let disk = left();
        disk.corrupt(&wal_file(), (chunk - 1) * 4096 + at, 1).expect("there is such a byte");
        let text = check_findings(&disk, findings);
        assert!(text.contains(says), "{says:?} is not in\n{text}");
    };
    check(3, 100, &["chunk 3 has a bad checksum, and chunk 4 follows"], "");
    check(3, 40, &["chunk 4 where chunk 3 was expected"], "");
    check(4, 100, &[], "torn end, normal after a crash");
    check(4, 40, &[], "torn end, normal after a crash");
    check(1, 100, &[], "chunk 1 of incarnation 1, 4096 bytes, 1 entries, checksums do not fit, not needed any more");
}

#[test]
fn damage_in_the_checkpoint_is_told_from_what_is_normal() {
    let flipped = |copies: &[usize]| {
        let disk = left();
        copies.iter().for_each(|number| disk.corrupt(&copy(*number), 60, 1).expect("there is such a byte"));
        disk
    };
    let text = check_findings(&flipped(&[0]), &["ottla.checkpoint: damaged at byte 40"]);
    assert!(text.contains("recovery from offset 2"), "the other copy has it\n{text}");
    check_findings(&flipped(&[1]), &["ottla.checkpoint.2: damaged at byte 40"]);
    let text = check_findings(&flipped(&[0, 1]), &["no copy of the checkpoint can be read"]);
    assert!(!text.contains("recovery from"), "{text}");

    // The last commit of each copy.
    let end = checkpoint::inspect(&left(), &Bench::dir()).expect("readable")[0].stopped_at;
    let last = |number: usize| {
        let disk = left();
        disk.corrupt(&copy(number), end - 1, 1).expect("there is such a byte");
        disk
    };
    check_findings(&last(0), &["ottla.checkpoint: damaged"]);
    let text = check_findings(&last(1), &[]);
    assert!(text.contains("ottla.checkpoint.2: a commit behind, normal after a crash"), "{text}");

    let torn = left();
    let file = torn.open(&copy(0), Open::ReadWrite).expect("it is there");
    file.write_at(&[io::IoSlice::new(&[7; 100])], end).expect("written");
    let text = check_findings(&torn, &[]);
    assert!(text.contains("ottla.checkpoint: a torn commit, normal after a crash"), "{text}");
}

#[test]
fn what_is_missing_is_a_finding() {
    let without = |names: &[PathBuf]| {
        let disk = left();
        names.iter().for_each(|name| disk.remove_file(name).expect("it is there"));
        disk
    };
    check_findings(&without(&[copy(0)]), &["ottla.checkpoint: missing"]);
    check_findings(&without(&[copy(1)]), &["ottla.checkpoint.2: missing"]);
    check_findings(&without(&[copy(0), copy(1)]), &["no checkpoint says which are needed"]);
    check_findings(&without(&[Bench::dir().join("ottla.properties")]), &["no stamp says whose it is"]);
}

#[test]
fn a_directory_of_something_else_is_passed_over() {
    let disk = left();
    let disk: Arc<dyn Disk> = Arc::new(disk);
    let mut out = Vec::new();
    for path in [Bench::dir().join("topic1-0"), Bench::dir().join("topic1-0/00000000000000000000.log")] {
        assert_eq!(inspect(&disk, &path, &mut out).expect("readable"), Inspected::default(), "{}", path.display());
    }
    assert!(out.is_empty());
}
