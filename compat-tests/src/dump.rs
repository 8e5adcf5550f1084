//! What Kafka's DumpLogSegments says of the segments in a directory: batch by batch and record by record.

use crate::clients::run_bounded;
use crate::partition;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

/// Longest that one dump may run.
const LIMIT: Duration = Duration::from_secs(120);
/// What it says of damage. Offsets that do not follow each other are no damage here: compaction leaves gaps.
const FINDINGS: [&str; 6] =
    ["isvalid: false", "Mismatches in", "invalid bytes", "not found in log", "xception", "Could not"];
/// What each broker says of a batch in its own way: where it lies, how well it was compressed, who led.
const OWN: [&str; 5] = ["position", "size", "crc", "partitionLeaderEpoch", "deleteHorizonMs"];

/// A dump of one directory.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Dump {
    /// Each batch with its base offset, without what is each broker's own.
    pub batches: Vec<Batch>,
    /// What it says of damage.
    pub findings: Vec<String>,
}

/// A batch of a dump.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Its base offset.
    pub base: i64,
    /// What is said of it, as `name: value` pairs.
    pub header: String,
    /// Its producer, if it says so.
    pub producer: Option<i64>,
    /// Whether it has a time from which on its tombstones may go.
    pub horizon: bool,
    /// Its records, a line each.
    pub records: Vec<String>,
}

/// Dumps all segments and indexes of a directory.
pub fn dump(root: &Path, dir: &Path) -> Result<Dump, String> {
    let kinds = [".log", ".index", ".timeindex"];
    let files: Vec<String> = partition::files(dir)
        .into_iter()
        .filter(|(name, _)| kinds.iter().any(|kind| name.ends_with(kind)))
        .map(|(name, _)| dir.join(name).to_string_lossy().into_owned())
        .collect();
    let mut command = Command::new(root.join("kafka-tool"));
    command.args(["DumpLogSegments", "--deep-iteration", "--print-data-log", "--files", &files.join(",")]);
    let (status, stdout, stderr) = run_bounded(&mut command, LIMIT, |_| {})?;
    match status.as_str() {
        "exit status: 0" => Ok(parse(&(stdout + &stderr))),
        status => Err(format!("DumpLogSegments: {status}: {stdout:.300} {stderr:.300}")),
    }
}

fn parse(output: &str) -> Dump {
    let mut dump = Dump::default();
    for line in output.lines() {
        if FINDINGS.iter().any(|words| line.contains(words)) {
            dump.findings.push(line.to_owned());
        }
        if line.starts_with("baseOffset: ") {
            dump.batches.push(batch(line));
        } else if let (Some(record), Some(batch)) = (line.strip_prefix("| "), dump.batches.last_mut()) {
            batch.records.push(record.trim_end().to_owned());
        }
    }
    dump
}

fn batch(line: &str) -> Batch {
    let words: Vec<&str> = line.split_whitespace().collect();
    let pairs: Vec<(&str, &str)> = words.chunks_exact(2).map(|pair| (pair[0].trim_end_matches(':'), pair[1])).collect();
    let value = |name: &str| pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| *value);
    let kept = pairs.iter().filter(|(name, _)| !OWN.contains(name)).map(|(name, value)| format!("{name}: {value}"));
    Batch {
        base: value("baseOffset").and_then(|base| base.parse().ok()).unwrap_or(-1),
        producer: value("producerId").and_then(|id| id.parse().ok()).filter(|id| *id >= 0),
        horizon: value("deleteHorizonMs").is_some_and(|value| value != "OptionalLong.empty"),
        header: kept.collect::<Vec<_>>().join(" "),
        records: Vec::new(),
    }
}

impl Batch {
    /// Whether both are the same. A batch whose tombstones have gone may keep the time that they had: whether one was ever
    /// given depends on which rounds the log was cleaned in.
    fn is_like(&self, other: &Batch) -> bool {
        self.header == other.header
            && self.records == other.records
            && (self.horizon == other.horizon || !self.has_tombstones())
    }

    fn has_tombstones(&self) -> bool {
        self.records.iter().any(|record| record.contains(" valueSize: -1 "))
    }
}

impl Dump {
    /// Whether a batch without records is kept for its producer, which has written again since: it was the last one when the
    /// log was cleaned, and goes with the next round. When that is depends on the rounds.
    pub fn is_left_over(&self, batch: &Batch) -> bool {
        let later = |other: &Batch| other.base > batch.base && other.producer == batch.producer;
        batch.records.is_empty() && batch.producer.is_some() && self.batches.iter().any(later)
    }

