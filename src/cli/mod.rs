//! The command line: which flags there are, what each subcommand prints, which exit code it ends
//! with.
//!
//! | part | what it does |
//! | --- | --- |
//! | `arguments` | flags and subcommands |
//! | `exit` | exit codes |
//! | `show` | `ottla config show` |
//! | `reference` | the text of docs/configuration.md |
//! | `storage` | `ottla storage inspect` |
//!
//! What must hold: nothing here reads the environment or writes to the process's own streams: all
//! come as arguments, and what acts on the world is behind [`Hooks`], which `main` fills in.

mod arguments;
mod exit;
mod reference;
mod show;
mod storage;

use std::ffi::OsString;
use std::io::Write;

use clap::Parser;

use crate::config::{ConfigError, Flags, PropertiesFile, StartConfig, assemble};

use arguments::{Arguments, Command, ConfigCommand, GenerateCommand, ServeArguments, StorageCommand};

pub use exit::{ExitCode, Failure};
pub use reference::configuration_reference;
pub use storage::{Inspect, InspectError, Inspection};

/// What a subcommand does to the world.
#[derive(Clone, Copy)]
pub struct Hooks {
    /// Serves until the process is told to stop.
    pub serve: fn(StartConfig) -> Result<(), Failure>,
    /// Reads a data directory; see [`Inspect`].
    pub inspect: Inspect,
    /// Sends logs to standard error through this filter; the error says what is wrong with it.
    pub log: fn(&str) -> Result<(), String>,
}

/// What a process gives to its command line.
pub struct World<'a> {
    /// All environment variables.
    pub environment: Vec<(String, String)>,
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Standard error.
    pub err: &'a mut dyn Write,
}

/// Log filter unless `--log` or `RUST_LOG` say otherwise.
const LOG_FILTER: &str = "info";

/// Runs the command line, its first item being the program's name, to the exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>, world: World<'_>, hooks: &Hooks) -> ExitCode {
    let World { environment, out, err } = world;
    let parsed = match Arguments::try_parse_from(arguments) {
        Ok(parsed) => parsed,
        Err(told) => {
            // Help and version are "errors" too, and belong on standard output.
            let is_error = told.use_stderr();
            let stream = if is_error { err } else { out };
            return match write!(stream, "{told}") {
                _ if is_error => ExitCode::Usage,
                Ok(()) => ExitCode::Success,
                Err(_) => ExitCode::Failure,
            };
        }
    };
    match act(parsed, &environment, out, hooks) {
        Ok(()) => ExitCode::Success,
        Err(failure) => {
            // Nobody is left to tell when standard error is gone.
            let _ = writeln!(err, "ottla: {failure}");
            failure.code()
        }
    }
}

fn act(
    arguments: Arguments,
    environment: &[(String, String)],
    out: &mut dyn Write,
    hooks: &Hooks,
) -> Result<(), Failure> {
    let variable = |name: &str| environment.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    let filter = arguments.log.or_else(|| variable("RUST_LOG")).unwrap_or(LOG_FILTER.into());
    (hooks.log)(&filter).map_err(|why| Failure::Usage(format!("log filter {filter:?}: {why}")))?;
    let command = arguments.command.unwrap_or(Command::Serve(arguments.serve));
    let written = match command {
        Command::Serve(serve) => {
            let config = load(&serve, environment)?;
            for warning in &config.warnings {
                tracing::warn!("{warning}");
            }
            return (hooks.serve)(config);
        }
        Command::Config(ConfigCommand::Show { serve, all }) => {
            let config = load(&serve, environment)?;
            for warning in &config.warnings {
                tracing::warn!("{warning}");
            }
            show::write(&config, all, out)
        }
        Command::Storage(StorageCommand::Inspect { directory }) => {
            return storage::inspect(hooks.inspect, &directory, out);
        }
        Command::Generate(GenerateCommand::ConfigDocs) => out.write_all(configuration_reference().as_bytes()),
    };
    match written {
        // Who reads only the first lines (`| head`) has what they wanted.
        Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(|e| Failure::Other(format!("cannot write the answer: {e}"))),
    }
}

/// Reads the file and puts all sources together.
fn load(serve: &ServeArguments, environment: &[(String, String)]) -> Result<StartConfig, ConfigError> {
    let file = match &serve.config {
        Some(path) => {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path)
                .map_err(|e| ConfigError::Unreadable { path: shown.clone(), why: e.to_string() })?;
            Some(PropertiesFile { path: shown, text })
        }
        None => None,
    };
    let flags = Flags {
        listeners: serve.listener.clone(),
        data_dir: serve.data_dir.clone(),
        admin: serve.admin.clone(),
        settings: serve.settings.clone(),
    };
    assemble(file.as_ref(), environment.iter().cloned(), &flags)
}

#[cfg(test)]
mod tests;
