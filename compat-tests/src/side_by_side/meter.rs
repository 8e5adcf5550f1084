//! What work costs, from the system's own counters: CPU of a process and of the machine, memory, bytes to the disk.
//!
//! The machine's CPU less that of the clients is what a broker costs with everything that kernel threads do for it
//! (write-back, journal, network); that of its process alone leaves those out. Clients and this program are taken off
//! by their own exact counters.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Units of the system's CPU counters in a second (USER_HZ: fixed on Linux for all programs).
const TICKS_PER_SECOND: f64 = 100.0;
/// Units of the disk counters.
const SECTOR_BYTES: f64 = 512.0;
/// Bytes in the units of results.
pub const MIB: f64 = 1_048_576.0;
/// Bytes in the units of results.
pub const GIB: f64 = 1_073_741_824.0;

/// The counters at one moment.
#[derive(Clone, Debug)]
pub struct Meter {
    broker_cpu_s: f64,
    machine_cpu_s: f64,
    clients_cpu_s: f64,
    disk_bytes: Option<f64>,
    peak_mib: f64,
}

/// What was used between two moments.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// CPU seconds of the broker's process.
    pub broker_cpu_s: f64,
    /// CPU seconds of the whole machine, less those of the clients.
    pub machine_cpu_s: f64,
    /// Bytes that went to the disk; none when the data is in memory.
    pub disk_bytes: Option<f64>,
    /// Highest memory of the broker's process, MiB.
    pub peak_mib: f64,
}

impl Meter {
    /// Reads all counters. `clients` are the processes that make the load; this one is always among them.
    pub fn read(broker: u32, clients: &[u32], data: &Path) -> Result<Meter, String> {
        let mut clients_cpu_s = cpu_s(std::process::id())?;
        for client in clients {
            clients_cpu_s += cpu_s(*client)?;
        }
        let (broker_cpu_s, machine_cpu_s) = (cpu_s(broker)?, machine_cpu_s()?);
        let (_, peak_mib) = memory_mib(broker)?;
        Ok(Meter { broker_cpu_s, machine_cpu_s, clients_cpu_s, disk_bytes: disk_bytes(data), peak_mib })
    }

    /// What was used since an earlier reading with the same processes.
    pub fn since(&self, earlier: &Meter) -> Used {
        let machine = self.machine_cpu_s - earlier.machine_cpu_s;
        let clients = self.clients_cpu_s - earlier.clients_cpu_s;
        let disk_bytes = self.disk_bytes.zip(earlier.disk_bytes).map(|(now, then)| now - then);
        Used {
            broker_cpu_s: self.broker_cpu_s - earlier.broker_cpu_s,
            machine_cpu_s: machine - clients,
            disk_bytes,
            peak_mib: self.peak_mib,
        }
    }
}

impl Used {
    /// As values for so many bytes of payload.
    pub fn per_bytes(&self, bytes: f64, values: &mut BTreeMap<String, f64>) {
        let gib = bytes / GIB;
        values.insert("machine_cpu_s_per_gib".to_owned(), self.machine_cpu_s / gib);
        values.insert("broker_cpu_s_per_gib".to_owned(), self.broker_cpu_s / gib);
        if let Some(disk) = self.disk_bytes {
            values.insert("disk_bytes_per_byte".to_owned(), disk / bytes);
        }
    }
}

/// CPU seconds of a process, its threads that ended included.
pub fn cpu_s(pid: u32) -> Result<f64, String> {
    let path = format!("/proc/{pid}/stat");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th field after it.
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    let both = ticks(11).zip(ticks(12)).ok_or_else(|| format!("{path} has no times"))?;
    Ok((both.0 + both.1) / TICKS_PER_SECOND)
}

/// CPU seconds of the machine in anything but idling, waiting for a disk, or another guest.
fn machine_cpu_s() -> Result<f64, String> {
    let text = std::fs::read_to_string("/proc/stat").map_err(|error| format!("/proc/stat: {error}"))?;
    let line = text.lines().next().unwrap_or_default();
    let fields: Vec<f64> = line.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    // user, nice, system, idle, iowait, irq, softirq
    let busy = [0, 1, 2, 5, 6].iter().map(|at| fields.get(*at).copied().unwrap_or(0.0));
    Ok(busy.sum::<f64>() / TICKS_PER_SECOND)
}

/// Bytes written so far to the disk that holds `data`; none when that is no disk.
fn disk_bytes(data: &Path) -> Option<f64> {
    let device = std::fs::metadata(data).ok()?.dev();
    let (major, minor) = (rustix::fs::major(device).to_string(), rustix::fs::minor(device).to_string());
    let text = std::fs::read_to_string("/proc/diskstats").ok()?;
    text.lines().find_map(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        (fields.first() == Some(&major.as_str()) && fields.get(1) == Some(&minor.as_str()))
            .then(|| fields.get(9)?.parse::<f64>().ok().map(|sectors| sectors * SECTOR_BYTES))?
    })
}

/// Forgets the highest memory of a process, so that the next reading is of what follows.
pub fn forget_peak(pid: u32) -> Result<(), String> {
    let path = format!("/proc/{pid}/clear_refs");
    std::fs::write(&path, "5").map_err(|error| format!("{path}: {error}"))
}

/// Resident memory of a process in MiB: now, and at its highest since it was forgotten.
pub fn memory_mib(pid: u32) -> Result<(f64, f64), String> {
    let path = format!("/proc/{pid}/status");
    let text = std::fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    let field = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        let kib = line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<f64>().ok());
        kib.map(|kib| kib / 1024.0).ok_or_else(|| format!("{path} has no {name}"))
    };
    Ok((field("VmRSS:")?, field("VmHWM:")?))
}

/// Writes everything of the file system that holds `dir` to its disk.
pub fn sync(dir: &Path) -> Result<(), String> {
    let failed = |error: std::io::Error| format!("{}: {error}", dir.display());
    let dir = std::fs::File::open(dir).map_err(failed)?;
    rustix::fs::syncfs(&dir).map_err(|error| failed(error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_seen_and_that_of_clients_is_taken_off() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let dir = tempfile::tempdir().expect("a directory");
        let before = Meter::read(child.id(), &[], dir.path()).expect("counters");
        let begun = std::time::Instant::now();
        while begun.elapsed() < std::time::Duration::from_millis(300) {
            std::hint::black_box(begun);
        }
        let used = Meter::read(child.id(), &[], dir.path()).expect("counters").since(&before);
        let own = cpu_s(std::process::id()).expect("own");
        child.kill().and_then(|()| child.wait()).expect("ended");
        assert!(own >= 0.2, "{own}");
        assert!(used.broker_cpu_s < 0.1, "{used:?}");
        let (now, peak) = memory_mib(std::process::id()).expect("own memory");
        assert!(now > 0.5 && peak >= now, "{now} {peak}");
        assert!(cpu_s(u32::MAX).is_err());
    }
}
