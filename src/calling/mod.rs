//! Who is rung, who answers and what becomes of it; pure: commands and the time in, events out.
//!
//! It knows users, their devices, how they can be reached, and calls with their legs (pictures in `directory.rs` and
//! `call.rs`). It knows no meetings: that an answered call is one is the appliance's business, which gives out the
//! ids, tells who has arrived there and who has left. After each call that changes something its owner polls events
//! until there are none.

mod call;
mod directory;
#[cfg(test)]
mod lasting_tests;
#[cfg(test)]
mod model_tests;
mod pace;
mod ringing;
#[cfg(test)]
mod tests;
mod words;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

pub use call::{Call, CallEnd, LEGS_MAX, Leg, LegEnd, LegState};
pub use directory::{DEVICES_MAX, Presence, USER_NAME_CHARS_MAX, USERS_MAX, User, UserKind};
pub use pace::{RING_EVERY, RINGS_AT_ONCE};
pub use words::{CallId, Command, DeviceId, Event, Media, Ring, UserId};

use crate::refusal::{Code, Refusal};
use directory::Directory;
use pace::Pace;
use ringing::is_over;

/// The most calls at a time; the next one is refused with `busy`.
pub const CALLS_MAX: usize = 256;

/// The most events that may wait to be polled before commands are refused with `busy`.
const UNPOLLED_MAX: usize = 4096;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// How long somebody is rung before it counts as no answer.
    pub ring_for: Duration,
    /// How long somebody who has accepted may take to come into the meeting.
    pub join_within: Duration,
    /// How long a device whose socket was cut may be away.
    pub lost_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ring_for: Duration::from_mins(1),
            join_within: Duration::from_secs(30),
            lost_after: Duration::from_secs(10),
        }
    }
}

/// The directory, and all calls that go on.
#[derive(Debug)]
pub struct Calls {
    settings: Settings,
    directory: Directory,
    calls: BTreeMap<CallId, Call>,
    pace: Pace,
    events: VecDeque<Event>,
    /// What the command at hand has changed: calls with the last end of a leg, and people.
    changed: BTreeMap<CallId, Option<LegEnd>>,
    touched: BTreeSet<UserId>,
}

