//! The network, the clock, the coordinator and what it keeps.

use super::Happened;
use super::checks::Epochs;
use super::client::{Client, Phase, TOPICS};
use crate::base::{Offset, Timestamp, TopicId};
use crate::coordinator::machine::{Effects, Machine, Moment, Record, Stored, Ticket};
use crate::group::GroupMachine;
use crate::group::command::{Asked, Command, CommitOffsets, Name, Reply, View};
use crate::group::joint::tests::{commit, create, id, ms};
use crate::io::disk::faulty::Chance;
use crate::metadata::{Change as TopicChange, Image};
use crate::settings::{ConsumerLimits, GroupSettings};
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;
use uuid::Uuid;

/// How long there is chaos.
const CHAOS: Duration = ms(120_000);
/// How long the group may take to come to rest afterwards.
const QUIET_MAX: Duration = ms(900_000);
/// Partitions of a topic, at most.
pub(super) const PARTITIONS_MAX: i32 = 6;

enum Event {
    Deliver { client: usize, attempt: u64, command: Command },
    Answer { client: usize, attempt: u64, reply: Reply },
    GiveUp { client: usize, attempt: u64 },
    Act { client: usize, plan: u64 },
    Fate,
    Durable(usize),
}

/// Who waits for a ticket.
struct Waiting {
    client: usize,
    attempt: u64,
    /// What it commits.
    commits: Option<(TopicId, i32, i64)>,
}

pub(super) struct World {
    chance: Chance,
    /// What makes a history wider: classic members that are cooperative, new ones that want less or another assignor, topics
    /// that go, a log that is compacted, a policy.
    /// None for those that are not.
    wider: Option<Chance>,
    policy: &'static str,
    pub(super) now: Duration,
    pub(super) view: View,
    pub(super) machine: GroupMachine,
    pub(super) clients: Vec<Client>,
    events: BTreeMap<(Duration, u64), Event>,
    counted: u64,
    waiting: BTreeMap<Ticket, Waiting>,
    log: Vec<Record>,
    durable: usize,
    parked: VecDeque<(usize, Ticket, Reply)>,
    /// Commits that were taken: the end of the log by then, partition, offset.
    pub(super) commits: Vec<(usize, TopicId, i32, i64)>,
    pub(super) epochs: Epochs,
    pub(super) kind: Option<bool>,
    happened: Happened,
    trace: DefaultHasher,
}

fn settings(chance: &mut Chance) -> GroupSettings {
    GroupSettings {
        session_timeout_min_ms: 1_000,
        session_timeout_max_ms: 1_800_000,
        initial_rebalance_delay_ms: [0, 3_000][chance.below(2) as usize],
        members_max: 1_000,
        consumer_session_timeout_ms: 8_000 + chance.below(3) * 4_000,
        consumer_heartbeat_interval_ms: 3_000,
        consumer_limits: ConsumerLimits {
            session_timeout_ms: 1_000..=60_000,
            heartbeat_interval_ms: 1_000..=15_000,
            assignment_interval_ms: 0..=15_000,
        },
        consumer_members_max: 1_000,
        consumer_assignors: vec!["uniform".to_owned(), "range".to_owned()],
        consumer_assignment_interval_ms: 0,
        consumer_regex_refresh_interval_ms: 600_000,
        migration_policy: "bidirectional".to_owned(),
        rebalance_protocols: Vec::new(),
        version: None,
        offset_metadata_bytes_max: 4_096,
        offsets_retention_minutes: 10_080,
        offsets_check_interval_ms: 600_000,
        topic_partitions: 1,
        topic_segment_bytes: 1,
    }
}

impl World {
    /// A wider history.
    pub(super) fn wider(seed: u64) -> World {
        let mut world = World::new(seed);
        let mut chance = Chance::new(!seed);
        world.policy = ["bidirectional", "upgrade"][chance.below(2) as usize];
        world.machine = world.machine_of(seed);
        world.wider = Some(chance);
        world
    }

    fn machine_of(&self, seed: u64) -> GroupMachine {
        let migration_policy = self.policy.to_owned();
        GroupMachine::new(&GroupSettings { migration_policy, ..settings(&mut Chance::new(seed)) })
    }

    pub(super) fn new(seed: u64) -> World {
        let mut chance = Chance::new(seed);
        let image = Arc::new(Image::of(&[create(TOPICS[0], 3)]));
        let assignment_interval = ms([0, 1_000][chance.below(2) as usize]);
        let machine = GroupMachine::new(&settings(&mut Chance::new(seed)));
        World {
            chance,
            wider: None,
            policy: "bidirectional",
            now: ms(10_000),
            view: View { image, assignment_interval },
            machine,
            clients: Vec::new(),
            events: BTreeMap::new(),
            counted: seed << 20,
            waiting: BTreeMap::new(),
            log: Vec::new(),
            durable: 0,
            parked: VecDeque::new(),
            commits: Vec::new(),
            epochs: Epochs::default(),
            kind: None,
            happened: Happened::new(),
            trace: DefaultHasher::new(),
        }
    }

