//! The bytes of a copy, big-endian.
//!
//! ```text
//! header   0  magic            8   "ottlackp"
//!          8  version          u32  1
//!         12  directory id     16   the data directory's, from its stamp
//!         28  first commit     u64  number of the first commit below
//!         36  CRC-32C          u32  of bytes 0 to 35; these 40 bytes are the same in every version
//!         40  frames, then zeros
//!
//! frame    0  magic            8   "ckpframe"
//!          8  length           u32  bytes of the records
//!         12  commit           u64  +1 for each commit, the same in all its frames
//!         20  incarnation      u64  the position, the same in all frames of a commit
//!         28  live from        u64
//!         36  records          u32  how many
//!         40  flags            u8   bit 0: last frame of its commit; all others 0
//!         41  CRC before       u32  header CRC of the frame before; of the file's header for the first
//!         45  CRC of records   u32
//!         49  header CRC       u32  of bytes 0 to 48
//!         53  records
//!
//! record   0  kind             u8   1 put, 2 forget
//!          1  topic id         16
//!         17  partition        i32
//!         21  directory bytes  u16  0 in a forget
//!         23  state bytes      u32  0 in a forget
//!         27  directory        UTF-8
//!          .  state
//!          .  CRC-32C          u32  of all before, so that a record can be checked alone
//! ```

use super::{Change, CheckpointError, Position};
use crate::base::PartitionIndex;
use crate::base::TopicId;
use crate::base::TopicPartition;
use crate::record::header::crc32c;
use uuid::Uuid;

/// The version that is written, and the highest that is read.
pub(super) const VERSION: u32 = 2;

/// Records of one frame, bytes, unless a single record is larger.
pub(super) const FRAME_BYTES_MAX: usize = 1024 * 1024;

/// Longest directory name: what file systems take.
pub(super) const DIR_BYTES_MAX: usize = 255;

/// Largest state of one partition.
pub(super) const STATE_BYTES_MAX: usize = 16 * 1024 * 1024;

const FILE_MAGIC: &[u8; 8] = b"ottlackp";
const FILE_VERSION_AT: usize = 8;
const FILE_DIRECTORY_AT: usize = FILE_VERSION_AT + 4;
const FILE_FIRST_COMMIT_AT: usize = FILE_DIRECTORY_AT + 16;
const FILE_CRC_AT: usize = FILE_FIRST_COMMIT_AT + 8;

/// Bytes of a file's header.
pub(super) const FILE_HEADER_BYTES: usize = FILE_CRC_AT + 4;
const _: () = assert!(FILE_HEADER_BYTES == 40);

/// What every frame begins with. No byte is zero: see [`super::scan::STRAY_BYTES_MAX`].
pub(super) const FRAME_MAGIC: &[u8; 8] = b"ckpframe";
const FRAME_LENGTH_AT: usize = 8;
const FRAME_COMMIT_AT: usize = FRAME_LENGTH_AT + 4;
const FRAME_INCARNATION_AT: usize = FRAME_COMMIT_AT + 8;
const FRAME_LIVE_FROM_AT: usize = FRAME_INCARNATION_AT + 8;
const FRAME_RECORDS_AT: usize = FRAME_LIVE_FROM_AT + 8;
const FRAME_FLAGS_AT: usize = FRAME_RECORDS_AT + 4;
const FRAME_BEFORE_AT: usize = FRAME_FLAGS_AT + 1;
const FRAME_RECORDS_CRC_AT: usize = FRAME_BEFORE_AT + 4;
const FRAME_CRC_AT: usize = FRAME_RECORDS_CRC_AT + 4;

/// Bytes of a frame's header.
pub(super) const FRAME_HEADER_BYTES: usize = FRAME_CRC_AT + 4;
const _: () = assert!(FRAME_HEADER_BYTES == 53);
const LAST_BIT: u8 = 1;

const RECORD_TOPIC_AT: usize = 1;
const RECORD_PARTITION_AT: usize = RECORD_TOPIC_AT + 16;
const RECORD_DIR_BYTES_AT: usize = RECORD_PARTITION_AT + 4;
const RECORD_STATE_BYTES_AT: usize = RECORD_DIR_BYTES_AT + 2;
const RECORD_DIR_AT: usize = RECORD_STATE_BYTES_AT + 4;
const RECORD_OVERHEAD: usize = RECORD_DIR_AT + 4;
const KIND_PUT: u8 = 1;
const KIND_FORGET: u8 = 2;

