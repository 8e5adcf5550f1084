//! Compaction as rules over bytes: what Apache Kafka's cleaner keeps, batch by batch.
//!
//! - [`choose`]: which log is worth cleaning, and how much of it. [`grouping`]: which segments become one.
//! - [`mapping`]: first pass, over the dirty part: the last offset of each key into a [`map`] of fixed size.
//! - [`rules`]: second pass, over all that is to be cleaned: what of each batch is kept, and the batch that is left.
//! - [`transactions`]: what both passes know of aborted data and of markers. [`readable`]: batches that can't be judged.
//!
//! What must hold: a record goes only if a later one of its key is kept or was a tombstone itself, if it is a tombstone
//! behind its horizon, if its transaction was aborted, or if it has no key. Offsets never change. A batch that can't be
//! read goes never, is copied as it is and named; and what stands behind it in the log is not removed by age, since it may
//! be what deletes something in there. Kafka stops cleaning such a partition instead.
//!
//! Both passes must see the batches in order, and the same transactions. Memory is bounded by the map and by one batch's
//! plain records, which are capped. No I/O, no clock, no chance (the map's seed is an argument); what a crash leaves is
//! the caller's matter.

pub mod choose;
pub mod grouping;
pub mod map;
pub mod mapping;
pub mod readable;
pub mod rules;
pub mod transactions;

pub use choose::{Candidate, ChoosePolicy, LogState, SegmentAge, candidate, filthiest};
pub use grouping::{GroupLimits, SegmentSize, group_by_size};
pub use map::{Full, OffsetMap};
pub use mapping::{Mapper, Noted};
pub use readable::Unreadable;
pub use rules::{Compactor, LastRecord, Rules, Stats, Verdict};
pub use transactions::{Aborted, Transactions};

#[cfg(test)]
mod tests;
