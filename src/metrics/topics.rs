//! Topics: bytes, records, log size. A partition holds its topic's [`TopicCounters`]; the number of topics that have
//! series is bounded, and those of a deleted topic go with it.

use super::families::{
    Family, LOG_BYTES, TOPIC_BYTES_IN, TOPIC_BYTES_OUT, TOPIC_RECORDS_IN, TOPIC_RECORDS_OUT, TOPICS_WITHOUT_SERIES,
};
use super::sampled;
use parking_lot::Mutex;
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// A topic's counters, shared by its partitions.
#[derive(Default)]
pub struct TopicCounters {
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    records_in: AtomicU64,
    records_out: AtomicU64,
    log_bytes: AtomicI64,
}

impl TopicCounters {
    /// A batch was appended.
    pub fn appended(&self, bytes: u64, records: u64) {
        self.bytes_in.fetch_add(bytes, Ordering::Relaxed);
        self.records_in.fetch_add(records, Ordering::Relaxed);
    }

    /// Batches were handed to a consumer.
    pub fn fetched(&self, bytes: u64, records: u64) {
        self.bytes_out.fetch_add(bytes, Ordering::Relaxed);
        self.records_out.fetch_add(records, Ordering::Relaxed);
    }

    /// The topic's segments grew, or shrank.
    pub fn log_grew(&self, bytes: i64) {
        self.log_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Bytes appended so far.
    pub fn bytes_in(&self) -> u64 {
        self.bytes_in.load(Ordering::Relaxed)
    }
}

#[derive(Default)]
struct Known {
    shown: BTreeMap<String, Arc<TopicCounters>>,
    hidden: BTreeMap<String, Arc<TopicCounters>>,
}

struct Shared {
    known: Mutex<Known>,
    topics_max: usize,
    descs: Vec<Desc>,
}

/// The topics that are counted.
pub struct Topics(Arc<Shared>);

type Read = fn(&TopicCounters) -> f64;

/// The families by topic, their types, and where their values are.
const BY_TOPIC: [(&Family, MetricType, Read); 5] = [
    (&TOPIC_BYTES_IN, MetricType::COUNTER, |topic| topic.bytes_in.load(Ordering::Relaxed) as f64),
    (&TOPIC_BYTES_OUT, MetricType::COUNTER, |topic| topic.bytes_out.load(Ordering::Relaxed) as f64),
    (&TOPIC_RECORDS_IN, MetricType::COUNTER, |topic| topic.records_in.load(Ordering::Relaxed) as f64),
    (&TOPIC_RECORDS_OUT, MetricType::COUNTER, |topic| topic.records_out.load(Ordering::Relaxed) as f64),
    (&LOG_BYTES, MetricType::GAUGE, |topic| topic.log_bytes.load(Ordering::Relaxed) as f64),
];

impl Topics {
    pub(super) fn register(registry: &Registry, topics_max: usize) -> Result<Topics, prometheus::Error> {
        let mut descs: Vec<Desc> = BY_TOPIC.iter().map(|(family, _, _)| sampled::desc(family)).collect();
        descs.push(sampled::desc(&TOPICS_WITHOUT_SERIES));
        let shared = Arc::new(Shared { known: Mutex::default(), topics_max, descs });
        registry.register(Box::new(TopicCollector(Arc::clone(&shared))))?;
        Ok(Topics(shared))
    }

    /// The counters of the topic of this name; hold them. Beyond the bound they count but are not shown.
    pub fn topic(&self, name: &str) -> Arc<TopicCounters> {
        let mut known = self.0.known.lock();
        if let Some(counters) = known.shown.get(name).or_else(|| known.hidden.get(name)) {
            return Arc::clone(counters);
        }
        let counters = Arc::new(TopicCounters::default());
        let into = if known.shown.len() < self.0.topics_max { &mut known.shown } else { &mut known.hidden };
        into.insert(name.to_string(), Arc::clone(&counters));
        counters
    }

    /// The topic was deleted: its series go, and one that was hidden takes its place.
    pub fn forget(&self, name: &str) {
        let mut known = self.0.known.lock();
        known.hidden.remove(name);
        if known.shown.remove(name).is_some()
            && let Some((next, counters)) = known.hidden.pop_first()
        {
            known.shown.insert(next, counters);
        }
    }
}

struct TopicCollector(Arc<Shared>);

impl Collector for TopicCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.0.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let known = self.0.known.lock();
        let hidden = known.hidden.len() as f64;
        let mut families: Vec<MetricFamily> = BY_TOPIC
            .iter()
            .map(|(family, kind, read)| {
                let rows = known.shown.iter().map(|(name, topic)| (vec![name.as_str()], read(topic)));
                sampled::family(family, *kind, rows.collect())
            })
            .collect();
        families.push(sampled::family(&TOPICS_WITHOUT_SERIES, MetricType::GAUGE, vec![(Vec::new(), hidden)]));
        families
    }
}
