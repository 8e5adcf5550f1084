//! Assignors: whole, even, and true to what was before.

use super::spec::Wants;
use super::*;
use crate::base::TopicId;
use crate::group::command::Name;
use crate::group::records::consumer::Target;
use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

fn id(topic: u8) -> TopicId {
    TopicId(Uuid::from_u128(u128::from(topic) + 1))
}

fn name(name: &str) -> Name {
    Name::from(name)
}

/// Members: name, static id, topics.
type Members = Vec<(Name, Option<Name>, BTreeSet<u8>)>;
type Targets = BTreeMap<Name, Target>;

fn assign(assignor: &str, topics: &[(u8, i32)], members: &Members, before: &Targets) -> Targets {
    let is_wanted = |topic: &u8| members.iter().any(|(.., wants)| wants.contains(topic));
    let mut exist: Vec<(TopicId, i32)> =
        topics.iter().filter(|(topic, _)| is_wanted(topic)).map(|(topic, count)| (id(*topic), *count)).collect();
    exist.sort_unstable();
    let mut spec = Spec { members: BTreeMap::new(), topics: exist, wishes: Vec::new() };
    for (member, instance, wants) in members {
        let wish: Vec<u32> = wants.iter().filter_map(|topic| spec.place(id(*topic))).map(|at| at as u32).collect();
        // Those who want the same may share a wish, or not.
        let shared = spec.wishes.iter().position(|other| *other == wish).filter(|_| member.len() % 2 == 1);
        spec.wishes.push(wish);
        let wish = shared.unwrap_or(spec.wishes.len() - 1);
        let (instance, before) = (instance.as_ref(), before.get(member));
        spec.members.insert(member, Wants { instance, wish, before });
    }
    spec.assign(assignor)
}

fn all_want(names: &[&str], topics: &[u8]) -> Members {
    names.iter().map(|member| (name(member), None, topics.iter().copied().collect())).collect()
}

fn of(targets: &Targets, member: &str, topic: u8) -> Vec<i32> {
    targets[member].get(&id(topic)).into_iter().flatten().copied().collect()
}

fn load(target: &Target) -> usize {
    target.values().map(BTreeSet::len).sum()
}

/// Every partition of a wanted topic is given to exactly one member that wants it, and nothing else to anybody.
fn check_whole(topics: &[(u8, i32)], members: &Members, targets: &Targets) {
    assert_eq!(targets.len(), members.len());
    let mut given: BTreeMap<(TopicId, i32), &Name> = BTreeMap::new();
    for (member, target) in targets {
        let wants = &members.iter().find(|(other, ..)| other == member).expect("a member").2;
        for (topic, partitions) in target {
            assert!(!partitions.is_empty() && wants.iter().any(|wanted| id(*wanted) == *topic), "{member} {topic}");
            for partition in partitions {
                assert_eq!(given.insert((*topic, *partition), member), None, "{topic} {partition}");
            }
        }
    }
    let is_wanted = |topic: u8| members.iter().any(|(.., wants)| wants.contains(&topic));
    let wanted: i32 = topics.iter().filter(|(topic, _)| is_wanted(*topic)).map(|(_, count)| *count).sum();
    assert_eq!(given.len(), usize::try_from(wanted).unwrap());
    let counts: BTreeMap<TopicId, i32> = topics.iter().map(|(topic, count)| (id(*topic), *count)).collect();
    assert!(given.keys().all(|(topic, partition)| (0..counts[topic]).contains(partition)));
}

#[test]
fn uniform_spreads_and_keeps() {
    let topics = [(0, 5)];
    let first = assign(UNIFORM, &topics, &all_want(&["a", "b"], &[0]), &Targets::new());
    assert_eq!((of(&first, "a", 0).len(), of(&first, "b", 0).len()), (2, 3));
    // One more comes: nobody is given what it did not have but the new one.
    let more = all_want(&["a", "b", "c"], &[0]);
    let second = assign(UNIFORM, &topics, &more, &first);
    check_whole(&topics, &more, &second);
    for member in ["a", "b"] {
        assert!(of(&second, member, 0).iter().all(|partition| of(&first, member, 0).contains(partition)), "{member}");
    }
    assert_eq!(of(&second, "c", 0).len(), 1);
    // One goes: the others keep all that they had.
    let fewer = all_want(&["b", "c"], &[0]);
    let third = assign(UNIFORM, &topics, &fewer, &second);
    check_whole(&topics, &fewer, &third);
    for member in ["b", "c"] {
        assert!(of(&second, member, 0).iter().all(|partition| of(&third, member, 0).contains(partition)), "{member}");
    }
}

