//! The `rdkafka` crate as a member of a group, under the contract of clients/README.md.

use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer, ConsumerContext, Rebalance};
use rdkafka::error::KafkaResult;
use rdkafka::message::Message;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// What was done, and what of it was committed.
#[derive(Default)]
struct Work {
    held: BTreeSet<i32>,
    /// The offset after the last record that was done, of the partitions that are held.
    done: BTreeMap<i32, i64>,
    committed: BTreeMap<i32, i64>,
}

struct Revoking {
    topic: String,
    work: Mutex<Work>,
}

impl ClientContext for Revoking {}

impl ConsumerContext for Revoking {
    fn pre_rebalance(&self, consumer: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Revoke(partitions) = rebalance {
            let taken: BTreeSet<i32> = partitions.elements().iter().map(|element| element.partition()).collect();
            let mut work = self.work.lock().expect("no holder panicked");
            // Lost partitions may be another member's already.
            if consumer.assignment_lost() {
                work.done.retain(|partition, _| !taken.contains(partition));
            } else {
                commit(consumer, &self.topic, &mut work, |partition| taken.contains(&partition));
            }
            work.held.retain(|partition| !taken.contains(partition));
            told(&work.held);
        }
    }

    fn post_rebalance(&self, _: &BaseConsumer<Self>, rebalance: &Rebalance<'_>) {
        if let Rebalance::Assign(partitions) = rebalance {
            let mut work = self.work.lock().expect("no holder panicked");
            work.held.extend(partitions.elements().iter().map(|element| element.partition()));
            told(&work.held);
        }
    }
}

fn told(held: &BTreeSet<i32>) {
    crate::report::say(&json!({"event": "assigned", "partitions": held}).to_string());
}

fn error(words: &str) {
    crate::report::say(&json!({"event": "error", "error": words}).to_string());
}

/// Commits what was done of these partitions, and waits for it.
fn commit(consumer: &BaseConsumer<Revoking>, topic: &str, work: &mut Work, of: impl Fn(i32) -> bool) {
    let mut offsets = TopicPartitionList::new();
    let done: BTreeMap<i32, i64> = work.done.iter().filter(|(at, _)| of(**at)).map(|(at, next)| (*at, *next)).collect();
    for (partition, next) in &done {
        if let Err(why) = offsets.add_partition_offset(topic, *partition, Offset::Offset(*next)) {
            error(&why.to_string());
        }
    }
    if offsets.count() == 0 {
        return;
    }
    let outcome: KafkaResult<()> = consumer.commit(&offsets, CommitMode::Sync);
    match outcome {
        Ok(()) => work.committed.extend(done.iter().map(|(at, next)| (*at, *next))),
        Err(why) => error(&why.to_string()),
    }
    work.done.retain(|partition, _| !done.contains_key(partition));
}

/// Runs until standard input ends.
pub fn run(args: &BTreeMap<String, String>) -> Result<serde_json::Value, String> {
    let need = |name: &str| args.get(name).cloned().ok_or_else(|| format!("--{name} is missing"));
    if args.get("protocol").is_some_and(|protocol| protocol == "consumer") {
        return Err("the crate's assignment callbacks know the classic protocol only".to_owned());
    }
    let topic = need("topic")?;
    let consumer: BaseConsumer<Revoking> = config(args)?
        .create_with_context(Revoking { topic: topic.clone(), work: Mutex::default() })
        .map_err(|error| error.to_string())?;
    let begun = Instant::now();
    consumer.subscribe(&[&topic]).map_err(|error| error.to_string())?;
    let ended = input_ended();
    let mut out = std::fs::File::create(need("out")?).map_err(|error| error.to_string())?;
    let mut count = 0u64;
    while !ended.load(Ordering::SeqCst) {
        let message = match consumer.poll(Duration::from_millis(50)) {
            None => continue,
            Some(Err(why)) => {
                error(&why.to_string());
                continue;
            }
            Some(Ok(message)) => message,
        };
        if count == 0 {
            let ms = begun.elapsed().as_secs_f64() * 1e3;
            crate::report::say(&json!({"event": "first", "ms": ms}).to_string());
        }
        count += 1;
        writeln!(out, "{} {}", message.partition(), message.offset()).map_err(|error| error.to_string())?;
        let mut work = consumer.context().work.lock().expect("no holder panicked");
        work.done.insert(message.partition(), message.offset() + 1);
    }
    let committed = {
        let mut work = consumer.context().work.lock().expect("no holder panicked");
        commit(&consumer, &topic, &mut work, |_| true);
        work.committed.clone()
    };
    drop(consumer);
    Ok(json!({"ok": true, "count": count, "commits": "revoke", "committed": committed}))
}

fn config(args: &BTreeMap<String, String>) -> Result<ClientConfig, String> {
    let need = |name: &str| args.get(name).cloned().ok_or_else(|| format!("--{name} is missing"));
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", need("bootstrap")?).set("group.id", need("group")?);
    config.set("enable.auto.commit", "false").set("auto.offset.reset", "earliest").set("check.crcs", "true");
    config.set("session.timeout.ms", args.get("session-ms").map_or("10000", String::as_str));
    if let Some(assignor) = args.get("assignor") {
        config.set("partition.assignment.strategy", assignor);
    }
    if let Some(instance) = args.get("instance") {
        config.set("group.instance.id", instance);
    }
    Ok(config)
}

/// Set when there is nothing more to read from standard input.
fn input_ended() -> Arc<AtomicBool> {
    let ended = Arc::<AtomicBool>::default();
    let set = ended.clone();
    std::thread::spawn(move || {
        let mut rest = Vec::new();
        // An input that can't be read has ended, too.
        let _ = std::io::stdin().read_to_end(&mut rest);
        set.store(true, Ordering::SeqCst);
    });
    ended
}
