//! What people do with each other: order that hosts keep, hands, reactions and chat. One question per test.

use std::time::{Duration, Instant};

use super::tests::join;
use super::*;

const ANN: ParticipantId = ParticipantId(1);
const BEN: ParticipantId = ParticipantId(2);
const CAT: ParticipantId = ParticipantId(3);
const DAN: ParticipantId = ParticipantId(4);
const EVE: ParticipantId = ParticipantId(5);

/// Ann is host, Ben cohost, Cat speaker, Dan in the audience.
struct Den {
    meeting: Meeting,
    now: Instant,
}

impl Den {
    #[expect(clippy::disallowed_methods, reason = "an Instant cannot be made up; tests count from this one")]
    fn new() -> Self {
        let now = Instant::now();
        let meeting = Meeting::new(Settings::new(MeetingName::new("den").unwrap()), now);
        let mut den = Self { meeting, now };
        for (id, role) in
            [(ANN, Role::Host), (BEN, Role::Cohost), (CAT, Role::Speaker), (DAN, Role::Audience)]
        {
            den.join(id, role, None).unwrap();
        }
        den
    }

    fn join(&mut self, id: ParticipantId, role: Role, identity: Option<&str>) -> Result<(), Refusal> {
        let identity = identity.map(str::to_owned);
        self.ask(Command::Join(Join { identity, ..join(id, role) }))
    }

    fn ask(&mut self, command: Command) -> Result<(), Refusal> {
        let outcome = self.meeting.handle(command, self.now);
        while self.meeting.poll_event().is_some() {}
        outcome
    }

    fn refused(&mut self, command: Command) -> Code {
        self.ask(command).unwrap_err().code
    }

    fn switch(&mut self, id: ParticipantId, source: Source, state: TrackState) -> Result<(), Refusal> {
        self.ask(Command::SetTrack { participant: id, source, state })
    }

    fn state(&self, id: ParticipantId, source: Source) -> TrackState {
        self.meeting.participant(id).unwrap().track(source)
    }

    fn notes(&mut self) -> Vec<(Vec<ParticipantId>, Note)> {
        std::iter::from_fn(|| self.meeting.poll_note()).collect()
    }

    fn chat(&mut self, from: ParticipantId, to: Audience, text: &str) -> Result<(), Refusal> {
        self.ask(Command::Chat { participant: from, to, text: text.to_owned(), at: Duration::ZERO })
    }

    fn reads(&self, id: ParticipantId) -> Vec<String> {
        self.meeting.chat_for(id, 0).into_iter().map(|message| message.text).collect()
    }
}

const fn by(id: ParticipantId) -> By {
    By::Participant(id)
}

fn mute(asker: By, participant: ParticipantId, source: Source, hold: bool) -> Command {
    Command::Mute { by: asker, participant, source, hold }
}

#[test]
fn a_host_mutes_and_the_person_switches_on_again() {
    let mut den = Den::new();
    den.switch(CAT, Source::Microphone, TrackState::On).unwrap();
    assert_eq!(den.refused(mute(by(CAT), ANN, Source::Microphone, false)), Code::NotPermitted);
    assert_eq!(den.refused(mute(by(BEN), ANN, Source::Microphone, false)), Code::NotPermitted, "over a host");
    den.ask(mute(by(BEN), CAT, Source::Microphone, false)).unwrap();
    assert_eq!(den.state(CAT, Source::Microphone), TrackState::Muted);
    den.switch(CAT, Source::Microphone, TrackState::On).unwrap();
    den.ask(mute(By::Administrator, CAT, Source::Microphone, false)).unwrap();
    assert_eq!(den.state(CAT, Source::Microphone), TrackState::Muted);
}

