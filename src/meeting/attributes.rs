//! Attributes: what other people's features note about a participant, or about the meeting, for all to see.

use std::collections::BTreeMap;

use super::words::{By, Event};
use super::{Meeting, ParticipantId, find};
use crate::refusal::{Code, Refusal};

/// The most attributes of one participant, and of the meeting.
pub const ATTRIBUTES_MAX: usize = 32;

/// The longest name of an attribute, in bytes.
pub const ATTRIBUTE_KEY_BYTES_MAX: usize = 64;

/// The longest value, in bytes of JSON.
pub const ATTRIBUTE_BYTES_MAX: usize = 1024;

impl Meeting {
    /// Notes something about somebody: about oneself, or as a host about anybody. `None` takes it away.
    pub(super) fn set_attribute(
        &mut self,
        by: By,
        id: ParticipantId,
        key: String,
        value: Option<String>,
    ) -> Result<(), Refusal> {
        if by != By::Participant(id) {
            self.authority_over(by, id, "change what is noted about this participant")?;
        }
        let participant = find(&mut self.participants, id)?;
        if set(&mut participant.attributes, &key, value.as_ref())? {
            self.history.push(Event::Attribute { participant: Some(id), key, value });
        }
        Ok(())
    }

    /// Notes something about the meeting; hosts do.
    pub(super) fn set_meeting_attribute(
        &mut self,
        by: By,
        key: String,
        value: Option<String>,
    ) -> Result<(), Refusal> {
        self.moderator(by, "change what is noted about the meeting")?;
        if set(&mut self.attributes, &key, value.as_ref())? {
            self.history.push(Event::Attribute { participant: None, key, value });
        }
        Ok(())
    }
}

/// Returns whether anything is different now.
fn set(
    attributes: &mut BTreeMap<String, String>,
    key: &str,
    value: Option<&String>,
) -> Result<bool, Refusal> {
    let is_key = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b':');
    let wrong = if !(1..=ATTRIBUTE_KEY_BYTES_MAX).contains(&key.len()) || !key.bytes().all(is_key) {
        format!("an attribute's name has 1 to {ATTRIBUTE_KEY_BYTES_MAX} characters of a-z, A-Z, 0-9 and -_.:")
    } else if value.is_some_and(|value| value.len() > ATTRIBUTE_BYTES_MAX) {
        format!("an attribute has at most {ATTRIBUTE_BYTES_MAX} bytes of JSON; note less")
    } else if value.is_some() && attributes.len() >= ATTRIBUTES_MAX && !attributes.contains_key(key) {
        format!("{ATTRIBUTES_MAX} attributes are noted already; take one away first")
    } else {
        let before = match value {
            Some(value) => attributes.insert(key.to_owned(), value.clone()),
            None => attributes.remove(key),
        };
        return Ok(before.as_ref() != value);
    };
    Err(Refusal::new(Code::InvalidParameter, wrong))
}
