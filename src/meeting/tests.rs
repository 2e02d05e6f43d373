//! One question per test: joining, tracks, roles, leaving, the table.

use std::time::{Duration, Instant};

use super::*;

/// Any instant will do: only differences count.
#[expect(clippy::disallowed_methods, reason = "an Instant cannot be made up; tests count from this one")]
pub(super) fn start() -> Instant {
    Instant::now()
}

pub(super) fn settings() -> Settings {
    Settings::new(MeetingName::new("den").unwrap())
}

fn meeting() -> (Meeting, Instant) {
    let now = start();
    (Meeting::new(settings(), now), now)
}

const ANN: ParticipantId = ParticipantId(1);
const BEN: ParticipantId = ParticipantId(2);

/// Somebody in a browser, as most are.
pub(super) fn join(participant: ParticipantId, role: Role) -> Join {
    let name = format!("name of {participant}");
    Join {
        participant,
        name,
        kind: ParticipantKind::Browser,
        role,
        password: None,
        custom_info: None,
        identity: None,
    }
}

fn code(result: Result<(), Refusal>) -> Code {
    result.unwrap_err().code
}

fn events(meeting: &mut Meeting) -> Vec<Event> {
    std::iter::from_fn(|| meeting.poll_event()).map(|numbered| numbered.event).collect()
}

fn on(participant: ParticipantId, source: Source) -> Command {
    Command::SetTrack { participant, source, state: TrackState::On }
}

#[test]
fn a_joiner_is_told_to_all_and_numbered_from_one() {
    let (mut meeting, now) = meeting();
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    let first = meeting.poll_event().unwrap();
    assert_eq!(first.seq, 1);
    let Event::Joined { participant } = first.event else { panic!("{first:?}") };
    assert_eq!((participant.id, participant.role), (ANN, Role::Host));
    assert_eq!(meeting.poll_event(), None);
    assert_eq!(
        meeting.snapshot(),
        Snapshot {
            seq: 1,
            participants: vec![participant],
            rights: Rights::default(),
            locked: false,
            lobby: false,
            schedule: Schedule::default(),
            attributes: BTreeMap::new(),
            polls: vec![],
        }
    );
}

#[test]
fn names_are_refused_when_empty_too_long_or_deceiving() {
    let (mut meeting, now) = meeting();
    let long = "é".repeat(NAME_CHARS_MAX + 1);
    for name in ["", "  ", "a\nb", "\u{202E}nimda", &long] {
        let join = Join { name: name.to_owned(), ..join(ANN, Role::Host) };
        assert_eq!(code(meeting.handle(Command::Join(join), now)), Code::InvalidParameter, "{name:?}");
    }
    let just = Join { name: "é".repeat(NAME_CHARS_MAX), ..join(ANN, Role::Host) };
    meeting.handle(Command::Join(just), now).unwrap();
}

#[test]
fn custom_info_is_shown_to_all_and_has_a_limit() {
    let (mut meeting, now) = meeting();
    let with = |bytes| Join { custom_info: Some("x".repeat(bytes)), ..join(ANN, Role::Host) };
    let refused = meeting.handle(Command::Join(with(CUSTOM_INFO_BYTES_MAX + 1)), now);
    assert_eq!(code(refused), Code::InvalidParameter);
    meeting.handle(Command::Join(with(CUSTOM_INFO_BYTES_MAX)), now).unwrap();
    assert!(meeting.snapshot().participants[0].custom_info.is_some());
}

#[test]
fn a_full_meeting_refuses_and_admits_again_when_somebody_has_left() {
    let now = start();
    let mut meeting = Meeting::new(Settings { max_participants: 1, ..settings() }, now);
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    let ben = || Command::Join(join(BEN, Role::Speaker));
    assert_eq!(code(meeting.handle(ben(), now)), Code::MeetingFull);
    let leave = Command::Leave { participant: ANN, reason: LeaveReason::Left };
    meeting.handle(leave, now).unwrap();
    meeting.handle(ben(), now).unwrap();
}

