//! Random commands against a small model of who may do what, and rules that hold whatever is asked.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::tests::{ANN, BEN, CAT, Exchange, ROOM, device};
use super::*;

const USERS: [UserId; 4] = [ANN, BEN, CAT, ROOM];

/// What is done in a turn. Calls are named by how many began after them.
#[derive(Debug, Clone)]
enum Turn {
    SignOn(usize, u64),
    SignOff(usize, u64),
    Cut(usize, u64),
    Return(usize, u64),
    Disturb(usize, bool),
    Engage(usize, bool),
    Ring(usize, u64, Vec<usize>, bool),
    Invite(u64, usize, Vec<usize>),
    Accept(u64, usize, u64),
    Decline(u64, usize, u64),
    HangUp(u64, usize),
    Arrived(u64, usize),
    Departed(u64, usize, bool),
    Pass(u64),
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let user = || 0..USERS.len();
    let which = || 0..2_u64;
    let back = || 0..3_u64;
    let some = || prop::collection::vec(user(), 1..3);
    let turn = prop_oneof![
        3 => (user(), which()).prop_map(|(user, which)| Turn::SignOn(user, which)),
        1 => (user(), which()).prop_map(|(user, which)| Turn::SignOff(user, which)),
        1 => (user(), which()).prop_map(|(user, which)| Turn::Cut(user, which)),
        1 => (user(), which()).prop_map(|(user, which)| Turn::Return(user, which)),
        1 => (user(), any::<bool>()).prop_map(|(user, off)| Turn::Disturb(user, off)),
        1 => (user(), any::<bool>()).prop_map(|(user, engaged)| Turn::Engage(user, engaged)),
        5 => (user(), which(), some(), prop::bool::weighted(0.2))
            .prop_map(|(user, which, some, into)| Turn::Ring(user, which, some, into)),
        2 => (back(), user(), some()).prop_map(|(call, user, some)| Turn::Invite(call, user, some)),
        6 => (back(), user(), which()).prop_map(|(call, user, which)| Turn::Accept(call, user, which)),
        2 => (back(), user(), which()).prop_map(|(call, user, which)| Turn::Decline(call, user, which)),
        2 => (back(), user()).prop_map(|(call, user)| Turn::HangUp(call, user)),
        5 => (back(), user()).prop_map(|(call, user)| Turn::Arrived(call, user)),
        1 => (back(), user(), any::<bool>()).prop_map(|(call, user, lost)| Turn::Departed(call, user, lost)),
        3 => (1..40_u64).prop_map(Turn::Pass),
    ];
    prop::collection::vec(turn, 1..80)
}

/// What somebody is in a call, as the model has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Calls,
    Rung(Instant),
    Awaited(Instant),
    In,
}

/// The rules of calls, said once more and plainly: who has which part in which call.
#[derive(Default)]
struct Model {
    parts: BTreeMap<(CallId, UserId), (Part, Option<UserId>)>,
    answered: BTreeSet<CallId>,
    callers: BTreeMap<CallId, (UserId, DeviceId)>,
    devices: BTreeMap<DeviceId, (UserId, Option<Instant>)>,
    disturbed: BTreeSet<UserId>,
    engaged: BTreeSet<UserId>,
    into_meeting: BTreeSet<CallId>,
    stock: BTreeMap<UserId, Instant>,
}

impl Model {
    fn part(&self, call: CallId, user: UserId) -> Option<Part> {
        self.parts.get(&(call, user)).map(|(part, _)| *part)
    }

    fn calls_of(&self, user: UserId) -> Vec<CallId> {
        self.parts.keys().filter(|(_, who)| *who == user).map(|(call, _)| *call).collect()
    }

    fn is_rung(&self, user: UserId) -> bool {
        self.parts.iter().any(|((_, who), (part, _))| *who == user && matches!(part, Part::Rung(_)))
    }

    fn lives(&self, call: CallId) -> bool {
        self.parts.keys().any(|(one, _)| *one == call)
    }

    fn pays(&mut self, user: UserId, rings: usize, now: Instant) -> bool {
        let from = self.stock.get(&user).copied().unwrap_or(now).max(now);
        let full = from + RING_EVERY * rings as u32;
        let pays = full - now <= RING_EVERY * RINGS_AT_ONCE;
        if pays {
            self.stock.insert(user, full);
        }
        pays
    }

