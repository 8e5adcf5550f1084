//! The judge of a run: a complete history in, named anomalies out. Pure.
//!
//! Producers write unique values; tail readers note what they were shown; at the end fresh readers read every
//! partition from its first to its highest offset. Each finding is one sentence that names value, partition and offset.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;

/// A value is unique in the whole run: `producer << 40 | number`, numbers counting up per producer and partition.
pub type Value = u64;

/// One producer's attempt to write one value.
#[derive(Clone, Copy, Debug)]
pub struct Send {
    /// Which producer sent it.
    pub producer: u32,
    /// Where to.
    pub partition: i32,
    /// What.
    pub value: Value,
}

/// Where a value was acknowledged, or seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The partition.
    pub partition: i32,
    /// The offset in it.
    pub offset: i64,
    /// The value there.
    pub value: Value,
}

/// Everything that happened in a run.
#[derive(Default)]
pub struct History {
    /// Every send, in the order of each producer.
    pub sends: Vec<Send>,
    /// Every acknowledgement.
    pub acks: Vec<Place>,
    /// Every value that its producer gave up, and why. Idempotent producers without a time limit give up nothing.
    pub refusals: Vec<(Value, String)>,
    /// What each tail reader was shown, in its order.
    pub polls: Vec<Vec<Place>>,
    /// The partitions as fresh readers found them at the end, in the order of reading.
    pub last_read: Vec<Place>,
}

/// An anomaly. The names are those of the field's history checkers, and those of their fields say what they are.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A producer gave a value up, though it would have tried for ever.
    Refused { value: Value, why: String },
    /// Neither acknowledged nor given up.
    Unanswered(Value),
    /// Acknowledged, but not in the log at the end.
    LostWrite(Place),
    /// Acknowledged at one offset, found at another.
    Moved { acked: Place, found: i64 },
    /// One value at two offsets.
    Duplicate { first: Place, second: Place },
    /// Two values at one offset, at different moments or for different readers.
    InconsistentOffset { one: Place, other: Value },
    /// A tail reader was shown a value that the log does not hold at the end.
    Vanished(Place),
    /// A value nobody sent, or one in a partition it was not sent to.
    Phantom(Place),
    /// Values of one producer lie in another order than they were sent in.
    Reordered { earlier: Place, later: Place },
    /// Offsets are missing between two neighbours.
    Gap { partition: i32, from: i64, to: i64 },
    /// A reader's offsets went back.
    BackwardPoll { reader: usize, from: Place, to: Place },
    /// A reader skipped offsets.
    SkippedPoll { reader: usize, from: Place, to: Place },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl History {
    /// All anomalies of the run; empty means that every promise was kept.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let log = self.final_log(&mut found);
        self.check_order(&log, &mut found);
        self.check_acks(&log, &mut found);
        self.check_answers(&mut found);
        self.check_polls(&log, &mut found);
        found
    }

    /// The log by partition and offset; notes gaps, duplicates and phantoms on the way.
    fn final_log(&self, found: &mut Vec<Finding>) -> BTreeMap<(i32, i64), Value> {
        let sent: HashMap<Value, i32> = self.sends.iter().map(|send| (send.value, send.partition)).collect();
        let mut log = BTreeMap::new();
        let mut where_is: HashMap<Value, Place> = HashMap::new();
        let mut next: HashMap<i32, i64> = HashMap::new();
        for place in &self.last_read {
            if sent.get(&place.value) != Some(&place.partition) {
                found.push(Finding::Phantom(*place));
            }
            if let Some(first) = where_is.insert(place.value, *place) {
                found.push(Finding::Duplicate { first, second: *place });
            }
            if let Some(other) = log.insert((place.partition, place.offset), place.value) {
                found.push(Finding::InconsistentOffset { one: *place, other });
            }
            let expected = next.insert(place.partition, place.offset + 1).unwrap_or(0);
            if place.offset > expected {
                found.push(Finding::Gap { partition: place.partition, from: expected, to: place.offset });
            }
        }
        log
    }

    fn check_order(&self, log: &BTreeMap<(i32, i64), Value>, found: &mut Vec<Finding>) {
        let mut rank: HashMap<Value, (u32, usize)> = HashMap::new();
        for (order, send) in self.sends.iter().enumerate() {
            rank.insert(send.value, (send.producer, order));
        }
        let mut last: HashMap<(i32, u32), (usize, Place)> = HashMap::new();
        for (&(partition, offset), &value) in log {
            let Some(&(producer, order)) = rank.get(&value) else { continue };
            let here = Place { partition, offset, value };
            if let Some((before, earlier)) = last.insert((partition, producer), (order, here))
                && before > order
            {
                found.push(Finding::Reordered { earlier, later: here });
            }
        }
    }

    fn check_acks(&self, log: &BTreeMap<(i32, i64), Value>, found: &mut Vec<Finding>) {
        let where_is: HashMap<Value, i64> = log.iter().map(|(&(_, offset), &value)| (value, offset)).collect();
        for ack in &self.acks {
            match where_is.get(&ack.value) {
                None => found.push(Finding::LostWrite(*ack)),
                Some(&offset) if offset != ack.offset => found.push(Finding::Moved { acked: *ack, found: offset }),
                Some(_) => {}
            }
        }
    }

    /// Every send has an answer, and the answer is an acknowledgement.
    fn check_answers(&self, found: &mut Vec<Finding>) {
        let refused = self.refusals.iter().cloned();
        found.extend(refused.map(|(value, why)| Finding::Refused { value, why }));
        let acked = self.acks.iter().map(|ack| ack.value);
        let answered: HashSet<Value> = acked.chain(self.refusals.iter().map(|(value, _)| *value)).collect();
        let sent = self.sends.iter().map(|send| send.value);
        found.extend(sent.filter(|value| !answered.contains(value)).map(Finding::Unanswered));
    }

    fn check_polls(&self, log: &BTreeMap<(i32, i64), Value>, found: &mut Vec<Finding>) {
        for (reader, polls) in self.polls.iter().enumerate() {
            let mut last: HashMap<i32, Place> = HashMap::new();
            for &poll in polls {
                match log.get(&(poll.partition, poll.offset)) {
                    None => found.push(Finding::Vanished(poll)),
                    Some(&value) if value != poll.value => {
                        found.push(Finding::InconsistentOffset { one: poll, other: value });
                    }
                    Some(_) => {}
                }
                if let Some(from) = last.insert(poll.partition, poll) {
                    if poll.offset <= from.offset {
                        found.push(Finding::BackwardPoll { reader, from, to: poll });
                    } else if poll.offset > from.offset + 1 {
                        found.push(Finding::SkippedPoll { reader, from, to: poll });
                    }
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