#[test]
fn the_password_is_asked_of_everybody_but_the_room() {
    let now = start();
    let password = Some(Password::new(&settings().name, "open sesame").unwrap());
    let mut meeting = Meeting::new(Settings { password, ..settings() }, now);
    let with = |password: Option<&str>| {
        Command::Join(Join { password: password.map(str::to_owned), ..join(ANN, Role::Host) })
    };
    let far_too_long = "x".repeat(1 << 20);
    for wrong in [None, Some(""), Some("open"), Some("open sesame "), Some(&*far_too_long)] {
        assert_eq!(code(meeting.handle(with(wrong), now)), Code::WrongPassword);
    }
    meeting.handle(with(Some("open sesame")), now).unwrap();
    let room = Join { kind: ParticipantKind::Room, ..join(BEN, Role::Speaker) };
    meeting.handle(Command::Join(room), now).unwrap();
    assert!(!format!("{meeting:?}").contains("sesame"));
}

#[test]
fn the_audience_sends_nothing() {
    let (mut meeting, now) = meeting();
    meeting.handle(Command::Join(join(ANN, Role::Audience)), now).unwrap();
    for state in [TrackState::On, TrackState::Muted] {
        let command = Command::SetTrack { participant: ANN, source: Source::Microphone, state };
        assert_eq!(code(meeting.handle(command, now)), Code::NotPermitted);
    }
}

#[test]
fn a_meeting_of_sound_alone_takes_no_pictures() {
    let now = start();
    let mut meeting = Meeting::new(Settings { mode: Mode::Audio, ..settings() }, now);
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    for source in [Source::Camera, Source::Screen] {
        assert_eq!(code(meeting.handle(on(ANN, source), now)), Code::UnsupportedMode);
    }
    meeting.handle(on(ANN, Source::Microphone), now).unwrap();
}

#[test]
fn a_second_track_of_a_source_is_refused_and_muting_is_told_once() {
    let (mut meeting, now) = meeting();
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    meeting.handle(on(ANN, Source::Camera), now).unwrap();
    assert_eq!(code(meeting.handle(on(ANN, Source::Camera), now)), Code::TrackIdTaken);
    events(&mut meeting);
    for state in [TrackState::Muted, TrackState::Muted, TrackState::On, TrackState::Off, TrackState::Off] {
        let command = Command::SetTrack { participant: ANN, source: Source::Camera, state };
        meeting.handle(command, now).unwrap();
    }
    let told = [TrackState::Muted, TrackState::On, TrackState::Off].map(|state| Event::Track {
        participant: ANN,
        source: Source::Camera,
        state,
    });
    assert_eq!(events(&mut meeting), told);
}

#[test]
fn who_is_made_audience_stops_sending_first() {
    let (mut meeting, now) = meeting();
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    meeting.handle(Command::Join(join(BEN, Role::Speaker)), now).unwrap();
    meeting.handle(on(BEN, Source::Microphone), now).unwrap();
    events(&mut meeting);
    meeting
        .handle(Command::SetRole { by: By::Participant(ANN), participant: BEN, role: Role::Audience }, now)
        .unwrap();
    let off = Event::Track { participant: BEN, source: Source::Microphone, state: TrackState::Off };
    assert_eq!(events(&mut meeting), [off, Event::Role { participant: BEN, role: Role::Audience }]);
}

#[test]
fn roles_are_changed_by_hosts_and_within_bounds_by_cohosts() {
    let (mut meeting, now) = meeting();
    let cat = ParticipantId(3);
    for (id, role) in [(ANN, Role::Host), (BEN, Role::Cohost), (cat, Role::Speaker)] {
        meeting.handle(Command::Join(join(id, role)), now).unwrap();
    }
    let turn = |by, participant, role| Command::SetRole { by: By::Participant(by), participant, role };
    for forbidden in [turn(cat, cat, Role::Host), turn(BEN, cat, Role::Host), turn(BEN, ANN, Role::Speaker)] {
        assert_eq!(code(meeting.handle(forbidden, now)), Code::NotPermitted);
    }
    meeting.handle(turn(BEN, cat, Role::Cohost), now).unwrap();
    meeting.handle(turn(ANN, cat, Role::Host), now).unwrap();
}

#[test]
fn only_a_host_or_the_administrator_ends_it_for_all() {
    for by in [By::Participant(ANN), By::Administrator] {
        let (mut meeting, now) = meeting();
        meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
        meeting.handle(Command::Join(join(BEN, Role::Cohost)), now).unwrap();
        assert_eq!(code(meeting.handle(Command::End { by: By::Participant(BEN) }, now)), Code::NotPermitted);
        meeting.handle(Command::End { by }, now).unwrap();
        assert!(meeting.is_over());
        assert_eq!(events(&mut meeting).last(), Some(&Event::Ended));
        assert_eq!(meeting.participants().len(), 0);
        assert_eq!(code(meeting.handle(Command::Join(join(ANN, Role::Host)), now)), Code::MeetingNotFound);
        assert_eq!(meeting.poll_timeout(), None);
    }
}

