//! Every interleaving of those who commit, write segments, read and make checkpoints, in a model of their steps:
//! readers never meet a gap, and nothing leaves memory before segments have it.
//!
//! The model has the code's order of operations and its primitives, as loom's; functions bear the code's names. Each
//! batch is one record, and a commit and a chunk of its own; the first one fills its segment. What a segment holds is
//! memory that is not atomic: loom reports a read that is not ordered after the write. The ring may keep nothing: a
//! chunk leaves as soon as it may. Loom takes `SeqCst` for `AcqRel`, which allows more than the code does. Sleeps have
//! no timeout, so that a lost wake-up is a deadlock, which loom reports too.
//!
//! A model that finds nothing may be blind: each [`Fault`] is a wrong order that it must find.

use Fault::*;
use Mode::*;
use loom::cell::Cell;
use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use loom::sync::{Condvar, Mutex, MutexGuard, RwLock};
use loom::thread;
use std::cell::RefCell;
use std::collections::VecDeque;
// Loom's threads take turns on one of the system's, and counts of references order nothing here.
use std::rc::Rc;

/// Threads are interrupted where they could go on at most this often, so that all tests together take seconds; in the
/// models of one batch as often as there are ways to. `LOOM_MAX_PREEMPTIONS` takes its place.
const PREEMPTIONS_MAX: usize = 3;

const SEGMENT_BATCHES_MAX: usize = 2;

/// What is done in a wrong order. Done: the commit that the writer says it is done with. Written: a log's offset up to
/// which segments hold it. End: up to where a segment may be read.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Fault {
    #[default]
    Nothing,
    TrimsWithoutWaiting,
    DoneBeforeWriting,
    WrittenBeforeWriting,
    /// Who waits for the written offset sleeps on.
    DoneBeforeWritten,
    EndBeforeBytes,
    /// The end moves without `Release`.
    EndRelaxed,
    /// `fsync`: slices get into the tail after the ring has dropped them, and stay.
    PublishesAfterTrim,
    /// `os`: the same.
    DoneBeforePublishing,
    SegmentsBeforeMemory,
    /// A log is marked for the checkpoint when its batch is in the write-ahead log.
    MarksAfterLogging,
    /// A checkpoint takes what is marked, and notes then which chunk comes next.
    NotesChunkAfterTaking,
    UnmarksAfterCapture,
}

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Mode {
    #[default]
    Fsync,
    Os,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().expect("no thread panicked")
}

/// The bytes of the batch at an offset; 0 is what was never written.
fn batch(offset: u64) -> u64 {
    offset + 1
}

#[derive(Default)]
struct Segment {
    base: u64,
    batches: [Cell<u64>; SEGMENT_BATCHES_MAX],
    written: AtomicU64,
}

impl Segment {
    fn written_end(&self) -> u64 {
        self.written.load(Ordering::Acquire)
    }

    fn write_run(&self, run: &[Entry], fault: Fault) {
        let end = self.written_end() + run.len() as u64;
        let ordering = if fault == EndRelaxed { Ordering::Relaxed } else { Ordering::Release };
        if fault == EndBeforeBytes {
            self.written.swap(end, ordering);
        }
        for entry in run {
            self.batches[(entry.offset - self.base) as usize].set(entry.batch);
        }
        self.written.swap(end, ordering);
    }
}

/// A batch on its way, and in the tail.
#[derive(Clone)]
struct Entry {
    log: usize,
    offset: u64,
    batch: u64,
    segment: Rc<Segment>,
}

#[derive(Default)]
struct State {
    end: u64,
    durable: u64,
    /// The segment that the next batch is placed in, unless it begins one.
    active: Rc<Segment>,
    tail: VecDeque<Entry>,
}

/// `StoredLog` and its `Log`.
#[derive(Default)]
struct Log {
    state: Mutex<State>,
    written: AtomicU64,
    dirty: AtomicBool,
    segments: RwLock<Rc<Vec<Rc<Segment>>>>,
}

impl Log {
    fn publish(&self, slices: &[Entry]) {
        let mut state = lock(&self.state);
        state.durable = slices.last().expect("a group has a batch").offset + 1;
        state.tail.extend(slices.iter().cloned());
    }

    fn forget_tail(&self, upto: u64) {
        let mut state = lock(&self.state);
        while state.tail.pop_front_if(|entry| entry.offset < upto).is_some() {}
    }

