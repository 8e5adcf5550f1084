//! Images: what changes do, what is refused, and that old images stay as they were.

use super::format::{decode_snapshot, encode_snapshot};
use super::sorted::SortedMap;
use super::{CONFIGURED_GROUPS_MAX, Change, Configs, Image, Outcome, Refusal};
use crate::base::{LeaderEpoch, NodeId, PartitionIndex, ProducerId, TopicId};
use proptest::prelude::*;
use std::collections::BTreeMap;
use uuid::Uuid;

/// Everything in an image, for comparison.
pub(super) fn fingerprint(image: &Image) -> Vec<u8> {
    encode_snapshot(image, 0, NodeId(0)).to_vec()
}

pub(super) fn id(number: u128) -> TopicId {
    TopicId(Uuid::from_u128(number))
}

pub(super) fn create(name: &str, number: u128, partitions: i32) -> Change {
    Change::CreateTopic { name: name.into(), id: id(number), partitions, configs: Configs::new() }
}

fn configs(pairs: &[(&str, &str)]) -> Configs {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn image_of(changes: &[Change]) -> Image {
    let mut image = Image::default();
    for change in changes {
        image.apply(change).unwrap_or_else(|refusal| panic!("{change:?}: {refusal}"));
    }
    image
}

#[test]
fn topics_come_change_and_go() {
    let mut image = image_of(&[create("b", 2, 3), create("a", 1, 1), create("c.d", 3, 2)]);
    let names: Vec<&str> = image.topics().map(|topic| &*topic.name).collect();
    assert_eq!((names, image.topic_count(), image.partition_count()), (vec!["a", "b", "c.d"], 3, 6));
    let from: Vec<&str> = image.topics_from("aa").map(|topic| &*topic.name).collect();
    assert_eq!(from, ["b", "c.d"]);
    let old = image.clone();
    image.apply(&Change::AddPartitions { id: id(1), count: 4 }).unwrap();
    let set = configs(&[("retention.ms", "5"), ("cleanup.policy", "compact")]);
    image.apply(&Change::SetTopicConfigs { id: id(1), set, delete: vec![] }).unwrap();
    let set = configs(&[("retention.ms", "6")]);
    let delete = vec!["cleanup.policy".to_owned(), "retention.ms".to_owned(), "unknown".to_owned()];
    image.apply(&Change::SetTopicConfigs { id: id(1), set: set.clone(), delete }).unwrap();
    let topic = image.topic("a").unwrap();
    assert_eq!((topic.partitions, &*topic.configs), (4, &set));
    assert_eq!(image.topic_by_id(id(1)), Some(topic));
    assert!(topic.has(PartitionIndex(3)) && !topic.has(PartitionIndex(4)) && !topic.has(PartitionIndex(-1)));
    assert_eq!(image.partition_count(), 9);
    image.apply(&Change::DeleteTopic { id: id(1) }).unwrap();
    assert!(image.topic("a").is_none() && image.topic_by_id(id(1)).is_none());
    assert_eq!((image.partition_count(), image.topic_count()), (5, 2));
    assert_eq!(old.topic("a").unwrap().partitions, 1, "an image that is held does not change");
    assert_eq!(image.colliding_topic("c_d").map(|name| &**name), Some("c.d"));
    assert_eq!(image.colliding_topic("c.d"), None);
    image.apply(&Change::DeleteTopic { id: id(3) }).unwrap();
    image.apply(&create("c_d", 4, 1)).unwrap();
}

#[test]
fn what_does_not_fit_is_refused_and_leaves_no_trace() {
    let image = image_of(&[Change::FoundCluster { cluster_id: "x".into() }, create("a_b", 1, 2)]);
    let check = |change: Change, expected: Refusal| {
        let mut after = image.clone();
        assert_eq!(after.apply(&change).unwrap_err(), expected);
        assert_eq!(fingerprint(&after), fingerprint(&image), "{change:?}");
        assert_eq!(image.check(&[change]).unwrap_err(), expected);
    };
    check(Change::FoundCluster { cluster_id: "y".into() }, Refusal::ClusterExists { cluster_id: "x".into() });
    check(create("a_b", 2, 1), Refusal::TopicExists { name: "a_b".into() });
    check(create("a.b", 2, 1), Refusal::TopicCollides { name: "a.b".into(), with: "a_b".into() });
    check(create("c", 1, 1), Refusal::TopicIdTaken { id: id(1) });
    check(create("c", 0, 1), Refusal::TopicIdTaken { id: id(0) });
    for count in [i32::MIN, 0, 1_000_001] {
        check(create("c", 2, count), Refusal::PartitionCount { count });
        check(Change::AddPartitions { id: id(1), count }, Refusal::PartitionCount { count });
    }
    let not_more = Refusal::PartitionsNotMore { name: "a_b".into(), current: 2, count: 2 };
    check(Change::AddPartitions { id: id(1), count: 2 }, not_more);
    let unknown = Refusal::UnknownTopic { id: id(9) };
    check(Change::DeleteTopic { id: id(9) }, unknown.clone());
    check(Change::AddPartitions { id: id(9), count: 3 }, unknown.clone());
    check(Change::SetTopicConfigs { id: id(9), set: Configs::new(), delete: vec![] }, unknown);
    let below = Refusal::FeatureLevel { name: "f".into(), level: -1 };
    check(Change::SetFeature { name: "f".into(), level: -1 }, below);
    let mut full = image.clone();
    full.next_producer_id = i64::MAX - 999;
    full.incarnation = i32::MAX as u32;
    let reserve = Change::ReserveProducerIds { node: NodeId(1) };
    assert_eq!(full.apply(&reserve).unwrap_err(), Refusal::Exhausted { what: "producer id" });
    let start = Change::StartBroker { node: NodeId(1), rack: None };
    assert_eq!(full.apply(&start).unwrap_err(), Refusal::Exhausted { what: "incarnation" });
}

#[test]
fn starts_raise_leader_epochs() {
    let start = |node| Change::StartBroker { node: NodeId(node), rack: Some("r".into()) };
    let mut image = image_of(&[create("early", 1, 1)]);
    assert_eq!(image.leader(image.topic("early").unwrap(), PartitionIndex(0)), None);
    let Outcome::Started(incarnation) = image.apply(&start(7)).unwrap() else { panic!("a start starts") };
    assert_eq!((incarnation, image.incarnation()), (1, 1));
    image.apply(&create("late", 2, 1)).unwrap();
    image.apply(&start(7)).unwrap();
    let epoch = |name| image.leader_epoch(image.topic(name).unwrap());
    assert_eq!((epoch("early"), epoch("late")), (LeaderEpoch(2), LeaderEpoch(1)));
    let late = image.topic("late").unwrap();
    assert_eq!(image.leader(late, PartitionIndex(0)), Some(NodeId(7)));
    assert_eq!(image.leader(late, PartitionIndex(1)), None);
    assert_eq!(image.broker(NodeId(7)).unwrap().incarnation, 2);
}

#[test]
fn the_small_things_are_kept() {
    let node = Some(NodeId(1));
    let set = |node, pairs: &[(&str, &str)], delete: &[&str]| Change::SetBrokerConfigs {
        node,
        set: configs(pairs),
        delete: delete.iter().map(|name| (*name).to_owned()).collect(),
    };
    let in_group = |group: &str, pairs: &[(&str, &str)], delete: &[&str]| Change::SetGroupConfigs {
        group: group.into(),
        set: configs(pairs),
        delete: delete.iter().map(|name| (*name).to_owned()).collect(),
    };
    let mut image = image_of(&[
        set(node, &[("a", "1"), ("b", "2")], &[]),
        set(None, &[("a", "0")], &[]),
        set(node, &[], &["b"]),
        set(None, &[], &["a"]),
        in_group("g", &[("a", "1"), ("b", "2")], &[]),
        in_group("g", &[("b", "3")], &["a"]),
        in_group("h", &[("a", "1")], &[]),
        in_group("h", &[], &["a"]),
        Change::SetFeature { name: "f".into(), level: 2 },
        Change::SetFeature { name: "g".into(), level: 1 },
        Change::SetFeature { name: "g".into(), level: 0 },
    ]);
    assert_eq!(*image.broker_configs(node), configs(&[("a", "1")]));
    assert!(image.broker_configs(None).is_empty() && image.broker_configs(Some(NodeId(5))).is_empty());
    assert_eq!(*image.group_configs("g"), configs(&[("b", "3")]));
    assert_eq!((image.group_configs.len(), image.group_configs("h")), (1, &configs(&[])));
    assert_eq!(*image.features(), BTreeMap::from([("f".to_owned(), 2)]));
    let mut firsts = Vec::new();
    for _ in 0..3 {
        let Outcome::ProducerIds { first } = image.apply(&Change::ReserveProducerIds { node: NodeId(1) }).unwrap()
        else {
            panic!("a reservation reserves")
        };
        firsts.push(first);
    }
    assert_eq!(firsts, [ProducerId(0), ProducerId(1_000), ProducerId(2_000)]);
    assert_eq!(image.next_producer_id(), ProducerId(3_000));
}

#[test]
fn groups_with_settings_have_a_bound_and_who_sets_nothing_does_not_meet_it() {
    let change = |group: &str, set: &[(&str, &str)], delete: &[&str]| Change::SetGroupConfigs {
        group: group.into(),
        set: configs(set),
        delete: delete.iter().map(|name| (*name).to_owned()).collect(),
    };
    let all: Vec<_> = (0..CONFIGURED_GROUPS_MAX).map(|at| change(&format!("g{at}"), &[("a", "1")], &[])).collect();
    let mut image = image_of(&all);
    assert!(matches!(image.apply(&change("other", &[("a", "1")], &[])), Err(Refusal::Exhausted { .. })));
    assert!(matches!(image.apply(&change("other", &[], &["a"])), Ok(Outcome::Done)));
    assert!(matches!(image.apply(&change("g7", &[("a", "2")], &[])), Ok(Outcome::Done)));
    assert_eq!(image.group_configs.len(), CONFIGURED_GROUPS_MAX);
}

/// Changes that often fit, and often don't.
pub(super) fn any_change() -> impl Strategy<Value = Change> {
    let name = || proptest::string::string_regex("[ab._-]{1,4}").expect("a pattern");
    let topic = || (0..12_u128).prop_map(id);
    let configs = || proptest::collection::btree_map("[a-c\u{e9}\"\\\\]{1,3}", ".{0,6}", 0..3);
    let names = || proptest::collection::vec("[a-c]{1,2}", 0..3);
    let node = || (0..3).prop_map(NodeId);
    prop_oneof![
        Just(Change::FoundCluster { cluster_id: "abcdefghijklmnopqrstuv".into() }),
        (name(), topic(), -1..5, configs()).prop_map(|(name, id, partitions, configs)| Change::CreateTopic {
            name: name.into(),
            id,
            partitions,
            configs
        }),
        topic().prop_map(|id| Change::DeleteTopic { id }),
        (topic(), any::<i32>()).prop_map(|(id, count)| Change::AddPartitions { id, count }),
        (topic(), configs(), names()).prop_map(|(id, set, delete)| Change::SetTopicConfigs { id, set, delete }),
        (proptest::option::of(node()), configs(), names()).prop_map(|(node, set, delete)| Change::SetBrokerConfigs {
            node,
            set,
            delete
        }),
        (name(), configs(), names()).prop_map(|(group, set, delete)| Change::SetGroupConfigs {
            group: group.into(),
            set,
            delete
        }),
        (node(), proptest::option::of(name())).prop_map(|(node, rack)| Change::StartBroker { node, rack }),
        node().prop_map(|node| Change::ReserveProducerIds { node }),
        (name(), -1..3_i16).prop_map(|(name, level)| Change::SetFeature { name, level }),
    ]
}

proptest! {
    #[test]
    fn a_snapshot_is_the_image(changes in proptest::collection::vec(any_change(), 0..60)) {
        let mut image = Image::default();
        for change in &changes {
            let before = fingerprint(&image);
            let accepted = image.apply(change).is_ok();
            prop_assert!(accepted || before == fingerprint(&image));
            let partitions: i64 = image.topics().map(|topic| i64::from(topic.partitions)).sum();
            prop_assert_eq!(image.partition_count(), partitions as u64);
        }
        image.version = 77;
        let again = decode_snapshot(77, &encode_snapshot(&image, 5, NodeId(1))).unwrap();
        prop_assert_eq!(fingerprint(&again), fingerprint(&image));
        // What is derived is there again too.
        for name in ["a.b", "a_b", "._", "b.-"] {
            prop_assert_eq!(again.colliding_topic(name), image.colliding_topic(name));
        }
        prop_assert_eq!(again.partition_count(), image.partition_count());
        for topic in image.topics() {
            prop_assert_eq!(again.topic_by_id(topic.id), Some(topic));
        }
    }

    #[test]
    fn a_sorted_map_is_a_map(steps in proptest::collection::vec((0..400_u16, any::<bool>()), 0..2_000)) {
        let (mut map, mut model) = (SortedMap::default(), BTreeMap::new());
        let mut held = None;
        for (at, (key, insert)) in steps.into_iter().enumerate() {
            if insert {
                map.insert(key, at);
                model.insert(key, at);
            } else {
                prop_assert_eq!(map.remove(&key), model.remove(&key));
            }
            prop_assert_eq!(map.get(&key), model.get(&key));
            prop_assert_eq!(map.len(), model.len());
            if at == 700 {
                held = Some((map.clone(), model.clone()));
            }
        }
        for (map, model) in held.into_iter().chain([(map, model)]) {
            prop_assert!(map.values().eq(model.values()));
            for first in [0, 1, 57, 399, 1_000] {
                prop_assert!(map.values_from(&first).eq(model.range(first..).map(|(_, value)| value)));
                prop_assert_eq!(map.get(&first), model.get(&first));
            }
        }
    }
}