    fn rings(&mut self, call: CallId, by: UserId, callees: &BTreeSet<UserId>, until: Instant) {
        for user in callees {
            let talks = !self.calls_of(*user).is_empty() || self.engaged.contains(user);
            let refuses = self.disturbed.contains(user) || self.is_rung(*user) || (talks && *user != ROOM);
            if !refuses {
                self.parts.insert((call, *user), (Part::Rung(until), Some(by)));
            }
        }
        self.tidy(call);
    }

    /// Somebody has no part any more, nor have those whom they have rung.
    fn leaves(&mut self, call: CallId, user: UserId) {
        self.parts.remove(&(call, user));
        self.parts.retain(|(one, _), (part, by)| {
            !(*one == call && *by == Some(user) && matches!(part, Part::Rung(_)))
        });
        self.tidy(call);
    }

    fn tidy(&mut self, call: CallId) {
        let parts: Vec<_> =
            self.parts.iter().filter(|((one, _), _)| *one == call).map(|(_, part)| *part).collect();
        let live = parts.iter().filter(|(part, _)| !matches!(part, Part::Rung(_))).count();
        let is_idle = match self.into_meeting.contains(&call) {
            true => parts.iter().all(|(_, by)| by.is_none()),
            false => live == 0 || parts.len() < 2,
        };
        if is_idle {
            self.parts.retain(|(one, _), _| *one != call);
        }
    }

    /// Does the turn if it is allowed; returns whether it is.
    fn does(&mut self, turn: &Turn, command: &Command, now: Instant) -> bool {
        let until = now + Settings::default().ring_for;
        let awaited = Part::Awaited(now + Settings::default().join_within);
        match (turn, command) {
            (Turn::SignOn(..), Command::SignOn { user, device }) => {
                let is_new = !self.devices.contains_key(device);
                self.devices.entry(*device).or_insert((*user, None));
                is_new
            }
            (_, Command::SignOff { device }) => self.signs_off(*device),
            (_, Command::Cut { device }) => {
                let lost = now + Settings::default().lost_after;
                self.devices.get_mut(device).map(|known| known.1 = Some(lost)).is_some()
            }
            (_, Command::Return { device }) => {
                self.devices.get_mut(device).map(|known| known.1 = None).is_some()
            }
            (_, Command::SetDisturb { user, off }) => {
                if *off {
                    self.disturbed.insert(*user)
                } else {
                    self.disturbed.remove(user)
                };
                true
            }
            (_, Command::SetEngaged { user, engaged }) => {
                if *engaged {
                    self.engaged.insert(*user)
                } else {
                    self.engaged.remove(user)
                };
                true
            }
            (_, Command::Ring(Ring { call, caller, device, callees, into_meeting, .. })) => {
                let callees: BTreeSet<_> = callees.iter().copied().collect();
                let may = self.devices.get(device).is_some_and(|known| known.0 == *caller)
                    && self.calls_of(*caller).is_empty()
                    && !callees.contains(caller)
                    && self.pays(*caller, callees.len(), now);
                if may {
                    let part = if *into_meeting { Part::In } else { Part::Calls };
                    self.parts.insert((*call, *caller), (part, None));
                    if *into_meeting {
                        self.into_meeting.insert(*call);
                    }
                    self.callers.insert(*call, (*caller, *device));
                    self.rings(*call, *caller, &callees, until);
                }
                may
            }
            (_, Command::Invite { call, by, callees }) => {
                let callees: BTreeSet<_> = callees.iter().copied().collect();
                let is_live = self.part(*call, *by).is_some_and(|part| !matches!(part, Part::Rung(_)));
                let may = is_live
                    && callees.iter().all(|user| self.part(*call, *user).is_none())
                    && self.pays(*by, callees.len(), now);
                if may {
                    self.rings(*call, *by, &callees, until);
                }
                may
            }
            (_, Command::Accept { call, user, device }) => {
                let may = self.may_answer(*call, *user, *device);
                if may {
                    let others = self.calls_of(*user).into_iter().filter(|other| other != call);
                    for other in others.collect::<Vec<_>>() {
                        self.leaves(other, *user);
                    }
                    self.parts.entry((*call, *user)).and_modify(|part| part.0 = awaited);
                    if self.answered.insert(*call) {
                        let caller = self.callers[call].0;
                        let part = self.parts.get_mut(&(*call, caller)).filter(|part| part.0 == Part::Calls);
                        part.into_iter().for_each(|part| part.0 = awaited);
                    }
                }
                may
            }
            (_, Command::Decline { call, user, device }) => {
                let may = self.may_answer(*call, *user, *device);
                if may {
                    self.leaves(*call, *user);
                }
                may
            }
            (_, Command::HangUp { call, user }) => {
                let may = self.part(*call, *user).is_some_and(|part| !matches!(part, Part::Rung(_)));
                if may {
                    self.leaves(*call, *user);
                }
                may
            }
            (_, Command::Arrived { call, user }) => {
                let may = matches!(self.part(*call, *user), Some(Part::Awaited(_) | Part::In));
                if may {
                    self.parts.entry((*call, *user)).and_modify(|part| part.0 = Part::In);
                }
                may
            }
            (_, Command::Departed { call, user, .. }) => {
                let may = self.part(*call, *user) == Some(Part::In);
                if may {
                    self.leaves(*call, *user);
                }
                may
            }
            _ => unreachable!("every turn has its command"),
        }
    }

