//! Classic groups, step by step.

mod commits;
mod limits;
mod members;
mod rebalances;
mod restarts;
mod statics;

use super::{Change, GroupValue, Groups, Out, Settings};
use crate::base::Timestamp;
use crate::coordinator::machine::{Moment, Ticket};
use crate::group::GroupError;
use crate::group::command::{
    CommitOffsets, GroupState, Heartbeat, Join, JoinReply, JoinedMember, Leave, Name, Reply, Sync, SyncReply,
};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;
use uuid::Uuid;

pub(super) const GROUP: &str = "g";

pub(super) fn name(text: &str) -> Name {
    Name::from(text)
}

pub(super) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// A join as a consumer sends it: session 10 s, rebalance 60 s.
pub(in crate::group) fn join(member: &str) -> Join {
    Join {
        group: name(GROUP),
        member: name(member),
        instance: None,
        client_id: name("client"),
        client_host: name("/127.0.0.1"),
        session_timeout: ms(10_000),
        rebalance_timeout: ms(60_000),
        protocol_type: name("consumer"),
        protocols: vec![(name("range"), Bytes::from_static(b"topics"))],
        requires_known_member_id: true,
        supports_skip_assignment: true,
        fresh: Uuid::nil(),
    }
}

pub(super) fn join_static(member: &str, instance: &str) -> Join {
    Join { instance: Some(name(instance)), ..join(member) }
}

pub(in crate::group) fn sync(member: &Name, generation: i32) -> Sync {
    Sync {
        group: name(GROUP),
        generation,
        member: member.clone(),
        instance: None,
        protocol_type: None,
        protocol: None,
        assignments: Vec::new(),
    }
}

pub(in crate::group) fn heartbeat(member: &Name, generation: i32) -> Heartbeat {
    Heartbeat { group: name(GROUP), generation, member: member.clone(), instance: None }
}

pub(in crate::group) fn commit(member: &str, generation: i32) -> CommitOffsets {
    CommitOffsets {
        group: name(GROUP),
        generation,
        member: name(member),
        instance: None,
        retention: None,
        names_unknown_groups: true,
        offsets: Vec::new(),
    }
}

/// Groups with their clock and all that they answered.
pub(super) struct Bench {
    pub(super) groups: Groups,
    settings: Settings,
    now: Duration,
    asked: u64,
    replies: BTreeMap<Ticket, Reply>,
    pub(super) changes: Vec<(Name, Option<GroupValue>)>,
}

impl Bench {
    pub(super) fn new(settings: Settings) -> Self {
        let groups = Groups::new(settings.clone());
        Bench { groups, settings, now: ms(1_000), asked: 0, replies: BTreeMap::new(), changes: Vec::new() }
    }

    /// With Kafka's settings.
    pub(super) fn plain() -> Self {
        Bench::new(Settings::default())
    }

    pub(super) fn moment(&self) -> Moment {
        Moment {
            wall: Timestamp(1_000_000 + self.now.as_millis() as i64),
            proven: Timestamp(1_000_000 + self.now.as_millis() as i64),
            monotonic: self.now,
        }
    }

    fn take(&mut self, out: Out) {
        for (ticket, reply) in out.replies {
            assert!(self.replies.insert(ticket, reply).is_none(), "{ticket:?} was answered twice");
        }
        for change in out.changes {
            let Change::Group { group, value } = change else { panic!("{change:?}") };
            self.changes.push((group, value));
        }
    }

    fn ask(&mut self, ask: impl FnOnce(&mut Groups, Moment, Ticket, &mut Out)) -> Ticket {
        self.asked += 1;
        let mut out = Out::default();
        let ticket = Ticket(self.asked);
        let moment = self.moment();
        ask(&mut self.groups, moment, ticket, &mut out);
        self.take(out);
        ticket
    }

    /// A join; each has an id of its own to give.
    pub(super) fn join(&mut self, request: Join) -> Ticket {
        let request = Join { fresh: Uuid::from_u128(u128::from(self.asked) + 1), ..request };
        self.ask(|groups, now, ticket, out| groups.join(now, ticket, &request, out))
    }

    pub(super) fn sync(&mut self, request: Sync) -> Ticket {
        self.ask(|groups, now, ticket, out| groups.sync(now, ticket, &request, out))
    }

    pub(super) fn heartbeat(&mut self, request: Heartbeat) -> Result<(), GroupError> {
        let ticket = self.ask(|groups, now, ticket, out| groups.heartbeat(now, ticket, &request, out));
        let Some(Reply::Heartbeat(outcome)) = self.replies.get(&ticket) else { panic!("a heartbeat is answered") };
        *outcome
    }

