//! Files that this release, or this run, or this directory did not write.

use super::super::header::{Header, VERSION, body_crc};
use super::*;
use crate::io::disk::Open;
use crate::wal::What;
use std::io::IoSlice;

fn small() -> WalConfig {
    config(64 * KIB, 16 * KIB, 16 * KIB)
}

/// The header of chunk 1 of incarnation 1 in file 1 with this body.
fn header(payload: &[u8], table: &[u8], entries: u32) -> Header {
    Header {
        version: VERSION,
        entries,
        directory_id: DIRECTORY,
        incarnation: 1,
        file: 1,
        sequence: Sequence::FIRST,
        before: 0,
        payload: payload.len() as u32,
        table: table.len() as u32,
        body_crc: body_crc(&[Bytes::copy_from_slice(payload)], table),
    }
}

fn put(disk: &FaultyDisk, position: u64, header: &Header, body: &[u8]) {
    let file = disk.open(&path(header.file), Open::ReadWrite).expect("there");
    let (front, _) = header.encode();
    file.write_at(&[IoSlice::new(&front), IoSlice::new(body)], position).expect("written");
}

#[test]
fn a_newer_format_is_refused_by_name() {
    let disk = disk(1);
    drop(create(&disk, &small(), 1).expect("created"));
    put(&disk, 8192, &Header { version: 2, ..header(&[], &[], 0) }, &[]);
    let error = replayed(&disk, origin(1, 1)).expect_err("newer");
    assert!(matches!(&error, WalError::Newer { file, version: 2 } if *file == path(1)), "{error}");
    // At the front of a file it also keeps the file from being written over.
    put(&disk, 0, &Header { version: 2, ..header(&[], &[], 0) }, &[]);
    assert!(matches!(create(&disk, &small(), 9), Err(WalError::Newer { version: 2, .. })));
    // What merely looks newer is somebody's payload, or another directory's.
    for odd in [Header { directory_id: Uuid::nil(), ..header(&[], &[], 0) }, Header { file: 2, ..header(&[], &[], 0) }]
    {
        let disk = self::disk(1);
        drop(create(&disk, &small(), 1).expect("created"));
        let file = disk.open(&path(1), Open::ReadWrite).expect("there");
        file.write_at(&[IoSlice::new(&Header { version: 2, ..odd }.encode().0)], 4096).expect("written");
        assert!(replayed(&disk, origin(1, 1)).expect("not ours").0.is_empty());
    }
}

#[test]
fn a_table_that_makes_no_sense_is_damage_and_the_rest_goes_on() {
    let entry = |length: u32| Entry::Batches { id: id(1), length };
    let good = table::encode(&[entry(10)]);
    let unknown: Vec<u8> = std::iter::once(99).chain(good[1..].iter().copied()).collect();
    let cases: [(&str, Vec<u8>, u32); 7] = [
        ("unknown kind", unknown, 1),
        ("no kind", std::iter::once(0).chain(good[1..].iter().copied()).collect(), 1),
        ("cut", good[..good.len() - 1].to_vec(), 1),
        ("left over", [&good[..], &[1]].concat(), 1),
        ("too few entries", good.clone(), 2),
        ("too many entries", good.clone(), 0),
        ("lengths do not add up", table::encode(&[entry(11)]), 1),
    ];
    for (story, table, entries) in cases {
        let disk = disk(1);
        drop(create(&disk, &small(), 1).expect("created"));
        let bad = header(&[5; 10], &table, entries);
        put(&disk, 0, &bad, &[&[5; 10], &table[..]].concat());
        let next = Header { sequence: Sequence(2), before: bad.encode().1, ..header(&[6; 10], &good, 1) };
        put(&disk, 4096, &next, &[&[6; 10], &good[..]].concat());
        let (found, report) = replayed(&disk, origin(1, 1)).expect("readable");
        assert_eq!(sequences(&found), [2], "{story}");
        let [damage] = &report.damaged[..] else { panic!("{story}: {:?}", report.damaged) };
        assert!(matches!(&damage.what, What::Table(_)) && damage.expected == Sequence(1), "{story}: {damage}");
    }
}

