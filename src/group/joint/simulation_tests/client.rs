//! A client of either protocol, much like Java's.

use crate::base::TopicId;
use crate::group::GroupError;
use crate::group::classic::tests as classic;
use crate::group::command::{
    Command, ConsumerHeartbeat, Heartbeat, Join, JoinReply, Leave, Name, Reply, Sync, SyncReply,
};
use crate::group::joint::tests::{GROUP, beat, classic_join, id, in_assignment, ms, name};
use crate::group::records::consumer::Target;
use crate::group::records::embedded::{ByTopic, write_assignment};
use crate::io::disk::faulty::Chance;
use crate::metadata::Image;
use std::time::Duration;

/// The topics that everybody wants.
pub(super) const TOPICS: [&str; 2] = ["a", "b"];
/// The same as an expression, and the first alone.
const REGEX: &str = "[ab]";
const NARROW_REGEX: &str = "a";

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Joining,
    Syncing,
    Steady,
    Leaving,
    Gone,
}

/// What follows from an answer.
#[derive(Debug)]
pub(super) struct Next {
    /// When it acts again.
    pub(super) after: Duration,
    pub(super) what: Option<GroupError>,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) is_classic: bool,
    pub(super) instance: Option<Name>,
    pub(super) member: Name,
    pub(super) epoch: i32,
    pub(super) phase: Phase,
    pub(super) owned: Target,
    /// What it is to have; differs from what it owns while it is slow to give up.
    to_have: Target,
    by_regex: bool,
    /// Whether it wants the first topic alone, as a member of the new protocol, and which assignor.
    pub(super) is_narrow: bool,
    pub(super) assignor: Option<&'static str>,
    /// Whether, as a member of the classic protocol, it keeps what it has while it joins.
    pub(super) is_cooperative: bool,
    /// What it assigns, as the leader of a classic group.
    assignments: Vec<(Name, bytes::Bytes)>,
    /// The version of the metadata by which it did.
    assigned_at: u64,
    /// Whether it leaves for now, as a static member does.
    pub(super) for_now: bool,
    session: Duration,
    rebalance: Duration,
    /// Whether an answer may have been lost since it was last told everything: then it says everything, and is told so.
    pub(super) says_all: bool,
    /// Whether what it sent last arrives twice: the answer that it takes may be the other one's.
    pub(super) is_doubled: bool,
    /// Whether it committed last.
    pub(super) has_committed: bool,
    /// The request whose answer it waits for; all others are on connections that it gave up.
    pub(super) attempt: Option<u64>,
    /// Which of its plans to act is the last.
    pub(super) plan: u64,
}

impl Client {
    pub(super) fn new(number: u64, is_classic: bool, instance: Option<Name>, chance: &mut Chance) -> Client {
        Client {
            is_classic,
            instance,
            member: if is_classic { name("") } else { Name::from(format!("n-{number}")) },
            epoch: 0,
            phase: Phase::Joining,
            owned: Target::new(),
            to_have: Target::new(),
            by_regex: chance.one_in(3),
            is_narrow: false,
            assignor: None,
            is_cooperative: false,
            assignments: Vec::new(),
            assigned_at: 0,
            for_now: false,
            session: ms(6_000 + chance.below(5) * 1_000),
            rebalance: ms(5_000 + chance.below(4) * 5_000),
            says_all: false,
            is_doubled: false,
            has_committed: false,
            attempt: None,
            plan: 0,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase != Phase::Gone
    }

    /// The topics that it wants.
    pub(super) fn wanted(&self) -> &'static [&'static str] {
        if self.is_narrow { &TOPICS[..1] } else { &TOPICS }
    }

    /// Whether it has what it was told to have.
    pub(super) fn is_steady(&self) -> bool {
        self.phase == Phase::Steady && self.owned == self.to_have
    }

