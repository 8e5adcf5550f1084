//! The topics in what a member of a consumer group tells the group's leader.
//!
//! ```text
//! version i16 | topics [] of string | user data bytes? | owned partitions (1 on) | generation (2 on) | rack (3 on)
//! ```
//!
//! Clients agree on these bytes among themselves; the broker looks only as far as Kafka's does, up to the user data, and
//! at no version: newer ones add fields behind.

use super::RecordError;
use super::cursor::Cursor;
use crate::group::command::Name;

/// The least that a topic takes: its length.
const TOPIC_BYTES_MIN: usize = 2;

/// The topics that a member subscribes to, in its order, repeated ones too; none when `metadata` is no subscription of
/// the protocol type `consumer`.
pub fn topics(metadata: &[u8]) -> Option<Vec<Name>> {
    read(metadata).ok()
}

fn read(metadata: &[u8]) -> Result<Vec<Name>, RecordError> {
    let mut fields = Cursor::new(metadata);
    fields.i16()?;
    let count = fields.count(TOPIC_BYTES_MIN)?;
    let mut topics = Vec::new();
    for _ in 0..count {
        topics.push(fields.string()?);
    }
    fields.nullable_bytes()?;
    Ok(topics)
}