    fn segments(&self) -> Rc<Vec<Rc<Segment>>> {
        self.segments.read().expect("no thread panicked").clone()
    }

    fn write(&self, entries: &[Entry], fault: Fault) {
        for run in entries.chunk_by(|one, next| one.segment.base == next.segment.base) {
            let segment = &run[0].segment;
            if self.segments().last().is_none_or(|active| active.base != segment.base) {
                let mut segments = self.segments.write().expect("no thread panicked");
                *segments = Rc::new(segments.iter().chain([segment]).cloned().collect());
            }
            segment.write_run(run, fault);
        }
    }

    /// What the tail has from `from` on; none when it begins after that.
    fn lookup(&self, from: u64, below: u64) -> Option<Vec<u64>> {
        let state = lock(&self.state);
        state.tail.front().filter(|first| first.offset <= from)?;
        let wanted = state.tail.iter().filter(|entry| (from..below).contains(&entry.offset));
        Some(wanted.map(|entry| entry.batch).collect())
    }

    /// What segments have from `from` on.
    fn plan(&self, from: u64, below: u64) -> Vec<u64> {
        let mut found = Vec::new();
        for segment in self.segments().iter().filter(|segment| segment.base < below) {
            let end = below.min(segment.base + segment.written_end());
            found.extend((segment.base.max(from)..end).map(|at| segment.batches[(at - segment.base) as usize].get()));
        }
        found
    }

    /// Finds every batch in order, each the one that was appended.
    fn read(&self, below: u64, find: impl Fn(u64) -> Vec<u64>) {
        let mut next = 0;
        while next < below {
            let found = find(next);
            assert!(!found.is_empty(), "a gap at {next}, below {below}");
            for bytes in found {
                assert_eq!(bytes, batch(next), "what is at {next}");
                next += 1;
            }
        }
    }
}

struct Chunk {
    commit: u64,
    /// Who has a slice here, and up to which offset.
    holder: (usize, u64),
}

#[derive(Default)]
struct Handover {
    commits: VecDeque<(u64, Entry)>,
    written: u64,
}

#[derive(Default)]
struct Store {
    mode: Mode,
    fault: Fault,
    /// Of each commit, the log.
    script: Vec<usize>,
    logs: [Log; 2],
    handover: Mutex<Handover>,
    wake: Condvar,
    moved: Condvar,
    /// Chunk n of the write-ahead log, from 0, is commit n + 1.
    next_sequence: AtomicU64,
    dirty: Mutex<Vec<usize>>,
    /// The checkpoint: recovery offsets.
    kept: RefCell<[u64; 2]>,
}

impl Store {
    fn append(&self, log: usize) -> Entry {
        let mut state = lock(&self.logs[log].state);
        let offset = state.end;
        state.end += 1;
        if offset == 1 {
            state.active = Rc::new(Segment { base: offset, ..Segment::default() });
        }
        Entry { log, offset, batch: batch(offset), segment: state.active.clone() }
    }

    /// The commit thread: first what was appended before, then what is appended to `meanwhile`.
    fn commit_all(&self, queued: Vec<Entry>, meanwhile: &[usize]) -> VecDeque<Chunk> {
        let mut ring = VecDeque::new();
        let entries = queued.into_iter().chain(meanwhile.iter().map(|log| self.append(*log)));
        (1..).zip(entries).for_each(|(commit, entry)| self.commit(commit, entry, &mut ring));
        ring
    }

    fn commit(&self, commit: u64, entry: Entry, ring: &mut VecDeque<Chunk>) {
        ring.push_back(Chunk { commit, holder: (entry.log, entry.offset + 1) });
        if self.fault != MarksAfterLogging {
            self.mark_dirty(entry.log);
        }
        if self.mode == Fsync {
            self.next_sequence.store(commit, Ordering::SeqCst);
        }
        if self.fault == MarksAfterLogging {
            self.mark_dirty(entry.log);
        }
        if self.mode == Fsync && self.fault != PublishesAfterTrim {
            self.logs[entry.log].publish(std::slice::from_ref(&entry));
        }
        lock(&self.handover).commits.push_back((commit, entry.clone()));
        self.wake.notify_one();
        self.trim(ring);
        if self.fault == PublishesAfterTrim {
            self.logs[entry.log].publish(&[entry]);
        }
    }

