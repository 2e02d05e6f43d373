//! What a meeting is and who may do what in it; pure: commands and the time in, numbered events out.
//!
//! ```text
//!  a participant      Join ──▶ ┌──────┐ ── Cut ──▶ ┌──────┐
//!                              │ here │            │ away │ ── away_timeout ──▶ gone (timeout)
//!                              └──┬───┘ ◀─ Return ─└──┬───┘
//!                                 └── Leave, End ─────┴──▶ gone
//!
//!  a meeting          new ──▶ ┌───────┐ ── the first joins ──▶ ┌──────────┐
//!                             │ empty │                        │ occupied │ ── End ──▶ over
//!                             └──┬────┘ ◀── the last is gone ──└──────────┘
//!                                └── idle_timeout (unless standing), End ──▶ over
//! ```
//!
//! After each call that changes a meeting its owner polls events until there are none.

mod admission;
#[cfg(test)]
mod admission_tests;
mod chat;
mod history;
mod moderation;
mod notes;
mod participant;
#[cfg(test)]
mod people_tests;
mod rights;
mod settings;
mod succession;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Instant;

pub use admission::{Guest, WAITING_MAX, WaitsFor};
pub use chat::{CHAT_CHARS_MAX, CHAT_KEPT_MAX, ChatMessage, REACTION_BYTES_MAX};
pub use history::{DELTAS_MAX, Numbered};
pub use participant::{
    CUSTOM_INFO_BYTES_MAX, LeaveReason, NAME_CHARS_MAX, Participant, ParticipantId, ParticipantKind,
    Presence, Role, TrackState,
};
pub use rights::{Rights, Who};
pub use settings::{
    AWAY_TIMEOUT, IDLE_TIMEOUT, MEETING_NAME_CHARS_MAX, MeetingName, Mode, PARTICIPANTS_MAX,
    PASSWORD_BYTES_MAX, Password, Settings,
};
pub use succession::HOST_GRACE;
pub use table::{MEETINGS_MAX, Meetings};
pub use words::{Audience, By, Command, Event, Join, Note, Snapshot};

use crate::refusal::{Code, Refusal};
use crate::track::{Kind, Source};
use admission::Lobby;
use chat::{Chat, Pace};
use history::{History, UNPOLLED_MAX};
use notes::Notes;
use succession::Succession;

#[derive(Debug, Clone, Copy)]
enum Life {
    Empty { since: Instant },
    Occupied,
    Over,
}

/// One meeting.
#[derive(Debug)]
pub struct Meeting {
    settings: Settings,
    life: Life,
    participants: BTreeMap<ParticipantId, Participant>,
    /// Until when those who are away may come back.
    away_until: BTreeMap<ParticipantId, Instant>,
    /// By which those who said so are known again.
    identities: BTreeMap<ParticipantId, String>,
    /// The oldest first.
    banned: VecDeque<String>,
    locked: bool,
    lobby: Lobby,
    succession: Succession,
    rights: Rights,
    /// Who was asked to switch what on, and may.
    invited: BTreeSet<(ParticipantId, Source)>,
    hands_raised: u64,
    chat: Chat,
    pace: Pace,
    notes: Notes,
    history: History,
}

impl Meeting {
    /// An empty meeting. The settings are taken as they are; see [`Settings::check`].
    #[must_use]
    pub fn new(settings: Settings, now: Instant) -> Self {
        Self {
            lobby: Lobby::new(settings.has_lobby),
            succession: Succession::default(),
            settings,
            life: Life::Empty { since: now },
            participants: BTreeMap::new(),
            away_until: BTreeMap::new(),
            identities: BTreeMap::new(),
            banned: VecDeque::new(),
            locked: false,
            rights: Rights::default(),
            invited: BTreeSet::new(),
            hands_raised: 0,
            chat: Chat::default(),
            pace: Pace::default(),
            notes: Notes::default(),
            history: History::default(),
        }
    }

