//! What has to happen from time to time.

use super::core::Core;
use super::proven_time::{CLOCK_FILE, CLOCK_FILE_BYTES_MAX, CLOCK_FILE_TEMPORARY, Kept, ProvenTime};
use super::scrub::SCRUB_BYTES;
use super::store::Store;
use super::writer::is_full;
use crate::base::Timestamp;
use crate::io::disk::Open;
use std::io::{self, IoSlice};
use std::time::Duration;

/// Time between two passes over all logs that forget silent producers.
const PRODUCER_EXPIRY_EVERY: Duration = Duration::from_secs(60);

impl Core {
    /// Goes on with the proven time that the last run kept. A file that can't be understood is named, and counts as none.
    pub(super) fn begin_time(&self) -> io::Result<()> {
        let path = self.path.join(CLOCK_FILE);
        let kept = match self.disk.read_whole(&path, CLOCK_FILE_BYTES_MAX) {
            Ok(bytes) => Some(Kept::decode(&bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Some(None),
            Err(error) => return Err(error),
        };
        if kept == Some(None) {
            tracing::warn!("{} is damaged: ages of records are judged by the clock as it is now", path.display());
        }
        *self.proven.lock() = Some(ProvenTime::begin(kept.flatten(), self.clock.now(), self.clock.boot()));
        Ok(())
    }

    /// The time by which records' ages are judged: never later than what is proven to have passed.
    pub(super) fn proven_now(&self) -> Timestamp {
        let (now, boot) = (self.clock.now(), self.clock.boot());
        // Before anything is proven, which nobody sees, nothing is old.
        self.proven.lock().as_mut().map_or(Timestamp(0), |proven| proven.now(now, boot))
    }

    /// What is seen now for the first time is dated so.
    pub(super) fn dated_now(&self) -> Timestamp {
        let (now, boot) = (self.clock.now(), self.clock.boot());
        self.proven.lock().as_ref().map_or(now, |proven| proven.latest(now, boot))
    }
}

impl Store {
    /// What has to happen about every second: looks at the free space, removes files that nobody needs, goes on with
    /// proven time, retention and the scrub, forgets silent producers. Blocks on the disk. Segments need no tick: they roll
    /// by time at the append that meets the time, as Kafka's do.
    pub fn tick(&self) {
        self.core.check_room();
        self.core.trash.step(&self.core);
        self.observe_time();
        self.retention.lock().step(&self.core, self.proven_now());
        self.scrub(SCRUB_BYTES);
        self.expire_producers();
    }

    /// The time by which records' ages are judged: never later than what is proven to have passed.
    pub fn proven_now(&self) -> Timestamp {
        self.core.proven_now()
    }

    /// What is dated now: the later of proven time and the wall clock. It is never judged older than it is.
    pub fn dated_now(&self) -> Timestamp {
        self.core.dated_now()
    }

    /// How far the wall clock is ahead of it.
    pub fn proven_lag(&self) -> Duration {
        let ahead = self.core.clock.now().0.saturating_sub(self.proven_now().0);
        Duration::from_millis(u64::try_from(ahead).unwrap_or(0))
    }

    /// Files and directories that wait for their removal.
    pub fn trash_waiting(&self) -> u64 {
        self.core.trash.waiting()
    }

    fn observe_time(&self) {
        let clock = &self.core.clock;
        let due = {
            let mut proven = self.core.proven.lock();
            let Some(proven) = proven.as_mut() else { return };
            proven.observe(clock.now(), clock.boot());
            proven.is_due()
        };
        if due
            && !self.core.health.is_failed()
            && let Err(error) = self.keep_time()
        {
            self.core.fail(&format!("writing {CLOCK_FILE}: {error}"));
        }
    }

    /// Writes down how far proven time has come. On a full disk it is not: the next start takes less for proven. Any other
    /// failure is final, as everywhere: the next sync of the file system might not tell of it again.
    pub(super) fn keep_time(&self) -> io::Result<()> {
        let is_left_clean = self.is_left_clean.lock();
        // A tick that comes late: nothing is written after the mark of a clean stop.
        if *is_left_clean { Ok(()) } else { self.write_time() }
    }

    /// The last time, and then the mark of a clean stop.
    pub(super) fn keep_time_and(&self, leave: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
        let mut is_left_clean = self.is_left_clean.lock();
        *is_left_clean = true;
        self.write_time()?;
        leave()
    }

    fn write_time(&self) -> io::Result<()> {
        let Core { disk, path: dir, .. } = &*self.core;
        let (path, temporary) = (dir.join(CLOCK_FILE), dir.join(CLOCK_FILE_TEMPORARY));
        let Some(kept) = self.core.proven.lock().as_ref().map(|proven| proven.to_keep()) else { return Ok(()) };
        let written = disk.open(&temporary, Open::Create).and_then(|file| {
            file.set_len(0)?;
            file.write_at(&[IoSlice::new(kept.encode().as_bytes())], 0)?;
            Ok(file)
        });
        let told = |error: &io::Error| tracing::warn!("writing {}: {error}", path.display());
        let file = match written {
            Err(error) if is_full(&error) => {
                told(&error);
                return Ok(());
            }
            written => written?,
        };
        // A sync that failed is final whatever it says was missing.
        file.sync_data().map_err(io::Error::other)?;
        match disk.rename(&temporary, &path) {
            Err(error) if is_full(&error) => {
                told(&error);
                return Ok(());
            }
            renamed => renamed?,
        }
        disk.sync_dir(dir).map_err(io::Error::other)
    }

    fn expire_producers(&self) {
        let monotonic = self.core.clock.monotonic();
        let due = {
            let mut expired_at = self.expired_at.lock();
            let due = monotonic.saturating_sub(*expired_at) >= PRODUCER_EXPIRY_EVERY;
            if due {
                *expired_at = monotonic;
            }
            due
        };
        if due {
            for log in self.logs() {
                log.expire_producers(monotonic);
            }
        }
    }

    /// Reads a little more of what earlier runs left.
    pub(super) fn scrub(&self, bytes: u64) {
        self.scrub.lock().step(bytes, &self.core.counters);
    }
}
