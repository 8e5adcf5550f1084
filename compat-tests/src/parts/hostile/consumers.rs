//! Hostile members of the consumer protocol (KIP-848): floods of them, huge subscriptions, epochs that are not, expressions
//! built to explode. Each has its code and says why; a group whose records are in the same partition and a producer go on
//! throughout. What is only said, not piled up, is asked of Apache Kafka too, in a long run.

use super::groups::{Bystander, commit, expect, group, text};
use super::{HEALTHY_WITHIN, Sizes};
use crate::raw_producer::{RawProducer, Target, batch};
use kafka_protocol::ResponseError::{
    self, CoordinatorLoadInProgress, CoordinatorNotAvailable, FencedInstanceId, FencedMemberEpoch, GroupIdNotFound,
    GroupMaxSizeReached, InvalidRegularExpression, InvalidRequest, NotCoordinator, OffsetMetadataTooLarge,
    StaleMemberEpoch, UnknownMemberId, UnknownServerError, UnknownTopicOrPartition, UnreleasedInstanceId,
    UnsupportedAssignor, UnsupportedVersion,
};
use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions;
use kafka_protocol::messages::{
    ConsumerGroupHeartbeatRequest as Request, ConsumerGroupHeartbeatResponse, FindCoordinatorRequest, TopicName,
};
use std::time::{Duration, Instant};

/// The versions of ConsumerGroupHeartbeat: in the older one members are given ids, and know no expressions.
const VERSIONS: [i16; 2] = [0, 1];
const NEWEST: i16 = 1;
/// From here on OffsetCommit knows member epochs.
const COMMIT: i16 = 9;
/// Members that a group may have (`group.consumer.max.size`), and how many more come.
pub(super) const SIZE_MAX: usize = 500;
const MORE: usize = 50;
/// What Ottla keeps at most of what the members of a group say, bytes.
const SAID_MAX: usize = 8 << 20;
/// Different expressions of a group that Ottla takes at most.
const EXPRESSIONS_MAX: usize = 100;
/// Names of one subscription, and bytes of each: what fits into a record, and what does not.
const MANY_NAMES: (usize, usize) = (500, 200);
const TOO_MANY_NAMES: (usize, usize) = (100_000, 20);
/// Topics with names as long as they may be, for the expressions to match.
const LONG_TOPICS: usize = 100;
const LONG_NAME: usize = 249;
/// Topics that come later, one by one.
const LOOKS: usize = 3;
const TOPIC: &str = "hostile-consumers";
/// The group of the floods.
const HOSTILE: &str = "hostile";
/// Partitions of `__consumer_offsets`.
const OFFSETS_PARTITIONS: i32 = 50;
/// A version of FindCoordinator with a list.
const FIND: i16 = 4;
/// Tenths of a second in which a coordinator is there: a liveness bound.
const LOADED_AFTER: usize = 300;

/// Whose answers are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Ottla,
    Kafka,
}

fn beat(name: &str, member: &str, epoch: i32) -> Request {
    Request::default()
        .with_group_id(group(name))
        .with_member_id(text(member))
        .with_member_epoch(epoch)
        .with_rebalance_timeout_ms(-1)
        .with_subscribed_topic_names(None)
        .with_topic_partitions(None)
}

fn topics(names: impl IntoIterator<Item = String>) -> Option<Vec<TopicName>> {
    Some(names.into_iter().map(|name| TopicName(text(&name))).collect())
}

fn join(name: &str, member: &str) -> Request {
    let request = beat(name, member, 0).with_rebalance_timeout_ms(30_000);
    request.with_subscribed_topic_names(topics([TOPIC.to_owned()])).with_topic_partitions(Some(Vec::new()))
}

fn matching(name: &str, member: &str, regex: &str) -> Request {
    join(name, member).with_subscribed_topic_names(None).with_subscribed_topic_regex(Some(text(regex)))
}

fn owning(topics: usize, partition: i32) -> Option<Vec<TopicPartitions>> {
    let topic = |_| TopicPartitions::default().with_topic_id(strange_id()).with_partitions(vec![partition; 3]);
    Some((0..topics).map(topic).collect())
}

/// The id of no topic.
fn strange_id() -> uuid::Uuid {
    uuid::Uuid::from_u128(0x5eed_0000_0000_0000_0000)
}

