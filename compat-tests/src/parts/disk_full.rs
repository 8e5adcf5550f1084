//! A full disk under load: what finds no room is refused before it has an offset, reads and deletions go on, and with room
//! everything goes on by itself.
//!
//! Disks fill in two ways. *Slowly*: the broker's own writes reach its reserve. *At once*: something else takes every byte,
//! and writes that were admitted meet the end of the disk.

use crate::admin;
use crate::broker::{Ottla, Setup};
use crate::parts::{Context, Faults};
use crate::probe::Probe;
use crate::report::{Report, spread};
use crate::rng::Rng;
use crate::tmpfs::Tmpfs;
use crate::traffic::{ACK_WITHIN, Traffic};
use std::path::Path;
use std::time::{Duration, Instant};

/// The disk. Larger than its reserve, a write-ahead log, a filler and what the traffic writes.
const DISK_BYTES: u64 = 448 << 20;
/// The whole write-ahead log, where there is one.
const WAL_BYTES: &str = "33554432";
/// Free bytes below which the broker takes nothing more (docs/operations.md).
const RESERVE_BYTES: u64 = 128 << 20;
/// What a filler has written before the disk is nearly full. Its deletion must bring back the 32 MiB above the reserve at
/// which the broker takes records again, whatever else was written meanwhile.
const FILLER_BYTES: u64 = 96 << 20;
/// What is left above the reserve then.
const MARGIN_BYTES: u64 = 8 << 20;
/// What it writes at most from there on, refused or not.
const FILLER_MORE_BYTES_MAX: u64 = 64 << 20;
/// Cycles in each mode.
const CYCLES: (usize, usize) = (5, 20);
/// Time between two cycles, milliseconds.
const LIFE_MS: (u64, u64) = (0, 500);
/// Without an acknowledgement for this long all that was admitted waits for room.
const SILENCE: Duration = Duration::from_millis(300);
/// A liveness bound for a disk to be noticed as full.
const FULL_WITHIN: Duration = Duration::from_secs(20);
/// How a start without room ends (docs/configuration.md).
const NO_SPACE: &str = "exit status: 7";
/// Small segments, so that many begin and end near the end of the disk.
const TOPIC: &[(&str, &str)] = &[("segment.bytes", "1048576")];

/// Both durability modes.
pub fn part(report: &mut Report, context: &Context) {
    let faults = Faults { name: "full disk", modes: &["fsync", "os"], check: |_| "disk-full".to_owned() };
    faults.report(report, context, |mode, seed| run(&context.binary, mode, context.size(CYCLES.0, CYCLES.1), seed));
}

/// How a disk fills.
#[derive(Clone, Copy, Debug)]
enum Way {
    Slowly,
    AtOnce,
}

fn run(binary: &Path, durability: &str, cycles: usize, seed: u64) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let disk = Tmpfs::mount(&dir.path().join("disk"), DISK_BYTES)?;
    let setup = Setup::new(binary, &dir.path().join("disk/data"))
        .logging_to(&dir.path().join("log"))
        .with("ottla.durability", durability)
        .with("ottla.wal.bytes", WAL_BYTES);
    let counts = under_load(&disk, &setup, cycles, Rng::new(seed));
    let counts = counts.map_err(|error| format!("{error}; last message of the broker: {}", setup.last_words()))?;
    Ok(format!("{cycles} cycles, seed {seed}, {counts}"))
}

fn under_load(disk: &Tmpfs, setup: &Setup, cycles: usize, mut rng: Rng) -> Result<String, String> {
    let broker = setup.start()?;
    let traffic = Traffic::start(&broker.bootstrap, TOPIC)?;
    let probe = Probe::new(&broker.bootstrap, TOPIC)?;
    let mut run = Run { broker, traffic, probe, setup, disk, fillers: 0, again: Vec::new() };
    let first = rng.below(2);
    for cycle in 0..cycles {
        let way = [Way::Slowly, Way::AtOnce][(first + cycle) % 2];
        std::thread::sleep(Duration::from_millis(rng.between(LIFE_MS.0, LIFE_MS.1)));
        run.cycle(way).map_err(|error| format!("cycle {cycle}, {way:?}: {error}"))?;
    }
    run.killed_while_full().map_err(|error| format!("kill while full: {error}"))?;
    run.killed_without_a_byte().map_err(|error| format!("kill without a free byte: {error}"))?;
    let Run { broker, traffic, again, .. } = run;
    let counts = traffic.finish(broker, setup)?;
    let again = spread(again);
    Ok(format!("{counts}; room to the next record taken {again}"))
}

