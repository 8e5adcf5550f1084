//! kill -9 under groups whose members join, leave and commit: after each restart every group goes on by itself, and every
//! committed offset is that of the last commit that was acknowledged, or of one that ran beside it.

mod commits;

use crate::admin;
use crate::broker::{Ottla, Setup};
use crate::parts::{Context, Faults};
use crate::report::{Report, spread};
use crate::rng::Rng;
use commits::Commits;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

const TOPIC: &str = "group-chaos";
const PARTITIONS: i32 = 4;
const GROUPS: usize = 20;
const MEMBERS: usize = 2;
/// How long a member stays before it leaves and joins anew, milliseconds.
const STAY_MS: (u64, u64) = (3_000, 12_000);
/// How long the broker lives after every group has gone on, milliseconds.
const LIFE_MS: (u64, u64) = (0, 2_000);
/// Pause between two records.
const SEND_PAUSE: Duration = Duration::from_millis(5);
/// Records that a member does between two commits, at most.
const COMMIT_EVERY: usize = 50;
/// A liveness bound for a group to go on after a restart: members that the kill cut off in a join come back after their
/// session, six seconds.
const ON_WITHIN: Duration = Duration::from_secs(60);

/// What the members of a group did.
#[derive(Default)]
struct Done {
    /// How far each partition was done without a gap, and what was done beyond that.
    upto: BTreeMap<i32, i64>,
    beyond: BTreeMap<i32, std::collections::BTreeSet<i64>>,
    commits: Commits,
}

impl Done {
    fn add(&mut self, partition: i32, offset: i64) {
        let upto = self.upto.entry(partition).or_default();
        let beyond = self.beyond.entry(partition).or_default();
        beyond.insert(offset);
        while beyond.remove(upto) {
            *upto += 1;
        }
        // What was done before is done again after a kill.
        beyond.retain(|offset| offset >= upto);
    }
}

struct Group {
    id: String,
    done: Mutex<Done>,
    /// Commits that were acknowledged.
    commits: AtomicU64,
}

/// Both durabilities in a long run, the default one in CI.
pub fn part(report: &mut Report, context: &Context) {
    let modes = if context.long { &["fsync", "os"][..] } else { &["fsync"][..] };
    let name = format!("kill -9 under {GROUPS} groups");
    let faults = Faults { name: &name, modes, check: |mode| format!("group-chaos-{mode}") };
    faults.report(report, context, |mode, seed| run(&context.binary, mode, context.size(25, 100), seed));
}

fn run(binary: &Path, durability: &str, cycles: usize, seed: u64) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let setup = Setup::new(binary, &dir.path().join("data")).with("ottla.durability", durability);
    let setup = setup.with("group.initial.rebalance.delay.ms", "0");
    let mut rng = Rng::new(seed);
    let mut broker = setup.start()?;
    admin::create_topic(&broker.bootstrap, TOPIC, PARTITIONS, &[])?;
    let crowd = Crowd::start(&broker.bootstrap, &mut rng)?;
    let mut waits = vec![crowd.goes_on(Instant::now()).map_err(|error| format!("at first: {error}"))?];
    for cycle in 0..cycles {
        std::thread::sleep(Duration::from_millis(rng.between(LIFE_MS.0, LIFE_MS.1)));
        if !broker.alive() {
            return Err(format!("the broker ended by itself before kill {cycle}"));
        }
        broker.kill();
        broker = setup.start().map_err(|error| format!("start after kill {cycle}: {error}"))?;
        crowd.are_kept(&broker.bootstrap).map_err(|error| format!("after kill {cycle}: {error}"))?;
        waits.push(crowd.goes_on(broker.spawned).map_err(|error| format!("after kill {cycle}: {error}"))?);
    }
    let counts = crowd.finish(broker, &setup)?;
    Ok(format!("{cycles} kills, seed {seed}, {counts}; restart until all groups have committed {}", spread(waits)))
}

/// All groups, their members at work, and who produces for them.
struct Crowd {
    bootstrap: String,
    groups: Vec<Arc<Group>>,
    stop: Arc<AtomicBool>,
    members: Vec<JoinHandle<Result<(), String>>>,
    producer_stop: Arc<AtomicBool>,
    producer: Option<JoinHandle<Result<(), String>>>,
}

