//! Those who control the room: phones that have scanned its screen, and panels that an administrator has let in.
//!
//! ```text
//!   scans the screen          ┌───────────────┐   the room's meeting ends, or 15 min unheard
//!  ──────────────────────────▶│ for a meeting │──────────────────────────────────────────────▶ out
//!                             └───────────────┘
//!   an administrator lets it  ┌───────────────┐   an administrator takes it out
//!  ──────────────────────────▶│    for good   │──────────────────────────────────────────────▶ out
//!                             └───────────────┘
//! ```
//! A controller asks for the state of the room with the revision that it knows, and is answered when there is another.

mod asked;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

pub(super) use asked::Asked;
pub use asked::ControllerView;

use crate::appliance::handle::Reply;
use crate::appliance::run::Appliance;
use crate::appliance::store::room::{self as kept, KeptRoom};
use crate::meeting::{Meeting, Mode, NAME_CHARS_MAX, TrackState};
use crate::refusal::{Code, Refusal};
use crate::room::Arrangement;
use crate::track::Source;
use crate::web::wire::control::{self as wire, RoomState};

/// The most controllers, of both sorts together.
const CONTROLLERS_MAX: usize = 32;

/// How long a controller may not be heard of before it is taken for gone.
const UNHEARD_MAX: Duration = Duration::from_mins(15);

/// How long a controller waits for news before it is told the same again.
const NEWS_WITHIN: Duration = Duration::from_secs(25);

/// The most who wait for news.
const WAITING_MAX: usize = 2 * CONTROLLERS_MAX;

/// Number of a controller. Unguessable: whoever names one has its token.
pub(super) type ControllerId = u64;

/// What the loop knows of controllers.
pub(super) struct Control {
    controllers: BTreeMap<ControllerId, Controller>,
    /// What was told last.
    told: Option<RoomState>,
    revision: u64,
    waiting: Vec<Waiting>,
    was_in_meeting: bool,
    volume: u8,
    arrangement: Arrangement,
}

/// One who controls the room.
struct Controller {
    sort: Sort,
    heard: Instant,
}

enum Sort {
    /// Until the meeting is over.
    Passing,
    /// Until an administrator says otherwise, under that name.
    Permanent(String),
}

/// One who waits for another state than the one it knows.
struct Waiting {
    until: Instant,
    reply: Reply<RoomState>,
}

impl Control {
    /// Whoever controlled the room for good does so again. Revisions go on from `first`, so that those of an earlier
    /// start are not taken for these.
    pub(super) fn new(kept: KeptRoom, first: u64, now: Instant) -> Self {
        let KeptRoom { volume, arrangement, controllers, .. } = kept;
        let permanent = |(id, name)| (id, Controller { sort: Sort::Permanent(name), heard: now });
        Self {
            controllers: controllers.into_iter().map(permanent).collect(),
            told: None,
            revision: first,
            waiting: Vec::new(),
            was_in_meeting: false,
            volume,
            arrangement,
        }
    }

    pub(super) const fn volume(&self) -> u8 {
        self.volume
    }

    pub(super) const fn arrangement(&self) -> Arrangement {
        self.arrangement
    }

    /// When somebody has waited for long enough.
    pub(super) fn due(&self) -> Option<Instant> {
        self.waiting.iter().map(|waiting| waiting.until).min()
    }

    fn enrol(&mut self, id: ControllerId, sort: Sort, now: Instant) -> Result<(), Refusal> {
        self.controllers.retain(|_, one| one.is_heard(now));
        if self.controllers.len() >= CONTROLLERS_MAX {
            let detail =
                format!("the room has {CONTROLLERS_MAX} controllers already; take one of them out first");
            return Err(Refusal::new(Code::Busy, detail));
        }
        self.controllers.insert(id, Controller { sort, heard: now });
        Ok(())
    }

    /// Whether that one may control the room, which is noted.
    fn hear(&mut self, id: ControllerId, now: Instant) -> Result<(), Refusal> {
        self.controllers.retain(|_, one| one.is_heard(now));
        let Some(one) = self.controllers.get_mut(&id) else {
            let detail = "this phone controls the room no longer; scan the code on the room's screen again";
            return Err(Refusal::new(Code::NotPermitted, detail));
        };
        one.heard = now;
        Ok(())
    }

