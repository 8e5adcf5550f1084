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

/// Memory and CPU with so many partitions, idle or at a record a second in each.
pub fn partitions(bench: &Bench, site: &Site, count: u32, trickle: bool) -> Outcome {
    let running = site.start()?;
    let begun = Instant::now();
    let topics = start::create(&running, count)?;
    let mut values = Values::new();
    values.insert("create_s".to_owned(), begun.elapsed().as_secs_f64());
    let _loads = if trickle { trickling(bench, &running, &topics)? } else { Vec::new() };
    std::thread::sleep(REST);
    watch(bench, &running, &mut values)?;
    running.stop()?;
    Ok(values)
}

fn watch(bench: &Bench, running: &Running, values: &mut Values) -> Result<(), String> {
    let (begun, before) = (Instant::now(), meter::cpu_s(running.pid())?);
    std::thread::sleep(Duration::from_secs_f64(bench.size.watch_s));
    let used_ms = (meter::cpu_s(running.pid())? - before) * 1e3;
    values.insert("cpu_ms_per_s".to_owned(), used_ms / begun.elapsed().as_secs_f64());
    values.insert("resident_mib".to_owned(), running.memory_mib()?.0);
    Ok(())
}

/// One client for each topic: a record a second to each partition.
fn trickling(bench: &Bench, running: &Running, topics: &[(String, i32)]) -> Result<Vec<Load>, String> {
    let rate = |count: i32| f64::from(count);
    topics.iter().map(|(topic, count)| rated(bench, running, topic, *count, rate(*count))).collect()
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

/// CPU and memory with so many consumers, each of all partitions.
pub fn watchers(bench: &Bench, site: &Site, consumers: u32, partitions: u32) -> Outcome {
    let held = u64::from(consumers) * u64::from(partitions);
    if held > CLIENT_PARTITIONS_MAX {
        return Err(Trouble::Cannot(format!(
            "the client: librdkafka keeps no fetch sessions, so {consumers} consumers would send {partitions} partitions in \
             each request and hold {held} of them in one process"
        )));
    }
    let running = site.start()?;
    let topics = start::create(&running, partitions)?;
    let share = WATCHED_RATE / topics.len() as f64;
    let _writers = topics
        .iter()
        .map(|(topic, count)| rated(bench, &running, topic, *count, share))
        .collect::<Result<Vec<_>, _>>()?;
    let job = consume::Job {
        bootstrap: running.bootstrap().to_owned(),
        topics: topics.clone(),
        consumers,
        from_start: false,
        messages_each: None,
        client: BTreeMap::new(),
    };
    let mut reader = Load::start("consume", &job)?;
    reader.go()?;
    std::thread::sleep(REST);
    let mut values = Values::new();
    watch(bench, &running, &mut values)?;
    running.kill();
    Ok(values)
}
