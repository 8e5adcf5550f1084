//! Ottla beside Apache Kafka in one run, with the same clients, on the same machine.
//!
//! - `results`: the persisted form, one JSON file for each cell
//! - `measures`: what is measured, with units
//! - `render`: docs/benchmarks.md, docs/cost.md and their plots, from the results alone
//! - `floor`: the least that a broker must do, behind the same protocol

pub mod floor;
pub mod measures;
pub mod render;
pub mod results;

use std::process::ExitCode;

/// Runs the command.
pub fn main(words: &[String]) -> ExitCode {
    match words.first().map(String::as_str) {
        Some("floor") => floor::main(&words[1..]),
        _ => ExitCode::from(64),
    }
}
