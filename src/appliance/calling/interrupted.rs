//! Calls that a stop of the appliance interrupts: kept while they go on, and gone on with at the next start.
//!
//! ```text
//!   goes on ── the appliance stops ──▶ kept ── it starts, soon enough ──▶ awaited ── somebody is back ──▶ goes on
//!                                        │                                  └── nobody comes back ──▶ recorded as lost
//!                                        └── it starts late, or nobody had answered ──▶ recorded as lost
//! ```

use std::time::Duration;

use super::{Page, words};
use crate::appliance::run::Appliance;
use crate::appliance::store::calls::{self as kept, KeptCall};
use crate::calling::{Call, CallId, DeviceId, Leg, LegState, UserId};
use crate::web::wire::calling::CallLeg;

/// How long the appliance may have been away for a call to go on. Pages try to come back for longer.
const GOES_ON_WITHIN: Duration = Duration::from_mins(2);

/// Whether somebody may come back to a call now.
pub(in crate::appliance) fn is_recent(kept: &KeptCall, unix: Duration) -> bool {
    unix.saturating_sub(Duration::from_millis(kept.seen_ms)) <= GOES_ON_WITHIN
}

impl Appliance {
    /// Keeps a call as it is now, or forgets one that is over.
    pub(super) fn keep_call(&mut self, call: &Call) {
        let id = call.id.0;
        if call.ended.is_some() {
            return self.store.write(move |db| kept::forget_call(db, id));
        }
        let device = |leg: &Leg| {
            let page = self.exchange.pages.get(&leg.device?)?;
            Some((leg.user.to_string(), page.name.clone()))
        };
        let kept = KeptCall {
            id,
            state: self.call_word(call),
            into_meeting: call.into_meeting,
            meeting: self.exchange.meetings.get(&call.id).cloned(),
            devices: call.legs.iter().filter_map(device).collect(),
            seen_ms: self.unix_ms(self.clock.now()),
        };
        self.store.write(move |db| kept::keep_call(db, &kept));
    }

    /// Notes that calls go on: if the power fails, that is when they were last known to.
    pub(in crate::appliance) fn see_calls(&mut self) {
        if self.exchange.calls.calls().next().is_some() {
            let at_ms = self.unix_ms(self.clock.now());
            self.store.note(move |db| kept::see_calls(db, at_ms));
        }
    }

    /// Goes on with the calls of before; their meetings are here again if they can be.
    pub(in crate::appliance) fn restore_calls(&mut self, interrupted: Vec<KeptCall>) {
        for kept in interrupted {
            self.restore_call(kept);
        }
        self.forget_lost_pages();
        let (room, _) = self.exchange.room;
        let is_awaited = |leg: &Leg| matches!(leg.state, LegState::Joining { .. });
        let call = self.exchange.calls.calls_of(room).find(|call| call.leg(room).is_some_and(is_awaited));
        let meeting = call.and_then(|call| self.exchange.meetings.get(&call.id)).cloned();
        if let Some(meeting) = meeting
            && let Err(refusal) = self.room_join(&meeting)
        {
            log::warn!(meeting = meeting.as_str(); "the room does not come back to its call: {refusal}");
        }
    }

    fn restore_call(&mut self, kept: KeptCall) {
        let id = CallId(kept.id);
        let now = self.clock.now();
        let call = self.call_of_kept(&kept);
        let ringing = call.legs.iter().filter(|leg| leg.is_ringing()).map(|leg| (id, leg.user));
        self.exchange.rung.extend(ringing);
        let is_there = kept.meeting.as_ref().is_some_and(|meeting| self.hosted.contains_key(meeting));
        let is_awaited = is_there && is_recent(&kept, self.clock.unix_time());
        self.exchange.meetings.extend(kept.meeting.filter(|_| is_there).map(|meeting| (id, meeting)));
        log::info!(call = kept.id; "a call was interrupted; it {}", if is_awaited { "goes on" } else { "is over" });
        self.exchange.calls.restore(call, is_awaited, now);
        self.pump_calls();
    }

    fn call_of_kept(&mut self, kept: &KeptCall) -> Call {
        let moment = |ms: u64| self.time_of_day.moment(Duration::from_millis(ms)).at;
        let (began, answered) = (moment(kept.state.began_ms), kept.state.answered_ms.map(moment));
        let interrupted = Some(moment(kept.seen_ms));
        let legs = kept.state.legs.iter().filter_map(|leg| self.leg_of_kept(kept, leg)).collect();
        Call {
            id: CallId(kept.id),
            caller: words::user_of_word(&kept.state.caller).unwrap_or(UserId(0)),
            media: words::media_of_word(kept.state.media),
            into_meeting: kept.into_meeting,
            legs,
            began,
            answered,
            interrupted,
            ended: None,
        }
    }

    fn leg_of_kept(&mut self, kept: &KeptCall, leg: &CallLeg) -> Option<Leg> {
        let user = words::user_of_word(&leg.user)?;
        let (room, room_device) = self.exchange.room;
        let name = kept.devices.get(&leg.user).cloned();
        let device = match name {
            _ if user == room => Some(room_device),
            Some(name) => Some(self.await_page(user, name)),
            None => None,
        };
        let state = words::leg_of_word(leg.state, self.clock.now());
        Some(Leg { user, by: leg.by.as_deref().and_then(words::user_of_word), device, state })
    }

    /// A page that is to be known again when it says hello.
    fn await_page(&mut self, user: UserId, name: String) -> DeviceId {
        let known = self.exchange.pages.iter().find(|(_, page)| page.user == user && page.name == name);
        if let Some((device, _)) = known {
            return *device;
        }
        let device = DeviceId(self.next_id());
        self.exchange.pages.insert(device, Page { user, name, frames: None, watches: None });
        device
    }
}
