//! Random commands against invariants, and against what somebody outside knows who applies the deltas.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::tests::{join, settings, start};
use super::*;

/// A thing that can happen to a meeting. New commands are added here.
#[derive(Debug, Clone)]
enum Op {
    Join(u64, Role),
    Cut(u64),
    StepOut(u64),
    Return(u64),
    SetTrack(u64, Source, TrackState),
    Leave(u64),
    SetRole(u64, u64, Role),
    Mute(u64, u64, Source, bool),
    MuteAll(u64, bool),
    Release(u64, u64, Source),
    AskToSend(u64, u64, Source),
    Remove(u64, u64, bool),
    Lock(u64, bool),
    Share(u64, Who),
    Lobby(u64, bool),
    Admit(u64, Option<u64>),
    Deny(u64, u64),
    SendBack(u64, u64),
    Hand(u64, u64, bool),
    Again(u64, Role),
    Draft(u64, bool, bool),
    OpenPoll(u64, u32),
    ClosePoll(u64, u32),
    Discard(u64, u32),
    Vote(u64, u32, u8),
    Note(u64, Option<u64>, bool),
    EndAt(u64, u64),
    End(u64),
    Wait(Duration),
    TimeOut,
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(vec![Role::Host, Role::Cohost, Role::Speaker, Role::Audience])
}

fn source() -> impl Strategy<Value = Source> {
    prop::sample::select(Source::ALL.to_vec())
}

fn who() -> impl Strategy<Value = Who> {
    prop::sample::select(vec![Who::Hosts, Who::Speakers, Who::Everybody])
}

fn op() -> impl Strategy<Value = Op> {
    let id = 1..7_u64;
    let state = prop::sample::select(vec![TrackState::On, TrackState::Muted, TrackState::Off]);
    prop_oneof![
        6 => (id.clone(), role()).prop_map(|(id, role)| Op::Join(id, role)),
        3 => id.clone().prop_map(Op::Cut),
        2 => id.clone().prop_map(Op::StepOut),
        2 => id.clone().prop_map(Op::Return),
        6 => (id.clone(), source(), state)
            .prop_map(|(id, source, state)| Op::SetTrack(id, source, state)),
        2 => id.clone().prop_map(Op::Leave),
        2 => (id.clone(), id.clone(), role()).prop_map(|(by, id, role)| Op::SetRole(by, id, role)),
        3 => (id.clone(), id.clone(), source(), any::<bool>())
            .prop_map(|(by, id, source, hold)| Op::Mute(by, id, source, hold)),
        1 => (id.clone(), any::<bool>()).prop_map(|(by, may)| Op::MuteAll(by, may)),
        1 => (id.clone(), id.clone(), source()).prop_map(|(by, id, source)| Op::Release(by, id, source)),
        1 => (id.clone(), id.clone(), source()).prop_map(|(by, id, source)| Op::AskToSend(by, id, source)),
        1 => (id.clone(), id.clone(), any::<bool>()).prop_map(|(by, id, ban)| Op::Remove(by, id, ban)),
        1 => (id.clone(), any::<bool>()).prop_map(|(by, locked)| Op::Lock(by, locked)),
        1 => (id.clone(), who()).prop_map(|(by, share)| Op::Share(by, share)),
        2 => (id.clone(), any::<bool>()).prop_map(|(by, on)| Op::Lobby(by, on)),
        2 => (id.clone(), prop::option::of(id.clone())).prop_map(|(by, id)| Op::Admit(by, id)),
        1 => (id.clone(), id.clone()).prop_map(|(by, id)| Op::Deny(by, id)),
        1 => (id.clone(), id.clone()).prop_map(|(by, id)| Op::SendBack(by, id)),
        3 => (id.clone(), id.clone(), any::<bool>()).prop_map(|(by, id, up)| Op::Hand(by, id, up)),
        2 => (id.clone(), role()).prop_map(|(id, role)| Op::Again(id, role)),
        2 => (id.clone(), any::<bool>(), any::<bool>())
            .prop_map(|(by, anonymous, hidden)| Op::Draft(by, anonymous, hidden)),
        3 => (id.clone(), 1..4_u32).prop_map(|(by, poll)| Op::OpenPoll(by, poll)),
        1 => (id.clone(), 1..4_u32).prop_map(|(by, poll)| Op::ClosePoll(by, poll)),
        1 => (id.clone(), 1..4_u32).prop_map(|(by, poll)| Op::Discard(by, poll)),
        4 => (id.clone(), 1..4_u32, 0..4_u8).prop_map(|(id, poll, choice)| Op::Vote(id, poll, choice)),
        2 => (id.clone(), prop::option::of(id.clone()), any::<bool>())
            .prop_map(|(by, id, is_noted)| Op::Note(by, id, is_noted)),
        1 => (id.clone(), 0..60_u64).prop_map(|(by, secs)| Op::EndAt(by, secs)),
        1 => id.prop_map(Op::End),
        2 => (0..20_u64).prop_map(|secs| Op::Wait(Duration::from_secs(secs))),
        2 => Just(Op::TimeOut),
    ]
}

