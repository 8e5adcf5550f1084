//! A sorted map that is cheap to change while others hold older versions of it.
//!
//! Entries lie in shared runs of at most [`RUN_MAX`]; a change copies one run and the list of runs, so that making
//! 10,000 topics one by one costs microseconds each, and an old image keeps only what has changed since.

use std::borrow::Borrow;
use std::sync::Arc;

/// Most entries in one run; a run that grows past it is split in halves.
const RUN_MAX: usize = 128;

type Run<K, V> = Arc<Vec<(K, V)>>;

/// Runs of entries: no run is empty, keys grow from entry to entry and from run to run.
#[derive(Clone, Debug)]
pub(crate) struct SortedMap<K, V> {
    runs: Arc<Vec<Run<K, V>>>,
    len: usize,
}

impl<K, V> Default for SortedMap<K, V> {
    fn default() -> Self {
        SortedMap { runs: Arc::new(Vec::new()), len: 0 }
    }
}

impl<K: Ord + Clone, V: Clone> SortedMap<K, V> {
    /// Number of entries.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The run that holds `key`, or would hold it; `None` only in an empty map.
    fn run_for<Q: Ord + ?Sized>(&self, key: &Q) -> Option<usize>
    where
        K: Borrow<Q>,
    {
        let after = self.runs.partition_point(|run| run[0].0.borrow() <= key);
        if self.runs.is_empty() { None } else { Some(after.saturating_sub(1)) }
    }

    /// The value of `key`.
    pub(crate) fn get<Q: Ord + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        let run = &self.runs[self.run_for(key)?];
        run.binary_search_by(|(known, _)| known.borrow().cmp(key)).ok().map(|at| &run[at].1)
    }

    /// Puts an entry in place, over an earlier one with the same key.
    pub(crate) fn insert(&mut self, key: K, value: V) {
        let runs = Arc::make_mut(&mut self.runs);
        let at = runs.partition_point(|run| run[0].0 <= key).saturating_sub(1);
        let Some(shared) = runs.get_mut(at) else {
            runs.push(Arc::new(vec![(key, value)]));
            self.len = 1;
            return;
        };
        let run = Arc::make_mut(shared);
        match run.binary_search_by(|(known, _)| known.cmp(&key)) {
            Ok(found) => run[found].1 = value,
            Err(free) => {
                run.insert(free, (key, value));
                self.len += 1;
                if run.len() > RUN_MAX {
                    let upper = run.split_off(RUN_MAX / 2);
                    runs.insert(at + 1, Arc::new(upper));
                }
            }
        }
    }

    /// Takes an entry out.
    pub(crate) fn remove<Q: Ord + ?Sized>(&mut self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
    {
        let at = self.run_for(key)?;
        let found = self.runs[at].binary_search_by(|(known, _)| known.borrow().cmp(key)).ok()?;
        let runs = Arc::make_mut(&mut self.runs);
        let run = Arc::make_mut(&mut runs[at]);
        let (_, value) = run.remove(found);
        if run.is_empty() {
            runs.remove(at);
        }
        self.len -= 1;
        Some(value)
    }

    /// The values in the order of their keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = &V> {
        self.runs.iter().flat_map(|run| run.iter().map(|(_, value)| value))
    }

    /// Keys with their values, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&K, &V)> {
        self.runs.iter().flat_map(|run| run.iter().map(|(key, value)| (key, value)))
    }

    /// The values whose keys are `first` or later, in order.
    pub(crate) fn values_from<'a, Q: Ord + ?Sized>(
        &'a self,
        first: &Q,
    ) -> impl Iterator<Item = &'a V> + use<'a, K, V, Q>
    where
        K: Borrow<Q>,
    {
        let run = self.run_for(first).unwrap_or(0);
        let skip = self.runs.get(run).map_or(0, |run| run.partition_point(|(key, _)| key.borrow() < first));
        self.runs[run..].iter().flat_map(|run| run.iter().map(|(_, value)| value)).skip(skip)
    }
}
