//! Consumer groups: how many, in which state, and how far behind. What is shown is a picture that the owner of the groups
//! takes every few seconds; the number of series is bounded, the furthest behind first.

use super::families::{Family, GROUP_LAG, GROUP_LAGS_WITHOUT_SERIES, GROUP_RECORDS_UNREAD, GROUPS};
use super::sampled;
use parking_lot::Mutex;
use prometheus::Registry;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How far a group is behind in a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lag {
    /// The group.
    pub group: Arc<str>,
    /// The topic.
    pub topic: Arc<str>,
    /// Records between what was committed and the high watermark, of all partitions that something was committed for.
    pub records: u64,
}

/// The groups at one moment.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct GroupPicture {
    /// Groups by state, as Kafka names it.
    pub states: BTreeMap<&'static str, u64>,
    /// Each group's lag in each topic that it committed for.
    pub lags: Vec<Lag>,
    /// Records of the internal topic that were not understood when it was loaded.
    pub unread: u64,
}

struct Shared {
    picture: Mutex<GroupPicture>,
    series_max: usize,
    descs: Vec<Desc>,
}

/// What is shown of consumer groups.
pub struct Groups(Arc<Shared>);

const FAMILIES: [&Family; 4] = [&GROUPS, &GROUP_LAG, &GROUP_LAGS_WITHOUT_SERIES, &GROUP_RECORDS_UNREAD];

impl Groups {
    pub(super) fn register(registry: &Registry, series_max: usize) -> Result<Groups, prometheus::Error> {
        let descs = FAMILIES.into_iter().map(sampled::desc).collect();
        let shared = Arc::new(Shared { picture: Mutex::default(), series_max, descs });
        registry.register(Box::new(GroupCollector(Arc::clone(&shared))))?;
        Ok(Groups(shared))
    }

    /// Takes over a new picture.
    pub fn show(&self, mut picture: GroupPicture) {
        picture.lags.sort_by_key(|lag| Reverse(lag.records));
        *self.0.picture.lock() = picture;
    }
}

struct GroupCollector(Arc<Shared>);

impl Collector for GroupCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.0.descs.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let picture = self.0.picture.lock();
        let shown = picture.lags.len().min(self.0.series_max);
        let states = picture.states.iter().map(|(state, groups)| (vec![*state], *groups as f64));
        let lags = picture.lags[..shown].iter().map(|lag| (vec![&*lag.group, &*lag.topic], lag.records as f64));
        let hidden = (picture.lags.len() - shown) as f64;
        vec![
            sampled::family(&GROUPS, MetricType::GAUGE, states.collect()),
            sampled::family(&GROUP_LAG, MetricType::GAUGE, lags.collect()),
            sampled::family(&GROUP_LAGS_WITHOUT_SERIES, MetricType::GAUGE, vec![(Vec::new(), hidden)]),
            sampled::family(&GROUP_RECORDS_UNREAD, MetricType::GAUGE, vec![(Vec::new(), picture.unread as f64)]),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_furthest_behind_are_shown() {
        let registry = Registry::new();
        let groups = Groups::register(&registry, 2).expect("a fresh registry");
        let lag = |group: &str, records| Lag { group: group.into(), topic: "t".into(), records };
        let lags = vec![lag("a", 1), lag("b", 30), lag("c", 0), lag("d", 7)];
        groups.show(GroupPicture { states: [("Stable", 4)].into(), lags, unread: 2 });
        let text = crate::metrics::exposition::text(&registry);
        let check = |line: &str| assert!(text.lines().any(|has| has == line), "{line} is missing in\n{text}");
        check("ottla_groups{state=\"Stable\"} 4");
        check("ottla_group_lag{group=\"b\",topic=\"t\"} 30");
        check("ottla_group_lag{group=\"d\",topic=\"t\"} 7");
        check("ottla_group_lags_without_series 2");
        check("ottla_group_records_unread 2");
        assert!(!text.contains("group=\"a\""));
        groups.show(GroupPicture::default());
        assert!(
            !crate::metrics::exposition::text(&registry).contains("group=\""),
            "series only while there are groups"
        );
    }
}
