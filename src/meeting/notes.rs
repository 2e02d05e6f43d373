//! What is told once, to whom it concerns, and has no number: reactions, requests, messages.

use std::collections::VecDeque;

use super::words::{Audience, Note};
use super::{Meeting, ParticipantId};

/// The notes that were not polled yet. What is said in one command is polled after it, so that it stays short.
#[derive(Debug, Default)]
pub(super) struct Notes {
    waiting: VecDeque<(Audience, Note)>,
}

impl Notes {
    pub(super) fn push(&mut self, to: Audience, note: Note) {
        self.waiting.push_back((to, note));
    }
}

impl Meeting {
    /// The next note, and who is to be told.
    pub fn poll_note(&mut self) -> Option<(Vec<ParticipantId>, Note)> {
        let (to, note) = self.notes.waiting.pop_front()?;
        let sender = match &note {
            Note::Chat(message) => Some(message.from),
            _ => None,
        };
        let is_meant = |id: ParticipantId, may_moderate: bool| match to {
            Audience::All => true,
            Audience::Hosts => may_moderate,
            Audience::One(one) => one == id,
        };
        let meant = self
            .participants
            .values()
            .filter(|one| Some(one.id) == sender || is_meant(one.id, one.role.may_moderate()));
        Some((meant.map(|one| one.id).collect(), note))
    }
}
