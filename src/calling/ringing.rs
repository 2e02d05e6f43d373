//! What is asked of calls: ring, invite, accept, decline, hang up; and what that ends.

use std::collections::BTreeSet;
use std::time::Instant;

use super::call::{Call, LEGS_MAX, Leg, LegEnd, LegState};
use super::directory::UserKind;
use super::words::{CallId, DeviceId, Event, Ring, UserId};
use super::{CALLS_MAX, Calls};
use crate::refusal::{Code, Refusal};

impl Calls {
    pub(super) fn ring(&mut self, ring: Ring, now: Instant) -> Result<(), Refusal> {
        let (id, caller) = (ring.call, ring.caller);
        self.directory.check_device(caller, ring.device)?;
        if let Some(other) = self.calls_of(caller).next() {
            let rung = other.leg(caller).is_some_and(Leg::is_ringing);
            let detail = match rung {
                true => "you are being rung; answer or decline first",
                false => "you are in a call; hang up first, or invite into it",
            };
            return Err(Refusal::new(Code::Busy, detail));
        }
        if self.calls.len() >= CALLS_MAX {
            let detail = format!("{CALLS_MAX} calls go on at the moment; try again when one has ended");
            return Err(Refusal::new(Code::Busy, detail));
        }
        let call = Call::new(&ring, now);
        let callees = self.check_callees(caller, ring.callees, 1)?;
        self.pace.take(caller, callees.len(), now)?;
        self.calls.insert(id, call);
        self.touched.insert(caller);
        self.ring_all(id, caller, &callees, now);
        Ok(())
    }

    pub(super) fn invite(
        &mut self,
        id: CallId,
        by: UserId,
        callees: Vec<UserId>,
        now: Instant,
    ) -> Result<(), Refusal> {
        let call = self.call(id)?;
        if !call.leg(by).is_some_and(Leg::is_live) {
            return Err(Refusal::new(Code::NotPermitted, "only who is in a call invites into it"));
        }
        let has_part = |user: &UserId| call.leg(*user).is_some_and(|leg| !leg.is_over());
        if callees.iter().any(has_part) {
            return Err(Refusal::new(Code::Busy, "somebody you invite is in the call, or rung, already"));
        }
        let before = call.legs.iter().filter(|leg| !callees.contains(&leg.user)).count();
        let callees = self.check_callees(by, callees, before)?;
        self.pace.take(by, callees.len(), now)?;
        self.ring_all(id, by, &callees, now);
        Ok(())
    }

    /// Everybody once, known, and not too many beside those that a call has.
    fn check_callees(&self, by: UserId, callees: Vec<UserId>, legs: usize) -> Result<Vec<UserId>, Refusal> {
        let invalid = |detail: String| Err(Refusal::new(Code::InvalidParameter, detail));
        if callees.len() + legs > LEGS_MAX {
            return invalid(format!("a call is of {LEGS_MAX} people at most; ring fewer"));
        }
        let callees: BTreeSet<_> = callees.into_iter().collect();
        if callees.is_empty() || callees.contains(&by) {
            return invalid("name one or more to ring, others than yourself".to_owned());
        }
        for callee in &callees {
            self.directory.user(*callee)?;
        }
        Ok(callees.into_iter().collect())
    }

    fn ring_all(&mut self, id: CallId, by: UserId, callees: &[UserId], now: Instant) {
        for callee in callees {
            let state = self.reception(*callee, now);
            let leg = Leg { user: *callee, by: Some(by), device: None, state };
            let Some(call) = self.calls.get_mut(&id) else { return };
            call.legs.retain(|leg| leg.user != *callee);
            call.legs.push(leg);
            match state {
                LegState::Over(end) => {
                    self.changed.insert(id, Some(end));
                    self.events.push_back(Event::Missed { call: id, user: *callee, by, at: now });
                }
                _ => {
                    self.changed.entry(id).or_default();
                    self.events.push_back(Event::Rings { call: id, user: *callee });
                }
            }
            self.touched.insert(*callee);
        }
    }

    /// How somebody takes being rung.
    fn reception(&self, user: UserId, now: Instant) -> LegState {
        let Ok(known) = self.directory.user(user) else { return LegState::Over(LegEnd::Lost) };
        let legs = || self.calls_of(user).filter_map(|call| call.leg(user));
        let is_occupied = legs().next().is_some() || self.directory.is_engaged(user);
        if known.do_not_disturb {
            return LegState::Over(LegEnd::DoNotDisturb);
        }
        let is_taken = match known.kind {
            UserKind::Person => is_occupied,
            UserKind::Appliance => legs().next().is_some(),
            UserKind::Room => false,
        };
        if legs().any(Leg::is_ringing) || is_taken {
            return LegState::Over(LegEnd::Busy);
        }
        LegState::Ringing { until: now + self.settings.ring_for, knock: is_occupied }
    }

