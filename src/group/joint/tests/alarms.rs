//! What is due of a member that changes its protocol: what was due before is forgotten, what is due from then on is not.

use super::*;

const SHORT: Duration = ms(7_000);

fn short_join(member: &str) -> Join {
    Join { rebalance_timeout: SHORT, session_timeout: ms(10_000), ..classic_join(member, &["a"], &[]) }
}

fn sync(member: &str, generation: i32) -> Sync {
    classic::tests::sync(&name(member), generation)
}

impl Bench {
    fn epoch(&self, member: &str) -> Option<i32> {
        self.described().members.iter().find(|one| *one.member == *member).map(|one| one.epoch)
    }

    /// Time passes while members of the new protocol say that they live.
    fn live(&mut self, seconds: u64, members: &[&str]) {
        for _ in 0..seconds {
            self.pass(ms(1_000));
            for member in members {
                let one = self.described().members.into_iter().find(|one| *one.member == **member);
                let Some(one) = one else { continue };
                let request = ConsumerHeartbeat { instance: one.instance, ..beat(member, one.epoch) };
                self.heartbeat(&request).expect("a member");
            }
        }
    }

    /// A group that stays one of the new protocol, and a classic member of it.
    fn mixed(instance: Option<&str>) -> (Bench, Name) {
        let mut bench = Bench::new(&[("a", 4)]);
        bench.heartbeat(&joining("other", &["a"])).expect("joined");
        let joined = bench.join(&Join { instance: instance.map(name), ..short_join("") });
        assert_eq!(joined.error, None);
        (bench, joined.member)
    }
}

/// Its sync is due, and its join.
#[test]
fn a_classic_member_that_speaks_the_new_protocol_need_not_sync_or_join() {
    let (mut bench, member) = Bench::mixed(None);
    bench.heartbeat(&joining(&member, &["a"])).expect("joined");
    bench.live(60, &["other", &member]);
    assert!(bench.epoch(&member).is_some(), "it was to sync");

    let (mut bench, member) = Bench::mixed(None);
    bench.sync(&sync(&member, 3)).expect("assigned");
    bench.heartbeat(&joining("more", &["a"])).expect("joined");
    assert_eq!(bench.classic_heartbeat(&member, 3), Err(GroupError::RebalanceInProgress));
    bench.heartbeat(&joining(&member, &["a"])).expect("joined");
    bench.live(30, &["other", "more", &member]);
    assert!(bench.epoch(&member).is_some(), "it was to join");
    // The session is that of the new protocol.
    bench.live(40, &["other", "more"]);
    assert!(bench.epoch(&member).is_some());
    bench.live(5, &["other", "more"]);
    assert!(bench.epoch(&member).is_none());
}

/// It had to give up partitions without an end, as classic members do.
#[test]
fn a_classic_member_that_speaks_the_new_protocol_gives_up_partitions_in_time() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("other", &["a"])).expect("joined");
    let member = bench.join(&short_join("")).member;
    bench.heartbeat(&owning("other", 2, Target::new())).expect("gave up");
    let joined = bench.join(&short_join(&member));
    assert_eq!(bench.has(&member)[&id("a")].len(), 2);
    bench.sync(&sync(&member, joined.generation)).expect("assigned");
    bench.heartbeat(&joining("more", &["a"])).expect("joined");
    bench.heartbeat(&joining("yet", &["a"])).expect("joined");
    let owned: Vec<i32> = bench.has(&member)[&id("a")].iter().copied().collect();
    let owns = Join { protocols: classic_join("", &["a"], &[("a", &owned)]).protocols, ..short_join(&member) };
    bench.join(&owns);
    bench.heartbeat(&ConsumerHeartbeat { rebalance_timeout_ms: 20_000, ..joining(&member, &["a"]) }).expect("joined");
    bench.live(19, &["other", "more", "yet", &member]);
    assert!(bench.epoch(&member).is_some());
    bench.live(1, &["other", "more", "yet", &member]);
    assert!(bench.epoch(&member).is_none(), "it never said that it gave up anything");
}

#[test]
fn a_new_member_that_speaks_the_classic_protocol_need_not_give_up_in_its_heartbeats() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&ConsumerHeartbeat { rebalance_timeout_ms: 7_000, ..joining("m", &["a"]) }).expect("joined");
    bench.heartbeat(&joining("other", &["a"])).expect("joined");
    assert_eq!(bench.heartbeat(&beat("m", 2)).expect("to give up").epoch, 2);
    let of = |owned: &[(&str, &[i32])]| Join { session_timeout: ms(30_000), ..classic_join("m", &["a"], owned) };
    let joined = bench.join(&of(&[("a", &[0, 1, 2, 3])]));
    assert_eq!((joined.error, joined.generation), (None, 2), "it has yet to give up");
    bench.sync(&sync("m", 2)).expect("assigned");
    bench.live(29, &["other"]);
    assert_eq!(bench.epoch("m"), Some(2), "it was to give up within seven seconds");
    // The session is that of the classic one.
    bench.live(1, &["other"]);
    assert_eq!(bench.epoch("m"), None);
}

