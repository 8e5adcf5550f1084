//! Scale: many connections, many partitions, many consumers of them.

use super::{Bench, Outcome, Trouble, Values, memory, meter, start};
use crate::side_by_side::load::{Load, ask, consume, produce};
use crate::side_by_side::meter::Meter;
use crate::side_by_side::plan::Flow;
use crate::side_by_side::systems::{Running, Site, System};
use serde::Serialize;
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

/// A process that was just given work needs so long to come to rest.
const REST: Duration = Duration::from_secs(2);
/// A liveness bound for very many partitions to be there, and for the broker to come to rest then.
const CREATED_WITHIN: Duration = Duration::from_secs(300);
/// Seconds of CPU in a second below which a broker is at rest.
const CALM_CPU: f64 = 0.2;
/// Bytes of a trickling record.
const TRICKLE_BYTES: usize = 1024;
/// Records a second over all partitions that many consumers watch.
const WATCHED_RATE: f64 = 100.0;
/// The share of a rate that must have been kept: a load begins with a burst and ends between two.
const KEPT_UP: f64 = 0.9;
/// Descriptors that this process needs besides its connections.
const DESCRIPTORS_SPARE: u64 = 100;
/// The client that watches, by its name below `.work/bin`: librdkafka keeps no fetch sessions and would name all partitions in
/// each request; franz-go, as Java's client, names those that changed.
const WATCHERS: &str = "watchers";

/// Memory with so many idle connections.
pub fn connections(site: &Site, count: u32) -> Outcome {
    let (soft, hard) = descriptors()?;
    if u64::from(count) + DESCRIPTORS_SPARE > soft {
        return Err(Trouble::Cannot(format!("the machine: a process may open {hard} descriptors, not {count}")));
    }
    let running = site.start()?;
    let mut streams: Vec<TcpStream> = Vec::new();
    for number in 0..count {
        let stream = ask(running.bootstrap()).ok_or_else(|| format!("connection {number} of {count} got no answer"))?;
        streams.push(stream);
    }
    std::thread::sleep(REST);
    let mut values = Values::new();
    let (now_mib, peak_mib) = running.memory_mib()?;
    values.insert("resident_mib".to_owned(), now_mib);
    memory(site.system, peak_mib, &mut values);
    ask(running.bootstrap()).ok_or_else(|| "no answer beside the idle connections".to_owned())?;
    let gone = streams.iter().filter(|stream| !is_open(stream)).count();
    if gone > 0 {
        return Err(Trouble::Broken(format!("{gone} of {count} idle connections were closed")));
    }
    drop(streams);
    running.stop()?;
    Ok(values)
}

/// Whether the other side has neither closed a connection nor sent anything on it.
fn is_open(stream: &TcpStream) -> bool {
    let peeked = stream.set_nonblocking(true).and_then(|()| stream.peek(&mut [0]));
    peeked.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
}

/// How many descriptors this process may open, raised as far as it goes, and that limit.
fn descriptors() -> Result<(u64, u64), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let hard = now.maximum.unwrap_or(u64::MAX);
    setrlimit(Resource::Nofile, Rlimit { current: now.maximum, maximum: now.maximum })
        .map_err(|error| format!("the limit of descriptors: {error}"))?;
    Ok((getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX), hard))
}

/// Memory and CPU with so many partitions, idle.
pub fn partitions(bench: &Bench, site: &Site, count: u32) -> Outcome {
    let wide = WideHost::start(bench, site, count)?;
    wide.idle(bench)
}

/// A system with very many partitions.
pub struct WideHost {
    /// It.
    pub running: Running,
    /// Topics with their numbers of partitions.
    pub topics: Vec<(String, i32)>,
    system: System,
    create_s: f64,
}

impl WideHost {
    /// Starts it and creates the partitions, until each of them answers: Kafka acknowledges a topic long before.
    pub fn start(bench: &Bench, site: &Site, count: u32) -> Result<Self, String> {
        let running = site.start()?;
        let begun = Instant::now();
        let topics = start::create(&running, count)?;
        let nobody = Watching { bootstrap: running.bootstrap(), topics: &topics, consumers: 0, seconds_max: 0.0 };
        while let Err(why) = Load::spawn(watchers(bench), &nobody) {
            if begun.elapsed() > CREATED_WITHIN {
                return Err(format!("not all partitions answer after {CREATED_WITHIN:?}: {why}"));
            }
            std::thread::sleep(REST);
        }
        let create_s = begun.elapsed().as_secs_f64();
        come_to_rest(&running)?;
        Ok(WideHost { running, topics, system: site.system, create_s })
    }

    /// Memory and CPU at rest.
    pub fn idle(&self, bench: &Bench) -> Outcome {
        let mut values = Values::new();
        values.insert("create_s".to_owned(), self.create_s);
        std::thread::sleep(REST);
        self.watch(bench, &mut values)?;
        Ok(values)
    }

    /// With a record a second in each partition.
    pub fn trickle(&self, bench: &Bench) -> Outcome {
        let slow = |why: String| Trouble::too_slow(self.system, format!("records are not taken in time: {why}"));
        let mut writers = self.writers(bench, f64::from).map_err(slow)?;
        come_to_rest(&self.running)?;
        writers.iter_mut().try_for_each(Writer::go)?;
        std::thread::sleep(REST);
        let mut values = Values::new();
        self.watch(bench, &mut values)?;
        writers.into_iter().try_for_each(|writer| writer.kept_up().map(|_| ())).map_err(slow)?;
        Ok(values)
    }

