//! What is compared: names, order, colours.

use crate::side_by_side::results::Cell;
use std::collections::BTreeSet;

/// Apache Kafka as it ships.
pub const KAFKA: &str = "kafka";
/// Apache Kafka that syncs each batch before it acknowledges.
pub const KAFKA_FLUSH: &str = "kafka-flush";
/// Ottla that trusts the page cache.
pub const OTTLA_OS: &str = "ottla-os";
/// Ottla that syncs before it acknowledges.
pub const OTTLA_FSYNC: &str = "ottla-fsync";
/// The bare loop.
pub const FLOOR: &str = "floor";

/// Both settings of Ottla.
pub const OTTLA: &[&str] = &[OTTLA_OS, OTTLA_FSYNC];

/// One system.
pub struct System {
    /// As it stands in the results.
    pub name: &'static str,
    /// Colour in the plots, of the palette of Okabe and Ito, which the colour-blind can tell apart.
    pub colour: &'static str,
    /// What it is.
    pub about: &'static str,
}

/// All of them, in the order of rows and bars.
pub const ALL: &[System] = &[
    System {
        name: KAFKA,
        colour: "#D55E00",
        about: "Apache Kafka as it ships: acknowledges from the page cache, without a sync",
    },
    System {
        name: KAFKA_FLUSH,
        colour: "#E69F00",
        about: "Apache Kafka with `log.flush.interval.messages=1`: syncs before it acknowledges",
    },
    System {
        name: OTTLA_OS,
        colour: "#0072B2",
        about: "Ottla with `ottla.durability=os`: acknowledges from the page cache, as `kafka` does",
    },
    System {
        name: OTTLA_FSYNC,
        colour: "#56B4E9",
        about: "Ottla with `ottla.durability=fsync`, its default: syncs before it acknowledges, as `kafka-flush` does",
    },
    System {
        name: FLOOR,
        colour: "#999999",
        about: "a bare loop behind the same protocol that receives, checks and appends, or reads and sends, each through a \
                buffer of its own: no broker, but about the least that one has to do",
    },
];

/// The systems that the cell names: the known ones in their order, others after them.
pub fn of(cell: &Cell) -> Vec<&str> {
    let named: BTreeSet<&str> = cell
        .runs
        .iter()
        .map(|run| run.system.as_str())
        .chain(cell.cannot.keys().map(String::as_str))
        .chain(cell.failed.iter().map(|failed| failed.system.as_str()))
        .collect();
    let known = ALL.iter().map(|system| system.name).filter(|name| named.contains(name));
    let others = named.iter().copied().filter(|name| ALL.iter().all(|system| system.name != *name));
    known.chain(others).collect()
}
