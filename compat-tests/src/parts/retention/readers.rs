//! What readers are told when the log begins later than where they stand.

use super::{BATCH_RECORDS, BATCHES, Found, GONE_WITHIN, RECORDS, create, fill, send, until_start};
use crate::admin;
use crate::pair::Broker;
use crate::partition::{self, Poll, Seen};
use crate::parts::Context;
use crate::raw_producer::RawProducer;
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The clients that are asked, of the two families.
const CLIENTS: [&str; 2] = ["java", "rdkafka"];
/// An offset that is deleted, and where the log begins then.
const DELETED: &str = "5";
const START: i64 = 300;
/// Longest that a client waits for records that come.
const CLIENT_MS: &str = "20000";
/// How long after its start a reader at the end has surely found the end.
const AT_THE_END: Duration = Duration::from_secs(4);
/// The tail: batches, the pause after each, and how long records are kept.
const TAIL_BATCHES: i64 = 400;
const TAIL_PAUSE: Duration = Duration::from_millis(30);
const TAIL_RETENTION_MS: &str = "3000";

/// Java and librdkafka, told to reset to the earliest, to the latest, or not at all.
pub fn reset(context: &Context, broker: &Broker, _: &Path) -> Found {
    create(broker, "reset", &[("retention.ms", "-1")])?;
    let bootstrap = broker.bootstrap()?;
    fill(&bootstrap, "reset", BATCHES)?;
    admin::delete_records(&bootstrap, "reset", START)?;
    let mut found = Vec::new();
    let mut end = RECORDS;
    for client in CLIENTS {
        let earliest = consume(context, client, &bootstrap, "earliest", || {})?;
        let latest = consume(context, client, &bootstrap, "latest", || {
            std::thread::sleep(AT_THE_END);
            let _ = fill(&bootstrap, "reset", 1);
        })?;
        let none = consume(context, client, &bootstrap, "none", || {})?;
        let words = none["error"].as_str().unwrap_or_default().to_lowercase();
        let refused = ["outofrange", "out of range", "no offset"].iter().any(|part| words.contains(part));
        if (&earliest["first"], &latest["first"]) != (&START.into(), &end.into()) || !refused {
            return Err(format!("{client}: earliest {earliest}, latest {latest}, none {none}"));
        }
        end += BATCH_RECORDS;
        found.push(format!("{client} from {START}, from its end, refused"));
    }
    Ok((found.join("; "), String::new()))
}

fn consume(
    context: &Context,
    client: &str,
    bootstrap: &str,
    reset: &str,
    on_ready: impl FnOnce() + Send,
) -> Result<Value, String> {
    let known = context.clients.all.iter().find(|known| known.name == client);
    let known = known.ok_or_else(|| format!("there is no client {client}"))?;
    let args = ["consume", "--bootstrap", bootstrap, "--topic", "reset", "--partition", "0", "--count", "1"];
    let args = [&args[..], &["--from", DELETED, "--timeout-ms", CLIENT_MS, "--reset", reset]].concat();
    let mut on_ready = Some(on_ready);
    context.clients.run_with(known, &args, || {
        if let Some(begin) = on_ready.take() {
            // Beside it: the client's next lines are to be read meanwhile.
            begin();
        }
    })
}

/// It never falls behind the log start, so it must see every record.
pub fn at_the_tail(_: &Context, broker: &Broker, _: &Path) -> Found {
    create(broker, "tail", &[("retention.ms", TAIL_RETENTION_MS)])?;
    let (bootstrap, written) = (broker.bootstrap()?, AtomicBool::new(false));
    let read = std::thread::scope(|scope| {
        let reader = scope.spawn(|| tail(&bootstrap, &written));
        let sent = RawProducer::connect(&bootstrap).and_then(|mut sender| {
            (0..TAIL_BATCHES).try_for_each(|number| {
                std::thread::sleep(TAIL_PAUSE);
                send(&mut sender, "tail", number)
            })
        });
        let start = partition::bounds(&bootstrap, "tail").map(|bounds| bounds.0);
        written.store(true, Ordering::SeqCst);
        let read = reader.join().map_err(|_| "the reader panicked")?;
        sent.and(read).and_then(|read| Ok((read, start?)))
    });
    let (read, start) = read?;
    if start == 0 {
        return Err("nothing went meanwhile".to_owned());
    }
    let end = TAIL_BATCHES * BATCH_RECORDS;
    match read.iter().zip(0..).all(|(seen, offset)| seen.offset == offset) && read.len() as i64 == end {
        true => Ok((format!("{end} records"), format!("log start {start} when the last one was sent"))),
        false => Err(format!("{} records of {end}, the last {:?}", read.len(), read.last().map(|seen| seen.offset))),
    }
}

fn tail(bootstrap: &str, written: &AtomicBool) -> Result<Vec<Seen>, String> {
    let consumer = partition::consumer(bootstrap, "error", &[])?;
    partition::assign(&consumer, "tail", 0)?;
    let (mut read, begun) = (Vec::new(), Instant::now());
    let end = usize::try_from(TAIL_BATCHES * BATCH_RECORDS).unwrap_or(0);
    while read.len() < end && begun.elapsed() < GONE_WITHIN * 2 {
        match partition::poll(&consumer) {
            Poll::Record(seen) => read.push(seen),
            Poll::End if written.load(Ordering::SeqCst) => break,
            Poll::End | Poll::Nothing | Poll::Down => {}
            Poll::Error(error) => return Err(format!("after {} records: {error}", read.len())),
        }
    }
    Ok(read)
}

/// A reader stands in the first segment when everything up to the last one goes: what it holds it may still read, then
/// it goes on at the new start. One that asks for what is above the start is never refused.
pub fn inside(_: &Context, broker: &Broker, _: &Path) -> Found {
    create(broker, "inside", &[("retention.ms", "-1")])?;
    let bootstrap = broker.bootstrap()?;
    fill(&bootstrap, "inside", BATCHES)?;
    let slow = [("queued.min.messages", "1"), ("fetch.message.max.bytes", "4096"), ("queued.max.messages.kbytes", "8")];
    let consumer = partition::consumer(&bootstrap, "earliest", &slow)?;
    partition::assign(&consumer, "inside", 0)?;
    let mut read = Vec::new();
    let mut before = None;
    let begun = Instant::now();
    while begun.elapsed() < GONE_WITHIN {
        match partition::poll(&consumer) {
            Poll::Record(seen) => read.push(seen.offset),
            Poll::End => break,
            Poll::Nothing | Poll::Down => {}
            Poll::Error(error) => return Err(format!("after {} records: {error}", read.len())),
        }
        if read.len() == 25 && before.is_none() {
            before = Some(admin::delete_records(&bootstrap, "inside", START * 2)?);
            until_start(&bootstrap, "inside", |start, _| start == START * 2)?;
            // Its segment goes from the disk meanwhile.
            std::thread::sleep(Duration::from_secs(3));
        }
    }
    let jumps: Vec<_> = read.windows(2).filter(|pair| pair[1] != pair[0] + 1).collect();
    let [jump] = jumps.as_slice() else { return Err(format!("it jumped {} times: {jumps:?}", jumps.len())) };
    let held = jump[0];
    match read.first() == Some(&0) && jump[1] == START * 2 && read.last() == Some(&(RECORDS - 1)) {
        true => Ok((format!("it went on at {}", START * 2), format!("it held records up to {held}"))),
        false => Err(format!("from {:?} over {jump:?} to {:?}", read.first(), read.last())),
    }
}