#[test]
fn who_is_cut_may_return_in_time_and_is_gone_thereafter() {
    let (mut meeting, now) = meeting();
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    meeting.handle(Command::Cut { participant: ANN }, now).unwrap();
    let deadline = now + AWAY_TIMEOUT;
    assert_eq!(meeting.poll_timeout(), Some(deadline));
    meeting.handle_timeout(deadline - Duration::from_millis(1));
    meeting.handle(Command::Return { participant: ANN }, now).unwrap();
    assert_eq!(meeting.poll_timeout(), None);
    meeting.handle(Command::Cut { participant: ANN }, now).unwrap();
    // A second cut of the same socket does not prolong the wait.
    meeting.handle(Command::Cut { participant: ANN }, now + Duration::from_secs(9)).unwrap();
    meeting.handle_timeout(deadline);
    let gone = Event::Left { participant: ANN, reason: LeaveReason::Timeout };
    assert_eq!(events(&mut meeting).last(), Some(&gone));
    assert_eq!(code(meeting.handle(Command::Return { participant: ANN }, now)), Code::PeerLost);
}

#[test]
fn who_has_closed_the_page_is_soon_gone_by_having_left_unless_it_was_loaded_anew() {
    let (mut meeting, now) = meeting();
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    meeting.handle(Command::StepOut { participant: ANN }, now).unwrap();
    let away = Event::Presence { participant: ANN, presence: Presence::Away };
    assert_eq!(events(&mut meeting).last(), Some(&away));
    meeting.handle(Command::Return { participant: ANN }, now).unwrap();
    assert_eq!(meeting.poll_timeout(), None);
    // The socket may notice before the word is here.
    meeting.handle(Command::Cut { participant: ANN }, now).unwrap();
    meeting.handle(Command::StepOut { participant: ANN }, now).unwrap();
    meeting.handle(Command::Cut { participant: ANN }, now).unwrap();
    assert_eq!(meeting.poll_timeout(), Some(now + RETURN_WITHIN));
    meeting.handle_timeout(now + RETURN_WITHIN);
    let gone = Event::Left { participant: ANN, reason: LeaveReason::Left };
    assert_eq!(events(&mut meeting).last(), Some(&gone));
}

#[test]
fn a_page_that_is_loaded_anew_takes_its_own_place_whatever_the_meeting_says_of_doubles_and_locks() {
    for same_person in [SamePerson::Replaces, SamePerson::IsRefused, SamePerson::IsTwice] {
        let now = start();
        let mut meeting = Meeting::new(Settings { same_person, ..settings() }, now);
        let known = |id, role| Join { identity: Some("ann".to_owned()), ..join(id, role) };
        meeting.handle(Command::Join(known(ANN, Role::Speaker)), now).unwrap();
        let by = By::Administrator;
        meeting.handle(Command::SetRole { by, participant: ANN, role: Role::Cohost }, now).unwrap();
        meeting.handle(Command::Lock { by, locked: true }, now).unwrap();
        meeting.handle(Command::StepOut { participant: ANN }, now).unwrap();
        meeting.handle(Command::Join(known(BEN, Role::Speaker)), now).unwrap();
        let gone = Event::Left { participant: ANN, reason: LeaveReason::Replaced };
        assert_eq!(events(&mut meeting).last(), Some(&gone));
        assert_eq!(meeting.participant(BEN).map(|ben| ben.role), Some(Role::Cohost), "what it was");
        assert_eq!(meeting.poll_timeout(), None);
    }
}

#[test]
fn an_empty_meeting_ends_after_a_while_unless_it_is_standing() {
    let (mut meeting, now) = meeting();
    assert_eq!(meeting.poll_timeout(), Some(now + IDLE_TIMEOUT), "nobody ever came");
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    let later = now + Duration::from_hours(9);
    meeting.handle_timeout(later);
    assert!(!meeting.is_over());
    meeting.handle(Command::Leave { participant: ANN, reason: LeaveReason::Left }, later).unwrap();
    assert_eq!(meeting.poll_timeout(), Some(later + IDLE_TIMEOUT));
    meeting.handle_timeout(later + IDLE_TIMEOUT);
    assert!(meeting.is_over());

    let mut standing = Meeting::new(Settings { standing: true, ..settings() }, now);
    standing.handle_timeout(later);
    assert!(!standing.is_over());
    assert_eq!(standing.poll_timeout(), None);
}

