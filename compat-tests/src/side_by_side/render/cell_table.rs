//! The table of one cell: a row for each system, a column for each measure that occurs.

use super::figures::{self, NOTHING};
use super::markdown::{self, Table, code, escape};
use super::prose;
use super::remarks;
use super::systems::{self, System};
use crate::side_by_side::measures::Measure;
use crate::side_by_side::results::Cell;
use std::collections::BTreeMap;

/// Digits of a multiple of another system.
const TIMES_DIGITS: usize = 2;

/// The heading of the cell, what it is, its table, and what must be known of it. `commit` is that of the whole run.
pub fn section(cell: &Cell, commit: &str) -> String {
    let (about, table, remarks) = (about(cell, commit), table(cell), remarks::of(cell));
    format!("### {}\n\n{about}\n{table}{remarks}", escape(&cell.cell))
}

fn about(cell: &Cell, commit: &str) -> String {
    let mut text = format!("{}\n", escape(&cell.about));
    if !cell.parameters.is_empty() {
        let shown = cell.parameters.iter().map(|(name, value)| code(&format!("{name}={}", bare(value))));
        text.push_str(&format!("{}.\n", shown.collect::<Vec<_>>().join(", ")));
    }
    let raw = format!("[All values](benchmarks/{}.json)", cell.cell.replace(' ', "%20"));
    text.push_str(&format!("{} {raw}; again: {}.\n", rounds(cell), code(&cell.command)));
    if cell.commit != commit {
        text.push_str(&format!("Measured on commit {}, not that of the run.\n", code(&cell.commit)));
    }
    text
}

/// A JSON value, a string without its quotes.
fn bare(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn rounds(cell: &Cell) -> String {
    let mut counts = BTreeMap::new();
    for run in &cell.runs {
        *counts.entry(run.system.as_str()).or_insert(0) += 1;
    }
    let (least, most) = (counts.values().min().copied().unwrap_or(0), counts.values().max().copied().unwrap_or(0));
    match (least, most) {
        (1, 1) => "1 round.".to_owned(),
        (least, most) if least == most => format!("{most} rounds."),
        (least, most) => format!("{least} to {most} rounds."),
    }
}

fn table(cell: &Cell) -> String {
    let measures = figures::measures_of(cell);
    let lead = measures.first().copied();
    let references: Vec<_> = [(System::Kafka.name(), "x Kafka"), (System::Floor.name(), "x floor")]
        .into_iter()
        .filter(|(system, _)| lead.is_some_and(|lead| figures::spread(cell, system, lead.name).is_some()))
        .collect();
    let mut heads = vec!["system".to_owned()];
    heads.extend(prose::heads(&measures));
    if measures.is_empty() {
        heads.push("result".to_owned());
    }
    heads.extend(references.iter().map(|(_, head)| format!("{head} (first column)")));
    let mut table = Table::new(1, &heads);
    for system in systems::of(cell) {
        if cell.runs.iter().any(|run| run.system == system) {
            let mut row = vec![escape(system)];
            row.extend(measures.iter().map(|measure| entry(cell, system, measure)));
            row.extend(references.iter().map(|(of, _)| times(cell, system, of, lead)));
            table.row(&row);
        }
        if let Some(why) = cell.cannot.get(system) {
            table.row(&[escape(system), format!("cannot: {}", escape(why))]);
        }
        for failed in cell.failed.iter().filter(|failed| failed.system == system) {
            table.row(&[escape(system), format!("failed in round {}: {}", failed.round, escape(&failed.why))]);
        }
    }
    table.finish()
}

/// `median (min-max)`, bold if no broker has a better one.
fn entry(cell: &Cell, system: &str, measure: &Measure) -> String {
    let Some(own) = figures::spread(cell, system, measure.name) else { return NOTHING.to_owned() };
    let text = own.text(measure.digits);
    let others = systems::of(cell).into_iter().filter(|other| *other != System::Floor.name() && *other != system);
    let medians: Vec<_> =
        others.filter_map(|other| figures::spread(cell, other, measure.name)).map(|other| other.median).collect();
    let rivals = system != System::Floor.name() && figures::is_compared(cell, measure) && !medians.is_empty();
    let best = rivals && medians.iter().all(|median| !figures::is_better(measure, *median, own.median));
    if best { format!("**{text}**") } else { text }
}

fn times(cell: &Cell, system: &str, of: &str, lead: Option<&Measure>) -> String {
    let ratio = || {
        let median = |system| figures::spread(cell, system, lead?.name).map(|spread| spread.median);
        figures::ratio(median(system)?, median(of)?)
    };
    ratio().map_or(NOTHING.to_owned(), |ratio| figures::number(ratio, TIMES_DIGITS))
}

/// The medians of the first measure of each cell of a group: a row for each cell, a column for each system.
pub fn overview(cells: &[Cell]) -> String {
    let leads: Vec<_> = cells.iter().filter_map(|cell| Some((cell, *figures::measures_of(cell).first()?))).collect();
    let present = |name: &str| leads.iter().any(|(cell, lead)| figures::spread(cell, name, lead.name).is_some());
    let shown: Vec<_> = System::ALL.iter().map(|system| system.name()).filter(|name| present(name)).collect();
    let mut heads = vec!["cell".to_owned(), prose::measure_head(leads.iter().map(|(_, lead)| *lead))];
    heads.extend(markdown::words(&shown));
    let mut table = Table::new(2, &heads);
    for (cell, lead) in leads {
        let mut row = vec![markdown::link(&cell.cell), lead.label.to_owned()];
        row.extend(shown.iter().map(|system| {
            let spread = figures::spread(cell, system, lead.name);
            spread.map_or(NOTHING.to_owned(), |spread| figures::number(spread.median, lead.digits))
        }));
        table.row(&row);
    }
    table.finish()
}
