//! The slow reader with the Java client, of Ottla alone: it begins before anything is cleaned, and reads a record at a time
//! while the cleaner rewrites what lies before it. That begins with the first checkpoint, after half a minute.

use super::keeper::Keeper;
use super::plan::{GATE_OPEN, GATE_SHUT};
use super::{SETTINGS, TOPIC};
use crate::admin;
use crate::keyed::{self, Codec, Keyed};
use crate::partition::{self, Seen};
use crate::parts::Context;
use crate::raw_producer::{RawProducer, Target};
use crate::record::{Row, decode, read_rows};
use crate::wall_clock::now_ms;
use std::path::Path;
use std::time::Duration;

/// Records, all but the last of so many keys; those that are there before the reader begins; those of a batch.
const RECORDS: i64 = 1600;
const KEYS: i64 = 60;
const BEFORE: i64 = 1200;
const BATCH_RECORDS: i64 = 20;
/// Between two batches that come while it reads.
const BATCH_PAUSE: Duration = Duration::from_millis(120);
const SEGMENT_BYTES: usize = 16 << 10;
/// Longest that the client may take; it rests so long after each record, and fetches so much at a time.
const CLIENT_MS: &str = "90000";
const PAUSE_MS: &str = "30";
const FETCH_BYTES: &str = "2048";
const TARGET: [Target; 1] = [Target { topic: TOPIC, partition: 0 }];

/// It sees what was sent, in order, without an error, and misses nothing that is left in the end.
pub fn run(context: &Context) -> Result<String, String> {
    let (broker, _setup, dir) = context.broker(SETTINGS)?;
    let segment = SEGMENT_BYTES.to_string();
    let topic = |gate| {
        [
            ("cleanup.policy", "compact"),
            ("internal.segment.bytes", segment.as_str()),
            ("file.delete.delay.ms", "200"),
            ("min.cleanable.dirty.ratio", gate),
        ]
    };
    admin::create_topic(&broker.bootstrap, TOPIC, 1, &topic(GATE_SHUT))?;
    let mut sender = RawProducer::connect(&broker.bootstrap)?;
    let mut keeper = Keeper::default();
    while keeper.end() < BEFORE {
        send(&mut sender, &mut keeper)?;
    }
    let out = dir.path().join("read.jsonl");
    let rest = std::sync::Mutex::new(Err("the client was never ready".to_owned()));
    let answer = consume(context, &broker.bootstrap, &out, || {
        *rest.lock().expect("one thread") =
            admin::set_configs(&broker.bootstrap, TOPIC, &topic(GATE_OPEN)).and_then(|()| {
                while keeper.end() < RECORDS {
                    std::thread::sleep(BATCH_PAUSE);
                    send(&mut sender, &mut keeper)?;
                }
                let (sealing, batch) = keyed::seal("seal", now_ms(), SEGMENT_BYTES)?;
                sender.produce(&TARGET, &batch)?;
                keeper.sent(vec![sealing], batch.len());
                Ok(())
            });
    })?;
    rest.into_inner().expect("one thread")?;
    if answer["ok"] != true {
        return Err(format!("{answer}"));
    }
    let (read, left) = (rows(&out)?, partition::read_all(&broker.bootstrap, TOPIC)?);
    keeper.was_read(&read, &left)?;
    let (end, read, left) = (keeper.end(), read.len(), left.len());
    // Else it was never before the cleaner, or never behind it.
    match left < read && (read as i64) < end {
        true => Ok(format!("{end} records, {read} read, {left} left in the end")),
        false => Err(format!("of {end} records it read {read}, {left} are left: nothing went beside it")),
    }
}

fn send(sender: &mut RawProducer, keeper: &mut Keeper) -> Result<(), String> {
    let (first, time) = (keeper.end(), now_ms());
    let record = |number: i64| Keyed {
        key: format!("key {}", number % KEYS),
        value: Some(format!("{number} {}", "v".repeat(100))),
        timestamp: time,
    };
    let records: Vec<Keyed> = (first..first + BATCH_RECORDS).map(record).collect();
    let batch = keyed::batch(&records, Codec::None, None)?;
    sender.produce(&TARGET, &batch)?;
    keeper.sent(records, batch.len());
    Ok(())
}

fn consume(
    context: &Context,
    bootstrap: &str,
    out: &Path,
    on_ready: impl FnOnce() + Send,
) -> Result<serde_json::Value, String> {
    let java = context.clients.all.iter().find(|client| client.name == "java").ok_or("there is no client java")?;
    let (out, until) = (out.to_string_lossy(), RECORDS.to_string());
    let args = ["consume", "--bootstrap", bootstrap, "--topic", TOPIC, "--partition", "0", "--until", &until];
    let args = [&args[..], &["--pause-ms", PAUSE_MS, "--fetch-bytes", FETCH_BYTES, "--timeout-ms", CLIENT_MS]].concat();
    let args = [&args[..], &["--out", &out]].concat();
    let mut on_ready = Some(on_ready);
    context.clients.run_with(java, &args, || {
        if let Some(begin) = on_ready.take() {
            begin();
        }
    })
}

fn rows(path: &Path) -> Result<Vec<Seen>, String> {
    let text = |part: Option<String>| part.map(|part| String::from_utf8_lossy(&decode(&part)).into_owned());
    let seen = |row: Row| {
        let offset = row.offset.ok_or("a row without an offset")?;
        Ok(Seen { offset, key: text(row.k), value: text(row.v), timestamp: row.t })
    };
    read_rows(path)?.into_iter().map(seen).collect()
}
