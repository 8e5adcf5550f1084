//! Kafka's own commands for groups against Ottla and against Apache Kafka with the same groups: each prints the same on
//! both.

use crate::admin;
use crate::clients::run_bounded;
use crate::parts::Context;
use crate::parts::answers::Reference;
use crate::report::Report;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Longest that one command may run.
const LIMIT: Duration = Duration::from_secs(60);
/// A liveness bound for members to have their partitions.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(60);
/// Records of each partition.
const RECORDS: i64 = 100;
/// Time of the first, milliseconds: 2023-11-14T22:13:20Z; one comes each second.
const FIRST_TIME: i64 = 1_700_000_000_000;
const TOPICS: [(&str, i32); 2] = [("tools-a", 3), ("tools-b", 1)];

const GROUP_COMMAND: &str = "ConsumerGroupCommand";
const GROUPS_COMMAND: &str = "GroupsCommand";
const CONFIG_COMMAND: &str = "ConfigCommand";

/// A class, and its arguments; `FILE` stands for a file with offsets.
type Line = (&'static str, &'static str);

/// In this order: what a line changes, the later ones see.
const LINES: &[Line] = &[
    (GROUP_COMMAND, "--list"),
    (GROUP_COMMAND, "--list --state"),
    (GROUP_COMMAND, "--list --state stable,empty"),
    (GROUP_COMMAND, "--list --type"),
    (GROUP_COMMAND, "--list --type classic"),
    (GROUP_COMMAND, "--list --type consumer"),
    (GROUPS_COMMAND, "--list"),
    (GROUPS_COMMAND, "--list --consumer"),
    (GROUPS_COMMAND, "--list --group-type classic"),
    (GROUPS_COMMAND, "--list --protocol consumer"),
    (GROUP_COMMAND, "--describe --group live"),
    (GROUP_COMMAND, "--describe --group live --offsets --verbose"),
    (GROUP_COMMAND, "--describe --group live --members"),
    (GROUP_COMMAND, "--describe --group live --members --verbose"),
    (GROUP_COMMAND, "--describe --group live --state"),
    (GROUP_COMMAND, "--describe --group live --state --verbose"),
    (GROUP_COMMAND, "--describe --group new"),
    (GROUP_COMMAND, "--describe --group new --offsets --verbose"),
    (GROUP_COMMAND, "--describe --group new --members"),
    (GROUP_COMMAND, "--describe --group new --members --verbose"),
    (GROUP_COMMAND, "--describe --group new --state"),
    (GROUP_COMMAND, "--describe --group new --state --verbose"),
    (CONFIG_COMMAND, "--describe --entity-type groups --entity-name new --all"),
    (
        CONFIG_COMMAND,
        "--alter --entity-type groups --entity-name new --add-config consumer.session.timeout.ms=50000,consumer.heartbeat.interval.ms=6000",
    ),
    (CONFIG_COMMAND, "--describe --entity-type groups --entity-name new"),
    (CONFIG_COMMAND, "--describe --group new"),
    (CONFIG_COMMAND, "--describe --entity-type groups"),
    (CONFIG_COMMAND, "--describe --entity-type groups --entity-name nobody"),
    (CONFIG_COMMAND, "--describe --entity-type groups --entity-name nobody --all"),
    (CONFIG_COMMAND, "--describe --entity-type groups --entity-name new --all"),
    (CONFIG_COMMAND, "--alter --entity-type groups --entity-name new --add-config consumer.session.timeout.ms=100"),
    (CONFIG_COMMAND, "--alter --entity-type groups --entity-name new --add-config consumer.session.timeout.ms=x"),
    (CONFIG_COMMAND, "--alter --entity-type groups --entity-name new --add-config consumer.heartbeat.interval.ms=0"),
    (CONFIG_COMMAND, "--alter --entity-type groups --entity-name new --add-config no.such.key=1"),
    (CONFIG_COMMAND, "--alter --entity-type groups --entity-name new --delete-config consumer.session.timeout.ms"),
    (CONFIG_COMMAND, "--describe --entity-type groups --entity-name new"),
    (GROUP_COMMAND, "--describe --group idle"),
    (GROUP_COMMAND, "--describe --group idle --members"),
    (GROUP_COMMAND, "--describe --group idle --state"),
    (GROUP_COMMAND, "--describe --group nobody"),
    (GROUP_COMMAND, "--describe --all-groups --state"),
    (GROUP_COMMAND, "--describe --all-groups --offsets"),
    (GROUP_COMMAND, "--reset-offsets --group idle --topic tools-a --to-earliest --dry-run"),
    (GROUP_COMMAND, "--reset-offsets --group idle --all-topics --to-latest --execute"),
    (GROUP_COMMAND, "--reset-offsets --group idle --topic tools-a:0,2 --to-offset 42 --execute"),
    (GROUP_COMMAND, "--reset-offsets --group idle --topic tools-a --to-offset 4200 --execute"),
    (GROUP_COMMAND, "--reset-offsets --group idle --topic tools-a --shift-by -7 --execute"),
    (GROUP_COMMAND, "--reset-offsets --group idle --topic tools-a --to-datetime 2023-11-14T22:14:00.000 --execute"),
    (GROUP_COMMAND, "--reset-offsets --group idle --topic tools-b --by-duration PT0S --execute"),
    (GROUP_COMMAND, "--reset-offsets --group idle --all-topics --to-current --export"),
    (GROUP_COMMAND, "--reset-offsets --group idle --from-file FILE --execute"),
    (GROUP_COMMAND, "--reset-offsets --group fresh --topic tools-b --to-earliest --execute"),
    (GROUP_COMMAND, "--reset-offsets --group new --topic tools-a --to-earliest --execute"),
    (GROUP_COMMAND, "--reset-offsets --group live --topic tools-a --to-earliest --execute"),
    (GROUP_COMMAND, "--describe --group idle --offsets"),
    (GROUP_COMMAND, "--delete-offsets --group idle --topic tools-a:1"),
    (GROUP_COMMAND, "--delete-offsets --group live --topic tools-a"),
    (GROUP_COMMAND, "--delete-offsets --group live --topic tools-b"),
    (GROUP_COMMAND, "--delete-offsets --group new --topic tools-a"),
    (GROUP_COMMAND, "--delete-offsets --group nobody --topic tools-a"),
    (GROUP_COMMAND, "--describe --group idle --offsets --verbose"),
    (GROUP_COMMAND, "--delete --group idle"),
    (GROUP_COMMAND, "--delete --group live"),
    (GROUP_COMMAND, "--delete --group new"),
    (GROUP_COMMAND, "--delete --group nobody"),
    (GROUP_COMMAND, "--list --state"),
];

