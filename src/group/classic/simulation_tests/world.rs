//! The network, the clock, the coordinator and what it keeps.

use super::Happened;
use super::checks::Watch;
use super::client::{Answer, Client, PARTITIONS, Phase, Request};
use crate::base::Timestamp;
use crate::coordinator::machine::{Moment, Ticket};
use crate::group::GroupError;
use crate::group::classic::tests::{GROUP, ms, name};
use crate::group::classic::{Change, Groups, Out, Settings};
use crate::group::command::{GroupState, Join, Name, Reply};
use crate::io::disk::faulty::Chance;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;
use uuid::Uuid;

/// How long there is chaos.
const CHAOS: Duration = ms(90_000);
/// How long the group may take to come to rest afterwards: a new member that waits for nobody is gone after 5 minutes.
const QUIET_MAX: Duration = ms(900_000);

enum Event {
    /// A request arrives.
    Deliver { client: usize, attempt: u64, request: Request },
    /// An answer arrives.
    Answer { client: usize, attempt: u64, answer: Answer },
    /// A client has waited long enough.
    GiveUp { client: usize, attempt: u64 },
    /// A client does what it planned.
    Act { client: usize, plan: u64 },
    /// Something happens to somebody.
    Fate,
    /// What was written so far is durable.
    Durable(usize),
}

/// Who waits for a ticket.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    client: usize,
    attempt: u64,
    pub(super) member: Name,
    pub(super) instance: Option<Name>,
    pub(super) generation: i32,
    pub(super) session: Duration,
}

