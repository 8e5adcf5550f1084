//! A run: starts the systems in turn, measures what is missing, and writes every measurement down at once.

use super::plan::{Group, Place, Spec, Wide, Work};
use super::results::{Cell, Failed, Run};
use super::systems::{Running, Site, System};
use super::work::scale::WideHost;
use super::work::{Bench, Outcome, Trouble, consume, latency, produce, scale, start, tools};
use crate::report::say;
use std::path::{Path, PathBuf};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// What belongs to the run as a whole.
pub struct Whole {
    /// Programs and sizes.
    pub bench: Bench,
    /// Where results go.
    pub out: PathBuf,
    /// Where data goes: on a disk, and in memory.
    pub disk: PathBuf,
    /// See `disk`.
    pub memory: PathBuf,
    /// The commit that is measured.
    pub commit: String,
    /// Options to repeat a single cell with.
    pub command: String,
    /// Names or beginnings of names of cells; empty means all.
    pub chosen: Vec<String>,
    /// Names of the systems that take part; empty means all.
    pub systems: Vec<String>,
    /// Keep what was measured on the same commit.
    pub resume: bool,
}

impl Whole {
    fn wants(&self, spec: &Spec) -> bool {
        self.chosen.is_empty() || self.chosen.iter().any(|chosen| spec.name.starts_with(chosen.as_str()))
    }

    /// Measures one group; the number of measurements that went wrong.
    pub fn group(&self, group: &Group) -> Result<u32, String> {
        let specs: Vec<&Spec> = group.cells.iter().filter(|spec| self.wants(spec)).collect();
        let mut cells = specs.iter().map(|spec| self.cell(spec)).collect::<Result<Vec<_>, _>>()?;
        let mut broken = 0;
        for round in 1..=group.rounds {
            for turn in 0..group.systems.len() {
                let system = group.systems[(turn + round as usize - 1) % group.systems.len()];
                if !self.systems.is_empty() && !self.systems.iter().any(|name| name == system.name()) {
                    continue;
                }
                if system.is_kafka() && round > group.kafka_rounds {
                    continue;
                }
                let missing: Vec<usize> = (0..specs.len())
                    .filter(|at| specs[*at].systems.contains(&system) && round <= specs[*at].rounds_max)
                    .filter(|at| !cells[*at].has(system.name(), round))
                    .filter(|at| !cells[*at].cannot.contains_key(system.name()))
                    .collect();
                if missing.is_empty() {
                    continue;
                }
                broken +=
                    self.turn(group, system, round, &specs, &turned(group, &specs, round, missing), &mut cells)?;
            }
        }
        Ok(broken)
    }

    /// What was measured before, or nothing yet.
    pub(super) fn cell(&self, spec: &Spec) -> Result<Cell, String> {
        let name = spec.name.clone();
        let fresh = Cell {
            cell: name.clone(),
            about: spec.about.clone(),
            parameters: spec.parameters.clone(),
            commit: self.commit.clone(),
            command: format!("{} {name}", self.command),
            cannot: Default::default(),
            failed: Vec::new(),
            runs: Vec::new(),
        };
        let path = fresh.path(&self.out);
        if !self.resume || !path.exists() {
            return Ok(fresh);
        }
        let kept: Cell = super::results::load(&path)?;
        Ok(if kept.commit == self.commit && kept.about == fresh.about { kept } else { fresh })
    }

