//! Whether a target holds.

use super::figures::{self, NOTHING, Ratios, Spread, plain};
use super::markdown::escape;
use super::outcome::Outcome;
use super::systems::System;
use crate::side_by_side::measures::Measure;
use crate::side_by_side::results::Cell;

/// Digits of a ratio that is held against a limit.
const RATIO_DIGITS: usize = 3;
/// Where nobody tried.
pub const NOT_MEASURED: &str = "not measured";
/// Where a target is missed.
pub const MISSED: &str = "**does not hold**";
const UNRESOLVED: &str = "lost in the noise of two measurements";

/// What a figure is held against.
pub enum Limit {
    /// At most so many times the figure of another system in the same round.
    Times(f64, System),
    /// Less than the figure of another system in the same round.
    Below(System),
    /// At most this.
    AtMost(f64),
    /// Nothing: the ratio to another system is shown for comparison.
    Shown(System),
}

impl Limit {
    /// As the target reads.
    pub fn words(&self) -> String {
        match self {
            Limit::Times(times, of) => format!("at most {} x {}", plain(*times), of.name()),
            Limit::Below(of) => format!("below {}", of.name()),
            Limit::AtMost(most) => format!("at most {}", plain(*most)),
            Limit::Shown(_) => "for comparison".to_owned(),
        }
    }

    fn of(&self) -> Option<System> {
        match self {
            Limit::Times(_, of) | Limit::Below(of) | Limit::Shown(of) => Some(*of),
            Limit::AtMost(_) => None,
        }
    }

    fn holds(&self, figure: f64) -> bool {
        match self {
            Limit::Times(most, _) | Limit::AtMost(most) => figure <= *most,
            Limit::Below(_) => figure < 1.0,
            Limit::Shown(_) => true,
        }
    }
}

/// One system in one cell, held against a limit.
struct Judged<'a> {
    limit: &'a Limit,
    /// How it went, and how it went on the system that it is a multiple of.
    own: Outcome<'a>,
    other: Option<(System, Outcome<'a>)>,
    /// What is held against the limit.
    ratios: Ratios,
    digits: usize,
}

/// The figure and the verdict, as entries of the table.
pub fn of(cell: Option<&Cell>, system: System, measure: &Measure, limit: &Limit) -> [String; 2] {
    let Some(cell) = cell else { return [NOTHING.to_owned(), NOT_MEASURED.to_owned()] };
    let (ratios, digits) = match limit.of() {
        Some(of) => (figures::ratios_by_round(cell, system.name(), of.name(), measure.name), RATIO_DIGITS),
        None => (Ratios { values: cell.values(system.name(), measure.name), unresolved: 0 }, measure.digits),
    };
    let other = limit.of().map(|of| (of, Outcome::of(cell, of)));
    let judged = Judged { limit, own: Outcome::of(cell, system), other, ratios, digits };
    [judged.figure(), escape(&judged.result())]
}

impl Judged<'_> {
    fn figure(&self) -> String {
        let Some(spread) = Spread::of(&self.ratios.values) else { return NOTHING.to_owned() };
        let text = spread.text(self.digits);
        self.limit.of().map_or(text.clone(), |of| format!("{text} x {}", of.name()))
    }

    fn result(&self) -> String {
        if let Some(why) = self.own.why_none() {
            return self.with_verdict(MISSED, &why);
        }
        let Some(spread) = Spread::of(&self.ratios.values) else { return self.without_figure() };
        let mut parts = vec![self.verdict(&spread)];
        parts.extend(self.own.partly_failed());
        if self.ratios.unresolved > 0 {
            parts.push(format!("{} of {} rounds {UNRESOLVED}", self.ratios.unresolved, self.rounds()));
        }
        let other = self.other.as_ref();
        parts.extend(other.and_then(|(of, outcome)| Some(format!("{}: {}", of.name(), outcome.partly_failed()?))));
        parts.join("; ")
    }

    /// A reason with the verdict before it, unless there is nothing to judge.
    fn with_verdict(&self, verdict: &str, why: &str) -> String {
        if matches!(self.limit, Limit::Shown(_)) { why.to_owned() } else { format!("{verdict}: {why}") }
    }

    /// The system did it, but there is nothing to hold against the limit.
    fn without_figure(&self) -> String {
        if self.ratios.unresolved > 0 {
            return self.with_verdict("not decided", UNRESOLVED);
        }
        let other =
            self.other.as_ref().and_then(|(of, outcome)| Some(format!("{}: {}", of.name(), outcome.why_none()?)));
        other.map_or(NOT_MEASURED.to_owned(), |why| format!("{NOT_MEASURED}: {why}"))
    }

    /// Rounds that both made.
    fn rounds(&self) -> usize {
        self.ratios.values.len() + self.ratios.unresolved
    }

    /// The median decides; in how many rounds it was so says how sure that is.
    fn verdict(&self, spread: &Spread) -> String {
        if matches!(self.limit, Limit::Shown(_)) {
            return NOTHING.to_owned();
        }
        let held = self.ratios.values.iter().filter(|value| self.limit.holds(**value)).count();
        let verdict = if !self.limit.holds(spread.median) || self.own.failed.len() > self.own.made {
            MISSED
        } else if self.ratios.unresolved > self.ratios.values.len() {
            "not decided"
        } else {
            "holds"
        };
        format!("{verdict} (in {held} of {} rounds)", self.rounds())
    }
}
