//! One group under a step: with its timers, the settings, the moment, the topics, and what the step comes to.

use super::assign::Spec;
use super::group::{Group, names_bytes};
use super::reconcile::Reconcile;
use super::regex::{EXPRESSIONS_MAX, Expression, RESOLVED_AT_ONCE};
use super::{Alarm, AlarmKind, Settings, Times, topics};
use crate::base::Timestamp;
use crate::coordinator::machine::Moment;
use crate::group::GroupError;
use crate::group::classic::{Change, Out};
use crate::group::command::Name;
use crate::group::records::consumer::{
    ConsumerRecord, CurrentValue, MetadataValue, RegexValue, State, SubscriptionValue, Target, TargetMetadataValue,
};
use crate::group::timers::Timers;
use crate::metadata::Image;
use std::collections::BTreeSet;
use std::time::Duration;

/// Least time between two looks for topics that match the expressions of one group.
const RESOLVE_PAUSE: Duration = Duration::from_secs(1);

pub(super) struct Step<'a> {
    pub(super) settings: &'a Settings,
    pub(super) times: Times,
    pub(super) timers: &'a mut Timers<Alarm>,
    pub(super) group: &'a mut Group,
    pub(super) now: Moment,
    pub(super) image: &'a Image,
    pub(super) out: &'a mut Out,
}

