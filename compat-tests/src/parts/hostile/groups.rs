//! Hostile members: floods of joins, huge metadata, generations from the past, commits that can't be taken. Each has its
//! code, and a group beside them has its heartbeats and commits answered throughout.

use super::{HEALTHY_WITHIN, Sizes};
use crate::raw_producer::RawProducer;
use bytes::Bytes;
use kafka_protocol::ResponseError::{
    self, GroupMaxSizeReached, IllegalGeneration, InconsistentGroupProtocol, InvalidGroupId, InvalidSessionTimeout,
    MemberIdRequired, OffsetMetadataTooLarge, RebalanceInProgress, UnknownMemberId, UnknownServerError,
    UnknownTopicOrPartition,
};
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, OffsetCommitRequest, SyncGroupRequest, TopicName,
};
use kafka_protocol::protocol::StrBytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Members that join with an id of the broker's making; what they say of themselves is kept.
const JOIN_AT_ONCE: i16 = 3;
/// The first join is only given an id.
const JOIN_TWICE: i16 = 9;
/// The last one that does not say the protocol again.
const SYNC: i16 = 4;
const HEARTBEAT: i16 = 4;
const COMMIT: i16 = 8;
/// What Ottla keeps at most for a group, in ids that were given out.
const PENDING_MAX: usize = 10_000;
/// What it keeps at most of what the members of a group say, bytes.
const METADATA_MAX: usize = 8 << 20;
/// What each member of the flood says.
const HUGE: usize = 100 << 10;
const TOPIC: &str = "hostile-groups";
const PAUSE: Duration = Duration::from_millis(20);

pub(super) fn text(text: &str) -> StrBytes {
    StrBytes::from_string(text.to_owned())
}

pub(super) fn group(name: &str) -> GroupId {
    GroupId(text(name))
}

fn join(name: &str, metadata: &Bytes) -> JoinGroupRequest {
    let protocol = JoinGroupRequestProtocol::default().with_name(text("range")).with_metadata(metadata.clone());
    JoinGroupRequest::default()
        .with_group_id(group(name))
        .with_session_timeout_ms(30_000)
        .with_rebalance_timeout_ms(30_000)
        .with_protocol_type(text("consumer"))
        .with_protocols(vec![protocol])
}

pub(super) fn commit(
    name: &str,
    member: &str,
    generation: i32,
    topic: &str,
    partition: i32,
    metadata: &str,
) -> OffsetCommitRequest {
    let partition = OffsetCommitRequestPartition::default()
        .with_partition_index(partition)
        .with_committed_offset(7)
        .with_committed_metadata(Some(text(metadata)));
    let topic = OffsetCommitRequestTopic::default().with_name(TopicName(text(topic))).with_partitions(vec![partition]);
    OffsetCommitRequest::default()
        .with_group_id(group(name))
        .with_generation_id_or_member_epoch(generation)
        .with_member_id(text(member))
        .with_topics(vec![topic])
}

/// A group of one member, stable.
struct Member {
    connection: RawProducer,
    group: String,
    id: String,
    generation: i32,
}

impl Member {
    fn new(bootstrap: &str, name: &str) -> Result<Self, String> {
        let mut connection = RawProducer::connect(bootstrap)?;
        let joined = connection.ask(JOIN_AT_ONCE, &join(name, &Bytes::new()))?;
        expect("the join of a member alone", joined.error_code, None)?;
        let id = joined.member_id.to_string();
        let assignment = SyncGroupRequestAssignment::default().with_member_id(text(&id));
        let sync = SyncGroupRequest::default()
            .with_group_id(group(name))
            .with_generation_id(joined.generation_id)
            .with_member_id(text(&id))
            .with_assignments(vec![assignment]);
        expect("its assignment", connection.ask(SYNC, &sync)?.error_code, None)?;
        Ok(Member { connection, group: name.to_owned(), id, generation: joined.generation_id })
    }

