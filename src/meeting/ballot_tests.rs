//! Polls, messages, attributes, and the same person twice. One question per test.

use std::collections::BTreeSet;
use std::time::Instant;

use super::tests::{join, settings, start};
use super::*;

const ANN: ParticipantId = ParticipantId(1);
const BEN: ParticipantId = ParticipantId(2);
const CAT: ParticipantId = ParticipantId(3);
const BEN_AGAIN: ParticipantId = ParticipantId(4);
const BY_ANN: By = By::Participant(ANN);
const POLL: PollId = PollId(1);

/// Ann is host, Ben speaker, Cat in the audience.
struct Hall {
    meeting: Meeting,
    now: Instant,
}

impl Hall {
    fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = settings();
        change(&mut settings);
        let now = start();
        let mut hall = Self { meeting: Meeting::new(settings, now), now };
        for (id, role, identity) in
            [(ANN, Role::Host, "ann"), (BEN, Role::Speaker, "ben"), (CAT, Role::Audience, "cat")]
        {
            hall.enter(id, role, identity).unwrap();
        }
        hall
    }

    fn enter(&mut self, id: ParticipantId, role: Role, identity: &str) -> Result<(), Refusal> {
        self.ask(Command::Join(Join { identity: Some(identity.to_owned()), ..join(id, role) }))
    }

    fn ask(&mut self, command: Command) -> Result<(), Refusal> {
        self.meeting.handle(command, self.now)
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.meeting.poll_event()).map(|numbered| numbered.event).collect()
    }

    fn open(&mut self, change: impl FnOnce(&mut Question)) {
        let mut question = question();
        change(&mut question);
        self.ask(Command::DraftPoll { by: BY_ANN, poll: None, question }).unwrap();
        self.ask(Command::OpenPoll { by: BY_ANN, poll: POLL }).unwrap();
        self.events();
    }

    fn vote(&mut self, participant: ParticipantId, choices: &[u8]) -> Result<(), Refusal> {
        self.ask(Command::Vote { participant, poll: POLL, choices: choices.iter().copied().collect() })
    }

    fn counts(&self) -> Vec<u32> {
        self.meeting.poll(POLL).unwrap().counts.clone()
    }
}

fn question() -> Question {
    let options = ["Monday", "Tuesday", "never"].map(str::to_owned).to_vec();
    let text = "When?".to_owned();
    Question { text, options, is_multiple: false, is_anonymous: false, is_hidden: false }
}

#[test]
fn a_draft_is_known_to_hosts_alone_until_it_is_opened() {
    let mut hall = Hall::new(|_| ());
    hall.events();
    while hall.meeting.poll_note().is_some() {}
    hall.ask(Command::DraftPoll { by: BY_ANN, poll: None, question: question() }).unwrap();
    assert_eq!(hall.events(), []);
    assert_eq!(hall.meeting.poll_note(), Some((vec![ANN], Note::Drafts)));
    assert_eq!(hall.vote(BEN, &[0]).unwrap_err().code, Code::InvalidParameter);
    hall.ask(Command::OpenPoll { by: BY_ANN, poll: POLL }).unwrap();
    let [Event::Poll { poll }] = &hall.events()[..] else { panic!("everybody is told") };
    assert_eq!((poll.id, poll.state), (POLL, PollState::Open));
}

#[test]
fn only_hosts_draft_open_close_and_discard() {
    let mut hall = Hall::new(|_| ());
    let by = By::Participant(BEN);
    hall.ask(Command::DraftPoll { by: BY_ANN, poll: None, question: question() }).unwrap();
    for command in [
        Command::DraftPoll { by, poll: None, question: question() },
        Command::OpenPoll { by, poll: POLL },
        Command::ClosePoll { by, poll: POLL },
        Command::DiscardPoll { by, poll: POLL },
    ] {
        assert_eq!(hall.ask(command).unwrap_err().code, Code::NotPermitted);
    }
}

#[test]
fn a_vote_can_be_changed_while_the_poll_is_open() {
    let mut hall = Hall::new(|_| ());
    hall.open(|_| ());
    hall.vote(BEN, &[0]).unwrap();
    hall.vote(CAT, &[0]).unwrap();
    hall.vote(BEN, &[2]).unwrap();
    assert_eq!(hall.counts(), [1, 0, 1]);
    hall.ask(Command::ClosePoll { by: BY_ANN, poll: POLL }).unwrap();
    assert_eq!(hall.vote(BEN, &[1]).unwrap_err().code, Code::NotPermitted);
    assert_eq!(hall.counts(), [1, 0, 1]);
}

