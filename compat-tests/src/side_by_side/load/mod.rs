//! The load, as a process of its own so that its CPU can be told from the broker's: the rdkafka crate in small drivers.
//!
//! `side-by-side load KIND JSON` connects, prints `ready`, waits for a line on its standard input, does its work and prints
//! what came of it as one line of JSON.

pub mod consume;
pub mod latency;
pub mod payload;
pub mod produce;

use crate::report::say;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, ExitCode, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A liveness bound for one load: from its start to ready, and from there to its result.
const LOAD_WITHIN: Duration = Duration::from_secs(300);
/// A liveness bound for one wait on the client library.
pub const CLIENT_WAIT: Duration = Duration::from_secs(60);

/// Runs a load: the process's side.
pub fn main(words: &[String]) -> ExitCode {
    let [kind, job] = words else { return ExitCode::from(64) };
    let done = match kind.as_str() {
        "produce" => with(job, produce::run),
        "consume" => with(job, consume::run),
        "latency" => with(job, latency::run),
        other => Err(format!("no load {other}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&serde_json::json!({"error": error}).to_string());
            ExitCode::FAILURE
        }
    }
}

fn with<J: DeserializeOwned, R: Serialize>(
    job: &str,
    run: fn(&J, &dyn Fn()) -> Result<R, String>,
) -> Result<(), String> {
    let job: J = serde_json::from_str(job).map_err(|error| error.to_string())?;
    let result = run(&job, &|| {
        say("ready");
        // Whoever measures is gone: nobody is to be loaded.
        if std::io::stdin().lock().read_line(&mut String::new()).unwrap_or(0) == 0 {
            std::process::exit(1);
        }
    })?;
    say(&serde_json::to_string(&result).map_err(|error| error.to_string())?);
    Ok(())
}

/// A load under way: the measuring side. Killed when dropped.
pub struct Load {
    child: Child,
    input: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Load {
    /// Starts a load and waits until it is ready.
    pub fn start(kind: &str, job: &impl Serialize) -> Result<Load, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let mut command = Command::new(own);
        command.args(["load", kind]);
        Load::spawn(command, job)
    }

    /// The same with a program that keeps to the same contract: the job is its last argument.
    pub fn spawn(mut command: Command, job: &impl Serialize) -> Result<Load, String> {
        let job = serde_json::to_string(job).map_err(|error| error.to_string())?;
        command.arg(job).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("load: {error}"))?;
        let (input, out) = (child.stdin.take().expect("piped"), child.stdout.take().expect("piped"));
        let (send, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                let _ = send.send(line);
            }
        });
        let mut load = Load { child, input, lines };
        match load.line()?.as_str() {
            "ready" => Ok(load),
            other => Err(format!("the load said {other}")),
        }
    }

    /// Lets it work.
    pub fn go(&mut self) -> Result<(), String> {
        self.input.write_all(b"go\n").map_err(|error| format!("load: {error}"))
    }

    /// Waits for what came of it.
    pub fn result<R: DeserializeOwned>(&mut self) -> Result<R, String> {
        let line = self.line()?;
        serde_json::from_str(&line).map_err(|_| format!("the load said {line}"))
    }

    fn line(&mut self) -> Result<String, String> {
        self.lines.recv_timeout(LOAD_WITHIN).map_err(|error| format!("the load says nothing: {error}"))
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether the broker answers ApiVersions there.
pub fn ask(bootstrap: &str) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(bootstrap).ok()?;
    stream.set_read_timeout(Some(CLIENT_WAIT)).ok()?;
    stream.write_all(&[0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 9, 0xff, 0xff]).ok()?;
    let mut head = [0u8; 8];
    stream.read_exact(&mut head).ok()?;
    let rest = u32::from_be_bytes([head[0], head[1], head[2], head[3]]).checked_sub(4)?;
    let mut body = Vec::new();
    (&mut stream).take(u64::from(rest)).read_to_end(&mut body).ok()?;
    (head[4..] == [0, 0, 0, 9]).then_some(stream)
}

/// Sleeps until so long after `begun`; late means not at all.
pub fn until(begun: Instant, moment: Duration) {
    std::thread::sleep(moment.saturating_sub(begun.elapsed()));
}