    /// One system's turn in a round: all cells that are missing.
    fn turn(
        &self,
        group: &Group,
        system: System,
        round: u32,
        specs: &[&Spec],
        missing: &[usize],
        cells: &mut [Cell],
    ) -> Result<u32, String> {
        let mut broken = 0;
        let mut host = Host::new(self, group, system);
        for at in missing {
            let (spec, cell) = (specs[*at], &mut cells[*at]);
            let begun = Instant::now();
            let outcome = host.measure(spec);
            let took = begun.elapsed().as_secs_f64();
            let name = format!("{:<44} {:<12} round {round}", cell.cell, system.name());
            cell.failed.retain(|failed| (failed.system.as_str(), failed.round) != (system.name(), round));
            match outcome {
                Ok(values) => {
                    say(&format!("{name} {took:5.1} s  {}", words(&values)));
                    let at = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
                    cell.runs.push(Run { system: system.name().to_owned(), round, at, values });
                }
                Err(Trouble::Cannot(why)) => {
                    say(&format!("{name} {took:5.1} s  cannot: {why}"));
                    cell.cannot.insert(system.name().to_owned(), why);
                    if matches!(spec.work, Work::Wide(..)) {
                        // It is still busy with what it couldn't do.
                        host.end();
                    }
                }
                Err(Trouble::Broken(why)) => {
                    say(&format!("{name} {took:5.1} s  FAILED: {why}"));
                    broken += 1;
                    cell.failed.push(Failed { system: system.name().to_owned(), round, why });
                    // What is left of it must not disturb the next one.
                    host.end();
                }
            }
            cell.save(&self.out)?;
        }
        Ok(broken)
    }
}

/// Another cell comes first in each round, where the order doesn't matter: what a system is still learning then falls on
/// different ones. Those that a system of its own is started for come last: what shares one isn't interrupted.
pub(super) fn turned(group: &Group, specs: &[&Spec], round: u32, cells: Vec<usize>) -> Vec<usize> {
    let own = |at: &usize| matches!(specs[*at].work, Work::Latency { beside: true, .. });
    let (last, mut cells): (Vec<usize>, Vec<usize>) = cells.into_iter().partition(own);
    let shared = cells.len() > 1 && group.cells.iter().any(|cell| matches!(cell.work, Work::Produce(_)));
    if shared {
        let by = (round as usize - 1) * cells.len() / group.rounds.max(1) as usize;
        let length = cells.len();
        cells.rotate_left(by % length);
    }
    cells.extend(last);
    cells
}

fn words(values: &super::work::Values) -> String {
    values.iter().map(|(name, value)| format!("{name} {value:.3}")).collect::<Vec<_>>().join(", ")
}

/// A system for the cells of one turn: started when the first of them needs it running, ended with the turn.
struct Host<'a> {
    whole: &'a Whole,
    group: &'a Group,
    system: System,
    dir: Option<tempfile::TempDir>,
    running: Option<Running>,
    topics: u32,
    /// Records that the cells of the consume group read.
    readable: Option<u64>,
    /// The system with very many partitions.
    wide: Option<(Site, WideHost)>,
    /// Why it didn't come about: that takes minutes, and is not tried again for each cell of the turn.
    no_wide: Option<String>,
}

impl<'a> Host<'a> {
    fn new(whole: &'a Whole, group: &'a Group, system: System) -> Self {
        Host { whole, group, system, dir: None, running: None, topics: 0, readable: None, wide: None, no_wide: None }
    }

    fn measure(&mut self, spec: &Spec) -> Outcome {
        let bench = &self.whole.bench;
        match &spec.work {
            Work::Start { partitions: 0, .. } => self.apart(&[], |site| start::empty(bench, site)),
            Work::Start { partitions, unflushed } => {
                self.apart(&[], |site| start::killed(site, *partitions, *unflushed))
            }
            Work::Connections(count) => self.apart(&[], |site| scale::connections(site, *count)),
            Work::Partitions(count) => self.apart(&[], |site| scale::partitions(bench, site, *count)),
            Work::Wide(count, step) => self.wide(*count, step),
            // Kafka has nothing of its own to set for it.
            Work::Latency { rate, beside: true } if self.system.is_ottla() => self.beside(*rate),
            _ => self.shared(spec),
        }
    }

    /// On a system of its own, which the cell starts.
    fn apart(&mut self, settings: &[(&str, &str)], work: impl FnOnce(&Site) -> Outcome) -> Outcome {
        self.end();
        let dir = self.directory()?;
        let site = Site::new(&self.whole.bench.programs, self.system, &dir.path().join("site"), settings)?;
        work(&site)
    }