#[test]
fn what_is_held_stays_off_until_it_is_released_or_asked_for() {
    let mut den = Den::new();
    den.switch(CAT, Source::Camera, TrackState::On).unwrap();
    den.ask(mute(by(ANN), CAT, Source::Camera, true)).unwrap();
    let on = || Command::SetTrack { participant: CAT, source: Source::Camera, state: TrackState::On };
    assert_eq!(den.refused(on()), Code::NotPermitted);
    den.ask(Command::Release { by: by(ANN), participant: CAT, source: Source::Camera }).unwrap();
    den.ask(on()).unwrap();
    den.ask(mute(by(ANN), CAT, Source::Camera, true)).unwrap();
    den.ask(Command::AskToSend { by: by(BEN), participant: CAT, source: Source::Camera }).unwrap();
    assert_eq!(den.state(CAT, Source::Camera), TrackState::Muted, "nothing is switched on by force");
    assert_eq!(den.notes(), [(vec![CAT], Note::AskedToSend { by: Some(BEN), source: Source::Camera })]);
    den.ask(on()).unwrap();
}

#[test]
fn all_are_muted_but_hosts_and_may_unmute_only_with_leave_or_when_asked() {
    let mut den = Den::new();
    for id in [ANN, BEN, CAT] {
        den.switch(id, Source::Microphone, TrackState::On).unwrap();
    }
    den.ask(Command::MuteAll { by: by(BEN), may_unmute: false }).unwrap();
    assert_eq!(
        [ANN, BEN, CAT].map(|id| den.state(id, Source::Microphone) == TrackState::On),
        [true, true, false]
    );
    let on = || Command::SetTrack { participant: CAT, source: Source::Microphone, state: TrackState::On };
    assert_eq!(den.refused(on()), Code::NotPermitted);
    den.ask(Command::AskToSend { by: by(BEN), participant: CAT, source: Source::Microphone }).unwrap();
    den.ask(on()).unwrap();
    den.ask(Command::MuteAll { by: by(ANN), may_unmute: false }).unwrap();
    assert_eq!(den.refused(on()), Code::NotPermitted, "the leave was for once");
    den.ask(Command::MuteAll { by: by(ANN), may_unmute: true }).unwrap();
    den.ask(on()).unwrap();
    assert_eq!(den.refused(Command::MuteAll { by: by(CAT), may_unmute: true }), Code::NotPermitted);
}

#[test]
fn the_audience_is_not_asked_to_send() {
    let mut den = Den::new();
    let ask = Command::AskToSend { by: by(ANN), participant: DAN, source: Source::Microphone };
    assert_eq!(den.refused(ask), Code::NotPermitted);
    assert_eq!(den.notes(), []);
}

#[test]
fn a_share_is_ended_by_a_host_and_by_a_right_that_is_taken_away() {
    let mut den = Den::new();
    den.switch(CAT, Source::Screen, TrackState::On).unwrap();
    den.ask(mute(by(BEN), CAT, Source::Screen, false)).unwrap();
    assert_eq!(den.state(CAT, Source::Screen), TrackState::Off);
    den.switch(CAT, Source::Screen, TrackState::On).unwrap();
    den.switch(BEN, Source::Screen, TrackState::On).unwrap();
    let rights = Rights { share: Who::Hosts, ..Rights::default() };
    assert_eq!(den.refused(Command::SetRights { by: by(CAT), rights }), Code::NotPermitted);
    den.ask(Command::SetRights { by: by(ANN), rights }).unwrap();
    assert_eq!(den.meeting.snapshot().rights, rights);
    assert_eq!(
        (den.state(CAT, Source::Screen), den.state(BEN, Source::Screen)),
        (TrackState::Off, TrackState::On)
    );
    let again = Command::SetTrack { participant: CAT, source: Source::Screen, state: TrackState::On };
    assert_eq!(den.refused(again), Code::NotPermitted);
}

#[test]
fn who_is_removed_may_come_back_and_who_is_banned_may_not() {
    let mut den = Den::new();
    let remove = |asker, participant, ban| Command::Remove { by: asker, participant, ban };
    assert_eq!(den.refused(remove(by(CAT), DAN, false)), Code::NotPermitted);
    assert_eq!(den.refused(remove(by(BEN), ANN, false)), Code::NotPermitted);
    let eve = ParticipantId(9);
    den.join(eve, Role::Speaker, Some("eve")).unwrap();
    den.ask(remove(by(BEN), eve, false)).unwrap();
    den.join(eve, Role::Speaker, Some("eve")).unwrap();
    den.meeting.handle(remove(by(BEN), eve, true), den.now).unwrap();
    let left = den.meeting.poll_event().unwrap().event;
    assert_eq!(left, Event::Left { participant: eve, reason: LeaveReason::Banned });
    assert_eq!(den.join(eve, Role::Speaker, Some("eve")).unwrap_err().code, Code::NotPermitted);
    den.join(eve, Role::Speaker, Some("adam")).unwrap();
}

