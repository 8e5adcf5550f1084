//! File names within a partition's directory: Kafka's own.

use crate::base::Offset;

/// Batches.
pub const LOG: &str = ".log";
/// Offset index.
pub const INDEX: &str = ".index";
/// Time index.
pub const TIME_INDEX: &str = ".timeindex";
/// The topic's identity.
pub const PARTITION_METADATA: &str = "partition.metadata";
/// What a damaged tail is kept under when it held whole batches: `<base>.log.<position>.cut`.
pub const CUT: &str = ".cut";

const DIGITS: usize = 20;

/// The name of a segment's file: its base offset in 20 digits, and what kind it is.
pub fn segment(base: Offset, suffix: &str) -> String {
    format!("{:0DIGITS$}{suffix}", base.0)
}

/// The base offset of a file name with this ending; `None` for every other name.
pub fn parse(name: &str, suffix: &str) -> Option<Offset> {
    let digits = name.strip_suffix(suffix)?;
    let digits_only = digits.len() == DIGITS && digits.bytes().all(|byte| byte.is_ascii_digit());
    if digits_only { digits.parse().ok().map(Offset) } else { None }
}
