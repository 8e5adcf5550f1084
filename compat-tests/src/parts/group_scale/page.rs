//! The table of docs/group-scale.md.

use super::Figures;
use crate::client_table::replace;
use crate::group_driver::Shape;
use crate::side_by_side::systems::System;
use std::path::Path;

/// What one round measured.
pub(super) struct Measured {
    /// Which of the shapes.
    pub(super) shape: usize,
    pub(super) round: usize,
    pub(super) system: System,
    pub(super) figures: Figures,
}

type Pick = fn(&Figures) -> f64;

/// The measures, each with the digits that are worth printing.
const MEASURES: [(&str, usize, Pick); 7] = [
    ("all join: s until every group is stable", 2, |figures| figures.join_s),
    ("the same: CPU s of the broker", 2, |figures| figures.join_cpu_s),
    ("1,000 heartbeats: CPU ms of the broker", 1, |figures| figures.beats_cpu_ms),
    ("resident memory before, MiB", 0, |figures| figures.before_mib),
    ("resident memory with all members, MiB", 0, |figures| figures.with_mib),
    ("one leaves, one joins: s until stable", 2, |figures| figures.change_s),
    ("the same: CPU s of the broker", 2, |figures| figures.change_cpu_s),
];

/// `median (min-max)` of both over the rounds, and of their ratio within each round.
pub(super) fn table(shapes: &[Shape], rounds: &[Measured]) -> String {
    let mut text = String::new();
    for (number, shape) in shapes.iter().enumerate() {
        text.push_str(&format!("\n### {}\n\n| measure | Apache Kafka | Ottla | x Kafka |\n", heading(shape)));
        text.push_str("| --- | ---: | ---: | ---: |\n");
        let own: Vec<&Measured> = rounds.iter().filter(|measured| measured.shape == number).collect();
        for (name, digits, pick) in MEASURES {
            text.push_str(&row(name, digits, pick, &own));
        }
    }
    text.push('\n');
    text
}

fn heading(shape: &Shape) -> String {
    let words = shape.words();
    words[..1].to_uppercase() + &words[1..]
}

fn row(name: &str, digits: usize, pick: Pick, rounds: &[&Measured]) -> String {
    let of = |system: System| {
        let own = rounds.iter().filter(move |measured| measured.system == system);
        own.map(|measured| (measured.round, pick(&measured.figures))).collect::<Vec<_>>()
    };
    let (kafka, ottla) = (of(System::Kafka), of(System::OttlaFsync));
    let ratio = |(round, ottla): &(usize, f64)| {
        let (_, kafka) = kafka.iter().find(|(other, _)| other == round)?;
        // of what is printed as nothing no ratio is taken
        (kafka * 10f64.powi(digits as i32) >= 0.5).then(|| ottla / kafka)
    };
    let ratios = ottla.iter().filter_map(ratio).collect();
    let values = |all: &[(usize, f64)]| all.iter().map(|(_, value)| *value).collect::<Vec<_>>();
    format!(
        "| {name} | {} | {} | {} |\n",
        spread(values(&kafka), digits),
        spread(values(&ottla), digits),
        spread(ratios, 2)
    )
}

fn spread(mut values: Vec<f64>, digits: usize) -> String {
    values.sort_by(f64::total_cmp);
    match values.as_slice() {
        [] => "-".to_owned(),
        [first, .., last] => format!("{:.digits$} ({first:.digits$}-{last:.digits$})", values[values.len() / 2]),
        [only] => format!("{only:.digits$}"),
    }
}

/// Puts the table into the page.
pub(super) fn write(page: &Path, table: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(page).map_err(|error| format!("{}: {error}", page.display()))?;
    std::fs::write(page, replace(&text, "figures", table)?).map_err(|error| error.to_string())?;
    Ok("docs/group-scale.md was written from this run".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group_driver::Protocol;

    fn measured(round: usize, system: System, join_s: f64) -> Measured {
        let figures = Figures {
            join_s,
            join_cpu_s: 0.0,
            beats_cpu_ms: 1.0,
            before_mib: 10.0,
            with_mib: 20.0,
            change_s: 3.0,
            change_cpu_s: 0.5,
        };
        Measured { shape: 0, round, system, figures }
    }

    #[test]
    fn ratios_are_taken_within_a_round() {
        let shape = Shape { groups: 2, members: 3, protocol: Protocol::Classic };
        let rounds = [
            measured(0, System::Kafka, 4.0),
            measured(0, System::OttlaFsync, 2.0),
            measured(1, System::OttlaFsync, 9.0),
            measured(2, System::Kafka, 8.0),
            measured(2, System::OttlaFsync, 8.0),
        ];
        let text = table(&[shape], &rounds);
        assert!(text.contains("### 2 groups of 3 members"), "{text}");
        assert!(text.contains("| 8.00 (4.00-8.00) | 8.00 (2.00-9.00) | 1.00 (0.50-1.00) |"), "{text}");
        assert!(text.contains("| 0.00 (0.00-0.00) | 0.00 (0.00-0.00) | - |"), "{text}");
        assert!(table(&[shape], &[]).contains("| - | - | - |"));
    }
}
