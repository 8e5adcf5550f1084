//! Which topics there are, and the wait of readers for new data. A topic is never removed, a partition count never
//! changes.

use super::log::Log;
use kafka_protocol::ResponseError;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
use std::time::{Duration, Instant};

const TOPICS_MAX: usize = 10_000;
const PARTITIONS_MAX: usize = 10_000;
/// Kafka's bound, bytes.
const NAME_BYTES_MAX: usize = 249;

/// All topics.
pub(super) struct Topics {
    dir: PathBuf,
    topics: RwLock<HashMap<String, Arc<Topic>>>,
    /// Woken by each produce request.
    pub(super) arrivals: Arrivals,
}

/// The partitions of one topic.
pub(super) struct Topic(Box<[Mutex<Log>]>);

impl Topic {
    /// The log of a partition, for as long as the guard lives.
    pub(super) fn partition(&self, index: i32) -> Option<MutexGuard<'_, Log>> {
        let log = self.0.get(usize::try_from(index).ok()?)?;
        Some(log.lock().expect("no holder panicked"))
    }

    /// How many there are.
    pub(super) fn partitions(&self) -> usize {
        self.0.len()
    }
}

impl Topics {
    pub(super) fn new(dir: PathBuf) -> Self {
        Topics { dir, topics: RwLock::default(), arrivals: Arrivals::default() }
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Topic>> {
        self.topics.read().expect("no holder panicked").get(name).cloned()
    }

    /// The names of all topics.
    pub(super) fn names(&self) -> Vec<String> {
        self.topics.read().expect("no holder panicked").keys().cloned().collect()
    }

    /// The topic with this name, with one partition if it is new.
    pub(super) fn get_or_create(&self, name: &str) -> Result<Arc<Topic>, ResponseError> {
        if let Some(topic) = self.get(name) {
            return Ok(topic);
        }
        match self.create(name, 1) {
            Err(ResponseError::TopicAlreadyExists) => self.get(name).ok_or(ResponseError::UnknownTopicOrPartition),
            created => created,
        }
    }

    /// A new topic.
    pub(super) fn create(&self, name: &str, partitions: usize) -> Result<Arc<Topic>, ResponseError> {
        if !is_legal(name) {
            return Err(ResponseError::InvalidTopicException);
        }
        if !(1..=PARTITIONS_MAX).contains(&partitions) {
            return Err(ResponseError::InvalidPartitions);
        }
        let mut topics = self.topics.write().expect("no holder panicked");
        if topics.contains_key(name) {
            return Err(ResponseError::TopicAlreadyExists);
        }
        if topics.len() >= TOPICS_MAX {
            return Err(ResponseError::PolicyViolation);
        }
        let path = |index: usize| self.dir.join(format!("{name}-{index}.log"));
        let logs = (0..partitions).map(|index| Mutex::new(Log::new(path(index))));
        let topic = Arc::new(Topic(logs.collect()));
        topics.insert(name.to_owned(), Arc::clone(&topic));
        Ok(topic)
    }
}

/// Kafka's rule, which makes a name safe in a path.
fn is_legal(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name != "." && name != ".." && name.bytes().all(legal)
}

/// The wait for new data, for all partitions together. Announcing costs one load while nobody waits.
///
/// Nothing is missed: a waiter counts itself before it looks at the logs. Whoever appends after that look takes the log's
/// lock after the waiter did, and so sees the count.
#[derive(Default)]
pub(super) struct Arrivals {
    waiters: AtomicUsize,
    announced: Mutex<u64>,
    changed: Condvar,
}

impl Arrivals {
    /// Wakes the waiters. To be called after an append, without the log's lock.
    pub(super) fn announce(&self) {
        if self.waiters.load(Ordering::SeqCst) > 0 {
            *self.announced.lock().expect("no holder panicked") += 1;
            self.changed.notify_all();
        }
    }

    /// Looks again after each announcement until `look` finds what it wants or fails, or `wait` has passed.
    pub(super) fn until<E>(&self, wait: Duration, mut look: impl FnMut() -> Result<bool, E>) -> Result<(), E> {
        let begun = Instant::now();
        let _counted = Counted::new(&self.waiters);
        loop {
            let seen = *self.announced.lock().expect("no holder panicked");
            if look()? {
                return Ok(());
            }
            let left = wait.saturating_sub(begun.elapsed());
            let announced = self.announced.lock().expect("no holder panicked");
            let waited = self.changed.wait_timeout_while(announced, left, |announced| *announced == seen);
            if waited.expect("no holder panicked").1.timed_out() {
                return Ok(());
            }
        }
    }
}

/// Counted for as long as it lives.
struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Counted(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}
