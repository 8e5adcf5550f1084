//! Where groups live.

use crate::base::{Clock, PartitionIndex, TopicId};
use crate::coordinator::{AskError, Coordinator};
use crate::group::GroupMachine;
use crate::group::command::{Asked, Command, Name, Reply, View};
use crate::handlers::topics::{NewTopic, Topics};
use crate::metadata::{CommitError, Configs, Refusal, Topic};
use crate::partition::Partition;
use crate::wire::ErrorCode;
use futures_util::future::join_all;
use std::sync::Arc;
use std::time::Duration;

/// The topic of committed offsets and groups.
const OFFSETS_TOPIC: &str = "__consumer_offsets";

/// The groups of this broker: every partition of the topic is led here.
pub struct Groups {
    topics: Arc<Topics>,
    coordinator: Coordinator<GroupMachine>,
}

impl Groups {
    /// The groups that `topics` has records of. Nothing is loaded before [`Groups::start`], or the first question.
    pub fn new(topics: Arc<Topics>, clock: Arc<dyn Clock>) -> Groups {
        let (settings, seen) = (topics.configs().broker().groups.clone(), topics.clone());
        let make = Box::new(move |_| {
            let mut machine = GroupMachine::new(&settings);
            machine.see(view(&seen));
            machine
        });
        let coordinator = Coordinator::new(topics.partitions().clone(), clock, make);
        Groups { topics, coordinator }
    }

    pub(super) fn topics(&self) -> &Arc<Topics> {
        &self.topics
    }

    /// Whether groups of this protocol are served: it is switched on, and for those of the new one the cluster is at the
    /// level of `group.version` that has them (NG-1).
    pub(super) fn speaks(&self, protocol: &str) -> bool {
        let is_on = self.topics.configs().broker().groups.rebalance_protocols.iter().any(|on| on == protocol);
        is_on && self.topics.image().group_version() >= 1
    }

    /// The topic, made when there is none yet. Its files come with its records.
    pub async fn ensure_topic(&self) -> Result<Arc<Topic>, CommitError> {
        if let Some(topic) = self.topics.image().topic(OFFSETS_TOPIC) {
            return Ok(topic.clone());
        }
        let settings = &self.topics.configs().broker().groups;
        let configs = [
            ("cleanup.policy", "compact".to_owned()),
            ("compression.type", "producer".to_owned()),
            ("segment.bytes", settings.topic_segment_bytes.to_string()),
        ];
        let configs: Configs = configs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        let new = NewTopic { name: OFFSETS_TOPIC.into(), partitions: settings.topic_partitions, configs };
        match self.topics.create(vec![new]).await.pop().expect("one answer for one topic") {
            Err(CommitError::Refused(Refusal::TopicExists { .. })) => {
                let image = self.topics.image();
                Ok(image.topic(OFFSETS_TOPIC).ok_or(CommitError::Closed)?.clone())
            }
            made => made,
        }
    }

    /// Loads every machine that has records: from here on the sessions of their members run. Then forgets the offsets of
    /// topics that were deleted without the machines being told, by a broker that a crash ended in between.
    pub fn start(self: &Arc<Self>) {
        for partition in self.partitions() {
            let marks = partition.watermarks();
            if marks.end > marks.log_start {
                self.coordinator.start(&partition);
                let groups = self.clone();
                tokio::spawn(async move { groups.forget_missing_topics(&partition).await });
            }
        }
    }

    async fn forget_missing_topics(&self, partition: &Arc<Partition>) {
        let committed = loop {
            match self.coordinator.ask(partition, self.asked(Command::CommittedTopics)).await {
                Ok(Reply::CommittedTopics(topics)) => break topics,
                Ok(other) => unreachable!("the topics of offsets are answered with {other:?}"),
                Err(AskError::Loading) => {}
                // The next start looks again.
                Err(AskError::Unavailable) => return,
            }
        };
        // The image as of now: it has whatever was there when offsets were committed, unless that is gone.
        let image = self.topics.image();
        let is_missing = |(name, id): &(Name, TopicId)| match id.is_zero() {
            true => image.topic(name).is_none(),
            false => image.topic_by_id(*id).is_none(),
        };
        let missing: Vec<_> = committed.into_iter().filter(is_missing).collect();
        if !missing.is_empty()
            && let Err(error) = self.coordinator.ask(partition, self.asked(Command::TopicsDeleted(missing))).await
        {
            tracing::warn!(partition = %partition.id(), %error, "offsets of deleted topics are kept until the next start");
        }
    }

