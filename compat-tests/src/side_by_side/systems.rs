//! The systems that are compared, each as a running process.

use super::meter;
use crate::ports::free_port;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long a start may take before it counts as hung; Kafka checks its logs after a kill.
const READY_WITHIN: Duration = Duration::from_secs(180);
/// How long a stop may take before it is a kill.
const STOPPED_WITHIN: Duration = Duration::from_secs(60);
/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_millis(2);
/// Heap of the JVM and its options, as `kafka-server-start.sh` sets them.
const KAFKA_HEAP: &str = "-Xmx1G -Xms1G";
/// See [`KAFKA_HEAP`]; the same for its tools.
pub const KAFKA_JVM: &str = "-server -XX:+UseG1GC -XX:MaxGCPauseMillis=20 -XX:InitiatingHeapOccupancyPercent=35 \
    -XX:+ExplicitGCInvokesConcurrent -Djava.awt.headless=true";

/// A system under comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// Apache Kafka as it ships: acknowledged from the page cache.
    Kafka,
    /// Apache Kafka with every append flushed before it is acknowledged.
    KafkaFlush,
    /// Ottla with acknowledgement from the page cache.
    OttlaOs,
    /// Ottla as it ships: synced before it is acknowledged.
    OttlaFsync,
    /// The bare loop.
    Floor,
}

impl System {
    /// All of them.
    pub const ALL: [System; 5] =
        [System::Kafka, System::KafkaFlush, System::OttlaOs, System::OttlaFsync, System::Floor];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            System::Kafka => "kafka",
            System::KafkaFlush => "kafka-flush",
            System::OttlaOs => "ottla-os",
            System::OttlaFsync => "ottla-fsync",
            System::Floor => "floor",
        }
    }

    /// Whether it is Kafka.
    pub fn is_kafka(self) -> bool {
        matches!(self, System::Kafka | System::KafkaFlush)
    }

    /// Whether it is Ottla.
    pub fn is_ottla(self) -> bool {
        matches!(self, System::OttlaOs | System::OttlaFsync)
    }

    /// What is set apart from where its data lies and where it listens.
    pub fn settings(self) -> &'static [(&'static str, &'static str)] {
        match self {
            System::KafkaFlush => &[("log.flush.interval.messages", "1")],
            System::OttlaOs => &[("ottla.durability", "os")],
            System::Kafka | System::OttlaFsync | System::Floor => &[],
        }
    }

    /// All settings for the docs, the options of its JVM among them.
    pub fn described(self) -> Vec<String> {
        let mut lines: Vec<String> = self.settings().iter().map(|(key, value)| format!("{key}={value}")).collect();
        lines.push("listeners and data: free ports on loopback, a fresh directory".to_owned());
        if self.is_kafka() {
            lines.push(format!("KAFKA_HEAP_OPTS={KAFKA_HEAP}"));
            lines.push(format!("KAFKA_JVM_PERFORMANCE_OPTS={KAFKA_JVM}"));
            lines.push("process.roles=broker,controller".to_owned());
            lines.push("offsets.topic.replication.factor=1".to_owned());
            lines.push("transaction.state.log.replication.factor=1".to_owned());
            lines.push("transaction.state.log.min.isr=1".to_owned());
            lines.push("share.coordinator.state.topic.replication.factor=1".to_owned());
            lines.push("share.coordinator.state.topic.min.isr=1".to_owned());
            lines.push("log level: warn; descriptors: 100,000".to_owned());
        }
        lines
    }
}

/// Where programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    /// The broker.
    pub ottla: PathBuf,
    /// The folder of the harness.
    pub root: PathBuf,
    /// This program: it is also the load and the floor.
    pub own: PathBuf,
}

/// One system with its data, not necessarily running.
pub struct Site {
    /// Which.
    pub system: System,
    /// Its data.
    pub dir: PathBuf,
    /// Further settings of this cell.
    pub settings: Vec<(String, String)>,
    programs: Programs,
    port: u16,
}

impl Site {
    /// A system whose data is to lie in `dir`, which is made.
    pub fn new(programs: &Programs, system: System, dir: &Path, settings: &[(&str, &str)]) -> Result<Site, String> {
        std::fs::create_dir_all(dir).map_err(|error| format!("{}: {error}", dir.display()))?;
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
        Ok(Site { system, dir: dir.to_owned(), settings, programs: programs.clone(), port: free_port() })
    }

