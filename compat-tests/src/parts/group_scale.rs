//! Groups at scale, by members that are simulated over the wire (group_driver): many groups, and one large one. How long a
//! rebalance takes, what heartbeats cost the broker, and its memory; beside Apache Kafka in a long run, whose figures go
//! into docs/group-scale.md. A run for CI is a tenth of it and asserts that everything comes to its end.

mod page;

use crate::admin;
use crate::group_driver::{Crowd, Protocol, Shape};
use crate::pair::Broker;
use crate::parts::Context;
use crate::report::Report;
use crate::side_by_side::meter::{self, Meter};
use crate::side_by_side::systems::System;
use std::path::Path;
use std::time::Duration;

/// What members subscribe to. No coordinator looks whether the partitions that a leader of the classic protocol assigns
/// are there; of the consumer protocol each member has one of its own.
const TOPIC: (&str, i32) = ("scale", 10);
/// What is measured by hand; CI runs a tenth.
const MANY: Shape = Shape { groups: 1_000, members: 10, protocol: Protocol::Classic };
const LARGE: Shape = Shape { groups: 1, members: 1_000, protocol: Protocol::Classic };
const SHAPES: [Shape; 4] =
    [MANY, LARGE, Shape { protocol: Protocol::Consumer, ..MANY }, Shape { protocol: Protocol::Consumer, ..LARGE }];
/// How long heartbeats are measured, in CI and by hand.
const STEADY: (Duration, Duration) = (Duration::from_secs(6), Duration::from_secs(30));
/// Intervals of heartbeats in which members hear of what has changed before.
const SETTLED_AFTER: u32 = 2;
/// What a broker does before it is measured, so that Kafka has compiled its code paths.
const WARM_UP_GROUPS: usize = 100;
const WARM_UP_FOR: Duration = Duration::from_secs(15);
/// Rounds of a long run, each with fresh brokers; the order of the two alternates.
const ROUNDS: usize = 3;
/// A liveness bound for a rebalance, and for all members to leave.
const WITHIN: Duration = Duration::from_secs(120);
/// So much of the heartbeats that are due must have been answered.
const KEPT_UP: f64 = 0.9;
/// Descriptors that this process and the broker need besides the connections.
const DESCRIPTORS_SPARE: u64 = 1_000;

/// What was measured of one shape on one broker.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// From the first connection until every group is stable, and the broker's CPU seconds of it.
    join_s: f64,
    join_cpu_s: f64,
    /// The broker's CPU for a thousand heartbeats, milliseconds.
    beats_cpu_ms: f64,
    /// Resident memory before the members came, and with all of them, MiB.
    before_mib: f64,
    with_mib: f64,
    /// From one leaving and one joining in each group until every group is stable again, and the CPU seconds of it; by the
    /// consumer protocol those of the heartbeats in which the others hear of it, too.
    change_s: f64,
    change_cpu_s: f64,
}

impl Figures {
    fn words(&self) -> String {
        format!(
            "all joined after {:.2} s ({:.2} CPU s), {:.1} CPU ms for 1,000 heartbeats, {:.0} MiB (before {:.0}), one left \
             and one joined: stable after {:.2} s ({:.2} CPU s)",
            self.join_s,
            self.join_cpu_s,
            self.beats_cpu_ms,
            self.with_mib,
            self.before_mib,
            self.change_s,
            self.change_cpu_s
        )
    }
}

/// A tenth on Ottla alone in CI, all shapes at once; all of it beside Kafka by hand.
pub fn part(report: &mut Report, context: &Context) {
    let tenths = SHAPES.map(tenth);
    let at_once = tenths.iter().map(Shape::connections).sum();
    if let Err(error) = enough_descriptors(context.size(at_once, MANY.connections())) {
        return report.result("group scale: descriptors", Err(error));
    }
    if context.long {
        return beside_kafka(report, context);
    }
    let alone = |shape: Shape| {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let mut broker = Broker::start(context, System::OttlaFsync, dir.path(), &[])?;
        let figures = measure(&broker, shape, STEADY.0)?;
        broker.stop().map(|()| figures.words())
    };
    let measured = std::thread::scope(|scope| {
        let runs = tenths.map(|shape| scope.spawn(move || alone(shape)));
        runs.map(|run| run.join().unwrap_or_else(|_| Err("panicked".to_owned())))
    });
    for (shape, measured) in tenths.iter().zip(measured) {
        report.result(format!("group scale: {}", shape.words()), measured);
    }
}

fn tenth(shape: Shape) -> Shape {
    match shape.groups {
        1 => Shape { members: shape.members / 10, ..shape },
        groups => Shape { groups: groups / 10, ..shape },
    }
}