    /// One client for each topic, at so many records a second; each partition has its first record.
    fn writers(&self, bench: &Bench, rate: impl Fn(i32) -> f64) -> Result<Vec<Writer>, String> {
        self.topics
            .iter()
            .map(|(topic, count)| Writer::start(bench, &self.running, topic, *count, rate(*count)))
            .collect()
    }

    /// With so many consumers, each of all partitions.
    pub fn watchers(&self, bench: &Bench, consumers: u32) -> Outcome {
        let job = Watching {
            bootstrap: self.running.bootstrap(),
            topics: &self.topics,
            consumers,
            // The last records have time to arrive.
            seconds_max: load_s(bench) + REST.as_secs_f64(),
        };
        let slow = |why: String| Trouble::too_slow(self.system, format!("the consumers are not served in time: {why}"));
        let share = WATCHED_RATE / self.topics.len() as f64;
        let mut writers = self.writers(bench, |_| share).map_err(slow)?;
        come_to_rest(&self.running).map_err(slow)?;
        let mut reader = Load::spawn(watchers(bench), &job).map_err(slow)?;
        reader.go()?;
        writers.iter_mut().try_for_each(Writer::go)?;
        std::thread::sleep(REST);
        let mut values = Values::new();
        self.watch(bench, &mut values)?;
        let mut written = 0;
        for writer in writers {
            written += writer.kept_up().map_err(slow)?;
        }
        let read: consume::Done = reader.result()?;
        let wanted = written * u64::from(consumers);
        match read.records as f64 >= wanted as f64 * KEPT_UP {
            true => Ok(values),
            false => Err(slow(format!("{} of {wanted} records arrived", read.records))),
        }
    }

    /// Looks at it for a while.
    fn watch(&self, bench: &Bench, values: &mut Values) -> Result<(), String> {
        let running = &self.running;
        meter::forget_peak(running.pid())?;
        let (begun, before) = (Instant::now(), Meter::read(running.pid(), running.data())?);
        std::thread::sleep(Duration::from_secs_f64(bench.size.watch_s));
        let used = Meter::read(running.pid(), running.data())?.since(&before);
        let seconds = begun.elapsed().as_secs_f64();
        values.insert("cpu_ms_per_s".to_owned(), used.broker_cpu_s * 1e3 / seconds);
        if let Some(machine) = used.machine_cpu_s {
            values.insert("machine_cpu_ms_per_s".to_owned(), machine * 1e3 / seconds);
        }
        values.insert("resident_mib".to_owned(), running.memory_mib()?.0);
        memory(self.system, used.peak_mib, values);
        Ok(())
    }
}

/// What the watching client is told.
#[derive(Serialize)]
struct Watching<'a> {
    bootstrap: &'a str,
    topics: &'a [(String, i32)],
    consumers: u32,
    seconds_max: f64,
}

/// The client that watches.
fn watchers(bench: &Bench) -> Command {
    Command::new(bench.programs.root.join(".work/bin").join(WATCHERS))
}

/// Waits until what a broker still has to do after it has answered is done.
fn come_to_rest(running: &Running) -> Result<(), String> {
    let begun = Instant::now();
    while begun.elapsed() < CREATED_WITHIN {
        let before = meter::cpu_s(running.pid())?;
        std::thread::sleep(REST);
        if meter::cpu_s(running.pid())? - before < CALM_CPU * REST.as_secs_f64() {
            return Ok(());
        }
    }
    Err(format!("still busy after {CREATED_WITHIN:?}"))
}

/// How long a load goes on: from before the watch to after it.
fn load_s(bench: &Bench) -> f64 {
    bench.size.watch_s + 2.0 * REST.as_secs_f64()
}

/// A client at a rate that it has to keep.
struct Writer {
    load: Load,
    wanted: f64,
}

impl Writer {
    fn start(bench: &Bench, running: &Running, topic: &str, partitions: i32, rate: f64) -> Result<Writer, String> {
        let flow = Flow { partitions, record_bytes: TRICKLE_BYTES, linger_ms: 0, ..Flow::BASE };
        let mut job: produce::Job = flow.job(running.bootstrap(), topic, u64::MAX, load_s(bench));
        job.rate = Some(rate);
        let load = Load::start("produce", &job)?;
        Ok(Writer { load, wanted: rate * load_s(bench) })
    }

    fn go(&mut self) -> Result<(), String> {
        self.load.go()
    }

    /// Waits for its end; how many records were acknowledged. An error if they are fewer than its rate makes: then it was
    /// not the load that was to be watched.
    fn kept_up(mut self) -> Result<u64, String> {
        let done: produce::Done = self.load.result()?;
        match done.records as f64 >= self.wanted * KEPT_UP {
            true => Ok(done.records),
            false => Err(format!(
                "{} of {:.0} records were acknowledged in {:.1} s",
                done.records, self.wanted, done.seconds
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    #[test]
    fn a_connection_is_open_until_the_other_side_closes_it_or_speaks() {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let connect = || {
            let near = TcpStream::connect(listener.local_addr().expect("bound")).expect("connected");
            (near, listener.accept().expect("accepted").0)
        };
        let (quiet, _far) = connect();
        assert!(is_open(&quiet));
        let (closed, far) = connect();
        drop(far);
        let (spoken, mut far) = connect();
        far.write_all(b"x").expect("sent");
        // Loopback delivers at once, but not within the call.
        let begun = Instant::now();
        while (is_open(&closed) || is_open(&spoken)) && begun.elapsed() < CREATED_WITHIN {}
        assert!(!is_open(&closed) && !is_open(&spoken));
    }
}