    /// The batches below an offset.
    pub fn below(&self, offset: i64) -> &[Batch] {
        let end = self.batches.iter().position(|batch| batch.base >= offset).unwrap_or(self.batches.len());
        &self.batches[..end]
    }
}

/// Where two dumps part below an offset: the first place, in words.
pub fn first_difference(kafka: &[Batch], ottla: &[Batch]) -> Option<String> {
    let pairs = kafka.iter().zip(ottla).find(|(one, other)| !one.is_like(other));
    if let Some((one, other)) = pairs {
        if one.header != other.header || one.horizon != other.horizon && one.has_tombstones() {
            let of = |batch: &Batch| format!("{} horizon {}", batch.header, batch.horizon);
            return Some(format!("Kafka {}, Ottla {}", of(one), of(other)));
        }
        let parted = one.records.iter().zip(&other.records).find(|(one, other)| one != other);
        return Some(format!(
            "batch {}, {} and {} records: {parted:?}",
            one.base,
            one.records.len(),
            other.records.len()
        ));
    }
    let longer = if kafka.len() > ottla.len() { kafka.get(ottla.len()) } else { ottla.get(kafka.len()) };
    longer.map(|batch| format!("{} batches of Kafka, {} of Ottla, then {}", kafka.len(), ottla.len(), batch.header))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "baseOffset: 4 lastOffset: 6 count: 1 baseSequence: 4 lastSequence: 6 producerId: 9 \
        producerEpoch: 0 partitionLeaderEpoch: 3 isTransactional: false isControl: false";
    const TAIL: &str = "position: 70 CreateTime: 17 size: 77 magic: 2 compresscodec: zstd crc: 5 isvalid: true";

    fn output(horizon: &str) -> String {
        let record = "| offset: 5 CreateTime: 17 keySize: 1 valueSize: -1 sequence: 5 headerKeys: [] key: k ";
        format!("Dumping 00.log\nLog starting offset: 0\n{HEAD} deleteHorizonMs: {horizon} {TAIL}\n{record}\n")
    }

    #[test]
    fn a_dump_is_read() {
        let dump = parse(&output("OptionalLong[1700]"));
        let [batch] = dump.batches.as_slice() else { panic!("{dump:?}") };
        assert!(batch.horizon && batch.base == 4 && batch.records.len() == 1 && dump.findings.is_empty());
        assert!(batch.header.contains("producerId: 9") && batch.header.contains("compresscodec: zstd"));
        assert!(!batch.header.contains("crc") && !batch.header.contains("partitionLeaderEpoch"));
        assert!(dump.below(4).is_empty() && dump.below(5).len() == 1);
    }

    #[test]
    fn an_empty_batch_before_another_of_its_producer_is_left_over() {
        let empty = |base: i64, producer: i64| {
            let head = HEAD.replace("baseOffset: 4", &format!("baseOffset: {base}"));
            format!("{} {TAIL}\n", head.replace("producerId: 9", &format!("producerId: {producer}")))
        };
        let dump =
            parse(&[empty(1, 9), empty(2, 8), empty(3, -1), output("OptionalLong.empty"), empty(7, -1)].concat());
        let left: Vec<i64> =
            dump.batches.iter().filter(|batch| dump.is_left_over(batch)).map(|batch| batch.base).collect();
        assert_eq!(left, [1], "{dump:?}");
    }

    #[test]
    fn damage_and_differences_are_found() {
        let [with, without] = ["OptionalLong[1700]", "OptionalLong.empty"].map(|horizon| parse(&output(horizon)));
        assert!(first_difference(&with.batches, &with.batches).is_none());
        assert!(first_difference(&with.batches, &without.batches).is_some());
        assert!(first_difference(&with.batches, &[]).is_some());
        let without_tombstones = |horizon| parse(&output(horizon).replace("valueSize: -1", "valueSize: 3"));
        let [with, without] = ["OptionalLong[1700]", "OptionalLong.empty"].map(without_tombstones);
        assert!(first_difference(&with.batches, &without.batches).is_none());
        assert_eq!(parse("baseOffset: 4 isvalid: false").findings.len(), 1);
        assert_eq!(parse("").batches, []);
    }
}
