//! What was sent, and what must be left of it whatever anybody else says.

use crate::keyed::Keyed;
use crate::partition::Seen;
use std::collections::{BTreeMap, HashSet};

/// All records by offset.
#[derive(Default)]
pub struct Keeper {
    records: Vec<Keyed>,
    sequences: BTreeMap<usize, i32>,
    /// Bytes of all batches.
    pub bytes: usize,
}

impl Keeper {
    /// Notes the records of a batch that was acknowledged.
    pub fn sent(&mut self, records: Vec<Keyed>, bytes: usize) {
        self.records.extend(records);
        self.bytes += bytes;
    }

    /// The next offset.
    pub fn end(&self) -> i64 {
        i64::try_from(self.records.len()).expect("few")
    }

    /// How many keys there are.
    pub fn keys(&self) -> usize {
        self.records.iter().map(|record| &record.key).collect::<HashSet<_>>().len()
    }

    /// The time of the record at an offset.
    pub fn time_of(&self, offset: usize) -> i64 {
        self.records[offset].timestamp
    }

    /// The sequence number for the next batch of a producer.
    pub fn sequence(&mut self, producer: usize, records: usize) -> i32 {
        let next = self.sequences.entry(producer).or_default();
        let sequence = *next;
        *next += i32::try_from(records).expect("few");
        sequence
    }

    /// Whether that is what was sent there.
    fn is_sent(&self, seen: &Seen) -> bool {
        let sent = usize::try_from(seen.offset).ok().and_then(|at| self.records.get(at));
        sent.is_some_and(|sent| {
            (seen.key.as_ref(), &seen.value, seen.timestamp) == (Some(&sent.key), &sent.value, sent.timestamp)
        })
    }

    /// Everything left is what was sent, in order, and the newest value of each key below `end` is there.
    pub fn judge(&self, left: &[Seen], start: i64, end: i64, keeps_tombstones: bool) -> Result<(), String> {
        if let Some(wrong) = left.iter().find(|seen| !self.is_sent(seen)) {
            return Err(format!("never sent: {wrong:?}"));
        }
        if let Some(pair) = left.windows(2).find(|pair| pair[0].offset >= pair[1].offset) {
            return Err(format!("offset {} after {}", pair[1].offset, pair[0].offset));
        }
        let offsets: HashSet<i64> = left.iter().map(|seen| seen.offset).collect();
        let newest: BTreeMap<&str, i64> =
            self.records.iter().zip(0..end).map(|(record, offset)| (record.key.as_str(), offset)).collect();
        let must = newest.iter().filter(|(_, offset)| {
            let tombstone = self.records[usize::try_from(**offset).expect("an index")].value.is_none();
            **offset >= start && (keeps_tombstones || !tombstone)
        });
        let mut lost = must.filter(|(_, offset)| !offsets.contains(offset));
        lost.next().map_or(Ok(()), |(key, offset)| Err(format!("the newest of {key}, offset {offset}, is lost")))
    }

    /// A reader saw what was sent, in order, and nothing passed it by that is left in the end.
    pub fn was_read(&self, read: &[Seen], left: &[Seen]) -> Result<(), String> {
        let said = |error| format!("the slow reader: {error}");
        self.judge(read, i64::MAX, 0, true).map_err(said)?;
        let offsets: HashSet<i64> = read.iter().map(|seen| seen.offset).collect();
        match left.iter().find(|seen| !offsets.contains(&seen.offset)) {
            None => Ok(()),
            Some(passed) => Err(said(format!("{} of {} records, not {passed:?}", read.len(), self.records.len()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keeper() -> Keeper {
        let mut keeper = Keeper::default();
        let record = |key: &str, value: Option<&str>| Keyed {
            key: key.to_owned(),
            value: value.map(str::to_owned),
            timestamp: 5,
        };
        keeper.sent(vec![record("a", Some("1")), record("b", Some("2")), record("a", Some("3")), record("c", None)], 9);
        keeper
    }

    fn seen(offset: i64, key: &str, value: Option<&str>) -> Seen {
        Seen { offset, key: Some(key.to_owned()), value: value.map(str::to_owned), timestamp: 5 }
    }

    #[test]
    fn the_newest_of_each_key_must_be_left() {
        let keeper = keeper();
        let all = [seen(1, "b", Some("2")), seen(2, "a", Some("3")), seen(3, "c", None)];
        assert_eq!(keeper.judge(&all, 0, 4, true), Ok(()));
        assert_eq!(keeper.judge(&all[..2], 0, 4, false), Ok(()), "a tombstone may go");
        assert!(keeper.judge(&all[..2], 0, 4, true).is_err(), "or not");
        assert!(keeper.judge(&all[1..], 0, 4, true).is_err());
        assert_eq!(keeper.judge(&all[1..], 2, 4, true), Ok(()), "below the log start nothing must be left");
        assert_eq!(keeper.judge(&all[..1], 0, 2, true).map_err(drop), Err(()), "below 2 the newest of a is at 0");
    }

    #[test]
    fn what_was_not_sent_or_not_in_order_is_found() {
        let keeper = keeper();
        for wrong in [seen(0, "a", Some("3")), seen(0, "b", Some("1")), seen(9, "a", Some("1")), seen(-1, "a", None)] {
            assert!(keeper.judge(&[wrong], 9, 0, true).is_err());
        }
        assert!(keeper.judge(&[seen(2, "a", Some("3")), seen(1, "b", Some("2"))], 9, 0, true).is_err());
    }

    #[test]
    fn a_reader_may_miss_only_what_has_gone() {
        let keeper = keeper();
        let left = [seen(2, "a", Some("3"))];
        assert_eq!(keeper.was_read(&[seen(0, "a", Some("1")), seen(2, "a", Some("3"))], &left), Ok(()));
        assert!(keeper.was_read(&[seen(0, "a", Some("1"))], &left).is_err());
    }
}
