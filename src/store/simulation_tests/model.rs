//! What each partition should hold, by what was appended and what was acknowledged.

use crate::base::{Offset, TopicPartition};
use crate::log::{LogSettings, Tip};
use crate::record::BatchHeader;
use bytes::Bytes;

/// A batch that was given offsets.
#[derive(Clone)]
pub(super) struct Sent {
    /// As it is stored.
    pub(super) bytes: Bytes,
    pub(super) header: BatchHeader,
}

/// One partition.
pub(super) struct Partition {
    pub(super) id: TopicPartition,
    pub(super) name: String,
    /// Since offset 0.
    pub(super) sent: Vec<Sent>,
    /// Everything below was acknowledged, or could be seen.
    pub(super) durable: Offset,
    /// The log start that was answered, and the one that was asked for.
    pub(super) start_answered: Offset,
    pub(super) start_asked: Offset,
    /// The next sequence of each producer.
    pub(super) sequences: [i32; 3],
    pub(super) deleted: bool,
}

impl Partition {
    pub(super) fn new(id: TopicPartition, name: String) -> Self {
        Partition {
            id,
            name,
            sent: Vec::new(),
            durable: Offset::ZERO,
            start_answered: Offset::ZERO,
            start_asked: Offset::ZERO,
            sequences: [0; 3],
            deleted: false,
        }
    }

    pub(super) fn end(&self) -> Offset {
        self.sent.last().map_or(Offset::ZERO, |sent| sent.header.next_offset())
    }

    /// The bytes of the batches that end after `from` and begin before `to`.
    pub(super) fn bytes(&self, from: Offset, to: Offset) -> Vec<u8> {
        let range = self.sent.iter().filter(|sent| sent.header.last_offset() >= from && sent.header.base_offset < to);
        range.flat_map(|sent| sent.bytes.to_vec()).collect()
    }

    /// What was not recovered never was.
    pub(super) fn cut(&mut self, end: Offset) {
        self.sent.retain(|sent| sent.header.last_offset() < end);
        assert_eq!(self.end(), end, "{}: recovered in the midst of a batch", self.id);
        self.durable = end;
        for (producer, sequence) in self.sequences.iter_mut().enumerate() {
            let of = |sent: &&Sent| sent.header.producer_id.0 == producer as i64;
            *sequence = self.sent.iter().rev().find(of).map_or(0, |sent| sent.header.last_sequence().0 + 1);
        }
    }

    /// The state that follows from the batches, and from nothing else.
    pub(super) fn check_state(&self, tip: &Tip) {
        let mut producers = crate::log::producers::Producers::default();
        let most = LogSettings::default().producers_max;
        for sent in &self.sent {
            producers.apply(&sent.header, sent.header.base_offset, sent.header.max_timestamp, most);
        }
        assert!(*tip.producers() == producers, "{}: producer state is not the log's", self.id);
        for sent in self.sent.iter().filter(|sent| sent.header.base_offset >= tip.log_start()) {
            let epoch = tip.epochs().at(sent.header.base_offset);
            assert_eq!(epoch, sent.header.leader_epoch, "{}: epoch of {}", self.id, sent.header.base_offset);
        }
    }
}