fn beside_kafka(report: &mut Report, context: &Context) {
    let mut rounds = Vec::new();
    for round in 0..ROUNDS {
        let mut systems = [System::Kafka, System::OttlaFsync];
        if round % 2 == 1 {
            systems.reverse();
        }
        for (number, shape) in SHAPES.into_iter().enumerate() {
            for system in systems {
                let measured = warmed_up(context, system, shape);
                let words = measured.as_ref().map(Figures::words).map_err(Clone::clone);
                report.result(format!("group scale: {}, {}, round {}", shape.words(), system.name(), round + 1), words);
                rounds.extend(measured.map(|figures| page::Measured { shape: number, round, system, figures }));
            }
        }
    }
    let page = context.root.join("../docs/group-scale.md");
    let table = page::table(&SHAPES, &rounds);
    crate::report::say(&table);
    if context.write_docs {
        report.result("group scale: the page", page::write(&page, &table));
    }
}

fn warmed_up(context: &Context, system: System, shape: Shape) -> Result<Figures, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let mut broker = Broker::start(context, system, dir.path(), &[])?;
    create_topic(&broker, TOPIC)?;
    let warm_up = Shape { groups: WARM_UP_GROUPS, protocol: shape.protocol, ..MANY };
    let crowd = Crowd::join(&broker.bootstrap()?, warm_up, TOPIC.0, "warm-up")?;
    crowd.until_stable(WITHIN)?;
    crowd.beat(WARM_UP_FOR)?;
    crowd.leave(WITHIN)?;
    let figures = measure(&broker, shape, STEADY.1)?;
    broker.stop().map(|()| figures)
}

fn create_topic(broker: &Broker, (name, partitions): (&str, i32)) -> Result<(), String> {
    match admin::create_topic(&broker.bootstrap()?, name, partitions, &[]) {
        Err(error) if !error.contains("TopicAlreadyExists") => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn measure(broker: &Broker, shape: Shape, steady: Duration) -> Result<Figures, String> {
    let topic = match shape.protocol {
        Protocol::Classic => TOPIC,
        Protocol::Consumer => ("one-each", i32::try_from(shape.members).expect("a group has its bounds")),
    };
    create_topic(broker, topic)?;
    let (bootstrap, pid, data) = (broker.bootstrap()?, broker.running()?.pid(), broker.data());
    let before_mib = meter::memory_mib(pid)?.0;
    let (crowd, join_cpu_s) = spent(pid, &data, || {
        let crowd = Crowd::join(&bootstrap, shape, topic.0, "scale")?;
        crowd.until_stable(WITHIN).map(|took| (crowd, took))
    })?;
    let (mut crowd, join) = crowd;
    // the first heartbeats come within an interval; those that tell of what was new are over then
    let interval = shape.protocol.heartbeat();
    crowd.beat(interval * SETTLED_AFTER)?;
    let ((beats, told), cpu_s) = spent(pid, &data, || crowd.beat(steady))?;
    let due = steady.as_secs_f64() / interval.as_secs_f64() * shape.all() as f64;
    if told > 0 {
        return Err(format!("{told} of {beats} heartbeats told of a rebalance, and nobody came or went"));
    }
    if (beats as f64) < due * KEPT_UP {
        return Err(format!("only {beats} of {due:.0} heartbeats were answered in {steady:?}"));
    }
    let with_mib = meter::memory_mib(pid)?.0;
    let (change, change_cpu_s) = spent(pid, &data, || {
        crowd.replace_one();
        let took = crowd.until_stable(WITHIN)?;
        if shape.protocol == Protocol::Consumer {
            // the others go on meanwhile, and hear of the new epoch after that
            crowd.beat(interval * SETTLED_AFTER)?;
        }
        Ok(took)
    })?;
    crowd.leave(WITHIN)?;
    Ok(Figures {
        join_s: join.as_secs_f64(),
        join_cpu_s,
        beats_cpu_ms: cpu_s * 1e6 / beats as f64,
        before_mib,
        with_mib,
        change_s: change.as_secs_f64(),
        change_cpu_s,
    })
}

/// What comes of some work, and the CPU seconds of the broker's process meanwhile.
fn spent<T>(pid: u32, data: &Path, work: impl FnOnce() -> Result<T, String>) -> Result<(T, f64), String> {
    let before = Meter::read(pid, data)?;
    let done = work()?;
    Ok((done, Meter::read(pid, data)?.since(&before).broker_cpu_s))
}

fn enough_descriptors(connections: usize) -> Result<(), String> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let now = getrlimit(Resource::Nofile);
    let limit = Rlimit { current: now.maximum, maximum: now.maximum };
    setrlimit(Resource::Nofile, limit).map_err(|error| error.to_string())?;
    let most = now.maximum.unwrap_or(u64::MAX);
    let needed = connections as u64 + DESCRIPTORS_SPARE;
    if needed <= most { Ok(()) } else { Err(format!("a process may open {most} descriptors, {needed} are needed")) }
}
