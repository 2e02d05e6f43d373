//! A call between two appliances: what our calls and theirs tell of it, brought together.
//!
//! ```text
//!   we ring    idle ── Ring ──▶ asking ── ringing ──▶ rung there ── joining ──▶ answered ─┐ enter, both sides
//!   they ring  idle ── ringing ──▶ rung here ──── Enter (our room accepts) ──▶ accepted ──┴──▶ joined
//!   either     … ── declined, busy, over, Stop, Out ──▶ idle
//! ```

use crate::appliance::handle::Errand;
use crate::web::wire::calling::{
    Answer, Ask, CallState, Frame, LegState, Media, Presence, Tell, UserEntry, UserKind,
};

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Say it to the calls of the other appliance.
    Say(Ask),
    /// Its room can be reached so.
    Presence(Presence),
    /// It rings our room.
    RingHere(Media),
    /// Our call was accepted there.
    AcceptHere(u64),
    /// Our call was taken so there.
    TakenHere(u64, LegState),
    /// Their call is taken back.
    HangUpHere(u64),
    /// Join the two meetings.
    Join(Entries),
    /// Leave both.
    Part,
}

/// Where the two meetings are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entries {
    pub(super) here: String,
    pub(super) there: String,
    /// Lets us in there.
    pub(super) token: String,
}

/// The calls of another appliance as we know them, and the one call that we have with it.
#[derive(Debug, Default)]
pub(super) struct Talk {
    me: String,
    room: Option<UserEntry>,
    call: Option<Between>,
    /// Of what was asked last, and what for.
    asked: u32,
    ring: Option<u32>,
    /// What the last call was called there: more may be told of it.
    before: Option<String>,
    acts: Vec<Act>,
}

/// A call.
#[derive(Debug, Clone)]
struct Between {
    /// We have begun it.
    is_ours: bool,
    here: Option<u64>,
    there: Option<String>,
    answered: bool,
    /// Our calls have taken it back before the other end had told its number.
    withdrawn: bool,
    meeting_here: Option<String>,
    entry_there: Option<(String, String)>,
    joined: bool,
}

impl Between {
    fn ours(call: u64) -> Self {
        Self { is_ours: true, here: Some(call), ..Self::theirs(None) }
    }

    const fn theirs(there: Option<String>) -> Self {
        Self {
            is_ours: false,
            here: None,
            there,
            answered: false,
            withdrawn: false,
            meeting_here: None,
            entry_there: None,
            joined: false,
        }
    }
}

impl Talk {
    /// What is to be done since the last time.
    pub(super) fn acts(&mut self) -> Vec<Act> {
        std::mem::take(&mut self.acts)
    }

    /// The number of the next request.
    pub(super) const fn number(&mut self, ask: &Ask) -> u32 {
        self.asked += 1;
        if matches!(ask, Ask::Ring { .. }) {
            self.ring = Some(self.asked);
        }
        self.asked
    }

    /// What our calls have to tell.
    pub(super) fn told(&mut self, errand: Errand) {
        match errand {
            Errand::Ring { call, media, .. } => self.ring(call, media),
            Errand::Stop { call, .. } => {
                if self.call_here(call).is_some_and(|between| !between.answered) {
                    self.withdraw();
                }
            }
            Errand::Out { call, .. } => {
                if self.call_here(call).is_some() {
                    self.withdraw();
                }
            }
            Errand::Enter { call, meeting, .. } => {
                let Some(between) = self.call_here(call) else { return };
                between.meeting_here = Some(meeting);
                let accepts = !between.is_ours && !std::mem::replace(&mut between.answered, true);
                let there = between.there.clone().filter(|_| accepts);
                self.acts.extend(there.map(|call| Act::Say(Ask::Accept { call })));
                self.join_when_both();
            }
            Errand::Reach { .. } | Errand::Forget { .. } => {}
        }
    }

    /// Our calls have taken a call from there in, under this number; or not.
    pub(super) fn rung_here(&mut self, call: Option<u64>) {
        let Some(between) = self.call.as_mut() else {
            // Taken back in the meantime.
            self.acts.extend(call.map(Act::HangUpHere));
            return;
        };
        match call {
            Some(_) => between.here = call,
            None => self.withdraw(),
        }
    }

    /// Our calls know nothing of what was answered there.
    pub(super) fn refused_here(&mut self) {
        self.withdraw();
    }

    /// The bridge is no more.
    pub(super) fn parted(&mut self) {
        if self.call.as_ref().is_some_and(|between| between.joined) {
            self.withdraw();
        }
    }

    /// The calls there have something to say.
    pub(super) fn heard(&mut self, frame: &Frame) {
        match frame {
            Frame::Answered { ok: Answer::Welcome(welcome), .. } => {
                self.me.clone_from(&welcome.you);
                // Told anew, also where it is what it was: it was away.
                self.room = None;
                for user in &welcome.users {
                    self.user(user);
                }
                let is_known = |there: &String| welcome.calls.iter().any(|call| call.id == *there);
                let there = self.call.as_ref().and_then(|between| between.there.as_ref());
                if there.is_some_and(|there| !is_known(there)) && !self.is_joined() {
                    self.lost();
                }
                for call in &welcome.calls {
                    self.call(call);
                }
            }
            Frame::Answered { re, ok: Answer::Ringing { call } } if self.ring == Some(*re) => {
                self.ring = None;
                let Some(between) = self.call.as_mut() else { return };
                between.there = Some(call.clone());
                if between.withdrawn {
                    self.withdraw();
                }
            }
            Frame::Refused { re, refused } if re.is_some() && *re == self.ring => {
                self.ring = None;
                let here = self.call.take().and_then(|between| between.here);
                let took = if refused.code == "busy" { LegState::Busy } else { LegState::Lost };
                self.acts.extend(here.map(|here| Act::TakenHere(here, took)));
            }
            Frame::Told { tell: Tell::User { user } } => self.user(user),
            Frame::Told { tell: Tell::Call { call } } => self.call(call),
            Frame::Told { tell: Tell::Enter { call, meeting, token, .. } } => {
                let is_it = |between: &&mut Between| between.there.as_ref() == Some(call);
                let Some(between) = self.call.as_mut().filter(is_it) else { return };
                between.entry_there = Some((meeting.clone(), token.clone()));
                self.join_when_both();
            }
            _ => {}
        }
    }

