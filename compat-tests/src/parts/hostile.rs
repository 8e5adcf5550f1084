//! Hostile frames: mutated valid frames, array bombs, claims without bytes, slow announcers, members of groups.
//! Throughout, the process stays up, its memory stays within its budget and another client is served.

mod consumers;
mod groups;

use crate::broker::{Ottla, Setup};
use crate::pair::Broker;
use crate::parts::Context;
use crate::report::Report;
use crate::rng::Rng;
use crate::schema::{self, Schema};
use crate::side_by_side::systems::System;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Connections that attack at once.
const MANY: usize = 500;
/// How long an answer is waited for before the connection is given up.
const PATIENCE: Duration = Duration::from_millis(200);
/// How long one of many connections waits for its bomb to be taken and answered.
const BOMB_PATIENCE: Duration = Duration::from_secs(60);
/// A healthy client's liveness bound: ten times the tenth of a second that it should see at most.
const HEALTHY_WITHIN: Duration = Duration::from_secs(1);
/// The budget given to the broker under attack; the whole process stays below it.
const BUDGET_BYTES: u64 = 256 << 20;

/// Sizes of the run.
struct Sizes {
    /// Mutated frames.
    mutated: usize,
    /// Bytes of one array bomb on one connection.
    bomb_bytes: usize,
    /// Bytes of one array bomb on each of many connections.
    bomb_bytes_each: usize,
    /// Seconds that the slow announcers go on.
    slow_seconds: u64,
    /// Ids that are asked for of one group.
    ids: usize,
}

/// All attacks, each against a fresh broker.
pub fn part(report: &mut Report, context: &Context) {
    let ci =
        Sizes { mutated: 100_000, bomb_bytes: 8_000_000, bomb_bytes_each: 2_000_000, slow_seconds: 20, ids: 10_500 };
    let long = Sizes {
        mutated: 1_000_000,
        bomb_bytes: 100_000_000,
        bomb_bytes_each: 20_000_000,
        slow_seconds: 45,
        ids: 50_000,
    };
    let sizes = context.size(ci, long);
    // by the name under which a seed that failed is kept; what draws no chance runs once
    let attacks: [(&str, Option<&str>, Attack); 7] = [
        ("mutated frames", Some("hostile-mutated"), mutated),
        ("array bombs on one connection", None, bombs),
        ("claims without bytes", None, claims),
        ("array bombs on 500 connections", Some("hostile-bombs"), bombs_on_many),
        ("members of groups", None, groups::attack),
        ("members of groups by the consumer protocol", None, consumers::attack),
        ("500 connections announce 100 MiB and send a byte a second", None, announcers),
    ];
    for (name, kept, attack) in attacks {
        let seeds = kept.map_or_else(|| vec![context.seed], |kept| context.seeds(kept));
        for seed in seeds {
            report.result(name, under_watch(&context.binary, &sizes, seed, attack));
        }
    }
    if context.long {
        report.result("members of groups by the consumer protocol: Apache Kafka's answers", ask_kafka(context));
    }
}

/// The same questions, that Ottla's answers are known to be Kafka's.
fn ask_kafka(context: &Context) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let kafka = Broker::start(context, System::Kafka, dir.path(), &[])?;
    consumers::prepare(&kafka.bootstrap()?)?;
    consumers::say(&kafka.bootstrap()?, consumers::Whose::Kafka).map(|asked| format!("{asked} questions"))
}

type Attack = fn(&str, &Sizes, u64) -> Result<String, String>;

/// Runs one attack on a fresh broker while a healthy client keeps asking; checks memory, liveness and descriptors.
fn under_watch(binary: &Path, sizes: &Sizes, seed: u64, attack: Attack) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let budget = BUDGET_BYTES.to_string();
    let setup = Setup::new(binary, &dir.path().join("data")).with("ottla.request.memory.bytes", &budget);
    let setup = setup.with("group.consumer.max.size", &consumers::SIZE_MAX.to_string());
    let mut broker = setup.start()?;
    let idle = broker.memory().0;
    let descriptors = broker.descriptors();
    let healthy = Healthy::start(&broker.bootstrap);
    let attacked = attack(&broker.bootstrap, sizes, seed);
    let slowest = healthy.stop();
    if !broker.alive() {
        return Err(format!("the broker died, seed {seed}"));
    }
    let figure = attacked.map_err(|error| format!("{error}, seed {seed}"))?;
    let slowest = slowest.map_err(|error| format!("the healthy client: {error}, seed {seed}"))?;
    let peak = broker.memory().1;
    if peak > BUDGET_BYTES {
        return Err(format!("peak memory {} MiB of {}, seed {seed}", peak >> 20, BUDGET_BYTES >> 20));
    }
    descriptors_return(&broker, descriptors)?;
    Ok(format!(
        "{figure}; memory {} MiB idle, {} MiB peak; healthy client at most {} ms; seed {seed}",
        idle >> 20,
        peak >> 20,
        slowest.as_millis()
    ))
}

