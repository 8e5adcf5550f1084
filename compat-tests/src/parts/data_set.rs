//! A real data set through every pair of clients: each that can produces it once, each that can reads it by partition,
//! and every pair is compared by checksum over key, value, headers and timestamp. In CI a pair reads one of the four
//! partitions, which the seed draws.

use crate::admin;
use crate::clients::{Client, Clients};
use crate::parts::{Context, in_parallel};
use crate::record::{Checksum, Row, read_rows};
use crate::report::{Outcome, Report};
use crate::rng::Rng;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Partitions of the data set.
const PARTITIONS: i32 = 4;
/// After so many failures what is wrong is known, and the rest, each of which may wait for records that never come, is not
/// tried: it counts as failed.
const FAILURES_MAX: usize = 8;
/// The least number of records that makes a real data set.
const RECORDS_MIN: usize = 100_000;

/// What one partition must hold.
struct Expected {
    count: usize,
    whole: String,
    columns: BTreeMap<String, String>,
}

fn expected(rows: &[Row]) -> Vec<Expected> {
    let partition = |number: i32| {
        let (mut sum, mut count) = (Checksum::default(), 0);
        for row in rows.iter().filter(|row| row.p == number) {
            sum.add_row(row);
            count += 1;
        }
        let (whole, columns) = sum.finish();
        Expected { count, whole, columns }
    };
    (0..PARTITIONS).map(partition).collect()
}

/// All pairs on one broker.
pub fn part(report: &mut Report, context: &Context) {
    match context.broker(&[]) {
        Ok((broker, _setup, _dir)) => {
            run(report, context, &broker.bootstrap, &context.root.join(".work/dataset.jsonl"));
        }
        Err(error) => report.result("broker", Err(error)),
    }
}

/// Runs all pairs.
fn run(report: &mut Report, context: &Context, bootstrap: &str, file: &Path) {
    let clients = &context.clients;
    let rows = match read_rows(file) {
        Ok(rows) if rows.len() >= RECORDS_MIN => rows,
        Ok(rows) => {
            let why = format!("{} records, not {RECORDS_MIN}", rows.len());
            return report.note("data set", Outcome::Failed(why));
        }
        Err(error) => return report.note("data set", Outcome::Failed(error)),
    };
    let expected = expected(&rows);
    let mut producers = Vec::new();
    for client in clients.all.iter().filter(|client| client.produces && !client.lines_only) {
        let produced = produce(clients, client, bootstrap, file, rows.len());
        if let Ok(not_carried) = &produced {
            producers.push((client, not_carried.clone()));
        }
        report.result(format!("{} produces {} records", client.name, rows.len()), produced.map(|_| String::new()));
    }
    let mut pairs = Vec::new();
    for (from, not_carried) in &producers {
        for to in clients.all.iter().filter(|to| to.consumes) {
            let partitions = partitions(context, pairs.len());
            pairs.push(Pair { from, to, partitions, not_carried: not_carried.clone() });
        }
    }
    let failures = AtomicUsize::new(0);
    let outcomes = in_parallel(&pairs, |pair| {
        if failures.load(Ordering::Relaxed) >= FAILURES_MAX {
            return Outcome::Failed("not tried: too many have failed".to_owned());
        }
        let outcome = compare(clients, bootstrap, &expected, pair);
        failures.fetch_add(usize::from(matches!(outcome, Outcome::Failed(_))), Ordering::Relaxed);
        outcome
    });
    for (pair, outcome) in pairs.iter().zip(outcomes) {
        report.note(format!("{} -> {}", pair.from.name, pair.to.name), outcome);
    }
}

/// The partitions that pair number `at` reads.
fn partitions(context: &Context, at: usize) -> Vec<usize> {
    let all = PARTITIONS as usize;
    if context.long || context.write_docs {
        (0..all).collect()
    } else {
        vec![Rng::new(context.seed.wrapping_add(at as u64)).below(all)]
    }
}

/// By column, a client's own words for why it does not carry it.
type Words = BTreeMap<String, String>;

fn not_carried(answer: &Value) -> Words {
    serde_json::from_value(answer["not_carried"].clone()).unwrap_or_default()
}

/// A producer, a consumer, the partitions that it reads, and what the producer said it does not carry.
struct Pair<'a> {
    from: &'a Client,
    to: &'a Client,
    partitions: Vec<usize>,
    not_carried: Words,
}

fn topic_of(client: &Client) -> String {
    format!("data-set.{}", client.name)
}

fn produce(clients: &Clients, client: &Client, bootstrap: &str, file: &Path, count: usize) -> Result<Words, String> {
    let topic = topic_of(client);
    // The records carry the dates of what they tell, decades back: the default retention would delete them within minutes.
    admin::create_topic(bootstrap, &topic, PARTITIONS, &[("retention.ms", "-1")])?;
    let input = file.to_str().ok_or("path is not UTF-8")?;
    let answer = clients.run(client, &["produce", "--bootstrap", bootstrap, "--topic", &topic, "--input", input])?;
    if answer["ok"] == true && answer["acked"] == count { Ok(not_carried(&answer)) } else { Err(answer.to_string()) }
}

/// Reads the pair's partitions and compares; a column that differs is excused only by a client's own words about it.
fn compare(clients: &Clients, bootstrap: &str, expected: &[Expected], pair: &Pair<'_>) -> Outcome {
    let topic = topic_of(pair.from);
    let mut words = Words::new();
    for &partition in &pair.partitions {
        let expected = &expected[partition];
        let (number, count) = (partition.to_string(), expected.count.to_string());
        let args = ["consume", "--bootstrap", bootstrap, "--topic", &topic, "--partition", &number, "--from", "start"];
        let args = [&args[..], &["--count", &count, "--timeout-ms", "60000"]].concat();
        let answer = match clients.run(pair.to, &args) {
            Ok(answer) => answer,
            Err(error) => return Outcome::Failed(error),
        };
        if answer["count"] != expected.count || answer["ok"] != true {
            return Outcome::Failed(format!("partition {partition}: {answer}"));
        }
        if answer["sha256"] == expected.whole {
            continue;
        }
        let reader = not_carried(&answer);
        for column in columns_that_differ(&answer, expected) {
            let writer = pair.not_carried.get(&column).map(|why| (&pair.from.name, why));
            match writer.or_else(|| reader.get(&column).map(|why| (&pair.to.name, why))) {
                Some((who, why)) => drop(words.insert(column, format!("{who}: {why}"))),
                None => return Outcome::Failed(format!("partition {partition}: column {column} differs")),
            }
        }
    }
    if words.is_empty() {
        Outcome::Passed(String::new())
    } else {
        Outcome::Cannot(words.into_values().collect::<Vec<_>>().join("; "))
    }
}

fn columns_that_differ(answer: &Value, expected: &Expected) -> Vec<String> {
    let differs = |(name, sum): (&String, &String)| (answer["columns"][name] != **sum).then(|| name.clone());
    expected.columns.iter().filter_map(differs).collect()
}
