//! What calls do, one question per test.

use super::*;

pub(super) const ANN: UserId = UserId(1);
pub(super) const BEN: UserId = UserId(2);
pub(super) const CAT: UserId = UserId(3);
pub(super) const ROOM: UserId = UserId(4);
pub(super) const FIRST: CallId = CallId(1);
const SECOND: CallId = CallId(2);

/// Ann, Ben and Cat are people, the room is a room. The first device of user 3 is 30, the second 31.
pub(super) const fn device(user: UserId, which: u64) -> DeviceId {
    DeviceId(user.0 * 10 + which)
}

pub(super) struct Exchange {
    pub(super) calls: Calls,
    pub(super) now: Instant,
    pub(super) events: Vec<Event>,
}

impl Exchange {
    #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made up; tests count from this one")]
    pub(super) fn new() -> Self {
        let now = Instant::now();
        let mut exchange = Self { calls: Calls::new(Settings::default()), now, events: Vec::new() };
        for (id, name, kind) in [
            (ANN, "Ann", UserKind::Person),
            (BEN, "Ben", UserKind::Person),
            (CAT, "Cat", UserKind::Person),
            (ROOM, "Aspen", UserKind::Room),
        ] {
            let user = User { id, name: name.to_owned(), kind, do_not_disturb: false };
            exchange.ask(Command::AddUser(user)).unwrap();
        }
        exchange
    }

    /// Everybody is signed in on their first device.
    pub(super) fn online() -> Self {
        let mut exchange = Self::new();
        for user in [ANN, BEN, CAT, ROOM] {
            exchange.ask(Command::SignOn { user, device: device(user, 0) }).unwrap();
        }
        exchange.events.clear();
        exchange
    }

    /// Ann has rung Ben, who has accepted, and both are in.
    pub(super) fn talking() -> Self {
        let mut exchange = Self::online();
        exchange.ring(FIRST, ANN, &[BEN]).unwrap();
        exchange.accept(FIRST, BEN).unwrap();
        exchange.arrive(FIRST, ANN);
        exchange.arrive(FIRST, BEN);
        exchange.events.clear();
        exchange
    }

    pub(super) fn ask(&mut self, command: Command) -> Result<(), Refusal> {
        let outcome = self.calls.handle(command, self.now);
        self.poll();
        outcome
    }

    pub(super) fn poll(&mut self) {
        self.events.extend(std::iter::from_fn(|| self.calls.poll_event()));
    }

    pub(super) fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.calls.poll_timeout().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            self.calls.handle_timeout(self.now);
            self.poll();
        }
        self.now = until;
    }

    fn ring(&mut self, call: CallId, caller: UserId, callees: &[UserId]) -> Result<(), Refusal> {
        self.ring_into(call, caller, callees, false)
    }

    pub(super) fn ring_into(
        &mut self,
        call: CallId,
        caller: UserId,
        callees: &[UserId],
        into_meeting: bool,
    ) -> Result<(), Refusal> {
        let (device, callees) = (device(caller, 0), callees.to_vec());
        self.ask(Command::Ring(Ring { call, caller, device, callees, media: Media::Video, into_meeting }))
    }

    pub(super) fn accept(&mut self, call: CallId, user: UserId) -> Result<(), Refusal> {
        self.ask(Command::Accept { call, user, device: device(user, 0) })
    }

    fn decline(&mut self, call: CallId, user: UserId) -> Result<(), Refusal> {
        self.ask(Command::Decline { call, user, device: device(user, 0) })
    }

    fn hang_up(&mut self, call: CallId, user: UserId) -> Result<(), Refusal> {
        self.ask(Command::HangUp { call, user })
    }

    pub(super) fn arrive(&mut self, call: CallId, user: UserId) {
        self.ask(Command::Arrived { call, user }).unwrap();
    }

    pub(super) fn state(&self, call: CallId, user: UserId) -> LegState {
        self.calls.call(call).unwrap().leg(user).unwrap().state
    }

    /// The call as it was told last.
    pub(super) fn told(&self, call: CallId) -> &Call {
        let told = self.events.iter().rev().find_map(|event| match event {
            Event::Call { call: told } if told.id == call => Some(told),
            _ => None,
        });
        told.expect("the call was told")
    }

    pub(super) fn end(&self, call: CallId) -> CallEnd {
        self.told(call).ended.expect("the call has ended").1
    }

    pub(super) fn leg_end(&self, call: CallId, user: UserId) -> LegState {
        self.told(call).leg(user).unwrap().state
    }

    pub(super) fn missed(&self) -> Vec<UserId> {
        let who = |event: &Event| match event {
            Event::Missed { user, .. } => Some(*user),
            _ => None,
        };
        self.events.iter().filter_map(who).collect()
    }
}