    fn ring(&mut self, call: u64, media: Media) {
        let Some(room) = self.room.as_ref().filter(|_| self.call.is_none()) else {
            let took = if self.call.is_some() { LegState::Busy } else { LegState::Lost };
            self.acts.push(Act::TakenHere(call, took));
            return;
        };
        self.acts.push(Act::Say(Ask::Ring { users: vec![room.id.clone()], media, meeting: None }));
        self.call = Some(Between::ours(call));
    }

    fn call_here(&mut self, call: u64) -> Option<&mut Between> {
        self.call.as_mut().filter(|between| between.here == Some(call))
    }

    fn is_joined(&self) -> bool {
        self.call.as_ref().is_some_and(|between| between.joined)
    }

    /// We have no more part in it.
    fn withdraw(&mut self) {
        let Some(between) = self.call.as_mut() else { return };
        let Some(call) = between.there.clone() else {
            between.withdrawn = true;
            return;
        };
        let takes_part = between.is_ours || between.answered;
        self.acts.push(Act::Say(if takes_part { Ask::HangUp { call } } else { Ask::Decline { call } }));
        self.forget();
    }

    fn forget(&mut self) {
        let Some(between) = self.call.take() else { return };
        self.before = between.there;
        if between.joined {
            self.acts.push(Act::Part);
        }
    }

    /// The other end knows of it no more.
    fn lost(&mut self) {
        let Some(between) = self.call.clone() else { return };
        self.acts.extend(between.here.map(|here| match (between.is_ours, between.answered) {
            (true, false) => Act::TakenHere(here, LegState::Lost),
            _ => Act::HangUpHere(here),
        }));
        self.forget();
    }

    fn user(&mut self, user: &UserEntry) {
        if user.kind != UserKind::Room || self.room.as_ref() == Some(user) {
            return;
        }
        self.room = Some(user.clone());
        self.acts.push(Act::Presence(user.presence));
    }

    fn call(&mut self, call: &CallState) {
        self.recognise(call);
        let known = self.call.as_ref().and_then(|between| between.there.as_ref());
        if known == Some(&call.id) {
            return self.call_goes_on(call);
        }
        let rings_us = |leg: &&crate::web::wire::calling::CallLeg| {
            leg.user == self.me && matches!(leg.state, LegState::Ringing | LegState::Knocking)
        };
        if call.end.is_some() || !call.legs.iter().any(|leg| rings_us(&leg)) {
            return;
        }
        if self.call.is_some() {
            self.acts.push(Act::Say(Ask::Decline { call: call.id.clone() }));
            return;
        }
        self.call = Some(Between::theirs(Some(call.id.clone())));
        self.acts.push(Act::RingHere(call.media));
    }

    /// What is told of our call may be here before the answer that tells its number.
    fn recognise(&mut self, call: &CallState) {
        let is_ours = call.caller == self.me && self.before.as_ref() != Some(&call.id);
        let Some(between) = self.call.as_mut().filter(|between| between.is_ours && between.there.is_none())
        else {
            return;
        };
        if is_ours {
            between.there = Some(call.id.clone());
            if between.withdrawn {
                self.withdraw();
            }
        }
    }

    fn call_goes_on(&mut self, call: &CallState) {
        let Some(between) = self.call.clone() else { return };
        let leg_of = |user: &str| call.legs.iter().find(|leg| leg.user == user).map(|leg| leg.state);
        let is_out = |state: LegState| {
            !matches!(
                state,
                LegState::Calling | LegState::Ringing | LegState::Knocking | LegState::Joining | LegState::In
            )
        };
        let room = self.room.as_ref().and_then(|room| leg_of(&room.id));
        let mine = leg_of(&self.me);
        match (between.is_ours, between.answered) {
            (true, false) => match (room, between.here) {
                (Some(LegState::Joining | LegState::In), Some(here)) => {
                    if let Some(between) = self.call.as_mut() {
                        between.answered = true;
                    }
                    self.acts.push(Act::AcceptHere(here));
                }
                (Some(state), Some(here)) if is_out(state) => {
                    self.acts.push(Act::TakenHere(here, state));
                    self.forget();
                }
                _ if call.end.is_some() => self.lost(),
                _ => {}
            },
            _ if call.end.is_some() || mine.is_none_or(is_out) => self.lost(),
            _ => {}
        }
    }

    fn join_when_both(&mut self) {
        let Some(between) = self.call.as_mut().filter(|between| !between.joined) else { return };
        let (Some(here), Some((there, token))) = (between.meeting_here.clone(), between.entry_there.clone())
        else {
            return;
        };
        between.joined = true;
        self.acts.push(Act::Join(Entries { here, there, token }));
    }
}
