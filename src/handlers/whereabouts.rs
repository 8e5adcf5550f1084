//! What this broker tells of itself.

use crate::base::NodeId;
use crate::wire::Str;
use std::path::PathBuf;

/// Who and where this broker is.
#[derive(Clone, Debug)]
pub struct Whereabouts {
    /// Its node id.
    pub node: NodeId,
    /// Its rack, if it has one.
    pub rack: Option<String>,
    /// Where its data is.
    pub data_dir: PathBuf,
}

impl Whereabouts {
    /// The rack, for an answer.
    pub(super) fn rack(&self) -> Option<Str> {
        self.rack.clone().map(Str::from_string)
    }
}
