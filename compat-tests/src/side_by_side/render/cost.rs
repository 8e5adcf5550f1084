//! docs/cost.md: how cost grows with one parameter, the others held.

use super::figures::{self, NOTHING};
use super::input::Results;
use super::lines::{self, Line};
use super::markdown::Table;
use super::systems::System;
use super::{PLOTS, notes, prose};
use crate::side_by_side::measures::{self, Measure};
use crate::side_by_side::results::Cell;

/// One plot: a measure over a parameter, of the cells whose name is `prefix` and a number, and of the one that varies
/// nothing.
struct Growth {
    /// Its notes and, with `.svg`, its file.
    slot: &'static str,
    heading: &'static str,
    prefix: &'static str,
    parameter: &'static str,
    /// The parameter with its unit.
    across: &'static str,
    measure: &'static str,
}

const fn growth(
    slot: &'static str,
    heading: &'static str,
    (prefix, parameter, across): (&'static str, &'static str, &'static str),
    measure: &'static str,
) -> Growth {
    Growth { slot, heading, prefix, parameter, across, measure }
}

/// The cell in which all parameters have the value at which they are held elsewhere.
const BASE: &str = "produce/base";
const MACHINE_CPU: &str = "machine_cpu_s_per_gib";
const PRODUCE: &str = "produce/";
const RECORD_SIZE: (&str, &str, &str) = ("produce/record-", "record_bytes", "record size, bytes");

const GROWTHS: &[Growth] = &[
    growth("record-size", "Record size: CPU", RECORD_SIZE, MACHINE_CPU),
    growth("record-size-rate", "Record size: records per second", RECORD_SIZE, "records_per_s"),
    growth("partitions", "Partitions: CPU", ("produce/partitions-", "partitions", "partitions"), MACHINE_CPU),
    growth(
        "partitions-memory",
        "Partitions: memory",
        ("scale/partitions-", "partitions", "partitions"),
        "resident_mib",
    ),
    growth("consumers", "Consumers: CPU", ("consume/cache-", "consumers", "consumers"), MACHINE_CPU),
    growth("connections", "Connections: memory", ("scale/connections-", "connections", "connections"), "resident_mib"),
];

const OPENING: &str = "\
# How cost grows

Generated from the results in [benchmarks](benchmarks/); only the explanations are written by hand. [The
comparison](benchmarks.md) says how the figures are to be read, on which machine they were taken, and what they do not
show. Lines go through the medians; whiskers, and the brackets in the tables, go from the least to the greatest round.

";

/// File and content of every plot that has anything to show.
pub fn draw(results: &Results) -> Result<Vec<(String, String)>, String> {
    let mut drawn = Vec::new();
    for growth in GROWTHS {
        let points = growth.points(results)?;
        if !points.is_empty() {
            let title = format!("{}: {}", growth.grows(), growth.measure().label);
            drawn.push((growth.file(), lines::draw(&title, growth.across, &growth.lines(&points))));
        }
    }
    Ok(drawn)
}

/// The whole page. `old` is the page as it stands, for the explanations in it.
pub fn page(results: &Results, old: &str) -> Result<String, String> {
    let mut text = OPENING.to_owned();
    for growth in GROWTHS {
        text.push_str(&format!("## {}\n\n", growth.heading));
        // A slot stays where nothing was measured, so that its text isn't lost.
        text.push_str(&notes::kept(old, growth.slot)?);
        let points = growth.points(results)?;
        if points.is_empty() {
            text.push_str("Not measured.\n\n");
            continue;
        }
        text.push_str(&format!("![{}]({PLOTS}/{})\n\n{}", growth.heading, growth.file(), growth.table(&points)));
    }
    Ok(text.trim_end().to_owned() + "\n")
}

impl Growth {
    fn file(&self) -> String {
        format!("cost-{}.svg", self.slot)
    }

    /// What grows, without what is measured of it.
    fn grows(&self) -> &'static str {
        self.heading.split(':').next().unwrap_or_default()
    }

    fn measure(&self) -> &'static Measure {
        measures::of(self.measure).expect("growths name known measures")
    }

    /// The cells with the parameter's value, rising. A cell that doesn't say its value is an error.
    fn points<'a>(&self, results: &'a Results) -> Result<Vec<(f64, &'a Cell)>, String> {
        let is_number = |rest: &str| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit());
        let chosen = |cell: &&Cell| {
            let named = cell.cell.strip_prefix(self.prefix).is_some_and(is_number)
                || (cell.cell == BASE
                    && self.prefix.starts_with(PRODUCE)
                    && cell.parameters.contains_key(self.parameter));
            named && cell.runs.iter().any(|run| run.values.contains_key(self.measure))
        };
        let mut points = Vec::new();
        for cell in results.cells.iter().filter(chosen) {
            let value = cell.parameters.get(self.parameter).and_then(serde_json::Value::as_f64);
            let value = value.filter(|value| *value > 0.0);
            let value =
                value.ok_or_else(|| format!("{}: its parameters have no number {}", cell.cell, self.parameter))?;
            points.push((value, cell));
        }
        points.sort_by(|one, next| one.0.total_cmp(&next.0));
        Ok(points)
    }

    fn systems(&self, points: &[(f64, &Cell)]) -> Vec<System> {
        let has = |system: &System| points.iter().any(|(_, cell)| !cell.values(system.name(), self.measure).is_empty());
        System::ALL.into_iter().filter(has).collect()
    }

    fn lines(&self, points: &[(f64, &Cell)]) -> Vec<Line> {
        let line = |system: System| {
            let point = |(x, cell): &(f64, &Cell)| Some((*x, figures::spread(cell, system.name(), self.measure)?));
            Line { system, points: points.iter().filter_map(point).collect() }
        };
        self.systems(points).into_iter().map(line).collect()
    }

    fn table(&self, points: &[(f64, &Cell)]) -> String {
        let (measure, systems) = (self.measure(), self.systems(points));
        let mut heads = vec![self.across.to_owned()];
        heads.extend(systems.iter().map(|system| system.name().to_owned()));
        let mut table = Table::new(0, &heads);
        for (value, cell) in points {
            let mut row = vec![figures::plain(*value)];
            row.extend(systems.iter().map(|system| {
                let spread = figures::spread(cell, system.name(), self.measure);
                spread.map_or(NOTHING.to_owned(), |spread| spread.text(measure.digits))
            }));
            table.row(&row);
        }
        // The columns are systems: what they hold is said once, before them.
        format!("{}, by {}:\n\n{}", prose::heads(&[measure]).join(""), self.across, table.finish())
    }
}
