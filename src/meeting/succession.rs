//! Who is host when the host has gone, and what happens when they come back.
//!
//! ```text
//!            the last host has gone             HOST_GRACE
//!   hosted ─────────────────────────▶ orphaned ───────────▶ the longest present cohost, else speaker, stands in
//!     ▲                                  │                        │
//!     └────── a host comes ──────────────┴────────────────────────┘ and gives it back
//! ```

use std::time::{Duration, Instant};

use super::words::Event;
use super::{Join, Meeting, Participant, ParticipantId, ParticipantKind, Presence, Role};

/// How long a meeting goes on without its host until somebody stands in.
pub const HOST_GRACE: Duration = Duration::from_secs(30);

/// Who was, and who is, responsible.
#[derive(Debug, Default)]
pub(super) struct Succession {
    /// There was a host; meetings that never had one get none by themselves.
    had_host: bool,
    /// When somebody stands in.
    due: Option<Instant>,
    /// Who stands in, and what they were before.
    regent: Option<(ParticipantId, Role)>,
    /// By what the host that has gone is known again.
    host_identity: Option<String>,
}

impl Succession {
    pub(super) const fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Somebody's role was changed on purpose: they do not just stand in.
    pub(super) fn settle(&mut self, id: ParticipantId) {
        if self.regent.is_some_and(|(regent, _)| regent == id) {
            self.regent = None;
        }
    }

    /// Somebody has come in the place of another.
    pub(super) fn passes(&mut self, from: ParticipantId, to: ParticipantId) {
        if let Some((regent, _)) = &mut self.regent
            && *regent == from
        {
            *regent = to;
        }
    }

    pub(super) fn remember(&mut self, participant: &Participant, identity: Option<&String>) {
        let stands_in = self.regent.is_some_and(|(regent, _)| regent == participant.id);
        if stands_in {
            self.regent = None;
        } else if participant.role == Role::Host && identity.is_some() {
            self.host_identity = identity.cloned();
        }
    }

    /// What a newcomer is: the host that has gone is host again.
    pub(super) fn role_of(&self, join: &Join) -> Role {
        let is_host = join.identity.is_some() && join.identity == self.host_identity;
        if is_host { Role::Host } else { join.role }
    }
}

impl Meeting {
    /// A host has come: whoever stood in gives it back.
    pub(super) fn give_back(&mut self) {
        let Some((regent, before)) = self.succession.regent.take() else { return };
        if let Some(participant) = self.participants.get_mut(&regent)
            && participant.role == Role::Host
        {
            participant.role = before;
            self.history.push(Event::Role { participant: regent, role: before });
        }
    }

    /// After each command: is there a host, and if not, since when?
    pub(super) fn judge_succession(&mut self, now: Instant) {
        if self.participants.values().any(|one| one.role == Role::Host) {
            self.succession.had_host = true;
            self.succession.due = None;
        } else if self.succession.had_host && self.heir().is_some() {
            self.succession.due.get_or_insert(now + HOST_GRACE);
        } else {
            self.succession.due = None;
        }
    }

    /// Somebody stands in, if it is time.
    pub(super) fn succeed(&mut self, now: Instant) {
        if self.succession.due.is_none_or(|due| now < due) {
            return;
        }
        self.succession.due = None;
        let Some(id) = self.heir() else { return };
        let Some(participant) = self.participants.get_mut(&id) else { return };
        self.succession.regent = Some((id, participant.role));
        participant.role = Role::Host;
        self.history.push(Event::Role { participant: id, role: Role::Host });
    }

    /// Ids count up, so that the smallest has been there the longest.
    fn heir(&self) -> Option<ParticipantId> {
        let present = |role: Role| {
            self.participants.values().find(|one| {
                one.role == role && one.kind == ParticipantKind::Browser && one.presence == Presence::Here
            })
        };
        present(Role::Cohost).or_else(|| present(Role::Speaker)).map(|one| one.id)
    }

    /// Where there was a host and somebody could stand in, there is one, or it is known when there will be.
    #[cfg(test)]
    pub(super) fn verify_succession(&self) {
        let hosts = self.participants.values().filter(|one| one.role == Role::Host).count();
        let is_awaited = self.succession.had_host && self.heir().is_some();
        assert_eq!(self.succession.due.is_some(), hosts == 0 && is_awaited);
        if let Some((regent, _)) = self.succession.regent {
            assert!(self.participants.get(&regent).is_some_and(|one| one.role == Role::Host));
        }
    }
}
