//! Start time and idle memory: figures for docs/operations.md, with liveness bounds of ten times their targets.

pub mod compaction;
pub mod storage;

mod latency;
mod pump;
mod starts;
mod syncs;
mod watch;

use crate::admin;
use crate::broker::{Ottla, Setup};
use crate::report::Report;
use crate::scrape::page;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Starts measured; the median is reported.
const STARTS: usize = 11;
/// Idle connections and idle partitions.
const MANY: usize = 10_000;
/// The topics that have these partitions, half each.
const WIDE: [&str; 2] = ["wide-1", "wide-2"];
/// Targets: start on an empty directory; with 10,000 partitions after kill -9.
const START_EMPTY: Duration = Duration::from_millis(25);
const START_FULL: Duration = Duration::from_secs(1);
/// Targets: resident memory idle, with idle connections, with idle partitions, MiB.
const IDLE_MIB: u64 = 16;
const CONNECTIONS_MIB: u64 = 120;
const PARTITIONS_MIB: u64 = 80;
/// A liveness bound is this many times the target.
const SLACK: u32 = 10;

/// Measures all figures.
pub fn run(report: &mut Report, binary: &Path) {
    report.result("start on an empty directory to the first answered ApiVersions", start_empty(binary));
    report.result("admin port: live, ready, metrics", in_fresh_broker(binary, admin_port));
    report.result("resident memory, idle", in_fresh_broker(binary, |broker, _| memory(broker, IDLE_MIB)));
    report.result("resident memory, 10,000 idle connections", in_fresh_broker(binary, idle_connections));
    report.result("10,000 idle partitions", in_fresh_broker(binary, idle_partitions));
    report.result("start after kill -9 with 10,000 partitions", start_full(binary));
}

type Measure = fn(&Ottla, &Setup) -> Result<String, String>;

fn in_fresh_broker(binary: &Path, measure: Measure) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let setup = Setup::new(binary, &dir.path().join("data"));
    let broker = setup.start()?;
    measure(&broker, &setup)
}

/// Milliseconds from spawning the process to its first answer.
fn first_answer(setup: &Setup) -> Result<(Ottla, Duration), String> {
    let begun = Instant::now();
    let address = format!("127.0.0.1:{}", setup.port);
    let asker = std::thread::spawn(move || {
        while begun.elapsed() < START_FULL * SLACK {
            if ask(&address).is_some() {
                return Some(begun.elapsed());
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        None
    });
    let broker = setup.start()?;
    let took = asker.join().map_err(|_| "the asker panicked")?.ok_or("never answered")?;
    Ok((broker, took))
}

fn ask(address: &str) -> Option<()> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(1))).ok()?;
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 9, 0xff, 0xff]).ok()?;
    let mut head = [0u8; 8];
    stream.read_exact(&mut head).ok()?;
    (head[4..] == [0, 0, 0, 9]).then_some(())
}

fn start_empty(binary: &Path) -> Result<String, String> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let (broker, took) = first_answer(&Setup::new(binary, &dir.path().join("data")))?;
        times.push(took);
        broker.stop()?;
    }
    bounded("median", median(times), START_EMPTY)
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn bounded(what: &str, took: Duration, target: Duration) -> Result<String, String> {
    let words = format!("{what} {:.1} ms, target {} ms", took.as_secs_f64() * 1e3, target.as_millis());
    if took <= target * SLACK { Ok(words) } else { Err(words) }
}

fn memory(broker: &Ottla, target_mib: u64) -> Result<String, String> {
    let (resident, _) = broker.memory();
    let words = format!("{:.1} MiB, target {target_mib} MiB", resident as f64 / f64::from(1 << 20));
    // memory is no matter of luck: twice the target is a failure
    if resident <= (target_mib * 2) << 20 { Ok(words) } else { Err(words) }
}

fn admin_port(broker: &Ottla, _: &Setup) -> Result<String, String> {
    page(broker, "/livez")?;
    page(broker, "/readyz")?;
    ask(&broker.bootstrap).ok_or("not served")?;
    let metrics = page(broker, "/metrics")?;
    let wanted = ["ottla_build_info{", "ottla_requests_total{api=\"ApiVersions\",error=\"none\"}", "process_open_fds"];
    match wanted.iter().find(|line| !metrics.contains(**line)) {
        None => Ok(format!("{} lines", metrics.lines().count())),
        Some(missing) => Err(format!("{missing} is missing")),
    }
}

fn idle_connections(broker: &Ottla, _: &Setup) -> Result<String, String> {
    let mut streams = Vec::with_capacity(MANY);
    for number in 0..MANY {
        streams.push(TcpStream::connect(&broker.bootstrap).map_err(|error| format!("connection {number}: {error}"))?);
    }
    ask(&broker.bootstrap).ok_or("not served beside the idle connections")?;
    let figure = memory(broker, CONNECTIONS_MIB)?;
    // a connection that was admitted answers: all of them are really there
    for stream in streams.iter_mut().step_by(MANY / 100) {
        stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 9, 0xff, 0xff]).map_err(|error| error.to_string())?;
        stream.read_exact(&mut [0u8; 8]).map_err(|error| format!("an idle connection was not kept: {error}"))?;
    }
    Ok(figure)
}

/// 10,000 partitions, in two topics: one request may not create as many (as in Kafka).
fn create_many(bootstrap: &str) -> Result<(), String> {
    let half = i32::try_from(MANY / 2).expect("small");
    WIDE.iter().try_for_each(|name| admin::create_topic(bootstrap, name, half, &[]))
}

fn idle_partitions(broker: &Ottla, _: &Setup) -> Result<String, String> {
    let begun = Instant::now();
    create_many(&broker.bootstrap)?;
    let created = begun.elapsed();
    memory(broker, PARTITIONS_MIB).map(|figure| format!("{figure}; created in {} ms", created.as_millis()))
}

fn start_full(binary: &Path) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let setup = Setup::new(binary, &dir.path().join("data"));
    let broker = setup.start()?;
    create_many(&broker.bootstrap)?;
    broker.kill();
    let (broker, took) = first_answer(&setup)?;
    broker.stop()?;
    bounded("once", took, START_FULL)
}
