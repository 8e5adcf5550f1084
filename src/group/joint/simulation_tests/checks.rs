//! What must hold, of the machine and of what clients were told.

use super::client::{Client, Phase, TOPICS};
use super::world::{PARTITIONS_MAX, World};
use crate::base::{PartitionIndex, TopicId};
use crate::coordinator::machine::{Effects, Machine, Ticket};
use crate::group::command::{AnyState, Asked, Command, ConsumerState, FetchOffsets, GroupState, Name, Reply};
use crate::group::joint::tests::{GROUP, id, name};
use crate::group::records::consumer::Target;
use std::collections::BTreeMap;

/// What the epochs were.
#[derive(Clone, Default, Debug)]
pub(super) struct Epochs {
    group: i32,
    target: i32,
    members: BTreeMap<Name, i32>,
}

impl World {
    /// What members were told is durable: no epoch falls below it.
    pub(super) fn check_told(&self) {
        let Ok(described) = self.machine.groups().consumer_describe(&name(GROUP)) else { return };
        for client in self.clients.iter().filter(|client| client.phase == Phase::Steady && !client.is_classic) {
            let member = described.members.iter().find(|member| member.member == client.member);
            if let Some(member) = member.filter(|member| member.epoch > 0) {
                assert!(member.epoch >= client.epoch, "{}: told {}, is {}", client.member, client.epoch, member.epoch);
            }
        }
    }

    /// What was committed last, of what is durable, is what is there.
    pub(super) fn check_offsets(&mut self) {
        let mut last: BTreeMap<(TopicId, i32), i64> = BTreeMap::new();
        self.commits.iter().for_each(|(_, topic, partition, offset)| {
            last.insert((*topic, *partition), *offset);
        });
        let partitions = TOPICS.into_iter().flat_map(|topic| {
            (0..PARTITIONS_MAX).map(move |partition| (name(topic), id(topic), PartitionIndex(partition)))
        });
        let (member, member_epoch) = (None, -1);
        let fetch = FetchOffsets {
            group: name(GROUP),
            member,
            member_epoch,
            partitions: Some(partitions.collect()),
            require_stable: false,
        };
        let mut effects = Effects::default();
        let asked = Asked { view: self.view.clone(), command: Command::FetchOffsets(fetch) };
        self.machine.command(self.moment(), Ticket(0), asked, &mut effects);
        let Some((_, Reply::FetchOffsets(Ok(fetched)))) = effects.replies.pop() else { panic!("no offsets") };
        for one in fetched {
            let is = one.committed.expect("stable").map(|(offset, ..)| offset.0);
            assert_eq!(is, last.get(&(one.topic_id, one.partition.0)).copied(), "{:?}", one.partition);
        }
    }

    /// After every step: nobody owns what another one does, and epochs only grow.
    pub(super) fn check(&mut self) {
        let groups = self.machine.groups();
        let listed = groups.list();
        let of: Vec<AnyState> = listed.iter().filter(|one| *one.group == *GROUP).map(|one| one.state).collect();
        assert!(of.len() <= 1, "two groups of one name");
        let is_consumer = of.first().map(|state| matches!(state, AnyState::Consumer(_)));
        match (self.kind, is_consumer) {
            (Some(false), Some(true)) => self.happens("upgraded"),
            (Some(true), Some(false)) => self.happens("downgraded"),
            _ => {}
        }
        self.kind = is_consumer;
        if is_consumer != Some(true) {
            // A name without a group, or with an empty one of the other kind, begins anew.
            self.epochs = Epochs::default();
            return;
        }
        let described = self.machine.groups().consumer_describe(&name(GROUP)).expect("it is one");
        let mut owners: BTreeMap<(TopicId, i32), Name> = BTreeMap::new();
        let mut epochs = Epochs { group: described.epoch, target: described.target_epoch, members: BTreeMap::new() };
        for member in &described.members {
            for (topic, _, partitions) in member.assigned.iter().chain(&member.revoking) {
                for partition in partitions {
                    let other = owners.insert((*topic, *partition), member.member.clone());
                    assert_eq!(other, None, "{} and another own {partition}", member.member);
                }
            }
            let before = self.epochs.members.get(&member.member).copied().unwrap_or(0);
            let away = member.epoch == -2 || before == -2;
            assert!(member.epoch >= before || away, "{}: {} after {before}", member.member, member.epoch);
            assert!(member.epoch <= described.target_epoch, "an epoch of the future");
            epochs.members.insert(member.member.clone(), member.epoch);
        }
        assert!(epochs.group >= self.epochs.group, "{epochs:?} after {:?}", self.epochs);
        assert!(epochs.target >= self.epochs.target && epochs.target <= epochs.group, "{epochs:?} {:?}", self.epochs);
        self.epochs = epochs;
    }

    /// Whether every live client has what it is to have, and every partition has an owner.
    pub(super) fn is_at_rest(&self) -> bool {
        let live: Vec<&Client> = self.clients.iter().filter(|client| client.is_live()).collect();
        if live.iter().any(|client| !client.is_steady()) {
            return false;
        }
        let listed = self.machine.groups().list();
        let state = listed.iter().find(|one| *one.group == *GROUP).map(|one| one.state);
        if live.is_empty() {
            let empty = [AnyState::Classic(GroupState::Empty), AnyState::Consumer(ConsumerState::Empty)];
            return state.is_none_or(|state| empty.contains(&state));
        }
        let stable = [AnyState::Classic(GroupState::Stable), AnyState::Consumer(ConsumerState::Stable)];
        if !state.is_some_and(|state| stable.contains(&state)) {
            return false;
        }
        // Who is dead and not yet missed would be the end of the rest.
        let groups = self.machine.groups();
        let classics = groups.describe(&name(GROUP)).map(|group| group.members.len());
        let members = classics.or_else(|_| groups.consumer_describe(&name(GROUP)).map(|group| group.members.len()));
        if members != Ok(live.len()) {
            return false;
        }
        let mut owned: Vec<(TopicId, i32)> = Vec::new();
        let of = |target: &Target| {
            let all = target.iter().flat_map(|(topic, some)| some.iter().map(|one| (*topic, *one)));
            all.collect::<Vec<_>>()
        };
        live.iter().for_each(|client| owned.extend(of(&client.owned)));
        owned.sort();
        let is_wanted = |topic: &&&str| live.iter().any(|client| client.wanted().contains(*topic));
        let all = TOPICS.iter().filter(is_wanted).filter_map(|topic| self.view.image.topic(topic));
        let mut all: Vec<_> =
            all.flat_map(|topic| (0..topic.partitions).map(|partition| (topic.id, partition))).collect();
        all.sort();
        owned == all
    }
}