/// Most bytes of records in one frame that are believed.
pub(super) const PAYLOAD_BYTES_MAX: usize = RECORD_OVERHEAD + DIR_BYTES_MAX + STATE_BYTES_MAX;
const _: () = assert!(PAYLOAD_BYTES_MAX >= FRAME_BYTES_MAX && PAYLOAD_BYTES_MAX <= u32::MAX as usize);

fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the caller has checked the length")
}

/// What a file begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FileHeader {
    pub(super) version: u32,
    pub(super) directory_id: Uuid,
    pub(super) first_commit: u64,
}

impl FileHeader {
    /// The bytes, and the CRC that the first frame refers to.
    pub(super) fn encode(&self) -> ([u8; FILE_HEADER_BYTES], u32) {
        let mut bytes = [0; FILE_HEADER_BYTES];
        bytes[..FILE_VERSION_AT].copy_from_slice(FILE_MAGIC);
        bytes[FILE_VERSION_AT..FILE_DIRECTORY_AT].copy_from_slice(&self.version.to_be_bytes());
        bytes[FILE_DIRECTORY_AT..FILE_FIRST_COMMIT_AT].copy_from_slice(self.directory_id.as_bytes());
        bytes[FILE_FIRST_COMMIT_AT..FILE_CRC_AT].copy_from_slice(&self.first_commit.to_be_bytes());
        let crc = crc32c(&bytes[..FILE_CRC_AT]);
        bytes[FILE_CRC_AT..].copy_from_slice(&crc.to_be_bytes());
        (bytes, crc)
    }

    /// The header and its CRC; none when it does not fit itself. Of any version.
    pub(super) fn decode(bytes: &[u8; FILE_HEADER_BYTES]) -> Option<(FileHeader, u32)> {
        let crc = u32::from_be_bytes(array(bytes, FILE_CRC_AT));
        let version = u32::from_be_bytes(array(bytes, FILE_VERSION_AT));
        if !bytes.starts_with(FILE_MAGIC) || crc32c(&bytes[..FILE_CRC_AT]) != crc || version == 0 {
            return None;
        }
        let directory_id = Uuid::from_bytes(array(bytes, FILE_DIRECTORY_AT));
        let first_commit = u64::from_be_bytes(array(bytes, FILE_FIRST_COMMIT_AT));
        Some((FileHeader { version, directory_id, first_commit }, crc))
    }
}

/// What a frame begins with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FrameHeader {
    pub(super) payload_bytes: u32,
    pub(super) commit: u64,
    pub(super) position: Position,
    pub(super) records: u32,
    pub(super) last: bool,
    pub(super) crc_before: u32,
    pub(super) payload_crc: u32,
}

impl FrameHeader {
    /// Writes it to the front of `frame`, and returns the CRC that the next frame refers to.
    pub(super) fn encode(&self, frame: &mut [u8]) -> u32 {
        frame[..FRAME_LENGTH_AT].copy_from_slice(FRAME_MAGIC);
        frame[FRAME_LENGTH_AT..FRAME_COMMIT_AT].copy_from_slice(&self.payload_bytes.to_be_bytes());
        frame[FRAME_COMMIT_AT..FRAME_INCARNATION_AT].copy_from_slice(&self.commit.to_be_bytes());
        frame[FRAME_INCARNATION_AT..FRAME_LIVE_FROM_AT].copy_from_slice(&self.position.incarnation.to_be_bytes());
        frame[FRAME_LIVE_FROM_AT..FRAME_RECORDS_AT].copy_from_slice(&self.position.live_from.to_be_bytes());
        frame[FRAME_RECORDS_AT..FRAME_FLAGS_AT].copy_from_slice(&self.records.to_be_bytes());
        frame[FRAME_FLAGS_AT] = if self.last { LAST_BIT } else { 0 };
        frame[FRAME_BEFORE_AT..FRAME_RECORDS_CRC_AT].copy_from_slice(&self.crc_before.to_be_bytes());
        frame[FRAME_RECORDS_CRC_AT..FRAME_CRC_AT].copy_from_slice(&self.payload_crc.to_be_bytes());
        let crc = crc32c(&frame[..FRAME_CRC_AT]);
        frame[FRAME_CRC_AT..FRAME_HEADER_BYTES].copy_from_slice(&crc.to_be_bytes());
        crc
    }

