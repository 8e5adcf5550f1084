//! Fetch, versions 4 to 11, always without a session: plan the answer from the indexes, then read and send. If there is
//! less than the client wants, the plan is made again with each arrival until the client's patience ends.

use super::connection::Request;
use super::log::{Log, Run};
use super::outgoing::Outgoing;
use super::topics::{Topic, Topics};
use super::wire::{LENGTH_BYTES, Put, Reader, malformed};
use kafka_protocol::ResponseError;
use std::io;
use std::time::Duration;

/// Since when a field is there: in the request, in the answer, or in both.
const LOG_START_SINCE: i16 = 5;
const SESSION_SINCE: i16 = 7;
const LEADER_EPOCH_SINCE: i16 = 9;
const RACK_SINCE: i16 = 11;

/// The patience that a client can have at most.
const WAIT_MAX: Duration = Duration::from_secs(60);
/// Partitions in one request.
const PARTITIONS_MAX: usize = 100_000;
/// Records in one answer, so that its length can be told, but for the one batch that goes in any case.
const RECORDS_BYTES_MAX: usize = 1 << 30;
const NO_OFFSET: i64 = -1;
const NO_SESSION: i32 = 0;
const NO_ABORTED: i32 = 0;
const NO_REPLICA: i32 = -1;
const THROTTLE_MS: i32 = 0;

/// What a request wants altogether.
struct Wanted {
    wait: Duration,
    min_bytes: usize,
    max_bytes: usize,
}

/// A piece of the request's list.
enum Asked<'a> {
    Topics(usize),
    Topic { name: &'a str, partitions: usize },
    Partition { index: i32, offset: i64, max_bytes: usize },
}

/// What a partition is answered.
pub(super) struct Planned {
    error: i16,
    start: i64,
    end: i64,
    run: Option<Run>,
}

/// Answers through `out`. `plan` is empty and kept for its room.
pub(super) fn fetch(
    topics: &Topics,
    request: Request<'_>,
    plan: &mut Vec<Planned>,
    out: &mut Outgoing<'_>,
) -> io::Result<()> {
    let (version, body) = (request.version, request.body);
    let (wanted, list) = wanted(version, body)?;
    let mut planner = Planner::begin(topics, version, &wanted, plan);
    if !planner.make(list)? {
        out.flush()?;
        topics.arrivals.until(wanted.wait, || planner.make(list))?;
    }
    let answer_bytes = planner.answer_bytes;
    out.count(answer_bytes)?;
    out.i32(request.correlation)?;
    out.i32(THROTTLE_MS)?;
    if version >= SESSION_SINCE {
        out.i16(0)?;
        out.i32(NO_SESSION)?;
    }
    let mut sender = Sender { version, out };
    let mut planned = plan.drain(..);
    walk(list, version, |asked| sender.send(&asked, &mut planned))
}

/// Reads what stands before the list.
fn wanted(version: i16, body: &mut [u8]) -> io::Result<(Wanted, &mut [u8])> {
    let mut reader = Reader::new(body);
    let _replica = reader.i32()?;
    let wait_ms = u64::try_from(reader.i32()?).unwrap_or(0);
    let (min_bytes, max_bytes) = (bytes(reader.i32()?), bytes(reader.i32()?).min(RECORDS_BYTES_MAX));
    // The isolation level: there are no transactions.
    reader.skip(1)?;
    if version >= SESSION_SINCE {
        let (_session, _epoch) = (reader.i32()?, reader.i32()?);
    }
    Ok((Wanted { wait: Duration::from_millis(wait_ms).min(WAIT_MAX), min_bytes, max_bytes }, reader.rest()))
}

/// A number of bytes; one below 0 is none.
fn bytes(count: i32) -> usize {
    usize::try_from(count).unwrap_or(0)
}

/// Calls `visit` with each piece of the list. What stands behind the list doesn't matter without a session.
fn walk(list: &mut [u8], version: i16, mut visit: impl FnMut(Asked<'_>) -> io::Result<()>) -> io::Result<()> {
    let mut reader = Reader::new(list);
    let topics = reader.count()?;
    visit(Asked::Topics(topics))?;
    for _ in 0..topics {
        let (name, partitions) = (reader.string()?, reader.count()?);
        visit(Asked::Topic { name, partitions })?;
        for _ in 0..partitions {
            let index = reader.i32()?;
            if version >= LEADER_EPOCH_SINCE {
                let _leader_epoch = reader.i32()?;
            }
            let offset = reader.i64()?;
            if version >= LOG_START_SINCE {
                let _log_start = reader.i64()?;
            }
            visit(Asked::Partition { index, offset, max_bytes: bytes(reader.i32()?) })?;
        }
    }
    Ok(())
}

/// Makes the plan, as often as needed.
struct Planner<'a> {
    topics: &'a Topics,
    version: i16,
    wanted: &'a Wanted,
    plan: &'a mut Vec<Planned>,
    /// Size of the answer without its length.
    answer_bytes: usize,
}

