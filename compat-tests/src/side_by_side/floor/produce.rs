//! Produce, versions 3 to 7: check the batch, write its offset into it, append it, answer. The versions below 3 are listed
//! for clients that want to see them, and are not served.

use super::log::Log;
use super::topics::{Topic, Topics};
use super::wire::{Put, Reader, begin_answer, end_answer, malformed};
use super::{batch, connection::Request};
use kafka_protocol::ResponseError;
use std::io;
use std::sync::Arc;

/// The oldest version that is served: the first with batches of format 2.
const VERSION_MIN: i16 = 3;
/// Since when the answer has the log's start.
const LOG_START_SINCE: i16 = 5;
const NO_OFFSET: i64 = -1;
/// The time is the client's, not that of the append.
const NO_APPEND_TIME: i64 = -1;
const THROTTLE_MS: i32 = 0;

/// Appends what the request brings and leaves the answer in `answer`, which is empty if the client wants none. A client
/// that wants none learns of an error by the end of its connection, as with Kafka.
pub(super) fn produce(topics: &Topics, request: Request<'_>, answer: &mut Vec<u8>) -> io::Result<()> {
    let version = request.version;
    if version < VERSION_MIN {
        return Err(malformed("a produce request too old"));
    }
    begin_answer(answer, request.correlation);
    let mut reader = Reader::new(request.body);
    // The transactional id.
    reader.skip_string()?;
    let (acks, _timeout_ms) = (reader.i16()?, reader.i32()?);
    let mut failed = false;
    let topic_count = reader.count()?;
    answer.count(topic_count)?;
    for _ in 0..topic_count {
        let name = reader.string()?;
        let topic = topics.get(name);
        answer.string(name)?;
        let partition_count = reader.count()?;
        answer.count(partition_count)?;
        for _ in 0..partition_count {
            let index = reader.i32()?;
            let appended = append(topic.as_ref(), index, reader.bytes()?);
            failed |= appended.is_err();
            put_partition(answer, version, index, appended)?;
        }
    }
    topics.arrivals.announce();
    answer.i32(THROTTLE_MS)?;
    match acks {
        0 if failed => Err(malformed("a batch that can't be taken, without an answer to say so")),
        0 => {
            answer.clear();
            Ok(())
        }
        _ => end_answer(answer),
    }
}

/// The batch's first offset.
fn append(topic: Option<&Arc<Topic>>, index: i32, batch: &mut [u8]) -> Result<i64, ResponseError> {
    let topic = topic.ok_or(ResponseError::UnknownTopicOrPartition)?;
    let offsets = batch::offsets_of(batch)?;
    let mut log = topic.partition(index).ok_or(ResponseError::UnknownTopicOrPartition)?;
    log.append(batch, offsets)
}

fn put_partition(
    answer: &mut Vec<u8>,
    version: i16,
    index: i32,
    appended: Result<i64, ResponseError>,
) -> io::Result<()> {
    let (error, base_offset, start) = match appended {
        Ok(base_offset) => (0, base_offset, Log::START),
        Err(error) => (error.code(), NO_OFFSET, NO_OFFSET),
    };
    answer.i32(index)?;
    answer.i16(error)?;
    answer.i64(base_offset)?;
    answer.i64(NO_APPEND_TIME)?;
    if version >= LOG_START_SINCE {
        answer.i64(start)?;
    }
    Ok(())
}
