//! Interest in partitions, like epoll.
//!
//! A [`ReadySet`] belongs to one waiter: a fetch session, or one long poll. Each partition it watches holds an `Interest`.
//! A change of the partition marks the interest and wakes the waiter once, however many changes follow before the
//! waiter looks. Nothing polls, and no partition has a timer.
//!
//! ```text
//! let interests = partitions.map(|p| p.register(&set, token));   // every new interest is marked
//! loop { for token in set.take() { read it }; if enough { break }; set.wait().await }
//! ```

use parking_lot::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::Notify;

/// What the waiter calls a partition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Token(pub u32);

/// The partitions that changed since the waiter looked.
#[derive(Default)]
pub struct ReadySet {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    marked: Mutex<Vec<Arc<Mark>>>,
    wake: Notify,
}

/// One registration, shared by the set and the partition.
pub(super) struct Mark {
    token: Token,
    set: Weak<Inner>,
    /// Whether the set holds this mark already.
    raised: AtomicBool,
    /// Whether the interest was dropped.
    gone: AtomicBool,
}

impl ReadySet {
    /// A set that watches nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tokens marked since the last call, each once, in the order of marking. Look at the partitions after this
    /// call, not before: a change in between marks again.
    pub fn take(&self) -> Vec<Token> {
        let marked = std::mem::take(&mut *self.inner.marked.lock());
        let mut tokens = Vec::with_capacity(marked.len());
        for mark in marked {
            mark.raised.store(false, Ordering::SeqCst);
            if !mark.gone.load(Ordering::SeqCst) {
                tokens.push(mark.token);
            }
        }
        tokens
    }

    /// Returns when something is marked; at once when something is.
    pub async fn wait(&self) {
        loop {
            let woken = self.inner.wake.notified();
            if !self.inner.marked.lock().is_empty() {
                return;
            }
            woken.await;
        }
    }

    pub(super) fn mark(&self, token: Token) -> Arc<Mark> {
        Arc::new(Mark {
            token,
            set: Arc::downgrade(&self.inner),
            raised: AtomicBool::new(false),
            gone: AtomicBool::new(false),
        })
    }
}

impl Mark {
    /// Tells the waiter, unless it has been told.
    pub(super) fn raise(self: &Arc<Self>) {
        if self.raised.swap(true, Ordering::SeqCst) {
            return;
        }
        let Some(set) = self.set.upgrade() else { return };
        set.marked.lock().push(self.clone());
        set.wake.notify_one();
    }

    pub(super) fn forget(&self) {
        self.gone.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
#[path = "ready_tests.rs"]
mod tests;