fn descriptors_return(broker: &Ottla, before: usize) -> Result<(), String> {
    let begun = Instant::now();
    while broker.descriptors() > before + 16 {
        if begun.elapsed() > Duration::from_secs(40) {
            return Err(format!("{before} descriptors before, {} after", broker.descriptors()));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

/// A client that asks ApiVersions and Metadata again and again on fresh and kept connections.
struct Healthy {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Result<Duration, String>>,
}

impl Healthy {
    fn start(bootstrap: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, bootstrap) = (Arc::clone(&stop), bootstrap.to_owned());
        let thread = std::thread::spawn(move || {
            let mut slowest = Duration::ZERO;
            let mut kept = connect(&bootstrap)?;
            while !stopped.load(Ordering::SeqCst) {
                let begun = Instant::now();
                ask(&mut connect(&bootstrap)?, HEALTHY_WITHIN)?;
                ask(&mut kept, HEALTHY_WITHIN)?;
                slowest = slowest.max(begun.elapsed());
                std::thread::sleep(Duration::from_millis(20));
            }
            Ok(slowest)
        });
        Healthy { stop, thread }
    }

    fn stop(self) -> Result<Duration, String> {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.join().map_err(|_| "panicked".to_owned())?
    }
}

fn connect(bootstrap: &str) -> Result<TcpStream, String> {
    let stream = TcpStream::connect(bootstrap).map_err(|error| format!("connect: {error}"))?;
    stream.set_nodelay(true).map_err(|error| error.to_string())?;
    Ok(stream)
}

/// One ApiVersions v0 and its answer.
fn ask(stream: &mut TcpStream, within: Duration) -> Result<(), String> {
    const API_VERSIONS_V0: [u8; 14] = [0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 9, 0xff, 0xff];
    stream.set_read_timeout(Some(within)).map_err(|error| error.to_string())?;
    stream.write_all(&API_VERSIONS_V0).map_err(|error| format!("write: {error}"))?;
    match answer(stream) {
        Some(Ok(body)) if body.starts_with(&[0, 0, 0, 9, 0, 0]) => Ok(()),
        other => Err(format!("ApiVersions was not answered: {other:?}")),
    }
}

/// The next answer: None when the peer closed, Some(Err) when none came in time.
fn answer(stream: &mut TcpStream) -> Option<Result<Vec<u8>, std::io::ErrorKind>> {
    let mut length = [0u8; 4];
    if let Err(error) = stream.read_exact(&mut length) {
        return match error.kind() {
            kind @ (std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => Some(Err(kind)),
            _ => None,
        };
    }
    let mut body = vec![0u8; u32::from_be_bytes(length).min(64 << 20) as usize];
    stream.read_exact(&mut body).ok()?;
    Some(Ok(body))
}

/// Writes a frame with its length prefix; whether the peer took it all.
fn send(stream: &mut TcpStream, frame: &[u8]) -> bool {
    let length = u32::try_from(frame.len()).expect("below 4 GiB").to_be_bytes();
    stream.write_all(&length).is_ok() && stream.write_all(frame).is_ok()
}

fn mutate(frame: &mut Vec<u8>, rng: &mut Rng) {
    for _ in 0..=rng.below(4) {
        let at = rng.below(frame.len().max(1)).min(frame.len().saturating_sub(1));
        match rng.below(6) {
            0 => frame[at] ^= 1 << rng.below(8),
            1 => frame[at] = [0, 0xff, 0x7f, 0x80, 1][rng.below(5)],
            2 => frame.truncate(at.max(8)),
            3 => frame.insert(at, rng.bits() as u8),
            4 => {
                let end = (at + 4).min(frame.len());
                frame[at..end].fill([0xff, 0x7f, 0x80, 0][rng.below(4)]);
            }
            _ => {
                let tail = frame[at..].to_vec();
                frame.extend(tail.iter().take(64));
            }
        }
    }
}

fn mutated(bootstrap: &str, sizes: &Sizes, seed: u64) -> Result<String, String> {
    const THREADS: usize = 8;
    let (answered, closed, silent) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| -> Result<(), String> {
        let attack = |thread: usize| -> Result<(), String> {
            let schemas = schema::all();
            let mut rng = Rng::new(seed ^ (thread as u64) << 56);
            let mut stream = connect(bootstrap)?;
            for number in 0..sizes.mutated / THREADS {
                let schema = &schemas[number % schemas.len()];
                let version = version_of(schema, &mut rng);
                let mut frame = schema.random_frame(version, &mut rng);
                if number % 16 != 0 {
                    mutate(&mut frame, &mut rng);
                }
                let _ = stream.set_read_timeout(Some(PATIENCE));
                let outcome = if send(&mut stream, &frame) { answer(&mut stream) } else { None };
                match outcome {
                    Some(Ok(_)) => drop(answered.fetch_add(1, Ordering::Relaxed)),
                    Some(Err(_)) => drop(silent.fetch_add(1, Ordering::Relaxed)),
                    None => drop(closed.fetch_add(1, Ordering::Relaxed)),
                }
                if !matches!(outcome, Some(Ok(_))) {
                    stream = connect(bootstrap)?;
                }
            }
            Ok(())
        };
        let threads: Vec<_> = (0..THREADS).map(|thread| scope.spawn(move || attack(thread))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "an attacker panicked".to_owned())?)
    })?;
    let [answered, closed, silent] = [answered, closed, silent].map(AtomicU64::into_inner);
    if answered == 0 || closed == 0 {
        return Err(format!("no attack worth the name: {answered} answered, {closed} closed"));
    }
    Ok(format!("{} frames: {answered} answered, {closed} closed, {silent} left waiting", answered + closed + silent))
}

fn version_of(schema: &Schema, rng: &mut Rng) -> i16 {
    let (from, to) = schema.versions;
    from + i16::try_from(rng.below(usize::try_from(to - from + 1).expect("a range"))).expect("small")
}

/// Every array of every API, at its first and last version.
fn every_array() -> Vec<(Schema, i16, String)> {
    let mut found = Vec::new();
    for end in [0, 1] {
        for schema in schema::all() {
            let version = [schema.versions.0, schema.versions.1][end];
            for path in schema.arrays(version) {
                let again = schema::all().into_iter().find(|other| other.key == schema.key).expect("the same table");
                found.push((again, version, path));
            }
        }
    }
    found
}

fn bombs(bootstrap: &str, sizes: &Sizes, _seed: u64) -> Result<String, String> {
    let arrays = every_array();
    for (schema, version, path) in &arrays {
        let mut stream = connect(bootstrap)?;
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        if send(&mut stream, &schema.bomb(*version, path, sizes.bomb_bytes))
            && let Some(Err(kind)) = answer(&mut stream)
        {
            return Err(format!("{} v{version} {path}: neither answered nor closed in 10 s ({kind})", schema.name));
        }
    }
    Ok(format!("{} arrays of {} MB", arrays.len(), sizes.bomb_bytes / 1_000_000))
}

fn claims(bootstrap: &str, _sizes: &Sizes, _seed: u64) -> Result<String, String> {
    let arrays = every_array();
    for (schema, version, path) in &arrays {
        let mut stream = connect(bootstrap)?;
        let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
        let frame = schema.claim(*version, path);
        if !send(&mut stream, &frame) {
            continue;
        }
        match answer(&mut stream) {
            None => {}
            Some(outcome) => {
                return Err(format!("{} v{version} {path}: a claim was not refused: {outcome:?}", schema.name));
            }
        }
    }
    Ok(format!("{} arrays", arrays.len()))
}

/// All at once from one thread: five hundred threads would fight the broker for the processors, and it is the broker that
/// is measured.
fn bombs_on_many(bootstrap: &str, sizes: &Sizes, seed: u64) -> Result<String, String> {
    let arrays = every_array();
    let mut rng = Rng::new(seed);
    let mut made: HashMap<usize, Arc<[u8]>> = HashMap::new();
    let mut bomb = |pick: usize| {
        let (schema, version, path) = &arrays[pick];
        made.entry(pick).or_insert_with(|| framed(&schema.bomb(*version, path, sizes.bomb_bytes_each))).clone()
    };
    let bombs: Vec<_> = (0..MANY).map(|_| bomb(rng.below(arrays.len()))).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| e.to_string())?;
    let answered = runtime.block_on(async {
        let attacks: Vec<_> = bombs.into_iter().map(|bomb| tokio::spawn(throw(bootstrap.to_owned(), bomb))).collect();
        let mut answered = 0;
        for attack in attacks {
            answered += usize::from(attack.await.unwrap_or(false));
        }
        answered
    });
    Ok(format!("{MANY} connections of {} MB, {answered} answered", sizes.bomb_bytes_each / 1_000_000))
}

