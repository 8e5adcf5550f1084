//! The header of a chunk: 76 bytes, big-endian.
//!
//! ```text
//!    0  magic             8 bytes  OTTLAWAL
//!    8  version           u16      1
//!   10  complement        u16      the version's bits inverted: damage is never taken for a newer format
//!   12  number of entries u32      in the table
//!   16  directory id      16 bytes the data directory's
//!   32  incarnation       u64      which run of the broker
//!   40  file number       u64      the file's, as in its name
//!   48  sequence          u64      from 1 in each incarnation, no gaps
//!   56  CRC before        u32      header CRC of the chunk with the sequence before; 0 for sequence 1
//!   60  payload length    u32      bytes
//!   64  table length      u32      bytes
//!   68  body CRC          u32      CRC-32C of payload and table
//!   72  header CRC        u32      CRC-32C of bytes 0 to 72
//!   76  payload, table, zeros up to a multiple of 4096
//! ```
//!
//! Bytes 0 to 12 and 16 to 48 and the header CRC mean the same in every version.

use super::{BLOCK_BYTES, PAYLOAD_BYTES_MAX, Sequence, TABLE_BYTES_MAX, blocks};
use crate::record::header::crc32c;
use bytes::Bytes;
use uuid::Uuid;

const MAGIC: [u8; 8] = *b"OTTLAWAL";

/// The format that this program writes, and the newest that it reads.
pub(super) const VERSION: u16 = 1;

const VERSION_AT: usize = MAGIC.len();
const COMPLEMENT_AT: usize = VERSION_AT + 2;
const ENTRIES_AT: usize = COMPLEMENT_AT + 2;
const DIRECTORY_AT: usize = ENTRIES_AT + 4;
const INCARNATION_AT: usize = DIRECTORY_AT + 16;
const FILE_AT: usize = INCARNATION_AT + 8;
const SEQUENCE_AT: usize = FILE_AT + 8;
const BEFORE_AT: usize = SEQUENCE_AT + 8;
const PAYLOAD_AT: usize = BEFORE_AT + 4;
const TABLE_AT: usize = PAYLOAD_AT + 4;
const BODY_CRC_AT: usize = TABLE_AT + 4;
const CRC_AT: usize = BODY_CRC_AT + 4;

/// Bytes of a header.
pub(super) const HEADER_BYTES: usize = CRC_AT + 4;
const _: () = assert!(HEADER_BYTES == 76 && (HEADER_BYTES as u64) < BLOCK_BYTES);
const _: () = assert!(PAYLOAD_BYTES_MAX <= u32::MAX as u64);
const _: () = assert!(TABLE_BYTES_MAX <= u32::MAX as u64);

/// A header by value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Header {
    pub version: u16,
    pub entries: u32,
    pub directory_id: Uuid,
    pub incarnation: u64,
    pub file: u64,
    pub sequence: Sequence,
    /// Header CRC of the chunk before.
    pub before: u32,
    pub payload: u32,
    pub table: u32,
    pub body_crc: u32,
}

fn array<const N: usize>(bytes: &[u8; HEADER_BYTES], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("the field lies inside the header")
}

impl Header {
    /// The bytes, and the header CRC that they end with.
    pub fn encode(&self) -> ([u8; HEADER_BYTES], u32) {
        let mut out = [0; HEADER_BYTES];
        let mut put = |at: usize, field: &[u8]| out[at..at + field.len()].copy_from_slice(field);
        put(0, &MAGIC);
        put(VERSION_AT, &self.version.to_be_bytes());
        put(COMPLEMENT_AT, &(!self.version).to_be_bytes());
        put(ENTRIES_AT, &self.entries.to_be_bytes());
        put(DIRECTORY_AT, self.directory_id.as_bytes());
        put(INCARNATION_AT, &self.incarnation.to_be_bytes());
        put(FILE_AT, &self.file.to_be_bytes());
        put(SEQUENCE_AT, &self.sequence.0.to_be_bytes());
        put(BEFORE_AT, &self.before.to_be_bytes());
        put(PAYLOAD_AT, &self.payload.to_be_bytes());
        put(TABLE_AT, &self.table.to_be_bytes());
        put(BODY_CRC_AT, &self.body_crc.to_be_bytes());
        let crc = crc32c(&out[..CRC_AT]);
        out[CRC_AT..].copy_from_slice(&crc.to_be_bytes());
        (out, crc)
    }

    /// A header whose checksum fits, and that checksum; `None` for anything else. Of a newer version only the fields that
    /// every version has mean something.
    pub fn parse(bytes: &[u8; HEADER_BYTES]) -> Option<(Header, u32)> {
        if bytes[..MAGIC.len()] != MAGIC {
            return None;
        }
        let crc = u32::from_be_bytes(array(bytes, CRC_AT));
        let version = u16::from_be_bytes(array(bytes, VERSION_AT));
        let complement = u16::from_be_bytes(array(bytes, COMPLEMENT_AT));
        if crc32c(&bytes[..CRC_AT]) != crc || complement != !version || version == 0 {
            return None;
        }
        let header = Header {
            version,
            entries: u32::from_be_bytes(array(bytes, ENTRIES_AT)),
            directory_id: Uuid::from_bytes(array(bytes, DIRECTORY_AT)),
            incarnation: u64::from_be_bytes(array(bytes, INCARNATION_AT)),
            file: u64::from_be_bytes(array(bytes, FILE_AT)),
            sequence: Sequence(u64::from_be_bytes(array(bytes, SEQUENCE_AT))),
            before: u32::from_be_bytes(array(bytes, BEFORE_AT)),
            payload: u32::from_be_bytes(array(bytes, PAYLOAD_AT)),
            table: u32::from_be_bytes(array(bytes, TABLE_AT)),
            body_crc: u32::from_be_bytes(array(bytes, BODY_CRC_AT)),
        };
        Some((header, crc))
    }

    /// Whether it is of this data directory and in the file that it was written to.
    pub fn belongs(&self, directory_id: Uuid, file: u64) -> bool {
        self.directory_id == directory_id && self.file == file
    }

    /// Bytes of payload and table.
    pub fn body(&self) -> u64 {
        u64::from(self.payload) + u64::from(self.table)
    }

    /// Bytes of header, payload and table.
    pub fn filled(&self) -> u64 {
        HEADER_BYTES as u64 + self.body()
    }

    /// Bytes from this chunk's start to where the next may begin.
    pub fn extent(&self) -> u64 {
        blocks(self.filled())
    }

    /// Whether the lengths are ones that a writer may have written.
    pub fn within_limits(&self) -> bool {
        u64::from(self.payload) <= PAYLOAD_BYTES_MAX && u64::from(self.table) <= TABLE_BYTES_MAX
    }
}

/// The checksum of a payload in pieces.
pub(super) fn body_crc(payload: &[Bytes], table: &[u8]) -> u32 {
    let mut crc = BodyCrc::new();
    payload.iter().for_each(|piece| crc.update(piece));
    crc.update(table);
    crc.finish()
}

/// CRC-32C, piece by piece.
pub(super) struct BodyCrc(crc_fast::Digest);

impl BodyCrc {
    pub fn new() -> Self {
        BodyCrc(crc_fast::Digest::new(crc_fast::CrcAlgorithm::Crc32Iscsi))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub fn finish(&self) -> u32 {
        self.0.finalize() as u32
    }
}
