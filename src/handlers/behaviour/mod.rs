//! Client-visible behaviour, by the ids of the protocol reference: a broker in this process, without sockets, asked with
//! the codec crate's own encoders. docs/compatibility-behaviours.md lists id, test and state; a test compares them.

mod ad;
mod av;
mod cg;
mod cg_more;
mod cg_offsets;
mod changes;
mod dr;
mod fe;
mod fe_sessions;
mod features;
mod group_configs;
mod group_topics;
mod large;
mod listed;
mod lo;
mod md;
mod ng;
mod pr;
mod pr_idempotence;

use super::call::{
    Advertised, Answer, Close, ConnectionId, Dispatch, Listener, Peer, Reply, Request as Frame, StopSignal, stop_signal,
};
use super::{Configs, Fetches, Groups, Parts, ProducerIds, Service, Space, Topics, Whereabouts};
use crate::base::{
    Body, Boot, Clock, ManualClock, NodeId, Part, ProducerEpoch, ProducerId, Sequence, SystemClock, Timestamp, TopicId,
    TopicPartition,
};
use crate::io::disk::FaultyDisk;
use crate::log::LogSettings;
use crate::metadata::{Change, Image, MetadataLog};
use crate::metrics::{Metrics, Protocol};
use crate::partition::Partitions;
use crate::record::{BatchBuilder, Record, Records};
use crate::settings::{Origin, StaticValue, Statics};
use crate::store::{DataDir, Durability, KnownTopic, Store, StoreConfig};
use crate::wire::api::API_TABLE;
use crate::wire::{Api, ErrorCode};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use kafka_protocol::messages::describe_groups_response::DescribedGroup;
use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic};
use kafka_protocol::messages::fetch_response::PartitionData;
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::produce_response::PartitionProduceResponse;
use kafka_protocol::messages::{
    CreateTopicsRequest, DescribeGroupsRequest, FetchRequest, FetchResponse, GroupId, ProduceRequest, ProduceResponse,
    TopicName,
};
use kafka_protocol::protocol::{Decodable, Encodable, HeaderVersion, Request, StrBytes};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use uuid::Uuid;

/// The broker's wall clock at the start of each test.
const WALL: Timestamp = Timestamp(1_700_000_000_000);

const NODE: NodeId = NodeId(1);

const CLUSTER: &str = "Dgn9cRYLQZ2gmzIIXz9aZA";

const CORRELATION: i32 = 77;

const DATA: &str = "/data";

/// A broker in this process.
struct Broker {
    service: Service,
    store: Arc<Store>,
    disk: FaultyDisk,
    metadata: Arc<MetadataLog>,
    clock: Arc<ManualClock>,
    metrics: Arc<Metrics>,
    peer: Arc<Peer>,
    stop: StopSignal,
    statics: Statics,
}

/// The test's wall clock, and real time for whatever waits.
struct Waiting(Arc<ManualClock>, SystemClock);

impl Clock for Waiting {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.1.monotonic()
    }

    fn boot(&self) -> Boot {
        self.0.boot()
    }
}

/// How a broker ends before it is started again.
enum End {
    /// In order.
    Stopped,
    /// By kill -9: the page cache stays.
    Killed,
    /// By loss of power, with this seed.
    PowerLost(u64),
}

impl Broker {
    async fn start() -> Broker {
        Broker::with(&[]).await
    }

    /// A broker with these static settings.
    async fn with(settings: &[(&str, &str)]) -> Broker {
        let statics = settings.iter().map(|(name, text)| {
            let value = StaticValue { text: text.to_string(), origin: Origin::Flag("-o".to_string()) };
            (name.to_string(), value)
        });
        let mut statics: Statics = statics.collect();
        let id = StaticValue { text: NODE.to_string(), origin: Origin::Flag("-o".to_string()) };
        statics.insert("node.id".to_string(), id);
        let disk = FaultyDisk::new(7, 1 << 34);
        Broker::run(disk, MetadataLog::in_memory(CLUSTER), Arc::new(ManualClock::at(WALL)), statics).await
    }

