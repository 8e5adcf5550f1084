//! Fetch (1), versions 4-18. KIP-74 (byte limits), KIP-227 (sessions), KIP-320 (epochs), KIP-392 (racks), KIP-516 (ids
//! from 13), KIP-595 (diverging epochs), KIP-903, KIP-951 (current leader), KIP-853 and KIP-1166 (followers' fields).
//!
//! - [`watch`]: the partitions asked for and which are worth a look. [`sessions`]: the cache of sessions.
//! - [`look`]: one partition's turn. [`places`]: the bound on what is asked for outside of sessions.
//!
//! Rules: FE-1 to FE-4 and FE-9 to FE-16 of the protocol reference.
//! - An answer comes at once when `min_bytes` are there, a partition fails, nothing is asked for, or nothing shall be
//!   waited for; else when the marks of its partitions say so, at the latest after `max_wait_ms`, or when the broker
//!   stops (FE-16). A partition that is deleted meanwhile ends the wait, once; topics that are unknown
//!   from the start don't, or a consumer of one deleted topic would spin (Kafka answers when it knows none of them).
//! - Partitions are served in request order, within `max_bytes` and `fetch.max.bytes`; the first batch of the answer comes
//!   whatever its size (FE-3). In a session those that were served go to the end.
//! - What all sessions hold is bounded: beyond it a full fetch gets no session, and a session that would grow too far
//!   ends with FETCH_SESSION_ID_NOT_FOUND, upon which its client starts over with a full fetch.
//! - What fetches without a session hold while they wait is bounded too: beyond it some of those that wait answer at once.
//! - Replica ids, directory ids and high watermarks of followers are read and mean nothing here (FE-14).

mod look;
mod places;
mod sessions;
mod watch;

use super::answer::{Done, Outcome, later, ready};
use super::call::{Answer, Peer};
use super::topics::Topics;
use super::whereabouts::Whereabouts;
use crate::base::Clock;
use crate::metrics::Metrics;
use crate::partition::ReadUpto;
use crate::wire::fetch::{FetchResponse, FetchableTopicResponse, PartitionData};
use crate::wire::requests::FetchRequest;
use crate::wire::writer::{CurrentLeader, NodeEndpoint};
use crate::wire::{ErrorCode, RequestHeader, Str};
use look::{Look, Seen};
use parking_lot::Mutex;
use places::{Place, Places};
use sessions::{EPOCH_NONE, EPOCH_OPEN, SESSION_NONE, SessionError, Sessions};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use uuid::Uuid;
use watch::{Told, TopicRef, Turn, Wanted, Watch};

/// From here on topics are named by id.
const BY_ID_SINCE: i16 = 13;

/// From here on the leader is told with FENCED_LEADER_EPOCH.
const LEADER_SINCE: i16 = 16;

/// Partitions (by weight) whose answer may be long, were there news of all of them: it is made when there is room for it.
const WEIGHT_SHORT: usize = 5_000;

/// `isolation_level` of a consumer that wants committed records only.
const READ_COMMITTED: i8 = 1;

/// What fetches use: partitions and sessions.
pub struct Fetches {
    topics: Arc<Topics>,
    place: Arc<Whereabouts>,
    metrics: Arc<Metrics>,
    clock: Arc<dyn Clock>,
    sessions: Mutex<Sessions<Watch>>,
    places: Places,
}

/// The watch of a request, and what becomes of it after the answer.
enum Session {
    /// No session was asked for.
    Without(Watch),
    /// One shall be opened, if there is room.
    Open(Watch),
    /// It goes back to its session.
    Goes(Lease),
}

/// A session's watch while a request works on it; goes back even when the request is abandoned.
struct Lease {
    fetches: Arc<Fetches>,
    id: i32,
    watch: Watch,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let watch = std::mem::take(&mut self.watch);
        let now = self.fetches.clock.monotonic();
        self.fetches.sessions.lock().put_back(self.id, watch, now);
    }
}

/// What a request asks for, besides its partitions.
struct Terms {
    by_id: bool,
    upto: ReadUpto,
    bytes_min: u64,
    bytes_max: u64,
    deadline: Instant,
}

impl Fetches {
    /// Fetches from these topics, with a cache for `sessions_max` sessions.
    pub fn new(
        topics: Arc<Topics>,
        place: Arc<Whereabouts>,
        metrics: Arc<Metrics>,
        clock: Arc<dyn Clock>,
        sessions_max: usize,
    ) -> Arc<Fetches> {
        let (sessions, places) = (Mutex::new(Sessions::new(sessions_max)), Places::default());
        Arc::new(Fetches { topics, place, metrics, clock, sessions, places })
    }

    /// Number of sessions in the cache.
    pub fn session_count(&self) -> usize {
        self.sessions.lock().len()
    }

