//! Members want different topics: partitions go to whoever has the least of those that want them, and are moved, topic by
//! topic, as long as that makes the shares more even.

use super::Spec;
use crate::base::TopicId;
use crate::group::command::Name;
use crate::group::records::consumer::Target;
use std::collections::{BTreeMap, BTreeSet};

/// Rounds over all topics, at most: each makes the shares more even, and few are ever needed.
const ROUNDS_MAX: usize = 16;

/// The members' shares while partitions are given out.
struct Shares<'a> {
    spec: &'a Spec<'a>,
    ids: Vec<&'a Name>,
    targets: Vec<Target>,
    loads: Vec<usize>,
    /// Who wants a topic, by place in `ids`.
    subscribers: BTreeMap<TopicId, Vec<usize>>,
}

pub(super) fn assign(spec: &Spec<'_>) -> BTreeMap<Name, Target> {
    let mut shares = Shares::keeping(spec);
    let topics = shares.topics_in_order();
    for topic in &topics {
        shares.give_free(*topic);
    }
    for _ in 0..ROUNDS_MAX {
        let moved: usize = topics.iter().map(|topic| shares.even_out(*topic)).sum();
        if moved == 0 {
            break;
        }
    }
    shares.ids.into_iter().cloned().zip(shares.targets).collect()
}

impl<'a> Shares<'a> {
    /// Everybody keeps what it had and wants still.
    fn keeping(spec: &'a Spec<'a>) -> Shares<'a> {
        let ids: Vec<&Name> = spec.members.keys().copied().collect();
        let mut subscribers: BTreeMap<TopicId, Vec<usize>> = BTreeMap::new();
        let (mut targets, mut loads) = (Vec::new(), Vec::new());
        let mut taken: BTreeSet<(TopicId, i32)> = BTreeSet::new();
        for (at, member) in spec.members.values().enumerate() {
            for topic in member.topics.iter() {
                subscribers.entry(*topic).or_default().push(at);
            }
            let mut target = Target::new();
            for (topic, partitions) in member.before.into_iter().flatten() {
                let exist = if member.topics.contains(topic) { spec.partitions[topic] } else { 0 };
                for partition in partitions.iter().filter(|partition| **partition < exist) {
                    if taken.insert((*topic, *partition)) {
                        target.entry(*topic).or_default().insert(*partition);
                    }
                }
            }
            loads.push(target.values().map(BTreeSet::len).sum());
            targets.push(target);
        }
        Shares { spec, ids, targets, loads, subscribers }
    }

    /// Topics with the most partitions for each of those that want them first, then those that fewer want.
    fn topics_in_order(&self) -> Vec<TopicId> {
        let mut topics: Vec<TopicId> = self.spec.partitions.keys().copied().collect();
        let counts = |topic: &TopicId| (i64::from(self.spec.partitions[topic]), self.subscribers[topic].len() as i64);
        topics.sort_by(|one, other| {
            let ((partitions, subscribers), (others, other_subscribers)) = (counts(one), counts(other));
            let by_share = (others * subscribers).cmp(&(partitions * other_subscribers));
            by_share.then(subscribers.cmp(&other_subscribers)).then(one.cmp(other))
        });
        topics
    }

    fn give_free(&mut self, topic: TopicId) {
        let subscribers = &self.subscribers[&topic];
        let has = |at: &usize| self.targets[*at].get(&topic).into_iter().flatten().copied().collect::<Vec<_>>();
        let taken: BTreeSet<i32> = subscribers.iter().flat_map(has).collect();
        let mut least: BTreeSet<(usize, usize)> = subscribers.iter().map(|at| (self.loads[*at], *at)).collect();
        for partition in (0..self.spec.partitions[&topic]).filter(|partition| !taken.contains(partition)) {
            let (load, at) = least.pop_first().expect("somebody wants the topic");
            self.targets[at].entry(topic).or_default().insert(partition);
            self.loads[at] = load + 1;
            least.insert((load + 1, at));
        }
    }

    /// Moves partitions of a topic from those that have the most in all to those that have the least. How many.
    fn even_out(&mut self, topic: TopicId) -> usize {
        let subscribers = &self.subscribers[&topic];
        let mut least: BTreeSet<(usize, usize)> = subscribers.iter().map(|at| (self.loads[*at], *at)).collect();
        let owns = |at: &&usize| self.targets[**at].contains_key(&topic);
        let mut most: BTreeSet<(usize, usize)> =
            subscribers.iter().filter(owns).map(|at| (self.loads[*at], *at)).collect();
        let mut moved = 0;
        while let (Some((low, to)), Some((high, from))) = (least.first().copied(), most.last().copied()) {
            if high <= low + 1 {
                break;
            }
            let partitions = self.targets[from].get_mut(&topic).expect("it owns some");
            let partition = partitions.pop_last().expect("an owner has at least one");
            let is_owner = !partitions.is_empty();
            if !is_owner {
                self.targets[from].remove(&topic);
            }
            self.targets[to].entry(topic).or_default().insert(partition);
            (self.loads[from], self.loads[to]) = (high - 1, low + 1);
            for set in [&mut least, &mut most] {
                set.remove(&(high, from));
                set.remove(&(low, to));
            }
            least.extend([(high - 1, from), (low + 1, to)]);
            most.insert((low + 1, to));
            if is_owner {
                most.insert((high - 1, from));
            }
            moved += 1;
        }
        moved
    }
}