/// A refusal must say why. A coordinator that is still loading is asked again.
fn ask(
    connection: &mut RawProducer,
    version: i16,
    request: &Request,
) -> Result<ConsumerGroupHeartbeatResponse, String> {
    let passing = [CoordinatorLoadInProgress, CoordinatorNotAvailable, NotCoordinator].map(|error| error.code());
    for _ in 0..LOADED_AFTER {
        let answer = connection.ask(version, request)?;
        if passing.contains(&answer.error_code) {
            std::thread::sleep(Duration::from_millis(100));
            continue;
        }
        let silent = answer.error_message.as_ref().is_none_or(|words| words.trim().is_empty());
        if answer.error_code != 0 && silent {
            return Err(format!("error {} has no message: {:.400}", answer.error_code, format!("{request:?}")));
        }
        return Ok(answer);
    }
    Err("the coordinator never came".to_owned())
}

/// What is asked, and what comes of it: of Ottla, and of Kafka.
struct Case {
    what: &'static str,
    request: Request,
    wanted: [Option<ResponseError>; 2],
}

fn same(what: &'static str, request: Request, wanted: Option<ResponseError>) -> Case {
    Case { what, request, wanted: [wanted, wanted] }
}

/// Where Ottla has a bound that Kafka lacks.
fn bound(what: &'static str, request: Request, wanted: Option<ResponseError>) -> Case {
    Case { what, request, wanted: [wanted, None] }
}

/// Heartbeats that say what can't be.
fn words() -> Vec<Case> {
    let valid = || join("words", "m");
    let mut cases = vec![
        same("no group", join("", "m"), Some(InvalidRequest)),
        same("a blank group", join("  ", "m"), Some(InvalidRequest)),
        same("an epoch below all", beat("words", "m", -3), Some(InvalidRequest)),
        same("the least epoch", beat("words", "m", i32::MIN), Some(InvalidRequest)),
        same("the greatest epoch, no group", beat("no-such-group", "m", i32::MAX), Some(GroupIdNotFound)),
        same("who leaves no group", beat("no-such-group", "m", -1), Some(GroupIdNotFound)),
        same("away, and not static", beat("words", "m", -2), Some(InvalidRequest)),
        same("no rebalance timeout", valid().with_rebalance_timeout_ms(-1), Some(InvalidRequest)),
        same("no subscription", valid().with_subscribed_topic_names(None), Some(InvalidRequest)),
        same("owns something already", valid().with_topic_partitions(owning(1, 0)), Some(InvalidRequest)),
        same("does not say what it owns", valid().with_topic_partitions(None), Some(InvalidRequest)),
        same("an empty instance id", valid().with_instance_id(Some(text(""))), Some(InvalidRequest)),
        same("a blank instance id", valid().with_instance_id(Some(text(" "))), Some(InvalidRequest)),
        same("an empty rack", valid().with_rack_id(Some(text(""))), Some(InvalidRequest)),
        same("an unknown assignor", valid().with_server_assignor(Some(text("no"))), Some(UnsupportedAssignor)),
        same("an empty assignor", valid().with_server_assignor(Some(text(""))), Some(UnsupportedAssignor)),
    ];
    cases.extend(said());
    cases
}

/// What is strange, and can be.
fn said() -> Vec<Case> {
    let named = |name: String| join("said", "m").with_subscribed_topic_names(topics([name]));
    let long = || "x".repeat(30_000);
    vec![
        same("a rebalance timeout of nothing", join("said", "m").with_rebalance_timeout_ms(0), None),
        same("a rebalance timeout below nothing", join("said", "m").with_rebalance_timeout_ms(-2), None),
        same("no topic", join("said", "m").with_subscribed_topic_names(Some(Vec::new())), None),
        same("a topic without a name", named(String::new()), None),
        same("a topic that can't be", named("a/../b\u{0}\u{1F4A3}".to_owned()), None),
        same("a topic with a long name", named(long()), None),
        same("a long rack", join("said", "m").with_rack_id(Some(text(&long()))), None),
        same("a long instance id", join("long-instance", "m").with_instance_id(Some(text(&long()))), None),
        same("a long member id", join("said", &long()), None),
    ]
}

/// Expressions that can't be, or are built to explode; of the newest version.
fn expressions(whose: Whose) -> Vec<Case> {
    let case = |what, regex: &str, wanted| same(what, matching("words", "m", regex), wanted);
    let more = |what, regex: &str| bound(what, matching("words", "m", regex), Some(InvalidRegularExpression));
    let invalid = Some(InvalidRegularExpression);
    let mut cases = vec![
        case("an open group", "(", invalid),
        case("a closed group", ")", invalid),
        case("a star of nothing", "*", invalid),
        case("a range backwards", "[z-a]", invalid),
        case("a look ahead", "(?=a)b", invalid),
        case("a reference back", r"(a)\1", invalid),
        case("a lone backslash", "\\", invalid),
        case("out of the brackets", "a)|(b", invalid),
        case("alternatives that are the same", "(a|a)*(a|a)*b", None),
        case("stars of stars", "((a*)*)*b", None),
        case("a class of Unicode", r"\pL+", None),
        more("many classes of Unicode", &r"[\pL\PL]".repeat(800)),
        more("a long one", &"a".repeat(9_000)),
    ];
    if whose == Whose::Ottla {
        // Kafka 4.4 gave no answer to it within 15 seconds, nor to the group's next request.
        cases.push(case("counts of counts of counts", "((a{1,1000}){1,1000}){1,1000}", invalid));
    }
    cases
}

