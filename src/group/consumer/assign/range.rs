//! Of every topic each member that wants it gets a run of partitions. Static members come first, by their static ids, the
//! others by theirs: one who comes back takes its old place, and topics of the same size are shared out alike, so that
//! partitions of the same number meet at one member.

use super::Spec;
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
    let mut with_wish = vec![0; spec.wishes.len()];
    members.iter().for_each(|(_, member)| with_wish[member.wish] += 1);
    let mut wanted: Vec<i32> = vec![0; spec.topics.len()];
    for (wish, members) in spec.wishes.iter().zip(with_wish) {
        wish.iter().for_each(|topic| wanted[*topic as usize] += members);
    }
    let runs = |((_, partitions), members): (&(_, i32), i32)| Runs {
        partitions: *partitions,
        share: partitions / members,
        extra: partitions % members,
        next: 0,
    };
    let mut runs: Vec<Runs> = spec.topics.iter().zip(wanted).map(runs).collect();
    let mut targets = BTreeMap::new();
    for (id, member) in members {
        let mut target = Target::new();
        for topic in &spec.wishes[member.wish] {
            let run = runs[*topic as usize].take();
            if !run.is_empty() {
                target.insert(spec.topics[*topic as usize].0, run.collect());
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
