//! Members want different topics: partitions go to whoever has the least of those that want them, and are moved, topic by
//! topic, as long as that makes the shares more even.

use super::Spec;
use crate::group::command::Name;
use crate::group::records::consumer::Target;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// Rounds over all topics, at most: each makes the shares more even, and few are ever needed.
const ROUNDS_MAX: usize = 16;

/// The owner of a partition that has none.
const FREE: u32 = u32::MAX;

/// What a member has in all, and its place: who has the least comes first, and of those the first.
type Load = (u32, u32);

/// The members' shares while partitions are given out. Members are places in the order of their ids, topics are places in
/// the spec's.
struct Shares<'a> {
    spec: &'a Spec<'a>,
    /// How many partitions each member has.
    loads: Vec<u32>,
    /// Who has each partition of each topic.
    owners: Vec<Vec<u32>>,
    /// The members with each wish.
    wishing: Lists,
    /// The wishes that each topic is part of.
    wished: Lists,
    /// Who may get a partition of the topic at hand, kept for its room.
    least: Vec<Reverse<Load>>,
}

pub(super) fn assign(spec: &Spec<'_>) -> BTreeMap<Name, Target> {
    let mut shares = Shares::keeping(spec);
    let topics = shares.topics_in_order();
    for topic in &topics {
        shares.give_free(*topic);
    }
    for _ in 0..ROUNDS_MAX {
        // Nobody ever has less than that from here on: a move ends above the least.
        let floor = shares.floor();
        let moved: usize = topics.iter().map(|topic| shares.even_out(*topic, floor)).sum();
        if moved == 0 {
            break;
        }
    }
    shares.targets()
}

