//! Consumer groups with real clients: members join and leave while the data set flows.
//!
//! - [`chaos`]: kill -9 under many groups.
//! - [`first_record`]: how long a new group's first consumer waits.
//! - [`tools`]: Kafka's own commands for groups.
//! - `flow`: one group through a flow of records, and what must hold of what its members did.

pub mod chaos;
pub mod first_record;
mod flow;
mod schedule;
pub mod tools;

use crate::clients::Clients;
use crate::parts::answers::Reference;
use crate::parts::{Context, in_parallel};
use crate::record::read_rows;
use crate::report::{Outcome, Report};
use flow::{Flow, Kind};
use schedule::{CLASSIC, CONSUMER, UPGRADE, UPGRADE_COOPERATIVE};

/// The settings of the broker: nobody waits for members that may come.
const SETTINGS: &[(&str, &str)] = &[("group.initial.rebalance.delay.ms", "0")];

/// Clients that share the assignor `range`, in one group.
const MIXED: &[&str] = &["java", "confluent-2.16.1", "franz-go", "sarama", "kafka-python", "aiokafka", "rdkafka"];

/// Every client by itself, then several in one group.
pub fn part(report: &mut Report, context: &Context) {
    let (broker, _setup, _dir) = match context.broker(SETTINGS) {
        Ok(started) => started,
        Err(error) => return report.result("broker", Err(error)),
    };
    let rows = match read_rows(&context.root.join(".work/dataset.jsonl")) {
        Ok(rows) => rows,
        Err(error) => return report.result("data set", Err(error)),
    };
    let flows = flows(&context.clients, context.long);
    let outcomes = in_parallel(&flows, |flow| flow.run(&context.clients, &broker.bootstrap, &rows));
    for (flow, outcome) in flows.iter().zip(outcomes) {
        report.note(&flow.name, outcome);
    }
    if let Err(error) = &broker.stop().map(|code| (code == 0).then_some(()).ok_or(format!("it ended with {code}"))) {
        report.note("the broker stops in order", Outcome::Failed(error.clone()));
    }
}

/// Clients of the consumer protocol (KIP-848).
const CONSUMER_CLIENTS: &[&str] = &["java", "confluent-2.16.1", "franz-go", "platformatic"];

/// The consumer protocol, and rolling upgrades to it and back; in a long run on Apache Kafka too.
pub fn consumer(report: &mut Report, context: &Context) {
    let rows = match read_rows(&context.root.join(".work/dataset.jsonl")) {
        Ok(rows) => rows,
        Err(error) => return report.result("data set", Err(error)),
    };
    let flows = consumer_flows(context.long);
    let run = |report: &mut Report, whose: &str, bootstrap: &str| {
        let outcomes = in_parallel(&flows, |flow| flow.run(&context.clients, bootstrap, &rows));
        for (flow, outcome) in flows.iter().zip(outcomes) {
            report.note(format!("{whose}{}", flow.name), outcome);
        }
    };
    match context.broker(SETTINGS) {
        Ok((broker, _setup, _dir)) => {
            run(report, "", &broker.bootstrap);
            let code = broker.stop();
            let well =
                code.and_then(|code| if code == 0 { Ok(String::new()) } else { Err(format!("it ended with {code}")) });
            report.result("the broker stops in order", well);
        }
        Err(error) => report.result("broker", Err(error)),
    }
    if context.long {
        let dir = tempfile::tempdir().map_err(|error| error.to_string());
        match dir.and_then(|dir| Ok((Reference::start(&context.root, dir.path())?, dir))) {
            Ok((reference, _dir)) => run(report, "Apache Kafka: ", &reference.bootstrap),
            Err(error) => report.result("Apache Kafka", Err(error)),
        }
    }
}

fn consumer_flows(long: bool) -> Vec<Flow> {
    let mut flows = Vec::new();
    let alone = |name: &str| Kind::Alone(name.to_owned());
    for (name, assignor) in [("cooperative-sticky", UPGRADE_COOPERATIVE), ("range", UPGRADE)] {
        flows.push(Flow::of(&format!("java, rolling upgrade from {name}"), alone("java"), Some(name), assignor));
    }
    for name in CONSUMER_CLIENTS {
        let assignors: &[Option<&str>] = if long { &[None, Some("range"), Some("uniform")] } else { &[None] };
        for assignor in assignors {
            let what = assignor.map_or(String::new(), |assignor| format!(", {assignor}"));
            flows.push(Flow::of(&format!("{name}{what}, consumer protocol"), alone(name), *assignor, CONSUMER));
        }
    }
    let all = Kind::Mixed(CONSUMER_CLIENTS);
    flows.push(Flow::of("several clients, consumer protocol", all, Some("uniform"), CONSUMER));
    flows
}

/// What is run: each client with its default assignor, those that have more of them with each in a long run.
fn flows(clients: &Clients, long: bool) -> Vec<Flow> {
    let mut flows = Vec::new();
    for client in clients.all.iter().filter(|client| client.groups) {
        flows.push(Flow::of(&client.name, Kind::Alone(client.name.clone()), None, CLASSIC));
        let more: &[&str] = if long { &["range", "roundrobin", "cooperative-sticky", "sticky"] } else { &[] };
        for assignor in more {
            flows.push(Flow::of(
                &format!("{}, {assignor}", client.name),
                Kind::Alone(client.name.clone()),
                Some(assignor),
                CLASSIC,
            ));
        }
    }
    for name in ["java", "confluent-2.16.1"].iter().filter(|_| !long) {
        let kind = Kind::Alone((*name).to_owned());
        flows.push(Flow::of(&format!("{name}, cooperative-sticky"), kind, Some("cooperative-sticky"), CLASSIC));
    }
    flows.push(Flow::of("several clients", Kind::Mixed(MIXED), Some("range"), CLASSIC));
    flows
}
