//! The groups of the new protocol (KIP-848): members say what they want in heartbeats, the broker says what they have.
//!
//! [`Groups`] is the state of one partition of `__consumer_offsets`. A step takes a request or an alarm, a moment and the
//! topics that there are, and leaves changes to be kept and replies in an [`Out`].
//!
//! - `group`, `member`: what the records of a group add up to. `step`: one group under a step, with its timers.
//! - `heartbeat`: the request by which members join, live and leave. `reconcile`: how a member comes to what it is to have.
//! - [`assign`]: who is to have what. `topics`, `regex`: the topics that a group subscribes to.
//! - `served`: members of the classic protocol in such a group. `convert`: the way from there and back.
//! - `look`: what others ask of a group; who may commit.
//!
//! It goes as in Kafka 4.4 (`GroupMetadataManager`, `ConsumerGroup`, `CurrentAssignmentBuilder`). Where we differ: regular
//! expressions are resolved in the step that brings them, not later; new topics are looked for once a second at most, not
//! once in ten; pauses go by the clock that never goes back; a join of who is a member already gives up nothing, unless the
//! member was fenced: it may be one that comes late.
//!
//! What holds: whatever changes is a record, applied the moment it is made: a restart finds the same group. Three epochs only
//! grow: the group's when its members or topics change, its target's, which follows, and each member's, which follows that
//! when the member has given up what it is to give up. No partition has two members, ever.

pub mod assign;
mod convert;
mod group;
mod heartbeat;
mod look;
mod member;
mod reconcile;
mod regex;
mod served;
mod step;
mod topics;

pub use convert::{Downgraded, Upgraded};
pub(in crate::group) use heartbeat::{JOINS, LEAVES, LEAVES_FOR_NOW};

use super::GroupError;
use super::classic::Out;
use super::command::{ConsumerHeartbeat, ConsumerHeartbeatReply, Name};
use super::records::consumer::{ConsumerRecord, State};
use super::timers::{Round, Timers};
use crate::coordinator::machine::Moment;
use crate::metadata::{Configs, Image};
use crate::settings::{ConsumerLimits, ConsumerTimes};
use group::Group;
use std::collections::BTreeMap;
use std::time::Duration;
use step::{Step, millis};

/// What groups are held to.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `group.consumer.session.timeout.ms`.
    pub session_timeout: Duration,
    /// `group.consumer.heartbeat.interval.ms`.
    pub heartbeat_interval: Duration,
    /// `group.consumer.max.size`: members of a group.
    pub size_max: usize,
    /// `group.consumer.assignors`: the first is the default. At least one.
    pub assignors: Vec<Name>,
    /// `group.consumer.assignment.interval.ms`.
    pub assignment_interval: Duration,
    /// What a group may set of these for itself: KIP-848's `group.consumer.min.*` and `group.consumer.max.*`.
    pub limits: ConsumerLimits,
    /// `group.consumer.regex.refresh.interval.ms`.
    pub regex_refresh_interval: Duration,
    /// The longest record that a member may need.
    pub record_bytes_max: usize,
    /// The most that the members of a group may say in all.
    pub said_bytes_max: usize,
}

impl Default for Settings {
    /// Kafka's.
    fn default() -> Self {
        Settings {
            session_timeout: Duration::from_secs(45),
            heartbeat_interval: Duration::from_secs(5),
            size_max: i32::MAX as usize,
            assignors: assign::ASSIGNORS.map(Name::from).to_vec(),
            assignment_interval: Duration::from_secs(1),
            limits: ConsumerLimits {
                session_timeout_ms: 45_000..=60_000,
                heartbeat_interval_ms: 5_000..=15_000,
                assignment_interval_ms: 0..=15_000,
            },
            regex_refresh_interval: Duration::from_secs(600),
            record_bytes_max: 1_000_000,
            said_bytes_max: 8 << 20,
        }
    }
}

impl Settings {
    /// What one group goes by: with what it has of its own.
    fn of_group(&self, group: &str, image: &Image) -> Times {
        let own = image.group_configs(group);
        let (session_timeout, heartbeat_interval) = (self.session_timeout, self.heartbeat_interval);
        let times = Times { session_timeout, heartbeat_interval, assignment_interval: self.assignment_interval };
        if own.is_empty() { times } else { times.with(own, &self.limits) }
    }
}