#[test]
fn a_locked_meeting_lets_hosts_in_alone() {
    let mut den = Den::new();
    assert_eq!(den.refused(Command::Lock { by: by(CAT), locked: true }), Code::NotPermitted);
    den.ask(Command::Lock { by: by(BEN), locked: true }).unwrap();
    assert!(den.meeting.snapshot().locked);
    assert_eq!(den.join(ParticipantId(8), Role::Speaker, None).unwrap_err().code, Code::MeetingLocked);
    den.join(ParticipantId(9), Role::Host, None).unwrap();
    den.ask(Command::Lock { by: by(BEN), locked: false }).unwrap();
    den.join(ParticipantId(8), Role::Speaker, None).unwrap();
}

#[test]
fn whoever_comes_to_an_empty_meeting_finds_no_lock_and_may_speak() {
    let mut den = Den::new();
    den.ask(Command::Remove { by: by(ANN), participant: DAN, ban: true }).unwrap();
    den.ask(Command::Lock { by: by(ANN), locked: true }).unwrap();
    den.ask(Command::MuteAll { by: by(ANN), may_unmute: false }).unwrap();
    den.chat(CAT, Audience::All, "bye").unwrap();
    for participant in [ANN, BEN, CAT] {
        den.ask(Command::Leave { participant, reason: LeaveReason::Left }).unwrap();
    }
    den.join(EVE, Role::Speaker, Some("eve")).unwrap();
    den.switch(EVE, Source::Microphone, TrackState::On).unwrap();
    assert_eq!(den.reads(EVE), ["bye"], "the meeting is the same");
}

#[test]
fn names_are_changed_by_their_owner_if_that_is_a_right_and_by_hosts() {
    let mut den = Den::new();
    let rename = |asker, name: &str| Command::Rename { by: asker, participant: CAT, name: name.to_owned() };
    den.ask(rename(by(CAT), "Catherine")).unwrap();
    let rights = Rights { rename: Who::Hosts, ..Rights::default() };
    den.ask(Command::SetRights { by: by(ANN), rights }).unwrap();
    assert_eq!(den.refused(rename(by(CAT), "Kate")), Code::NotPermitted);
    assert_eq!(den.refused(rename(by(DAN), "Kate")), Code::NotPermitted);
    assert_eq!(den.refused(rename(by(BEN), " ")), Code::InvalidParameter);
    den.ask(rename(by(BEN), "Kate")).unwrap();
    assert_eq!(den.meeting.participant(CAT).unwrap().name, "Kate");
}

#[test]
fn hands_queue_up_and_go_down_by_their_owner_a_host_or_when_the_person_has_spoken() {
    let mut den = Den::new();
    let hand = |asker, participant, up| Command::Hand { by: asker, participant, up };
    let queue = |den: &Den| {
        let mut raised: Vec<_> =
            den.meeting.participants().filter_map(|one| Some((one.hand?, one.id))).collect();
        raised.sort_unstable();
        raised.into_iter().map(|(_, id)| id).collect::<Vec<_>>()
    };
    for id in [DAN, CAT, BEN] {
        den.ask(hand(by(id), id, true)).unwrap();
    }
    den.ask(hand(by(DAN), DAN, true)).unwrap();
    assert_eq!(queue(&den), [DAN, CAT, BEN]);
    assert_eq!(den.refused(hand(by(CAT), DAN, false)), Code::NotPermitted);
    den.ask(hand(by(BEN), DAN, false)).unwrap();
    den.ask(Command::Spoke { participant: CAT }).unwrap();
    assert_eq!(queue(&den), [BEN]);
    den.ask(hand(by(DAN), DAN, true)).unwrap();
    assert_eq!(queue(&den), [BEN, DAN], "whoever raises it again stands at the end");
    den.ask(hand(by(BEN), BEN, false)).unwrap();
    assert_eq!(den.refused(hand(by(ANN), CAT, true)), Code::NotPermitted, "nobody raises another's");
    assert_eq!(queue(&den), [DAN]);
}

