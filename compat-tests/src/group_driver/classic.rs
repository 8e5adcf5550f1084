//! A member by the classic protocol, with the defaults of Kafka's consumers.

use super::Member;
use super::wire::{Connection, RETRY, error, is_passing};
use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{
    GroupId, HeartbeatRequest, JoinGroupRequest, JoinGroupResponse, LeaveGroupRequest, SyncGroupRequest,
};
use kafka_protocol::protocol::StrBytes;
use std::sync::atomic::Ordering;
use tokio::time::Instant;

/// The newest versions of its requests.
const JOIN: i16 = 9;
const SYNC: i16 = 5;
const BEAT: i16 = 4;
const LEAVE: i16 = 5;
/// `session.timeout.ms` and `max.poll.interval.ms`, which is the rebalance timeout.
const SESSION_MS: i32 = 45_000;
const REBALANCE_MS: i32 = 300_000;
/// The assignor, and the version of what it writes.
const PROTOCOL: StrBytes = StrBytes::from_static_str("range");
const TYPE: StrBytes = StrBytes::from_static_str("consumer");
const ASSIGNOR_VERSION: i16 = 0;
/// No user data.
const NONE: i32 = -1;

/// Joins, and heartbeats until it is told to leave.
pub(super) async fn run(member: &Member) -> Result<(), String> {
    let connection = member.connect().await?;
    let mut own = Own {
        member,
        connection,
        group: member.group_id(),
        id: StrBytes::default(),
        generation: -1,
        beat_at: Instant::now() + member.first_beat(),
    };
    own.connection.find(&own.group).await?;
    while own.take_part().await? {}
    own.leave().await
}

struct Own<'a> {
    member: &'a Member,
    connection: Connection,
    group: GroupId,
    id: StrBytes,
    generation: i32,
    beat_at: Instant,
}

impl Own<'_> {
    /// One generation, from its join to the next rebalance. False when it is to leave.
    async fn take_part(&mut self) -> Result<bool, String> {
        let joined = self.join().await?;
        let leads = joined.leader == joined.member_id;
        if leads {
            self.member.group.led(&self.member.census, joined.generation_id, joined.members.len());
        }
        let assignments = if leads { self.assign(&joined) } else { Vec::new() };
        let request = SyncGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone())
            .with_protocol_type(Some(TYPE))
            .with_protocol_name(Some(PROTOCOL))
            .with_assignments(assignments);
        let answer = self.connection.ask(SYNC, &request).await?;
        match error(answer.error_code) {
            None => {}
            Some(error) => return self.again("SyncGroup", error).map(|()| true),
        }
        self.member.group.synced(&self.member.census, self.member.number, self.generation);
        self.beat().await
    }

    async fn join(&mut self) -> Result<JoinGroupResponse, String> {
        let mut subscription = BytesMut::new();
        subscription.put_i16(ASSIGNOR_VERSION);
        subscription.put_i32(1);
        put_text(&mut subscription, &self.member.topic);
        subscription.put_i32(NONE);
        let protocol = JoinGroupRequestProtocol::default().with_name(PROTOCOL).with_metadata(subscription.freeze());
        let request = JoinGroupRequest::default()
            .with_group_id(self.group.clone())
            .with_session_timeout_ms(SESSION_MS)
            .with_rebalance_timeout_ms(REBALANCE_MS)
            .with_protocol_type(TYPE)
            .with_protocols(vec![protocol]);
        loop {
            let answer = self.connection.ask(JOIN, &request.clone().with_member_id(self.id.clone())).await?;
            match error(answer.error_code) {
                None => {
                    self.id = answer.member_id.clone();
                    self.generation = answer.generation_id;
                    return Ok(answer);
                }
                Some(ResponseError::MemberIdRequired) => self.id = answer.member_id,
                Some(ResponseError::UnknownMemberId) => self.id = StrBytes::default(),
                Some(error) if is_passing(error) => tokio::time::sleep(RETRY).await,
                Some(error) => return Err(format!("JoinGroup: {error:?}")),
            }
        }
    }

    /// The partitions in turn.
    fn assign(&self, joined: &JoinGroupResponse) -> Vec<SyncGroupRequestAssignment> {
        let members = joined.members.len();
        let of = |at: usize| (0..self.member.partitions).filter(move |partition| *partition as usize % members == at);
        let assign = |(at, member): (usize, &StrBytes)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(member.clone())
                .with_assignment(assignment(&self.member.topic, &of(at).collect::<Vec<_>>()))
        };
        joined.members.iter().map(|member| &member.member_id).enumerate().map(assign).collect()
    }

    /// Heartbeats until there is a rebalance, or it is to leave.
    async fn beat(&mut self) -> Result<bool, String> {
        let request = HeartbeatRequest::default()
            .with_group_id(self.group.clone())
            .with_generation_id(self.generation)
            .with_member_id(self.id.clone());
        loop {
            tokio::select! {
                () = self.member.leave.notified() => return Ok(false),
                () = tokio::time::sleep_until(self.beat_at) => {}
            }
            while self.beat_at <= Instant::now() {
                self.beat_at += self.member.protocol.heartbeat();
            }
            let answer = self.connection.ask(BEAT, &request).await?;
            self.member.census.beats.fetch_add(1, Ordering::SeqCst);
            if let Some(error) = error(answer.error_code) {
                self.member.census.told.fetch_add(1, Ordering::SeqCst);
                return self.again("Heartbeat", error).map(|()| true);
            }
        }
    }

    /// What makes a member join again; anything else is an error.
    fn again(&mut self, what: &str, error: ResponseError) -> Result<(), String> {
        match error {
            ResponseError::RebalanceInProgress | ResponseError::IllegalGeneration => Ok(()),
            ResponseError::UnknownMemberId => {
                self.id = StrBytes::default();
                Ok(())
            }
            error => Err(format!("{what}: {error:?}")),
        }
    }

    async fn leave(&mut self) -> Result<(), String> {
        let identity = MemberIdentity::default().with_member_id(self.id.clone());
        let request = LeaveGroupRequest::default().with_group_id(self.group.clone()).with_members(vec![identity]);
        let answer = self.connection.ask(LEAVE, &request).await?;
        match error(answer.error_code) {
            None => Ok(()),
            Some(error) => Err(format!("LeaveGroup: {error:?}")),
        }
    }
}

fn put_text(out: &mut BytesMut, text: &str) {
    out.put_i16(i16::try_from(text.len()).expect("names are short"));
    out.put_slice(text.as_bytes());
}

/// What `range` gives a member, as Kafka's consumers write it.
fn assignment(topic: &str, partitions: &[i32]) -> Bytes {
    let mut out = BytesMut::new();
    out.put_i16(ASSIGNOR_VERSION);
    out.put_i32(1);
    put_text(&mut out, topic);
    out.put_i32(i32::try_from(partitions.len()).expect("a topic has its bounds"));
    partitions.iter().for_each(|partition| out.put_i32(*partition));
    out.put_i32(NONE);
    out.freeze()
}