impl<'a> Shares<'a> {
    /// Everybody keeps what it had and wants still.
    fn keeping(spec: &'a Spec<'a>) -> Shares<'a> {
        let topics = (0..).zip(&spec.wishes).flat_map(|(wish, topics)| topics.iter().map(move |topic| (*topic, wish)));
        let wished = Lists::new(spec.topics.len(), topics);
        let members = (0..).zip(spec.members.values()).map(|(at, member)| (member.wish as u32, at));
        let wishing = Lists::new(spec.wishes.len(), members);
        let (mut owners, mut loads) = (spec.for_each_partition(FREE), vec![0; spec.members.len()]);
        for (at, member) in (0..).zip(spec.members.values()) {
            for (topic, partitions) in member.before.into_iter().flatten() {
                let Some(place) = spec.place(*topic) else { continue };
                let wants = u32::try_from(place).is_ok_and(|it| spec.wishes[member.wish].binary_search(&it).is_ok());
                for partition in partitions.iter().filter(|_| wants) {
                    let owner = usize::try_from(*partition).ok().and_then(|partition| owners[place].get_mut(partition));
                    if let Some(owner) = owner.filter(|owner| **owner == FREE) {
                        *owner = at;
                        loads[at as usize] += 1;
                    }
                }
            }
        }
        Shares { spec, loads, owners, wishing, wished, least: Vec::new() }
    }

    fn subscribers(&self, topic: usize) -> impl Iterator<Item = u32> {
        self.wished.of(topic).iter().flat_map(|wish| self.wishing.of(*wish as usize)).copied()
    }

    fn load(&self, member: u32) -> Load {
        (self.loads[member as usize], member)
    }

    /// Topics with the most partitions for each of those that want them first, then those that fewer want.
    fn topics_in_order(&self) -> Vec<usize> {
        let members: Vec<i64> = (0..self.spec.wishes.len()).map(|wish| self.wishing.of(wish).len() as i64).collect();
        let wanting = |topic| self.wished.of(topic).iter().map(|wish| members[*wish as usize]).sum();
        let subscribers: Vec<i64> = (0..self.spec.topics.len()).map(wanting).collect();
        let counts = |topic: usize| (i64::from(self.spec.topics[topic].1), subscribers[topic]);
        let mut topics: Vec<usize> = (0..self.spec.topics.len()).collect();
        topics.sort_by(|one, other| {
            let ((partitions, subscribers), (others, other_subscribers)) = (counts(*one), counts(*other));
            let by_share = (others * subscribers).cmp(&(partitions * other_subscribers));
            by_share.then(subscribers.cmp(&other_subscribers)).then(one.cmp(other))
        });
        topics
    }

    /// Those who want the topic, the one with the least on top.
    fn least(&mut self, topic: usize) -> BinaryHeap<Reverse<Load>> {
        let mut least = std::mem::take(&mut self.least);
        least.clear();
        least.extend(self.subscribers(topic).map(|member| Reverse(self.load(member))));
        BinaryHeap::from(least)
    }

    fn give_free(&mut self, topic: usize) {
        if !self.owners[topic].contains(&FREE) {
            return;
        }
        let mut least = self.least(topic);
        for owner in self.owners[topic].iter_mut().filter(|owner| **owner == FREE) {
            let mut top = least.peek_mut().expect("somebody wants the topic");
            let Reverse((load, member)) = &mut *top;
            *load += 1;
            *owner = *member;
            self.loads[*member as usize] = *load;
        }
        self.least = least.into_vec();
    }

    /// The least that anybody has who wants something.
    fn floor(&self) -> u32 {
        let members = self.spec.members.values().zip(&self.loads);
        let wanting = members.filter(|(member, _)| !self.spec.wishes[member.wish].is_empty());
        wanting.map(|(_, load)| *load).min().unwrap_or(0)
    }

    /// Moves partitions of a topic from those that have the most in all to those that have the least. How many. `floor`: the
    /// least that anybody has.
    fn even_out(&mut self, topic: usize, floor: u32) -> usize {
        let high = self.owners[topic].iter().map(|owner| self.loads[*owner as usize]).max().unwrap_or(0);
        let is_even = |member: u32| high <= self.loads[member as usize] + 1;
        if high <= floor + 1 || self.subscribers(topic).all(is_even) {
            return 0;
        }
        let mut held: BTreeMap<u32, BTreeSet<usize>> = BTreeMap::new();
        for (partition, owner) in self.owners[topic].iter().enumerate() {
            held.entry(*owner).or_default().insert(partition);
        }
        let mut most: BinaryHeap<Load> = held.keys().map(|owner| self.load(*owner)).collect();
        let mut least = self.least(topic);
        let mut moved = 0;
        while let (Some(&Reverse((low, to))), Some(&(high, from))) = (least.peek(), most.peek()) {
            // Whose load has changed is there again, under the new one.
            if (low, to) != self.load(to) {
                least.pop();
                continue;
            }
            let partitions = held.entry(from).or_default();
            if (high, from) != self.load(from) || partitions.is_empty() {
                most.pop();
                continue;
            }
            if high <= low + 1 {
                break;
            }
            let partition = partitions.pop_last().expect("an owner has at least one");
            held.entry(to).or_default().insert(partition);
            self.owners[topic][partition] = to;
            (self.loads[from as usize], self.loads[to as usize]) = (high - 1, low + 1);
            least.extend([Reverse((high - 1, from)), Reverse((low + 1, to))]);
            most.extend([(high - 1, from), (low + 1, to)]);
            moved += 1;
        }
        self.least = least.into_vec();
        moved
    }

    fn targets(self) -> BTreeMap<Name, Target> {
        let mut targets = vec![Target::new(); self.loads.len()];
        for ((topic, _), owners) in self.spec.topics.iter().zip(&self.owners) {
            for (partition, owner) in (0..).zip(owners) {
                targets[*owner as usize].entry(*topic).or_default().insert(partition);
            }
        }
        self.spec.members.keys().map(|id| (*id).clone()).zip(targets).collect()
    }
}

/// Lists of numbers, one behind the other.
struct Lists {
    /// Where each begins, and where the last ends.
    starts: Vec<usize>,
    items: Vec<u32>,
}

impl Lists {
    /// So many lists of these: the list, and what is in it. Each list has them in their order.
    fn new(lists: usize, items: impl Iterator<Item = (u32, u32)> + Clone) -> Lists {
        let mut starts = vec![0; lists + 1];
        items.clone().for_each(|(list, _)| starts[list as usize + 1] += 1);
        for list in 0..lists {
            starts[list + 1] += starts[list];
        }
        let (mut next, mut all) = (starts.clone(), vec![0; starts[lists]]);
        for (list, item) in items {
            all[next[list as usize]] = item;
            next[list as usize] += 1;
        }
        Lists { starts, items: all }
    }

    fn of(&self, list: usize) -> &[u32] {
        &self.items[self.starts[list]..self.starts[list + 1]]
    }
}
