//! The partitions that a fetch asks for, and which of them are worth a look.
//!
//! One [`Watch`] belongs to one request, or lives on in a fetch session. It keeps the order in which partitions are
//! served: that of the request, and in a session those that were just served go to the end, so that a busy partition
//! starves no other. A partition is *due* until a look finds nothing in it and its interest is registered; from then on
//! only a change of the partition or of what the client wants makes it due again.

use crate::base::{LeaderEpoch, Offset, PartitionIndex, TopicId};
use crate::partition::{Interest, ReadySet, Token};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// How the client names a topic: by name up to version 12, by id from 13 on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum TopicRef {
    /// By name.
    Name(Arc<str>),
    /// By id.
    Id(TopicId),
}

impl TopicRef {
    /// What the name weighs beyond that of a usual one.
    fn weight(&self) -> usize {
        match self {
            TopicRef::Name(name) => name_weight(name),
            TopicRef::Id(_) => 0,
        }
    }
}

/// What a topic's name weighs beyond that of a usual one.
pub fn name_weight(name: &str) -> usize {
    name.len() / NAME_UNIT
}

/// What the client wants of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// The first offset.
    pub offset: Offset,
    /// Most bytes, the first batch excepted.
    pub bytes_max: u64,
    /// The leader epoch that the client knows.
    pub current_leader_epoch: LeaderEpoch,
    /// The epoch of the last record that the client has.
    pub last_fetched_epoch: LeaderEpoch,
}

/// What the client knows of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Told {
    /// The high watermark.
    pub high_watermark: Offset,
    /// The first offset.
    pub log_start: Offset,
}

/// A partition's place in the order of service. Never used again within one watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Turn(u64);

/// One partition.
pub struct Entry {
    /// Its topic.
    pub topic: TopicRef,
    /// Its number.
    pub index: PartitionIndex,
    /// What is wanted.
    pub wanted: Wanted,
    /// The topic's name, once an id was found to mean it.
    pub known_as: Option<Arc<str>>,
    /// What the client was told last; none when it shall be told again in any case.
    pub told: Option<Told>,
    /// Says when something changes.
    pub interest: Option<Interest>,
    turn: Turn,
}

/// The partitions of a fetch.
#[derive(Default)]
pub struct Watch {
    ready: ReadySet,
    entries: Vec<Option<Entry>>,
    free: Vec<u32>,
    index: HashMap<(TopicRef, PartitionIndex), u32>,
    order: BTreeMap<Turn, u32>,
    due: BTreeSet<Turn>,
    next_turn: u64,
    /// What long topic names weigh.
    names: usize,
}

/// Each so many bytes of a topic's name weigh as much as a partition. No topic that exists has a name this long.
const NAME_UNIT: usize = 256;

impl Watch {
    /// What the watch takes of memory: its partitions, or as many as it ever had at a time since their places are kept,
    /// and what the names of their topics weigh.
    pub fn weight(&self) -> usize {
        self.entries.len() + self.names
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }

    /// Adds a partition at the end, or changes what is wanted of it where it stands. Either way it is due.
    pub fn want(&mut self, topic: &TopicRef, index: PartitionIndex, wanted: Wanted) {
        let key = (topic.clone(), index);
        if let Some(&slot) = self.index.get(&key) {
            if let Some(entry) = &mut self.entries[slot as usize] {
                entry.wanted = wanted;
                self.due.insert(entry.turn);
            }
            return;
        }
        self.names += topic.weight();
        let turn = self.new_turn();
        let entry = Entry { topic: key.0.clone(), index, wanted, known_as: None, told: None, interest: None, turn };
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                self.entries.push(None);
                u32::try_from(self.entries.len() - 1).expect("a request's partitions are capped")
            }
        };
        self.entries[slot as usize] = Some(entry);
        self.index.insert(key, slot);
        self.order.insert(turn, slot);
        self.due.insert(turn);
    }

    /// Drops a partition.
    pub fn forget(&mut self, topic: &TopicRef, index: PartitionIndex) {
        let Some(slot) = self.index.remove(&(topic.clone(), index)) else { return };
        self.names -= topic.weight();
        if let Some(entry) = self.entries[slot as usize].take() {
            self.order.remove(&entry.turn);
            self.due.remove(&entry.turn);
        }
        self.free.push(slot);
    }

    fn new_turn(&mut self) -> Turn {
        self.next_turn += 1;
        Turn(self.next_turn)
    }

    /// What is worth a look, in the order of service.
    pub fn due(&mut self) -> Vec<Turn> {
        for Token(slot) in self.ready.take() {
            if let Some(entry) = self.entries.get(slot as usize).and_then(Option::as_ref) {
                self.due.insert(entry.turn);
            }
        }
        self.due.iter().copied().collect()
    }

    /// The partition at a turn.
    pub fn entry(&mut self, turn: Turn) -> Option<&mut Entry> {
        let slot = *self.order.get(&turn)?;
        self.entries[slot as usize].as_mut()
    }

    /// A look found nothing: not due any more, provided that a change will be heard.
    pub fn at_rest(&mut self, turn: Turn) {
        if self.entry(turn).is_some_and(|entry| entry.interest.is_some()) {
            self.due.remove(&turn);
        }
    }

    /// The client was served from this partition: it goes to the end, still due.
    pub fn served(&mut self, turn: Turn) {
        let Some(slot) = self.order.remove(&turn) else { return };
        self.due.remove(&turn);
        let last = self.new_turn();
        self.order.insert(last, slot);
        self.due.insert(last);
        if let Some(entry) = &mut self.entries[slot as usize] {
            entry.turn = last;
        }
    }

    /// Registers the interests that are missing, through `find`, which gives the partition or nothing when there is none
    /// to listen to. What gets an interest is marked at once: look again before waiting.
    pub fn arm(&mut self, mut find: impl FnMut(&mut Entry) -> Option<Arc<crate::partition::Partition>>) {
        let due: Vec<u32> = self.due.iter().filter_map(|turn| self.order.get(turn).copied()).collect();
        for slot in due {
            let Some(entry) = &mut self.entries[slot as usize] else { continue };
            if entry.interest.is_none() {
                entry.interest = find(entry).map(|partition| partition.register(&self.ready, Token(slot)));
            }
        }
    }

    /// Ends when something changed.
    pub async fn changed(&self) {
        self.ready.wait().await;
    }
}

#[cfg(test)]
#[path = "watch_tests.rs"]
mod tests;
