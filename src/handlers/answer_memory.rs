//! The memory of answers that their peers have not taken: one budget for all connections.
//!
//! What must hold:
//! - A connection counts what its unsent answers hold in memory above [`ANSWER_FREE_BYTES`]. Parts that are read from files
//!   while they are sent are not counted.
//! - Whoever makes an answer that may be long awaits [`AnswerMemory::room`] first, in the order of arrival. How long an answer
//!   becomes is known once it is made, so the budget may be passed by the answers that are being made at that moment:
//!   by one for each thread that makes long ones. Nothing is taken away from an answer that exists.
//! - Whoever waits here holds up nobody who asks for short answers. Room comes back because the server closes connections
//!   whose peers take too little while the budget [is short](AnswerMemory::is_short).

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use tokio::sync::{Notify, Semaphore};

/// Bytes of unsent answers that a connection may hold without being counted: what it may queue before it is not read.
pub const ANSWER_FREE_BYTES: u64 = 256 * 1024;

/// The budget.
pub struct AnswerMemory {
    budget_bytes: u64,
    used_bytes: AtomicU64,
    waiting: AtomicUsize,
    /// Held by the first of those who wait for room.
    turn: Semaphore,
    given_back: Notify,
}

/// What one connection holds of the budget; given back when dropped.
pub struct Held {
    memory: Arc<AnswerMemory>,
    bytes: u64,
}

impl AnswerMemory {
    /// A budget of `budget_bytes`, at least 1.
    pub fn new(budget_bytes: u64) -> Arc<AnswerMemory> {
        Arc::new(AnswerMemory {
            budget_bytes: budget_bytes.max(1),
            used_bytes: AtomicU64::new(0),
            waiting: AtomicUsize::new(0),
            turn: Semaphore::new(1),
            given_back: Notify::new(),
        })
    }

    /// Bytes counted now, over all connections.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes.load(Ordering::SeqCst)
    }

    /// Whether there is no room or somebody waits for it.
    pub fn is_short(&self) -> bool {
        !self.has_room() || self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Waits until a long answer may be made. Dropping the future gives the place in the queue to the next.
    pub async fn room(&self) {
        if !self.is_short() {
            return;
        }
        let _waiting = Waiting::new(&self.waiting);
        let _turn = self.turn.acquire().await.expect("the semaphore is never closed");
        while !self.has_room() {
            self.given_back.notified().await;
        }
    }

    /// The share of a new connection: nothing yet.
    pub fn share(self: &Arc<Self>) -> Held {
        Held { memory: Arc::clone(self), bytes: 0 }
    }

    fn has_room(&self) -> bool {
        self.used_bytes() < self.budget_bytes
    }
}

impl Held {
    /// The connection's unsent answers hold `bytes` in memory now.
    pub fn set(&mut self, bytes: u64) {
        let counted = bytes.saturating_sub(ANSWER_FREE_BYTES);
        if counted > self.bytes {
            self.memory.used_bytes.fetch_add(counted - self.bytes, Ordering::SeqCst);
        } else if counted < self.bytes {
            self.memory.used_bytes.fetch_sub(self.bytes - counted, Ordering::SeqCst);
            self.memory.given_back.notify_one();
        }
        self.bytes = counted;
    }

    /// Whether anything is counted.
    pub fn is_counted(&self) -> bool {
        self.bytes > 0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.set(0);
    }
}

/// One who waits.
struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
#[path = "answer_memory_tests.rs"]
mod tests;
