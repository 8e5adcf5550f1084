//! The configuration in force: static values, what was altered since, what a topic has of its own (AD-1, AD-2).
//!
//! The metadata image is the truth; here is what follows from it, worked out once per change. A cached topic carries what
//! it was worked out from, so nothing has to be invalidated in time.

use crate::base::{NodeId, TopicId};
use crate::log::LogSettings;
use crate::metadata::{Configs as Overrides, Image, Topic};
use crate::metrics::{Metrics, TopicCounters};
use crate::record::TimestampType;
use crate::settings::{self, BrokerSettings, Layers, SettingError, Statics, TopicSettings};
use arc_swap::ArcSwap;
use dashmap::DashMap;
use std::sync::Arc;
use tokio::sync::watch;

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
    fn of(number: u64, node: NodeId, statics: &Statics, image: &Image) -> Result<Generation, SettingError> {
        Ok(Generation {
            number,
            settings: Arc::new(BrokerSettings::resolve(&layers(node, statics, image))?),
            altered_for_all: image.broker_configs(None).clone(),
            altered_for_one: image.broker_configs(Some(node)).clone(),
        })
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
    /// The configuration of broker `node` under this image.
    ///
    /// # Errors
    /// When a static value does not fit its key.
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
            log: Arc::new(log_settings(&settings, &broker.settings)),
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
    log_settings(&TopicSettings::resolve(&layers(node, statics, image), &topic.configs), broker)
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
