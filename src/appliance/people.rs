//! What people do with each other, between the wire and the meeting: order, hands, reactions, chat.

use std::time::{Duration, Instant};

use crate::appliance::handle::MemberId;
use crate::appliance::keeping::{self, TimeOfDay};
use crate::appliance::run::{Appliance, Member};
use crate::appliance::words;
use crate::meeting::{Audience, By, ChatMessage, Command, Message, Note, ParticipantId, PollId};
use crate::refusal::{Code, Refusal};
use crate::web::wire::{self, Ask, Frame, Tell};

impl Appliance {
    /// Has the meeting do what a member asks of it.
    pub(super) fn ask_meeting(&mut self, id: MemberId, ask: Ask) -> Result<(), Refusal> {
        let by = By::Participant(Member::participant(id));
        let meeting = self.members.get(&id).ok_or_else(super::members::gone)?.meeting.clone();
        let command = self.command_of_word(by, ask)?;
        self.command(&meeting, command)
    }

    /// Has a meeting do what the administrator asks of it.
    pub(super) fn ask_as_administrator(&mut self, meeting: &str, ask: Ask) -> Result<(), Refusal> {
        let command = self.command_of_word(By::Administrator, ask)?;
        self.command(meeting, command)
    }

    fn command_of_word(&self, by: By, ask: Ask) -> Result<Command, Refusal> {
        command(by, ask, (self.clock.unix_time(), self.time_of_day))
    }

    /// Tells those whom a note of a meeting concerns.
    pub(super) fn tell_notes(&mut self) {
        while let Some((name, to, note)) = self.next_note() {
            match &note {
                Note::Chat(message) => {
                    self.keep_message(&name, message);
                    self.scene_follows(&name);
                }
                Note::Drafts => self.keep_polls(&name),
                _ => {}
            }
            let tell = self.note_word(&name, note);
            for participant in to {
                self.tell(MemberId(participant.0), Frame::Told { tell: tell.clone() });
            }
        }
    }

    fn next_note(&mut self) -> Option<(String, Vec<ParticipantId>, Note)> {
        self.meetings
            .iter_mut()
            .find_map(|core| core.poll_note().map(|(to, note)| (core.name().to_string(), to, note)))
    }

    fn note_word(&self, meeting: &str, note: Note) -> Tell {
        match note {
            Note::AskedToSend { by, source } => {
                Tell::AskedToSend { by: by.map(words::id_word), source: words::source_word(source) }
            }
            Note::Reaction { participant, emoji } => {
                Tell::Reaction { participant: words::id_word(participant), emoji }
            }
            Note::Waiting { guests } => super::lobby::guests_word(&guests),
            Note::Chat(message) => Tell::Chat { messages: vec![message_word(&message)] },
            Note::Message(message) => Tell::Message {
                from: words::id_word(message.from),
                number: message.number,
                topic: message.topic,
                data: words::json_of_text(Some(&message.data)).unwrap_or_default(),
            },
            Note::Acknowledged { by, number } => Tell::Acknowledged { by: words::id_word(by), number },
            Note::Drafts => self.drafts_word(meeting),
        }
    }

    /// The chat after a message as far as a member may read it, if there is any.
    pub(super) fn chat_word(&self, id: MemberId, after: u64) -> Option<Tell> {
        let core = self.meetings.get(&self.members.get(&id)?.meeting).ok()?;
        let messages = core.chat_for(Member::participant(id), after);
        let messages: Vec<_> = messages.iter().map(message_word).collect();
        (!messages.is_empty()).then_some(Tell::Chat { messages })
    }

    fn drafts_word(&self, meeting: &str) -> Tell {
        let core = self.meetings.find(meeting);
        Tell::Drafts {
            polls: core.into_iter().flat_map(|core| core.drafts()).map(words::draft_word).collect(),
        }
    }

