//! What can be asked of a meeting, and what happens in it.

use super::{LeaveReason, Participant, ParticipantId, ParticipantKind, Presence, Role, TrackState};
use crate::track::Source;

/// Who wants to join; what its token allows was checked before.
#[derive(Debug, Clone)]
pub struct Join {
    /// Who; never used before.
    pub participant: ParticipantId,
    /// The name to show, 1 to [`NAME_CHARS_MAX`](super::NAME_CHARS_MAX) characters.
    pub name: String,
    /// What sort it is.
    pub kind: ParticipantKind,
    /// What its token lets it do.
    pub role: Role,
    /// The password, as given.
    pub password: Option<String>,
    /// Shown to every other participant: JSON text, at most [`CUSTOM_INFO_BYTES_MAX`](super::CUSTOM_INFO_BYTES_MAX).
    pub custom_info: Option<String>,
}

/// What can be asked of a meeting.
#[derive(Debug, Clone)]
pub enum Command {
    /// Somebody comes in.
    Join(Join),
    /// The socket of a participant is gone; it may come back.
    Cut {
        /// Whose.
        participant: ParticipantId,
    },
    /// The participant is back.
    Return {
        /// Who.
        participant: ParticipantId,
    },
    /// A track begins, is muted, or ends.
    SetTrack {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// What it shall be.
        state: TrackState,
    },
    /// A participant goes, or is made to.
    Leave {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// A participant may do more, or less, from now on.
    SetRole {
        /// Who asks for it.
        by: ParticipantId,
        /// Whose role.
        participant: ParticipantId,
        /// The new one.
        role: Role,
    },
    /// The meeting ends for all.
    End {
        /// Who asks for it; `None` is the administrator.
        by: Option<ParticipantId>,
    },
}

/// What has happened in a meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Somebody came.
    Joined {
        /// Who.
        participant: Participant,
    },
    /// Somebody is no longer there.
    Left {
        /// Who.
        participant: ParticipantId,
        /// Why.
        reason: LeaveReason,
    },
    /// A participant's socket was cut, or is back.
    Presence {
        /// Who.
        participant: ParticipantId,
        /// What it is from now on.
        presence: Presence,
    },
    /// A track began, was muted, or ended.
    Track {
        /// Whose.
        participant: ParticipantId,
        /// Which.
        source: Source,
        /// What it is from now on.
        state: TrackState,
    },
    /// The role of a participant changed.
    Role {
        /// Whose.
        participant: ParticipantId,
        /// From now on.
        role: Role,
    },
    /// The meeting is over for everybody who is in it; the last event of all.
    Ended,
}

/// The state of a meeting after the event numbered `seq`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// The number of the last event that it contains, 0 before the first.
    pub seq: u64,
    /// Everybody, in the order of their ids.
    pub participants: Vec<Participant>,
}
