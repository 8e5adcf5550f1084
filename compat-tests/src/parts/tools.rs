//! Kafka's own command-line classes against Ottla, and Kafka's reading of Ottla's files: DumpLogSegments finds nothing in
//! healthy segments, finds planted damage, and `ottla storage inspect` agrees in both cases.

use crate::admin;
use crate::clients::run_bounded;
use crate::parts::Context;
use crate::record::{Row, write_rows};
use crate::report::Report;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Longest that one command may run.
const LIMIT: Duration = Duration::from_secs(60);
/// What Kafka allows as the smallest segment, so that a small test has many.
const SEGMENT_BYTES: &str = "1048576";

/// Command-line classes first, then files.
pub fn part(report: &mut Report, context: &Context) {
    let (broker, setup, dir) = match context.broker(&[]) {
        Ok(parts) => parts,
        Err(error) => return report.result("broker", Err(error)),
    };
    let tool = Tool { program: context.root.join("kafka-tool"), bootstrap: broker.bootstrap.clone() };
    for (name, check) in COMMANDS {
        report.result(format!("kafka-tools: {name}"), check(&tool, dir.path()));
    }
    let filled = fill(context, &broker.bootstrap, dir.path());
    let stopped =
        broker.stop().and_then(|code| if code == 0 { Ok(String::new()) } else { Err(format!("code {code}")) });
    report.result("segments of several clients and codecs", filled.and(stopped));
    report.result("DumpLogSegments finds nothing in healthy files", healthy(&tool, &setup.data));
    report.result("storage inspect agrees", inspect(context, &setup.data, true));
    for (name, plant) in DAMAGE {
        report.result(format!("planted damage: {name}"), damaged(context, &tool, &setup.data, *plant));
    }
}

struct Tool {
    program: PathBuf,
    bootstrap: String,
}

impl Tool {
    /// Runs a class with `--bootstrap-server`; its output when it ends well.
    fn online(&self, class: &str, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        command.arg(class).args(["--bootstrap-server", &self.bootstrap]).args(args);
        let (status, stdout, stderr) = run_bounded(&mut command, LIMIT, |_| {})?;
        if status == "exit status: 0" {
            Ok(stdout)
        } else {
            Err(format!("{class} {args:?}: {status} {stdout} {stderr}"))
        }
    }

    /// Runs a class without a broker; output and errors together.
    fn offline(&self, class: &str, args: &[&str]) -> Result<String, String> {
        let mut command = Command::new(&self.program);
        let (_, stdout, stderr) = run_bounded(command.arg(class).args(args), LIMIT, |_| {})?;
        Ok(stdout + &stderr)
    }
}

/// The output must contain all of these.
fn contains(output: &str, all: &[&str]) -> Result<String, String> {
    match all.iter().find(|part| !output.contains(**part)) {
        None => Ok(String::new()),
        Some(missing) => Err(format!("{missing:?} is not in {output:?}")),
    }
}

type CommandCheck = fn(&Tool, &Path) -> Result<String, String>;