/// A broker on a small disk, under load.
struct Run<'a> {
    broker: Ottla,
    traffic: Traffic,
    probe: Probe,
    setup: &'a Setup,
    disk: &'a Tmpfs,
    fillers: usize,
    /// From the return of room to the next record that was taken, each time.
    again: Vec<Duration>,
}

impl Run<'_> {
    fn cycle(&mut self, way: Way) -> Result<(), String> {
        let filler = self.fill(way)?;
        self.holds_while_full()?;
        self.room(way, &filler)?;
        match self.broker.alive() {
            true => Ok(()),
            false => Err("the broker ended by itself".to_owned()),
        }
    }

    /// Fills the disk until produce is refused. The name of a topic that is there to be deleted.
    fn fill(&mut self, way: Way) -> Result<String, String> {
        self.fillers += 1;
        let name = format!("filler-{}", self.fillers);
        admin::create_topic(&self.broker.bootstrap, &name, 1, TOPIC)?;
        match way {
            Way::Slowly => {
                self.probe.fill(&name, FILLER_BYTES)?;
                self.disk.fill(RESERVE_BYTES + MARGIN_BYTES)?;
                self.probe.fill(&name, FILLER_MORE_BYTES_MAX)?;
            }
            Way::AtOnce => {
                self.probe.fill(&name, MARGIN_BYTES)?;
                self.disk.fill(0)?;
                self.wait_for_silence()?;
            }
        }
        self.probe.until_refused(FULL_WITHIN)?;
        Ok(name)
    }

    /// Until then a probe could be admitted and wait for room, neither taken nor refused.
    fn wait_for_silence(&self) -> Result<(), String> {
        let begun = Instant::now();
        let (mut seen, mut last) = (self.traffic.acknowledged(), begun);
        while last.elapsed() < SILENCE {
            if begun.elapsed() > FULL_WITHIN {
                return Err(format!("records are still acknowledged {FULL_WITHIN:?} after the disk was filled"));
            }
            std::thread::sleep(Duration::from_millis(10));
            let now = self.traffic.acknowledged();
            if now != seen {
                (seen, last) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// What a full disk must not take away, and what it must not give.
    fn holds_while_full(&mut self) -> Result<(), String> {
        self.traffic.all_acknowledged_is_read().map_err(|error| format!("read while full: {error}"))?;
        self.probe.is_refused_without_an_offset()
    }

    /// Room comes back, and produce goes on.
    fn room(&mut self, way: Way, filler: &str) -> Result<(), String> {
        match way {
            Way::Slowly => self.room_by_deletion(filler),
            Way::AtOnce => self.room_from_outside(filler),
        }
    }

    /// With its reserve left the broker deletes a topic, and that is the room.
    fn room_by_deletion(&mut self, filler: &str) -> Result<(), String> {
        let begun = Instant::now();
        let deleted = admin::delete_topic(&self.broker.bootstrap, filler);
        deleted.map_err(|error| format!("deletion while full: {error}"))?;
        self.goes_on(begun)?;
        self.disk.empty()
    }

    /// A deletion finds its room on a disk without a byte.
    fn room_from_outside(&mut self, filler: &str) -> Result<(), String> {
        let deleted = admin::delete_topic(&self.broker.bootstrap, filler);
        deleted.map_err(|error| format!("deletion without a byte: {error}"))?;
        let begun = Instant::now();
        self.disk.empty()?;
        self.goes_on(begun)
    }

    fn goes_on(&mut self, begun: Instant) -> Result<(), String> {
        let again = self.probe.until_taken(ACK_WITHIN);
        again.map_err(|error| format!("with room again: {error}"))?;
        self.again.push(begun.elapsed());
        let traffic = self.traffic.next_ack(Instant::now());
        traffic.map(drop).map_err(|error| format!("with room again, traffic: {error}"))
    }

    /// kill -9 on a full disk. With its reserve left the broker starts and serves what it has.
    fn killed_while_full(&mut self) -> Result<(), String> {
        let filler = self.fill(Way::Slowly)?;
        self.broker.end();
        self.broker = self.setup.start()?;
        self.holds_while_full()?;
        self.room(Way::Slowly, &filler)
    }

    /// kill -9 on a disk without a free byte. The broker starts, or says that there is no room and starts when there is.
    fn killed_without_a_byte(&mut self) -> Result<(), String> {
        self.fill(Way::AtOnce)?;
        self.broker.end();
        let started = self.setup.start();
        self.disk.empty()?;
        let begun = Instant::now();
        self.broker = match started {
            Err(error) if error.contains(NO_SPACE) => self.setup.start()?,
            started => started.map_err(|error| format!("neither started nor {NO_SPACE}: {error}"))?,
        };
        self.goes_on(begun)
    }
}