    /// Lives the history; returns what distinguishes it from others, and what happened.
    pub(super) fn run(mut self) -> (u64, Happened) {
        for _ in 0..=self.chance.below(4) {
            self.spawn(None);
        }
        self.schedule(ms(100), Event::Fate);
        self.live_until(ms(20_000) + CHAOS, |_| false);
        let deadline = self.now + QUIET_MAX;
        self.live_until(deadline, World::is_at_rest);
        assert!(self.is_at_rest(), "no rest: {:#?} {:#?}", self.machine.groups(), self.clients);
        let live = self.clients.iter().filter(|client| client.is_live());
        let classics = live.clone().filter(|client| client.is_classic).count();
        let rest = match (live.count(), classics) {
            (0, _) => "at rest, nobody",
            (_, 0) => "at rest, new",
            (all, some) if all == some => "at rest, classic",
            _ => "at rest, mixed",
        };
        self.happens(rest);
        self.live_until(self.now + ms(30_000), |_| false);
        assert!(self.is_at_rest(), "no rest for long: {:#?} {:#?}", self.machine.groups(), self.clients);
        // What was asked in the last moment is answered in the next.
        self.live_until(self.now + ms(1_000), |world| world.waiting.is_empty());
        assert!(self.waiting.is_empty(), "tickets without answer");
        (self.trace.finish(), self.happened)
    }

    pub(super) fn happens(&mut self, what: &str) {
        *self.happened.entry(what.to_owned()).or_default() += 1;
    }

    fn is_chaos(&self) -> bool {
        self.now < CHAOS
    }

    pub(super) fn moment(&self) -> Moment {
        let wall = Timestamp(1_700_000_000_000 + self.now.as_millis() as i64);
        Moment { wall, proven: wall, monotonic: self.now }
    }

    fn schedule(&mut self, after: Duration, event: Event) {
        self.counted += 1;
        self.events.insert((self.now + after, self.counted), event);
    }

    fn live_until(&mut self, end: Duration, done: impl Fn(&World) -> bool) {
        while self.now < end && !done(self) {
            let next = self.events.first_key_value().map(|((at, _), _)| *at);
            let due = self.machine.due();
            let at = [next, due, Some(end)].into_iter().flatten().min().expect("an end").max(self.now);
            self.now = at;
            if due.is_some_and(|due| due <= at) {
                self.step(|machine, now, effects| machine.tick(now, effects));
                continue;
            }
            if next == Some(at) {
                let (_, event) = self.events.pop_first().expect("it is there");
                self.handle(event);
            }
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Deliver { client, attempt, command } => self.deliver(client, attempt, command),
            Event::Answer { client, attempt, reply } => self.answer(client, attempt, reply),
            Event::GiveUp { client, attempt } => {
                if self.clients[client].attempt == Some(attempt) {
                    self.clients[client].attempt = None;
                    self.clients[client].says_all = true;
                    self.plan(client, ms(100));
                }
            }
            Event::Act { client, plan } => {
                if self.clients[client].plan == plan {
                    self.act(client);
                }
            }
            Event::Fate => self.fate(),
            Event::Durable(upto) => {
                self.durable = self.durable.max(upto.min(self.log.len()));
                self.tell();
            }
        }
    }

    fn plan(&mut self, client: usize, after: Duration) {
        self.counted += 1;
        let plan = self.counted;
        self.clients[client].plan = plan;
        self.schedule(after, Event::Act { client, plan });
    }

    fn spawn(&mut self, instance: Option<Name>) {
        let instance = instance.or_else(|| {
            let number = self.chance.below(2);
            self.chance.one_in(3).then(|| Name::from(format!("i-{number}")))
        });
        // Two that live under one static id would fence each other for ever.
        let taken = |client: &Client| client.is_live() && client.instance.is_some() && client.instance == instance;
        if self.clients.iter().any(taken) {
            return;
        }
        self.counted += 1;
        let is_classic = self.chance.one_in(2);
        let mut client = Client::new(self.counted, is_classic, instance, &mut self.chance);
        if let Some(chance) = &mut self.wider {
            client.is_cooperative = chance.one_in(2);
            client.is_narrow = !client.is_classic && chance.one_in(3);
            client.assignor = [None, None, Some("uniform"), Some("range")][chance.below(4) as usize];
        }
        self.clients.push(client);
        let after = ms(self.chance.below(2_000));
        self.plan(self.clients.len() - 1, after);
    }

