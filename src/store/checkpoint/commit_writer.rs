//! One commit, cut into frames.

use super::format::{FRAME_HEADER_BYTES, FrameHeader};
use super::{Position, Sizes};
use crate::base::TopicPartition;
use crate::record::header::crc32c;

/// Where a partition's record lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Place {
    /// Bytes from the file's start.
    pub(super) at: u64,
    pub(super) len: u32,
}

/// Takes the records of one commit and gives its frames, in the order in which they lie in the file.
pub(super) struct CommitWriter {
    commit: u64,
    position: Position,
    frame_bytes_max: usize,
    /// Header CRC of the frame before.
    crc_before: u32,
    /// Where the frame that is being filled begins.
    at: u64,
    /// That frame: room for its header, then records.
    frame: Vec<u8>,
    records: u32,
    /// What each record said of its partition, in order: where it is put, or that it is forgotten.
    placed: Vec<(TopicPartition, Option<Place>)>,
}

/// A frame and where it belongs.
pub(super) struct PlacedFrame {
    pub(super) at: u64,
    pub(super) bytes: Vec<u8>,
}

/// A commit of which all frames were given.
pub(super) struct Written {
    pub(super) commit: u64,
    /// Header CRC of its last frame.
    pub(super) crc: u32,
    /// Where it ends.
    pub(super) end: u64,
    pub(super) placed: Vec<(TopicPartition, Option<Place>)>,
}

impl CommitWriter {
    /// A commit that begins at `at`, after a header with `crc_before`.
    pub(super) fn new(commit: u64, position: Position, crc_before: u32, at: u64, sizes: Sizes) -> Self {
        let frame = vec![0; FRAME_HEADER_BYTES];
        let frame_bytes_max = sizes.frame_bytes_max;
        CommitWriter { commit, position, frame_bytes_max, crc_before, at, frame, records: 0, placed: Vec::new() }
    }

    /// Adds an encoded record; returns the frame before it when that is full.
    pub(super) fn push(&mut self, id: TopicPartition, record: &[u8], put: bool) -> Option<PlacedFrame> {
        let filled = self.frame.len() - FRAME_HEADER_BYTES;
        let full = filled > 0 && filled + record.len() > self.frame_bytes_max;
        let frame = full.then(|| self.close(false));
        let place = Place { at: self.at + self.frame.len() as u64, len: record.len() as u32 };
        self.placed.push((id, put.then_some(place)));
        self.frame.extend_from_slice(record);
        self.records += 1;
        frame
    }

    /// Returns the last frame, which may hold no record, and what the commit came to.
    pub(super) fn finish(mut self) -> (PlacedFrame, Written) {
        let frame = self.close(true);
        (frame, Written { commit: self.commit, crc: self.crc_before, end: self.at, placed: self.placed })
    }

    fn close(&mut self, last: bool) -> PlacedFrame {
        let mut bytes = std::mem::replace(&mut self.frame, vec![0; FRAME_HEADER_BYTES]);
        let payload = &bytes[FRAME_HEADER_BYTES..];
        let header = FrameHeader {
            payload_bytes: payload.len() as u32,
            commit: self.commit,
            position: self.position,
            records: std::mem::take(&mut self.records),
            last,
            crc_before: self.crc_before,
            payload_crc: crc32c(payload),
        };
        self.crc_before = header.encode(&mut bytes);
        let at = self.at;
        self.at += bytes.len() as u64;
        PlacedFrame { at, bytes }
    }
}
