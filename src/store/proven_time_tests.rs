use super::*;
use crate::base::{Clock, ManualClock};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3_600);
const NOW: Timestamp = Timestamp(1_790_000_000_000);

/// A machine, what it keeps, and what time it really is.
struct Machine {
    clock: ManualClock,
    time: ProvenTime,
    really: Timestamp,
}

impl Machine {
    fn new() -> Machine {
        let clock = ManualClock::at(NOW);
        let time = ProvenTime::begin(None, clock.now(), clock.boot());
        Machine { clock, time, really: NOW }
    }

    /// Observes every `step` for `time`; never is more proven than was.
    fn run(&mut self, time: Duration, step: Duration) {
        let mut left = time;
        while left > Duration::ZERO {
            let step = step.min(left);
            self.clock.advance(step);
            self.really = after(self.really, step);
            self.time.observe(self.clock.now(), self.clock.boot());
            left -= step;
        }
    }

    fn now(&self) -> Timestamp {
        self.time.now(self.clock.now(), self.clock.boot())
    }

    /// How far proven time is behind, milliseconds.
    fn late(&self) -> i64 {
        self.really.0 - self.now().0
    }

    fn step(&self, ms: i64) {
        self.clock.set_wall(Timestamp(self.clock.now().0 + ms));
    }

    fn keep(&self) -> Kept {
        let text = self.time.to_keep().encode();
        Kept::decode(text.as_bytes()).expect("it was written whole")
    }

    fn restart(&mut self, down: Duration) {
        let kept = self.keep();
        self.clock.restart(down);
        self.really = after(self.really, down);
        self.time = ProvenTime::begin(Some(kept), self.clock.now(), self.clock.boot());
    }

    fn reboot(&mut self, down: Duration, up: Duration) {
        let kept = self.keep();
        self.clock.reboot(down, up);
        self.really = after(self.really, down + up);
        self.time = ProvenTime::begin(Some(kept), self.clock.now(), self.clock.boot());
    }
}

#[test]
fn an_undisturbed_clock_is_followed_at_once() {
    let mut machine = Machine::new();
    machine.run(HOUR, SECOND);
    assert_eq!(machine.late(), 0);
    // Between two observations, too.
    machine.clock.advance(Duration::from_millis(400));
    assert_eq!(machine.now(), machine.clock.now());
}

#[test]
fn a_step_forward_must_stand_for_as_long_as_it_is() {
    let mut machine = Machine::new();
    machine.run(HOUR, SECOND);
    machine.step(whole_ms(HOUR));
    for _ in 0..3_599 {
        machine.run(SECOND, SECOND);
        assert_eq!(machine.late(), 0, "proven time goes on as if nothing were");
    }
    machine.run(2 * SECOND, SECOND);
    assert_eq!(machine.late(), -whole_ms(HOUR), "what stood for an hour is believed");
}

#[test]
fn a_step_forward_and_back_leaves_no_trace() {
    let mut machine = Machine::new();
    for _ in 0..50 {
        machine.step(whole_ms(HOUR));
        machine.run(HOUR / 2, SECOND * 10);
        assert_eq!(machine.late(), 0);
        machine.step(-whole_ms(HOUR));
        machine.run(HOUR / 2, SECOND * 10);
        assert_eq!(machine.late(), 0);
    }
}

#[test]
fn a_step_back_holds_ages_up_until_it_is_undone() {
    let mut machine = Machine::new();
    machine.run(HOUR, SECOND);
    machine.step(-whole_ms(HOUR));
    machine.run(10 * SECOND, SECOND);
    assert_eq!(machine.late(), whole_ms(HOUR));
    machine.step(whole_ms(HOUR));
    machine.run(SECOND, SECOND);
    assert_eq!(machine.late(), 0, "nothing has to be proven again");
}

#[test]
fn ten_years_need_ten_years_and_1970_deletes_nothing() {
    let mut machine = Machine::new();
    let years = 24 * 365 * 10 * HOUR;
    machine.step(whole_ms(years));
    machine.run(24 * 365 * HOUR, HOUR);
    assert_eq!(machine.late(), 0, "a year later");
    machine.clock.set_wall(Timestamp(0));
    machine.run(HOUR, SECOND);
    assert_eq!(machine.now(), Timestamp(whole_ms(HOUR)));
    machine.clock.set_wall(machine.really);
    machine.run(SECOND, SECOND);
    assert_eq!(machine.late(), 0);
}

