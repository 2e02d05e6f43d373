//! Participants as values: who somebody is, what it may do, what it publishes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::refusal::{Code, Refusal};
use crate::track::Source;

/// The longest display name, in characters.
pub const NAME_CHARS_MAX: usize = 64;

/// The longest `custom_info`, of a participant or a meeting, in bytes of JSON.
pub const CUSTOM_INFO_BYTES_MAX: usize = 4096;

/// Someone or something in a meeting. Given out by the appliance, unique in the process, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ParticipantId(pub u64);

impl fmt::Display for ParticipantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// What a participant may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Everything.
    Host,
    /// What the host may, but end the meeting and make or unmake hosts.
    Cohost,
    /// May send.
    Speaker,
    /// Only receives.
    Audience,
}

impl Role {
    /// Whether it may publish tracks.
    #[must_use]
    pub const fn may_publish(self) -> bool {
        !matches!(self, Self::Audience)
    }

    /// Whether it may mute, remove and admit others, and say who may do what.
    #[must_use]
    pub const fn may_moderate(self) -> bool {
        matches!(self, Self::Host | Self::Cohost)
    }

    /// Whether it may end the meeting for all.
    #[must_use]
    pub const fn may_end(self) -> bool {
        matches!(self, Self::Host)
    }

    /// Whether it may turn a participant from `before` into `after`.
    #[must_use]
    pub fn may_turn(self, before: Self, after: Self) -> bool {
        match self {
            Self::Host => true,
            Self::Cohost => before != Self::Host && after != Self::Host,
            Self::Speaker | Self::Audience => false,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Host => "host",
            Self::Cohost => "cohost",
            Self::Speaker => "speaker",
            Self::Audience => "audience",
        })
    }
}

/// What sort of participant it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParticipantKind {
    /// A person in a browser.
    Browser,
    /// The physical room with the appliance.
    Room,
    /// A meeting elsewhere, or a WHIP publisher or WHEP player.
    Bridge,
}

/// What a track is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TrackState {
    /// Sent.
    On,
    /// Published, and silent or dark.
    Muted,
    /// Not published.
    Off,
}

/// Whether a participant can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It is reached.
    Here,
    /// Its socket is cut; it may come back until [`Settings::away_timeout`](super::Settings) has passed.
    Away,
}

/// Why a participant is no longer there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LeaveReason {
    /// By its own wish.
    Left,
    /// Was away too long.
    Timeout,
    /// Removed by a host.
    Kicked,
    /// Removed by a host, for good.
    Banned,
    /// The meeting ended.
    Ended,
    /// The same identity joined from elsewhere.
    Replaced,
    /// No way through the network was found.
    TransportFailed,
    /// Speaks a version that the appliance does not.
    Version,
}

/// A participant, as every other one is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// Who.
    pub id: ParticipantId,
    /// The name to show, 1 to [`NAME_CHARS_MAX`] characters.
    pub name: String,
    /// What sort it is.
    pub kind: ParticipantKind,
    /// What it may do.
    pub role: Role,
    /// What it brought along: JSON text, at most [`CUSTOM_INFO_BYTES_MAX`].
    pub custom_info: Option<String>,
    /// Its published tracks; what is [`TrackState::Off`] is not in here.
    pub tracks: BTreeMap<Source, TrackState>,
    /// Sources that a host holds off: they cannot be switched on.
    pub held: BTreeSet<Source>,
    /// The number of its raised hand; the smallest was raised first.
    pub hand: Option<u64>,
    /// What is noted about it, as JSON text.
    pub attributes: BTreeMap<String, String>,
    /// Whether it can be reached.
    pub presence: Presence,
    /// The bridge that it is here through, if it is in a meeting elsewhere.
    pub via: Option<ParticipantId>,
}

impl Participant {
    /// Somebody without a name who has just come.
    pub(super) const fn new(id: ParticipantId, kind: ParticipantKind, role: Role) -> Self {
        Self {
            id,
            name: String::new(),
            kind,
            role,
            custom_info: None,
            tracks: BTreeMap::new(),
            held: BTreeSet::new(),
            hand: None,
            attributes: BTreeMap::new(),
            presence: Presence::Here,
            via: None,
        }
    }

    /// What its track of that source is.
    #[must_use]
    pub fn track(&self, source: Source) -> TrackState {
        self.tracks.get(&source).copied().unwrap_or(TrackState::Off)
    }

    pub(super) fn set_track(&mut self, source: Source, state: TrackState) {
        match state {
            TrackState::Off => self.tracks.remove(&source),
            TrackState::On | TrackState::Muted => self.tracks.insert(source, state),
        };
    }
}

pub(super) fn check_name(name: &str) -> Result<(), Refusal> {
    let detail = if name.trim().is_empty() {
        "the name to show is empty; give one of 1 to 64 characters".to_owned()
    } else if name.chars().count() > NAME_CHARS_MAX {
        format!("the name to show has more than {NAME_CHARS_MAX} characters; give a shorter one")
    } else if name.chars().any(is_invisible_control) {
        "the name to show has control characters; leave them out".to_owned()
    } else {
        return Ok(());
    };
    Err(Refusal::new(Code::InvalidParameter, detail))
}

/// Controls, and the marks that turn the direction of text: with them a name could pass for another.
fn is_invisible_control(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

pub(super) fn check_custom_info(custom_info: Option<&str>) -> Result<(), Refusal> {
    match custom_info {
        Some(text) if text.len() > CUSTOM_INFO_BYTES_MAX => Err(Refusal::new(
            Code::InvalidParameter,
            format!(
                "custom_info has {} bytes of JSON; at most {CUSTOM_INFO_BYTES_MAX} are allowed",
                text.len()
            ),
        )),
        _ => Ok(()),
    }
}
