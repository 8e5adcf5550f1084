//! A group without its timers: what its records add up to (Kafka's `ConsumerGroup`).

use super::member::Member;
use super::topics;
use crate::base::{Timestamp, TopicId};
use crate::group::command::{ConsumerState, Name};
use crate::group::records::consumer::{Assigned, ConsumerRecord, CurrentValue, RegexValue, State, Target};
use crate::metadata::Image;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The epoch of a group, and of its target, that nothing was written of.
pub(super) const FIRST_EPOCH: i32 = 1;

/// What the length of a topic's name takes in a record, at most.
const NAME_LENGTH_BYTES: usize = 2;

/// The epoch of a member whose record is gone.
const GONE: i32 = -1;

/// Who subscribes to a topic.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(super) struct Subscribers {
    /// Members that name it.
    pub(super) by_name: usize,
    /// Expressions that match it.
    pub(super) by_regex: usize,
}

#[derive(Debug)]
pub(super) struct Group {
    pub(super) name: Name,
    pub(super) epoch: i32,
    /// The hash of the topics at that epoch.
    pub(super) hash: i64,
    /// Whether there is a record that Kafka wrote before 4.1, to be taken away.
    pub(super) has_partitions_record: bool,
    pub(super) target_epoch: i32,
    pub(super) target_timestamp: Timestamp,
    pub(super) members: BTreeMap<Name, Member>,
    pub(super) targets: BTreeMap<Name, Target>,
    pub(super) regexes: BTreeMap<Name, RegexValue>,
    /// Member ids by static id.
    pub(super) statics: BTreeMap<Name, Name>,
    /// Topics that are subscribed to, whether they exist or not.
    pub(super) topics: BTreeMap<Name, Subscribers>,
    /// Members by expression.
    pub(super) expressions: BTreeMap<Name, usize>,
    /// Members by the assignor that they want.
    assignors: BTreeMap<Name, usize>,
    /// Who has a partition, be it to give it up.
    owners: BTreeMap<TopicId, BTreeMap<i32, Name>>,
    /// Members of the classic protocol, and how many of them support each of theirs.
    pub(super) classics: usize,
    protocols: BTreeMap<Name, usize>,
    /// What members say in all, bytes, with their names in the keys of their records.
    pub(super) said_bytes: usize,
    /// The names of the topics that expressions match, bytes.
    pub(super) resolved_bytes: usize,
    /// Whether a record of it was ever applied.
    pub(super) is_kept: bool,
    /// The hash of the topics that there are, and the version of the metadata that it is of; none since they changed.
    hashed: Option<(u64, i64)>,
    /// The version of the metadata that the hash was last compared with.
    pub(super) checked: Option<u64>,
    /// When the target was last made, and the expressions last resolved, with the metadata's version; by the clock that
    /// never goes back.
    pub(super) assigned_at: Option<Duration>,
    pub(super) resolved_at: Option<(Duration, u64)>,
    /// The expressions whose turn has yet to come since then, and whether what is found is kept, even if nothing changed.
    pub(super) unresolved: BTreeMap<Name, bool>,
    /// The epochs in which members are to give up partitions.
    pub(super) revoking: BTreeMap<Name, i32>,
    /// Members that were told to give up everything and to join anew, and did not yet. Not kept: after a start nobody is.
    pub(super) fenced: BTreeSet<Name>,
}

impl Group {
    pub(super) fn new(name: Name) -> Group {
        Group {
            name,
            epoch: FIRST_EPOCH,
            hash: 0,
            has_partitions_record: false,
            target_epoch: FIRST_EPOCH,
            target_timestamp: Timestamp(0),
            members: BTreeMap::new(),
            targets: BTreeMap::new(),
            regexes: BTreeMap::new(),
            statics: BTreeMap::new(),
            topics: BTreeMap::new(),
            expressions: BTreeMap::new(),
            assignors: BTreeMap::new(),
            owners: BTreeMap::new(),
            classics: 0,
            protocols: BTreeMap::new(),
            said_bytes: 0,
            resolved_bytes: 0,
            is_kept: false,
            hashed: None,
            checked: None,
            assigned_at: None,
            resolved_at: None,
            unresolved: BTreeMap::new(),
            revoking: BTreeMap::new(),
            fenced: BTreeSet::new(),
        }
    }