#[test]
fn a_length_beyond_the_file_is_not_believed() {
    for (payload, table) in [(u32::MAX, u32::MAX), (1 << 20, 0), (0, u32::MAX), (16 * 1024 - 75, 0)] {
        let disk = disk(1);
        drop(create(&disk, &small(), 1).expect("created"));
        put(&disk, 0, &Header { payload, table, ..header(&[], &[], 0) }, &[]);
        let (found, report) = replayed(&disk, origin(1, 1)).expect("readable");
        assert!(found.is_empty() && report.damaged.is_empty(), "{payload} and {table}");
        assert!(report.torn.is_some(), "{payload} and {table}");
    }
}

#[test]
fn a_payload_that_looks_like_a_chunk_is_a_payload() {
    let disk = disk(1);
    let mut wal = create(&disk, &small(), 1).expect("created");
    // At the second block of the file lies what would be a later chunk of this very log.
    let (fake, _) = Header { sequence: Sequence(9), ..header(&[], &[], 0) }.encode();
    let mut payload = vec![0; 6000];
    payload[4096 - HEADER_BYTES..4096].copy_from_slice(&fake);
    let entries = vec![Entry::Batches { id: id(1), length: 6000 }];
    let chunk = Owned { entries, payload: vec![payload.into()] };
    append(&mut wal, &chunk).expect("room");
    let (found, report) = replayed(&disk, origin(1, 1)).expect("readable");
    assert_eq!(found, [chunk.replayed(1)]);
    assert_eq!((report.damaged, report.torn), (Vec::new(), None));
}

#[test]
fn random_bytes_are_no_chunks() {
    for seed in 0..60 {
        let disk = disk(seed);
        drop(create(&disk, &small(), 1).expect("created"));
        let mut chance = Chance::new(seed);
        let mut bytes = noise(seed, chance.below(20_000) as usize);
        if seed.is_multiple_of(2) {
            // Every block begins like a chunk, with a checksum that fits.
            for block in bytes.chunks_mut(4096).filter(|block| block.len() >= HEADER_BYTES) {
                let (payload, table, entries) =
                    (chance.below(9000) as u32, chance.below(300) as u32, chance.next() as u32);
                let sequence = Sequence(chance.below(6));
                let odd = Header { sequence, payload, table, entries, ..header(&[], &[], 0) };
                block[..HEADER_BYTES].copy_from_slice(&odd.encode().0);
            }
        }
        let file = disk.open(&path(1), Open::ReadWrite).expect("there");
        file.set_len(0).expect("cut");
        file.write_at(&[IoSlice::new(&bytes)], 0).expect("written");
        let (found, _) = replayed(&disk, origin(1, 1)).expect("readable");
        assert!(found.is_empty(), "seed {seed}: {:?}", sequences(&found));
        super::super::inspect(&disk, Path::new(DIR)).expect("readable");
        let mut wal = create(&disk, &small(), 2).expect("created");
        append(&mut wal, &Owned::filled(1, 9000)).expect("room");
        assert_eq!(sequences(&replayed(&disk, origin(2, 1)).expect("readable").0), [1], "seed {seed}");
    }
}

#[test]
fn an_incarnation_is_not_used_twice() {
    let disk = disk(1);
    let mut wal = create(&disk, &small(), 5).expect("created");
    // Nothing was written yet: the same start may come again.
    drop(create(&disk, &small(), 5).expect("created"));
    append(&mut wal, &Owned::filled(1, 500)).expect("room");
    for given in [4, 5] {
        let error = create(&disk, &small(), given).err().expect("used");
        assert!(matches!(error, WalError::UsedBefore { found: 5, .. }), "{error}");
    }
    drop(create(&disk, &small(), 6).expect("created"));
    let elsewhere = WalConfig { directory_id: Uuid::from_u128(1), ..small() };
    drop(create(&disk, &elsewhere, 1).expect("another directory's files are free"));
}