    pub(super) async fn start(
        self: &Arc<Self>,
        peer: &Arc<Peer>,
        header: RequestHeader,
        request: FetchRequest,
    ) -> Answer {
        let terms = self.terms(&header, &request);
        // What a session holds is counted there.
        let place = if is_full(&request) { Some(self.places.take(weight(&request)).await) } else { None };
        let session = match self.session(terms.by_id, &request) {
            Ok(found) => found,
            Err(error) => {
                tracing::debug!(%error, connection = %peer.id, "fetch session refused");
                return ready(&self.metrics, &header, Ok(refused(&header, &error)));
            }
        };
        // The frame goes; what is wanted was copied.
        drop(request);
        let work = self.clone().run(peer.clone(), header.clone(), terms, session, place);
        later(&self.metrics, header, work)
    }

    fn terms(&self, header: &RequestHeader, request: &FetchRequest) -> Terms {
        let positive = |value: i32| u64::try_from(value).unwrap_or(0);
        let configured = u64::from(self.topics.configs().broker().fetch_bytes_max);
        let bytes_max = positive(request.max_bytes).min(configured);
        Terms {
            by_id: header.version >= BY_ID_SINCE,
            upto: match request.isolation_level {
                READ_COMMITTED => ReadUpto::LastStable,
                _ => ReadUpto::HighWatermark,
            },
            bytes_min: positive(request.min_bytes).min(bytes_max),
            bytes_max,
            deadline: Instant::now() + Duration::from_millis(positive(request.max_wait_ms)),
        }
    }

    /// Finds the session that a request means, and what it watches then.
    fn session(self: &Arc<Self>, by_id: bool, request: &FetchRequest) -> Result<Session, SessionError> {
        let now = self.clock.monotonic();
        let (id, epoch) = (request.session_id, request.session_epoch);
        if is_full(request) {
            if id != SESSION_NONE {
                self.sessions.lock().close(id);
            }
            let mut watch = Watch::default();
            want(&mut watch, by_id, request);
            return Ok(if epoch == EPOCH_OPEN { Session::Open(watch) } else { Session::Without(watch) });
        }
        let mut watch = self.sessions.lock().take(id, epoch, by_id, now)?;
        for topic in &request.forgotten_topics_data {
            let name = topic_ref(by_id, &topic.topic, topic.topic_id);
            for partition in &topic.partitions {
                watch.forget(&name, partition);
            }
        }
        want(&mut watch, by_id, request);
        if watch.is_empty() {
            self.sessions.lock().end(id);
            return Ok(Session::Without(watch));
        }
        self.sessions.lock().grow(id, watch.weight())?;
        Ok(Session::Goes(Lease { fetches: self.clone(), id, watch }))
    }

    async fn run(
        self: Arc<Self>,
        peer: Arc<Peer>,
        header: RequestHeader,
        terms: Terms,
        mut session: Session,
        place: Option<Place>,
    ) -> Outcome {
        let (watch, incremental) = match &mut session {
            Session::Without(watch) | Session::Open(watch) => (watch, false),
            Session::Goes(lease) => (&mut lease.watch, true),
        };
        if watch.weight() > WEIGHT_SHORT {
            peer.answers.room().await;
        }
        let mut seen = self.wait(&peer, &terms, watch, place.is_some()).await;
        let error = seen.values().map(|seen| seen.data.error_code).find(|code| !code.is_none()).unwrap_or_default();
        let mut response = FetchResponse::default();
        self.tell(&peer, &header, watch, incremental, &mut seen, &mut response);
        response.session_id = match session {
            Session::Without(_) => SESSION_NONE,
            Session::Open(watch) => self.open(terms.by_id, watch),
            Session::Goes(lease) => lease.id,
        };
        Ok(Done { body: response.encode(&header), error })
    }

    /// Looks at what is due until there is enough, or the time is up; `placed`: or until others need the place. What was
    /// seen is by turn.
    async fn wait(&self, peer: &Peer, terms: &Terms, watch: &mut Watch, placed: bool) -> BTreeMap<Turn, Seen> {
        let mut seen: BTreeMap<Turn, Seen> = BTreeMap::new();
        let mut gives_way = false;
        loop {
            let mut look = Look::new(&self.topics, terms.by_id, terms.upto, terms.bytes_max);
            for turn in watch.due() {
                let Some(entry) = watch.entry(turn) else { continue };
                let found = look.at(entry).await;
                let nothing = found.bytes == 0 && found.data.error_code.is_none() && !found.cut_short;
                seen.insert(turn, found);
                if nothing {
                    watch.at_rest(turn);
                }
            }
            let urgent = seen.values().any(|seen| seen.urgent);
            let enough = look.bytes >= terms.bytes_min || urgent || watch.is_empty();
            if enough || gives_way || Instant::now() >= terms.deadline || peer.stopping.is_stopping() {
                return seen;
            }
            // Nothing that was read is held while waiting: it is still due and read again.
            seen.values_mut().for_each(Seen::drop_records);
            let image = self.topics.image();
            watch
                .arm(|entry| look::find(&self.topics, &image, terms.by_id, entry).ok().map(|(_, partition)| partition));
            tokio::select! {
                () = watch.changed() => {}
                () = tokio::time::sleep_until(terms.deadline) => {}
                () = peer.stopping.begun() => {}
                () = self.places.needed(), if placed => gives_way = true,
            }
        }
    }