/// What somebody outside knows of the meeting, who was given a snapshot and applies the deltas.
#[derive(Debug, Clone, PartialEq)]
struct Mirror {
    seq: u64,
    participants: BTreeMap<ParticipantId, Participant>,
    rights: Rights,
    locked: bool,
    lobby: bool,
    schedule: Schedule,
    attributes: BTreeMap<String, String>,
    polls: BTreeMap<PollId, ToldPoll>,
    ended: bool,
}

/// What of a poll is told to everybody: where it stands, how many have voted, and for what.
type ToldPoll = (PollState, u32, Option<Vec<u32>>);

fn told(poll: &Poll) -> ToldPoll {
    (poll.state, poll.voters(), poll.result().map(<[u32]>::to_vec))
}

fn note(attributes: &mut BTreeMap<String, String>, key: String, value: Option<String>) {
    match value {
        Some(value) => attributes.insert(key, value),
        None => attributes.remove(&key),
    };
}

impl Mirror {
    fn of(snapshot: Snapshot) -> Self {
        let participants = snapshot.participants.into_iter().map(|each| (each.id, each)).collect();
        let Snapshot { seq, rights, locked, lobby, schedule, attributes, polls, .. } = snapshot;
        let polls = polls.iter().map(|poll| (poll.id, told(poll))).collect();
        Self { seq, participants, rights, locked, lobby, schedule, attributes, polls, ended: false }
    }

    fn apply(&mut self, delta: &Numbered) {
        assert_eq!(delta.seq, self.seq + 1, "numbers have no gaps");
        assert!(!self.ended, "nothing comes after the end");
        self.seq = delta.seq;
        match delta.event.clone() {
            Event::Joined { participant } => {
                assert!(self.participants.insert(participant.id, participant).is_none());
            }
            Event::Left { participant, .. } => assert!(self.participants.remove(&participant).is_some()),
            Event::Presence { participant, presence } => self.at(participant).presence = presence,
            Event::Track { participant, source, state } => self.at(participant).set_track(source, state),
            Event::Role { participant, role } => self.at(participant).role = role,
            Event::Held { participant, source, held: true } => {
                assert!(self.at(participant).held.insert(source));
            }
            Event::Held { participant, source, held: false } => {
                assert!(self.at(participant).held.remove(&source));
            }
            Event::Hand { participant, hand } => self.at(participant).hand = hand,
            Event::Renamed { participant, name } => self.at(participant).name = name,
            Event::Rights { rights } => self.rights = rights,
            Event::Locked { locked } => self.locked = locked,
            Event::SentBack { participant } => assert!(self.participants.contains_key(&participant)),
            Event::Lobby { on } => self.lobby = on,
            Event::Attribute { participant: Some(id), key, value } => {
                note(&mut self.at(id).attributes, key, value);
            }
            Event::Attribute { participant: None, key, value } => note(&mut self.attributes, key, value),
            Event::Rescheduled { schedule } => self.schedule = schedule,
            Event::Poll { poll } => drop(self.polls.insert(poll.id, told(&poll))),
            Event::Voted { poll, voters, counts } => {
                let poll = self.polls.get_mut(&poll).expect("votes are taken by polls that were told");
                (poll.1, poll.2) = (voters, counts);
            }
            Event::Ended => {
                self.participants.clear();
                self.ended = true;
            }
        }
    }

    fn at(&mut self, id: ParticipantId) -> &mut Participant {
        self.participants.get_mut(&id).expect("deltas speak of those who are there")
    }
}

struct World {
    meeting: Meeting,
    start: Instant,
    now: Instant,
    /// Ids of joiners are never used twice: the latest of each of the six actors.
    latest: BTreeMap<u64, ParticipantId>,
    told: Mirror,
    snapshots: Vec<Snapshot>,
}

impl World {
    fn new(settings: Settings) -> Self {
        let now = start();
        let meeting = Meeting::new(settings, now);
        let told = Mirror::of(meeting.snapshot());
        Self { meeting, start: now, now, latest: BTreeMap::new(), told, snapshots: vec![] }
    }

