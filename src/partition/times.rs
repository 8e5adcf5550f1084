//! Offsets by timestamp (ListOffsets).

use super::handle::Partition;
use super::read::ReadError;
use crate::base::{LeaderEpoch, Offset, Timestamp};
use crate::log::{Found, SegmentError};

/// A record found by its timestamp.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FoundOffset {
    /// The record's offset.
    pub offset: Offset,
    /// Its timestamp.
    pub timestamp: Timestamp,
    /// The leadership that wrote it.
    pub leader_epoch: LeaderEpoch,
}

/// Why a look-up by timestamp fails.
pub type LookupError = ReadError;

impl Partition {
    /// The first record at or after `timestamp`, below the high watermark (LO-3).
    pub async fn offset_for_timestamp(&self, timestamp: Timestamp) -> Result<Option<FoundOffset>, LookupError> {
        let log = self.log.clone();
        blocking(move || log.offset_for_timestamp(timestamp)).await
    }

    /// The first of the records with the largest timestamp, below the high watermark (LO-1, -3).
    pub async fn max_timestamp(&self) -> Result<Option<FoundOffset>, LookupError> {
        let log = self.log.clone();
        blocking(move || log.max_timestamp()).await
    }
}

async fn blocking(
    look: impl FnOnce() -> Result<Option<Found>, SegmentError> + Send + 'static,
) -> Result<Option<FoundOffset>, LookupError> {
    let found = tokio::task::spawn_blocking(look).await??;
    Ok(found.map(|Found { offset, timestamp, epoch }| FoundOffset { offset, timestamp, leader_epoch: epoch }))
}
