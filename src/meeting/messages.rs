//! Messages of other people's features: passed on as they are, to one or to all, and acknowledged by who got them.
//!
//! ```text
//!  sender                 meeting                    receivers
//!    Message{number,..} ──▶ │ ── Message{from,number,..} ──▶ │
//!    done (passed on)   ◀── │                                │
//!    Acknowledged{by}   ◀── │ ◀── Acknowledge{from,number} ──┘
//! ```

use std::time::Instant;

use super::words::{Audience, Note};
use super::{Meeting, ParticipantId, Presence, find};
use crate::refusal::{Code, Refusal};

/// The longest topic, in bytes.
pub const TOPIC_BYTES_MAX: usize = 64;

/// The longest message, in bytes of JSON.
pub const MESSAGE_BYTES_MAX: usize = 8192;

/// A message between features.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Who sent it.
    pub from: ParticipantId,
    /// Chosen by the sender, and told by who acknowledges.
    pub number: u32,
    /// Whose feature it is for: 1 to [`TOPIC_BYTES_MAX`] bytes.
    pub topic: String,
    /// JSON text, at most [`MESSAGE_BYTES_MAX`].
    pub data: String,
}

impl Meeting {
    /// Passes a message on to those who are here.
    pub(super) fn message(&mut self, to: Audience, message: Message, now: Instant) -> Result<(), Refusal> {
        let from = message.from;
        find(&mut self.participants, from)?;
        if !(1..=TOPIC_BYTES_MAX).contains(&message.topic.len()) {
            let detail = format!("a topic has 1 to {TOPIC_BYTES_MAX} bytes; choose another");
            return Err(Refusal::new(Code::InvalidParameter, detail));
        }
        if message.data.len() > MESSAGE_BYTES_MAX {
            let detail = format!("a message has at most {MESSAGE_BYTES_MAX} bytes of JSON; send it in parts");
            return Err(Refusal::new(Code::InvalidParameter, detail));
        }
        if let Audience::One(to) = to
            && find(&mut self.participants, to)?.presence == Presence::Away
        {
            return Err(Refusal::new(Code::PeerLost, "this participant is away; try again when it is back"));
        }
        self.message_pace.take(from, now)?;
        self.notes.push(to, Note::Message(message));
        Ok(())
    }

    /// Tells a sender that its message has arrived.
    pub(super) fn acknowledge(
        &mut self,
        by: ParticipantId,
        from: ParticipantId,
        number: u32,
        now: Instant,
    ) -> Result<(), Refusal> {
        find(&mut self.participants, by)?;
        find(&mut self.participants, from)?;
        self.message_pace.take(by, now)?;
        self.notes.push(Audience::One(from), Note::Acknowledged { by, number });
        Ok(())
    }
}
