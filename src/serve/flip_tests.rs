//! One bit in a broker-wide file (stamp, metadata, checkpoint), then a start: all is as it was, or the start is refused with
//! a line and an exit code of its own, and again the same.

use super::open_failed;
use crate::base::{Clock, SystemClock};
use crate::broker::fixture_tests::{VERSIONS, holds_all, try_open, unpack};
use crate::cli::ExitCode;
use crate::io::disk::faulty::Chance;
use std::fs;
use std::path::{Path, PathBuf};

/// Flips of each file; every file gets as many, however small.
const FLIPS_PER_FILE: u64 = 40;

/// Seeds that failed once. They are run always.
const FAILED_ONCE: &[u64] = &[];

/// Bytes at a file's front in which flips are of interest: behind are zeros.
const FRONT_BYTES: u64 = 1024;

fn broker_wide(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(dir.join("meta"))
        .expect("there are metadata")
        .map(|entry| PathBuf::from("meta").join(entry.expect("listed").file_name()))
        .collect();
    files.sort();
    files.extend(["ottla.properties", "ottla.checkpoint", "ottla.checkpoint.2"].map(PathBuf::from));
    files.extend(Some(PathBuf::from("ottla.clock")).filter(|clock| dir.join(clock).exists()));
    files
}

/// Which of the two it was; the incarnation of this start is more than that of the last one only if the metadata have it.
async fn start(what: &str, dir: &Path) -> Result<u32, String> {
    let broker = match try_open(dir).await {
        Ok(broker) => broker,
        Err(error) => {
            let failure = open_failed(error);
            let code = failure.code();
            let is_stamp = what.contains("ottla.properties");
            // A flip in the stamp may name another cluster, node or directory.
            let expected = code == ExitCode::DamagedData || is_stamp && code == ExitCode::ForeignData;
            assert!(expected, "{what}: {code:?}: {failure}");
            assert!(!what.contains("ottla.checkpoint"), "{what}: there is another copy: {failure}");
            return Err(format!("{code:?}: {failure}"));
        }
    };
    holds_all(&broker).await;
    let incarnation = broker.metadata.image().incarnation();
    broker.close().expect("a clean end");
    Ok(incarnation)
}

#[tokio::test]
async fn one_bit_in_a_broker_wide_file() {
    for seed in FAILED_ONCE.iter().copied().chain([SystemClock::default().now().0 as u64]) {
        flips(seed).await;
    }
}

async fn flips(seed: u64) {
    eprintln!("seed {seed}");
    let root = tempfile::tempdir().expect("a directory");
    let (mut chance, version) = (Chance::new(seed), VERSIONS[VERSIONS.len() - 1]);
    let original = root.path().join("original");
    unpack(version, &original);
    let untouched = root.path().join("untouched");
    unpack(version, &untouched);
    let expected = start("no flip", &untouched).await.expect("it opens");
    let (mut whole, mut refused) = (0, 0);
    for file in broker_wide(&original) {
        let bytes = fs::read(original.join(&file)).expect("readable");
        for _ in 0..FLIPS_PER_FILE {
            let (at, bit) = (chance.below((bytes.len() as u64).min(FRONT_BYTES)) as usize, chance.below(8));
            let what = format!("seed {seed}: {} byte {at} bit {bit}", file.display());
            let dir = root.path().join("flipped");
            unpack(version, &dir);
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            fs::write(dir.join(&file), flipped).expect("written");
            match start(&what, &dir).await {
                Ok(incarnation) => {
                    whole += 1;
                    assert_eq!(incarnation, expected, "{what}: the metadata lost a start");
                }
                Err(said) => {
                    refused += 1;
                    assert_eq!(start(&what, &dir).await, Err(said), "{what}: the next start says something else");
                }
            }
            fs::remove_dir_all(&dir).expect("removed");
        }
    }
    eprintln!("{whole} whole, {refused} refused");
    assert!(whole > 0 && refused > 0, "the checkpoint has two copies, the stamp has one");
}

#[tokio::test]
async fn metadata_of_a_newer_release_is_foreign() {
    let root = tempfile::tempdir().expect("a directory");
    unpack(VERSIONS[VERSIONS.len() - 1], root.path());
    let object = broker_wide(root.path()).first().map(|file| root.path().join(file)).expect("there are metadata");
    let mut bytes = fs::read(&object).expect("readable");
    let newer = u16::from_be_bytes([bytes[8], bytes[9]]) + 1;
    bytes[8..10].copy_from_slice(&newer.to_be_bytes());
    bytes[10..12].copy_from_slice(&(!newer).to_be_bytes());
    fs::write(&object, bytes).expect("written");
    let failure = open_failed(try_open(root.path()).await.err().expect("it is refused"));
    assert_eq!(failure.code(), ExitCode::ForeignData, "{failure}");
}
