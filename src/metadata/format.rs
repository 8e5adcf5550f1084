//! The bytes of metadata objects, and their keys (docs/formats.md).
//!
//! ```text
//!   0   8  magic "OTTLMETA"
//!   8   2  format version, big-endian like all numbers here
//!  10   2  the version's complement: a flipped bit is never taken for a newer format
//!  12   1  kind: 1 changes, 2 snapshot
//!  13   3  zero
//!  16  16  nonce: random, tells this writer's object from another's with the same key
//!  32   4  node id of the writer
//!  36   4  zero
//!  40   8  number: of the object, or of the last object that the snapshot holds
//!  48   8  length of the body
//!  56   4  CRC-32C of the body
//!  60   4  CRC-32C of bytes 0 to 60
//!  64   -  body: JSON; a list of changes, or a snapshot
//! ```
//!
//! Bytes 0 to 12 keep their meaning in every version. Unknown changes and fields are errors, never skipped: what this
//! version can't read it must not write after.

use super::change::{Change, Configs, Refusal};
use super::image::{Broker, Image, LastWrite, Topic};
use crate::base::NodeId;
use crate::io::bucket::CLAIM_BYTES;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// The prefix of all metadata keys.
pub const PREFIX: &str = "meta";
/// The prefix of the snapshots' keys, apart so that the newest is found in a short list.
pub const SNAPSHOTS: &str = "meta/snapshots";
/// The format that this version writes, and the newest that it reads.
pub const VERSION: u16 = 1;
/// Largest object of changes, header included.
pub const OBJECT_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Largest snapshot, header included: a million topics fit.
pub const SNAPSHOT_BYTES_MAX: usize = 256 * 1024 * 1024;

/// Largest number of an object; there is room to count on.
const NUMBER_MAX: u64 = u64::MAX / 2;

const MAGIC: [u8; 8] = *b"OTTLMETA";
const AT_VERSION: usize = MAGIC.len();
const AT_COMPLEMENT: usize = AT_VERSION + 2;
const AT_KIND: usize = AT_COMPLEMENT + 2;
const AT_NONCE: usize = AT_KIND + 4;
const AT_WRITER: usize = AT_NONCE + 16;
const AT_NUMBER: usize = AT_WRITER + 8;
const AT_LENGTH: usize = AT_NUMBER + 8;
const AT_BODY_CRC: usize = AT_LENGTH + 8;
const AT_HEADER_CRC: usize = AT_BODY_CRC + 4;
/// Bytes before the body.
pub const HEADER_BYTES: usize = AT_HEADER_CRC + 4;

const _: () = assert!(HEADER_BYTES == CLAIM_BYTES, "the nonce must lie in the bytes that a claim reads");

/// What an object holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Kind {
    /// Changes.
    Changes = 1,
    /// A whole image.
    Snapshot = 2,
}

