//! The design's targets, as data.

use super::figures::{self, NOTHING};
use super::input::Results;
use super::markdown::{self, Table, escape};
use super::systems::{OTTLA, System};
use super::verdict::{self, Limit, MISSED, NOT_MEASURED};
use crate::side_by_side::measures;
use crate::side_by_side::results::{Cell, Run};
use std::collections::BTreeMap;

/// One target: in this cell, this measure of each of these systems is held against a limit.
struct Target {
    cell: &'static str,
    measure: &'static str,
    systems: &'static [System],
    limit: Limit,
}

const fn target(cell: &'static str, measure: &'static str, systems: &'static [System], limit: Limit) -> Target {
    Target { cell, measure, systems, limit }
}

const MACHINE_CPU: &str = "machine_cpu_s_per_gib";
const BROKER_CPU: &str = "broker_cpu_s_per_gib";
const FIRST_ANSWER: &str = "first_answer_ms";
const RESIDENT: &str = "resident_mib";
const PEAK: &str = "peak_mib";
const BOUND: &str = "bound_mib";

const TARGETS: &[Target] = &[
    target("produce/base", MACHINE_CPU, &[System::OttlaOs], Limit::Times(1.0 / 3.0, System::Kafka)),
    target("produce/base", MACHINE_CPU, &[System::OttlaFsync], Limit::Below(System::Kafka)),
    // The shape of produce/base, measured at another place of a turn.
    target("latency/throughput", MACHINE_CPU, OTTLA, Limit::Shown(System::Kafka)),
    target("consume/tail-1", MACHINE_CPU, OTTLA, Limit::Times(0.8, System::Kafka)),
    target("consume/cache-1", MACHINE_CPU, OTTLA, Limit::Times(0.8, System::Kafka)),
    target("floor/produce", MACHINE_CPU, &[System::OttlaOs], Limit::Times(1.6, System::Floor)),
    target("floor/produce", BROKER_CPU, &[System::OttlaOs], Limit::Times(1.6, System::Floor)),
    target("floor/consume", MACHINE_CPU, &[System::OttlaOs], Limit::Times(1.3, System::Floor)),
    target("floor/consume", BROKER_CPU, &[System::OttlaOs], Limit::Times(1.3, System::Floor)),
    target("latency/1000", "produce_p99_ms", &[System::OttlaOs], Limit::Times(0.5, System::Kafka)),
    target("latency/1000", "produce_p99_ms", &[System::OttlaFsync], Limit::Times(0.5, System::KafkaFlush)),
    target("latency/checkpoints", "produce_p999_ms", OTTLA, Limit::AtMost(20.0)),
    target("start/empty", FIRST_ANSWER, OTTLA, Limit::AtMost(25.0)),
    target("start/killed-much", FIRST_ANSWER, OTTLA, Limit::AtMost(1_000.0)),
    // A second for the first 256 MiB, another for the next 512.
    target("start/killed-more", FIRST_ANSWER, OTTLA, Limit::AtMost(2_000.0)),
    target("scale/killed-10000-partitions", FIRST_ANSWER, OTTLA, Limit::AtMost(1_000.0)),
    target("scale/idle", RESIDENT, OTTLA, Limit::AtMost(16.0)),
    target("scale/connections-10000", RESIDENT, OTTLA, Limit::AtMost(120.0)),
    target("scale/partitions-10000", RESIDENT, OTTLA, Limit::AtMost(80.0)),
    // base 16 + tail 64 + 150
    target("scale/trickle-10000", RESIDENT, OTTLA, Limit::AtMost(230.0)),
];

/// The table of targets: what was asked, what came out, whether it holds.
pub fn table(results: &Results) -> String {
    let mut table = Table::new(4, &markdown::words(&["cell", "system", "measure", "target", "figure", "result"]));
    for target in TARGETS {
        let cell = results.cell(target.cell);
        for system in target.systems {
            table.row(&row(target, *system, cell));
        }
    }
    table.row(&Bound::of(results).row());
    table.finish()
}

fn row(target: &Target, system: System, cell: Option<&Cell>) -> Vec<String> {
    let measure = measures::of(target.measure).expect("targets name known measures");
    let name = if cell.is_some() { markdown::link(target.cell) } else { target.cell.to_owned() };
    let mut row = vec![name, system.name().to_owned(), measure.label.to_owned(), target.limit.words()];
    row.extend(verdict::of(cell, system, measure, &target.limit));
    row
}

/// Memory against the bound that the broker names, in every run of every cell.
#[derive(Default)]
struct Bound<'a> {
    compared: usize,
    exceeded: usize,
    /// Runs that have no peak or no bound, those that failed among them.
    without: usize,
    /// The worst peak with its bound, by cell and system.
    violations: BTreeMap<(&'a str, &'a str), (f64, f64)>,
}

impl<'a> Bound<'a> {
    fn of(results: &'a Results) -> Bound<'a> {
        let mut bound = Bound::default();
        let is_ottla = |name: &str| OTTLA.iter().any(|system| system.name() == name);
        for cell in &results.cells {
            for run in cell.runs.iter().filter(|run| is_ottla(&run.system)) {
                bound.add(cell, run);
            }
            bound.without += cell.failed.iter().filter(|failed| is_ottla(&failed.system)).count();
        }
        bound
    }

    fn add(&mut self, cell: &'a Cell, run: &'a Run) {
        let (Some(&peak), Some(&bound)) = (run.values.get(PEAK), run.values.get(BOUND)) else {
            self.without += 1;
            return;
        };
        self.compared += 1;
        if peak > bound {
            self.exceeded += 1;
            let worst = self.violations.entry((&cell.cell, &run.system)).or_insert((peak, bound));
            if peak - bound > worst.0 - worst.1 {
                *worst = (peak, bound);
            }
        }
    }

    fn row(&self) -> Vec<String> {
        let held = self.compared - self.exceeded;
        let figure = if self.compared == 0 { NOTHING.to_owned() } else { format!("{held} of {} runs", self.compared) };
        let systems = OTTLA.iter().map(|system| system.name()).collect::<Vec<_>>().join(", ");
        let label = measures::of(PEAK).expect("a known measure").label;
        let mut row = markdown::words(&["every cell", &systems, label, "at most the bound of memory"]);
        row.extend([figure, self.result()]);
        row
    }

    fn result(&self) -> String {
        if self.compared == 0 {
            return NOT_MEASURED.to_owned();
        }
        let named = self.violations.iter().map(|((cell, system), (peak, bound))| {
            format!("{cell} {system} {} > {}", figures::number(*peak, 1), figures::number(*bound, 1))
        });
        let named = named.collect::<Vec<_>>().join("; ");
        let verdict = if named.is_empty() { "holds, all of them".to_owned() } else { format!("{MISSED}: {named}") };
        match self.without {
            0 => escape(&verdict),
            without => escape(&format!("{verdict}; {without} more runs have no such figure")),
        }
    }
}
