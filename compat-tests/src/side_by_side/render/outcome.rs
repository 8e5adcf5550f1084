//! What came of a cell on one system: how often it was done, how often not, and why.

use super::systems::System;
use crate::side_by_side::results::{Cell, Failed};

/// The rounds of one system.
pub struct Outcome<'a> {
    /// How many were measured.
    pub made: usize,
    /// Those that failed, and were not measured later.
    pub failed: Vec<&'a Failed>,
    /// Why it can't be done at all.
    pub cannot: Option<&'a str>,
}

impl<'a> Outcome<'a> {
    /// Of this system in this cell.
    pub fn of(cell: &'a Cell, system: System) -> Outcome<'a> {
        let name = system.name();
        let is_left = |failed: &&Failed| failed.system == name && !cell.has(name, failed.round);
        Outcome {
            made: cell.runs.iter().filter(|run| run.system == name).count(),
            failed: cell.failed.iter().filter(is_left).collect(),
            cannot: cell.cannot.get(name).map(String::as_str),
        }
    }

    /// Why there is nothing to show, as the end of a sentence. None where something is, or where it was never tried.
    pub fn why_none(&self) -> Option<String> {
        if let Some(why) = self.cannot {
            return Some(format!("can't be done: {why}"));
        }
        let first = self.failed.first().filter(|_| self.made == 0)?;
        Some(format!("failed: {}", first.why))
    }

    /// That some rounds failed: `2 of 3 rounds failed: why`.
    pub fn partly_failed(&self) -> Option<String> {
        let (count, first) = (self.failed.len(), self.failed.first()?);
        Some(format!("{count} of {} rounds failed: {}", self.made + count, first.why))
    }
}