    fn may_answer(&self, call: CallId, user: UserId, device: DeviceId) -> bool {
        let is_his = self.devices.get(&device).is_some_and(|known| known.0 == user);
        is_his && matches!(self.part(call, user), Some(Part::Rung(_)))
    }

    fn signs_off(&mut self, device: DeviceId) -> bool {
        let Some((user, _)) = self.devices.remove(&device) else { return false };
        for call in self.calls_of(user) {
            if self.part(call, user) == Some(Part::Calls) && self.callers[&call].1 == device {
                self.leaves(call, user);
            }
        }
        true
    }

    fn passes(&mut self, now: Instant) {
        let is_late = |until: &Option<Instant>| until.is_some_and(|until| until <= now);
        let lost: Vec<_> =
            self.devices.iter().filter(|(_, known)| is_late(&known.1)).map(|(device, _)| *device).collect();
        for device in lost {
            self.signs_off(device);
        }
        let late = |part: Part| matches!(part, Part::Rung(until) | Part::Awaited(until) if until <= now);
        let gone: Vec<_> =
            self.parts.iter().filter(|(_, (part, _))| late(*part)).map(|(key, _)| *key).collect();
        // All at once: whoever is late is late whether another one is or not.
        for (call, user) in gone {
            self.parts.remove(&(call, user));
            self.parts.retain(|(one, _), (part, by)| {
                !(*one == call && *by == Some(user) && matches!(part, Part::Rung(_)))
            });
        }
        for call in self.callers.keys().copied().collect::<Vec<_>>() {
            self.tidy(call);
        }
    }
}

fn command(turn: &Turn, begun: u64) -> Option<Command> {
    let call = |back: u64| CallId(begun.saturating_sub(back));
    let user = |index: usize| USERS[index];
    let users = |some: &[usize]| some.iter().map(|index| USERS[*index]).collect();
    Some(match turn {
        Turn::SignOn(who, which) => Command::SignOn { user: user(*who), device: device(user(*who), *which) },
        Turn::SignOff(who, which) => Command::SignOff { device: device(user(*who), *which) },
        Turn::Cut(who, which) => Command::Cut { device: device(user(*who), *which) },
        Turn::Return(who, which) => Command::Return { device: device(user(*who), *which) },
        Turn::Disturb(who, off) => Command::SetDisturb { user: user(*who), off: *off },
        Turn::Engage(who, engaged) => Command::SetEngaged { user: user(*who), engaged: *engaged },
        Turn::Ring(who, which, some, into) => Command::Ring(Ring {
            call: CallId(begun + 1),
            caller: user(*who),
            device: device(user(*who), *which),
            callees: users(some),
            media: Media::Video,
            into_meeting: *into,
        }),
        Turn::Invite(back, who, some) => {
            Command::Invite { call: call(*back), by: user(*who), callees: users(some) }
        }
        Turn::Accept(back, who, which) => {
            Command::Accept { call: call(*back), user: user(*who), device: device(user(*who), *which) }
        }
        Turn::Decline(back, who, which) => {
            Command::Decline { call: call(*back), user: user(*who), device: device(user(*who), *which) }
        }
        Turn::HangUp(back, who) => Command::HangUp { call: call(*back), user: user(*who) },
        Turn::Arrived(back, who) => Command::Arrived { call: call(*back), user: user(*who) },
        Turn::Departed(back, who, lost) => {
            Command::Departed { call: call(*back), user: user(*who), lost: *lost }
        }
        Turn::Pass(_) => return None,
    })
}

