//! The machine, the programs and their settings, for the head of the page.

use super::results::Machine;
use super::run::Whole;
use super::systems::System;
use super::work::latency;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// Versions that are compared; the harness's pom.xml and Cargo.toml pin them.
const VERSIONS: &[(&str, &str)] = &[
    ("Apache Kafka", "4.4.0, one KRaft node, from Maven"),
    ("clients", "rdkafka crate 0.39.0 (librdkafka 2.12.1); kafka-tools 4.3.1; franz-go 1.22.2 (watchers)"),
];

/// What is measured, and with what; the pages that are made of it are neither.
const MEASURED: &[&str] = &[
    "src",
    "Cargo.toml",
    "Cargo.lock",
    "compat-tests/src/side_by_side",
    "compat-tests/clients/go/watchers",
    ":(exclude)compat-tests/src/side_by_side/render",
];

/// The last commit that changed what is measured; `-dirty` behind it when that differs in the work tree. A run can go on, and
/// its pages be written, on commits that change nothing but text.
pub fn commit(top: &Path) -> Result<String, String> {
    let git = |args: &[&str]| {
        let output =
            Command::new("git").args(args).current_dir(top).output().map_err(|error| format!("git: {error}"))?;
        Ok::<_, String>(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&[&["log", "-1", "--abbrev=12", "--format=%h", "--"], MEASURED].concat())?;
    let changed = git(&[&["status", "--porcelain", "--"], MEASURED].concat())?;
    Ok(if changed.is_empty() { head } else { format!("{head}-dirty") })
}

/// What is known of the run before it begins; the time of a run that goes on is kept.
pub fn describe(whole: &Whole, seed: u64) -> Machine {
    let kept = Machine::load(&whole.out).ok().filter(|kept| whole.resume && kept.commit == whole.commit);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let settings = System::ALL.iter().map(|system| (system.name().to_owned(), system.described()));
    Machine {
        commit: whole.commit.clone(),
        at: kept.as_ref().map_or(now, |kept| kept.at),
        took_s: kept.map_or(0, |kept| kept.took_s),
        command: whole.command.clone(),
        seed,
        facts: facts(whole),
        settings: settings.collect(),
    }
}

fn facts(whole: &Whole) -> Vec<(String, String)> {
    let text = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default();
        line.split_once(':').map_or("unknown", |(_, value)| value.trim()).to_owned()
    };
    let processor = after(&text("/proc/cpuinfo"), "model name");
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = after(&text("/proc/meminfo"), "MemTotal");
    let mut facts = vec![
        ("processor".to_owned(), format!("{processor}, {cores} cores")),
        ("memory".to_owned(), memory),
        ("kernel".to_owned(), text("/proc/sys/kernel/osrelease").trim().to_owned()),
        ("file system of the data".to_owned(), file_system(&whole.disk)),
        ("Java".to_owned(), java()),
    ];
    let words = |client: &std::collections::BTreeMap<String, String>| {
        client.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    facts.push(("client of latencies".to_owned(), words(&latency::client())));
    facts.push(("clients that consume".to_owned(), "as they come, without a group".to_owned()));
    facts.push(("binary of Ottla, SHA-256".to_owned(), sha256(&whole.bench.programs.ottla)));
    facts.extend(VERSIONS.iter().map(|(name, version)| ((*name).to_owned(), (*version).to_owned())));
    facts
}

fn sha256(path: &Path) -> String {
    let output = Command::new("sha256sum").arg(path).output();
    let text = output.map_or_else(|_| String::new(), |output| String::from_utf8_lossy(&output.stdout).into_owned());
    text.split_whitespace().next().unwrap_or("unknown").to_owned()
}

fn java() -> String {
    let output = Command::new("java").arg("-version").output();
    output.map_or_else(
        |_| "none".to_owned(),
        |output| String::from_utf8_lossy(&output.stderr).lines().next().unwrap_or_default().to_owned(),
    )
}

/// Type and options of the mount that holds a directory.
fn file_system(dir: &Path) -> String {
    let _ = std::fs::create_dir_all(dir);
    let output =
        Command::new("findmnt").args(["--noheadings", "--output", "FSTYPE,OPTIONS", "--target"]).arg(dir).output();
    output.map_or_else(
        |_| "unknown".to_owned(),
        |output| String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(", "),
    )
}
