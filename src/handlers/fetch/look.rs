//! One partition's turn in a fetch.

use super::watch::{Entry, TopicRef};
use crate::base::{LeaderEpoch, NodeId, Offset};
use crate::handlers::topics::Topics;
use crate::handlers::{epochs, errors};
use crate::metadata::{Image, Topic};
use crate::metrics::TopicCounters;
use crate::partition::{Partition, ReadError, ReadResult, ReadUpto};
use crate::wire::ErrorCode;
use crate::wire::fetch::{AbortedTransaction, EpochEndOffset, PartitionData};
use std::sync::Arc;

/// What a look found.
pub(super) struct Seen {
    /// The partition's part of the answer.
    pub(super) data: PartitionData,
    /// Bytes of records.
    pub(super) bytes: u64,
    /// The offset after the records.
    pub(super) next: Offset,
    /// Whether the answer shall go out at once.
    pub(super) urgent: bool,
    /// Whether there may be records that had no room.
    pub(super) cut_short: bool,
    /// The partition's leader epoch, where it is known.
    pub(super) leader_epoch: LeaderEpoch,
    /// What the topic's bytes are counted under.
    pub(super) counters: Option<Arc<TopicCounters>>,
}

impl Seen {
    fn failed(entry: &Entry, code: ErrorCode, urgent: bool) -> Seen {
        Seen {
            data: PartitionData::empty(entry.index, code),
            bytes: 0,
            next: entry.wanted.offset,
            urgent,
            cut_short: false,
            leader_epoch: LeaderEpoch::UNKNOWN,
            counters: None,
        }
    }

    /// Lets go of the records; the partition is looked at again.
    pub(super) fn drop_records(&mut self) {
        self.data.records = Vec::new();
        self.bytes = 0;
    }
}

/// A round of looks, under the byte limit of the answer.
pub(super) struct Look<'a> {
    topics: &'a Topics,
    image: Arc<Image>,
    by_id: bool,
    upto: ReadUpto,
    left: u64,
    /// Bytes found in this round.
    pub(super) bytes: u64,
}

impl<'a> Look<'a> {
    pub(super) fn new(topics: &'a Topics, by_id: bool, upto: ReadUpto, bytes_max: u64) -> Self {
        Look { topics, image: topics.image(), by_id, upto, left: bytes_max, bytes: 0 }
    }

    /// Looks at one partition.
    pub(super) async fn at(&mut self, entry: &mut Entry) -> Seen {
        let lost = entry.interest.as_ref().is_some_and(|interest| interest.partition().is_deleted());
        let (topic, partition) = match find(self.topics, &self.image, self.by_id, entry) {
            Ok(found) => found,
            Err(code) => return Seen::failed(entry, code, lost),
        };
        let leader_epoch = partition.leader_epoch();
        if let Err(error) = partition.check_epoch(entry.wanted.current_leader_epoch) {
            return Seen { leader_epoch, ..Seen::failed(entry, errors::of_epoch(error), true) };
        }
        match self.diverging(&partition, entry) {
            Ok(None) => {}
            Ok(Some(diverging)) => {
                let mut seen = Seen::failed(entry, ErrorCode::None, true);
                self.mark(&mut seen.data, &partition);
                seen.data.diverging_epoch = Some(diverging);
                return seen;
            }
            Err(code) => return Seen::failed(entry, code, true),
        }
        let first = self.bytes == 0;
        let room = entry.wanted.bytes_max.min(self.left);
        // Without room nothing is planned on disk; what is there is told by the marks.
        let read = match first || room > 0 {
            true => partition.read(entry.wanted.offset, room, first, self.upto).await,
            false => without_room(&partition, entry.wanted.offset),
        };
        let (code, result) = match read {
            Ok(result) => (ErrorCode::None, result),
            Err(ReadError::Deleted) => return Seen::failed(entry, self.unknown(), true),
            Err(error) => {
                tracing::debug!(topic = %topic.name, partition = %entry.index, %error, "fetch failed");
                return Seen::failed(entry, errors::of_read(&error), true);
            }
        };
        self.bytes += result.bytes;
        self.left = self.left.saturating_sub(result.bytes);
        self.seen(entry, code, result, leader_epoch, &topic)
    }