const COMMANDS: &[(&str, CommandCheck)] = &[
    ("topics --create", |tool, _| {
        let args = ["--create", "--topic", "shell", "--partitions", "3", "--config", "retention.ms=7200000"];
        contains(&tool.online("TopicCommand", &args)?, &["Created topic shell"])
    }),
    ("topics --list", |tool, _| contains(&tool.online("TopicCommand", &["--list"])?, &["shell"])),
    ("topics --alter --partitions", |tool, _| {
        tool.online("TopicCommand", &["--alter", "--topic", "shell", "--partitions", "5"])
    }),
    ("topics --describe", |tool, _| {
        let output = tool.online("TopicCommand", &["--describe", "--topic", "shell"])?;
        contains(&output, &["PartitionCount: 5", "ReplicationFactor: 1", "retention.ms=7200000", "Partition: 4"])
    }),
    ("configs --alter and --describe a topic", |tool, _| {
        let entity = ["--entity-type", "topics", "--entity-name", "shell"];
        tool.online("ConfigCommand", &[&entity[..], &["--alter", "--add-config", "max.message.bytes=12345"]].concat())?;
        let output = tool.online("ConfigCommand", &[&entity[..], &["--describe"]].concat())?;
        contains(&output, &["max.message.bytes=12345", "DYNAMIC_TOPIC_CONFIG", "retention.ms=7200000"])
    }),
    ("configs --describe --all a broker", |tool, _| {
        let args = ["--entity-type", "brokers", "--entity-name", "1", "--describe", "--all"];
        let output = tool.online("ConfigCommand", &args)?;
        contains(&output, &["log.retention.hours=168", "DEFAULT_CONFIG", "num.partitions=1"])
    }),
    ("console producer and consumer by partition", |tool, dir| {
        let lines = dir.join("lines.txt");
        std::fs::write(&lines, "first:eins\nsecond:zwei\nthird:drei\n").map_err(|error| error.to_string())?;
        let mut shell = Command::new("bash");
        let script = r#""$1" ConsoleProducer --bootstrap-server "$2" --topic console --reader-property parse.key=true \
            --reader-property key.separator=: <"$3""#;
        shell.args(["-c", script, "-"]).arg(&tool.program).arg(&tool.bootstrap).arg(&lines);
        let (status, _, stderr) = run_bounded(&mut shell, LIMIT, |_| {})?;
        if status != "exit status: 0" {
            return Err(format!("{status}: {stderr}"));
        }
        let args = ["--topic", "console", "--partition", "0", "--offset", "earliest", "--max-messages", "3"];
        let args = [&args[..], &["--timeout-ms", "20000", "--formatter-property", "print.key=true"]].concat();
        contains(&tool.online("ConsoleConsumer", &args)?, &["first\teins\nsecond\tzwei\nthird\tdrei\n"])
    }),
    ("get-offsets", |tool, _| {
        let all = [("-1", "console:0:3"), ("-2", "console:0:0"), ("-3", "console:0:"), ("-4", "console:0:0")];
        for (time, expected) in all {
            contains(&tool.online("GetOffsetShell", &["--topic", "console", "--time", time])?, &[expected])?;
        }
        Ok(String::new())
    }),
    ("log-dirs --describe", |tool, _| {
        contains(
            &tool.online("LogDirsCommand", &["--describe", "--topic-list", "console"])?,
            &["console-0", "\"size\":"],
        )
    }),
    ("broker-api-versions", |tool, _| {
        let output = tool.online("BrokerApiVersionsCommand", &[])?;
        contains(&output, &["Produce(0): 0 to 13", "Fetch(1): 4 to 18", "Metadata(3): 0 to 13"])
    }),
    ("cluster-id", |tool, _| {
        let mut command = Command::new(&tool.program);
        command.args(["ClusterTool", "cluster-id", "--bootstrap-server", &tool.bootstrap]);
        let (_, stdout, stderr) = run_bounded(&mut command, LIMIT, |_| {})?;
        contains(&(stdout + &stderr), &["Cluster ID:"])
    }),
    ("topics --delete", |tool, _| {
        tool.online("TopicCommand", &["--delete", "--topic", "shell"])?;
        let left = tool.online("TopicCommand", &["--list"])?;
        if left.contains("shell") { Err(format!("still there: {left}")) } else { Ok(String::new()) }
    }),
];

/// A topic with several segments, written by several clients with all codecs.
fn fill(context: &Context, bootstrap: &str, dir: &Path) -> Result<String, String> {
    // The records' dates are older than a week.
    let configs = [("segment.bytes", SEGMENT_BYTES), ("retention.ms", "-1")];
    admin::create_topic(bootstrap, "segments", 2, &configs)?;
    let value: String = (0..120).map(|number| format!("{number:x} ")).collect();
    let row = |number: i64| {
        let value = format!("{number} {value}");
        Row::new(
            (number % 2) as i32,
            Some(number.to_string().as_bytes()),
            Some(value.as_bytes()),
            1_700_000_000_000 + number,
        )
    };
    let input = dir.join("segments.jsonl");
    write_rows(&input, &(0..4_000).map(row).collect::<Vec<_>>())?;
    let input = input.to_str().ok_or("path is not UTF-8")?;
    let mut writers = Vec::new();
    for (client, codec) in [
        ("rdkafka", "none"),
        ("java", "none"),
        ("java", "zstd"),
        ("franz-go", "snappy"),
        ("rdkafka", "lz4"),
        ("rdkafka", "gzip"),
    ] {
        let known = context.clients.all.iter().find(|known| known.name == client);
        let client = known.ok_or_else(|| format!("there is no client {client}"))?;
        let args = ["produce", "--bootstrap", bootstrap, "--topic", "segments", "--input", input, "--codec", codec];
        let answer = context.clients.run(client, &args)?;
        if answer["ok"] != true {
            return Err(format!("{}: {answer}", client.name));
        }
        writers.push(client.name.clone());
    }
    Ok(format!("{writers:?}"))
}

fn files(data: &Path) -> Result<Vec<PathBuf>, String> {
    let mut found = Vec::new();
    for partition in ["segments-0", "segments-1"] {
        let entries = std::fs::read_dir(data.join(partition)).map_err(|error| format!("{partition}: {error}"))?;
        found.extend(entries.filter_map(|entry| Some(entry.ok()?.path())));
    }
    found.sort();
    Ok(found)
}

