//! Time, and what goes with it: retention, steps of the clock, restarts and reboots.

use super::compacting;
use super::world::{Running, World};
use crate::base::{Clock, Offset, Timestamp};
use crate::io::disk::Disk;
use crate::log::LogSettings;
use crate::store::fixture::{self, Bench};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// When histories begin.
pub(super) const BEGIN: Timestamp = Timestamp(1_790_000_000_000);

const HOUR_MS: i64 = 3_600_000;
/// What `name0` keeps, milliseconds, and `name1`, bytes; the others keep everything.
const KEPT_MS: i64 = HOUR_MS;
const KEPT_BYTES: u64 = 30_000;

/// More than passes in a run: a step that stands for as long as it is would be believed, as it should.
const STEP_MS_MIN: i64 = 200 * HOUR_MS;

/// What happened, over all seeds.
static SEEN: [AtomicU64; EVENTS] = [const { AtomicU64::new(0) }; EVENTS];

const EVENTS: usize = Event::Compacted as usize + 1;

#[derive(Clone, Copy)]
pub(super) enum Event {
    ByTime,
    BySize,
    Emptied,
    Forward,
    Back,
    Restart,
    Reboot,
    Compacted,
}

pub(super) fn note(event: Event) {
    SEEN[event as usize].fetch_add(1, Ordering::Relaxed);
}

/// A history in which nothing expires shows nothing.
pub(super) fn check_all_happened() {
    let seen: Vec<u64> = SEEN.iter().map(|count| count.load(Ordering::Relaxed)).collect();
    eprintln!("by time, by size, emptied, forward, back, restarts, reboots, compacted: {seen:?}");
    assert!(seen.iter().all(|count| *count > 0), "{seen:?}");
}

pub(super) fn settings_of(name: &str) -> LogSettings {
    let settings = LogSettings {
        retention_ms: (name == "name0").then_some(KEPT_MS),
        retention_bytes: (name == "name1").then_some(KEPT_BYTES),
        segment_bytes: if name == "name1" { 16 << 10 } else { fixture::settings().segment_bytes },
        // Producers' clocks are right whatever this one shows.
        timestamp_after_max_ms: i64::MAX,
        ..fixture::settings()
    };
    compacting::settings(settings, name)
}

impl World {
    /// Time passes, at a few ticks; the clock may be stepped before.
    pub(super) fn pass_time(&mut self, running: &Running) {
        let (now, far) = (self.clock.now(), STEP_MS_MIN << self.chance.below(10));
        match self.chance.below(8) {
            0 => self.step_to(Timestamp(now.0 + far)),
            1 => self.step_to(Timestamp(now.0 - far)),
            2 => self.step_to(Timestamp(0)),
            3..6 => self.step_to(self.really),
            _ => {}
        }
        for _ in 0..1 + self.chance.below(4) {
            let time = Duration::from_secs(self.chance.below(1_500));
            self.advance(time);
            running.store.tick();
            self.check_retention(running);
        }
    }

    fn step_to(&self, wall: Timestamp) {
        match wall.cmp(&self.clock.now()) {
            std::cmp::Ordering::Greater => note(Event::Forward),
            std::cmp::Ordering::Less => note(Event::Back),
            std::cmp::Ordering::Equal => {}
        }
        self.clock.set_wall(wall);
    }

    fn advance(&mut self, by: Duration) {
        self.clock.advance(by);
        self.really = Timestamp(self.really.0 + by.as_millis() as i64);
    }

    /// Between two runs.
    pub(super) fn be_down(&mut self, power_lost: bool) {
        let (down, up) = (Duration::from_secs(self.chance.below(10_000)), Duration::from_secs(self.chance.below(60)));
        let passed = if power_lost {
            note(Event::Reboot);
            self.clock.reboot(down, up);
            down + up
        } else {
            note(Event::Restart);
            self.clock.restart(down);
            down
        };
        self.really = Timestamp(self.really.0 + passed.as_millis() as i64);
        if !self.disk.exists(&Bench::dir().join("ottla.clock")).expect("it says") {
            // The next start takes the clock as it is: nobody knows better.
            self.clock.set_wall(self.really);
        }
    }

    /// Log starts that nobody asked for are retention's: they must be right, by the time that it really is.
    pub(super) fn check_retention(&mut self, running: &Running) {
        let (seed, really) = (self.seed, self.really);
        for log in running.store.logs() {
            let Some(at) = self.live.values().find(|at| self.partitions[**at].id == log.id()) else { continue };
            let partition = &mut self.partitions[*at];
            let start = log.tip_for_tests().log_start();
            if start <= partition.start_asked {
                continue;
            }
            let gone = partition.sent.iter().filter(|sent| sent.header.last_offset() < start);
            let youngest = gone.map(|sent| sent.header.max_timestamp).max();
            let rest = partition.bytes(start, Offset(i64::MAX)).len() as u64;
            match partition.name.as_str() {
                "name0" => {
                    let age = youngest.map(|time| really.0 - time.0);
                    assert!(age > Some(KEPT_MS), "seed {seed}: {} went at {age:?} ms", log.id());
                    note(Event::ByTime);
                }
                "name1" => {
                    assert!(rest >= KEPT_BYTES, "seed {seed}: {rest} bytes are left of {}", log.id());
                    note(Event::BySize);
                }
                _ => panic!("seed {seed}: {} keeps everything", log.id()),
            }
            if start == partition.end() {
                note(Event::Emptied);
            }
            partition.start_asked = start;
        }
    }
}