    async fn run(disk: FaultyDisk, metadata: Arc<MetadataLog>, clock: Arc<ManualClock>, statics: Statics) -> Broker {
        let mut data_dir = DataDir::open(Arc::new(disk.clone()), Path::new(DATA)).expect("the data directory opens");
        data_dir.claim(CLUSTER, NODE, Uuid::from_u128(1)).expect("the data directory is ours");
        let defaults = Arc::new(LogSettings::default());
        let image = metadata.image();
        let known = |id: TopicPartition| {
            let topic = image.topic_by_id(id.topic).filter(|topic| topic.has(id.partition))?;
            Some(KnownTopic { name: (*topic.name).to_owned(), epoch: Some(image.leader_epoch(topic)), settings: None })
        };
        let durability = match statics.get("ottla.durability").map(|value| value.text.as_str()) {
            Some("os") => Durability::Os,
            _ => Durability::Fsync,
        };
        let config = StoreConfig { durability, ..StoreConfig::new(defaults, clock.clone(), Box::new(|_| {})) };
        let store = Store::open(data_dir, config, &known).expect("the store opens");
        let start = Change::StartBroker { node: NODE, rack: None };
        metadata.commit(vec![start]).await.expect("the broker starts");
        let image = metadata.image();
        let protocol = Protocol {
            apis: API_TABLE.iter().map(|row| (row.key, row.name)).collect(),
            error_name: |code| ErrorCode::from_code(code).map_or("other", ErrorCode::name),
        };
        let registry = prometheus::Registry::new();
        let metrics = Arc::new(Metrics::new(registry, protocol, "0", "0", 100).expect("fresh metrics"));
        let configs = Configs::new(NODE, Arc::new(statics.clone()), &image, metrics.clone()).expect("good settings");
        let partitions = Partitions::new(store.clone());
        let topics = Arc::new(Topics::new(metadata.clone(), partitions, Arc::new(configs), metrics.clone()));
        let place = Arc::new(Whereabouts { node: NODE, rack: Some("r1".to_string()), data_dir: DATA.into() });
        let sessions_max = topics.configs().broker().fetch_sessions_max as usize;
        let fetches = Fetches::new(topics.clone(), place.clone(), metrics.clone(), clock.clone(), sessions_max);
        let groups = Arc::new(Groups::new(topics.clone(), Arc::new(Waiting(clock.clone(), SystemClock::default()))));
        groups.start();
        let service = Service::new(Parts {
            place,
            topics,
            groups,
            fetches,
            producer_ids: Arc::new(ProducerIds::new(metadata.clone(), NODE)),
            space: Arc::new(Box::new(|| Space { total: Some(1000), free: Some(400) })),
            metrics: metrics.clone(),
            clock: clock.clone(),
        });
        let (stop, stopping) = stop_signal();
        let listener = Listener { name: "PLAINTEXT".to_string(), advertised: Advertised::Reached };
        let local = "127.0.0.1:9092".parse().expect("an address");
        let remote = "127.0.0.1:40000".parse().expect("an address");
        let answers = super::answer_memory::AnswerMemory::new(u64::MAX);
        let peer = Arc::new(Peer::new(ConnectionId(1), Arc::new(listener), local, remote, stopping, answers));
        Broker { service, store, disk, metadata, clock, metrics, peer, stop, statics }
    }

    /// Ends this broker and starts it again on what it left.
    async fn restart(self, end: End) -> Broker {
        let Broker { service, store, disk, metadata, clock, statics, .. } = self;
        let disk = match end {
            End::Stopped => {
                store.shutdown().expect("the store stops");
                drop((service, store));
                disk
            }
            End::Killed => {
                let left = disk.kill();
                drop((service, store));
                left
            }
            End::PowerLost(seed) => {
                let left = disk.crash(seed);
                drop((service, store));
                left
            }
        };
        Broker::run(disk, metadata, clock, statics).await
    }

    fn image(&self) -> Arc<Image> {
        self.metadata.image()
    }

    fn id(&self, topic: &str) -> TopicId {
        self.image().topic(topic).expect("the topic exists").id
    }

    /// Sends a frame.
    async fn send(&self, frame: Bytes) -> Answer {
        self.service.start(&self.peer, Frame { frame, arrived: tokio::time::Instant::now() }).await
    }

    /// Sends a request; the answer may still be on its way.
    async fn begin<R: Request>(&self, version: i16, request: &R) -> Answer {
        self.send(frame(R::KEY, version, request)).await
    }

    /// Sends a request and decodes its answer.
    async fn call<R: Request>(&self, version: i16, request: &R) -> R::Response {
        let answer = self.begin(version, request).await;
        decode::<R>(version, body(answer).await.expect("the connection stays open"))
    }

    /// Sends a request whose answer is to come later.
    async fn pending<R: Request>(&self, version: i16, request: &R) -> Pending<R> {
        let answer = tokio::spawn(body(self.begin(version, request).await));
        tokio::task::yield_now().await;
        Pending { answer, version, request: PhantomData }
    }

    /// Sends a request that closes the connection.
    async fn call_closed<R: Request>(&self, version: i16, request: &R) -> Close {
        let answer = self.begin(version, request).await;
        body(answer).await.err().expect("the connection is closed")
    }

