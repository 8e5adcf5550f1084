//! What is refused by name.

use super::super::format::{DIR_BYTES_MAX, FILE_HEADER_BYTES, FRAME_BYTES_MAX, FileHeader, STATE_BYTES_MAX, VERSION};
use super::*;

fn with_header(disk: &FaultyDisk, copy: usize, version: u32, directory_id: Uuid) {
    let mut bytes = file_bytes(disk, copy);
    let (header, _) = FileHeader { version, directory_id, first_commit: 1 }.encode();
    bytes[..FILE_HEADER_BYTES].copy_from_slice(&header);
    set_file(disk, &path(copy), &bytes);
}

#[test]
fn a_newer_version() {
    for copy in 0..2 {
        let disk = ran(&History::new(31, 3));
        with_header(&disk, copy, VERSION + 1, own());
        let error = load(&disk).unwrap_err();
        let expected = format!("{} has format version 3, this release knows up to 2", path(copy).display());
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(matches!(error, CheckpointError::Newer { version: 3, .. }));
        // Nor is it written over.
        let made = Checkpoint::create(&shared(&disk), &dir(), own(), position(1), []);
        assert!(matches!(made, Err(CheckpointError::Newer { .. })));
    }
}

#[test]
fn another_directory() {
    for copy in 0..2 {
        let disk = ran(&History::new(32, 3));
        with_header(&disk, copy, 1, Uuid::from_u128(5));
        let error = load(&disk).unwrap_err();
        assert!(error.to_string().contains(&format!("belongs to data directory {}", Uuid::from_u128(5))), "{error}");
        assert!(matches!(error, CheckpointError::OtherDirectory { expected, .. } if expected == own()));
    }
}

#[test]
fn a_record_above_the_limits_changes_nothing() {
    let disk = disk(1);
    let long = Change::Put { id: id(1), dir: "x".repeat(DIR_BYTES_MAX + 1), state: Bytes::new() };
    let large = put(2, &vec![0; STATE_BYTES_MAX + 1]);
    for change in [long, large] {
        let made = Checkpoint::create(&shared(&disk), &dir(), own(), position(1), [change.clone()]);
        assert!(matches!(made, Err(CheckpointError::TooLarge { .. })));
        assert!(disk.list(&dir()).unwrap().is_empty());
    }
    let mut checkpoint = Checkpoint::create(&shared(&disk), &dir(), own(), position(1), []).unwrap();
    let large = vec![put(1, b"fits"), put(2, &vec![0; STATE_BYTES_MAX + 1])];
    assert!(matches!(checkpoint.append(position(2), large), Err(CheckpointError::TooLarge { .. })));
    assert_eq!(loaded(&disk, "as it was").0, after(&empty(), position(1), &[]));
    let large = [put(2, &vec![9; 3 * FRAME_BYTES_MAX / 2])];
    checkpoint.append(position(3), large.to_vec()).unwrap();
    assert_eq!(loaded(&disk, "larger than a frame").0, after(&empty(), position(3), &large));
}

#[test]
fn a_frame_of_another_file_does_not_follow() {
    let history = History::new(33, 4);
    let (disk, other) = (ran(&history), ran(&History::new(34, 4)));
    let view = |disk| super::super::inspect(disk, &dir()).unwrap().remove(0);
    let (ours, theirs) = (view(&disk), view(&other));
    let at = |view: &super::super::CopyView| view.frames.iter().find(|frame| frame.commit == 4).unwrap().at as usize;
    let mut bytes = file_bytes(&disk, 0)[..at(&ours)].to_vec();
    bytes.extend_from_slice(&file_bytes(&other, 0)[at(&theirs)..]);
    set_file(&disk, &path(0), &bytes);
    assert_eq!(loaded(&disk, "a frame from elsewhere").0, history.states[3]);
    let stop = view(&disk);
    assert_eq!((stop.stopped_at, stop.commit_beyond), (at(&ours) as u64, Some(4)));
}
