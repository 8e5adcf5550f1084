//! A producer that writes its own frames: any number of partitions in one request, one request under way, no batching
//! and no threads of its own, so that what is measured is the broker.

use crate::rng::Rng;
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use kafka_protocol::records::{Compression, Record, RecordBatchEncoder, RecordEncodeOptions, TimestampType};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The last version that names topics.
const VERSION: i16 = 12;
/// acks=all.
const ACKS: i16 = -1;
/// What the broker is told to wait at most, milliseconds, and a liveness bound for one answer.
const TIMEOUT_MS: i32 = 30_000;
const WAIT: Duration = Duration::from_secs(60);
/// Largest answer that is believed, bytes.
const ANSWER_BYTES_MAX: u32 = 64 << 20;
const NO_PRODUCER: i64 = -1;

/// Where a batch goes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the topic.
    pub topic: &'static str,
    /// Its partition.
    pub partition: i32,
}

/// One connection.
pub struct RawProducer {
    stream: TcpStream,
    correlation: i32,
}

impl RawProducer {
    /// Connects.
    pub fn connect(bootstrap: &str) -> Result<Self, String> {
        let stream = TcpStream::connect(bootstrap).map_err(|error| format!("connect: {error}"))?;
        stream
            .set_nodelay(true)
            .and_then(|()| stream.set_read_timeout(Some(WAIT)))
            .map_err(|error| error.to_string())?;
        Ok(RawProducer { stream, correlation: 0 })
    }

    /// Sends the same batch to each target in one request with acks=all and waits until all of them are acknowledged.
    pub fn produce(&mut self, targets: &[Target], batch: &Bytes) -> Result<(), String> {
        self.correlation += 1;
        let frame = frame(self.correlation, targets, batch).map_err(|error| error.to_string())?;
        self.stream.write_all(&frame).map_err(|error| format!("produce: {error}"))?;
        let answer = self.answer().map_err(|error| format!("the answer to produce: {error}"))?;
        self.acknowledged(answer, targets.len())
    }

    /// Asks anything else, and waits for the answer.
    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response, String> {
        self.correlation += 1;
        let frame = enframe(self.correlation, version, request).map_err(|error| error.to_string())?;
        self.stream.write_all(&frame).map_err(|error| format!("request {}: {error}", R::KEY))?;
        let mut answer = self.answer().map_err(|error| format!("the answer to request {}: {error}", R::KEY))?;
        ResponseHeader::decode(&mut answer, R::Response::header_version(version)).map_err(|error| error.to_string())?;
        R::Response::decode(&mut answer, version).map_err(|error| error.to_string())
    }

    fn answer(&mut self) -> std::io::Result<Bytes> {
        let mut length = [0u8; 4];
        self.stream.read_exact(&mut length)?;
        let length = u32::from_be_bytes(length);
        if length > ANSWER_BYTES_MAX {
            return Err(std::io::Error::other(format!("{length} bytes")));
        }
        let mut answer = vec![0; length as usize];
        self.stream.read_exact(&mut answer)?;
        Ok(answer.into())
    }

    fn acknowledged(&self, mut answer: Bytes, wanted: usize) -> Result<(), String> {
        let header = ResponseHeader::decode(&mut answer, ProduceResponse::header_version(VERSION))
            .map_err(|error| error.to_string())?;
        let response = ProduceResponse::decode(&mut answer, VERSION).map_err(|error| error.to_string())?;
        let mut taken = 0;
        for partition in response.responses.iter().flat_map(|topic| &topic.partition_responses) {
            if partition.error_code != 0 {
                return Err(format!("partition {} was answered error {}", partition.index, partition.error_code));
            }
            taken += 1;
        }
        match header.correlation_id == self.correlation && taken == wanted {
            true => Ok(()),
            false => Err(format!("{taken} of {wanted} partitions answered, to request {}", header.correlation_id)),
        }
    }
}

/// The request with its length in front. Targets of one topic stand side by side.
fn frame(correlation: i32, targets: &[Target], batch: &Bytes) -> Result<BytesMut, Box<dyn std::error::Error>> {
    let topics = targets.chunk_by(|one, next| one.topic == next.topic).map(|run| {
        let parts = run.iter().map(|target| {
            PartitionProduceData::default().with_index(target.partition).with_records(Some(batch.clone()))
        });
        TopicProduceData::default()
            .with_name(TopicName(StrBytes::from_static_str(run[0].topic)))
            .with_partition_data(parts.collect())
    });
    let request =
        ProduceRequest::default().with_acks(ACKS).with_timeout_ms(TIMEOUT_MS).with_topic_data(topics.collect());
    enframe(correlation, VERSION, &request)
}

/// Any request with its header, and its length in front.
pub(crate) fn enframe<R: Request>(
    correlation: i32,
    version: i16,
    request: &R,
) -> Result<BytesMut, Box<dyn std::error::Error>> {
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(correlation)
        .with_client_id(Some(StrBytes::from_static_str("raw")));
    let mut frame = BytesMut::new();
    frame.put_u32(0);
    header.encode(&mut frame, R::header_version(version))?;
    request.encode(&mut frame, version)?;
    let length = u32::try_from(frame.len() - 4)?;
    frame[..4].copy_from_slice(&length.to_be_bytes());
    Ok(frame)
}

/// A batch of records with values that no disk can make smaller.
pub fn batch(records: usize, value_bytes: usize) -> Bytes {
    let mut rng = Rng::new(records as u64);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let now = i64::try_from(now).unwrap_or(0);
    let records: Vec<Record> = (0..records).map(|at| record(at, now, value(&mut rng, value_bytes))).collect();
    let mut batch = BytesMut::new();
    let options = RecordEncodeOptions { version: 2, compression: Compression::None };
    RecordBatchEncoder::encode(&mut batch, &records, &options).expect("plain records can be encoded");
    batch.freeze()
}

fn value(rng: &mut Rng, bytes: usize) -> Bytes {
    let words = std::iter::repeat_with(|| rng.bits().to_be_bytes());
    words.flatten().take(bytes).collect()
}

fn record(at: usize, timestamp: i64, value: Bytes) -> Record {
    Record {
        transactional: false,
        control: false,
        delete_horizon: false,
        partition_leader_epoch: -1,
        producer_id: NO_PRODUCER,
        producer_epoch: -1,
        timestamp_type: TimestampType::Creation,
        offset: i64::try_from(at).expect("a batch is small"),
        sequence: i32::try_from(at).expect("a batch is small") - 1,
        timestamp,
        key: None,
        value: Some(value),
        headers: Default::default(),
    }
}
