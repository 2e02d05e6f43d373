//! Interaction: raised hands, reactions, chat to all, to the hosts and to one person, with its history.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use super::rights;
use super::words::{Audience, By, Event, Note};
use super::{Meeting, ParticipantId, Role, find};
use crate::refusal::{Code, Refusal};

/// The longest message, in characters.
pub const CHAT_CHARS_MAX: usize = 2000;

/// The most messages that are kept for those who come later; the oldest is dropped.
pub const CHAT_KEPT_MAX: usize = 1000;

/// The longest reaction, in bytes: one emoji, whatever it is composed of.
pub const REACTION_BYTES_MAX: usize = 32;

/// A chat message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage {
    /// 1 for the first of the meeting, then counting up; nobody sees every number.
    pub id: u64,
    /// Who wrote it.
    pub from: ParticipantId,
    /// The name that it had then.
    pub name: String,
    /// For whom.
    pub to: Audience,
    /// 1 to [`CHAT_CHARS_MAX`] characters.
    pub text: String,
    /// When it came in, since the Unix epoch.
    pub at: Duration,
}

/// The messages of a meeting, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Chat {
    messages: VecDeque<ChatMessage>,
    last_id: u64,
}

impl Chat {
    pub(super) fn restore(messages: Vec<ChatMessage>) -> Self {
        Self { last_id: messages.last().map_or(0, |last| last.id), messages: messages.into() }
    }

    fn push(&mut self, message: ChatMessage) {
        if self.messages.len() >= CHAT_KEPT_MAX {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }
}

/// How much each participant has said lately, and how much they may.
#[derive(Debug)]
pub(super) struct Pace {
    spent_until: BTreeMap<ParticipantId, Instant>,
    /// How many at once.
    burst: u32,
    /// How soon one more.
    one_more_after: Duration,
}

impl Pace {
    /// Of what people write: messages and reactions.
    pub(super) const fn of_people() -> Self {
        Self { spent_until: BTreeMap::new(), burst: 10, one_more_after: Duration::from_secs(1) }
    }

    /// Of what programs exchange.
    pub(super) const fn of_programs() -> Self {
        Self { spent_until: BTreeMap::new(), burst: 200, one_more_after: Duration::from_millis(20) }
    }

    /// Takes note of one more, if it is not too soon.
    pub(super) fn take(&mut self, id: ParticipantId, now: Instant) -> Result<(), Refusal> {
        let until = self.spent_until.get(&id).copied().unwrap_or(now).max(now) + self.one_more_after;
        if until > now + self.one_more_after * self.burst {
            return Err(Refusal::new(
                Code::TooManyRequests,
                "you send too much in too short a time; wait a few seconds",
            ));
        }
        self.spent_until.insert(id, until);
        Ok(())
    }

    pub(super) fn forget(&mut self, id: ParticipantId) {
        self.spent_until.remove(&id);
    }
}

impl Meeting {
    /// Somebody wants to say something, or no longer does; a host may take a hand down.
    pub(super) fn raise_hand(&mut self, by: By, id: ParticipantId, up: bool) -> Result<(), Refusal> {
        let is_own = by == By::Participant(id);
        if !is_own && (up || !self.authority(by)?.may_moderate()) {
            return Err(Refusal::new(
                Code::NotPermitted,
                "only the person may raise a hand, and only hosts take it down",
            ));
        }
        let participant = find(&mut self.participants, id)?;
        if participant.hand.is_some() == up {
            return Ok(());
        }
        participant.hand = up.then(|| {
            self.hands_raised += 1;
            self.hands_raised
        });
        self.history.push(Event::Hand { participant: id, hand: participant.hand });
        Ok(())
    }

    /// A hand goes down when its owner has spoken.
    pub(super) fn spoke(&mut self, id: ParticipantId) {
        let raised = self.participants.get_mut(&id).filter(|one| one.hand.is_some());
        if let Some(participant) = raised {
            participant.hand = None;
            self.history.push(Event::Hand { participant: id, hand: None });
        }
    }

    pub(super) fn react(&mut self, id: ParticipantId, emoji: String, now: Instant) -> Result<(), Refusal> {
        let role = find(&mut self.participants, id)?.role;
        rights::check(self.rights.chat, role, "send reactions")?;
        let is_plain = |c: char| c.is_control() || c.is_whitespace() || c.is_ascii_alphabetic();
        if emoji.is_empty() || emoji.len() > REACTION_BYTES_MAX || emoji.contains(is_plain) {
            return Err(Refusal::new(Code::InvalidParameter, "a reaction is one emoji; send one"));
        }
        self.pace.take(id, now)?;
        self.notes.push(Audience::All, Note::Reaction { participant: id, emoji });
        Ok(())
    }

    /// Takes a message and hands it to its audience, those who are away when they are back.
    pub(super) fn chat(
        &mut self,
        from: ParticipantId,
        to: Audience,
        text: String,
        at: Duration,
        now: Instant,
    ) -> Result<(), Refusal> {
        let sender = find(&mut self.participants, from)?;
        let (name, role) = (sender.name.clone(), sender.role);
        if to != Audience::Hosts {
            rights::check(self.rights.chat, role, "write to others than the hosts")?;
        }
        if let Audience::One(to) = to {
            find(&mut self.participants, to)?;
        }
        check_text(&text)?;
        self.pace.take(from, now)?;
        self.chat.last_id += 1;
        let message = ChatMessage { id: self.chat.last_id, from, name, to, text, at };
        self.chat.push(message.clone());
        self.notes.push(to, Note::Chat(message));
        Ok(())
    }

    /// The messages after that one which a participant may read, the oldest first.
    #[must_use]
    pub fn chat_for(&self, id: ParticipantId, after: u64) -> Vec<ChatMessage> {
        let Some(reader) = self.participants.get(&id) else { return Vec::new() };
        let is_for = |message: &&ChatMessage| message.id > after && self.is_for(message, id, reader.role);
        self.chat.messages.iter().filter(is_for).cloned().collect()
    }

    /// The last messages that were for everybody, at most `most`, the oldest first.
    #[must_use]
    pub fn last_for_all(&self, most: usize) -> Vec<ChatMessage> {
        let for_all = self.chat.messages.iter().rev().filter(|message| message.to == Audience::All);
        let mut last: Vec<_> = for_all.take(most).cloned().collect();
        last.reverse();
        last
    }

    /// Whether a participant may read it; whoever has come back may read what was theirs before.
    fn is_for(&self, message: &ChatMessage, id: ParticipantId, role: Role) -> bool {
        self.is_same_person(message.from, id)
            || match message.to {
                Audience::All => true,
                Audience::Hosts => role.may_moderate(),
                Audience::One(to) => self.is_same_person(to, id),
            }
    }
}

fn check_text(text: &str) -> Result<(), Refusal> {
    let detail = if text.trim().is_empty() {
        "the message is empty; write something".to_owned()
    } else if text.chars().count() > CHAT_CHARS_MAX {
        format!("the message has more than {CHAT_CHARS_MAX} characters; send it in parts")
    } else {
        return Ok(());
    };
    Err(Refusal::new(Code::InvalidParameter, detail))
}
