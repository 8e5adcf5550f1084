//! Time as an argument: nothing below the outermost floors reads the clock on its own.

use super::Timestamp;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Wall time for record timestamps and retention; monotonic time for everything that waits.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch. May step; correctness never hangs on it.
    fn now(&self) -> Timestamp;

    /// Time since some fixed moment; never goes back.
    fn monotonic(&self) -> Duration;

    /// How long the machine has been running. It goes on while no process of ours does, and nobody sets it.
    fn boot(&self) -> Boot;
}

/// Where a machine is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Boot {
    /// Which boot this is: the same until the machine starts anew; none where the system does not say.
    pub id: Option<u128>,
    /// Time since it began, suspended time included.
    pub since: Duration,
}

/// Where Linux tells which boot this is: a random UUID.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The machine's clock.
pub struct SystemClock {
    started: Instant,
    boot_id: Option<u128>,
}

impl Default for SystemClock {
    #[allow(clippy::disallowed_methods)] // the one place that reads the machine's clock
    fn default() -> Self {
        let text = std::fs::read_to_string(BOOT_ID).ok();
        let boot_id = text.and_then(|text| text.trim().parse::<uuid::Uuid>().ok()).map(|id| id.as_u128());
        SystemClock { started: Instant::now(), boot_id }
    }
}

impl Clock for SystemClock {
    #[allow(clippy::disallowed_methods)]
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }

    fn boot(&self) -> Boot {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let (seconds, nanos) = (u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0));
        Boot { id: self.boot_id, since: Duration::new(seconds, nanos) }
    }
}

/// A clock that stands still until told otherwise, for tests and simulation.
#[derive(Default)]
pub struct ManualClock {
    wall_ms: AtomicI64,
    monotonic_ms: AtomicU64,
    boots: AtomicU64,
    boot_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `wall`.
    pub fn at(wall: Timestamp) -> Self {
        ManualClock { wall_ms: AtomicI64::new(wall.0), ..ManualClock::default() }
    }

    /// Lets time pass on all clocks.
    pub fn advance(&self, by: Duration) {
        let ms = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.monotonic_ms.fetch_add(ms, Ordering::SeqCst);
        self.boot_ms.fetch_add(ms, Ordering::SeqCst);
        self.wall_ms.fetch_add(i64::try_from(ms).unwrap_or(i64::MAX), Ordering::SeqCst);
    }

    /// Steps the wall clock only, as an operator or NTP does.
    pub fn set_wall(&self, wall: Timestamp) {
        self.wall_ms.store(wall.0, Ordering::SeqCst);
    }

    /// The process ends and another begins, `down` later, on the machine that goes on.
    pub fn restart(&self, down: Duration) {
        self.advance(down);
        self.monotonic_ms.store(0, Ordering::SeqCst);
    }

    /// The machine is off for `down`, and the process begins `up` after it was started anew. The wall clock goes on.
    pub fn reboot(&self, down: Duration, up: Duration) {
        self.advance(down + up);
        self.monotonic_ms.store(0, Ordering::SeqCst);
        self.boots.fetch_add(1, Ordering::SeqCst);
        self.boot_ms.store(u64::try_from(up.as_millis()).unwrap_or(u64::MAX), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.wall_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.monotonic_ms.load(Ordering::SeqCst))
    }

    fn boot(&self) -> Boot {
        let since = Duration::from_millis(self.boot_ms.load(Ordering::SeqCst));
        // No boot is number 0, which says that there is none.
        Boot { id: Some(u128::from(self.boots.load(Ordering::SeqCst)) + 1), since }
    }
}
