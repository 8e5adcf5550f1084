//! What work costs, from the system's own counters: CPU of a process and of the kernel, memory, bytes to the disk.
//!
//! The broker's process and all kernel threads together are what a broker costs with everything that is done for it
//! (write-back, journal, network): the machine less the clients, this program, and whoever else runs. Both are counted
//! in nanoseconds, by the scheduler; the machine's own total is sampled at the timer's ticks, and differences of a tenth of
//! a second would be lost in it.

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;
use std::collections::{BTreeMap, HashMap};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

/// Units of the counter of stolen time in a second (USER_HZ: fixed on Linux for all programs).
const TICKS_PER_SECOND: f64 = 100.0;
/// Units of the disk counters.
const SECTOR_BYTES: f64 = 512.0;
/// Bytes in the units of results.
pub const MIB: f64 = 1_048_576.0;
/// Bytes in the units of results.
pub const MB: f64 = 1e6;
/// Bytes in the units of results.
pub const GIB: f64 = 1_073_741_824.0;

/// The parent of all kernel threads.
const KTHREADD: &str = "2";

/// The counters at one moment.
#[derive(Clone, Debug)]
pub struct Meter {
    broker_cpu_s: f64,
    /// Nanoseconds by kernel thread; none where they aren't counted. One that ends between two readings takes what it used
    /// along; they end after minutes without work.
    kernel_ns: Option<HashMap<u32, u64>>,
    disk: Option<Disk>,
    stolen_s: f64,
    peak_mib: f64,
}

/// Bytes that went between the whole device and memory so far.
#[derive(Clone, Copy, Debug)]
struct Disk {
    read: f64,
    written: f64,
}

/// What was used between two moments.
#[derive(Clone, Copy, Debug)]
pub struct Used {
    /// CPU seconds of the broker's process.
    pub broker_cpu_s: f64,
    /// CPU seconds of the broker's process and of all kernel threads; none where they can't be seen, as in a container.
    pub machine_cpu_s: Option<f64>,
    /// Bytes that went to the disk; none when the data is in memory.
    pub disk_bytes: Option<f64>,
    /// Bytes that came from it.
    pub disk_read_bytes: Option<f64>,
    /// Seconds that the host gave the cores of this machine to others.
    pub stolen_s: f64,
    /// Highest memory of the broker's process, MiB.
    pub peak_mib: f64,
}

impl Meter {
    /// Reads all counters.
    pub fn read(broker: u32, data: &Path) -> Result<Meter, String> {
        let (_, peak_mib) = memory_mib(broker)?;
        Ok(Meter {
            broker_cpu_s: cpu_s(broker)?,
            kernel_ns: kernel_ns()?,
            disk: disk(data),
            stolen_s: stolen_s(),
            peak_mib,
        })
    }

    /// What was used since an earlier reading of the same process.
    pub fn since(&self, earlier: &Meter) -> Used {
        let kernel_ns = self.kernel_ns.as_ref().zip(earlier.kernel_ns.as_ref()).map(|(now, then)| {
            let grown = |(thread, now): (&u32, &u64)| now.saturating_sub(then.get(thread).copied().unwrap_or(0));
            now.iter().map(grown).sum::<u64>()
        });
        let broker_cpu_s = self.broker_cpu_s - earlier.broker_cpu_s;
        let disk = self.disk.zip(earlier.disk);
        Used {
            broker_cpu_s,
            machine_cpu_s: kernel_ns.map(|kernel_ns| broker_cpu_s + kernel_ns as f64 / 1e9),
            disk_bytes: disk.map(|(now, then)| now.written - then.written),
            disk_read_bytes: disk.map(|(now, then)| now.read - then.read),
            stolen_s: self.stolen_s - earlier.stolen_s,
            peak_mib: self.peak_mib,
        }
    }
}

impl Used {
    /// As values for so many bytes of payload, which are a value themselves.
    pub fn per_bytes(&self, bytes: f64, values: &mut BTreeMap<String, f64>) {
        let gib = bytes / GIB;
        values.insert("bytes".to_owned(), bytes);
        values.insert("stolen_s".to_owned(), self.stolen_s);
        if let Some(machine) = self.machine_cpu_s {
            values.insert("machine_cpu_s_per_gib".to_owned(), machine / gib);
        }
        values.insert("broker_cpu_s_per_gib".to_owned(), self.broker_cpu_s / gib);
        if let Some(disk) = self.disk_bytes {
            values.insert("disk_bytes_per_byte".to_owned(), disk / bytes);
        }
    }
}

