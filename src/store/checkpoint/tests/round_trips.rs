use super::super::format::{self, FileHeader, FrameHeader, Record};
use super::super::inspect;
use super::*;

#[test]
fn headers_and_records_come_back() {
    let header = FileHeader { version: 1, directory_id: own(), first_commit: 42 };
    let (bytes, crc) = header.encode();
    assert_eq!(FileHeader::decode(&bytes), Some((header, crc)));
    let frame = FrameHeader {
        payload_bytes: 1,
        commit: u64::MAX,
        position: position(9),
        records: 2,
        last: true,
        crc_before: 3,
        payload_crc: 4,
    };
    let mut bytes = vec![0; format::FRAME_HEADER_BYTES];
    let crc = frame.encode(&mut bytes);
    assert_eq!(FrameHeader::decode(&bytes), Some((frame, crc)));
    for change in [put(3, b"state"), put(4, b""), Change::Forget(id(5))] {
        let mut bytes = Vec::new();
        format::encode_record(&change, &mut bytes);
        let record = Record::decode(&bytes).unwrap();
        let put = match &change {
            Change::Put { dir, state, .. } => Some((&dir[..], &state[..])),
            Change::Forget(_) => None,
        };
        assert_eq!(record, Record { id: change.id(), put, len: bytes.len() });
        (0..bytes.len()).for_each(|len| assert_eq!(Record::decode(&bytes[..len]), None, "{len} bytes of {change:?}"));
    }
}

#[test]
fn nothing_is_there_before_the_first() {
    assert!(load(&disk(1)).unwrap().is_none());
}

#[test]
fn each_commit_comes_back_through_rewrites_and_new_starts() {
    let history = History::new(1, 120);
    let disk = disk(1);
    let (first, records) = history.commits[0].clone();
    let mut checkpoint = Checkpoint::create_sized(&shared(&disk), &dir(), own(), first, records, SIZES).unwrap();
    let (mut largest, mut rewrites) = (0, 0);
    for (number, (at, changes)) in history.commits.iter().enumerate().skip(1) {
        let before = checkpoint.bytes();
        checkpoint.append(*at, changes.clone()).unwrap();
        rewrites += u64::from(checkpoint.bytes() < before);
        largest = largest.max(checkpoint.bytes());
        let (state, notes) = loaded(&disk, "after an append");
        assert!(state == history.states[number] && notes.is_empty(), "commit {number}: {notes:?}");
        assert_eq!(file_bytes(&disk, 0), file_bytes(&disk, 1), "commit {number}");
        if number % 17 == 0 {
            let puts = state.1.into_iter().map(|(id, Kept { dir, state })| Change::Put { id, dir, state });
            checkpoint = Checkpoint::create_sized(&shared(&disk), &dir(), own(), *at, puts, SIZES).unwrap();
            assert_eq!(loaded(&disk, "after a start").0, history.states[number]);
        }
    }
    assert!(rewrites > 2, "{rewrites} rewrites");
    assert!(largest < 20_000, "{largest} bytes at most");
}

#[test]
fn live_bytes_are_those_of_the_records_that_count() {
    let disk = disk(1);
    let records = [put(1, b"one"), put(2, b"two"), put(1, b"again")];
    let mut checkpoint = Checkpoint::create_sized(&shared(&disk), &dir(), own(), position(1), records, SIZES).unwrap();
    let record = |state: &str| 31 + "topic-1".len() as u64 + state.len() as u64;
    assert_eq!(checkpoint.live_bytes(), record("two") + record("again"));
    checkpoint.append(position(2), vec![Change::Forget(id(1)), Change::Forget(id(9))]).unwrap();
    assert_eq!(checkpoint.live_bytes(), record("two"));
    let (state, _) = loaded(&disk, "two left");
    assert_eq!(state, after(&empty(), position(2), &[put(2, b"two")]));
}

#[test]
fn a_record_larger_than_a_frame_has_one_of_its_own() {
    let disk = disk(1);
    let large = vec![7; 3 * SIZES.frame_bytes_max];
    let records = [put(1, b"small"), put(2, &large), put(3, b"small")];
    let expected = after(&empty(), position(1), &records);
    Checkpoint::create_sized(&shared(&disk), &dir(), own(), position(1), records, SIZES).unwrap();
    assert_eq!(loaded(&disk, "a large record").0, expected);
    let views = inspect(&disk, &dir()).unwrap();
    let lengths: Vec<usize> = views[0].frames.iter().map(|frame| frame.records.len()).collect();
    assert_eq!(lengths, [1, 1, 1]);
}

#[test]
fn inspecting_shows_every_record() {
    let history = History::new(2, 3);
    let disk = ran(&history);
    let views = inspect(&disk, &dir()).unwrap();
    assert_eq!(views.len(), 2);
    for (copy, view) in views.iter().enumerate() {
        assert_eq!((&view.path, view.header), (&path(copy), Some((2, own(), 1))));
        assert!(!view.more && view.commit_beyond.is_none(), "{view:?}");
        let commits: Vec<u64> = view.frames.iter().filter(|frame| frame.last).map(|frame| frame.commit).collect();
        assert_eq!(commits, [1, 2, 3]);
        let records: usize = view.frames.iter().map(|frame| frame.records.len()).sum();
        assert_eq!(records, history.commits.iter().map(|(_, changes)| changes.len()).sum::<usize>());
    }
    let damaged = views[0].frames[0].records[2].at;
    disk.corrupt(&path(0), damaged, 1).unwrap();
    let view = &inspect(&disk, &dir()).unwrap()[0];
    assert_eq!((view.stopped_at, view.more, view.commit_beyond), (views[0].frames[0].at, true, Some(3)));
    disk.remove_file(&path(0)).unwrap();
    assert_eq!(inspect(&disk, &dir()).unwrap(), views[1..]);
}

#[test]
fn ten_thousand_partitions_of_the_real_sizes() {
    let disk = disk(1);
    let state = |number: i32, fill: u8| put(number, &[fill; 300]);
    let all = |fill| (0..10_000).map(move |number| state(number, fill));
    let mut checkpoint = Checkpoint::create(&shared(&disk), &dir(), own(), position(1), all(1)).unwrap();
    for round in 2..6 {
        checkpoint.append(position(u64::from(round)), all(round).collect()).unwrap();
    }
    let (live, grown) = (checkpoint.live_bytes(), checkpoint.bytes());
    assert!(grown < 6 * live, "{grown} bytes for {live}");
    // The next is written anew, with what is read back of all others.
    checkpoint.append(position(6), vec![state(3, 9)]).unwrap();
    assert!(checkpoint.bytes() < 2 * live, "{} bytes for {live}", checkpoint.bytes());
    let changes: Vec<Change> = all(5).chain([state(3, 9)]).collect();
    assert_eq!(loaded(&disk, "all").0, after(&empty(), position(6), &changes));
}