impl Step<'_> {
    /// Takes over a change, which is to be kept.
    pub(super) fn keep(&mut self, record: ConsumerRecord) {
        self.group.apply(&record);
        self.out.changes.push(Change::Consumer(record));
    }

    pub(super) fn keep_member(&mut self, member: &Name, value: Option<SubscriptionValue>) {
        let (group, member) = (self.group.name.clone(), member.clone());
        self.keep(ConsumerRecord::Member { group, member, value });
    }

    pub(super) fn keep_current(&mut self, member: &Name, value: Option<CurrentValue>) {
        let (group, member) = (self.group.name.clone(), member.clone());
        self.keep(ConsumerRecord::Current { group, member, value });
    }

    pub(super) fn keep_target(&mut self, member: &Name, value: Option<Target>) {
        let (group, member) = (self.group.name.clone(), member.clone());
        self.keep(ConsumerRecord::Target { group, member, value });
    }

    pub(super) fn keep_regex(&mut self, regex: &Name, value: Option<RegexValue>) {
        let (group, regex) = (self.group.name.clone(), regex.clone());
        self.keep(ConsumerRecord::Regex { group, regex, value });
    }

    /// Raises the group's epoch when it must, or when its topics have changed.
    pub(super) fn raise_epoch(&mut self, must: bool) {
        if !must && self.group.checked == Some(self.image.version()) {
            return;
        }
        let hash = self.group.topics_hash(self.image);
        if must || hash != self.group.hash {
            self.keep_epoch(self.group.epoch.saturating_add(1), hash);
        }
        self.group.checked = Some(self.image.version());
        if self.group.has_partitions_record {
            self.keep(ConsumerRecord::Partitions { group: self.group.name.clone(), is_there: false });
        }
    }

    pub(super) fn keep_epoch(&mut self, epoch: i32, hash: i64) {
        let value = Some(MetadataValue { epoch, hash });
        self.keep(ConsumerRecord::Metadata { group: self.group.name.clone(), value });
    }

    /// Looks for topics of expressions that are new, or whose turn it is. Whether the topics of any have changed.
    pub(super) fn resolve(&mut self) -> bool {
        let gone = |regex: &&Name| !self.group.expressions.contains_key(*regex);
        let gone: Vec<Name> = self.group.regexes.keys().filter(gone).cloned().collect();
        let mut changed = !gone.is_empty();
        for regex in &gone {
            self.keep_regex(regex, None);
        }
        if self.group.expressions.is_empty() || !self.knows_topics() {
            return changed;
        }
        let (version, now) = (self.image.version(), self.now.monotonic);
        let (stale, due) = match self.group.resolved_at {
            None => (true, false),
            Some((at, seen)) => {
                (seen != version && now >= at + RESOLVE_PAUSE, now >= at + self.settings.regex_refresh_interval)
            }
        };
        // A round that was begun comes to its end first: else the last ones never had their turn while topics keep coming.
        if (stale || due) && self.group.unresolved.is_empty() {
            self.group.resolved_at = Some((now, version));
            self.group.unresolved = self.group.expressions.keys().map(|regex| (regex.clone(), due)).collect();
        }
        let new = self.group.expressions.keys().filter(|regex| !self.group.regexes.contains_key(*regex));
        let new: Vec<Name> = new.cloned().collect();
        for regex in &new {
            self.group.unresolved.remove(regex);
            changed |= self.resolve_one(regex, false);
        }
        for _ in 0..RESOLVED_AT_ONCE {
            let Some((regex, due)) = self.group.unresolved.pop_first() else { break };
            if self.group.expressions.contains_key(&regex) {
                changed |= self.resolve_one(&regex, due);
            }
        }
        changed
    }

    /// Looks for the topics of an expression. Whether they have changed. `keeps`: whether that is kept, even if not.
    fn resolve_one(&mut self, regex: &Name, keeps: bool) -> bool {
        let before = self.group.regexes.get(regex).map(|before| &before.topics);
        let others = self.group.resolved_bytes - before.map_or(0, names_bytes);
        let fits = |topics: &BTreeSet<Name>| {
            let bytes = names_bytes(topics);
            bytes <= self.settings.record_bytes_max && others + bytes <= self.settings.said_bytes_max
        };
        let topics = match Expression::new(regex) {
            // One that came from elsewhere may not be known here: it matches nothing.
            Err(_) => BTreeSet::new(),
            Ok(known) => match (known.topics(self.image), before) {
                (Ok(topics), _) if fits(&topics) => topics,
                // Too hard to find, or more topics than a record, or a group, can hold: the old ones stay.
                (Ok(_) | Err(_), Some(_)) => return false,
                (Ok(_) | Err(_), None) => BTreeSet::new(),
            },
        };
        let same = before == Some(&topics);
        if !same || keeps {
            let version = i64::try_from(self.image.version()).unwrap_or(i64::MAX);
            self.keep_regex(regex, Some(RegexValue { topics, version, timestamp: self.now.wall }));
        }
        !same
    }

    /// Before the first command after a start nobody has said which topics there are.
    fn knows_topics(&self) -> bool {
        self.image.version() > 0
    }

    /// Makes a new target if the group's epoch asks for one, and the last is old enough.
    pub(super) fn update_target(&mut self) {
        if self.group.target_epoch >= self.group.epoch || self.is_early() {
            return;
        }
        let assignor = self.group.assignor(&self.settings.assignors).clone();
        let targets = Spec::of(self.group, self.image).assign(&assignor);
        for (member, target) in targets {
            if self.group.targets.get(&member) != Some(&target) {
                self.keep_target(&member, Some(target));
            }
        }
        self.keep_target_epoch(self.group.epoch);
        self.group.assigned_at = Some(self.now.monotonic);
    }

    /// Whether the last target is too young for another one.
    fn is_early(&self) -> bool {
        let early = |at: Duration| self.now.monotonic < at + self.times.assignment_interval;
        self.group.assigned_at.is_some_and(early)
    }

    /// Whether whoever joins now brings about a new target. A heartbeat of the classic protocol makes none itself: where
    /// members of that are the only ones left, one of them has to be told to join.
    pub(super) fn owes_target(&mut self) -> bool {
        if self.is_early() {
            return false;
        }
        self.group.target_epoch < self.group.epoch || self.topics_changed()
    }

    /// Whether the topics are others than at the group's epoch.
    fn topics_changed(&mut self) -> bool {
        if self.group.checked == Some(self.image.version()) {
            return false;
        }
        let changed = self.group.topics_hash(self.image) != self.group.hash;
        if !changed {
            self.group.checked = Some(self.image.version());
        }
        changed
    }

    fn keep_target_epoch(&mut self, epoch: i32) {
        let value = Some(TargetMetadataValue { epoch, timestamp: self.now.wall });
        self.keep(ConsumerRecord::TargetMetadata { group: self.group.name.clone(), value });
    }

    /// A step of the member towards its target.
    pub(super) fn reconcile(
        &mut self,
        id: &Name,
        subscription_changed: bool,
        owned: Option<&Target>,
    ) -> Result<(), GroupError> {
        let group = &*self.group;
        let nothing = Target::new();
        let Some(member) = group.members.get(id) else { return Err(GroupError::UnknownMemberId) };
        if !subscription_changed && member.current.is_reconciled_to(group.target_epoch) {
            return Ok(());
        }
        let current = Reconcile {
            member,
            target_epoch: group.target_epoch,
            target: group.target(id).unwrap_or(&nothing),
            subscribed: topics::ids(self.image, group.subscribed(&member.said)),
            subscription_changed,
            owned,
            owner: &|topic, partition| group.owner(topic, partition),
        };
        let next = current.step()?;
        if next == member.current {
            return Ok(());
        }
        let (is_classic, timeout) = (member.is_classic(), millis(member.said.rebalance_timeout_ms));
        let revokes = (next.state == State::UnrevokedPartitions).then_some(next.epoch);
        self.keep_current(id, Some(next));
        if !is_classic {
            match revokes {
                Some(epoch) => self.expect_revocation(id, epoch, timeout),
                None => self.cancel(Alarm::rebalance(&self.group.name, id)),
            }
        }
        Ok(())
    }

    /// The member has so long to give up partitions.
    pub(super) fn expect_revocation(&mut self, id: &Name, epoch: i32, within: Duration) {
        self.group.revoking.insert(id.clone(), epoch);
        self.set(Alarm::rebalance(&self.group.name, id), within);
    }

    /// Members are gone: what the others are to have changes.
    pub(super) fn fence(&mut self, members: &[Name]) {
        if members.is_empty() {
            return;
        }
        for member in members {
            self.remove(member);
        }
        self.resolve();
        let known = self.knows_topics();
        let hash = if known { self.group.topics_hash(self.image) } else { self.group.hash };
        self.keep_epoch(self.group.epoch.saturating_add(1), hash);
        if self.group.members.is_empty() {
            // Nobody waits for the pause between two assignments of a group that begins anew.
            let value = Some(TargetMetadataValue { epoch: self.group.epoch, timestamp: Timestamp(0) });
            self.keep(ConsumerRecord::TargetMetadata { group: self.group.name.clone(), value });
            self.group.assigned_at = None;
        }
        for member in members {
            self.cancel_all(member);
        }
    }

    /// Takes away what is kept of a member.
    pub(super) fn remove(&mut self, member: &Name) {
        self.keep_current(member, None);
        self.keep_target(member, None);
        self.keep_member(member, None);
    }

    pub(super) fn set(&mut self, alarm: Alarm, after: Duration) {
        self.timers.set(alarm, self.now.monotonic.saturating_add(after));
    }

    /// Sets an alarm unless it is set.
    pub(super) fn set_if_absent(&mut self, alarm: Alarm, after: Duration) {
        if !self.timers.is_set(&alarm) {
            self.set(alarm, after);
        }
    }

    pub(super) fn cancel(&mut self, alarm: Alarm) {
        if let Alarm { member, kind: AlarmKind::Rebalance, .. } = &alarm {
            self.group.revoking.remove(member);
        }
        self.timers.cancel(&alarm);
    }

    pub(super) fn cancel_all(&mut self, member: &Name) {
        self.group.fenced.remove(member);
        for alarm in Alarm::all(&self.group.name, member) {
            self.cancel(alarm);
        }
    }

    /// The session of a member begins anew.
    pub(super) fn begin_session(&mut self, id: &Name) {
        let classic = self.group.members.get(id).and_then(|member| member.said.classic.as_ref());
        let timeout = classic.map_or(self.times.session_timeout, |classic| millis(classic.session_timeout_ms));
        self.set(Alarm::session(&self.group.name, id), timeout);
    }
}

/// Whether a group can take what a member says: neither too much, nor an expression that can't be understood.
pub(super) fn check_said(
    settings: &Settings,
    group: &Group,
    image: &Image,
    before: &SubscriptionValue,
    said: &SubscriptionValue,
) -> Result<(), GroupError> {
    if let Some(regex) = said.expression()
        && !group.expressions.contains_key(regex)
    {
        // Told first of what it can do something about.
        let bytes = names_bytes(&Expression::new(regex)?.topics(image)?);
        let in_all = group.resolved_bytes + bytes;
        let too_many = bytes > settings.record_bytes_max || in_all > settings.said_bytes_max;
        if too_many || group.expressions.len() >= EXPRESSIONS_MAX {
            return Err(GroupError::TooManyExpressions);
        }
    }
    let in_all = group.said_bytes.saturating_sub(before.bytes()) + said.bytes();
    let too_much = said.bytes() > settings.record_bytes_max || in_all > settings.said_bytes_max;
    if said != before && too_much { Err(GroupError::StateTooLarge) } else { Ok(()) }
}

/// A time of the wire; what is negative counts as nothing.
pub(super) fn millis(time: i32) -> Duration {
    Duration::from_millis(u64::try_from(time).unwrap_or(0))
}
