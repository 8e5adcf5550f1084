//! Scale: many connections, many partitions, many consumers of them.

use super::{Bench, Outcome, Trouble, Values, meter, start};
use crate::side_by_side::load::{Load, ask, consume, produce};
use crate::side_by_side::plan::Flow;
use crate::side_by_side::systems::{Running, Site};
use std::collections::BTreeMap;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A process that was just given work needs so long to come to rest.
const REST: Duration = Duration::from_secs(2);
/// Bytes of a trickling record.
const TRICKLE_BYTES: usize = 1024;
/// Records a second over all partitions that many consumers watch.
const WATCHED_RATE: f64 = 1_000.0;
/// Partitions that librdkafka may hold in one process before its own memory is what is measured.
const CLIENT_PARTITIONS_MAX: u64 = 200_000;

/// Memory with so many idle connections.
pub fn connections(site: &Site, count: u32) -> Outcome {
    let running = site.start()?;
    let mut streams: Vec<TcpStream> = Vec::new();
    for number in 0..count {
        let stream = ask(running.bootstrap()).ok_or_else(|| format!("connection {number} of {count} got no answer"))?;
        streams.push(stream);
    }
    std::thread::sleep(REST);
    let mut values = Values::new();
    values.insert("resident_mib".to_owned(), running.memory_mib()?.0);
    // They are all still there.
    ask(running.bootstrap()).ok_or_else(|| "no answer beside the idle connections".to_owned())?;
    drop(streams);
    running.stop()?;
    Ok(values)
}

/// Memory and CPU with so many partitions, idle.
pub fn partitions(bench: &Bench, site: &Site, count: u32) -> Outcome {
    let wide = WideHost::start(site, count)?;
    wide.idle(bench)
}

/// A system with very many partitions.
pub struct WideHost {
    /// It.
    pub running: Running,
    /// Topics with their numbers of partitions.
    pub topics: Vec<(String, i32)>,
    create_s: f64,
}

impl WideHost {
    /// Starts it and creates the partitions.
    pub fn start(site: &Site, count: u32) -> Result<Self, String> {
        let running = site.start()?;
        let begun = Instant::now();
        let topics = start::create(&running, count)?;
        Ok(WideHost { running, topics, create_s: begun.elapsed().as_secs_f64() })
    }

    /// Memory and CPU at rest.
    pub fn idle(&self, bench: &Bench) -> Outcome {
        let mut values = Values::new();
        values.insert("create_s".to_owned(), self.create_s);
        std::thread::sleep(REST);
        watch(bench, &self.running, &mut values)?;
        Ok(values)
    }

    /// With a record a second in each partition.
    pub fn trickle(&self, bench: &Bench) -> Outcome {
        let _loads = self.writers(bench, f64::from)?;
        std::thread::sleep(REST);
        let mut values = Values::new();
        watch(bench, &self.running, &mut values)?;
        Ok(values)
    }

    /// One client for each topic, at so many records a second.
    fn writers(&self, bench: &Bench, rate: impl Fn(i32) -> f64) -> Result<Vec<Load>, String> {
        self.topics.iter().map(|(topic, count)| rated(bench, &self.running, topic, *count, rate(*count))).collect()
    }

    /// With so many consumers, each of all partitions.
    pub fn watchers(&self, bench: &Bench, consumers: u32) -> Outcome {
        let partitions: i32 = self.topics.iter().map(|(_, count)| count).sum();
        let held = u64::from(consumers) * u64::from(partitions.unsigned_abs());
        if held > CLIENT_PARTITIONS_MAX {
            return Err(Trouble::Cannot(format!(
                "the client: librdkafka keeps no fetch sessions, so {consumers} consumers would name {partitions} \
                 partitions in each request, and hold {held} of them in one process"
            )));
        }
        let share = WATCHED_RATE / self.topics.len() as f64;
        let _writers = self.writers(bench, |_| share)?;
        let job = consume::Job {
            bootstrap: self.running.bootstrap().to_owned(),
            topics: self.topics.clone(),
            consumers,
            from_start: false,
            messages_each: None,
            client: BTreeMap::new(),
        };
        let mut reader = Load::start("consume", &job)?;
        reader.go()?;
        std::thread::sleep(REST);
        let mut values = Values::new();
        watch(bench, &self.running, &mut values)?;
        Ok(values)
    }
}

fn watch(bench: &Bench, running: &Running, values: &mut Values) -> Result<(), String> {
    let (begun, before) = (Instant::now(), meter::cpu_s(running.pid())?);
    std::thread::sleep(Duration::from_secs_f64(bench.size.watch_s));
    let used_ms = (meter::cpu_s(running.pid())? - before) * 1e3;
    values.insert("cpu_ms_per_s".to_owned(), used_ms / begun.elapsed().as_secs_f64());
    values.insert("resident_mib".to_owned(), running.memory_mib()?.0);
    Ok(())
}

fn rated(bench: &Bench, running: &Running, topic: &str, partitions: i32, rate: f64) -> Result<Load, String> {
    let flow = Flow { partitions, record_bytes: TRICKLE_BYTES, linger_ms: 0, ..Flow::BASE };
    // Longer than it is watched; it is ended then.
    let seconds = bench.size.watch_s * 10.0 + 60.0;
    let mut job: produce::Job = flow.job(running.bootstrap(), topic, u64::MAX, seconds);
    job.rate = Some(rate);
    let mut load = Load::start("produce", &job)?;
    load.go()?;
    Ok(load)
}
