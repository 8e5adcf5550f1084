//! A client, much like Java's: joins, syncs, sends heartbeats, and begins anew when it is told so.

use crate::group::GroupError;
use crate::group::classic::tests::{GROUP, ms, name};
use crate::group::command::{CommitOffsets, Heartbeat, Join, JoinReply, JoinedMember, Leave, Name, Sync, SyncReply};
use crate::io::disk::faulty::Chance;
use bytes::Bytes;
use std::time::Duration;
use uuid::Uuid;

/// Partitions of the model's topic.
pub(super) const PARTITIONS: u8 = 7;

#[derive(Clone, Debug)]
pub(super) enum Request {
    Join(Join),
    Sync(Sync),
    Heartbeat(Heartbeat),
    Commit(CommitOffsets),
    Leave(Leave),
}

#[derive(Clone, Debug)]
pub(super) enum Answer {
    Join(JoinReply),
    Sync(Result<SyncReply, GroupError>),
    /// Of a heartbeat or a commit.
    Alive(Result<(), GroupError>),
    Left,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    Joining,
    Syncing,
    Steady,
    Leaving,
    Gone,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) instance: Option<Name>,
    pub(super) member: Name,
    pub(super) generation: i32,
    pub(super) phase: Phase,
    /// What it assigns, as the leader.
    assignments: Vec<(Name, Bytes)>,
    pub(super) owned: Vec<u8>,
    pub(super) session: Duration,
    pub(super) rebalance: Duration,
    /// Distinguishes what it says from what it said before.
    pub(super) says: u8,
    /// What it supports besides the common protocol.
    sticky: bool,
    modern: bool,
    /// It is busy with something else: it sends heartbeats, and neither joins nor syncs.
    pub(super) busy: bool,
    /// The request whose answer it waits for; all others are on connections that it gave up.
    pub(super) attempt: Option<u64>,
    /// Which of its plans to act is the last.
    pub(super) plan: u64,
}

impl Client {
    pub(super) fn new(instance: Option<Name>, chance: &mut Chance) -> Self {
        Client {
            instance,
            member: name(""),
            generation: -1,
            phase: Phase::Joining,
            assignments: Vec::new(),
            owned: Vec::new(),
            session: ms(6_000 + chance.below(5) * 1_000),
            rebalance: ms(5_000 + chance.below(4) * 5_000),
            says: 0,
            sticky: chance.one_in(2),
            modern: !chance.one_in(4),
            busy: false,
            attempt: None,
            plan: 0,
        }
    }

    pub(super) fn is_live(&self) -> bool {
        self.phase != Phase::Gone
    }

    /// What it asks next.
    pub(super) fn request(&self, chance: &mut Chance) -> Option<Request> {
        let (group, member, instance) = (name(GROUP), self.member.clone(), self.instance.clone());
        let generation = self.generation;
        Some(match self.phase {
            Phase::Joining => Request::Join(self.join()),
            Phase::Syncing if self.busy => Request::Heartbeat(Heartbeat { group, generation, member, instance }),
            Phase::Syncing => {
                let protocol_type = Some(name("consumer"));
                let assignments = self.assignments.clone();
                Request::Sync(Sync { group, generation, member, instance, protocol_type, protocol: None, assignments })
            }
            Phase::Steady if chance.one_in(4) => {
                let (retention, names_unknown_groups, offsets) = (None, true, Vec::new());
                let commit =
                    CommitOffsets { group, generation, member, instance, retention, names_unknown_groups, offsets };
                Request::Commit(commit)
            }
            Phase::Steady => Request::Heartbeat(Heartbeat { group, generation, member, instance }),
            Phase::Leaving => Request::Leave(Leave { group, members: vec![(member, instance)] }),
            Phase::Gone => return None,
        })
    }

    fn join(&self) -> Join {
        let metadata = Bytes::from(vec![self.says; 3]);
        let mut protocols = vec![(name("range"), metadata.clone())];
        if self.sticky {
            protocols.insert(0, (name("sticky"), metadata));
        }
        Join {
            group: name(GROUP),
            member: self.member.clone(),
            instance: self.instance.clone(),
            client_id: name("c"),
            client_host: name("/127.0.0.1"),
            session_timeout: self.session,
            rebalance_timeout: self.rebalance,
            protocol_type: name("consumer"),
            protocols,
            requires_known_member_id: self.modern,
            supports_skip_assignment: self.modern,
            fresh: Uuid::nil(),
        }
    }

    /// How long it waits for an answer. One that joins without an id leaves a member behind when it gives up, which is
    /// waited for until its session ends: one that waits no longer than that would never be answered (hence KIP-394).
    pub(super) fn patience(&self) -> Duration {
        if self.phase == Phase::Joining { self.rebalance + ms(15_000) } else { ms(3_000) }
    }

    /// Takes an answer, in bad luck not as it should; returns how long until it acts again.
    pub(super) fn take(&mut self, answer: Answer, bad_luck: bool) -> Duration {
        match answer {
            Answer::Join(reply) => self.take_join(reply, bad_luck),
            Answer::Alive(Err(GroupError::RebalanceInProgress)) if self.busy || bad_luck => {
                self.busy = true;
                return self.session / 3;
            }
            Answer::Sync(Ok(reply)) => {
                self.owned = reply.assignment.to_vec();
                self.phase = Phase::Steady;
                return self.session / 3;
            }
            Answer::Alive(Ok(())) => return self.session / 3,
            Answer::Sync(Err(error)) | Answer::Alive(Err(error)) => self.begin_anew(error),
            Answer::Left => self.phase = Phase::Gone,
        }
        if self.phase == Phase::Joining { ms(50) } else { ms(0) }
    }

    fn take_join(&mut self, reply: JoinReply, bad_luck: bool) {
        if let Some(error) = reply.error {
            if error == GroupError::MemberIdRequired {
                self.member = reply.member;
            } else {
                self.begin_anew(error);
            }
            return;
        }
        self.member = reply.member;
        self.generation = reply.generation;
        self.phase = Phase::Syncing;
        self.assignments.clear();
        self.busy = bad_luck && reply.leader != self.member;
        if reply.leader == self.member && !reply.skip_assignment {
            let count = reply.members.len();
            let of = |at: usize| (0..PARTITIONS).filter(move |partition| usize::from(*partition) % count == at);
            let share =
                |(at, member): (usize, &JoinedMember)| (member.member.clone(), Bytes::from(Vec::from_iter(of(at))));
            self.assignments = reply.members.iter().enumerate().map(share).collect();
            if bad_luck {
                self.assignments[0].1 = Bytes::from(vec![0; 30_000]);
            }
        }
    }

    fn begin_anew(&mut self, error: GroupError) {
        self.phase = Phase::Joining;
        self.busy = false;
        self.owned.clear();
        match error {
            // a commit finds no group at all when it was empty, and deleted
            GroupError::UnknownMemberId | GroupError::GroupIdNotFound => self.member = name(""),
            GroupError::FencedInstanceId | GroupError::GroupMaxSizeReached | GroupError::InconsistentGroupProtocol => {
                self.phase = Phase::Gone
            }
            GroupError::IllegalGeneration | GroupError::RebalanceInProgress | GroupError::StateTooLarge => {}
            other => panic!("a client is told {other:?}"),
        }
    }
}
