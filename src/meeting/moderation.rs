//! What hosts do for order: muting, holding, asking, removing, locking, and who may do what.
//!
//! ```text
//!  a microphone (a camera likewise)      SetTrack On (if the right, or an invitation, allows it)
//!                     ┌───────┐ ─────────────────────────────────▶ ┌────┐
//!                     │ muted │ ◀───── Mute by a host, SetTrack ── │ on │
//!                     └───────┘                                    └────┘
//!        Release ▲        │ Mute with hold, MuteAll without leave to unmute
//!                │        ▼
//!             ┌──────┐  AskToSend invites: the person may switch it on, and is never made to
//!             │ held │
//!             └──────┘
//! ```

use std::time::Instant;

use super::participant::check_name;
use super::rights::{self, Rights, Who};
use super::words::{Audience, By, Event, Note};
use super::{LeaveReason, Meeting, ParticipantId, ParticipantKind, Role, TrackState, find};
use crate::refusal::{Code, Refusal};
use crate::track::Source;

/// The most identities that are banned from a meeting; the oldest is let in again.
pub(super) const BANNED_MAX: usize = 1024;

impl Meeting {
    /// What a participant's, or the administrator's, role lets them do.
    pub(super) fn authority(&mut self, by: By) -> Result<Role, Refusal> {
        match by {
            By::Administrator => Ok(Role::Host),
            By::Participant(id) => Ok(find(&mut self.participants, id)?.role),
        }
    }

    /// The authority of a host or cohost over a participant.
    pub(super) fn authority_over(&mut self, by: By, id: ParticipantId, what: &str) -> Result<(), Refusal> {
        let asker = self.authority(by)?;
        let role = find(&mut self.participants, id)?.role;
        if asker.may_turn(role, role) {
            return Ok(());
        }
        let why =
            if asker.may_moderate() { "a cohost may not do so to a host" } else { "only hosts may do so" };
        Err(Refusal::new(Code::NotPermitted, format!("you may not {what}: {why}")))
    }

    pub(super) fn moderator(&mut self, by: By, what: &str) -> Result<(), Refusal> {
        if self.authority(by)?.may_moderate() {
            return Ok(());
        }
        Err(Refusal::new(Code::NotPermitted, format!("only hosts may {what}; ask one")))
    }

    /// Mutes a track, or ends a shared screen. Held, it cannot be switched on until it is released.
    pub(super) fn mute(
        &mut self,
        by: By,
        id: ParticipantId,
        source: Source,
        hold: bool,
    ) -> Result<(), Refusal> {
        self.authority_over(by, id, "mute this participant")?;
        self.silence(id, source);
        if hold {
            self.hold(id, source, true);
        }
        Ok(())
    }

    /// Mutes the microphones of all but the hosts and the one who asks.
    pub(super) fn mute_all(&mut self, by: By, may_unmute: bool) -> Result<(), Refusal> {
        self.moderator(by, "mute everybody")?;
        let is_meant = |id: ParticipantId, role: Role| By::Participant(id) != by && !role.may_moderate();
        let meant = self.participants.values().filter(|one| is_meant(one.id, one.role));
        for id in meant.map(|one| one.id).collect::<Vec<_>>() {
            self.silence(id, Source::Microphone);
        }
        let unmute = if may_unmute { Who::Speakers } else { Who::Hosts };
        self.set_rights_to(Rights { unmute, ..self.rights });
        Ok(())
    }

    fn silence(&mut self, id: ParticipantId, source: Source) {
        self.invited.remove(&(id, source));
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let state = match (participant.track(source), source) {
            (TrackState::Off, _) => return,
            // Nobody sees a muted screen: the share ends.
            (_, Source::Screen | Source::ScreenAudio) => TrackState::Off,
            (TrackState::Muted, _) => return,
            (TrackState::On, _) => TrackState::Muted,
        };
        participant.set_track(source, state);
        self.history.push(Event::Track { participant: id, source, state });
    }

    fn hold(&mut self, id: ParticipantId, source: Source, held: bool) {
        let Some(participant) = self.participants.get_mut(&id) else { return };
        let changed = if held { participant.held.insert(source) } else { participant.held.remove(&source) };
        if changed {
            self.history.push(Event::Held { participant: id, source, held });
        }
    }

    /// A held track may be switched on again by its owner.
    pub(super) fn release(&mut self, by: By, id: ParticipantId, source: Source) -> Result<(), Refusal> {
        self.authority_over(by, id, "release this participant")?;
        self.hold(id, source, false);
        Ok(())
    }

