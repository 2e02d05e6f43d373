//! The same person twice: known by what they told of themselves, the newer one takes the older one's place, is refused,
//! or both are there.

use std::time::Instant;

use super::{Join, LeaveReason, Meeting, ParticipantId, ParticipantKind};
use crate::refusal::{Code, Refusal};

/// The most people of whom it is remembered by what they are known; the one who came first is forgotten.
pub(super) const KNOWN_MAX: usize = 2000;

/// What becomes of somebody who is in a meeting and joins again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SamePerson {
    /// The newer one takes the place of the older one: a page that was loaded anew leaves no ghost.
    Replaces,
    /// The newer one is refused.
    IsRefused,
    /// Both are there.
    IsTwice,
}

impl Meeting {
    pub(super) fn know(&mut self, id: ParticipantId, identity: Option<String>) {
        let Some(identity) = identity else { return };
        self.known.insert(id, identity);
        if self.known.len() > KNOWN_MAX {
            self.known.pop_first();
        }
    }

    /// Whether two participants, who need not be here any more, are known to be one person.
    pub(super) fn is_same_person(&self, one: ParticipantId, other: ParticipantId) -> bool {
        one == other || self.known.get(&one).is_some_and(|known| self.known.get(&other) == Some(known))
    }

    /// In whose place a newcomer comes, if in anybody's.
    pub(super) fn same_person(&self, join: &Join) -> Result<Option<ParticipantId>, Refusal> {
        let is_it =
            |id: &ParticipantId| join.identity.is_some() && self.known.get(id) == join.identity.as_ref();
        let Some(before) = self.participants.keys().copied().find(is_it) else { return Ok(None) };
        match self.settings.same_person {
            _ if join.kind != ParticipantKind::Browser => Ok(None),
            // Nobody is there twice whose page was only loaded anew.
            _ if self.has_stepped_out(before) => Ok(Some(before)),
            SamePerson::Replaces => Ok(Some(before)),
            SamePerson::IsTwice => Ok(None),
            SamePerson::IsRefused => Err(Refusal::new(
                Code::NotPermitted,
                "you are in this meeting already, in another window or on another device; leave it there first",
            )),
        }
    }

    fn has_stepped_out(&self, id: ParticipantId) -> bool {
        self.away_until.get(&id).is_some_and(|(_, reason)| *reason == LeaveReason::Left)
    }

    /// The newcomer takes the place of the other: what hosts have decided about the person stays decided.
    pub(super) fn replace(&mut self, before: ParticipantId, join: Join, now: Instant) {
        let id = join.participant;
        let Some(old) = self.participants.get(&before).cloned() else { return };
        self.succession.passes(before, id);
        self.take_in(join, Some(old));
        self.remove(before, LeaveReason::Replaced, now);
    }

    /// Who waits twice is let in once.
    pub(super) fn stop_waiting_elsewhere(&mut self, join: &Join) {
        let replaces = self.settings.same_person == SamePerson::Replaces;
        let identity = join.identity.as_deref().filter(|_| replaces);
        if let Some(before) = identity.and_then(|identity| self.waiting_as(identity)) {
            self.stop_waiting(before);
        }
    }
}
