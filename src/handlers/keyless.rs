//! Records without a key have no place in a compacted topic (PR-4, KIP-467).

use crate::base::PartitionIndex;
use crate::record::{BatchHeader, Compression, Records};
use crate::wire::produce::{PartitionProduceResponse, RecordError};
use crate::wire::{ErrorCode, Str};
use bytes::Bytes;

/// Most records that an answer names.
const NAMED_MAX: usize = 100;

/// Why a batch does not fit a compacted topic.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum KeylessError {
    /// These records have no key, by their places in the batch; so many in all.
    NoKey { at: Vec<i32>, count: usize },
    /// The records can't be read.
    Unreadable(String),
}

/// Checks that every record has a key. A compressed batch is opened, streaming, up to `bytes_max` decompressed bytes, on
/// the blocking pool.
pub(super) async fn check(header: &BatchHeader, bytes: &Bytes, bytes_max: u32) -> Result<(), KeylessError> {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    if header.compression() == Some(Compression::None) {
        return walk(header, bytes, bytes_max);
    }
    let (header, bytes) = (*header, bytes.clone());
    let walked = tokio::task::spawn_blocking(move || walk(&header, &bytes, bytes_max)).await;
    walked.unwrap_or_else(|error| Err(KeylessError::Unreadable(error.to_string())))
}

fn walk(header: &BatchHeader, bytes: &[u8], bytes_max: usize) -> Result<(), KeylessError> {
    let unreadable = |error: crate::record::RecordError| KeylessError::Unreadable(error.to_string());
    let (mut at, mut count) = (Vec::new(), 0);
    for (place, record) in (0i32..).zip(Records::new(header, bytes, bytes_max).map_err(unreadable)?) {
        if record.map_err(unreadable)?.key.is_none() {
            count += 1;
            if at.len() < NAMED_MAX {
                at.push(place);
            }
        }
    }
    if count == 0 { Ok(()) } else { Err(KeylessError::NoKey { at, count }) }
}

impl KeylessError {
    /// The answer for a partition.
    pub(super) fn told(self, index: PartitionIndex, topic: &str) -> PartitionProduceResponse {
        let mut answer = PartitionProduceResponse::failed(index, ErrorCode::InvalidRecord);
        let message = match self {
            KeylessError::Unreadable(why) => format!("The records can't be read: {why}."),
            KeylessError::NoKey { at, count } => {
                let message =
                    Str::from_string(format!("A record without key can't go to {topic}-{index}, which is compacted."));
                answer.record_errors = at
                    .into_iter()
                    .map(|batch_index| RecordError { batch_index, message: Some(message.clone()) })
                    .collect();
                format!("{count} record(s) have no key, but {topic}-{index} is compacted; nothing was appended.")
            }
        };
        answer.error_message = Some(Str::from_string(message));
        answer
    }
}
