//! The machine of a partition of `__consumer_offsets`: groups and their offsets under one roof.

use super::classic::{self, Change, Out};
use super::command::{
    Asked, Command, CommitOffsets, ConsumerHeartbeat, DeleteOffsets, GroupListing, GroupSurvey, Join, Name, Reply, View,
};
use super::joint::{Groups, Policy};
use super::offsets::{Limits, Offsets};
use super::records::{self, Decoded};
use super::{GroupError, consumer};
use crate::coordinator::{Effects, Machine, Moment, Record, Stored, Ticket};
use crate::settings::GroupSettings;
use std::time::Duration;

/// The most that a group's record may take: below what any reader of the topic takes at once.
const GROUP_RECORD_BYTES_MAX: usize = 1_000_000;

/// The most that the members of one group may take in memory, with all that they say while they join.
const GROUP_MEMBER_BYTES_MAX: usize = 8 << 20;

/// Bytes of a name that goes into a record, which has room for 32,767: a member's id is its client's, a hyphen, and a UUID.
const NAME_BYTES_MAX: usize = i16::MAX as usize - 64;

/// Groups and their offsets, of one partition.
pub struct GroupMachine {
    groups: Groups,
    offsets: Offsets,
    limits: Limits,
    check_every: Duration,
    /// When outdated offsets are looked for next.
    check_at: Duration,
    /// Records that could not be read, and the first reason.
    unread: u64,
}

impl GroupMachine {
    /// An empty one.
    pub fn new(settings: &GroupSettings) -> GroupMachine {
        let classic = classic::Settings {
            session_timeout_min: Duration::from_millis(settings.session_timeout_min_ms),
            session_timeout_max: Duration::from_millis(settings.session_timeout_max_ms),
            size_max: usize::try_from(settings.members_max).unwrap_or(usize::MAX),
            initial_rebalance_delay: Duration::from_millis(settings.initial_rebalance_delay_ms),
            record_bytes_max: GROUP_RECORD_BYTES_MAX,
            member_bytes_max: GROUP_MEMBER_BYTES_MAX,
        };
        let limits = Limits {
            metadata_max: usize::try_from(settings.offset_metadata_bytes_max).unwrap_or(usize::MAX),
            retention: Duration::from_secs(u64::from(settings.offsets_retention_minutes) * 60),
        };
        GroupMachine {
            groups: Groups::new(classic, consumer_settings(settings), policy(&settings.migration_policy)),
            offsets: Offsets::default(),
            limits,
            check_every: Duration::from_millis(settings.offsets_check_interval_ms),
            check_at: Duration::MAX,
            unread: 0,
        }
    }

    /// Takes over what is known of the cluster: before [`Machine::loaded`], for the sessions that begin with it.
    pub fn see(&mut self, view: View) {
        self.groups.see(view);
    }

    /// The groups, for those who watch the machine.
    #[cfg(test)]
    pub(super) fn groups(&self) -> &Groups {
        &self.groups
    }

    fn join(&mut self, now: Moment, ticket: Ticket, join: &Join, out: &mut Out) {
        let names = [Some(&join.group), join.instance.as_ref(), Some(&join.client_id), Some(&join.protocol_type)];
        let protocols = join.protocols.iter().map(|(name, _)| name);
        if names.into_iter().flatten().chain(protocols).any(|name| name.len() > NAME_BYTES_MAX) {
            let reply = Groups::refused_join(join.member.clone(), GroupError::StateTooLarge);
            return out.replies.push((ticket, Reply::Join(reply)));
        }
        self.groups.join(now, ticket, join, out);
    }

    fn consumer_heartbeat(&mut self, now: Moment, request: &ConsumerHeartbeat, out: &mut Out) -> Reply {
        let maybe = [&request.instance, &request.rack, &request.regex, &request.assignor];
        let names = maybe.into_iter().flatten().chain([&request.group, &request.member, &request.client_id]);
        let too_long = names.chain(request.topics.iter().flatten()).any(|name| name.len() > NAME_BYTES_MAX);
        let reply = match too_long {
            true => Err(GroupError::StateTooLarge),
            false => self.groups.consumer_heartbeat(now, request, out),
        };
        Reply::ConsumerHeartbeat(reply)
    }

