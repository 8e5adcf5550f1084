//! Seeds that failed once. They stand in `compat-tests/seeds`, and every run repeats them beside its own new one.

use std::collections::BTreeMap;
use std::path::Path;

/// The checks that draw chance; a line of the file begins with one of these names.
const CHECKS: [&str; 9] = [
    "chaos-fsync",
    "chaos-os",
    "group-chaos-fsync",
    "group-chaos-os",
    "compaction",
    "disk-full",
    "failed-sync",
    "hostile-mutated",
    "hostile-bombs",
];

/// The list, by check.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Seeds(BTreeMap<String, Vec<u64>>);

impl Seeds {
    /// Reads the list; a line that makes no sense is an error, so that no seed is forgotten in silence.
    pub fn load(path: &Path) -> Result<Self, String> {
        let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut seeds = BTreeMap::<_, Vec<u64>>::new();
        for line in text.lines() {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let Some(check) = words.next() else { continue };
            let seed = words.next().and_then(|word| word.parse().ok());
            match (CHECKS.contains(&check), seed, words.next()) {
                (true, Some(seed), None) => seeds.entry(check.to_owned()).or_default().push(seed),
                _ => return Err(format!("{line:?} is not `check seed # story` of {CHECKS:?}")),
            }
        }
        Ok(Seeds(seeds))
    }

    /// The seeds of a check.
    pub fn of(&self, check: &str) -> Vec<u64> {
        debug_assert!(CHECKS.contains(&check), "{check} is not in the list of checks");
        self.0.get(check).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
#[path = "seeds_tests.rs"]
mod tests;
