//! DeleteRecords: the log start rises, and whoever asked is told when no crash takes it back.
//!
//! A call costs one entry of the commit queue, and none when another call has raised the start as far already; all that
//! are in flight share the sync of a commit. Nothing is removed here: files below the log start go with a checkpoint.

use super::acks::{AckError, Parked};
use super::handle::Partition;
use crate::base::{Offset, Watermarks};
use crate::store::AppendError;

/// Up to where records are deleted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Before {
    /// Everything before this offset.
    Offset(Offset),
    /// Everything that is durable now.
    HighWatermark,
}

/// Why records are not deleted, or whether they are is not known.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DeleteError {
    /// Below zero, or above the high watermark.
    #[error("offset {asked} is outside 0..={}", watermarks.durable)]
    OutOfRange {
        /// The offset asked for.
        asked: Offset,
        /// The marks that it was compared with.
        watermarks: Watermarks,
    },
    /// The partition was deleted.
    #[error("the partition was deleted")]
    Deleted,
    /// The disk failed, or the store ended, before the log start was durable. Whether it survives is not known.
    #[error("the log start did not become durable: the storage failed or stopped")]
    Storage,
    /// The broker is shutting down; nothing was done.
    #[error("the broker is stopping")]
    Stopping,
}

impl From<AckError> for DeleteError {
    fn from(error: AckError) -> Self {
        match error {
            AckError::Storage => DeleteError::Storage,
            AckError::Deleted => DeleteError::Deleted,
        }
    }
}

impl Partition {
    /// Deletes the records before an offset: raises the log start, and resolves with the log start when it is durable and
    /// everybody sees it (DR-1). A log start that is there already, or higher, is answered at once. The start rises with
    /// the first poll; dropping the future gives up the answer only.
    pub async fn delete_records(&self, before: Before) -> Result<Offset, DeleteError> {
        if self.is_deleted() {
            return Err(DeleteError::Deleted);
        }
        let watermarks = self.watermarks();
        let before = match before {
            Before::Offset(offset) => offset,
            Before::HighWatermark => watermarks.durable,
        };
        if before < Offset::ZERO || before > watermarks.durable {
            return Err(DeleteError::OutOfRange { asked: before, watermarks });
        }
        if before > watermarks.log_start {
            self.log.raise_log_start(before).map_err(refused)?;
            self.wait_start(before).await?;
        }
        Ok(self.watermarks().log_start)
    }

    async fn wait_start(&self, start: Offset) -> Result<(), AckError> {
        let parked = self.starts.park(start, || {
            let durable = self.log.durable_start() >= start;
            if durable { Some(Ok(())) } else { self.ended().map(Err) }
        });
        match parked {
            Parked::Now(outcome) => outcome,
            // A sender is dropped only by a partition that is dropped with its store.
            Parked::Later(receiver) => receiver.await.unwrap_or(Err(AckError::Storage)),
        }
    }
}

fn refused(error: AppendError) -> DeleteError {
    match error {
        AppendError::Deleted => DeleteError::Deleted,
        AppendError::Stopping => DeleteError::Stopping,
        // A raised start is refused neither by the log's rules nor for want of room.
        AppendError::Failed | AppendError::Refused(_) | AppendError::DiskFull => DeleteError::Storage,
    }
}
