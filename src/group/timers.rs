//! A queue of timers: pure, by key and by [`crate::coordinator::machine::Moment::monotonic`].

use std::collections::{BTreeMap, HashMap};
use std::hash::Hash;
use std::time::Duration;

/// Timers, each with a key of its own. Those of one moment go off in the order in which they were set.
#[derive(Debug)]
pub struct Timers<K> {
    by_time: BTreeMap<(Duration, u64), K>,
    by_key: HashMap<K, (Duration, u64)>,
    /// How many were ever set.
    set: u64,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Timers { by_time: BTreeMap::new(), by_key: HashMap::new(), set: 0 }
    }
}

/// How far a round of [`Timers::take_due`] goes: what is set during the round waits for the next, so that a timer that
/// sets itself again at once cannot hold up its machine.
#[derive(Clone, Copy, Debug)]
pub struct Round {
    until: Duration,
    set: u64,
}

impl<K: Clone + Eq + Hash> Timers<K> {
    /// Sets a timer. One of the same key is replaced.
    pub fn set(&mut self, key: K, at: Duration) {
        let place = (at, self.set);
        self.set += 1;
        if let Some(old) = self.by_key.insert(key.clone(), place) {
            self.by_time.remove(&old);
        }
        self.by_time.insert(place, key);
    }

    /// Takes a timer back, if it is there.
    pub fn cancel(&mut self, key: &K) {
        if let Some(place) = self.by_key.remove(key) {
            self.by_time.remove(&place);
        }
    }

    /// Whether it is set.
    pub fn is_set(&self, key: &K) -> bool {
        self.by_key.contains_key(key)
    }

    /// When the next one goes off.
    pub fn due(&self) -> Option<Duration> {
        self.by_time.first_key_value().map(|((at, _), _)| *at)
    }

    /// Begins a round at this moment.
    pub fn round(&self, now: Duration) -> Round {
        Round { until: now, set: self.set }
    }

    /// Takes the next one of a round.
    pub fn take_due(&mut self, round: Round) -> Option<K> {
        let (at, set) = *self.by_time.first_key_value()?.0;
        if at > round.until || set >= round.set {
            return None;
        }
        let key = self.by_time.remove(&(at, set))?;
        self.by_key.remove(&key);
        Some(key)
    }

    /// How many are set.
    pub fn len(&self) -> usize {
        self.by_time.len()
    }

    /// Whether none is set.
    pub fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn take_all(timers: &mut Timers<&'static str>, now: Duration) -> Vec<&'static str> {
        let round = timers.round(now);
        std::iter::from_fn(|| timers.take_due(round)).collect()
    }

    #[test]
    fn they_go_off_in_order_and_once() {
        let mut timers = Timers::default();
        timers.set("late", ms(9));
        timers.set("b", ms(5));
        timers.set("a", ms(5));
        assert_eq!(timers.due(), Some(ms(5)));
        assert_eq!(take_all(&mut timers, ms(4)), Vec::<&str>::new());
        assert_eq!(take_all(&mut timers, ms(5)), ["b", "a"]);
        assert_eq!(take_all(&mut timers, ms(100)), ["late"]);
        assert!(timers.is_empty());
        assert_eq!(timers.due(), None);
    }

    #[test]
    fn one_key_is_one_timer() {
        let mut timers = Timers::default();
        timers.set("a", ms(5));
        timers.set("a", ms(7));
        assert_eq!(timers.len(), 1);
        assert_eq!(take_all(&mut timers, ms(6)), Vec::<&str>::new());
        timers.cancel(&"a");
        timers.cancel(&"a");
        assert_eq!(take_all(&mut timers, ms(9)), Vec::<&str>::new());
    }

    #[test]
    fn what_is_set_in_a_round_waits_for_the_next() {
        let mut timers = Timers::default();
        timers.set("a", ms(5));
        let round = timers.round(ms(5));
        assert_eq!(timers.take_due(round), Some("a"));
        timers.set("a", ms(5));
        timers.set("earlier", ms(1));
        assert_eq!(timers.take_due(round), None);
        assert_eq!(take_all(&mut timers, ms(5)), ["earlier", "a"]);
    }
}
