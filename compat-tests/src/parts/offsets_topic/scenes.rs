//! The groups, made through real clients: each by one client alone, two clients in one, a static member, commits with
//! metadata from outside of a group, offsets that are reset and deleted, groups and a topic that are deleted.

use crate::admin;
use crate::clients::run_bounded;
use crate::member::{Joining, Member};
use crate::parts::Context;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// The topic of most groups, and one that is deleted; their partitions and records in each.
const ORDERS: (&str, i32, usize) = ("orders", 3, 10);
const NOTES: (&str, i32, usize) = ("notes", 1, 5);
/// Clients that have a group for themselves. They commit once, in the end.
const ALONE: (&[&str], &[&str]) = (
    &["java", "franz-go", "aiokafka"],
    &["java", "franz-go", "aiokafka", "kafka-python", "sarama", "confluent-2.16.1", "confluent-2.0.2", "spring"],
);
/// Clients that have a group of the consumer protocol (KIP-848) for themselves.
const CONSUMERS: (&[&str], &[&str]) = (&["java"], &["java", "confluent-2.16.1", "franz-go"]);
/// What is committed with an offset.
const METADATA: [&str; 3] = ["", "where I was: über", "{\"at\": 7, \"why\": \"a rest\"}"];
/// Their groups begin with this.
const CONSUMER: &str = "consumer-by-";
/// A liveness bound for each step.
const WITHIN: Duration = Duration::from_secs(30);
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// Plays all of them; how many groups were there.
pub(super) fn play(context: &Context, bootstrap: &str, dir: &Path) -> Result<usize, String> {
    let dir = dir.join("members");
    std::fs::create_dir_all(&dir).map_err(|error| error.to_string())?;
    let stage = Stage { context, bootstrap, dir: &dir };
    for (topic, partitions, records) in [ORDERS, NOTES] {
        admin::create_topic(bootstrap, topic, partitions, &[])?;
        fill(bootstrap, topic, partitions, records)?;
    }
    // its session is over when all else is done
    stage.alone("confluent-2.16.1", "static", Some("till-1"))?;
    let clients = context.size(ALONE.0, ALONE.1);
    for client in clients {
        stage.alone(client, &format!("by-{client}"), None)?;
    }
    let consumers = context.size(CONSUMERS.0, CONSUMERS.1);
    for client in consumers {
        stage.alone(client, &format!("{CONSUMER}{client}"), None)?;
    }
    stage.two("several")?;
    stage.alone("franz-go", "deleted", None)?;
    for (round, metadata) in METADATA.iter().enumerate() {
        stage.commit("with-metadata", ORDERS.0, &[0, 2], round as i64, metadata)?;
        stage.commit("with-metadata", NOTES.0, &[0], round as i64, metadata)?;
    }
    stage.commit("deleted-simple", ORDERS.0, &[1], 4, "x")?;
    stage.delete_groups(&["deleted", "deleted-simple"])?;
    let to = ["--reset-offsets", "--to-offset", "3", "--execute", "--group", "by-java", "--topic", "orders:0,1"];
    stage.tool(&to)?;
    stage.tool(&["--delete-offsets", "--group", "with-metadata", "--topic", "orders:2"])?;
    admin::delete_topic(bootstrap, NOTES.0)?;
    stage.until("the offsets of a deleted topic to go", || {
        let told = committed(bootstrap, "with-metadata", NOTES.0)?;
        Ok(told == Offset::Invalid)
    })?;
    stage.until("the static member to be gone", || stage.is_empty("static"))?;
    Ok(clients.len() + consumers.len() + 5)
}

struct Stage<'a> {
    context: &'a Context,
    bootstrap: &'a str,
    dir: &'a Path,
}

