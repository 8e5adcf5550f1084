//! Values that live elsewhere (atomics, functions) and are read at scrape.

use super::families::{Family, Kind};
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use std::collections::HashMap;

/// The description that the registry asks for.
pub(super) fn desc(family: &Family) -> Desc {
    let labels = family.labels.iter().map(ToString::to_string).collect();
    Desc::new(family.name.into(), family.help.into(), labels, HashMap::new())
        .expect("family names and labels are valid")
}

/// A family from rows of label values and a value.
pub(super) fn family(of: &Family, kind: MetricType, mut rows: Vec<(Vec<&str>, f64)>) -> MetricFamily {
    rows.sort_by(|one, other| one.0.cmp(&other.0));
    let metrics = rows.into_iter().map(|(values, value)| {
        let pairs = of.labels.iter().zip(values).map(|(label, value)| {
            let mut pair = LabelPair::default();
            pair.set_name((*label).to_string());
            pair.set_value(value.to_string());
            pair
        });
        let mut metric = Metric::from_label(pairs.collect());
        match kind {
            MetricType::COUNTER => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            MetricType::GAUGE | MetricType::SUMMARY | MetricType::UNTYPED | MetricType::HISTOGRAM => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
        }
        metric
    });
    let mut family = MetricFamily::default();
    family.set_name(of.name.to_string());
    family.set_help(of.help.to_string());
    family.set_field_type(kind);
    family.set_metric(metrics.collect());
    family
}

/// Label values and a value, for each series.
type Rows = Vec<(Vec<&'static str>, f64)>;

/// A gauge or a counter that a function gives.
pub(super) struct Sampled {
    of: &'static Family,
    desc: Desc,
    read: Box<dyn Fn() -> Rows + Send + Sync>,
}

impl Sampled {
    /// Registers `read` as `of`; the first to come is kept.
    pub(super) fn put(registry: &Registry, of: &'static Family, read: impl Fn() -> f64 + Send + Sync + 'static) {
        Self::put_rows(registry, of, move || vec![(Vec::new(), read())]);
    }

    /// The same with label values.
    pub(super) fn put_rows(registry: &Registry, of: &'static Family, read: impl Fn() -> Rows + Send + Sync + 'static) {
        debug_assert_ne!(of.kind, Kind::Histogram);
        let sampled = Sampled { of, desc: desc(of), read: Box::new(read) };
        if let Err(error) = registry.register(Box::new(sampled)) {
            tracing::warn!(%error, family = of.name, "a metric is given twice");
        }
    }
}

impl Collector for Sampled {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let kind = match self.of.kind {
            Kind::Counter => MetricType::COUNTER,
            Kind::Gauge | Kind::Histogram => MetricType::GAUGE,
        };
        vec![family(self.of, kind, (self.read)())]
    }
}
