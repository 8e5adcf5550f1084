//! How old a sealed segment is: by its newest record. Worked out once, for retention and compaction.

use super::segment::{Segment, SegmentError};
use crate::base::{Offset, Timestamp};
use std::sync::OnceLock;

/// What is known of a sealed segment's age.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Newest {
    /// The largest timestamp of its records.
    At(Timestamp),
    /// No record carries a time; this run first looked at it then.
    SeenAt(Timestamp),
    /// Nobody can say: it is damaged.
    Damaged,
}

/// What was found out.
#[derive(Default)]
pub(super) struct Age(OnceLock<Newest>);

impl Segment {
    /// How old a sealed segment is. Its time index says so, held against the batch that it points at; where that can't be,
    /// all headers are read. Damage is told once. `now` is what counts for records without a time.
    pub fn newest(&self, now: Timestamp) -> Newest {
        if let Some(known) = self.age.0.get() {
            return *known;
        }
        let found = match self.max_mark(Offset(i64::MAX)) {
            Ok(Some(mark)) if mark.timestamp.0 >= 0 => Newest::At(mark.timestamp),
            Ok(_) => Newest::SeenAt(now),
            Err(error @ SegmentError::Corrupt { .. }) => {
                tracing::warn!("how old a segment is can't be told, it is kept whatever its age: {error}");
                Newest::Damaged
            }
            // A disk that does not answer now may do so later.
            Err(error @ SegmentError::Io { .. }) => {
                tracing::warn!("how old a segment is can't be told now: {error}");
                return Newest::Damaged;
            }
        };
        *self.age.0.get_or_init(|| found)
    }
}