/// All that is only said. What is not as it is wanted.
pub(super) fn say(bootstrap: &str, whose: Whose) -> Result<usize, String> {
    let mut connection = RawProducer::connect(bootstrap)?;
    let mut wrong = Vec::new();
    let mut asked = 0;
    let mut check = |versions: &[i16], case: &Case| -> Result<(), String> {
        for version in versions {
            asked += 1;
            let what = format!("{}, version {version}", case.what);
            let answer = ask(&mut connection, *version, &case.request).map_err(|error| format!("{what}: {error}"))?;
            wrong.extend(expect(&what, answer.error_code, case.wanted[whose as usize]).err());
            if answer.error_code == 0 {
                let gone = beat(&case.request.group_id, &answer.member_id.unwrap_or_default(), -1);
                let gone = gone.with_instance_id(case.request.instance_id.clone());
                expect("it leaves", ask(&mut connection, NEWEST, &gone)?.error_code, None)?;
            }
        }
        Ok(())
    };
    words().iter().try_for_each(|case| check(&VERSIONS, case))?;
    check(&[0], &same("no id, and is given one", join("words", ""), None))?;
    check(&[1], &same("no id, and makes none", join("words", ""), Some(InvalidRequest)))?;
    expressions(whose).iter().try_for_each(|case| check(&[NEWEST], case))?;
    asked += epochs(bootstrap, &mut wrong)?;
    if wrong.is_empty() { Ok(asked) } else { Err(wrong.join("; ")) }
}

/// A member of a group of its own.
struct Member {
    connection: RawProducer,
    group: String,
    epoch: i32,
}

const ID: &str = "member";

impl Member {
    fn new(bootstrap: &str, name: &str) -> Result<Self, String> {
        let mut connection = RawProducer::connect(bootstrap)?;
        let joined = ask(&mut connection, NEWEST, &join(name, ID).with_instance_id(Some(text(ID))))?;
        expect("the join of a member alone", joined.error_code, None)?;
        Ok(Member { connection, group: name.to_owned(), epoch: joined.member_epoch })
    }

    fn beat(&self, epoch: i32) -> Request {
        beat(&self.group, ID, epoch).with_instance_id(Some(text(ID)))
    }

    fn commit(
        &mut self,
        version: i16,
        member: &str,
        epoch: i32,
        place: (&str, i32),
        said: &str,
    ) -> Result<i16, String> {
        let request = commit(&self.group, member, epoch, place.0, place.1, said);
        Ok(self.connection.ask(version, &request)?.topics[0].partitions[0].error_code)
    }

    fn is_well(&mut self) -> Result<(), String> {
        let request = self.beat(self.epoch);
        expect("its heartbeat", ask(&mut self.connection, NEWEST, &request)?.error_code, None)?;
        expect("its commit", self.commit(COMMIT, ID, self.epoch, (TOPIC, 0), "well")?, None)
    }
}

