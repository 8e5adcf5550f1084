//! How long the first consumer of a new group waits for its first record, by client: from when the client is told to
//! consume (clients/README.md) to the first record that it hands over. Nobody waits for members that may come
//! (`group.initial.rebalance.delay.ms=0`), and the records are there before. So what is measured is the finding of the
//! coordinator, the join, the look at what is committed, the first fetch, and what the client takes for all of that.

use crate::admin;
use crate::client_table;
use crate::clients::Client;
use crate::member::{Joining, Member};
use crate::pair::{Broker, Pair};
use crate::parts::Context;
use crate::report::{Outcome, Report};
use crate::side_by_side::systems::System;
use rdkafka::ClientConfig;
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const TOPIC: &str = "first";
const PARTITIONS: i32 = 4;
const RECORDS: i32 = 100;
/// What a new group's first consumer may wait, milliseconds; a run for CI asserts ten times of it.
const TARGET_MS: f64 = 200.0;
const SLACK: f64 = 10.0;
/// Measured runs of each client on each broker. One more comes first, which is not counted: a broker has never seen a group then,
/// and Kafka makes its internal topic.
const RUNS: (usize, usize) = (3, 25);
/// Who runs in CI, and by which protocol.
const CI: [(&str, &str); 4] =
    [("java", "classic"), ("rdkafka", "classic"), ("java", "consumer"), ("franz-go", "consumer")];
/// A liveness bound for the first record.
const WITHIN: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// All clients beside Kafka by hand, two of them on Ottla alone in CI.
pub fn part(report: &mut Report, context: &Context) {
    let mut run = || -> Result<_, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        if context.long {
            let pair = Pair::start(context, System::OttlaFsync, dir.path(), super::SETTINGS)?;
            pair.each(|broker| fill(&broker.bootstrap()?))?;
            beside_kafka(report, context, &pair, dir.path())
        } else {
            let ottla = Broker::start(context, System::OttlaFsync, dir.path(), super::SETTINGS)?;
            fill(&ottla.bootstrap()?)?;
            alive(report, context, &ottla, dir.path());
            Ok(())
        }
    };
    if let Err(error) = run() {
        report.result("first record of a new group", Err(error));
    }
}

fn alive(report: &mut Report, context: &Context, ottla: &Broker, dir: &Path) {
    for (name, protocol) in CI {
        let times = || -> Result<Vec<f64>, String> {
            let kind = Kind { client: context.clients.named(name)?, protocol };
            (0..RUNS.0).map(|run| once(context, ottla, kind, dir, run)).collect()
        };
        let outcome = times().and_then(|times| {
            let words = format!("median {:.0} ms, target {TARGET_MS:.0} ms", median(&times));
            if median(&times) <= TARGET_MS * SLACK { Ok(words) } else { Err(words) }
        });
        report.result(format!("{name}, {protocol} protocol: first record of a new group"), outcome);
    }
}

/// Who is measured.
#[derive(Clone, Copy)]
struct Kind<'a> {
    client: &'a Client,
    protocol: &'static str,
}

impl Kind<'_> {
    fn words(self) -> String {
        format!("{}, {} protocol", self.client.name, self.protocol)
    }
}

/// All that join groups by the classic protocol, and those that know the consumer protocol by that too.
fn kinds(context: &Context) -> Result<Vec<Kind<'_>>, String> {
    let classic = context.clients.all.iter().filter(|client| client.groups).map(Ok);
    let consumer = super::CONSUMER_CLIENTS.iter().map(|name| context.clients.named(name));
    let of = |protocol| move |client: Result<_, String>| client.map(|client| Kind { client, protocol });
    classic.map(of("classic")).chain(consumer.map(of("consumer"))).collect()
}

/// Round by round, client by client, the brokers in turn.
fn beside_kafka(report: &mut Report, context: &Context, pair: &Pair, dir: &Path) -> Result<(), String> {
    let kinds = kinds(context)?;
    let mut times = BTreeMap::<(String, bool), Vec<f64>>::new();
    for run in 0..=RUNS.1 {
        for kind in &kinds {
            let mut brokers = [&pair.kafka, &pair.ottla];
            if run % 2 == 1 {
                brokers.reverse();
            }
            for broker in brokers {
                let took = once(context, broker, *kind, dir, run);
                let took = took.map_err(|error| format!("{} on {}: {error}", kind.words(), broker.name()))?;
                if run > 0 {
                    times.entry((kind.words(), broker.is_kafka())).or_default().push(took);
                }
            }
        }
    }
    let mut cells = BTreeMap::<_, BTreeMap<_, _>>::new();
    for kind in kinds {
        let of = |is_kafka| &times[&(kind.words(), is_kafka)];
        let (ottla, kafka) = (of(false), of(true));
        report.note(format!("{}: first record of a new group", kind.words()), verdict(ottla, kafka));
        let cell = format!("{:.0} ({:.0})", median(ottla), median(kafka));
        cells.entry(kind.protocol).or_default().insert(kind.client.title.clone(), cell);
    }
    if context.write_docs {
        let page = context.root.join("../docs/compatibility.md");
        report.result("first record: the client table", client_table::publish_first(&page, &cells));
    }
    Ok(())
}

/// A target that is missed is said, and is no failure: how fast a machine is does not decide whether a run passes.
fn verdict(ottla: &[f64], kafka: &[f64]) -> Outcome {
    let mut words = format!("{}, Kafka {}", spread(ottla), spread(kafka));
    if median(ottla) > TARGET_MS {
        words.push_str(&format!("; MISSES {TARGET_MS:.0} ms"));
    }
    if median(ottla) > median(kafka) {
        words.push_str("; ABOVE Kafka's");
    }
    Outcome::Passed(words)
}

fn spread(times: &[f64]) -> String {
    let (least, most) = times.iter().fold((f64::MAX, 0.0_f64), |(least, most), one| (least.min(*one), most.max(*one)));
    format!("{:.0} ({least:.0}-{most:.0}) ms", median(times))
}

fn median(times: &[f64]) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}

/// A group that nobody had before, with one member.
fn once(context: &Context, broker: &Broker, kind: Kind<'_>, dir: &Path, run: usize) -> Result<f64, String> {
    let (bootstrap, group) = (broker.bootstrap()?, format!("{}-{}-{run}", kind.client.name, kind.protocol));
    let joining = Joining {
        bootstrap: &bootstrap,
        topic: TOPIC,
        group: &group,
        protocol: kind.protocol,
        assignor: None,
        instance: None,
    };
    let mut member =
        Member::start(&context.clients, kind.client, &joining, dir, &format!("{}-{group}", broker.name()))?;
    let begun = Instant::now();
    let took = loop {
        match member.first_ms() {
            Some(took) => break took,
            None if begun.elapsed() > WITHIN => {
                return Err(format!("no record after {WITHIN:?}{}", member.words()));
            }
            None => std::thread::sleep(LOOK_EVERY),
        }
        if let Some(words) = member.refusal() {
            return Err(words);
        }
    };
    member.stop().map(|_| took)
}

fn fill(bootstrap: &str) -> Result<(), String> {
    admin::create_topic(bootstrap, TOPIC, PARTITIONS, &[])?;
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().map_err(|error| error.to_string())?;
    for number in 0..RECORDS {
        let value = number.to_be_bytes();
        let record = BaseRecord::<[u8], [u8]>::to(TOPIC).partition(number % PARTITIONS).payload(&value);
        producer.send(record).map_err(|(error, _)| error.to_string())?;
    }
    producer.flush(WITHIN).map_err(|error| error.to_string())
}
