//! A wall clock that can be stepped, for one process: `clock-shim.c`, preloaded.

use crate::broker::Setup;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// The variable that names the file with the offset.
const OFFSET: &str = "OTTLA_CLOCK_OFFSET";
const NANOSECONDS: i64 = 1_000_000_000;

/// A clock.
pub struct WallClock {
    library: PathBuf,
    offset: PathBuf,
}

impl WallClock {
    /// Compiles the library into a directory; the clock is right.
    pub fn build(root: &Path, dir: &Path) -> Result<WallClock, String> {
        let clock = WallClock { library: dir.join("clock-shim.so"), offset: dir.join("clock-offset") };
        let mut gcc = Command::new("gcc");
        gcc.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&clock.library).arg(root.join("clock-shim.c"));
        let built = gcc.output().map_err(|error| format!("gcc: {error}"))?;
        if !built.status.success() {
            return Err(format!("gcc: {} {}", built.status, String::from_utf8_lossy(&built.stderr)));
        }
        clock.step(0)?;
        Ok(clock)
    }

    /// Sets it so many seconds ahead of the true time, or behind.
    pub fn step(&self, seconds: i64) -> Result<(), String> {
        let write = || {
            // Never truncated: the process has it mapped.
            let file = std::fs::OpenOptions::new().create(true).truncate(false).write(true).open(&self.offset)?;
            file.write_all_at(&(seconds * NANOSECONDS).to_ne_bytes(), 0)
        };
        write().map_err(|error| format!("{}: {error}", self.offset.display()))
    }

    /// A broker that goes by it.
    pub fn worn_by(&self, setup: Setup) -> Setup {
        setup.with_env("LD_PRELOAD", &self.library).with_env(OFFSET, &self.offset)
    }
}

/// The true time, milliseconds.
pub fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// How many seconds a clock must be stepped to show the beginning of 1970.
pub fn to_1970() -> i64 {
    -now_ms() / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_process_sees_the_stepped_time_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        let clock = WallClock::build(Path::new(env!("CARGO_MANIFEST_DIR")), dir.path()).expect("compiles");
        let year = || {
            let mut date = Command::new("date");
            let out = date.arg("+%s").env("LD_PRELOAD", &clock.library).env(OFFSET, &clock.offset).output();
            String::from_utf8_lossy(&out.expect("date").stdout).trim().parse::<i64>().expect("seconds")
        };
        for seconds in [0, 3_600, -3_600, 315_360_000, -315_360_000, to_1970()] {
            clock.step(seconds).expect("written");
            let shown = year() - (now_ms() / 1000 + seconds);
            assert!(shown.abs() <= 2, "{shown} s away after a step of {seconds}");
        }
    }
}