/// Every command on both.
pub fn part(report: &mut Report, context: &Context) {
    let ottla = || -> Result<Vec<String>, String> {
        let (broker, _setup, dir) = context.broker(&[])?;
        let outputs = Side::new(context, &broker.bootstrap, dir.path())?.outputs();
        let code = broker.stop()?;
        if code == 0 { Ok(outputs) } else { Err(format!("a stop in order ended with {code}")) }
    };
    let kafka = || -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
        let reference = Reference::start(&context.root, &dir.path().join("node"))?;
        Ok(Side::new(context, &reference.bootstrap, dir.path())?.outputs())
    };
    let (ours, theirs) = std::thread::scope(|scope| {
        let theirs = scope.spawn(kafka);
        (ottla(), theirs.join().unwrap_or_else(|_| Err("panicked".to_owned())))
    });
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            for ((line, ours), theirs) in LINES.iter().zip(ours).zip(theirs) {
                let same = ours == theirs;
                let told = format!("Apache Kafka: {theirs}\n    Ottla: {ours}");
                report.result(format!("{} {}", line.0, line.1), if same { Ok(String::new()) } else { Err(told) });
            }
        }
        (ours, theirs) => {
            report.result("Ottla", ours.map(|_| String::new()));
            report.result("Apache Kafka", theirs.map(|_| String::new()));
        }
    }
}

/// A broker with the groups.
struct Side {
    program: PathBuf,
    bootstrap: String,
    file: PathBuf,
    members: Vec<Member>,
}