/// CPU seconds of a process, its threads that ended included: its CPU clock.
pub fn cpu_s(pid: u32) -> Result<f64, String> {
    let failed = |error: nix::Error| format!("CPU clock of process {pid}: {error}");
    let pid = i32::try_from(pid).map_err(|_| failed(nix::Error::ESRCH))?;
    let clock = clock_getcpuclockid(Pid::from_raw(pid)).map_err(failed)?;
    Ok(Duration::from(clock_gettime(clock).map_err(failed)?).as_secs_f64())
}

/// Nanoseconds of CPU by kernel thread; none where none can be seen, as in a container, or they aren't counted.
fn kernel_ns() -> Result<Option<HashMap<u32, u64>>, String> {
    let failed = |error: std::io::Error| format!("/proc: {error}");
    let mut seen = HashMap::new();
    for entry in std::fs::read_dir("/proc").map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        // A process may end while it is looked at.
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let parent = stat.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(1));
        if parent != Some(KTHREADD) {
            continue;
        }
        let Ok(used) = std::fs::read_to_string(entry.path().join("schedstat")) else { continue };
        if let Some(used) = used.split_whitespace().next().and_then(|ns| ns.parse::<u64>().ok()) {
            seen.insert(pid, used);
        }
    }
    Ok((!seen.is_empty()).then_some(seen))
}

/// What the host took so far, over all cores.
fn stolen_s() -> f64 {
    let text = std::fs::read_to_string("/proc/stat").unwrap_or_default();
    // The name, then user, nice, system, idle, iowait, irq, softirq and steal.
    let ticks = text.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse::<f64>().ok());
    ticks.unwrap_or(0.0) / TICKS_PER_SECOND
}

/// The disk that holds `data`; none when that is no disk.
fn disk(data: &Path) -> Option<Disk> {
    let device = std::fs::metadata(data).ok()?.dev();
    let (major, minor) = (rustix::fs::major(device).to_string(), rustix::fs::minor(device).to_string());
    let text = std::fs::read_to_string("/proc/diskstats").ok()?;
    text.lines().find_map(|line| {
        // Device and name; then reads, reads merged, sectors read, time; the same of writes; and more.
        let fields: Vec<&str> = line.split_whitespace().collect();
        if fields.first() != Some(&major.as_str()) || fields.get(1) != Some(&minor.as_str()) {
            return None;
        }
        let bytes = |at: usize| Some(fields.get(at)?.parse::<f64>().ok()? * SECTOR_BYTES);
        Some(Disk { read: bytes(5)?, written: bytes(9)? })
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
    fn what_a_process_and_the_kernel_use_is_seen_and_what_others_use_is_not() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().expect("sleep");
        let dir = tempfile::tempdir().expect("a directory");
        let reading = |pid: u32| Meter::read(pid, dir.path()).expect("counters");
        let (own_before, before) = (reading(std::process::id()), reading(child.id()));
        // So much CPU of its own, however long a busy machine takes to give it.
        let thread = nix::time::ClockId::CLOCK_THREAD_CPUTIME_ID;
        let spent = || Duration::from(clock_gettime(thread).expect("a clock"));
        let begun = spent();
        while spent() - begun < Duration::from_millis(300) {}
        let (own, used) = (reading(std::process::id()).since(&own_before), reading(child.id()).since(&before));
        child.kill().and_then(|()| child.wait()).expect("ended");
        assert!(own.broker_cpu_s >= 0.3 && own.machine_cpu_s.is_none_or(|all| all >= own.broker_cpu_s), "{own:?}");
        assert!(used.broker_cpu_s < 0.1 && used.machine_cpu_s.is_none_or(|all| all >= 0.0), "{used:?}");
        let (now, peak) = memory_mib(std::process::id()).expect("own memory");
        assert!(now > 0.5 && peak >= now, "{now} {peak}");
        // Linux gives no process so large a number.
        assert!(cpu_s(u32::MAX).is_err() && cpu_s((1 << 22) + 1).is_err());
    }

    #[test]
    fn kernel_threads_are_named_and_their_time_only_grows() {
        let (Some(before), Some(after)) = (kernel_ns().expect("/proc"), kernel_ns().expect("/proc")) else { return };
        assert!(!before.contains_key(&std::process::id()));
        assert!(before.iter().all(|(thread, then)| after.get(thread).is_none_or(|now| now >= then)));
    }
}
