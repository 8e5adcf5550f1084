//! The persisted form: one JSON file for each cell, written after every measurement, so that a run can be resumed.
//!
//! `<out>/<group>/<cell>.json` holds a [`Cell`], `<out>/run.json` a [`Machine`].

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// One cell of the comparison: the same work on each system, several rounds.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Cell {
    /// `group/name`, as it is chosen on the command line: `produce/record-100`.
    pub cell: String,
    /// What is done, in one sentence.
    pub about: String,
    /// What distinguishes it from its neighbours, by name: `record_bytes`, `partitions`, `acks`, `codec`, `consumers`...
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// The commit it was measured on.
    pub commit: String,
    /// The command that measures it again.
    pub command: String,
    /// Systems that can't do it, with the reason.
    pub cannot: BTreeMap<String, String>,
    /// What went wrong, and was not measured later.
    #[serde(default)]
    pub failed: Vec<Failed>,
    /// All measurements, in the order they were made.
    pub runs: Vec<Run>,
}

/// A measurement that came to nothing.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Failed {
    /// As in [`Run`].
    pub system: String,
    /// As in [`Run`].
    pub round: u32,
    /// What was said.
    pub why: String,
}

/// One measurement.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// `kafka`, `kafka-flush`, `ottla-os`, `ottla-fsync` or `floor`.
    pub system: String,
    /// 1 for the first.
    pub round: u32,
    /// Seconds since 1970.
    pub at: u64,
    /// By the names in `measures`.
    pub values: BTreeMap<String, f64>,
}

/// The machine, the programs and their settings.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Machine {
    /// The commit that was measured.
    pub commit: String,
    /// When the run began, seconds since 1970.
    pub at: u64,
    /// How long the run took, seconds.
    pub took_s: u64,
    /// The command of the whole run.
    pub command: String,
    /// The seed of the drawn workload.
    pub seed: u64,
    /// Name and value: processor, memory, kernel, file system, versions.
    pub facts: Vec<(String, String)>,
    /// System and its settings, one `key=value` each, JVM options among them.
    pub settings: Vec<(String, Vec<String>)>,
}

impl Cell {
    /// The part before the slash.
    pub fn group(&self) -> &str {
        self.cell.split('/').next().unwrap_or_default()
    }

    /// Whether this measurement was made.
    pub fn has(&self, system: &str, round: u32) -> bool {
        self.runs.iter().any(|run| run.system == system && run.round == round)
    }

    /// All values of one measure on one system, in the order of the rounds.
    pub fn values(&self, system: &str, measure: &str) -> Vec<f64> {
        let runs = self.runs.iter().filter(|run| run.system == system);
        runs.filter_map(|run| run.values.get(measure).copied()).collect()
    }

    /// Where it is kept below `out`.
    pub fn path(&self, out: &Path) -> PathBuf {
        out.join(format!("{}.json", self.cell))
    }

    /// Writes it.
    pub fn save(&self, out: &Path) -> Result<(), String> {
        save(&self.path(out), self)
    }
}

impl Machine {
    /// Where it is kept below `out`.
    pub fn path(out: &Path) -> PathBuf {
        out.join("run.json")
    }

    /// Writes it.
    pub fn save(&self, out: &Path) -> Result<(), String> {
        save(&Machine::path(out), self)
    }

    /// Reads it.
    pub fn load(out: &Path) -> Result<Machine, String> {
        load(&Machine::path(out))
    }
}

/// All cells below `out`, by name.
pub fn cells(out: &Path) -> Result<Vec<Cell>, String> {
    let mut cells = Vec::new();
    for group in entries(out)?.iter().filter(|path| path.is_dir()) {
        for file in entries(group)?.iter().filter(|path| path.extension().is_some_and(|end| end == "json")) {
            cells.push(load::<Cell>(file)?);
        }
    }
    cells.sort_by(|one, next| one.cell.cmp(&next.cell));
    Ok(cells)
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>, String> {
    let entries = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

fn save(path: &Path, value: &impl Serialize) -> Result<(), String> {
    let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
    std::fs::create_dir_all(path.parent().expect("below out")).map_err(|error| failed(&error))?;
    let text = serde_json::to_string_pretty(value).map_err(|error| failed(&error))?;
    // A run that is cut leaves the old file or the new one.
    let new = path.with_extension("new");
    std::fs::write(&new, text + "\n").map_err(|error| failed(&error))?;
    std::fs::rename(&new, path).map_err(|error| failed(&error))
}

/// Reads one file.
pub fn load<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}
