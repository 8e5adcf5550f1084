//! The `ottla` program: hands the process's arguments, environment and streams to the command line.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::ExitCode;

use ottla::cli::{self, Failure, Hooks, InspectError, Inspection, World};
use ottla::config::StartConfig;
use tracing_subscriber::EnvFilter;

fn main() -> ExitCode {
    let environment = std::env::vars_os()
        .map(|(name, value)| (name.to_string_lossy().into_owned(), value.to_string_lossy().into_owned()))
        .collect();
    let (mut out, mut err) = (io::stdout().lock(), io::stderr());
    let world = World { environment, out: &mut out, err: &mut err };
    cli::run(std::env::args_os(), world, &Hooks { serve, inspect, log }).into()
}

/// The broker is not in this build yet.
fn serve(config: StartConfig) -> Result<(), Failure> {
    Err(Failure::Other(format!("this build cannot serve {:?} yet", config.data_dir)))
}

/// The inspection of segments is not in this build yet.
fn inspect(directory: &Path, _out: &mut dyn io::Write) -> Result<Inspection, InspectError> {
    let why = format!("this build cannot inspect {} yet", directory.display());
    Err(InspectError::Io(io::Error::new(io::ErrorKind::Unsupported, why)))
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
