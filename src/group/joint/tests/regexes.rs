//! Subscriptions by regular expression (NG-3, NG-6).

use super::*;

/// A round of looks that was begun comes to its end, however often topics come.
#[test]
fn every_expression_has_its_turn_while_topics_keep_coming() {
    let mut bench = Bench::new(&[("other", 1)]);
    let members: Vec<String> = (0..10).map(|at| format!("m{at}")).collect();
    for (at, member) in members.iter().enumerate() {
        bench.heartbeat(&matching(member, &format!("t{at}-.*"))).expect("joined");
    }
    bench.change_topics(&[create("t9-new", 1)]);
    // Each member beats every five seconds.
    for second in 0..10 {
        bench.change_topics(&[create(&format!("z{second}"), 1)]);
        bench.pass(ms(1_000));
        for at in [2 * second % 10, (2 * second + 1) % 10] {
            let described = bench.described();
            let one = described.members.iter().find(|one| *one.member == *members[at]).expect("a member");
            bench.heartbeat(&beat(&members[at], one.epoch)).expect("lives");
        }
    }
    assert!(bench.groups.subscriptions(&name(GROUP))("t9-new"), "nobody looked for topics of the last one");
}

fn matching(member: &str, regex: &str) -> ConsumerHeartbeat {
    ConsumerHeartbeat { topics: None, regex: Some(name(regex)), ..joining(member, &[]) }
}

#[test]
fn topics_that_match_are_assigned_at_once() {
    let mut bench = Bench::new(&[("log-a", 1), ("log-b", 2), ("other", 1)]);
    let told = bench.heartbeat(&matching("m", "log-.*")).expect("joined");
    assert_eq!(told.assignment, Some(target(&[("log-a", &[0]), ("log-b", &[0, 1])])));
    // A second member with the same, and a third with a name besides.
    bench.heartbeat(&matching("n", "log-.*")).expect("joined");
    let request = ConsumerHeartbeat { regex: Some(name("log-b")), ..joining("o", &["other"]) };
    bench.heartbeat(&request).expect("joined");
    bench.settle(&["m", "n", "o"]);
    assert_eq!(bench.has("o").get(&id("other")).map(BTreeSet::len), Some(1));
}

#[test]
fn a_topic_that_appears_is_assigned_without_the_client_s_doing() {
    let mut bench = Bench::new(&[("log-a", 1)]);
    bench.heartbeat(&matching("m", "log-.*")).expect("joined");
    bench.change_topics(&[create("log-b", 1), create("other", 1)]);
    bench.pass(ms(1_000));
    let told = bench.heartbeat(&beat("m", 2)).expect("lives");
    assert_eq!((told.epoch, told.assignment), (3, Some(target(&[("log-a", &[0]), ("log-b", &[0])]))));
    bench.change_topics(&[TopicChange::DeleteTopic { id: id("log-a") }]);
    bench.pass(ms(1_000));
    let told = bench.heartbeat(&owning("m", 3, Target::new())).expect("lives");
    assert_eq!(told.assignment, Some(target(&[("log-b", &[0])])));
    // Nothing changes: nothing is written.
    bench.change_topics(&[create("another", 1)]);
    bench.pass(ms(1_000));
    let before = bench.log.len();
    assert_eq!(bench.heartbeat(&beat("m", told.epoch)).expect("lives").epoch, told.epoch);
    assert_eq!(bench.log.len(), before);
    // Kafka looks again after a while, whatever has changed.
    for _ in 0..20 {
        bench.pass(ms(30_000));
        bench.heartbeat(&beat("m", told.epoch)).expect("lives");
    }
    assert!(bench.log.len() > before, "group.consumer.regex.refresh.interval.ms");
}

#[test]
fn bad_ones_are_refused_and_change_nothing() {
    let mut bench = Bench::new(&[("a", 1)]);
    let long = "a".repeat(100_000);
    for regex in ["(", "a)|(b", r"(.)\1", &long] {
        assert_eq!(bench.heartbeat(&matching("m", regex)), Err(GroupError::InvalidRegularExpression));
    }
    assert_eq!(bench.kind(), None);
    bench.heartbeat(&matching("m", "a")).expect("joined");
    let request = ConsumerHeartbeat { regex: Some(name("*")), ..beat("m", 2) };
    assert_eq!(bench.heartbeat(&request), Err(GroupError::InvalidRegularExpression));
    assert_eq!(bench.heartbeat(&beat("m", 2)).expect("lives").epoch, 2);
}

#[test]
fn another_expression_takes_the_place_of_the_old_one() {
    let mut bench = Bench::new(&[("a", 1), ("b", 1)]);
    bench.heartbeat(&matching("m", "a")).expect("joined");
    let request = ConsumerHeartbeat { regex: Some(name("b")), owned: Some(Target::new()), ..beat("m", 2) };
    let told = bench.heartbeat(&request).expect("says so");
    assert_eq!(told.assignment, Some(target(&[("b", &[0])])));
    assert!(!bench.groups.subscriptions(&name(GROUP))("a") && bench.groups.subscriptions(&name(GROUP))("b"));
    // An empty one is none; names may take its place.
    let request = ConsumerHeartbeat {
        regex: Some(name("")),
        topics: Some([name("a")].into()),
        owned: Some(Target::new()),
        ..beat("m", told.epoch)
    };
    assert_eq!(bench.heartbeat(&request).expect("says so").assignment, Some(target(&[("a", &[0])])));
    assert!(!bench.groups.subscriptions(&name(GROUP))("b"));
    bench.restart();
    assert!(bench.groups.subscriptions(&name(GROUP))("a") && !bench.groups.subscriptions(&name(GROUP))("b"));
}

#[test]
fn the_last_who_wants_an_expression_takes_it_away() {
    let mut bench = Bench::new(&[("a", 1)]);
    bench.heartbeat(&matching("m", "a")).expect("joined");
    bench.heartbeat(&beat("m", -1)).expect("left");
    assert!(!bench.groups.subscriptions(&name(GROUP))("a"));
    bench.restart();
    assert!(!bench.groups.subscriptions(&name(GROUP))("a"));
}

/// After a start nobody has said yet which topics there are: what was known of them stays.
#[test]
fn a_member_that_is_missed_before_anybody_asked_takes_no_topics_away() {
    let mut bench = Bench::new(&[("a", 2)]);
    bench.heartbeat(&matching("m", "a")).expect("joined");
    bench.heartbeat(&with_instance("i", matching("n", "a"))).expect("joined");
    bench.settle(&["m", "n"]);
    // It goes by LeaveGroup, which is asked with no topics here.
    let view = std::mem::take(&mut bench.view);
    bench.restart();
    assert_eq!(bench.leave(&[("", Some("i"))]), [Ok(())]);
    assert!(bench.groups.subscriptions(&name(GROUP))("a"));
    bench.view = view;
    bench.settle(&["m"]);
    assert_eq!(bench.has("m"), target(&[("a", &[0, 1])]));
}