impl Crowd {
    fn start(bootstrap: &str, rng: &mut Rng) -> Result<Crowd, String> {
        let (stop, producer_stop) = (Arc::<AtomicBool>::default(), Arc::<AtomicBool>::default());
        let group = |at| Group { id: format!("crowd-{at}"), done: Mutex::default(), commits: AtomicU64::new(0) };
        let groups: Vec<_> = (0..GROUPS).map(group).map(Arc::new).collect();
        let mut members = Vec::new();
        for group in &groups {
            for _ in 0..MEMBERS {
                let (bootstrap, group, stop) = (bootstrap.to_owned(), group.clone(), stop.clone());
                let rng = Rng::new(rng.bits());
                members.push(std::thread::spawn(move || attend(&bootstrap, &group, rng, &stop)));
            }
        }
        let producer = {
            let (bootstrap, stop) = (bootstrap.to_owned(), producer_stop.clone());
            Some(std::thread::spawn(move || produce(&bootstrap, &stop)))
        };
        Ok(Crowd { bootstrap: bootstrap.to_owned(), groups, stop, members, producer_stop, producer })
    }

    /// Waits until every group has had a commit acknowledged from now on; how long after `begun` that was.
    fn goes_on(&self, begun: Instant) -> Result<Duration, String> {
        let before: Vec<u64> = self.groups.iter().map(|group| group.commits.load(Ordering::SeqCst)).collect();
        let since = Instant::now();
        loop {
            let still = |(group, before): (&Arc<Group>, &u64)| group.commits.load(Ordering::SeqCst) == *before;
            let waiting = self.groups.iter().zip(&before).filter(|pair| still(*pair)).count();
            if waiting == 0 {
                return Ok(begun.elapsed());
            }
            if since.elapsed() > ON_WITHIN {
                return Err(format!("{waiting} of {GROUPS} groups have committed nothing within {ON_WITHIN:?}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Every committed offset is one that the commits before the call, and those beside it, can have left there.
    fn are_kept(&self, bootstrap: &str) -> Result<(), String> {
        self.groups.iter().try_for_each(|group| {
            let asked = Instant::now();
            let committed = committed(bootstrap, &group.id)?;
            let mut done = group.done.lock().expect("no holder panicked");
            let kept = (0..PARTITIONS).try_for_each(|at| done.commits.allow(at, committed.get(&at).copied(), asked));
            kept.map_err(|error| format!("{}: {error}", group.id))
        })
    }

    /// Lets everybody come to the end of the topic and leave, kills the broker once more, and looks at what is kept.
    fn finish(mut self, broker: Ottla, setup: &Setup) -> Result<String, String> {
        self.producer_stop.store(true, Ordering::SeqCst);
        let producer = self.producer.take().expect("it was started");
        producer.join().map_err(|_| "the producer panicked")??;
        let ends = ends(&self.bootstrap)?;
        let begun = Instant::now();
        let is_done = |group: &Arc<Group>| group.done.lock().expect("no holder panicked").upto == ends;
        while !self.groups.iter().all(is_done) {
            if begun.elapsed() > ON_WITHIN {
                let behind = self.groups.iter().find(|group| !is_done(group)).expect("one of them");
                let upto = behind.done.lock().expect("no holder panicked").upto.clone();
                return Err(format!("{} has done everything up to {upto:?}, the topic ends at {ends:?}", behind.id));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        self.stop.store(true, Ordering::SeqCst);
        for member in self.members.drain(..) {
            member.join().map_err(|_| "a member panicked")??;
        }
        broker.kill();
        let broker = setup.start()?;
        self.are_kept(&broker.bootstrap)?;
        let code = broker.stop()?;
        if code != 0 {
            return Err(format!("graceful stop ended with code {code}"));
        }
        let commits: u64 = self.groups.iter().map(|group| group.commits.load(Ordering::SeqCst)).sum();
        let overtaken = |group: &Arc<Group>| group.done.lock().expect("no holder panicked").commits.overtaken;
        let overtaken: usize = self.groups.iter().map(overtaken).sum();
        let records = ends.values().sum::<i64>();
        Ok(format!(
            "{records} records in each of {GROUPS} groups, {commits} commits, {overtaken} times one behind another was the last"
        ))
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        self.producer_stop.store(true, Ordering::SeqCst);
    }
}

/// Joins, works and leaves, again and again.
fn attend(bootstrap: &str, group: &Group, mut rng: Rng, stop: &AtomicBool) -> Result<(), String> {
    while !stop.load(Ordering::SeqCst) {
        let consumer = consumer(bootstrap, &group.id)?;
        consumer.subscribe(&[TOPIC]).map_err(|error| error.to_string())?;
        let until = Instant::now() + Duration::from_millis(rng.between(STAY_MS.0, STAY_MS.1));
        while Instant::now() < until && !stop.load(Ordering::SeqCst) {
            work(&consumer, group);
        }
    }
    Ok(())
}

/// Does what comes in a while, then commits it.
fn work(consumer: &BaseConsumer, group: &Group) {
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    let until = Instant::now() + Duration::from_millis(200);
    for _ in 0..COMMIT_EVERY {
        let left = until.saturating_duration_since(Instant::now());
        // Errors while the broker is down are the clients' to get over.
        let Some(Ok(message)) = consumer.poll(left) else { if left.is_zero() { break } else { continue } };
        next.insert(message.partition(), message.offset() + 1);
        group.done.lock().expect("no holder panicked").add(message.partition(), message.offset());
    }
    let mut offsets = TopicPartitionList::new();
    for (partition, next) in &next {
        let added = offsets.add_partition_offset(TOPIC, *partition, Offset::Offset(*next));
        added.expect("a good offset of a good partition");
    }
    if next.is_empty() {
        return;
    }
    let number = group.done.lock().expect("no holder panicked").commits.begin(next);
    let acknowledged = consumer.commit(&offsets, CommitMode::Sync).is_ok();
    group.done.lock().expect("no holder panicked").commits.end(number, acknowledged);
    group.commits.fetch_add(u64::from(acknowledged), Ordering::SeqCst);
}

fn consumer(bootstrap: &str, group: &str) -> Result<BaseConsumer, String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", group).set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "earliest").set("session.timeout.ms", "6000");
    config.set("heartbeat.interval.ms", "500").set("reconnect.backoff.max.ms", "500");
    config.create().map_err(|error| error.to_string())
}

fn committed(bootstrap: &str, group: &str) -> Result<BTreeMap<i32, i64>, String> {
    let consumer = consumer(bootstrap, group)?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(TOPIC, 0, PARTITIONS - 1);
    let told = consumer.committed_offsets(asked, ON_WITHIN).map_err(|error| error.to_string())?;
    let offset = |at: i32| match told.find_partition(TOPIC, at)?.offset() {
        Offset::Offset(offset) => Some((at, offset)),
        _ => None,
    };
    Ok((0..PARTITIONS).filter_map(offset).collect())
}

fn ends(bootstrap: &str) -> Result<BTreeMap<i32, i64>, String> {
    let consumer = consumer(bootstrap, "none")?;
    let end = |at| {
        let (_, end) = consumer.fetch_watermarks(TOPIC, at, ON_WITHIN).map_err(|error| error.to_string())?;
        Ok((at, end))
    };
    (0..PARTITIONS).map(end).collect()
}

fn produce(bootstrap: &str, stop: &AtomicBool) -> Result<(), String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("enable.idempotence", "true").set("linger.ms", "5");
    config.set("reconnect.backoff.max.ms", "500");
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().map_err(|error| error.to_string())?;
    for number in 0_i32.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let value = number.to_be_bytes();
        let record = BaseRecord::<[u8], [u8]>::to(TOPIC).partition(number % PARTITIONS).payload(&value);
        match producer.send(record) {
            Ok(()) | Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), _)) => {}
            Err((error, _)) => return Err(error.to_string()),
        }
        std::thread::sleep(SEND_PAUSE);
    }
    producer.flush(ON_WITHIN).map_err(|error| error.to_string())
}