    /// Takes over a record. The end of the group itself is its owner's to see.
    pub(super) fn apply(&mut self, record: &ConsumerRecord) {
        self.is_kept = true;
        match record {
            ConsumerRecord::Metadata { value, .. } => {
                let (epoch, hash) = value.map_or((FIRST_EPOCH, 0), |value| (value.epoch, value.hash));
                (self.epoch, self.hash) = (epoch, hash);
            }
            ConsumerRecord::Partitions { is_there, .. } => self.has_partitions_record = *is_there,
            ConsumerRecord::Member { member, value: Some(value), .. } => {
                let current = self.take(member).map(|member| member.current).unwrap_or_default();
                self.put(member.clone(), Member { said: value.clone(), current });
            }
            ConsumerRecord::Member { member, value: None, .. } => {
                self.take(member);
            }
            ConsumerRecord::TargetMetadata { value, .. } => {
                let (epoch, timestamp) = value.map_or((GONE, Timestamp(0)), |value| (value.epoch, value.timestamp));
                (self.target_epoch, self.target_timestamp) = (epoch, timestamp);
            }
            ConsumerRecord::Target { member, value: Some(value), .. } => {
                self.targets.insert(member.clone(), value.clone());
            }
            ConsumerRecord::Target { member, value: None, .. } => {
                self.targets.remove(member);
            }
            ConsumerRecord::Current { member, value, .. } => self.have(member, value.as_ref()),
            ConsumerRecord::Regex { regex, value, .. } => self.resolve(regex, value.clone()),
        }
    }

    /// Takes over what a member has. One that never said anything is known once it has something.
    fn have(&mut self, id: &Name, value: Option<&CurrentValue>) {
        let gone = CurrentValue { epoch: GONE, ..CurrentValue::default() };
        let current = value.cloned().unwrap_or(gone);
        match self.members.get_mut(id) {
            Some(member) => {
                let before = std::mem::replace(&mut member.current, current.clone());
                self.disown(id, &before);
                self.own(id, &current);
            }
            None if value.is_some() => self.put(id.clone(), Member { current, ..Member::default() }),
            None => {}
        }
    }

    fn put(&mut self, id: Name, member: Member) {
        let said = &member.said;
        if let Some(instance) = &said.instance {
            self.statics.insert(instance.clone(), id.clone());
        }
        for topic in &said.topics {
            self.subscribe(topic, |count| count.by_name += 1);
        }
        if let Some(regex) = said.expression() {
            *self.expressions.entry(regex.clone()).or_default() += 1;
        }
        if let Some(assignor) = &said.assignor {
            *self.assignors.entry(assignor.clone()).or_default() += 1;
        }
        if let Some(classic) = &said.classic {
            self.classics += 1;
            for protocol in each_once(&classic.protocols) {
                *self.protocols.entry(protocol.clone()).or_default() += 1;
            }
        }
        self.said_bytes += self.name.len() + id.len() + member.bytes();
        self.own(&id, &member.current);
        self.members.insert(id, member);
    }

    fn take(&mut self, id: &Name) -> Option<Member> {
        let member = self.members.remove(id)?;
        let said = &member.said;
        if let Some(instance) = &said.instance
            && self.statics.get(instance) == Some(id)
        {
            self.statics.remove(instance);
        }
        for topic in &said.topics {
            self.unsubscribe(topic, |count| count.by_name = count.by_name.saturating_sub(1));
        }
        if let Some(regex) = said.expression() {
            fewer(&mut self.expressions, regex);
        }
        if let Some(assignor) = &said.assignor {
            fewer(&mut self.assignors, assignor);
        }
        if let Some(classic) = &said.classic {
            self.classics -= 1;
            for protocol in each_once(&classic.protocols) {
                fewer(&mut self.protocols, protocol);
            }
        }
        self.said_bytes -= self.name.len() + id.len() + member.bytes();
        self.disown(id, &member.current);
        Some(member)
    }

    fn own(&mut self, id: &Name, current: &CurrentValue) {
        for (topic, partitions) in current.assigned.iter().chain(&current.pending) {
            let owners = self.owners.entry(*topic).or_default();
            owners.extend(partitions.keys().map(|partition| (*partition, id.clone())));
        }
    }

    fn disown(&mut self, id: &Name, current: &CurrentValue) {
        for (topic, partitions) in current.assigned.iter().chain(&current.pending) {
            let Some(owners) = self.owners.get_mut(topic) else { continue };
            for partition in partitions.keys() {
                if owners.get(partition) == Some(id) {
                    owners.remove(partition);
                }
            }
            if owners.is_empty() {
                self.owners.remove(topic);
            }
        }
    }

    /// The hash of its topics as they are: kept, as most members that come and go change nothing of them.
    pub(super) fn topics_hash(&mut self, image: &Image) -> i64 {
        match self.hashed {
            Some((version, hash)) if version == image.version() => hash,
            _ => {
                let hash = topics::hash(image, self.topics.keys());
                self.hashed = Some((image.version(), hash));
                hash
            }
        }
    }

