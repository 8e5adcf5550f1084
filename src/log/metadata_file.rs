//! `partition.metadata`: which topic the directory belongs to, so that a topic created again under an old name never
//! meets its predecessor's files.
//!
//! ```text
//! version: 0
//! topic_id: <16 bytes of the id in URL-safe base64 without padding>
//! ```

use crate::base::TopicId;
use uuid::Uuid;

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
const ID_CHARS: usize = 22;

/// The file's content.
pub fn encode(topic: TopicId) -> String {
    format!("version: 0\ntopic_id: {}\n", encode_id(topic))
}

/// Reads the file's content; `None` when it is damaged or of another version.
pub fn decode(text: &[u8]) -> Option<TopicId> {
    let text = std::str::from_utf8(text).ok()?;
    let mut lines = text.lines();
    if lines.next()?.trim_end() != "version: 0" {
        return None;
    }
    let id = lines.next()?.strip_prefix("topic_id: ")?.trim_end();
    if lines.next().is_some() { None } else { decode_id(id) }
}

/// A topic id as Kafka's tools print it.
pub fn encode_id(topic: TopicId) -> String {
    // 128 bits are 21 groups of 6 and 2 bits over, which stand in the upper part of the last character.
    let bits = topic.0.as_u128();
    let group = |at: usize| {
        if at + 1 == ID_CHARS { (bits << 4) as usize & 0x3f } else { (bits >> (122 - 6 * at)) as usize & 0x3f }
    };
    (0..ID_CHARS).map(|at| char::from(ALPHABET[group(at)])).collect()
}

/// Reads a topic id as Kafka's tools print it.
pub fn decode_id(text: &str) -> Option<TopicId> {
    if text.len() != ID_CHARS {
        return None;
    }
    let mut bits = 0u128;
    for (at, byte) in text.bytes().enumerate() {
        let value = ALPHABET.iter().position(|letter| *letter == byte)? as u128;
        if at + 1 == ID_CHARS {
            if value & 0xf != 0 {
                return None;
            }
            bits |= value >> 4;
        } else {
            bits |= value << (122 - 6 * at);
        }
    }
    Some(TopicId(Uuid::from_u128(bits)))
}
