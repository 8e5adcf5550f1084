//! What a run found: passed, failed, or cannot (a client's own words), by part, with minutes.

use std::time::{Duration, Instant};

/// The outcome of one check.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It held. The figure that was seen, if there is one.
    Passed(String),
    /// It did not hold.
    Failed(String),
    /// The client can't do this, in its own words. Never counted as passed.
    Cannot(String),
}

/// One check by name.
#[derive(Clone, Debug)]
pub struct Check {
    /// What was checked.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// The checks of one part, printed as they come.
#[derive(Default)]
pub struct Report {
    /// All checks so far.
    pub checks: Vec<Check>,
}

impl Report {
    /// Notes an outcome and prints it.
    pub fn note(&mut self, name: impl Into<String>, outcome: Outcome) {
        let name = name.into();
        match &outcome {
            Outcome::Passed(figure) if figure.is_empty() => say(&format!("  ok      {name}")),
            Outcome::Passed(figure) => say(&format!("  ok      {name}: {figure}")),
            Outcome::Failed(why) => say(&format!("  FAILED  {name}: {why}")),
            Outcome::Cannot(words) => say(&format!("  cannot  {name}: {words}")),
        }
        self.checks.push(Check { name, outcome });
    }

    /// Notes a result: the figure, or why it failed.
    pub fn result(&mut self, name: impl Into<String>, result: Result<String, String>) {
        self.note(name, result.map_or_else(Outcome::Failed, Outcome::Passed));
    }

    /// How many checks passed, failed, and could not be made by the client.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |pick: fn(&Outcome) -> bool| self.checks.iter().filter(|check| pick(&check.outcome)).count();
        (
            count(|outcome| matches!(outcome, Outcome::Passed(_))),
            count(|outcome| matches!(outcome, Outcome::Failed(_))),
            count(|outcome| matches!(outcome, Outcome::Cannot(_))),
        )
    }
}

/// One line on standard output. The only place of the harness that prints.
#[allow(clippy::print_stdout)]
pub fn say(line: &str) {
    println!("{line}");
}

/// Runs one part and prints its minutes.
pub fn timed(part: &str, run: impl FnOnce(&mut Report)) -> (Report, Duration) {
    say(&format!("== {part}"));
    let begun = Instant::now();
    let mut report = Report::default();
    run(&mut report);
    let took = begun.elapsed();
    let (passed, failed, cannot) = report.counts();
    say(&format!(
        "== {part}: {passed} passed, {failed} failed, {cannot} the client cannot, {:.1} minutes",
        took.as_secs_f64() / 60.0
    ));
    (report, took)
}

/// Median, 95th percentile and maximum, in words.
pub fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let at = |percent: usize| times[(times.len() * percent).div_ceil(100) - 1].as_millis();
    format!("median {} p95 {} max {} ms", at(50), at(95), at(100))
}
