//! Steps of the wall clock under a running broker and between two runs of it: an hour, ten years, to 1970.
//!
//! Ages are judged by the time that is proven, and never by more than the wall clock shows. So a clock that is ahead
//! deletes nothing early, and one that is behind deletes nothing until it is right again; then, or when they are due
//! anyway, records go.
//!
//! The first turn of retention comes half a minute after a start. A step under a running broker therefore waits for it,
//! and records across a restart are due later than it.

use super::{BATCHES, FILES, GONE_WITHIN, LOOK_EVERY, RECORDS, RETENTION, SEGMENT, SETTINGS, fill, until_at_work};
use crate::admin;
use crate::broker::{Ottla, Setup};
use crate::keyed::{self, Codec, Keyed};
use crate::partition;
use crate::parts::Context;
use crate::raw_producer::{RawProducer, Target};
use crate::report::Report;
use crate::wall_clock::{WallClock, now_ms, to_1970};
use kafka_protocol::messages::describe_quorum_request::{PartitionData, TopicData};
use kafka_protocol::messages::{DescribeQuorumRequest, TopicName};
use kafka_protocol::protocol::StrBytes;
use std::time::{Duration, Instant};

const HOUR: i64 = 3_600;
const TEN_YEARS: i64 = 10 * 365 * 24 * HOUR;
/// Records that are due in a day.
const DAY_MS: &str = "86400000";
/// When records are due that live across a restart.
const RETENTION_OVER_RESTART: Duration = Duration::from_secs(45);
/// How long a wrong clock stands: several turns of retention.
const STANDS: Duration = Duration::from_secs(3);
/// How far a record's time may be from what the stepped clock should show, milliseconds.
const STAMP_WITHIN_MS: i64 = 60_000;

#[derive(Clone, Copy)]
enum Step {
    Ahead(i64),
    Behind(i64),
    To1970,
}

impl Step {
    fn seconds(self) -> i64 {
        match self {
            Step::Ahead(seconds) => seconds,
            Step::Behind(seconds) => -seconds,
            Step::To1970 => to_1970(),
        }
    }

    fn is_ahead(self) -> bool {
        matches!(self, Step::Ahead(_))
    }
}

const STEPS: &[(&str, Step)] = &[
    ("an hour ahead", Step::Ahead(HOUR)),
    ("an hour behind", Step::Behind(HOUR)),
    ("ten years ahead", Step::Ahead(TEN_YEARS)),
    ("ten years behind", Step::Behind(TEN_YEARS)),
    ("in 1970", Step::To1970),
];

/// Long retention across all steps; short retention across each of them, in brokers of their own.
pub fn part(report: &mut Report, context: &Context) {
    let steps = STEPS.iter().flat_map(|step| [(step, false), (step, true)]);
    let jobs: Vec<_> = steps.collect();
    let (far, found) = std::thread::scope(|scope| {
        let far = scope.spawn(|| in_broker(context, far_from_due));
        let all: Vec<_> = jobs
            .iter()
            .map(|((_, step), restart)| scope.spawn(|| in_broker(context, |own| due(own, *step, *restart))))
            .collect();
        let panicked = |_| Err("panicked".to_owned());
        let found: Vec<_> = all.into_iter().map(|job| job.join().unwrap_or_else(panicked)).collect();
        (far.join().unwrap_or_else(panicked), found)
    });
    report.result("steps of the clock: nothing goes that is not due", far);
    for (((name, _), restart), found) in jobs.into_iter().zip(found) {
        let when = if restart { "at the next start" } else { "while it runs" };
        report.result(format!("steps of the clock: {name} {when}"), found);
    }
}

/// A broker that goes by its own clock.
struct Own {
    clock: WallClock,
    setup: Setup,
    broker: Option<Ottla>,
}

impl Own {
    fn bootstrap(&self) -> Result<&str, String> {
        self.broker.as_ref().map(|broker| broker.bootstrap.as_str()).ok_or_else(|| "the broker is down".to_owned())
    }

    /// Steps the clock, between two runs or within one.
    fn step(&mut self, seconds: i64, restart: bool) -> Result<(), String> {
        if restart {
            let code = self.broker.take().map_or(Ok(0), Ottla::stop)?;
            if code != 0 {
                return Err(format!("graceful stop ended with code {code}"));
            }
        }
        self.clock.step(seconds)?;
        if restart {
            self.broker = Some(self.setup.start()?);
        }
        Ok(())
    }

    fn start_of(&self, topic: &str) -> Result<i64, String> {
        partition::bounds(self.bootstrap()?, topic).map(|bounds| bounds.0)
    }
}

fn in_broker(context: &Context, work: impl FnOnce(&mut Own) -> Result<String, String>) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let clock = WallClock::build(&context.root, dir.path())?;
    let setup = SETTINGS
        .iter()
        .fold(Setup::new(&context.binary, &dir.path().join("data")), |setup, (key, value)| setup.with(key, value));
    let setup = clock.worn_by(setup);
    let broker = setup.start()?;
    let mut own = Own { clock, setup, broker: Some(broker) };
    create(&own, "stamped", &[("message.timestamp.type", "LogAppendTime"), ("retention.ms", "-1")])?;
    work(&mut own).map_err(|error| format!("{error}; last message of the broker: {}", own.setup.last_words()))
}

