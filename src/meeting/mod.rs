//! What a meeting is and who may do what in it; pure: commands and the time in, numbered events out.
//!
//! ```text
//!  a participant      Join ──▶ ┌──────┐ ── Cut, StepOut ─▶ ┌──────┐ ── away_timeout ──▶ gone (timeout)
//!                              │ here │                    │ away │ ── RETURN_WITHIN, of who stepped out ──▶ gone (left)
//!                              └──┬───┘ ◀─── Return ────── └──┬───┘
//!                                 └───────── Leave, End ──────┴──▶ gone
//!
//!  a meeting          new ──▶ ┌───────┐ ── the first joins ──▶ ┌──────────┐
//!                             │ empty │                        │ occupied │ ── End ──▶ over
//!                             └──┬────┘ ◀── the last is gone ──└──────────┘
//!                                │   (standing: over at once)
//!                                └── idle_timeout, ends_at, End ──▶ over
//! ```
//!
//! After each call that changes a meeting its owner polls events until there are none.

mod admission;
#[cfg(test)]
mod admission_tests;
mod attributes;
mod ballot;
#[cfg(test)]
mod ballot_tests;
mod chat;
mod guests;
mod history;
mod kept;
mod messages;
#[cfg(test)]
mod model_tests;
mod moderation;
mod notes;
mod participant;
mod paths;
#[cfg(test)]
mod people_tests;
mod rights;
mod same;
mod schedule;
#[cfg(test)]
mod schedule_tests;
mod settings;
mod succession;
mod table;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

pub use admission::{Guest, WAITING_MAX, WaitsFor};
pub use attributes::{ATTRIBUTE_BYTES_MAX, ATTRIBUTE_KEY_BYTES_MAX, ATTRIBUTES_MAX};
pub use ballot::{
    OPTION_CHARS_MAX, OPTIONS_MAX, POLLS_MAX, Poll, PollId, PollState, QUESTION_CHARS_MAX, Question, Vote,
};
pub use chat::{CHAT_CHARS_MAX, CHAT_KEPT_MAX, ChatMessage, REACTION_BYTES_MAX};
pub use guests::GUESTS_MAX;
pub use history::{DELTAS_MAX, Numbered};
pub use kept::{Kept, State};
pub use messages::{MESSAGE_BYTES_MAX, Message, TOPIC_BYTES_MAX};
pub use participant::{
    CUSTOM_INFO_BYTES_MAX, LeaveReason, NAME_CHARS_MAX, Participant, ParticipantId, ParticipantKind,
    Presence, Role, TrackState,
};
pub use paths::{BOX_BYTES_MAX, BOXES_MAX, Paths};
pub use rights::{Rights, Who};
pub use same::SamePerson;
pub use schedule::{Moment, Schedule};
pub use settings::{
    AWAY_TIMEOUT, IDLE_TIMEOUT, MEETING_NAME_CHARS_MAX, MeetingName, Mode, PARTICIPANTS_MAX,
    PASSWORD_BYTES_MAX, Password, RETURN_WITHIN, Settings,
};
pub use succession::HOST_GRACE;
pub use table::{MEETINGS_MAX, Meetings};
pub use words::{Audience, By, Command, Event, Join, Note, Snapshot};

use crate::refusal::{Code, Refusal};
use crate::track::{Kind, Source};
use admission::Lobby;
use ballot::Ballot;
use chat::{Chat, Pace};
use history::{History, UNPOLLED_MAX};
use notes::Notes;
use succession::Succession;

#[derive(Debug, Clone, Copy)]
enum Life {
    Empty {
        since: Instant,
        /// Nobody was in it yet.
        is_new: bool,
    },
    Occupied,
    Over,
}

