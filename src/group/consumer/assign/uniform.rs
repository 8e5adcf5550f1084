//! All members want the same topics: each gets as many partitions as the others, give or take one.

use super::Spec;
use crate::base::TopicId;
use crate::group::command::Name;
use crate::group::records::consumer::Target;
use std::collections::{BTreeMap, VecDeque};

/// Members keep what they had up to their share; the rest goes, in order, to those who have less.
pub(super) fn assign(spec: &Spec<'_>) -> BTreeMap<Name, Target> {
    let total: usize = spec.topics.iter().map(|(_, count)| usize::try_from(*count).unwrap_or(0)).sum();
    let members = spec.members.len();
    let share = total / members;
    let mut extra = total % members;
    let mut free = unassigned(spec);
    let mut targets = BTreeMap::new();
    let mut unfilled: Vec<(&Name, usize)> = Vec::new();
    for (at, (id, member)) in spec.members.iter().enumerate() {
        let most = share + usize::from(extra > 0);
        let (kept, mut over) = keep(spec, member.before, most);
        let count: usize = kept.values().map(std::collections::BTreeSet::len).sum();
        free.append(&mut over);
        // One who would have to be given the extra partition takes it only when there are no longer enough others.
        let takes_extra = extra > 0 && (count > share || members - at <= extra);
        extra -= usize::from(takes_extra);
        let room = share + usize::from(takes_extra) - count.min(share + usize::from(takes_extra));
        if room > 0 {
            unfilled.push((*id, room));
        }
        targets.insert((*id).clone(), kept);
    }
    for (id, room) in unfilled {
        let target = targets.get_mut(id).expect("put there above");
        for (topic, partition) in free.drain(..room.min(free.len())) {
            target.entry(topic).or_default().insert(partition);
        }
    }
    debug_assert!(free.is_empty(), "{} partitions were left over", free.len());
    targets
}

/// Partitions that nobody had, by topic and number.
fn unassigned(spec: &Spec<'_>) -> VecDeque<(TopicId, i32)> {
    let mut free = spec.for_each_partition(true);
    for (topic, partitions) in spec.members.values().filter_map(|member| member.before).flatten() {
        let Some(place) = spec.place(*topic) else { continue };
        for partition in partitions {
            let had = usize::try_from(*partition).ok().and_then(|partition| free[place].get_mut(partition));
            had.into_iter().for_each(|free| *free = false);
        }
    }
    let of = |((topic, _), free): (&(TopicId, i32), Vec<bool>)| {
        let topic = *topic;
        (0..).zip(free).filter(|(_, free)| *free).map(move |(partition, _)| (topic, partition))
    };
    spec.topics.iter().zip(free).flat_map(of).collect()
}

/// What a member keeps of what it had, `most` at most, and what it has to give back.
fn keep(spec: &Spec<'_>, before: Option<&Target>, most: usize) -> (Target, VecDeque<(TopicId, i32)>) {
    let (mut kept, mut over, mut count) = (Target::new(), VecDeque::new(), 0);
    for (topic, partitions) in before.into_iter().flatten() {
        let Some(place) = spec.place(*topic) else { continue };
        for partition in partitions.iter().filter(|partition| (0..spec.topics[place].1).contains(*partition)) {
            if count < most {
                kept.entry(*topic).or_default().insert(*partition);
                count += 1;
            } else {
                over.push_back((*topic, *partition));
            }
        }
    }
    (kept, over)
}
