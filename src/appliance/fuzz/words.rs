//! What strangers can send as words, made up: JSON, and what a meeting makes of it.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use crate::appliance::keeping::TimeOfDay;
use crate::appliance::{people, words};
use crate::meeting::{
    self, By, Command, Event, LeaveReason, Meeting, MeetingName, ParticipantId, PollId, Rights, Schedule,
    Settings,
};
use crate::refusal::{Code, Refusal};
use crate::web::wire::{Ask, Frame, Hello, Request};
use crate::web::words::{check_custom_info, check_identity, parse};

const PARTICIPANTS_MAX: u32 = 4;

/// The time of day when it begins.
const UNIX: Duration = Duration::from_secs(1_800_000_000);

/// Lines, each a digit for who speaks and JSON; a line of another kind lets time pass.
pub fn words(data: &[u8]) {
    let mut room = Room::new();
    for line in data.split(|byte| *byte == b'\n') {
        match line.split_first() {
            Some((who @ b'0'..=b'7', json)) => room.hear(ParticipantId(u64::from(who - b'0')), json),
            _ => room.pass_time(line),
        }
        room.check();
    }
}

/// A meeting, and what somebody knows of it who has been told every delta.
struct Room {
    meeting: Meeting,
    now: Instant,
    told: BTreeMap<ParticipantId, meeting::Participant>,
    rights: Rights,
    locked: bool,
    lobby: bool,
    schedule: Schedule,
    attributes: BTreeMap<String, String>,
    polls: BTreeMap<PollId, (u32, Option<Vec<u32>>)>,
    seq: u64,
}

