//! One bit flips, anywhere.

use super::*;
use std::collections::BTreeMap;

const FLIPS: u64 = 500;

/// Where the content of a chunk that is needed lies.
struct Lies {
    file: u64,
    from: u64,
    to: u64,
    sequence: u64,
}

/// A run over recycled files, with the chunks that are needed at its end.
fn run(disk: &FaultyDisk) -> (BTreeMap<u64, Owned>, u64) {
    let mut wal = create(disk, &config(160 * KIB, 16 * KIB, 16 * KIB), 1).expect("created");
    let mut chunks = BTreeMap::new();
    let mut live_from = 1;
    for number in 1..=60 {
        let chunk = Owned::filled(number, 300 + number * 1777 % (9 * KIB));
        append(&mut wal, &chunk).expect("room");
        chunks.insert(number, chunk);
        live_from = if number < 8 { 1 } else { number - 6 };
        wal.release(Sequence(live_from));
        wal.pool().grow().expect("room");
    }
    chunks.retain(|number, _| *number >= live_from);
    (chunks, live_from)
}

#[test]
fn a_flipped_bit_is_never_replayed_and_never_passed_over() {
    let whole = disk(1);
    let (chunks, live_from) = run(&whole);
    let newest = *chunks.keys().last().expect("chunks");
    let views = super::super::inspect(&whole, Path::new(DIR)).expect("readable");
    let lies: Vec<Lies> = views
        .iter()
        .flat_map(|file| file.chunks.iter().map(|chunk| (file.number, chunk)))
        .filter_map(|(file, chunk)| {
            let filled = chunks.get(&chunk.sequence.0)?.chunk();
            let payload: u64 = filled.payload.iter().map(|piece| piece.len() as u64).sum();
            let length = HEADER_BYTES as u64 + payload + table::bytes(filled.entries);
            Some(Lies { file, from: chunk.position, to: chunk.position + length, sequence: chunk.sequence.0 })
        })
        .collect();
    assert_eq!(lies.len(), chunks.len(), "every chunk that is needed is seen");
    for seed in 0..FLIPS {
        let mut chance = Chance::new(seed);
        let file = &views[chance.below(views.len() as u64) as usize];
        let position = chance.below(file.bytes);
        let left = whole.kill();
        left.corrupt(&path(file.number), position, 1 << chance.below(8)).expect("there");
        let story = format!("seed {seed}: file {}, byte {position}", file.number);
        let (found, report) = replayed(&left, origin(1, live_from)).expect("readable");
        let hit = lies.iter().find(|lies| lies.file == file.number && (lies.from..lies.to).contains(&position));
        let expected: Vec<_> = chunks
            .iter()
            .filter(|(number, _)| hit.is_none_or(|hit| hit.sequence != **number))
            .map(|(number, chunk)| chunk.replayed(*number))
            .collect();
        assert!(found == expected, "{story}: {:?}", sequences(&found));
        let named: Vec<u64> = report.damaged.iter().map(|damage| damage.expected.0).collect();
        let lost: Vec<u64> = hit.map(|hit| hit.sequence).into_iter().filter(|lost| *lost != newest).collect();
        assert_eq!(named, lost, "{story}");
        assert!(hit.is_none_or(|hit| hit.sequence != newest) || report.torn.is_some(), "{story}");
    }
}
