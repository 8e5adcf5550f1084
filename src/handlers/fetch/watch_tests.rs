use super::*;

fn wanted(offset: i64) -> Wanted {
    Wanted {
        offset: Offset(offset),
        bytes_max: 100,
        current_leader_epoch: LeaderEpoch::UNKNOWN,
        last_fetched_epoch: LeaderEpoch::UNKNOWN,
    }
}

fn topic(name: &str) -> TopicRef {
    TopicRef::Name(name.into())
}

/// The partitions that are due, in order.
fn due(watch: &mut Watch) -> Vec<i32> {
    let turns = watch.due();
    turns.into_iter().filter_map(|turn| watch.entry(turn).map(|entry| entry.index.0)).collect()
}

#[test]
fn partitions_are_served_in_request_order_and_rotate() {
    let mut watch = Watch::default();
    for index in [3, 1, 2] {
        watch.want(&topic("t"), PartitionIndex(index), wanted(0));
    }
    assert_eq!(due(&mut watch), [3, 1, 2]);
    let first = watch.due()[0];
    watch.served(first);
    assert_eq!(due(&mut watch), [1, 2, 3]);
    watch.want(&topic("t"), PartitionIndex(2), wanted(9));
    assert_eq!(due(&mut watch), [1, 2, 3], "a change of wishes keeps the place");
}

#[test]
fn forgotten_partitions_leave_and_their_slots_are_used_again() {
    let mut watch = Watch::default();
    for index in 0..4 {
        watch.want(&topic("t"), PartitionIndex(index), wanted(0));
    }
    watch.forget(&topic("t"), PartitionIndex(1));
    watch.forget(&topic("other"), PartitionIndex(2));
    assert_eq!(due(&mut watch), [0, 2, 3]);
    watch.want(&topic("u"), PartitionIndex(9), wanted(0));
    assert_eq!(due(&mut watch), [0, 2, 3, 9]);
    assert_eq!((watch.order.len(), watch.entries.len()), (4, 4));
}

#[test]
fn without_an_interest_a_partition_stays_due() {
    let mut watch = Watch::default();
    watch.want(&topic("t"), PartitionIndex(0), wanted(0));
    let turn = watch.due()[0];
    watch.at_rest(turn);
    assert_eq!(due(&mut watch), [0], "nothing would tell of a change");
}

#[test]
fn weight_is_places_and_long_names() {
    let mut watch = Watch::default();
    let long = topic(&"n".repeat(10 * NAME_UNIT));
    watch.want(&topic(&"n".repeat(249)), PartitionIndex(0), wanted(0));
    assert_eq!(watch.weight(), 1);
    for _ in 0..2 {
        watch.want(&long, PartitionIndex(0), wanted(0));
        assert_eq!(watch.weight(), 12, "once, however often it is wanted");
    }
    watch.forget(&long, PartitionIndex(1));
    assert_eq!(watch.weight(), 12, "it was not there");
    watch.forget(&long, PartitionIndex(0));
    assert_eq!((watch.order.len(), watch.weight()), (1, 2), "the place stays");
}