pub(super) struct World {
    pub(super) chance: Chance,
    pub(super) now: Duration,
    settings: Settings,
    pub(super) groups: Groups,
    clients: Vec<Client>,
    events: BTreeMap<(Duration, u64), Event>,
    counted: u64,
    asked: BTreeMap<Ticket, Asked>,
    log: Vec<Change>,
    durable: usize,
    /// Replies, and how much must be durable before they go.
    parked: VecDeque<(usize, Ticket, Reply)>,
    pub(super) watch: Watch,
    happened: Happened,
    trace: DefaultHasher,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let mut chance = Chance::new(seed);
        let settings = Settings {
            session_timeout_min: ms(1_000),
            size_max: if chance.one_in(8) { 3 } else { 1_000 },
            initial_rebalance_delay: ms([0, 500, 3_000][chance.below(3) as usize]),
            record_bytes_max: 20_000,
            ..Settings::default()
        };
        World {
            chance,
            now: ms(10_000),
            groups: Groups::new(settings.clone()),
            settings,
            clients: Vec::new(),
            events: BTreeMap::new(),
            counted: 0,
            asked: BTreeMap::new(),
            log: Vec::new(),
            durable: 0,
            parked: VecDeque::new(),
            watch: Watch::default(),
            happened: Happened::new(),
            trace: DefaultHasher::new(),
        }
    }

    /// Lives the history; returns what distinguishes it from others, and what happened.
    pub(super) fn run(mut self) -> (u64, Happened) {
        let clients = 1 + self.chance.below(5);
        for _ in 0..clients {
            self.spawn_some();
        }
        self.schedule(ms(100), Event::Fate);
        // the last late requests of the chaos included
        self.live_until(ms(20_000) + CHAOS, |_| false);
        let deadline = self.now + QUIET_MAX;
        self.live_until(deadline, World::is_at_rest);
        assert!(self.is_at_rest(), "no rest: {:?} {:?}", self.groups.groups, self.clients);
        if self.clients.iter().filter(|client| client.is_live()).count() > 1 {
            self.happens("at rest together");
        }
        // and so it stays
        let generation = self.groups.groups.get(&name(GROUP)).map(|group| group.generation);
        self.live_until(self.now + ms(60_000), |_| false);
        assert!(self.is_at_rest(), "no rest for long: {:?} {:?}", self.groups.groups, self.clients);
        assert_eq!(self.groups.groups.get(&name(GROUP)).map(|group| group.generation), generation);
        assert!(self.asked.is_empty(), "tickets without answer: {:?}", self.asked);
        (self.trace.finish(), self.happened)
    }

    pub(super) fn happens(&mut self, what: &str) {
        *self.happened.entry(what.to_owned()).or_default() += 1;
        (what, self.now).hash(&mut self.trace);
    }

    pub(super) fn was_restarted(&self) -> bool {
        self.happened.contains_key("restarted")
    }

    fn is_chaos(&self) -> bool {
        self.now < ms(10_000) + CHAOS
    }

    /// True once in `n`, while there is chaos.
    fn bad_luck(&mut self, n: u64) -> bool {
        self.is_chaos() && self.chance.one_in(n)
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.counted += 1;
        self.events.insert((self.now + after, self.counted), event);
    }

    fn live_until(&mut self, until: Duration, enough: impl Fn(&Self) -> bool) {
        while !enough(self) {
            let next = self.events.first_key_value().map(|((at, _), _)| *at);
            let due = self.groups.due().map(|due| due.max(self.now));
            let Some(at) = next.into_iter().chain(due).min().filter(|at| *at <= until) else { break };
            self.now = at;
            if due == Some(at) {
                let mut out = Out::default();
                self.groups.tick(self.moment(), &mut out);
                self.after_step(out);
            } else if let Some((_, event)) = self.events.pop_first() {
                self.happen(event);
            }
        }
        if !enough(self) {
            self.now = until;
        }
    }

    fn moment(&self) -> Moment {
        Moment {
            wall: Timestamp(self.now.as_millis() as i64),
            proven: Timestamp(self.now.as_millis() as i64),
            monotonic: self.now,
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Deliver { client, attempt, request } => self.deliver(client, attempt, &request),
            Event::Answer { client, attempt, answer } => self.answer(client, attempt, answer),
            Event::GiveUp { client, attempt } if self.clients[client].attempt == Some(attempt) => self.send(client),
            Event::Act { client, plan } if self.clients[client].plan == plan => self.send(client),
            Event::GiveUp { .. } | Event::Act { .. } => {}
            Event::Fate => self.fate(),
            Event::Durable(length) => {
                self.durable = self.durable.max(length);
                self.tell();
            }
        }
    }

    fn plan(&mut self, client: usize, after: Duration) {
        self.clients[client].attempt = None;
        self.clients[client].plan += 1;
        let plan = self.clients[client].plan;
        self.schedule(after, Event::Act { client, plan });
    }

    fn travel(&mut self) -> Duration {
        if self.bad_luck(30) { ms(self.chance.below(8_000)) } else { ms(1 + self.chance.below(40)) }
    }

    fn send(&mut self, client: usize) {
        // one that is busy for ever would sit on what it was given before a restart, as with Kafka
        self.clients[client].busy &= self.is_chaos();
        let Some(request) = self.clients[client].request(&mut self.chance) else { return };
        self.counted += 1;
        let attempt = self.counted;
        self.clients[client].attempt = Some(attempt);
        self.clients[client].plan += 1;
        self.schedule(self.clients[client].patience(), Event::GiveUp { client, attempt });
        let copies = if self.bad_luck(25) { 0 } else { 1 + u64::from(self.bad_luck(25)) };
        for _ in 0..copies {
            let travel = self.travel();
            self.schedule(travel, Event::Deliver { client, attempt, request: request.clone() });
        }
    }

    fn deliver(&mut self, client: usize, attempt: u64, request: &Request) {
        self.counted += 1;
        let ticket = Ticket(self.counted);
        let moment = self.moment();
        let mut out = Out::default();
        let session = self.clients[client].session;
        let mut asked = Asked { client, attempt, member: name(""), instance: None, generation: -1, session };
        match request {
            Request::Join(join) => {
                (asked.member, asked.instance) = (join.member.clone(), join.instance.clone());
                self.asked.insert(ticket, asked);
                // the broker gives it: a request that arrives twice is given two
                let fresh = Uuid::from_u64_pair(self.chance.next(), self.chance.next());
                self.groups.join(moment, ticket, &Join { fresh, ..join.clone() }, &mut out);
                if out.replies.iter().any(|(_, reply)| is_full(reply)) {
                    self.watch.leaving.push(join.member.clone());
                }
            }
            Request::Sync(sync) => {
                (asked.member, asked.instance) = (sync.member.clone(), sync.instance.clone());
                asked.generation = sync.generation;
                self.asked.insert(ticket, asked);
                self.groups.sync(moment, ticket, sync, &mut out);
            }
            Request::Heartbeat(heartbeat) => {
                asked.member = heartbeat.member.clone();
                self.asked.insert(ticket, asked);
                self.groups.heartbeat(moment, ticket, heartbeat, &mut out);
            }
            Request::Commit(commit) => {
                asked.member = commit.member.clone();
                self.asked.insert(ticket, asked);
                let outcome = self.groups.check_commit(moment, commit);
                out.replies.push((ticket, Reply::Heartbeat(outcome)));
            }
            Request::Leave(leave) => {
                let (member, instance) = leave.members[0].clone();
                self.watch.leaving.push(member);
                self.watch.leaving_instances.extend(instance);
                self.asked.insert(ticket, asked);
                self.groups.leave(moment, ticket, leave, &mut out);
            }
        }
        self.after_step(out);
    }

    fn after_step(&mut self, out: Out) {
        self.check_kept(&out.changes);
        self.log.extend(out.changes);
        self.check_members();
        for (ticket, reply) in out.replies {
            let asked = self.asked.get(&ticket).cloned().unwrap_or_else(|| panic!("{ticket:?} waits for nothing"));
            assert!(self.parked.iter().all(|(_, other, _)| *other != ticket), "{ticket:?} is answered twice");
            self.check_answer(&asked, &reply);
            self.parked.push_back((self.log.len(), ticket, reply));
        }
        if self.log.len() > self.durable {
            let after = ms(self.chance.below(if self.is_chaos() { 200 } else { 5 }));
            self.schedule(after, Event::Durable(self.log.len()));
        }
        self.tell();
    }

    /// What is kept of a group has generations that only grow.
    fn check_kept(&self, changes: &[Change]) {
        let generation = |change: &Change| {
            let Change::Group { value, .. } = change else { panic!("{change:?}") };
            value.as_ref().map(|value| value.generation)
        };
        let mut last = self.log.last().and_then(generation);
        for change in changes {
            let next = generation(change);
            assert!(next >= last || next.is_none(), "{next:?} is kept after {last:?}");
            last = next;
        }
    }

    /// Replies go when what they rest on is durable.
    fn tell(&mut self) {
        while let Some((_, ticket, reply)) = self.parked.pop_front_if(|(length, ..)| *length <= self.durable) {
            let asked = self.asked.remove(&ticket).expect("it waits");
            self.check_told(&asked, &reply);
            (ticket.0, self.now, format!("{reply:?}")).hash(&mut self.trace);
            let answer = match reply {
                Reply::Join(reply) => Answer::Join(reply),
                Reply::Sync(reply) => Answer::Sync(reply),
                Reply::Heartbeat(reply) => Answer::Alive(reply),
                Reply::Leave(_) => Answer::Left,
                other => panic!("nobody asked for {other:?}"),
            };
            if !self.bad_luck(25) {
                let travel = self.travel();
                let Asked { client, attempt, .. } = asked;
                self.schedule(travel, Event::Answer { client, attempt, answer });
            }
        }
    }

    fn answer(&mut self, client: usize, attempt: u64, answer: Answer) {
        let bad_luck = self.bad_luck(20);
        let who = &mut self.clients[client];
        if who.attempt != Some(attempt) {
            return;
        }
        let after = who.take(answer, bad_luck);
        self.plan(client, after);
    }

    fn spawn_some(&mut self) {
        let instance = self.chance.one_in(3).then(|| name(["s1", "s2", "s3"][self.chance.below(3) as usize]));
        let holder = self.clients.iter().position(|other| other.is_live() && other.instance == instance);
        if instance.is_some() && holder.is_some() {
            return;
        }
        self.spawn(instance);
    }

    fn spawn(&mut self, instance: Option<Name>) {
        self.clients.push(Client::new(instance, &mut self.chance));
        let client = self.clients.len() - 1;
        let after = ms(self.chance.below(5_000));
        self.plan(client, after);
    }

    /// Something happens to somebody, until the chaos ends.
    fn fate(&mut self) {
        if !self.is_chaos() {
            return;
        }
        let next = ms(200 + self.chance.below(8_000));
        self.schedule(next, Event::Fate);
        let live: Vec<usize> = (0..self.clients.len()).filter(|client| self.clients[*client].is_live()).collect();
        if live.is_empty() || (live.len() < 7 && self.chance.one_in(4)) {
            return self.spawn_some();
        }
        let client = live[self.chance.below(live.len() as u64) as usize];
        match self.chance.below(8) {
            0 => self.clients[client].phase = Phase::Gone,
            1 if self.clients[client].phase == Phase::Steady => {
                self.clients[client].phase = Phase::Leaving;
                self.plan(client, ms(0));
            }
            2 => self.restart_coordinator(),
            3 | 4 => self.restart_client(client),
            5 => self.delete_group(),
            _ if self.clients[client].phase == Phase::Steady => {
                // its subscription changes, or, as a leader, what it assigns by
                self.clients[client].says += u8::from(self.chance.one_in(2));
                self.clients[client].phase = Phase::Joining;
                self.plan(client, ms(0));
            }
            _ => {}
        }
    }

    /// A client's process is there again; the old one may still run.
    fn restart_client(&mut self, client: usize) {
        let instance = self.clients[client].instance.clone();
        if !self.chance.one_in(4) {
            self.clients[client].phase = Phase::Gone;
        }
        self.spawn(instance);
    }

    fn delete_group(&mut self) {
        let mut out = Out::default();
        if !self.groups.delete_if_empty(&name(GROUP), &mut out) {
            return;
        }
        self.log.extend(out.changes);
        self.durable = self.log.len();
        self.tell();
        self.happens("deleted");
        self.watch_anew();
        self.watch.forget_generations();
    }

    /// The coordinator starts anew. What was written and not told yet may be there, or not; connections are not.
    fn restart_coordinator(&mut self) {
        self.happens("restarted");
        let unsure = self.log.len() - self.durable;
        self.log.truncate(self.durable + self.chance.below(unsure as u64 + 1) as usize);
        self.durable = self.log.len();
        self.parked.clear();
        self.asked.clear();
        self.events
            .retain(|_, event| !matches!(event, Event::Deliver { .. } | Event::Answer { .. } | Event::Durable(_)));
        self.groups = Groups::new(self.settings.clone());
        for change in self.log.clone() {
            let Change::Group { group, value } = change else { panic!("{change:?}") };
            self.groups.replay(group, value);
        }
        let mut out = Out::default();
        self.groups.loaded(self.moment(), &mut out);
        self.watch_anew();
        self.after_step(out);
        for client in 0..self.clients.len() {
            if self.clients[client].is_live() && self.clients[client].attempt.is_some() {
                let after = ms(self.chance.below(500));
                self.plan(client, after);
            }
        }
    }

    /// Every live member is assigned in one generation, and every partition is owned.
    fn is_at_rest(&self) -> bool {
        let live: Vec<&Client> = self.clients.iter().filter(|client| client.is_live()).collect();
        let Some(group) = self.groups.groups.get(&name(GROUP)) else { return live.is_empty() };
        if live.is_empty() {
            return group.members.is_empty() && group.pending_join.is_empty();
        }
        let steady = |client: &&Client| client.phase == Phase::Steady && client.generation == group.generation;
        let mut owned: Vec<u8> = live.iter().flat_map(|client| client.owned.clone()).collect();
        owned.sort_unstable();
        group.state == GroupState::Stable
            && live.len() == group.members.len()
            && live.iter().all(|client| group.members.contains_key(&client.member))
            && live.iter().all(steady)
            && owned == Vec::from_iter(0..PARTITIONS)
    }
}

fn is_full(reply: &Reply) -> bool {
    matches!(reply, Reply::Join(reply) if reply.error == Some(GroupError::GroupMaxSizeReached))
}
