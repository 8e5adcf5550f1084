//! An assignment holds up all groups of its partition: it takes a fraction of a second for a group as large as there are
//! any. The bounds are liveness bounds, ten times what it takes at most (docs/group-scale.md).

use super::*;
use crate::base::TopicId;
use crate::group::command::Name;
use crate::group::consumer::group::Group;
use crate::group::records::consumer::{ConsumerRecord, RegexValue, SubscriptionValue};
use crate::metadata::{Change, Configs, Image};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use uuid::Uuid;

const MEMBERS: usize = 1_000;
const TOPICS: usize = 10_000;
/// Topics that everybody wants, by an expression; the others are named, one by each member.
const SHARED: usize = TOPICS - MEMBERS;
/// What one assignment may take.
const BOUND: Duration = Duration::from_millis(2_500);

fn topic(at: usize) -> Name {
    format!("topic-{at:05}").into()
}

fn image() -> Image {
    let create = |at: usize| {
        let id = TopicId(Uuid::from_u128(at as u128 + 1));
        Change::CreateTopic { name: topic(at), id, partitions: (at % 10 + 1) as i32, configs: Configs::new() }
    };
    Image::of(&(0..TOPICS).map(create).collect::<Vec<_>>())
}

fn member(at: usize, is_other: bool) -> ConsumerRecord {
    let topics = if is_other { BTreeSet::from([topic(SHARED + at)]) } else { BTreeSet::new() };
    let said = SubscriptionValue { topics, regex: Some("topic.*".into()), ..SubscriptionValue::default() };
    ConsumerRecord::Member { group: "g".into(), member: format!("member-{at}").into(), value: Some(said) }
}

/// All members want most topics, and each one more of its own where they want different ones.
fn group(are_different: bool) -> Group {
    let mut group = Group::new("g".into());
    let shared = if are_different { SHARED } else { TOPICS };
    let value = RegexValue { topics: (0..shared).map(topic).collect(), ..RegexValue::default() };
    group.apply(&ConsumerRecord::Regex { group: "g".into(), regex: "topic.*".into(), value: Some(value) });
    (0..MEMBERS).for_each(|at| group.apply(&member(at, are_different)));
    group
}

/// Times that each is tried: the best counts, for a machine that does other things too.
const TRIES: usize = 3;

/// The targets are made, and kept.
#[allow(clippy::disallowed_methods)] // it measures
fn assign(group: &mut Group, image: &Image, assignor: &str) -> Duration {
    let mut best = Duration::MAX;
    let mut targets = BTreeMap::new();
    for _ in 0..TRIES {
        let begun = Instant::now();
        targets = Spec::of(group, image).assign(assignor);
        best = best.min(begun.elapsed());
    }
    group.targets.extend(targets);
    best
}

#[test]
fn a_large_group_is_assigned_in_a_moment() {
    let image = image();
    let mut told = Vec::new();
    for (what, assignor, are_different) in [
        ("uniform", UNIFORM, false),
        ("uniform, mixed", UNIFORM, true),
        ("range", RANGE, false),
        ("range, mixed", RANGE, true),
    ] {
        let mut group = group(are_different);
        told.push((what, "all join", assign(&mut group, &image, assignor)));
        told.push((what, "at rest", assign(&mut group, &image, assignor)));
        // Half of them go: what they had is free.
        let gone: Vec<Name> = group.members.keys().take(MEMBERS / 2).cloned().collect();
        for member in &gone {
            group.apply(&ConsumerRecord::Target { group: "g".into(), member: member.clone(), value: None });
            group.apply(&ConsumerRecord::Member { group: "g".into(), member: member.clone(), value: None });
        }
        told.push((what, "half leave", assign(&mut group, &image, assignor)));
        // They are back: what others have is moved.
        (0..MEMBERS).for_each(|at| group.apply(&member(at, are_different)));
        told.push((what, "half join", assign(&mut group, &image, assignor)));
        let given: usize = group.targets.values().flat_map(|target| target.values()).map(BTreeSet::len).sum();
        assert_eq!(given, TOPICS / 10 * 55, "{what}");
    }
    for (what, step, taken) in &told {
        println!("{what}, {step}: {:.1} ms", taken.as_secs_f64() * 1e3);
    }
    assert!(told.iter().all(|(.., taken)| *taken < BOUND), "{told:?}");
}
