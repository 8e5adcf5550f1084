//! The memory of request frames: one budget for all connections, taken as bytes arrive.
//!
//! ```text
//!   |-- small: 1/8 --|------------- general: the rest -------------|-- lane: one frame of the largest size --|
//!    frames up to      frames of any size, step by step              one frame at a time that general has no
//!    64 KiB                                                          room for: it can always finish
//! ```
//!
//! - A frame of up to 64 KiB takes from *small*, then from *general*, and waits for *small*: large frames never crowd it out.
//! - A larger frame takes its first 64 KiB from *general* and, while it grows, a small multiple of what has arrived: four
//!   times while more than half of *general* is free, then twice. When *general* has no more, it queues for the *lane*, whose holder may take its
//!   full length. Frames above what the lane can hold are refused, so the holder can finish, and a deadline (see
//!   [`super::frame`]) says that it does.
//! - A frame that holds nothing waits for its share; one that holds a part waits for the lane, whatever its size. The
//!   lane moves on, so no set of half-read frames can block one another for ever.
//!
//! A [`Charge`] gives its memory back when dropped; it travels with the frame's bytes.

use super::limits::SMALL_FRAME_BYTES;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The budget counts in units of so many bytes.
const UNIT: usize = 1024;

/// See [`Memory::growth`].
const GROWTH_ROOMY: usize = 4;
const GROWTH_TIGHT: usize = 2;

/// The least budget that is useful; a smaller setting is raised to it.
const BUDGET_BYTES_MIN: usize = 2 * 1024 * 1024;

/// The budget.
pub struct Memory {
    small: Arc<Semaphore>,
    general: Arc<Semaphore>,
    lane: Arc<Semaphore>,
    lane_bytes: usize,
    budget_bytes: usize,
    lane_used: AtomicUsize,
    waiting: AtomicUsize,
    shares: (usize, usize),
}

/// Memory that a frame holds.
pub struct Charge {
    /// Dropped before the permit, which lets the lane's next holder in.
    lane: Option<Lane>,
    permit: OwnedSemaphorePermit,
    bytes: usize,
}

struct Lane(Arc<Memory>);

impl Drop for Lane {
    fn drop(&mut self) {
        self.0.lane_used.store(0, Ordering::Relaxed);
    }
}

/// A charge that is being waited for.
pub type Waiting = Pin<Box<dyn Future<Output = Charge> + Send>>;

/// The answer to a request for memory.
pub enum Reserve {
    /// Granted.
    Now(Charge),
    /// Granted when others have given back.
    Later(Waiting),
}

impl Memory {
    /// A budget of `budget_bytes` for frames of up to `frame_bytes_max`.
    pub fn new(budget_bytes: usize, frame_bytes_max: usize) -> Arc<Memory> {
        let budget_bytes = budget_bytes.max(BUDGET_BYTES_MIN);
        let lane_bytes = frame_bytes_max.min(budget_bytes / 8 * 5);
        let small = budget_bytes / 8;
        let general = budget_bytes - small - lane_bytes;
        Arc::new(Memory {
            small: Arc::new(Semaphore::new(small / UNIT)),
            general: Arc::new(Semaphore::new(general / UNIT)),
            lane: Arc::new(Semaphore::new(1)),
            lane_bytes,
            budget_bytes,
            lane_used: AtomicUsize::new(0),
            waiting: AtomicUsize::new(0),
            shares: (small / UNIT, general / UNIT),
        })
    }

    /// The largest frame that can be read: the limit asked for, or what the budget's lane holds if that is less.
    pub fn frame_bytes_max(&self) -> usize {
        self.lane_bytes
    }

    /// The budget, bytes.
    pub fn budget_bytes(&self) -> usize {
        self.budget_bytes
    }

    /// Bytes charged now.
    pub fn used_bytes(&self) -> usize {
        let free = self.small.available_permits() + self.general.available_permits();
        (self.shares.0 + self.shares.1).saturating_sub(free) * UNIT + self.lane_used.load(Ordering::Relaxed)
    }

    /// How many times what it holds a frame may take next: twice, and more while most of the budget is free, which saves
    /// copies. Always after so many bytes have come.
    pub fn growth(&self) -> usize {
        let roomy = self.general.available_permits() > self.shares.1 / 2;
        if roomy { GROWTH_ROOMY } else { GROWTH_TIGHT }
    }

    /// Whether anybody waits for memory: then slow frames are given less time.
    pub fn is_pressed(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Room for `bytes` in a frame of `frame_bytes` that holds nothing yet. `bytes` is at most [`SMALL_FRAME_BYTES`].
    pub fn first(self: &Arc<Self>, frame_bytes: usize, bytes: usize) -> Reserve {
        debug_assert!(bytes <= SMALL_FRAME_BYTES);
        if let Some(charge) = self.take(frame_bytes, bytes) {
            return Reserve::Now(charge);
        }
        let memory = Arc::clone(self);
        let share = Arc::clone(if frame_bytes <= SMALL_FRAME_BYTES { &self.small } else { &self.general });
        Reserve::Later(Box::pin(async move {
            let _counted = Counted::new(&memory);
            let permit = share.acquire_many_owned(units(bytes)).await.expect("the budget is never closed");
            Charge { permit, bytes, lane: None }
        }))
    }

    /// Room for `bytes` in all, in a frame of `frame_bytes` that holds a part of them already; the caller drops the old
    /// charge once it has moved its bytes.
    pub fn more(self: &Arc<Self>, frame_bytes: usize, bytes: usize) -> Reserve {
        debug_assert!(bytes <= frame_bytes && frame_bytes <= self.lane_bytes);
        if let Some(charge) = self.take(frame_bytes, bytes) {
            return Reserve::Now(charge);
        }
        let memory = Arc::clone(self);
        Reserve::Later(Box::pin(async move {
            let counted = Counted::new(&memory);
            let permit = Arc::clone(&memory.lane).acquire_owned().await.expect("the budget is never closed");
            drop(counted);
            if let Some(charge) = memory.take(frame_bytes, bytes) {
                return charge;
            }
            memory.lane_used.store(frame_bytes, Ordering::Relaxed);
            Charge { permit, bytes: frame_bytes, lane: Some(Lane(memory)) }
        }))
    }

    /// Room for `bytes` that is free now, from the shares that a frame of `frame_bytes` may use.
    fn take(&self, frame_bytes: usize, bytes: usize) -> Option<Charge> {
        let small = if frame_bytes <= SMALL_FRAME_BYTES { take(&self.small, bytes) } else { None };
        small.or_else(|| take(&self.general, bytes))
    }
}

impl Charge {
    /// How many bytes may be held under it.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether this is the lane's holder.
    pub fn in_lane(&self) -> bool {
        self.lane.is_some()
    }

    /// Gives back what is above `bytes`.
    pub fn shrink(&mut self, bytes: usize) {
        if self.lane.is_some() || bytes >= self.bytes {
            return;
        }
        self.bytes = bytes;
        let excess = self.permit.num_permits().saturating_sub(units(bytes) as usize);
        drop(self.permit.split(excess));
    }
}

/// One who waits.
struct Counted<'a>(&'a Memory);

impl<'a> Counted<'a> {
    fn new(memory: &'a Memory) -> Self {
        memory.waiting.fetch_add(1, Ordering::Relaxed);
        Counted(memory)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

fn take(share: &Arc<Semaphore>, bytes: usize) -> Option<Charge> {
    let permit = Arc::clone(share).try_acquire_many_owned(units(bytes)).ok()?;
    Some(Charge { permit, bytes, lane: None })
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX)
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;
