//! Which plots docs/benchmarks.md has, as data.

use super::bars::{self, Bar, Group};
use super::figures;
use super::input::Results;
use super::systems::{self, System};
use crate::side_by_side::measures::{self, Measure};
use crate::side_by_side::results::Cell;

/// One plot: these measures of every cell of a group that has them.
struct Plot {
    /// Its file.
    file: &'static str,
    group: &'static str,
    measures: &'static [&'static str],
    title: &'static str,
}

const fn plot(file: &'static str, group: &'static str, measures: &'static [&'static str], title: &'static str) -> Plot {
    Plot { file, group, measures, title }
}

const MACHINE_CPU: &[&str] = &["machine_cpu_s_per_gib"];
const PRODUCE_LATENCY: &[&str] = &["produce_p50_ms", "produce_p99_ms", "produce_p999_ms"];
const END_TO_END_LATENCY: &[&str] = &["end_to_end_p50_ms", "end_to_end_p99_ms", "end_to_end_p999_ms"];

const PLOTS: &[Plot] = &[
    plot("start-first-answer.svg", "start", &["first_answer_ms"], "Start to first answer, ms"),
    plot("produce-cpu.svg", "produce", MACHINE_CPU, "Produce: CPU seconds per GiB, broker and kernel threads"),
    plot("produce-memory.svg", "produce", &["peak_mib"], "Produce: peak memory, MiB"),
    plot("consume-cpu.svg", "consume", MACHINE_CPU, "Consume: CPU seconds per GiB, broker and kernel threads"),
    plot("latency-produce.svg", "latency", PRODUCE_LATENCY, "Produce to acknowledgement, ms"),
    plot("latency-end-to-end.svg", "latency", END_TO_END_LATENCY, "Produce to consumer, ms"),
    plot("scale-memory.svg", "scale", &["resident_mib"], "Scale: resident memory, MiB"),
    plot("scale-cpu.svg", "scale", &["cpu_ms_per_s"], "Scale: CPU of the broker process, ms per second"),
    plot(
        "floor-cpu.svg",
        "floor",
        &["broker_cpu_s_per_gib"],
        "Beside the bare loop: CPU seconds per GiB, broker process",
    ),
    plot("tools-cpu.svg", "tools", MACHINE_CPU, "Kafka's tools: CPU seconds per GiB, broker and kernel threads"),
    plot("drawn-cpu.svg", "drawn", MACHINE_CPU, "Drawn workloads: CPU seconds per GiB, broker and kernel threads"),
];

impl Plot {
    /// Several percentiles: their labels name them, and the highest is far from the lowest on any system.
    fn has_several(&self) -> bool {
        self.measures.len() > 1
    }
}

/// File and content of every plot that has anything to show.
pub fn draw(results: &Results) -> Vec<(String, String)> {
    let drawn = |plot: &Plot| {
        let groups = groups(results, plot);
        (!groups.is_empty()).then(|| (plot.file.to_owned(), bars::draw(plot.title, &groups, plot.has_several())))
    };
    PLOTS.iter().filter_map(drawn).collect()
}

/// File and title of the plots of a group that have anything to show.
pub fn of_group(results: &Results, group: &str) -> Vec<(&'static str, &'static str)> {
    let plots = PLOTS.iter().filter(|plot| plot.group == group && !groups(results, plot).is_empty());
    plots.map(|plot| (plot.file, plot.title)).collect()
}

fn groups(results: &Results, plot: &Plot) -> Vec<Group> {
    let mut groups = Vec::new();
    for cell in results.cells.iter().filter(|cell| cell.group() == plot.group) {
        for measure in plot.measures.iter().filter_map(|name| measures::of(name)) {
            let bars = bars_of(cell, measure);
            if !bars.is_empty() {
                groups.push(Group { label: label(cell, measure, plot.has_several()), bars });
            }
        }
    }
    groups
}

fn bars_of(cell: &Cell, measure: &Measure) -> Vec<Bar> {
    let bar = |system: System| {
        let spread = figures::spread(cell, system.name(), measure.name)?;
        Some(Bar { system, spread, digits: measure.digits })
    };
    System::ALL.into_iter().filter_map(bar).collect()
}

/// The cell without its group, and the measure without its unit where a plot has several.
fn label(cell: &Cell, measure: &Measure, with_measure: bool) -> String {
    let name = cell.cell.split_once('/').map_or(cell.cell.as_str(), |(_, name)| name);
    let measure = measure.label.split(',').next().unwrap_or_default();
    if with_measure { format!("{name}: {measure}") } else { name.to_owned() }
}

/// Names and colours of the systems that occur, in their order.
pub fn legend(occur: impl Iterator<Item = System>) -> Vec<(&'static str, &'static str)> {
    let occur: Vec<_> = occur.collect();
    let shown = System::ALL.into_iter().filter(|system| occur.contains(system));
    shown.map(|system| (system.name(), systems::colour(system))).collect()
}
