//! The configuration in force: static values, what was altered since, what a topic has of its own (AD-1, AD-2).
//!
//! The metadata image is the truth; here is what follows from it, worked out once per change. A cached topic carries what
//! it was worked out from, so nothing has to be invalidated in time.

use super::topic_name;
use crate::base::{NodeId, TopicId};
use crate::coordinator::STEP_BYTES_MAX;
use crate::log::LogSettings;
use crate::metadata::{Configs as Overrides, Image, Topic};
use crate::metrics::{Metrics, TopicCounters};
use crate::record::TimestampType;
use crate::settings::{self, BrokerSettings, Layers, SettingError, Statics, TopicSettings};
use arc_swap::ArcSwap;
use dashmap::DashMap;
use std::sync::Arc;
use tokio::sync::watch;

/// The largest batch of a coordinator, with its header.
const COORDINATOR_BATCH_BYTES_MAX: u32 = 33 << 20;

const _: () = assert!(COORDINATOR_BATCH_BYTES_MAX as usize > STEP_BYTES_MAX);

/// Most producers that a partition remembers.
const PRODUCERS_PER_PARTITION_MAX: u32 = 20_000;

/// Configuration in force.
pub struct Configs {
    node: NodeId,
    statics: Arc<Statics>,
    broker: ArcSwap<Generation>,
    topics: DashMap<TopicId, Arc<Effective>>,
    metrics: Arc<Metrics>,
    changes: watch::Sender<()>,
}

/// The broker's settings, how often they changed, and the altered values that they and all topics' settings follow from:
/// a request may still hold an older image.
struct Generation {
    number: u64,
    settings: Arc<BrokerSettings>,
    altered_for_all: Overrides,
    altered_for_one: Overrides,
}

impl Generation {
    /// What holds under this image. Altered values that do not fit the others (the static ones of this start are not those
    /// that they were altered beside) are not in force on the broker, and said so; topics have theirs all the same.
    fn of(number: u64, node: NodeId, statics: &Statics, image: &Image) -> Result<Generation, SettingError> {
        let altered_for_all = image.broker_configs(None).clone();
        let altered_for_one = image.broker_configs(Some(node)).clone();
        let (mut all, mut one) = (altered_for_all.clone(), altered_for_one.clone());
        let settings = loop {
            let error = match BrokerSettings::resolve(&Layers { statics, cluster: &all, broker: &one }) {
                Ok(settings) => break settings,
                Err(error) => error,
            };
            let is_left_out = |key: &&str| one.remove(*key).or_else(|| all.remove(*key)).is_some();
            let Some(key) = error.keys().into_iter().find(is_left_out) else { return Err(error) };
            tracing::error!(%error, "the altered {key} is not in force: alter it with kafka-configs");
        };
        Ok(Generation { number, settings: Arc::new(settings), altered_for_all, altered_for_one })
    }
}

/// The settings of one topic.
pub struct Effective {
    /// All of them.
    pub topic: TopicSettings,
    /// What its logs need.
    pub log: Arc<LogSettings>,
    /// What the topic is counted under.
    pub counters: Arc<TopicCounters>,
    own: Arc<Overrides>,
    generation: u64,
}

impl Configs {
    /// The configuration of broker `node` under this image. An altered value that does not fit beside the static ones does not
    /// stop a start.
    ///
    /// # Errors
    /// When the static values do not fit.
    pub fn new(
        node: NodeId,
        statics: Arc<Statics>,
        image: &Image,
        metrics: Arc<Metrics>,
    ) -> Result<Configs, SettingError> {
        let broker = ArcSwap::from_pointee(Generation::of(0, node, &statics, image)?);
        Ok(Configs { node, statics, broker, topics: DashMap::new(), metrics, changes: watch::Sender::new(()) })
    }

    /// The broker's settings.
    pub fn broker(&self) -> Arc<BrokerSettings> {
        self.broker.load().settings.clone()
    }

    /// Hears of every change of the broker's settings.
    pub fn changes(&self) -> watch::Receiver<()> {
        self.changes.subscribe()
    }

