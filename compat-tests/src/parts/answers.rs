//! The same questions to Ottla and to Apache Kafka 4.4, in one run, compared field by field. What differs must be in the
//! list of known differences, with its reason.

use crate::clients::run_bounded;
use crate::differences;
use crate::parts::Context;
use crate::ports::free_port;
use crate::report::{Outcome, Report};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Longest that all questions may take on one broker.
const LIMIT: Duration = Duration::from_secs(600);
/// Longest that the reference broker may take to stop before it is killed.
const STOP_LIMIT: Duration = Duration::from_secs(15);
/// Fewer answers than this are no comparison.
const CHECKS_MIN: usize = 500;

/// What the reference broker has in its configuration file; given to Ottla too, so that only behaviour can differ.
const STATIC: &[(&str, &str)] = &[
    ("node.id", "1"),
    ("process.roles", "broker,controller"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
];

/// Asks both at once and compares.
pub fn part(report: &mut Report, context: &Context) {
    let answers = std::thread::scope(|scope| {
        let kafka = scope.spawn(|| ask_kafka(context));
        let ottla = ask_ottla(context);
        (kafka.join().unwrap_or_else(|_| Err("panicked".to_owned())), ottla)
    });
    let (kafka, ottla) = match answers {
        (Ok(kafka), Ok(ottla)) => (kafka, ottla),
        (kafka, ottla) => {
            report.result("Apache Kafka's answers", kafka.map(|_| String::new()));
            return report.result("Ottla's answers", ottla.map(|_| String::new()));
        }
    };
    let mut used = BTreeSet::new();
    for (check, theirs) in &kafka {
        report.note(format!("answers: {check}"), compare(check, theirs, ottla.get(check), &mut used));
    }
    let counted = kafka.len() >= CHECKS_MIN && kafka.keys().eq(ottla.keys());
    report.result(
        "answers: every question was asked of both",
        if counted {
            Ok(kafka.len().to_string())
        } else {
            Err(format!("{} of Kafka, {} of Ottla", kafka.len(), ottla.len()))
        },
    );
    for (number, stale) in differences::ALL.iter().enumerate().filter(|(number, _)| !used.contains(number)) {
        report.note(
            format!("answers: known difference {number}"),
            Outcome::Failed(format!("{} {}: differs no more", stale.check, stale.path)),
        );
    }
}

fn compare(check: &str, theirs: &Value, ours: Option<&Value>, used: &mut BTreeSet<usize>) -> Outcome {
    let Some(ours) = ours else { return Outcome::Failed("Ottla was not asked".to_owned()) };
    let mut found = Vec::new();
    differing(theirs, ours, String::new(), &mut found);
    let (mut known, mut unknown) = (0, Vec::new());
    for difference in &found {
        match differences::explains(check, &difference.path) {
            Some(number) => {
                used.insert(number);
                known += 1;
            }
            None => {
                unknown.push(format!("{}: Kafka {}, Ottla {}", difference.path, difference.theirs, difference.ours))
            }
        }
    }
    match (known, unknown.as_slice()) {
        (0, []) => Outcome::Passed(String::new()),
        (known, []) => Outcome::Passed(format!("equal but for {known} listed differences")),
        (_, unknown) => Outcome::Failed(unknown[..unknown.len().min(4)].join("; ")),
    }
}

struct Differing {
    path: String,
    theirs: String,
    ours: String,
}

/// Walks both answers; notes each place where they part.
fn differing(theirs: &Value, ours: &Value, path: String, found: &mut Vec<Differing>) {
    let absent = Value::String("(absent)".to_owned());
    match (theirs, ours) {
        (Value::Object(left), Value::Object(right)) => {
            let keys: BTreeSet<_> = left.keys().chain(right.keys()).collect();
            let get =
                |side: &Map<String, Value>, key: &String| side.get(key).cloned().unwrap_or_else(|| absent.clone());
            for key in keys {
                differing(&get(left, key), &get(right, key), format!("{path}.{key}"), found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (number, (left, right)) in left.iter().zip(right).enumerate() {
                differing(left, right, format!("{path}[{number}]"), found);
            }
        }
        (left, right) if left == right => {}
        (left, right) => {
            let brief = |value: &Value| value.to_string().chars().take(160).collect();
            // an object that one side lacks is named by its path with a final dot, like its fields
            found.push(Differing { path: format!("{path}."), theirs: brief(left), ours: brief(right) });
        }
    }
}

type Answers = BTreeMap<String, Value>;

fn probe(context: &Context, bootstrap: &str) -> Result<Answers, String> {
    let mut command = Command::new(context.root.join("clients/probe"));
    let (status, stdout, stderr) = run_bounded(command.arg(bootstrap), LIMIT, |_| {})?;
    if status != "exit status: 0" {
        return Err(format!("{status}: {stderr}"));
    }
    let line = |line: &str| {
        let row: Value = serde_json::from_str(line).map_err(|error| format!("{line:.80}: {error}"))?;
        Ok((row["check"].as_str().unwrap_or_default().to_owned(), row["result"].clone()))
    };
    stdout.lines().filter(|text| text.starts_with('{')).map(line).collect()
}

fn ask_ottla(context: &Context) -> Result<Answers, String> {
    let (broker, _setup, _dir) = context.broker(STATIC)?;
    let answers = probe(context, &broker.bootstrap)?;
    let code = broker.stop()?;
    if code == 0 { Ok(answers) } else { Err(format!("graceful stop ended with {code}")) }
}

fn ask_kafka(context: &Context) -> Result<Answers, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let reference = Reference::start(&context.root, dir.path())?;
    probe(context, &reference.bootstrap)
}

/// A running Apache Kafka; ended when dropped, by its own process id.
pub struct Reference {
    child: Child,
    /// `host:port` for clients.
    pub bootstrap: String,
}

impl Reference {
    /// Starts one and waits until it listens.
    pub fn start(root: &Path, dir: &Path) -> Result<Self, String> {
        let port = free_port();
        let mut command = Command::new(root.join("kafka-reference"));
        command.arg("run").arg("--dir").arg(dir).args(["--port", &port.to_string()]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| format!("kafka-reference: {error}"))?;
        let out = BufReader::new(child.stdout.take().expect("piped"));
        std::thread::spawn(move || out.lines().map_while(Result::ok).for_each(drop));
        let mut reference = Reference { child, bootstrap: format!("127.0.0.1:{port}") };
        for _ in 0..600 {
            if std::net::TcpStream::connect(&reference.bootstrap).is_ok() {
                return Ok(reference);
            }
            if let Ok(Some(status)) = reference.child.try_wait() {
                return Err(format!("Apache Kafka ended: {status}"));
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Err("Apache Kafka was not ready in a minute".to_owned())
    }
}

impl Drop for Reference {
    fn drop(&mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let begun = std::time::Instant::now();
        while begun.elapsed() < STOP_LIMIT && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