    /// Puts what was seen into the answer; in a session only what the client does not know (FE-10).
    fn tell(
        &self,
        peer: &Peer,
        header: &RequestHeader,
        watch: &mut Watch,
        incremental: bool,
        seen: &mut BTreeMap<Turn, Seen>,
        response: &mut FetchResponse,
    ) {
        for (turn, seen) in std::mem::take(seen) {
            let Some(entry) = watch.entry(turn) else { continue };
            let Seen { mut data, bytes, next, leader_epoch, .. } = seen;
            let told = Told { high_watermark: data.high_watermark, log_start: data.log_start_offset };
            let news =
                bytes > 0 || !data.error_code.is_none() || data.diverging_epoch.is_some() || entry.told != Some(told);
            entry.told = data.error_code.is_none().then_some(told);
            if incremental && !news {
                continue;
            }
            if let Some(counters) = seen.counters.as_ref().filter(|_| bytes > 0) {
                let records = u64::try_from(next.0 - entry.wanted.offset.0).unwrap_or(0);
                counters.fetched(bytes, records);
            }
            if data.error_code == ErrorCode::FencedLeaderEpoch && header.version >= LEADER_SINCE {
                data.current_leader = Some(CurrentLeader { leader_id: self.place.node, leader_epoch });
                if response.node_endpoints.is_empty() {
                    response.node_endpoints.push(self.endpoint(peer));
                }
            }
            let topic = entry.topic.clone();
            put(response, &topic, data);
            if bytes > 0 {
                watch.served(turn);
            }
        }
    }

    fn endpoint(&self, peer: &Peer) -> NodeEndpoint {
        let (host, port) = peer.advertised();
        let (host, rack) = (Str::from_string(host), self.place.rack());
        NodeEndpoint { node_id: self.place.node, host, port: i32::from(port), rack }
    }

    /// Opens a session for a watch; answers its id, or 0 when there is no room (FE-9).
    fn open(&self, by_id: bool, watch: Watch) -> i32 {
        let (weight, now) = (watch.weight(), self.clock.monotonic());
        let mut sessions = self.sessions.lock();
        let random = || Uuid::new_v4().as_fields().0 as i32;
        let Some(id) = sessions.open(weight, by_id, now, random) else { return SESSION_NONE };
        sessions.put_back(id, watch, now);
        id
    }
}

/// Whether a request names all that it wants, rather than what changes in a session.
fn is_full(request: &FetchRequest) -> bool {
    matches!(request.session_epoch, EPOCH_OPEN | EPOCH_NONE)
}

/// What a full fetch will weigh, as [`Watch::weight`] has it.
fn weight(request: &FetchRequest) -> usize {
    let topic = |name: &str, partitions: usize| partitions.saturating_mul(1 + watch::name_weight(name));
    request.topics.iter().map(|asked| topic(&asked.topic, asked.partitions.len())).sum()
}

fn want(watch: &mut Watch, by_id: bool, request: &FetchRequest) {
    for topic in &request.topics {
        let name = topic_ref(by_id, &topic.topic, topic.topic_id);
        for partition in &topic.partitions {
            let wanted = Wanted {
                offset: partition.fetch_offset,
                bytes_max: u64::try_from(partition.partition_max_bytes).unwrap_or(0),
                current_leader_epoch: partition.current_leader_epoch,
                last_fetched_epoch: partition.last_fetched_epoch,
            };
            watch.want(&name, partition.partition, wanted);
        }
    }
}

fn topic_ref(by_id: bool, name: &Str, id: crate::base::TopicId) -> TopicRef {
    if by_id { TopicRef::Id(id) } else { TopicRef::Name(name.as_str().into()) }
}

/// Adds a partition to the answer: to its last topic when that is the same one, so that the order stays (FE-3).
fn put(response: &mut FetchResponse, topic: &TopicRef, data: PartitionData) {
    let (name, id) = match topic {
        TopicRef::Name(name) => (name.as_ref(), crate::base::TopicId::ZERO),
        TopicRef::Id(id) => ("", *id),
    };
    match response.responses.last_mut().filter(|last| last.topic_id == id && *last.topic == *name) {
        Some(last) => last.partitions.push(data),
        None => response.responses.push(FetchableTopicResponse {
            topic: Str::from_string(name.to_string()),
            topic_id: id,
            partitions: vec![data],
        }),
    }
}

/// The answer to a request that can't go on with its session (FE-10).
fn refused(header: &RequestHeader, error: &SessionError) -> Done {
    let error_code = match error {
        SessionError::NotFound(_) => ErrorCode::FetchSessionIdNotFound,
        SessionError::Epoch { .. } => ErrorCode::InvalidFetchSessionEpoch,
        SessionError::TopicIds(_) => ErrorCode::FetchSessionTopicIdError,
    };
    let response = FetchResponse { error_code, session_id: SESSION_NONE, ..FetchResponse::default() };
    Done { body: response.encode(header), error: error_code }
}
