//! The room as one who is rung: what its loudspeaker and its screen tell of calls, and where it is.
//!
//! ```text
//!              rung, does nothing else        rung while busy          has rung somebody      is looked for
//!  loudspeaker     rings                      knocks once               rings back             knocks once
//!  screen          whole, in turns            a banner, in turns        whole, steady          as when rung
//! ```

use std::time::{Duration, Instant};

use crate::appliance::run::Appliance;
use crate::calling::{Call, LegState, Media, UserId};
use crate::room::{SceneCall, SceneSign, Sounding, Tone};
use crate::web::wire::calling::{CallState, UserEntry};

/// How long each of bright and dark is shown: far slower than what harms those who are sensitive to light.
const TURN: Duration = Duration::from_millis(700);

/// What the room tells of a call.
#[derive(Debug, Default)]
pub(in crate::appliance) struct Bell {
    /// When bright and dark change places, while somebody rings.
    due: Option<Instant>,
    bright: bool,
    sounding: Option<Sounding>,
    /// The box is looked for: until when, and how it is reached.
    sought: Option<(Instant, String)>,
}

impl Bell {
    pub(in crate::appliance) const fn due(&self) -> Option<Instant> {
        self.due
    }
}

impl Appliance {
    /// Somebody's part in a call has changed: if it is the room, that shall be seen and heard there.
    pub(super) fn room_hears(&mut self, user: UserId) {
        if user == self.exchange.room.0 {
            self.room_makes_itself_heard();
        }
    }

    /// Somebody looks for this box: it makes itself seen and heard for so long.
    pub(in crate::appliance) fn identify(&mut self, how: String, lasts: Duration) {
        self.bell.sought = Some((self.clock.now() + lasts, how));
        self.room_makes_itself_heard();
    }

    fn room_makes_itself_heard(&mut self) {
        let state = self.room_call().map(|(_, state)| state);
        let is_sought = self.bell.sought.is_some();
        let tone = match state {
            Some(LegState::Ringing { knock: false, .. }) => Some(Tone::Ring),
            Some(LegState::Ringing { knock: true, .. }) => Some(Tone::Knock),
            Some(LegState::Calling) => Some(Tone::Back),
            _ => is_sought.then_some(Tone::Knock),
        };
        let volume = self.settings.live.ring_volume;
        let sounding = tone.map(|tone| Sounding { tone, volume });
        if self.bell.sounding != sounding {
            self.bell.sounding = sounding;
            self.room.sound(sounding);
        }
        let is_rung = matches!(state, Some(LegState::Ringing { .. }));
        let in_turns = is_rung || is_sought;
        if in_turns != self.bell.due.is_some() {
            self.bell.bright = in_turns;
            self.bell.due = in_turns.then(|| self.clock.now() + TURN);
        }
        self.refresh_scene();
    }

    /// Bright and dark change places.
    pub(in crate::appliance) fn turn_bell(&mut self, now: Instant) {
        if self.bell.due.is_some_and(|due| due <= now) {
            self.bell.due = Some(now + TURN);
            self.bell.bright = !self.bell.bright;
            if self.bell.sought.as_ref().is_some_and(|(until, _)| *until <= now) {
                self.bell.sought = None;
                self.room_makes_itself_heard();
            }
            self.refresh_scene();
        }
    }

    /// The call that the screen tells of.
    pub(in crate::appliance) fn scene_call(&self) -> Option<SceneCall> {
        let Some((call, state)) = self.room_call() else {
            let (_, how) = self.bell.sought.as_ref()?;
            let names = self.settings.room.name.clone();
            return Some(SceneCall { names, what: SceneSign::IsHere(how.clone()), bright: self.bell.bright });
        };
        let incoming = state != LegState::Calling;
        let callees = call.legs.iter().filter(|leg| leg.is_ringing()).map(|leg| leg.user);
        let (room, _) = self.exchange.room;
        let by = call.leg(room).and_then(|leg| leg.by).unwrap_or(call.caller);
        let who = if incoming { vec![by] } else { callees.collect() };
        let names: Vec<_> = who.into_iter().map(|user| self.exchange.name_of(user)).collect();
        let what = match (incoming, call.media) {
            (true, Media::Video) => SceneSign::RingsVideo,
            (true, Media::Audio) => SceneSign::RingsAudio,
            (false, _) => SceneSign::IsRung,
        };
        Some(SceneCall { names: names.join(", "), what, bright: self.bell.bright })
    }

    /// The call of the room as its controllers see it: the one that rings, else the one that it is in or has begun.
    pub(in crate::appliance) fn room_call_word(&self) -> Option<CallState> {
        let (room, _) = self.exchange.room;
        let in_it = || self.exchange.calls.calls_of(room).find(|call| call.ended.is_none());
        let call = self.room_call().map(|(call, _)| call).or_else(in_it)?;
        Some(self.call_word(call))
    }

    /// Everybody in the directory but the room.
    pub(in crate::appliance) fn other_users(&self) -> Vec<UserEntry> {
        let others = self.exchange.calls.users().filter(|user| user.id != self.exchange.room.0);
        others.map(|user| self.exchange.entry(user)).collect()
    }

    /// The call that rings the room, else the one that it has begun.
    fn room_call(&self) -> Option<(&Call, LegState)> {
        let (room, _) = self.exchange.room;
        let state = |call: &Call| call.leg(room).map(|leg| leg.state);
        let with_state = |call| Some((call, state(call)?));
        let mut all: Vec<_> = self.exchange.calls.calls_of(room).filter_map(with_state).collect();
        all.sort_by_key(|(_, state)| !matches!(state, LegState::Ringing { .. }));
        all.into_iter().find(|(_, state)| matches!(state, LegState::Ringing { .. } | LegState::Calling))
    }
}
