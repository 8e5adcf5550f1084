//! Wakes one thread that sleeps between its turns.

use parking_lot::{Condvar, Mutex};
use std::time::Duration;

/// A flag that somebody sets and one thread sleeps for.
#[derive(Default)]
pub(crate) struct Alarm {
    rung: Mutex<bool>,
    wake: Condvar,
}

impl Alarm {
    /// Wakes the sleeper, or keeps it from falling asleep.
    pub(crate) fn ring(&self) {
        *self.rung.lock() = true;
        self.wake.notify_one();
    }

    /// Sleeps until the alarm rings, at most `time`; says whether it rang.
    pub(crate) fn sleep(&self, time: Duration) -> bool {
        let mut rung = self.rung.lock();
        self.wake.wait_while_for(&mut rung, |rung| !*rung, time);
        std::mem::take(&mut *rung)
    }
}
