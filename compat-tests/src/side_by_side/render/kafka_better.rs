//! Every cell that only Kafka did, and every figure in which it is ahead.

use super::figures::{self, NOTHING, Spread};
use super::input::Results;
use super::markdown::{self, Table, escape};
use super::outcome::Outcome;
use super::prose;
use super::systems::{OTTLA, System};
use crate::side_by_side::measures::Measure;
use crate::side_by_side::results::Cell;

/// Which Kafka is held against which Ottla, and what the two promise.
const PAIRS: &[Pair] = &[
    (System::Kafka, System::OttlaOs, "neither syncs"),
    (System::KafkaFlush, System::OttlaFsync, "both sync"),
    (System::Kafka, System::OttlaFsync, "only Ottla syncs"),
];

type Pair = (System, System, &'static str);

/// Digits of the factor.
const FACTOR_DIGITS: usize = 2;

struct Lead<'a> {
    cell: &'a Cell,
    measure: &'static Measure,
    pair: Pair,
    kafka: Spread,
    ottla: Spread,
}

/// What only Kafka did, then the count of comparisons and the table of those that Kafka wins.
pub fn section(results: &Results) -> String {
    only_kafka(results) + &leads(results)
}

/// The cells that Kafka did and an Ottla didn't, with the reason.
fn only_kafka(results: &Results) -> String {
    let mut table = Table::new(3, &markdown::words(&["cell", "Ottla", "why not"]));
    let mut count = 0;
    for cell in results.cells.iter().filter(|cell| kafka_did(cell)) {
        for system in OTTLA {
            if let Some(why) = Outcome::of(cell, *system).why_none() {
                table.row(&[markdown::link(&cell.cell), system.name().to_owned(), escape(&why)]);
                count += 1;
            }
        }
    }
    match count {
        0 => String::new(),
        _ => format!("Kafka did this, and Ottla did not:\n\n{}", table.finish()),
    }
}

fn kafka_did(cell: &Cell) -> bool {
    let kafkas = System::ALL.into_iter().filter(|system| system.is_kafka());
    kafkas.into_iter().any(|system| Outcome::of(cell, system).made > 0)
}

fn leads(results: &Results) -> String {
    let mut compared = 0;
    let mut leads = Vec::new();
    for cell in &results.cells {
        let measures = figures::measures_of(cell);
        for measure in measures.into_iter().filter(|measure| figures::is_compared(cell, measure)) {
            for pair in PAIRS {
                let of = |system: System| figures::spread(cell, system.name(), measure.name);
                let (Some(kafka), Some(ottla)) = (of(pair.0), of(pair.1)) else { continue };
                compared += 1;
                if figures::is_better(measure, kafka.median, ottla.median) {
                    leads.push(Lead { cell, measure, pair: *pair, kafka, ottla });
                }
            }
        }
    }
    let apart = leads.iter().filter(|lead| !lead.kafka.overlaps(&lead.ottla)).count();
    match (compared, leads.len()) {
        (0, _) => "Nothing was measured on both.\n\n".to_owned(),
        (_, 0) => format!("In none of {compared} comparisons of a median.\n\n"),
        (_, found) => format!(
            "In {found} of {compared} comparisons of a median; in {apart} of these the ranges over the rounds don't \
             overlap.\n\n{}",
            table(&leads)
        ),
    }
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
            format!("{}: {}", lead.pair.0.name(), lead.kafka.text(digits)),
            format!("{}: {}", lead.pair.1.name(), lead.ottla.text(digits)),
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