    /// The meeting of the room is over: those who came for it go with it.
    fn end_with_the_meeting(&mut self, is_in_meeting: bool) {
        if self.was_in_meeting && !is_in_meeting {
            self.controllers.retain(|_, one| matches!(one.sort, Sort::Permanent(_)));
        }
        self.was_in_meeting = is_in_meeting;
    }
}

impl Controller {
    fn is_heard(&self, now: Instant) -> bool {
        matches!(self.sort, Sort::Permanent(_)) || now.saturating_duration_since(self.heard) < UNHEARD_MAX
    }
}

impl Appliance {
    /// A reply fails only when whoever asked is gone.
    pub(super) fn handle_control(&mut self, asked: Asked) {
        let now = self.clock.now();
        match asked {
            Asked::Controls(id, reply) => drop(reply.send(self.control.hear(id, now))),
            Asked::Pair(id, reply) => {
                let outcome = self.control.enrol(id, Sort::Passing, now);
                if outcome.is_ok() {
                    log::info!("somebody in the room controls it from a phone");
                }
                drop(reply.send(outcome));
            }
            Asked::Enrol(id, name, reply) => {
                let outcome = self.enrol_controller(id, name, now);
                self.reply_when_kept(reply, outcome);
            }
            Asked::Strike(id, reply) => {
                let outcome = self.strike_controller(id);
                self.reply_when_kept(reply, outcome);
            }
            Asked::Controllers(reply) => drop(reply.send(Ok(self.controller_views(now)))),
            Asked::State(known, reply) => self.tell_room(known, reply, now),
            Asked::SetVolume(percent, reply) => {
                self.control.volume = percent;
                self.room.set_volume(percent);
                self.keep_room();
                self.reply_when_kept(reply, Ok(()));
            }
            Asked::Arrange(arrangement, reply) => {
                self.control.arrangement = arrangement_of_word(arrangement);
                self.refresh_scene();
                self.keep_room();
                self.reply_when_kept(reply, Ok(()));
            }
        }
    }

    fn enrol_controller(&mut self, id: ControllerId, name: String, now: Instant) -> Result<(), Refusal> {
        if !(1..=NAME_CHARS_MAX).contains(&name.trim().chars().count()) {
            let detail = format!("`name` has to have 1 to {NAME_CHARS_MAX} characters");
            return Err(Refusal::new(Code::InvalidParameter, detail));
        }
        self.control.enrol(id, Sort::Permanent(name.clone()), now)?;
        self.store.write(move |db| kept::enrol(db, id, &name));
        Ok(())
    }

    fn strike_controller(&mut self, id: ControllerId) -> Result<(), Refusal> {
        if self.control.controllers.remove(&id).is_none() {
            let detail = "there is no such controller; GET /api/v1/room/controllers lists them";
            return Err(Refusal::new(Code::InvalidParameter, detail));
        }
        self.store.write(move |db| kept::strike(db, id));
        Ok(())
    }

    fn controller_views(&self, now: Instant) -> Vec<ControllerView> {
        let all = self.control.controllers.iter().filter(|(_, one)| one.is_heard(now));
        all.map(|(id, one)| ControllerView {
            id: *id,
            name: match &one.sort {
                Sort::Passing => None,
                Sort::Permanent(name) => Some(name.clone()),
            },
            unheard: now.saturating_duration_since(one.heard),
        })
        .collect()
    }

    fn keep_room(&mut self) {
        let Control { volume, arrangement, .. } = self.control;
        self.store.write(move |db| kept::keep(db, volume, arrangement));
    }

    /// Answers at once whoever knows another revision, and later who knows this one.
    fn tell_room(&mut self, known: Option<u64>, reply: Reply<RoomState>, now: Instant) {
        self.renew_state();
        let Some(told) = self.control.told.clone() else { return };
        if known != Some(told.revision) || self.control.waiting.len() >= WAITING_MAX {
            return drop(reply.send(Ok(told)));
        }
        self.control.waiting.push(Waiting { until: now + NEWS_WITHIN, reply });
    }

    /// Whatever has happened: those who came for a meeting go with it, and those who wait for news are told.
    pub(super) fn controls_follow(&mut self) {
        self.control.end_with_the_meeting(self.seat.meeting().is_some());
        if self.control.waiting.is_empty() {
            return;
        }
        let before = self.control.revision;
        self.renew_state();
        let now = self.clock.now();
        let is_new = self.control.revision != before;
        let Some(told) = self.control.told.clone() else { return };
        let waiting = std::mem::take(&mut self.control.waiting);
        let (answered, left): (Vec<_>, Vec<_>) =
            waiting.into_iter().partition(|one| is_new || one.until <= now || one.reply.is_closed());
        self.control.waiting = left;
        answered.into_iter().for_each(|one| drop(one.reply.send(Ok(told.clone()))));
    }