    pub(super) fn leave(&mut self, members: &[(&str, Option<&str>)]) -> Vec<Result<(), GroupError>> {
        let members = members.iter().map(|(id, instance)| (name(id), instance.map(name))).collect();
        let request = Leave { group: name(GROUP), members };
        let ticket = self.ask(|groups, now, ticket, out| groups.leave(now, ticket, &request, out));
        let Some(Reply::Leave(outcome)) = self.replies.get(&ticket) else { panic!("a leave is answered") };
        outcome.clone().expect("the group is valid")
    }

    pub(super) fn commit(&mut self, request: CommitOffsets) -> Result<(), GroupError> {
        let moment = self.moment();
        self.groups.check_commit(moment, &request)
    }

    /// Lets time pass; what is due in it is done at its moment.
    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.groups.due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let mut out = Out::default();
            let moment = self.moment();
            self.groups.tick(moment, &mut out);
            self.take(out);
        }
        self.now = until;
    }

    pub(super) fn waits(&self, ticket: Ticket) -> bool {
        !self.replies.contains_key(&ticket)
    }

    pub(super) fn joined(&self, ticket: Ticket) -> JoinReply {
        let Some(Reply::Join(reply)) = self.replies.get(&ticket) else { panic!("{ticket:?} waits") };
        reply.clone()
    }

    pub(super) fn join_error(&self, ticket: Ticket) -> Option<GroupError> {
        self.joined(ticket).error
    }

    pub(super) fn synced(&self, ticket: Ticket) -> Result<SyncReply, GroupError> {
        let Some(Reply::Sync(reply)) = self.replies.get(&ticket) else { panic!("{ticket:?} waits") };
        reply.clone()
    }

    pub(super) fn assignment(&self, ticket: Ticket) -> Bytes {
        self.synced(ticket).expect("an assignment").assignment
    }

    pub(super) fn state(&self) -> GroupState {
        self.groups.describe(&name(GROUP)).expect("the group is there").state
    }

    /// The id that a new member is given to join with.
    pub(super) fn id(&mut self) -> String {
        let ticket = self.join(join(""));
        assert_eq!(self.join_error(ticket), Some(GroupError::MemberIdRequired));
        self.joined(ticket).member.to_string()
    }

    /// All have joined: they sync, each assigned its own name.
    pub(super) fn assign(&mut self, joins: &[Ticket]) -> Vec<Name> {
        let replies: Vec<JoinReply> = joins.iter().map(|join| self.joined(*join)).collect();
        let members: Vec<Name> = replies.iter().map(|reply| reply.member.clone()).collect();
        let leader = replies.iter().find(|reply| reply.leader == reply.member).expect("the leader is among them");
        let own = |member: &JoinedMember| (member.member.clone(), Bytes::from(member.member.to_string()));
        let assignments: Vec<(Name, Bytes)> = leader.members.iter().map(own).collect();
        let mut syncs = Vec::new();
        for reply in &replies {
            let leads = reply.leader == reply.member;
            let assignments = if leads { assignments.clone() } else { Vec::new() };
            syncs.push(self.sync(Sync { assignments, ..sync(&reply.member, reply.generation) }));
        }
        for (member, sync) in members.iter().zip(syncs) {
            assert_eq!(self.assignment(sync), member.as_bytes());
        }
        assert_eq!(self.state(), GroupState::Stable);
        members
    }

    /// A stable group of generation 1 with so many dynamic members; the leader first.
    pub(super) fn stable(&mut self, members: usize) -> Vec<Name> {
        let joins: Vec<Ticket> = (0..members)
            .map(|_| {
                let id = self.id();
                self.join(join(&id))
            })
            .collect();
        self.pass(ms(9_000));
        let mut joins = joins;
        joins.sort_by_key(|join| {
            let reply = self.joined(*join);
            reply.leader != reply.member
        });
        self.assign(&joins)
    }

    /// The coordinator starts anew, with what was kept.
    pub(super) fn restart(&mut self) {
        self.groups = Groups::new(self.settings.clone());
        for (group, value) in self.changes.clone() {
            self.groups.replay(group, value);
        }
        let mut out = Out::default();
        let moment = self.moment();
        self.groups.loaded(moment, &mut out);
        self.take(out);
    }

    /// What was kept last of the group.
    pub(super) fn kept(&self) -> GroupValue {
        self.changes.last().and_then(|(_, value)| value.clone()).expect("the group was kept")
    }
}