    /// What it asks next.
    pub(super) fn request(&self) -> Option<Command> {
        if !self.is_classic {
            return self.heartbeat().map(Command::ConsumerHeartbeat);
        }
        let (group, member, instance) = (name(GROUP), self.member.clone(), self.instance.clone());
        let owned = |topic: &&'static str| {
            let partitions = self.owned.get(&id(topic)).filter(|_| self.is_cooperative)?;
            Some((*topic, partitions.iter().copied().collect::<Vec<i32>>()))
        };
        let owned: Vec<_> = TOPICS.iter().filter_map(owned).collect();
        let owned: Vec<(&str, &[i32])> = owned.iter().map(|(topic, all)| (*topic, &all[..])).collect();
        Some(match self.phase {
            Phase::Joining => Command::Join(Join {
                instance,
                session_timeout: self.session,
                rebalance_timeout: self.rebalance,
                requires_known_member_id: true,
                ..classic_join(&member, &TOPICS, &owned)
            }),
            Phase::Syncing => Command::Sync(Sync {
                instance,
                assignments: self.assignments.clone(),
                ..classic::sync(&member, self.epoch)
            }),
            Phase::Steady => Command::Heartbeat(Heartbeat { instance, ..classic::heartbeat(&member, self.epoch) }),
            Phase::Leaving => Command::Leave(Leave { group, members: vec![(member, instance)] }),
            Phase::Gone => return None,
        })
    }

    fn heartbeat(&self) -> Option<ConsumerHeartbeat> {
        let epoch = match self.phase {
            Phase::Joining => 0,
            Phase::Steady => self.epoch,
            Phase::Leaving if self.for_now => -2,
            Phase::Leaving => -1,
            Phase::Syncing | Phase::Gone => return None,
        };
        let lives = ConsumerHeartbeat { instance: self.instance.clone(), ..beat(&self.member, epoch) };
        if self.phase == Phase::Leaving {
            return Some(lives);
        }
        let lives = ConsumerHeartbeat { owned: Some(self.owned.clone()), ..lives };
        if self.phase == Phase::Steady && !self.says_all {
            return Some(lives);
        }
        let topics = if self.by_regex { &[] } else { self.wanted() };
        let regex = if self.is_narrow { NARROW_REGEX } else { REGEX };
        Some(ConsumerHeartbeat {
            rebalance_timeout_ms: i32::try_from(self.rebalance.as_millis()).expect("short"),
            topics: Some(topics.iter().map(|topic| name(topic)).collect()),
            regex: Some(name(if self.by_regex { regex } else { "" })),
            assignor: self.assignor.map(name),
            ..lives
        })
    }

    /// How long it waits for an answer.
    pub(super) fn patience(&self) -> Duration {
        let joins = self.is_classic && self.phase == Phase::Joining;
        if joins { self.rebalance + ms(15_000) } else { ms(3_000) }
    }

    /// It gives up what it has, now or, when it is slow, later.
    pub(super) fn come_to(&mut self, slow: bool) {
        if slow {
            let grown = self
                .to_have
                .iter()
                .all(|(topic, partitions)| self.owned.get(topic).is_some_and(|owned| partitions.is_subset(owned)));
            if grown {
                return;
            }
        }
        self.owned = self.to_have.clone();
    }

    /// The leader of a classic group sees itself that topics have changed.
    pub(super) fn look_at_topics(&mut self, image: &Image) {
        let leads = self.is_classic && !self.assignments.is_empty();
        if leads && self.phase == Phase::Steady && self.assigned_at != image.version() {
            self.join_again();
        }
    }

    /// One that is eager gives up whatever it has before it joins.
    fn join_again(&mut self) {
        if self.is_cooperative {
            self.phase = Phase::Joining;
            return;
        }
        let epoch = self.epoch;
        self.begin_anew();
        self.epoch = epoch;
    }

    fn begin_anew(&mut self) {
        self.phase = Phase::Joining;
        self.owned.clear();
        self.to_have.clear();
        self.epoch = 0;
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, reply: Reply, image: &Image, chance: &mut Chance) -> Next {
        let pause = ms(10 + chance.below(200));
        let soon = |what| Next { after: pause, what };
        match reply {
            Reply::ConsumerHeartbeat(Ok(told)) => {
                if self.phase == Phase::Leaving {
                    self.phase = Phase::Gone;
                    return Next { after: ms(0), what: None };
                }
                self.phase = Phase::Steady;
                self.epoch = told.epoch;
                self.says_all = std::mem::take(&mut self.is_doubled);
                let changed = told.assignment.is_some();
                if let Some(assignment) = told.assignment {
                    self.to_have = assignment;
                }
                let slow = chance.one_in(4);
                self.come_to(slow);
                Next { after: if changed { ms(50) } else { ms(3_000 + chance.below(2_000)) }, what: None }
            }
            Reply::ConsumerHeartbeat(Err(error)) => self.refused(error, soon),
            Reply::Join(joined) => match joined.error {
                None => {
                    self.take_join(&joined, image);
                    soon(None)
                }
                Some(error) => {
                    if error == GroupError::MemberIdRequired {
                        self.member = joined.member;
                        return soon(Some(error));
                    }
                    self.refused(error, soon)
                }
            },
            Reply::Sync(Ok(SyncReply { assignment, .. })) => {
                self.phase = Phase::Steady;
                self.to_have = if assignment.is_empty() { Target::new() } else { in_assignment(&assignment) };
                self.to_have.retain(|_, partitions| !partitions.is_empty());
                let kept = |topic: &TopicId, one: &i32| self.to_have.get(topic).is_some_and(|all| all.contains(one));
                let revokes = self.owned.iter().any(|(topic, all)| all.iter().any(|one| !kept(topic, one)));
                self.owned = self.to_have.clone();
                if revokes && self.is_cooperative {
                    self.phase = Phase::Joining;
                    return soon(None);
                }
                Next { after: ms(1_000), what: None }
            }
            Reply::Heartbeat(Ok(())) => Next { after: ms(1_000 + chance.below(1_000)), what: None },
            Reply::Sync(Err(error)) | Reply::Heartbeat(Err(error)) => self.refused(error, soon),
            Reply::Leave(_) => {
                self.phase = Phase::Gone;
                Next { after: ms(0), what: None }
            }
            other => panic!("{other:?}"),
        }
    }

    fn refused(&mut self, error: GroupError, soon: impl FnOnce(Option<GroupError>) -> Next) -> Next {
        let leaves = self.phase == Phase::Leaving;
        match error {
            GroupError::FencedInstanceId => self.phase = Phase::Gone,
            _ if leaves => self.phase = Phase::Gone,
            GroupError::RebalanceInProgress => self.join_again(),
            GroupError::UnknownMemberId | GroupError::IllegalGeneration | GroupError::GroupIdNotFound
                if self.is_classic =>
            {
                self.begin_anew();
                if error != GroupError::IllegalGeneration {
                    self.member = name("");
                }
            }
            GroupError::UnreleasedInstanceId => return Next { after: ms(1_000), ..soon(Some(error)) },
            _ => self.begin_anew(),
        }
        soon(Some(error))
    }

    fn take_join(&mut self, joined: &JoinReply, image: &Image) {
        self.member = joined.member.clone();
        self.epoch = joined.generation;
        self.phase = Phase::Syncing;
        self.assignments.clear();
        self.assigned_at = image.version();
        if joined.members.is_empty() {
            return;
        }
        let mut shares = vec![ByTopic::new(); joined.members.len()];
        let mut next = 0;
        for topic in TOPICS.iter().filter_map(|topic| image.topic(topic)) {
            for partition in 0..topic.partitions {
                let of = next % shares.len();
                shares[of].entry(topic.name.clone()).or_default().push(partition);
                next += 1;
            }
        }
        let members = joined.members.iter().map(|member| member.member.clone());
        self.assignments = members.zip(shares.iter().map(|share| write_assignment(1, share))).collect();
    }

    /// A partition that it may commit for.
    pub(super) fn some_partition(&self, chance: &mut Chance) -> Option<(TopicId, i32)> {
        let all: Vec<_> =
            self.owned.iter().flat_map(|(topic, some)| some.iter().map(|partition| (*topic, *partition))).collect();
        if all.is_empty() { None } else { Some(all[chance.below(all.len() as u64) as usize]) }
    }
}
