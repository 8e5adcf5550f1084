use super::super::fixture::{Bench, EPOCH, batch, log};
use super::super::stored_log::StoredLog;
use super::*;
use crate::base::{Offset, Timestamp};
use crate::record::{BatchHeader, check_produced};

const TAIL: u64 = 1 << 20;

fn setup() -> (Ring, Arc<StoredLog>, Arc<StoredLog>) {
    let store = Bench::new(1).open();
    (Ring::new(TAIL), log(&store, 1, 0), log(&store, 1, 1))
}

#[test]
fn a_run_is_one_slice_with_final_headers() {
    let (mut ring, log, _) = setup();
    let (one, two) = (batch(&[b"a", b"b"]), batch(&[b"c"]));
    assert!(!ring.continues(one.len()), "nothing to continue");
    ring.copy(&one, Offset(40), EPOCH, None);
    assert!(ring.continues(two.len()));
    ring.copy(&two, Offset(42), EPOCH, Some(Timestamp(77)));
    let bytes = ring.cut(&log, Offset(43), 1);
    assert_eq!(bytes.len(), one.len() + two.len());
    let (first, second) = bytes.split_at(one.len());
    let header = check_produced(first).expect("the CRC still fits");
    assert_eq!((header.base_offset, header.leader_epoch), (Offset(40), EPOCH));
    assert_eq!(first[16..], one[16..], "the rest is as it was produced");
    let header = BatchHeader::parse(second).expect("a header");
    assert_eq!((header.base_offset, header.max_timestamp), (Offset(42), Timestamp(77)));
    assert_eq!(crate::record::header::batch_crc(second), header.crc);
}

#[test]
fn large_batches_have_their_own_chunk_and_small_ones_go_on_in_theirs() {
    let (mut ring, log, other) = setup();
    let small = batch(&[b"small"]);
    let large = batch(&[&[1; 200_000]]);
    ring.copy(&small, Offset(0), EPOCH, None);
    let first = ring.cut(&log, Offset(1), 1);
    let before = ring.bytes();
    assert!(!ring.continues(large.len()));
    ring.copy(&large, Offset(1), EPOCH, None);
    assert!(!ring.continues(small.len()), "a chunk of its own is cut before anything follows");
    assert_eq!(ring.cut(&log, Offset(2), 1).len(), large.len());
    assert!(ring.bytes() - before >= large.len() as u64 && ring.bytes() - before < large.len() as u64 + 1024);
    ring.copy(&small, Offset(0), EPOCH, None);
    let second = ring.cut(&other, Offset(1), 1);
    assert_eq!(second.as_ptr() as usize, first.as_ptr() as usize + first.len(), "the same chunk goes on");
    assert_eq!(ring.bytes() - before, large.len() as u64 + 2 * SLICE_COST as u64);
}

#[test]
fn the_oldest_chunks_leave_and_their_memory_comes_back() {
    let (mut ring, log, _) = setup();
    let batch = batch(&[&[1; 10_000]]);
    let mut slices = VecDeque::new();
    let mut seen = std::collections::HashSet::new();
    for at in 0..2_000 {
        if !ring.continues(batch.len()) {
            ring.trim(1);
            assert!(ring.bytes() <= TAIL, "{} bytes", ring.bytes());
        }
        ring.copy(&batch, Offset(at), EPOCH, None);
        slices.push_back(ring.cut(&log, Offset(at + 1), 1));
        seen.insert(slices[slices.len() - 1].as_ptr() as usize);
        while slices.len() > 80 {
            slices.pop_front();
        }
    }
    assert!(ring.evictions() > 200);
    assert!(seen.len() < 500, "{} places for 2000 batches: chunks are used again", seen.len());
    let held = slices[0].clone();
    let content = held.to_vec();
    for at in 2_000..2_200 {
        ring.copy(&batch, Offset(at), EPOCH, None);
        drop(ring.cut(&log, Offset(at + 1), 1));
        ring.trim(1);
    }
    assert_eq!(held, content, "a slice that somebody holds is never written over");
}

#[test]
fn the_chunk_being_filled_stays() {
    let mut ring = Ring::new(0);
    let store = Bench::new(1).open();
    let log = log(&store, 1, 0);
    let batch = batch(&[&[1; 10_000]]);
    ring.copy(&batch, Offset(0), EPOCH, None);
    drop(ring.cut(&log, Offset(1), 1));
    ring.trim(1);
    assert_eq!(ring.evictions(), 0, "the chunk being filled stays, whatever the limit");
}
