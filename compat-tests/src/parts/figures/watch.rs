//! What two of the broker's threads wait in, sampled from the system: metrics tell that a checkpoint was made but not
//! when it began, and the time of syncs only by buckets.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Time between two samples.
const EVERY: Duration = Duration::from_millis(2);
/// The threads, as far as the system keeps their names.
const COMMIT: &str = "ottla-commit";
const CHECKPOINT: &str = "ottla-checkpoin";
/// Numbers of system calls: a thread that sleeps, and one that syncs a file.
#[cfg(target_arch = "x86_64")]
const CALLS: Calls = Calls { futex: "202", fdatasync: "75" };
#[cfg(not(target_arch = "x86_64"))]
const CALLS: Calls = Calls { futex: "98", fdatasync: "83" };

struct Calls {
    futex: &'static str,
    fdatasync: &'static str,
}

/// From begin to end.
pub type Span = (Instant, Instant);

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// When the checkpoint thread was at work. It makes new files of the log, too, while that grows.
    pub checkpoints: Vec<Span>,
    samples: u64,
    in_commit_sync: u64,
}

impl Seen {
    /// The share of the time that the commit thread spent in fdatasync.
    pub fn syncing(&self) -> f64 {
        self.in_commit_sync as f64 / self.samples.max(1) as f64
    }

    /// Whether a checkpoint was under way at some time of the span.
    pub fn is_during_checkpoint(&self, (begin, end): Span) -> bool {
        self.checkpoints.iter().any(|(from, to)| *from < end && begin < *to)
    }

    /// Number, median and longest of the checkpoints, in words.
    pub fn words(&self) -> String {
        let mut times: Vec<u128> = self.checkpoints.iter().map(|(from, to)| (*to - *from).as_millis()).collect();
        times.sort_unstable();
        match times.as_slice() {
            [] => "none seen".to_owned(),
            all => format!(
                "{} times at it, {} ms (median), {} (longest)",
                all.len(),
                all[all.len() / 2],
                all[all.len() - 1]
            ),
        }
    }
}

/// A watch that is kept.
pub struct Watch {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Seen, String>>,
}

impl Watch {
    /// Begins to look at the process.
    pub fn start(pid: u32) -> Result<Watch, String> {
        let (commit, checkpoint) = (thread_of(pid, COMMIT)?, thread_of(pid, CHECKPOINT)?);
        let stop = Arc::<AtomicBool>::default();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || look(&stopped, &commit, &checkpoint));
        Ok(Watch { stop, thread })
    }

    /// Ends it.
    pub fn stop(self) -> Result<Seen, String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| "the watch panicked")?
    }
}

fn look(stopped: &AtomicBool, commit: &PathBuf, checkpoint: &PathBuf) -> Result<Seen, String> {
    let call = |path: &PathBuf| std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let is = |line: &str, number: &str| line.split_whitespace().next() == Some(number);
    let mut seen = Seen::default();
    let mut busy_since = None;
    while !stopped.load(Ordering::SeqCst) {
        let (committing, checkpointing) = (call(commit)?, call(checkpoint)?);
        seen.samples += 1;
        seen.in_commit_sync += u64::from(is(&committing, CALLS.fdatasync));
        if !is(&checkpointing, CALLS.futex) {
            busy_since = busy_since.or(Some(Instant::now()));
        } else if let Some(since) = busy_since.take() {
            seen.checkpoints.push((since, Instant::now()));
        }
        std::thread::sleep(EVERY);
    }
    Ok(seen)
}

/// Where the system tells what the thread of this name waits in.
fn thread_of(pid: u32, name: &str) -> Result<PathBuf, String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).map_err(|error| error.to_string())?;
    let mut tasks = tasks.flatten().map(|task| task.path());
    let found = tasks.find(|task| std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name));
    found.map(|task| task.join("syscall")).ok_or_else(|| format!("the broker has no thread {name}"))
}
