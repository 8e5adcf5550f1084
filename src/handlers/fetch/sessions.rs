//! The cache of fetch sessions (KIP-227): pure, no clock, no chance of its own.
//!
//! A session is taken out while a request works on it and put back afterwards ([`Sessions::put_back`]). A second request
//! that comes meanwhile can't have the right epoch as long as its client behaves; it is answered as one that has not.
//!
//! When the cache is full, a new session takes the place of one that has not been used for [`IDLE`], or of one that is
//! older than that and smaller than the new one, but of none that a request works on; else the client is served without a session (id 0), which every client
//! understands (FE-9, FE-10).
//!
//! What sessions hold is bounded besides, in weight: a partition weighs 1, and one with an unusually long topic name more
//! (`Watch::weight`). A session that would weigh more than [`SESSION_WEIGHT_MAX`], or for which all sessions would weigh
//! more than [`WEIGHT_MAX`] after those that are idle made room, is not opened; one that would grow so far ends
//! ([`Sessions::grow`]) and its client starts over. What a request works on is there until it is put back: a session that is
//! closed meanwhile is gone for its client, but weighs and keeps its slot until then.

use std::collections::HashMap;
use std::time::Duration;

/// Unused for this long, a session may make room for any other; this old, for a larger one. Kafka's own figure.
pub const IDLE: Duration = Duration::from_secs(120);

/// Most weight of all sessions. One unit takes about half a kilobyte of memory, so all of them about 250 MB at worst.
pub const WEIGHT_MAX: usize = 500_000;

/// Most weight of one session, so that a single client can't keep all others from having sessions.
pub const SESSION_WEIGHT_MAX: usize = 100_000;

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
    weight: usize,
    created: Duration,
    used: Duration,
    /// None while a request works on it.
    content: Option<T>,
    /// Gone for clients; only what is worked on is still to come back.
    closed: bool,
}

/// The sessions, each with some content.
pub struct Sessions<T> {
    slots: HashMap<i32, Slot<T>>,
    slots_max: usize,
    /// Weight of all slots together.
    held: usize,
}

impl<T> Sessions<T> {
    /// An empty cache for `slots_max` sessions (`max.incremental.fetch.session.cache.slots`).
    pub fn new(slots_max: usize) -> Self {
        Sessions { slots: HashMap::new(), slots_max, held: 0 }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.slots.values().filter(|slot| !slot.closed).count()
    }

    /// Opens a session of this weight; `random` is asked for ids until one is free. None when there is no room.
    /// The content is put in with [`Self::put_back`].
    pub fn open(
        &mut self,
        weight: usize,
        topic_ids: bool,
        now: Duration,
        mut random: impl FnMut() -> i32,
    ) -> Option<i32> {
        if weight > SESSION_WEIGHT_MAX {
            return None;
        }
        if self.slots.len() >= self.slots_max && !self.make_room(weight, now) {
            return None;
        }
        while self.held + weight > WEIGHT_MAX {
            let idle = self.idle(now)?;
            self.end(idle);
        }
        let id = loop {
            let id = random() & i32::MAX;
            if id != SESSION_NONE && !self.slots.contains_key(&id) {
                break id;
            }
        };
        let slot = Slot { epoch: 1, topic_ids, weight, created: now, used: now, content: None, closed: false };
        self.slots.insert(id, slot);
        self.held += weight;
        Some(id)
    }

    /// The session that has not been used for longest, if that is long enough.
    fn idle(&self, now: Duration) -> Option<i32> {
        let (&id, slot) = self.at_rest().min_by_key(|(_, slot)| slot.used)?;
        (slot.used + IDLE <= now).then_some(id)
    }

    /// Those that no request works on.
    fn at_rest(&self) -> impl Iterator<Item = (&i32, &Slot<T>)> {
        self.slots.iter().filter(|(_, slot)| slot.content.is_some())
    }

    fn make_room(&mut self, weight: usize, now: Duration) -> bool {
        let smallest = || {
            let yielding = self.at_rest().filter(|(_, slot)| slot.created + IDLE <= now && slot.weight < weight);
            yielding.min_by_key(|(_, slot)| slot.weight).map(|(&id, _)| id)
        };
        match self.idle(now).or_else(smallest) {
            Some(victim) => self.end(victim),
            None => return false,
        }
        true
    }

    /// Takes a session's content out for the request with this epoch, and counts the epoch on.
    pub fn take(&mut self, id: i32, epoch: i32, topic_ids: bool, now: Duration) -> Result<T, SessionError> {
        let slot = self.slots.get_mut(&id).filter(|slot| !slot.closed).ok_or(SessionError::NotFound(id))?;
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

    /// Changes the weight of a session that is being worked on. Where that would be too much the session ends, and its
    /// content must be dropped.
    ///
    /// # Errors
    /// The session is no more; if that is since it was closed, its content must be dropped just so.
    pub fn grow(&mut self, id: i32, weight: usize) -> Result<(), SessionError> {
        let slot = self.slots.get_mut(&id).ok_or(SessionError::NotFound(id))?;
        let held = self.held - slot.weight + weight;
        if slot.closed || weight > slot.weight && (weight > SESSION_WEIGHT_MAX || held > WEIGHT_MAX) {
            self.end(id);
            return Err(SessionError::NotFound(id));
        }
        (slot.weight, self.held) = (weight, held);
        Ok(())
    }

    /// Puts content into a session that is being worked on. If it was closed meanwhile, the content is dropped.
    pub fn put_back(&mut self, id: i32, content: T, now: Duration) {
        let Some(slot) = self.slots.get_mut(&id) else { return };
        if slot.closed {
            drop(content);
            return self.end(id);
        }
        slot.content = Some(content);
        slot.used = now;
    }

    /// Closes a session for its client.
    pub fn close(&mut self, id: i32) {
        match self.slots.get_mut(&id) {
            Some(slot) if slot.content.is_none() => slot.closed = true,
            Some(_) | None => self.end(id),
        }
    }

    /// Ends a session at once, for whoever works on it and drops its content, or while nobody does.
    pub fn end(&mut self, id: i32) {
        if let Some(slot) = self.slots.remove(&id) {
            self.held -= slot.weight;
        }
    }
}

/// The epoch after `epoch`: past the largest comes 1, since 0 opens a session.
fn after(epoch: i32) -> i32 {
    epoch.checked_add(1).unwrap_or(1)
}

#[cfg(test)]
#[path = "sessions_tests.rs"]
mod tests;