/// One meeting.
#[derive(Debug)]
pub struct Meeting {
    settings: Settings,
    life: Life,
    participants: BTreeMap<ParticipantId, Participant>,
    /// Until when those who are away may come back, and why they are gone if they do not.
    away_until: BTreeMap<ParticipantId, (Instant, LeaveReason)>,
    /// By what those are known again who said so, also when they have left; at most [`same::KNOWN_MAX`].
    known: BTreeMap<ParticipantId, String>,
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
    ballot: Ballot,
    attributes: BTreeMap<String, String>,
    pace: Pace,
    message_pace: Pace,
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
            life: Life::Empty { since: now, is_new: true },
            participants: BTreeMap::new(),
            away_until: BTreeMap::new(),
            known: BTreeMap::new(),
            banned: VecDeque::new(),
            locked: false,
            rights: Rights::default(),
            invited: BTreeSet::new(),
            hands_raised: 0,
            chat: Chat::default(),
            ballot: Ballot::default(),
            attributes: BTreeMap::new(),
            pace: Pace::of_people(),
            message_pace: Pace::of_programs(),
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
        self.look_outside(now);
        self.judge_succession(now);
    }

    fn carry_out(&mut self, command: Command, now: Instant) -> Result<(), Refusal> {
        match command {
            Command::Join(join) => self.join(join, now),
            Command::Bring { via, participant, name } => self.bring(via, participant, name),
            Command::Cut { participant } => self.cut(participant, now),
            Command::StepOut { participant } => self.step_out(participant, now),
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
            Command::Chat { participant, to, text, at } => self.chat(participant, to, text, at, now),
            Command::Message { to, message } => self.message(to, message, now),
            Command::Acknowledge { by, from, number } => self.acknowledge(by, from, number, now),
            Command::SetAttribute { by, participant, key, value } => {
                self.set_attribute(by, participant, key, value)
            }
            Command::SetMeetingAttribute { by, key, value } => self.set_meeting_attribute(by, key, value),
            Command::Reschedule { by, schedule } => self.reschedule(by, schedule, now),
            Command::DraftPoll { by, poll, question } => self.draft(by, poll, question),
            Command::DiscardPoll { by, poll } => self.discard(by, poll),
            Command::OpenPoll { by, poll } => self.open_poll(by, poll),
            Command::ClosePoll { by, poll } => self.close_poll(by, poll),
            Command::Vote { participant, poll, choices } => self.vote(participant, poll, choices),
        }
    }

    /// Lets the time pass: those who were away too long are gone, and an idle meeting ends.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_late = |(id, (until, reason)): (&ParticipantId, &(Instant, LeaveReason))| {
            (*until <= now).then_some((*id, *reason))
        };
        for (participant, reason) in self.away_until.iter().filter_map(is_late).collect::<Vec<_>>() {
            self.remove(participant, reason, now);
        }
        self.succeed(now);
        if self.end_deadline().is_some_and(|deadline| deadline <= now) {
            self.finish();
        }
        self.settle(now);
    }

    /// When [`Meeting::handle_timeout`] is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let others = [self.end_deadline(), self.opening(), self.succession.due()];
        self.away_until.values().map(|(until, _)| *until).chain(others.into_iter().flatten()).min()
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
            schedule: self.settings.schedule,
            attributes: self.attributes.clone(),
            polls: self.polls().cloned().collect(),
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

    /// By what a participant is known again, who may have left.
    #[must_use]
    pub fn identity(&self, participant: ParticipantId) -> Option<&str> {
        self.known.get(&participant).map(String::as_str)
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

    /// Other time limits hold from now on; whoever is away has as long as was said.
    pub(super) fn set_timeouts(&mut self, away: Duration, idle: Duration) {
        self.settings.away_timeout = away;
        self.settings.idle_timeout = self.settings.idle_timeout.map(|_| idle);
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

    fn join(&mut self, join: Join, now: Instant) -> Result<(), Refusal> {
        participant::check_name(&join.name)?;
        participant::check_custom_info(join.custom_info.as_deref())?;
        self.check_unused(join.participant)?;
        self.check_password(&join)?;
        let before = self.same_person(&join)?;
        self.check_admitted(&join, before.is_some())?;
        let join = Join { role: self.succession.role_of(&join), ..join };
        if let Some(before) = before {
            self.replace(before, join, now);
            return Ok(());
        }
        self.stop_waiting_elsewhere(&join);
        if self.has_to_wait(&join, now) {
            return self.wait(join);
        }
        self.check_space()?;
        self.seat(join);
        Ok(())
    }

    /// Lets in whoever may come in.
    fn seat(&mut self, join: Join) {
        self.take_in(join, None);
    }

    /// A newcomer is there; in the place of somebody, it is what that one was.
    fn take_in(&mut self, join: Join, old: Option<Participant>) {
        let is_host = join.role == Role::Host;
        let old = old.unwrap_or_else(|| Participant::new(join.participant, join.kind, join.role));
        let participant = Participant {
            id: join.participant,
            name: join.name,
            role: if is_host { Role::Host } else { old.role },
            custom_info: join.custom_info,
            tracks: BTreeMap::new(),
            presence: Presence::Here,
            ..old
        };
        self.know(participant.id, join.identity);
        self.participants.insert(participant.id, participant.clone());
        self.life = Life::Occupied;
        self.history.push(Event::Joined { participant });
        if is_host {
            self.give_back();
        }
    }

    fn cut(&mut self, id: ParticipantId, now: Instant) -> Result<(), Refusal> {
        let until = now + self.settings.away_timeout;
        if find(&mut self.participants, id)?.presence == Presence::Here {
            self.is_away(id, (until, LeaveReason::Timeout));
        }
        Ok(())
    }

    /// The page is closed, or loaded anew: that cannot be told apart before it is back.
    fn step_out(&mut self, id: ParticipantId, now: Instant) -> Result<(), Refusal> {
        find(&mut self.participants, id)?;
        let until = now + RETURN_WITHIN.min(self.settings.away_timeout);
        self.is_away(id, (until, LeaveReason::Left));
        Ok(())
    }

    fn is_away(&mut self, id: ParticipantId, until: (Instant, LeaveReason)) {
        self.away_until.insert(id, until);
        let Some(participant) = self.participants.get_mut(&id) else { return };
        if std::mem::replace(&mut participant.presence, Presence::Away) == Presence::Here {
            self.history.push(Event::Presence { participant: id, presence: Presence::Away });
        }
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
        self.close_polls();
        self.participants.clear();
        self.away_until.clear();
        self.clear_lobby();
        self.succession = Succession::default();
        self.life = Life::Over;
        self.history.push(Event::Ended);
    }

    fn remove(&mut self, id: ParticipantId, reason: LeaveReason, now: Instant) {
        for guest in self.guests_of(id).collect::<Vec<_>>() {
            self.remove(guest, reason, now);
        }
        if let Some(participant) = self.participants.remove(&id) {
            self.succession.remember(&participant, self.known.get(&id));
        }
        self.away_until.remove(&id);
        self.invited.retain(|(of, _)| *of != id);
        self.pace.forget(id);
        self.message_pace.forget(id);
        self.history.push(Event::Left { participant: id, reason });
        if !self.participants.is_empty() {
            return;
        }
        self.life = Life::Empty { since: now, is_new: false };
        if self.settings.standing {
            // Who comes next finds none of what the last people left.
            self.finish();
        } else {
            self.open_door();
        }
    }

    /// Nobody is there who could let others in, or have them speak.
    fn open_door(&mut self) {
        self.set_locked(false);
        self.set_rights_to(Rights::default());
        self.reset_lobby();
        self.succession = Succession::default();
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
            Some(given) if password.is(self.name(), given) => Ok(()),
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
