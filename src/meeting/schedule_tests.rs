//! Meetings that are planned ahead, and meetings that go on after a restart. One question per test.

use std::time::{Duration, Instant};

use super::tests::{join, settings, start};
use super::*;

const ANN: ParticipantId = ParticipantId(1);
const BEN: ParticipantId = ParticipantId(2);
const CAT: ParticipantId = ParticipantId(3);
const HOUR: Duration = Duration::from_hours(1);

fn moment(now: Instant, after: Duration) -> Option<Moment> {
    Some(Moment { at: now + after, unix: HOUR * 1000 + after })
}

fn planned(schedule: impl FnOnce(Instant, &mut Schedule)) -> (Meeting, Instant) {
    let now = start();
    let mut settings = settings();
    schedule(now, &mut settings.schedule);
    (Meeting::new(settings, now), now)
}

fn enter(meeting: &mut Meeting, id: ParticipantId, role: Role, now: Instant) {
    meeting.handle(Command::Join(join(id, role)), now).unwrap();
}

#[test]
fn before_it_opens_hosts_come_in_and_the_others_wait() {
    let (mut meeting, now) = planned(|now, schedule| schedule.not_before = moment(now, HOUR));
    enter(&mut meeting, ANN, Role::Host, now);
    enter(&mut meeting, BEN, Role::Speaker, now);
    assert!(meeting.participant(ANN).is_some());
    assert_eq!(meeting.waits_for(BEN, now), Some(WaitsFor::Opening));
    assert_eq!(meeting.poll_timeout(), Some(now + HOUR));
    meeting.handle_timeout(now + HOUR);
    assert!(meeting.participant(BEN).is_some());
    assert_eq!(meeting.poll_timeout(), None);
}

#[test]
fn who_waits_comes_in_earlier_when_the_meeting_is_put_forward() {
    let (mut meeting, now) = planned(|now, schedule| schedule.not_before = moment(now, HOUR));
    enter(&mut meeting, BEN, Role::Speaker, now);
    let command = Command::Reschedule { by: By::Administrator, schedule: Schedule::default() };
    meeting.handle(command, now).unwrap();
    assert!(meeting.participant(BEN).is_some());
}

#[test]
fn a_planned_meeting_is_not_idle_before_it_starts() {
    let (mut meeting, now) = planned(|now, schedule| schedule.starts_at = moment(now, HOUR * 20));
    assert_eq!(meeting.poll_timeout(), Some(now + HOUR * 20 + IDLE_TIMEOUT));
    meeting.handle_timeout(now + HOUR * 20);
    assert!(!meeting.is_over());
    meeting.handle_timeout(now + HOUR * 20 + IDLE_TIMEOUT);
    assert!(meeting.is_over());
}

#[test]
fn until_its_end_it_may_stand_empty_and_then_it_is_over_for_all() {
    let (mut meeting, now) = planned(|now, schedule| schedule.ends_at = moment(now, HOUR * 2));
    meeting.handle_timeout(now + HOUR);
    assert!(!meeting.is_over());
    enter(&mut meeting, ANN, Role::Host, now + HOUR);
    assert_eq!(meeting.poll_timeout(), Some(now + HOUR * 2));
    meeting.handle_timeout(now + HOUR * 2);
    assert!(meeting.is_over());
    assert_eq!(meeting.poll_timeout(), None);
}

#[test]
fn a_host_lengthens_the_meeting_and_all_are_told() {
    let (mut meeting, now) = planned(|now, schedule| schedule.ends_at = moment(now, HOUR));
    enter(&mut meeting, ANN, Role::Host, now);
    enter(&mut meeting, BEN, Role::Speaker, now);
    while meeting.poll_event().is_some() {}
    let schedule = Schedule { ends_at: moment(now, HOUR * 2), ..Schedule::default() };
    let ask = |by| Command::Reschedule { by: By::Participant(by), schedule };
    assert_eq!(meeting.handle(ask(BEN), now).unwrap_err().code, Code::NotPermitted);
    meeting.handle(ask(ANN), now).unwrap();
    assert_eq!(meeting.poll_event().unwrap().event, Event::Rescheduled { schedule });
    assert_eq!(meeting.poll_timeout(), Some(now + HOUR * 2));
}