    /// Makes what the start needs and isn't part of it: Kafka's format step.
    pub fn format(&self) -> Result<(), String> {
        match self.system {
            System::Kafka | System::KafkaFlush => self.start()?.stop(),
            _ => Ok(()),
        }
    }

    /// Starts it and waits for its first answer.
    pub fn start(&self) -> Result<Running, String> {
        let begun = Instant::now();
        let mut child = self.command().spawn().map_err(|error| format!("{}: {error}", self.system.name()))?;
        // Its messages go into files beside its data; what it prints is read so that it never blocks.
        if let Some(out) = child.stdout.take() {
            std::thread::spawn(move || BufReader::new(out).lines().map_while(Result::ok).for_each(drop));
        }
        let bootstrap = format!("127.0.0.1:{}", self.port);
        let mut running = Running { child, bootstrap, first_answer: Duration::ZERO, data: self.dir.clone() };
        while begun.elapsed() < READY_WITHIN {
            if super::load::ask(&running.bootstrap).is_some() {
                running.first_answer = begun.elapsed();
                return Ok(running);
            }
            if let Ok(Some(status)) = running.child.try_wait() {
                return Err(format!("{} ended: {status}; {}", self.system.name(), self.last_words()));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(format!("{} gave no answer within {READY_WITHIN:?}", self.system.name()))
    }

    fn command(&self) -> Command {
        let port = self.port.to_string();
        let mut command = match self.system {
            System::Kafka | System::KafkaFlush => {
                let mut command = Command::new(self.programs.root.join("kafka-reference"));
                command.arg("run").arg("--dir").arg(&self.dir).args(["--port", &port]);
                command.env("KAFKA_HEAP_OPTS", KAFKA_HEAP).env("KAFKA_JVM_PERFORMANCE_OPTS", KAFKA_JVM);
                command
            }
            System::OttlaOs | System::OttlaFsync => {
                let mut command = Command::new(&self.programs.ottla);
                command.args(["serve", "--data-dir"]).arg(self.dir.join("data"));
                command.args(["--listener", &format!("PLAINTEXT://127.0.0.1:{port}"), "--admin", "127.0.0.1:0"]);
                command
            }
            System::Floor => {
                let mut command = Command::new(&self.programs.own);
                command.args(["floor", "--port", &port, "--dir"]).arg(&self.dir);
                command
            }
        };
        if self.system != System::Floor {
            let own = self.system.settings().iter().map(|(key, value)| format!("{key}={value}"));
            let cells = self.settings.iter().map(|(key, value)| format!("{key}={value}"));
            own.chain(cells).for_each(|line| {
                command.args(["-o", &line]);
            });
        }
        let log = std::fs::OpenOptions::new().create(true).append(true).open(self.log());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.map_or_else(|_| Stdio::null(), Stdio::from));
        command
    }

    fn log(&self) -> PathBuf {
        self.dir.with_extension("log")
    }

    fn last_words(&self) -> String {
        let log = std::fs::read(self.log()).unwrap_or_default();
        String::from_utf8_lossy(&log).lines().last().unwrap_or_default().to_owned()
    }
}

/// A running system; killed when dropped.
pub struct Running {
    child: Child,
    bootstrap: String,
    /// From the spawning of the process to its first answer.
    pub first_answer: Duration,
    data: PathBuf,
}

impl Running {
    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `host:port`.
    pub fn bootstrap(&self) -> &str {
        &self.bootstrap
    }

    /// Where its data is.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Ends it without a chance to tidy up.
    pub fn kill(self) {
        drop(self);
    }

    /// Asks it to end and waits.
    pub fn stop(mut self) -> Result<(), String> {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).map_err(|error| error.to_string())?;
        let begun = Instant::now();
        while begun.elapsed() < STOPPED_WITHIN {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return Ok(());
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Err(format!("still running {STOPPED_WITHIN:?} after SIGTERM"))
    }

    /// Resident memory in MiB, now and at its highest.
    pub fn memory_mib(&self) -> Result<(f64, f64), String> {
        meter::memory_mib(self.pid())
    }

    /// A connection of its own.
    pub fn connect(&self) -> Result<TcpStream, String> {
        TcpStream::connect(self.bootstrap()).map_err(|error| format!("connect: {error}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