#[test]
fn a_classic_member_that_was_a_new_one_syncs_in_time() {
    let mut bench = Bench::new(&[("a", 4)]);
    bench.heartbeat(&joining("m", &["a"])).expect("joined");
    bench.heartbeat(&joining("other", &["a"])).expect("joined");
    bench.join(&short_join("m"));
    bench.live(6, &["other"]);
    assert!(bench.epoch("m").is_some());
    bench.live(1, &["other"]);
    assert!(bench.epoch("m").is_none());
}

#[test]
fn a_static_member_goes_up_and_down_and_nothing_of_its_past_is_due() {
    let (mut bench, old) = Bench::mixed(Some("i"));
    bench.heartbeat(&with_instance("i", joining("m", &["a"]))).expect("up");
    assert_eq!(bench.epoch(&old), None);
    bench.live(60, &["other", "m"]);
    assert!(bench.epoch("m").is_some(), "its sync was due");
    bench.settle(&["other", "m"]);
    bench.heartbeat(&joining("more", &["a"])).expect("joined");
    bench.heartbeat(&joining("yet", &["a"])).expect("joined");
    bench.heartbeat(&with_instance("i", beat("m", bench.epoch("m").expect("it is one")))).expect("to give up");
    let down = Join { instance: Some(name("i")), rebalance_timeout: ms(90_000), ..short_join("") };
    let joined = bench.join(&down);
    assert_eq!((joined.error, bench.epoch("m")), (None, None));
    for _ in 0..14 {
        bench.live(5, &["other", "more", "yet"]);
        let heartbeat = classic::tests::heartbeat(&joined.member, bench.epoch(&joined.member).expect("it is one"));
        let heartbeat = crate::group::command::Heartbeat { instance: Some(name("i")), ..heartbeat };
        bench.step(|groups, now, out| groups.heartbeat(now, Ticket(0), &heartbeat, out));
    }
    assert!(bench.epoch(&joined.member).is_some(), "it was to give up within a minute");
    // It has its own alarms.
    bench.live(10, &["other", "more", "yet"]);
    assert!(bench.epoch(&joined.member).is_none(), "it was silent");
}

/// The same id all along.
#[test]
fn a_static_member_that_keeps_its_id_has_the_alarms_of_its_protocol() {
    let (mut bench, member) = Bench::mixed(Some("i"));
    bench.heartbeat(&with_instance("i", joining(&member, &["a"]))).expect("up");
    bench.live(60, &["other", &member]);
    assert!(bench.epoch(&member).is_some(), "its sync was due");
    bench.settle(&["other", &member]);
    let down = Join { instance: Some(name("i")), ..short_join(&member) };
    assert_eq!(bench.join(&down).error, None);
    bench.live(7, &["other"]);
    assert!(bench.epoch(&member).is_none(), "it did not sync");
}

/// What was due in a classic group is not due in the one that it becomes, and the other way round.
#[test]
fn a_group_that_changes_forgets_what_was_due_in_it() {
    let mut bench = Bench::new(&[("a", 4)]);
    let ticket = bench.ask_join(&Join { session_timeout: ms(40_000), ..short_join("") });
    bench.pass(ms(7_000));
    let joined = bench.joined(ticket);
    // Its sync is due within its rebalance timeout.
    bench.heartbeat(&joining("m", &["a"])).expect("up");
    bench.live(39, &["m"]);
    assert!(bench.epoch(&joined.member).is_some());
    let again = bench.join(&Join { session_timeout: ms(40_000), ..short_join(&joined.member) });
    // Down: its sync is due again, in a group that is no more.
    bench.heartbeat(&beat("m", -1)).expect("left");
    bench.ask_join(&Join { session_timeout: ms(40_000), ..short_join(&joined.member) });
    assert!(again.error.is_none() && matches!(bench.kind(), Some(AnyState::Classic(_))));
    assert_eq!(bench.groups.consumer.due(), None);
    bench.heartbeat(&joining("n", &["a"])).expect("up again");
    assert_eq!(bench.groups.classic.due(), None);
}