    /// Makes a topic with these settings of its own.
    async fn create(&self, name: &str, partitions: i32, configs: &[(&str, &str)]) -> TopicId {
        let mut topic = CreatableTopic::default();
        topic.name = topic_name(name);
        topic.num_partitions = partitions;
        topic.replication_factor = -1;
        for (name, value) in configs {
            let mut config = CreatableTopicConfig::default();
            config.name = string(name);
            config.value = Some(string(value));
            topic.configs.push(config);
        }
        let mut request = CreateTopicsRequest::default();
        request.topics.push(topic);
        let response = self.call(7, &request).await;
        assert_eq!(code(response.topics[0].error_code), ErrorCode::None, "{name}");
        TopicId(response.topics[0].topic_id)
    }

    /// Produces one batch to one partition by name.
    async fn produce(&self, topic: &str, partition: i32, batch: Bytes) -> PartitionProduceResponse {
        self.produce_as(9, -1, topic, partition, batch).await
    }

    async fn produce_as(
        &self,
        version: i16,
        acks: i16,
        topic: &str,
        partition: i32,
        batch: Bytes,
    ) -> PartitionProduceResponse {
        let request = produce_request(acks, topic, self.image().topic(topic).map(|t| t.id), version, partition, batch);
        only_partition(self.call(version, &request).await)
    }

    /// Appends plain records with these values, for tests that are about reading. Answers the base offset.
    async fn append(&self, topic: &str, partition: i32, values: &[&str]) -> i64 {
        let answer = self.produce(topic, partition, batch(values)).await;
        assert_eq!(code(answer.error_code), ErrorCode::None);
        answer.base_offset
    }

    /// Fetches one partition without a session, not waiting.
    async fn fetch(&self, topic: &str, partition: i32, offset: i64) -> PartitionData {
        let request = fetch_request(12, &[(topic, TopicId::ZERO, partition, offset)]);
        only_fetched(self.call(12, &request).await)
    }

    /// A group, by itself.
    async fn describe(&self, group: &str) -> DescribedGroup {
        let request = DescribeGroupsRequest::default().with_groups(vec![group_id(group)]);
        self.call(6, &request).await.groups.remove(0)
    }

    fn answered(&self, api: Api, error: ErrorCode) -> u64 {
        self.metrics.requests.answered_count(api.key(), error.code())
    }
}

/// An answer that is on its way.
struct Pending<R> {
    answer: JoinHandle<Result<Body, Close>>,
    version: i16,
    request: PhantomData<R>,
}

impl<R: Request> Pending<R> {
    /// Asserts that it does not come within this time.
    async fn waits(&mut self, time: Duration) {
        assert!(tokio::time::timeout(time, &mut self.answer).await.is_err(), "answered too early");
    }

    async fn end(self) -> R::Response {
        let body = self.answer.await.expect("an answer");
        decode::<R>(self.version, body.expect("the connection stays open"))
    }
}

/// A request as its frame, without the length.
fn frame<R: Encodable>(key: i16, version: i16, request: &R) -> Bytes {
    let mut out = head(key, version);
    request.encode(&mut out, version).expect("the version can carry the request");
    out.freeze()
}

/// The header of a request.
fn head(key: i16, version: i16) -> BytesMut {
    let mut out = BytesMut::new();
    out.put_i16(key);
    out.put_i16(version);
    out.put_i32(CORRELATION);
    out.put_i16(4);
    out.put_slice(b"test");
    if Api::from_key(key).is_some_and(|api| api.request_header_version(version) >= 2) {
        out.put_u8(0);
    }
    out
}

/// Waits for an answer.
async fn body(answer: Answer) -> Result<Body, Close> {
    match answer {
        Answer::Ready(body) | Answer::Throttled(body, _) => Ok(body),
        Answer::Later(work) => match tokio::time::timeout(Duration::from_secs(30), work).await {
            Ok(Reply::Body(body) | Reply::Throttled(body, _)) => Ok(body),
            Ok(Reply::Silent) => panic!("a silent answer"),
            Ok(Reply::Close(close)) => Err(close),
            Err(_) => panic!("no answer after 30 seconds"),
        },
        Answer::Silent => panic!("a silent answer"),
        Answer::Close(close) => Err(close),
    }
}

/// The bytes of an answer, read from wherever they are.
fn bytes(body: &Body) -> Bytes {
    let mut out = BytesMut::new();
    for part in &body.parts {
        match part {
            Part::Bytes(bytes) | Part::Tail { bytes, .. } => out.put_slice(bytes),
            Part::File { file, position, length } => {
                let mut content = vec![0; *length as usize];
                let read = file.read_at(&mut content, *position).expect("the file can be read");
                assert_eq!(read as u64, *length, "a range past the file's end");
                out.put_slice(&content);
            }
        }
    }
    out.freeze()
}

