//! Drives the client programs of `clients/` (see its README for their common contract) and this harness's own.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest that one client program may run before it is ended and counts as hung.
const CLIENT_LIMIT: Duration = Duration::from_secs(120);

/// A client program.
#[derive(Clone, Debug)]
pub struct Client {
    /// Its name in `client NAME ...`.
    pub name: String,
    /// What is printed in tables: package and version.
    pub title: String,
    /// Whether it produces here.
    pub produces: bool,
    /// Whether it consumes here by partition.
    pub consumes: bool,
    /// Whether it joins groups.
    pub groups: bool,
    /// Whether it can only send lines of text (log shippers).
    pub lines_only: bool,
}

/// Where the client programs are.
pub struct Clients {
    root: PathBuf,
    own: PathBuf,
    /// All of them, in the order of the tables.
    pub all: Vec<Client>,
}

impl Clients {
    /// The harness's own client.
    pub fn own(&self) -> &Client {
        self.all.last().expect("the rdkafka crate is always there")
    }

    /// Asks `clients/client list`; adds the rdkafka crate, which is this harness itself.
    pub fn load(root: &Path) -> Result<Self, String> {
        let own = std::env::current_exe().map_err(|error| error.to_string())?;
        let listing = Command::new(root.join("clients/client")).arg("list").output().map_err(|e| e.to_string())?;
        let text = String::from_utf8_lossy(&listing.stdout);
        let mut all = text.lines().map(client).collect::<Result<Vec<_>, _>>()?;
        all.push(Client {
            name: "rdkafka".to_owned(),
            title: "rdkafka crate 0.39.0 (librdkafka 2.12.1)".to_owned(),
            produces: true,
            consumes: true,
            groups: true,
            lines_only: false,
        });
        Ok(Clients { root: root.to_owned(), own, all })
    }

    /// The client of this name.
    pub fn named(&self, name: &str) -> Result<&Client, String> {
        self.all.iter().find(|client| client.name == name).ok_or_else(|| format!("there is no client {name}"))
    }

    /// The program of a client, without the arguments of a command.
    pub fn command(&self, client: &Client) -> Command {
        if client.name == "rdkafka" {
            let mut own = Command::new(&self.own);
            own.arg("client");
            own
        } else {
            let mut program = Command::new(self.root.join("clients/client"));
            program.arg(&client.name);
            program
        }
    }

    /// Runs one client command; the answer is the last JSON line it printed.
    pub fn run(&self, client: &Client, args: &[&str]) -> Result<Value, String> {
        self.run_with(client, args, || {})
    }

    /// The same; `on_ready` is called when a consumer says that it stands at its position.
    pub fn run_with(&self, client: &Client, args: &[&str], mut on_ready: impl FnMut() + Send) -> Result<Value, String> {
        self.run_lines(client, args, |line| {
            if line.contains("\"ready\"") {
                on_ready();
            }
        })
    }

    /// The same; `on_line` sees each line of standard output as it comes.
    pub fn run_lines(&self, client: &Client, args: &[&str], on_line: impl FnMut(&str) + Send) -> Result<Value, String> {
        let mut command = self.command(client);
        command.args(args);
        let (status, stdout, stderr) = run_bounded(&mut command, CLIENT_LIMIT, on_line)?;
        let last = stdout.lines().rev().find(|line| line.starts_with('{'));
        let answer = last.and_then(|line| serde_json::from_str::<Value>(line).ok());
        answer.ok_or_else(|| {
            let tail: String = stderr.chars().rev().take(400).collect::<Vec<_>>().into_iter().rev().collect();
            format!("{} {args:?} answered nothing ({status}): {tail}", client.name)
        })
    }
}

fn client(line: &str) -> Result<Client, String> {
    let row: Value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
    let text = |name: &str| row[name].as_str().unwrap_or_default().to_owned();
    Ok(Client {
        name: text("name"),
        title: format!("{} {}", text("client"), text("version")),
        produces: row["produce"] == true,
        consumes: row["consume"] == true,
        groups: row["group"] == true,
        lines_only: row["lines"] == true,
    })
}

/// Runs a command to its end within `limit`; (status, stdout, stderr). Calls `on_line` for each line of standard
/// output. Ends only the child it started.
pub fn run_bounded(
    command: &mut Command,
    limit: Duration,
    mut on_line: impl FnMut(&str) + Send,
) -> Result<(String, String, String), String> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let (out, mut err) = (child.stdout.take().expect("piped"), child.stderr.take().expect("piped"));
    std::thread::scope(|scope| {
        let stdout = scope.spawn(move || {
            let mut all = String::new();
            for line in BufReader::new(out).split(b'\n').map_while(Result::ok) {
                let line = String::from_utf8_lossy(&line).into_owned();
                on_line(&line);
                all.push_str(&line);
                all.push('\n');
            }
            all
        });
        let stderr = scope.spawn(move || {
            let mut all = Vec::new();
            let _ = err.read_to_end(&mut all);
            String::from_utf8_lossy(&all).into_owned()
        });
        let status = wait(&mut child, limit)?;
        Ok((status, stdout.join().unwrap_or_default(), stderr.join().unwrap_or_default()))
    })
}

fn wait(child: &mut Child, limit: Duration) -> Result<String, String> {
    let begun = Instant::now();
    loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => return Ok(status.to_string()),
            None if begun.elapsed() > limit => {
                let _ = child.kill();
                let _ = child.wait();
                return Ok(format!("ended after {limit:?}"));
            }
            None => std::thread::sleep(Duration::from_millis(5)),
        }
    }
}
