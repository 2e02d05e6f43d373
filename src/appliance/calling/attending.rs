//! The meetings of answered calls: made for the first who enters, told apart from others, ended with the call.

use std::collections::BTreeMap;

use super::{Admission, words};
use crate::appliance::handle::{MemberId, NewMeeting};
use crate::appliance::run::Appliance;
use crate::calling::{CallId, Command, DeviceId, Media, UserId, UserKind};
use crate::meeting::LeaveReason;
use crate::refusal::Refusal;
use crate::web::wire::Mode;
use crate::web::wire::calling::{Frame, Tell};

/// How the names of meetings begin that were made of calls.
const CALL: &str = "call-";

/// Whether a meeting was made of a call: it does not outlive the process.
pub(in crate::appliance) fn is_call(meeting: &str) -> bool {
    meeting.starts_with(CALL)
}

impl Appliance {
    /// Somebody may come in: there is a meeting for it, and they are given the key.
    pub(super) fn let_enter(&mut self, call: CallId, user: UserId, device: DeviceId) {
        let Ok((media, caller)) = self.exchange.calls.call(call).map(|call| (call.media, call.caller)) else {
            return;
        };
        let meeting = match self.meeting_of(call, media) {
            Ok(meeting) => meeting,
            Err(refusal) => {
                log::warn!(call = call.0; "no meeting could be made of a call: {refusal}");
                return;
            }
        };
        if user == self.exchange.room.0 {
            if let Err(refusal) = self.room_join(&meeting) {
                log::warn!(meeting = meeting.as_str(); "the room cannot take its call: {refusal}");
            }
            return;
        }
        if self.enters_elsewhere(call, user, device, &meeting) {
            return;
        }
        let name = self.exchange.name_of(user);
        // Those behind a bridge are nobody's hosts here.
        let is_person = self.exchange.calls.user(user).is_ok_and(|user| user.kind == UserKind::Person);
        let is_host = user == caller && is_person;
        let admission = Admission { meeting: &meeting, name: &name, user: user.0, is_host };
        let token = (self.settings.calling.admit)(admission);
        let tell = Tell::Enter { call: call.to_string(), meeting, token, media: words::media_word(media) };
        self.tell_page(device, Frame::Told { tell });
    }

    fn meeting_of(&mut self, call: CallId, media: Media) -> Result<String, Refusal> {
        if let Some(meeting) = self.exchange.meetings.get(&call) {
            return Ok(meeting.clone());
        }
        let name = format!("{CALL}{}", fresh_name()?);
        let mode = if media == Media::Video { Mode::Video } else { Mode::Audio };
        self.create_meeting(NewMeeting { name: name.clone(), mode, ..NewMeeting::default() })?;
        self.exchange.meetings.insert(call, name.clone());
        Ok(name)
    }

    /// A member of a meeting has come in whom its token names as a user.
    pub(in crate::appliance) fn user_arrived(&mut self, member: MemberId, user: Option<u64>, meeting: &str) {
        let (Some(user), Some(call)) = (user.map(UserId), self.call_in(meeting)) else { return };
        self.exchange.attending.insert(member, (call, user));
        self.tell_calls(Command::Arrived { call, user });
    }

    /// A member of a meeting is gone.
    pub(in crate::appliance) fn user_departed(&mut self, member: MemberId, reason: LeaveReason) {
        let Some((call, user)) = self.exchange.attending.remove(&member) else { return };
        if self.exchange.attending.values().any(|other| *other == (call, user)) {
            return;
        }
        let lost = matches!(reason, LeaveReason::Timeout | LeaveReason::TransportFailed);
        self.tell_calls(Command::Departed { call, user, lost });
    }

    /// The room has taken its seat in a meeting.
    pub(in crate::appliance) fn room_arrived(&mut self, meeting: &str) {
        let (user, _) = self.exchange.room;
        match self.call_in(meeting) {
            Some(call) => self.tell_calls(Command::Arrived { call, user }),
            None => self.tell_calls(Command::SetEngaged { user, engaged: true }),
        }
    }

    /// The room has left its seat.
    pub(in crate::appliance) fn room_departed(&mut self, meeting: &str) {
        let (user, _) = self.exchange.room;
        match self.call_in(meeting) {
            Some(call) => self.tell_calls(Command::Departed { call, user, lost: false }),
            None => self.tell_calls(Command::SetEngaged { user, engaged: false }),
        }
    }

    /// Somebody is out of a call: nothing keeps them in its meeting.
    pub(super) fn put_out(&mut self, call: CallId, user: UserId) {
        self.out_elsewhere(call, user);
        let Some(meeting) = self.exchange.meetings.get(&call).cloned() else { return };
        if user == self.exchange.room.0 {
            if self.seat.meeting() == Some(meeting.as_str()) {
                self.unseat_room();
            }
            return;
        }
        let is_theirs = |part: &(CallId, UserId)| *part == (call, user);
        let members = self.exchange.attending.iter().filter(|(_, part)| is_theirs(part));
        for member in members.map(|(member, _)| *member).collect::<Vec<_>>() {
            self.exchange.attending.remove(&member);
            if let Err(refusal) = self.leave_because(member, LeaveReason::Left) {
                log::debug!(meeting = meeting.as_str(), participant = member.0; "had left: {refusal}");
            }
        }
    }

    /// After a call the room is where it would be without it: with those who are in its standing meeting.
    pub(super) fn room_returns(&mut self) {
        let standing = self.settings.standing_meeting.clone();
        let is_awaited = self.hosted.get(&standing).is_some_and(|hosted| !hosted.members.is_empty());
        if is_awaited && self.seat.meeting().is_none() {
            self.room_comes_along(&standing);
        }
    }

    fn call_in(&self, meeting: &str) -> Option<CallId> {
        let meetings: &BTreeMap<_, _> = &self.exchange.meetings;
        meetings.iter().find(|(_, name)| *name == meeting).map(|(call, _)| *call)
    }

    /// Tells the calls what has happened; that they knew already is no fault.
    pub(super) fn tell_calls(&mut self, command: Command) {
        if let Err(refusal) = self.call_command(command) {
            log::debug!("the calls need not be told: {refusal}");
        }
    }
}

/// 80 random bits in letters that stand in the name of a meeting.
fn fresh_name() -> Result<String, Refusal> {
    use crate::refusal::Code;
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Refusal::new(Code::Internal, "the machine has no randomness"))?;
    let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
    Ok(bytes.iter().map(|byte| char::from(letters[usize::from(byte % 32)])).collect())
}
