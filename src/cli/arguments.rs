//! Flags and subcommands.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// What `--version` says after the name of the program.
const VERSION: &str = concat!(env!("CARGO_PKG_VERSION"), "\nspeaks the Kafka protocol of Apache Kafka 4.4");

/// A Kafka-compatible broker. Without a subcommand it serves.
#[derive(Debug, Parser)]
#[command(name = "ottla", version = VERSION, args_conflicts_with_subcommands = true)]
pub(super) struct Arguments {
    #[command(subcommand)]
    pub(super) command: Option<Command>,
    #[command(flatten)]
    pub(super) serve: ServeArguments,
    /// Which messages are logged, for example "info" or "ottla=debug" [default: RUST_LOG, or info]
    #[arg(long, global = true, value_name = "FILTER")]
    pub(super) log: Option<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Serve clients until told to stop
    Serve(ServeArguments),
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at a data directory
    #[command(subcommand)]
    Storage(StorageCommand),
    /// Print texts made from the program itself
    #[command(subcommand, hide = true)]
    Generate(GenerateCommand),
}

/// What the broker is started with. Weakest first: defaults, --config, KAFKA_* variables, flags.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ServeArguments {
    /// Properties file, as Kafka's server.properties
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Address to serve, repeatable; port 0 picks a free one [default: PLAINTEXT://127.0.0.1:9092]
    #[arg(long, value_name = "NAME://HOST:PORT")]
    pub(super) listener: Vec<String>,
    /// Directory of all data [default: $STATE_DIRECTORY, or ./ottla-data]
    #[arg(long, value_name = "DIR")]
    pub(super) data_dir: Option<String>,
    /// Address of health checks and metrics [default: 127.0.0.1:9644]
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) admin: Option<String>,
    /// Any property, repeatable
    #[arg(short = 'o', value_name = "KEY=VALUE")]
    pub(super) settings: Vec<String>,
}

#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Print effective values and where each comes from
    Show {
        #[command(flatten)]
        serve: ServeArguments,
        /// Keys without effect in this version too
        #[arg(long)]
        all: bool,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum StorageCommand {
    /// List checkpoint, write-ahead log, segments and batches and check them, without changing anything
    Inspect {
        /// The data directory, or a partition's directory in it
        #[arg(value_name = "DIR")]
        directory: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(super) enum GenerateCommand {
    /// The text of docs/configuration.md
    ConfigDocs,
}