    /// Asks somebody to switch something on, and lets them.
    pub(super) fn ask_to_send(&mut self, by: By, id: ParticipantId, source: Source) -> Result<(), Refusal> {
        self.moderator(by, "ask somebody to switch something on")?;
        let participant = find(&mut self.participants, id)?;
        super::check_may_publish(participant, source, self.settings.mode)?;
        self.hold(id, source, false);
        self.invited.insert((id, source));
        let by = match by {
            By::Participant(by) => Some(by),
            By::Administrator => None,
        };
        self.notes.push(Audience::One(id), Note::AskedToSend { by, source });
        Ok(())
    }

    /// Whether the one whose track it is may switch it on now.
    pub(super) fn check_may_switch_on(&mut self, id: ParticipantId, source: Source) -> Result<(), Refusal> {
        let rights = self.rights;
        let is_invited = self.invited.contains(&(id, source));
        let participant = find(&mut self.participants, id)?;
        if participant.held.contains(&source) {
            return Err(Refusal::new(
                Code::NotPermitted,
                format!("a host holds your {source} off; raise your hand to be let on"),
            ));
        }
        match source {
            _ if is_invited || participant.kind == ParticipantKind::Room => Ok(()),
            Source::Microphone => rights::check(rights.unmute, participant.role, "switch a microphone on"),
            Source::Screen | Source::ScreenAudio => {
                rights::check(rights.share, participant.role, "share a screen")
            }
            Source::Camera => Ok(()),
        }
    }

    /// Removes a participant; banned, its identity does not come back.
    pub(super) fn remove_by(
        &mut self,
        by: By,
        id: ParticipantId,
        ban: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.authority_over(by, id, "remove this participant")?;
        let identity = self.known.get(&id).cloned();
        if let (true, Some(identity)) = (ban, identity) {
            self.banned.push_back(identity);
            if self.banned.len() > BANNED_MAX {
                self.banned.pop_front();
            }
        }
        self.remove(id, if ban { LeaveReason::Banned } else { LeaveReason::Kicked }, now);
        Ok(())
    }

    /// From now on nobody comes in but hosts, or everybody does again.
    pub(super) fn lock(&mut self, by: By, locked: bool) -> Result<(), Refusal> {
        self.moderator(by, "lock the meeting")?;
        self.set_locked(locked);
        Ok(())
    }

    pub(super) fn set_locked(&mut self, locked: bool) {
        if self.locked != locked {
            self.locked = locked;
            self.history.push(Event::Locked { locked });
        }
    }

    pub(super) fn set_rights(&mut self, by: By, rights: Rights) -> Result<(), Refusal> {
        self.moderator(by, "change who may do what")?;
        self.set_rights_to(rights);
        Ok(())
    }

    pub(super) fn set_rights_to(&mut self, rights: Rights) {
        if self.rights == rights {
            return;
        }
        self.rights = rights;
        self.history.push(Event::Rights { rights });
        let loses = |role: Role| !rights.share.includes(role);
        let sharing =
            self.participants.values().filter(|one| loses(one.role) && one.kind != ParticipantKind::Room);
        for id in sharing.map(|one| one.id).collect::<Vec<_>>() {
            self.silence(id, Source::Screen);
            self.silence(id, Source::ScreenAudio);
        }
    }

    /// A host names somebody, or somebody themselves.
    pub(super) fn rename(&mut self, by: By, id: ParticipantId, name: String) -> Result<(), Refusal> {
        check_name(&name)?;
        if by == By::Participant(id) {
            let role = find(&mut self.participants, id)?.role;
            rights::check(self.rights.rename, role, "change their name")?;
        } else {
            self.authority_over(by, id, "rename this participant")?;
        }
        let participant = find(&mut self.participants, id)?;
        if participant.name != name {
            participant.name.clone_from(&name);
            self.history.push(Event::Renamed { participant: id, name });
        }
        Ok(())
    }

    /// Nobody is locked out of a meeting that they are in.
    pub(super) fn check_admitted(&self, join: &super::Join, is_in: bool) -> Result<(), Refusal> {
        if join.kind == ParticipantKind::Room {
            return Ok(());
        }
        if join.identity.as_ref().is_some_and(|identity| self.banned.contains(identity)) {
            return Err(Refusal::new(
                Code::NotPermitted,
                "a host has removed you from this meeting for good; ask the one who invited you",
            ));
        }
        if self.locked && !is_in && join.role != Role::Host {
            return Err(Refusal::new(
                Code::MeetingLocked,
                "the meeting is locked; ask a host to unlock it, then join again",
            ));
        }
        Ok(())
    }
}