    fn id(&self, actor: u64) -> ParticipantId {
        self.latest.get(&actor).copied().unwrap_or(ParticipantId(0))
    }

    fn join(&self, actor: u64, id: ParticipantId, role: Role) -> Command {
        Command::Join(Join { identity: Some(format!("actor {actor}")), ..join(id, role) })
    }

    fn by(&self, actor: u64) -> By {
        By::Participant(self.id(actor))
    }

    fn apply(&mut self, op: &Op) {
        let before = self.meeting.snapshot();
        if let Some(command) = self.command(op) {
            if self.meeting.handle(command, self.now).is_err() {
                assert_eq!(self.meeting.snapshot(), before, "what is refused changes nothing");
            }
        } else {
            match op {
                Op::Wait(duration) => self.now += *duration,
                _ => self.meeting.handle_timeout(self.now),
            }
        }
        while let Some(delta) = self.meeting.poll_event() {
            self.told.apply(&delta);
        }
        self.snapshots.push(self.meeting.snapshot());
    }

    fn command(&mut self, op: &Op) -> Option<Command> {
        Some(match *op {
            Op::Join(actor, role) => {
                let is_in = self.meeting.participant(self.id(actor)).is_some();
                let unused = ParticipantId(self.latest.values().map(|id| id.0).max().unwrap_or(0) + 1);
                let id = if is_in { self.id(actor) } else { unused };
                self.latest.insert(actor, id);
                self.join(actor, id, role)
            }
            Op::Again(actor, role) => {
                let id = ParticipantId(self.latest.values().map(|id| id.0).max().unwrap_or(0) + 1);
                self.latest.insert(actor, id);
                self.join(actor, id, role)
            }
            Op::Draft(asker, is_anonymous, is_hidden) => {
                let options = vec!["yes".to_owned(), "no".to_owned(), "perhaps".to_owned()];
                let text = "Shall we?".to_owned();
                let question = Question { text, options, is_multiple: false, is_anonymous, is_hidden };
                Command::DraftPoll { by: self.by(asker), poll: None, question }
            }
            Op::OpenPoll(asker, poll) => Command::OpenPoll { by: self.by(asker), poll: PollId(poll) },
            Op::ClosePoll(asker, poll) => Command::ClosePoll { by: self.by(asker), poll: PollId(poll) },
            Op::Discard(asker, poll) => Command::DiscardPoll { by: self.by(asker), poll: PollId(poll) },
            Op::Vote(actor, poll, choice) => {
                let (participant, poll) = (self.id(actor), PollId(poll));
                Command::Vote { participant, poll, choices: BTreeSet::from([choice]) }
            }
            Op::Note(asker, about, is_noted) => {
                let (by, key) = (self.by(asker), "mood".to_owned());
                let value = is_noted.then(|| "1".to_owned());
                match about.map(|actor| self.id(actor)) {
                    Some(participant) => Command::SetAttribute { by, participant, key, value },
                    None => Command::SetMeetingAttribute { by, key, value },
                }
            }
            Op::EndAt(asker, secs) => {
                let at = self.now + Duration::from_secs(secs);
                let unix = at.saturating_duration_since(self.start);
                let schedule = Schedule { ends_at: Some(Moment { at, unix }), ..Schedule::default() };
                Command::Reschedule { by: self.by(asker), schedule }
            }
            Op::Cut(actor) => Command::Cut { participant: self.id(actor) },
            Op::StepOut(actor) => Command::StepOut { participant: self.id(actor) },
            Op::Return(actor) => Command::Return { participant: self.id(actor) },
            Op::SetTrack(actor, source, state) => {
                Command::SetTrack { participant: self.id(actor), source, state }
            }
            Op::Leave(actor) => Command::Leave { participant: self.id(actor), reason: LeaveReason::Left },
            Op::SetRole(by, actor, role) => {
                Command::SetRole { by: By::Participant(self.id(by)), participant: self.id(actor), role }
            }
            Op::Mute(asker, actor, source, hold) => {
                Command::Mute { by: self.by(asker), participant: self.id(actor), source, hold }
            }
            Op::MuteAll(asker, may_unmute) => Command::MuteAll { by: self.by(asker), may_unmute },
            Op::Release(asker, actor, source) => {
                Command::Release { by: self.by(asker), participant: self.id(actor), source }
            }
            Op::AskToSend(asker, actor, source) => {
                Command::AskToSend { by: self.by(asker), participant: self.id(actor), source }
            }
            Op::Remove(asker, actor, ban) => {
                Command::Remove { by: self.by(asker), participant: self.id(actor), ban }
            }
            Op::Lock(asker, locked) => Command::Lock { by: self.by(asker), locked },
            Op::Lobby(asker, on) => Command::SetLobby { by: self.by(asker), on },
            Op::Admit(asker, actor) => {
                Command::Admit { by: self.by(asker), participant: actor.map(|actor| self.id(actor)) }
            }
            Op::Deny(asker, actor) => Command::Deny { by: self.by(asker), participant: self.id(actor) },
            Op::SendBack(asker, actor) => {
                Command::SendBack { by: self.by(asker), participant: self.id(actor) }
            }
            Op::Share(asker, share) => {
                let rights = Rights { share, ..self.meeting.snapshot().rights };
                Command::SetRights { by: self.by(asker), rights }
            }
            Op::Hand(asker, actor, up) => {
                Command::Hand { by: self.by(asker), participant: self.id(actor), up }
            }
            Op::End(actor) => Command::End { by: By::Participant(self.id(actor)) },
            Op::Wait(_) | Op::TimeOut => return None,
        })
    }

