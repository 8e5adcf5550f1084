//! Medians with their spread, ratios, and how numbers are written.

use crate::side_by_side::measures::{self, Measure};
use crate::side_by_side::results::Cell;

/// Where there is nothing to say.
pub const NOTHING: &str = "-";

/// Measures that are no merit: what memory is held against, what a given rate sets, and what only proves that a cell
/// measured what it says.
const NOT_COMPARED: &[&str] = &["bound_mib", "beside_mb_per_s", "segments_rolled", "disk_read_per_byte"];
/// Measures that say little where the client competes with the broker.
const THROUGHPUT: &[&str] = &["mb_per_s", "records_per_s", "read_mb_per_s", "beside_mb_per_s"];
/// Measures that every cell has beside what it is about.
const BESIDE: &[&str] = &["peak_mib", "bound_mib"];
/// Cells whose throughput is the rate at which they are fed.
const AT_A_RATE: &str = "consume/tail-";

/// What several rounds gave.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// The middle one, or the mean of the two in the middle.
    pub median: f64,
    /// The least.
    pub min: f64,
    /// The greatest.
    pub max: f64,
    /// How many.
    pub rounds: usize,
}

impl Spread {
    /// Of these values, unless there are none.
    pub fn of(values: &[f64]) -> Option<Spread> {
        let mut sorted: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let half = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 { sorted[half] } else { f64::midpoint(sorted[half - 1], sorted[half]) };
        Some(Spread { median, min, max, rounds: sorted.len() })
    }

    /// `median (min-max)`, or the one value.
    pub fn text(&self, digits: usize) -> String {
        let median = number(self.median, digits);
        if self.rounds == 1 {
            return median;
        }
        // Two signs in a row can't be told apart.
        let to = if self.min < 0.0 { " to " } else { "-" };
        format!("{median} ({}{to}{})", number(self.min, digits), number(self.max, digits))
    }

    /// Whether some round of one could have been a round of the other.
    pub fn overlaps(&self, other: &Spread) -> bool {
        self.min <= other.max && other.min <= self.max
    }
}

/// What a system's rounds gave in one measure.
pub fn spread(cell: &Cell, system: &str, measure: &str) -> Option<Spread> {
    Spread::of(&cell.values(system, measure))
}

/// The measures that occur in a cell, in the order of columns: what the cell is about comes first.
pub fn measures_of(cell: &Cell) -> Vec<&'static Measure> {
    let occurs = |measure: &&Measure| cell.runs.iter().any(|run| run.values.contains_key(measure.name));
    let mut measures: Vec<_> = measures::ALL.iter().filter(occurs).collect();
    measures.sort_by_key(|measure| BESIDE.contains(&measure.name));
    measures
}

/// Whether being better in it means something in this cell.
pub fn is_compared(cell: &Cell, measure: &Measure) -> bool {
    let is_set = cell.cell.starts_with(AT_A_RATE) && is_throughput(measure);
    !is_set && !NOT_COMPARED.contains(&measure.name)
}

/// Whether the client's share of the processor decides it.
pub fn is_throughput(measure: &Measure) -> bool {
    THROUGHPUT.contains(&measure.name)
}

/// Whether one figure is better than another. Figures that are written alike are not.
pub fn is_better(measure: &Measure, one: f64, other: f64) -> bool {
    let ahead = if measure.less_is_better { one < other } else { one > other };
    ahead && number(one, measure.digits) != number(other, measure.digits)
}

/// One as a multiple of the other. Figures can be zero or less, as differences of two measurements, or where counters
/// are coarse: then they are less than what is resolved, and their ratio says nothing.
pub fn ratio(one: f64, other: f64) -> Option<f64> {
    let ratio = (one > 0.0 && other > 0.0).then(|| one / other);
    ratio.filter(|ratio| ratio.is_finite())
}

/// The ratios of two systems, by round.
pub struct Ratios {
    /// Of the rounds that have one.
    pub values: Vec<f64>,
    /// Rounds that both made, but one of them with a figure that says nothing.
    pub unresolved: usize,
}

/// The ratio of two systems in each round that both made. Where the two follow each other within seconds, what slows
/// the machine down for a while slows both; that is so in the pairs with the floor only.
pub fn ratios_by_round(cell: &Cell, system: &str, of: &str, measure: &str) -> Ratios {
    let value = |name: &str, round: u32| {
        let run = cell.runs.iter().find(|run| run.system == name && run.round == round)?;
        run.values.get(measure).copied()
    };
    let rounds = cell.runs.iter().filter(|run| run.system == system).map(|run| run.round);
    let ratios = rounds.filter_map(|round| Some(ratio(value(system, round)?, value(of, round)?)));
    let ratios: Vec<Option<f64>> = ratios.collect();
    let values: Vec<f64> = ratios.iter().copied().flatten().collect();
    Ratios { unresolved: ratios.len() - values.len(), values }
}

/// Significant digits that a number keeps however few digits after the point its measure asks for.
const SIGNIFICANT: i32 = 2;
/// Digits after the point that are never exceeded.
const DIGITS_MAX: i32 = 6;

/// A number with so many digits after the point, more if fewer than two significant ones were left, and a comma
/// between thousands.
pub fn number(value: f64, digits: usize) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    // A number has at most 309 digits before the point: the logarithm fits.
    let needed = (SIGNIFICANT - 1 - value.abs().log10().floor() as i32).clamp(0, DIGITS_MAX) as usize;
    let text = format!("{value:.*}", digits.max(needed));
    let (whole, rest) = text.split_at(text.find('.').unwrap_or(text.len()));
    format!("{}{rest}", thousands(whole))
}

fn thousands(whole: &str) -> String {
    let (sign, whole) = whole.strip_prefix('-').map_or(("", whole), |whole| ("-", whole));
    let mut text = String::from(sign);
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with no more digits than it needs: 0.5, 20, 1,000.
pub fn plain(value: f64) -> String {
    let text = number(value, 3);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

const SECONDS_A_DAY: u64 = 86_400;

/// The day, `2025-01-31`, of seconds since 1970, in UTC.
pub fn day(at: u64) -> String {
    // Days are counted from 1 March of year 0, so that the leap day ends a year (Howard Hinnant, "chrono-compatible
    // low-level date algorithms").
    let days = at / SECONDS_A_DAY + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

/// A time as hours, minutes and seconds, without leading zeros.
pub fn duration(seconds: u64) -> String {
    let (hours, minutes, seconds) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds} s"),
        (0, _) => format!("{minutes} min {seconds} s"),
        _ => format!("{hours} h {minutes} min"),
    }
}