#[test]
fn of_an_anonymous_vote_nothing_but_the_count_is_left() {
    let mut hall = Hall::new(|_| ());
    hall.open(|question| question.is_anonymous = true);
    hall.vote(BEN, &[1]).unwrap();
    assert_eq!(hall.counts(), [0, 1, 0]);
    let votes = &hall.meeting.poll(POLL).unwrap().votes;
    assert!(votes.values().all(|vote| vote.choices.is_empty()));
    assert_eq!(hall.vote(BEN, &[0]).unwrap_err().code, Code::NotPermitted, "it cannot be taken back");
}

#[test]
fn a_hidden_result_is_told_when_the_poll_is_closed() {
    let mut hall = Hall::new(|_| ());
    hall.open(|question| question.is_hidden = true);
    hall.vote(BEN, &[1]).unwrap();
    assert_eq!(hall.events(), [Event::Voted { poll: POLL, voters: 1, counts: None }]);
    hall.ask(Command::ClosePoll { by: BY_ANN, poll: POLL }).unwrap();
    let [Event::Poll { poll }] = &hall.events()[..] else { panic!("everybody is told") };
    assert_eq!(poll.result(), Some(&[0, 1, 0][..]));
}

#[test]
fn votes_are_for_options_that_exist_and_as_many_as_are_allowed() {
    let mut hall = Hall::new(|_| ());
    hall.open(|_| ());
    for wrong in [&[][..], &[3], &[0, 1]] {
        assert_eq!(hall.vote(BEN, wrong).unwrap_err().code, Code::InvalidParameter, "{wrong:?}");
    }
    let mut hall = Hall::new(|_| ());
    hall.open(|question| question.is_multiple = true);
    hall.vote(BEN, &[0, 2]).unwrap();
    assert_eq!(hall.counts(), [1, 0, 1]);
}

#[test]
fn who_comes_back_votes_once() {
    let mut hall = Hall::new(|_| ());
    hall.open(|_| ());
    hall.vote(BEN, &[0]).unwrap();
    hall.ask(Command::Leave { participant: BEN, reason: LeaveReason::Left }).unwrap();
    hall.enter(BEN_AGAIN, Role::Speaker, "ben").unwrap();
    assert_eq!(hall.meeting.votes_of(BEN_AGAIN), [(POLL, BTreeSet::from([0]))]);
    hall.vote(BEN_AGAIN, &[1]).unwrap();
    assert_eq!(hall.counts(), [0, 1, 0]);
}

#[test]
fn questions_that_cannot_be_asked_are_refused() {
    let mut hall = Hall::new(|_| ());
    let wrong: [fn(&mut Question); 5] = [
        |question| question.text = " ".to_owned(),
        |question| question.text = "x".repeat(QUESTION_CHARS_MAX + 1),
        |question| question.options.truncate(1),
        |question| question.options[1] = "Monday ".to_owned(),
        |question| question.options = (0..=OPTIONS_MAX).map(|number| number.to_string()).collect(),
    ];
    for change in wrong {
        let mut question = question();
        change(&mut question);
        let refused = hall.ask(Command::DraftPoll { by: BY_ANN, poll: None, question });
        assert_eq!(refused.unwrap_err().code, Code::InvalidParameter);
    }
}

#[test]
fn the_end_of_the_meeting_closes_its_polls() {
    let mut hall = Hall::new(|_| ());
    hall.open(|_| ());
    hall.vote(BEN, &[0]).unwrap();
    hall.events();
    hall.ask(Command::End { by: BY_ANN }).unwrap();
    let events = hall.events();
    assert!(matches!(&events[..], [Event::Poll { poll }, Event::Ended] if poll.state == PollState::Closed));
}

#[test]
fn a_message_reaches_whom_it_is_for_and_is_acknowledged_to_its_sender() {
    let mut hall = Hall::new(|_| ());
    while hall.meeting.poll_note().is_some() {}
    let message = Message { from: CAT, number: 7, topic: "board".to_owned(), data: "{}".to_owned() };
    hall.ask(Command::Message { to: Audience::One(BEN), message: message.clone() }).unwrap();
    assert_eq!(hall.meeting.poll_note(), Some((vec![BEN], Note::Message(message.clone()))));
    hall.ask(Command::Acknowledge { by: BEN, from: CAT, number: 7 }).unwrap();
    let acknowledged = Note::Acknowledged { by: BEN, number: 7 };
    assert_eq!(hall.meeting.poll_note(), Some((vec![CAT], acknowledged)));
    hall.ask(Command::Cut { participant: BEN }).unwrap();
    let late = Command::Message { to: Audience::One(BEN), message: message.clone() };
    assert_eq!(hall.ask(late).unwrap_err().code, Code::PeerLost);
    let huge = Message { data: "x".repeat(MESSAGE_BYTES_MAX + 1), ..message };
    let refused = hall.ask(Command::Message { to: Audience::All, message: huge });
    assert_eq!(refused.unwrap_err().code, Code::InvalidParameter);
}