const SECOND_S: Duration = Duration::from_secs(1);

#[test]
fn a_call_rings_is_accepted_and_both_enter() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[BEN]).unwrap();
    assert!(exchange.events.contains(&Event::Rings { call: FIRST, user: BEN }));
    assert_eq!(exchange.state(FIRST, ANN), LegState::Calling);
    exchange.accept(FIRST, BEN).unwrap();
    for user in [ANN, BEN] {
        assert!(exchange.events.contains(&Event::Enters { call: FIRST, user, device: device(user, 0) }));
        exchange.arrive(FIRST, user);
        assert_eq!(exchange.state(FIRST, user), LegState::In);
        assert_eq!(exchange.calls.presence(user), Presence::Busy);
    }
    exchange.hang_up(FIRST, ANN).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Finished);
    assert!(exchange.events.contains(&Event::Out { call: FIRST, user: BEN }), "nobody talks alone");
    assert_eq!(exchange.calls.presence(BEN), Presence::Online);
    assert!(exchange.missed().is_empty());
}

#[test]
fn nobody_is_rung_longer_than_the_time_for_it() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[BEN]).unwrap();
    exchange.pass(Duration::from_secs(59));
    assert!(exchange.calls.call(FIRST).is_ok());
    exchange.pass(SECOND_S);
    assert_eq!(exchange.end(FIRST), CallEnd::NoAnswer);
    assert_eq!(exchange.missed(), [BEN]);
    assert_eq!(exchange.accept(FIRST, BEN).unwrap_err().code, Code::PeerLost);
}

#[test]
fn who_declines_is_not_told_of_a_missed_call() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[BEN]).unwrap();
    exchange.decline(FIRST, BEN).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Declined);
    assert!(exchange.missed().is_empty());
    assert!(exchange.events.contains(&Event::Stops { call: FIRST, user: BEN }));
}

#[test]
fn a_call_that_is_taken_back_was_missed() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[BEN, CAT]).unwrap();
    exchange.hang_up(FIRST, ANN).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Cancelled);
    assert_eq!(exchange.missed(), [BEN, CAT]);
}

#[test]
fn an_answer_and_a_cancellation_at_once_have_one_outcome() {
    for answer_first in [true, false] {
        let mut exchange = Exchange::online();
        exchange.ring(FIRST, ANN, &[BEN]).unwrap();
        if answer_first {
            exchange.accept(FIRST, BEN).unwrap();
            exchange.hang_up(FIRST, ANN).unwrap();
            assert_eq!(exchange.end(FIRST), CallEnd::Finished);
        } else {
            exchange.hang_up(FIRST, ANN).unwrap();
            assert_eq!(exchange.accept(FIRST, BEN).unwrap_err().code, Code::PeerLost);
            assert_eq!(exchange.end(FIRST), CallEnd::Cancelled);
        }
        let ends = exchange.events.iter();
        let ends = ends.filter(|event| matches!(event, Event::Call { call } if call.ended.is_some()));
        assert_eq!(ends.count(), 1);
    }
}

#[test]
fn the_other_devices_of_who_answers_or_declines_are_told() {
    for accepts in [true, false] {
        let mut exchange = Exchange::online();
        exchange.ask(Command::SignOn { user: BEN, device: device(BEN, 1) }).unwrap();
        exchange.ring(FIRST, ANN, &[BEN, CAT]).unwrap();
        if accepts {
            exchange.accept(FIRST, BEN).unwrap();
        } else {
            exchange.decline(FIRST, BEN).unwrap();
        }
        let leg = *exchange.told(FIRST).leg(BEN).unwrap();
        assert_eq!((leg.device, leg.is_ringing()), (Some(device(BEN, 0)), false));
        let late = Command::Accept { call: FIRST, user: BEN, device: device(BEN, 1) };
        let code = if accepts { Code::Busy } else { Code::PeerLost };
        assert_eq!(exchange.ask(late).unwrap_err().code, code);
    }
}

