//! What a history is like. Four kinds in turn; everything else is drawn.

use super::keeper::Keeper;
use crate::keyed::{self, Codec, Keyed, Origin};
use crate::rng::Rng;
use crate::side_by_side::systems::System;
use bytes::Bytes;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// `min.cleanable.dirty.ratio` with which everything is cleaned at once, and with which nothing is.
pub const GATE_OPEN: &str = "0.01";
/// See [`GATE_OPEN`].
pub const GATE_SHUT: &str = "1.0";
/// Tombstones that stay for longer than a run, and such that are due before the next phase, milliseconds.
const LONG_MS: u64 = 86_400_000;
const SHORT_MS: u64 = 8_000;
/// How old the records are, milliseconds, and those of the last phase of a history with a lag.
const AGE_MS: i64 = 3 * 3_600_000;
/// `min.compaction.lag.ms`: between the two.
const LAG_MS: u64 = 3_600_000;
/// Milliseconds from one record to the next, and how far one may be behind that.
const STEP_MS: i64 = 5;
const JITTER_MS: u64 = 40;
/// One record in so many is a tombstone; one batch in so many is of an idempotent producer, of so many.
const TOMBSTONES: u64 = 8;
const IDEMPOTENT: u64 = 3;
const PRODUCERS: usize = 3;
const FIRST_PRODUCER: i64 = 4_000;
const SEGMENTS_BYTES: [usize; 3] = [16 << 10, 64 << 10, 256 << 10];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Compacted all the while, nine in ten records overwritten, kills.
    Busy,
    /// Tombstones go.
    Tombstones,
    /// Both policies, DeleteRecords between the phases, kills.
    Deleting,
    /// The last phase is too young.
    Lagging,
}

/// A history.
pub struct Plan {
    /// Its seed.
    pub seed: u64,
    kind: Kind,
    /// Ottla in one of its durability modes.
    pub system: System,
    /// `internal.segment.bytes`.
    pub segment_bytes: usize,
    keys: usize,
    value_bytes: usize,
    records: usize,
    /// Phases.
    pub phases: usize,
    /// Batches in each, before its seal.
    pub batches: usize,
    /// Whether the cleaner may begin only when a phase is written.
    pub gated: bool,
    /// Whether both brokers are killed, once while the batches are sent and once while they are cleaned.
    pub kills: bool,
    /// `min.compaction.lag.ms`, if any.
    pub lag_ms: Option<u64>,
    began_ms: i64,
}

