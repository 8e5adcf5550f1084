//! Room for what full fetches ask for, while they are answered.
//!
//! A full fetch that waits holds about half a kilobyte for each partition that it names, for as long as its client likes and
//! whether there are such partitions or not; its frame, which is smaller by far, is let go. So it takes a place first. When
//! there is none, those that wait answer with what there is until the next has come in.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Most weight of all full fetches that are being answered, in the units of [`super::sessions::WEIGHT_MAX`]: about 250 MB.
pub const PLACES: usize = 500_000;

/// The places.
pub struct Places {
    free: Arc<Semaphore>,
    waiting: watch::Sender<usize>,
}

/// What one fetch holds; given back when dropped.
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Default for Places {
    fn default() -> Self {
        Places { free: Arc::new(Semaphore::new(PLACES)), waiting: watch::Sender::new(0) }
    }
}

impl Places {
    /// Room for `weight`, in the order of arrival. What weighs more than there are places takes them all.
    pub async fn take(&self, weight: usize) -> Place {
        let count = u32::try_from(weight.min(PLACES)).unwrap_or(u32::MAX);
        if let Ok(permit) = Arc::clone(&self.free).try_acquire_many_owned(count) {
            return Place { _permit: permit };
        }
        let _waiting = Waiting::new(&self.waiting);
        let permit = Arc::clone(&self.free).acquire_many_owned(count).await.expect("the places are never closed");
        Place { _permit: permit }
    }

    /// Ends when somebody waits for a place.
    pub async fn needed(&self) {
        // The sender is here: there is no other end.
        let _ = self.waiting.subscribe().wait_for(|waiting| *waiting > 0).await;
    }
}

/// One who waits.
struct Waiting<'a>(&'a watch::Sender<usize>);

impl<'a> Waiting<'a> {
    fn new(count: &'a watch::Sender<usize>) -> Self {
        count.send_modify(|count| *count += 1);
        Waiting(count)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}