fn decode<R: Request>(version: i16, body: Body) -> R::Response {
    let mut bytes = bytes(&body);
    let header_version = R::Response::header_version(version);
    let header = kafka_protocol::messages::ResponseHeader::decode(&mut bytes, header_version).expect("a header");
    assert_eq!(header.correlation_id, CORRELATION);
    let response = R::Response::decode(&mut bytes, version).expect("a body of this version");
    assert!(bytes.is_empty(), "{} bytes follow the answer", bytes.len());
    response
}

fn code(number: i16) -> ErrorCode {
    ErrorCode::from_code(number).expect("a code of Kafka's")
}

fn string(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_string())
}

fn topic_name(name: &str) -> TopicName {
    TopicName(string(name))
}

fn group_id(group: &str) -> GroupId {
    GroupId(string(group))
}

/// A plain batch without keys.
fn batch(values: &[&str]) -> Bytes {
    values.iter().fold(BatchBuilder::new(), |batch, value| batch.push(WALL, None, Some(value.as_bytes()))).build()
}

/// A batch of an idempotent producer.
fn sequenced(producer: i64, epoch: i16, sequence: i32, values: &[&str]) -> Bytes {
    let batch = BatchBuilder::new().producer(ProducerId(producer), ProducerEpoch(epoch), Sequence(sequence));
    values.iter().fold(batch, |batch, value| batch.push(WALL, None, Some(value.as_bytes()))).build()
}

/// One record.
fn record(timestamp: Timestamp, key: Option<&[u8]>, value: Option<&[u8]>) -> BatchBuilder {
    BatchBuilder::new().push(timestamp, key, value)
}

fn produce_request(
    acks: i16,
    topic: &str,
    id: Option<TopicId>,
    version: i16,
    partition: i32,
    batch: Bytes,
) -> ProduceRequest {
    let mut data = PartitionProduceData::default();
    data.index = partition;
    data.records = Some(batch);
    let mut topic_data = TopicProduceData::default();
    if version >= 13 {
        topic_data.topic_id = id.unwrap_or(TopicId::ZERO).0;
    } else {
        topic_data.name = topic_name(topic);
    }
    topic_data.partition_data.push(data);
    let mut request = ProduceRequest::default();
    request.acks = acks;
    request.timeout_ms = 10_000;
    request.topic_data.push(topic_data);
    request
}

fn only_partition(response: ProduceResponse) -> PartitionProduceResponse {
    assert_eq!((response.responses.len(), response.responses[0].partition_responses.len()), (1, 1));
    response.responses.into_iter().next().expect("a topic").partition_responses.remove(0)
}

/// A request without a session that does not wait, for (topic, id, partition, offset).
fn fetch_request(version: i16, partitions: &[(&str, TopicId, i32, i64)]) -> FetchRequest {
    let mut request = FetchRequest::default();
    request.max_wait_ms = 0;
    request.min_bytes = 1;
    request.max_bytes = 50 << 20;
    request.session_epoch = -1;
    for (topic, id, partition, offset) in partitions {
        let mut wanted = FetchPartition::default();
        wanted.partition = *partition;
        wanted.fetch_offset = *offset;
        wanted.partition_max_bytes = 1 << 20;
        let mut fetch_topic = FetchTopic::default();
        if version >= 13 {
            fetch_topic.topic_id = id.0;
        } else {
            fetch_topic.topic = topic_name(topic);
        }
        fetch_topic.partitions.push(wanted);
        request.topics.push(fetch_topic);
    }
    request
}

fn only_fetched(response: FetchResponse) -> PartitionData {
    assert_eq!(code(response.error_code), ErrorCode::None);
    assert_eq!((response.responses.len(), response.responses[0].partitions.len()), (1, 1));
    response.responses.into_iter().next().expect("a topic").partitions.remove(0)
}

/// The records of a fetched partition.
fn records(data: &PartitionData) -> Vec<Record> {
    let bytes = data.records.clone().expect("records are never null");
    let mut all = Vec::new();
    for batch in crate::record::Batches::new(&bytes) {
        let (header, bytes) = batch.expect("whole batches");
        let records = Records::new(&header, bytes, 1 << 24).expect("records");
        all.extend(records.map(|record| record.expect("a good record")));
    }
    all
}

/// The offsets and values of a fetched partition.
fn values(data: &PartitionData) -> Vec<(i64, String)> {
    let text = |record: &Record| String::from_utf8_lossy(record.value.as_deref().unwrap_or_default()).into_owned();
    records(data).iter().map(|record| (record.offset.0, text(record))).collect()
}