    /// A client sends what is next, on a network that may do anything to it.
    fn act(&mut self, client: usize) {
        self.counted += 1;
        let attempt = self.counted;
        let of = &mut self.clients[client];
        of.come_to(false);
        of.look_at_topics(&self.view.image);
        let Some(mut command) = of.request() else { return };
        // Never twice without a heartbeat in between: only those keep it in the group.
        let commits = of.phase == Phase::Steady && !of.has_committed && self.chance.one_in(4);
        of.has_committed = commits;
        if commits {
            command = self.commit_of(client).map_or(command, Command::CommitOffsets);
        }
        self.clients[client].attempt = Some(attempt);
        let patience = self.clients[client].patience();
        self.schedule(patience, Event::GiveUp { client, attempt });
        let copies = match self.is_chaos() {
            true if self.chance.one_in(12) => 0,
            true if self.chance.one_in(12) => 2,
            _ => 1,
        };
        self.clients[client].is_doubled |= copies > 1;
        for _ in 0..copies {
            let delay = self.delay();
            self.schedule(delay, Event::Deliver { client, attempt, command: command.clone() });
        }
    }

    fn commit_of(&mut self, client: usize) -> Option<CommitOffsets> {
        let of = &self.clients[client];
        let (topic, partition) = of.some_partition(&mut self.chance)?;
        let topic = TOPICS.into_iter().find(|name| id(name) == topic && self.view.image.topic(name).is_some())?;
        self.counted += 1;
        let mut request = commit(&of.member, of.epoch, &[(topic, partition)]);
        request.offsets[0].offset = Offset(self.counted as i64);
        request.instance = of.instance.clone();
        Some(request)
    }

    fn delay(&mut self) -> Duration {
        let late = self.is_chaos() && self.chance.one_in(20);
        ms(1 + self.chance.below(if late { 5_000 } else { 30 }))
    }

    fn deliver(&mut self, client: usize, attempt: u64, mut command: Command) {
        self.counted += 1;
        if let Command::Join(join) = &mut command {
            // The handler makes it, anew for each request.
            join.fresh = Uuid::from_u128(u128::from(self.counted));
        }
        let ticket = Ticket(self.counted);
        let commits = match &command {
            Command::CommitOffsets(request) => {
                let one = &request.offsets[0];
                Some((one.topic_id, one.partition.0, one.offset.0))
            }
            _ => None,
        };
        self.waiting.insert(ticket, Waiting { client, attempt, commits });
        let asked = Asked { view: self.view.clone(), command };
        self.step(|machine, now, effects| machine.command(now, ticket, asked, effects));
    }

    fn step(&mut self, step: impl FnOnce(&mut GroupMachine, Moment, &mut Effects<Reply>)) {
        let (moment, mut effects) = (self.moment(), Effects::default());
        step(&mut self.machine, moment, &mut effects);
        self.log.extend(effects.records);
        let end = self.log.len();
        for (ticket, reply) in effects.replies {
            let waiting = self.waiting.get(&ticket).expect("a ticket is answered once");
            if let (Some((topic, partition, offset)), Reply::CommitOffsets(Ok(_))) = (waiting.commits, &reply) {
                self.commits.push((end, topic, partition, offset));
            }
            format!("{:?} {reply:?}", self.now).hash(&mut self.trace);
            self.parked.push_back((end, ticket, reply));
        }
        if end > self.durable {
            let after = ms(self.chance.below(20));
            self.schedule(after, Event::Durable(end));
        }
        self.check();
        self.tell();
    }

    /// Replies go when what they rest on is durable.
    fn tell(&mut self) {
        while self.parked.front().is_some_and(|(end, ..)| *end <= self.durable) {
            let (_, ticket, reply) = self.parked.pop_front().expect("it is there");
            let Waiting { client, attempt, .. } = self.waiting.remove(&ticket).expect("answered once");
            if self.is_chaos() && self.chance.one_in(15) {
                continue;
            }
            let delay = self.delay();
            self.schedule(delay, Event::Answer { client, attempt, reply });
        }
    }

    fn answer(&mut self, client: usize, attempt: u64, reply: Reply) {
        if self.clients[client].attempt != Some(attempt) {
            return;
        }
        self.clients[client].attempt = None;
        if let Reply::CommitOffsets(told) = reply {
            match told {
                Ok(_) => self.happens("committed"),
                Err(error) => self.happens(&format!("{error:?}")),
            }
            return self.plan(client, ms(500));
        }
        let image = self.view.image.clone();
        let next = self.clients[client].take(reply, &image, &mut self.chance);
        if let Some(error) = next.what {
            self.happens(&format!("{error:?}"));
        }
        if self.clients[client].is_live() {
            self.plan(client, next.after);
        } else if self.clients[client].for_now && self.clients[client].instance.is_some() {
            let instance = self.clients[client].instance.clone();
            self.spawn(instance);
        }
    }