/// A frame with its length prefix.
fn framed(frame: &[u8]) -> Arc<[u8]> {
    let length = u32::try_from(frame.len()).expect("below 4 GiB").to_be_bytes();
    [&length, frame].concat().into()
}

/// Sends a frame and waits for its answer or the end; whether it was answered.
async fn throw(bootstrap: String, frame: Arc<[u8]>) -> bool {
    let attack = async {
        let mut stream = tokio::net::TcpStream::connect(bootstrap).await.ok()?;
        stream.write_all(&frame).await.ok()?;
        let length = stream.read_u32().await.ok()?;
        tokio::io::copy(&mut stream.take(u64::from(length)), &mut tokio::io::sink()).await.ok()
    };
    tokio::time::timeout(BOMB_PATIENCE, attack).await.is_ok_and(|answer| answer.is_some())
}

fn announcers(bootstrap: &str, sizes: &Sizes, _seed: u64) -> Result<String, String> {
    let mut streams = Vec::new();
    for _ in 0..MANY {
        let mut stream = connect(bootstrap)?;
        stream.write_all(&(100u32 << 20).to_be_bytes()).map_err(|error| error.to_string())?;
        streams.push(stream);
    }
    let mut refused = 0;
    for _ in 0..sizes.slow_seconds {
        std::thread::sleep(Duration::from_secs(1));
        streams.retain_mut(|stream| stream.write_all(&[0]).is_ok());
        refused = MANY - streams.len();
    }
    Ok(format!("{refused} of {MANY} closed within {} s", sizes.slow_seconds))
}