#[test]
fn a_clock_that_was_set_moves_the_end_and_nobody_is_told() {
    let (mut meeting, now) = planned(|now, schedule| schedule.ends_at = moment(now, HOUR));
    meeting.follow_clock(|unix| Moment { at: now + HOUR / 2, unix }, now);
    assert_eq!(meeting.poll_event(), None);
    assert_eq!(meeting.poll_timeout(), Some(now + HOUR / 2));
}

#[test]
fn times_out_of_order_are_refused() {
    let (mut meeting, now) = planned(|_, _| ());
    let (one, two) = (moment(now, HOUR), moment(now, HOUR * 2));
    let wrong = [
        Schedule { starts_at: two, ends_at: one, not_before: None },
        Schedule { starts_at: None, ends_at: one, not_before: two },
        Schedule { starts_at: None, ends_at: moment(now, Duration::ZERO), not_before: None },
    ];
    for schedule in wrong {
        let refused = meeting.handle(Command::Reschedule { by: By::Administrator, schedule }, now);
        assert_eq!(refused.unwrap_err().code, Code::InvalidParameter);
    }
}

#[test]
fn after_a_restart_what_was_decided_and_said_is_still_there() {
    let (mut meeting, now) = planned(|_, _| ());
    let known = |id, role, who: &str| Join { identity: Some(who.to_owned()), ..join(id, role) };
    meeting.handle(Command::Join(known(ANN, Role::Host, "ann")), now).unwrap();
    meeting.handle(Command::Join(known(BEN, Role::Speaker, "ben")), now).unwrap();
    let by = By::Participant(ANN);
    meeting.handle(Command::Lock { by, locked: true }, now).unwrap();
    let (at, to) = (Duration::from_secs(9), Audience::One(BEN));
    meeting.handle(Command::Chat { participant: ANN, to, text: "psst".to_owned(), at }, now).unwrap();
    let chat = meeting.chat_for(ANN, 0);

    let kept = Kept { state: meeting.state(), chat, polls: vec![], known: meeting.known.clone() };
    let mut again = Meeting::restore(settings(), kept, now);
    assert_eq!(again.state(), meeting.state());
    let refused = again.handle(Command::Join(known(CAT, Role::Speaker, "cat")), now);
    assert_eq!(refused.unwrap_err().code, Code::MeetingLocked);
    again.handle(Command::Lock { by: By::Administrator, locked: false }, now).unwrap();
    again.handle(Command::Join(known(CAT, Role::Speaker, "cat")), now).unwrap();
    again.handle(Command::Join(known(ParticipantId(4), Role::Speaker, "ben")), now).unwrap();
    assert_eq!(again.chat_for(ParticipantId(4), 0).len(), 1, "Ben may still read it");
    assert_eq!(again.chat_for(CAT, 0).len(), 0);
    let at = Duration::from_secs(10);
    let more = Command::Chat { participant: CAT, to: Audience::All, text: "hi".to_owned(), at };
    again.handle(more, now).unwrap();
    assert_eq!(again.chat_for(CAT, 0)[0].id, 2, "numbers go on");
}

#[test]
fn a_standing_meeting_to_which_nobody_comes_back_is_wiped() {
    let now = start();
    let settings = Settings { standing: true, ..settings() };
    let kept = Kept { state: State { was_occupied: true, ..State::default() }, ..Kept::default() };
    let mut meeting = Meeting::restore(settings, kept, now);
    assert_eq!(meeting.poll_timeout(), Some(now + IDLE_TIMEOUT));
    meeting.handle_timeout(now + IDLE_TIMEOUT);
    assert!(meeting.is_over());
}
