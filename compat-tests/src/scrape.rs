//! The broker's metrics as numbers.

use crate::broker::Ottla;
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Checkpoints made since the start.
pub const CHECKPOINTS: &str = "ottla_checkpoints_total";
/// The time of syncs that acknowledgements wait for.
const SYNCS: &str = "ottla_fsync_duration_seconds_bucket{le=\"";
/// The broker tells of its syncs every second.
const SYNCS_TOLD_WITHIN: Duration = Duration::from_millis(1100);
/// A liveness bound for a page of the admin port.
const WAIT: Duration = Duration::from_secs(5);

/// The body of a page of the admin port, with its head; an answer other than 200 is an error.
pub fn page(broker: &Ottla, path: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(&broker.admin).map_err(|error| error.to_string())?;
    stream.set_read_timeout(Some(WAIT)).map_err(|error| error.to_string())?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    if answer.starts_with("HTTP/1.1 200") { Ok(answer) } else { Err(format!("{path}: {answer:.100}")) }
}

/// All series at one moment.
pub struct Scrape {
    values: HashMap<String, f64>,
    /// Syncs by the upper bound of their time in seconds, cumulative.
    syncs: Vec<(f64, f64)>,
}

impl Scrape {
    /// Asks now.
    pub fn of(broker: &Ottla) -> Result<Self, String> {
        let text = page(broker, "/metrics")?;
        let values: HashMap<String, f64> =
            text.lines().filter(|line| !line.starts_with('#')).filter_map(series).collect();
        let mut syncs: Vec<(f64, f64)> = values
            .iter()
            .filter_map(|(name, count)| {
                let bound = name.strip_prefix(SYNCS)?.strip_suffix("\"}")?;
                Some((bound.parse().ok()?, *count))
            })
            .collect();
        syncs.sort_by(|one, next| one.0.total_cmp(&next.0));
        Ok(Scrape { values, syncs })
    }

    /// Asks when the broker has told of all syncs that were made until now.
    pub fn settled(broker: &Ottla) -> Result<Self, String> {
        std::thread::sleep(SYNCS_TOLD_WITHIN);
        Scrape::of(broker)
    }

    /// One series without labels; 0 when it is not there yet.
    pub fn value(&self, name: &str) -> f64 {
        self.values.get(name).copied().unwrap_or(0.0)
    }

    /// The syncs since an earlier scrape of the same broker.
    pub fn syncs_since(&self, earlier: &Scrape) -> Syncs {
        let pairs = self.syncs.iter().zip(&earlier.syncs);
        Syncs(pairs.map(|((bound, now), (_, then))| (*bound, now - then)).collect())
    }
}

fn series(line: &str) -> Option<(String, f64)> {
    let (name, value) = line.rsplit_once(' ')?;
    Some((name.to_owned(), value.parse().ok()?))
}

/// Syncs by their time: upper bounds in seconds with cumulative counts.
pub struct Syncs(Vec<(f64, f64)>);

impl Syncs {
    /// How many.
    pub fn count(&self) -> f64 {
        self.0.last().map_or(0.0, |(_, count)| *count)
    }

    /// The bucket that so much of them is in: its upper bound in milliseconds.
    fn below_ms(&self, share: f64) -> f64 {
        let wanted = self.count() * share;
        self.0.iter().find(|(_, count)| *count >= wanted).map_or(f64::INFINITY, |(bound, _)| bound * 1e3)
    }

    /// Their number and the buckets of their percentiles, in words.
    pub fn words(&self) -> String {
        let [half, most, nearly, all] = [0.5, 0.99, 0.999, 1.0].map(|share| self.below_ms(share));
        format!("{} syncs, p50 <= {half}, p99 <= {most}, p99.9 <= {nearly}, max <= {all} ms", self.count())
    }
}
