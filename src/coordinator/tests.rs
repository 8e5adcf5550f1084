//! What holds of shards, with a machine that counts, over a store on a disk in memory.

use super::*;
use crate::base::{Boot, Clock, ManualClock, Offset, SystemClock, Timestamp};
use crate::io::disk::faulty::{Fault, Operation};
use crate::log::LogSettings;
use crate::partition::{Partition, Partitions, ReadUpto};
use crate::store::Store;
use crate::store::fixture::{Bench, EPOCH, id, settings};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long something may take that should happen, and how long is watched what should not.
const LIMIT: Duration = Duration::from_secs(20);
const WATCH: Duration = Duration::from_millis(50);

/// Counts by name. `Later` is answered by the next tick.
#[derive(Default)]
struct Counts {
    counts: BTreeMap<String, i64>,
    later: Vec<Ticket>,
    due: Option<Duration>,
    loads: i64,
}

enum Ask {
    Add(&'static str, i64),
    Get(&'static str),
    Later(Duration),
    /// Writes so many records of so many bytes.
    Much(usize, usize),
}

fn record(name: &str, count: i64) -> Record {
    let value = Some(Bytes::copy_from_slice(&count.to_be_bytes()));
    Record { key: Bytes::copy_from_slice(name.as_bytes()), value }
}

impl Machine for Counts {
    type Command = Ask;
    type Reply = i64;

    fn may_write(command: &Ask) -> bool {
        !matches!(command, Ask::Get(_))
    }

    fn replay(&mut self, record: Stored<'_>) {
        let name = String::from_utf8(record.key.to_vec()).expect("text");
        let value = record.value.and_then(|value| value.get(..8)).expect("a count");
        self.counts.insert(name, i64::from_be_bytes(value.try_into().expect("eight bytes")));
    }

    fn loaded(&mut self, _: Moment, effects: &mut Effects<i64>) {
        self.loads = self.counts.get("loads").copied().unwrap_or(0) + 1;
        effects.write(record("loads", self.loads));
        self.counts.insert("loads".to_owned(), self.loads);
    }

    fn command(&mut self, now: Moment, ticket: Ticket, command: Ask, effects: &mut Effects<i64>) {
        match command {
            Ask::Add(name, some) => {
                let count = self.counts.entry(name.to_owned()).or_default();
                *count += some;
                effects.write(record(name, *count));
                effects.reply(ticket, *count);
            }
            Ask::Get(name) => effects.reply(ticket, self.counts.get(name).copied().unwrap_or(0)),
            Ask::Later(after) => {
                self.later.push(ticket);
                self.due = Some(now.monotonic + after);
            }
            Ask::Much(records, bytes) => {
                for number in 0..records {
                    let mut value = vec![0; bytes.max(8)];
                    value[..8].copy_from_slice(&1_i64.to_be_bytes());
                    let key = Bytes::from(format!("much {number}"));
                    effects.write(Record { key, value: Some(value.into()) });
                }
                effects.reply(ticket, 0);
            }
        }
    }

    fn due(&self) -> Option<Duration> {
        self.due
    }

    fn tick(&mut self, now: Moment, effects: &mut Effects<i64>) {
        if self.due.is_some_and(|due| due <= now.monotonic) {
            self.due = None;
            for ticket in std::mem::take(&mut self.later) {
                effects.reply(ticket, -1);
            }
        }
    }
}

/// The bench's wall clock, and real time for what waits.
struct Both(Arc<ManualClock>, SystemClock);

impl Clock for Both {
    fn now(&self) -> Timestamp {
        self.0.now()
    }

    fn monotonic(&self) -> Duration {
        self.1.monotonic()
    }

    fn boot(&self) -> Boot {
        self.0.boot()
    }
}

struct Setup {
    bench: Bench,
    store: Arc<Store>,
    partition: Arc<Partition>,
    coordinator: Arc<Coordinator<Counts>>,
}

impl Setup {
    fn over(bench: Bench) -> Setup {
        Setup::with(bench, LogSettings { segment_bytes: 8 << 20, ..settings() })
    }

    fn with(bench: Bench, settings: LogSettings) -> Setup {
        let store = bench.open();
        let partitions = Partitions::new(store.clone());
        let partition = partitions.ensure(id(1, 0), "topic1", &Arc::new(settings), EPOCH);
        let clock: Arc<dyn Clock> = Arc::new(Both(bench.clock.clone(), SystemClock::default()));
        let coordinator = Arc::new(Coordinator::new(partitions, clock, Box::new(|_| Counts::default())));
        Setup { bench, store, partition, coordinator }
    }

    async fn ask(&self, command: Ask) -> Result<i64, AskError> {
        tokio::time::timeout(LIMIT, self.coordinator.ask(&self.partition, command)).await.expect("it answers")
    }
}

async fn eventually(what: impl Fn() -> bool) {
    for _ in 0..LIMIT.as_millis() / 5 {
        if what() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("it does not happen");
}

#[tokio::test]
async fn what_was_answered_is_there_after_a_crash() {
    let setup = Setup::over(Bench::new(1));
    assert_eq!(setup.ask(Ask::Add("a", 5)).await, Ok(5));
    assert_eq!(setup.ask(Ask::Add("a", 2)).await, Ok(7));
    let after = Setup::over(Bench::on(setup.bench.disk.crash(9)));
    assert_eq!(after.ask(Ask::Get("a")).await, Ok(7));
    assert_eq!(after.ask(Ask::Get("loads")).await, Ok(2), "what a machine writes when it is loaded is kept, too");
}

/// A read rests on what was written before it, though it writes nothing.
#[tokio::test]
async fn nothing_is_told_before_it_is_durable_not_even_what_is_read() {
    let setup = Setup::over(Bench::new(2));
    assert_eq!(setup.ask(Ask::Get("a")).await, Ok(0));
    setup.bench.gated.close();
    let (add, get) = {
        let ask = |command| {
            let (coordinator, partition) = (setup.coordinator.clone(), setup.partition.clone());
            tokio::spawn(async move { coordinator.ask(&partition, command).await })
        };
        let add = ask(Ask::Add("a", 1));
        eventually(|| setup.partition.watermarks().end >= Offset(2)).await;
        (add, ask(Ask::Get("a")))
    };
    tokio::time::sleep(WATCH).await;
    assert!(!add.is_finished() && !get.is_finished());
    setup.bench.gated.open_gate();
    assert_eq!((add.await.expect("no panic"), get.await.expect("no panic")), (Ok(1), Ok(1)));
}

/// The next machine knows what the last one wrote, also what was not durable yet when it began: that is answered later.
#[tokio::test]
async fn a_machine_that_is_loaded_anew_misses_nothing_that_is_on_its_way() {
    let setup = Setup::over(Bench::new(9));
    assert_eq!(setup.ask(Ask::Get("a")).await, Ok(0));
    setup.bench.gated.close();
    let add = {
        let (coordinator, partition) = (setup.coordinator.clone(), setup.partition.clone());
        tokio::spawn(async move { coordinator.ask(&partition, Ask::Add("a", 1)).await })
    };
    eventually(|| setup.partition.watermarks().end >= Offset(2)).await;
    // More than a record may have: what the machine is now can't be kept.
    assert_eq!(setup.ask(Ask::Much(1, 2 << 20)).await, Err(AskError::Unavailable));
    tokio::time::sleep(WATCH * 5).await;
    setup.bench.gated.open_gate();
    assert_eq!(add.await.expect("no panic"), Ok(1));
    let told = loop {
        match setup.ask(Ask::Get("a")).await {
            Err(AskError::Loading) => {}
            told => break told,
        }
    };
    assert_eq!(told, Ok(1), "it was answered");
}

#[tokio::test]
async fn replies_may_come_with_a_tick() {
    let setup = Setup::over(Bench::new(3));
    let begun = tokio::time::Instant::now();
    let (one, other) = tokio::join!(setup.ask(Ask::Later(WATCH)), setup.ask(Ask::Later(WATCH)));
    assert_eq!((one, other), (Ok(-1), Ok(-1)));
    assert!(begun.elapsed() >= WATCH);
}

/// What was decided when the disk had become full meanwhile is taken back, who waited is told to ask again, and reads go on.
#[tokio::test]
async fn a_full_disk_refuses_what_writes_and_nothing_else() {
    let setup = Setup::over(Bench::new(4));
    assert_eq!(setup.ask(Ask::Add("a", 1)).await, Ok(1));
    setup.bench.disk.set_capacity(512 << 10);
    setup.store.tick();
    assert_eq!(setup.ask(Ask::Add("a", 1)).await, Err(AskError::Unavailable));
    assert_eq!(setup.ask(Ask::Get("a")).await, Ok(1));
    setup.bench.disk.set_capacity(64 << 20);
    setup.store.tick();
    assert_eq!(setup.ask(Ask::Add("a", 1)).await, Ok(2));
    assert_eq!(setup.ask(Ask::Get("loads")).await, Ok(1), "it was never loaded anew");
}

/// Members whose joins are refused meanwhile have their time afterwards.
#[tokio::test]
async fn time_stands_still_while_the_disk_is_full() {
    let setup = Setup::over(Bench::new(10));
    let later = {
        let (coordinator, partition) = (setup.coordinator.clone(), setup.partition.clone());
        tokio::spawn(async move { coordinator.ask(&partition, Ask::Later(WATCH * 60)).await })
    };
    tokio::time::sleep(WATCH).await;
    setup.bench.disk.set_capacity(512 << 10);
    setup.store.tick();
    assert_eq!(setup.ask(Ask::Get("a")).await, Ok(0));
    tokio::time::sleep(WATCH * 64).await;
    setup.bench.disk.set_capacity(64 << 20);
    setup.store.tick();
    let begun = tokio::time::Instant::now();
    assert_eq!(later.await.expect("no panic"), Ok(-1));
    // It looks about once in a second.
    assert!(begun.elapsed() >= WATCH * 30, "{:?} after there was room", begun.elapsed());
}

#[tokio::test]
async fn a_failed_disk_ends_everything() {
    let setup = Setup::over(Bench::new(5));
    assert_eq!(setup.ask(Ask::Add("a", 1)).await, Ok(1));
    setup.bench.disk.fail(Operation::Write, "01.wal", 0, Fault::Io);
    assert_eq!(setup.ask(Ask::Add("a", 1)).await, Err(AskError::Unavailable));
    assert_eq!(setup.ask(Ask::Add("a", 1)).await, Err(AskError::Unavailable));
    let after = Setup::over(Bench::on(setup.bench.disk.crash(9)));
    let count = after.ask(Ask::Get("a")).await.expect("it is loaded");
    assert!((1..=2).contains(&count), "{count}");
}

#[tokio::test]
async fn a_step_of_many_bytes_is_one_batch_where_the_topic_takes_it() {
    let settings = LogSettings { segment_bytes: 8 << 20, max_message_bytes: 8 << 20, ..settings() };
    let setup = Setup::with(Bench::new(6), settings);
    assert_eq!(setup.ask(Ask::Much(30, 100 << 10)).await, Ok(0));
    // Before it is what the machine wrote when it was loaded.
    let read = setup.partition.read(Offset(1), 1, true, ReadUpto::HighWatermark).await.expect("it is there");
    assert_eq!(read.next, Offset(31), "a read takes the first batch whole, and no other");
}

#[tokio::test]
async fn a_step_that_the_topic_does_not_take_whole_is_several_batches() {
    let setup = Setup::over(Bench::new(6));
    assert_eq!(setup.ask(Ask::Much(30, 100 << 10)).await, Ok(0));
    let after = Setup::over(Bench::on(setup.bench.disk.crash(9)));
    for name in ["much 0", "much 15", "much 29"] {
        assert_eq!(after.ask(Ask::Get(name)).await, Ok(1));
    }
}

#[tokio::test]
async fn a_deleted_partition_ends_its_shard() {
    let setup = Setup::over(Bench::new(7));
    assert_eq!(setup.ask(Ask::Add("a", 1)).await, Ok(1));
    setup.store.delete(setup.partition.id());
    assert_eq!(setup.ask(Ask::Add("a", 1)).await, Err(AskError::Unavailable));
}

/// Many at once, some of whom give up: the others are answered, in the order in which the machine saw them.
#[tokio::test]
async fn many_at_once_are_all_answered() {
    let setup = Setup::over(Bench::new(8));
    let asked = (0..3_000).map(|number| {
        let (coordinator, partition) = (setup.coordinator.clone(), setup.partition.clone());
        let asked = tokio::spawn(async move { coordinator.ask(&partition, Ask::Add("a", 1)).await });
        if number % 7 == 0 {
            asked.abort();
        }
        asked
    });
    let mut seen = std::collections::BTreeSet::new();
    for asked in asked.collect::<Vec<_>>() {
        match asked.await {
            Ok(count) => assert!(seen.insert(count.expect("answered")), "the same count twice"),
            Err(error) => assert!(error.is_cancelled()),
        }
    }
    assert!(seen.len() >= 2_500);
}
