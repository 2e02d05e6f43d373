//! What outlives the process: a meeting is taken down, and goes on as if nothing had been.

use std::collections::BTreeMap;
use std::time::Instant;

use super::admission::Lobby;
use super::ballot::{Ballot, Poll};
use super::chat::{Chat, ChatMessage};
use super::rights::Rights;
use super::{Life, Meeting, ParticipantId, Settings};

/// What hosts and people have made of a meeting, besides what it was created with. Who is in it is not kept: they come
/// back by themselves.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// The small things, which are written anew when one of them changes.
    pub state: State,
    /// The messages, the oldest first.
    pub chat: Vec<ChatMessage>,
    /// The polls, drafts among them, in the order of their numbers.
    pub polls: Vec<Poll>,
    /// Those who were in it and told by what they are known again.
    pub known: BTreeMap<ParticipantId, String>,
}

/// What hosts have decided.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    /// Somebody was in it already.
    pub was_occupied: bool,
    /// Who may do what.
    pub rights: Rights,
    /// Nobody comes in but hosts.
    pub locked: bool,
    /// Newcomers wait until a host lets them in.
    pub lobby: bool,
    /// By what those are known who do not come in again, the oldest first.
    pub banned: Vec<String>,
    /// What others' features have noted.
    pub attributes: BTreeMap<String, String>,
}

impl Meeting {
    /// A meeting that was there before, with nobody in it yet.
    #[must_use]
    pub fn restore(settings: Settings, kept: Kept, now: Instant) -> Self {
        let Kept { state, chat, polls, known } = kept;
        let State { was_occupied, rights, locked, lobby, banned, attributes } = state;
        Self {
            life: Life::Empty { since: now, is_new: !was_occupied },
            lobby: Lobby::new(lobby),
            rights,
            locked,
            banned: banned.into(),
            chat: Chat::restore(chat),
            ballot: Ballot::restore(polls),
            known,
            attributes,
            ..Self::new(settings, now)
        }
    }

    /// What is to be kept of it, but for what grows with every word: the chat and the polls.
    #[must_use]
    pub fn state(&self) -> State {
        State {
            was_occupied: !matches!(self.life, Life::Empty { is_new: true, .. }),
            rights: self.rights,
            locked: self.locked,
            lobby: self.has_lobby(),
            banned: self.banned.iter().cloned().collect(),
            attributes: self.attributes.clone(),
        }
    }
}