    /// Carries out a command, or refuses it and changes nothing.
    ///
    /// # Errors
    /// `meeting-not-found` when it is over; `peer-lost` for a participant that is not in it (any more);
    /// `busy` when its events are not polled; of a join `meeting-full`, `meeting-locked`, `wrong-password`,
    /// `not-permitted` for the banned and `invalid-parameter`; of a track `not-permitted`, `unsupported-mode` and
    /// `track-id-taken`; of what the role or the rights do not allow `not-permitted`; of texts `invalid-parameter`
    /// and `too-many-requests`.
    pub fn handle(&mut self, command: Command, now: Instant) -> Result<(), Refusal> {
        self.check_alive()?;
        self.carry_out(command, now)?;
        self.settle(now);
        Ok(())
    }

    /// What follows by itself.
    fn settle(&mut self, now: Instant) {
        self.look_outside();
        self.judge_succession(now);
    }

    fn carry_out(&mut self, command: Command, now: Instant) -> Result<(), Refusal> {
        match command {
            Command::Join(join) => self.join(join),
            Command::Cut { participant } => self.cut(participant, now),
            Command::Return { participant } => self.come_back(participant),
            Command::SetTrack { participant, source, state } => self.set_track(participant, source, state),
            Command::Leave { participant, reason } => self.leave(participant, reason, now),
            Command::SetRole { by, participant, role } => self.set_role(by, participant, role),
            Command::End { by } => self.end(by),
            Command::Mute { by, participant, source, hold } => self.mute(by, participant, source, hold),
            Command::MuteAll { by, may_unmute } => self.mute_all(by, may_unmute),
            Command::Release { by, participant, source } => self.release(by, participant, source),
            Command::AskToSend { by, participant, source } => self.ask_to_send(by, participant, source),
            Command::Remove { by, participant, ban } => self.remove_by(by, participant, ban, now),
            Command::Lock { by, locked } => self.lock(by, locked),
            Command::SetLobby { by, on } => self.set_lobby(by, on),
            Command::Admit { by, participant } => self.admit(by, participant),
            Command::Deny { by, participant } => self.deny(by, participant),
            Command::SendBack { by, participant } => self.send_back(by, participant, now),
            Command::SetRights { by, rights } => self.set_rights(by, rights),
            Command::Rename { by, participant, name } => self.rename(by, participant, name),
            Command::Hand { by, participant, up } => self.raise_hand(by, participant, up),
            Command::Spoke { participant } => {
                self.spoke(participant);
                Ok(())
            }
            Command::React { participant, emoji } => self.react(participant, emoji, now),
            Command::Chat { participant, to, text } => self.chat(participant, to, text, now),
        }
    }

    /// Lets the time pass: those who were away too long are gone, and an idle meeting ends.
    pub fn handle_timeout(&mut self, now: Instant) {
        let late: Vec<_> =
            self.away_until.iter().filter(|(_, until)| **until <= now).map(|(id, _)| *id).collect();
        for participant in late {
            self.remove(participant, LeaveReason::Timeout, now);
        }
        self.succeed(now);
        self.settle(now);
        if self.idle_deadline().is_some_and(|deadline| deadline <= now) {
            self.finish();
        }
    }

