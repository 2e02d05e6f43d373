//! Who waits outside and who lets them in: the lobby, and meetings that wait for a host.
//!
//! ```text
//!                      a lobby, or no host yet
//!   Join (no host) ───────────────────────────▶ ┌─────────┐ ── Deny, Leave, the meeting ends ──▶ gone
//!        │ neither                              │ waiting │
//!        │                 ┌─────────────────── └─────────┘ ◀── SendBack ──┐
//!        ▼                 │ Admit, the lobby is closed, a host comes      │
//!     ┌──────┐ ◀───────────┘                                               │
//!     │ here │ ────────────────────────────────────────────────────────────┘
//!     └──────┘
//! ```

use std::collections::BTreeMap;
use std::time::Instant;

use super::words::{Audience, By, Event, Join, Note};
use super::{LeaveReason, Meeting, ParticipantId, ParticipantKind};
use crate::refusal::{Code, Refusal};

/// The most people that wait for one meeting; the next one is refused.
pub const WAITING_MAX: usize = 100;

/// Somebody who waits, as hosts are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guest {
    /// Who; once let in, the participant has the same id.
    pub id: ParticipantId,
    /// The name to show.
    pub name: String,
}

/// What somebody waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitsFor {
    /// A host, to let them in.
    Admission,
    /// A host, to be there at all.
    Host,
    /// The time from which people come in.
    Opening,
}

/// The people outside.
#[derive(Debug)]
pub(super) struct Lobby {
    is_on: bool,
    /// In the order in which they came, for ids count up.
    waiting: BTreeMap<ParticipantId, Join>,
    /// When those who wait may come in, if that is to come.
    opening: Option<Instant>,
}

impl Lobby {
    pub(super) const fn new(is_on: bool) -> Self {
        Self { is_on, waiting: BTreeMap::new(), opening: None }
    }
}

impl Meeting {
    pub(super) const fn opening(&self) -> Option<Instant> {
        self.lobby.opening
    }

    /// Whether newcomers wait until a host lets them in.
    #[must_use]
    pub const fn has_lobby(&self) -> bool {
        self.lobby.is_on
    }

    /// What somebody waits for; `None` of those who do not wait.
    #[must_use]
    pub fn waits_for(&self, id: ParticipantId, now: Instant) -> Option<WaitsFor> {
        self.lobby.waiting.contains_key(&id).then(|| self.outside_waits_for(now))
    }

    /// Who waits outside, the longest first.
    #[must_use]
    pub fn guests(&self) -> Vec<Guest> {
        self.lobby.waiting.iter().map(|(id, join)| Guest { id: *id, name: join.name.clone() }).collect()
    }

    fn outside_waits_for(&self, now: Instant) -> WaitsFor {
        if self.schedule().opens_later(now).is_some() {
            WaitsFor::Opening
        } else if self.is_without_host() {
            WaitsFor::Host
        } else {
            WaitsFor::Admission
        }
    }

    /// One of those who wait, by what they are known again.
    pub(super) fn waiting_as(&self, identity: &str) -> Option<ParticipantId> {
        let is_it = |join: &&Join| join.identity.as_deref() == Some(identity);
        self.lobby.waiting.values().find(is_it).map(|join| join.participant)
    }

    fn is_without_host(&self) -> bool {
        self.settings.waits_for_host && !self.participants.values().any(|one| one.role.may_moderate())
    }

    /// The appliance's own room is put into meetings by people who are let in anyway.
    pub(super) fn has_to_wait(&self, join: &Join, now: Instant) -> bool {
        let is_free = join.kind == ParticipantKind::Room || join.role.may_moderate();
        !is_free && (self.lobby.is_on || self.is_without_host() || self.schedule().opens_later(now).is_some())
    }

    pub(super) fn wait(&mut self, join: Join) -> Result<(), Refusal> {
        if self.lobby.waiting.len() >= WAITING_MAX {
            return Err(Refusal::new(
                Code::Busy,
                format!("{WAITING_MAX} people wait to be let in already; try again when some of them are in"),
            ));
        }
        self.lobby.waiting.insert(join.participant, join);
        self.tell_guests();
        Ok(())
    }