    fn heartbeat(&mut self, member: &str, generation: i32) -> Result<i16, String> {
        let heartbeat = HeartbeatRequest::default()
            .with_group_id(group(&self.group))
            .with_generation_id(generation)
            .with_member_id(text(member));
        Ok(self.connection.ask(HEARTBEAT, &heartbeat)?.error_code)
    }

    fn commit(&mut self, (member, generation): (&str, i32), topic: &str, metadata: &str) -> Result<i16, String> {
        let request = commit(&self.group, member, generation, topic, 0, metadata);
        let answer = self.connection.ask(COMMIT, &request)?;
        Ok(answer.topics[0].partitions[0].error_code)
    }

    fn is_well(&mut self) -> Result<(), String> {
        let (id, generation) = (self.id.clone(), self.generation);
        expect("its heartbeat", self.heartbeat(&id, generation)?, None)?;
        expect("its commit", self.commit((&id, generation), TOPIC, "well")?, None)
    }
}

pub(super) fn expect(what: &str, code: i16, wanted: Option<ResponseError>) -> Result<(), String> {
    let wanted = wanted.map_or(0, |error| error.code());
    if code == wanted { Ok(()) } else { Err(format!("{what}: answered {code}, not {wanted}")) }
}

/// Somebody whom nobody attacks.
pub(super) struct Bystander {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Duration, String>>,
}

impl Bystander {
    /// Does its work again and again.
    pub(super) fn start(mut work: impl FnMut() -> Result<(), String> + Send + 'static) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let mut slowest = Duration::ZERO;
            while !stopped.load(Ordering::SeqCst) {
                let begun = Instant::now();
                work()?;
                slowest = slowest.max(begun.elapsed());
                std::thread::sleep(PAUSE);
            }
            Ok(slowest)
        });
        Bystander { stop, thread }
    }

    /// How long its work took at most.
    pub(super) fn stop(self) -> Result<Duration, String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| "panicked".to_owned())?
    }
}

/// All of it; how long the member of another group waited at most for a heartbeat and a commit.
pub(super) fn attack(bootstrap: &str, sizes: &Sizes, _seed: u64) -> Result<String, String> {
    crate::admin::create_topic(bootstrap, TOPIC, 1, &[])?;
    let mut member = Member::new(bootstrap, "bystander")?;
    let bystander = Bystander::start(move || member.is_well());
    let attacked = past(bootstrap)
        .and_then(|()| words(bootstrap))
        .and_then(|()| ids(bootstrap, sizes))
        .and_then(|given| Ok((given, huge(bootstrap)?)));
    let slowest = bystander.stop().map_err(|error| format!("the member of another group: {error}"))?;
    let (given, kept) = attacked?;
    if slowest > HEALTHY_WITHIN {
        return Err(format!("the member of another group waited {} ms", slowest.as_millis()));
    }
    Ok(format!(
        "{given} ids given out, {kept} huge members kept; another group's heartbeat and commit at most {} ms",
        slowest.as_millis()
    ))
}

/// Generations and members that are not, or are no longer.
fn past(bootstrap: &str) -> Result<(), String> {
    let mut member = Member::new(bootstrap, "past")?;
    let (id, generation) = (member.id.clone(), member.generation);
    for wrong in [generation - 1, generation + 1, i32::MAX, i32::MIN] {
        expect("a heartbeat of another generation", member.heartbeat(&id, wrong)?, Some(IllegalGeneration))?;
    }
    for wrong in [generation - 1, generation + 1, i32::MAX] {
        let code = member.commit((&id, wrong), TOPIC, "")?;
        expect("a commit of another generation", code, Some(IllegalGeneration))?;
    }
    expect("a stranger's heartbeat", member.heartbeat("stranger", generation)?, Some(UnknownMemberId))?;
    let code = member.commit(("stranger", generation), TOPIC, "")?;
    expect("a stranger's commit", code, Some(UnknownMemberId))?;
    let code = member.commit(("", -1), TOPIC, "")?;
    expect("a commit past the members", code, Some(UnknownMemberId))?;
    let code = member.commit((&id, generation), "no-such-topic", "")?;
    expect("a commit for no topic", code, Some(UnknownTopicOrPartition))?;
    let code = member.commit((&id, generation), TOPIC, &"m".repeat(4_097))?;
    expect("a commit with long metadata", code, Some(OffsetMetadataTooLarge))?;
    let request = commit("past", &id, generation, TOPIC, 1, "");
    let code = member.connection.ask(COMMIT, &request)?.topics[0].partitions[0].error_code;
    expect("a commit for no partition", code, Some(UnknownTopicOrPartition))?;
    member.is_well()
}

