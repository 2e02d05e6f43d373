//! Who waits, who is let in, and who is host when the host has gone. One question per test.

use std::time::{Duration, Instant};

use super::tests::join;
use super::*;

const HOST: ParticipantId = ParticipantId(1);
const ANN: ParticipantId = ParticipantId(2);
const BEN: ParticipantId = ParticipantId(3);
const CAT: ParticipantId = ParticipantId(4);

struct Hall {
    meeting: Meeting,
    now: Instant,
    events: Vec<Event>,
}

impl Hall {
    #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made up; tests count from this one")]
    fn new(settings: impl FnOnce(&mut Settings)) -> Self {
        let now = Instant::now();
        let mut its = Settings::new(MeetingName::new("hall").unwrap());
        settings(&mut its);
        Self { meeting: Meeting::new(its, now), now, events: Vec::new() }
    }

    fn with_lobby() -> Self {
        let mut hall = Self::new(|settings| settings.has_lobby = true);
        hall.join(HOST, Role::Host);
        hall
    }

    fn enter(&mut self, id: ParticipantId, role: Role, identity: Option<&str>) -> Result<(), Refusal> {
        let identity = identity.map(str::to_owned);
        self.ask(Command::Join(Join { identity, ..join(id, role) }))
    }

    fn join(&mut self, id: ParticipantId, role: Role) {
        self.enter(id, role, None).unwrap();
    }

    fn ask(&mut self, command: Command) -> Result<(), Refusal> {
        let outcome = self.meeting.handle(command, self.now);
        self.poll();
        outcome
    }

    fn poll(&mut self) {
        while let Some(numbered) = self.meeting.poll_event() {
            self.events.push(numbered.event);
        }
    }

    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while let Some(due) = self.meeting.poll_timeout().filter(|due| *due <= until) {
            self.now = due;
            self.meeting.handle_timeout(due);
            self.poll();
        }
        self.now = until;
    }

    fn leave(&mut self, id: ParticipantId) {
        self.ask(Command::Leave { participant: id, reason: LeaveReason::Left }).unwrap();
    }

    fn waits_for(&self, id: ParticipantId) -> Option<WaitsFor> {
        self.meeting.waits_for(id, self.now)
    }

    fn is_in(&self, id: ParticipantId) -> bool {
        self.meeting.participant(id).is_some()
    }

    fn role(&self, id: ParticipantId) -> Role {
        self.meeting.participant(id).unwrap().role
    }

    fn hosts(&self) -> Vec<ParticipantId> {
        self.meeting.participants().filter(|one| one.role == Role::Host).map(|one| one.id).collect()
    }

    /// The last list of those who wait that was told, and to whom.
    fn told(&mut self) -> Option<(Vec<ParticipantId>, Vec<ParticipantId>)> {
        let notes = std::iter::from_fn(|| self.meeting.poll_note());
        notes
            .filter_map(|(to, note)| match note {
                Note::Waiting { guests } => Some((to, guests.into_iter().map(|guest| guest.id).collect())),
                _ => None,
            })
            .last()
    }
}

const BY_HOST: By = By::Participant(HOST);

fn admit(participant: Option<ParticipantId>) -> Command {
    Command::Admit { by: BY_HOST, participant }
}

#[test]
fn with_a_lobby_newcomers_wait_until_a_host_lets_them_in() {
    let mut hall = Hall::with_lobby();
    hall.join(ANN, Role::Speaker);
    hall.join(BEN, Role::Audience);
    assert!(!hall.is_in(ANN) && !hall.is_in(BEN));
    assert_eq!(hall.waits_for(ANN), Some(WaitsFor::Admission));
    assert_eq!(hall.told(), Some((vec![HOST], vec![ANN, BEN])));
    hall.ask(admit(Some(BEN))).unwrap();
    assert!(!hall.is_in(ANN) && hall.is_in(BEN));
    assert_eq!(hall.role(BEN), Role::Audience, "what the token says");
    assert_eq!(hall.told(), Some((vec![HOST], vec![ANN])));
    hall.ask(admit(None)).unwrap();
    assert!(hall.is_in(ANN) && hall.waits_for(ANN).is_none());
}