#[test]
fn who_talks_is_busy_and_is_told_of_the_call_later() {
    let mut exchange = Exchange::talking();
    exchange.ring(SECOND, CAT, &[BEN]).unwrap();
    assert_eq!(exchange.end(SECOND), CallEnd::Busy);
    assert_eq!(exchange.missed(), [BEN]);
    assert!(exchange.events.iter().all(|event| !matches!(event, Event::Rings { .. })));
}

#[test]
fn who_is_rung_is_not_rung_twice() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[ROOM]).unwrap();
    exchange.ring(SECOND, CAT, &[ROOM]).unwrap();
    assert_eq!(exchange.end(SECOND), CallEnd::Busy);
    assert_eq!(exchange.ring(CallId(3), ROOM, &[BEN]).unwrap_err().code, Code::Busy);
}

#[test]
fn who_does_not_want_to_be_disturbed_is_not_rung() {
    let mut exchange = Exchange::online();
    exchange.ask(Command::SetDisturb { user: BEN, off: true }).unwrap();
    assert_eq!(exchange.calls.presence(BEN), Presence::DoNotDisturb);
    exchange.ring(FIRST, ANN, &[BEN]).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::DoNotDisturb);
    assert_eq!(exchange.missed(), [BEN]);
    exchange.ask(Command::SetDisturb { user: BEN, off: false }).unwrap();
    assert_eq!(exchange.calls.presence(BEN), Presence::Online);
}

#[test]
fn a_second_call_knocks_at_a_room_and_moves_it_when_taken() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[ROOM]).unwrap();
    exchange.accept(FIRST, ROOM).unwrap();
    exchange.arrive(FIRST, ANN);
    exchange.arrive(FIRST, ROOM);
    exchange.ring(SECOND, BEN, &[ROOM]).unwrap();
    assert!(matches!(exchange.state(SECOND, ROOM), LegState::Ringing { knock: true, .. }));
    exchange.accept(SECOND, ROOM).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Finished);
    assert_eq!(exchange.leg_end(FIRST, ROOM), LegState::Over(LegEnd::Moved));
    assert!(matches!(exchange.state(SECOND, ROOM), LegState::Joining { .. }));
}

#[test]
fn a_room_that_is_in_a_meeting_hears_a_knock() {
    let mut exchange = Exchange::online();
    exchange.ask(Command::SetEngaged { user: ROOM, engaged: true }).unwrap();
    assert_eq!(exchange.calls.presence(ROOM), Presence::Busy);
    exchange.ring(FIRST, ANN, &[ROOM]).unwrap();
    assert!(matches!(exchange.state(FIRST, ROOM), LegState::Ringing { knock: true, .. }));
}

#[test]
fn a_caller_who_vanishes_stops_the_ringing() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[BEN]).unwrap();
    exchange.ask(Command::Cut { device: device(ANN, 0) }).unwrap();
    exchange.pass(Duration::from_secs(9));
    assert!(exchange.calls.call(FIRST).is_ok(), "may come back");
    exchange.pass(SECOND_S);
    assert_eq!(exchange.end(FIRST), CallEnd::Lost);
    assert_eq!(exchange.calls.presence(ANN), Presence::Offline);
    assert_eq!(exchange.missed(), [BEN]);
}

#[test]
fn a_caller_who_comes_back_in_time_rings_on() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[BEN]).unwrap();
    exchange.ask(Command::Cut { device: device(ANN, 0) }).unwrap();
    exchange.pass(Duration::from_secs(9));
    exchange.ask(Command::Return { device: device(ANN, 0) }).unwrap();
    exchange.pass(Duration::from_secs(20));
    assert_eq!(exchange.state(FIRST, ANN), LegState::Calling);
}

#[test]
fn who_vanishes_in_a_call_is_reported() {
    let mut exchange = Exchange::talking();
    exchange.ask(Command::Departed { call: FIRST, user: BEN, lost: true }).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Lost);
    assert_eq!(exchange.leg_end(FIRST, BEN), LegState::Over(LegEnd::Lost));
    assert_eq!(exchange.leg_end(FIRST, ANN), LegState::Over(LegEnd::Left));
}

#[test]
fn who_accepts_and_never_comes_is_lost() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[BEN]).unwrap();
    exchange.accept(FIRST, BEN).unwrap();
    exchange.arrive(FIRST, ANN);
    exchange.pass(Duration::from_secs(30));
    assert_eq!(exchange.end(FIRST), CallEnd::Lost);
}

