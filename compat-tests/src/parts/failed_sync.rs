//! A failed sync under load: the process stops acknowledging, ends by itself, and its next start is right.
//!
//! strace stands in for the failing disk: from the moment it is attached, every sync of the broker returns EIO without
//! having been made, however the broker calls it.

use crate::broker::{Ottla, Setup};
use crate::parts::Context;
use crate::report::{Report, spread};
use crate::rng::Rng;
use crate::traffic::Traffic;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Cycles, in CI and by hand.
const CYCLES: (usize, usize) = (5, 50);
/// How long the broker lives between its first acknowledgement and the failure, milliseconds.
const LIFE_MS: (u64, u64) = (0, 1000);
/// A liveness bound from the first failing sync to the end of the process.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// The exit code of a storage that failed (docs/configuration.md).
const STORAGE_FAILED: i32 = 8;
/// All calls that wait for the disk.
const SYNCS: &str = "fsync,fdatasync,syncfs,sync_file_range,msync";

/// With `ottla.durability=fsync`: `os` acknowledges without a sync.
pub fn part(report: &mut Report, context: &Context) {
    for seed in context.seeds("failed-sync") {
        let found = run(&context.binary, context.size(CYCLES.0, CYCLES.1), seed);
        report.result("failed sync", found.map_err(|error| format!("seed {seed}: {error}")));
    }
}

fn run(binary: &Path, cycles: usize, seed: u64) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let setup = Setup::new(binary, &dir.path().join("data"));
    let counts = under_load(&setup, cycles, Rng::new(seed));
    let counts = counts.map_err(|error| format!("{error}; last message of the broker: {}", setup.last_words()))?;
    Ok(format!("{cycles} failures, seed {seed}, {counts}"))
}

fn under_load(setup: &Setup, cycles: usize, mut rng: Rng) -> Result<String, String> {
    let mut broker = setup.start()?;
    let traffic = Traffic::start(&broker.bootstrap, &[])?;
    traffic.next_ack(Instant::now())?;
    let mut ends = Vec::new();
    for cycle in 0..cycles {
        std::thread::sleep(Duration::from_millis(rng.between(LIFE_MS.0, LIFE_MS.1)));
        ends.push(fail(&mut broker).map_err(|error| format!("failure {cycle}: {error}"))?);
        broker = setup.start().map_err(|error| format!("start after failure {cycle}: {error}"))?;
        traffic.next_ack(broker.spawned).map_err(|error| format!("after failure {cycle}: {error}"))?;
    }
    let counts = traffic.finish(broker, setup)?;
    Ok(format!("{counts}; from strace's start to the broker's end {}", spread(ends)))
}

/// Fails the broker's syncs and waits until it has ended as it should; how long it took.
fn fail(broker: &mut Ottla) -> Result<Duration, String> {
    let begun = Instant::now();
    let _syncs = FailingSyncs::of(broker.pid())?;
    match broker.ended(ENDS_WITHIN)? {
        STORAGE_FAILED => Ok(begun.elapsed()),
        code => Err(format!("the broker ended with code {code}, not {STORAGE_FAILED}")),
    }
}

/// A strace attached to a process; detached when dropped.
struct FailingSyncs(Child);

impl FailingSyncs {
    fn of(pid: u32) -> Result<Self, String> {
        let mut command = Command::new("strace");
        command.args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={SYNCS}")]);
        command.args(["-e", &format!("inject={SYNCS}:error=EIO"), "-p", &pid.to_string()]);
        let child = command.stdin(Stdio::null()).spawn().map_err(|error| format!("strace: {error}"))?;
        Ok(FailingSyncs(child))
    }
}

impl Drop for FailingSyncs {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
