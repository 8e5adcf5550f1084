//! A member by the consumer protocol (KIP-848), with the defaults of Kafka's consumers.

use super::Member;
use super::wire::{Connection, RETRY, error, is_passing};
use kafka_protocol::error::ResponseError;
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::consumer_group_heartbeat_response::Assignment;
use kafka_protocol::messages::{ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, GroupId, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::time::Instant;

/// The newest version: the member makes its own id.
const BEAT: i16 = 1;
/// `max.poll.interval.ms`, which is the rebalance timeout; and what says that it has not changed.
const REBALANCE_MS: i32 = 300_000;
const SAME: i32 = -1;
/// Epochs of a member that joins, and that leaves.
const JOINS: i32 = 0;
const LEAVES: i32 = -1;

/// Joins, and heartbeats until it is told to leave.
pub(super) async fn run(member: &Member) -> Result<(), String> {
    let connection = member.connect().await?;
    let mut own = Own {
        member,
        connection,
        group: member.group_id(),
        epoch: JOINS,
        has: Vec::new(),
        beat_at: Instant::now() + member.first_beat(),
    };
    own.connection.find(&own.group).await?;
    own.join().await?;
    own.beat().await?;
    let request = own.says(LEAVES);
    own.ask(&request).await?.map(drop).map_err(|error| format!("the last heartbeat: {error:?}"))
}

struct Own<'a> {
    member: &'a Member,
    connection: Connection,
    group: GroupId,
    epoch: i32,
    /// The partitions that it was told to have, by topic.
    has: Vec<TopicPartitions>,
    beat_at: Instant,
}

impl Own<'_> {
    /// A heartbeat in which nothing has changed.
    fn says(&self, epoch: i32) -> ConsumerGroupHeartbeatRequest {
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(self.group.clone())
            .with_member_id(StrBytes::from_string(format!("member-{}", self.member.number)))
            .with_member_epoch(epoch)
            .with_rebalance_timeout_ms(SAME)
            .with_subscribed_topic_names(None)
            .with_topic_partitions(None)
    }

    /// The answer, or the error in it; what passes is asked again.
    async fn ask(
        &mut self,
        request: &ConsumerGroupHeartbeatRequest,
    ) -> Result<Result<ConsumerGroupHeartbeatResponse, ResponseError>, String> {
        loop {
            let answer = self.connection.ask(BEAT, request).await?;
            match error(answer.error_code) {
                None => return Ok(Ok(answer)),
                Some(error) if is_passing(error) => tokio::time::sleep(RETRY).await,
                Some(error) => return Ok(Err(error)),
            }
        }
    }

    async fn join(&mut self) -> Result<(), String> {
        self.has = Vec::new();
        let topic = TopicName(StrBytes::from_string(self.member.topic.clone()));
        let request = self
            .says(JOINS)
            .with_rebalance_timeout_ms(REBALANCE_MS)
            .with_subscribed_topic_names(Some(vec![topic]))
            .with_topic_partitions(Some(Vec::new()));
        let answer = self.ask(&request).await?.map_err(|error| format!("the first heartbeat: {error:?}"))?;
        self.hear(answer).await.map(drop)
    }

    /// Takes over what it is told, and says at once when it has that: what it gives up, others wait for. Whether anything
    /// was new.
    async fn hear(&mut self, mut answer: ConsumerGroupHeartbeatResponse) -> Result<bool, String> {
        let mut news = false;
        loop {
            news |= answer.member_epoch != self.epoch;
            self.epoch = answer.member_epoch;
            let Some(told) = answer.assignment.map(partitions).filter(|told| *told != self.has) else {
                return Ok(news);
            };
            news = true;
            self.has = told;
            let has = self.has.iter().flat_map(|topic| topic.partitions.iter().copied()).collect();
            self.member.group.has(&self.member.census, self.member.number, has);
            let request = self.says(self.epoch).with_topic_partitions(Some(self.has.clone()));
            answer = self.ask(&request).await?.map_err(|error| format!("what it has: {error:?}"))?;
        }
    }

    /// Heartbeats until it is to leave.
    async fn beat(&mut self) -> Result<(), String> {
        loop {
            tokio::select! {
                () = self.member.leave.notified() => return Ok(()),
                () = tokio::time::sleep_until(self.beat_at) => {}
            }
            while self.beat_at <= Instant::now() {
                self.beat_at += self.interval();
            }
            let request = self.says(self.epoch);
            let answer = self.ask(&request).await?;
            self.member.census.beats.fetch_add(1, Ordering::SeqCst);
            let news = match answer {
                Ok(answer) => self.hear(answer).await?,
                Err(ResponseError::FencedMemberEpoch | ResponseError::UnknownMemberId) => {
                    self.join().await?;
                    true
                }
                Err(error) => return Err(format!("a heartbeat: {error:?}")),
            };
            self.member.census.told.fetch_add(u64::from(news), Ordering::SeqCst);
        }
    }

    fn interval(&self) -> Duration {
        self.member.protocol.heartbeat()
    }
}

/// What the broker tells, as the member tells it again.
fn partitions(assignment: Assignment) -> Vec<TopicPartitions> {
    let of = |topic: kafka_protocol::messages::consumer_group_heartbeat_response::TopicPartitions| {
        let mut partitions = topic.partitions;
        partitions.sort_unstable();
        TopicPartitions::default().with_topic_id(topic.topic_id).with_partitions(partitions)
    };
    assignment.topic_partitions.into_iter().map(of).collect()
}