#[test]
fn of_many_the_first_to_accept_begins_and_the_others_ring_on() {
    let mut exchange = Exchange::online();
    exchange.ring(FIRST, ANN, &[BEN, CAT]).unwrap();
    exchange.accept(FIRST, BEN).unwrap();
    assert!(matches!(exchange.state(FIRST, CAT), LegState::Ringing { .. }));
    exchange.accept(FIRST, CAT).unwrap();
    let entered =
        |user| exchange.events.contains(&Event::Enters { call: FIRST, user, device: device(user, 0) });
    assert!(entered(ANN) && entered(BEN) && entered(CAT));
    let of_ann = exchange.events.iter().filter(|event| matches!(event, Event::Enters { user: ANN, .. }));
    assert_eq!(of_ann.count(), 1);
}

#[test]
fn somebody_is_invited_into_a_call_and_the_two_others_go_on_without_its_caller() {
    let mut exchange = Exchange::talking();
    exchange.ask(Command::Invite { call: FIRST, by: BEN, callees: vec![CAT] }).unwrap();
    assert!(exchange.events.contains(&Event::Rings { call: FIRST, user: CAT }));
    exchange.accept(FIRST, CAT).unwrap();
    exchange.arrive(FIRST, CAT);
    exchange.hang_up(FIRST, ANN).unwrap();
    assert!(exchange.calls.call(FIRST).is_ok());
    exchange.hang_up(FIRST, CAT).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Finished);
}

#[test]
fn who_leaves_takes_their_invitations_along() {
    let mut exchange = Exchange::talking();
    exchange.ask(Command::Invite { call: FIRST, by: BEN, callees: vec![CAT] }).unwrap();
    exchange.hang_up(FIRST, BEN).unwrap();
    assert_eq!(exchange.leg_end(FIRST, CAT), LegState::Over(LegEnd::Cancelled));
    assert_eq!(exchange.end(FIRST), CallEnd::Finished);
}

#[test]
fn who_has_declined_may_be_invited_again() {
    let mut exchange = Exchange::talking();
    let invite = || Command::Invite { call: FIRST, by: ANN, callees: vec![CAT] };
    exchange.ask(invite()).unwrap();
    assert_eq!(exchange.ask(invite()).unwrap_err().code, Code::Busy);
    exchange.decline(FIRST, CAT).unwrap();
    exchange.ask(invite()).unwrap();
    assert!(matches!(exchange.state(FIRST, CAT), LegState::Ringing { .. }));
    let stranger = Command::Invite { call: FIRST, by: CAT, callees: vec![ROOM] };
    assert_eq!(exchange.ask(stranger).unwrap_err().code, Code::NotPermitted);
}

#[test]
fn who_is_offline_rings_and_may_sign_in_to_answer() {
    let mut exchange = Exchange::new();
    exchange.ask(Command::SignOn { user: ANN, device: device(ANN, 0) }).unwrap();
    exchange.ring(FIRST, ANN, &[BEN]).unwrap();
    assert!(exchange.events.contains(&Event::Rings { call: FIRST, user: BEN }));
    exchange.pass(Duration::from_secs(20));
    exchange.ask(Command::SignOn { user: BEN, device: device(BEN, 0) }).unwrap();
    exchange.accept(FIRST, BEN).unwrap();
    assert_eq!(exchange.calls.presence(BEN), Presence::Busy);
}

#[test]
fn a_flood_of_invitations_is_refused_with_the_time_to_wait() {
    let mut exchange = Exchange::online();
    for call in 0..u64::from(RINGS_AT_ONCE) {
        exchange.ring(CallId(10 + call), ANN, &[BEN]).unwrap();
        exchange.hang_up(CallId(10 + call), ANN).unwrap();
    }
    let refusal = exchange.ring(CallId(100), ANN, &[BEN]).unwrap_err();
    assert_eq!(refusal.code, Code::TooManyRequests);
    assert!(refusal.detail.contains("try again in 3 s"), "{}", refusal.detail);
    exchange.ring(CallId(101), CAT, &[BEN]).unwrap();
    exchange.hang_up(CallId(101), CAT).unwrap();
    exchange.pass(RING_EVERY);
    exchange.ring(CallId(102), ANN, &[BEN]).unwrap();
}

