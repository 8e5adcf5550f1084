//! Kafka's own performance tools as a second opinion.

use super::{Bench, Outcome, Stage, Trouble, Values, begin, end, measured};
use crate::admin;
use crate::side_by_side::load::produce;
use crate::side_by_side::meter::{MB, MIB};
use crate::side_by_side::plan::Flow;
use crate::side_by_side::systems::KAFKA_JVM;
use std::process::{Command, Stdio};

/// Bytes of a record.
const RECORD_BYTES: u64 = 1024;
const PARTITIONS: i32 = 4;

/// kafka-producer-perf-test with its defaults, as fast as it can.
pub fn producer(bench: &Bench, stage: &Stage<'_>, topic: &str) -> Outcome {
    admin::create_topic(stage.running.bootstrap(), topic, PARTITIONS, &[])?;
    let records = bench.size.bytes / RECORD_BYTES;
    let mut command = Command::new(bench.programs.root.join("kafka-tool"));
    command.args(["ProducerPerformance", "--topic", topic, "--throughput", "-1"]);
    command.args(["--bootstrap-server", stage.running.bootstrap()]);
    command.args(["--num-records", &records.to_string(), "--record-size", &RECORD_BYTES.to_string()]);
    let before = begin(stage)?;
    let text = output(command)?;
    let used = end(stage, &before)?;
    let last = text.lines().last().unwrap_or_default();
    let found = parse(last).ok_or_else(|| format!("kafka-producer-perf-test said {last:?}"))?;
    let mut values = Values::new();
    values.insert("mb_per_s".to_owned(), found.mib_per_s * MIB / MB);
    values.insert("records_per_s".to_owned(), found.records_per_s);
    values.insert("produce_p50_ms".to_owned(), found.p50_ms);
    values.insert("produce_p99_ms".to_owned(), found.p99_ms);
    values.insert("produce_p999_ms".to_owned(), found.p999_ms);
    used.per_bytes(records as f64 * RECORD_BYTES as f64, &mut values);
    super::memory(stage.system, used.peak_mib, &mut values);
    Ok(values)
}

/// Why Ottla has no figure with kafka-consumer-perf-test.
pub fn no_groups() -> Outcome {
    let why = "the tool reads as a member of a consumer group only, and Ottla does not serve groups yet";
    Err(Trouble::Cannot(why.to_owned()))
}

/// kafka-consumer-perf-test over records that it finds, with its defaults.
pub fn consumer(bench: &Bench, stage: &Stage<'_>, topic: &str) -> Outcome {
    admin::create_topic(stage.running.bootstrap(), topic, PARTITIONS, &[])?;
    let flow = Flow::BASE.job(stage.running.bootstrap(), topic, bench.size.bytes, f64::MAX);
    let (written, _): (produce::Done, _) = measured(stage, "produce", &flow)?;
    let mut command = Command::new(bench.programs.root.join("kafka-tool"));
    command.args(["ConsumerPerformance", "--topic", topic, "--hide-header"]);
    command.args(["--bootstrap-server", stage.running.bootstrap(), "--num-records", &written.records.to_string()]);
    let before = begin(stage)?;
    let text = output(command)?;
    let used = end(stage, &before)?;
    let line = text.lines().last().unwrap_or_default();
    let columns: Vec<f64> = line.split(',').filter_map(|column| column.trim().parse().ok()).collect();
    // start and end time, which are no numbers; MB, MB/s, records, records/s, rebalance ms, fetch ms, and MB/s and records/s
    // of fetching alone, without the time in which the group forms
    let [_, _, _, _, _, _, mib_per_s, records_per_s] = columns[..] else {
        return Err(Trouble::Broken(format!("kafka-consumer-perf-test said {line:?}")));
    };
    let mut values = Values::new();
    values.insert("mb_per_s".to_owned(), mib_per_s * MIB / MB);
    values.insert("records_per_s".to_owned(), records_per_s);
    used.per_bytes(written.bytes as f64, &mut values);
    values.remove("disk_bytes_per_byte");
    super::memory(stage.system, used.peak_mib, &mut values);
    Ok(values)
}

/// With the JVM options and the heap that Kafka's own scripts give these tools.
fn output(mut command: Command) -> Result<String, String> {
    command.env("KAFKA_JVM_PERFORMANCE_OPTS", KAFKA_JVM);
    let output = command.stdin(Stdio::null()).output().map_err(|error| format!("{command:?}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{command:?}: {}", output.status)),
    }
}

/// The last line of kafka-producer-perf-test.
struct Found {
    records_per_s: f64,
    mib_per_s: f64,
    p50_ms: f64,
    p99_ms: f64,
    p999_ms: f64,
}

fn parse(line: &str) -> Option<Found> {
    let before = |unit: &str| {
        let front = line.split(unit).next().filter(|front| front.len() < line.len())?;
        front.rsplit([' ', '(']).find(|word| !word.is_empty())?.parse::<f64>().ok()
    };
    Some(Found {
        records_per_s: before(" records/sec")?,
        mib_per_s: before(" MB/sec")?,
        p50_ms: before(" ms 50th")?,
        p99_ms: before(" ms 99th")?,
        p999_ms: before(" ms 99.9th")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_is_read_and_others_are_not() {
        let line = "50000 records sent, 24950.1 records/sec (24.37 MB/sec), 612.51 ms avg latency, 1090.00 ms max latency, \
                    600 ms 50th, 1000 ms 95th, 1080 ms 99th, 1090 ms 99.9th.";
        let found = parse(line).expect("as the tool prints it");
        assert_eq!((found.records_per_s, found.mib_per_s), (24950.1, 24.37));
        assert_eq!((found.p50_ms, found.p99_ms, found.p999_ms), (600.0, 1080.0, 1090.0));
        for line in ["", "nonsense", "1 records sent, x records/sec (2 MB/sec)"] {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}
