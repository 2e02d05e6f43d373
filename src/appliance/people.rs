//! What people do with each other, between the wire and the meeting: order, hands, reactions, chat.

use std::time::Instant;

use crate::appliance::handle::MemberId;
use crate::appliance::run::{Appliance, Member};
use crate::appliance::words;
use crate::meeting::{Audience, By, ChatMessage, Command, Note, ParticipantId};
use crate::refusal::{Code, Refusal};
use crate::web::wire::{self, Ask, Frame, Tell};

impl Appliance {
    /// Has the meeting do what a member asks of it.
    pub(super) fn ask_meeting(&mut self, id: MemberId, ask: Ask) -> Result<(), Refusal> {
        let me = Member::participant(id);
        let meeting = self.members.get(&id).ok_or_else(super::members::gone)?.meeting.clone();
        self.command(&meeting, command(me, ask)?)
    }

    /// Tells those whom a note of a meeting concerns.
    pub(super) fn tell_notes(&mut self) {
        while let Some((to, note)) = self.next_note() {
            let tell = self.note_word(note);
            for participant in to {
                self.tell(MemberId(participant.0), Frame::Told { tell: tell.clone() });
            }
        }
    }

    fn next_note(&mut self) -> Option<(Vec<ParticipantId>, Note)> {
        self.meetings.iter_mut().find_map(crate::meeting::Meeting::poll_note)
    }

    fn note_word(&self, note: Note) -> Tell {
        match note {
            Note::AskedToSend { by, source } => {
                Tell::AskedToSend { by: by.map(words::id_word), source: words::source_word(source) }
            }
            Note::Reaction { participant, emoji } => {
                Tell::Reaction { participant: words::id_word(participant), emoji }
            }
            Note::Waiting { guests } => super::lobby::guests_word(&guests),
            Note::Chat(message) => Tell::Chat { messages: vec![self.message_word(&message)] },
        }
    }

    /// The chat after a message as far as a member may read it, if there is any.
    pub(super) fn chat_word(&self, id: MemberId, after: u64) -> Option<Tell> {
        let core = self.meetings.get(&self.members.get(&id)?.meeting).ok()?;
        let messages = core.chat_for(Member::participant(id), after);
        let messages: Vec<_> = messages.iter().map(|message| self.message_word(message)).collect();
        (!messages.is_empty()).then_some(Tell::Chat { messages })
    }

    fn message_word(&self, message: &ChatMessage) -> wire::ChatMessage {
        wire::ChatMessage {
            id: message.id,
            from: words::id_word(message.from),
            name: message.name.clone(),
            to: words::audience_word(message.to),
            text: message.text.clone(),
            at_ms: self.unix_ms(message.at),
        }
    }

    pub(super) fn unix_ms(&self, at: Instant) -> u64 {
        self.wall.unix(at).as_millis().try_into().unwrap_or(u64::MAX)
    }

    /// Whoever has begun to speak has got what their hand was raised for.
    pub(super) fn has_spoken(&mut self, meeting: &str, participant: ParticipantId) {
        if let Err(refusal) = self.command(meeting, Command::Spoke { participant }) {
            log::debug!(meeting = meeting; "nobody's hand goes down: {refusal}");
        }
    }
}

/// What a word asks of the meeting.
pub(super) fn command(me: ParticipantId, ask: Ask) -> Result<Command, Refusal> {
    let by = By::Participant(me);
    Ok(match ask {
        Ask::Hand { participant, up } => {
            let participant = participant.as_deref().map_or(Ok(me), whom)?;
            Command::Hand { by, participant, up }
        }
        Ask::React { emoji } => Command::React { participant: me, emoji },
        Ask::Chat { to, text } => Command::Chat { participant: me, to: audience(&to)?, text },
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
        Ask::Track { source, state } => Command::SetTrack {
            participant: me,
            source: words::source_of_word(source),
            state: words::state_of_word(state),
        },
        Ask::Hello(_)
        | Ask::Offer { .. }
        | Ask::Candidate { .. }
        | Ask::Watch { .. }
        | Ask::Clock {}
        | Ask::Delays {}
        | Ask::Leave {}
        | Ask::End {} => {
            return Err(Refusal::new(Code::InvalidParameter, "hello was said already"));
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
