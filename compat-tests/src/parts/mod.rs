//! One file per part of the run; each takes what it needs and notes its checks in a report.

pub mod answers;
pub mod chaos;
pub mod compaction;
pub mod data_set;
pub mod disk_full;
pub mod failed_sync;
pub mod feature_levels;
pub mod features;
pub mod figures;
pub mod group_scale;
pub mod groups;
pub mod hostile;
pub mod offsets_topic;
pub mod retention;
pub mod shippers;
pub mod tools;

use crate::broker::{Ottla, Setup};
use crate::clients::Clients;
use crate::report::{Outcome, Report};
use crate::seeds::Seeds;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Client programs, or brokers with all that is around them, that run at once.
const AT_ONCE: usize = 2;

/// What every part may use.
pub struct Context {
    /// The broker.
    pub binary: PathBuf,
    /// The folder of the harness.
    pub root: PathBuf,
    /// The client programs.
    pub clients: Clients,
    /// Whether the parts run at their full size.
    pub long: bool,
    /// Whether the generated parts of the docs are written rather than checked.
    pub write_docs: bool,
    /// The seed of the run.
    pub seed: u64,
    /// Seeds that failed once.
    pub kept: Seeds,
}

impl Context {
    /// The size for this run: `ci`, or `long` by hand.
    pub fn size<T>(&self, ci: T, long: T) -> T {
        if self.long { long } else { ci }
    }

    /// The seeds to run a check with: that of the run, and those with which the check once failed.
    pub fn seeds(&self, check: &str) -> Vec<u64> {
        std::iter::once(self.seed).chain(self.kept.of(check)).collect()
    }

    /// A fresh broker with its data in a temporary directory.
    pub fn broker(&self, properties: &[(&str, &str)]) -> Result<(Ottla, Setup, tempfile::TempDir), String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut setup = Setup::new(&self.binary, &dir.path().join("data"));
        for (key, value) in properties {
            setup = setup.with(key, value);
        }
        Ok((setup.start()?, setup, dir))
    }
}

/// A part of the run.
pub type Part = fn(&mut Report, &Context);

/// All parts, in their order.
pub const ALL: &[(&str, Part)] = &[
    ("figures", |report, context| figures::run(report, &context.binary)),
    ("features", features::part),
    ("data-set", data_set::part),
    ("shippers", shippers::part),
    ("tools", tools::part),
    ("feature-levels", feature_levels::part),
    ("groups", groups::part),
    ("groups-consumer", groups::consumer),
    ("group-tools", groups::tools::part),
    ("group-chaos", groups::chaos::part),
    ("first-record", groups::first_record::part),
    ("group-scale", group_scale::part),
    ("offsets-topic", offsets_topic::part),
    ("answers", answers::part),
    ("hostile", hostile::part),
    ("chaos", chaos::part),
    ("retention", retention::part),
    ("compaction", compaction::part),
    ("disk-full", disk_full::part),
    ("failed-sync", failed_sync::part),
    ("storage-figures", figures::storage::part),
    ("compaction-figures", figures::compaction::part),
];

/// Runs `work` for each job, a few at a time; outcomes in the order of the jobs.
fn in_parallel<J: Sync>(jobs: &[J], work: impl Fn(&J) -> Outcome + Sync) -> Vec<Outcome> {
    so_many_at_once(AT_ONCE, jobs, work)
}

/// Checks that keep out of each other's way and wait more than they work, a few at a time. In a long run each has the
/// machine to itself, so that its figures are worth something.
fn mostly_waiting<J: Sync>(
    context: &Context,
    jobs: &[J],
    work: impl Fn(&J) -> Result<String, String> + Sync,
) -> Vec<Outcome> {
    so_many_at_once(context.size(AT_ONCE, 1), jobs, |job| work(job).map_or_else(Outcome::Failed, Outcome::Passed))
}

/// A kind of fault in each of these durability modes, with the seed of the run and with those that the check of a mode once
/// failed with.
struct Faults<'a> {
    /// What the report calls it.
    name: &'a str,
    modes: &'a [&'static str],
    /// The check of a mode, as `seeds` names it.
    check: fn(&str) -> String,
}

impl Faults<'_> {
    fn report(&self, report: &mut Report, context: &Context, run: impl Fn(&str, u64) -> Result<String, String> + Sync) {
        let seeds = |mode: &&'static str| {
            let mode = *mode;
            context.seeds(&(self.check)(mode)).into_iter().map(move |seed| (mode, seed))
        };
        let jobs: Vec<_> = self.modes.iter().flat_map(seeds).collect();
        let outcomes = mostly_waiting(context, &jobs, |(mode, seed)| {
            run(mode, *seed).map_err(|error| format!("seed {seed}: {error}"))
        });
        for ((mode, _), outcome) in jobs.iter().zip(outcomes) {
            report.note(format!("{}, durability {mode}", self.name), outcome);
        }
    }
}

fn so_many_at_once<J: Sync>(width: usize, jobs: &[J], work: impl Fn(&J) -> Outcome + Sync) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![Outcome::Failed("not run".to_owned()); jobs.len()]);
    std::thread::scope(|scope| {
        for _ in 0..width {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::SeqCst);
                    let Some(job) = jobs.get(at) else { break };
                    let outcome = work(job);
                    outcomes.lock().expect("no holder panicked")[at] = outcome;
                }
            });
        }
    });
    outcomes.into_inner().expect("no holder panicked")
}
