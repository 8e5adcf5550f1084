//! Starts after kill -9 with 10,000 partitions that hold records: at rest, and with 256 MiB since the last checkpoint.

use super::pump::{Load, Pump};
use super::{MANY, START_FULL, bounded, create_many, first_answer};
use crate::broker::{Ottla, Setup};
use crate::parts::Context;
use crate::report::{Report, say};
use crate::scrape::{CHECKPOINTS, Scrape};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// One record in each partition.
const FIRST: Load = Load {
    partitions: MANY as u64,
    batches_per_request: 250,
    records_per_batch: 1,
    value_bytes: 100,
    requests_per_second: None,
    requests_max: MANY as u64 / 250,
};
/// What is written before the kill, as often as it takes: batches of four records of 1 KiB.
const UNFLUSHED: Load = Load { records_per_batch: 4, value_bytes: 1024, requests_max: 0, ..FIRST };
const UNFLUSHED_BYTES: u64 = 256 << 20;
/// Starts at rest.
const STARTS: usize = 3;
/// A liveness bound. Checkpoints are made every 30 seconds while something changes; this one syncs all their new files.
const CHECKPOINT_WITHIN: Duration = Duration::from_secs(120);
/// Between two looks whether it was made.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Lines of the broker's messages that are shown.
const LINES_SHOWN: usize = 5;

/// At rest, then unflushed with what the page cache kept, then with segments cut back as a loss of power may do.
pub fn run(report: &mut Report, context: &Context) {
    let dir = match tempfile::tempdir() {
        Ok(dir) => dir,
        Err(error) => return report.result("a directory", Err(error.to_string())),
    };
    let setup = Setup::new(&context.binary, &dir.path().join("data"));
    report.result("10,000 partitions with a record each, killed at rest", fill(&setup));
    for number in 1..=STARTS {
        report.result(format!("start {number} after kill -9 at rest"), start(&setup));
    }
    report.result("256 MiB since the last checkpoint, then kill -9", unflushed(&setup, false));
    report.result("start with 256 MiB unflushed, segments in the page cache", start(&setup));
    report.result("256 MiB again, then kill -9 and segments cut to the last checkpoint", unflushed(&setup, true));
    report.result("start with 256 MiB unflushed, segments without them", start(&setup));
}

fn fill(setup: &Setup) -> Result<String, String> {
    let broker = setup.start()?;
    create_many(&broker.bootstrap)?;
    let (records, took) = Pump::start(&broker.bootstrap, FIRST).finish()?;
    let checkpoint = first_checkpoint(&broker)?;
    broker.kill();
    Ok(format!(
        "{records} records acknowledged in {} ms, the checkpoint made {:.1} s after them",
        took.as_millis(),
        checkpoint.as_secs_f64()
    ))
}

/// Waits for it; nothing has changed since it began.
fn first_checkpoint(broker: &Ottla) -> Result<Duration, String> {
    let begun = Instant::now();
    while Scrape::of(broker)?.value(CHECKPOINTS) == 0.0 {
        if begun.elapsed() > CHECKPOINT_WITHIN {
            return Err(format!("no checkpoint within {CHECKPOINT_WITHIN:?}"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Ok(begun.elapsed())
}

/// Starts and kills again; what the start took and said.
fn start(setup: &Setup) -> Result<String, String> {
    let said_before = lines(&setup.log).len();
    let (broker, took) = first_answer(setup)?;
    let found = Scrape::of(&broker)?;
    let [chunks, batches, findings] =
        ["chunks", "batches", "findings"].map(|what| found.value(&format!("ottla_recovery_{what}")));
    let ready = broker.ready_after;
    let resident = broker.memory().1 >> 20;
    broker.kill();
    let said = lines(&setup.log).split_off(said_before);
    say(&format!("          {} lines in the log of the start", said.len()));
    said.iter().take(LINES_SHOWN).for_each(|line| say(&format!("          | {line}")));
    let figure = bounded("first answer", took, START_FULL)?;
    Ok(format!(
        "{figure}; ready line after {} ms; {chunks} chunks read, {batches} batches brought back, {findings} findings; \
         peak memory {resident} MiB",
        ready.as_millis()
    ))
}

fn lines(log: &Path) -> Vec<String> {
    let text = std::fs::read(log).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().map(str::to_owned).collect()
}

/// Writes 256 MiB right after a start, which makes a checkpoint, and kills before the next one.
fn unflushed(setup: &Setup, cut: bool) -> Result<String, String> {
    let broker = setup.start()?;
    let begun = Instant::now();
    let ends = if cut { segment_ends(&setup.data)? } else { HashMap::new() };
    let request_bytes = UNFLUSHED.batch().len() as u64 * UNFLUSHED.batches_per_request;
    let load = Load { requests_max: UNFLUSHED_BYTES.div_ceil(request_bytes), ..UNFLUSHED };
    let (records, took) = Pump::start(&broker.bootstrap, load).finish()?;
    let scrape = Scrape::of(&broker)?;
    let alive = begun.elapsed();
    broker.kill();
    let made = scrape.value(CHECKPOINTS);
    if made > 0.0 {
        return Err(format!("a checkpoint came first, {alive:?} after the start"));
    }
    let lost = cut_back(&ends)?;
    Ok(format!(
        "{records} records, {} batches, {} MiB in {:.1} s; {} MiB of log files in use; {} MiB cut",
        load.requests_max * load.batches_per_request,
        (load.requests_max * request_bytes) >> 20,
        took.as_secs_f64(),
        scrape.value("ottla_wal_used_bytes") as u64 >> 20,
        lost >> 20
    ))
}

/// The lengths of all segments.
fn segment_ends(data: &Path) -> Result<HashMap<PathBuf, u64>, String> {
    let list = |dir: &Path| std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()));
    let mut ends = HashMap::new();
    for entry in list(data)?.flatten().filter(|entry| entry.path().is_dir()) {
        for file in list(&entry.path())?.flatten() {
            if file.path().extension().is_some_and(|extension| extension == "log") {
                ends.insert(file.path(), file.metadata().map_err(|error| error.to_string())?.len());
            }
        }
    }
    Ok(ends)
}

/// Cuts segments back to these lengths; how many bytes went.
fn cut_back(ends: &HashMap<PathBuf, u64>) -> Result<u64, String> {
    let mut lost = 0;
    for (path, end) in ends {
        let file = std::fs::OpenOptions::new().write(true).open(path).map_err(|error| error.to_string())?;
        lost += file.metadata().map_err(|error| error.to_string())?.len().saturating_sub(*end);
        file.set_len(*end).map_err(|error| error.to_string())?;
    }
    Ok(lost)
}