impl Room {
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "the origin of virtual time; it is only added to")]
        static ORIGIN: LazyLock<Instant> = LazyLock::new(Instant::now);
        let name = MeetingName::new("fuzz").expect("a name");
        let settings = Settings { max_participants: PARTICIPANTS_MAX, ..Settings::new(name) };
        Self {
            meeting: Meeting::new(settings, *ORIGIN),
            now: *ORIGIN,
            told: BTreeMap::new(),
            rights: Rights::default(),
            locked: false,
            lobby: false,
            schedule: Schedule::default(),
            attributes: BTreeMap::new(),
            polls: BTreeMap::new(),
            seq: 0,
        }
    }

    fn hear(&mut self, who: ParticipantId, json: &[u8]) {
        let request = match parse::<Request>(json) {
            Ok(request) => request,
            Err(refusal) => return assert_eq!(refusal.code, Code::InvalidParameter, "{refusal:?}"),
        };
        check_reads_back(request.clone());
        // Whether it is refused is the meeting's to say.
        drop(self.obey(who, request.ask));
    }

    fn obey(&mut self, participant: ParticipantId, ask: Ask) -> Result<(), Refusal> {
        let command = match ask {
            Ask::Hello(hello) => match hello.resume {
                Some(_) => Command::Return { participant },
                None => join(participant, hello)?,
            },
            Ask::Watch { wishes } => {
                for wish in wishes {
                    let id = words::id_of_word(&wish.participant);
                    assert!(id.is_none_or(|id| words::id_word(id) == wish.participant));
                }
                return Ok(());
            }
            Ask::Leave {} => Command::Leave { participant, reason: LeaveReason::Left },
            Ask::StepOut {} => Command::StepOut { participant },
            Ask::Offer { .. }
            | Ask::Candidate { .. }
            | Ask::Clock {}
            | Ask::Levels { .. }
            | Ask::Delays {} => return Ok(()),
            Ask::Invitation {} => {
                // Refused or not: it changes nothing.
                drop(self.meeting.check_invite(participant));
                return Ok(());
            }
            other => {
                let time = TimeOfDay::new(self.now, UNIX);
                people::command(By::Participant(participant), other, (UNIX, time))?
            }
        };
        self.meeting.handle(command, self.now)
    }

    /// A second for each byte; the first digit says whose socket is cut.
    fn pass_time(&mut self, line: &[u8]) {
        if let Some(who) = line.iter().find(|byte| byte.is_ascii_digit()) {
            let participant = ParticipantId(u64::from(who - b'0'));
            drop(self.meeting.handle(Command::Cut { participant }, self.now));
        }
        self.now += Duration::from_secs(line.len() as u64);
        self.meeting.handle_timeout(self.now);
    }

    /// Deltas have no gaps, are words that read back, and lead to what the meeting says of itself.
    fn check(&mut self) {
        while let Some(numbered) = self.meeting.poll_event() {
            assert_eq!(numbered.seq, self.seq + 1, "a gap in the deltas");
            self.seq = numbered.seq;
            let frame = words::delta_word(&numbered);
            let text = serde_json::to_string(&frame).expect("JSON");
            let read: Frame = serde_json::from_str(&text).expect("a frame");
            // Fractions in what participants bring along are read nearly, not to the last bit.
            if !["custom_info", "attribute"].iter().any(|word| text.contains(word)) {
                assert_eq!(format!("{read:?}"), format!("{frame:?}"), "a delta does not read back");
            }
            self.follow(numbered.event);
        }
        while let Some((to, _)) = self.meeting.poll_note() {
            assert!(to.iter().all(|id| self.told.contains_key(id)), "somebody is told who is not there");
        }
        let snapshot = self.meeting.snapshot();
        assert_eq!(
            (snapshot.rights, snapshot.locked, snapshot.lobby, snapshot.schedule),
            (self.rights, self.locked, self.lobby, self.schedule),
            "the deltas lead elsewhere"
        );
        assert_eq!(snapshot.attributes, self.attributes, "the deltas lead elsewhere");
        let result = |poll: &meeting::Poll| (poll.id, (poll.voters(), poll.result().map(<[u32]>::to_vec)));
        let polls: BTreeMap<_, _> = snapshot.polls.iter().map(result).collect();
        assert_eq!(polls, self.polls, "the deltas lead elsewhere");
        assert_eq!(snapshot.seq, self.seq);
        assert!(snapshot.participants.len() <= PARTICIPANTS_MAX as usize);
        assert!(self.told.values().eq(&snapshot.participants), "the deltas lead elsewhere");
        assert!(!self.meeting.is_over() || snapshot.participants.is_empty());
        assert_eq!(self.meeting.events_since(self.seq), Some(Vec::new()));
    }

    fn follow(&mut self, event: Event) {
        match event {
            Event::Joined { participant } => {
                assert!(self.told.insert(participant.id, participant).is_none(), "somebody joins twice");
            }
            Event::Left { participant, .. } => {
                assert!(self.told.remove(&participant).is_some(), "nobody leaves");
            }
            Event::Presence { participant, presence } => {
                let known = self.told.get_mut(&participant).expect("somebody who is there");
                assert_ne!(known.presence, presence, "nothing has changed");
                known.presence = presence;
            }
            Event::Track { participant, source, state } => {
                let known = self.told.get_mut(&participant).expect("somebody who is there");
                assert_ne!(known.track(source), state, "nothing has changed");
                match state {
                    meeting::TrackState::Off => known.tracks.remove(&source),
                    state => known.tracks.insert(source, state),
                };
            }
            Event::Role { participant, role } => {
                self.told.get_mut(&participant).expect("somebody who is there").role = role;
            }
            Event::Held { participant, source, held } => {
                let known = self.told.get_mut(&participant).expect("somebody who is there");
                let has_changed = if held { known.held.insert(source) } else { known.held.remove(&source) };
                assert!(has_changed, "nothing has changed");
            }
            Event::Hand { participant, hand } => {
                self.told.get_mut(&participant).expect("somebody who is there").hand = hand;
            }
            Event::Renamed { participant, name } => {
                self.told.get_mut(&participant).expect("somebody who is there").name = name;
            }
            Event::Rights { rights } => self.rights = rights,
            Event::Locked { locked } => self.locked = locked,
            Event::SentBack { participant } => {
                assert!(self.told.contains_key(&participant), "nobody goes back")
            }
            Event::Lobby { on } => self.lobby = on,
            Event::Attribute { participant, key, value } => {
                let attributes = match participant {
                    Some(id) => &mut self.told.get_mut(&id).expect("somebody who is there").attributes,
                    None => &mut self.attributes,
                };
                let before = match value.clone() {
                    Some(value) => attributes.insert(key, value),
                    None => attributes.remove(&key),
                };
                assert_ne!(before, value, "nothing has changed");
            }
            Event::Rescheduled { schedule } => self.schedule = schedule,
            Event::Poll { poll } => {
                let (id, result) = (poll.id, (poll.voters(), poll.result().map(<[u32]>::to_vec)));
                self.polls.insert(id, result);
            }
            Event::Voted { poll, voters, counts } => {
                assert!(self.polls.insert(poll, (voters, counts)).is_some(), "a vote in no poll");
            }
            Event::Ended => self.told.clear(),
        }
    }
}

/// The first to come is the host; every third one only listens.
fn join(participant: ParticipantId, hello: Hello) -> Result<Command, Refusal> {
    check_custom_info(hello.custom_info.as_ref())?;
    check_identity(hello.identity.as_deref())?;
    let role = match participant.0 {
        0 => meeting::Role::Host,
        id if id % 3 == 0 => meeting::Role::Audience,
        _ => meeting::Role::Speaker,
    };
    Ok(Command::Join(meeting::Join {
        participant,
        name: hello.name,
        kind: meeting::ParticipantKind::Browser,
        role,
        password: hello.password,
        custom_info: words::text_of_json(hello.custom_info.as_ref()),
        identity: hello.identity,
    }))
}

fn check_reads_back(mut request: Request) {
    if let Ask::Hello(hello) = &mut request.ask
        && let Some(info) = hello.custom_info.take()
    {
        let kept = words::text_of_json(Some(&info));
        assert!(words::json_of_text(kept.as_deref()).is_some(), "custom_info does not read back");
    }
    if let Ask::Message { data, .. } = &mut request.ask {
        // Fractions are read nearly, not to the last bit.
        *data = serde_json::Value::Null;
    }
    if let Ask::Attribute { value, .. } | Ask::MeetingAttribute { value, .. } = &mut request.ask {
        *value = None;
    }
    let text = serde_json::to_string(&request).expect("JSON");
    let read: Request = parse(text.as_bytes()).expect("what was written");
    assert_eq!(format!("{read:?}"), format!("{request:?}"), "a request does not read back");
}