impl Side {
    fn new(context: &Context, bootstrap: &str, dir: &Path) -> Result<Self, String> {
        let file = dir.join("offsets.csv");
        std::fs::write(&file, "tools-a,0,15\ntools-a,2,16\ntools-b,0,17\n").map_err(|error| error.to_string())?;
        fill(bootstrap)?;
        commit(bootstrap, "idle", &[("tools-a", 0, 10), ("tools-a", 1, 20), ("tools-b", 0, 5)])?;
        let members = vec![
            Member::start(bootstrap, "live", "one", "tools-a", None)?,
            Member::start(bootstrap, "live", "two", "tools-a", Some("static"))?,
            // Each its own topic: by the members' ids, which are made up, it would be chance who has more.
            Member::start(bootstrap, "new", "three", "tools-a", None)?,
            Member::start(bootstrap, "new", "four", "tools-b", Some("static"))?,
        ];
        let begun = Instant::now();
        while !members.iter().all(|member| member.assigned.load(Ordering::SeqCst)) {
            if begun.elapsed() > ASSIGNED_WITHIN {
                return Err("the members have no partitions".to_owned());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        commit(bootstrap, "live-before", &[("tools-a", 0, 10)])?;
        Ok(Side { program: context.root.join("kafka-tool"), bootstrap: bootstrap.to_owned(), file, members })
    }

    /// What each command prints, made alike.
    fn outputs(self) -> Vec<String> {
        let outputs = LINES.iter().map(|(class, args)| self.output(class, args)).collect();
        self.members.into_iter().for_each(Member::stop);
        outputs
    }

    fn output(&self, class: &str, args: &str) -> String {
        let file = self.file.display().to_string();
        let args = args.split(' ').map(|arg| if arg == "FILE" { file.as_str() } else { arg });
        let mut command = Command::new(&self.program);
        command.arg(class).args(["--bootstrap-server", &self.bootstrap]).args(args);
        match run_bounded(&mut command, LIMIT, |_| {}) {
            Ok((status, stdout, stderr)) => alike(&format!("{status}\n{stdout}\n{stderr}"), &self.bootstrap),
            Err(error) => error,
        }
    }
}

/// The same words wherever nothing but a made-up id, an address or the order of the rows differs.
fn alike(output: &str, bootstrap: &str) -> String {
    let output = output.replace(bootstrap, "BROKER");
    let mut lines: Vec<String> =
        output.lines().map(|line| row(line).join(" ")).filter(|line| !line.is_empty()).collect();
    lines.sort();
    lines.join("\n")
}

fn row(line: &str) -> Vec<String> {
    // the tool pads columns to the longest id
    let word = |word: &str| match word.len().checked_sub(36).and_then(|at| word.split_at_checked(at)) {
        Some((front, id)) if is_uuid(id) => format!("{front}UUID"),
        _ if is_base64_uuid(word) => "UUID".to_owned(),
        _ => word.to_owned(),
    };
    line.split_whitespace().map(word).collect()
}

/// Whether it is an id that librdkafka makes up for a member of the consumer protocol: 16 bytes in base 64, unpadded.
fn is_base64_uuid(word: &str) -> bool {
    word.len() == 22 && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

fn is_uuid(text: &str) -> bool {
    let dash = |at: usize| matches!(at, 8 | 13 | 18 | 23);
    text.bytes().enumerate().all(|(at, byte)| if dash(at) { byte == b'-' } else { byte.is_ascii_hexdigit() })
}

fn fill(bootstrap: &str) -> Result<(), String> {
    let producer: BaseProducer =
        ClientConfig::new().set("bootstrap.servers", bootstrap).create().map_err(|error| error.to_string())?;
    for (topic, partitions) in TOPICS {
        admin::create_topic(bootstrap, topic, partitions, &[("retention.ms", "-1")])?;
        for (partition, number) in (0..partitions).flat_map(|partition| (0..RECORDS).map(move |n| (partition, n))) {
            let time = FIRST_TIME + number * 1_000;
            let record = BaseRecord::<str, str>::to(topic).partition(partition).timestamp(time).payload("value");
            producer.send(record).map_err(|(error, _)| error.to_string())?;
        }
    }
    producer.flush(LIMIT).map_err(|error| error.to_string())
}

/// Commits for a group without members.
fn commit(bootstrap: &str, group: &str, offsets: &[(&str, i32, i64)]) -> Result<(), String> {
    let consumer: BaseConsumer = config(bootstrap, group).create().map_err(|error| error.to_string())?;
    let mut list = TopicPartitionList::new();
    for (topic, partition, offset) in offsets {
        list.add_partition_offset(topic, *partition, Offset::Offset(*offset)).map_err(|error| error.to_string())?;
    }
    let begun = Instant::now();
    loop {
        match consumer.commit(&list, CommitMode::Sync) {
            Ok(()) => return Ok(()),
            // Kafka makes the offsets' topic first
            Err(_) if begun.elapsed() < LIMIT => std::thread::sleep(Duration::from_millis(100)),
            Err(error) => return Err(format!("commit for {group}: {error}")),
        }
    }
}

fn config(bootstrap: &str, group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", group).set("enable.auto.commit", "false");
    config.set("auto.offset.reset", "earliest");
    config
}

/// A member of the classic group `live`, or of `new`, which has the consumer protocol (KIP-848); polled by a thread of its
/// own.
struct Member {
    stop: Arc<AtomicBool>,
    assigned: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Member {
    fn start(bootstrap: &str, group: &str, client: &str, topic: &str, instance: Option<&str>) -> Result<Self, String> {
        let mut config = config(bootstrap, group);
        config.set("client.id", client);
        if group == "new" {
            config.set("group.protocol", "consumer");
        }
        if let Some(instance) = instance {
            config.set("group.instance.id", instance);
        }
        let consumer: BaseConsumer = config.create().map_err(|error| error.to_string())?;
        consumer.subscribe(&[topic]).map_err(|error| error.to_string())?;
        let (stop, assigned) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let (stopped, is_assigned) = (Arc::clone(&stop), Arc::clone(&assigned));
        // Each of two classic members has one or two of three partitions.
        let full = match (group, topic) {
            ("live", _) => 1..3,
            (_, "tools-a") => 3..4,
            _ => 1..2,
        };
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::SeqCst) {
                let _ = consumer.poll(Duration::from_millis(50));
                let has = consumer.assignment().is_ok_and(|assignment| full.contains(&assignment.count()));
                is_assigned.store(has, Ordering::SeqCst);
            }
        });
        Ok(Member { stop, assigned, thread })
    }

    fn stop(self) {
        self.stop.store(true, Ordering::SeqCst);
        let _ = self.thread.join();
    }
}