/// Epochs and members that are not, or are no longer; how many questions.
fn epochs(bootstrap: &str, wrong: &mut Vec<String>) -> Result<usize, String> {
    let mut member = Member::new(bootstrap, "epochs")?;
    let (epoch, stranger) = (member.epoch, beat("epochs", "stranger", member.epoch));
    let other = stranger.clone().with_instance_id(Some(text(ID)));
    let third = join("epochs", "third").with_instance_id(Some(text(ID)));
    let nobody = stranger.clone().with_instance_id(Some(text("nobody")));
    let leaves = |member: &str| beat("epochs", member, -1);
    let beats = [
        ("an epoch from the past", member.beat(epoch - 1), Some(FencedMemberEpoch)),
        ("an epoch from the future", member.beat(epoch + 1), Some(FencedMemberEpoch)),
        ("the greatest epoch", member.beat(i32::MAX), Some(FencedMemberEpoch)),
        ("a stranger", stranger, Some(UnknownMemberId)),
        ("a stranger leaves", leaves("stranger"), Some(UnknownMemberId)),
        ("a stranger with its instance id", other, Some(FencedInstanceId)),
        ("a stranger with a strange instance id", nobody, Some(UnknownMemberId)),
        ("one that joins with its instance id", third, Some(UnreleasedInstanceId)),
        ("owns what is not", member.beat(epoch).with_topic_partitions(owning(1, -7)), None),
        ("owns much", member.beat(epoch).with_topic_partitions(owning(20_000, i32::MAX)), None),
        ("a rebalance timeout of nothing", member.beat(epoch).with_rebalance_timeout_ms(0), None),
        ("a rebalance timeout below nothing", member.beat(epoch).with_rebalance_timeout_ms(i32::MIN), None),
    ];
    for (what, request, wanted) in &beats {
        for version in VERSIONS {
            let code = ask(&mut member.connection, version, request)?.error_code;
            wrong.extend(expect(&format!("{what}, version {version}"), code, *wanted).err());
        }
    }
    let here = (TOPIC, 0);
    let commits = [
        ("of an epoch from the past", COMMIT, ID, epoch - 1, here, Some(StaleMemberEpoch)),
        ("of an epoch from the future", COMMIT, ID, i32::MAX, here, Some(StaleMemberEpoch)),
        ("of the least epoch", COMMIT, ID, i32::MIN, here, Some(StaleMemberEpoch)),
        ("of a stranger", COMMIT, "stranger", epoch, here, Some(UnknownMemberId)),
        ("past the members", COMMIT, "", -1, here, Some(UnknownMemberId)),
        ("by the older version", COMMIT - 1, ID, epoch, here, Some(UnsupportedVersion)),
        ("for no topic", COMMIT, ID, epoch, ("no-such-topic", 0), Some(UnknownTopicOrPartition)),
        ("for no partition", COMMIT, ID, epoch, (TOPIC, 9), Some(UnknownTopicOrPartition)),
        ("for a partition below all", COMMIT, ID, epoch, (TOPIC, -1), Some(UnknownTopicOrPartition)),
    ];
    for (what, version, id, epoch, place, wanted) in commits {
        let code = member.commit(version, id, epoch, place, "")?;
        wrong.extend(expect(&format!("a commit {what}"), code, wanted).err());
    }
    let code = member.commit(COMMIT, ID, epoch, here, &"m".repeat(4_097))?;
    wrong.extend(expect("a commit with long metadata", code, Some(OffsetMetadataTooLarge)).err());
    member.is_well()?;
    Ok(beats.len() * VERSIONS.len() + commits.len() + 1)
}

/// All of it on Ottla; how long others waited at most.
pub(super) fn attack(bootstrap: &str, _sizes: &Sizes, _seed: u64) -> Result<String, String> {
    prepare(bootstrap)?;
    let mut member = Member::new(bootstrap, &neighbour(HOSTILE))?;
    let beside = Bystander::start(move || member.is_well());
    let (mut producer, one) = (RawProducer::connect(bootstrap)?, batch(1, 100));
    let target = Target { topic: TOPIC, partition: 0 };
    let producing = Bystander::start(move || producer.produce(&[target], &one));
    let attacked = say(bootstrap, Whose::Ottla).and_then(|asked| {
        flood(bootstrap)?;
        let kept = huge(bootstrap)?;
        Ok((asked, kept, explode(bootstrap)?))
    });
    let slowest = beside.stop().map_err(|error| format!("the member of another group: {error}"))?;
    let slowest_producer = producing.stop().map_err(|error| format!("the producer: {error}"))?;
    let (asked, kept, exploded) = attacked?;
    let words = format!(
        "{asked} questions, {kept} huge members kept, each expression within {} ms; another group's heartbeat and commit at \
         most {} ms, a producer {} ms",
        exploded.as_millis(),
        slowest.as_millis(),
        slowest_producer.as_millis()
    );
    if slowest.max(slowest_producer) > HEALTHY_WITHIN { Err(words) } else { Ok(words) }
}

/// The topics that are there, that of committed offsets among them: it is made when a coordinator is asked for.
pub(super) fn prepare(bootstrap: &str) -> Result<(), String> {
    crate::admin::create_topic(bootstrap, TOPIC, 1, &[])?;
    let find = FindCoordinatorRequest::default().with_key_type(0).with_coordinator_keys(vec![text(HOSTILE)]);
    RawProducer::connect(bootstrap)?.ask(FIND, &find).map(drop)
}

/// A group whose records are where those of this one are.
fn neighbour(name: &str) -> String {
    let mut names = (0..).map(|number| format!("bystander-{number}"));
    names.find(|other| offsets_partition(other) == offsets_partition(name)).expect("there are fifty partitions")
}

