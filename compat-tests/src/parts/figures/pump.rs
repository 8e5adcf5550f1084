//! A steady load: requests on a schedule, or as fast as they are answered, spread over so many partitions in turn.

use super::{MANY, WIDE};
use crate::raw_producer::{RawProducer, Target, batch};
use bytes::Bytes;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Connections of a load; each has one request under way.
const CONNECTIONS: u64 = 4;

/// What is sent.
#[derive(Clone, Copy)]
pub struct Load {
    /// Partitions that are written to in turn, of the 10,000.
    pub partitions: u64,
    /// Batches in one request, each to another partition.
    pub batches_per_request: u64,
    /// Records in one batch.
    pub records_per_batch: u64,
    /// Bytes of a record's value.
    pub value_bytes: usize,
    /// Requests a second over all connections; none: as fast as they are answered.
    pub requests_per_second: Option<u32>,
    /// Requests after which it ends.
    pub requests_max: u64,
}

impl Load {
    /// One batch of it.
    pub fn batch(&self) -> Bytes {
        batch(usize::try_from(self.records_per_batch).expect("small"), self.value_bytes)
    }

    /// Batches to one partition after the other, from the first one of request `number` on.
    fn targets(&self, number: u64) -> Vec<Target> {
        let first = number * self.batches_per_request;
        let mut targets: Vec<Target> =
            (first..first + self.batches_per_request).map(|at| target(at % self.partitions)).collect();
        targets.sort_by_key(|target| (target.topic, target.partition));
        targets
    }
}

/// One of the 10,000 partitions.
pub fn target(number: u64) -> Target {
    let half = (MANY / 2) as u64;
    let topic = WIDE[usize::try_from(number / half).expect("small")];
    Target { topic, partition: i32::try_from(number % half).expect("small") }
}

/// A load at work.
pub struct Pump {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicU64>,
    begun: Instant,
    threads: Vec<JoinHandle<Result<(), String>>>,
}

impl Pump {
    /// Starts it.
    pub fn start(bootstrap: &str, load: Load) -> Pump {
        let (stop, acknowledged, begun) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default(), Instant::now());
        let batch = load.batch();
        let threads = (0..CONNECTIONS).map(|connection| {
            let (stop, acknowledged) = (Arc::clone(&stop), Arc::clone(&acknowledged));
            let (bootstrap, batch) = (bootstrap.to_owned(), batch.clone());
            std::thread::spawn(move || {
                let mut producer = RawProducer::connect(&bootstrap)?;
                let mut number = connection;
                while number < load.requests_max && !stop.load(Ordering::SeqCst) {
                    wait_for(begun, number, load.requests_per_second);
                    producer.produce(&load.targets(number), &batch)?;
                    acknowledged.fetch_add(load.batches_per_request * load.records_per_batch, Ordering::SeqCst);
                    number += CONNECTIONS;
                }
                Ok(())
            })
        });
        let threads = threads.collect();
        Pump { stop, acknowledged, begun, threads }
    }

    /// Ends it; how many records were acknowledged, and in what time.
    pub fn stop(self) -> Result<(u64, Duration), String> {
        self.stop.store(true, Ordering::SeqCst);
        self.finish()
    }

    /// Waits for its last request.
    pub fn finish(self) -> Result<(u64, Duration), String> {
        for thread in self.threads {
            thread.join().map_err(|_| "a load panicked")??;
        }
        Ok((self.acknowledged.load(Ordering::SeqCst), self.begun.elapsed()))
    }
}

/// Sleeps until the request's moment; one that is late goes at once.
fn wait_for(begun: Instant, number: u64, requests_per_second: Option<u32>) {
    if let Some(rate) = requests_per_second {
        let moment = Duration::from_secs_f64(number as f64 / f64::from(rate));
        std::thread::sleep(moment.saturating_sub(begun.elapsed()));
    }
}
