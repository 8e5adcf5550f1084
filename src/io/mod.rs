//! Floor 3: the outside world that keeps bytes.
//!
//! - [`disk`]: files and directories, blocking.
//! - [`bucket`]: objects that are made once and never change, async.
//!
//! Each has a twin that fails on demand, so that everything above can be tested against what disks and buckets really
//! do. Nothing here knows Kafka. Time and chance are arguments.

pub mod bucket;
pub mod disk;
