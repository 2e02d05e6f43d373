//! The meetings of answered calls, made for the first who enters and ended with the call; and who of any meeting is a user.

use super::{Admission, words};
use crate::appliance::handle::{JoinUser, MemberId, NewMeeting};
use crate::appliance::run::{Appliance, Member};
use crate::calling::{Call, CallId, Command, DeviceId, Leg, LegState, Media, UserId, UserKind};
use crate::meeting::{LeaveReason, ParticipantId};
use crate::refusal::{Code, Refusal};
use crate::web::wire::calling::{Frame, Tell};

/// How the names of meetings begin that were made of calls.
const CALL: &str = "call-";

/// A member of a meeting who is a user of the directory.
#[derive(Debug, Clone)]
pub(super) struct Attending {
    pub(super) user: UserId,
    /// By which they are there, if by one.
    pub(super) call: Option<CallId>,
    pub(super) meeting: String,
}

/// Whether a meeting was made of a call: it ends with that.
pub(in crate::appliance) fn is_call(meeting: &str) -> bool {
    meeting.starts_with(CALL)
}

impl Appliance {
    /// Somebody may come in: there is a meeting for it, and they are given the key.
    pub(super) fn let_enter(&mut self, call: CallId, user: UserId, device: DeviceId) {
        let Ok((media, caller)) = self.exchange.calls.call(call).map(|call| (call.media, call.caller)) else {
            return;
        };
        let meeting = match self.meeting_of(call) {
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

    fn meeting_of(&mut self, call: CallId) -> Result<String, Refusal> {
        if let Some(meeting) = self.exchange.meetings.get(&call) {
            return Ok(meeting.clone());
        }
        let name = format!("{CALL}{}", fresh_name()?);
        // A call that begins with sound alone may get pictures: whoever likes switches the camera on.
        self.create_meeting(NewMeeting { name: name.clone(), ..NewMeeting::default() })?;
        self.exchange.meetings.insert(call, name.clone());
        Ok(name)
    }

    /// Somebody is about to come into a meeting who is a user: whoever's place they take has not left.
    pub(in crate::appliance) fn user_comes(
        &mut self,
        member: MemberId,
        user: Option<JoinUser>,
        meeting: &str,
    ) {
        let Some(user) = user.and_then(|user| self.user_of_join(user)) else { return };
        let call = self.call_of(user, meeting);
        if call.is_some() || !is_call(meeting) {
            let meeting = meeting.to_owned();
            self.exchange.attending.insert(member, Attending { user, call, meeting });
        }
    }

    /// A token that signs in is good as long as its number is.
    fn user_of_join(&self, JoinUser { user, number }: JoinUser) -> Option<UserId> {
        let kept = self.exchange.ledger.kept(UserId(user))?;
        number.is_none_or(|number| number == kept.number).then_some(UserId(user))
    }

    /// They are in.
    pub(in crate::appliance) fn user_arrived(&mut self, member: MemberId) {
        let Some(Attending { user, call, meeting }) = self.exchange.attending.get(&member).cloned() else {
            return;
        };
        if let Some(call) = call {
            self.tell_calls(Command::Arrived { call, user });
        }
        if !is_call(&meeting) {
            self.engage(user, true);
        }
    }

    /// They were not let in.
    pub(in crate::appliance) fn user_stays_out(&mut self, member: MemberId) {
        self.exchange.attending.remove(&member);
    }

    /// A member of a meeting is gone.
    pub(in crate::appliance) fn user_departed(&mut self, member: MemberId, reason: LeaveReason) {
        let Some(gone) = self.exchange.attending.remove(&member) else { return };
        let of_user = || self.exchange.attending.values().filter(|one| one.user == gone.user);
        if of_user().any(|one| one.meeting == gone.meeting) {
            return;
        }
        let is_engaged = of_user().any(|one| !is_call(&one.meeting));
        let lost = matches!(reason, LeaveReason::Timeout | LeaveReason::TransportFailed);
        let user = gone.user;
        if let Some(call) = gone.call {
            self.tell_calls(Command::Departed { call, user, lost });
        }
        if !is_call(&gone.meeting) && !is_engaged {
            self.engage(user, false);
        }
    }

    /// A meeting is over, and nobody is in it any more.
    pub(in crate::appliance) fn users_departed(&mut self, meeting: &str) {
        let of_meeting = self.exchange.attending.iter().filter(|(_, one)| one.meeting == meeting);
        for member in of_meeting.map(|(member, _)| *member).collect::<Vec<_>>() {
            self.user_departed(member, LeaveReason::Ended);
        }
    }

    /// People who sit in a meeting are busy; of another appliance's room that one tells.
    fn engage(&mut self, user: UserId, engaged: bool) {
        if self.exchange.calls.user(user).is_ok_and(|user| user.kind == UserKind::Person) {
            self.tell_calls(Command::SetEngaged { user, engaged });
        }
    }

    /// Who a user is in a meeting, if they are in it.
    pub(super) fn member_of<'a>(&self, user: UserId, meeting: &'a str) -> Option<(&'a str, ParticipantId)> {
        let mut attending = self.exchange.attending.iter();
        let (member, _) = attending.find(|(_, one)| one.user == user && one.meeting == meeting)?;
        Some((meeting, Member::participant(*member)))
    }

    /// The room has taken its seat in a meeting.
    pub(in crate::appliance) fn room_arrived(&mut self, meeting: &str) {
        let (user, _) = self.exchange.room;
        match self.call_of(user, meeting) {
            Some(call) => self.tell_calls(Command::Arrived { call, user }),
            None => self.tell_calls(Command::SetEngaged { user, engaged: true }),
        }
    }

    /// The room has left its seat.
    pub(in crate::appliance) fn room_departed(&mut self, meeting: &str) {
        let (user, _) = self.exchange.room;
        match self.call_of(user, meeting) {
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
        let is_theirs = |one: &Attending| one.user == user && one.call == Some(call);
        let members = self.exchange.attending.iter().filter(|(_, one)| is_theirs(one));
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

    /// The call by which a user has a part in that meeting.
    fn call_of(&self, user: UserId, meeting: &str) -> Option<CallId> {
        let is_in = |call: &&Call| call.leg(user).is_some_and(Leg::is_live);
        let calls = self.exchange.calls.calls_of(user).filter(is_in).map(|call| call.id);
        calls.into_iter().find(|call| self.exchange.meetings.get(call).is_some_and(|name| name == meeting))
    }

    /// Whether a meeting was made of a call of sound alone: the cameras are off at first.
    pub(in crate::appliance) fn begins_with_sound_alone(&self, meeting: &str) -> bool {
        let of_call = |(call, name): (&CallId, &String)| (name == meeting).then_some(*call);
        let mut calls = self.exchange.meetings.iter().filter_map(of_call);
        is_call(meeting)
            && calls.any(|call| self.exchange.calls.call(call).is_ok_and(|call| call.media == Media::Audio))
    }

    /// Whoever comes back to a call is given the key anew: a page that was loaded anew knows nothing of it.
    pub(super) fn enter_again(&mut self, user: UserId, device: DeviceId) {
        let is_here = |call: &&Call| {
            call.leg(user).is_some_and(|leg| {
                let is_in = matches!(leg.state, LegState::Joining { .. } | LegState::In);
                is_in && leg.device == Some(device) && !(call.into_meeting && leg.by.is_none())
            })
        };
        let call = self.exchange.calls.calls_of(user).find(is_here).map(|call| call.id);
        if let Some(call) = call {
            self.let_enter(call, user, device);
        }
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
    let mut bytes = [0_u8; 16];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| Refusal::new(Code::Internal, "the machine has no randomness"))?;
    let letters = b"abcdefghijkmnpqrstuvwxyz23456789";
    Ok(bytes.iter().map(|byte| char::from(letters[usize::from(byte % 32)])).collect())
}