    fn seen(
        &self,
        entry: &Entry,
        code: ErrorCode,
        result: ReadResult,
        leader_epoch: LeaderEpoch,
        topic: &Topic,
    ) -> Seen {
        let marks = result.watermarks;
        let readable = match self.upto {
            ReadUpto::HighWatermark => marks.durable,
            ReadUpto::LastStable => marks.stable,
        };
        let aborted = |aborted: crate::partition::AbortedTransaction| AbortedTransaction {
            producer_id: aborted.producer_id,
            first_offset: aborted.first_offset,
        };
        let data = PartitionData {
            high_watermark: marks.durable,
            last_stable_offset: marks.stable,
            log_start_offset: marks.log_start,
            // Null for read_uncommitted, a list for read_committed, even an empty one.
            aborted_transactions: match self.upto {
                ReadUpto::HighWatermark => None,
                ReadUpto::LastStable => Some(result.aborted.into_iter().map(aborted).collect()),
            },
            preferred_read_replica: NodeId(-1),
            records: result.parts,
            ..PartitionData::empty(entry.index, code)
        };
        Seen {
            data,
            bytes: result.bytes,
            next: result.next,
            urgent: false,
            cut_short: result.bytes == 0 && entry.wanted.offset < readable,
            leader_epoch,
            counters: Some(self.topics.settings(topic).counters.clone()),
        }
    }

    fn mark(&self, data: &mut PartitionData, partition: &Partition) {
        let marks = partition.watermarks();
        data.high_watermark = marks.durable;
        data.last_stable_offset = marks.stable;
        data.log_start_offset = marks.log_start;
    }

    /// Where the client's log parts from ours, if it says what it has (FE-12).
    fn diverging(&self, partition: &Partition, entry: &Entry) -> Result<Option<EpochEndOffset>, ErrorCode> {
        let asked = entry.wanted.last_fetched_epoch;
        if asked == LeaderEpoch::UNKNOWN {
            return Ok(None);
        }
        let (epoch, end_offset) = epochs::end(partition, asked).ok_or(ErrorCode::OffsetOutOfRange)?;
        let parts = epoch < asked || end_offset < entry.wanted.offset;
        Ok(parts.then_some(EpochEndOffset { epoch, end_offset }))
    }

    fn unknown(&self) -> ErrorCode {
        if self.by_id { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition }
    }
}

/// What a read says that may return nothing.
fn without_room(partition: &Partition, asked: Offset) -> Result<ReadResult, ReadError> {
    let watermarks = partition.watermarks();
    if asked < watermarks.log_start || asked > watermarks.end {
        return Err(ReadError::OutOfRange { asked, watermarks });
    }
    Ok(ReadResult { next: asked, watermarks, ..ReadResult::default() })
}

/// Finds an entry's partition: the one that its interest holds, else by the metadata. A topic that was deleted and made
/// again under the name of an id that is known from before is INCONSISTENT_TOPIC_ID (MD-6).
pub(super) fn find(
    topics: &Topics,
    image: &Image,
    by_id: bool,
    entry: &mut Entry,
) -> Result<(Arc<Topic>, Arc<Partition>), ErrorCode> {
    if entry.interest.as_ref().is_some_and(|interest| interest.partition().is_deleted()) {
        entry.interest = None;
    }
    let topic = match &entry.topic {
        TopicRef::Name(name) => image.topic(name).ok_or(ErrorCode::UnknownTopicOrPartition)?,
        TopicRef::Id(id) => match image.topic_by_id(*id) {
            Some(topic) => {
                if entry.known_as.is_none() {
                    entry.known_as = Some(topic.name.clone());
                }
                topic
            }
            None => {
                return Err(match entry.known_as.as_deref().map(|name| image.topic(name)) {
                    Some(Some(_another)) => ErrorCode::InconsistentTopicId,
                    Some(None) | None => ErrorCode::UnknownTopicId,
                });
            }
        },
    };
    let partition = match &entry.interest {
        Some(interest) if interest.partition().id().topic == topic.id => Some(interest.partition().clone()),
        Some(_) | None => topics.partition(image, topic, entry.index),
    };
    let unknown =
        if by_id && topic.has(entry.index) { ErrorCode::UnknownTopicId } else { ErrorCode::UnknownTopicOrPartition };
    let partition = partition.filter(|partition| !partition.is_deleted()).ok_or(unknown)?;
    Ok((topic.clone(), partition))
}