    /// What values come from, as DescribeConfigs tells it.
    pub fn layers<'a>(&'a self, image: &'a Image) -> Layers<'a> {
        layers(self.node, &self.statics, image)
    }

    /// The settings of a topic, if they are known.
    pub(super) fn known(&self, topic: &Topic) -> Option<Arc<Effective>> {
        let number = self.broker.load().number;
        let fits = |known: &Effective| Arc::ptr_eq(&known.own, &topic.configs) && known.generation == number;
        self.topics.get(&topic.id).filter(|known| fits(known)).map(|known| known.value().clone())
    }

    /// Works out the settings of a topic and keeps them until [`Self::forget`].
    pub(super) fn learn(&self, topic: &Topic) -> Arc<Effective> {
        let broker = self.broker.load();
        let layers =
            Layers { statics: &self.statics, cluster: &broker.altered_for_all, broker: &broker.altered_for_one };
        let settings = TopicSettings::resolve(&layers, &topic.configs);
        let effective = Arc::new(Effective {
            log: Arc::new(of_topic(&topic.name, &settings, &broker.settings)),
            topic: settings,
            counters: self.metrics.topics.topic(&topic.name),
            own: topic.configs.clone(),
            generation: broker.number,
        });
        self.topics.insert(topic.id, effective.clone());
        effective
    }

    /// Takes over what was altered on the broker. Values were checked when they were set; one that is not understood
    /// leaves the settings as they were.
    pub fn broker_changed(&self, image: &Image) {
        let number = self.broker.load().number + 1;
        match Generation::of(number, self.node, &self.statics, image) {
            Ok(generation) => {
                self.broker.store(Arc::new(generation));
                // Whoever listens no more has stopped.
                let _ = self.changes.send(());
            }
            Err(error) => tracing::error!(%error, "altered broker settings are not in force"),
        }
    }

    /// Forgets a deleted topic.
    pub fn forget(&self, topic: TopicId) {
        self.topics.remove(&topic);
    }
}

fn layers<'a>(node: NodeId, statics: &'a Statics, image: &'a Image) -> Layers<'a> {
    Layers { statics, cluster: image.broker_configs(None), broker: image.broker_configs(Some(node)) }
}

/// What the logs of a topic of this image are told, by the settings that the broker `node` was started with.
pub fn topic_log_settings(
    node: NodeId,
    statics: &Statics,
    broker: &BrokerSettings,
    image: &Image,
    topic: &Topic,
) -> LogSettings {
    of_topic(&topic.name, &TopicSettings::resolve(&layers(node, statics, image), &topic.configs), broker)
}

/// As [`log_settings`]. A topic that coordinators write is not held to what protects topics from clients: a record that is
/// refused stops every group of its partition. They bound their batches themselves, and date them by what may be ahead of a
/// clock that was set back.
fn of_topic(name: &str, settings: &TopicSettings, broker: &BrokerSettings) -> LogSettings {
    let settings = log_settings(settings, broker);
    if !topic_name::is_internal(name) {
        return settings;
    }
    LogSettings {
        max_message_bytes: settings.max_message_bytes.max(COORDINATOR_BATCH_BYTES_MAX),
        timestamp_before_max_ms: i64::MAX,
        timestamp_after_max_ms: i64::MAX,
        ..settings
    }
}

