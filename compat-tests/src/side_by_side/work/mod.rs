//! How each kind of cell is measured on a running system.

pub mod consume;
pub mod latency;
pub mod produce;
pub mod scale;
pub mod start;
pub mod tools;

use super::load::Load;
use super::meter::{self, Meter, Used};
use super::plan::Size;
use super::systems::{Programs, Running, System};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// Values by the names in `measures`.
pub type Values = BTreeMap<String, f64>;

/// Ottla's bound of memory in MiB: the ring (`ottla.tail.bytes`), request memory (`ottla.request.memory.bytes`: a quarter
/// of the machine's memory, at most 512), and a base for code, buffers of threads and connections, and the allocator.
pub const RING_MIB: f64 = 64.0;
const REQUEST_MIB_MAX: f64 = 512.0;
const BASE_MIB: f64 = 64.0;
/// The system settles so long after everything is on the disk.
const SETTLE: Duration = Duration::from_millis(300);

/// Why there are no values.
#[derive(Debug)]
pub enum Trouble {
    /// The system, or the client with it, can't do this on this machine: shown with its reason.
    Cannot(String),
    /// Something went wrong: the run fails.
    Broken(String),
}

impl From<String> for Trouble {
    fn from(error: String) -> Self {
        Trouble::Broken(error)
    }
}

impl Trouble {
    /// That a system is too slow for what a cell asks of it is a result of Kafka; of Ottla it is a failure of the run.
    pub fn too_slow(system: System, why: String) -> Trouble {
        if system.is_kafka() { Trouble::Cannot(why) } else { Trouble::Broken(why) }
    }
}

/// What a cell's work came to.
pub type Outcome = Result<Values, Trouble>;

/// What all cells use.
pub struct Bench {
    /// Where programs are.
    pub programs: Programs,
    /// How much is done.
    pub size: Size,
}

impl Bench {
    /// A system that runs, to be measured.
    pub fn stage<'a>(&self, running: &'a Running, system: System) -> Stage<'a> {
        Stage { running, system, warm_memory_bytes: self.size.warm_memory_bytes }
    }
}

/// A running system that is measured.
pub struct Stage<'a> {
    /// The running system.
    pub running: &'a Running,
    /// Which.
    pub system: System,
    /// See [`Size::warm_memory_bytes`].
    pub warm_memory_bytes: usize,
}

/// Runs a load between two readings of the meters; everything it wrote is on the disk at the second one.
pub fn measured<R: DeserializeOwned>(stage: &Stage<'_>, kind: &str, job: &impl Serialize) -> Result<(R, Used), String> {
    let mut load = Load::start(kind, job)?;
    let before = begin(stage)?;
    load.go()?;
    let result = load.result()?;
    let used = end(stage, &before)?;
    Ok((result, used))
}

/// Lets the system come to rest, warms memory and reads the meters.
pub fn begin(stage: &Stage<'_>) -> Result<Meter, String> {
    meter::sync(stage.running.data())?;
    std::thread::sleep(SETTLE);
    drop(std::hint::black_box(vec![1u8; stage.warm_memory_bytes]));
    meter::forget_peak(stage.running.pid())?;
    Meter::read(stage.running.pid(), stage.running.data())
}

/// Waits until all is written and reads them again.
pub fn end(stage: &Stage<'_>, before: &Meter) -> Result<Used, String> {
    meter::sync(stage.running.data())?;
    Ok(Meter::read(stage.running.pid(), stage.running.data())?.since(before))
}

/// Adds the highest memory, and for Ottla its bound.
pub fn memory(system: System, peak_mib: f64, values: &mut Values) {
    values.insert("peak_mib".to_owned(), peak_mib);
    if system.is_ottla() {
        values.insert("bound_mib".to_owned(), RING_MIB + request_mib() + BASE_MIB);
    }
}

fn request_mib() -> f64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kib = text.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok());
    kib.map_or(REQUEST_MIB_MAX, |kib| (kib / 1024.0 / 4.0).min(REQUEST_MIB_MAX))
}

/// Reads the files of a topic's partitions, wherever below `dir` they are: they are in the page cache then.
pub fn load_pages(dir: &Path, topic: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    let is_partition = |path: &Path| {
        let number = path.file_name()?.to_str()?.strip_prefix(topic)?.strip_prefix('-')?;
        number.bytes().next().map(|first| first.is_ascii_digit())
    };
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            load_pages(&path, topic)?;
        } else if is_partition(&path).or(is_partition(dir)) == Some(true)
            && let Ok(mut file) = std::fs::File::open(&path)
        {
            std::io::copy(&mut file, &mut std::io::sink()).map_err(failed)?;
        }
    }
    Ok(())
}

/// Drops the pages of all files below `dir` from memory; they must be on the disk already.
pub fn drop_pages(dir: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    for entry in std::fs::read_dir(dir).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.is_dir() {
            drop_pages(&path)?;
        } else if let Ok(file) = std::fs::File::open(&path) {
            rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::DontNeed).map_err(|error| failed(error.into()))?;
        }
    }
    Ok(())
}