    /// On the system with very many partitions that the cells of this turn share.
    fn wide(&mut self, count: u32, step: &Wide) -> Outcome {
        let bench = &self.whole.bench;
        if let Some(why) = &self.no_wide {
            return Err(Trouble::Broken(why.clone()));
        }
        if self.wide.is_none() {
            self.end();
            let dir = self.directory()?;
            let site = Site::new(&bench.programs, self.system, &dir.path().join("site"), &[])?;
            let host = WideHost::start(bench, &site, count).inspect_err(|why| self.no_wide = Some(why.clone()))?;
            self.dir = Some(dir);
            self.wide = Some((site, host));
        }
        let (_, host) = self.wide.as_ref().expect("started above");
        match step {
            Wide::Idle => host.idle(bench),
            Wide::Trickle => host.trickle(bench),
            Wide::Watchers(consumers) => host.watchers(bench, *consumers),
            Wide::Killed(unflushed) => {
                let topics = host.topics.clone();
                let (site, host) = self.wide.take().expect("started above");
                start::kill(&site, host.running, &topics, *unflushed)
            }
        }
    }

    /// On an Ottla of its own with a small write-ahead log.
    fn beside(&mut self, rate: f64) -> Outcome {
        let (bench, system) = (&self.whole.bench, self.system);
        self.apart(&[latency::SMALL_WAL], |site| {
            let running = site.start()?;
            let stage = bench.stage(&running, system);
            produce::warm_up(bench, &stage)?;
            latency::run(bench, &stage, "timed", rate, true)
        })
    }

    /// On the system that the cells of this turn share.
    fn shared(&mut self, spec: &Spec) -> Outcome {
        if let (Work::ConsumerTool, true) = (&spec.work, self.system.is_ottla()) {
            return tools::no_groups();
        }
        self.start()?;
        self.topics += 1;
        let topic = format!("cell-{}", self.topics);
        let bench = &self.whole.bench;
        let running = self.running.as_ref().expect("started above");
        let stage = bench.stage(running, self.system);
        match &spec.work {
            Work::Produce(flow) => produce::run(bench, &stage, &topic, flow),
            Work::Read { consumers, cold } => {
                let records = match self.readable {
                    Some(records) => records,
                    None => *self.readable.insert(consume::prepare(bench, &stage)?),
                };
                consume::run(&stage, records, *consumers, *cold)
            }
            Work::Tail { consumers, rate_bytes } => consume::tail(bench, &stage, &topic, *consumers, *rate_bytes),
            Work::Latency { rate, beside } => latency::run(bench, &stage, &topic, *rate, *beside),
            Work::ProducerTool => tools::producer(bench, &stage, &topic),
            Work::ConsumerTool => tools::consumer(bench, &stage, &topic),
            Work::Drawn(flow) => produce::drawn(bench, &stage, &topic, flow),
            other => Err(Trouble::Broken(format!("{other:?} has a system of its own"))),
        }
    }

    fn start(&mut self) -> Result<(), String> {
        if self.running.is_some() {
            return Ok(());
        }
        let dir = self.directory()?;
        let site = Site::new(&self.whole.bench.programs, self.system, &dir.path().join("site"), &[])?;
        let running = site.start()?;
        let stage = self.whole.bench.stage(&running, self.system);
        produce::warm_up(&self.whole.bench, &stage)?;
        self.dir = Some(dir);
        self.running = Some(running);
        Ok(())
    }

    fn directory(&self) -> Result<tempfile::TempDir, String> {
        let parent: &Path = match self.group.place {
            Place::Disk => &self.whole.disk,
            Place::Memory => &self.whole.memory,
        };
        std::fs::create_dir_all(parent).map_err(|error| format!("{}: {error}", parent.display()))?;
        tempfile::tempdir_in(parent).map_err(|error| format!("{}: {error}", parent.display()))
    }

    /// Ends the shared system and removes its data.
    fn end(&mut self) {
        self.running = None;
        self.wide = None;
        self.dir = None;
        self.readable = None;
    }
}

impl Drop for Host<'_> {
    fn drop(&mut self) {
        self.end();
    }
}