    /// The header at the front of `bytes` and its CRC; none when there is no whole one that fits itself.
    pub(super) fn decode(bytes: &[u8]) -> Option<(FrameHeader, u32)> {
        if bytes.len() < FRAME_HEADER_BYTES || !bytes.starts_with(FRAME_MAGIC) || bytes[FRAME_FLAGS_AT] > LAST_BIT {
            return None;
        }
        let crc = u32::from_be_bytes(array(bytes, FRAME_CRC_AT));
        if crc32c(&bytes[..FRAME_CRC_AT]) != crc {
            return None;
        }
        let header = FrameHeader {
            payload_bytes: u32::from_be_bytes(array(bytes, FRAME_LENGTH_AT)),
            commit: u64::from_be_bytes(array(bytes, FRAME_COMMIT_AT)),
            position: Position {
                incarnation: u64::from_be_bytes(array(bytes, FRAME_INCARNATION_AT)),
                live_from: u64::from_be_bytes(array(bytes, FRAME_LIVE_FROM_AT)),
            },
            records: u32::from_be_bytes(array(bytes, FRAME_RECORDS_AT)),
            last: bytes[FRAME_FLAGS_AT] == LAST_BIT,
            crc_before: u32::from_be_bytes(array(bytes, FRAME_BEFORE_AT)),
            payload_crc: u32::from_be_bytes(array(bytes, FRAME_RECORDS_CRC_AT)),
        };
        Some((header, crc))
    }
}

/// A record as it lies in a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Record<'a> {
    pub(super) id: TopicPartition,
    /// Directory and state; none when the partition is forgotten.
    pub(super) put: Option<(&'a str, &'a [u8])>,
    /// Bytes that it takes.
    pub(super) len: usize,
}

impl<'a> Record<'a> {
    /// The record at the front of `bytes`; none when there is no whole one that fits its CRC.
    pub(super) fn decode(bytes: &'a [u8]) -> Option<Record<'a>> {
        if bytes.len() < RECORD_OVERHEAD {
            return None;
        }
        let dir_bytes = usize::from(u16::from_be_bytes(array(bytes, RECORD_DIR_BYTES_AT)));
        let state_bytes = u32::from_be_bytes(array(bytes, RECORD_STATE_BYTES_AT)) as usize;
        if dir_bytes > DIR_BYTES_MAX || state_bytes > STATE_BYTES_MAX {
            return None;
        }
        let len = RECORD_OVERHEAD + dir_bytes + state_bytes;
        if bytes.len() < len || crc32c(&bytes[..len - 4]) != u32::from_be_bytes(array(bytes, len - 4)) {
            return None;
        }
        let id = TopicPartition {
            topic: TopicId(Uuid::from_bytes(array(bytes, RECORD_TOPIC_AT))),
            partition: PartitionIndex(i32::from_be_bytes(array(bytes, RECORD_PARTITION_AT))),
        };
        let (dir, rest) = bytes[RECORD_DIR_AT..].split_at(dir_bytes);
        let put = match bytes[0] {
            KIND_PUT => Some((std::str::from_utf8(dir).ok()?, &rest[..state_bytes])),
            KIND_FORGET if dir_bytes == 0 && state_bytes == 0 => None,
            _ => return None,
        };
        Some(Record { id, put, len })
    }
}

/// Whether a change fits the format.
pub(super) fn check_size(change: &Change) -> Result<(), CheckpointError> {
    match change {
        Change::Put { id, dir, state } if dir.len() > DIR_BYTES_MAX || state.len() > STATE_BYTES_MAX => {
            Err(CheckpointError::TooLarge { id: *id, dir_bytes: dir.len(), state_bytes: state.len() })
        }
        Change::Put { .. } | Change::Forget(_) => Ok(()),
    }
}

/// Puts a change that [`check_size`] let pass in place of what is in `out`.
pub(super) fn encode_record(change: &Change, out: &mut Vec<u8>) {
    let (kind, dir, state) = match change {
        Change::Put { dir, state, .. } => (KIND_PUT, dir.as_bytes(), &state[..]),
        Change::Forget(_) => (KIND_FORGET, &[][..], &[][..]),
    };
    out.clear();
    out.push(kind);
    out.extend_from_slice(change.id().topic.0.as_bytes());
    out.extend_from_slice(&change.id().partition.0.to_be_bytes());
    out.extend_from_slice(&(dir.len() as u16).to_be_bytes());
    out.extend_from_slice(&(state.len() as u32).to_be_bytes());
    out.extend_from_slice(dir);
    out.extend_from_slice(state);
    let crc = crc32c(out);
    out.extend_from_slice(&crc.to_be_bytes());
}