/// What has stood before a restart counts.
#[test]
fn a_restart_goes_on_and_what_was_stepped_before_it_must_stand_for_as_long() {
    let mut machine = Machine::new();
    machine.run(HOUR, SECOND);
    machine.restart(5 * HOUR);
    assert_eq!(machine.late(), 0, "the machine ran on");
    machine.step(whole_ms(2 * HOUR));
    machine.run(HOUR / 2, SECOND);
    machine.restart(HOUR / 2);
    machine.run(HOUR - SECOND, SECOND);
    assert_eq!(machine.late(), 0, "it has stood for less than it is");
    machine.run(2 * SECOND, SECOND);
    assert_eq!(machine.late(), -whole_ms(2 * HOUR));
}

#[test]
fn a_machine_that_was_off_is_late_for_as_long_as_it_was_off() {
    let mut machine = Machine::new();
    machine.run(HOUR, SECOND);
    machine.reboot(3 * HOUR, 10 * SECOND);
    assert_eq!(machine.late(), whole_ms(3 * HOUR), "the time since the boot is proven");
    machine.run(3 * HOUR - 2 * SECOND, SECOND);
    assert_eq!(machine.late(), whole_ms(3 * HOUR));
    machine.run(3 * SECOND, SECOND);
    assert_eq!(machine.late(), 0);
}

#[test]
fn a_reboot_into_a_wrong_clock_deletes_nothing_early() {
    for (wall, off) in [(Timestamp(0), HOUR), (Timestamp(NOW.0 * 2), HOUR)] {
        let mut machine = Machine::new();
        machine.run(HOUR, SECOND);
        machine.reboot(off, SECOND);
        machine.clock.set_wall(wall);
        machine.time = ProvenTime::begin(Some(machine.keep()), machine.clock.now(), machine.clock.boot());
        machine.run(24 * HOUR, 30 * SECOND);
        assert!(machine.late() >= 0, "{wall}: early by {}", -machine.late());
        machine.clock.set_wall(machine.really);
        machine.run(2 * HOUR + SECOND, SECOND);
        assert!(machine.late() <= 0 && machine.late() > -2, "{wall}: late by {} still", machine.late());
    }
}

/// A directory that came from elsewhere: this boot began long before it was last written.
#[test]
fn another_machines_boot_proves_no_more_than_the_clock_says() {
    let mut machine = Machine::new();
    machine.clock.advance(1_000 * HOUR);
    machine.really = machine.clock.now();
    let other = Kept { proven: machine.really, boot: Boot { id: Some(99), since: HOUR }, ..machine.keep() };
    let time = ProvenTime::begin(Some(other), machine.clock.now(), machine.clock.boot());
    assert_eq!(time.proven, machine.really);
    // Where the system does not say which boot it is, nothing is proven by it.
    let unknown = Boot { id: None, since: 500 * HOUR };
    assert_eq!(ProvenTime::begin(Some(other), machine.clock.now(), unknown).proven, machine.really);
}

#[test]
fn a_clock_that_was_never_set_founds_nothing() {
    let clock = ManualClock::at(Timestamp(1_000));
    let mut time = ProvenTime::begin(None, clock.now(), clock.boot());
    clock.advance(HOUR);
    time.observe(clock.now(), clock.boot());
    clock.set_wall(NOW);
    clock.advance(SECOND);
    time.observe(clock.now(), clock.boot());
    assert_eq!(time.now(clock.now(), clock.boot()), clock.now(), "founded when the clock was set");
}

/// Else no later step would be held up for as long as proven time is ahead.
#[test]
fn proven_time_that_is_ahead_comes_back_to_a_clock_that_stands() {
    let mut machine = Machine::new();
    machine.step(whole_ms(2 * HOUR));
    machine.time = ProvenTime::begin(None, machine.clock.now(), machine.clock.boot());
    machine.run(60 * SECOND, SECOND);
    machine.step(-whole_ms(2 * HOUR));
    machine.run(2 * HOUR + 2 * SECOND, SECOND);
    assert_eq!(machine.late(), 0);
    machine.step(whole_ms(HOUR));
    machine.run(60 * SECOND, SECOND);
    assert_eq!(machine.late(), 0, "the step has stood for a minute");
}