    fn commit(&mut self, now: Moment, request: &CommitOffsets, written: &mut Vec<Record>) -> Reply {
        if request.group.len() > NAME_BYTES_MAX {
            return Reply::CommitOffsets(Err(GroupError::InvalidGroupId));
        }
        if let Err(error) = self.groups.check_commit(now, request) {
            return Reply::CommitOffsets(Err(error));
        }
        let (records, results) = self.offsets.commit(now.wall, request, &self.limits);
        written.extend(records);
        Reply::CommitOffsets(Ok(results))
    }

    fn delete_offsets(&mut self, request: &DeleteOffsets, written: &mut Vec<Record>) -> Reply {
        if request.group.is_empty() {
            return Reply::DeleteOffsets(Err(GroupError::InvalidGroupId));
        }
        if let Err(error) = self.groups.check_delete_offsets(&request.group) {
            return Reply::DeleteOffsets(Err(error));
        }
        let is_subscribed = self.groups.subscriptions(&request.group);
        let (records, results) = self.offsets.delete(request, is_subscribed);
        written.extend(records);
        Reply::DeleteOffsets(Ok(results))
    }

    fn delete_group(&mut self, group: &Name, out: &mut Out, written: &mut Vec<Record>) -> Reply {
        if let Err(error) = self.groups.check_delete(group) {
            return Reply::DeleteGroup(Err(error));
        }
        written.extend(self.offsets.delete_group(group));
        self.groups.delete(group, out);
        Reply::DeleteGroup(Ok(()))
    }

    fn survey(&self) -> Vec<GroupSurvey> {
        let committed = |group: &Name| {
            let offsets = self.offsets.of_group(group);
            offsets.map(|(topic, partition, value)| (topic.clone(), value.topic_id, partition, value.offset)).collect()
        };
        let groups = self.groups.list().into_iter();
        groups
            .map(|GroupListing { group, state, .. }| GroupSurvey { committed: committed(&group), group, state })
            .collect()
    }

    /// Forgets offsets that nobody asked for in time, and groups that have nothing left.
    fn expire(&mut self, now: Moment, out: &mut Out, written: &mut Vec<Record>) {
        for name in &self.groups.names() {
            let (offsets, limits) = (&mut self.offsets, &self.limits);
            let forgotten = self.groups.with_expiration(name, |rule| offsets.expire(now.proven, name, rule, limits));
            written.extend(forgotten.into_iter().flatten());
            if !self.offsets.has_offsets(name) {
                self.groups.delete_if_empty(name, out);
            }
        }
    }
}

fn record(change: Change) -> Record {
    match change {
        Change::Group { group, value } => records::group(&group, value.as_ref()),
        Change::Consumer(record) => records::consumer::record(&record).expect("names are short enough"),
    }
}

fn consumer_settings(settings: &GroupSettings) -> consumer::Settings {
    let known = |name: &&String| consumer::assign::ASSIGNORS.contains(&name.as_str());
    let assignors: Vec<Name> =
        settings.consumer_assignors.iter().filter(known).map(|name| name.as_str().into()).collect();
    let own = consumer::Settings::default();
    consumer::Settings {
        session_timeout: Duration::from_millis(settings.consumer_session_timeout_ms),
        heartbeat_interval: Duration::from_millis(settings.consumer_heartbeat_interval_ms),
        size_max: usize::try_from(settings.consumer_members_max).unwrap_or(usize::MAX),
        assignors: if assignors.is_empty() { own.assignors } else { assignors },
        assignment_interval: Duration::from_millis(settings.consumer_assignment_interval_ms),
        limits: settings.consumer_limits.clone(),
        regex_refresh_interval: Duration::from_millis(settings.consumer_regex_refresh_interval_ms),
        record_bytes_max: GROUP_RECORD_BYTES_MAX,
        said_bytes_max: GROUP_MEMBER_BYTES_MAX,
    }
}

/// The settings' own check lets nothing else through.
fn policy(name: &str) -> Policy {
    match name.to_ascii_lowercase().as_str() {
        "disabled" => Policy::Disabled,
        "upgrade" => Policy::Upgrade,
        "downgrade" => Policy::Downgrade,
        _ => Policy::Bidirectional,
    }
}

/// What groups did goes into the records after what became of their offsets: a group is forgotten last.
fn finish(out: Out, written: Vec<Record>, effects: &mut Effects<Reply>) {
    effects.records.extend(written);
    effects.records.extend(out.changes.into_iter().map(record));
    effects.replies.extend(out.replies);
}

