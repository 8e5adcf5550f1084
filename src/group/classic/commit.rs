//! Who may commit offsets (`validateOffsetCommit`).

use super::Groups;
use super::group::Group;
use crate::coordinator::machine::Moment;
use crate::group::GroupError;
use crate::group::command::{CommitOffsets, GroupState, Name};

impl Groups {
    /// Whether a commit is accepted. A commit without a generation makes the group (CG-12); a member's begins its
    /// session anew.
    pub fn check_commit(&mut self, now: Moment, request: &CommitOffsets) -> Result<(), GroupError> {
        if !self.groups.contains_key(&request.group) {
            if request.generation >= 0 {
                let named = request.names_unknown_groups;
                return Err(if named { GroupError::GroupIdNotFound } else { GroupError::IllegalGeneration });
            }
            self.ensure(&request.group);
        }
        let mut nothing = super::Out::default();
        let Some(mut step) = self.step(&request.group, now, &mut nothing) else { return Ok(()) };
        step.group.check_commit(request)?;
        if matches!(step.group.state, GroupState::Stable | GroupState::PreparingRebalance) {
            step.begin_session(&request.member);
        }
        Ok(())
    }

    /// Whether offsets may be deleted, apart from those of subscribed topics.
    pub fn check_delete_offsets(&self, group: &Name) -> Result<(), GroupError> {
        let group = self.groups.get(group).ok_or(GroupError::GroupIdNotFound)?;
        let free = group.state == GroupState::Empty || group.uses_consumer_protocol();
        if free { Ok(()) } else { Err(GroupError::NonEmptyGroup) }
    }

    /// Whether the group may be deleted.
    pub fn check_delete(&self, group: &Name) -> Result<(), GroupError> {
        let group = self.groups.get(group).ok_or(GroupError::GroupIdNotFound)?;
        if group.state == GroupState::Empty { Ok(()) } else { Err(GroupError::NonEmptyGroup) }
    }
}

impl Group {
    fn check_commit(&self, request: &CommitOffsets) -> Result<(), GroupError> {
        let empty = self.state == GroupState::Empty;
        if request.generation < 0 && empty {
            return Ok(());
        }
        if request.generation < 0 && request.member.is_empty() && request.instance.is_none() {
            return Err(GroupError::UnknownMemberId);
        }
        self.check_member(&request.member, request.instance.as_ref())?;
        if request.generation != self.generation {
            return Err(GroupError::IllegalGeneration);
        }
        if self.state == GroupState::CompletingRebalance {
            // the member has the new generation, and no assignment of it yet
            return Err(GroupError::RebalanceInProgress);
        }
        Ok(())
    }
}