    /// Forgets the offsets that were committed for deleted topics, all groups'. Returns when that is durable.
    pub async fn topics_deleted(&self, topics: &[Arc<Topic>]) {
        let topics: Vec<_> = topics.iter().map(|topic| (topic.name.clone(), topic.id)).collect();
        if topics.is_empty() {
            return;
        }
        for told in self.ask_all(|| Command::TopicsDeleted(topics.clone())).await {
            if let Err(code) = told {
                tracing::warn!(code = code.name(), "offsets of deleted topics are kept until the next start");
            }
        }
    }

    /// Asks the machine of a group.
    pub async fn ask(&self, group: &str, command: Command) -> Result<Reply, ErrorCode> {
        let topic = self.ensure_topic().await.map_err(|error| {
            tracing::warn!(%error, "{OFFSETS_TOPIC} could not be made");
            ErrorCode::CoordinatorNotAvailable
        })?;
        let index = partition_of(group, topic.partitions);
        let partition = self.topics.partition(&self.topics.image(), &topic, index);
        let partition = partition.ok_or(ErrorCode::CoordinatorNotAvailable)?;
        self.coordinator.ask(&partition, self.asked(command)).await.map_err(code)
    }

    /// Asks the machines of all partitions that have records, at once.
    pub async fn ask_all(&self, command: impl Fn() -> Command) -> Vec<Result<Reply, ErrorCode>> {
        let partitions = self.partitions();
        let asked = partitions.iter().filter(|partition| partition.watermarks().end.0 > 0);
        join_all(
            asked.map(async |partition| self.coordinator.ask(partition, self.asked(command())).await.map_err(code)),
        )
        .await
    }

    /// A command, with what is known of the cluster now.
    fn asked(&self, command: Command) -> Asked {
        Asked { view: view(&self.topics), command }
    }

    fn partitions(&self) -> Vec<Arc<Partition>> {
        let image = self.topics.image();
        let Some(topic) = image.topic(OFFSETS_TOPIC) else { return Vec::new() };
        (0..topic.partitions).filter_map(|index| self.topics.partition(&image, topic, PartitionIndex(index))).collect()
    }
}

fn view(topics: &Topics) -> View {
    let interval = topics.configs().broker().groups.consumer_assignment_interval_ms;
    View { image: topics.image(), assignment_interval: Duration::from_millis(interval) }
}

fn code(error: AskError) -> ErrorCode {
    match error {
        AskError::Loading => ErrorCode::CoordinatorLoadInProgress,
        AskError::Unavailable => ErrorCode::CoordinatorNotAvailable,
    }
}

/// The partition of a group, as Kafka has it: tools look for a group's records there. Java's hash of the name's UTF-16, its
/// absolute value, modulo the partitions.
pub fn partition_of(group: &str, partitions: i32) -> PartitionIndex {
    let hash = group.encode_utf16().fold(0_i32, |hash, unit| hash.wrapping_mul(31).wrapping_add(i32::from(unit)));
    // Java's own absolute value of the least number is negative; Kafka takes 0 for it.
    PartitionIndex(hash.checked_abs().unwrap_or(0) % partitions.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Java: "".hashCode() is 0, "a" 97, "hello" 99162322, "é" 233, "😀" 1772899, "polygenelubricants" the least number.
    #[test]
    fn a_group_is_where_kafka_has_it() {
        for (group, partition) in [("", 0), ("a", 47), ("hello", 22), ("é", 33), ("😀", 49), ("polygenelubricants", 0)]
        {
            assert_eq!(partition_of(group, 50), PartitionIndex(partition), "{group}");
        }
    }
}