impl Machine for GroupMachine {
    type Command = Asked;
    type Reply = Reply;

    fn may_write(asked: &Asked) -> bool {
        match &asked.command {
            Command::Heartbeat(_)
            | Command::FetchOffsets(_)
            | Command::Describe(_)
            | Command::ConsumerDescribe(_)
            | Command::List
            | Command::Survey
            | Command::CommittedTopics => false,
            Command::Join(_)
            | Command::Sync(_)
            | Command::Leave(_)
            | Command::ConsumerHeartbeat(_)
            | Command::CommitOffsets(_)
            | Command::DeleteOffsets(_)
            | Command::DeleteGroup(_)
            | Command::TopicsDeleted(_) => true,
        }
    }

    fn replay(&mut self, record: Stored<'_>) {
        match records::decode(record.key, record.value) {
            Ok(Decoded::Offset { group, topic, partition, value }) => {
                self.offsets.replay(&group, &topic, partition, value);
            }
            Ok(Decoded::Group { group, value }) => self.groups.replay_classic(group, value),
            Ok(Decoded::Consumer(record)) => self.groups.replay_consumer(&record),
            Ok(Decoded::Other { .. }) => {}
            Err(_) => self.unread += 1,
        }
    }

    fn loaded(&mut self, now: Moment, effects: &mut Effects<Reply>) {
        for group in self.offsets.groups() {
            self.groups.ensure(group);
        }
        self.check_at = now.monotonic + self.check_every;
        let mut out = classic::Out::default();
        self.groups.loaded(now, &mut out);
        finish(out, Vec::new(), effects);
    }

    fn command(&mut self, now: Moment, ticket: Ticket, asked: Asked, effects: &mut Effects<Reply>) {
        let Asked { view, command } = asked;
        self.see(view);
        let (mut out, mut written) = (Out::default(), Vec::new());
        let reply = match command {
            Command::Join(join) => {
                self.join(now, ticket, &join, &mut out);
                None
            }
            Command::Sync(sync) => {
                self.groups.sync(now, ticket, &sync, &mut out);
                None
            }
            Command::Heartbeat(heartbeat) => {
                self.groups.heartbeat(now, ticket, &heartbeat, &mut out);
                None
            }
            Command::Leave(leave) => {
                self.groups.leave(now, ticket, &leave, &mut out);
                None
            }
            Command::ConsumerHeartbeat(heartbeat) => Some(self.consumer_heartbeat(now, &heartbeat, &mut out)),
            Command::ConsumerDescribe(group) => Some(Reply::ConsumerDescribe(self.groups.consumer_describe(&group))),
            Command::CommitOffsets(request) => Some(self.commit(now, &request, &mut written)),
            Command::FetchOffsets(request) => {
                let allowed = self.groups.check_fetch(&request);
                Some(Reply::FetchOffsets(allowed.map(|()| self.offsets.fetch(&request))))
            }
            Command::DeleteOffsets(request) => Some(self.delete_offsets(&request, &mut written)),
            Command::Describe(group) => Some(Reply::Describe(self.groups.describe(&group))),
            Command::List => Some(Reply::List(self.groups.list())),
            Command::DeleteGroup(group) => Some(self.delete_group(&group, &mut out, &mut written)),
            Command::TopicsDeleted(topics) => {
                written.extend(self.offsets.topics_deleted(&topics));
                Some(Reply::TopicsDeleted)
            }
            Command::Survey => Some(Reply::Survey { groups: self.survey(), unread: self.unread }),
            Command::CommittedTopics => Some(Reply::CommittedTopics(self.offsets.topics())),
        };
        finish(out, written, effects);
        effects.replies.extend(reply.map(|reply| (ticket, reply)));
    }

    fn due(&self) -> Option<Duration> {
        Some(self.groups.due().map_or(self.check_at, |due| due.min(self.check_at)))
    }

    fn tick(&mut self, now: Moment, effects: &mut Effects<Reply>) {
        let (mut out, mut written) = (Out::default(), Vec::new());
        self.groups.tick(now, &mut out);
        if self.check_at <= now.monotonic {
            self.check_at = now.monotonic + self.check_every;
            self.expire(now, &mut out, &mut written);
        }
        finish(out, written, effects);
    }
}