    /// Another state has another revision.
    fn renew_state(&mut self) {
        let state = self.room_state();
        if self.control.told.as_ref() != Some(&state) {
            self.control.revision += 1;
            self.control.told = Some(RoomState { revision: self.control.revision, ..state });
        }
    }

    /// The state of the room under the last revision.
    fn room_state(&self) -> RoomState {
        let meeting = self.seat.meeting();
        let core = meeting.and_then(|name| self.meetings.get(name).ok());
        let participants =
            core.map(Meeting::snapshot).map(|snapshot| snapshot.participants).unwrap_or_default();
        let others = participants.iter().filter(|one| !self.seat.is(one.id));
        let status = self.room.status();
        RoomState {
            revision: self.control.revision,
            name: self.settings.room.name.clone(),
            standing_meeting: self.settings.standing_meeting.clone(),
            meeting: meeting.map(str::to_owned),
            join_url: meeting.map(|name| (self.settings.invite)(name).guest_url),
            others: others.map(|one| one.name.clone()).collect(),
            is_shared: participants.iter().any(|one| one.track(Source::Screen) == TrackState::On),
            has_video: core.is_none_or(|core| core.settings().mode == Mode::Video),
            microphone_on: status.microphone_on || (meeting.is_none() && self.seat.microphone_on()),
            camera_on: status.camera_on || (meeting.is_none() && self.seat.camera_on()),
            volume_percent: self.control.volume,
            arrangement: arrangement_word(self.control.arrangement),
            user: self.exchange.room().to_string(),
            call: self.room_call_word(),
            users: self.other_users(),
        }
    }
}

const fn arrangement_word(arrangement: Arrangement) -> wire::Arrangement {
    match arrangement {
        Arrangement::Auto => wire::Arrangement::Auto,
        Arrangement::Grid => wire::Arrangement::Grid,
        Arrangement::Speaker => wire::Arrangement::Speaker,
    }
}

const fn arrangement_of_word(word: wire::Arrangement) -> Arrangement {
    match word {
        wire::Arrangement::Auto => Arrangement::Auto,
        wire::Arrangement::Grid => Arrangement::Grid,
        wire::Arrangement::Speaker => Arrangement::Speaker,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::appliance::clock::SystemClock;
    use alcove_hal::clock::Clock as _;

    fn control(now: Instant) -> Control {
        let controllers = vec![(1, "panel".to_owned())];
        Control::new(KeptRoom { controllers, ..KeptRoom::default() }, 0, now)
    }

    #[test]
    fn who_came_for_a_meeting_goes_with_it_and_the_others_stay() {
        let now = SystemClock.now();
        let mut control = control(now);
        control.enrol(2, Sort::Passing, now).unwrap();
        control.end_with_the_meeting(false);
        assert!(control.hear(2, now).is_ok(), "it may come before the meeting");
        control.end_with_the_meeting(true);
        control.end_with_the_meeting(false);
        assert_eq!(control.hear(2, now).unwrap_err().code, Code::NotPermitted);
        assert!(control.hear(1, now).is_ok());
    }

    #[test]
    fn who_is_not_heard_of_is_forgotten_and_who_is_heard_stays() {
        let now = SystemClock.now();
        let mut control = control(now);
        control.enrol(2, Sort::Passing, now).unwrap();
        let later = now + UNHEARD_MAX * 2 / 3;
        control.hear(2, later).unwrap();
        control.hear(2, later + UNHEARD_MAX * 2 / 3).unwrap();
        assert!(control.hear(2, later + UNHEARD_MAX * 2).is_err());
        assert!(control.hear(1, later + UNHEARD_MAX * 9).is_ok());
    }

    #[test]
    fn there_are_not_more_controllers_than_the_limit_and_the_forgotten_make_room() {
        let now = SystemClock.now();
        let mut control = control(now);
        for id in 2..=32 {
            control.enrol(id, Sort::Passing, now).unwrap();
        }
        assert_eq!(control.enrol(33, Sort::Passing, now).unwrap_err().code, Code::Busy);
        control.enrol(33, Sort::Passing, now + UNHEARD_MAX).unwrap();
    }
}