    /// When [`Meeting::handle_timeout`] is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.away_until.values().copied().chain(self.idle_deadline()).chain(self.succession.due()).min()
    }

    /// The next event that was not polled yet.
    pub fn poll_event(&mut self) -> Option<Numbered> {
        self.history.poll()
    }

    /// Its state after the last event.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            seq: self.history.last_seq(),
            participants: self.participants.values().cloned().collect(),
            rights: self.rights,
            locked: self.locked,
            lobby: self.has_lobby(),
        }
    }

    /// What happened after the event numbered `seq`; `None` when more than [`DELTAS_MAX`] were missed or
    /// there was no such event, and a snapshot is needed.
    #[must_use]
    pub fn events_since(&self, seq: u64) -> Option<Vec<Numbered>> {
        self.history.since(seq)
    }

    /// Who that is, if in the meeting.
    #[must_use]
    pub fn participant(&self, participant: ParticipantId) -> Option<&Participant> {
        self.participants.get(&participant)
    }

    /// Everybody, in the order of their ids.
    pub fn participants(&self) -> impl ExactSizeIterator<Item = &Participant> {
        self.participants.values()
    }

    /// Its unique name.
    #[must_use]
    pub const fn name(&self) -> &MeetingName {
        &self.settings.name
    }

    /// What it was created with.
    #[must_use]
    pub const fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether it has ended. Then nobody is in it, and it refuses everything.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.life, Life::Over)
    }

    /// Whether all its events were polled.
    #[must_use]
    pub fn has_told_all(&self) -> bool {
        self.history.unpolled() == 0
    }

    fn join(&mut self, join: Join) -> Result<(), Refusal> {
        participant::check_name(&join.name)?;
        participant::check_custom_info(join.custom_info.as_deref())?;
        self.check_unused(join.participant)?;
        self.check_password(&join)?;
        self.check_admitted(&join)?;
        let join = Join { role: self.succession.role_of(&join), ..join };
        if self.has_to_wait(&join) {
            return self.wait(join);
        }
        self.check_space()?;
        self.seat(join);
        Ok(())
    }

    /// Lets in whoever may come in.
    fn seat(&mut self, join: Join) {
        let participant = Participant {
            id: join.participant,
            name: join.name,
            kind: join.kind,
            role: join.role,
            custom_info: join.custom_info,
            tracks: BTreeMap::new(),
            held: BTreeSet::new(),
            hand: None,
            presence: Presence::Here,
        };
        if let Some(identity) = join.identity {
            self.identities.insert(participant.id, identity);
        }
        let role = participant.role;
        self.participants.insert(participant.id, participant.clone());
        self.life = Life::Occupied;
        self.history.push(Event::Joined { participant });
        if role == Role::Host {
            self.give_back();
        }
    }

    fn cut(&mut self, id: ParticipantId, now: Instant) -> Result<(), Refusal> {
        let until = now + self.settings.away_timeout;
        let participant = find(&mut self.participants, id)?;
        if participant.presence == Presence::Here {
            participant.presence = Presence::Away;
            self.away_until.insert(id, until);
            self.history.push(Event::Presence { participant: id, presence: Presence::Away });
        }
        Ok(())
    }

    fn come_back(&mut self, id: ParticipantId) -> Result<(), Refusal> {
        let participant = find(&mut self.participants, id)?;
        if participant.presence == Presence::Away {
            participant.presence = Presence::Here;
            self.away_until.remove(&id);
            self.history.push(Event::Presence { participant: id, presence: Presence::Here });
        }
        Ok(())
    }

    fn set_track(&mut self, id: ParticipantId, source: Source, state: TrackState) -> Result<(), Refusal> {
        let mode = self.settings.mode;
        let participant = find(&mut self.participants, id)?;
        if state != TrackState::Off {
            check_may_publish(participant, source, mode)?;
        }
        if state == TrackState::On {
            self.check_may_switch_on(id, source)?;
        }
        let participant = find(&mut self.participants, id)?;
        let before = participant.track(source);
        if state == TrackState::On && before == TrackState::On {
            return Err(Refusal::new(
                Code::TrackIdTaken,
                format!("you already send a {source} track; end that one first"),
            ));
        }
        if state != before {
            participant.set_track(source, state);
            self.history.push(Event::Track { participant: id, source, state });
        }
        Ok(())
    }

    fn leave(&mut self, id: ParticipantId, reason: LeaveReason, now: Instant) -> Result<(), Refusal> {
        if self.stop_waiting(id) {
            return Ok(());
        }
        find(&mut self.participants, id)?;
        self.remove(id, reason, now);
        Ok(())
    }

    fn set_role(&mut self, by: By, id: ParticipantId, role: Role) -> Result<(), Refusal> {
        let asker = self.authority(by)?;
        let participant = find(&mut self.participants, id)?;
        if !asker.may_turn(participant.role, role) {
            return Err(Refusal::new(
                Code::NotPermitted,
                format!("you are {asker} here and may not make this participant {role}; ask a host"),
            ));
        }
        self.succession.settle(id);
        if participant.role == role {
            return Ok(());
        }
        participant.role = role;
        if !role.may_publish() {
            for source in std::mem::take(&mut participant.tracks).into_keys() {
                self.history.push(Event::Track { participant: id, source, state: TrackState::Off });
            }
        }
        self.history.push(Event::Role { participant: id, role });
        if role.may_moderate() {
            self.notes.push(Audience::One(id), Note::Waiting { guests: self.guests() });
        }
        Ok(())
    }

    fn end(&mut self, by: By) -> Result<(), Refusal> {
        let role = self.authority(by)?;
        if !role.may_end() {
            return Err(Refusal::new(
                Code::NotPermitted,
                format!("only a host may end the meeting for all, and you are {role}; leave it instead"),
            ));
        }
        self.finish();
        Ok(())
    }

    fn finish(&mut self) {
        self.participants.clear();
        self.away_until.clear();
        self.clear_lobby();
        self.life = Life::Over;
        self.history.push(Event::Ended);
    }

    fn remove(&mut self, id: ParticipantId, reason: LeaveReason, now: Instant) {
        let identity = self.identities.remove(&id);
        if let Some(participant) = self.participants.remove(&id) {
            self.succession.remember(&participant, identity.as_ref());
        }
        self.away_until.remove(&id);
        self.invited.retain(|(of, _)| *of != id);
        self.pace.forget(id);
        self.history.push(Event::Left { participant: id, reason });
        if self.participants.is_empty() {
            self.start_over();
            self.life = Life::Empty { since: now };
        }
    }

    /// Who comes to an empty meeting finds none of what the last people left: a standing one is never closed for good.
    fn start_over(&mut self) {
        if self.locked {
            self.locked = false;
            self.history.push(Event::Locked { locked: false });
        }
        self.set_rights_to(Rights::default());
        self.banned.clear();
        self.reset_lobby();
        self.succession = Succession::default();
        self.chat = Chat::default();
    }

    fn idle_deadline(&self) -> Option<Instant> {
        match (self.life, self.settings.idle_timeout) {
            (Life::Empty { since }, Some(timeout)) if !self.settings.standing => Some(since + timeout),
            _ => None,
        }
    }

    fn check_alive(&self) -> Result<(), Refusal> {
        if self.is_over() {
            return Err(Refusal::new(
                Code::MeetingNotFound,
                format!("the meeting '{}' has ended; create it again to meet there", self.name()),
            ));
        }
        if self.history.unpolled() >= UNPOLLED_MAX {
            return Err(Refusal::new(Code::Busy, "the meeting has too much to tell; try again in a moment"));
        }
        Ok(())
    }

    /// Ids are ours to give out, so that a second use is a bug of ours.
    fn check_unused(&self, id: ParticipantId) -> Result<(), Refusal> {
        if self.participants.contains_key(&id) {
            return Err(Refusal::new(Code::Internal, format!("{id} is in the meeting already")));
        }
        Ok(())
    }

    /// The appliance's own room is put into meetings by people who are let in anyway, and is not asked.
    fn check_password(&self, join: &Join) -> Result<(), Refusal> {
        let Some(password) = &self.settings.password else { return Ok(()) };
        if join.kind == ParticipantKind::Room {
            return Ok(());
        }
        match &join.password {
            Some(given) if password.is(given) => Ok(()),
            Some(_) => Err(Refusal::new(
                Code::WrongPassword,
                "the password is not that of this meeting; ask the one who invited you",
            )),
            None => Err(Refusal::new(Code::WrongPassword, "this meeting has a password; give it to join")),
        }
    }

    /// Whether one more participant finds room.
    ///
    /// # Errors
    /// `meeting-full`.
    pub fn check_space(&self) -> Result<(), Refusal> {
        let most = self.settings.max_participants;
        if self.participants.len() < most as usize {
            return Ok(());
        }
        Err(Refusal::new(
            Code::MeetingFull,
            format!("the meeting is full, it takes {most}; try again when somebody has left"),
        ))
    }
}

fn find(
    participants: &mut BTreeMap<ParticipantId, Participant>,
    id: ParticipantId,
) -> Result<&mut Participant, Refusal> {
    participants.get_mut(&id).ok_or_else(|| {
        Refusal::new(Code::PeerLost, "this participant is no longer in the meeting; join again")
    })
}

fn check_may_publish(participant: &Participant, source: Source, mode: Mode) -> Result<(), Refusal> {
    if !participant.role.may_publish() {
        return Err(Refusal::new(
            Code::NotPermitted,
            "you are in the audience, which only watches and listens; ask a host to make you a speaker",
        ));
    }
    if mode == Mode::Audio && source.kind() == Kind::Video {
        return Err(Refusal::new(
            Code::UnsupportedMode,
            format!("this meeting has sound alone, and takes no {source}"),
        ));
    }
    Ok(())
}
