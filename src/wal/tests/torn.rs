//! The newest chunks are cut at every byte.

use super::*;
use crate::io::disk::{File, Open};
use std::io::IoSlice;

const FILLED: u64 = 330;
const CHUNKS: u64 = 6;

#[derive(Clone, Copy, Debug)]
enum Cut {
    Truncate,
    Zero,
    Garbage,
}

fn cut(file: &dyn File, from: u64, how: Cut) {
    let length = (file.len().expect("a length") - from) as usize;
    let bytes = match how {
        Cut::Truncate => return file.set_len(from).expect("cut"),
        Cut::Zero => vec![0; length],
        Cut::Garbage => noise(from, length),
    };
    file.write_at(&[IoSlice::new(&bytes)], from).expect("written");
}

#[test]
fn a_torn_end_costs_nothing_before_it() {
    let config = config(64 * KIB, 32 * KIB, 32 * KIB);
    let whole = disk(1);
    let mut wal = create(&whole, &config, 1).expect("created");
    for number in 1..=CHUNKS {
        append(&mut wal, &Owned::filled(number, FILLED)).expect("room");
    }
    for chunk in CHUNKS - 3..CHUNKS {
        for byte in 0..FILLED {
            for how in [Cut::Truncate, Cut::Zero, Cut::Garbage] {
                let position = chunk * 4 * KIB + byte;
                let left = whole.kill();
                cut(&*left.open(&path(1), Open::ReadWrite).expect("there"), position, how);
                check(&left, &config, chunk, byte, &format!("{how:?} from {position}"));
            }
        }
    }
}

fn check(left: &FaultyDisk, config: &WalConfig, chunk: u64, byte: u64, story: &str) {
    let (found, report) = replayed(left, origin(1, 1)).expect("readable");
    // A cut may keep the bytes that it writes: the last of a checksum can be 0.
    let end = chunk + u64::from(found.len() as u64 > chunk);
    let expected: Vec<_> = (1..=end).map(|number| Owned::filled(number, FILLED).replayed(number)).collect();
    assert!(found == expected, "{story}: {:?}", sequences(&found));
    assert!(end == chunk || byte + 8 > FILLED, "{story}: chunk {end} can't be whole");
    assert_eq!(report.damaged, [], "{story}");
    if byte.is_multiple_of(64) {
        let mut wal = create(left, config, 2).expect("created");
        assert!(replayed(left, origin(2, 1)).expect("readable").0.is_empty(), "{story}");
        append(&mut wal, &Owned::filled(77, FILLED)).expect("room");
        let (found, report) = replayed(left, origin(2, 1)).expect("readable");
        assert!(found == [Owned::filled(77, FILLED).replayed(1)], "{story}: {:?}", sequences(&found));
        assert_eq!(report.damaged, [], "{story}");
    }
}

#[test]
fn where_the_log_is_torn_is_said() {
    let config = config(64 * KIB, 8 * KIB, 8 * KIB);
    let whole = disk(1);
    let mut wal = create(&whole, &config, 1).expect("created");
    for number in 1..=3 {
        append(&mut wal, &Owned::filled(number, 5000)).expect("room");
    }
    // The third chunk alone is in its file: its body, its header, all of it.
    for (position, file) in [(3000, 3), (10, 3)] {
        let left = whole.kill();
        left.corrupt(&path(file), position, 1).expect("there");
        let (found, report) = replayed(&left, origin(1, 1)).expect("readable");
        assert_eq!(sequences(&found), [1, 2]);
        assert_eq!(report.torn.map(|place| (place.file, place.position)), Some((file, 0)), "byte {position}");
    }
}
