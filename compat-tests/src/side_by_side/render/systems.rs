//! What is compared, for the eye: colours, and a sentence on each system.

pub use crate::side_by_side::systems::System;

use crate::side_by_side::results::Cell;
use std::collections::BTreeSet;

/// Both settings of Ottla.
pub const OTTLA: &[System] = &[System::OttlaOs, System::OttlaFsync];

/// Colour in the plots, of the palette of Okabe and Ito, which the colour-blind can tell apart.
pub fn colour(system: System) -> &'static str {
    match system {
        System::Kafka => "#D55E00",
        System::KafkaFlush => "#E69F00",
        System::OttlaOs => "#0072B2",
        System::OttlaFsync => "#56B4E9",
        System::Floor => "#999999",
    }
}

/// What it is.
pub fn about(system: System) -> &'static str {
    match system {
        System::Kafka => "Apache Kafka as it ships: acknowledges from the page cache, without a sync",
        System::KafkaFlush => "Apache Kafka with `log.flush.interval.messages=1`: syncs before it acknowledges",
        System::OttlaOs => "Ottla with `ottla.durability=os`: acknowledges from the page cache, as `kafka` does",
        System::OttlaFsync => {
            "Ottla with `ottla.durability=fsync`, its default: syncs before it acknowledges, as `kafka-flush` does"
        }
        System::Floor => {
            "a bare loop behind the same protocol that receives, checks and appends, or reads and sends, each through \
             a buffer of its own: no broker, but about the least that one has to do"
        }
    }
}

/// The names of systems that occur in the cell: the known ones in their order, others after them.
pub fn of(cell: &Cell) -> Vec<&str> {
    let named: BTreeSet<&str> = cell
        .runs
        .iter()
        .map(|run| run.system.as_str())
        .chain(cell.cannot.keys().map(String::as_str))
        .chain(cell.failed.iter().map(|failed| failed.system.as_str()))
        .collect();
    let known: Vec<&str> = System::ALL.iter().map(|system| system.name()).collect();
    let first = known.iter().copied().filter(|name| named.contains(name));
    first.chain(named.iter().copied().filter(|name| !known.contains(name))).collect()
}