    pub(super) fn accept(
        &mut self,
        id: CallId,
        user: UserId,
        device: DeviceId,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.directory.check_device(user, device)?;
        self.check_rung(id, user)?;
        let others = self.calls_of(user).map(|call| call.id).filter(|other| *other != id).collect::<Vec<_>>();
        for other in others {
            self.end_leg(other, user, LegEnd::Moved, now);
        }
        self.stop_ringing(id, user);
        let until = now + self.settings.join_within;
        let Some(call) = self.calls.get_mut(&id) else { return Err(is_over()) };
        if let Some(leg) = call.leg_mut(user) {
            (leg.state, leg.device) = (LegState::Joining { until }, Some(device));
        }
        let mut enter = vec![(user, device)];
        if call.answered.is_none() {
            call.answered = Some(now);
            let caller = call.caller;
            if let Some(leg) = call.leg_mut(caller).filter(|leg| leg.state == LegState::Calling) {
                leg.state = LegState::Joining { until };
                enter.extend(leg.device.map(|device| (caller, device)));
            }
        }
        for (user, device) in enter {
            self.events.push_back(Event::Enters { call: id, user, device });
        }
        self.touched.insert(user);
        Ok(())
    }

    pub(super) fn decline(
        &mut self,
        id: CallId,
        user: UserId,
        device: DeviceId,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.directory.check_device(user, device)?;
        self.check_rung(id, user)?;
        if let Some(leg) = self.calls.get_mut(&id).and_then(|call| call.leg_mut(user)) {
            leg.device = Some(device);
        }
        self.end_leg(id, user, LegEnd::Declined, now);
        Ok(())
    }

    /// Whoever speaks for somebody tells how they took being rung.
    pub(super) fn take_as_told(
        &mut self,
        id: CallId,
        user: UserId,
        end: LegEnd,
        now: Instant,
    ) -> Result<(), Refusal> {
        self.check_rung(id, user)?;
        self.end_leg(id, user, end, now);
        Ok(())
    }

    pub(super) fn hang_up(&mut self, id: CallId, user: UserId, now: Instant) -> Result<(), Refusal> {
        if !self.call(id)?.leg(user).is_some_and(Leg::is_live) {
            return Err(is_over());
        }
        self.end_leg(id, user, LegEnd::Left, now);
        Ok(())
    }

    pub(super) fn arrived(&mut self, id: CallId, user: UserId) -> Result<(), Refusal> {
        let call = self.calls.get_mut(&id).ok_or_else(is_over)?;
        match call.leg_mut(user) {
            Some(leg) if matches!(leg.state, LegState::Joining { .. }) => {
                leg.state = LegState::In;
                call.interrupted = None;
            }
            Some(leg) if leg.state == LegState::In => return Ok(()),
            Some(_) | None => return Err(is_over()),
        }
        self.changed.entry(id).or_default();
        Ok(())
    }

    pub(super) fn departed(
        &mut self,
        id: CallId,
        user: UserId,
        lost: bool,
        now: Instant,
    ) -> Result<(), Refusal> {
        if self.call(id)?.leg(user).is_none_or(|leg| leg.state != LegState::In) {
            return Err(is_over());
        }
        self.end_leg(id, user, if lost { LegEnd::Lost } else { LegEnd::Left }, now);
        Ok(())
    }

    fn check_rung(&self, id: CallId, user: UserId) -> Result<(), Refusal> {
        match self.call(id)?.leg(user) {
            Some(leg) if leg.is_ringing() => Ok(()),
            Some(leg) if leg.is_live() => {
                Err(Refusal::new(Code::Busy, "you have answered this call on another device"))
            }
            Some(_) | None => Err(is_over()),
        }
    }

    /// Ends somebody's part; those whom they have rung are not rung for them any more.
    pub(super) fn end_leg(&mut self, id: CallId, user: UserId, end: LegEnd, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let Some(leg) = call.leg_mut(user).filter(|leg| !leg.is_over()) else { return };
        let (was_ringing, by) = (leg.is_ringing(), leg.by);
        let was_in = matches!(leg.state, LegState::Joining { .. } | LegState::In);
        leg.state = LegState::Over(end);
        // Who rang from a meeting is there by their own wish.
        let came_by_it = was_in && !(call.into_meeting && by.is_none());
        self.changed.insert(id, Some(end));
        self.touched.insert(user);
        if was_ringing {
            self.events.push_back(Event::Stops { call: id, user });
            if let (true, Some(by)) = (end.is_missed(), by) {
                self.events.push_back(Event::Missed { call: id, user, by, at: now });
            }
        }
        if came_by_it {
            self.events.push_back(Event::Out { call: id, user });
        }
        let rung_for_them = |leg: &Leg| leg.is_ringing() && leg.by == Some(user);
        let orphans: Vec<_> = self.calls.get(&id).into_iter().flat_map(|call| &call.legs).copied().collect();
        for orphan in orphans.iter().filter(|leg| rung_for_them(leg)) {
            self.end_leg(id, orphan.user, LegEnd::Cancelled, now);
        }
        if let (Some(last), true) = (self.changed.get_mut(&id), was_in) {
            // What has ended it is the part of who was in, not of those who were rung for them.
            *last = Some(end);
        }
    }

    fn stop_ringing(&mut self, id: CallId, user: UserId) {
        self.changed.entry(id).or_default();
        self.events.push_back(Event::Stops { call: id, user });
    }
}

pub(super) fn is_over() -> Refusal {
    Refusal::new(Code::PeerLost, "this call is over, or was answered elsewhere; ring back")
}
