//! Log shippers as long-lived producers: rsyslog's omkafka and syslog-ng's kafka-c send lines of text, one of the runs
//! across a kill -9 of the broker. What was acknowledged is read back in order.

use crate::admin;
use crate::clients::Client;
use crate::parts::Context;
use crate::record::{Row, decode, read_rows, write_rows};
use crate::report::Report;
use std::collections::HashSet;

/// Lines of a run.
const LINES: i64 = 5_000;

/// Each shipper on a broker of its own.
pub fn part(report: &mut Report, context: &Context) {
    for client in context.clients.all.iter().filter(|client| client.lines_only) {
        report.result(format!("{} ships {LINES} lines", client.name), ship(context, client, false));
        report.result(format!("{} ships {LINES} lines across kill -9", client.name), ship(context, client, true));
    }
}

fn line(number: i64) -> String {
    format!("line {number}: the quick brown fox jumps over the lazy dog")
}

fn ship(context: &Context, client: &Client, kill: bool) -> Result<String, String> {
    let (broker, setup, dir) = context.broker(&[])?;
    let bootstrap = broker.bootstrap.clone();
    admin::create_topic(&bootstrap, "lines", 1, &[])?;
    let input = dir.path().join("lines.jsonl");
    let rows: Vec<_> = (0..LINES).map(|n| Row::new(0, None, Some(line(n).as_bytes()), 1_700_000_000_000 + n)).collect();
    write_rows(&input, &rows)?;
    let input = input.to_str().ok_or("path is not UTF-8")?;
    let args = ["produce", "--bootstrap", &bootstrap, "--topic", "lines", "--input", input, "--acks", "all"];
    let (answer, broker) = std::thread::scope(|scope| {
        let shipper = scope.spawn(|| context.clients.run(client, &args));
        let broker = if kill {
            std::thread::sleep(std::time::Duration::from_millis(700));
            broker.kill();
            setup.start()?
        } else {
            broker
        };
        Ok::<_, String>((shipper.join().map_err(|_| "the shipper's thread panicked")??, broker))
    })?;
    if answer["ok"] != true {
        return Err(answer.to_string());
    }
    let figure = read_back(context, &broker.bootstrap, dir.path(), kill)?;
    let code = broker.stop()?;
    if code == 0 { Ok(figure) } else { Err(format!("graceful stop ended with {code}")) }
}

/// All lines are there; in order and once, or with repeats after a kill (these producers are not idempotent).
fn read_back(context: &Context, bootstrap: &str, dir: &std::path::Path, kill: bool) -> Result<String, String> {
    let out = dir.join("lines.out");
    let own = context.clients.own();
    let end = end_offset(context, bootstrap)?;
    let (count, path) = (end.to_string(), out.to_str().ok_or("path is not UTF-8")?);
    let args = ["consume", "--bootstrap", bootstrap, "--topic", "lines", "--partition", "0", "--from", "start"];
    let args = [&args[..], &["--count", &count, "--timeout-ms", "20000", "--out", path]].concat();
    let answer = context.clients.run(own, &args)?;
    if answer["ok"] != true {
        return Err(answer.to_string());
    }
    let text = |row: Row| row.v.as_deref().map(|value| String::from_utf8_lossy(&decode(value)).trim().to_owned());
    let seen: Vec<_> = read_rows(&out)?.into_iter().filter_map(text).collect();
    let distinct: HashSet<_> = seen.iter().cloned().collect();
    if let Some(missing) = (0..LINES).map(line).find(|line| !distinct.contains(line)) {
        return Err(format!("{missing:?} is missing among {} lines", seen.len()));
    }
    let in_order = seen.iter().eq((0..LINES).map(line).collect::<Vec<_>>().iter());
    if !kill && !in_order {
        return Err(format!("{} lines, not in order and once", seen.len()));
    }
    Ok(format!("{} lines, {} repeated", seen.len(), seen.len() - distinct.len()))
}

fn end_offset(context: &Context, bootstrap: &str) -> Result<i64, String> {
    let args = ["consume", "--bootstrap", bootstrap, "--topic", "lines", "--partition", "0", "--from", "end"];
    let args = [&args[..], &["--count", "0", "--timeout-ms", "0"]].concat();
    let position = std::sync::Mutex::new(None);
    let answer = context.clients.run_lines(context.clients.own(), &args, |line| {
        let ready: Option<serde_json::Value> = serde_json::from_str(line).ok();
        if let Some(at) = ready.and_then(|row| row["position"].as_i64()) {
            *position.lock().expect("no holder panicked") = Some(at);
        }
    })?;
    position.into_inner().expect("no holder panicked").ok_or_else(|| format!("no position: {answer}"))
}
