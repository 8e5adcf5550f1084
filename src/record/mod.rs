//! Floor 2: Kafka's record batch (magic 2) as a view over bytes.
//!
//! - [`header`]: the 61-byte batch header, typed; iteration over consecutive batches; patching what lies outside the CRC.
//! - [`check`]: what a produced batch must satisfy before it may be appended.
//! - [`records`]: the records inside a batch, decompressed as they are read, under a cap.
//! - [`compression`]: the five codecs, both forms of snappy.
//! - [`build`]: batches made here: tests, control records, internal topics.
//! - [`rewrite`]: what is left of a batch after compaction.
//! - [`varint`]: zigzag varints with checked bounds.
//!
//! Bytes are sacred: nothing here rewrites a batch, except [`patch`] (base offset and leader epoch, outside the CRC),
//! [`restamp_append_time`] (LogAppendTime, which Kafka defines as a rewrite) and [`rewrite`] (compaction, likewise). Every length and count is checked against
//! the bytes that are there before anything is allocated. No I/O; anybody above may call.

pub mod build;
pub mod check;
pub mod compression;
pub mod header;
pub mod records;
pub mod rewrite;
pub mod varint;

pub use build::{BatchBuilder, NewRecord};
pub use check::{BatchError, check_produced};
pub use compression::Compression;
pub use header::{BatchHeader, Batches, HEADER_BYTES, TimestampType, patch, restamp_append_time};
pub use records::{Record, RecordError, RecordHeader, Records};
pub use rewrite::{Rewriter, write_empty};

#[cfg(test)]
mod tests;
