//! What commits can leave behind: an offset in the broker is right when some commit of it was not, for certain, overwritten.
//!
//! The highest acknowledged offset is no bound: a member may read a record, lose its partition to another one in a
//! rebalance that the client does behind its back, and commit the record after that one has committed later ones. It does so
//! as a member of the new generation, and Kafka takes it, too. The order of time is: a commit that had ended before another
//! began does not come after that one.

use std::collections::BTreeMap;
use std::time::Instant;

/// How many of the latest commits an error names.
const TOLD: usize = 8;

struct Commit {
    /// The next offset to read, for each partition.
    next: BTreeMap<i32, i64>,
    begun: Instant,
    /// When the client said how it went, and whether it was acknowledged.
    ended: Option<(Instant, bool)>,
}

impl Commit {
    /// Whether it was acknowledged before `time`.
    fn kept_before(&self, time: Instant) -> bool {
        self.ended.is_some_and(|(ended, acknowledged)| acknowledged && ended < time)
    }

    /// What of it, and when, in milliseconds before `asked`.
    fn told(&self, partition: i32, asked: Instant) -> String {
        let before = |time: Instant| asked.saturating_duration_since(time).as_millis();
        let begun = format!("{} begun {} ms before", self.next[&partition], before(self.begun));
        match self.ended {
            None => format!("{begun}, not ended"),
            Some((ended, true)) => format!("{begun}, acknowledged {} ms before", before(ended)),
            Some((ended, false)) => format!("{begun}, failed {} ms before", before(ended)),
        }
    }

    fn ended_before(&self, time: Instant) -> bool {
        self.ended.is_some_and(|(ended, _)| ended < time)
    }
}

/// All commits of a group.
#[derive(Default)]
pub struct Commits {
    all: Vec<Commit>,
    /// How often an offset was found that is behind one that was acknowledged before it or beside it.
    pub overtaken: usize,
}

impl Commits {
    /// A commit is about to be sent; its number.
    pub fn begin(&mut self, next: BTreeMap<i32, i64>) -> usize {
        self.all.push(Commit { next, begun: Instant::now(), ended: None });
        self.all.len() - 1
    }

    pub fn end(&mut self, number: usize, acknowledged: bool) {
        self.all[number].ended = Some((Instant::now(), acknowledged));
    }

    /// Whether the broker, asked at `asked`, may hold `found` for this partition; what speaks against it otherwise.
    pub fn allow(&mut self, partition: i32, found: Option<i64>, asked: Instant) -> Result<(), String> {
        let of = |commit: &Commit| commit.next.get(&partition).copied();
        let known: Vec<&Commit> = self.all.iter().filter(|commit| of(commit).is_some()).collect();
        let kept = || known.iter().filter(|commit| commit.kept_before(asked));
        // The last of them to begin: nothing that ended before is to be seen.
        let Some(last) = kept().max_by_key(|commit| commit.begun) else {
            return match found {
                Some(found) if !known.iter().any(|commit| of(commit) == Some(found)) => {
                    Err(format!("partition {partition} has {found}, which nobody committed"))
                }
                _ => Ok(()),
            };
        };
        let may_be = |commit: &&&Commit| of(commit) == found && !commit.ended_before(last.begun);
        if found.is_none() || known.iter().filter(may_be).count() == 0 {
            let last = of(last).expect("it is of this partition");
            let told: Vec<_> = known.iter().rev().take(TOLD).map(|commit| commit.told(partition, asked)).collect();
            let told = told.join("; ");
            return Err(format!("partition {partition}: {last} was acknowledged, and {found:?} is there ({told})"));
        }
        let highest = kept().filter_map(|commit| of(commit)).max();
        self.overtaken += usize::from(highest > found);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn commit(commits: &mut Commits, next: i64) {
        let number = commits.begin(BTreeMap::from([(0, next)]));
        commits.end(number, true);
    }

    #[test]
    fn only_a_commit_beside_the_last_one_may_be_there_instead() {
        let mut commits = Commits::default();
        assert!(commits.allow(0, None, Instant::now()).is_ok());
        assert!(commits.allow(0, Some(7), Instant::now()).is_err(), "committed by nobody");
        commit(&mut commits, 10);
        assert!(commits.allow(0, Some(10), Instant::now()).is_ok());
        assert!(commits.allow(0, None, Instant::now()).is_err(), "lost");
        let slow = commits.begin(BTreeMap::from([(0, 15)]));
        commit(&mut commits, 20);
        assert!(commits.allow(0, Some(10), Instant::now()).is_err(), "it ended before the last one began");
        assert!(commits.allow(0, Some(15), Instant::now()).is_ok());
        assert!(commits.allow(0, Some(20), Instant::now()).is_ok());
        commits.end(slow, false);
        assert!(commits.allow(0, Some(15), Instant::now()).is_ok(), "sent, though it was not told so");
        assert_eq!(commits.overtaken, 2);
        commit(&mut commits, 30);
        assert!(commits.allow(0, Some(15), Instant::now()).is_err());
        assert!(commits.allow(0, Some(30), Instant::now()).is_ok());
    }
}
