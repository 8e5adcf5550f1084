//! Records whose timestamps are out of range, named one by one (PR-5, KIP-467).

use crate::base::Timestamp;
use crate::record::{BatchHeader, Compression, Records};
use crate::wire::Str;
use crate::wire::produce::RecordError;

/// Most records that an answer names.
const NAMED_MAX: usize = 100;

/// The records of a refused batch whose timestamps lie outside. A compressed batch is not opened for the sake of an
/// error's text: none of its records is named.
pub(super) fn outside(header: &BatchHeader, bytes: &[u8], earliest: Timestamp, latest: Timestamp) -> Vec<RecordError> {
    if header.compression() != Some(Compression::None) {
        return Vec::new();
    }
    let Ok(records) = Records::new(header, bytes, bytes.len()) else { return Vec::new() };
    let message = |at: Timestamp| Str::from_string(format!("Timestamp {at} is not within {earliest} to {latest}."));
    (0i32..)
        .zip(records.map_while(Result::ok))
        .filter(|(_, record)| record.timestamp < earliest || record.timestamp > latest)
        .take(NAMED_MAX)
        .map(|(batch_index, record)| RecordError { batch_index, message: Some(message(record.timestamp)) })
        .collect()
}