/// NTP slews, and the two clocks never tick alike.
#[test]
fn slewing_is_no_step() {
    let mut machine = Machine::new();
    machine.step(whole_ms(HOUR));
    for _ in 0..3_700 {
        machine.run(SECOND, SECOND);
        machine.step(-1);
    }
    assert!(machine.late() < 0, "the gap has stood all the time");
}

#[test]
fn it_is_kept_once_a_minute() {
    let mut machine = Machine::new();
    let mut times = 0;
    for _ in 0..600 {
        machine.run(SECOND, SECOND);
        times += usize::from(machine.time.is_due());
    }
    assert_eq!(times, 10);
}

#[test]
fn what_is_not_whole_is_no_file() {
    let boot = Boot { id: Some(7), since: Duration::from_millis(123_456) };
    let kept = Kept { proven: NOW, boot, wall: Timestamp(NOW.0 - 5), steady_since: SECOND };
    let text = kept.encode();
    assert_eq!(Kept::decode(text.as_bytes()), Some(kept));
    for cut in 0..text.len() {
        assert_eq!(Kept::decode(&text.as_bytes()[..cut]), None, "cut at {cut}");
        let mut flipped = text.clone().into_bytes();
        flipped[cut] ^= 1;
        assert_eq!(Kept::decode(&flipped), None, "byte {cut}");
    }
    let negative = Kept { proven: Timestamp(-1), ..kept };
    assert_eq!(Kept::decode(negative.encode().as_bytes()), None);
    let sealed = |text: String| format!("{text}crc={:08x}\n", crc32c(text.as_bytes()));
    let body = text.split("crc=").next().expect("it has a body");
    assert_eq!(Kept::decode(sealed(body.to_owned()).as_bytes()), Some(kept));
    for other in [body.replace("version=2", "version=3"), body.replace("steady=1000\n", ""), format!("{body}more=1\n")]
    {
        assert_eq!(Kept::decode(sealed(other.clone()).as_bytes()), None, "{other}");
    }
    let first = body.replace("version=2", "version=1").split("wall=").next().expect("it has a body").to_owned();
    let known = Kept { wall: NOW, steady_since: boot.since, ..kept };
    assert_eq!(Kept::decode(sealed(first).as_bytes()), Some(known), "as the first version wrote it");
}

/// Each run is shorter than the gap.
#[test]
fn restarts_do_not_keep_a_gap_from_being_believed() {
    let mut machine = Machine::new();
    machine.reboot(3 * HOUR, 10 * SECOND);
    for _ in 0..11 {
        machine.run(HOUR / 4, SECOND);
        machine.restart(10 * SECOND);
    }
    assert!(machine.late() > 0, "{}", machine.late());
    machine.run(HOUR / 4, SECOND);
    assert_eq!(machine.late(), 0);
}

/// But a step between two of them does, and one that came before a reboot.
#[test]
fn what_was_stepped_between_two_runs_has_not_stood() {
    let mut machine = Machine::new();
    machine.run(HOUR, SECOND);
    machine.restart(SECOND);
    machine.step(whole_ms(HOUR / 2));
    machine.restart(SECOND);
    machine.run(HOUR / 4, SECOND);
    assert!(machine.now() <= machine.really);
    machine.step(whole_ms(HOUR / 2));
    machine.restart(SECOND);
    machine.run(HOUR / 2, SECOND);
    assert!(machine.now() <= machine.really, "the first part of it stood for long enough, all of it did not");
    machine.reboot(SECOND, SECOND);
    machine.run(HOUR / 2, SECOND);
    assert!(machine.now() <= machine.really);
}

/// However small it is beside the stop.
#[test]
fn a_step_during_a_long_stop_is_not_believed() {
    let mut machine = Machine::new();
    machine.run(HOUR, SECOND);
    let kept = machine.keep();
    machine.clock.restart(24 * 10 * HOUR);
    machine.really = after(machine.really, 24 * 10 * HOUR);
    machine.step(430_000);
    machine.time = ProvenTime::begin(Some(kept), machine.clock.now(), machine.clock.boot());
    machine.run(2 * SECOND, SECOND);
    assert!(machine.late() >= 0, "{} ms early", -machine.late());
}
