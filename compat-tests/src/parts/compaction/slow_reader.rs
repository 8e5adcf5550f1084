//! A consumer that reads slowly while segments are swapped under it: a few records at a time, so that what it reads next
//! was cleaned meanwhile.

use crate::partition::{self, Poll, Seen};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Pause after each record, until it is told to finish.
const PAUSE: Duration = Duration::from_millis(4);
/// Until it is told where to end; also where it stands before the first record.
const UNKNOWN: i64 = -1;
/// A liveness bound for the next record, once it is told where to end. Not for all that are left: librdkafka, told not to
/// read ahead, fetches 2 KiB a second.
const NEXT_WITHIN: Duration = Duration::from_secs(60);
/// What keeps librdkafka from reading ahead.
const SLOW: &[(&str, &str)] =
    &[("queued.min.messages", "1"), ("fetch.message.max.bytes", "2048"), ("queued.max.messages.kbytes", "4")];

/// One at work; it stops when dropped.
pub struct SlowReader {
    last: Arc<AtomicI64>,
    give_up: Arc<AtomicBool>,
    thread: Option<JoinHandle<Result<Vec<Seen>, String>>>,
}

impl SlowReader {
    /// Begins at offset 0. Records may be deleted before it only when it resets to the earliest.
    pub fn start(bootstrap: &str, topic: &'static str, reset: &'static str) -> SlowReader {
        let (last, give_up) = (Arc::new(AtomicI64::new(UNKNOWN)), Arc::<AtomicBool>::default());
        let (bootstrap, to_come, given_up) = (bootstrap.to_owned(), Arc::clone(&last), Arc::clone(&give_up));
        let thread = std::thread::spawn(move || read(&bootstrap, topic, reset, &to_come, &given_up));
        SlowReader { last, give_up, thread: Some(thread) }
    }

    /// Lets it read on to the last offset without pauses; all that it saw.
    pub fn finish(mut self, last: i64) -> Result<Vec<Seen>, String> {
        self.last.store(last, Ordering::SeqCst);
        self.thread.take().expect("finished once").join().map_err(|_| "the slow reader panicked")?
    }
}

impl Drop for SlowReader {
    fn drop(&mut self) {
        self.give_up.store(true, Ordering::SeqCst);
        self.thread.take().map(JoinHandle::join);
    }
}

fn read(
    bootstrap: &str,
    topic: &str,
    reset: &str,
    last: &AtomicI64,
    give_up: &AtomicBool,
) -> Result<Vec<Seen>, String> {
    let consumer = partition::consumer(bootstrap, reset, SLOW)?;
    partition::assign(&consumer, topic, 0)?;
    let (mut read, mut came) = (Vec::<Seen>::new(), None);
    while !give_up.load(Ordering::SeqCst) {
        let last = last.load(Ordering::SeqCst);
        let at = read.last().map_or(UNKNOWN, |seen| seen.offset);
        if last != UNKNOWN {
            if at >= last {
                break;
            }
            if came.get_or_insert_with(Instant::now).elapsed() > NEXT_WITHIN {
                return Err(format!("the slow reader came to {at} of {last}, then nothing in {NEXT_WITHIN:?}"));
            }
        }
        match partition::poll(&consumer) {
            Poll::Record(seen) => {
                read.push(seen);
                came = None;
                if last == UNKNOWN {
                    std::thread::sleep(PAUSE);
                }
            }
            Poll::End | Poll::Nothing | Poll::Down => {}
            Poll::Error(error) => return Err(format!("the slow reader, after offset {at}: {error}")),
        }
    }
    Ok(read)
}
