//! LeaveGroup 0-5 (KIP-345).

use super::Groups;
use super::out::Out;
use super::step::Step;
use crate::coordinator::machine::{Moment, Ticket};
use crate::group::GroupError;
use crate::group::command::{GroupState, Leave, Name, Reply};

impl Groups {
    /// Members go.
    pub fn leave(&mut self, now: Moment, ticket: Ticket, request: &Leave, out: &mut Out) {
        let outcome = if request.group.is_empty() {
            Err(GroupError::InvalidGroupId)
        } else {
            match self.step(&request.group, now, out) {
                Some(mut step) => Ok(step.leave(&request.members)),
                None => Ok(vec![Err(GroupError::UnknownMemberId); request.members.len()]),
            }
        };
        out.reply(ticket, Reply::Leave(outcome));
    }
}

impl Step<'_> {
    fn leave(&mut self, members: &[(Name, Option<Name>)]) -> Vec<Result<(), GroupError>> {
        let outcomes: Vec<_> = members.iter().map(|(id, instance)| self.leave_one(id, instance.as_ref())).collect();
        if outcomes.iter().any(Result::is_ok) {
            match self.group.state {
                GroupState::Stable | GroupState::CompletingRebalance => self.prepare_rebalance(),
                GroupState::PreparingRebalance => self.maybe_complete_join(),
                GroupState::Empty | GroupState::Dead => {}
            }
        }
        outcomes
    }

    fn leave_one(&mut self, id: &Name, instance: Option<&Name>) -> Result<(), GroupError> {
        if self.group.pending_join.contains(id) {
            self.remove(id);
            return Ok(());
        }
        // an administrator names the static id alone
        let holder = instance.filter(|_| id.is_empty()).and_then(|instance| self.group.statics.get(instance));
        let id = holder.unwrap_or(id).clone();
        self.group.check_member(&id, instance)?;
        self.remove(&id);
        Ok(())
    }
}
