//! Whether a peer takes the answers that hold memory of the common budget.

use super::limits::{ANSWER_PROGRESS_BYTES, ANSWER_PROGRESS_SPAN, ANSWER_PROGRESS_SPAN_SHORT};
use crate::handlers::answer_memory::{AnswerMemory, Held};
use crate::handlers::call::{Close, CloseReason};
use std::sync::Arc;
use tokio::time::Instant;

/// One connection's share of the budget, and its progress while it has one.
pub struct Taking {
    memory: Arc<AnswerMemory>,
    held: Held,
    progress: Option<Progress>,
}

struct Progress {
    /// The span began.
    at: Instant,
    /// What was sent until then.
    sent_bytes: u64,
    /// When to look next.
    check: Instant,
}

impl Taking {
    /// Nothing is held yet.
    pub fn new(memory: &Arc<AnswerMemory>) -> Taking {
        Taking { memory: Arc::clone(memory), held: memory.share(), progress: None }
    }

    /// The unsent answers hold `bytes` in memory, and `sent_bytes` were sent so far.
    pub fn holds(&mut self, bytes: u64, sent_bytes: u64) {
        self.held.set(bytes);
        if !self.held.is_counted() {
            self.progress = None;
        } else if self.progress.is_none() {
            self.progress = Some(Progress::new(Instant::now(), sent_bytes));
        }
    }

    /// Whether the connection must get rid of answers before it starts another request.
    pub fn holds_back(&self) -> bool {
        self.held.is_counted() && self.memory.is_short()
    }

    /// When to call [`Self::overdue`] next.
    pub fn deadline(&self) -> Option<Instant> {
        self.progress.as_ref().map(|progress| progress.check)
    }

    /// Whether the peer takes too little, at `now`. `queued`: something is with the socket, so that it is the peer's turn;
    /// answers that wait for earlier ones are given up only while others need the memory.
    pub fn overdue(&mut self, now: Instant, sent_bytes: u64, queued: bool) -> Option<Close> {
        let progress = self.progress.as_mut().filter(|progress| progress.check <= now)?;
        let short = self.memory.is_short();
        if sent_bytes - progress.sent_bytes >= ANSWER_PROGRESS_BYTES || !(queued || short) {
            *progress = Progress::new(now, sent_bytes);
            return None;
        }
        let span = if short { ANSWER_PROGRESS_SPAN_SHORT } else { ANSWER_PROGRESS_SPAN };
        if now < progress.at + span {
            progress.check = now + ANSWER_PROGRESS_SPAN_SHORT;
            return None;
        }
        let detail = format!("{} bytes of answers were taken in {span:?}", sent_bytes - progress.sent_bytes);
        Some(Close::new(CloseReason::AnswerTooSlow, detail))
    }
}

impl Progress {
    fn new(now: Instant, sent_bytes: u64) -> Progress {
        Progress { at: now, sent_bytes, check: now + ANSWER_PROGRESS_SPAN_SHORT }
    }
}

#[cfg(test)]
#[path = "taking_tests.rs"]
mod tests;