#[test]
fn one_notes_things_about_oneself_and_hosts_about_everybody_and_the_meeting() {
    let mut hall = Hall::new(|_| ());
    let (key, value) = ("mood".to_owned(), Some("\"good\"".to_owned()));
    let about =
        |by, participant| Command::SetAttribute { by, participant, key: key.clone(), value: value.clone() };
    hall.ask(about(By::Participant(CAT), CAT)).unwrap();
    hall.ask(about(BY_ANN, BEN)).unwrap();
    assert_eq!(hall.ask(about(By::Participant(CAT), BEN)).unwrap_err().code, Code::NotPermitted);
    assert_eq!(hall.meeting.participant(CAT).unwrap().attributes.get("mood"), value.as_ref());
    let of_all = |by| Command::SetMeetingAttribute { by, key: key.clone(), value: value.clone() };
    hall.ask(of_all(BY_ANN)).unwrap();
    assert_eq!(hall.ask(of_all(By::Participant(BEN))).unwrap_err().code, Code::NotPermitted);
    assert_eq!(hall.meeting.snapshot().attributes.len(), 1);
}

#[test]
fn as_many_attributes_are_kept_as_are_allowed() {
    let mut hall = Hall::new(|_| ());
    let note = |key: String, value: Option<&str>| Command::SetAttribute {
        by: By::Participant(BEN),
        participant: BEN,
        key,
        value: value.map(str::to_owned),
    };
    for number in 0..ATTRIBUTES_MAX {
        hall.ask(note(format!("k{number}"), Some("1"))).unwrap();
    }
    assert_eq!(hall.ask(note("more".to_owned(), Some("1"))).unwrap_err().code, Code::InvalidParameter);
    hall.ask(note("k0".to_owned(), Some("2"))).unwrap();
    hall.ask(note("k0".to_owned(), None)).unwrap();
    hall.ask(note("more".to_owned(), Some("1"))).unwrap();
    assert_eq!(hall.ask(note("with space".to_owned(), None)).unwrap_err().code, Code::InvalidParameter);
}

#[test]
fn a_page_that_is_loaded_anew_leaves_no_ghost_and_stays_what_it_was() {
    let mut hall = Hall::new(|_| ());
    let source = Source::Microphone;
    hall.ask(Command::Mute { by: BY_ANN, participant: BEN, source, hold: true }).unwrap();
    hall.ask(Command::SetRole { by: BY_ANN, participant: BEN, role: Role::Cohost }).unwrap();
    hall.ask(Command::Hand { by: By::Participant(BEN), participant: BEN, up: true }).unwrap();
    hall.events();
    hall.enter(BEN_AGAIN, Role::Speaker, "ben").unwrap();
    let [Event::Joined { participant }, Event::Left { participant: gone, reason }] = &hall.events()[..]
    else {
        panic!("one comes, one goes")
    };
    assert_eq!((participant.id, participant.role, *gone), (BEN_AGAIN, Role::Cohost, BEN));
    assert_eq!(*reason, LeaveReason::Replaced);
    assert!(participant.held.contains(&source) && participant.hand.is_some());
}

#[test]
fn somebody_takes_their_own_place_also_where_the_meeting_is_full() {
    let mut hall = Hall::new(|settings| settings.max_participants = 3);
    hall.enter(BEN_AGAIN, Role::Speaker, "ben").unwrap();
    assert!(hall.meeting.participant(BEN).is_none());
}

#[test]
fn who_is_there_already_is_refused_or_there_twice_where_that_is_wanted() {
    let mut hall = Hall::new(|settings| settings.same_person = SamePerson::IsRefused);
    assert_eq!(hall.enter(BEN_AGAIN, Role::Speaker, "ben").unwrap_err().code, Code::NotPermitted);
    let mut hall = Hall::new(|settings| settings.same_person = SamePerson::IsTwice);
    hall.enter(BEN_AGAIN, Role::Speaker, "ben").unwrap();
    assert_eq!(hall.meeting.participants().len(), 4);
}

#[test]
fn who_stands_in_as_host_still_does_after_loading_the_page_anew() {
    let mut hall = Hall::new(|_| ());
    hall.ask(Command::Leave { participant: ANN, reason: LeaveReason::Left }).unwrap();
    let due = hall.meeting.poll_timeout().unwrap();
    hall.now = due;
    hall.meeting.handle_timeout(due);
    hall.enter(BEN_AGAIN, Role::Speaker, "ben").unwrap();
    assert_eq!(hall.meeting.participant(BEN_AGAIN).unwrap().role, Role::Host);
    hall.enter(ParticipantId(9), Role::Host, "ann").unwrap();
    assert_eq!(hall.meeting.participant(BEN_AGAIN).unwrap().role, Role::Speaker, "and gives it back");
}