impl Stage<'_> {
    fn join(&self, client: &str, group: &str, instance: Option<&str>) -> Result<Member, String> {
        let clients = &self.context.clients;
        let assignor = (group == "several").then_some("range");
        let (bootstrap, topic) = (self.bootstrap, ORDERS.0);
        let protocol = if group.starts_with(CONSUMER) { "consumer" } else { "classic" };
        let joining = Joining { bootstrap, topic, group, protocol, assignor, instance };
        Member::start(clients, clients.named(client)?, &joining, self.dir, &format!("{group}-{client}"))
    }

    /// One member reads everything and leaves.
    fn alone(&self, client: &str, group: &str, instance: Option<&str>) -> Result<(), String> {
        let mut member = self.join(client, group, instance)?;
        self.done(&member)?;
        member.stop().map(drop)
    }

    /// A second member joins, the first leaves, then the second. Not kafka-python: it may join before it knows which
    /// partitions there are, and then leads the group to nothing, and joins again.
    fn two(&self, group: &str) -> Result<(), String> {
        let mut first = self.join("sarama", group, None)?;
        self.done(&first)?;
        let mut second = self.join("confluent-2.16.1", group, None)?;
        let has = |member: &Member, many: &dyn Fn(usize) -> bool| {
            member.assigned().is_some_and(|partitions| many(partitions.len()))
        };
        let all = ORDERS.1 as usize;
        let shared = |count: usize| count > 0 && count < all;
        self.until("two members", || Ok(has(&first, &shared) && has(&second, &shared)))?;
        first.stop()?;
        self.until("one member", || Ok(has(&second, &|count| count == all)))?;
        second.stop().map(drop)
    }

    fn done(&self, member: &Member) -> Result<(), String> {
        let all = ORDERS.1 as usize * ORDERS.2;
        self.until(&format!("{} to read everything", member.name), || match member.refusal() {
            Some(words) => Err(format!("{}: {words}", member.name)),
            None => Ok(member.work()?.len() >= all),
        })
        .map_err(|error| format!("{error}{}", member.words()))
    }

    fn until(&self, what: &str, ready: impl Fn() -> Result<bool, String>) -> Result<(), String> {
        let begun = Instant::now();
        while !ready()? {
            if begun.elapsed() > WITHIN {
                return Err(format!("waited {WITHIN:?} for {what}"));
            }
            std::thread::sleep(LOOK_EVERY);
        }
        Ok(())
    }

    /// A commit from outside of the group, of these partitions in one request.
    fn commit(&self, group: &str, topic: &str, partitions: &[i32], next: i64, metadata: &str) -> Result<(), String> {
        let mut offsets = TopicPartitionList::new();
        for partition in partitions {
            let mut element = offsets.add_partition(topic, *partition);
            element.set_offset(Offset::Offset(next)).map_err(|error| error.to_string())?;
            element.set_metadata(metadata);
        }
        let consumer = consumer(self.bootstrap, group)?;
        consumer.commit(&offsets, CommitMode::Sync).map_err(|error| format!("commit of {group}: {error}"))
    }

    fn delete_groups(&self, groups: &[&str]) -> Result<(), String> {
        let config = ClientConfig::new().set("bootstrap.servers", self.bootstrap).clone();
        let client: AdminClient<DefaultClientContext> = config.create().map_err(|error| error.to_string())?;
        let options = AdminOptions::new().request_timeout(Some(WITHIN));
        let answers = admin::runtime()?.block_on(client.delete_groups(groups, &options));
        let mut answers = answers.map_err(|error| error.to_string())?.into_iter();
        answers.try_for_each(|answer| answer.map(drop).map_err(|(group, code)| format!("{group}: {code}")))
    }

    fn tool(&self, args: &[&str]) -> Result<(), String> {
        let mut command = Command::new(self.context.root.join("kafka-tool"));
        command.args(["ConsumerGroupCommand", "--bootstrap-server", self.bootstrap]).args(args);
        let (status, stdout, stderr) = run_bounded(&mut command, WITHIN, |_| {})?;
        if status == "exit status: 0" && !stdout.contains("Error") {
            Ok(())
        } else {
            Err(format!("{args:?}: {status} {stdout} {stderr}"))
        }
    }

    fn is_empty(&self, group: &str) -> Result<bool, String> {
        let list = consumer(self.bootstrap, group)?.client().fetch_group_list(Some(group), WITHIN);
        let list = list.map_err(|error| error.to_string())?;
        Ok(list.groups().iter().any(|found| found.name() == group && found.state() == "Empty"))
    }
}

fn consumer(bootstrap: &str, group: &str) -> Result<BaseConsumer, String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("group.id", group).set("enable.auto.commit", "false");
    config.create().map_err(|error| error.to_string())
}

fn committed(bootstrap: &str, group: &str, topic: &str) -> Result<Offset, String> {
    let mut asked = TopicPartitionList::new();
    asked.add_partition(topic, 0);
    let told = consumer(bootstrap, group)?.committed_offsets(asked, WITHIN).map_err(|error| error.to_string())?;
    told.find_partition(topic, 0).map(|found| found.offset()).ok_or_else(|| format!("{topic} was not answered"))
}

fn fill(bootstrap: &str, topic: &str, partitions: i32, records: usize) -> Result<(), String> {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap);
    let producer: ThreadedProducer<DefaultProducerContext> = config.create().map_err(|error| error.to_string())?;
    for partition in 0..partitions {
        for _ in 0..records {
            let record = BaseRecord::<[u8], [u8]>::to(topic).partition(partition).payload(b"a record".as_slice());
            producer.send(record).map_err(|(error, _)| error.to_string())?;
        }
    }
    producer.flush(WITHIN).map_err(|error| error.to_string())
}
