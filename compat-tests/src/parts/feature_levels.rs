//! Kafka's own `kafka-features` against Ottla and Apache Kafka 4.4, command by command: what is done, what is refused, and
//! the levels and epoch that are told afterwards, also after kill -9. The words of a refusal are each broker's own.

use crate::clients::run_bounded;
use crate::pair::{Broker, Pair};
use crate::parts::Context;
use crate::report::Report;
use crate::side_by_side::systems::System;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Longest that one command may run.
const LIMIT: Duration = Duration::from_secs(60);

/// The feature that both have.
const GROUP: &str = "group.version";

/// What is asked of both, in this order; what the tool itself refuses is left out.
const COMMANDS: &[&str] = &[
    "downgrade --feature group.version=0",
    "upgrade --feature group.version=1 --dry-run",
    "downgrade --feature group.version=1",
    "upgrade --feature group.version=1",
    "upgrade --feature group.version=1",
    "upgrade --feature group.version=2",
    "upgrade --feature group.version=32767",
    "downgrade --feature group.version=5",
    "disable --feature group.version --dry-run",
    "downgrade --unsafe --feature group.version=0 --dry-run",
    "downgrade --feature group.version=0 --dry-run",
    "disable --feature group.version",
    "disable --feature group.version",
    "upgrade --feature group.version=1 --feature nope=1",
    "upgrade --feature nope=1",
    "upgrade --feature nope=1 --dry-run",
    "disable --feature nope",
    "downgrade --feature nope=3",
    "upgrade --feature group.version=1",
    "downgrade --unsafe --feature group.version=0",
    "upgrade --feature group.version=1",
];

/// Commands, restarts, and the configuration.
pub fn part(report: &mut Report, context: &Context) {
    let result = tempfile::tempdir().map_err(|error| error.to_string());
    let pair = result.and_then(|dir| Ok((Pair::start(context, System::OttlaFsync, dir.path(), &[])?, dir)));
    let (mut pair, _dir) = match pair {
        Ok(started) => started,
        Err(error) => return report.result("both brokers", Err(error)),
    };
    let tool = context.root.join("kafka-tool");
    let offered = describe(&tool, &pair.ottla).map(|told| told.levels.contains_key(GROUP));
    let offered = match offered {
        Ok(offered) => offered,
        Err(error) => return report.result("kafka-features describe", Err(error)),
    };
    // What the newer group protocol promises is whole or not there at all; until it is, its level can't be raised.
    let commands: Vec<_> = COMMANDS.iter().filter(|command| offered || !command.contains(GROUP)).collect();
    report.result("kafka-features: the features offered", subset(&tool, &pair, offered));
    let mut told = match pair.at_once(|broker| describe(&tool, broker)) {
        Ok(told) => told,
        Err(error) => return report.result("kafka-features describe", Err(error)),
    };
    for command in commands {
        report.result(format!("kafka-features {command}"), compare(&tool, &pair, command, &mut told));
    }
    report.result("kafka-features: levels and epoch after kill -9", after_kill(&tool, &mut pair, offered));
    if offered {
        report.result("kafka-features: the level of the configuration", configured(&tool, context));
    }
}

/// What describe tells.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    /// Lowest, highest and finalized level by feature, in the tool's words.
    levels: BTreeMap<String, [String; 3]>,
    /// The epoch of the levels; none when no feature is listed.
    epoch: Option<i64>,
}

fn run(tool: &Path, bootstrap: &str, command: &str) -> Result<(String, String), String> {
    let mut process = Command::new(tool);
    process.args(["FeatureCommand", "--bootstrap-server", bootstrap]).args(command.split(' '));
    let (status, stdout, stderr) = run_bounded(&mut process, LIMIT, |_| {})?;
    Ok((status, stdout + &stderr))
}

fn describe(tool: &Path, broker: &Broker) -> Result<Told, String> {
    describe_at(tool, &broker.bootstrap()?)
}

fn describe_at(tool: &Path, bootstrap: &str) -> Result<Told, String> {
    let (status, output) = run(tool, bootstrap, "describe")?;
    if status != "exit status: 0" {
        return Err(format!("describe: {status} {output}"));
    }
    let mut told = Told { levels: BTreeMap::new(), epoch: None };
    for line in output.lines().filter(|line| line.starts_with("Feature: ")) {
        let fields = fields(line);
        let named = |name: &str| fields.get(name).cloned().ok_or_else(|| format!("no {name} in {line:?}"));
        let levels = ["SupportedMinVersion", "SupportedMaxVersion", "FinalizedVersionLevel"].map(named);
        let [min, max, finalized] = levels;
        told.levels.insert(named("Feature")?, [min?, max?, finalized?]);
        told.epoch = named("Epoch")?.parse().ok();
    }
    Ok(told)
}

