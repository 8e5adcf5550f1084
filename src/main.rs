//! The `ottla` program: hands the process's arguments, environment and streams to the command line.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ottla::cli::{self, Hooks, InspectError, Inspection, World};
use ottla::io::disk::{Disk, RealDisk};
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let world = World { environment, out: &mut out, err: &mut err };
    cli::run(std::env::args_os(), world, &Hooks { serve: ottla::serve::run, inspect, log }).into()
}

/// Reads checkpoint, write-ahead log, segments and indexes without changing them.
fn inspect(directory: &Path, out: &mut dyn io::Write) -> Result<Inspection, InspectError> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new());
    let store = ottla::store::inspect(&disk, directory, out)?;
    let logs = ottla::log::inspect::inspect(&*disk, directory, out)?;
    match (store.copies + store.files + logs.segments, store.findings + logs.findings) {
        (0, 0) => Err(InspectError::NotData(directory.display().to_string())),
        (_, 0) => Ok(Inspection::Sound),
        (_, findings) => Ok(Inspection::Damaged { findings }),
    }
}

fn log(filter: &str) -> Result<(), String> {
    let filter = EnvFilter::try_new(filter).map_err(|e| e.to_string())?;
    let colour = io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        .with_ansi(colour)
        .try_init()
        .map_err(|e| e.to_string())
}
