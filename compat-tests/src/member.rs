//! A member of a consumer group: a client program under the `group` command of clients/README.md, as a child process.

use crate::clients::{Client, Clients};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A liveness bound for a member to end in order.
const ENDED_WITHIN: Duration = Duration::from_secs(60);

/// What a member is started with.
#[derive(Clone, Debug)]
pub struct Joining<'a> {
    /// `host:port`.
    pub bootstrap: &'a str,
    /// The topic.
    pub topic: &'a str,
    /// The group.
    pub group: &'a str,
    /// `classic` or `consumer`.
    pub protocol: &'a str,
    /// The assignor; the client's default where there is none.
    pub assignor: Option<&'a str>,
    /// A static member's id.
    pub instance: Option<&'a str>,
}

/// What it said so far.
#[derive(Default)]
struct Said {
    /// The partitions that it has now; none before it was first told.
    assigned: Option<BTreeSet<i32>>,
    /// Milliseconds from its start to its first record.
    first_ms: Option<f64>,
    errors: Vec<String>,
    last: Option<Value>,
}

/// How a member ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// Whether it commits in its revoke callback.
    pub commits_at_revoke: bool,
    /// Its last commit of each partition.
    pub committed: BTreeMap<i32, i64>,
}

/// A running member.
pub struct Member {
    /// The client's name.
    pub name: String,
    child: Child,
    stdin: Option<ChildStdin>,
    said: Arc<Mutex<Said>>,
    reader: Option<JoinHandle<()>>,
    out: PathBuf,
    stderr: PathBuf,
}

impl Member {
    /// Starts one that writes down its work in `dir`, under `label`.
    pub fn start(
        clients: &Clients,
        client: &Client,
        joining: &Joining<'_>,
        dir: &Path,
        label: &str,
    ) -> Result<Member, String> {
        let (out, stderr) = (dir.join(format!("{label}.work")), dir.join(format!("{label}.err")));
        let mut command = clients.command(client);
        command.args(["group", "--bootstrap", joining.bootstrap, "--topic", joining.topic, "--group", joining.group]);
        command.arg("--out").arg(&out).args(["--protocol", joining.protocol]);
        if let Some(assignor) = joining.assignor {
            command.args(["--assignor", assignor]);
        }
        if let Some(instance) = joining.instance {
            command.args(["--instance", instance]);
        }
        let log = std::fs::File::create(&stderr).map_err(|error| error.to_string())?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take().expect("piped"));
        let said = Arc::<Mutex<Said>>::default();
        let reader = std::thread::spawn({
            let said = said.clone();
            move || BufReader::new(stdout).lines().map_while(Result::ok).for_each(|line| hear(&said, &line))
        });
        Ok(Member { name: client.name.clone(), child, stdin, said, reader: Some(reader), out, stderr })
    }

    /// The partitions that it has now; none before it was first told.
    pub fn assigned(&self) -> Option<BTreeSet<i32>> {
        self.said().assigned.clone()
    }

    /// Milliseconds from its start to its first record, when it has had one.
    pub fn first_ms(&self) -> Option<f64> {
        self.said().first_ms
    }

    /// What it refused to begin with, in its own words.
    pub fn refusal(&self) -> Option<String> {
        let said = self.said();
        let refused = said.last.as_ref().filter(|last| last["ok"] == false)?;
        Some(refused["error"].as_str().unwrap_or_default().to_owned())
    }

    /// Errors that it told of and went on from.
    pub fn errors(&self) -> Vec<String> {
        self.said().errors.clone()
    }

    /// Partition and offset of each record that it has done, in its order. A line that is being written is not done.
    pub fn work(&self) -> Result<Vec<(i32, i64)>, String> {
        let text = match std::fs::read_to_string(&self.out) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(format!("{}: {error}", self.out.display())),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let parse = |line: &str| {
            let (partition, offset) = line.split_once(' ')?;
            Some((partition.parse().ok()?, offset.parse().ok()?))
        };
        whole.lines().map(|line| parse(line).ok_or_else(|| format!("{}: {line:?}", self.out.display()))).collect()
    }

    /// Bytes of its work so far: cheap to look at.
    pub fn work_bytes(&self) -> u64 {
        std::fs::metadata(&self.out).map_or(0, |metadata| metadata.len())
    }

    /// Ends it in order: it commits and leaves.
    pub fn stop(&mut self) -> Result<Ended, String> {
        drop(self.stdin.take());
        let begun = Instant::now();
        while self.child.try_wait().map_err(|error| error.to_string())?.is_none() {
            if begun.elapsed() > ENDED_WITHIN {
                self.end();
                return Err(format!("{} did not end within {ENDED_WITHIN:?}{}", self.name, self.words()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        self.reader.take().map(JoinHandle::join);
        let last = self.said().last.clone().filter(|last| last["ok"] == true);
        let last = last.ok_or_else(|| format!("{} did not end well{}", self.name, self.words()))?;
        let committed = last["committed"].as_object().into_iter().flatten();
        let committed = committed.filter_map(|(at, offset)| Some((at.parse().ok()?, offset.as_i64()?))).collect();
        Ok(Ended { commits_at_revoke: last["commits"] == "revoke", committed })
    }

    /// Ends it with SIGKILL: it can say nothing to anybody.
    pub fn end(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The end of what it said on standard error, and its errors.
    pub fn words(&self) -> String {
        let text = std::fs::read_to_string(&self.stderr).unwrap_or_default();
        let tail: Vec<&str> = text.lines().rev().take(3).collect();
        let said = self.said();
        format!("; it said {:?}, {:?}, {tail:?}", said.last, said.errors.iter().rev().take(3).collect::<Vec<_>>())
    }

    fn said(&self) -> std::sync::MutexGuard<'_, Said> {
        self.said.lock().expect("no holder panicked")
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.end();
        }
    }
}

fn hear(said: &Mutex<Said>, line: &str) {
    let Ok(value) = serde_json::from_str::<Value>(line) else { return };
    let mut said = said.lock().expect("no holder panicked");
    match value["event"].as_str() {
        Some("assigned") => {
            let partitions = value["partitions"].as_array().into_iter().flatten();
            said.assigned = Some(partitions.filter_map(|at| i32::try_from(at.as_i64()?).ok()).collect());
        }
        Some("first") => said.first_ms = value["ms"].as_f64(),
        Some("error") => said.errors.push(value["error"].as_str().unwrap_or_default().to_owned()),
        _ => {
            if value.get("ok").is_some() {
                said.last = Some(value);
            }
        }
    }
}
