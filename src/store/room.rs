//! Room in the commit queue, taken before a batch gets an offset.
//!
//! The queue is bounded by bytes. Who waits for room is served in the order of asking, so that a large request is not
//! starved by small ones. Waiting is a plain [`Future`]: whoever drives it brings the runtime.

use parking_lot::Mutex;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

/// The store takes no more batches: it failed, or it is being shut down.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store takes no more batches")]
pub struct Closed;

/// The bytes that may stand in the commit queue.
pub(crate) struct Budget {
    capacity: u64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    used: u64,
    closed: bool,
    /// Nobody gets room for now.
    held: bool,
    waiting: VecDeque<Waiting>,
    next_number: u64,
    /// Numbers of waiters that were given room and have not fetched it yet.
    granted: Vec<u64>,
}

struct Waiting {
    number: u64,
    bytes: u64,
    waker: Waker,
}

impl Budget {
    pub(crate) fn new(capacity: u64) -> Arc<Self> {
        Arc::new(Budget { capacity: capacity.max(1), state: Mutex::new(State::default()) })
    }

    /// Room for `bytes`, as soon as all who asked before have theirs. More than the whole capacity counts as the whole
    /// capacity: such a request goes alone.
    pub(crate) fn reserve(self: &Arc<Self>, bytes: u64) -> Reserve {
        Reserve { budget: self.clone(), bytes: bytes.min(self.capacity), number: None, done: false }
    }

    /// Room at once, or a panic.
    #[cfg(test)]
    pub(crate) fn room_for_tests(self: &Arc<Self>, bytes: u64) -> Room {
        let mut reserve = self.reserve(bytes);
        match Pin::new(&mut reserve).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(room)) => room,
            Poll::Ready(Err(Closed)) | Poll::Pending => panic!("no room for {bytes} bytes"),
        }
    }

    /// Whether nobody gets room for now.
    #[cfg(test)]
    pub(crate) fn is_held(&self) -> bool {
        self.state.lock().held
    }

    /// Bytes taken now.
    pub(crate) fn used(&self) -> u64 {
        self.state.lock().used
    }

    /// While it is held nobody gets room; those who ask wait.
    pub(crate) fn hold(&self, held: bool) {
        let mut woken = Vec::new();
        {
            let mut state = self.state.lock();
            state.held = held;
            self.grant(&mut state, &mut woken);
        }
        for waker in woken {
            waker.wake();
        }
    }

    /// Nobody gets room any more; those who wait are told.
    pub(crate) fn close(&self) {
        let waiting = {
            let mut state = self.state.lock();
            state.closed = true;
            std::mem::take(&mut state.waiting)
        };
        for waiter in waiting {
            waiter.waker.wake();
        }
    }

    fn release(&self, bytes: u64) {
        let mut woken = Vec::new();
        {
            let mut state = self.state.lock();
            assert!(state.used >= bytes, "room given back twice: {bytes} of {} bytes", state.used);
            state.used -= bytes;
            self.grant(&mut state, &mut woken);
        }
        for waker in woken {
            waker.wake();
        }
    }

    fn grant(&self, state: &mut State, woken: &mut Vec<Waker>) {
        while let Some(first) = state.waiting.front() {
            if state.held || state.used + first.bytes > self.capacity {
                return;
            }
            if let Some(first) = state.waiting.pop_front() {
                state.used += first.bytes;
                state.granted.push(first.number);
                woken.push(first.waker);
            }
        }
    }
}

/// Waits for room; resolves to [`Room`], or to [`Closed`] when the store takes no more batches.
pub struct Reserve {
    budget: Arc<Budget>,
    bytes: u64,
    number: Option<u64>,
    done: bool,
}

impl Future for Reserve {
    type Output = Result<Room, Closed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut state = this.budget.state.lock();
        let granted = match this.number {
            Some(number) => match state.granted.iter().position(|&granted| granted == number) {
                Some(at) => {
                    state.granted.swap_remove(at);
                    true
                }
                None => false,
            },
            None if state.closed => false,
            None if !state.held && state.waiting.is_empty() && state.used + this.bytes <= this.budget.capacity => {
                state.used += this.bytes;
                true
            }
            None => false,
        };
        if granted {
            this.done = true;
            let room = Room { budget: this.budget.clone(), bytes: this.bytes };
            return Poll::Ready(Ok(room));
        }
        if state.closed {
            this.done = true;
            return Poll::Ready(Err(Closed));
        }
        match this.number {
            Some(number) => {
                if let Some(mine) = state.waiting.iter_mut().find(|waiting| waiting.number == number) {
                    mine.waker.clone_from(context.waker());
                }
            }
            None => {
                let number = state.next_number;
                state.next_number += 1;
                this.number = Some(number);
                state.waiting.push_back(Waiting { number, bytes: this.bytes, waker: context.waker().clone() });
            }
        }
        Poll::Pending
    }
}

impl Drop for Reserve {
    fn drop(&mut self) {
        let Some(number) = self.number.filter(|_| !self.done) else { return };
        let mut woken = Vec::new();
        {
            let mut state = self.budget.state.lock();
            if let Some(at) = state.granted.iter().position(|&granted| granted == number) {
                state.granted.swap_remove(at);
                state.used -= self.bytes;
            } else {
                state.waiting.retain(|waiting| waiting.number != number);
            }
            // Whoever stood behind this one may fit now.
            self.budget.grant(&mut state, &mut woken);
        }
        for waker in woken {
            waker.wake();
        }
    }
}

/// Room for some bytes in the commit queue; given back when dropped.
pub struct Room {
    budget: Arc<Budget>,
    bytes: u64,
}

impl Room {
    /// Bytes left.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Parts off room for a batch of `bytes`. What was not reserved is taken without waiting: that happens only to a
    /// request larger than the whole queue, which holds all of it already.
    pub(crate) fn take(&mut self, bytes: u64) -> Room {
        let from_here = bytes.min(self.bytes);
        self.bytes -= from_here;
        if from_here < bytes {
            self.budget.state.lock().used += bytes - from_here;
        }
        Room { budget: self.budget.clone(), bytes }
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.release(self.bytes);
        }
    }
}

#[cfg(test)]
#[path = "room_tests.rs"]
mod tests;
