//! A [`Tip`] as bytes: what the store's checkpoint keeps of a partition, exactly as of one offset.
//!
//! ```text
//!   version          u8   1
//!   log start        i64
//!   end              i64  the recovery offset: every batch below it is in a segment, synced
//!   active segment   u8   0: none, 1: what follows
//!     base i64, bytes u32, bytes since the last index entry u32, index entries u32, time index entries u32,
//!     time of the last time index entry i64, begun i64,
//!     largest time: flag u8, timestamp i64, offset i64; first batch's time: flag u8, i64;
//!     closed u8 (see `growth`)
//!   epochs           u32 count, then epoch i32, start i64 each
//!   producers        the rest: a producer snapshot (see `snapshot`)
//! ```
//!
//! Numbers are big-endian. The checkpoint guards it with a checksum; what does not add up is refused all the same.

use super::growth::{Growth, TimeMark};
use super::tip::Tip;
use super::{Epochs, snapshot};
use crate::base::{LeaderEpoch, Offset, Timestamp};
use bytes::{Buf, BufMut, Bytes};

/// 2 is taken: index entries in front of a tip begin with it.
const VERSION: u8 = 1;

impl Tip {
    /// The tip as bytes.
    pub fn encode(&self) -> Bytes {
        let producers = snapshot::encode(&self.producers);
        let mut out = Vec::with_capacity(128 + producers.len());
        out.put_u8(VERSION);
        out.put_i64(self.log_start.0);
        out.put_i64(self.end.0);
        match &self.active {
            None => out.put_u8(0),
            Some(active) => {
                out.put_u8(1);
                put_growth(&mut out, active);
            }
        }
        out.put_u32(self.epochs.entries().len() as u32);
        for (epoch, start) in self.epochs.entries() {
            out.put_i32(epoch.0);
            out.put_i64(start.0);
        }
        out.put_slice(&producers);
        Bytes::from(out)
    }

    /// The tip from its bytes; `None` when they do not add up.
    pub fn decode(bytes: &[u8]) -> Option<Tip> {
        let mut rest = bytes;
        if rest.try_get_u8().ok()? != VERSION {
            return None;
        }
        let (log_start, end) = (Offset(rest.try_get_i64().ok()?), Offset(rest.try_get_i64().ok()?));
        let active = match rest.try_get_u8().ok()? {
            0 => None,
            1 => Some(growth(&mut rest)?),
            _ => return None,
        };
        let mut epochs = Epochs::default();
        for _ in 0..rest.try_get_u32().ok()? {
            let (epoch, start) = (rest.try_get_i32().ok()?, rest.try_get_i64().ok()?);
            epochs.assign(LeaderEpoch(epoch), Offset(start));
        }
        let producers = snapshot::decode(rest).ok()?;
        let ordered = 0 <= log_start.0 && log_start <= end && active.as_ref().is_none_or(|active| active.base <= end);
        ordered.then_some(Tip { log_start, end, active, epochs, producers, jitter_seed: 0 })
    }

    /// An empty log that goes on where this one ended: its files are lost, its offsets must not be given again.
    pub(super) fn emptied(&self) -> Tip {
        Tip { log_start: self.end, active: None, ..self.clone() }
    }
}

fn put_growth(out: &mut Vec<u8>, active: &Growth) {
    out.put_i64(active.base.0);
    out.put_u32(active.position);
    out.put_u32(active.since_index);
    out.put_u32(active.index_entries);
    out.put_u32(active.time_entries);
    out.put_i64(active.last_time_entry.0);
    out.put_i64(active.begun.0);
    out.put_u8(active.max.is_some().into());
    out.put_i64(active.max.map_or(0, |mark| mark.timestamp.0));
    out.put_i64(active.max.map_or(0, |mark| mark.offset.0));
    out.put_u8(active.first_timestamp.is_some().into());
    out.put_i64(active.first_timestamp.map_or(0, |time| time.0));
    out.put_u8(active.closed.into());
}

fn growth(rest: &mut &[u8]) -> Option<Growth> {
    let base = Offset(rest.try_get_i64().ok()?);
    let mut number = || rest.try_get_u32().ok();
    let (position, since_index, index_entries, time_entries) = (number()?, number()?, number()?, number()?);
    let last_time_entry = Timestamp(rest.try_get_i64().ok()?);
    let begun = Timestamp(rest.try_get_i64().ok()?);
    let has_max = rest.try_get_u8().ok()? == 1;
    let mark = TimeMark { timestamp: Timestamp(rest.try_get_i64().ok()?), offset: Offset(rest.try_get_i64().ok()?) };
    let has_first = rest.try_get_u8().ok()? == 1;
    let first = Timestamp(rest.try_get_i64().ok()?);
    Some(Growth {
        base,
        position,
        since_index,
        index_entries,
        time_entries,
        last_time_entry,
        max: has_max.then_some(mark),
        first_timestamp: has_first.then_some(first),
        begun,
        closed: rest.try_get_u8().ok()? == 1,
    })
}
