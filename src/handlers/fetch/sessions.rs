//! The cache of fetch sessions (KIP-227): pure, no clock, no chance of its own.
//!
//! A session is taken out while a request works on it and put back afterwards ([`Sessions::put_back`]). A second request
//! that comes meanwhile can't have the right epoch as long as its client behaves; it is answered as one that has not.
//!
//! When the cache is full, a new session takes the place of one that has not been used for [`IDLE`], or of one that is
//! older than that and smaller than the new one; else the client is served without a session (id 0), which every client
//! understands (FE-9, FE-10).

use std::collections::HashMap;
use std::time::Duration;

/// Unused for this long, a session may make room for any other; this old, for a larger one. Kafka's own figure.
pub const IDLE: Duration = Duration::from_secs(120);

/// The epoch that opens a session.
pub const EPOCH_OPEN: i32 = 0;

/// The epoch that closes a session, or does without one.
pub const EPOCH_NONE: i32 = -1;

/// "No session."
pub const SESSION_NONE: i32 = 0;

/// Why a request can't go on with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// There is no such session; it may have made room for another.
    #[error("no fetch session {0}")]
    NotFound(i32),
    /// The epoch is not the one that comes next.
    #[error("fetch session {id} expects epoch {expected:?}, not {got}")]
    Epoch {
        /// The session.
        id: i32,
        /// The epoch that comes next; none while another request of the session is being answered.
        expected: Option<i32>,
        /// The epoch that came.
        got: i32,
    },
    /// The session names topics by id and the request by name, or the other way round.
    #[error("fetch session {0} and the request name topics in different ways")]
    TopicIds(i32),
}

struct Slot<T> {
    /// The epoch that the next request must have.
    epoch: i32,
    topic_ids: bool,
    partitions: usize,
    created: Duration,
    used: Duration,
    /// None while a request works on it.
    content: Option<T>,
}

/// The sessions, each with some content.
pub struct Sessions<T> {
    slots: HashMap<i32, Slot<T>>,
    slots_max: usize,
}

impl<T> Sessions<T> {
    /// An empty cache for `slots_max` sessions (`max.incremental.fetch.session.cache.slots`).
    pub fn new(slots_max: usize) -> Self {
        Sessions { slots: HashMap::new(), slots_max }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Opens a session for this many partitions; `random` is asked for ids until one is free. None when there is no room.
    /// The content is put in with [`Self::put_back`].
    pub fn open(
        &mut self,
        partitions: usize,
        topic_ids: bool,
        now: Duration,
        mut random: impl FnMut() -> i32,
    ) -> Option<i32> {
        if self.slots.len() >= self.slots_max && !self.make_room(partitions, now) {
            return None;
        }
        let id = loop {
            let id = random() & i32::MAX;
            if id != SESSION_NONE && !self.slots.contains_key(&id) {
                break id;
            }
        };
        let slot = Slot { epoch: 1, topic_ids, partitions, created: now, used: now, content: None };
        self.slots.insert(id, slot);
        Some(id)
    }

    fn make_room(&mut self, partitions: usize, now: Duration) -> bool {
        let idle = self.slots.iter().min_by_key(|(_, slot)| slot.used);
        let smallest = self
            .slots
            .iter()
            .filter(|(_, slot)| slot.created + IDLE <= now && slot.partitions < partitions)
            .min_by_key(|(_, slot)| slot.partitions);
        let victim = match (idle, smallest) {
            (Some((&id, slot)), _) if slot.used + IDLE <= now => id,
            (_, Some((&id, _))) => id,
            (_, None) => return false,
        };
        self.slots.remove(&victim);
        true
    }

    /// Takes a session's content out for the request with this epoch, and counts the epoch on.
    pub fn take(&mut self, id: i32, epoch: i32, topic_ids: bool, now: Duration) -> Result<T, SessionError> {
        let slot = self.slots.get_mut(&id).ok_or(SessionError::NotFound(id))?;
        if slot.epoch != epoch || slot.content.is_none() {
            let expected = slot.content.as_ref().map(|_| slot.epoch);
            return Err(SessionError::Epoch { id, expected, got: epoch });
        }
        if slot.topic_ids != topic_ids {
            return Err(SessionError::TopicIds(id));
        }
        slot.epoch = after(slot.epoch);
        slot.used = now;
        slot.content.take().ok_or(SessionError::NotFound(id))
    }

    /// Puts content into a session that is being worked on. Nothing happens when the session is gone meanwhile.
    pub fn put_back(&mut self, id: i32, content: T, partitions: usize, now: Duration) {
        if let Some(slot) = self.slots.get_mut(&id) {
            slot.content = Some(content);
            slot.partitions = partitions;
            slot.used = now;
        }
    }

    /// Ends a session.
    pub fn close(&mut self, id: i32) {
        self.slots.remove(&id);
    }
}

/// The epoch after `epoch`: past the largest comes 1, since 0 opens a session.
fn after(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
