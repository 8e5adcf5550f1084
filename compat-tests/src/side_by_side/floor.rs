//! The least that a broker must do, behind the same protocol.

use std::process::ExitCode;

/// Runs the floor.
pub fn main(_words: &[String]) -> ExitCode {
    ExitCode::from(64)
}
