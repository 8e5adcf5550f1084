//! Ottla beside Apache Kafka in one run, with the same clients, on the same machine.
//!
//! - `plan`: groups of cells, and how much is done in each
//! - `systems`: the systems as processes: Kafka as it ships and flushing, Ottla in both durability modes, the floor
//! - `floor`: the least that a broker must do, behind the same protocol
//! - `load`: the clients, as processes of their own
//! - `work`: how each kind of cell is measured; `meter`: by which counters
//! - `run`: who is started when; what is measured is written down at once
//! - `results`: the persisted form, one JSON file for each cell; `measures`: names and units
//! - `render`: docs/benchmarks.md, docs/cost.md and their plots, from the results alone
//!
//! `side-by-side [--quick] [--resume] [--render] [--out DIR] [--binary PATH] [--seed N] [--rounds N] [--systems A,B]
//! [cell...]`; a cell is chosen by its name or the beginning of it. Without `--binary` everything is installed and built
//! first. A run of chosen cells, rounds or systems, and a quick one, leaves its results and pages below target, or where
//! `--out` says; a whole run writes docs/benchmarks and its pages.

pub mod floor;
pub mod load;
pub mod machine;
pub mod measures;
pub mod meter;
pub mod plan;
pub mod render;
pub mod results;
pub mod run;
pub mod systems;
pub mod work;

#[cfg(test)]
mod tests;

use crate::report::say;
use crate::rng::Rng;
use plan::Size;
use run::Whole;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::Instant;
use systems::{Programs, System};
use work::Bench;

/// How it is started.
const COMMAND: &str = "cargo run --release -p compat-tests --bin side-by-side --";
/// A file system in memory that Linux machines have, and what must be free there: containers have little of it.
const MEMORY: &str = "/dev/shm";
/// See [`MEMORY`].
const MEMORY_BYTES: u64 = 6 << 30;
/// The folder there.
const MEMORY_FOLDER: &str = "side-by-side";

/// Runs the command.
pub fn main(words: &[String]) -> ExitCode {
    match words.first().map(String::as_str) {
        Some("floor") => floor::main(&words[1..]),
        Some("load") => load::main(&words[1..]),
        _ => match Options::parse(words).and_then(|options| options.run()) {
            Ok(0) => ExitCode::SUCCESS,
            Ok(broken) => {
                say(&format!("side-by-side: {broken} measurements failed"));
                ExitCode::FAILURE
            }
            Err(error) => {
                say(&format!("side-by-side: {error}"));
                ExitCode::FAILURE
            }
        },
    }
}

#[derive(Debug, Default)]
struct Options {
    quick: bool,
    resume: bool,
    render: bool,
    out: Option<PathBuf>,
    binary: Option<PathBuf>,
    seed: Option<u64>,
    rounds: Option<u32>,
    systems: Vec<String>,
    chosen: Vec<String>,
}