/// The parts that the calls know of, as the model would have them.
fn parts(calls: &Calls) -> BTreeMap<(CallId, UserId), Part> {
    let part = |leg: &Leg| match leg.state {
        LegState::Calling => Some(Part::Calls),
        LegState::Ringing { until, .. } => Some(Part::Rung(until)),
        LegState::Joining { until } => Some(Part::Awaited(until)),
        LegState::In => Some(Part::In),
        LegState::Over(_) => None,
    };
    let legs = calls.calls().flat_map(|call| call.legs.iter().map(move |leg| (call.id, leg)));
    legs.filter_map(|(call, leg)| Some(((call, leg.user), part(leg)?))).collect()
}

/// What holds at any time.
fn check_rules(exchange: &Exchange) {
    let calls = &exchange.calls;
    for user in USERS {
        let legs = || calls.calls_of(user).filter_map(|call| call.leg(user));
        assert!(legs().filter(|leg| leg.is_ringing()).count() <= 1, "{user} is rung twice");
        assert!(legs().filter(|leg| leg.is_live()).count() <= 1, "{user} is in two calls");
    }
    for call in calls.calls() {
        assert!(call.ended.is_none() && !call.is_idle(), "{} goes on without anybody", call.id);
        for leg in call.legs.iter().filter(|leg| leg.is_ringing()) {
            let due = leg.due().expect("every ringing has a time limit");
            assert!(due > exchange.now && due <= exchange.now + Settings::default().ring_for);
        }
    }
    assert!(calls.poll_timeout().is_none_or(|due| due > exchange.now), "what is due was done");
}

/// What holds of all that was told.
fn check_history(events: &[Event]) {
    let mut ended = BTreeSet::new();
    let mut rung = BTreeSet::new();
    for event in events {
        match event {
            Event::Call { call } => {
                assert!(!ended.contains(&call.id), "{} is told after its end", call.id);
                if call.ended.is_some() {
                    assert!(call.legs.iter().all(Leg::is_over), "a part of {} outlives it", call.id);
                    assert!(rung.iter().all(|(one, _)| *one != call.id), "{} rings after its end", call.id);
                    ended.insert(call.id);
                }
            }
            Event::Rings { call, user } => {
                assert!(rung.insert((*call, *user)), "{user} is rung twice by {call}")
            }
            Event::Stops { call, user } => {
                assert!(rung.remove(&(*call, *user)), "{user} was not rung by {call}")
            }
            Event::Enters { call, .. } => {
                assert!(!ended.contains(call), "somebody enters {call} after its end")
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn calls_do_what_the_model_does(turns in turns()) {
        let mut exchange = Exchange::new();
        let mut model = Model::default();
        let mut begun = 0;
        for turn in &turns {
            match command(turn, begun) {
                Some(command) => {
                    begun += u64::from(matches!(turn, Turn::Ring(..)));
                    let allowed = model.does(turn, &command, exchange.now);
                    let outcome = exchange.ask(command);
                    prop_assert_eq!(outcome.is_ok(), allowed, "{:?}: {:?}", turn, outcome);
                }
                None => {
                    let Turn::Pass(seconds) = turn else { unreachable!() };
                    for _ in 0..*seconds {
                        exchange.pass(Duration::from_secs(1));
                        model.passes(exchange.now);
                    }
                }
            }
            let of_model: BTreeMap<_, _> = model.parts.iter().map(|(key, (part, _))| (*key, *part)).collect();
            prop_assert_eq!(parts(&exchange.calls), of_model, "after {:?}", turn);
            check_rules(&exchange);
        }
        exchange.pass(Duration::from_secs(120));
        check_history(&exchange.events);
        for call in exchange.calls.calls() {
            prop_assert!(call.legs.iter().all(|leg| !leg.is_ringing()), "rings for ever");
            prop_assert!(model.lives(call.id) || call.answered.is_some());
        }
    }
}