#[test]
fn who_missed_too_much_needs_a_snapshot() {
    let (mut meeting, now) = meeting();
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    for turn in 0..DELTAS_MAX {
        let state = if turn % 2 == 0 { TrackState::On } else { TrackState::Off };
        let command = Command::SetTrack { participant: ANN, source: Source::Camera, state };
        meeting.handle(command, now).unwrap();
        while meeting.poll_event().is_some() {}
    }
    let last = meeting.snapshot().seq;
    assert_eq!(last, DELTAS_MAX as u64 + 1);
    assert_eq!(meeting.events_since(0), None, "the first was dropped");
    assert_eq!(meeting.events_since(1).unwrap().len(), DELTAS_MAX);
    assert_eq!(meeting.events_since(last), Some(vec![]));
    assert_eq!(meeting.events_since(last + 1), None, "never was");
    assert_eq!(meeting.events_since(u64::MAX), None);
}

#[test]
fn events_that_nobody_polls_make_it_refuse_rather_than_grow() {
    let (mut meeting, now) = meeting();
    meeting.handle(Command::Join(join(ANN, Role::Host)), now).unwrap();
    let mut flip = (0..).map(|turn| if turn % 2 == 0 { TrackState::On } else { TrackState::Off });
    let refused = std::iter::repeat_with(|| {
        let state = flip.next().unwrap();
        meeting.handle(Command::SetTrack { participant: ANN, source: Source::Camera, state }, now)
    })
    .find_map(Result::err)
    .unwrap();
    assert_eq!(refused.code, Code::Busy);
    assert_eq!(events(&mut meeting).len(), UNPOLLED_MAX, "and none of them is lost");
}

#[test]
fn names_of_meetings_are_unique_while_they_live() {
    let now = start();
    let mut table = Meetings::default();
    table.create(settings(), now).unwrap();
    assert_eq!(table.create(settings(), now).unwrap_err().code, Code::MeetingExists);
    table.get_mut("den").unwrap().handle(Command::End { by: By::Administrator }, now).unwrap();
    assert_eq!(table.get("den").unwrap_err().code, Code::MeetingNotFound);
    assert!(table.take_over().is_none(), "its end was not told yet");
    table.iter_mut().for_each(|meeting| while meeting.poll_event().is_some() {});
    assert_eq!(table.take_over().unwrap().name().as_str(), "den");
    table.create(settings(), now).unwrap();
    table.get_mut("den").unwrap().handle(Command::End { by: By::Administrator }, now).unwrap();
    table.create(settings(), now).unwrap();
    assert_eq!(table.living(), 1);
    assert_eq!(table.poll_timeout(), Some(now + IDLE_TIMEOUT));
    table.handle_timeout(now + IDLE_TIMEOUT);
    assert_eq!(table.living(), 0);
}

#[test]
fn names_of_meetings_can_stand_in_an_address() {
    for good in ["a", "room-7.b_2", &"x".repeat(MEETING_NAME_CHARS_MAX)] {
        MeetingName::new(good).unwrap();
    }
    for bad in ["", "A", "ä", "a b", "a/b", ".", "..", "%2e", &"x".repeat(MEETING_NAME_CHARS_MAX + 1)] {
        assert_eq!(MeetingName::new(bad).unwrap_err().code, Code::InvalidParameter, "{bad:?}");
    }
}

#[test]
fn the_nearest_name_is_always_a_name() {
    let long = "Ä long name ".repeat(20);
    let pairs =
        [("Board Room 2", "board-room-2"), ("  Küche (OG) ", "k-che-og"), ("会议室", "room"), ("", "room")];
    for (text, name) in pairs {
        assert_eq!(MeetingName::nearest(text).as_str(), name);
    }
    for text in [&*long, "..", "a/../b"] {
        MeetingName::new(MeetingName::nearest(text).as_str()).unwrap();
    }
}

#[test]
fn one_meeting_too_many_or_too_large_is_refused() {
    let now = start();
    let mut table = Meetings::default();
    let large = Settings { max_participants: PARTICIPANTS_MAX + 1, ..settings() };
    assert_eq!(table.create(large, now).unwrap_err().code, Code::InvalidParameter);
    for number in 0..MEETINGS_MAX {
        table.create(Settings::new(MeetingName::new(format!("m{number}")).unwrap()), now).unwrap();
    }
    assert_eq!(table.create(settings(), now).unwrap_err().code, Code::Busy);
}
