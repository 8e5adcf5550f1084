//! One group through a flow of records, while its members join and leave by a [`Schedule`].
//!
//! What must hold: every record was done by some member; by one only where members commit when partitions are taken from
//! them; what was committed in the end is what was produced, and what the members say of their last commits.

use super::schedule::{Schedule, Step};
use crate::admin;
use crate::clients::{Client, Clients};
use crate::member::{Ended, Joining, Member};
use crate::record::{Row, decode};
use crate::report::Outcome;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

/// Partitions of the topic.
const PARTITIONS: i32 = 6;
/// Records that are sent between two looks at the time.
const BURST: usize = 200;
/// A liveness bound for everything to be done after the flow, and for a request.
const DONE_WITHIN: Duration = Duration::from_secs(60);

/// Who is in the group.
pub(super) enum Kind {
    /// One client, many times.
    Alone(String),
    /// Each member another client, in turn.
    Mixed(&'static [&'static str]),
}

/// A flow to be run.
pub(super) struct Flow {
    pub(super) name: String,
    kind: Kind,
    assignor: Option<String>,
    schedule: Schedule,
}

impl Flow {
    pub(super) fn of(name: &str, kind: Kind, assignor: Option<&str>, schedule: Schedule) -> Flow {
        Flow { name: name.to_owned(), kind, assignor: assignor.map(str::to_owned), schedule }
    }

    pub(super) fn run(&self, clients: &Clients, bootstrap: &str, rows: &[Row]) -> Outcome {
        let run = || {
            let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
            let mut stage = Stage::set(self, clients, bootstrap, dir.path())?;
            match stage.play(rows) {
                Err(error) if stage.refusal().is_some() => Ok(Outcome::Cannot(stage.refusal().unwrap_or(error))),
                Err(error) => Err(error),
                Ok(figure) => Ok(Outcome::Passed(figure)),
            }
        };
        run().unwrap_or_else(Outcome::Failed)
    }

    /// The assignors of a member of this protocol: with the consumer protocol the broker's own choice.
    fn assignor(&self, protocol: &'static str) -> Option<&str> {
        let is_upgrade =
            self.schedule.steps.iter().any(|(_, step)| ![Step::Leave, Step::Join(protocol)].contains(step));
        self.assignor.as_deref().filter(|_| protocol == "classic" || !is_upgrade)
    }

    fn client<'a>(&self, clients: &'a Clients, at: usize) -> Result<&'a Client, String> {
        match &self.kind {
            Kind::Alone(name) => clients.named(name),
            Kind::Mixed(names) => clients.named(names[at % names.len()]),
        }
    }
}

/// A flow under way.
struct Stage<'a> {
    flow: &'a Flow,
    clients: &'a Clients,
    bootstrap: &'a str,
    topic: String,
    dir: &'a Path,
    members: Vec<Member>,
    ended: Vec<Ended>,
    /// Steps that were taken.
    steps: usize,
    stall: Stall,
}

/// How long nobody did anything, once somebody had begun.
#[derive(Default)]
struct Stall {
    bytes: u64,
    since: Option<Instant>,
    longest: Duration,
}

impl Stall {
    fn look(&mut self, bytes: u64) {
        let now = Instant::now();
        if let Some(since) = self.since {
            self.longest = self.longest.max(now - since);
        }
        if bytes > self.bytes {
            (self.bytes, self.since) = (bytes, Some(now));
        }
    }
}

impl<'a> Stage<'a> {
    fn set(flow: &'a Flow, clients: &'a Clients, bootstrap: &'a str, dir: &'a Path) -> Result<Self, String> {
        let topic = format!("flow.{}", flow.name.replace([' ', ','], "-"));
        // The data set's dates are decades back.
        admin::create_topic(bootstrap, &topic, PARTITIONS, &[("retention.ms", "-1")])?;
        Ok(Stage {
            flow,
            clients,
            bootstrap,
            topic,
            dir,
            members: Vec::new(),
            ended: Vec::new(),
            steps: 0,
            stall: Stall::default(),
        })
    }

    fn refusal(&self) -> Option<String> {
        self.members.iter().find_map(Member::refusal)
    }

    fn play(&mut self, rows: &[Row]) -> Result<String, String> {
        let produced = self.send(rows, Instant::now())?;
        self.await_work(&produced)?;
        while self.ended.len() < self.members.len() {
            self.stop_oldest()?;
        }
        self.judge(&produced)
    }

    fn join(&mut self, protocol: &'static str) -> Result<(), String> {
        let at = self.members.len();
        let client = self.flow.client(self.clients, at)?;
        let joining = Joining {
            bootstrap: self.bootstrap,
            topic: &self.topic,
            group: &self.topic,
            protocol,
            assignor: self.flow.assignor(protocol),
            instance: None,
        };
        self.members.push(Member::start(self.clients, client, &joining, self.dir, &format!("member-{at}"))?);
        Ok(())
    }

    fn stop_oldest(&mut self) -> Result<(), String> {
        let ended = self.members[self.ended.len()].stop()?;
        self.ended.push(ended);
        Ok(())
    }