    fn subscribe(&mut self, topic: &Name, change: impl Fn(&mut Subscribers)) {
        match self.topics.get_mut(topic) {
            Some(count) => change(count),
            None => {
                change(self.topics.entry(topic.clone()).or_default());
                self.hashed = None;
            }
        }
    }

    fn unsubscribe(&mut self, topic: &Name, change: impl Fn(&mut Subscribers)) {
        let Some(count) = self.topics.get_mut(topic) else { return };
        change(count);
        if *count == Subscribers::default() {
            self.topics.remove(topic);
            self.hashed = None;
        }
    }

    fn resolve(&mut self, regex: &Name, value: Option<RegexValue>) {
        if let Some(before) = self.regexes.remove(regex) {
            self.resolved_bytes -= names_bytes(&before.topics);
            for topic in &before.topics {
                self.unsubscribe(topic, |count| count.by_regex = count.by_regex.saturating_sub(1));
            }
        }
        if let Some(value) = value {
            self.resolved_bytes += names_bytes(&value.topics);
            for topic in &value.topics {
                self.subscribe(topic, |count| count.by_regex += 1);
            }
            self.regexes.insert(regex.clone(), value);
        }
    }

    pub(super) fn state(&self) -> ConsumerState {
        if self.members.is_empty() {
            ConsumerState::Empty
        } else if self.epoch > self.target_epoch {
            ConsumerState::Assigning
        } else if self.members.values().all(|member| member.current.is_reconciled_to(self.target_epoch)) {
            ConsumerState::Stable
        } else {
            ConsumerState::Reconciling
        }
    }

    /// Who has the partition.
    pub(super) fn owner(&self, topic: TopicId, partition: i32) -> Option<&Name> {
        self.owners.get(&topic)?.get(&partition)
    }

    /// The assignor that most members want; among equals, and where none does, the first of `order`.
    pub(super) fn assignor<'a>(&self, order: &'a [Name]) -> &'a Name {
        let wanted = |name: &&Name| self.assignors.get(*name).copied().unwrap_or(0);
        // The last of the greatest is taken: hence from the end.
        order.iter().rev().max_by_key(wanted).expect("there is an assignor at least")
    }

    /// The names of the topics that a member subscribes to, by name and by expression, as far as that is resolved.
    pub(super) fn subscribed<'a>(
        &'a self,
        said: &'a crate::group::records::consumer::SubscriptionValue,
    ) -> BTreeSet<&'a Name> {
        let resolved = said.expression().and_then(|regex| self.regexes.get(regex));
        said.topics.iter().chain(resolved.into_iter().flat_map(|resolved| &resolved.topics)).collect()
    }

    /// Whether a member of the classic protocol with these protocols can be told one that all others support.
    pub(super) fn supports<'a>(&self, mut protocols: impl Iterator<Item = &'a Name>) -> bool {
        protocols.any(|name| self.protocols.get(name).copied().unwrap_or(0) == self.classics)
    }

    /// What a member is to have.
    pub(super) fn target(&self, member: &Name) -> Option<&Target> {
        self.targets.get(member)
    }

    /// Whether a member waits for a partition that another one still has.
    pub(super) fn waits_for_others(&self, id: &Name, member: &Member) -> bool {
        let has = |topic: &TopicId, partition: &i32| has(&member.current.assigned, *topic, *partition);
        member.current.state == State::UnreleasedPartitions
            && self.target(id).into_iter().flatten().any(|(topic, partitions)| {
                let mut missing = partitions.iter().filter(|partition| !has(topic, partition));
                missing.any(|partition| self.owner(*topic, *partition).is_some())
            })
    }
}

/// What these names take in a record.
pub(super) fn names_bytes(names: &BTreeSet<Name>) -> usize {
    names.iter().map(|name| name.len() + NAME_LENGTH_BYTES).sum()
}

/// A protocol that counts twice would look as if supported by more than all members.
fn each_once(protocols: &[(Name, bytes::Bytes)]) -> BTreeSet<&Name> {
    protocols.iter().map(|(name, _)| name).collect()
}

/// Whether the partition is one of these.
pub(super) fn has(assigned: &Assigned, topic: TopicId, partition: i32) -> bool {
    assigned.get(&topic).is_some_and(|partitions| partitions.contains_key(&partition))
}

fn fewer(counts: &mut BTreeMap<Name, usize>, name: &Name) {
    let Some(count) = counts.get_mut(name) else { return };
    *count -= 1;
    if *count == 0 {
        counts.remove(name);
    }
}
