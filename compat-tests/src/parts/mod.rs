//! One file per part of the run; each takes what it needs and notes its checks in a report.

pub mod answers;
pub mod chaos;
pub mod data_set;
pub mod features;
pub mod figures;
pub mod hostile;
pub mod shippers;
pub mod tools;

use crate::broker::{Ottla, Setup};
use crate::clients::Clients;
use crate::report::Report;
use crate::seeds::Seeds;
use std::path::PathBuf;

/// What every part may use.
pub struct Context {
    /// The broker.
    pub binary: PathBuf,
    /// The folder of the harness.
    pub root: PathBuf,
    /// The client programs.
    pub clients: Clients,
    /// Whether the parts run at their full size.
    pub long: bool,
    /// Whether the generated parts of the docs are written rather than checked.
    pub write_docs: bool,
    /// The seed of the run.
    pub seed: u64,
    /// Seeds that failed once.
    pub kept: Seeds,
}

impl Context {
    /// The size for this run: `ci`, or `long` by hand.
    pub fn size<T>(&self, ci: T, long: T) -> T {
        if self.long { long } else { ci }
    }

    /// The seeds to run a check with: that of the run, and those with which the check once failed.
    pub fn seeds(&self, check: &str) -> Vec<u64> {
        std::iter::once(self.seed).chain(self.kept.of(check)).collect()
    }

    /// A fresh broker with its data in a temporary directory.
    pub fn broker(&self, properties: &[(&str, &str)]) -> Result<(Ottla, Setup, tempfile::TempDir), String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut setup = Setup::new(&self.binary, &dir.path().join("data"));
        for (key, value) in properties {
            setup = setup.with(key, value);
        }
        Ok((setup.start()?, setup, dir))
    }
}

/// A part of the run.
pub type Part = fn(&mut Report, &Context);

/// All parts, in their order.
pub const ALL: &[(&str, Part)] = &[
    ("figures", |report, context| figures::run(report, &context.binary)),
    ("features", features::part),
    ("data-set", data_set::part),
    ("shippers", shippers::part),
    ("tools", tools::part),
    ("answers", answers::part),
    ("hostile", hostile::part),
    ("chaos", chaos::part),
];