impl<'a> Planner<'a> {
    fn begin(topics: &'a Topics, version: i16, wanted: &'a Wanted, plan: &'a mut Vec<Planned>) -> Self {
        Planner { topics, version, wanted, plan, answer_bytes: 0 }
    }

    /// Makes the plan anew. Whether it is worth an answer now: it has what the client waits for, or an error.
    fn make(&mut self, list: &mut [u8]) -> io::Result<bool> {
        self.plan.clear();
        self.answer_bytes = answer_header_bytes(self.version);
        let mut topic = None;
        let (mut records_bytes, mut failed) = (0, false);
        walk(list, self.version, |asked| {
            match asked {
                Asked::Topics(_) => {}
                Asked::Topic { name, .. } => {
                    topic = self.topics.get(name);
                    self.answer_bytes += 2 + name.len() + 4;
                }
                Asked::Partition { index, offset, max_bytes } => {
                    let limit = max_bytes.min(self.wanted.max_bytes.saturating_sub(records_bytes));
                    let planned = Planned::make(topic.as_deref(), index, offset, limit, records_bytes == 0);
                    failed |= planned.error != 0;
                    let run_bytes = planned.run.as_ref().map_or(0, |run| run.bytes);
                    records_bytes += run_bytes;
                    self.answer_bytes += answer_partition_bytes(self.version) + run_bytes;
                    self.plan.push(planned);
                }
            }
            match self.plan.len() > PARTITIONS_MAX {
                true => Err(malformed("too many partitions")),
                false => Ok(()),
            }
        })?;
        Ok(failed || records_bytes >= self.wanted.min_bytes)
    }
}

impl Planned {
    fn make(topic: Option<&Topic>, index: i32, offset: i64, limit: usize, at_least_one: bool) -> Self {
        let Some(log) = topic.and_then(|topic| topic.partition(index)) else {
            let error = ResponseError::UnknownTopicOrPartition.code();
            return Planned { error, start: NO_OFFSET, end: NO_OFFSET, run: None };
        };
        let (start, end) = (Log::START, log.end());
        match log.plan(offset, limit, at_least_one) {
            Ok(run) => Planned { error: 0, start, end, run },
            Err(error) => Planned { error: error.code(), start, end, run: None },
        }
    }
}

/// Correlation id, throttle time, session if there is one, number of topics.
fn answer_header_bytes(version: i16) -> usize {
    4 + 4 + if version >= SESSION_SINCE { 2 + 4 } else { 0 } + 4
}

/// All of a partition but its records: see `Sender::partition`.
fn answer_partition_bytes(version: i16) -> usize {
    let log_start = if version >= LOG_START_SINCE { 8 } else { 0 };
    let replica = if version >= RACK_SINCE { 4 } else { 0 };
    4 + 2 + 8 + 8 + log_start + 4 + replica + LENGTH_BYTES
}

/// Sends what was planned.
struct Sender<'a, 'b> {
    version: i16,
    out: &'a mut Outgoing<'b>,
}

impl Sender<'_, '_> {
    fn send(&mut self, asked: &Asked<'_>, planned: &mut impl Iterator<Item = Planned>) -> io::Result<()> {
        match *asked {
            Asked::Topics(count) => self.out.count(count),
            Asked::Topic { name, partitions } => {
                self.out.string(name)?;
                self.out.count(partitions)
            }
            Asked::Partition { index, .. } => {
                let planned = planned.next().ok_or_else(|| malformed("a list that has changed"))?;
                self.partition(index, &planned)
            }
        }
    }

    fn partition(&mut self, index: i32, planned: &Planned) -> io::Result<()> {
        self.out.i32(index)?;
        self.out.i16(planned.error)?;
        // The high watermark, and the last stable offset, which is the same without transactions.
        self.out.i64(planned.end)?;
        self.out.i64(planned.end)?;
        if self.version >= LOG_START_SINCE {
            self.out.i64(planned.start)?;
        }
        self.out.i32(NO_ABORTED)?;
        if self.version >= RACK_SINCE {
            self.out.i32(NO_REPLICA)?;
        }
        match &planned.run {
            Some(run) => self.run(run),
            None => self.out.count(0),
        }
    }

    fn run(&mut self, run: &Run) -> io::Result<()> {
        self.out.count(run.bytes)?;
        let (mut position, mut left) = (run.position, run.bytes);
        while left > 0 {
            let piece = self.out.put_piece(&run.file, position, left)?;
            position += piece as u64;
            left -= piece;
        }
        Ok(())
    }
}
