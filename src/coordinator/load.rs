//! A machine from the records of its partition.

use super::machine::{Machine, Stored};
use crate::base::{Offset, Part};
use crate::partition::{Partition, ReadError, ReadUpto};
use crate::record::{Batches, Records};
use std::io;
use std::sync::Arc;

/// Bytes that are read at a time; a larger batch comes whole.
const READ_BYTES: u64 = 1 << 20;

/// Plain bytes of a batch, at most. Ours are never compressed; one that was brought from elsewhere may be.
pub(super) const PLAIN_BYTES_MAX: usize = 64 << 20;

/// Why a machine can't be loaded.
#[derive(Debug, thiserror::Error)]
pub(super) enum LoadError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error("at offset {at}: {why}")]
    Damaged { at: Offset, why: String },
    #[error("the machine panicked")]
    Panicked,
    #[error("the partition or the store is gone")]
    Ended,
}

/// Replays everything that is there. With it comes the offset that the machine has seen everything below of.
pub(super) async fn load<M: Machine>(partition: &Arc<Partition>, mut machine: M) -> Result<(M, Offset), LoadError> {
    let marks = partition.watermarks();
    // What a machine wrote that is gone may still be on its way to the disk, and is answered when it is there. It can't be
    // read before.
    partition.wait_durable(marks.end).await.map_err(|_| LoadError::Ended)?;
    let mut next = marks.log_start;
    loop {
        let read = partition.read(next, READ_BYTES, true, ReadUpto::HighWatermark).await?;
        if read.next <= next {
            // Nobody else appends to an internal partition but its coordinator, which is this one.
            return Ok((machine, partition.watermarks().end));
        }
        let at = next;
        next = read.next;
        let replayed = tokio::task::spawn_blocking(move || replay(machine, at, &read.parts)).await;
        machine = replayed.map_err(|_| LoadError::Panicked)??;
    }
}

fn replay<M: Machine>(mut machine: M, at: Offset, parts: &[Part]) -> Result<M, LoadError> {
    let damaged = |why: &dyn std::fmt::Display| LoadError::Damaged { at, why: why.to_string() };
    let bytes = gather(parts).map_err(|error| damaged(&error))?;
    for batch in Batches::new(&bytes) {
        let (header, batch) = batch.map_err(|error| damaged(&error))?;
        if header.is_control() {
            continue;
        }
        for record in Records::new(&header, batch, PLAIN_BYTES_MAX).map_err(|error| damaged(&error))? {
            let record = record.map_err(|error| damaged(&error))?;
            let Some(key) = &record.key else { continue };
            let (offset, timestamp) = (record.offset, record.timestamp);
            machine.replay(Stored { offset, timestamp, key, value: record.value.as_deref() });
        }
    }
    Ok(machine)
}

fn gather(parts: &[Part]) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for part in parts {
        match part {
            Part::Bytes(some) | Part::Tail { bytes: some, .. } => bytes.extend_from_slice(some),
            Part::File { file, position, length } => {
                let (mut filled, end) =
                    (bytes.len(), bytes.len() + usize::try_from(*length).map_err(io::Error::other)?);
                bytes.resize(end, 0);
                let first = filled;
                while filled < end {
                    match file.read_at(&mut bytes[filled..end], position + (filled - first) as u64)? {
                        0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                        read => filled += read,
                    }
                }
            }
        }
    }
    Ok(bytes)
}
