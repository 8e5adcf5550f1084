//! docs/benchmarks.md.

use super::cell_table;
use super::figures::{day, duration};
use super::input::Results;
use super::markdown::{self, Table, code, escape};
use super::systems::{self, System};
use super::{PLOTS, kafka_better, notes, plots, prose, targets};
use crate::side_by_side::results::{Cell, Machine};

/// The whole page. `old` is the page as it stands, for the notes in it.
pub fn page(results: &Results, old: &str) -> Result<String, String> {
    let mut text = opening(&results.machine);
    text.push_str(&format!("## Targets\n\n{}{}\n", targets::table(results), prose::ABOUT_TARGETS));
    text.push_str(&format!("## Notes\n\n{}\n", prose::ABOUT_NOTES));
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
         Generated from the results in [benchmarks](benchmarks/); only the notes are written by hand.\n\
         [Cost](cost.md) shows how it grows.\n\n\
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
    for system in System::ALL {
        table.row(&markdown::words(&[system.name(), systems::about(system)]));
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
    let mut text = format!("## Settings\n\n{}\n", prose::ABOUT_SETTINGS);
    for (system, lines) in &machine.settings {
        text.push_str(&format!("### Settings of {}\n\n{}\n\n", escape(system), settings_of(lines)));
    }
    text
}

fn settings_of(lines: &[String]) -> String {
    if lines.is_empty() {
        return "as it ships, no setting".to_owned();
    }
    // Longer than any fence that a setting could hold.
    let fence = "`".repeat(4);
    format!("{fence}\n{}\n{fence}", lines.join("\n"))
}
