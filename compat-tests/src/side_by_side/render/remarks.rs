//! What must be known of a cell's figures, below its table.

use super::figures;
use super::markdown::escape;
use crate::side_by_side::results::{Cell, Run};

/// The share of a measurement's time that the host may take from this machine before it is told.
const STOLEN_SHARE_MAX: f64 = 0.05;
/// A system falls behind a rate if the median of the second half is so many times that of the first, and above so much,
/// or if both halves are above what any system needs that keeps it.
const BEHIND_TIMES: f64 = 2.0;
const BEHIND_MS: f64 = 10.0;
const BEHIND_THROUGHOUT_MS: f64 = 50.0;

/// A line for each run that needs one, with an empty line behind them.
pub fn of(cell: &Cell) -> String {
    let behind = cell.runs.iter().filter_map(behind);
    let mut lines: Vec<String> = behind.chain(cell.runs.iter().filter_map(stolen)).collect();
    // The order of measurements is chance.
    lines.sort();
    if lines.is_empty() { String::new() } else { format!("{}\n\n", lines.join("\n")) }
}

/// That the host took much of the time of this run.
fn stolen(run: &Run) -> Option<String> {
    let (stolen, seconds) = (*run.values.get("stolen_s")?, *run.values.get("seconds")?);
    let share = figures::ratio(stolen, seconds).filter(|share| *share > STOLEN_SHARE_MAX)?;
    Some(format!(
        "- The host took {} s of this machine's cores from {}, {} % of its {} s.",
        figures::number(stolen, 2),
        name(run),
        figures::number(share * 100.0, 0),
        figures::number(seconds, 1),
    ))
}

/// That the system didn't keep the rate of this run.
fn behind(run: &Run) -> Option<String> {
    let half = |which: &str| run.values.get(&format!("produce_p50_{which}_half_ms")).copied();
    let (first, second) = (half("first")?, half("second")?);
    let grew = second > first * BEHIND_TIMES && second > BEHIND_MS;
    let throughout = first.min(second) > BEHIND_THROUGHOUT_MS;
    (grew || throughout).then(|| {
        format!(
            "- {} did not keep the rate (produce p50 {} ms in the first half, {} ms in the second): its latencies \
             measure the backlog.",
            name(run),
            figures::number(first, 1),
            figures::number(second, 1),
        )
    })
}

fn name(run: &Run) -> String {
    format!("{} in round {}", escape(&run.system), run.round)
}
