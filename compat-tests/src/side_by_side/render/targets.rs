//! The design's targets, as data, and whether they hold.

use super::figures::{self, NOTHING, Spread, plain};
use super::input::Results;
use super::markdown::{self, Table, escape};
use super::systems::{FLOOR, KAFKA, KAFKA_FLUSH, OTTLA, OTTLA_FSYNC, OTTLA_OS};
use crate::side_by_side::measures;
use crate::side_by_side::results::{Cell, Run};
use std::collections::BTreeMap;

/// One target: in this cell, this measure of each of these systems is held against a limit.
struct Target {
    cell: &'static str,
    measure: &'static str,
    systems: &'static [&'static str],
    limit: Limit,
}

enum Limit {
    /// At most so many times the figure of another system in the same round.
    Times(f64, &'static str),
    /// Less than the figure of another system in the same round.
    Below(&'static str),
    /// At most this.
    AtMost(f64),
}

const fn target(cell: &'static str, measure: &'static str, systems: &'static [&'static str], limit: Limit) -> Target {
    Target { cell, measure, systems, limit }
}

const MACHINE_CPU: &str = "machine_cpu_s_per_gib";
const BROKER_CPU: &str = "broker_cpu_s_per_gib";
const FIRST_ANSWER: &str = "first_answer_ms";
const RESIDENT: &str = "resident_mib";
const PEAK: &str = "peak_mib";
const BOUND: &str = "bound_mib";

const TARGETS: &[Target] = &[
    target("produce/base", MACHINE_CPU, &[OTTLA_OS], Limit::Times(1.0 / 3.0, KAFKA)),
    target("produce/base", MACHINE_CPU, &[OTTLA_FSYNC], Limit::Below(KAFKA)),
    target("consume/tail-1", MACHINE_CPU, OTTLA, Limit::Times(0.8, KAFKA)),
    target("consume/cache-1", MACHINE_CPU, OTTLA, Limit::Times(0.8, KAFKA)),
    target("floor/produce", MACHINE_CPU, &[OTTLA_OS], Limit::Times(1.6, FLOOR)),
    target("floor/produce", BROKER_CPU, &[OTTLA_OS], Limit::Times(1.6, FLOOR)),
    target("floor/consume", MACHINE_CPU, &[OTTLA_OS], Limit::Times(1.3, FLOOR)),
    target("floor/consume", BROKER_CPU, &[OTTLA_OS], Limit::Times(1.3, FLOOR)),
    target("latency/1000", "produce_p99_ms", &[OTTLA_OS], Limit::Times(0.5, KAFKA)),
    target("latency/1000", "produce_p99_ms", &[OTTLA_FSYNC], Limit::Times(0.5, KAFKA_FLUSH)),
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

/// Digits of a ratio that is held against a limit.
const RATIO_DIGITS: usize = 3;
const NOT_MEASURED: &str = "not measured";

/// The table of targets: what was asked, what came out, whether it holds.
pub fn table(results: &Results) -> String {
    let mut table = Table::new(4, &markdown::words(&["cell", "system", "measure", "target", "figure", "result"]));
    for target in TARGETS {
        let cell = results.cell(target.cell);
        for system in target.systems {
            table.row(&row(target, system, cell));
        }
    }
    table.row(&bound_row(results));
    table.finish()
}

fn row(target: &Target, system: &str, cell: Option<&Cell>) -> Vec<String> {
    let measure = measures::of(target.measure).expect("targets name known measures");
    let (values, digits) = match (cell, &target.limit) {
        (None, _) => (Vec::new(), 0),
        (Some(cell), Limit::AtMost(_)) => (cell.values(system, target.measure), measure.digits),
        (Some(cell), Limit::Times(_, of) | Limit::Below(of)) => {
            (figures::ratios_by_round(cell, system, of, target.measure), RATIO_DIGITS)
        }
    };
    let (figure, result) = match Spread::of(&values) {
        None => (NOTHING.to_owned(), NOT_MEASURED.to_owned()),
        Some(spread) => (figure(&spread, digits, &target.limit), result(&spread, &values, &target.limit)),
    };
    let name = if cell.is_some() { markdown::link(target.cell) } else { target.cell.to_owned() };
    vec![name, system.to_owned(), measure.label.to_owned(), target.limit.words(), figure, result]
}

impl Limit {
    fn words(&self) -> String {
        match self {
            Limit::Times(times, of) => format!("at most {} x {of}", plain(*times)),
            Limit::Below(of) => format!("below {of}"),
            Limit::AtMost(most) => format!("at most {}", plain(*most)),
        }
    }

    fn holds(&self, figure: f64) -> bool {
        match self {
            Limit::Times(most, _) | Limit::AtMost(most) => figure <= *most,
            Limit::Below(_) => figure < 1.0,
        }
    }
}

fn figure(spread: &Spread, digits: usize, limit: &Limit) -> String {
    match limit {
        Limit::Times(_, of) | Limit::Below(of) => format!("{} x {of}", spread.text(digits)),
        Limit::AtMost(_) => spread.text(digits),
    }
}

/// The median decides; in how many rounds it was so says how sure that is.
fn result(spread: &Spread, values: &[f64], limit: &Limit) -> String {
    let rounds = values.iter().filter(|value| limit.holds(**value)).count();
    let verdict = if limit.holds(spread.median) { "holds" } else { "**does not hold**" };
    format!("{verdict} (in {rounds} of {} rounds)", spread.rounds)
}

/// Memory against the bound that the broker names, in every round of every cell that has both. Of a system that exceeds it in
/// several rounds of a cell, the worst is named.
fn bound_row(results: &Results) -> Vec<String> {
    let held = |run: &&Run| OTTLA.contains(&run.system.as_str());
    let pair = |run: &Run| Some((*run.values.get(PEAK)?, *run.values.get(BOUND)?));
    let mut compared = 0;
    let mut exceeded = 0;
    let mut violations: BTreeMap<(&str, &str), (f64, f64)> = BTreeMap::new();
    for cell in &results.cells {
        for run in cell.runs.iter().filter(held) {
            let Some((peak, bound)) = pair(run) else { continue };
            compared += 1;
            if peak > bound {
                exceeded += 1;
                let worst = violations.entry((&cell.cell, &run.system)).or_insert((peak, bound));
                if peak - bound > worst.0 - worst.1 {
                    *worst = (peak, bound);
                }
            }
        }
    }
    let named = violations.iter().map(|((cell, system), (peak, bound))| {
        format!("{cell} {system} {} > {}", figures::number(*peak, 1), figures::number(*bound, 1))
    });
    let named = named.collect::<Vec<_>>().join("; ");
    let result = match (compared, violations.is_empty()) {
        (0, _) => NOT_MEASURED.to_owned(),
        (_, true) => "holds, all of them".to_owned(),
        (_, false) => format!("**does not hold**: {}", escape(&named)),
    };
    let figure = if compared == 0 { NOTHING.to_owned() } else { format!("{} of {compared} runs", compared - exceeded) };
    let mut row = markdown::words(&["every cell with both", "ottla-os, ottla-fsync", "peak memory, MiB"]);
    row.extend(["at most the bound of memory".to_owned(), figure, result]);
    row
}