    fn verify(&self) {
        let Self { meeting, told, .. } = self;
        let settings = meeting.settings();
        assert_eq!(Mirror { ended: meeting.is_over(), ..Mirror::of(meeting.snapshot()) }, *told);
        assert!(meeting.participants().len() <= settings.max_participants as usize);
        for participant in meeting.participants() {
            assert!(participant.role.may_publish() || participant.tracks.is_empty(), "{participant:?}");
            assert!(!participant.tracks.values().any(|state| *state == TrackState::Off));
            for source in &participant.held {
                assert_ne!(participant.track(*source), TrackState::On, "{participant:?}");
            }
            let has_deadline = meeting.away_until.contains_key(&participant.id);
            assert_eq!(has_deadline, participant.presence == Presence::Away, "{participant:?}");
            if settings.mode == Mode::Audio {
                assert!(participant.tracks.keys().all(|source| source.kind() == Kind::Audio));
            }
        }
        for actor in 1..7 {
            let is_it = |id: &ParticipantId| meeting.known.get(id) == Some(&format!("actor {actor}"));
            assert!(meeting.participants.keys().filter(|id| is_it(id)).count() <= 1, "nobody is there twice");
        }
        for poll in meeting.polls().chain(meeting.drafts()) {
            assert_eq!(poll.counts.iter().sum::<u32>(), poll.voters(), "one vote each: {poll:?}");
            assert!(poll.state != PollState::Open || !meeting.is_over());
            assert!(!poll.question.is_anonymous || poll.votes.values().all(|vote| vote.choices.is_empty()));
        }
        let guests = meeting.guests();
        assert!(guests.iter().all(|guest| meeting.participant(guest.id).is_none()), "outside or inside");
        let is_full = meeting.participants().len() == settings.max_participants as usize;
        assert!(guests.is_empty() || meeting.waits_for(guests[0].id, self.now).is_some());
        assert!(guests.is_empty() || meeting.has_lobby() || is_full || settings.waits_for_host, "let in");
        meeting.verify_succession();
        let is_occupied = matches!(meeting.life, Life::Occupied);
        assert_eq!(is_occupied, meeting.participants().len() > 0);
        assert!(meeting.away_until.keys().all(|id| meeting.participant(*id).is_some()));
    }

    /// Whoever had any of the snapshots and is given what it missed knows what everybody knows.
    fn verify_resume(&self) {
        for snapshot in &self.snapshots {
            let mut mirror = Mirror::of(snapshot.clone());
            mirror.ended = self.meeting.is_over() && snapshot.seq == self.told.seq;
            let missed = self.meeting.events_since(snapshot.seq).expect("few enough to be kept");
            missed.iter().for_each(|delta| mirror.apply(delta));
            assert_eq!(mirror, self.told);
        }
    }
}

proptest! {
    #[test]
    fn random_commands_keep_the_invariants(
        ops in prop::collection::vec(op(), 1..120),
        mode in prop::sample::select(vec![Mode::Video, Mode::Audio]),
        standing in any::<bool>(),
        has_lobby in any::<bool>(),
        waits_for_host in any::<bool>(),
    ) {
        let idle_timeout = Some(Duration::from_secs(30));
        let limits = Settings { max_participants: 4, idle_timeout, ..settings() };
        let mut world = World::new(Settings { mode, standing, has_lobby, waits_for_host, ..limits });
        for op in &ops {
            world.apply(op);
            world.verify();
        }
        world.verify_resume();
    }
}
