//! docs/benchmarks.md.

use super::cell_table;
use super::figures::{day, duration};
use super::input::Results;
use super::markdown::{self, Table, code, escape};
use super::{PLOTS, kafka_better, notes, plots, prose, systems, targets};
use crate::side_by_side::results::{Cell, Machine};

/// The whole page. `old` is the page as it stands, for the notes in it.
pub fn page(results: &Results, old: &str) -> Result<String, String> {
    let mut text = opening(&results.machine);
    text.push_str(&format!("## Targets\n\n{}{}\n", targets::table(results), prose::ABOUT_TARGETS));
    text.push_str("## Notes\n\n");
    text.push_str(&notes::kept(old, "")?);
    text.push_str("## Where Kafka is better\n\n");
    text.push_str(&format!("{}\n{}", prose::ABOUT_KAFKA_BETTER, kafka_better::section(results)));
    for cells in results.groups() {
        text.push_str(&group(cells, results));
    }
    text.push_str(&facts(&results.machine));
    text.push_str(&settings(&results.machine));
    text.push_str(&format!("## What these figures do not show\n\n{}", prose::NOT_SHOWN));
    Ok(text)
}

fn opening(machine: &Machine) -> String {
    let mut text = format!(
        "# Ottla beside Apache Kafka\n\n\
         Generated from the results in [benchmarks](benchmarks/); only the notes are written by hand. [Cost](cost.md) shows \
         how it grows.\n\n\
         - commit: {}\n- date: {}\n- command: {}\n- duration: {}\n- seed: {}\n\n\
         ## How to read\n\n{}\n",
        code(&machine.commit),
        day(machine.at),
        code(&machine.command),
        duration(machine.took_s),
        machine.seed,
        prose::HOW_TO_READ,
    );
    let mut table = Table::new(2, &markdown::words(&["system", "what it is"]));
    for system in systems::ALL {
        table.row(&markdown::words(&[system.name, system.about]));
    }
    text.push_str(&table.finish());
    text
}

fn group(cells: &[Cell], results: &Results) -> String {
    let name = cells.first().map(Cell::group).unwrap_or_default();
    let mut text = format!("## {}\n\n", escape(name));
    if let Some((_, about)) = prose::GROUPS.iter().find(|(group, _)| *group == name) {
        text.push_str(&format!("{about}\n\n"));
    }
    text.push_str(&cell_table::overview(cells));
    for (file, title) in plots::of_group(results, name) {
        text.push_str(&format!("![{title}]({PLOTS}/{file})\n\n"));
    }
    for cell in cells {
        text.push_str(&cell_table::section(cell, &results.machine.commit));
    }
    text
}

fn facts(machine: &Machine) -> String {
    let mut table = Table::new(2, &markdown::words(&["what", "value"]));
    for (name, value) in &machine.facts {
        table.row(&[escape(name), escape(value)]);
    }
    format!("## The machine\n\n{}", table.finish())
}

fn settings(machine: &Machine) -> String {
    let mut text = "## Settings\n\nWhat isn't listed is as the system ships. In `latency/checkpoints` Ottla has ottla.wal.bytes=268435456 besides, and the topic of the load beside has segment.bytes=16777216 on every system.\n\n".to_owned();
    for (system, lines) in &machine.settings {
        // Longer than any fence that a setting could hold.
        let fence = "`".repeat(4);
        text.push_str(&format!("### Settings of {}\n\n{fence}\n{}\n{fence}\n\n", escape(system), lines.join("\n")));
    }
    text
}