/// By Java's hash of a string.
fn offsets_partition(name: &str) -> i32 {
    let hash = name.bytes().fold(0i32, |hash, byte| hash.wrapping_mul(31).wrapping_add(i32::from(byte)));
    (hash & i32::MAX) % OFFSETS_PARTITIONS
}

/// More members than a group may have, of both versions. They leave.
fn flood(bootstrap: &str) -> Result<(), String> {
    let mut connection = RawProducer::connect(bootstrap)?;
    let mut members = Vec::new();
    for number in 0..SIZE_MAX + MORE {
        let version = VERSIONS[number % VERSIONS.len()];
        let id = if version == NEWEST { format!("m-{number}") } else { String::new() };
        let answer = ask(&mut connection, version, &join(HOSTILE, &id))?;
        let wanted = (number >= SIZE_MAX).then_some(GroupMaxSizeReached);
        expect(&format!("the member number {number}"), answer.error_code, wanted)?;
        members.extend(answer.member_id.filter(|_| wanted.is_none()));
    }
    for member in members {
        expect("it leaves", ask(&mut connection, NEWEST, &beat(HOSTILE, &member, -1))?.error_code, None)?;
    }
    Ok(())
}

fn names((names, bytes): (usize, usize), salt: usize) -> Option<Vec<TopicName>> {
    topics((0..names).map(|name| format!("{salt:04}-{name:0width$}", width = bytes - 5)))
}

/// Members with long lists of topics; how many of them the group keeps.
fn huge(bootstrap: &str) -> Result<usize, String> {
    let mut connection = RawProducer::connect(bootstrap)?;
    let too_many = join(HOSTILE, "m").with_subscribed_topic_names(names(TOO_MANY_NAMES, 0));
    let code = ask(&mut connection, NEWEST, &too_many)?.error_code;
    expect("a list that fits into no record", code, Some(UnknownServerError))?;
    let bytes = MANY_NAMES.0 * MANY_NAMES.1;
    let (mut kept, most) = (0, SAID_MAX / bytes);
    for number in 0..most + 20 {
        let request = join("huge", &format!("m-{number}")).with_subscribed_topic_names(names(MANY_NAMES, number));
        match ask(&mut connection, NEWEST, &request)?.error_code {
            0 => kept += 1,
            code => expect("a huge member", code, Some(UnknownServerError))?,
        }
    }
    if kept <= most && kept > most / 2 { Ok(kept) } else { Err(format!("{kept} members of {bytes} bytes are kept")) }
}

/// Expressions that are as hard as can be, and topics for them; how long the slowest answer took.
fn explode(bootstrap: &str) -> Result<Duration, String> {
    let long = |number: usize| {
        let mut rng = crate::rng::Rng::new(number as u64);
        (0..LONG_NAME).map(|_| if rng.below(2) == 0 { 'a' } else { 'b' }).collect::<String>()
    };
    for number in 0..LONG_TOPICS {
        crate::admin::create_topic(bootstrap, &long(number), 1, &[])?;
    }
    let hard = [".?".repeat(3_000), "(a|a)*".repeat(600), ".*a.{200}".to_owned(), "([ab]*a[ab]{60})*".repeat(9)];
    let mut connection = RawProducer::connect(bootstrap)?;
    let (mut taken, mut slowest) = (0, Duration::ZERO);
    for number in 0..EXPRESSIONS_MAX * 3 {
        // Half of them are easy: different ones have a bound, too.
        let regex = match number % 2 {
            0 => format!("{}{number}?", hard[number / 2 % hard.len()]),
            _ => format!("(?i)orders-{number}-.*"),
        };
        let begun = Instant::now();
        let answer = ask(&mut connection, NEWEST, &matching(HOSTILE, &format!("m-{number}"), &regex))?;
        slowest = slowest.max(begun.elapsed());
        taken += usize::from(answer.error_code == 0);
        let known = [0, InvalidRegularExpression.code()];
        if !known.contains(&answer.error_code) {
            return Err(format!("{regex:.40} was answered {}", answer.error_code));
        }
    }
    // What is new is looked for in a heartbeat, a second after it was at the earliest.
    for number in 0..LOOKS {
        crate::admin::create_topic(bootstrap, &format!("{}{number}", &long(0)[..LONG_NAME - 1]), 1, &[])?;
        std::thread::sleep(Duration::from_secs(1));
        let begun = Instant::now();
        ask(&mut connection, NEWEST, &matching(HOSTILE, "m-1", "(?i)orders-1-.*"))?;
        slowest = slowest.max(begun.elapsed());
    }
    if taken == EXPRESSIONS_MAX { Ok(slowest) } else { Err(format!("{taken} expressions were taken")) }
}
