//! The few things that our own answers are written with. All other answers are written by the codec crate.

use super::reader::At;
use super::{ErrorCode, Str};
use crate::base::{LeaderEpoch, NodeId};
use bytes::{BufMut, BytesMut};

/// Writes the layout of one version. Numbers go straight to [`Self::out`].
pub struct Writer {
    /// What was written.
    pub out: BytesMut,
    at: At,
}

impl Writer {
    /// An empty one with room for `capacity` bytes.
    pub fn new(at: At, capacity: usize) -> Writer {
        Writer { out: BytesMut::with_capacity(capacity), at }
    }

    /// Whether the version written is `from` or later.
    pub fn since(&self, from: i16) -> bool {
        self.at.version >= from
    }

    /// An error code.
    pub fn error(&mut self, code: ErrorCode) {
        self.out.put_i16(code.code());
    }

    /// An unsigned varint.
    pub fn uvarint(&mut self, mut value: u32) {
        while value >= 0x80 {
            self.out.put_u8(value as u8 | 0x80);
            value >>= 7;
        }
        self.out.put_u8(value as u8);
    }

    /// The length of bytes or of an array, or null.
    pub fn length(&mut self, length: Option<u64>) {
        let length = length.map(|length| i32::try_from(length).expect("an answer stays below 2 GiB"));
        match (self.at.flexible, length) {
            (true, length) => self.uvarint(length.map_or(0, |length| length as u32 + 1)),
            (false, length) => self.out.put_i32(length.unwrap_or(-1)),
        }
    }

    /// The count of an array.
    pub fn count(&mut self, count: usize) {
        self.length(Some(count as u64));
    }

    /// A string or null. One that is too long for the wire is cut: ours are names that the wire brought, and messages.
    pub fn string(&mut self, text: Option<&str>) {
        let text = text.map(|text| &text[..text.floor_char_boundary(i16::MAX as usize)]);
        match self.at.flexible {
            true => self.uvarint(text.map_or(0, |text| text.len() as u32 + 1)),
            false => self.out.put_i16(text.map_or(-1, |text| text.len() as i16)),
        }
        self.out.put_slice(text.unwrap_or_default().as_bytes());
    }

    /// The end of a struct that has no tagged field to send.
    pub fn no_tags(&mut self) {
        self.tag_count(0);
    }

    /// The number of tagged fields that follow; nothing before the flexible versions.
    pub fn tag_count(&mut self, count: usize) {
        if self.at.flexible {
            self.uvarint(count as u32);
        }
    }

    /// A tagged field. Counted by [`Self::tag_count`] before.
    pub fn tag(&mut self, tag: u32, value: impl FnOnce(&mut Writer)) {
        let mut inner = Writer::new(self.at, 64);
        value(&mut inner);
        self.uvarint(tag);
        self.uvarint(inner.out.len() as u32);
        self.out.put_slice(&inner.out);
    }
}

/// Who leads a partition now, for a client that asked somebody else (KIP-951).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentLeader {
    /// The leader.
    pub leader_id: NodeId,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
}

impl CurrentLeader {
    /// Writes it as a struct.
    pub fn put(self, writer: &mut Writer) {
        writer.out.put_i32(self.leader_id.0);
        writer.out.put_i32(self.leader_epoch.0);
        writer.no_tags();
    }
}

/// Where a leader that was named can be reached (KIP-951).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeEndpoint {
    /// The broker.
    pub node_id: NodeId,
    /// Its advertised host on the listener that was asked.
    pub host: Str,
    /// Its advertised port.
    pub port: i32,
    /// Where it stands.
    pub rack: Option<Str>,
}

impl NodeEndpoint {
    /// Writes them as the tagged section that ends an answer.
    pub fn put_tag(endpoints: &[NodeEndpoint], writer: &mut Writer) {
        if endpoints.is_empty() {
            return writer.no_tags();
        }
        writer.tag_count(1);
        writer.tag(0, |writer| {
            writer.count(endpoints.len());
            for endpoint in endpoints {
                writer.out.put_i32(endpoint.node_id.0);
                writer.string(Some(&endpoint.host));
                writer.out.put_i32(endpoint.port);
                writer.string(endpoint.rack.as_deref());
                writer.no_tags();
            }
        });
    }
}
