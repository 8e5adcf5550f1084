//! kill -9 under load: the broker dies at random moments, some of them during its start, and comes back.

use crate::broker::Setup;
use crate::parts::{Context, Faults};
use crate::report::{Report, spread};
use crate::rng::Rng;
use crate::traffic::Traffic;
use std::path::Path;
use std::time::Duration;

/// How long the broker lives between its first acknowledgement and the next kill, milliseconds.
const LIFE_MS: (u64, u64) = (0, 1400);
/// One restart in so many is killed while it starts,
const KILLED_STARTS: u64 = 4;
/// so many milliseconds after its spawn.
const START_LIFE_MS: (u64, u64) = (0, 30);

/// Both durability modes, each at its size.
pub fn part(report: &mut Report, context: &Context) {
    let faults = Faults { name: "kill -9", modes: &["fsync", "os"], check: |mode| format!("chaos-{mode}") };
    faults.report(report, context, |mode, seed| run(&context.binary, mode, context.size(25, 500), seed));
}

/// Runs `cycles` kills from one seed; Ok names the counts.
fn run(binary: &Path, durability: &str, cycles: usize, seed: u64) -> Result<String, String> {
    let dir = tempfile::tempdir().map_err(|error| error.to_string())?;
    let setup = Setup::new(binary, &dir.path().join("data")).with("ottla.durability", durability);
    let mut rng = Rng::new(seed);
    let mut broker = setup.start()?;
    let traffic = Traffic::start(&broker.bootstrap, &[])?;
    let (mut readies, mut acks) = (Vec::new(), Vec::new());
    for cycle in 0..cycles {
        std::thread::sleep(millis(&mut rng, LIFE_MS));
        if !broker.alive() {
            return Err(format!("the broker ended by itself before kill {cycle}"));
        }
        broker.kill();
        if rng.bits().is_multiple_of(KILLED_STARTS) {
            setup.start_and_kill(millis(&mut rng, START_LIFE_MS))?;
        }
        broker = setup.start().map_err(|error| format!("start after kill {cycle}: {error}"))?;
        // counted from the ready line on, so that what the last process had acknowledged is not taken for this one's
        acks.push(traffic.next_ack(broker.spawned).map_err(|error| format!("after kill {cycle}: {error}"))?);
        readies.push(broker.ready_after);
    }
    let counts = traffic.finish(broker, &setup)?;
    let (readies, acks) = (spread(readies), spread(acks));
    Ok(format!("{cycles} kills, seed {seed}, {counts}; restart to first acknowledgement {acks}, to ready {readies}"))
}

fn millis(rng: &mut Rng, (from, to): (u64, u64)) -> Duration {
    Duration::from_millis(rng.between(from, to))
}
