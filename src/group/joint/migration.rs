//! Groups that change from one protocol to the other.

use super::Groups;
use crate::coordinator::machine::Moment;
use crate::group::GroupError;
use crate::group::classic::Out;
use crate::group::command::{ConsumerHeartbeat, Join, Name};

/// Which way groups may change while they are in use (`group.consumer.migration.policy`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Policy {
    /// Neither way.
    Disabled,
    /// From the classic protocol to the new one.
    Upgrade,
    /// From the new one to the classic protocol.
    Downgrade,
    /// Both ways.
    #[default]
    Bidirectional,
}

impl Policy {
    fn allows_upgrade(self) -> bool {
        matches!(self, Policy::Upgrade | Policy::Bidirectional)
    }

    fn allows_downgrade(self) -> bool {
        matches!(self, Policy::Downgrade | Policy::Bidirectional)
    }
}

impl Groups {
    /// A member of the new protocol joins where there is no group of it: a classic one without members goes, one of
    /// consumers is converted. Nothing has changed when that is refused, and the member would not be.
    pub(super) fn make_way_for_consumers(
        &mut self,
        now: Moment,
        request: &ConsumerHeartbeat,
        out: &mut Out,
    ) -> Result<(), GroupError> {
        let name = &request.group;
        let Some(has_members) = self.classic.has_members(name) else { return Ok(()) };
        if !has_members {
            self.consumer.check_new(&self.view.image, request)?;
            self.classic.delete(name, out);
            return Ok(());
        }
        // As Kafka: whoever may not is told that there is no such consumer group.
        let may = self.policy.allows_upgrade();
        let whole = self.classic.whole(name).filter(|_| may).ok_or(GroupError::GroupIdNotFound)?;
        let image = self.view.image.clone();
        let upgraded = self.consumer.upgraded(name, &whole, &image)?;
        self.consumer.check_upgraded(&upgraded, &image, request)?;
        self.classic.dissolve(now, name, out);
        self.consumer.found(now, &image, upgraded, out);
        Ok(())
    }

    /// A classic member joins a group of the new protocol that has no members.
    pub(super) fn make_way_for_classics(&mut self, request: &Join, out: &mut Out) -> Result<(), GroupError> {
        self.classic.check_join_request(request)?;
        if !request.member.is_empty() {
            return Err(GroupError::UnknownMemberId);
        }
        self.consumer.delete(&request.group, out);
        Ok(())
    }

    /// Whether a group with this many members less may become a classic one.
    pub(super) fn can_downgrade(&self, group: &Name, fewer: usize) -> bool {
        let members = self.consumer.size(group).saturating_sub(fewer);
        self.policy.allows_downgrade() && members <= self.classic_size_max
    }

    /// Members are gone: their group goes on without them, as a classic one when nobody else needs the new protocol.
    pub(super) fn fence(&mut self, now: Moment, group: &Name, members: &[Name], out: &mut Out) {
        if members.is_empty() {
            return;
        }
        let only_classics = self.consumer.classics_without(group, members).is_some();
        let may = only_classics && self.can_downgrade(group, members.len());
        if may && self.downgrade(now, group, members, out) {
            return;
        }
        let image = self.view.image.clone();
        self.consumer.fence(now, &image, group, members, out);
    }

    /// The group goes on as a classic one, and rebalances: members that waited for partitions would never be told of them
    /// else, and nobody would know that it leads. Kafka leaves the rebalance out where a static member comes back.
    ///
    /// Whether it does: a group that is too large for the one record of a classic one stays, and serves its members.
    pub(super) fn downgrade(&mut self, now: Moment, group: &Name, leaving: &[Name], out: &mut Out) -> bool {
        let Some(downgraded) = self.consumer.downgraded(group, leaving, &self.view.image) else { return false };
        if !self.classic.takes(group, &downgraded.whole) {
            return false;
        }
        self.consumer.delete(group, out);
        self.classic.found(now, group, downgraded.whole, downgraded.reserved, out);
        true
    }
}