    fn steps_left(&self) -> &'static [(u64, Step)] {
        &self.flow.schedule.steps[self.steps..]
    }

    /// Members come and go as is due.
    fn tend(&mut self, since: Duration) -> Result<(), String> {
        while let Some((_, step)) = self.steps_left().first().filter(|(due, _)| since.as_secs() >= *due) {
            self.steps += 1;
            match step {
                Step::Join(protocol) => self.join(protocol)?,
                Step::Leave => self.stop_oldest()?,
            }
        }
        self.stall.look(self.members.iter().map(Member::work_bytes).sum());
        match self.refusal() {
            Some(words) => Err(words),
            None => Ok(()),
        }
    }

    /// Sends all records over the time of the flow; the end of each partition.
    fn send(&mut self, rows: &[Row], begun: Instant) -> Result<Vec<i64>, String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap).set("enable.idempotence", "true").set("linger.ms", "5");
        let producer: ThreadedProducer<DefaultProducerContext> = config.create().map_err(|error| error.to_string())?;
        let mut ends = vec![0; PARTITIONS as usize];
        for (burst, part) in rows.chunks(BURST).enumerate() {
            let share = (burst * BURST) as f64 / rows.len() as f64;
            loop {
                let since = begun.elapsed();
                self.tend(since)?;
                let due = self.flow.schedule.flow.mul_f64(share);
                if since >= due {
                    break;
                }
                std::thread::sleep((due - since).min(Duration::from_millis(20)));
            }
            for (at, row) in part.iter().enumerate() {
                let partition = (burst * BURST + at) % ends.len();
                send(&producer, &self.topic, partition, row)?;
                ends[partition] += 1;
            }
        }
        producer.flush(DONE_WITHIN).map_err(|error| error.to_string())?;
        while !self.steps_left().is_empty() {
            self.tend(begun.elapsed())?;
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(ends)
    }

    /// How often each record was done.
    fn done(&self) -> Result<BTreeMap<(i32, i64), u32>, String> {
        let mut done = BTreeMap::new();
        for member in &self.members {
            member.work()?.into_iter().for_each(|record| *done.entry(record).or_default() += 1);
        }
        Ok(done)
    }

    fn await_work(&self, produced: &[i64]) -> Result<(), String> {
        let (begun, mut seen) = (Instant::now(), 0);
        let all: i64 = produced.iter().sum();
        loop {
            let bytes: u64 = self.members.iter().map(Member::work_bytes).sum();
            if bytes != seen && self.done()?.len() as i64 == all {
                return Ok(());
            }
            seen = bytes;
            if begun.elapsed() > DONE_WITHIN {
                let done = self.done()?.len();
                let words: Vec<_> = self.members.iter().map(|member| (&member.name, member.words())).collect();
                return Err(format!("{done} of {all} records were done within {DONE_WITHIN:?}: {words:?}"));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    fn judge(&self, produced: &[i64]) -> Result<String, String> {
        let done = self.done()?;
        let strange = done.keys().find(|(partition, offset)| {
            usize::try_from(*partition).ok().and_then(|at| produced.get(at)).is_none_or(|end| offset >= end)
        });
        if let Some(record) = strange {
            return Err(format!("{record:?} was never produced"));
        }
        let twice = done.values().filter(|times| **times > 1).count();
        let at_revoke = self.ended.iter().all(|ended| ended.commits_at_revoke);
        let errors: Vec<String> = self.members.iter().flat_map(Member::errors).collect();
        if at_revoke && twice > 0 {
            return Err(format!("{twice} of {} records were done twice; errors told: {errors:?}", done.len()));
        }
        if let Some(max) = self.flow.schedule.stall_max.filter(|max| self.stall.longest > *max) {
            return Err(format!(
                "nobody did anything for {} ms, {} ms are allowed",
                self.stall.longest.as_millis(),
                max.as_millis()
            ));
        }
        let committed = self.committed()?;
        if committed != produced {
            return Err(format!("{committed:?} was committed, {produced:?} was produced; errors told: {errors:?}"));
        }
        let said = self.ended.iter().flat_map(|ended| &ended.committed);
        let last = said.fold(BTreeMap::new(), |mut last: BTreeMap<i32, i64>, (at, next)| {
            let seen = last.entry(*at).or_default();
            *seen = (*seen).max(*next);
            last
        });
        let said: Vec<i64> = (0..PARTITIONS).map(|at| last.get(&at).copied().unwrap_or(0)).collect();
        if said != produced {
            return Err(format!("the members say that they committed {said:?}, and {produced:?} was produced"));
        }
        let how = if at_revoke { "commits when partitions go" } else { "commits after each batch" };
        let first = self.members.iter().filter_map(Member::first_ms).fold(f64::INFINITY, f64::min);
        Ok(format!(
            "{} records, {twice} twice ({how}), first after {first:.0} ms, nobody worked for {} ms at most, {} errors told",
            done.len(),
            self.stall.longest.as_millis(),
            errors.len()
        ))
    }

    /// What the broker says was committed.
    fn committed(&self) -> Result<Vec<i64>, String> {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", self.bootstrap).set("group.id", &self.topic);
        let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
        let mut asked = TopicPartitionList::new();
        asked.add_partition_range(&self.topic, 0, PARTITIONS - 1);
        let told = consumer.committed_offsets(asked, DONE_WITHIN).map_err(|error| error.to_string())?;
        let offset = |at: i32| match told.find_partition(&self.topic, at).map(|found| found.offset()) {
            Some(Offset::Offset(offset)) => offset,
            Some(_) | None => 0,
        };
        Ok((0..PARTITIONS).map(offset).collect())
    }
}

fn send(
    producer: &ThreadedProducer<DefaultProducerContext>,
    topic: &str,
    partition: usize,
    row: &Row,
) -> Result<(), String> {
    let (key, value) = (row.k.as_deref().map(decode), row.v.as_deref().map(decode));
    let partition = i32::try_from(partition).map_err(|error| error.to_string())?;
    let mut record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).timestamp(row.t);
    if let Some(key) = key.as_deref() {
        record = record.key(key);
    }
    if let Some(value) = value.as_deref() {
        record = record.payload(value);
    }
    producer.send(record).map_err(|(error, _)| error.to_string())
}