fn dump(tool: &Tool, files: &[PathBuf]) -> Result<String, String> {
    let names: Vec<_> = files.iter().filter_map(|file| file.to_str()).collect();
    tool.offline("DumpLogSegments", &["--deep-iteration", "--files", &names.join(",")])
}

/// The findings in a dump, by the words that DumpLogSegments has for them. It calls the first offset of every segment but
/// the first "-1 is followed by" it, on Kafka's own files too: that is no finding, any other pair is.
fn dump_findings(output: &str) -> Vec<&str> {
    let words = ["isvalid: false", "Mismatches in", "invalid bytes", "not found in log", "xception", "Could not"];
    let pair = |line: &str| line.contains(" is followed by ") && !line.trim_start().starts_with("-1 is followed by ");
    output.lines().filter(|line| pair(line) || words.iter().any(|word| line.contains(word))).collect()
}

fn dumpable(data: &Path) -> Result<Vec<PathBuf>, String> {
    let kinds = ["log", "index", "timeindex", "snapshot"];
    let is_kind =
        |file: &PathBuf| file.extension().and_then(|kind| kind.to_str()).is_some_and(|kind| kinds.contains(&kind));
    Ok(files(data)?.into_iter().filter(is_kind).collect())
}

fn healthy(tool: &Tool, data: &Path) -> Result<String, String> {
    let files = dumpable(data)?;
    let segments = files.iter().filter(|file| file.extension().is_some_and(|kind| kind == "log")).count();
    let output = dump(tool, &files)?;
    let (findings, batches) = (dump_findings(&output), output.matches("baseOffset: ").count());
    let records = output.matches("| offset: ").count();
    if !findings.is_empty() {
        return Err(format!("{} findings, first {:?}", findings.len(), findings[0]));
    }
    if segments < 4 || records != 24_000 {
        return Err(format!("only {segments} segments, {records} records of 24000: {output:.300}"));
    }
    Ok(format!("{} files, {segments} segments, {batches} batches, {records} records", files.len()))
}

fn inspect(context: &Context, path: &Path, clean: bool) -> Result<String, String> {
    let mut command = Command::new(&context.binary);
    command.args(["storage", "inspect"]).arg(path);
    let (status, stdout, stderr) = run_bounded(&mut command, LIMIT, |_| {})?;
    let said = stdout.lines().last().unwrap_or_default().to_owned();
    if clean == (status == "exit status: 0") { Ok(said) } else { Err(format!("{status}: {said} {stderr}")) }
}

/// Damages the bytes of a file.
type Damage = fn(&mut Vec<u8>);

const DAMAGE: &[(&str, (&str, Damage))] = &[
    (
        "a flipped bit in a record",
        ("log", |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 4;
        }),
    ),
    ("a segment cut inside a batch", ("log", |bytes| bytes.truncate(bytes.len() - 7))),
    (
        "an index entry that points into a batch",
        ("index", |bytes| {
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
        }),
    ),
];

/// Damages one file of a copy; both readers must find it.
fn damaged(context: &Context, tool: &Tool, data: &Path, (kind, damage): (&str, Damage)) -> Result<String, String> {
    let copy = tempfile::tempdir().map_err(|error| error.to_string())?;
    let place = copy.path().join("segments-0");
    std::fs::create_dir(&place).map_err(|error| error.to_string())?;
    let all = files(data)?.into_iter().filter(|file| file.starts_with(data.join("segments-0")));
    let mut copied = Vec::new();
    for file in all {
        let to = place.join(file.file_name().ok_or("no name")?);
        std::fs::copy(&file, &to).map_err(|error| error.to_string())?;
        copied.push(to);
    }
    let victims = copied.iter().filter(|file| file.extension().is_some_and(|own| own == kind));
    let victim = victims.max_by_key(|file| file.metadata().map_or(0, |meta| meta.len())).ok_or("no such file")?;
    let mut bytes = std::fs::read(victim).map_err(|error| error.to_string())?;
    damage(&mut bytes);
    std::fs::write(victim, bytes).map_err(|error| error.to_string())?;
    let output = dump(tool, std::slice::from_ref(victim))?;
    let Some(finding) = dump_findings(&output).first().map(|line| (*line).to_owned()) else {
        return Err(format!("DumpLogSegments found nothing in {output:.600}"));
    };
    inspect(context, &place, false).map(|said| format!("{finding:.120} / {said:.120}"))
}
