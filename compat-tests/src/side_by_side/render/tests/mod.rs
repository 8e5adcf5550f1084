//! A handful of made-up cells through the renderer.

mod bad_input;
mod figures;
mod pages;
mod remarks;
mod svg;
mod troubles;

use crate::side_by_side::results::{Cell, Failed, Machine, Run};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::PathBuf;
use tempfile::TempDir;

/// Results and docs in a folder that goes when this does.
struct Site {
    _dir: TempDir,
    results: PathBuf,
    docs: PathBuf,
}

impl Site {
    /// A run with these cells.
    fn with(cells: &[Cell]) -> Site {
        let dir = tempfile::tempdir().expect("a folder");
        let (results, docs) = (dir.path().join("docs/benchmarks"), dir.path().join("docs"));
        machine().save(&results).expect("saved");
        for cell in cells {
            cell.save(&results).expect("saved");
        }
        Site { _dir: dir, results, docs }
    }

    fn render(&self) {
        super::render(&self.results, &self.docs).expect("rendered");
    }

    fn stale(&self) -> Vec<PathBuf> {
        super::stale(&self.results, &self.docs).expect("comparable")
    }

    fn error(&self) -> String {
        super::render(&self.results, &self.docs).expect_err("refused")
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.docs.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::create_dir_all(self.docs.join(name).parent().expect("a folder")).expect("made");
        std::fs::write(self.docs.join(name), text).expect("written");
    }
}

fn machine() -> Machine {
    Machine {
        commit: "0123abc".to_owned(),
        at: 1_735_689_600,
        took_s: 5_025,
        command: "./compat-tests/run side-by-side".to_owned(),
        seed: 42,
        facts: vec![("processor".to_owned(), "2 cores | <virtual>".to_owned())],
        settings: vec![
            ("kafka".to_owned(), vec!["num.io.threads=8".to_owned(), "-Xmx1G".to_owned()]),
            ("floor".to_owned(), Vec::new()),
        ],
    }
}

/// A cell without measurements, its parameters as JSON.
fn cell(name: &str, parameters: serde_json::Value) -> Cell {
    Cell {
        cell: name.to_owned(),
        about: format!("What {name} does."),
        parameters: serde_json::from_value(parameters).expect("an object"),
        commit: "0123abc".to_owned(),
        command: format!("./compat-tests/run side-by-side --only {name}"),
        cannot: BTreeMap::new(),
        failed: Vec::new(),
        runs: Vec::new(),
    }
}

/// Adds a round for each value.
fn measured(mut cell: Cell, system: &str, measure: &str, values: &[f64]) -> Cell {
    for (round, value) in (1..).zip(values) {
        let name = measure.to_owned();
        match cell.runs.iter_mut().find(|run| run.system == system && run.round == round) {
            Some(run) => drop(run.values.insert(name, *value)),
            None => {
                let values = BTreeMap::from([(name, *value)]);
                cell.runs.push(Run { system: system.to_owned(), round, at: 0, values });
            }
        }
    }
    cell
}

/// Adds rounds that came to nothing.
fn failed(mut cell: Cell, system: &str, rounds: &[u32], why: &str) -> Cell {
    let failed = |round: &u32| Failed { system: system.to_owned(), round: *round, why: why.to_owned() };
    cell.failed.extend(rounds.iter().map(failed));
    cell
}

/// Whether the page has this line; the page is shown if not.
fn check(page: &str, line: &str) {
    assert!(page.lines().any(|own| own == line), "no line {line:?} in\n{page}");
}

const CPU: &str = "machine_cpu_s_per_gib";

/// Three rounds of all systems; Kafka has the better throughput, `ottla-fsync` misses its target in one round.
fn base() -> Cell {
    let mut cell = cell("produce/base", json!({ "record_bytes": 1024, "acks": "all" }));
    cell = measured(cell, "kafka", CPU, &[6.0, 5.0, 7.0]);
    cell = measured(cell, "kafka", "mb_per_s", &[120.0, 121.0, 122.0]);
    cell = measured(cell, "ottla-os", CPU, &[1.5, 1.4, 1.6]);
    cell = measured(cell, "ottla-os", "mb_per_s", &[110.0, 111.0, 112.0]);
    cell = measured(cell, "ottla-os", "peak_mib", &[50.0, 60.0, 70.0]);
    cell = measured(cell, "ottla-os", "bound_mib", &[200.0, 200.0, 200.0]);
    cell = measured(cell, "ottla-fsync", CPU, &[3.0, 5.5, 3.5]);
    cell = measured(cell, "floor", CPU, &[1.0, 1.0, 1.0]);
    cell.cannot.insert("kafka-flush".to_owned(), "too slow | for <this>".to_owned());
    cell
}

/// Two cells of a curve, saved in an order that is not that of their numbers.
fn record_sizes() -> [Cell; 2] {
    [(1024, 4.0), (100, 9.0)].map(|(bytes, value)| {
        let name = format!("produce/record-{bytes}");
        let cell = cell(&name, json!({ "record_bytes": bytes }));
        let cell = measured(cell, "kafka", CPU, &[value, value + 1.0]);
        measured(cell, "ottla-os", CPU, &[value / 3.0, value / 3.0 + 0.5])
    })
}

/// Figures at the edges: zeros, and a system that has nothing.
fn edges() -> Cell {
    let cell = cell("latency/1000", json!({}));
    let cell = measured(cell, "kafka", "produce_p99_ms", &[0.0, 0.0]);
    let cell = measured(cell, "ottla-os", "produce_p99_ms", &[0.0, 400.0]);
    measured(cell, "ottla-os", "end_to_end_p99_ms", &[0.004, 12.0])
}
