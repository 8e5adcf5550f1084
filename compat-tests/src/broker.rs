//! The real binary as a child process, on loopback and free ports, ended by its own process id.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::ports::free_port;

/// How long a start may take before it counts as hung. Ten times the design's one second for the largest case.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// How long a graceful stop may take before it counts as hung.
const STOPPED_WITHIN: Duration = Duration::from_secs(30);

/// How a broker is started.
#[derive(Clone)]
pub struct Setup {
    /// The program.
    pub binary: PathBuf,
    /// Its data directory.
    pub data: PathBuf,
    /// Where its messages go: beside the data.
    pub log: PathBuf,
    /// Port of the client listener; taken before the start, so that restarts keep it.
    pub port: u16,
    /// Properties given with `-o`.
    pub properties: Vec<(String, String)>,
    /// Variables of its environment beside those of the harness.
    pub environment: Vec<(String, PathBuf)>,
}

impl Setup {
    /// A broker with its data in `data`, on a port that is free now.
    pub fn new(binary: &Path, data: &Path) -> Self {
        let (log, data, binary) = (data.with_extension("log"), data.to_owned(), binary.to_owned());
        Setup { binary, data, log, port: free_port(), properties: Vec::new(), environment: Vec::new() }
    }

    /// The same with its messages elsewhere.
    pub fn logging_to(mut self, log: &Path) -> Self {
        log.clone_into(&mut self.log);
        self
    }

    /// The same with one more property.
    pub fn with(mut self, key: &str, value: &str) -> Self {
        self.properties.push((key.to_owned(), value.to_owned()));
        self
    }

    /// The same with a variable in its environment.
    pub fn with_env(mut self, name: &str, value: &Path) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Starts the broker and waits for its ready line.
    pub fn start(&self) -> Result<Ottla, String> {
        Ottla::start(self)
    }

    /// Starts the broker and kills it after `life`, ready or not.
    pub fn start_and_kill(&self, life: Duration) -> Result<(), String> {
        let mut child = self.spawn()?;
        std::thread::sleep(life);
        let killed = child.kill().and_then(|()| child.wait());
        killed.map(drop).map_err(|error| error.to_string())
    }

    /// The last line among its messages, for a report of what went wrong.
    pub fn last_words(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().last().unwrap_or_default().to_owned()
    }

    fn spawn(&self) -> Result<Child, String> {
        let mut command = Command::new(&self.binary);
        command.arg("serve").arg("--data-dir").arg(&self.data);
        command.arg("--listener").arg(format!("PLAINTEXT://127.0.0.1:{}", self.port));
        command.arg("--admin").arg("127.0.0.1:0");
        for (key, value) in &self.properties {
            command.arg("-o").arg(format!("{key}={value}"));
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        let log = std::fs::OpenOptions::new().create(true).append(true).open(&self.log);
        command.stdout(Stdio::piped()).stderr(log.map_err(|error| format!("broker log: {error}"))?);
        command.spawn().map_err(|error| format!("{}: {error}", self.binary.display()))
    }
}

/// A running broker.
pub struct Ottla {
    child: Child,
    /// `host:port` for clients.
    pub bootstrap: String,
    /// `host:port` of the admin endpoint.
    pub admin: String,
    /// When the process was spawned.
    pub spawned: Instant,
    /// From then to its ready line.
    pub ready_after: Duration,
}

impl Ottla {
    fn start(setup: &Setup) -> Result<Self, String> {
        let spawned = Instant::now();
        let mut child = setup.spawn()?;
        let lines = lines_of(child.stdout.take().expect("piped"));
        let mut seen = Vec::new();
        loop {
            let left = READY_WITHIN.saturating_sub(spawned.elapsed());
            match lines.recv_timeout(left) {
                Ok(line) => seen.push(line),
                Err(why) => {
                    let _ = child.kill();
                    let status = child.wait().map_or_else(|error| error.to_string(), |status| status.to_string());
                    let words = setup.last_words();
                    return Err(format!("not ready ({why}, {status}); it said {seen:?}, at last {words:?}"));
                }
            }
            if let Some(admin) = ready(&seen) {
                let bootstrap = format!("127.0.0.1:{}", setup.port);
                return Ok(Ottla { child, bootstrap, admin, spawned, ready_after: spawned.elapsed() });
            }
        }
    }

    /// The process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether the process still runs.
    pub fn alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Ends the process as a power-off of the process would: SIGKILL, no chance to tidy up.
    pub fn kill(mut self) {
        self.end();
    }

    /// The same where something else follows in its place.
    pub fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the process to stop and waits for it. The exit code, or why there is none.
    pub fn stop(mut self) -> Result<i32, String> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|error| error.to_string())?;
        self.ended(STOPPED_WITHIN).map_err(|error| format!("after SIGTERM: {error}"))
    }

    /// Waits until the process has ended. The exit code, or why there is none.
    pub fn ended(&mut self, within: Duration) -> Result<i32, String> {
        let begun = Instant::now();
        while begun.elapsed() < within {
            match self.child.try_wait() {
                Ok(Some(status)) => return status.code().ok_or_else(|| format!("ended by {status}")),
                Ok(None) => std::thread::sleep(Duration::from_millis(5)),
                Err(error) => return Err(error.to_string()),
            }
        }
        Err(format!("still running after {within:?}"))
    }

    /// Memory of the process in bytes: resident now, and at its highest.
    pub fn memory(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let kib =
                line.and_then(|line| line.split_whitespace().nth(1)).and_then(|number| number.parse::<u64>().ok());
            kib.unwrap_or(0) * 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// How many descriptors the process has open.
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.pid())).map_or(0, Iterator::count)
    }
}

impl Drop for Ottla {
    fn drop(&mut self) {
        self.end();
    }
}

/// The lines that a child prints, read on a thread of their own so that it never blocks on a full pipe.
fn lines_of(stdout: std::process::ChildStdout) -> mpsc::Receiver<String> {
    let (send, receive) = mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = send.send(line);
        }
    });
    receive
}

/// The admin address, once the ready line is there.
fn ready(lines: &[String]) -> Option<String> {
    lines.iter().find(|line| line.contains("ready in"))?;
    lines.iter().find_map(|line| {
        let after = line.split("http://").nth(1)?;
        let end = after.find(|c: char| c.is_whitespace() || c == '/' || c == ',').unwrap_or(after.len());
        Some(after[..end].to_owned())
    })
}
