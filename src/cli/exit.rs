//! Exit codes. They are documented in docs/configuration.md and never renumbered.

use std::fmt;

use crate::config::ConfigError;

/// How the process ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum ExitCode {
    /// All was well.
    Success = 0,
    /// None of the others.
    Failure = 1,
    /// The command line makes no sense.
    Usage = 2,
    /// The configuration can't be used.
    BadConfig = 3,
    /// An address is taken.
    PortBusy = 4,
    /// Another process uses the data directory.
    DataDirLocked = 5,
    /// The data directory belongs to another cluster, node or newer format.
    ForeignData = 6,
    /// The disk is full.
    NoSpace = 7,
    /// The disk can't be trusted.
    StorageFailure = 8,
    /// What is on the disk is damaged: to start again does not help.
    DamagedData = 9,
}

impl ExitCode {
    /// All codes with the words of the documentation.
    pub const ALL: [(ExitCode, &'static str); 10] = [
        (ExitCode::Success, "stopped in order, or did what was asked"),
        (ExitCode::Failure, "anything that has no code of its own"),
        (ExitCode::Usage, "the command line makes no sense"),
        (ExitCode::BadConfig, "the configuration cannot be used"),
        (ExitCode::PortBusy, "an address is taken"),
        (ExitCode::DataDirLocked, "another process uses the data directory"),
        (ExitCode::ForeignData, "the data directory is of another cluster, node or newer format"),
        (ExitCode::NoSpace, "the disk is full"),
        (ExitCode::StorageFailure, "the disk failed"),
        (ExitCode::DamagedData, "what is on the disk is damaged: to start again does not help"),
    ];

    /// The number.
    pub const fn number(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(code: ExitCode) -> Self {
        code.number().into()
    }
}

/// Why a subcommand failed: one line that names the thing, the place and the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// See [`ExitCode::Usage`].
    Usage(String),
    /// See [`ExitCode::BadConfig`].
    Config(Box<ConfigError>),
    /// See [`ExitCode::PortBusy`].
    PortBusy(String),
    /// See [`ExitCode::DataDirLocked`].
    DataDirLocked(String),
    /// See [`ExitCode::ForeignData`].
    ForeignData(String),
    /// See [`ExitCode::NoSpace`].
    NoSpace(String),
    /// See [`ExitCode::DamagedData`].
    Damaged(String),
    /// See [`ExitCode::StorageFailure`].
    Storage(String),
    /// See [`ExitCode::Failure`].
    Other(String),
}

impl Failure {
    /// The code to end with.
    pub const fn code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::Usage,
            Failure::Config(_) => ExitCode::BadConfig,
            Failure::PortBusy(_) => ExitCode::PortBusy,
            Failure::DataDirLocked(_) => ExitCode::DataDirLocked,
            Failure::ForeignData(_) => ExitCode::ForeignData,
            Failure::NoSpace(_) => ExitCode::NoSpace,
            Failure::Storage(_) => ExitCode::StorageFailure,
            Failure::Damaged(_) => ExitCode::DamagedData,
            Failure::Other(_) => ExitCode::Failure,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Config(error) => write!(f, "{error}"),
            Failure::Usage(line)
            | Failure::PortBusy(line)
            | Failure::DataDirLocked(line)
            | Failure::ForeignData(line)
            | Failure::NoSpace(line)
            | Failure::Storage(line)
            | Failure::Damaged(line)
            | Failure::Other(line) => f.write_str(line),
        }
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        Failure::Config(Box::new(error))
    }
}