/// Joins that say what can't be.
fn words(bootstrap: &str) -> Result<(), String> {
    let mut connection = RawProducer::connect(bootstrap)?;
    let plain = |name: &str| join(name, &Bytes::new());
    let strange = JoinGroupRequestProtocol::default().with_name(text("no-such-assignor"));
    let cases = [
        ("no group id", plain(""), InvalidGroupId),
        ("no patience", plain("words").with_session_timeout_ms(1), InvalidSessionTimeout),
        ("endless patience", plain("words").with_session_timeout_ms(i32::MAX), InvalidSessionTimeout),
        ("a patience below nothing", plain("words").with_session_timeout_ms(-1), InvalidSessionTimeout),
        ("no protocol", plain("words").with_protocols(Vec::new()), InconsistentGroupProtocol),
        ("no protocol type", plain("words").with_protocol_type(text("")), InconsistentGroupProtocol),
        ("an unknown member", plain("words").with_member_id(text("stranger")), UnknownMemberId),
        ("another protocol type", plain("past").with_protocol_type(text("connect")), InconsistentGroupProtocol),
        ("an assignor that nobody else has", plain("past").with_protocols(vec![strange]), InconsistentGroupProtocol),
    ];
    for (what, request, wanted) in cases {
        let code = connection.ask(JOIN_AT_ONCE, &request)?.error_code;
        expect(what, code, Some(wanted))?;
    }
    Ok(())
}

/// Ids that are asked for and never used; how many were given.
fn ids(bootstrap: &str, sizes: &Sizes) -> Result<usize, String> {
    let mut connection = RawProducer::connect(bootstrap)?;
    let mut given = 0;
    for number in 0..sizes.ids {
        let answer = connection.ask(JOIN_TWICE, &join("ids", &Bytes::new()))?;
        let wanted = if number < PENDING_MAX { MemberIdRequired } else { GroupMaxSizeReached };
        expect(&format!("the join number {number}"), answer.error_code, Some(wanted))?;
        given += usize::from(answer.error_code == MemberIdRequired.code());
    }
    Ok(given)
}

/// Members that say too much of themselves, from connections of their own; how many of them the group keeps.
fn huge(bootstrap: &str) -> Result<usize, String> {
    let members = METADATA_MAX / HUGE + 20;
    let metadata = Bytes::from(vec![7; HUGE]);
    let answers: Vec<Result<JoinGroupResponse, String>> = std::thread::scope(|scope| {
        let one = || RawProducer::connect(bootstrap)?.ask(JOIN_AT_ONCE, &join("huge", &metadata));
        let threads: Vec<_> = (0..members).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err("panicked".to_owned()))).collect()
    });
    let (mut kept, mut refused) = (0, 0);
    for answer in answers {
        match answer?.error_code {
            0 => kept += 1,
            code if code == RebalanceInProgress.code() => kept += 1,
            code => {
                expect("a huge member", code, Some(UnknownServerError))?;
                refused += 1;
            }
        }
    }
    match (kept * HUGE <= METADATA_MAX, refused) {
        (true, 1..) => Ok(kept),
        _ => Err(format!("{kept} members of {HUGE} bytes are kept, {refused} refused")),
    }
}
