//! Requests by API: outcomes, durations, sizes. An API has series from its first request on.

use super::families::{self, FETCH_RESPONSE_BYTES, PRODUCE_REQUEST_BYTES, REQUEST_DURATION, REQUESTS};
use super::{Protocol, sampled};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Histogram, HistogramVec, Registry};
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Error codes that are counted one by one: -1 to 142. Others count as the last.
const ERRORS: usize = 144;

/// API keys that have series; others (an unknown key closes the connection) have none.
const APIS: usize = 128;

/// The keys whose sizes are kept.
const PRODUCE: i16 = 0;
const FETCH: i16 = 1;

/// A stage of a request's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Arrived, not yet started.
    Queue,
    /// The part that runs in request order.
    Local,
    /// Waiting for durability, data, or others.
    Wait,
    /// Being written to the socket.
    Send,
    /// From arrival to the last byte of the answer.
    Total,
}

impl Stage {
    /// In the order of a request's life.
    pub const ALL: [Stage; 5] = [Stage::Queue, Stage::Local, Stage::Wait, Stage::Send, Stage::Total];

    fn name(self) -> &'static str {
        match self {
            Stage::Queue => "queue",
            Stage::Local => "local",
            Stage::Wait => "wait",
            Stage::Send => "send",
            Stage::Total => "total",
        }
    }
}

struct Outcomes {
    names: HashMap<i16, &'static str>,
    error_name: fn(i16) -> &'static str,
    counts: Vec<OnceLock<Box<[AtomicU64]>>>,
    desc: Desc,
}

/// Requests.
pub struct Requests {
    outcomes: Arc<Outcomes>,
    durations: HistogramVec,
    stages: Vec<OnceLock<[Histogram; 5]>>,
    produce: Histogram,
    fetch: Histogram,
}

impl Requests {
    pub(super) fn register(registry: &Registry, protocol: Protocol) -> Result<Requests, prometheus::Error> {
        let outcomes = Arc::new(Outcomes {
            names: protocol.apis.into_iter().filter(|(key, _)| index(*key).is_some()).collect(),
            error_name: protocol.error_name,
            counts: (0..APIS).map(|_| OnceLock::new()).collect(),
            desc: sampled::desc(&REQUESTS),
        });
        let durations = HistogramVec::new(REQUEST_DURATION.histogram(families::seconds()), REQUEST_DURATION.labels)?;
        let produce = Histogram::with_opts(PRODUCE_REQUEST_BYTES.histogram(families::bytes()))?;
        let fetch = Histogram::with_opts(FETCH_RESPONSE_BYTES.histogram(families::bytes()))?;
        registry.register(Box::new(OutcomeCollector(Arc::clone(&outcomes))))?;
        registry.register(Box::new(durations.clone()))?;
        registry.register(Box::new(produce.clone()))?;
        registry.register(Box::new(fetch.clone()))?;
        let stages = (0..APIS).map(|_| OnceLock::new()).collect();
        Ok(Requests { outcomes, durations, stages, produce, fetch })
    }

    /// A request of `api` was answered with `error` (0 for none).
    pub fn answered(&self, api: i16, error: i16) {
        let Some(slot) = self.outcomes.slot(api) else { return };
        let counts = slot.get_or_init(|| (0..ERRORS).map(|_| AtomicU64::new(0)).collect());
        let error = usize::try_from(i32::from(error) + 1).unwrap_or(ERRORS - 1).min(ERRORS - 1);
        counts[error].fetch_add(1, Ordering::Relaxed);
    }

    /// How often `api` was answered with `error`.
    pub fn answered_count(&self, api: i16, error: i16) -> u64 {
        let counts = self.outcomes.slot(api).and_then(OnceLock::get);
        let error = usize::try_from(i32::from(error) + 1).unwrap_or(ERRORS - 1);
        counts.and_then(|counts| counts.get(error)).map_or(0, |count| count.load(Ordering::Relaxed))
    }

    /// A request of `api` spent `time` in `stage`.
    pub fn took(&self, api: i16, stage: Stage, time: Duration) {
        let Some(slot) = index(api).map(|at| &self.stages[at]) else { return };
        let Some(name) = self.outcomes.names.get(&api) else { return };
        let handles =
            slot.get_or_init(|| Stage::ALL.map(|stage| self.durations.with_label_values(&[*name, stage.name()])));
        handles[stage as usize].observe(time.as_secs_f64());
    }

    /// A request of `api` had this size.
    pub fn request_size(&self, api: i16, bytes: u64) {
        if api == PRODUCE {
            self.produce.observe(bytes as f64);
        }
    }

    /// The answer to a request of `api` had this size.
    pub fn response_size(&self, api: i16, bytes: u64) {
        if api == FETCH {
            self.fetch.observe(bytes as f64);
        }
    }
}

fn index(api: i16) -> Option<usize> {
    usize::try_from(api).ok().filter(|at| *at < APIS)
}

impl Outcomes {
    /// Where the counts of an API are kept, for APIs with a name.
    fn slot(&self, api: i16) -> Option<&OnceLock<Box<[AtomicU64]>>> {
        self.names.get(&api)?;
        self.counts.get(index(api)?)
    }
}

struct OutcomeCollector(Arc<Outcomes>);

impl Collector for OutcomeCollector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let mut rows = Vec::new();
        for (key, name) in &self.0.names {
            let Some(counts) = self.0.slot(*key).and_then(OnceLock::get) else { continue };
            for (at, count) in counts.iter().enumerate() {
                let count = count.load(Ordering::Relaxed);
                if count > 0 {
                    let error = (self.0.error_name)(at as i16 - 1);
                    rows.push((vec![*name, error], count as f64));
                }
            }
        }
        vec![sampled::family(&REQUESTS, MetricType::COUNTER, rows)]
    }
}