    fn trim(&self, ring: &mut VecDeque<Chunk>) {
        let written = lock(&self.handover).written;
        let may_go = |chunk: &mut Chunk| chunk.commit <= written || self.fault == TrimsWithoutWaiting;
        while let Some(Chunk { holder: (log, reached), .. }) = ring.pop_front_if(may_go) {
            self.logs[log].forget_tail(reached);
        }
    }

    fn mark_dirty(&self, log: usize) {
        if !self.logs[log].dirty.swap(true, Ordering::SeqCst) {
            lock(&self.dirty).push(log);
        }
    }

    fn take(&self) -> VecDeque<(u64, Entry)> {
        let mut handover = lock(&self.handover);
        while handover.commits.is_empty() {
            handover = self.wake.wait(handover).expect("no thread panicked");
        }
        std::mem::take(&mut handover.commits)
    }

    /// A step of the writer; says which commit it came to.
    fn write(&self, commits: VecDeque<(u64, Entry)>) -> u64 {
        let upto = commits.back().expect("something was taken").0;
        if self.fault == DoneBeforeWriting {
            self.done(upto);
        }
        let mut entries: Vec<Entry> = commits.into_iter().map(|(_, entry)| entry).collect();
        entries.sort_by_key(|entry| entry.log);
        for group in entries.chunk_by(|one, next| one.log == next.log) {
            let (log, end) = (&self.logs[group[0].log], group[group.len() - 1].offset + 1);
            if self.fault == WrittenBeforeWriting {
                log.written.store(end, Ordering::SeqCst);
            }
            log.write(group, self.fault);
            if matches!(self.fault, DoneBeforeWritten | DoneBeforePublishing) {
                self.done(upto);
            }
            log.written.store(end, Ordering::SeqCst);
            if self.mode == Os {
                log.publish(group);
            }
        }
        self.done(upto);
        upto
    }

    fn done(&self, commit: u64) {
        lock(&self.handover).written = commit;
        self.moved.notify_all();
    }
}

/// Fetches, from the start until all is read that is durable.
fn reads(store: &Store) {
    let log = &store.logs[0];
    let below = lock(&log.state).durable;
    log.read(below, |from| log.lookup(from, below).unwrap_or_else(|| log.plan(from, below)));
}

/// `StoredLog::size_bytes` and `unwritten`: what may be in memory alone, then what segments hold.
fn takes_stock(store: &Store) {
    let log = &store.logs[0];
    let held = || log.segments().iter().map(|segment| segment.written_end()).sum::<u64>();
    let early = (store.fault == SegmentsBeforeMemory).then(held);
    let (durable, unwritten) = {
        let state = lock(&log.state);
        let written = log.written.load(Ordering::SeqCst);
        let unwritten: Vec<u64> = state.tail.iter().map(|entry| entry.offset).filter(|at| *at >= written).collect();
        (state.durable, unwritten)
    };
    let held = early.unwrap_or_else(held);
    let missed = (held..durable).find(|offset| !unwritten.contains(offset));
    assert_eq!(missed, None, "missed: segments hold {held}, memory {unwritten:?}, durable is {durable}");
}

/// A checkpoint finds in segments all that it captured, and keeps what is in the chunks that it frees.
fn checkpoints(store: &Store) {
    let note = || store.next_sequence.load(Ordering::SeqCst);
    let early = (store.fault != NotesChunkAfterTaking).then(note);
    let dirty = std::mem::take(&mut *lock(&store.dirty));
    let unmark = || dirty.iter().for_each(|log| store.logs[*log].dirty.store(false, Ordering::SeqCst));
    if store.fault != UnmarksAfterCapture {
        unmark();
    }
    let live_from = early.unwrap_or_else(note);
    let captured: Vec<(usize, u64)> = dirty.iter().map(|log| (*log, lock(&store.logs[*log].state).end)).collect();
    if store.fault == UnmarksAfterCapture {
        unmark();
    }
    await_written(store, &captured);
    let mut kept = store.kept.borrow_mut();
    for (number, end) in captured {
        let log = &store.logs[number];
        log.read(end, |from| log.plan(from, end));
        kept[number] = end;
    }
    for (number, kept) in kept.iter().enumerate() {
        let freed = store.script[..live_from as usize].iter().filter(|log| **log == number).count() as u64;
        assert!(freed <= *kept, "freed before they are kept: {freed} batches, the recovery offset is {kept}");
    }
}

