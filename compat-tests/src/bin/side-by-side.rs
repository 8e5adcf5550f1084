//! Ottla beside Apache Kafka in one run: see the module `side_by_side`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    compat_tests::side_by_side::main(&words)
}