/// Times that one group goes by, as in [`Settings`].
#[derive(Clone, Copy, Debug)]
struct Times {
    session_timeout: Duration,
    heartbeat_interval: Duration,
    assignment_interval: Duration,
}

impl Times {
    fn with(self, own: &Configs, limits: &ConsumerLimits) -> Times {
        let ms = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let inherited = ConsumerTimes {
            session_timeout_ms: ms(self.session_timeout),
            heartbeat_interval_ms: ms(self.heartbeat_interval),
            assignment_interval_ms: ms(self.assignment_interval),
        };
        let times = inherited.with(own, limits);
        Times {
            session_timeout: Duration::from_millis(times.session_timeout_ms),
            heartbeat_interval: Duration::from_millis(times.heartbeat_interval_ms),
            assignment_interval: Duration::from_millis(times.assignment_interval_ms),
        }
    }
}

/// What can be due of a member.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum AlarmKind {
    /// It was silent.
    Session,
    /// It did not give up partitions.
    Rebalance,
    /// A member of the classic protocol was to join.
    Join,
    /// One was to sync.
    Sync,
}

/// A timer of a member.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Alarm {
    group: Name,
    member: Name,
    kind: AlarmKind,
}

impl Alarm {
    fn new(kind: AlarmKind, group: &Name, member: &Name) -> Alarm {
        Alarm { group: group.clone(), member: member.clone(), kind }
    }

    fn session(group: &Name, member: &Name) -> Alarm {
        Alarm::new(AlarmKind::Session, group, member)
    }

    fn rebalance(group: &Name, member: &Name) -> Alarm {
        Alarm::new(AlarmKind::Rebalance, group, member)
    }

    fn join(group: &Name, member: &Name) -> Alarm {
        Alarm::new(AlarmKind::Join, group, member)
    }

    fn sync(group: &Name, member: &Name) -> Alarm {
        Alarm::new(AlarmKind::Sync, group, member)
    }

    fn all(group: &Name, member: &Name) -> [Alarm; 4] {
        let kinds = [AlarmKind::Session, AlarmKind::Rebalance, AlarmKind::Join, AlarmKind::Sync];
        kinds.map(|kind| Alarm::new(kind, group, member))
    }
}

/// The groups of the new protocol of one partition.
#[derive(Debug)]
pub struct Groups {
    settings: Settings,
    groups: BTreeMap<Name, Group>,
    timers: Timers<Alarm>,
}

impl Groups {
    /// No groups yet.
    pub fn new(settings: Settings) -> Groups {
        Groups { settings, groups: BTreeMap::new(), timers: Timers::default() }
    }

    /// The pause between two assignments may change at any time.
    pub fn set_assignment_interval(&mut self, interval: Duration) {
        self.settings.assignment_interval = interval;
    }

    /// Takes over what was kept of a group.
    pub fn replay(&mut self, record: &ConsumerRecord) {
        let name = record.group();
        let (makes, ends) = match record {
            ConsumerRecord::Metadata { value, .. } => (value.is_some(), value.is_none()),
            ConsumerRecord::Partitions { is_there, .. } => (*is_there, false),
            ConsumerRecord::Member { value, .. } => (value.is_some(), false),
            ConsumerRecord::TargetMetadata { value, .. } => (value.is_some(), false),
            ConsumerRecord::Target { value, .. } => (value.is_some(), false),
            ConsumerRecord::Current { value, .. } => (value.is_some(), false),
            ConsumerRecord::Regex { value, .. } => (value.is_some(), false),
        };
        if ends {
            self.groups.remove(name);
        } else if makes {
            self.groups.entry(name.clone()).or_insert_with(|| Group::new(name.clone())).apply(record);
        } else if let Some(group) = self.groups.get_mut(name) {
            group.apply(record);
        }
    }

    /// All was replayed: sessions begin anew.
    pub fn loaded(&mut self, now: Moment, image: &Image, out: &mut Out) {
        let names: Vec<Name> = self.groups.keys().cloned().collect();
        for name in &names {
            let Some(mut step) = self.step(name, now, image, out) else { continue };
            let members: Vec<Name> = step.group.members.keys().cloned().collect();
            for id in &members {
                step.begin_session(id);
                let member = &step.group.members[id];
                let (current, timeout) = (&member.current, millis(member.said.rebalance_timeout_ms));
                if current.state == State::UnrevokedPartitions && current.epoch >= 0 && !member.is_classic() {
                    let epoch = current.epoch;
                    step.expect_revocation(id, epoch, timeout);
                }
            }
        }
    }