#[test]
fn hosts_and_the_room_do_not_wait() {
    let mut hall = Hall::with_lobby();
    hall.join(ANN, Role::Cohost);
    assert!(hall.is_in(ANN));
    let room = Join { kind: ParticipantKind::Room, ..join(BEN, Role::Speaker) };
    hall.ask(Command::Join(room)).unwrap();
    assert!(hall.is_in(BEN));
}

#[test]
fn only_hosts_let_people_in_or_send_them_away() {
    let mut hall = Hall::new(|_| ());
    hall.join(HOST, Role::Host);
    hall.join(ANN, Role::Speaker);
    hall.ask(Command::SetLobby { by: BY_HOST, on: true }).unwrap();
    hall.join(BEN, Role::Speaker);
    let by = By::Participant(ANN);
    for command in [
        Command::Admit { by, participant: Some(BEN) },
        Command::Admit { by, participant: None },
        Command::Deny { by, participant: BEN },
        Command::SetLobby { by, on: false },
        Command::SendBack { by, participant: HOST },
    ] {
        assert_eq!(hall.ask(command).unwrap_err().code, Code::NotPermitted);
    }
    hall.ask(Command::Deny { by: BY_HOST, participant: BEN }).unwrap();
    assert!(!hall.is_in(BEN) && hall.waits_for(BEN).is_none());
    assert_eq!(hall.ask(admit(Some(BEN))).unwrap_err().code, Code::PeerLost);
}

#[test]
fn whoever_stops_waiting_is_forgotten() {
    let mut hall = Hall::with_lobby();
    hall.join(ANN, Role::Speaker);
    hall.leave(ANN);
    assert_eq!(hall.told(), Some((vec![HOST], vec![])));
    assert!(hall.events.iter().all(|event| !matches!(event, Event::Left { .. })), "nobody was in");
}

#[test]
fn closing_the_lobby_lets_in_those_who_wait() {
    let mut hall = Hall::with_lobby();
    hall.join(ANN, Role::Speaker);
    hall.ask(Command::SetLobby { by: BY_HOST, on: false }).unwrap();
    assert!(hall.is_in(ANN));
    assert!(hall.events.contains(&Event::Lobby { on: false }));
}

#[test]
fn as_many_are_let_in_as_there_is_room_for() {
    let mut hall = Hall::new(|settings| (settings.has_lobby, settings.max_participants) = (true, 2));
    hall.join(HOST, Role::Host);
    hall.join(ANN, Role::Speaker);
    hall.join(BEN, Role::Speaker);
    hall.ask(admit(None)).unwrap();
    assert!(hall.is_in(ANN) && !hall.is_in(BEN));
    assert_eq!(hall.ask(admit(Some(BEN))).unwrap_err().code, Code::MeetingFull);
    assert!(hall.waits_for(BEN).is_some(), "goes on waiting");
}

#[test]
fn more_than_a_hundred_do_not_wait() {
    let mut hall = Hall::with_lobby();
    for id in 0..WAITING_MAX as u64 {
        hall.join(ParticipantId(10 + id), Role::Speaker);
    }
    assert_eq!(hall.enter(ParticipantId(1000), Role::Speaker, None).unwrap_err().code, Code::Busy);
}

#[test]
fn somebody_sent_back_may_join_again_and_waits() {
    let mut hall = Hall::new(|_| ());
    hall.join(HOST, Role::Host);
    hall.join(ANN, Role::Speaker);
    hall.ask(Command::SendBack { by: BY_HOST, participant: ANN }).unwrap();
    let expected = [
        Event::Lobby { on: true },
        Event::SentBack { participant: ANN },
        Event::Left { participant: ANN, reason: LeaveReason::Kicked },
    ];
    assert!(hall.events.ends_with(&expected), "{:?}", hall.events);
    hall.join(BEN, Role::Speaker);
    assert!(hall.waits_for(BEN).is_some());
}

#[test]
fn a_meeting_that_waits_for_its_host_begins_when_one_comes() {
    let mut hall = Hall::new(|settings| settings.waits_for_host = true);
    hall.join(ANN, Role::Speaker);
    assert_eq!(hall.waits_for(ANN), Some(WaitsFor::Host));
    hall.join(HOST, Role::Host);
    assert!(hall.is_in(ANN));
    hall.join(BEN, Role::Speaker);
    assert!(hall.is_in(BEN));
}

