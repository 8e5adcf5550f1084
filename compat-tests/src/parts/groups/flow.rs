//! One group through a flow of records.
//!
//! ```text
//!   time, s     0    4       9       14    17         the flow ends
//!   members     1    3       5       4     3          all stop when everything is done
//! ```
//!
//! What must hold: every record was done by some member; by one only where members commit when partitions are taken from
//! them; what was committed in the end is what was produced, and what the members say of their last commits.

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
/// Members at most.
const MEMBERS: usize = 5;
/// How long the flow takes.
const FLOW: Duration = Duration::from_secs(20);
/// When members join, and when the oldest leave, after the beginning of the flow.
const JOIN: [u64; MEMBERS] = [0, 4, 4, 9, 9];
const LEAVE: [u64; 2] = [14, 17];
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
}

impl Flow {
    pub(super) fn of(name: &str, kind: Kind, assignor: Option<&str>) -> Flow {
        Flow { name: name.to_owned(), kind, assignor: assignor.map(str::to_owned) }
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
    stopped: usize,
}

impl<'a> Stage<'a> {
    fn set(flow: &'a Flow, clients: &'a Clients, bootstrap: &'a str, dir: &'a Path) -> Result<Self, String> {
        let topic = format!("flow.{}", flow.name.replace([' ', ','], "-"));
        // The data set's dates are decades back.
        admin::create_topic(bootstrap, &topic, PARTITIONS, &[("retention.ms", "-1")])?;
        Ok(Stage { flow, clients, bootstrap, topic, dir, members: Vec::new(), ended: Vec::new(), stopped: 0 })
    }

    fn refusal(&self) -> Option<String> {
        self.members.iter().find_map(Member::refusal)
    }

    fn play(&mut self, rows: &[Row]) -> Result<String, String> {
        let begun = Instant::now();
        self.join()?;
        let produced = self.send(rows, begun)?;
        self.await_work(&produced)?;
        while self.stopped < self.members.len() {
            self.stop_oldest()?;
        }
        self.judge(&produced)
    }

    fn join(&mut self) -> Result<(), String> {
        let at = self.members.len();
        let client = self.flow.client(self.clients, at)?;
        let joining = Joining {
            bootstrap: self.bootstrap,
            topic: &self.topic,
            group: &self.topic,
            protocol: "classic",
            assignor: self.flow.assignor.as_deref(),
            instance: None,
        };
        self.members.push(Member::start(self.clients, client, &joining, self.dir, &format!("member-{at}"))?);
        Ok(())
    }

    fn stop_oldest(&mut self) -> Result<(), String> {
        let ended = self.members[self.stopped].stop()?;
        self.stopped += 1;
        self.ended.push(ended);
        Ok(())
    }

    /// Members come and go as is due.
    fn tend(&mut self, since: Duration) -> Result<(), String> {
        while JOIN.get(self.members.len()).is_some_and(|due| since.as_secs() >= *due) {
            self.join()?;
        }
        while LEAVE.get(self.stopped).is_some_and(|due| since.as_secs() >= *due) {
            self.stop_oldest()?;
        }
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
                let due = FLOW.mul_f64(share);
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
        while begun.elapsed() < Duration::from_secs(LEAVE[LEAVE.len() - 1] + 1) {
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
        let first = self.members[0].first_ms().unwrap_or(f64::NAN);
        Ok(format!(
            "{} records, {twice} twice ({how}), first after {first:.0} ms, {} errors told",
            done.len(),
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