/// `Checkpointer::step` until it does not wait any more, as `threads::run` has it.
fn await_written(store: &Store, captured: &[(usize, u64)]) {
    loop {
        let seen = lock(&store.handover).written;
        if captured.iter().all(|(log, end)| store.logs[*log].written.load(Ordering::SeqCst) >= *end) {
            return;
        }
        let mut handover = lock(&store.handover);
        while handover.written == seen {
            handover = store.moved.wait(handover).expect("no thread panicked");
        }
    }
}

/// The logs that get a batch each, in order: before anybody moves, and by the commit thread.
type Script = (&'static [usize], &'static [usize]);
const ONE: Script = (&[0], &[]);
const TWO: Script = (&[0, 0], &[]);
const THREE: Script = (&[0, 0, 0], &[]);
const ONE_THEN_ONE: Script = (&[0], &[0]);
const ONE_EACH: Script = (&[0], &[1]);

/// This thread looks while the others commit and write, and again when they have ended.
fn explore(mode: Mode, fault: Fault, (before, meanwhile): Script, look: fn(&Store)) {
    let mut builder = loom::model::Builder::new();
    if before.len() + meanwhile.len() > 1 {
        builder.preemption_bound = builder.preemption_bound.or(Some(PREEMPTIONS_MAX));
    }
    builder.check(move || {
        let script = [before, meanwhile].concat();
        let store = Rc::new(Store { mode, fault, script, ..Store::default() });
        let queued = before.iter().map(|log| store.append(*log)).collect();
        let (committing, writing) = (store.clone(), store.clone());
        let committer = thread::spawn(move || committing.commit_all(queued, meanwhile));
        let writer = thread::spawn(move || while writing.write(writing.take()) < writing.script.len() as u64 {});
        look(&store);
        let mut ring = committer.join().expect("commits");
        writer.join().expect("writes");
        store.trim(&mut ring);
        for log in &store.logs {
            let state = lock(&log.state);
            assert_eq!((state.durable, state.tail.len()), (state.end, 0), "durable, and left in memory");
        }
        look(&store);
    });
}

#[test]
fn reads_find_everything() {
    for mode in [Fsync, Os] {
        explore(mode, Nothing, ONE, reads);
        explore(mode, Nothing, THREE, reads);
    }
}

#[test]
fn a_stocktaking_misses_nothing() {
    for mode in [Fsync, Os] {
        explore(mode, Nothing, ONE, takes_stock);
        explore(mode, Nothing, TWO, takes_stock);
    }
}

#[test]
fn a_checkpoint_keeps_what_it_frees() {
    for mode in [Fsync, Os] {
        explore(mode, Nothing, ONE_THEN_ONE, checkpoints);
        explore(mode, Nothing, ONE_EACH, checkpoints);
    }
}

/// One test for each fault: that it is found, by its message.
macro_rules! finds {
    ($($name:ident: $message:literal in $model:expr;)*) => {
        $(#[test] #[should_panic(expected = $message)] fn $name() { $model })*
    };
}

finds! {
    trims_without_waiting: "a gap at 0" in explore(Fsync, TrimsWithoutWaiting, ONE, reads);
    done_before_writing: "a gap at 0" in explore(Fsync, DoneBeforeWriting, ONE, reads);
    written_before_writing: "missed" in explore(Fsync, WrittenBeforeWriting, ONE, takes_stock);
    written_before_writing_and_kept: "a gap at 0" in explore(Fsync, WrittenBeforeWriting, ONE, checkpoints);
    done_before_written: "deadlock" in explore(Fsync, DoneBeforeWritten, ONE, checkpoints);
    end_before_bytes: "Causality violation" in explore(Fsync, EndBeforeBytes, TWO, reads);
    end_relaxed: "Causality violation" in explore(Fsync, EndRelaxed, TWO, reads);
    publishes_after_trim: "left in memory" in explore(Fsync, PublishesAfterTrim, ONE, reads);
    done_before_publishing: "left in memory" in explore(Os, DoneBeforePublishing, ONE, reads);
    segments_before_memory: "missed" in explore(Fsync, SegmentsBeforeMemory, ONE, takes_stock);
    marks_after_logging: "freed before" in explore(Fsync, MarksAfterLogging, ONE_EACH, checkpoints);
    notes_chunk_after_taking: "freed before" in explore(Fsync, NotesChunkAfterTaking, ONE_EACH, checkpoints);
    unmarks_after_capture: "freed before" in explore(Fsync, UnmarksAfterCapture, ONE_THEN_ONE, checkpoints);
}