#[test]
fn chat_reaches_all_the_hosts_or_one_and_later_joiners_read_what_was_for_all() {
    let mut den = Den::new();
    den.chat(CAT, Audience::All, "hello").unwrap();
    den.chat(DAN, Audience::Hosts, "I hear nothing").unwrap();
    den.chat(ANN, Audience::One(DAN), "better now?").unwrap();
    let told: Vec<Vec<ParticipantId>> = den.notes().into_iter().map(|(to, _)| to).collect();
    assert_eq!(told, [vec![ANN, BEN, CAT, DAN], vec![ANN, BEN, DAN], vec![ANN, DAN]]);
    den.join(ParticipantId(9), Role::Speaker, None).unwrap();
    assert_eq!(den.reads(ParticipantId(9)), ["hello"]);
    assert_eq!(den.reads(BEN), ["hello", "I hear nothing"]);
    assert_eq!(den.reads(DAN), ["hello", "I hear nothing", "better now?"]);
    let missed = den.meeting.chat_for(DAN, 1).into_iter().map(|message| message.id);
    assert_eq!(missed.collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn without_the_right_to_chat_the_hosts_can_still_be_written_to() {
    let mut den = Den::new();
    let rights = Rights { chat: Who::Hosts, ..Rights::default() };
    den.ask(Command::SetRights { by: by(ANN), rights }).unwrap();
    assert_eq!(den.chat(CAT, Audience::All, "psst").unwrap_err().code, Code::NotPermitted);
    assert_eq!(den.chat(CAT, Audience::One(DAN), "psst").unwrap_err().code, Code::NotPermitted);
    let react = Command::React { participant: CAT, emoji: "👍".to_owned() };
    assert_eq!(den.refused(react), Code::NotPermitted);
    den.chat(CAT, Audience::Hosts, "may I speak?").unwrap();
    den.chat(ANN, Audience::All, "silence, please").unwrap();
}

#[test]
fn messages_have_a_length_and_a_pace_and_the_oldest_are_forgotten() {
    let mut den = Den::new();
    for text in ["", " \n", &"é".repeat(CHAT_CHARS_MAX + 1)] {
        assert_eq!(den.chat(CAT, Audience::All, text).unwrap_err().code, Code::InvalidParameter);
    }
    den.chat(CAT, Audience::All, &"é".repeat(CHAT_CHARS_MAX)).unwrap();
    assert_eq!(den.chat(CAT, Audience::One(ParticipantId(77)), "x").unwrap_err().code, Code::PeerLost);
    for _ in 0..9 {
        den.chat(CAT, Audience::All, "flood").unwrap();
    }
    assert_eq!(den.chat(CAT, Audience::All, "flood").unwrap_err().code, Code::TooManyRequests);
    den.chat(ANN, Audience::All, "others go on").unwrap();
    den.now += Duration::from_secs(1);
    den.chat(CAT, Audience::All, "last").unwrap();
    for _ in 0..CHAT_KEPT_MAX {
        den.now += Duration::from_secs(1);
        den.chat(ANN, Audience::All, "more").unwrap();
    }
    assert_eq!(den.reads(CAT), vec!["more"; CHAT_KEPT_MAX]);
}

#[test]
fn a_reaction_is_one_emoji_and_everybody_is_told() {
    let mut den = Den::new();
    let react = |emoji: &str| Command::React { participant: DAN, emoji: emoji.to_owned() };
    for emoji in ["", "hi", "👍 👍", "👍👍👍👍👍👍👍👍👍", "\u{7}"] {
        assert_eq!(den.refused(react(emoji)), Code::InvalidParameter, "{emoji:?}");
    }
    for emoji in ["👍", "👨‍👩‍👧‍👦", "🏳️‍🌈"] {
        den.ask(react(emoji)).unwrap();
    }
    assert_eq!(den.notes().len(), 3);
}