impl Plan {
    /// The history of a seed.
    pub fn draw(seed: u64) -> Plan {
        let kind = [Kind::Busy, Kind::Tombstones, Kind::Deleting, Kind::Lagging][usize::from((seed % 4) as u8)];
        let mut rng = Rng::new(seed ^ 0x706c_616e);
        let system = if rng.bits().is_multiple_of(2) { System::OttlaOs } else { System::OttlaFsync };
        let segment_bytes = SEGMENTS_BYTES[rng.below(SEGMENTS_BYTES.len())];
        let (batches, records) = (60 + rng.below(100), 1 + rng.below(60));
        let keys = match kind {
            // About nine in ten of the records that a batch sends are overwritten later.
            Kind::Busy => (batches * records.div_ceil(2) / 10).max(4),
            _ => 4 + rng.below(500),
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Plan {
            seed,
            kind,
            system,
            segment_bytes,
            keys,
            value_bytes: 10 + rng.below(300),
            records,
            // Tombstones go in the second pass after they came.
            phases: if kind == Kind::Tombstones { 3 } else { 2 },
            batches,
            gated: kind != Kind::Busy,
            kills: matches!(kind, Kind::Busy | Kind::Deleting),
            lag_ms: (kind == Kind::Lagging).then_some(LAG_MS),
            began_ms: i64::try_from(now).unwrap_or(i64::MAX),
        }
    }

    /// What it is about.
    pub fn words(&self) -> String {
        let kind = match self.kind {
            Kind::Busy => "compact, nine in ten records overwritten, kill -9",
            Kind::Tombstones => "compact, tombstones that go",
            Kind::Deleting => "compact,delete with DeleteRecords, kill -9",
            Kind::Lagging => "compact with min.compaction.lag.ms",
        };
        let durability = if self.system == System::OttlaOs { "os" } else { "fsync" };
        format!("{kind}, durability {durability}")
    }

    /// The topic's configs.
    pub fn topic(&self, gate: &str) -> Vec<(&'static str, String)> {
        let policy = if self.deletes() { "compact,delete" } else { "compact" };
        let mut configs = vec![
            ("cleanup.policy", policy.to_owned()),
            ("internal.segment.bytes", self.segment_bytes.to_string()),
            ("min.cleanable.dirty.ratio", gate.to_owned()),
            ("delete.retention.ms", self.delete_retention_ms().to_string()),
            ("retention.ms", "-1".to_owned()),
            ("file.delete.delay.ms", "500".to_owned()),
        ];
        configs.extend(self.lag_ms.map(|lag| ("min.compaction.lag.ms", lag.to_string())));
        configs
    }

    /// Whether records are deleted between the phases.
    pub fn deletes(&self) -> bool {
        self.kind == Kind::Deleting
    }

    fn delete_retention_ms(&self) -> u64 {
        if self.keeps_tombstones() { LONG_MS } else { SHORT_MS }
    }

    /// Whether every tombstone stays to the end.
    pub fn keeps_tombstones(&self) -> bool {
        self.kind != Kind::Tombstones
    }

    /// How long the next phase waits, so that all tombstones of this one are due in it.
    pub fn tombstones_due(&self) -> Duration {
        if self.keeps_tombstones() { Duration::ZERO } else { Duration::from_millis(SHORT_MS) }
    }

    /// The time of the record at an offset, without its jitter.
    pub fn time(&self, phase: usize, offset: i64) -> i64 {
        let young = self.lag_ms.is_some() && phase + 1 == self.phases;
        let age = if young { 0 } else { AGE_MS };
        self.began_ms - age + offset * STEP_MS
    }

    /// The next batch and its records.
    pub fn batch(&self, phase: usize, keeper: &mut Keeper, rng: &mut Rng) -> Result<(Vec<Keyed>, Bytes), String> {
        let count = 1 + rng.below(self.records);
        let first = keeper.end();
        let mut room = self.segment_bytes.saturating_sub(2_000);
        let mut records = Vec::new();
        for at in (0..i64::try_from(count).map_err(|error| error.to_string())?).map(|at| first + at) {
            let timestamp = self.time(phase, at) - i64::try_from(rng.between(0, JITTER_MS)).unwrap_or(0);
            let record = self.record(timestamp, rng);
            let bytes = 40 + record.key.len() + record.value.as_ref().map_or(0, String::len);
            if bytes > room {
                break;
            }
            room -= bytes;
            records.push(record);
        }
        let codec = Codec::ALL[rng.below(Codec::ALL.len())];
        let origin = rng.bits().is_multiple_of(IDEMPOTENT).then(|| {
            let producer = rng.below(PRODUCERS);
            Origin { id: FIRST_PRODUCER + producer as i64, sequence: keeper.sequence(producer, records.len()) }
        });
        let batch = keyed::batch(&records, codec, origin)?;
        Ok((records, batch))
    }

    fn record(&self, timestamp: i64, rng: &mut Rng) -> Keyed {
        let key = format!("key-{}", rng.below(self.keys));
        let text = || {
            let words = format!("{:016x} ", rng.bits()).repeat(4);
            words.chars().cycle().take(1 + rng.below(self.value_bytes)).collect()
        };
        let mut text = text;
        let value: String = text();
        let tombstone = rng.bits().is_multiple_of(TOMBSTONES);
        Keyed { key, value: (!tombstone).then(|| value.trim().to_owned() + "."), timestamp }
    }
}