    pub(super) fn unix_ms(&self, at: Instant) -> u64 {
        self.wall.unix(at).as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// What a newcomer, or somebody who is back, has voted, and what hosts have prepared.
    pub(super) fn tell_polls(&mut self, id: MemberId) {
        let Some(meeting) = self.members.get(&id).map(|member| member.meeting.clone()) else { return };
        let Ok(core) = self.meetings.get(&meeting) else { return };
        let who = Member::participant(id);
        let is_host = core.participant(who).is_some_and(|one| one.role.may_moderate());
        let has_drafts = is_host && core.drafts().next().is_some();
        for (poll, choices) in core.votes_of(who) {
            let tell = Tell::Vote { poll: poll.0, choices: choices.into_iter().collect() };
            self.tell(id, Frame::Told { tell });
        }
        if has_drafts {
            let tell = self.drafts_word(&meeting);
            self.tell(id, Frame::Told { tell });
        }
    }

    /// Whoever has begun to speak has got what their hand was raised for.
    pub(super) fn has_spoken(&mut self, meeting: &str, participant: ParticipantId) {
        if let Err(refusal) = self.command(meeting, Command::Spoke { participant }) {
            log::debug!(meeting = meeting; "nobody's hand goes down: {refusal}");
        }
    }
}

fn message_word(message: &ChatMessage) -> wire::ChatMessage {
    wire::ChatMessage {
        id: message.id,
        from: words::id_word(message.from),
        name: message.name.clone(),
        to: words::audience_word(message.to),
        text: message.text.clone(),
        at_ms: u64::try_from(message.at.as_millis()).unwrap_or(u64::MAX),
    }
}

/// Who asks, as somebody in the meeting.
fn participant(by: By) -> Result<ParticipantId, Refusal> {
    match by {
        By::Participant(me) => Ok(me),
        By::Administrator => Err(Refusal::new(
            Code::InvalidParameter,
            "only somebody in the meeting can do that for themselves; say for whom, or join",
        )),
    }
}

/// What a word asks of the meeting. Of the two times the first is now, and the other one tells when others are.
pub(super) fn command(by: By, ask: Ask, (unix, time): (Duration, TimeOfDay)) -> Result<Command, Refusal> {
    let me = || participant(by);
    Ok(match ask {
        Ask::Hand { participant, up } => {
            let participant = participant.as_deref().map_or_else(me, whom)?;
            Command::Hand { by, participant, up }
        }
        Ask::React { emoji } => Command::React { participant: me()?, emoji },
        Ask::Chat { to, text } => Command::Chat { participant: me()?, to: audience(&to)?, text, at: unix },
        Ask::Rename { participant, name } => Command::Rename { by, participant: whom(&participant)?, name },
        Ask::Mute { participant, source, hold } => {
            let (participant, source) = (whom(&participant)?, words::source_of_word(source));
            Command::Mute { by, participant, source, hold }
        }
        Ask::MuteAll { may_unmute } => Command::MuteAll { by, may_unmute },
        Ask::Release { participant, source } => {
            let (participant, source) = (whom(&participant)?, words::source_of_word(source));
            Command::Release { by, participant, source }
        }
        Ask::AskToSend { participant, source } => {
            let (participant, source) = (whom(&participant)?, words::source_of_word(source));
            Command::AskToSend { by, participant, source }
        }
        Ask::Role { participant, role } => {
            Command::SetRole { by, participant: whom(&participant)?, role: words::role_of_word(role) }
        }
        Ask::Remove { participant, ban } => Command::Remove { by, participant: whom(&participant)?, ban },
        Ask::Lock { locked } => Command::Lock { by, locked },
        Ask::Lobby { on } => Command::SetLobby { by, on },
        Ask::Admit { participant } => {
            Command::Admit { by, participant: participant.as_deref().map(whom).transpose()? }
        }
        Ask::Deny { participant } => Command::Deny { by, participant: whom(&participant)? },
        Ask::SendBack { participant } => Command::SendBack { by, participant: whom(&participant)? },
        Ask::Rights { rights } => Command::SetRights { by, rights: words::rights_of_word(rights) },
        Ask::Message { to, number, topic, data } => {
            let message = Message { from: me()?, number, topic, data: data.to_string() };
            Command::Message { to: audience(&to)?, message }
        }
        Ask::Acknowledge { from, number } => Command::Acknowledge { by: me()?, from: whom(&from)?, number },
        Ask::Attribute { participant, key, value } => {
            let participant = participant.as_deref().map_or_else(me, whom)?;
            Command::SetAttribute { by, participant, key, value: words::text_of_json(value.as_ref()) }
        }
        Ask::MeetingAttribute { key, value } => {
            Command::SetMeetingAttribute { by, key, value: words::text_of_json(value.as_ref()) }
        }
        Ask::Reschedule { schedule } => {
            Command::Reschedule { by, schedule: time.schedule(keeping::times_of_word(schedule)) }
        }
        Ask::DraftPoll { poll, question } => {
            let question = words::question_of_word(question);
            Command::DraftPoll { by, poll: poll.map(PollId), question }
        }
        Ask::DiscardPoll { poll } => Command::DiscardPoll { by, poll: PollId(poll) },
        Ask::OpenPoll { poll } => Command::OpenPoll { by, poll: PollId(poll) },
        Ask::ClosePoll { poll } => Command::ClosePoll { by, poll: PollId(poll) },
        Ask::Vote { poll, choices } => {
            let (poll, choices) = (PollId(poll), choices.into_iter().collect());
            Command::Vote { participant: me()?, poll, choices }
        }
        Ask::End {} => Command::End { by },
        Ask::Track { source, state } => Command::SetTrack {
            participant: me()?,
            source: words::source_of_word(source),
            state: words::state_of_word(state),
        },
        Ask::Hello(_)
        | Ask::Offer { .. }
        | Ask::Candidate { .. }
        | Ask::Watch { .. }
        | Ask::Behind(_)
        | Ask::Carry { .. }
        | Ask::Clock {}
        | Ask::Levels { .. }
        | Ask::Invitation {}
        | Ask::Delays {}
        | Ask::Leave {}
        | Ask::StepOut {} => {
            return Err(Refusal::new(
                Code::InvalidParameter,
                "this is said by a participant's own socket alone",
            ));
        }
    })
}

fn audience(word: &wire::Audience) -> Result<Audience, Refusal> {
    Ok(match word {
        wire::Audience::All => Audience::All,
        wire::Audience::Hosts => Audience::Hosts,
        wire::Audience::One(id) => Audience::One(whom(id)?),
    })
}

fn whom(word: &str) -> Result<ParticipantId, Refusal> {
    words::id_of_word(word).ok_or_else(|| {
        Refusal::new(
            Code::InvalidParameter,
            "this is no participant's id; take one of the snapshot or the deltas",
        )
    })
}
