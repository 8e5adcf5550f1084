//! Starts: on an empty directory, and after kill -9.

use super::{Bench, Outcome, Values, memory};
use crate::admin;
use crate::side_by_side::load::{Load, produce};
use crate::side_by_side::meter::{self, MIB};
use crate::side_by_side::plan::Flow;
use crate::side_by_side::systems::{Programs, Running, Site, System};
use std::path::Path;
use std::time::Instant;

/// Topics that hold the partitions: one request may not create more (as in Kafka).
const TOPIC_PARTITIONS_MAX: u32 = 1_000;

/// Starts the system on a directory that it knows but in which nothing is.
pub fn empty(bench: &Bench, site: &Site) -> Outcome {
    site.format()?;
    // What others wrote and removed is not to be waited for by a sync of this one.
    meter::sync(&site.dir)?;
    let running = site.start()?;
    let mut values = Values::new();
    values.insert("first_answer_ms".to_owned(), running.first_answer.as_secs_f64() * 1e3);
    values.insert("distribution_mib".to_owned(), distribution_mib(&bench.programs, site.system)?);
    memory(site.system, running.memory_mib()?.1, &mut values);
    running.stop()?;
    Ok(values)
}

/// Kills the system when it has just acknowledged so many bytes, and starts it again.
pub fn killed(site: &Site, partitions: u32, unflushed: u64) -> Outcome {
    let running = site.start()?;
    let topics = create(&running, partitions)?;
    kill(site, running, &topics, unflushed)
}

/// The same with topics that are there.
pub fn kill(site: &Site, running: Running, topics: &[(String, i32)], unflushed: u64) -> Outcome {
    for (topic, count) in topics {
        let flow = Flow { partitions: *count, ..Flow::BASE };
        load(&flow.job(running.bootstrap(), topic, unflushed / topics.len() as u64, f64::MAX))?;
    }
    running.kill();
    let begun = Instant::now();
    let running = site.start()?;
    let mut values = Values::new();
    values.insert("first_answer_ms".to_owned(), running.first_answer.as_secs_f64() * 1e3);
    let (topic, count) = topics.last().expect("at least one");
    let flow = Flow { partitions: *count, linger_ms: 0, ..Flow::BASE };
    load(&flow.job(running.bootstrap(), topic, 1024, f64::MAX))?;
    values.insert("acknowledged_ms".to_owned(), begun.elapsed().as_secs_f64() * 1e3);
    memory(site.system, running.memory_mib()?.1, &mut values);
    Ok(values)
}

/// The load alone: a sync would write what a kill is to find unwritten.
fn load(job: &produce::Job) -> Result<produce::Done, String> {
    let mut load = Load::start("produce", job)?;
    load.go()?;
    load.result()
}

/// Topics with so many partitions in all; their names and numbers of partitions.
pub fn create(running: &Running, partitions: u32) -> Result<Vec<(String, i32)>, String> {
    let mut topics = Vec::new();
    let mut left = partitions;
    while left > 0 {
        let count = left.min(TOPIC_PARTITIONS_MAX);
        let (name, count32) = (format!("wide-{}", topics.len()), i32::try_from(count).expect("small"));
        admin::create_topic(running.bootstrap(), &name, count32, &[])?;
        topics.push((name, count32));
        left -= count;
    }
    Ok(topics)
}

/// Size of what is installed to run the broker: the binary, or the jars (a JVM comes on top).
fn distribution_mib(programs: &Programs, system: System) -> Result<f64, String> {
    let size = |path: &Path| std::fs::metadata(path).map(|data| data.len() as f64 / MIB);
    match system {
        System::Kafka | System::KafkaFlush => {
            let list = programs.root.join(".work/java/classpath");
            let text = std::fs::read_to_string(&list).map_err(|error| format!("{}: {error}", list.display()))?;
            let jars = text.trim().split(':').filter(|path| path.ends_with(".jar"));
            let sizes = jars.map(|path| size(Path::new(path)).map_err(|error| format!("{path}: {error}")));
            sizes.sum()
        }
        _ => size(&programs.ottla).map_err(|error| error.to_string()),
    }
}