    /// When something is due.
    pub fn due(&self) -> Option<Duration> {
        self.timers.due()
    }

    /// Begins a round of what is due.
    pub fn round(&self, now: Duration) -> Round {
        self.timers.round(now)
    }

    /// The next group and member of a round whose time is over.
    pub fn take_due(&mut self, round: Round) -> Option<(Name, Name)> {
        while let Some(alarm) = self.timers.take_due(round) {
            let Some(group) = self.groups.get_mut(&alarm.group) else { continue };
            let revoking = match alarm.kind {
                AlarmKind::Rebalance => group.revoking.remove(&alarm.member),
                AlarmKind::Session | AlarmKind::Join | AlarmKind::Sync => None,
            };
            let Some(member) = group.members.get(&alarm.member) else { continue };
            let is_over = match alarm.kind {
                AlarmKind::Rebalance => revoking == Some(member.current.epoch),
                AlarmKind::Session | AlarmKind::Join | AlarmKind::Sync => true,
            };
            if is_over {
                return Some((alarm.group, alarm.member));
            }
        }
        None
    }

    /// Whether there is such a group.
    pub fn contains(&self, group: &Name) -> bool {
        self.groups.contains_key(group)
    }

    /// Whether there is such a group, with members.
    pub fn has_members(&self, group: &Name) -> bool {
        self.groups.get(group).is_some_and(|group| !group.members.is_empty())
    }

    /// Whether a request is one that any group could take.
    pub fn check(&self, request: &ConsumerHeartbeat) -> Result<(), GroupError> {
        heartbeat::check(&self.settings, request)
    }

    /// A member joins or lives. One that joins makes the group, unless it is refused.
    pub fn heartbeat(
        &mut self,
        now: Moment,
        image: &Image,
        request: &ConsumerHeartbeat,
        out: &mut Out,
    ) -> Result<ConsumerHeartbeatReply, GroupError> {
        let name = &request.group;
        if request.epoch == JOINS && !self.groups.contains_key(name) {
            self.groups.insert(name.clone(), Group::new(name.clone()));
        }
        let mut step = self.step(name, now, image, out).ok_or(GroupError::GroupIdNotFound)?;
        let reply = step.heartbeat(request);
        if !step.group.is_kept {
            self.groups.remove(name);
        }
        reply
    }

    /// Who leaves by a heartbeat. A static member that leaves for now is no one.
    pub fn leave(
        &mut self,
        now: Moment,
        image: &Image,
        request: &ConsumerHeartbeat,
        out: &mut Out,
    ) -> Result<Option<Name>, GroupError> {
        let mut step = self.step(&request.group, now, image, out).ok_or(GroupError::GroupIdNotFound)?;
        let member = step.group.find_leaving(request)?;
        if request.instance.is_some() && request.epoch == LEAVES_FOR_NOW {
            step.leave_for_now(&member);
            return Ok(None);
        }
        Ok(Some(member))
    }

    /// Members are gone.
    pub fn fence(&mut self, now: Moment, image: &Image, group: &Name, members: &[Name], out: &mut Out) {
        let Some(mut step) = self.step(group, now, image, out) else { return };
        step.fence(members);
    }

    /// Forgets a group, and keeps that it is gone.
    pub fn delete(&mut self, group: &Name, out: &mut Out) {
        let Some(gone) = self.groups.remove(group) else { return };
        for member in gone.members.keys() {
            for alarm in Alarm::all(group, member) {
                self.timers.cancel(&alarm);
            }
        }
        out.changes.extend(gone.end().into_iter().map(super::classic::Change::Consumer));
    }

    fn step<'a>(&'a mut self, group: &Name, now: Moment, image: &'a Image, out: &'a mut Out) -> Option<Step<'a>> {
        let group = self.groups.get_mut(group)?;
        let times = self.settings.of_group(&group.name, image);
        Some(Step { settings: &self.settings, times, timers: &mut self.timers, group, now, image, out })
    }
}