/// What a log is told of its topic's settings.
pub fn log_settings(topic: &TopicSettings, broker: &BrokerSettings) -> LogSettings {
    let ms = |ms: u64| i64::try_from(ms).unwrap_or(i64::MAX);
    // What waits for compaction must be sealed in time (KIP-354).
    let lag_max = (topic.cleanup.compact && topic.max_compaction_lag_ms > 0).then_some(topic.max_compaction_lag_ms);
    let segment_ms = lag_max.map_or(topic.segment_ms, |lag| lag.min(topic.segment_ms));
    LogSettings {
        segment_bytes: topic.segment_bytes,
        segment_ms: ms(segment_ms),
        segment_jitter_ms: ms(topic.segment_jitter_ms.min(segment_ms)),
        index_interval_bytes: topic.index_interval_bytes,
        index_bytes: topic.index_bytes_max,
        max_message_bytes: topic.message_bytes_max,
        message_timestamp_type: match topic.timestamp_type {
            settings::TimestampType::CreateTime => TimestampType::CreateTime,
            settings::TimestampType::LogAppendTime => TimestampType::LogAppendTime,
        },
        timestamp_before_max_ms: ms(topic.timestamp_before_max_ms),
        timestamp_after_max_ms: ms(topic.timestamp_after_max_ms),
        producer_expiration_ms: ms(broker.producer_expiration_ms),
        producers_max: PRODUCERS_PER_PARTITION_MAX,
        cleanup_delete: topic.cleanup.delete,
        cleanup_compact: topic.cleanup.compact,
        retention_ms: topic.retention_ms.map(ms),
        retention_bytes: topic.retention_bytes,
        delete_retention_ms: ms(topic.delete_retention_ms),
        min_compaction_lag_ms: ms(topic.min_compaction_lag_ms),
        max_compaction_lag_ms: ms(topic.max_compaction_lag_ms),
        min_cleanable_dirty_ratio: topic.min_cleanable_dirty_ratio,
        decompressed_bytes_max: topic.decompressed_bytes_max,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metadata::{Change, MetadataLog};
    use crate::metrics::Protocol;
    use crate::settings::{Origin, StaticValue};

    const NODE: NodeId = NodeId(1);

    async fn started(statics: &[(&str, &str)], altered: &[(&str, &str)]) -> Result<Configs, SettingError> {
        let value = |text: &str| StaticValue { text: text.to_owned(), origin: Origin::Flag("-o".to_owned()) };
        let given = [("node.id", "1")].iter().chain(statics);
        let statics = given.map(|(name, text)| ((*name).to_owned(), value(text))).collect();
        let metadata = MetadataLog::in_memory("Dgn9cRYLQZ2gmzIIXz9aZA");
        let set = altered.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        metadata.commit(vec![Change::SetBrokerConfigs { node: Some(NODE), set, delete: vec![] }]).await.expect("taken");
        let protocol = Protocol { apis: vec![], error_name: |_| "none" };
        let metrics = Metrics::new(prometheus::Registry::new(), protocol, "0", "0", 10).expect("fresh metrics");
        Configs::new(NODE, Arc::new(statics), &metadata.image(), Arc::new(metrics))
    }

    /// Altered beside a larger buffer, which the next start has not.
    #[tokio::test]
    async fn altered_values_that_do_not_fit_the_static_ones_do_not_stop_a_start() {
        let threads = |configs: Result<Configs, SettingError>| configs.expect("it starts").broker().cleaner.threads;
        let altered = [("log.cleaner.threads", "8"), ("log.cleaner.backoff.ms", "7")];
        assert_eq!(threads(started(&[], &altered).await), 8);
        let small = [("log.cleaner.dedupe.buffer.size", "3000000")];
        let configs = started(&small, &altered).await.expect("it starts");
        assert_eq!((configs.broker().cleaner.threads, configs.broker().cleaner.backoff_ms), (1, 7));
        // The static ones alone must fit.
        let bad = [("log.cleaner.threads", "4"), small[0]];
        assert!(started(&bad, &[]).await.is_err());
    }

    /// Else a start would delete what was to be kept.
    #[tokio::test]
    async fn what_does_not_fit_takes_nothing_from_topics() {
        let altered = [("log.cleaner.threads", "8"), ("log.retention.ms", "-1")];
        let configs = started(&[("log.cleaner.dedupe.buffer.size", "3000000")], &altered).await.expect("it starts");
        let topic = Topic {
            name: "t".into(),
            id: TopicId(uuid::Uuid::from_u128(1)),
            partitions: 1,
            configs: Arc::new(Overrides::new()),
            created_incarnation: 0,
        };
        assert_eq!(configs.learn(&topic).topic.retention_ms, None, "for ever, as was altered");
    }
}