#[test]
fn range_gives_runs_that_meet() {
    let topics = [(0, 5), (1, 5), (2, 2)];
    let targets = assign(RANGE, &topics, &all_want(&["a", "b"], &[0, 1, 2]), &Targets::new());
    for topic in [0, 1] {
        assert_eq!((of(&targets, "a", topic), of(&targets, "b", topic)), (vec![0, 1, 2], vec![3, 4]));
    }
    assert_eq!((of(&targets, "a", 2), of(&targets, "b", 2)), (vec![0], vec![1]));
    // Static members stand first, by their static ids, whatever their own are.
    let statics = vec![
        (name("a"), None, [0].into()),
        (name("z"), Some(name("i-1")), [0].into()),
        (name("y"), Some(name("i-2")), [0].into()),
    ];
    let targets = assign(RANGE, &topics, &statics, &Targets::new());
    assert_eq!((of(&targets, "z", 0), of(&targets, "y", 0), of(&targets, "a", 0)), (vec![0, 1], vec![2, 3], vec![4]));
    // More members than partitions: some have none.
    let targets = assign(RANGE, &[(2, 2)], &all_want(&["a", "b", "c"], &[2]), &Targets::new());
    assert_eq!((of(&targets, "b", 2), of(&targets, "c", 2)), (vec![1], vec![]));
}

#[test]
fn those_who_want_different_topics_are_evened_out() {
    let topics = [(0, 6), (1, 2)];
    let members = vec![(name("a"), None, [0].into()), (name("b"), None, [0, 1].into())];
    let targets = assign(UNIFORM, &topics, &members, &Targets::new());
    check_whole(&topics, &members, &targets);
    assert_eq!((load(&targets["a"]), load(&targets["b"])), (4, 4));
    // It stays so.
    assert_eq!(assign(UNIFORM, &topics, &members, &targets), targets);
}

#[test]
fn nothing_is_assigned_of_nothing() {
    for assignor in ASSIGNORS {
        assert_eq!(assign(assignor, &[(0, 3)], &Members::new(), &Targets::new()), Targets::new());
        let idle = assign(assignor, &[(0, 3)], &all_want(&["a"], &[]), &Targets::new());
        assert_eq!(idle, Targets::from([(name("a"), Target::new())]));
    }
}

fn any_members() -> impl Strategy<Value = Members> {
    let wants = prop_oneof![3 => Just(BTreeSet::from([0_u8, 1, 2])), 1 => btree_set(0_u8..5, 0..4)];
    let member = (prop::option::of(0_u8..4), wants);
    btree_map("[a-h]", member, 1..8).prop_map(|members| {
        let mut instances = BTreeSet::new();
        let once = |instance: Option<u8>, seen: &mut BTreeSet<u8>| {
            instance.filter(|instance| seen.insert(*instance)).map(|instance| name(&format!("i{instance}")))
        };
        let members = members.into_iter();
        members.map(|(id, (instance, wants))| (Name::from(id), once(instance, &mut instances), wants)).collect()
    })
}

proptest! {
    /// Members come and go, topics appear, grow and vanish.
    #[test]
    fn targets_are_whole_and_even(
        rounds in prop::collection::vec((btree_map(0_u8..5, 1_i32..9, 1..5), any_members()), 1..5),
        assignor in prop::sample::select(ASSIGNORS.to_vec()),
    ) {
        let mut before = Targets::new();
        let mut sizes: BTreeMap<u8, i32> = BTreeMap::new();
        for (grown, members) in rounds {
            // A topic never shrinks.
            for (topic, count) in grown {
                let size = sizes.entry(topic).or_default();
                *size = (*size).max(count);
            }
            let topics: Vec<(u8, i32)> = sizes.iter().map(|(topic, count)| (*topic, *count)).collect();
            let targets = assign(assignor, &topics, &members, &before);
            check_whole(&topics, &members, &targets);
            let same = members.iter().all(|(.., wants)| *wants == members[0].2);
            if same && assignor == UNIFORM {
                let loads: BTreeSet<usize> = targets.values().map(load).collect();
                prop_assert!(loads.last().unwrap() - loads.first().unwrap() <= 1, "{loads:?}");
            }
            prop_assert_eq!(&assign(assignor, &topics, &members, &targets), &targets, "it is not at rest");
            before = targets;
        }
    }
}
