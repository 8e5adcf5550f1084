//! What stands in `__consumer_offsets`, as the tools that read it print it: Kafka's offsets and group formatters of the
//! console consumer, DumpLogSegments with `--offsets-decoder`, and a monitor that reads the topic (`offsets-topic` of
//! clients/go, which does what kminion does in its mode `offsetsTopic`). The same groups are made on Ottla and on Apache
//! Kafka through real clients; the records must have the same versions and fields.
//!
//! - `scenes`: the groups
//! - `normal`: a printed record without what must differ between two runs
//!
//! Records are compared by key, in the order in which they were written: clients commit the partitions of one request in
//! an order of their own.

mod normal;
mod scenes;

use crate::clients::run_bounded;
use crate::pair::{Broker, Pair};
use crate::parts::Context;
use crate::report::Report;
use crate::side_by_side::systems::System;
use normal::Printed;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The topic.
const TOPIC: &str = "__consumer_offsets";
/// Longest that one tool may run, and after how long without a record the console consumer ends.
const LIMIT: Duration = Duration::from_secs(60);
const IDLE_MS: &str = "1500";
/// The groups of the tools themselves begin with this; they are no part of the comparison.
const READERS: &str = "reader-";
/// Fewer keys than this were no comparison.
const KEYS_MIN: usize = 6;
const SETTINGS: &[(&str, &str)] =
    &[("group.initial.rebalance.delay.ms", "0"), ("group.min.session.timeout.ms", "1000")];

/// Makes the groups on both, then reads both with every tool.
pub fn part(report: &mut Report, context: &Context) {
    let started = tempfile::tempdir().map_err(|error| error.to_string()).and_then(|dir| {
        let pair = Pair::start(context, System::OttlaFsync, dir.path(), SETTINGS)?;
        Ok((pair, dir))
    });
    let (mut pair, dir) = match started {
        Ok(started) => started,
        Err(error) => return report.result("offsets topic: both brokers", Err(error)),
    };
    let made = pair.at_once(|broker| scenes::play(context, &broker.bootstrap()?, &dir.path().join(broker.name())));
    let made = made.map(|[_, groups]| format!("{groups} groups"));
    let whole = made.is_ok();
    report.result("offsets topic: the same groups on both", made);
    if !whole {
        return;
    }
    for (name, class) in [("offsets", "OffsetsMessageFormatter"), ("groups", "GroupMetadataMessageFormatter")] {
        let read = pair.at_once(|broker| console(context, broker, class));
        report.result(format!("offsets topic: console consumer, {name}"), alike(read, context));
    }
    let lags = pair.at_once(|broker| monitor(context, broker));
    report.result("offsets topic: a monitor's lags", alike(lags, context));
    let stopped = pair.kafka.stop().and(pair.ottla.stop());
    report.result("offsets topic: both stop in order", stopped.map(|()| String::new()));
    let dumped = pair.at_once(|broker| dump(context, &broker.data()));
    report.result("offsets topic: DumpLogSegments --offsets-decoder", alike(dumped, context));
}

/// Kafka's and Ottla's must be the same, and be something.
fn alike(read: Result<[Printed; 2], String>, context: &Context) -> Result<String, String> {
    let [kafka, ottla] = read?;
    let differences = kafka.differences(&ottla);
    if let Some(first) = differences.first() {
        differences
            .iter()
            .skip(1)
            .take(context.size(5, 50))
            .for_each(|more| crate::report::say(&format!("    {more}")));
        return Err(format!("{} differences, the first: {first}", differences.len()));
    }
    if kafka.keys() < KEYS_MIN {
        return Err(format!("only {} keys were read", kafka.keys()));
    }
    Ok(ottla.words())
}

fn console(context: &Context, broker: &Broker, formatter: &str) -> Result<Printed, String> {
    let class = format!("org.apache.kafka.tools.consumer.{formatter}");
    let (bootstrap, group) = (broker.bootstrap()?, format!("{READERS}{formatter}"));
    let mut command = Command::new(context.root.join("kafka-tool"));
    command.args(["ConsoleConsumer", "--bootstrap-server", &bootstrap, "--topic", TOPIC, "--from-beginning"]);
    command.args(["--group", &group, "--formatter", &class, "--timeout-ms", IDLE_MS]);
    command.args(["--command-property", "enable.auto.commit=false"]);
    let (status, stdout, stderr) = run_bounded(&mut command, LIMIT, |_| {})?;
    // it ends by its time limit, and says so as an error
    if !stderr.contains("Processed a total of") {
        return Err(format!("{formatter}: {status} {stdout:.200} {stderr:.600}"));
    }
    Printed::by_formatter(&stdout)
}

fn monitor(context: &Context, broker: &Broker) -> Result<Printed, String> {
    let mut command = Command::new(context.root.join(".work/bin/offsets-topic"));
    let (status, stdout, stderr) = run_bounded(command.args(["--bootstrap", &broker.bootstrap()?]), LIMIT, |_| {})?;
    if status == "exit status: 0" { Printed::by_monitor(&stdout) } else { Err(format!("{status} {stderr}")) }
}

fn dump(context: &Context, data: &Path) -> Result<Printed, String> {
    let files: Vec<String> = segments(data)?.iter().filter_map(|file| Some(file.to_str()?.to_owned())).collect();
    let mut command = Command::new(context.root.join("kafka-tool"));
    command.args(["DumpLogSegments", "--offsets-decoder", "--files", &files.join(",")]);
    let (status, stdout, stderr) = run_bounded(&mut command, LIMIT, |_| {})?;
    if status == "exit status: 0" { Printed::by_dump(&stdout) } else { Err(format!("{status} {stderr:.600}")) }
}

/// The segments of the topic that hold something.
fn segments(data: &Path) -> Result<BTreeSet<PathBuf>, String> {
    let list = |dir: &Path| -> Result<Vec<PathBuf>, String> {
        let entries = std::fs::read_dir(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).collect())
    };
    let ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(TOPIC));
    let mut found = BTreeSet::new();
    for partition in list(data)?.iter().filter(|path| ours(path)) {
        let holds = |file: &PathBuf| {
            file.extension().is_some_and(|kind| kind == "log") && file.metadata().is_ok_and(|meta| meta.len() > 0)
        };
        found.extend(list(partition)?.into_iter().filter(holds));
    }
    Ok(found)
}
