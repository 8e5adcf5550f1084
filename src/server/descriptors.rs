//! File descriptors: raised at start, then shared out, so that a flood of connections never meets EMFILE where a segment
//! or the admin port needs one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Kept for what is always open: standard streams, runtime, listeners, lock and log files.
const FIXED: u64 = 64;

/// Kept for the admin port, connections and all.
const ADMIN: u64 = 48;

/// Most descriptors planned with, where the system allows any number.
const CEILING: u64 = 1 << 20;

/// Who may open how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The process's limit.
    pub limit: u64,
    /// For client connections: the default of `max.connections`.
    pub connections: usize,
    /// For segments and other files of the store.
    pub files: usize,
}

impl Descriptors {
    /// Shares out `limit` descriptors: a quarter to files, the rest, less what is always open, to connections.
    pub fn share(limit: u64) -> Descriptors {
        let planned = limit.min(CEILING);
        let files = planned / 4;
        let connections = planned.saturating_sub(files + FIXED + ADMIN);
        Descriptors { limit, connections: connections.max(1) as usize, files: files.max(16) as usize }
    }

    /// Raises this process's soft limit to its hard one and shares it out. Never fails: what can't be raised is lived with.
    pub fn raise() -> Descriptors {
        let now = getrlimit(Resource::Nofile);
        let wanted = now.maximum.unwrap_or(CEILING);
        if now.current.is_some_and(|current| current < wanted) {
            let raised = Rlimit { current: Some(wanted), maximum: now.maximum };
            if let Err(error) = setrlimit(Resource::Nofile, raised) {
                tracing::warn!(%error, wanted, "could not raise the limit of open files");
            }
        }
        Descriptors::share(getrlimit(Resource::Nofile).current.unwrap_or(CEILING))
    }
}