#[test]
fn with_both_a_host_lets_in_those_who_waited_for_one() {
    let mut hall = Hall::new(|settings| (settings.has_lobby, settings.waits_for_host) = (true, true));
    hall.join(ANN, Role::Speaker);
    assert_eq!(hall.waits_for(ANN), Some(WaitsFor::Host));
    hall.join(HOST, Role::Host);
    assert_eq!(hall.waits_for(ANN), Some(WaitsFor::Admission));
}

#[test]
fn nobody_waits_for_a_meeting_that_is_over() {
    let mut hall = Hall::with_lobby();
    hall.join(ANN, Role::Speaker);
    hall.ask(Command::End { by: By::Administrator }).unwrap();
    assert_eq!(hall.waits_for(ANN), None);
}

#[test]
fn a_cohost_stands_in_for_a_host_that_has_gone_and_else_the_longest_present() {
    for (cohost, heir) in [(true, BEN), (false, ANN)] {
        let mut hall = Hall::new(|_| ());
        hall.join(HOST, Role::Host);
        hall.join(ANN, Role::Speaker);
        hall.join(BEN, if cohost { Role::Cohost } else { Role::Speaker });
        hall.leave(HOST);
        hall.pass(HOST_GRACE - Duration::from_millis(1));
        assert_eq!(hall.hosts(), []);
        hall.pass(Duration::from_millis(1));
        assert_eq!(hall.hosts(), [heir]);
    }
}

#[test]
fn a_host_that_comes_back_is_host_again_and_whoever_stood_in_is_what_they_were() {
    let mut hall = Hall::new(|_| ());
    hall.enter(HOST, Role::Speaker, Some("made host")).unwrap();
    hall.ask(Command::SetRole { by: By::Administrator, participant: HOST, role: Role::Host }).unwrap();
    hall.join(ANN, Role::Speaker);
    hall.leave(HOST);
    hall.pass(HOST_GRACE);
    assert_eq!(hall.role(ANN), Role::Host);
    hall.enter(CAT, Role::Speaker, Some("made host")).unwrap();
    assert_eq!((hall.role(CAT), hall.role(ANN)), (Role::Host, Role::Speaker));
}

#[test]
fn a_host_that_is_back_in_time_is_missed_by_nobody() {
    let mut hall = Hall::new(|_| ());
    hall.enter(HOST, Role::Host, Some("host")).unwrap();
    hall.join(ANN, Role::Speaker);
    hall.leave(HOST);
    hall.pass(HOST_GRACE / 2);
    hall.enter(BEN, Role::Speaker, Some("host")).unwrap();
    hall.pass(HOST_GRACE * 2);
    assert_eq!(hall.hosts(), [BEN]);
}

#[test]
fn whoever_was_made_host_meanwhile_stays_it() {
    let mut hall = Hall::new(|_| ());
    hall.join(HOST, Role::Host);
    hall.join(ANN, Role::Speaker);
    hall.leave(HOST);
    hall.pass(HOST_GRACE);
    hall.ask(Command::SetRole { by: By::Administrator, participant: ANN, role: Role::Host }).unwrap();
    hall.join(BEN, Role::Host);
    assert_eq!(hall.hosts(), [ANN, BEN]);
}

#[test]
fn a_meeting_that_never_had_a_host_gets_none_by_itself() {
    let mut hall = Hall::new(|_| ());
    hall.join(ANN, Role::Speaker);
    hall.pass(HOST_GRACE * 3);
    assert_eq!(hall.hosts(), []);
}

#[test]
fn who_comes_after_the_last_has_left_finds_nothing_of_theirs() {
    let mut hall = Hall::new(|settings| settings.standing = true);
    hall.enter(HOST, Role::Host, Some("host")).unwrap();
    hall.ask(Command::SetLobby { by: BY_HOST, on: true }).unwrap();
    hall.leave(HOST);
    assert!(hall.meeting.is_over(), "the room opens its standing meeting anew");
}
