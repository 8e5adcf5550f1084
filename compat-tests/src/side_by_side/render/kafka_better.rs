//! Every figure in which Kafka is ahead.

use super::figures::{self, NOTHING, Spread};
use super::input::Results;
use super::markdown::{self, Table};
use super::prose;
use super::systems::{KAFKA, KAFKA_FLUSH, OTTLA_FSYNC, OTTLA_OS};
use crate::side_by_side::measures::Measure;
use crate::side_by_side::results::Cell;

/// Which Kafka is held against which Ottla, and what the two promise.
const PAIRS: &[(&str, &str, &str)] = &[
    (KAFKA, OTTLA_OS, "neither syncs"),
    (KAFKA_FLUSH, OTTLA_FSYNC, "both sync"),
    (KAFKA, OTTLA_FSYNC, "only Ottla syncs"),
];

/// Digits of the factor.
const FACTOR_DIGITS: usize = 2;

struct Lead<'a> {
    cell: &'a Cell,
    measure: &'static Measure,
    pair: (&'static str, &'static str, &'static str),
    kafka: Spread,
    ottla: Spread,
}

/// The count of comparisons and the table of those that Kafka wins.
pub fn section(results: &Results) -> String {
    let mut compared = 0;
    let mut leads = Vec::new();
    for cell in &results.cells {
        for measure in figures::measures_of(cell).into_iter().filter(|measure| figures::is_compared(measure)) {
            for pair in PAIRS {
                let of = |system| figures::spread(cell, system, measure.name);
                let (Some(kafka), Some(ottla)) = (of(pair.0), of(pair.1)) else { continue };
                compared += 1;
                if figures::is_better(measure, kafka.median, ottla.median) {
                    leads.push(Lead { cell, measure, pair: *pair, kafka, ottla });
                }
            }
        }
    }
    let apart = leads.iter().filter(|lead| !lead.kafka.overlaps(&lead.ottla)).count();
    let mut text = match (compared, leads.len()) {
        (0, _) => return "Nothing was measured on both.\n\n".to_owned(),
        (_, 0) => return format!("In none of {compared} comparisons of a median.\n\n"),
        (_, found) => format!(
            "In {found} of {compared} comparisons of a median; in {apart} of these the ranges over the rounds don't overlap.\n\n"
        ),
    };
    text.push_str(&table(&leads));
    text
}

fn table(leads: &[Lead]) -> String {
    let mut heads = vec!["cell".to_owned(), prose::measure_head(leads.iter().map(|lead| lead.measure))];
    heads.extend(markdown::words(&["promise", "Kafka", "Ottla", "Kafka ahead by", "ranges"]));
    let mut table = Table::new(3, &heads);
    for lead in leads {
        let digits = lead.measure.digits;
        table.row(&[
            markdown::link(&lead.cell.cell),
            lead.measure.label.to_owned(),
            lead.pair.2.to_owned(),
            format!("{}: {}", lead.pair.0, lead.kafka.text(digits)),
            format!("{}: {}", lead.pair.1, lead.ottla.text(digits)),
            factor(lead).map_or(NOTHING.to_owned(), |factor| format!("{} x", figures::number(factor, FACTOR_DIGITS))),
            if lead.kafka.overlaps(&lead.ottla) { "overlap" } else { "apart" }.to_owned(),
        ]);
    }
    table.finish()
}

fn factor(lead: &Lead) -> Option<f64> {
    let (kafka, ottla) = (lead.kafka.median, lead.ottla.median);
    if lead.measure.less_is_better { figures::ratio(ottla, kafka) } else { figures::ratio(kafka, ottla) }
}