fn create(own: &Own, topic: &str, configs: &[(&str, &str)]) -> Result<(), String> {
    admin::create_topic(own.bootstrap()?, topic, 1, &[&[SEGMENT, FILES], configs].concat())
}

/// The broker's wall clock is where it was put: what it says of its quorum carries that. And what it stamps by itself is
/// dated by the later of that and the time that it can prove, or it would be old as soon as the clock is right again.
fn shows(own: &Own, seconds: i64) -> Result<(), String> {
    let bootstrap = own.bootstrap()?;
    let (clock, wanted) = (clock_of(bootstrap)?, now_ms() + seconds * 1000);
    if (clock - wanted).abs() > STAMP_WITHIN_MS {
        return Err(format!("the broker's clock shows {clock} and should show {wanted}: not stepped"));
    }
    let record = Keyed { key: "now".to_owned(), value: Some("?".to_owned()), timestamp: now_ms() };
    let batch = keyed::batch(&[record], Codec::None, None)?;
    RawProducer::connect(bootstrap)?.produce(&[Target { topic: "stamped", partition: 0 }], &batch)?;
    let read = partition::read_all(bootstrap, "stamped")?;
    let (stamp, wanted) = (read.last().ok_or("no record was stamped")?.timestamp, now_ms() + seconds.max(0) * 1000);
    match (stamp - wanted).abs() <= STAMP_WITHIN_MS {
        true => Ok(()),
        false => Err(format!("a record is stamped {stamp} and should be stamped {wanted}")),
    }
}

/// What the broker's wall clock shows: when its only voter was last caught up, which is now.
fn clock_of(bootstrap: &str) -> Result<i64, String> {
    let topic = TopicData::default()
        .with_topic_name(TopicName(StrBytes::from_static_str("__cluster_metadata")))
        .with_partitions(vec![PartitionData::default()]);
    let request = DescribeQuorumRequest::default().with_topics(vec![topic]);
    let answer = RawProducer::connect(bootstrap)?.ask(1, &request)?;
    let mut voters = answer.topics.iter().flat_map(|topic| &topic.partitions).flat_map(|it| &it.current_voters);
    voters.next().map(|voter| voter.last_caught_up_timestamp).ok_or_else(|| format!("no voter in {answer:?}"))
}

fn far_from_due(own: &mut Own) -> Result<String, String> {
    until_at_work(own.bootstrap()?)?;
    create(own, "kept", &[("retention.ms", DAY_MS)])?;
    fill(own.bootstrap()?, "kept", BATCHES)?;
    for (name, step) in STEPS {
        own.step(step.seconds(), false)?;
        shows(own, step.seconds())?;
        std::thread::sleep(STANDS);
        kept(own).map_err(|error| format!("with the clock {name}: {error}"))?;
    }
    own.step(0, false)?;
    std::thread::sleep(STANDS);
    kept(own)?;
    Ok(format!("{} steps", STEPS.len()))
}

/// What is due in a day is all there.
fn kept(own: &Own) -> Result<(), String> {
    let (start, end) = partition::bounds(own.bootstrap()?, "kept")?;
    let read = partition::read_all(own.bootstrap()?, "kept")?.len() as i64;
    match (start, end, read) == (0, RECORDS, RECORDS) {
        true => Ok(()),
        false => Err(format!("of {RECORDS} records due in a day {read} are left, from {start} to {end}")),
    }
}

/// Records that are due soon: not before their time whatever the clock shows, not at all while it is behind, and in the
/// end. Beside them lie some that are due in a day.
fn due(own: &mut Own, step: Step, restart: bool) -> Result<String, String> {
    let due = if restart { RETENTION_OVER_RESTART } else { RETENTION };
    if !restart {
        until_at_work(own.bootstrap()?)?;
    }
    create(own, "kept", &[("retention.ms", DAY_MS)])?;
    create(own, "due", &[("retention.ms", &due.as_millis().to_string())])?;
    fill(own.bootstrap()?, "kept", BATCHES)?;
    let filled = Instant::now();
    fill(own.bootstrap()?, "due", BATCHES)?;
    own.step(step.seconds(), restart)?;
    shows(own, step.seconds())?;
    if !step.is_ahead() {
        while filled.elapsed() < due + STANDS {
            let start = own.start_of("due")?;
            if start != 0 {
                return Err(format!("records below {start} went by a clock that is behind"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        own.step(0, false)?;
    }
    while filled.elapsed() < due + STANDS + GONE_WITHIN {
        let (start, end) = partition::bounds(own.bootstrap()?, "due")?;
        let now = filled.elapsed();
        if start > 0 && now < due {
            return Err(format!("records below {start} went after {now:?}, before their time"));
        }
        if start == end {
            kept(own)?;
            return Ok(format!("due after {due:?}, gone {now:.1?} after they were written"));
        }
        std::thread::sleep(LOOK_EVERY);
    }
    Err(format!("still there after {:?}: {:?}", filled.elapsed(), partition::bounds(own.bootstrap()?, "due")?))
}
