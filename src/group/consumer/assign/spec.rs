//! What there is to assign: members, and the topics that they want.

use super::{RANGE, mixed, range, uniform};
use crate::base::TopicId;
use crate::group::command::Name;
use crate::group::consumer::group::Group;
use crate::group::records::consumer::Target;
use crate::metadata::Image;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A member, as assignors see it.
pub(super) struct Wants<'a> {
    pub(super) instance: Option<&'a Name>,
    /// The topics that it wants and that exist, as a place in [`Spec::wishes`].
    pub(super) wish: usize,
    /// What it was to have before.
    pub(super) before: Option<&'a Target>,
}

/// What there is to assign.
pub(in crate::group::consumer) struct Spec<'a> {
    pub(super) members: BTreeMap<&'a Name, Wants<'a>>,
    /// Every topic that somebody wants, and its number of partitions; in order.
    pub(super) topics: Vec<(TopicId, i32)>,
    /// What members want, as places in `topics`, in order. Those who subscribe to the same share one.
    pub(super) wishes: Vec<Vec<u32>>,
}

impl<'a> Spec<'a> {
    pub(in crate::group::consumer) fn of(group: &'a Group, image: &Image) -> Spec<'a> {
        let known = Known::of(group, image);
        let mut members: BTreeMap<&Name, Wants<'_>> = BTreeMap::new();
        let mut wishes: Vec<Vec<u32>> = Vec::new();
        let mut seen: HashMap<(&BTreeSet<Name>, Option<&Name>), usize> = HashMap::new();
        let mut resolved: HashMap<&Name, Vec<u32>> = HashMap::new();
        // Most members want what the one before them wants.
        let mut last = None;
        for (id, member) in &group.members {
            let said = &member.said;
            let expression = said.expression();
            let wish = match last {
                Some((other, wish)) if said.wants_same(other) => wish,
                _ => *seen.entry((&said.topics, expression)).or_insert_with(|| {
                    let of = |regex| known.places(group.regexes.get(regex).into_iter().flat_map(|value| &value.topics));
                    let matched = expression.map(|regex| &*resolved.entry(regex).or_insert_with(|| of(regex)));
                    wishes.push(merged(known.places(&said.topics), matched.map_or(&[], Vec::as_slice)));
                    wishes.len() - 1
                }),
            };
            last = Some((said, wish));
            let (instance, before) = (said.instance.as_ref(), group.targets.get(id));
            members.insert(id, Wants { instance, wish, before });
        }
        let mut spec = Spec { members, topics: known.topics, wishes };
        spec.forget_unwanted();
        spec
    }

    /// Takes away topics that nobody wants: those of an expression that nobody has any more.
    fn forget_unwanted(&mut self) {
        let mut wanted = vec![false; self.topics.len()];
        self.wishes.iter().flatten().for_each(|topic| wanted[*topic as usize] = true);
        if wanted.iter().all(|wanted| *wanted) {
            return;
        }
        let mut places = Vec::with_capacity(wanted.len());
        let mut next = 0;
        for wanted in &wanted {
            places.push(next);
            next += u32::from(*wanted);
        }
        self.wishes.iter_mut().flatten().for_each(|topic| *topic = places[*topic as usize]);
        let mut wanted = wanted.into_iter();
        self.topics.retain(|_| wanted.next().expect("one for each topic"));
    }

    /// Whether all want the same.
    fn is_homogeneous(&self) -> bool {
        self.wishes.iter().all(|wish| *wish == self.wishes[0])
    }

    /// The place of a topic in [`Spec::topics`].
    pub(super) fn place(&self, id: TopicId) -> Option<usize> {
        self.topics.binary_search_by(|(topic, _)| topic.cmp(&id)).ok()
    }

    /// The same value for each partition of each topic.
    pub(super) fn for_each_partition<T: Copy>(&self, value: T) -> Vec<Vec<T>> {
        self.topics.iter().map(|(_, count)| vec![value; usize::try_from(*count).unwrap_or(0)]).collect()
    }

    /// The target of each member.
    pub(in crate::group::consumer) fn assign(&self, assignor: &str) -> BTreeMap<Name, Target> {
        if self.members.is_empty() {
            return BTreeMap::new();
        }
        match assignor {
            RANGE => range::assign(self),
            _ if self.is_homogeneous() => uniform::assign(self),
            _ => mixed::assign(self),
        }
    }
}

/// The topics that a group is subscribed to and that exist.
struct Known<'a> {
    topics: Vec<(TopicId, i32)>,
    places: HashMap<&'a str, u32>,
}

impl<'a> Known<'a> {
    fn of(group: &'a Group, image: &Image) -> Known<'a> {
        let exist = |name: &'a Name| image.topic(name).map(|topic| (topic.id, topic.partitions, &**name));
        let mut exist: Vec<(TopicId, i32, &str)> = group.topics.keys().filter_map(exist).collect();
        exist.sort_unstable();
        let topics = exist.iter().map(|(id, partitions, _)| (*id, *partitions)).collect();
        Known { topics, places: (0..).zip(exist).map(|(at, (.., name))| (name, at)).collect() }
    }

    /// The places of topics, in order.
    fn places<'b>(&self, names: impl IntoIterator<Item = &'b Name>) -> Vec<u32> {
        let mut places: Vec<u32> = names.into_iter().filter_map(|name| self.places.get(&**name)).copied().collect();
        places.sort_unstable();
        places
    }
}

/// Both in order, each once.
fn merged(mut one: Vec<u32>, other: &[u32]) -> Vec<u32> {
    if !other.is_empty() {
        // Two runs in order: to sort them is to merge them.
        one.extend(other);
        one.sort();
        one.dedup();
    }
    one
}