impl Options {
    fn parse(words: &[String]) -> Result<Options, String> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--quick" => options.quick = true,
                "--resume" => options.resume = true,
                "--render" => options.render = true,
                "--out" => options.out = Some(PathBuf::from(value()?)),
                "--binary" => options.binary = Some(PathBuf::from(value()?)),
                "--seed" => options.seed = Some(value()?.parse().map_err(|_| "--seed wants a number")?),
                "--rounds" => options.rounds = Some(value()?.parse().map_err(|_| "--rounds wants a number")?),
                "--systems" => options.systems = value()?.split(',').map(str::to_owned).collect(),
                other if other.starts_with('-') => return Err(format!("no option {other}")),
                cell => options.chosen.push(cell.to_owned()),
            }
        }
        options.check()?;
        Ok(options)
    }

    /// Systems and cells that are named must exist: a misspelt one would measure nothing.
    fn check(&self) -> Result<(), String> {
        let is_system = |name: &&String| System::ALL.iter().any(|system| system.name() == name.as_str());
        if let Some(unknown) = self.systems.iter().find(|name| !is_system(name)) {
            return Err(format!("no system {unknown}"));
        }
        let size = if self.quick { Size::QUICK } else { Size::FULL };
        let names: Vec<String> =
            plan::groups(size, 0).into_iter().flat_map(|group| group.cells.into_iter().map(|cell| cell.name)).collect();
        let unknown = self.chosen.iter().find(|chosen| !names.iter().any(|name| name.starts_with(chosen.as_str())));
        unknown.map_or(Ok(()), |unknown| Err(format!("no cell begins with {unknown}")))
    }

    fn run(self) -> Result<u32, String> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let top = root.parent().expect("the workspace").to_owned();
        let (results, docs) = (top.join("docs/benchmarks"), top.join("docs"));
        if self.render {
            return render::render(&results, &docs).map(|()| 0);
        }
        let scratch = top.join("target/side-by-side");
        // The pages tell of whole runs only.
        let whole = !self.quick && self.rounds.is_none() && self.systems.is_empty() && self.chosen.is_empty();
        let out = self.out.clone().unwrap_or_else(|| if whole { results.clone() } else { scratch.join("part") });
        let ottla = match &self.binary {
            Some(binary) => binary.canonicalize().map_err(|error| format!("{}: {error}", binary.display()))?,
            None => built(&top, &root)?,
        };
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let size = if self.quick { Size::QUICK } else { Size::FULL };
        let mut whole = Whole {
            bench: Bench { programs: Programs { ottla, root, own }, size },
            commit: machine::commit(&top)?,
            command: String::new(),
            disk: scratch.join("data"),
            memory: memory().unwrap_or_else(|| scratch.join("data")),
            chosen: self.chosen.clone(),
            systems: self.systems.clone(),
            resume: self.resume,
            out,
        };
        let seed = self.seed.unwrap_or_else(|| self.kept_seed(&whole).unwrap_or_else(Rng::fresh_seed));
        whole.command = self.command(seed);
        self.measure(&whole, seed, &results, &docs)
    }

    /// A run that goes on keeps its drawn workload.
    fn kept_seed(&self, whole: &Whole) -> Option<u64> {
        let kept = results::Machine::load(&whole.out).ok()?;
        (self.resume && kept.commit == whole.commit).then_some(kept.seed)
    }

    fn measure(&self, whole: &Whole, seed: u64, results: &Path, docs: &Path) -> Result<u32, String> {
        say(&format!("commit {}, seed {seed}", whole.commit));
        // What a run that was cut has left.
        for left in [&whole.disk, &whole.memory] {
            let _ = std::fs::remove_dir_all(left);
        }
        let begun = Instant::now();
        let mut machine = machine::describe(whole, seed);
        machine.save(&whole.out)?;
        let took_before = machine.took_s;
        let mut broken = 0;
        for mut group in plan::groups(whole.bench.size, seed) {
            group.rounds = self.rounds.unwrap_or(group.rounds);
            let group_begun = Instant::now();
            broken += whole.group(&group)?;
            say(&format!("== {}: {:.1} minutes", group.name, group_begun.elapsed().as_secs_f64() / 60.0));
            machine.took_s = took_before + begun.elapsed().as_secs();
            machine.save(&whole.out)?;
        }
        if whole.out == results {
            render::render(results, docs)?;
        } else {
            // The pages are made all the same, beside the results, so that a quick run tries that too.
            render::render(&whole.out, &whole.out)?;
        }
        say(&format!("{:.1} minutes, {broken} measurements failed", begun.elapsed().as_secs_f64() / 60.0));
        Ok(broken)
    }

    /// The command that does the same again.
    fn command(&self, seed: u64) -> String {
        let mut command = format!("{COMMAND} --seed {seed}");
        if self.quick {
            command.push_str(" --quick");
        }
        if let Some(rounds) = self.rounds {
            command.push_str(&format!(" --rounds {rounds}"));
        }
        if !self.systems.is_empty() {
            command.push_str(&format!(" --systems {}", self.systems.join(",")));
        }
        command
    }
}

/// A folder in memory with room for the cells that want one.
fn memory() -> Option<PathBuf> {
    let free = rustix::fs::statvfs(MEMORY).ok().map(|held| held.f_bavail * held.f_frsize)?;
    (free >= MEMORY_BYTES).then(|| Path::new(MEMORY).join(MEMORY_FOLDER))
}

/// Installs what is needed and builds the broker.
fn built(top: &Path, root: &Path) -> Result<PathBuf, String> {
    succeed(&mut Command::new(root.join("install")))?;
    succeed(Command::new(env!("CARGO")).args(["build", "--release"]).current_dir(top))?;
    Ok(top.join("target/release/ottla"))
}

fn succeed(command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{command:?}: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?}: {status}")) }
}