/// `Name: words Name: words`, with as much room between as the tool likes.
fn fields(line: &str) -> BTreeMap<&str, String> {
    let mut fields = BTreeMap::new();
    let mut last = "";
    for word in line.split_whitespace() {
        match word.strip_suffix(':') {
            Some(name) => last = name,
            None => {
                let value: &mut String = fields.entry(last).or_default();
                value.push_str(if value.is_empty() { "" } else { " " });
                value.push_str(word);
            }
        }
    }
    fields
}

/// Every feature that Ottla offers is one of Kafka's, with levels that Kafka has too.
fn subset(tool: &Path, pair: &Pair, offered: bool) -> Result<String, String> {
    let [kafka, ottla] = pair.at_once(|broker| describe(tool, broker))?;
    for (name, [min, max, _]) in &ottla.levels {
        match kafka.levels.get(name) {
            Some([least, most, _]) if least == min && most == max => {}
            theirs => return Err(format!("{name} {min} to {max}, Kafka's {theirs:?}")),
        }
    }
    let names: Vec<_> = ottla.levels.keys().collect();
    Ok(if offered { format!("{names:?}") } else { format!("{names:?}: {GROUP} comes with its APIs") })
}

/// The output up to the words of a refusal, which are each broker's own.
fn essence(output: &str) -> Vec<&str> {
    output.lines().map(|line| line.split(". ").next().unwrap_or(line)).collect()
}

/// `told` is what both told last; what they tell afterwards takes its place.
fn compare(tool: &Path, pair: &Pair, command: &str, told: &mut [Told; 2]) -> Result<String, String> {
    let [kafka, ottla] = pair.at_once(|broker| run(tool, &broker.bootstrap()?, command))?;
    if (&kafka.0, essence(&kafka.1)) != (&ottla.0, essence(&ottla.1)) {
        return Err(format!("Kafka {kafka:?}, Ottla {ottla:?}"));
    }
    let before = std::mem::replace(told, pair.at_once(|broker| describe(tool, broker))?);
    for (before, after) in before.iter().zip(&*told) {
        not_lower(before, after)?;
    }
    match (told[0].levels.get(GROUP), told[1].levels.get(GROUP)) {
        (_, None) => {}
        (kafka, ottla) if kafka == ottla => {}
        (kafka, ottla) => return Err(format!("afterwards Kafka {kafka:?}, Ottla {ottla:?}")),
    }
    Ok(ottla.1.lines().next().unwrap_or_default().to_owned())
}

/// The epoch never falls, and a level changes only with it.
fn not_lower(before: &Told, after: &Told) -> Result<(), String> {
    let changed = before.levels != after.levels;
    if before.epoch.is_some() && (after.epoch < before.epoch || changed && after.epoch == before.epoch) {
        return Err(format!("epoch {:?} after {:?}, levels changed: {changed}", after.epoch, before.epoch));
    }
    Ok(())
}

fn after_kill(tool: &Path, pair: &mut Pair, offered: bool) -> Result<String, String> {
    let before = pair.at_once(|broker| describe(tool, broker))?;
    pair.kill_both()?;
    let after = pair.at_once(|broker| describe(tool, broker))?;
    for (before, after) in before.iter().zip(&after) {
        if before.levels != after.levels {
            return Err(format!("levels {:?} after {:?}", after.levels, before.levels));
        }
        not_lower(before, after)?;
    }
    if offered && after[1].levels[GROUP][2] != "1" {
        return Err(format!("the last command raised it, but it is {:?}", after[1].levels[GROUP]));
    }
    Ok(format!("epoch {:?}", after[1].epoch))
}

/// `ottla.group.version` holds from the start on that has it, in a new directory and in one that is there.
fn configured(tool: &Path, context: &Context) -> Result<String, String> {
    let (broker, setup, _dir) = context.broker(&[("ottla.group.version", "1")])?;
    let mut last = describe_at(tool, &broker.bootstrap)?;
    let expect = |told: &Told, level: &str| match &told.levels[GROUP] {
        [_, _, found] if found == level => Ok(()),
        found => Err(format!("{found:?}, not {level}")),
    };
    expect(&last, "1")?;
    broker.stop()?;
    for (level, expected) in [(None, "1"), (Some("0"), "0"), (None, "0"), (Some("1"), "1")] {
        let mut setup = setup.clone();
        setup.properties.clear();
        if let Some(level) = level {
            setup = setup.with("ottla.group.version", level);
        }
        let broker = setup.start()?;
        let told = describe_at(tool, &broker.bootstrap)?;
        expect(&told, expected)?;
        not_lower(&last, &told)?;
        last = told;
        broker.stop()?;
    }
    Ok(String::new())
}
