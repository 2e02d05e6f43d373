//! What a meeting is created with: its name, its mode, its password and its limits.

use std::borrow::Borrow;
use std::fmt;
use std::time::Duration;

use aws_lc_rs::{constant_time, digest};

use super::participant::check_custom_info;
use super::same::SamePerson;
use super::schedule::Schedule;
use crate::refusal::{Code, Refusal};

/// The longest name of a meeting, in characters.
pub const MEETING_NAME_CHARS_MAX: usize = 64;

/// The longest password, in bytes.
pub const PASSWORD_BYTES_MAX: usize = 256;

/// The most participants that any meeting can be created for.
pub const PARTICIPANTS_MAX: u32 = 500;

/// How long a participant whose socket was cut may be away.
pub const AWAY_TIMEOUT: Duration = Duration::from_secs(15);

/// How long whoever has closed the page may take to come back: a page that is loaded anew is not a leave.
pub const RETURN_WITHIN: Duration = Duration::from_secs(10);

/// How long a meeting may stand empty before it ends.
pub const IDLE_TIMEOUT: Duration = Duration::from_mins(5);

/// Sound and pictures, or sound alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Sound and pictures.
    Video,
    /// Sound alone.
    Audio,
}

/// The name of a meeting: 1 to 64 characters of `a-z 0-9 - _ .`, so that it can stand in an address.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MeetingName(String);

impl MeetingName {
    /// Checks and takes a name.
    ///
    /// # Errors
    /// `invalid-parameter`.
    pub fn new(name: impl Into<String>) -> Result<Self, Refusal> {
        let name = name.into();
        // Browsers take these two out of addresses, so that a meeting of that name could not be reached.
        let is_path_step = name == "." || name == "..";
        let is_sized = (1..=MEETING_NAME_CHARS_MAX).contains(&name.len());
        let is_plain = name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'));
        if is_sized && is_plain && !is_path_step {
            return Ok(Self(name));
        }
        Err(Refusal::new(
            Code::InvalidParameter,
            format!(
                "a meeting's name has 1 to {MEETING_NAME_CHARS_MAX} characters of a-z, 0-9, '-', '_' and '.', \
                 and is not '.' or '..'; choose such a name"
            ),
        ))
    }

    /// The nearest name to a text for people: "Board Room 2" becomes `board-room-2`; `room` where nothing
    /// of it can be kept.
    #[must_use]
    pub fn nearest(text: &str) -> Self {
        let mut name = String::new();
        for c in text.chars().flat_map(char::to_lowercase) {
            match c {
                'a'..='z' | '0'..='9' => name.push(c),
                _ if name.is_empty() || name.ends_with('-') => {}
                _ => name.push('-'),
            }
        }
        name.truncate(MEETING_NAME_CHARS_MAX);
        let name = name.trim_end_matches('-');
        Self(if name.is_empty() { "room" } else { name }.to_owned())
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for MeetingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Borrow<str> for MeetingName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

/// A meeting's password. Only its hash is kept, together with the meeting's name, so that the same password hashes
/// otherwise elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    sha256: [u8; 32],
}

impl Password {
    /// Takes a password of 1 to [`PASSWORD_BYTES_MAX`] bytes.
    ///
    /// # Errors
    /// `invalid-parameter`.
    pub fn new(meeting: &MeetingName, password: &str) -> Result<Self, Refusal> {
        if password.is_empty() || password.len() > PASSWORD_BYTES_MAX {
            return Err(Refusal::new(
                Code::InvalidParameter,
                format!("a meeting's password has 1 to {PASSWORD_BYTES_MAX} bytes; choose another or none"),
            ));
        }
        Ok(Self { sha256: sha256(meeting, password) })
    }

    /// What can be kept of it.
    #[must_use]
    pub const fn hash(&self) -> [u8; 32] {
        self.sha256
    }

    /// A password of which this was kept.
    #[must_use]
    pub const fn of_hash(sha256: [u8; 32]) -> Self {
        Self { sha256 }
    }

    /// Whether `given` is the password of that meeting. Takes as long for a wrong one as for the right one: hashes of one
    /// length are compared, all of it.
    #[must_use]
    pub fn is(&self, meeting: &MeetingName, given: &str) -> bool {
        given.len() <= PASSWORD_BYTES_MAX
            && constant_time::verify_slices_are_equal(&self.sha256, &sha256(meeting, given)).is_ok()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

fn sha256(meeting: &MeetingName, password: &str) -> [u8; 32] {
    let text = format!("{meeting}\0{password}");
    let mut hash = [0; 32];
    hash.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
    hash
}

/// What a meeting is created with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Unique among the living meetings.
    pub name: MeetingName,
    /// Sound and pictures, or sound alone.
    pub mode: Mode,
    /// Asked of every joiner but the appliance's own room.
    pub password: Option<Password>,
    /// Given to every joiner: JSON text, at most 4096 bytes.
    pub custom_info: Option<String>,
    /// The most participants, the room and those away among them: 1 to [`PARTICIPANTS_MAX`].
    pub max_participants: u32,
    /// Whether newcomers wait until a host lets them in; hosts change it while it goes on.
    pub has_lobby: bool,
    /// Whether nobody comes in before a host does.
    pub waits_for_host: bool,
    /// What becomes of somebody who is in it and joins again.
    pub same_person: SamePerson,
    /// When it is.
    pub schedule: Schedule,
    /// The room's standing meeting: it is there before anybody comes, and over when the last has gone.
    pub standing: bool,
    /// How long a participant whose socket was cut may be away; usually [`AWAY_TIMEOUT`].
    pub away_timeout: Duration,
    /// How long it may stand empty, from its creation on, before it ends; usually [`IDLE_TIMEOUT`].
    /// `None`: for ever.
    pub idle_timeout: Option<Duration>,
}

impl Settings {
    /// A video meeting with the usual limits, open to everybody with a token.
    #[must_use]
    pub const fn new(name: MeetingName) -> Self {
        Self {
            name,
            mode: Mode::Video,
            password: None,
            custom_info: None,
            max_participants: 50,
            has_lobby: false,
            waits_for_host: false,
            same_person: SamePerson::Replaces,
            schedule: Schedule { not_before: None, starts_at: None, ends_at: None },
            standing: false,
            away_timeout: AWAY_TIMEOUT,
            idle_timeout: Some(IDLE_TIMEOUT),
        }
    }

    /// Whether the values are in their ranges.
    ///
    /// # Errors
    /// `invalid-parameter`.
    pub fn check(&self) -> Result<(), Refusal> {
        check_custom_info(self.custom_info.as_deref())?;
        if (1..=PARTICIPANTS_MAX).contains(&self.max_participants) {
            return Ok(());
        }
        Err(Refusal::new(
            Code::InvalidParameter,
            format!(
                "max_participants is {}; give a number from 1 to {PARTICIPANTS_MAX}",
                self.max_participants
            ),
        ))
    }
}