#[test]
fn callees_are_others_known_and_not_too_many() {
    let mut exchange = Exchange::online();
    let refused =
        |exchange: &mut Exchange, callees: &[UserId]| exchange.ring(FIRST, ANN, callees).unwrap_err().code;
    assert_eq!(refused(&mut exchange, &[]), Code::InvalidParameter);
    assert_eq!(refused(&mut exchange, &[ANN]), Code::InvalidParameter);
    assert_eq!(refused(&mut exchange, &[UserId(99)]), Code::UserNotFound);
    assert_eq!(refused(&mut exchange, &[BEN; LEGS_MAX]), Code::InvalidParameter);
    exchange.ring(FIRST, ANN, &[BEN, BEN]).unwrap();
    assert_eq!(exchange.calls.call(FIRST).unwrap().legs.len(), 2);
}

#[test]
fn a_device_too_many_is_refused_and_the_last_one_makes_offline() {
    let mut exchange = Exchange::new();
    for which in 0..DEVICES_MAX as u64 {
        exchange.ask(Command::SignOn { user: ANN, device: device(ANN, which) }).unwrap();
    }
    let one_more = Command::SignOn { user: ANN, device: DeviceId(999) };
    assert_eq!(exchange.ask(one_more).unwrap_err().code, Code::Busy);
    for which in 0..DEVICES_MAX as u64 {
        assert_eq!(exchange.calls.presence(ANN), Presence::Online);
        exchange.ask(Command::SignOff { device: device(ANN, which) }).unwrap();
    }
    assert_eq!(exchange.calls.presence(ANN), Presence::Offline);
    let again = Command::SignOff { device: device(ANN, 0) };
    assert_eq!(exchange.ask(again).unwrap_err().code, Code::PeerLost);
}

#[test]
fn who_is_removed_is_out_of_every_call() {
    let mut exchange = Exchange::talking();
    exchange.ask(Command::RemoveUser { user: BEN }).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Finished);
    assert!(exchange.events.contains(&Event::UserGone { user: BEN }));
    assert_eq!(exchange.ring(SECOND, ANN, &[BEN]).unwrap_err().code, Code::UserNotFound);
}

#[test]
fn names_are_for_people_to_read() {
    let mut exchange = Exchange::new();
    for name in ["", "  ", "a\u{202E}b", &"x".repeat(USER_NAME_CHARS_MAX + 1)] {
        let rename = Command::Rename { user: ANN, name: name.to_owned() };
        assert_eq!(exchange.ask(rename).unwrap_err().code, Code::InvalidParameter);
    }
    exchange.ask(Command::Rename { user: ANN, name: "Anna".to_owned() }).unwrap();
    assert_eq!(exchange.calls.user(ANN).unwrap().name, "Anna");
}

#[test]
fn an_appliance_is_in_one_call_at_a_time_and_tells_how_it_takes_being_rung() {
    const BIRCH: UserId = UserId(5);
    let mut exchange = Exchange::online();
    let user = User { id: BIRCH, name: "Birch".to_owned(), kind: UserKind::Appliance, do_not_disturb: false };
    exchange.ask(Command::AddUser(user)).unwrap();
    exchange.ask(Command::SignOn { user: BIRCH, device: device(BIRCH, 0) }).unwrap();
    exchange.ask(Command::SetEngaged { user: BIRCH, engaged: true }).unwrap();
    exchange.ring(FIRST, ANN, &[BIRCH]).unwrap();
    assert!(
        exchange.calls.call(FIRST).unwrap().leg(BIRCH).is_some_and(Leg::is_ringing),
        "it decides by itself"
    );
    exchange.ring(SECOND, BEN, &[BIRCH]).unwrap();
    let ends = |exchange: &mut Exchange| {
        let end = |event: Event| match event {
            Event::Call { call } => call.ended.map(|(_, end)| end),
            _ => None,
        };
        exchange.events.drain(..).filter_map(end).collect::<Vec<_>>()
    };
    assert_eq!(ends(&mut exchange), [CallEnd::Busy], "one call at a time");
    let end = LegEnd::DoNotDisturb;
    exchange.ask(Command::TakenElsewhere { call: FIRST, user: BIRCH, end }).unwrap();
    assert_eq!(ends(&mut exchange), [CallEnd::DoNotDisturb]);
    let late = exchange.ask(Command::TakenElsewhere { call: FIRST, user: BIRCH, end });
    assert_eq!(late.unwrap_err().code, Code::PeerLost);
}
