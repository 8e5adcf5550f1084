//! One member comes or goes in a large group: no other group of the partition waits for long. The bound is a liveness
//! bound, ten times what it takes at most (docs/group-scale.md).

use super::*;
use std::time::Instant;

const MEMBERS: usize = 1_000;
const TOPICS: usize = 1_000;
/// What a step may take.
const BOUND: Duration = Duration::from_millis(50);
/// Times that each is tried: the best counts, for a machine that does other things too.
const TRIES: usize = 5;

fn by_regex(member: &str) -> ConsumerHeartbeat {
    ConsumerHeartbeat { topics: None, regex: Some(name("topic.*")), ..joining(member, &[]) }
}

#[allow(clippy::disallowed_methods)] // it measures
fn timed(step: impl FnOnce()) -> Duration {
    let begun = Instant::now();
    step();
    begun.elapsed()
}

#[test]
fn one_comes_and_goes_in_a_large_group() {
    for assignor in consumer::assign::ASSIGNORS {
        let topics: Vec<String> = (0..TOPICS).map(|at| format!("topic-{at}")).collect();
        let topics: Vec<(&str, i32)> = topics.iter().map(|topic| (&**topic, 5)).collect();
        let mut bench = Bench::new(&topics);
        let pauses = consumer::Settings { assignment_interval: ms(1_000), ..consumer::Settings::default() };
        bench.view.assignment_interval = pauses.assignment_interval;
        let join = |member: String| ConsumerHeartbeat { assignor: Some(name(assignor)), ..by_regex(&member) };
        (0..MEMBERS).for_each(|at| drop(bench.heartbeat(&join(format!("member-{at}"))).expect("it joins")));
        let mut best = [Duration::MAX; 2];
        for _ in 0..TRIES {
            // Each is a step that makes a target, too.
            bench.now += ms(1_000);
            let joined = timed(|| drop(bench.heartbeat(&join("one-more".to_owned())).expect("it joins")));
            let left = timed(|| drop(bench.heartbeat(&beat("one-more", -1)).expect("it leaves")));
            bench.now += ms(1_000);
            let seen = timed(|| drop(bench.heartbeat(&join("next".to_owned())).expect("it joins")));
            bench.heartbeat(&beat("next", -1)).expect("it leaves");
            best = [best[0].min(joined).min(seen), best[1].min(left)];
        }
        println!("{assignor}: one joins {:?}, one leaves {:?}", best[0], best[1]);
        assert!(best.iter().all(|best| *best < BOUND), "{assignor}: {best:?}");
    }
}
