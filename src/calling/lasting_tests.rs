//! Calls that outlive their caller, or the process: into a meeting, and interrupted. One question per test.

use super::tests::{ANN, BEN, CAT, Exchange, FIRST, device};
use super::*;

/// What a user may be rung into: Ann is in a meeting, and has rung Ben and Cat into it.
fn gathering() -> Exchange {
    let mut exchange = Exchange::online();
    exchange.ring_into(FIRST, ANN, &[BEN, CAT], true).unwrap();
    exchange
}

#[test]
fn who_rings_from_a_meeting_stays_there_and_only_the_others_enter() {
    let mut exchange = gathering();
    assert_eq!(exchange.state(FIRST, ANN), LegState::In);
    exchange.accept(FIRST, BEN).unwrap();
    let enters = exchange.events.iter().filter(|event| matches!(event, Event::Enters { .. }));
    assert_eq!(
        enters.collect::<Vec<_>>(),
        [&Event::Enters { call: FIRST, user: BEN, device: device(BEN, 0) }]
    );
}

#[test]
fn who_was_rung_into_a_meeting_stays_when_the_caller_leaves_and_the_call_ends_with_the_last_of_them() {
    let mut exchange = gathering();
    exchange.accept(FIRST, BEN).unwrap();
    exchange.arrive(FIRST, BEN);
    exchange.ask(Command::Departed { call: FIRST, user: ANN, lost: false }).unwrap();
    assert_eq!(exchange.state(FIRST, CAT), LegState::Over(LegEnd::Cancelled), "was rung for Ann");
    assert_eq!(exchange.state(FIRST, BEN), LegState::In);
    exchange.ask(Command::Departed { call: FIRST, user: BEN, lost: false }).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Finished);
}

#[test]
fn a_call_into_a_meeting_that_nobody_takes_is_over_and_says_how_it_was_taken() {
    let mut exchange = gathering();
    for user in [BEN, CAT] {
        exchange.ask(Command::Decline { call: FIRST, user, device: device(user, 0) }).unwrap();
    }
    assert_eq!(exchange.end(FIRST), CallEnd::Declined);
}

#[test]
fn who_sits_in_a_meeting_is_busy_signed_in_or_not() {
    let mut exchange = Exchange::online();
    exchange.ask(Command::SetEngaged { user: BEN, engaged: true }).unwrap();
    assert_eq!(exchange.calls.presence(BEN), Presence::Busy);
    exchange.ring_into(FIRST, ANN, &[BEN], false).unwrap();
    assert_eq!(exchange.end(FIRST), CallEnd::Busy);
    exchange.ask(Command::SignOff { device: device(BEN, 0) }).unwrap();
    assert_eq!(exchange.calls.presence(BEN), Presence::Busy);
    exchange.ask(Command::SetEngaged { user: BEN, engaged: false }).unwrap();
    assert_eq!(exchange.calls.presence(BEN), Presence::Offline);
}

/// The process stops, and starts again so much later; everybody has to sign in again.
fn interrupted(before: &Exchange, is_awaited: bool) -> Exchange {
    let mut after = Exchange::new();
    after.now = before.now + Duration::from_secs(60);
    let call = Call { interrupted: Some(before.now), ..before.calls.call(FIRST).unwrap().clone() };
    after.calls.restore(call, is_awaited, after.now);
    after.poll();
    after
}

#[test]
fn who_talked_is_awaited_after_a_restart_and_talks_on() {
    let mut exchange = interrupted(&Exchange::talking(), true);
    for user in [ANN, BEN] {
        assert!(matches!(exchange.state(FIRST, user), LegState::Joining { .. }));
        exchange.ask(Command::SignOn { user, device: device(user, 0) }).unwrap();
        assert_eq!(exchange.calls.presence(user), Presence::Busy);
        exchange.arrive(FIRST, user);
    }
    exchange.pass(Duration::from_secs(100));
    exchange.ask(Command::HangUp { call: FIRST, user: ANN }).unwrap();
    assert_eq!(exchange.told(FIRST).ended, Some((exchange.now, CallEnd::Finished)));
}

#[test]
fn a_call_to_which_nobody_comes_back_was_over_when_it_was_interrupted() {
    let before = Exchange::talking();
    let mut late = interrupted(&before, true);
    late.pass(Duration::from_secs(30));
    for exchange in [late, interrupted(&before, false)] {
        assert_eq!(exchange.told(FIRST).ended, Some((before.now, CallEnd::Lost)));
        assert_eq!(exchange.calls.presence(ANN), Presence::Offline);
        assert_eq!(exchange.calls.poll_timeout(), None);
    }
}

#[test]
fn nobody_is_rung_on_after_a_restart_and_whoever_was_has_missed_it() {
    let mut before = Exchange::online();
    before.ring_into(FIRST, ANN, &[BEN], false).unwrap();
    let after = interrupted(&before, true);
    assert_eq!((after.end(FIRST), after.missed()), (CallEnd::Lost, vec![BEN]));
    assert_eq!(after.calls.calls().count(), 0);
}