    /// Lets in one of those who wait, or all for whom there is room.
    pub(super) fn admit(&mut self, by: By, who: Option<ParticipantId>) -> Result<(), Refusal> {
        self.moderator(by, "let people in")?;
        match who {
            Some(id) => {
                self.check_waits(id)?;
                self.check_space()?;
                self.let_in(id);
            }
            None => self.let_all_in(),
        }
        Ok(())
    }

    /// Sends away one of those who wait.
    pub(super) fn deny(&mut self, by: By, id: ParticipantId) -> Result<(), Refusal> {
        self.moderator(by, "send people away")?;
        self.check_waits(id)?;
        self.stop_waiting(id);
        Ok(())
    }

    /// Somebody does not wait any more; returns whether they did.
    pub(super) fn stop_waiting(&mut self, id: ParticipantId) -> bool {
        let did = self.lobby.waiting.remove(&id).is_some();
        if did {
            self.tell_guests();
        }
        did
    }

    /// From now on newcomers wait to be let in, or come in by themselves; then those who wait are let in.
    pub(super) fn set_lobby(&mut self, by: By, is_on: bool) -> Result<(), Refusal> {
        self.moderator(by, "open or close the lobby")?;
        self.switch_lobby(is_on);
        Ok(())
    }

    fn switch_lobby(&mut self, is_on: bool) {
        if self.lobby.is_on == is_on {
            return;
        }
        self.lobby.is_on = is_on;
        self.history.push(Event::Lobby { on: is_on });
    }

    /// A participant waits outside again; for that there has to be a lobby.
    pub(super) fn send_back(&mut self, by: By, id: ParticipantId, now: Instant) -> Result<(), Refusal> {
        self.authority_over(by, id, "send this participant back to the lobby")?;
        if self.participants.get(&id).is_some_and(|one| one.kind != ParticipantKind::Browser) {
            let detail = "only people in browsers can be sent back to the lobby; remove it instead";
            return Err(Refusal::new(Code::NotPermitted, detail));
        }
        self.switch_lobby(true);
        self.history.push(Event::SentBack { participant: id });
        self.remove(id, LeaveReason::Kicked, now);
        Ok(())
    }

    /// After each command: whoever needs not wait any more comes in, because a host has come, it is time, the lobby was
    /// closed or somebody has made room.
    pub(super) fn look_outside(&mut self, now: Instant) {
        let opening = self.schedule().opens_later(now);
        if !self.lobby.is_on && !self.is_without_host() && opening.is_none() {
            self.let_all_in();
        }
        self.lobby.opening = opening.filter(|_| !self.lobby.waiting.is_empty());
    }

    fn let_all_in(&mut self) {
        while let Some(id) = self.lobby.waiting.keys().next().copied()
            && self.check_space().is_ok()
        {
            self.let_in(id);
        }
    }

    fn let_in(&mut self, id: ParticipantId) {
        if let Some(join) = self.lobby.waiting.remove(&id) {
            self.seat(join);
            self.tell_guests();
        }
    }

    /// It is as it was created, and those who wait go on waiting where it has a lobby then.
    pub(super) fn reset_lobby(&mut self) {
        self.switch_lobby(self.settings.has_lobby);
    }

    pub(super) fn clear_lobby(&mut self) {
        self.lobby.waiting.clear();
        self.lobby.opening = None;
    }

    fn check_waits(&self, id: ParticipantId) -> Result<(), Refusal> {
        if self.lobby.waiting.contains_key(&id) {
            return Ok(());
        }
        Err(Refusal::new(Code::PeerLost, "this person does not wait to be let in any more"))
    }

    /// Hosts are always told of all who wait: what is shown cannot become wrong.
    fn tell_guests(&mut self) {
        self.notes.push(Audience::Hosts, Note::Waiting { guests: self.guests() });
    }
}
