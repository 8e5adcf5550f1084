//! Who is to have which partition: the broker's own assignors (KIP-848).
//!
//! - `uniform.rs`: partitions spread evenly over members that all want the same topics; who has one keeps it as far as that
//!   goes. `mixed.rs`: the same where members want different topics.
//! - `range.rs`: of every topic each member gets a run of partitions that lie side by side; members keep their places.
//!
//! What holds: every partition of a topic that somebody wants is given to exactly one member that wants it. The same
//! members, topics and former targets give the same result.

mod mixed;
mod range;
#[cfg(test)]
mod tests;
mod uniform;

use super::group::Group;
use super::topics;
use crate::base::TopicId;
use crate::group::command::Name;
use crate::group::records::consumer::Target;
use crate::metadata::Image;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// `uniform`: Kafka's default.
pub(super) const UNIFORM: &str = "uniform";
/// `range`.
pub(super) const RANGE: &str = "range";

/// The assignors that there are.
pub const ASSIGNORS: [&str; 2] = [UNIFORM, RANGE];

/// A member, as assignors see it.
pub(super) struct Wants<'a> {
    pub(super) instance: Option<&'a Name>,
    /// The topics that it wants and that exist.
    pub(super) topics: Rc<BTreeSet<TopicId>>,
    /// What it was to have before.
    pub(super) before: Option<&'a Target>,
}

/// What there is to assign.
pub(super) struct Spec<'a> {
    pub(super) members: BTreeMap<&'a Name, Wants<'a>>,
    /// Partitions of every topic that somebody wants.
    pub(super) partitions: BTreeMap<TopicId, i32>,
}

impl<'a> Spec<'a> {
    pub(super) fn of(group: &'a Group, image: &Image) -> Spec<'a> {
        let mut members: BTreeMap<&Name, Wants<'_>> = BTreeMap::new();
        let mut partitions = BTreeMap::new();
        // Most members want what the one before them wants.
        let mut last: Option<(&Name, Rc<BTreeSet<TopicId>>)> = None;
        for (id, member) in &group.members {
            let same = last.as_ref().filter(|(other, _)| group.members[*other].said.wants_same(&member.said));
            let topics = match same {
                Some((_, topics)) => topics.clone(),
                None => Rc::new(topics::ids(image, group.subscribed(&member.said))),
            };
            partitions.extend(topics.iter().map(|topic| (*topic, topics::partitions(image, *topic))));
            last = Some((id, topics.clone()));
            let (instance, before) = (member.said.instance.as_ref(), group.targets.get(id));
            members.insert(id, Wants { instance, topics, before });
        }
        Spec { members, partitions }
    }

    /// Whether all want the same.
    fn is_homogeneous(&self) -> bool {
        let mut members = self.members.values();
        let Some(first) = members.next() else { return true };
        members.all(|member| Rc::ptr_eq(&member.topics, &first.topics) || member.topics == first.topics)
    }

    /// The target of each member.
    pub(super) fn assign(&self, assignor: &str) -> BTreeMap<Name, Target> {
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