impl Calls {
    /// An empty directory, and no calls.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            directory: Directory::default(),
            calls: BTreeMap::new(),
            pace: Pace::default(),
            events: VecDeque::new(),
            changed: BTreeMap::new(),
            touched: BTreeSet::new(),
        }
    }

    /// Rings for so long from now on; who is being rung is rung as long as was said.
    pub const fn set_ring_for(&mut self, ring_for: Duration) {
        self.settings.ring_for = ring_for;
    }

    /// Whether no call goes on.
    #[must_use]
    pub fn are_quiet(&self) -> bool {
        self.calls.is_empty()
    }

    /// Carries out a command, or refuses it and changes nothing.
    ///
    /// # Errors
    /// `user-not-found`; `peer-lost` for a device that is signed out, a call that is over and somebody who is not
    /// rung by it (any more); `busy` for somebody in another call, for one device too many and when events are not
    /// polled; `too-many-requests` for one who rings too often; `invalid-parameter` for names and callees.
    pub fn handle(&mut self, command: Command, now: Instant) -> Result<(), Refusal> {
        if self.events.len() >= UNPOLLED_MAX {
            return Err(Refusal::new(Code::Busy, "the calls have too much to tell; try again in a moment"));
        }
        self.carry_out(command, now)?;
        self.settle(now);
        Ok(())
    }

    fn carry_out(&mut self, command: Command, now: Instant) -> Result<(), Refusal> {
        match command {
            Command::AddUser(user) => self.add_user(user),
            Command::Rename { user, name } => self.rename(user, name),
            Command::RemoveUser { user } => self.remove_user(user, now),
            Command::SignOn { user, device } => self.sign_on(user, device),
            Command::SignOff { device } => self.sign_off(device, LegEnd::Left, now),
            Command::Cut { device } => self.directory.set_away(device, Some(now + self.settings.lost_after)),
            Command::Return { device } => self.directory.set_away(device, None),
            Command::SetDisturb { user, off } => self.set_disturb(user, off),
            Command::SetEngaged { user, engaged } => self.set_engaged(user, engaged),
            Command::Ring(ring) => self.ring(ring, now),
            Command::Invite { call, by, callees } => self.invite(call, by, callees, now),
            Command::Accept { call, user, device } => self.accept(call, user, device, now),
            Command::Decline { call, user, device } => self.decline(call, user, device, now),
            Command::TakenElsewhere { call, user, end } => self.take_as_told(call, user, end, now),
            Command::HangUp { call, user } => self.hang_up(call, user, now),
            Command::Arrived { call, user } => self.arrived(call, user),
            Command::Departed { call, user, lost } => self.departed(call, user, lost, now),
        }
    }

    /// Lets the time pass: ringing stops, and who does not come is lost.
    pub fn handle_timeout(&mut self, now: Instant) {
        for device in self.directory.lost(now) {
            // Known a moment ago.
            drop(self.sign_off(device, LegEnd::Lost, now));
        }
        let is_due = |leg: &&Leg| leg.due().is_some_and(|due| due <= now);
        let late: Vec<_> = self
            .calls
            .values()
            .flat_map(|call| call.legs.iter().filter(is_due).map(|leg| (call.id, leg.user, leg.is_ringing())))
            .collect();
        for (call, user, was_ringing) in late {
            let end = if was_ringing { LegEnd::NoAnswer } else { LegEnd::Lost };
            self.end_leg(call, user, end, now);
        }
        self.settle(now);
    }

    /// When [`Calls::handle_timeout`] is to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let legs = self.calls.values().flat_map(|call| call.legs.iter().filter_map(Leg::due));
        legs.chain(self.directory.due()).min()
    }

    /// A call that went on when the appliance stopped, and says when that was. Those who were in it are awaited if that
    /// is any use, and nobody is rung any more.
    pub fn restore(&mut self, call: Call, is_awaited: bool, now: Instant) {
        let (id, legs) = (call.id, call.legs.clone());
        self.calls.insert(id, call);
        self.changed.entry(id).or_default();
        for leg in legs.iter().filter(|leg| !leg.is_over()) {
            let until = now + self.settings.join_within;
            // Another appliance knows nothing of what goes on here once its socket was cut.
            let kind = self.directory.user(leg.user).ok().map(|user| user.kind);
            let comes_back = kind.is_some_and(|kind| kind != UserKind::Appliance);
            let was_in = matches!(leg.state, LegState::Joining { .. } | LegState::In);
            if is_awaited && was_in && comes_back {
                let call = self.calls.get_mut(&id).and_then(|call| call.leg_mut(leg.user));
                call.into_iter().for_each(|leg| leg.state = LegState::Joining { until });
            } else {
                let end = if leg.is_ringing() { LegEnd::Cancelled } else { LegEnd::Lost };
                self.end_leg(id, leg.user, end, now);
            }
        }
        self.settle(now);
    }

    /// The next event that was not polled yet.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The directory, in the order of ids.
    pub fn users(&self) -> impl Iterator<Item = &User> {
        self.directory.users()
    }

    /// An entry of the directory.
    ///
    /// # Errors
    /// `user-not-found`.
    pub fn user(&self, user: UserId) -> Result<&User, Refusal> {
        self.directory.user(user)
    }

    /// How somebody can be reached.
    #[must_use]
    pub fn presence(&self, user: UserId) -> Presence {
        self.directory.presence(user)
    }

    /// Where somebody is signed in.
    pub fn devices_of(&self, user: UserId) -> impl Iterator<Item = DeviceId> {
        self.directory.devices_of(user)
    }

    /// The calls that go on, in the order of ids.
    pub fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.values()
    }

    /// A call that goes on.
    ///
    /// # Errors
    /// `peer-lost`.
    pub fn call(&self, id: CallId) -> Result<&Call, Refusal> {
        self.calls.get(&id).ok_or_else(is_over)
    }

    /// The calls in which somebody is rung, or takes part.
    pub fn calls_of(&self, user: UserId) -> impl Iterator<Item = &Call> {
        self.calls.values().filter(move |call| call.leg(user).is_some_and(|leg| !leg.is_over()))
    }

    fn add_user(&mut self, user: User) -> Result<(), Refusal> {
        self.directory.add(user.clone())?;
        self.events.push_back(Event::User { user });
        Ok(())
    }

    fn rename(&mut self, id: UserId, name: String) -> Result<(), Refusal> {
        self.directory.rename(id, name)?;
        self.tell_user(id);
        Ok(())
    }

    fn remove_user(&mut self, id: UserId, now: Instant) -> Result<(), Refusal> {
        self.directory.remove(id)?;
        for call in self.calls_of(id).map(|call| call.id).collect::<Vec<_>>() {
            self.end_leg(call, id, LegEnd::Left, now);
        }
        self.pace.forget(id);
        self.events.push_back(Event::UserGone { user: id });
        Ok(())
    }

    fn sign_on(&mut self, user: UserId, device: DeviceId) -> Result<(), Refusal> {
        self.directory.sign_on(user, device)?;
        self.touched.insert(user);
        Ok(())
    }

    /// A caller whose device is gone rings no longer; who is in a meeting is missed there, not here.
    fn sign_off(&mut self, device: DeviceId, end: LegEnd, now: Instant) -> Result<(), Refusal> {
        let user = self.directory.sign_off(device)?;
        self.touched.insert(user);
        let calls = |call: &Call| {
            let leg = call.leg(user)?;
            (leg.state == LegState::Calling && leg.device == Some(device)).then_some(call.id)
        };
        for call in self.calls.values().filter_map(calls).collect::<Vec<_>>() {
            self.end_leg(call, user, end, now);
        }
        Ok(())
    }

    fn set_disturb(&mut self, user: UserId, off: bool) -> Result<(), Refusal> {
        if self.directory.set_disturb(user, off)? {
            self.touched.insert(user);
            self.tell_user(user);
        }
        Ok(())
    }

    fn set_engaged(&mut self, user: UserId, engaged: bool) -> Result<(), Refusal> {
        self.directory.set_engaged(user, engaged)?;
        self.touched.insert(user);
        Ok(())
    }

    /// After each command: calls that are idle end, and everybody concerned is told.
    fn settle(&mut self, now: Instant) {
        while let Some((id, last)) = self.changed.pop_first() {
            let Some(call) = self.calls.get(&id) else { continue };
            if call.is_idle() && call.ended.is_none() {
                self.end_call(id, last.unwrap_or(LegEnd::Left), now);
            }
            self.tell_call(id);
        }
        while let Some(user) = self.touched.pop_first() {
            let talks = self.calls_of(user).any(|call| call.leg(user).is_some_and(Leg::is_live));
            if let Some(presence) = self.directory.review(user, talks) {
                self.events.push_back(Event::Presence { user, presence });
            }
        }
    }

    fn end_call(&mut self, id: CallId, last: LegEnd, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        // Nobody has come back to what was interrupted: then it was over.
        call.ended = Some((call.interrupted.unwrap_or(now), call.outcome(last)));
        let rest: Vec<_> = call.legs.iter().filter(|leg| !leg.is_over()).copied().collect();
        for leg in rest {
            let end = if leg.is_ringing() { LegEnd::Cancelled } else { LegEnd::Left };
            self.end_leg(id, leg.user, end, now);
        }
        self.changed.remove(&id);
    }

    fn tell_call(&mut self, id: CallId) {
        let Some(call) = self.calls.get(&id).cloned() else { return };
        self.touched.extend(call.legs.iter().map(|leg| leg.user));
        if call.ended.is_some() {
            self.calls.remove(&id);
        }
        self.events.push_back(Event::Call { call });
    }

    fn tell_user(&mut self, id: UserId) {
        if let Ok(user) = self.directory.user(id) {
            self.events.push_back(Event::User { user: user.clone() });
        }
    }
}
