//! What a group may come to: members, what they say, and Kafka's records of it.

use super::*;

#[test]
fn a_group_has_no_more_members_than_it_may() {
    let consumer = consumer::Settings { size_max: 2, ..consumer::Settings::default() };
    let mut bench = Bench::with(&[("a", 4)], classic::Settings::default(), consumer, Policy::default());
    bench.heartbeat(&with_instance("i", joining("m", &["a"]))).expect("joined");
    bench.heartbeat(&joining("n", &["a"])).expect("joined");
    assert_eq!(bench.heartbeat(&joining("o", &["a"])), Err(GroupError::GroupMaxSizeReached));
    let refused = bench.join(&classic_join("", &["a"], &[]));
    assert_eq!(refused.error, Some(GroupError::GroupMaxSizeReached));
    // Who is one may come again.
    bench.heartbeat(&joining("n", &["a"])).expect("is one");
    bench.heartbeat(&with_instance("i", beat("m", -2))).expect("leaves for now");
    bench.heartbeat(&with_instance("i", joining("m-2", &["a"]))).expect("is one");
}

#[test]
fn members_can_t_say_more_than_a_group_can_remember() {
    let said_bytes_max = 3_000;
    let consumer = consumer::Settings { record_bytes_max: 2_000, said_bytes_max, ..consumer::Settings::default() };
    let mut bench = Bench::with(&[("a", 4)], classic::Settings::default(), consumer, Policy::default());
    let names: Vec<String> = (0..200).map(|topic| format!("topic-{topic}")).collect();
    let many: Vec<&str> = names.iter().map(String::as_str).collect();
    assert_eq!(bench.heartbeat(&joining("m", &many)), Err(GroupError::StateTooLarge));
    let some = &many[..60];
    bench.heartbeat(&joining("m", some)).expect("joined");
    bench.heartbeat(&joining("n", some)).expect("joined");
    assert_eq!(bench.heartbeat(&joining("o", some)), Err(GroupError::StateTooLarge));
    // One that says less makes room.
    bench.heartbeat(&ConsumerHeartbeat { topics: Some(BTreeSet::new()), ..beat("m", 2) }).expect("says less");
    bench.heartbeat(&joining("o", some)).expect("joined");
}

#[test]
fn an_expression_that_matches_more_than_a_record_can_hold_is_refused() {
    let consumer = consumer::Settings { record_bytes_max: 600, ..consumer::Settings::default() };
    let topics: Vec<String> = (0..50).map(|topic| format!("t{topic:020}")).collect();
    let topics: Vec<(&str, i32)> = topics.iter().map(|topic| (topic.as_str(), 1)).collect();
    let mut bench = Bench::with(&[], classic::Settings::default(), consumer, Policy::default());
    let numbered = |(at, (topic, partitions)): (usize, &(&str, i32))| TopicChange::CreateTopic {
        name: (*topic).into(),
        id: TopicId(Uuid::from_u128(at as u128 + 1)),
        partitions: *partitions,
        configs: Configs::new(),
    };
    let changes: Vec<_> = topics.iter().enumerate().map(numbered).collect();
    bench.change_topics(&changes[..5]);
    let request = ConsumerHeartbeat { topics: None, regex: Some(name("t.*")), ..joining("m", &[]) };
    let epoch = bench.heartbeat(&request).expect("joined").epoch;
    // More and more match: what was known stays.
    bench.change_topics(&changes[5..]);
    bench.pass(ms(1_000));
    assert_eq!(bench.heartbeat(&beat("m", epoch)).expect("lives").epoch, epoch);
    bench.heartbeat(&beat("m", -1)).expect("left");
    assert_eq!(bench.heartbeat(&request), Err(GroupError::TooManyExpressions));
}

/// They go into one batch of records when all are looked at again.
#[test]
fn expressions_of_a_group_match_no_more_in_all_than_it_can_remember() {
    let consumer = consumer::Settings { said_bytes_max: 4_000, ..consumer::Settings::default() };
    let mut bench = Bench::with(&[], classic::Settings::default(), consumer, Policy::default());
    let topic = |at: usize| TopicChange::CreateTopic {
        name: format!("t{at:098}").as_str().into(),
        id: TopicId(Uuid::from_u128(at as u128 + 1)),
        partitions: 1,
        configs: Configs::new(),
    };
    bench.change_topics(&(0..15).map(topic).collect::<Vec<_>>());
    let request = |member: &str, regex: &str| {
        let regex = Some(name(regex));
        ConsumerHeartbeat { topics: None, regex, ..joining(member, &[]) }
    };
    bench.heartbeat(&request("m", "t.*")).expect("joined");
    bench.heartbeat(&request("n", "t.+")).expect("joined");
    assert_eq!(bench.heartbeat(&request("o", ".*")), Err(GroupError::TooManyExpressions));
    bench.heartbeat(&request("o", "t.*")).expect("it is known");
    // More match: what was known stays.
    bench.change_topics(&(15..30).map(topic).collect::<Vec<_>>());
    bench.pass(ms(1_000));
    bench.heartbeat(&beat("m", 2)).expect("lives");
    // One that nobody has any more makes room.
    bench.heartbeat(&beat("n", -1)).expect("left");
    bench.restart();
    bench.heartbeat(&request("n", ".*0")).expect("joined");
}

/// All of them are compiled and matched again when topics change.
#[test]
fn a_group_has_no_more_expressions_than_it_may() {
    let mut bench = Bench::new(&[("t1", 1)]);
    let request = |at: usize| {
        let regex = Some(name(&format!("t{at}|x")));
        ConsumerHeartbeat { topics: None, regex, ..joining(&format!("m{at}"), &[]) }
    };
    for at in 0..100 {
        bench.heartbeat(&request(at)).expect("joined");
    }
    assert_eq!(bench.heartbeat(&request(100)), Err(GroupError::TooManyExpressions));
    // One that others have is no more, and one that nobody has any more makes room.
    bench.heartbeat(&ConsumerHeartbeat { member: name("other"), ..request(7) }).expect("joined");
    bench.heartbeat(&beat("m3", -1)).expect("left");
    bench.heartbeat(&request(100)).expect("joined");
}

/// As a classic group it could never be assigned again.
#[test]
fn a_group_that_no_record_of_a_classic_one_can_hold_stays_what_it_is() {
    let check = |record_bytes_max: usize, changes: bool| {
        let classic = classic::Settings { record_bytes_max, ..classic::Settings::default() };
        let consumer = consumer::Settings { assignment_interval: ms(0), ..consumer::Settings::default() };
        let mut bench = Bench::with(&[("a", 4)], classic, consumer, Policy::default());
        bench.heartbeat(&joining("m", &["a"])).expect("joined");
        let long = "x".repeat(300);
        let olds = ["o", "p"].map(|old| bench.join(&classic_join(old, &["a", &long], &[])).member);
        bench.heartbeat(&beat("m", -1)).expect("left");
        assert_eq!(matches!(bench.kind(), Some(AnyState::Classic(_))), changes, "{record_bytes_max}");
        if changes {
            return;
        }
        assert!(!bench.log.iter().any(|change| matches!(change, Change::Group { value: Some(_), .. })));
        // Its members go on.
        for old in &olds {
            let joined = bench.join(&classic_join(old, &["a", &long], &[]));
            assert_eq!(joined.error, None);
            bench.sync(&classic::tests::sync(old, joined.generation)).expect("assigned");
            assert_eq!(bench.has(old)[&id("a")].len(), 2);
        }
    };
    check(700, false);
    check(7_000, true);
}
