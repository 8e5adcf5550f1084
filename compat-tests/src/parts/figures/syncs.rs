//! What a sync costs against the number of partitions that are written to, the rate of records being the same.

use super::pump::{Load, Pump};
use super::watch::Watch;
use super::{MANY, create_many};
use crate::broker::Ottla;
use crate::parts::Context;
use crate::report::Report;
use crate::scrape::Scrape;
use std::time::Duration;

/// Partitions that are written to.
const ACTIVE: [u64; 4] = [4, 64, 1_000, MANY as u64];
/// Records a second, up to what so many partitions can't share evenly.
const RATE: u64 = 10_240;
/// Bytes of a record's value.
const VALUE_BYTES: usize = 100;
/// Records of one request: 80 requests a second, or one that writes to all partitions at once.
const SMALL: u64 = 128;
const LARGE: u64 = RATE;
/// How long the load is on before, and how long is measured.
const WARM_UP: Duration = Duration::from_secs(3);
const TIME: Duration = Duration::from_secs(15);
/// Of `/proc/<pid>/stat`: fields between the name and the two of processor time, and their unit on Linux.
const CPU_FIELDS_BEFORE: usize = 11;
const TICKS_PER_SECOND: f64 = 100.0;

/// All counts of partitions, in one broker.
pub fn run(report: &mut Report, context: &Context) {
    let (broker, _setup, _dir) = match context.broker(&[]) {
        Ok(started) => started,
        Err(error) => return report.result("a sync's cost", Err(error)),
    };
    report.result("10,000 partitions are created", create_many(&broker.bootstrap).map(|()| String::new()));
    for records in [SMALL, LARGE] {
        for partitions in ACTIVE {
            let load = load(partitions, records);
            let name = format!(
                "{partitions} active partitions, {} requests/s of {} batches of {} records",
                RATE / records,
                load.batches_per_request,
                load.records_per_batch
            );
            report.result(name, measure(&broker, load));
        }
    }
}

fn load(partitions: u64, records: u64) -> Load {
    let batches_per_request = records.min(partitions);
    Load {
        partitions,
        batches_per_request,
        records_per_batch: records / batches_per_request,
        value_bytes: VALUE_BYTES,
        requests_per_second: u32::try_from(RATE / records).ok(),
        requests_max: u64::MAX,
    }
}

fn measure(broker: &Ottla, load: Load) -> Result<String, String> {
    pumped(broker, load, WARM_UP)?;
    let before = Scrape::settled(broker)?;
    let (watch, cpu_before) = (Watch::start(broker.pid())?, cpu(broker));
    let (records, took) = pumped(broker, load, TIME)?;
    let (seen, cpu) = (watch.stop()?, cpu(broker) - cpu_before);
    let after = Scrape::settled(broker)?;
    let (syncs, seconds) = (after.syncs_since(&before), took.as_secs_f64());
    let mean_ms = seen.syncing() * seconds * 1e3 / syncs.count().max(1.0);
    Ok(format!(
        "mean {mean_ms:.2} ms in fdatasync; {:.0} commits/s, {:.0} records/s, broker {:.0} % of a core; {}; {}",
        syncs.count() / seconds,
        records as f64 / seconds,
        cpu / seconds * 100.0,
        syncs.words(),
        seen.words()
    ))
}

fn pumped(broker: &Ottla, load: Load, duration: Duration) -> Result<(u64, Duration), String> {
    let pump = Pump::start(&broker.bootstrap, load);
    std::thread::sleep(duration);
    pump.stop()
}

/// Seconds of processor time that the process has used.
fn cpu(broker: &Ottla) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", broker.pid())).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let ticks: f64 = fields.skip(CPU_FIELDS_BEFORE).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum();
    ticks / TICKS_PER_SECOND
}