/// What is wrong with an object.
#[derive(Debug, thiserror::Error)]
#[error("metadata object {key} {problem}")]
pub struct FormatError {
    /// Its key.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

/// Kinds of damage and misfit.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    /// Shorter than its header says, or than a header.
    #[error("is cut off: {has} bytes of {needs}")]
    Truncated {
        /// Bytes that are there.
        has: usize,
        /// Bytes that should be.
        needs: u64,
    },
    /// Bytes follow its end.
    #[error("has {extra} bytes behind its end")]
    TooLong {
        /// How many.
        extra: usize,
    },
    /// Not such an object at all, or its first bytes are damaged.
    #[error("does not begin as a metadata object does")]
    Magic,
    /// Written by a newer Ottla.
    #[error("has format version {version}; this Ottla reads versions up to {VERSION}: start the newer one")]
    Newer {
        /// Its version.
        version: u16,
    },
    /// A checksum does not fit.
    #[error("is corrupt: the checksum of its {part} does not fit")]
    Checksum {
        /// "header" or "body".
        part: &'static str,
    },
    /// A sound object of another key.
    #[error("is not the one that belongs there: it is of kind {kind}, number {number}")]
    Misplaced {
        /// Its kind.
        kind: u8,
        /// Its number.
        number: u64,
    },
    /// The body's JSON is not what this version knows.
    #[error("can't be read: {0}")]
    Content(#[from] serde_json::Error),
    /// A change does not fit the image that it follows.
    #[error("does not follow from the objects before it: {0}")]
    Refused(#[from] Refusal),
}

/// The key of an object of changes.
pub fn object_key(number: u64) -> String {
    format!("{PREFIX}/{number:020}")
}

/// The key of the snapshot that holds all objects up to `number`.
pub fn snapshot_key(number: u64) -> String {
    format!("{SNAPSHOTS}/{number:020}")
}

/// The kind and number that a key tells; `None` for keys of neither form.
pub fn parse_key(key: &str) -> Option<(Kind, u64)> {
    let (folder, digits) = key.rsplit_once('/')?;
    let kind = match folder {
        PREFIX => Kind::Changes,
        SNAPSHOTS => Kind::Snapshot,
        _ => return None,
    };
    let all_digits = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = digits.parse().ok().filter(|number| (1..=NUMBER_MAX).contains(number));
    if all_digits { Some((kind, number?)) } else { None }
}

fn crc32c(bytes: &[u8]) -> u32 {
    // The algorithm has 32 bits; the crate speaks in 64.
    crc_fast::checksum(crc_fast::CrcAlgorithm::Crc32Iscsi, bytes) as u32
}

/// A whole object around a body.
pub fn seal(kind: Kind, number: u64, nonce: u128, writer: NodeId, body: &[u8]) -> Bytes {
    let mut object = Vec::with_capacity(HEADER_BYTES + body.len());
    object.extend_from_slice(&MAGIC);
    object.extend_from_slice(&VERSION.to_be_bytes());
    object.extend_from_slice(&(!VERSION).to_be_bytes());
    object.extend_from_slice(&[kind as u8, 0, 0, 0]);
    object.extend_from_slice(&nonce.to_be_bytes());
    object.extend_from_slice(&writer.0.to_be_bytes());
    object.extend_from_slice(&[0; 4]);
    object.extend_from_slice(&number.to_be_bytes());
    object.extend_from_slice(&(body.len() as u64).to_be_bytes());
    object.extend_from_slice(&crc32c(body).to_be_bytes());
    let header_crc = crc32c(&object);
    object.extend_from_slice(&header_crc.to_be_bytes());
    object.extend_from_slice(body);
    Bytes::from(object)
}

/// `N` bytes at a place that has been seen to exist.
fn field<const N: usize>(object: &[u8], at: usize) -> [u8; N] {
    let mut bytes = [0; N];
    bytes.copy_from_slice(&object[at..at + N]);
    bytes
}

/// Whose an object is, and its body; it must be of this kind and number.
fn open(kind: Kind, number: u64, object: &[u8]) -> Result<(LastWrite, &[u8]), Problem> {
    if object.len() < AT_KIND {
        return Err(Problem::Truncated { has: object.len(), needs: HEADER_BYTES as u64 });
    }
    let (version, complement) = (u16::from_be_bytes(field(object, AT_VERSION)), field(object, AT_COMPLEMENT));
    if field(object, 0) != MAGIC || version != !u16::from_be_bytes(complement) || version == 0 {
        return Err(Problem::Magic);
    }
    if version > VERSION {
        return Err(Problem::Newer { version });
    }
    if object.len() < HEADER_BYTES {
        return Err(Problem::Truncated { has: object.len(), needs: HEADER_BYTES as u64 });
    }
    if crc32c(&object[..AT_HEADER_CRC]) != u32::from_be_bytes(field(object, AT_HEADER_CRC)) {
        return Err(Problem::Checksum { part: "header" });
    }
    let (found_kind, found_number) = (object[AT_KIND], u64::from_be_bytes(field(object, AT_NUMBER)));
    if (found_kind, found_number) != (kind as u8, number) {
        return Err(Problem::Misplaced { kind: found_kind, number: found_number });
    }
    let body = &object[HEADER_BYTES..];
    let length = u64::from_be_bytes(field(object, AT_LENGTH));
    if (body.len() as u64) < length {
        return Err(Problem::Truncated { has: object.len(), needs: length.saturating_add(HEADER_BYTES as u64) });
    }
    if body.len() as u64 > length {
        return Err(Problem::TooLong { extra: body.len() - length as usize });
    }
    if crc32c(body) != u32::from_be_bytes(field(object, AT_BODY_CRC)) {
        return Err(Problem::Checksum { part: "body" });
    }
    let node = NodeId(i32::from_be_bytes(field(object, AT_WRITER)));
    let nonce = Uuid::from_bytes(field(object, AT_NONCE));
    Ok((LastWrite { node, number, nonce }, body))
}

/// The body of an object of changes, built up change by change.
pub(super) struct ChangesBody {
    bytes: Vec<u8>,
    frees_room: bool,
}

impl ChangesBody {
    pub(super) fn new() -> Self {
        ChangesBody { bytes: vec![b'['], frees_room: false }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.len() == 1
    }

    /// Whether a change that was pushed brings room on the disk.
    pub(super) fn frees_room(&self) -> bool {
        self.frees_room
    }

    /// The length of the whole object with its header.
    pub(super) fn object_len(&self) -> usize {
        HEADER_BYTES + self.bytes.len() + 1
    }

    /// A mark to go back to with [`Self::cut`].
    pub(super) fn mark(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn cut(&mut self, mark: usize) {
        self.bytes.truncate(mark);
    }

    pub(super) fn push(&mut self, change: &Change) {
        if !self.is_empty() {
            self.bytes.push(b',');
        }
        self.frees_room |= matches!(change, Change::DeleteTopic { .. });
        serde_json::to_writer(&mut self.bytes, change).expect("a change has string keys and writes to memory");
    }

    pub(super) fn seal(mut self, number: u64, nonce: u128, writer: NodeId) -> Bytes {
        self.bytes.push(b']');
        seal(Kind::Changes, number, nonce, writer, &self.bytes)
    }
}

/// Whose an object is, and its changes.
pub fn decode_changes(number: u64, object: &[u8]) -> Result<(LastWrite, Vec<Change>), FormatError> {
    let decode = || {
        let (write, body) = open(Kind::Changes, number, object)?;
        Ok((write, serde_json::from_slice(body)?))
    };
    decode().map_err(|problem| FormatError { key: object_key(number), problem })
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Snapshot {
    cluster_id: Arc<str>,
    incarnation: u32,
    next_producer_id: i64,
    brokers: Vec<Broker>,
    broker_configs: Vec<NodeConfigs>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    group_configs: Vec<GroupConfigs>,
    features: Arc<BTreeMap<String, i16>>,
    last_writes: Vec<LastWrite>,
    topics: Vec<Arc<Topic>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeConfigs {
    node: Option<NodeId>,
    configs: Arc<Configs>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupConfigs {
    group: Arc<str>,
    configs: Arc<Configs>,
}

/// An image as a snapshot object.
pub fn encode_snapshot(image: &Image, nonce: u128, writer: NodeId) -> Bytes {
    let broker_configs = image.broker_configs.iter();
    let snapshot = Snapshot {
        cluster_id: image.cluster_id.clone(),
        incarnation: image.incarnation,
        next_producer_id: image.next_producer_id,
        brokers: image.brokers().cloned().collect(),
        broker_configs: broker_configs
            .map(|(node, configs)| NodeConfigs { node: *node, configs: configs.clone() })
            .collect(),
        group_configs: image
            .group_configs
            .iter()
            .map(|(group, configs)| GroupConfigs { group: group.clone(), configs: configs.clone() })
            .collect(),
        features: image.features.clone(),
        last_writes: image.last_writes.values().copied().collect(),
        topics: image.topics().cloned().collect(),
    };
    let body = serde_json::to_vec(&snapshot).expect("a snapshot has string keys and writes to memory");
    seal(Kind::Snapshot, image.version, nonce, writer, &body)
}

/// The image that a snapshot object holds.
pub fn decode_snapshot(number: u64, object: &[u8]) -> Result<Image, FormatError> {
    let decode = || {
        let snapshot: Snapshot = serde_json::from_slice(open(Kind::Snapshot, number, object)?.1)?;
        let mut image = Image {
            version: number,
            cluster_id: snapshot.cluster_id,
            incarnation: snapshot.incarnation,
            next_producer_id: snapshot.next_producer_id,
            brokers: Arc::new(snapshot.brokers.into_iter().map(|broker| (broker.node, broker)).collect()),
            broker_configs: Arc::new(snapshot.broker_configs.into_iter().map(|of| (of.node, of.configs)).collect()),
            features: snapshot.features,
            last_writes: Arc::new(snapshot.last_writes.into_iter().map(|write| (write.node, write)).collect()),
            ..Image::default()
        };
        for of in snapshot.group_configs {
            image.group_configs.insert(of.group, of.configs);
        }
        for topic in snapshot.topics {
            image.add_topic(Arc::unwrap_or_clone(topic))?;
        }
        Ok(image)
    };
    decode().map_err(|problem| FormatError { key: snapshot_key(number), problem })
}
