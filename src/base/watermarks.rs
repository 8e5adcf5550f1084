//! How far a partition has come.
//!
//! ```text
//!   log start        stable (LSO)      durable (high watermark)     end
//!      |---- readable to all ----|-- read_uncommitted --|-- appended, not yet durable --|
//! ```
//!
//! `log start <= stable <= durable <= end` holds at every moment; [`Watermarks::check`] asserts it at each change.

use super::Offset;

/// The four marks of a partition. Ends are exclusive.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Watermarks {
    /// The first offset that may still be read.
    pub log_start: Offset,
    /// Where read_committed readers stop: the first offset of the oldest open transaction, else `durable`.
    pub stable: Offset,
    /// Everything below has survived what the chosen durability covers; Kafka's high watermark.
    pub durable: Offset,
    /// The offset that the next record will get.
    pub end: Offset,
}

impl Watermarks {
    /// Panics with the numbers when the order of the marks is broken; call it after each change.
    pub fn check(&self) {
        assert!(
            self.log_start <= self.stable && self.stable <= self.durable && self.durable <= self.end,
            "watermarks out of order: {self:?}"
        );
    }
}
