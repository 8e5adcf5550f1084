//! docs/benchmarks.md, docs/cost.md and their plots, from the results alone.
//!
//! - `input`: the results, checked and in the order of the pages
//! - `systems`: what is compared, in which colour
//! - `figures`: medians with their spread, ratios, and how numbers are written
//! - `markdown`: tables, escapes, anchors
//! - `notes`: hand-written text that stands between markers and is kept
//! - `outcome`: how often a system did a cell, how often not, and why
//! - `targets`: the design's targets, as data; `verdict`: whether they hold
//! - `kafka_better`: every cell that only Kafka did, and every figure in which it is ahead
//! - `cell_table`: the table of one cell; `remarks`: what must be known of its figures
//! - `prose`: fixed text
//! - `comparison`: docs/benchmarks.md
//! - `cost`: docs/cost.md
//! - `plots`: which plots docs/benchmarks.md has
//! - `bars`, `lines`: the two kinds of plot, on `axis` and `svg`
//!
//! The same results and the same notes give the same bytes. Nothing is written unless all of it could be made. Files
//! ending in `.svg` in docs/benchmarks/plots belong to the renderer: those that no plot makes any more are removed.
//! The plots need bars, lines and text only, so a small writer of SVG stands in for a charting library.

mod axis;
mod bars;
mod cell_table;
mod comparison;
mod cost;
mod figures;
mod input;
mod kafka_better;
mod lines;
mod markdown;
mod notes;
mod outcome;
mod plots;
mod prose;
mod remarks;
mod svg;
mod systems;
mod targets;
mod verdict;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The page of the comparison, below docs.
const COMPARISON: &str = "benchmarks.md";
/// The page of how cost grows, below docs.
const COST: &str = "cost.md";
/// The folder of the plots, below docs.
const PLOTS: &str = "benchmarks/plots";

/// Writes the pages and their plots below `docs`, from what stands in `results`.
///
/// Errors name the file or the cell that can't be used; then nothing was written.
pub fn render(results: &Path, docs: &Path) -> Result<(), String> {
    let pages = pages(results, docs)?;
    for (path, text) in &pages {
        write(&docs.join(path), text)?;
    }
    for path in orphans(&pages, docs)? {
        std::fs::remove_file(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    Ok(())
}

/// The files that [`render`] would write with other content, or remove. Writes nothing.
pub fn stale(results: &Path, docs: &Path) -> Result<Vec<PathBuf>, String> {
    let pages = pages(results, docs)?;
    let mut stale = Vec::new();
    for (path, text) in &pages {
        if existing(&docs.join(path))?.as_deref() != Some(text) {
            stale.push(docs.join(path));
        }
    }
    stale.extend(orphans(&pages, docs)?);
    Ok(stale)
}

/// All files with their content, by path below `docs`.
fn pages(results: &Path, docs: &Path) -> Result<BTreeMap<PathBuf, String>, String> {
    let results = input::Results::load(results)?;
    let mut pages = BTreeMap::new();
    for (name, text) in plots::draw(&results).into_iter().chain(cost::draw(&results)?) {
        pages.insert(Path::new(PLOTS).join(name), text);
    }
    let old = |page: &str| existing(&docs.join(page)).map(Option::unwrap_or_default);
    let within = |page: &'static str| move |error: String| format!("{}: {error}", docs.join(page).display());
    let comparison = comparison::page(&results, &old(COMPARISON)?).map_err(within(COMPARISON))?;
    let cost = cost::page(&results, &old(COST)?).map_err(within(COST))?;
    pages.insert(COMPARISON.into(), comparison);
    pages.insert(COST.into(), cost);
    Ok(pages)
}

/// The plots on disk that no page has any more.
fn orphans(pages: &BTreeMap<PathBuf, String>, docs: &Path) -> Result<Vec<PathBuf>, String> {
    let dir = docs.join(PLOTS);
    if !dir.exists() {
        return Ok(Vec::new());
    }
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    let mut orphans = Vec::new();
    for entry in std::fs::read_dir(&dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        let is_plot = path.extension().is_some_and(|end| end == "svg");
        if is_plot && !pages.keys().any(|page| docs.join(page) == path) {
            orphans.push(path);
        }
    }
    orphans.sort();
    Ok(orphans)
}

fn existing(path: &Path) -> Result<Option<String>, String> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(format!("{}: {error}", path.display())),
    }
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir).map_err(failed)?;
    }
    // The old page holds notes written by hand: a write that is cut must not lose them.
    let new = path.with_extension("new");
    std::fs::write(&new, text).map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)
}