    fn fate(&mut self) {
        if !self.is_chaos() {
            return;
        }
        let pause = ms(500 + self.chance.below(4_000));
        self.schedule(pause, Event::Fate);
        let some = self.clients.len().max(1) as u64;
        let client = self.chance.below(some) as usize;
        match self.chance.below(10) {
            0..=2 if self.clients.iter().filter(|client| client.is_live()).count() < 6 => self.spawn(None),
            3 | 4 => {
                // It ends in order: for good, or as a static member that will be back.
                let for_now = self.chance.one_in(2);
                if let Some(client) = self.clients.get_mut(client).filter(|client| client.is_live()) {
                    client.phase = Phase::Leaving;
                    client.for_now = for_now && client.instance.is_some();
                    client.attempt = None;
                }
                if client < self.clients.len() {
                    self.plan(client, ms(1));
                }
            }
            5 => {
                // It is killed. One that is static is started again.
                let Some(of) = self.clients.get_mut(client).filter(|client| client.is_live()) else { return };
                of.phase = Phase::Gone;
                of.attempt = None;
                let instance = of.instance.clone();
                if instance.is_some() {
                    self.spawn(instance);
                }
            }
            6 => self.restart(),
            7 => self.change_topics(),
            8 => self.change_mind(client),
            _ => {}
        }
    }

    /// A member of the new protocol wants other topics, in a wider history.
    fn change_mind(&mut self, client: usize) {
        let Some(of) = self.clients.get_mut(client).filter(|_| self.wider.is_some()) else { return };
        if !of.is_classic && of.phase == Phase::Steady && of.attempt.is_none() {
            of.is_narrow = !of.is_narrow;
            of.says_all = true;
            self.plan(client, ms(1));
        }
    }

    fn change_topics(&mut self) {
        let change = match self.view.image.topic(TOPICS[1]) {
            None => create(TOPICS[1], 2),
            Some(topic) if self.wider.as_mut().is_some_and(|chance| chance.one_in(3)) => {
                TopicChange::DeleteTopic { id: topic.id }
            }
            Some(topic) if topic.partitions < PARTITIONS_MAX => {
                TopicChange::AddPartitions { id: topic.id, count: topic.partitions + 1 }
            }
            Some(_) => return,
        };
        self.view.image = Arc::new(self.view.image.with(&[change]));
    }

    fn loaded(&self, log: &[Record]) -> GroupMachine {
        let mut machine = self.machine_of(0);
        for (offset, record) in (0..).zip(log) {
            let (key, value) = (&record.key[..], record.value.as_deref());
            machine.replay(Stored { offset: Offset(offset), timestamp: Timestamp(0), key, value });
        }
        machine
    }

    /// The coordinator starts anew with what is durable; who waits is told nothing.
    fn restart(&mut self) {
        self.happens("restarted");
        self.log.truncate(self.durable);
        self.commits.retain(|(end, ..)| *end <= self.durable);
        self.parked.clear();
        self.waiting.clear();
        self.events
            .retain(|_, event| !matches!(event, Event::Deliver { .. } | Event::Answer { .. } | Event::Durable(_)));
        self.machine = self.loaded(&self.log);
        if let Some(chance) = &mut self.wider {
            let compacted = compacted(&self.log, chance);
            let other = self.loaded(&compacted);
            let (is, compacted) = (format!("{:#?}", self.machine.groups()), format!("{:#?}", other.groups()));
            assert_eq!(is, compacted, "a log and the same compacted");
        }
        self.epochs = Epochs::default();
        self.kind = None;
        self.step(|machine, now, effects| machine.loaded(now, effects));
        self.check_offsets();
        self.check_told();
        for client in 0..self.clients.len() {
            if self.clients[client].attempt.take().is_some() {
                self.clients[client].says_all = true;
                self.plan(client, ms(100));
            }
        }
    }
}

/// A log whose older part was compacted, and whose still older part has lost its tombstones, too.
fn compacted(log: &[Record], chance: &mut Chance) -> Vec<Record> {
    let clean = chance.below(log.len() as u64 + 1) as usize;
    let old = chance.below(clean as u64 + 1) as usize;
    let last: BTreeMap<&[u8], usize> = (0..clean).map(|at| (&log[at].key[..], at)).collect();
    let stays = |at: usize| at >= clean || last[&log[at].key[..]] == at && (at >= old || log[at].value.is_some());
    (0..log.len()).filter(|at| stays(*at)).map(|at| log[at].clone()).collect()
}
