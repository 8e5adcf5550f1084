//! The results, checked and in the order of the pages.

use crate::side_by_side::measures;
use crate::side_by_side::results::{self, Cell, Machine};
use std::path::Path;

/// The groups in the order of their sections. Others follow by name.
pub const GROUPS: &[&str] = &["start", "produce", "consume", "latency", "scale", "floor", "tools", "drawn"];

/// All that was measured.
pub struct Results {
    /// The machine and the run.
    pub machine: Machine,
    /// The cells: by group in the order of [`GROUPS`], then by name, with numbers in names compared as numbers.
    pub cells: Vec<Cell>,
}

impl Results {
    /// Reads them. Errors name the file or the cell that can't be used.
    pub fn load(out: &Path) -> Result<Results, String> {
        let machine = Machine::load(out)?;
        let mut cells = results::cells(out)?;
        for cell in &cells {
            check(cell, out)?;
        }
        cells.sort_by_cached_key(|cell| (place(cell.group()), natural(&cell.cell)));
        Ok(Results { machine, cells })
    }

    /// The cell of this name.
    pub fn cell(&self, name: &str) -> Option<&Cell> {
        self.cells.iter().find(|cell| cell.cell == name)
    }

    /// The cells of each group that has any.
    pub fn groups(&self) -> impl Iterator<Item = &[Cell]> {
        self.cells.chunk_by(|one, next| one.group() == next.group())
    }
}

/// A page that silently left out a measure, or linked to a file that isn't there, would mislead.
fn check(cell: &Cell, out: &Path) -> Result<(), String> {
    let path = cell.path(out);
    if !path.is_file() {
        return Err(format!("{} is not the file of {}", path.display(), cell.cell));
    }
    for run in &cell.runs {
        let known = |name: &String| measures::of(name).is_some() || measures::ONLY_RAW.contains(&name.as_str());
        if let Some((name, _)) = run.values.iter().find(|(name, _)| !known(name)) {
            return Err(format!("{}: {} has a measure that is not known: {name}", path.display(), run.system));
        }
    }
    Ok(())
}

fn place(group: &str) -> usize {
    GROUPS.iter().position(|known| *known == group).unwrap_or(GROUPS.len())
}

/// A name as text and numbers in turn, so that `record-100` stands before `record-1024`.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts: Vec<(String, u64)> = vec![(String::new(), 0)];
    let mut in_number = false;
    for c in name.chars() {
        match (c.to_digit(10), parts.last_mut()) {
            (Some(digit), Some((_, number))) => {
                *number = number.saturating_mul(10).saturating_add(u64::from(digit));
                in_number = true;
            }
            (None, Some((text, _))) if !in_number => text.push(c),
            _ => {
                parts.push((c.to_string(), 0));
                in_number = false;
            }
        }
    }
    parts
}
