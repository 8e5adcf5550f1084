//! The table of a chunk: entries one after the other, big-endian.
//!
//! ```text
//! entry   kind u8, topic id 16 bytes, partition i32, then by kind:
//!   1 batches       length u32: bytes of payload, counted on from the batches entry before
//!   2 log start     start offset i64
//!   3 epoch         epoch i32, start offset i64
//!   4 remove below  below offset i64
//!   5 reset         at offset i64
//! ```
//!
//! The lengths of all batches add up to the payload's length. A kind is never given another meaning; a new kind comes
//! with a new version of the header.

use super::Entry;
use crate::base::{LeaderEpoch, Offset, PartitionIndex, TopicId, TopicPartition};
use uuid::Uuid;

const BATCHES: u8 = 1;
const LOG_START: u8 = 2;
const EPOCH: u8 = 3;
const REMOVE_BELOW: u8 = 4;
const RESET: u8 = 5;

/// Bytes of what every entry begins with.
const FRONT_BYTES: u64 = 1 + 16 + 4;

fn entry_bytes(entry: &Entry) -> u64 {
    FRONT_BYTES
        + match entry {
            Entry::Batches { .. } => 4,
            Entry::Epoch { .. } => 4 + 8,
            Entry::LogStart { .. } | Entry::RemoveBelow { .. } | Entry::Reset { .. } => 8,
        }
}

/// Bytes of the table of these entries.
pub(super) fn bytes(entries: &[Entry]) -> u64 {
    entries.iter().map(entry_bytes).sum()
}

/// Bytes of payload that these entries describe.
pub(super) fn payload_bytes(entries: &[Entry]) -> u64 {
    let length = |entry: &Entry| if let Entry::Batches { length, .. } = entry { u64::from(*length) } else { 0 };
    entries.iter().map(length).sum()
}

/// The table's bytes.
pub(super) fn encode(entries: &[Entry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes(entries) as usize);
    for entry in entries {
        match *entry {
            Entry::Batches { id, length } => {
                front(&mut out, BATCHES, id);
                out.extend(length.to_be_bytes());
            }
            Entry::LogStart { id, start } => {
                front(&mut out, LOG_START, id);
                out.extend(start.0.to_be_bytes());
            }
            Entry::Epoch { id, epoch, start } => {
                front(&mut out, EPOCH, id);
                out.extend(epoch.0.to_be_bytes());
                out.extend(start.0.to_be_bytes());
            }
            Entry::RemoveBelow { id, below } => {
                front(&mut out, REMOVE_BELOW, id);
                out.extend(below.0.to_be_bytes());
            }
            Entry::Reset { id, at } => {
                front(&mut out, RESET, id);
                out.extend(at.0.to_be_bytes());
            }
        }
    }
    out
}

fn front(out: &mut Vec<u8>, kind: u8, id: TopicPartition) {
    out.push(kind);
    out.extend(id.topic.0.as_bytes());
    out.extend(id.partition.0.to_be_bytes());
}

/// The entries of a table that must have `count` of them and describe `payload` bytes; else what is wrong with it.
pub(super) fn decode(table: &[u8], count: u32, payload: u32) -> Result<Vec<Entry>, String> {
    let mut rest = table;
    // Grows with what is read: the count is only a claim.
    let mut entries = Vec::new();
    while !rest.is_empty() {
        let at = table.len() - rest.len();
        entries.push(entry(&mut rest).map_err(|what| format!("table, byte {at}: {what}"))?);
    }
    if entries.len() as u64 != u64::from(count) {
        return Err(format!("the table has {} entries, not {count}", entries.len()));
    }
    let described = payload_bytes(&entries);
    if described != u64::from(payload) {
        return Err(format!("the table describes {described} bytes of payload, there are {payload}"));
    }
    Ok(entries)
}

fn entry(rest: &mut &[u8]) -> Result<Entry, String> {
    let [kind] = take(rest)?;
    if !(BATCHES..=RESET).contains(&kind) {
        return Err(format!("unknown kind {kind}"));
    }
    let topic = TopicId(Uuid::from_bytes(take(rest)?));
    let partition = PartitionIndex(i32::from_be_bytes(take(rest)?));
    let id = TopicPartition { topic, partition };
    Ok(match kind {
        BATCHES => Entry::Batches { id, length: u32::from_be_bytes(take(rest)?) },
        LOG_START => Entry::LogStart { id, start: offset(rest)? },
        EPOCH => Entry::Epoch { id, epoch: LeaderEpoch(i32::from_be_bytes(take(rest)?)), start: offset(rest)? },
        REMOVE_BELOW => Entry::RemoveBelow { id, below: offset(rest)? },
        _ => Entry::Reset { id, at: offset(rest)? },
    })
}

fn offset(rest: &mut &[u8]) -> Result<Offset, String> {
    Ok(Offset(i64::from_be_bytes(take(rest)?)))
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (field, after) = rest.split_first_chunk().ok_or_else(|| format!("{} bytes, {N} expected", rest.len()))?;
    *rest = after;
    Ok(*field)
}
