//! Which groups are stable.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

/// What all members note.
pub(super) struct Census {
    unstable: AtomicUsize,
    stable_at: Mutex<Instant>,
    failed: Mutex<Option<String>>,
    /// Heartbeats that were answered, and those that were answered with a rebalance.
    pub(super) beats: AtomicU64,
    pub(super) told: AtomicU64,
}

impl Census {
    /// So many groups, none of them stable.
    pub(super) fn new(groups: usize) -> Self {
        Census {
            unstable: AtomicUsize::new(groups),
            stable_at: Mutex::new(Instant::now()),
            failed: Mutex::default(),
            beats: AtomicU64::new(0),
            told: AtomicU64::new(0),
        }
    }

    pub(super) fn unstable(&self) -> usize {
        self.unstable.load(Ordering::SeqCst)
    }

    /// When the last group came to be stable, while all are.
    pub(super) fn stable_since(&self) -> Option<Instant> {
        (self.unstable() == 0).then(|| *self.stable_at.lock().expect("no holder panicked"))
    }

    /// The first failure counts.
    pub(super) fn fail(&self, why: String) {
        self.failed.lock().expect("no holder panicked").get_or_insert(why);
    }

    pub(super) fn check(&self) -> Result<(), String> {
        self.failed.lock().expect("no holder panicked").clone().map_or(Ok(()), Err)
    }
}

#[derive(Default)]
struct State {
    /// The members that there are to be.
    live: BTreeSet<usize>,
    /// The generation in which each synced last.
    at: BTreeMap<usize, i32>,
    /// Generation and members, as the last leader was told.
    led: (i32, usize),
    /// The partitions that each was told to have, by the consumer protocol.
    has: BTreeMap<usize, BTreeSet<i32>>,
    stable: bool,
}

impl State {
    fn is_synced(&self) -> bool {
        let (generation, members) = self.led;
        members == self.live.len() && self.at.len() == members && self.at.values().all(|synced| *synced == generation)
    }

    /// There are as many partitions as members.
    fn has_one_each(&self) -> bool {
        let all: BTreeSet<&i32> = self.has.values().flatten().collect();
        self.has.len() == self.live.len()
            && self.has.values().all(|partitions| partitions.len() == 1)
            && all.len() == self.live.len()
    }
}

/// One group.
pub(super) struct Group {
    pub(super) name: String,
    state: Mutex<State>,
}

impl Group {
    pub(super) fn new(name: String) -> Self {
        Group { name, state: Mutex::default() }
    }

    /// Other members are to be there from now on.
    pub(super) fn expects(&self, census: &Census, change: impl FnOnce(&mut BTreeSet<usize>)) {
        self.update(census, |state| {
            change(&mut state.live);
            let live = &state.live;
            state.at.retain(|member, _| live.contains(member));
            state.has.retain(|member, _| live.contains(member));
        });
    }

    /// A member of the consumer protocol was told what it has.
    pub(super) fn has(&self, census: &Census, member: usize, partitions: BTreeSet<i32>) {
        self.update(census, |state| {
            if state.live.contains(&member) {
                state.has.insert(member, partitions);
            }
        });
    }

    /// A leader was told its members.
    pub(super) fn led(&self, census: &Census, generation: i32, members: usize) {
        self.update(census, |state| state.led = (generation, members));
    }

    /// A member has its assignment.
    pub(super) fn synced(&self, census: &Census, member: usize, generation: i32) {
        self.update(census, |state| {
            if state.live.contains(&member) {
                state.at.insert(member, generation);
            }
        });
    }

    fn update(&self, census: &Census, change: impl FnOnce(&mut State)) {
        let mut state = self.state.lock().expect("no holder panicked");
        change(&mut state);
        let stable = state.is_synced() || state.has_one_each();
        if stable && !state.stable {
            *census.stable_at.lock().expect("no holder panicked") = Instant::now();
            census.unstable.fetch_sub(1, Ordering::SeqCst);
        } else if !stable && state.stable {
            census.unstable.fetch_add(1, Ordering::SeqCst);
        }
        state.stable = stable;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_is_stable_when_all_synced_in_a_generation_that_has_them_all() {
        let (census, group) = (Census::new(1), Group::new("g".to_owned()));
        group.expects(&census, |live| live.extend([0, 1]));
        group.led(&census, 1, 1);
        group.synced(&census, 0, 1);
        assert!(census.stable_since().is_none(), "the other is not there");
        group.led(&census, 2, 2);
        group.synced(&census, 0, 2);
        assert!(census.stable_since().is_none(), "the other has not synced");
        group.synced(&census, 1, 2);
        assert!(census.stable_since().is_some());
        group.expects(&census, |live| {
            live.remove(&0);
            live.insert(2);
        });
        assert_eq!(census.unstable(), 1);
        group.led(&census, 3, 2);
        group.synced(&census, 2, 3);
        group.synced(&census, 0, 3);
        assert!(census.stable_since().is_none(), "who left does not count");
        group.synced(&census, 1, 3);
        assert!(census.stable_since().is_some());
    }

    #[test]
    fn a_group_is_stable_when_each_has_a_partition_of_its_own() {
        let (census, group) = (Census::new(1), Group::new("g".to_owned()));
        let has = |member, partitions: &[i32]| group.has(&census, member, partitions.iter().copied().collect());
        group.expects(&census, |live| live.extend([0, 1]));
        has(0, &[0, 1]);
        has(1, &[]);
        assert!(census.stable_since().is_none(), "one has all");
        has(0, &[1]);
        assert!(census.stable_since().is_none(), "one has none");
        has(1, &[1]);
        assert!(census.stable_since().is_none(), "both have the same");
        has(1, &[0]);
        assert!(census.stable_since().is_some());
        group.expects(&census, |live| {
            live.remove(&0);
            live.insert(2);
        });
        has(0, &[1]);
        assert!(census.stable_since().is_none(), "who left does not count");
        has(2, &[1]);
        assert!(census.stable_since().is_some());
    }

    #[test]
    fn the_first_failure_is_kept() {
        let census = Census::new(0);
        assert!(census.check().is_ok());
        census.fail("one".to_owned());
        census.fail("two".to_owned());
        assert_eq!(census.check(), Err("one".to_owned()));
    }
}
