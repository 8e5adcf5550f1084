//! Of every topic each member that wants it gets a run of partitions. Static members come first, by their static ids, the
//! others by theirs: one who comes back takes its old place, and topics of the same size are shared out alike, so that
//! partitions of the same number meet at one member.

use super::Spec;
use crate::base::TopicId;
use crate::group::command::Name;
use crate::group::records::consumer::Target;
use std::collections::BTreeMap;

/// A topic while it is shared out.
struct Runs {
    partitions: i32,
    share: i32,
    /// How many get one more.
    extra: i32,
    next: i32,
}

pub(super) fn assign(spec: &Spec<'_>) -> BTreeMap<Name, Target> {
    let mut members: Vec<_> = spec.members.iter().collect();
    members.sort_by_key(|(id, member)| (member.instance.is_none(), member.instance, **id));
    let mut wanted: BTreeMap<TopicId, i32> = BTreeMap::new();
    for topic in members.iter().flat_map(|(_, member)| member.topics.iter()) {
        *wanted.entry(*topic).or_default() += 1;
    }
    let runs = |(topic, members): (TopicId, i32)| {
        let partitions = spec.partitions[&topic];
        (topic, Runs { partitions, share: partitions / members, extra: partitions % members, next: 0 })
    };
    let mut runs: BTreeMap<TopicId, Runs> = wanted.into_iter().map(runs).collect();
    let mut targets = BTreeMap::new();
    for (id, member) in members {
        let mut target = Target::new();
        for topic in member.topics.iter() {
            let runs = runs.get_mut(topic).expect("it is wanted");
            let run = runs.take();
            if !run.is_empty() {
                target.insert(*topic, run.collect());
            }
        }
        targets.insert((*id).clone(), target);
    }
    targets
}

impl Runs {
    fn take(&mut self) -> std::ops::Range<i32> {
        let from = self.next;
        let more = i32::from(self.extra > 0);
        self.extra -= more;
        self.next = (from + self.share + more).min(self.partitions);
        from..self.next
    }
}
